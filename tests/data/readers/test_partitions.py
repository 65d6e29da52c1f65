"""Folders of partitions, as Hive and Spark write a table: the names of the folders are values of columns."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from reading import BOTH, read, rows, texts

from sentibp.data.pieces import Kept
from sentibp.data.readers.table import ReadOptions
from sentibp.data.sources import load_corpus, read_pieces
from sentibp.errors import DataError


def write(file: Path, content: list[dict]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(content), file)
    elif file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in content))
    elif file.suffix == ".csv":
        lines = [",".join(content[0]), *(",".join(map(str, row.values())) for row in content)]
        file.write_text("".join(f"{line}\n" for line in lines))
    else:
        file.write_text("".join(f"{row['text']}\n" for row in content))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "txt"])
def test_the_label_is_the_name_of_a_folder(tmp_path, suffix):
    write(tmp_path / "Label=pos" / "lang=en" / f"part-0.{suffix}", [{"text": "good"}, {"text": "fine"}])
    write(tmp_path / "Label=neg" / "lang=en" / f"part-0.{suffix}", [{"text": "bad"}])
    write(tmp_path / "Label=neg" / "lang=de" / f"a.{suffix}", [{"text": "schlecht"}])
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "Label=neg" / "lang=de" / ".a.crc").write_text("x")
    records = read(tmp_path, "reviews/", BOTH)
    assert rows(records) == [("schlecht", "neg"), ("bad", "neg"), ("good", "pos"), ("fine", "pos")]
    assert records.where(2).startswith(f"reviews/Label=pos/lang=en/part-0.{suffix}:")
    assert records.notes[0] == "reviews: reads its 3 files as one table; the names of the folders give Label, lang"
    assert texts(read(tmp_path, "reviews", ReadOptions())) == ["schlecht", "bad", "good", "fine"]


@pytest.mark.parametrize(("suffix", "kept"), [("parquet", Kept.typed), ("csv", Kept.text), ("jsonl", Kept.text)])
def test_predictions_keep_the_columns_of_the_files_and_the_folders(tmp_path, suffix, kept):
    write(tmp_path / "year=2024" / f"a.{suffix}", [{"id": 7, "text": "good"}])
    write(tmp_path / "year=__HIVE_DEFAULT_PARTITION__" / f"a.{suffix}", [{"id": 8, "text": "bad"}])
    write(tmp_path / "year=20%2F25 x" / f"a.{suffix}", [{"id": 9, "text": "dull"}])
    pieces = list(read_pieces(str(tmp_path), ReadOptions(), kept))
    found = [row for piece in pieces for row in pa.table(piece.columns).to_pylist()]
    assert [(str(row["id"]), row["text"], row["year"]) for row in found] == [
        ("9", "dull", "20/25 x"),
        ("7", "good", "2024"),
        ("8", "bad", ""),
    ]


def test_the_objects_of_json_lines_have_the_values_of_the_folders(tmp_path):
    write(tmp_path / "year=2024" / "a.jsonl", [{"text": "é", "more": [1]}])
    (piece,) = read_pieces(str(tmp_path), ReadOptions(), Kept.objects)
    assert piece.objects == ['{"text": "é", "more": [1], "year": "2024"}']


def test_a_column_of_the_file_counts_more_than_the_folder(tmp_path):
    write(tmp_path / "label=pos" / "a.parquet", [{"text": "bad", "label": "neg"}, {"text": "good", "label": "pos"}])
    assert load_corpus(str(tmp_path)).label.tolist() == [0, 1]


def test_folders_that_are_no_partitions(tmp_path):
    write(tmp_path / "a=b" / "x.csv", [{"text": "good", "label": 1}])
    write(tmp_path / "other" / "x.csv", [{"text": "good", "label": 1}])
    with pytest.raises(DataError, match="the folder has no reviews"):
        read(tmp_path, "reviews", BOTH)
    write(tmp_path / "all.csv", [{"text": "bad", "label": 0}])
    assert rows(read(tmp_path, "reviews", BOTH)) == [("bad", "0")]
