"""A worksheet as HTML: the page of `sentibp trace --format html`, and the lines that the stepper shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sentibp.inspection.pages.mathml import math
from sentibp.inspection.pages.render import render
from sentibp.inspection.worksheet import Formula, Gap, Line, Number, Sheet, Table, group_lines, number, plain_line


def worksheet_page(sheet: Sheet, key: Sheet | None = None) -> str:
    """Return the page of a sheet. Its key, if there is one, begins on a new page when printed."""
    return render(
        "worksheet.html",
        title=sheet.title,
        sheet=_sections(sheet),
        key_title=None if key is None else key.title,
        key=None if key is None else _sections(key),
    )


def lines_html(lines: Sequence[Line]) -> str:
    """Return lines as HTML, without a page around them."""
    return render("lines.html", groups=_groups(lines))


def _sections(sheet: Sheet) -> list[tuple[str, list[tuple[str, Any]]]]:
    return [(section.title, _groups(section.lines)) for section in sheet.sections]


def _groups(lines: Sequence[Line]) -> list[tuple[str, Any]]:
    """Return the lines for the template: each table, block of formulas and paragraph with its kind."""
    groups: list[tuple[str, Any]] = []
    for group in group_lines(lines):
        if isinstance(group, Table):
            rows = [(name, [number(value) for value in values]) for name, values in group.rows]
            groups.append(("Table", group._replace(rows=rows)))
        elif isinstance(group, list):
            groups.append(("formulas", [_formula(line) for line in group]))
        else:
            groups.append(("text", group))
    return groups


def _formula(line: Formula | Number | Gap) -> dict[str, Any]:
    """Return a line of a block for the template: typeset, with the function that computes it, or with a gap."""
    if isinstance(line, Formula):
        return {"kind": "Formula", "math": math(line.symbols), "source": line.source}
    if isinstance(line, Gap):
        return {"kind": "Gap", "math": math(line.left), "key": line.key}
    return {"kind": "Number", "math": math(plain_line(line))}
