"""`sentibp.train`: reviews in memory, with a run directory or without; the same as from a file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from runner import train_model
from typer.testing import CliRunner

import sentibp
from sentibp.cli import application
from sentibp.config.load import load_config
from sentibp.config.python import line_in_python
from sentibp.data.corpus import fingerprint
from sentibp.errors import ConfigError, InvalidInput, InvalidSetting
from sentibp.model.file import load_model
from sentibp.training.diverged import Diverged
from sentibp.training.in_memory import given_reviews, prepare_reviews, resolve_settings

GOOD = [
    "a good film",
    "what fun",
    "good fun",
    "so good",
    "fun and good",
    "a fine film",
    "fine acting",
    "what a fine end",
]
BAD = ["a bad film", "how dull", "bad and dull", "so bad", "dull acting", "a poor film", "poor acting", "a dull end"]
TEXTS = [f"{text} number {i}" for i in range(3) for text in GOOD + BAD]
LABELS = (["pos"] * 8 + ["neg"] * 8) * 3
SMALL = {"text": {"affixes": False}, "model": {"hidden": []}, "train": {"epochs": 2}}


def test_a_model_its_scores_and_its_history():
    trained = sentibp.train(SMALL, TEXTS, LABELS, train__seed=3, train__seeds=2)
    assert trained.model.answers(["good fun"])[0]["label"] == "positive"
    assert (trained.scored_on, trained.scores["n"], trained.run) == ("validation", 4, None)
    assert (trained.history["seed"], trained.history["epoch"]) == ([3, 3, 4, 4], [1, 2, 1, 2])
    assert list(trained.history.to_pandas().columns) == [
        *("seed", "epoch", "loss", "validation_accuracy", "validation_log_loss")
    ]
    assert trained.history.to_arrow().num_rows == 4
    assert hashlib.sha256(trained.model.to_bytes()).hexdigest() == trained.digest
    assert trained.refit == {"reviews": 48, "fingerprint": trained.refit["fingerprint"]}
    assert any("only 4 validation reviews" in note for note in trained.notes)
    assert "data__validation=0.3" in " ".join(trained.notes)


@pytest.mark.parametrize("kind", [np.array, pd.Series, pl.Series, pa.array], ids=lambda kind: kind.__name__)
def test_every_kind_of_sequence(kind):
    weight, groups = [1.0 + i % 2 for i in range(48)], [i // 4 for i in range(48)]

    def corpus(kind):
        given = given_reviews(kind(TEXTS), kind(LABELS), kind(weight), kind(groups))
        return prepare_reviews(resolve_settings(SMALL, {}, given), given, None).reviews.training

    expected, found = corpus(list), corpus(kind)
    assert fingerprint(found) == fingerprint(expected)
    assert found.group.tolist() == expected.group.tolist()


def test_iterators_are_read_once(here):
    """A run directory keeps what they gave, and so does a validation."""
    weight, groups = [1.0 + i % 2 for i in range(48)], [i // 4 for i in range(48)]
    other = ["a great film", "such a sad end"], ["pos", "neg"], [1.0, 2.0]
    lists = sentibp.train(SMALL, TEXTS, LABELS, sample_weight=weight, groups=groups, validation=other, out="lists")
    found = sentibp.train(
        SMALL,
        iter(TEXTS),
        (label for label in LABELS),
        sample_weight=map(float, weight),
        groups=iter(groups),
        validation=tuple(map(iter, other)),
        out="iterators",
    )
    assert found.scores == lists.scores
    for name in "reviews.parquet", "validation_reviews.parquet":
        assert Path("iterators", name).read_bytes() == Path("lists", name).read_bytes()


@pytest.mark.parametrize("setting", ["train__epochs", "train.epochs"])
def test_settings_by_either_name(setting):
    assert len(sentibp.train(SMALL, TEXTS, LABELS, **{setting: 3}).history) == 3
    assert len(sentibp.train({**SMALL, setting: 3}, TEXTS, LABELS).history) == 3


def test_nothing_is_kept_on_disk(here, monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    sentibp.train(SMALL, TEXTS, LABELS)
    assert os.listdir(here) == os.listdir(folder) == []


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT, pd.NA, ""])
def test_a_text_without_a_group_is_one_of_its_own(missing):
    """Texts with the group NaT were one group."""
    notes = sentibp.train(SMALL, TEXTS, LABELS, groups=[missing] * 48).notes
    assert "data.group_column: has another value for each review, so it keeps none together" in notes


def test_settings_may_be_for_the_classes_and_groups_that_are_given():
    labels = [f"{label}{i % 2}" for i, label in enumerate(LABELS)]
    weighted = sentibp.train(
        SMALL,
        TEXTS,
        labels,
        groups=[i // 4 for i in range(48)],
        train__class_weight={"pos1": 2},
        train__early_stopping__metric="macro_f1",
        text__min_groups=2,
    )
    assert weighted.model.spec.labels == ("neg0", "neg1", "pos0", "pos1")
    assert weighted.model.spec.ordered is False
    with pytest.raises(InvalidSetting, match="'pos2' is not a class"):
        sentibp.train(SMALL, TEXTS, labels, train__class_weight={"pos2": 2})
    repair = (
        "text__min_groups=2: no column says which reviews belong together .*; give groups=, or write text__min_groups"
    )
    with pytest.raises(InvalidSetting, match=repair):
        sentibp.train(SMALL, TEXTS, LABELS, text__min_groups=2)


def test_classes_that_no_setting_names_have_their_defaults():
    """Pooling, learning rate and width were those of two classes: a network of 16 units for 9 topics learns little."""
    labels = [f"Topic {i % 9}" for i in range(48)]
    named = {"data__labels": sorted(set(labels)), "data__ordered": False}
    settings = {"data": {"validation": 0}, "train": {"epochs": 1}}
    for narrow in {}, {"model__hidden": [8]}:
        found, wanted = (sentibp.train(settings, TEXTS, labels, **narrow, **each) for each in ({}, named))
        assert found.model.trained_with == wanted.model.trained_with
        assert found.digest == wanted.digest
        assert found.notes == wanted.notes
        assert any("model.hidden: too small" in note for note in found.notes) is bool(narrow)


@pytest.mark.parametrize(("setting", "argument"), [("group_column", "groups"), ("weight_column", "sample_weight")])
def test_a_column_whose_values_are_not_given_is_named(setting, argument):
    """As of a config for a file: neither is a film on both sides of the cut in silence, nor are weights forgotten."""
    config = {**SMALL, "data": {**SMALL.get("data", {}), setting: "film"}}
    with pytest.warns(sentibp.SentibpWarning, match=f"data__{setting}='film' has no effect .*; give {argument}=$"):
        notes = sentibp.train(config, TEXTS, LABELS).notes
    assert any(f"data__{setting}" in note for note in notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notes = sentibp.train(config, TEXTS, LABELS, **{argument: [1 + i // 2 for i in range(48)]}).notes
    assert not any(f"data__{setting}" in note for note in notes)


def test_other_reviews_to_validate_on(here):
    new, labels = ["a good end", "fun", "a bad end", "dull"], ["pos", "pos", "neg", "neg"]
    trained = sentibp.train(SMALL, TEXTS, LABELS, validation=(new, labels))
    assert trained.scores["n"] == 4
    assert trained.refit is None
    weighted = sentibp.train(SMALL, TEXTS, LABELS, validation=(new, labels, [3, 1, 1, 1]))
    assert weighted.scores["effective_n"] < 4
    pd.DataFrame({"text": TEXTS, "label": LABELS}).to_csv("train.csv", index=False)
    pd.DataFrame({"text": new, "label": labels}).to_csv("dev.csv", index=False)
    Path("mine.yaml").write_text(
        "data: {source: train.csv, validation: dev.csv}\ntext: {affixes: false}\nmodel: {hidden: []}\n"
    )
    outcome = train_model(load_config("mine.yaml"))
    assert sentibp.train("mine.yaml", TEXTS, LABELS).digest == outcome.digest
    for wrong in (new, labels[:2]), (new,), new:
        with pytest.raises(InvalidInput, match="validation"):
            sentibp.train(SMALL, TEXTS, LABELS, validation=wrong)


def test_labels_of_validation_reviews_mean_what_they_do_in_evaluate(here):
    """Those that data.labels lists were refused if the training reviews had none of them."""
    new, ratings = ["a good end", "fun", "a bad end", "dull", "so so"], [4, 5, 2, 1, 3]
    stars = [5 if label == "pos" else 1 for label in LABELS]
    settings = {"data__labels": {"negative": [1, 2], "positive": [4, 5], "ignore": [3]}}
    for out in None, "mine":
        trained = sentibp.train(SMALL, TEXTS, stars, validation=(new, ratings), out=out, **settings)
        assert trained.scores["n"] == 4
        evaluation = sentibp.evaluate(trained.model, texts=new, labels=ratings)
        assert evaluation.scores["accuracy"] == trained.scores["accuracy"]
    assert sentibp.evaluate(load_model("mine")).scores["accuracy"] == trained.scores["accuracy"]
    for wrong in (9, [1]):
        with pytest.raises(
            InvalidInput, match=r"^validation\[1\]\[0\] is .*, and the classes of the model are negative, "
        ):
            sentibp.train(SMALL, TEXTS, stars, validation=(new, [wrong, *ratings[1:]]), **settings)


def test_a_split_is_not_in_memory():
    trained = sentibp.train({**SMALL, "data": {"validation": "dev"}}, TEXTS, LABELS)
    assert trained.scores["n"] == 4
    assert "dev is a split, which texts in memory do not have: 0.1 are held out" in trained.notes[0]


# --- with a run directory


@pytest.mark.parametrize(
    ("labels", "settings"),
    [
        (LABELS, {}),
        ([label == "pos" for label in LABELS], {}),
        (["spam" if label == "pos" else "ham" for label in LABELS], {"data__text_column": "body"}),
        ([5 if label == "pos" else 1 + i % 2 for i, label in enumerate(LABELS)], {"data__ordered": True}),
        (
            [5 - i % 3 if label == "pos" else 1 + i % 3 for i, label in enumerate(LABELS)],
            {"data__labels": {"negative": [1, 2], "positive": [4, 5], "ignore": [3]}},
        ),
        (["ab"[i % 2] if label == "pos" else "c" for i, label in enumerate(LABELS)], {"data__separator": ";"}),
    ],
    ids=["words", "bool", "others", "stars", "ratings", "topics"],
)
@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")
def test_a_run_directory_has_its_reviews(here, labels, settings):
    weight = groups = None
    if settings:
        weight, groups = np.arange(48) % 4, [f"film {i // 3}" for i in range(48)]
    trained = sentibp.train(SMALL, TEXTS, labels, sample_weight=weight, groups=groups, out="mine", **settings)
    assert (trained.run, Path("runs", "last").read_text()) == (Path("mine"), "mine\n")
    assert trained.model.file == Path("mine", "model.safetensors")
    again = train_model(load_config("mine/config.yaml"), Path("again"))
    assert again.digest == trained.digest
    evaluation = sentibp.evaluate(load_model("mine/validated.safetensors"))
    assert evaluation.scores["accuracy"] == trained.scores["accuracy"]


@pytest.mark.parametrize("command", [["eval", "-m", "mine"], ["blame", "-m", "mine", "good"], ["reproduce", "mine"]])
def test_commands_work_on_such_a_run(here, command):
    new = ["a good end", "fun", "a bad end", "dull"]
    sentibp.train(SMALL, TEXTS, LABELS, validation=(new, ["pos", "pos", "neg", "neg"]), out="mine")
    assert {"reviews.parquet", "validation_reviews.parquet"} <= set(os.listdir("mine"))
    result = CliRunner().invoke(application(), command)
    assert result.exit_code == 0, result.output


def test_an_existing_run_is_never_overwritten(here):
    Path("mine").mkdir()
    Path("mine", "file").touch()
    with pytest.raises(InvalidSetting, match="already there, and never overwritten"):
        sentibp.train(SMALL, TEXTS, LABELS, out="mine")


# --- errors, interruption


def test_what_diverged_names_no_file_that_is_gone(here):
    with pytest.raises(Diverged) as caught:
        sentibp.train(SMALL, TEXTS, LABELS, train__optimizer={"name": "sgd", "learning_rate": 1e30})
    assert tempfile.gettempdir() not in str(caught.value)
    assert "--set" not in str(caught.value)
    with pytest.raises(Diverged, match="to look closer: kept"):
        sentibp.train(SMALL, TEXTS, LABELS, train__optimizer={"name": "sgd", "learning_rate": 1e30}, out="kept")


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("write --set data.validation=0.2", "write data__validation=0.2"),
        (
            "write --set 'data.labels={negative: [0], positive: [4]}'; or",
            "write data__labels={'negative': [0], 'positive': [4]}; or",
        ),
        ("did you mean --set train.optimizer=adam?", "did you mean train__optimizer='adam'?"),
        ("with --set text.min_count=1 --set text.min_groups=1", "with text__min_count=1 text__min_groups=1"),
        ("write --set data.labels=[1,2,3]; then", "write data__labels=[1, 2, 3]; then"),
        ("--set data.group_column=NAME, one of: a", "data__group_column='NAME', one of: a"),
        ("set --set data.ordered=false (true: in order)", "set data__ordered=False (true: in order)"),
        ("--set train.early_stopping=null", "train__early_stopping=None"),
        ("nothing to repair", "nothing to repair"),
        ("a --set without a value", "a --set without a value"),
    ],
)
def test_repairs_are_in_python(line, python):
    assert line_in_python(line) == python


def test_an_interrupt_keeps_the_best_model(monkeypatch):
    from sentibp.training import experiment

    events = experiment.Training.events

    def interrupted(self):
        for number, event in enumerate(events(self)):
            if number == 5:
                raise KeyboardInterrupt
            yield event

    monkeypatch.setattr(experiment.Training, "events", interrupted)
    trained = sentibp.train({**SMALL, "train": {"epochs": 9, "batch_size": 16, "refit": False}}, TEXTS, LABELS)
    assert len(trained.history) < 9
    assert trained.model.answers(["good"])
    with pytest.raises(KeyboardInterrupt):
        sentibp.SentimentClassifier(SMALL, train__epochs=9, train__batch_size=16).fit(TEXTS, LABELS)


# --- scores of other reviews in memory


@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")
def test_evaluate_with_another_decision(here):
    """It took an object of a class that is not public; any other value was a traceback."""
    model = sentibp.load_model("builtin")
    texts, labels = ["a good film", "dull", "a film"], ["pos", "neg", "pos"]
    scores = sentibp.evaluate(model, texts=texts, labels=labels, threshold=0.999999).scores
    assert scores["confusion"]["true_positive"] == 0
    scores = sentibp.evaluate(model, texts=texts, labels=labels, cost=[[0, 1], [1e9, 0]]).scores
    assert scores["confusion"]["true_negative"] == 0
    for wrong in {"threshold": 2}, {"cost": "distance of 2"}, {"threshold": 0.5, "cost": [[0, 1], [1, 0]]}:
        with pytest.raises(sentibp.SentibpError, match=r"^(?!--)"):
            sentibp.evaluate(model, texts=texts, labels=labels, **wrong)


@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")
def test_evaluate_in_memory(here):
    trained = sentibp.train(SMALL, TEXTS, ["spam" if label == "pos" else "ham" for label in LABELS])
    evaluation = sentibp.evaluate(trained.model, texts=pd.Series(["good fun", "dull"]), labels=["spam", "ham"])
    assert evaluation.scores["accuracy"] == 1
    assert evaluation.scores["n"] == 2
    assert "only 2 reviews" in evaluation.notes[-1]
    pd.DataFrame({"text": TEXTS, "label": LABELS, "weight": range(48)}).to_csv("f.csv", index=False)
    binary = sentibp.train(SMALL, TEXTS, LABELS, data__weight_column="weight").model
    from_file = sentibp.evaluate(binary, "f.csv", overrides=["data.weight_column=weight"])
    in_memory = sentibp.evaluate(binary, texts=TEXTS, labels=LABELS, sample_weight=range(48))
    assert json.dumps(in_memory.scores) == json.dumps(from_file.scores)
    with pytest.raises(InvalidInput, match=r"texts\[1\]: weight nan; give a finite number"):
        sentibp.evaluate(binary, texts=["a", "b"], labels=[1, 0], sample_weight=[1, float("nan")])
    for labels, message in (["good", "bad"], r"labels\[0\] is 'good', and the classes"), (["pos"], "labels has 1"):
        with pytest.raises(InvalidInput, match=message):
            sentibp.evaluate(binary, texts=["a", "b"], labels=labels)
    with pytest.raises(sentibp.SentibpError, match="give either texts, or a source"):
        sentibp.evaluate(binary, "f.csv", texts=["a"], labels=[1])
    texts, turned = pd.Series(["a", "b"]), pd.Series([1, 0], index=[1, 0])
    with pytest.raises(InvalidInput, match="labels has the index of texts in another order"):
        sentibp.evaluate(binary, texts=texts, labels=turned)
    with pytest.raises(InvalidInput, match=r"validation\[1\] has the index of validation\[0\] in another order"):
        sentibp.train(SMALL, TEXTS, LABELS, validation=(texts, turned))


def test_a_saved_model_says_that_its_reviews_were_in_memory(here):
    sentibp.SentimentClassifier(SMALL).fit(TEXTS, LABELS).save("model.safetensors")
    result = CliRunner().invoke(application(), ["eval", "-m", "model.safetensors"])
    assert result.exit_code == 3
    assert (
        "a Python program had the reviews of the training in memory; name a file or data set with --data"
        in result.output
    )
    Path("f.csv").write_text("text,label\ngood,1\nbad,0\n")
    assert CliRunner().invoke(application(), ["eval", "-m", "model.safetensors", "--data", "f.csv"]).exit_code == 0


def test_similar_texts_are_held_out_together():
    """As from a file. Groups that the caller gives are better, and a note says how."""
    rng = np.random.default_rng(0)
    sentences = [[f"w{word}" for word in rng.integers(10**6, size=16)] for _ in range(60)]
    texts = [" ".join(words[start : start + 13]) for words in sentences for start in range(4)]
    labels, groups = [number // 4 % 2 for number in range(240)], [number // 4 for number in range(240)]
    notes = [note for note in sentibp.train(SMALL, texts, labels).notes if "nearly" in note]
    assert len(notes) == 1 and "are held out together (data.group_similar); if you know which" in notes[0]
    assert notes[0].endswith("say so with groups=")
    assert not any("nearly" in note for note in sentibp.train(SMALL, texts, labels, groups=groups).notes)
    apart = sentibp.train(SMALL, texts, labels, data__group_similar=False)
    assert "expect lower scores" in next(note for note in apart.notes if "nearly" in note)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("out", [None, "run"])
def test_repairs_for_validation_reviews_that_are_given(out):
    """`data__validation=0.1` would have no effect beside `validation=`."""
    with pytest.raises(InvalidInput, match=r"so its scores say nothing about new ones; give other reviews$"):
        sentibp.train(SMALL, TEXTS, LABELS, validation=(TEXTS[:20], LABELS[:20]), out=out)
    other = [f"{text} again" for text in TEXTS[:20]], LABELS[:20]
    notes = sentibp.train(SMALL, TEXTS, LABELS, validation=other, out=out, data__block_size=4).notes
    fact = "data.block_size has no effect: the validation reviews are given apart"
    assert f"{fact}; write data__block_size=1" in notes


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("out", [None, "run"])
@pytest.mark.parametrize(("setting", "value", "off"), [("group_similar", True, False), ("block_size", 8, 1)])
def test_reviews_are_kept_together_in_one_way(setting, value, off, out):
    """As in a file, whose column of groups and these settings exclude each other."""
    groups, key = [i // 4 for i in range(48)], f"data__{setting}"
    expected = f"{key}={value}: groups= says which reviews stay together; leave groups= out, or write {key}={off}"
    with pytest.raises(ConfigError) as caught:
        sentibp.train(SMALL, TEXTS, LABELS, groups=groups, out=out, **{key: value})
    assert str(caught.value) == expected
    sentibp.train(SMALL, TEXTS, LABELS, groups=groups, out=out, **{key: off})
    sentibp.train(SMALL, TEXTS, LABELS, **{key: value})


@pytest.mark.parametrize("label", ["what", None, float("nan")])
@pytest.mark.parametrize("kind", [list, iter, lambda values: pd.Series(values, dtype=object)])
@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")
def test_a_label_of_weight_0_may_be_unknown_or_missing(here, label, kind):
    """As in a file: the text is as if absent."""
    texts = [each for text in TEXTS for each in (text, f"{text} or not")]
    labels = [each for known in LABELS for each in (known, label)]
    weight = [1.0, 0.0] * len(TEXTS)
    expected = sentibp.train(SMALL, TEXTS, LABELS, sample_weight=[1.0] * len(TEXTS), out="expected")
    given = texts, kind(labels)
    trained = sentibp.train(SMALL, *given, sample_weight=kind(weight), out="mine")
    assert trained.digest == expected.digest
    assert train_model(load_config("mine/config.yaml"), Path("again")).digest == trained.digest
    model = expected.model
    scores = sentibp.evaluate(model, texts=texts, labels=kind(labels), sample_weight=kind(weight)).scores
    assert scores == sentibp.evaluate(model, texts=TEXTS, labels=LABELS, sample_weight=[1.0] * len(TEXTS)).scores
    classifier = sentibp.SentimentClassifier(SMALL).fit(texts, kind(labels), kind(weight))
    assert list(classifier.classes_) == sorted(set(LABELS))
    assert classifier.score(texts, kind(labels), kind(weight)) == classifier.score(TEXTS, LABELS)
    middle = slice(40, 56)  # of both classes
    validation = [f"so {text}" for text in texts[middle]], kind(labels[middle]), kind(weight[middle])
    apart = sentibp.train(SMALL, TEXTS, LABELS, validation=validation, out="apart")
    assert apart.scores["n"] == 8
    if label != "what":  # which would be a third class
        with pytest.raises(InvalidInput, match=r"labels\[1\] is missing"):
            sentibp.train(SMALL, texts, kind(labels))


def test_texts_in_the_place_of_a_source():
    """The message was that the first text is neither a file nor a known name."""
    model = sentibp.train(SMALL, TEXTS, LABELS).model
    with pytest.raises(InvalidInput, match=r"for texts in memory, write texts=..., labels=..."):
        sentibp.evaluate(model, TEXTS, LABELS)
