"""Each format, valid and invalid, with the exact error messages."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import mmap
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import BOTH, complaint, parse, read, rows, texts

from sentibp.data import readers
from sentibp.data.readers import batches, content, plain
from sentibp.data.readers.table import ReadOptions, read_records
from sentibp.errors import DataError
from sentibp.utils import spill

# CSV and TSV


def test_csv_keeps_every_text_as_it_is_written():
    data = 'label,text,more\n1,"a ""good"", long\nfilm",x\n0,null,y\n1,007,\n0,2020-01-01,z\n1,NaN,\n0,,\n1, a\x00b ,'
    expected = ['a "good", long\nfilm', "null", "007", "2020-01-01", "NaN", "", " a\x00b "]
    assert rows(parse(data)) == list(zip(expected, "1010101", strict=True))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv_with_any_line_ending(newline):
    assert rows(parse(newline.join(["text,label", "a,1", "b,0", ""]))) == [("a", "1"), ("b", "0")]


def test_tab_separated_values():
    assert rows(parse('text\tlabel\na, b\t1\n"c\td"\t0\n', "x.tsv")) == [("a, b", "1"), ("c\td", "0")]


def test_semicolons_when_only_they_make_the_header_fit():
    assert rows(parse("text;label\na, b;1\n")) == [("a, b", "1")]


def test_a_single_column_has_empty_lines_for_empty_texts():
    assert texts(parse('text\na\n\n""\nb\n', options=ReadOptions())) == ["a", "", "", "b"]


@pytest.mark.parametrize("data", ["text,label", "text,label\n", "\ufefftext,label\r\n"])
def test_a_header_alone_has_no_rows(data):
    assert rows(parse(data)) == []


def test_a_field_larger_than_a_block(monkeypatch):
    monkeypatch.setattr(batches, "_BLOCKS", (100, 1000, 100_000))
    long = "a\n" * 2000
    assert rows(parse(f'text,label\n"{long}",1\nb,0\n')) == [(long, "1"), ("b", "0")]
    line = json.dumps({"text": long, "label": 1})
    assert rows(parse(f"{line}\n{line}\n", "x.jsonl")) == [(long, 1)] * 2


def test_a_field_larger_than_every_block_is_read_slowly(monkeypatch):
    monkeypatch.setattr(batches, "_BLOCKS", (100,))
    assert rows(parse(f"text,label\n{'a' * 200_000},1\nb,0\n")) == [("a" * 200_000, "1"), ("b", "0")]
    assert csv.field_size_limit() == 131072  # left as it was


CSV_MISTAKES = {
    "": "x.csv: empty; the first line of a CSV file names its columns",
    "\n\n": "x.csv: empty; the first line of a CSV file names its columns",
    "review,score\na,1\n": "x.csv:1: no 'text'; did you mean --set data.text_column=review? There are: review, score\n"
    "x.csv:1: no 'label'; did you mean --set data.label_column=score? There are: review, score",
    "text,label,text\na,1,b\n": "x.csv:1: two columns are called 'text'; rename one",
    'text,label\n"a\nb",1\n\nc,d,0\n': "x.csv:5: 3 fields where the header has 2; "
    "put a text that contains ',' in double quotes",
    "text,label\na\n": "x.csv:2: 1 field where the header has 2; put a text that contains ',' in double quotes",
    'label,text\n1,"a\n0,b\n': "x.csv:2: not CSV: unexpected end of data; close the quote",
    'text,label\n"a"b",1\n': """x.csv:2: not CSV: ',' expected after '"'; write a quote inside a quoted text as \"\"""",
}


@pytest.mark.parametrize("data", CSV_MISTAKES)
def test_csv_mistakes(data):
    assert complaint(data) == CSV_MISTAKES[data]


def test_lone_quotes_in_bare_fields_are_text():
    assert rows(parse('text,label\na 5" disk,1\n')) == [('a 5" disk', "1")]


def test_a_long_header_is_abbreviated():
    header = ",".join(["x" * 100] * 30)
    assert complaint(header, options=ReadOptions()).endswith(", ".join(["x" * 39 + "…"] * 20))


def test_the_line_of_a_csv_row():
    records = parse('text,label\n"a\nb",1\n\nc,0\n')
    assert [records.where(0), records.where(1)] == ["x.csv:2", "x.csv:5"]


# Any text, there and back

any_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\n\r;\t'))


@settings(max_examples=150, deadline=None)
@given(st.lists(any_text, min_size=1))
def test_any_text_is_preserved_in_csv(written):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("label", "text"), *((1, text) for text in written)])
    assert texts(parse(out.getvalue(), options=ReadOptions())) == written


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.just("\n")), st.sampled_from([1, 3, 1 << 24]))
def test_plain_text_has_one_text_per_line(data, part):
    expected = data.replace("\r\n", "\n").split("\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "CHUNK", part)
        lines = [line for some in plain.lines_of(memoryview(data.encode())) for line in some.to_pylist()]
    assert lines == (expected[:-1] if expected[-1] == "" else expected)


# Lines


def test_plain_text():
    records = parse("a\r\n\n b \n\n", "x.txt", ReadOptions())
    assert texts(records) == ["a", "", " b ", ""]
    assert records.where(2) == "x.txt:3"
    assert texts(parse("", "x.txt", ReadOptions())) == []
    assert texts(parse("a", "README", ReadOptions())) == ["a"]


def test_plain_text_has_neither_labels_nor_weights():
    assert complaint("a\n", "x.txt") == (
        "x.txt: plain text has no labels; give CSV, TSV, JSONL, Parquet or __label__ lines"
    )
    assert complaint("a\n", "x.txt", ReadOptions("text", None, "w")) == (
        "x.txt: has no columns to take weights from; leave them out with --set data.weight_column=null"
    )


FASTTEXT = "\n__label__2 a good film\n\n__label__1  __label__3 b\nc\n __label__1\n"


@pytest.mark.parametrize("name", ["x.txt", "x.ft", "x.train"])
def test_fasttext_lines(name):
    records = parse(FASTTEXT, name)
    assert rows(records) == [
        ("a good film", "__label__2"),
        ("b", "__label__1  __label__3"),
        ("c", ""),
        ("", "__label__1"),
    ]
    assert [records.where(row) for row in range(4)] == [f"{name}:{line}" for line in (2, 4, 5, 6)]
    assert texts(parse(FASTTEXT, name, ReadOptions())) == ["", "a good film", "", "b", "c", ""]


# Bytes

SAME = {
    "x.csv": "text,label\nfilm é,1\n",
    "x.jsonl": '{"text": "film é", "label": "1"}\n',
    "x.txt": "__label__1 film é\n",
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_gzip_whatever_the_name_and_the_byte_order_mark(name, mark):
    data = (mark + SAME[name]).encode()
    for given_name, given_data in ((name, data), (name, gzip.compress(data)), (f"{name}.gz", gzip.compress(data))):
        ((text, label),) = rows(parse(given_data, given_name))
        assert (text, label.removeprefix("__label__")) == ("film é", "1")


@pytest.mark.parametrize("name", SAME)
def test_other_encodings_are_rejected_by_name(name):
    assert complaint(SAME[name].encode("utf-16"), name) == f"{name}: UTF-16; save the file as UTF-8"
    line = SAME[name].count("\n")
    assert complaint(SAME[name].encode("latin-1"), name) == (
        f"{name}:{line}: not UTF-8 (byte 0xE9); save the file as UTF-8"
    )


@pytest.mark.parametrize("kind", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", [name for name in SAME if len(SAME[name]) > 8])
def test_wide_encodings_without_byte_order_mark(name, kind):
    told = kind[:6].upper() if kind == "utf-32" else f"looks like {kind[:6].upper()}"
    assert complaint(SAME[name].encode(kind), name) == f"{name}: {told}; save the file as UTF-8"


def test_zero_bytes_in_a_text_do_not_mean_another_encoding():
    assert texts(parse("a\0b\0c\0\n\0\0\0\0", "a.txt", ReadOptions())) == ["a\0b\0c\0", "\0\0\0\0"]


few_bytes = st.sampled_from([b"a", b"\n", "é".encode(), "👍".encode(), b"\xe9", b"\xf0\x9f"])


@settings(max_examples=150, deadline=None)
@given(st.lists(few_bytes, max_size=8), st.integers(1, 4))
def test_the_line_of_an_invalid_byte_in_any_chunk(pieces, part):
    whole = b"".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "CHUNK", part)
        try:
            whole.decode()
        except UnicodeDecodeError as error:
            line = whole.count(b"\n", 0, error.start) + 1
            where = f"^x.csv:{line}: not UTF-8 \\(byte 0x{whole[error.start]:02X}\\);"
            with pytest.raises(DataError, match=where):
                content.utf8(memoryview(whole), "x.csv")
        else:
            assert content.utf8(memoryview(whole), "x.csv") == whole


def test_a_large_file_is_memory_mapped(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text("text,label\na,1\n")
    monkeypatch.setattr(spill, "IN_MEMORY", 3)
    assert isinstance(content.read_bytes(tmp_path / "x.csv").obj, mmap.mmap)
    assert rows(read(tmp_path / "x.csv", "x.csv", BOTH)) == [("a", "1")]


def test_unknown_formats():
    assert complaint(b"%PDF-1.7", "x.pdf") == (
        "x.pdf: not a known format; give CSV, TSV, JSON, JSONL, Parquet, Excel (.xlsx), plain text (.txt), fastText's "
        "__label__ lines, a zip of one of these, or a folder with pos/ and neg/"
    )


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataError, match=r"^x\.csv: no such file or directory$"):
        read(tmp_path / "x.csv", "x.csv", BOTH)


# Threads


ABANDONED = {  # what ends while a reader of Arrow's may still have threads at work
    "good.csv": "text,label\na,1\nb,0\n",
    "good.jsonl": '{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n',
    "bad.csv": "text,label\na,1,x\nb,0\n",
    "bad.jsonl": '{"text": "a", "label": 1}\n{"text":\n',
}


@pytest.mark.parametrize("name", ABANDONED)
def test_no_thread_holds_the_bytes_of_a_file_that_was_read(name):
    """A thread of Arrow that releases them while the interpreter shuts down aborts the process (exit code 134)."""

    class Bytes(np.ndarray):  # unlike bytes, an object that can be watched
        pass

    def is_held_after_reading() -> bool:
        content = np.frombuffer(ABANDONED[name].encode(), np.uint8).view(Bytes)
        watched = weakref.ref(content)
        with contextlib.suppress(DataError):
            read_records(readers.open_content(memoryview(content), name, BOTH, Path(name).suffix), BOTH)
        del content
        return watched() is not None

    assert sum(is_held_after_reading() for _ in range(1500)) == 0


@pytest.mark.parametrize(
    ("header", "wanted", "repair"),
    [
        ("Text,label", {}, "no 'text'; did you mean --set data.text_column=Text? There are: Text, label"),
        (" TEXT ,label", {}, """no 'text'; did you mean --set 'data.text_column=" TEXT "'? There are:  TEXT , label"""),
        ("id,reviewText,label", {}, "no 'text'; did you mean --set data.text_column=reviewText? There are: id, "),
        ("review_text,label", {"text": "reveiw_text"}, "did you mean --set data.text_column=review_text? There are:"),
        ("x,y,label", {}, "no 'text'; name it with --set data.text_column=NAME, one of: x, y, label"),
        ("text,Stars", {}, "no 'label'; did you mean --set data.label_column=Stars? There are: text, Stars"),
        ("Summary,text,label", {"text": ("summary", "text")}, "did you mean --set data.text_column=[Summary,text]? "),
        (
            "text,label",
            {"weight": "w"},
            "no 'w'; choose from text, label, or use none with --set data.weight_column=null",
        ),
    ],
)
def test_a_missing_column_has_the_option_that_names_it(header, wanted, repair):
    """Case and spaces aside, a misspelling, or the usual name of such a column: but only as a question."""
    row = ",".join("1" * len(header.split(",")))
    assert repair in complaint(f"{header}\n{row}\n", options=BOTH._replace(**wanted))
