"""Files and folders that may not be read or written: one line, and exit code 3. Root's privileges are put away."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sentibp.utils import cache

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="capabilities are those of Linux")

READABLE = "permission denied; make it readable for you, or name another"


@pytest.fixture
def user(here: Path) -> Iterator[None]:
    """Give up the privileges by which root reads and writes everything (capabilities(7)), as long as the test runs."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    before, data = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == libc.capget(header, data) == 0
    data[0] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, data) == 0
    yield
    assert libc.capset(header, before) == 0


@pytest.fixture
def locked(user: None) -> Iterator:
    """Return a function that takes all permissions of a path, until the test ends."""
    paths = []

    def lock(path: str | Path, mode: int = 0) -> None:
        paths.append((Path(path), Path(path).stat().st_mode))
        Path(path).chmod(mode)

    yield lock
    for path, mode in reversed(paths):
        if os.path.exists(path):
            path.chmod(mode)


@pytest.fixture
def run(quickstart: Path, here: Path) -> Path:
    shutil.copytree(quickstart, here / "run")
    return Path("run")


@pytest.fixture
def reviews(here: Path) -> Path:
    """A folder with texts by class, beside a table of reviews."""
    for name, word in ("pos", "good"), ("neg", "bad"):
        (here / "texts" / name).mkdir(parents=True)
        for i in range(10):
            (here / "texts" / name / f"{i}.txt").write_text(f"{word} {i}\n")
    (here / "reviews.csv").write_text("text,label\n" + "good,positive\nbad,negative\n" * 10)
    return here / "texts"


@pytest.mark.parametrize(
    "place",
    ["texts", "texts/pos", "texts/neg/3.txt", "reviews.csv"],
)
def test_unreadable_data(fails, run, reviews, locked, place):
    locked(place)
    source = place if place == "reviews.csv" else "texts"
    expected = f"{place}: {READABLE}"
    assert fails(3, "train", "quickstart", "--set", f"data.source={source}") == expected
    assert fails(3, "predict", "-m", run, "-i", source) == expected
    assert fails(3, "eval", run, "--data", source) == expected
    assert fails(3, "init", source) == expected


@pytest.mark.parametrize("mode", [0o444, 0o111])
def test_a_folder_that_is_only_half_readable(fails, run, reviews, locked, mode):
    locked("texts/pos", mode)
    assert fails(3, "predict", "-m", run, "-i", "texts").endswith(f": {READABLE}")


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("model.safetensors", ["predict", "good", "-m", "run"]),
        ("model.safetensors", ["eval", "run"]),
        ("run.json", ["eval", "run"]),
        ("run.json", ["runs", "compare", "run", "run"]),
        ("metrics.jsonl", ["runs", "flow", "run"]),
        ("metrics.jsonl", ["runs", "watch", "run"]),
        ("validation.parquet", ["runs", "compare", "run", "run"]),
        ("influence_log.safetensors", ["blame", "good", "-m", "run"]),
        ("", ["predict", "good", "-m", "run"]),
        ("", ["runs", "flow", "run"]),
        ("", ["train", "--resume", "run"]),
        ("", ["report", "run"]),
    ],
)
def test_unreadable_runs(fails, run, locked, file, command):
    locked(run / file)
    said = fails(3, *command)
    assert said.startswith("run/") and said.endswith(f": {READABLE}")


def test_an_unreadable_config(fails, locked):
    Path("mine.yaml").write_text("data: {source: sample}\n")
    locked("mine.yaml")
    assert fails(2, "train", "mine.yaml") == "mine.yaml: cannot be read: Permission denied"


def test_runs_that_cannot_be_read_are_named_beside_the_others(sentibp, run, locked):
    shutil.copytree(run, "other")
    locked("other/run.json")
    listed = sentibp("runs", "list", ".")
    assert "run " in listed.out and "other" not in listed.out
    assert listed.err == f"other/run.json: {READABLE}\n"


def test_unwritable_places(fails, run, reviews, locked):
    Path("closed").mkdir()
    locked("closed")
    predict = ["predict", "-m", run, "-i", "reviews.csv", "--no-keep", "-o"]
    assert fails(3, *predict, "closed/x.csv") == "--output closed/x.csv: Permission denied; choose another file"
    assert fails(3, "report", run, "--output", "closed/x.html").startswith("--output closed/x.html: Permission denied")
    said = fails(3, "train", "quickstart", "--out", "closed/run")
    assert said == "closed/run: cannot be written: Permission denied; choose another place with --out DIR"


def test_unreadable_entries_of_the_cache_are_passed_over(sentibp, monkeypatch, cache_folder, locked):
    monkeypatch.setattr(cache, "SMALLEST", 1)
    name, arrays = "0" * 32, {"ids": np.arange(10)}
    cache.store(name, "some reviews", arrays)
    entry = sentibp("cache", "--json").json[0]
    assert (entry["what"], type(entry["size"])) == ("some reviews", int)
    locked(cache_folder / name)
    assert cache.load(name) is None
    cache.store(name, "some reviews", arrays)
    assert sentibp("cache", "--json").json == []
    cleared = sentibp("cache", "--clear", "--json")
    assert cleared.json == {"removed": 0}
    assert cleared.err == f"{cache_folder}: 1 of the entries cannot be removed; remove them as their owner\n"
    (cache_folder / name).chmod(0o700)
    (cache_folder / name / "ids.npy").chmod(0)
    assert cache.load(name) is None, "and it is removed"
    cache.store(name, "some reviews", arrays)
    assert sentibp("cache", "--clear", "--json").json["removed"] == entry["size"]
    locked(cache_folder)
    cache.store(name, "some reviews", arrays)
    assert cache.load(name) is None
    assert sentibp("cache", "--json").json == []
    assert sentibp("cache", "--clear").out == "0 B removed\n"
