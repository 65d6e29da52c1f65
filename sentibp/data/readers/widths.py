"""Say what to do about a row of a table that has too many or too few fields."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from sentibp.data.readers.table import ReadOptions
from sentibp.utils.near_names import folded_name
from sentibp.utils.paths import new_file
from sentibp.utils.repair import python, set_option

_OTHER_QUOTES = {"'": "'", "`": "`", "\u2018": "\u2019", "\u201c": "\u201d", "\u201e": "\u201c"}


def width_repair(
    row: Sequence[str],
    columns: Sequence[str],
    separator: str,
    quoting: str,
    name: str,
    options: ReadOptions,
    all_have: Callable[[int], bool],
) -> str:
    """Return what to do about a row with more or fewer fields than there are columns.

    `all_have` returns whether all rows have so many fields.
    """
    width = len(columns)
    repair = f"put a text that contains {separator!r} in double quotes"
    if len(row) < width:
        repair = "add what is missing, put a text with line breaks in double quotes, or remove the line"
    if mark := _unread_quotes(row):
        command = _requoting(mark, separator, name, options)
        return f"{repair}: {mark} is read as a plain character; to put such texts in them: {command}"
    text = next((i for i, column in enumerate(columns) if folded_name(column) == folded_name(options.texts[0])), None)
    is_cut = len(row) > width and text is not None and any(field[:1] == " " for field in row[text + 1 :])
    if len(row) == width + 1 and all_have(width + 1) and not is_cut:
        return "as each row has: give it a name in the first line, or remove it"
    if quoting == "none" and (len(row) > width or any('"' in field for field in row)):
        return f"quotes are read as plain characters; otherwise: {set_option('data.quoting', 'double')}"
    if len(row) > width and text is not None and len(options.texts) == 1:
        return f"{repair}; if no other column has one: {_joining(text, width, separator, name, options)}"
    return repair


def _unread_quotes(row: Sequence[str]) -> str:
    """Return the sign that seems to hold a text of a row together, over several fields, and is no quote; or ""."""
    for i, cell in enumerate(row[:-1]):
        mark, ends = cell.lstrip()[:1], [each.rstrip()[-1:] for each in row[i:]]
        if mark in _OTHER_QUOTES and _OTHER_QUOTES[mark] in ends[1:] and _OTHER_QUOTES[mark] != ends[0]:
            return mark
    return "\\" if any(cell.endswith("\\") for cell in row[:-1]) else ""


def _requoting(mark: str, separator: str, name: str, options: ReadOptions) -> str:
    """Return the command that puts texts in double quotes which such a sign holds together, or marks separators in."""
    if mark.isascii():
        kind = "escapechar" if mark == "\\" else "quotechar"
        rows = f'csv.reader(sys.stdin, delimiter="{separator}", {kind}=chr({ord(mark)}))'
        return _rewriting(rows, separator, name, options)
    left, right = f"(^|{re.escape(separator)}){mark}", f"{_OTHER_QUOTES[mark]}({re.escape(separator)}|\\r?$)"
    return f'sed -E \'s/"/""/g; s/{left}/\\1"/g; s/{right}/"\\1/g\' {_file(name)} > {_new()}'


def _joining(text: int, width: int, separator: str, name: str, options: ReadOptions) -> str:
    """Return the command that joins the fields of a text, in the column of this number, and puts it in quotes."""
    end = f"len(row) - {width - text - 1}"
    joined = f'row[:{text}] + ["{separator}".join(row[{text}:{end}])] + row[{end}:] if len(row) > {width} else row'
    return _rewriting(f'({joined} for row in csv.reader(sys.stdin, delimiter="{separator}"))', separator, name, options)


def _rewriting(rows: str, separator: str, name: str, options: ReadOptions) -> str:
    """Return the command that reads a file, and writes these rows, as Python has them, in the same encoding."""
    code = f'import csv, sys; csv.writer(sys.stdout, delimiter="{separator}").writerows({rows})'
    encoding = f"PYTHONIOENCODING={options.encoding} " if options.encoding else ""
    return f"{encoding}{python('-c', code)} < {_file(name)} > {_new()}"


def _new() -> str:
    return new_file(".csv", "new")


def _file(name: str) -> str:
    return "FILE" if name == "<stdin>" else shlex.quote(name)
