"""The learning-rate range test: rates by one factor, an end, a suggestion that is worth something, and no model."""

from __future__ import annotations

import os
from itertools import islice, pairwise
from pathlib import Path

import pytest

from sentibp.runs import directory
from sentibp.training import lr_finder
from sentibp.training.diverged import Diverged
from sentibp.training.loop import fit
from sentibp.training.lr_finder import HIGHEST, LOWEST
from sentibp.training.prepare import prepare


@pytest.fixture
def test_of(write_config):
    """The result for a small config on the sample with these settings of train."""

    def run(**train) -> lr_finder.LearningRateTest:
        sections = {"data": {"source": "sample"}, "text": {"ngrams": 1, "min_count": 2}}
        network = {"embedding": {"dim": 8, "padding": 0, "init": "normal"}, "hidden": [4]}
        return lr_finder.find_learning_rate(
            prepare(write_config(**sections, model=network, train={"word_dropout": 0, **train}))
        )

    return run


def test_the_rates_rise_by_one_factor_up_to_the_end(test_of):
    found = test_of(optimizer={"name": "sgd", "learning_rate": 0.3}, batch_size=16)
    rates = [point.learning_rate for point in found.curve]
    assert rates[0] == pytest.approx(LOWEST)
    assert len({round(later / earlier, 6) for earlier, later in pairwise(rates)}) == 1
    assert len(rates) > 100
    assert rates[-1] <= HIGHEST * 1.001
    assert (found.current, found.optimizer) == (0.3, "sgd")
    assert found.chance == pytest.approx(0.693, abs=0.01)


def test_the_suggestion_is_a_tenth_of_the_rate_where_the_loss_is_least(test_of):
    found = test_of(optimizer="adagrad", batch_size=16)
    least = min(found.curve, key=lambda point: point.smooth)
    assert found.least == least.learning_rate
    assert found.suggestion == pytest.approx(least.learning_rate / 10, rel=0.5)
    assert found.ended in ("the loss grew", "nothing is left to learn")
    assert 0.005 < found.suggestion < 1


def test_the_base_rate_and_the_schedule_of_the_settings_do_not_matter(test_of):
    one, other = (
        test_of(optimizer={"learning_rate": rate}, schedule=name) for rate, name in ((1e-4, "step"), (5, "constant"))
    )
    assert [point.learning_rate for point in one.curve] == pytest.approx([point.learning_rate for point in other.curve])
    assert one.suggestion == other.suggestion


def test_a_network_that_learns_nothing_gets_no_suggestion(test_of):
    found = test_of(optimizer="sgd", freeze=["embedding", "hidden.0", "output"])
    assert (found.suggestion, found.least) == (None, None)


def test_a_test_that_diverges_ends_there(test_of, monkeypatch):
    def fit_then_diverge(*arguments, **options):
        yield from islice(fit(*arguments, **options), 20)  # five steps of four events
        raise Diverged("diverged")

    monkeypatch.setattr(lr_finder, "fit", fit_then_diverge)
    found = test_of()
    assert (found.ended, len(found.curve)) == ("diverged", 5)


def test_nothing_is_left_behind(test_of):
    test_of(optimizer="adam")
    assert os.listdir() == ["small.yaml"]
    assert not Path(directory.ROOT).exists()
