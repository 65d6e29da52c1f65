"""`-m builtin`, and every command on a machine on which nothing was trained."""

from __future__ import annotations

from pathlib import Path

import pytest

LINE = "no trained model here: using the built-in model, -m builtin\n"


@pytest.fixture
def reviews(here: Path) -> str:
    (here / "reviews.csv").write_text("text,label\nA wonderful film,positive\nA dull mess,negative\n")
    return "reviews.csv"


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "I love this movie"],
        ["predict", "--explain", "not worth the ticket"],
        ["predict", "--input", "reviews.csv"],
        ["explain", "a briliant film", "--json"],
        ["explain", "a dull film", "--flip"],
        ["words", "top", "--count", "3"],
        ["words", "neighbors", "great", "--count", "3"],
        ["words", "analogy", "good", "bad", "great", "--count", "3"],
        ["trace", "not good", "--label", "negative"],
        ["eval", "--data", "reviews.csv"],
        ["eval", "--probes"],
    ],
    ids=" ".join,
)
def test_without_a_run_the_built_in_model_answers(command, sentibp, reviews):
    result = sentibp(*command)
    assert result.out
    assert result.err.startswith(LINE)
    named = sentibp(*command, "-m", "builtin")
    assert named.out == result.out
    assert LINE not in named.err


def test_its_answers(sentibp):
    positive = [each["positive"] for each in sentibp("predict", "I love this movie", "not worth the ticket").jsonl]
    assert positive[0] > 0.9
    assert positive[1] < 0.1


def test_two_models(sentibp, reviews, trained):
    result = sentibp("eval", trained, "--against", "builtin", "--data", reviews)
    assert "builtin" in result.out
    assert sentibp("eval", "builtin", "--against", "last", "--data", reviews).out.startswith("score")


def test_a_training_that_starts_from_it(sentibp, fails):
    line = fails(2, "train", "quickstart", "--set", "model.init_from=builtin", "--quiet")
    assert line.startswith("model.init_from: embedding.weight has (")
    settings = line.partition(" shape with ")[2].split()
    same = ["--set", "model.embedding.pooling=sqrt", "--set", "model.embedding.padding=0", "--set", "text.ngrams=3"]
    sentibp("train", "quickstart", "--set", "model.init_from=builtin", *settings, *same, "--quiet", "--out", "run")
    assert sentibp("predict", "-m", "run", "a wonderful film").jsonl[0]["label"] == "positive"


def test_a_gradient_check(sentibp, reviews):
    result = sentibp("gradcheck", "-m", "builtin", "--data", reviews, "--json").json
    assert all(each["verdict"] != "wrong" for each in result["tensors"])


def test_a_report_leaves_out_the_training(sentibp, reviews):
    result = sentibp("report", "builtin", "--data", reviews)
    assert "a report on builtin" in result.out
    assert "the built-in model has no run directory" in result.err


def test_it_has_no_validation_reviews(fails, sentibp):
    line = "the built-in model has no validation reviews of its own; name a file or data set with --data"
    assert fails(3, "eval", "-m", "builtin") == line
    assert fails(3, "eval") == LINE + line
    result = sentibp("compress", "builtin", "--max-size", "60kB")
    assert result.err == f"no accuracy and no log loss: {line}\n"
    assert sentibp("predict", "-m", "compressed.safetensors", "a great film").jsonl[0]["label"] == "positive"


@pytest.mark.parametrize(
    "command",
    [
        ["reproduce", "builtin"],
        ["runs", "flow", "builtin"],
        ["runs", "watch", "builtin"],
        ["runs", "compare", "builtin", "builtin"],
        ["blame", "-m", "builtin", "good"],
        ["train", "--resume", "builtin"],
        ["pretrain", "--resume", "builtin"],
        ["audit", "builtin"],
    ],
    ids=" ".join,
)
def test_what_needs_a_run_directory_says_that_it_has_none(command, fails):
    line = "builtin: the built-in model has no run directory; name a run of a training of your own"
    assert fails(2, *command) == line


@pytest.mark.parametrize(
    "command", [["blame", "good"], ["report"], ["reproduce", "last"], ["predict", "-m", "last", "x"]]
)
def test_other_commands_ask_for_a_run(command, fails):
    assert fails(2, *command).startswith("no finished run here (there is no runs/last)")


def test_the_built_in_model_is_no_output(fails):
    from sentibp.runs.find import builtin_file

    file = builtin_file()
    before = file.read_bytes()
    assert "is the model" in fails(2, "compress", "-m", "builtin", "--output", file)
    assert file.read_bytes() == before
