"""Backpropagation against central differences, along random directions, in float64.

For a loss f and a direction v, the derivative along v is both  sum(gradient * v)  and the limit of
(f(w + h v) - f(w - h v)) / 2h.  A wrong gradient differs from the second in almost every direction, so that a few
directions test all numbers of a tensor at once, at the cost of two forward passes each.

The checks run the layer in training mode: they draw from its generators, move the running averages of batch norm, and
leave gradients behind. ReLU has no derivative at 0, and differences say 1/2 there: an empty review and biases of 0 put
a network on that corner, so move its biases before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sentibp.nn.layers import Array, Gradient, Layer, RowGrad
from sentibp.nn.losses import Loss

TOLERANCE = 1e-6
"""The relative error up to which a float64 gradient counts as right: differences themselves are good to about 1e-9."""

_STEP = 1e-6


def compare(
    f: Callable[[], float],
    tensors: Mapping[str, Array],
    gradients: Mapping[str, Gradient],
    rng: np.random.Generator,
    directions: int = 3,
) -> dict[str, float]:
    """The largest relative error of each gradient over some random directions.

    f() computes the loss from `tensors` as they are; each is moved in place and put back to the same bits.
    ValueError if one is not float64.
    """
    for name, tensor in tensors.items():
        if tensor.dtype != np.float64:
            raise ValueError(f"{name} is {tensor.dtype}: differences need float64")
    return {
        name: max(_error(f, tensor, gradients[name], rng) for _ in range(directions))
        for name, tensor in tensors.items()
    }


def _error(f: Callable[[], float], tensor: Array, gradient: Gradient, rng: np.random.Generator) -> float:
    start = tensor.copy()
    direction = rng.standard_normal(tensor.shape)
    if isinstance(gradient, RowGrad):
        expected = float((gradient.values * direction[gradient.rows]).sum())
    else:
        expected = float((gradient * direction).sum())
    tensor += _STEP * direction
    above = f()
    tensor[...] = start - _STEP * direction
    below = f()
    tensor[...] = start
    measured = (above - below) / (2 * _STEP)
    # relative to the gradient's length, not to this one derivative, which is small in an unlucky direction;
    # and never to less than what rounding can do to the differences
    length = float(np.linalg.norm(gradient.values if isinstance(gradient, RowGrad) else gradient))
    rounding = np.finfo(float).eps * max(abs(above), abs(below), 1.0) / _STEP
    return abs(expected - measured) / max(abs(expected), abs(measured), length, 10 * rounding / TOLERANCE)


def replay(layer: Layer) -> Callable[[], None]:
    """A function that sets the random generators inside `layer` back to where they are now: dropout holds its mask."""
    generators = [inner.rng for _, inner in layer.walk() if inner.rng is not None]
    states = [rng.bit_generator.state for rng in generators]

    def rewind() -> None:
        for rng, state in zip(generators, states, strict=True):
            rng.bit_generator.state = state

    return rewind


def check_layer(layer: Layer, x: Any, rng: np.random.Generator, directions: int = 3) -> dict[str, float]:
    """Relative error per parameter, and of dx under "x" where the input is an array.

    The loss is sum(y * r) for a fixed random r, so that d loss / d y = r is as general as can be.
    """
    rewind = replay(layer)
    r = rng.standard_normal(np.shape(layer.forward(x, train=True)))
    x = x.copy() if isinstance(x, np.ndarray) else x

    def f() -> float:
        rewind()
        return float((layer.forward(x, train=True) * r).sum())

    f()
    dx = layer.backward(r)
    tensors, gradients = dict(layer.params), dict(layer.grads)
    if isinstance(x, np.ndarray):
        tensors["x"], gradients["x"] = x, dx
    return compare(f, tensors, gradients, rng, directions)


def check_loss(loss: Loss, z: Array, target: Array, weight: Array | None, rng: np.random.Generator) -> dict[str, float]:
    """Relative error of dz, under "z"."""
    z = z.copy()
    _, dz = loss(z, target, weight)
    return compare(lambda: loss(z, target, weight)[0], {"z": z}, {"z": dz}, rng)


def check_network(
    network: Layer,
    loss: Loss,
    x: Any,
    target: Array,
    rng: np.random.Generator,
    weight: Array | None = None,
    directions: int = 3,
) -> dict[str, float]:
    """Relative error per parameter of a whole network that ends in one logit a review: (n, 1)."""
    rewind = replay(network)

    def f() -> float:
        rewind()
        return loss(network.forward(x, train=True)[:, 0], target, weight)[0]

    rewind()
    _, dz = loss(network.forward(x, train=True)[:, 0], target, weight)
    network.backward(dz[:, None])
    return compare(f, network.params, network.grads, rng, directions)
