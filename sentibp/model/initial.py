"""The initial weights of a network: random numbers, word vectors, a trained model, or a linear classifier."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from sentibp.config.paths import with_names_only
from sentibp.data.examples import Examples, example_weights
from sentibp.data.folding import Spelling, fold_word
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError, DataError
from sentibp.model.build import assemble_for_training, parameter_shapes
from sentibp.model.classifier import Classifier
from sentibp.model.linear import Head, LinearStart, has_linear_start, is_large, linear_start, scaled_start
from sentibp.model.logistic_regression import fit_class_regression
from sentibp.model.naive_bayes import naive_bayes_columns
from sentibp.model.spec import NetworkSpec
from sentibp.nn.initializers import INITIALIZER_FOR, INITIALIZERS, Initializer, glorot, ones, zeros
from sentibp.nn.layers import Array
from sentibp.utils.files import SMALL, open_regular
from sentibp.utils.near_names import near_or
from sentibp.utils.paths import shown
from sentibp.utils.repair import set_option
from sentibp.utils.rng import random_stream

if TYPE_CHECKING:
    from sentibp.config.schema import Config


def build_classifier(
    config: Config,
    vocabulary: Vocabulary,
    seed: int,
    origin: Classifier | None = None,
    examples: Examples | None = None,
    columns: Array | None = None,
    before: int | None = None,
    is_random: bool = True,
) -> Classifier:
    """Return an untrained classifier. The seed determines its random weights.

    `origin` is a trained model to start from; the vocabulary must then begin with its features (`vocabulary.merge`).
    `examples` are the training reviews, from which embedding.init: linear and naive_bayes compute the first column of
    the embedding; without them, all columns are random. `columns` (V, k) are the initial values of the last columns.
    With `before`, the layers above the embedding start with the same random weights as with a vocabulary of so many
    features. Without `is_random`, all weights but `columns` are zero, for a caller that replaces them: random
    numbers for many words take long.
    """
    spec = NetworkSpec.from_config(config)
    if is_random:
        weights = _random_weights(config, len(vocabulary), seed, before)
    else:
        weights = {name: np.zeros(shape, np.float32) for name, shape in parameter_shapes(spec, len(vocabulary)).items()}
    embedding = weights["embedding.weight"]
    if config.model.embedding.vectors:
        fill_from_vectors(embedding, vocabulary, shown(config.model.embedding.vectors), Spelling.of(config.text))
    embedding[vocabulary.is_affix] = 0  # training never updates these rows
    if columns is not None:
        embedding[:, -columns.shape[1] :] = columns
    if origin is not None:
        _require_outputs(origin.spec, spec)
        inherit(weights, origin, spec.head)
    elif config.model.embedding.init in ("naive_bayes", "linear") and examples is not None:
        if (start := _linear_start(config, spec, examples, vocabulary, seed)) is not None:
            start_linear(weights, config, start)
        else:
            first = naive_bayes_columns(examples, vocabulary, config.model.embedding, spec.head)
            embedding[:, : first.shape[1]] = first[:, : embedding.shape[1]]
            if not config.model.hidden:  # a negative weight would turn the first answers upside down
                output = weights["output.weight"]
                own = np.arange(min(first.shape[1], *output.shape))
                output[own, own] = np.abs(output[own, own])
    if origin is None:
        embedding[vocabulary.is_marked] = 0  # their weights are learned afterwards: training/shifters.py
    network = assemble_for_training(config, weights, seed)
    return Classifier(spec, vocabulary, network, trained_with=with_names_only(config).model_dump(mode="json"))


def _linear_start(
    config: Config, spec: NetworkSpec, examples: Examples, vocabulary: Vocabulary, seed: int
) -> LinearStart | None:
    """Return the linear classifier from which the network starts; None if it starts from naive Bayes."""
    embedding, loss_weight = config.model.embedding, example_weights(config.train, examples)
    if not has_linear_start(config, examples.features):
        return None
    if not is_large(config, examples.features):
        return linear_start(examples, vocabulary, embedding, loss_weight, spec.head)
    head, pooling, padding = Head(spec.head, len(spec.labels)), embedding.pooling, embedding.padding
    columns, bias = fit_class_regression(
        examples, len(vocabulary), pooling, padding, seed, head, loss_weight, "linear start"
    )  # not the linear member itself: an average of two that differ is better
    return scaled_start(columns, bias, head.parameters, examples, embedding)


def _random_weights(config: Config, features: int, seed: int, before: int | None) -> dict[str, Array]:
    """Return the tensors of the network, drawn at random or filled with constants, by name."""
    spec, rng = NetworkSpec.from_config(config), random_stream(seed, "init")
    weights = {
        name: _initializer(config, name)(rng, shape)
        for name, shape in parameter_shapes(spec, before or features).items()
    }
    if before is not None:
        more = random_stream(seed, "more words")
        weights["embedding.weight"] = _initializer(config, "embedding.weight")(more, (features, spec.dim))
    return weights


def _initializer(config: Config, name: str) -> Initializer:
    """Return the function that draws the initial values of a tensor."""
    model = config.model
    if name == "embedding.weight":
        return INITIALIZERS[model.embedding.init]
    if name.endswith((".scale", ".variance")):
        return ones
    if name.endswith((".bias", ".shift", ".mean", ".gaps")):
        return zeros
    if model.init != "auto":
        return INITIALIZERS[model.init]
    if name == "output.weight":
        return glorot  # no activation follows it
    return INITIALIZERS[INITIALIZER_FOR[model.activation]]


def start_linear(weights: dict[str, Array], config: Config, start: LinearStart) -> None:
    """Set the weights so that the network starts as a linear classifier.

    Each of its m columns passes each hidden layer through two units, as z = relu(z) - relu(-z). The output weights of
    the other units are zero at first. If the network cannot represent a linear classifier, only the columns are set, as
    for embedding.init: naive_bayes.
    """
    model, m = config.model, start.columns.shape[1]
    embedding = weights["embedding.weight"]
    embedding[:, :m] = start.columns[:, : embedding.shape[1]]
    narrow = model.hidden and min(model.hidden) < 2 * m
    nonlinear = model.hidden and (model.activation != "relu" or model.batch_norm or model.residual)
    if nonlinear or narrow or embedding.shape[1] < m:
        return
    pairs = np.kron(np.eye(m), [1, -1])  # (m, 2 m): a column into its two units
    for i in range(len(model.hidden)):
        hidden, through = weights[f"hidden.{i}.weight"], np.eye(2 * m) if i else pairs
        hidden[:, : 2 * m] = 0
        hidden[: len(through), : 2 * m] = through
    output = weights["output.weight"]
    output[:] = 0
    if model.hidden:
        output[: 2 * m] = pairs.T * start.weight
    else:
        output[:m] = np.diag(start.weight)
    weights["output.bias"][:] = start.bias
    for name, value in start.head.items():
        weights[name][:] = value


def _require_outputs(origin: NetworkSpec, spec: NetworkSpec) -> None:
    """Raise ConfigError if a network cannot start from a model with these labels, or this head."""
    if origin.head == spec.head and len(origin.labels) == len(spec.labels):
        return
    if (origin.head, spec.head) == ("sigmoid", "scale"):
        return
    theirs, ours = (f"{', '.join(each.labels)} ({each.head})" for each in (origin, spec))
    repair = "train both with the same data.labels and model.output"
    if origin.head == "sigmoid" and spec.ordered:
        repair = f"a model of two classes can be the start with {set_option('model.output', 'scale')}"
    raise ConfigError(f"model.init_from: that model has the classes {theirs}, and this config {ours}; {repair}")


def inherit(weights: dict[str, Array], origin: Classifier, head: str = "sigmoid") -> None:
    """Copy the tensors of a trained model. The rows of new features, which follow its own, stay random.

    Polarity, the first output of the head `scale`, starts from the logit of a model with two labels, and neutrality
    from 0. An adaptive temperature is left out, since calibration fits it to a trained network.
    """
    trained = {name: tensor for name, tensor in origin.tensors().items() if not name.startswith("temperature.")}
    if head == "scale" and origin.spec.head == "sigmoid":
        for name in "output.weight", "output.bias":
            trained[name] = np.concatenate((trained[name], np.zeros_like(trained[name])), axis=-1)
        if "scale.bias" in weights:
            trained["scale.bias"] = np.zeros_like(weights["scale.bias"])
    for name in dict.fromkeys((*trained, *weights)):
        shapes = [tensors[name].shape if name in tensors else None for tensors in (trained, weights)]
        theirs, ours = ("no" if shape is None else shape for shape in shapes)
        first = name == "embedding.weight"  # the number of its rows depends on the vocabulary
        if theirs[first:] != ours[first:]:
            spec = origin.spec
            shape = {"embedding.dim": spec.dim, "hidden": list(spec.hidden), "batch_norm": spec.batch_norm}
            same = " ".join(set_option(f"model.{key}", value) for key, value in shape.items())
            raise ConfigError(
                f"model.init_from: {name} has {theirs} numbers in that model and {ours} in this config; "
                f"give the network that model's shape with {same}"
            )
        weights[name][: len(trained[name])] = trained[name]


def fill_from_vectors(weight: Array, vocabulary: Vocabulary, path: str, spelling: Spelling) -> tuple[int, list[str]]:
    """Set the rows of the words for which a text file has vectors, in the format of GloVe: `word number number ...`.

    Return the number of these words, and those that it has several times with other numbers, of which the last counts.
    A word that the file has only in other spellings gets the vector of the first of them.
    """
    dim = weight.shape[1]
    row = dict(zip(vocabulary.words.to_pylist(), vocabulary.word_features.tolist(), strict=True))
    filled, spelled_so, repeated = set(), set(), dict[str, None]()
    for number, (spelled, values) in _vector_lines(path):
        word = spelled if spelled in row or spelling.folding == 1 else fold_word(spelled, spelling.lowercase)
        if word not in row or (word != spelled and word in filled):  # the vector of the very spelling is preferred
            continue
        try:
            with np.errstate(over="ignore"):  # numbers too large for float32 are reported below
                vector = np.array(values.split(), np.float64).astype(np.float32)
        except ValueError:
            continue  # a phrase: its first word is in the vocabulary, and its second word is not a number
        if len(vector) != dim or not np.isfinite(vector).all():
            raise DataError(
                f"{path}:{number}: {len(vector)} finite numbers for '{spelled}', but model.embedding.dim is {dim}; "
                f"repair the file, or set the length of its vectors: {set_option('model.embedding.dim', len(vector))}"
            )
        if word in spelled_so and (weight[row[word]] != vector).any():
            repeated[word] = None
        weight[row[word]] = vector
        filled.add(word)
        spelled_so |= {word} if word == spelled else set()
    if not filled:
        raise DataError(f"{path}: no word of the vocabulary is in it; give a file of vectors in text format")
    return len(filled), list(repeated)


def require_vectors(path: str) -> None:
    """Raise DataError if a text file of vectors cannot be read."""
    with _explained_if_unreadable(path), open_regular(path):
        pass


@contextmanager
def _explained_if_unreadable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        repair = near_or(path, "name a file of word vectors with --set model.embedding.vectors=PATH")
        raise DataError(f"{path}: {error.strerror}; {repair}") from None


def _vector_lines(path: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield the number of each line, its word and the rest of it. Such files may be larger than memory."""
    with _explained_if_unreadable(path), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        for number, content in enumerate(iter(lambda: file.readline(SMALL), b""), 1):
            line = content.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode(errors="replace")
            if len(content) == SMALL:
                what = f"a line longer than {SMALL // 1_000_000} MB"
                raise DataError(f"{path}:{number}: {what}; give a file of vectors in text format")
            word, _, values = line.rstrip().partition(" ")
            if number == 1 and word.isdigit() and values.strip().isdigit():
                continue  # word2vec and fastText begin with "count dim"
            yield number, (word, values)
        if file.tell() < size:
            what = "has become shorter while it was read"
            raise DataError(f"{path}: {what}; try again when no other program writes to it")
