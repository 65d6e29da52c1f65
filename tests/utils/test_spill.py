"""Arrays in memory and in files: equal numbers, no files left, a full disk reported."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.spill import ArrayBuilder, build_arrays, empty, read_ahead

numbers = st.lists(st.lists(st.integers(-5, 5), max_size=6), max_size=6)
sizes = st.sampled_from([0, 1, 8, 40, 1 << 26])


def mapped(array: np.ndarray) -> bool:
    return isinstance(spill._mapping(array), mmap.mmap)


@settings(max_examples=100, deadline=None)
@given(numbers, sizes, st.sampled_from([np.int32, np.int64, np.uint8]))
def test_appended_pieces_are_returned(pieces, limit, dtype):
    expected = np.array([number for piece in pieces for number in piece], np.int64).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "IN_MEMORY", limit)
        both = build_arrays(((np.array(piece, np.int64).astype(dtype),) * 2 for piece in pieces), dtype, np.int64)
    for array, kind in zip(both, (dtype, np.int64), strict=True):
        assert array.dtype == kind
        assert array.tolist() == expected.tolist()
        assert mapped(array) == (array.nbytes > limit)


@pytest.mark.parametrize("limit", [99, 100])
def test_an_empty_array_can_be_written(monkeypatch, limit):
    monkeypatch.setattr(spill, "IN_MEMORY", limit)
    array = empty(25, np.int32)
    array[:] = np.arange(25)
    assert array.tolist() == list(range(25))
    assert mapped(array) == (limit == 99)


def open_files(folder: Path) -> int:
    """Return how many files of a folder are open, without a name or with one; sockets of other tests come and go."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # closed since
            found += os.readlink(f"/proc/self/fd/{number}").startswith(f"{folder}/")
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="files are counted as Linux shows them")
def test_nothing_is_left_behind(monkeypatch, cache_folder):
    monkeypatch.setattr(spill, "IN_MEMORY", 1)
    array, half = empty(1000, np.int64), ArrayBuilder(np.int8)
    half.append(np.zeros(1000))
    assert open_files(cache_folder) == 2
    assert os.listdir(cache_folder) == []  # not even while they are in use: killed, the program leaves nothing
    del array, half
    gc.collect()
    assert open_files(cache_folder) == 0


@pytest.mark.parametrize("folder", ["off", "/dev/null/no"])
def test_without_a_cache_the_files_are_temporary(monkeypatch, folder):
    monkeypatch.setenv("SENTIBP_CACHE", folder)
    monkeypatch.setattr(spill, "IN_MEMORY", 1)
    assert mapped(empty(10, np.int64))


def test_a_full_disk_is_reported(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spill, "IN_MEMORY", 1)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"do not fit .* No space left on device; make room, or .* SENTIBP_CACHE"):
        empty(10, np.int64)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")
@pytest.mark.parametrize("size", [10, 100_000])
def test_a_disk_that_fills_up_is_reported(monkeypatch, size):
    monkeypatch.setattr(spill, "IN_MEMORY", 1)
    monkeypatch.setattr(spill, "_file", lambda: open("/dev/full", "w+b"))  # noqa: SIM115
    with pytest.raises(DataError, match="No space left on device"):
        build_arrays([[np.zeros(size, np.int32)]] * 3, np.int32)


def test_slices_are_read_ahead_by_pages(monkeypatch):
    """For an array that begins within a file, as after the header of a .npy file."""
    monkeypatch.setattr(spill, "IN_MEMORY", 1)
    page, asked = mmap.PAGESIZE, []

    class Mapped(mmap.mmap):
        def madvise(self, *advice):
            asked.append(advice)
            super().madvise(*advice)

    within = np.frombuffer(Mapped(-1, 4 * page), np.int32)[32:]  # 128 bytes on
    read_ahead(within, np.array([0, page // 4]), np.array([1, page // 4 + 5]))
    assert asked == [(mmap.MADV_WILLNEED, 0, 132), (mmap.MADV_WILLNEED, page, 128 + 20)]
    read_ahead(np.zeros(10), np.array([0]), np.array([1]))  # which is not mapped
    assert len(asked) == 2
