"""Tensors and a header in one file: they are restored exactly, and changes are detected."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sentibp.errors import DataError
from sentibp.utils import tensor_file

HEADER = {"format": 1, "name": "é\ud83d", "scores": {"loss": 0.1, "none": None}}
TENSORS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "step": np.array(7, np.int64),
    "none": np.zeros((0, 4), np.float32),
}

kinds = st.sampled_from([np.float32, np.float64, np.int64, np.uint8])
some_tensors = st.dictionaries(
    st.text("abc.0", min_size=1, max_size=4),
    kinds.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0, max_side=3))),
    max_size=3,
)
headers = st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.floats() | st.text() | st.integers())


@settings(deadline=None)
@given(headers, some_tensors)
def test_reading_returns_what_was_packed(tmp_path_factory, header, tensors):
    header.pop("checksum", None)
    path = tmp_path_factory.getbasetemp() / "sealed.safetensors"
    content = tensor_file.pack_tensor_file(header, tensors)
    assert content == tensor_file.pack_tensor_file(dict(reversed(header.items())), dict(reversed(tensors.items())))
    path.write_bytes(content)
    found, numbers = tensor_file.read_tensor_file(path)
    tensor_file.verify_checksum(found, numbers)
    del found["checksum"]
    assert json.dumps(found) == json.dumps(dict(sorted(header.items())))
    assert numbers.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (numbers[name].dtype, numbers[name].shape) == (tensor.dtype, tensor.shape)
        np.testing.assert_array_equal(numbers[name], tensor)


def changes():
    weight, step, none = TENSORS["weight"], TENSORS["step"], TENSORS["none"]
    other = weight.copy()
    other[1, 2] = np.nextafter(other[1, 2], np.float32(9))
    yield "a number", HEADER, TENSORS | {"weight": other}
    yield "the sign of a zero", HEADER, TENSORS | {"weight": np.where(weight == 0, np.float32(-0.0), weight)}
    yield "a shape", HEADER, TENSORS | {"weight": weight.reshape(3, 2)}
    yield "an order", HEADER, TENSORS | {"weight": np.ascontiguousarray(weight[::-1])}
    yield "a type of the same bytes", HEADER, TENSORS | {"weight": weight.view(np.int32)}
    yield "the shape of one number", HEADER, TENSORS | {"step": step.reshape(1)}
    yield "the shape of nothing", HEADER, TENSORS | {"none": none.reshape(4, 0)}
    yield "a name", HEADER, {"weighs": weight, "step": step, "none": none}
    yield "two names", HEADER, {"weight": step, "step": weight, "none": none}
    yield "a tensor less", HEADER, {"weight": weight, "step": step}
    yield "a tensor more", HEADER, TENSORS | {"more": none}
    yield "a setting", HEADER | {"name": "e"}, TENSORS
    yield "a score", HEADER | {"scores": {"loss": 0.1 + 2**-56, "none": None}}, TENSORS
    yield "a key", {"format": 1, "scores": HEADER["scores"]}, TENSORS


@pytest.mark.parametrize(("header", "tensors"), [c[1:] for c in changes()], ids=[c[0] for c in changes()])
def test_every_change_is_detected(header, tensors):
    told = tensor_file.checksum(HEADER, TENSORS)
    tensor_file.verify_checksum(HEADER | {"checksum": told}, TENSORS)
    with pytest.raises(ValueError, match="checksum"):
        tensor_file.verify_checksum(header | {"checksum": told}, tensors)


@pytest.mark.parametrize("piece", [1, 3, 1 << 21])
def test_a_change_in_any_piece_is_detected(monkeypatch, piece):
    monkeypatch.setattr(tensor_file, "_PIECE", piece)
    numbers = np.arange(10, dtype=np.uint8)
    told = tensor_file.checksum({}, {"a": numbers})
    for place in range(10):
        other = numbers.copy()
        other[place] ^= 128
        assert tensor_file.checksum({}, {"a": other}) != told


def test_a_checksum_is_required_by_default():
    tensor_file.verify_checksum({}, TENSORS, required=False)
    with pytest.raises(ValueError, match="checksum"):
        tensor_file.verify_checksum({}, TENSORS)
    for other in "", 5, [], "f" * 64:
        with pytest.raises(ValueError, match="checksum"):
            tensor_file.verify_checksum({"checksum": other}, TENSORS, required=False)


def test_another_key_is_another_kind_of_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(tensor_file.pack_tensor_file({}, TENSORS, key="other"))
    tensor_file.verify_checksum(*tensor_file.read_tensor_file(path, key="other"))
    with pytest.raises(DataError, match="not a model file of sentibp"):
        tensor_file.read_tensor_file(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS, "),
        (b"\x1f\x8b\x08\0\0\0\0\0", "compressed; "),
        (b"<!DOCTYPE html><html>", "an HTML page, "),
        (b"a good film\n", "not a model file, or damaged "),
    ],
)
def test_what_is_no_model_file(tmp_path, content, what):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=rf"x: {what}"):
        tensor_file.read_tensor_file(tmp_path / "x")


@pytest.mark.parametrize("text", ["[]", "5", "null", "{", ""])
def test_a_header_that_is_not_an_object(tmp_path, text):
    path = tmp_path / "file"
    path.write_bytes(safetensors.numpy.save(TENSORS, {"sentibp": text}))
    with pytest.raises(ValueError):
        tensor_file.read_tensor_file(path)


def test_a_file_that_does_not_fit_in_memory_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    path.write_bytes(tensor_file.pack_tensor_file({"format": 1}, {"a": np.zeros(1000, np.float32)}))
    size = path.stat().st_size
    monkeypatch.setattr(tensor_file.environment, "memory", lambda: 3 * size)
    assert tensor_file.read_tensor_file(path)[1]["a"].shape == (1000,)
    monkeypatch.setattr(tensor_file.environment, "memory", lambda: 3 * size - 1)
    with pytest.raises(DataError, match=r"a model file of 4\.. kB does not fit in memory \(12\.. kB\); train again"):
        tensor_file.read_tensor_file(path)


def test_a_tensor_of_holes_is_not_read(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [2_500_000], "data_offsets": [0, 10_000_000]}}).encode()
    path = tmp_path / "model.safetensors"
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 10_000_000)
    if not hasattr(os, "SEEK_HOLE") or os.stat(path).st_blocks * 512 >= 10_000_000:
        pytest.skip("this file system writes holes")
    with pytest.raises(DataError, match=r"damaged: of its 10,000,... bytes, those from byte .* were never written"):
        tensor_file.read_tensor_file(path)


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_file_that_changes_its_size_while_it_is_read_is_named(tmp_path, monkeypatch, size):
    path = tmp_path / "model.safetensors"
    path.write_bytes(tensor_file.pack_tensor_file({"a": 1}, {"weight": np.arange(100_000.0)}))

    class Changing(io.BufferedReader):
        def read(self, *size_of_read):
            content = super().read(*size_of_read)
            os.truncate(path, size)
            return content

    monkeypatch.setattr(tensor_file, "open_regular", lambda path: Changing(io.FileIO(path)))
    monkeypatch.setattr(tensor_file, "require_plausible", lambda *_: None)
    with pytest.raises(DataError, match=r"model.safetensors: has changed while it was read; try again when no other"):
        tensor_file.read_tensor_file(path)
