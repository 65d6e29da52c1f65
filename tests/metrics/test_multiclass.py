"""The scores of several classes, compared with scikit-learn's and with sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from sentibp.metrics import (
    CLASS_BETTER,
    ORDERED,
    calibration_bins,
    calibration_error,
    class_scores,
    effective_number,
    mcnemar,
    median_class,
    scores,
    wilson_interval,
)

NAMES = ("awful", "poor", "fine", "great")


def drawn(seed: int, n: int = 60, k: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, k, n), rng.dirichlet(np.ones(k) / 2, n), rng.integers(0, 4, n).astype(np.float64) + 0.5


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of classes that are not predicted
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.integers(8, 80))
def test_the_scores_are_those_of_scikit_learn(seed, weighted, n):
    label, p, weight = drawn(seed, n)
    w = weight if weighted else None
    found = class_scores(label, p, w, names=NAMES)
    said, median, every = p.argmax(axis=1), median_class(p), range(4)
    assert found["n"] == n
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(label, said, sample_weight=w))
    macro = oracle.f1_score(
        label, said, average="macro", sample_weight=w, labels=np.union1d(label, said), zero_division=0
    )
    assert found["macro_f1"] == pytest.approx(macro)
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(label, median, sample_weight=w))
    kappa = oracle.cohen_kappa_score(label, median, labels=every, weights="quadratic", sample_weight=w)
    assert found["quadratic_weighted_kappa"] == pytest.approx(kappa, abs=1e-12)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(label, p, sample_weight=w, labels=every))
    precision, recall, f1, count = oracle.precision_recall_fscore_support(
        label, said, labels=every, sample_weight=w, zero_division=0
    )
    for i, name in enumerate(NAMES):
        numbers = found["classes"][name]
        assert list(numbers.values()) == pytest.approx([count[i], precision[i], recall[i], f1[i]])
    confusion = oracle.confusion_matrix(label, said, labels=every, sample_weight=w)
    assert [list(row.values()) for row in found["confusion"].values()] == pytest.approx(confusion)


def test_the_scores_by_hand():
    p = [[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.45, 0.1, 0.45]]
    found = class_scores([0, 0, 2], p, names=("a", "b", "c"))
    assert median_class(p).tolist() == [0, 1, 1], "half of the probability is in it or below"
    assert found["mae"] == pytest.approx((0 + 1 + 1) / 3)
    assert found["accuracy"] == pytest.approx(1 / 3), "the first of equally probable classes"
    brier = (0.4**2 + 0.3**2 + 0.1**2) + (0.8**2 + 0.3**2 + 0.5**2) + (0.45**2 + 0.1**2 + 0.55**2)
    assert found["brier"] == pytest.approx(brier / 3)
    rps = (0.4**2 + 0.1**2) / 2 + (0.8**2 + 0.5**2) / 2 + (0.45**2 + 0.55**2) / 2
    assert found["ranked_probability_score"] == pytest.approx(rps / 3)
    assert found["confusion"] == {
        "a": {"a": 1, "b": 0, "c": 1},
        "b": {"a": 0, "b": 0, "c": 0},
        "c": {"a": 1, "b": 0, "c": 0},
    }
    assert {type(count) for row in found["confusion"].values() for count in row.values()} == {int}
    assert found["macro_f1"] == pytest.approx((1 / 2 + 0) / 2), "b neither occurs nor is predicted"
    assert set(CLASS_BETTER) - set(found) == set()
    unordered = class_scores([0, 0, 2], p, names=("a", "b", "c"), ordered=False)
    assert set(found) - set(unordered) == set(ORDERED)
    assert class_scores([1, 1], [[0, 1, 0]] * 2, names=("a", "b", "c"))["quadratic_weighted_kappa"] is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_weight_of_k_is_k_copies(seed):
    label, p, _ = drawn(seed, 20)
    copies = np.random.default_rng(seed).integers(0, 4, 20)
    copies[0] = 1
    weighted = class_scores(label, p, copies, names=NAMES)
    repeated = class_scores(np.repeat(label, copies), np.repeat(p, copies, axis=0), names=NAMES)
    for name in CLASS_BETTER:
        assert weighted[name] == pytest.approx(repeated[name]), name


def test_no_accuracy_is_above_1():
    """The sum over the right classes is rounded otherwise than that over all."""
    right = np.eye(6)[[4, 5, 0, 2]]
    found = class_scores([4, 5, 0, 2], right, [0.6, 0.1, 0.5, 0.6], names="abcdef")
    assert (found["accuracy"], found["accuracy_interval"][1]) == (1, 1)


def test_two_classes_may_be_given_as_two_probabilities():
    label, p, weight = drawn(4, k=2)
    of_classes, of_positive = class_scores(label, p, weight, names="ab"), scores(label, p[:, 1], weight)
    for name in "accuracy", "log_loss", "effective_n", "accuracy_interval":
        assert of_classes[name] == pytest.approx(of_positive[name]), name
    assert of_classes["brier"] == pytest.approx(2 * of_positive["brier"])
    assert of_classes["mae"] == pytest.approx(1 - of_positive["accuracy"])


def test_the_confidence_of_several_classes_begins_at_0():
    """A right answer of 0.35 and a wrong one of 0.45 are in two bins: their errors do not cancel."""
    p = [[0.35, 0.33, 0.32], [0.45, 0.3, 0.25]]
    assert class_scores([0, 1], p, names="abc")["calibration_error"] == pytest.approx((0.65 + 0.45) / 2)


def test_the_median_class_of_a_row_whose_sum_is_rounded():
    assert median_class([[0.49996, 0.49996], [0.50004, 0.50004]]).tolist() == [0, 0]


def test_the_median_class_has_the_least_expected_distance():
    _, p, _ = drawn(3, 500)
    distance = p @ np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    assert np.take_along_axis(distance, median_class(p)[:, None], 1)[:, 0] == pytest.approx(distance.min(axis=1))


def test_the_paired_test_counts_answers_of_any_number_of_classes():
    label, p, _ = drawn(1, 200, 3)
    q = np.random.default_rng(2).dirichlet(np.ones(3), 200)
    found = mcnemar(label, p, q)
    a, b = p.argmax(axis=1) == label, q.argmax(axis=1) == label
    assert (found["a_only"], found["b_only"]) == ((a & ~b).sum(), (b & ~a).sum())
    assert found["difference"] == pytest.approx(a.mean() - b.mean())
    two = mcnemar([0, 1, 1], [0.4, 0.6, 0.3], [0.6, 0.6, 0.6])
    assert mcnemar([0, 1, 1], [[0.6, 0.4], [0.4, 0.6], [0.7, 0.3]], [[0.4, 0.6]] * 3) == two


@pytest.mark.parametrize("function", [calibration_bins, calibration_error, lambda y, p: mcnemar(y, np.eye(3)[:2], p)])
@pytest.mark.parametrize(
    ("label", "probability", "problem"),
    [
        ([0, 1], [[0.2, 0.3, 0.5], [0.2, np.nan, 0.5]], "be finite"),
        ([0, 1], [[0.2, 0.3, 0.5], [0.2, np.inf, 0.5]], "be finite"),
        ([0, 1], [[0.2, 0.3, 0.5]], "the n of label"),
        ([0, 3], np.eye(3)[:2], r"label must be from 0 to 2; label\[1\] is 3"),
        ([-1, 1], np.eye(3)[:2], r"label must be from 0 to 2; label\[0\] is -1"),
        ([0.5, 1], np.eye(3)[:2], r"label\[0\] is 0.5"),
    ],
)
def test_bad_answers_are_neither_right_nor_wrong(function, label, probability, problem):
    with pytest.raises(ValueError, match=problem):
        function(label, probability)


@pytest.mark.parametrize("function", [calibration_bins, calibration_error])
@pytest.mark.parametrize(
    ("weight", "problem"),
    [
        ([1, -1], r"weight\[1\] is -1"),
        ([np.nan, 1], r"weight\[0\] is nan"),
        ([1], r"must have shape \(2,\), .* not \(1,\)"),
        ([0, 0], "every weight is 0"),
    ],
)
def test_bad_weights_of_several_classes_are_named(function, weight, problem):
    with pytest.raises(ValueError, match=problem):
        function([0, 1], np.eye(3)[:2], weight=weight)


@pytest.mark.parametrize(
    ("label", "probability", "weight", "problem"),
    [
        ([0, 1], [[0.5, 0.5]], None, "must be"),
        ([0, 3], np.eye(3)[:2], None, r"label must be from 0 to 2; label\[1\] is 3"),
        ([-1], [[0.2, 0.3, 0.5]], None, r"label\[0\] is -1"),
        ([0.5], [[0.2, 0.3, 0.5]], None, r"label\[0\] is 0.5"),
        ([0], [[0.2, 0.3, 0.4]], None, "the sum 1"),
        ([0], [[-0.2, 0.3, 0.9]], None, "the sum 1"),
        ([], np.zeros((0, 3)), None, "n = 0"),
        ([0], [[1.0]], None, r"not \(1,\) and \(1, 1\)"),
        ([0], [[0.2, 0.3, 0.5]], [0], "every weight is 0"),
        ([0], [[0.2, 0.3, 0.5]], [-1], "at least 0"),
    ],
)
def test_bad_arguments_are_named(label, probability, weight, problem):
    with pytest.raises(ValueError, match=problem):
        class_scores(label, probability, weight, names=("a", "b", "c"))


def test_given_predictions_are_scored_in_place_of_the_most_probable():
    rng = np.random.default_rng(5)
    y, p = rng.integers(0, 4, 50), rng.dirichlet(np.ones(4), 50)
    weight, given = rng.integers(0, 3, 50).astype(float), rng.integers(0, 4, 50)
    found = class_scores(y, p, weight, given, names="abcd")
    kept = weight > 0
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(y, given, sample_weight=weight))
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(y, given, sample_weight=weight))
    kappa = oracle.cohen_kappa_score(y, given, weights="quadratic", sample_weight=weight)
    assert found["quadratic_weighted_kappa"] == pytest.approx(kappa)
    usual = class_scores(y, p, weight, names="abcd")
    for name in "log_loss", "brier", "calibration_error", "ranked_probability_score":
        assert found[name] == usual[name]
    assert class_scores(y, p, weight, p.argmax(axis=1), names="abcd", ordered=False) == class_scores(
        y, p, weight, names="abcd", ordered=False
    )
    assert sum(each["n"] for each in found["classes"].values()) == weight[kept].sum()
    for wrong in given[:-1], given + 1, np.where(given == 2, 1.5, given):
        with pytest.raises(ValueError, match=r"predicted must be \(n,\), each from 0 to 3"):
            class_scores(y, p, None, wrong, names="abcd")


def test_the_interval_of_weighted_reviews_knows_how_many_they_are():
    """Four heavy reviews of a hundred decide the accuracy."""
    label, probability = np.arange(100) % 3, np.eye(3)[np.arange(100) % 3]
    weight = np.r_[np.full(4, 1000.0), np.ones(96)]
    found = class_scores(label, probability, weight, names="abc")
    assert found["n"] == 100
    assert found["effective_n"] == pytest.approx(effective_number(weight))
    assert found["accuracy_interval"] == pytest.approx(wilson_interval(found["effective_n"], found["effective_n"]))
    assert found["accuracy_interval"][0] < 0.6
