"""The formulas of each kind of layer, forward and backward, with the numbers of one traced step.

Each function takes the trace of a layer, the trace of the whole step, and `dims`, the number of entries of each vector
that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sentibp.inspection import head_formulas
from sentibp.inspection.trace import PAIR, LayerTrace, Trace, dense_gradient
from sentibp.inspection.worksheet import Formula, Line, Number, Table, join_terms, number, parenthesized
from sentibp.nn import EmbeddingBag, Layer, Linear, ReLU, Residual, Sigmoid, Tanh
from sentibp.nn.eval_mode import FixedBatchNorm
from sentibp.nn.heads import AdaptiveTemperature, Cumulative, Scale
from sentibp.nn.layers import Activation, Array
from sentibp.utils.messages import one_line

_WORDS = 8  # the least number of embedding rows that are shown


class LayerFormulas(NamedTuple):
    """The functions that return the lines for one kind of layer."""

    forward: Callable[[LayerTrace, Trace, int], list[Line]]
    backward: Callable[[LayerTrace, Trace, int], list[Line]]


def formulas_of(traced: LayerTrace) -> LayerFormulas:
    """Return the formulas for the kind of this layer."""
    return next(formulas for kind, formulas in _FORMULAS.items() if isinstance(traced.layer, kind))


def _vector(name: str, values: Array, dims: int, computed: bool = True) -> Table:
    """Return the first entries of a vector (1, k) as a table of one row."""
    shown = values[0, :dims].tolist()
    more = ["..."] if values.shape[1] > dims else []
    return Table(
        ["", *(f"[{i + 1}]" for i in range(len(shown))), *more], [(name, [*shown, *([""] * len(more))])], computed
    )


def _matrix(name: str, values: Array, dims: int, computed: bool = False) -> Table:
    """Return the first rows and columns of a matrix, or the first entries of a vector (k,), as a table."""
    if values.ndim == 1:
        return _vector(name, values[None], dims, computed)
    rows, columns = (min(dims, n) for n in values.shape)
    more = ["..."] if values.shape[1] > columns else []
    body: list[tuple[str, Sequence[float | str]]] = [
        (f"[{i + 1},]", [*values[i, :columns].tolist(), *([""] * len(more))]) for i in range(rows)
    ]
    if values.shape[0] > rows:
        body.append(("...", [""] * (columns + len(more))))
    return Table([name, *(f"[,{j + 1}]" for j in range(columns)), *more], body, computed)


def _products(a: Array, b: Array, dims: int) -> list[str]:
    """Return the first terms of the sum of a[i] * b[i], for a and b of shape (k,)."""
    terms = [f"{number(x)}*{number(y)}" for x, y in zip(a[:dims].tolist(), b[:dims].tolist(), strict=True)]
    return [*terms, *(["..."] if len(a) > dims else [])]


def _first(values: Array, dims: int) -> list[tuple[int, float]]:
    """Return the first entries of a vector (1, k), each with its number from 1."""
    return list(enumerate(values[0, :dims].tolist(), 1))


def _entry(name: str, j: int, values: Array) -> str:
    """Return the name of entry j of a vector (1, k). A vector with one entry needs no index, and a pair has names."""
    if name.endswith(PAIR):
        return f"{name.removesuffix(PAIR)}{'zu'[j - 1]}"
    return f"{name}[{j}]" if values.shape[1] > 1 else name


_DIVISOR = {"mean": ("{}", " / n"), "sqrt": ("sqrt({})", " / sqrt(n)"), "sum": ("1", "")}


def _bag_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    weight, n, padding = traced.before["weight"], sum(trace.counts), traced.layer.padding  # type: ignore[attr-defined]
    most = max(dims, _WORDS)
    divisor, symbols = _DIVISOR[traced.layer.pooling]  # type: ignore[attr-defined]
    counts = [f"{c}*" if c > 1 else "" for c in trace.counts]
    lines: list[Line] = [_row_table("row w of", trace, weight[:most], dims, computed=False)]
    if not n:
        return [*lines, "No known word: the pooled vector is 0.", _vector("x", traced.y, dims)]
    count = f"{n} + {padding} of padding = {n + padding}" if padding else str(n)
    formula = f"x = (w1 + ...){symbols}, n = {count}" if symbols else "x = w1 + ... + wn"
    lines.append(Formula(formula, traced.forward_source))
    for j, value in _first(traced.y, dims):
        terms = [f"{c}{number(w)}" for c, w in zip(counts, weight[:most, j - 1].tolist(), strict=False)]
        if len(weight) > most:
            terms.append("...")
        expression = f"({join_terms(terms)}) / {divisor.format(n + padding)}" if symbols else join_terms(terms)
        lines.append(Number(f"x[{j}]", expression, value))
    return lines


def _row_table(title: str, trace: Trace, values: Array, dims: int, computed: bool) -> Table:
    """Return the first rows of the embedding, or of its gradient, as a table with the feature of each row."""
    shown = values[:, :dims]
    more = ["..."] if values.shape[1] > dims else []
    body: list[tuple[str, Sequence[float | str]]] = [
        (one_line(name, 24), [str(count), *row, *([""] * len(more))])
        for name, count, row in zip(trace.features, trace.counts, shown.tolist(), strict=False)
    ]
    columns = [title, "times", *(f"[{j + 1}]" for j in range(shown.shape[1])), *more]
    if len(trace.features) > len(values):
        body.append((f"and {len(trace.features) - len(values)} more", [""] * (len(columns) - 1)))
    return Table(columns, body, computed)


def _bag_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    n = sum(trace.counts)
    if not n:
        return ["No known word: no gradient."]
    divisor, symbols = _DIVISOR[traced.layer.pooling]  # type: ignore[attr-defined]
    gradient = dense_gradient(traced.grads["weight"], traced.before["weight"])
    over = f" / {divisor.format(n + traced.layer.padding)}" if symbols else ""  # type: ignore[attr-defined]
    lines: list[Line] = [Formula(f"dw = times{symbols} * dx", traced.backward_source)]
    for j, value in _first(gradient, dims):
        expression = f"{trace.counts[0]}{over} * {number(traced.dy[0, j - 1])}"
        lines.append(Number(f"dw({one_line(trace.features[0], 24)})[{j}]", expression, value))
    return [*lines, _row_table("dw of", trace, gradient[: max(dims, _WORDS)], dims, computed=True)]


def _linear_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, weight, bias = traced.symbols, traced.before["weight"], traced.before["bias"]
    lines: list[Line] = [_matrix(s["weight"], weight, dims), _matrix(s["bias"], bias, dims)]
    lines.append(Formula(f"{s['y']} = {s['x']} {s['weight']} + {s['bias']}", traced.forward_source))
    for j, value in _first(traced.y, dims):
        terms = [*_products(traced.x[0], weight[:, j - 1], dims), number(bias[j - 1])]
        lines.append(Number(_entry(s["y"], j, traced.y), join_terms(terms), value))
    return lines


def _linear_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, weight = traced.symbols, traced.before["weight"]
    dy, dweight = f"d{s['y']}", traced.grads["weight"]
    lines: list[Line] = [Formula(f"d{s['weight']} = {s['x']}^T {dy}", traced.backward_source)]
    entries = [(i, j) for i in range(min(dims, weight.shape[0])) for j in range(min(dims, weight.shape[1]))]
    for i, j in entries[:dims]:
        expression = f"{number(traced.x[0, i])} * {number(traced.dy[0, j])}"
        lines.append(Number(f"d{s['weight']}[{i + 1},{j + 1}]", expression, float(dweight[i, j])))
    if len(entries) > dims:
        lines.append(_matrix(f"d{s['weight']}", dweight, dims, computed=True))
    lines.append(Formula(f"d{s['bias']} = {dy}", traced.backward_source))
    lines.append(_matrix(f"d{s['bias']}", traced.grads["bias"], dims, computed=True))
    lines.append(Formula(f"{s['dx']} = {dy} {s['weight']}^T", traced.backward_source))
    for i, value in _first(traced.dx, dims):
        terms = _products(traced.dy[0], weight[i - 1], dims)
        lines.append(Number(_entry(s["dx"], i, traced.dx), join_terms(terms), value))
    return lines


class ActivationFormula(NamedTuple):
    """An activation and its derivative, as text that is built from the text of x, y and dy."""

    forward: Callable[[str], str]
    backward: Callable[[str, str, str], str]  # of dy, x, y


ACTIVATIONS: dict[type[Activation], ActivationFormula] = {
    ReLU: ActivationFormula(lambda x: f"max({x}, 0)", lambda dy, x, y: f"{dy} * ({y} > 0)"),
    Tanh: ActivationFormula(lambda x: f"tanh({x})", lambda dy, x, y: f"{dy} * (1 - {y}^2)"),
    Sigmoid: ActivationFormula(
        lambda x: f"1 / (1 + e^-{parenthesized(x)})", lambda dy, x, y: f"{dy} * {y} * (1 - {y})"
    ),
}


def _activation_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, function = traced.symbols, ACTIVATIONS[type(traced.layer)]  # type: ignore[index]
    lines: list[Line] = [Formula(f"{s['y']} = {function.forward(s['x'])}", traced.forward_source)]
    for j, value in _first(traced.y, dims):
        lines.append(Number(_entry(s["y"], j, traced.y), function.forward(number(traced.x[0, j - 1])), value))
    return lines


def _activation_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, function = traced.symbols, ACTIVATIONS[type(traced.layer)]  # type: ignore[index]
    formula = function.backward(f"d{s['y']}", s["x"], s["y"])
    lines: list[Line] = [Formula(f"{s['dx']} = {formula}", traced.backward_source)]
    for j, value in _first(traced.dx, dims):
        dy, x, y = (number(array[0, j - 1]) for array in (traced.dy, traced.x, traced.y))
        lines.append(Number(_entry(s["dx"], j, traced.dx), function.backward(dy, x, parenthesized(y)), value))
    return lines


def _norm_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, tensors = traced.symbols, {**traced.before, **traced.layer.buffers}
    lines: list[Line] = [_matrix(name, tensors[name], dims) for name in ("scale", "shift", "mean", "variance")]
    formula = f"{s['y']} = scale * ({s['x']} - mean) / sqrt(variance + {_epsilon(traced)}) + shift"
    lines.append(Formula(formula, traced.forward_source))
    for j, value in _first(traced.y, dims):
        scale, shift, mean, variance = (number(tensors[k][j - 1]) for k in ("scale", "shift", "mean", "variance"))
        expression = (
            f"{scale} * ({number(traced.x[0, j - 1])} - {parenthesized(mean)}) / sqrt({variance} + {_epsilon(traced)})"
        )
        lines.append(Number(_entry(s["y"], j, traced.y), join_terms([expression, shift]), value))
    return lines


def _norm_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, tensors, dy = traced.symbols, {**traced.before, **traced.layer.buffers}, f"d{traced.symbols['y']}"
    lines: list[Line] = [
        Formula(f"dscale = {dy} * ({s['x']} - mean) / sqrt(variance + {_epsilon(traced)})", traced.backward_source),
        _matrix("dscale", traced.grads["scale"], dims, computed=True),
        Formula(f"dshift = {dy}", traced.backward_source),
        _matrix("dshift", traced.grads["shift"], dims, computed=True),
        Formula(f"{s['dx']} = {dy} * scale / sqrt(variance + {_epsilon(traced)})", traced.backward_source),
    ]
    for j, value in _first(traced.dx, dims):
        scale, variance = (number(tensors[name][j - 1]) for name in ("scale", "variance"))
        expression = f"{number(traced.dy[0, j - 1])} * {scale} / sqrt({variance} + {_epsilon(traced)})"
        lines.append(Number(_entry(s["dx"], j, traced.dx), expression, value))
    return lines


def _epsilon(traced: LayerTrace) -> str:
    return f"{traced.layer.EPSILON:g}"  # type: ignore[attr-defined]


def _residual_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s = traced.symbols
    block = traced.y - traced.x
    lines: list[Line] = [Formula(f"{s['y']} = {s['x']} + {s['block']}", traced.forward_source)]
    for j, value in _first(traced.y, dims):
        terms = [number(traced.x[0, j - 1]), number(block[0, j - 1])]
        lines.append(Number(_entry(s["y"], j, traced.y), join_terms(terms), value))
    return lines


def _residual_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s = traced.symbols
    return [
        f"A sum passes its gradient to both of its terms. The gradient of the block is d{s['block']} = d{s['y']}.",
        _vector(f"d{s['block']}", traced.dy, dims),
    ]


def residual_sum(traced: LayerTrace, dims: int) -> list[Line]:
    """Return the gradient of the input of a skip connection: the sum of both paths, once its block is done."""
    s = traced.symbols
    through = traced.dx - traced.dy
    formula = f"d{s['x']} = d{s['y']} + d{s['x']}'"
    lines: list[Line] = [Formula(formula, traced.backward_source)]
    for j, value in _first(traced.dx, dims):
        terms = [number(traced.dy[0, j - 1]), number(through[0, j - 1])]
        lines.append(Number(_entry(f"d{s['x']}", j, traced.dx), join_terms(terms), value))
    return lines


def _other_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    formula = Formula(f"{traced.symbols['y']} = f({traced.symbols['x']})", traced.forward_source)
    return [formula, _vector(traced.symbols["y"], traced.y, dims)]


def _other_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    if not isinstance(traced.dx, np.ndarray):
        return []
    formula = Formula(
        f"{traced.symbols['dx']} = d{traced.symbols['y']} * f'({traced.symbols['x']})", traced.backward_source
    )
    return [formula, _vector(traced.symbols["dx"], traced.dx, dims)]


_FORMULAS: dict[type[Layer], LayerFormulas] = {
    EmbeddingBag: LayerFormulas(_bag_forward, _bag_backward),
    Scale: LayerFormulas(head_formulas.scale_forward, head_formulas.scale_backward),
    Cumulative: LayerFormulas(head_formulas.cumulative_forward, head_formulas.cumulative_backward),
    AdaptiveTemperature: LayerFormulas(head_formulas.temperature_forward, head_formulas.temperature_backward),
    Linear: LayerFormulas(_linear_forward, _linear_backward),
    FixedBatchNorm: LayerFormulas(_norm_forward, _norm_backward),
    Residual: LayerFormulas(_residual_forward, _residual_backward),
    ReLU: LayerFormulas(_activation_forward, _activation_backward),
    Tanh: LayerFormulas(_activation_forward, _activation_backward),
    Sigmoid: LayerFormulas(_activation_forward, _activation_backward),
    Layer: LayerFormulas(_other_forward, _other_backward),  # any other
}
"""The formulas of each kind of layer. `formulas_of` takes the first kind that matches."""
