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
