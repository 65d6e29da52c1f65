"""Read a folder with pos/ and neg/, in which each file is one review."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentibp.data.readers.common import Columns, Records, batched, chunked, reject_weights, utf8
from sentibp.errors import DataError
from sentibp.utils.arrow import TextBuilder, segments, strings


def read_folder(path: Path, name: str, columns: Columns, split: str) -> Records:
    """Read the folders neg/ and pos/ in `path`, or in its subfolder that is named as the split; one review a file."""
    reject_weights(name, columns)
    if not _has_classes(path):
        splits = sorted(child.name for child in path.iterdir() if child.is_dir() and _has_classes(child))
        if not splits:
            raise DataError(f"{name}: the folder has no reviews; give a file, or a folder with pos/ and neg/")
        if split not in splits:
            raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")
        path, name = path / split, f"{name.rstrip('/')}/{split}"
    files = [file for folder in ("neg", "pos") for file in sorted((path / folder).iterdir()) if _visible(file)]
    places = [f"{name.rstrip('/')}/{file.parent.name}/{file.name}" for file in files]
    texts = TextBuilder()
    for batch in batched(zip(files, places, strict=True)):
        contents = [bytes(utf8(memoryview(file.read_bytes()), place)) for file, place in batch]
        texts.append(segments(np.cumsum([0, *map(len, contents)], dtype=np.int64), b"".join(contents)))
    label = strings(file.parent.name for file in files)
    return Records(
        name=name,
        text=chunked(texts.array()),
        label=None if columns.label is None else chunked(label),
        weight=None,
        where=lambda row: places[row],
        fixed_labels=True,
    )


def _has_classes(path: Path) -> bool:
    return (path / "pos").is_dir() and (path / "neg").is_dir()


def _visible(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")
