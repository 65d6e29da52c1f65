"""The tables of a report, of small cases. tests/inspection/pages/test_report.py has those of trained models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from sentibp.data.corpus import Corpus
from sentibp.inspection.evaluate import ScoredReviews
from sentibp.inspection.pages.report_data import Predictions, Subject
from sentibp.inspection.pages.report_scores import paired_tests

LABEL = np.array([1, 1, 1, 0], np.int8)


def subject(name: str, positive: list[float]) -> Subject:
    corpus = Corpus(pa.chunked_array([pa.array(list("abcd"), pa.large_string())]), LABEL)
    scored = ScoredReviews(corpus, {}, np.array(positive), np.ones(4, int))
    return Subject(name, Path(name), None, {}, [], Predictions(LABEL, scored.positive, {}, scored), [])


def test_each_run_is_compared_with_the_first() -> None:
    first, *others = [0.9, 0.9, 0.9, 0.1], [0.9, 0.9, 0.2, 0.1], [0.1, 0.2, 0.9, 0.1]
    tests = paired_tests([subject(name, each) for name, each in zip("abc", (first, *others), strict=True)])
    assert [each.partition("; p = ")[0] for each in tests] == [
        "a and b: paired test: 1 review only a got right, 0 only b",
        "a and c: paired test: 2 reviews only a got right, 0 only c",
    ]
