"""Parse plain text with one review a line, and fastText's lines with __label__."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.readers import common
from sentibp.data.readers.common import Columns, Records, chunked, first_bytes, one_string, reject_weights
from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import TEXT, TextBuilder, from_numpy, scalar, to_numpy


def _lines(data: memoryview) -> Iterator[pa.Array]:
    """Yield the lines, including empty ones, in arrays. A final newline does not begin another line."""
    start = 0
    while start < len(data):
        chunk = bytes(data[start : start + common.CHUNK])
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


def read_lines(data: memoryview, name: str, columns: Columns) -> Records:
    """Read plain text, or the format of fastText if the first line that is not blank begins with __label__."""
    reject_weights(name, columns)
    if first_bytes(data, 9) == b"__label__":
        return _fasttext(data, name, columns)
    if columns.label is not None:
        raise DataError(f"{name}: plain text has no labels; give CSV, TSV, JSONL, Parquet or __label__ lines")
    texts = TextBuilder()
    for lines in _lines(data):
        texts.append(lines)
    return Records(name, chunked(texts.array()), None, None, lambda row: f"{name}:{row + 1}")


def _fasttext(data: memoryview, name: str, columns: Columns) -> Records:
    """Read lines such as `__label__positive a great film`. Several labels are joined by spaces."""
    texts, labels, numbers = TextBuilder(), [], spill.ArrayBuilder(np.int64)
    before = 0  # lines
    for lines in _lines(data):
        kept = np.arange(len(lines))
        if columns.label is not None:  # skip blank lines in training data, but never in texts to predict
            kept = np.flatnonzero(to_numpy(pc.not_equal(pc.utf8_trim_whitespace(lines), scalar(""))))
        fields = pc.extract_regex(lines.take(from_numpy(kept)), r"(?s)^\s*(?P<label>(?:__label__\S*\s*)*)(?P<text>.*)$")
        texts.append(fields.field("text"))
        labels.append(pc.utf8_trim_whitespace(fields.field("label")))
        numbers.append(kept + before + 1)
        before += len(lines)
    label = None if columns.label is None else pa.chunked_array(labels, TEXT)
    line = numbers.array()
    return Records(name, chunked(texts.array()), label, None, lambda row: f"{name}:{line[row]}")
