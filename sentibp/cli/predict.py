"""`sentibp predict`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sentibp.cli import Model


class Format(StrEnum):
    """How predictions are printed."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp predict 'I love this movie' 'not worth the ticket'
  sentibp predict --input reviews.csv --output predictions.csv
  cat reviews.txt | sentibp predict --input - | jq .label"""
    )(predict)


def predict(
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Reviews, each in quotes.")] = None,
    model: Model = "last",
    input: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Reviews from a file (CSV, TSV, JSONL, Parquet, text) or, with -, from standard input.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file instead of stdout.")] = None,
    format: Annotated[
        Format | None,
        typer.Option(help="Default: by the name of --output; else a table on a terminal, and jsonl in a pipe."),
    ] = None,
    text_column: Annotated[
        str, typer.Option(metavar="C", help="The column of --input that holds the review.")
    ] = "text",
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say what each word and n-gram contributed, as `explain` does.")
    ] = False,
) -> None:
    """Say whether reviews are positive or negative, and how surely."""
    if bool(text) == (input is not None):
        raise typer.BadParameter("give reviews, each in quotes, or --input FILE; one of the two")
    from sentibp.cli import output as cli_output
    from sentibp.model import file
    from sentibp.runs import find
    from sentibp.utils.arrow import strings

    if input is None:
        texts = strings(text or [])
    else:
        from sentibp.data import sources

        texts = sources.read_texts(input, text_column=text_column)
        if input == "-" and sources.looks_like_json(texts):
            cli_output.talk(f"the lines look like JSON without '{text_column}': read as text; else give --text-column")
    classifier = file.load_model(find.model_file(model))
    explanations = None
    if explain:
        from sentibp.inspection.explain import explain as explained

        explanations = (explained(classifier, text) for text in texts.to_pylist())
    cli_output.predictions(classifier.predict(texts), texts, output, format.value if format else None, explanations)
