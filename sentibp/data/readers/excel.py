"""Read Excel workbooks (.xlsx): the first visible sheet that has the columns, or the one that data.sheet names.

openpyxl streams the rows, so that memory is bounded by the content. python-calamine is ten times faster, but it
allocates the rectangle of all cells at once: a file of 5 kB with a cell in the last row and column aborts the process.
"""

from __future__ import annotations

import datetime
import io
import itertools
import re
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any
from xml.etree import ElementTree

from sentibp.data.readers.batches import batched, row_size
from sentibp.data.readers.compression import LIMIT, zip_members
from sentibp.data.readers.content import as_file
from sentibp.data.readers.header import own_names, require_header, title_note, title_rows, unused_names
from sentibp.data.readers.surplus import below_names, class_column, without_surplus
from sentibp.data.readers.table import Batch, Notes, ReadOptions, Table, is_set, require_unset, resolved
from sentibp.errors import DataError
from sentibp.utils import environment
from sentibp.utils.arrow import strings
from sentibp.utils.messages import counted
from sentibp.utils.near_names import folded_name
from sentibp.utils.repair import set_option

_ROWS = 1 << 20  # of a sheet, the largest number that Excel has

_NEEDED = 5  # bytes of memory for each byte of XML: openpyxl holds the texts of all cells

_SAMPLE = 200  # rows from which the header is judged

_LOOK = 1000  # rows in which a sheet must have content
_TOP = 20  # rows with content, from which the sheet is chosen

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # a character in the XML of Excel, such as _x000D_

_HIDDEN = re.compile(rb'<(?:\w+:)?row (?=[^>]*\bhidden="(?:1|true)")[^>]*?\br="(\d+)"[^>]*(?<!/)>\s*<(?:\w+:)?c\b')
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?\bref="([A-Z]{1,3})(\d+):[A-Z]{1,3}(\d+)"')

_OLD = b"\xd0\xcf\x11\xe0"  # the first bytes of .xls, and of an .xlsx with a password


def is_workbook(members: dict[str, Any]) -> bool:
    """Return whether the files of a zip archive are those of an .xlsx file."""
    return "xl/workbook.xml" in members


def reject_old_excel(data: memoryview, name: str, suffix: str) -> None:
    """Raise a DataError for a spreadsheet in a format that is not read."""
    if data[:4] == _OLD or suffix in (".xls", ".xlsb", ".ods", ".numbers"):
        raise DataError(f"{name}: a spreadsheet that is not .xlsx, or has a password; save it as .xlsx or CSV")


def open_excel(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open a sheet of an .xlsx file, whose first row with content has the names of the columns, unless options do.

    Every value becomes text, as in CSV: 1.0 becomes "1", an empty cell "", a date 2020-01-31, and a formula has the
    value that was saved with it. Rows without content are skipped. DataError if the workbook cannot be read, or a
    formula among texts, labels, weights or groups has no value.
    """
    _require_memory(data, name)
    require_unset(name, "cells of Excel are no text", options, ("separator", "quoting", "encoding"))
    sheet, of_sheet = _choose_sheet(_sheets(data, name), name, options)
    sample = [row for _, row in itertools.islice(_rows(data, name, sheet), _SAMPLE)]
    titles = title_rows(sample, options)

    def rows() -> Iterator[tuple[int, list[str]]]:
        return itertools.islice(_rows(data, name, sheet), titles, None)

    number, first = next(rows(), (1, []))
    place = f"{name}: row {number}"
    notes = [title_note(name, "row", sample[:titles], f"row {number}")] if titles else []
    given = _given_names(rows, first, place, name, options, notes)
    is_named, header = given is None, given or _header(first)
    below = list(itertools.islice(rows(), 1, 3)) if is_named else []
    surplus, what = below_names(header, below)
    notes += [f"{place}: {what}"] * bool(surplus)

    def content(notes: list[str]) -> Iterator[tuple[int, list[str]]]:
        below, names = itertools.islice(rows(), is_named + surplus, None), first if is_named else ()
        return without_surplus(below, names, lambda number: f"{name}: row {number}", notes)

    def batches(wanted: list[str]) -> Generator[Batch]:
        places = {column: header.index(column) for column in wanted}
        xml, start = _xml(data, name, sheet), number + is_named
        merged = _merged_below(xml, _filled_down(header, options), start)
        notes.extend(_unsaved(_unsaved_formulas(xml, name, start), places, name, options))
        notes.extend((*_hidden(xml, name, start), *_merged_notes(merged, header, name)))
        for batch in batched(_with_merged(content(notes), merged), row_size):
            yield {column: strings(_at(row, place) for _, row in batch) for column, place in places.items()}

    return Table(
        name=name,
        columns=tuple(header),
        batches=batches,
        places=lambda: (f"{name}: row {number}" for number, _ in content([])),
        header=place,
        notes=Notes(notes, of_sheet),
        classes=class_column(header, below),
    )


def _require_memory(data: memoryview, name: str) -> None:
    total = sum(info.file_size for info in zip_members(data, name).values())
    if total > LIMIT or _NEEDED * total > environment.memory():
        raise DataError(f"{name}: {environment.size(total)} of XML, which may not fit in memory; save it as CSV")


def _choose_sheet(sheets: dict[str, list[list[str]]], name: str, options: ReadOptions) -> tuple[str, list[str]]:
    """Return the title of the sheet to read, and a note if it was assumed. DataError if there is none.

    It is the first one that has the names of the wanted columns, or else a row below another: others may be covers.
    `sheets` are the titles, and the first rows of each sheet that have content.
    """
    wanted = options.sheet if is_set("sheet", options) or options.sheet in sheets else None
    names = set(map(folded_name, options.wanted_columns()))
    filled = {title: rows for title, rows in sheets.items() if rows}
    cells = {title: {folded_name(cell) for row in rows for cell in row} for title, rows in filled.items()}
    rank = {title: (names <= cells[title], len(rows) > 1) for title, rows in filled.items()}
    sheet = wanted or max(rank, key=rank.__getitem__, default=None)
    if sheet is None:
        raise DataError(f"{name}: empty; the first row of a sheet names its columns")
    if sheet not in sheets:
        choice = " or ".join(set_option("data.sheet", title) for title in sheets)
        raise DataError(f"{name}: no sheet {sheet!r}; choose one with {choice}")
    others = [title for title in rank if title != sheet]
    if wanted is not None or not others:
        return sheet, []
    choice = " or ".join(set_option("data.sheet", title) for title in others[:3])
    return sheet, [f"{name}: reads the sheet {sheet!r}, not {', '.join(map(repr, others))}; to read another: {choice}"]


def _given_names(
    rows: Callable[[], Iterator[tuple[int, list[str]]]],
    first: list[str],
    place: str,
    name: str,
    options: ReadOptions,
    notes: list[str],
) -> list[str] | None:
    """Return the names of data.columns; None if the first row has names, with a note if both have.

    DataError if the rows have another number of cells, or if there are no names at all.
    """
    if options.names is not None and (note := own_names(first, place, options)):
        notes.append(note)
        return None
    if options.names is not None:
        number, widest = max(rows(), key=lambda row: len(row[1]))
        if len(widest) == len(options.names):
            below = [row for _, row in itertools.islice(rows(), 1, _SAMPLE) if len(row) == len(first)]
            notes += filter(None, [unused_names(first, below, place, options)] if len(first) == len(widest) else [])
            return list(options.names)
        if "names" not in options.inherited:
            counts = f"{len(widest)} cells, and data.columns has {len(options.names)} names"
            raise DataError(f"{name}: row {number}: {counts}; correct them")
    below = [row + [""] * (len(first) - len(row)) for _, row in itertools.islice(rows(), 1, _SAMPLE)]
    require_header(first, below, place, options._replace(names=None))
    return None


def _xml(data: memoryview, name: str, sheet: str) -> bytes:
    """Return the XML of a sheet, for what openpyxl does not say where it streams the rows."""
    with _Damage(name), _workbook(data, name)[sheet]._get_source() as source:
        return source.read()


def _unsaved_formulas(xml: bytes, name: str, first: int) -> dict[int, str]:
    """Return {position of a column: its first cell, such as B3, with a formula whose value was not saved with it}.

    Programs that write formulas without computing them, such as openpyxl, save none. Excel saves the empty text, too:
    its cell says that it is a text (ECMA-376, part 1, 18.3.1.4). The cells are those from the row `first` on.
    """
    from openpyxl.utils.cell import coordinate_to_tuple

    cells: dict[int, str] = {}
    if not re.search(rb"<(\w+:)?f[\s/>]", xml):
        return {}
    with _Damage(name):
        for _, element in ElementTree.iterparse(io.BytesIO(xml)):
            if not element.tag.endswith("}c"):
                continue
            if element.find("{*}f") is not None and not element.findtext("{*}v") and element.get("t") != "str":
                row, column = coordinate_to_tuple(element.attrib["r"])
                if row >= first:
                    cells.setdefault(column - 1, element.attrib["r"])
            element.clear()
    return cells


def _hidden(xml: bytes, name: str, first: int) -> Iterator[str]:
    """Yield a note if rows from `first` on are hidden, as a filter hides them: they are read as all others."""
    count = sum(int(row) >= first for row in _HIDDEN.findall(xml))
    if count:
        what = f"{counted(count, 'hidden row')}, as of a filter, {'is' if count == 1 else 'are'} read, too"
        yield f"{name}: {what}; to leave {'it' if count == 1 else 'them'} out, copy the visible rows into a new file"


def _filled_down(header: list[str], options: ReadOptions) -> list[int]:
    """Return the positions of the columns whose merged cells belong to all of their rows: labels, weights, groups."""
    options = resolved(options, header)
    return [header.index(each) for each in (options.label, options.weight, options.group) if each in header]


def _merged_below(xml: bytes, columns: list[int], first: int) -> list[tuple[int, int, int]]:
    """Return the merged cells of these columns from the row `first` on: the column, and the first and the last row."""
    from openpyxl.utils.cell import column_index_from_string

    found = [(column_index_from_string(each[0].decode()) - 1, *map(int, each[1:])) for each in _MERGED.findall(xml)]
    return sorted((c, start, stop) for c, start, stop in found if c in columns and first <= start < stop)


def _merged_notes(merged: list[tuple[int, int, int]], header: list[str], name: str) -> Iterator[str]:
    for column in sorted({column for column, _, _ in merged}):
        rows = sum(stop - start for each, start, stop in merged if each == column)
        what = f"{header[column]!r} has merged cells: {counted(rows, 'row')} below the first of each"
        yield f"{name}: {what} {'has' if rows == 1 else 'have'} its value, too"


def _with_merged(
    rows: Iterator[tuple[int, list[str]]], merged: list[tuple[int, int, int]]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the value of merged cells in each of their rows; the file has it in the first one only."""
    above = {(column, row): start for column, start, stop in merged for row in range(start + 1, stop + 1)}
    columns = sorted({column for column, _ in above})
    values: dict[tuple[int, int], str] = {}
    for number, row in rows:
        for column in columns:
            start = above.get((column, number))
            if start is None:
                values[column, number] = _at(row, column)
            elif value := values.get((column, start)):
                row.extend([""] * (column + 1 - len(row)))
                row[column] = value
        yield number, row


def _unsaved(cells: dict[int, str], places: dict[str, int], name: str, options: ReadOptions) -> Iterator[str]:
    """Yield a note for each of the columns at these places that has formulas without a value, in these cells.

    DataError for one with texts, labels, weights or groups.
    """
    repair = "save the file with Excel or LibreOffice, which compute it"
    needed = resolved(options, list(places)).wanted_columns()
    for column, place in places.items():
        if place in cells:
            fact = f"{name}: {cells[place]}: {column!r} is a formula, and its value was not saved"
            if column in needed:
                raise DataError(f"{fact}; {repair}")
            yield f"{fact}: it is read as empty; {repair}"


def _at(row: list[str], place: int) -> str:
    return row[place] if place < len(row) else ""


def _header(row: list[str]) -> list[str]:
    return [name.strip() or f"column_{number}" for number, name in enumerate(row, 1)]


def _workbook(data: memoryview, name: str) -> Any:
    try:
        import openpyxl
    except ImportError:
        raise DataError(f"{name}: Excel files need openpyxl; pip install 'sentibp[excel]'") from None
    return openpyxl.load_workbook(as_file(data), read_only=True, data_only=True)  # type: ignore[arg-type]


def _sheets(data: memoryview, name: str) -> dict[str, list[list[str]]]:
    """Return the titles of the sheets, those that are hidden last, and the first rows of each that have content."""
    with _Damage(name):
        sheets = [sheet for sheet in _workbook(data, name).worksheets if hasattr(sheet, "iter_rows")]
        titles = [sheet.title for sheet in sorted(sheets, key=lambda sheet: sheet.sheet_state != "visible")]
    return {title: [row for _, row in itertools.islice(_rows(data, name, title, _LOOK), _TOP)] for title in titles}


def _rows(data: memoryview, name: str, sheet: str, most: int = _ROWS) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each row that has content, without the empty cells at its end."""
    with _Damage(name):
        opened = _workbook(data, name)[sheet]
        opened.reset_dimensions()  # the file may state others than it has
        values = enumerate(itertools.islice(opened.iter_rows(values_only=True), most), 1)
    while True:
        with _Damage(name):  # not around the yield: an error of the caller is no damage
            batch = [(number, [_text(value) for value in row]) for number, row in itertools.islice(values, 1024)]
        if not batch:
            return
        for number, row in batch:
            while row and not row[-1]:
                row.pop()
            if row:
                yield number, row


class _Damage:
    """Turns every error of openpyxl, which has no class for them, into a DataError, and silences its warnings."""

    def __init__(self, name: str):
        self.name, self.silence = name, warnings.catch_warnings()

    def __enter__(self) -> None:
        self.silence.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.silence.__exit__(kind, error, trace)
        if isinstance(error, Exception) and not isinstance(error, DataError | MemoryError):
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(f"{self.name}: damaged Excel file: {reason}; save it again, or as CSV") from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value).replace("\r\n", "\n")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return str(value)
