"""The charts of a report about the training: loss, accuracy, gradient norm, and gradient flow, over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sentibp.inspection.pages.chart_data import (
    DASHES,
    SYMBOLS,
    Chart,
    Series,
    axis,
    colour,
    line,
    new_chart,
    points,
    rounded,
    shade,
    share_range,
    small_table,
)

_POINTS = 400  # of a line over the training steps
_EXPLODED = 1000  # times the first loss: on a linear axis the others would lie on the ground
_FAR = 5  # times the loss of the first step: a batch of such a loss says that steps are too long
_SMALL = 0.1  # a loss; below it single batches differ as much, for a network that starts as a good classifier
_NAMED_RUNS = 3  # whose marks are in the legend, which would be longer than the chart
_FEW = 3  # measurements: fewer are a table, as a line through them would say more than is known
_SYMBOLS_UP_TO = 30  # measurements, each with a symbol

Event = Mapping[str, Any]


class Kept(NamedTuple):
    """The model that a run saved, with its scores on the validation reviews."""

    seed: int
    epoch: int
    scores: Mapping[str, Any]
    what: str  # in words, as in runs/saved_model
    calibrated: bool  # whether calibration came between the epoch and these scores
    averaged: bool  # whether it is the average of several classifiers, and not one epoch of a network


class Lines(NamedTuple):
    """The metrics log of a run; each seed and member of an ensemble has its own lines."""

    number: int  # the position of the run on the page, which gives its colour
    name: str
    events: Sequence[Event]
    kept: Kept | None = None  # None: not known, or not scored on the validation reviews


class Network(NamedTuple):
    """The records of one network: a run has one for each seed and each member of an ensemble."""

    name: str
    style: dict[str, Any]  # colour, dash
    symbol: str
    steps: list[Event]
    epochs: list[Event]  # with scores on the validation reviews


def training(runs: Sequence[Lines]) -> list[Chart]:
    """Return the charts of loss, accuracy and gradient norm over the steps; none without records."""
    networks = [network for run in runs for network in _networks(run, len(runs))]
    loss, gradient = [], []
    for each in networks:
        at, values = _averaged([(e["step"], e["loss"]) for e in each.steps])
        loss.append(line(f"{each.name}: training", at, values, width=1, smooth=True, **each.style))
        loss += _scored(each, f"{each.name}: validation", "log_loss")
        at, values = _averaged([(e["step"], e["gradient_norm"]) for e in each.steps])
        gradient.append(line(each.name, at, values, width=1, smooth=True, **each.style))
    loss += [mark for run in runs for mark in _marks(run, "log_loss", len(runs))]
    averaged = ", averaged over neighbouring steps" if any(len(each.steps) > _POINTS for each in networks) else ""
    about_gradient = (
        f"The length (L2 norm) of the gradient of all weights{averaged}: how steep the loss is. It should neither "
        "vanish nor explode."
    )
    losses = [value for each in loss for value in each["y"] if value]
    first = next((event["loss"] for each in networks for event in each.steps if event["loss"]), None)  # not averaged
    exploded = bool(losses) and max(losses) > _EXPLODED * (first or losses[0])
    step = axis("step", whole=True)
    more = {"zoom": True, "smooth": True}
    charts = [
        new_chart(
            "loss",
            "Loss",
            _about_loss(runs, averaged),
            _drawable(loss),
            step,
            axis("loss", log=True) if exploded else axis("loss", zero=True),
            **more,
        ),
        *_accuracy(runs, networks),
        new_chart(
            "gradient", "Gradient norm", about_gradient, _drawable(gradient), step, axis("norm", log=True), **more
        ),
    ]
    return [chart for chart in charts if chart.get("series") or chart.get("rows")]


def warnings(facts: Mapping[str, Any], events: Sequence[Event]) -> list[str]:
    """Return what the training warned of, that it diverged, and that its loss rose far above that of the beginning."""
    found = list(facts.get("warnings") or [])
    if facts.get("outcome") == "diverged":
        error = facts.get("error") or "the loss was not finite"
        found.append(error if error.startswith("diverged") else f"diverged: {error}")
    for seed in dict.fromkeys(event["seed"] for event in events if event["event"] == "step"):
        steps = [event for event in events if event["event"] == "step" and event["seed"] == seed]
        first, worst = steps[0]["loss"], max(steps, key=lambda event: event["loss"] or 0.0)
        if first and (worst["loss"] or 0.0) > _FAR * max(first, _SMALL):
            at = f"{_short(first)} at step {steps[0]['step']:,} to {_short(worst['loss'])} at step {worst['step']:,}"
            found.append(f"the loss of a batch rose from {at}: the learning rate is probably too high")
            break
    return found


def _short(loss: float) -> str:
    return f"{loss:.2f}" if loss < 1e6 else f"{loss:.1e}"


def _networks(run: Lines, runs: int) -> list[Network]:
    seeds = list(dict.fromkeys(event["seed"] for event in run.events))
    found = []
    for j, seed in enumerate(seeds):
        events = [event for event in run.events if event["seed"] == seed]
        style = {
            "colour": colour(j if runs == 1 else run.number),
            "dash": (run.number if len(seeds) == 1 else j) % DASHES,
        }
        found.append(
            Network(
                run.name if len(seeds) == 1 else f"{run.name}, network {j + 1}",
                style,
                SYMBOLS[(run.number if len(seeds) == 1 else j) % len(SYMBOLS)],
                [event for event in events if event["event"] == "step"],
                [event for event in events if event["event"] == "epoch" and event.get("scores")],
            )
        )
    return found


def _drawable(series: Sequence[Series]) -> list[Series]:
    return [each for each in series if each["x"]]


def _scored(network: Network, name: str, score: str) -> list[Series]:
    """Return the score after each epoch as a line; after a single one as a point."""
    known = [e for e in network.epochs if e["scores"].get(score) is not None]
    at, values = [e["step"] for e in known], [e["scores"][score] for e in known]
    if len(known) < 2:
        return [points(name, at, values, network.style["colour"], network.symbol, size=5)] if known else []
    return [line(name, at, values, symbol=network.symbol, **network.style)]


def _accuracy(runs: Sequence[Lines], networks: Sequence[Network]) -> list[Chart]:
    """Return a chart of the accuracy after each epoch; if there is but one, a table."""
    if not any(each.epochs for each in networks):
        return []
    if max(len(each.epochs) for each in networks) < 2:
        rows = [(each.name, _last(each, "accuracy"), _last(each, "log_loss")) for each in networks if each.epochs]
        for run in runs:
            if run.kept and _has_diamond(_marks(run, "log_loss") + _marks(run, "accuracy")):
                accuracy, loss = (_four(run.kept.scores.get(score)) for score in ("accuracy", "log_loss"))
                rows.append((f"{run.name}: {run.kept.what}", accuracy, loss))
        about = (
            "There was one epoch, so there is no curve: these are the scores on the validation reviews after it."
            + (
                " Calibration rescales the logits, which changes the log loss."
                if any("calibrated" in row[0] for row in rows)
                else ""
            )
        )
        return [small_table("accuracy", "After the epoch", about, ("network", "accuracy", "log loss"), rows)]
    series = [each for network in networks for each in _scored(network, network.name, "accuracy")]
    series += [mark for run in runs for mark in _marks(run, "accuracy", len(runs))]
    about = f"On the validation reviews, after each epoch.{_about_kept(runs, 'accuracy')}"
    ends = axis("step", whole=True, zero=True), axis("accuracy", percent=True)
    return [new_chart("accuracy", "Accuracy", about, series, *ends, zoom=True)]


def _last(network: Network, score: str) -> str:
    return _four(network.epochs[-1]["scores"].get(score))


def _four(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _about_loss(runs: Sequence[Lines], averaged: str) -> str:
    """Return what the chart of the loss shows, and why the loss of the saved model can differ from its epoch's."""
    about = f"Thin lines: the loss of the batches{averaged}."
    if any(event["event"] == "epoch" and event.get("scores") for run in runs for event in run.events):
        about += (
            " Points: the log loss on the validation reviews after each epoch. If it rises again, the network overfits."
        )
    about += _about_kept(runs, "loss")
    if any(run.kept and run.kept.calibrated and _has_diamond(_marks(run, "log_loss")) for run in runs):
        about += (
            " Calibration came in between: it rescales the logits of the model, so that its probabilities "
            "fit the validation reviews, which mostly lowers the log loss."
        )
    return about


def _about_kept(runs: Sequence[Lines], score: str) -> str:
    """Return the sentences about the marks of the saved models: none without marks."""
    marks = [mark for run in runs for mark in _marks(run, "log_loss" if score == "loss" else score)]
    has_ring = any(mark["symbol"] == "ring" for mark in marks)
    ring = " A ring marks the epoch that was kept." if has_ring else ""
    averaged = any(run.kept and run.kept.averaged for run in runs)
    average = (
        " Networks that are averaged are those after their last epoch." if averaged and _has_diamond(marks) else ""
    )
    diamond = f" A diamond is the {score} of the saved model, as in its scores." if _has_diamond(marks) else ""
    return ring + diamond + average


def _has_diamond(marks: Sequence[Series]) -> bool:
    return any(mark["symbol"] == "diamond" for mark in marks)


def _marks(run: Lines, score: str, runs: int = 1) -> list[Series]:
    """Return the marks of the saved model: a ring on the epoch that was kept, a diamond where its score is another."""
    if run.kept is None:
        return []
    kept, value = run.kept, run.kept.scores.get(score)
    epochs = [event for event in run.events if event["event"] == "epoch" and event.get("scores")]
    marks, after = [], None
    if kept.averaged:
        step = max((event["step"] for event in epochs), default=None)
    else:
        step = None
        for event in epochs:
            if (event["seed"], event["epoch"]) == (kept.seed, kept.epoch):
                step, after = event["step"], event["scores"].get(score)
    if step is None:
        return []
    if after is not None:
        marks.append(_mark(run, runs, f"epoch {kept.epoch}, kept", "ring", step, after))
    if value is not None and (after is None or abs(value - after) > 1e-9):
        marks.append(_mark(run, runs, kept.what, "diamond", step, value))
    return marks


def _mark(run: Lines, runs: int, name: str, symbol: str, step: int, value: float) -> Series:
    """Return one point with a legend entry of its own."""
    averaged = run.kept is not None and run.kept.averaged  # no line of its colour is the average
    ink = "--ink" if symbol == "ring" or (averaged and runs == 1) else colour(run.number)
    legend = {} if runs <= _NAMED_RUNS else {"legend": False}  # the caption says what the marks are
    return points(f"{run.name}: {name}", [step], [value], ink, symbol, size={"ring": 8, "diamond": 5}[symbol], **legend)


def flows(runs: Sequence[Lines]) -> list[Chart]:
    """Return for each run with recorded gradient flow the gradient norm of each layer over the steps, on one scale.

    Fewer than three measurements are a table.
    """
    charts = [chart for run in runs for chart in _flow(run)]
    share_range([chart for chart in charts if "series" in chart])
    return charts


def _flow(run: Lines) -> list[Chart]:
    events = [event for event in run.events if event["event"] == "flow"]
    if not events:
        return []
    seeds = {event["seed"] for event in events}
    events = [event for event in events if event["seed"] == events[0]["seed"]]
    layers = list(events[0]["layers"])
    id, title = f"flow{run.number}", f"Gradient flow: {run.name}"
    first = f" The first of {len(seeds)} networks is shown." if len(seeds) > 1 else ""
    about = "Layers whose gradients differ much learn at different speeds; a layer near zero does not learn."
    norms = [[event["layers"].get(layer, {}).get("gradient") for event in events] for layer in layers]
    if len(events) < _FEW:
        times = "once" if len(events) == 1 else "twice"
        columns = ["layer", *(f"step {event['step']:,}" for event in events)]
        rows = [
            [layer, *("" if n is None else f"{n:.3g}" for n in row)] for layer, row in zip(layers, norms, strict=True)
        ]
        return [
            small_table(
                id, title, f"The gradient norm of each layer, which was measured {times}. {about}{first}", columns, rows
            )
        ]
    style = {"symbol": "circle", "size": 3} if len(events) <= _SYMBOLS_UP_TO else {}
    series = []
    for i, (layer, values) in enumerate(zip(layers, norms, strict=True)):
        known = [(event["step"], value) for event, value in zip(events, values, strict=True) if value is not None]
        series.append(line(layer, *_averaged(known), shade(i, len(layers)), dash=i % DASHES, **style))
    about = f"The gradient norm of each layer, from the first layer to the output. {about}{first}"
    return [new_chart(id, title, about, series, axis("step", whole=True), axis("norm", log=True), zoom=True)]


def _averaged(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return x and y of at most `_POINTS` points, each the mean of neighbouring points."""
    if not points:
        return [], []
    groups = np.array_split(np.array(points, np.float64), min(_POINTS, len(points)))
    means = np.array([group.mean(axis=0) for group in groups])
    return rounded(means[:, 0]), rounded(means[:, 1])
