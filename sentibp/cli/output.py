"""Print results to stdout, as text or JSON, and messages to stderr."""

from __future__ import annotations

import contextlib
import json as jsons
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sentibp.errors import ESCAPES, shortened
from sentibp.utils.messages import (
    TEXT_ESCAPES,
    discard,
    one_line,
    print_message,  # noqa: F401  # commands find all output here
    printable,
)


def prepare_streams() -> None:
    """Make stdout and stderr take any text: in UTF-8, or on a terminal, in its encoding with marks for other letters.

    A page says that it is in UTF-8, and another program expects it, whatever the encoding of the terminal is.
    """
    for stream, mark in (sys.stdout, "replace"), (sys.stderr, "backslashreplace"):
        if stream is not None:
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors=mark)  # type: ignore[union-attr]


def print_text(text: str = "", end: str = "\n", styled: bool = False) -> None:
    """Print text for people to stdout. It may quote reviews, so control characters are escaped.

    `styled` text has colours or other control characters of its own, and is printed as it is.
    """
    sys.stdout.write((text if styled else text.translate(TEXT_ESCAPES)) + end)
    sys.stdout.flush()


@contextlib.contextmanager
def even_if_unread() -> Iterator[None]:
    """Let what follows this block, or decorated function, run although nobody reads what it prints (`| head`).

    It is for results that are followed by a verdict: the exit code must be that of the check.
    """
    try:
        yield
    except BrokenPipeError:
        discard(sys.stdout)


def print_content(content: str, styled: bool = False) -> None:
    """Print the content of a file, such as a page, to stdout: as it is, but on a terminal as `print_text` does."""
    print_text(content, end="", styled=styled or not sys.stdout.isatty())


def print_json(value: Any) -> None:
    """Print a JSON value. A path is a string."""
    print_text(jsons.dumps(value, default=os.fspath))


def setting_text(value: Any) -> str:
    """Return the value of a setting for people: JSON in which letters of all languages are as they are."""
    return jsons.dumps(value, ensure_ascii=False)


def distinct_names(names: Iterable[str], width: int) -> dict[str, str]:
    """Return each name as one line of at most `width` characters: its beginning, or both ends if beginnings are alike.

    So Electronics/Phones/new and Electronics/Phones/used can be told apart.
    """
    shown = {name: one_line(name, width) for name in names}
    alike = Counter(shown.values())
    for name, beginning in shown.items():
        line, start = " ".join(printable(name).split()), width // 4
        if alike[beginning] > 1 and len(line) > width:
            shown[name] = f"{line[:start]}…{line[start + 1 - width :]}"
    return shown


def table(columns: Sequence[str], lines: Sequence[Sequence[Any]], json: bool = False) -> None:
    """Print a plain table, or a JSON list of objects."""
    if json:
        print_json([dict(zip(columns, line, strict=True)) for line in lines])
        return
    for line in table_lines(columns, lines):
        print_text(line)


def table_lines(columns: Sequence[str], lines: Sequence[Sequence[Any]]) -> list[str]:
    """Return the lines of a plain table."""
    cells = padded([list(columns), *([_cell(value) for value in line] for line in lines)])
    return ["  ".join(line).rstrip() for line in cells]


def padded(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the lines of a table with all cells of a column of the same width."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]


def terminal_width() -> int:
    """Return the number of columns of the terminal."""
    return shutil.get_terminal_size().columns


def size(count: float) -> str:
    """Return a number of bytes for people, such as 12.3 kB."""
    units = ["B", "kB", "MB", "GB"]
    while len(units) > 1 and count >= 999.5:
        count, units = count / 1000, units[1:]
    digits = 1 if count < 99.95 and units[0] != "B" else 0
    return f"{count:.{digits}f} {units[0]}"


def duration(seconds: float) -> str:
    """Return a time for people, such as 35 ms, 1.2 s or 2 min 05 s."""
    if seconds < 0.0995:
        return f"{seconds * 1e3:.{0 if seconds >= 0.00995 else 2 if seconds < 0.000995 else 1}f} ms"
    if seconds < 59.5:
        return f"{seconds:.{1 if seconds < 9.95 else 0}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def fields(values: Mapping[str, str], width: int = 0) -> None:
    """Print a line "name  value" for each value, with the values in one column, at least `width` characters wide."""
    width = max(width, *map(len, values))
    for name, value in values.items():
        print_text(f"{name:<{width}} {value}")


def _cell(value: Any) -> str:
    return (
        ""
        if value is None
        else f"{value:.4f}"
        if isinstance(value, float)
        else shortened(str(value).translate(ESCAPES))
    )
