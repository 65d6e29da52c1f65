import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentibp.data import key_table
from sentibp.data.key_table import KeyTable

KEYS = st.lists(st.integers(0, 2**62), unique=True, max_size=200)


@pytest.mark.parametrize("scans", [0, 4])
@given(keys=KEYS, others=st.lists(st.integers(-(2**62), 2**62), max_size=50), data=st.data())
def test_keys_are_found_as_a_dict_finds_them(scans, keys, others, data):
    rows = np.array(data.draw(st.lists(st.integers(0, len(keys) - 1), unique=True)) if keys else [], np.int64)
    known = {keys[row]: row for row in rows}
    sought = [*keys, *others, *keys[:3], *(key ^ 1 << 20 for key in keys)]  # some with the same low bits
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_table, "_SCANS", scans)
        patch.setattr(key_table, "_FEW", 0)
        table = KeyTable(np.array(keys, np.int64), rows)
        found = table.find(np.array(sought, np.int64))
    assert (table._tables is None) == (scans > 0 and len(rows) > 0)
    assert found.dtype == np.int32
    assert found.tolist() == [known.get(value, -1) for value in sought]


def test_the_tables_are_built_for_many_values_or_after_some_scans():
    keys = np.arange(1000, dtype=np.int64)
    table = KeyTable(keys, keys[1:])
    for _ in range(key_table._SCANS):
        assert table.find(np.array([7, 0, 999, 1000, 7])).tolist() == [7, -1, 999, -1, 7]
        assert table._tables is None
    assert table.find(np.array([7, 0, 999, 1000, 7])).tolist() == [7, -1, 999, -1, 7]
    assert table._tables is not None
    table = KeyTable(keys, keys)
    assert table.find(keys).tolist() == keys.tolist()
    assert table._tables is not None


@pytest.mark.parametrize("step", [1, 2**8, 2**20, 2**40, key_table._MIX >> 40])
def test_keys_in_a_pattern(step):
    keys = np.arange(5000, dtype=np.int64) * step
    table = KeyTable(keys, np.arange(len(keys)))
    assert table.find(keys).tolist() == list(range(5000))
    assert (table.find(keys + 5000 * step) == -1).all()


def test_keys_that_share_their_slots_are_all_found(monkeypatch):
    """Even if the first tables are of no use."""
    monkeypatch.setattr(key_table, "_MIX", 0)  # every key has slot 0
    keys = np.arange(300, dtype=np.int64) ** 2
    table = KeyTable(keys, np.arange(300))
    assert table.find(keys[::-1]).tolist() == list(range(299, -1, -1))
    assert table.find(keys + 2**40).tolist() == [-1] * 300


def test_no_keys():
    table = KeyTable(np.zeros(0, np.int64), np.zeros(0, np.int32))
    assert table.find(np.array([0, -1, 5])).tolist() == [-1, -1, -1]
    assert table.find(np.zeros(0, np.int64)).tolist() == []


def test_a_scan_for_values_whose_low_bits_no_key_has():
    keys = np.arange(1000, dtype=np.int64) << 16
    table = KeyTable(keys, np.arange(1000))
    assert table.find(np.array([5, -1, 1000 << 16 | 7])).tolist() == [-1, -1, -1]
    assert table.find(np.array([1000 << 16, 3 << 16])).tolist() == [-1, 3]
    assert table._tables is None
