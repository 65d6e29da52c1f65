"""Encodings: found, given, or suggested."""

from __future__ import annotations

import codecs
import gzip
import re
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import BOTH, complaint, parse, read, rows, texts

from sentibp.data.pieces import Kept
from sentibp.data.readers import encoding
from sentibp.data.readers.arriving import without_padding
from sentibp.data.readers.encoding import guess_encoding, to_utf8
from sentibp.data.readers.stream import stream_pieces
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

SAME = {
    "x.csv": "text,label\nfilm é,1\n",
    "x.tsv": "text\tlabel\nfilm é\t1\n",
    "x.jsonl": '{"text": "film é", "label": "1"}\n',
    "x.txt": "__label__1 film é\n",
}


def kept(data: str | bytes, name: str, options: ReadOptions = BOTH) -> list[tuple]:
    return [(text, label.removeprefix("__label__")) for text, label in rows(parse(data, name, options))]


@pytest.mark.parametrize("name", SAME)
def test_the_error_names_the_line_and_the_encoding_which_then_works(name):
    data, line = SAME[name].encode("latin-1"), SAME[name].count("\n")
    assert complaint(data, name) == (
        f"{name}:{line}: not UTF-8 (byte 0xE9); it looks like cp1252: --set data.encoding=cp1252"
    )
    for known in "cp1252", "latin-1", "iso8859-15", "windows-1252":
        assert kept(data, name, BOTH._replace(encoding=known)) == [("film é", "1")]


@pytest.mark.parametrize("kind", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", SAME)
def test_wide_encodings_without_byte_order_mark(name, kind):
    data = SAME[name].encode(kind)
    assert complaint(data, name) == f"{name}: not UTF-8; it looks like {kind}: --set data.encoding={kind}"
    assert kept(data, name, BOTH._replace(encoding=kind)) == [("film é", "1")]


@pytest.mark.parametrize("kind", ["utf-16", "utf-32"])
@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("said", [None, "utf-8", "cp1252"])
def test_a_byte_order_mark_comes_first(name, kind, said):
    data = SAME[name].encode(kind)
    assert kept(data, name, BOTH._replace(encoding=said)) == [("film é", "1")]
    assert parse(data, name).notes == (f"{name}: read as {kind}, as its byte-order mark says",)


def test_the_byte_order_mark_of_utf_8():
    data = "text,label\nfilm é,1\n".encode("utf-8-sig")
    for said in None, "utf-8", "utf-8-sig":
        assert parse(data, options=BOTH._replace(encoding=said)).notes == ()
        assert rows(parse(codecs.BOM_UTF8 + data, options=BOTH._replace(encoding=said))) == [("film é", "1")]
    records = parse(data, options=BOTH._replace(encoding="cp1252"))
    assert rows(records) == [("film é", "1")]
    assert records.notes == ("x.csv: read as UTF-8, as its byte-order mark says, not as cp1252",)


def test_utf_8_that_is_read_otherwise_is_noted():
    latin = BOTH._replace(encoding="latin-1")
    records = parse("text,label\nfilm é,1\n", options=latin)
    assert rows(records) == [("film Ã©", "1")]
    assert records.notes == (
        "x.csv: read as latin-1, as data.encoding says, though the file is valid UTF-8; "
        "for UTF-8: --set data.encoding=utf-8",
    )
    assert parse("text,label\nfilm e,1\n", options=latin).notes == ()


def test_bytes_that_are_not_in_the_given_encoding():
    data = "text,label\nfilm,0\nfilm é,1\n".encode("cp1252")
    assert complaint(data, options=BOTH._replace(encoding="ascii")) == (
        "x.csv:3: not ascii (byte 0xE9); it looks like cp1252: --set data.encoding=cp1252"
    )
    data = "text,label\nfilm,0\nété très drôle,1\n".encode("cp1252")
    assert complaint(data + b"\x81,1\n", options=BOTH._replace(encoding="cp1252")) == (
        "x.csv:4: not cp1252 (byte 0x81); it looks like latin-1: --set data.encoding=latin-1"
    )


def test_a_damaged_character_in_utf_8():
    data = "text,label\n" + "déjà vu,1\n" * 5 + "caf"
    assert complaint(data.encode() + b"\xe9,1\n") == (
        "x.csv:7: not UTF-8 (byte 0xE9); the rest is UTF-8, so the character is damaged; write it again"
    )


def test_lines_of_two_encodings_that_were_joined(tmp_path, monkeypatch):
    """They were damaged characters, to be written again."""
    monkeypatch.chdir(tmp_path)
    lines = [f"déjà vu {i},{i % 2}\n" for i in range(60)]
    data = b"text,label\n" + b"".join(line.encode("cp1252" if i % 7 == 0 else "utf-8") for i, line in enumerate(lines))
    assert "joined" not in complaint(data), "there is no file"
    Path("x.csv").write_bytes(data)
    command = (
        complaint(data)
        .partition("if lines in cp1252 were joined with others: ")[2]
        .removesuffix("; then give labelled.csv")
    )
    subprocess.run(command, shell=True, check=True)
    assert Path("labelled.csv").read_text(encoding="utf-8") == "text,label\n" + "".join(lines)


SENTENCES = {
    "cp1252": "Leider schlecht, die Hülle ist gebrochen — für 26 € ein “Schnäppchen”. C’est déçu.",
    "mac_roman": "Die Hülle ist schön und gemütlich, très naïf.",
    "cp850": "Die Hülle ist schön und gemütlich, très naïf.",
    "cp1250": "Bardzo słaby film, książka była żałosna i święta miłość.",
    "iso8859-2": "Bardzo słaby film, książka była żałosna i święta miłość.",
    "cp1251": "Очень хороший фильм, мне понравилось. Ужасно скучно.",
    "koi8-r": "Очень хороший фильм, мне понравилось. Ужасно скучно.",
    "cp1253": "Πολύ καλή ταινία, μου άρεσε.",
    "cp932": "とても良い映画でした。最悪の映画です。",
    "euc_jp": "とても良い映画でした。最悪の映画です。",
    "gb18030": "这部电影非常好看，我很喜欢。太无聊了，浪费时间。",
    "big5": "這部電影非常好看，我很喜歡。太無聊了，浪費時間。",
    "cp949": "정말 재미있는 영화였어요. 최악의 영화.",
    "koi8-u": "Чудовий фільм, мені дуже сподобалося. Історія нудна і її кінець передбачуваний.",
    "cp866": "Очень хороший фильм, мне понравилось. Ужасно скучно.",
    "iso8859-5": "Очень хороший фильм, мне понравилось. Ужасно скучно.",
    "mac_cyrillic": "Очень хороший фильм, я доволен. История скучная. Я больше не буду.",
    "cp1254": "Çok güzel bir film, şaşırtıcı. Oyuncular kötüydü. Sıkıcı ve uzun, hiç beğenmedim.",
    "cp857": "Çok güzel bir film, şaşırtıcı. Oyuncular kötüydü. Sıkıcı ve uzun, hiç beğenmedim.",
    "cp1255": "סרט טוב מאוד, הייתי רואה אותו שוב. הסיפור משעמם וארוך.",
    "cp1256": "فيلم جيد جدا وسأشاهده مرة أخرى. القصة مملة وطويلة.",
    "iso8859-6": "فيلم جيد جدا وسأشاهده مرة أخرى. القصة مملة وطويلة.",
    "cp874": "หนังดีมาก ฉันจะดูอีกครั้ง น่าเบื่อและยาวเกินไป",
    "cp852": "Bardzo słaby film, książka była żałosna i święta miłość.",
    "cp1257": "Puikus filmas. Aktoriai vaidina prastai, bet šeima žiūrėjo iki galo. Per ilga ir nuspėjama, ąžuolas.",
}

OTHERS = {  # languages that share an encoding with one above, where letters of another one stand in the same places
    "cp1252": (
        "Mjög góð mynd. Þetta var leiðinlegt, en æðisleg saga.",
        "Un film così bello. Non è male, ma più lungo del necessario. Perché?",
        "A atuação é péssima. Não recomendo. É incrível, maçante até o fim.",
        "Skådespelarna är dåliga. Långtråkig och för lång.",
    ),
    "cp1250": (
        "Skvělý film. Herci hrají špatně. Příběh je nudný, ale dětem se líbilo.",
        "A színészek gyengék. A vége kiszámítható, de őszinte történet, fűszeres és hosszú.",
        "Priča je dosadna, preduga i još više. Glumci su loši, žao mi je, sviđa mi se glazba.",
    ),
    "iso8859-2": ("Skvělý film. Herci hrají špatně. Příběh je nudný, ale dětem se líbilo, těžko říct.",),
    "iso8859-15": ("Für 8 € ein Schnäppchen",),  # with the euro sign, which is another sign in cp1252
    "cp932": ("良い映画", "最低の脚本"),  # few kana
    "cp1253": ("Πολύ καλή ταινία", "Βαρετό και αργό"),  # a few words of Greek are Chinese characters in gb18030
    "cp1251": (
        "Чудовий фільм, мені дуже сподобалося. Історія нудна.",
        "Много скучен и дълъг, не го препоръчвам.",
        "Я в восторге",
    ),
    "mac_cyrillic": ("Хороший фильм, смотрел два раза", "Не советую никому", "Лош и досадан, нећу га гледати"),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_guesses(kind):
    assert guess_encoding(SENTENCES[kind].encode(kind)) == kind
    assert guess_encoding(f"1,film 5/10 {SENTENCES[kind]}\n".encode(kind) * 3) == kind


@pytest.mark.parametrize(("kind", "sentence"), [(kind, each) for kind in OTHERS for each in OTHERS[kind]])
def test_guesses_of_other_languages(kind, sentence):
    """A wrong encoding reads such texts without an error, and every word that is not ASCII becomes another."""
    assert guess_encoding(sentence.encode(kind)) == kind


CHINESE = "text,label\n" + "这是一部很好的电影,positive\n这部电影太差了,negative\n" * 9
RUSSIAN = "text;label\r\n" + "".join(f"Хороший фильм, {i} раз;{i % 2}\r\n" for i in range(9))


@pytest.mark.parametrize("kind", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [RUSSIAN, "Хороший фильм\nПлохой фильм\n" * 9, "良い映画です 1\nつまらない\n" * 9, "Хороший фильм " * 9, CHINESE],
)
def test_wide_letters_without_byte_order_mark(kind, text):
    """No byte of most letters is zero, and those of Russian are UTF-8 as they are."""
    data = text.encode(kind)
    expected = f"x.txt: not UTF-8; it looks like {kind}: --set data.encoding={kind}"
    assert complaint(data, "x.txt", ReadOptions()) == expected
    with pytest.raises(DataError, match=re.escape(expected)):
        next(stream_pieces(BytesIO(data), "x.txt", ReadOptions(), "none"))


@pytest.mark.parametrize(
    ("kind", "review"),
    [("iso2022_jp", "とても良い映画"), ("iso2022_kr", "정말 재미있는 영화"), ("hz", "这部电影非常好看")],
)
def test_an_encoding_whose_bytes_are_all_ascii(kind, review):
    """Also if the beginning that is looked at ends inside a letter."""
    whole = f"text,label\n{review},1\nbad,0\n".encode(kind)
    for data in whole, f"text,label\n{review},1\n{review},0\n".encode(kind)[:-9]:
        assert complaint(data, "x.csv") == f"x.csv: not UTF-8; it looks like {kind}: --set data.encoding={kind}"
    assert kept(whole, "x.csv", BOTH._replace(encoding=kind)) == [(review, "1"), ("bad", "0")]


def test_colours_of_a_terminal_are_no_encoding():
    assert kept("text,label\n\x1b[31mred\x1b[0m,1\n", "x.csv") == [("\x1b[31mred\x1b[0m", "1")]


def test_no_guess():
    signs = b"\xd7-\xf7-"
    assert guess_encoding(signs) is None
    assert complaint(b"text,label\n" + signs + b",1\n").endswith(
        "; name its encoding with --set data.encoding=NAME, or save it as UTF-8"
    )


def test_zero_bytes_in_a_text_do_not_mean_another_encoding():
    assert texts(parse("a\0b\0c\0\n\0\0\0\0\nd", "a.txt", ReadOptions())) == ["a\0b\0c\0", "\0\0\0\0", "d"]


few_bytes = st.sampled_from([b"a", b"\n", "é".encode(), "👍".encode(), b"\xe9", b"\xf0\x9f"])


@settings(max_examples=60, deadline=None)
@given(st.lists(few_bytes, max_size=8), st.integers(1, 4))
def test_the_line_of_an_invalid_byte_in_any_chunk(pieces, part):
    whole = b"".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "CHUNK", part)
        try:
            whole.decode()
        except UnicodeDecodeError as error:
            line = whole.count(b"\n", 0, error.start) + 1
            where = f"^x.csv:{line}: not UTF-8 \\(byte 0x{whole[error.start]:02X}\\);"
            with pytest.raises(DataError, match=where):
                to_utf8(memoryview(whole), "x.csv")
        else:
            assert to_utf8(memoryview(whole), "x.csv") == (whole, ())


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]) | st.just("\n"), max_size=12),
    st.sampled_from(["utf-16", "utf-16-be", "gb18030", "utf-7"]),
    st.integers(1, 4),
)
def test_text_is_decoded_in_any_chunk(text, kind, part):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "CHUNK", part)
        read, _ = to_utf8(memoryview(f"{text}.".encode(kind)), "x.csv", kind)  # a NUL at the end would be no text
    assert str(read, "utf-8") == f"{text}.".removeprefix("\ufeff")


# Folders


def make_folder(path: Path, **reviews: str) -> None:
    for place, text in reviews.items():
        file = path / place.replace("_", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("latin-1"))


def test_all_files_of_a_folder_are_named_at_once(tmp_path):
    make_folder(tmp_path, pos_1="good", pos_2="\ntrès bon", neg_1="bad", neg_2="mé", neg_3="ré", neg_4="né", neg_5="é")
    with pytest.raises(DataError) as caught:
        read(tmp_path, "films", BOTH)
    assert str(caught.value) == (
        "films: 5 of 7 files are not UTF-8; they look like cp1252: --set data.encoding=cp1252; they are "
        "films/neg/2:1: not UTF-8 (byte 0xE9), films/neg/3:1: not UTF-8 (byte 0xE9), "
        "films/neg/4:1: not UTF-8 (byte 0xE9) and 2 more"
    )
    records = read(tmp_path, "films", BOTH._replace(encoding="cp1252"))
    assert records.text.to_pylist() == ["bad", "mé", "ré", "né", "é", "good", "\ntrès bon"]


def test_one_file_of_a_folder(tmp_path):
    make_folder(tmp_path, pos_1="good", pos_2="\ntrès bon", neg_1="bad")
    with pytest.raises(DataError, match=r"^films/pos/2:2: not UTF-8 \(byte 0xE8\); it looks like cp1252: --set data"):
        read(tmp_path, "films", BOTH)


def test_lines_in_two_encodings():
    """With cp1252 the lines in UTF-8 would have wrong letters in silence."""
    data = b"text,label\n" + "café déjà,1\n".encode() * 5 + "café déjà,0\n".encode("cp1252") * 5
    message = complaint(data, "x.csv")
    assert message.startswith("x.csv:7: not UTF-8 (byte 0xE9); other lines are UTF-8: write all in one encoding; ")


@pytest.mark.parametrize(
    "data",
    [gzip.compress(gzip.compress(b"text,label\ngood,1\n", mtime=0), mtime=0), bytes(range(256)) * 8],
    ids=["compressed twice", "all bytes"],
)
def test_what_is_no_text_seems_to_have_no_encoding(data):
    """An encoding in which every byte is a letter reads it without an error."""
    line = complaint(data, "x.csv")
    advice = "it seems to be no text; give a text file, or name its encoding with --set data.encoding=NAME"
    assert re.sub(r"x.csv:\d: not UTF-8 \(byte 0x..\); ", "", line) == advice


@pytest.mark.parametrize("padding", ["\x1a", "\x1a\r\n", "\0" * 8, "\0\0\x1a", "\0" * 300_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", SAME)
def test_what_pads_the_end_of_a_file_is_left_out(name, encoding, padding):
    """DOS programs end a text with a Ctrl-Z, and an interrupted copy leaves NUL bytes: both were a row of one field."""
    nul = padding.count("\0")
    what = f"{nul:,} NUL bytes, as a copy" if nul else "a Ctrl-Z (0x1A), as DOS programs write it, which is left out"
    ends = ["\n"] if padding.endswith("\n") else ["\n", ""]
    for text in (SAME[name].rstrip("\n") + end for end in ends):
        data = (text + padding).encode(encoding)
        records = parse(data, name, BOTH)
        assert kept(data, name) == [("film é", "1")]
        assert records.notes[-1].startswith(f"{name}: ends with {what}")
        streamed = list(stream_pieces(BytesIO(data), "<stdin>", ReadOptions(), Kept.nothing))
        assert [each for piece in streamed for each in piece.text.to_pylist()] == ["film é"]
        assert streamed[-1].notes[-1].startswith(f"<stdin>: ends with {what}")


def test_padding_arrives_in_pieces_and_texts_may_have_such_characters():
    chunks, notes = [b"good\n", b"ba\0d\x1a", b"\n\0", b"\0", b"\r\n"], []
    assert b"".join(without_padding(chunks, "x", notes)) == b"good\nba\0d\x1a\n"
    assert notes == ["x: ends with 2 NUL bytes, as a copy that was interrupted does, which are left out"]
    notes.clear()
    for text in b"a\0\nb\n", b"1,a\0\n", b"1,\x1a\r\n", b"a\0b":  # at the end of a line, they end its text
        assert b"".join(without_padding([text[:2], text[2:]], "x", notes)) == text
    assert not notes
