"""`train --dry-run` finds all errors, reports the costs, and creates no run."""

from __future__ import annotations

from pathlib import Path


def test_dry_run_reports_the_costs_and_leaves_no_files(sentibp):
    output = sentibp("train", "quickstart", "--dry-run", "--json", "--quiet").json
    assert not Path("runs").exists() or not any(Path("runs").glob("*-quickstart-*"))
    done = sentibp("train", "quickstart", "--json", "--quiet").json
    assert (output["training"], output["validation"], output["steps"]) == (288, 32, 8 * 18)
    assert output["parameters"] == output["features"] * 16 + 16 * 8 + 8 + 8 + 1
    # the real file also holds the scores
    assert 0 <= Path(done["model"]).stat().st_size - output["model_bytes"] < 1000
    assert 0 < output["step_seconds"] <= output["seconds"]
    assert output["peak_bytes"] > 10_000_000


def test_for_people(sentibp):
    out = sentibp("train", "quickstart", "--dry-run").out
    assert "288 to train on, 32 to validate on" in out
    assert out.splitlines()[-1].startswith("in all")


def test_mistakes_are_those_of_a_training(fails):
    assert "no such file" in fails(3, "train", "quickstart", "--dry-run", "--set", "data.source=gone.csv")
    assert "unknown key" in fails(2, "train", "quickstart", "--dry-run", "--set", "train.epoch=1")
