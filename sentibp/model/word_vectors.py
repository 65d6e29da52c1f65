"""The vectors that pretraining leaves, and their file: learned once, for many trainings.

Each number is kept in half precision, which makes the file half as large: 11 bits, times one power of two for all of
them, so that the least lose nothing more. A training that learns vectors itself rounds them, too, and so ends with the
same bytes as one that reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import DataError
from sentibp.nn.layers import Array
from sentibp.utils import tensor_file
from sentibp.utils.arrow import from_numpy, index_of, split_lines

KEY = "vectors"  # of the metadata: no model, though it has the same form
FORMAT = 1
_BLOCK = 1 << 14  # vectors made at once


class Vectors(NamedTuple):
    """Vectors of some features."""

    features: Array  # (k,) their ids, each once
    half: Array  # (k, d) float16
    exponent: int  # the vectors are half * 2**exponent

    def rows(self, n: int, dim: int | None = None) -> Array:
        """The vector of each of n features, zeros for those that have none: (n, dim) float32, by default (n, d)."""
        rows = np.zeros((n, dim or self.half.shape[1]), np.float32)
        for start in range(0, len(self.half), _BLOCK):
            part = self.half[start : start + _BLOCK].astype(np.float32)
            rows[self.features[start : start + _BLOCK], : part.shape[1]] = np.ldexp(part, self.exponent)
        return rows


def to_half_precision(features: Array, vectors: Array) -> Vectors:
    """The vectors (k, d) of the features (k,), as they are kept."""
    longest = max(float(vectors.max(initial=0)), -float(vectors.min(initial=0)))
    exponent = int(np.frexp(longest)[1]) - 15  # half precision ends just below 2**16
    return Vectors(features, np.ldexp(vectors, -exponent).astype(np.float16), exponent)


class VectorFile(NamedTuple):
    """What a file of vectors holds."""

    texts: pa.LargeStringArray  # of the features (k,), the most frequent first
    vectors: Vectors  # the i-th is of the i-th text
    kind: str  # as pretrain.vectors has it
    dim: int  # as pretrain.dim has it; the vectors may be shorter
    lowercase: bool


def vectors_to_bytes(vectors: Vectors, vocabulary: Vocabulary, config: dict[str, Any]) -> bytes:
    """The content of the file; `config` are the settings as plain values. Same vectors and settings, same bytes."""
    from importlib.metadata import version

    texts = vocabulary.features().take(from_numpy(vectors.features)).to_pylist()
    features = np.frombuffer("\n".join(texts).encode(), np.uint8)  # no word contains a line break
    header = {"format": FORMAT, "version": version("sentibp"), "config": config, "exponent": vectors.exponent}
    return tensor_file.pack_tensor_file(header, {"features": features, "vectors": vectors.half}, KEY)


def load_vectors(path: Path) -> VectorFile:
    """Read a file of vectors. DataError if it is none, is damaged, or comes from a later version."""
    give, repair = "give the run directory of a `sentibp pretrain`", "pretrain again or copy it anew"
    try:
        header, tensors = tensor_file.read_tensor_file(path, KEY, "file of vectors", give, repair)
        if header["format"] > FORMAT:
            raise DataError(f"{path}: written by a later version of sentibp; update sentibp")
        tensor_file.verify_checksum(header, tensors)
        return _restored(header, tensors["features"], tensors["vectors"])
    except (KeyError, TypeError, ValueError, RecursionError, pa.ArrowException) as error:
        raise DataError(f"{path}: damaged: {' '.join(str(error).split())[:200]}; {repair}") from None


def _restored(header: dict[str, Any], features: Array, half: Array) -> VectorFile:
    settings, exponent = header["config"]["pretrain"], header["exponent"]
    kind, dim, lowercase = settings["vectors"], settings["dim"], header["config"]["text"]["lowercase"]
    if half.ndim != 2 or half.dtype != np.float16 or features.dtype != np.uint8 or features.ndim != 1:
        raise ValueError("it holds other numbers than vectors")
    if np.count_nonzero(features == ord("\n")) + (len(features) > 0) != len(half):
        raise ValueError("it has more vectors than features, or fewer")
    if not np.isfinite(half).all():
        raise ValueError("it holds numbers that are not finite")
    sound = kind in ("words", "reviews") and type(dim) is int and dim >= half.shape[1] and type(lowercase) is bool
    if not (sound and type(exponent) is int and -120 <= exponent <= 100):  # float32 holds what comes out
        raise ValueError("its settings are not those of a pretraining")
    return VectorFile(split_lines(features), Vectors(np.arange(len(half)), half, exponent), kind, dim, lowercase)


def match_vectors(saved: VectorFile, vocabulary: Vocabulary) -> Vectors:
    """The vectors of those features of a vocabulary that the file knows, by their text."""
    place = index_of(vocabulary.features(), saved.texts)
    features = np.flatnonzero(place != -1).astype(np.int32)
    return Vectors(features, saved.vectors.half[place[features]], saved.vectors.exponent)
