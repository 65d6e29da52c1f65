"""Shifters: their scope, the features of shifted words, and the sentences that come with sentibp."""

from __future__ import annotations

import csv
import re
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.config.schema import Text
from sentibp.data import encode, shifters
from sentibp.data.folding import Spelling
from sentibp.data.offsets import feature_span, find_features, locate
from sentibp.data.shifters import MARKS, Shifters, load_sentences, mark_words
from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.data.vocabulary_build import add_words, build_vocabulary
from sentibp.utils import resources
from sentibp.utils.arrow import strings

WORDS = ["not", "never", "without", "far", "from", "nor", "but", "good", "bad", "a", "charm", ",", ".", "no", "doubt"]
texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), max_size=6)


def shifted(mark: str, *corpus: str) -> list[list[str]]:
    tokens = tokenize(strings(corpus))
    words = np.array(tokens.words.to_pylist() or [""], object)
    mask = Shifters(tokens.words).find(tokens.ids, tokens.offsets)[MARKS.index(mark)]
    pairs = list(zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True))
    return [words[tokens.ids[a:b]][mask[a:b]].tolist() for a, b in pairs]


def slowly(text: str) -> list[str]:
    """The same for one text in plain Python, word by word."""
    tokens = tokenize(strings([text]))
    words = [tokens.words[i].as_py() for i in tokens.ids.tolist()]
    negators = {"not", "never", "without", "nor", "no"}
    result, last, on = [], None, False
    for i, word in enumerate(words):
        after, before = words[i + 1] if i + 1 < len(words) else "", words[i - 1] if i else ""
        if word in (",", ".", "but", "nor"):
            last = None
        inside = last is not None and i - last <= shifters.REACH
        if (word in negators and (word, after) != ("no", "doubt")) or (before, word) == ("far", "from"):
            on = not on if inside else True
            last = i
        elif inside and on:
            result.append(word)
    return result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is not a good film, but I liked it.", "a good film"),
        ("I don't like it", "like it"),
        ("I don’t like it", "like it"),
        ("we dont care", "care"),
        ("Not good. Bad.", "good"),
        ("far from boring", "boring"),
        ("FAR FROM BORING", "boring"),
        ("it came far, from boring places", ""),
        ("anything but dull", "dull"),
        ("neither funny nor moving", "funny moving"),
        ("not without charm", ""),
        ("never not good", ""),
        ("not only good", ""),
        ("nothing but good", ""),
        ("no doubt good", ""),
        ("no one two three four five six", "one two three four five"),
        ("not good (bad)", "good"),
        ("not good — bad", "good"),
        ("not good。bad", "good"),
        ("not `good` or bad", "` good ` or bad"),
        ("not", ""),
        ("", ""),
    ],
)
def test_the_scope_of_a_negator(text, words):
    assert shifted("not~", text) == [words.split()]


def test_a_scope_ends_with_its_text():
    assert shifted("not~", "it is not", "good", "far", "from good") == [[], [], [], []]
    assert shifted("but~", "good", "but bad", "although", "good") == [[], [], [], []]
    assert shifted("very~", "very", "good") == [[], []]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is good, but the end is bad. Good!", "it is good ,"),
        ("Good. Fine but bad", "fine"),
        ("fine but bad but good", "fine but bad"),
        ("although good, bad", "good"),
        ("bad, though good; fine", "good"),
        ("despite the charm, bad", "the charm"),
        ("a film that is not good but bad", "a film that is not"),
        ("not only good but funny", ""),
        ("good but also funny", ""),
        ("anything but good", ""),
        ("I can't help but smile", ""),
        ("good", ""),
    ],
)
def test_what_is_conceded(text, words):
    assert shifted("but~", text) == [words.split()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("very good", "good"),
        ("a remarkably clever and truly fine film", "clever fine"),
        ("not very good", ""),
        ("hardly ever, only good, silly good", ""),
        ("SO Good", "good"),
    ],
)
def test_what_is_boosted(text, words):
    assert shifted("very~", text) == [words.split()]


@settings(deadline=None)
@given(texts)
def test_the_scope_is_that_of_a_plain_loop(corpus):
    assert shifted("not~", *corpus) == [slowly(text) for text in corpus]


def vocabulary_of(corpus: list[str], words: str) -> Vocabulary:
    vocabulary = build_vocabulary(tokenize(strings(corpus)), ngrams=3)[0]
    return add_words(vocabulary, mark_words(strings(words.split()), "not~"))


def names(vocabulary: Vocabulary, ids) -> list[str]:
    features = vocabulary.features().to_pylist()
    return [features[i] for i in ids]


def test_a_negated_word_has_one_more_feature():
    vocabulary = vocabulary_of(["not good"], "good bad")
    encoded, unknown = vocabulary.encode(tokenize(strings(["Not bad, not Good. Good"])))
    assert names(vocabulary, encoded.ids) == ["not", "not~bad", "not", "good", "not good", "not~good", "good"]
    assert unknown.tolist() == [3]  # bad and two punctuation marks


@settings(deadline=None)
@given(texts)
def test_one_text_has_the_same_features_as_in_a_corpus(corpus):
    vocabulary, plain = three_marked()
    together = vocabulary.encode(tokenize(strings(corpus)))[0]
    for i, text in enumerate(corpus):
        alone = vocabulary.encode(tokenize(strings([text])))[0]
        assert alone.ids.tolist() == together.ids[together.offsets[i] : together.offsets[i + 1]].tolist()
        kept = vocabulary.without_marked(alone)
        assert kept.ids.tolist() == plain.encode(tokenize(strings([text])))[0].ids.tolist()
        marked = [name for name in names(vocabulary, alone.ids) if "~" in name]
        assert marked == [f"not~{word}" for word in slowly(text) if word in ("good", "bad", "charm")]


@cache
def three_marked() -> tuple[Vocabulary, Vocabulary]:
    """Return a vocabulary with marked words, and the same without them."""
    vocabulary = vocabulary_of(["not good , a bad"], "good bad charm")
    return vocabulary, Vocabulary(*_without_marked(vocabulary))


def _without_marked(vocabulary: Vocabulary):
    n, m = int((~vocabulary.is_marked).sum()), len(vocabulary.words) - int(vocabulary.is_marked.sum())
    return vocabulary.words.slice(0, m), vocabulary.prefix[:n], vocabulary.word[:n]


@cache
def with_affixes() -> Vocabulary:
    return add_words(three_marked()[0], strings(["go~", "~ut"]))


@settings(deadline=None)
@given(st.lists(st.sampled_from([*WORDS, "gut", "x&amp;y"]), max_size=14).map(" ".join))
def test_a_marked_feature_has_the_position_of_its_word(text):
    vocabulary = with_affixes()
    tokens = tokenize(strings([text]))
    found, _ = find_features(vocabulary, tokens)
    assert [feature.id for feature in found] == vocabulary.occurrences(tokens).ids.tolist()
    spans = locate(text, tokens)
    for feature in found:
        span = feature_span(spans, feature)
        if span.text.startswith("not~"):
            assert text[span.start : span.end] == span.text[4:]


def test_a_vocabulary_without_marked_words_has_no_such_features():
    vocabulary = build_vocabulary(tokenize(strings(["not good"])), ngrams=2)[0]
    assert names(vocabulary, vocabulary.encode(tokenize(strings(["not good"])))[0].ids) == ["not", "good", "not good"]


def test_the_setting_adds_the_marked_words_and_leaves_the_rest_as_it_was():
    tokens = tokenize(strings(["not a Good film", "good fun"]), Spelling(lowercase=False))
    plain, encoded = build_vocabulary(tokens, 2, affixes=True)
    vocabulary, same = build_vocabulary(tokens, 2, affixes=True, shifters=True)
    n = len(plain)
    assert vocabulary.features().slice(0, n) == plain.features()
    assert vocabulary.features().slice(n).to_pylist() == [mark + word for mark in MARKS for word in ("fun", "good")]
    assert same.ids.tolist() == encoded.ids.tolist()
    restored = Vocabulary.from_tensors(*vocabulary.tensors().values())
    assert restored.is_marked.tolist() == vocabulary.is_marked.tolist()


def test_marked_words_share_no_affixes():
    vocabulary, _ = build_vocabulary(tokenize(strings(["boring sing"])), 1, affixes=True, shifters=True)
    assert not vocabulary.is_marked[np.concatenate(vocabulary.affix_pairs())].any()
    assert not (vocabulary.is_marked & vocabulary.is_affix).any()


def test_upper_case_that_is_kept_negates_too():
    tokens = tokenize(strings(["NOT Good"]), Spelling(lowercase=False))
    vocabulary = add_words(build_vocabulary(tokens, 1)[0], mark_words(strings(["good"]), "not~"))
    assert names(vocabulary, vocabulary.encode(tokens)[0].ids) == ["NOT", "Good", "not~good"]


def test_the_cache_key_names_the_sentences(monkeypatch):
    with_shifters, without = Text(shifters=True), Text()
    before = [encode.cache_key(text, {}, False) for text in (with_shifters, without)]
    monkeypatch.setattr(shifters, "digest", lambda: "another file")
    after = [encode.cache_key(text, {}, False) for text in (with_shifters, without)]
    assert before[0] != after[0]
    assert before[1] == after[1]


# --- the sentences


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


def test_the_sentences_are_balanced_and_their_words_occur_in_them():
    sentences = load_sentences()
    assert 0.48 < sentences.label.mean() < 0.52
    with open(resources.resource_folder("data") / "shifters.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == sentences.text
    for row in rows:
        assert set(row["opinion"].split()) <= set(_words(row["text"]))


def test_no_sentence_repeats_a_probe():
    """No sentence is a text of the probes, nor are four of its words in a row."""
    whole, runs = set(), set()
    for name in ("probes.csv", "probes_negation.csv"):
        with open(resources.resource_folder("data") / name, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for words in (_words(row["a"]), _words(row["b"])):
                    whole.add(tuple(words))
                    runs |= {tuple(words[i : i + 4]) for i in range(len(words) - 3)}
    for text in load_sentences().text:
        words = _words(text)
        assert tuple(words) not in whole, text
        assert not runs & {tuple(words[i : i + 4]) for i in range(len(words) - 3)}, text
