"""Reviews on standard input: the format is told by the first line, and each is there as soon as it has arrived."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import os
import re
import tarfile
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyarrow import parquet

from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers.stream import stream_pieces
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

TEXTS = ["a good film", "", 'bad, "long"\nfilm', "naïve 🎬"]


def pieces(content: str | bytes, kept: Kept = Kept.nothing, text: str | tuple[str, ...] = "text") -> list[Piece]:
    content = content.encode() if isinstance(content, str) else content
    return list(stream_pieces(io.BytesIO(content), "<stdin>", ReadOptions(text), kept))


def texts(*arguments, **options) -> list[str]:
    return [text for piece in pieces(*arguments, **options) for text in piece.text.to_pylist()]


def as_parquet() -> bytes:
    content = io.BytesIO()
    parquet.write_table(pa.table({"id": [1, 2, 3, 4], "text": TEXTS}), content)
    return content.getvalue()


def delimited(delimiter: str, end: str = "\n") -> str:
    quoted = ('"' + text.replace('"', '""') + '"' for text in TEXTS)
    return "".join(f"{line}{end}" for line in (f"id{delimiter}text", *(f"1{delimiter}{text}" for text in quoted)))


FORMS = {
    "comma": delimited(","),
    "semicolon": delimited(";"),
    "tab": delimited("\t"),
    "bar": delimited("|"),
    "crlf": delimited(",", "\r\n"),
    "no last newline": delimited(",")[:-1],
    "blank lines": "\n" + delimited(",") + "\n\n",
    "quoted header": delimited(",").replace("id,text", '"id","text"'),
    "json lines": "".join(json.dumps({"id": 1, "text": text}) + "\n\n" for text in TEXTS),
    "json array": json.dumps([{"text": text} for text in TEXTS]),
    "pretty array": json.dumps([{"text": text} for text in TEXTS], indent=2),
    "parquet": as_parquet(),
}


@pytest.mark.parametrize("packed", ["plain", "gzip", "mark"])
@pytest.mark.parametrize("form", FORMS)
def test_the_format_is_recognised(form, packed):
    content = FORMS[form]
    content = content.encode() if isinstance(content, str) else content
    if packed == "gzip":
        half = len(content) // 2
        content = gzip.compress(content[:half]) + gzip.compress(content[half:])
    elif packed == "mark":
        content = (b"" if form == "parquet" else b"\xef\xbb\xbf") + content
    assert texts(content) == TEXTS


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        ("\n", [""]),
        ("a\n\nb\r\n", ["a", "", "b"]),
        ("{ha}\n[good]\n", ["{ha}", "[good]"]),
        ("[ok] good\n", ["[ok] good"]),
        ("Well, good\n", ["Well, good"]),
        ("a text of mine\n", ["a text of mine"]),
        ("__label__pos good\n__label__neg\n", ["good", ""]),
    ],
)
def test_plain_text(content, expected):
    assert texts(content) == expected


def test_other_columns():
    assert texts("id,body\n1,good\n", text="body") == ["good"]
    assert texts('{"body": "good", "text": 3}\n', text="body") == ["good"]
    assert texts("title,body\nA,b\nC,\n", text=("title", "body")) == ["A\nb", "C\n"]
    assert texts('{"title": "A", "body": null}\n', text=("title", "body")) == ["A"]
    assert texts('{"user": {"body": "good"}}\n{"user": 3}\n', text="user.body") == ["good", ""]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le"])
def test_another_encoding(encoding):
    content = "id,text\n1,café\n2,naïve\n".encode(encoding)

    class Slow(io.BytesIO):
        def read1(self, count: int | None = -1) -> bytes:
            return super().read1(3)

        def fileno(self) -> int:
            raise OSError

    found = stream_pieces(Slow(content), "<stdin>", ReadOptions(encoding=encoding), Kept.nothing)
    assert [text for piece in found for text in piece.text.to_pylist()] == ["café", "naïve"]


def test_columns_that_have_no_header():
    options = ReadOptions("text", names=("label", "id", "text"))
    for content in ("0,1,good\n1,2,bad\n", "label,id,text\n0,1,good\n1,2,bad\n"):
        found = list(stream_pieces(io.BytesIO(content.encode()), "<stdin>", options, Kept.text))
        assert [text for piece in found for text in piece.text.to_pylist()] == ["good", "bad"]
        assert found[0].names == ["label", "id", "text"]


def test_what_is_assumed_is_told():
    for header in ("id,body", "review\tscore", "Customer review;Stars", "On,How did you like the film (be honest)?"):
        (piece,) = pieces(f"{header}\n1,good\n2,bad\n")
        assert piece.notes[0].startswith(
            "<stdin>: read as plain text, a review a line; if the first line names columns"
        )
        assert header.split(",")[0].split("\t")[0].split(";")[0] in piece.notes[0]
    (note,) = pieces("Review Text\ngood\n")[0].notes
    assert note.endswith("if the first line names the column of the texts: --set 'data.text_column=\"Review Text\"'")
    assert pieces("text\ngood\n")[0].notes == ("<stdin>: the first line, 'text', is read as a CSV header",)
    for content in ("id,text\n1,good\n", "a good film\n", '{"text": "a"}\n', "Well, it was long, and rather dull.\n"):
        assert pieces(content)[0].notes == ()


@pytest.mark.parametrize("header", ["id,text", "text\tlabel", "text"])
def test_a_table_without_rows_has_its_columns(header):
    (piece,) = pieces(f"{header}\n", Kept.text)
    assert (piece.names, len(piece.text)) == (re.split("[,\t]", header), 0)


def test_the_columns_are_kept():
    (piece,) = pieces('id,text,on\n007,"a,b",2026\n', Kept.text)
    assert {name: column.to_pylist() for name, column in piece.columns.items()} == {
        "id": ["007"],
        "text": ["a,b"],
        "on": ["2026"],
    }
    (piece,) = pieces("good\n", Kept.text)
    assert piece.columns["text"].to_pylist() == ["good"]
    (piece,) = pieces("__label__a good\n", Kept.objects)
    assert (piece.columns["text"].to_pylist(), piece.columns["label"].to_pylist()) == (["good"], ["__label__a"])
    (piece,) = pieces(' {"id" : 1.0, "text": "a"} \r\n', Kept.objects)
    assert piece.objects == ['{"id" : 1.0, "text": "a"}']
    assert piece.names == ["id", "text"]


@pytest.mark.parametrize(
    ("content", "before", "message"),
    [
        ('{"text": "a"}\nb\n', 1, "<stdin>:2: not JSON: "),
        ('{"text": "a"}\n\n{"text": 3}\n', 0, "<stdin>:3: 'text' is not a string"),
        ('{"body": "a"}\n', 0, "<stdin>:1: no 'text'; "),
        ("[{}, x]", 0, "<stdin>:1: "),
        (b"a\n\xe9\n", 1, "<stdin>:2: not UTF-8 (byte 0xE9); "),
        ("a film\nb\n".encode("utf-16-le"), 0, "<stdin>: not UTF-8; it looks like utf-16-le: --set data.encoding="),
        ("id,text\n1,a\n2\n3,b\n", 1, "<stdin>:3: 1 field where the header has 2; "),
        ('id,text\n1,"a\nb"\n2,c,d\n', 1, "<stdin>:4: 3 fields where the header has 2; "),
        ('id,text\n1,a\n2,"b" c\n', 1, "<stdin>:3: not CSV: "),
        ('id,text\n1,a\n2,"b\n', 1, "<stdin>:3: not CSV: unexpected end of data; close the quote"),
        ('id,text\n1,a\n2,"b\n' + "3,c\n" * 2000, 1, "<stdin>:3: not CSV: a quote is not closed; "),
        ("text,text\na,b\n", 0, "<stdin>:1: two columns are called 'text'"),
        (gzip.compress(b"good\n", mtime=0)[:-9], 1, "<stdin>: damaged gzip: "),
        (b"PAR1 or not", 0, "<stdin>: not Parquet: "),
    ],
)
def test_the_line_of_an_error(content, before, message):
    """What came before it has been answered."""
    found = []
    content = content.encode() if isinstance(content, str) else content
    with pytest.raises(DataError) as caught:
        for piece in stream_pieces(io.BytesIO(content), "<stdin>", ReadOptions(), Kept.nothing):
            found += piece.text.to_pylist()
    assert str(caught.value).startswith(message)
    assert len(found) == before


def test_a_quote_within_a_text_opens_nothing():
    content = 'id,text\n1,a 5" screen\n2,good\n3,"a ""b"" c"\n4,6" or\n'
    assert texts(content) == ['a 5" screen', "good", 'a "b" c', '6" or']


def read(content: str | bytes, **options) -> tuple[list[str], list[str]]:
    content = content.encode() if isinstance(content, str) else content
    found = list(stream_pieces(io.BytesIO(content), "<stdin>", ReadOptions(**options), Kept.nothing))
    return [t for piece in found for t in piece.text.to_pylist()], [note for piece in found for note in piece.notes]


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("sep=;\nid;text\n1;good\n", {}, ["good"]),
        ("ID;TEXT \n1;good\n", {}, ["good"]),
        ('text,id\n"a \\"good\\", film",1\n', {}, ['a "good", film']),
        ("text,id\r" + "good,1\r" + "bad,2\r", {}, ["good", "bad"]),
        ("id@text\n1@good\n", {"separator": "@"}, ["good"]),
        ("good@x@1\nbad@0\n", {"separator": "@", "names": ("text", "label")}, ["good@x", "bad"]),
        ("1,good, film\n0,bad\n", {"names": ("label", "text")}, ["good, film", "bad"]),
        ('id\ttext\n1\t"good\n2\tbad\n', {"quoting": "none"}, ['"good', "bad"]),
        ('[["good", 1], ["bad", 0]]\n', {"names": ("text", "label")}, ["good", "bad"]),
        ('{"data": [{"text": "good"}]}\n', {}, ["good"]),
        ('{"Text": "good"}\n{"Text": "bad"}\n', {}, ["good", "bad"]),
        ("id,body\n1,good\n", {"names": ("label", "body"), "text": "body"}, ["good"]),
        (bz2.compress(b"id,text\n1,good\n"), {}, ["good"]),
        ("good film\rbad film\r", {}, ["good film", "bad film"]),
    ],
)
def test_the_dialect_is_that_of_files(content, options, expected):
    assert read(content, **options)[0] == expected


def test_what_quotes_mean_in_tab_separated_text():
    for quoted, expected in ('"good"', "good"), ('"good" film', '"good" film'), ('"good', '"good'):
        found, notes = read(f"id\ttext\n1\tfine\n2\t{quoted}\n")
        assert found == ["fine", expected]
        assert bool(notes) == (quoted != '"good"')


def test_the_encoding_is_found_or_suggested():
    assert read("id,text\n1,café\n".encode("utf-16")) == (
        ["café"],
        ["<stdin>: read as utf-16, as its byte-order mark says"],
    )
    with pytest.raises(DataError, match=r"^<stdin>:2: not UTF-8 \(byte 0xE9\); it looks like cp1252: --set data\.enc"):
        read("id,text\n1,café “good”\n".encode("cp1252"))
    inherited = {"encoding": "cp1252", "inherited": frozenset(("encoding",))}
    for encoding in "cp1252", "utf-8":
        assert read("id,text\n1,café “good”\n".encode(encoding), **inherited)[0] == ["café “good”"]
    inherited["encoding"] = "utf-16-le"  # of ASCII letters, its bytes are UTF-8, too
    for encoding in "utf-16-le", "utf-8":
        assert read("id,text\n1,a good film\n".encode(encoding), **inherited)[0] == ["a good film"]


class Arriving(io.RawIOBase):
    """A stream of which some bytes are there, and then others."""

    def __init__(self, *chunks: bytes):
        self.chunks = iter(chunks)

    def read1(self, count: int) -> bytes:
        return next(self.chunks, b"")


def test_a_character_may_arrive_in_two_parts():
    content = "text\né café 🎬\n".encode()
    options = ReadOptions(encoding="cp1252", inherited=frozenset(("encoding",)))  # where UTF-8 is found first
    for cut in range(5, len(content)):
        file = Arriving(content[:cut], content[cut:])
        found = [
            text for each in stream_pieces(file, "<stdin>", options, Kept.nothing) for text in each.text.to_pylist()
        ]
        assert found[-1] == "é café 🎬", cut


def test_a_long_line_is_named_by_its_number_in_all_that_has_arrived():
    file = Arriving(b"good\n" * 3, b"bad\n" * 2, b"fine\n" + b"a" * 200 + b"\n")
    found = []
    with pytest.raises(DataError, match=r"^<stdin>:7: a line of more than"):
        for piece in stream_pieces(file, "<stdin>", ReadOptions(most=100), Kept.nothing):
            found += piece.text.to_pylist()
    assert found == ["good"] * 3 + ["bad"] * 2


def test_lines_and_notes_of_a_table_that_arrives_in_parts():
    file = Arriving(b'text,id\n"a\n', b'b",1\nc,2,3\n')
    with pytest.raises(DataError, match=r"^<stdin>:4: 3 fields where the header has 2"):
        list(stream_pieces(file, "<stdin>", ReadOptions(), Kept.nothing))
    file = Arriving(b"text\ngood\n", b"bad\n", b"fine\n")
    found = list(stream_pieces(file, "<stdin>", ReadOptions(), Kept.nothing))
    assert [each.notes for each in found] == [("<stdin>: the first line, 'text', is read as a CSV header",), (), ()]
    with pytest.raises(DataError, match=r"^<stdin>:3: no 'text'"):
        list(stream_pieces(io.BytesIO(b'\n\n{"review": "good"}\n'), "<stdin>", ReadOptions(), Kept.nothing))


def test_the_label_beside_a_text_with_separators_is_the_outer_field():
    for names, texts, labels in (
        (("text", "label"), ["good\tfilm\tindeed", "bad"], ["1", "0"]),
        (("label", "text"), ["film\tindeed\t1", "0"], ["good", "bad"]),
    ):
        options = ReadOptions(names=names, separator="\t")
        content = io.BytesIO(b"good\tfilm\tindeed\t1\nbad\t0\n")
        (piece,) = stream_pieces(content, "<stdin>", options, Kept.text)
        assert (piece.text.to_pylist(), piece.columns["label"].to_pylist()) == (texts, labels)


def test_rows_that_an_open_quote_swallows():
    """The rows before them have been answered."""
    lines = [f"{i},{i % 2},fine film\n" for i in range(30)]
    for first, after in ('7,1,"fine film\n', '9,1,fine"\n'), ('7,1,"fine film\n', '9,1,"fine\n'):
        found = []
        content = "id,label,text\n" + "".join([*lines[:7], first, lines[8], after, *lines[10:]])
        with pytest.raises(DataError, match=r"^<stdin>:9: a quote .*open.*--set data\.quoting=none"):
            for piece in stream_pieces(io.BytesIO(content.encode()), "<stdin>", ReadOptions(), Kept.nothing):
                found += piece.text.to_pylist()
        assert len(found) == 7


def test_names_of_the_training_hold_for_lines_that_they_fit():
    inherited = {"names": ("text", "label"), "inherited": frozenset(("names",))}
    assert read("good\t1\nbad\t0\n", **inherited)[0] == ["good", "bad"]
    assert read("Well, good\nNo, bad\n", **inherited)[0] == ["Well, good", "No, bad"]
    assert read("id,text\n1,good\n", names=("a", "b", "text"), inherited=frozenset(("names",)))[0] == ["good"]


def test_a_table_without_a_header_is_told():
    for content in "0,1,good film\n1,2,bad film\n0,3,fine\n", '"4","2","a good film"\n':
        assert "has columns, but no header" in read(content)[1][0].replace("its lines have", "has")
        assert "--set data.columns=[label," in read(content)[1][0]


@pytest.mark.parametrize(
    ("content", "options", "key"),
    [
        ("good\n", {"sheet": "x"}, "sheet"),
        ('{"text": "good"}\n', {"names": ("text", "label")}, "columns"),
    ],
)
def test_settings_that_cannot_apply(content, options, key):
    with pytest.raises(DataError, match=f"so data.{key} does not apply; leave it out with --set data.{key}=null$"):
        read(content, **options)


@pytest.fixture
def pipe() -> Iterator[tuple[io.FileIO, io.BufferedReader]]:
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb", buffering=0) as sink:
        yield sink, source


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        (b"", [b"good\n", b"bad\n"]),
        (b"", [b'{"text": "good"}\n', b'{"text": "bad"}\n']),
        (b"id,text\n", [b"1,good\n", b"2,bad\n"]),
        (b"id,text\n", [b'1,"good"\n2,"b', b'ad"\n']),
    ],
    ids=["text", "json", "csv", "csv in the midst of a text"],
)
def test_a_line_is_there_as_soon_as_it_has_arrived(pipe, header, lines):
    """Otherwise the second `next` would wait for ever: the pipe stays open."""
    sink, source = pipe
    found = stream_pieces(source, "<stdin>", ReadOptions(), Kept.nothing)
    sink.write(header + lines[0])
    assert next(found).text.to_pylist() == ["good"]
    sink.write(lines[1])
    assert next(found).text.to_pylist() == ["bad"]


def test_lines_that_are_there_are_read_together(pipe):
    sink, source = pipe
    sink.write(b"good film\n" * 1000)
    assert len(next(stream_pieces(source, "<stdin>", ReadOptions(), Kept.nothing)).text) == 1000


@pytest.mark.parametrize("form", ["text", "json", "csv", "gzip"])
def test_an_endless_stream_is_not_collected(form):
    line = {"text": b"good\n", "json": b'{"text": "good"}\n', "csv": b'"good","1"\n', "gzip": b""}[form]

    class Endless(io.RawIOBase):
        chunks = itertools.chain([b"text,id\n"] * (form == "csv"), itertools.repeat(line * 5000))
        if form == "gzip":
            chunks = itertools.repeat(gzip.compress(b"good\n" * 5000))

        def read1(self, count: int) -> bytes:
            return next(self.chunks)

    found = stream_pieces(Endless(), "<stdin>", ReadOptions(), Kept.nothing)  # type: ignore[arg-type]
    for piece in itertools.islice(found, 5):
        assert len(piece.text) < 1_000_000


def test_titles_above_fasttext_lines():
    """The labels below are not read as text. The title is answered, as it may have arrived alone."""
    (piece,) = pieces("# of May\n__label__1 good\n__label__2 bad\n")
    assert piece.text.to_pylist() == ["# of May", "good", "bad"]
    assert piece.notes == ("<stdin>: the first line ('# of May') is taken as a title, without a label, and answered",)


def test_a_separator_after_the_label_of_fasttext_lines():
    (piece,) = pieces("__label__1,good, really\n__label__0,bad\n", Kept.typed)
    assert piece.text.to_pylist() == ["good, really", "bad"]
    assert piece.columns["label"].to_pylist() == ["__label__1", "__label__0"]
    (note,) = piece.notes
    assert note.startswith("<stdin>: each label ends at a ',', such as '__label__1'; ")


def test_titles_above_the_names():
    table = "Export of reviews\n\nText,label\n" + "".join(f'"good, {i}",1\n' for i in range(9))
    assert texts(table) == [f"good, {i}" for i in range(9)]
    assert pieces(table)[0].notes[0].startswith("<stdin>: the first line ('Export of reviews') is taken as a title")
    assert texts("Nice\nGood, really\nBad, no\n") == ["Nice", "Good, really", "Bad, no"], "plain text with commas"


def test_lines_of_a_table_that_are_no_rows():
    found = pieces("text,label\n----,-----\ngood,1\ntext,label\nbad,0\n(2 rows)\n")
    assert [text for piece in found for text in piece.text.to_pylist()] == ["good", "bad"]
    assert [note for piece in found for note in piece.notes] == [
        "<stdin>:2: a line below the names of the columns, which is left out",
        "<stdin>:4: repeats the names of the columns; left out",
        "<stdin>:6: '(2 rows)' is taken as a footer, and left out",
    ]


def test_a_list_of_texts_is_not_one_text():
    assert texts('["good", "bad \\u00e9"]\n') == ["good", "bad é"]
    assert texts('[\n  "good",\n  "bad"\n]\n') == ["good", "bad"]
    assert texts('["good", "film"]\nbad film\n') == ['["good", "film"]', "bad film"]  # plain text
    assert texts("[good]\n[2024]\n") == ["[good]", "[2024]"]


@pytest.mark.parametrize("content", ["[]", "[]\n", " [ ]\n\n", "[\n]\n"])
def test_an_empty_list_has_no_review(content):
    assert texts(content) == []


def test_an_object_without_keys():
    with pytest.raises(
        DataError, match=r"^<stdin>:1: no 'text'; there are no columns; give each row one with the text$"
    ):
        texts("{}\n")


@pytest.mark.parametrize("kept", [Kept.nothing, Kept.objects, Kept.typed])
def test_a_text_beside_a_list_of_reviews_is_told(kept):
    content = json.dumps({"text": "two hours of ships", "reviews": [{"text": "bad"}, {"text": "good"}]})
    (piece,) = pieces(content, kept)
    assert piece.text.to_pylist() == ["two hours of ships"]
    fact = "<stdin>: each object is one review, without the objects with 'text' in its list 'reviews'"
    assert piece.notes == (f"{fact}; if these are the reviews, give them: jq -c '.reviews[]' > reviews.jsonl",)


def test_a_list_of_values_a_line_is_no_text():
    rows = '["good film", 1]\n\n["bad", 0]\n'
    with pytest.raises(DataError, match=r"^<stdin>:1: a list, without names; name its values with --set data.columns="):
        texts(rows)
    assert read(rows, text="text", names=("text", "stars")) == (["good film", "bad"], [])


@pytest.mark.parametrize(
    ("data", "repair"),
    [
        ('"good"\n"bad ""film"""\n', "to read it without these: --set data.columns=[text]"),
        ('"good"\n"bad\\nfilm"\n', "if jq has printed it, use jq -r"),
    ],
)
def test_lines_in_quotes_are_told(data, repair):
    (piece,) = pieces(data)
    assert piece.text.to_pylist() == data.splitlines()
    assert piece.notes == (f"<stdin>: read as plain text, a review a line, with the quotes that each is in; {repair}",)


def test_a_key_that_occurs_twice():
    with pytest.raises(DataError, match=r"^<stdin>:2: the key 'text' occurs several times; "):
        texts('{"text": "a"}\n{"text": "good", "text": "bad"}\n')


def test_quotes_after_a_space():
    assert texts('"label", "text"\n1, "good, really"\n0, "bad\nfilm, dull"\n') == ["good, really", "bad\nfilm, dull"]


def test_titles_above_lines_of_a_text_and_a_label():
    """They are left out as in a file."""
    lines = "Export of May\n\ngood film\tpos\nbad\tfilm\tneg\n"
    (piece,) = pieces(lines)
    repair = "to leave these out: --set data.columns=[text,label]"
    assert piece.text.to_pylist() == lines.splitlines()
    assert piece.notes == (f"<stdin>: its lines are read as whole texts, and seem to have labels too; {repair}",)
    options = ReadOptions(names=("text", "label"))
    found = list(stream_pieces(io.BytesIO(lines.encode()), "<stdin>", options, Kept.nothing))
    assert [text for piece in found for text in piece.text.to_pylist()] == ["good film", "bad\tfilm"]
    assert found[0].notes == (
        "<stdin>: the first line ('Export of May') is taken as a title and left out, as each line below has a '\\t'; "
        "a review must be written so, too",
    )


def test_marks_in_the_names_of_columns():
    assert texts("\ufeff\ufefftext,\u200blabel\ngood,1\n") == ["good"]


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"<!doctype html>\n<title>404</title>\n", "an HTML page"), (b"%PDF-1.7\n", "a PDF file")],
)
def test_what_has_no_reviews(data, what):
    """A download may have failed."""
    with pytest.raises(DataError, match=f"^<stdin>: {what}"):
        texts(data)
    assert texts(b"ORCHESTRA\n<b>good</b>\n") == ["ORCHESTRA", "<b>good</b>"]


@pytest.mark.parametrize("packed", ["plain", "gzip"])
def test_an_archive_of_many_files(packed):
    """Its lines were answered as reviews, the first with the name of a file and zeros. It may arrive in pieces."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as files:
        about = tarfile.TarInfo("reviews.csv")
        about.size = len(content := b"text,label\ngood,1\n")
        files.addfile(about, io.BytesIO(content))
    data = gzip.compress(archive.getvalue()) if packed == "gzip" else archive.getvalue()
    with pytest.raises(DataError, match=r"^<stdin>: an archive of many files; save it as a file, unpack that"):
        texts(data)

    class Pieces(io.BytesIO):
        def read1(self, size=-1):
            return self.read(min(size, 40))

    with pytest.raises(DataError, match=r"^<stdin>: an archive of many files"):
        list(stream_pieces(Pieces(data), "<stdin>", ReadOptions("text"), Kept.nothing))
