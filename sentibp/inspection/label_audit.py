"""Find training reviews whose label is probably wrong.

A network may memorize its own training reviews, so its predictions for them show nothing. Therefore the reviews are
split into folds, and each review is predicted by a network that was trained on the other folds, the naive-Bayes
initialization included. Reviews with the same text are in the same fold. The reviews are ranked by how much the
out-of-fold probability contradicts the label: confident learning (Northcutt, Jiang & Chuang, 2021), which also
estimates the number of wrong labels.

A label issue is a label that the other reviews do not explain. The label may be wrong, but the review may also be
ironic, mixed, off topic, or unusual. An error that is made throughout the data is not found.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from sentibp.config import paths
from sentibp.config.load import Resolved, load_config
from sentibp.config.paths import SOURCES
from sentibp.config.schema import Config, Data
from sentibp.data import corpus as data_corpus
from sentibp.data import dataset
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data.corpus import Corpus, take_texts
from sentibp.data.encode import groups, learn_vocabulary, no_features, training_tokens
from sentibp.data.examples import Examples
from sentibp.data.labels import classes_of
from sentibp.data.overlap import has_many_near_duplicates, near_duplicates
from sentibp.data.split import fold_groups, groups_of, is_uncut, text_folds, uncut_note, without_groups
from sentibp.data.tokenizer import Tokens
from sentibp.errors import ConfigError, DataError
from sentibp.inspection.explain import Contribution, difference, explain
from sentibp.model import initial
from sentibp.model.calibration import fit_temperature
from sentibp.model.classifier import Classifier
from sentibp.model.head import answer, answer_of_logit, each_probability, probability, score_of
from sentibp.nn import Ragged
from sentibp.nn.layers import Array
from sentibp.runs import directory, find, hub_model
from sentibp.training.events import Epoch, Note
from sentibp.training.loop import fit, initial_state
from sentibp.training.paths import explained_if_changed, resolve_paths
from sentibp.training.recorded_data import require_recorded_data
from sentibp.training.validation_notes import how_to_group
from sentibp.utils.paths import expand_home, names_of
from sentibp.utils.rng import random_stream

_BLOCK = 4096  # reviews that are written at once


class LabelIssue(NamedTuple):
    """A review whose label contradicts its out-of-fold prediction most."""

    place: str  # of the review: "reviews.csv:17" is a line, "reviews.xlsx: row 17" a row, "reviews/pos/3.txt" a file
    label: str
    predicted: str  # the label that the network of the other folds predicts
    positive: float  # the probability of positive that it predicts; with more than two labels, of the predicted one
    logit: float  # with more than two labels that of the predicted one minus that of the given one
    bias: float  # the logit of an empty review; bias plus contributions is the logit
    contributions: list[Contribution]
    text: str


class LabelAudit(NamedTuple):
    """The result of an audit. The out-of-fold probabilities are calibrated on the given labels."""

    corpus: Corpus
    positive: Array  # (n,) the out-of-fold probability of positive; (n, K) of each of more than two labels; else NaN
    order: Array  # (n,) the indices of the reviews, the most probable errors first
    issues: list[LabelIssue]  # the first of them
    confident: Array  # (n,) bool, the result of `confident_issues`
    folds: int
    reviews: int  # in a fold: all, but those of labels that are too small
    accuracy: float  # the share of labels that agree with the out-of-fold prediction
    majority: float  # the share of the most frequent label

    @property
    def is_chance(self) -> bool:
        """Whether the accuracy is within two standard errors of always predicting the most frequent label."""
        return self.accuracy <= self.majority + 2 * math.sqrt(self.majority * (1 - self.majority) / self.reviews)


class AuditTarget(NamedTuple):
    """The config whose training data are audited."""

    resolved: Resolved
    name: str  # the name of the config for `sentibp train`
    epochs: int | None  # the epoch of the best model, if it is the config of a run


def resolve_target(name: str, overrides: list[str]) -> AuditTarget:
    """Return the config with that name, or the config of a run. Raises ConfigError."""
    places = [find.find_run(name)] if find.find_pointer(name) else [expand_home(name), directory.ROOT / name]
    run = next((place for place in places if os.path.isfile(place / "config.yaml")), None)
    if run is None:
        if (name == find.BUILTIN and not os.path.lexists(name)) or hub_model.is_hub_name(name):
            find.find_run(name)  # ConfigError: it has no run directory
        return AuditTarget(_load_config(name, overrides), name, None)
    best = directory.load_run_info(run).get("kept") or {}
    return AuditTarget(load_config(run / "config.yaml", overrides), str(run / "config.yaml"), best.get("epoch"))


def _load_config(name: str, overrides: list[str]) -> Resolved:
    """Return the config with that name. ConfigError if there is none, which says how a run is given."""
    path = expand_home(name)
    if path.suffix == ".safetensors" and path.is_file():
        find.require_run_directory(path)
    try:
        return load_config(name, overrides)
    except ConfigError as error:
        if os.path.lexists(path) or os.path.basename(name) != name or path.suffix:
            raise
        link = " Or," if str(error).endswith("?") else "; or"
        raise ConfigError(f"{error}{link} if a run is meant, see `sentibp runs list`") from None


def sources(target: AuditTarget) -> list[str]:
    """Return the paths and names of the audited data, and of the other data that the config names."""
    config = resolve_paths(target.resolved, SOURCES)[0]
    return [name for key in SOURCES for name in names_of(paths.get(config, key))]


def audit_labels(
    resolved: Resolved,
    folds: int,
    count: int,
    epochs: int | None = None,
    watch: Callable[[Note], None] = lambda note: None,
) -> LabelAudit:
    """Predict each labelled review of a config's training data out of fold, and explain the first `count` issues.

    The networks train for `epochs` epochs, by default for all of the config. Raises ConfigError, DataError, Diverged.
    """
    settings, corpus, notes = _load(resolved)
    for note in notes:
        watch(Note(note))
    assert corpus.label is not None and corpus.place is not None
    label, n = corpus.label, len(corpus)
    fold = _folds(corpus, label, folds, settings.data)
    for text in uncut_note(corpus, fold >= 0, "the audit says"):
        watch(Note(text))
    folds = int(fold.max()) + 1
    tokens, vocabulary, features = _encode(corpus, settings)
    for text in _similar_note(corpus, tokens, fold, settings):
        watch(Note(text))
    settings = _single_network(settings)
    classes = classes_of(settings.data)
    examples = corpus.examples(features, classes)
    logits = np.zeros(n if classes.are_binary else (n, classes.number))
    issues: dict[int, LabelIssue] = {}
    for number in range(folds):
        held_out = np.flatnonzero(fold == number)
        classifier = _train(settings, vocabulary, examples, np.flatnonzero(fold != number), epochs)
        logits[held_out] = classifier.logits(features.take(held_out))
        accuracy = np.mean(_agrees(logits[held_out], label[held_out]))
        watch(Note(f"fold {number + 1} of {folds}: accuracy {accuracy:.4f} on {len(held_out):,} held-out reviews"))
        # the first issues of all are among the first issues of their folds
        first = held_out[_rank(logits[held_out], label[held_out])[:count]]
        for i, text in zip(first.tolist(), corpus.take(first).text.to_pylist(), strict=True):
            issues[i] = _issue(corpus.place[i].as_py(), classes.names[label[i]], text, classifier)
    return _result(corpus, logits, fold, issues, count)


def _result(corpus: Corpus, logits: Array, fold: Array, issues: dict[int, LabelIssue], count: int) -> LabelAudit:
    """Return the audit of the reviews that are in a fold, the others at the end; the first `count` have `issues`."""
    assert corpus.label is not None
    rows = np.flatnonzero(fold >= 0)
    label, found = corpus.label[rows], logits[rows]
    factor = fit_temperature(found, label, data_corpus.independent_weights(corpus.take(rows), np.zeros(0, np.int64)))
    positive, confident = probability(factor * logits), np.zeros(len(fold), bool)
    positive[fold < 0] = np.nan
    confident[rows] = confident_issues(positive[rows], label)
    order = rows[_rank(found, label)]
    return LabelAudit(
        corpus=corpus,
        positive=positive,
        order=np.concatenate((order, np.flatnonzero(fold < 0))),
        issues=[_scaled(issues[i], factor, positive[i]) for i in order[:count].tolist()],
        confident=confident,
        folds=int(fold.max()) + 1,
        reviews=len(rows),
        accuracy=float(np.mean(_agrees(found, label))),
        majority=float(np.bincount(label, minlength=2).max() / len(rows)),
    )


def _agrees(logits: Array, label: Array) -> Array:
    """Return whether each prediction agrees with the label: (n,) bool."""
    number: Array = logits.argmax(axis=1) if logits.ndim == 2 else np.asarray(logits >= 0)
    return np.asarray(number == label)


def _load(resolved: Resolved) -> tuple[Config, Corpus, tuple[str, ...]]:
    """Return the settings with resolved paths, all their training reviews, and notes. DataError if they cannot be read,
    or if they are those of a run and have changed.
    """
    settings, notes = resolve_paths(resolved, (*SOURCES, "model.embedding.vectors"))
    with explained_if_changed(resolved, settings):
        corpus, _ = dataset.load_data(paths.replace(settings, "data.validation", 0.0), places=True)
    is_of_run = find.is_in_run(resolved.path)
    if is_of_run and not any(origin == "--set" for key, origin in resolved.origins.items() if key.startswith("data.")):
        require_recorded_data(resolved.path.parent, settings, corpus)
    return settings, corpus, (*notes, *corpus.notes, *_ignored_settings(settings))


def _folds(corpus: Corpus, label: Array, folds: int, data: Data) -> Array:
    """Return the fold of each review (n,). Reviews of a group or block are in one fold, and else equal texts.

    Reviews of a label that is too small for that are in no fold, -1, if it is one of many; see `may_be_uncut`.
    """
    if (uncut := is_uncut(label, folds)).any():
        rows, fold = np.flatnonzero(~uncut), np.full(len(label), -1)
        fold[rows] = _folds(corpus.take(rows), label[rows], folds, data)
        return fold
    group, key = groups_of(corpus, data)
    if group is None:
        return _text_folds(data_corpus.text_groups(corpus), label, folds)
    return _group_folds(group, label, folds, key)


def _similar_note(corpus: Corpus, tokens: Tokens, fold: Array, settings: Config) -> Iterator[str]:
    """Yield a note if many reviews are nearly the same as reviews of other folds; the first fold says so of all."""
    held_out = fold == 0
    rest, first = (
        Tokens(*Ragged(tokens.ids, tokens.offsets).take(np.flatnonzero(chosen)), tokens.words)
        for chosen in (~held_out, held_out)
    )
    near = near_duplicates(rest, int((~held_out).sum()), first)
    counts = int((near == 1).sum()), int((near >= 0).sum())
    if has_many_near_duplicates(*counts):
        repair = how_to_group(paths.replace(settings, "data.validation", 0.0), corpus, is_given=False)
        yield (
            f"{counts[0]:,} of the {counts[1]:,} reviews of the first fold that were compared are each nearly the same "
            "as a review of the other folds (a phrase of it, or a copy with small changes), so a wrong label that both "
            f"have is not found; {repair}"
        )


def _encode(corpus: Corpus, settings: Config) -> tuple[Tokens, data_vocabulary.Vocabulary, Ragged]:
    text = settings.text
    tokens, names = training_tokens(text, corpus.text)
    vocabulary, features = learn_vocabulary(text, tokens, groups([corpus]), names=names)
    if not len(vocabulary):
        raise no_features(text, f"{len(corpus):,} reviews")
    return tokens, vocabulary, features


def confident_issues(positive: Array, label: Array) -> Array:
    """Return whether each label is confidently wrong: (n,) bool.

    Another label must be more probable, and at least as probable as it is on average for the reviews that have it.
    These reviews are the off-diagonal of the confident joint (Northcutt et al., 2021, section 3.1). Their number
    estimates how many labels are wrong.
    """
    each = each_probability(positive)
    classes = range(each.shape[1])
    average = np.array([np.mean(each[label == k, k]) if (label == k).any() else np.inf for k in classes])
    own = score_of(each, label)[:, None]
    issues = (each >= average) & (each > own)  # its own label is not above itself
    return np.asarray(issues.any(axis=1))


def _rank(logits: Array, label: Array) -> Array:
    """Return the indices of the reviews by how much the logit contradicts the label, the largest first: (n,).

    With more than two labels it is the logit of the label minus that of the most probable other one.
    """
    if logits.ndim == 2:
        others = logits.astype(np.float64)
        others[np.arange(len(label)), label] = -np.inf
        return np.argsort(score_of(logits, label) - others.max(axis=1), kind="stable")
    return np.argsort(np.where(label == 1, logits, -logits), kind="stable")


def _text_folds(text: Array, label: Array, folds: int) -> Array:
    """Return the fold of each review (n,), as `text_folds` does; fewer folds if a label has fewer texts."""
    counts = np.bincount(label[np.unique(text, return_index=True)[1]], minlength=2)  # the label of one review of each
    least = int(counts[counts > 0].min() if len(counts) > 2 else counts.min())  # of many labels some may have none
    if least < 2:
        raise DataError(f"only {least} distinct review of one label: an audit needs two of each label; add reviews")
    return text_folds(text, label, min(folds, least), random_stream(0, "folds"))


def _group_folds(group: Array, label: Array, folds: int, key: str) -> Array:
    """Return the fold of each review (n,) with the groups of the setting `key`. DataError if folds lack a class."""
    fold = fold_groups(group, label, folds, random_stream(0, "folds"))
    for number in range(int(fold.max()) + 1):
        if len(np.unique(label[fold != number])) < len(np.unique(label)):
            classes = "one class only" if len(np.unique(label)) == 2 else "not all classes"
            raise DataError(
                f"{key}: its groups leave a fold whose other folds have {classes}; "
                f"have more and smaller groups, or none: {without_groups(key)}"
            )
    return fold


def _single_network(settings: Config) -> Config:
    """Return settings for one network that learns from the reviews of its folds only."""
    values = settings.model_dump() | {"pretrain": {}}
    values["train"]["members"] = values["train"]["seeds"] = 1
    values["train"]["linear_member"] = False
    values["model"]["init_from"] = None
    return Config.model_validate(values)


def _ignored_settings(settings: Config) -> Iterator[str]:
    """Yield a note on the settings that an audit ignores."""
    used = {
        "pretrain": settings.pretrain.is_used,
        "train.members": settings.train.members > 1,
        "train.linear_member": settings.train.linear_member,
        "model.init_from": settings.model.init_from is not None,
    }
    if names := [name for name, is_used in used.items() if is_used]:
        yield f"the audit ignores {', '.join(names)}: each fold trains one network on the reviews of the other folds"


def _train(
    settings: Config, vocabulary: data_vocabulary.Vocabulary, examples: Examples, chosen: Array, epochs: int | None
) -> Classifier:
    """Train a classifier on the chosen reviews only."""
    features, label = examples.features.take(chosen), examples.label[chosen]
    weight = None if examples.weight is None else examples.weight[chosen]
    training = Examples(features, label, weight, examples.classes)
    train, seed = settings.train.in_one_process(), settings.train.seed
    classifier = initial.build_classifier(settings, vocabulary, seed, None, training)
    state = initial_state(train, len(label), seed)
    for event in fit(classifier.network, training, None, train, state):
        if isinstance(event, Epoch) and event.epoch == epochs:
            break
    unseen = np.ones(len(vocabulary), bool)
    unseen[features.ids] = False
    classifier.network.params["embedding.weight"][unseen] = 0  # these rows are still random
    return classifier


def _issue(place: str, label: str, text: str, classifier: Classifier) -> LabelIssue:
    e = explain(classifier, text)
    shown = (
        difference(e, classifier.spec, e.label, label)
        if isinstance(e.positive, tuple) and e.label != label
        else e.shown
    )
    positive = e.score if isinstance(e.positive, tuple) else e.positive
    return LabelIssue(place, label, e.label, positive, shown.value, shown.bias, shown.contributions, text)


def _scaled(issue: LabelIssue, factor: float, calibrated: Array) -> LabelIssue:
    """Return the issue with its logit multiplied by a factor. `calibrated` (K,) are its probabilities, or a number."""
    logit = issue.logit * factor
    return issue._replace(
        logit=logit,
        positive=float(calibrated.max()) if np.ndim(calibrated) else answer_of_logit(logit).positive,
        bias=issue.bias * factor,
        contributions=[each._replace(contribution=each.contribution * factor) for each in issue.contributions],
    )


def file_and_row(place: str) -> tuple[str, int | None]:
    """Return the file of a place, and the number of the line or row there; None if the file is the review."""
    found = re.fullmatch(r"(.*?)(?:: row |:)([0-9]+)", place, re.DOTALL)
    return (place, None) if found is None else (found[1], int(found[2]))


COLUMNS = ("text", "label", "said", "positive", "suspect", "file", "row")
_CLASS_COLUMNS = ("text", "label", "predicted", "score", "suspect", "file", "row")  # the score is that of the latter


def to_csv(result: LabelAudit) -> bytes:
    """Return a CSV file of all reviews, the most probable errors first, that can be corrected and trained on."""
    corpus = result.corpus
    assert corpus.label is not None and corpus.place is not None
    extra = {"weight": corpus.weight, "group": corpus.group}
    extra = {name: values for name, values in extra.items() if values is not None}
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    names, several = corpus.names, result.positive.ndim == 2
    writer.writerow([*(_CLASS_COLUMNS if several else COLUMNS), *extra])
    for start in range(0, len(corpus), _BLOCK):
        rows = result.order[start : start + _BLOCK]
        texts, places = take_texts(corpus.text, rows).to_pylist(), take_texts(corpus.place, rows).to_pylist()
        for i, text, place in zip(rows.tolist(), texts, places, strict=True):
            shown = result.positive[i]
            predicted = names[int(shown.argmax())] if several else answer(float(shown)).label
            said = [predicted, f"{shown.max():.4f}"] if np.isfinite(shown).all() else ["", ""]
            row = [text, names[corpus.label[i]], *said]
            row += ["yes" if result.confident[i] else "", *file_and_row(place)]
            writer.writerow([*row, *(repr(values[i].item()) for values in extra.values())])
    return content.getvalue().encode()
