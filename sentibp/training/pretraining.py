"""Pretraining: learn vectors of n-grams and of words, without labels, from the texts in which they occur.

Both kinds are the weights of the best linear autoencoder of a matrix: the k directions that reconstruct it with the
least squared error. Gradient descent on such a network converges to them (Baldi & Hornik, 1989). `truncated_svd`
computes them with a few products.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np
import scipy

from sentibp.config.schema import Config
from sentibp.data.examples import Examples, example_weights
from sentibp.data.vocabulary import Vocabulary
from sentibp.model.logistic_regression import fit_logistic_regression
from sentibp.model.naive_bayes import log_count_ratios
from sentibp.model.spec import NetworkSpec
from sentibp.model.word_vectors import Vectors, to_half_precision
from sentibp.nn.layers import Array, Ragged, sigmoid
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.training.events import Round
from sentibp.training.truncated_svd import RoundState, truncated_svd
from sentibp.utils.rng import random_stream
from sentibp.utils.threads import parallel_map

_WORDS = 30_000  # the number of words that get a vector: the most frequent ones
_WINDOW = 5  # the number of neighbours of a word on each side


class PretrainingData(NamedTuple):
    """The reviews of pretraining, with their features as often as they occur, in order, whatever text.presence is."""

    training: Ragged
    labelled: Examples | None  # from pretrain.labelled
    unlabelled: Ragged  # from pretrain.source


def learn_vectors(
    config: Config,
    vocabulary: Vocabulary,
    training: Examples,
    extra: PretrainingData,
    seed: int,
    done: int = 0,
    state: RoundState | None = None,
) -> Generator[tuple[Round, RoundState], None, Vectors]:
    """Learn the vectors that the settings choose: those of n-grams from reviews, or those of words from neighbours.

    Yields what `truncated_svd` yields.
    """
    settings, n = config.pretrain, len(vocabulary)
    texts, rng = [extra.training, extra.unlabelled], random_stream(seed, "pretrain")
    if settings.vectors == "reviews":
        reviews = concatenate_reviews(texts)
        count = np.bincount(reviews.ids, minlength=n)
        n_features = max(int(np.searchsorted(-count, -settings.min_count, side="right")), 1)  # ids are by frequency
        head = NetworkSpec.from_config(config).head
        known = training if head != "sigmoid" else with_answers(config, vocabulary, training, extra.unlabelled, seed)
        ratio = np.abs(log_count_ratios(known, n, head)).max(axis=0)[:n_features]  # the largest of all outputs
        vectors = yield from review_vectors(reviews, n_features, ratio, settings.dim, rng, done, state)
        return to_half_precision(np.arange(n_features, dtype=np.int32), vectors)
    if extra.labelled is not None:
        texts.append(extra.labelled.features)
    words = vocabulary.word_features[~(vocabulary.is_affix | vocabulary.is_marked)[vocabulary.word_features]]
    frequent = words[occurring(extra, n)[words]][:_WORDS]
    words_of_texts = only_words(concatenate_reviews(texts), words)
    vectors = yield from word_vectors(words_of_texts, len(frequent), settings.dim, rng, done, state)
    return to_half_precision(frequent, vectors)


def with_answers(config: Config, vocabulary: Vocabulary, training: Examples, unlabelled: Ragged, seed: int) -> Examples:
    """Return the training reviews, and the unlabelled ones with the answers of a linear classifier as their labels.

    Most n-grams of the unlabelled reviews are in no training review. From the answers they get a log-count ratio, too.
    A single round of self-training (Scudder, 1965), with probabilities instead of labels.
    """
    x, n = vocabulary.select(unlabelled), len(unlabelled.offsets) - 1
    if n == 0:
        return training
    pooling, padding = config.model.embedding.pooling, config.model.embedding.padding
    loss_weight = example_weights(config.train, training)
    column, bias = fit_logistic_regression(training, len(vocabulary), pooling, padding, seed, loss_weight)
    answer = sigmoid(FastEmbeddingBag(column[:, None], pooling, padding).forward(x)[:, 0].astype(np.float64) + bias)
    return Examples(
        concatenate_reviews([training.features, x]),
        np.concatenate([training.label.astype(np.float64), answer]),
        None if training.weight is None else np.append(training.weight, np.ones(n, np.float32)),
    )


def occurring(extra: PretrainingData, features: int) -> Array:
    """Return whether each feature occurs in a review: (features,) bool. Words of a lexicon or of a file may not."""
    found = np.zeros(features, bool)
    for reviews in (extra.training, extra.unlabelled, *([] if extra.labelled is None else [extra.labelled.features])):
        found[reviews.ids] = True
    return found


def review_vectors(
    reviews: Ragged,
    n_features: int,
    ratio: Array,
    dim: int,
    rng: np.random.Generator,
    done: int = 0,
    state: RoundState | None = None,
) -> Generator[tuple[Round, RoundState], None, Array]:
    """Return vectors (n_features, dim) of the first features, which are the most frequent ones.

    Features that occur in the same reviews get similar vectors. The pooled vectors of a review reconstruct its features
    with the least squared error.

    A feature counts once in a review. Its weight decreases with its document frequency (to the power of -0.4) and
    increases with the root of its absolute log-count ratio `ratio` (n_features,), so that the directions follow opinion
    rather than topic. Each review is scaled to length 1. Yields what `truncated_svd` yields.
    """
    features = _binary_features(reviews, n_features)
    document_frequency = np.maximum(np.bincount(features.indices, minlength=n_features), 1)
    weight = (document_frequency**-0.4 * (np.sqrt(np.abs(ratio)) + 0.1)).astype(np.float32)
    features = scipy.sparse.csr_array(features @ scipy.sparse.diags_array(weight))
    length = np.sqrt(features.power(2).sum(axis=1))
    to_length_1 = scipy.sparse.diags_array((1 / np.maximum(length, 1e-6)).astype(np.float32))
    features = scipy.sparse.csr_array(to_length_1 @ features)
    directions, _ = yield from truncated_svd(features, dim, rng, done, state)
    return weight[:, None] * directions


def word_vectors(
    words: Ragged,
    n_words: int,
    dim: int,
    rng: np.random.Generator,
    done: int = 0,
    state: RoundState | None = None,
) -> Generator[tuple[Round, RoundState], None, Array]:
    """Return vectors (n_words, dim) of the first words. Words with the same neighbours get similar vectors.

    The matrix holds the positive pointwise mutual information of each pair of words. The skip-gram model of word2vec
    factorizes such a matrix by gradient descent (Levy & Goldberg, 2014). As in word2vec, near neighbours count more,
    and frequent words less. Yields what `truncated_svd` yields.
    """
    counts = _cooccurrences(words, n_words)  # (n_words, n_words)
    total = counts.sum()
    share = np.maximum(counts.sum(axis=1), 1e-9) / total
    smooth = share**0.75
    smooth /= smooth.sum()
    rows = np.repeat(np.arange(n_words), np.diff(counts.indptr))
    information = np.log(counts.data / total / (share[rows] * smooth[counts.indices]))
    counts.data = np.maximum(information, 0).astype(np.float32)
    counts.eliminate_zeros()
    directions, singular_values = yield from truncated_svd(scipy.sparse.csr_array(counts.T), dim, rng, done, state)
    return directions * np.sqrt(singular_values)  # the other root belongs to the vectors of the neighbours


def only_words(reviews: Ragged, word_features: Array) -> Ragged:
    """Return the reviews without n-grams. The words are numbered from 0 in the order of `word_features` (m,)."""
    number = np.full(max(int(reviews.ids.max(initial=0)), int(word_features.max(initial=0))) + 1, -1, np.int32)
    number[word_features] = np.arange(len(word_features), dtype=np.int32)
    word = number[reviews.ids]
    position = np.concatenate(([0], np.cumsum(word >= 0)))
    return Ragged(word[word >= 0], position[reviews.offsets])


def _binary_features(reviews: Ragged, n_features: int) -> scipy.sparse.csr_array:
    """Return 1 for each of the first features that a review contains: (n, n_features)."""
    kept = reviews.ids < n_features
    position = np.concatenate(([0], np.cumsum(kept)))
    ids, shape = reviews.ids[kept], (len(reviews.offsets) - 1, n_features)
    features = scipy.sparse.csr_array((np.ones(len(ids), np.float32), ids, position[reviews.offsets]), shape=shape)
    features.sum_duplicates()
    features.data[:] = 1
    return features


def _cooccurrences(words: Ragged, n_words: int) -> scipy.sparse.csr_array:
    """Return the weighted number of times that two of the first words are in one window: (n_words, n_words) symmetric.

    word2vec keeps a word of frequency f with the probability sqrt(1e-4 / f). Here that is the weight of the word.
    """
    ids, review = words.ids, words.review
    count = np.bincount(ids, minlength=n_words)
    word_weight = np.minimum(1, np.sqrt(1e-4 * len(ids) / np.maximum(count, 1))).astype(np.float32)

    def at_distance(distance: int) -> scipy.sparse.csr_array:
        a, b = ids[:-distance], ids[distance:]
        is_pair = (review[:-distance] == review[distance:]) & (a < n_words) & (b < n_words)
        a, b = a[is_pair], b[is_pair]
        weight = word_weight[a] * word_weight[b] * np.float32(1 - (distance - 1) / _WINDOW)
        return scipy.sparse.csr_array((weight, (a, b)), shape=(n_words, n_words))

    total = scipy.sparse.csr_array((n_words, n_words), dtype=np.float32)
    for counts in parallel_map(at_distance, range(1, _WINDOW + 1)):
        total = total + counts
    return scipy.sparse.csr_array(total + total.T)


def concatenate_reviews(sets: Sequence[Ragged]) -> Ragged:
    """Return the reviews of all sets in one."""
    lengths = np.concatenate([each.lengths for each in sets])
    return Ragged(np.concatenate([each.ids for each in sets]), np.concatenate(([0], np.cumsum(lengths))))
