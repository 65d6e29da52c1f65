"""An unknown word with a letter too many or too few is read as the word that is meant."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.data.ngram_counts import NONE
from sentibp.data.offsets import find_features
from sentibp.data.respelling import without_doubled_letters
from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.data.vocabulary_build import build_vocabulary
from sentibp.utils.arrow import strings


def vocabulary_of(*texts: str) -> Vocabulary:
    vocabulary = build_vocabulary(tokenize(strings(texts)), 2)[0]
    vocabulary.respells = True
    return vocabulary


@pytest.mark.parametrize(
    ("word", "short"),
    [
        ("brilliant", "briliant"),
        ("aaah", "ah"),
        ("BOOK", "BOK"),
        ("2000", "2000"),
        ("...", "..."),
        ("éé", "éé"),
        ("日日", "日日"),
        ("", ""),
    ],
)
def test_words_without_doubled_letters(word, short):
    around = ["x", word, "xx"]  # letters of other words do not matter
    assert without_doubled_letters(strings(around)).to_pylist() == ["x", short, "x"]
    assert without_doubled_letters(strings(around).slice(1, 1)).to_pylist() == [short]


def test_an_unknown_word_has_the_features_of_the_word_that_is_meant():
    vocabulary = vocabulary_of("a brilliant film", "a brilliant end", "too dull", "disappointing")
    for typed, meant in [("a briliant film", "a brilliant film"), ("dissapointing", "disappointing")]:
        features, unknown = vocabulary.encode(tokenize(strings([typed])))
        expected, _ = vocabulary.encode(tokenize(strings([meant])))
        np.testing.assert_array_equal(features.ids, expected.ids)
        assert unknown.tolist() == [0]
        assert len(find_features(vocabulary, tokenize(strings([typed])))[0]) == len(expected.ids)


def test_the_most_frequent_word_is_meant():
    vocabulary = vocabulary_of("hated", "hated hatted", "hated hatted")
    assert vocabulary.words[vocabulary.numbers(strings(["haated"]))[0]].as_py() == "hated"
    assert vocabulary.words[vocabulary.numbers(strings(["hatted"]))[0]].as_py() == "hatted"  # it is known


def test_short_and_strange_words_stay_unknown():
    vocabulary = vocabulary_of("to be good", "off")
    assert vocabulary.numbers(strings(["too", "bee", "of", "god", "zebra", ""])).tolist() == [NONE] * 6


def test_other_vocabularies_do_not_respell():
    vocabulary = build_vocabulary(tokenize(strings(["brilliant"])))[0]
    assert vocabulary.numbers(strings(["briliant", "brilliant"])).tolist() == [NONE, 0]
