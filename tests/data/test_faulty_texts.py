"""Texts that are empty, totals, garbled or serialized are told, and reviews are not taken for these.

Equal texts with different labels are told, too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from command import invoke

from sentibp.data import sources
from sentibp.data.corpus import Corpus, contradiction_note
from sentibp.data.faulty_texts import (
    count_blank,
    count_coded,
    count_cut,
    count_garbled,
    count_ids,
    count_missing,
    count_serialized,
    count_totals,
    serialized_notes,
)
from sentibp.data.readers.table import ReadOptions
from sentibp.data.text_hashes import text_hashes
from sentibp.errors import DataError
from sentibp.model.answer_counts import AnswerCounts, count_answers

pytestmark = pytest.mark.usefixtures("here")


def test_what_is_blank():
    assert count_blank(pa.array(["", " \t\n", "\xa0", "\u200b", "\ufeff", None], pa.large_string())) == 6
    assert count_blank(pa.chunked_array([["a", " a ", "."], [], ["\n!", "👍"]], pa.large_string())) == 0


def test_blank_texts_are_told():
    Path("r.csv").write_text("text,label\ngood,1\nbad,0\n ,1\n,1\n,\n")
    corpus = sources.load_corpus("r.csv")
    assert len(corpus) == 4
    assert corpus.notes == (
        "r.csv: 1 row left out: neither text nor label",
        "r.csv: 2 of 4 texts are empty: an empty text only says how frequent its label is",
    )
    Path("none.csv").write_text("text,label\ngood,1\nbad,0\n")
    assert sources.load_corpus("none.csv").notes == ()


def test_blank_texts_alone_are_an_error():
    Path("r.csv").write_text("text,label,comment\n,1,good\n,0,bad\n")
    with pytest.raises(DataError) as caught:
        sources.load_corpus("r.csv")
    assert str(caught.value) == (
        "r.csv: all 2 texts are empty; name another column with --set data.text_column=NAME, one of: comment"
    )
    assert len(sources.load_corpus("r.csv", ReadOptions("comment", "label"))) == 2
    Path("two.csv").write_text("text,label\n,1\n,0\n")
    with pytest.raises(DataError, match=r"^two.csv: all 2 texts are empty; fill them in$"):
        sources.load_corpus("two.csv")


def noted(texts: list[str], labels: list[int], names: tuple[str, ...] = ("negative", "positive")) -> list[str]:
    corpus = Corpus(pa.chunked_array([texts], pa.large_string()), np.array(labels, np.int8), names=names)
    return contradiction_note(corpus, text_hashes(corpus.text))


def test_equal_texts_with_different_labels():
    texts = ["A film", "other", "a  film", "third", "a film", "same", "same"]
    assert noted(texts, [1, 0, 0, 1, 1, 0, 0]) == [
        "3 of 7 training reviews have the same text as others with another label (1 text): no model can learn both; "
        "correct the labels, or remove these reviews"
    ]
    assert "5 of 7 " in noted(texts, [2, 0, 2, 1, 1, 0, 1], ("a", "b", "c"))[0]
    assert noted(texts, [1, 0, 1, 1, 1, 0, 0]) == []
    assert noted(["", " "], [0, 1]) == [], "empty texts are told otherwise"
    assert noted([f"film {i}" for i in range(998)] + ["x", "x"], [0] * 999 + [1]) == [], "as people disagree"


def test_what_is_a_total():
    rows = ["Total", "GRAND TOTAL:", " subtotal ", "Sum", "Summe", "Итого", "合计", "(120 rows)", "3 records"]
    assert [count_totals(pa.array([row], pa.large_string())) for row in rows] == [1] * len(rows)
    texts = ["Total disaster", "Average", "A total", "Total.", "", None, "5 rows of seats", "Totally", "summer"]
    assert count_totals(pa.chunked_array([texts, []], pa.large_string())) == 0


def test_predictions_say_that_a_row_is_a_total(here):
    Path("sold.csv").write_text("text,count\ngood film,3\nbad film,4\nTotal,7\n")
    note = "sold.csv: 1 of 3 texts is probably a total or a footer, such as Total, and no review; remove it if so"
    result = invoke("predict", "-m", "builtin", "-i", "sold.csv")
    assert note in result.err.splitlines()
    assert len(result.out.splitlines()) == 3, "no row vanishes"
    result = invoke("predict", "-m", "builtin", "-i", "-", stdin="text,count\ngood film,3\nTotal,3\nTotal,6\n")
    assert "<stdin>: 2 of 3 texts are probably totals or footers, such as Total, and no review" in result.err
    for command in (["-i", "sold.csv", "-o", "out/"], ["-i", "*.csv", "-o", "out/", "--force"]):
        assert "is probably a total" in invoke("predict", "-m", "builtin", *command).err, command


READ_WRONG = "has letters such as Ã© or â€™, as a file has that was read in a wrong encoding and saved; "


@pytest.mark.parametrize("text", ["très bon café", "it’s “good”", "naïve", "очень хороший фильм", "à", "wait …", "ñu"])
def test_utf8_that_was_read_in_another_encoding(text):
    garbled = [text.encode().decode("latin-1"), text.encode().decode("cp1252", "replace")]
    assert count_garbled(pa.array(garbled, pa.large_string()))[0] == 2
    assert count_garbled(pa.chunked_array([[text, text.upper()]], pa.large_string())) == (0, 0, 0)


def test_letters_that_are_meant():
    texts = ["NÃO, MÃE", "SÃO PAULO", "pão", "Ðe Ñandú", "â la carte", "ÑAME", "ÃO", "Â£", "â"]
    assert count_garbled(pa.array(texts, pa.large_string())) == (0, 0, 0)


def test_the_character_that_no_text_has(here):
    """`find -print0` and others end each text with it: all were one review, without a word."""
    fact = "has the character U+0000, which no text has, and which ends a word; if it separates texts, write lines with"
    repair = "`tr '\\000' '\\n'`, else take it out"
    assert f"<stdin>: {fact} {repair}" in invoke("predict", "-m", "builtin", "-i", "-", stdin="a film\0bad\0").err
    (here / "r.csv").write_text("text,label\ngo\0od,1\nbad,0\n")
    assert f"r.csv: {fact} {repair}" in sources.load_corpus("r.csv").notes
    assert count_garbled(pa.array(["0", "\\0", "", "&#0;"], pa.large_string())) == (0, 0, 0)


def test_training_and_evaluation_tell_of_garbled_texts(here):
    (here / "r.csv").write_text("text,label\ntrÃ¨s bon,1\nmauvais,0\n", encoding="utf-8")
    (note,) = sources.load_corpus("r.csv").notes
    assert note.startswith(f"r.csv: {READ_WRONG}") and note.endswith(
        "iconv -f utf-8 -t cp1252 makes them é and ’ again"
    )
    (here / "r.csv").write_text("text,label\ntr\ufffds bon,1\nmauvais,0\n", encoding="utf-8")
    (note,) = sources.load_corpus("r.csv").notes
    assert note.startswith("r.csv: has the character U+FFFD, ")
    (here / "r.csv").write_text("text,label\n" + "good,1\nbad,0\n" * 99 + "trÃ¨s bon,1\n", encoding="utf-8")
    assert sources.load_corpus("r.csv").notes == (), "one text in two hundred may quote it"


def test_predictions_tell_of_all_pieces_together():
    known = [{"unknown": 0, "tokens": 2}]
    counts = AnswerCounts()
    for text in ("good", "trÃ¨s bon", "it\ufffds bad"):
        counts = counts.plus(count_answers(pa.array([text], pa.large_string()), known, counts.texts))
    notes = counts.notes("r.csv")
    assert [READ_WRONG in notes[0], "U+FFFD" in notes[1], len(notes)] == [True, True, 2]
    assert counts == AnswerCounts(3, 3, read_wrong=1, lost=1)


def test_predictions_of_several_files_tell_of_what_was_looked_at_in_each():
    """Of three files of 1,000 texts, "3,000 of 1,000 texts" were JSON; and many files with a few such had a note."""
    known, found = [{"unknown": 0, "tokens": 2}] * 1100, {}
    for share in 1, 200:
        texts = pa.array(
            ['{"text": "good"}' if number % share == 0 else "good" for number in range(1100)], pa.large_string()
        )
        counts = AnswerCounts()
        for _ in range(3):
            counts = counts.plus(count_answers(texts, known))
        found[share] = counts.notes("in")
    assert found[200] == []
    assert found[1][0].startswith("in: 3,000 of 3,000 texts are JSON")


def counts(*texts: str) -> tuple[int, int, int]:
    return count_serialized(pa.array(texts, pa.large_string()))


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "I love\nthis"}',
        "{'text': 'I love this'}",
        '{"text": "I love this"},',
        "['I', 'love', 'this']",
        ' [{"text": "good"}] ',
        "b'I love this'",
        'b"it\'s good\\xe2\\x80\\x99"',
    ],
)
def test_values_of_json_and_python(text):
    assert counts(text) == (1, 0, 0)


@pytest.mark.parametrize(
    "text", ["great\\nfilm", "good.\\r\\n\\r\\nThe end", "it\\'s good", 'he said \\"no\\"', "caf\\u00e9", "caf\\xe9"]
)
def test_escapes(text):
    assert counts(text, text.replace("\\", "/")) == (0, 1, 0)


def test_texts_that_have_such_signs():
    texts = ["[Spoilers] he dies", "{sigh} bad", "['Tis] good", "b 'good'", "¯\\_(ツ)_/¯", "1\\/2 stars", "[[good]]"]
    texts += ['"good" [sic]', "[good]", "[8/10] [seen twice]", "a \\ b", "grade: B'", "{}", "[]"]
    assert counts(*texts) == (0, 0, 0)
    assert count_serialized(pa.chunked_array([["good\\n"], ["{'a': 1}"], []], pa.large_string())) == (1, 1, 0)


def test_one_in_a_hundred_may_quote_it():
    assert serialized_notes("r.csv", 1, 1, 1, 100) == []
    values, escapes, tags = serialized_notes("r.csv", 2, 1, 1, 99)
    assert values.startswith("r.csv: 2 of 99 texts are JSON, or what Python prints, such as ")
    assert escapes.startswith("r.csv: 1 of 99 texts has escapes such as \\n, ")
    assert tags.startswith("r.csv: 1 of 99 texts has HTML tags such as <p> or <b>, ")


def test_tags_of_html():
    texts = [
        "<p>good</p>",
        "so <b>bad</b>",
        'a <a href="x">link</a>',
        "<IMG src=x />",
        "good</div>",
        "<span\nid=x>good",
    ]
    assert counts(*texts) == (0, 0, len(texts))
    assert counts("good<br />film", "a <3 b> c", "<good>", "x < b > y", "<p", "<link>", "&lt;b&gt;") == (0, 0, 0)


def test_training_and_evaluation_tell_of_serialized_texts(here):
    (here / "r.csv").write_text('text,label\n"{""body"": ""good""}",1\nso bad\\nfilm,0\n')
    values, escapes = sources.load_corpus("r.csv").notes
    assert "1 of 2 texts is JSON" in values and "1 of 2 texts has escapes" in escapes


def test_words_in_the_place_of_a_missing_text():
    words = ["nan", " NaN ", "NULL", "None", "<NA>", "#N/A", "n/a", "\\N", "[deleted]", "[removed]", "#NAME?", "#WERT!"]
    others = ["none", "Nan made it", "null and void", "na", "N", "[sic]", "-", "#WOW!"]
    assert count_missing(pa.array([*words, *others], pa.large_string())) == len(words)
    Path("r.csv").write_text("text,label\ngood,1\nbad,0\nnan,1\nNULL,0\n")
    (note,) = sources.load_corpus("r.csv").notes
    told = "is a word such as nan, NULL or #NAME?, which programs write in the place of a missing text"
    assert note == f"r.csv: 2 of 4 texts {told.replace('is', 'are', 1)}; remove what is no review"
    result = invoke("predict", "-m", "builtin", "-i", "-", "--format", "jsonl", stdin="text\ngood\nNULL\n")
    assert len(result.out.splitlines()) == 2
    assert f"<stdin>: 1 of 2 texts {told}; remove what is no review\n" in result.err


def test_texts_that_were_cut_off():
    """A page shows the beginning of a review, and the Twitter API that of a tweet: it was read as the whole."""
    texts = ["A film that… https://t.co/ab12", "It began ... Read more", "Gut, aber …Mehr anzeigen"]
    texts += ["and then... (see full review)", "The end [truncated]", "un film … Voir plus "]
    whole = [
        "I want more",
        "and so on...",
        "What a film…",
        "Read more",
        "see https://t.co/ab12",
        "... more or less",
        "",
    ]
    assert [count_cut(pa.array([each], pa.large_string())) for each in texts + whole] == [1] * 6 + [0] * 7
    Path("r.csv").write_text("text,label\ngood,1\nbad ... Read more,0\n")
    told = "1 of 2 texts ends with ... and a link or 'Read more', as texts that were cut off; give the whole texts"
    assert any(note.startswith(f"r.csv: {told}") for note in sources.load_corpus("r.csv").notes)
    assert f"r.csv: {told}" in invoke("predict", "-m", "builtin", "-i", "r.csv", "-o", "a.csv").err
    for end, count in ("...", 6), ("… ", 6), ("...", 5):  # most of them, and half of them
        lines = [f"a film that I saw{end if i < count else ''},{i % 2}" for i in range(10)]
        Path("r.csv").write_text("\n".join(["text,label", *lines, ""]), encoding="utf-8")
        told = (
            f"r.csv: {count} of 10 texts end with ..., as texts that were cut off; if these were, give the whole texts"
        )
        assert (told in sources.load_corpus("r.csv").notes) == (count > 5)
        assert (told in invoke("predict", "-m", "builtin", "-i", "r.csv", "-o", "-").err) == (count > 5)


def test_texts_that_are_coded():
    """As an address has them, or a program that keeps bytes as text: `%`, `20` and `ZmlsbQ` were words."""
    texts = [
        "A%20good%20film",
        "bad%2C+very%21",
        "QSBnb29kIGZpbG0sIGFuZCB3ZWxsIG1hZGU=",
        "QSBnb29kIGZpbG0gdGhhdCBJIHNhdw==",
    ]
    whole = ["100% good, 50%off", "https://x.com/a%20b%20c", "www.x.com/?q=a%20b%20c", "100%", "5%20", "", "good film"]
    whole += [
        "Donaudampfschifffahrtsgesellschaft",
        "a" * 40,
        "d41d8cd98f00b204e9800998ecf8427e",
        "sooooooooooooooooooooo good",
    ]
    assert [count_coded(pa.array([each], pa.large_string())) for each in texts + whole] == [1] * 4 + [0] * 11
    Path("r.csv").write_text("text,label\n" + "".join(f"{text},{i % 2}\n" for i, text in enumerate(texts)))
    told = (
        "r.csv: 4 of 4 texts are percent-encoded (A%20good%20film) or in base64, whose signs are read as words; decode"
    )
    assert any(note.startswith(told) for note in sources.load_corpus("r.csv").notes)
    assert told in invoke("predict", "-m", "builtin", "-i", "r.csv", "-o", "-").err


def test_ids_in_the_place_of_texts():
    ids = ["R00123", "7", "2024-01-02 10:30", "1,234.5", "https://x.org/a", "www.x.org", "a@b.org:9", f"{'ab12-' * 8}"]
    texts = ["good", "10 out of 10", "我给5分", "good2see you", "http://x.org is bad", "a1" * 30, ""]
    assert count_ids(pa.array([*ids, *texts], pa.large_string())) == len(ids)
    rows = [f"R{i},the film number {i} is {('bad', 'good')[i % 2]},{i % 2}\n" for i in range(20)]
    Path("r.csv").write_text(f"id,review,label\n{''.join(rows)}")
    (note,) = sources.load_corpus("r.csv", ReadOptions("id", "label")).notes
    fact = "r.csv: 20 of 20 texts are a number, a date, an id or an address"
    assert (
        note == f"{fact}; if another column has the reviews, name it with --set data.text_column=NAME, one of: review"
    )
    assert sources.load_corpus("r.csv", ReadOptions("review", "label")).notes == ()
    Path("few.csv").write_text("text,label\n10/10,1\n1/10,0\n")
    assert sources.load_corpus("few.csv").notes == ()
    result = invoke("predict", "-m", "builtin", "-i", "r.csv", "--text-column", "id", "--format", "jsonl")
    assert f"{fact}; if another column has the reviews, name it with --set data.text_column=NAME\n" in result.err


def own_labels(texts: list[str], labels: list[str], declared: dict[str, list] | None = None) -> list[str]:
    content = "".join(f"{text},{label}\n" for text, label in zip(texts, labels, strict=True))
    Path("r.csv").write_text(f"text,label\n{content}")
    return [note for note in sources.load_corpus("r.csv", labels=declared).notes if "own label" in note]


def test_texts_that_contain_their_own_labels():
    """A rating before the text, or the name of the class; also in a file in the order of its labels."""
    labels = sorted("01" * 30)
    texts = [f"film {'abcdefg'[i % 7]} of the year" for i in range(60)]
    assert own_labels(texts, labels) == []
    (note,) = own_labels([f"Rating: {label}. {text}" for label, text in zip(labels, texts, strict=True)], labels)
    fact = "r.csv: 60 of 60 texts contain their own label, as the first: 'Rating: 0. film a of the year'"
    assert note == f"{fact}; a model reads it there, and new texts have none: take it out of the texts"
    names = ["Negative" if label == "0" else "Positive" for label in labels]
    named = [f"{text} [{name}]" for name, text in zip(names, texts, strict=True)]
    assert len(own_labels(named, labels)) == 1
    assert own_labels(named[:5] + named[-5:], labels[:5] + labels[-5:]) == [], "by chance"
    stars = [str(1 + i % 5) for i in range(60)]
    rated = [f"{star} stars {text}" for star, text in zip(stars, texts, strict=True)]
    assert len(own_labels(rated, stars, {star: [star] for star in "12345"})) == 1
    assert own_labels([f"{each} 1 2 3 4 5" for each in texts], stars, {star: [star] for star in "12345"}) == []
    some = [each if i % 5 else text for i, (each, text) in enumerate(zip(named, texts, strict=True))]
    assert own_labels(some, labels) == [], "as reviews say it"
    assert own_labels([f"{text} {'x' * (i < 30)}1" for i, text in enumerate(texts)], labels) == [], "of one class only"


def test_colours_of_a_terminal(here):
    """As `grep --color=always good reviews.txt | sentibp predict -i -` has them: [01;31m was a word of the text."""
    found = invoke("predict", "-m", "builtin", "-i", "-", stdin="\x1b[01;31m\x1b[Kgood\x1b[m\x1b[K film\n\x1b[m bad\n")
    note = "2 of 2 texts have colours of a terminal, which are read as words; remove them: sed "
    assert f"<stdin>: {note}" in found.err
    (here / "r.csv").write_text("text,label\n\x1b[31mgood\x1b[0m,1\nbad [31m],0\n")
    (said,) = sources.load_corpus("r.csv").notes
    assert said.startswith(f"r.csv: {note.replace('2 of 2 texts have', '1 of 2 texts has')}")
    command = said.partition("remove them: ")[2]
    clean = subprocess.run(f"{command} r.csv", shell=True, check=True, capture_output=True, text=True).stdout
    assert clean == "text,label\ngood,1\nbad [31m],0\n"
