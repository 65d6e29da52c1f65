"""The final training (refit) on all data, including the reviews that were held out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runner
from runner import reproduce, resume, train_model

from sentibp.config.load import load_config
from sentibp.data import dataset
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import influence
from sentibp.inspection.evaluate import evaluate_on
from sentibp.model import file as model_file
from sentibp.model import fold as model_fold
from sentibp.model import initial
from sentibp.runs import directory, find
from sentibp.training import best_epoch, networks, prepare, refit
from sentibp.training.diverged import Diverged
from sentibp.training.events import Epoch, Event, NetworkStarted, Note
from sentibp.utils import files

SMALL: dict[str, Any] = {
    "text": {"ngrams": 1},
    "model": {"embedding": {"dim": 8}, "hidden": [4]},
    "train": {"optimizer": {"learning_rate": 0.1}, "epochs": 3, "batch_size": 32, "refit": True},
}
KINDS = {
    "one network": [],
    "the best of two seeds": ["train.seeds=2"],
    "several networks": ["train.members=2"],
    "vectors of reviews": ["pretrain.vectors=reviews", "pretrain.dim=5", "text.ngrams=2"],
    "vectors of words": ["pretrain.vectors=words", "pretrain.dim=5", "pretrain.labelled=sample"],
}


@pytest.fixture
def small(write_config):
    """Return a small config with `--set` overrides."""
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


def interrupt_refit(kind: type, error: type[BaseException]):
    """Return a `watch` that raises at the first event of a kind in the final training."""
    chosen = []

    def watch(event) -> None:
        chosen.extend([event] * (isinstance(event, Note) and "final training" in event.text))
        if chosen and isinstance(event, kind):
            raise error

    return watch


@pytest.mark.parametrize("overrides", KINDS.values(), ids=KINDS)
def test_scores_are_those_of_the_validated_model_which_is_kept(small, overrides):
    outcome = train_model(small(*overrides))
    alone = train_model(small(*overrides, "train.refit=false"))
    assert (outcome.scores, outcome.kept, outcome.seeds) == (alone.scores, alone.kept, alone.seeds)
    validated = find.validated_file(str(outcome.run))
    assert (validated.name, alone.refit) == (directory.VALIDATED, None)
    before, chosen, refitted = (model_file.load_model(path) for path in (validated, alone.model, outcome.model))
    assert all(np.array_equal(tensor, chosen.tensors()[name]) for name, tensor in before.tensors().items())
    assert evaluate_on(before).scores["log_loss"] == outcome.scores["log_loss"]
    assert before.training_config().data.validation == 0.1
    assert outcome.refit["reviews"] == 320
    assert len(refitted.vocabulary) >= len(before.vocabulary), "it may have more words"
    label, positive, _ = directory.load_predictions(outcome.run)
    assert len(label) == len(positive) == outcome.scores["n"] == 32


def test_refit_is_the_same_training_on_all_reviews_with_the_calibration(small):
    outcome = train_model(small("train.epochs=1"))
    assert train_model(small("train.epochs=1", "data.validation=0")).refit is None, (
        "there is nothing to refit: no reviews are held out"
    )
    events = [json.loads(line) for line in (outcome.run / "metrics.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events if event["event"] in ("epoch", "refit")] == ["epoch", "refit"]

    before = len(model_file.load_model(find.validated_file(str(outcome.run))).vocabulary)
    all_ = prepare.prepare(small("train.epochs=1", "data.validation=0"))
    classifier = initial.build_classifier(all_.config, all_.vocabulary, 0, None, all_.training, before=before)
    assert [event for event in runner.fit(classifier, all_.training, None, 0) if isinstance(event, Epoch)]
    refitted, expected = model_file.load_model(outcome.model).tensors(), classifier.tensors()
    factor = refitted["output.weight"] / expected["output.weight"]
    assert np.allclose(factor, factor[0], rtol=1e-6)
    assert not np.allclose(factor, 1)
    assert all(np.array_equal(refitted[name], expected[name]) for name in refitted if not name.startswith("output"))


def test_the_calibration_of_the_refit_is_that_of_the_best_epoch(small):
    """Not that of an epoch before it, which was the best for a while. The weight of a class shifts the logit."""
    settings = ("train.epochs=3", "train.optimizer.learning_rate=0.02", "train.early_stopping={metric: log_loss}")
    settings += ("train.class_weight={positive: 1.5}",)
    with_, without = (train_model(small(*settings, f"train.calibrate={calibrate}")) for calibrate in ("true", "false"))
    assert with_.kept["epoch"] == without.kept["epoch"] > 1

    def factor_and_shift(name: str) -> tuple[float, float]:
        both = (model_file.load_model(outcome.run / name).tensors() for outcome in (with_, without))
        calibrated, plain = both
        factor = float(calibrated["output.weight"][0, 0] / plain["output.weight"][0, 0])
        return factor, float(calibrated["output.bias"][0] - factor * plain["output.bias"][0])

    factor, shift = factor_and_shift(directory.MODEL)
    assert (factor, shift) == pytest.approx(factor_and_shift(directory.VALIDATED), rel=1e-4)
    assert abs(factor - 1) > 0.01
    assert abs(shift) > 0.01


def test_initial_hidden_layers_depend_on_the_number_of_features_before_the_refit(small):
    prepared = prepare.prepare(small())
    training, config, vocabulary = prepared.training, prepared.config, prepared.vocabulary
    a, b = (
        initial.build_classifier(config, vocabulary, 0, None, training, before=before).tensors()
        for before in (None, 17)
    )
    c = initial.build_classifier(config, vocabulary, 0, None, training, before=len(vocabulary)).tensors()
    assert not np.array_equal(a["hidden.0.weight"], b["hidden.0.weight"])
    assert all(np.array_equal(a[name], c[name]) for name in a if name != "embedding.weight")


def test_refit_averages_with_the_weights_of_the_validated_networks(small, monkeypatch):
    weights = []
    fold = model_fold.fold_classifiers
    monkeypatch.setattr(
        networks, "fold_classifiers", lambda members: weights.append([w for _, w in members]) or fold(members)
    )
    train_model(small("train.members=2", "pretrain={vectors: reviews, dim: 4, min_count: 2}"))
    first, second = weights
    assert first == second
    assert first[0] != first[1] == first[2], "else this test shows nothing"


def test_refit_has_as_many_epochs_as_the_best_model(small):
    outcome = train_model(small("train.optimizer.learning_rate=1.0", "train.epochs=6"))
    events = [json.loads(line) for line in (outcome.run / "metrics.jsonl").read_text().splitlines()]
    best = outcome.kept["epoch"]
    assert best < 6
    assert [event["epoch"] for event in events if event["event"] == "refit"] == list(range(1, best + 1))


def test_refit_starts_from_the_seed_of_the_best_model(small):
    """Not from the first one: the number of epochs and the calibration are those of the best."""
    began: list[Event] = []
    learning = ("train.optimizer.learning_rate=0.01", "train.early_stopping={metric: log_loss}", "train.epochs=2")
    learning += ("data.source=sample",)
    outcome = train_model(small("train.seeds=3", *learning), watch=began.append)
    seeds = [event.seed for event in began if isinstance(event, NetworkStarted)]
    assert outcome.kept["seed"] != 0, "else this test shows nothing"
    assert seeds == [0, 1, 2, outcome.kept["seed"]]
    alone = train_model(small(f"train.seed={outcome.kept['seed']}", *learning))
    tensors, expected = (model_file.load_model(each.model).tensors() for each in (outcome, alone))
    assert all(np.array_equal(tensors[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("overrides", "off"),
    [
        ((), False),
        (("data.validation=0",), True),
        (("train.schedule=plateau",), True),
        (("train.refit=false",), True),
        (("train.early_stopping=1",), False),
    ],
)
def test_refit_auto(small, overrides, off):
    outcome = train_model(small("train.refit=auto", *overrides))
    assert (outcome.refit is None) == off
    assert (outcome.run / directory.VALIDATED).exists() != off


def test_refit_auto_is_off_for_large_data(small, monkeypatch):
    monkeypatch.setattr(refit, "_LARGE", 1000)
    assert train_model(small("train.refit=auto")).refit is None
    assert train_model(small()).refit is not None


def test_a_separate_validation_split_is_not_used_for_refit(small, here):
    source, _ = dataset.load_data(small().config)
    for name, positions in ("train", range(0, 200)), ("dev", range(200, 280)):
        for i in positions:
            file = Path("set", name, "pos" if source.label[i] else "neg", f"{i}.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source.text[i].as_py(), encoding="utf-8")
    split = ["data.source=set", "data.validation=dev"]
    assert train_model(small(*split, "train.refit=auto")).refit is None
    with pytest.raises(ConfigError, match=r"train\.refit: data\.validation: 'dev' is separate data"):
        small(*split)


def test_refit_keeps_the_default_settings_that_suited_the_training_reviews(write_config):
    def write(lengths) -> None:
        texts = [f"w{i % 2} " + " ".join(f"v{i}x{j}" for j in range(n - 1)) for i, n in enumerate(lengths)]
        lines = [f"{text},{i % 2}\n" for i, text in enumerate(texts)]
        Path("reviews.csv").write_text("text,label\n" + "".join(lines), encoding="utf-8")

    write([58] * 40)  # tokens: a little less than in long texts
    config = write_config("reviews.yaml", data={"source": "reviews.csv"}, train={"refit": True}, pretrain={})
    _, validation = dataset.load_data(config.config)
    held_out = {text.split()[1] for text in validation.text.to_pylist()}
    write([100 if f"v{i}x0" in held_out else 58 for i in range(40)])  # together they are long
    training, _ = dataset.load_data(config.config)
    assert {len(text.split()) for text in training.text.to_pylist()} == {58}
    outcome = train_model(config)
    chosen, refitted = (model_file.load_model(outcome.run / name) for name in (directory.VALIDATED, directory.MODEL))
    assert len(refitted.vocabulary) > len(chosen.vocabulary)
    assert refitted.spec == chosen.spec


def test_refit_with_the_plateau_schedule_is_refused(small):
    with pytest.raises(ConfigError, match=r"train\.refit: schedule plateau needs validation data"):
        small("train.schedule=plateau")


def test_a_refitted_model_has_no_held_out_reviews(small):
    classifier = model_file.load_model(train_model(small()).model)
    with pytest.raises(DataError, match="its model was trained on its validation reviews, too; score "):
        evaluate_on(classifier)


@pytest.mark.parametrize("error", [KeyboardInterrupt, "killed"])
@pytest.mark.parametrize("kind", [NetworkStarted, Epoch])
@pytest.mark.parametrize("overrides", [[], ["train.members=2"], ["train.checkpoint.every_steps=5"]])
def test_interrupted_refit_keeps_the_best_model_and_resumes_to_the_same_bytes(
    small, monkeypatch, error, kind, overrides
):
    class Killed(BaseException):
        pass

    whole = train_model(small(*overrides), Path("whole"))
    if error is KeyboardInterrupt:
        outcome = train_model(small(*overrides), Path("broken"), watch=interrupt_refit(kind, error))
        assert (outcome.outcome, outcome.refit) == ("interrupted", None)
        assert evaluate_on(model_file.load_model(outcome.model)).scores["accuracy"] == whole.scores["accuracy"]
    else:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(directory.Run, "fail", directory.Run.close)
            train_model(small(*overrides), Path("broken"), watch=interrupt_refit(kind, Killed))
    outcome = resume(Path("broken"), load_config("broken/config.yaml"))
    assert (outcome.digest, outcome.refit["reviews"], outcome.scores) == (whole.digest, 320, whole.scores)
    for name in directory.MODEL, directory.VALIDATED, directory.METRICS, directory.PREDICTIONS:
        assert Path("broken", name).read_bytes() == Path("whole", name).read_bytes(), name
    assert {*os.listdir("broken")} == {*os.listdir("whole")}


def test_a_full_disk_at_the_end_leaves_the_best_model(small, monkeypatch):
    train_model(small(), Path("whole"))
    save = best_epoch.Selection.save_refit

    def full(self, classifier) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", _no_space)
            save(self, classifier)

    monkeypatch.setattr(best_epoch.Selection, "save_refit", full)
    with pytest.raises(DataError, match="No space left"):
        train_model(small(), Path("broken"))
    assert not Path("broken", directory.VALIDATED).exists()
    assert Path("broken", directory.MODEL).read_bytes() == Path("whole", directory.VALIDATED).read_bytes()


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_refit_that_diverges_leaves_the_best_model(small, monkeypatch):
    fit = networks.fit

    def failing(network, training, validation, *rest):
        for event in fit(network, training, validation, *rest):
            if validation is None:
                raise Diverged("diverged")
            yield event

    monkeypatch.setattr(networks, "fit", failing)
    with pytest.raises(Diverged, match="the best model so far is kept"):
        train_model(small(), Path("run"))
    facts = directory.load_run_info(Path("run"))
    assert facts["outcome"] == "diverged"
    assert (
        evaluate_on(model_file.load_model(Path("run", directory.MODEL))).scores["accuracy"]
        == facts["scores"]["accuracy"]
    )


def test_influence_includes_all_reviews_of_the_refit(small):
    outcome = train_model(small())
    held_out = dataset.load_data(load_config(outcome.run / "config.yaml").config)[1]
    text = held_out.text.to_pylist()[0]
    found = influence.of_text(str(outcome.run), text, 400)
    assert found.reviews == 320
    assert text in [push.text for push in (*found.up, *found.down)]


def test_a_refit_can_be_reproduced(small):
    outcome = train_model(small())
    assert reproduce(outcome.run).same
    file = outcome.run / "metrics.jsonl"
    *lines, last = file.read_text().splitlines()
    event = json.loads(last)
    assert event["event"] == "refit"
    event["weights"]["output.weight"] = "0" * 16
    file.write_text("\n".join([*lines, json.dumps(event)]) + "\n")
    difference = reproduce(outcome.run).difference
    assert (difference["event"], difference["tensors"]) == ("refit", ["output.weight"])


def test_a_refit_that_diverges_lists_its_own_reviews(small, monkeypatch, tmp_path):
    """They are all reviews, also those that were held out before; their places are those in the file."""
    fit = networks.fit

    def spoiled(network, training, *arguments, **options):
        for event in fit(network, training, *arguments, **options):
            if len(training) == 320:
                network.params["output.bias"][...] = np.inf
            yield event

    monkeypatch.setattr(networks, "fit", spoiled)
    with pytest.raises(Diverged):
        train_model(small("train.batch_size=320"), tmp_path / "run")
    batch = [json.loads(line) for line in (tmp_path / "run/postmortem/batch.jsonl").read_text().splitlines()]
    corpus, _ = dataset.load_data(refit.refit_config(small().config), places=True)
    assert sorted(line["review"] for line in batch) == list(range(320))
    assert corpus.place is not None
    for line in batch:
        assert line["text"] == corpus.text[line["review"]].as_py()
        assert line["place"] == corpus.place[line["review"]].as_py()


def test_the_postmortem_of_data_that_changed_has_no_texts(small, monkeypatch, tmp_path):
    def changed(event) -> None:
        if isinstance(event, NetworkStarted):
            Path("mine.csv").write_text("text,label\n" + "bad,neg\ngood,pos\n" * 10)

    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("text,label\n" + "bad,neg\ngood,pos\n" * 20)
    settings = small("data.source=mine.csv", "train.optimizer={name: sgd, learning_rate: 1e30}")
    with pytest.raises(Diverged):
        train_model(settings, tmp_path / "run", watch=changed)
    batch = [json.loads(line) for line in (tmp_path / "run/postmortem/batch.jsonl").read_text().splitlines()]
    assert {line["text"] for line in batch} == {line["place"] for line in batch} == {None}
