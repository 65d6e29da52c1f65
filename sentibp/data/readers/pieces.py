"""Read the input of a prediction in pieces: some thousand rows, with their texts and all that stands beside these."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers.json_lines import WrittenNumber, as_json, text_at, value_at, whole
from sentibp.data.readers.parquet import NotUtf8
from sentibp.data.readers.records import joined_text, same_type
from sentibp.data.readers.table import Batch, JsonRow, ReadOptions, Table, require_readable, require_short
from sentibp.errors import DataError
from sentibp.utils.arrow import dictionary_lengths, strings

_ROWS = 16384  # of a piece at least, unless their texts are long; a piece keeps all cores at work
MOST_ROWS = 4 * _ROWS  # of a piece: empty rows take few bytes, and their answers many
_BYTES = 1 << 23  # of a piece at most, unless a single row has more
_MULTIPLE = 64  # of the rows of a piece, as many as the classifier computes together


def table_pieces(table: Table, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    """Yield the rows of a table in pieces, at least one. DataError for a column that is missing, or a bad row."""
    options = require_readable(table, options)
    told = 0  # notes; reading the rows may add some
    if table.objects is not None and kept is not Kept.nothing:
        columns = None if kept is Kept.objects else json_columns(table.objects(), typed=kept is Kept.typed)
        pieces = json_pieces(grouped(table.objects()), table.name, options, columns)
    else:
        pieces = _column_pieces(table, options, kept)
    piece = None
    for piece in pieces:
        notes = tuple(table.notes)
        yield piece._replace(notes=notes[told:])
        told = len(notes)
    if piece is not None and len(table.notes) > told:
        yield empty_piece(piece)._replace(notes=tuple(table.notes)[told:])


def empty_piece(piece: Piece) -> Piece:
    """Return the piece without its rows."""
    columns = {name: column.slice(0, 0) for name, column in piece.columns.items()}
    return Piece(piece.text.slice(0, 0), columns, None if piece.objects is None else [], piece.keys)


def _column_pieces(table: Table, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    names = [] if kept is Kept.nothing else list(table.whole or table.columns)
    if twice := {name for name in names if names.count(name) > 1}:
        repair = "rename one, or leave the columns of the input out with --no-keep"
        raise DataError(f"{table.header}: two columns are called {sorted(twice)[0]!r}; {repair}")
    wanted = list(dict.fromkeys([*names, *options.wanted_columns()]))
    empty, rows = True, 0
    with contextlib.closing(table.batches(wanted)) as batches, _kept_columns(options):
        for batch in _regrouped(batches):
            text = joined_text(batch, options)
            where = functools.partial(_row_of, table, rows)
            require_short(text, options.most, where)
            rows += len(text)
            yield Piece(text, {name: batch[name] for name in names}, where=where)
            empty = False
    if empty:
        yield Piece(strings([]), {name: strings([]) for name in names})


def _row_of(table: Table, before: int, row: int) -> str:
    """Return the place of a row of a piece. So many rows of the table come before the piece."""
    return table.where(before + row)


@contextlib.contextmanager
def _kept_columns(options: ReadOptions) -> Iterator[None]:
    """Add the repair to the error for a column that is only kept beside the texts."""
    try:
        yield
    except NotUtf8 as error:
        if error.column in options.wanted_columns():
            raise
        raise DataError(f"{error}, or leave the columns of the input out with --no-keep") from None


def _regrouped(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the rows in batches of _ROWS rows or more, if these have at most _BYTES bytes; else of fewer rows.

    The number of rows is a multiple of _MULTIPLE if they are that many. A row of more bytes is a batch by itself.
    """
    held: list[Batch] = []
    rows = size = 0
    for batch in _bounded(batches):
        held.append(batch)
        rows, size = rows + _length(batch), size + _size(batch)
        if rows >= _ROWS or size >= _BYTES:
            joined, whole = _concatenated(held), rows - rows % _MULTIPLE or rows
            yield {name: column.slice(0, whole) for name, column in joined.items()}
            held = [{name: column.slice(whole) for name, column in joined.items()}] if rows > whole else []
            rows, size = rows - whole, 0
    if rows:
        yield _concatenated(held)


def _bounded(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the rows in batches of at most MOST_ROWS rows and _BYTES bytes. A row of more bytes is a batch."""
    for batch in batches:
        rows = _length(batch)
        few = rows <= MOST_ROWS and (rows == 1 or _size(batch) <= _BYTES)
        if few:
            yield batch
            continue
        half = (rows + 1) // 2
        for start in 0, half:
            yield from _bounded([{name: column.slice(start, half) for name, column in batch.items()}])


def _length(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _size(batch: Batch) -> int:
    """Return the number of bytes of all values, each as often as it occurs, though a dictionary has it once."""
    return sum(
        int(dictionary_lengths(column).sum()) if pa.types.is_dictionary(column.type) else column.nbytes
        for column in batch.values()
    )


def _concatenated(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    return {name: same_type([batch[name] for batch in batches]).combine_chunks() for name in batches[0]}


def grouped(rows: Iterable[JsonRow]) -> Iterator[list[JsonRow]]:
    """Yield rows in lists of _ROWS rows or about _BYTES bytes, at least one list."""
    group: list[JsonRow] = []
    size, empty = 0, True
    for row in rows:
        group.append(row)
        size += len(row[2])
        if len(group) == _ROWS or size >= _BYTES:
            yield group
            group, size, empty = [], 0, False
    if group or empty:
        yield group


def json_pieces(
    groups: Iterable[list[JsonRow]], name: str, options: ReadOptions, columns: dict[str, Any] | None
) -> Iterator[Piece]:
    """Yield a piece for each group of JSON objects: with their texts or, if there are `columns`, with these.

    DataError for a text that is no string, and for a key that is not among the columns.
    """
    texts = options.wanted_columns()
    for group in groups:
        batch = {
            column: strings(whole(text_at(row, column, f"{name}:{line}")) for line, row, _ in group) for column in texts
        }
        text = joined_text(batch, options)
        where = functools.partial(place_of, name, [line for line, _, _ in group])
        require_short(text, options.most, where)
        if columns is None:
            keys = list(dict.fromkeys(key for _, row, _ in group for key in row))
            yield Piece(text, objects=[content for _, _, content in group], keys=keys, where=where)
        else:
            arrays = {column: _array(group, column, columns) for column in _known(group, name, columns)}
            yield Piece(text, arrays, where=where)


def place_of(name: str, lines: Sequence[int], row: int) -> str:
    """Return the place of a row of a piece, given the line of each of its rows."""
    return f"{name}:{lines[row]}"


def json_columns(rows: Iterable[JsonRow], typed: bool) -> dict[str, Any]:
    """Return {key: the type of its column} for all keys of the objects, in the order in which they first occur.

    Text stands for any value; other types are for columns of nothing but numbers, or of nothing but true and false.
    """
    kinds: dict[str, set[type]] = {}
    for _, row, _ in rows:
        for key, value in row.items():
            found = kinds.setdefault(key, set())
            if value is not None:
                found.add(_kind(value))
    return {key: _TYPES.get(frozenset(found)) if typed else None for key, found in kinds.items()}


def _kind(value: Any) -> type:
    """Return the type of a value; text for a number that no column of numbers holds."""
    if type(value) is int:
        return int if abs(value) <= 1 << 53 else np.int64 if -(1 << 63) <= value < 1 << 63 else str
    if isinstance(value, WrittenNumber):
        return str if math.isinf(value) else float
    return type(value)


_TYPES = {
    frozenset((bool,)): pa.bool_(),
    frozenset((int,)): pa.int64(),
    frozenset((np.int64,)): pa.int64(),  # integers that are no float64
    frozenset((int, np.int64)): pa.int64(),
    frozenset((float,)): pa.float64(),
    frozenset((int, float)): pa.float64(),
}


def _known(group: list[JsonRow], name: str, columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns. DataError if a row has a key that is not among them."""
    for line, row, _ in group:
        if new := row.keys() - columns.keys():
            repair = "write JSON lines (--format jsonl), or leave the keys of the input out with --no-keep"
            raise DataError(f"{name}:{line}: the key {min(new)!r} is not in the first object; {repair}")
    return columns


def _array(group: list[JsonRow], column: str, columns: dict[str, Any]) -> pa.Array:
    values = [value_at(row, column) for _, row, _ in group]
    if columns[column] is not None:
        return pa.array(values, columns[column])
    return strings(whole(v if isinstance(v, str | None) else as_json(v)) for v in values)
