"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from . import sealed
from .errors import ConfigError, DataError
from .nn import layers as nn
from .nn.fast import FastEmbeddingBag
from .nn.initializers import INITIALIZERS, SUITS, Initializer, glorot, log_count_ratio, ones, zeros
from .nn.layers import Array, Ragged
from .text import tokenize
from .threads import on_all_cores, single_threaded_blas
from .vocab import Vocabulary

if TYPE_CHECKING:
    from .config import Config

FORMAT = 3
"""Version of the model file; raised when what an older one says, or leaves out, is read otherwise (2:
embedding.padding; 3: a checksum, which 1 and 2 may lack). Older ones are read as ever, newer ones refused."""

LABELS = ("negative", "positive")

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
_LARGE = 4_000_000  # features in all training reviews
_BLOCK = 64  # reviews that one thread predicts at a time: their rows fit its cache


def stream(seed: int, name: str) -> np.random.Generator:
    """The random numbers for one purpose ("init", "shuffle", ...): drawing more of one never changes another."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


class Prediction(NamedTuple):
    """Of n texts: the probability of positive, the number of tokens, and how many of these the vocabulary lacks."""

    positive: Array  # (n,) float64
    tokens: Array  # (n,) int64
    unknown: Array  # (n,) int64


@dataclass(eq=False)
class Classifier:
    """A network with its vocabulary and the settings that made it."""

    settings: Any  # a Config, or what a model file says, which has the same attributes
    vocabulary: Vocabulary
    network: nn.Sequential
    scores: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def config(self) -> Config:
        """The settings, checked. Prediction does without: the schema takes longer to load than a text to predict."""
        from pydantic import ValidationError

        from .config import Config

        try:
            return self.settings if isinstance(self.settings, Config) else Config.model_validate(_plain(self.settings))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "together"
            raise DataError(f"the model's settings are damaged: {where}: {first['msg']}; train again") from None

    def tensors(self) -> dict[str, Array]:
        """Everything the network has learned, by name: parameters, and the running averages of batch norm."""
        return {**self.network.params, **self.network.buffers}

    def encode(self, text: pa.LargeStringArray | pa.ChunkedArray) -> tuple[Ragged, Array, Array]:
        """The features of n texts, their number of tokens (n,), and how many of these have none (n,)."""
        tokens = tokenize(text, self.settings.text.lowercase)
        features, unknown = self.vocabulary.encode(tokens)
        return features, np.diff(tokens.offsets), unknown

    def logits(self, features: Ragged) -> Array:
        """The logit of each of n reviews (n,), on all cores."""
        n = len(features.offsets) - 1
        starts = range(0, n, _BLOCK)

        def block(start: int) -> Array:
            with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at what comes out
                return self.network.forward(features.slice(start, min(start + _BLOCK, n)))[:, 0]

        with single_threaded_blas:
            return np.concatenate([np.zeros(0, np.float32), *on_all_cores(block, starts)])

    def predict(self, text: pa.LargeStringArray | pa.ChunkedArray) -> Prediction:
        """What the network says of each text. A text without a known word gets the answer for an empty review."""
        features, tokens, unknown = self.encode(text)
        logits = self.logits(features).astype(np.float64)
        if np.isnan(logits).any():
            first = int(np.flatnonzero(np.isnan(logits))[0]) + 1
            raise DataError(f"the model's numbers are too large: its answer for review {first} is none; train again")
        return Prediction(nn.sigmoid(logits), tokens, unknown)

    def to_bytes(self) -> bytes:
        """The content of the model file. Same model, same bytes."""
        from importlib.metadata import version

        header = {
            "format": FORMAT,
            "version": version("sentibp"),
            "config": self.config.model_dump(mode="json", exclude={"train": {"checkpoint"}}),  # it changes no weight
            "labels": LABELS,
            "scores": self.scores,
        }
        words = {f"vocabulary.{name}": tensor for name, tensor in self.vocabulary.tensors().items()}
        return sealed.pack(header, self.tensors() | words)


def build(
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
    rng = stream(seed, "init")
    weights = {name: start(rng, shape) for name, (shape, start) in _plan(config, before or len(vocabulary)).items()}
    if before is not None:
        shape, start = _plan(config, len(vocabulary))["embedding.weight"]
        weights["embedding.weight"] = start(stream(seed, "more words"), shape)
    if config.model.embedding.vectors:
        _fill_from_vectors(weights["embedding.weight"], vocabulary, config.model.embedding.vectors)
    weights["embedding.weight"][vocabulary.is_part] = 0  # no word that is trained on has them
    if columns is not None:
        weights["embedding.weight"][:, -columns.shape[1] :] = columns
    if origin is not None:
        _inherit(weights, origin)
    elif config.model.embedding.init in ("naive_bayes", "linear") and examples is not None:
        if starts_linear(config, examples[0]):
            _start_linear(weights, config, *best_linear(*examples, vocabulary, config.model.embedding))
        else:
            weights["embedding.weight"][:, 0] = naive_bayes(*examples, vocabulary, config.model.embedding)
    return Classifier(config, vocabulary, _assemble(config, weights, stream(seed, "dropout")))


def _plan(config: Config, features: int) -> dict[str, tuple[tuple[int, ...], Initializer]]:
    """The name of each tensor of the network, its shape, and how it starts."""
    model = config.model
    dim = model.embedding.dim
    plan: dict[str, tuple[tuple[int, ...], Initializer]] = {
        "embedding.weight": ((features, dim), INITIALIZERS[model.embedding.init])
    }
    start = INITIALIZERS[SUITS[model.activation] if model.init == "auto" else model.init]
    for i, (inputs, width) in enumerate(pairwise([dim, *model.hidden])):
        plan[f"hidden.{i}.weight"] = (inputs, width), start
        plan[f"hidden.{i}.bias"] = (width,), zeros
        if model.batch_norm:
            plan[f"hidden.{i}.norm.scale"] = (width,), ones
            plan[f"hidden.{i}.norm.shift"] = (width,), zeros
            plan[f"hidden.{i}.norm.mean"] = (width,), zeros
            plan[f"hidden.{i}.norm.variance"] = (width,), ones
    last = model.hidden[-1] if model.hidden else dim
    plan["output.weight"] = (last, 1), glorot if model.init == "auto" else start  # no activation follows it
    plan["output.bias"] = (1,), zeros
    return plan


def _assemble(config: Config, weights: Mapping[str, Array], rng: np.random.Generator) -> nn.Sequential:
    """The network that the settings describe, around the given weights: the one place where settings become layers."""
    model = config.model
    layers: dict[str, nn.Layer] = {}
    if config.train.word_dropout:
        layers["words"] = nn.WordDropout(config.train.word_dropout, rng)
    bag = {"plain": nn.EmbeddingBag, "fast": FastEmbeddingBag}[config.train.math]
    layers["embedding"] = bag(weights["embedding.weight"], model.embedding.pooling, model.embedding.padding)
    width = model.embedding.dim
    for i, wide in enumerate(model.hidden):
        name = f"hidden.{i}"
        block: dict[str, nn.Layer] = {}
        if model.dropout:
            block["dropout"] = nn.Dropout(model.dropout, rng)
        block[""] = nn.Linear(weights[f"{name}.weight"], weights[f"{name}.bias"])
        if model.batch_norm:
            norm = (weights[f"{name}.norm.{part}"] for part in ("scale", "shift", "mean", "variance"))
            block["norm"] = nn.BatchNorm(*norm)
        block["activation"] = _ACTIVATIONS[model.activation]()
        layers[name] = nn.Sequential(block)
        if model.residual and wide == width:
            layers[name] = nn.Residual(layers[name])
        width = wide
    if model.dropout:
        layers["dropout"] = nn.Dropout(model.dropout, rng)
    layers["output"] = nn.Linear(weights["output.weight"], weights["output.bias"])
    return nn.Sequential(layers)


def naive_bayes(x: Ragged, label: Array, vocabulary: Vocabulary, embedding: Any) -> Array:
    """The log-count ratio of each feature, scaled so that its pooled values have a root mean square of 1."""
    return scaled(log_count_ratio(x, label, len(vocabulary))[:, None], x, embedding)[:, 0]


def starts_linear(config: Config, x: Ragged) -> bool:
    """Whether the embedding starts from the best linear classifier, which takes long on large data."""
    return config.model.embedding.init == "linear" and len(x.ids) <= _LARGE


def best_linear(x: Ragged, label: Array, vocabulary: Vocabulary, embedding: Any) -> tuple[Array, float, float]:
    """The best linear classifier: its column (V,), scaled likewise, the weight of that, and the bias."""
    from .pretrain import linear_column  # scipy: where something is trained

    found, bias = linear_column(x, label, vocabulary.shares(), len(vocabulary), embedding.pooling, embedding.padding)
    column = scaled(found[:, None].astype(np.float32), x, embedding)[:, 0]
    return column, float(np.abs(found).sum() / max(np.abs(column).sum(), 1e-6)), bias


def _start_linear(weights: dict[str, Array], config: Config, column: Array, weight: float, bias: float) -> None:
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


def scaled(columns: Array, x: Ragged, embedding: Any) -> Array:
    """Columns of an embedding (V, k), so that their pooled values over the reviews x have a root mean square of 1."""
    some = x.take(np.arange(0, len(x.offsets) - 1, -(-(len(x.offsets) - 1) // 2000)))  # about 2,000 tell the scale
    pooled = FastEmbeddingBag(columns, embedding.pooling, embedding.padding).forward(some)
    return columns / max(float(np.sqrt(np.mean(pooled**2))), 1e-6)


def _inherit(weights: dict[str, Array], origin: Classifier) -> None:
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


def _fill_from_vectors(weight: Array, vocabulary: Vocabulary, path: str) -> None:
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


def calibrated(classifier: Classifier, factor: float) -> Classifier:
    """The same classifier with its logit times `factor`; it shares all tensors but those of the output layer."""
    weights = dict(classifier.tensors())
    for name in "output.weight", "output.bias":
        weights[name] = weights[name] * np.float32(factor)
    network = _assemble(classifier.config, weights, stream(0, "dropout"))
    return Classifier(classifier.config, classifier.vocabulary, network, classifier.scores)


def fold(members: Sequence[tuple[Classifier, float]]) -> Classifier:
    """One network whose logit is the sum of the members' logits, each times its weight.

    The members have one vocabulary and no hidden layer, or one with ReLU: their embeddings stand side by side, their
    hidden units too, and no member's embedding reaches another's units. A member without a hidden layer is its logit
    as one column; beside members that have one it passes through two units, as z = relu(z) - relu(-z).
    """
    deep = any(classifier.config.model.hidden for classifier, _ in members)
    columns, blocks, biases, outputs, bias = [], [], [], [], np.zeros(1, np.float32)
    for classifier, weight in members:
        tensors = classifier.tensors()
        embedding, output = tensors["embedding.weight"], tensors["output.weight"] * np.float32(weight)
        bias = bias + tensors["output.bias"] * np.float32(weight)
        if classifier.config.model.hidden:
            columns.append(embedding)
            blocks.append(tensors["hidden.0.weight"])
            biases.append(tensors["hidden.0.bias"])
            outputs.append(output)
        else:
            columns.append(embedding @ output)  # (V, d) @ (d, 1) -> (V, 1)
            blocks.append(np.array([[1, -1]], np.float32))
            biases.append(np.zeros(2, np.float32))
            outputs.append(np.array([[1], [-1]], np.float32))
    if not deep:
        weights = {"embedding.weight": sum(columns[1:], columns[0]), "output.weight": np.ones((1, 1), np.float32)}
    else:
        weights = {"embedding.weight": np.concatenate(columns, axis=1), "output.weight": np.concatenate(outputs)}
        weights |= {"hidden.0.weight": _block_diagonal(blocks), "hidden.0.bias": np.concatenate(biases)}
    weights["output.bias"] = bias
    config = members[0][0].config
    dim, hidden = weights["embedding.weight"].shape[1], [len(weights["hidden.0.bias"])] if deep else []
    plain = config.model_dump() | {"pretrain": {}}  # what it has become, not how: that is in the run's config.yaml
    plain["model"]["embedding"]["dim"], plain["model"]["hidden"], plain["train"]["members"] = dim, hidden, 1
    config = type(config).model_validate(plain)
    return Classifier(config, members[0][0].vocabulary, _assemble(config, weights, stream(0, "dropout")))


def _block_diagonal(blocks: Sequence[Array]) -> Array:
    """The blocks from corner to corner, zeros around them."""
    matrix = np.zeros(np.sum([block.shape for block in blocks], axis=0), np.float32)
    row = column = 0
    for block in blocks:
        matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return matrix


def load(path: Path) -> Classifier:
    """Read a model file. DataError if it is none, is damaged, or comes from a later version."""
    try:
        return _restore(*sealed.read(path))
    except _Newer as error:
        raise DataError(f"{path}: {error}; update sentibp") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, pa.ArrowException) as error:
        what = " ".join(str(error).split())[:200]  # pydantic's words take several lines
        raise DataError(f"{path}: damaged: {what}; train again or copy it anew") from None


class _Newer(Exception):
    """A model file of a later format."""


def _restore(header: dict[str, Any], tensors: dict[str, Array]) -> Classifier:
    if header["format"] > FORMAT:
        version = " ".join(str(header["version"]).split())[:20]
        raise _Newer(f"model format {header['format']}, written by sentibp {version}, is newer than {FORMAT}")
    sealed.verify(header, tensors, required=header["format"] >= 3)
    if header["format"] == 1:
        header["config"]["model"]["embedding"].setdefault("padding", 0)
    vocabulary = Vocabulary.from_tensors(tensors.pop("vocabulary.words"), tensors.pop("vocabulary.features"))
    try:
        return _around(_namespace(header["config"]), vocabulary, tensors, header["scores"])
    except AttributeError:  # written before some setting was there: the schema knows its default
        from .config import Config

        return _around(Config.model_validate(header["config"]), vocabulary, tensors, header["scores"])


def _around(config: Any, vocabulary: Vocabulary, tensors: dict[str, Array], scores: dict[str, Any]) -> Classifier:
    """The classifier around the tensors of a model file, once they are seen to be those that the settings ask for."""
    _look_at(config, len(tensors))
    for name, (shape, _) in _plan(config, len(vocabulary)).items():
        if name not in tensors:
            raise ValueError(f"{name} is missing")
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            raise ValueError(f"{name} is {tensors[name].dtype} {tensors[name].shape}, not float32 {shape}")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        if name.endswith(".norm.variance") and (tensors[name] < 0).any():
            raise ValueError(f"{name} holds negative numbers")
    if not isinstance(scores, dict):
        raise ValueError("its scores are no mapping")
    network = _assemble(config, tensors, stream(config.train.seed, "dropout"))
    return Classifier(config, vocabulary, network, scores)


def _look_at(config: Any, tensors: int) -> None:
    """ValueError for settings that no network has, of those that prediction uses: it does without the schema. Nor can
    there be more hidden layers than tensors."""
    model, embedding = config.model, config.model.embedding
    if not isinstance(model.hidden, list) or len(model.hidden) > tensors:
        raise ValueError("model.hidden has other layers than the network")
    whole = [(value, 1) for value in (embedding.dim, *model.hidden)] + [(embedding.padding, 0), (config.train.seed, 0)]
    sound = {
        "model.embedding, model.hidden or train.seed": all(
            type(value) is int and least <= value < 1 << 63 for value, least in whole
        ),
        "model.embedding.pooling": embedding.pooling in ("mean", "sum", "sqrt"),
        "model.dropout or train.word_dropout": all(
            type(share) in (int, float) and 0 <= share < 1 for share in (model.dropout, config.train.word_dropout)
        ),
        "text.lowercase, model.batch_norm or model.residual": all(
            type(flag) is bool for flag in (config.text.lowercase, model.batch_norm, model.residual)
        ),
    }
    if wrong := [names for names, fine in sound.items() if not fine]:
        raise ValueError(f"{wrong[0]} has a value that it cannot have")


def _namespace(value: Any) -> Any:
    """Nested mappings as objects with attributes; but for learning_rates, whose keys are names of parts."""
    if not isinstance(value, dict):
        return value
    return SimpleNamespace(
        **{key: item if key == "learning_rates" else _namespace(item) for key, item in value.items()}
    )


def _plain(value: Any) -> Any:
    """The mappings that `_namespace` was given."""
    if not isinstance(value, SimpleNamespace):
        return value
    return {key: _plain(item) for key, item in vars(value).items()}
