"""Parse plain text with one review a line, and fastText's lines with __label__."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.readers.content import CHUNK, first_bytes, one_string
from sentibp.data.readers.table import Batch, ReadOptions, Table, require_no_columns
from sentibp.errors import DataError
from sentibp.utils.arrow import from_numpy, scalar, to_numpy


def lines_of(data: memoryview) -> Iterator[pa.Array]:
    """Yield the lines, including empty ones, in arrays. A final newline does not begin another line."""
    start = 0
    while start < len(data):
        chunk = bytes(data[start : start + CHUNK])
        while start + len(chunk) < len(data) and b"\n" not in chunk:
            chunk += bytes(data[start + len(chunk) : start + 2 * len(chunk)])
        if start + len(chunk) < len(data):
            chunk = chunk[: chunk.rindex(b"\n") + 1]
        text = one_string(chunk)
        if b"\r\n" in chunk:
            text = pc.replace_substring(text, "\r\n", "\n")
        lines = pc.split_pattern(text, "\n").values
        yield lines[:-1] if chunk.endswith(b"\n") else lines
        start += len(chunk)


def open_lines(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open plain text, or the format of fastText if the first line that is not blank begins with __label__."""
    require_no_columns(name, options)
    if first_bytes(data, 9) == b"__label__":
        return _fasttext(data, name, options)
    if options.label is not None:
        raise DataError(f"{name}: plain text has no labels; give CSV, TSV, JSONL, Parquet or __label__ lines")
    text = options.wanted()[0][1]  # lines have no columns: this one has the name that the options give it

    def batches(wanted: list[str]) -> Generator[Batch]:
        yield from ({text: lines} for lines in lines_of(data))

    return Table(name, (text,), batches, lambda row: f"{name}:{row + 1}", header=name)


def split_labels(lines: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the text and the labels of each line of fastText (n,)."""
    fields = pc.extract_regex(lines, r"(?s)^\s*(?P<label>(?:__label__\S*\s*)*)(?P<text>.*)$")
    return fields.field("text"), pc.utf8_trim_whitespace(fields.field("label"))


def _fasttext(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open lines such as `__label__positive a great film`. Several labels are joined by spaces."""
    text, label = options.wanted()[0][1], options.label or "label"

    def kept(lines: pa.Array) -> np.ndarray:
        """Return the positions of the reviews. Blank lines are none in training data, but are texts to predict."""
        if options.label is None:
            return np.arange(len(lines))
        return np.flatnonzero(to_numpy(pc.not_equal(pc.utf8_trim_whitespace(lines), scalar(""))))

    def batches(wanted: list[str]) -> Generator[Batch]:
        for lines in lines_of(data):
            columns = dict(zip((text, label), split_labels(lines.take(from_numpy(kept(lines)))), strict=True))
            yield {column: columns[column] for column in wanted}

    def where(row: int) -> str:
        before = 0
        for lines in lines_of(data):
            numbers = kept(lines)
            if row < len(numbers):
                return f"{name}:{before + int(numbers[row]) + 1}"
            row, before = row - len(numbers), before + len(lines)
        raise IndexError(row)

    return Table(name, (text, label), batches, where, header=name)
