"""The fewest words without which the answer is another.

A word that is deleted is as if it had never been there: its neighbours meet, and what is pooled is fewer by its
features. Three kinds of search are exact: the largest words first, where the logit is a sum of words; the best of all
sequences that leave k words out, for each k, where it is a sum of words and pairs of words; and all sets of k words,
while there are few enough. Otherwise what is found is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, islice
from math import comb
from typing import NamedTuple

import numpy as np

from sentibp.data.offsets import delete_tokens
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.inspection.explain import Explanation, Word
from sentibp.model.classifier import Classifier
from sentibp.model.head import answer_of_logit
from sentibp.nn import EmbeddingBag
from sentibp.nn.layers import Array
from sentibp.utils.arrow import strings

_BUDGET = 4_000_000  # words in all the texts that are tried
_TOGETHER = 1 << 18  # of them at a time
_PLACES = 400_000  # words times deletions, of which the best sequences are followed


class Counterfactual(NamedTuple):
    """Words without which the answer is the other one, as if they had never been there."""

    deletions: list[Word] | None  # in the order of the text; None if none were found
    exact: bool  # whether no fewer words will do, or, without deletions, none at all
    logit: float | None  # without them
    positive: float | None


Deletion = tuple[tuple[int, ...], float]
"""Words that were deleted, and the logit without them."""


def find_counterfactual(classifier: Classifier, text: str, explanation: Explanation) -> Counterfactual:
    """The fewest words whose deletion changes the answer, or more than these: `exact` says which."""
    words = explanation.words
    tokens = tokenize(strings([text]), classifier.spec.lowercase)
    side = 1.0 if explanation.logit >= 0 else -1.0
    of_words = bool((classifier.vocabulary.prefix == -1).all())
    may_matter = [i for i, word in enumerate(words) if word.known or not of_words]  # what is unknown parts an n-gram
    order = sorted(may_matter, key=lambda i: -side * words[i].contribution)

    def first(sets: Iterator[tuple[int, ...]]) -> Deletion | None:
        return _first_flip(classifier, tokens, sets, side)

    affordable = _BUDGET // max(len(words), 1)
    sizes = _sizes(len(order), affordable)
    if of_words and _is_sum(classifier):
        found, exact = first(tuple(order[:k]) for k in sizes), len(sizes) == len(order)
    elif _is_sum_of_pairs(classifier) and len(words) ** 2 <= _PLACES:
        found, exact = first(_best_sets(classifier, tokens, [word.known for word in words], side)), True
    else:
        found, exact = _among_all(order, affordable, first)
        if not exact:
            found = first(tuple(order[:k]) for k in sizes)
            found = found and _pruned(found, affordable, first)
    if found is None:
        return Counterfactual(None, exact, None, None)
    deleted, logit = found
    return Counterfactual([words[i] for i in sorted(deleted)], exact, logit, answer_of_logit(logit).positive)


def _among_all(
    order: list[int], affordable: int, first: Callable[[Iterator[tuple[int, ...]]], Deletion | None]
) -> tuple[Deletion | None, bool]:
    """The first among all sets of one word, two, three ..., and whether no set was left untried that is smaller."""
    for k in range(1, len(order) + 1):
        affordable -= comb(len(order), k)
        if affordable < 0:
            return None, False
        if found := first(combinations(order, k)):
            return found, True
    return None, True


def _is_sum(classifier: Classifier) -> bool:
    """Whether the logit is the pooled numbers of the features, and a constant."""
    return set(classifier.tensors()) == {"embedding.weight", "output.weight", "output.bias"}


def _is_sum_of_pairs(classifier: Classifier) -> bool:
    """Whether the sign of the logit is that of a sum over words and pairs of neighbours."""
    prefix = classifier.vocabulary.prefix
    of_pairs = bool((prefix[prefix[prefix != -1]] == -1).all())
    return of_pairs and _is_sum(classifier) and _pooling(classifier) in ("mean", "sum")


def _pooling(classifier: Classifier) -> str:
    bag = classifier.network.layers["embedding"]
    assert isinstance(bag, EmbeddingBag)
    return bag.pooling


def _best_sets(classifier: Classifier, tokens: Tokens, known: list[bool], side: float) -> Iterator[tuple[int, ...]]:
    """For each k the k words without which the sum goes furthest to the other side, from 1 to all of them.

    With `mean`, the logit has the sign of the sum of what each feature adds and the bias; so the bias goes to each
    feature, and the number of features no longer matters. (Padding adds the same to every sum.) What is best for a
    sequence that ends in a word is found from what is best for those that end in an earlier one: at[k, j] is the least
    sum if j is kept and k words before it are not.
    """
    n = len(tokens.ids)
    word, pair = _values(classifier, tokens, side)
    at = np.full((n, n), np.inf)
    came = np.full((n, n), -1)  # the word kept before j
    for j in range(n):
        at[j, j] = word[j]
        for i in range(j):  # the word kept before; between them j - i - 1 are not
            gone = j - i - 1
            sums = at[: n - gone, i] + pair[i, j] + word[j]
            better = sums < at[gone:, j]
            at[gone:, j][better] = sums[better]
            came[gone:, j][better] = i
    for k in range(1, n):
        last = min(range(n - k - 1, n), key=lambda j: at[k - (n - 1 - j), j])  # after it all are deleted
        kept, deleted = last, k - (n - 1 - last)
        sequence = [kept]
        while (before := int(came[deleted, kept])) >= 0:
            deleted -= kept - before - 1
            kept = before
            sequence.append(kept)
        yield tuple(sorted(set(range(n)) - set(sequence)))
        if k == sum(known):  # no feature is left: the bias itself
            yield tuple(i for i in range(n) if known[i])
    if n:
        yield tuple(range(n))


def _values(classifier: Classifier, tokens: Tokens, side: float) -> tuple[Array, Array]:
    """What each word adds to the sum (n,), and each pair of words if they are neighbours (n, n); turned to `side`."""
    n = len(tokens.ids)
    i, j = np.triu_indices(n, 1)
    pairs = Tokens(np.stack([tokens.ids[i], tokens.ids[j]], 1).ravel(), np.arange(0, 2 * len(i) + 1, 2), tokens.words)
    alone = Tokens(tokens.ids, np.arange(n + 1), tokens.words)
    tensors = classifier.tensors()
    weight, bias = tensors["output.weight"][:, 0].astype(np.float64), float(tensors["output.bias"][0])
    share = bias if _pooling(classifier) == "mean" else 0.0

    def total(texts: Tokens) -> Array:
        features = classifier.vocabulary.encode(texts)[0]
        value = tensors["embedding.weight"][features.ids].astype(np.float64) @ weight + share  # (t, d) @ (d,) -> (t,)
        return side * np.bincount(features.review, value, len(features.lengths))

    word, both = total(alone), np.zeros((n, n))
    both[i, j] = total(pairs) - word[i] - word[j]
    return word, both


def _sizes(largest: int, affordable: int) -> list[int]:
    """The numbers from 1 to `largest`; of more than are affordable, some that grow evenly by a factor."""
    if largest <= affordable:
        return list(range(1, largest + 1))
    return sorted({round(largest ** (i / affordable)) for i in range(affordable + 1)})


def _first_flip(
    classifier: Classifier, tokens: Tokens, sets: Iterator[tuple[int, ...]], side: float
) -> Deletion | None:
    """The first of some sets of words, all of one size or growing, without which the answer is on the other side.

    Of those of its size that are tried together, the one that goes furthest.
    """
    block = max(1, _TOGETHER // max(len(tokens.ids), 1))
    while some := list(islice(sets, block)):
        logits = classifier.logits(classifier.vocabulary.encode(delete_tokens(tokens, some))[0]).astype(np.float64)
        flipped = np.flatnonzero((logits >= 0) != (side > 0))
        if len(flipped):
            size = len(some[flipped[0]])
            best = min((i for i in flipped.tolist() if len(some[i]) == size), key=lambda i: side * logits[i])
            return some[best], float(logits[best])
    return None


def _pruned(
    found: Deletion, affordable: int, first: Callable[[Iterator[tuple[int, ...]]], Deletion | None]
) -> Deletion:
    """Let words come back, one after the other, those that matter least first, while the answer stays changed."""
    for word in found[0][::-1][:affordable]:
        found = first(iter([tuple(i for i in found[0] if i != word)])) or found
    return found
