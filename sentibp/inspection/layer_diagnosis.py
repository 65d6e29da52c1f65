"""The likely mistake behind a wrong gradient.

The right gradient is computed number by number, by central differences. Then each classic mistake is tried: the first
one that turns the right gradient into the wrong one is the diagnosis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sentibp.inspection.layer_cases import REVIEWS, TEXTS, WORDS_PER_REVIEW, Case
from sentibp.nn import Layer, RowGrad
from sentibp.nn.gradcheck import replay
from sentibp.nn.layers import Array

_STEP = 1e-6
EQUAL = 1e-5
"""The relative difference up to which two gradients are equal. Differences number by number have a larger error."""


def output_gradient(shape: tuple[int, ...]) -> Array:
    """Return the dy that backward is called with."""
    return np.random.default_rng(2).standard_normal(shape)


def tensors_of(layer: Layer, x: Any) -> dict[str, Array]:
    """Return the parameters of the layer, and its input "x" if that is an array."""
    return {**layer.params, **({"x": x} if isinstance(x, np.ndarray) else {})}


def numerical_gradients(case: Case, transposed: str | None = None) -> dict[str, Array]:
    """Return the gradient of sum(y * dy) by every number of each tensor, by central differences.

    `transposed` is the name of a parameter that is transposed first.
    """
    layer, x = case.make()
    layer.params = {name: value.astype(np.float64) for name, value in layer.params.items()}
    if transposed:
        layer.params = {**layer.params, transposed: layer.params[transposed].T.copy()}
    rewind = replay(layer)
    x = x.copy() if isinstance(x, np.ndarray) else x

    def f() -> float:
        rewind()
        y = layer.forward(x, train=True)
        return float((y * output_gradient(y.shape)).sum())

    result = {}
    for name, tensor in tensors_of(layer, x).items():
        gradient = np.zeros_like(tensor)
        for index in np.ndindex(tensor.shape):
            start = tensor[index]
            tensor[index] = start + _STEP
            above = f()
            tensor[index] = start - _STEP
            gradient[index] = (above - f()) / (2 * _STEP)
            tensor[index] = start
        result[name] = gradient
    return result


def relative_difference(a: Array, b: Array) -> float:
    """Return the relative difference of two gradients, or infinity if their shapes differ."""
    if a.shape != b.shape:
        return np.inf
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b), 1e-12))


def repeated_rows(layer: Layer, name: str) -> str | None:
    """Return the mistake of a RowGrad that contains an id twice, or None."""
    gradient = layer.grads.get(name)
    if isinstance(gradient, RowGrad) and len(np.unique(gradient.rows)) < len(gradient.rows):
        return (
            "repeated ids counted once: RowGrad.rows contains an id twice, and an optimizer uses only one of the two; "
            "add up the rows of each id"
        )
    return None


def diagnose(case: Case, name: str, wrong: Array) -> str:
    """Return the first of the classic mistakes that explains the wrong gradient of a tensor."""
    right = numerical_gradients(case)[name]
    for explain in (_input, _forgotten, _not_summed, _sign, _transposed, _factor):
        if mistake := explain(case, name, wrong, right):
            return mistake
    return "none of the classic mistakes; compare the derivative with the formula in forward"


def _input(case: Case, name: str, wrong: Array, right: Array) -> str | None:
    """Return the mistake that fails on this input, though not on the easier input before it."""
    return TEXTS[case.input].mistake if case.input in TEXTS else None


def _forgotten(case: Case, name: str, wrong: Array, right: Array) -> str | None:
    if wrong.any() or not right.any():
        return None
    if name in ("bias", "b", "shift"):
        return "forgotten bias: backward sets no gradient for it; it is added to every review: dy.sum(axis=0)"
    return f"forgotten: backward sets no gradient of {name}"


def _not_summed(case: Case, name: str, wrong: Array, right: Array) -> str | None:
    if wrong.ndim == right.ndim + 1 and relative_difference(wrong.sum(axis=0), right) < EQUAL:
        return "not summed over the batch: every review contributes to it; dy.sum(axis=0)"
    return None


def _sign(case: Case, name: str, wrong: Array, right: Array) -> str | None:
    return "sign: it is the right gradient times -1" if relative_difference(-wrong, right) < EQUAL else None


def _transposed(case: Case, name: str, wrong: Array, right: Array) -> str | None:
    if wrong.ndim == 2 and relative_difference(wrong.T, right) < EQUAL:
        return f"transposed: it is the transpose of the right gradient; its shape should be that of {name}"
    if name == "x":
        layer, _ = case.make()
        for parameter, value in layer.params.items():
            square = value.ndim == 2 and value.shape[0] == value.shape[1]
            if square and relative_difference(wrong, numerical_gradients(case, parameter)["x"]) < EQUAL:
                return (
                    f"transposed: forward multiplies by {parameter}, backward by {parameter}.T; dx = dy @ {parameter}.T"
                )
    return None


def _factor(case: Case, name: str, wrong: Array, right: Array) -> str | None:
    if wrong.shape != right.shape or not right.any():
        return None
    factor = float((wrong * right).sum() / (right * right).sum())
    if relative_difference(wrong, factor * right) > EQUAL:
        return None
    sizes = {REVIEWS: "reviews in the batch"}
    if case.input == "plain":
        sizes[WORDS_PER_REVIEW] = "words in the review"
    for n, size in sizes.items():
        if abs(factor - n) < EQUAL * n:
            return f"missing 1/n: it is {n} times too large, and there are n = {n} {size}; divide in backward, too"
        if abs(factor * n - 1) < EQUAL:
            loss = "; the loss already has the 1/n of the mean over the batch" if n == REVIEWS else ""
            return f"1/n twice: it is {n} times too small, and there are n = {n} {size}{loss}"
    return f"a factor: it is {factor:.6g} times the right gradient"
