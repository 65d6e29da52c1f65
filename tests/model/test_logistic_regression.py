"""Naive-Bayes logistic regression comes near the minimum of its loss, and is averaged with networks."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import runner
from scipy.optimize import check_grad, minimize
from scipy.special import expit

from sentibp.config.load import load_config
from sentibp.data.examples import Examples
from sentibp.data.labels import Classes
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import influence
from sentibp.model import logistic_regression
from sentibp.model.file import load_model
from sentibp.model.linear import Head
from sentibp.model.logistic_regression import _Inputs, fit_class_regression, fit_logistic_regression
from sentibp.model.naive_bayes import log_count_ratio, log_count_ratios
from sentibp.nn import Ragged
from sentibp.nn.heads import split_head
from sentibp.nn.layers import softmax
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.training.prepare import prepare
from sentibp.utils.arrow import strings
from sentibp.utils.threads import single_threaded_blas

FEATURES = 60


def drawn(n: int, seed: int = 0, positive: float = 0.5) -> Examples:
    """Return reviews in which some features tell the label, and others nothing."""
    rng = np.random.default_rng(seed)
    label, lengths = (rng.random(n) < positive).astype(np.int8), rng.integers(0, 12, n)
    telling = rng.random(lengths.sum()) < 0.3
    ids = np.where(
        telling,
        2 * rng.integers(0, 10, lengths.sum()) + np.repeat(label, lengths),
        rng.integers(0, FEATURES, lengths.sum()),
    )
    return Examples(Ragged(ids.astype(np.int32), np.concatenate(([0], np.cumsum(lengths)))), label)


def dense(x: Ragged, pooling: str, padding: int) -> np.ndarray:
    return FastEmbeddingBag(np.eye(FEATURES), pooling, padding).forward(x)


def logits(examples: Examples, column, bias, pooling, padding) -> np.ndarray:
    return dense(examples.features, pooling, padding) @ column + bias


def loss(z, label) -> float:
    return float(np.mean(np.logaddexp(0, z) - label * z))


@pytest.mark.parametrize(
    ("pooling", "padding", "n", "positive", "is_weighted", "most"),
    [
        ("mean", 10, 40, 0.5, False, 0.1),
        ("sqrt", 0, 40, 0.5, False, 0.1),
        ("sum", 0, 40, 0.5, False, 0.1),
        ("mean", 10, 3000, 0.5, False, 0.1),
        ("sqrt", 0, 3000, 0.5, False, 0.1),
        ("sum", 0, 3000, 0.5, False, 0.1),
        ("mean", 10, 3000, 0.5, True, 0.2),
        ("mean", 10, 40, 0.9, False, 0.05),  # the columns are learned beside a bias that is far from 0
    ],
)
def test_the_loss_with_its_penalty_is_near_the_minimum(pooling, padding, n, positive, is_weighted, most):
    examples = drawn(n, positive=positive)
    weight = np.random.default_rng(1).choice([0.1, 1.9], n).astype(np.float32) if is_weighted else np.ones(n)
    given = weight if is_weighted else None
    column, bias = fit_logistic_regression(examples, FEATURES, pooling, padding, 0, given)
    x, ratio = dense(examples.features, pooling, padding), np.abs(log_count_ratio(examples, FEATURES)).astype(float)
    ratio = np.where(ratio < 0.3, 0, ratio)
    usual = np.mean(FastEmbeddingBag(np.zeros((1, 1)), pooling, padding).divisor(examples.features))

    def penalized(theta):
        z = x @ (theta[:-1] * ratio * usual) + theta[-1]
        losses, dz = weight * (np.logaddexp(0, z) - examples.label * z), weight * (expit(z) - examples.label) / n
        d = np.append(x.T @ dz * ratio * usual + theta[:-1] / (0.3 * n), dz.sum())
        return losses.mean() + theta[:-1] @ theta[:-1] / (2 * 0.3 * n), d

    start, found = np.zeros(FEATURES + 1), np.append(column / (np.where(ratio, ratio, 1) * usual), bias)
    assert check_grad(lambda theta: penalized(theta)[0], lambda theta: penalized(theta)[1], found) < 1e-5
    assert (column[ratio == 0] == 0).all()
    least = minimize(penalized, start, jac=True).fun
    assert column.dtype == np.float32
    assert penalized(found)[0] - least < most * (penalized(start)[0] - least)


def test_the_gradient_is_the_transpose_of_the_sum():
    rng, x = np.random.default_rng(0), drawn(50).features
    inputs = _Inputs.centred(x, rng.random(50).astype(np.float32), FEATURES)
    weight, dz = rng.standard_normal(FEATURES).astype(np.float32), rng.standard_normal(50).astype(np.float32)
    assert dz @ inputs.forward(weight) == pytest.approx(inputs.backward(dz) @ weight, rel=1e-4)
    assert inputs.forward(weight).mean() == pytest.approx(0, abs=1e-5), "the mean of the inputs is 0"


def test_the_seed_determines_the_result():
    first, same, other = (fit_logistic_regression(drawn(300), FEATURES, "mean", 10, seed)[0] for seed in (0, 0, 1))
    assert first.tobytes() == same.tobytes() != other.tobytes()


def test_the_weights_in_the_loss_count():
    examples = drawn(400)
    weight = np.where(examples.label == 1, 1.8, 0.2).astype(np.float32)
    even, heavy = (fit_logistic_regression(examples, FEATURES, "mean", 0, 0, each) for each in (None, weight))
    assert logits(examples, *heavy, "mean", 0).mean() > logits(examples, *even, "mean", 0).mean() + 0.5


@pytest.mark.parametrize(("of_positive", "odds"), [(None, 2), (0.5, 0.5)])
def test_features_that_tell_nothing(of_positive, odds):
    """The bias is the answer, by the weights in the loss."""
    x, label = Ragged(np.zeros(300, np.int32), np.arange(301)), (np.arange(300) % 3 > 0).astype(np.int8)
    weight = None if of_positive is None else np.where(label == 1, of_positive, 2).astype(np.float32)
    column, bias = fit_logistic_regression(Examples(x, label), 2, "mean", 0, 0, weight)
    assert (column == 0).all()
    assert bias == pytest.approx(np.log(odds), abs=1e-3)


@pytest.mark.parametrize("weight", [[1, 1, 1], [2, 0.5, 0.25]])
def test_of_several_classes_features_that_tell_nothing(weight):
    x, label, head = Ragged(np.zeros(300, np.int32), np.arange(301)), np.arange(300) % 3, Head("softmax", 3)
    own = np.array(weight, np.float32)[label]
    examples = Examples(x, label, classes=Classes(("a", "b", "c")))
    columns, bias = fit_class_regression(examples, 2, "mean", 0, 0, head, own)
    assert (columns == 0).all()
    assert softmax(bias[None])[0] == pytest.approx(np.array(weight) / np.sum(weight), abs=0.02)


def test_large_steps_do_not_diverge(monkeypatch):
    monkeypatch.setattr(_Inputs, "learning_rate", lambda self, square, batch: 1e4)
    column, _ = fit_logistic_regression(drawn(300), FEATURES, "mean", 10, 0)
    assert np.isfinite(column).all()


def test_many_reviews_are_taken_in_larger_batches():
    assert logistic_regression._LARGEST_BATCH >= 64
    column, _ = fit_logistic_regression(drawn(70_000), FEATURES, "mean", 0, 0)
    assert np.isfinite(column).all()


HEADS = [("scale", 3), ("scale", 5), ("softmax", 4), ("cumulative", 3)]


def of_classes(k: int, n: int, seed: int = 0) -> Examples:
    """Return reviews of K classes; a third of the features tell the class."""
    rng = np.random.default_rng(seed)
    label, lengths = rng.integers(0, k, n).astype(np.int8), rng.integers(0, 12, n)
    telling = k * rng.integers(0, 4, lengths.sum()) + np.repeat(label, lengths)
    ids = np.where(rng.random(lengths.sum()) < 0.3, telling, rng.integers(0, FEATURES, lengths.sum()))
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Examples(Ragged(ids.astype(np.int32), offsets), label, None, Classes(tuple(map(str, range(k)))))


@pytest.mark.parametrize(("kind", "k"), HEADS)
@pytest.mark.parametrize(("pooling", "padding"), [("mean", 10), ("sqrt", 0)])
@single_threaded_blas  # two threads wait for each other most of the time: the matrices are small
def test_under_each_head_the_loss_is_near_the_minimum(kind, k, pooling, padding):
    n, examples, head = 1000, of_classes(k, 1000), Head(kind, k)
    columns, bias = fit_class_regression(examples, FEATURES, pooling, padding, 0, head)
    x = dense(examples.features, pooling, padding)
    ratio = np.abs(log_count_ratios(examples, FEATURES, kind)).T.astype(float)  # (V, m)
    ratio = np.where(ratio < 0.3, 0, ratio)
    if kind == "softmax":  # the inverse document frequency, relative to its mean
        count = np.bincount(examples.features.ids, minlength=FEATURES)
        rarity = np.log((n + 1) / (np.minimum(count, n) + 1)) + 1
        ratio *= rarity[:, None] * count.sum() / (rarity @ count)
    usual, size = np.mean(FastEmbeddingBag(np.zeros((1, 1)), pooling, padding).divisor(examples.features)), ratio.size

    def penalized(theta):
        head.set(theta[size + head.outputs :])
        y = x @ (theta[:size].reshape(ratio.shape) * ratio * usual) + theta[size : size + head.outputs]
        loss, dy, d_head = head.loss(y, examples.label, None)
        d = np.concatenate(((x.T @ dy * ratio * usual).ravel(), dy.sum(axis=0), d_head))
        d[:size] += theta[:size] / (0.3 * n)
        return loss + theta[:size] @ theta[:size] / (2 * 0.3 * n), d

    start = np.zeros(size + head.outputs + head.size)
    reached = np.concatenate(((columns / (np.where(ratio, ratio, 1) * usual)).ravel(), bias, head.values))
    assert check_grad(lambda t: penalized(t)[0], lambda t: penalized(t)[1], reached) < 1e-5
    assert (columns[ratio == 0] == 0).all()
    assert columns.shape == (FEATURES, head.outputs) and columns.dtype == np.float32
    (found, _), least, (nothing, _) = penalized(reached), minimize(penalized, start, jac=True).fun, penalized(start)
    assert found - least < 0.1 * (nothing - least)


def test_of_several_classes_the_weights_in_the_loss_count():
    examples = of_classes(3, 400)
    weight = np.where(examples.label == 1, 2.4, 0.3).astype(np.float32)
    even, heavy = (_class_logits(examples, Head("scale", 3), each) for each in (None, weight))
    assert (heavy.argmax(axis=1) == 1).mean() > (even.argmax(axis=1) == 1).mean() + 0.2


def _class_logits(examples, head, weight):
    columns, bias = fit_class_regression(examples, FEATURES, "mean", 0, 0, head, weight)
    assert head.layer is not None
    return head.layer.forward(dense(examples.features, "mean", 0) @ columns + bias)


@pytest.mark.parametrize(("kind", "k"), HEADS)
def test_of_several_classes_the_seed_determines_the_result(kind, k):
    def fitted(seed):
        head = Head(kind, k)
        columns, bias = fit_class_regression(of_classes(k, 300), FEATURES, "mean", 10, seed, head)
        return columns.tobytes() + bias.tobytes() + head.values.tobytes()

    assert fitted(0) == fitted(0) != fitted(1)


@pytest.mark.parametrize("kind", ["scale", "softmax", "cumulative"])
def test_a_class_without_reviews_and_features_that_tell_nothing(kind):
    """The bias is the answer, and it is finite."""
    x, head = Ragged(np.zeros(300, np.int32), np.arange(301)), Head(kind, 4)
    label = np.where(np.arange(300) % 3 > 0, 2, 1).astype(np.int8)
    examples = Examples(x, label, None, Classes(("a", "b", "c", "d")))
    columns, bias = fit_class_regression(examples, 2, "mean", 0, 0, head)
    assert (columns == 0).all()
    z = bias[None, :] if head.layer is None else head.layer.forward(bias[None, :])
    p = softmax(z)[0]
    assert p[1] == pytest.approx(1 / 3, abs=0.05)
    assert p[2] == pytest.approx(2 / 3, abs=0.05)


@pytest.mark.parametrize("output", ["scale", "softmax", "cumulative"])
def test_with_three_classes_it_is_averaged_with_the_network(write_config, output):
    def trained(name, *overrides):
        model = {"embedding": {"dim": 4, "pooling": "mean"}, "hidden": [6], "output": output}
        data = {"source": "sample3", "labels": ["negative", "neutral", "positive"]}
        train = {"epochs": 1, "linear_member": True, "word_dropout": 0.0, "refit": False, "calibrate": False}
        resolved = write_config("three.yaml", overrides, data=data, model=model, train=train)
        outcome = runner.train_model(resolved, Path(name))
        return load_model(outcome.model), prepare(resolved)

    both, data = trained("both")
    head = Head(output, 3)
    assert both.spec.hidden == (6 + 2 * head.outputs,)
    assert both.spec.dim == 4 + head.outputs
    columns, bias = fit_class_regression(data.training, len(data.vocabulary), "mean", 10, 0, head)
    alone, _ = trained("alone", "train.linear_member=false")
    x = data.validation.features

    def outputs(classifier):
        network, _ = split_head(classifier.network)
        return network.forward(x)

    linear = FastEmbeddingBag(columns, "mean", 10).forward(x) + bias
    parts = np.stack([linear.ravel(), outputs(alone).ravel()], axis=1)
    weights, *_ = np.linalg.lstsq(parts, outputs(both).ravel(), rcond=None)
    np.testing.assert_allclose(parts @ weights, outputs(both).ravel(), atol=1e-3)
    assert weights.sum() == pytest.approx(1, abs=1e-3)
    assert weights.min() > 0.01


@pytest.fixture
def small(write_config):
    def small(*overrides: str, **pretrain):
        train = {"epochs": 2, "linear_member": True, "word_dropout": 0.0}
        model = {"embedding": {"dim": 4}, "hidden": [3]}
        return write_config(
            "small.yaml", overrides, data={"source": "sample"}, model=model, train=train, pretrain=pretrain
        )

    return small


@pytest.mark.parametrize("members", [1, 2])
def test_it_is_averaged_with_the_networks(small, members):
    same = f"train.members={members}", "train.refit=false", "train.epochs=1", "train.learning_rates={hidden.0: 0.5}"
    outcome = runner.train_model(small(*same), Path("run"))
    trained = load_model(outcome.model)
    assert trained.spec.hidden == (3 * members + 2,)
    assert trained.spec.dim == 4 * members + 1
    data = prepare(small())
    column, bias = fit_logistic_regression(data.training, len(data.vocabulary), "mean", 10, 0)
    linear = FastEmbeddingBag(column[:, None], "mean", 10).forward(data.validation.features)[:, 0] + bias
    alone = load_model(runner.train_model(small(*same, "train.linear_member=false"), Path("alone")).model)
    single = alone.logits(data.validation.features)
    parts = np.stack([linear, single, np.ones(len(linear))], axis=1)
    found = trained.logits(data.validation.features)
    weights, *_ = np.linalg.lstsq(parts, found, rcond=None)
    np.testing.assert_allclose(parts @ weights, found, atol=1e-4)
    assert weights[0] > 0.01
    assert trained.predict(strings(["a film"])).positive.shape == (1,)


def test_what_needs_a_single_network_says_how(small, complaint):
    runner.train_model(small(), Path("run"))
    message = complaint(DataError, influence.of_text, "run", "a film", 3)
    assert "train it with `sentibp train run/config.yaml --set train.linear_member=false`" in message


def test_conflicts(small, complaint):
    deep = complaint(ConfigError, small, "model.hidden=[3,3]")
    assert "train.linear_member: averaged networks have at most one hidden layer" in deep
    assert "or write --set train.linear_member=false" in deep
    words = complaint(ConfigError, small, "pretrain.vectors=words", "pretrain.dim=2")
    assert "train.linear_member: vectors: words has such a classifier already; remove this, or write --set" in words


def test_a_killed_training_is_resumed_to_the_same_bytes(small):
    whole = runner.train_model(small(), Path("whole"))
    seen = []

    def stop(event):
        seen.append(event)
        if len(seen) == 12:
            raise KeyboardInterrupt

    runner.train_model(small("train.checkpoint.every_steps=1"), Path("run"), watch=stop)
    resumed = runner.resume(Path("run"), load_config(Path("run/config.yaml")))
    assert load_model(resumed.model).tensors().keys() == load_model(whole.model).tensors().keys()
    for name, tensor in load_model(whole.model).tensors().items():
        np.testing.assert_array_equal(load_model(resumed.model).tensors()[name], tensor)


def test_the_mean_of_the_inputs_takes_memory_for_a_block_of_reviews(monkeypatch):
    x, scale = drawn(20_000).features, np.ones(20_000, np.float32)

    def measured(block):
        monkeypatch.setattr(logistic_regression, "_BLOCK", block)
        tracemalloc.start()
        try:
            mean = _Inputs.centred(x, scale, FEATURES).mean
            return mean, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    (whole, most), (mean, least) = measured(1 << 24), measured(1 << 10)
    assert np.allclose(mean, whole, rtol=1e-5)
    assert least < most / 3
