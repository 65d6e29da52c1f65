"""Texts that say nothing, and equal texts with different labels, are counted and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sentibp.data import sources
from sentibp.data.blank import count_blank
from sentibp.data.corpus import Corpus, contradiction_note
from sentibp.data.readers.table import ReadOptions
from sentibp.data.text_hashes import text_hashes
from sentibp.errors import DataError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
