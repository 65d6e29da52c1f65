"""How good is a binary classifier: scores, curves, intervals and paired tests.

Everywhere below `label` is (n,), each 0 or 1, and `positive` is (n,), the probability of class 1, in [0, 1].
Both may be any sequence or array; all sums run in float64 and nothing is written into. Input of another
shape, of two lengths, empty, out of range or NaN raises a `ValueError` that names the problem.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

BETTER = {
    "accuracy": "higher",
    "precision": "higher",
    "recall": "higher",
    "f1": "higher",
    "roc_auc": "higher",
    "log_loss": "lower",
    "brier": "lower",
    "calibration_error": "lower",
}
"""The scalar metrics of `scores()`, and whether a "higher" or a "lower" value is the better one."""


THRESHOLD = 0.5
"""The probability of positive from which on the answer is positive."""


def decide(positive: ArrayLike) -> np.ndarray:
    """The answer to each probability, (n,) int64: 1 from 0.5 on (0.5 is positive), else 0. n may be 0."""
    return (_probabilities(positive) >= THRESHOLD).astype(np.int64)


def scores(label: ArrayLike, positive: ArrayLike) -> dict[str, Any]:
    """Every metric of one set of predictions, in plain Python values that go into JSON as they are.

    - `n`; `confusion`: the number of `true_positive`, `false_positive`, `true_negative`, `false_negative`.
    - `accuracy` in [0, 1], and `accuracy_interval`, its 95 % `wilson_interval` as [low, high].
    - `precision`, `recall`, `f1` of the positive class, in [0, 1]; 0.0 where the denominator is 0, as in
      scikit-learn with `zero_division=0`.
    - `roc_auc` in [0, 1]; None if only one class is present.
    - `log_loss` >= 0, in nats: the mean of -ln(probability of the true class), with that probability at least
      the smallest normal float64: a certain mistake costs 708.4 / n, not infinity (scikit-learn: 36.0 / n).
    - `brier` in [0, 1]: the mean of (positive - label)^2 (Brier 1950, who sums over both classes: twice it).
    - `calibration_error` in [0, 1]: that of the function, over ten bins.
    """
    label, positive = _checked(label, positive)
    answer = decide(positive) == 1
    n = len(label)
    tp, fp = int(np.sum(answer & label)), int(np.sum(answer & ~label))
    tn, fn = int(np.sum(~answer & ~label)), int(np.sum(~answer & label))
    of_truth = np.where(label, positive, 1 - positive)  # (n,) the probability given to the true class
    return {
        "n": n,
        "accuracy": (tp + tn) / n,
        "accuracy_interval": list(wilson_interval(tp + tn, n)),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "roc_auc": roc_auc(label, positive),
        # Clipped here, as 1 - tiny rounds to 1: clipping `positive` would leave ln 0. abs, as -0.0 looks odd.
        "log_loss": abs(float(np.mean(np.log(np.maximum(of_truth, np.finfo(np.float64).tiny))))),
        "brier": float(np.mean((positive - label) ** 2)),
        "calibration_error": calibration_error(label, positive),
        "confusion": {"true_positive": tp, "false_positive": fp, "true_negative": tn, "false_negative": fn},
    }


def roc_auc(label: ArrayLike, positive: ArrayLike) -> float | None:
    """The area under the ROC curve, in [0, 1]; None if only one class is present.

    It is the share of (positive, negative) pairs in which the positive has the higher probability, a tie
    counting one half: the Mann-Whitney U over its maximum (Hanley & McNeil 1982, "The meaning and use of the
    area under a receiver operating characteristic (ROC) curve"), here from the ranks.
    """
    label, positive = _checked(label, positive)
    positives, negatives = int(np.sum(label)), int(np.sum(~label))
    if not positives or not negatives:
        return None
    _, inverse, count = np.unique(positive, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2  # a tied block shares the mean of its ranks, which start at 1
    u = np.sum(rank[inverse][label]) - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def roc_curve(label: ArrayLike, positive: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`(false_positive_rate, true_positive_rate, threshold)`, each (k + 1,) for k distinct probabilities.

    Point j holds the rates of "positive if the probability is >= threshold[j]". Thresholds fall from infinity
    (nothing is positive), both rates rise from 0 to 1 (Fawcett 2006, "An introduction to ROC analysis",
    algorithm 1). `ValueError` if only one class is present.
    """
    label, positive = _checked(label, positive)
    if label.all() or not label.any():
        raise ValueError(f"a ROC curve needs both classes; every label is {int(label[0])}")
    value, inverse = np.unique(positive, return_inverse=True)  # ascending: the sums below start at the end
    hits = np.cumsum(np.bincount(inverse, weights=label)[::-1])  # (k,) positives at or above each value
    alarms = np.cumsum(np.bincount(inverse, weights=~label)[::-1])  # (k,) negatives
    return np.r_[0.0, alarms / alarms[-1]], np.r_[0.0, hits / hits[-1]], np.r_[np.inf, value[::-1]]


def calibration_bins(label: ArrayLike, positive: ArrayLike, bins: int = 10) -> list[dict[str, Any]]:
    """The reliability diagram: `bins` bins of equal width over the confidence max(p, 1 - p), in [0.5, 1].

    Each is a dict of `low` and `high`, its edges (low, high] (the first bin holds 0.5 too); `n`, the number
    of predictions in it; their mean `confidence` and their `accuracy`, both None if n is 0 (Guo et al. 2017,
    "On calibration of modern neural networks", section 2, on the half of [0, 1] that two classes leave).
    `ValueError` if `bins` < 1.
    """
    label, positive = _checked(label, positive)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    confidence = np.maximum(positive, 1 - positive)
    right = (decide(positive) == 1) == label
    edges = np.linspace(0.5, 1.0, bins + 1)
    index = np.searchsorted(edges[1:-1], confidence, side="left")  # (n,) by the very edges that are returned
    n, sure, correct = (np.bincount(index, w, minlength=bins).tolist() for w in (None, confidence, right))
    return [
        {"low": low, "high": high, "n": k, "confidence": _ratio(s, k, None), "accuracy": _ratio(c, k, None)}
        for low, high, k, s, c in zip(edges[:-1].tolist(), edges[1:].tolist(), n, sure, correct, strict=True)
    ]


def calibration_error(label: ArrayLike, positive: ArrayLike, bins: int = 10) -> float:
    """The expected calibration error, in [0, 1]: sum over bins of n_bin / n |accuracy - confidence|.

    Guo et al. 2017, eq. 3, over `calibration_bins`, whose errors it raises.
    """
    filled = [each for each in calibration_bins(label, positive, bins) if each["n"]]
    n = sum(each["n"] for each in filled)
    return math.fsum(each["n"] / n * abs(each["accuracy"] - each["confidence"]) for each in filled)


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval (low, high) of a share, `successes` of `n`, in [0, 1]; 95 % at the default `z`.

    The values p that a normal test would not reject, |share - p| <= z sqrt(p (1 - p) / n) (Wilson 1927,
    "Probable inference, the law of succession, and statistical inference"). It is sound near 0 and 1,
    where the textbook's share +- z s is not. `ValueError` unless 0 <= successes <= n and n > 0.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"an interval needs 0 <= successes <= n and n > 0, not {successes} of {n}")

    def low(k: int) -> float:
        return float((k + z * z / 2 - z * math.sqrt(k * (1 - k / n) + z * z / 4)) / (n + z * z))

    return low(successes), 1 - low(n - successes)  # by symmetry; no rounding then parts it from 0 or from 1


def mcnemar(label: ArrayLike, positive_a: ArrayLike, positive_b: ArrayLike) -> dict[str, Any]:
    """Do two classifiers differ on the same examples? The exact McNemar test.

    - `a_only`, `b_only`: the number of examples that only a, or only b, got right.
    - `difference`: the accuracy of a minus that of b, in [-1, 1].
    - `p_value` in [0, 1]: were both equally good, each disagreement would be the toss of a fair coin; this is
      the two-sided binomial probability of a split at least as uneven, 1.0 if even or if there is none
      (McNemar 1947; Dietterich 1998, "Approximate statistical tests for comparing supervised classification
      learning algorithms", section 3.1, whose chi-squared approximates it).
    """
    truth, positive_a = _checked(label, positive_a, "positive_a")
    truth, positive_b = _checked(label, positive_b, "positive_b")
    right_a, right_b = (decide(positive_a) == 1) == truth, (decide(positive_b) == 1) == truth
    a_only, b_only = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    return {
        "a_only": a_only,
        "b_only": b_only,
        "difference": (a_only - b_only) / len(truth),
        "p_value": _fair_coin(a_only, b_only),
    }


def verdict(paired: Mapping[str, Any]) -> str:
    """What a paired test says, `paired` as from `mcnemar`."""
    verdict = "a difference this large is rare by chance" if paired["p_value"] < 0.05 else "no clear difference"
    return (
        f"paired test: {paired['a_only']:,} reviews only the first got right, {paired['b_only']:,} only the second; "
        f"p = {paired['p_value']:.3g} (McNemar, exact): {verdict}"
    )


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """`mean`, `standard_deviation`, `min` and `max` of one metric over several seeds, `values` (n,).

    The deviation divides by n - 1 (Bessel) and is 0.0 for a single value. The sums are exact, so equal values
    have no deviation, and order has no effect. `ValueError` if `values` is empty, nested or not finite.
    """
    v = np.asarray(values, np.float64)
    if v.ndim != 1 or not len(v) or not np.isfinite(v).all():
        raise ValueError(f"spread needs a flat sequence of one or more finite values, not {values!r}")
    v = v.tolist()
    deviation = statistics.stdev(v) if len(v) > 1 else 0.0
    return {"mean": statistics.mean(v), "standard_deviation": deviation, "min": min(v), "max": max(v)}


def _fair_coin(heads: int, tails: int) -> float:
    """The probability that fair tosses split at least as unevenly: min(1, 2 sum_{i=0..k} C(n, i) / 2^n)."""
    n, k = heads + tails, min(heads, tails)
    # The largest term, C(n, k) / 2^n, in logarithms as 2^-n underflows; the others relative to it:
    log_largest = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
    i = np.arange(k, 0, -1)
    total = 1 + float(np.sum(np.cumprod(i / (n - i + 1))))  # C(n, i - 1) / C(n, i) = i / (n - i + 1)
    return min(1.0, 2 * math.exp(log_largest + math.log(total)))


def _ratio(part: float, whole: int, otherwise: float | None = 0.0) -> float | None:
    return part / whole if whole else otherwise


def _probabilities(positive: ArrayLike, name: str = "positive") -> np.ndarray:
    p = np.asarray(positive, np.float64)
    if p.ndim != 1:
        raise ValueError(f"{name} must have shape (n,), not {p.shape}")
    wrong = np.flatnonzero(~((p >= 0) & (p <= 1)))  # NaN is neither
    if len(wrong):
        raise ValueError(f"{name} must be probabilities in [0, 1]; {name}[{wrong[0]}] is {p[wrong[0]]}")
    return p


def _checked(label: ArrayLike, positive: ArrayLike, name: str = "positive") -> tuple[np.ndarray, np.ndarray]:
    """`label` as (n,) bool and `positive` as (n,) float64, n > 0."""
    y, p = np.asarray(label), _probabilities(positive, name)
    if y.shape != p.shape:
        raise ValueError(f"label and {name} must have the same shape (n,), not {y.shape} and {p.shape}")
    if not len(y):
        raise ValueError("there is nothing to score: n = 0")
    wrong = np.flatnonzero((y != 0) & (y != 1))
    if len(wrong):
        raise ValueError(f"label must be 0 or 1; label[{wrong[0]}] is {y[wrong[0]]}")
    return y == 1, p
