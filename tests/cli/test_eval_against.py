"""`sentibp eval A --against B`: two models on the same reviews, and a paired test."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sentibp.metrics import mcnemar
from sentibp.utils import resources


@pytest.fixture
def other(sentibp, trained) -> str:
    """A second model with the same validation data."""
    return sentibp("train", "quickstart", "--json", "--quiet", "--set", "model.hidden=[]").json["run"]


def test_the_model_is_an_argument_or_an_option(sentibp, fails, trained):
    expected = sentibp("eval", "--json")
    for args in ([trained], ["-m", trained], ["last"], [trained / "model.safetensors"]):
        assert sentibp("eval", *args, "--json") == expected
    line = fails(2, "eval", trained, "-m", "last")
    assert line == f"{trained} and -m last: two models; leave one out, or compare them with --against"


def test_the_json_output_has_both_scores_and_the_test(sentibp, trained, other):
    output = sentibp("eval", trained, "--against", other, "--json")
    assert output.err == ""
    against, paired = output.json.pop("against"), output.json.pop("paired")
    assert {**output.json, "against": None, "paired": None} == {
        **sentibp("eval", trained, "--json").json,
        "against": None,
        "paired": None,
    }
    assert against == sentibp("eval", other, "--json").json
    assert paired["difference"] == pytest.approx(output.json["accuracy"] - against["accuracy"])
    assert 0 <= paired["p_value"] <= 1


def test_the_test_is_mcnemar_of_the_predictions(sentibp, trained):
    """Compare on the training reviews of one model. The other was trained very shortly."""
    settings = ("model.embedding.init=normal", "train.epochs=1", "train.optimizer.learning_rate=1e-6")
    args = ("train", "quickstart", "--json", "--quiet", *(part for each in settings for part in ("--set", each)))
    other = sentibp(*args).json["run"]
    reviews = resources.resource_folder("data") / "train.csv"
    with open(reviews, encoding="utf-8", newline="") as file:
        label = [row["label"] == "positive" for row in csv.DictReader(file)]
    predictions = [
        [each["positive"] for each in sentibp("predict", "-m", model, "--input", reviews).jsonl]
        for model in (trained, other)
    ]
    output = sentibp("eval", trained, "--against", other, "--data", reviews, "--json").json
    assert output["n"] == output["against"]["n"] == len(label)
    assert output["paired"] == mcnemar(label, *predictions)
    assert output["paired"]["a_only"] > output["paired"]["b_only"]


def test_it_agrees_with_runs_compare(sentibp, trained, other):
    expected = sentibp("runs", "compare", trained, other, "--json").json["paired"]
    assert sentibp("eval", trained, "--against", other, "--json").json["paired"] == expected
    verdict = sentibp("runs", "compare", trained, other).out.splitlines()[-1]
    assert sentibp("eval", trained, "--against", other).out.splitlines()[-1] == verdict


def test_a_model_against_itself(sentibp, trained):
    out = sentibp("eval", "--against", "last").out
    assert out.splitlines()[0].split() == ["score", "last", "last"]
    assert "0 reviews only the first got right, 0 only the second; p = 1 " in out
    assert out.endswith("no clear difference\n")


def test_a_check_applies_to_the_first_model(sentibp, trained, other):
    accuracy = sentibp("eval", trained, "--json").json["accuracy"]
    args = ("eval", trained, "--against", other, "--fail-under")
    sentibp(*args, f"accuracy={accuracy}")
    assert "not met" in sentibp(*args, f"accuracy={accuracy + 0.001}", code=1).err


def test_a_model_that_was_trained_on_these_reviews_is_reported(sentibp, trained):
    run = sentibp("train", "quickstart", "--json", "--quiet", "--set", "data.validation=0").json["run"]
    about = "32 of 32 reviews are in the training data of the {} model: expect lower scores on new reviews\n"
    assert sentibp("eval", trained, "--against", run).err == about.format("second")
    assert sentibp("eval", run, "--against", trained, "--data", "sample").err == "", "not trained on the test split"
    result = sentibp("eval", trained, "--against", run, "--data", "sample", "--split", "train", "--json").json
    assert (result["in_training"], result["against"]["in_training"]) == (288, 320)


def test_training_reviews_are_known_by_their_text(sentibp):
    """Whatever the file is called, and whether it is still there."""
    for name in ("one.csv", "same.csv"):
        Path(name).write_text("text,label\n" + "good,1\nbad,0\n" * 10)
    args = ("train", "quickstart", "--json", "--quiet", "--set", "data.validation=0.4")
    run = sentibp(*args, "--set", "data.source=one.csv").json["run"]
    assert sentibp("eval", run, "--against", run, "--data", "same.csv").err.startswith("20 of 20 reviews")
    Path("one.csv").unlink()
    assert sentibp("eval", run, "--against", run, "--data", "same.csv").err.startswith("20 of 20 reviews")


def test_an_unknown_model(fails, trained):
    assert fails(2, "eval", "--against", "nosuch").startswith("nosuch: no such run or model")
