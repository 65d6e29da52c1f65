"""A run, model, config or export where reviews are expected, and the reverse: the message says what it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

GIVE = "give a file or folder of reviews"


@pytest.fixture(scope="module")
def made(tmp_path_factory, quickstart) -> Path:
    """A folder with a run, and what is made of it."""
    from command import invoke

    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(quickstart, folder / "run")
    shutil.copytree(quickstart, folder / "runs" / "first")
    (folder / "runs" / "last").write_text("runs/first\n")
    shutil.copy(folder / "run" / "model.safetensors", folder / "alone.safetensors")
    (folder / "mine.yaml").write_text("data: {source: sample}\n")
    (folder / "sweep").mkdir()
    for name in "sweep.json", "journal.log":
        (folder / "sweep" / name).write_text("{}")
    for target in "html", "python", "js":
        name = {"html": "m.html", "python": "m.py", "js": "m.mjs"}[target]
        invoke("export", folder / "run", "--to", target, "--output", folder / name)
    return folder


NO_REVIEWS = {
    "run": "a run directory, not reviews",
    "first": "the name of a run, not reviews",
    "last": "the name of a run, not reviews",
    "run/model.safetensors": "a file of weights, such as a model, not reviews",
    "alone.safetensors": "a file of weights, such as a model, not reviews",
    "run/metrics.jsonl": "a record of a run, not reviews",
    "mine.yaml": "a config, not reviews",
    "sweep": "the folder of a sweep, not reviews",
    "m.html": "a file that sentibp has made of a model, not reviews",
    "m.py": "a file that sentibp has made of a model, not reviews",
    "m.mjs": "a file that sentibp has made of a model, not reviews",
}


@pytest.mark.parametrize(("name", "what"), NO_REVIEWS.items())
def test_no_reviews(fails, made, monkeypatch, name, what):
    monkeypatch.chdir(made)
    assert f"{name}: {what}; {GIVE}" in fails(3, "eval", "-m", "builtin", "--data", name)
    assert f"{name}: {what}; {GIVE}" in fails(3, "predict", "-m", "builtin", "--input", name)
    assert f"{name}: {what}; {GIVE}" in fails(3, "train", "quickstart", "--set", f"data.source={name}")
    if name != "mine.yaml":
        assert f"{name}: {what}; {GIVE}" in fails(3, "init", name)


def test_the_repair_can_be_typed(fails, sentibp, made, monkeypatch):
    monkeypatch.chdir(made)
    assert fails(3, "predict", "--input", "run").endswith("if a model is meant, name it with -m run")
    sentibp("predict", "good", "-m", "run")
    assert fails(3, "init", "first").endswith("or train its config again with `sentibp train runs/first/config.yaml`")


def test_reviews_are_still_read(sentibp, made, monkeypatch):
    """Files that look like these, and tables in a run directory, are reviews."""
    monkeypatch.chdir(made)
    Path("run/answers.csv").write_text("text\na good film\n")
    Path("data").mkdir(exist_ok=True)
    Path("data/run.json").write_text('[{"text": "a good film"}, {"text": "a bad film"}]')
    assert len(sentibp("predict", "-m", "builtin", "--input", "run/answers.csv").jsonl) == 1
    assert len(sentibp("predict", "-m", "builtin", "--input", "data/run.json").jsonl) == 2


NO_CONFIG = {
    "run/model.safetensors": "a file of a run, not a config; its config: run/config.yaml",
    "run/run.json": "a file of a run, not a config; its config: run/config.yaml",
    "alone.safetensors": "a model, an export or a page, not a config; give a YAML file",
    "m.html": "a model, an export or a page, not a config; give a YAML file",
}


@pytest.mark.parametrize(("name", "what"), NO_CONFIG.items())
@pytest.mark.parametrize("command", ["train", "config show", "audit"])
def test_no_config(fails, made, monkeypatch, command, name, what):
    monkeypatch.chdir(made)
    if command != "audit" or not name.endswith(".safetensors"):  # audit takes a run, and says so
        assert f"{name}: {what}" in fails(2, *command.split(), name)


@pytest.mark.parametrize("name", ["m.html", "m.py", "m.mjs"])
def test_no_model(fails, made, monkeypatch, name):
    monkeypatch.chdir(made)
    assert f"{name}: a page or an export, not a model file; name a run" in fails(2, "predict", "good", "-m", name)
