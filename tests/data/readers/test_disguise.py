"""Files whose content is not what their name says."""

from __future__ import annotations

import gzip
import json
import pickle
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, orc, parquet

from sentibp.data.pieces import Kept
from sentibp.data.readers import open_table
from sentibp.data.readers.records import read_records
from sentibp.data.readers.stream import stream_pieces
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

BOTH = ReadOptions(label="label")

ROWS = [{"text": "a good film", "label": 1}, {"text": "a bad one", "label": 0}]


def read(path, options=BOTH):
    records = read_records(open_table(path, path.name, options), options)
    return records.text.to_pylist(), records.notes


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.txt"])
@pytest.mark.parametrize("content", [json.dumps(ROWS), json.dumps(ROWS, indent=1), "\n".join(map(json.dumps, ROWS))])
def test_json_by_another_name(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    texts = ["a good film", "a bad one"]
    assert read(tmp_path / name) == (texts, (f"{name}: read as JSON, which it is in spite of its name",))


def test_csv_by_the_name_of_json(tmp_path):
    (tmp_path / "x.json").write_text("text,label\na good film,1\n")
    assert read(tmp_path / "x.json") == (["a good film"], ("x.json: read as CSV, as it is no JSON",))


def test_parquet_by_the_name_of_csv(tmp_path):
    parquet.write_table(pa.table({"text": ["a"], "label": [1]}), tmp_path / "x.csv")
    assert read(tmp_path / "x.csv") == (["a"], ("x.csv: read as Parquet, which it is in spite of its name",))


def test_texts_that_begin_with_a_bracket_stay_texts(tmp_path):
    (tmp_path / "x.csv").write_text('text,label\n"[{ good",1\n')
    (tmp_path / "y.txt").write_text("ORCHESTRA and <b>choir</b>\n<html> is a word\n")
    assert read(tmp_path / "y.txt", ReadOptions())[0] == ["ORCHESTRA and <b>choir</b>", "<html> is a word"]
    for text in "<user> <url> good", "<p>\n<b>A</b> film</p>", "<br /><br />good", "<review> <title> are </review>":
        (tmp_path / "z.txt").write_text(text)
        assert read(tmp_path / "z.txt", ReadOptions())[0] == text.split("\n")
    (tmp_path / "x.txt").write_text('{"Good", they said}\n[[fine]]\n')
    assert read(tmp_path / "x.csv")[0] == ["[{ good"]
    assert read(tmp_path / "x.txt", ReadOptions())[0] == ['{"Good", they said}', "[[fine]]"]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("x.csv", b"<!DOCTYPE html>\n<html><body>Sign in, please</body></html>\n", "an HTML page, "),
        ("x.json", b"\n <html>", "an HTML page, "),
        ("x.txt", b"<html>\n<p>Not found</p>\n", "an HTML page, "),
        ("x.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS, "),
        ("x.pdf", b"%PDF-1.7", "a PDF file; "),
        ("x.csv", b"SQLite format 3\0", "an SQLite database; "),
        ("x.csv", b"\x80\x04}", "a Python pickle, which may run code; "),
        ("x.pkl", pickle.dumps([{"text": "good", "label": 1}] * 9), "a Python pickle, which may run code; "),
        ("x.pkl", pickle.dumps([{"text": "good", "label": 1}] * 9, 0), "a Python pickle, which may run code; "),
        ("x.txt", pickle.dumps(["good", "bad"], 0), "a Python pickle, which may run code; "),
        ("x.txt", pickle.dumps({"good": 1}, 1), "a Python pickle, which may run code; "),
        ("x.txt", pickle.dumps(("good", "bad"), 0), "a Python pickle, which may run code; "),
        ("x.csv", pickle.dumps(np.array([1, 2]), 0), "a Python pickle, which may run code; "),
        ("x.txt", b"From ann@example.org Mon Jan  5 10:00:00 2026\nTo: bo@example.org\n\nGood\n", "mail with its "),
        ("x.mbox", b"From - Mon Jan  5 10:00:00 2026\r\nX-Mozilla-Status: 0001\r\n\r\nGood\r\n", "mail with its "),
        ("x.txt", b"Received: from a\n by b\nSubject: Good\n\nA film\n", "mail with its headers; "),
        ("x.csv.lz4", b"\x04\x22M\x18d@\xa7", "compressed by lz4, compress or lzma; "),
        ("x.csv.lzma", b"\x5d\0\0\x80\0\xff", "compressed by lz4, compress or lzma; "),
        ("tweets.js", b'window.YTD.tweets.part0 = [\n{"tweet": {', "JavaScript of a Twitter archive; "),
        ("x.json", b'window.YTD.tweets.part0 = [{"tweet": {', "JavaScript of a Twitter archive; "),
        ("x.xml", b'<?xml version="1.0"?>\n<Documents>\n<Document id="1">', "an XML file; "),
        ("x.txt", b"<review>\n<title>\nGood\n</title>\n<text>\nA film.", "an XML file; "),
        ("x.csv", b'<Sentences lang="en"><sentence id="1">Good</sentence>', "an XML file; "),
        ("x.sql", b"INSERT INTO `reviews` VALUES (1,'good','pos');", "a dump in SQL; "),
        ("x.txt", b"\ncreate table r (text varchar(99));", "a dump in SQL; "),
        ("x.txt", b"-- MySQL dump 10.13  Distrib 8.0\n--\n", "a dump in SQL; "),
        ("x.csv", b"--\n-- PostgreSQL database dump\n--\n", "a dump in SQL; "),
        ("x.txt", b"+------+-------+\n| text | label |\n", "a table with a frame, "),
        ("x.sav", b"$FL2@(#) SPSS DATA FILE", "a file of SPSS; "),
        ("x.rds", gzip.compress(b"X\n\0\0\0\3\0\4", mtime=0), "a file of R; "),
        ("x.RData", b"RDX3\nX\n\0\0\0\3", "a file of R; "),
        ("x.arff", b"% films\n@RELATION films\n", "an ARFF file of Weka; "),
        ("x.txt", b"%YAML 1.2\n---\n- good\n", "a YAML file; "),
        ("x.txt", b"---\ntext: good\nid: 3\n", "a YAML file; "),
        ("x.csv", b"- text: good film\n  label: pos\n- text: bad\n", "a YAML file; "),
        ("x.txt", b"- text: good film\n- text: bad\n", "a YAML file; "),
        ("x.yaml", b"reviews:\n  - id: 1\n    text: good\n", "a YAML file; "),
        ("x.txt", b"+1 1:0.5 3:1\n-1 2:0.1 9:2e-3\n", "in the format of libsvm, "),
        ("x.svm", b"1 qid:1 1:0.5 # a\n0 qid:1 2:.1\n", "in the format of libsvm, "),
        ("x.txt", b"(3 (2 (2 The) (2 film)) (4 (3 is) (4 good)))\n" * 9, "sentences as trees, "),
        ("x.txt", b"1 |w a good film\n-1 |w bad\n1 |w fine\n", "lines of Vowpal Wabbit; "),
        ("x.txt", b"product/productId: B001\nreview/score: 5.0\nreview/text: Good\n\n", "blocks of keys and values, "),
        ("x.txt", b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000\r\nGood film\r\n", "subtitles; "),
        ("x.txt", b"WEBVTT\n\n00:01.000 --> 00:04.000\nGood film\n", "subtitles; "),
        ("x.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<U4'}", "an array of numpy; "),
    ],
)
def test_what_is_no_data(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"^{name}: {what}"):
        read(tmp_path / name)
    if name.endswith((".txt", ".csv", ".yaml")):
        with pytest.raises(DataError, match=f"^<stdin>: {what}"):
            next(stream_pieces(BytesIO(content), "<stdin>", ReadOptions(), Kept.nothing))


def test_lists_and_ratios_that_are_texts(tmp_path):
    for text in (
        "- good\n- bad",
        "- Story: good\n- Cast: bad",
        "---\ngood film",
        "Pros:\n- fun",
        "5 10:30 was late\ngood",
        "From London at 10:30, good\nbad",
        "From: Ann\ngood film",
        "To: the makers\nFrom: a fan\nGood",
        "(lovely)\nbad",
        "(4 (out of 5) stars)\nbad",
        "cast/crew: good\nplot: bad",
        "1\n2\nbad",
        "Very good\nbad",
    ):
        (tmp_path / "x.txt").write_text(text)
        assert read(tmp_path / "x.txt", ReadOptions())[0] == text.split("\n")


@pytest.mark.parametrize("key", ["names", "separator", "quoting", "encoding", "sheet"])
def test_settings_that_cannot_apply_to_parquet(tmp_path, key):
    parquet.write_table(pa.table({"text": ["a"], "label": [1]}), tmp_path / "x.parquet")
    options = BOTH._replace(**{key: ("text", "label") if key == "names" else "double"})
    setting = {"names": "columns"}.get(key, key)
    with pytest.raises(DataError, match=f"so data.{setting} does not apply; leave it out with --set data.{setting}=nu"):
        read(tmp_path / "x.parquet", options)
    assert read(tmp_path / "x.parquet", options._replace(inherited=frozenset((key,))))[0] == ["a"]


@pytest.mark.parametrize("kind", ["arrow", "stream", "feather", "orc"])
def test_tables_of_arrow_that_are_not_parquet(tmp_path, kind):
    """The cache of the datasets library has streams, which begin otherwise than files do."""
    table = pa.table({"text": ["good"] * 9, "label": [1] * 9})
    for name in f"x.{kind}", "x.csv":
        path = tmp_path / name
        if kind == "orc":
            orc.write_table(table, path)
        elif kind == "feather":
            feather.write_feather(table, path)
        else:
            new = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
            with new(path, table.schema) as writer:
                writer.write_table(table)
        what = "an ORC file" if kind == "orc" else "a Feather or Arrow file"
        with pytest.raises(DataError, match=f"^{name}: {what}; write it as Parquet$"):
            open_table(path, name, BOTH)
