"""A training that gives each text a temperature: the final training, resuming, a start from it, and saving it again."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp import SentimentClassifier, load_model
from sentibp.metrics.multiclass import class_scores
from sentibp.model.spec import NetworkSpec
from sentibp.training.events import Epoch, Step

TOPICS = ("ash", "elm", "fir", "oak")
RESULTS = ("model.safetensors", "validated.safetensors", "metrics.jsonl", "validation.parquet", "config.yaml")


def long_and_short(n: int, seed: int) -> list[tuple[str, str]]:
    """Return texts of one to sixty words, which name one topic. A sixth of them, whether short or long, are of another.

    So each word adds to the logit, but long texts are no surer than short ones.
    """
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        named = i % len(TOPICS)
        other = (named + int(rng.integers(1, len(TOPICS)))) % len(TOPICS)
        words = [f"{TOPICS[named]}{j}" for j in rng.integers(0, 40, int(np.exp(rng.uniform(0, 4.1))))]
        rows.append((" ".join(words), TOPICS[other if rng.random() < 1 / 6 else named]))
    return rows


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("topics") / "topics.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *long_and_short(900, 0)])
    return path


@pytest.fixture
def topics(write_config, source):
    sections = {
        "data": {"source": str(source), "labels": list(TOPICS), "ordered": False, "validation": 0.3},
        "text": {"ngrams": 1, "min_count": 1},
        "model": {"embedding": {"dim": 8}, "hidden": [8]},
        "train": {"epochs": 1, "checkpoint": {"every_steps": 4}},
    }
    return lambda *overrides: write_config("topics.yaml", overrides, **sections)


def temperature(path):
    tensors = load_model(path).tensors()
    return {name: float(tensors[name][0]) for name in ("temperature.power", "temperature.spread") if name in tensors}


def kill_at(n: int):
    """Raise an error at the n-th step or epoch, as if the process ended there."""
    seen = []

    def watch(event) -> None:
        seen.extend([event] * isinstance(event, Step | Epoch))
        if len(seen) == n:
            raise MemoryError

    return watch


def test_the_final_training_has_the_temperature_that_was_chosen_before(topics):
    outcome = runner.train_model(topics("train.refit=true"), Path("run"))
    chosen = temperature(Path("run") / "validated.safetensors")
    assert chosen["temperature.power"] > 0.3
    assert temperature(outcome.model) == chosen

    texts, labels = zip(*long_and_short(900, 1), strict=True)
    number = np.array([TOPICS.index(label) for label in labels])
    model = load_model(outcome.model)
    with_it = class_scores(number, model.predict(list(texts)).positive, names=TOPICS, ordered=False)
    runner.train_model(topics("train.refit=true", "train.calibrate=false"), Path("plain"))
    plain = load_model(Path("plain"))
    assert not plain.spec.adaptive_temperature
    without = class_scores(number, plain.predict(list(texts)).positive, names=TOPICS, ordered=False)
    assert with_it["accuracy"] == without["accuracy"], "labels are the same"
    assert with_it["log_loss"] < without["log_loss"]


@pytest.mark.parametrize("events", [3, 5, 9], ids=["before the first epoch", "after it", "in the final training"])
def test_an_interrupted_training_ends_with_the_same_bytes(topics, events):
    settings = topics("train.refit=true", "train.batch_size=200")
    whole = runner.train_model(settings, Path("whole"))
    with pytest.raises(MemoryError):
        runner.train_model(settings, Path("killed"), watch=kill_at(events))
    resumed = runner.resume(Path("killed"), settings)
    assert resumed.digest == whole.digest
    for name in RESULTS:
        assert (Path("killed") / name).read_bytes() == (Path("whole") / name).read_bytes()


def test_no_temperature_without_an_order_that_class_weights_or_the_head_exclude(topics):
    for changes in ["train.class_weight=balanced"], ["data.ordered=true"], ["train.calibrate=false"]:
        outcome = runner.train_model(topics("train.refit=false", *changes), Path(changes[0]))
        assert temperature(outcome.model) == {}


def test_a_training_that_starts_from_such_a_model_finds_a_temperature_of_its_own(topics, source):
    first = runner.train_model(topics("train.refit=false"), Path("first"))
    second = runner.train_model(topics("train.refit=false", "model.init_from=first"), Path("second"))
    assert set(temperature(second.model)) == set(temperature(first.model)) != set()
    assert temperature(second.model) != temperature(first.model)
    spec = load_model(second.model).spec
    assert NetworkSpec.from_config(load_model(second.model).training_config()) != spec


def test_the_estimator_keeps_it_in_pickles_and_files(source, tmp_path):
    texts, labels = zip(*long_and_short(900, 0), strict=True)
    settings = {
        "text": {"ngrams": 1, "min_count": 1},
        "train": {"epochs": 1},
        "data": {"validation": 0.3, "ordered": False},
    }
    trained = SentimentClassifier(settings).fit(texts, labels)
    assert trained.model_.spec.adaptive_temperature
    some = texts[:20]
    expected = trained.predict_proba(some)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(trained)).predict_proba(some), expected)
    file = tmp_path / "saved.safetensors"
    file.write_bytes(trained.model_.to_bytes())
    loaded = load_model(file)
    np.testing.assert_array_equal(loaded.predict(list(some)).positive, trained.model_.predict(list(some)).positive)
    assert loaded.to_bytes() == trained.model_.to_bytes()
