"""Common sense: pairs of texts whose answers must stand in a certain relation, whatever a model was trained on.

The pairs are those of data/probes.csv; data/README.md says what each kind of them asks. Such checks were proposed by
Ribeiro et al. 2020, "Beyond accuracy: behavioral testing of NLP models with CheckList".
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
"""The kind whose texts in the file are verdicts, from which long reviews are made."""

_VERDICTS, _SENTENCES = 4, 5  # of a long review, and of the retelling after each of them: about 360 words
_CLOSE = 0.1  # the most that a name may move a probability
_EVEN = (0.4, 0.6)  # what a text without a known word may get

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
"""What a pair may expect of the probabilities of positive that its two texts get."""


class Probe(NamedTuple):
    """Two texts, and what is expected of their answers."""

    kind: str
    a: str
    b: str
    expect: str  # a name in EXPECTATIONS


def load_probes() -> list[Probe]:
    """The pairs that come with the program."""
    folder = resources.resource_folder("data")
    with open(folder / "probes.csv", encoding="utf-8", newline="") as file:
        probes = [Probe(**row) for row in csv.DictReader(file)]
    retelling = (folder / "retelling.txt").read_text(encoding="utf-8").splitlines()
    verdicts = [probe for probe in probes if probe.kind == LONG]
    reviews = zip(
        *(_long_reviews([getattr(probe, side) for probe in verdicts], retelling) for side in "ab"), strict=True
    )
    return [
        probe._replace(**dict(zip("ab", next(reviews), strict=True))) if probe.kind == LONG else probe
        for probe in probes
    ]


def _long_reviews(verdicts: Sequence[str], retelling: Sequence[str]) -> Iterator[str]:
    """For each verdict a review of several hundred words: it and the next ones, amid sentences that judge nothing."""
    for number in range(len(verdicts)):
        sentences = []
        for i in range(_VERDICTS):
            start = (number * _VERDICTS + i) * _SENTENCES
            sentences.append(verdicts[(number + i) % len(verdicts)])
            sentences += [retelling[(start + j) % len(retelling)] for j in range(_SENTENCES)]
        yield " ".join(sentences)


def run_probes(classifier: Classifier, probes: Sequence[Probe]) -> dict[str, Any]:
    """How many pairs get the answers that they expect, in all and by kind, and those that do not, with their answers.

    `n`, `passed`, their share `probes` and its 95 % `probes_interval`; `kinds`: of each kind `n`, `passed`, `rate`;
    `failures`: of each pair what the file says, and `positive`, the probability of positive of `a` and of `b`.
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
