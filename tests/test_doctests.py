"""The examples in docstrings run, and print what they show."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "inspection.explain",
        "model.classifier",
        "model.prediction",
        "training.estimator",
        "training.in_memory",
        "utils.table",
    ],
)
@pytest.mark.usefixtures("here")
def test_examples_of_a_module(name):
    done = doctest.testmod(import_module(f"sentibp.{name}"))
    assert done.attempted > 0
    assert done.failed == 0
