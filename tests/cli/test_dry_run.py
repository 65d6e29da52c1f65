"""`train --dry-run` finds all errors, reports the costs, and creates no run."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from sentibp.config.load import load_config
from sentibp.model.file import load_model
from sentibp.training import dry_run, pretraining
from sentibp.training.prepare import prepare


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


_FOLDED = {
    "linear": ["--set", "train.linear_member=true"],
    "members": ["--set", "train.members=2", "--set", "text.shifters=true"],
    "classes": ["--set", "data.source=stars.csv", "--set", "train.linear_member=true"],
    "no hidden layer": ["--set", "model.hidden=[]", "--set", "train.linear_member=true"],
    "batch norm": ["--set", "model.batch_norm=true"],
}


@pytest.mark.parametrize("name", _FOLDED)
def test_it_counts_the_parameters_of_the_model_that_is_saved(sentibp, name):
    """The network alone is smaller, if it is averaged with others."""
    Path("stars.csv").write_text("".join(["text,label\n", *(f"word{i % 7} and {i % 3},{i % 3}\n" for i in range(60))]))
    options = ["quickstart", "--quiet", "--json", "--set", "train.epochs=1", *_FOLDED[name]]
    if name == "classes":
        options += ["--set", "data.labels=[0, 1, 2]"]
    estimated, done = sentibp("train", *options, "--dry-run").json, sentibp("train", *options).json
    saved = load_model(Path(done["model"]))
    assert estimated["parameters"] == saved.parameter_count == done["parameters"]
    assert 0 <= Path(done["model"]).stat().st_size - estimated["model_bytes"] < 2000
    assert (estimated["network_parameters"] == estimated["parameters"]) == (name == "batch norm")


@pytest.mark.parametrize(
    "options, steps, line",
    [
        ([], 2 * 5, "10 in each of 4 shards"),
        (["train.sync=sync"], 2 * 5, "10, each of a batch of each of 4 shards"),
        (["train.sync=sync", "train.shard_steps=2"], 2 * 3, "6, each of 2 batches of each of 4 shards"),
        (["train.epochs=1", "train.refit=true", "train.sync=sync"], 5 + 5, "10, each of a batch of each of 4 shards"),
    ],
)
def test_it_counts_the_steps_of_shards_as_a_training_does(sentibp, options, steps, line):
    settings = ["train.shards=4", "train.epochs=2", *options]
    given = ["quickstart", "--quiet", *(word for setting in settings for word in ("--set", setting))]
    estimated = sentibp("train", *given, "--dry-run", "--json").json
    assert (estimated["steps"], estimated["shards"]) == (steps, 4)
    assert line in sentibp("train", *given, "--dry-run").out
    sentibp("train", *given, "--out", "run")
    assert sentibp("runs", "watch", "run", "--json").json["step"] == steps


def test_it_counts_the_time_of_pretraining_and_of_the_linear_classifier(sentibp, monkeypatch):
    """Whatever the machine: the clock moves by a second at each look, so that each measurement is a second."""
    clock = itertools.count()
    monkeypatch.setattr(dry_run.time, "monotonic", lambda: float(next(clock)))
    settings = ["train.linear_member=true", "train.members=3", "train.seeds=2", "train.refit=true"]
    settings += ["pretrain.vectors=reviews", "pretrain.dim=4", "text.ngrams=2"]
    data = prepare(load_config("quickstart", settings))
    plain = prepare(load_config("quickstart", settings[1:4]))
    rounds = next(pretraining.learn_vectors(data.config, data.vocabulary, data.training, data.extra, 0))[0].rounds
    steps = [dict.fromkeys(dry_run.PARTS, 1e-9)]  # which take no time
    found = dry_run.estimate(data, steps)
    assert (found.pretraining_seconds, found.linear_seconds) == (rounds + 1, 1)  # and the classifier on the vectors
    without = dry_run.estimate(plain, steps)
    assert (without.pretraining_seconds, without.linear_seconds) == (0, 0)
    started, validated = 3 * (2 + 1), 3 * 2 * data.config.train.epochs
    assert without.seconds - plain.seconds == pytest.approx(started + validated, abs=1e-3)
    assert found.seconds - data.seconds == pytest.approx((2 + 1) * (rounds + 1 + 1) + started + validated, abs=1e-3)
    out = sentibp("train", "quickstart", "--dry-run", *(word for each in settings for word in ("--set", each))).out
    assert "\npretraining " in out and "\nlinear " in out


@pytest.mark.parametrize("pretrain", [["pretrain.vectors=words", "pretrain.dim=4"], ["pretrain.lexicon=vader"]])
def test_it_counts_the_sentences_that_networks_learn_from_a_classifier(sentibp, pretrain):
    texts = "".join(f'"word{i % 7} is a fine film{i % 3}. a dull one, word{i % 5}! good"\n' for i in range(300))
    Path("more.csv").write_text("text\n" + texts)
    settings = [*pretrain, "pretrain.source=more.csv", "model.embedding.dim=8"]
    settings += ["train.epochs=2", "train.refit=true", "train.members=2", "text.min_count=1"]
    given = ["quickstart", "--quiet", *(word for setting in settings for word in ("--set", setting))]
    estimated = sentibp("train", *given, "--dry-run", "--json").json
    assert estimated["pretraining_seconds"] > 0
    sentibp("train", *given, "--out", "run")
    records = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    steps = sum(each["event"] == "step" for each in records)
    refit = sum(each["steps"] for each in records if each["event"] == "refit_start")
    assert estimated["steps"] == steps + refit
    assert min(steps, refit) > 2 * 2 * 20  # of two networks with two epochs each on more than the 288 reviews
