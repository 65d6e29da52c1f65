"""What reviews teach before any label is looked at: vectors of n-grams and of words, from the company they keep.

Both are the best linear autoencoder of a matrix: the k directions from which it is restored with the least squared
error. Gradient descent on such a network ends there (Baldi & Hornik, 1989); subspace iteration, as in Halko, Martinsson
& Tropp (2011), gets there in a few products, in which the shards of the matrix are handled on all cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array

from .nn.fast import FastEmbeddingBag
from .nn.layers import Array, Linear, Ragged, RowGrad
from .nn.losses import cross_entropy
from .threads import on_all_cores, single_threaded_blas

ROUNDS = 4  # of subspace iteration
_SPARE = 20  # directions beyond those asked for, which make the last of those exact sooner
_SHARDS = 4  # of the matrix: fixed, so that sums do not depend on the number of cores
_WINDOW = 5  # words to each side


class Round(NamedTuple):
    """A round of subspace iteration is over."""

    round: int  # from 1
    rounds: int
    restored: float  # the share of the matrix' squared length that `dim` directions restore; the loss is the rest


class Rounds(NamedTuple):
    """After how many rounds a subspace iteration begins, with which directions; and who hears of each round.

    Directions (columns, k) that `ended` was given and those given here bring the same bytes.
    """

    done: int = 0
    directions: Array | None = None  # None: random ones
    ended: Callable[[Round, Array], None] = lambda ended, directions: None


def review_vectors(
    reviews: Ragged,
    seen: int,
    guide: Array,
    dim: int,
    rng: np.random.Generator,
    rounds: Rounds = Rounds(),  # noqa: B008  # a tuple
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
    return weight[:, None] * _principal(counts, dim, rng, rounds)[0]


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
    meetings = _meetings(words, known)
    total = meetings.sum()
    share = np.maximum(meetings.sum(axis=1), 1e-9) / total
    smooth = share**0.75
    smooth /= smooth.sum()
    rows = np.repeat(np.arange(known), np.diff(meetings.indptr))
    surprise = np.log(meetings.data / total / (share[rows] * smooth[meetings.indices]))
    meetings.data = np.maximum(surprise, 0).astype(np.float32)
    meetings.eliminate_zeros()
    directions, strength = _principal(csr_array(meetings.T), dim, rng, rounds)
    return directions * np.sqrt(strength)  # a root of the singular values on either side


def linear_head(x: Array, label: Array, decay: float = 0.0025) -> tuple[Array, float]:
    """The output layer of a network whose pooled vectors x (n, k) stay as they are: weight (k,) and bias.

    Cross-entropy and an L2 penalty on the weights of x scaled to a deviation of 1: convex, so L-BFGS finds the minimum,
    along the gradient that the layers give.
    """
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    inputs = ((x - mean) / deviation).astype(np.float64)
    layer = Linear(np.zeros((inputs.shape[1], 1)), np.zeros(1))
    weight, bias = layer.params["weight"], layer.params["bias"]

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        weight[:, 0], bias[:] = theta[:-1], theta[-1]
        loss, dz = cross_entropy(layer.forward(inputs, train=True)[:, 0], label)
        layer.backward(dz[:, None])
        return loss, np.append(np.asarray(layer.grads["weight"])[:, 0], layer.grads["bias"])

    theta = _minimum(loss_and_gradient, len(weight) + 1, decay)
    scaled = theta[:-1] / deviation
    return scaled.astype(np.float32), float(theta[-1] - scaled @ mean)


def linear_network(
    features: Ragged, scale: Array, x: Array, label: Array, pooling: str, padding: int, decay: float = 0.005
) -> tuple[Array, Array, float]:
    """A network without hidden layer on its own column of the embedding, and on pooled vectors x (n, k) that stay as
    they are: the column (V,), the weight of x (k,), and the bias.

    As `linear_head`; the penalty is on the column divided by `scale` (V,), so that a feature of a large scale moves
    further.
    """
    bag = FastEmbeddingBag(np.zeros((len(scale), 1)), pooling, padding)
    batch = bag.prepare(features)
    layer = Linear(np.zeros((x.shape[1], 1)), np.zeros(1))
    column, weight, bias = bag.params["weight"], layer.params["weight"], layer.params["bias"]
    inputs, seen = x.astype(np.float64), scale[batch.rows].astype(np.float64)
    k = len(seen)

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        column[batch.rows, 0], weight[:, 0], bias[:] = seen * theta[:k], theta[k:-1], theta[-1]
        z = bag.forward(batch, train=True) + layer.forward(inputs, train=True)
        loss, dz = cross_entropy(z[:, 0], label)
        bag.backward(dz[:, None])
        layer.backward(dz[:, None])
        own, output = bag.grads["weight"], np.asarray(layer.grads["weight"])
        assert isinstance(own, RowGrad)
        return loss, np.concatenate((seen * own.values[:, 0], output[:, 0], np.asarray(layer.grads["bias"])))

    _minimum(loss_and_gradient, k + len(weight) + 1, decay)
    return column[:, 0].astype(np.float32), weight[:, 0].astype(np.float32), float(bias[0])


def _minimum(loss_and_gradient: Callable[[Array], tuple[float, Array]], size: int, decay: float) -> Array:
    """Where the loss and an L2 penalty on all parameters (size,) but the last, the bias, are least together."""
    from scipy.optimize import minimize

    def penalised(theta: Array) -> tuple[float, Array]:
        loss, gradient = loss_and_gradient(theta)
        penalty = decay * np.append(theta[:-1], 0)
        return loss + float(penalty @ theta) / 2, gradient + penalty

    with single_threaded_blas:
        theta = minimize(penalised, np.zeros(size), jac=True, method="L-BFGS-B").x
    loss_and_gradient(theta)  # leaves the layers at the minimum, not where the search looked last
    return theta


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


def _meetings(words: Ragged, known: int) -> csr_array:
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


def _principal(
    matrix: csr_array,
    dim: int,
    rng: np.random.Generator,
    rounds: Rounds = Rounds(),  # noqa: B008
) -> tuple[Array, Array]:
    """The `dim` right singular vectors (columns, dim) with the largest singular values (dim,), these too.

    Subspace iteration: multiplied by matrix.T @ matrix again and again, any directions turn towards them.
    """
    n, columns = int(matrix.shape[0]), int(matrix.shape[1])  # type: ignore[index]
    dim = min(dim, n, columns)
    size = min(dim + _SPARE, n, columns)
    height = max(-(-n // _SHARDS), 1)
    shards = [matrix[start : start + height] for start in range(0, n, height)]
    turned = [csr_array(shard.T) for shard in shards]  # in rows, too: either product walks through memory in order

    def multiply(q: Array) -> Array:
        return _sum(on_all_cores(lambda pair: pair[1] @ (pair[0] @ q), zip(shards, turned, strict=True)), q)

    whole = sum(float(np.sum(np.square(shard.data), dtype=np.float64)) for shard in shards)

    def told(number: int, lengths: Array, q: Array) -> None:
        restored = float(np.sort(lengths)[-dim:].sum()) / max(whole, 1e-30)
        rounds.ended(Round(number, ROUNDS, restored), q)

    with single_threaded_blas:
        q = rounds.directions
        if q is None:
            q = _orthonormal(rng.standard_normal((columns, size), dtype=np.float32))
        for number in range(rounds.done + 1, ROUNDS):
            product = multiply(q)
            lengths = _lengths(q, product)
            q = _orthonormal(product)
            del product  # as large as q: what keeps q needs the room
            told(number, lengths, q)
        small = _inner(q, multiply(q))  # the matrix, seen in these directions
        value, turn = np.linalg.eigh((small + small.T) / 2)
        told(ROUNDS, value, q)
        best = np.argsort(-value, kind="stable")[:dim]
        return _rotated(q, turn[:, best]), np.sqrt(np.maximum(value[best], 0)).astype(np.float32)


def _orthonormal(q: Array) -> Array:
    """The same directions (v, k), at right angles to one another and of length 1; zeros for those that are lost in
    rounding, where there are fewer directions than k."""
    value, turn = np.linalg.eigh(_inner(q, q))
    length = np.sqrt(np.maximum(value, 0))
    return _rotated(q, turn * np.where(value > 1e-6 * value[-1], 1 / np.maximum(length, 1e-30), 0))


def _inner(a: Array, b: Array) -> Array:
    """a.T @ b in float64: (k, k)."""
    like = np.zeros((a.shape[1], b.shape[1]))
    return _sum(on_all_cores(lambda part: (a[part].T @ b[part]).astype(np.float64), _blocks(a)), like)


def _lengths(q: Array, product: Array) -> Array:
    """The squared length of the matrix along each direction q (v, k), given matrix.T @ matrix @ q: (k,) float64."""
    parts = (np.einsum("vk,vk->k", q[part], product[part]) for part in _blocks(q))
    return _sum(parts, np.zeros(q.shape[1]))


def _rotated(q: Array, turn: Array) -> Array:
    """q @ turn: (v, k) @ (k, j) -> (v, j) float32."""
    turn = turn.astype(np.float32)
    return np.concatenate(list(on_all_cores(lambda part: q[part] @ turn, _blocks(q))))


def _blocks(q: Array, rows: int = 1 << 14) -> list[slice]:
    return [slice(start, start + rows) for start in range(0, len(q), rows)]


def _sum(parts: Iterable[Array], like: Array) -> Array:
    total = np.zeros_like(like)
    for part in parts:  # in order, whichever is finished first
        total += part
    return total
