"""An exact hash table of numbers that looks up whole arrays: what a word extends to an n-gram is found here.

It is several tables. The first has a slot for each hash; where two keys have the same one, the later key takes it, and
the other goes to the next table, which is smaller and has another hash. So a key that finds its slot empty is not
known, and almost all keys need one look. No table is built or searched in an order that depends on threads.
"""

from __future__ import annotations

import numpy as np

NONE = -1
_SPARE = 1  # a table has 2 to 4 slots for each key
_SMALLEST = 4  # bits of the number of slots
_MIX = 0x9E3779B97F4A7C15  # of the first table (Knuth's multiplicative hashing)
_NEXT = 6364136223846793005, 1442695040888963407  # from each to the next: a linear congruential generator


class KeyTable:
    """Finds keys among those of some rows."""

    def __init__(self, keys: np.ndarray, rows: np.ndarray):
        """`keys` (V,) int64; `rows` (n,) are the positions of those that can be found, which differ."""
        self.keys = keys
        self._tables: list[tuple[np.uint64, np.uint64, np.ndarray]] = []  # multiplier, shift, the row in each slot
        left, mix = rows.astype(np.int32), _MIX
        while len(left):
            bits = max(len(left).bit_length() + _SPARE, _SMALLEST)
            table = np.full(1 << bits, NONE, np.int32)
            self._tables.append((np.uint64(mix), np.uint64(64 - bits), table))
            slot = _slots(keys.take(left), *self._tables[-1][:2])
            table[slot] = left
            left = left.compress(table.take(slot) != left)
            mix = (mix * _NEXT[0] + _NEXT[1]) % 2**64 | 1

    def find(self, values: np.ndarray) -> np.ndarray:
        """Return the row of each value (k,) int64, or NONE: (k,) int32."""
        found, open_ = np.full(len(values), NONE, np.int32), None  # `open_`: the values whose slot has another key
        for mix, shift, table in self._tables:
            sought = values if open_ is None else values.take(open_)
            row = table.take(_slots(sought, mix, shift))
            differs = self.keys.take(row, mode="wrap") != sought  # an empty slot, -1, compares the last key
            further = np.flatnonzero(differs & (row != NONE))
            row[differs] = NONE
            if open_ is None:
                found, open_ = row, further
            else:
                found[open_] = row
                open_ = open_.take(further)
            if not len(open_):
                break
        return found


def _slots(keys: np.ndarray, mix: np.uint64, shift: np.uint64) -> np.ndarray:
    slot = keys.view(np.uint64) * mix
    slot >>= shift
    return slot.view(np.int64)
