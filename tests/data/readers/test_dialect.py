"""The separator, the quoting, and quotes that are not closed."""

from __future__ import annotations

import pytest
from reading import BOTH, complaint, parse, rows, texts

from sentibp.data.readers.table import ReadOptions

REVIEWS = [f"a lovely film {i}" if i % 2 else f"dull and slow {i}" for i in range(60)]


def written(separator: str, **changed: str) -> str:
    """Return 60 reviews with labels, without quoting. `r4` is the text of review 4."""
    lines = [f"{changed.get(f'r{i}', text)}{separator}{i % 2}\n" for i, text in enumerate(REVIEWS)]
    return f"text{separator}label\n{''.join(lines)}"


# Separators


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.psv", "x.tab"])
@pytest.mark.parametrize("separator", list(",;\t|"))
def test_any_separator_whatever_the_suffix(name, separator):
    assert rows(parse(written(separator), name)) == list(zip(REVIEWS, "01" * 30, strict=True))


def test_tab_separated_values():
    assert rows(parse('text\tlabel\na, b\t1\n"c\td"\t0\n', "x.tsv")) == [("a, b", "1"), ("c\td", "0")]


def test_commas_between_semicolons():
    data = "Datum;Bewertung;Kommentar\n1,2;1;a, b, c\n1,3;0;d, e, f\n"
    assert rows(parse(data, options=ReadOptions("Kommentar", "Bewertung"))) == [("a, b, c", "1"), ("d, e, f", "0")]
    assert "Datum, Bewertung, Kommentar" in complaint(data)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_separator_line_of_excel(newline):
    data = newline.join(["sep=;", "text;label", "a, b;1", ""])
    assert rows(parse(data)) == [("a, b", "1")]
    assert rows(parse("sep=|\ntext|label\na|1\n", "x.tsv")) == [("a", "1")]
    assert texts(parse("text\nsep=;\n", options=ReadOptions())) == ["sep=;"]


def test_a_separator_from_the_options():
    assert rows(parse("text:label\na, b;:1\n", options=BOTH._replace(separator=":"))) == [("a, b;", "1")]
    for tab in "tab", "\\t", "\t":
        assert rows(parse("text\tlabel\na,b\t1\n", options=BOTH._replace(separator=tab))) == [("a,b", "1")]


def test_tables_of_an_unknown_suffix():
    assert complaint("text,label\na,1\n", "x.bak").startswith(
        "x.bak: .bak is not a known format; if it is a table: --set 'data.separator=\",\"'; else give CSV, "
    )
    assert rows(parse("text,label\na,1\n", "x.bak", BOTH._replace(separator=","))) == [("a", "1")]
    of_training = BOTH._replace(separator=",", inherited=frozenset(["separator"]))
    assert rows(parse("text,label\na,1\n", "x.bak", of_training)) == [("a", "1")]
    assert complaint("text;label\na;1\n", "x.bak", of_training).startswith("x.bak: .bak is not a known format; if it")
    assert complaint("just words\n", "x.bak").startswith("x.bak: not a known format; give CSV, ")


# Quoting


def test_an_unquoted_file_may_have_any_quotes():
    changed = {"r4": '"Oh what a start', "r9": 'a 5" disk', "r20": '"I adored it', "r30": '"Great" it is "good"'}
    for separator, name in ("\t", "x.tsv"), ("|", "x.csv"):
        records = parse(written(separator, **changed), name)
        assert texts_of(records) == [changed.get(f"r{i}", text) for i, text in enumerate(REVIEWS)]
        assert records.notes == (
            f"{name}: 3 fields begin with a quote, and the file is read without quoting; "
            "otherwise: --set data.quoting=double",
        )
    assert (
        parse(written("\t", r4='"open'), "x.tsv")
        .notes[0]
        .startswith("x.tsv: a field begins with a quote that is not closed, and")
    )
    assert parse(written("\t", r4='in the "midst"'), "x.tsv").notes == ()


def texts_of(records) -> list[str]:
    return records.text.to_pylist()


def test_a_clearly_quoted_tsv():
    data = 'text\tlabel\n"a ""b"" c"\t1\nd\t0\n"e\nf\t1\ng"\t"1"\n'
    records = parse(data, "x.tsv")
    assert rows(records) == [('a "b" c', "1"), ("d", "0"), ("e\nf\t1\ng", "1")]
    assert records.notes == ()


@pytest.mark.parametrize("separator", list(",;\t|"))
def test_quotes_after_backslashes(separator):
    """As R and some databases write them. Two backslashes are one."""
    lines = ['"a \\"b\\" c"', '"\\"d\\", e"', '"f \\\\ g"', '"h\\\\"', '"\\""', '"i\nj \\"k\\""']
    data = f'"text"{separator}label\n' + "".join(f"{line}{separator}1\n" for line in lines)
    records = parse(data)
    assert texts_of(records) == ['a "b" c', '"d", e', "f \\ g", "h\\", '"', 'i\nj "k"']
    assert records.notes == ()


def test_backslashes_before_other_characters_are_kept():
    data = 'text\tlabel\n"\\"a\\" in C:\\dir\\new"\t1\n'
    assert texts_of(parse(data, "x.tsv")) == ['"a" in C:\\dir\\new']


def test_backslashes_that_escape_no_quote():
    data = 'text,label\n"C:\\",1\n"say \\""hi\\"""" there",0\nC:\\d,1\n'
    assert texts_of(parse(data)) == ["C:\\", 'say \\"hi\\"" there', "C:\\d"]


def test_backslashes_in_fields_without_quotes_are_noted():
    records = parse('text,label\nsay \\"hi\\",1\n')
    assert texts_of(records) == ['say "hi"']
    assert records.notes == ('x.csv: \\" is read as a quote in a text; otherwise: --set data.quoting=double',)
    kept = parse('text,label\nsay \\"hi\\",1\n', options=BOTH._replace(quoting="double"))
    assert texts_of(kept) == ['say \\"hi\\"']


# Texts of several lines, and rows that an open quote would swallow


@pytest.mark.parametrize("separator", list(",;"))
def test_an_open_quote_that_another_closes(separator):
    data = written(separator, r4='"Oh what a start', r10='"I adored it')
    assert complaint(data) == (
        "x.csv:6: a quote that is open here ends in line 12, where more text follows it; close the quote, "
        "or if quotes are plain characters: --set data.quoting=none"
    )
    assert len(parse(data, options=BOTH._replace(quoting="none")).text) == 60


@pytest.mark.parametrize("options", [BOTH, ReadOptions()])
def test_an_open_quote_that_the_end_of_a_text_closes(options):
    data = written(",", r4='"Oh what a start', r10='I say "it is good"').replace('say "it', "say it")
    assert complaint(data, options=options) == (
        "x.csv:6: a quote is open up to line 12, and each of these lines looks like a row; close the quote, "
        "or if quotes are plain characters: --set data.quoting=none, or if it is one text: --set data.quoting=double"
    )
    assert len(parse(data, options=options._replace(quoting="none")).text) == 60
    assert len(parse(data, options=options._replace(quoting="double")).text) == 54


def test_an_open_quote_among_quoted_texts():
    """Without quoting, other rows would have too many fields, so that this is no repair."""
    data = written(",", r4='"Oh what a start', r10='"I adored it', r20='"one, two"')
    assert complaint(data).endswith("where more text follows it; close the quote")


PROSE = {
    "one comma a line": "Good film, really\nI liked it, a lot\nbest, ever",
    "paragraphs": "Good film.\n\nI liked it, a lot.\n\n1. acting\n2. music, too",
    "a list of scores": "story, good\nmusic, bad\nacting, good",
    "a table": "story; 9\nmusic; 8\nacting; 7\nall; 8",
}


@pytest.mark.parametrize("label_first", [False, True])
@pytest.mark.parametrize("kind", PROSE)
def test_texts_of_several_lines_are_neither_refused_nor_noted(kind, label_first):
    fields = [(f'"{PROSE[kind]} {i}"', str(i % 2)) for i in range(60)]
    names = ("text", "label")
    lines = [",".join(reversed(row) if label_first else row) for row in (names, *fields)]
    records = parse("\n".join(lines) + "\n")
    assert rows(records) == [(f"{PROSE[kind]} {i}", str(i % 2)) for i in range(60)]
    assert records.notes == ()


def test_many_lines_with_the_fields_of_a_row_are_noted():
    rows_of_something = "".join(f"item {i}, thing {i}\n" for i in range(12))
    data = "text,label\n" + "".join(f"a film {i},{i % 2}\n" for i in range(9)) + f'"{rows_of_something}end",1\n'
    records = parse(data)
    assert len(records.text) == 10
    assert records.notes == (
        "x.csv:11: the text of 13 lines that begins here may be rows with an open quote; "
        "to read every line as a row: --set data.quoting=none",
    )
    assert parse(data, options=BOTH._replace(quoting="double")).notes == ()


def test_a_lone_quote_does_not_hide_an_open_one():
    data = written(",", r2='a 5" disk', r4='"Oh what a start', r10='"I adored it')
    assert complaint(data).startswith("x.csv:6: a quote that is open here ends in line 12")
