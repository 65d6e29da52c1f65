"""The gradient check finds each classic bug of backpropagation and passes correct networks."""

from __future__ import annotations

import numpy as np
import pytest
from builders import (
    AWKWARD,
    BATCHES,
    WIDTH,
    bag,
    batch_norm,
    copies,
    deep,
    linear,
    numbers,
    one_hidden,
    ragged,
    same,
    shallow,
    skip,
)

from sentibp.nn import (
    BatchNorm,
    Dropout,
    EmbeddingBag,
    Linear,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    gradcheck,
    sigmoid,
)
from sentibp.nn.losses import LOSSES, cross_entropy, squared_error

BLATANT = 1e-3  # far above the tolerance: a thousand times

every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def rng_of(seed):
    return np.random.default_rng(seed)


# --- the classic bugs, each in a subclass that is right but for it


class CountsARepeatedWordOnce(EmbeddingBag):
    """`gradient[ids] += g` buffers: of a word that occurs three times, the last occurrence alone is added."""

    def forward(self, x, *, train=False):
        self.x = x
        return super().forward(x, train=train)

    def backward(self, dy):
        share = dy / np.maximum(self.x.lengths, 1)[:, None]
        gradient = np.zeros_like(self.params["weight"])
        gradient[self.x.ids] += share[self.x.review]
        self.grads = {"weight": gradient}


class PoolsTheDistinctWords(EmbeddingBag):
    """`np.unique` without its counts: forward and backward disagree about a repeated word."""

    def backward(self, dy):
        self._saved = [(block, rows, (shares > 0) / np.maximum((shares > 0).sum(axis=1), 1)[:, None])
                       for block, rows, shares in self._saved]  # fmt: skip
        super().backward(dy)


class PoolsWithReduceat(EmbeddingBag):
    """`np.add.reduceat` has no empty slices: it hands an empty review the first word of the next one."""

    def forward(self, x, *, train=False):
        super().forward(x, train=train)
        total = np.add.reduceat(self.params["weight"][x.ids], x.offsets[:-1])
        return total / np.maximum(x.lengths, 1)[:, None]


class ForgetsToDivideByTheLength(EmbeddingBag):
    """Pools to the mean, but passes all of dy to each word."""

    def forward(self, x, *, train=False):
        self.lengths = x.lengths
        return super().forward(x, train=train)

    def backward(self, dy):
        super().backward(dy * self.lengths[:, None])


class ForgetsToSumOverTheBatch(Linear):
    """Times a direction, such a gradient is repeated as if it were right."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {**self.grads, "bias": dy}
        return dx


class ForgetsItsBias(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {**self.grads, "bias": np.zeros_like(self.params["bias"])}
        return dx


class HasTheWrongSign(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {**self.grads, "weight": -self.grads["weight"]}
        return dx


class ForgetsToTranspose(Linear):
    """This raises an error unless the matrix is square."""

    def backward(self, dy):
        super().backward(dy)
        return dy @ self.params["weight"]


class AveragesOverTheBatch(Linear):
    """Divides by n, although the loss already does."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {**self.grads, "weight": self.grads["weight"] / len(dy)}
        return dx


class DerivesAtTheInput(Tanh):
    """1 - x^2, where y^2 was meant."""

    def forward(self, x, *, train=False):
        y = super().forward(x, train=train)
        if train:
            self._saved = x
        return y


class ForgetsItsDerivative(Sigmoid):
    def derivative(self, y):
        return np.ones_like(y)


class LetsEverythingBack(ReLU):
    def derivative(self, y):
        return np.ones_like(y)


class DrawsANewMask(Dropout):
    def backward(self, dy):
        super().backward(dy)
        return dy * (self.rng.random(dy.shape, dtype=np.float32) >= self.rate) / (1 - self.rate)


class ForgetsToScaleTheMask(Dropout):
    def backward(self, dy):
        return super().backward(dy) * (1 - self.rate)


class TakesTheMeanForAConstant(BatchNorm):
    def backward(self, dy):
        normal, deviation = self._saved
        super().backward(dy)
        dnormal = dy * self.params["scale"]
        return (dnormal - normal * (dnormal * normal).mean(axis=0)) / deviation


class TakesTheVarianceForAConstant(BatchNorm):
    def backward(self, dy):
        _, deviation = self._saved
        super().backward(dy)
        dnormal = dy * self.params["scale"]
        return (dnormal - dnormal.mean(axis=0)) / deviation


class ForgetsTheSkip(Residual):
    def backward(self, dy):
        return self.block.backward(dy)


class GoesBackInForwardOrder(Sequential):
    def backward(self, dy):
        for layer in self.layers.values():
            dy = layer.backward(dy)
        return dy


def square(rng):
    return linear(rng, WIDTH, WIDTH)


def dropout(rng):
    return Dropout(0.5, np.random.default_rng(1))


def norm(rng):
    return batch_norm(rng, WIDTH)


def two_layers(rng):
    return Sequential({"0": square(rng), "1": Tanh(), "2": square(rng)})


PLANTED = {  # the bug -> the layer that is right, and the tensors that must be found wrong; the others must be right
    CountsARepeatedWordOnce: (bag, {"weight"}),
    PoolsTheDistinctWords: (bag, {"weight"}),
    PoolsWithReduceat: (bag, {"weight"}),
    ForgetsToDivideByTheLength: (bag, {"weight"}),
    ForgetsToSumOverTheBatch: (square, {"bias"}),
    ForgetsItsBias: (square, {"bias"}),
    HasTheWrongSign: (square, {"weight"}),
    ForgetsToTranspose: (square, {"x"}),
    AveragesOverTheBatch: (square, {"weight"}),
    DerivesAtTheInput: (lambda rng: Tanh(), {"x"}),
    ForgetsItsDerivative: (lambda rng: Sigmoid(), {"x"}),
    LetsEverythingBack: (lambda rng: ReLU(), {"x"}),
    DrawsANewMask: (dropout, {"x"}),
    ForgetsToScaleTheMask: (dropout, {"x"}),
    TakesTheMeanForAConstant: (norm, {"x"}),
    TakesTheVarianceForAConstant: (norm, {"x"}),
    ForgetsTheSkip: (skip, {"x"}),
    GoesBackInForwardOrder: (two_layers, {"0.weight", "0.bias", "2.weight", "2.bias", "x"}),
}

every_bug = pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)


def check(layer):
    """Return the errors on a batch with a repeated word and an empty review before another review."""
    x = ragged([2, 5, 2, 2], [], [5, 1], [7]) if isinstance(layer, EmbeddingBag) else numbers(rng_of(2), 6, WIDTH)
    return gradcheck.check_layer(layer, x, rng_of(3))


@every_bug
def test_a_planted_bug_is_found_in_its_tensor(bug):
    build, wrong = PLANTED[bug]
    layer = build(rng_of(0))
    layer.__class__ = bug
    errors = check(layer)
    assert {name for name, error in errors.items() if error > BLATANT} == wrong, errors
    assert {name for name, error in errors.items() if not error < gradcheck.TOLERANCE} == wrong, errors


@every_bug
def test_a_correct_layer_passes(bug):
    errors = check(PLANTED[bug][0](rng_of(0)))
    assert all(error < gradcheck.TOLERANCE for error in errors.values()), errors


def test_an_easy_batch_hides_the_bugs_of_pooling():
    """On one review of distinct words, three of the planted bugs are not found. So the other batches are awkward."""
    for bug in (CountsARepeatedWordOnce, PoolsTheDistinctWords, PoolsWithReduceat):
        layer = bag(rng_of(0))
        layer.__class__ = bug
        assert gradcheck.check_layer(layer, ragged([1, 2, 3]), rng_of(0))["weight"] < gradcheck.TOLERANCE


def forgets_one_over_n(z, target, weight=None):
    loss, dz = cross_entropy(z, target, weight)
    return loss, dz * len(z)


def forgets_the_sigmoid(z, target, weight=None):
    """dz = da = 2 (a - t): the factor a (1 - a) is missing."""
    loss, _ = squared_error(z, target, weight)
    return loss, 2 * (sigmoid(z) - target) * (1 if weight is None else weight) / len(z)


def forgets_the_weights(z, target, weight=None):
    return cross_entropy(z, target, weight)[0], cross_entropy(z, target)[1]


def keeps_the_half(z, target, weight=None):
    """The derivative of Rumelhart's (a - t)^2 / 2, beside a loss without the half."""
    loss, dz = squared_error(z, target, weight)
    return loss, dz / 2


BROKEN_LOSSES = [forgets_one_over_n, forgets_the_sigmoid, forgets_the_weights, keeps_the_half]


@pytest.mark.parametrize("loss", BROKEN_LOSSES)
def test_a_bug_planted_in_a_loss_is_found(loss):
    rng = rng_of(0)
    target, weight = rng.integers(0, 2, 7), rng.uniform(0.5, 4, 7)
    assert gradcheck.check_loss(loss, numbers(rng, 7), target, weight, rng)["z"] > BLATANT
    errors = gradcheck.check_network(one_hidden(rng, activation=Tanh), loss, AWKWARD, target, rng, weight)
    assert all(error > BLATANT for error in errors.values()), errors  # every gradient starts from dz


def test_a_bug_deep_inside_a_network_is_found_below_it_and_not_above():
    rng = rng_of(0)
    network = one_hidden(rng, activation=Tanh)
    network.layers["hidden.0"].layers["activation"] = ForgetsItsDerivative()
    errors = gradcheck.check_network(network, cross_entropy, AWKWARD, rng.integers(0, 2, 7), rng)
    found = {name for name, error in errors.items() if error > BLATANT}
    assert found == {"embedding.weight", "hidden.0.weight", "hidden.0.bias"}


# --- networks that are right


@pytest.mark.parametrize("weighted", [False, True])
@every_loss
@pytest.mark.parametrize("build", [shallow, one_hidden, deep])
def test_a_correct_network_passes(build, loss, weighted):
    rng = rng_of(0)
    target = rng.integers(0, 2, 7)
    weight = np.array([0.5, 4.0])[target] if weighted else None  # per class
    network = build(rng)
    errors = gradcheck.check_network(network, loss, AWKWARD, target, rng, weight)
    right = {name for name, error in errors.items() if error < gradcheck.TOLERANCE}
    assert list(errors) == list(network.params)
    assert right == set(network.params), errors


@pytest.mark.parametrize("batch", BATCHES)
def test_a_whole_network_passes_on_every_awkward_batch(batch):
    rng = rng_of(0)
    x = BATCHES[batch]
    target = rng.integers(0, 2, len(x.lengths))
    errors = gradcheck.check_network(one_hidden(rng, activation=Tanh), cross_entropy, x, target, rng)
    assert all(error < gradcheck.TOLERANCE for error in errors.values()), errors


# --- the check itself


def test_parameters_and_input_are_restored_exactly():
    rng = rng_of(0)
    network, layer = deep(rng), linear(rng, WIDTH, 3)
    for w in [*network.params.values(), *layer.params.values()]:
        w[...] *= 1e-9  # beside the step of the check: going there and back again would not return to these bits
    before, layer_before = copies(network.params), copies(layer.params)
    x = 1e-9 * numbers(rng, 5, WIDTH)
    x.flags.writeable = False  # the argument is not even touched
    gradcheck.check_network(network, cross_entropy, AWKWARD, rng.integers(0, 2, 7), rng)
    gradcheck.check_layer(layer, x, rng)
    assert same(network.params, before)
    assert same(layer.params, layer_before)


def test_the_logits_are_not_modified():
    z = numbers(rng_of(0), 4)
    z.flags.writeable = False
    gradcheck.check_loss(squared_error, z, np.ones(4), None, rng_of(0))


def test_the_error_is_relative():
    w = np.array([3.0])
    errors = gradcheck.compare(
        lambda: float(w[0] ** 2), dict.fromkeys(["right", "half"], w), {"right": 2 * w, "half": w}, rng_of(1)
    )
    assert errors["right"] < 1e-9
    assert errors["half"] == pytest.approx(0.5, abs=1e-6)


def test_a_gradient_of_nan_fails():
    w = np.array([3.0])
    errors = gradcheck.compare(lambda: float(w[0] ** 2), {"w": w}, {"w": np.array([np.nan])}, rng_of(1))
    assert not errors["w"] < gradcheck.TOLERANCE


def test_replay_restores_the_dropout_masks():
    network = deep(rng_of(0))
    rewind = gradcheck.replay(network)
    y = network.forward(AWKWARD, train=True)
    assert not same(network.forward(AWKWARD, train=True), y)
    rewind()
    assert same(network.forward(AWKWARD, train=True), y)


# --- right gradients that a careless check would call wrong


def test_a_bias_before_batch_norm_has_a_zero_gradient_and_passes():
    """Batch norm takes the mean out, and with it the bias: its gradient is zero, in both ways of computing it."""
    for seed in range(10):
        rng = rng_of(seed)
        layer = Sequential({"linear": linear(rng, WIDTH, 3), "norm": batch_norm(rng, 3)})
        errors = gradcheck.check_layer(layer, numbers(rng, 7, WIDTH), rng)
        assert np.abs(layer.grads["linear.bias"]).max() < 1e-13
        assert errors["linear.bias"] < gradcheck.TOLERANCE


def test_a_direction_almost_orthogonal_to_the_gradient_passes():
    for seed in range(400):
        rng = rng_of(seed)
        layer = Linear(numbers(rng, WIDTH, 1) / 10, np.zeros(1))
        network = Sequential({"embedding": bag(rng), "output": layer})
        errors = gradcheck.check_network(network, cross_entropy, AWKWARD, rng.integers(0, 2, 7), rng)
        assert all(error < gradcheck.TOLERANCE for error in errors.values()), (seed, errors)


def test_a_relu_network_passes_with_an_empty_review_if_its_biases_are_not_zero():
    """With biases of 0 an empty review puts ReLU on its corner, where backprop says 0 and differences say 1/2."""
    rng = rng_of(0)
    network = one_hidden(rng)
    targets = rng.integers(0, 2, 7)
    network.params["hidden.0.bias"][:] = 0
    at_corner = gradcheck.check_network(network, cross_entropy, AWKWARD, targets, rng)
    assert at_corner["hidden.0.bias"] > gradcheck.TOLERANCE
    network.params["hidden.0.bias"][:] = 0.01
    errors = gradcheck.check_network(network, cross_entropy, AWKWARD, targets, rng)
    assert all(error < gradcheck.TOLERANCE for error in errors.values()), errors


def test_float32_is_refused():
    w = np.zeros(1, np.float32)
    with pytest.raises(ValueError, match="w is float32: differences need float64"):
        gradcheck.compare(lambda: 0.0, {"w": w}, {"w": w}, rng_of(0))
