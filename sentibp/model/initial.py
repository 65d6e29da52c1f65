"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError, DataError
from sentibp.model.build import assemble, parameter_shapes
from sentibp.model.classifier import Classifier
from sentibp.model.linear import has_linear_start, linear_start
from sentibp.model.naive_bayes import naive_bayes_column
from sentibp.nn.layers import Array, Ragged
from sentibp.utils.rng import random_stream

if TYPE_CHECKING:
    from sentibp.config.schema import Config


def build_classifier(
    config: Config,
    vocabulary: Vocabulary,
    seed: int,
    origin: Classifier | None = None,
    examples: tuple[Ragged, Array] | None = None,
    columns: Array | None = None,
    before: int | None = None,
) -> Classifier:
    """A new classifier; its weights are drawn at random, then taken from word vectors or from `origin` if given.

    With `origin`, the vocabulary is one that begins with its features (`vocab.merge`). `examples` are the training
    reviews and their labels (n,), which embedding.init: naive_bayes looks at; without them it is `normal`. `columns`
    (V, k) are what the last columns of the embedding start from. With `before`, the layers above the embedding start as
    they did with a vocabulary of so many features.
    """
    rng = random_stream(seed, "init")
    weights = {
        name: start(rng, shape) for name, (shape, start) in parameter_shapes(config, before or len(vocabulary)).items()
    }
    if before is not None:
        shape, start = parameter_shapes(config, len(vocabulary))["embedding.weight"]
        weights["embedding.weight"] = start(random_stream(seed, "more words"), shape)
    if config.model.embedding.vectors:
        fill_from_vectors(weights["embedding.weight"], vocabulary, config.model.embedding.vectors)
    weights["embedding.weight"][vocabulary.is_affix] = 0  # no word that is trained on has them
    if columns is not None:
        weights["embedding.weight"][:, -columns.shape[1] :] = columns
    if origin is not None:
        inherit(weights, origin)
    elif config.model.embedding.init in ("naive_bayes", "linear") and examples is not None:
        if has_linear_start(config, examples[0]):
            start_linear(weights, config, *linear_start(*examples, vocabulary, config.model.embedding))
        else:
            weights["embedding.weight"][:, 0] = naive_bayes_column(*examples, vocabulary, config.model.embedding)
    return Classifier(config, vocabulary, assemble(config, weights, random_stream(seed, "dropout")))


def start_linear(weights: dict[str, Array], config: Config, column: Array, weight: float, bias: float) -> None:
    """Let the network start as a linear classifier. Its column passes hidden layers through two units, as
    z = relu(z) - relu(-z); the output learns to listen to the others."""
    weights["embedding.weight"][:, 0] = column
    model = config.model
    bends = model.hidden and (model.activation != "relu" or min(model.hidden) < 2)
    if bends or model.batch_norm or model.residual:
        return  # only its column is there, as that of naive_bayes
    for i in range(len(model.hidden)):
        hidden, through = weights[f"hidden.{i}.weight"], np.eye(2) if i else np.array([[1, -1]])
        hidden[:, :2] = 0
        hidden[: len(through), :2] = through
    output, signs = weights["output.weight"], [1, -1] if model.hidden else [1]
    output[:] = 0
    output[: len(signs), 0] = weight * np.array(signs)
    weights["output.bias"][:] = bias


def inherit(weights: dict[str, Array], origin: Classifier) -> None:
    """Copy a trained model. Its features keep their vectors; new ones, which follow them, have random rows."""
    trained = origin.tensors()
    for name in dict.fromkeys((*trained, *weights)):
        there, here = (tensors[name].shape if name in tensors else "no" for tensors in (trained, weights))
        rows = name == "embedding.weight"  # whose number differs with the vocabulary
        if there[rows:] != here[rows:]:
            raise ConfigError(
                f"model.init_from: {name} has {there} numbers in that model and {here} in this config; "
                "give both the same embedding.dim, hidden and batch_norm"
            )
        weights[name][: len(trained[name])] = trained[name]


def fill_from_vectors(weight: Array, vocabulary: Vocabulary, path: str) -> None:
    """Fill the rows of words that a text file of vectors knows: `word number number ...`, as GloVe writes them."""
    dim = weight.shape[1]
    row = dict(zip(vocabulary.words.to_pylist(), vocabulary.word_features.tolist(), strict=True))
    found = 0
    for number, (word, values) in _vector_lines(path):
        if word not in row:
            continue
        try:
            with np.errstate(over="ignore"):  # too large for float32 is found below
                vector = np.array(values.split(), np.float64).astype(np.float32)
        except ValueError:
            continue  # a phrase: its first word is one of ours, the next is no number
        if len(vector) != dim or not np.isfinite(vector).all():
            raise DataError(
                f"{path}:{number}: {len(vector)} finite numbers for '{word}', but model.embedding.dim is {dim}; "
                "set dim to the length of the file's vectors"
            )
        weight[row[word]] = vector
        found += 1
    if not found:
        raise DataError(f"{path}: no word of the vocabulary is in it; give a file of vectors in text format")


def _vector_lines(path: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """Line number, word and the rest of each line, one at a time: such files are larger than memory."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            for number, line in enumerate(file, 1):
                word, _, values = line.rstrip().partition(" ")
                if number == 1 and word.isdigit() and values.strip().isdigit():
                    continue  # word2vec and fastText begin with "count dim"
                yield number, (word, values)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; set model.embedding.vectors to a file of word vectors") from None
