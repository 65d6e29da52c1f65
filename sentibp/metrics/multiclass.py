"""Evaluate classifiers of K classes, in order or not.

In all functions `label` is (n,), each a class from 0 to K - 1, and `probability` is (n, K), each row with the sum 1.
`weight` (n,) is as in `binary`. A `ValueError` names the problem if the shapes are wrong or the input is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.metrics.binary import BETTER, BINS, bin_edges, effective_number, wilson_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CLASS_BETTER = {
    "accuracy": "higher",
    "macro_f1": "higher",
    "mae": "lower",
    "quadratic_weighted_kappa": "higher",
    "ranked_probability_score": "lower",
    "log_loss": "lower",
    "brier": "lower",
    "calibration_error": "lower",
}
"""The scalar metrics of `class_scores()`, and whether a "higher" or a "lower" value is better."""

ALL_BETTER = BETTER | CLASS_BETTER
"""The scalar metrics of both, in the same way."""

ORDERED = ("mae", "quadratic_weighted_kappa", "ranked_probability_score")
"""Those of classes in order."""

OTHERWISE = ("brier", "calibration_error")
"""Those that `scores()` defines otherwise: of the probability of positive, where these are of all probabilities."""

_ROUNDED = 1e-4  # how far the sum of a row may be from 1: float32 adds many


def higher_is_better(metric: str) -> bool:
    """Return whether a higher value of a scalar metric is better."""
    return ALL_BETTER[metric] == "higher"


def class_scores(
    label: ArrayLike,
    probability: ArrayLike,
    weight: ArrayLike | None = None,
    predicted: ArrayLike | None = None,
    *,
    names: Sequence[str],
    ordered: bool = True,
) -> dict[str, Any]:
    """Return all metrics of a set of predictions, as plain Python values for JSON.

    - `n`, `effective_n`, `accuracy`, `accuracy_interval`, `log_loss` as in `scores`. The predicted class is the one
      with the largest probability, the first of several, or that of `predicted` (n,), from 0 to K - 1.
    - `macro_f1` in [0, 1]: the mean of the F1 of all classes that occur, or are predicted.
    - of ordered classes, `mae` in [0, K - 1]: the mean distance, in classes, from the right one to `median_class`, or
      to that of `predicted`; `quadratic_weighted_kappa` in [-1, 1] of the same classes (Cohen 1968): 1 is perfect, 0 is
      chance; None if it is undefined; and `ranked_probability_score` in [0, 1] (Epstein 1969): the mean squared error
      of the K - 1 cumulative probabilities, 0 is perfect. A mistake by one class costs less than one by four.
    - `brier` in [0, 2]: the mean of the sum over classes of (probability - 1[class is right])^2 (Brier 1950).
    - `calibration_error` in [0, 1]: as in `binary`, with ten bins of the largest probability in [0, 1].
    - `classes`: for each name `n`, `precision`, `recall` and `f1` in [0, 1]; 0.0 where the denominator is 0.
    - `confusion`: for each right class, how often each class is predicted, as a mapping of names.
    """
    y, p, w = _checked(label, probability, weight)
    given = None if predicted is None else _checked_classes(predicted, np.shape(probability))
    if given is not None and weight is not None:
        given = given[np.asarray(weight) > 0]
    classes, likely = p.shape[1], p.argmax(axis=1)
    confusion = _confusion(y, likely if given is None else given, w, classes)
    n = len(y) if weight is None else effective_number(w)
    accuracy = min(float(np.trace(confusion) / confusion.sum()), 1.0)  # the sums are rounded otherwise
    of_right = p[np.arange(len(y)), y]
    per_class = _per_class(confusion, whole=weight is None)
    f1 = [
        each["f1"] for each, row, column in zip(per_class, confusion, confusion.T, strict=True) if (row + column).any()
    ]
    cells = confusion.astype(np.int64).tolist() if weight is None else confusion.tolist()
    return {
        "n": len(y),
        **({} if weight is None else {"effective_n": n}),
        "accuracy": accuracy,
        "accuracy_interval": list(wilson_interval(accuracy * n, n)),
        "macro_f1": float(np.mean(f1)),
        **(_ordered_scores(y, p, w, given) if ordered else {}),
        "log_loss": abs(float(np.average(np.log(np.maximum(of_right, np.finfo(np.float64).tiny)), weights=w))),
        "brier": float(np.average(((p - np.eye(classes)[y]) ** 2).sum(axis=1), weights=w)),
        "calibration_error": _calibration_error(p.max(axis=1), likely == y, w),
        "classes": dict(zip(names, per_class, strict=True)),
        "confusion": {name: dict(zip(names, row, strict=True)) for name, row in zip(names, cells, strict=True)},
    }


def median_class(probability: ArrayLike) -> np.ndarray:
    """Return the class in the middle of each distribution, (n,): half of the probability is in it or below.

    It has the least expected distance to the right class, as the most probable class has the least expected error.
    """
    p = np.asarray(probability, np.float64)
    return (np.cumsum(p, axis=1)[:, :-1] < 0.5 * p.sum(axis=1, keepdims=True)).sum(axis=1)


def _ordered_scores(y: np.ndarray, p: np.ndarray, w: np.ndarray, given: np.ndarray | None) -> dict[str, Any]:
    classes, predicted = p.shape[1], median_class(p) if given is None else given
    distance = (np.arange(classes)[:, None] - np.arange(classes)) ** 2
    observed = _confusion(y, predicted, w, classes)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    by_chance = float((distance * expected).sum())
    reached = (np.arange(classes - 1) >= y[:, None]).astype(np.float64)  # (n, K - 1) the right cumulative distribution
    return {
        "mae": float(np.average(np.abs(predicted - y), weights=w)),
        "quadratic_weighted_kappa": 1 - float((distance * observed).sum()) / by_chance if by_chance else None,
        "ranked_probability_score": float(
            np.average(((np.cumsum(p, axis=1)[:, :-1] - reached) ** 2).mean(axis=1), weights=w)
        ),
    }


def _confusion(y: np.ndarray, predicted: np.ndarray, w: np.ndarray, classes: int) -> np.ndarray:
    """Return the weight of each right class (rows) and predicted class (columns): (K, K)."""
    return np.bincount(classes * y + predicted, w, minlength=classes**2).reshape(classes, classes)


def _per_class(confusion: np.ndarray, *, whole: bool) -> list[dict[str, Any]]:
    right, real, said = (values.tolist() for values in (np.diag(confusion), confusion.sum(1), confusion.sum(0)))
    return [
        {
            "n": int(n) if whole else n,
            "precision": hit / claimed if claimed else 0.0,
            "recall": hit / n if n else 0.0,
            "f1": 2 * hit / (n + claimed) if n + claimed else 0.0,
        }
        for hit, n, claimed in zip(right, real, said, strict=True)
    ]


def _calibration_error(confidence: np.ndarray, is_right: np.ndarray, w: np.ndarray) -> float:
    """Return the expected calibration error of the predicted class (Guo et al. 2017, eq. 3)."""
    index = np.searchsorted(bin_edges(2)[1:-1], confidence, side="left")
    total = np.bincount(index, w, minlength=BINS)
    gap = np.bincount(index, w * (is_right - confidence), minlength=BINS)
    return float(np.abs(gap).sum() / total.sum())


def _checked_classes(predicted: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return predicted classes (n,). ValueError if there are others than the probabilities (n, K) have."""
    found = np.asarray(predicted)
    if found.shape != shape[:1] or not np.isin(found, np.arange(shape[-1])).all():
        raise ValueError(f"predicted must be (n,), each from 0 to {shape[-1] - 1}")
    return found.astype(np.int64)


def _checked(
    label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return checked labels, probabilities and weights, without the examples of weight 0."""
    y, p = np.asarray(label), np.asarray(probability, np.float64)
    if p.ndim != 2 or y.shape != p.shape[:1] or p.shape[1] < 2:
        raise ValueError(f"label must be (n,) and probability (n, K), not {y.shape} and {p.shape}")
    if not len(y):
        raise ValueError("there is nothing to score: n = 0")
    if not (np.isfinite(p).all() and (p >= 0).all() and (np.abs(p.sum(axis=1) - 1) <= _ROUNDED).all()):
        raise ValueError("each row of probability must be probabilities with the sum 1")
    wrong = np.flatnonzero(~np.isin(y, np.arange(p.shape[1])))
    if len(wrong):
        raise ValueError(f"label must be from 0 to {p.shape[1] - 1}; label[{wrong[0]}] is {y[wrong[0]]}")
    w = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    if w.shape != y.shape or not (np.isfinite(w) & (w >= 0)).all():
        raise ValueError("weight must be (n,), each finite and at least 0")
    kept = w > 0
    if not kept.any():
        raise ValueError("there is nothing to score: every weight is 0")
    return y[kept].astype(np.int64), p[kept], w[kept]
