"""Sheets of formulas and numbers, as text of 80 columns or Markdown; also as a worksheet, with its key.

A sheet can also become a worksheet: each computed number is replaced by a numbered gap, and a separate key has the
numbers.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_WIDTH = 80
_INDENT = "  "


class Formula(NamedTuple):
    """A formula in symbols, and the name of the function that computes it."""

    symbols: str
    source: str


class Number(NamedTuple):
    """A formula with numbers, and its value: left = expression = value."""

    left: str
    expression: str
    value: float


class Gap(NamedTuple):
    """An empty place in a worksheet, for a number that the reader computes."""

    left: str
    key: int  # the number of the line in the key


class Table(NamedTuple):
    """Rows of a name and numbers. A worksheet leaves out the tables that are `computed`."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float | str]]]
    computed: bool = False


Line = str | Formula | Number | Gap | Table


class Section(NamedTuple):
    """Lines under a title."""

    title: str
    lines: Sequence[Line]


class Sheet(NamedTuple):
    """A title and its sections."""

    title: str
    sections: Sequence[Section]


def number(value: float | str) -> str:
    """Format a number with 4 decimals, or more: 3 significant digits at least, and up to 9 to show it is not whole."""
    if isinstance(value, str):
        return value
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2e}"
    digits = max(4, 2 - math.floor(math.log10(abs(value))))
    distance = abs(value - round(value))
    if 1e-8 <= distance < 5e-5:  # or 1 - 0.99996 would look like 0; more digits would be in the way of reading
        digits = 1 - math.floor(math.log10(distance))
    return f"{value:.{digits}f}"


def join_terms(terms: Sequence[str]) -> str:
    """Join the terms with + and -."""
    text = " + ".join(terms)
    return text.replace("+ -", "- ")


def parenthesized(x: str) -> str:
    """Return a number or symbol as it appears after an operator: a negative number in parentheses."""
    return f"({x})" if x.startswith("-") else x


def make_worksheet(sheet: Sheet) -> tuple[Sheet, Sheet]:
    """Return the worksheet for a sheet, and its key."""
    key: list[Line] = []
    sections = []
    for section in sheet.sections:
        lines: list[Line] = []
        for line in section.lines:
            if isinstance(line, Number):
                lines.append(Gap(line.left, len(key) + 1))
                key.append(line._replace(left=f"({len(key) + 1}) {line.left}"))
            elif not isinstance(line, Table) or not line.computed:
                lines.append(line)
        sections.append(Section(section.title, lines))
    return Sheet(sheet.title, sections), Sheet(f"Key: {sheet.title}", [Section("", key)])


def to_text(sheet: Sheet) -> str:
    """Return the sheet as plain text of 80 columns."""
    lines = [*textwrap.wrap(sheet.title, _WIDTH)]
    for section in sheet.sections:
        lines += ["", section.title.upper() if section.title.isalpha() else section.title] if section.title else [""]
        for line in section.lines:
            lines += _text_line(line)
    return "\n".join(lines) + "\n"


def _text_line(line: Line) -> Iterator[str]:
    if isinstance(line, Formula):
        room = _WIDTH - len(_INDENT) - len(line.source)
        if len(line.symbols) + 2 <= room:
            yield f"{_INDENT}{line.symbols:<{room}}{line.source}"
        else:
            yield from _wrapped(line.symbols)
            yield f"{line.source:>{_WIDTH}}"
    elif isinstance(line, Number | Gap):
        yield from _wrapped(plain_line(line), 2)
    elif isinstance(line, Table):
        yield from _text_table(line)
    else:
        yield from _wrapped(line, hanging="")


def _wrapped(content: str, extra_indent: int = 0, hanging: str = "    ") -> list[str]:
    first = _INDENT + " " * extra_indent
    return textwrap.wrap(
        content,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=first + hanging,
        break_on_hyphens=False,
        break_long_words=True,
    )


def _text_table(table: Table) -> Iterator[str]:
    """Yield the lines of a table. Columns that do not fit follow below."""
    names = [table.columns[0], *(name for name, _ in table.rows)]
    width = max(map(len, names))
    columns = list(zip(table.columns[1:], *([number(v) for v in values] for _, values in table.rows), strict=True))
    while columns:
        widths = [max(map(len, column)) for column in columns]
        fitting = 1
        while fitting < len(columns) and len(_INDENT) + 2 + width + sum(w + 2 for w in widths[: fitting + 1]) <= _WIDTH:
            fitting += 1
        for i, name in enumerate(names):
            cells = "".join(
                f"  {column[i]:>{w}}" for column, w in zip(columns[:fitting], widths[:fitting], strict=True)
            )
            yield f"{_INDENT}  {name:<{width}}{cells}".rstrip()
        columns = columns[fitting:]


def to_markdown(sheet: Sheet) -> str:
    """Return the sheet as Markdown."""
    blocks = [f"# {_escaped(sheet.title)}"]
    for section in sheet.sections:
        if section.title:
            blocks.append(f"## {_escaped(section.title)}")
        for group in group_lines(section.lines):
            if isinstance(group, Table):
                head = " | ".join(map(_escaped, group.columns))
                rule = " | ".join(["---", *["--:"] * (len(group.columns) - 1)])
                rows = (
                    " | ".join([_escaped(name), *(_escaped(number(v)) for v in values)]) for name, values in group.rows
                )
                blocks.append("\n".join(f"| {row} |" for row in (head, rule, *rows)))
            elif isinstance(group, list):
                blocks.append("```text\n" + "\n".join(plain_line(line) for line in group) + "\n```")
            else:
                blocks.append(_escaped(group))
    return "\n\n".join(blocks) + "\n"


def group_lines(lines: Sequence[Line]) -> Iterator[str | Table | list[Formula | Number | Gap]]:
    """Yield each text and table, and each run of formulas, numbers and gaps as one list."""
    group: list[Formula | Number | Gap] = []
    for line in lines:
        if isinstance(line, Formula | Number | Gap):
            group.append(line)
            continue
        if group:
            yield group
            group = []
        yield line
    if group:
        yield group


def plain_line(line: Formula | Number | Gap) -> str:
    """Return the line as plain text, without indent or line breaks."""
    if isinstance(line, Formula):
        return f"{line.symbols}    # {line.source}"
    if isinstance(line, Gap):
        return f"{line.left} = ({line.key})______________"
    return f"{line.left} = {line.expression} = {number(line.value)}"


def _escaped(content: str) -> str:
    """Return text with the characters escaped that have a meaning in Markdown, on one line."""
    return re.sub(r"([\\`*_{}\[\]#!|~<>&$])", r"\\\1", " ".join(content.split()))
