"""Parquet files, with the exact error messages."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from pyarrow import parquet
from reading import complaint, parse, rows


def write_parquet(table: dict) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(table), out)
    return out.getvalue()


@pytest.mark.parametrize(
    "text", [["a", None], pa.array(["a", None], pa.large_string()), pa.array(["a", None]).dictionary_encode()]
)
def test_parquet(text):
    records = parse(write_parquet({"text": text, "label": [1, 0], "x": [[1], []]}), "x.parquet")
    assert rows(records) == [("a", 1), (None, 0)]
    assert records.where(1) == "x.parquet: row 2"


def test_parquet_by_its_first_bytes():
    assert rows(parse(write_parquet({"text": ["a"], "label": [1]}), "x.data")) == [("a", 1)]


def test_parquet_mistakes():
    assert complaint(write_parquet({"text": [1], "label": [1]}), "x.parquet") == (
        "x.parquet: 'text' is int64, not text; name another with --set data.text_column=NAME"
    )
    assert complaint(write_parquet({"text": ["a"], "label": [[1]]}), "x.parquet").startswith(
        "x.parquet: 'label' is list<element: int64>, not a string or a number; name another with --set "
        "data.label_column=NAME"
    )
    assert complaint(write_parquet({"a": ["a"], "label": [1]}), "x.parquet") == (
        "x.parquet: no 'text'; name it with --set data.text_column=NAME, one of: a, label"
    )
    assert complaint(b"PAR1 and then nothing", "x.parquet").startswith("x.parquet: not Parquet: ")
