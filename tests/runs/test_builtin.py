"""The built-in model: found by its name, or where there is no run; and what is installed is what its record says."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import pytest

import sentibp
from sentibp.errors import ConfigError
from sentibp.inspection.probes import load_probes, run_probes
from sentibp.runs import find
from sentibp.runs.directory import MODEL
from sentibp.utils import tensor_file

LINE = "no trained model here: using the built-in model, -m builtin\n"


@pytest.fixture(autouse=True)
def _here(here):
    pass


def test_it_is_what_its_record_says():
    path = find.builtin_file()
    content, record = path.read_bytes(), json.loads((path.parent / "provenance.json").read_text("utf-8"))
    assert hashlib.sha256(content).hexdigest() == record["sha256"], "run benchmarks/make_builtin.py"
    assert len(content) == record["after"]["bytes"] <= 1_000_000
    assert record["config"] == "reviews"
    classifier = sentibp.load_model("builtin")
    assert classifier.file == path
    assert classifier.scores["accuracy"] == record["after"]["accuracy"]
    assert len(classifier.vocabulary) == record["after"]["features"]
    assert classifier.training_config().data.source == ["imdb", "rotten_tomatoes"]


def test_it_holds_words_and_numbers_and_no_review():
    header, tensors = tensor_file.read_tensor_file(find.builtin_file())
    assert set(header) == {"checksum", "config", "format", "labels", "scores", "version"}
    assert {name for name in tensors if not name.startswith(("hidden.", "output.", "embedding."))} == {
        "vocabulary.endings",
        "vocabulary.levels",
        "vocabulary.ngrams",
        "vocabulary.prefixes",
        "vocabulary.shared",
    }
    endings = zlib.decompress(tensors["vocabulary.endings"].tobytes())
    assert b" " not in endings
    assert max(map(len, endings.split(b"\n"))) < 60


def test_what_people_type_first():
    kinds = run_probes(sentibp.load_model("builtin"), load_probes())["kinds"]
    for kind in "short", "filler", "case", "typo":
        assert kinds[kind]["rate"] >= 0.9, kind


@pytest.mark.parametrize("name", ["builtin", Path("builtin")])
def test_it_is_found_by_its_name(name, capsys):
    assert find.model_file(name) == find.builtin_file()
    assert find.validated_file(name) == find.builtin_file()
    assert capsys.readouterr() == ("", "")


def test_where_no_run_is(capsys):
    assert find.model_file(None) == find.builtin_file()
    assert capsys.readouterr().err == LINE
    with pytest.raises(ConfigError) as caught:
        find.model_file("last")
    assert str(caught.value).startswith("no finished run here (there is no runs/last)")
    assert str(caught.value).endswith("or the built-in model: -m builtin")


def test_a_run_comes_first(capsys):
    run = Path("runs/a")
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"outcome": "finished", "start": "2026", "scores": None}))
    (run / MODEL).write_bytes((2).to_bytes(8, "little") + b"{}")
    Path("runs/last").write_text("runs/a\n")
    assert find.model_file(None) == run / MODEL
    assert capsys.readouterr() == ("", "")
    Path("runs/last").unlink()
    assert find.model_file(None) == run / MODEL
    assert "using the newest run" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["builtin", "runs/builtin"])
def test_a_directory_of_that_name_comes_first(place, capsys):
    Path(place).mkdir(parents=True)
    Path(place, MODEL).write_bytes((2).to_bytes(8, "little") + b"{}")
    assert find.model_file("builtin") == Path(place, MODEL)
    line = f"{place}: used, because it is here; for the built-in model, work in another folder\n"
    assert capsys.readouterr().err == line
