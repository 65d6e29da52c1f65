"""Which spellings are the same word: characters are folded before a text is split into tokens.

Folding 2 follows NFKC_Casefold (The Unicode Standard, 3.13) with exceptions. It removes what cannot be seen (soft
hyphens, zero-width and bidirectional marks, variation selectors) and skin tones, and replaces compatibility characters
(ligatures, full-width and mathematical letters, `…`) by plain ones. It keeps those whose plain form is another word or
no word: `№` (no), `½`, `x²`, `™`, `①`, `¨`, Hangul jamo, the Thai vowel `ำ`. Each kind of apostrophe becomes `'`.
Case is left to the tokenizer, except the final sigma.

Folding 1 is that of models up to format 3: NFC, three kinds of apostrophe, zero-width spaces as spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import apply_where, strings

FOLDING = 2  # the current version

APOSTROPHES = "\u2018\u2019\u201b\u2032\xb4\u02bb\u02bc\u02bd\u055a\u05f3\u1ffd\ua78c\uff07\x91\x92"
"""Characters that people write for an apostrophe; U+0091 and U+0092 are its two forms in Windows-1252."""

_SPACES = "\x80-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000\u3164\uffa0"
_REMOVED = (  # invisible characters; the stretched line of Arabic script (U+0640); skin tones
    "\xad\u034f\u061c\u0640\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U0001f3fb-\U0001f3ff\U000e0001\U000e0100-\U000e01ef"
)
_COMPATIBILITY = (  # replaced by their NFKC form; only ranges to which Unicode will not add such characters
    "\xb5\u0132\u0133\u013f\u0140\u0149\u017f\u01c4-\u01cc\u01f1-\u01f3\u02b0-\u02b8\u02e0-\u02e4\u03d0-\u03d6\u03f0-\u03f2"
    "\u03f4\u03f5\u03f9\u0587\u1d2c-\u1d6a\u1d78\u1d9b-\u1dbf\u1e9b\u2024-\u2026\u203c\u2047-\u2049"
    "\u2071\u207f\u2090-\u209c\u2102\u210a-\u2113\u2115\u2119-\u211d\u2124\u2128\u212c-\u2131\u2133\u2134\u213c-\u2149"
    "\u2160-\u217f\u24b6-\u24e9\u2c7c\u2c7d\u2e9f\u2ef3\u2f00-\u2fd5\u309f\u30ff\u3300-\u33ff"
    "\ufb00-\ufb06\ufb13-\ufb17\ufb20-\ufb29\ufb4f-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdfc"
    "\ufe10-\ufe19\ufe30-\ufe6b\ufe70-\ufefc\uff01-\uff9f\uffe0-\uffee\U0001d400-\U0001d7ff\U0001f130-\U0001f149"
)
_OTHER = {"\u2010": "-", "\u2011": "-", "\u05f4": '"'}  # hyphens; the Hebrew double apostrophe

# U+200C and U+200D mean something between letters of these scripts (Arabic, Indic and their neighbours), and U+200D
# between emoji. Tags (U+E0020 to U+E007F) belong to a flag. Anywhere else nobody sees them. Circled numbers (`①`) are
# letters for the tokenizer, and NFC replaces U+2329, U+232A and U+2ADC: they are not among the emoji.
_SCRIPTS = (
    "[\u0620-\u0669\u066e-\u06d3\u06d5-\u06ff\u0710-\u08ff\u0900-\u0963\u0966-\u0dff\u0f10-\u109f\u1780-\u17d3"
    "\u17dd-\u17ff\u1810-\u18af\u1a20-\u1c7f\ua800-\uabff\U00010e80-\U00011fff]"
)
_EMOJI = (
    "[\xa9\xae\u2122\u2190-\u2328\u232b-\u245f\u249c-\u24e9\u2500-\u2775\u2794-\u2adb\u2add-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001faff]"
)
INVISIBLE = "[\u200c\u200d\U000e0020-\U000e007f]"
CONTEXT = (
    "(\u200c)\u200c+",
    f"({_SCRIPTS}+(?:[\u200c\u200d]+{_SCRIPTS}+)*|\U0001f3f4[\U000e0020-\U000e007f]+|{_EMOJI}(?:\u200d{_EMOJI})*)"
    f"|{INVISIBLE}+",
)
"""Patterns, for RE2 and for Python. The first group of each match remains."""

DOTTED_I = "i\u0307"
"""What other programs make of the Turkish capital in lower case. The second dot is removed after NFC."""

_BORDER = "\ud800"  # half of a surrogate pair: no UTF-8 text contains it
_SAME, _LONGER = 0xFFFF_FFFE, 0xFFFF_FFFF  # no code points
_CONTEXTUAL = np.array([0x200C, 0x200D, *range(0xE0020, 0xE0080)], np.uint32)
_MANY = 50  # different characters: from here on str.translate is faster than one str.replace for each


class _Settings(Protocol):
    @property
    def lowercase(self) -> bool: ...
    @property
    def folding(self) -> int: ...
    @property
    def classes(self) -> Sequence[str]: ...


class Spelling(NamedTuple):
    """The settings that decide which spellings are the same token."""

    lowercase: bool = True
    folding: int = FOLDING
    classes: tuple[str, ...] = ()  # of tokens (data/token_classes.py)

    @classmethod
    def of(cls, settings: _Settings) -> Spelling:
        """Return the spelling of a config's section `text`, or of a NetworkSpec."""
        return cls(settings.lowercase, settings.folding, tuple(settings.classes))


def fold(text: pa.LargeStringArray, lowercase: bool) -> pa.LargeStringArray:
    """Replace characters as folding 2 does; at least one text is given. NFC is left to the caller."""
    joined = _BORDER.join(text.to_pylist())
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)  # (c,)
    place = np.flatnonzero(codes > 0x7F)
    found = codes[place]
    new = _single(lowercase).take(found, mode="clip")  # (k,) code points; itself, _LONGER, or beyond the table _SAME
    if (changed := (new != found) & (new != _SAME)).any():
        codes = codes.copy()
        codes[place[changed & (new != _LONGER)]] = new[changed & (new != _LONGER)]
        joined = codes.tobytes().decode("utf-32-le", "surrogatepass")
        joined = _replace_longer(joined, [chr(code) for code in np.unique(found[new == _LONGER])], lowercase)
        text = strings(joined.split(_BORDER))
    if not np.isin(found, _CONTEXTUAL).any():
        return text
    return apply_where(text, pc.match_substring_regex(text, INVISIBLE), _fold_in_context)


def _replace_longer(text: str, characters: Sequence[str], lowercase: bool) -> str:
    """Replace each of the characters by none or several."""
    if len(characters) >= _MANY:
        return text.translate(_translation(lowercase))
    for character in characters:
        text = text.replace(character, replacements(lowercase)[character])
    return text


def _fold_in_context(text: pa.LargeStringArray) -> pa.LargeStringArray:
    for pattern in CONTEXT:
        text = pc.replace_substring_regex(text, pattern, r"\1")
    return text


def fold_word(word: str, lowercase: bool) -> str:
    """Return a word as folding 2 spells it, without a change of case."""
    if word.isascii():
        return word
    word = word.translate(_translation(lowercase))
    for pattern in CONTEXT:
        word = re.sub(pattern, lambda match: match[1] or "", word)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).replace(DOTTED_I, "i"))


@cache
def _translation(lowercase: bool) -> dict[int, str]:
    return {ord(character): plain for character, plain in replacements(lowercase).items()}


@cache
def replacements(lowercase: bool) -> dict[str, str]:
    """Return what folding 2 replaces each character by, wherever it stands. No replacement is replaced again."""
    table = dict.fromkeys(_expand(_REMOVED), "") | dict.fromkeys(_expand(_SPACES), " ") | _OTHER
    table |= dict.fromkeys(APOSTROPHES, "'")
    if lowercase:
        table["ς"] = "σ"
    for character in _expand(_COMPATIBILITY):
        plain = unicodedata.normalize("NFKC", character)
        if plain != character and " " not in plain and character not in table:  # with a space: a mark on its own
            table[character] = "".join(table.get(each, each) for each in plain)
    return table


@cache
def _single(lowercase: bool) -> np.ndarray:
    """Return the code point that replaces each code point up to the last that is replaced, and _SAME for those beyond.

    _LONGER stands for none or several. (m,) uint32.
    """
    table = _translation(lowercase)
    single = np.arange(max(table) + 2, dtype=np.uint32)
    single[-1] = _SAME
    for code, plain in table.items():
        single[code] = ord(plain) if len(plain) == 1 else _LONGER
    return single


def _expand(ranges: str) -> Iterator[str]:
    """Yield the characters of ranges such as `a-z0`."""
    i = 0
    while i < len(ranges):
        last = ranges[i + 2] if ranges[i + 1 : i + 2] == "-" else ranges[i]
        yield from map(chr, range(ord(ranges[i]), ord(last) + 1))
        i += 3 if last != ranges[i] else 1
