"""What the model of a run is, in words."""

from __future__ import annotations

import pytest

from sentibp.config.schema import Config
from sentibp.runs.saved_model import average, saved_model, steps_after_epochs

SCORES = {"accuracy": 0.75, "log_loss": 0.5}
THREE = {"labels": {"bad": [1], "fair": [2], "good": [3]}}


@pytest.mark.parametrize(
    "sections, what, then",
    [
        ({}, "the network after epoch 2 of 3, calibrated on the validation reviews", "calibration"),
        ({"train": {"calibrate": False}}, "the network after epoch 2 of 3", ""),
        (
            {"train": {"seeds": 2}},
            "the network after epoch 2 of 3, seed 4, calibrated on the validation reviews",
            "calibration",
        ),
        (
            {"train": {"linear_member": True, "calibrate": False}},
            "the average of the network and a linear classifier",
            "averaging",
        ),
        (
            {"train": {"members": 3}},
            "the average of 3 networks, calibrated on the validation reviews",
            "averaging and calibration",
        ),
        (
            {"text": {"shifters": True}, "pretrain": {"lexicon": "vader", "vectors": "words", "dim": 4}},
            "the average of the network and a linear classifier on the lexicon and pretrained vectors, "
            "with weights of negated words, calibrated on the validation reviews",
            "averaging, weights of negated words and calibration",
        ),
        (
            {"train": {"linear_member": True, "members": 2, "calibrate": False}, "pretrain": {"vectors": "reviews"}},
            "the average of 2 networks, a linear classifier and a linear classifier on pretrained vectors",
            "averaging",
        ),
        ({"data": THREE, "model": {"output": "cumulative"}}, "the network after epoch 2 of 3", ""),
        (
            {"data": THREE},
            "the network after epoch 2 of 3, calibrated on the validation reviews",
            "calibration",
        ),
    ],
)
def test_in_words(sections, what, then):
    sections = {"text": {"shifters": False}, **sections}
    sections["train"] = {"epochs": 3, **sections.get("train", {})}
    config = Config.model_validate(sections)
    facts = {"scores": SCORES, "scored_on": "validation", "kept": {"seed": 4, "epoch": 2}}
    saved = saved_model(config, facts)
    assert saved is not None
    assert saved.what == what
    assert steps_after_epochs(config, True) == then


def test_without_validation_reviews_nothing_is_calibrated():
    config = Config.model_validate({"train": {"epochs": 3}})
    saved = saved_model(config, {"scores": SCORES, "scored_on": "training", "kept": {"seed": 0, "epoch": 3}})
    assert saved is not None
    assert (saved.what, saved.scored_on) == ("the network after epoch 3 of 3", "training")
    assert steps_after_epochs(config, False) == ""


@pytest.mark.parametrize("facts", [{}, {"scores": None}])
def test_a_run_without_scores(facts):
    assert saved_model(Config.model_validate({}), facts) is None


def test_a_run_of_an_earlier_version():
    saved = saved_model(Config.model_validate({"train": {"calibrate": False}}), {"scores": SCORES})
    assert saved is not None
    assert (saved.what, saved.scored_on, saved.parameters) == ("the network", "validation", None)


@pytest.mark.parametrize(
    "train, best, what",
    [
        ({}, {"accuracy": {"min": 0.7, "max": 0.75}}, "seed 4, calibrated"),
        ({}, {"accuracy": {"min": 0.75, "max": 0.8}}, "seed 4 (of the best accuracy before calibration), calibrated"),
        (
            {"early_stopping": {"metric": "log_loss", "patience": 1}},
            {"accuracy": {"min": 0.75, "max": 0.8}, "log_loss": {"min": 0.4, "max": 0.5}},
            "seed 4 (of the best log loss before calibration), calibrated",
        ),
    ],
)
def test_a_seed_that_another_one_overtakes_by_calibration(train, best, what):
    """The scores before calibration choose the seed, and those after it are printed, with their range."""
    config = Config.model_validate({"train": {"seeds": 2, "epochs": 3, **train}})
    facts = {"scores": SCORES, "kept": {"seed": 4, "epoch": 2}, "seeds": best}
    saved = saved_model(config, facts)
    assert saved is not None
    assert what in saved.what


@pytest.mark.parametrize(
    "networks, what", [(1, "the network that was finished"), (2, "the average of the 2 networks that were finished")]
)
def test_an_ensemble_that_was_interrupted(networks, what):
    config = Config.model_validate({"train": {"members": 3, "calibrate": False}, "text": {"shifters": True}})
    kept = {"seed": 0, "epoch": 2, "networks": networks}
    saved = saved_model(config, {"scores": SCORES, "kept": kept})
    assert saved is not None
    assert saved.what == average(config, kept) == what
