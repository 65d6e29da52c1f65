"""Digests and checksums of tensors: any change is detected."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentibp.utils import hashing


@given(st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 31), st.sampled_from([np.float32, np.float64]))
def test_a_changed_bit_changes_both(n, place, bit, dtype):
    values = np.random.default_rng(n).standard_normal(n).astype(dtype)
    other = values.copy()
    other.view(np.uint32)[place % other.view(np.uint32).size] ^= np.uint32(1 << bit)
    assert hashing.short_checksums([values]) != hashing.short_checksums([other])
    assert hashing.tensor_digests({"w": values}) != hashing.tensor_digests({"w": other})


def test_a_checksum_has_four_digits_for_each_tensor():
    check = hashing.short_checksums(
        [np.ones((3, 5), np.float32), np.zeros(0), np.float32(2.5), np.ones((4, 6))[:, ::2]]
    )
    assert len(check) == 16
    assert check[4:8] == "0000"
    assert check[12:] == hashing.short_checksums([np.ones((4, 3))]), "wherever it lies in memory"


def test_a_digest_depends_on_shape_and_type():
    same_bytes = np.zeros(4, np.float32), np.zeros((2, 2), np.float32), np.zeros(2, np.float64), np.zeros(4, np.int32)
    assert len({hashing.tensor_digests({"w": each})["w"] for each in same_bytes}) == 4
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert hashing.tensor_digests({"w": fortran}) == hashing.tensor_digests({"w": np.ascontiguousarray(fortran)})


def test_a_digest_is_a_sha256():
    digest = hashlib.sha256(b"float32 (2,) " + np.ones(2, np.float32).tobytes()).hexdigest()
    assert hashing.tensor_digests({"w": np.ones(2, np.float32)}) == {"w": digest}
    assert hashing.combined_digest({"w": digest}) == hashlib.sha256(f"w {digest}\n".encode()).hexdigest()


@pytest.mark.parametrize("other", [{"a": "1", "b": "3"}, {"a": "1"}, {"a": "1", "c": "2"}])
def test_combined_digest(other):
    assert hashing.combined_digest({"b": "2", "a": "1"}) == hashing.combined_digest({"a": "1", "b": "2"})
    assert hashing.combined_digest({"a": "1", "b": "2"}) != hashing.combined_digest(other)
