"""Which texts are the same review."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from sentibp.data.text_hashes import occur_in, text_hashes, text_ids


def chunked(*texts: str) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.large_string())])


def earlier(*texts: str) -> np.ndarray:
    """The hashes of the versions before: white space and capitals of ASCII make no difference."""
    content = (text.encode().lower().translate(None, b" \t\n\r\v\f") for text in texts)
    return np.frombuffer(b"".join(hashlib.blake2b(each, digest_size=8).digest() for each in content), np.int64)


def test_white_space_and_capitals():
    a, b = text_hashes(chunked("a", " b\n", "")), text_hashes(chunked("b ", "A", "a", "c", " "))
    assert np.isin(b, a).tolist() == [True, True, True, False, True]
    crlf = text_hashes(chunked("One line.\r\nAnother", "one line.\nanother ", "one line. an other!"))
    assert crlf[0] == crlf[1] != crlf[2], "a file that was saved by another program has other white space"


TEXT = """It's a beautiful, caf\u00e9-like film - "good" & cheap"""


@pytest.mark.parametrize(
    ("spelled", "otherwise"),
    [
        ("'", "\u2019"),
        ("'", "`"),
        (" ", " \u00a0"),
        ("beau", "beau\u00ad"),
        ("film", "\u200bfilm"),
        ("It", "\ufeffIt"),
        ("film", "\ufb01lm"),
        ("\u00e9", "e\u0301"),
        ("caf\u00e9", "CAF\u00c9"),
        ("&", "&amp;"),
        ("film ", "film<br />"),
        ("'", "&#39;"),
        (" - ", " \u2013 "),
        ('"good"', "\u201cgood\u201d"),
    ],
)
def test_spellings_of_one_text(spelled, otherwise):
    other = TEXT.replace(spelled, otherwise)
    same, same_too, different = text_hashes(chunked(TEXT, other, other.replace("cheap", "dear")))
    assert other != TEXT and same == same_too != different


def test_signs_and_accents_make_another_text():
    texts = ["good", "good!", "good?", "good :)", "good :(", "caf\u00e9", "cafe"]
    assert len(np.unique(text_hashes(chunked(*texts)))) == len(texts)


def test_hashes_of_earlier_versions_are_known():
    """Run directories of earlier versions have them."""
    before = earlier("good\u00a0film", "caf\u00c9", "goodfilm")
    texts = chunked("Good\u00a0film", "caf\u00c9", "good  FILM", "new", "good&nbsp;film")
    assert occur_in(texts, before).tolist() == [True, True, True, False, True]


def test_the_numbers_of_texts_are_in_the_order_of_earlier_versions():
    """Splits depend on it, and so do the bytes of models."""
    texts = ["b &amp; c", "Caf\u00c9", "a", "b & c", "good\u00a0film", "good film"]
    assert text_ids(chunked(*texts)).tolist() == earlier(*texts)[[0, 1, 2, 0, 4, 4]].tolist()
