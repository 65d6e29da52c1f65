"""Compare the metrics with scikit-learn, scipy and examples calculated by hand."""

from __future__ import annotations

import ast
import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from sentibp import metrics

few = settings(max_examples=40, deadline=None)

# A handful of values makes ties, certain answers and the decision boundary frequent.
awkward = st.sampled_from([0.0, 0.25, 0.5, float(np.nextafter(0.5, 0)), 0.6, 0.75, 1.0])
inside = st.floats(1e-12, 1 - 1e-12) | st.floats(0.125, 0.875, width=32)


def examples(probability):
    """(label, positive) of one to forty examples; one class only is frequent among the short ones."""
    pairs = st.lists(st.tuples(st.integers(0, 1), probability), min_size=1, max_size=40)
    return pairs.map(lambda rows: (np.array([y for y, _ in rows]), np.array([p for _, p in rows])))


def both_classes(example):
    return len(set(example[0].tolist())) == 2


def disagreements(a_only, b_only, both=0):
    """Labels and the answers of two: a alone is right `a_only` times, b alone `b_only` times."""
    label = np.ones(a_only + b_only + both, int)
    a, b = np.zeros(len(label)), np.ones(len(label))
    a[:a_only], b[:a_only] = 1, 0
    a[a_only + b_only :] = 1
    return label, a, b


# --- scores


@few
@given(examples(awkward | inside))
def test_counts_agree_with_scikit_learn(example):
    label, positive = example
    answer, got = (positive >= 0.5).astype(int), metrics.scores(label, positive)
    tn, fp, fn, tp = oracle.confusion_matrix(label, answer, labels=[0, 1]).ravel().tolist()
    counts = {"true_positive": tp, "false_positive": fp, "true_negative": tn, "false_negative": fn}
    assert (got["n"], got["confusion"]) == (len(label), counts)
    assert got["accuracy"] == pytest.approx(oracle.accuracy_score(label, answer))
    assert got["precision"] == pytest.approx(oracle.precision_score(label, answer, zero_division=0))
    assert got["recall"] == pytest.approx(oracle.recall_score(label, answer, zero_division=0))
    assert got["f1"] == pytest.approx(oracle.f1_score(label, answer, zero_division=0))
    assert got["brier"] == pytest.approx(oracle.brier_score_loss(label, positive, pos_label=1))
    assert got["accuracy_interval"][0] <= got["accuracy"] <= got["accuracy_interval"][1]


@few
@given(examples(inside))
def test_log_loss_agrees_with_scikit_learn(example):
    label, positive = example
    want = oracle.log_loss(label, positive, labels=[0, 1])
    assert metrics.scores(label, positive)["log_loss"] == pytest.approx(want, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("label", "positive"), [(0, 1.0), (1, 0.0)])
def test_a_mistake_with_probability_1_has_a_finite_log_loss(label, positive):
    # Clipping the probability to [tiny, 1 - tiny] is not enough: 1 - tiny is 1, and 1 - 1 has no logarithm.
    assert 1 - np.finfo(np.float64).tiny == 1
    certain = metrics.scores([label], [positive])["log_loss"]
    assert certain == pytest.approx(-math.log(np.finfo(np.float64).tiny))
    assert str(metrics.scores([1 - label], [positive])["log_loss"]) == "0.0"  # and not -0.0


def test_four_examples_worked_by_hand():
    got = metrics.scores([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1])
    assert got["confusion"] == dict(true_positive=1, false_positive=1, true_negative=1, false_negative=1)
    assert got["accuracy"] == got["precision"] == got["recall"] == got["f1"] == 0.5
    assert got["roc_auc"] == 0.75  # of the pairs, only (0.4, 0.5) stands the wrong way round
    assert got["log_loss"] == pytest.approx(-math.log(0.9 * 0.4 * 0.5 * 0.9) / 4)
    assert got["brier"] == pytest.approx((0.01 + 0.36 + 0.25 + 0.01) / 4)
    # confidences 0.9 and 0.9 (right), 0.6 (wrong), 0.5 (wrong), in three bins
    assert got["calibration_error"] == pytest.approx((2 * 0.1 + 0.6 + 0.5) / 4)


@pytest.mark.parametrize(
    ("label", "positive", "defined"),
    [
        ([1], [0.2], {"accuracy": 0.0, "precision": 0.0, "recall": 0.0, "f1": 0.0}),
        ([0], [0.2], {"accuracy": 1.0, "precision": 0.0, "recall": 0.0, "f1": 0.0}),
        ([1, 1], [0.7, 0.9], {"accuracy": 1.0, "precision": 1.0, "recall": 1.0, "f1": 1.0}),
    ],
)
def test_one_class_leaves_no_auc(label, positive, defined):
    got = metrics.scores(label, positive)
    assert got["roc_auc"] is None
    assert {name: got[name] for name in defined} == defined


@few
@given(examples(awkward))
def test_scores_are_plain_json(example):
    got = metrics.scores(*example)
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    values = [*got.values(), *got["confusion"].values(), *got["accuracy_interval"]]
    assert {type(value) for value in values} <= {int, float, list, dict, type(None)}


def test_every_scalar_metric_says_which_way_is_better():
    got = metrics.scores([0, 1], [0.1, 0.9])
    assert {name for name, value in got.items() if isinstance(value, float)} == set(metrics.BETTER)
    worse = metrics.scores([0, 1], [0.9, 0.1])
    for name, better in metrics.BETTER.items():
        assert better == ("higher" if got[name] > worse[name] else "lower")


def test_one_half_is_positive():
    assert metrics.decide([np.nextafter(0.5, 0), 0.5, 1.0]).tolist() == [0, 1, 1]
    assert metrics.decide(np.float32([0.5])).dtype == np.int64
    assert metrics.decide([]).tolist() == []


# --- weights


def weighted(values: st.SearchStrategy[float]) -> st.SearchStrategy:
    """Examples with a weight for each, not all 0."""
    return examples(values).flatmap(
        lambda each: st.tuples(
            st.just(each), st.lists(st.integers(0, 4), min_size=len(each[0]), max_size=len(each[0])).filter(any)
        )
    )


@few
@given(weighted(awkward | inside))
def test_weight_0_is_absent_and_weight_k_is_k_copies(drawn):
    (label, positive), weight = np.array(drawn[0]), np.array(drawn[1])
    got = metrics.scores(label, positive, weight)
    copied = metrics.scores(np.repeat(label, weight), np.repeat(positive, weight))
    for name in metrics.BETTER:
        assert (got[name] is None) == (copied[name] is None)
        assert got[name] is None or got[name] == pytest.approx(copied[name], rel=1e-9, abs=1e-12), name
    assert got["confusion"] == pytest.approx(copied["confusion"])
    kept = weight > 0
    assert got == metrics.scores(label[kept], positive[kept], weight[kept])
    assert json.loads(json.dumps(got, allow_nan=False)) == got


@few
@given(weighted(inside))
def test_the_weighted_roc_curve_agrees_with_scikit_learn(drawn):
    (label, positive), weight = np.array(drawn[0]), np.array(drawn[1])
    label, positive, weight = label[weight > 0], positive[weight > 0], weight[weight > 0]
    if label.all() or not label.any():
        return
    got = metrics.roc_curve(label, positive, weight)
    want = oracle.roc_curve(label, positive, sample_weight=weight, drop_intermediate=False)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours, theirs)


@few
@given(weighted(inside))
def test_weighted_scores_agree_with_scikit_learn(drawn):
    (label, positive), weight = np.array(drawn[0]), np.array(drawn[1]) / 3
    got, answer = metrics.scores(label, positive, weight), (positive >= 0.5).astype(int)
    assert got["accuracy"] == pytest.approx(oracle.accuracy_score(label, answer, sample_weight=weight))
    assert got["f1"] == pytest.approx(oracle.f1_score(label, answer, sample_weight=weight, zero_division=0))
    assert got["brier"] == pytest.approx(oracle.brier_score_loss(label, positive, pos_label=1, sample_weight=weight))
    if len(set(label[weight > 0])) == 2:
        auc = oracle.roc_auc_score(label, positive, sample_weight=weight)
        assert got["roc_auc"] == pytest.approx(auc, abs=1e-9)


def test_the_interval_of_weighted_reviews_knows_how_many_they_are():
    label, positive = np.tile([0, 1], 50), np.tile([0.2, 0.8], 50)
    equal, unit = metrics.scores(label, positive), metrics.scores(label, positive, np.full(100, 7))
    assert unit["effective_n"] == 100
    assert unit["accuracy_interval"] == pytest.approx(equal["accuracy_interval"])
    heavy = metrics.scores(label, positive, np.r_[np.full(4, 1000.0), np.ones(96)])
    assert heavy["n"] == 100
    assert 4 < heavy["effective_n"] < 4.3
    assert heavy["accuracy_interval"][0] < 0.6, "four reviews decide"


@pytest.mark.parametrize("weight", [[1e-30, 1e-30], [1e30, 1e30], [5, 5]])
def test_the_unit_of_the_weights_does_not_matter(weight):
    assert metrics.effective_number(weight) == pytest.approx(2)
    assert metrics.effective_number(np.array(weight) * 1e-170) == pytest.approx(2), "their squares would be 0"
    assert metrics.effective_number([0.1, 0.1, 0.1 * 3 / 3]) == 3, "rounding makes no further review"
    assert metrics.scores([0, 1], [0.1, 0.7], weight)["accuracy_interval"] == pytest.approx(
        metrics.scores([0, 1], [0.1, 0.7])["accuracy_interval"]
    )


def test_the_bins_by_chance_are_those_of_the_calibration_error():
    """The edge of a bin belongs to the bin below it."""
    for two in [0.55, 0.52], [[0.5, 0.3, 0.2], [0.45, 0.3, 0.25]]:
        confidence = np.array(two) if np.ndim(two) == 1 else np.max(two, axis=1)
        together = math.sqrt(2 / math.pi * float(confidence @ (1 - confidence))) / 2
        assert metrics.calibration_error_by_chance(two) == pytest.approx(together)
    assert metrics.calibration_bins([1, 1], [0.55, 0.52])[0]["n"] == 2


@pytest.mark.parametrize("n", [1, 2])
def test_the_interval_of_one_or_two_reviews_is_wide(n):
    assert metrics.wilson_interval(n, n)[0] < 0.35
    assert metrics.wilson_interval(0, n)[1] > 0.65


@pytest.mark.parametrize(
    ("weight", "problem"),
    [
        ([1], r"weight must have shape \(2,\), a weight for each example, not \(1,\)"),
        ([1, -1], r"weight\[1\] is -1"),
        ([math.nan, 1], r"weight\[0\] is nan"),
        ([0, 0], "every weight is 0"),
    ],
)
def test_bad_weights_are_named(weight, problem):
    with pytest.raises(ValueError, match=problem):
        metrics.scores([0, 1], [0.5, 0.5], weight)
    with pytest.raises(ValueError, match="one above 0"):
        metrics.effective_number([0.0, 0.0])


# --- the ROC curve


@few
@given(examples(awkward | inside).filter(both_classes))
def test_roc_agrees_with_scikit_learn(example):
    assert metrics.roc_auc(*example) == pytest.approx(oracle.roc_auc_score(*example), abs=1e-12)
    got, want = metrics.roc_curve(*example), oracle.roc_curve(*example, drop_intermediate=False)
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    assert np.trapezoid(got[1], got[0]) == pytest.approx(metrics.roc_auc(*example), abs=1e-12)


def test_ties_count_one_half_whatever_their_order():
    def auc_without_ties(label, positive):  # the planted bug: tied examples get ranks in the order they come
        rank = np.empty(len(label))
        rank[np.argsort(positive, kind="stable")] = np.arange(1, len(label) + 1)
        ones = int(sum(label))
        return (rank[np.array(label) == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(label) - ones))

    tied = [0.5, 0.5, 0.5, 0.5]
    assert auc_without_ties([0, 0, 1, 1], tied) == 1  # a constant answer, and a perfect score
    assert auc_without_ties([1, 1, 0, 0], tied) == 0
    assert metrics.roc_auc([0, 0, 1, 1], tied) == metrics.roc_auc([1, 1, 0, 0], tied) == 0.5
    assert metrics.roc_auc([0, 1, 0, 1], [0.1, 0.5, 0.5, 0.9]) == 0.875  # three pairs and a half, of four


def test_auc_does_not_overflow_small_integers():
    label = np.repeat(np.array([0, 1], np.int8), 500)  # 500 * 500 pairs, far beyond int8
    assert metrics.roc_auc(label, label.astype(np.float32)) == 1


@pytest.mark.parametrize("label", [[0, 0], [1, 1]])
def test_a_curve_needs_both_classes(label):
    assert metrics.roc_auc(label, [0.3, 0.4]) is None
    with pytest.raises(ValueError, match=f"both classes; every label is {label[0]}"):
        metrics.roc_curve(label, [0.3, 0.4])


# --- calibration


@few
@given(examples(awkward | inside), st.integers(1, 20))
def test_calibration_is_the_definition(example, bins):
    label, positive = example
    confidence = np.maximum(positive, 1 - positive)
    right = (positive >= 0.5) == (label == 1)
    error, table = 0.0, metrics.calibration_bins(label, positive, bins)
    assert len(table) == bins and (table[0]["low"], table[-1]["high"]) == (0.5, 1)
    assert sum(each["n"] for each in table) == len(label)
    for b, each in enumerate(table):
        inside_bin = (confidence > each["low"]) & (confidence <= each["high"])
        inside_bin |= (confidence == 0.5) & (b == 0)
        assert each["n"] == inside_bin.sum()
        if not each["n"]:
            assert each["confidence"] is each["accuracy"] is None
            continue
        assert each["confidence"] == pytest.approx(confidence[inside_bin].mean())
        assert each["accuracy"] == pytest.approx(right[inside_bin].mean())
        error += inside_bin.mean() * abs(right[inside_bin].mean() - confidence[inside_bin].mean())
    assert metrics.calibration_error(label, positive, bins) == pytest.approx(error, abs=1e-12)
    json.dumps(table, allow_nan=False)


def test_calibration_bins_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    label, positive = rng.integers(0, 2, 500), rng.random(500)
    table = metrics.calibration_bins(label, positive)
    right, confidence = metrics.decide(positive) == label, np.maximum(positive, 1 - positive)
    # twenty bins over [0, 1] are ten over [0.5, 1]
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=20)
    np.testing.assert_allclose([each["accuracy"] for each in table], accuracy)
    np.testing.assert_allclose([each["confidence"] for each in table], mean_confidence)


@pytest.mark.parametrize(("n", "spread"), [(30, 1.0), (300, 0.3), (2_500, 0.1), (2_500, 2.0)])
def test_the_calibration_error_of_perfect_probabilities(n, spread):
    """The formula against labels that are drawn from the probabilities, for two classes and for four."""
    rng = np.random.default_rng(n)
    positive, many = rng.beta(spread, spread, n), rng.dirichlet([spread] * 4, n)
    weight = rng.integers(1, 4, n)
    two, weighted, four = [], [], []
    for _ in range(200):
        label = rng.random(n) < positive
        two.append(metrics.calibration_error(label, positive))
        weighted.append(metrics.calibration_error(label, positive, weight=weight))
        drawn = (rng.random((n, 1)) > np.cumsum(many, axis=1)[:, :-1]).sum(axis=1)
        four.append(metrics.class_scores(drawn, many, names="abcd")["calibration_error"])
    assert metrics.calibration_error_by_chance(positive) == pytest.approx(np.mean(two), rel=0.08)
    assert metrics.calibration_error_by_chance(positive, weight) == pytest.approx(np.mean(weighted), rel=0.08)
    assert metrics.calibration_error_by_chance(positive, 10 * weight) == pytest.approx(
        metrics.calibration_error_by_chance(positive, weight)
    )
    assert metrics.calibration_error_by_chance(many) == pytest.approx(np.mean(four), rel=0.08)


def test_the_calibration_error_of_a_single_sure_answer_by_chance():
    """It is wrong once in a hundred times, by 0.99, and right else, by 0.01: no normal distribution."""
    assert metrics.calibration_error_by_chance([0.99]) == pytest.approx(0.01 * 0.99 + 0.99 * 0.01)
    assert metrics.calibration_error_by_chance([0.99, 0.7], [3, 1]) == pytest.approx(
        (3 * 2 * 0.99 * 0.01 + math.sqrt(2 / math.pi * 0.7 * 0.3)) / 4
    )


def test_sure_answers_have_no_calibration_error_by_chance():
    assert metrics.calibration_error_by_chance([0, 1, 1]) == 0
    assert metrics.calibration_error_by_chance([[0, 1, 0], [1 + 1e-9, 0, 0]]) == 0
    with pytest.raises(ValueError, match="every weight is 0"):
        metrics.calibration_error_by_chance([0.5, 0.5], [0, 0])


@pytest.mark.parametrize(
    ("probability", "weight", "problem"),
    [
        ([0.5, 2.0], None, r"probability\[1\] is 2.0"),
        ([0.5, math.nan], None, r"probability\[1\] is nan"),
        ([[0.5, math.nan]], None, "must be finite"),
        (0.5, None, r"must have shape \(n,\), not \(\)"),
        ([], None, "n = 0"),
        (np.zeros((0, 3)), None, "n = 0"),
        ([0.5, 0.6], [1], r"weight must have shape \(2,\), .* not \(1,\)"),
        ([0.5, 0.6], [1, math.inf], r"weight\[1\] is inf"),
        ([[0.5, 0.5], [0.3, 0.7]], [-1, 1], r"weight\[0\] is -1"),
    ],
)
def test_what_has_no_calibration_error_by_chance(probability, weight, problem):
    with pytest.raises(ValueError, match=problem):
        metrics.calibration_error_by_chance(probability, weight)


def test_calibration_error_detects_overconfidence():
    label = np.arange(10) > 0  # nine of ten are positive
    assert metrics.calibration_error(label, np.full(10, 0.9)) == pytest.approx(0, abs=1e-12)
    assert metrics.calibration_error(label, np.full(10, 1.0)) == pytest.approx(0.1)
    # a confidence in "negative" counts as much: p = 0.1 is 90 % sure
    assert metrics.calibration_error(~label, np.full(10, 0.1)) == pytest.approx(0, abs=1e-12)


def test_no_bins():
    with pytest.raises(ValueError, match="bins must be at least 1, not 0"):
        metrics.calibration_bins([1], [0.5], bins=0)


# --- intervals and tests


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # these four: Newcombe 1998, "Two-sided confidence intervals for the
        (15, 148, 0.0624, 0.1605),  # single proportion", table I, method 3
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_reproduces_published_intervals(successes, n, low, high):
    assert metrics.wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@few
@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy_and_stays_within_0_and_1(count):
    successes, n = count
    z = float(norm.ppf(0.975))
    low, high = metrics.wilson_interval(successes, n, z)
    want = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((want.low, want.high), rel=1e-9, abs=1e-12)
    assert 0 <= low <= successes / n <= high <= 1
    assert metrics.wilson_interval(successes, n) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_rejects_invalid_counts(successes, n):
    with pytest.raises(ValueError, match=f"not {successes} of {n}"):
        metrics.wilson_interval(successes, n)


@few
@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 50))
def test_mcnemar_agrees_with_the_binomial_test(a_only, b_only, both):
    got = metrics.mcnemar(*disagreements(a_only, b_only, both))
    assert (got["a_only"], got["b_only"]) == (a_only, b_only)
    assert got["difference"] == pytest.approx((a_only - b_only) / (a_only + b_only + both))
    want = binomtest(a_only, a_only + b_only).pvalue if a_only + b_only else 1.0
    assert got["p_value"] == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("a_only", [0, 1_000, 48_500, 49_700, 49_999, 50_000, 50_001, 99_999])
def test_mcnemar_with_100_000_disagreements(a_only):
    got = metrics.mcnemar(*disagreements(a_only, 100_000 - a_only))["p_value"]
    assert got == pytest.approx(binomtest(a_only, 100_000).pvalue, rel=1e-7)


def test_mcnemar_worked_by_hand():
    label, a, b = [1, 1, 0, 0, 1, 0], [0.9, 0.8, 0.1, 0.2, 0.7, 0.9], [0.1, 0.2, 0.9, 0.6, 0.3, 0.4]
    got = metrics.mcnemar(label, a, b)  # five to one: 2 (1 + 6) / 2^6
    assert got == {
        "a_only": 5,
        "b_only": 1,
        "difference": pytest.approx(4 / 6),
        "p_value": pytest.approx(14 / 64),
    }
    swapped = metrics.mcnemar(label, b, a)
    assert (swapped["difference"], swapped["p_value"]) == (-got["difference"], got["p_value"])
    weighted = metrics.mcnemar(label, a, b, np.arange(1, 7))
    assert weighted.pop("note") == "each review counts once in this test, whatever its weight"
    assert weighted == got
    some = metrics.mcnemar(label, a, b, [0, 1, 2, 3, 0, 4])  # weight 0 is as not there, in this test as in the scores
    assert some == metrics.mcnemar(label, a, b, [0, 1, 1, 1, 0, 1])
    assert some.pop("note") and some == metrics.mcnemar(*(np.delete(each, [0, 4]) for each in (label, a, b)))
    with pytest.raises(ValueError, match="every weight is 0"):
        metrics.mcnemar(label, a, b, np.zeros(6))
    assert metrics.mcnemar(label, a, a) == {"a_only": 0, "b_only": 0, "difference": 0.0, "p_value": 1.0}


def test_mcnemar_says_which_of_the_two_is_wrong():
    with pytest.raises(ValueError, match=r"positive_b\[0\] is nan"):
        metrics.mcnemar([1], [0.5], [math.nan])


@pytest.mark.parametrize(
    ("a_only", "b_only", "sentence"),
    [
        (1, 0, "1 review only a got right, 0 only b; p = 1 (McNemar, exact): no clear difference"),
        (5, 0, "5 reviews only a got right, 0 only b; p = 0.0625 (McNemar, exact): no clear difference"),
        (0, 7, "0 reviews only a got right, 7 only b; p = 0.0156 (McNemar, exact): "),
    ],
)
def test_the_verdict_is_a_sentence(a_only, b_only, sentence):
    label = [1] * (a_only + b_only)
    positive = [0.9] * a_only + [0.1] * b_only
    paired = metrics.mcnemar(label, positive, [1 - each for each in positive])
    end = "a difference this large is rare by chance" * sentence.endswith(": ")
    assert metrics.verdict(paired, "a", "b") == f"paired test: {sentence}{end}"
    assert metrics.verdict(paired | {"note": "it is so"}).endswith("; it is so")


@few
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=10))
def test_spread_is_the_sample_deviation(values):
    got = metrics.spread(values)
    assert got["mean"] == pytest.approx(np.mean(values), abs=1e-6)
    assert got["standard_deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert (got["min"], got["max"]) == (min(values), max(values))
    assert metrics.spread(np.array(values)[::-1]) == got  # exactly, in any order
    assert {type(value) for value in got.values()} == {float}


def test_spread_of_one_and_of_equals():
    assert metrics.spread([0.1]) == {"mean": 0.1, "standard_deviation": 0.0, "min": 0.1, "max": 0.1}
    assert np.mean([0.1] * 3) > 0.1  # rounding alone puts a plain mean above the largest value
    assert metrics.spread([0.1] * 3) == metrics.spread([0.1])
    assert metrics.spread([1, 2, 4])["standard_deviation"] == pytest.approx(statistics.stdev([1, 2, 4]))


@pytest.mark.parametrize("values", [[], [[0.1]], [0.1, math.nan], [math.inf]])
def test_spread_rejects(values):
    with pytest.raises(ValueError, match="one or more finite values"):
        metrics.spread(values)


# --- arguments


pairwise = [metrics.scores, metrics.roc_auc, metrics.roc_curve, metrics.calibration_bins]
pairwise += [metrics.calibration_error, lambda label, positive: metrics.mcnemar(label, [0.5] * 2, positive)]


@pytest.mark.parametrize("function", pairwise)
@pytest.mark.parametrize(
    ("label", "positive", "problem"),
    [
        ([0, 1], [[0.5, 0.5]], r"must have shape \(n,\), not \(1, 2\)"),
        ([0, 1, 1], [0.5, 0.5], "must have the same shape|positive_a must"),
        ([0, 2], [0.5, 0.5], r"label must be 0 or 1; label\[1\] is 2"),
        ([-1, 1], [0.5, 0.5], r"label\[0\] is -1"),
        ([0, 0.5], [0.5, 0.5], r"label\[1\] is 0.5"),
        (["neg", "pos"], [0.5, 0.5], r"label\[0\] is neg"),
        ([0, 1], [0.5, 1.0000001], r"probabilities in \[0, 1\]; positive\w*\[1\] is 1.0000001"),
        ([0, 1], [-0.1, 0.5], r"positive\w*\[0\] is -0.1"),
        ([0, 1], [0.5, math.nan], r"positive\w*\[1\] is nan"),
    ],
)
def test_bad_arguments_are_named(function, label, positive, problem):
    with pytest.raises(ValueError, match=problem):
        function(label, positive)


@pytest.mark.parametrize("function", pairwise[:-1])
def test_nothing_to_score(function):
    with pytest.raises(ValueError, match="n = 0"):
        function([], [])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_sums_are_in_float64_and_arguments_are_not_modified(dtype):
    rng = np.random.default_rng(0)
    label, positive = rng.integers(0, 2, 5000).astype(np.uint8), rng.random(5000).astype(dtype)
    before = label.copy(), positive.copy()
    label.flags.writeable = positive.flags.writeable = False
    wide = label.astype(bool), positive.astype(np.float64)
    assert metrics.scores(label, positive) == metrics.scores(*wide)
    assert metrics.mcnemar(label, positive, positive[::-1]) == metrics.mcnemar(*wide, wide[1][::-1])
    for got, want in zip(metrics.roc_curve(label, positive), metrics.roc_curve(*wide), strict=True):
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(label, before[0])
    np.testing.assert_array_equal(positive, before[1])


def test_the_module_imports_numpy_only():
    files = Path(metrics.__file__).parent.glob("*.py")
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    found = {name for name in found if not name.startswith("sentibp.metrics")}
    assert found <= {"__future__", "collections.abc", "math", "numpy", "numpy.typing", "statistics", "typing"}


def test_given_labels_are_scored_in_place_of_those_of_the_threshold():
    rng = np.random.default_rng(3)
    label, positive, weight = rng.integers(0, 2, 40), rng.random(40), rng.integers(0, 3, 40)
    given = rng.integers(0, 2, 40)
    found, usual = (metrics.scores(label, positive, weight, each) for each in (given, None))
    assert found["accuracy"] == pytest.approx(np.average(given == label, weights=weight))
    assert {name: found[name] for name in ("roc_auc", "log_loss", "brier", "calibration_error")} == {
        name: usual[name] for name in ("roc_auc", "log_loss", "brier", "calibration_error")
    }
    assert metrics.scores(label, positive, weight, metrics.decide(positive)) == usual
    with pytest.raises(ValueError, match="predicted must have the shape of label"):
        metrics.scores(label, positive, None, given[:-1])
