"""`sentibp trace`: one training step with every number."""

from __future__ import annotations

import json as jsons
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from sentibp.cli import Force, Json, Model
from sentibp.cli.output import print_content, size
from sentibp.cli.output_file import (
    format_of,
    output_option,
    require_free,
    require_one_format,
    save_output,
    tell_written,
)
from sentibp.cli.text_arguments import require_texts

if TYPE_CHECKING:
    from sentibp.inspection.worksheet import Sheet


Format = Literal["text", "json", "markdown", "html"]
Loss = Literal["cross_entropy", "squared_error"]  # of nn/losses.py
Method = Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]  # of nn/optim.py

_SUFFIXES = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
}


EPILOG = """\b
Examples:
  sentibp trace --article
  sentibp trace 'I love this movie' --label positive --dims 8
  sentibp trace 'not good' --label negative --loss squared_error --learning-rate 0.1 --steps 5
  sentibp trace --article --blank --format html --output worksheet.html"""


def trace(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A review, in quotes.")] = None,
    label: Annotated[
        str | None, typer.Option(metavar="LABEL", help="The label of the review: positive, negative, or another one.")
    ] = None,
    model: Model = None,
    article: Annotated[
        bool,
        typer.Option(
            "--article",
            help="Instead of a model, use the article's example, which is small enough for paper: the prediction for "
            "'I love this movie' is 0.3, and 0.35 after one step.",
        ),
    ] = False,
    loss: Annotated[Loss | None, typer.Option(help="Default: as in training.")] = None,
    optimizer: Annotated[Method | None, typer.Option(help="Default: as in training, with an empty state.")] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="X", help="Default: as in training.")] = None,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="The number of steps. The first step is shown.")] = 1,
    dims: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="How many entries of each vector are shown, and how many words if N is over 8. JSON has all.",
        ),
    ] = 4,
    blank: Annotated[
        bool, typer.Option("--blank", help="Make a worksheet with gaps for the computed numbers, and a key.")
    ] = False,
    format: Annotated[
        Format | None, typer.Option(help="The output format. Default: from the suffix of --output, else text.")
    ] = None,
    output: Annotated[
        Path | None,
        output_option("Write to a file. With --blank, the key is written to a second file, such as sheet.key.html."),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Show one training step on one review, with every number.

    The forward pass: words, embedding rows, pooled vector, layers, probability, loss. The backward pass: each gradient
    with its formula, its numbers, and the function that computes it. Then the update, and the prediction after it. As
    in prediction, there is no dropout, and batch norm uses its running averages.
    """
    require_one_format(json, format)
    given = "json" if json else format
    format = cast("Format", format_of(output, given, _SUFFIXES, "text", "text") if output else given or "text")
    _check_options(text, model, article, learning_rate, blank and format == "json")
    require_texts([] if text is None else [text])
    for path in _files(output, blank) or [None]:
        require_free(path, force)
    from sentibp.inspection import trace as inspection_trace
    from sentibp.inspection import walkthrough, worked_example
    from sentibp.model import file
    from sentibp.runs import find

    classifier = worked_example.article_classifier() if article else file.load_model(find.model_file(model))
    step = inspection_trace.trace_step(
        classifier,
        text if text is not None else "I love this movie",
        _known_label("positive" if article and label is None else label, classifier.spec.labels),
        loss,
        optimizer,
        learning_rate,
        steps,
    )
    if format == "json":
        _write(jsons.dumps(inspection_trace.to_dict(step)) + "\n", output)
    elif blank:
        _write_worksheet(walkthrough.sheet(step, dims), format, output)
    else:
        _write(_render(walkthrough.sheet(step, dims), format), output)


def _known_label(label: str | None, labels: Sequence[str]) -> str:
    """Return the label. Raises ConfigError if there is none, or the model has no such label."""
    from sentibp.errors import ConfigError
    from sentibp.utils.label_mapping import class_choice

    if label is None:
        *others, last = (f"--label {shlex.quote(name)}" for name in reversed(labels))
        raise ConfigError(f"no label: give {', '.join(others)} or {last}")
    if label not in labels:
        raise ConfigError(f"--label {label}: is no label of the model; {class_choice(label, labels, '--label')}")
    return label


def _check_options(
    text: str | None,
    model: str | None,
    article: bool,
    learning_rate: float | None,
    blank_json: bool,
) -> None:
    from sentibp.errors import ConfigError

    if article and model is not None:
        raise ConfigError("--article and -m: two models; leave one out")
    if text is None and not article:
        raise ConfigError("no review: give a review, in quotes, or --article")
    if learning_rate is not None and not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ConfigError(f"--learning-rate {learning_rate}: not a number above 0; try 0.1")
    if blank_json:
        raise ConfigError("--blank: JSON has no worksheet; use --format text, markdown or html")


def _write_worksheet(sheet: Sheet, format: Format, output: Path | None) -> None:
    """Write the worksheet and its key: to two files, or one after the other to stdout."""
    from sentibp.inspection.worksheet import make_worksheet

    worksheet, key = make_worksheet(sheet)
    if output is not None:
        for part, path in zip((worksheet, key), _files(output, blank=True), strict=True):
            _write(_render(part, format), path)
    elif format == "html":
        from sentibp.inspection.pages.worksheet import worksheet_page

        _write(f"{worksheet_page(worksheet, key)}\n", None)
    else:
        _write(f"{_render(worksheet, format)}\n\n{_render(key, format)}", None)


def _files(output: Path | None, blank: bool) -> list[Path]:
    """Return the files to write: that of --output and, of a worksheet, that of its key."""
    if output is None:
        return []
    return [output, *[output.with_name(f"{output.stem}.key{output.suffix}")] * blank]


def _render(sheet: Sheet, format: Format) -> str:
    from sentibp.inspection import worksheet

    if format == "html":
        from sentibp.inspection.pages.worksheet import worksheet_page

        return f"{worksheet_page(sheet)}\n"
    return worksheet.to_markdown(sheet) if format == "markdown" else worksheet.to_text(sheet)


def _write(content: str, output: Path | None) -> None:
    if output is None:
        print_content(content)
    else:
        save_output(output, content.encode(errors="replace"))
        tell_written(output, size(len(content.encode(errors="replace"))))
