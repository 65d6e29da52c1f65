"""Classes of tokens: every URL, e-mail address, @name or number becomes the same token.

Class tokens are written `<url>`, as in the Twitter vectors of GloVe. A text that contains `<url>` already has the same
token. Each match of a pattern is replaced by one placeholder, a character that no text contains, until the text is
split into tokens.
"""

from __future__ import annotations

import re

import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import scalar

# RE2 and Python read these patterns in the same way; \b and \B are those of ASCII. Symbols beyond ASCII have spaces
# around them already, so other characters beyond ASCII are letters. Each repetition before a required character is
# limited: Python would try all lengths.
_HOST = r"(?:[a-z0-9-]{1,63}\.){1,9}"
PATTERNS = {
    "url": r"\b(?:(?:https?|ftp)://|www\.)[^\x00-\x20\x7f<>\x22]*[^\x00-\x20\x7f<>\x22\x27.,:;!?()\[\]{}*]"
    rf"|\b{_HOST}(?:com|org|net|edu|gov|info|co|ly|gl|gd|me|be|tv|io)/[^\x00-\x20\x7f<>\x22]*"
    r"[^\x00-\x20\x7f<>\x22\x27.,:;!?()\[\]{}*]",
    "mention": rf"\B@[a-z0-9_]{{1,64}}(?:@{_HOST}[a-z]{{2,24}}\b)?",  # also @name@host
    "email": rf"[^\x00-/:-@\[-`{{-\x7f][^\x00-$&-*,/:-@\[-^`{{-\x7f]{{0,63}}@{_HOST}[a-z]{{2,24}}\b",
    "number": "[{0}]+(?:[.,][{0}]+)*".format("0-9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef"),
}
"""The classes, in the order in which they are looked for. Digits are those of Latin, Arabic, Hindi and Bengali text."""

# A number is no part of a word: `2ème`, `90's`, `O'2`. RE2 cannot look around, so the neighbours belong to the match.
_MARK = r"\x00-&(-/:-@\[-_{-\x7f"  # ASCII but letters, digits and the two apostrophes
_BORDERS = {"number": (rf"(?:^|[{_MARK}]|(?:^|[{_MARK}'`])['`])", rf"(?:[{_MARK}]|['`](?:[{_MARK}'`]|$)|$)")}

_PLACEHOLDERS = {name: chr(0xFDD0 + i) for i, name in enumerate(PATTERNS)}  # code points that Unicode leaves unused


def spellings(classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return pairs (pattern, placeholder) for the classes, in the order in which they replace.

    What lies between the two groups of a match is replaced.
    """
    found = []
    for name, pattern in PATTERNS.items():
        if name in classes:
            placeholder = _PLACEHOLDERS[name]
            before, after = _BORDERS.get(name, ("", ""))
            found.append((_any_case(f"()<{name}>()"), placeholder))
            found.append((_any_case(f"({before})(?:{pattern})({after})"), placeholder))
            if before:  # a match uses up the border that the next number needs, too
                found.append(found[-1])
    return found


def _any_case(pattern: str) -> str:
    """Return a pattern in lower case as one that also matches capitals.

    With (?i), RE2, Python and JavaScript disagree about the long s and the Kelvin sign, and JavaScript about \\b.
    """

    def widened(match: re.Match[str]) -> str:
        piece = match[0]
        return f"[{piece}{piece.upper()}]" if piece.isalpha() else piece.replace("a-z", "a-zA-Z")

    return re.sub(r"\\x..|\\.|\[(?:\\.|[^\]])*\]|[a-z]", widened, pattern)


def placeholders(classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return each of the classes with its placeholder."""
    return [(name, _PLACEHOLDERS[name]) for name in classes]


def mark_classes(text: pa.LargeStringArray, classes: tuple[str, ...]) -> pa.LargeStringArray:
    """Replace each token of the classes by its placeholder, with a space on both sides."""
    for pattern, placeholder in spellings(classes):
        text = pc.replace_substring_regex(text, pattern, rf"\1 {placeholder} \2")
    return text


def name_classes(words: pa.LargeStringArray, classes: tuple[str, ...]) -> pa.LargeStringArray:
    """Replace the placeholders among words by the class tokens."""
    for name in classes:
        words = pc.if_else(pc.equal(words, scalar(_PLACEHOLDERS[name])), scalar(f"<{name}>"), words)
    return words


def unname_classes(word: str, classes: tuple[str, ...]) -> str:
    """Return the placeholder of a class token, or another word unchanged."""
    return _PLACEHOLDERS[word[1:-1]] if word[1:-1] in classes and word == f"<{word[1:-1]}>" else word


def compiled(classes: tuple[str, ...]) -> list[tuple[re.Pattern[str], str]]:
    """Return the pairs of `spellings` for Python."""
    return [(re.compile(pattern, re.ASCII), placeholder) for pattern, placeholder in spellings(classes)]
