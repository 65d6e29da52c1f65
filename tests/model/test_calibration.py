"""Temperature and mixture weights: the minimum of the loss, the prior that counts for few reviews, weighted reviews."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.model import calibration
from sentibp.model.calibration import (
    USUAL_PRIOR,
    AdaptiveFit,
    Calibration,
    CalibrationPrior,
    fit_adaptive_temperature,
    fit_calibration,
    fit_scale_and_shift,
    fit_temperature,
    mixture_weights,
)
from sentibp.nn.heads import AdaptiveTemperature
from sentibp.nn.layers import Array, sigmoid, softmax
from sentibp.nn.losses import cross_entropy, softmax_cross_entropy


def drawn(seed: int, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and labels drawn with their probabilities."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.standard_normal(n)
    return z, (rng.random(n) < sigmoid(z)).astype(np.int8)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1, 1.2, 3, 30])
def test_the_temperature_of_scaled_logits_is_recovered_from_many_reviews(factor):
    z, label = drawn(0, 20_000)
    assert fit_temperature(factor * z, label) * factor == pytest.approx(1, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 10), st.sampled_from([5, 200]))
def test_no_other_factor_has_a_smaller_sum_of_losses_and_prior(seed, factor, n):
    z, label = drawn(seed, n)
    z *= factor
    fitted = fit_temperature(z, label)

    def objective(f):
        strength = USUAL_PRIOR.shrinking if f < 1 else USUAL_PRIOR.growing
        return n * cross_entropy(f * z, label)[0] + strength * (f - 1 - np.log(f))

    assert all(objective(fitted) <= objective(other * fitted) + 1e-9 for other in (0.5, 0.9, 0.99, 1.01, 1.1, 2))


FEW = [1, 2, 4, 10]


@pytest.mark.parametrize("n", FEW)
@pytest.mark.parametrize("confidence", [0.1, 1, 3, 10])
def test_a_few_right_answers_hardly_raise_the_factor(n, confidence):
    z = confidence * np.where(np.arange(n) % 2, 1.0, -1.0)
    assert 1 <= fit_temperature(z, np.arange(n) % 2) < 1.2
    assert fit_temperature(np.abs(z), np.ones(n)) == pytest.approx(fit_temperature(z, np.arange(n) % 2)), "one class"


def test_the_more_answers_are_right_the_more_the_factor_grows():
    factors = [fit_temperature(np.full(n, 1.5), np.ones(n)) for n in (2, 20, 200, 2000)]
    assert factors == sorted(factors)
    assert factors[-1] > 2


@pytest.mark.parametrize(("n", "least"), [(1, 0.3), (2, 0.2), (4, 0.1)])
def test_a_few_wrong_answers_lower_the_factor_but_do_not_remove_the_logit(n, least):
    z = 4 * np.where(np.arange(n) % 2, 1.0, -1.0)
    assert least < fit_temperature(z, 1 - np.arange(n) % 2) < 0.7


def test_the_factor_stays_bounded_and_is_1_where_nothing_is_known():
    z = np.array([-2.0, -1.0, 1.0, 2.0])
    assert fit_temperature(np.repeat(z, 10_000), np.repeat([1, 1, 0, 0], 10_000)) == 0.01  # all incorrect
    assert 1 < fit_temperature(np.repeat(z, 10_000), np.repeat([0, 0, 1, 1], 10_000)) <= 100  # all correct
    assert fit_temperature(np.zeros(4), np.array([0, 1, 0, 1])) == 1
    assert fit_temperature(np.zeros(0), np.zeros(0)) == 1
    assert fit_temperature(z, np.array([0, 1, 0, 1]), np.zeros(4)) == 1


@pytest.mark.parametrize("n", FEW)
def test_calibration_by_few_reviews_costs_little_and_gains_much_on_new_ones(n):
    """Over many draws of a few validation reviews of a well calibrated model, and of an overconfident one."""
    z, label = drawn(1, 5_000)

    def losses(factor):
        rng, found = np.random.default_rng(n), []
        for _ in range(200):
            few = rng.integers(0, len(z), n)
            found.append(cross_entropy(fit_temperature(factor * z[few], label[few]) * factor * z, label)[0])
        return np.array(found), cross_entropy(factor * z, label)[0]

    for factor in 1, 3:
        calibrated, without = losses(factor)
        assert calibrated.max() < without + 0.25
        assert calibrated.mean() < without + 0.06
    assert n < 4 or calibrated.mean() < without - 0.09  # of the overconfident one


def test_a_shift_makes_up_for_a_rare_class():
    """A network that is right on average, of which one class is to count ten times as much."""
    z, label = drawn(0, 20_000)
    weight = np.where(label == 1, 10.0, 1.0)
    factor, shift = fit_scale_and_shift(z, label, weight)
    assert (factor, shift) == (pytest.approx(1, abs=0.03), pytest.approx(np.log(10), abs=0.05))
    assert fit_scale_and_shift(z, label, np.ones(len(z))) == (pytest.approx(1, abs=0.03), pytest.approx(0, abs=0.05))
    few = slice(36, 40)  # two of each class
    assert label[few].sum() == 2
    _, shift = fit_scale_and_shift(z[few], label[few], weight[few] * 4 / weight[few].sum())
    assert 0 < shift < 1.5, "four reviews say little"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 10), st.sampled_from([4, 100]), st.sampled_from([0.5, 1, 2]))
def test_no_other_factor_and_shift_have_a_smaller_sum_of_losses_and_priors(seed, scale, n, mode):
    z, label = drawn(seed, n)
    weight, prior = np.random.default_rng(seed).random(n) + 0.1, USUAL_PRIOR._replace(mode=mode)
    fitted = np.array(fit_scale_and_shift(scale * z, label, weight, prior))

    def objective(factor, shift):
        strength, ratio = prior.shrinking if factor < mode else prior.growing, factor / mode
        priors = strength * (ratio - 1 - np.log(ratio)) + (shift / calibration._SHIFT) ** 2 / 2
        return n * cross_entropy(factor * scale * z + shift, label, weight)[0] + priors

    for direction in np.random.default_rng(seed).standard_normal((8, 2)):
        for size in 0.01, 0.1:
            assert objective(*fitted) <= objective(*(fitted * (1 + size * direction))) + 1e-5
            assert objective(*fitted) <= objective(fitted[0], fitted[1] + size * direction[1]) + 1e-5


weights = st.lists(st.integers(0, 4), min_size=6, max_size=20).filter(any)


@settings(max_examples=30, deadline=None)
@given(weights, st.integers(0, 1000))
def test_weight_0_is_absent_and_weight_k_is_k_copies(weight, seed):
    z, label = drawn(seed, len(weight))
    logits = np.stack([z, np.random.default_rng(seed).standard_normal(len(z))], axis=1)
    weight = np.array(weight, np.float32)
    copies = np.repeat(np.arange(len(z)), weight.astype(int))
    assert fit_temperature(z, label, weight) == pytest.approx(fit_temperature(z[copies], label[copies]), rel=1e-6)
    three, number = np.column_stack([np.zeros(len(z)), logits]), label + 1  # of three labels
    copied = fit_temperature(np.repeat(three[copies], 50, axis=0), np.repeat(number[copies], 50))
    assert fit_temperature(three, number, 50 * weight) == pytest.approx(copied, rel=1e-6)
    share = mixture_weights(logits, label, weight)
    assert share == pytest.approx(mixture_weights(logits[copies], label[copies]), abs=1e-3)


def test_a_mixture_gives_the_better_model_more_weight():
    z, label = drawn(1)
    noise = np.random.default_rng(2).standard_normal(len(z))
    share = mixture_weights(np.stack([z, noise], axis=1), label)
    assert share[0] > 0.9
    assert share.sum() == pytest.approx(1)
    assert (mixture_weights(np.stack([z, -z], axis=1), label) >= 0).all()


def test_a_mixture_by_few_reviews_stays_near_equal_shares():
    z, label = drawn(1)
    noise = np.random.default_rng(2).standard_normal(len(z))
    by_n = [mixture_weights(np.stack([z, noise], axis=1)[:n], label[:n])[0] for n in (0, 2, 40, 4000)]
    assert by_n[0] == 0.5
    assert 0.3 < by_n[1] < 0.7
    assert by_n[2] < by_n[3], "the more reviews, the clearer"


def test_a_mixture_of_one_is_the_model():
    z, label = drawn(3)
    assert mixture_weights(z[:, None], label) == [1.0]


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1000),
    st.floats(0.2, 5),
    st.sampled_from([5, 200]),
    st.floats(0.3, 3),
    st.floats(1, 100),
    st.floats(1, 100),
)
def test_another_prior_is_in_the_sum_that_is_smallest(seed, scale, n, mode, shrinking, growing):
    """Without reviews, the factor is the mode."""
    z, label = drawn(seed, n)
    prior = CalibrationPrior(mode, shrinking, growing)

    def objective(f):
        strength = shrinking if f < mode else growing
        return n * cross_entropy(f * scale * z, label)[0] + strength * (f / mode - 1 - np.log(f / mode))

    found = fit_temperature(scale * z, label, None, prior)
    assert all(objective(found) <= objective(found * near) + 1e-9 for near in (0.5, 0.99, 0.999, 1.001, 1.01, 2))
    assert fit_temperature(scale * z, label, np.zeros(n), prior) == pytest.approx(mode)
    found, shift = fit_scale_and_shift(scale * z, label, np.zeros(n), prior)
    assert (found, shift) == (pytest.approx(mode, rel=1e-3), pytest.approx(0, abs=1e-3))


# --- the adaptive temperature -----------------------------------------------------------------------------------


def overconfident(n: int, power: float, factor: float = 2.0, k: int = 5, seed: int = 0) -> tuple[Array, Array]:
    """Return logits (n, k) of very different spread, and labels drawn as f z / s^a says."""
    rng = np.random.default_rng(seed)
    z = np.exp(rng.standard_normal((n, 1))) * rng.standard_normal((n, k))
    layer = AdaptiveTemperature(np.array([power]), np.ones(1))
    p = softmax(factor * layer.forward(z))
    return z, (rng.random((n, 1)) > np.cumsum(p, axis=1)).sum(axis=1).clip(max=k - 1)


def of_a_fit(z: Array, found: AdaptiveFit) -> Array:
    layer = AdaptiveTemperature(np.array([found.power]), np.array([found.spread]))
    return layer.forward(found.factor * z)


@pytest.mark.parametrize("power", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("unit", [0.2, 1, 5])
def test_the_power_is_recovered_from_many_reviews_in_any_unit(power, unit):
    z, label = overconfident(20_000, power)
    found = fit_adaptive_temperature(unit * z, label)
    assert found.power == pytest.approx(power, abs=0.05)
    right = AdaptiveTemperature(np.array([power]), np.ones(1)).forward(z) * 2
    assert softmax_cross_entropy(of_a_fit(unit * z, found), label)[0] == pytest.approx(
        softmax_cross_entropy(right, label)[0], abs=0.001
    )


@pytest.mark.parametrize(("n", "prior"), [(25, USUAL_PRIOR), (400, CalibrationPrior(0.5, 30, 40, 0.6, 25.0))])
def test_no_other_factor_and_power_have_a_smaller_sum_of_losses_and_priors(n, prior):
    z, label = overconfident(n, 0.5, seed=n)
    weight = np.random.default_rng(1).random(n) + 0.1
    found = fit_adaptive_temperature(z, label, weight, prior)
    usual = found.spread / found.factor

    def total(factor: float, power: float) -> float:
        layer, ratio = AdaptiveTemperature(np.array([power]), np.array([factor * usual])), factor / prior.mode
        loss = n * softmax_cross_entropy(layer.forward(factor * z), label, weight)[0]
        strength = prior.shrinking if ratio < 1 else prior.growing
        return loss + strength * (ratio - 1 - np.log(ratio)) + prior.precision * (power - prior.power) ** 2 / 2

    least = total(found.factor, found.power)
    for factor in np.array([0.98, 1, 1.02]) * found.factor:
        for power in np.clip(found.power + np.array([-0.02, 0, 0.02]), 0, 1):
            assert total(factor, power) >= least - 1e-6
    alone = fit_temperature(z, label, weight, prior)
    assert found.gain == pytest.approx(total(alone, 0.0) - least, abs=1e-3)


def test_a_power_is_kept_only_if_it_is_worth_a_parameter():
    z, label = overconfident(2000, 0.8)
    kept = fit_calibration(z, label, is_adaptive=True)
    assert kept.power > 0.5
    assert fit_calibration(z, label) == Calibration(fit_temperature(z, label)), "not of each head"
    right = overconfident(300, 0.0)
    assert fit_calibration(*right, is_adaptive=True) == Calibration(fit_temperature(*right))
    few = z[:6], label[:6]
    assert fit_calibration(*few, is_adaptive=True).power == 0
    assert fit_calibration(*few, None, CalibrationPrior(power=0.7, precision=90.0), is_adaptive=True).power > 0.5


@pytest.mark.parametrize("weight", [None, np.zeros(4)])
def test_nothing_is_fitted_where_no_review_counts(weight):
    z, label = overconfident(4 if weight is not None else 0, 0.5)
    assert fit_calibration(z, label, weight, is_adaptive=True) == Calibration()


def test_a_review_of_weight_k_is_k_reviews_for_the_power():
    z, label = overconfident(50, 0.6)
    weight = np.arange(50) % 3
    copies = np.repeat(np.arange(50), weight)
    once, copied = fit_adaptive_temperature(z, label, weight), fit_adaptive_temperature(z[copies], label[copies])
    assert once == pytest.approx(copied, rel=1e-3, abs=1e-4)
