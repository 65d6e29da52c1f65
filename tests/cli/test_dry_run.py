"""`train --dry-run`: all mistakes are found and the costs told, and no run is left behind."""

from __future__ import annotations

from pathlib import Path


def test_it_says_what_a_training_costs_and_leaves_nothing(sentibp):
    said = sentibp("train", "quickstart", "--dry-run", "--json", "--quiet").json
    assert not Path("runs").exists() or not any(Path("runs").glob("*-quickstart-*"))
    done = sentibp("train", "quickstart", "--json", "--quiet").json
    assert (said["training"], said["validation"], said["steps"]) == (288, 32, 8 * 18)
    assert said["parameters"] == said["features"] * 16 + 16 * 8 + 8 + 8 + 1
    # the real file also holds the scores
    assert 0 <= Path(done["model"]).stat().st_size - said["model_bytes"] < 1000
    assert 0 < said["step_seconds"] <= said["seconds"]
    assert said["peak_bytes"] > 10_000_000


def test_for_people(sentibp):
    out = sentibp("train", "quickstart", "--dry-run").out
    assert "288 to train on, 32 to validate on" in out
    assert out.splitlines()[-1].startswith("in all")


def test_mistakes_are_those_of_a_training(fails):
    assert "no such file" in fails(3, "train", "quickstart", "--dry-run", "--set", "data.source=gone.csv")
    assert "unknown key" in fails(2, "train", "quickstart", "--dry-run", "--set", "train.epoch=1")
