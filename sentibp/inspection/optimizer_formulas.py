"""The update formula of each optimizer, with the numbers of one traced step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sentibp.inspection.trace import LayerTrace, Trace, dense_gradient, source_of
from sentibp.inspection.worksheet import Formula, Line, Number, number, parenthesized
from sentibp.nn import EmbeddingBag
from sentibp.nn.heads import Scale
from sentibp.nn.layers import Array
from sentibp.nn.optim import SGD, Adagrad, Adam, Momentum, Nesterov, Optimizer, RMSprop
from sentibp.utils.messages import one_line


class _Rule(NamedTuple):
    """An update rule in symbols, and a function that returns its first step with numbers.

    The function takes w, g and the learning rate as text, the optimizer, and the entries of its state.
    """

    symbols: str
    numbers: Callable[[str, str, str, Any, Mapping[str, float]], str]


_RULES: dict[type[Optimizer], _Rule] = {
    SGD: _Rule("w <- w - eta * g", lambda w, g, eta, o, s: f"{w} - {eta} * {parenthesized(g)}"),
    Nesterov: _Rule(
        "v <- momentum v + g;  w <- w - eta * (g + momentum v)",
        lambda w, g, eta, o, s: f"{w} - {eta} * ({g} + {o.momentum:g} * {parenthesized(number(s['velocity']))})",
    ),
    Momentum: _Rule(
        "v <- momentum v + g;  w <- w - eta * v",
        lambda w, g, eta, o, s: f"{w} - {eta} * {parenthesized(number(s['velocity']))}",
    ),
    Adagrad: _Rule(
        "s <- s + g^2;  w <- w - eta * g / (sqrt(s) + epsilon)",
        lambda w, g, eta, o, s: f"{w} - {eta} * {parenthesized(g)} / (sqrt({number(s['sum'])}) + {o.epsilon:g})",
    ),
    RMSprop: _Rule(
        "s <- rho s + (1 - rho) g^2;  w <- w - eta * g / (sqrt(s) + epsilon)",
        lambda w, g, eta, o, s: f"{w} - {eta} * {parenthesized(g)} / (sqrt({number(s['square'])}) + {o.epsilon:g})",
    ),
    Adam: _Rule(
        "m <- beta1 m + (1 - beta1) g;  s <- beta2 s + (1 - beta2) g^2;  "
        "w <- w - eta * m / (1 - beta1) / (sqrt(s / (1 - beta2)) + epsilon), in the first step",
        lambda w, g, eta, o, s: (
            f"{w} - {eta} * {parenthesized(number(s['mean']))} / (1 - {o.beta1:g})"
            f" / (sqrt({number(s['square'])} / (1 - {o.beta2:g})) + {o.epsilon:g})"
        ),
    ),
}
"""The rule of each optimizer. A subclass comes before its base class, since the first match is taken."""


def update_lines(trace: Trace, dims: int) -> list[Line]:
    """Return the update rule, and the update of the first entries of each parameter: at most 2 of each."""
    optimizer = trace.optimizer
    rule = next(rule for kind, rule in _RULES.items() if isinstance(optimizer, kind))
    lines: list[Line] = [
        Formula(rule.symbols, source_of(type(optimizer).rule)),
        f"for each number w and its gradient g; eta is the learning rate, {trace.learning_rate:g}",
    ]
    if optimizer.weight_decay:
        lines.append(f"The numbers below include a weight decay of {optimizer.weight_decay:g}.")
    for traced in trace.layers:
        for name, before in traced.before.items():
            if not before.size:
                continue
            gradient = dense_gradient(traced.grads[name], before)
            for index in list(np.ndindex(before.shape))[: min(dims, 2)]:
                state = {key: _state_entry(value, index) for key, value in traced.optimizer_state[name].items()}
                numbers = (
                    number(float(before[index])),
                    number(float(gradient[index])),
                    f"{trace.learning_rate:g}",
                )
                expression = rule.numbers(*numbers, optimizer, state)
                lines.append(
                    Number(_entry_name(traced, trace, name, index), expression, float(traced.after[name][index]))
                )
    return lines


def _state_entry(value: Array, index: tuple[int, ...]) -> float:
    """Return the entry of the optimizer's state for one number. With row-wise Adagrad a whole row shares one entry."""
    return float(value[tuple(min(i, n - 1) for i, n in zip(index, value.shape, strict=True))] if value.ndim else value)


def _entry_name(traced: LayerTrace, trace: Trace, name: str, index: tuple[int, ...]) -> str:
    if isinstance(traced.layer, EmbeddingBag):
        return f"w({one_line(trace.features[index[0]], 24)})[{index[1] + 1}]"
    if isinstance(traced.layer, Scale):
        index = (index[0] + 1,)  # the bias of the first label is always 0
    symbol = traced.symbols.get(name, f"{name}{traced.symbols['number']}")
    return f"{symbol}[{','.join(str(i + 1) for i in index)}]"
