"""Read a folder with a subfolder of text files for each class, with a file for each split, or with one data file."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sentibp.data.readers.batches import batched
from sentibp.data.readers.content import read_bytes
from sentibp.data.readers.encoding import encoding_for, raise_undecodable, to_utf8
from sentibp.data.readers.splits import ALIASES, TABLES, NoSuchSplit, canonical, data_files, format_suffix, splits_of
from sentibp.data.readers.table import Batch, ReadOptions, Table, require_no_columns, require_unset, too_long
from sentibp.errors import DataError
from sentibp.utils.arrow import segments, strings
from sentibp.utils.files import data_error_if_unreadable
from sentibp.utils.messages import counted

_POLARITY = {"neg": "neg", "negative": "neg", "pos": "pos", "positive": "pos"}

_UNLABELLED = ("unsup", "unsupervised", "unlabelled", "unlabeled")

_NO_TEXT = frozenset((*TABLES, ".md", ".py", ".pyc", ".yaml", ".yml", ".toml", ".png", ".jpg", ".zip", ".safetensors"))

_SPLITS = frozenset(alias for aliases in ALIASES.values() for alias in aliases)


def has_splits(path: Path) -> bool:
    """Return whether a folder has several splits to choose from: as subfolders with classes, or as files."""
    if _classes(path):
        return False
    return bool(_class_splits(path) or splits_of(data_files(file.name for file in data_folder(path).iterdir())))


def has_classes(path: Path) -> bool:
    """Return whether a folder has the reviews itself, and not in a subfolder for each split."""
    with data_error_if_unreadable():
        return path.is_dir() and bool(_classes(path))


def is_class_folder(path: Path) -> bool:
    """Return whether a folder has subfolders of text files, or subfolders for splits that have."""
    return bool(_classes(path) or _class_splits(path))


def data_folder(path: Path) -> Path:
    """Return the folder with the data files: the folder itself, or its subfolder data/, as the hub has it."""
    inner = path / "data"
    return inner if inner.is_dir() and not data_files(file.name for file in _files(path)) else path


def open_class_folder(path: Path, name: str, options: ReadOptions, split: str) -> Table:
    """Open a folder in which each class is a subfolder, and each file is a review; or its subfolder of the split.

    The split `unsupervised` is the subfolder `unsup`, whose reviews have no labels.
    """
    require_no_columns(name, options)
    require_unset(name, "each file is one text", options, ("names", "separator", "quoting", "sheet"))
    name = name.rstrip("/")
    if split == "unsupervised" and (found := _unlabelled(path)) is not None:
        if options.label is not None:
            raise DataError(f"{name}/{found.relative_to(path)}: has no labels; choose another split")
        return open_text_files([found], f"{name}/{found.relative_to(path)}", options, fixed_labels=False)
    classes = _classes(path)
    if not classes:
        splits = _class_splits(path)
        chosen = [child for child in splits if split in (child.name, canonical(child.name))]
        chosen = chosen or [child for child in splits if canonical(child.name) == canonical(split)]
        if not chosen:
            raise NoSuchSplit(name, split, [child.name for child in splits])
        path, name = chosen[0], f"{name}/{chosen[0].name}"
        classes = _classes(path)
    fixed = all(child.name.lower() in _POLARITY for child in classes)
    return open_text_files(classes, name, options, fixed_labels=fixed, notes=_not_read(path, name, classes))


def _not_read(path: Path, name: str, classes: Sequence[Path]) -> tuple[str, ...]:
    """Return a note for each further subfolder with files."""
    used = ", ".join(child.name for child in classes)
    others = {child.name: len(_files(child)) for child in _folders(path) if child not in classes}
    return tuple(
        f"{name}/{other}: {counted(count, 'file')} not read; the classes are {used}"
        for other, count in others.items()
        if count
    )


def open_text_files(
    folders: Sequence[Path], name: str, options: ReadOptions, *, fixed_labels: bool, notes: tuple[str, ...] = ()
) -> Table:
    """Open folders of files with one review each. The name of its folder is the label of a review."""
    files = [file for folder in folders for file in sorted(_files(folder))]
    inner = len(folders) > 1
    places = [f"{name}/{file.parent.name}/{file.name}" if inner else f"{name}/{file.name}" for file in files]
    text = options.wanted()[0][1]  # files have no columns: these have the names that the options give them
    label = options.label or "label"

    def batches(wanted: list[str]) -> Generator[Batch]:
        for batch in batched(zip(files, places, strict=True), lambda item: item[0].stat().st_size):
            try:
                contents = [_utf8(_content(file, place, options.most), place, options) for file, place in batch]
            except DataError:
                read = (partial(_content, *pair, options.most) for pair in zip(files, places, strict=True))
                raise_undecodable(zip(read, places, strict=True), name, options.encoding)
                raise
            offsets = np.cumsum([0, *map(len, contents)], dtype=np.int64)
            columns = {text: segments(offsets, b"".join(contents)), label: strings(map(_label, batch))}
            yield {column: columns[column] for column in wanted}

    def _label(item: tuple[Path, str]) -> str:
        folder = item[0].parent.name
        return _POLARITY[folder.lower()] if fixed_labels else folder

    return Table(name, (text, label), batches, places.__getitem__, name, fixed_labels=fixed_labels, notes=notes)


def _utf8(data: memoryview, place: str, options: ReadOptions) -> bytes:
    return bytes(to_utf8(data, place, encoding_for(data, options))[0])


def _classes(path: Path) -> list[Path]:
    """Return the subfolders that are classes: those of both polarities, or else, if none are splits, all with texts."""
    return _polarities(path) or ([] if _class_splits(path) else _other_classes(path))


def _class_splits(path: Path) -> list[Path]:
    return [child for child in _folders(path) if _polarities(child) or _other_classes(child)]


def _polarities(path: Path) -> list[Path]:
    found = {polarity: [] for polarity in ("neg", "pos")}
    for child in _folders(path):
        if (polarity := _POLARITY.get(child.name.lower())) is not None:
            found[polarity].append(child)
    return [child for children in found.values() for child in children] if all(found.values()) else []


def _other_classes(path: Path) -> list[Path]:
    others = [child for child in _folders(path) if child.name.lower() not in (*_SPLITS, *_UNLABELLED, "data")]
    classes = [child for child in others if _has_texts(child)]
    return classes if len(classes) > 1 else []


def _unlabelled(path: Path) -> Path | None:
    places = (parent / name for parent in (path, path / "train") for name in _UNLABELLED)
    return next((place for place in places if place.is_dir()), None)


def _has_texts(folder: Path) -> bool:
    """Return whether a folder has files, none of which has the suffix of something else than a text."""
    files = _files(folder)
    return bool(files) and not any(format_suffix(file.name) in _NO_TEXT for file in files)


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith((".", "__")))


def _files(path: Path) -> list[Path]:
    return [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]


def _content(file: Path, place: str, most: int) -> memoryview:
    with data_error_if_unreadable():
        if (size := file.stat().st_size) > most:
            raise too_long(place, "a text", size, most)
        return read_bytes(file)
