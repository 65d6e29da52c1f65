"""The reviews that a config names: validation reviews of their own, folders with splits, joined columns."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from runner import train_model

from sentibp.data import dataset, sources
from sentibp.errors import DataError
from sentibp.inspection.evaluate import evaluate_on
from sentibp.model.file import load_model


@pytest.fixture
def config(write_config):
    """Return a config with these settings of data and overrides."""

    def write(*overrides: str, **data):
        model = {"embedding": {"dim": 4, "padding": 0}, "hidden": []}
        return write_config("own.yaml", overrides, data=data, model=model, train={"epochs": 1, "refit": "auto"})

    return write


@pytest.fixture
def splits(here) -> Path:
    """Return the path of a folder with train.csv, dev.csv and test.csv."""
    corpus = sources.load_corpus("sample")
    folder = Path("films")
    folder.mkdir()
    for name, first, stop in (("train", 0, 200), ("dev", 200, 260), ("test", 260, 320)):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            write = csv.writer(file)
            write.writerow(["text", "label", "title"])
            labels = corpus.label[first:stop].tolist()
            write.writerows(zip(corpus.text[first:stop].to_pylist(), labels, ["Bad film"] * len(labels), strict=True))
    return folder


def sizes(resolved) -> tuple[int, int]:
    training, validation = dataset.load_data(resolved.config)
    assert validation is not None
    return len(training), len(validation)


def test_validation_reviews_in_a_file_of_their_own(config, splits):
    resolved = config(source="films/train.csv", validation="films/dev.csv")
    outcome = train_model(resolved)
    assert outcome.refit is None
    facts = json.loads((outcome.run / "run.json").read_text())["data"]
    training, validation = dataset.load_data(resolved.config)
    assert facts["training"] == dataset.data_facts(training)
    assert facts["validation"] == dataset.data_facts(validation)
    assert evaluate_on(load_model(outcome.run / "model.safetensors")).scores["n"] == len(validation) == 60


def test_the_file_of_the_validation_reviews_lies_beside_the_config(config, splits, monkeypatch):
    resolved = config(source="films/train.csv", validation="films/dev.csv")
    resolved = resolved._replace(path=resolved.path.absolute())
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert train_model(resolved).scores["n"] == 60


@pytest.mark.parametrize("validation", ["validation", "dev", "test"])
def test_a_folder_with_a_file_for_each_split(config, splits, validation):
    assert sizes(config(source="films", validation=validation)) == (200, 60)


def test_a_split_needs_a_folder_with_splits(config, splits):
    for source in ("films/train.csv", "films/lone"):
        Path("films/lone").mkdir(exist_ok=True)
        Path("films/lone/reviews.csv").write_bytes(Path("films/dev.csv").read_bytes())
        with pytest.raises(DataError, match="has no splits"):
            dataset.load_data(config(source=source, validation="test").config)
    message = r"^films: no split 'other'; name another, such as --set data.validation=test; there are: test, train, val"
    with pytest.raises(DataError, match=message):
        dataset.load_data(config(source="films", validation="other").config)
    with pytest.raises(DataError, match=r"^films/nope.csv: no such file; give the path "):
        dataset.load_data(config(source="films", validation="films/nope.csv").config)


def test_several_columns_are_joined_in_training_and_evaluation(config, splits):
    outcome = train_model(config(source="films/train.csv", validation="films/dev.csv", text_column=["title", "text"]))
    classifier = load_model(outcome.run / "model.safetensors")
    assert classifier.training_config().data.text_column == ["title", "text"]
    alone = evaluate_on(classifier, "films/test.csv", text_column="text").scores
    joined = evaluate_on(classifier, "films/test.csv").scores
    assert joined["n"] == alone["n"] == 60
    assert joined["log_loss"] != alone["log_loss"]


def test_unlabelled_reviews_of_a_folder_for_pretraining(config, here):
    for place in ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"):
        Path("films", place).mkdir(parents=True)
        Path("films", place, "1.txt").write_text(place)
    settings = config("pretrain.vectors=reviews", "pretrain.source=films", source="sample").config
    assert settings.pretrain.split == "unsupervised"
    _, unlabelled = dataset.load_pretraining_data(settings)
    assert unlabelled.text.to_pylist() == ["train/unsup"]
