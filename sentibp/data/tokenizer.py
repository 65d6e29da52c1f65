"""Split text into tokens: normalize, then split, in Arrow and numpy, without a Python string for each token.

A token is a word, a run of one punctuation mark (`...`, `!!!`), an emoji, or one character of a script that is written
without spaces. A word is a run of letters and digits of any script; an apostrophe between two of them belongs to it
(`don't`). Each character belongs to a token, except white space, control characters, and what folding removes
(data/folding.py). Training, evaluation, prediction and explanation use the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.folding import DOTTED_I, Spelling, fold
from sentibp.data.token_classes import mark_classes, name_classes
from sentibp.utils import compute as pc
from sentibp.utils.arrow import (
    apply_where,
    buffers,
    counts_before,
    from_numpy,
    prefix_sums,
    segments,
    strings,
    to_numpy,
)
from sentibp.utils.spill import ArrayBuilder
from sentibp.utils.threads import parallel_map

_PIECE_BYTES = 4_000_000  # of text for one thread; fixed, so that results do not depend on the number of cores
_MERGED = 16  # pieces whose words are merged at once

ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});"
LINE_BREAK = r"(?i)<br[\t\n\f\r ]*/?>"

# For text that is not pure ASCII (RE2 syntax). L, M, N: letters, marks, numbers; Z, Cc: separators, controls;
# Cf: invisible characters, which stay where they are unless they act as spaces.
APOSTROPHE_1 = r"[\x{2019}\x{02bc}\x{ff07}]"  # of folding 1, as are the spaces; folding 2 has a table
SPACE_1 = (  # Unicode separators except the plain space; some controls; zero-width characters
    r"[\x{80}-\x{a0}\x{1680}\x{2000}-\x{200b}\x{2028}\x{2029}\x{202f}\x{205f}\x{2060}\x{3000}\x{feff}]"
)
_MAY_COMBINE = r"[^\x00-\x{2ff}]"  # below U+0300 every character is in NFC
MARK_CHARACTERS = r"[\pM\x{1f3fb}-\x{1f3ff}\x{e0020}-\x{e007f}]"
"""Accents, variation selectors, skin tones, tags of flags."""
SINGLE_CHARACTERS = (
    r"[^\x00-\x7f\pL\pM\pN\p{Cf}]"  # punctuation, symbols, emoji
    r"|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
)
"""Characters that are a token each, with the marks after them."""
_FLAG = r"[\x{1f1e6}-\x{1f1ff}]{2}"  # two regional indicators
_JOINS = MARK_CHARACTERS.replace("]", r"\x{200d}\x{1f1e6}-\x{1f1ff}]")  # without them, one character is a token
_FEW = 200  # different characters: from a list of these, Arrow compiles a pattern in a tenth of the time

# Kinds of byte. Bytes from 0x80 on belong to letters, since normalize() has put spaces around all other characters.
_BLANK, _WORD, _MARK = 0, 1, 2
_KIND = bytes(
    _BLANK if byte <= ord(" ") or byte == 0x7F else _WORD if byte >= 0x80 or chr(byte).isalnum() else _MARK
    for byte in range(256)
)


_SPELLING = Spelling()


class Tokens(NamedTuple):
    """The tokens of n texts: those of text j are `words[ids[offsets[j]:offsets[j + 1]]]`."""

    ids: np.ndarray  # (t,) int32, into words
    offsets: np.ndarray  # (n + 1,) int64
    words: pa.LargeStringArray  # distinct tokens, in order of appearance


def normalize(text: pa.LargeStringArray, spelling: Spelling = _SPELLING) -> pa.LargeStringArray:
    """Resolve HTML entities and `<br />`, fold characters, convert to lower case, put spaces around symbols.

    Tokens of a class become its placeholder (data/token_classes.py).
    """
    text = apply_where(text, pc.match_substring_regex(text, ENTITY), unescape)
    return normalize_characters(pc.replace_substring_regex(text, LINE_BREAK, "\n"), spelling)


def normalize_characters(text: pa.LargeStringArray, spelling: Spelling) -> pa.LargeStringArray:
    """Do the rest of `normalize` after entities and line breaks are resolved. What looks like an entity is none."""
    text = apply_where(text, pc.invert(pc.string_is_ascii(text)), lambda subset: _separate(unify(subset, spelling)))
    text = pc.utf8_lower(text) if spelling.lowercase else text
    return mark_classes(text, spelling.classes)


def unescape(text: pa.LargeStringArray) -> pa.LargeStringArray:
    """Replace HTML entities by the characters that they stand for."""
    return strings(re.sub(ENTITY, entity, raw) for raw in text.to_pylist())


def entity(match: re.Match[str]) -> str:
    """Return the characters of an HTML entity, or the text unchanged if there is no such entity."""
    from html import unescape  # few texts need it
    from html.entities import html5

    known = match[0][1] == "#" or match[0][1:] in html5  # unescape() alone would replace `&not` in `&notit;`
    return unescape(match[0]) if known else match[0]


def _compose(text: pa.LargeStringArray) -> pa.LargeStringArray:
    """Convert to NFC, in which a letter with an accent is one character."""
    return apply_where(
        text, pc.match_substring_regex(text, _MAY_COMBINE), lambda subset: pc.utf8_normalize(subset, "NFC")
    )


def unify(text: pa.LargeStringArray, spelling: Spelling = _SPELLING) -> pa.LargeStringArray:
    """Give the characters of texts that are not in plain ASCII one form, and with `lowercase` one case."""
    if spelling.folding > 1:
        text = fold(text, spelling.lowercase)
    text = _compose(text)
    if spelling.lowercase:
        text = _compose(pc.utf8_lower(text))  # some letters decompose or combine in lower case
    if spelling.folding > 1:
        text = _without_dot(text) if DOTTED_I.encode() in buffers(text)[1].tobytes() else text
    else:
        text = pc.replace_substring_regex(text, APOSTROPHE_1, "'")
        text = pc.replace_substring_regex(text, SPACE_1, " ")
    return text


def _separate(text: pa.LargeStringArray) -> pa.LargeStringArray:
    """Put spaces around the characters that are a token each, with what they are joined to."""
    data = buffers(text)[1]
    single, joins = _kinds("".join(sorted(set(data[data >= 0x80].tobytes().decode()))))  # of all beyond ASCII
    return pc.replace_substring_regex(text, _alone(single, joins), r" \0 ") if single else text


@lru_cache(maxsize=256)
def _kinds(characters: str) -> tuple[str, str]:
    """Return those of the characters that are a token each, and those that join others."""
    each = strings(characters)
    single = "".join(pc.filter(each, pc.match_substring_regex(each, SINGLE_CHARACTERS)).to_pylist())
    if not single:  # as of most languages: nothing is joined
        return "", ""
    return single, "".join(pc.filter(each, pc.match_substring_regex(each, _JOINS)).to_pylist())


def _alone(single: str, joins: str) -> str:
    """Return the pattern of a token, in texts with these characters that are one and these that join others."""
    character = f"[{single}]" if len(single) <= _FEW else SINGLE_CHARACTERS
    if not joins:
        return character
    token = f"(?:{_FLAG}|{character}){MARK_CHARACTERS}*"
    return rf"{token}(?:\x{{200d}}{token})*"  # several emoji joined into one, such as a family


def _without_dot(text: pa.LargeStringArray) -> pa.LargeStringArray:
    return _compose(pc.replace_substring(text, DOTTED_I, "i"))


def tokenize(text: pa.LargeStringArray | pa.ChunkedArray, spelling: Spelling = _SPELLING) -> Tokens:
    """Return the tokens of each text, computed on all cores.

    Only a few pieces, the distinct words and a number per text are in memory; longer arrays are spilled to disk.
    """
    words = strings([])
    ids, lengths = ArrayBuilder(np.int32), ArrayBuilder(np.int64)
    split = parallel_map(lambda piece: _split(normalize(piece, spelling), spelling.folding), pieces(text))
    while batch := list(islice(split, _MERGED)):
        # concatenate the words so far and those of each piece; `number` is the index of each among the distinct words
        encoded = pc.dictionary_encode(pa.concat_arrays([words, *(piece.words for piece in batch)]))
        ends = np.cumsum([len(words), *(len(piece.words) for piece in batch)])
        number = np.split(to_numpy(encoded.indices), ends[:-1])[1:]
        for piece_ids in parallel_map(lambda pair: pair[0].take(pair[1].ids), zip(number, batch, strict=True)):
            ids.append(piece_ids)
        for piece in batch:
            lengths.append(np.diff(piece.offsets))
        words = encoded.dictionary
    return Tokens(ids.array(), prefix_sums(lengths.array()), name_classes(words, spelling.classes))


def single_tokens(text: pa.LargeStringArray, spelling: Spelling = _SPELLING) -> tuple[np.ndarray, pa.LargeStringArray]:
    """Return the positions (k,) of the texts that are one token each, and these tokens (k,)."""
    tokens = tokenize(text, spelling)
    rows = np.flatnonzero(np.diff(tokens.offsets) == 1)
    return rows, pc.take(tokens.words, from_numpy(tokens.ids[tokens.offsets[rows]]))


def pieces(text: pa.LargeStringArray | pa.ChunkedArray) -> Iterator[pa.LargeStringArray]:
    """Yield slices of about _PIECE_BYTES of text. A longer text is a slice on its own."""
    for chunk in text.chunks if isinstance(text, pa.ChunkedArray) else [text]:
        for start, stop in cuts(buffers(chunk)[0], _PIECE_BYTES):
            yield chunk.slice(start, stop - start)


def cuts(offsets: np.ndarray, size: int) -> Iterator[tuple[int, int]]:
    """Yield ranges (start, stop) of texts with a total of at most `size`; a larger text is a range on its own.

    `offsets` are (n + 1,).
    """
    start = 0
    while start < len(offsets) - 1:
        stop = max(start + 1, int(np.searchsorted(offsets, offsets[start] + size, side="right")) - 1)
        yield start, stop
        start = stop


def _split(text: pa.LargeStringArray, folding: int) -> Tokens:
    """Return the tokens of normalized texts. From folding 2 on, a backtick inside a word is an apostrophe.

    The bytes of all texts are in one buffer. A segment begins where a text begins, where the kind of byte changes, and
    where one punctuation mark follows another. These positions are the offsets of an Arrow array over the same buffer.
    """
    offsets, data = buffers(text)
    starts = np.zeros(len(data) + 1, bool)
    starts[offsets] = True  # the end is also a start
    kind = np.frombuffer(bytearray(data).translate(_KIND), np.uint8)
    marks = "'`" if folding > 1 else "'"
    found = [np.flatnonzero(data[1:-1] == ord(mark)) + 1 for mark in marks]
    found = [at[~starts[at] & ~starts[at + 1] & (kind[at - 1] == _WORD) & (kind[at + 1] == _WORD)] for at in found]
    for inner in found:
        kind[inner] = _WORD
    if len(found) > 1 and len(found[1]):
        data = data.copy()
        data[found[1]] = ord("'")
    starts[1:-1] |= (kind[1:] != kind[:-1]) | ((kind[1:] == _MARK) & (data[1:] != data[:-1]))
    places = np.flatnonzero(starts)
    token = kind[places[:-1]] != _BLANK
    tokens = pc.dictionary_encode(pc.filter(segments(places, data), from_numpy(token)))
    first = np.searchsorted(places, offsets)  # segment of each text
    return Tokens(to_numpy(tokens.indices), counts_before(token, first), tokens.dictionary)
