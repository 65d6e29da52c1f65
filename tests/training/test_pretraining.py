"""Vectors of words and n-grams, the truncated SVD, and linear classifiers at the minimum of their loss."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from runner import nobody, result
from scipy.sparse import csr_array

from sentibp.config.load import load_config
from sentibp.data.examples import Examples
from sentibp.data.vocabulary import vocabulary_of_words
from sentibp.model import linear
from sentibp.model.naive_bayes import log_count_ratio
from sentibp.nn.layers import EmbeddingBag, Ragged
from sentibp.nn.losses import cross_entropy, softmax_cross_entropy
from sentibp.training import pretraining, truncated_svd
from sentibp.utils.arrow import strings


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
def test_the_singular_vectors_are_those_of_the_exact_decomposition(shape):
    dense = matrix(min(*shape, 6), shape)
    directions, singular_values = svd(csr_array(dense.astype(np.float32)), 3, 0)
    _, exact, right = np.linalg.svd(dense)
    np.testing.assert_allclose(singular_values, exact[:3], rtol=1e-3)
    np.testing.assert_allclose(np.abs(right[:3] @ directions), np.eye(3), atol=2e-2)


def test_a_rank_below_dim_is_no_error():
    directions, singular_values = svd(csr_array(np.ones((50, 40), np.float32)), 9, 0)
    assert np.isfinite(directions).all()
    assert singular_values[0] == pytest.approx(np.sqrt(50 * 40), rel=1e-4)
    assert (singular_values[1:] < 1e-2).all()


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
def test_resumed_after_any_round_it_returns_the_same_bytes(done):
    sparse = csr_array(matrix(6, (300, 60)).astype(np.float32))
    states = {}

    def save_state(pair):
        states[pair[0].round] = {name: tensor.copy() for name, tensor in pair[1].items()}

    uninterrupted = svd(sparse, 4, 5, seen=save_state)
    rounds = []
    resumed_result = svd(
        sparse, 4, 9, done, states[done], seen=lambda pair: rounds.append(pair[0].round)
    )  # no random numbers are drawn
    assert rounds == list(range(done + 1, 21))
    for one, two in zip(uninterrupted, resumed_result, strict=True):
        assert one.tobytes() == two.tobytes()


def test_same_seed_same_bytes():
    sparse = csr_array(matrix(6, (300, 60)).astype(np.float32))
    one, two = (svd(sparse, 4, 5)[0] for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_features_of_the_same_reviews_have_similar_vectors():
    reviews = ragged(*[[0, 1, 4]] * 20, *[[2, 3, 4]] * 20, [])
    vectors = result(pretraining.review_vectors(reviews, 5, np.ones(5), 2, np.random.default_rng(0)))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    assert similarity[0, 1] == pytest.approx(1, abs=1e-3)
    assert similarity[2, 3] == pytest.approx(1, abs=1e-3)
    assert similarity[0, 2] < 0.5


def test_the_reviews_are_not_modified():
    """scipy sorts its input arrays and sums their duplicates in place."""
    reviews = ragged([3, 0, 3, 1], [2, 2, 2], [], [1, 0])
    ids, offsets = reviews.ids.copy(), reviews.offsets.copy()
    result(pretraining.review_vectors(reviews, 4, np.ones(4), 2, np.random.default_rng(0)))
    result(pretraining.word_vectors(reviews, 4, 2, np.random.default_rng(0)))
    np.testing.assert_array_equal(reviews.ids, ids)
    np.testing.assert_array_equal(reviews.offsets, offsets)


def test_words_cooccur_within_a_window_and_one_review():
    counts = pretraining._cooccurrences(ragged([0, 1, 2], [3, 4, 5, 6, 7, 8, 9]), 10).toarray()
    assert (counts == counts.T).all()
    assert counts[0, 1] > counts[0, 2] > 0, "near neighbours count more"
    assert counts[2, 3] == 0, "another review"
    assert counts[3, 8] > 0
    assert counts[3, 9] == 0, "six words apart"


def test_words_with_the_same_neighbours_have_similar_vectors():
    reviews = ragged(*[[0, 2, 1], [0, 3, 1], [4, 5, 6], [4, 7, 6]] * 5)
    vectors = result(pretraining.word_vectors(reviews, 8, 4, np.random.default_rng(0)))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[2] @ unit[3] > 0.9
    assert unit[5] @ unit[7] > 0.9
    assert unit[2] @ unit[5] < 0.5


def test_vectors_of_words_factorize_the_mutual_information():
    """Their products are those of the matrix, whose contexts count with the power of 0.75 (Levy et al., 2015)."""
    rng = np.random.default_rng(0)
    reviews = ragged(*[rng.choice(6, 5, p=[0.4, 0.3, 0.1, 0.1, 0.06, 0.04]).tolist() for _ in range(40)])
    counts = pretraining._cooccurrences(reviews, 6).toarray().astype(np.float64)
    share = counts.sum(axis=1) / counts.sum()
    context = share**0.75 / (share**0.75).sum()
    with np.errstate(divide="ignore"):
        information = np.maximum(np.log(counts / counts.sum() / share[:, None] / context), 0)
    vectors = result(pretraining.word_vectors(reviews, 6, 6, np.random.default_rng(0))).astype(np.float64)
    products = vectors @ vectors.T
    np.testing.assert_allclose(products @ products, information @ information.T, rtol=1e-3, atol=1e-4)


def test_features_that_occur_often_enough_get_vectors():
    config = load_config("imdb_pretrained", ["pretrain.min_count=3", "pretrain.dim=2"]).config
    vocabulary = vocabulary_of_words(strings(list("abcde")), True)
    features = ragged([0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 3], [0, 3])  # 5, 3, 3, 2 and 0 times
    training = Examples(features, np.array([1, 0, 1, 0, 1], np.int8))
    extra = pretraining.PretrainingData(features, None, ragged())
    vectors = result(pretraining.learn_vectors(config, vocabulary, training, extra, 0))
    np.testing.assert_array_equal(np.flatnonzero(vectors.rows(5, 2).any(axis=1)), [0, 1, 2])


def test_the_output_layer_is_at_the_minimum_of_loss_and_penalty():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3)).astype(np.float32) * [1, 10, 0.1] + [0, 5, 0]
    label = (x[:, 0] + x[:, 1] / 10 + rng.standard_normal(400) > 0.5).astype(np.int8)
    weight, bias = (each[..., 0] for each in linear.fit_output_layer(x, label, decay=0.01))

    def objective(weight, bias):
        return cross_entropy(x @ weight + bias, label)[0] + 0.01 / 2 * ((weight * x.std(axis=0)) ** 2).sum()

    minimum = objective(weight, bias)
    for _ in range(20):
        step = 0.01 * rng.standard_normal(4)
        assert objective(weight + step[:3] / x.std(axis=0), bias + step[3]) > minimum - 1e-6


def test_the_linear_network_is_at_the_minimum_of_loss_and_penalty():
    """The network has a trained column, in which each weight moves as far as its scale allows, and fixed vectors."""
    rng = np.random.default_rng(0)
    reviews = ragged(*[rng.integers(0, 6, rng.integers(1, 5)).tolist() for _ in range(300)])
    x = rng.standard_normal((300, 2)).astype(np.float32)
    label = (x[:, 0] + rng.standard_normal(300) > 0).astype(np.int8)
    scale = np.array([1, 2, 0.5, 0, 1, 3, 1], np.float32)  # the fourth must not move; the last does not occur
    fitted = linear.fit_linear_network(reviews, scale[:, None], x, label, "sqrt", 1, decay=0.02)
    column, weight, bias = (each[..., 0] for each in fitted)
    assert column[3] == column[6] == 0

    def objective(unscaled, weight, bias):
        pooled = EmbeddingBag((scale * unscaled)[:, None].astype(np.float64), "sqrt", 1).forward(reviews)[:, 0]
        penalty = 0.02 / 2 * (np.square(unscaled).sum() + np.square(weight).sum())
        return cross_entropy(pooled + x @ weight + bias, label)[0] + penalty

    unscaled = np.divide(column, scale, out=np.zeros(7), where=scale > 0)
    minimum = objective(unscaled, weight, bias)
    for _ in range(30):
        step = 0.02 * rng.standard_normal(10)
        assert objective(unscaled + step[:7], weight + step[7:9], bias + step[9]) > minimum - 1e-6


def test_the_linear_network_shares_the_weights_of_affixes():
    """It is the network of texts in which each word is followed by its affixes, if all values are summed."""
    rng = np.random.default_rng(0)
    words = [rng.choice([0, 1, 5], rng.integers(1, 5)).tolist() for _ in range(200)]
    pairs = np.array([0, 0, 1, 2, 3, 3, 4]), np.array([3, 4, 4, 4, 3, 4, 4])  # feature and affix, as below
    affixes = {word: pairs[1][pairs[0] == word].tolist() for word in (0, 1, 5)}
    spelled_out = [[each for word in text for each in (word, *affixes[word])] for text in words]
    x = rng.standard_normal((200, 2)).astype(np.float32)
    label = np.array([0 in text for text in words], np.int8) ^ (rng.random(200) < 0.2)
    scale = np.array([1, 2, 1, 0.5, 1, 1], np.float32)[:, None]
    shared = linear.SharedWeights(pairs, 6)
    ours = linear.fit_linear_network(ragged(*words), scale, x, label, "sum", 0, decay=0.02, shared=shared)
    theirs = linear.fit_linear_network(ragged(*spelled_out), scale, x, label, "sum", 0, decay=0.02)
    np.testing.assert_allclose(ours[1], theirs[1], atol=2e-3)
    sums = [theirs[0][[feature, *affixes[feature]], 0].sum() for feature in (0, 1, 5)]
    np.testing.assert_allclose(ours[0][[0, 1, 5], 0], sums, atol=2e-3)
    assert ours[0][2] == ours[0][4] != 0, "a feature that does not occur has the weight of its affix"


def test_the_linear_column_is_at_a_minimum_with_shared_affix_weights(monkeypatch):
    """Features 0 to 2 have the affix 4. Feature 0 also has 3, a longer one. Feature 5 has none."""
    monkeypatch.setattr(linear, "_TOLERANCE", 1e-12)
    rng = np.random.default_rng(0)
    reviews = ragged(*[rng.choice([0, 1, 5], rng.integers(1, 5)).tolist() for _ in range(300)])
    label = np.array([0 in reviews.ids[a:b] for a, b in pairwise(reviews.offsets)], np.int8)
    label ^= rng.random(300) < 0.2
    shares = np.array([0, 0, 1, 2, 3, 3, 4]), np.array([3, 4, 4, 4, 3, 4, 4])
    columns, bias, _ = linear.fit_linear_columns(Examples(reviews, label), shares, 6, "mean", 2)
    column = columns[:, 0]
    assert column[0] > column[3] > column[4] == column[2], "a feature that does not occur has the weight of its affix"

    def loss(column, bias):
        z = EmbeddingBag(column[:, None], "mean", 2).forward(reviews)[:, 0] + bias
        return cross_entropy(z, label)[0]

    assert loss(column, bias) < loss(0 * column, bias)
    assert loss(column, bias) == min(loss(column, bias + step) for step in (-0.01, 0, 0.01)), "no penalty on the bias"


def test_only_words_removes_ngrams_and_keeps_the_order():
    reviews = ragged([0, 3, 1], [3], [], [2, 2])
    words = pretraining.only_words(reviews, np.array([0, 2, 3]))  # feature 1 is an n-gram
    assert words.ids.tolist() == [0, 2, 2, 1, 1]
    assert words.offsets.tolist() == [0, 2, 3, 3, 5]


HEADS = [("scale", 3), ("scale", 5), ("softmax", 3), ("cumulative", 4)]


def logits(head: linear.Head, outputs: np.ndarray) -> np.ndarray:
    return outputs if head.layer is None else head.layer.forward(outputs)


def moved(head: linear.Head, step: np.ndarray) -> linear.Head:
    """Return a head with the parameters of another, plus a step."""
    other = linear.Head(head.kind, head.classes)
    other.set(np.concatenate([np.zeros(0), *head.parameters.values()]) + step)
    return other


@pytest.mark.parametrize(("kind", "classes"), HEADS)
def test_an_output_layer_of_several_classes_is_at_the_minimum(kind, classes):
    """With labels that are numbers, and with labels that are probabilities."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3)).astype(np.float32) * [1, 10, 0.1] + [0, 5, 0]
    place = x[:, 0] + x[:, 1] / 10 + rng.standard_normal(400)
    number = np.digitize(place, np.quantile(place, np.arange(1, classes) / classes)).astype(np.int8)
    shares = rng.dirichlet(np.ones(classes), 400) / 2 + np.eye(classes)[number] / 2
    for label in (number, shares):
        head = linear.Head(kind, classes)
        weight, bias = linear.fit_output_layer(x, label, decay=0.01, head=head)
        assert weight.shape == (3, head.outputs)

        def objective(head, weight, bias, label=label):
            loss, _ = softmax_cross_entropy(logits(head, x @ weight + bias), label)
            return loss + 0.01 / 2 * ((weight * x.std(axis=0)[:, None]) ** 2).sum()

        minimum = objective(head, weight, bias)
        for _ in range(20):
            step = 0.02 * rng.standard_normal((4, head.outputs))
            there = moved(head, 0.02 * rng.standard_normal(head.size))
            assert objective(there, weight + step[:3] / x.std(axis=0)[:, None], bias + step[3]) > minimum - 1e-6


@pytest.mark.parametrize(("kind", "classes"), HEADS)
def test_a_linear_network_of_several_classes_is_at_the_minimum(kind, classes):
    rng = np.random.default_rng(0)
    reviews = ragged(*[rng.integers(0, 6, rng.integers(1, 5)).tolist() for _ in range(300)])
    x = rng.standard_normal((300, 2)).astype(np.float32)
    label = np.digitize(x[:, 0] + rng.standard_normal(300), np.linspace(-1, 1, classes - 1)).astype(np.int8)
    head = linear.Head(kind, classes)
    scale = np.array([1, 2, 0.5, 0, 1, 3, 1], np.float32)[:, None] * np.linspace(1, 2, head.outputs, dtype=np.float32)
    columns, weight, bias = linear.fit_linear_network(reviews, scale, x, label, "sqrt", 1, decay=0.02, head=head)
    assert columns.shape == (7, head.outputs)
    assert not columns[[3, 6]].any()

    def objective(head, unscaled, weight, bias):
        pooled = EmbeddingBag((scale * unscaled).astype(np.float64), "sqrt", 1).forward(reviews)
        penalty = 0.02 / 2 * (np.square(unscaled).sum() + np.square(weight).sum())
        return softmax_cross_entropy(logits(head, pooled + x @ weight + bias), label)[0] + penalty

    unscaled = np.divide(columns, scale, out=np.zeros_like(columns), where=scale > 0)
    minimum = objective(head, unscaled, weight, bias)
    for _ in range(30):
        steps = [0.02 * rng.standard_normal(each.shape) for each in (unscaled, weight, bias)]
        found = [each + step for each, step in zip((unscaled, weight, bias), steps, strict=True)]
        assert objective(moved(head, 0.02 * rng.standard_normal(head.size)), *found) > minimum - 1e-6


def test_unlabelled_reviews_are_labelled_by_the_answers_of_a_linear_classifier():
    """An n-gram of the unlabelled reviews gets a ratio by the words beside it, as if its reviews had labels."""
    good, bad, often_with_good, often_with_bad, everywhere = range(5)
    training = Examples(ragged(*[[good, everywhere], [bad, everywhere]] * 40), np.tile([1, 0], 40).astype(np.int8))
    unlabelled = ragged(*[[good, often_with_good, everywhere], [bad, often_with_bad, everywhere]] * 60)
    config = load_config("imdb_pretrained").config
    vocabulary = vocabulary_of_words(strings(["good", "bad", "often with good", "often with bad", "everywhere"]), True)
    known = pretraining.with_answers(config, vocabulary, training, unlabelled, 0)
    assert len(known) == 80 + 120
    np.testing.assert_array_equal(known.label[:80], training.label)
    assert (known.label[80::2] > 0.8).all() and (known.label[81::2] < 0.2).all()
    ratio = log_count_ratio(known, 5)
    assert ratio[often_with_good] > 1 > abs(ratio[everywhere]) < 0.1 and ratio[often_with_bad] < -1
    weighted = replace(training, weight=np.ones(80, np.float32))
    answers = pretraining.with_answers(config, vocabulary, weighted, unlabelled, 0)
    np.testing.assert_allclose(answers.label, known.label, atol=1e-6)
    np.testing.assert_array_equal(answers.weight, np.ones(200))
    assert pretraining.with_answers(config, vocabulary, training, ragged(), 0) is training
    wrong = Examples(training.features, 1 - training.label)
    both = pretraining.concatenate_reviews([training.features, wrong.features])
    weight = np.repeat([1, 0], 80).astype(np.float32)
    more = Examples(both, np.concatenate([training.label, wrong.label]), weight)
    answers = pretraining.with_answers(config, vocabulary, more, unlabelled, 0)
    np.testing.assert_allclose(answers.label[160:], known.label[80:], atol=0.05)  # without weights: 0.5
