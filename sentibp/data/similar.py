"""Which texts are nearly the same: a phrase and its sentence, a quotation, a copy with small changes.

Where reviews are held out, these stay together (data.group_similar). Else the training reviews hold most of the words
of the validation reviews, whose scores then say little about new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from sentibp.data.corpus import take_texts
from sentibp.data.key_table import NONE, KeyTable
from sentibp.data.overlap import MOST, NEAR, sequence_length, sequences_of
from sentibp.data.text_hashes import text_hashes
from sentibp.data.tokenizer import cuts, tokenize
from sentibp.nn import Ragged

_SHORTEST = 2  # words; one word alone is part of many texts
_PIECE = 1 << 18  # tokens whose sequences are hashed at once
_PART = 1 << 22  # sequences that are compared at once, about


def similar_groups(text: pa.ChunkedArray) -> np.ndarray:
    """Return the group of each text, (n,) int64: the position of its longest text.

    Each text joins a longer one: the one that has most of its sequences of k words, if these are at least half. That
    one may join a third, and so on. (Of texts of the same length, the first one counts as longer.) Of the texts that
    have a sequence, only the longest is a candidate, so that the time hardly grows faster than the number of words. A
    sequence that more than 32 texts have does not count: what many have in common, such as a signature, makes none
    similar. A text of two to k - 1 words is one sequence. Equal texts, as `text_hashes` compares them, are one text.
    """
    first, number = _distinct(text)
    tokens = tokenize(take_texts(text, first))
    texts = Ragged(tokens.ids, tokens.offsets)
    length = texts.lengths
    k = sequence_length(len(texts.ids))
    rank = np.empty(len(length), np.int64)
    rank[np.lexsort((np.arange(len(length)), -length))] = np.arange(len(length))  # 0 is that of the longest text
    joined = np.arange(len(length))
    for size in range(k, _SHORTEST - 1, -1):
        wanted = length >= k if size == k else length == size
        known = None if size == k else sequences_of(texts.take(np.flatnonzero(wanted)), size)[0]
        joining, longer = _longer_texts(_holders(texts, size, known, rank), wanted, rank)
        joined[joining] = longer
    while not np.array_equal(joined, further := joined.take(joined)):
        joined = further
    return first.take(joined.take(number))


def _distinct(text: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the distinct texts (m,), ascending, and the number of each text among them (n,)."""
    _, first, number = np.unique(text_hashes(text), return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return first.take(order), place.take(number)


def _longer_texts(
    holders: Iterable[tuple[np.ndarray, np.ndarray]], wanted: np.ndarray, rank: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the wanted texts (m,) bool that join a longer one, and this one: (j,), (j,) int64."""
    m = len(rank)
    total, pairs, counts = np.zeros(m, np.int64), [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for sequence, text in holders:
        first = np.flatnonzero(np.diff(sequence, prepend=sequence[:1] - np.uint64(1)))
        held = np.diff(first, append=len(sequence))  # the number of texts that have each sequence
        longest = np.repeat(text.take(first), held)
        matters = wanted.take(text) & (np.repeat(held, held) <= MOST)
        total += np.bincount(text.compress(matters), minlength=m)
        matters &= text != longest
        pair, count = np.unique(text.compress(matters) * m + longest.compress(matters), return_counts=True)
        pairs.append(pair)
        counts.append(count)
    pair, place = np.unique(np.concatenate(pairs), return_inverse=True)
    count = np.bincount(place, np.concatenate(counts), len(pair))
    text, longer = np.divmod(pair, max(m, 1))
    order = np.lexsort((rank.take(longer), -count, text))
    order = order.compress((count >= NEAR * total.take(text)).take(order))
    best = order.take(np.flatnonzero(np.diff(text.take(order), prepend=-1)))
    return text.take(best), longer.take(best)


def _holders(
    texts: Ragged, size: int, known: np.ndarray | None, rank: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield which texts have each sequence, once, the longest text of a sequence first.

    They are pairs (p,) uint64, (p,) int64 of the hash of a sequence and a text; each time, of other sequences. `size`
    is their length, `rank` (m,) the place of each text in the order from the longest on. With `known` (s,) uint64, the
    others are left out.
    """
    table = None
    if known is not None:
        known = np.unique(known)
        table = KeyTable(known.view(np.int64), np.arange(len(known)))
    parts = -(-len(texts.ids) // _PART)
    for part in range(0 if known is not None and not len(known) else parts):
        found = [(np.zeros(0, np.uint64), np.zeros(0, np.int64))]
        for start, stop in cuts(texts.offsets, _PIECE):
            value, text = sequences_of(texts.slice(start, stop), size)
            chosen = (value >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32) == part
            value, text = value.compress(chosen), start + text.compress(chosen)
            if table is not None:
                is_known = table.find(value.view(np.int64)) != NONE
                value, text = value.compress(is_known), text.compress(is_known)
            found.append((value, text))
        value, text = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((rank.take(text), value))
        value, text = value.take(order), text.take(order)
        again = np.flatnonzero((value[1:] == value[:-1]) & (text[1:] == text[:-1])) + 1
        yield np.delete(value, again), np.delete(text, again)
