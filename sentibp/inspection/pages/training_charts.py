"""The charts of a report about the training: loss, accuracy, gradient norm, and gradient flow, over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sentibp.inspection.pages.charts import Chart, new_chart, rounded, run_line

_POINTS = 200  # of a line over the training steps

Event = Mapping[str, Any]


class Kept(NamedTuple):
    """The model that a run saved, with its scores on the validation reviews."""

    seed: int
    epoch: int
    scores: Mapping[str, Any]
    calibrated: bool  # whether calibration came between the epoch and these scores
    averaged: bool  # whether it is the average of all networks, and not one epoch of one of them


class Lines(NamedTuple):
    """The metrics log of a run; each seed and member of an ensemble has its own lines."""

    number: int  # the position of the run on the page, which gives its colour
    name: str
    events: Sequence[Event]
    kept: Kept | None = None  # None: not known, or not scored on the validation reviews


def training(runs: Sequence[Lines]) -> list[Chart]:
    """Return the charts of loss, accuracy and gradient norm over the steps; none without records."""
    loss, accuracy, gradient = [], [], []
    for run in runs:
        i = run.number
        for j, seed in enumerate(dict.fromkeys(event["seed"] for event in run.events)):
            steps = [event for event in run.events if event["event"] == "step" and event["seed"] == seed]
            epochs = [event for event in run.events if event["event"] == "epoch" and event["seed"] == seed]
            at, values = _averaged([(e["step"], e["loss"]) for e in steps])
            loss.append(run_line(i, f"{run.name}: training", at, values, j == 0, width=1))
            at, values = _averaged([(e["step"], e["gradient_norm"]) for e in steps])
            gradient.append(run_line(i, run.name, at, values, j == 0, width=1))
            scored = [event for event in epochs if event.get("scores")]
            for into, score in (loss, "log_loss"), (accuracy, "accuracy"):
                known = [e for e in scored if e["scores"].get(score) is not None]
                name = f"{run.name}: validation" if into is loss else run.name
                at, values = [e["step"] for e in known], [e["scores"][score] for e in known]
                if known:
                    into.append(run_line(i, name, at, values, j == 0, width=2, markers=True))
        loss += _marks(run, "log_loss")
        accuracy += _marks(run, "accuracy")
    about_gradient = "The L2 norm of the gradient of all weights, averaged over neighbouring steps."
    about_accuracy = f"On the validation reviews, after each epoch.{_about_kept(runs, 'accuracy')}"
    charts = [
        new_chart("loss", "Loss", _about_loss(runs), loss, "step", "loss"),
        new_chart("accuracy", "Accuracy", about_accuracy, accuracy, "step", "accuracy"),
        new_chart("gradient", "Gradient norm", about_gradient, gradient, "step", "norm", log=True),
    ]
    if accuracy:  # for the single point of one epoch plotly would draw an axis up to 2
        values = [value for line in accuracy for value in line["y"]]
        charts[1]["layout"]["yaxis"]["range"] = rounded([min(values) - 0.05, max(values) + 0.05])
        charts[1]["layout"]["xaxis"]["rangemode"] = "tozero"
    return [chart for chart in charts if chart["data"]]


def _about_loss(runs: Sequence[Lines]) -> str:
    """Return what the chart of the loss shows, and why the loss of the saved model can differ from its epoch's."""
    about = (
        "Thin lines: the loss of the batches, averaged over neighbouring steps. Points: the log loss on the validation "
        "reviews after each epoch. If it rises again, the network overfits."
    ) + _about_kept(runs, "loss")
    if any(run.kept and run.kept.calibrated and _has_diamond(_marks(run, "log_loss")) for run in runs):
        about += (
            " Calibration came in between: it rescales the logits of the model, so that its probabilities "
            "fit the validation reviews, which lowers the log loss."
        )
    return about


def _about_kept(runs: Sequence[Lines], score: str) -> str:
    """Return the sentences about the marks of the saved models: none without marks."""
    marks = [mark for run in runs for mark in _marks(run, "log_loss" if score == "loss" else score)]
    has_ring = any(mark["marker"]["symbol"] == "circle-open" for mark in marks)
    ring = " A ring marks the epoch that was kept." if has_ring else ""
    return ring + (f" A diamond is the {score} of the saved model, as in its scores." if _has_diamond(marks) else "")


def _has_diamond(marks: Sequence[Chart]) -> bool:
    return any(mark["marker"]["symbol"] == "diamond" for mark in marks)


def _marks(run: Lines, score: str) -> list[Chart]:
    """Return the marks of the saved model: a ring on the epoch that was kept, a diamond where its score is another."""
    if run.kept is None:
        return []
    kept, value = run.kept, run.kept.scores.get(score)
    epochs = [event for event in run.events if event["event"] == "epoch" and event.get("scores")]
    marks, after = [], None
    if kept.averaged:
        name, step = "average of the networks", max((event["step"] for event in epochs), default=None)
    else:
        name, step = "saved model", None
        for event in epochs:
            if (event["seed"], event["epoch"]) == (kept.seed, kept.epoch):
                step, after = event["step"], event["scores"].get(score)
    if step is None:
        return []
    if after is not None:
        marks.append(_mark(run, f"epoch {kept.epoch}, kept", "circle-open", step, after))
    if value is not None and (after is None or abs(value - after) > 1e-9):
        calibrated = ", calibrated" if kept.calibrated else ""
        marks.append(_mark(run, f"{name}{calibrated}", "diamond", step, value))
    return marks


def _mark(run: Lines, name: str, symbol: str, step: int, value: float) -> Chart:
    """Return one point with a legend entry of its own."""
    mark = run_line(run.number, f"{run.name}: {name}", [step], [value])
    size = {"circle-open": 15, "diamond": 11}[symbol]
    ink = "--ink" if symbol == "circle-open" else mark["line"]["color"]
    return mark | {"mode": "markers", "marker": {"symbol": symbol, "size": size, "color": ink, "line": {"width": 2}}}


def flows(runs: Sequence[Lines]) -> list[Chart]:
    """Return for each run with recorded gradient flow the gradient norm of each layer over the steps, on one scale."""
    charts = [chart for run in runs for chart in _flow(run)]
    norms = np.array([y for chart in charts for line in chart["data"] for y in line["y"] if y > 0])
    for chart in charts if len(norms) else ():
        low, high = np.log10([norms.min(), norms.max()])
        chart["layout"]["yaxis"]["range"] = rounded([low - 0.2, high + 0.2])  # the axis is logarithmic
    return charts


def _flow(run: Lines) -> list[Chart]:
    events = [event for event in run.events if event["event"] == "flow"]
    if not events:
        return []
    seeds = {event["seed"] for event in events}
    events = [event for event in events if event["seed"] == events[0]["seed"]]
    layers = list(events[0]["layers"])
    data = []
    for i, layer in enumerate(layers):
        points = [(event["step"], event["layers"].get(layer, {}).get("gradient")) for event in events]
        at, values = _averaged([(step, value) for step, value in points if value is not None])
        line = {"color": f"--layer{round(9 * i / max(len(layers) - 1, 1))}", "width": 1.5}
        data.append({"type": "scatter", "mode": "lines", "name": layer, "x": at, "y": values, "line": line})
    about = (
        "The gradient norm of each layer, from the first layer (violet) to the output (yellow). Layers whose lines are "
        "far apart learn at different speeds; a layer near zero does not learn."
    ) + (f" The first of {len(seeds)} networks is shown." if len(seeds) > 1 else "")
    return [new_chart(f"flow{run.number}", f"Gradient flow: {run.name}", about, data, "step", "norm", log=True)]


def _averaged(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return x and y of at most `_POINTS` points, each the mean of neighbouring points."""
    if not points:
        return [], []
    groups = np.array_split(np.array(points, np.float64), min(_POINTS, len(points)))
    means = np.array([group.mean(axis=0) for group in groups])
    return rounded(means[:, 0]), rounded(means[:, 1])
