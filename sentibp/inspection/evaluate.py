"""The scores of a model on labelled reviews."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp import metrics
from sentibp.config.load import override_data
from sentibp.config.python import in_python
from sentibp.config.schema import Data
from sentibp.data import sources
from sentibp.data.corpus import Corpus, repeated_note, take_texts
from sentibp.data.dataset import IN_MEMORY
from sentibp.data.in_memory import corpus_in_memory
from sentibp.data.label_encoder import class_numbers, label_list
from sentibp.data.label_notes import range_notes
from sentibp.data.labels import NoKnownLabel
from sentibp.data.overlap import has_many_near_duplicates
from sentibp.data.readers.splits import NoSuchSplit, canonical
from sentibp.data.text_hashes import text_hashes
from sentibp.errors import ConfigError, DataError, InvalidInput
from sentibp.inspection.label_meaning import opposite_note, other_scale_note
from sentibp.model.classifier import Classifier, require_classifier
from sentibp.model.decision import Costs, Decision, parse_decision
from sentibp.model.head import probability, scores_of
from sentibp.nn.layers import Array
from sentibp.runs.find import builtin_file, validated_file
from sentibp.training.loop import evaluate
from sentibp.training.recorded_data import RecordedData
from sentibp.training.reversed_labels import turned
from sentibp.training.validation_notes import FEW
from sentibp.utils.label_key import class_names, is_binary, label_key
from sentibp.utils.messages import counted
from sentibp.utils.paths import names_of, shown
from sentibp.utils.sequences import Texts, read_once, require_same_order

_ROUNDED = 1e-3  # of a score, which another processor may change
_SMALLEST = 1e-6  # log loss
_LOWER = "expect lower scores on new reviews"

_OPTIONS = {"data.source": "--data", "data.split": "--split", "data.validation": "--data"}


class Evaluation(NamedTuple):
    """The scores of a model, and notes on the reviews for the user."""

    scores: dict[str, Any]
    notes: tuple[str, ...]


class DataOptions(NamedTuple):
    """The reviews to score on, and how they are read. By default, the model's own validation reviews."""

    source: str | None = None
    split: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    overrides: tuple[str, ...] = ()  # of the data settings of the training

    @property
    def is_named(self) -> bool:
        """Whether these are other reviews than the model's own validation reviews."""
        return self.source is not None or self.split is not None


VALIDATION = DataOptions()
"""The model's own validation reviews."""


def evaluate_on(
    classifier: Classifier,
    source: str | os.PathLike[str] | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    overrides: Sequence[str] = (),
    *,
    threshold: str | float | None = None,
    cost: Costs | None = None,
    texts: Texts | None = None,
    labels: Any = None,
    sample_weight: Any = None,
) -> Evaluation:
    """Score the model on a source, by default its test split, or on texts and labels in memory.

    Without a source and texts, use the model's validation data. The labels are the names of the model's classes, or the
    values that data.labels of the training has for them.

    With a `threshold` or `cost`, as in `Classifier.predict`, the labels that it chooses are scored, instead of the most
    probable ones.

    The reviews are read with the data settings of the training, and overrides such as `data.label_column=stars`. Raises
    ConfigError if one is wrong, DataError if the reviews cannot be read, or there are none, and InvalidInput if the
    source is no name.
    """
    require_classifier(classifier)
    if source is not None and not isinstance(source, str | os.PathLike):
        what = f"source is of type {type(source).__name__}, not the name of a file or data set"
        raise InvalidInput(f"{what}; for texts in memory, write texts=..., labels=...")
    source = None if source is None else os.fspath(source)
    is_given = threshold is not None or cost is not None
    decision = parse_decision(classifier.spec.label_set, threshold, cost) if is_given else None
    if texts is not None:
        if any((source, split, text_column, label_column, overrides)):
            raise ConfigError("give either texts, or a source, which split, columns and overrides are for")
        return _evaluate_in_memory(classifier, texts, labels, sample_weight, decision)
    if labels is not None or sample_weight is not None:
        name = "sample_weight" if labels is None else "labels"
        raise ConfigError(f"{name}: is for texts in memory, and a source has its own; give texts, too, or leave it out")
    data = DataOptions(source, split, text_column, label_column, tuple(overrides))
    scored = score_reviews(classifier, data, decision)
    return Evaluation(scored.scores, (*scored.reviews.notes, *few_reviews(scored.scores)))


def _evaluate_in_memory(
    classifier: Classifier, texts: Texts, labels: Any, sample_weight: Any, decision: Decision | None
) -> Evaluation:
    require_same_order(texts, "texts", {"labels": labels, "sample_weight": sample_weight})
    sample_weight = read_once(sample_weight)
    data = classifier.training_config().data
    number = class_numbers(labels, data, weight=sample_weight)
    try:
        corpus = corpus_in_memory(texts, number, classifier.spec.labels, sample_weight)
    except DataError as error:
        raise in_python(error) from None
    scores, _, _, notes = score_corpus(RecordedData(classifier), corpus, decision=decision)
    opposite = (f"{note}; if so, turn them" for note in opposite_note(scores))
    rows = Counter(map(label_key, label_list(labels, weight=sample_weight))) if data.labels else {}
    scale = range_notes("texts", rows, data.labels or {}, is_file=False)
    return Evaluation(scores, (*corpus.notes, *scale, *notes, *opposite, *few_reviews(scores)))


def few_reviews(scores: dict[str, Any]) -> list[str]:
    """Return a note if there are too few reviews for most scores, else nothing."""
    n = scores.get("effective_n", scores["n"])
    if n >= FEW:
        return []
    of = "" if n == scores["n"] else f" of equal weight (of {scores['n']:,})"
    only = f"only {counted(n, 'review')}{of}"
    return [f"{only}: only the interval says how good the model is; the calibration error is chance"]


class ScoredReviews(NamedTuple):
    """Reviews, the scores of a model on them, and its probabilities."""

    reviews: Corpus
    scores: dict[str, Any]
    positive: Array  # (n,) float64, of positive; with K > 2 labels (n, K)
    tokens: Array  # (n,) the number of tokens of each review


def score_reviews(
    classifier: Classifier, data: DataOptions = VALIDATION, decision: Decision | None = None
) -> ScoredReviews:
    """Score the model as `evaluate_on` does, and return the probability for each review, too."""
    recorded = RecordedData(classifier)
    corpus = load_reviews(recorded, data)
    scores, positive, tokens, notes = score_corpus(recorded, corpus, decision=decision, held_out=not data.is_named)
    if not data.is_named and recorded.run is None and not data.overrides and decision is None:
        notes = (*notes, *_unlike_training(classifier.scores, scores))
    opposite = (f"{note}; if so{turned(corpus)}" for note in opposite_note(scores))
    return ScoredReviews(replace(corpus, notes=(*corpus.notes, *notes, *opposite)), scores, positive, tokens)


def _unlike_training(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a note if the scores are not those that the model file records: it has no fingerprint of the reviews."""
    n, accuracy, loss = then.get("n"), then.get("accuracy"), then.get("log_loss")
    if n is None or accuracy is None:
        return []
    is_same_loss = loss is None or abs(loss - now["log_loss"]) <= _ROUNDED * loss + _SMALLEST
    if n == now["n"] and abs(accuracy - now["accuracy"]) <= _ROUNDED + 1 / n and is_same_loss:
        return []
    recorded = f"accuracy {accuracy:.4f}{'' if loss is None else f', log loss {loss:.4f}'} on {counted(n, 'review')}"
    return [f"probably not the validation reviews of the training: the model file records {recorded}"]


def score_corpus(
    recorded: RecordedData,
    corpus: Corpus,
    model: str = "the model",
    decision: Decision | None = None,
    *,
    held_out: bool = False,
) -> tuple[dict[str, Any], Array, Array, tuple[str, ...]]:
    """Return the scores on labelled reviews, the probabilities of positive (n,) float64, the token counts (n,), notes.

    The scores count the reviews that the `model`, as the notes call it, was trained on: `in_training`, None if unknown.
    A note says so then, unless the reviews were `held_out` from the model.
    """
    classifier = recorded.classifier
    _require_same_classes(classifier, corpus)
    features, tokens, unknown = classifier.encode(corpus.text)
    scores, logits = evaluate(classifier.network, corpus.examples(features, classifier.spec.label_set))
    positive = probability(logits)
    if decision is not None:
        chosen = decision.numbers(positive)
        scores = scores_of(corpus.label, positive, corpus.weight, decision.classes, chosen)  # type: ignore[arg-type]
    scores["calibration_error_by_chance"] = metrics.calibration_error_by_chance(positive, corpus.weight)
    scores |= {"no_known_word": int((tokens == unknown).sum()), "unknown_tokens": int(unknown.sum())}
    known = recorded.in_training(corpus.text)
    scores["in_training"] = seen = None if known is None else int(known.sum())
    notes = repeated_note(corpus, text_hashes(corpus.text))
    trained_on = [] if held_out and seen is None else _trained_on(recorded, model, seen, len(corpus))
    if held_out and recorded.has_learned_validation and not has_many_near_duplicates(seen or 0, len(corpus)):
        trained_on.append(f"the training data of {model} have many of these reviews, or nearly: {_LOWER}")
    if known is not None and not held_out:
        trained_on += _nearly_trained_on(recorded, model, corpus.text, known)
    return scores, positive, tokens, (*trained_on, *notes)


def _trained_on(recorded: RecordedData, model: str, seen: int | None, n: int) -> list[str]:
    """Return a note if the model was trained on some of n reviews, or if nothing tells whether it was."""
    if seen:
        what = f"{seen:,} of {counted(n, 'review')} {'is' if seen == 1 else 'are'} in the training data of {model}"
        return [f"{what}: {_LOWER}"]
    if seen == 0 or recorded.classifier.file is None:
        return []
    sources = [shown(name) for name in names_of(recorded.config.data.source) if name != IN_MEMORY]
    data = f" (training data: {', '.join(sources)})" if sources else ""
    return [f"{model} may have been trained on some of these reviews: only its run directory tells{data}"]


def _nearly_trained_on(recorded: RecordedData, model: str, text: pa.ChunkedArray, known: Array) -> list[str]:
    """Return a note if the model was trained on nearly the same as many of the texts that it does not know exactly."""
    near = recorded.near_training(take_texts(text, np.flatnonzero(~known)))
    count, compared = int((near == 1).sum()), int((near >= 0).sum())
    if not has_many_near_duplicates(count, compared):
        return []
    of = f"{compared:,} other" if known.any() else f"{compared:,}"
    return [
        f"{count:,} of {of} reviews that were compared are each nearly the same as one in the training data of {model} "
        f"(a phrase of it, or a copy with small changes): {_LOWER}"
    ]


def _require_same_classes(classifier: Classifier, corpus: Corpus) -> None:
    """Raise ConfigError if the labels of the reviews are other classes than those of the model."""
    if (names := classifier.spec.labels) != corpus.names:
        raise ConfigError(
            f"the labels of the reviews are {', '.join(corpus.names)}, and the classes of the model "
            f"{', '.join(names)}; give data.labels these classes, or leave it out"
        )


def load_reviews(recorded: RecordedData, data: DataOptions = VALIDATION) -> Corpus:
    """Load the reviews that `evaluate_on` scores the model on."""
    trained, source, split = recorded.config.data, data.source, data.split
    given = {"text_column": data.text_column, "label_column": data.label_column}
    given = {key: value for key, value in given.items() if value is not None}
    settings = override_data(trained.model_copy(update=given), data.overrides, _OPTIONS)
    if not data.is_named:
        return _load_validation_data(recorded, settings)
    if split is not None:
        sources.require_splits(settings.given_source if source is None else source, f"leave out --split {split}")
    options = sources.read_options(settings, typed=None if source is None else data.overrides)
    options = options._replace(group=None)  # the scores do not use it
    name = settings.given_source if source is None else source
    read = partial(sources.load_corpus_without, ["weight"], name, options, split or "test")
    try:
        corpus = read(settings.labels)
    except NoSuchSplit as error:
        unseen = [each for each in error.others if canonical(each) != "train"]
        raise error.with_option(f"--split {(unseen or ['{}'])[0]}") from None
    except NoKnownLabel:
        if settings.labels != trained.labels:
            raise
        names = class_names(trained.labels)
        usual = None if is_binary(names) else {name: [name] for name in names}
        corpus = read(usual)  # DataError if the data do not use these labels either
        by = "by their usual names" if usual is None else "by the names of the classes"
        note = f"{name}: labels {by}, as data.labels of the training lists none"
        corpus = replace(corpus, notes=(*corpus.notes, note))
    if not len(corpus):
        raise DataError(f"{name}: no review; give data with reviews and labels")
    shown_name = name if isinstance(name, str) else ", ".join(name)
    scale = other_scale_note(corpus, shown_name, ordered=recorded.classifier.spec.ordered)
    return replace(corpus, notes=(*corpus.notes, *scale))


def _load_validation_data(recorded: RecordedData, settings: Data) -> Corpus:
    if recorded.classifier.file == builtin_file():
        raise DataError("the built-in model has no validation reviews of its own; name a file or data set with --data")
    trained = recorded.config.data
    if (trained.validation if isinstance(trained.validation, str) else trained.source) == IN_MEMORY:
        repair = "name a file or data set with --data"
        raise DataError(f"a Python program had the reviews of the training in memory; {repair}")
    other = "or name other reviews with --data"
    missing = f"the validation data of the training: {{}}; {other}"
    corpus = recorded.load_validation(f"restore them, {other}", settings, missing)
    if corpus is None:
        file = recorded.classifier.file
        if recorded.is_refit and validated_file(file) != file:  # the command takes the model before it
            before = f"sentibp.load_model(sentibp.find_validated_model({str(recorded.run)!r}))"
            raise DataError(f"{recorded.run}: its model was trained on its validation reviews, too; score {before}")
        raise DataError(
            "no review was held out from this model; name a file or data set with --data, or give the run directory "
            "of a training with validation data"
        )
    return corpus
