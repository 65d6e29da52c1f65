"""Join the tables of several files, such as the shards of a split, to one."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from sentibp.data.readers.table import Batch, JsonRow, Notes, Table
from sentibp.errors import DataError


def join_tables(tables: Sequence[Table], name: str, notes: tuple[str, ...] = ()) -> Table:
    """Return a table with the rows of each in turn. DataError for one that lacks a column of the first."""
    if len(tables) == 1:
        return tables[0].with_notes(notes)
    first = tables[0]

    def batches(wanted: list[str]) -> Generator[Batch]:
        for table in tables:
            missing = [column for column in wanted if column not in (*table.columns, *table.whole)]
            if missing:
                raise DataError(f"{table.header}: no {missing[0]!r}, which {first.header} has; give it this column")
            yield from table.batches(wanted)

    def places() -> Iterator[str]:
        for table in tables:
            yield from table.places()

    def objects() -> Iterator[JsonRow]:
        for table in tables:
            assert table.objects is not None
            yield from table.objects()

    return replace(
        first,
        name=name,
        batches=batches,
        places=places,
        objects=objects if all(table.objects is not None for table in tables) else None,
        notes=Notes(notes, *(table.notes for table in tables)),
    )
