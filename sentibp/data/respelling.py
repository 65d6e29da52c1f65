"""Words without their doubled letters: how a misspelled word finds the word that is meant.

Leaving out one of two equal letters, or doubling one, is a frequent mistake in spelling: "briliant", "dissappoint".
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sentibp.utils.arrow import buffers, counts_before, segments

SHORTEST = 4  # characters of a word that is respelled: "too" is not "to"

_IS_LETTER = np.array([byte < 0x80 and chr(byte).isalpha() for byte in range(256)])  # others take several bytes


def without_doubled_letters(words: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the words (m,), each with one in place of several equal letters from A to Z in a row."""
    offsets, data = buffers(words)
    kept = np.ones(len(data), bool)
    kept[1:] = (data[1:] != data[:-1]) | ~_IS_LETTER[data[1:]]
    starts = offsets[:-1]
    kept[starts[starts < len(data)]] = True  # the letter before belongs to another word
    return segments(counts_before(kept, offsets), data[kept])
