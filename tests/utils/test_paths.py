"""Paths: the home directory, and how messages show them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command import invoke

from sentibp.config.load import load_config
from sentibp.runs import find
from sentibp.utils import cache, paths


@pytest.fixture
def home(here, monkeypatch):
    (here / "home").mkdir()
    monkeypatch.setenv("HOME", str(here / "home"))
    return here / "home"


def test_the_home_directory(home):
    assert paths.expand_home("~/x") == home / "x"
    assert paths.expand_home("a/~") == Path("a/~")
    assert paths.absolute("~/x", "folder") == str(home / "x")
    assert paths.absolute("x", "folder") == str(home.parent / "folder" / "x")


def test_the_home_directory_in_each_place_that_takes_a_path(home, monkeypatch):
    """Only a shell replaces `~`, and only outside quotes."""
    monkeypatch.setenv("SENTIBP_CACHE", "~/cache")
    assert cache.folder() == home / "cache"
    monkeypatch.delenv("SENTIBP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/all")
    assert cache.folder() == home / "all" / "sentibp"
    (home / "mine.yaml").write_text("train: {epochs: 7}\n")
    assert load_config("~/mine.yaml").config.train.epochs == 7
    (home / "mine.safetensors").touch()
    assert find.find_run("~/mine.safetensors") == home / "mine.safetensors"


def test_a_path_is_shown_relative_to_the_working_directory(here):
    assert paths.shown(str(here / "a" / "x.csv")) == os.path.join("a", "x.csv")
    for path in "/elsewhere/x.csv", str(here), str(here.parent), "imdb", "a/x.csv":
        assert paths.shown(path) == path


@pytest.mark.parametrize(
    ("folder", "meant"), [("$PLACE", "/elsewhere"), ("${PLACE}", "/elsewhere"), ("$NOSUCH", ""), ("~nosuchuser", "")]
)
def test_what_only_a_shell_replaces_makes_no_folder(folder, meant, here, monkeypatch):
    """No shell reads the options of a unit of systemd, a Docker CMD in brackets, or a config."""
    monkeypatch.setenv("PLACE", "/elsewhere")
    Path("in.csv").write_text("text,label\ngood,1\nbad,0\n")
    Path("in.yaml").write_text(f"data: {{source: '{folder}/a.csv'}}\n")
    repair = f"write {meant}/a" if meant else "write the whole path"
    for code, *command in (
        (2, "train", "in.yaml", "--set", "data.source=in.csv", "--set", "data.validation=0", "--out", f"{folder}/a"),
        (2, "predict", "-m", "builtin", "-i", "in.csv", "-o", f"{folder}/a/"),
        (3, "predict", "-m", "builtin", "-i", "in.csv", "-o", f"{folder}/a.csv"),
        (3, "compress", "builtin", "--max-size", "900kB", "-o", f"{folder}/a/"),
        (2, "init", "in.csv", "--out", f"{folder}/a.yaml"),
        (3, "train", "in.yaml", "--dry-run"),
        (3, "eval", "-m", "builtin", "--data", f"{folder}/a"),
        (2, "predict", "-m", f"{folder}/a", "good"),
        (2, "config", "show", f"{folder}/a.yaml"),
    ):
        assert repair in invoke(*command, code=code).err
    assert sorted(os.listdir()) == ["in.csv", "in.yaml"]
    Path(folder).mkdir()
    invoke("predict", "-m", "builtin", "-i", "in.csv", "-o", f"{folder}/a.csv")
    assert os.listdir(folder) == ["a.csv"], "a name like any other, if it is there"


@pytest.mark.parametrize("address", ["s3://bucket/new", "https://a.b/new", "file:///tmp/new"])
def test_an_address_is_told_and_makes_no_folder(address, here, monkeypatch):
    """As pathlib reads it, s3://bucket/new is a file in a folder `s3:` of the working directory."""
    Path("in.csv").write_text("text,label\ngood,1\nbad,0\n")
    kind = f"an address of {address.partition(':')[0]}"
    for code, *command in (
        (3, "predict", "-m", "builtin", "-i", f"{address}.csv"),
        (3, "predict", "-m", "builtin", "-i", "in.csv", "-o", f"{address}.csv"),
        (2, "predict", "-m", "builtin", "-i", "in.csv", "-o", f"{address}/"),
        (3, "eval", "-m", "builtin", "--data", f"{address}.csv"),
        (3, "init", f"{address}.csv"),
        (2, "train", "quickstart", "--out", address),
    ):
        assert kind in invoke(*command, code=code).err
    monkeypatch.setenv("SENTIBP_CACHE", address)
    assert kind in invoke("cache", code=2).err
    assert os.listdir() == ["in.csv"]
