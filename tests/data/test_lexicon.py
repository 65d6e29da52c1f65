"""The lexicon of opinion words: its file, and what a vocabulary learns from it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys

import numpy as np
import pytest

from sentibp.config.schema import Config
from sentibp.data import lexicon, vocabulary_build
from sentibp.data.tokenizer import tokenize
from sentibp.errors import ConfigError
from sentibp.utils.arrow import strings


def settings(**text) -> Config:
    return Config.model_validate({"text": text, "pretrain": {"lexicon": "vader"}, "model": {"embedding": {"dim": 2}}})


def polarity(found: lexicon.Lexicon) -> dict[str, float]:
    return dict(zip(found.words.to_pylist(), found.polarity.tolist(), strict=True))


def test_words_have_their_rating_divided_by_four(write_lexicon):
    write_lexicon({"good": 1.9, "don't": -1, "☺": 2, ":)": 2.0, "fed up": -1.8, "$": -1.5})
    found = lexicon.load_lexicon(settings())
    assert polarity(found) == pytest.approx({"good": 0.475, "don't": -0.25, "☺": 0.5, "$": -0.375})


def test_entries_that_are_one_word_in_lower_case_have_their_mean(write_lexicon):
    write_lexicon({"LOL": 2.0, "lol": 1.0, "ＬＯＬ": 0.0})
    assert polarity(lexicon.load_lexicon(settings())) == pytest.approx({"lol": 0.25})
    assert polarity(lexicon.load_lexicon(settings(lowercase=False))) == pytest.approx({"LOL": 0.25, "lol": 0.25})


def test_a_word_in_capitals_has_the_polarity_of_the_word(write_lexicon):
    write_lexicon({"good": 2.0, "bad": -2.0, "BAD": -3.0})
    found = lexicon.load_lexicon(settings(lowercase=False))
    tokens = tokenize(strings(["Good good BAD Bad film good film"]), lexicon.Spelling(lowercase=False))
    vocabulary, _ = vocabulary_build.build_vocabulary(tokens, 2, affixes=True)
    known = dict(zip(vocabulary.features().to_pylist(), found.column(vocabulary).tolist(), strict=True))
    assert {word: value for word, value in known.items() if value} == {
        "Good": 0.5,
        "good": 0.5,
        "BAD": -0.75,
        "Bad": -0.5,
    }


def test_the_digest_is_that_of_the_file(write_lexicon):
    digests = [lexicon.load_lexicon(settings()).digest for each in (1.0, 1.0, 1.1) if write_lexicon({"good": each})]
    assert digests[0] == digests[1] != digests[2]


def test_without_a_lexicon_nothing_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)
    assert lexicon.load_lexicon(Config()) is None


def test_a_missing_package(monkeypatch, complaint):
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)
    assert complaint(ConfigError, lexicon.load_lexicon, settings()) == (
        "pretrain.lexicon: vader needs the package vadersentiment; pip install 'sentibp[lexicon]', or write "
        "--set pretrain.lexicon=none"
    )


def test_a_package_without_the_file(write_lexicon, complaint):
    assert "pip install 'sentibp[lexicon]'" in complaint(ConfigError, lexicon.load_lexicon, settings())


@pytest.mark.parametrize(
    "line",
    [b"good", b"good\tvery", b"good\tnan", b"good\t9", b"\t1.0", b"\xff\t1.0", b"good 1.0"],
    ids=lambda line: line.decode(errors="replace"),
)
def test_a_damaged_file(write_lexicon, complaint, line):
    path = write_lexicon({"fine": 1.0})
    path.write_bytes(path.read_bytes() + line + b"\n")
    message = complaint(ConfigError, lexicon.load_lexicon, settings())
    assert message.startswith("pretrain.lexicon: vader_lexicon.txt:2: no word with a rating from -4 to 4; ")


def test_coverage_counts_reviews(write_lexicon):
    write_lexicon({"good": 2.0, "bad": -2.0})
    vocabulary, reviews = vocabulary_build.build_vocabulary(tokenize(strings(["good bad", "", "film", "good good"])))
    found = lexicon.load_lexicon(settings())
    assert found.coverage(reviews, vocabulary) == (2, 4)
    assert found.coverage(reviews, vocabulary).notes() == ()


@pytest.mark.skipif(importlib.util.find_spec("vaderSentiment") is None, reason="the extra `lexicon` is not installed")
def test_the_lexicon_of_the_package():
    found = lexicon.load_lexicon(settings())
    known = polarity(found)
    assert len(known) > 6500
    assert known["wonderful"] > 0.5 > -0.5 > known["horrible"]
    assert np.abs(found.polarity).max() <= 1
    assert "vaderSentiment.vaderSentiment" not in sys.modules


def test_the_built_in_lexicon_needs_no_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)
    config = Config.model_validate({"pretrain": {"lexicon": "builtin"}, "model": {"embedding": {"dim": 2}}})
    found = lexicon.load_lexicon(config)
    known = polarity(found)
    assert max(map(abs, known.values())) == pytest.approx(1)
    assert known["wonderful"] > known["enjoyable"] > 0 > known["boring"] > known["unwatchable"]
    assert not {"the", "hitchcock", "seagal"} & known.keys(), "neither words that say nothing nor names"
    assert found.digest == hashlib.sha256(lexicon.builtin_file().read_bytes()).hexdigest()
