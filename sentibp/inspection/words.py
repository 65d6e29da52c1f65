"""What a model has learned of its words: which lie near each other, and which speak for and against a film.

Features are words and n-grams. Their ids follow frequency, so that the most frequent ones come first; but a model that
was trained from another one, with init_from, has the other's features before its own.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError
from sentibp.model.classifier import Classifier
from sentibp.model.word_vectors import VectorFile
from sentibp.nn import Ragged
from sentibp.nn.layers import Array
from sentibp.utils.arrow import index_of, strings
from sentibp.utils.threads import single_threaded_blas

_NEAR = 50_000  # features, the most frequent, whose spelling is compared with one that is not known

Ranking = list[tuple[str, float]]


class VectorSpace(NamedTuple):
    """Vectors, and the feature that each belongs to."""

    vectors: Array  # (k, d)
    features: pa.LargeStringArray  # (k,), the most frequent first
    lowercase: bool  # whether they are spelled so


def vector_space(of: Classifier | VectorFile) -> VectorSpace:
    """Where features are near each other or far: the rows of the embedding, or what pretraining has learned."""
    if isinstance(of, VectorFile):
        return VectorSpace(of.vectors.rows(len(of.texts)), of.texts, of.lowercase)
    return VectorSpace(of.tensors()["embedding.weight"], of.vocabulary.features(), of.settings.text.lowercase)


def feature_rows(classifier: Classifier, texts: list[str]) -> Array:
    """The row of each word or n-gram in the embedding (k,). Raises ConfigError with a line for each unknown one."""
    return _look_up(vector_space(classifier), texts)


def neighbors(of: Classifier | VectorFile, text: str, count: int, most_frequent: int) -> Ranking:
    """Of the most frequent features those with vectors most like that of `text`, and the cosines. Raises ConfigError.

    `text` itself, which may be rarer, is left out.
    """
    where = vector_space(of)
    chosen = _look_up(where, [text])
    return _nearest(where, _unit(where.vectors[chosen])[0], chosen, count, most_frequent)


def analogy(of: Classifier | VectorFile, a: str, b: str, c: str, count: int, most_frequent: int) -> Ranking:
    """What is to `c` as `a` is to `b`: the features nearest to a - b + c, these three left out. Raises ConfigError.

    Of vectors of length 1, as in Mikolov, Yih & Zweig 2013, "Linguistic regularities in continuous space word
    representations".
    """
    where = vector_space(of)
    chosen = _look_up(where, [a, b, c])
    return _nearest(where, np.array([1, -1, 1]) @ _unit(where.vectors[chosen]), chosen, count, most_frequent)


class TopFeatures(NamedTuple):
    """The features that speak most for positive and for negative, with their weights."""

    positive: Ranking
    negative: Ranking
    linear: bool  # whether a review's logit is the pooled weights of its features and a constant


def top_features(classifier: Classifier, count: int, most_frequent: int) -> TopFeatures:
    """Of the most frequent features those with the largest weights, up and down.

    The weight is the logit of a review that is this feature alone, less that of an empty review. Without hidden layers
    it is exactly what the feature adds to the sum that is pooled; with them, how the network answers where nothing else
    speaks.
    """
    texts, weight = feature_weights(classifier, most_frequent)
    linear = set(classifier.tensors()) == {"embedding.weight", "output.weight", "output.bias"}
    return TopFeatures(_largest(weight, weight, texts, count), _largest(-weight, weight, texts, count), linear)


def feature_weights(classifier: Classifier, most_frequent: int) -> tuple[pa.LargeStringArray, Array]:
    """The most frequent features (k,), and the weight of each (k,) float64, as `top` says what that is."""
    vocabulary = classifier.vocabulary
    n = min(most_frequent, len(vocabulary))
    texts = Vocabulary(vocabulary.words, vocabulary.prefix[:n], vocabulary.word[:n]).features()
    alone = Ragged(np.arange(n, dtype=np.int32), np.arange(n + 1))
    empty = Ragged(np.zeros(0, np.int32), np.zeros(2, np.int64))
    return texts, classifier.logits(alone).astype(np.float64) - classifier.logits(empty)  # (n,) - (1,)


def _largest(score: Array, shown: Array, texts: pa.LargeStringArray, count: int) -> Ranking:
    """The features with the largest scores above 0, in that order; of equal ones the more frequent first."""
    order = np.argsort(-score, kind="stable")[:count]
    return [(texts[i].as_py(), float(shown[i])) for i in order.tolist() if score[i] > 0]


def _nearest(where: VectorSpace, direction: Array, without: Array, count: int, most_frequent: int) -> Ranking:
    with single_threaded_blas:
        cosine = _unit(where.vectors[:most_frequent]) @ _unit(direction)  # (k, d) @ (d,) -> (k,)
    candidates = np.setdiff1d(np.arange(len(cosine)), without)
    order = candidates[np.argsort(-cosine[candidates], kind="stable")[:count]]
    return [(where.features[i].as_py(), float(cosine[i])) for i in order.tolist()]


def _unit(vectors: Array) -> Array:
    """Vectors (..., d) as float64 of length 1; those of zeros stay so."""
    vectors = vectors.astype(np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(np.float64).tiny)


def _look_up(where: VectorSpace, texts: list[str]) -> Array:
    """The row of each text, spelled as the model spells it. Raises ConfigError with a line for each unknown one."""
    spelled = [_spelled(where, text) for text in texts]
    rows = index_of(strings(spelled), where.features)
    unknown = dict.fromkeys(
        (text, key) for text, key, row in zip(texts, spelled, rows.tolist(), strict=True) if row == -1
    )
    if unknown:
        frequent = where.features.slice(0, _NEAR).to_pylist()
        near = [difflib.get_close_matches(key, frequent, 3) for _, key in unknown]
        raise ConfigError(*(_unknown(text, same, frequent[:3]) for (text, _), same in zip(unknown, near, strict=True)))
    return rows


def _spelled(where: VectorSpace, text: str) -> str:
    """A word or n-gram as the vocabulary has it."""
    tokens = tokenize(strings([text]), where.lowercase)
    return " ".join(tokens.words[i].as_py() for i in tokens.ids.tolist())


def _unknown(text: str, near: list[str], known: list[str]) -> str:
    said = " ".join(text.split())[:60]
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it knows, say, {', '.join(map(repr, known))}"
    return f"{said!r}: no word or n-gram of the model; {hint}"
