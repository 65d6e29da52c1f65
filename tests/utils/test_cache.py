"""The cache of encoded text: same results as without it, damage detected, size limited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import runner
from typer.testing import CliRunner

from sentibp.cli import application
from sentibp.data import encode
from sentibp.errors import ConfigError
from sentibp.utils import cache


@pytest.fixture(autouse=True)
def store_small_entries(monkeypatch):
    monkeypatch.setattr(cache, "SMALLEST", 1)


ARRAYS = {"ids": np.arange(1000, dtype=np.int32), "offsets": np.array([0, 400, 1000])}


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_stored_entry_is_loaded_memory_mapped_and_read_only(cache_folder):
    cache.store("a", "about", ARRAYS)
    found = cache.load("a")
    assert found is not None
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert found[name].tolist() == array.tolist()
        assert not found[name].flags.writeable
    assert cache.load("b") is None
    assert stored(cache_folder) == ["a"]


@pytest.mark.parametrize("file", ["ids.npy", "offsets.npy", "entry.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove"])
def test_a_damaged_entry_is_removed(cache_folder, file, damage):
    cache.store("a", "about", ARRAYS)
    path = cache_folder / "a" / file
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[-5] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes({"flip": content, "cut": content[:-1], "empty": b""}[damage])
    if cache.load("a") is not None:
        assert (file, damage) == ("entry.json", "flip"), "a changed letter in the words of what it is about"
    elif (file, damage) != ("entry.json", "remove"):
        assert stored(cache_folder) == []


def test_the_least_recently_used_entry_is_evicted(monkeypatch):
    monkeypatch.setenv("SENTIBP_CACHE_GB", "0.00001")  # 10 kB, and an entry has 4
    for number, name in enumerate("abc"):
        cache.store(name, "about", ARRAYS)
        os.utime(cache.folder() / name / "entry.json", (number, number))
        if name == "b":
            cache.load("a")  # used now
    assert [entry.name for entry in cache.entries()] == ["c", "a"]


def test_an_entry_larger_than_the_cache_is_not_stored(monkeypatch, cache_folder):
    cache.store("a", "about", ARRAYS)
    monkeypatch.setenv("SENTIBP_CACHE_GB", "0.00000401")  # the arrays have 4,024 bytes
    cache.store("b", "about", ARRAYS)
    assert stored(cache_folder) == ["a"], "nor does it drive out what is"


def test_an_existing_entry_is_not_replaced(cache_folder):
    cache.store("a", "first", ARRAYS)
    cache.store("a", "second", ARRAYS)
    assert [entry.about for entry in cache.entries()] == ["first"]
    assert stored(cache_folder) == ["a"], "nothing half-written is left"


def test_no_entry_if_switched_off_or_not_writable_or_too_small(monkeypatch, cache_folder):
    monkeypatch.setattr(cache, "SMALLEST", 10_000)
    cache.store("a", "about", ARRAYS)
    monkeypatch.setattr(cache, "SMALLEST", 1)
    (cache_folder / "file").touch()
    for place in "off", str(cache_folder / "file"), str(cache_folder / "file" / "below"):
        monkeypatch.setenv("SENTIBP_CACHE", place)
        cache.store("a", "about", ARRAYS)
        assert cache.load("a") is None
        assert cache.entries() == []
        assert cache.clear() == (0, 0)
    assert stored(cache_folder) == ["file"]


def test_a_training_from_the_cache_gives_the_same_bytes(here, write_config, monkeypatch):
    resolved = write_config(
        data={"source": "sample"}, train={"epochs": 2, "refit": False, "calibrate": False}
    )  # no trial
    monkeypatch.setattr(encode, "Thread", InThisThread)
    first = runner.train_model(resolved)
    assert len(cache.entries()) == 1
    monkeypatch.setattr(encode, "tokenize", None)  # from here on nothing is tokenized
    monkeypatch.setattr(encode, "text_hashes", None)  # nor hashed
    second = runner.train_model(resolved)
    assert second.digest == first.digest
    hashes = [(outcome.run / "review_hashes.safetensors").read_bytes() for outcome in (first, second)]
    assert hashes[0] == hashes[1]


class InThisThread:
    def __init__(self, target, args):
        self.start = lambda: target(*args)


def test_other_data_and_other_text_settings_are_other_entries(here, write_config, monkeypatch):
    monkeypatch.setattr(encode, "Thread", InThisThread)
    for text in (
        {},
        {"ngrams": 1},
        {"lowercase": False},
        {"folding": 1},
        {"classes": ["url"]},
        {"min_count": 3},
        {"max_features": 9},
    ):
        runner.train_model(write_config(data={"source": "sample"}, text=text, train={"epochs": 1, "refit": False}))
    runner.train_model(write_config(data={"source": "sample", "validation": 0.2}, train={"epochs": 1, "refit": False}))
    assert len(cache.entries()) == 8
    runner.train_model(write_config(data={"source": "sample"}, train={"epochs": 1, "refit": False, "seed": 5}))
    assert len(cache.entries()) == 8, "the seed does not change the text"


STRESS = """
import random, sys
import numpy as np
from sentibp.utils import cache
cache.SMALLEST = 1
random_numbers, found, others = random.Random(sys.argv[1]), 0, 0
for _ in range(300):
    number = random_numbers.randrange(6)
    arrays = cache.load(f"{number:032}")
    if arrays is None:
        cache.store(f"{number:032}", "about", {"ids": np.full(3000, number), "more": np.arange(number, number + 9)})
        continue
    found += 1
    others += not ((arrays["ids"] == number).all() and arrays["more"].tolist() == list(range(number, number + 9)))
    if random_numbers.random() < 0.05:
        cache.clear()
print(found, others)
"""


def test_several_processes_on_one_cache(cache_folder, monkeypatch):
    """They store, load, evict and clear the same entries: each process finds an entry complete or not at all."""
    monkeypatch.setenv("SENTIBP_CACHE_GB", "0.0001")  # 100 kB, and an entry has 24
    command = [sys.executable, "-W", "error", "-c", STRESS]
    started = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(3)]
    for process in started:
        out = process.communicate()[0]
        assert process.returncode == 0
        found, others = map(int, out.split())
        assert found > 0
        assert others == 0
    assert [path for path in stored(cache_folder) if path.startswith(".")] == [], "nothing half-written is left"


def test_leftovers_of_a_killed_process_are_removed_after_a_day(cache_folder):
    for name, age in ("old", 100_000), ("young", 1000):
        (cache_folder / f".new-{name}").mkdir(parents=True)
        os.utime(cache_folder / f".new-{name}", (time.time() - age,) * 2)
    cache.store("a", "about", ARRAYS)
    assert stored(cache_folder) == [".new-young", "a"]


def test_the_command_shows_and_clears(cache_folder):
    cache.store("a" * 32, "imdb, 25,000 reviews", ARRAYS)
    shown = CliRunner().invoke(application(), ["cache"])
    assert "imdb, 25,000 reviews" in shown.stdout
    assert str(cache_folder) in shown.stdout
    assert (
        json.loads(CliRunner().invoke(application(), ["cache", "--json"]).stdout)[0]["what"] == "imdb, 25,000 reviews"
    )
    (cache_folder / ".new-left-by-a-crash").mkdir()
    (cache_folder / "notes.txt").write_text("not ours")
    assert "removed" in CliRunner().invoke(application(), ["cache", "--clear"]).stdout
    assert stored(cache_folder) == ["notes.txt"]


@pytest.mark.parametrize(
    ("named", "folder"), [("~/c", "{}/c"), ("$HOME/c", "{}/c"), ("${HOME}/c", "{}/c"), ("c", "{}/here/c"), ("/c", "/c")]
)
def test_the_folder_is_absolute_and_has_no_variables(named, folder, monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SENTIBP_CACHE", named)
    assert str(cache.folder()) == folder.format(tmp_path)
    monkeypatch.delenv("SENTIBP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert str(cache.folder()) == f"{folder.format(tmp_path)}/sentibp"


@pytest.mark.parametrize("named", ["'~/c'", '"~/c"', " ~/c ", '"$HOME/c"', " ' ~/c ' "])
def test_quotes_and_spaces_of_an_env_file_are_no_names(named, monkeypatch, tmp_path):
    """Docker hands on what an --env-file has: a folder called '~ was made in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("SENTIBP_CACHE", named)
    assert str(cache.folder()) == "/home/ann/c"
    monkeypatch.setenv("SENTIBP_CACHE", " ")
    assert str(cache.folder()).endswith("/sentibp")
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert str(cache.folder()) == "/home/ann/c/sentibp"


@pytest.mark.parametrize("named", ["~nosuchuser/c", "$NOSUCH/c", "/data/${NOSUCH}/c"])
def test_a_user_or_variable_that_does_not_exist_makes_no_folder(named, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIBP_CACHE", named)
    with pytest.raises(ConfigError, match=r"^SENTIBP_CACHE: '.*/c' names a user or a variable that does not exist; "):
        cache.store("a", "about", ARRAYS)
    monkeypatch.delenv("SENTIBP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    with pytest.raises(ConfigError, match=r"^XDG_CACHE_HOME: '.*/c' names a user or a variable that does not exist; "):
        cache.store("a", "about", ARRAYS)
    assert stored(tmp_path) == []


@pytest.mark.parametrize("named", ["${HOME:-/tmp}/c", "$(pwd)/c", "`pwd`/c", "%USERPROFILE%/c", "${HOME/c"])
def test_what_only_a_shell_replaces_makes_no_folder(named, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for variable in "XDG_CACHE_HOME", "SENTIBP_CACHE":
        monkeypatch.delenv("SENTIBP_CACHE", raising=False)
        monkeypatch.setenv(variable, named)
        with pytest.raises(ConfigError, match=rf"^{variable}: '.*' has what only a shell replaces; write"):
            cache.store("a", "about", ARRAYS)
    assert stored(tmp_path) == []


@pytest.mark.parametrize("word", ["none", "Disabled", "on", "1", "TRUE"])
def test_a_word_that_is_no_folder_is_not_guessed(word, monkeypatch, tmp_path):
    """It made a folder of this name in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIBP_CACHE", word)
    with pytest.raises(ConfigError, match=f"^SENTIBP_CACHE: '{word}' is neither off nor the path of a folder; "):
        cache.folder()
    monkeypatch.setenv("SENTIBP_CACHE", f"./{word}")
    assert cache.folder() == tmp_path / word


@pytest.mark.parametrize("off", ["off", "OFF", "0", "no", "False", "'off'"])
def test_a_cache_that_is_off_makes_no_folder_of_that_name(off, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIBP_CACHE", off)
    cache.store("a", "about", ARRAYS)
    assert (cache.folder(), stored(tmp_path)) == (None, [])


@pytest.mark.parametrize("given", ["5GB", "0,5", "nan", "-1"])
def test_a_limit_that_is_no_number_is_refused(given, cache_folder, monkeypatch):
    monkeypatch.setenv("SENTIBP_CACHE_GB", given)
    with pytest.raises(ConfigError, match=f"^SENTIBP_CACHE_GB: '{given}' is not a number of gigabytes; write one"):
        cache.store("a", "about", ARRAYS)


def test_a_cache_in_the_place_of_a_file_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("SENTIBP_CACHE", str(tmp_path / "file"))
    cache.store("a", "about", ARRAYS)
    said = CliRunner().invoke(application(), ["cache"]).stderr
    assert said == f"{tmp_path / 'file'}: not a folder, so nothing is stored; name one with SENTIBP_CACHE\n"
    assert (tmp_path / "file").read_text() == "mine"
