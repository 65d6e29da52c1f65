"""`sentibp pretrain`: alone, before a training, killed and resumed, and commands that read its vectors."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

CONFIG = """
data: {source: sample}
text: {ngrams: 2, min_count: 2}
pretrain: {vectors: KIND, dim: 8, source: sample, split: test}
model: {embedding: {dim: 12}, hidden: [4]}
train: {epochs: 2, batch_size: 32, checkpoint: {every_steps: 1}, refit: false}
"""
RESULTS = ("vectors.safetensors", "metrics.jsonl", "config.yaml")


@pytest.fixture(autouse=True)
def _configs(here: Path):
    for kind in "words", "reviews":
        Path(f"{kind}.yaml").write_text(CONFIG.replace("KIND", kind))


def contents(run: str) -> dict[str, bytes]:
    return {name: (Path(run) / name).read_bytes() for name in RESULTS}


@pytest.mark.parametrize("kind", ["words", "reviews"])
def test_pretrained_once_trained_twice(sentibp, kind):
    output = sentibp("pretrain", f"{kind}.yaml", "--out", "kept")
    lines = output.err.splitlines()
    assert lines[0].startswith("kept: seed 0; ")
    assert [line.split(":")[0] for line in lines[-4:]] == [f"round {i}/20" for i in (5, 10, 15, 20)]
    assert "vectors     kept/vectors.safetensors (" in output.out
    assert all(len(line) < 80 for line in output.out.splitlines())
    whole = sentibp("train", f"{kind}.yaml", "--json")
    assert [line for line in whole.err.splitlines() if line.startswith("round")] == lines[-4:]
    for name in "kept", "kept/vectors.safetensors":
        part = sentibp("train", f"{kind}.yaml", "--set", f"pretrain.vectors_from={name}", "--json").json
        assert part["digest"] == whole.json["digest"]
    kept = Path("kept/vectors.safetensors").resolve()
    assert f"vectors_from: {kept}" in (Path(part["run"]) / "config.yaml").read_text()


def test_as_json_and_quiet(sentibp):
    output = sentibp("pretrain", "words.yaml", "--json", "--quiet", "--seed", 3)
    assert output.err == ""
    run = Path(output.json["run"])
    assert output.json["outcome"] == "finished"
    assert Path(output.json["vectors"]) == run / "vectors.safetensors"
    assert 0 < output.json["explained_variance"] < 1
    facts = json.loads((run / "run.json").read_text())
    assert facts["kind"] == "pretraining"
    assert facts["seed"] == 3
    assert facts["digest"] == output.json["digest"]
    (listed,) = sentibp("runs", "list", "--json").json
    assert (listed["kind"], listed["outcome"], listed["accuracy"]) == ("pretraining", "finished", None)
    (state,) = sentibp("runs", "watch", "--json").jsonl
    assert (state["outcome"], state["round"], state["progress"]) == ("finished", 20, 1.0)
    assert "round 20/20, 100%, finished" in sentibp("runs", "watch").out


@pytest.mark.parametrize("kind", ["words", "reviews"])
def test_words_commands_read_pretrained_vectors(sentibp, fails, kind):
    sentibp("pretrain", f"{kind}.yaml", "--quiet")
    neighbors = sentibp("words", "neighbors", "Good", "--count", 3, "--json").json
    assert len(neighbors) == 3
    assert neighbors[0]["cosine"] >= neighbors[1]["cosine"] > -1
    assert (
        sentibp("words", "neighbors", "good", "-m", next(Path("runs").glob("*/vec*")), "--count", 3, "--json").json
        == neighbors
    )
    assert len(sentibp("words", "analogy", "good", "bad", "film", "--json").json) == 10
    assert "no word or n-gram of the model" in fails(2, "words", "neighbors", "xyzzy")


COMMANDS = [
    ["predict", "good"],
    ["eval"],
    ["explain", "good"],
    ["words", "top"],
    ["blame", "good"],
    ["trace", "good", "--label", "positive"],
    ["train", "quickstart", "--set", "model.init_from=last"],
]


def test_commands_that_need_a_classifier_explain_the_repair(sentibp, fails):
    sentibp("pretrain", "words.yaml", "--quiet", "--out", "kept")
    for command in COMMANDS:
        output = fails(2, *command)
        assert "\n" not in output
        assert "kept: a pretraining: it has vectors, and no classifier; train one with" in output, command
    for command in ["report", "kept"], ["runs", "flow", "kept"], ["reproduce", "kept"]:
        assert fails(2, *command).startswith("kept: a pretraining")
    sentibp("train", "words.yaml", "--set", "pretrain.vectors_from=last", "--quiet")
    assert len(sentibp("predict", "good").jsonl) == 1
    assert "has no vectors.safetensors" in fails(2, "train", "words.yaml", "--set", "pretrain.vectors_from=last")


KILL = """
import os, signal, sys
from sentibp.training import checkpoint
number, after = int(sys.argv.pop(1)), int(sys.argv.pop(1))
round_ended = checkpoint.CheckpointWriter.round_ended
def then_killed(self, round, *rest):
    if round == after:  # before it is written: the most that can be lost
        signal.raise_signal(number)
    round_ended(self, round, *rest)
checkpoint.CheckpointWriter.round_ended = then_killed
import runpy
runpy.run_module("sentibp", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("kind", ["words", "reviews"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_pretraining_stopped_in_the_third_round_resumes_after_the_second(start, sentibp, fails, number, kind):
    done = start(str(int(number)), "3", "pretrain", f"{kind}.yaml", "--out", "run", program=KILL)
    out, err = (stream.decode() for stream in done.communicate())
    assert "Traceback" not in err
    if number == signal.SIGKILL:
        assert done.returncode == -9
    else:
        assert done.returncode == 130
        assert err.splitlines()[-1] == "interrupted: the rounds so far are kept"
        assert out == "resume      sentibp pretrain --resume run\n"
        assert "finished `sentibp pretrain`" in fails(2, "train", f"{kind}.yaml", "--set", "pretrain.vectors_from=run")
    assert (
        fails(2, "train", "--resume", "last") == "run: is a pretraining; resume it with `sentibp pretrain --resume run`"
    )
    output = sentibp("pretrain", "--resume", "last")
    last = 2 if number == signal.SIGKILL else 3  # Ctrl-C writes a checkpoint
    assert f"\nresumes after round {last}\nround 5/20" in output.err
    assert output.err.count("\nround ") == 4
    sentibp("pretrain", f"{kind}.yaml", "--out", "whole", "--quiet")
    assert contents("run") == contents("whole")
    assert sentibp("pretrain", "--resume", "run").err == "run: finished already\n"


def test_a_pretraining_interrupted_in_the_first_round_resumes(start, sentibp):
    done = start(str(int(signal.SIGINT)), "1", "pretrain", "words.yaml", "--out", "run", "--json", program=KILL)
    out, err = done.communicate()
    assert done.returncode == 130
    assert err.decode().splitlines()[-1] == "interrupted: the rounds so far are kept"
    output = json.loads(out)
    assert (output["outcome"], output["vectors"], output["digest"]) == ("interrupted", None, None)
    assert "resumes after round 1" in sentibp("pretrain", "--resume", "run").err


def test_mistakes(fails, sentibp):
    assert fails(2, "pretrain", "quickstart") == (
        "quickstart.yaml: pretrain.vectors: none: no vectors to learn; choose words (short texts) or reviews"
    )
    Path("none.yaml").write_text("pretrain:\n  vectors: none\n")
    assert fails(2, "pretrain", "none.yaml").startswith("none.yaml:2: pretrain.vectors: none: no vectors to learn")
    sentibp("pretrain", "words.yaml", "--quiet", "--out", "run")
    output = fails(2, "pretrain", "words.yaml", "--set", "pretrain.vectors_from=run")
    assert output == "words.yaml: pretrain.vectors_from: these vectors are learned already; remove it to learn others"
    assert "--set pretrain.vectors=words or --set pretrain.vectors=reviews" in fails(
        2, "train", "quickstart", "--set", "pretrain.vectors_from=run"
    )
    assert "never overwritten" in fails(2, "pretrain", "words.yaml", "--out", "run")
    assert "leave out --out" in fails(2, "pretrain", "--resume", "run", "--out", "other")
    assert "Missing argument 'CONFIG'" in fails(2, "pretrain")
    sentibp("train", "quickstart", "--quiet", "--out", "trained")
    assert fails(2, "pretrain", "--resume", "trained").startswith(
        "trained: is a training; resume it with `sentibp train"
    )
    assert (
        fails(2, "pretrain", "words.yaml", "--resume", "run", "--seed", 4).splitlines()[1] == "train.seed: was 0, is 4"
    )
