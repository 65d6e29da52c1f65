"""Validation reviews that the training data have, too."""

from __future__ import annotations

import contextlib
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


def largest_share(training: list[str], review: str) -> float | None:
    """Return what near_duplicates compares, as its description says it."""
    sequences = [review[start : start + 5] for start in range(len(review) - 4)]
    having = [[number for number, text in enumerate(training) if each in text] for each in sequences]
    weight = [min(1, 3 / (len(texts) or 1)) * (len(texts) <= 32) for texts in having]
    shares = [sum(w for w, texts in zip(weight, having, strict=True) if n in texts) for n in range(len(training))]
    return None if not sequences else max(shares, default=0) / (sum(weight) or 1)


@settings(deadline=None)
@given(reviews, reviews, st.integers(1, 40), st.integers(1, 10))
def test_near_duplicates_are_those_of_the_definition(training, validation, times, piece):
    training = training[:1] * times + training
    shares = [largest_share(training, review) for review in validation]
    expected = [-1 if share is None else int(share >= 0.5 - 1e-9) for share in shares]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_PIECE", piece)
        patch.setattr(overlap, "_PAIRS", piece)
        assert near([" ".join(each) for each in training], [" ".join(each) for each in validation]) == expected


def test_sequences_of_up_to_32_training_texts_count():
    text = "one two three four five six"
    assert [near([text] * times, [text]) for times in (1, 3, 4, 32, 33)] == [[1], [1], [1], [1], [0]]


def test_a_sequence_that_a_text_repeats_is_that_of_one_text():
    text = "very " * 40
    assert near([text], [text]) == [1]


def test_a_sequence_of_too_many_texts_is_as_absent():
    """Of the others, one text has five, and none has the other five: this is half of them."""
    common = ["film of the year again"] * 33
    begin, end = "nobody here laughs once or", "but every child sleeps well"
    review = f"{begin} {common[0]} {end}"
    assert near([f"{begin} film of the year", *common], [review]) == [1]
    assert near([f"{begin} film of the year", *common], [f"{review} then"]) == [0]


def own(number: int, words: int = 12) -> str:
    """Return a text that has no word in common with those of other numbers."""
    return " ".join(f"w{number}x{i}" for i in range(words))


SIGNATURE = "this message was sent from our portal please do not reply to this address directly kind regards your team"


@pytest.mark.parametrize(
    "common",
    [
        f"{{}} {SIGNATURE}",
        f"{{}} {SIGNATURE} {' '.join(SIGNATURE.split()[::-1])} and so on and on",  # much longer than the texts
        "dear sir or madam i am writing to you about my order {} i look forward to hearing from you",
    ],
)
@pytest.mark.parametrize("kinds", [1, 5, 40])  # such as a signature for each of 40 people
def test_what_many_texts_have_in_common_makes_no_near_duplicates(common, kinds):
    def text(number: int, own_words: str) -> str:
        words = common.format("OWN").split()
        return " ".join(own_words if word == "OWN" else f"{word}{number % kinds}" for word in words)

    training = [text(i, own(i)) for i in range(600)] + [text(7, own(7000, 40))]
    changed = own(7000, 40).replace("x20 ", "x20b ")
    validation = [*(text(i, own(1000 + i)) for i in range(40)), text(7, changed), text(0, changed)]
    assert near(training, validation) == [0] * 40 + [1, 1], "but a copy with such a text, or with another, is one"


def test_texts_of_the_same_sentences_are_near_duplicates_only_of_a_text_with_most_of_them():
    rng = random.Random(0)
    sentences = [own(i, 6) for i in range(30)]
    training = [" ".join(rng.choices(sentences, k=4)) for _ in range(400)]
    mixed = [" ".join(rng.choices(sentences, k=4)) for _ in range(100)]
    assert np.mean(near(training, mixed)) < 0.1
    assert near(training, [f"{text} {own(99, 3)}" for text in training[:20]]) == [1] * 20


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6, 7, 8])
def test_equal_hashes_are_equal_sequences(k):
    ids = np.random.default_rng(0).integers(0, 3, 3000)
    hashes = overlap.sequence_hashes(ids, k)
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
        texts += [" ".join(sentence[start : start + 9]) for start in range(0, 4)]
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
        "60 of 1,000 validation reviews are each nearly the same as a training review"
    )
    assert overlap.overlap_notes(6, 0, 4, 4, "")[0].startswith(
        "4 of the 4 validation reviews that were compared are each nearly the same"
    ), "there are 6"
    both = overlap.overlap_notes(6, 2, 4, 4, "")
    assert both[1].startswith("4 of 4 validation reviews are each"), "the other two are repeated, so all were compared"


def test_validation_reviews_whose_group_has_training_reviews_are_counted():
    text = pa.chunked_array([strings(["a good film"] * 3)])
    one, other = (Corpus(text, group=np.array(group)) for group in ([1, 1, 2], [3, 4, 1]))
    assert overlap.group_notes(one, other)[0].startswith("1 of 3 validation reviews are of groups")
    assert overlap.group_notes(other, one)[0].startswith("2 of 3 validation reviews are of groups")
    assert overlap.group_notes(one, Corpus(text)) == []


def test_a_sequence_that_is_frequent_in_one_shard_is_frequent():
    """Also if no other shard has it: its texts are not known, so that it must not count at all."""
    none, found = np.zeros(0, np.int64), overlap.Holders(2)
    found.add_shard(np.array([7]), np.array([1]))
    found.add_shard(np.array([1 << 32 | 8, 3]), none)
    assert found.frequent().tolist() == [1]
    assert found.pairs().tolist() == [3, 7]  # of sequence 0, with the texts 3 and 7


@pytest.mark.parametrize(("text", "refused"), [("a very good film", True), ("very good film", False)])
def test_texts_of_four_words_are_those_of_one_writer(text, refused):
    """A tenth of the reviews may be repeated, and no more."""
    validation = Corpus(pa.chunked_array([strings([text] * 20)]))
    overlap.require_separate(validation, np.arange(2), "other.csv", "give others")
    with pytest.raises(DataError) if refused else contextlib.nullcontext():
        overlap.require_separate(validation, np.arange(3), "other.csv", "give others")


def test_a_validation_source_with_training_reviews_is_refused():
    texts = [f"a review with the number {i}" for i in range(20)]
    validation = Corpus(pa.chunked_array([strings([*texts, "very good"])]), np.zeros(21, np.int8))
    overlap.require_separate(validation, np.arange(2), "other.csv", "give others")
    short = np.array([0, 1, 20])  # the last is one that many people write
    overlap.require_separate(validation, short, "other.csv", "give others")
    with pytest.raises(DataError) as caught:
        overlap.require_separate(validation, np.arange(3), "other.csv", "give others")
    assert str(caught.value) == (
        "data.validation: other.csv: 3 of its 21 reviews are also training reviews, so its scores say nothing about "
        "new ones; give others"
    )
