"""Refuse lines that are longer than a record may be, before any of them is read."""

from __future__ import annotations

from sentibp.data.readers.content import count_bytes, long_line
from sentibp.data.readers.table import ReadOptions, too_long


def require_short_lines(data: memoryview, name: str, options: ReadOptions) -> None:
    """Raise a DataError for the first line that is longer than data.max_record_mb."""
    if (found := long_line(data, options.most)) is not None:
        start, end = found
        breaks, returns = count_bytes(data[:start], b"\n\r")
        raise too_long(f"{name}:{1 + (breaks or returns)}", "a line", end - start, options.most)
