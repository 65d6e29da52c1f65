"""What a hidden layer is for: "good" and "not bad" against "bad" and "not good", from the words alone.

With features for single words only, "not" must turn the meaning of its neighbour around: the XOR of Minsky & Papert
(1969), which Rumelhart, Hinton & Williams (1986) answered with backpropagation.
"""

from __future__ import annotations

import numpy as np
import pytest
from builders import copies, ragged, same, train

from sentibp.nn import Dropout, EmbeddingBag, Linear, Sequential, Tanh, WordDropout
from sentibp.nn.initializers import glorot, normal, zeros
from sentibp.nn.losses import LOSSES, cross_entropy
from sentibp.nn.optim import OPTIMIZERS, SGD, Adam, Momentum

GOOD, BAD, NOT = range(3)
REVIEWS = ragged([GOOD], [NOT, GOOD], [BAD], [NOT, BAD])
POSITIVE = np.array([1, 0, 0, 1])

every_pooling = pytest.mark.parametrize("pooling", ["mean", "sum", "sqrt"])


def build(seed, hidden=0, pooling="sum", dropout=0.0, dim=4):
    """A network with one hidden layer of tanh units, or with none."""
    rng, chance = (np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(2))
    layers = {"words": WordDropout(dropout, chance), "embedding": EmbeddingBag(normal(rng, (3, dim)), pooling)}
    if hidden:
        layers["hidden"] = Linear(glorot(rng, (dim, hidden)), zeros(rng, (hidden,)))
        layers["activation"] = Tanh()
        layers["dropout"] = Dropout(dropout, chance)
    layers["output"] = Linear(glorot(rng, (hidden or dim, 1)), zeros(rng, (1,)))
    return Sequential(layers)


def right(network):
    """Return how many of the four reviews are predicted right."""
    return int(((network.forward(REVIEWS)[:, 0] >= 0) == POSITIVE).sum())


@every_pooling
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_without_a_hidden_layer_one_of_four_reviews_stays_wrong(optimizer, pooling):
    # A theorem, whatever the training. Without a hidden layer the logit is z = b + sum over words of c_word, where
    # c = embedding @ output, so that under `sum`
    #     z(good) + z(not bad) = 2 b + c_good + c_bad + c_not = z(bad) + z(not good).
    # Were all four right, the left side would be >= 0 and the right side < 0. Under `mean` and `sqrt` the same holds
    # with z(not bad) and z(not good) multiplied by 2 or sqrt(2), which changes no sign.
    for seed in range(4):
        network = build(seed, pooling=pooling)
        for _ in range(10):  # also on the way
            train(network, cross_entropy, OPTIMIZERS[optimizer](), REVIEWS, POSITIVE, learning_rate=0.1, steps=5)
            assert right(network) <= 3


def test_three_of_four_are_possible_without_a_hidden_layer():
    network = build(0, dim=1)
    network.params["embedding.weight"][:, 0] = [1.0, -1.0, -2.0]  # good, bad, not
    network.params["output.weight"][:], network.params["output.bias"][:] = 1, 0
    assert right(network) == 3  # "not bad" is the one that is wrong


@every_pooling
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(4))
def test_with_a_hidden_layer_all_four_are_right(seed, loss, pooling):
    network = build(seed, hidden=8, pooling=pooling)
    train(network, LOSSES[loss], Adam(), REVIEWS, POSITIVE, learning_rate=0.02, steps=400)
    assert right(network) == 4


@pytest.mark.parametrize("optimizer", [SGD, Momentum])
def test_plain_gradient_descent_also_learns_exclusive_or(optimizer):
    network = build(0, hidden=8)
    train(network, cross_entropy, optimizer(), REVIEWS, POSITIVE, learning_rate=0.2, steps=1500)
    assert right(network) == 4


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_seed_gives_the_same_bytes(optimizer):
    def trained(seed):
        network = build(seed, hidden=8, dropout=0.2)
        train(network, cross_entropy, OPTIMIZERS[optimizer](), REVIEWS, POSITIVE, learning_rate=0.05, steps=20)
        return copies(network.params)

    assert same(trained(1), trained(1))
    assert not same(trained(1), trained(2))
