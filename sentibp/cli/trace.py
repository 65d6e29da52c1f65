"""`sentibp trace`."""

from __future__ import annotations

import json as jsons
import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Json
from sentibp.cli.output import save_output

if TYPE_CHECKING:
    from sentibp.inspection.worksheet import Sheet


class Format(StrEnum):
    """How a trace is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp trace --article
  sentibp trace 'I love this movie' --label positive --dims 8
  sentibp trace 'not good' --label negative --loss squared_error --learning-rate 0.1 --steps 5
  sentibp trace --article --blank --format html --output worksheet.html"""
    )(trace)


def trace(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A review, in quotes.")] = None,
    label: Annotated[Label | None, typer.Option(help="What the review is: what is learned from it.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="A run directory, a model file, or `last`, the newest finished run here. Default: last.",
        ),
    ] = None,
    article: Annotated[
        bool,
        typer.Option(
            "--article",
            help="In place of a model the article's example, small enough for paper: 'I love this movie', predicted "
            "0.3, is 0.35 after one step.",
        ),
    ] = False,
    loss: Annotated[Loss | None, typer.Option(help="Default: as in training.")] = None,
    optimizer: Annotated[Method | None, typer.Option(help="Default: as in training, with no step behind it.")] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="X", help="Default: as in training.")] = None,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="How often the step is done; the first is shown.")] = 1,
    dims: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="How many numbers of each vector are shown, and of more than 8 words; JSON has all.",
        ),
    ] = 4,
    blank: Annotated[
        bool, typer.Option("--blank", help="A worksheet: what is computed is a gap. The key follows, or is beside it.")
    ] = False,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.text,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write to a file; with --blank, the key goes to another beside it."),
    ] = None,
    json: Json = False,
) -> None:
    """Show the whole step of learning one review, with every number.

    Words, their rows, the pooled vector, each layer, the probability, the loss; then back, each gradient with its
    formula, the numbers in it, and the function that computes it; the update, and the answer after it. As in
    prediction, nothing is dropped out, and batch norm uses its running averages.
    """
    from sentibp.errors import ConfigError

    format = Format.json if json else format
    if article and model is not None:
        raise ConfigError("--article and -m: two models; leave one out")
    if text is None and not article:
        raise ConfigError("give a review, in quotes, or --article")
    if label is None and not article:
        raise ConfigError("what is the review? give --label positive or --label negative")
    if learning_rate is not None and not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ConfigError(f"--learning-rate {learning_rate}: not a number above 0; try 0.1")
    if blank and format is Format.json:
        raise ConfigError("--blank leaves gaps for people; use --format text, markdown or html")
    from sentibp.inspection import trace as inspection_trace
    from sentibp.inspection import walkthrough, worked_example
    from sentibp.inspection import worksheet as inspection_worksheet
    from sentibp.model import file
    from sentibp.runs import find

    classifier = worked_example.article_classifier() if article else file.load_model(find.model_file(model or "last"))
    found = inspection_trace.trace_step(
        classifier,
        text if text is not None else "I love this movie",
        (label or Label.positive).value,
        loss.value if loss else None,
        optimizer.value if optimizer else None,
        learning_rate,
        steps,
    )
    if format is Format.json:
        _write(jsons.dumps(inspection_trace.to_dict(found)) + "\n", output)
        return
    shown = walkthrough.sheet(found, dims)
    if not blank:
        _write(_rendered(format, shown), output)
        return
    worksheet, key = inspection_worksheet.make_worksheet(shown)
    if output is None:
        both = format is Format.html
        content = (
            inspection_worksheet.to_html(worksheet, key)
            if both
            else f"{_rendered(format, worksheet)}\n\n{_rendered(format, key)}"
        )
        _write(content, None)
        return
    _write(_rendered(format, worksheet), output)
    _write(_rendered(format, key), output.with_name(f"{output.stem}.key{output.suffix}"))


def _rendered(format: Format, content: Sheet) -> str:
    from sentibp.inspection import worksheet as inspection_worksheet

    return {
        Format.text: inspection_worksheet.to_text,
        Format.markdown: inspection_worksheet.to_markdown,
        Format.html: inspection_worksheet.to_html,
    }[format](content)


def _write(content: str, output: Path | None) -> None:

    if output is None:
        typer.echo(content, nl=False)
        return
    save_output(output, content.encode(errors="replace"))


class Label(StrEnum):
    """What a review is."""

    negative = "negative"
    positive = "positive"


class Loss(StrEnum):
    """A loss of nn/losses.py."""

    cross_entropy = "cross_entropy"
    squared_error = "squared_error"


class Method(StrEnum):
    """An optimizer of nn/optim.py."""

    sgd = "sgd"
    momentum = "momentum"
    nesterov = "nesterov"
    adagrad = "adagrad"
    rmsprop = "rmsprop"
    adam = "adam"
    adamw = "adamw"
