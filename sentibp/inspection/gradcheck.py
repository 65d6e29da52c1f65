"""Compare the gradients of a whole classifier with central differences, on its own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sentibp.config.load import Resolved, override_data
from sentibp.data import dataset
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data.corpus import Corpus
from sentibp.data.encode import groups, learn_vocabulary, no_features, training_tokens
from sentibp.data.examples import Examples, example_weights
from sentibp.data.labels import classes_of
from sentibp.model import build, file, initial
from sentibp.model.classifier import Classifier
from sentibp.nn.gradcheck import TOLERANCE, check_network
from sentibp.nn.layers import Composite, RowGrad, Sequential
from sentibp.nn.losses import loss_on
from sentibp.runs import find
from sentibp.training.loop import backward, forward
from sentibp.training.paths import resolve_paths
from sentibp.training.recorded_data import RecordedData
from sentibp.utils.rng import random_stream
from sentibp.utils.threads import single_threaded_blas

_COMPARED = 16  # reviews in the loss; with more, more units of ReLU switch within a difference
_TRIES = 4
FAINT = 1e-5
"""For a shorter gradient, rounding errors of the differences are so large that a wrong derivative could look right."""


class TensorCheck(NamedTuple):
    """The result for one parameter."""

    name: str
    shape: tuple[int, ...]
    gradient: float  # the norm of its gradient
    reached: float  # the share of its entries whose gradient is not 0 for at least one review
    error: float  # relative error of the derivative along random directions
    verdict: str  # "right", "wrong", or "too faint to tell"


class GradientCheck(NamedTuple):
    """The result for a classifier."""

    tensors: list[TensorCheck]
    compared: int  # number of reviews in the loss of the differences
    reviews: int  # number of reviews that `reached` counts
    loss: str
    tolerance: float
    labels: int = 2  # the number of labels

    @property
    def ok(self) -> bool:
        """Whether no gradient is wrong."""
        return all(tensor.verdict != "wrong" for tensor in self.tensors)


def load_with_sample(
    name: str, reviews: int, source: str | None = None, overrides: Sequence[str] = ()
) -> tuple[Classifier, Examples]:
    """Load a model, and draw a sample of its training reviews or of another source.

    The reviews are read with the data settings of the training, and the overrides. Raises ConfigError, DataError.
    """
    classifier = file.load_model(find.model_file(name))
    recorded = RecordedData(classifier)
    config = recorded.config
    seed, spec = config.train.seed, classifier.spec
    network = build.assemble_for_training(config, classifier.tensors(), seed, spec)  # with dropout
    classifier = replace(classifier, network=network)
    data = override_data(config.data, overrides, {"data.source": "--data"})
    if source is not None:
        data = data.model_copy(update={"source": source, "validation": 0.0})
        config = config.model_copy(update={"data": data})
        return classifier, _encoded(classifier, _sample(dataset.load_data(config)[0], reviews))
    other = "or name other reviews with --data"
    corpus, _ = recorded.load(f"restore them, {other}", data, f"the training data of the model: {{}}; {other}")
    return classifier, _encoded(classifier, _sample(corpus, reviews))


def build_with_sample(
    resolved: Resolved, reviews: int, watch: Callable[[str], None] = lambda note: None
) -> tuple[Classifier, Examples]:
    """Build an untrained classifier from a config, with the vocabulary of a sample of its reviews.

    `watch` gets the notes on names that could also mean another file.
    """
    config, notes = resolve_paths(resolved)
    for note in notes:
        watch(note)
    corpus = _sample(dataset.load_data(config)[0], reviews)
    settings = config.text
    tokens, names = training_tokens(settings, corpus.text)
    vocabulary, features = learn_vocabulary(settings, tokens, groups([corpus]), names=names)
    origin = None
    if config.model.init_from is not None:
        origin = file.load_model(find.local_model(config.model.init_from))
        vocabulary = data_vocabulary.merge(origin.vocabulary, vocabulary)
        features = vocabulary.encode(tokens)[0]
    if not len(vocabulary):
        raise no_features(settings, f"{len(corpus):,} reviews")
    examples = corpus.examples(features, classes_of(config.data))
    return initial.build_classifier(config, vocabulary, config.train.seed, origin, examples), examples


def _sample(corpus: Corpus, reviews: int) -> Corpus:
    chosen = random_stream(0, "gradcheck").permutation(len(corpus))[:reviews]
    return corpus.take(np.sort(chosen))


def _encoded(classifier: Classifier, corpus: Corpus) -> Examples:
    return corpus.examples(classifier.encode(corpus.text)[0], classifier.spec.label_set)


def _move_zero_biases(network: Sequential) -> None:
    """Move each bias that is 0 a little: ReLU has no derivative at 0, the input of a unit without other input.

    A network has such units before its training, and where a linear classifier is part of it.
    """
    rng = random_stream(0, "gradcheck biases")
    for value in network.params.values():
        if value.ndim == 1:
            value[...] = np.where(value == 0, 0.01 * rng.standard_normal(value.shape), value)


def check_gradients(classifier: Classifier, examples: Examples, tolerance: float = TOLERANCE) -> GradientCheck:
    """Check every gradient of the network in training mode, in float64.

    Dropout keeps one mask, and batch norm uses the statistics of the batch.
    """
    settings = classifier.training_config().train
    loss = loss_on(settings.loss)
    weight = example_weights(settings, examples)
    network = _in_float64(classifier.network)
    _move_zero_biases(network)
    copy = replace(classifier, network=network)
    reached = _reached(copy, Examples(examples.features, examples.label, weight, examples.classes), settings.batch_size)
    n = min(_COMPARED, len(examples))
    features, weights = examples.features.slice(0, n), None if weight is None else weight[:n]
    # a model that predicts every label has almost no gradient, so every third label is another one
    label = (examples.label[:n] + (np.arange(n) % 3 == 0)) % len(classifier.spec.labels)
    with single_threaded_blas:
        errors = check_network(network, loss, features, label, np.random.default_rng(0), weights)
        norms = {name: _norm(gradient) for name, gradient in network.grads.items()}
        for seed in range(1, _TRIES):  # a kink of ReLU matters in few directions, a wrong gradient in all
            if max(errors.values()) <= tolerance:
                break
            retried = check_network(network, loss, features, label, np.random.default_rng(seed), weights)
            errors = {name: min(error, retried[name]) for name, error in errors.items()}
    tensors = [
        TensorCheck(name, value.shape, norms[name], reached[name], float(errors[name]), "")
        for name, value in network.params.items()
    ]
    tensors = [tensor._replace(verdict=_verdict(tensor, tolerance)) for tensor in tensors]
    return GradientCheck(tensors, len(label), len(examples), settings.loss, tolerance, len(classifier.spec.labels))


def _verdict(tensor: TensorCheck, tolerance: float) -> str:
    if not tensor.error <= tolerance:  # true for nan, too
        return "wrong"
    return "right" if tensor.gradient > FAINT else "too faint to tell"


def _in_float64(network: Sequential) -> Sequential:
    """Return a copy of the network in float64."""
    copy = deepcopy(network)
    for _, layer in copy.walk():
        if not isinstance(layer, Composite):
            layer.params = {name: value.astype(np.float64) for name, value in layer.params.items()}
            layer.buffers = {name: value.astype(np.float64) for name, value in layer.buffers.items()}
    return copy


def _reached(classifier: Classifier, examples: Examples, batch_size: int) -> dict[str, float]:
    """Return the share of each parameter's entries with a gradient other than 0, in one pass over the examples."""
    reached = {name: np.zeros(value.shape, bool) for name, value in classifier.network.params.items()}
    for start in range(0, len(examples), batch_size):
        stop = min(start + batch_size, len(examples))
        weight = None if examples.weight is None else examples.weight[start:stop]
        batch = Examples(examples.features.slice(start, stop), examples.label[start:stop], weight, examples.classes)
        _, dz = forward(classifier.network, batch, loss_on(classifier.training_config().train.loss))
        for name, gradient in backward(classifier.network, dz).items():
            if isinstance(gradient, RowGrad):
                reached[name][gradient.rows] |= gradient.values != 0
            else:
                reached[name] |= gradient != 0
    return {name: float(mask.mean()) for name, mask in reached.items()}


def _norm(gradient) -> float:
    return float(np.linalg.norm(gradient.values if isinstance(gradient, RowGrad) else gradient))
