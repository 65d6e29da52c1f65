"""Temperature and mixture weights: the minimum of the loss, the prior that counts for few reviews, weighted reviews."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.model import calibration
from sentibp.model.calibration import (
    USUAL_FACTOR,
    FactorPrior,
    fit_scale_and_shift,
    fit_temperature,
    mixture_weights,
)
from sentibp.nn.layers import sigmoid
from sentibp.nn.losses import cross_entropy


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
        strength = USUAL_FACTOR.shrinking if f < 1 else USUAL_FACTOR.growing
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
    weight, prior = np.random.default_rng(seed).random(n) + 0.1, USUAL_FACTOR._replace(mode=mode)
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
    prior = FactorPrior(mode, shrinking, growing)

    def objective(f):
        strength = shrinking if f < mode else growing
        return n * cross_entropy(f * scale * z, label)[0] + strength * (f / mode - 1 - np.log(f / mode))

    found = fit_temperature(scale * z, label, None, prior)
    assert all(objective(found) <= objective(found * near) + 1e-9 for near in (0.5, 0.99, 0.999, 1.001, 1.01, 2))
    assert fit_temperature(scale * z, label, np.zeros(n), prior) == pytest.approx(mode)
    found, shift = fit_scale_and_shift(scale * z, label, np.zeros(n), prior)
    assert (found, shift) == (pytest.approx(mode, rel=1e-3), pytest.approx(0, abs=1e-3))
