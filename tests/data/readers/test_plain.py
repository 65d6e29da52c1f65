"""Text files: a review a line, lines of a text and a label, and fastText's lines."""

from __future__ import annotations

import shlex

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import BOTH, complaint, parse, rows, texts

from sentibp.data.readers import content, plain
from sentibp.data.readers.table import ReadOptions


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
    assert complaint("a\n", "x.txt", ReadOptions("text", None, "w")).startswith(
        "x.txt: has no columns to take weights from; "
    )


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.just("\n")), st.sampled_from([1, 3, 1 << 24]))
def test_plain_text_has_one_text_per_line(data, part):
    ended = data if "\n" in data else data.replace("\r", "\n")  # as on old Macs
    expected = ended.replace("\r\n", "\n").split("\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "CHUNK", part)
        lines = [line for some in plain.lines_of(memoryview(data.encode())) for line in some.to_pylist()]
    assert lines == (expected[:-1] if expected[-1] == "" else expected)


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


# Titles


def left_out(titles: str, mark: str) -> str:
    why = f"as each line below {mark}; a review must be written so, too"
    return f"x.txt: the first {titles} taken as a title and left out, {why}"


@pytest.mark.parametrize("title", ["Export of May\n", "\nExport of May\r\n\n", "Export of May\nby me; 2025\n\n"])
@pytest.mark.parametrize(("columns", "line"), [(("text", "label"), "a {}\t{}\n"), (("label", "text"), "{1}\ta {0}\n")])
def test_titles_above_texts_and_labels(title, columns, line):
    data = title + "".join(line.format(i, i % 2) for i in range(5))
    records = parse(data, "x.txt")
    assert rows(records) == [(f"a {i}", str(i % 2)) for i in range(5)]
    assert records.where(0) == f"x.txt:{title.count(chr(10)) + 1}"
    assert records.notes[0] == f"x.txt: no header; its lines are read as with --set data.columns=[{','.join(columns)}]"
    which = "2 lines ('Export of May') are" if "by me" in title else "line ('Export of May') is"
    assert records.notes[1:] == (left_out(which, "has a '\\t'"),)
    predicted = parse(data, "x.txt", ReadOptions(names=columns))
    assert texts(predicted) == [f"a {i}" for i in range(5)]
    assert f"--set data.columns=[{','.join(columns)}]" in parse(data, "x.txt", ReadOptions()).notes[0]


def test_titles_above_fasttext_lines():
    data = "# of May\n\n__label__1 a\n__label__2 b\n\n__label__1 c\n"
    records = parse(data, "x.txt")
    assert rows(records) == [("a", "__label__1"), ("b", "__label__2"), ("c", "__label__1")]
    assert [records.where(row) for row in range(3)] == ["x.txt:3", "x.txt:4", "x.txt:6"]
    assert records.notes == (left_out("line ('# of May') is", "begins with __label__"),)
    assert texts(parse(data, "x.txt", ReadOptions())) == ["a", "b", "", "c"]


@pytest.mark.parametrize("separator", [",", ", ", ";", "|", " , "])
def test_a_separator_after_the_label_of_fasttext_lines(separator):
    """The first word of a text was read as part of its label, as fastText reads it."""
    data = f"__label__1{separator}good, really\n__label__0{separator}bad\n"
    records = parse(data, "x.txt")
    if separator == " , ":  # the normalised files of fastText's own examples
        assert (rows(records), records.notes) == ([(", good, really", "__label__1"), (", bad", "__label__0")], ())
        return
    assert rows(records) == [("good, really", "__label__1"), ("bad", "__label__0")]
    mark = separator.strip()
    note = (
        f"x.txt: each label ends at a {mark!r}, such as '__label__1'; if a {mark!r} is part of a label, write another"
    )
    assert records.notes == (f"{note} sign in its place",)
    unlabelled = parse(data, "x.txt", ReadOptions())
    assert (texts(unlabelled), unlabelled.notes) == (["good, really", "bad"], records.notes)


def test_a_separator_in_some_labels_of_fasttext_lines_is_part_of_these():
    records = parse("__label__1 good\n__label__0,5 bad\n", "x.txt")
    assert (rows(records), records.notes) == ([("good", "__label__1"), ("bad", "__label__0,5")], ())
    several = parse("__label__1,__label__2 good\n__label__3,__label__1,bad\n", "x.txt")
    assert rows(several) == [("good", "__label__1,__label__2"), ("bad", "__label__3,__label__1")]


def test_titles_above_the_names_of_columns_and_other_separators():
    for separator in "\t;|":
        data = "Export of May\n\n" + "".join(f"{row}\n".replace(";", separator) for row in ("text;label", "a;0", "b;1"))
        for options in (BOTH, ReadOptions()):
            records = parse(data, "x.txt", options)
            assert records.text.to_pylist() == ["a", "b"]
            assert "('Export of May') is taken as a title, and line 3 as the names" in records.notes[0]
    data = "Export of May\n" + "".join(f"film {i}@{label}\n" for i, label in enumerate(["pos", "neg"] * 3))
    assert complaint(data, "x.txt").endswith("""--set 'data.separator="@"' --set data.columns=[text,label]""")
    named = parse(data, "x.txt", BOTH._replace(separator="@", names=("text", "label")))
    assert rows(named) == [(f"film {i}", ["pos", "neg"][i % 2]) for i in range(6)]


def test_what_is_no_title():
    """Lines without a label that are more than those with one, or stand among these."""
    assert complaint("a\nb\nc\t1\n", "x.txt").startswith("x.txt: plain text has no labels")
    late = "a\t0\nb\t1\nc\nd\t1\ne\t0\nf\t0\ng\t0\nh\t0\n"
    assert complaint(late, "x.txt", BOTH._replace(names=("text", "label"))).startswith("x.txt:3: no '\\t' between")


def test_a_remark_among_labelled_lines():
    """It is named in training. A prediction would read the labels as part of the texts, and says so."""
    data = "".join(f"a {i}\t{i % 2}\n" for i in range(20)) + "\nEnd of file\n"
    assert complaint(data, "x.txt") == "x.txt:22: no '\\t' between text and label; put one there, or remove the line"
    (note,) = parse(data, "x.txt", ReadOptions()).notes
    assert note.endswith("seem to have labels too; to leave these out: --set data.columns=[text,label]")
    assert complaint(data.replace("\t", "@"), "x.txt").endswith("data.columns=[text,label]")


# A text and its label


def test_lines_of_a_text_and_a_label():
    """A text may have quotes and tabs."""
    reviews = ['"Great phone', "5\" screen, it's\tfine", "bad", 'not "good"']
    lines = [f"{text}\t{i % 2}\n" for i, text in enumerate(reviews)]
    records = parse("".join(lines) + "\n", "x.txt")
    assert rows(records) == list(zip(reviews, "0101", strict=True))
    assert records.where(3) == "x.txt:4"
    assert records.notes == ("x.txt: no header; its lines are read as with --set data.columns=[text,label]",)


def test_lines_of_a_label_and_a_text():
    data = "pos\ta good\tfilm\n\nneg\ta bad film\n"
    records = parse(data, "x.txt")
    assert rows(records) == [("a good\tfilm", "pos"), ("a bad film", "neg")]
    assert records.where(1) == "x.txt:3"
    assert records.notes == ("x.txt: no header; its lines are read as with --set data.columns=[label,text]",)
    named = parse(data, "x.txt", BOTH._replace(names=("label", "text")))
    assert rows(named) == rows(records)
    assert named.notes == ()


def test_lines_with_labels_are_noted_if_they_are_read_as_texts():
    data = "a good film\t1\na bad film\t0\n"
    records = parse(data, "x.txt", ReadOptions())
    assert texts(records) == ["a good film\t1", "a bad film\t0"]
    assert records.notes == (
        "x.txt: its lines are read as whole texts, and seem to have labels too; "
        "to leave these out: --set data.columns=[text,label]",
    )
    assert texts(parse(data, "x.txt", ReadOptions(names=("text", "label")))) == ["a good film", "a bad film"]


PHRASES = "Sales rose, mail a@b.fi@positive\nNo change .@neutral\nSales fell .@negative\nSales rose .@positive\n"


def test_another_separator_is_suggested_and_then_works():
    assert complaint(PHRASES, "x.txt") == (
        "x.txt: plain text has no labels; each line seems to have a label after a '@'; "
        "read it with --set 'data.separator=\"@\"' --set data.columns=[text,label]"
    )
    records = parse(PHRASES, "x.txt", BOTH._replace(separator="@", names=("text", "label")))
    assert rows(records)[:2] == [("Sales rose, mail a@b.fi", "positive"), ("No change .", "neutral")]
    assert complaint("a@1\n\nb\n", "x.txt", BOTH._replace(separator="@", names=("text", "label"))) == (
        "x.txt:3: no '@' between text and label; put one there, or remove the line"
    )


@pytest.mark.parametrize("suffix", ["txt", "all"])
@pytest.mark.parametrize(
    ("lines", "columns", "separator", "found"),
    [
        (["0 a bad film", "1 a good one"], "label,text", '" "', [("a bad film", "0"), ("a good one", "1")]),
        (["neg a bad film", "pos good"], "label,text", '" "', [("a bad film", "neg"), ("good", "pos")]),
        (["a bad film 0", "a good one 1"], "text,label", '" "', [("a bad film", "0"), ("a good one", "1")]),
        (["1:a good: film", "0:bad"], "label,text", '":"', [("a good: film", "1"), ("bad", "0")]),
    ],
)
def test_a_space_or_colon_beside_known_labels_is_suggested_and_then_works(suffix, lines, columns, separator, found):
    data = "".join(f"{line}\n" for line in lines)
    repair = f"read it with --set 'data.separator={separator}' --set data.columns=[{columns}]"
    assert repair in complaint(data, f"x.{suffix}")
    options = BOTH._replace(separator=yaml.safe_load(separator), names=tuple(columns.split(",")))
    assert rows(parse(data, f"x.{suffix}", options)) == found


@pytest.mark.parametrize("separator", ["||", "|||", "::", ";;", "@@"])
def test_a_separator_of_several_characters_must_become_a_tab(separator):
    data = "".join(f"{i % 2} {separator} film {i}\n" for i in range(6))
    assert f"a label before {separator!r}; write a tab in its place" in complaint(data, "x.txt")
    assert len(parse(data.replace(f" {separator} ", "\t"), "x.txt").text) == 6


SPACED = ReadOptions(separator=" ", names=("label", "text"), inherited=frozenset(("names", "separator")))


@pytest.mark.parametrize("name", ["x.txt", "x.test"])
def test_what_separates_the_labels_of_the_training_is_only_a_space_in_texts(name):
    """The first word of each text was taken for its label, and left out of the prediction."""
    data = "awful film that I saw\ngood film\nthe plot is bad\n"
    if name == "x.txt":
        plain_text = parse(data, name, SPACED)
        assert (texts(plain_text), plain_text.notes) == (data.splitlines(), ())
        (note,) = parse("ham it is\nspam it is\n" * 5, name, SPACED).notes
        assert note.startswith(
            "x.txt: its lines are read as whole texts; if each has a label, too, as in the training: --"
        )
        assert note.endswith("""--set 'data.separator=" "' --set data.columns=[label,text]""")
    assert texts(parse("0 awful film\n1 good film\n", name, SPACED)) == ["awful film", "good film"]
    trained = SPACED._replace(label="label", label_values=("ham", "spam"))
    assert rows(parse("ham awful film\nspam good film\n", name, trained))[0] == ("awful film", "ham")


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("26418381654{0}\t{1}\tit was a film {0}", "id,label,text"),
        ("26418381654{0}\t{1}\tit was a film {0}\t", "id,label,text,column4"),  # as a set of SemEval has it
        ("{1}\t26418381654{0}\tit was a film {0}", "label,id,text"),
        ("it was a film {0}\t{1}\ted8{0}", "text,label,id"),
    ],
)
def test_columns_between_tabs_are_named_and_then_read(line, columns):
    """The first and the last field of such lines were taken for a label and a text, or they had no labels."""
    labels = ["neutral", "positive", "negative"] * 3
    data = "".join(f"{line.format(i, label)}\n" for i, label in enumerate(labels))
    repair = f"columns between tabs; read it with --set 'data.separator=\"\\t\"' --set data.columns=[{columns}]"
    assert complaint(data, "x.txt").endswith(repair)
    found = parse(data, "x.txt", BOTH._replace(separator="\t", names=tuple(columns.split(","))))
    assert rows(found) == [(f"it was a film {i}", label) for i, label in enumerate(labels)]
    assert f"name these: --set data.columns=[{columns}]" in parse(data, "x.txt", ReadOptions()).notes[0]


@pytest.mark.parametrize(
    "lines", [["The film is good", "The plot is bad"], ["1 star", "1 star less"], ["I saw it: good", "I left: bad"]]
)
def test_other_first_words_are_no_labels(lines):
    assert complaint("".join(f"{line}\n" for line in lines), "x.txt").startswith(
        "x.txt: plain text has no labels; give "
    )


def test_a_table_in_a_text_file():
    assert rows(parse("label,text\n1,a\n0,b\n", "x.txt")) == [("a", "1"), ("b", "0")]
    assert rows(parse('"Text"\t"Label"\n"a\nb"\t1\n', "x.txt")) == [("a\nb", "1")]
    named = BOTH._replace(names=("label", "text"))
    assert rows(parse('"1","a, b"\n"0","c\nd"\n', "x.txt", named._replace(separator=","))) == [
        ("a, b", "1"),
        ("c\nd", "0"),
    ]
    three = BOTH._replace(names=("id", "label", "text"))
    assert rows(parse("5\t1\ta\n6\t0\tb\n", "x.txt", three)) == [("a", "1"), ("b", "0")]


TEXTS = ReadOptions()


@pytest.mark.parametrize("head", ["text\tlabel", "Text\tdate\tlabel", "text,label"])
def test_a_header_is_one_whether_labels_are_wanted_or_not(head):
    separator = "\t" if "\t" in head else ","
    data = f"{head}\n" + separator.join(["good film"] * (len(head.split(separator)) - 1) + ["1"]) + "\n"
    assert rows(parse(data, "x.txt")) == [("good film", "1")]
    assert texts(parse(data, "x.txt", TEXTS)) == ["good film"]


def test_a_header_with_other_names_is_no_review():
    data = "review\tstars\ngood film\t5\nbad film\t1\n"
    for options in (BOTH, TEXTS):
        assert complaint(data, "x.txt", options).startswith(
            "x.txt:1: no 'text'; did you mean --set data.text_column=review?"
        )
    assert texts(parse(data, "x.txt", ReadOptions(text="review"))) == ["good film", "bad film"]


def test_a_first_line_that_may_name_columns_is_noted():
    data = "review;stars\ngood film;5\n"
    records = parse(data, "x.txt", TEXTS)
    assert len(texts(records)) == 2
    assert records.notes == (
        "x.txt: read as plain text, a review a line; if the first line names columns, name the one of the reviews with "
        "--set data.text_column=NAME: review, stars",
    )
    assert texts(parse(data, "x.txt", ReadOptions(text="review"))) == ["good film"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("column", ["review", "Review Text", "comment"])
def test_a_first_line_that_names_the_only_column(column, end):
    """The texts below it are whole lines, whatever commas and quotes they have."""
    data = end.join([column, "good, very good", '"bad"', ""])
    as_text = parse(data, "x.txt", TEXTS)
    assert texts(as_text) == [column, "good, very good", '"bad"']
    (note,) = as_text.notes
    assert note.startswith(
        "x.txt: read as plain text, a review a line; if the first line names the column of the texts"
    )
    (_, option) = shlex.split(note[note.index("--set") :])
    as_name = parse(data, "x.txt", ReadOptions(text=yaml.safe_load(option.partition("=")[2])))
    assert texts(as_name) == ["good, very good", '"bad"']
    assert as_name.notes == (
        f"x.txt: the first line, {column!r}, is read as the name of the column, and not as a text",
    )
    assert as_name.where(0) == "x.txt:2"


@pytest.mark.parametrize(
    "data",
    [
        "text\n",
        "Nice, warm\nI like it, really\n",
        "Well, it was\n10, I say\nBad, 2\n",
        "a\tb\n",
        "good film\tgood\nbad\tbad\n",
    ],
)
def test_lines_that_are_no_table(data):
    assert len(texts(parse(data, "x.txt", TEXTS))) == data.count("\n")
