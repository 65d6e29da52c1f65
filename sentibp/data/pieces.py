"""A piece of the input of a prediction: some rows, and what is kept of them. A single text needs no reader of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

import pyarrow as pa


class Kept(Enum):
    """The values of a row that are kept beside its text."""

    nothing = 0
    objects = 1  # the text of JSON objects; columns where the input is not JSON
    text = 2  # columns, which may all be text
    typed = 3  # columns with their types


def nth_text(row: int) -> str:
    """Return how messages name a text that is of no file."""
    return f"text {row + 1:,}"


class Piece(NamedTuple):
    """Some rows of the input."""

    text: pa.LargeStringArray  # (n,) a missing text is empty
    columns: dict[str, pa.Array] = {}  # by name, in the order of the input, each (n,)  # noqa: RUF012
    objects: list[str] | None = None  # the text of the JSON object of each row (n,)
    keys: Sequence[str] = ()  # of the objects
    notes: tuple[str, ...] = ()  # messages for the user about what was assumed
    where: Callable[[int], str] = nth_text  # the place of a row in its file, such as "reviews.csv:17"; may be slow

    def split(self, rows: int) -> Iterator[Piece]:
        """Yield the piece in pieces of at most this many rows, at least one."""
        for start in range(0, max(len(self.text), 1), rows):
            columns = {name: column.slice(start, rows) for name, column in self.columns.items()}
            objects = None if self.objects is None else self.objects[start : start + rows]
            where = self.where if not start else partial(_shifted, self.where, start)
            yield Piece(self.text.slice(start, rows), columns, objects, self.keys, () if start else self.notes, where)

    @property
    def names(self) -> list[str]:
        """The names of the columns, or the keys of the objects."""
        return [*self.columns, *self.keys]


def _shifted(where: Callable[[int], str], start: int, row: int) -> str:
    return where(start + row)
