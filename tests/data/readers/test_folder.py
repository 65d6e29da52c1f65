"""Folders with a file for each review, with the exact error messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import BOTH, read, rows, texts

from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError


def make_folder(path: Path, **reviews: str) -> None:
    for place, text in reviews.items():
        file = path / place.replace("_", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_folder(tmp_path):
    make_folder(tmp_path, pos_2="good", pos_10="great\n", neg_1="bad", unsup_1="?", **{"neg_.hidden": "no"})
    records = read(tmp_path, "films/", BOTH)
    assert rows(records) == [("bad", "neg"), ("great\n", "pos"), ("good", "pos")]
    assert records.where(1) == "films/pos/10"
    assert texts(read(tmp_path, "films", ReadOptions())) == ["bad", "great\n", "good"]


def test_a_folder_of_splits(tmp_path):
    make_folder(tmp_path, train_pos_1="a", train_neg_1="b", test_pos_1="c", test_neg_1="d", other_x="e")
    records = read(tmp_path, "films", BOTH, "test")
    assert rows(records) == [("d", "neg"), ("c", "pos")]
    assert records.where(0) == "films/test/neg/1"
    with pytest.raises(DataError, match=r"^films: no split 'dev'; there are: test, train$"):
        read(tmp_path, "films", BOTH, "dev")
    with pytest.raises(
        DataError, match=r"^films/other: the folder has no reviews; give a file, or a folder with pos/ and neg/$"
    ):
        read(tmp_path / "other", "films/other", BOTH)
    with pytest.raises(DataError, match=r"^films: has no columns to take weights from; remove data.weight_column$"):
        read(tmp_path, "films", ReadOptions("text", "label", "w"))


def test_a_folder_with_a_file_in_another_encoding(tmp_path):
    make_folder(tmp_path, pos_1="good", neg_1="bad")
    (tmp_path / "pos" / "2").write_bytes(b"\ntr\xe8s bon")
    with pytest.raises(DataError, match=r"^films/pos/2:2: not UTF-8 \(byte 0xE8\); save the file as UTF-8$"):
        read(tmp_path, "films", BOTH)
