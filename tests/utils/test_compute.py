"""The functions have the results of those of pyarrow.compute that have their names."""

from __future__ import annotations

import inspect

import pyarrow as pa
import pyarrow.compute
import pytest

from sentibp.utils import compute

TEXTS = pa.array(["Good", None, "", "ÇA VA", "e\u0301t\u00e9", "a-b-a", "Good"], pa.large_string())
NUMBERS = pa.array([3, None, 1, 3], pa.int64())
MASK = pa.array([True, False, None, True, True, False, False])
SCALAR = pa.scalar("a", pa.large_string())

CALLS = [
    ("filter", TEXTS, MASK),
    ("take", TEXTS, pa.array([3, 0, 0], pa.int32())),
    ("cast", NUMBERS, pa.float64()),
    ("cast", TEXTS, pa.large_binary()),
    ("dictionary_encode", TEXTS),
    ("dictionary_encode", TEXTS, "encode"),
    ("fill_null", NUMBERS, pa.scalar(7, pa.int64())),
    ("is_valid", TEXTS),
    ("invert", MASK),
    ("equal", TEXTS, pa.scalar("Good", pa.large_string())),
    ("if_else", MASK, TEXTS, SCALAR),
    ("index_in", TEXTS, pa.array(["", "Good"], pa.large_string())),
    ("is_in", TEXTS, pa.array(["", "Good"], pa.large_string())),
    ("replace_with_mask", TEXTS, MASK.fill_null(False), pa.array(["x", "y", "z"], pa.large_string())),
    ("binary_length", TEXTS),
    ("utf8_length", TEXTS),
    ("utf8_lower", TEXTS),
    ("utf8_normalize", TEXTS, "NFC"),
    ("utf8_slice_codeunits", TEXTS, 1, 3),
    ("utf8_slice_codeunits", TEXTS, -2),
    ("string_is_ascii", TEXTS),
    ("starts_with", TEXTS, "a-"),
    ("ends_with", TEXTS, "-a"),
    ("match_substring_regex", TEXTS, r"^a|\pL{4}"),
    ("replace_substring", TEXTS, "a", "##"),
    ("replace_substring_regex", TEXTS, "([a-d])", r"<\1>"),
    ("binary_join_element_wise", TEXTS, TEXTS, SCALAR),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
@pytest.mark.parametrize("chunked", [False, True], ids=["array", "chunks"])
def test_like_pyarrow(call, chunked):
    name, values, *others = call
    if chunked:
        values = pa.chunked_array([values.slice(0, 2), values.slice(2)])
    expected = getattr(pyarrow.compute, name)(values, *others)
    found = getattr(compute, name)(values, *others)
    assert found.type == expected.type
    assert found.to_pylist() == expected.to_pylist()
    assert found.null_count == expected.null_count


def test_each_function_is_tested():
    functions = {name for name, each in vars(compute).items() if inspect.isfunction(each)}
    assert functions == {name for name, *_ in CALLS}


@pytest.mark.parametrize(("value", "kind"), [(300, pa.int8()), (-1, pa.uint32())])
def test_a_cast_loses_nothing(value, kind):
    with pytest.raises(pa.ArrowInvalid):
        compute.cast(pa.array([value], pa.int64()), kind)
