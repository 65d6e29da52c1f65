"""Evaluate binary classifiers: metrics, curves, confidence intervals and paired tests.

In all functions `label` is (n,), each 0 or 1, and `positive` is (n,), the probability of class 1, in [0, 1]. Both may
be any sequence or array. Some also take `weight` (n,), each finite and at least 0: an example of weight k counts as k
examples, and one of weight 0 as none. Sums are in float64, and arguments are not modified. A `ValueError` names the
problem if the shape or length is wrong, the input is empty, or a value is out of range or NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike  # the import is slow, and prediction does without

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
"""The scalar metrics of `scores()`, and whether a "higher" or a "lower" value is better."""


BINS = 10
"""The bins of the reliability diagram and of the calibration error."""

THRESHOLD = 0.5
"""The smallest probability of positive for which the predicted label is positive."""


def decide(positive: ArrayLike) -> np.ndarray:
    """Return the predicted label for each probability, (n,) int64: 1 if it is at least 0.5, else 0. n may be 0."""
    return (_probabilities(positive) >= THRESHOLD).astype(np.int64)


def scores(
    label: ArrayLike, positive: ArrayLike, weight: ArrayLike | None = None, predicted: ArrayLike | None = None
) -> dict[str, Any]:
    """Return all metrics of a set of predictions, as plain Python values for JSON.

    `predicted` (n,) are the predicted labels; None: those of `decide`. The area under the curve, log loss, Brier score
    and calibration error are of the probabilities, whatever is predicted.

    - `n`, the number of examples whose weight is not 0; with weights also `effective_n`, see `effective_number`.
    - `confusion`: the number of `true_positive`, `false_positive`, `true_negative`, `false_negative`; with weights, the
      sums of their weights.
    - `accuracy` in [0, 1], and `accuracy_interval`, its 95 % `wilson_interval` as [low, high], for `effective_n`
      examples.
    - `precision`, `recall`, `f1` of the positive class, in [0, 1]; 0.0 where the denominator is 0, as in
      scikit-learn with `zero_division=0`.
    - `roc_auc` in [0, 1]; None if only one class is present.
    - `log_loss` >= 0, in nats: the mean of -ln(probability of the true class), with that probability at least
      the smallest normal float64: a mistake with probability 1 costs 708.4 / n, not infinity (scikit-learn: 36.0 / n).
    - `brier` in [0, 1]: the mean of (positive - label)^2 (Brier 1950 sums over both classes: twice this value).
    - `calibration_error` in [0, 1]: see `calibration_error`, with ten bins.
    """
    answer = decide(positive) if predicted is None else np.asarray(predicted)
    if predicted is not None and answer.shape != np.shape(label):
        raise ValueError(f"predicted must have the shape of label, {np.shape(label)}, not {answer.shape}")
    given = weight
    label, positive, weight = _weighted(label, positive, weight)
    is_positive = (answer if given is None else answer[np.asarray(given) > 0]) == 1
    tp, fp = _total(is_positive & label, weight), _total(is_positive & ~label, weight)
    tn, fn = _total(~is_positive & ~label, weight), _total(~is_positive & label, weight)
    total = tp + fp + tn + fn
    n = len(label) if weight is None else effective_number(weight)
    true_class = np.where(label, positive, 1 - positive)  # (n,) the probability of the true class
    return {
        "n": len(label),
        **({} if weight is None else {"effective_n": n}),
        "accuracy": (tp + tn) / total,
        "accuracy_interval": list(wilson_interval((tp + tn) / total * n if weight is not None else tp + tn, n)),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "roc_auc": roc_auc(label, positive, weight),
        # 1 - tiny rounds to 1, so clipping `positive` would leave ln 0. abs() turns -0.0 into 0.0.
        "log_loss": abs(_mean(np.log(np.maximum(true_class, np.finfo(np.float64).tiny)), weight)),
        "brier": _mean((positive - label) ** 2, weight),
        "calibration_error": calibration_error(label, positive, weight=weight),
        "confusion": {"true_positive": tp, "false_positive": fp, "true_negative": tn, "false_negative": fn},
    }


def effective_number(weight: ArrayLike) -> float:
    """Return how many examples of equal weight tell as much as these: (sum of w)^2 / sum of w^2 (Kish 1965).

    It is at least 1 and at most n, whatever the unit of the weights, `weight` (n,). `ValueError` if all are 0.
    """
    w = np.asarray(weight, np.float64)
    if not w.sum() > 0:
        raise ValueError("weights need one above 0")
    w = w / w.max()  # the square of a tiny weight would be 0
    return min(float(w.sum() ** 2 / np.sum(w * w)), float(len(w)))


def roc_auc(label: ArrayLike, positive: ArrayLike, weight: ArrayLike | None = None) -> float | None:
    """Return the area under the ROC curve, in [0, 1]; None if only one class is present.

    It is the share of (positive, negative) pairs in which the positive example has the higher probability; a tie counts
    one half. This is the Mann-Whitney U over its maximum (Hanley & McNeil 1982, "The meaning and use of the area under
    a receiver operating characteristic (ROC) curve"), computed from the ranks.
    """
    label, positive, weight = _weighted(label, positive, weight)
    if label.all() or not label.any():
        return None
    if weight is not None:
        return _weighted_auc(label, positive, weight)
    positives, negatives = int(np.sum(label)), int(np.sum(~label))
    _, inverse, count = np.unique(positive, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2  # tied values share their mean rank; ranks start at 1
    u = np.sum(rank[inverse][label]) - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def _weighted_auc(label: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> float:
    """Return the area under the ROC curve, where each pair counts as much as the product of its weights."""
    _, value = np.unique(positive, return_inverse=True)
    ones, zeros = (np.bincount(value, weight * kind, minlength=value.max() + 1) for kind in (label, ~label))
    below = np.cumsum(zeros) - zeros / 2  # (k,) the weight of negatives with a lower value; a tie counts one half
    return float(ones @ below / (ones.sum() * zeros.sum()))


def roc_curve(
    label: ArrayLike, positive: ArrayLike, weight: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `(false_positive_rate, true_positive_rate, threshold)`, each (k + 1,) for k distinct probabilities.

    Point j has the rates for "positive if the probability is >= threshold[j]". Thresholds decrease from infinity, where
    nothing is positive; both rates increase from 0 to 1 (Fawcett 2006, "An introduction to ROC analysis", algorithm 1).
    `ValueError` if only one class is present.
    """
    label, positive, weight = _weighted(label, positive, weight)
    if label.all() or not label.any():
        raise ValueError(f"a ROC curve needs both classes; every label is {int(label[0])}")
    value, inverse = np.unique(positive, return_inverse=True)  # ascending, so the sums below are in reverse order
    each = np.ones(len(label)) if weight is None else weight
    true_positives = np.cumsum(np.bincount(inverse, label * each)[::-1])  # (k,) positives at or above each value
    false_positives = np.cumsum(np.bincount(inverse, ~label * each)[::-1])  # (k,) negatives
    rates = (np.r_[0.0, count / count[-1]] for count in (false_positives, true_positives))
    return *rates, np.r_[np.inf, value[::-1]]


def calibration_bins(
    label: ArrayLike, probability: ArrayLike, bins: int = BINS, weight: ArrayLike | None = None
) -> list[dict[str, Any]]:
    """Return the reliability diagram: `bins` bins of equal width over the confidence, the largest probability.

    `probability` is that of positive (n,), whose confidence is in [0.5, 1], or that of K classes (n, K), in [0, 1].
    Each bin is a dict of `low` and `high`, its edges (low, high] (the first bin includes its low edge); `n`, the number
    of its predictions, or the sum of their weights; their mean `confidence` and their `accuracy`, both None if n is 0
    (Guo et al. 2017, "On calibration of modern neural networks", section 2). `ValueError` if `bins` < 1.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    if np.ndim(probability) == 2:
        is_correct, confidence = _is_right(label, probability, "probability"), np.max(probability, axis=1)
        weight = None if weight is None else _checked_weight(weight, is_correct.shape)
    else:
        label, positive, weight = _weighted(label, probability, weight)
        is_correct, confidence = (decide(positive) == 1) == label, np.maximum(positive, 1 - positive)
    edges = bin_edges(np.ndim(probability), bins)
    index = np.searchsorted(edges[1:-1], confidence, side="left")  # (n,)
    each = np.ones(len(confidence), np.int64) if weight is None else np.asarray(weight, np.float64)
    sums = (None if weight is None else each, confidence * each, is_correct * each)
    n, total, correct = (np.bincount(index, values, minlength=bins).tolist() for values in sums)
    return [
        {"low": low, "high": high, "n": k, "confidence": _ratio(s, k, None), "accuracy": _ratio(c, k, None)}
        for low, high, k, s, c in zip(edges[:-1].tolist(), edges[1:].tolist(), n, total, correct, strict=True)
    ]


def bin_edges(dimensions: int, bins: int = BINS) -> np.ndarray:
    """Return the edges (bins + 1,) of the bins of `calibration_bins`, for probabilities (n,) or (n, K)."""
    return np.linspace(0.5 if dimensions == 1 else 0.0, 1.0, bins + 1)


def calibration_error(
    label: ArrayLike, positive: ArrayLike, bins: int = BINS, weight: ArrayLike | None = None
) -> float:
    """Return the expected calibration error, in [0, 1]: the sum over bins of n_bin / n |accuracy - confidence|.

    Guo et al. 2017, eq. 3, with the bins of `calibration_bins`. Of few examples it is too large, even for perfect
    probabilities: a bin of two differs from its confidence by chance, see `calibration_error_by_chance`.
    """
    filled = [each for each in calibration_bins(label, positive, bins, weight) if each["n"]]
    n = math.fsum(each["n"] for each in filled)
    return math.fsum(each["n"] / n * abs(each["accuracy"] - each["confidence"]) for each in filled)


def calibration_error_by_chance(probability: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the calibration error that perfect probabilities would have on so many examples, on average, in [0, 1].

    `probability` is (n,), of class 1, or (n, K), of K classes; the bins are those of the calibration error. An example
    is then right with its confidence c, and the gap of a bin is a sum of independent terms, each with the variance
    w^2 c (1 - c). The mean of its absolute value is sqrt(2 / pi) times its standard deviation, as of a normal
    distribution, and at most the sum of 2 w c (1 - c). A calibration error near the result says nothing against a model
    (Roelofs et al. 2022, "Mitigating bias in calibration error estimation").
    """
    p = np.asarray(probability, np.float64)
    if p.ndim != 2:
        p = _probabilities(p, "probability")
    elif not np.isfinite(p).all():
        raise ValueError("probability must be finite")
    if not p.size:
        raise ValueError("there is nothing to score: n = 0")
    confidence = np.maximum(p, 1 - p) if p.ndim == 1 else p.max(axis=1)
    w = np.ones(len(p)) if weight is None else _checked_weight(weight, p.shape[:1])
    index = np.searchsorted(bin_edges(p.ndim)[1:-1], confidence, side="left")
    variance = confidence * np.maximum(1 - confidence, 0)  # (n,); the sum of probabilities may be rounded to above 1
    normal = np.sqrt(2 / np.pi * np.bincount(index, w * w * variance))
    return float(np.minimum(normal, 2 * np.bincount(index, w * variance)).sum() / w.sum())


def wilson_interval(successes: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Return the score interval (low, high) of a share, `successes` of `n`, in [0, 1]; 95 % at the default `z`.

    With weights, both are effective numbers, and not whole.

    It contains the values p that a normal test does not reject: |share - p| <= z sqrt(p (1 - p) / n) (Wilson 1927,
    "Probable inference, the law of succession, and statistical inference"). Near 0 and 1 it is accurate, unlike the
    usual share +- z s. `ValueError` unless 0 <= successes <= n and n >= 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"an interval needs 0 <= successes <= n and n >= 1, not {successes} of {n}")

    def low(k: float) -> float:
        return float((k + z * z / 2 - z * math.sqrt(k * (1 - k / n) + z * z / 4)) / (n + z * z))

    return low(successes), 1 - low(n - successes)  # by symmetry, so that 0 and 1 are exact


def mcnemar(
    label: ArrayLike, positive_a: ArrayLike, positive_b: ArrayLike, weight: ArrayLike | None = None
) -> dict[str, Any]:
    """Compare two classifiers on the same examples by the exact McNemar test, by their answers.

    The probabilities are those of positive (n,), or of K classes (n, K).

    - `a_only`, `b_only`: the number of examples that only a, or only b, got right.
    - `difference`: the accuracy of a minus that of b, in [-1, 1].
    - `p_value` in [0, 1]: if both are equally good, each disagreement is the toss of a fair coin. This is the two-sided
      binomial probability of a split at least as uneven; 1.0 for an even split or no disagreement (McNemar 1947;
      Dietterich 1998, "Approximate statistical tests for comparing supervised classification learning algorithms",
      section 3.1, whose chi-squared approximates it).
    - `note`, if there are weights: the test counts examples, each once; those of weight 0 do not count, as in scores.

    `ValueError` for invalid probabilities, labels and weights.
    """
    correct_a, correct_b = _is_right(label, positive_a, "positive_a"), _is_right(label, positive_b, "positive_b")
    if weight is not None:
        counts = _checked_weight(weight, correct_a.shape) > 0
        correct_a, correct_b = correct_a[counts], correct_b[counts]
    a_only, b_only = int(np.sum(correct_a & ~correct_b)), int(np.sum(correct_b & ~correct_a))
    return {
        "a_only": a_only,
        "b_only": b_only,
        "difference": (a_only - b_only) / len(correct_a),
        "p_value": _fair_coin(a_only, b_only),
        **({} if weight is None else {"note": "each review counts once in this test, whatever its weight"}),
    }


def _is_right(label: ArrayLike, probability: ArrayLike, name: str) -> np.ndarray:
    """Return whether the most probable class is the label: (n,) bool."""
    p, y = np.asarray(probability, np.float64), np.asarray(label)
    if p.ndim == 2:
        if y.shape != p.shape[:1] or not len(y) or not np.isfinite(p).all():
            raise ValueError(
                f"{name} must have shape (n,), not {p.shape}, or (n, K) with the n of label, and be finite"
            )
        wrong = np.flatnonzero(~np.isin(y, np.arange(p.shape[1])))
        if len(wrong):
            raise ValueError(f"label must be from 0 to {p.shape[1] - 1}; label[{wrong[0]}] is {y[wrong[0]]}")
        return p.argmax(axis=1) == y
    truth, p = _checked(label, probability, name)
    return (decide(p) == 1) == truth


def verdict(paired: Mapping[str, Any], first: str = "the first", second: str = "the second") -> str:
    """Return a sentence for people about the result of `mcnemar`, with the names of the two."""
    verdict = "a difference this large is rare by chance" if paired["p_value"] < 0.05 else "no clear difference"
    only = f"{paired['a_only']:,} review{'s' * (paired['a_only'] != 1)} only {first} got right"
    note = f"; {paired['note']}" if "note" in paired else ""
    p = f"p = {paired['p_value']:.3g} (McNemar, exact)"
    return f"paired test: {only}, {paired['b_only']:,} only {second}; {p}: {verdict}{note}"


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Return `mean`, `standard_deviation`, `min` and `max` of one metric over several seeds, `values` (n,).

    The deviation divides by n - 1 (Bessel) and is 0.0 for a single value. The sums are exact: equal values have no
    deviation, and the order has no effect. `ValueError` if `values` is empty, nested or not finite.
    """
    v = np.asarray(values, np.float64)
    if v.ndim != 1 or not len(v) or not np.isfinite(v).all():
        raise ValueError(f"spread needs a flat sequence of one or more finite values, not {values!r}")
    v = v.tolist()
    import statistics  # the import is slow, and prediction does without

    deviation = statistics.stdev(v) if len(v) > 1 else 0.0
    return {"mean": statistics.mean(v), "standard_deviation": deviation, "min": min(v), "max": max(v)}


def _fair_coin(heads: int, tails: int) -> float:
    """Return the probability that fair tosses split at least as unevenly: min(1, 2 sum_{i=0..k} C(n, i) / 2^n)."""
    n, k = heads + tails, min(heads, tails)
    # The largest term, C(n, k) / 2^n, is computed in logarithms since 2^-n underflows; the others relative to it:
    log_largest = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
    i = np.arange(k, 0, -1)
    total = 1 + float(np.sum(np.cumprod(i / (n - i + 1))))  # C(n, i - 1) / C(n, i) = i / (n - i + 1)
    return min(1.0, 2 * math.exp(log_largest + math.log(total)))


def _total(chosen: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the number of chosen examples, or the sum of their weights."""
    return int(np.sum(chosen)) if weight is None else float(np.sum(weight[chosen]))


def _mean(values: np.ndarray, weight: np.ndarray | None) -> float:
    return float(np.average(values, weights=weight))


def _ratio(numerator: float, denominator: float, otherwise: float | None = 0.0) -> float | None:
    return numerator / denominator if denominator else otherwise


def _probabilities(positive: ArrayLike, name: str = "positive") -> np.ndarray:
    p = np.asarray(positive, np.float64)
    if p.ndim != 1:
        raise ValueError(f"{name} must have shape (n,), not {p.shape}")
    wrong = np.flatnonzero(~((p >= 0) & (p <= 1)))  # also true for NaN
    if len(wrong):
        raise ValueError(f"{name} must be probabilities in [0, 1]; {name}[{wrong[0]}] is {p[wrong[0]]}")
    return p


def _checked(label: ArrayLike, positive: ArrayLike, name: str = "positive") -> tuple[np.ndarray, np.ndarray]:
    """Return `label` as (n,) bool and `positive` as (n,) float64; ValueError if they are invalid or n is 0."""
    y, p = np.asarray(label), _probabilities(positive, name)
    if y.shape != p.shape:
        raise ValueError(f"label and {name} must have the same shape (n,), not {y.shape} and {p.shape}")
    if not len(y):
        raise ValueError("there is nothing to score: n = 0")
    wrong = np.flatnonzero((y != 0) & (y != 1))
    if len(wrong):
        raise ValueError(f"label must be 0 or 1; label[{wrong[0]}] is {y[wrong[0]]}")
    return y == 1, p


def _weighted(
    label: ArrayLike, positive: ArrayLike, weight: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return checked labels, probabilities and weights, without the examples of weight 0."""
    y, p = _checked(label, positive)
    if weight is None:
        return y, p, None
    w = _checked_weight(weight, y.shape)
    kept = w > 0
    return y[kept], p[kept], w[kept]


def _checked_weight(weight: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return `weight` as float64; ValueError if its shape is not `shape` (n,), a weight is invalid, or all are 0."""
    w = np.asarray(weight, np.float64)
    if w.shape != shape:
        raise ValueError(f"weight must have shape {shape}, a weight for each example, not {w.shape}")
    wrong = np.flatnonzero(~(np.isfinite(w) & (w >= 0)))
    if len(wrong):
        raise ValueError(f"weight must be finite and at least 0; weight[{wrong[0]}] is {w[wrong[0]]}")
    if not (w > 0).any():
        raise ValueError("there is nothing to score: every weight is 0")
    return w
