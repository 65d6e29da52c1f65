"""Results, on stdout: for people, or as JSON."""

from __future__ import annotations

import json as jsons
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sentibp.errors import DataError
from sentibp.utils.files import write_file

if TYPE_CHECKING:
    pass


def print_message(line: str) -> None:
    """Print a line for the person at the terminal, not for the next program in the pipe."""
    try:
        typer.echo(line, err=True)
    except BrokenPipeError:  # nobody listens; the work goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def print_json(value: Any) -> None:
    """One JSON value."""
    typer.echo(jsons.dumps(value))


def save_output(output: Path, content: bytes) -> None:
    """Write what --output names."""
    if not output.name:
        raise DataError(f"--output {output}: not the name of a file")
    try:
        write_file(output, content)
    except OSError as error:
        raise DataError(f"--output {output}: {error.strerror}; choose another file") from None


def one_line(text: str, width: int = 60) -> str:
    """A text, or its beginning, on one line."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def table(columns: Sequence[str], lines: Sequence[Sequence[Any]], json: bool = False) -> None:
    """A plain table, or a JSON list of objects."""
    if json:
        print_json([dict(zip(columns, line, strict=True)) for line in lines])
        return
    cells = [list(columns), *([_cell(value) for value in line] for line in lines)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
