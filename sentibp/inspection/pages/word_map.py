"""The map of the embedding: its words by two principal components or by t-SNE, and the nearest words of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentibp.inspection.explain import FULL, NOTHING
from sentibp.inspection.pages.chart_data import COLOURS, Chart, colour, shade
from sentibp.inspection.pages.tsne import tsne
from sentibp.model.head import LABELS
from sentibp.nn.layers import Array

_NEAREST = 5
_ON_A_LINE = 0.9  # the share of the variance from which the words are said to lie on a line
_TOO_LITTLE = 0.5  # of the variance: of many classes, two components show two, and the others lie on one heap


class Words(NamedTuple):
    """k words and n-grams, their rows of the embedding, and their weights, as `words.feature_weights` returns them."""

    names: Sequence[str]
    vectors: Array  # (k, d)
    weight: Array  # (k,)
    labels: Sequence[str] | None = None  # that each word is evidence for, if the labels have no order
    order: Sequence[str] = LABELS  # all labels; the least weights are evidence for the first, the largest for the last


def word_map(number: int, name: str, words: Words) -> Chart:
    """Return the map of the rows by their first two principal components, with positive words to the right.

    The map is made by t-SNE if the labels have no order, and the two components show less than half of the variance.
    """
    vectors = words.vectors.astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred)  # ascending; (d,), (d, d)
    at = centred @ axes[:, ::-1][:, :2]  # (k, d) @ (d, 2) -> (k, 2), or (k, 1)
    at = np.pad(at, ((0, 0), (0, 2 - at.shape[1])))
    sign = np.sign((at * (words.weight - words.weight.mean())[:, None]).sum(axis=0))
    at *= np.where(sign == 0, 1, sign)  # the sign of a principal component is arbitrary
    shares = (np.append(variance[::-1], 0)[:2] / max(variance.sum(), np.finfo(float).tiny)).tolist()
    is_by_neighbours = words.labels is not None and sum(shares) < _TOO_LITTLE
    if is_by_neighbours:
        at = tsne(2 - 2 * _cosines(vectors), at)  # the squared distances of unit vectors
    shown = {
        "names": list(words.names),
        "x": _for_drawing(at, 0),
        "y": _for_drawing(at, 1),
        "nothing": NOTHING,
        "full": FULL,
        "isByNeighbours": is_by_neighbours,
        "weights": [float(f"{weight:.5g}") for weight in words.weight.tolist()],
        **({} if shares[0] >= _ON_A_LINE else _nearest_by_cosine(vectors)),
    }
    if words.labels is not None:
        kinds = [label for label in words.order if label in set(words.labels)]
        shown["kinds"] = kinds
        k = len(kinds)
        shown["colours"] = [colour(i) if k <= COLOURS else shade(i, k) for i in range(k)]
        shown["kind"] = [kinds.index(label) for label in words.labels]
    title = f"Map of the embedding: {name}"
    return {"id": f"map{number}", "title": title, "about": _about(words, shares, is_by_neighbours), "words": shown}


def _about(words: Words, shares: Sequence[float], is_by_neighbours: bool) -> str:
    """Return what the map shows, and how much of the spread of the words it can show."""
    low, high = words.order[0], words.order[-1]
    about = (
        f"Each dot is one of {len(words.names):,} frequent or strong words and n-grams. What is near on the map has "
        f"similar numbers in the embedding of {words.vectors.shape[1]} dimensions. "
    )
    if words.labels is not None:
        about += "The colour shows which label a word is most evidence for. "
    else:
        about += f"Green is evidence for {high}, red for {low}; pale words say little. "
    first, second = map(_percent, shares)
    if is_by_neighbours:
        return (
            f"{about}t-SNE has made the map, which keeps near words near; how far groups of words are from each other "
            f"says little. A map by distances could show {_percent(sum(shares))} of the spread of the words."
        )
    if shares[0] >= _ON_A_LINE:
        ends = f", from {low} on the left to {high} on the right" if words.labels is None else ""
        about += (
            f"The words lie nearly on a line: {first} of their spread is along it{ends}. The model has in effect one "
            f"number for each word, and what is left ({_percent(1 - shares[0])}) tells little."
        )
    else:
        rest = max(1 - sum(shares), 0)
        about += (
            f"The map has {first} of the spread of the words from left to right and {second} upwards; {_percent(rest)} "
            "is not on it."
        )
    return f"{about} Both directions have the same scale."


def _percent(share: float) -> str:
    """Return a share in percent, which is rounded neither to nothing nor to all."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return "less than 1 %" if share < 0.5 else "more than 99 %"
    return f"{100 * share:.0f} %"


def _for_drawing(at: Array, axis: int) -> list[float]:
    """Return the places along an axis, to a thousandth of the larger extent of the map."""
    extent = float(np.ptp(at, axis=0).max(initial=0)) or 1.0
    return np.round(at[:, axis], 3 - int(np.floor(np.log10(extent)))).tolist()


def _nearest_by_cosine(vectors: Array) -> dict[str, list[list[int]]]:
    """Return for each of k words the nearest others, nearest first, and the cosines of their vectors in thousandths.

    Where words lie on a line, the cosine says only on which side: there templates/map.js takes the nearest on the map.
    """
    cosine, is_zero = _cosines(vectors), np.linalg.norm(vectors, axis=1) == 0
    np.fill_diagonal(cosine, -np.inf)
    cosine[:, is_zero] = -np.inf
    best = np.argsort(-cosine.round(9), axis=1, kind="stable")[:, :_NEAREST]
    near = [[j for j in row if np.isfinite(cosine[i, j]) and not is_zero[i]] for i, row in enumerate(best.tolist())]
    cosines = [[round(1000 * float(cosine[i, j])) for j in row] for i, row in enumerate(near)]
    return {"near": near, "cosines": cosines}


def _cosines(vectors: Array) -> Array:
    """Return the cosines (k, k) of the angles between k vectors; 0 for a vector of zeros."""
    length = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(length > 0, length, 1)[:, None]
    return unit @ unit.T  # (k, d) @ (d, k) -> (k, k)
