"""What a name that does not exist may have meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentibp.data import readers
from sentibp.data.readers.table import ReadOptions, resolved
from sentibp.utils.near_names import did_you_mean, near_or, near_paths
from sentibp.utils.paths import DATA_SUFFIXES, has_data_suffix


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("new.csv", "texts.csv", "a.csv", "my shop.csv", ".nwe.csv", "sub/Reviews.tsv", "config.yaml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nwe.csv", ["new.csv"]),
        ("new.tsv", ["new.csv"]),
        ("newcsv", ["new.csv"]),
        ("NEW.csv.gz", ["new.csv"]),
        ("new.csv", []),
        ("b.csv", []),
        ("zebra.csv", []),
        ("my shpo.csv", ["my shop.csv"]),
        ("sub/reveiws.tsv", ["sub/Reviews.tsv"]),
        ("./sub/review.csv", ["./sub/Reviews.tsv"]),
        ("sbu", ["sub"]),
        ("sbu/", ["sub"]),
        ("nosuch/new.csv", []),
        ("", []),
        ("x" * 5000, []),
        ("a\0b", []),
    ],
)
def test_the_entries_of_its_folder_that_differ_little(name, near):
    assert near_paths(name) == near


def test_only_the_nearest_are_named():
    """Of short names, every other one has some letters in common."""
    Path("one.csv").touch()
    assert near_paths("nwe.csv") == ["new.csv"]


def test_an_absolute_path_and_the_home_directory_stay_as_they_are_typed(monkeypatch):
    assert near_paths(os.path.abspath("nwe.csv")) == [os.path.abspath("new.csv")]
    monkeypatch.setenv("HOME", os.getcwd())
    assert near_paths("~/nwe.csv") == ["~/new.csv"]


def test_other_names_and_kinds_of_paths():
    assert near_paths("lsat", others=["last", "builtin"]) == ["last"]
    assert near_paths("confg.yml", has_data_suffix) == []
    Path("new.yaml").touch()
    assert near_paths("nwe.yaml") == ["new.yaml", "new.csv"]
    assert near_paths("nwe.yaml", most=1) == ["new.yaml"]


def test_the_question_can_be_typed_in_a_shell():
    assert did_you_mean(near_paths("my shpo.csv")) == "; did you mean 'my shop.csv'?"
    assert did_you_mean(["a", "b"]) == "; did you mean a or b?"
    assert did_you_mean([]) == ""


def test_a_file_that_is_there_has_no_near_name():
    assert near_or("new.cvs", "give another") == "did you mean new.csv?"
    Path("new.cvs").touch()
    assert near_or("new.cvs", "give another") == "give another"
    Path("new.cvs").unlink()
    assert near_or("new.cvs", "give another", (".md",)) == "give another"


def test_names_of_data():
    assert set(readers.SUFFIXES) < set(DATA_SUFFIXES), "every format that is read is known by its name"
    for name in ("a.csv", "dir/A.CSV.gz", "b.jsonl", "c.xls"):
        assert has_data_suffix(name)
    for name in ("U.S.", "3.5/5", ".csv", "x/.csv", "great.movie", "", "csv", "a.yaml", "a.csv.b"):
        assert not has_data_suffix(name)


@pytest.mark.parametrize(
    "name",
    [
        "Texte de l'avis",
        " TEXTE DE L'AVIS ",
        "Texte\xa0de  l\u2019avis",
        "\ufeffTexte de l\u02bcavis\u200f",
        "\uff34\uff25\uff38\uff34\uff25 de l\uff07avis",
    ],
)
def test_a_column_is_found_whatever_nobody_sees(name):
    options = ReadOptions("texte de l'avis", "cat\xe9gorie")
    assert resolved(options, [name, "CATE\u0301GORIE"])[:2] == (name, "CATE\u0301GORIE")
