"""`sentibp bench`: the speed of text processing and of each part of a step, measured without a run directory."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

from sentibp.training import bench, dry_run

PARTS = ["batch", "wait", "forward", "backward", "update"]


def test_bench_measures_and_leaves_no_files(sentibp):
    output = sentibp("bench", "quickstart", "--json").json
    assert not Path("runs").exists()
    assert list(output["parts"]) == PARTS
    assert all(seconds >= 0 for seconds in output["parts"].values())
    assert output["reviews"] == output["training"]["training"] == 288
    assert output["tokens"] > 288
    for speed in "tokenize", "build", "encode":
        assert output[speed] > 0
    assert output["training"]["steps"] == 8 * 18


def test_the_parts_of_a_step_add_up_to_its_time(sentibp, monkeypatch):
    """With a clock that advances by one whenever it is read, each part of a step takes one tick."""
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)), monotonic=lambda: 0.0)
    for module in bench, dry_run:
        monkeypatch.setattr(module, "time", clock)
    output = sentibp("bench", "quickstart", "--json").json
    assert output["parts"] == dict.fromkeys(PARTS, 1.0)


def test_for_people(sentibp):
    out = sentibp("bench", "quickstart", "--set", "train.epochs=2").out
    assert [line.split()[0] for line in out.splitlines()] == [
        *["text", "tokens", "vocabulary", "features", "step", *PARTS, "training"]
    ]
    assert "36 steps on 288 reviews" in out


def test_mistakes_are_those_of_a_training(fails):
    assert "no such file" in fails(3, "bench", "quickstart", "--set", "data.source=gone.csv")
    assert "unknown key" in fails(2, "bench", "quickstart", "--set", "train.epoch=1")
