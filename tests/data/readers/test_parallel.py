"""A file of texts beside a file with the label of each line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from reading import BOTH, read, rows

from sentibp.data.readers.parallel import find_pairs
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: str, **files: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        Path(folder, name.replace("__", ".")).write_text(content, encoding="latin-1")


def a_text(number: int) -> str:
    return f"à film {number}" + "\tof mine" * (number == 1)


def some_texts(count: int) -> str:
    return "".join(f"{a_text(i)}\n" for i in range(count))


def some_labels(count: int, last: str = "\n") -> str:
    return "\n".join(str(i % 2) for i in range(count)) + last


SPLITS = {"train": 8, "val": 6, "test": 6}


@pytest.mark.parametrize(
    ("name", "split", "pair"),
    [
        ("set", "train", "train"),
        ("set", "test", "test"),
        ("set", "validation", "val"),
        ("set/val_text.txt", "train", "val"),
        ("set/test_labels.txt", "train", "test"),
    ],
)
def test_texts_and_labels_are_met_with_a_command_that_works(here, name, split, pair):
    """The advice was to name one of the files, each of which has no labels, or no texts."""
    write("set", mapping__txt="0\tnegative\n1\tneutral\n2\tpositive\n")
    for each, count in SPLITS.items():
        write("set", **{f"{each}_text__txt": some_texts(count), f"{each}_labels__txt": some_labels(count)})
    with pytest.raises(
        DataError, match=f"{pair}_labels.txt seems to have the labels of .* {pair}_text.txt; "
    ) as caught:
        read(Path(name), name, BOTH, split)
    command, _, target = str(caught.value).partition("into one file: ")[2].rpartition("; then give ")
    subprocess.run(command, shell=True, check=True)
    found = rows(read(Path(target), target, BOTH._replace(encoding="latin-1")))
    assert found == [(a_text(i), str(i % 2)) for i in range(SPLITS[pair])]
    if name.endswith("text.txt"):
        assert len(read(Path(name), name, ReadOptions(encoding="latin-1")).text) == 6  # to predict


def test_no_file_has_the_labels_of_its_own_lines(here):
    write("set", texts__txt="a good film\na bad film\n" * 4)
    assert find_pairs(Path("set")) == []


def test_which_files_are_pairs(here):
    write("set", a__txt=some_texts(8), b__txt=some_labels(8, last=""), ids__txt="\n".join(map(str, range(8))))
    write("set", README__txt=some_texts(8), more__csv=some_labels(8))
    (pair,) = find_pairs(Path("set"))
    assert (pair.texts.name, pair.labels.name) == ("a.txt", "b.txt")
    write("set", b__txt=some_labels(9))
    assert not find_pairs(Path("set"))
