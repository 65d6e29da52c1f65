"""Gradient flow: the size of the gradient and of the update of each layer in one step, and its inactive units.

Measuring changes nothing. `snapshot` copies the weights before the step (only the rows that the step can change), and
the other functions compare with them after it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sentibp.nn.arrays import Array, Gradient, RowGrad, take_rows
from sentibp.nn.layers import Activation, Layer, ReLU

_FLAT = 0.05  # a unit is saturated if its mean slope over a batch is below this share of the steepest slope


class Flow(NamedTuple):
    """The L2 norms of the gradient, the update and the weights of one layer in one step, each over all its tensors."""

    gradient: float  # before clipping
    update: float  # 0 if the layer is frozen
    weight: float  # after the update
    dead: float | None = None  # ReLU: the share of units whose output is 0 for every review of the batch
    saturated: float | None = None  # tanh, sigmoid: the share of units whose curve is flat for the batch


def layer_name(tensor: str) -> str:
    """Return the layer that a tensor belongs to, as settings name it: "hidden.0.norm.scale" -> "hidden.0"."""
    return tensor.rpartition(".")[0].removesuffix(".norm")


def inactive_units(network: Layer) -> dict[str, dict[str, float]]:
    """Return the share of dead (ReLU) or saturated (tanh, sigmoid) units of each layer with an activation.

    Call it between forward(train=True) and backward: it reads the outputs that the activations saved.
    """
    shares = {}
    for name, layer in network.walk():
        if isinstance(layer, Activation) and layer._saved is not None:
            slope = layer.derivative(layer._saved)  # (n, i)
            if isinstance(layer, ReLU):
                shares[layer_name(name)] = {"dead": float((slope.max(axis=0, initial=0) == 0).mean())}
            else:
                steepest = float(layer.derivative(layer.f(np.zeros(1)))[0])
                shares[layer_name(name)] = {"saturated": float((slope.mean(axis=0) < _FLAT * steepest).mean())}
    return shares


def snapshot(params: Mapping[str, Array], gradients: Mapping[str, Gradient]) -> dict[str, Array]:
    """Return copies of all weights that a step can change; for a row gradient, of its rows."""
    return {name: _updated_rows(params[name], gradient).copy() for name, gradient in gradients.items()}


def restore(params: Mapping[str, Array], gradients: Mapping[str, Gradient], before: Mapping[str, Array]) -> None:
    """Undo a step: write the snapshot back."""
    for name, gradient in gradients.items():
        params[name][gradient.rows if isinstance(gradient, RowGrad) else ...] = before[name]


def update_norm(params: Mapping[str, Array], gradients: Mapping[str, Gradient], before: Mapping[str, Array]) -> float:
    """Return the L2 norm of the update of all weights since the snapshot."""
    return math.hypot(*(_change(params[name], g, before[name]) for name, g in gradients.items()))


def measure(
    params: Mapping[str, Array],
    gradients: Mapping[str, Gradient],
    before: Mapping[str, Array],
    inactive: Mapping[str, Mapping[str, float]],
) -> dict[str, Flow]:
    """Return the flow of each layer, from the input to the output.

    `before` is the snapshot from before the step. `inactive` is what `inactive_units` returned.
    """
    norms: dict[str, list[tuple[float, float, float]]] = {}
    for name, gradient in gradients.items():
        values = gradient.values if isinstance(gradient, RowGrad) else gradient
        change = _change(params[name], gradient, before[name])
        norms.setdefault(layer_name(name), []).append((l2_norm(values), change, l2_norm(params[name])))
    return {
        layer: Flow(*(math.hypot(*column) for column in zip(*tensors, strict=True)), **inactive.get(layer, {}))
        for layer, tensors in norms.items()
    }


def l2_norm(values: Array) -> float:
    """Return the L2 norm of all numbers of an array, without a copy of it."""
    flat = values.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        square = float(np.dot(flat, flat))
        if not math.isfinite(square):  # a square above 3e38 overflows in float32
            square = float(np.square(flat, dtype=np.float64).sum())
    return math.sqrt(square)


def _updated_rows(param: Array, gradient: Gradient) -> Array:
    return take_rows(param, gradient.rows) if isinstance(gradient, RowGrad) else param


def _change(param: Array, gradient: Gradient, before: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return l2_norm(_updated_rows(param, gradient) - before)
