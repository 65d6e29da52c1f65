"""What training told its reviews: recorded one by one, kept with the model, and complained of if it does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.config.load import load_config
from sentibp.errors import DataError
from sentibp.nn.layers import sigmoid
from sentibp.runs import influence_log
from sentibp.runs.influence_log import ExampleGradients
from sentibp.training import experiment
from sentibp.training.events import Epoch, Step
from sentibp.training.loop import fit

TEXTS = ["a good film", "a bad film", "good , good", "not good", "", "bad bad film", "fine"]
LABEL = [1, 0, 1, 0, 0, 0, 1]


def test_each_review_has_what_it_was_told_at_its_visit(new_classifier, examples_of):
    """A frozen network says the same at every visit: dz is p - y over the size of the batch."""
    classifier = new_classifier(
        TEXTS, train={"epochs": 2, "batch_size": 3, "freeze": ["embedding", "hidden.0", "output"]}
    )
    examples = examples_of(classifier, TEXTS, LABEL)
    p = sigmoid(classifier.logits(examples.features))
    events = list(fit(classifier, examples, None, 0))
    rates = [event.learning_rate for event in events if isinstance(event, Step)]
    epochs = [event.visits for event in events if isinstance(event, Epoch)]
    assert len(epochs) == 2
    for epoch, own in zip(epochs, (rates[:3], rates[3:]), strict=True):
        size = np.bincount(epoch.step)
        assert size.tolist() == [3, 3, 1]
        assert epoch.dz == pytest.approx((p - LABEL) / size[epoch.step], rel=1e-5)
        assert epoch.rate.tolist() == own
    assert (epochs[0].step != epochs[1].step).any()


def test_what_clipping_leaves(new_classifier, examples_of):
    settings = {"batch_size": 7, "epochs": 1, "freeze": ["embedding", "hidden.0", "output"]}
    free, held = (new_classifier(TEXTS, train=settings | {"optimizer": {"clip_norm": limit}}) for limit in (None, 1e-3))
    whole, clipped = (list(fit(each, examples_of(each, TEXTS, LABEL), None, 0)) for each in (free, held))
    share = 1e-3 / whole[0].gradient_norm
    assert share < 1
    assert clipped[1].visits.dz == pytest.approx(whole[1].visits.dz * share, rel=1e-5)


@pytest.fixture
def run(here):
    resolved = load_config("quickstart", ["train.epochs=3"])
    return experiment.train_model(resolved).run


def test_kept_up_to_the_best_epoch(run):
    kept = influence_log.load_influence_log(run)
    assert 1 <= len(kept.epochs) <= 3
    assert all(epoch.dz.shape == (288,) and epoch.step.max() == 17 for epoch in kept.epochs)
    assert kept.factor > 0


def test_what_does_not_fit_is_told(run, complaint):
    content = (run / influence_log.FILE).read_bytes()
    (run / influence_log.FILE).write_bytes(content[:-5])
    assert "damaged" in complaint(DataError, influence_log.load_influence_log, run)
    (run / influence_log.FILE).write_bytes(content)
    with open(run / "model.safetensors", "ab") as file:
        file.write(b" ")
    assert "is of another model" in complaint(DataError, influence_log.load_influence_log, run)
    (run / influence_log.FILE).unlink()
    assert f"{run}: has no visits.safetensors" in complaint(DataError, influence_log.load_influence_log, run)


def test_of_several_seeds_that_whose_model_is_kept(here):
    outcome = experiment.train_model(load_config("quickstart", ["train.epochs=2", "train.seeds=3"]))
    kept = influence_log.load_influence_log(outcome.run)
    assert len(kept.epochs) == outcome.kept["epoch"]
    alone = load_config("quickstart", ["train.epochs=2", f"train.seed={outcome.kept['seed']}"])
    for one, other in zip(
        kept.epochs, influence_log.load_influence_log(experiment.train_model(alone).run).epochs, strict=False
    ):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_an_epoch_that_was_not_seen_whole_leaves_no_notes(tmp_path):
    epoch = ExampleGradients(np.array([0.5, np.nan], np.float32), np.zeros(2, np.int32), np.ones(1))
    notes = influence_log.InfluenceLog(tmp_path)
    notes.add(epoch)
    notes.keep(1, "", 1.0)
    notes.save(tmp_path)
    notes.begin()
    notes.add(epoch._replace(dz=np.zeros(2, np.float32)))
    notes.keep(2, "", 1.0)  # nor does a training of which the first epoch is missing
    notes.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_stops_no_training(here, monkeypatch, complaint):
    def full(dir):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(influence_log.tempfile, "TemporaryFile", full)
    outcome = experiment.train_model(load_config("quickstart", ["train.epochs=1"]))
    assert outcome.outcome == "finished"
    assert "has no visits.safetensors" in complaint(DataError, influence_log.load_influence_log, outcome.run)


def test_several_networks_keep_none(here, complaint):
    outcome = experiment.train_model(load_config("quickstart", ["train.epochs=1", "train.members=2"]))
    assert "has no visits.safetensors" in complaint(DataError, influence_log.load_influence_log, outcome.run)
