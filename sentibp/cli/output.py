"""Results, on stdout: for people, or as JSON."""

from __future__ import annotations

import csv
import io
import json as jsons
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sentibp.errors import ConfigError, DataError
from sentibp.utils.files import write

if TYPE_CHECKING:
    import pyarrow as pa

    from sentibp.config.load import Resolved
    from sentibp.inspection.compare import Comparison
    from sentibp.inspection.evaluate import Evaluation
    from sentibp.inspection.explain import Explanation
    from sentibp.inspection.words import Top
    from sentibp.model.classifier import Prediction
    from sentibp.runs.gradient_flow import EpochFlow
    from sentibp.runs.watch import State
    from sentibp.training.bench import Speed
    from sentibp.training.dry_run import Rehearsal
    from sentibp.training.experiment import Outcome
    from sentibp.training.lr_finder import Point, RateTest
    from sentibp.training.pretrain_run import Pretrained
    from sentibp.training.reproduce import Reproduction

LABELS = ("negative", "positive")
_LINES = 4096  # made at once
_PARTS = 10  # of each explanation among several
_RATE_STEP = 10  # steps of a rate test that are a line: three lines to a power of ten
_RATE_BAR = 40  # the width of its bars


def talk(line: str) -> None:
    """Print a line for the person at the terminal, not for the next program in the pipe."""
    try:
        typer.echo(line, err=True)
    except BrokenPipeError:  # nobody listens; the work goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def as_json(value: Any) -> None:
    """One JSON value."""
    typer.echo(jsons.dumps(value))


def outcome(result: Outcome, json: bool) -> None:
    """The end of a training."""
    if result.outcome == "interrupted":
        talk("interrupted: the best model so far is kept")
    if json:
        as_json({name: str(value) if isinstance(value, Path) else value for name, value in result._asdict().items()})
        return
    if result.scores is not None:
        typer.echo(f"{result.scored_on:<11} {_summary(result.scores)}")
    if result.seeds:
        for name in ("accuracy", "log_loss"):
            spread = result.seeds[name]
            typer.echo(
                f"seeds       {name.replace('_', ' ')}: mean {spread['mean']:.4f}, standard deviation "
                f"{spread['standard_deviation']:.4f}, from {spread['min']:.4f} to {spread['max']:.4f}"
            )
    size = result.model.stat().st_size / 1e6
    if result.refit is not None:
        typer.echo(f"then        trained once more, on all {result.refit['reviews']:,} reviews")
    typer.echo(f"model       {result.model} ({size:.1f} MB, sha256 {result.digest[:12]}..., {result.seconds:.1f} s)")
    if result.outcome == "interrupted":
        typer.echo(f"go on       sentibp train --resume {result.run}")
    else:
        typer.echo('next        sentibp predict "I love this movie"')


def pretrained(result: Pretrained, json: bool) -> None:
    """The end of a pretraining."""
    if result.outcome == "interrupted":
        kept = (result.run / "checkpoint.safetensors").exists()
        talk(f"interrupted: {'the rounds so far are kept' if kept else 'no round is kept yet'}")
    if json:
        as_json({name: str(value) if isinstance(value, Path) else value for name, value in result._asdict().items()})
    elif result.vectors is None or result.restored is None:
        typer.echo(f"go on       sentibp pretrain --resume {result.run}")
    else:
        size = result.vectors.stat().st_size / 1e6
        digest = (result.digest or "")[:12]
        typer.echo(
            f"learned     {result.features:,} vectors of {result.dim} numbers; they restore {result.restored:.4f}"
        )
        typer.echo(f"vectors     {result.vectors} ({size:.1f} MB, sha256 {digest}..., {result.seconds:.1f} s)")
        typer.echo("next        sentibp words neighbors great")
        typer.echo("            sentibp train CONFIG --set pretrain.vectors_from=last")


def reproduction(result: Reproduction, json: bool) -> None:
    """What came of training a run again."""
    if json:
        as_json(result._asdict() | {"run": str(result.run)})
        return
    compared = f"{_count(result.epochs, 'epoch')}, {_count(result.steps, 'step')}"
    if result.same and result.whole:
        typer.echo(f"the same: {compared}, and the model, sha256 {(result.digest or '')[:12]}...")
    elif result.same:
        typer.echo(f"the same as far as it was trained: {compared}")
    if result.difference is not None:
        where, rest = _difference(result.difference)
        typer.echo(f"not the same, after {compared} that are")
        typer.echo(f"first       {where}")
        for line in rest:
            typer.echo(f"            {line}")
    if not result.same or result.changed:
        lines = [f"{name}: {then} then, {now} now" for name, (then, now) in result.changed.items()]
        for i, line in enumerate(lines or ["nothing that is recorded: versions, code, processor, threads"]):
            typer.echo(f"{'' if i else 'changed':<11} {line}")


def _difference(difference: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Where the first difference is, and what differs there."""
    tensors, event = difference["tensors"], difference["event"]
    named = ", ".join(tensors[:3]) + (f" and {len(tensors) - 3} more" if len(tensors) > 3 else "")
    if event is None:
        return difference["what"][0], []
    network = f"seed {difference['seed']}, epoch {difference['epoch']}"
    if event == "start":
        return f"{network}, before the first step: {named}", difference["what"]
    at = f"step {difference['step']}" if event == "step" else "at its end"
    return f"{network}, {at}: {named or 'no tensor'}", difference["what"]


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def rehearsal(result: Rehearsal, json: bool) -> None:
    """What a training would cost."""
    if json:
        as_json(result._asdict())
        return
    lines = {
        "reviews": f"{result.training:,} to train on, {result.validation:,} to validate on",
        "network": f"{result.features:,} features, {result.parameters:,} parameters",
        "model file": f"{result.model_bytes / 1e6:.1f} MB",
        "memory": f"{result.peak_bytes / 1e6:.0f} MB at most so far",
        "steps": f"{result.steps:,} of {result.step_seconds * 1e3:.1f} ms: {result.reviews_per_second:,.0f} reviews/s",
        "in all": f"about {result.seconds:.1f} s",
    }
    for name, value in lines.items():
        typer.echo(f"{name:<11} {value}")


def speed(result: Speed, json: bool) -> None:
    """How fast a config is."""
    training = result.training
    if json:
        as_json(result._asdict() | {"training": training._asdict()})
        return
    about = {
        "batch": "taken and prepared, while the step before is computed",
        "wait": "for the batch",
        "update": "with the length of the gradient",
    }
    lines = {
        "text": f"{result.reviews:,} reviews, {result.tokens:,} tokens",
        "  tokens": f"{result.tokenize / 1e6:.1f} million tokens/s, from text",
        "  vocabulary": f"{result.build / 1e6:.1f} million tokens/s, with the features of the text",
        "  features": f"{result.encode / 1e6:.1f} million tokens/s, by a vocabulary that is there",
        "step": f"{training.step_seconds * 1e3:.2f} ms: {training.reviews_per_second:,.0f} reviews/s",
        **{f"  {part}": f"{took * 1e3:.2f} ms {about.get(part, '')}" for part, took in result.parts.items()},
        "training": f"about {training.seconds:.1f} s: {training.steps:,} steps on {training.training:,} reviews",
    }
    for name, value in lines.items():
        typer.echo(f"{name:<13} {value}".rstrip())


def _summary(scores: dict[str, Any]) -> str:
    low, high = scores["accuracy_interval"]
    interval = f"[{low:.4f}, {high:.4f}]"
    return f"accuracy {scores['accuracy']:.4f} {interval}, log loss {scores['log_loss']:.4f}, n {scores['n']:,}"


def evaluation(result: Evaluation, json: bool) -> None:
    """The scores of a model."""
    for note in result.notes:
        talk(note)
    scores = result.scores
    if json:
        as_json(scores)
        return
    low, high = scores["accuracy_interval"]
    lines = {
        "reviews": f"{scores['n']:,}",
        "accuracy": f"{scores['accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f})",
        **{
            name.replace("_", " "): "undefined: one class only" if scores[name] is None else f"{scores[name]:.4f}"
            for name in ("precision", "recall", "f1", "roc_auc", "log_loss", "brier", "calibration_error")
        },
    }
    for name, value in lines.items():
        typer.echo(f"{name:<18} {value}")
    confusion = scores["confusion"]
    typer.echo("")
    typer.echo(f"{'':<18} {'said negative':>14} {'said positive':>14}")
    typer.echo(f"{'is negative':<18} {confusion['true_negative']:>14,} {confusion['false_positive']:>14,}")
    typer.echo(f"{'is positive':<18} {confusion['false_negative']:>14,} {confusion['true_positive']:>14,}")
    if scores["no_known_word"]:
        typer.echo(f"\n{scores['no_known_word']:,} reviews have no known word; their answer is the model's bias")


def against(result: Comparison, a: str, b: str, json: bool) -> None:
    """The scores of two models on the same reviews, and whether they differ."""
    for note in result.notes:
        talk(note)
    if json:
        as_json({**result.a, "against": result.b, "paired": result.paired})
        return
    rows(
        ["score", a, b],
        [(name, value, result.b[name]) for name, value in result.a.items() if not isinstance(value, dict | list)],
    )
    from sentibp.metrics import verdict

    typer.echo(f"\n{verdict(result.paired)}")


def probes(result: dict[str, Any], failures: bool, json: bool) -> None:
    """The pairs that got the answers they expect, by kind; and those that did not."""
    if json:
        as_json(result)
        return
    low, high = result["probes_interval"]
    rows(
        ["kind", "pairs", "passed", "rate"],
        [(kind, *each.values()) for kind, each in result["kinds"].items()]
        + [
            (
                "in all",
                result["n"],
                result["passed"],
                f"{result['probes']:.4f}  (95 % interval {low:.4f} to {high:.4f})",
            )
        ],
    )
    for failure in result["failures"] if failures else []:
        typer.echo(f"\n{failure['kind']}: expected {failure['expect']}")
        for positive, text in zip(failure["positive"], (failure["a"], failure["b"]), strict=True):
            typer.echo(f"  {positive:.4f}  {one_line(text)}")


def top(result: Top, json: bool) -> None:
    """The features that speak most for positive and for negative."""
    meaning = "the logit of a review that is this feature alone, less that of an empty review"
    if json:
        sides = {
            name: [{"feature": feature, "weight": weight} for feature, weight in getattr(result, name)]
            for name in ("positive", "negative")
        }
        as_json({"weight": meaning, "linear": result.linear, **sides})
        return
    rows(
        ["most positive", "weight", "most negative", "weight"],
        [(*good, *bad) for good, bad in zip_longest(result.positive, result.negative, fillvalue=(None, None))],
    )
    typer.echo(f"\nweight: {meaning};")
    typer.echo(
        "a review's logit is a constant plus the pooled weights of its features"
        if result.linear
        else "the network has hidden layers, so that weights do not simply add up"
    )


def predictions(
    prediction: Prediction,
    texts: pa.LargeStringArray | pa.ChunkedArray,
    output: Path | None,
    format: str | None,
    explanations: Iterable[Explanation] | None = None,
) -> None:
    """One line per text, in order; with explanations, in a table, several."""
    from sentibp.cli import explain

    if format is None and output is not None:
        format = "csv" if output.suffix == ".csv" else "jsonl"
    format = format or ("table" if sys.stdout.isatty() else "jsonl")
    records = _records(prediction)
    if format == "csv" and explanations is not None:
        raise ConfigError("--explain does not fit into CSV; use --format jsonl or table")
    if format == "jsonl":
        if explanations is not None:
            pairs = zip(records, explanations, strict=True)
            records = (record | explain.record(each) | record for record, each in pairs)
        content = (jsons.dumps(record) + "\n" for record in records)
    elif format == "csv":
        content = _csv(records)
    elif explanations is not None:
        pairs = zip(texts.to_pylist(), explanations, strict=True)
        colours = output is None and explain.may_colour()
        blocks = (explain.lines(*pair, _PARTS, colours) for pair in pairs)
        content = ("\n" * (number > 0) + "".join(f"{line}\n" for line in block) for number, block in enumerate(blocks))
    else:
        content = (_table_line(*pair) + "\n" for pair in zip(records, texts.to_pylist(), strict=True))
    pieces = iter(lambda: "".join(islice(content, _LINES)), "")  # of millions, not all at once
    if output is None:
        for piece in pieces:
            typer.echo(piece, nl=False)
        return
    save(output, b"".join(piece.encode() for piece in pieces))


def save(output: Path, content: bytes) -> None:
    """Write what --output names."""
    if not output.name:
        raise DataError(f"--output {output}: not the name of a file")
    try:
        write(output, content)
    except OSError as error:
        raise DataError(f"--output {output}: {error.strerror}; choose another file") from None


def _records(prediction: Prediction) -> Iterator[dict[str, Any]]:
    for start in range(0, len(prediction.positive), _LINES):
        yield from map(_record, *(column[start : start + _LINES].tolist() for column in prediction))


def _record(positive: float, tokens: int, unknown: int) -> dict[str, Any]:
    label = LABELS[positive >= 0.5]
    score = positive if label == "positive" else 1 - positive
    return {"label": label, "score": score, "positive": positive, "tokens": tokens, "unknown": unknown} | (
        {"note": "no known word"} if tokens == unknown else {}
    )


def _csv(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    columns = ["label", "score", "positive", "tokens", "unknown", "note"]
    writer = csv.DictWriter(line, columns, restval="", lineterminator="\n")
    yield ",".join(columns) + "\n"
    for record in records:
        line.seek(line.truncate(0))
        writer.writerow(record)
        yield line.getvalue()


def _table_line(record: dict[str, Any], text: str) -> str:
    note = f"  ({record['note']}: the answer is the model's bias)" if "note" in record else ""
    return f"{record['label']}  {record['score']:.4f}  {one_line(text)}{note}"


def one_line(text: str, width: int = 60) -> str:
    """A text, or its beginning, on one line."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def settings(resolved: Resolved, json: bool) -> None:
    """Every setting with its value and its origin."""
    from sentibp.runs.compare import flat

    values = flat(resolved.config.model_dump())
    if json:
        as_json({key: {"value": value, "from": resolved.origins.get(key)} for key, value in values.items()})
        return
    rows(
        ["setting", "value", "from"],
        [(key, jsons.dumps(value), resolved.origins.get(key, "")) for key, value in values.items()],
    )


def rate_test(result: RateTest, json: bool) -> None:
    """The loss at each learning rate, and the one that is suggested."""
    if json:
        as_json(result._asdict() | {"curve": [point._asdict() for point in result.curve]})
        return
    marks = {"least": result.least, "set": result.current, "suggested": result.suggestion}
    full = 1.25 * max(result.chance, result.curve[0].smooth)
    typer.echo(f"rate     loss      ({result.optimizer}; the mean of the last steps)")
    for i in range(0, len(result.curve), _RATE_STEP):
        here = result.curve[i : i + _RATE_STEP]
        middle = here[len(here) // 2]
        bar = "#" * min(round(middle.smooth / full * _RATE_BAR), _RATE_BAR)
        names = [name for name, rate in marks.items() if rate is not None and here[0].rate <= rate < _next(here)]
        typer.echo(f"{middle.rate:.1e}  {middle.smooth:<8.4f}  {bar:<{_RATE_BAR}} {', '.join(names)}".rstrip())
    typer.echo(f"ended at {result.curve[-1].rate:.1e}: {result.ended}\n")
    if result.suggestion is None:
        typer.echo(
            f"no suggestion: in {len(result.curve)} steps the loss fell too little (one answer to all has "
            f"{result.chance:.3g});\nit takes more steps, or does not learn: see `sentibp runs flow` after a training"
        )
        return
    typer.echo(f"suggestion  --set train.optimizer.learning_rate={result.suggestion:g}")
    typer.echo(f"            a tenth of {result.least:.2g}, where the loss is least; {result.current:g} is set")


def _next(points: Sequence[Point]) -> float:
    """The rate of the step after these."""
    return points[-1].rate * (points[-1].rate / points[0].rate) ** (1 / max(len(points) - 1, 1))


def watched(states: Iterable[State], json: bool) -> str:
    """A training as it goes on: a line each time, or on a terminal one that changes. Returns how it ended."""
    live = sys.stdout.isatty() and not {"NO_COLOR", "CI"} & os.environ.keys() and os.environ.get("TERM") != "dumb"
    outcome, scored = "running", None
    for number, state in enumerate(states):
        if json:
            as_json(state._asdict() | {"progress": state.progress})
        else:
            if not number:
                typer.echo(state.run)
            if state.scores is not None and state.scored_epoch != scored:
                scores = f"accuracy {state.scores['accuracy']:.4f}, log loss {state.scores['log_loss']:.4f}"
                _over(f"epoch {state.scored_epoch}: validation {scores}", live, stays=True)
            _over(_state(state), live, stays=state.outcome != "running")
        sys.stdout.flush()
        outcome, scored = state.outcome, state.scored_epoch
    return outcome


def _over(line: str, live: bool, stays: bool) -> None:
    """A line; on a terminal it takes the place of the last one that does not stay."""
    typer.echo(f"\r{line:<79}" if live else line, nl=stays or not live)


def _state(state: State) -> str:
    parts = [f"round {state.round}/{state.rounds}"] if state.rounds and not state.step else []
    if state.steps:
        parts += [f"epoch {state.epoch}/{state.epochs}", f"step {state.step:,}/{state.steps:,}"]
    parts.append(f"{state.progress:.0%}")
    if state.loss is not None:
        parts += [f"loss {state.loss:.4f}", f"rate {state.learning_rate:.2g}"]
    if state.outcome != "running":
        return ", ".join([*parts, f"{state.outcome} after {_time(state.seconds)}"])
    return ", ".join([*parts, "" if state.seconds_left is None else f"{_time(state.seconds_left)} left"])


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def flow(run: Path, epochs: Sequence[EpochFlow], warnings: Sequence[str], json: bool) -> None:
    """How the gradient flowed: of the first network, the last epoch that is given; as JSON, all of them."""
    if json:
        as_json({"run": str(run), "epochs": [each.plain() for each in epochs], "warnings": warnings})
        return
    shown = [each for each in epochs if each.seed == epochs[0].seed][-1]
    typer.echo(f"{run}: seed {shown.seed}, epoch {shown.epoch}\n")
    lines = []
    for layer, each in shown.layers.items():
        idle = f"{each.dead:.0%} dead" if each.dead is not None else ""
        idle = f"{each.saturated:.0%} saturated" if each.saturated is not None else idle
        share = each.update / each.weight if each.weight else 0.0
        numbers = (each.gradient, each.update, each.weight, share)
        lines.append([layer, *(f"{number:.1e}" for number in numbers), idle])
    rows(["layer", "gradient", "update", "weights", "update/weights", "units"], lines)
    if (pace := shown.factor) is not None:
        typer.echo(f"\nwith each hidden layer back, the gradient is {pace:.2g} times as long")
    for warning in warnings:
        typer.echo(f"\n{warning}")


def comparison(result: dict[str, Any], json: bool) -> None:
    """Two runs side by side."""
    if json:
        as_json(result)
        return
    rows(
        ["setting", result["a"], result["b"]],
        [(key, *map(jsons.dumps, pair)) for key, pair in result["settings"].items()],
    )
    typer.echo("")
    rows(["score", result["a"], result["b"]], [(name, *pair) for name, pair in result["scores"].items()])
    typer.echo("")
    for run, scored_on in zip((result["a"], result["b"]), result["scored_on"], strict=True):
        if scored_on == "training":
            typer.echo(f"{run}: scored on its training data, having no validation data: not comparable")
    paired = result["paired"]
    if paired is None:
        typer.echo("validated on different reviews: no paired test; score both on one set with `sentibp eval --data`")
        return
    from sentibp.metrics import verdict

    typer.echo(verdict(paired))


def rows(columns: Sequence[str], lines: Sequence[Sequence[Any]], json: bool = False) -> None:
    """A plain table, or a JSON list of objects."""
    if json:
        as_json([dict(zip(columns, line, strict=True)) for line in lines])
        return
    cells = [list(columns), *([_cell(value) for value in line] for line in lines)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
