"""Compare the counting of keys in shards with a Counter."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data import ngram_counts
from sentibp.data.key_table import NONE
from sentibp.data.ngram_counts import Pairs
from sentibp.utils import spill

keys = st.integers(NONE, 6) | st.integers(NONE, 2**62)
pieces = st.lists(st.lists(keys, max_size=8), max_size=5)
sizes = st.sampled_from([1, 4, 1 << 21])


def shards_of(pieces: list[list[int]]) -> Pairs:
    ends = np.cumsum([0, *map(len, pieces)]).tolist()
    spans = [slice(*ends) for ends in pairwise(ends)]
    return Pairs(spans, lambda number: np.array(pieces[number], np.int64))


def check(pieces: list[list[int]], at_least: int) -> None:
    """Each key is counted once, and replaced by its name at all positions."""
    found = shards_of(pieces)
    count, name = {}, {}
    for shard in range(found.shards):
        key, often, number = found.count(shard, at_least)
        names = [len(name) + i for i in range(len(key))]
        assert not set(key.tolist()) & set(count)
        count |= dict(zip(key.tolist(), often.tolist(), strict=True))
        name |= dict(zip(key.tolist(), names, strict=True))
        found.rename(shard, number, np.array(names, np.int64))
    whole = [key for piece in pieces for key in piece]
    expected = Counter(key for key in whole if key != NONE)
    assert count == {key: often for key, often in expected.items() if often >= at_least}
    assert found.names().tolist() == [name.get(key, NONE) for key in whole]


@settings(max_examples=80, deadline=None)
@given(pieces, st.integers(1, 3), sizes, st.sampled_from([0, 1 << 26]))
def test_counts_and_names(pieces, at_least, shard, in_memory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram_counts, "_SHARD", shard)
        patch.setattr(spill, "IN_MEMORY", in_memory)
        check(pieces, at_least)


def test_more_keys_are_split_into_more_shards(monkeypatch):
    monkeypatch.setattr(ngram_counts, "_SHARD", 100)
    found = shards_of([list(range(5000))] * 2)
    assert found.shards == 128
    assert max(len(found.count(shard, 1)[0]) for shard in range(128)) < 100


@pytest.mark.parametrize("shard", [17, 10])
def test_more_shards_than_a_byte_can_number(monkeypatch, shard):
    """128 or 256 of them, and the keys that are none are put behind the last one."""
    monkeypatch.setattr(ngram_counts, "_SHARD", shard)
    keys = [NONE, *range(1000), NONE, 5] * 2
    assert shards_of([keys]).shards == 128 * (1 + (shard == 10))
    check([keys], 3)


def first_piece_only(self, shard):
    """Plant a classic bug of merging: a shard is collected from one piece only."""
    yield from list(parts(self, shard))[:1]


parts = Pairs._spans_of


def test_a_skipped_piece_is_detected(monkeypatch):
    check([[5, 7], [5]], 2)
    monkeypatch.setattr(Pairs, "_spans_of", first_piece_only)
    with pytest.raises(AssertionError):
        check([[5, 7], [5]], 2)
