"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import DataError
from sentibp.model.head import LABELS, probability
from sentibp.nn import layers as nn
from sentibp.nn.layers import Array, Ragged
from sentibp.utils import tensor_file
from sentibp.utils.threads import parallel_map, single_threaded_blas

if TYPE_CHECKING:
    from sentibp.config.schema import Config


FORMAT = 3
"""Version of the model file; raised when what an older one says, or leaves out, is read otherwise (2:
embedding.padding; 3: a checksum, which 1 and 2 may lack). Older ones are read as ever, newer ones refused."""

_BLOCK = 64  # reviews that one thread predicts at a time: their rows fit its cache


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

        from sentibp.config.schema import Config

        try:
            return (
                self.settings if isinstance(self.settings, Config) else Config.model_validate(to_plain(self.settings))
            )
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
        return predict_logits(self.network, features)

    def predict(self, text: pa.LargeStringArray | pa.ChunkedArray) -> Prediction:
        """What the network says of each text. A text without a known word gets the answer for an empty review."""
        features, tokens, unknown = self.encode(text)
        logits = self.logits(features).astype(np.float64)
        if np.isnan(logits).any():
            first = int(np.flatnonzero(np.isnan(logits))[0]) + 1
            raise DataError(f"the model's numbers are too large: its answer for review {first} is none; train again")
        return Prediction(probability(logits), tokens, unknown)

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
        return tensor_file.pack_tensor_file(header, self.tensors() | words)


def predict_logits(network: nn.Sequential, features: Ragged) -> Array:
    """Return the logit of each of n reviews (n,), computed on all cores."""
    n = len(features.offsets) - 1
    starts = range(0, n, _BLOCK)

    def block(start: int) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at what comes out
            return network.forward(features.slice(start, min(start + _BLOCK, n)))[:, 0]

    with single_threaded_blas:
        return np.concatenate([np.zeros(0, np.float32), *parallel_map(block, starts)])


def to_plain(value: Any) -> Any:
    """The mappings that `_namespace` was given."""
    if not isinstance(value, SimpleNamespace):
        return value
    return {key: to_plain(item) for key, item in vars(value).items()}
