"""Parquet files, with the exact error messages."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from pyarrow import parquet
from reading import complaint, parse, rows

from sentibp.data import readers
from sentibp.data.label_values import parse_labels
from sentibp.data.pieces import Kept
from sentibp.data.readers import parquet as reader
from sentibp.data.readers.pieces import table_pieces
from sentibp.data.readers.table import JOIN, LABELLED, ONE_LABEL, ReadOptions
from sentibp.errors import DataError


def write_parquet(table: dict, **how) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(table), out, **how)
    return out.getvalue()


@pytest.mark.parametrize(
    "text", [["a", None], pa.array(["a", None], pa.large_string()), pa.array(["a", None]).dictionary_encode()]
)
def test_parquet(text):
    records = parse(write_parquet({"text": text, "label": [1, 0], "x": [[1], []]}), "x.parquet")
    assert rows(records) == [("a", 1), ("", 0)]
    assert records.where(1) == "x.parquet: row 2"


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_texts_that_are_stored_as_bytes(kind):
    """As Impala and old versions of Spark store them. Bytes of other columns stay bytes."""
    table = {"text": pa.array(["é".encode(), None, b"b"], kind), "label": pa.array([b"neg", b"pos", b"pos"], kind)}
    data = write_parquet(table | {"image": pa.array([b"\xff\xd8", None, b""], kind)})
    assert rows(parse(data, "x.parquet")) == [("é", "neg"), ("", "pos"), ("b", "pos")]
    options = ReadOptions()
    (piece,) = table_pieces(readers.open_content(data, "x.parquet", options, ".parquet"), options, Kept.typed)
    assert [piece.columns[name][0].as_py() for name in ("text", "label", "image")] == ["é", b"neg", b"\xff\xd8"]
    data = write_parquet({"text": pa.array([b"a", b"\xff"], kind), "label": [1, 0]})
    said = "x.parquet: row 2: 'text' is not UTF-8, as Parquet has it; write it again as UTF-8"
    assert complaint(data, "x.parquet") == said


def test_parquet_by_its_first_bytes():
    assert rows(parse(write_parquet({"text": ["a"], "label": [1]}), "x.data")) == [("a", 1)]


def test_parquet_mistakes():
    assert complaint(write_parquet({"text": [1], "label": [1]}), "x.parquet") == (
        "x.parquet: 'text' is int64, not text; name another with --set data.text_column=NAME"
    )
    assert complaint(write_parquet({"text": ["a"], "label": [[1]]}), "x.parquet") == (
        "x.parquet: 'label' is list<element: int64>, not a string or a number; name another with --set "
        f"data.label_column=NAME; {ONE_LABEL}"
    )
    assert complaint(write_parquet({"text": [["a", "b"]], "label": [1]}), "x.parquet") == (
        "x.parquet: 'text' is list<element: string>, not text; name another with --set data.text_column=NAME, "
        f"or {JOIN}"
    )
    assert complaint(write_parquet({"a": ["a"], "label": [1]}), "x.parquet") == (
        "x.parquet: no 'text'; name it with --set data.text_column=NAME, one of: a, label"
    )
    assert complaint(b"PAR1 and then nothing", "x.parquet").startswith("x.parquet: not Parquet: ")


NESTED = {
    "review": [{"body": {"text": "good"}, "stars": 5}, {"body": None, "stars": 1}, None],
    "label": [1, 0, 0],
    "texts": [["a"], [], []],
}


def test_the_fields_of_structs_are_columns():
    """They are called as in JSON; the setting that the message suggests was refused."""
    data = write_parquet(NESTED)
    meant = "did you mean --set data.text_column=review.body.text?"
    there = "There are: review.body.text, review.stars, label"
    assert complaint(data, "x.parquet", LABELLED._replace(text="review")) == (
        f"x.parquet: no 'review'; name it with --set data.text_column=NAME, one of: {there.partition(': ')[2]}"
    )
    assert complaint(data, "x.parquet", LABELLED._replace(text="review_body_text")) == (
        f"x.parquet: no 'review_body_text'; {meant} {there}"
    )
    records = parse(data, "x.parquet", LABELLED._replace(text="review.body.text", group="review.stars"))
    assert rows(records) == [("good", 1), ("", 0), ("", 0)]
    assert records.group is not None
    assert records.group.to_pylist() == [5, 1, None]


def test_predictions_keep_structs_as_they_are():
    data, options = write_parquet(NESTED), ReadOptions("review.body.text")
    for kept in Kept:
        (piece,) = table_pieces(readers.open_content(data, "x.parquet", options, ".parquet"), options, kept)
        assert piece.text.to_pylist() == ["good", "", ""]
        columns = {name: column.to_pylist() for name, column in piece.columns.items()}
        assert columns == ({} if kept is Kept.nothing else NESTED)


def test_a_field_with_the_name_of_a_column():
    data = write_parquet({"a.b": ["good"], "a": [{"b": "bad", "c": "dull"}], "label": [1]})
    assert rows(parse(data, "x.parquet", LABELLED._replace(text="a.b"))) == [("good", 1)]
    assert rows(parse(data, "x.parquet", LABELLED._replace(text="a.c"))) == [("dull", 1)]


def write_named(names: list, labels: list, kind: pa.DataType | None = None) -> bytes:
    """Return a file whose labels have names, as the datasets library of Hugging Face writes it."""
    table = pa.table({"text": ["dull"] * len(labels), "label": pa.array(labels, kind)})
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}}
    out = io.BytesIO()
    parquet.write_table(
        table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), out
    )
    return out.getvalue()


def test_the_names_of_labels_in_a_file_of_the_hub_count():
    """0 is not negative if the file calls it positive."""
    records = parse(write_named(["pos", "neg"], [0, 1]), "x.parquet")
    assert parse_labels(records, None, [], []).tolist() == [1, 0]
    assert records.notes == ("x.parquet: its labels have names: 0 is pos, 1 is neg",)
    numbers = {"negative": [0], "positive": [1]}  # which the user has given
    assert parse_labels(records, numbers, [], []).tolist() == [0, 1]
    assert parse(write_named(["neg", "pos"], [0, 1]), "x.parquet").notes == ()


def test_names_of_labels_that_cannot_be_used():
    records = parse(write_named(["neg", "pos"], [0, 1, 7]), "x.parquet")  # more numbers than names
    wrong: list[str] = []
    parse_labels(records, None, wrong, [])
    assert wrong[0].startswith("x.parquet: row 3: label '7' is neither negative nor positive")
    for data in write_named(["pos", "neg"], ["0", "1"], pa.string()), write_named([1, 2], [0, 1]):
        records = parse(data, "x.parquet")
        assert (records.label_names, records.notes) == ((), ())


def unchecked(values: list[bytes], kind: pa.DataType | None = None) -> pa.Array:
    """Return strings whose bytes nobody has checked."""
    array = pa.array(values, pa.large_binary() if kind == pa.large_string() else pa.binary())
    return array.view(kind or pa.string())


@pytest.mark.parametrize("column", ["text", "label"])
@pytest.mark.parametrize(
    "encode",
    [
        unchecked,
        lambda values: unchecked(values, pa.large_string()),
        lambda values: pa.DictionaryArray.from_arrays(pa.array(range(len(values))), unchecked(values)),
        lambda values: pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), unchecked(values)),
    ],
    ids=["string", "large_string", "dictionary", "list"],
)
@pytest.mark.parametrize(("row", "at_once"), [(0, 3), (2, 3), (2, 1)])
def test_a_text_that_is_not_utf8(column, encode, row, at_once, monkeypatch):
    monkeypatch.setattr(reader, "_ROWS", at_once)
    values = [b"good", b"bad", b"fine"]
    values[row] = b"b\xff\xfe"
    data = write_parquet({"text": ["a", "b", "c"], "label": [1, 0, 1]} | {column: encode(values)})
    said = f"x.parquet: row {row + 1}: {column!r} is not UTF-8, as Parquet has it; write it again as UTF-8"
    if "list" not in str(encode(values).type):
        assert complaint(data, "x.parquet") == said
    options = ReadOptions("other")
    data = write_parquet({"other": ["a", "b", "c"], column: encode(values)})
    with pytest.raises(DataError) as caught:
        list(table_pieces(readers.open_content(data, "x.parquet", options, ".parquet"), options, Kept.typed))
    assert str(caught.value) == f"{said}, or leave the columns of the input out with --no-keep"
    assert list(table_pieces(readers.open_content(data, "x.parquet", options, ".parquet"), options, Kept.nothing))


def test_a_text_that_is_not_utf8_in_some_row_groups():
    """As when the file is divided between workers."""
    data = write_parquet({"text": unchecked([b"a", b"b", b"c\xff"])}, row_group_size=1)
    some = reader.open_parquet(memoryview(data), "x.parquet", ReadOptions(), range(1, 3))
    with pytest.raises(DataError, match=r"^x\.parquet: row 3: 'text' is not UTF-8"):
        list(table_pieces(some, ReadOptions(), Kept.nothing))


def test_a_column_name_that_is_not_utf8():
    data = write_parquet({"text": ["a"], "label": [1], "xyxyxy": [1]}).replace(b"xyxyxy", b"xy\xffxyx")
    assert complaint(data, "x.parquet").startswith("x.parquet: ")


def test_many_references_to_one_long_text(monkeypatch):
    """Each batch has few of them, whatever the file says of its types."""
    monkeypatch.setattr(reader, "_BYTES", 10_000)
    monkeypatch.setattr(reader, "_SMALL", 100)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), pa.array(["x" * 1000]))
    for text in (long, long.cast(pa.string())):
        data = write_parquet({"text": text, "label": [0, 1] * 150})
        table = readers.open_content(data, "x.parquet", LABELLED, ".parquet")
        lengths = [len(batch["text"]) for batch in table.batches(["text", "label"])]
        assert sum(lengths) == 300
        assert max(lengths) <= 10
        assert rows(parse(data, "x.parquet")) == [("x" * 1000, i % 2) for i in range(300)]


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_batches_are_bounded_whatever_the_row_groups(size, monkeypatch):
    monkeypatch.setattr(reader, "_BYTES", 5000)
    monkeypatch.setattr(reader, "_ROWS", 64)
    texts = [f"{i} " + "x" * (i % 300) for i in range(300)]
    out = io.BytesIO()
    written = pa.table({"text": texts, "label": [0, 1] * 150})
    parquet.write_table(written, out, row_group_size=size, use_dictionary=False)
    table = readers.open_content(out.getvalue(), "x.parquet", LABELLED, ".parquet")
    found = list(table.batches(["text"]))
    assert [text for batch in found for text in batch["text"].to_pylist()] == texts
    assert max(len(batch["text"]) for batch in found) <= 64
    assert max(batch["text"].nbytes for batch in found) <= 4 * 5000
    assert table.where(299) == "x.parquet: row 300"


def test_a_page_that_does_not_fit_in_memory(monkeypatch):
    def failing():  # no frame of the traceback holds the file, as none of Arrow's does; it would be waited for
        yield from ()
        raise pa.ArrowMemoryError("realloc of size 2147500032 failed")

    monkeypatch.setattr(reader._Opener, "__call__", lambda *_: failing())
    said = complaint(write_parquet({"text": ["a"], "label": [1]}), "x.parquet")
    assert said.startswith("x.parquet: a page of it is larger than the memory; write it again with smaller pages")
