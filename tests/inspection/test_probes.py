"""The pairs are sound and balanced, and for every kind right predictions pass and wrong ones fail."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import pytest

from sentibp.inspection import probes
from sentibp.inspection.probes import EXPECTATIONS, Probe
from sentibp.model.classifier import Prediction
from sentibp.utils import resources

ALL = probes.load_probes()
KINDS = dict.fromkeys(probe.kind for probe in ALL)
PREDICTIONS = {  # expectation -> probabilities of positive of a and b that meet it, and that do not
    "opposite": ([(0.2, 0.9), (0.499, 0.5)], [(0.9, 0.2), (0.2, 0.3), (0.7, 0.9), (0.5, 0.5)]),
    "positive": ([(0.9, 0.5), (0.6, 1.0)], [(0.9, 0.4), (0.4, 0.9), (0.3, 0.3)]),
    "negative": ([(0.1, 0.4), (0.4, 0.0)], [(0.1, 0.5), (0.6, 0.1), (0.7, 0.7)]),
    "same positive": ([(0.9, 0.85), (0.7, 0.7)], [(0.99, 0.85), (0.52, 0.48), (0.2, 0.2)]),
    "same negative": ([(0.1, 0.15), (0.3, 0.3)], [(0.01, 0.15), (0.48, 0.52), (0.8, 0.8)]),
    "stronger positive": ([(0.6, 0.8)], [(0.8, 0.6), (0.8, 0.8), (0.3, 0.8), (0.3, 0.4)]),
    "stronger negative": ([(0.4, 0.2)], [(0.2, 0.4), (0.2, 0.2), (0.7, 0.2), (0.7, 0.6)]),
    "rising": ([(0.1, 0.2), (0.8, 0.9)], [(0.2, 0.1), (0.9, 0.9)]),
    "uncertain": ([(0.5, 0.5), (0.4, 0.6)], [(0.5, 0.7), (0.3, 0.5), (0.999, 0.999), (0.0, 1.0)]),
}


class Stub:
    """A classifier that predicts the given probabilities."""

    def __init__(self, positive):
        self.positive = np.array(positive, np.float64).ravel()

    def predict(self, text) -> Prediction:
        assert len(text) == len(self.positive)
        none = np.zeros(len(text), np.int64)
        return Prediction(self.positive, none, none)


def of_kind(kind: str) -> list[Probe]:
    return [probe for probe in ALL if probe.kind == kind]


# The checks


@pytest.mark.parametrize("kind", KINDS)
def test_right_predictions_pass_and_wrong_ones_fail(kind):
    pairs = of_kind(kind)
    right, wrong = ([PREDICTIONS[probe.expect][i] for probe in pairs] for i in (0, 1))
    for turn in range(max(map(len, right))):
        result = probes.run_probes(Stub([choice[turn % len(choice)] for choice in right]), pairs)
        assert result["kinds"] == {kind: {"n": len(pairs), "passed": len(pairs), "rate": 1.0}}
        assert result["failures"] == []
    for turn in range(max(map(len, wrong))):
        result = probes.run_probes(Stub([choice[turn % len(choice)] for choice in wrong]), pairs)
        assert result["kinds"] == {kind: {"n": len(pairs), "passed": 0, "rate": 0.0}}
        assert [each["a"] for each in result["failures"]] == [probe.a for probe in pairs]


def test_nan_fails():
    pairs = [next(probe for probe in ALL if probe.expect == expect) for expect in EXPECTATIONS]
    assert probes.run_probes(Stub([(np.nan, np.nan)] * len(pairs)), pairs)["passed"] == 0


def test_the_result_in_total_and_by_kind():
    pairs = [
        Probe("one", "bad", "good", "opposite"),
        Probe("two", "x", "y", "rising"),
        Probe("two", "z", "w", "rising"),
    ]
    result = probes.run_probes(Stub([(0.1, 0.9), (0.2, 0.3), (0.3, 0.2)]), pairs)
    low, high = result.pop("probes_interval")
    assert 0 < low < 2 / 3 < high < 1
    assert result == {
        "n": 3,
        "passed": 2,
        "probes": 2 / 3,
        "kinds": {"one": {"n": 1, "passed": 1, "rate": 1.0}, "two": {"n": 2, "passed": 1, "rate": 0.5}},
        "failures": [{"kind": "two", "a": "z", "b": "w", "expect": "rising", "positive": [0.3, 0.2]}],
    }


@pytest.mark.parametrize("positive", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_a_constant_prediction_passes_at_most_half_of_each_kind(positive):
    kinds = probes.run_probes(Stub([(positive, positive)] * len(ALL)), ALL)["kinds"]
    del kinds["unknown"]  # this kind expects a constant
    assert all(kind["rate"] <= 0.5 for kind in kinds.values()), kinds


# The file


def test_every_kind_and_expectation_is_there():
    assert list(KINDS) == [
        *("negation", "litotes", "intensifier", "but", "filler", "names"),
        *("short", "long", "case", "typo", "unknown"),
    ]
    assert {probe.expect for probe in ALL} == set(EXPECTATIONS) == set(PREDICTIONS)
    assert len(ALL) >= 260
    assert min(Counter(probe.kind for probe in ALL).values()) >= 25


def test_the_file_is_well_formed():
    content = (resources.resource_folder("data") / "probes.csv").read_bytes()
    assert b"\r" not in content
    rows = list(csv.reader(content.decode().splitlines()))
    assert rows[0] == list(Probe._fields)
    assert {len(row) for row in rows} == {4}
    for kind, a, b, _ in rows[1:]:
        assert kind == "unknown" or (a, b) == (" ".join(a.split()), " ".join(b.split())), "no stray space"


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_occurs_twice_in_a_kind(kind):
    texts = [text for probe in of_kind(kind) for text in (probe.a, probe.b)]
    assert not [text for text, count in Counter(texts).items() if count > 1]


def test_the_further_pairs_are_well_formed_and_differ_from_the_others():
    further = probes.load_further_probes()
    assert Counter(probe.kind for probe in further) == {"negation": 100, "litotes": 100}
    assert {probe.expect for probe in further} == {"opposite"}
    texts = [text for probe in further for text in (probe.a, probe.b)]
    assert len(set(texts)) == len(texts)
    assert not set(texts) & {text for probe in ALL for text in (probe.a, probe.b)}


def test_no_text_occurs_in_the_training_data():
    reviews = set()
    for name in ("train.csv", "test.csv"):
        with open(resources.resource_folder("data") / name, encoding="utf-8", newline="") as file:
            reviews |= {row["text"].casefold().strip(" .!") for row in csv.DictReader(file)}
    once = {text.casefold().strip(" .!") for probe in ALL if probe.kind != "short" for text in (probe.a, probe.b)}
    assert not reviews & once


@pytest.mark.parametrize("kind", KINDS)
def test_positive_and_negative_are_balanced(kind):
    expected = Counter(probe.expect.split()[-1] for probe in of_kind(kind))
    assert expected["positive"] == expected["negative"]


def test_names_are_the_only_difference():
    for probe in of_kind("names"):
        a, b = probe.a.rstrip(".").split(), probe.b.rstrip(".").split()
        while a[0] == b[0]:
            a, b = a[1:], b[1:]
        while a[-1].rstrip(",") == b[-1].rstrip(",") and min(len(a), len(b)) > 1:
            a, b = a[:-1], b[:-1]
        assert all(word[0].isupper() for word in (*a, *b)), probe


def test_filler_keeps_the_opinion():
    for probe in of_kind("filler"):
        assert probe.a[1:] in probe.b
        assert len(probe.b.split()) >= len(probe.a.split()) + 5


def test_short_is_short_and_long_is_long():
    for probe in of_kind("short"):
        assert len(probe.a.split()) <= 2 >= len(probe.b.split())
    for probe in of_kind("long"):
        assert 300 <= len(probe.a.split()) <= 500 >= len(probe.b.split()) >= 300
        shared = set(probe.a.split(".")) & set(probe.b.split("."))
        assert len(shared) >= 20, "both have the same plot"


def test_case_is_the_only_difference():
    for probe in of_kind("case"):
        assert probe.a != probe.b
        assert probe.a.casefold() == probe.b.casefold()


def test_a_typo_is_one_letter_dropped_or_doubled():
    def dropped(text: str) -> set[str]:
        return {text[:i] + text[i + 1 :] for i in range(len(text))}

    def doubled(text: str) -> set[str]:
        return {text[:i] + text[i] + text[i:] for i in range(len(text))}

    for probe in of_kind("typo"):
        assert probe.b in dropped(probe.a) | doubled(probe.a), probe


def test_unknown_words_occur_nowhere_else():
    known = {word for probe in ALL if probe.kind != "unknown" for word in f"{probe.a} {probe.b}".casefold().split()}
    with open(resources.resource_folder("data") / "train.csv", encoding="utf-8", newline="") as file:
        known |= {word for row in csv.DictReader(file) for word in row["text"].casefold().split()}
    for probe in of_kind("unknown"):
        assert not known & set(f"{probe.a} {probe.b}".casefold().split())
