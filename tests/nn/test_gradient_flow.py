"""The flow through each layer: lengths as plain numpy computes them, idle units, and nothing changed by looking."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.nn import gradient_flow
from sentibp.nn.initializers import glorot
from sentibp.nn.layers import EmbeddingBag, Linear, Ragged, ReLU, Residual, RowGrad, Sequential, Sigmoid, Tanh
from sentibp.nn.optim import SGD

REVIEWS = Ragged(np.array([0, 2, 2, 4], np.int32), np.array([0, 3, 3, 4]))


def network(activation, rng) -> Sequential:
    hidden = Sequential({"": Linear(glorot(rng, (3, 3)), np.zeros(3, np.float32)), "activation": activation})
    bag = EmbeddingBag(rng.standard_normal((5, 3), dtype=np.float32))
    return Sequential({"embedding": bag, "hidden.0": Residual(hidden), "output": Linear(glorot(rng, (3, 1)), zeros(1))})


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def test_the_layer_of_a_tensor():
    assert [
        gradient_flow.layer_name(name) for name in ("embedding.weight", "hidden.0.norm.scale", "hidden.11.bias")
    ] == [
        "embedding",
        "hidden.0",
        "hidden.11",
    ]


def test_gradient_norms_are_those_of_dense_arrays():
    """Of the embedding only some rows have a gradient and move; its weights are all of its rows."""
    net = network(ReLU(), np.random.default_rng(0))
    net.forward(REVIEWS, train=True)
    net.backward(np.ones((3, 1), np.float32))
    old = {name: value.copy() for name, value in net.params.items()}
    before = gradient_flow.snapshot(net.params, net.grads)
    assert before["embedding.weight"].shape == (3, 3)
    SGD().step([(name, value, net.grads[name]) for name, value in net.params.items()], 0.5)
    found = gradient_flow.measure(net.params, net.grads, before, {"hidden.0": {"dead": 0.25}})
    assert list(found) == ["embedding", "hidden.0", "output"]
    for layer, each in found.items():
        names = [name for name in net.params if gradient_flow.layer_name(name) == layer]
        gradients = [g.values if isinstance(g, RowGrad) else g for g in (net.grads[name] for name in names)]
        for value, arrays in (
            (each.gradient, gradients),
            (each.update, [net.params[name] - old[name] for name in names]),
            (each.weight, [net.params[name] for name in names]),
        ):
            assert value == pytest.approx(np.sqrt(sum((array.astype(float) ** 2).sum() for array in arrays)), rel=1e-6)
    assert (found["hidden.0"].dead, found["hidden.0"].saturated, found["output"].dead) == (0.25, None, None)
    whole = gradient_flow.update_norm(net.params, net.grads, before)
    assert whole == pytest.approx(np.sqrt(sum(each.update**2 for each in found.values())))
    gradient_flow.restore(net.params, net.grads, before)
    for name, value in net.params.items():
        np.testing.assert_array_equal(value, old[name])


def test_a_unit_is_dead_if_it_is_0_for_every_review():
    layer = Sequential({"a": Sequential({"activation": ReLU()})})
    layer.forward(np.array([[1.0, -1, -1, 2], [-1, -1, 2, 0]]), train=True)
    assert gradient_flow.inactive_units(layer) == {"a": {"dead": 0.25}}
    layer.forward(np.zeros((0, 4)), train=True)
    assert gradient_flow.inactive_units(layer) == {"a": {"dead": 1}}, "no review, no slope"


@pytest.mark.parametrize(("activation", "far"), [(Sigmoid(), 4.5), (Tanh(), 2.5)])
def test_a_unit_is_saturated_if_its_curve_is_flat_for_the_reviews(activation, far):
    layer = Sequential({"a": Sequential({"activation": activation})})
    layer.forward(np.array([[0, far, far, -far], [0, far, -far, 0]]), train=True)
    assert gradient_flow.inactive_units(layer) == {"a": {"saturated": 0.5}}


SLOPES = [(Sigmoid(), lambda y: y * (1 - y)), (Tanh(), lambda y: 1 - y * y)]  # given y = f(x)


@pytest.mark.parametrize(("activation", "slope_of"), SLOPES)
def test_a_unit_is_saturated_below_a_twentieth_of_the_steepest_slope(activation, slope_of):
    """The slope of a sigmoid is at most 1/4, that of tanh 1; both count as shares of that."""
    steepest = slope_of(activation.f(np.zeros(1)))[0]
    x = np.linspace(0, 8, 801)[None, :]  # (1, i), one review: the mean slope of a unit is its slope
    share = slope_of(activation.f(x)) / steepest
    layer = Sequential({"a": Sequential({"activation": activation})})
    layer.forward(x, train=True)
    assert gradient_flow.inactive_units(layer) == {"a": {"saturated": pytest.approx((share < 0.05).mean())}}


def test_finding_idle_units_does_not_disturb_backward():
    net = network(ReLU(), np.random.default_rng(0))
    net.forward(REVIEWS, train=True)
    gradient_flow.inactive_units(net)
    net.backward(np.ones((3, 1), np.float32))
    assert gradient_flow.inactive_units(net) == {}  # used up


def test_norms_beyond_float32_give_no_warning():
    assert gradient_flow.l2_norm(np.full((2, 2), 1e30, np.float32)) == pytest.approx(2e30)
    assert gradient_flow.l2_norm(np.array([np.inf], np.float32)) == np.inf
    assert np.isnan(gradient_flow.l2_norm(np.array([np.nan], np.float32)))
    assert gradient_flow.l2_norm(np.zeros(0, np.float32)) == 0
    assert gradient_flow.l2_norm(np.array([1e200])) == np.inf
    far = {"a": np.array([3e38], np.float32)}
    assert gradient_flow.update_norm(far, far, {"a": -far["a"]}) == np.inf
