"""Files without a header: recognised, and read with data.columns."""

from __future__ import annotations

import subprocess

import pytest
from reading import BOTH, complaint, parse, rows, texts

from sentibp.data.readers import open_table
from sentibp.data.readers.header import label_column, looks_like_data
from sentibp.data.readers.records import read_records
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

DATE = '"Mon Apr 06 22:19:45 PDT 2009"'
TWEETS = "".join(
    f'"{0 if i < 9 else 4}","{1467810 + i}",{DATE},"NO_QUERY","user{i}","@you, all {i}!"\n' for i in range(18)
)


def test_a_file_of_six_columns_without_a_header():
    assert complaint(TWEETS) == (
        "x.csv:1: no 'text'; the file seems to have no header, as its first line looks like data; "
        "name the columns with --set data.columns=[label,id,date,column4,column5,text]"
    )
    names = ("label", "id", "date", "query", "user", "text")
    records = parse(TWEETS, options=BOTH._replace(names=names))
    assert rows(records) == [(f"@you, all {i}!", "0" if i < 9 else "4") for i in range(18)]
    assert records.where(0) == "x.csv:1"
    assert records.notes == ()


@pytest.mark.parametrize("data", ["2,Great,this was\n1,Poor,this is\n", "pos,a film\n", "a film,neg\nb film,pos\n"])
def test_small_files_without_a_header(data):
    assert "the file seems to have no header" in complaint(data)


HEADERS = [
    ("id,comment,stars", "1,good film,5\n2,bad film,1\n"),
    (",0,1", "0,good film,1\n1,bad film,0\n"),  # as pandas names columns without names
    ("0,1", "good film,1\nbad film,0\n"),
    ("review,positive,negative", "good film,1,0\nbad film,0,1\n"),
    ("What did you like best about the service that we gave you?,stars", "the soup,5\nthe bread,2\n"),
    ("2023,2024", "good film,bad film\nx,y\n"),
]


@pytest.mark.parametrize(("header", "lines"), HEADERS)
def test_a_header_without_the_wanted_names(header, lines):
    assert "no header" not in complaint(f"{header}\n{lines}")


def test_first_rows_that_look_like_data():
    long = "this film has a long story about a man and his dog"
    assert looks_like_data([long, "x"], [[long, "y"]])
    assert looks_like_data(["1/2/2024", "x"], [["2/3/2024", "y"]])
    assert looks_like_data(["x", "good"], [["y", "good"], ["z", "bad"], ["w", "good"]])
    assert not looks_like_data([], [])
    assert not looks_like_data(["x", ""], [["y", ""], ["z", ""]])


def test_names_that_the_first_line_has_already():
    records = parse("Text,label\na,1\n", options=BOTH._replace(names=("text", "label")))
    assert rows(parse("text,label\na,1\n", options=BOTH._replace(names=("text", "label")))) == [("a", "1")]
    assert records.notes == ("x.csv:1: the first line has the names in data.columns, and is read as the header",)
    assert len(records.text) == 1


def test_a_wrong_number_of_names():
    assert complaint("1,a,b b\n0,c,d d\n", options=BOTH._replace(names=("text", "label"))) == (
        "x.csv: rows have 3 fields, and data.columns has 2 names; for example --set data.columns=[label,id,text]"
    )
    inherited = BOTH._replace(names=("text", "label"), inherited=frozenset(["names"]))  # a file with a header, perhaps
    assert rows(parse("id,text,label\n1,a,1\n", options=inherited)) == [("a", "1")]
    assert complaint("id,review,label\n1,a,1\n", options=inherited).startswith(
        "x.csv:1: no 'text'; did you mean --set data.text_column=review?"
    )


def test_names_without_the_wanted_one():
    message = complaint("1,a\n", options=BOTH._replace(names=("review", "label")))
    assert message.startswith("data.columns: no 'text'; ")


def test_the_names_decide_about_the_separator():
    records = parse("a, b;1\nc, d, e;0\n", options=BOTH._replace(names=("text", "label")))
    assert rows(records) == [("a, b", "1"), ("c, d, e", "0")]


def test_texts_without_labels():
    assert texts(parse("1;a\n2;b\n", options=ReadOptions(names=("id", "text")))) == ["a", "b"]


TITLED = {
    "a title": (b"Export of reviews 2025\ntext,label\n", 2),
    "padded": (b"Export of reviews 2025,\n,\n\ntext,label\n", 4),
    "several": (b"Report\r\nof: the shop\r\ntext;label\r\n", 3),
    "with the separator": (b"Export, of 2025\ntext,label\n", 2),
    "quoted": (b'"Export, of 2025"\n"by ""me"", here"\ntext,label\n', 3),
    "quoted, and empty cells": (b'"Report; 2025";\r\n;\r\ntext;label\r\n', 3),
}


@pytest.mark.parametrize("case", TITLED)
def test_titles_above_the_names(case):
    head, line = TITLED[case]
    separator = ";" if b";" in head else ","
    data = head + "".join(f"film {i}{separator}{i % 2}\n" for i in range(20)).encode()
    records = parse(data, "x.csv")
    assert rows(records) == [(f"film {i}", str(i % 2)) for i in range(20)]
    assert records.where(0) == f"x.csv:{line + 1}"
    (note,) = records.notes
    assert note.startswith("x.csv: the first ")
    assert f" taken as a title, and line {line} as the names of the columns; otherwise, give every column" in note
    assert texts(parse(data, "x.csv", ReadOptions())) == [f"film {i}" for i in range(20)]


def test_titles_above_other_names():
    data = b"Export of reviews 2025\nReview,Stars\n" + b"a film,5\nfilm,1\n" * 9
    assert complaint(data, "x.csv").splitlines()[0] == (
        "x.csv:2: no 'text'; did you mean --set data.text_column=Review? There are: Review, Stars"
    )
    assert texts(parse(data, "x.csv", ReadOptions(text="Review"))) == ["a film", "film"] * 9


@pytest.mark.parametrize(
    "data",
    [
        b",text\n0,good\n1,bad\n",  # as pandas names its index
        b"text,\ngood,1\nbad,2\n",
        b'"text\n(in full)",label\ngood,1\nbad,0\n',
        b"text\ngood, but\nbad\n",
        b"good film\na,b\nc,d\n",
    ],
)
def test_first_rows_that_are_no_titles(data):
    try:
        notes = parse(data, "x.csv", ReadOptions()).notes
    except DataError as error:
        notes = error.lines
    assert not any("title" in note for note in notes)


@pytest.mark.parametrize(
    ("first", "position"), [("good film\tgood", 1), ("bad\tthe plot is bad", 0), ("4\tfilm", 0), ("fine\t1", 1)]
)
def test_the_label_is_on_the_shorter_side(first, position):
    assert label_column([[first.split("\t")[i]] * 4 for i in (0, 1)], [0, 1]) == position


def test_names_that_differ_in_capitals_only_are_told_apart_aloud(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("text, Text,label,LABEL\na,b,0,1\n")
    records = read_records(open_table(file, "x.csv", BOTH), BOTH)
    assert rows(records) == [("a", "0")]
    assert records.notes == (
        "x.csv: the texts are read from the column 'text'; to read ' Text' instead: --set 'data.text_column=\" Text\"'",
        "x.csv: the labels are read from the column 'label'; to read 'LABEL' instead: --set data.label_column=LABEL",
    )
    joined = BOTH._replace(text=(" Text", "label"), label=None)
    (_, note) = open_table(file, "x.csv", joined).notes
    assert note.endswith("to read 'LABEL' instead: --set 'data.text_column=[\" Text\",LABEL]'")
    file.write_text("Text,Label,other\na,0,1\n")
    assert list(open_table(file, "x.csv", BOTH).notes) == []


def test_a_header_of_other_names_that_is_read_as_a_review_is_told():
    """data.columns says that there is no header; in a prediction nothing else would tell."""
    rows = "it came late and it was broken,5\nwe like the colour of it,1\n"
    options = ReadOptions(names=("text", "stars"))
    records = parse(f"Comment,Rating\n{rows}", options=options)
    assert records.notes == (
        "x.csv:1: 'Comment', 'Rating' are read as a review, as data.columns names the columns; "
        "if the first line names them: --set data.columns=null --set data.text_column=Comment",
    )
    assert texts(records)[0] == "Comment"
    assert texts(parse(f"Comment,Rating\n{rows}", options=ReadOptions("Comment"))) == texts(records)[1:]
    for first in ("good,1", "we like it,four", "late,4\nlate,4"):
        assert parse(f"{first}\n{rows}", options=options).notes == ()


def test_the_first_text_of_a_file_with_one_column_is_not_lost():
    """Who takes it for the name of the column has one review less."""
    assert complaint("good film\nbad film\nok\n", options=ReadOptions()) == (
        "x.csv:1: no 'text'; if the first line names the column: --set 'data.text_column=\"good film\"'; "
        "if it is a review, the file has no header: --set data.columns=[text]"
    )
    assert texts(parse("good film\nbad\n", options=ReadOptions(names=("text",)))) == ["good film", "bad"]
    assert texts(parse("good film\nbad\n", options=ReadOptions("good film"))) == ["bad"]


def test_lines_in_quotes_as_a_whole(tmp_path):
    data = '"id,text,label"\r\n"1,""good, film"",1"\r\n"2,bad,0"\r\n'
    (tmp_path / "x.csv").write_bytes(data.encode())
    said = complaint(data)
    assert said.startswith("x.csv:1: each line is in quotes as a whole, so that the ',' in it separates nothing; ")
    subprocess.run(["sh", "-c", said.partition("take these out: ")[2]], cwd=tmp_path, check=True)
    assert rows(parse((tmp_path / "new.csv").read_bytes())) == [("good, film", "1"), ("bad", "0")]
