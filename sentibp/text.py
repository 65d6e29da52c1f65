"""Text to tokens: normalise, then split, in Arrow and numpy. No Python string exists per token.

A token is a word, a run of one punctuation mark (`...`, `!!!`), an emoji, or one character of a script that is
written without spaces. A word is a run of letters and digits of any script; an apostrophe between two of them belongs
to it (`don't`). Everything but white space and control characters ends up in some token: nothing is dropped. The same
functions serve training, evaluation, prediction and explanation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from html.entities import html5
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .threads import on_all_cores

TEXT = pa.large_string()  # 64-bit offsets: a corpus may pass 2 GB

_PIECE_BYTES = 4_000_000  # text handled at once by one thread; fixed, so that results do not depend on the cores

_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});"
_LINE_BREAK = r"(?i)<br\s*/?>"

# For text that is not pure ASCII (RE2 syntax). L, M, N: letters, marks, numbers; Z, Cc: separators, controls;
# Cf: invisible characters, which stay where they are but for those that are spaces in disguise.
_APOSTROPHE = r"[\x{2019}\x{02bc}\x{ff07}]"
_SPACE = r"[\pZ\x{80}-\x{9f}\x{200b}\x{2060}\x{feff}]"
_MARKS = r"[\pM\x{1f3fb}-\x{1f3ff}\x{e0020}-\x{e007f}]*"  # accents, variation selectors, skin tones, tags of flags
_SINGLE = (
    r"(?:[\x{1f1e6}-\x{1f1ff}]{2}"  # a flag is two letters
    r"|[^\x00-\x7f\pL\pM\pN\p{Cf}]"  # punctuation, symbols, emoji
    r"|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])" + _MARKS
)
_ALONE = rf"{_SINGLE}(?:\x{{200d}}{_SINGLE})*"  # emoji joined into one, such as a family

# Kinds of byte. Bytes from 0x80 on are parts of letters: what is not has been set apart by normalise().
_BLANK, _WORD, _MARK = 0, 1, 2
_KIND = np.full(256, _WORD, np.uint8)
for _byte in range(128):
    if _byte <= ord(" ") or _byte == 0x7F:
        _KIND[_byte] = _BLANK
    elif not chr(_byte).isalnum():
        _KIND[_byte] = _MARK


class Tokens(NamedTuple):
    """The tokens of n texts: those of text j are `words[ids[offsets[j]:offsets[j + 1]]]`."""

    ids: np.ndarray  # (t,) int32, into words
    offsets: np.ndarray  # (n + 1,) int64
    words: pa.LargeStringArray  # distinct tokens, in order of appearance; also some blanks, which no id names


def to_arrow(texts: Iterable[str]) -> pa.LargeStringArray:
    """Python strings as Arrow text. Halves of surrogate pairs, which UTF-8 cannot hold, become `?`."""
    encoded = [text.encode(errors="replace") for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    # from buffers: pa.array() of a list imports pandas, if there is one, to ask whether the list is a series
    return pa.Array.from_buffers(TEXT, len(encoded), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))])


def normalise(text: pa.LargeStringArray, lowercase: bool = True) -> pa.LargeStringArray:
    """Resolve HTML entities and `<br />`, lower the case, unify Unicode, set symbols apart by spaces."""
    text = _where(text, pc.match_substring_regex(text, _ENTITY), _unescape)
    text = pc.replace_substring_regex(text, _LINE_BREAK, "\n")
    text = _where(text, pc.invert(pc.string_is_ascii(text)), lambda some: _unify(some, lowercase))
    return pc.utf8_lower(text) if lowercase else text


def _where(text: pa.LargeStringArray, mask: pa.BooleanArray, function) -> pa.LargeStringArray:
    """Apply a function to the texts that need it: most do not."""
    return pc.replace_with_mask(text, mask, function(text.filter(mask))) if mask.true_count else text


def _unescape(text: pa.LargeStringArray) -> pa.LargeStringArray:
    def one(match: re.Match[str]) -> str:
        known = match[0][1] == "#" or match[0][1:] in html5  # unescape() would also take `&not` out of `&notit;`
        return unescape(match[0]) if known else match[0]

    return to_arrow(re.sub(_ENTITY, one, raw) for raw in text.to_pylist())


def _unify(text: pa.LargeStringArray, lowercase: bool) -> pa.LargeStringArray:
    text = pc.utf8_normalize(text, "NFC")  # an accent is the same whether typed as one character or two
    if lowercase:
        text = pc.utf8_normalize(pc.utf8_lower(text), "NFC")  # some letters fall apart, or join, in lower case
    text = pc.replace_substring_regex(text, _APOSTROPHE, "'")
    text = pc.replace_substring_regex(text, _SPACE, " ")
    return pc.replace_substring_regex(text, _ALONE, r" \0 ")


def tokenize(text: pa.LargeStringArray | pa.ChunkedArray, lowercase: bool = True) -> Tokens:
    """The tokens of each text, on all cores."""
    parts = list(on_all_cores(lambda piece: _split(normalise(piece, lowercase)), _pieces(text)))
    if not parts:
        return Tokens(np.zeros(0, np.int32), np.zeros(1, np.int64), pa.array([], TEXT))
    encoded = pa.chunked_array([part for part, _ in parts]).unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    ids = encoded.indices.to_numpy()
    words = encoded.dictionary
    counts = np.concatenate([lengths for _, lengths in parts])  # segments per text, blanks included
    blank = pc.match_substring_regex(words, r"\A[\x00-\x20\x7f]").to_numpy(zero_copy_only=False)
    token = ~blank[ids]
    tokens_before = np.concatenate(([0], np.cumsum(token)))
    offsets = tokens_before[np.concatenate(([0], np.cumsum(counts)))]
    return Tokens(ids[token], offsets, words)


def _pieces(text: pa.LargeStringArray | pa.ChunkedArray) -> Iterator[pa.LargeStringArray]:
    """The texts in slices of about _PIECE_BYTES; a longer text is a slice of its own."""
    for chunk in text.chunks if isinstance(text, pa.ChunkedArray) else [text]:
        size = np.cumsum(pc.binary_length(chunk).to_numpy())
        start = 0
        while start < len(chunk):
            before = size[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(size, before + _PIECE_BYTES, side="right")))
            yield chunk.slice(start, stop - start)
            start = stop


def _split(text: pa.LargeStringArray) -> tuple[pa.DictionaryArray, np.ndarray]:
    """All segments of normalised texts, tokens and blanks alike, and their number in each text (n,).

    The bytes of all texts lie in one buffer. A segment starts where a text does, and where a byte differs in kind, or
    as a punctuation mark, from the byte before. Those places are the offsets of an Arrow array over the same buffer.
    """
    _, offset_buffer, data_buffer = text.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[text.offset : text.offset + len(text) + 1]
    data = np.frombuffer(data_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    starts = np.zeros(len(data) + 1, bool)
    starts[offsets] = True  # the end counts as a start
    kind = _KIND[data]
    inner = np.flatnonzero(data[1:-1] == ord("'")) + 1
    inner = inner[~starts[inner] & ~starts[inner + 1] & (kind[inner - 1] == _WORD) & (kind[inner + 1] == _WORD)]
    kind[inner] = _WORD
    starts[1:-1] |= (kind[1:] != kind[:-1]) | ((kind[1:] == _MARK) & (data[1:] != data[:-1]))
    places = np.flatnonzero(starts)
    segments = pa.Array.from_buffers(TEXT, len(places) - 1, [None, pa.py_buffer(places), pa.py_buffer(data)])
    return segments.dictionary_encode(), np.diff(np.searchsorted(places, offsets))
