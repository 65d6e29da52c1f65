"""Trainings that stop early: --break, divergence and --find-lr."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

QUICK = ["train", "quickstart", "--quiet"]


def test_a_break_condition_reports_the_step_and_writes_a_postmortem(sentibp):
    done = sentibp(*QUICK, "--break", "epoch >= 2", "--out", "run", "--json", code=1)
    output = done.json
    assert (output["outcome"], output["step"], output["epoch"]) == ("stopped", 19, 2)
    assert output["run"] == "run"
    assert output["model"] == "run/model.safetensors"
    assert done.err.splitlines()[0] == "stopped at step 19 (epoch 2), as epoch >= 2: epoch is 2"
    (review, *_) = [json.loads(line) for line in Path("run/postmortem/batch.jsonl").read_text().splitlines()]
    weights = "run/postmortem/weights.safetensors"
    before = sentibp("trace", review["text"], "-m", weights, "--label", review["label"], "--format", "json").json
    assert before["before"]["logit"] == pytest.approx(review["logit"], abs=1e-5)
    assert len(sentibp("predict", "-m", "run", "good").jsonl) == 1
    assert sentibp("runs", "list", "--json").json == [], "it is not in runs/"
    assert sentibp("runs", "flow", "run").code == 0


def test_a_break_condition_that_is_not_met(sentibp):
    assert sentibp(*QUICK, "--break", "grad_norm > 1e9", "--json").json["outcome"] == "finished"


def test_an_invalid_break_condition(fails):
    assert fails(2, *QUICK, "--break", "grad_norm").startswith("--break 'grad_norm': not a condition; write NAME OP")
    assert os.listdir() == []


@pytest.mark.parametrize("others", [["--dry-run", "--find-lr"], ["--find-lr", "--break", "step > 1"]])
def test_train_options_that_exclude_each_other(fails, others):
    assert "choose one of them" in fails(2, *QUICK, *others)


def test_divergence_as_json(sentibp):
    done = sentibp(*QUICK, "--set", "train.optimizer={name: sgd, learning_rate: 1e30}", "--json", code=4)
    assert done.json["outcome"] == "diverged"
    assert done.json["model"] is None
    assert done.json["loss"] is None
    assert done.json["error"] == done.err.splitlines()[0]


def test_find_lr_suggests_a_learning_rate_and_leaves_no_files(sentibp):
    done = sentibp(*QUICK, "--find-lr")
    assert done.err == ""
    lines = done.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert {"set", "suggested", "least"} <= {word.strip(",") for line in lines for word in line.split()}
    (suggestion,) = [line for line in lines if line.startswith("suggestion")]
    output = sentibp(*QUICK, "--find-lr", "--json").json
    assert suggestion.endswith(f"--set train.optimizer.learning_rate={output['suggestion']:g}")
    assert output["curve"][0].keys() == {"learning_rate", "loss", "smooth"}
    assert os.listdir() == []
    assert sentibp(*QUICK, *suggestion.split()[1:], "--json").json["scores"]["accuracy"] > 0.5


def test_find_lr_of_a_network_that_does_not_learn(sentibp):
    out = sentibp(*QUICK, "--find-lr", "--set", "train.freeze=[embedding,hidden.0,output]").out
    assert "inconclusive: the loss fell too little" in out
    assert (
        sentibp(*QUICK, "--find-lr", "--set", "train.freeze=[embedding,hidden.0,output]", "--json").json["suggestion"]
        is None
    )
