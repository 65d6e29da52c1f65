"""Compress a model: fewer features, rows of lower rank, and about 8 bits for each of their numbers.

The first layer after the embedding is linear, so the rows can be rotated and cut to the few directions that move its
units; the layer is rotated back. A unit counts as much as the weights that leave it are long. Of the features, those
stay whose rows matter most: a long row of a frequent feature (Joulin et al. 2016, "FastText.zip", choose by the length
alone; on reviews of other films, the length times the square root of the frequency loses much less). Frequent features
are rounded less than rare ones: what rounding does to them, it does to nearly every review in the same direction.
model/packing.py writes what remains.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from sentibp.data.key_table import NONE
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError, DataError
from sentibp.inspection.compare import compare_models
from sentibp.inspection.evaluate import VALIDATION, DataOptions
from sentibp.inspection.probes import load_probes, run_probes
from sentibp.model import packing
from sentibp.model.build import assemble
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.nn.layers import Array
from sentibp.runs import find
from sentibp.utils.arrow import from_numpy, index_of

_ENERGY = 0.998  # the share of the energy (see `_rotated`) that the remaining directions have
_SHIFTED = 0.1  # how often a word of opinion is negated, conceded or boosted
_STEPS = 7  # to which a rare feature is rounded, in the length of a row (the root of the mean square)
_FINER = (2 * _STEPS, 4 * _STEPS, 8 * _STEPS)  # if all features fit
_RANKS, _MULTIPLES = (4096, 16384), (1, 2, 4)  # to which the numbers before, between and after these ranks are rounded
_SCORES = 700  # bytes for the scores of two classes, which are measured later
_DIGITS = 100  # bytes by which the scores may be longer than those of the model before
_CLOSE = 0.995  # of the largest size: near enough
_BYTES = 3  # a first guess of the bytes for one feature
_GUESSES = 5  # after so many, the interval is halved: a guess moves one end only, which may take hundreds


class CompressionReport(NamedTuple):
    """A model before and after it was compressed: `bytes`, `features`, `probes` of classes in order, scores, if any."""

    before: dict[str, Any]
    after: dict[str, Any]
    paired: dict[str, Any] | None  # the result of metrics.mcnemar
    notes: tuple[str, ...]


class Compressed(NamedTuple):
    """A compressed model: as its file will be read, and the tensors of the file."""

    classifier: Classifier
    tensors: Mapping[str, Array]

    def to_bytes(self, scores: Mapping[str, Any] | None = None) -> bytes:
        """Return the content of the model file, with the scores that were measured. The same model, the same bytes."""
        scored = replace(self.classifier, scores=dict(scores or {}))
        return scored.pack_file(self.tensors)


def compress(classifier: Classifier, max_bytes: int, measure: Callable[[Compressed], int] | None = None) -> Compressed:
    """Return the model with as many features as fit into a file of `max_bytes`. ConfigError if not a single one fits.

    A model that was compressed already may be compressed further. `measure` returns the size of the file; without it,
    that of a model file with scores of two classes.
    """
    measure = measure or file_size
    rows, weights = _rotated(classifier, _ENERGY)
    importance = np.linalg.norm(rows, axis=1) * np.sqrt(_frequency(classifier.vocabulary))  # (V,)
    order = np.argsort(-importance, kind="stable")

    def build(count: int) -> Compressed:
        return _packed(classifier, rows, weights, _with_origins(classifier.vocabulary, order[:count]), _STEPS)

    found = _largest(build, measure, len(order), max_bytes)
    if len(found.classifier.vocabulary) == len(classifier.vocabulary):  # there may be room for more precision
        rows, weights = _rotated(classifier, 1)
        for steps in _FINER:
            finer = _packed(classifier, rows, weights, np.ones(len(order), bool), steps)
            found = finer if measure(finer) <= max_bytes else found
    return found


def file_size(compressed: Compressed, scores: int = _SCORES) -> int:
    """Return the size of a model file whose scores take so many bytes."""
    return len(compressed.to_bytes()) + scores


def compress_file(path: Path, max_bytes: int, reviews: DataOptions = VALIDATION) -> tuple[bytes, CompressionReport]:
    """Return the content of the compressed file of a model file, and the scores before and after.

    A refit model has learned its validation reviews. The model before the refit is scored on them, compressed likewise.
    ConfigError if the file cannot be as small.
    """
    model = load_model(path)
    unscored = replace(model, scores={}).pack_file({})
    scores = max(_SCORES, len(model.pack_file({})) - len(unscored) + _DIGITS)  # those of many classes are long
    while True:
        content, report = _compressed_file(path, model, max_bytes, partial(file_size, scores=scores), reviews)
        if len(content) <= max_bytes:
            return content, report
        scores += len(content) - max_bytes


def _compressed_file(
    path: Path, model: Classifier, max_bytes: int, measure: Callable[[Compressed], int], reviews: DataOptions
) -> tuple[bytes, CompressionReport]:
    """Return what `compress_file` returns. The content is larger than `max_bytes` if the scores are than expected."""
    compressed = compress(model, max_bytes, measure)
    scored, scored_compressed, notes = model, compressed, []
    validated = find.validated_file(path)
    if not reviews.is_named and validated != path:
        notes.append(f"scored {validated}, compressed likewise, because {path} was refit on these reviews, too")
        scored = load_model(validated)
        scored_compressed = compress(scored, max_bytes, measure)
    result = None
    try:
        names = "the model before", "the model after"
        result = compare_models(scored, scored_compressed.classifier, reviews, names=names)
        notes += result.notes
    except DataError as error:
        if reviews.is_named or reviews.overrides:
            raise
        notes.append(f"no accuracy and no log loss: {error}")
    content = compressed.to_bytes(result.b if result is not None and not reviews.is_named else None)
    before = _facts(model, os.path.getsize(path)) | ({} if result is None else result.a)
    after = _facts(compressed.classifier, len(content)) | ({} if result is None else result.b)
    return content, CompressionReport(before, after, None if result is None else result.paired, tuple(notes))


def _facts(classifier: Classifier, size: int) -> dict[str, Any]:
    """Return what is known of a model without reviews. Classes without an order have no probes."""
    facts = {"bytes": size, "features": len(classifier.vocabulary)}
    if not classifier.spec.ordered:
        return facts
    probes = run_probes(classifier, load_probes(classifier.spec.label_set))
    return facts | {"probes": {key: probes[key] for key in ("n", "passed")}}


def _rotated(classifier: Classifier, share: float) -> tuple[Array, dict[str, Array]]:
    """Return the rows (V, k) float64 in the k directions that matter, and the other tensors, rotated accordingly.

    These directions have at least this share of the energy: of the squared rows, weighted by frequency.
    """
    weights = dict(classifier.tensors())
    embedding = weights.pop("embedding.weight").astype(np.float64)
    if classifier.spec.residual:  # the rows are added to the output of the next layer: they stay as they are
        return embedding, weights
    name, effect = _first_layer(weights)
    first = weights[name] * effect  # (d, h)
    gram = (embedding * _frequency(classifier.vocabulary)[:, None]).T @ embedding  # (d, V) @ (V, d) -> (d, d)
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    _, singular, directions = np.linalg.svd(root @ first, full_matrices=False)  # (d, h) -> (r,), (r, h)
    energy = np.cumsum(singular**2)
    directions = directions[: 1 + int(np.searchsorted(energy, share * energy[-1]))]  # (k, h)
    weights[name] = (directions / effect).astype(np.float32)
    return embedding @ (first @ directions.T), weights  # (V, d) @ (d, k) -> (V, k)


def _first_layer(weights: Mapping[str, Array]) -> tuple[str, Array]:
    """Return the name of the weight after the embedding, and how much each of its units moves the next layer: (h,)."""
    if "hidden.0.weight" not in weights:
        return "output.weight", np.ones(weights["output.weight"].shape[1])
    after = weights.get("hidden.1.weight", weights["output.weight"])
    effect = np.linalg.norm(after.astype(np.float64), axis=1)
    if "hidden.0.norm.scale" in weights:
        effect *= np.abs(weights["hidden.0.norm.scale"]) / np.sqrt(weights["hidden.0.norm.variance"] + 1e-5)
    return "hidden.0.weight", np.maximum(effect, max(1e-3 * effect.max(), 1e-30))  # it is divided by


def _frequency(vocabulary: Vocabulary) -> Array:
    """Return the relative frequency of features in the order of their counts (V,), after Zipf's law.

    The marked features of shifted words are at the end. They are as frequent as their words, times _SHIFTED.
    """
    frequency = 1 / (1 + np.arange(len(vocabulary)))
    marked = np.flatnonzero(vocabulary.is_marked)
    if len(marked):
        words = pc.replace_substring_regex(vocabulary.words.take(from_numpy(vocabulary.word[marked])), "^[a-z]+~", "")
        number = index_of(words, vocabulary.words)
        frequency[marked] = _SHIFTED * np.where(number == NONE, 0, frequency[vocabulary.word_features[number]])
    return frequency


def _with_origins(vocabulary: Vocabulary, chosen: Array) -> Array:
    """Return which features to keep (V,) bool: those chosen, the n-grams that they extend, and all of their words."""
    kept = np.zeros(len(vocabulary), bool)
    kept[chosen] = True
    extended = vocabulary.prefix[kept]
    while len(extended := extended[extended != NONE]):
        kept[extended] = True
        extended = vocabulary.prefix[extended]
    kept[vocabulary.word_features[vocabulary.word[kept]]] = True
    return kept


def _subset(vocabulary: Vocabulary, kept: Array) -> Vocabulary:
    """Return the vocabulary of the features to keep (V,) bool, in the same order."""
    number, word = np.cumsum(kept) - 1, np.zeros(len(vocabulary.words), bool)
    word[vocabulary.word[kept]] = True
    prefix = np.where(vocabulary.prefix[kept] == NONE, NONE, number[vocabulary.prefix[kept]])
    words = (np.cumsum(word) - 1)[vocabulary.word[kept]]
    kept_words = vocabulary.words.filter(from_numpy(word))
    return Vocabulary(kept_words, prefix.astype(np.int32), words.astype(np.int32), vocabulary.presence)


def _quantized(rows: Array, steps: int) -> packing.Rows:
    """Return the rows (V, k), those of the most frequent features first, in whole numbers of steps.

    There is one step, because an error counts the same in each direction. The numbers of rare features are rounded to
    multiples of four: once compressed, these take no more bytes than if they were divided by four.
    """
    length = np.sqrt(np.mean(np.sum(rows**2, axis=1)))
    step = max(float(np.float32(length / (steps * _MULTIPLES[-1]))), float(np.finfo(np.float32).tiny))
    multiple = np.array(_MULTIPLES)[np.searchsorted(_RANKS, np.arange(len(rows)), side="right")][:, None]
    return packing.Rows(np.rint(rows / (multiple * step)).astype(np.int64) * multiple, step)


def _packed(classifier: Classifier, rows: Array, weights: Mapping[str, Array], kept: Array, steps: int) -> Compressed:
    """Return the model with the features to keep (V,) bool."""
    tensors = packing.pack(_subset(classifier.vocabulary, kept), _quantized(rows[kept], steps))
    dim = rows.shape[1]
    vocabulary, read = packing.unpack(dict(tensors), dim, classifier.spec.presence)
    spec = replace(classifier.spec, dim=dim)
    network = assemble(spec, {**weights, "embedding.weight": read.weight()})
    settings = _with_dim(classifier.trained_with, dim)
    smaller = replace(
        classifier, spec=spec, vocabulary=vocabulary, network=network, trained_with=settings, scores={}, file=None
    )
    return Compressed(smaller, {**tensors, **weights})


def _with_dim(settings: Mapping[str, Any], dim: int) -> dict[str, Any]:
    """Return the settings of the training, with rows of this length."""
    model = settings["model"]
    return {**settings, "model": {**model, "embedding": {**model["embedding"], "dim": dim}}}


def _largest(
    build: Callable[[int], Compressed], measure: Callable[[Compressed], int], total: int, max_bytes: int
) -> Compressed:
    """Return the model with the largest number of features, up to `total`, whose file has at most `max_bytes`.

    The size is almost linear in the number, so that a few guesses come near enough. What every file has, such as the
    code of an export, can make them poor: then the interval is halved.
    """
    fitting, low, high = None, (0, 0), (total + 1, 0)
    count, tries = max(min(total, max_bytes // _BYTES), 1), 0
    while True:
        found = build(count)
        size = measure(found)
        if size <= max_bytes:
            fitting, low = found, (count, size)
        elif count == 1:
            least = f"give at least --max-size {math.ceil(size / 1000)}kB"
            raise ConfigError(f"--max-size: the smallest file of this model has {size:,} bytes; {least}")
        else:
            high = (count, size)
        if fitting is not None and (low[1] > _CLOSE * max_bytes or low[0] + 1 >= high[0]):
            return fitting
        each = (high[1] - low[1]) / (high[0] - low[0]) if high[1] else size / count
        guess = low[0] + int(((1 + _CLOSE) / 2 * max_bytes - low[1]) / max(each, 0.1))
        guess, tries = (guess if tries < _GUESSES else (low[0] + high[0]) // 2), tries + 1
        count = max(low[0] + 1, min(guess, high[0] - 1))
