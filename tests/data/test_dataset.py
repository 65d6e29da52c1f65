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


def test_a_folder_without_training_reviews_names_its_other_files(config, splits):
    """Files of no split are named, with what reads them; the options work when they are typed."""
    other = Path("others")
    other.mkdir()
    lines = Path("films/train.csv").read_text("utf-8").splitlines(keepends=True)
    for name, rows in (("a1", lines[1:101]), ("a2", lines[101:])):
        (other / f"{name}.csv").write_text("".join([lines[0], *rows]), "utf-8")
    (other / "dev.csv").write_bytes(Path("films/dev.csv").read_bytes())
    fact = "others: no split 'train'; name another, such as --set data.split=validation; there are: validation; "
    options = "--set data.source=[others/a1.csv,others/a2.csv] --set data.validation=others/dev.csv"
    for validation in (0.1, "dev"):
        with pytest.raises(DataError) as caught:
            dataset.load_data(config(source="others", validation=validation).config)
        assert str(caught.value) == f"{fact}of no split: a1.csv, a2.csv; to train on these: {options}"
    assert sizes(config(*options.split()[1::2], source="others")) == (200, 60)

    (other / "a2.csv").unlink()
    with pytest.raises(DataError) as caught:
        dataset.load_data(config(source="others").config)
    assert "of no split: a1.csv; to train on this: --set data.source=others/a1.csv --set data.v" in str(caught.value)

    (other / "dev.csv").rename(other / "train.csv")
    with pytest.raises(DataError) as caught:
        dataset.load_data(config(source="others", validation="dev").config)
    repair = "there are: train; of no split: a1.csv; to validate on one: --set data.validation=others/a1.csv"
    assert str(caught.value).endswith(repair)
    with pytest.raises(DataError, match=r"of no split: a1.csv; name one of them, such as others/a1.csv$"):
        sources.load_corpus("others", split="test")


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
