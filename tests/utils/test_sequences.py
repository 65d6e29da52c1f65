"""Texts as lists, numpy, pandas, polars and Arrow have them become the same Arrow array; what is no text is named."""

from __future__ import annotations

import enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sentibp.errors import DataError, InvalidInput
from sentibp.utils.arrow import strings
from sentibp.utils.sequences import as_texts, is_missing, require_same_order, to_list

TEXTS = ["good", "", "ünï 🙂", "a\nb", "x" * 100]


@pytest.mark.parametrize(
    "values",
    [
        TEXTS,
        tuple(TEXTS),
        iter(TEXTS),
        (text for text in TEXTS),
        dict.fromkeys(TEXTS).keys(),
        np.array(TEXTS),
        np.array(TEXTS, object),
        np.array(TEXTS, np.dtypes.StringDType()),
        [np.str_(text) for text in TEXTS],
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype="string"),
        pd.Series(TEXTS, dtype=object, index=[9, 3, 3, 1, 0]),
        pd.Series(TEXTS, dtype="category"),
        pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())),
        pd.Index(TEXTS),
        pl.Series(TEXTS),
        pl.Series(TEXTS, dtype=pl.Categorical),
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS).dictionary_encode(),
        pa.chunked_array([TEXTS[:2], TEXTS[2:]]),
        pd.Series(TEXTS, index=["columns", *range(1, len(TEXTS))]),  # no table, though it has `columns`
        pa.array(["no", *TEXTS])[1:],
        strings(TEXTS),
    ],
    ids=lambda values: type(values).__name__,
)
def test_texts_of_every_kind(values):
    found = as_texts(values)
    assert found.type == pa.large_string()
    assert found.to_pylist() == TEXTS


@pytest.mark.parametrize(
    "values",
    [[], (), np.array([], str), np.array([]), pd.Series([], dtype=str), pl.Series([], dtype=pl.String), pa.nulls(0)],
    ids=lambda values: type(values).__name__,
)
def test_no_texts_are_texts(values):
    assert as_texts(values).to_pylist() == []


def test_half_of_a_surrogate_pair_is_a_question_mark():
    assert as_texts(["a\ud800b"]).to_pylist() == ["a?b"]


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b", None, None],
        np.array(["a", "b", None], object),
        ["a", "b", float("nan")],
        ["a", "b", np.float32("nan")],
        pd.Series(["a", "b", None]),
        pd.Series(["a", "b", None], dtype="string"),
        pd.Series(["a", "b", None], dtype=pd.ArrowDtype(pa.string())),
        pd.Series(["a", "b", None], dtype="category"),
        ["a", "b", pd.NA],
        ["a", "b", pd.NaT],
        pl.Series(["a", "b", None]),
        pa.array(["a", "b", None]),
        pa.chunked_array([["a"], ["b", None]]),
        pa.array(["a", "b", None]).dictionary_encode(),
    ],
    ids=lambda values: type(values).__name__,
)
def test_a_missing_text_is_named_by_its_position(values):
    with pytest.raises(InvalidInput) as caught:
        as_texts(values, "reviews")
    assert isinstance(caught.value, DataError | ValueError)
    assert str(caught.value) == ('reviews[2] is missing (None or NaN); leave it out, or write an empty text as ""')


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("good", "texts is a single text; give a list, also of one: ['good']"),
        (b"good", "texts is a single text; give a list, also of one: [b'good']"),
        (None, "texts is None (NoneType); give a list"),
        (3, "texts is 3 (int); give a list"),
        ({"a": "b"}, "texts is a dict; give a list, whose order is that of the result"),
        ({"a"}, "texts is a set; give a list, whose order is that of the result"),
        (["a", 1], "texts[1] is 1 (int), which is no text; give a str"),
        (["a", ["b"]], "texts[1] is ['b'] (list), which is no text; give a str"),
        ([b"a"], "texts[0] is b'a' (bytes), which is no text; decode it"),
        (np.array([b"a"]), "texts[0] is b'a' (bytes), which is no text; decode it"),
        (np.array([1.5]), "texts[0] is 1.5 (float), which is no text; give a str"),
        (np.array([["a"]]), "texts is a table; give one of its columns"),
        (pd.DataFrame({"a": ["b"]}), "texts is a table; give one of its columns"),
        (pl.DataFrame({"a": ["b"]}), "texts is a table; give one of its columns"),
        (pa.table({"a": ["b"]}), "texts is a table; give one of its columns"),
        (np.array("a"), "texts has the shape (); give an array of one dimension"),
        (pa.array([1]), "texts are int64, not texts; give an array of strings"),
        (pa.array([["a"]]), "texts are list<item: string>, not texts; give an array of strings"),
        (pa.nulls(2), 'texts[0] is missing (None or NaN); leave it out, or write an empty text as ""'),
        (pl.Series([1]), "texts are int64, not texts; give an array of strings"),
    ],
    ids=str,
)
def test_what_is_no_list_of_texts_is_refused(values, message):
    with pytest.raises(InvalidInput) as caught:
        as_texts(values)
    assert str(caught.value) == message


class Named(str, enum.Enum):  # noqa: UP042  # of which str() is another text
    """A name with a value."""

    a = "a"


def test_values_are_plain():
    for values in np.array([1, 2]), pd.Series([1, 2]), pl.Series([1, 2]), pa.array([1, 2]), [np.int8(1), 2]:
        found = to_list(values, "y")
        assert found == [1, 2]
        assert {type(value) for value in found} == {int}
    objects = [np.int64(1), np.str_("a"), Named.a, 2.5, True]
    for values in pd.Series(objects, dtype=object), [np.array(1), *objects[1:]]:  # so has torch single numbers
        found = to_list(values, "y")
        assert found == [1, "a", "a", 2.5, True]
        assert [type(value) for value in found] == [int, str, str, float, bool]
    assert not is_missing("nan")
    assert not is_missing(0)


def test_series_of_one_index_are_in_one_order():
    """Values are paired by their position; pandas would pair these by their index."""
    texts = pd.Series(["a", "b", "c"], index=[7, 8, 9])
    other = pd.Series([1, 2, 3], index=[9, 7, 8])
    with pytest.raises(InvalidInput) as raised:
        require_same_order(texts, "X", {"y": texts, "groups": other})
    assert str(raised.value) == (
        "groups has the index of X in another order; give groups.loc[X.index], or groups.to_numpy() if the values are "
        "in the order of X"
    )
    for right in other.loc[texts.index], other.to_numpy(), pl.Series([1, 2, 3]), [1, 2, 3], None, other[:2]:
        require_same_order(texts, "X", {"groups": right})
    require_same_order(texts, "X", {"y": other.reset_index(drop=True)})  # no sign of another order
    repeated = pd.Series([1, 2, 3], index=[7, 7, 8])
    with pytest.raises(InvalidInput, match=r"another order; bring both into the same order, or y.to_numpy\(\) if"):
        require_same_order(repeated, "X", {"y": repeated[::-1]})
