"""The selection of the best epoch, and the weights of networks that are averaged."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from sentibp.config.schema import Train
from sentibp.data.examples import Examples
from sentibp.data.labels import Classes
from sentibp.model import fold
from sentibp.model.calibration import Calibration, CalibrationPrior, fit_scale_and_shift, mixture_weights
from sentibp.training.best_epoch import Selection, calibrate
from sentibp.training.events import Epoch

TEXTS = ["a good film", "a bad film", "good", "good good bad plot", "the plot", "bad"]
LABEL = [1, 0, 1, 0, 1, 0]


@pytest.fixture
def members(new_classifier):
    """Return three networks with random weights."""
    networks = [new_classifier(TEXTS, seed, model={"hidden": [3]}) for seed in range(3)]
    rng = np.random.default_rng(1)
    for member in networks:
        for tensor in member.tensors().values():
            tensor[:] = rng.standard_normal(tensor.shape)
    return networks


@pytest.fixture
def weigh(tmp_path, members, examples_of):
    """Return the weights of networks of several kinds, with validation data or without."""

    def weigh(kinds, validated=True, independent=None):
        validation = examples_of(members[0], TEXTS, LABEL) if validated else None
        settings = members[0].training_config().train
        return Selection(SimpleNamespace(path=tmp_path), settings, validation, independent).mixture(kinds)

    return weigh


def test_networks_of_a_kind_share_the_weight_that_is_best_on_validation_data(weigh, members, examples_of):
    weights = np.array(weigh([members[:1], members[1:]]))
    assert weights[1] == weights[2]
    assert weights.sum() == pytest.approx(1)
    validation = examples_of(members[0], TEXTS, LABEL)
    logits = np.stack([member.logits(validation.features) for member in members], axis=1).astype(float)
    kinds = np.stack([logits[:, 0], logits[:, 1:].mean(axis=1)], axis=1)
    assert weights[0] == pytest.approx(mixture_weights(kinds, validation.label)[0], rel=1e-4)
    assert weights[0] != pytest.approx(0.5, abs=0.01)
    assert weigh([members]) == [1 / 3] * 3


def test_reviews_that_training_has_seen_do_not_count_in_the_fits(weigh, members):
    kinds, unseen = [members[:1], members[1:]], np.array([1, 1, 1, 0, 0, 0.0])
    assert weigh(kinds, independent=unseen) != weigh(kinds)
    assert weigh(kinds, independent=0 * unseen) == [0.5, 0.25, 0.25]


def test_without_validation_data_each_kind_has_the_same_weight(weigh, members):
    assert weigh([members[:1], members[1:]], validated=False) == [0.5, 0.25, 0.25]
    assert weigh([members], validated=False) == [1 / 3] * 3


@pytest.mark.parametrize(
    ("metric", "scores", "kept", "waited"),
    [
        ("accuracy", [[0.5, 0.7, 0.7], [0.7, 0.6]], (0, 2), [0, 0, 1, 0, 1]),
        ("log_loss", [[0.5, 0.7, 0.4], [0.3, 0.3]], (1, 1), [0, 1, 0, 0, 1]),
        ("roc_auc", [[None, None], [None, 0.0]], (1, 2), [0, 1, 0, 0]),  # one class only
        ("roc_auc", [[None, None], [None, None]], (0, 1), [0, 1, 0, 1]),
    ],
)
def test_the_first_of_equal_epochs_and_of_equal_seeds_is_kept(tmp_path, members, metric, scores, kept, waited):
    """A metric may be better if it is lower. One that is not defined is worse than all others."""
    run = SimpleNamespace(path=tmp_path, write=lambda name, content: (tmp_path / name).write_bytes(content))
    selection = Selection(run, Train(calibrate=False, early_stopping={"metric": metric, "patience": 1}), None)
    seen, of_seeds = [], []
    for seed, values in enumerate(scores):
        for epoch, value in enumerate(values, 1):
            selection.epoch_ended(seed, Epoch(epoch, 0, 0.0, {metric: value}, np.zeros(2)), members[seed])
            seen.append(selection.waited)
            assert selection.is_over(epoch + 1) == (selection.waited >= 1)
        of_seeds.append(selection.seed_best_scores[metric])
        selection.seed_ended(seed, members[seed], None)
        assert not selection.is_over(1)
    assert (selection.kept["seed"], selection.kept["epoch"]) == kept
    assert (tmp_path / "model.safetensors").read_bytes() == members[kept[0]].to_bytes()
    assert seen == waited
    assert [each[metric] for each in selection.seed_scores] == of_seeds


def test_a_checkpoint_has_all_that_the_selection_learns(tmp_path):
    first, second = (Selection(SimpleNamespace(path=tmp_path), Train(), None) for _ in range(2))
    given = {"run", "settings", "validation", "independent", "prior", "metric", "patience", "influence_log"}
    of_the_model = {"digest", "size"}  # it is in the run
    learned = sorted(vars(first).keys() - given - of_the_model)
    for number, name in enumerate(learned):
        setattr(first, name, number + 0.5)
    first.calibration = Calibration(2.5, [0.0, 1.5], 0.5, 3.5)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert {name: getattr(second, name) for name in learned} == {name: getattr(first, name) for name in learned}
    assert "digest" in first.state_dict()


def test_a_single_network_has_the_whole_weight(weigh, members):
    assert weigh([members[:1]]) == [1.0]
    assert fold.fold_classifiers([(members[0], 1.0)]).spec.hidden == (3,)


@pytest.mark.parametrize("k", [2, 3])
def test_no_shift_where_no_review_of_a_class_counts(k):
    """Balanced classes would have an infinite weight."""
    rng = np.random.default_rng(0)
    label = np.arange(30) % k
    logits = rng.standard_normal((30, k)) + 2 * (label[:, None] == np.arange(k))
    logits = logits if k > 2 else logits[:, 1] - logits[:, 0]
    names = ("negative", "positive") if k == 2 else ("a", "b", "c")
    validation, settings = Examples(None, label, None, Classes(names)), Train(class_weight="balanced")
    found = calibrate(logits, validation, (label > 0).astype(np.float64), settings)
    assert (found.factor > 0, found.shift) == (True, 0.0)
    assert np.any(calibrate(logits, validation, (label >= 0) * np.where(label == 0, 0.5, 1.0), settings)[1])


@pytest.mark.parametrize("k", [2, 3])
def test_a_shift_counts_half_a_review_as_half(k):
    """Each review is there twice, with half its weight; weights of classes leave fewer reviews (Kish, 1965)."""
    rng, names = np.random.default_rng(0), ("negative", "positive") if k == 2 else ("a", "b", "c")
    label = rng.integers(0, k, 40)
    logits = rng.standard_normal((40, k)) + 2 * (label[:, None] == np.arange(k))
    logits = logits if k > 2 else logits[:, 1] - logits[:, 0]
    settings, own = Train(class_weight="balanced"), rng.choice([0.25, 1, 2], 40)
    once = calibrate(logits, Examples(None, label, None, Classes(names)), own, settings)
    both, halves = np.r_[label, label[:10]], np.r_[own[:10] / 2, own[10:], own[:10] / 2]
    twice = calibrate(np.r_[logits, logits[:10]], Examples(None, both, None, Classes(names)), halves, settings)
    assert twice[0] == pytest.approx(once[0], rel=1e-4)
    assert twice[1] == pytest.approx(once[1], abs=1e-4)
    if k == 2:
        weight = own * np.array([0.5 / own[label == each].sum() for each in (0, 1)])[label]
        weight *= weight.sum() / (weight**2 / own).sum()
        assert once[:2] == pytest.approx(fit_scale_and_shift(logits, label, weight), rel=1e-3)


def test_what_is_known_of_the_factor_counts_as_so_many_reviews():
    """Of few validation reviews hardly anything is taken, of many nearly all."""
    rng = np.random.default_rng(0)
    z = 4 * rng.standard_normal(20_000)
    label = (rng.random(len(z)) < 1 / (1 + np.exp(-z / 4))).astype(np.int8)  # the right factor is 0.25
    prior = CalibrationPrior(0.5, 40, 40)
    for settings in Train(), Train(class_weight="balanced"):
        found = [calibrate(z[:n], Examples(None, label[:n]), None, settings, prior)[0] for n in (4, 100, 20_000)]
        alone = [calibrate(z[:n], Examples(None, label[:n]), None, settings)[0] for n in (4, 100, 20_000)]
        assert abs(found[0] - 0.5) < 0.05
        assert 0.25 < found[1] < 0.5
        assert found[2] == pytest.approx(alone[2], abs=0.01) == pytest.approx(0.25, abs=0.02)
