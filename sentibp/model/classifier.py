"""A trained classifier: its specification, vocabulary and network, from a text to the probability of positive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.data.key_table import NONE
from sentibp.data.tokenizer import Tokens, cuts, tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError, DataError, InvalidInput
from sentibp.model.decision import Costs, Decision, parse_decision
from sentibp.model.head import probability
from sentibp.model.prediction import Prediction
from sentibp.model.spec import NetworkSpec
from sentibp.nn import layers as nn
from sentibp.nn.layers import Array, Ragged
from sentibp.nn.losses import logits_of
from sentibp.utils import compute as pc
from sentibp.utils import tensor_file
from sentibp.utils.arrow import counts_before, to_numpy
from sentibp.utils.environment import version
from sentibp.utils.limits import LARGEST_RECORD_MB, MB, RECORD_MB
from sentibp.utils.sequences import Texts, as_texts
from sentibp.utils.threads import one_core, parallel_map, single_threaded_blas

if TYPE_CHECKING:
    import pyarrow as pa

    from sentibp.config.schema import Config
    from sentibp.data.pieces import Piece


FORMAT = 7
"""Version of the model file. It rises when older content is read differently (2: embedding.padding; 3: a checksum,
which files of formats 1 and 2 may lack; 4: text.folding and text.classes; 5: text.presence, text.shifters, and
compressed files: model/packing.py; 6: more than two labels; 7: an adaptive temperature). Older formats stay readable.
Newer formats are refused."""

_BINARY_FORMAT, _CLASS_FORMAT = 5, 6  # of models with two labels, and with more and without an adaptive temperature

_BLOCK = 64  # reviews that one thread predicts at a time: their rows fit its cache
"""Every block has this height, because BLAS rounds products of another height differently."""

_FEATURES = 1 << 19  # of a block of long reviews: the rows of all are in memory at the same time


_OF_A_LANGUAGE = 20_000  # words, which make up more than nine tenths of texts; the built-in vectors have 30,000


@dataclass(eq=False)
class Classifier:
    """A network with its vocabulary.

    >>> import sentibp
    >>> classifier = sentibp.load_model("builtin")
    >>> prediction = classifier.predict(["I love this movie", "not worth the ticket"])
    >>> prediction.label.tolist(), prediction.positive.round(1).tolist()
    (['positive', 'negative'], [1.0, 0.0])
    """

    spec: NetworkSpec
    vocabulary: Vocabulary
    network: nn.Sequential
    scores: dict[str, Any] = field(default_factory=dict)
    trained_with: Mapping[str, Any] = field(default_factory=dict)
    """The settings that trained the network, as plain values. Prediction does not use them."""
    file: Path | None = None
    """The file that it was loaded from. What is beside it tells about the training (training/recorded_data.py)."""

    def __post_init__(self) -> None:
        if self.spec.presence != self.vocabulary.presence:  # the vocabulary encodes the texts
            raise ValueError(f"text.presence is {self.spec.presence}, but not that of the vocabulary")

    def training_config(self) -> Config:
        """Return the settings that trained the network, checked by the schema. DataError if they are damaged."""
        from pydantic import ValidationError  # prediction does without: the import takes longer than a prediction

        from sentibp.config.schema import Config

        try:
            return Config.model_validate(self.trained_with)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "together"
            raise DataError(f"the model's settings are damaged: {where}: {first['msg']}; train again") from None

    @property
    def text_column(self) -> str | tuple[str, ...]:
        """The column of the training data with the reviews, or several that were joined; "text" if it is not known."""
        names = self._data_setting("text_column", "text")
        return names[0] if len(names) == 1 else names

    @property
    def file_settings(self) -> dict[str, Any]:
        """How the files of the training data were read, as fields of ReadOptions: what the settings say of it."""
        found = {key: self._data_setting(key, None) for key in ("columns", "encoding", "separator", "quoting", "sheet")}
        single = {key: value[0] for key, value in found.items() if value and key != "columns"}
        return {**single, **({"names": found["columns"]} if found["columns"] else {}), **self._largest_record()}

    def _largest_record(self) -> dict[str, int]:
        data = self.trained_with.get("data")
        megabytes = data.get("max_record_mb") if isinstance(data, Mapping) else None
        if megabytes is None:
            return {}
        if type(megabytes) not in (int, float) or not 0 < megabytes <= LARGEST_RECORD_MB:
            raise DataError(f"the model's settings are damaged: data.max_record_mb: {megabytes!r:.40}; train again")
        return {"most": round(megabytes * MB)}

    def _data_setting(self, key: str, default: str | None) -> tuple[str, ...]:
        """Return a setting that is a name or several. Prediction does without the schema, which checks it."""
        data = self.trained_with.get("data")
        value = data.get(key, default) if isinstance(data, Mapping) else default
        names = (value,) if isinstance(value, str) else () if value is None else value
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise DataError(f"the model's settings are damaged: data.{key}: {value!r:.40}; train again")
        return tuple(names)

    @property
    def parameter_count(self) -> int:
        """The number of its parameters. The running averages of batch norm are none: they are not learned."""
        return sum(parameter.size for parameter in self.network.params.values())

    def tensors(self) -> dict[str, Array]:
        """Return all tensors of the network by name: parameters, and the running averages of batch norm."""
        return {**self.network.params, **self.network.buffers}

    def encode(self, text: Texts) -> tuple[Ragged, Array, Array]:
        """Return the features of n texts, the number of their tokens (n,), and of unknown tokens (n,)."""
        tokens = tokenize(as_texts(text), self.spec.spelling)
        features, unknown = self.vocabulary.encode(tokens)
        return features, np.diff(tokens.offsets), unknown

    def count_guessed(self, text: Texts) -> int:
        """Return of how many texts most words are not in the vocabulary, if that has those of a language.

        With text.affixes, beginnings and endings of such words are known all the same. The count is 0 for vocabularies
        without these, and for small ones: few training texts do not have most words of new ones.
        """
        vocabulary = self.vocabulary
        words = len(vocabulary.words) - int(vocabulary.is_affix.sum())
        if not vocabulary.is_affix.any() or vocabulary.respells or words < _OF_A_LANGUAGE:
            return 0
        tokens = tokenize(as_texts(text), self.spec.spelling)
        is_word = to_numpy(pc.match_substring_regex(tokens.words, r"[\p{Latin}\p{Cyrillic}\p{Greek}]"))
        is_unseen = is_word & (vocabulary.numbers(tokens.words) == NONE)
        total, unseen = (np.diff(counts_before(mask.take(tokens.ids), tokens.offsets)) for mask in (is_word, is_unseen))
        return int((2 * unseen > total).sum())

    def logits(self, features: Ragged) -> Array:
        """Return the logit of each of n reviews (n,), or that of each of K labels (n, K). Uses all cores."""
        return predict_logits(self.network, features)

    def predict(self, text: Texts, threshold: str | float | None = None, cost: Costs | None = None) -> Prediction:
        """Return the predictions for n texts. A text without a known token is predicted as an empty review.

        The texts are a list of str, a numpy array, a Series of pandas or polars, or an Arrow array. `threshold` and
        `cost` choose the labels as the options of `sentibp predict` do. InvalidInput, with the position, for None, NaN
        and other values that are no text; also for a single str, which is no list.
        """
        decision = self._decision(threshold, cost)
        tokens = tokenize(as_texts(text), self.spec.spelling)
        logits, unknown = self._encoded_logits(tokens)
        return Prediction(probability(checked(logits)), np.diff(tokens.offsets), unknown, decision)

    def _decision(self, threshold: str | float | None, cost: Costs | None) -> Decision:
        try:
            return parse_decision(self.spec.label_set, threshold, cost)
        except ConfigError as error:
            from sentibp.config.python import in_python  # slow

            raise in_python(error) from None

    def _encoded_logits(self, tokens: Tokens) -> tuple[Array, Array]:
        """Return the logits of texts, and the number of their unknown tokens (n,). No array has all their features."""
        encode = self.vocabulary.encoder(tokens, self.vocabulary.presence)

        def piece(texts: tuple[int, int]) -> tuple[Array, Array]:
            features, unknown = encode(texts)
            with one_core():
                return self.logits(features), unknown

        pieces = list(self.vocabulary.pieces(tokens)) or [(0, 0)]
        logits, unknown = zip(*parallel_map(piece, pieces), strict=True)
        return np.concatenate(logits), np.concatenate(unknown)

    def checked_logits(self, features: Ragged) -> Array:
        """Return the logits as float64. NoAnswer if one is not a number."""
        return checked(self.logits(features))

    def answers(
        self, text: Texts, threshold: str | float | None = None, cost: Costs | None = None
    ) -> list[dict[str, Any]]:
        """Return `predict(text, threshold, cost).to_dicts()`."""
        return self.predict(text, threshold, cost).to_dicts()

    def to_bytes(self, more: Mapping[str, Any] | None = None) -> bytes:
        """Return the content of the model file, with `more` in its header. The same model gives the same bytes."""
        words = {f"vocabulary.{name}": tensor for name, tensor in self.vocabulary.tensors().items()}
        return self.pack_file(self.tensors() | words, more)

    def pack_file(self, tensors: Mapping[str, Array], more: Mapping[str, Any] | None = None) -> bytes:
        """Return the content of a model file with the settings of the model and these tensors."""
        config = dict(self.trained_with)
        if "train" in config:  # how often a training writes checkpoints changes no weight
            config["train"] = {key: value for key, value in config["train"].items() if key != "checkpoint"}
        if config.get("data", {}).get("max_record_mb") == RECORD_MB:  # nor does how much could be read
            config["data"] = {key: value for key, value in config["data"].items() if key != "max_record_mb"}
        header = {
            "format": self._format(),
            "version": version("sentibp"),
            "config": config,
            "labels": list(self.spec.labels),
            "scores": self.scores,
        }
        return tensor_file.pack_tensor_file(header | dict(more or {}), tensors)

    def _format(self) -> int:
        """Return the earliest version of the model file that has all that this model needs."""
        if self.spec.adaptive_temperature:
            return FORMAT
        return _BINARY_FORMAT if self.spec.label_set.are_binary else _CLASS_FORMAT


class NoAnswer(DataError):
    """A text has no answer, because the numbers of the model are too large."""

    def __init__(self, row: int, place: str | None = None):
        """`row` is the position of the first such text, and `place` its place if it is of a file."""
        place = f"texts[{row}]" if place is None else place
        super().__init__(f"{place}: the model has no answer, as its numbers are too large; train it again")
        self.row = row


def checked(logits: Array) -> Array:
    """Return the logits of n reviews as float64. NoAnswer if one is not a number."""
    logits = logits.astype(np.float64)
    if np.isnan(logits).any():
        raise NoAnswer(int(np.argwhere(np.isnan(logits))[0, 0]))
    return logits


def predict_piece(predict: Callable[[pa.LargeStringArray], Prediction], piece: Piece) -> Prediction:
    """Return the predictions for a piece of the input. NoAnswer with the place of a text that has none."""
    try:
        return predict(piece.text)
    except NoAnswer as error:
        raise NoAnswer(error.row, piece.where(error.row)) from None


def require_classifier(value: object) -> None:
    """Raise InvalidInput if the argument of a public function is not a model, but its name or an estimator, say."""
    if not isinstance(value, Classifier):
        if hasattr(value, "model_"):
            repair = "give its attribute model_"
        elif isinstance(value, str | Path):
            repair = f"write sentibp.load_model({str(value)[:100]!r})"
        else:
            repair = "give what sentibp.load_model returns"
        raise InvalidInput(f"classifier is of type {type(value).__name__}, not a model; {repair}")


def predict_logits(network: nn.Sequential, features: Ragged) -> Array:
    """Return the logit of each of n reviews (n,), or that of each of K labels (n, K), computed on all cores.

    The logit of a review is the same to the last bit, whatever the other reviews are.
    """

    def block(reviews: tuple[int, int]) -> Array:
        start, stop = reviews
        ids, offsets = features.slice(start, stop)
        offsets = np.pad(offsets, (0, start + _BLOCK - stop), mode="edge")  # with empty reviews
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at what comes out
            return network.forward(Ragged(ids, offsets))[: stop - start]

    with single_threaded_blas:
        if len(features.offsets) == 1:
            return logits_of(network.forward(features))
        return logits_of(np.concatenate(list(parallel_map(block, _blocks(features.offsets)))))


def _blocks(offsets: Array) -> Iterator[tuple[int, int]]:
    """Yield ranges (start, stop) of at most _BLOCK reviews, of at most _FEATURES features unless a review has more."""
    n = len(offsets) - 1
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        if offsets[stop] - offsets[start] <= _FEATURES:
            yield start, stop
        else:
            yield from ((start + first, start + last) for first, last in cuts(offsets[start : stop + 1], _FEATURES))
