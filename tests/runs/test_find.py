"""Find runs and models: by path, by name, by `last`, and by the pointer files runs/last and runs/started."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sentibp.errors import ConfigError
from sentibp.runs import find, watch
from sentibp.runs.directory import MODEL, VECTORS

SAFETENSORS = (2).to_bytes(8, "little") + b"{}"


@pytest.fixture(autouse=True)
def _here(here):
    pass


def make(path: str, *files: str, start: str = "2026-01-01T00:00:00+00:00", **facts) -> Path:
    """Make a run directory with such files."""
    run = Path(path)
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"outcome": "finished", "start": start, "scores": None} | facts))
    for name in files:
        (run / name).write_bytes(SAFETENSORS)
    return run


def point(pointer: str, content: str | bytes) -> None:
    Path(pointer).parent.mkdir(parents=True, exist_ok=True)
    Path(pointer).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("name", ["last", "runs/last", "./runs/last", "runs/started", "started", "a", "runs/a"])
def test_every_name_of_a_run(name, capsys):
    run = make("runs/a", MODEL)
    for pointer in "runs/last", "runs/started":
        point(pointer, f"{run}\n")
    for each in (name, Path(name)):
        assert find.find_run(each) == run
        assert find.model_file(each) == run / MODEL
    assert capsys.readouterr() == ("", "")


def test_a_link_to_a_pointer_and_one_at_home(capsys, here, monkeypatch):
    """They were read as model files, with a header of petabytes."""
    run = make("runs/a", MODEL)
    point("runs/last", f"{run}\n")
    Path("deep/er").mkdir(parents=True)
    Path("link").symlink_to("runs/last")
    Path("deep/er/link").symlink_to(here / "runs/last")
    monkeypatch.setenv("HOME", str(here))
    for name in "link", "deep/er/link", "~/runs/last", "~/link":
        assert find.model_file(name).samefile(run / MODEL)
    assert capsys.readouterr() == ("", "")
    Path("last").symlink_to(run / MODEL)  # a link to a model may have any name
    assert find.model_file("./last").samefile(run / MODEL)


@pytest.mark.parametrize("place", ["/", "..", "."], ids=["absolute", "above", "inside"])
def test_a_pointer_is_relative_to_the_folder_that_holds_runs(place, here, monkeypatch):
    run = make("some/where/runs/a", MODEL)
    point("some/where/runs/last", "runs/a\n")
    make("runs/a", MODEL)
    if place == "/":
        name = str(here / "some/where/runs/last")
    else:
        Path("some/where/deep").mkdir()
        monkeypatch.chdir("some/where/deep" if place == ".." else "some/where/runs")
        name = "../runs/last" if place == ".." else "last"
    assert find.model_file(name).samefile(here / run / MODEL)
    monkeypatch.chdir(here)
    assert find.model_file("some/where/runs/last") == run / MODEL


def test_a_runs_folder_that_was_moved():
    make("runs/a", MODEL)
    point("runs/last", f"{Path('runs/a').absolute()}\n")
    os.rename("runs", "kept")
    assert find.model_file("kept/last") == Path("kept/a") / MODEL


def test_last_may_be_a_directory_a_link_or_a_model_file():
    make("runs/last", MODEL)
    assert find.model_file() == find.model_file("runs/last") == Path("runs/last") / MODEL
    shutil.move("runs/last", "runs/a")
    Path("runs/last").symlink_to("a")
    assert find.model_file().samefile(Path("runs/a") / MODEL)
    Path("runs/last").unlink()
    shutil.copy(Path("runs/a") / MODEL, "runs/last")
    assert find.model_file("runs/last") == Path("runs/last")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe\x00", "not text"),
        (b"runs/a\nruns/b\n", "not one line"),
        (b"runs/a\0", "not one line"),
        (b"runs/\x1b[2J", "not one line"),
        (b"a" * 5000, "too long"),
        (b"\xc3" * 4097, "not text"),
    ],
)
def test_a_damaged_pointer_is_refused_with_a_repair_that_works(content, fault, complaint):
    make("runs/a", MODEL)
    for pointer, names in ("runs/last", ("last", "runs/last")), ("runs/started", ("started", "runs/started")):
        point(pointer, content)
        for name in names:
            said = complaint(ConfigError, find.model_file, name)
            assert said.startswith(f"{pointer}: damaged: {fault}; ")
            assert said.endswith("name a run directory or a model file")
            assert ("remove it, to use the newest finished run, or" in said) == (pointer == "runs/last")
    assert complaint(ConfigError, find.find_started).startswith(f"runs/started: damaged: {fault}; ")
    Path("runs/last").unlink()
    assert find.model_file() == Path("runs/a") / MODEL


def test_two_runs_of_one_name_are_told(capsys):
    """One here, and one in runs/: the one here was used without a word."""
    make("first", MODEL), make("runs/first", MODEL)
    assert find.model_file("first") == Path("first", MODEL)
    assert capsys.readouterr().err == "first: the one here is used, not runs/first; for that run, write runs/first\n"
    assert find.model_file("runs/first") == Path("runs/first", MODEL)
    os.symlink(os.path.abspath("runs/first"), "runs/same")
    os.symlink("runs/first", "same")
    assert find.find_run("same", MODEL) == Path("same")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("content", ["runs/last", "last", "runs/started", "elsewhere/runs/last"])
def test_a_pointer_to_a_pointer_is_refused(content, complaint):
    make("runs/a", MODEL)
    point("runs/started", "runs/last")
    point("elsewhere/runs/last", "runs/a")
    point("runs/last", content)
    assert "which only names another run; remove it" in complaint(ConfigError, find.find_run)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pointer_that_cannot_be_read(complaint):
    make("runs/a", MODEL)
    os.mkfifo("runs/last")
    assert complaint(ConfigError, find.find_run).startswith("runs/last: cannot be read: not a file; remove it")
    Path("runs/last").unlink()
    Path("runs/last").symlink_to("last")  # a loop
    assert complaint(ConfigError, find.find_run).startswith("runs/last: cannot be read: ")


def test_last_is_a_link_to_nothing(capsys):
    make("runs/a", MODEL)
    Path("runs/last").symlink_to("gone")
    assert find.model_file() == Path("runs/a") / MODEL
    said = capsys.readouterr().err
    assert said == f"runs/last: a link to nothing; using the newest run with {MODEL}, {Path('runs/a')}\n"


# the newest run in the place of `last`


@pytest.mark.parametrize("copy", ["best", "runs/best", "deep/best"])
def test_a_copy_of_a_pointer_is_met_with_the_run_that_it_names(copy, complaint):
    run = make("runs/a", MODEL).absolute()
    Path("deep").mkdir()
    point(copy, f"{run if copy.startswith('deep') else 'runs/a'}\n")
    for find_it in find.find_run, find.model_file, find.find_started:
        said = complaint(ConfigError, find_it, copy)
        assert said.startswith(f"{copy}: a copy of a file that names a run, not a run or model; name ")
        assert find.find_run(said.rpartition(" ")[2]).samefile(run)
    point(copy, "a good film\n")
    assert find.find_run(copy) == Path(copy)


@pytest.mark.parametrize("name", ["last", "runs/last"])
@pytest.mark.parametrize("pointer", [None, "runs/gone", "/nowhere/gone"])
def test_the_newest_finished_run_stands_in_for_last(name, pointer, capsys):
    make("runs/old", MODEL, start="2026-01-01T00:00:00+00:00")
    new = make("runs/new", MODEL, start="2026-01-02T00:00:00+00:00")
    make("runs/running", MODEL, start="2026-01-03T00:00:00+00:00", outcome="running")
    make("runs/diverged", start="2026-01-04T00:00:00+00:00", outcome="diverged")
    Path("runs/damaged").mkdir()
    Path("runs/damaged/run.json").write_text("{")
    if pointer:
        point("runs/last", pointer)
    assert find.model_file(name) == new / MODEL
    fault = f"names {pointer}, which is gone" if pointer else "missing"
    assert capsys.readouterr() == (
        "",
        f"runs/last: {fault}; using the newest run with model.safetensors, runs/new\n",
    )
    assert find.find_run(name) == new
    assert "using the newest run with model.safetensors or vectors.safetensors, runs/new" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["last", "runs/last"])
def test_a_last_run_that_is_gone_is_no_run(name, capsys, complaint):
    point("runs/last", "runs/gone")
    said = complaint(ConfigError, find.find_run, name)
    assert said.startswith("no finished run here (runs/last names runs/gone, which is gone); train one with ")
    assert find.model_file(None) == find.builtin_file()
    assert capsys.readouterr().err == (
        "no trained model here (runs/last names runs/gone, which is gone): using the built-in model, -m builtin\n"
    )


def test_a_name_of_the_hub_without_its_prefix(complaint):
    known = "ann/reviews: no such run or model; see `sentibp runs list`"
    assert complaint(ConfigError, find.model_file, "ann/reviews") == (
        f"{known}, or for a model of the hub write hf://ann/reviews"
    )
    assert complaint(ConfigError, find.find_run, "ann/reviews") == known  # here the hub's models will not do
    Path("ann").mkdir()
    assert complaint(ConfigError, find.model_file, "ann/reviews") == known


def test_last_of_another_folder(capsys):
    run = make("some/runs/a", MODEL)
    assert find.find_run("some/runs/last") == run
    assert capsys.readouterr().err.startswith("some/runs/last: missing; ")


def test_a_name_that_only_ends_in_last(complaint):
    assert complaint(ConfigError, find.find_run, "nowhere/last") == (
        "nowhere/last: no such run or model; did you mean last? See `sentibp runs list`"
    )
    Path("runs").mkdir()
    for name in "last", "runs/last":
        assert complaint(ConfigError, find.find_run, name).startswith("no finished run here (there is no runs/last)")


def test_last_for_a_command_that_needs_a_classifier(capsys, complaint):
    make("runs/pre", VECTORS, kind="pretraining", start="2026-01-02T00:00:00+00:00")
    point("runs/last", "runs/pre")
    assert complaint(ConfigError, find.model_file).startswith(
        "runs/pre: a pretraining: it has vectors, and no classifier"
    )
    run = make("runs/a", MODEL)
    assert find.model_file() == run / MODEL
    assert capsys.readouterr().err == (
        "runs/last: names runs/pre, a pretraining, without a classifier; using the newest run with model.safetensors, "
        "runs/a\n"
    )
    assert find.find_run() == Path("runs/pre")
    assert find.vectors_file("last") == Path("runs/pre") / VECTORS
    assert capsys.readouterr().err == ""
    point("runs/last", "runs/a")
    assert find.vectors_file("last") == Path("runs/pre") / VECTORS
    assert "runs/last: names runs/a, a run without vectors.safetensors; using" in capsys.readouterr().err


# the run that was started last


def test_the_run_to_resume_when_runs_started_is_missing_or_names_what_is_gone(capsys, complaint):
    assert complaint(ConfigError, find.find_started) == (
        "--resume last: no training was started here; name its run directory"
    )
    stopped = make("runs/stopped", outcome="interrupted", start="2026-01-02T00:00:00+00:00")
    make("runs/done", MODEL, start="2026-01-03T00:00:00+00:00")
    make("runs/pre", outcome="interrupted", kind="pretraining", start="2026-01-04T00:00:00+00:00")
    assert find.find_started() == stopped
    assert capsys.readouterr().err == (
        "runs/started: missing; using the newest run that is not finished, runs/stopped\n"
    )
    point("runs/started", "runs/gone")
    assert find.find_started() == stopped
    assert capsys.readouterr().err.startswith("runs/started: names runs/gone, which is gone; using ")
    assert find.find_started(pretraining=True) == Path("runs/pre")
    assert find.find_started("runs/stopped") == stopped


def test_a_run_is_resumed_by_its_pointer():
    run = make("elsewhere/a", outcome="interrupted")
    point("runs/started", str(run))
    for name in "last", "runs/started", "started":
        assert find.find_started(name) == run
    assert find.find_run("runs/started") == run


def test_started_names_a_run_that_is_gone(complaint):
    point("runs/started", "runs/gone")
    assert complaint(ConfigError, find.find_run, "runs/started") == (
        "runs/started: names runs/gone, which is gone; name a run directory or a model file"
    )


def test_watch_finds_the_run_that_was_started_elsewhere():
    make("runs/a", start="2026-01-02T00:00:00+00:00")
    run = make("elsewhere/b", outcome="running")
    point("runs/started", "elsewhere/b")
    assert watch.newest_started() == run
    point("runs/started", "runs/gone")
    assert watch.newest_started() == Path("runs/a")


def test_the_folder_of_a_postmortem_names_its_model():
    make("runs/odd")
    folder = Path("runs/odd/postmortem")
    folder.mkdir()
    for name in ("postmortem.json", "weights.safetensors", "config.yaml"):
        (folder / name).touch()
    with pytest.raises(ConfigError, match=r"a postmortem, not a run; the model before .* runs/odd/postmortem/weights"):
        find.model_file("runs/odd/postmortem")
    assert find.model_file("runs/odd/postmortem/weights.safetensors") == folder / "weights.safetensors"


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "validation.parquet", "config.yaml"])
def test_a_file_of_a_run_is_no_model_but_its_directory_is(name):
    make("run", MODEL)
    (Path("run") / name).touch()
    with pytest.raises(ConfigError, match=r"name its run directory, run$"):
        find.model_file(f"run/{name}")
