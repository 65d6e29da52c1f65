"""Every layer keeps the same contract, tested on a table of layers. Tests of single layers follow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest
from builders import (
    AWKWARD,
    BATCHES,
    LAYERS,
    VOCABULARY,
    WIDTH,
    bag,
    batch_norm,
    copies,
    deep,
    dense,
    fast_bag,
    linear,
    numbers,
    ragged,
    same,
    skip,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.nn import (
    BatchNorm,
    Dropout,
    EmbeddingBag,
    Ragged,
    ReLU,
    Residual,
    RowGrad,
    Sequential,
    Tanh,
    WordDropout,
    gradcheck,
    sigmoid,
)
from sentibp.nn.arrays import add_row_gradients, put_rows, take_rows
from sentibp.nn.layers import DroppedWords
from sentibp.nn.sparse import Indexed

every_layer = pytest.mark.parametrize("name", LAYERS)
every_batch = pytest.mark.parametrize("batch", BATCHES)
every_pooling = pytest.mark.parametrize("pooling", ["mean", "sum", "sqrt"])
both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])
few = settings(max_examples=60, deadline=None)

reviews = st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=6), max_size=9)  # short, so that words repeat


def prepared(name, dtype=np.float64, n=7):
    """Return a layer of the table, an input for it, and a dy of the shape of its output."""
    rng = np.random.default_rng(list(LAYERS).index(name))
    layer = LAYERS[name].build(rng, dtype)
    x = LAYERS[name].input(rng, dtype, n)
    return layer, x, numbers(rng, *layer.forward(x).shape, dtype=dtype)


# --- the contract of every layer


@pytest.mark.parametrize("n", [7, 1])
@pytest.mark.parametrize("name", LAYERS)
def test_backward_agrees_with_differences(name, n):
    layer, x, _ = prepared(name, n=n)
    errors = gradcheck.check_layer(layer, x, np.random.default_rng(0))
    assert set(errors) == {*layer.params, *(() if isinstance(x, Ragged) else ["x"])}
    assert all(error < gradcheck.TOLERANCE for error in errors.values()), errors


@both_precisions
@every_layer
def test_all_results_have_the_dtype_of_the_parameters(name, dtype):
    layer, x, dy = prepared(name, dtype)
    assert layer.forward(x).dtype == dtype
    assert layer.forward(x, train=True).dtype == dtype
    dx = layer.backward(dy)
    assert dx is None or dx.dtype == dtype
    for gradient in layer.grads.values():
        assert (gradient.values if isinstance(gradient, RowGrad) else gradient).dtype == dtype
    assert all(tensor.dtype == dtype for tensor in [*layer.params.values(), *layer.buffers.values()])


@every_layer
def test_arguments_and_parameters_are_left_as_they_are(name):
    layer, x, dy = prepared(name)
    before = copies(layer.params)
    x_before = Ragged(*(a.copy() for a in x)) if isinstance(x, Ragged) else x.copy()
    dy_before = dy.copy()
    layer.forward(x)
    layer.forward(x, train=True)
    layer.backward(dy)
    assert same(x, x_before)
    assert same(dy, dy_before)
    assert same(layer.params, before)


@every_layer
def test_gradients_have_the_shape_of_their_variables(name):
    layer, x, dy = prepared(name)
    layer.forward(x, train=True)
    dx = layer.backward(dy)
    assert dx is None if isinstance(x, Ragged) else dx.shape == x.shape
    assert list(layer.grads) == list(layer.params)
    for key, gradient in layer.grads.items():
        shape = (len(layer.params[key]), gradient.values.shape[1]) if isinstance(gradient, RowGrad) else gradient.shape
        assert shape == layer.params[key].shape


@every_layer
def test_a_batch_gives_the_same_predictions_as_single_reviews(name):
    layer, x, _ = prepared(name)
    together = layer.forward(x)
    alone = [layer.forward(x.slice(j, j + 1) if isinstance(x, Ragged) else x[j : j + 1]) for j in range(len(together))]
    # Not to the bit: the matrix product adds its terms in an order that depends on the shapes of the matrices.
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-13, atol=1e-14)


@every_layer
def test_an_empty_batch_can_be_predicted(name):
    layer, x, dy = prepared(name)
    nothing = ragged() if isinstance(x, Ragged) else x[:0]
    assert layer.forward(nothing).shape == (0, dy.shape[1])


@every_layer
def test_prediction_stores_nothing(name):
    layer, x, dy = prepared(name)
    buffers = copies(layer.buffers)
    layer.forward(x)
    assert same(layer.buffers, buffers)
    with pytest.raises(RuntimeError, match=r"needs a forward\(train=True\)"):
        layer.backward(dy)


@every_layer
def test_backward_works_once_per_forward(name):
    layer, x, dy = prepared(name)
    layer.forward(x, train=True)
    layer.backward(dy)
    with pytest.raises(RuntimeError, match=r"needs a forward\(train=True\)"):
        layer.backward(dy)


@every_layer
def test_prediction_between_forward_and_backward_does_not_disturb_them(name):
    layer, x, dy = prepared(name)
    rewind = gradcheck.replay(layer)
    layer.forward(x, train=True)
    dx, gradients = layer.backward(dy), copies(layer.grads)
    rewind()
    layer.forward(x, train=True)
    layer.forward(LAYERS[name].input(np.random.default_rng(8), n=2))
    assert same(layer.backward(dy), dx)
    assert same(layer.grads, gradients)


@every_layer
def test_backward_sets_gradients_and_does_not_accumulate(name):
    layer, x, dy = prepared(name)
    rewind = gradcheck.replay(layer)
    seen = []
    for _ in range(2):
        rewind()
        layer.forward(x, train=True)
        layer.backward(dy)
        seen.append(copies(layer.grads))
    assert same(*seen)


@every_layer
def test_there_are_no_gradients_before_the_first_backward(name):
    assert dict(prepared(name)[0].grads) == {}


@every_layer
def test_predictions_do_not_depend_on_threads(name):
    layer, _, _ = prepared(name)
    inputs = [LAYERS[name].input(np.random.default_rng(seed), n=1 + seed % 7) for seed in range(40)]
    with ThreadPoolExecutor(4) as threads:
        assert same(tuple(threads.map(layer.forward, inputs)), tuple(map(layer.forward, inputs)))


@pytest.mark.parametrize("ahead", [4, 1])
@every_layer
def test_prefetched_inputs_give_the_same_numbers_and_generator_states(name, ahead):
    """Even if all batches are prepared before the first forward, or one more after each."""
    inputs = [LAYERS[name].input(np.random.default_rng(seed), n=2 + seed) for seed in range(4)]
    plain, prefetching = prepared(name)[0], prepared(name)[0]
    rewind = gradcheck.replay(plain), gradcheck.replay(prefetching)
    for again in rewind:
        again()
    prefetched = map(prefetching.prefetcher(), inputs)
    ready = list(islice(prefetched, ahead))
    for x in inputs:
        ready += islice(prefetched, 1)
        assert same(prefetching.forward(ready.pop(0), train=True), plain.forward(x, train=True))
        assert generator_states(prefetching) == generator_states(plain), (
            "as a checkpoint would save them after this step"
        )


def generator_states(layer):
    return [inner.rng.bit_generator.state for _, inner in layer.walk() if inner.rng is not None]


def test_prefetched_word_dropout_has_the_distinct_ids_of_the_kept_words():
    network = Sequential(
        {"words": WordDropout(0.4, np.random.default_rng(4)), "embedding": fast_bag(np.random.default_rng(0))}
    )
    prefetched = network.prefetcher()(AWKWARD)
    assert isinstance(prefetched, DroppedWords)
    assert isinstance(prefetched.reviews, Indexed)
    assert len(prefetched.reviews.reviews.ids) < len(AWKWARD.ids)


def test_word_dropout_that_shares_its_generator_with_dropout_is_not_prefetched():
    """Drawn ahead, the masks of two batches would come before the first dropout mask."""
    rng = np.random.default_rng(4)
    layers = {"words": WordDropout(0.4, rng), "embedding": bag(np.random.default_rng(0)), "dropout": Dropout(0.3, rng)}
    assert Sequential(layers).prefetcher()(AWKWARD) is AWKWARD


# --- ragged batches


@few
@given(reviews)
def test_ragged_has_lengths_and_the_review_of_each_id(batch):
    x = ragged(*batch)
    assert x.lengths.tolist() == [len(review) for review in batch]
    assert x.review.tolist() == [j for j, review in enumerate(batch) for _ in review]


@few
@given(reviews.filter(bool), st.data())
def test_take_picks_reviews_in_the_given_order_even_twice(batch, data):
    chosen = data.draw(st.lists(st.integers(0, len(batch) - 1)))
    assert same(ragged(*batch).take(np.array(chosen, np.int64)), ragged(*(batch[j] for j in chosen)))


@few
@given(reviews, st.data())
def test_slice_works_like_a_slice_of_a_list(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    stop = data.draw(st.integers(start, len(batch)))
    assert same(ragged(*batch).slice(start, stop), ragged(*batch[start:stop]))


def test_rows_are_taken_and_put_whatever_their_order_in_memory():
    matrix = np.arange(12.0).reshape(4, 3)
    rows = np.array([3, 0])
    assert take_rows(matrix, rows).tolist() == [[9, 10, 11], [0, 1, 2]]
    put_rows(matrix, rows, np.array([[-1.0, -4], [-2, -5], [-3, -6]]).T)
    assert matrix.tolist() == [[-4, -5, -6], [3, 4, 5], [6, 7, 8], [-1, -2, -3]]


def test_the_ids_of_a_slice_are_a_view():
    assert np.shares_memory(AWKWARD.slice(1, 3).ids, AWKWARD.ids)


# --- embedding bag


def pool_slowly(weight, batch, pooling):
    """Pool with loops over reviews and words: (n, d)."""
    y = np.zeros((len(batch), weight.shape[1]))
    for j, review in enumerate(batch):
        for i in review:
            y[j] += weight[i]
        y[j] /= {"mean": max(len(review), 1), "sqrt": max(len(review), 1) ** 0.5, "sum": 1}[pooling]
    return y


def spread_slowly(dy, batch, pooling, rows):
    """Add the share of dy of each occurrence of each word with loops: (rows, d)."""
    gradient = np.zeros((rows, dy.shape[1]))
    for j, review in enumerate(batch):
        for i in review:
            gradient[i] += dy[j] / {"mean": len(review), "sqrt": len(review) ** 0.5, "sum": 1}[pooling]
    return gradient


class BlocksOfTwo(EmbeddingBag):
    """Small blocks, so that a small batch has several, with the same words."""

    _BLOCK = 2


def assert_pools_as_the_slow_one(kind, batch, pooling):
    rng = np.random.default_rng(len(batch))
    weight, dy = numbers(rng, VOCABULARY, 3), numbers(rng, len(batch), 3)
    layer = kind(weight, pooling)
    expected = pool_slowly(weight, batch, pooling)
    np.testing.assert_allclose(layer.forward(ragged(*batch)), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.forward(ragged(*batch), train=True), expected, rtol=1e-12, atol=1e-14)
    layer.backward(dy)
    gradient = layer.grads["weight"]
    assert sorted(gradient.rows) == sorted({i for review in batch for i in review})  # each word that occurs, once
    spread = spread_slowly(dy, batch, pooling, VOCABULARY)
    np.testing.assert_allclose(dense(gradient, VOCABULARY), spread, rtol=1e-12, atol=1e-13)


@every_pooling
@pytest.mark.parametrize("kind", [EmbeddingBag, BlocksOfTwo])
@few
@given(batch=reviews)
def test_a_bag_pools_like_a_loop_over_the_words(kind, pooling, batch):
    assert_pools_as_the_slow_one(kind, batch, pooling)


@every_pooling
@every_batch
def test_a_bag_pools_awkward_batches_like_a_loop(batch, pooling):
    x = BATCHES[batch]
    assert_pools_as_the_slow_one(EmbeddingBag, [x.slice(j, j + 1).ids.tolist() for j in range(len(x.lengths))], pooling)


@every_pooling
@every_batch
def test_the_gradient_of_a_bag_agrees_with_differences_on_awkward_batches(batch, pooling):
    rng = np.random.default_rng(1)
    errors = gradcheck.check_layer(bag(rng, pooling=pooling), BATCHES[batch], rng)
    assert errors["weight"] < gradcheck.TOLERANCE


def test_pooling_by_hand():
    weight = np.array([[1.0, 2.0], [10.0, 20.0]])
    x = ragged([0, 1, 1, 0], [], [1])
    assert EmbeddingBag(weight, "sum").forward(x).tolist() == [[22, 44], [0, 0], [10, 20]]
    assert EmbeddingBag(weight, "mean").forward(x).tolist() == [[5.5, 11], [0, 0], [10, 20]]
    assert EmbeddingBag(weight, "sqrt").forward(x).tolist() == [[11, 22], [0, 0], [10, 20]]
    assert EmbeddingBag(weight, "mean", padding=1).forward(x).tolist() == [[4.4, 8.8], [0, 0], [5, 10]]
    assert EmbeddingBag(weight, "sum", padding=1).forward(x).tolist() == [[22, 44], [0, 0], [10, 20]]
    assert EmbeddingBag(weight, "sqrt", padding=5).forward(x.slice(0, 1)).tolist() == [[22 / 3, 44 / 3]]


def test_an_empty_review_does_not_affect_the_gradients():
    layer = EmbeddingBag(np.ones((3, 1)), "sum")
    layer.forward(ragged([0], [], [2]), train=True)
    layer.backward(np.array([[1.0], [1000.0], [10.0]]))
    assert layer.grads["weight"].rows.tolist() == [0, 2]
    assert layer.grads["weight"].values.tolist() == [[1.0], [10.0]]


def test_empty_reviews_have_an_empty_gradient():
    for x in (BATCHES["all empty"], ragged()):
        layer = bag(np.random.default_rng(0), np.float32)
        y = layer.forward(x, train=True)
        layer.backward(np.ones_like(y))
        assert layer.grads["weight"].rows.shape == (0,)
        assert layer.grads["weight"].values.shape == (0, WIDTH)
        assert layer.grads["weight"].values.dtype == np.float32


def test_a_word_in_several_blocks_has_one_gradient_row():
    n = 2 * EmbeddingBag._BLOCK + 1
    layer = EmbeddingBag(np.zeros((5, 1)), "sum")
    layer.forward(ragged(*([3] if j % 2 else [3, 4] for j in range(n))), train=True)
    layer.backward(np.ones((n, 1)))
    assert layer.grads["weight"].rows.tolist() == [3, 4]
    assert layer.grads["weight"].values.tolist() == [[n], [(n + 1) // 2]]


def test_row_gradients_are_added_row_by_row():
    one = RowGrad(np.array([5, 2]), np.array([[1.0, 10.0], [2.0, 20.0]]))
    two = RowGrad(np.array([2, 9]), np.array([[3.0, 30.0], [4.0, 40.0]]))
    total = add_row_gradients([one, two], np.zeros((1, 2)))
    assert total.rows.tolist() == [2, 5, 9]
    assert total.values.tolist() == [[5, 50], [1, 10], [4, 40]]


# --- activations


def test_the_sigmoid_is_exact_and_does_not_overflow():
    assert sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]
    # In the left tail sigmoid(z) is e^z; 1 / (1 + e^-z) would have overflowed at z = -710, and far before in float32.
    z = np.array([-700.0, -300.0, -40.0])
    np.testing.assert_allclose(sigmoid(z), np.exp(z), rtol=1e-13)
    np.testing.assert_allclose(sigmoid(z[2:].astype(np.float32)), np.exp(z[2:]), rtol=1e-5)


@few
@given(st.floats(-50, 50))
def test_the_sigmoid_is_symmetric(z):
    z = np.array([z])
    np.testing.assert_allclose(sigmoid(z) + sigmoid(-z), 1, rtol=1e-14)


def test_the_derivative_of_relu_at_zero_is_zero():
    layer = ReLU()
    assert layer.forward(np.array([[-2.0, 0.0, 3.0]]), train=True).tolist() == [[0, 0, 3]]
    assert layer.backward(np.array([[5.0, 5.0, 5.0]])).tolist() == [[0, 0, 5]]


# --- dropout


def test_dropout_does_not_affect_prediction():
    x = numbers(np.random.default_rng(0), 3, 4)
    assert same(Dropout(0.9, np.random.default_rng(0)).forward(x), x)


def test_dropout_keeps_a_share_of_the_numbers_and_scales_them():
    y = Dropout(0.3, np.random.default_rng(0)).forward(np.ones((100, 100)), train=True)
    assert set(np.unique(y)) == {0.0, 1 / (1 - 0.3)}  # to the bit, in float64
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.023)  # five standard deviations of 10,000 draws
    assert y.mean() == pytest.approx(1, abs=0.025)  # so that prediction sees what training saw, on average


def test_dropout_applies_the_same_mask_to_the_gradient():
    layer = Dropout(0.5, np.random.default_rng(0))
    y = layer.forward(np.ones((6, 6)), train=True)
    assert same(layer.backward(np.ones((6, 6))), y)


def test_dropout_draws_a_new_mask_at_each_step():
    layer = Dropout(0.5, np.random.default_rng(0))
    assert not same(*(layer.forward(np.ones((6, 6)), train=True) for _ in range(2)))


def test_no_dropout_at_rate_zero():
    x = numbers(np.random.default_rng(0), 3, 4)
    assert same(Dropout(0.0, np.random.default_rng(0)).forward(x, train=True), x)
    assert same(WordDropout(0.0, np.random.default_rng(0)).forward(AWKWARD, train=True), AWKWARD)


def test_word_dropout_does_not_affect_prediction():
    assert same(WordDropout(0.9, np.random.default_rng(0)).forward(AWKWARD), AWKWARD)


@few
@given(reviews, st.integers(0, 5))
def test_word_dropout_removes_words_and_keeps_the_order(batch, seed):
    # Words numbered by place, so that a hidden one cannot be mistaken for its double.
    places = ragged(*batch)._replace(ids=np.arange(sum(map(len, batch)), dtype=np.int32))
    before = Ragged(*(a.copy() for a in places))
    kept = WordDropout(0.5, np.random.default_rng(seed)).forward(places, train=True)
    assert same(places, before)
    assert len(kept.lengths) == len(batch)
    assert (kept.ids.dtype, kept.offsets.dtype) == (np.int32, np.int64)
    for j in range(len(batch)):
        left = kept.slice(j, j + 1).ids.tolist()
        assert left == [i for i in places.slice(j, j + 1).ids.tolist() if i in left]


def test_word_dropout_removes_its_share_of_words():
    x = ragged(*([i] * 10 for i in range(1000)))
    kept = WordDropout(0.3, np.random.default_rng(0)).forward(x, train=True)
    assert len(kept.ids) / len(x.ids) == pytest.approx(0.7, abs=0.025)


# --- batch norm


def test_batch_norm_standardizes_each_column_of_the_batch():
    x = 5 + 3 * numbers(np.random.default_rng(0), 50, 2)
    layer = BatchNorm(np.array([1.0, 2.0]), np.array([0.0, 10.0]), np.zeros(2), np.ones(2))
    y = layer.forward(x, train=True)
    np.testing.assert_allclose(y.mean(axis=0), [0, 10], atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), [1, 2], rtol=1e-5)  # the epsilon beside the variance


def test_batch_norm_keeps_running_averages_for_prediction():
    layer = BatchNorm(np.ones(1), np.zeros(1), np.zeros(1), np.ones(1))
    x = np.array([[0.0], [4.0]])  # mean 2, variance 4
    layer.forward(x, train=True)
    assert layer.buffers["mean"] == pytest.approx(0.9 * 0 + 0.1 * 2)
    assert layer.buffers["variance"] == pytest.approx(0.9 * 1 + 0.1 * 4)
    layer.forward(x, train=True)
    assert layer.buffers["mean"] == pytest.approx(0.9 * 0.2 + 0.1 * 2)
    assert layer.buffers["variance"] == pytest.approx(0.9 * 1.3 + 0.1 * 4)
    for _ in range(300):
        layer.forward(x, train=True)
    assert layer.forward(x) == pytest.approx(np.array([[-1.0], [1.0]]), abs=1e-4)


def test_batch_norm_of_a_single_review_gives_the_shift_and_no_gradient():
    layer = batch_norm(np.random.default_rng(0), 3)
    assert same(layer.forward(np.array([[7.0, -8.0, 9.0]]), train=True)[0], layer.params["shift"])
    assert not layer.backward(np.ones((1, 3))).any()


def test_a_last_batch_of_one_review_does_not_move_the_running_averages():
    """Its variance is 0, so that predictions would be scaled up."""
    layer = BatchNorm(np.ones(1), np.zeros(1), np.full(1, 2.0), np.full(1, 4.0))
    layer.forward(np.array([[7.0]]), train=True)
    assert (layer.buffers["mean"], layer.buffers["variance"]) == (2.0, 4.0)


# --- layers inside layers


def test_parameters_are_named_by_their_path():
    network = deep(np.random.default_rng(0))
    assert list(network.params) == [
        "embedding.weight",
        "hidden.0.weight",
        "hidden.0.bias",
        "hidden.1.weight",
        "hidden.1.bias",
        "hidden.1.norm.scale",
        "hidden.1.norm.shift",
        "output.weight",
        "output.bias",
    ]
    assert list(network.buffers) == ["hidden.1.norm.mean", "hidden.1.norm.variance"]


def test_a_network_shares_the_parameters_of_its_layers():
    layer = linear(np.random.default_rng(0), 2, 2)
    network = Sequential({"hidden": Residual(layer)})
    network.params["hidden.weight"][:] = 0
    assert not layer.params["weight"].any()


def test_walk_visits_all_layers():
    walk = {name: type(layer).__name__ for name, layer in deep(np.random.default_rng(0)).walk("net")}
    assert walk["net"] == "Sequential"
    assert walk["net.hidden.1.norm"] == "BatchNorm"
    assert walk["net.output"] == "Linear"


def test_a_residual_adds_its_input():
    layer = skip(np.random.default_rng(0))
    x = numbers(np.random.default_rng(1), 3, WIDTH)
    assert same(layer.forward(x), x + layer.block.forward(x))


def test_an_empty_sequence_is_the_identity():
    x = numbers(np.random.default_rng(0), 2, 2)
    assert same(Sequential({}).forward(x), x)
    assert same(Sequential({}).backward(x), x)


def test_a_sequence_applies_its_layers_in_order():
    rng = np.random.default_rng(0)
    a, b = linear(rng, 2, 2), linear(rng, 2, 2)
    x = numbers(rng, 3, 2)
    y = Sequential({"0": a, "1": Tanh(), "2": b}).forward(x)
    assert same(y, b.forward(np.tanh(a.forward(x))))
