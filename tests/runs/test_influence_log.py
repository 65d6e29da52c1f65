"""The influence log: the gradient of each review, saved with the model, and refused if it does not match."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp.config.load import load_config
from sentibp.errors import DataError
from sentibp.model.file import load_model
from sentibp.nn.layers import sigmoid
from sentibp.runs import influence_log
from sentibp.runs.influence_log import ExampleGradients
from sentibp.runs.records import StepRecord, read_records
from sentibp.utils.arrow import strings

TEXTS = ["a good film", "a bad film", "good , good", "not good", "", "bad bad film", "fine"]
LABEL = [1, 0, 1, 0, 0, 0, 1]


DATA = "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in zip(TEXTS, LABEL, strict=True))
FROZEN = [
    "data.source=all.csv",
    "data.validation=0",
    "train.freeze=[embedding,hidden.0,output]",
    "train.calibrate=false",
]
FROZEN += ["train.epochs=2", "train.word_dropout=0", "train.refit=false"]


def logged(out: str, *overrides: str) -> tuple[list[ExampleGradients], list]:
    """Return the influence log and the steps of a training on the texts."""
    Path("all.csv").write_text(DATA, encoding="utf-8")
    outcome = runner.train_model(load_config("quickstart", [*FROZEN, *overrides]), Path(out))
    steps = [record for record in read_records(outcome.run) if isinstance(record, StepRecord)]
    return influence_log.load_influence_log(outcome.run).epochs, steps


def test_each_review_has_its_gradient_in_the_step_of_its_batch(here):
    """A frozen network predicts the same in each epoch: dz is (p - y) / batch size."""
    epochs, steps = logged("run", "train.batch_size=3")
    classifier = load_model(Path("run/model.safetensors"))
    p = sigmoid(classifier.logits(classifier.encode(strings(TEXTS))[0]))
    learning_rates = [step.learning_rate for step in steps]
    assert len(epochs) == 2
    for epoch, expected in zip(epochs, (learning_rates[:3], learning_rates[3:]), strict=True):
        size = np.bincount(epoch.step)
        assert size.tolist() == [3, 3, 1]
        assert epoch.dz == pytest.approx((p - LABEL) / size[epoch.step], rel=1e-5)
        assert epoch.learning_rate.tolist() == expected
    assert (epochs[0].step != epochs[1].step).any()


def test_the_gradients_are_clipped_as_those_of_the_weights(here):
    (whole, *_), (first, *_) = logged("free", "train.batch_size=7", "train.optimizer.clip_norm=null")
    (clipped, *_), _ = logged("clipped", "train.batch_size=7", "train.optimizer.clip_norm=1e-3")
    factor = 1e-3 / first.gradient_norm
    assert factor < 1
    assert clipped.dz == pytest.approx(whole.dz * factor, rel=1e-5)


@pytest.fixture
def run(here):
    resolved = load_config("quickstart", ["train.epochs=3"])
    return runner.train_model(resolved).run


def test_the_influence_log_ends_with_the_best_epoch(run):
    kept = influence_log.load_influence_log(run)
    assert 1 <= len(kept.epochs) <= 3
    assert all(epoch.dz.shape == (288,) and epoch.step.max() == 17 for epoch in kept.epochs)
    assert kept.factor > 0


@pytest.mark.parametrize("refit", ["true", "false"])
def test_the_log_has_the_factor_of_calibration(here, refit):
    """By which the logits of the file are those of the training: of the best epoch, and of the final training."""
    settings = ["train.epochs=2", f"train.refit={refit}"]
    with_, without = (
        runner.train_model(load_config("quickstart", [*settings, f"train.calibrate={calibrate}"]))
        for calibrate in ("true", "false")
    )
    weights = [load_model(outcome.model).tensors()["output.weight"] for outcome in (with_, without)]
    factor = influence_log.load_influence_log(with_.run).factor
    assert weights[0] == pytest.approx(weights[1] * factor, rel=1e-5)
    assert abs(factor - 1) > 0.01, "else this test shows nothing"
    assert influence_log.load_influence_log(without.run).factor == 1


def test_an_influence_log_that_does_not_match_is_refused(run, complaint):
    content = (run / influence_log.FILE).read_bytes()
    (run / influence_log.FILE).write_bytes(content[:-5])
    assert "damaged" in complaint(DataError, influence_log.load_influence_log, run)
    (run / influence_log.FILE).write_bytes(content)
    with open(run / "model.safetensors", "ab") as file:
        file.write(b" ")
    assert "is of another model" in complaint(DataError, influence_log.load_influence_log, run)
    (run / influence_log.FILE).unlink()
    assert f"{run}: has no influence_log.safetensors" in complaint(DataError, influence_log.load_influence_log, run)


def test_the_influence_log_belongs_to_the_seed_of_the_best_model(here):
    outcome = runner.train_model(load_config("quickstart", ["train.epochs=2", "train.seeds=3"]))
    kept = influence_log.load_influence_log(outcome.run)
    assert len(kept.epochs) == outcome.kept["epoch"]
    alone = load_config("quickstart", ["train.epochs=2", f"train.seed={outcome.kept['seed']}"])
    for one, other in zip(
        kept.epochs, influence_log.load_influence_log(runner.train_model(alone).run).epochs, strict=False
    ):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_an_incomplete_epoch_leaves_no_log(tmp_path):
    log = influence_log.InfluenceLog(tmp_path)
    log.start_epoch(2, 1)
    log.add_step(0, np.array([0]), np.array([0.5], np.float32), 1.0)  # review 1 is missing
    log.end_epoch()
    log.keep(1, "", 1.0)
    log.save(tmp_path)
    log.start_network()
    log.start_epoch(2, 1)
    log.add_step(0, np.array([0, 1]), np.zeros(2, np.float32), 1.0)
    log.end_epoch()
    log.keep(2, "", 1.0)  # the first of two epochs is missing
    log.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_log_of_an_earlier_version_is_read(run):
    """The file had another name, and the learning rate was called `rate`."""
    from safetensors.numpy import load_file, save

    expected = influence_log.load_influence_log(run)
    arrays = load_file(run / influence_log.FILE)
    content = (run / influence_log.FILE).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    arrays["rate"] = arrays.pop("learning_rate")
    (run / influence_log.FILE).unlink()
    (run / influence_log.OLDER_FILE).write_bytes(save(arrays, metadata=header))
    loaded = influence_log.load_influence_log(run)
    assert loaded.factor == expected.factor
    for one, other in zip(loaded.epochs, expected.epochs, strict=True):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_a_full_disk_does_not_stop_the_training(here, monkeypatch, complaint):
    def full(dir):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(influence_log.tempfile, "TemporaryFile", full)
    outcome = runner.train_model(load_config("quickstart", ["train.epochs=1"]))
    assert outcome.outcome == "finished"
    assert "has no influence_log.safetensors" in complaint(DataError, influence_log.load_influence_log, outcome.run)


def test_an_ensemble_has_no_influence_log(here, complaint):
    outcome = runner.train_model(load_config("quickstart", ["train.epochs=1", "train.members=2"]))
    assert "has no influence_log.safetensors" in complaint(DataError, influence_log.load_influence_log, outcome.run)
