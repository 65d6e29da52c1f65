"""One step of one review as a drawing to walk through: the network with its numbers, and what each stage says.

What is drawn is the trace of `trace.py`; a script (templates/stepper.js) draws it and turns the pages. A layer wider
than fits is drawn by the units whose numbers the loss blames most, and says how many it leaves out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sentibp.inspection.pages.charts import rounded
from sentibp.inspection.trace import LayerTrace, Trace
from sentibp.inspection.walkthrough import Stage, stages
from sentibp.inspection.worksheet import lines_to_html
from sentibp.model.head import label_number
from sentibp.nn import EmbeddingBag, Linear, Residual, RowGrad
from sentibp.nn.layers import Array

_UNITS = 16  # of a layer that are drawn
_ROWS = 10  # of the embedding
_DIMS = 4  # numbers of each vector that the words of a stage show


def drawing(trace: Trace) -> dict[str, Any]:
    """All that the script draws, as JSON has it; text is HTML where the key says so."""
    parts = stages(trace, _DIMS)
    columns, edges, place = _columns(trace)
    before, after = trace.outcomes[0], trace.outcomes[-1]
    return {
        "text": trace.text,
        "label": trace.label,
        "loss": trace.loss,
        "rate": trace.learning_rate,
        "optimizer": type(trace.optimizer).__name__,
        "before": before._asdict(),
        "after": after._asdict(),
        "target": label_number(trace.label),
        "columns": columns,
        "edges": edges,
        "stages": [_stage(part, parts, columns, place) for part in parts if part.kind != "backward"],
    }


def _columns(trace: Trace) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]]:
    """The columns of the drawing, what leads from one to another, and the column of each symbol."""
    calls = trace.layers
    bag = next(call for call in calls if isinstance(call.layer, EmbeddingBag))
    rows = _blamed_rows(bag)
    columns: list[dict[str, Any]] = [
        {
            "symbol": "words",
            "title": "words",
            "names": [
                f"{trace.features[i]} ×{trace.counts[i]}" if trace.counts[i] > 1 else trace.features[i] for i in rows
            ],
            "of": len(trace.features),
        }
    ]
    edges: list[dict[str, Any]] = []
    place = {"words": 0}
    drawn = rows  # of the last column
    for call in calls:
        source = place["words" if call is bag else call.symbols.get("block", call.symbols["x"])]
        mixes = isinstance(call.layer, EmbeddingBag | Linear)
        units = _blamed(call.dy[0], _UNITS) if mixes else drawn
        own = len(columns)
        place[call.symbols["y"]] = own
        columns.append(
            {
                "symbol": call.symbols["y"],
                "title": f"{call.name}: {type(call.layer).__name__.removeprefix('Fixed')}",
                "units": [int(i) + 1 for i in units],
                "of": call.y.shape[1],
                "values": rounded(call.y[0, units]),
                "gradients": rounded(call.dy[0, units]),
                "length": rounded(np.linalg.norm(call.dy)),
            }
            | (_parameters(call, "bias", units) if "bias" in call.before else {})
        )
        edge: dict[str, Any] = {"from": source, "to": own}
        if mixes:
            edge |= {"symbol": "w" if call is bag else call.symbols["weight"]}
            edge |= {"shares": _shares(call, trace, drawn)} if call is bag else {}
            edge |= _parameters(call, "weight", np.ix_(drawn, units))
        edges.append(edge)
        if isinstance(call.layer, Residual):
            edges.append({"from": place[call.symbols["x"]], "to": own, "skip": True})
        drawn = units
    for symbol, title in ("p", "the probability of positive"), ("L", "the loss"):
        columns.append({"symbol": symbol, "title": title, "units": [1], "of": 1})
        edges.append({"from": len(columns) - 2, "to": len(columns) - 1})
        place[symbol] = len(columns) - 1
    state = trace.outcomes[0]
    columns[-2]["values"], columns[-1]["values"] = [rounded(state.positive)], [rounded(state.loss)]
    return columns, edges, place


def _parameters(call: LayerTrace, name: str, at: Any) -> dict[str, Any]:
    """The drawn numbers of a parameter before the update, what the loss blames them, and after it."""
    gradient = call.grads[name]
    if isinstance(gradient, RowGrad):
        dense = np.zeros_like(call.before[name])
        dense[gradient.rows] = gradient.values
        gradient = dense
    of = {"weight": ("weights", "blame", "new"), "bias": ("bias", "bias_blame", "new_bias")}[name]
    result: dict[str, Any] = {
        key: rounded(array[at]) for key, array in zip(of, (call.before[name], gradient, call.after[name]), strict=True)
    }
    return result | {f"{of[1]}_length": rounded(np.linalg.norm(gradient))}


def _shares(call: LayerTrace, trace: Trace, rows: Array) -> list[float]:
    """What each drawn row is multiplied with when the rows are pooled: (k,)."""
    n, layer = sum(trace.counts), call.layer
    padded = n + layer.padding  # type: ignore[attr-defined]
    divisor = {"mean": padded, "sqrt": padded**0.5, "sum": 1}[layer.pooling]  # type: ignore[attr-defined]
    return rounded(np.array(trace.counts)[rows] / divisor) if n else []


def _blamed(gradient: Array, most: int) -> Array:
    """The places of the largest numbers of a gradient (k,), in their order."""
    return np.sort(np.argsort(-np.abs(gradient), kind="stable")[:most])


def _blamed_rows(bag: LayerTrace) -> Array:
    """The rows of the embedding that moved the loss most: their product with what came back to them."""
    gradient = bag.grads["weight"]
    moved = np.zeros(len(bag.before["weight"]))
    moved[gradient.rows] = np.abs((bag.before["weight"][gradient.rows] * gradient.values).sum(axis=1))
    return _blamed(moved, _ROWS)


def _stage(part: Stage, parts: list[Stage], columns: list[dict[str, Any]], place: dict[str, int]) -> dict[str, Any]:
    """What is shown at a stage: its words, the column that it is about, and the columns whose gradient is known."""
    back = ("logit", "gradient", "joined", "update", "after")
    known: set[str] = set()
    for each in parts[: parts.index(part) + 1]:
        if each.kind == "logit":
            known.add("z")
        elif each.kind in ("gradient", "joined") and each.traced is not None:
            known |= set(_reveals(each.kind, each.traced))
    column = {"words": 0, "loss": len(columns) - 1, "logit": place["z"]}.get(part.kind)
    if part.traced is not None:
        column = place[part.traced.symbols["y"]]
    titles = {"words": "The words", "loss": "The answer and the loss", "logit": "Back: the logit"}
    titles |= {"update": "The update", "after": "After it"}
    title = titles.get(part.kind, part.section.title)
    lines = list(part.section.lines)
    if part.kind == "logit":
        lines = [*parts[parts.index(part) - 1].section.lines, *lines]
    return {
        "kind": part.kind,
        "title": f"Back: {title}" if part.kind in ("gradient", "joined") else title,
        "html": "".join(lines_to_html(lines)),
        "column": column,
        "known": sorted(place[symbol] for symbol in known) if part.kind in back else [],
    }


def _reveals(kind: str, call: LayerTrace) -> list[str]:
    """The symbols whose whole gradient is known once this layer's backward is done."""
    if kind == "joined":
        return [call.symbols["x"]]
    if isinstance(call.layer, Residual):
        return [call.symbols["block"]]
    whole = not call.symbols.get("dx", "").endswith("'")  # into a block it is a part of it
    return [call.symbols["x"]] if whole and call.symbols["x"] else []
