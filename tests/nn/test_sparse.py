"""The fast embedding bag equals the plain one, except for rounding, also on awkward batches."""

from __future__ import annotations

import numpy as np
import pytest
from builders import BATCHES, VOCABULARY, WIDTH, dense, fast_bag, numbers, same
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.nn import EmbeddingBag, Ragged, sparse
from sentibp.nn.sparse import FastEmbeddingBag, _row_sums

reviews = st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=12), max_size=8)
poolings = pytest.mark.parametrize("pooling", ["mean", "sum", "sqrt"])


def ragged(texts: list[list[int]]) -> Ragged:
    ids = np.array([i for text in texts for i in text], np.int32)
    return Ragged(ids, np.concatenate(([0], np.cumsum([len(text) for text in texts], dtype=np.int64))))


def agree(pooling: str, x: Ragged, dtype: type, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    weight = numbers(rng, VOCABULARY, WIDTH, dtype=dtype)
    plain, fast = EmbeddingBag(weight, pooling), FastEmbeddingBag(weight, pooling)
    dy = numbers(rng, len(x.lengths), WIDTH, dtype=dtype)
    expected = plain.forward(x, train=True)
    for y in fast.forward(x, train=True), fast.forward(x):
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    plain.backward(dy)
    fast.backward(dy)
    gradients = [dense(bag.grads["weight"], VOCABULARY) for bag in (plain, fast)]
    assert gradients[1].dtype == dtype
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=tolerance, atol=tolerance)


@poolings
@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-5)])
def test_the_fast_layer_gives_the_results_of_the_plain_layer(pooling, name, dtype, tolerance):
    agree(pooling, BATCHES[name], dtype, tolerance)


@poolings
@given(texts=reviews)
@settings(max_examples=60, deadline=None)
def test_the_fast_layer_gives_the_results_of_the_plain_layer_on_any_batch(pooling, texts):
    agree(pooling, ragged(texts), np.float64, 1e-14)


@given(texts=reviews)
@settings(max_examples=60, deadline=None)
def test_distinct_ids_are_found_without_sorting(texts):
    x = ragged(texts)
    bag = fast_bag(np.random.default_rng(0))
    for _ in range(2):  # the old content of the scratch array does not matter
        rows, column = bag._distinct(x.ids)
        assert sorted(rows.tolist()) == sorted(set(x.ids.tolist()))
        assert same(rows[column], x.ids)


@given(texts=reviews)
@settings(max_examples=60, deadline=None)
def test_a_prediction_does_not_depend_on_other_reviews(texts):
    weight = numbers(np.random.default_rng(0), VOCABULARY, WIDTH, dtype=np.float32)
    together = _row_sums(weight, ragged(texts))
    for text, row in zip(texts, together, strict=True):
        assert same(_row_sums(weight, ragged([text]))[0], row)


def test_reduceat_alone_would_give_an_empty_review_its_neighbours_words():
    """Shows the bug that `_row_sums` avoids."""
    x = ragged([[1], [], [2]])
    weight = np.eye(VOCABULARY)
    assert np.add.reduceat(weight[x.ids], x.offsets[:-1])[1].tolist() == weight[2].tolist()
    assert not _row_sums(weight, x)[1].any()


@pytest.mark.parametrize("width", [1, 2, 3, 8, 16, 17, 100])
@pytest.mark.parametrize("gathered", [7, 1000, 33_333])
def test_long_reviews_are_summed_with_few_rows_in_memory_and_the_same_bits(width, gathered, monkeypatch):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((5000, width)).astype(np.float32)
    x = Ragged(rng.integers(0, 5000, 40_000).astype(np.int32), np.array([0, 0, 5, 30_000, 39_999, 40_000]))
    whole = _row_sums(weight, x)
    monkeypatch.setattr(sparse, "_LONG", gathered * width)
    assert _row_sums(weight, x).tobytes() == whole.tobytes()
