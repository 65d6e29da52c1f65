"""Vectors from company: the subspace is that of the exact decomposition, and the head is at its minimum."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from runner import nobody, result
from scipy.sparse import csr_array

from sentibp.model import linear
from sentibp.nn.layers import EmbeddingBag, Ragged
from sentibp.nn.losses import cross_entropy
from sentibp.training import pretraining, truncated_svd


def svd(matrix, dim: int, seed: int, *resumed, seen=nobody):
    return result(truncated_svd.truncated_svd(matrix, dim, np.random.default_rng(seed), *resumed), seen)


def ragged(*reviews: list[int]) -> Ragged:
    offsets = np.concatenate(([0], np.cumsum([len(review) for review in reviews])))
    return Ragged(np.array([i for review in reviews for i in review], np.int32), offsets.astype(np.int64))


def matrix(rank: int, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.standard_normal((shape[0], rank)))
    right, _ = np.linalg.qr(rng.standard_normal((shape[1], rank)))
    return (left * 2.0 ** -np.arange(rank)) @ right.T


@pytest.mark.parametrize("shape", [(300, 60), (40, 90), (7, 5)])
def test_the_directions_are_those_of_the_exact_decomposition(shape):
    dense = matrix(min(*shape, 6), shape)
    directions, strength = svd(csr_array(dense.astype(np.float32)), 3, 0)
    _, exact, right = np.linalg.svd(dense)
    np.testing.assert_allclose(strength, exact[:3], rtol=1e-3)
    np.testing.assert_allclose(np.abs(right[:3] @ directions), np.eye(3), atol=2e-2)


def test_fewer_directions_than_asked_for_are_found_without_complaint():
    directions, strength = svd(csr_array(np.ones((50, 40), np.float32)), 9, 0)
    assert np.isfinite(directions).all()
    assert strength[0] == pytest.approx(np.sqrt(50 * 40), rel=1e-4)
    assert (strength[1:] < 1e-2).all()


def test_each_round_reports_the_explained_variance():
    dense = matrix(6, (300, 60)).astype(np.float32)
    rounds = []
    directions, _ = svd(csr_array(dense), 3, 0, seen=lambda pair: rounds.append(pair[0]))
    assert [(event.round, event.rounds) for event in rounds] == [(i, 20) for i in range(1, 21)]
    explained = [event.explained_variance for event in rounds]
    np.testing.assert_allclose(explained, sorted(explained), atol=1e-5)
    assert explained[-1] > 2 * explained[0]
    loss = np.square(dense - dense @ directions @ directions.T).sum() / np.square(dense).sum()
    assert explained[-1] == pytest.approx(1 - loss, abs=1e-5)
    exact = np.square(np.linalg.svd(dense, compute_uv=False))
    assert explained[-1] == pytest.approx(exact[:3].sum() / exact.sum(), abs=1e-4)


@pytest.mark.parametrize("done", [1, 10, 19, 20])
def test_begun_after_any_round_it_ends_with_the_same_bytes(done):
    sparse = csr_array(matrix(6, (300, 60)).astype(np.float32))
    kept = {}

    def keep(pair):
        kept[pair[0].round] = {name: tensor.copy() for name, tensor in pair[1].items()}

    whole = svd(sparse, 4, 5, seen=keep)
    rounds = []
    again = svd(sparse, 4, 9, done, kept[done], seen=lambda pair: rounds.append(pair[0].round))  # it draws nothing
    assert rounds == list(range(done + 1, 21))
    for one, two in zip(whole, again, strict=True):
        assert one.tobytes() == two.tobytes()


def test_same_seed_same_bytes():
    sparse = csr_array(matrix(6, (300, 60)).astype(np.float32))
    one, two = (svd(sparse, 4, 5)[0] for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_features_of_the_same_reviews_have_similar_vectors():
    reviews = ragged(*[[0, 1, 4]] * 20, *[[2, 3, 4]] * 20, [])
    vectors = result(pretraining.review_vectors(reviews, 5, np.ones(5), 2, np.random.default_rng(0)))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = unit @ unit.T
    assert alike[0, 1] == pytest.approx(1, abs=1e-3)
    assert alike[2, 3] == pytest.approx(1, abs=1e-3)
    assert alike[0, 2] < 0.5


def test_the_arguments_are_left_as_they_are():
    """scipy sorts and sums duplicates within the arrays that it is given."""
    reviews = ragged([3, 0, 3, 1], [2, 2, 2], [], [1, 0])
    ids, offsets = reviews.ids.copy(), reviews.offsets.copy()
    result(pretraining.review_vectors(reviews, 4, np.ones(4), 2, np.random.default_rng(0)))
    result(pretraining.word_vectors(reviews, 4, 2, np.random.default_rng(0)))
    np.testing.assert_array_equal(reviews.ids, ids)
    np.testing.assert_array_equal(reviews.offsets, offsets)


def test_words_meet_within_a_window_and_not_across_reviews():
    meetings = pretraining._cooccurrences(ragged([0, 1, 2], [3, 4, 5, 6, 7, 8, 9]), 10).toarray()
    assert (meetings == meetings.T).all()
    assert meetings[0, 1] > meetings[0, 2] > 0, "nearer counts more"
    assert meetings[2, 3] == 0, "another review"
    assert meetings[3, 8] > 0
    assert meetings[3, 9] == 0, "six words apart"


def test_words_in_the_same_places_have_similar_vectors():
    reviews = ragged(*[[0, 2, 1], [0, 3, 1], [4, 5, 6], [4, 7, 6]] * 5)
    vectors = result(pretraining.word_vectors(reviews, 8, 4, np.random.default_rng(0)))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[2] @ unit[3] > 0.9
    assert unit[5] @ unit[7] > 0.9
    assert unit[2] @ unit[5] < 0.5


def test_the_head_is_at_the_minimum_of_loss_and_penalty():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3)).astype(np.float32) * [1, 10, 0.1] + [0, 5, 0]
    label = (x[:, 0] + x[:, 1] / 10 + rng.standard_normal(400) > 0.5).astype(np.int8)
    weight, bias = linear.fit_output_layer(x, label, decay=0.01)

    def objective(weight, bias):
        return cross_entropy(x @ weight + bias, label)[0] + 0.01 / 2 * ((weight * x.std(axis=0)) ** 2).sum()

    least = objective(weight, bias)
    for _ in range(20):
        step = 0.01 * rng.standard_normal(4)
        assert objective(weight + step[:3] / x.std(axis=0), bias + step[3]) > least - 1e-6


def test_the_linear_network_is_at_the_minimum_of_loss_and_penalty():
    """On a column of its own, of which each feature moves as far as its scale lets it, beside vectors that stay."""
    rng = np.random.default_rng(0)
    reviews = ragged(*[rng.integers(0, 6, rng.integers(1, 5)).tolist() for _ in range(300)])
    x = rng.standard_normal((300, 2)).astype(np.float32)
    label = (x[:, 0] + rng.standard_normal(300) > 0).astype(np.int8)
    scale = np.array([1, 2, 0.5, 0, 1, 3, 1], np.float32)  # the fourth must not move; nothing is known of the last
    column, weight, bias = linear.fit_linear_network(reviews, scale, x, label, "sqrt", 1, decay=0.02)
    assert column[3] == column[6] == 0

    def objective(own, weight, bias):
        pooled = EmbeddingBag((scale * own)[:, None].astype(np.float64), "sqrt", 1).forward(reviews)[:, 0]
        penalty = 0.02 / 2 * (np.square(own).sum() + np.square(weight).sum())
        return cross_entropy(pooled + x @ weight + bias, label)[0] + penalty

    own = np.divide(column, scale, out=np.zeros(7), where=scale > 0)
    least = objective(own, weight, bias)
    for _ in range(30):
        step = 0.02 * rng.standard_normal(10)
        assert objective(own + step[:7], weight + step[7:9], bias + step[9]) > least - 1e-6


def test_the_linear_column_is_at_a_minimum_that_parts_share(monkeypatch):
    """Features 0 to 2 have part 4; 0 has part 3 too, a longer one; 5 is alone."""
    monkeypatch.setattr(linear, "_TOLERANCE", 1e-12)
    rng = np.random.default_rng(0)
    reviews = ragged(*[rng.choice([0, 1, 5], rng.integers(1, 5)).tolist() for _ in range(300)])
    label = np.array([0 in reviews.ids[a:b] for a, b in pairwise(reviews.offsets)], np.int8)
    label ^= rng.random(300) < 0.2
    shares = np.array([0, 0, 1, 2, 3, 3, 4]), np.array([3, 4, 4, 4, 3, 4, 4])
    column, bias = linear.fit_linear_column(reviews, label, shares, 6, "mean", 2)
    assert column[0] > column[3] > column[4] == column[2], "what no review has says what its part says"

    def loss(column, bias):
        z = EmbeddingBag(column[:, None], "mean", 2).forward(reviews)[:, 0] + bias
        return cross_entropy(z, label)[0]

    assert loss(column, bias) < loss(0 * column, bias)
    assert loss(column, bias) == min(loss(column, bias + step) for step in (-0.01, 0, 0.01)), "no penalty on the bias"


def test_only_words_remain_in_their_order():
    reviews = ragged([0, 3, 1], [3], [], [2, 2])
    words = pretraining.only_words(reviews, np.array([0, 2, 3]))  # feature 1 is an n-gram
    assert words.ids.tolist() == [0, 2, 2, 1, 1]
    assert words.offsets.tolist() == [0, 2, 3, 3, 5]
