"""Gradient checks: backpropagation against central differences, along random directions, in float64.

The derivative of a loss f along a direction v is  sum(gradient * v),  and also the limit of
(f(w + h v) - f(w - h v)) / 2h.  A wrong gradient differs from this limit in almost every direction. So a few
directions test all numbers of a tensor, at the cost of two forward passes each.

The checks run the layer in training mode: they draw from its generators, change the running averages of batch norm,
and set its gradients. ReLU has no derivative at 0, and the central difference there is 1/2. An empty review and biases
of 0 put a network at this point, so change the biases before the check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sentibp.nn.arrays import Array, Gradient, RowGrad
from sentibp.nn.layers import Layer
from sentibp.nn.losses import Loss, logits_of

TOLERANCE = 1e-6
"""The largest relative error of a right gradient in float64. The differences themselves are exact to about 1e-9."""

_STEP = 1e-6


def compare(
    f: Callable[[], float],
    tensors: Mapping[str, Array],
    gradients: Mapping[str, Gradient],
    rng: np.random.Generator,
    directions: int = 3,
) -> dict[str, float]:
    """Return the largest relative error of each gradient over some random directions; infinity if its shape is wrong.

    f() computes the loss from the current numbers of `tensors`. The check changes each tensor in place and restores
    the same bits. Raises ValueError if one is not float64.
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
    rows, values = gradient if isinstance(gradient, RowGrad) else (..., gradient)
    if np.shape(values) != direction[rows].shape:
        return math.inf  # the product would repeat it: a bias gradient that is not summed over the batch would pass
    expected = float((values * direction[rows]).sum())
    tensor += _STEP * direction
    above = f()
    tensor[...] = start - _STEP * direction
    below = f()
    tensor[...] = start
    measured = (above - below) / (2 * _STEP)
    # Relative to the norm of the gradient, because the derivative along one direction may be small by chance; and at
    # least to the rounding error of the differences.
    norm = float(np.linalg.norm(values))
    rounding = np.finfo(float).eps * max(abs(above), abs(below), 1.0) / _STEP
    return abs(expected - measured) / max(abs(expected), abs(measured), norm, 10 * rounding / TOLERANCE)


def replay(layer: Layer) -> Callable[[], None]:
    """Return a function that resets the generators of `layer` to their present state: dropout repeats its masks."""
    generators = [inner.rng for _, inner in layer.walk() if inner.rng is not None]
    states = [rng.bit_generator.state for rng in generators]

    def rewind() -> None:
        for rng, state in zip(generators, states, strict=True):
            rng.bit_generator.state = state

    return rewind


def check_layer(layer: Layer, x: Any, rng: np.random.Generator, directions: int = 3) -> dict[str, float]:
    """Return the relative error of the gradient of each parameter; of an array as input, also of dx, under "x".

    The loss is sum(y * r) with a fixed random r, so that d loss / d y = r has no special structure.
    """
    rewind = replay(layer)
    r = rng.standard_normal(np.shape(layer.forward(x, train=True)))
    x = x.copy() if isinstance(x, np.ndarray) else x

    def f() -> float:
        rewind()
        return float((layer.forward(x, train=True) * r).sum())

    dx = layer.backward(r)
    tensors, gradients = dict(layer.params), dict(layer.grads)
    if isinstance(x, np.ndarray):
        tensors["x"], gradients["x"] = x, dx
    return compare(f, tensors, gradients, rng, directions)


def check_loss(loss: Loss, z: Array, target: Array, weight: Array | None, rng: np.random.Generator) -> dict[str, float]:
    """Return the relative error of dz, under "z"."""
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
    """Return the relative error of the gradient of each parameter of a network with logits (n, 1) or (n, K)."""
    rewind = replay(network)

    def f() -> float:
        rewind()
        return loss(logits_of(network.forward(x, train=True)), target, weight)[0]

    _, dz = loss(logits_of(network.forward(x, train=True)), target, weight)
    network.backward(dz.reshape(len(dz), -1))
    return compare(f, network.params, network.grads, rng, directions)
