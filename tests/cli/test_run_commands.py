"""`sentibp runs list | compare | flow | watch`."""

from __future__ import annotations

import json
import shutil
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


def test_list_shows_the_settings_that_differ(sentibp):
    a = train(sentibp, "--set", "model.hidden=[4]")
    b = train(sentibp, "--seed", 1, "--set", "train.optimizer.learning_rate=0.01")
    assert "different reviews" not in sentibp("runs", "list", "--sort", "accuracy").err
    c = train(sentibp, "--set", "data.validation=0")
    assert "different reviews" not in sentibp("runs", "list").err
    assert "the scores are of different reviews; " in sentibp("runs", "list", "--sort", "log_loss", "--json").err
    output = {each["run"]: each for each in sentibp("runs", "list", "--json").json}
    keys = ["data.validation", "model.hidden", "train.optimizer.learning_rate", "train.seed"]
    assert [sorted(output[run]["settings"]) for run in (a, b, c)] == [keys] * 3
    assert output[a]["settings"]["model.hidden"] == [4]
    assert output[b]["settings"]["train.seed"] == 1
    scores = json.loads(Path(a, "run.json").read_text())["scores"]
    for name in "n", "accuracy", "accuracy_interval", "log_loss":
        assert output[a][name] == scores[name]
    header, *lines = sentibp("runs", "list").out.splitlines()
    assert header.split()[-2:] == ["time", "settings"]
    assert "hidden=[4], learning_rate=0.1, seed=0" in lines[0]
    low, high = scores["accuracy_interval"]
    assert f"32   {scores['accuracy']:.4f}    {low:.4f}-{high:.4f}" in lines[0]
    assert "scored on its training data" in lines[2]


def test_list_of_one_run_has_no_settings_that_differ(sentibp):
    train(sentibp)
    (only,) = sentibp("runs", "list", "--json").json
    assert only["settings"] == {}


def test_list_in_order_of_a_column(sentibp):
    runs = [train(sentibp, "--seed", seed) for seed in range(3)]
    values = [(0.7, 0.5, 3.0), (0.9, 0.6, 2.0), (0.8, 0.4, 1.0)]
    for second, (run, (accuracy, log_loss, seconds)) in enumerate(zip(runs, values, strict=True)):
        facts = json.loads(Path(run, "run.json").read_text())
        facts["scores"] |= {"accuracy": accuracy, "log_loss": log_loss}
        facts |= {"seconds": seconds, "start": f"2026-01-01T00:00:0{second}+00:00"}
        Path(run, "run.json").write_text(json.dumps(facts))
    Path("runs/old").mkdir()
    Path("runs/old/run.json").write_text('{"outcome": "finished", "start": "2025-01-01T00:00:00+00:00"}')
    for sort, order in (("start", [0, 1, 2]), ("accuracy", [1, 2, 0]), ("log_loss", [2, 0, 1]), ("seconds", [2, 1, 0])):
        listed = [each["run"] for each in sentibp("runs", "list", "--sort", sort, "--json").json]
        expected = [runs[i] for i in order]
        assert listed == (["runs/old", *expected] if sort == "start" else [*expected, "runs/old"]), sort
    assert "accuracy" in sentibp("runs", "list", "--sort", "recall", code=2).err


def test_list_of_damaged_and_of_old_runs(sentibp):
    """A run that cannot be read is named, as is one with scores of a wrong type; old ones have blanks."""
    run = train(sentibp)
    for name, content in ("damaged", "{"), ("old", "{}"), ("odd", '{"scores": {"n": "many", "accuracy": [1]}}'):
        Path("runs", name).mkdir()
        Path("runs", name, "run.json").write_text(content)
    Path("runs/odd/config.yaml").write_text("{")
    done = sentibp("runs", "list", "--json")
    first, second = sorted(done.err.splitlines())  # the order is that of the file system
    assert first.startswith("runs/damaged/run.json: damaged: ")
    assert second.startswith("runs/odd/run.json: damaged: scores.")
    assert sorted(each["run"] for each in done.json) == sorted([run, "runs/old"])
    assert [each["n"] for each in done.json] == [None, 32]
    assert sentibp("runs", "list").out.splitlines()[1].strip() == "runs/old"


def test_list_of_another_folder(sentibp, fails, here, monkeypatch):
    Path("runs").mkdir()
    run = sentibp("train", "quickstart", "--quiet", "--json", "--out", "other/a").json["run"]
    assert sentibp("runs", "list", "--json").json == []
    assert [each["run"] for each in sentibp("runs", "list", "other", "--json").json] == [run]
    assert fails(2, "runs", "list", "nosuch").startswith("nosuch: no such folder; ")
    assert sentibp("runs", "list").err.startswith("runs: no run in this folder; start one with `sentibp train`")
    assert fails(2, "runs", "list", run) == f"{run}: a run directory; name the folder that holds it: other"
    monkeypatch.setenv("HOME", str(here))
    assert len(sentibp("runs", "list", "~/other", "--json").json) == 1


@pytest.mark.parametrize(
    "words",
    [
        *("reproduce", "runs compare last", "runs flow", "runs watch"),
        *("train --resume", "pretrain --resume", "audit", "blame good -m"),
    ],
)
def test_a_model_file_is_no_run(fails, trained, here, words):
    model, what = trained / "model.safetensors", "a model file, not a run directory"
    option = "-m " * ("-m" in words)
    assert fails(2, *words.split(), model) == f"{model}: {what}; name its run directory: {option}{trained}"
    Path("alone.safetensors").write_bytes(model.read_bytes())
    other = f"alone.safetensors: {what}; name one, see `sentibp runs list`"
    assert fails(2, *words.split(), "alone.safetensors") == other


def test_a_file_is_no_folder_of_runs(fails, trained):
    model = trained / "model.safetensors"
    assert fails(2, "runs", "list", model) == f"{model}: a file; name the folder that holds the run directories"


def test_list_fits_on_a_terminal(terminal, trained, here):
    for name, hidden in ("a", "[4]"), ("b", "[32, 16]"):
        folder = here / "runs" / f"20260101-1200-quickstart-{name}"
        shutil.copytree(trained, folder)
        config = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(config.replace("hidden: [8]", f"hidden: {hidden}"))
    lines = terminal("runs", "list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].strip().endswith("hidden=[4]")
    assert len(terminal("runs", "list", env={"COLUMNS": "200"}).out.splitlines()) == 3


# pointers


def test_every_command_takes_the_pointer_and_a_last_that_is_gone(sentibp, trained):
    """`runs/last` is what a person types; load_model takes what -m takes."""
    import sentibp as package

    commands = [
        ("predict", "good", "-m"),
        ("eval",),
        ("eval", "last", "--json", "--against"),
        ("explain", "good", "-m"),
        ("blame", "good", "-m"),
        ("words", "top", "-m"),
        ("runs", "flow"),
        ("runs", "compare", "last"),
        ("runs", "watch"),
        ("report", "--force"),
        ("trace", "good", "--label", "positive", "-m"),
    ]
    for command in commands:
        assert sentibp(*command, "runs/last").out == sentibp(*command, trained).out
    with_pointer = ("train", "quickstart", "--quiet", "--json", "--set", "train.epochs=1")
    assert sentibp(*with_pointer, "--set", "model.init_from=runs/last").json["outcome"] == "finished"
    Path("runs/last").unlink()
    done = sentibp("predict", "good")
    assert done.jsonl[0]["label"] == "positive"
    assert done.err.startswith("runs/last: missing; using the newest run with model.safetensors, runs/")
    assert done.err.count("\n") == 1
    assert sentibp("eval").err.count("runs/last: missing") == 1
    for name in ("last", "runs/last", str(trained), trained, trained / "model.safetensors"):
        assert package.load_model(name).predict(package.to_arrow(["good"])).positive > 0.5


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
    out = sentibp("runs", "compare", run, "last").out
    assert out == f"{run}: both names mean this run, so all settings and scores are equal\n"


def test_equal_settings_are_not_a_header_over_nothing(sentibp):
    out = sentibp("runs", "compare", train(sentibp), train(sentibp)).out
    assert out.startswith("the settings of the two runs are equal\n\nscore ")
    assert "no clear difference" in out


def test_runs_on_different_data_get_no_paired_test(sentibp):
    a, b = train(sentibp), train(sentibp, "--set", "data.validation=0.2")
    assert sentibp("runs", "compare", a, b, "--json").json["paired"] is None
    out = sentibp("runs", "compare", a, b).out
    assert "no paired test, as the validation reviews, their labels or their weights are not the same." in out
    assert "--data FILE" in out


def test_what_cannot_be_scored_on_the_same_reviews_is_not_suggested(sentibp):
    a, b = train(sentibp), sentibp("train", "three", "--json", "--quiet").json["run"]
    out = sentibp("runs", "compare", a, b).out
    *_, classes, last = out.splitlines()
    assert classes == "Their classes are not the same, either: negative, positive; and negative, neutral, positive."
    assert last == "So no score tells which run is better."
    rows = [line.split()[0] for line in out.splitlines() if line]
    assert "accuracy" in rows and "brier" in rows and "calibration_error" not in rows
    assert "\nbrier and calibration error are left out: one run has them of the probability of positive, and" in out
    assert "compare models of the same classes" in sentibp("eval", a, "--against", b, code=2).err


def test_the_trials_of_a_sweep_have_no_paired_test_as_only_the_best_keeps_its_predictions(sentibp):
    Path("space.yaml").write_text("train.epochs: [1, 2]\n")
    best = sentibp("sweep", "quickstart", "space.yaml", "--sampler", "grid", "--out", "found", "--json").json["best"]
    other = f"found/trials/{1 - best['number']}"
    *_, why, repair = sentibp("runs", "compare", "found/trials/0", "found/trials/1").out.splitlines()
    assert why == f"no paired test, as {other} keeps no predictions of its validation reviews."
    assert repair.startswith(f"{other}: a trial of a sweep, which keeps the model of the best only; train its config")


def test_comparing_training_scores_with_validation_scores_gives_a_note(sentibp):
    a, b = train(sentibp), train(sentibp, "--set", "data.validation=0")
    assert "training data" in sentibp("runs", "compare", a, b).out


def test_a_run_is_also_found_by_its_name_in_runs(sentibp):
    run = train(sentibp)
    assert sentibp("runs", "compare", Path(run).name, run, "--json").json["settings"] == {}


def test_comparing_an_unknown_run(sentibp, fails):
    run = train(sentibp)
    assert fails(2, "runs", "compare", run, "nosuch") == "nosuch: no such run or model; see `sentibp runs list`"
    assert "run directory" in fails(2, "runs", "compare", run, ".")
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
    assert fails(2, "runs", "flow", ".") == ".: a folder, not a run directory; name one, see `sentibp runs list`"


# watch


def test_watching_a_run_that_has_ended(sentibp, trained):
    lines = sentibp("runs", "watch", trained).out.splitlines()
    assert lines[0] == str(trained)
    assert lines[1].startswith("epoch 8: validation accuracy 0.")
    assert lines[2].startswith("144 steps, 100%, finished after ")
    assert lines[3].startswith("validation  accuracy 0.7500 [")
    assert lines[4] == "scored      the network after epoch 2 of 8, calibrated on the validation reviews"
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
