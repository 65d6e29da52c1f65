"""URLs, e-mail addresses, @names and numbers as classes of tokens."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data import token_classes
from sentibp.data.folding import Spelling
from sentibp.data.offsets import token_spans
from sentibp.data.token_classes import PATTERNS, compiled, mark_classes
from sentibp.data.tokenizer import tokenize
from sentibp.utils.arrow import strings

ALL = tuple(PATTERNS)


def one(text: str, classes: tuple[str, ...] = ALL, **spelling) -> str:
    tokens = tokenize(strings([text]), Spelling(classes=classes, **spelling))
    return " ".join(tokens.words[i].as_py() for i in tokens.ids.tolist())


EXAMPLES = {
    "url": {
        "see http://t.co/AbC123 now": "see <url> now",
        "HTTPS://Example.com": "<url>",
        "(https://example.com/a_(b)?x=1&y=%20#top).": "( <url> ) .",
        "www.example.de, ftp://host/file": "<url> , <url>",
        "pic.twitter.com/Ab1 bit.ly/xyz! t.co/a": "<url> <url> ! <url>",
        "http://a.b/c…": "<url> ...",
        "好http://t.co/ab好": "好 <url> 好",
        "http://пример.рф/путь": "<url>",
        "good.bad/ugly 3.5/5 and/or": "good . bad / ugly 3 . 5 / 5 and / or",
        "http:// www. a.com": "http : // www . a . com",
        "&lt;http://a.b&gt; <a href='http://a.b'>": "< <url> > < a href = ' <url> ' >",
        "a <url> b <URL>": "a <url> b <url>",
    },
    "email": {
        "write to First.Last+tag@mail.example.org.": "write to <email> .",
        "bob@home @bob": "bob @ home @ bob",
        "étude@example.com josé@example.com": "<email> <email>",
    },
    "mention": {
        "@Bob: hi@bob .@bob_2! RT @a@b @c@d.org": "<mention> : hi @ bob . <mention> ! rt <mention> @ b <mention>",
        "love @ first sight ＠bob": "love @ first sight <mention>",
        "👍@bob": "👍 <mention>",
    },
    "number": {
        "3.50 of 1,000.5; 10/10. r2d2 1st 2001": "<number> of <number> ; <number> / <number> . r2d2 1st <number>",
        "１０ %5": "<number> % <number>",
        "2ème x² 3º 5é é5 12월": "2ème x² 3º 5é é5 12월",
        "the 90's, 90’s, O'2, '90s": "the 90's , 90's , o'2 , ' 90s",
        "'90' 5'10 6' 7' 8\": 1 2 3": "' <number> ' 5'10 <number> ' <number> ' <number> \" : "
        "<number> <number> <number>",
        "_7_ a_8 -1 +2 $3 4% 5.": "_ <number> _ a _ <number> - <number> + <number> $ <number> <number> % <number> .",
        "5😀 ٣ ۴٫۵ १०": "<number> 😀 <number> <number> ٫ <number> <number>",
        "<number>th <NUMBER>": "<number> th <number>",
    },
}


@pytest.mark.parametrize(
    ("name", "text", "expected"), [(name, *pair) for name, pairs in EXAMPLES.items() for pair in pairs.items()]
)
def test_examples(name, text, expected):
    assert one(text, (name,)) == expected
    assert one(f" {text}\n", (name,)) == expected


def test_all_classes_together():
    text = "@bob 3 mails from bob@b.org at http://bob.org/3@b, 2 for @bob@b.org"
    expected = "<mention> <number> mails from <email> at <url> , <number> for <mention>"
    assert one(text) == expected
    assert one(text, ALL[::-1]) == expected, "whatever the order in the config"
    assert one(text, lowercase=False) == expected
    assert "<" not in one(text, ())


text_with_classes = st.lists(
    st.sampled_from(
        [*"aB1@.,:/ é好👍<>'\"`\n_-", "http://", "www.", ".com/", "b@c.org", "<url>", "\ufdd0", "10", "5's", "٣"]
    ),
    max_size=20,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(text_with_classes, st.sampled_from([*((name,) for name in ALL), ALL]))
def test_arrow_and_python_find_the_same(text, classes):
    expected = text
    for pattern, placeholder in compiled(classes):
        expected = re.sub(pattern, rf"\1 {placeholder} \2", expected)
    assert mark_classes(strings([text]), classes).to_pylist() == [expected]


@settings(max_examples=40, deadline=None)
@given(text_with_classes)
def test_tokens_of_tokens_are_the_same_tokens(text):
    assert one(one(text, ("url", "mention")), ("url", "mention")) == one(text, ("url", "mention"))


@pytest.mark.parametrize(
    "text", ["http\u017f://a.b", "\u017fhttp://a.b", "a@b.\u017fe", "\u212a@b.de", "<\u017f> @\u017f"]
)
@pytest.mark.parametrize("folding", [1, 2])
def test_only_letters_of_ascii_have_two_cases(text, folding):
    """RE2 takes the long s and the Kelvin sign for s and k, and Python does not: spans would not fit the tokens."""
    for lowercase in True, False:
        spelling = Spelling(lowercase, folding, ALL)
        spans = token_spans(text, spelling)
        assert [span.text for span in spans] == one(text, folding=folding, lowercase=lowercase).split()
    assert one("http\u017f://a.b", ("url",), folding=1) == "http\u017f : / / a . b".replace("/ /", "//")


def test_a_long_text_without_a_match_takes_no_long_time():
    """Python's patterns try every length of a repetition: each is limited."""
    text = "a." * 50_000 + "@" * 50_000 + "1," * 50_000
    for pattern, _ in compiled(ALL):
        pattern.sub("", text)


def test_a_pattern_that_takes_too_much_is_detected(monkeypatch):
    monkeypatch.setitem(token_classes.PATTERNS, "mention", r"@\S+")
    assert one("@bob!", ("mention",)) != "<mention> !"
