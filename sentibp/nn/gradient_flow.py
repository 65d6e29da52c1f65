"""How the gradient flows: what one step did to each layer, and which of its units were idle.

Looking changes nothing: weights are copied before the step, only the rows that it can touch, and compared after it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sentibp.nn.layers import Activation, Array, Gradient, Layer, ReLU, RowGrad, take_rows

_FLAT = 0.05  # of the steepest slope: a unit whose mean slope over a batch is less is saturated


class Flow(NamedTuple):
    """One layer in one step: the lengths of its gradient, of its update and of its weights, each as one vector."""

    gradient: float  # before clipping
    update: float  # 0 where a layer is frozen
    weight: float  # after the update
    dead: float | None = None  # ReLU: the share of its units that were 0 for every review of the batch
    saturated: float | None = None  # tanh, sigmoid: the share of its units whose curve was flat for the batch


def part(name: str) -> str:
    """The layer that a tensor belongs to, as settings name it: "hidden.0.norm.scale" -> "hidden.0"."""
    return name.rpartition(".")[0].removesuffix(".norm")


def idle(network: Layer) -> dict[str, dict[str, float]]:
    """The share of idle units of each layer with an activation, as `dead` or `saturated`.

    To be asked after forward(train=True) and before backward, which uses up what the activations remember.
    """
    shares = {}
    for name, layer in network.walk():
        if isinstance(layer, Activation) and layer._saved is not None:
            slope = layer.derivative(layer._saved)  # (n, i)
            if isinstance(layer, ReLU):
                shares[part(name)] = {"dead": float((slope.max(axis=0, initial=0) == 0).mean())}
            else:
                steepest = float(layer.derivative(layer.f(np.zeros(1)))[0])
                shares[part(name)] = {"saturated": float((slope.mean(axis=0) < _FLAT * steepest).mean())}
    return shares


def snapshot(params: Mapping[str, Array], gradients: Mapping[str, Gradient]) -> dict[str, Array]:
    """A copy of all weights that a step can change: of those with row gradients, the rows."""
    return {name: _touched(params[name], gradient).copy() for name, gradient in gradients.items()}


def restore(params: Mapping[str, Array], gradients: Mapping[str, Gradient], before: Mapping[str, Array]) -> None:
    """Undo a step."""
    for name, gradient in gradients.items():
        params[name][gradient.rows if isinstance(gradient, RowGrad) else ...] = before[name]


def update_norm(params: Mapping[str, Array], gradients: Mapping[str, Gradient], before: Mapping[str, Array]) -> float:
    """How far a step moved all weights, taken as one vector."""
    return math.hypot(*(_moved(params[name], g, before[name]) for name, g in gradients.items()))


def measure(
    params: Mapping[str, Array],
    gradients: Mapping[str, Gradient],
    before: Mapping[str, Array],
    idle_units: Mapping[str, Mapping[str, float]],
) -> dict[str, Flow]:
    """What the step did to each layer, from the input to the output; `before` is a snapshot."""
    lengths: dict[str, list[tuple[float, float, float]]] = {}
    for name, gradient in gradients.items():
        values = gradient.values if isinstance(gradient, RowGrad) else gradient
        moved = _moved(params[name], gradient, before[name])
        lengths.setdefault(part(name), []).append((length(values), moved, length(params[name])))
    return {
        layer: Flow(*(math.hypot(*each) for each in zip(*parts, strict=True)), **idle_units.get(layer, {}))
        for layer, parts in lengths.items()
    }


def length(values: Array) -> float:
    """The length of an array as one vector, without a copy of it."""
    flat = values.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        square = float(np.dot(flat, flat))
    if not math.isfinite(square) and np.isfinite(flat).all():  # float32 ends at 1e38
        square = float(np.square(flat, dtype=np.float64).sum())
    return math.sqrt(square) if square >= 0 else math.nan


def _touched(param: Array, gradient: Gradient) -> Array:
    return take_rows(param, gradient.rows) if isinstance(gradient, RowGrad) else param


def _moved(param: Array, gradient: Gradient, before: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return length(_touched(param, gradient) - before)
