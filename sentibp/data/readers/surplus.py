"""Leave out the lines of a table that are no rows: repeated names of the columns, a rule or a second header below
them, a footer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from sentibp.data.faulty_texts import FOOTER
from sentibp.data.readers.content import line_chunks
from sentibp.utils.messages import counted

_RULE = re.compile(r"\s*:?[-=]{2,}:?\s*")  # below the names of the columns, as sqlcmd writes it

_FOOTER = re.compile(FOOTER, re.IGNORECASE)

_QUALTRICS = re.compile(r'\{"ImportId":.*\}')  # below the names and the questions

_SURVEYMONKEY = "Open-Ended Response"  # below a question that is answered with a text

_ORANGE_TYPE = re.compile(r"continuous|discrete|string|text|time|[cdst]")  # below the name of a column
_ORANGE_MARK = re.compile(r"([cimw]?[CDNST]?|[CDNST][cimw])#")  # before the name of a column
_ORANGE_ROLE = re.compile(r"(class|meta|ignore|weight|[cimw])?( ?\w+=\w*)*")  # below its type

Row = tuple[int, list[str]]  # its number, and its fields


def below_names(names: Sequence[str], rows: Sequence[Row]) -> tuple[int, str]:
    """Return how many of the first rows below the names of the columns are none, and what these are."""
    if _are_of_orange(names, rows):
        classes = class_column(names, rows)
        which = f"; its class is {classes!r}" if classes else ""
        return 2, f"types and roles of Orange below the names of the columns, which are left out{which}"
    if rows and _is_rule(rows[0][1]):
        return 1, "a line below the names of the columns, which is left out"
    for number, (_, fields) in enumerate(rows[:2], 1):
        filled = [each.strip() for each in fields if each.strip()]
        if filled and all(map(_QUALTRICS.fullmatch, filled)):
            rows_above = ", as is the row of questions above them" * (number > 1)
            return number, f"ids of Qualtrics below the names of the columns, which are left out{rows_above}"
    if rows and _SURVEYMONKEY in rows[0][1]:
        return 1, "a second row of names, as SurveyMonkey writes it, which is left out"
    return 0, ""


def class_column(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the column that Orange marks as the class: below its name, or by a c before it, as in `cD#Opinion`.

    "" if it marks none, or several.
    """
    if _are_of_orange(names, rows):
        found = [name for name, role in zip(names, rows[1][1], strict=True) if re.match(r"c(lass)?( |$)", role)]
    else:
        marks = [_ORANGE_MARK.match(name) for name in names]
        found = [name for name, mark in zip(names, marks, strict=True) if all(marks) and mark and "c" in mark[1]]
    return found[0] if len(found) == 1 else ""


def _are_of_orange(names: Sequence[str], rows: Sequence[Row]) -> bool:
    """Return whether the first two rows have the type and the role of each column, as .tab files of Orange do.

    A column may have its values, with spaces between, as its type. Where it has, or no role is given, the rest decides.
    """
    if len(names) < 2 or len(rows) < 2 or not len(names) == len(rows[0][1]) == len(rows[1][1]):
        return False
    types, roles = rows[0][1], rows[1][1]
    known = [_ORANGE_TYPE.fullmatch(each) is not None for each in types]
    or_values = [is_known or len(each.split()) > 1 for is_known, each in zip(known, types, strict=True)]
    return all(known if not any(roles) else or_values) and any(known) and all(map(_ORANGE_ROLE.fullmatch, roles))


def _is_rule(fields: Sequence[str]) -> bool:
    """Return whether a row of several fields is a line of dashes below the names of the columns.

    A Markdown table may have a bar at both ends of its lines; the fields outside of them are empty.
    """
    inner = fields[1:-1] if len(fields) > 2 and not fields[0] + fields[-1] else fields
    return len(fields) > 1 and all(map(_RULE.fullmatch, inner))


def without_surplus(
    rows: Iterable[Row], names: Sequence[str], place: Callable[[int], str], notes: list[str]
) -> Iterator[Row]:
    """Yield the rows but those that repeat the names of several columns, and but a footer such as `(120 rows)`.

    At the end, a note is added for each kind. `names` are those in the first row of the table, if it has them.
    """
    again: list[int] = []
    footer: Row | None = None
    for row in rows:
        number, fields = row
        if footer is not None:  # more follows
            yield footer
            footer = None
        if len(names) > 1 and _repeat(fields, names):
            again.append(number)
        elif len(fields) == 1 and len(names) != 1 and _FOOTER.fullmatch(fields[0]):
            footer = row
        else:
            yield row
    if again:
        more = f", and {counted(len(again) - 1, 'more row', 'does', 'do')}" if len(again) > 1 else ""
        notes.append(f"{place(again[0])}: repeats the names of the columns{more}; left out")
    if footer is not None:
        notes.append(f"{place(footer[0])}: {footer[1][0].strip()!r} is taken as a footer, and left out")


def _repeat(fields: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether fields are the names; files that were joined may have a byte-order mark before these."""
    return len(fields) == len(names) and [fields[0].lstrip("\ufeff"), *fields[1:]] == list(names)


def may_repeat(data: memoryview, header: bytes) -> bool:
    """Return whether the line with the names of the columns occurs in the data."""
    return any(header in chunk for chunk in line_chunks(data)) if header else False
