"""JSON lines, and what all JSON files share, with the exact error messages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import complaint, parse, rows, texts

from sentibp.data.readers.json_lines import SHAPES
from sentibp.data.readers.table import JOIN, ONE_LABEL, ReadOptions


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson", "x.json"])
def test_json_lines(name):
    data = '{"text": "2020-01-01", "label": 1, "x": [{}]}\n\n{"label": 0, "text": "\\u0000\\ud83d\\ude00", "x": 5}\r\n'
    assert rows(parse(data, name)) == [("2020-01-01", 1), ("\0😀", 0)]
    assert parse(data, name).where(1) == f"{name}:3"


def test_a_json_array():
    data = '[\n {"text": "a", "label": true},\n\n {"text": "b",\n  "label": 0.5}]\n'
    records = parse(data, "x.json")
    assert rows(records) == [("a", "True"), ("b", "0.5")]
    assert [records.where(0), records.where(1)] == ["x.json:2", "x.json:4"]
    assert rows(parse("[ ]", "x.json")) == rows(parse("", "x.json")) == rows(parse("\n \n", "x.json")) == []


def test_json_missing_and_mixed_values():
    data = '{"text": null, "label": 1}\n{"label": "pos"}\n{"text": "a"}\n'
    assert rows(parse(data, "x.jsonl")) == [("", "1"), ("", "pos"), ("a", None)]


def test_json_that_arrow_rejects_and_python_reads():
    data = '{"text": "a\tb\\ud800", "label": 1}\n{"text": "d", "label": 0}'
    assert rows(parse(data, "x.jsonl")) == [("a\tb?", "1"), ("d", "0")]


FIRST = "where each line has an object, to keep the first: jq -c '.[\"label\"] |= first' x.json > reviews.jsonl"

JSON_MISTAKES = {
    '{"text": "a", "label": 1}\n{"text": "b" "label": 1}': "x.json:2: not JSON: expecting ',' delimiter; "
    "write one object a line",
    '{\n"text": "a",\n}': "x.json:3: not JSON: a ',' before '}'; remove it",
    '{"text": "a", "label": 1}\n5': 'x.json:2: not an object; write {"text": "..."}',
    '{"a": 1, "b": 2}': "x.json:1: no 'text'; name it with --set data.text_column=NAME, one of: a, b\n"
    "x.json:1: no 'label'; name it with --set data.label_column=NAME, one of: a, b",
    '{"text": 5, "label": 1}': "x.json:1: 'text' is not a string; put it in quotes",
    '{"text": "a", "label": {}}': "x.json:1: 'label' is an object; name a value in it",
    '{"text": "a", "label": 1}\n{"text": {"body": "b"}, "label": 1}': "x.json:2: 'text' is an object; "
    "name a value in it, such as text.body",
    '{"text": "a", "label": ["food", "price"]}': f"x.json:1: 'label' is a list; {ONE_LABEL}; {FIRST}",
    '{"text": "a", "label": 1}\n{"text": ["a", "b"], "label": 1}': f"x.json:2: 'text' is a list; {JOIN}",
    '[{"text": "a", "label": 1}\n, 3]': 'x.json:2: not an object; write {"text": "..."}',
    '{"text": "a", "label": 1}\n\ufeff{"text": "b"}': "x.json:2: not JSON: expecting value; "
    "remove the byte order mark (U+FEFF) before it",
    '[{"text": "a", "label": 1}\n\n{}]': "x.json:3: not JSON: expecting ',' or ']'; repair the list",
    '[{"text": "a", "label": 1},\n': "x.json:2: not JSON: expecting value; repair the list",
    '[{"text": "a", "label": 1}': "x.json:1: not JSON: expecting ',' or ']'; repair the list",
    '{"text": "a", "label": ' + "[" * 100_000: f"x.json:1: not JSON: nested too deeply; {SHAPES}",
    '{"text": "a", "label": ' + "9" * 5000 + "}": f"x.json:1: not JSON: a number of thousands of digits; {SHAPES}",
    '[{"text": "a", "label": ' + "9" * 5000 + "}]": "x.json:1: not JSON: a number of thousands of digits; "
    "repair the list",
    "\0\0\0{\r": "x.json:1: not JSON: expecting value; write one object a line",  # whose zeros look like UTF-32
}


@pytest.mark.parametrize("data", JSON_MISTAKES, ids=range(len(JSON_MISTAKES)))
def test_json_mistakes(data):
    assert complaint(data, "x.json") == JSON_MISTAKES[data]


any_text = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(any_text, min_size=1), st.booleans())
def test_any_text_is_preserved_in_json(written, ascii_only):
    lines = [json.dumps({"text": text}, ensure_ascii=ascii_only) for text in written]
    assert texts(parse("\n".join(lines), "x.jsonl", ReadOptions())) == written
    assert texts(parse(f"[{','.join(lines)}]", "x.json", ReadOptions())) == written


@pytest.mark.parametrize(
    ("data", "place", "key"),
    [
        ('{"text": "a", "label": 1}\n{"text": "good", "text": "bad", "label": 1}\n', "x.jsonl:2", "text"),
        ('{"text": "a", "label": 1, "label": 0}\n', "x.jsonl:1", "label"),
        ('[{"text": "a", "label": 1},\n {"text": "good", "text": "bad", "label": 1}]', "x.jsonl:2", "text"),
        ('{"data": [{"text": "a", "label": 1}], "data": []}', "x.jsonl:1", "data"),
        ('{"text": {"0": "a"}, "label": {"0": 1}, "label": {"0": 0}}', "x.jsonl:1", "label"),
    ],
)
def test_a_key_that_occurs_twice_is_an_error(data, place, key):
    fact = f"{place}: the key {key!r} occurs several times; remove one, or keep the last of each, as jq -c . does"
    assert complaint(data, "x.jsonl") == fact


def test_a_key_within_an_object_that_occurs_twice():
    options = ReadOptions("review.text")
    assert "the key 'text' occurs several times" in complaint(
        '{"review": {"text": "a", "text": "b"}}', "x.jsonl", options
    )
    assert "the key 'review' occurs several times" in complaint(
        '{"review": {"text": "a"}, "review": {"text": "b"}}', "x.jsonl", options
    )


def test_a_key_that_is_not_read_may_occur_twice():
    assert rows(parse('{"text": "a", "label": 1, "id": 1, "id": 2}', "x.jsonl")) == [("a", 1)]


@pytest.mark.parametrize("data", ['["good", "bad \\u00e9"]', '[\n"good",\n"bad é"\n]', '"good"\n"bad é"\n'])
def test_texts_without_labels(data):
    assert texts(parse(data, "x.json", ReadOptions())) == ["good", "bad é"]
    assert complaint(data, "x.jsonl").endswith(': not an object; write {"text": "..."}')


def test_json_in_strings_is_no_text():
    line = json.dumps(json.dumps({"text": "good"}))
    repair = "JSON that is written as a string; decode it, as jq -c fromjson does"
    assert complaint(f"{line}\n{line}\n", "x.jsonl", ReadOptions()) == f"x.jsonl:1: {repair}"


def test_marks_before_objects_are_no_table():
    data = '\x1e{"text": "good", "label": 1}\n' * 3
    repair = "remove the mark (U+001E) before each object, as tr -d '\\036' does"
    assert complaint(data, "x.jsonl") == f"x.jsonl:1: not JSON: expecting value; {repair}"
