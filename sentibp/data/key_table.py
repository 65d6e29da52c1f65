"""An exact hash table of numbers that looks up whole arrays: what a word extends to an n-gram is found here.

It is several tables. The first has a slot for each hash; where two keys have the same one, the later key takes it, and
the other goes to the next table, which is smaller and has another hash. So a key that finds its slot empty is not
known, and almost all keys need one look. No table is built or searched in an order that depends on threads.

The tables are built when it is clear that they will be used: a command that predicts one text looks up few keys, and
to compare each key with these takes a fraction of the time.
"""

from __future__ import annotations

import numpy as np

NONE = -1
_SPARE = 1  # a table has 2 to 4 slots for each key
_SMALLEST = 4  # bits of the number of slots
_SCANS = 4  # before the tables are built
_FEW = 64  # a scan is for fewer values than one for so many rows
_LOW = (1 << 16) - 1  # the bits of a key that a scan compares first
_MIX = 0x9E3779B97F4A7C15  # of the first table (Knuth's multiplicative hashing)
_NEXT = 6364136223846793005, 1442695040888963407  # from each to the next: a linear congruential generator

_Table = tuple[np.uint64, np.uint64, np.ndarray]  # multiplier, shift, the row in each slot


class KeyTable:
    """Finds keys among those of some rows."""

    def __init__(self, keys: np.ndarray, rows: np.ndarray):
        """`keys` (V,) int64; `rows` (n,) are the positions of those that can be found, which differ."""
        self.keys = keys
        self._rows = rows.astype(np.int32)
        self._scans = 0
        self._tables: list[_Table] | None = None

    def find(self, values: np.ndarray) -> np.ndarray:
        """Return the row of each value (k,) int64, or NONE: (k,) int32."""
        if self._tables is None:
            if self._scans < _SCANS and len(values) * _FEW < len(self._rows):
                self._scans += 1
                return self._scan(values)
            self._tables = _tables(self.keys, self._rows)
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

    def _scan(self, values: np.ndarray) -> np.ndarray:
        """Do what `find` does, for few values and without the tables."""
        is_low = np.zeros(_LOW + 1, bool)
        is_low[values & _LOW] = True
        rows = self._rows.compress(is_low.take(self.keys.take(self._rows) & _LOW))
        keys = self.keys.take(rows)
        order = np.argsort(keys)
        rows, keys = np.append(rows[order], np.int32(NONE)), np.append(keys[order], 0)  # of a value above all keys
        place = np.searchsorted(keys[:-1], values)
        return np.where(keys.take(place) == values, rows.take(place), np.int32(NONE))


def _tables(keys: np.ndarray, rows: np.ndarray) -> list[_Table]:
    tables: list[_Table] = []
    mix = _MIX
    while len(rows):
        bits = max(len(rows).bit_length() + _SPARE, _SMALLEST)
        table = np.full(1 << bits, NONE, np.int32)
        tables.append((np.uint64(mix), np.uint64(64 - bits), table))
        slot = _slots(keys.take(rows), *tables[-1][:2])
        table[slot] = rows
        rows = rows.compress(table.take(slot) != rows)
        mix = (mix * _NEXT[0] + _NEXT[1]) % 2**64 | 1
    return tables


def _slots(keys: np.ndarray, mix: np.uint64, shift: np.uint64) -> np.ndarray:
    slot = keys.view(np.uint64) * mix
    slot >>= shift
    return slot.view(np.int64)
