"""Temperature and mixture weights: the minimum of the loss, and cases without a minimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.model.calibration import fit_temperature, mixture_weights
from sentibp.nn.layers import sigmoid
from sentibp.nn.losses import cross_entropy


def drawn(seed: int, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and labels drawn with their probabilities."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.standard_normal(n)
    return z, (rng.random(n) < sigmoid(z)).astype(np.int8)


@pytest.mark.parametrize("factor", [0.05, 0.4, 1, 3, 30])
def test_the_temperature_of_scaled_logits_is_recovered(factor):
    z, label = drawn(0)
    assert fit_temperature(factor * z, label) * factor == pytest.approx(fit_temperature(z, label), rel=1e-6)
    assert fit_temperature(z, label) == pytest.approx(1, abs=0.1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_no_other_factor_has_less_loss(seed, factor):
    z, label = drawn(seed, 200)
    fitted = fit_temperature(factor * z, label)
    lowest = cross_entropy(fitted * factor * z, label)[0]
    assert all(
        lowest <= cross_entropy(other * fitted * factor * z, label)[0] + 1e-12 for other in (0.9, 0.99, 1.01, 1.1)
    )


def test_without_a_minimum_the_factor_stays_bounded():
    z = np.array([-2.0, -1.0, 1.0, 2.0])
    assert fit_temperature(z, np.array([0, 0, 1, 1])) <= 100  # all correct: a larger factor is always better
    assert fit_temperature(z, np.array([1, 1, 0, 0])) == 0.01  # all incorrect
    assert np.isfinite(fit_temperature(np.zeros(4), np.array([0, 1, 0, 1])))


def test_a_mixture_gives_the_better_model_more_weight():
    z, label = drawn(1)
    noise = np.random.default_rng(2).standard_normal(len(z))
    weight = mixture_weights(np.stack([z, noise], axis=1), label)
    assert weight[0] == pytest.approx(1, abs=0.15)
    assert weight[1] == pytest.approx(0, abs=0.1)
    assert (mixture_weights(np.stack([z, -z], axis=1), label) >= 0).all()


def test_a_mixture_of_one_is_the_temperature():
    z, label = drawn(3)
    assert mixture_weights(z[:, None], label)[0] == pytest.approx(fit_temperature(z, label), rel=1e-3)
