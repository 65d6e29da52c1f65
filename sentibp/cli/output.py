"""Print results to stdout, as text or JSON, and messages to stderr."""

from __future__ import annotations

import json as jsons
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from sentibp.errors import DataError
from sentibp.utils.files import write_file


def print_message(line: str) -> None:
    """Print a message for the user to stderr, apart from the results on stdout."""
    try:
        typer.echo(line, err=True)
    except BrokenPipeError:  # stderr is closed; continue without it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def print_json(value: Any) -> None:
    """Print a JSON value."""
    typer.echo(jsons.dumps(value))


def save_output(output: Path, content: bytes) -> None:
    """Write the file that --output names. DataError if it cannot be written."""
    if not output.name:
        raise DataError(f"--output {output}: not a file name")
    try:
        write_file(output, content)
    except OSError as error:
        raise DataError(f"--output {output}: {error.strerror}; choose another file") from None


def one_line(text: str, width: int = 60) -> str:
    """Return the text, or its beginning, as one line of at most `width` characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def table(columns: Sequence[str], lines: Sequence[Sequence[Any]], json: bool = False) -> None:
    """Print a plain table, or a JSON list of objects."""
    if json:
        print_json([dict(zip(columns, line, strict=True)) for line in lines])
        return
    cells = [list(columns), *([_cell(value) for value in line] for line in lines)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def fields(values: Mapping[str, str], width: int = 0) -> None:
    """Print a line "name  value" for each value, with the values in one column, at least `width` characters wide."""
    width = max(width, *map(len, values))
    for name, value in values.items():
        typer.echo(f"{name:<{width}} {value}")


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
