"""CSV and TSV files, well-formed and not, with the exact error messages."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import BOTH, complaint, parse, rows, texts

from sentibp.data.readers import batches
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError


def test_csv_keeps_every_text_as_it_is_written():
    data = 'label,text,more\n1,"a ""good"", long\nfilm",x\n0,null,y\n1,007,\n0,2020-01-01,z\n1,NaN,\n0,,\n1, a\x00b ,'
    expected = ['a "good", long\nfilm', "null", "007", "2020-01-01", "NaN", "", " a\x00b "]
    assert rows(parse(data)) == list(zip(expected, "1010101", strict=True))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv_with_any_line_ending(newline):
    assert rows(parse(newline.join(["text,label", "a,1", "b,0", ""]))) == [("a", "1"), ("b", "0")]


def test_a_single_column_has_empty_lines_for_empty_texts():
    assert texts(parse('text\na\n\n""\nb\n', options=ReadOptions())) == ["a", "", "", "b"]


@pytest.mark.parametrize("data", ["text,label", "text,label\n", "\ufefftext,label\r\n", "\n\ntext,label\n\n"])
def test_a_header_alone_has_no_rows(data):
    assert rows(parse(data)) == []


def test_a_field_larger_than_a_block(monkeypatch):
    monkeypatch.setattr(batches, "_BLOCKS", (100, 1000, 100_000))
    long = "a\n" * 2000
    assert rows(parse(f'text,label\n"{long}",1\nb,0\n')) == [(long, "1"), ("b", "0")]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_field_larger_than_every_block_is_read_slowly(monkeypatch, suffix):
    monkeypatch.setattr(batches, "_BLOCKS", (100,))
    separator = "," if suffix == ".csv" else "\t"
    data = f'text{separator}label\n"{"a" * 200_000}"{separator}1\nb{separator}0\n'
    assert rows(parse(data, f"x{suffix}")) == [("a" * 200_000, "1"), ("b", "0")]
    assert csv.field_size_limit() == 131072  # left as it was


NONE = "or if quotes are plain characters: --set data.quoting=none"

MISTAKES = {
    "": "x.csv: empty; the first line of a CSV file names its columns",
    "\n\n": "x.csv: empty; the first line of a CSV file names its columns",
    "text,label,text\na,1,b\n": "x.csv:1: two columns are called 'text'; rename one",
    'text,label\n"a\nb",1\n\nc,d,0\n': "x.csv:5: 3 fields where the header has 2; "
    "put a text that contains ',' in double quotes",
    "text,label\na\n": "x.csv:2: 1 field where the header has 2; add what is missing, "
    "put a text with line breaks in double quotes, or remove the line",
    'label,text\n1,"a\n0,b\n': f"x.csv:2: not CSV: unexpected end of data; close the quote, {NONE}",
    'label,text\n1,"a\n0,b,c\n': "x.csv:2: not CSV: unexpected end of data; close the quote",
    'text,label\n"a"b",1\n': "x.csv:2: not CSV: ',' expected after '\"'; "
    f'write a quote inside a quoted text as "", {NONE}',
}


@pytest.mark.parametrize("data", MISTAKES)
def test_mistakes(data):
    assert complaint(data).partition("; if no other column has one: ")[0] == MISTAKES[data]


def test_a_row_of_an_unquoted_file_with_too_many_fields():
    assert complaint('text\tlabel\na "b\t1\n"c\td\t1\n', "x.tsv") == (
        "x.tsv:3: not CSV: unexpected end of data; close the quote"
    )
    assert complaint("text\tlabel\na\t1\nc\td\t1\n", "x.tsv") == (
        "x.tsv:3: 3 fields where the header has 2; quotes are read as plain characters; "
        "otherwise: --set data.quoting=double"
    )


def test_lone_quotes_in_bare_fields_are_text():
    assert rows(parse('text,label\na 5" disk,1\n')) == [('a 5" disk', "1")]


def test_the_line_of_a_row():
    records = parse('text,label\n"a\nb",1\n\nc,0\n')
    assert [records.where(0), records.where(1)] == ["x.csv:2", "x.csv:5"]
    records = parse("sep=;\n\ntext;label\na;1\n\nb;0\n")
    assert [records.where(0), records.where(1)] == ["x.csv:4", "x.csv:6"]


@pytest.mark.parametrize("header", [" Text ,LABEL", '"TEXT","Label "', "\ufeffText,label"])
def test_capitals_and_blanks_in_the_header(header):
    assert rows(parse(f"{header}\na,1\n")) == [("a", "1")]


def test_an_exact_name_comes_first_and_an_ambiguous_one_is_none():
    assert texts(parse("Text,text\na,b\n", options=ReadOptions())) == ["b"]
    assert complaint("Text,TEXT\na,b\n", options=ReadOptions()).startswith("x.csv:1: no 'text'")


# Any text, there and back

any_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\",\n\r;\t|'\\ 01"), max_size=40)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(any_text, min_size=1, max_size=12),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
    st.sampled_from([".csv", ".tsv", ".txt"]),
    st.booleans(),
    st.booleans(),
)
def test_no_row_is_lost_in_silence(written, separator, quoting, escaped, suffix, label_first, has_header):
    """Any text that Python's csv module writes is read as it was, or refused; or each line is a row, with a note."""
    out, options, how = io.StringIO(newline=""), BOTH, {}
    if escaped:
        written = [text.replace("\\", "/").replace("\r", " ") for text in written]
        how = {"doublequote": False, "escapechar": "\\"}
    names = ("label", "text") if label_first else ("text", "label")
    if not has_header:
        options = BOTH._replace(names=names, separator=separator)
    writer = csv.writer(out, delimiter=separator, quoting=quoting, **how)
    writer.writerows([names] * has_header)
    writer.writerows((i % 2, text) if label_first else (text, i % 2) for i, text in enumerate(written))
    try:
        records = parse(out.getvalue(), f"x{suffix}", options)
    except DataError:
        return
    if suffix == ".txt" and not has_header:  # in lines of a text and a label, nothing is escaped
        records = replace(records, text=pc.replace_substring(records.text, '\\"', '"'))
        written = [text.replace('\\"', '"') for text in written]
    assert records.text.to_pylist() == written or (len(records.text) >= len(written) and records.notes)


@settings(max_examples=50, deadline=None)
@given(st.lists(any_text, min_size=1))
def test_any_text_is_preserved_in_the_usual_csv(written):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("label", "text"), *((1, text) for text in written)])
    assert texts(parse(out.getvalue(), options=ReadOptions(quoting="double"))) == written


@pytest.mark.parametrize(
    "data",
    [
        "id,text,label\n1,good,1\nid,text,label\n2,bad,0\nid,text,label\n",
        '"id","text","label"\r\n"1","good","1"\r\n"id","text","label"\r\n2,bad,0\r\nid,text,label\r\n',
        "\ufeffid,text,label\n1,good,1\n\ufeffid,text,label\n2,bad,0\n\ufeffid,text,label",
        "id\ttext\tlabel\n1\tgood\t1\nid\ttext\tlabel\n2\tbad\t0\nid\ttext\tlabel\n",
    ],
)
def test_names_that_are_repeated_as_in_joined_files_are_no_rows(data):
    name = "x.tsv" if "\t" in data else "x.csv"
    for options, found in (BOTH, [("good", "1"), ("bad", "0")]), (ReadOptions(), ["good", "bad"]):
        records = parse(data, name, options)
        assert (rows if options is BOTH else texts)(records) == found
        assert records.where(1) == f"{name}:4"
        assert records.notes == (f"{name}:3: repeats the names of the columns, and 1 more row does; left out",)


def test_what_is_like_the_names_and_is_a_row():
    assert texts(parse("text\ngood\ntext\n", options=ReadOptions())) == ["good", "text"]
    assert rows(parse("text,label\ntext,1\n")) == [("text", "1")]
    quoted = 'text,label\n"a\ntext,label\nb",1\nc,0\n'
    assert rows(parse(quoted)) == [("a\ntext,label\nb", "1"), ("c", "0")]


@pytest.mark.parametrize(
    "footer", ["(2 rows)", "(2 rows affected)", "2 rows in set (0.01 sec)", "2 row(s) returned", "2 records."]
)
def test_a_footer_is_no_row(footer):
    for line, end in (4, f"{footer}\n"), (5, f"\n{footer}"), (4, f"{footer}\n\n"):
        records = parse(f"text,label\ngood,1\nbad,0\n{end}")
        assert rows(records) == [("good", "1"), ("bad", "0")]
        assert records.notes == (f"x.csv:{line}: {footer!r} is taken as a footer, and left out",)


def test_what_is_like_a_footer_and_is_a_row():
    assert complaint("text,label\n(2 rows)\ngood,1\n").startswith("x.csv:2: 1 field where the header has 2; ")
    assert complaint("text,label\ngood,1\n2 rows of seats\n").startswith("x.csv:3: 1 field where the header has 2; ")
    assert texts(parse("text\ngood\n(2 rows)\n", options=ReadOptions())) == ["good", "(2 rows)"]


def test_a_table_of_markdown():
    records = parse("| text | label |\n|:----|-----|\n| good | 1 |\n", "x.csv")
    assert [(text.strip(), label.strip()) for text, label in rows(records)] == [("good", "1")]


@pytest.mark.parametrize("rule", ["----,-----", ":---,---:", "=====,=="])
def test_a_line_below_the_names_is_no_row(rule):
    records = parse(f"text,label\n{rule}\ngood,1\nbad,0\n")
    assert rows(records) == [("good", "1"), ("bad", "0")]
    assert records.where(0) == "x.csv:3"
    assert records.notes == ("x.csv:2: a line below the names of the columns, which is left out",)


LEFT_OUT = "ids of Qualtrics below the names of the columns, which are left out"
IDS = '"{""ImportId"":""on"",""timeZone"":""UTC""}","{""ImportId"":""QID1_TEXT""}","{""ImportId"":""QID2""}"\n'


@pytest.mark.parametrize(
    ("below", "place", "what"),
    [
        (
            f'On,"What did you\nthink?",Rate\n{IDS}',
            4,
            "ids of Qualtrics below the names of the columns, which are left out, ",
        ),
        (IDS, 2, LEFT_OUT),
        (",Open-Ended Response,Response\n", 2, "a second row of names, as SurveyMonkey writes it, which is left out"),
    ],
)
def test_a_second_header_of_a_survey_is_no_row(below, place, what):
    """Its questions were answered as reviews."""
    records = parse(f"on,text,label\n{below}1,good,1\n2,bad,0\n")
    assert rows(records) == [("good", "1"), ("bad", "0")]
    assert records.where(0) == f"x.csv:{place + 1}"
    (note,) = records.notes
    assert note.startswith(f"x.csv:{place}: {what}")


ORANGE = "types and roles of Orange below the names of the columns, which are left out"


@pytest.mark.parametrize(
    ("below", "note"),
    [
        ("time\tstring\tdiscrete\n\tmeta include=True title=True\tclass\n", f"{ORANGE}; its class is 'label'"),
        ("d\ts\td\n\t\t\n", ORANGE),
        ("c\ts\t0 1\nm\tmeta\tc\n", f"{ORANGE}; its class is 'label'"),
    ],
)
def test_types_and_roles_of_orange_are_no_rows(below, note):
    """They were reviews with the texts `string` and `meta`, and with the labels `discrete` and `class`."""
    records = parse(f"on\ttext\tlabel\n{below}1\tgood\t1\n2\tbad\t0\n", "x.tab")
    assert rows(records) == [("good", "1"), ("bad", "0")]
    assert (records.where(0), records.notes) == ("x.tab:4", (f"x.tab:3: {note}",))


def test_what_is_like_types_of_orange_and_is_a_row():
    data = "text\tlabel\nstring\td\nmeta\tgood\nbad plot\tc\n"
    assert rows(parse(data, "x.tab")) == [("string", "d"), ("meta", "good"), ("bad plot", "c")]


def test_what_is_like_a_second_header_and_is_a_row():
    data = 'text\n"{""ImportId"": 3} is shown"\nOpen-Ended Response was good\n'
    assert texts(parse(data, options=ReadOptions())) == ['{"ImportId": 3} is shown', "Open-Ended Response was good"]


@pytest.mark.parametrize(
    "data",
    [
        '"label", "text"\n"1", "good, really"\n"0",  "bad ""film"""\n',
        'label, text\n1, "good, really"\n0, "bad ""film"""\n',
        'label; text\r\n1; "good, really"\r\n0; "bad ""film"""\r\n',
    ],
)
def test_quotes_after_a_space(data):
    records = parse(data)
    assert rows(records) == [("good, really", "1"), ('bad "film"', "0")]
    assert records.where(1) == "x.csv:3"
    separator = "," if "," in data.splitlines()[0] else ";"
    assert records.notes == (f"x.csv: spaces after a {separator!r} are left out, as quotes follow them",)


def test_quotes_after_a_space_over_several_lines():
    assert rows(parse('text, label\n"good,\nreally", 1\n')) == [("good,\nreally", " 1")]
    assert rows(parse('label, text\n1, "good,\nreally"\n0, "bad"\n')) == [("good,\nreally", "1"), ("bad", "0")]


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        ('text,label\n"He said, ""hi, you""",1\n', "x.csv", [('He said, "hi, you"', "1")]),
        ('label\ttext\n1\t "good"\n0\t"bad\n', "x.tsv", [(' "good"', "1"), ('"bad', "0")]),
        ('label;text\n1;so; "good" film\n', "x.csv", None),
    ],
)
def test_a_space_before_a_quote_that_is_text(data, name, expected):
    if expected is None:
        assert complaint(data, name).startswith("x.csv:2: 3 fields where the header has 2; ")
    else:
        records = parse(data, name)
        assert rows(records) == expected
        assert not any("spaces" in note for note in records.notes)


def test_rows_that_all_have_one_field_more_than_the_header():
    data = "text,label\n2,good,1\n1,bad,0\n"
    repair = "each row has one more: name it in the first line, or remove it"
    assert complaint(data) == f"x.csv:2: 3 fields where the header has 2; {repair}"
    assert "put a text that contains ','" in complaint(f"{data}fine,1\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (["text,label", "good,1,", "bad,0,"], ":2: 3 fields where the header has 2; each row has one more, an empty"),
        (["text,label,", "good,1", "bad,0"], ":2: 2 fields where the header has 3; the names end with a ','"),
        (["text;label", "good,1", "bad,0"], ":1: the names of the columns are separated by ';', and the rows by ','"),
        (["text;label", '"good, yes",1', "bad,0"], ":1: the names of the columns are separated by ';', and the rows"),
        (["text,label", "good\t1", "bad\t0"], ":1: the names of the columns are separated by ',', and the rows by"),
        (["A report", "", "text;label", "good,1", "bad,0"], ":3: the names of the columns are separated by ';', and"),
    ],
)
def test_names_that_are_written_otherwise_than_the_rows(tmp_path, monkeypatch, lines, place, end):
    """The advice was to write a quote as two, or to add what is missing."""
    monkeypatch.chdir(tmp_path)
    data = end.join([*lines, ""])
    said = complaint(data)
    assert said.startswith(f"x.csv{place}")
    Path("x.csv").write_bytes(data.encode())
    subprocess.run(said[said.index("sed ") :], shell=True, check=True)
    assert [text[:4].strip(",") for text, _ in rows(parse(Path("new.csv").read_bytes(), "new.csv"))] == ["good", "bad"]


R = '"text" "label"\n"1" "He said \\"hi, you\\"" 1\n"2" "bad" 0\n"5" "a\\\\b" 1\n'
R_CSV = '"text","label"\n"1","He said ""hi, you""",1\n"2","bad",0\n"5","a\\b",1\n'
R_TSV = R_CSV.replace('",', '"\t')


@pytest.mark.parametrize(("data", "name"), [(R, "x.txt"), (R, "x.csv"), (R_CSV, "x.csv"), (R_TSV, "x.tsv")])
def test_numbers_of_rows_that_the_header_does_not_name(data, name):
    """As write.table of R writes them, with spaces between the fields unless it is told otherwise."""
    option = "--set 'data.separator=\" \"'"
    if data is R:
        said = complaint(data, name)
        assert said.endswith(option), "the repair is known"
    records = parse(data, name, BOTH._replace(separator=" " if data is R else None))
    assert rows(records) == [('He said "hi, you"', "1"), ("bad", "0"), ("a\\b", "1")]
    assert f"{name}:1: names the columns but the first one, which has the numbers of the rows" in records.notes


@pytest.mark.parametrize(
    "texts", [("'good, really'", "'bad, very'"), ("good, really", "bad, very"), ("good,really", "bad,very")]
)
@pytest.mark.parametrize("name", ["id", "nr", "#"])
def test_a_comma_in_each_text_makes_no_numbers_of_rows(name, texts):
    """The ids were taken for numbers that the header does not name, and the text after its comma for the text."""
    data = f"{name},text\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts))
    said = complaint(data, options=ReadOptions())
    assert said.startswith("x.csv:2: 3 fields where the header has 2; "), said


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,"good 5" pizza"\n2,"bad 6" one"\n', 2),
        ('1,"good"\n2,"bad, ""so"" bad"\n3,"it is "fine" so"\n', 4),
        ('1,"good"\n2,"two\nlines"\n3,"a "b"c"\n', 5),
        ('1,"Good" film\n', 2),
    ],
)
def test_a_quote_in_a_quoted_text_that_is_not_doubled_is_told(rows, line):
    records = parse(f"id,text\n{rows}", "x.csv", ReadOptions())
    assert texts(records)
    (note,) = records.notes
    assert note.startswith(f'x.csv:{line}: a quote inside a quoted text is left out; write it as ""')


def test_quotes_that_are_as_csv_has_them_are_not_told():
    rows = (
        '1,5" pizza and 6" one\n2,"a ""good"" one"\n3,"""so"", they said"\n4,""\n5,he said "yes"\n6,"two\n""lines"""\n'
    )
    records = parse(f"id,text\n{rows}", "x.csv", ReadOptions())
    assert records.notes == () and texts(records)[:3] == ['5" pizza and 6" one', 'a "good" one', '"so", they said']


def test_a_table_with_spaces_between_its_fields_that_is_read_as_plain_text():
    records = parse(R, "x.txt", ReadOptions())
    assert len(texts(records)) == 4
    assert "; if spaces separate columns in its lines: --set 'data.separator=\" \"'" in records.notes[0]


@pytest.mark.parametrize("separator", ["~", ":", "\x01", "^"])
def test_a_separator_that_is_not_found_by_itself(separator):
    data = f"text{separator}label\ngood{separator}1\n"
    line = complaint(data)
    assert line.startswith(f"x.csv:1: no 'text'; the columns seem to be separated by {separator!r}: --set ")
    given = yaml.safe_load(shlex.split(line)[-1].partition("=")[2])
    assert rows(parse(data, options=BOTH._replace(separator=given))) == [("good", "1")]


@pytest.mark.parametrize(
    ("columns", "every", "encoding"),
    [
        (("text", "label"), True, None),
        (("label", "text"), False, "cp1252"),
        (("id", "text", "label"), True, "cp1252"),
        (("id", "text", "label"), False, None),
    ],
)
def test_texts_with_the_separator_are_put_in_quotes_by_a_command(columns, every, encoding, tmp_path, monkeypatch):
    """If each row had one, the advice was to name the surplus field, which is the second half of a text."""
    monkeypatch.chdir(tmp_path)
    written = [f"a film{', süß, so so' if every or i % 3 == 1 else ''}" for i in range(9)]
    written[4] = 'a "film", süß, so so' if not every else written[4]
    cells = [{"id": str(i), "text": text, "label": "1"} for i, text in enumerate(written)]
    data = ",".join(columns) + "\n" + "".join(",".join(map(row.get, columns)) + "\n" for row in cells)
    options = BOTH._replace(encoding=encoding)
    Path("it's.csv").write_text(data, encoding=encoding or "utf-8")
    with pytest.raises(DataError) as caught:
        rows(parse(Path("it's.csv").read_bytes(), "it's.csv", options))
    repair = str(caught.value).partition(" in double quotes; if no other column has one: ")[2]
    subprocess.run(repair, shell=True, check=True)
    assert rows(parse(Path("new.csv").read_bytes(), options=options)) == [(text, "1") for text in written]


@pytest.mark.parametrize("sign", ["''", "``", "\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\\"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_signs_that_are_no_quotes_hold_no_text_together(sign, separator, tmp_path, monkeypatch):
    """A name for the surplus field, as for a column without one, would leave half of the text."""
    monkeypatch.chdir(tmp_path)
    held = [f"good{separator} film", f'so "bad"{separator} really']
    marked = [each.replace(separator, sign + separator) for each in held]
    written = marked if sign == "\\" else [f"{sign[0]}{each}{sign[1]}" for each in held]
    data = f"text{separator}label\n" + "".join(f"{each}{separator}1\r\n" for each in written)
    fact, repair = complaint(data).split("; to put such texts in them: ")
    assert fact == (
        f"x.csv:2: 3 fields where the header has 2; put a text that contains {separator!r} in double quotes: "
        f"{sign[0]} is read as a plain character"
    )
    Path("x.csv").write_text(data)
    subprocess.run(repair, shell=True, check=True)
    assert rows(parse(Path("new.csv").read_bytes())) == [(each, "1") for each in held]


@pytest.mark.parametrize("name", ["x.txt", "x.csv", "x.tsv"])
@pytest.mark.parametrize("separator", ["\x01", "\x1e", "\x1f"])
def test_columns_between_control_characters(name, separator):
    """As Hive writes them; there is no header, and the repair names the columns."""
    data = f"good film{separator}pos\nbad film{separator}neg\n"
    option = f"--set 'data.separator={json.dumps(separator)}'"
    fact = f"its lines seem to have columns between {separator!r}"
    assert complaint(data, name).endswith(f"{fact}; to read these: {option} --set data.columns=[text,label]")
    records = parse(data, name, BOTH._replace(separator=separator, names=("text", "label")))
    assert rows(records) == [("good film", "pos"), ("bad film", "neg")]
    if name == "x.txt":
        (note,) = parse(data, name, ReadOptions()).notes
        assert note.startswith(f"x.txt: read as plain text, a review a line; {fact}; ")
        assert option in parse(f"text{separator}id\ngood{separator}1\n", name, ReadOptions()).notes[0]
