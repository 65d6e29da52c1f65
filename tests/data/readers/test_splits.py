"""Which files of a folder are data, and which splits they are."""

from __future__ import annotations

import pytest

from sentibp.data.readers import SUFFIXES
from sentibp.data.readers.splits import TABLES, SeveralFiles, choose_files, data_files, format_suffix, splits_of
from sentibp.errors import DataError
from sentibp.utils.paths import PACKED


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b.csv", "a.txt", "README.md", ".hidden.csv", "__MACOSX/b.csv"], ["b.csv"]),
        (["readme.txt", "b.txt", "a.txt"], ["a.txt", "b.txt"]),
        (["dataset_info.json", "LICENSE", "x.PARQUET", "y.csv.gz"], ["x.PARQUET", "y.csv.gz"]),
        (["test.tab", "test.tab.metadata", "train.psv"], ["test.tab", "train.psv"]),
    ],
)
def test_data_files(names, expected):
    assert data_files(names) == expected


def test_every_format_that_is_read_is_one_of_data_files():
    """A folder with train.tab and test.tab "had no reviews"."""
    assert {*SUFFIXES} - {".txt", ".zip", *PACKED} == {*TABLES}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            ["dev.tsv", "test.tsv"],
            {"test": ["test.tsv"], "validation": ["dev.tsv"]},
        ),
        (
            ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "unsupervised-00000-of-00001.parquet"],
            {
                "train": ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
                "unsupervised": ["unsupervised-00000-of-00001.parquet"],
            },
        ),
        (
            ["x_training.csv", "x_val.csv"],
            {"train": ["x_training.csv"], "validation": ["x_val.csv"]},
        ),
        (["test_labels.csv", "test.csv", "train.csv"], {"train": ["train.csv"], "test": ["test.csv"]}),
        (["training.1600000.csv"], {}),
        (["train.csv"], {"train": ["train.csv"]}),
        (["a.csv", "trainer.csv"], {}),
        (["train_and_test.csv", "a.csv"], {}),  # which of both, it does not say
    ],
)
def test_splits_of(files, expected):
    assert splits_of(files) == expected


def test_choose_files():
    assert choose_files(["a.csv"], "test", "x", "...") == (["a.csv"], ("x: reads a.csv, its only data file",))
    assert choose_files(["a.png"], "test", "x", "...") == ([], ())
    assert choose_files(["valid.csv", "train.csv"], "dev", "x", "...") == (["valid.csv"], ())
    with pytest.raises(
        DataError,
        match=r"^x: no split 'test'; name another, such as --set data.split=train; there are: train, validation$",
    ):
        choose_files(["valid.csv", "train.csv"], "test", "x", "...")
    with pytest.raises(DataError, match=r"^x: several files of the split 'train': train.csv, train.jsonl; repair$"):
        choose_files(["train.csv", "train.jsonl"], "train", "x", "repair")
    with pytest.raises(DataError, match=r"^x: several files of the split 'train': train-0-of-1.csv, train.csv; "):
        choose_files(["train.csv", "train-0-of-1.csv"], "train", "x", "repair")


@pytest.mark.parametrize(
    "parts",
    [
        [f"part-{i:05}-7d2f-4b1c-c000.snappy.parquet" for i in range(11)],  # of Spark
        [f"part-r-{i:05}.csv.gz" for i in range(11)],  # of Hadoop
        [f"part.{i}.parquet" for i in range(11)],  # of Dask
        [f"part-{i}.txt" for i in range(11)],
    ],
)
def test_the_parts_of_a_table(parts):
    names = ["_SUCCESS", f".{parts[0]}.crc", *parts]
    note = f"x: reads its 11 files as one table: {', '.join(parts[:8])}, ..."
    assert choose_files(names, "test", "x", "...") == (parts, (note,)), "10 follows 9"
    for other in ("parts-1.csv", "part-1.tsv", "part-one.csv"):
        with pytest.raises(SeveralFiles, match=r"^x: has 2 data files: "):
            choose_files(["part-00000.csv", other], "test", "x", "...")


def test_format_suffix():
    assert [format_suffix(name) for name in ("a/B.CSV.gz", "x.zst", "y", "z.tar.bz2")] == [".csv", "", "", ".tar"]
