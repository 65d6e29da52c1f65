"""JSON files of every shape in which people have records."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pandas as pd
import pytest
from reading import BOTH, complaint, parse, rows, texts

from sentibp.data.readers.json_file import open_json
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

FRAME = pd.DataFrame({"id": [7, 8], "text": ["good", "bad\n[}"], "label": [1, 0]})
REVIEWS = [{"id": 7, "text": "good", "label": 1}, {"text": "bad\n[}", "label": 0, "late": "x"}]
READ = [("good", "1"), ("bad\n[}", "0")]

needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="needs jq")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table", "values"])
def test_a_table_of_pandas(orient, indent):
    data = FRAME.to_json(orient=orient, indent=indent)
    names = ("id", "text", "label") if orient == "values" else None
    assert rows(parse(data, "x.json", BOTH._replace(names=names))) == READ


def test_a_table_of_pandas_whose_index_is_no_range():
    frame = FRAME.set_index(FRAME["text"] + "?")
    for orient in ("columns", "index", "split"):
        assert rows(parse(frame.to_json(orient=orient), "x.json")) == READ


SHAPES = {
    "a list": REVIEWS,
    "a list under a key": {"version": 1, "reviews": REVIEWS, "tags": ["a"], "none": []},
    "a list under four keys": {"a": {"b": {"c": {"reviews": REVIEWS}}}},
    "a list under two keys": {"meta": {"n": 2}, "data": {"page": 1, "reviews": REVIEWS}},
    "the list whose objects have texts": {"users": [{"id": 1}], "data": {"reviews": REVIEWS}, "pairs": [[1, 2]]},
    "an object for each review": {"a1": REVIEWS[0], "a2": REVIEWS[1]},
    "a list for each column": {"text": ["good", "bad\n[}"], "label": [1, 0], "name": "mine", "tags": ["a"]},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("indent", [None, 1, 4])
def test_an_object_with_records(shape, indent):
    assert rows(parse(json.dumps(SHAPES[shape], indent=indent), "x.json")) == READ
    assert rows(parse("\n\n" + json.dumps(SHAPES[shape], indent=indent) + "\r\n", "x.jsonl")) == READ


@pytest.mark.parametrize("between", ["\n", " ", "", "\n\n"])
def test_pretty_objects_one_after_the_other(between):
    assert rows(parse(between.join(json.dumps(each, indent=2) for each in REVIEWS), "x.json")) == READ
    assert rows(parse(json.dumps(REVIEWS[0], indent=2), "x.json")) == READ[:1]


@pytest.mark.parametrize("form", ["[{}][{}]", "[{}]\n[{}]\n", "[{},\n{},\n]", "{},\n{},\n"])
def test_what_is_nearly_json(form):
    """Lists one after the other, as pages of a download are joined; commas at the end."""
    data = form.replace("{}", "%s") % tuple(map(json.dumps, REVIEWS))
    assert rows(parse(data, "x.json")) == READ


def test_a_number_that_is_none_is_no_text():
    data = '{"text": "good", "label": 1}\n{"text": NaN, "label": 0}\n'
    assert parse(data, "x.jsonl").text.to_pylist() == ["good", ""]


def test_names_do_not_apply_to_objects():
    for data in json.dumps(REVIEWS), "\n".join(map(json.dumps, REVIEWS)):
        assert "so data.columns does not apply; leave it out with --set data.columns=null" in complaint(
            data, "x.json", BOTH._replace(names=("text", "label"))
        )


def test_the_line_of_a_record():
    data = '{"meta": {"n":\n 2}, "data": [\n{"text": "a",\n "label": 1},\n\n {"text": "b", "label": 0}]}'
    records = parse(data, "x.json")
    assert [records.where(1), records.where(0)] == ["x.json:6", "x.json:3"]
    records = parse('{"text": {"0": "a",\n"1": "b"},\n"label": {"0": 1, "1": 0}}', "x.json")
    assert [records.where(0), records.where(1)] == ["x.json:1", "x.json:2"]


def test_a_key_that_the_first_record_lacks():
    data = '{"label": 1}\n{"text": "a"}\n{"text": "b", "label": 0}'
    assert rows(parse(data, "x.jsonl")) == [("", 1), ("a", None), ("b", 0)]


def test_a_path_into_nested_objects():
    data = '{"review": {"body": "a", "user": {"name": "x"}}, "label": 1}\n{"review": null, "label": 0}\n'
    options = BOTH._replace(text="review.body", group="review.user.name")
    records = parse(data, "x.jsonl", options)
    assert rows(records) == [("a", "1"), ("", "0")]
    assert records.group.to_pylist() == ["x", None]
    literal = '[{"review.body": "a", "review": {"body": "b"}, "label": 1}]'
    assert rows(parse(literal, "x.json", options._replace(group=None))) == [("a", "1")]
    assert complaint(data, "x.jsonl") == (
        "x.jsonl:1: no 'text'; did you mean --set data.text_column=review.body? "
        "There are: review.body, review.user.name, label"
    )


def test_several_texts_are_joined():
    data = '[{"title": "A", "text": "b"}, {"title": null, "text": "c"}, {"title": null, "text": null}]'
    options = ReadOptions(("title", "text"))
    assert parse(data, "x.json", options).text.to_pylist() == ["A\nb", "c", ""]


def test_lists_of_values_need_names():
    data = '[["good", 1],\n ["bad", 0]]'
    assert complaint(data, "x.json") == (
        "x.json:1: a list, without names; name its values with --set data.columns=[text,label]"
    )
    named = BOTH._replace(names=("text", "label"))
    assert rows(parse(data, "x.json", named)) == [("good", "1"), ("bad", "0")]
    assert rows(parse('["good", 1]\n["bad", 0]', "x.jsonl", named)) == [("good", "1"), ("bad", "0")]
    assert rows(parse(json.dumps({"rows": [["good", 1]]}), "x.json", named)) == [("good", "1")]
    assert complaint('[["good", 1],\n ["bad"]]', "x.json", named) == (
        "x.json:2: 1 values, and data.columns has 2 names; for example --set data.columns=[text]"
    )


NO_TEXT = "x.json:1: no 'text'; did you mean --set data.text_column=body? There are: "

MISTAKES = {
    '{"train": [{"text": "a"}], "test": [{"text": "b"}]}': "x.json: several lists or objects have 'text': "
    "train, test; write each to a file of its own: jq -c '.train[]' x.json > reviews.jsonl",
    '{"a": {"x": {"text": "a"}}, "b": [{"text": "b"}]}': "x.json: several lists or objects have 'text': b, a; "
    "write each to a file of its own: jq -c '.b[]' x.json > reviews.jsonl",
    '{"features": [{"name": "text"}], "rows": [{"row": {"text": "a"}}]}': "x.json: no list of objects with 'text'; "
    "name it with --set data.text_column=NAME, a key of: features (name), rows (row.text)",
    '[[{"text": "a"}], [{"text": "b"}]]': "x.json: a list of lists of objects; give the objects: "
    "jq -c '.[][]' x.json > reviews.jsonl",
    '[{"text": ["a", "film"]}]': "x.json:1: 'text' is a list; join its words to one string",
    '[{"text": "a",},\n {"text": "b"}]': "x.json:1: not JSON: a ',' before '}'; remove it",
    '[{"text": "a"}, // good\n {"text": "b"}]': "x.json:1: not JSON: expecting value; "
    "JSON has no comments; remove them",
    '/* good */\n[{"text": "a"}]': "x.json:1: not JSON: expecting value; JSON has no comments; remove them",
    '{"reviews": [{"body": "a", "stars": 1}], "users": {"list": [{"id": 1}]}}': "x.json: no list of objects with "
    "'text'; name it with --set data.text_column=NAME, a key of: reviews (body, stars), users.list (id)",
    '{"reviews": [{"body": "a"}]}': NO_TEXT + "body",
    '{"body": {"0": "a"}, "stars": {"0": 1}}': NO_TEXT + "body, stars",
    '{"a": {"body": "a"}, "b": {"body": "b"}}': NO_TEXT + "body",
    '[{"text": "a", "label": 1}]\n{"text": "a"}': "x.json:2: not JSON: more after the end of the list; repair the list",
    '{"films": [{"reviews": [{"text": "a", "label": 1}]}]}': "x.json: each object has a list 'reviews' with 'text'; "
    "give these objects: jq -c '.films[].reviews[]' x.json > reviews.jsonl",
    "[{'text': 'a', 'label': 1}]": "x.json:1: not JSON: expecting property name enclosed in double quotes; it is "
    "written as Python prints it, in single quotes; write it with json.dumps",
    '{"text": ["a", "b"], "label": [1]}': "x.json: 'label' has 1 values, and 'text' 2; give both for the same rows",
    '[1, "b"]': 'x.json:1: not an object; write {"text": "..."}',
}


@pytest.mark.parametrize("data", MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(data):
    assert complaint(data, "x.json", ReadOptions(label="label" if '"label"' in data else None)) == MISTAKES[data]


@pytest.mark.parametrize("begin", ["var reviews = ", "module.exports =", "window.a.b=", "export default ", "done("])
def test_the_command_that_takes_the_list_out_of_javascript(begin, tmp_path):
    content = json.dumps([{"text": "good; a[0] = {}", "label": 1}], indent=1)
    end = ");" if begin.endswith("(") else ";"
    said = complaint(f"{begin}{content}{end}\n", "x.json")
    assert said.startswith("x.json:1: not JSON: expecting value; it is JavaScript; leave the list or object in it only")
    (tmp_path / "x.js").write_text(f"{begin}{content}{end}\n")
    command = said.partition(", as ")[2].removesuffix(" does")
    found = subprocess.run(f"{command} x.js", shell=True, check=True, capture_output=True, cwd=tmp_path).stdout
    assert rows(parse(found, "x.json")) == [("good; a[0] = {}", "1")]


def test_an_object_for_each_review_within_others():
    """As Firebase exports them: each review was a column for each of its keys."""
    reviews = {
        "-N1": {"text": "good", "label": "pos", "replies": {"a": {"text": "no"}}},
        "-N2": {"text": "bad", "label": 0},
    }
    for data in {"reviews": reviews}, {"version": 1, "app": {"reviews": reviews, "users": {"a": {"name": "b"}}}}:
        records = parse(json.dumps(data, indent=1), "x.json")
        assert rows(records) == [("good", "pos"), ("bad", "0")] and records.notes == ()
    reviews["-N2"]["quotes"] = [{"text": "what"}]
    (note,) = parse(json.dumps({"all": {"reviews": reviews}}), "x.json").notes
    assert note.endswith("if these are the reviews, give them: jq -c '.all.reviews[].quotes[]' x.json > reviews.jsonl")
    assert texts(parse(json.dumps({"reviews": reviews}), "x.json", ReadOptions())) == ["good", "bad"]


def test_an_object_for_each_review_with_a_list_in_it():
    """As FiQA has them: the message listed the list of each review, and said nothing of their own keys."""
    data = json.dumps({str(i): {"sentence": f"a film {i}", "info": [{"score": 1}]} for i in range(20)})
    said = complaint(data, "x.json", ReadOptions())
    assert said == "x.json:1: no 'text'; did you mean --set data.text_column=sentence? There are: sentence, info"
    assert len(texts(parse(data, "x.json", ReadOptions("sentence")))) == 20
    many = json.dumps({f"list {i}": [{f"key {i}": i}] for i in range(20)})
    assert complaint(many, "x.json", ReadOptions()).endswith("list 7 (key 7), ...")


PAGE = '{"page": 2, "reviews": [{"text": "good"}, {"text": "bad"}]}\n'


@pytest.mark.parametrize("data", [PAGE * 2, '{"page": 1, "reviews": []}\n' + PAGE, PAGE.replace("{", "{\n", 1) * 2])
def test_pages_of_reviews_one_after_the_other(data):
    """As several answers of an interface are saved: each object has a list of reviews, and is none."""
    fact = "x.json: each object has a list 'reviews' with 'text'"
    expected = f"{fact}; give these objects: jq -c '.reviews[]' x.json > reviews.jsonl"
    assert complaint(data, "x.json", ReadOptions()) == expected


def test_a_command_of_jq_takes_the_reviews_out(tmp_path):
    """Also if the objects with the lists are in a list themselves: '.[]' then, and not '[]'."""
    pages = [{"page": 1, "reviews": REVIEWS[:1]}, {"page": 2, "reviews": REVIEWS[1:]}]
    said = complaint(json.dumps(pages), "x.json")
    assert said.endswith("give these objects: jq -c '.[].reviews[]' x.json > reviews.jsonl")
    pages = json.dumps({"a page": [{"im:reviews": REVIEWS}], "b": []}).encode()
    with pytest.raises(DataError) as error:
        open_json(memoryview(pages), "<stdin>", BOTH)
    assert str(error.value).endswith("""these objects: jq -c '.["a page"][]["im:reviews"][]' > reviews.jsonl""")


BY_CLASS = {"pos": ["a good film", "well made"], "neg": ["a bad film"]}
BY_OBJECT = [{"class": key, "text": texts} for key, texts in BY_CLASS.items()]
EQUAL = {"positive": ["a good film"], "negative": ["a bad film"]}


@pytest.mark.parametrize(
    ("data", "lists", "command"),
    [
        (BY_CLASS, "'pos', 'neg' seem to have the texts of a class each", ". | to_entries[] | {COLUMNS}"),
        ({"a b": EQUAL}, "'positive', 'negative' seem to have the", '.["a b"] | to_entries[] | {COLUMNS}'),
        (BY_OBJECT, "each object has a list 'text' of texts", ".[] | .text = .text[]"),
        (
            {"all": [{"label": "pos", "said": BY_CLASS["pos"]}, {"label": "neg", "said": BY_CLASS["neg"]}]},
            "each object has a list 'said' of texts",
            ".all[] | .text = .said[] | del(.said)",
        ),
    ],
)
def test_lists_of_texts_are_met_with_a_command_of_jq(tmp_path, data, lists, command):
    """The advice was to name a list as the column of the texts, and then to join its words."""
    said = complaint(json.dumps(data), "x.json")
    assert said.startswith(f"x.json: {lists}")
    command = command.replace("COLUMNS", '"label": .key, "text": .value[]')
    assert said.endswith(f"; give an object for each text: jq -c {shlex.quote(command)} x.json > reviews.jsonl")
    if shutil.which("jq"):
        written = subprocess.run(["jq", "-c", command], input=json.dumps(data), capture_output=True, text=True).stdout
        options = BOTH if data is not BY_OBJECT else BOTH._replace(label="class")
        found = {(text, label[:3]) for text, label in rows(parse(written, "x.jsonl", options))}
        assert {("a good film", "pos"), ("a bad film", "neg")} <= found


@needs_jq
@pytest.mark.parametrize(("inside", "labels"), [(False, ["pos", "neg"]), (True, ["pos", "neg"]), (False, [1, 0])])
def test_labels_under_their_texts_are_met_with_a_command_of_jq(inside, labels):
    """Each text was a column, and the message listed all of them."""
    value = {f"a film that I saw {i} times": labels[i % 2] for i in range(12)}
    data = json.dumps({"n": 12, "all": value} if inside else value)
    said = complaint(data, "x.json")
    assert said.startswith(
        "x.json: the keys, such as 'a film that I saw 0 times', seem to be the texts, and their values"
    )
    assert taken_out(said, data) == list(value.items())
    settings = {"the name of the model": "a", "the number of epochs": 3, "the size of the data": 7}  # no labels
    assert "seem to be" not in complaint(json.dumps(settings), "x.json")


@needs_jq
def test_tasks_of_label_studio(tmp_path):
    """The message named no column of labels, as these are in lists."""
    choice = {"id": 1, "type": "choices", "value": {"choices": ["good"]}}
    tasks = [{"id": 1, "data": {"text": "a film"}, "annotations": [{"id": 1, "result": [choice]}]}] * 2
    tasks += [{"id": 3, "data": {"n": 3, "body": "a book"}, "annotations": []}]
    named = BOTH._replace(text="data.text")
    for options in BOTH, named:
        said = complaint(json.dumps(tasks), "x.json", options)
        assert said.startswith("x.json: tasks of Label Studio, whose labels are in lists; take them out: jq -c ")
    assert taken_out(said, json.dumps(tasks)) == [("a film", "good"), ("a film", "good"), ("a book", None)]
    assert texts(parse(json.dumps(tasks[:2]), "x.json", named._replace(label=None))) == ["a film", "a film"]


ARGILLA = {"fields": {"text": "a film"}, "responses": {"mood": [{"value": "good"}]}, "status": "completed"}
CHOICE = {"text": "a film", "options": [{"id": "good", "text": "Good"}], "accept": ["good"], "answer": "accept"}


@needs_jq
@pytest.mark.parametrize(
    ("what", "record", "other", "left"),
    [
        ("records of Argilla", ARGILLA, {"responses": {"mood": []}}, [("a film", "good"), ("a film", None)]),
        ("choices of Prodigy", CHOICE, {"answer": "ignore"}, [("a film", "good")]),
        ("choices of Prodigy", CHOICE, {"accept": ["good", "bad"]}, [("a film", "good")]),
    ],
)
@pytest.mark.parametrize("lines", [False, True])
def test_labels_of_programs_for_annotation(what, record, other, left, lines):
    """No column of labels was found, or `accept` and `ignore` were taken as the labels."""
    records = [record, record | other]
    data = "".join(f"{json.dumps(each)}\n" for each in records) if lines else json.dumps(records)
    said = complaint(data, "x.jsonl" if lines else "x.json")
    assert f": {what}, whose labels are in lists; take them out: jq -c " in said
    assert taken_out(said, data) == left
    labelled = "".join(f"{json.dumps(each | {'text': 'a film', 'label': 1})}\n" for each in records)
    assert rows(parse(labelled, "x.jsonl")) == [("a film", 1)] * 2


def taken_out(message: str, data: str) -> list:
    """Return the rows that the command of jq in a message writes."""
    command = shlex.split(message.rpartition(": jq ")[2])
    written = subprocess.run(["jq", *command[:2]], input=data, check=True, capture_output=True, text=True).stdout
    return rows(parse(written, "x.jsonl"))


@needs_jq
def test_numbers_that_the_dataset_viewer_of_the_hub_names():
    """0 of positive, negative was read as negative."""
    kinds = {"text": {"dtype": "string"}, "n": {"dtype": "int64"}, "label": {"names": ["positive", "negative"]}}
    features = [{"feature_idx": i, "name": name, "type": kind} for i, (name, kind) in enumerate(kinds.items())]
    found = [{"row_idx": i, "row": {"text": "ab"[i], "n": 1, "label": i}, "truncated_cells": []} for i in range(2)]
    data = {"features": features, "rows": found, "num_rows_total": 2}
    named = BOTH._replace(text="row.text", label="row.label")
    for options in BOTH, named:
        said = complaint(json.dumps(data), "x.json", options)
        assert said.startswith(
            "x.json: rows of the dataset viewer of Hugging Face, whose labels are numbers with names"
        )
        assert taken_out(said, json.dumps(data)) == [("a", "positive"), ("b", "negative")]
    assert texts(parse(json.dumps(data), "x.json", named._replace(label=None))) == ["a", "b"]
    del kinds["label"]["names"]
    assert rows(parse(json.dumps(data), "x.json", named)) == [("a", "0"), ("b", "1")]


@needs_jq
@pytest.mark.parametrize("in_list", [True, False])
def test_messages_of_a_chat(in_list):
    """The command kept the first message, that of the system."""
    chat = [("system", "Classify!"), ("user", "a good film"), ("assistant", "pos")]
    record = {"messages": [{"role": role, "content": content} for role, content in chat]}
    data = json.dumps([record] * 2) if in_list else "".join(f"{json.dumps(record)}\n" for _ in range(2))
    said = complaint(data, "x.json")
    assert said.startswith("x.json: messages of a chat; take out the last of the user, and the answer to it: jq -c ")
    assert taken_out(said, data) == [("a good film", "pos")] * 2


@pytest.mark.parametrize(
    "data",
    [
        {"title": ["a clock", "two shoes"], "body": ["it is good", "they are bad"]},
        [{"body": "good", "tags": ["fast delivery"]}, {"body": "bad", "tags": ["two days"]}],
        [{"said": "I like it as it is", "tags": ["fast delivery"]}],
    ],
)
def test_lists_that_are_a_table_or_tags(data):
    assert "--set data.text_column=" in complaint(json.dumps(data), "x.json")


def test_reviews_with_replies_are_reviews():
    """A record that has a text is no page of others, also if the first has none."""
    replies = [{"text": "No!", "label": 0}]
    reviews = [{"replies": replies}, *({**review, "replies": replies} for review in REVIEWS)]
    for data in (reviews[1:], reviews, {"reviews": reviews}):
        texts = parse(json.dumps(data), "x.json").text.to_pylist()
        assert texts[-len(REVIEWS) :] == [review["text"] for review in REVIEWS]


def test_lists_of_objects_with_texts_within_reviews_are_told():
    """A product may have a text and a list of its reviews, as a review has one of its replies."""
    product = {"text": "a clock", "label": 1, "reviews": REVIEWS}
    for data, path in ((product, ".reviews[]"), ([product, product], ".[].reviews[]")):
        (note,) = parse(json.dumps(data), "x.json").notes
        assert note.endswith(f"if these are the reviews, give them: jq -c '{path}' x.json > reviews.jsonl")
    lines = f"{json.dumps(product)}\n{json.dumps(product)}\n"
    assert len(parse(lines, "x.jsonl").notes) == 1
    assert parse(json.dumps({**product, "reviews": ["good", "bad"]}), "x.json").notes == ()


LISTS = '["id", "text", "label"]\n[7, "good", 1]\n[8, "bad\\n[}", 0]\n'


@pytest.mark.parametrize("names", [None, ("id", "text", "label")])
@pytest.mark.parametrize("shape", ["{}", "[{}]", '{"range": "A1:C3", "values": [{}]}'])
def test_lists_whose_first_has_the_names_of_the_columns(shape, names):
    """As spreadsheets and databases write a table."""
    content = LISTS if shape == "{}" else shape.replace("{}", LISTS.strip().replace("]\n[", "],\n["))
    records = parse(content, "x.json", BOTH._replace(names=names))
    assert rows(records) == READ
    assert records.where(0) == "x.json:2"


def test_a_first_list_of_values_is_a_review():
    options = ReadOptions(names=("text", "label"))
    assert texts(parse('["text", "good"]\n["bad", "label"]\n', "x.json", options)) == ["text", "bad"]
    assert "name its values with --set data.columns=[text,label]" in complaint('["good", 1]\n["bad", 0]\n', "x.json")
    for first in '["text", ["label"]]', '["text", "label", 1]':  # a name is a text
        assert "a list, without names" in complaint(f"[{first}, [1, 2]]", "x.json", BOTH)


def test_every_review_of_a_list_for_prediction():
    assert texts(parse('{"items": [{"text": "a"},\n{"text": "b"}]}', "x.json", ReadOptions())) == ["a", "b"]
