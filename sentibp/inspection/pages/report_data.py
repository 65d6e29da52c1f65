"""Gather what a report shows: read run directories and model files, and score the models on reviews.

If something is missing (the reviews, the records of the training), `left_out` says what the page does not show and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.data import corpus
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import evaluate
from sentibp.inspection.evaluate import VALIDATION, DataOptions
from sentibp.model import file
from sentibp.model.classifier import Classifier
from sentibp.model.head import scores_of
from sentibp.nn.layers import Array
from sentibp.runs import directory, find, hub_model, records
from sentibp.runs.trained_model import is_replaced


class Predictions(NamedTuple):
    """The predictions of a model on n reviews."""

    label: Array  # (n,)
    positive: Array  # (n,) the probability of positive; with K > 2 labels (n, K), that of each
    scores: dict[str, Any]
    scored: evaluate.ScoredReviews | None  # the reviews; None if only the recorded predictions are left
    weight: Array | None = None  # (n,) of each review; None: all have the same


class Subject(NamedTuple):
    """One run or model file of a report."""

    name: str
    path: Path
    classifier: Classifier | None
    facts: dict[str, Any]  # of run.json; {} for a model file
    events: list[dict[str, Any]]  # the steps, epochs and gradient flows of the metrics log
    predictions: Predictions | None
    left_out: list[str]  # what the page does not show, and why
    scored_on: str = "validation reviews"
    notes: tuple[str, ...] = ()  # what a reader of the scores should know
    file: str | None = None  # the model file that the page shows, if it is not the one of the run


def gather(names: Sequence[str], data: DataOptions = VALIDATION) -> list[Subject]:
    """Read the named runs and model files. Raises ConfigError, and DataError for unreadable files."""
    paths = list(dict.fromkeys(find.find_run(name, directory.MODEL, builtin=True) for name in names))
    short = [path.name if path.is_dir() else _shown(path) for path in paths]
    unique = short if len(set(short)) == len(short) else list(map(str, paths))
    return [_subject(path, name, data) for path, name in zip(paths, unique, strict=True)]


def _shown(file: Path) -> str:
    return find.BUILTIN if file == find.builtin_file() else hub_model.pinned_name(file) or str(file)


def validation_fingerprint(facts: Mapping[str, Any]) -> str | None:
    """Return the fingerprint of the validation reviews that run.json records, if there is one."""
    try:
        return facts["data"]["validation"]["fingerprint"]
    except (KeyError, TypeError):
        return None


def reviews_fingerprint(subject: Subject) -> str | None:
    """Return the fingerprint of the reviews that the subject is scored on."""
    if subject.predictions is None:
        return None
    if subject.predictions.scored is None:
        return validation_fingerprint(subject.facts)
    return corpus.fingerprint(subject.predictions.scored.reviews)


def _subject(path: Path, name: str, data: DataOptions) -> Subject:
    left_out: list[str] = []
    notes: list[str] = []
    facts, events = _training_records(path, left_out)
    classifier = predictions = shown = None
    if path.is_dir() and not (path / directory.MODEL).is_file():
        if not facts:
            raise ConfigError(
                f"{path}: contains neither run.json nor {directory.MODEL}; give a run directory or a model file"
            )
        left_out.append(
            f"everything except the training: {path} has no {directory.MODEL}; "
            f"the outcome of the run: {facts.get('outcome', 'unknown')}"
        )
    else:
        classifier = file.load_model(path / directory.MODEL if path.is_dir() else path)
        if not data.is_named and (validated := find.validated_file(str(path))) != find.model_file(str(path)):
            classifier, shown = file.load_model(validated), validated.name
            notes.append(
                f"the page shows {shown}, the model before the final training on all reviews: "
                f"{directory.MODEL} has learned the validation reviews, too, and cannot be scored on them"
            )
        predictions = _predictions(path if facts else None, classifier, data, left_out)
        notes += [] if predictions is None else _score_notes(predictions, data)
    if events and not any(event["event"] == "flow" for event in events):
        left_out.append("gradient flow: the training did not record it")
    scored_on = _scored_on(facts, data)
    return Subject(name, path, classifier, facts, events, predictions, left_out, scored_on, tuple(notes), shown)


def _score_notes(predictions: Predictions, data: DataOptions) -> Sequence[str]:
    """Return what a reader of the scores should know of the reviews; of other reviews than the model's own, all."""
    if data.is_named and predictions.scored is not None:
        return predictions.scored.reviews.notes
    if not (seen := predictions.scores.get("in_training")):
        return []
    count = f"{seen:,} of the {predictions.scores['n']:,} reviews that the model is scored on"
    return [f"{count} are in its training data, too: expect lower scores on new reviews"]


def _scored_on(facts: Mapping[str, Any], data: DataOptions) -> str:
    """Return what the reviews are that the model is scored on, for a sentence."""
    if data.is_named:
        split = "" if data.split is None else f" (split {data.split})"
        return f"reviews of {data.source or 'its own data'}{split}"
    return "training reviews" if facts.get("scored_on") == "training" else "validation reviews"


def _training_records(path: Path, left_out: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return run.json and the events of a run directory; empty ones, with a line in `left_out`, if there are none."""
    if path == find.builtin_file():
        left_out.append("training and environment: the built-in model has no run directory; name a run to see them")
    elif not path.is_dir():
        left_out.append("training and environment: a model file does not contain them; give the run directory")
    elif not (path / "run.json").exists():
        left_out.append(f"training and environment: {path / 'run.json'} is missing")
    elif (path / directory.MODEL).is_file() and is_replaced(path / directory.MODEL):
        left_out.append(
            f"training and environment: {path / directory.MODEL} is not the model that its run.json records"
        )
    else:
        facts = directory.load_run_info(path)
        directory.require_training(path, facts)
        return facts, _events(path)
    return {}, []


def _events(path: Path) -> list[dict[str, Any]]:
    """Return the records of the metrics log that the charts show. Raises DataError if one is damaged."""
    shown = (records.StepRecord, records.EpochRecord, records.FlowRecord)
    return [record.to_json() for record in records.read_records(path) if isinstance(record, shown)]


def _predictions(
    run: Path | None, classifier: Classifier, data: DataOptions, left_out: list[str]
) -> Predictions | None:
    """Return the predictions of the model on the reviews; or those of its run, if the reviews cannot be read."""
    try:
        scored = evaluate.score_reviews(classifier, data)
    except DataError as error:
        if data != VALIDATION:
            raise
        recorded = None if run is None else directory.load_predictions(run)
        if recorded is None:
            left_out.append(f"scores and mistakes: {error}")
            return None
        left_out.append(f"mistakes and accuracy by length: {error}; the scores are the recorded ones")
        return Predictions(*recorded[:2], scores_of(*recorded, classifier.spec.label_set), None, recorded[2])
    assert scored.reviews.label is not None
    return Predictions(scored.reviews.label, scored.positive, scored.scores, scored, scored.reviews.weight)
