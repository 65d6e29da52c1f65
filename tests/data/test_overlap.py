"""Validation reviews that the training data have, too."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data import overlap, sources
from sentibp.data.corpus import Corpus
from sentibp.data.split import split_corpus
from sentibp.data.tokenizer import tokenize
from sentibp.errors import DataError
from sentibp.utils.arrow import strings
from sentibp.utils.rng import random_stream


def near(training: list[str], validation: list[str]) -> list[int]:
    tokens = tokenize(strings([*training, "of another corpus that follows the training reviews"]))
    return overlap.near_duplicates(tokens, len(training), tokenize(strings(validation))).tolist()


def test_near_duplicates():
    training = ["the plot of this film is thin and its end is far too long", "nobody laughs", "one two three four five"]
    assert near(
        training,
        [
            "the plot of this film is thin",  # a phrase of it
            "The plot of this film is thin, and its end is far too LONG!",  # punctuation and case
            "the plot of this film is thin and its middle is far too long",  # a word was changed
            "the plot of this book is thin and the end is much too long",  # many were
            "of another corpus that follows",  # not a training review
            "five the plot of this",  # across the end of a review: not in order
            "one two three four five",
            "nobody laughs",  # too short to tell
            "",
        ],
    ) == [1, 1, 1, 0, 0, 0, 1, -1, -1]
    assert near(training, []) == []
    assert near([], ["one two three four five"]) == [0]
    assert near(["too short"], ["too short"]) == [-1]


def test_order_counts_and_so_does_each_word():
    words = ["a", "b", "a", "b", "b", "a", "a", "b", "b", "b"]
    assert near([" ".join(words)], [" ".join(words[::-1])]) == [0]
    for i in range(5):
        changed = words[:5]
        changed[i] = "c"
        assert near([" ".join(words)], [" ".join(changed)]) == [0]


reviews = st.lists(st.text("ab", max_size=12), max_size=4)


@settings(deadline=None)
@given(reviews, reviews)
def test_near_duplicates_are_those_of_the_definition(training, validation):
    known = "".join(training)  # sequences that reach into the next training review count, too: a rare accident
    expected = []
    for review in validation:
        sequences = [review[start : start + 5] for start in range(len(review) - 4)]
        share = np.mean([each in known for each in sequences]) if sequences else None
        expected.append(-1 if share is None else int(share >= 0.5))
    assert near([" ".join(each) for each in training], [" ".join(each) for each in validation]) == expected


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6, 7, 8])
def test_equal_hashes_are_equal_sequences(k):
    ids = np.random.default_rng(0).integers(0, 3, 3000)
    hashes = overlap._sequences(ids, k)
    sequences = np.array([ids[i : i + k] for i in range(len(ids) - k + 1)])
    assert len(hashes) == len(sequences)
    assert len(np.unique(hashes)) == len(np.unique(sequences, axis=0))


def test_only_some_of_many_validation_reviews_are_compared(monkeypatch):
    monkeypatch.setattr(overlap, "_EXAMINED", 10)
    monkeypatch.setattr(overlap, "_PIECE", 7)  # a sequence that lies in two pieces is found
    texts = [f"the number {i} of all the films of this year" for i in range(25)]
    result = np.array(near(texts, texts))
    assert (result == 1).sum() == 9 and (result == -1).sum() == 16


def phrases() -> tuple[list[str], list[int]]:
    """The phrases of 60 sentences of random words, as a treebank has them."""
    rng, texts, labels = random.Random(0), [], []
    for number in range(60):
        sentence = [f"word{rng.randrange(3000)}" for _ in range(14)]
        texts += [" ".join(sentence[start : start + 7]) for start in range(0, 8, 2)]
        labels += [number % 2] * 4
    return texts, labels


def test_phrases_are_told_and_ordinary_reviews_are_not():
    texts, labels = phrases()
    whole = Corpus(pa.chunked_array([strings(texts)]), np.array(labels, np.int8))
    for corpus, is_told in (whole, True), (sources.load_corpus("sample"), False):
        training, validation = split_corpus(corpus, 0.1, random_stream(0, "split"))
        result = overlap.near_duplicates(tokenize(training.text), len(training), tokenize(validation.text))
        notes = overlap.overlap_notes(len(validation), 0, int((result == 1).sum()), int((result >= 0).sum()), "do x")
        assert bool(notes) == is_told
        assert all(note.endswith("; do x") for note in notes)


def test_notes():
    assert overlap.overlap_notes(100, 0, 5, 100, "") == []
    assert overlap.overlap_notes(100, 3, 0, 0, "") == ["3 of 100 validation reviews also occur in the training data"]
    assert overlap.overlap_notes(1000, 0, 60, 1000, "")[0].startswith(
        "60 of 1,000 validation reviews are nearly the same"
    )


def test_a_validation_source_with_training_reviews_is_refused():
    texts = [f"a review with the number {i}" for i in range(20)]
    validation = Corpus(pa.chunked_array([strings([*texts, "very good"])]), np.zeros(21, np.int8))
    overlap.require_separate(validation, np.arange(2), "other.csv")
    overlap.require_separate(validation, np.array([0, 1, 20]), "other.csv")  # the last is one that many people write
    with pytest.raises(DataError) as caught:
        overlap.require_separate(validation, np.arange(3), "other.csv")
    assert str(caught.value) == (
        "data.validation: other.csv: 3 of its 21 reviews are also training reviews, so its scores say nothing about "
        "new ones; hold out training reviews with --set data.validation=0.1, or give other reviews"
    )
