"""Texts that were damaged before they came here are told, and real letters are not taken for damage."""

from __future__ import annotations

import pyarrow as pa
import pytest

from sentibp.data import sources
from sentibp.data.garbled import count_garbled
from sentibp.model.answer_counts import AnswerCounts, count_answers

READ_WRONG = "has letters such as Ã© or â€™, as a file has that was read in a wrong encoding and saved; "


@pytest.mark.parametrize("text", ["très bon café", "it’s “good”", "naïve", "очень хороший фильм", "à", "wait …", "ñu"])
def test_utf8_that_was_read_in_another_encoding(text):
    garbled = [text.encode().decode("latin-1"), text.encode().decode("cp1252", "replace")]
    assert count_garbled(pa.array(garbled, pa.large_string()))[0] == 2
    assert count_garbled(pa.chunked_array([[text, text.upper()]], pa.large_string())) == (0, 0)


def test_letters_that_are_meant():
    texts = ["NÃO, MÃE", "SÃO PAULO", "pão", "Ðe Ñandú", "â la carte", "ÑAME", "ÃO", "Â£", "â"]
    assert count_garbled(pa.array(texts, pa.large_string())) == (0, 0)


def test_training_and_evaluation_tell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.csv").write_text("text,label\ntrÃ¨s bon,1\nmauvais,0\n", encoding="utf-8")
    (note,) = sources.load_corpus("r.csv").notes
    assert note.startswith(f"r.csv: {READ_WRONG}") and note.endswith(
        "iconv -f utf-8 -t cp1252 makes them é and ’ again"
    )
    (tmp_path / "r.csv").write_text("text,label\ntr\ufffds bon,1\nmauvais,0\n", encoding="utf-8")
    (note,) = sources.load_corpus("r.csv").notes
    assert note.startswith("r.csv: has the character U+FFFD, ")
    (tmp_path / "r.csv").write_text("text,label\n" + "good,1\nbad,0\n" * 99 + "trÃ¨s bon,1\n", encoding="utf-8")
    assert sources.load_corpus("r.csv").notes == (), "one text in two hundred may quote it"


def test_predictions_tell_of_all_pieces_together():
    known = [{"unknown": 0, "tokens": 2}]
    counts = AnswerCounts()
    for text in ("good", "trÃ¨s bon", "it\ufffds bad"):
        counts = counts.plus(count_answers(pa.array([text], pa.large_string()), known, counts.texts))
    notes = counts.notes("r.csv")
    assert [READ_WRONG in notes[0], "U+FFFD" in notes[1], len(notes)] == [True, True, 2]
    assert counts == AnswerCounts(3, read_wrong=1, lost=1)
