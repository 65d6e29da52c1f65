"""The smallest set of words whose deletion changes the predicted label, to any other or to a given one.

A deleted word leaves no gap: its neighbours become adjacent, and the number of pooled features decreases. Three kinds
of search are exact. Where the logit is a sum over words, the words with the largest contributions are deleted first.
Where it is a sum over words and pairs of neighbours, dynamic programming finds the best sequence without k words, for
each k. Otherwise all sets of k words are tried, as long as they are few enough. In all other cases the result is an
upper bound.

With more than two labels, the label changes as soon as the logit of another one is larger. The difference of two logits
is a sum where the outputs are sums, so that each other label is a direction to search in. A given label must be more
probable than all others; one direction is not enough to know that, so only the search of all sets is exact.

With text.presence, the logit is no sum over words if a word occurs twice: without one of the two it is the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, islice
from math import comb
from typing import NamedTuple

import numpy as np

from sentibp.data.offsets import delete_tokens
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.inspection.explain import Explanation, Word, is_linear
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS, answer_of_logit, predicted, probability
from sentibp.nn import EmbeddingBag
from sentibp.nn.heads import Scale, split_head
from sentibp.nn.layers import Array
from sentibp.utils.arrow import strings

_BUDGET = 4_000_000  # words in all texts that are tried
_BATCH = 1 << 18  # words in the texts that are predicted together
_LONGEST = 400_000  # the square of the number of words up to which the dynamic programming is used


class Counterfactual(NamedTuple):
    """Words without which the predicted label is another one."""

    deletions: list[Word] | None  # in the order of the text; None if no set was found
    exact: bool  # whether no smaller set exists, or no set at all if `deletions` is None
    logit: float | None  # without the words; None with more than two labels
    positive: float | tuple[float, ...] | None  # the probability of positive without the words, or that of each label


Deletion = tuple[tuple[int, ...], Array]
"""The indices of the deleted words, and the logit (), or the logits (K,), without them."""

Search = Callable[[Iterator[tuple[int, ...]]], Deletion | None]
"""A function that returns the first of the sets whose deletion changes the label."""


class _Change(NamedTuple):
    """A change of the label, as conditions on logits, (n,) or (n, K)."""

    is_made: Callable[[Array], Array]  # whether the label has changed: (n,) bool
    distance: Callable[[Array], Array]  # how far it is from changing: (n,), smaller is closer
    directions: list[tuple[Array, float]]  # a (m,) and c: it needs a @ outputs + c below 0 in one of them
    is_sufficient: bool  # whether that is enough


def find_counterfactual(
    classifier: Classifier, text: str, explanation: Explanation, target: str | None = None
) -> Counterfactual:
    """Return the fewest words whose deletion changes the predicted label, or an upper bound (see `exact`).

    With `target`, the label must become this one, which is not the predicted one.
    """
    words = explanation.words
    tokens = tokenize(strings([text]), classifier.spec.spelling)
    change = _change_of(classifier, explanation, target)
    adds_up = not classifier.vocabulary.is_marked.any()  # without `not`, other words are not negated
    adds_up = adds_up and len(classifier.vocabulary.encode(tokens)[0].ids) == len(explanation.contributions)
    adds_up = adds_up and change.is_sufficient
    unigrams = bool((classifier.vocabulary.prefix == -1).all())
    relevant = [i for i, word in enumerate(words) if word.known or not unigrams]  # an unknown word separates n-grams
    by_word = np.array([[word.contribution for word in each.words] for each in explanation.sums])  # (sums, n)
    orders = [
        sorted(relevant, key=lambda i, moves=direction @ by_word: -moves[i]) for direction, _ in change.directions
    ]

    def search(sets: Iterator[tuple[int, ...]]) -> Deletion | None:
        return _first_change(classifier, tokens, sets, change)

    budget = _BUDGET // max(len(words), 1)
    sizes = _sizes(len(relevant), budget // len(orders))
    if unigrams and is_linear(classifier) and adds_up:
        deletion, exact = search(tuple(order[:k]) for k in sizes for order in orders), len(sizes) == len(relevant)
    elif _is_sum_of_pairs(classifier) and adds_up and len(words) ** 2 * len(orders) <= _LONGEST:
        known = [word.known for word in words]
        each = [_best_sets(classifier, tokens, known, *direction) for direction in change.directions]
        deletion, exact = search(chosen for sets in zip(*each, strict=True) for chosen in sets), True
    else:
        deletion, exact = _search_all(orders[0], budget, search)
        if not exact:
            deletion = search(tuple(order[:k]) for k in sizes for order in orders)
            deletion = deletion and _pruned(deletion, budget, search)
    if deletion is None:
        return Counterfactual(None, exact, None, None)
    deleted, logits = deletion
    deletions = [words[i] for i in sorted(deleted)]
    if logits.ndim:
        return Counterfactual(deletions, exact, None, tuple(probability(logits[None])[0].tolist()))
    return Counterfactual(deletions, exact, float(logits), answer_of_logit(float(logits)).positive)


def _change_of(classifier: Classifier, explanation: Explanation, target: str | None) -> _Change:
    """Return the change of the predicted label, to any other, or to the target."""
    spec = classifier.spec
    if spec.label_set.are_binary:
        side = 1.0 if explanation.label == LABELS[1] else -1.0  # the logit has more digits than what predicts
        return _Change(
            lambda logits: (logits >= 0) != (side > 0), lambda logits: side * logits, [(np.array([side]), 0.0)], True
        )
    label = spec.labels.index(explanation.label)
    goal = None if target is None else spec.labels.index(target)

    def is_made(logits: Array) -> Array:
        number = predicted(probability(logits))
        return number != label if goal is None else number == goal

    def distance(logits: Array) -> Array:
        rest = np.delete(logits, label if goal is None else goal, axis=1).max(axis=1)
        return logits[:, label] - rest if goal is None else rest - logits[:, goal]

    others = [number for number in range(len(spec.labels)) if number != label and goal in (number, None)]
    return _Change(is_made, distance, _directions(classifier, label, others), goal is None)


def _directions(classifier: Classifier, label: int, others: list[int]) -> list[tuple[Array, float]]:
    """Return the directions in which the label is left for each of the others: logit of the label - logit of the other.

    With the head `cumulative` the logits are no sums. There the label depends on one output, and a larger output never
    has a lower label: the directions are down and up.
    """
    if classifier.spec.head == "cumulative":
        return [(np.array([side]), 0.0) for side in (1.0, -1.0) if any(side * (label - other) > 0 for other in others)]
    shares, bias = np.eye(len(classifier.spec.labels)), np.zeros(len(classifier.spec.labels))
    head = split_head(classifier.network)[1]
    if isinstance(head, Scale):
        shares = head.shares.astype(np.float64)  # (m, K)
        bias[1:-1] += head.params.get("bias", 0.0)
    return [(shares[:, label] - shares[:, other], float(bias[label] - bias[other])) for other in others]


def _search_all(order: list[int], budget: int, search: Search) -> tuple[Deletion | None, bool]:
    """Search all sets of 1, 2, 3 ... words. Return the first result, and whether the budget was large enough."""
    for k in range(1, len(order) + 1):
        budget -= comb(len(order), k)
        if budget < 0:
            return None, False
        if deletion := search(combinations(order, k)):
            return deletion, True
    return None, True


def _is_sum_of_pairs(classifier: Classifier) -> bool:
    """Return whether the sign of the logit, or of a difference, is that of a sum over words and pairs of neighbours."""
    prefix = classifier.vocabulary.prefix
    bigrams = bool((prefix[prefix[prefix != -1]] == -1).all())
    has_logits = classifier.spec.head != "cumulative"
    return bigrams and is_linear(classifier) and has_logits and _pooling(classifier) in ("mean", "sum")


def _pooling(classifier: Classifier) -> str:
    bag = classifier.network.layers["embedding"]
    assert isinstance(bag, EmbeddingBag)
    return bag.pooling


def _best_sets(
    classifier: Classifier, tokens: Tokens, known: list[bool], direction: Array, constant: float
) -> Iterator[tuple[int, ...]]:
    """Yield for each k, from 1 to all, the k words whose deletion lowers direction @ outputs + constant furthest.

    With mean pooling, the sign of the logit is that of the sum of the feature weights and n times the bias. So the bias
    is added to the weight of each feature, and the number of features no longer matters. (Padding adds the same to
    every sum.) In the dynamic programming, least[k, j] is the least sum if word j is kept and k words before it are
    deleted.
    """
    n = len(tokens.ids)
    word, pair = _weights(classifier, tokens, direction, constant)
    least = np.full((n, n), np.inf)
    previous = np.full((n, n), -1)  # the kept word before j
    for j in range(n):
        least[j, j] = word[j]
        for i in range(j):  # i is the kept word before j; the words between them are deleted
            gap = j - i - 1
            sums = least[: n - gap, i] + pair[i, j] + word[j]
            better = sums < least[gap:, j]
            least[gap:, j][better] = sums[better]
            previous[gap:, j][better] = i
    for k in range(1, n):
        last = min(range(n - k - 1, n), key=lambda j: least[k - (n - 1 - j), j])  # all words after it are deleted
        kept, deleted = last, k - (n - 1 - last)
        sequence = [kept]
        while (before := int(previous[deleted, kept])) >= 0:
            deleted -= kept - before - 1
            kept = before
            sequence.append(kept)
        yield tuple(sorted(set(range(n)) - set(sequence)))
        if k == sum(known):  # no feature is left, so that the logit is the bias
            yield tuple(i for i in range(n) if known[i])
    if n:
        yield tuple(range(n))


def _weights(classifier: Classifier, tokens: Tokens, direction: Array, constant: float) -> tuple[Array, Array]:
    """Return the weight of each word (n,), and of each pair of words if they are adjacent (n, n), in a direction."""
    n = len(tokens.ids)
    i, j = np.triu_indices(n, 1)
    pairs = Tokens(np.stack([tokens.ids[i], tokens.ids[j]], 1).ravel(), np.arange(0, 2 * len(i) + 1, 2), tokens.words)
    single = Tokens(tokens.ids, np.arange(n + 1), tokens.words)
    tensors = classifier.tensors()
    weight = tensors["output.weight"].astype(np.float64) @ direction  # (d, m) @ (m,) -> (d,)
    bias = float(tensors["output.bias"].astype(np.float64) @ direction) + constant
    share = bias if _pooling(classifier) == "mean" else 0.0

    def total(texts: Tokens) -> Array:
        features = classifier.vocabulary.encode(texts)[0]
        value = tensors["embedding.weight"][features.ids].astype(np.float64) @ weight + share  # (t, d) @ (d,) -> (t,)
        return np.bincount(features.review, value, len(features.lengths))

    word, both = total(single), np.zeros((n, n))
    both[i, j] = total(pairs) - word[i] - word[j]
    return word, both


def _sizes(largest: int, budget: int) -> list[int]:
    """Return the sizes from 1 to `largest`, or if they exceed the budget, sizes that grow by a constant factor."""
    if largest <= budget:
        return list(range(1, largest + 1))
    return sorted({round(largest ** (i / budget)) for i in range(budget + 1)})


def _first_change(
    classifier: Classifier, tokens: Tokens, sets: Iterator[tuple[int, ...]], change: _Change
) -> Deletion | None:
    """Return the first set whose deletion makes the change. The sets must not shrink in size.

    Among the sets of that size in the same batch, return the one that moves the logits furthest.
    """
    size = max(1, _BATCH // max(len(tokens.ids), 1))
    while batch := list(islice(sets, size)):
        logits = classifier.logits(classifier.vocabulary.encode(delete_tokens(tokens, batch))[0]).astype(np.float64)
        changed = np.flatnonzero(change.is_made(logits))
        if len(changed):
            k = len(batch[changed[0]])
            distance = change.distance(logits)
            best = min((i for i in changed.tolist() if len(batch[i]) == k), key=lambda i: distance[i])
            return batch[best], logits[best]
    return None


def _pruned(deletion: Deletion, budget: int, search: Search) -> Deletion:
    """Restore single words, the least important first, as long as the label stays changed."""
    for word in deletion[0][::-1][:budget]:
        deletion = search(iter([tuple(i for i in deletion[0] if i != word)])) or deletion
    return deletion
