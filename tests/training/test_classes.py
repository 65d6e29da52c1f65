"""Training with more than two classes: resuming, ensembles, pretraining, weights, early stopping, a start."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp import metrics
from sentibp.config.load import load_config
from sentibp.errors import ConfigError
from sentibp.model.file import load_model
from sentibp.model.head import place, probability
from sentibp.runs import directory
from sentibp.training.events import Epoch, Step
from sentibp.utils.arrow import strings
from sentibp.utils.resources import resource_folder

SMALL = {
    "data": {"source": "sample5", "labels": [1, 2, 3, 4, 5]},
    "text": {"ngrams": 1, "min_count": 2},
    "model": {"embedding": {"dim": 14}, "hidden": [10]},
    "train": {"optimizer": {"name": "adagrad", "learning_rate": 0.1}, "epochs": 2, "batch_size": 64, "refit": False},
}  # an epoch has eight steps
RESULTS = ("model.safetensors", "metrics.jsonl", "validation.parquet", "config.yaml", "influence_log.safetensors")
HEADS = ("scale", "softmax", "cumulative")

KINDS = {
    "scale": ["train.refit=true"],
    "softmax": ["model.output=softmax", "train.word_dropout=0.4", "model.dropout=0.3"],
    "cumulative": ["model.output=cumulative", "train.optimizer=adam"],
    "no order": ["data.ordered=false", "train.early_stopping={metric: macro_f1, patience: 1}", "train.epochs=4"],
    "balanced": ["train.class_weight=balanced", "train.math=plain"],
    "members": ["train.members=2", "train.epochs=1"],
    "a linear member": ["train.linear_member=true", "train.members=2", "train.epochs=1"],
    "vectors of reviews": ["pretrain={vectors: reviews, dim: 5, min_count: 2}", "train.epochs=1"],
    "vectors of words": ["pretrain={vectors: words, dim: 4}", "train.members=2", "train.epochs=1"],
    "vectors of words, softmax": ["pretrain={vectors: words, dim: 4}", "train.epochs=1", "model.output=softmax"],
}


class Killed(BaseException):
    """Simulates a killed process: nothing more is written to the run directory."""


@pytest.fixture
def small(write_config):
    """Return a small config of five classes with `--set` overrides."""
    return lambda *overrides, **more: write_config("small.yaml", overrides, **SMALL | more)


def contents(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in RESULTS if (path / name).exists()}


@pytest.mark.parametrize("head", HEADS)
def test_calibration_scales_the_outputs_but_not_thresholds(small, head):
    """The logits of `cumulative` are no multiples of others: a factor on its output would change the answers."""
    settings = (f"model.output={head}", "train.epochs=1")
    runs = [small(*settings, f"train.calibrate={calibrate}") for calibrate in ("true", "false")]
    scaled, plain = (load_model(runner.train_model(run, Path(f"run{i}")).model).tensors() for i, run in enumerate(runs))
    assert np.array_equal(scaled["output.weight"], plain["output.weight"]) == (head == "cumulative")


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_resumes_to_the_same_bytes(small, monkeypatch, kind):
    resolved, events = small("train.checkpoint.every_steps=3", *KINDS[kind]), []
    whole = runner.train_model(resolved, Path("whole"), watch=events.append)
    assert load_model(whole.model).spec.labels == ("1", "2", "3", "4", "5")
    count = sum(isinstance(event, Step | Epoch) for event in events)
    seen = []

    def kill(event) -> None:
        seen.extend([event] * isinstance(event, Step | Epoch))
        if len(seen) == count * 2 // 3:
            raise Killed

    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    with pytest.raises(Killed):
        runner.train_model(resolved, Path("broken"), watch=kill)
    outcome = runner.resume(Path("broken"), load_config("broken/config.yaml"))
    assert outcome.digest == whole.digest
    assert outcome.scores == whole.scores
    assert contents(Path("broken")) == contents(whole.run)
    assert {*os.listdir("broken")} == {*os.listdir(whole.run)}, "the checkpoint is removed"


SCRIPT = """
import sys
from sentibp.config.load import load_config
from sentibp.training import experiment
settings = ["model.hidden=[64]", "model.embedding.dim=64", "train.epochs=1", "train.word_dropout=0.1"]
for head in sys.argv[1:]:
    print(experiment.train_model(load_config("stars", [*settings, f"model.output={head}"])).digest)
"""


def test_bytes_do_not_depend_on_threads_or_hashes(here):
    digests = set()
    for number in ("1", "2"):
        variables = {"OPENBLAS_NUM_THREADS": number, "OMP_NUM_THREADS": number, "PYTHONHASHSEED": number}
        command = [sys.executable, "-W", "error", "-c", SCRIPT, *HEADS]
        end = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
        assert end.returncode == 0, end.stderr
        digests.add(end.stdout)
    assert len(digests) == 1


@pytest.mark.parametrize("head", HEADS)
def test_an_ensemble_has_the_mean_logits_of_its_members(small, head):
    """One file; of thresholds, the distances are averaged, not the log-probabilities."""
    settings = ["train.calibrate=false", "data.validation=0", "train.epochs=1", f"model.output={head}"]
    both = runner.train_model(small(*settings, "train.members=2"), Path("both"))
    models = [load_model(both.model)]
    models += [
        load_model(runner.train_model(small(*settings, f"train.seed={seed}"), Path(f"one-{seed}")).model)
        for seed in (0, 1)
    ]
    texts = strings(["a great film", "the hotel is in a town", "an awful bore"])
    # Before the head, where cumulative has z.
    outputs = []
    for model in models:
        layers = dict(model.network.layers)
        layers.pop("thresholds", None)
        x = model.encode(texts)[0]
        for layer in layers.values():
            x = layer.forward(x)
        outputs.append(x)
    np.testing.assert_allclose(outputs[0], (outputs[1] + outputs[2]) / 2, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("vectors", ["words", "reviews"])
def test_pretraining_with_several_classes(small, head, vectors):
    """Each head, with reviews of two classes and reviews without labels. The scores are those of the saved model."""
    pretrain = {"vectors": vectors, "dim": 5, "min_count": 2, "source": "sample5", "split": "test"}
    more = {"labelled": "sample"} if vectors == "words" else {}
    outcome = runner.train_model(small(f"model.output={head}", "train.epochs=1", pretrain=pretrain | more), Path("run"))
    facts = json.loads((outcome.run / "run.json").read_text())["data"]
    assert facts["unlabelled"]["reviews"] == 140
    assert outcome.scores["accuracy"] > 0.45, "three stars are 0.43 of the reviews"
    label, probabilities, _ = directory.load_predictions(outcome.run)
    assert np.mean(probabilities.argmax(axis=1) == label) == outcome.scores["accuracy"]


def test_vectors_of_words_need_a_column_for_each_output(small, complaint):
    """Three of softmax, two of scale, and two of the labelled reviews."""
    pretrain = {"vectors": "words", "dim": 9, "labelled": "sample"}
    small("model.embedding.dim=13", pretrain=pretrain)
    message = complaint(ConfigError, small, "model.embedding.dim=12", pretrain=pretrain)
    assert message.endswith(
        "the embedding has 12 columns and needs 13; lower this, or write --set model.embedding.dim=13"
    )
    message = complaint(ConfigError, small, "model.output=softmax", pretrain=pretrain)
    assert "has 14 columns and needs 16" in message
    message = complaint(ConfigError, small, "model.output=cumulative", "model.embedding.dim=11", pretrain=pretrain)
    assert "has 11 columns and needs 12" in message


def write(name: str, texts: list[str], label, **columns) -> None:
    names = ["text", "label", *columns]
    rows = zip(texts, label, *columns.values(), strict=True)
    Path(name).write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n")


def drawn(seed: int, n: int) -> tuple[list[str], np.ndarray]:
    """Return texts and labels 1 to 3; the first word tells the label most of the time."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 3 + 1
    tone = [["bad", "town", "good"][rng.choice(3, p=[0.8 if k == each else 0.1 for k in (1, 2, 3)])] for each in label]
    return [
        " ".join([word, *rng.choice(["film", "plot", "cast"], 2), f"u{seed}x{i}"]) for i, word in enumerate(tone)
    ], label


PLAIN = {
    "data": {"source": "reviews.csv", "labels": [1, 2, 3], "validation": "new.csv"},
    "train": {"batch_size": 1000, "epochs": 3, "word_dropout": 0, "refit": False, "calibrate": False},
    "model": {"embedding": {"dim": 6}, "hidden": [8]},
    "text": {"ngrams": 1, "affixes": False},
}


@pytest.mark.parametrize("head", HEADS)
def test_a_review_of_weight_k_counts_as_k_copies(write_config, head):
    texts, label = drawn(0, 90)
    weight = np.arange(90) // 3 % 3 + 1
    copies = np.repeat(np.arange(90), weight)
    new, truth = drawn(1, 60)
    probabilities = []
    for weighted in (True, False):
        if weighted:
            write("reviews.csv", texts, label, w=weight)
            write("new.csv", new, truth, w=[1] * 60)
        else:
            write("reviews.csv", [texts[i] for i in copies], label[copies])
            write("new.csv", new, truth)
        data = PLAIN["data"] | ({"weight_column": "w"} if weighted else {})
        settings = PLAIN | {"data": data, "model": PLAIN["model"] | {"output": head}}
        outcome = runner.train_model(write_config("w.yaml", **settings), Path(f"run-{weighted}"))
        model = load_model(outcome.model)
        probabilities.append(probability(model.logits(model.encode(strings(new))[0])))
    np.testing.assert_allclose(*probabilities, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("ordered", [True, False])
def test_validation_scores_are_those_of_the_weights_and_of_the_kind_of_classes(write_config, ordered):
    write("reviews.csv", *drawn(0, 90), w=[1] * 90)
    write("new.csv", *drawn(1, 60), w=[1, 5, 1, 3] * 15)
    data = PLAIN["data"] | {"weight_column": "w", "ordered": ordered}
    outcome = runner.train_model(write_config("w.yaml", **PLAIN | {"data": data}), Path("run"))
    label, p, weight = directory.load_predictions(outcome.run)
    names = load_model(outcome.model).spec.labels
    expected, without = (metrics.class_scores(label, p, w, names=names, ordered=ordered) for w in (weight, None))
    assert outcome.scores.keys() == expected.keys()
    assert ("mae" in outcome.scores) is ordered
    for name in metrics.CLASS_BETTER.keys() & expected.keys():
        assert outcome.scores[name] == pytest.approx(expected[name], rel=1e-6)
    assert outcome.scores["log_loss"] != pytest.approx(without["log_loss"], rel=1e-3), "else this test shows nothing"


def test_the_weight_of_a_class_moves_its_answers(write_config):
    texts, label = drawn(0, 90)
    write("reviews.csv", texts, label)
    write("new.csv", *drawn(1, 90))
    shares = {}
    for weight in (1.0, 20.0):
        settings = PLAIN | {"train": PLAIN["train"] | {"class_weight": {2: weight}, "calibrate": True}}
        outcome = runner.train_model(write_config("c.yaml", **settings), Path(f"run-{weight}"))
        _, probabilities, _ = directory.load_predictions(outcome.run)
        shares[weight] = probabilities.mean(axis=0)
    assert shares[20.0][1] > shares[1.0][1] + 0.2


def test_groups_are_not_cut(write_config):
    texts, label = drawn(0, 300)
    film = np.arange(300) // 10
    write("reviews.csv", [f"{text} film{each}" for text, each in zip(texts, film, strict=True)], label, film=film)
    settings = PLAIN | {"data": PLAIN["data"] | {"group_column": "film", "validation": 0.2}}
    outcome = runner.train_model(write_config("g.yaml", **settings), Path("run"))
    label, _, _ = directory.load_predictions(outcome.run)
    assert set(label.tolist()) == {0, 1, 2}
    assert len(label) % 10 == 0


def test_early_stopping_by_a_score_of_several_classes(write_config, complaint):
    """With labels of chance nothing gets better."""
    texts, label = drawn(0, 90)
    write("reviews.csv", texts, np.random.default_rng(0).permutation(label))
    write("new.csv", *drawn(1, 60))
    for metric in ("mae", "macro_f1", "log_loss"):
        stopping = {"metric": metric, "patience": 2}
        settings = PLAIN | {"train": PLAIN["train"] | {"epochs": 60, "early_stopping": stopping}}
        outcome = runner.train_model(write_config("e.yaml", **settings), Path(f"run-{metric}"))
        assert outcome.outcome == "finished"
        epochs = [json.loads(line) for line in (outcome.run / "metrics.jsonl").read_text().splitlines()]
        assert max(each.get("epoch", 0) for each in epochs) < 60, metric
    settings["train"]["early_stopping"] = {"metric": "auc", "patience": 2}
    assert "macro_f1" in complaint(ConfigError, write_config, "f.yaml", **settings)


def test_a_model_of_two_classes_is_a_start_for_five(small):
    """Polarity says the same on the first step; neutrality says nothing yet."""
    binary = {"source": "sample"}
    first = runner.train_model(small(data=binary), Path("first"))
    settings = ["model.init_from=first", "train.optimizer={name: sgd, learning_rate: 1.0e-30}", "train.calibrate=false"]
    second = runner.train_model(small(*settings, "train.epochs=1"), Path("second"))
    texts = strings(["a great film", "an awful film", "the plot"])
    two, five = load_model(first.model), load_model(second.model)
    z = two.logits(two.encode(texts)[0])
    logits = five.logits(five.encode(texts)[0])
    np.testing.assert_allclose(logits, z[:, None] * np.arange(5) / 4, rtol=1e-4, atol=1e-5)


def test_a_model_of_other_classes_is_no_start(small, complaint):
    runner.train_model(small("train.epochs=1"), Path("first"))
    three = {"source": "sample3", "labels": ["negative", "neutral", "positive"]}
    message = complaint(ConfigError, runner.train_model, small("model.init_from=first", data=three), Path("second"))
    assert message.startswith("model.init_from: ")


def test_no_review_of_the_sample_is_a_probe_or_occurs_twice():
    """In any spelling, and in no run of five words."""
    folder = resource_folder("data")

    def words(text: str) -> list[str]:
        return re.findall(r"\w+", text.lower())

    def column(name: str, key: str) -> list[str]:
        with open(folder / name, encoding="utf-8", newline="") as file:
            return [row[key] for row in csv.DictReader(file) if row.get("label", "neutral") == "neutral"]

    probes = [
        *column("probes.csv", "a"),
        *column("probes.csv", "b"),
        *(folder / "retelling.txt").read_text().split("\n"),
    ]
    runs = {tuple(each[i : i + 5]) for each in map(words, probes) for i in range(len(each) - 4)}
    neutral = [words(text) for split in ("train", "test") for text in column(f"stars_{split}.csv", "text")]
    assert len(neutral) == len(set(map(tuple, neutral))) == 300
    assert not [each for each in neutral if any(tuple(each[i : i + 5]) in runs for i in range(len(each) - 4))]
    assert {min(map(len, neutral)), max(map(len, neutral))} == {3, 56}


@pytest.mark.parametrize(("name", "least", "chance"), [("three", 0.6, 0.43), ("stars", 0.48, 0.43)])
def test_the_shipped_configs_learn_more_than_the_largest_class(here, name, least, chance):
    outcome = runner.train_model(load_config(name, ["data.validation=test"]), Path("run"))
    assert outcome.scores["accuracy"] > least > chance
    classifier = load_model(outcome.model)
    assert classifier.spec.head == "scale"
    texts = ["I loved it, a wonderful film.", "The hotel has two floors and a car park.", "Boring and awful."]
    found = probability(classifier.logits(classifier.encode(strings(texts))[0]))
    scale = place(found)
    assert scale[0] > 0.6 > scale[1] > 0.4 > scale[2]
    middle = classifier.spec.labels.index("neutral" if name == "three" else "3")
    assert found.argmax(axis=1)[1] == middle
