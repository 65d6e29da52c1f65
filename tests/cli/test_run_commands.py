"""`sentibp runs list | compare | flow | watch`."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest


def train(sentibp, *args: object) -> str:
    """Train quickstart shortly, and return the run directory."""
    return sentibp("train", "quickstart", "--json", "--quiet", "--set", "train.epochs=2", *args).json["run"]


# list


def test_list_before_the_first_run(sentibp):
    assert sentibp("runs", "list", "--json").json == []
    assert len(sentibp("runs", "list").out.splitlines()) <= 1


def test_list_shows_how_each_run_ended(sentibp):
    finished = train(sentibp)
    sentibp("train", "quickstart", "--quiet", "--set", "train.optimizer={name: sgd, learning_rate: 1e30}", code=4)
    output = {each["run"]: each for each in sentibp("runs", "list", "--json").json}
    assert output[finished]["outcome"] == "finished"
    assert 0 <= output[finished]["accuracy"] <= 1
    (other,) = output.keys() - {finished}
    assert output[other]["outcome"] == "diverged"
    assert output[other]["accuracy"] is None
    assert len(sentibp("runs", "list").out.splitlines()) == 3


def test_list_is_sorted_by_time(sentibp):
    """The names of two runs of the same minute do not have their order, but their records do."""
    early, late = sorted((train(sentibp, "--seed", 1), train(sentibp, "--seed", 2)), reverse=True)
    for run, start in ((early, "2020-01-01T00:00:01+00:00"), (late, "2020-01-01T00:00:02+00:00")):
        record = Path(run, "run.json")
        record.write_text(json.dumps(json.loads(record.read_text()) | {"start": start}))
    assert [each["run"] for each in sentibp("runs", "list", "--json").json] == [early, late]


# compare


def test_two_seeds_on_the_same_data_get_a_paired_test(sentibp):
    a, b = train(sentibp), train(sentibp, "--seed", 1)
    output = sentibp("runs", "compare", a, b, "--json").json
    assert output["settings"] == {"train.seed": [0, 1]}
    assert output["scores"]["accuracy"][0] == json.loads(Path(a, "run.json").read_text())["scores"]["accuracy"]
    assert 0 <= output["paired"]["p_value"] <= 1
    accuracy_a, accuracy_b = output["scores"]["accuracy"]
    assert output["paired"]["difference"] == pytest.approx(accuracy_a - accuracy_b)
    out = sentibp("runs", "compare", a, b).out
    assert "train.seed" in out
    assert "paired test: " in out


def test_comparing_a_run_with_itself(sentibp):
    run = train(sentibp)
    output = sentibp("runs", "compare", run, "last", "--json").json
    assert output["settings"] == {}
    assert output["paired"]["p_value"] == 1
    assert "no clear difference" in sentibp("runs", "compare", run, "last").out


def test_runs_on_different_data_get_no_paired_test(sentibp):
    a, b = train(sentibp), train(sentibp, "--set", "data.validation=0.2")
    assert sentibp("runs", "compare", a, b, "--json").json["paired"] is None
    out = sentibp("runs", "compare", a, b).out
    assert "different reviews" in out
    assert "--data FILE" in out


def test_comparing_training_scores_with_validation_scores_gives_a_note(sentibp):
    a, b = train(sentibp), train(sentibp, "--set", "data.validation=0")
    assert "training data" in sentibp("runs", "compare", a, b).out


def test_a_run_is_also_found_by_its_name_in_runs(sentibp):
    run = train(sentibp)
    assert sentibp("runs", "compare", Path(run).name, run, "--json").json["settings"] == {}


def test_comparing_an_unknown_run(sentibp, fails):
    run = train(sentibp)
    assert fails(2, "runs", "compare", run, "nosuch") == "nosuch: no such run or model; see `sentibp runs list`"
    assert "run directory" in fails(3, "runs", "compare", run, ".")
    assert "run directory" in fails(3, "runs", "compare", run, Path(run, "model.safetensors"))
    Path(run, "run.json").write_text("{")
    assert "damaged" in fails(3, "runs", "compare", run, run)


# flow


def test_flow_shows_each_layer_of_the_last_run(sentibp, trained):
    lines = sentibp("runs", "flow").out.splitlines()
    assert lines[0] == f"{trained}: seed 0, epoch 8"
    assert lines[2].split() == ["layer", "gradient", "update", "weights", "update/weights", "units"]
    assert [line.split()[0] for line in lines[3:6]] == ["embedding", "hidden.0", "output"]
    assert lines[4].endswith("% dead")
    output = sentibp("runs", "flow", "--json").json
    assert [each["epoch"] for each in output["epochs"]] == [*range(1, 9)]
    assert output["warnings"] == []
    (first,) = sentibp("runs", "flow", trained, "--epoch", 1, "--json").json["epochs"]
    assert first == output["epochs"][0]
    assert f"{first['layers']['output']['gradient']:.1e}" in sentibp("runs", "flow", "--epoch", 1).out


def test_flow_of_a_network_with_vanishing_gradients(sentibp):
    deep = ["--set", "model.hidden=[8,8,8,8,8,8]", "--set", "model.activation=sigmoid", "--set", "train.epochs=2"]
    done = sentibp("train", "quickstart", *deep, "--json")
    (warning,) = done.json["warnings"]
    assert done.err.count(warning) == 1
    out = sentibp("runs", "flow").out
    assert "each hidden layer multiplies the gradient by 0." in out
    assert warning in out
    assert sentibp("runs", "flow", "--json").json["epochs"][0]["factor"] < 0.5


def test_a_missing_flow(sentibp, fails, trained):
    assert f"--epoch 9: {trained} has 1 to 8" in fails(2, "runs", "flow", "--epoch", 9)
    assert "--seed 1" in fails(2, "runs", "flow", "--seed", 1)
    assert "give a run directory" in fails(3, "runs", "flow", ".")


# watch


def test_watching_a_run_that_has_ended(sentibp, trained):
    lines = sentibp("runs", "watch", trained).out.splitlines()
    assert lines[0] == str(trained)
    assert lines[1].startswith("epoch 8: validation accuracy 0.")
    assert lines[2].startswith("epoch 8/8, step 144/144, 100%, loss 0.")
    assert ", finished after " in lines[2]
    (output,) = sentibp("runs", "watch", trained, "--json").jsonl
    assert (output["outcome"], output["progress"], output["seconds_left"]) == ("finished", 1, 0)


def test_watching_a_training_until_its_end(start, process):
    running = start("train", "quickstart", "--quiet", "--set", "train.epochs=1000000")
    while not list(Path("runs").glob("*/model.safetensors")):
        assert running.poll() is None
        time.sleep(0.01)
    watching = start("runs", "watch", "--json", "--interval", "0.05")
    first = json.loads(watching.stdout.readline())
    second = json.loads(watching.stdout.readline())
    assert first["outcome"] == second["outcome"] == "running"
    assert first["step"] < second["step"] < second["steps"] == 18_000_000
    running.send_signal(signal.SIGINT)
    rest, _ = watching.communicate()
    assert json.loads(rest.splitlines()[-1])["outcome"] == "interrupted"
    assert watching.returncode == 130


def test_watching_before_the_first_run(fails):
    assert "no run in runs/" in fails(2, "runs", "watch")
