"""What reviews teach before any label is looked at: vectors of n-grams and of words, from the company they keep.

Both are the best linear autoencoder of a matrix: the k directions from which it is restored with the least squared
error. Gradient descent on such a network ends there (Baldi & Hornik, 1989); block Krylov iteration (Musco & Musco,
2015) gets there in a few products, in which the shards of the matrix are handled on all cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array

from .nn.fast import FastEmbeddingBag
from .nn.initializers import class_counts, log_ratio
from .nn.layers import Array, Linear, Ragged, RowGrad
from .nn.losses import cross_entropy
from .threads import on_all_cores, single_threaded_blas

ROUNDS = 20  # of block Krylov iteration
_PART = 8  # of the directions asked for, one in so many is new in a round; in all there are ROUNDS / _PART as many
_SHARDS = 8  # of the matrix: fixed, so that sums do not depend on the number of cores
_WINDOW = 5  # words to each side
_MOVES = 2.5  # a linear classifier: the root mean square of a feature's entries, its scale
_PARTS_MOVE = 1.5  # the same of parts of words, of which each word has several
_STEPS = 200  # of the search for its minimum, at most
_TOLERANCE = 1e-4  # the search ends where a step lowers the loss by less
_DECAY = 0.003  # how strongly weights of so large entries are pulled towards zero


class Round(NamedTuple):
    """A round of block Krylov iteration is over."""

    round: int  # from 1
    rounds: int
    restored: float  # the share of the matrix' squared length that `dim` directions restore; the loss is the rest


class Rounds(NamedTuple):
    """After how many rounds an iteration begins, with which state; and who hears of each round.

    A state that `ended` was given and that is given here brings the same bytes.
    """

    done: int = 0
    state: Mapping[str, Array] = {}
    ended: Callable[[Round, Mapping[str, Array]], None] = lambda ended, state: None


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


def linear_column(
    x: Ragged, label: Array, shares: tuple[Array, Array], features: int, pooling: str, padding: int
) -> tuple[Array, float]:
    """A linear classifier at the minimum of its loss: its embedding, a single column (features,), and its bias.

    `shares` are pairs (feature, part): a word's row is a weight of its own and those of its parts, so that words which
    begin or end alike say alike. A weight moves the further the more its log-count ratio says: naive-Bayes logistic
    regression (Wang & Manning, 2012).
    """
    own = np.arange(features, dtype=np.int32)
    row, part = (np.concatenate((own, each)) for each in shares)
    rows = csr_array((np.ones(len(row)), (row, part)), shape=(features, features))
    rows.data[:] = 1  # a part is one of its own parts
    is_part = np.zeros(features, bool)
    is_part[shares[1]] = True
    share = np.repeat(1 / FastEmbeddingBag(np.zeros((1, 1)), pooling, padding).scale(x)[:, 0], x.lengths)
    counts = csr_array((share, x.ids.astype(np.int32), x.offsets.astype(np.int64)), shape=(len(label), features))
    columns, parts = csr_array(counts.T), csr_array(rows.T)

    positive, negative = (parts @ count for count in class_counts(x, label, features))
    ratio = np.abs(log_ratio(positive, negative, float(np.mean(label)))).astype(np.float64)
    squares = ratio**2 * (parts @ np.bincount(x.ids, share**2, minlength=features))
    step = ratio.copy()
    for kind, moves in (~is_part, _MOVES), (is_part, _PARTS_MOVE):
        step[kind] *= moves / max(np.sqrt(squares[kind].sum() / max((positive + negative)[kind].sum(), 1)), 1e-6)

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        z = counts @ (rows @ (step * theta[:-1])) + theta[-1]
        loss, dz = cross_entropy(z, label)
        return loss, np.append(step * (parts @ (columns @ dz)), dz.sum())

    with single_threaded_blas:
        theta = _nearly_minimum(loss_and_gradient, features + 1, _DECAY)
    return rows @ (step * theta[:-1]), float(theta[-1])


def _minimum(loss_and_gradient: Callable[[Array], tuple[float, Array]], size: int, decay: float) -> Array:
    """Where the loss and an L2 penalty on all parameters (size,) but the last, the bias, are least together."""
    from scipy.optimize import minimize

    with single_threaded_blas:
        theta = minimize(_penalised(loss_and_gradient, decay), np.zeros(size), jac=True, method="L-BFGS-B").x
    loss_and_gradient(theta)  # leaves the layers at the minimum, not where the search looked last
    return theta


def _penalised(loss_and_gradient: Callable[[Array], tuple[float, Array]], decay: float) -> Callable:
    """The same, and the penalty."""

    def penalised(theta: Array) -> tuple[float, Array]:
        loss, gradient = loss_and_gradient(theta)
        penalty = decay * np.append(theta[:-1], 0)
        return loss + float(penalty @ theta) / 2, gradient + penalty

    return penalised


def _nearly_minimum(loss_and_gradient: Callable[[Array], tuple[float, Array]], size: int, decay: float) -> Array:
    """About the same, in a few dozen steps, without scipy's optimizers: their import takes longer than all of this.

    L-BFGS (Liu & Nocedal, 1989): the last ten steps s and what they changed of the gradient, y, tell the curvature. A
    step is halved until the loss falls enough (Armijo, 1966), and the search ends where it hardly falls.
    """
    function = _penalised(loss_and_gradient, decay)
    theta, memory = np.zeros(size), []
    value, gradient = function(theta)
    for _ in range(_STEPS):
        step, shares = -gradient, []
        for s, y in reversed(memory):
            shares.append((s @ step) / (s @ y))
            step -= shares[-1] * y
        if memory:
            s, y = memory[-1]
            step *= (s @ y) / (y @ y)
        else:
            step /= max(float(np.linalg.norm(gradient)), 1e-30)
        for (s, y), share in zip(memory, reversed(shares), strict=True):
            step += (share - (y @ step) / (s @ y)) * s
        slope, before = float(gradient @ step), value
        for halvings in range(30):
            there = theta + 0.5**halvings * step
            value, changed = function(there)
            if value <= before + 1e-4 * 0.5**halvings * slope:
                break
        else:
            break  # rounding is all that is left
        if (there - theta) @ (changed - gradient) > 0:
            memory = [*memory[-9:], (there - theta, changed - gradient)]
        theta, gradient = there, changed
        if before - value <= _TOLERANCE:
            break
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

    Block Krylov iteration on the shorter side of the matrix A (n, m), n <= m: a few directions are multiplied by
    A @ A.T again and again. All that come out are kept, at right angles to one another, as a basis of a space that soon
    holds the best directions; those are the eigenvectors of A @ A.T as seen in this basis.
    """
    turned = int(matrix.shape[0]) > int(matrix.shape[1])  # type: ignore[index]
    shards = _shards(matrix if turned else csr_array(matrix.T))  # A.T: (m, n), in pieces of (m / _SHARDS, n)
    n = int(shards[0].shape[1])  # type: ignore[index]
    backs = [csr_array(shard.T) for shard in shards]  # in rows, too: either product walks through memory in order
    whole = sum(float(np.sum(np.square(shard.data), dtype=np.float64)) for shard in shards)
    dim = min(dim, n)
    width = -(-dim // _PART)
    size = min(width * ROUNDS, n)
    basis = np.empty((n, size), np.float32)
    gram = np.zeros((size, size))  # basis.T @ A @ A.T @ basis

    def multiply(q: Array) -> Array:
        return _sum(on_all_cores(lambda pair: pair[1] @ (pair[0] @ q), zip(shards, backs, strict=True)), q)

    with single_threaded_blas:
        if rounds.state:
            done = rounds.state["basis"].shape[1]
            basis[:, :done], gram[:done, :done] = rounds.state["basis"], rounds.state["gram"]
        else:
            basis[:, :width] = _orthonormal(rng.standard_normal((n, width), dtype=np.float32), 0)
        of = -(-size // width)
        for number in range(rounds.done + 1, of + 1):
            new, end = slice((number - 1) * width, number * width), min(number * width, size)
            product = multiply(basis[:, new])
            for _ in range(2):  # once more for what rounding has left
                product, shadow = _beside(product, basis[:, :end])
                gram[:end, new] += shadow
            gram[new, :end] = gram[:end, new].T
            if number < of:
                least = (1e-5 * gram.diagonal().max()) ** 2  # what is shorter is rounding: the space is exhausted
                following = _orthonormal(product[:, : size - end], least)
                following = _orthonormal(_beside(following, basis[:, :end])[0], 0.5)
                basis[:, end : end + width] = following
            value = np.linalg.eigvalsh(gram[:end, :end])
            kept = min(end + width, size)
            state = {"basis": basis[:, :kept], "gram": gram[:kept, :kept]}
            rounds.ended(Round(number, of, float(value[-dim:].sum()) / max(whole, 1e-30)), state)
        value, turn = np.linalg.eigh(gram)
        best = np.argsort(-value, kind="stable")[:dim]
        directions = _rotated(basis, turn[:, best])
        strength = np.sqrt(np.maximum(value[best], 0)).astype(np.float32)
        if not turned:
            directions /= np.maximum(strength, 1e-6 * strength[0])
            directions = np.concatenate(list(on_all_cores(lambda shard: shard @ directions, shards)))
        return directions, strength


def _shards(matrix: csr_array) -> list[csr_array]:
    """The matrix in pieces of about as many entries each."""
    entries = np.linspace(0, matrix.nnz, _SHARDS + 1)[1:-1]
    cuts = np.unique([0, *np.searchsorted(matrix.indptr, entries), int(matrix.shape[0])])  # type: ignore[index]
    return [matrix[start:end] for start, end in pairwise(cuts)]


def _beside(q: Array, basis: Array) -> tuple[Array, Array]:
    """What of q (n, b) is at right angles to the basis (n, k), and the rest as seen in it: (n, b), (k, b)."""
    shadow = _inner(basis, q)
    return q - _rotated(basis, shadow), shadow


def _orthonormal(q: Array, least: float) -> Array:
    """The same directions (v, k), at right angles to one another and of length 1; zeros for those whose squared length
    is no more than `least`, or is lost in rounding."""
    value, turn = np.linalg.eigh(_inner(q, q))
    kept = value > max(least, 1e-6 * value[-1])
    return _rotated(q, turn * np.where(kept, 1 / np.sqrt(np.where(kept, value, 1)), 0))


def _inner(a: Array, b: Array) -> Array:
    """a.T @ b in float64: (k, k)."""
    like = np.zeros((a.shape[1], b.shape[1]))
    return _sum(on_all_cores(lambda part: (a[part].T @ b[part]).astype(np.float64), _blocks(a)), like)


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
