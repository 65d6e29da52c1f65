"""Read a folder with a subfolder of text files for each class, with a file for each split, or with one data file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sentibp.data.readers.batches import batched
from sentibp.data.readers.compression import decompress
from sentibp.data.readers.content import count_lines, read_bytes
from sentibp.data.readers.conversion import as_lines_with_labels
from sentibp.data.readers.encoding import encoding_for, raise_undecodable, to_utf8
from sentibp.data.readers.parallel import find_pairs
from sentibp.data.readers.partitions import OpenTables, class_tables
from sentibp.data.readers.splits import (
    ALIASES,
    TABLES,
    NoSuchSplit,
    canonical,
    data_files,
    format_suffix,
    is_leftover,
    is_no_data,
    listed,
    splits_of,
)
from sentibp.data.readers.table import Batch, ReadOptions, Table, require_no_columns, require_unset, too_long
from sentibp.errors import DataError
from sentibp.utils.arrow import segments, strings
from sentibp.utils.files import data_error_if_unreadable
from sentibp.utils.label_key import label_key
from sentibp.utils.label_mapping import class_order, class_setting, suggest, written_classes
from sentibp.utils.messages import counted
from sentibp.utils.paths import new_file, shown
from sentibp.utils.repair import set_option

_POLARITY = {"neg": "neg", "negative": "neg", "pos": "pos", "positive": "pos"}

_UNLABELLED = ("unsup", "unsupervised", "unlabelled", "unlabeled")

_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp3", ".mp4", ".wav")
_DOCUMENTS = (".pdf", ".doc", ".docx", ".odt", ".xls", ".xlsx", ".parquet", ".db", ".sqlite")
_BINARY = frozenset((*_MEDIA, *_DOCUMENTS, ".zip", ".7z", ".tar", ".pyc", ".npy", ".npz", ".safetensors"))
_NO_TEXT = _BINARY | {*TABLES, ".md", ".py", ".yaml", ".yml", ".toml"}

_DOUBTFUL = (  # suffixes of files that are read as texts, and what is then read
    (TABLES, "also those that are called tables"),
    ((".html", ".htm", ".xml"), "with its tags as words"),
)

_LINES = 50  # of a file: with more in each of a few files, a line may be a review
_FEW = 20
_HEAD = 1 << 16  # bytes of a file in which its lines are counted

_SPLITS = frozenset(alias for aliases in ALIASES.values() for alias in aliases)


def has_splits(path: Path) -> bool:
    """Return whether a folder has several splits to choose from: as subfolders with classes, or as files."""
    if _classes(path) or _only_folder(path):
        return False
    return bool(_class_splits(path) or splits_of(data_files(file.name for file in data_folder(path).iterdir())))


def has_classes(path: Path) -> bool:
    """Return whether a folder has the reviews itself, and not in a subfolder for each split."""
    with data_error_if_unreadable():
        return path.is_dir() and bool(_classes(path))


def _only_folder(path: Path) -> Path | None:
    """Return the only subfolder, if it has both polarities, is no split, and has no data files beside it."""
    folders = _folders(path)
    is_one = len(folders) == 1 and folders[0].name.lower() not in (*_SPLITS, *_POLARITY) and _polarities(folders[0])
    return folders[0] if is_one and not data_files(file.name for file in _files(path)) else None


def is_class_folder(path: Path) -> bool:
    """Return whether a folder has subfolders of text files, or subfolders for splits that have."""
    return bool(_classes(path) or _class_splits(path))


def data_folder(path: Path) -> Path:
    """Return the folder with the data files: the folder itself, or its subfolder data/, as the hub has it."""
    inner = path / "data"
    return inner if inner.is_dir() and not data_files(file.name for file in _files(path)) else path


def open_class_folder(path: Path, name: str, options: ReadOptions, split: str, open_tables: OpenTables) -> Table:
    """Open a folder in which each class is a subfolder, and each file is a review; or its subfolder of the split.

    The split `unsupervised` is the subfolder `unsup`, whose reviews have no labels. If all files are tables, their rows
    are the reviews, and `open_tables` opens them.
    """
    name = given = name.rstrip("/")
    if split == "unsupervised" and (found := _unlabelled(path)) is not None:
        if options.label is not None:
            raise DataError(f"{name}/{found.relative_to(path)}: has no labels; choose another split")
        _require_no_table(given, options)
        return open_text_files([found], f"{name}/{found.relative_to(path)}", options, fixed_labels=False)
    only_note: tuple[str, ...] = ()
    if (only := _only_folder(path)) is not None:
        only_note = (f"{name}: reads {only.name}, its only folder",)
        path, name = only, f"{name}/{only.name}"
    classes = _classes(path)
    if not classes:
        splits = _class_splits(path)
        chosen = [child for child in splits if split in (child.name, canonical(child.name))]
        chosen = chosen or [child for child in splits if canonical(child.name) == canonical(split)]
        if not chosen and _SPLITS.isdisjoint(child.name.lower() for child in splits):
            raise DataError(f"{name}: the folder has no reviews; {what_to_give(path, name)}")
        if not chosen:
            raise NoSuchSplit(name, split, [child.name for child in splits])
        path, name = chosen[0], f"{name}/{chosen[0].name}"
        classes = _classes(path)
    if tables := class_tables(classes, options.label or "label", _is_no_review):
        return open_tables(path, tables, name, options).with_notes(tuple(_not_read(path, name, classes, options)))
    _require_no_table(given, options)
    classes = [*classes, *(child for child in _further_classes(path, classes) if _is_wanted(child, options))]
    fixed = all(child.name.lower() in _POLARITY for child in classes)
    _reject_data_sets(classes, name)
    notes = (*_not_read(path, name, classes, options), *_doubtful(name, classes), *_lines_note(name, classes))
    notes = (*only_note, *notes)
    return open_text_files(classes, name, options, fixed_labels=fixed, notes=notes)


def _require_no_table(name: str, options: ReadOptions) -> None:
    require_no_columns(name, options)
    require_unset(name, "each file is one text", options, ("names", "separator", "quoting", "sheet"))


def files_by_class(path: Path) -> tuple[str, str] | None:
    """Return the names of two files of a folder that say to have the negative and the positive texts; None if none do.

    Such are neg.txt and pos.txt, rt-polarity.neg and rt-polarity.pos, train_negative.txt and train_positive.txt. Beside
    a table they may be anything, such as lists of words.
    """
    found: dict[str, dict[str, str]] = {}
    files = sorted(_files(path))
    for file in [] if any(format_suffix(each.name) in TABLES for each in files) else files:
        words = re.split(r"(?<![^\W_])(neg|negative|pos|positive)(?![^\W_])", file.name, flags=re.IGNORECASE)
        if len(words) == 3:
            found.setdefault(words[0] + words[2], {})[_POLARITY[words[1].lower()]] = file.name
    return next(((both["neg"], both["pos"]) for both in found.values() if len(both) == 2), None)


def what_to_give(path: Path, name: str) -> str:
    """Return what to give instead of a folder without a data file: a file or folder in it, if there is one."""
    found = [each.name for each in sorted(_files(path)) if not _is_binary(each) and not is_no_data(each.name)]
    found += [f"{each.name}/" for each in _folders(path)]
    if not found:
        return "give a file, or a folder with pos/ and neg/"
    one = f"give a file, or a folder with pos/ and neg/, perhaps one in it, such as {name}/{found[0]}: {listed(found)}"
    if not all((path / each).is_file() for each in found) or not (labelled := _label_files(path, found)):
        return one
    return f"{one}; if each has the texts of a class, one on each line: {as_lines_with_labels(labelled)}"


def _label_files(path: Path, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return two files of a folder as a shell takes them, each after the words that only its name has; else none."""
    stems = [each.partition(format_suffix(each))[0] if format_suffix(each) in TABLES else each for each in names]
    words = [re.split(r"[\W_]+", each) for each in stems]
    labels = ["_".join(word for word in each if word and not all(word in other for other in words)) for each in words]
    if len(names) != 2 or not all(labels) or not _SPLITS.isdisjoint(labels):
        return []
    return [(label, shlex.quote(shown(str(path / each)))) for label, each in zip(labels, names, strict=True)]


def as_partitions(path: Path, names: Sequence[str]) -> str:
    """Return the command that puts two tables of a folder into folders `label=...`, if they are called good and bad."""
    labelled = _label_files(path, names) if all(format_suffix(each) in TABLES for each in names) else []
    if not suggest(label_key(label) for label, _ in labelled).is_complete:
        return ""
    target = new_file("")
    folders = [f"{target}/label={label}" for label, _ in labelled]
    copies = [f"cp {file} {folder}" for (_, file), folder in zip(labelled, folders, strict=True)]
    command = " && ".join([f"mkdir -p {' '.join(folders)}", *copies])
    return f"if each has the texts of a class: {command}; then give {target}"


def as_one_file(path: Path, names: Sequence[str]) -> str:
    """Return the command that joins files which are a review each, as objects of JSON; "" for others."""
    if len(names) < 2 or any(format_suffix(each) != ".json" for each in names):
        return ""
    if any((path / each).stat().st_size > _HEAD for each in names):
        return ""
    target = new_file(".json")
    return f"if each is one review: cat {shlex.quote(shown(str(path)))}/*.json > {target}; then give {target}"


def other_class(path: Path) -> str | None:
    """Return the table beside this one whose name says to have the texts of the other class; None if there is none."""
    words = re.split(r"(?<![^\W_])(neg|negative|pos|positive)(?![^\W_])", path.name, flags=re.IGNORECASE)
    names = data_files(file.name for file in _files(path.parent)) if len(words) == 3 else []
    others = {"neg": "pos", "negative": "positive", "pos": "neg", "positive": "negative"}
    wanted = (words[0] + others[words[1].lower()] + words[2]).casefold() if len(words) == 3 else ""
    return next((each for each in names if each.casefold() == wanted), None)


def _reject_data_sets(classes: Sequence[Path], name: str) -> None:
    """Raise a DataError if each of the classes is a data set: with files of both polarities, or of texts and labels."""
    if all(len(_files(child)) <= _FEW and (files_by_class(child) or find_pairs(child)) for child in classes):
        names = [f"{child.name}/" for child in classes]
        raise DataError(
            f"{name}: its folders are data sets; give one, such as {name}/{classes[0].name}: {listed(names)}"
        )


def _lines_note(name: str, classes: Sequence[Path]) -> list[str]:
    """Return a note if each class has a few files with many lines: each line may be a review."""
    files = [file for child in classes for file in _files(child) if not _is_binary(file)]
    if not files or len(files) > _FEW or any(count_lines(file, _HEAD) < _LINES for file in files):
        return []
    labelled = [(child.name, f"{shlex.quote(shown(str(child)))}/*") for child in classes]
    what = f"{name}: each of its {counted(len(files), 'file')} is read as one review, with {_LINES} lines or more"
    return [f"{what}; if each line is one: {as_lines_with_labels(labelled)}"]


def _further_classes(path: Path, classes: Sequence[Path]) -> list[Path]:
    """Return the subfolders of texts that may be classes beside those of both polarities."""
    return [child for child in _may_be_classes(path) if child not in classes and _has_texts(child)]


def _is_wanted(folder: Path, options: ReadOptions) -> bool:
    """Return whether a further class is read: data.labels lists it, or labels do not matter."""
    return options.label is None or label_key(folder.name) in options.label_values


def _not_read(path: Path, name: str, classes: Sequence[Path], options: ReadOptions) -> list[str]:
    """Return a note for each further subfolder with files, and for data files beside those that are read."""
    used = ", ".join(child.name for child in classes)
    further = _further_classes(path, classes)
    trains = not options.label_values and not options.inherited  # a model that is scored has its classes
    repair = f"; if these are classes, too: {_as_classes([*classes, *further])}" * trains
    others = {child: len(_files(child)) for child in _folders(path) if child not in classes}
    notes = [
        f"{name}/{other.name}: {counted(count, 'file')} not read; the classes are {used}{repair * (other in further)}"
        for other, count in others.items()
        if count
    ]
    files = sorted(file.name for file in _files(path) if format_suffix(file.name) in (*TABLES, ".txt"))
    if files := [file for file in files if not is_no_data(file)]:
        notes.append(f"{name}: not read: {listed(files)}; the reviews are the files in its subfolders {used}")
    for child in classes:
        if inner := [f"{each.name}/" for each in _folders(child) if any(each.iterdir())]:
            notes.append(
                f"{name}/{child.name}: not read: {listed(inner)}; each file in {child.name}/ itself is a review"
            )
    return notes


def _doubtful(name: str, classes: Sequence[Path]) -> Iterator[str]:
    """Yield a note for each class with files that are read as texts, and may not be meant so."""
    for child in classes:
        for suffixes, what in _DOUBTFUL:
            if files := sorted(file.name for file in _files(child) if format_suffix(file.name) in suffixes):
                yield f"{name}/{child.name}: each file is read as one review, {what}: {listed(files)}"


def _as_classes(folders: Sequence[Path]) -> str:
    """Return the option that makes a class of each of these subfolders, from the worst to the best."""
    keys = [label_key(folder.name) for folder in folders]
    ends = {polarity: [key for key in keys if _POLARITY.get(key) == polarity] for polarity in ("neg", "pos")}
    between = [key for key in keys if key not in _POLARITY]
    if order := class_order(keys):
        return set_option("data.labels", class_setting({key: [key] for key in order}))
    spellings = dict(zip(keys, (folder.name for folder in folders), strict=True))
    order = [*ends["neg"], *between, *ends["pos"]]
    return set_option("data.labels", class_setting(written_classes({key: spellings[key] for key in order})))


def open_text_files(
    folders: Sequence[Path], name: str, options: ReadOptions, *, fixed_labels: bool, notes: tuple[str, ...] = ()
) -> Table:
    """Open folders of files with one review each. The name of its folder is the label of a review.

    A column has the name of its file. A single folder is no label.
    """
    every = [file for folder in folders for file in sorted(_files(folder))]
    files = [file for file in every if not (_is_binary(file) or _is_no_review(file))]
    inner = len(folders) > 1
    for folder in folders:
        place = f"{name}/{folder.name}" if inner else name
        for is_left_out, what in (_is_binary, "no texts"), (_is_no_review, "no reviews, by their names"):
            if others := sorted(file.name for file in _files(folder) if is_left_out(file)):
                notes = (*notes, f"{place}: not read: {listed(others)}; these are {what}")
    names = [f"{file.parent.name}/{file.name}" if inner else file.name for file in files]
    places = [f"{name}/{file}" for file in names]
    text = options.texts[0]  # files have no columns: these have the names that the options give them
    label = options.label or "label"
    columns = tuple(dict.fromkeys((text, label, "file") if inner or options.label else (text, "file")))
    values = {folder.name: _label_of(folder.name, options, fixed_labels) for folder in folders}

    def batches(wanted: list[str]) -> Generator[Batch]:
        for batch in batched(zip(files, places, names, strict=True), lambda item: item[0].stat().st_size):
            try:
                contents = [_utf8(_content(file, place, options.most), place, options) for file, place, _ in batch]
            except DataError:
                read = (partial(_content, *pair, options.most) for pair in zip(files, places, strict=True))
                raise_undecodable(zip(read, places, strict=True), name, options.encoding)
                raise
            offsets = np.cumsum([0, *map(len, contents)], dtype=np.int64)
            found = {
                "file": strings(file for _, _, file in batch),
                label: strings(values[file.parent.name] for file, _, _ in batch),
                text: segments(offsets, b"".join(contents)),
            }
            yield {column: found[column] for column in wanted}

    return Table(name, columns, batches, lambda: iter(places), name, fixed_labels=fixed_labels, notes=notes)


def _label_of(folder: str, options: ReadOptions, fixed_labels: bool) -> str:
    """Return the label of the reviews in a subfolder: neg or pos, or its name, or the spelling in data.labels."""
    short = _POLARITY.get(folder.lower())
    if fixed_labels and short:
        return short
    if short is None or label_key(folder) in options.label_values:
        return folder
    spellings = (spelling for spelling, polarity in _POLARITY.items() if polarity == short)
    return next((spelling for spelling in spellings if spelling in options.label_values), folder)


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
    classes = [child for child in _may_be_classes(path) if _has_texts(child)]
    return classes if len(classes) > 1 else []


def _may_be_classes(path: Path) -> list[Path]:
    return [child for child in _folders(path) if child.name.lower() not in (*_SPLITS, *_UNLABELLED, "data")]


def _unlabelled(path: Path) -> Path | None:
    places = (parent / name for parent in (path, path / "train") for name in _UNLABELLED)
    return next((place for place in places if place.is_dir()), None)


def _has_texts(folder: Path) -> bool:
    """Return whether a folder has files, none of which has the suffix of something else than a text."""
    files = [file for file in _files(folder) if not is_leftover(file.name)]
    return bool(files) and not any(format_suffix(file.name) in _NO_TEXT for file in files)


def _is_binary(file: Path) -> bool:
    """Return whether the suffix of a file says that it is no text."""
    return format_suffix(file.name) in _BINARY


def _is_no_review(file: Path) -> bool:
    """Return whether a file that may be a text is a leftover of another program, or a README, by its name."""
    return not _is_binary(file) and (is_leftover(file.name) or file.name.lower() in ("readme", "readme.txt"))


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith((".", "__")))


def _files(path: Path) -> list[Path]:
    return [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]


def _content(file: Path, place: str, most: int) -> memoryview:
    with data_error_if_unreadable():
        content = decompress(read_bytes(file), place) if (size := file.stat().st_size) <= most else memoryview(b"")
    if max(size, len(content)) > most:
        raise too_long(place, "a text", max(size, len(content)), most)
    return content
