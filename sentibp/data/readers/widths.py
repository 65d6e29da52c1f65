"""Say what to do about a row of a table that has too many or too few fields."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from sentibp.data.readers.dialect import fields_of
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError
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
    line: int,
) -> str:
    """Return what to do about a row with more or fewer fields than there are columns.

    `all_have` returns whether all rows have so many fields. `line` is that of the names of the columns.
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
        return _one_more(row, separator, line, name)
    if len(row) == width - 1 and not columns[-1] and all_have(width - 1):
        repair = f"the names end with a {separator!r}, and no row does: {_sed_end(separator, '', line, name)}"
    if quoting == "none" and (len(row) > width or any('"' in field for field in row)):
        return f"quotes are read as plain characters; otherwise: {set_option('data.quoting', 'double')}"
    if len(row) > width and text is not None and len(options.texts) == 1:
        return f"{repair}; if no other column has one: {_joining(text, width, separator, name, options)}"
    return repair


def require_one_separator(lines: Sequence[str], separator: str, width: int, name: str, line: int) -> None:
    """Raise a DataError if the rows have another separator than the line with the names of their columns.

    `lines` are the first ones below it; each has then as many fields with the other separator, and with its own none.
    """
    for other in ",;\t|" if width > 1 and lines else "":
        if other != separator and all(len(fields_of(each, other)) == width for each in lines):
            sign, own = ("\\t" if each == "\t" else each for each in (other, separator))
            command = f"sed {shlex.quote(f'{line}s/{own}/{sign}/g')} {_file(name)} > {_new()}"
            fact = f"{name}:{line}: the names of the columns are separated by {separator!r}, and the rows by {other!r}"
            raise DataError(f"{fact}; write the names as the rows: {command}")


def _one_more(row: Sequence[str], separator: str, line: int, name: str) -> str:
    """Return what to do if each row has a field more than there are names: an empty one at its end, or another."""
    if row[-1]:
        return "each row has one more: name it in the first line, or remove it"
    return f"each row has one more, an empty one here; add one to the names: {_sed_end('', separator, line, name)}"


def _sed_end(end: str, other: str, line: int, name: str) -> str:
    """Return the command that writes another end of a line, which may have a carriage return."""
    end, other = ("\\t" if each == "\t" else each for each in (end, other))
    change = rf"{line}s/{end}\(\r*\)$/{other}\1/"
    return f"sed {shlex.quote(change)} {_file(name)} > {_new()}"


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
