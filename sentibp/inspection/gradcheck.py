"""The derivatives of a whole classifier, on its own data, held against central differences."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sentibp.config.load import Resolved
from sentibp.config.schema import Config
from sentibp.data import dataset, vocabulary_build
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data.corpus import Corpus
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.errors import ConfigError, DataError
from sentibp.model import build, file, initial
from sentibp.model.classifier import Classifier
from sentibp.nn.gradcheck import TOLERANCE, check_network
from sentibp.nn.layers import Composite, RowGrad, Sequential
from sentibp.nn.losses import LOSSES
from sentibp.runs import find
from sentibp.training import prepare
from sentibp.training.loop import backward, example_weights, forward
from sentibp.utils.rng import random_stream
from sentibp.utils.threads import single_threaded_blas

_COMPARED = 16  # reviews that differences are taken of; more would meet more corners of ReLU
_TRIES = 4
_FAINT = 1e-5  # the length of a gradient below which differences cannot tell right from wrong


class TensorCheck(NamedTuple):
    """What was found of one parameter."""

    name: str
    shape: tuple[int, ...]
    gradient: float  # the length of its gradient
    reached: float  # the share of its numbers that a gradient of any review reached
    error: float  # relative, of the derivative along random directions
    verdict: str  # "right", "wrong", or "too faint to tell"


class GradientCheck(NamedTuple):
    """What was found of a classifier."""

    tensors: list[TensorCheck]
    compared: int  # reviews whose loss the differences are of
    reviews: int  # those whose gradients were followed
    loss: str
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether no gradient is wrong."""
        return all(tensor.verdict != "wrong" for tensor in self.tensors)


def load_with_sample(name: str, reviews: int, source: str | None = None) -> tuple[Classifier, Examples]:
    """A trained model, and a sample of the reviews that it was trained on, or of another source."""
    classifier = file.load_model(find.model_file(name))
    config = classifier.training_config()
    network = build.assemble_for_training(config, classifier.tensors(), config.train.seed)  # with dropout
    classifier = replace(classifier, network=network)
    if source is not None:
        update = {"source": source, "validation": 0.0}
        config = config.model_copy(update={"data": config.data.model_copy(update=update)})
    try:
        corpus = _sample(config, reviews)
    except DataError as error:
        if source is not None:
            raise
        raise DataError(f"the training data of the model: {error}; or name other reviews with --data") from None
    return classifier, _encoded(classifier, corpus)


def build_with_sample(resolved: Resolved, reviews: int) -> tuple[Classifier, Examples]:
    """What the settings describe, not yet trained, around the words of a sample of its reviews."""
    try:
        path = None if resolved.config.model.init_from is None else find.model_file(resolved.config.model.init_from)
    except ConfigError as error:
        raise ConfigError(f"model.init_from: {error}") from None
    config = prepare.resolve_paths(resolved.config, resolved.path.parent, path)
    corpus = _sample(config, reviews)
    settings = config.text
    tokens = tokenize(corpus.text, settings.lowercase)
    vocabulary, features = vocabulary_build.build_vocabulary(
        tokens, settings.ngrams, settings.min_count, settings.max_features, settings.affixes
    )
    origin = None
    if path is not None:
        origin = file.load_model(path)
        vocabulary = data_vocabulary.merge(origin.vocabulary, vocabulary)
        features = vocabulary.encode(tokens)[0]
    if not len(vocabulary):
        raise DataError(
            f"no word occurs {settings.min_count} times in {len(corpus):,} reviews; lower text.min_count, or give "
            "more --reviews"
        )
    assert corpus.label is not None
    examples = Examples(features, corpus.label, corpus.weight)
    classifier = initial.build_classifier(config, vocabulary, config.train.seed, origin, (features, corpus.label))
    _leave_the_corner(classifier)
    return classifier, examples


def _sample(config: Config, reviews: int) -> Corpus:
    corpus, _ = dataset.load_data(config)
    chosen = random_stream(0, "gradcheck").permutation(len(corpus))[:reviews]
    return corpus.take(np.sort(chosen))


def _encoded(classifier: Classifier, corpus: Corpus) -> Examples:
    assert corpus.label is not None
    return Examples(classifier.encode(corpus.text)[0], corpus.label, corpus.weight)


def _leave_the_corner(classifier: Classifier) -> None:
    """Biases start from 0, where ReLU has no derivative if nothing else comes in: they are moved a little."""
    rng = random_stream(0, "gradcheck biases")
    for value in classifier.network.params.values():
        if value.ndim == 1 and not value.any():
            value[...] = 0.01 * rng.standard_normal(value.shape)


def check_gradients(classifier: Classifier, examples: Examples, tolerance: float = TOLERANCE) -> GradientCheck:
    """Every derivative of the network in training, in float64; dropout holds its mask, batch norm sees the batch."""
    settings = classifier.training_config().train
    loss = LOSSES[settings.loss]
    weight = example_weights(settings, examples)
    network = _in_float64(classifier.network)
    twin = Classifier(classifier.settings, classifier.vocabulary, network)
    reached = _reached(twin, Examples(examples.features, examples.label, weight), settings.batch_size)
    few = slice(0, min(_COMPARED, len(examples)))
    features, weights = examples.features.slice(few.start, few.stop), None if weight is None else weight[few]
    # where a model is right, next to nothing reaches its weights: every third label is turned over
    label = examples.label[few] ^ (np.arange(few.stop) % 3 == 0)
    with single_threaded_blas:
        errors = check_network(network, loss, features, label, np.random.default_rng(0), weights)
        lengths = {name: _length(gradient) for name, gradient in network.grads.items()}
        for seed in range(1, _TRIES):  # a corner of ReLU is met in few directions, a wrong gradient shows in all
            if max(errors.values()) <= tolerance:
                break
            again = check_network(network, loss, features, label, np.random.default_rng(seed), weights)
            errors = {name: min(error, again[name]) for name, error in errors.items()}
    tensors = [
        TensorCheck(name, value.shape, lengths[name], reached[name], float(errors[name]), "")
        for name, value in network.params.items()
    ]
    tensors = [tensor._replace(verdict=_verdict(tensor, tolerance)) for tensor in tensors]
    return GradientCheck(tensors, len(label), len(examples), settings.loss, tolerance)


def _verdict(tensor: TensorCheck, tolerance: float) -> str:
    if not tensor.error <= tolerance:  # nor is what is no number
        return "wrong"
    return "right" if tensor.gradient > _FAINT else "too faint to tell"


def _in_float64(network: Sequential) -> Sequential:
    """A copy of its own, of which differences can be taken."""
    twin = deepcopy(network)
    for _, layer in twin.walk():
        if not isinstance(layer, Composite):
            layer.params = {name: value.astype(np.float64) for name, value in layer.params.items()}
            layer.buffers = {name: value.astype(np.float64) for name, value in layer.buffers.items()}
    return twin


def _reached(classifier: Classifier, examples: Examples, batch_size: int) -> dict[str, float]:
    """The share of each parameter's numbers that a gradient reached, in one pass over the examples."""
    touched = {name: np.zeros(value.shape, bool) for name, value in classifier.network.params.items()}
    for start in range(0, len(examples), batch_size):
        part = slice(start, min(start + batch_size, len(examples)))
        weight = None if examples.weight is None else examples.weight[part]
        batch = Examples(examples.features.slice(part.start, part.stop), examples.label[part], weight)
        _, dz = forward(classifier.network, batch, LOSSES[classifier.training_config().train.loss])
        for name, gradient in backward(classifier.network, dz).items():
            if isinstance(gradient, RowGrad):
                touched[name][gradient.rows] |= gradient.values != 0
            else:
                touched[name] |= gradient != 0
    return {name: float(mask.mean()) for name, mask in touched.items()}


def _length(gradient) -> float:
    return float(np.linalg.norm(gradient.values if isinstance(gradient, RowGrad) else gradient))
