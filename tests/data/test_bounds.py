"""Memory is bounded by the size of a record, not by that of a file: long records, pieces of a prediction, documents."""

from __future__ import annotations

import gzip
import io
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from reading import complaint, parse, rows

from sentibp.data import readers
from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers import batches, content, folder, json_file, pieces
from sentibp.data.readers.records import read_records
from sentibp.data.readers.stream import stream_pieces
from sentibp.data.readers.table import LABELLED, ReadOptions
from sentibp.errors import DataError
from sentibp.utils import environment
from sentibp.utils.arrow import strings

MOST = 1000  # bytes of a record in these tests
SHORT = LABELLED._replace(most=MOST)
LONG = "a good film " * 100


def packed(table: dict) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(table), out)
    return out.getvalue()


def workbook(*rows: list) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


RAISE = "to read it: --set data.max_record_mb=1"

LONG_RECORDS = {  # name, content, what is said
    "a line of CSV": ("x.csv", f"text,label\ngood,1\n{LONG},0\n", f"x.csv:3: a line of more than 0.001 MB; {RAISE}"),
    "the header": ("x.csv", f"text,label,{LONG}\ngood,1,x\n", f"x.csv:1: a line of more than 0.001 MB; {RAISE}"),
    "a quoted text": (
        "x.csv",
        'text,label\ngood,1\n"' + "bad film\n" * 200 + '",0\n',
        f"x.csv:3: a row of more than 0.001 MB; close its quote, or {RAISE}",
    ),
    "the first row of a TSV": (
        "x.tsv",
        'text\tlabel\n"' + "bad film\n" * 200 + '"\t0\n',
        f"x.tsv:2: a row of more than 0.001 MB; close its quote, or {RAISE}",
    ),
    "JSON lines": (
        "x.jsonl",
        '{"text": "good", "label": 1}\n\n' + json.dumps({"text": LONG, "label": 0}),
        f"x.jsonl:3: a line of more than 0.001 MB; {RAISE}",
    ),
    "a list": (
        "x.json",
        json.dumps([{"text": "good", "label": 1}, {"text": LONG, "label": 0}], indent=1),
        f"x.json:6: a record of more than 0.001 MB; {RAISE}",
    ),
    "a list in an object": (
        "x.json",
        json.dumps({"all": [{"text": "good", "label": 1}, {"text": LONG, "label": 0}]}),
        f"x.json:1: a record of more than 0.001 MB; {RAISE}",
    ),
    "one object": (
        "x.json",
        json.dumps({"text": LONG, "label": 0}),
        f"x.json:1: a record of more than 0.001 MB; {RAISE}",
    ),
    "columns of pandas": (
        "x.json",
        json.dumps({"text": {"0": "good", "1": LONG}, "label": {"0": 1, "1": 0}}),
        f"x.json:1: a text of more than 0.001 MB; {RAISE}",
    ),
    "fastText": (
        "x.txt",
        f"__label__pos good\n__label__neg {LONG}\n",
        f"x.txt:2: a line of more than 0.001 MB; {RAISE}",
    ),
    "lines with labels": ("x.txt", f"good\t1\n{LONG}\t0\n", f"x.txt:2: a line of more than 0.001 MB; {RAISE}"),
    "lines that a carriage return ends": (
        "x.csv",
        f"text,label\rgood,1\r{LONG},0\r",
        f"x.csv:3: a line of more than 0.001 MB; {RAISE}",
    ),
    "Parquet": (
        "x.parquet",
        packed({"text": ["good", LONG], "label": [1, 0]}),
        f"x.parquet: row 2: a text of more than 0.001 MB; {RAISE}",
    ),
}


@pytest.mark.parametrize("case", LONG_RECORDS)
def test_a_long_record_is_named(case):
    name, content, said = LONG_RECORDS[case]
    assert complaint(content, name, SHORT) == said
    content = content.encode() if isinstance(content, str) else content
    assert complaint(gzip.compress(content), f"{name}.gz", SHORT) == said.replace(name, f"{name}.gz", 1)
    repaired = parse(content, name, SHORT._replace(most=1_000_000))
    assert len(repaired.text) in (1, 2), "the repair works"


def test_a_quote_that_is_not_closed():
    content = 'text,label\ngood,1\n"bad,0\n' + "fine,1\n" * 400
    said = "x.csv:3: a row of more than 0.001 MB; close its quote, or if quotes are plain characters: --set "
    assert complaint(content, "x.csv", SHORT) == f"{said}data.quoting=none, or {RAISE}"
    assert len(parse(content, "x.csv", SHORT._replace(quoting="none")).text) == 402


def test_a_long_cell_of_excel_is_named():
    data = workbook(["text", "label"], ["good", 1], [LONG, 0])
    assert complaint(data, "x.xlsx", SHORT) == f"x.xlsx: row 3: a text of more than 0.001 MB; {RAISE}"


def test_a_long_file_of_a_folder_is_named(tmp_path):
    for name, text in (("pos", "good"), ("neg", LONG)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(text)
    with pytest.raises(DataError) as caught:
        read_records(readers.open_table(tmp_path, "x", SHORT), SHORT)
    assert str(caught.value) == f"x/neg/1.txt: a text of more than 0.001 MB; {RAISE}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"good\n{LONG}\nbad\n", "<stdin>:2: a line of more than 0.001 MB"),
        (f"text,label\ngood,1\n{LONG},0\n", "<stdin>:3: a line of more than 0.001 MB"),
        (f'{{"text": "good"}}\n{{"text": "{LONG}"}}\n', "<stdin>:2: a line of more than 0.001 MB"),
        ('text,label\ngood,1\n"' + "bad\n" * 500 + '",0\n', "<stdin>:3: a row of more than 0.001 MB; close it"),
        (f'[{{"text": "good"}}, {{"text": "{LONG}"}}]', "<stdin>:1: a record of more than 0.001 MB"),
        (f'{{"text": "{LONG}"}}', "<stdin>:1: a record of more than 0.001 MB"),
    ],
)
def test_a_long_record_of_a_stream_is_named(content, said):
    with pytest.raises(DataError) as caught:
        list(stream_pieces(Slow(content.encode()), "<stdin>", ReadOptions(most=MOST), Kept.text))
    assert str(caught.value).startswith(said)
    repair = re.search(r"--set data.max_record_mb=(\d+)", str(caught.value))
    assert repair is not None
    most = int(repair[1]) * 1_000_000
    assert list(stream_pieces(Slow(content.encode()), "<stdin>", ReadOptions(most=most), Kept.text))


class Slow(io.BytesIO):
    """A stream of which a few bytes arrive at once."""

    def read1(self, count: int | None = -1) -> bytes:
        return super().read1(100)

    def fileno(self) -> int:
        raise OSError


def test_a_long_document_of_a_stream_is_no_long_line():
    content = "\n\n" + json.dumps([{"text": "good"}] * 500)
    found = list(stream_pieces(Slow(content.encode()), "<stdin>", ReadOptions(most=MOST), Kept.nothing))
    assert sum(len(piece.text) for piece in found) == 500
    content = json.dumps([{"text": "good"}] * 500)
    assert len(parse(content, "x.json", ReadOptions(most=MOST)).text) == 500


@pytest.mark.parametrize("line", [MOST - 1, MOST, MOST + 1, 10 * MOST])
@pytest.mark.parametrize("before", [0, 1, MOST, 5 * MOST])
@pytest.mark.parametrize("end", ["", "\n", "\nmore\n", "\r\nmore"])
def test_the_longest_line_is_found(line, before, end, monkeypatch):
    monkeypatch.setattr(content, "CHUNK", 128)
    start = ("short\n" * before)[:before].encode()
    start += b"\n" if start and not start.endswith(b"\n") else b""
    data = memoryview(start + b"x" * line + end.encode())
    assert content.long_line(data, MOST) == ((len(start), len(start) + line) if line > MOST else None)


def test_blank_lines_are_skipped_and_counted():
    data = memoryview(b"\n" * 200_000 + b"one\n" + b" \n" * 100_000 + b"\ntwo")
    assert list(content.filled_lines(data)) == [(200_001, b"one\n"), (300_003, b"two")]


def test_blank_lines_of_tables():
    records = parse("\n" * 150_000 + "text,label\ngood,1\n" + "\n" * 150_000 + "bad,0\n")
    assert rows(records) == [("good", "1"), ("bad", "0")]
    assert rows(parse('{"text": "a", "label": 1}\n' + "\n" * 150_000 + '{"text": "b", "label": 0}', "x.jsonl")) == [
        ("a", 1),
        ("b", 0),
    ]


@pytest.mark.parametrize(("start", "factor"), [("[", json_file._LIST), ("{", json_file._OBJECT)])
def test_a_document_that_does_not_fit_in_memory(start, factor, monkeypatch):
    rows = [{"text": "good", "label": 1}, {"text": "bad", "label": 0}]
    content = json.dumps(rows if start == "[" else {"all": rows})
    monkeypatch.setattr(environment, "memory", lambda: factor * len(content))
    assert len(parse(content, "x.json").text) == 2
    monkeypatch.setattr(environment, "memory", lambda: factor * len(content) - 1)
    said = complaint(content, "x.json")
    assert said.startswith("x.json: a JSON document of 0.1 kB needs ")
    assert said.endswith("; write an object a line, for example with jq -c, as JSON lines")
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert len(parse(lines, "x.jsonl").text) == 2, "lines are read one by one"


def test_slow_readers_hold_few_long_rows(monkeypatch):
    monkeypatch.setattr(batches, "_BATCH", 100)
    found = list(batches.batched([(i, ["x" * 60]) for i in range(5)], batches.row_size))
    assert [len(batch) for batch in found] == [2, 2, 1]
    monkeypatch.setattr(folder, "batched", batches.batched)


# --- pieces of a prediction


def sizes(batches: list[dict]) -> list[int]:
    return [len(batch["text"]) for batch in pieces._regrouped(batches)]


def test_pieces_are_bounded_by_rows_and_bytes(monkeypatch):
    monkeypatch.setattr(pieces, "_ROWS", 128)
    monkeypatch.setattr(pieces, "MOST_ROWS", 512)
    monkeypatch.setattr(pieces, "_BYTES", 10_000)
    empty, long = strings([""] * 2000), strings(["x" * 900] * 30)
    assert max(sizes([{"text": empty}])) <= 640
    assert sum(sizes([{"text": empty}])) == 2000
    assert max(sizes([{"text": long}])) <= 15
    assert sum(sizes([{"text": long}])) == 30
    assert sizes([{"text": strings(["x" * 100_000])}] * 3) == [1, 1, 1]
    assert sizes([{"text": strings(["short"] * 100)}] * 3) == [192, 108], "short texts are joined"


def test_a_dictionary_counts_as_the_texts_that_it_stands_for(monkeypatch):
    monkeypatch.setattr(pieces, "_BYTES", 10_000)
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int32()), pa.array(["x" * 1000]))
    assert max(sizes([{"text": column}])) <= 20
    assert sum(sizes([{"text": column}])) == 100


def test_json_objects_are_bounded_by_bytes(monkeypatch):
    monkeypatch.setattr(pieces, "_BYTES", 1000)
    groups = list(pieces.grouped((i, {}, "x" * 400) for i in range(7)))
    assert [len(group) for group in groups] == [3, 3, 1]
    assert list(pieces.grouped([])) == [[]]


def test_a_piece_is_split():
    piece = Piece(strings(map(str, range(5))), {"a": strings("abcde")}, list("vwxyz"), notes=("once",))
    found = list(piece.split(2))
    assert [each.text.to_pylist() for each in found] == [["0", "1"], ["2", "3"], ["4"]]
    assert [each.columns["a"].to_pylist() for each in found] == [["a", "b"], ["c", "d"], ["e"]]
    assert [each.objects for each in found] == [["v", "w"], ["x", "y"], ["z"]]
    assert [each.notes for each in found] == [("once",), (), ()]
    assert len(list(Piece(strings([])).split(2))) == 1


def test_empty_lines_of_a_stream_are_many_small_pieces(monkeypatch):
    found = list(stream_pieces(io.BytesIO(b"\n" * 200_000), "<stdin>", ReadOptions(), Kept.nothing))
    assert sum(len(piece.text) for piece in found) == 200_000
    assert max(len(piece.text) for piece in found) <= pieces.MOST_ROWS


def test_pieces_are_whole():
    """Cut anywhere, the rows are those of the file."""
    rng = np.random.default_rng(0)
    texts = ["x" * int(n) for n in rng.integers(0, 300, 1000)]
    array = strings(texts)
    cut = np.sort(rng.integers(0, 1000, 20)).tolist()
    batches = [{"text": array.slice(a, b - a)} for a, b in zip([0, *cut], [*cut, 1000], strict=True) if b > a]
    assert [text for batch in pieces._regrouped(batches) for text in batch["text"].to_pylist()] == texts
