"""The columns of a table that a training reads: all texts, with their labels, weights and groups."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.readers.split_column import count_values, split_column, split_column_note
from sentibp.data.readers.table import Batch, LabelChoice, ReadOptions, Table, require_readable, require_short
from sentibp.utils.arrow import TEXT, TextBuilder, scalar, strings

_JOINT = "\n"  # between the texts of several columns


@dataclass(frozen=True, eq=False)
class Records:
    """The rows of one source, before its labels are interpreted."""

    name: str  # as the user wrote it
    text: pa.ChunkedArray  # large_string, without nulls
    label: pa.ChunkedArray | None  # of whatever type the source has
    weight: pa.ChunkedArray | None
    where: Callable[[int], str]  # row -> its place, such as "reviews.csv:17"; may be slow
    label_column: str = ""  # its name
    other_labels: Callable[[], LabelChoice | None] = lambda: None  # the columns that may hold the labels; slow
    group: pa.ChunkedArray | None = None
    label_names: Sequence[str] = ()  # of the integer labels 0, 1, ..., if the source defines them
    fixed_labels: bool = False  # labels are 0/1 or neg/pos by construction: data.labels does not apply
    notes: tuple[str, ...] = ()  # messages for the user about what was assumed
    other_columns: tuple[str, ...] = ()  # those that are not read
    place: pa.ChunkedArray | None = None  # of each row, if the options ask for it


def read_records(table: Table, options: ReadOptions) -> Records:
    """Read the columns that the options name. DataError if one is missing, or its type does not fit its role."""
    options = require_readable(table, options)
    texts = TextBuilder()
    arrays: dict[str, list[pa.Array]] = {role: [] for role, _ in options.wanted() if role != "text"}
    names = options.wanted_columns()
    split = split_column(table.columns, names)
    splits: Counter[str] | None = Counter()
    rows = 0
    with contextlib.closing(table.batches(names if split is None else [*names, split])) as batches:
        for batch in batches:
            if split is not None:
                splits = count_values(batch[split], splits)
            text = joined_text(batch, options)
            require_short(text, options.most, lambda row, first=rows: table.where(first + row))
            texts.append(text)
            rows += len(text)
            for role, name in options.wanted():
                if role != "text":
                    arrays[role].append(batch[name])
    columns = {role: same_type(pieces) for role, pieces in arrays.items()}
    return Records(
        name=table.name,
        text=pa.chunked_array([texts.array()]),
        label=columns.get("label"),
        weight=columns.get("weight"),
        where=table.where,
        label_column=options.label or "",
        group=columns.get("group"),
        label_names=table.value_names.get(options.label or "", ()),
        fixed_labels=table.fixed_labels,
        notes=(*table.notes, *(() if split is None else split_column_note(table.name, split, splits))),
        other_columns=tuple(name for name in dict.fromkeys(table.columns) if name not in names),
        place=pa.chunked_array([strings(itertools.islice(table.places(), rows))]) if options.places else None,
    )


def joined_text(batch: Batch, options: ReadOptions) -> pa.LargeStringArray:
    """Return the text of each row (n,): of its one text column, or of several, joined; "" where all are missing."""
    texts = [batch[name].cast(TEXT) for name in options.texts]
    missing = functools.reduce(pc.and_, map(pc.is_null, texts))
    texts[0] = pc.if_else(missing, scalar(""), texts[0])  # Arrow gives no row at all where every text is null
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, scalar(_JOINT), null_handling="skip")


def same_type(pieces: list[pa.Array]) -> pa.ChunkedArray:
    """Return the pieces of a column in one array. Pieces of several types, as JSON may have them, become text."""
    types = {piece.type for piece in pieces}
    if len(types) > 1:
        pieces = [piece.cast(TEXT) for piece in pieces]
    return pa.chunked_array(pieces, None if pieces else TEXT)
