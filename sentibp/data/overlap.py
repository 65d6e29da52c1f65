"""Validation reviews that the training data have, too: with the same text, or with nearly the same.

Such reviews make validation scores better than those on new reviews. Nearly the same as one training review are a
phrase of it, a longer text around it, and a copy with small changes. What many texts have in common, such as a
signature, a greeting, a disclaimer or the sentences of a template, does not make them near-duplicates: new reviews have
it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.corpus import Corpus
from sentibp.data.key_table import NONE, KeyTable
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.errors import DataError
from sentibp.nn import Ragged
from sentibp.utils.arrow import index_of, prefix_sums, to_numpy
from sentibp.utils.spill import ArrayBuilder
from sentibp.utils.threads import parallel_map

LARGEST_SHARE = 0.1  # of a validation source of its own that may also be in the training data

_LONG = 4  # words; shorter texts ("very good") are often written by several people

NEAR = 0.5
"""The share of the sequences of words that makes a near-duplicate."""

MOST = 32
"""Texts that have a sequence which counts at all."""

_ROUNDING = 1e-9  # of shares
_FEW = 3  # training texts that have a sequence of words; if more have it, it counts less
_REPORTED = 0.05  # the share of near-duplicates from which a note reports them; IMDB has 0.021, Rotten Tomatoes 0.006
_EXAMINED = 4096  # validation reviews that are compared, at most
_SLOTS = 1 << 24  # of a table that finds most sequences that are in no validation review
_MIX = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing, as in utils/hashing.py
_BASE = 0xD1342543DE82EF95  # of a linear congruential generator (Steele & Vigna, 2021)

_PIECE = 1 << 18  # training tokens that a thread looks at at once
_TEXT_BITS = 32  # of a pair, for the number of the text
_TEXT = (1 << _TEXT_BITS) - 1
_PAIRS = 1 << 21  # of a sequence in a validation review and a training text that has it, which are counted at once


def require_separate(validation: Corpus, repeated: np.ndarray, source: str, repair: str) -> None:
    """Raise DataError if much of a validation source of its own is in the training data.

    `repeated` are the positions of its reviews that are. Those of a few words do not count: several people write them.
    `repair` says what to validate on instead.
    """
    words = pc.add(pc.count_substring(pc.utf8_trim_whitespace(validation.take(repeated).text), " "), 1)
    count = int((to_numpy(words) >= _LONG).sum())
    if count > LARGEST_SHARE * len(validation):
        raise DataError(
            f"data.validation: {source}: {count:,} of its {len(validation):,} reviews are also training reviews, so "
            f"its scores say nothing about new ones; {repair}"
        )


def overlap_notes(validation: int, repeated: int, near: int, compared: int, repair: str) -> list[str]:
    """Return what the user should know of `repeated` validation reviews, and of `near` ones among those compared.

    `repair` says what keeps near-duplicates together.
    """
    notes = []
    if repeated:
        notes.append(f"{repeated:,} of {validation:,} validation reviews also occur in the training data")
    if has_many_near_duplicates(near, compared):
        were = f"{compared:,} validation reviews"
        if compared < validation - repeated:  # the others are short, or more than enough
            were = f"the {were} that were compared"
        notes.append(
            f"{near:,} of {were} are each nearly the same as a training review (a phrase "
            f"of it, or a copy with small changes), so expect lower scores on new reviews; {repair}"
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
    """Return whether each validation review that is compared is nearly the same as a training review: (m,) int8.

    It is if one of the first `count` training texts has at least half of its sequences of k words; k is 5, and more if
    there are so many training words that texts share sequences by chance. A sequence that more than a few training
    texts have counts less, as 3 / their number, and not at all if they are more than 32. -1: not compared, because it
    has fewer than k words, or because there are enough others. The time is linear in the number of tokens, and the
    memory is bounded.
    """
    offsets = training.offsets[: count + 1]
    ids = training.ids[: offsets[-1]]
    return near_duplicates_of(training.words, len(ids), lambda k, wanted: holders(ids, offsets, k, wanted), validation)


def near_duplicate_texts(training: pa.ChunkedArray, texts: pa.ChunkedArray) -> np.ndarray:
    """Return what `near_duplicates` does, for texts (m,) and training texts in the usual spelling: (m,) int8."""
    return near_duplicates(tokenize(training), len(training), tokenize(texts))


class Holders:
    """Which training texts have each of some sequences. Where these are more than `MOST`, only that is kept.

    A pair of a sequence and a text that has it is one number, with the number of the text in the lower 32 bits. There
    are up to 33 pairs for each sequence, so that they are spilled to disk.
    """

    def __init__(self, sequences: int):
        self.count = np.zeros(sequences, np.int64)  # of the texts that have a sequence; more than MOST is not exact
        self._pairs = ArrayBuilder(np.int64)

    def add(self, pairs: np.ndarray) -> None:
        """Add pairs (p,) int64; no pair is added twice."""
        sequence = pairs >> _TEXT_BITS
        is_rare = self.count.take(sequence) <= MOST
        np.add.at(self.count, sequence, 1)
        self._pairs.append(pairs.compress(is_rare))

    def add_shard(self, pairs: np.ndarray, frequent: np.ndarray) -> None:
        """Add the pairs of other texts, and the numbers of the sequences that too many of these have."""
        self.count[frequent] += MOST + 1
        self.add(pairs)

    def pairs(self) -> np.ndarray:
        """Return the pairs of the sequences that at most `MOST` texts have, in ascending order: (p,) int64.

        Call it once, at the end.
        """
        added, kept = self._pairs.array(), ArrayBuilder(np.int64)
        for start in range(0, len(added), _PAIRS):
            some = added[start : start + _PAIRS]
            kept.append(some.compress(self.count.take(some >> _TEXT_BITS) <= MOST))
        pairs = kept.array()
        pairs.sort()
        return pairs

    def frequent(self) -> np.ndarray:
        """Return the numbers of the sequences that more than `MOST` texts have: (f,) int64."""
        return np.flatnonzero(self.count > MOST)


def near_duplicates_of(
    words: pa.LargeStringArray, tokens: int, find: Callable[[int, np.ndarray], Holders], validation: Tokens
) -> np.ndarray:
    """Return the same, given the distinct words of the training texts and the number of their tokens.

    `find(k, wanted)` returns which training texts have the sequences of k tokens with the hashes (v,), in ascending
    order.
    """
    k = sequence_length(tokens)
    number = index_of(validation.words, words)
    length = np.diff(validation.offsets)
    compared = np.flatnonzero(length >= k)
    compared = compared[:: max(1, -(-len(compared) // _EXAMINED))]
    result = np.full(len(length), -1, np.int8)
    if not len(compared):
        return result
    ids, offsets = Ragged(validation.ids, validation.offsets).take(compared)
    hashes, review = sequences_of(Ragged(number.take(ids), offsets), k)
    wanted = np.sort(hashes)  # np.unique would take 50 times as long
    wanted = wanted.compress(np.concatenate(([True], wanted[1:] != wanted[:-1])))
    result[compared] = _largest_shares(hashes, review, wanted, find(k, wanted)) >= NEAR - _ROUNDING
    return result


def _largest_shares(hashes: np.ndarray, review: np.ndarray, wanted: np.ndarray, found: Holders) -> np.ndarray:
    """Return the largest share of each review's sequences that one training text has: (m,) float64.

    `hashes` (s,) are those of all sequences, `review` (s,) is the number of the review of each, ascending and without
    gaps, and `wanted` (v,) are the distinct hashes.
    """
    occurs = np.flatnonzero(found.count)
    count = found.count.take(occurs)
    weights = np.where(count <= MOST, np.minimum(1, _FEW / count), 0)
    row = KeyTable(wanted.take(occurs).view(np.int64), np.arange(len(occurs))).find(hashes.view(np.int64))
    at = np.flatnonzero(row != NONE)  # the sequences that training texts have
    row = row.take(at)
    weight = np.ones(len(hashes))
    weight[at] = value = weights.take(row)
    total, review = np.bincount(review, weight), review.take(at)
    pairs = found.pairs()
    borders = np.searchsorted(pairs, np.append(occurs, len(wanted)) << _TEXT_BITS)  # of the pairs of each sequence
    first, number = borders.take(row), np.diff(borders).take(row)
    ends = prefix_sums(np.bincount(review, number, len(total)).astype(np.int64))  # the pairs of each review
    cuts = np.unique(np.searchsorted(ends, range(0, int(ends[-1]), _PAIRS)))
    largest = np.zeros(len(total))
    for start, stop in pairwise([0, *cuts.tolist(), len(total)]):
        those = slice(*np.searchsorted(review, (start, stop)))
        n = number[those]
        inside = np.repeat(first[those] - prefix_sums(n)[:-1], n) + np.arange(n.sum())
        key = np.repeat(review[those] << 40, n) | (pairs[inside] & _TEXT)
        order = np.argsort(key, kind="stable")
        key, worth = key[order], np.repeat(value[those], n)[order]
        if len(key):
            edges = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
            np.maximum.at(largest, key[edges] >> 40, np.add.reduceat(worth, edges))
    return np.divide(largest, total, out=np.zeros(len(total)), where=largest > 0)


def sequence_length(tokens: int) -> int:
    """Return the length of the sequences that are compared: among more tokens, longer ones are the same by chance."""
    return 5 + (tokens > 2_000_000) + (tokens > 10_000_000) + (tokens > 50_000_000)


def sequence_hashes(ids: np.ndarray, k: int) -> np.ndarray:
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


def sequences_of(texts: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all sequences of k ids inside a text, and the text of each: (s,) uint64, (s,) int64."""
    value = sequence_hashes(texts.ids, k)
    text = texts.review[: len(value)]
    inside = np.arange(len(text)) + k <= texts.offsets[1:].take(text)  # others reach into the next text
    return value.compress(inside), text.compress(inside)


def _joined(first: np.ndarray, length: int, second: np.ndarray, base: int) -> np.ndarray:
    """Return the hashes of sequences of `length` ids and those that follow. `base` belongs to the length of these."""
    return first[: max(len(second) - length, 0)] * np.uint64(base) + second[length:]


def holders(ids: np.ndarray, offsets: np.ndarray, k: int, wanted: np.ndarray) -> Holders:
    """Return which texts have the sequences of k successive ids whose hashes (v,), in ascending order, are wanted.

    Text i has the ids[offsets[i]:offsets[i + 1]].
    """
    shift = np.uint64(64 - (_SLOTS.bit_length() - 1))
    table = np.zeros(_SLOTS, bool)  # most sequences are seen here to be none of the wanted
    table[wanted >> shift] = True
    exact = KeyTable(wanted.view(np.int64), np.arange(len(wanted)))
    found = Holders(len(wanted))

    def piece(texts: tuple[int, int]) -> np.ndarray:
        start, stop = offsets[texts[0]], offsets[texts[1]]
        if stop - start < k:
            return np.zeros(0, np.int64)
        value = sequence_hashes(np.asarray(ids[start:stop]), k)
        at = np.flatnonzero(table.take((value >> shift).view(np.int64)))
        sequence = exact.find(value.take(at).view(np.int64))
        is_rare = found.count.take(sequence, mode="clip") <= MOST  # of the others nothing more is to be known
        kept = np.flatnonzero((sequence != NONE) & is_rare)
        at, sequence = start + at.take(kept), sequence.take(kept).astype(np.int64)
        text = np.searchsorted(offsets, at, "right") - 1
        is_inside = at + k <= offsets[text + 1]  # others reach into the next text
        return np.unique(sequence.compress(is_inside) << _TEXT_BITS | text.compress(is_inside))

    borders = np.searchsorted(offsets, np.arange(0, offsets[-1], _PIECE)).tolist()
    for pairs in parallel_map(piece, pairwise(dict.fromkeys([*borders, len(offsets) - 1]))):
        found.add(pairs)
    return found
