"""What reviews teach before any label is looked at: vectors of n-grams and of words, from the company they keep.

Both are the best linear autoencoder of a matrix: the k directions from which it is restored with the least squared
error. Gradient descent on such a network ends there (Baldi & Hornik, 1989); block Krylov iteration (Musco & Musco,
2015) gets there in a few products, in which the shards of the matrix are handled on all cores."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array

from sentibp.nn.layers import Array, Ragged
from sentibp.training.truncated_svd import Rounds, truncated_svd
from sentibp.utils.threads import on_all_cores

_WINDOW = 5  # words to each side


def review_vectors(
    reviews: Ragged,
    seen: int,
    guide: Array,
    dim: int,
    rng: np.random.Generator,
    rounds: Rounds = Rounds(),  # a tuple  # noqa: B008
) -> Array:
    """Vectors of the first `seen` features, such that a review's pooled vector best restores its features: (seen, dim).

    A feature counts in a review if it is there at all. Its weight falls with the number of reviews that have it (to
    the power of -0.4), and rises with the root of |guide| (seen,), its log-count ratio: so guided, the directions are
    those of opinion rather than of topic. Reviews have length 1. `seen` features are the most frequent ones.
    """
    counts = _present(reviews, seen)
    spread = np.maximum(np.bincount(counts.indices, minlength=seen), 1)
    weight = (spread**-0.4 * (np.sqrt(np.abs(guide)) + 0.1)).astype(np.float32)
    counts = csr_array(counts @ diags_array(weight))
    length = np.sqrt(counts.power(2).sum(axis=1))
    counts = csr_array(diags_array((1 / np.maximum(length, 1e-6)).astype(np.float32)) @ counts)
    return weight[:, None] * truncated_svd(counts, dim, rng, rounds)[0]


def word_vectors(
    words: Ragged,
    known: int,
    dim: int,
    rng: np.random.Generator,
    rounds: Rounds = Rounds(),  # noqa: B008
) -> Array:
    """Vectors of the first `known` words by their neighbours, at most five words away: (known, dim).

    The matrix holds how much more often two words meet than chance would have it, the positive part of its logarithm
    (Levy & Goldberg, 2014): what word2vec's skip-gram factorises by gradient descent. Near neighbours count more,
    frequent words less (both as word2vec samples them).
    """
    meetings = _cooccurrences(words, known)
    total = meetings.sum()
    share = np.maximum(meetings.sum(axis=1), 1e-9) / total
    smooth = share**0.75
    smooth /= smooth.sum()
    rows = np.repeat(np.arange(known), np.diff(meetings.indptr))
    surprise = np.log(meetings.data / total / (share[rows] * smooth[meetings.indices]))
    meetings.data = np.maximum(surprise, 0).astype(np.float32)
    meetings.eliminate_zeros()
    directions, strength = truncated_svd(csr_array(meetings.T), dim, rng, rounds)
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
    # word2vec keeps a word of frequency f with the probability sqrt(1e-4 / f); here its meetings count so much
    kept = np.minimum(1, np.sqrt(1e-4 * len(ids) / np.maximum(count, 1))).astype(np.float32)

    def at_distance(distance: int) -> csr_array:
        a, b = ids[:-distance], ids[distance:]
        met = (review[:-distance] == review[distance:]) & (a < known) & (b < known)
        a, b = a[met], b[met]
        weight = kept[a] * kept[b] * np.float32(1 - (distance - 1) / _WINDOW)
        return csr_array((weight, (a, b)), shape=(known, known))

    total = csr_array((known, known), dtype=np.float32)
    for part in on_all_cores(at_distance, range(1, _WINDOW + 1)):
        total = total + part
    return csr_array(total + total.T)
