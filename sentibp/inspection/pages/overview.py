"""The beginning of a report: what was trained on what, and how good it is, in a sentence and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.inspection.pages.report_data import Subject, reviews_fingerprint
from sentibp.inspection.pages.report_scores import comparable, subject_settings

MEASURED = {
    "544f0a6b2c221df2f36405a9bd492d345c2ee782bb8b192d03da3c9d4f07d42c": (0.897, "the same 22,500 IMDB reviews"),
}
"""The accuracy of fastText at its best setting on sets of reviews, by fingerprint, and what it was trained on.

From benchmarks/RESULTS.md, "end to end, against fastText".
"""


class Peer(NamedTuple):
    """A line of the picture: an accuracy, with its 95 % interval if it is that of a model of the page."""

    name: str
    note: str
    accuracy: float
    interval: tuple[float, float] | None = None

    @property
    def place(self) -> str:
        """The accuracy in percent, as a length of the style."""
        return f"{100 * self.accuracy:.2f}%"


def sentences(subject: Subject) -> list[tuple[str, str]]:
    """Return what was trained on what, and how good it is: sentences as pairs of a kind and a text."""
    found = [("what", _trained(subject))]
    if (network := _network(subject)) is not None:
        found.append(("network", network))
    if subject.predictions is not None:
        scores = subject.predictions.scores
        low, high = scores["accuracy_interval"]
        found.append(("how", f"{100 * scores['accuracy']:.1f} % of {scores['n']:,} {subject.scored_on}"))
        found.append(("interval", f"{100 * low:.1f} to {100 * high:.1f} %"))
    return found


def _trained(subject: Subject) -> str:
    labels = [] if subject.classifier is None else list(subject.classifier.spec.labels)
    told = f"tells {_listed(labels)} reviews apart" if labels else "left no model"
    reviews = (((subject.facts.get("data") or {}).get("training")) or {}).get("reviews")
    source = subject_settings(subject).get("data.source")
    named = "" if not isinstance(source, str) else Path(source).name or source
    learned = " ".join(
        filter(
            None,
            [
                "It was trained on",
                f"{reviews:,} reviews" if reviews else "",
                f"of {named}" if named and reviews else named,
            ],
        )
    )
    seconds = subject.facts.get("seconds")
    took = f" in {seconds:,.1f} seconds" if isinstance(seconds, int | float) else ""
    return f"{told}. {learned}{took}." if reviews or named else f"{told}."


def _listed(names: Sequence[str]) -> str:
    if len(names) > 5:
        return f"{len(names)} kinds of"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _network(subject: Subject) -> str | None:
    if subject.classifier is None:
        return None
    spec, n = subject.classifier.spec, sum(each.size for each in subject.classifier.network.params.values())
    layers = {0: "no hidden layer", 1: "one hidden layer"}.get(len(spec.hidden), f"{len(spec.hidden)} hidden layers")
    units = f" of {', '.join(map(str, spec.hidden))} units" if spec.hidden else ""
    return (
        f"The network knows {len(subject.classifier.vocabulary):,} words and n-grams, each as {spec.dim} numbers, and "
        f"has {layers}{units}: {n:,} parameters."
    )


def peers(subjects: Sequence[Subject]) -> list[Peer]:
    """Return the models of the page, and what is known to compare them with, the least accurate first.

    Only models that are scored on the same reviews share the picture: those of the first.
    """
    scored = [subject for subject in subjects if subject.predictions is not None]
    if not scored:
        return []
    if not comparable(subjects):
        fingerprint = reviews_fingerprint(scored[0])
        scored = [subject for subject in scored if reviews_fingerprint(subject) == fingerprint]
    predictions = scored[0].predictions
    assert predictions is not None
    label, weight = predictions.label, predictions.weight
    counts = np.bincount(label, weight)
    k = predictions.positive.shape[1] if predictions.positive.ndim == 2 else 2
    names = None if scored[0].classifier is None else scored[0].classifier.spec.labels
    most = int(counts.argmax())
    named = f"“{names[most]}”" if names is not None else "the most frequent label"
    found = [
        Peer("Guessing", f"each of the {k} labels as often", 1 / k),
        Peer("The majority", f"always {named}", float(counts[most] / counts.sum())),
    ]
    fingerprint = reviews_fingerprint(scored[0])
    if fingerprint in MEASURED:
        accuracy, trained_on = MEASURED[fingerprint]
        found.append(Peer("fastText", f"at its best setting, trained on {trained_on}", accuracy))
    for each in scored:
        assert each.predictions is not None
        scores = each.predictions.scores
        found.append(Peer(each.name, "with its 95 % interval", scores["accuracy"], tuple(scores["accuracy_interval"])))
    return sorted(found, key=lambda peer: peer.accuracy)


def scale(found: Sequence[Peer]) -> dict[str, Any]:
    """Return the ends and the ticks of the scale of accuracy, in percent, that has room for all."""
    lowest = min(min(peer.accuracy, *(peer.interval or (1.0,))) for peer in found)
    low = min(int(lowest * 10) * 10, 90)
    step = 10 if low >= 50 else 20
    return {"low": low, "ticks": [tick for tick in range(low, 101) if tick % step == 0]}
