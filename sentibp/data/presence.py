"""Presence: a feature counts once in a review, however often it occurs there (Pang, Lee & Vaithyanathan, 2002).

scikit-learn's `CountVectorizer` calls it `binary`.
"""

from __future__ import annotations

import numpy as np

from sentibp.data.tokenizer import cuts
from sentibp.nn import Ragged
from sentibp.utils.arrow import counts_before, prefix_sums
from sentibp.utils.spill import build_arrays
from sentibp.utils.threads import parallel_map

_BLOCK = (
    1 << 15
)  # ids that are sorted at once: they fit the cache of a core (15 ns an id; 64 ns in one sort of 1 million)
_ID = np.uint64(31)  # bits of an id
_PIECE = 1 << 20  # ids that one thread processes at once


def distinct(reviews: Ragged) -> Ragged:
    """Return the reviews with each of their features once, in the order of its first occurrence."""

    def piece(texts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        ids, offsets = reviews.slice(*texts)
        return keep_first(ids, np.diff(offsets))

    ids, lengths = build_arrays(parallel_map(piece, cuts(reviews.offsets, _PIECE)), np.int32, np.int64)
    return Ragged(ids, prefix_sums(lengths))


def keep_first(ids: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first occurrence of each id in each text (k,), in order, and how many each text has (n,).

    `ids` (t,) int32 are those of n texts, one after the other; none is negative.
    """
    offsets = prefix_sums(lengths)
    first = np.zeros(len(ids), bool)
    for start, stop in cuts(offsets, _BLOCK):
        place = slice(offsets[start], offsets[stop])
        first[place] = _is_first(ids[place], lengths[start:stop])
    return ids.compress(first), np.diff(counts_before(first, offsets))


def _is_first(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return whether each id is the first of its kind in its text: (t,) bool.

    Sorted by text, id and position, the occurrences of an id in a text are neighbours. The sort is of numbers that
    differ, so the order does not depend on the algorithm. They have 31 bits for the id, and as many for the position
    and the text as are needed: 15 each in a block of many texts.
    """
    position = np.uint64(len(ids).bit_length())
    filled = lengths[lengths > 0]
    key = np.repeat(np.arange(len(filled), dtype=np.uint64) << (position + _ID), filled)
    key |= ids.astype(np.uint64) << position
    key |= np.arange(len(ids), dtype=np.uint64)
    key.sort()
    later = (key[1:] & ((np.uint64(1) << position) - np.uint64(1))).view(np.int64)
    key >>= position
    first = np.ones(len(ids), bool)
    first[later] = key[1:] != key[:-1]
    return first
