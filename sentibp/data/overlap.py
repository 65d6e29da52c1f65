"""Validation reviews that the training data have, too: with the same text, or with nearly the same.

Such reviews make validation scores better than those on new reviews. Nearly the same are the phrases of one sentence,
a review with small changes, and texts from one template.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.corpus import Corpus
from sentibp.data.key_table import NONE, KeyTable
from sentibp.data.tokenizer import Tokens
from sentibp.errors import DataError
from sentibp.nn import Ragged
from sentibp.utils.arrow import index_of, prefix_sums, to_numpy
from sentibp.utils.threads import parallel_map

LARGEST_SHARE = 0.1  # of a validation source of its own that may also be in the training data

LONGEST = 8  # tokens of a sequence, at most

_LONG = 4  # words; shorter texts ("very good") are often written by several people

_NEAR = 0.5  # the share of the sequences of words that makes a near-duplicate
_REPORTED = 0.05  # the share of near-duplicates from which a note reports them; IMDB has 0.021, Rotten Tomatoes 0.006
_EXAMINED = 4096  # validation reviews that are compared, at most
_SLOTS = 1 << 24  # of a table that finds most sequences that are in no validation review
_MIX = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing, as in utils/hashing.py
_BASE = 0xD1342543DE82EF95  # of a linear congruential generator (Steele & Vigna, 2021)

_PIECE = 1 << 18  # training tokens that a thread looks at at once


def require_separate(validation: Corpus, repeated: np.ndarray, source: str) -> None:
    """Raise DataError if much of a validation source of its own is in the training data.

    `repeated` are the positions of its reviews that are. Those of a few words do not count: several people write them.
    """
    words = pc.add(pc.count_substring(pc.utf8_trim_whitespace(validation.take(repeated).text), " "), 1)
    count = int((to_numpy(words) >= _LONG).sum())
    if count > LARGEST_SHARE * len(validation):
        raise DataError(
            f"data.validation: {source}: {count:,} of its {len(validation):,} reviews are also training reviews, so "
            "its scores say nothing about new ones; hold out training reviews with --set data.validation=0.1, or give "
            "other reviews"
        )


def overlap_notes(validation: int, repeated: int, near: int, compared: int, repair: str) -> list[str]:
    """Return what the user should know of `repeated` validation reviews, and of `near` ones among those compared.

    `repair` says what keeps near-duplicates together.
    """
    notes = []
    if repeated:
        notes.append(f"{repeated:,} of {validation:,} validation reviews also occur in the training data")
    if has_many_near_duplicates(near, compared):
        notes.append(
            f"{near:,} of {compared:,} validation reviews are nearly the same as training reviews (phrases of one "
            f"text, or small changes), so expect lower scores on new reviews; {repair}"
        )
    return notes


def has_many_near_duplicates(near: int, compared: int) -> bool:
    """Return whether `near` near-duplicates among the validation reviews that were compared are worth a note."""
    return near > _REPORTED * compared


def group_notes(training: Corpus, validation: Corpus) -> list[str]:
    """Return a note if groups of validation reviews have training reviews, too: the sources were cut by others."""
    if training.group is None or validation.group is None:
        return []
    count = int(np.isin(validation.group, training.group).sum())
    if not count:
        return []
    return [
        f"{count:,} of {len(validation):,} validation reviews are of groups (data.group_column) that have training "
        "reviews, too, so expect lower scores on new groups; --set data.validation=0.1 holds out whole groups"
    ]


def near_duplicates(training: Tokens, count: int, validation: Tokens) -> np.ndarray:
    """Return whether each validation review that is compared is nearly the same as training reviews: (m,) int8.

    It is if at least half of its sequences of k words occur in the first `count` training texts; k is 5, and more if
    these are so many that chance has sequences in common. -1: not compared, because it has fewer than k words, or
    because there are enough others. The time is linear in the number of tokens, and the memory is bounded.
    """
    ids = training.ids[: training.offsets[count]]
    return near_duplicates_of(training.words, len(ids), lambda k, wanted: occurring(ids, k, wanted), validation)


def near_duplicates_of(
    words: pa.LargeStringArray, tokens: int, find: Callable[[int, np.ndarray], np.ndarray], validation: Tokens
) -> np.ndarray:
    """Return the same, given the distinct words of the training texts and the number of their tokens.

    `find(k, wanted)` returns which of the hashes (v,), in ascending order, are of k successive tokens there: (v,) bool.
    """
    k = 5 + (tokens > 2_000_000) + (tokens > 10_000_000) + (tokens > 50_000_000)
    number = index_of(validation.words, words)
    length = np.diff(validation.offsets)
    compared = np.flatnonzero(length >= k)
    compared = compared[:: max(1, -(-len(compared) // _EXAMINED))]
    result = np.full(len(length), -1, np.int8)
    if not len(compared):
        return result
    ids, offsets = Ragged(validation.ids, validation.offsets).take(compared)
    counts = np.diff(offsets) - k + 1  # sequences of each review
    starts = prefix_sums(counts)
    inside = np.repeat(offsets[:-1] - starts[:-1], counts) + np.arange(starts[-1])  # others reach into the next review
    sequences = _sequences(number.take(ids), k).take(inside)
    wanted = np.sort(sequences)
    wanted = wanted.compress(np.concatenate(([True], wanted[1:] != wanted[:-1])))
    common = wanted.compress(find(k, wanted)).view(np.int64)
    is_common = KeyTable(common, np.arange(len(common))).find(sequences.view(np.int64)) != NONE
    shares = np.add.reduceat(is_common, starts[:-1], dtype=np.int64) / counts
    result[compared] = shares >= _NEAR
    return result


def _sequences(ids: np.ndarray, k: int) -> np.ndarray:
    """Return a hash of each k successive ids: (len(ids) - k + 1,) uint64.

    It is a polynomial (Rabin-Karp). Long sequences are joined from shorter ones, whose lengths are powers of two.
    """
    power = ids.astype(np.uint64) * _MIX  # the hashes of sequences of `size` ids
    value, length, size, base = power, 0, 1, _BASE
    while size <= k:
        if k & size:
            value, length = (_joined(value, length, power, base), length + size) if length else (power, size)
        size, power, base = 2 * size, _joined(power, size, power, base), base * base % 2**64
    return (value ^ (value >> np.uint64(32))) * _MIX


def _joined(first: np.ndarray, length: int, second: np.ndarray, base: int) -> np.ndarray:
    """Return the hashes of sequences of `length` ids and those that follow. `base` belongs to the length of these."""
    return first[: max(len(second) - length, 0)] * np.uint64(base) + second[length:]


def occurring(ids: np.ndarray, k: int, wanted: np.ndarray) -> np.ndarray:
    """Return which of the wanted hashes (v,), in ascending order, are of k successive ids: (v,) bool."""
    shift = np.uint64(64 - (_SLOTS.bit_length() - 1))
    table = np.zeros(_SLOTS, bool)  # most sequences are seen here to be none of the wanted
    table[wanted >> shift] = True
    exact = KeyTable(wanted.view(np.int64), np.arange(len(wanted)))

    def piece(start: int) -> np.ndarray:
        if len(ids) - start < k:
            return np.zeros(0, np.int64)
        value = _sequences(np.asarray(ids[start : start + _PIECE + k - 1]), k)
        value = value.compress(table.take((value >> shift).view(np.int64)))
        place = exact.find(value.view(np.int64))
        return place.compress(place != NONE)

    found = np.zeros(len(wanted), bool)
    for places in parallel_map(piece, range(0, len(ids), _PIECE)):
        found[places] = True
    return found
