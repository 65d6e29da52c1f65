"""Numbers and their nouns."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.utils.messages import counted


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "review", "0 reviews"),
        (1, "review", "1 review"),
        (1.0, "review", "1 review"),
        (2, "epoch", "2 epochs"),
        (2, "class", "2 classes"),
        (1234, "row", "1,234 rows"),
        (np.int64(123456), "row", "123,456 rows"),
        (12.3456, "review", "12.3 reviews"),
        (np.float64(28_000.4), "review", "28,000 reviews"),
    ],
)
def test_the_noun_agrees(number, noun, text):
    assert counted(number, noun) == text


def test_the_verb_agrees():
    assert counted(1, "review", "has", "have") == "1 review has"
    assert counted(2, "review", "has", "have") == "2 reviews have"
