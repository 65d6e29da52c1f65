"""The environment that a run records, and the differences between two of them."""

from __future__ import annotations

import os

import numpy as np

from sentibp.utils import environment


def test_versions_and_machine():
    versions, here = environment.versions(), environment.machine()
    assert versions["numpy"] == np.__version__
    assert len(versions["code"]) == 12
    assert here["cores"] == os.cpu_count()
    assert here["usable_cores"] <= here["cores"]
    assert here["cpu"]
    assert here["blas"]


def test_differences_in_keys_that_both_have():
    then = {"versions": {"numpy": "1", "python": "3"}, "machine": {"cores": 2}}
    now = {"versions": {"numpy": "2", "python": "3", "scipy": "1"}, "machine": {"cores": 4, "cpu": "x"}}
    assert environment.changes(then, now) == {"numpy": ["1", "2"], "cores": [2, 4]}
    assert environment.changes({}, now) == {}
    assert environment.changes({"versions": None}, now) == {}
