"""Behavioral tests: pairs of texts whose predictions must have a certain relation, whatever the training data.

The pairs are in data/probes.csv, and further pairs of negation in data/probes_negation.csv; data/README.md describes
each kind. Such tests were proposed by Ribeiro et al. 2020, "Beyond accuracy: behavioral testing of NLP models with
CheckList".
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sentibp.metrics import wilson_interval
from sentibp.model.classifier import Classifier
from sentibp.model.head import is_negative, is_positive
from sentibp.utils import resources
from sentibp.utils.arrow import strings

LONG = "long"
"""The kind whose texts in the file are single opinions. Long reviews are made from them."""

_OPINIONS, _SENTENCES = 4, 5  # opinions in a long review, and sentences of plot after each: about 360 words
_CLOSE = 0.1  # the largest difference in probability that a name may make
_EVEN = (0.4, 0.6)  # the range of probabilities for a text without known words

EXPECTATIONS: dict[str, Callable[[float, float], bool]] = {
    "opposite": lambda a, b: is_positive(b) and is_negative(a),
    "positive": lambda a, b: is_positive(a) and is_positive(b),
    "negative": lambda a, b: is_negative(a) and is_negative(b),
    "same positive": lambda a, b: is_positive(a) and is_positive(b) and abs(a - b) <= _CLOSE,
    "same negative": lambda a, b: is_negative(a) and is_negative(b) and abs(a - b) <= _CLOSE,
    "stronger positive": lambda a, b: is_positive(a) and a < b,
    "stronger negative": lambda a, b: b < a and is_negative(a),
    "rising": lambda a, b: a < b,
    "uncertain": lambda a, b: all(_EVEN[0] <= p <= _EVEN[1] for p in (a, b)),
}
"""Each expectation is a condition on the probabilities of positive of the two texts."""


class Probe(NamedTuple):
    """Two texts, and the expected relation of their predictions."""

    kind: str
    a: str
    b: str
    expect: str  # a key of EXPECTATIONS


def load_probes() -> list[Probe]:
    """Load the pairs that are installed with sentibp."""
    folder = resources.resource_folder("data")
    with open(folder / "probes.csv", encoding="utf-8", newline="") as file:
        probes = [Probe(**row) for row in csv.DictReader(file)]
    plot = (folder / "retelling.txt").read_text(encoding="utf-8").splitlines()
    opinions = [probe for probe in probes if probe.kind == LONG]
    reviews = zip(*(_long_reviews([getattr(probe, side) for probe in opinions], plot) for side in "ab"), strict=True)
    return [
        probe._replace(**dict(zip("ab", next(reviews), strict=True))) if probe.kind == LONG else probe
        for probe in probes
    ]


def load_further_probes() -> list[Probe]:
    """Load the further pairs of negation and litotes that are installed with sentibp."""
    with open(resources.resource_folder("data") / "probes_negation.csv", encoding="utf-8", newline="") as file:
        return [Probe(**row) for row in csv.DictReader(file)]


def _long_reviews(opinions: Sequence[str], plot: Sequence[str]) -> Iterator[str]:
    """Yield for each opinion a review of several hundred words: it and the next opinions between neutral sentences."""
    for number in range(len(opinions)):
        sentences = []
        for i in range(_OPINIONS):
            start = (number * _OPINIONS + i) * _SENTENCES
            sentences.append(opinions[(number + i) % len(opinions)])
            sentences += [plot[(start + j) % len(plot)] for j in range(_SENTENCES)]
        yield " ".join(sentences)


def run_probes(classifier: Classifier, probes: Sequence[Probe]) -> dict[str, Any]:
    """Return how many pairs pass, in total and by kind, and the pairs that fail.

    The keys are `n`, `passed`, the share `probes` and its 95 % `probes_interval`; `kinds`, with `n`, `passed` and
    `rate` of each kind; and `failures`, with the columns of the file and `positive`, the probabilities of positive of
    `a` and `b`.
    """
    positive = classifier.predict(strings(text for probe in probes for text in (probe.a, probe.b))).positive
    kinds = {probe.kind: {"n": 0, "passed": 0} for probe in probes}
    failures = []
    for probe, (a, b) in zip(probes, positive.reshape(-1, 2).tolist(), strict=True):
        kind = kinds[probe.kind]
        kind["n"] += 1
        if EXPECTATIONS[probe.expect](a, b):
            kind["passed"] += 1
        else:
            failures.append(probe._asdict() | {"positive": [a, b]})
    n, passed = len(probes), len(probes) - len(failures)
    return {
        "n": n,
        "passed": passed,
        "probes": passed / n,
        "probes_interval": list(wilson_interval(passed, n)),
        "kinds": {name: kind | {"rate": kind["passed"] / kind["n"]} for name, kind in kinds.items()},
        "failures": failures,
    }
