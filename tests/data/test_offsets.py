"""The positions of words and n-grams in the original text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentibp.data import offsets, vocabulary_build
from sentibp.data.folding import Spelling
from sentibp.data.token_classes import PATTERNS
from sentibp.data.tokenizer import tokenize
from sentibp.utils.arrow import strings

UGLY = [
    *("a", "Bad", "GOOD", "not", "don't", "'", "’", " ", "  ", "\n", "\t", "\x00", "\x7f", "\xa0", "...", "!?", "1984"),
    *(
        "&amp;",
        "&lt;br&gt;",
        "&#769;",
        "&#x41;",
        "&nbsp;",
        "&notit;",
        "&amp;lt;",
        "&",
        "<br />",
        "<BR/>",
        "<br\x0b>",
        "<",
    ),
    *("e\u0301", "é", "É", "I\u0307", "İ", "ẞ", "ǅ", "\u0301", "\u0323\u0301", "a\u0301\u0323", "\u00bd", "ﬁ", "Å"),
    *("한", "\u1112\u1161\u11ab", "가\u11a8", "映画", "ไทย", "ภาษา\u0e49", "\u0bc6\u0bbe", "\U00016d67\U00016d67"),
    *("👍🏽", "👨‍👩‍👧", "🇩🇪🇫🇷", "❤️", "\u200d", "\u200b", "\ufeff", "\u2028", "\ud800", "\U000e0041", "𝔘", "Σς", "Σ"),
]

AS_EVER = Spelling()
ALL = tuple(PATTERNS)
INVISIBLE = ["\xad", "\u200c", "\u200d", "\u200f", "\ufe0f", "🏻", "\U000e0067", "\u0640"]
OTHERS = [
    *(
        "`",
        "´",
        "‘",
        "ﬁ",
        "３",
        "！",
        "…",
        "￣",
        "№",
        "²",
        "ς",
        "ŉ",
        "ﷺ",
        "ﻷ",
        "ｶﾞ",
        "\u0645\u200c\u0634",
        "🏴",
        "i\u0307",
    ),
    *("http://t.co/aB1", "www.a.de/é,", "@bob", "bob@mail.org", "3.50", "1,000", "<url>", "<NUMBER>", "&lt;url&gt;"),
]

texts = st.lists(st.sampled_from(UGLY + INVISIBLE + OTHERS) | st.text(max_size=3), max_size=12).map("".join)


def tokens_of(*texts: str, spelling: Spelling = AS_EVER) -> list[list[str]]:
    tokens = tokenize(strings(texts), spelling)
    words = [tokens.words[i].as_py() for i in tokens.ids.tolist()]
    return [words[start:end] for start, end in pairwise(tokens.offsets.tolist())]


def slices(text: str, spelling: Spelling = AS_EVER) -> list[tuple[str, str]]:
    return [(span.text, text[span.start : span.end]) for span in offsets.token_spans(text, spelling)]


@settings(max_examples=50, deadline=None)
@given(texts, st.booleans(), st.sampled_from([1, 2]), st.sampled_from([(), ("url", "email"), ALL]))
@example("bob@mail.org\u01c5", False, 2, ("url", "email"))  # one letter, of which the address takes the first half
def test_a_slice_of_the_text_is_the_word_up_to_normalisation(text, lowercase, folding, classes):
    spelling = Spelling(lowercase, folding, classes)
    found = offsets.token_spans(text, spelling)
    assert [[span.text for span in found]] == tokens_of(text, spelling=spelling)
    alone = tokens_of(*(text[span.start : span.end] for span in found), spelling=spelling)
    ends = [0, *(span.end for span in found)]
    starts = [*(span.start for span in found), len(text)]
    for i, (span, tokens) in enumerate(zip(found, alone, strict=True)):
        assert 0 <= span.start < span.end <= len(text)
        assert span.end >= ends[i]
        if ends[i] <= span.start and span.end <= starts[i + 1]:
            assert tokens == [span.text]
        else:  # an entity or a letter that becomes several words: they share its place
            assert any(span.text in token for token in tokens)
    blanks = (text[max(ends[: i + 1]) : start] for i, start in enumerate(starts))
    assert not any(tokens_of(*blanks, spelling=spelling)), "nothing but blanks lies between words"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I LOVE this", [("i", "I"), ("love", "LOVE"), ("this", "this")]),
        ("good<br />bad", [("good", "good"), ("bad", "bad")]),
        ("salt &amp; pepper", [("salt", "salt"), ("&", "&amp;"), ("pepper", "pepper")]),
        ("cafe\u0301!", [("café", "cafe\u0301"), ("!", "!")]),
        ("caf&eacute; now", [("café", "caf&eacute;"), ("now", "now")]),
        ("caf&#101;&#769;s", [("cafés", "caf&#101;&#769;s")]),
        ("don’t", [("don't", "don’t")]),
        ("&lt;br&gt;x", [("x", "x")]),
        ("\u200ebeau\xadtiful don`t it´s", [("beautiful", "beau\xadtiful"), ("don't", "don`t"), ("it's", "it´s")]),
        ("Terri\ufb01c！ ３", [("terrific", "Terri\ufb01c"), ("!", "！"), ("3", "３")]),
        ("\u0645\u200c\u0634\u200c a\u200d", [("\u0645\u200c\u0634", "\u0645\u200c\u0634\u200c"), ("a", "a\u200d")]),
        ("so good👍🏽👍🏽", [("so", "so"), ("good", "good"), ("👍", "👍🏽"), ("👍", "👍🏽")]),
        ("🇩🇪🇫🇷", [("🇩🇪", "🇩🇪"), ("🇫🇷", "🇫🇷")]),
        ("\u1112\u1161\u11ab", [("한", "\u1112\u1161\u11ab")]),
        ("!\u0301a", [("!", "!"), ("\u0301a", "\u0301a")]),
        ("\ud800 x", [("?", "\ud800"), ("x", "x")]),
        ("", []),
        (" \n\x00", []),
    ],
)
def test_by_example(text, expected):
    assert slices(text) == expected


def test_a_combining_letter_that_is_not_listed_only_makes_positions_coarser(monkeypatch):
    """Arrow may have a newer version of Unicode than Python, with more combining letters."""
    monkeypatch.setattr(offsets, "_COMBINING", offsets.re.compile("(?!)"))
    assert slices("ab \u1112\u1161\u11ab! x") == [
        ("ab", "ab"),
        ("한", "\u1112\u1161\u11ab!"),
        ("!", "\u1112\u1161\u11ab!"),
        ("x", "x"),
    ]


def test_features_are_those_of_the_vocabulary_with_positions_of_their_words():
    known = tokenize(strings(["not very good , not very bad", "a good film", "very good indeed"]))
    vocabulary = vocabulary_build.build_vocabulary(known, ngrams=3)[0]
    tokens = tokenize(strings(["NOT very good zzz not &quot; a good very good indeed"]))
    found, is_known = offsets.find_features(vocabulary, tokens)
    assert [feature.id for feature in found] == vocabulary.encode(tokens)[0].ids.tolist()
    assert is_known == [True, True, True, False, True, False, *[True] * 5]
    names = vocabulary.features().to_pylist()
    words = [tokens.words[i].as_py() for i in tokens.ids.tolist()]
    for feature in found:
        assert names[feature.id] == " ".join(words[feature.first : feature.last + 1])
    assert {"not very good", "very good indeed", "a good"} <= {names[feature.id] for feature in found}


def test_affixes_have_the_position_of_their_word():
    vocabulary = vocabulary_build.build_vocabulary(
        tokenize(strings(["unhappily unhappy", "kindly"])), ngrams=2, affixes=True
    )[0]
    text = "kindly Unhappiest badly zzz unhappy"
    tokens = tokenize(strings([text]))
    found, is_known = offsets.find_features(vocabulary, tokens)
    assert [feature.id for feature in found] == vocabulary.encode(tokens)[0].ids.tolist()
    assert is_known == [True, True, True, False, True]
    assert [offsets.feature_span(offsets.token_spans(text), feature) for feature in found] == [
        ("kindly", 0, 6),
        ("unhapp~", 7, 17),
        ("~ly", 18, 23),
        ("unhappy", 28, 35),
    ]


def test_an_ngram_spans_its_first_to_its_last_word():
    text = "Not,  GOOD &amp; cheap"
    place = offsets.token_spans(text)
    joined = offsets.feature_span(place, offsets.Feature(0, 0, 2))
    assert joined == ("not , good", 0, 10)
    assert text[joined.start : joined.end] == "Not,  GOOD"


def test_deleting_words():
    tokens = tokenize(strings(["a b a c"]))
    versions = offsets.delete_tokens(tokens, [(), (0,), (1, 3), (0, 1, 2, 3)])
    words = np.array(versions.words.to_pylist(), object)
    split = [words[versions.ids[a:b]].tolist() for a, b in pairwise(versions.offsets.tolist())]
    assert split == [["a", "b", "a", "c"], ["b", "a", "c"], ["a", "a"], []]


def test_a_class_of_tokens_has_the_position_of_the_whole():
    text = "\u200b@Bob &lt;3 http://t.co/x?a=1&amp;b=2, mail a.b@c.org: 1,000.50 of 10"
    assert slices(text, Spelling(classes=ALL)) == [
        ("<mention>", "@Bob"),
        ("<", "&lt;"),
        ("<number>", "3"),
        ("<url>", "http://t.co/x?a=1&amp;b=2"),
        (",", ","),
        ("mail", "mail"),
        ("<email>", "a.b@c.org"),
        (":", ":"),
        ("<number>", "1,000.50"),
        ("of", "of"),
        ("<number>", "10"),
    ]


@pytest.mark.parametrize(
    ("text", "spelling", "spans"),
    [
        ("http://t.co/aB1<url>", Spelling(False, 1, ("url", "email")), ["http://t.co/aB1", "<url>"]),
        ("3<number>4", Spelling(classes=("number",)), ["3", "<number>", "4"]),
        ("&amp;lt;👨‍👩‍👧", AS_EVER, ["&amp;", "lt", ";", "👨‍👩‍👧"]),  # not `<`: entities are resolved once
        ("&amp;lt;br /&amp;gt;👨‍👩‍👧", AS_EVER, ["&amp;", "lt", ";", "br", "/", "&amp;", "gt", ";", "👨‍👩‍👧"]),
    ],
)
def test_what_looks_like_a_class_or_an_entity_after_normalization(text, spelling, spans):
    assert [text[span.start : span.end] for span in offsets.token_spans(text, spelling)] == spans
