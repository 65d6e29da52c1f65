"""Texts that are empty, totals, garbled or serialized are told, and reviews are not taken for these.

Equal texts with different labels are told, too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from command import invoke

from sentibp.data import sources
from sentibp.data.corpus import Corpus, contradiction_note
from sentibp.data.faulty_texts import count_blank, count_garbled, count_serialized, count_totals, serialized_notes
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
    assert count_garbled(pa.chunked_array([[text, text.upper()]], pa.large_string())) == (0, 0)


def test_letters_that_are_meant():
    texts = ["NÃO, MÃE", "SÃO PAULO", "pão", "Ðe Ñandú", "â la carte", "ÑAME", "ÃO", "Â£", "â"]
    assert count_garbled(pa.array(texts, pa.large_string())) == (0, 0)


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
    assert counts == AnswerCounts(3, read_wrong=1, lost=1)


def counts(*texts: str) -> tuple[int, int]:
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
    assert counts(text) == (1, 0)


@pytest.mark.parametrize(
    "text", ["great\\nfilm", "good.\\r\\n\\r\\nThe end", "it\\'s good", 'he said \\"no\\"', "caf\\u00e9", "caf\\xe9"]
)
def test_escapes(text):
    assert counts(text, text.replace("\\", "/")) == (0, 1)


def test_texts_that_have_such_signs():
    texts = ["[Spoilers] he dies", "{sigh} bad", "['Tis] good", "b 'good'", "¯\\_(ツ)_/¯", "1\\/2 stars", "[[good]]"]
    texts += ['"good" [sic]', "[good]", "[8/10] [seen twice]", "a \\ b", "grade: B'", "{}", "[]"]
    assert counts(*texts) == (0, 0)
    assert count_serialized(pa.chunked_array([["good\\n"], ["{'a': 1}"], []], pa.large_string())) == (1, 1)


def test_one_in_a_hundred_may_quote_it():
    assert serialized_notes("r.csv", 1, 1, 100) == []
    values, escapes = serialized_notes("r.csv", 2, 1, 99)
    assert values.startswith("r.csv: 2 of 99 texts are JSON, or what Python prints, such as ")
    assert escapes.startswith("r.csv: 1 of 99 texts has escapes such as \\n, ")


def test_training_and_evaluation_tell_of_serialized_texts(here):
    (here / "r.csv").write_text('text,label\n"{""body"": ""good""}",1\nso bad\\nfilm,0\n')
    values, escapes = sources.load_corpus("r.csv").notes
    assert "1 of 2 texts is JSON" in values and "1 of 2 texts has escapes" in escapes
