"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the file at full speed, batch by batch, and the texts gather where they may be more than fit in memory. A
large file is mapped. Only where Arrow gives up does a slow pass in Python follow, which either names the line and the
repair or reads what Arrow could not (mixed label types, a JSON array, which alone is read whole, a record of a
gigabyte)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentibp.data.readers.common import Columns, Records, batched, chunked, no_weights, utf8
from sentibp.errors import DataError
from sentibp.utils.arrow import TextBuilder, segments, strings

# Folders


def read_folder(path: Path, name: str, columns: Columns, split: str) -> Records:
    """Folders neg/ and pos/ with a review a file, here or below a folder named after the split."""
    no_weights(name, columns)
    if not _has_classes(path):
        splits = sorted(child.name for child in path.iterdir() if child.is_dir() and _has_classes(child))
        if not splits:
            raise DataError(f"{name}: no reviews here; give a file, or a folder with pos/ and neg/")
        if split not in splits:
            raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")
        path, name = path / split, f"{name.rstrip('/')}/{split}"
    files = [file for folder in ("neg", "pos") for file in sorted((path / folder).iterdir()) if _visible(file)]
    places = [f"{name.rstrip('/')}/{file.parent.name}/{file.name}" for file in files]
    texts = TextBuilder()
    for some in batched(zip(files, places, strict=True)):
        contents = [bytes(utf8(memoryview(file.read_bytes()), place)) for file, place in some]
        texts.append(segments(np.cumsum([0, *map(len, contents)], dtype=np.int64), b"".join(contents)))
    label = strings(file.parent.name for file in files)
    return Records(
        name=name,
        text=chunked(texts.array()),
        label=None if columns.label is None else chunked(label),
        weight=None,
        where=lambda row: places[row],
        certain=True,
    )


def _has_classes(path: Path) -> bool:
    return (path / "pos").is_dir() and (path / "neg").is_dir()


def _visible(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")
