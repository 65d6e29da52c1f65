"""Run directories: their files and names, finding them and comparing them."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from sentibp.config import dump
from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.errors import ConfigError, DataError
from sentibp.runs import compare, directory, find
from sentibp.runs.records import StepRecord
from sentibp.utils.files import WriteError

CONFIG = Config.model_validate({"data": {"source": "sample"}, "train": {"seed": 5}})
DATA = {"validation": {"reviews": 4, "fingerprint": "abc"}}


@pytest.fixture(autouse=True)
def noon(here, monkeypatch):
    """Fix the time that names of runs contain."""
    strftime = directory.time.strftime
    monkeypatch.setattr(
        directory.time, "strftime", lambda form, *at: "20261123-1642" if form == "%Y%m%d-%H%M" else strftime(form, *at)
    )


def finished(name: str = "mine.yaml", settings: Config = CONFIG, positive=None, weight=None, **facts) -> Path:
    """Return a run with a model. `positive` are its probabilities for four validation reviews of this `weight`."""
    run = directory.create_run(settings, Path(name), **{"data": DATA, **facts})
    (run.path / "model.safetensors").write_bytes(b"a model")
    if positive is not None:
        directory.save_predictions(run, np.array([1, 1, 0, 0], np.int8), np.array(positive, np.float64), weight)
    run.finish("finished", scores=facts.get("scores"))
    return run.path


# Writing


def test_a_run_is_named_after_the_time_the_config_and_its_digest():
    run = directory.create_run(CONFIG, Path("configs/mine.yaml"))
    assert str(run.path) == f"runs/20261123-1642-mine-{dump.digest(CONFIG)[:4]}"
    run.finish("finished")


def test_a_run_that_has_just_started():
    run = directory.create_run(CONFIG, Path("mine.yaml"), command=["sentibp", "train", "mine.yaml"], data=DATA)
    assert sorted(os.listdir(run.path)) == ["config.yaml", "metrics.jsonl", "run.json"]
    assert load_config(run.path / "config.yaml").config == CONFIG
    facts = directory.load_run_info(run.path)
    assert facts["outcome"] == "running"
    assert facts["end"] is None
    assert facts["seed"] == 5
    assert facts["command"] == ["sentibp", "train", "mine.yaml"]
    assert facts["data"] == DATA
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["machine"]["cores"] == os.cpu_count()
    assert datetime.fromisoformat(facts["start"]).tzinfo is not None
    run.finish("finished")


def test_metrics_can_be_read_during_the_training():
    run = directory.create_run(CONFIG, Path("mine.yaml"))
    for step in (1, 2):
        run.append(StepRecord(0, step, 1, 0.5 / step, 0.1, 2.0))
        lines = (run.path / "metrics.jsonl").read_text().splitlines()
        assert json.loads(lines[-1]) == {
            **{"event": "step", "seed": 0, "step": step, "epoch": 1},
            **{"loss": 0.5 / step, "learning_rate": 0.1, "gradient_norm": 2.0},
        }
        assert len(lines) == step
    run.finish("finished")


def test_the_end_of_a_run():
    path = finished(scores={"accuracy": 0.75})
    facts = directory.load_run_info(path)
    assert facts["outcome"] == "finished"
    assert facts["scores"] == {"accuracy": 0.75}
    assert datetime.fromisoformat(facts["end"]) >= datetime.fromisoformat(facts["start"])
    assert Path("runs/last").read_text() == f"{path}\n"


def test_a_run_without_a_model_is_not_the_last():
    path = finished()
    run = directory.create_run(CONFIG, Path("mine.yaml"))
    run.finish("diverged", error="too fast")
    assert directory.load_run_info(run.path)["error"] == "too fast"
    assert find.find_run("last") == path


def test_runs_of_the_same_minute_do_not_overwrite_each_other():
    paths = [finished() for _ in range(3)]
    name = f"runs/20261123-1642-mine-{dump.digest(CONFIG)[:4]}"
    assert [str(path) for path in paths] == [name, f"{name}-2", f"{name}-3"]
    assert [path for path, _ in directory.list_runs()] == paths
    assert find.find_run() == paths[-1]


@pytest.mark.parametrize("name", ["new", "in/a/new/folder", "empty"])
def test_the_run_directory_can_be_chosen(name):
    Path("empty").mkdir()
    run = directory.create_run(CONFIG, Path("mine.yaml"), Path(name))
    assert str(run.path) == name
    (run.path / "model.safetensors").write_bytes(b"a model")
    run.finish("finished")
    assert find.find_run("last") == Path(name)  # in any folder


def test_a_directory_that_is_not_empty_is_refused(complaint):
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine")
    Path("file").write_text("mine")
    for name in ("full", "file"):
        text = complaint(ConfigError, directory.create_run, CONFIG, Path("mine.yaml"), Path(name))
        assert text == f"--out {name}: already there, and never overwritten; choose a new directory"
    assert os.listdir("full") == ["notes.txt"]
    assert Path("file").read_text() == "mine"


def test_a_new_directory_has_no_name_of_a_file(complaint):
    """A model file was perhaps meant: a training would make a folder of that name."""
    for name, given in {
        "m.safetensors": "m",
        "in/a b.CSV": "'in/a b'",
        "best.yaml": "best",
        "r.csv.gz": "r",
    }.items():
        text = complaint(ConfigError, directory.create_run, CONFIG, Path("mine.yaml"), Path(name))
        assert text == f"--out {name}: the name of a file, and a folder is written; give --out {given}"
        assert not Path(name).exists()
    assert complaint(ConfigError, directory.create_run, CONFIG, Path("mine.yaml"), Path("-")).startswith("--out -: ")
    assert not Path("-").exists()
    Path("empty.csv").mkdir()
    for name in "run.v1.2", "empty.csv", ".safetensors":
        directory.create_run(CONFIG, Path("mine.yaml"), Path(name)).close()


@pytest.mark.parametrize("out", [None, Path("runs"), Path("runs/mine")])
def test_a_link_to_a_folder_that_is_gone_is_named_and_no_name_is_tried_for_ever(out):
    Path("runs").symlink_to("disk/runs")
    with pytest.raises(
        WriteError, match=r"^runs: cannot be written: a link to disk/runs, which is gone; choose another"
    ):
        directory.create_run(CONFIG, Path("mine.yaml"), out)
    Path("disk/runs").mkdir(parents=True)
    run = directory.create_run(CONFIG, Path("mine.yaml"), out and Path("runs/mine"))
    run.finish("finished")
    assert run.path.parent == Path("runs")


def test_a_directory_without_write_permission(complaint):
    Path("file").write_text("")
    text = complaint(WriteError, directory.create_run, CONFIG, Path("mine.yaml"), Path("file/run"))
    assert text == "file/run: cannot be written: Not a directory; choose another place with --out DIR"
    Path("runs").write_text("a file where the folder should be")
    complaint(WriteError, directory.create_run, CONFIG, Path("mine.yaml"))


# Finding


def test_a_run_is_found_by_path_by_name_and_as_the_last():
    path = finished()
    for name in (str(path), path.name, "last", f"./{path}", str(path.absolute())):
        assert find.find_run(name).samefile(path)
        assert find.model_file(name).samefile(path / "model.safetensors")
    model = path / "model.safetensors"
    assert find.model_file(str(model)) == model


def test_a_path_has_precedence_over_the_name_of_a_run():
    path = finished()
    Path(path.name).mkdir()
    assert find.find_run(path.name) == Path(path.name)


@pytest.mark.parametrize(
    "name", ["missing", "runs/missing", "a review, by mistake " * 30, "null \0"], ids=["name", "path", "long", "null"]
)
def test_an_unknown_run(complaint, name):
    text = complaint(ConfigError, find.find_run, name)
    assert text.endswith(": no such run or model; see `sentibp runs list`")
    assert ConfigError.exit_code == 2


def test_no_run_yet(complaint):
    assert complaint(ConfigError, find.find_run, "last").startswith("no finished run here (there is no runs/last)")
    assert complaint(ConfigError, find.model_file).startswith("no finished run here")
    assert list(directory.list_runs()) == []


def test_the_last_run_has_been_removed(complaint):
    path = finished()
    path.rename("elsewhere")
    gone = f"no finished run here (runs/last names {path}, which is gone); train one with"
    assert complaint(ConfigError, find.find_run, "last").startswith(gone)


def test_a_run_without_a_model_has_no_model_file(complaint):
    run = directory.create_run(CONFIG, Path("mine.yaml"))
    run.finish("diverged")
    text = complaint(ConfigError, find.model_file, str(run.path))
    assert text.startswith(f"{run.path}: has no model.safetensors")


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", "\xff"])
def test_damaged_run_info(complaint, content):
    path = finished()
    (path / "run.json").write_bytes(content.encode("latin-1"))
    assert complaint(DataError, directory.load_run_info, path).startswith(f"{path}/run.json: damaged: ")


def test_a_folder_that_is_not_a_run(complaint):
    assert (
        complaint(DataError, directory.load_run_info, Path())
        == "run.json: no such file or directory; give a run directory"
    )


# Comparing


def test_two_runs_side_by_side():
    other = Config.model_validate(
        {"data": {"source": "sample"}, "train": {"seed": 5, "optimizer": "adam", "learning_rates": {"hidden.0": 0.5}}}
    )
    scores_a = {"accuracy": 0.5, "roc_auc": None, "accuracy_interval": [0.2, 0.8], "confusion": {"true_positive": 1}}
    a = finished("a.yaml", scores=scores_a, positive=[0.9, 0.2, 0.1, 0.8])
    b = finished("b.yaml", other, scores={**scores_a, "accuracy": 0.75}, positive=[0.9, 0.6, 0.1, 0.8])
    result = compare.compare_runs(a, b)
    assert (result["a"], result["b"]) == (str(a), str(b))
    assert result["scores"] == {"accuracy": [0.5, 0.75]}
    assert result["settings"]["train.optimizer.name"] == ["adagrad", "adam"]
    assert result["settings"]["train.optimizer.row_wise"] == [True, None]  # a setting that adam does not have
    assert result["settings"]["train.learning_rates.hidden.0"] == [None, 0.5]
    assert "train.learning_rates" not in result["settings"]  # {} in one of them says no more
    assert all(key.startswith(("train.optimizer.", "train.learning_rates.")) for key in result["settings"])
    assert result["paired"] == {"a_only": 0, "b_only": 1, "difference": -0.25, "p_value": 1.0}
    json.dumps(result)


def test_scores_that_are_defined_otherwise_are_not_compared():
    binary = {"accuracy": 0.5, "f1": 0.5, "log_loss": 0.7, "brier": 0.25, "calibration_error": 0.1}
    of_classes = {"accuracy": 0.5, "macro_f1": 0.5, "log_loss": 0.7, "brier": 0.5, "calibration_error": 0.1}
    a, b = finished("a.yaml", scores=binary), finished("b.yaml", scores=of_classes)
    result = compare.compare_runs(a, b)
    assert result["scores"] == {"accuracy": [0.5, 0.5], "log_loss": [0.7, 0.7]}
    assert result["otherwise"] == ["brier", "calibration_error"]
    for run in a, b:
        same = compare.compare_runs(run, run)
        assert same["otherwise"] == [] and same["scores"]["brier"][0] == same["scores"]["brier"][1]


def test_a_setting_whose_name_begins_another_is_compared():
    other = Config.model_validate({"data": {"source": "sample"}, "train": {"seed": 6}})
    assert compare.compare_runs(finished(), finished(settings=other))["settings"] == {"train.seed": [5, 6]}


def test_the_paired_test_of_weighted_reviews_says_that_each_counts_once():
    path = finished(positive=[0.9, 0.2, 0.1, 0.8], weight=np.array([1, 2, 1, 1], np.float32))
    assert compare.compare_runs(path, path)["paired"]["note"].startswith("each review counts once")


def test_a_run_compared_with_itself():
    path = finished(positive=[0.9, 0.2, 0.1, 0.8], scores={"accuracy": 0.5})
    result = compare.compare_runs(path, path)
    assert result["settings"] == {}
    assert result["paired"] == {"a_only": 0, "b_only": 0, "difference": 0.0, "p_value": 1.0}


@pytest.mark.parametrize(
    "data", [{"validation": {"reviews": 4, "fingerprint": "other"}}, {"validation": None}, {}], ids=str
)
def test_no_paired_test_on_different_reviews(data):
    a, b = finished(positive=[0.5] * 4), finished(positive=[0.5] * 4, data=data)
    result = compare.compare_runs(a, b)
    assert result["paired"] is None
    known = "the validation reviews, their labels or their weights are not the same"
    assert result["unpaired"] == (known if data.get("validation") else f"{b} has no validation reviews")
    assert compare.compare_runs(b, b)["paired"] is None or data.get("validation")


def test_predictions_that_are_missing_or_damaged(complaint):
    a, b = finished(positive=[0.5] * 4), finished(positive=[0.5] * 4)
    for content in (b"", b"no parquet", (a / "validation.parquet").read_bytes()[:-9]):
        (b / "validation.parquet").write_bytes(content)
        assert "validation.parquet: damaged" in complaint(DataError, compare.compare_runs, a, b)
    (b / "validation.parquet").unlink()  # as after an interruption before the first epoch
    assert compare.compare_runs(a, b)["unpaired"] == f"{b} keeps no predictions of its validation reviews"


def test_flat_settings():
    assert compare.flatten({"a": {"b": {"c": 1}, "d": []}, "e": {}}) == {"a.b.c": 1, "a.d": [], "e": {}}


WITHOUT_MODEL = {
    "diverged": "its training diverged at step 2; lower it: `sentibp train {}/config.yaml`",
    "finished": "its training had one, which is gone; train it again with `sentibp train {}/config.yaml`",
    "interrupted": "its training ended before it had one; resume it with `sentibp train --resume {}`",
    "running": "its training ended before it had one; resume it with `sentibp train --resume {}`",
}


@pytest.mark.parametrize("outcome", WITHOUT_MODEL)
def test_a_run_without_a_model_says_why_and_what_to_do(outcome, complaint):
    run = directory.create_run(CONFIG, Path("mine.yaml"))
    text = complaint(ConfigError, find.model_file, run.path)
    assert text == f"{run.path}: has no model.safetensors; its training has none yet; wait until it has"
    run.finish(outcome, error="diverged at step 2; lower it")
    text = complaint(ConfigError, find.model_file, run.path)
    assert text == f"{run.path}: has no model.safetensors; {WITHOUT_MODEL[outcome].format(run.path)}"
