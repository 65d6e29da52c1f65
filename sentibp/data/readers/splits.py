"""Find the data files of a folder or an archive, and the splits (train, validation, test) that they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from sentibp.errors import DataError
from sentibp.utils.paths import PACKED

ALIASES = {
    "train": ("train", "training", "traindata"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "testdata"),
}
"""The splits, and the names that files and folders of them have."""


class NoSuchSplit(DataError):
    """A source has no split of the wanted name."""

    def __init__(
        self,
        name: str,
        split: str,
        others: Sequence[str],
        option: str = "--set data.split={}",
        *,
        files: Mapping[str, Sequence[str]] = {},
        repair: str = "",
    ):
        """`others` are the splits that there are, and `option` names one of them in the place of {}.

        `files` are those of each split, and those of none under "", for which `repair` says what to do.
        """
        there = f"; name another, such as {option.format(others[0])}; there are: {', '.join(others)}" if others else ""
        rest = f"; of no split: {listed(files[''])}; {repair}" if files.get("") else ""
        super().__init__(f"{name}: no split {split!r}{there}{rest}")
        self.name, self.split, self.others, self.files, self.repair = name, split, others, files, repair

    def with_option(self, option: str, repair: str | None = None) -> NoSuchSplit:
        """Return the error with another option, and perhaps with another repair for files of no split."""
        repair = self.repair if repair is None else repair
        return NoSuchSplit(self.name, self.split, self.others, option, files=self.files, repair=repair)


class SeveralFiles(DataError):
    """A folder or an archive has several data files, which are no splits."""


_CANONICAL = {alias: split for split, aliases in ALIASES.items() for alias in aliases}

TABLES = (".csv", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".xlsm", ".ft")

_SHARD = re.compile(r"(.+)-\d+-of-\d+")  # as the Hugging Face hub names them

_PART = re.compile(r"part[-.](?:[mr]-)?(\d+)\b.*")  # as Spark, Hadoop and Dask name the files of one table

_NO_DATA = re.compile(
    r"([\w-]+\.readme|readme|license|licence|copying|changelog|requirements|citation|dataset_info|metadata)\b.*"
)

_LEFTOVER = re.compile(r"desktop\.ini|~\$.*|.*~|#.*#|.*\.(bak|orig|sw[op]|tmp|part|partial|crdownload)")

_SHOWN = 8  # files that a message lists


def format_suffix(name: str) -> str:
    """Return the suffix of the format in lower case, without that of a compression: ".csv" of "Reviews.CSV.gz"."""
    return PurePosixPath(_unpacked(name)).suffix


def _unpacked(name: str) -> str:
    """Return the name of a file without its folder, in lower case, and without the suffix of a compression."""
    name = PurePosixPath(name).name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name


def canonical(split: str) -> str:
    """Return the name of a split: `validation` for `dev` and `val`."""
    return _CANONICAL.get(split.lower(), split)


def data_files(names: Iterable[str]) -> list[str]:
    """Return the names of data files, sorted. A .txt file is one if there is no table; hidden files are none."""
    visible = [name for name in sorted(names) if not is_no_data(name)]
    return [name for name in visible if format_suffix(name) in TABLES] or [
        name for name in visible if format_suffix(name) == ".txt"
    ]


def is_no_data(name: str) -> bool:
    """Return whether a file is hidden or a leftover, or is about the data, such as README.txt."""
    parts = PurePosixPath(name).parts
    return (
        is_leftover(parts[-1])
        or any(part.startswith((".", "__MACOSX")) for part in parts)
        or bool(_NO_DATA.fullmatch(parts[-1].lower()))
    )


def is_leftover(name: str) -> bool:
    """Return whether an editor, an office program, a browser or Windows has left a file: a copy, a lock, a setting."""
    return _LEFTOVER.fullmatch(name.lower()) is not None


def splits_of(files: Sequence[str]) -> dict[str, list[str]]:
    """Return the files of each split, in order: those called train.csv, dev.tsv or train-00000-of-00002.parquet.

    If there are several files and none is called so, those with such a word in their names: twitter_training.csv.
    """
    splits: dict[str, list[str]] = {}
    for name in files:
        stem = _stem(name)
        shard = _SHARD.fullmatch(stem)
        if shard or stem in _CANONICAL:
            splits.setdefault(canonical(shard[1] if shard else stem), []).append(name)
    if not splits and len(files) > 1:
        for name in files:
            found = {_CANONICAL[word] for word in re.split(r"[\W_]+", _stem(name)) if word in _CANONICAL}
            if len(found) == 1:
                splits.setdefault(found.pop(), []).append(name)
    return splits


def are_parts(files: Sequence[str]) -> bool:
    """Return whether several files are the parts of one table, such as part-00000-5c1f.csv and part-00001-5c1f.csv."""
    return len(files) > 1 and len(set(map(format_suffix, files))) == 1 and all(_PART.fullmatch(_stem(f)) for f in files)


def _stem(name: str) -> str:
    return _unpacked(name).removesuffix(format_suffix(name))


def choose_files(names: Iterable[str], split: str, name: str, repair: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the files to read, in order, and notes for the user.

    These are the files of the split if there are splits, otherwise the only data file, or the parts of a table in the
    order of their numbers. DataError with the repair if there are none of these.
    """
    files = data_files(names)
    splits = splits_of(files)
    if not splits:
        if len(files) == 1:
            return files, (f"{name}: reads {files[0]}, its only data file",)
        if are_parts(files):
            parts = sorted(files, key=lambda file: (int(_PART.fullmatch(_stem(file))[1]), file))  # type: ignore[index]
            return parts, (f"{name}: reads its {len(files):,} files as one table: {listed(parts)}",)
        if files:
            raise SeveralFiles(f"{name}: has {len(files):,} data files: {listed(files)}; {repair}")
        return [], ()
    chosen = splits.get(canonical(split))
    others = sorted(set(files) - {file for group in splits.values() for file in group})
    if chosen is None:
        raise NoSuchSplit(name, split, sorted(splits), files={**splits, "": others}, repair=repair)
    if len(chosen) > 1 and not all(_SHARD.fullmatch(_stem(file)) for file in chosen):
        raise DataError(f"{name}: several files of the split {split!r}: {listed(chosen)}; {repair}")
    return chosen, (f"{name}: reads {listed(chosen)}; not read: {listed(others)}",) * bool(others)


def listed(names: Sequence[str]) -> str:
    """Return the first names with commas between."""
    return ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
