"""Texts in an ASCII form of their letters are told, and plus and equals signs of other texts are not."""

from __future__ import annotations

import quopri

import pyarrow as pa
import pytest

from sentibp.data import sources
from sentibp.data.faulty_texts import count_encoded, encoded_notes

REVIEWS = [
    "Café au lait",
    "Schöner Film, Grüße",
    "очень хороший фильм",
    "这部电影非常好看",
    "it’s “good”",
    "26 € – déçu",
    "Πολύ καλή ταινία",
]


def counts(*texts: str) -> tuple[int, int]:
    return count_encoded(pa.array(texts, pa.large_string()))


@pytest.mark.parametrize("review", REVIEWS)
def test_utf7_and_quoted_printable(review):
    assert counts(review.encode("utf-7").decode(), quopri.encodestring(review.encode()).decode()) == (1, 1)
    assert counts(review) == (0, 0)


def test_signs_that_utf7_may_write():
    assert counts("+ACI-good+ACI- film", "bad+ACE-", "1 +- 2") == (2, 0)


def test_plus_and_equals_signs_that_are_meant():
    """Three letters after a plus are valid base64 of UTF-16 by chance, and so are six."""
    words = [
        "and",
        "one",
        "two",
        "the",
        "good",
        "great",
        "strong",
        "Add",
        "ABC",
        "more",
        "plus",
        "very",
        "acting",
        "ABBA",
    ]
    texts = [f"film+{word}-{word} {word}+{word}" for word in words]
    texts += [
        "C++",
        "+1 for this",
        "+49 170 1234567",
        "+491701234567",
        "18+ only",
        "1+1=2",
        "a=B",
        "x=3.5",
        "?q=a&b=E5",
    ]
    assert counts(*texts) == (0, 0)


def test_notes():
    assert encoded_notes("r.csv", 1, 1, 100) == []
    utf7, quoted = encoded_notes("r.csv", 2, 2, 100)
    assert utf7.endswith("if it is in UTF-7: --set data.encoding=utf-7") and "quopri" in quoted


def test_training_and_predictions_tell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.csv").write_bytes("text,label\ntrès bon,1\nmauvais,0\n".encode("utf-7"))
    (note,) = sources.load_corpus("r.csv").notes
    assert note.startswith("r.csv: has sequences such as +AOk-")
