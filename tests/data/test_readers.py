"""Each format, valid and invalid, with the exact error messages."""

from __future__ import annotations

import contextlib
import gzip
import mmap
import weakref
from pathlib import Path

import numpy as np
import pytest
from reading import BOTH, complaint, parse, read, rows

from sentibp.data import readers
from sentibp.data.pieces import Kept
from sentibp.data.readers import content, open_table
from sentibp.data.readers.pieces import table_pieces
from sentibp.data.readers.records import read_records
from sentibp.data.readers.table import TEXTS
from sentibp.data.sources import load_corpus
from sentibp.errors import DataError
from sentibp.utils import spill

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


def test_a_large_file_is_memory_mapped(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text("text,label\na,1\n")
    monkeypatch.setattr(spill, "IN_MEMORY", 3)
    assert isinstance(content.read_bytes(tmp_path / "x.csv").obj, mmap.mmap)
    assert rows(read(tmp_path / "x.csv", "x.csv", BOTH)) == [("a", "1")]


def test_unknown_formats():
    assert complaint(b"PDF-1.7", "x.pdf") == (
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
        ("te_xt,label", {}, "no 'text'; did you mean --set data.text_column=te_xt? There are: te_xt, label"),
        (" TE XT,label", {}, """no 'text'; did you mean --set 'data.text_column=" TE XT"'? There are:  TE XT, label"""),
        ("id,reviewText,label", {}, "no 'text'; did you mean --set data.text_column=reviewText? There are: id, "),
        ("review_text,label", {"text": "reveiw_text"}, "did you mean --set data.text_column=review_text? There are:"),
        ("x,y,label", {}, "no 'text'; name it with --set data.text_column=NAME, one of: x, y, label"),
        ("text,Stars", {}, "no 'label'; did you mean --set data.label_column=Stars? There are: Stars"),
        ("Summary,text,label", {"text": ("sum mary", "text")}, "did you mean --set data.text_column=[Summary,text]? "),
        (
            "text,label",
            {"weight": "w"},
            "no 'w'; choose from text, label, or use none with --set data.weight_column=null",
        ),
    ],
)
def test_a_missing_column_has_the_option_that_names_it(header, wanted, repair):
    """Punctuation aside, a misspelling, or the usual name of such a column: but only as a question."""
    row = ",".join("1" * len(header.split(",")))
    assert repair in complaint(f"{header}\n{row}\n", options=BOTH._replace(**wanted))


# Rows are accounted for


def test_rows_without_anything_are_counted(tmp_path):
    (tmp_path / "x.csv").write_text("id,text,label,,\n1,good,1,,\n,,,,\n2,bad,0,,\n,,,,\n")
    corpus = load_corpus(str(tmp_path / "x.csv"))
    assert corpus.text.to_pylist() == ["good", "bad"]
    assert corpus.notes == (f"{tmp_path}/x.csv: 2 rows left out: neither text nor label",)
    (tmp_path / "x.csv").write_text("text,label\ngood,1\n,\nbad,x\n,0\n")
    with pytest.raises(DataError, match=r"x\.csv:4: label 'x'"):
        load_corpus(str(tmp_path / "x.csv"))
    (tmp_path / "x.csv").write_text("text,label\n,\n,\n")
    with pytest.raises(DataError, match=r"x\.csv: all 2 rows are empty; "):
        load_corpus(str(tmp_path / "x.csv"))


def test_notes_of_the_reading_reach_everybody(tmp_path):
    """What is seen only as the rows are read: here, lines in quotes that may be rows."""
    lines = [f'ann{i},"t{i} {i}",bob{i}\n' for i in range(5)] + ['cat,"a, b\n' + "eve,x,dan\n" * 8 + 'fay,y",gil\n']
    for name in "train-00000-of-00002.csv", "train-00001-of-00002.csv":
        (tmp_path / name).write_text("who,text,to\n" + "".join(lines))
    for path, count in (tmp_path / name, 1), (tmp_path, 2):
        table = open_table(path, "x", TEXTS)
        found = [note for piece in table_pieces(table, TEXTS, Kept.nothing) for note in piece.notes]
        told = [note for note in found if "may be rows with an open quote" in note]
        assert len(told) == count, found
