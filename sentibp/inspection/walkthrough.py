"""One step of one review, with every number: forward, loss, backward, update, and the answer after it.

The numbers are those that pass the layers of nn: each forward and backward is watched, none is done again here. The
network is the one that predicts (`nn.inference`): no dropout, and batch norm with its running averages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sentibp.inspection.trace import LayerTrace, Outcome, Trace, dense_gradient, source_of
from sentibp.inspection.worksheet import Formula, Line, Number, Section, Sheet, Table, join_terms, number
from sentibp.model.head import label_number
from sentibp.nn import EmbeddingBag, Layer, Linear, ReLU, Residual, Sigmoid, Tanh, sigmoid
from sentibp.nn.eval_mode import FixedBatchNorm
from sentibp.nn.layers import Activation, Array
from sentibp.nn.losses import LOSSES
from sentibp.nn.optim import SGD, Adagrad, Adam, Momentum, Nesterov, Optimizer, RMSprop

_WORDS = 8  # rows of the embedding that a sheet shows at least


class Stage(NamedTuple):
    """A part of the step, and what is said of it; `call` is the layer that it is about, if it is one."""

    kind: str  # words, forward, loss, backward, logit, gradient, joined, update or after
    traced: LayerTrace | None
    section: Section


def stages(trace: Trace, dims: int) -> list[Stage]:
    """The step from its words to the answer after it, for people: of each vector the first `dims` numbers."""
    before, after = trace.outcomes[0], trace.outcomes[-1]
    n = sum(trace.counts)
    dv = "dv is d loss / d v: how much the loss grows with v. From the loss to the words:"
    return [
        Stage("words", None, Section("Forward", _words(trace, n))),
        *(
            Stage("forward", call, Section(_title(call), _kind(call).forward(call, trace, dims)))
            for call in trace.layers
        ),
        Stage("loss", None, Section("the answer and the loss", _answer(trace, before))),
        Stage("backward", None, Section("Backward", [dv])),
        Stage("logit", None, Section("the logit", _logit_gradient(trace, before))),
        *_backward(trace, dims),
        Stage("update", None, Section("Update", _update(trace, dims))),
        Stage("after", None, Section("After", _after(trace, before, after))),
    ]


def sheet(trace: Trace, dims: int) -> Sheet:
    """All of it, for people: of each vector the first `dims` numbers."""
    title = f'"{_short(trace.text, 50)}" is {trace.label}: one step of learning it'
    return Sheet(title, [stage.section for stage in stages(trace, dims)])


class Kind(NamedTuple):
    """What is said of a kind of layer, going forward and going back."""

    forward: Callable[[LayerTrace, Trace, int], list[Line]]
    backward: Callable[[LayerTrace, Trace, int], list[Line]]


def _kind(call: LayerTrace) -> Kind:
    return next(kind for layer, kind in _KINDS.items() if isinstance(call.layer, layer))


def _title(call: LayerTrace) -> str:
    return f"{call.name}: {type(call.layer).__name__.removeprefix('Fixed')}"


def _backward(trace: Trace, dims: int) -> Iterator[Stage]:
    """From the last layer to the first. What a skip connection adds is known once its block is done."""
    waiting: list[LayerTrace] = []
    for call in reversed(trace.layers):
        while waiting and not _inside(call, waiting[-1]):
            yield _joined(waiting.pop(), dims)
        yield Stage("gradient", call, Section(_title(call), _kind(call).backward(call, trace, dims)))
        if isinstance(call.layer, Residual):
            waiting.append(call)
    for call in reversed(waiting):
        yield _joined(call, dims)


def _inside(call: LayerTrace, residual: LayerTrace) -> bool:
    return call.name == residual.name or call.name.startswith(f"{residual.name}.")


def _forward_source(call: LayerTrace) -> str:
    return source_of(type(call.layer).forward)


def _backward_source(call: LayerTrace) -> str:
    return source_of(type(call.layer).backward)


def _short(text: str, width: int) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * width]).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _vector(name: str, values: Array, dims: int, computed: bool = True) -> Table:
    """The first numbers of a vector (1, k), as a table of one row."""
    shown = values[0, :dims].tolist()
    more = ["..."] if values.shape[1] > dims else []
    return Table(
        ["", *(f"[{i + 1}]" for i in range(len(shown))), *more], [(name, [*shown, *([""] * len(more))])], computed
    )


def _matrix(name: str, values: Array, dims: int, computed: bool = False) -> Table:
    """The first rows and columns of a matrix, or the first numbers of a vector (k,)."""
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
    """The first terms of the sum of a[i] * b[i]; both (k,)."""
    terms = [f"{number(x)}*{number(y)}" for x, y in zip(a[:dims].tolist(), b[:dims].tolist(), strict=True)]
    return [*terms, *(["..."] if len(a) > dims else [])]


def _each(values: Array, dims: int) -> list[tuple[int, float]]:
    """The first numbers of a vector (1, k), counted from 1."""
    return list(enumerate(values[0, :dims].tolist(), 1))


def _words(trace: Trace, n: int) -> list[Line]:
    unknown = [word.text for word, known in zip(trace.words, trace.known, strict=True) if not known]
    lines: list[Line] = [f"words: {_short(' | '.join(word.text for word in trace.words), 200) or 'none'}"]
    lines.append(f"{n:,} words and n-grams that the model knows; each is a row of the embedding")
    if unknown:
        lines.append(f"not known, and left out: {_short(', '.join(unknown), 100)}")
    return lines


_DIVISOR = {"mean": ("{}", " / n"), "sqrt": ("sqrt({})", " / sqrt(n)"), "sum": ("1", "")}


def _bag_forward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    weight, n, padding = call.before["weight"], sum(trace.counts), call.layer.padding  # type: ignore[attr-defined]
    most = max(dims, _WORDS)
    divisor, symbols = _DIVISOR[call.layer.pooling]  # type: ignore[attr-defined]
    shown = weight[:most, :dims]
    counts = [f"{c}*" if c > 1 else "" for c in trace.counts]
    lines: list[Line] = [_rows("row w of", trace, shown, computed=False)]
    if not n:
        return [*lines, "No row: the pooled vector is 0.", _vector("x", call.y, dims)]
    of = f"{n} + {padding} of padding = {n + padding}" if padding else str(n)
    formula = f"x = (w1 + ...){symbols}, n = {of}" if symbols else "x = w1 + ... + wn"
    lines.append(Formula(formula, _forward_source(call)))
    for j, value in _each(call.y, dims):
        terms = [f"{c}{number(w)}" for c, w in zip(counts, weight[:most, j - 1].tolist(), strict=False)]
        if len(weight) > most:
            terms.append("...")
        expression = f"({join_terms(terms)}) / {divisor.format(n + padding)}" if symbols else join_terms(terms)
        lines.append(Number(f"x[{j}]", expression, value))
    return lines


def _rows(title: str, trace: Trace, values: Array, computed: bool) -> Table:
    """The first rows of the embedding, or of what belongs to them, with the features they stand for."""
    body: list[tuple[str, Sequence[float | str]]] = [
        (_short(name, 24), [str(count), *row])
        for name, count, row in zip(trace.features, trace.counts, values.tolist(), strict=False)
    ]
    if len(trace.features) > len(values):
        body.append((f"and {len(trace.features) - len(values)} more", [""] * (values.shape[1] + 1)))
    return Table([title, "times", *(f"[{j + 1}]" for j in range(values.shape[1]))], body, computed)


def _bag_backward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    n = sum(trace.counts)
    if not n:
        return ["No row: no gradient."]
    divisor, symbols = _DIVISOR[call.layer.pooling]  # type: ignore[attr-defined]
    gradient = dense_gradient(call.grads["weight"], call.before["weight"])
    over = f" / {divisor.format(n + call.layer.padding)}" if symbols else ""  # type: ignore[attr-defined]
    lines: list[Line] = [Formula(f"dw = times{symbols} * dx", _backward_source(call))]
    for j, value in _each(gradient, dims):
        expression = f"{trace.counts[0]}{over} * {number(call.dy[0, j - 1])}"
        lines.append(Number(f"dw({_short(trace.features[0], 24)})[{j}]", expression, value))
    return [*lines, _rows("dw of", trace, gradient[: max(dims, _WORDS), :dims], computed=True)]


def _linear_forward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, weight, bias = call.symbols, call.before["weight"], call.before["bias"]
    lines: list[Line] = [_matrix(s["weight"], weight, dims), _matrix(s["bias"], bias, dims)]
    lines.append(Formula(f"{s['y']} = {s['x']} {s['weight']} + {s['bias']}", _forward_source(call)))
    for j, value in _each(call.y, dims):
        terms = [*_products(call.x[0], weight[:, j - 1], dims), number(bias[j - 1])]
        lines.append(Number(_at(s["y"], j, call.y), join_terms(terms), value))
    return lines


def _at(name: str, j: int, values: Array) -> str:
    """The name of a number in a vector; a vector of one number is that number."""
    return f"{name}[{j}]" if values.shape[1] > 1 else name


def _linear_backward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, weight = call.symbols, call.before["weight"]
    dy, dweight = f"d{s['y']}", call.grads["weight"]
    lines: list[Line] = [Formula(f"d{s['weight']} = {s['x']}^T {dy}", _backward_source(call))]
    entries = [(i, j) for i in range(min(dims, weight.shape[0])) for j in range(min(dims, weight.shape[1]))]
    for i, j in entries[:dims]:
        expression = f"{number(call.x[0, i])} * {number(call.dy[0, j])}"
        lines.append(Number(f"d{s['weight']}[{i + 1},{j + 1}]", expression, float(dweight[i, j])))
    if len(entries) > dims:
        lines.append(_matrix(f"d{s['weight']}", dweight, dims, computed=True))
    lines.append(Formula(f"d{s['bias']} = {dy}", _backward_source(call)))
    lines.append(_matrix(f"d{s['bias']}", call.grads["bias"], dims, computed=True))
    lines.append(Formula(f"{s['dx']} = {dy} {s['weight']}^T", _backward_source(call)))
    for i, value in _each(call.dx, dims):
        terms = _products(call.dy[0], weight[i - 1], dims)
        lines.append(Number(_at(s["dx"], i, call.dx), join_terms(terms), value))
    return lines


class _Function(NamedTuple):
    """An activation in symbols: of its input x and its output y, as text."""

    forward: Callable[[str], str]
    backward: Callable[[str, str, str], str]  # of dy, x, y


_FUNCTIONS: dict[type[Activation], _Function] = {
    ReLU: _Function(lambda x: f"max({x}, 0)", lambda dy, x, y: f"{dy} * ({y} > 0)"),
    Tanh: _Function(lambda x: f"tanh({x})", lambda dy, x, y: f"{dy} * (1 - {y}^2)"),
    Sigmoid: _Function(lambda x: f"1 / (1 + e^-{_bracket(x)})", lambda dy, x, y: f"{dy} * {y} * (1 - {y})"),
}


def _bracket(x: str) -> str:
    return f"({x})" if x.startswith("-") else x


def _activation_forward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, function = call.symbols, _FUNCTIONS[type(call.layer)]  # type: ignore[index]
    lines: list[Line] = [Formula(f"{s['y']} = {function.forward(s['x'])}", _forward_source(call))]
    for j, value in _each(call.y, dims):
        lines.append(Number(_at(s["y"], j, call.y), function.forward(number(call.x[0, j - 1])), value))
    return lines


def _activation_backward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, function = call.symbols, _FUNCTIONS[type(call.layer)]  # type: ignore[index]
    formula = function.backward(f"d{s['y']}", s["x"], s["y"])
    lines: list[Line] = [Formula(f"{s['dx']} = {formula}", _backward_source(call))]
    for j, value in _each(call.dx, dims):
        dy, x, y = (number(array[0, j - 1]) for array in (call.dy, call.x, call.y))
        lines.append(Number(_at(s["dx"], j, call.dx), function.backward(dy, x, _bracket(y)), value))
    return lines


def _norm_forward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, tensors = call.symbols, {**call.before, **call.layer.buffers}
    lines: list[Line] = [_matrix(name, tensors[name], dims) for name in ("scale", "shift", "mean", "variance")]
    formula = f"{s['y']} = scale * ({s['x']} - mean) / sqrt(variance + {_epsilon(call)}) + shift"
    lines.append(Formula(formula, _forward_source(call)))
    for j, value in _each(call.y, dims):
        scale, shift, mean, variance = (number(tensors[k][j - 1]) for k in ("scale", "shift", "mean", "variance"))
        expression = f"{scale} * ({number(call.x[0, j - 1])} - {_bracket(mean)}) / sqrt({variance} + {_epsilon(call)})"
        lines.append(Number(_at(s["y"], j, call.y), join_terms([expression, shift]), value))
    return lines


def _epsilon(call: LayerTrace) -> str:
    return f"{call.layer._EPSILON:g}"  # type: ignore[attr-defined]


def _norm_backward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s, tensors, dy = call.symbols, {**call.before, **call.layer.buffers}, f"d{call.symbols['y']}"
    lines: list[Line] = [
        Formula(f"dscale = {dy} * ({s['x']} - mean) / sqrt(variance + {_epsilon(call)})", _backward_source(call)),
        _matrix("dscale", call.grads["scale"], dims, computed=True),
        Formula(f"dshift = {dy}", _backward_source(call)),
        _matrix("dshift", call.grads["shift"], dims, computed=True),
        Formula(f"{s['dx']} = {dy} * scale / sqrt(variance + {_epsilon(call)})", _backward_source(call)),
    ]
    for j, value in _each(call.dx, dims):
        scale, variance = (number(tensors[name][j - 1]) for name in ("scale", "variance"))
        expression = f"{number(call.dy[0, j - 1])} * {scale} / sqrt({variance} + {_epsilon(call)})"
        lines.append(Number(_at(s["dx"], j, call.dx), expression, value))
    return lines


def _residual_forward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s = call.symbols
    block = call.y - call.x
    lines: list[Line] = [Formula(f"{s['y']} = {s['x']} + {s['block']}", _forward_source(call))]
    for j, value in _each(call.y, dims):
        terms = [number(call.x[0, j - 1]), number(block[0, j - 1])]
        lines.append(Number(_at(s["y"], j, call.y), join_terms(terms), value))
    return lines


def _residual_backward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    s = call.symbols
    return [
        f"The sum hands its gradient to both of its terms; the block gets d{s['block']} = d{s['y']}.",
        _vector(f"d{s['block']}", call.dy, dims),
    ]


def _joined(call: LayerTrace, dims: int) -> Stage:
    """What comes back through the block, and past it."""
    s = call.symbols
    through = call.dx - call.dy
    formula = f"d{s['x']} = d{s['y']} + d{s['x']}'"
    lines: list[Line] = [Formula(formula, _backward_source(call))]
    for j, value in _each(call.dx, dims):
        terms = [number(call.dy[0, j - 1]), number(through[0, j - 1])]
        lines.append(Number(_at(f"d{s['x']}", j, call.dx), join_terms(terms), value))
    return Stage("joined", call, Section(_title(call), lines))


def _other_forward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    formula = Formula(f"{call.symbols['y']} = f({call.symbols['x']})", _forward_source(call))
    return [formula, _vector(call.symbols["y"], call.y, dims)]


def _other_backward(call: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    if not isinstance(call.dx, np.ndarray):
        return []
    formula = Formula(f"{call.symbols['dx']} = d{call.symbols['y']} * f'({call.symbols['x']})", _backward_source(call))
    return [formula, _vector(call.symbols["dx"], call.dx, dims)]


_KINDS: dict[type[Layer], Kind] = {
    EmbeddingBag: Kind(_bag_forward, _bag_backward),
    Linear: Kind(_linear_forward, _linear_backward),
    FixedBatchNorm: Kind(_norm_forward, _norm_backward),
    Residual: Kind(_residual_forward, _residual_backward),
    ReLU: Kind(_activation_forward, _activation_backward),
    Tanh: Kind(_activation_forward, _activation_backward),
    Sigmoid: Kind(_activation_forward, _activation_backward),
    Layer: Kind(_other_forward, _other_backward),  # any other
}
"""The first that fits."""


class _Loss(NamedTuple):
    """A loss in symbols, and with numbers put in: of p and y."""

    symbols: str
    numbers: Callable[[str, int], str]
    gradient_symbols: str
    gradient: Callable[[str, int], str]


_LOSSES = {
    "cross_entropy": _Loss(
        "L = -y log p - (1 - y) log(1 - p)",
        lambda p, y: f"-log({p})" if y else f"-log(1 - {p})",
        "dz = p - y",
        lambda p, y: f"{p} - {y}",
    ),
    "squared_error": _Loss(
        "L = (p - y)^2",
        lambda p, y: f"({p} - {y})^2",
        "dz = 2 (p - y) p (1 - p)",
        lambda p, y: f"2 * ({p} - {y}) * {p} * (1 - {p})",
    ),
}


def _answer(trace: Trace, state: Outcome) -> list[Line]:
    y, loss = label_number(trace.label), _LOSSES[trace.loss]
    return [
        Formula("p = 1 / (1 + e^-z)", source_of(sigmoid)),
        Number("p", f"1 / (1 + e^-{_bracket(number(state.logit))})", state.positive),
        f"p is the probability of positive; the label is {trace.label}: y = {y}",
        Formula(loss.symbols, source_of(LOSSES[trace.loss])),
        Number("L", loss.numbers(number(state.positive), y), state.loss),
    ]


def _logit_gradient(trace: Trace, state: Outcome) -> list[Line]:
    y, loss = label_number(trace.label), _LOSSES[trace.loss]
    return [
        Formula(loss.gradient_symbols, source_of(LOSSES[trace.loss])),
        Number("dz", loss.gradient(number(state.positive), y), trace.dz),
    ]


class _Rule(NamedTuple):
    """An optimizer's rule in symbols, and its first step with numbers put in: of w, g, the rate, itself, its state."""

    symbols: str
    numbers: Callable[[str, str, str, Any, Mapping[str, float]], str]


_RULES: dict[type[Optimizer], _Rule] = {
    SGD: _Rule("w <- w - rate * g", lambda w, g, rate, o, s: f"{w} - {rate} * {_bracket(g)}"),
    Nesterov: _Rule(
        "v <- momentum v + g;  w <- w - rate * (g + momentum v)",
        lambda w, g, rate, o, s: f"{w} - {rate} * ({g} + {o.momentum:g} * {_bracket(number(s['velocity']))})",
    ),
    Momentum: _Rule(
        "v <- momentum v + g;  w <- w - rate * v",
        lambda w, g, rate, o, s: f"{w} - {rate} * {_bracket(number(s['velocity']))}",
    ),
    Adagrad: _Rule(
        "s <- s + g^2;  w <- w - rate * g / (sqrt(s) + epsilon)",
        lambda w, g, rate, o, s: f"{w} - {rate} * {_bracket(g)} / (sqrt({number(s['sum'])}) + {o.epsilon:g})",
    ),
    RMSprop: _Rule(
        "s <- rho s + (1 - rho) g^2;  w <- w - rate * g / (sqrt(s) + epsilon)",
        lambda w, g, rate, o, s: f"{w} - {rate} * {_bracket(g)} / (sqrt({number(s['square'])}) + {o.epsilon:g})",
    ),
    Adam: _Rule(
        "m <- beta1 m + (1 - beta1) g;  s <- beta2 s + (1 - beta2) g^2;  "
        "w <- w - rate * m / (1 - beta1) / (sqrt(s / (1 - beta2)) + epsilon), in the first step",
        lambda w, g, rate, o, s: (
            f"{w} - {rate} * {_bracket(number(s['mean']))} / (1 - {o.beta1:g})"
            f" / (sqrt({number(s['square'])} / (1 - {o.beta2:g})) + {o.epsilon:g})"
        ),
    ),
}
"""The first that fits."""


def _update(trace: Trace, dims: int) -> list[Line]:
    optimizer = trace.optimizer
    rule = next(rule for kind, rule in _RULES.items() if isinstance(optimizer, kind))
    lines: list[Line] = [
        Formula(rule.symbols, source_of(type(optimizer).rule)),
        f"for each number w and its gradient g; rate = {trace.learning_rate:g}",
    ]
    if optimizer.weight_decay:
        lines.append(f"and a weight decay of {optimizer.weight_decay:g}, which the numbers below contain")
    for call in trace.layers:
        for name, before in call.before.items():
            if not before.size:
                continue
            gradient = dense_gradient(call.grads[name], before)
            for at in list(np.ndindex(before.shape))[: min(dims, 2)]:
                state = {key: _entry(value, at) for key, value in call.state[name].items()}
                numbers = (
                    number(float(before[at])),
                    number(float(gradient[at])),
                    f"{trace.learning_rate:g}",
                )
                expression = rule.numbers(*numbers, optimizer, state)
                lines.append(Number(_entry_name(call, trace, name, at), expression, float(call.after[name][at])))
    return lines


def _entry(value: Array, at: tuple[int, ...]) -> float:
    """A number of the optimizer's state; a row may share one."""
    return float(value[tuple(min(i, n - 1) for i, n in zip(at, value.shape, strict=True))] if value.ndim else value)


def _entry_name(call: LayerTrace, trace: Trace, name: str, at: tuple[int, ...]) -> str:
    if isinstance(call.layer, EmbeddingBag):
        return f"w({_short(trace.features[at[0]], 24)})[{at[1] + 1}]"
    known = call.symbols.get(name, f"{name}{call.symbols['number']}")
    return f"{known}[{','.join(str(i + 1) for i in at)}]"


def _after(trace: Trace, before: Outcome, after: Outcome) -> list[Line]:
    y, loss = label_number(trace.label), _LOSSES[trace.loss]
    steps = len(trace.outcomes) - 1
    lines: list[Line] = [f"The forward pass again, after {'the update' if steps == 1 else f'{steps} such steps'}:"]
    if steps == 1:
        lines.append(Number("p", f"1 / (1 + e^-{_bracket(number(after.logit))})", after.positive))
        lines.append(Number("L", loss.numbers(number(after.positive), y), after.loss))
    rows = [(str(i), list(state)) for i, state in enumerate(trace.outcomes)]
    if steps == 1:
        rows = [("before", list(before)), ("after", list(after))]
    lines.append(Table(["step" if steps > 1 else "", "z", "p", "L"], rows, computed=True))
    return lines
