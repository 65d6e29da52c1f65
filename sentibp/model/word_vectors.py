"""The vectors that pretraining learns, and their file, from which many trainings can start.

The numbers are stored in half precision (11 bits) times one power of two, so that the file is half as large and small
numbers keep their precision. A training that learns vectors itself rounds them too. So it ends with the same bytes as
a training that reads them from a file.

The vectors that come with sentibp have 8 bits a number.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.folding import Spelling
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import DataError
from sentibp.model.spec import spelling_from_mapping
from sentibp.nn.layers import Array
from sentibp.utils import tensor_file
from sentibp.utils.arrow import from_numpy, index_of, split_lines
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.environment import version
from sentibp.utils.resources import resource_folder
from sentibp.utils.stored_settings import complete_settings

KEY = "vectors"  # the metadata key: it distinguishes the file from a model file, which has the same form
FORMAT = 3  # 2: text.folding and text.classes; 3: numbers of 8 bits instead of half precision
BUILTIN_VECTORS = "vectors.safetensors"  # of the folder of built-in files
_BLOCK = 1 << 14  # vectors converted at once


class Vectors(NamedTuple):
    """The vectors of k features, in half precision."""

    features: Array  # (k,) their ids, each of them once
    half: Array  # (k, d) float16
    exponent: int  # the vectors are half * 2**exponent

    def rows(self, n: int, dim: int | None = None) -> Array:
        """Return the vectors of n features, zeros for features without one: (n, dim) float32, by default (n, d)."""
        rows = np.zeros((n, dim or self.half.shape[1]), np.float32)
        for start in range(0, len(self.half), _BLOCK):
            block = self.half[start : start + _BLOCK].astype(np.float32)
            rows[self.features[start : start + _BLOCK], : block.shape[1]] = np.ldexp(block, self.exponent)
        return rows


def to_half_precision(features: Array, vectors: Array) -> Vectors:
    """Round the vectors (k, d) of the features (k,) to half precision."""
    largest = max(float(vectors.max(initial=0)), -float(vectors.min(initial=0)))
    exponent = int(np.frexp(largest)[1]) - 15  # the largest number of half precision is just below 2**16
    return Vectors(features, np.ldexp(vectors, -exponent).astype(np.float16), exponent)


class VectorFile(NamedTuple):
    """The content of a file of vectors."""

    texts: pa.LargeStringArray  # (k,) of the features, the most frequent first
    vectors: Vectors  # the i-th vector belongs to the i-th text
    kind: str  # the setting pretrain.vectors
    dim: int  # the setting pretrain.dim; the vectors may be shorter
    spelling: Spelling


def vectors_to_bytes(vectors: Vectors, vocabulary: Vocabulary, config: dict[str, Any]) -> bytes:
    """Return the content of the file; the same input gives the same bytes. `config` are settings as plain values."""
    texts = vocabulary.features().take(from_numpy(vectors.features))
    return _pack(2, texts, vectors.half, vectors.exponent, config)


def pack_vectors(learned: VectorFile) -> bytes:
    """Return the content of a file of vectors of words with 8 bits a number, the largest of each vector being 127.

    So their lengths are lost. A training gives vectors of words the same length anyway.
    """
    rows = learned.vectors.rows(len(learned.texts))
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-30)
    text = learned.spelling._asdict() | {"classes": list(learned.spelling.classes)}
    config = {"pretrain": {"vectors": learned.kind, "dim": learned.dim}, "text": text}
    return _pack(3, learned.texts, np.rint(rows / largest * 127).astype(np.int8), 0, config)


def _pack(format: int, texts: pa.Array, vectors: Array, exponent: int, config: dict[str, Any]) -> bytes:
    features = np.frombuffer("\n".join(texts.to_pylist()).encode(), np.uint8)  # no word contains a line break
    header = {"format": format, "version": version("sentibp"), "config": config, "exponent": exponent}
    return tensor_file.pack_tensor_file(header, {"features": features, "vectors": vectors}, KEY)


@cache
def load_builtin() -> VectorFile:
    """Read the vectors of English words that come with sentibp; once, as the final training needs them, too."""
    return load_vectors(builtin_vectors())


def builtin_vectors() -> Path:
    """Return the file of the vectors that come with sentibp."""
    return resource_folder("data") / "builtin" / BUILTIN_VECTORS


def load_vectors(path: Path) -> VectorFile:
    """Read a file of vectors. DataError if it is not one, is damaged, or has a newer format."""
    give, repair = "give the run directory of a `sentibp pretrain`", "pretrain again or copy it anew"
    with data_error_if_damaged(path, repair):
        header, tensors = tensor_file.read_tensor_file(path, KEY, "file of vectors", give, repair)
        if header["format"] > FORMAT:
            raise DataError(f"{path}: written by a later version of sentibp; update sentibp")
        tensor_file.verify_checksum(header, tensors)
        return _restore(header, tensors["features"], tensors["vectors"])


def _restore(header: dict[str, Any], features: Array, half: Array) -> VectorFile:
    config, exponent = complete_settings(header["config"]), header["exponent"]
    half = half.astype(np.float16) if half.dtype == np.int8 else half  # exact
    kind, dim = config["pretrain"]["vectors"], config["pretrain"]["dim"]
    if half.ndim != 2 or half.dtype != np.float16 or features.dtype != np.uint8 or features.ndim != 1:
        raise ValueError("its tensors are not vectors in half precision and their texts")
    if np.count_nonzero(features == ord("\n")) + (len(features) > 0) != len(half):
        raise ValueError("the number of its vectors is not the number of its features")
    if not np.isfinite(half).all():
        raise ValueError("it holds numbers that are not finite")
    valid = kind in ("words", "reviews") and type(dim) is int and dim >= half.shape[1]
    if not (valid and type(exponent) is int and -120 <= exponent <= 100):  # then float32 holds the products
        raise ValueError("its settings are not the settings of a pretraining")
    vectors = Vectors(np.arange(len(half)), half, exponent)
    return VectorFile(split_lines(features), vectors, kind, dim, spelling_from_mapping(config["text"]))


def match_vectors(saved: VectorFile, vocabulary: Vocabulary) -> Vectors:
    """Return the vectors of the features of a vocabulary whose texts are in the file."""
    place = index_of(vocabulary.features(), saved.texts)
    features = np.flatnonzero(place != -1).astype(np.int32)
    return Vectors(features, saved.vectors.half[place[features]], saved.vectors.exponent)
