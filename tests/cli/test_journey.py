"""The first commands of a new user: train, eval, predict. Output streams, seeds and reproducibility."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml


def test_train_then_eval_then_predict_without_naming_a_model(process):
    trained = process("train", "quickstart")
    assert "accuracy" in trained.out
    assert "epoch 8/8" in trained.err

    scores = process("eval")
    assert "accuracy" in scores.out
    assert scores.err == ""

    output = process("predict", "A wonderful, touching film", "Dull, and far too long")
    assert [each["label"] for each in output.jsonl] == ["positive", "negative"]
    assert output.err == ""


@pytest.mark.parametrize(("arguments", "code"), [(["predict", "-i", "-"], 0), (["predict", "-m", "nosuch", "good"], 2)])
def test_a_process_of_these_tests_is_as_one_that_has_loaded_nothing(process, environment, trained, arguments, code):
    """Most are forked from one that has loaded the program (tests/loaded.py)."""
    forked = process(*arguments, stdin="schön 🎬\n".encode(), code=code)
    command = [sys.executable, "-W", "error", "-m", "sentibp", *arguments]
    started = subprocess.run(command, input="schön 🎬\n".encode(), capture_output=True, env=environment)
    assert (started.returncode, started.stdout.decode(), started.stderr.decode()) == forked


def test_the_last_line_of_train_names_the_next_command_and_it_works(sentibp):
    next_line = sentibp("train", "quickstart", "--quiet").out.splitlines()[-1]
    assert next_line.split(maxsplit=1) == ["next", 'sentibp predict "I love this movie"']
    assert len(sentibp("predict", "I love this movie").jsonl) == 1


def test_train_as_json_ends_with_one_object(sentibp):
    result = sentibp("train", "quickstart", "--json")
    output = json.loads(result.out.splitlines()[-1])
    assert output["run"] and Path(output["run"]).is_dir()
    assert Path(output["model"]) == Path(output["run"], "model.safetensors")
    assert output["digest"] == hashlib.sha256(Path(output["model"]).read_bytes()).hexdigest()
    assert output["seconds"] > 0
    assert output["outcome"] == "finished"
    assert output["scored_on"] == "validation"
    low, high = output["scores"]["accuracy_interval"]
    assert low <= output["scores"]["accuracy"] <= high
    assert len(result.out.splitlines()) == 1, "everything except the object goes to stderr"
    assert "epoch 1/8" in result.err


def test_the_scores_of_train_are_those_of_eval_and_of_run_json(sentibp, numbers):
    trained = sentibp("train", "quickstart", "--json").json
    evaluated = sentibp("eval", "--json").json
    recorded = json.loads(Path(trained["run"], "run.json").read_text())
    assert recorded["scores"] == trained["scores"]
    expected = numbers(trained["scores"])
    assert {name: evaluated[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_quiet_training_writes_nothing_to_stderr(sentibp):
    quick = ("text.ngrams=1", "text.affixes=false", "text.shifters=false", "train.refit=false", "train.epochs=1")
    result = sentibp("train", "rotten_tomatoes", "--quiet", *(f"--set={each}" for each in quick))
    assert result.err == ""
    assert result.out.startswith("validation ")


def test_a_training_on_few_reviews_says_what_its_model_is_good_for(sentibp, here):
    done = sentibp("train", "quickstart")
    low, high = sentibp("eval", "--json").json["accuracy_interval"]
    assert done.err.splitlines()[-1] == (
        "a demo: trained on 288 short reviews that come with sentibp, its accuracy on such reviews lies between "
        f"{low:.2f} and {high:.2f} (95 % interval); for real use, run `sentibp train imdb`, or give your own file with "
        "--set data.source=FILE"
    )
    rows = [f"a {word} film {number},{label}" for number in range(20) for word, label in (("good", 1), ("bad", 0))]
    (here / "few.csv").write_text("text,label\n" + "\n".join(rows))
    own = ("train", "quickstart", "--set", "data.source=few.csv", "--set")  # as the line says
    line = sentibp(*own, "data.validation=0.2").err.splitlines()[-1]
    assert line.startswith("trained on only 32 reviews, its accuracy on such reviews lies between 0.")
    assert "its accuracy on new reviews is not known" in sentibp(*own, "data.validation=0").err.splitlines()[-1]
    assert "a demo" not in sentibp("train", "quickstart", "--json").err


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(sentibp):
    digests = [sentibp("train", "quickstart", "--json", "--quiet", "--seed", seed).json["digest"] for seed in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]


def test_the_same_seed_gives_the_same_bytes_in_another_process_and_directory(process, trained):
    output = process("train", "quickstart", "--json", "--quiet", "--out", "deep/er", env={"PYTHONHASHSEED": "7"})
    assert output.json["digest"] == hashlib.sha256((trained / "model.safetensors").read_bytes()).hexdigest()
    assert output.err == ""


def test_seed_is_short_for_a_setting(sentibp):
    by_option = sentibp("train", "quickstart", "--json", "--quiet", "--seed", 3).json
    by_setting = sentibp("train", "quickstart", "--json", "--quiet", "--set", "train.seed=3").json
    assert by_option["digest"] == by_setting["digest"]
    assert yaml.safe_load(Path(by_option["run"], "config.yaml").read_text())["train"]["seed"] == 3


def test_out_names_the_run_directory(sentibp, here):
    sentibp("train", "quickstart", "--quiet", "--out", "mine/first")
    assert {each.name for each in Path("mine/first").iterdir()} >= {
        "config.yaml",
        "metrics.jsonl",
        "model.safetensors",
        "run.json",
    }
    assert sentibp("predict", "good").jsonl == sentibp("predict", "good", "-m", "mine/first").jsonl
    model_file = here / "mine" / "first" / "model.safetensors"
    assert sentibp("predict", "good").jsonl == sentibp("predict", "good", "-m", model_file).jsonl


def test_out_can_be_an_empty_directory_and_is_never_overwritten(sentibp, fails, here):
    Path("mine").mkdir()
    sentibp("train", "quickstart", "--quiet", "--out", "mine")
    before = Path("mine/model.safetensors").read_bytes()
    assert fails(2, "train", "quickstart", "--seed", 9, "--out", "mine").startswith("--out mine: ")
    assert Path("mine/model.safetensors").read_bytes() == before


def test_a_run_whose_name_exists_gets_another_name(sentibp):
    runs = {sentibp("train", "quickstart", "--json", "--quiet").json["run"] for _ in range(3)}
    assert len(runs) == 3


def test_training_the_config_of_a_run_repeats_the_run(sentibp):
    first = sentibp("train", "quickstart", "--json", "--quiet", "--set", "model.hidden=[32,16]", "--seed", 2).json
    second = sentibp("train", Path(first["run"], "config.yaml"), "--json", "--quiet").json
    assert second["digest"] == first["digest"]


def test_hidden_layers_from_the_command_line(sentibp):
    small, large = (
        sentibp("train", "quickstart", "--set", f"model.hidden={hidden}").err for hidden in ("[]", "[32,16]")
    )
    assert "6,641 parameters" in small  # 414 rows of 16 numbers, and an output unit of 16 weights and a bias
    assert "7,713 parameters" in large  # + 16 * 32 + 32 + 32 * 16 + 16, and one weight less per missing input


def test_several_seeds_report_their_statistics(sentibp):
    output = sentibp("train", "quickstart", "--json", "--quiet", "--set", "train.seeds=3").json
    for name, spread in output["seeds"].items():
        assert spread["min"] <= spread["mean"] <= spread["max"], name
        assert spread["standard_deviation"] >= 0
    assert output["scores"]["accuracy"] == output["seeds"]["accuracy"]["max"], "the best model is kept"
    assert "seeds" in sentibp("train", "quickstart", "--quiet", "--set", "train.seeds=2").out


def test_a_config_and_its_data_are_found_from_another_directory(sentibp, here, monkeypatch):
    """Paths in a config are relative to its folder. `eval` finds the data from another directory."""
    (here / "project" / "data").mkdir(parents=True)
    (here / "elsewhere").mkdir()
    rows = "".join(f"{word} film {i},{label}\n" for i in range(20) for word, label in (("good", 1), ("bad", 0)))
    (here / "project" / "data" / "mine.csv").write_text("text,label\n" + rows)
    (here / "project" / "mine.yaml").write_text("data:\n  source: data/mine.csv\n")
    monkeypatch.chdir(here / "elsewhere")
    sentibp("train", "../project/mine.yaml", "--quiet")
    assert sentibp("eval", "--json").json["n"] == 4
    assert len(sentibp("predict", "a good film").jsonl) == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"data:\r\n  source: sample\r\ntrain:\r\n  epochs: 1\r\n", id="Windows line endings"),
        pytest.param(b"\xef\xbb\xbfdata:\n  source: sample\ntrain:\n  epochs: 1\n", id="byte order mark"),
        pytest.param(b"\xef\xbb\xbfdata:\r\n  source: sample\r\ntrain:\r\n  epochs: 1", id="both, no end of line"),
    ],
)
def test_a_config_written_on_windows(sentibp, here, content):
    Path("mine.yaml").write_bytes(content)
    assert "epoch 1/1" in sentibp("train", "mine.yaml", "--set", "pretrain.vectors=none").err
    assert sentibp("config", "show", "mine.yaml", "--json").json["train.epochs"]["from"] == "mine.yaml:4"


def test_xor_needs_the_hidden_layer(sentibp):
    """With a hidden layer all four predictions are correct, without it at most three."""
    assert sentibp("train", "xor", "--json", "--quiet").json["scores"]["accuracy"] == 1
    linear = sentibp("train", "xor", "--json", "--quiet", "--set", "model.hidden=[]").json
    assert linear["scores"]["accuracy"] <= 0.75
    assert linear["scored_on"] == "training"
