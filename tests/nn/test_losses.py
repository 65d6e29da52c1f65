"""Both losses by hand, at the ends of the number line, and against their derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.nn import gradcheck
from sentibp.nn.losses import LOSSES, cross_entropy, squared_error

every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
few = settings(max_examples=60, deadline=None)
examples = st.lists(st.tuples(st.floats(-40, 40), st.integers(0, 1), st.floats(0.1, 10)), min_size=1, max_size=8).map(
    lambda rows: tuple(np.array(column, float) for column in zip(*rows, strict=True))
)

LOG3 = math.log(3)  # the logit of 3/4


def one(loss, z, target):
    """The loss and the dz of one review."""
    value, dz = loss(np.array([z]), np.array([target]))
    return value, dz.item()


def test_cross_entropy_by_hand():
    assert one(cross_entropy, 0.0, 1) == pytest.approx((math.log(2), 0.5 - 1))
    assert one(cross_entropy, LOG3, 1) == pytest.approx((-math.log(3 / 4), 3 / 4 - 1))
    assert one(cross_entropy, LOG3, 0) == pytest.approx((-math.log(1 / 4), 3 / 4 - 0))


def test_squared_error_by_hand():
    assert one(squared_error, 0.0, 1) == pytest.approx((1 / 4, 2 * (1 / 2 - 1) * 1 / 4))
    assert one(squared_error, LOG3, 1) == pytest.approx((1 / 16, 2 * (-1 / 4) * 3 / 16))
    assert one(squared_error, LOG3, 0) == pytest.approx((9 / 16, 2 * (3 / 4) * 3 / 16))


def test_a_batch_by_hand():
    loss, dz = cross_entropy(np.array([LOG3, LOG3, 0.0, 0.0]), np.array([1, 0, 1, 0]))
    assert loss == pytest.approx((-math.log(3 / 4) - math.log(1 / 4) + 2 * math.log(2)) / 4)
    assert dz == pytest.approx(np.array([-1 / 4, 3 / 4, -1 / 2, 1 / 2]) / 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_of_a_confident_wrong_prediction_is_finite(dtype):
    z, target = np.array([1000, -1000, 1000, -1000], dtype), np.array([1, 0, 0, 1])
    loss, dz = cross_entropy(z, target)  # the logarithm of a rounded probability would be infinite
    assert loss == (0 + 0 + 1000 + 1000) / 4
    assert dz.tolist() == [0, 0, 1 / 4, -1 / 4]
    loss, dz = squared_error(z, target)
    assert loss == (0 + 0 + 1 + 1) / 4
    assert dz.tolist() == [0, 0, 0, 0]  # the flaw that its docstring names: wrong, and it learns nothing


def test_the_mean_of_large_losses_does_not_overflow_in_float32():
    loss, dz = cross_entropy(np.full(4, 2e38, np.float32), np.zeros(4, np.int8))
    assert loss == pytest.approx(2e38)
    assert dz.tolist() == [1 / 4] * 4


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", [[0, 1, 1, 0, 1], [0.1, 0.9, 0.5, 0.0, 1.0]], ids=["labels", "soft labels"])
@every_loss
def test_dz_is_the_derivative_of_the_loss(loss, target, weighted):
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.2, 5, 5) if weighted else None
    error = gradcheck.check_loss(loss, 2 * rng.standard_normal(5), np.array(target), weight, rng)
    assert error["z"] < gradcheck.TOLERANCE


@every_loss
@few
@given(examples)
def test_the_loss_of_a_batch_is_the_average_of_the_losses_of_its_reviews(loss, example):
    z, target, weight = example
    n = len(z)
    value, dz = loss(z, target, weight)
    alone = [loss(z[j : j + 1], target[j : j + 1], weight[j : j + 1]) for j in range(n)]
    assert value == pytest.approx(sum(v for v, _ in alone) / n, rel=1e-12)
    np.testing.assert_allclose(dz, np.concatenate([d for _, d in alone]) / n, rtol=1e-12)


@every_loss
@few
@given(examples)
def test_the_loss_is_symmetric(loss, example):
    z, target, weight = example
    value, dz = loss(z, target, weight)
    mirrored, mirrored_dz = loss(-z, 1 - target, weight)
    assert mirrored == pytest.approx(value, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(mirrored_dz, -dz, rtol=1e-9, atol=1e-12)


@every_loss
def test_a_weight_of_two_counts_as_two_reviews_in_the_sum_and_as_one_in_n(loss):
    z, target = np.array([0.5, -1.0, 2.0]), np.array([1, 1, 0])
    value, dz = loss(z, target, np.array([2, 1, 0]))
    twice, dz_twice = loss(z[[0, 0, 1]], target[[0, 0, 1]])  # also n = 3
    assert value == pytest.approx(twice)
    assert dz == pytest.approx(np.array([2 * dz_twice[0], dz_twice[2], 0]))


@every_loss
def test_weights_of_one_change_nothing(loss):
    z, target = np.array([0.5, -1.0, 2.0]), np.array([1, 1, 0])
    plain, weighted = loss(z, target), loss(z, target, np.ones(3))
    assert plain[0] == weighted[0]
    assert plain[1].tolist() == weighted[1].tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label", [np.int8, np.int64, np.bool_, np.float32, np.float64])
@every_loss
def test_dz_has_the_dtype_of_z_whatever_labels_and_weights_are(loss, label, dtype):
    value, dz = loss(np.ones(2, dtype), np.array([0, 1], label), np.ones(2, np.float64))
    assert dz.dtype == dtype
    assert type(value) is float


@every_loss
def test_arguments_are_left_as_they_are(loss):
    arguments = np.array([0.5, -1.0]), np.array([1.0, 0.0]), np.array([2.0, 3.0])
    before = [a.copy() for a in arguments]
    loss(*arguments)
    assert all(a.tolist() == b.tolist() for a, b in zip(arguments, before, strict=True))
