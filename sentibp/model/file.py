"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import DataError
from sentibp.model.build import assemble, parameter_shapes
from sentibp.model.classifier import FORMAT, Classifier
from sentibp.nn.layers import Array
from sentibp.utils import tensor_file
from sentibp.utils.rng import random_stream


def load_model(path: Path) -> Classifier:
    """Read a model file. DataError if it is none, is damaged, or comes from a later version."""
    try:
        return _restore(*tensor_file.read_tensor_file(path))
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
    tensor_file.verify_checksum(header, tensors, required=header["format"] >= 3)
    if header["format"] == 1:
        header["config"]["model"]["embedding"].setdefault("padding", 0)
    vocabulary = Vocabulary.from_tensors(tensors.pop("vocabulary.words"), tensors.pop("vocabulary.features"))
    try:
        return _around(_namespace(header["config"]), vocabulary, tensors, header["scores"])
    except AttributeError:  # written before some setting was there: the schema knows its default
        from sentibp.config.schema import Config

        return _around(Config.model_validate(header["config"]), vocabulary, tensors, header["scores"])


def _around(config: Any, vocabulary: Vocabulary, tensors: dict[str, Array], scores: dict[str, Any]) -> Classifier:
    """The classifier around the tensors of a model file, once they are seen to be those that the settings ask for."""
    _look_at(config, len(tensors))
    for name, (shape, _) in parameter_shapes(config, len(vocabulary)).items():
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
    network = assemble(config, tensors, random_stream(config.train.seed, "dropout"))
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
