"""Counting keys of which there are more than fit in memory.

The keys of a piece of text are sorted into shards by a hash of theirs, so that all repeats of a key meet in one shard,
wherever they stand. Then a shard at a time is gathered from all pieces, and counted. What has been found of a key is
written where it stood, and in the end all goes back to the order of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sentibp.utils import spill
from sentibp.utils.arrow import from_numpy, to_numpy
from sentibp.utils.threads import parallel_map

NONE = -1
_SHARD = 1 << 21  # keys, with their repeats, that one thread counts at once; about
_MIX = np.uint64(0x9E3779B97F4A7C15)  # spreads keys over the shards (Knuth's multiplicative hashing)


class Pairs:
    """The keys of all pieces, in shards."""

    def __init__(self, spans: Sequence[slice], keys: Callable[[int], np.ndarray]):
        """`spans` are the places of the pieces in the text, and `keys(number)` those of a piece: int64, not negative,
        or NONE."""
        size = spans[-1].stop if spans else 0
        bits = min(max(2, (size // _SHARD).bit_length()), 15)
        self.shards = 1 << bits
        self._spans = spans
        self._keys = spill.advise_random(spill.empty(size, np.int64))
        self._order = spill.empty(size, np.int32)  # the place in its piece that each sorted key had
        self._distinct = [0] * self.shards

        def sort(number: int) -> np.ndarray:
            """Sort a piece into shards, and say where in it each of them begins (shards + 1,)."""
            own = keys(number)
            shard = ((own.view(np.uint64) * _MIX) >> np.uint64(64 - bits)).astype(np.uint16)
            shard[own == NONE] = self.shards
            order = np.argsort(shard, kind="stable")  # by radix: linear
            self._keys[spans[number]] = own.take(order)
            self._order[spans[number]] = order
            return np.cumsum([0, *np.bincount(shard, minlength=self.shards + 1)[: self.shards]]) + spans[number].start

        # where in each piece each shard begins, and the last one ends: 1 MB for 2 GB of text, 100 MB for 20 GB
        self._starts = np.array([*parallel_map(sort, range(len(spans)))]).reshape(-1, self.shards + 1)

    def count(self, shard: int, at_least: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The distinct keys of a shard that occur so often, their counts, and their numbers in the shard; (k,) each."""
        self._fetch(shard)
        own = np.concatenate([np.zeros(0, np.int64), *(self._keys[part] for part in self._parts(shard))])
        encoded = from_numpy(own).dictionary_encode()
        number, distinct = to_numpy(encoded.indices), to_numpy(encoded.dictionary)
        count = np.bincount(number, minlength=len(distinct))
        self._distinct[shard] = len(distinct)
        self._put(shard, number)
        frequent = np.flatnonzero(count >= at_least)
        return distinct.take(frequent), count.take(frequent), frequent

    def rename(self, shard: int, numbers: np.ndarray, names: np.ndarray) -> None:
        """What the keys of these numbers in the shard (k,) are to be called; all others become NONE."""
        name = np.full(self._distinct[shard], NONE, np.int64)
        name[numbers] = names
        self._fetch(shard)
        for part in self._parts(shard):
            self._keys[part] = name.take(self._keys[part])

    def names(self) -> np.ndarray:
        """The name of each key, in the order of the text (t,) int32; to be called once, at the end."""

        def restore(number: int) -> None:
            span = self._spans[number]
            spill.read_ahead(self._keys, np.array([span.start]), np.array([span.stop]))
            name = np.empty(span.stop - span.start, np.int32)
            name[self._order[span]] = self._keys[span]  # those of NONE stand last, and are NONE still
            self._order[span] = name

        for _ in parallel_map(restore, range(len(self._spans))):
            pass
        return self._order

    def _parts(self, shard: int) -> Iterator[slice]:
        """Where the keys of a shard are: a place in each piece."""
        yield from map(slice, self._starts[:, shard], self._starts[:, shard + 1])

    def _fetch(self, shard: int) -> None:
        spill.read_ahead(self._keys, self._starts[:, shard], self._starts[:, shard + 1])

    def _put(self, shard: int, values: np.ndarray) -> None:
        done = 0
        for part in self._parts(shard):
            size = part.stop - part.start
            self._keys[part] = values[done : done + size]
            done += size
