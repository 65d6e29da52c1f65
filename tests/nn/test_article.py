"""One step of the article's example, worked by hand: the review "I love this movie", which is positive.

The four word vectors, of two numbers each, are averaged; a hidden layer of two sigmoid units and one sigmoid output
follow. The loss is the squared error, the optimizer plain gradient descent. The weights are small round numbers, and
the output bias is chosen so that the network first says 0.3. A pocket calculator finds every number below.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sentibp.nn import EmbeddingBag, Linear, Ragged, Sequential, Sigmoid, gradcheck, sigmoid
from sentibp.nn.losses import squared_error
from sentibp.nn.optim import SGD

#       I  love  this  movie; "boring" is in the vocabulary, but not in this review
WORDS = [[0.0, 0.2], [1.0, 0.6], [0.2, -0.2], [0.4, 0.2], [-0.5, 0.3]]
REVIEW = Ragged(np.array([0, 1, 2, 3], np.int32), np.array([0, 4]))
POSITIVE = np.array([1])

# The rate at which one step takes the prediction from 0.3 to 0.35, to three digits.
LEARNING_RATE = 0.457


@pytest.fixture
def network():
    return Sequential(
        {
            "embedding": EmbeddingBag(np.array(WORDS), "mean"),
            "hidden": Linear(np.array([[0.5, -1.0], [1.0, 0.5]]), np.array([0.1, -0.2])),  # a column per unit
            "activation": Sigmoid(),
            # logit(0.3) - w . h = -0.847298 - (1 * 0.622459 - 1 * 0.377541) = -0.847298 - 0.244919 = -1.092217
            "output": Linear(np.array([[1.0], [-1.0]]), np.array([-1.0922165227909129])),
        }
    )


def by_hand(*values):
    """Six digits after the point, as written."""
    return pytest.approx(np.array(values), abs=6e-7)


def backpropagate(network):
    """Forward and backward; returns the logit, the loss, and dz, its derivative by the logit."""
    z = network.forward(REVIEW, train=True)[:, 0]
    loss, dz = squared_error(z, POSITIVE)
    network.backward(dz[:, None])
    return z, loss, dz


def test_forward(network):
    embedding, hidden, activation, output = network.layers.values()

    # the average of the four words: ((0 + 1 + 0.2 + 0.4) / 4, (0.2 + 0.6 - 0.2 + 0.2) / 4) = (1.6 / 4, 0.8 / 4)
    x = embedding.forward(REVIEW)
    assert x[0] == by_hand(0.4, 0.2)

    # weighted inputs: 0.4 * 0.5 + 0.2 * 1 + 0.1 = 0.5  and  0.4 * -1 + 0.2 * 0.5 - 0.2 = -0.5
    z = hidden.forward(x)
    assert z[0] == by_hand(0.5, -0.5)

    # activations: 1 / (1 + e^-0.5) = 1 / 1.606531 = 0.622459  and  1 / (1 + e^0.5) = 1 / 2.648721 = 0.377541
    h = activation.forward(z)
    assert h[0] == by_hand(0.622459, 0.377541)

    # the logit: 1 * 0.622459 - 1 * 0.377541 - 1.092217 = -0.847298 = log(0.3 / 0.7)
    logit = output.forward(h)
    assert logit[0] == by_hand(-0.847298)
    assert logit.item() == pytest.approx(math.log(0.3 / 0.7), rel=1e-14)

    # the prediction: the network thinks that "I love this movie" is rather negative
    assert sigmoid(logit).item() == pytest.approx(0.3, rel=1e-14)
    assert network.forward(REVIEW).item() == logit.item()


def test_loss(network):
    z, loss, dz = backpropagate(network)
    a = sigmoid(z)

    # (a - y)^2 = (0.3 - 1)^2 = 0.49
    assert loss == pytest.approx(0.49)

    # dL/da = 2 (a - y) = 2 * -0.7 = -1.4: a larger prediction would make the loss smaller
    assert 2 * (a - POSITIVE) == by_hand(-1.4)

    # da/dz = a (1 - a) = 0.3 * 0.7 = 0.21, so dL/dz = -1.4 * 0.21 = -0.294
    assert a * (1 - a) == by_hand(0.21)
    assert dz == by_hand(-0.294)


def test_backward_layer_by_layer(network):
    embedding, hidden, activation, output = network.layers.values()
    network.forward(REVIEW, train=True)

    # --- output layer, where dL/dz = -0.294
    dh = output.backward(np.array([[-0.294]]))
    # weights: dL/dz times their inputs: -0.294 * 0.622459 = -0.183003  and  -0.294 * 0.377541 = -0.110997
    assert output.grads["weight"][:, 0] == by_hand(-0.183003, -0.110997)
    # bias: its input is 1
    assert output.grads["bias"] == by_hand(-0.294)
    # dL/dh: dL/dz times the weights: -0.294 * 1  and  -0.294 * -1
    assert dh[0] == by_hand(-0.294, 0.294)

    # --- hidden sigmoid, whose derivative is h (1 - h) = 0.622459 * 0.377541 = 0.235004, the same for both units
    dz = activation.backward(dh)
    # -0.294 * 0.235004 = -0.069091
    assert dz[0] == by_hand(-0.069091, 0.069091)

    # --- hidden layer
    dx = hidden.backward(dz)
    # weights: input i times dz of unit j: 0.4 * -0.069091 = -0.027636, 0.4 * 0.069091 = 0.027636
    #                                      0.2 * -0.069091 = -0.013818, 0.2 * 0.069091 = 0.013818
    assert hidden.grads["weight"][0] == by_hand(-0.027636, 0.027636)
    assert hidden.grads["weight"][1] == by_hand(-0.013818, 0.013818)
    assert hidden.grads["bias"] == by_hand(-0.069091, 0.069091)
    # pooled vector: over both units:  0.5 * -0.069091 + -1 * 0.069091 = -0.034546 - 0.069091 = -0.103637
    #                                    1 * -0.069091 + 0.5 * 0.069091 = -0.069091 + 0.034546 = -0.034546
    assert dx[0] == by_hand(-0.103637, -0.034546)

    # --- words: each of the four made a quarter of the pooled vector, and receives a quarter of its gradient:
    #     -0.103637 / 4 = -0.025909  and  -0.034546 / 4 = -0.008636; "boring" has no row at all
    embedding.backward(dx)
    assert embedding.grads["weight"].rows.tolist() == [0, 1, 2, 3]
    for row in embedding.grads["weight"].values:
        assert row == by_hand(-0.025909, -0.008636)


def test_the_network_as_a_whole_finds_the_same_gradients(network):
    backpropagate(network)
    assert network.grads["output.weight"][:, 0] == by_hand(-0.183003, -0.110997)
    assert network.grads["output.bias"] == by_hand(-0.294)
    assert network.grads["hidden.weight"].ravel() == by_hand(-0.027636, 0.027636, -0.013818, 0.013818)
    assert network.grads["hidden.bias"] == by_hand(-0.069091, 0.069091)
    assert network.grads["embedding.weight"].values.ravel() == by_hand(*[-0.025909, -0.008636] * 4)


def test_differences_find_the_same_gradients(network):
    errors = gradcheck.check_network(network, squared_error, REVIEW, POSITIVE, np.random.default_rng(0))
    assert all(error < gradcheck.TOLERANCE for error in errors.values()), errors


def test_update(network):
    backpropagate(network)
    parameters = network.params
    SGD().step([(name, w, network.grads[name]) for name, w in parameters.items()], LEARNING_RATE)

    # each number minus 0.457 times its gradient
    # output: 1 + 0.457 * 0.183003 = 1.083632, -1 + 0.457 * 0.110997 = -0.949274, -1.092217 + 0.457 * 0.294 = -0.957859
    assert parameters["output.weight"][:, 0] == by_hand(1.083632, -0.949274)
    assert parameters["output.bias"] == by_hand(-0.957859)
    # hidden: 0.5 + 0.457 * 0.027636 = 0.512630, -1 - 0.457 * 0.027636 = -1.012630,
    #           1 + 0.457 * 0.013818 = 1.006315, 0.5 - 0.457 * 0.013818 = 0.493685
    assert parameters["hidden.weight"].ravel() == by_hand(0.512630, -1.012630, 1.006315, 0.493685)
    # 0.1 + 0.457 * 0.069091 = 0.131575, -0.2 - 0.457 * 0.069091 = -0.231575
    assert parameters["hidden.bias"] == by_hand(0.131575, -0.231575)
    # words: each moves by 0.457 * (0.025909, 0.008636) = (0.011840, 0.003947); "boring" stays
    moved = [[0.011840, 0.203947], [1.011840, 0.603947], [0.211840, -0.196053], [0.411840, 0.203947], [-0.5, 0.3]]
    assert parameters["embedding.weight"].ravel() == by_hand(*np.ravel(moved))

    # pooled (0.411840, 0.203947); weighted inputs
    #   0.411840 * 0.512630 + 0.203947 * 1.006315 + 0.131575 = 0.547931
    #   0.411840 * -1.012630 + 0.203947 * 0.493685 - 0.231575 = -0.547931
    # activations 0.633655, 0.366345; the logit
    #   1.083632 * 0.633655 - 0.949274 * 0.366345 - 0.957859 = 0.686649 - 0.347761 - 0.957859 = -0.618970
    z = network.forward(REVIEW)[:, 0]
    assert z == by_hand(-0.618970)

    # the prediction has come closer to 1, from 0.3 to 0.35, and the loss has fallen from 0.49 to 0.65^2 = 0.4225
    assert sigmoid(z).item() == pytest.approx(0.35, abs=5e-4)
    assert sigmoid(z) == by_hand(0.350016)
    loss, _ = squared_error(z, POSITIVE)
    assert loss == pytest.approx(0.4225, abs=5e-4)


def test_more_steps_convince_the_network(network):
    for _ in range(200):
        backpropagate(network)
        SGD().step([(name, w, network.grads[name]) for name, w in network.params.items()], LEARNING_RATE)
    assert sigmoid(network.forward(REVIEW)).item() > 0.9
