"""A column that says which rows are for training and which for tests."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentibp.data import sources
from sentibp.data.draft import draft_config
from sentibp.data.readers.table import ReadOptions

pytestmark = pytest.mark.usefixtures("here")


def notes(values: list, column: str, group: str | None = None) -> tuple[str, ...]:
    """Return the notes on a file with these values in a column."""
    rows = [{"text": f"film {i}", "label": i % 2, column: value} for i, value in enumerate(values)]
    pq.write_table(pa.Table.from_pylist(rows), "x.parquet")
    return sources.load_corpus("x.parquet", ReadOptions("text", "label", group=group)).notes


REPAIR = "and all rows are read; to keep them apart, write the rows of each into a file of its own"


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("split", ["train", "train", "test"], "train (2), test (1)"),
        ("Set", ["Training", "dev", " test "], "training (1), dev (1), test (1)"),
        ("train_test", ["train", None, "unsup"], "train (1), unsup (1)"),
        ("is_valid", [True, False, False], "true (1), false (2)"),
        ("is-test", ["0", "1", "1"], "0 (1), 1 (2)"),
    ],
)
def test_a_column_of_splits_is_told(column, values, what):
    """Such a model was trained on the rows for tests, too, without a word."""
    (note,) = notes(values, column)
    assert note.startswith(f"x.parquet: its column {column!r} has {what}, {REPAIR}")
    assert notes(values, column, group=column) == ()


def test_labels_that_were_rejected_are_told():
    """Prodigy keeps the label that was asked for, and whether it was accepted beside it."""
    (note,) = notes(["accept", "reject", "accept", "ignore"], "answer")
    assert note.startswith(
        "x.parquet: its column 'answer' has accept (2), reject (1), ignore (1), and all rows are read "
    )
    assert notes(["accept", "accept"], "answer") == notes(["accept", "of course"], "answer") == ()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("split", ["train", "train"]),
        ("split", ["3:2", "train", "test"]),
        ("set", ["Lego", "train", "bricks"]),
        ("split", [[1], [2]]),
        ("split", [b"\xff", b"\xfe"]),
        ("split", list(range(30))),
        ("is_test", [False, False]),
        ("is_train", ["by train", "by car"]),
        ("part", ["train", "test"]),
    ],
)
def test_columns_that_are_none(column, values):
    assert notes(values, column) == ()


def test_init_tells_a_column_of_splits():
    rows = [f"the film number {i} was {['bad', 'good'][i % 2]},{i % 2},{['train', 'test'][i > 20]}" for i in range(30)]
    Path("x.csv").write_text("\n".join(["text,label,split", *rows]))
    (note,) = draft_config(Path("x.csv"), "x.csv", Path()).notes
    assert note.startswith(f"x.csv: its column 'split' has train (21), test (9), {REPAIR}")
    assert sources.load_corpus("x.csv").notes == (note,)


def test_a_column_of_splits_without_a_header():
    """It was suggested as a column of any name, or as that of the labels, and all rows were trained on."""
    rows = [f"{'VALIDATION' if i % 5 else 'TRAIN'},the film number {i},{['sad', 'happy'][i % 2]}" for i in range(30)]
    Path("x.csv").write_text("\n".join(rows))
    suggested, note = draft_config(Path("x.csv"), "x.csv", Path()).notes
    assert "--set data.columns=[split,text,label]; " in suggested
    assert note.startswith(f"x.csv: its column 'split' has train (6), validation (24), {REPAIR}")
