"""Predictions beside the columns of their input, in every format."""

from __future__ import annotations

import csv
import datetime
import decimal
import gzip
import io
import json
import math
import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

OWN = ["label", "score", "positive", "tokens", "unknown", "note"]

# values that a reader or writer might take for something else
ROWS = [
    {"id": "007", "date": "2026-01-02", "big": "123456789012345678901234567890", "text": "a good film"},
    {"id": "1e3", "date": "", "big": "=1+1", "text": 'bad, "long"\nfilm'},
    {"id": "NA", "date": "null", "big": "@SUM(A1)", "text": "tab\tand\rreturn"},
    {"id": "", "date": " x ", "big": "naïve 🎬", "text": ""},
]


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


def write(name: str, rows=ROWS) -> None:
    """Write rows as CSV or TSV, with every value in quotes."""
    with open(name, "w", newline="") as file:
        delimiter = "\t" if ".tsv" in name else ","
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(name: str) -> list[dict]:
    """Read rows in any format."""
    opened = gzip.open if name.endswith(".gz") else open
    if ".parquet" in name:
        return parquet.read_table(name).to_pylist()
    with opened(name, "rt", newline="", encoding="utf-8") as file:
        if ".json" in name and ".jsonl" not in name:
            return json.load(file)
        if "json" in name:
            return [json.loads(line) for line in file]
        return list(csv.DictReader(file, delimiter="\t" if ".tsv" in name else ","))


OUTPUTS = [
    "o.csv",
    "o.tsv",
    "o.jsonl",
    "o.ndjson",
    "o.json",
    "o.parquet",
    "o.csv.gz",
    "o.tsv.gz",
    "o.jsonl.gz",
    "o.json.gz",
]


EMPTY = "1 of 4 texts is empty: the answer to an empty text says nothing\n"


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("input", ["i.csv", "i.tsv"])
def test_every_value_is_kept_as_it_is(sentibp, input, output):
    write(input)
    told = f"{input}: {EMPTY}{output}: 4 rows written\n"
    assert sentibp("predict", "--input", input, "--output", output) == (0, "", told)
    found = read(output)
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    expected = sentibp("predict", "--", *(row["text"] for row in ROWS)).jsonl
    assert [float(row["positive"]) for row in found] == [answer["positive"] for answer in expected]
    assert list(found[-1]) == [*ROWS[0], *OWN]


@pytest.mark.parametrize("output", OUTPUTS)
def test_sentibp_reads_what_it_writes(sentibp, output):
    write("i.csv")
    sentibp("predict", "-i", "i.csv", "-o", output)
    again = sentibp("predict", "-i", output, "--format", "jsonl")
    assert [record["text"] for record in again.jsonl] == [row["text"] for row in ROWS]
    assert [record["predicted_label"] for record in again.jsonl] == [record["label"] for record in again.jsonl]
    assert "the input has a column 'label': the prediction's is called 'predicted_label'\n" in again.err


def test_only_values_that_need_it_are_quoted(sentibp):
    write("i.csv")
    lines = sentibp("predict", "-i", "i.csv", "--format", "csv").out.splitlines(keepends=True)
    assert lines[0] == f"id,date,big,text,{','.join(OWN)}\n"
    assert lines[1].startswith("007,2026-01-02,123456789012345678901234567890,a good film,")
    assert lines[2] == '1e3,,=1+1,"bad, ""long""\n'


def test_no_keep(sentibp):
    write("i.csv")
    texts = [row["text"] for row in ROWS]
    for format in ("csv", "jsonl"):
        expected = sentibp("predict", "--no-keep", "--format", format, "--", *texts).out
        assert sentibp("predict", "-i", "i.csv", "--no-keep", "--format", format).out == expected


def test_columns_of_the_same_name(sentibp):
    """Neither the label of the input nor that of the prediction is lost."""
    rows = [{"label": "mine", "text": "good", "predicted_label": "older", "score": "9"}]
    write("i.csv", rows)
    for output in ("o.csv", "o.jsonl", "o.parquet"):
        err = sentibp("predict", "-i", "i.csv", "-o", output).err
        (row,) = read(output)
        names = [*rows[0], "predicted_label_2", "predicted_score", "positive", "tokens", "unknown", "note"]
        assert list(row) == names[: len(row)]
        assert {**row, **rows[0]} == row
        assert (row["predicted_label_2"], float(row["predicted_score"])) == ("positive", float(row["positive"]))
        assert err == (
            "the input has a column 'label': the prediction's is called 'predicted_label_2'\n"
            "the input has a column 'score': the prediction's is called 'predicted_score'\n"
            f"{output}: 1 row written\n"
        )


def test_names_that_differ_in_capitals_are_the_same(sentibp):
    """A reader would take the column `label` of the output for the labels, which are in `Label `."""
    write("i.csv", [{"text": "good", "Label ": "neg"}])
    for output in ("o.csv", "o.jsonl", "o.parquet"):
        err = sentibp("predict", "-i", "i.csv", "-o", output).err
        assert "the input has a column 'Label ': the prediction's is called 'predicted_label'\n" in err
        (row,) = read(output)
        assert (row["Label "], row["predicted_label"], "label" in row) == ("neg", "positive", False)
    assert sentibp("eval", "--data", "o.csv", "--json").json["accuracy"] == 0


def test_two_columns_of_one_name_are_refused(sentibp, fails):
    Path("i.csv").write_text("id,id,text\n1,2,good\n")
    line = fails(3, "predict", "-i", "i.csv")
    assert line.startswith("i.csv:1: two columns are called 'id'")
    assert line.endswith("--no-keep")
    assert len(sentibp("predict", "-i", "i.csv", "--no-keep").jsonl) == 1
    assert "<stdin>:1: two columns" in fails(3, "predict", "-i", "-", stdin=Path("i.csv").read_text())


JSON = r"""{"id": 12345678901234567890123, "price": 1.10, "text": "good film", "tags": [{"a": null}], "ok": true}
{ "text":"b\u00e4d \ud83d", "id": null, "\"": "}" }
{"text": "good"}
"""


@pytest.mark.parametrize("stdin", [True, False])
def test_json_objects_stay_as_they_are_written(sentibp, stdin):
    Path("i.jsonl").write_text(JSON)
    out = sentibp("predict", "-i", "-" if stdin else "i.jsonl", stdin=JSON).out.splitlines()
    for line, before in zip(out, JSON.splitlines(), strict=True):
        assert line.startswith(before[:-1].rstrip() + ', "label": ')
        assert set(OWN[:-1]) <= set(json.loads(line))


NUMBERS = '{"text": "good film", "price": 1.10, "far": 1e400, "e": 1E5, "id": 12345678901234567890123, "in": [2.50]}'
TYPED = {"price": 1.1, "far": "1e400", "e": 1e5, "id": "12345678901234567890123", "in": "[2.50]"}


@pytest.mark.parametrize("input", ["i.jsonl", "list.json", "table.json", "-"])
def test_numbers_of_json_stay_as_they_are_written(sentibp, input):
    """Also in a column of text, and where objects are written anew; a number that no column holds is text."""
    Path("i.jsonl").write_text(f"{NUMBERS}\n")
    Path("list.json").write_text(f"[\n{NUMBERS}\n]")
    Path("table.json").write_text(f'{{"reviews": [{NUMBERS}]}}')
    written = {key: value for key, value in re.findall(r'"(\w+)": ([\d.eE]+|\[.*\])', NUMBERS)}
    for delimiter, format in (",", "csv"), ("\t", "tsv"):
        out = sentibp("predict", "-i", input, "--format", format, stdin=NUMBERS).out
        (row,) = csv.DictReader(out.splitlines(), delimiter=delimiter)
        assert {key: row[key] for key in written} == written
    for format in "jsonl", "json":
        out = sentibp("predict", "-i", input, "--format", format, stdin=NUMBERS).out
        assert NUMBERS[:-1] + ', "label"' in out
    sentibp("predict", "-i", input, "-o", "o.parquet", "--force", stdin=NUMBERS)
    (row,) = parquet.read_table("o.parquet").to_pylist()
    assert {key: row[key] for key in written} == TYPED


def test_minus_zero_and_large_integers_of_json(sentibp):
    """No column of Parquet has both an integer beyond 2^53 and 1.5: they are text."""
    rows = (
        '{"text": "good", "z": -0, "n": [-0, 1], "k": 9007199254740993}\n{"text": "bad", "z": 1, "n": [], "k": 1.5}\n'
    )
    Path("i.jsonl").write_text(rows)
    first, _ = sentibp("predict", "-i", "i.jsonl", "--format", "csv").csv
    assert (first["z"], first["n"], first["k"]) == ("-0", "[-0, 1]", "9007199254740993")
    sentibp("predict", "-i", "i.jsonl", "-o", "o.parquet")
    found = parquet.read_table("o.parquet").select(["z", "n", "k"]).to_pydict()
    assert str(found) == "{'z': [-0.0, 1.0], 'n': ['[-0, 1]', '[]'], 'k': ['9007199254740993', '1.5']}"


def test_bytes_of_parquet_that_are_text_are_text_in_every_format(sentibp):
    """Hive and Impala store text so. JSON had the hexadecimal digits of each letter, and CSV these in quotes."""
    ids, digests = [b"A17", "é".encode()], [b"\xff\x00", None]
    content = {
        "text": ["good", "bad"],
        "id": ids,
        "fixed": pa.array([b"ab", b"\xffc"], pa.binary(2)),
        "digest": digests,
    }
    parquet.write_table(pa.table(content), "i.parquet")
    for suffix, missing in (("csv", ""), ("tsv", ""), ("jsonl", None)):
        sentibp("predict", "-i", "i.parquet", "-o", f"o.{suffix}")
        first, second = read(f"o.{suffix}")
        assert (first["id"], second["id"]) == ("A17", "é")
        assert (first["digest"], second["digest"]) == ("ff00", missing)
        assert (first["fixed"], second["fixed"]) == ("ab", "ff63")
    sentibp("predict", "-i", "i.parquet", "-o", "o.parquet")
    assert [row["id"] for row in read("o.parquet")] == ids


def test_json_that_is_nested_deeply_is_written_anew(sentibp):
    Path("deep.json").write_text(f'[{{"text": "good", "d": {"[" * 600}1.5{"]" * 600}}}]')
    assert sentibp("predict", "-i", "deep.json").out.startswith('{"text": "good", "d": [[[[')


def test_json_with_optional_keys_as_a_table(sentibp):
    Path("i.jsonl").write_text(JSON)
    sentibp("predict", "-i", "i.jsonl", "-o", "o.csv")
    first, second, third = read("o.csv")
    assert list(first) == ["id", "price", "text", "tags", "ok", '"', *OWN]
    assert [first[name] for name in ("id", "price", "tags", "ok")] == [
        "12345678901234567890123", "1.10", '[{"a": null}]', "true"
    ]  # fmt: skip
    assert (second["id"], second['"'], third["tags"]) == ("", "}", "")
    sentibp("predict", "-i", "i.jsonl", "-o", "o.parquet")
    types = {field.name: str(field.type) for field in parquet.read_schema("o.parquet")}
    assert (types["price"], types["ok"], types["id"]) == ("double", "bool", "large_string")


def test_a_key_that_comes_late_in_a_stream_is_not_dropped(fails, sentibp):
    lines = '{"text": "good"}\n{"text": "bad", "id": 1}\n'
    result = sentibp("predict", "-i", "-", "--format", "csv", stdin=lines, code=3)
    assert result.err.startswith("<stdin>:2: the key 'id' is not in the first object; ")
    sentibp("predict", "-i", "-", "-o", "o.parquet", stdin=lines)
    assert [row["id"] for row in read("o.parquet")] == [None, 1]


def test_a_key_of_the_prediction_that_comes_late(sentibp):
    lines = '{"text": "good"}\n' * 20_000 + '{"text": "bad", "label": 1}\n'
    Path("i.jsonl").write_text(lines)
    result = sentibp("predict", "-i", "i.jsonl")
    assert (result.jsonl[0]["label"], result.jsonl[-1]["label"]) == ("positive", 1)
    assert result.jsonl[-1]["predicted_label"] == "negative"
    assert result.err.count("\n") == 1


@pytest.fixture
def table() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([1, None], pa.int32()),
            "price": pa.array([0.1, float("nan")], pa.float32()),
            "when": pa.array([datetime.datetime(2026, 1, 2, 3, 4), None], pa.timestamp("ns")),
            "day": pa.array([datetime.date(2026, 1, 2), None]),
            "cost": pa.array([decimal.Decimal("1.50"), None]),
            "raw": pa.array([b"\xff\0", None]),
            "kind": pa.array(["a", None]).dictionary_encode(),
            "parts": pa.array([[{"x": 1, "on": datetime.date(2026, 1, 2)}], []]),
            "text": ["good film", None],
            "ok": [True, False],
        }
    )


def test_parquet_keeps_its_types(sentibp, table):
    parquet.write_table(table, "i.parquet")
    sentibp("predict", "-i", "i.parquet", "-o", "o.parquet")
    found = parquet.read_table("o.parquet")
    assert found.schema.names == [*table.schema.names, *OWN]
    kept = found.select(table.schema.names)
    assert kept.schema.equals(parquet.read_schema("i.parquet"))
    assert kept.drop_columns(["price"]).equals(parquet.read_table("i.parquet").drop_columns(["price"]))
    assert {name: str(found.schema.field(name).type) for name in OWN} == {
        "label": "large_string", "score": "double", "positive": "double",
        "tokens": "int64", "unknown": "int64", "note": "large_string",
    }  # fmt: skip


def test_parquet_as_text(sentibp, table):
    parquet.write_table(table, "i.parquet")
    first, second = sentibp("predict", "-i", "i.parquet", "--format", "csv").csv
    assert [first[name] for name in ("id", "price", "day", "cost", "raw", "kind", "ok")] == [
        "1", "0.1", "2026-01-02", "1.50", "ff00", "a", "true"
    ]  # fmt: skip
    assert first["when"].startswith("2026-01-02 03:04:00")
    assert json.loads(first["parts"]) == [{"x": 1, "on": "2026-01-02"}]
    assert (second["id"], second["kind"]) == ("", "")
    first, second = sentibp("predict", "-i", "i.parquet").jsonl
    assert (first["day"], first["cost"], first["raw"]) == ("2026-01-02", "1.50", "ff00")
    assert (second["price"], second["id"], second["text"]) == (None, None, None)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_infinite_numbers_of_parquet_are_valid_json(sentibp, format):
    values = [math.inf, -math.inf, math.nan, None, 1.5]
    columns = {"x": values, "inner": [{"v": value} for value in values], "list": [[value] for value in values]}
    columns["coded"] = pa.array(values).dictionary_encode()
    parquet.write_table(pa.table({"text": ["good"] * len(values)} | columns), "i.parquet")
    rows = getattr(sentibp("predict", "-i", "i.parquet", "--format", format), format)
    expected = ["Infinity", "-Infinity", None, None, 1.5]
    if format == "csv":  # of which cells with lists are JSON
        for row in rows:
            row |= {name: json.loads(row[name], parse_constant=pytest.fail) for name in ("inner", "list")}
    else:
        assert [row["x"] for row in rows] == [row["coded"] for row in rows] == expected
    assert [row["inner"]["v"] for row in rows] == [row["list"][0] for row in rows] == expected


def test_an_empty_table_has_its_columns(sentibp):
    Path("i.csv").write_text("id,text\n")
    for output in OUTPUTS:
        sentibp("predict", "-i", "i.csv", "-o", output)
        assert read(output) == []
    assert Path("o.csv").read_text() == f"id,text,{','.join(OWN)}\n"
    assert parquet.read_schema("o.parquet").names == ["id", "text", *OWN]


def test_the_same_input_gives_the_same_bytes(sentibp):
    write("i.csv")
    for output in OUTPUTS:
        contents = set()
        for _ in range(2):
            sentibp("predict", "-i", "i.csv", "-o", output, "--force")
            contents.add(Path(output).read_bytes())
        assert len(contents) == 1


def test_many_pieces_are_one_file(sentibp):
    rows = [{"id": str(i), "text": "good film" if i % 3 else "bad"} for i in range(40_000)]
    write("i.csv", rows)
    answers = {text: sentibp("predict", text).jsonl[0]["positive"] for text in ("good film", "bad")}
    for output in ("o.csv", "o.json", "o.parquet"):
        sentibp("predict", "-i", "i.csv", "-o", output)
        found = read(output)
        assert [row["id"] for row in found] == [row["id"] for row in rows]
        assert [float(row["positive"]) for row in found] == pytest.approx([answers[row["text"]] for row in rows])


def test_explanations_beside_the_columns(sentibp, fails):
    Path("i.jsonl").write_text('{"text": "good film", "words": 2}\n')
    result = sentibp("predict", "-i", "i.jsonl", "--explain")
    assert result.jsonl[0]["words"] == 2
    assert [word["text"] for word in result.jsonl[0]["predicted_words"]] == ["good", "film"]
    for name in ("o.csv", "o.tsv", "o.parquet"):
        assert "--explain" in fails(2, "predict", "good", "--explain", "--output", name)


def test_parquet_on_standard_output(process, terminal):
    Path("o.parquet").write_bytes(b"")
    process("predict", "good film", "--format", "parquet", redirect="> o.parquet")
    assert parquet.read_table("o.parquet").num_rows == 1
    assert "--output" in terminal("predict", "good film", "--format", "parquet", code=2).err


def test_utf8_whatever_the_terminal_says(process):
    Path("i.csv").write_text("text\nnaïve 🎬\n", encoding="utf-8")
    out = process("predict", "-i", "i.csv", "--format", "csv", env={"PYTHONIOENCODING": "ascii"}).out
    assert io.StringIO(out).readlines()[1].startswith("naïve 🎬,")
