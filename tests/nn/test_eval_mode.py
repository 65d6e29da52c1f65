"""A network in evaluation mode gives the same predictions, in float64, and has a backward pass."""

from __future__ import annotations

import numpy as np
import pytest
from builders import AWKWARD, LAYERS, copies, numbers, same

from sentibp.nn import BatchNorm, Dropout, EmbeddingBag, Ragged, WordDropout, gradcheck
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.sparse import FastEmbeddingBag

each_layer = pytest.mark.parametrize("name", [name for name in LAYERS if name not in ("dropout",)])


def built(name, dtype):
    layer = LAYERS[name].build(np.random.default_rng(0), dtype)
    for value in layer.buffers.values():
        value[...] = np.random.default_rng(1).random(value.shape) + 0.5
    return layer


@each_layer
def test_predictions_are_the_same_in_training_and_evaluation(name):
    layer = built(name, np.float64)
    before = copies({**layer.params, **layer.buffers})
    network, x = eval_mode(layer), LAYERS[name].input(np.random.default_rng(2))
    expected = layer.forward(x)
    assert network.forward(x) == pytest.approx(expected, abs=1e-12)
    assert network.forward(x, train=True) == pytest.approx(expected, abs=1e-12)
    assert same(before, {**layer.params, **layer.buffers})


@each_layer
def test_gradients_in_evaluation_mode_are_correct(name):
    network = eval_mode(built(name, np.float32))
    errors = gradcheck.check_layer(network, LAYERS[name].input(np.random.default_rng(2)), np.random.default_rng(3))
    assert all(error < gradcheck.TOLERANCE for error in errors.values()), errors


@each_layer
def test_the_copy_is_float64_and_independent(name):
    layer = built(name, np.float32)
    before = copies({**layer.params, **layer.buffers})
    network = eval_mode(layer)
    for tensor in (*network.params.values(), *network.buffers.values()):
        assert tensor.dtype == np.float64
        np.add(tensor, 1, out=tensor)
    assert same(before, {**layer.params, **layer.buffers})
    assert list(network.params) == list(layer.params)
    kinds = {type(inner) for _, inner in network.walk()}
    assert not kinds & {Dropout, WordDropout, BatchNorm, FastEmbeddingBag}


def test_a_subset_of_the_embedding_rows():
    for name in ("embedding bag, mean", "fast embedding bag, sqrt"):
        layer = built(name, np.float64)
        own = eval_mode(layer, AWKWARD.ids)  # a row for each place
        x = Ragged(np.arange(len(AWKWARD.ids), dtype=np.int32), AWKWARD.offsets)
        assert own.forward(x) == pytest.approx(layer.forward(AWKWARD))
        assert type(own) is EmbeddingBag
        assert len(own.params["weight"]) == len(AWKWARD.ids)


def test_batch_norm_keeps_its_running_averages():
    layer = built("batch norm", np.float64)
    network = eval_mode(layer)
    network.forward(numbers(np.random.default_rng(0), 5, 4), train=True)
    assert same(dict(network.buffers), dict(layer.buffers))
