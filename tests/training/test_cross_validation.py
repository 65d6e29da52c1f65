"""What short trainings on some of the texts say: of texts that they have not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.model.calibration import USUAL_PRIOR, fit_temperature
from sentibp.nn.heads import AdaptiveTemperature
from sentibp.nn.layers import softmax
from sentibp.nn.losses import cross_entropy
from sentibp.training import cross_validation, distillation
from sentibp.training.cross_validation import Answers
from sentibp.utils.arrow import strings

TEXTS = [f"a {('bad', 'good')[i % 2]} {('film', 'plot', 'song')[i % 3]} {i}" for i in range(60)]
LABEL = np.array([(i % 2) ^ (i % 7 == 0) for i in range(60)], np.int8)  # some are not as the words say
CORPUS = Corpus(pa.chunked_array([strings(TEXTS)]), LABEL)


def config(**train) -> Config:
    train = {"epochs": 1, "batch_size": 8, "optimizer": {"learning_rate": 0.1}} | train
    return Config.model_validate({"model": {"embedding": {"dim": 4}, "hidden": []}, "train": train})


def plain(settings: Config, corpus: Corpus = CORPUS) -> list[Answers]:
    """Return the answers of the network without columns of words, in each fold."""
    train = cross_validation._plain
    return cross_validation._held_out_answers(settings, corpus, lambda *both: [train(settings, *both)])[0]


@pytest.mark.parametrize(("enough", "folds"), [(300, 3), (21, 2), (20, 1)])
def test_no_training_has_the_texts_that_it_answers(monkeypatch, enough, folds):
    monkeypatch.setattr(cross_validation, "_ENOUGH", enough)
    seen = []

    def train(*both: Corpus) -> list[cross_validation.Start]:
        seen.append([each.text.to_pylist() for each in both])
        return [cross_validation._plain(config(), *both)]

    weight = np.arange(1, 61, dtype=np.float32)
    (answers,) = cross_validation._held_out_answers(config(), replace(CORPUS, weight=weight), train)
    for (training, held_out), found in zip(seen, answers, strict=True):
        assert sorted(training + held_out) == sorted(TEXTS)
        rows = [TEXTS.index(text) for text in held_out]
        assert found.label.tolist() == CORPUS.label[rows].tolist()
        assert found.weight == pytest.approx(weight[rows] / weight.mean())
    held_out = [text for _, each in seen for text in each]
    assert (len(seen), len(held_out)) == (folds, len(set(held_out))) == (folds, 20 * folds)


def test_a_class_with_too_few_texts_for_the_folds_is_trained_on_only():
    """Else a single text would leave a long list of topics without a trial, and without a prior."""
    seen = []

    def train(*both: Corpus) -> list[cross_validation.Start]:
        seen.append([np.bincount(each.label, minlength=4).tolist() for each in both])
        return [cross_validation._plain(settings, *both)]

    label = np.where(np.arange(60) < 2, 0, 1 + np.arange(60) % 3).astype(np.int8)
    names = ("rare", "x", "y", "z")
    settings = Config.model_validate(config().model_dump() | {"data": {"labels": list(names), "ordered": False}})
    (answers,) = cross_validation._held_out_answers(settings, replace(CORPUS, label=label, names=names), train)
    assert [held_out[0] for _, held_out in seen] == [0, 0, 0]
    assert [training[0] for training, _ in seen] == [2, 2, 2]
    assert sum(len(each.label) for each in answers) == 58
    assert {each.logits.shape[1] for each in answers} == {4}
    assert set(np.concatenate([each.label for each in answers]).tolist()) == {1, 2, 3}


def test_the_log_loss_does_not_grow_with_the_unit_of_the_weights():
    """It is compared with a number. (Naive Bayes counts in this unit, so that it is not quite the same.)"""
    weight = np.random.default_rng(0).uniform(0.5, 4, 60).astype(np.float32)
    corpora = CORPUS, *(replace(CORPUS, weight=unit * weight) for unit in (1, 8))
    usual, once, eight = (cross_validation._loss(plain(config(), each)) for each in corpora)
    assert eight == pytest.approx(once, rel=0.1)
    assert once == pytest.approx(usual, rel=0.3)


def test_an_answer_of_weight_k_counts_as_k():
    rng = np.random.default_rng(1)
    label, weight = rng.integers(0, 2, 50), rng.integers(1, 4, 50)
    z = 3 * (2 * label - 1) + 4 * rng.standard_normal(50)
    folds = [Answers(z[rows], label[rows], weight[rows]) for rows in (slice(10), slice(10, 50))]
    copied = [Answers(np.repeat(z, w), np.repeat(y, w), np.ones(w.sum())) for z, y, w in folds]
    loss = cross_validation._loss(folds)
    assert loss == pytest.approx(cross_validation._loss(copied))
    scaled = np.concatenate([z * fit_temperature(z, y, w) for z, y, w in folds])
    assert loss == pytest.approx(cross_entropy(scaled, label, weight)[0] * 50 / weight.sum())
    is_right = (z > 0) == label
    modes = [
        cross_validation._prior([Answers(z, label, np.where(is_right, right, 1.0))], 2, "sigmoid").mode
        for right in (0.5, 1, 2)
    ]
    assert modes == sorted(set(modes)), "the more the right answers count, the larger"
    many = Answers(np.tile(z, 9), np.tile(label, 9), np.repeat([1.0, 0.1], [50, 400]))
    prior = cross_validation._prior([many], 2, "sigmoid")
    assert prior.shrinking == prior.growing == pytest.approx((50 + 40) ** 2 / (50 + 4) / 8), "so many answers (Kish)"


@pytest.mark.parametrize("classes", [2, 3])
def test_texts_that_are_all_answered_correctly_do_not_ask_for_any_factor(classes):
    """Of m texts of a class, one in m + 2 may be wrong: the answers become about as sure as that."""
    label = np.arange(60 * classes) % classes
    z = 8 * np.eye(classes)[label]
    logits = z[:, 1] - z[:, 0] if classes == 2 else z
    found = cross_validation._prior([Answers(logits, label, np.ones(len(label)))], classes, "sigmoid")
    assert 0.4 < found.mode < 0.8 < fit_temperature(logits, label)


def test_the_labels_are_smoothed_as_platt_has_it():
    """In a class of m texts the target is (m + 1) / (m + 2), and the rest in equal parts for the other classes."""
    rng, label = np.random.default_rng(2), np.repeat([0, 1, 2], [3, 5, 8])
    z, m = 3 * np.eye(3)[label] + rng.standard_normal((16, 3)), np.array([3, 5, 8])[label]
    targets = [np.where(label == each, (m + 1) / (m + 2), 1 / (m + 2) / 2) for each in range(3)]
    expected = fit_temperature(np.tile(z, (3, 1)), np.repeat([0, 1, 2], 16), np.concatenate(targets))
    assert cross_validation._prior([Answers(z, label, np.ones(16))], 3, "scale").mode == pytest.approx(expected)


@pytest.mark.parametrize("classes", [3, 20])
def test_how_sure_answers_may_be_does_not_depend_on_the_number_of_classes(classes):
    """A mass for each other class would say of 20 classes that a fifth of the answers is wrong."""
    label = np.arange(80 * classes) % classes
    answers = Answers(20 * np.eye(classes)[label], label, np.ones(len(label)))
    found = cross_validation._prior([answers], classes, "softmax")
    assert softmax(found.mode * 20 * np.eye(classes)[:1])[0, 0] == pytest.approx(81 / 82, abs=0.003)


@pytest.mark.parametrize("head", ["softmax", "scale"])
def test_answers_tell_the_power_of_an_adaptive_temperature_in_classes_without_an_order(head):
    """Twice as many answers say twice as much of it, beside what is known without them."""
    rng = np.random.default_rng(0)
    z = np.exp(rng.standard_normal((600, 1))) * rng.standard_normal((600, 4))
    p = softmax(AdaptiveTemperature(np.array([0.8]), np.ones(1)).forward(2 * z))
    label = (rng.random((600, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    once, twice = (cross_validation._prior([Answers(z, label, np.ones(600))] * times, 4, head) for times in (1, 2))
    if head == "scale":
        assert (once.power, once.precision) == (USUAL_PRIOR.power, USUAL_PRIOR.precision)
        return
    assert 0.5 < once.power < 1
    more = [each.precision - USUAL_PRIOR.precision for each in (once, twice)]
    assert more[1] == pytest.approx(2 * more[0], rel=0.1)
    assert 5 < more[0] < 600 / 8


def test_answers_that_are_no_numbers_say_nothing():
    assert (
        cross_validation._prior([Answers(np.array([1, np.nan]), np.arange(2), np.ones(2))], 2, "sigmoid") == USUAL_PRIOR
    )


def test_a_trial_has_few_epochs_and_is_averaged_with_the_linear_member():
    training, held_out = CORPUS.take(np.arange(40)), CORPUS.take(np.arange(40, 60))
    (two, x), (many, _), (both, _) = (
        cross_validation._plain(config(**train), training, held_out)
        for train in ({"epochs": 2}, {"epochs": 9}, {"epochs": 2, "linear_member": True})
    )
    assert np.array_equal(two.logits(x), many.logits(x))
    examples = training.examples(two.encode(training.text)[0], two.spec.label_set)
    linear = distillation.linear_member(config(), two.vocabulary, examples, 0)
    assert both.logits(x) == pytest.approx((two.logits(x) + linear.logits(x)) / 2, abs=1e-5)
    assert np.abs(both.logits(x) - two.logits(x)).max() > 0.01
