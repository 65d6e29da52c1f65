"""Paths: the home directory, and how messages show them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
