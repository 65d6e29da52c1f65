"""`sentibp compress`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sentibp.model.file import load_model


def test_a_table_of_before_and_after(sentibp, trained):
    result = sentibp("compress", "--max-size", "8kB")
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines[:7]] == [
        "before",
        "size",
        "features",
        "accuracy",
        "log",
        "calibration",
        "probes",
    ]
    losses = [load_model(path).scores["log_loss"] for path in (trained / "model.safetensors", "compressed.safetensors")]
    assert lines[4].split()[2:] == [f"{loss:.4f}" for loss in losses]
    assert "McNemar" in result.out
    assert lines[-1].startswith("compressed.safetensors  ")
    assert Path("compressed.safetensors").stat().st_size <= 8_000


def test_every_command_reads_the_file(sentibp, trained, numbers):
    result = sentibp("compress", trained, "--max-size", "5 kB", "--output", "small", "--json").json
    assert result["output"] == "small/model.safetensors"
    assert (
        result["after"]["bytes"] == Path("small/model.safetensors").stat().st_size <= 5_000 < result["before"]["bytes"]
    )
    assert result["after"]["features"] < result["before"]["features"]
    assert set(result["paired"]) == set(sentibp("eval", trained, "--against", "small", "--json").json["paired"])
    scores = sentibp("eval", "small", "--json").json
    assert numbers(scores).items() <= numbers(result["after"]).items()
    assert sentibp("predict", "-m", "small", "I love this movie").jsonl[0]["label"] == "positive"
    probes = sentibp("eval", "--probes", "-m", "small", "--json").json
    assert result["after"]["probes"] == {"n": probes["n"], "passed": probes["passed"]}
    for command in (
        ["explain", "a dull film", "--flip"],
        ["words", "top"],
        ["words", "neighbors", "great"],
        ["trace", "not good", "--label", "negative"],
        ["gradcheck"],
    ):
        assert sentibp(*command, "-m", "small").out


def test_other_reviews(sentibp, trained):
    Path("mine.csv").write_text("comment,stars\nA wonderful film,5\nA dull mess,1\nboring,1\n")
    named = ["--set", "data.text_column=comment", "--label-column", "stars", "--set"]
    options = [*named, "data.labels={negative: [1], positive: [5]}"]
    result = sentibp("compress", trained, "--data", "mine.csv", *options, "--json").json
    assert result["after"]["n"] == 3
    assert "accuracy" not in json.dumps(sentibp("runs", "list", "--json").json)  # it is no run
    assert load_model("compressed.safetensors").scores == {}  # they are not those of the validation reviews


def test_a_refit_model_is_scored_before_the_refit(sentibp, here):
    sentibp("train", "quickstart", "--quiet", "--set", "train.refit=true", "--set", "train.epochs=2", "--out", "run")
    result = sentibp("compress", "run", "--json")
    assert "scored run/validated.safetensors, compressed likewise" in result.err
    assert result.json["before"]["accuracy"] == sentibp("eval", "run", "--json").json["accuracy"]


def test_notes_and_the_paired_test_call_the_models_before_and_after(sentibp, trained):
    result = sentibp("compress", trained, "--data", "sample", "--split", "train")
    assert "reviews are in the training data of the model before: " in result.err
    assert "only the model before got right" in result.out
    assert "only the one after; p = " in result.out
    assert "first" not in result.err + result.out


def test_the_same_bytes(sentibp, trained):
    for name in "a", "b":
        sentibp("compress", "--max-size", "9kB", "--output", f"{name}.safetensors")
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()


def test_a_model_file_alone(sentibp, trained, here):
    shutil.copy(trained / "model.safetensors", "alone.safetensors")
    assert sentibp("compress", "-m", "alone.safetensors", "--json").json["paired"] is not None
    Path("reviews.csv").write_text("text,label\n" + "a good film,1\na bad film,0\n" * 30)
    sentibp("train", "quickstart", "--quiet", "--set", "data.source=reviews.csv", "--out", "mine")
    shutil.copy("mine/model.safetensors", "gone.safetensors")
    Path("reviews.csv").unlink()
    result = sentibp("compress", "gone.safetensors", "--force")
    assert result.err.startswith("no accuracy and no log loss: the validation data of the training: ")
    assert "probes" in result.out
    assert "accuracy" not in result.out


def test_a_size_that_is_none(fails):
    assert "not a size; write, for example, --max-size 1MB" in fails(2, "compress", "--max-size=one")


def test_too_small(fails, trained):
    assert fails(2, "compress", "--max-size", "1kB").startswith("--max-size: the smallest file of this model has")
    assert not Path("compressed.safetensors").exists()


def test_a_folder_that_cannot_be_made(fails, trained):
    Path("taken").write_text("mine")
    line = fails(3, "compress", "--max-size", "8kB", "--output", "taken/small")
    assert line == "--output taken/small: cannot be made: Not a directory; choose another folder"


def test_mistakes(fails, sentibp, trained, quickstart):
    assert fails(2, "compress", "a", "-m", "b") == "a and -m b: two models; leave one out"
    assert fails(2, "compress", "nosuch").startswith("nosuch: no such run or model")
    assert "not a model file; let the name end in .safetensors" in fails(2, "compress", "--output", "small.csv")
    assert "a model is a file" in fails(2, "compress", "--output", "-")
    assert "is the model" in fails(2, "compress", "--output", quickstart / "model.safetensors")
    line = fails(2, "compress", "--output", quickstart)
    assert line.startswith(f"--output {quickstart}: is a run directory, whose model would be replaced")
    assert fails(3, "compress", "--data", "nosuch.csv").startswith("nosuch.csv: ")
    assert "--output no/such/folder.safetensors" in fails(3, "compress", "--output", "no/such/folder.safetensors")
    Path("taken").write_text("")
    assert "taken" in fails(3, "compress", "--output", "taken/small")


def test_a_pretraining_has_no_classifier(fails, sentibp, here):
    Path("texts.csv").write_text("text\n" + "a good film\na bad film\nnot a film\n" * 20)
    sentibp("pretrain", "quickstart", "--set", "pretrain.vectors=words", "--set", "pretrain.source=texts.csv",
            "--set", "pretrain.min_count=1", "--set", "pretrain.dim=4", "--out", "vectors", "--quiet")  # fmt: skip
    assert "a pretraining: it has vectors, and no classifier" in fails(2, "compress", "vectors")
