"""All scored reviews as the data of a table, which templates/reviews.js searches, sorts and cuts into slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sentibp.inspection.pages.explanation import without_breaks
from sentibp.inspection.pages.report_data import Subject, reviews_fingerprint
from sentibp.model import head
from sentibp.nn.layers import Array

REVIEWS = 2500  # in the table
_CHARACTERS = 250_000  # of all texts together
_SHORTEST, _LONGEST = 100, 400  # characters of a text
_SLICES = 4  # by length, of equal size


def review_tables(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """Return a table for each set of reviews, with the predictions of all models that are scored on it."""
    groups: dict[str | None, list[Subject]] = {}
    for subject in subjects:
        if subject.predictions is not None and subject.predictions.scored is not None:
            groups.setdefault(reviews_fingerprint(subject), []).append(subject)
    return [_table(group) for group in groups.values()]


def _table(group: Sequence[Subject]) -> dict[str, Any]:
    first = group[0].predictions
    assert first is not None and first.scored is not None and group[0].classifier is not None
    found = [subject.predictions for subject in group if subject.predictions is not None]
    wrong = [head.contradicts(each.positive, each.label) for each in found]
    shown = _shown(np.logical_or.reduce(wrong))
    length = int(np.clip(_CHARACTERS // len(shown), _SHORTEST, _LONGEST))
    whole = [in_one_line(first.scored.reviews.text[i].as_py()) for i in shown.tolist()]
    texts = [shortened(text, length) for text in whole]
    tokens = first.scored.tokens
    weights = {} if first.weight is None else {"weights": [_to_4_digits(each) for each in first.weight[shown].tolist()]}
    return weights | {
        "names": [subject.name for subject in group],
        "labels": list(group[0].classifier.spec.labels),
        "total": len(wrong[0]),
        "characters": None if texts == whole else length,
        "texts": texts,
        "words": tokens[shown].tolist(),
        "lengths": np.unique(np.quantile(tokens, np.arange(1, _SLICES) / _SLICES).astype(int)).tolist(),
        "label": first.label[shown].tolist(),
        "runs": [_answers(each.positive[shown], each.label[shown]) for each in found],
    }


def _answers(positive: Array, label: Array) -> dict[str, Any]:
    """Return the probability of the right label of each review, and the position, label and probability of mistakes."""
    predicted, probability = head.predicted(positive), _short(head.confidence(positive))
    mistakes = np.flatnonzero(head.contradicts(positive, label)).tolist()
    return {
        "right": _short(head.score_of(positive, label.astype(np.int64))),
        "wrong": [[i, int(predicted[i]), probability[i]] for i in mistakes],
    }


def _shown(wrong: Array) -> Array:
    """Return the positions of the reviews of the table: of too many, every k-th mistake and every k-th other."""
    n = len(wrong)
    if n <= REVIEWS:
        return np.arange(n)
    mistakes, others = np.flatnonzero(wrong), np.flatnonzero(~wrong)
    room = max(min(len(mistakes), REVIEWS // 2), REVIEWS - len(others))
    return np.sort(np.concatenate([_spread(mistakes, room), _spread(others, REVIEWS - room)]))


def _spread(positions: Array, count: int) -> Array:
    return positions[np.linspace(0, len(positions) - 1, min(count, len(positions))).astype(int)]


def _short(probability: Array) -> list[float]:
    """Return probabilities with the digits that `render.probability` shows and that a loss of 3 decimals needs."""
    return [_to_4_digits(p) if p < 1 - 5e-5 else min(round(p, 8), 0.99999999) for p in probability.tolist()]


def _to_4_digits(value: float) -> float:
    return float(f"{value:.4g}")


def in_one_line(text: str) -> str:
    """Return the text without line breaks and repeated spaces."""
    return " ".join(without_breaks(text, " ").split())


def shortened(text: str, length: int) -> str:
    """Return the text; of a long one the beginning and the end, where reviews often have their verdict."""
    if len(text) <= length:
        return text
    tail = length * 2 // 5
    start, end = text[: length - tail - 3], text[-tail:]
    return f"{start.rpartition(' ')[0] or start} … {end.partition(' ')[2] or end}"  # between words, if there are any
