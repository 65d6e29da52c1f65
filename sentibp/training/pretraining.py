"""Pretraining: vectors of n-grams and of words, learned without labels from the texts that they occur in.

Both kinds are the best linear autoencoder of a matrix: the k directions that reconstruct it with the least squared
error. Gradient descent on such a network ends there (Baldi & Hornik, 1989); `truncated_svd` gets there in a few
products.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array

from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.data.vocabulary import Vocabulary
from sentibp.model.naive_bayes import log_count_ratio
from sentibp.model.word_vectors import Vectors, to_half_precision
from sentibp.nn.layers import Array, Ragged
from sentibp.training.events import Round
from sentibp.training.truncated_svd import RoundState, truncated_svd
from sentibp.utils.rng import random_stream
from sentibp.utils.threads import parallel_map

_WORDS = 30_000  # the most frequent ones, which have vectors
_WINDOW = 5  # words to each side


class PretrainingData(NamedTuple):
    """The encoded reviews of the pretraining, besides the training data."""

    labelled: Examples | None  # of pretrain.labelled
    unlabelled: Ragged


def learn_vectors(
    config: Config,
    vocabulary: Vocabulary,
    training: Examples,
    extra: PretrainingData,
    seed: int,
    done: int = 0,
    state: RoundState | None = None,
) -> Generator[tuple[Round, RoundState], None, Vectors]:
    """Return the vectors that the settings ask for: of n-grams by reviews, or of words by neighbours.

    Yields as `truncated_svd`.
    """
    settings, n = config.pretrain, len(vocabulary)
    texts, rng = [training.features, extra.unlabelled], random_stream(seed, "pretrain")
    if settings.vectors == "reviews":
        reviews = concatenate_reviews(texts)
        count = np.bincount(reviews.ids, minlength=n)
        seen = max(int(np.searchsorted(-count, -settings.min_count, side="right")), 1)  # ids are by frequency
        guide = log_count_ratio(training.features, training.label, n)[:seen]
        vectors = yield from review_vectors(reviews, seen, guide, settings.dim, rng, done, state)
        return to_half_precision(np.arange(seen, dtype=np.int32), vectors)
    if extra.labelled is not None:
        texts.append(extra.labelled.features)
    words = vocabulary.word_features[~vocabulary.is_affix[vocabulary.word_features]]
    known = words[:_WORDS]
    texts_of_words = only_words(concatenate_reviews(texts), words)
    vectors = yield from word_vectors(texts_of_words, len(known), settings.dim, rng, done, state)
    return to_half_precision(known, vectors)


def review_vectors(
    reviews: Ragged,
    seen: int,
    guide: Array,
    dim: int,
    rng: np.random.Generator,
    done: int = 0,
    state: RoundState | None = None,
) -> Generator[tuple[Round, RoundState], None, Array]:
    """Return vectors (seen, dim) of the first `seen` features, by the reviews that share them.

    Pooled, they reconstruct the features of a review with the least squared error.

    A feature counts once in a review. Its weight falls with the number of reviews that have it (to the power of -0.4)
    and rises with the root of |guide| (seen,), its log-count ratio: this turns the directions to opinion rather than
    topic. Each review is scaled to length 1. The first features are the most frequent ones. Yields as `truncated_svd`.
    """
    counts = _present(reviews, seen)
    spread = np.maximum(np.bincount(counts.indices, minlength=seen), 1)
    weight = (spread**-0.4 * (np.sqrt(np.abs(guide)) + 0.1)).astype(np.float32)
    counts = csr_array(counts @ diags_array(weight))
    length = np.sqrt(counts.power(2).sum(axis=1))
    counts = csr_array(diags_array((1 / np.maximum(length, 1e-6)).astype(np.float32)) @ counts)
    directions, _ = yield from truncated_svd(counts, dim, rng, done, state)
    return weight[:, None] * directions


def word_vectors(
    words: Ragged,
    known: int,
    dim: int,
    rng: np.random.Generator,
    done: int = 0,
    state: RoundState | None = None,
) -> Generator[tuple[Round, RoundState], None, Array]:
    """Return vectors (known, dim) of the first `known` words, by their neighbours at most five words away.

    The matrix holds the positive pointwise mutual information of each pair of words, which word2vec's skip-gram
    factorises by gradient descent (Levy & Goldberg, 2014). Near neighbours count more and frequent words less, as
    word2vec samples them. Yields as `truncated_svd`.
    """
    counts = _cooccurrences(words, known)  # (known, known)
    total = counts.sum()
    share = np.maximum(counts.sum(axis=1), 1e-9) / total
    smooth = share**0.75
    smooth /= smooth.sum()
    rows = np.repeat(np.arange(known), np.diff(counts.indptr))
    surprise = np.log(counts.data / total / (share[rows] * smooth[counts.indices]))
    counts.data = np.maximum(surprise, 0).astype(np.float32)
    counts.eliminate_zeros()
    directions, strength = yield from truncated_svd(csr_array(counts.T), dim, rng, done, state)
    return directions * np.sqrt(strength)  # a root of the singular values on either side


def only_words(reviews: Ragged, word_features: Array) -> Ragged:
    """The reviews without their n-grams, words numbered from 0 in the order of their features (m,)."""
    number = np.full(max(int(reviews.ids.max(initial=0)), int(word_features.max(initial=0))) + 1, -1, np.int32)
    number[word_features] = np.arange(len(word_features), dtype=np.int32)
    word = number[reviews.ids]
    before = np.concatenate(([0], np.cumsum(word >= 0)))
    return Ragged(word[word >= 0], before[reviews.offsets])


def _present(reviews: Ragged, seen: int) -> csr_array:
    """Which of the first `seen` features are in each review: (n, seen) of ones."""
    kept = reviews.ids < seen
    before = np.concatenate(([0], np.cumsum(kept)))
    shape = len(reviews.offsets) - 1, seen
    present = csr_array((np.ones(before[-1], np.float32), reviews.ids[kept], before[reviews.offsets]), shape=shape)
    present.sum_duplicates()
    present.data[:] = 1
    return present


def _cooccurrences(words: Ragged, known: int) -> csr_array:
    """How often any two of the first `known` words stand within a window, weighted: (known, known) symmetric."""
    ids, review = words.ids, words.review
    count = np.bincount(ids, minlength=known)
    # word2vec keeps a word of frequency f with the probability sqrt(1e-4 / f); here its counts count so much
    kept = np.minimum(1, np.sqrt(1e-4 * len(ids) / np.maximum(count, 1))).astype(np.float32)

    def at_distance(distance: int) -> csr_array:
        a, b = ids[:-distance], ids[distance:]
        met = (review[:-distance] == review[distance:]) & (a < known) & (b < known)
        a, b = a[met], b[met]
        weight = kept[a] * kept[b] * np.float32(1 - (distance - 1) / _WINDOW)
        return csr_array((weight, (a, b)), shape=(known, known))

    total = csr_array((known, known), dtype=np.float32)
    for part in parallel_map(at_distance, range(1, _WINDOW + 1)):
        total = total + part
    return csr_array(total + total.T)


def concatenate_reviews(sets: Sequence[Ragged]) -> Ragged:
    """Return the reviews of all sets, one after the other."""
    lengths = np.concatenate([each.lengths for each in sets])
    return Ragged(np.concatenate([each.ids for each in sets]), np.concatenate(([0], np.cumsum(lengths))))
