"""The functions of pyarrow.compute that the text of a prediction passes, under the same names and without its import.

`import pyarrow.compute` writes a documented Python function for each of Arrow's 250, which takes longer than loading
Arrow itself. A command that predicts one text needs twenty of them. The methods of arrays that compute import it, too,
so four of these are here as functions: `filter`, `take`, `cast`, `dictionary_encode`.

All values are arrays (n,) or chunked arrays, or scalars where Arrow takes them. Regular expressions are those of RE2.
Source: https://arrow.apache.org/docs/cpp/compute.html
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow._compute import (  # what pyarrow.compute itself is made of
    CastOptions,
    DictionaryEncodeOptions,
    FilterOptions,
    JoinOptions,
    MatchSubstringOptions,
    ReplaceSubstringOptions,
    SetLookupOptions,
    SliceOptions,
    Utf8NormalizeOptions,
    call_function,
)


def filter(values: Any, mask: Any) -> Any:
    """Return the values where the mask (n,) of booleans is true."""
    return call_function("filter", [values, mask], FilterOptions())


def take(values: Any, indices: Any) -> Any:
    """Return the values at the indices (m,)."""
    return call_function("take", [values, indices])


def cast(values: Any, target: pa.DataType) -> Any:
    """Return the values as another type. ArrowInvalid if one does not fit."""
    return call_function("cast", [values], CastOptions.safe(target))


def dictionary_encode(values: Any, null_encoding: str = "mask") -> Any:
    """Return a dictionary array: the distinct values, in order of appearance, and the index (n,) int32 of each.

    The index of a null is null, or with the encoding `encode` that of a null among the values.
    """
    return call_function("dictionary_encode", [values], DictionaryEncodeOptions(null_encoding))


def fill_null(values: Any, value: Any) -> Any:
    """Return the values, with a scalar of their type in place of nulls."""
    return call_function("coalesce", [values, value])


def is_valid(values: Any) -> Any:
    """Return which values are not null."""
    return call_function("is_valid", [values])


def invert(values: Any) -> Any:
    """Return the opposite of booleans."""
    return call_function("invert", [values])


def equal(left: Any, right: Any) -> Any:
    """Return where two arrays, or an array and a scalar, are equal."""
    return call_function("equal", [left, right])


def if_else(condition: Any, left: Any, right: Any) -> Any:
    """Return the values of `left` where the condition is true, and else those of `right`."""
    return call_function("if_else", [condition, left, right])


def index_in(values: Any, value_set: Any) -> Any:
    """Return the index (n,) int32 of each value in the set, or null."""
    return call_function("index_in", [values], SetLookupOptions(value_set))


def is_in(values: Any, value_set: Any) -> Any:
    """Return which values are in the set."""
    return call_function("is_in", [values], SetLookupOptions(value_set))


def replace_with_mask(values: Any, mask: Any, replacements: Any) -> Any:
    """Return the values, with the next of the replacements wherever the mask is true."""
    return call_function("replace_with_mask", [values, mask, replacements])


def binary_length(texts: Any) -> Any:
    """Return the number of bytes of each text."""
    return call_function("binary_length", [texts])


def utf8_length(texts: Any) -> Any:
    """Return the number of characters of each text."""
    return call_function("utf8_length", [texts])


def utf8_lower(texts: Any) -> Any:
    """Return the texts in lower case."""
    return call_function("utf8_lower", [texts])


def utf8_normalize(texts: Any, form: str) -> Any:
    """Return the texts in a Unicode normal form, such as NFC."""
    return call_function("utf8_normalize", [texts], Utf8NormalizeOptions(form))


def utf8_slice_codeunits(texts: Any, start: int, stop: int | None = None) -> Any:
    """Return the characters from `start` to before `stop` of each text."""
    return call_function("utf8_slice_codeunits", [texts], SliceOptions(start, stop))


def string_is_ascii(texts: Any) -> Any:
    """Return which texts are ASCII."""
    return call_function("string_is_ascii", [texts])


def starts_with(texts: Any, pattern: str) -> Any:
    """Return which texts begin with a string."""
    return call_function("starts_with", [texts], MatchSubstringOptions(pattern))


def ends_with(texts: Any, pattern: str) -> Any:
    """Return which texts end with a string."""
    return call_function("ends_with", [texts], MatchSubstringOptions(pattern))


def match_substring_regex(texts: Any, pattern: str) -> Any:
    """Return which texts contain a match of a regular expression."""
    return call_function("match_substring_regex", [texts], MatchSubstringOptions(pattern))


def replace_substring(texts: Any, pattern: str, replacement: str) -> Any:
    """Return the texts with each occurrence of a string replaced."""
    return call_function("replace_substring", [texts], ReplaceSubstringOptions(pattern, replacement))


def replace_substring_regex(texts: Any, pattern: str, replacement: str) -> Any:
    """Return the texts with each match of a regular expression replaced."""
    return call_function("replace_substring_regex", [texts], ReplaceSubstringOptions(pattern, replacement))


def binary_join_element_wise(*texts: Any) -> Any:
    """Join texts, row by row, with the last argument between them."""
    return call_function("binary_join_element_wise", texts, JoinOptions())
