"""Read a folder with pos/ and neg/, in which each file is one review."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from sentibp.data.readers.batches import batched
from sentibp.data.readers.content import utf8
from sentibp.data.readers.table import Batch, ReadOptions, Table, require_no_columns
from sentibp.errors import DataError
from sentibp.utils.arrow import segments, strings


def open_folder(path: Path, name: str, options: ReadOptions, split: str) -> Table:
    """Open the folders neg/ and pos/ in `path`, or in its subfolder that is named as the split; one review a file."""
    require_no_columns(name, options)
    if not has_classes(path):
        splits = sorted(child.name for child in path.iterdir() if child.is_dir() and has_classes(child))
        if not splits:
            raise DataError(f"{name}: the folder has no reviews; give a file, or a folder with pos/ and neg/")
        if split not in splits:
            raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")
        path, name = path / split, f"{name.rstrip('/')}/{split}"
    files = [file for folder in ("neg", "pos") for file in sorted((path / folder).iterdir()) if _visible(file)]
    places = [f"{name.rstrip('/')}/{file.parent.name}/{file.name}" for file in files]
    text = options.wanted()[0][1]  # files have no columns: these have the names that the options give them
    label = options.label or "label"

    def batches(wanted: list[str]) -> Generator[Batch]:
        for batch in batched(zip(files, places, strict=True)):
            contents = [bytes(utf8(memoryview(file.read_bytes()), place)) for file, place in batch]
            offsets = np.cumsum([0, *map(len, contents)], dtype=np.int64)
            columns = {text: segments(offsets, b"".join(contents)), label: strings(f.parent.name for f, _ in batch)}
            yield {column: columns[column] for column in wanted}

    return Table(name, (text, label), batches, places.__getitem__, header=name, fixed_labels=True)


def has_classes(path: Path) -> bool:
    """Return whether the folder has the reviews itself, and not in a subfolder for each split."""
    return (path / "pos").is_dir() and (path / "neg").is_dir()


def _visible(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")
