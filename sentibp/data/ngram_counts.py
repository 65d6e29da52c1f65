"""Count keys, such as the pairs of ids that form n-grams. There may be more keys than fit in memory.

A hash sorts the keys of each piece of text into shards, so that all occurrences of a key are in one shard. Each shard
is then collected from all pieces and counted. The results are written in place of the keys, and are finally put back
into the order of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sentibp.data.key_table import NONE, KeyTable
from sentibp.utils import spill
from sentibp.utils.threads import parallel_map

_SHARD = 1 << 21  # approximate number of keys, with repeats, that one thread counts at once
_MIX = np.uint64(0xD1342543DE82EF95)  # spreads keys over the shards (Steele & Vigna, 2021); KeyTable has another


class Pairs:
    """The keys of all pieces, sorted into shards."""

    def __init__(
        self,
        spans: Sequence[slice],
        keys: Callable[[int], np.ndarray],
        groups: Callable[[slice], np.ndarray] | None = None,
    ):
        """`spans` are the positions of the pieces in the text. `keys(number)` returns the keys of a piece: int64, not
        negative, or NONE. `groups(span)` returns the groups of what is at
        these positions: int32."""
        size = spans[-1].stop if spans else 0
        bits = min(max(2, (size // _SHARD).bit_length()), 15)
        self.shards = 1 << bits
        self._spans = spans
        self._keys = spill.advise_random(spill.empty(size, np.int64))
        self._order = spill.empty(size, np.int32)  # the position in its piece that each sorted key had
        self._group = None if groups is None else spill.advise_random(spill.empty(size, np.int32))
        self._numbered = [0] * self.shards  # how many keys of each shard have a number

        def sort(number: int) -> np.ndarray:
            """Sort the keys of a piece by shard. Return the position where each shard begins (shards + 1,)."""
            values = keys(number)
            hashed = values.view(np.uint64) * _MIX
            hashed >>= np.uint64(64 - bits)
            shard = hashed.astype(np.uint8 if self.shards < 256 else np.uint16)  # a byte is sorted twice as fast
            shard[values == NONE] = self.shards
            order = np.argsort(shard, kind="stable")  # radix sort: linear time
            self._keys[spans[number]] = values.take(order)
            self._order[spans[number]] = order
            if self._group is not None and groups is not None:
                self._group[spans[number]] = groups(spans[number]).take(order)
            return np.cumsum([0, *np.bincount(shard, minlength=self.shards + 1)[: self.shards]]) + spans[number].start

        # for each piece, where each shard begins and the last one ends: 1 MB for 2 GB of text, 100 MB for 20 GB
        self._starts = np.array([*parallel_map(sort, range(len(spans)))]).reshape(-1, self.shards + 1)

    def count(self, shard: int, at_least: int, in_groups: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the keys of a shard that occur `at_least` times, their counts, and their numbers in the shard.

        They must occur in that many groups. Each is (k,). The keys in the text are replaced by their numbers.
        """
        self._fetch(shard)
        values = np.concatenate([np.zeros(0, np.int64), *(self._keys[span] for span in self._spans_of(shard))])
        key, count = _frequent(values, at_least)
        number = KeyTable(key, np.arange(len(key))).find(values)  # rare keys have none, so the table is small
        self._numbered[shard] = len(key)
        self._put(shard, number)
        kept = np.arange(len(key))
        if self._group is not None:
            group = np.concatenate([np.zeros(0, np.int32), *(self._group[span] for span in self._spans_of(shard))])
            kept = np.flatnonzero(_groups_of(number, group, len(key)) >= in_groups)
        return key.take(kept), count.take(kept), kept

    def rename(self, shard: int, numbers: np.ndarray, names: np.ndarray) -> None:
        """Replace the keys with these numbers in the shard (k,) by their names (k,), and all others by NONE."""
        name = np.full(self._numbered[shard] + 1, NONE, np.int64)  # one more entry maps NONE to NONE
        name[numbers] = names
        self._fetch(shard)
        for span in self._spans_of(shard):
            self._keys[span] = name.take(self._keys[span], mode="wrap")

    def names(self) -> np.ndarray:
        """Return the name of each key in the order of the text (t,) int32. Call it once, at the end."""

        def restore(number: int) -> None:
            span = self._spans[number]
            spill.read_ahead(self._keys, np.array([span.start]), np.array([span.stop]))
            name = np.empty(span.stop - span.start, np.int32)
            name[self._order[span]] = self._keys[span]  # the keys NONE are last, and remain NONE
            self._order[span] = name

        for _ in parallel_map(restore, range(len(self._spans))):
            pass
        return self._order

    def _spans_of(self, shard: int) -> Iterator[slice]:
        """Yield the positions of the keys of a shard: a slice in each piece."""
        yield from map(slice, self._starts[:, shard], self._starts[:, shard + 1])

    def _fetch(self, shard: int) -> None:
        spill.read_ahead(self._keys, self._starts[:, shard], self._starts[:, shard + 1])

    def _put(self, shard: int, values: np.ndarray) -> None:
        done = 0
        for span in self._spans_of(shard):
            size = span.stop - span.start
            self._keys[span] = values[done : done + size]
            done += size


def _frequent(values: np.ndarray, at_least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values that occur `at_least` times, in ascending order, and their counts: (k,) each."""
    values = np.sort(values)
    start = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1]))[: len(values)])
    count = np.diff(start, append=len(values))
    frequent = count >= at_least
    return values.take(start.compress(frequent)), count.compress(frequent)


def _groups_of(number: np.ndarray, group: np.ndarray, k: int) -> np.ndarray:
    """Return in how many groups each number from 0 to k - 1 occurs (k,). `number` and `group` are (t,)."""
    member = number != NONE
    size = int(group.max(initial=0)) + 1
    pair = number.compress(member).astype(np.int64) * size + group.compress(member)
    return np.bincount(np.unique(pair) // size, minlength=k)
