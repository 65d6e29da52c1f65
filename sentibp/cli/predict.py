"""`sentibp predict`: predict the labels of texts."""

from __future__ import annotations

import csv
import io
import json as jsons
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Model
from sentibp.cli.output import one_line, print_content, print_message, save_output
from sentibp.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from sentibp.inspection.explain import Explanation
    from sentibp.model.classifier import Prediction

_LINES = 4096  # lines of output made at once

_CONTRIBUTIONS = 10  # shown for each text


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
        typer.Option(help="Default: from the suffix of --output, else table on a terminal and jsonl in a pipe."),
    ] = None,
    text_column: Annotated[
        str, typer.Option(metavar="C", help="The column of --input that holds the review.")
    ] = "text",
    explain: Annotated[
        bool, typer.Option("--explain", help="Also show the contribution of each word and n-gram, as `explain` does.")
    ] = False,
) -> None:
    """Label reviews positive or negative, with a probability."""
    if bool(text) == (input is not None):
        raise typer.BadParameter("give either reviews, each in quotes, or --input FILE")
    from sentibp.model import file
    from sentibp.runs import find
    from sentibp.utils.arrow import strings

    if input is None:
        texts = strings(text or [])
    else:
        from sentibp.data import sources
        from sentibp.data.readers.table import ReadOptions

        texts = sources.read_texts(input, ReadOptions(text_column))
        if input == "-" and sources.looks_like_json(texts):
            print_message(
                f"the lines look like JSON without '{text_column}', and are read as plain text; else give --text-column"
            )
    classifier = file.load_model(find.model_file(model))
    explanations = None
    if explain:
        from sentibp.inspection.explain import explain as explain_text

        explanations = (explain_text(classifier, text) for text in texts.to_pylist())
    print_predictions(classifier.predict(texts), texts, output, format.value if format else None, explanations)


def print_predictions(
    prediction: Prediction,
    texts: pa.LargeStringArray | pa.ChunkedArray,
    output: Path | None,
    format: str | None,
    explanations: Iterable[Explanation] | None = None,
) -> None:
    """Print one line for each text, in order. A table with explanations has several lines for each."""
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
        blocks = (explain.lines(*pair, _CONTRIBUTIONS, colours) for pair in pairs)
        content = ("\n" * (number > 0) + "".join(f"{line}\n" for line in block) for number, block in enumerate(blocks))
    else:
        content = (_table_line(*pair) + "\n" for pair in zip(records, texts.to_pylist(), strict=True))
    pieces = iter(lambda: "".join(islice(content, _LINES)), "")  # so that millions of lines are not in memory at once
    if output is None:
        for piece in pieces:
            print_content(piece, styled=explanations is not None and format == "table" and explain.may_colour())
        return
    save_output(output, b"".join(piece.encode() for piece in pieces))


def _records(prediction: Prediction) -> Iterator[dict[str, Any]]:
    from sentibp.model.head import answer

    for start in range(0, len(prediction.positive), _LINES):
        columns = (column[start : start + _LINES].tolist() for column in prediction)
        for positive, tokens, unknown in zip(*columns, strict=True):
            label, score, _ = answer(positive)
            record = {"label": label, "score": score, "positive": positive, "tokens": tokens, "unknown": unknown}
            yield record | ({"note": "no known word"} if tokens == unknown else {})


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


class Format(StrEnum):
    """The output format of predictions."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"
