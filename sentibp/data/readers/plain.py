"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the file at full speed, batch by batch, and the texts gather where they may be more than fit in memory. A
large file is mapped. Only where Arrow gives up does a slow pass in Python follow, which either names the line and the
repair or reads what Arrow could not (mixed label types, a JSON array, which alone is read whole, a record of a
gigabyte)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.readers import common
from sentibp.data.readers.common import Columns, Records, chunked, first_bytes, no_weights, one_string
from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import TEXT, TextBuilder, from_numpy, scalar, to_numpy

# Lines


def _lines(data: memoryview) -> Iterator[pa.Array]:
    """Each line, also an empty one, is one text; a newline at the end begins no other. In several arrays."""
    start = 0
    while start < len(data):
        part = bytes(data[start : start + common.PART])
        while start + len(part) < len(data) and b"\n" not in part:
            part += bytes(data[start + len(part) : start + 2 * len(part)])
        if start + len(part) < len(data):
            part = part[: part.rindex(b"\n") + 1]
        whole = one_string(part)
        if b"\r\n" in part:
            whole = pc.replace_substring(whole, "\r\n", "\n")
        found = pc.split_pattern(whole, "\n").values
        yield found[:-1] if part.endswith(b"\n") else found
        start += len(part)


def read_lines(data: memoryview, name: str, columns: Columns) -> Records:
    """Plain text, or fastText's format if the first line that is not blank begins with __label__."""
    no_weights(name, columns)
    if first_bytes(data, 9) == b"__label__":
        return _fasttext(data, name, columns)
    if columns.label is not None:
        raise DataError(f"{name}: plain text has no labels; give CSV, TSV, JSONL, Parquet or __label__ lines")
    texts = TextBuilder()
    for some in _lines(data):
        texts.append(some)
    return Records(name, chunked(texts.array()), None, None, lambda row: f"{name}:{row + 1}")


def _fasttext(data: memoryview, name: str, columns: Columns) -> Records:
    """Lines such as `__label__positive a great film`; several labels make one, with a space between."""
    texts, labels, lines = TextBuilder(), [], spill.ArrayBuilder(np.int64)
    before = 0
    for some in _lines(data):
        kept = np.arange(len(some))
        if columns.label is not None:  # a blank line is no review here, but a text to predict is never left out
            kept = np.flatnonzero(to_numpy(pc.not_equal(pc.utf8_trim_whitespace(some), scalar(""))))
        parts = pc.extract_regex(some.take(from_numpy(kept)), r"(?s)^\s*(?P<label>(?:__label__\S*\s*)*)(?P<text>.*)$")
        texts.append(parts.field("text"))
        labels.append(pc.utf8_trim_whitespace(parts.field("label")))
        lines.append(kept + before + 1)
        before += len(some)
    label = None if columns.label is None else pa.chunked_array(labels, TEXT)
    line = lines.array()
    return Records(name, chunked(texts.array()), label, None, lambda row: f"{name}:{line[row]}")
