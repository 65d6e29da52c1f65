"""Training reviews whose label is probably wrong: those that the others contradict most surely.

What a network says of its own training reviews is worth little, as it may know them by heart. So the reviews are cut
into folds, and each is judged by a network that was trained on the other folds, naive-Bayes start included; reviews
with the same text are in one fold. The label that such an out-of-fold probability contradicts most surely comes first:
confident learning (Northcutt, Jiang & Chuang, 2021), whose count of wrong labels is told, too.

A suspect is a review that the others do not explain. Its label may be wrong; it may also be ironic, mixed, about
another thing, or rightly labelled and rare. A mistake made throughout, which the folds share, is not seen.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentibp.config.load import Resolved, load_config
from sentibp.config.schema import Config
from sentibp.data import corpus as data_corpus
from sentibp.data import dataset, vocabulary_build
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data.corpus import Corpus
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.errors import DataError
from sentibp.inspection.explain import Contribution, explain
from sentibp.model import initial
from sentibp.model.calibration import fit_temperature
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS, answer, answer_of_logit, probability, score_of
from sentibp.nn.layers import Array
from sentibp.runs import directory, find
from sentibp.training import prepare
from sentibp.training.events import Epoch, Note
from sentibp.training.loop import fit, initial_state
from sentibp.utils.rng import random_stream

_BLOCK = 4096  # reviews written at once


class LabelIssue(NamedTuple):
    """A review whose label is contradicted."""

    row: int  # its place among the reviews as they were read, from 1
    label: str
    said: str  # what the network of the other folds says
    positive: float  # its probability of positive
    logit: float
    bias: float  # the logit of an empty review; with the contributions of the parts it is the logit
    parts: list[Contribution]
    text: str


class LabelAudit(NamedTuple):
    """What was found; out-of-fold probabilities are calibrated on the labels as they are."""

    corpus: Corpus
    positive: Array  # (n,) the out-of-fold probability of positive
    order: Array  # (n,) the reviews, the likeliest mistakes first
    suspects: list[LabelIssue]  # the first of them
    confident: Array  # (n,) bool: whether the other label is as likely as reviews with that label usually find it
    folds: int
    accuracy: float  # the share of labels that the networks of the other folds agree with
    commoner: float  # the share of the commoner label: what a guess would get

    @property
    def is_guess(self) -> bool:
        """Whether the networks may know no better than to say the commoner label always, by two standard errors."""
        return self.accuracy <= self.commoner + 2 * math.sqrt(self.commoner * (1 - self.commoner) / len(self.corpus))


class AuditTarget(NamedTuple):
    """Whose training data is looked at."""

    resolved: Resolved
    name: str  # of the config, as `sentibp train` takes it
    epochs: int | None  # of a run: the one that its model is from


def resolve_target(name: str, overrides: list[str]) -> AuditTarget:
    """The config of that name, or that of a run."""
    places = [find.find_run(name)] if name == "last" else [Path(name), directory.ROOT / name]
    run = next((place for place in places if os.path.isfile(place / "config.yaml")), None)
    if run is None:
        return AuditTarget(load_config(name, overrides), name, None)
    kept = directory.load_run_info(run).get("kept") or {}
    return AuditTarget(load_config(run / "config.yaml", overrides), str(run / "config.yaml"), kept.get("epoch"))


def audit_labels(
    resolved: Resolved,
    folds: int,
    count: int,
    epochs: int | None = None,
    watch: Callable[[Note], None] = lambda note: None,
) -> LabelAudit:
    """Judge each labelled review of a config's training data by the others, and describe the first `count` suspects.

    `epochs` is after how many a network is taken; by default after all. Raises ConfigError, DataError, Diverged.
    """
    settings = prepare.resolve_paths(resolved.config, resolved.path.parent)
    whole = settings.data.model_copy(update={"validation": 0.0})
    corpus, _ = dataset.load_data(settings.model_copy(update={"data": whole}))
    assert corpus.label is not None
    for note in (*corpus.notes, *_left_out(settings)):
        watch(Note(note))
    label, n = corpus.label, len(corpus)
    fold = _cut(data_corpus.text_groups(corpus), label, folds)
    folds = int(fold.max()) + 1
    tokens = tokenize(corpus.text, settings.text.lowercase)
    words = settings.text
    vocabulary, features = vocabulary_build.build_vocabulary(
        tokens, words.ngrams, words.min_count, words.max_features, words.affixes
    )
    if not len(vocabulary):
        raise DataError(f"no word occurs {words.min_count} times in {n:,} reviews; lower text.min_count")
    settings = _alone(settings)
    examples = Examples(features, label, corpus.weight)
    logits = np.zeros(n)
    explained: dict[int, LabelIssue] = {}
    for number in range(folds):
        held_out = np.flatnonzero(fold == number)
        classifier = _train(settings, vocabulary, examples, np.flatnonzero(fold != number), epochs)
        logits[held_out] = classifier.logits(features.take(held_out))
        right = np.mean((logits[held_out] >= 0) == label[held_out])
        watch(Note(f"fold {number + 1} of {folds}: {right:.4f} of {len(held_out):,} labels are what the others expect"))
        # the first suspects of all are among the first of their folds
        first = held_out[_suspicion(logits[held_out], label[held_out])[:count]]
        for i, text in zip(first.tolist(), corpus.take(first).text.to_pylist(), strict=True):
            explained[i] = _suspect(i, LABELS[label[i]], text, classifier)
    factor = fit_temperature(logits, label)
    positive = probability(factor * logits)
    order = _suspicion(logits, label)
    return LabelAudit(
        corpus=corpus,
        positive=positive,
        order=order,
        suspects=[_scaled(explained[i], factor) for i in order[:count].tolist()],
        confident=confident(positive, label),
        folds=folds,
        accuracy=float(np.mean((logits >= 0) == label)),
        commoner=float(np.bincount(label, minlength=2).max() / len(label)),
    )


def confident(positive: Array, label: Array) -> Array:
    """The reviews (n,) bool whose other label is at least as likely as it is, on average, where it was given.

    The off-diagonal of the confident joint (Northcutt et al., 2021, section 3.1), of which the size estimates how many
    labels are wrong.
    """
    average = np.array([np.mean(score_of(positive, each)[label == each]) for each in (0, 1)])
    other = score_of(positive, 1 - label)  # the probability of the other label
    return (other >= average[1 - label]) & (other > score_of(positive, label))


def _suspicion(logits: Array, label: Array) -> Array:
    """The reviews in order of how surely their label is contradicted: (n,)."""
    return np.argsort(np.where(label == 1, logits, -logits), kind="stable")


def _cut(group: Array, label: Array, folds: int) -> Array:
    """The fold of each review (n,): groups stay together, and each fold has its share of both labels."""
    first = np.unique(group, return_index=True)[1]  # a review of each group
    least = int(np.bincount(label[first], minlength=2).min())
    if least < 2:
        raise DataError(f"{least} distinct review of one label: an audit needs two of each, to judge one by the other")
    order = random_stream(0, "folds").permutation(len(first))
    order = order[np.argsort(label[first][order], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % min(folds, least)
    return fold[group]


def _alone(settings: Config) -> Config:
    """The settings of a single network that starts from nothing but the reviews of its folds."""
    plain = settings.model_dump() | {"pretrain": {}}
    plain["train"]["members"] = plain["train"]["seeds"] = 1
    plain["model"]["init_from"] = None
    return Config.model_validate(plain)


def _left_out(settings: Config) -> Iterator[str]:
    """What of the settings an audit does without."""
    used = {
        "pretrain": settings.pretrain.vectors != "none",
        "train.members": settings.train.members > 1,
        "model.init_from": settings.model.init_from is not None,
    }
    if names := [name for name, there in used.items() if there]:
        yield f"the audit does without {', '.join(names)}: each fold trains a single network from its own reviews"


def _train(
    settings: Config, vocabulary: data_vocabulary.Vocabulary, examples: Examples, chosen: Array, epochs: int | None
) -> Classifier:
    """A classifier that has seen the chosen reviews only."""
    features, label = examples.features.take(chosen), examples.label[chosen]
    weight = None if examples.weight is None else examples.weight[chosen]
    seed = settings.train.seed
    classifier = initial.build_classifier(settings, vocabulary, seed, None, (features, label))
    state = initial_state(settings.train, len(label), seed)
    for event in fit(classifier.network, Examples(features, label, weight), None, settings.train, state):
        if isinstance(event, Epoch) and event.epoch == epochs:
            break
    unseen = np.ones(len(vocabulary), bool)
    unseen[features.ids] = False
    classifier.network.params["embedding.weight"][unseen] = 0  # random numbers, which no review has had a say in
    return classifier


def _suspect(i: int, label: str, text: str, classifier: Classifier) -> LabelIssue:
    found = explain(classifier, text)
    return LabelIssue(i + 1, label, found.label, found.positive, found.logit, found.bias, found.contributions, text)


def _scaled(suspect: LabelIssue, factor: float) -> LabelIssue:
    """The suspect with its logit times a factor."""
    logit = suspect.logit * factor
    return suspect._replace(
        logit=logit,
        positive=answer_of_logit(logit).positive,
        bias=suspect.bias * factor,
        parts=[part._replace(contribution=part.contribution * factor) for part in suspect.parts],
    )


# A file to correct

COLUMNS = ("text", "label", "said", "positive", "suspect", "row")


def to_csv(found: LabelAudit) -> bytes:
    """All reviews with their labels, the likeliest mistakes first: to be corrected, and trained on."""
    corpus, weight = found.corpus, found.corpus.weight
    assert corpus.label is not None
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow([*COLUMNS, *([] if weight is None else ["weight"])])
    for start in range(0, len(corpus), _BLOCK):
        rows = found.order[start : start + _BLOCK]
        for i, text in zip(rows.tolist(), corpus.take(rows).text.to_pylist(), strict=True):
            positive = float(found.positive[i])
            row = [text, LABELS[corpus.label[i]], answer(positive).label, f"{positive:.4f}"]
            row += ["yes" if found.confident[i] else "", i + 1, *([] if weight is None else [repr(float(weight[i]))])]
            writer.writerow(row)
    return content.getvalue().encode()
