"""The tables of a report: scores with what they mean, settings, and the environment of the training."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sentibp import metrics
from sentibp.config.load import load_config
from sentibp.inspection.pages.report_data import Predictions, Subject, reviews_fingerprint
from sentibp.model import head
from sentibp.runs import compare

if TYPE_CHECKING:
    from sentibp.config.schema import Config

_FACTS = (
    "command",
    "outcome",
    "start",
    "seconds",
    "seed",
    "kept",
    "scored_on",
    "data",
    "versions",
    "machine",
)
_MEANING = {
    "n": "How many labelled reviews the model was scored on.",
    "accuracy": "The share of right predictions.",
    "interval": "If many sets of such reviews were scored, 95 of 100 of these intervals would hold the true accuracy.",
    "precision": "Of the reviews called positive, the share that is positive.",
    "recall": "Of the positive reviews, the share that is called positive.",
    "f1": "The harmonic mean of precision and recall.",
    "macro_f1": "F1 (of precision and recall) of each label, averaged over the labels: rare ones count as much.",
    "roc_auc": "How often a positive review gets a higher probability than a negative one: 0.5 is chance.",
    "log_loss": "How much the right labels surprise the model: 0 is perfect.",
    "brier": "The mean squared error of the probability: 0 is perfect, 0.25 is a coin.",
    "by_chance": "The calibration error that so many reviews would have, on average, if all probabilities were right.",
    "calibration_error": "How far probabilities are from how often they come true: 0.02 is 2 points in 100.",
    "mae": "How many labels the median of the probabilities is away from the right one, on average. The median is the "
    "label at which half of the probability is reached. It can be another one than the most probable label, which the "
    "confusion matrix has.",
    "quadratic_weighted_kappa": "Agreement of the medians with the right labels; far misses cost more. 1 is perfect, 0 "
    "is chance.",
    "ranked_probability_score": "The squared error on the scale: 0 is perfect, near misses cost less.",
}
"""A sentence on each score; see the docstrings of `sentibp.metrics` for the definitions."""

_WEIGHTED = " In all scores, a review counts by its weight; so they are worth fewer reviews of equal weight."


NONE = "–"  # a score that a model does not have, as it has another number of labels, or was not scored
_TITLES = {
    "n": "reviews",
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "macro_f1": "macro F1",
    "brier": "Brier score",
    "mae": "mean distance",
}


class Score(NamedTuple):
    """A score of each run."""

    name: str
    meaning: str
    values: list[str]  # NONE where a run does not have it
    best: str | None  # of the values, if they are comparable and differ


def comparable(subjects: Sequence[Subject]) -> bool:
    """Return whether all predictions are for the same reviews."""
    return len(by_reviews(subjects)) < 2


def by_reviews(subjects: Sequence[Subject]) -> list[list[Subject]]:
    """Return the subjects that are scored, in groups that are scored on the same reviews."""
    groups: dict[str | None, list[Subject]] = {}
    for subject in subjects:
        if subject.predictions is not None:
            groups.setdefault(reviews_fingerprint(subject), []).append(subject)
    return list(groups.values())


def score_rows(subjects: Sequence[Subject]) -> list[Score]:
    """Return a row for each score, and after the accuracy its interval."""
    if not any(subject.predictions for subject in subjects):
        return []
    are_comparable = comparable(subjects)
    predictions = [subject.predictions for subject in subjects]
    rows: list[Score] = []
    kinds = [metrics.BETTER if each.positive.ndim == 1 else metrics.CLASS_BETTER for each in predictions if each]
    for name in dict.fromkeys(("n", *(name for kind in kinds for name in kind))):
        values = [None if each is None else each.scores.get(name) for each in predictions]
        shown = [NONE if value is None else f"{value:.4f}" for value in values] if name != "n" else _counts(predictions)
        if set(shown) == {NONE}:  # of labels without an order
            continue
        best = None
        known = [value for value in values if value is not None]
        differs = name in metrics.OTHERWISE and metrics.BETTER in kinds and metrics.CLASS_BETTER in kinds
        if are_comparable and name != "n" and not differs and len(set(known)) > 1:
            best = shown[values.index((max if metrics.higher_is_better(name) else min)(known))]
        meaning = _brier(subjects) if name == "brier" else _MEANING[name]
        meaning += _WEIGHTED if name == "n" and any("worth" in each for each in shown) else ""
        meaning += _guessing(subjects) if name == "log_loss" else ""
        rows.append(Score(_TITLES.get(name, name.replace("_", " ")), meaning, shown, best))
        if name == "accuracy":
            intervals = [None if each is None else each.scores["accuracy_interval"] for each in predictions]
            shown = [NONE if each is None else f"{each[0]:.4f} to {each[1]:.4f}" for each in intervals]
            rows.append(Score("95 % interval", _MEANING["interval"], shown, None))
        if name == "calibration_error":
            chances = [None if each is None else each.scores.get("calibration_error_by_chance") for each in predictions]
            shown = [NONE if chance is None else f"{chance:.4f}" for chance in chances]
            rows += [Score("calibration error by chance", _MEANING["by_chance"], shown, None)] * (set(shown) != {NONE})
    return rows


def _counts(predictions: Sequence[Predictions | None]) -> list[str]:
    """Return how many reviews each model was scored on, and what they are worth if they have weights."""
    found = []
    for each in predictions:
        scores = {} if each is None else each.scores
        worth = f", worth {scores['effective_n']:,.0f}" if "effective_n" in scores else ""
        found.append(f"{scores['n']:,}{worth}" if scores else NONE)
    return found


def _numbers_of_labels(subjects: Sequence[Subject]) -> list[int]:
    found = [each.predictions.positive for each in subjects if each.predictions is not None]
    return sorted({each.shape[1] if each.ndim == 2 else 2 for each in found})


def _guessing(subjects: Sequence[Subject]) -> str:
    """Return what guessing costs in log loss, for each number of labels."""
    return "".join(f" Guessing between {k} labels costs {np.log(k):.3f}." for k in _numbers_of_labels(subjects))


def _brier(subjects: Sequence[Subject]) -> str:
    """Return what the Brier score is: of negative and positive that of one probability, else the sum over all."""
    scored = [each for each in subjects if each.predictions is not None]
    summed = [each for each in scored if each.predictions is not None and each.predictions.positive.ndim == 2]
    if not summed:
        return _MEANING["brier"]
    guesses = "".join(f" Guessing between {k} labels costs {1 - 1 / k:.3f}." for k in _numbers_of_labels(summed))
    total = f"The squared errors of the probabilities of all labels, added up: 0 is perfect.{guesses}"
    if len(summed) == len(scored):
        return total
    return f"{_MEANING['brier']} With other labels than negative and positive: {total[0].lower()}{total[1:]}"


def paired_tests(subjects: Sequence[Subject]) -> list[str]:
    """Return the paired test of each run against the first of those that are scored on the same reviews."""
    found = []
    for first, other in ((group[0], other) for group in by_reviews(subjects) for other in group[1:]):
        a, b = first.predictions, other.predictions
        if a is not None and b is not None:
            # whether a prediction is right does not depend on how many labels there are
            right_a, right_b = (~head.contradicts(each.positive, each.label) for each in (a, b))
            paired = metrics.mcnemar(np.ones(len(a.label)), right_a, right_b, a.weight)
            verdict = metrics.verdict(paired, first.name, other.name)
            found.append(f"{first.name} and {other.name}: {verdict}")
    return found


def setting_rows(subjects: Sequence[Subject]) -> list[tuple[str, list[str], bool]]:
    """Return a row for each setting: its key, its value in each run, and whether the runs differ."""
    each = [subject_settings(subject) for subject in subjects]
    rows = [
        (key, [_setting(key, settings[key]) if key in settings else "not set" for settings in each])
        for key in compare.every_key(each)
    ]
    return [(key, values, len(set(values)) > 1) for key, values in rows]


def subject_config(subject: Subject) -> Config | None:
    """Return the settings of a run; of a model file those that it has."""
    path = subject.path / "config.yaml"
    if path.is_file() and (subject.facts or subject.classifier is None):
        return load_config(path).config
    return None if subject.classifier is None else subject.classifier.training_config()


def subject_settings(subject: Subject) -> dict[str, Any]:
    """Return the settings of `subject_config` by their dotted keys."""
    config = subject_config(subject)
    return {} if config is None else compare.flat_settings(config, "json")


def environment_rows(subjects: Sequence[Subject]) -> list[tuple[str, list[str]]]:
    """Return a row for each fact of run.json, without the scores."""
    each = [
        compare.flatten({key: subject.facts[key] for key in _FACTS if key in subject.facts}) for subject in subjects
    ]
    for subject, facts in zip(subjects, each, strict=True):
        if isinstance(facts.get("command"), list):
            facts["command"] = shlex.join(map(str, facts["command"]))  # to be typed again
        if subject.facts.get("digest"):
            facts["digest"] = f"{subject.facts['digest']} (model.safetensors)"
        if subject.classifier is not None:
            which = f" ({subject.file})" if subject.file else ""
            facts["features"] = f"{len(subject.classifier.vocabulary):,}{which}"
            facts["parameters"] = f"{subject.classifier.parameter_count:,}{which}"
    keys = list(dict.fromkeys(key for facts in each for key in facts))
    return [(key, [_as_text(facts[key]) if key in facts else NONE for facts in each]) for key in keys]


def _setting(key: str, value: Any) -> str:
    """Return the value of a setting as text. No cell is empty, as an empty list has a meaning, too."""
    if value == [] and key == "model.hidden":
        return "[]: no hidden layer; the pooled embedding goes straight to the output"
    return '""' if value == "" else _as_text(value)


def _as_text(value: Any) -> str:
    """Return a setting or a fact as text: lists as in YAML."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
