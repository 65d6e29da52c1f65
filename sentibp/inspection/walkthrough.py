"""A traced step as a sheet for people: forward pass, loss, backward pass, update, and the prediction after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sentibp.inspection import head_formulas
from sentibp.inspection.layer_formulas import formulas_of, residual_sum
from sentibp.inspection.optimizer_formulas import update_lines
from sentibp.inspection.trace import LayerTrace, Outcome, Trace, source_of
from sentibp.inspection.worksheet import Formula, Line, Number, Section, Sheet, Table, number, parenthesized
from sentibp.model.head import label_number
from sentibp.nn import Residual, sigmoid
from sentibp.nn.losses import LOSSES
from sentibp.utils.label_key import is_binary
from sentibp.utils.messages import one_line


class Stage(NamedTuple):
    """A section of the sheet. `traced` is the layer that it describes, or None."""

    kind: str  # words, forward, loss, backward, logit, gradient, joined, update or after
    traced: LayerTrace | None
    section: Section


def sheet(trace: Trace, dims: int) -> Sheet:
    """Return the whole step as a sheet that shows the first `dims` entries of each vector."""
    title = f'"{one_line(trace.text, 50)}" is {trace.label}: one training step'
    return Sheet(title, [stage.section for stage in stages(trace, dims)])


def stages(trace: Trace, dims: int) -> list[Stage]:
    """Return the stages of the step in order, with the first `dims` entries of each vector."""
    logits = "the logit" if is_binary(trace.labels) else "the logits"
    dv = "dv is d loss / d v: how much the loss grows with v. From the loss to the words:"
    return [
        Stage("words", None, Section("Forward", _word_lines(trace))),
        *(
            Stage("forward", traced, Section(_title(traced), formulas_of(traced).forward(traced, trace, dims)))
            for traced in trace.layers
        ),
        Stage("loss", None, Section("the prediction and the loss", _loss_lines(trace, trace.outcomes[0], dims))),
        Stage("backward", None, Section("Backward", [dv])),
        Stage("logit", None, Section(logits, _logit_gradient_lines(trace, trace.outcomes[0], dims))),
        *_backward(trace, dims),
        Stage("update", None, Section("Update", update_lines(trace, dims))),
        Stage("after", None, Section("After", _after_lines(trace, dims))),
    ]


def _backward(trace: Trace, dims: int) -> Iterator[Stage]:
    """Yield the layers from last to first. The sum of a skip connection follows the layers of its block."""
    open_residuals: list[LayerTrace] = []
    for traced in reversed(trace.layers):
        while open_residuals and not _is_inside(traced, open_residuals[-1]):
            yield _joined(open_residuals.pop(), dims)
        yield Stage("gradient", traced, Section(_title(traced), formulas_of(traced).backward(traced, trace, dims)))
        if isinstance(traced.layer, Residual):
            open_residuals.append(traced)
    for traced in reversed(open_residuals):
        yield _joined(traced, dims)


def _is_inside(traced: LayerTrace, residual: LayerTrace) -> bool:
    return traced.name == residual.name or traced.name.startswith(f"{residual.name}.")


def _joined(residual: LayerTrace, dims: int) -> Stage:
    return Stage("joined", residual, Section(_title(residual), residual_sum(residual, dims)))


def _title(traced: LayerTrace) -> str:
    return f"{traced.name}: {type(traced.layer).__name__.removeprefix('Fixed')}"


def _word_lines(trace: Trace) -> list[Line]:
    unknown = [word.text for word, known in zip(trace.words, trace.known, strict=True) if not known]
    lines: list[Line] = [f"words: {one_line(' | '.join(word.text for word in trace.words), 200) or 'none'}"]
    n, different = sum(trace.counts), len(trace.features)
    repeated = f", {different:,} different ones" if different < n else ""
    known = "1 known word or n-gram; it" if n == 1 else f"{n:,} known words and n-grams{repeated}; each"
    lines.append(f"{known} has a row in the embedding")
    if unknown:
        lines.append(f"unknown and ignored: {one_line(' | '.join(unknown), 100)}")
    return lines


class _Loss(NamedTuple):
    """A loss and its gradient, in symbols and with numbers: functions of the text of p, and of y."""

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


def _loss_lines(trace: Trace, outcome: Outcome, dims: int) -> list[Line]:
    if isinstance(outcome.positive, list):
        return head_formulas.loss_lines(trace, outcome, dims)
    y, loss = label_number(trace.label), _LOSSES[trace.loss]
    return [
        Formula("p = 1 / (1 + e^-z)", source_of(sigmoid)),
        Number("p", f"1 / (1 + e^-{parenthesized(number(*outcome.logits))})", outcome.positive),
        f"p is the probability of positive; the label is {trace.label}: y = {y}",
        Formula(loss.symbols, source_of(LOSSES[trace.loss])),
        Number("L", loss.numbers(number(outcome.positive), y), outcome.loss),
    ]


def _logit_gradient_lines(trace: Trace, outcome: Outcome, dims: int) -> list[Line]:
    if isinstance(outcome.positive, list):
        return head_formulas.gradient_lines(trace, outcome, dims)
    y, loss = label_number(trace.label), _LOSSES[trace.loss]
    dz = trace.dz[0] if isinstance(trace.dz, list) else trace.dz
    return [
        Formula(loss.gradient_symbols, source_of(LOSSES[trace.loss])),
        Number("dz", loss.gradient(number(outcome.positive), y), dz),
    ]


def _after_lines(trace: Trace, dims: int) -> list[Line]:
    after, steps = trace.outcomes[-1], len(trace.outcomes) - 1
    lines: list[Line] = [f"The forward pass after {'the update' if steps == 1 else f'{steps} such steps'}:"]
    if isinstance(after.positive, list):
        return [*lines, *head_formulas.after_lines(trace, dims)]
    y, loss = label_number(trace.label), _LOSSES[trace.loss]
    if steps == 1:
        lines.append(Number("p", f"1 / (1 + e^-{parenthesized(number(*after.logits))})", after.positive))
        lines.append(Number("L", loss.numbers(number(after.positive), y), after.loss))
    names = ["before", "after"] if steps == 1 else [str(i) for i in range(steps + 1)]
    rows = [
        (name, [*outcome.logits, outcome.probabilities[1], outcome.loss])
        for name, outcome in zip(names, trace.outcomes, strict=True)
    ]
    lines.append(Table(["step" if steps > 1 else "", "z", "p", "L"], rows, computed=True))
    return lines
