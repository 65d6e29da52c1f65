"""Tables of characters for exports, as the text pipeline of this installation reads them.

Which characters are letters, what their lower case is and how accents combine depends on the version of Unicode, which
differs between Arrow, Python, Node and browsers. So an export carries the tables, and reads every text alike for ever.
Each table is found by asking Arrow about every code point.

Ranges are lists of numbers: how far each range begins after the end of the last one, and how long it is.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.folding import Spelling, replacements
from sentibp.data.offsets import may_combine
from sentibp.data.tokenizer import APOSTROPHE_1, MARK_CHARACTERS, SINGLE_CHARACTERS, SPACE_1
from sentibp.utils.arrow import from_numpy, prefix_sums, scalar, segments, strings, to_numpy

_HANGUL = range(0xAC00, 0xD7A4)  # syllables, which are composed by arithmetic
_SURROGATES = range(0xD800, 0xE000)
_MARKS = (*range(0x300, 0x20000), *range(0xE0000, 0xE1000))  # other planes have no marks


@cache
def character_tables(spelling: Spelling, punctuation: str | None = None) -> dict[str, Any]:
    """Return the tables for a spelling, as plain values. `punctuation` is a pattern (RE2) that shifters need.

    Shifters need lower case, too, even if the spelling keeps capitals.
    """
    tables = {
        "single": _matching(SINGLE_CHARACTERS),
        "marks": _matching(MARK_CHARACTERS),
        "combining": _ranges(np.array([code for code in _MARKS if may_combine(chr(code))])),
        "spaces": _ranges(np.array([code for code in range(0x10000) if chr(code).isspace()])),
        "lower": _lower() if spelling.lowercase or punctuation is not None else [],
        "fold": _as_runs(replacements(spelling.lowercase)) if spelling.folding > 1 else [],
        "late": {"'": _matching(APOSTROPHE_1), " ": _matching(SPACE_1)} if spelling.folding == 1 else {},
        **_composition(),
    }
    return tables if punctuation is None else tables | {"punctuation": _matching(punctuation)}


@cache
def _codes() -> np.ndarray:
    """Return all code points but surrogates: (n,)."""
    codes = np.arange(sys.maxunicode + 1)
    return codes[(codes < _SURROGATES.start) | (codes >= _SURROGATES.stop)]


@cache
def _characters() -> pa.LargeStringArray:
    codes = _codes()
    size = 1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF)  # bytes in UTF-8
    content = codes.astype("<u4").tobytes().decode("utf-32-le").encode()
    return segments(prefix_sums(size), content)


def _matching(pattern: str) -> list[int]:
    """Return the ranges of the characters that match a pattern (RE2)."""
    return _ranges(_codes()[to_numpy(pc.match_substring_regex(_characters(), f"^(?:{pattern})$"))])


def _ranges(codes: np.ndarray) -> list[int]:
    """Return the ranges of sorted code points (n,)."""
    if not len(codes):
        return []
    starts = np.flatnonzero(np.diff(codes, prepend=-2) != 1)
    lengths = np.diff(starts, append=len(codes))
    gaps = np.diff(codes[starts], prepend=0)
    gaps[1:] -= lengths[:-1]
    return np.stack((gaps, lengths), axis=1).ravel().tolist()


def _lower() -> list[list[Any]]:
    """Return the characters that are not in lower case, with their lower case, as runs."""
    lower = pc.utf8_lower(_characters())
    changed = pc.not_equal(lower, _characters())
    return _as_runs(dict(zip(*(each.filter(changed).to_pylist() for each in (_characters(), lower)), strict=True)))


def _as_runs(table: dict[str, str]) -> list[list[Any]]:
    """Return a table of characters as runs (first code, step, how many, replacement of the first, its growth).

    From one character of a run to the next, the code grows by `step`, and that of a replacement of one character by 0
    or `step`.
    """
    runs: list[list[Any]] = []
    for code, plain in sorted((ord(character), plain) for character, plain in table.items()):
        if runs and _extends(runs[-1], code, plain):
            first, _, count, start, _ = runs[-1]
            step = (code - first) // count
            growth = (ord(plain) - ord(start)) // count if len(plain) == 1 else 0
            runs[-1] = [first, step, count + 1, start, growth]
        else:
            runs.append([code, 1, 1, plain, 0])
    return runs


def _extends(run: list[Any], code: int, plain: str) -> bool:
    first, step, count, start, growth = run
    if count == 1:
        steps, grown = code - first in (1, 2), plain == start or (len(plain) == len(start) == 1)
        return steps and (plain == start or (grown and ord(plain) - ord(start) == code - first))
    if code != first + count * step:
        return False
    return plain == start if growth == 0 else len(plain) == 1 and ord(plain) == ord(start) + count * growth


@cache
def _composition() -> dict[str, Any]:
    """Return what NFC needs: decompositions, combining classes, and the pairs that become one character.

    Hangul syllables are left out. `composed` is a string of triples (first, second, result), which say how the results
    are decomposed, too; `decomposed` has a line for each other character, with the full decomposition after it.
    """
    full, again = (pc.utf8_normalize(_characters(), form) for form in ("NFD", "NFC"))
    changed = to_numpy(pc.not_equal(full, _characters())) & ~np.isin(_codes(), _HANGUL)
    columns = [each.filter(from_numpy(changed)).to_pylist() for each in (_characters(), full, again)]
    rows = list(zip(*columns, strict=True))
    first = pc.utf8_normalize(strings(part[:-1] for c, part, result in rows if c == result), "NFC").to_pylist()
    composed = [(c, part) for c, part, result in rows if c == result]
    if any(len(a) != 1 for a in first):
        raise ValueError("a character is composed of more than two")  # no version of Unicode has one
    return {
        "decomposed": "".join(f"{c}{part}\n" for c, part, result in rows if c != result),
        "composed": "".join(a + part[-1] + c for (c, part), a in zip(composed, first, strict=True)),
        "classes": _combining_classes(),
    }


def _combining_classes() -> dict[str, list[int]]:
    """Return the ranges of the characters of each canonical combining class but 0.

    Arrow does not tell the class. But it sorts marks by it: a mark comes before another whose class is higher.
    """
    example = {unicodedata.combining(c): c for c in map(chr, _MARKS)}
    known = sorted(example)[1:]  # without 0
    texts = _characters()
    swapped = [_changes(scalar(example[230]), texts), _changes(texts, scalar(example[1]))]  # any mark swaps in one
    stays = pc.equal(pc.utf8_normalize(texts, "NFD"), texts)
    marks = texts.filter(pc.and_(pc.or_(*swapped), stays)).to_pylist()
    low = np.zeros(len(marks), np.int64)  # the number of known classes that are lower
    for number in known:
        pairs = [c + example[number] for c in marks]
        normal = pc.utf8_normalize(strings(pairs), "NFD").to_pylist()
        low += [result == pair[::-1] != pair for pair, result in zip(pairs, normal, strict=True)]
    codes, classes = np.array([ord(c) for c in marks]), np.array([0, *known])[low + (low < len(known))]
    return {str(number): _ranges(codes[classes == number]) for number in np.unique(classes).tolist()}


def _changes(first: Any, second: Any) -> pa.BooleanArray:
    """Return whether the pair of two characters is changed by NFD, for each (n,)."""
    pairs = pc.binary_join_element_wise(first, second, scalar(""))
    return pc.not_equal(pc.utf8_normalize(pairs, "NFD"), pairs)
