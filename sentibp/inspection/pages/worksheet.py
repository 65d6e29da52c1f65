"""A worksheet as HTML: the page of `sentibp trace --format html`, and the lines of a stage for the stepper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sentibp.inspection.pages.mathml import math, typeset, without_numbers
from sentibp.inspection.pages.render import printable, render
from sentibp.inspection.worksheet import Formula, Gap, Line, Number, Sheet, Table, group_lines, number, plain_line


def worksheet_page(sheet: Sheet, key: Sheet | None = None) -> str:
    """Return the page of a sheet. Its key, if there is one, begins on a new page when printed."""
    return render(
        "worksheet.html",
        title=sheet.title,
        sheet=_sections(sheet),
        key_title=None if key is None else key.title,
        key=None if key is None else _sections(key),
        is_cut=any("..." in line.columns for each in sheet.sections for line in each.lines if isinstance(line, Table)),
    )


def lines_data(lines: Sequence[Line]) -> tuple[list[Any], dict[str, str]]:
    """Return lines for templates/stepper.js, and the MathML of the pieces of their formulas, by `without_numbers`.

    A paragraph is a text, a table a dict, and a block of formulas a list: of each formula its pieces, one on a line,
    and its source, if it has one.
    """
    found: list[Any] = []
    pieces: dict[str, str] = {}
    for group in group_lines(lines):
        if isinstance(group, Table):
            rows = [[printable(name), *map(number, values)] for name, values in group.rows]
            found.append({"caption": _caption(group), "columns": list(group.columns), "rows": rows})
        elif isinstance(group, list):
            found.append([])
            for line in group:
                plain = line.symbols if isinstance(line, Formula) else plain_line(line)
                parts = typeset(plain)
                pieces |= {without_numbers(part.plain): part.mathml for part in parts}
                shown = "\n".join(part.plain for part in parts) or printable(plain)
                found[-1].append([shown, line.source] if isinstance(line, Formula) else [shown])
        else:
            found.append(printable(group))
    return found, pieces


def _sections(sheet: Sheet) -> list[tuple[str, list[tuple[str, Any]]]]:
    return [(section.title, _groups(section.lines)) for section in sheet.sections]


def _groups(lines: Sequence[Line]) -> list[tuple[str, Any]]:
    """Return the lines for the template: each table, block of formulas and paragraph with its kind."""
    groups: list[tuple[str, Any]] = []
    for group in group_lines(lines):
        if isinstance(group, Table):
            rows = [(name, [number(value) for value in values]) for name, values in group.rows]
            groups.append(("Table", {"caption": _caption(group), "columns": group.columns, "rows": rows}))
        elif isinstance(group, list):
            groups.append(("formulas", [_formula(line) for line in group]))
        else:
            groups.append(("text", group))
    return groups


def _caption(table: Table) -> str:
    """Return the words for a table: what its first column names, or else its rows."""
    first, names = table.columns[0], [name for name, _ in table.rows]
    if first.endswith(" of"):
        first += " each word"
    return f"{first or ' and '.join(names[:2])} in numbers"


def _formula(line: Formula | Number | Gap) -> dict[str, Any]:
    """Return a line of a block for the template: typeset, with the function that computes it, or with a gap."""
    if isinstance(line, Formula):
        return {"kind": "Formula", "math": math(line.symbols), "source": line.source}
    if isinstance(line, Gap):
        return {"kind": "Gap", "math": math(line.left), "key": line.key}
    return {"kind": "Number", "math": math(plain_line(line))}
