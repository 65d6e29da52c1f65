"""Find a file of texts and a file with the label of each of its lines, such as train_text.txt and train_labels.txt."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sentibp.data.readers.splits import ALIASES, TABLES, canonical, format_suffix, is_no_data
from sentibp.errors import DataError
from sentibp.utils.files import data_error_if_unreadable
from sentibp.utils.paths import PACKED, new_file, shown

_HEAD = 1 << 16  # bytes in which a file shows what its lines are
_LEAST = 4  # lines
_FEW = 20  # different labels
_LONGEST = 40  # characters of one
_WORDS = 2.5  # of a text on average, at least

_MOST_FILES = 60  # in a folder, to compare them with each other
_LARGEST = 1 << 28  # bytes of a file whose lines are counted


class Pair(NamedTuple):
    """A file of texts, and the file with their labels."""

    texts: Path
    labels: Path


def find_pairs(folder: Path) -> list[Pair]:
    """Return the files of texts in a folder beside which a file has as many lines with labels, each with that file.

    Of several such files, it is the one with the nearest name.
    """
    files = [each for each in sorted(folder.iterdir()) if _may_be(each)]
    if len(files) > _MOST_FILES:
        return []
    heads = {file: _head(file) for file in files}
    labels = [file for file in files if _are_labels(heads[file])]
    texts = [file for file in files if labels and _are_texts(heads[file])]
    counts = {file: _count_lines(file) for file in (*labels, *texts)}
    pairs = []
    for file in texts:
        same = [each for each in labels if each != file and counts[each] == counts[file]]
        if same:
            pairs.append(Pair(file, max(same, key=lambda each: _nearness(each.name, file.name))))
    return pairs


def reject_pairs(pairs: Sequence[Pair], name: str, split: str = "train") -> None:
    """Raise a DataError with the command that writes a pair into one file: that of the split, or the first one."""
    aliases = {split, *ALIASES.get(canonical(split), ())}
    ranked = sorted(pairs, key=lambda pair: aliases.isdisjoint(re.split(r"[\W_]+", pair.texts.name.lower())))
    for texts, labels in ranked[:1]:
        target = new_file()
        files = " ".join(shlex.quote(shown(str(each))) for each in (labels, texts))
        what = f"{name}: {labels.name} seems to have the labels of the lines of {texts.name}"
        raise DataError(f"{what}; write both into one file: paste {files} > {target}; then give {target}")


def _may_be(file: Path) -> bool:
    """Return whether a file may have lines of text: one that is neither a table nor compressed, nor about the data."""
    suffix = format_suffix(file.name)
    if suffix in (*TABLES, ".zip") or file.name.lower().endswith(PACKED) or is_no_data(file.name):
        return False
    return file.is_file() and file.stat().st_size <= _LARGEST


def _head(file: Path) -> list[str]:
    """Return the first lines of a file; none if they are no text. A line that is cut off is left out."""
    with data_error_if_unreadable(), file.open("rb") as content:
        data = content.read(_HEAD)
    lines = [] if b"\0" in data else data.decode("latin-1").split("\n")
    return [line.strip() for line in lines[:-1]]


def _are_labels(lines: Sequence[str]) -> bool:
    different = set(lines)
    is_few = 2 <= len(different) <= min(_FEW, len(lines) // 2) and "" not in different
    return len(lines) >= _LEAST and is_few and max(map(len, different)) <= _LONGEST


def _are_texts(lines: Sequence[str]) -> bool:
    return sum(len(line.split()) for line in lines) >= _WORDS * max(len(lines), _LEAST)


def _count_lines(file: Path) -> int:
    """Return the number of lines, of which the last need not end."""
    count, last = 0, b"\n"
    with data_error_if_unreadable(), file.open("rb") as content:
        while block := content.read(1 << 20):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")


def _nearness(labels: str, texts: str) -> tuple[float, str]:
    """Return how near the name of a file with labels is to the one of a file with texts."""
    return difflib.SequenceMatcher(None, re.sub("labels?", "", labels.lower()), texts.lower()).ratio(), labels
