"""The YAML header of a model card, by which the Hugging Face hub finds, filters and shows a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sentibp.utils.json_types import finite_number

METRICS = {  # name of a score -> its name in the card, and its type on the hub
    "accuracy": ("accuracy", "accuracy"),
    "precision": ("precision", "precision"),
    "recall": ("recall", "recall"),
    "f1": ("F1", "f1"),
    "macro_f1": ("macro-F1", "f1"),
    "roc_auc": ("ROC AUC", "roc_auc"),
    "mae": ("mean absolute error, in classes", "mae"),
    "quadratic_weighted_kappa": ("quadratic weighted kappa", "quadratic_weighted_kappa"),
    "ranked_probability_score": ("ranked probability score", "ranked_probability_score"),
    "log_loss": ("log loss", "log_loss"),
    "brier": ("Brier score", "brier_score"),
    "calibration_error": ("calibration error", "expected_calibration_error"),
}


def write_header(
    title: str,
    license: str | None,
    languages: Sequence[str],
    sources: Sequence[str],
    scores: Mapping[str, Any],
    is_sentiment: bool,
) -> str:
    """Return the header as YAML, with the scores as a `model-index`. `sources` are the names of the training data."""
    import yaml

    public = [name.partition(":")[0] for name in sources if is_hub_id(name)]
    results = _results(sources, scores, is_sentiment)
    header: dict[str, Any] = {
        "library_name": "sentibp",
        "license": license or "unknown",
        "language": list(languages) or None,
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", *(["sentiment-analysis"] if is_sentiment else []), "safetensors"],
        "datasets": public or None,
        "metrics": list(dict.fromkeys(kind for _, kind, _ in _values(scores))) or None,
        "model-index": [{"name": title, "results": [results]}] if results else None,
    }
    kept = {key: value for key, value in header.items() if value is not None}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=1000)


def _values(scores: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Yield the name, the type on the hub, and the value of each score."""
    for key, (name, kind) in METRICS.items():
        value = finite_number(scores.get(key))
        if value is not None:
            yield name, kind, value


def _results(sources: Sequence[str], scores: Mapping[str, Any], is_sentiment: bool) -> dict[str, Any] | None:
    """Return the scores as an entry of the model-index, or None if there are none."""
    metrics = []
    for name, kind, value in _values(scores):
        metric: dict[str, Any] = {"type": kind, "value": value, "name": name}
        if kind == "accuracy" and (interval := interval_of(scores)):
            metric["args"] = {"interval": list(interval), "confidence": 0.95, "n": finite_number(scores.get("n"))}
        metrics.append(metric)
    if not metrics:
        return None
    is_hub = len(sources) == 1 and is_hub_id(sources[0])
    name = f"{sources[0]}, held-out reviews" if is_hub else "held-out reviews"
    dataset = {"name": name, "type": sources[0].partition(":")[0] if is_hub else "reviews"}
    task = "Sentiment analysis" if is_sentiment else "Text classification"
    return {"task": {"type": "text-classification", "name": task}, "dataset": dataset, "metrics": metrics}


def is_hub_id(name: str) -> bool:
    """Return whether a source is a data set of the hub, and not a path."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", name, re.ASCII)) and not name.startswith(".")


def interval_of(scores: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the 95 % interval of the accuracy, or None."""
    values = scores.get("accuracy_interval")
    if not isinstance(values, list | tuple) or len(values) != 2:
        return None
    low, high = map(finite_number, values)
    return None if low is None or high is None else (low, high)
