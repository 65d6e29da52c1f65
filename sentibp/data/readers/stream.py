"""Read reviews that arrive little by little, as from standard input: each is yielded as soon as it is there.

The first lines tell the format: JSON lines, CSV or TSV, fastText lines, or plain text. What can only be read as a whole
(Parquet, Excel, zip, or one JSON document) is read to its end first.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterator
from typing import IO, Any

from sentibp.data import readers
from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers.arriving import Blocks, LongDocument, arriving, everything, in_utf8, without_padding
from sentibp.data.readers.dialect import head_lines
from sentibp.data.readers.disguise import reject_other_content
from sentibp.data.readers.header import title_count, title_fact
from sentibp.data.readers.inner_lists import notes_on_inner_lists
from sentibp.data.readers.json_lines import leaves, parse_lines, value_at
from sentibp.data.readers.layouts import reject_lines
from sentibp.data.readers.pieces import MOST_ROWS, empty_piece, json_pieces, place_of, table_pieces
from sentibp.data.readers.plain import label_notes, label_separator, line_notes, lines_of, split_labels
from sentibp.data.readers.stream_tables import find_table, row_pieces
from sentibp.data.readers.table import JsonRow, ReadOptions, require_columns, require_unset, resolved
from sentibp.errors import DataError
from sentibp.utils.arrow import strings

_WHOLE = (b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # Parquet, zip and .xlsx, .xls

_DOCUMENT = re.compile(
    r"\s*(\[\s*([{\[]|\Z)|\[\s*\]\s*\Z|\{\s*(\"|\Z))"
)  # the first line of a JSON document over several lines


def stream_pieces(file: IO[bytes], name: str, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    """Yield the rows in pieces, as they arrive; at least one piece, unless the stream has no line.

    DataError with the line for what cannot be read; the pieces before it have been yielded.
    """
    chunks = arriving(file, name)
    start = next(chunks)
    chunks = itertools.chain([start], chunks)
    if start.startswith(_WHOLE):
        yield from table_pieces(readers.open_content(everything(chunks), name, options, ""), options, kept)
        return
    reject_other_content(memoryview(start), name, "")
    text, notes = in_utf8(chunks, name, options)
    piece, padding = None, []
    for piece in _pieces(Blocks(without_padding(text, name, padding), name, options.most), name, options, kept):
        yield from piece._replace(notes=(*notes, *piece.notes)).split(MOST_ROWS)
        notes = ()
    if piece is not None and padding:
        yield empty_piece(piece)._replace(notes=tuple(padding))


def _pieces(blocks: Blocks, name: str, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    """Yield the rows of UTF-8 text, whose first lines tell the format."""
    try:
        head = blocks.head()
    except LongDocument:
        yield from table_pieces(readers.open_content(blocks.whole(), name, options, ".json"), options, kept)
        return
    lines = head_lines(memoryview(head))
    first = lines[0] if lines else ""
    if (record := _record(first)) is not None and not _holds_records(record, options):
        yield from _record_pieces(blocks, head, record, name, options, kept)
    elif record is not None or _is_document(first) or _are_lists(lines):
        content = readers.open_content(everything(blocks), name, options, ".json")
        yield from table_pieces(content, options, kept)
    elif lines and (table := find_table(memoryview(head), lines, options)) is not None:
        yield from row_pieces(blocks, name, table, kept)
    else:
        reject_lines(lines, name)
        yield from _line_pieces(blocks, lines, name, options, kept)


# JSON lines


def _record(line: str) -> dict[str, Any] | None:
    """Return the object of a line of JSON; else None."""
    value = _json(line)
    return value if isinstance(value, dict) else None


def _json(line: str) -> Any:
    try:
        return json.loads(line, strict=False)
    except (ValueError, RecursionError):
        return None


def _is_document(first: str) -> bool:
    """Return whether a first line begins a list or an object of JSON. Text may be in brackets, too: [[good]]."""
    if not _DOCUMENT.match(first):
        return False
    return not first.lstrip().startswith("[[") or first.strip() in ("[", "[[") or isinstance(_json(first), list)


def _are_lists(lines: list[str]) -> bool:
    """Return whether each line is a list in JSON that has a text: of texts, or of the values of a row."""
    values = [_json(line) for line in lines if line.strip()]
    return bool(values) and all(isinstance(each, list) and any(isinstance(v, str) for v in each) for each in values)


def _holds_records(record: dict[str, Any], options: ReadOptions) -> bool:
    """Return whether a record without the texts has lists or objects, in which there may be records."""
    texts = resolved(options, [key for key, _ in leaves(record)]).wanted_columns()
    missing = any(isinstance(value_at(record, column), list | dict | None) for column in texts)
    return missing and any(isinstance(value, list | dict) and value for value in record.values())


def _record_pieces(
    blocks: Blocks, head: bytes, record: dict[str, Any], name: str, options: ReadOptions, kept: Kept
) -> Iterator[Piece]:
    """Yield the rows of JSON lines."""
    if kept is Kept.typed:  # types need all rows
        yield from table_pieces(readers.open_content(everything(blocks), name, options, ".json"), options, kept)
        return
    line = 1 + head.count(b"\n", 0, len(head) - len(head.lstrip()))
    names = list(dict(leaves(record)))
    require_unset(name, "JSON objects name their values", options, ("names", "sheet"))
    options = resolved(options, names)
    require_columns(f"{name}:{line}", names, options)
    columns = None if kept in (Kept.nothing, Kept.objects) else dict.fromkeys(record)
    notes = tuple(notes_on_inner_lists([record], name, options, in_list=False))
    for piece in json_pieces(_json_groups(blocks, name), name, options, columns):
        yield (piece if kept is not Kept.nothing else Piece(piece.text, where=piece.where))._replace(notes=notes)
        notes = ()


def _json_groups(blocks: Blocks, name: str) -> Iterator[list[JsonRow]]:
    """Yield the objects of each block. Before a line that is none, those before it are yielded."""
    for block in blocks:
        rows = []
        try:
            for row in parse_lines(memoryview(block), name, blocks.line):
                rows.append(row)  # a list of all would be lost by an error
        except DataError:
            yield rows
            raise
        yield rows


# Lines


def _line_pieces(blocks: Blocks, lines: list[str], name: str, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    """Yield a review for each line."""
    titles = title_count(lines, "__label__")
    labelled = bool(lines) and lines[titles].lstrip().startswith("__label__")
    separator = label_separator(lines) if labelled else ""
    column = options.texts[0]
    notes = label_notes(lines, name, separator) if labelled else line_notes(lines, name, options)
    if titles:  # they are answered, as each line of a stream is
        fact = title_fact(name, "line", [[each] for each in lines[:titles]])
        notes = (f"{fact}, without a label, and answered", *notes)
    require_unset(name, "plain text has no sheets", options, ("sheet",))
    empty = True
    for block in blocks:
        line = blocks.line
        for chunk in lines_of(memoryview(block), returns=empty):
            text, label = split_labels(chunk, separator) if labelled else (chunk, None)
            columns = {column: text} | ({"label": label} if labelled else {})
            where = functools.partial(place_of, name, range(line, line + len(chunk)))
            yield Piece(text, {} if kept is Kept.nothing else columns, notes=notes, where=where)
            notes, empty, line = (), False, line + len(chunk)
    if empty:
        yield Piece(strings([]), {} if kept is Kept.nothing else {column: strings([])})
