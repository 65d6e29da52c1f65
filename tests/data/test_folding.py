"""Which spellings are the same word, and which are not."""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sentibp.data import folding
from sentibp.data.folding import Spelling, fold, fold_word, replacements
from sentibp.data.offsets import token_spans
from sentibp.data.tokenizer import normalize, tokenize
from sentibp.utils.arrow import strings

quick = settings(max_examples=50, deadline=None)


def tokens(text: str, **spelling) -> list[str]:
    found = tokenize(strings([text]), Spelling(**spelling))
    return [found.words[i].as_py() for i in found.ids.tolist()]


SAME = {
    "soft hyphen": "beautiful beau\xadti\xadful",
    "zero-width space, no break, joiners": "film fi\u200blm fi\ufefflm f\u2060ilm f\u200cil\u200dm",
    "bidirectional marks": "שלום \u200fשלום\u200e \u202bשלום\u202c \u2067שלום\u2069 ש\u061cלום",
    "grapheme joiner": "film f\u034film",
    "fillers": "film fi\u115flm film\u1160",
    "micro sign": "5µg 5μg",
    "ligatures": "efficient eﬃcient eﬀicient",
    "long s": "less leſs leſſ",
    "full-width letters": "good10 ｇｏｏｄ１０ ＧＯＯＤ１０",
    "letters of mathematics": "love 𝓵𝓸𝓿𝓮 𝐥𝐨𝐯𝐞 𝕃𝕆𝕍𝔼 𝙻𝙾𝚅𝙴 ⓛⓞⓥⓔ 🄻🄾🅅🄴",
    "raised letters": "the ᵗʰᵉ",
    "Roman numerals": "iv Ⅳ ⅳ",
    "digraphs": "džep ǆep ǅep Ǆep",
    "half-width Katakana": "ガ ｶﾞ カ\u3099",
    "Arabic letters by their place": "سلام ﺳﻼﻡ ســـلام",
    "final sigma": "καλός ΚΑΛΌΣ καλόσ Καλός",
    "dotted capital i": "istanbul İstanbul i\u0307stanbul ISTANBUL",
    "capital sharp s": "straße STRAẞE",
    "kelvin and ångström": "kå \u212a\u212b",
    "apostrophes": "don't don’t don‘t donʼt don＇t don`t don´t don‛t don\x92t donʻt don′t",
    "Hebrew abbreviation mark": "ג'ורג' ג׳ורג׳",
    "skin tones": "👎 👎🏻 👎🏽 👎🏿",
    "skin tone in a sequence": "👩\u200d🚀 👩🏽\u200d🚀 👩🏿\u200d🚀",
    "variation selectors": "❤ ❤\ufe0f ❤\ufe0e",
    "of ideographs": "葛 葛\U000e0100",
    "hidden tags": "good go\U000e0067\U000e007fod",
    "zero-width non-joiner at the end": "می می\u200c",
    "two of them": "می\u200cشود می\u200c\u200cشود",
    "ellipsis": "... …",
    "full-width punctuation": "! ！",
    "hyphens": "- \u2010 \u2011",
}
DIFFERENT = {
    "non-joiner of Persian": "میشود می\u200cشود",
    "joiner of Hindi": "क\u094dष क\u094d\u200dष",
    "family and its members": "👨\u200d👩 👨👩",
    "number sign": "no №",
    "fraction": "1/2 ½",
    "raised digit": "x2 x²",
    "footnote": "word1 word¹",
    "circled number": "1 ①",
    "trade mark": "tm ™",
    "letters of Hangul": "\u110f ㅋ",
    "sharp s": "strasse straße",
    "dotless i": "ısparta isparta",
    "accent": "resume résumé",
    "flags": "🏴 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "dash": "- –",
}


@pytest.mark.parametrize("words", SAME.values(), ids=SAME)
def test_one_word(words):
    first, *others = [tokens(word) for word in words.split(" ")]
    assert others
    assert others == [first] * len(others)


@pytest.mark.parametrize("words", DIFFERENT.values(), ids=DIFFERENT)
def test_two_words(words):
    one, other = words.split(" ")
    assert tokens(one) != tokens(other)


def test_case_matters_on_request():
    assert tokens("ΚΑΛΟΣ καλος ﬁ ＦＩ", lowercase=False) == ["ΚΑΛΟΣ", "καλος", "fi", "FI"]


def test_folding_1_is_that_of_earlier_versions():
    text = "beau\xadtiful ﬁlm ｆｉｌｍ καλος don’t don´t 👎🏻 ❤\ufe0f a\u200bb"
    expected = "beau\xadtiful ﬁlm ｆｉｌｍ καλος don't don ´ t 👎🏻 ❤\ufe0f a b"
    assert tokens(text, folding=1) == expected.split(" ")
    assert tokens("don`t", folding=1) == ["don", "`", "t"]


@quick
@given(st.text(st.characters(max_codepoint=127), max_size=60), st.booleans())
def test_ascii_is_as_it_was(text, lowercase):
    """Except for a backtick inside a word, which becomes an apostrophe when the text is split."""
    before, now = (normalize(strings([text]), Spelling(lowercase, version)) for version in (1, 2))
    assert before.equals(now)
    assume(not re.search("[a-zA-Z0-9]`[a-zA-Z0-9]", text))
    assert tokens(text, lowercase=lowercase) == tokens(text, lowercase=lowercase, folding=1)


unseen = st.lists(st.sampled_from("\xad\u200b\u200e\u200f\u202a\u202c\u2060\u2066\u2069\u061c\ufeff\ufe0f"), max_size=3)


@quick
@given(st.lists(st.tuples(st.sampled_from("aéßжλक日👍'!.1"), unseen.map("".join)), max_size=12))
def test_what_nobody_sees_makes_no_difference(parts):
    plain = "".join(character for character, _ in parts)
    text = "".join(character + invisible for character, invisible in parts)
    assert tokens(text) == tokens(plain)
    for span in token_spans(text):
        assert tokens(text[span.start : span.end]) == [span.text]


any_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(list(replacements(True))), max_size=20)


def folded(texts: list[str], lowercase: bool = True) -> list[str]:
    return fold(strings(texts), lowercase).to_pylist()


@quick
@given(st.lists(any_text, min_size=1, max_size=5), st.booleans())
def test_folding_again_changes_nothing(texts, lowercase):
    once = folded(texts, lowercase)
    assert folded(once, lowercase) == once


@quick
@given(st.lists(any_text, min_size=1, max_size=5), st.booleans())
@example(["ﬁ", "", "日\u200b本…"], True)
def test_texts_are_folded_character_by_character(texts, lowercase):
    """In whatever company they are, and by whichever method."""
    table = replacements(lowercase)
    expected = ["".join(table.get(character, character) for character in text) for text in texts]
    for pattern in folding.CONTEXT:
        expected = [re.sub(pattern, lambda match: match[1] or "", text) for text in expected]
    assert folded(texts, lowercase) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "_MANY", 0)
        assert folded(texts, lowercase) == expected


def test_the_table_is_closed():
    """No replacement is replaced again, nor is its lower case; a letter with an accent is like the letter alone."""
    for lowercase in (True, False):
        table = replacements(lowercase)
        for plain in table.values():
            composed = unicodedata.normalize("NFC", plain)
            assert not any(c in table for c in plain + composed + (composed.lower() if lowercase else ""))
        for code in range(0x30000):
            character = chr(code)
            parts = unicodedata.normalize("NFD", character)
            if parts != character and any(part in table for part in parts):
                assert character in table, ascii(character)


def test_replacements_are_those_of_the_standard():
    """Beside apostrophes, hyphens, blanks and skin tones: NFKC, or nothing for what may be ignored."""
    for character, plain in replacements(False).items():
        standard = unicodedata.normalize("NFKC", character)
        if character not in folding.APOSTROPHES and plain.strip() and plain not in '-"':
            assert plain == standard.replace("ʼ", "'").replace("\u0640", ""), ascii(character)


@pytest.mark.parametrize("words", [words for name, words in SAME.items() if name != "letters of mathematics"])
def test_a_word_of_a_vector_file_is_folded_as_in_a_text(words):
    for word in words.lower().split(" "):
        if "`" not in word and tokens(word) == [tokens(word)[0]]:
            assert fold_word(word, True) == tokens(word)[0]


def test_a_hundred_kinds_of_characters():
    characters = list(replacements(True))[:2000]
    table = replacements(True)
    assert folded(["a".join(characters)]) == ["a".join(table[character] for character in characters)]


def test_the_result_is_text_of_arrow():
    assert fold(strings(["ﬁ"]), True).type == pa.large_string()
