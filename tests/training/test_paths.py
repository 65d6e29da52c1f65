"""Which files a config means, and that a model does not depend on where they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from runner import reproduce

import sentibp
from sentibp import load_model, train_model
from sentibp.config import paths as config_paths
from sentibp.config.load import load_config
from sentibp.errors import ConfigError
from sentibp.training.paths import resolve_paths
from sentibp.training.prepare import prepare

SMALL = {"model": {"embedding": {"dim": 4}, "hidden": []}, "train": {"epochs": 1}, "text": {"ngrams": 1}}


def reviews(path: str, count: int, word: str = "film") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{word} {i} is {['bad', 'good'][i % 2]},{i % 2}\n" for i in range(count))
    Path(path).write_text(f"text,label\n{rows}", encoding="utf-8")


def test_the_folder_of_the_config_has_precedence(write_config):
    """A file of the same name in the working directory is another one."""
    resolved = write_config("cfg/c.yaml", data={"source": "d.csv"}, **SMALL)
    reviews("cfg/d.csv", 40)
    reviews("d.csv", 20)
    data = prepare(resolved)
    assert (len(data.training), len(data.validation)) == (36, 4)
    assert data.notes[0].startswith("d.csv: taken from the folder of the config (cfg/d.csv), not from the working")
    given = load_config("cfg/c.yaml", ["data.source=d.csv"])
    data = prepare(given)
    assert len(data.training) == 18, "a person types it in this directory"
    assert not any("taken from" in note for note in data.notes)
    os.remove("cfg/d.csv")
    data = prepare(resolved)
    assert len(data.training) == 18
    assert not any("taken from" in note for note in data.notes)


def test_a_file_beside_a_link_to_a_config_and_another_beside_the_config(write_config, here):
    write_config("real/c.yaml", data={"source": ["d.csv", "imdb"]})
    Path("links").mkdir()
    Path("links/c.yaml").symlink_to("../real/c.yaml")
    resolved = load_config("links/c.yaml")
    reviews("real/d.csv", 10)
    config, notes = resolve_paths(resolved)
    assert (config.data.source, notes) == ([str(here / "real" / "d.csv"), "imdb"], ())
    reviews("links/d.csv", 12)
    config, notes = resolve_paths(resolved)
    assert config.data.source == [str(here / "links" / "d.csv"), "imdb"]
    assert notes == (
        "d.csv: taken from the folder of the link to the config (links/d.csv), not from that of the config itself "
        f"({here / 'real' / 'd.csv'}), which has another file of that name",
    )
    assert resolve_paths(load_config("real/c.yaml"))[1] == ()
    os.remove("links/d.csv")
    Path("links/d.csv").symlink_to("../real/d.csv")
    assert resolve_paths(resolved)[1] == (), "the same file"


@pytest.mark.parametrize("key", [*config_paths.SOURCES, *config_paths.FILES])
def test_each_setting_that_names_a_file_becomes_absolute(write_config, here, key):
    resolved = write_config("cfg/c.yaml", data={"source": "imdb"})
    resolved = resolved._replace(config=config_paths.replace(resolved.config, key, "x.d"))
    model = train_model(write_config(data={"source": "xor", "validation": 0}, **SMALL)).model
    for name in "x.d", "cfg/x.d":
        shutil.copy(model, name)
    config, notes = resolve_paths(resolved)
    assert config_paths.get(config, key) == str(here / "cfg" / "x.d")
    assert len(notes) == 1
    config, notes = resolve_paths(resolved._replace(origins={key: "--set"}))
    assert config_paths.get(config, key) == str(here / "x.d")
    assert notes == ()
    assert config_paths.get(config_paths.with_names_only(config), key) == "x.d"


def test_names_that_are_no_paths_stay(write_config):
    resolved = write_config("cfg/c.yaml", data={"source": ["imdb", "someone/reviews"]})
    config, notes = resolve_paths(resolved)
    assert (config.data.source, notes) == (["imdb", "someone/reviews"], ())
    assert config_paths.with_names_only(config) == config


def test_a_folder_without_a_suffix_is_not_taken_for_a_built_in_name(write_config, here):
    (here / "cfg" / "imdb").mkdir(parents=True)
    config, _ = resolve_paths(write_config("cfg/c.yaml", data={"source": "./imdb"}))
    assert config.data.source == str(here / "cfg" / "imdb")
    assert config_paths.with_names_only(config).data.source == "./imdb"


def test_a_missing_model_is_named_with_its_setting(write_config, complaint):
    resolved = write_config(data={"source": "sample"}, model={"init_from": "nowhere"})
    assert complaint(ConfigError, resolve_paths, resolved).startswith("model.init_from: nowhere: no such run or model")


def test_a_model_that_a_run_began_with_and_that_was_moved(write_config, complaint, here):
    """The advice was `sentibp runs list`, where it is not."""
    start = train_model(write_config(data={"source": "sample"}, **SMALL), Path("start")).run
    sections = {"data": {"source": "sample"}, "model": {"init_from": "start"}, "train": SMALL["train"]}
    run = train_model(write_config("b.yaml", **sections), Path("run")).run
    shutil.move(start, "moved")
    stored = load_config(run / "config.yaml")
    name = stored.config.model.init_from
    assert complaint(ConfigError, resolve_paths, stored) == (
        f"model.init_from: {name} is gone; restore it, or if it was moved, work in the folder that has start now"
    )
    Path("there").mkdir()
    shutil.move("moved", "there/start")
    os.chdir("there")
    assert resolve_paths(load_config(here / run / "config.yaml"))[1][0].endswith(
        "is gone; taken from start/model.safetensors"
    )


def test_the_bytes_of_a_model_do_not_depend_on_where_its_data_are(write_config):
    reviews("a/d.csv", 40)
    first = train_model(write_config("a/c.yaml", data={"source": "d.csv"}, **SMALL))
    shutil.copytree("a", "elsewhere/b")
    os.chdir("elsewhere")
    second = train_model(load_config("b/c.yaml"))
    assert second.digest == first.digest
    assert load_config(second.run / "config.yaml").config.data.source == str(Path.cwd() / "b" / "d.csv")
    assert load_model(second.model).training_config().data.source == "d.csv"
    assert train_model(load_config(second.run / "config.yaml")).digest == first.digest


def test_a_project_that_was_moved(write_config):
    """The stored path is gone; the same file is found below the working directory."""
    reviews("old/data/d.csv", 40)
    run = train_model(write_config("old/c.yaml", data={"source": "data/d.csv"}, **SMALL), Path("old/run")).run
    shutil.move("old", "new")
    os.chdir("new")
    config, notes = resolve_paths(load_config(run.name + "/config.yaml"))
    assert config.data.source == str(Path("data/d.csv").absolute())
    assert notes[0].endswith("old/data/d.csv is gone; taken from data/d.csv")


@pytest.mark.usefixtures("here")
def test_reviews_that_a_run_keeps_are_moved_with_it():
    texts, labels = ["good fun", "dull and bad"] * 20, [1, 0] * 20
    run = sentibp.train(SMALL, texts, labels, validation=(texts[:4], labels[:4]), out="kept").run
    assert run is not None
    shutil.move(run, "moved")
    data = resolve_paths(load_config("moved/config.yaml"))[0].data
    assert data.source == os.path.abspath("moved/reviews.parquet")
    assert data.validation == os.path.abspath("moved/validation_reviews.parquet")
    assert reproduce(Path("moved")).same
    evaluation = sentibp.evaluate(sentibp.load_model("moved"))
    assert evaluation.scores["n"] == 4
    assert any(note.endswith("is gone; taken from moved/reviews.parquet") for note in evaluation.notes)


def test_what_else_the_name_of_the_config_may_mean_is_among_the_notes(here):
    Path("xor.yaml").write_text("data: {source: xor}\n")
    assert (
        prepare(load_config("xor")).notes[0].startswith("xor: the config that comes with sentibp, not the file xor.y")
    )
