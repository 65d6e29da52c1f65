"""The data of the stepper: a drawing of one training step on one review, with the text of each stage.

The numbers are those of a trace (`trace.py`). templates/stepper.js draws them and shows one stage after the other. Of
a wide layer only the units with the largest gradients are drawn, with a note of how many there are.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from sentibp.inspection.pages.chart_data import rounded
from sentibp.inspection.pages.explanation import without_breaks
from sentibp.inspection.pages.worksheet import lines_data
from sentibp.inspection.trace import PAIR, LayerTrace, Trace
from sentibp.inspection.walkthrough import Stage, stages
from sentibp.nn import EmbeddingBag, Linear, Residual
from sentibp.nn.heads import AdaptiveTemperature, Head
from sentibp.nn.layers import Activation, Array
from sentibp.utils.label_key import is_binary

_UNITS = 16  # drawn of a layer
_ROWS = 10  # drawn of the embedding
_DIMS = 4  # numbers of each vector in the text of a stage
_TEXT_WORDS = 60  # words of the text above the drawing
_BETWEEN = 80  # characters of one of them, or between two
_DIGITS = 9  # of a number, as the page rounds it to 4 decimals, and subtracts weights before and after the update
_TITLES = {
    "words": "The words",
    "loss": "The prediction and the loss",
    "logit": "Backward: the logit",
    "update": "The update",
    "after": "After the update",
}


def drawing(trace: Trace) -> dict[str, Any]:
    """Return the data of templates/stepper.js, for JSON. The values of `formulas` are MathML, all others text."""
    all_stages = stages(trace, _DIMS)
    layout = _layout(trace)
    formulas: dict[str, str] = {}
    before, after = trace.outcomes[0], trace.outcomes[-1]
    return {
        "pieces": _pieces(trace),
        "label": trace.label,
        "before": before._asdict(),
        "after": after._asdict(),
        "columns": layout.columns,
        "edges": layout.edges,
        "stages": [_stage(stage, all_stages, layout, formulas) for stage in all_stages if stage.kind != "backward"],
        "formulas": formulas,
    }


class _Layout:
    """The columns of the drawing, the edges between them, and the column number of each symbol."""

    def __init__(self) -> None:
        self.columns: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []
        self.position: dict[str, int] = {}

    def add(self, symbol: str, **column: Any) -> int:
        """Add a column for a symbol and return its number."""
        self.position[symbol] = len(self.columns)
        self.columns.append({"symbol": symbol, **column})
        return self.position[symbol]


def _pieces(trace: Trace) -> list[tuple[str, list[int]]]:
    """Return the text in pieces: words with the drawn rows that they are in, and what lies between them with none.

    Of a long text these are the words of the drawn rows and their neighbours, with … for what is left out.
    """
    starts, rows_of = [word.start for word in trace.words], [set[int]() for _ in trace.words]
    for number, row in enumerate(_strongest_rows(_bag(trace)).tolist()):
        for start, end in trace.places[row]:
            for i in range(bisect_left(starts, start), len(starts)):
                if starts[i] >= end:
                    break
                rows_of[i].add(number)
    kept = range(len(starts))
    if len(starts) > _TEXT_WORDS:
        near = {i + d for i, rows in enumerate(rows_of) if rows for d in range(-2, 3)}
        kept = sorted(near & set(kept))[:_TEXT_WORDS]  # type: ignore[assignment]
    pieces: list[tuple[str, list[int]]] = []
    last, done = -1, 0
    for i in kept:
        between = trace.text[done : starts[i]] if i == last + 1 else " … "
        start = max(starts[i], done)
        done, last = max(done, trace.words[i].end), i
        pieces += [(between[-_BETWEEN:], []), (trace.text[start:done][:_BETWEEN], sorted(rows_of[i]))]
    pieces.append((trace.text[done:][:_BETWEEN] if last == len(starts) - 1 else " …", []))
    return [(without_breaks(text, " "), rows) for text, rows in pieces if text]


def _bag(trace: Trace) -> LayerTrace:
    return next(call for call in trace.layers if isinstance(call.layer, EmbeddingBag))


def _exact(values: Any) -> Any:
    """Return numbers for JSON. The page rounds them as the text does: with 6 digits, 1.806352 would be 1.8063."""
    return rounded(values, _DIGITS)


def _layout(trace: Trace) -> _Layout:
    """Lay out the words, the layers, the probability p and the loss L, from left to right."""
    layout = _Layout()
    rows = _strongest_rows(_bag(trace))
    names = [f"{trace.features[i]} ×{trace.counts[i]}" if trace.counts[i] > 1 else trace.features[i] for i in rows]
    layout.add("words", title="words", names=names, of=len(trace.features))
    drawn = rows  # the rows or units of the last column
    for call in trace.layers:
        drawn = _add_layer(layout, call, trace, drawn)
    before, after = trace.outcomes[0], trace.outcomes[-1]
    if isinstance(before.positive, list):
        _add_labels(layout, trace)
    else:
        values = {"values": [_exact(before.positive)], "after": [_exact(after.positive)]}
        number = layout.add("p", title="the probability of positive", units=[1], of=1, **values)
        layout.edges.append({"from": number - 1, "to": number})
    values = {"values": [_exact(before.loss)], "after": [_exact(after.loss)]}
    number = layout.add("L", title="the loss", units=[1], of=1, **values)
    layout.edges.append({"from": number - 1, "to": number} | ({} if is_binary(trace.labels) else {"all": True}))
    return layout


def _add_labels(layout: _Layout, trace: Trace) -> None:
    """Add the column of the probabilities of more than two labels: those whose logits are drawn."""
    units = layout.columns[-1]["units"]
    before, after = (np.array(trace.outcomes[at].probabilities) for at in (0, -1))
    drawn = np.array(units) - 1
    number = layout.add(
        "p",
        title="the probability of each label",
        units=units,
        entries=[f"p({trace.labels[unit - 1]})" for unit in units],
        of=len(before),
        values=_exact(before[drawn]),
        after=_exact(after[drawn]),
    )
    layout.edges.append({"from": number - 1, "to": number, "all": True})


def _add_layer(layout: _Layout, call: LayerTrace, trace: Trace, drawn: Array) -> Array:
    """Add the column of a layer and the edges to it. `drawn` are the units of its input; return the units of it."""
    is_bag = isinstance(call.layer, EmbeddingBag)
    has_weights = isinstance(call.layer, EmbeddingBag | Linear)
    source = layout.position["words" if is_bag else call.symbols.get("block", call.symbols["x"])]
    is_head = isinstance(call.layer, Head)
    units = _largest(call.dy[0], _UNITS) if has_weights or is_head else drawn
    number = layout.add(
        call.symbols["y"],
        title=f"{call.name}: {type(call.layer).__name__.removeprefix('Fixed')}",
        **_plain(call, layout),
        units=[int(i) + 1 for i in units],
        of=call.y.shape[1],
        values=_exact(call.y[0, units]),
        after=_exact(call.y_after[0, units]),
        gradients=_exact(call.dy[0, units]),
        length=_exact(np.linalg.norm(call.dy)),
        **({"entries": ["zu"[i] for i in units]} if call.symbols["y"] == PAIR else {}),
        **(_parameters(call, "bias", units) if "bias" in call.before and not is_head else {}),
    )
    edge: dict[str, Any] = {"from": source, "to": number} | ({"all": True} if is_head else {})
    if has_weights:
        edge["symbol"] = "w" if is_bag else call.symbols["weight"]
        edge |= {"shares": _shares(call, trace, drawn)} if is_bag else {}
        edge |= _parameters(call, "weight", np.ix_(drawn, units))
    layout.edges.append(edge)
    if isinstance(call.layer, Residual):
        layout.edges.append({"from": layout.position[call.symbols["x"]], "to": number, "skip": True})
    return units


def _plain(call: LayerTrace, layout: _Layout) -> dict[str, str]:
    """Return in plain words what a column is, if no column before it is the same."""
    layer = call.layer
    if isinstance(layer, EmbeddingBag):
        n = f"their number + {layer.padding}" if layer.padding else "their number"
        mean = f"the sum, divided by {n}, of" if layer.padding else "the mean of"
        pooled = {"mean": mean, "sum": "the sum of", "sqrt": f"the sum, divided by the root of {n}, of"}[layer.pooling]
        about = f"{pooled} the rows of the words"
    elif isinstance(layer, Linear):
        logits = "the logit" if call.y.shape[1] == 1 else "the logits"
        is_pair = call.symbols["y"] == PAIR
        about = "polarity and neutrality" if is_pair else logits if call.name == "output" else "weighted sums"
    elif isinstance(layer, AdaptiveTemperature):
        about = "the logits, divided by the temperature of the text"
    elif isinstance(layer, Head):
        about = "the logits of the labels"
    elif isinstance(layer, Activation):
        about = "the sums after the activation"
    else:
        return {}
    return {} if any(column.get("about") == about for column in layout.columns) else {"about": about}


def _parameters(call: LayerTrace, name: str, at: Any) -> dict[str, Any]:
    """Return the drawn numbers of a parameter before the update and after it.

    Their gradients follow from the columns: that of a bias is dy, that of a weight the product of input and dy.
    """
    keys = {"weight": ("weights", "new"), "bias": ("bias", "new_bias")}[name]
    return {key: _exact(values[at]) for key, values in zip(keys, (call.before[name], call.after[name]), strict=True)}


def _shares(call: LayerTrace, trace: Trace, rows: Array) -> list[float]:
    """Return the factor of each drawn row in the pooling: (k,)."""
    n, layer = sum(trace.counts), call.layer
    padded = n + layer.padding  # type: ignore[attr-defined]
    divisor = {"mean": padded, "sqrt": padded**0.5, "sum": 1}[layer.pooling]  # type: ignore[attr-defined]
    return _exact(np.array(trace.counts)[rows] / divisor) if n else []


def _largest(values: Array, most: int) -> Array:
    """Return the indices of the largest absolute values, sorted: at most `most`."""
    return np.sort(np.argsort(-np.abs(values), kind="stable")[:most])


def _strongest_rows(bag: LayerTrace) -> Array:
    """Return the rows of the embedding with the largest product of row and gradient."""
    gradient = bag.grads["weight"]
    products = np.zeros(len(bag.before["weight"]))
    products[gradient.rows] = np.abs((bag.before["weight"][gradient.rows] * gradient.values).sum(axis=1))
    return _largest(products, _ROWS)


def _stage(stage: Stage, all_stages: list[Stage], layout: _Layout, formulas: dict[str, str]) -> dict[str, Any]:
    """Return the text of a stage, the column that it is about, and the columns whose gradient is known by then.

    The MathML of the pieces of its formulas is added to `formulas`.
    """
    backward = ("logit", "gradient", "joined", "update", "after")
    known: set[str] = set()
    for each in all_stages[: all_stages.index(stage) + 1]:
        if each.kind == "logit":
            known.add(_logits(layout))
        elif each.kind in ("gradient", "joined") and each.traced is not None:
            known |= set(_known_gradients(each.kind, each.traced))
    column = {"words": 0, "loss": len(layout.columns) - 1, "logit": layout.position[_logits(layout)]}.get(stage.kind)
    if stage.traced is not None:
        column = layout.position[stage.traced.symbols["y"]]
    title = _TITLES.get(stage.kind, stage.section.title)
    if stage.kind == "logit" and _logits(layout) == "l":
        title += "s"
    lines = list(stage.section.lines)
    if stage.kind == "logit":
        lines = [*all_stages[all_stages.index(stage) - 1].section.lines, *lines]
    shown, pieces = lines_data(lines)
    formulas |= pieces
    return {
        "kind": stage.kind,
        "title": f"Backward: {title}" if stage.kind in ("gradient", "joined") else title,
        "lines": shown,
        "column": column,
        "known": sorted(layout.position[symbol] for symbol in known) if stage.kind in backward else [],
    }


def _logits(layout: _Layout) -> str:
    """Return the symbol of the logits: l of more than two labels, or z."""
    return "l" if "l" in layout.position else "z"


def _known_gradients(kind: str, call: LayerTrace) -> list[str]:
    """Return the symbols whose gradient is complete after the backward of this layer."""
    if kind == "joined":
        return [call.symbols["x"]]
    if isinstance(call.layer, Residual):
        return [call.symbols["block"]]
    complete = not call.symbols.get("dx", "").endswith("'")  # the input of a block also gets the skip connection's
    return [call.symbols["x"]] if complete and call.symbols["x"] else []
