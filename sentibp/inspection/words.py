"""Neighbours, analogies and weights of the words and n-grams of a model.

Features are words and n-grams. Their ids are in order of frequency. If the model was initialized from another one with
init_from, the features of the other model come first.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.folding import Spelling
from sentibp.data.shifters import MARKS
from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError
from sentibp.inspection.explain import is_linear, output_sums
from sentibp.model.classifier import Classifier, predict_logits
from sentibp.model.word_vectors import VectorFile
from sentibp.nn import Ragged
from sentibp.nn.heads import split_head
from sentibp.nn.layers import Array
from sentibp.utils.arrow import index_of, strings
from sentibp.utils.threads import single_threaded_blas

_SPELLED = 50_000  # the most frequent features, among which similar spellings are searched

Ranking = list[tuple[str, float]]
"""Features and their scores, the best first."""


class VectorSpace(NamedTuple):
    """Vectors, and the feature of each."""

    vectors: Array  # (k, d)
    features: pa.LargeStringArray  # (k,), the most frequent first
    spelling: Spelling  # of the features


def vector_space(model: Classifier | VectorFile) -> VectorSpace:
    """Return the rows of the embedding, or the vectors of a pretraining."""
    if isinstance(model, VectorFile):
        return VectorSpace(model.vectors.rows(len(model.texts)), model.texts, model.spelling)
    return VectorSpace(model.tensors()["embedding.weight"], model.vocabulary.features(), model.spec.spelling)


def feature_rows(classifier: Classifier, texts: list[str]) -> Array:
    """Return the row of each word or n-gram in the embedding (k,). Raises ConfigError with a line for each unknown."""
    return _look_up(vector_space(classifier), texts)


def neighbors(model: Classifier | VectorFile, text: str, count: int, most_frequent: int) -> Ranking:
    """Return the features whose vectors have the largest cosine with that of `text`, and the cosines.

    Only the most frequent features are compared, without `text` itself. Raises ConfigError.
    """
    space = vector_space(model)
    rows = _look_up(space, [text])
    return _nearest(space, _unit(space.vectors[rows])[0], rows, count, most_frequent)


def analogy(model: Classifier | VectorFile, a: str, b: str, c: str, count: int, most_frequent: int) -> Ranking:
    """Return the features nearest to a - b + c, without these three: what is to `c` as `a` is to `b`.

    The vectors are normalized to length 1, as in Mikolov, Yih & Zweig 2013, "Linguistic regularities in continuous
    space word representations". Raises ConfigError.
    """
    space = vector_space(model)
    rows = _look_up(space, [a, b, c])
    return _nearest(space, np.array([1, -1, 1]) @ _unit(space.vectors[rows]), rows, count, most_frequent)


class TopFeatures(NamedTuple):
    """The features with the largest weights for positive and for negative."""

    positive: Ranking
    negative: Ranking
    linear: bool  # whether the logit of a review is a constant plus the pooled weights of its features


class ClassFeatures(NamedTuple):
    """The features with the largest weights for each sum of a model with more than two labels."""

    sums: dict[str, dict[str, Ranking]]  # name of the sum -> what large and small values are evidence for -> features
    linear: bool  # whether each sum of a review is a constant plus the pooled weights of its features
    against_rest: bool  # whether each sum is that of a label against the rest, and not polarity or neutrality


MIDDLE, ENDS = "middle", "ends"
"""What a large and a small neutrality are evidence for."""


def top_features(classifier: Classifier, count: int, most_frequent: int) -> TopFeatures:
    """Return the features with the largest weights in both directions, among the most frequent ones.

    The weight of a feature is the logit of a review with only this feature, minus the logit of an empty review. Without
    hidden layers, this is exactly what the feature adds to the pooled sum.
    """
    texts, weight = feature_weights(classifier, most_frequent)
    weight = weight[:, 0]
    return TopFeatures(
        _largest(weight, weight, texts, count), _largest(-weight, weight, texts, count), is_linear(classifier)
    )


def top_class_features(classifier: Classifier, count: int, most_frequent: int) -> ClassFeatures:
    """Return the same for a model with more than two labels: for each sum of `explain.explain`."""
    texts, weight = feature_weights(classifier, most_frequent)
    spec, sums = classifier.spec, {}
    names, contrasts = output_sums(spec)
    for name, column in zip(names, weight.T, strict=True):
        ends = (spec.labels[0], spec.labels[-1]) if not sums else (ENDS, MIDDLE)
        low, high = ends if contrasts is None else ("against", "for")
        sums[name] = {high: _largest(column, column, texts, count), low: _largest(-column, column, texts, count)}
    return ClassFeatures(sums, is_linear(classifier), contrasts is not None)


def feature_weights(classifier: Classifier, most_frequent: int) -> tuple[pa.LargeStringArray, Array]:
    """Return the most frequent features (k,), and the weight of each in each sum (k, sums) float64.

    It is defined in `top_features`; with two labels the logit is the only sum.
    """
    vocabulary = classifier.vocabulary
    n = min(most_frequent, len(vocabulary))
    texts = Vocabulary(vocabulary.words, vocabulary.prefix[:n], vocabulary.word[:n]).features()
    single = Ragged(np.arange(n, dtype=np.int32), np.arange(n + 1))
    empty = Ragged(np.zeros(0, np.int32), np.zeros(2, np.int64))
    network, contrasts = split_head(classifier.network)[0], output_sums(classifier.spec)[1]
    outputs, origin = (
        predict_logits(network, reviews).astype(np.float64).reshape(len(reviews.lengths), -1)
        for reviews in (single, empty)
    )
    weight = outputs - origin  # (k, m) - (1, m)
    return texts, weight if contrasts is None else weight @ contrasts.T


def _largest(score: Array, shown: Array, texts: pa.LargeStringArray, count: int) -> Ranking:
    """Return the features with the largest scores above 0. Of equal scores, the more frequent feature comes first."""
    order = np.argsort(-score, kind="stable")[:count]
    return [(texts[i].as_py(), float(shown[i])) for i in order.tolist() if score[i] > 0]


def _nearest(space: VectorSpace, direction: Array, without: Array, count: int, most_frequent: int) -> Ranking:
    with single_threaded_blas:
        cosine = _unit(space.vectors[:most_frequent]) @ _unit(direction)  # (k, d) @ (d,) -> (k,)
    candidates = np.setdiff1d(np.arange(len(cosine)), without)
    order = candidates[np.argsort(-cosine[candidates], kind="stable")[:count]]
    return [(space.features[i].as_py(), float(cosine[i])) for i in order.tolist()]


def _unit(vectors: Array) -> Array:
    """Normalize vectors (..., d) to length 1, in float64. Zero vectors stay zero."""
    vectors = vectors.astype(np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(np.float64).tiny)


def _look_up(space: VectorSpace, texts: list[str]) -> Array:
    """Return the row of each text (k,). Raises ConfigError with a line for each unknown one."""
    spelled = [_spelled(space, text) for text in texts]
    rows = index_of(strings(spelled), space.features)
    unknown = dict.fromkeys(
        (text, key) for text, key, row in zip(texts, spelled, rows.tolist(), strict=True) if row == -1
    )
    if unknown:
        frequent = space.features.slice(0, _SPELLED).to_pylist()
        near = [difflib.get_close_matches(key, frequent, 3) for _, key in unknown]
        raise ConfigError(*(_unknown(text, same, frequent[:3]) for (text, _), same in zip(unknown, near, strict=True)))
    return rows


def _spelled(space: VectorSpace, text: str) -> str:
    """Return a word or n-gram in the spelling of the vocabulary; a shifted word, such as `not~good`, is its own."""
    for mark in MARKS:
        if text.startswith(mark):
            return mark + _spelled(space, text.removeprefix(mark)).lower()
    tokens = tokenize(strings([text]), space.spelling)
    return " ".join(tokens.words[i].as_py() for i in tokens.ids.tolist())


def _unknown(text: str, near: list[str], known: list[str]) -> str:
    text = " ".join(text.split())[:60]
    examples = ", ".join(map(repr, known))
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"the most frequent are {examples}"
    return f"{text!r}: no word or n-gram of the model; {hint}"
