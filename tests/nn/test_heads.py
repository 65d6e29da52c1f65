"""The heads of more than two classes: by hand, against textbook formulas, and with planted bugs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builders import numbers
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.nn import AdaptiveTemperature, Cumulative, Scale, gradcheck, sigmoid, softmax
from sentibp.nn.heads import output_gradient, scale_shares
from sentibp.nn.layers import Linear, Sequential
from sentibp.nn.losses import (
    CLASS_LOSSES,
    LOSSES,
    cross_entropy,
    logits_of,
    loss_on,
    softmax_cross_entropy,
    softmax_squared_error,
)

few = settings(max_examples=60, deadline=None)
every_loss = pytest.mark.parametrize("loss", CLASS_LOSSES.values(), ids=CLASS_LOSSES)


def test_the_shares_of_three_and_five_classes_by_hand():
    assert scale_shares(3).tolist() == [[0, 0.5, 1], [0, 0.5, 0]]
    np.testing.assert_allclose(scale_shares(5), [[0, 0.25, 0.5, 0.75, 1], [0, 0.375, 0.5, 0.375, 0]])
    np.testing.assert_array_equal(Scale(4, np.zeros(2)).forward(np.eye(2)), scale_shares(4))  # not rounded to float32


@pytest.mark.parametrize(
    "head",
    [Scale(3), Scale(4, np.zeros(2)), Cumulative(np.zeros(2)), AdaptiveTemperature(np.ones(1), np.ones(1))],
    ids=["3", "4", "cumulative", "temperature"],
)
def test_a_head_goes_back_once_per_forward(head):
    x = np.ones((2, 1 if isinstance(head, Cumulative) else 2))
    dy = np.ones(head.forward(x, train=True).shape)
    head.backward(dy)
    with pytest.raises(RuntimeError, match=r"needs a forward\(train=True\)"):
        head.backward(dy)


def test_three_classes_have_the_logits_0_half_the_sum_and_z():
    z, u = 1.5, -0.75
    assert Scale(3).forward(np.array([[z, u]])).tolist() == [[0, (z + u) / 2, z]]


def temperature(power, spread=1.0, dtype=np.float64):
    return AdaptiveTemperature(np.full(1, power, dtype), np.full(1, spread, dtype))


def test_the_temperature_of_a_review_by_hand():
    """Standard deviations 2 and 6, and the usual one 2: temperatures 1, and the root of 3."""
    z = np.array([[7.0, 3.0, 5.0, 5.0], [12.0, 0.0, 0.0, 12.0]])
    s = [math.sqrt(2 + 1e-6), math.sqrt(36 + 1e-6)]
    layer = temperature(0.5, spread=s[0])
    np.testing.assert_allclose(layer.rate(z)[:, 0], [1, (s[0] / s[1]) ** 0.5])
    np.testing.assert_allclose(layer.forward(z), z * layer.rate(z))
    np.testing.assert_array_equal(temperature(0.0, 3.0).forward(z), z)
    same = temperature(1.0).forward(np.concatenate((z, 10 * z)))
    np.testing.assert_allclose(same[:2], same[2:], rtol=1e-5)  # only the ratios remain


@few
@given(shift=st.floats(-50, 50), power=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_temperature_keeps_the_order_of_the_labels_and_what_all_logits_share(shift, power, seed):
    z = 3 * np.random.default_rng(seed).standard_normal((4, 5))
    layer = temperature(power, 2.0)
    p = softmax(layer.forward(z))
    assert (p.argsort(axis=1) == z.argsort(axis=1)).all()
    np.testing.assert_allclose(softmax(layer.forward(z + shift)), p, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("z", [np.zeros((2, 3)), np.full((2, 3), 7.5), np.array([[3e38, -3e38, 0], [1, 0, 0]])])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_and_extreme_logits_have_a_temperature(z, dtype):
    layer, z = temperature(0.8, 2.0, dtype), z.astype(dtype)
    logits = layer.forward(z, train=True)
    assert logits.dtype == dtype
    p = softmax(logits)
    np.testing.assert_allclose(p[0], [1, 0, 0] if z[0, 0] > 100 else [1 / 3] * 3)
    dz = layer.backward(p - np.eye(3)[0])
    assert dz.dtype == dtype
    assert layer.grads["power"].dtype == dtype
    assert np.isfinite(dz).all()


def test_with_two_classes_the_scale_is_the_logistic_function():
    p = softmax(np.array([[3.0, 9.0]]) @ scale_shares(2))
    assert p[0, 1] == pytest.approx(sigmoid(np.array(3.0)))


def test_the_gradient_of_polarity_is_the_expected_place_minus_the_place():
    """dz = E[s] - s_y, du = E[q] - q_y, db_k = p_k - 1[k = y]."""
    rng, y = np.random.default_rng(0), np.array([0, 3, 4, 2])
    layer = Scale(5, numbers(rng, 3))
    logits = layer.forward(numbers(rng, 4, 2), train=True)
    _, dy = softmax_cross_entropy(logits, y)
    dx, (s, q), p = layer.backward(dy), scale_shares(5), softmax(logits)
    np.testing.assert_allclose(dx[:, 0], (p @ s - s[y]) / 4, atol=1e-15)
    np.testing.assert_allclose(dx[:, 1], (p @ q - q[y]) / 4, atol=1e-15)
    np.testing.assert_allclose(layer.grads["bias"], (p - np.eye(5)[y])[:, 1:-1].sum(axis=0) / 4, atol=1e-15)


def test_thresholds_are_sorted_and_their_median_is_zero():
    even, odd = Cumulative(np.log([1.0, 2.0])), Cumulative(np.log([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(even.thresholds(), [-1, 0, 2])
    np.testing.assert_allclose(odd.thresholds(), [-2, -1, 1, 5])


@few
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6), st.floats(-20, 20))
def test_cumulative_logits_are_the_logarithms_of_the_differences_of_sigmoids(gaps, z):
    layer = Cumulative(np.array(gaps))
    theta = np.concatenate(([-np.inf], layer.thresholds(), [np.inf]))
    expected = np.diff(-sigmoid(z - theta))
    p = np.exp(layer.forward(np.array([[z]]))[0])
    np.testing.assert_allclose(p, expected, rtol=1e-6, atol=1e-12)
    assert p.sum() == pytest.approx(1)


def test_the_gradient_of_the_cumulative_head_is_that_of_the_textbook():
    """dz = sigmoid(a) + sigmoid(b) - 1 for a class between two thresholds."""
    layer, z = Cumulative(np.zeros(2)), 0.3  # thresholds -1, 0, 1
    _, dy = softmax_cross_entropy(layer.forward(np.array([[z]]), train=True), np.array([1]))
    a, b = z + 1, z
    assert layer.backward(dy).item() == pytest.approx(float(sigmoid(np.array(a)) + sigmoid(np.array(b))) - 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_far_out_are_finite(dtype):
    z = np.array([[1000, 0], [-1000, 0], [0, 1000], [1000, 1000]], dtype)
    loss, dz = softmax_cross_entropy(Scale(3, dtype=dtype).forward(z), np.array([0, 2, 0, 2]))
    assert np.isfinite(loss)
    assert np.isfinite(dz).all()
    logits = Cumulative(np.zeros(2, dtype)).forward(z[:, :1])
    assert np.isfinite(logits).all()


# --- the losses of several classes


def test_class_losses_by_hand():
    z = np.log(np.array([[1.0, 2.0, 1.0]]))
    loss, dz = softmax_cross_entropy(z, np.array([1]))
    assert loss == pytest.approx(math.log(2))
    np.testing.assert_allclose(dz, [[0.25, -0.5, 0.25]])
    loss, dz = softmax_squared_error(z, np.array([1]))
    assert loss == pytest.approx(1 / 16 + 1 / 4 + 1 / 16)
    np.testing.assert_allclose(dz, [[0.1875, -0.375, 0.1875]])


def test_two_classes_have_the_loss_of_one_logit():
    z, y = np.array([0.3, -2.0, 4.0]), np.array([1, 1, 0])
    pair = np.stack((np.zeros(3), z), axis=1)
    loss, dz = softmax_cross_entropy(pair, y)
    expected, d_expected = cross_entropy(z, y)
    assert loss == pytest.approx(expected)
    np.testing.assert_allclose(dz, np.stack((-d_expected, d_expected), axis=1), atol=1e-15)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@every_loss
def test_dz_is_the_derivative_of_the_loss(loss, soft, weighted):
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.2, 5, 6) if weighted else None
    target = rng.dirichlet(np.ones(4), 6) if soft else rng.integers(0, 4, 6)
    error = gradcheck.check_loss(loss, 2 * numbers(rng, 6, 4), target, weight, rng)
    assert error["z"] < gradcheck.TOLERANCE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [np.array([0, 2], np.int8), np.full((2, 3), 1 / 3)], ids=["labels", "soft labels"])
@every_loss
def test_dz_has_the_dtype_of_z_whatever_labels_and_weights_are(loss, target, dtype):
    value, dz = loss(np.ones((2, 3), dtype), target, np.ones(2))
    assert dz.dtype == dtype
    assert type(value) is float


def test_a_network_of_one_column_has_the_loss_of_one_logit():
    y, target = np.array([[0.5], [-1.0]]), np.array([1, 0])
    for name, loss in LOSSES.items():
        assert loss_on(name)(logits_of(y), target)[0] == loss(y[:, 0], target)[0]
        assert loss_on(name)(logits_of(np.eye(2)), target)[0] == CLASS_LOSSES[name](np.eye(2), target)[0]


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        (Scale(4, np.array([0.5, -0.25])), (3, 2)),
        (Cumulative(np.log([1.0, 2.0])), (3,)),
        (temperature(0.6, 2.0), (3, 4)),
        (None, (3, 4)),
    ],
    ids=["scale", "cumulative", "temperature", "softmax"],
)
def test_the_gradient_of_the_outputs_is_what_goes_back_through_the_head(head, shape):
    """It is known before `backward`, which it leaves possible."""
    rng = np.random.default_rng(0)
    outputs = {"scale": 2, "cumulative": 1}.get(type(head).__name__.lower(), 4)
    linear = Linear(rng.standard_normal((5, outputs)), np.zeros(outputs))
    network = Sequential({"output": linear} if head is None else {"output": linear, "head": head})
    _, dz = softmax_cross_entropy(network.forward(rng.standard_normal((3, 5)), train=True), np.array([0, 3, 1]))
    early = output_gradient(network, dz)
    assert early.shape == shape
    np.testing.assert_allclose(early.reshape(3, -1), dz if head is None else head.backward(dz))


def test_the_gradient_of_one_logit_is_its_own():
    network = Sequential({"output": Linear(np.ones((2, 1)), np.zeros(1))})
    assert output_gradient(network, np.array([0.5, -1.0])).tolist() == [0.5, -1]


# --- planted bugs


class ForgetsTheFactorTwo(Scale):
    def backward(self, dy):
        dx = super().backward(dy)
        return dx * np.array([1, 0.5])


class ForgetsTheEnds(Scale):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {"bias": dy.sum(axis=0)[:3]}
        return dx


class ForgetsTheMedian(Cumulative):
    @staticmethod
    def _median_share(n):
        return np.zeros(n)


class ForgetsTheLogarithm(Cumulative):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {"gaps": self.grads["gaps"] / np.exp(self.params["gaps"])}
        return dx


class ForgetsThatTheSpreadMoves(AdaptiveTemperature):
    def input_gradient(self, dy):
        return dy * self.rate(self._saved)


class ForgetsTheUsualSpread(AdaptiveTemperature):
    def backward(self, dy):
        x, dx = self._saved, super().backward(dy)
        self.grads = {"power": -(np.log(self.deviations(x)[1]) * self.rate(x) * dy * x).sum(keepdims=True)[0]}
        return dx


@pytest.mark.parametrize(
    ("layer", "width"),
    [
        (lambda rng: ForgetsThatTheSpreadMoves(np.full(1, 0.6), np.full(1, 2.0)), 4),
        (lambda rng: ForgetsTheUsualSpread(np.full(1, 0.6), np.full(1, 2.0)), 4),
        (lambda rng: ForgetsTheFactorTwo(5, numbers(rng, 3)), 2),
        (lambda rng: ForgetsTheEnds(5, numbers(rng, 3)), 2),
        (lambda rng: ForgetsTheMedian(numbers(rng, 3)), 1),
        (lambda rng: ForgetsTheLogarithm(numbers(rng, 3)), 1),
    ],
)
def test_the_gradient_check_sees_planted_bugs(layer, width):
    rng = np.random.default_rng(3)
    errors = gradcheck.check_layer(layer(rng), numbers(rng, 6, width), rng)
    assert max(errors.values()) > 1e-3
