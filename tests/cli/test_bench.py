"""`bench`: speeds of text and of each part of a step, on the config's own data; no run is left behind."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

from sentibp.training import bench, dry_run

PARTS = ["batch", "wait", "forward", "backward", "update"]


def test_what_it_measures_and_that_it_leaves_nothing(sentibp):
    said = sentibp("bench", "quickstart", "--json").json
    assert not Path("runs").exists()
    assert list(said["parts"]) == PARTS
    assert all(seconds >= 0 for seconds in said["parts"].values())
    assert said["reviews"] == said["training"]["training"] == 288
    assert said["tokens"] > 288
    for speed in "tokenize", "build", "encode":
        assert said[speed] > 0
    assert said["training"]["steps"] == 8 * 18


def test_every_moment_of_a_step_is_in_one_of_its_parts(sentibp, monkeypatch):
    """By a clock that ticks when it is looked at: from one step's end to the next, each part takes one tick."""
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)), monotonic=lambda: 0.0)
    for module in bench, dry_run:
        monkeypatch.setattr(module, "time", clock)
    said = sentibp("bench", "quickstart", "--json").json
    assert said["parts"] == dict.fromkeys(PARTS, 1.0)


def test_for_people(sentibp):
    out = sentibp("bench", "quickstart", "--set", "train.epochs=2").out
    assert [line.split()[0] for line in out.splitlines()] == [
        *["text", "tokens", "vocabulary", "features", "step", *PARTS, "training"]
    ]
    assert "36 steps on 288 reviews" in out


def test_mistakes_are_those_of_a_training(fails):
    assert "no such file" in fails(3, "bench", "quickstart", "--set", "data.source=gone.csv")
    assert "unknown key" in fails(2, "bench", "quickstart", "--set", "train.epoch=1")
