"""The learning-rate range test: its learning learning_rates, its end and its suggestion."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.data.labels import BINARY, Classes
from sentibp.runs import directory
from sentibp.training import lr_finder
from sentibp.training.diverged import Diverged
from sentibp.training.events import Event, Step
from sentibp.training.loop import fit
from sentibp.training.lr_finder import HIGHEST, LOWEST
from sentibp.training.prepare import prepare


@pytest.fixture
def range_test(write_config):
    """Return the result for a small config on the sample with some settings of `train`."""

    def run(**train) -> lr_finder.LearningRateTest:
        sections = {"data": {"source": "sample"}, "text": {"ngrams": 1, "min_count": 2}}
        network = {"embedding": {"dim": 8, "padding": 0, "init": "normal"}, "hidden": [4]}
        return lr_finder.find_learning_rate(
            prepare(write_config(**sections, model=network, train={"word_dropout": 0, **train}))
        )

    return run


def test_learning_rates_grow_by_a_constant_factor(range_test):
    result = range_test(optimizer={"name": "sgd", "learning_rate": 0.3}, batch_size=16)
    learning_rates = [point.learning_rate for point in result.curve]
    assert learning_rates[0] == pytest.approx(LOWEST)
    assert len({round(later / earlier, 6) for earlier, later in pairwise(learning_rates)}) == 1
    assert len(learning_rates) > 100
    assert learning_rates[-1] <= HIGHEST * 1.001
    assert (result.current, result.optimizer) == (0.3, "sgd")
    assert result.chance == pytest.approx(0.693, abs=0.01)


def test_the_suggestion_is_a_tenth_of_the_learning_rate_with_the_lowest_loss(range_test):
    result = range_test(optimizer="adagrad", batch_size=16)
    lowest = min(result.curve, key=lambda point: point.smooth)
    assert result.least == lowest.learning_rate
    assert result.suggestion == pytest.approx(lowest.learning_rate / 10, rel=0.5)
    assert result.ended in ("the loss grew", "nothing is left to learn")
    assert 0.005 < result.suggestion < 1


def test_learning_rate_and_schedule_of_the_settings_do_not_matter(range_test):
    one, other = (
        range_test(optimizer={"learning_rate": rate}, schedule=name) for rate, name in ((1e-4, "step"), (5, "constant"))
    )
    assert [point.learning_rate for point in one.curve] == pytest.approx([point.learning_rate for point in other.curve])
    assert one.suggestion == other.suggestion


def test_a_frozen_network_gets_no_suggestion(range_test):
    result = range_test(optimizer="sgd", freeze=["embedding", "hidden.0", "output"])
    assert (result.suggestion, result.least) == (None, None)
    assert result.inconclusive.startswith("the loss fell too little")


def curve(losses) -> list[lr_finder.Point]:
    """Return the points of a test with these batch losses."""
    points, mean = [], 0.0
    for step, loss in enumerate(losses):
        mean = lr_finder._SMOOTHING * mean + (1 - lr_finder._SMOOTHING) * loss
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / 209)
        points.append(lr_finder.Point(rate, float(loss), mean / (1 - lr_finder._SMOOTHING ** (step + 1))))
    return points


def falling(noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return losses that fall from 0.7 to 0.2 at step 150, and then rise."""
    step = np.arange(200)
    loss = np.interp(step, [0, 90, 150, 200], [0.7, 0.7, 0.2, 3.0])
    return loss + noise * np.random.default_rng(seed).standard_normal(200)


def test_a_flat_curve_is_inconclusive():
    least, why = lr_finder._lowest(curve(np.full(200, 0.6)), 0.69)
    assert least is None
    assert why == "the loss fell too little: from 0.6 to 0.6; one answer to all has 0.69"


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_a_noisy_flat_curve_is_inconclusive(noise):
    found = [
        lr_finder._lowest(curve(0.6 + noise * np.random.default_rng(seed).standard_normal(200)), 0.69)
        for seed in range(100)
    ]
    assert all(least is None and why for least, why in found)


def test_losses_that_only_grow_are_inconclusive():
    assert lr_finder._lowest(curve(np.geomspace(0.6, 3, 60)), 0.69)[0] is None


@pytest.mark.parametrize("steps", [0, 1, 30])
def test_a_curve_that_ends_at_once_is_inconclusive(steps):
    least, why = lr_finder._lowest(curve(np.full(steps, 0.01)), 0.69)
    assert least is None
    assert why == f"it ended after {steps} steps, before a learning rate could change the loss"


@pytest.mark.parametrize("noise", [0, 0.02, 0.1])
def test_the_lowest_loss_of_a_curve_that_falls_is_found(noise):
    for seed in range(20):
        points = curve(falling(noise, seed))
        least, why = lr_finder._lowest(points, 0.69)
        assert why is None
        assert points[145].learning_rate <= least <= points[170].learning_rate


def test_the_range_test_ends_when_it_diverges(range_test, monkeypatch):
    def fit_then_diverge(*arguments, **options):
        yield from islice(fit(*arguments, **options), 20)  # five steps of four events
        raise Diverged("diverged")

    monkeypatch.setattr(lr_finder, "fit", fit_then_diverge)
    result = range_test()
    assert (result.ended, len(result.curve)) == ("diverged", 5)
    assert (result.suggestion, bool(result.inconclusive)) == (None, True)


def test_the_range_test_leaves_no_files(range_test):
    range_test(optimizer="adam")
    assert os.listdir() == ["small.yaml"]
    assert not Path(directory.ROOT).exists()


def test_the_loss_by_chance_of_several_labels():
    """One answer for all is best if it has the shares of the labels: its cross-entropy is their entropy."""
    label = np.array([0] * 5 + [1] * 3 + [2] * 2, np.int8)
    examples = Examples(np.zeros(10), label, classes=Classes(("a", "b", "c")))
    share = np.array([0.5, 0.3, 0.2])
    chance = lr_finder._loss_by_chance(Config().train, examples)
    assert chance == pytest.approx(-(share * np.log(share)).sum())
    weighted = replace(examples, weight=np.array([1.0] * 5 + [2.0] * 3 + [0.0] * 2, np.float32))
    share = np.array([5, 6]) / 11
    chance = lr_finder._loss_by_chance(Config().train, weighted)
    assert chance == pytest.approx(-(share * np.log(share)).sum())
    two = replace(weighted, label=np.minimum(label, 1), classes=BINARY)
    assert lr_finder._loss_by_chance(Config().train, two) == pytest.approx(chance)


def test_a_learning_rate_that_is_too_high_gets_a_lower_one_where_the_test_is_inconclusive(write_config):
    """The network of the default size learns nothing before the loss grows; 50 is above the end of the test."""
    sections = {"data": {"source": "sample"}, "model": {"embedding": {"dim": 16, "init": "normal"}, "hidden": [16]}}
    high, low = (
        lr_finder.find_learning_rate(
            prepare(write_config(**sections, train={"optimizer": {"name": "sgd", "learning_rate": rate}}))
        )
        for rate in (50, 0.5)
    )
    assert (high.suggestion, high.ended) == (None, "the loss grew")
    assert high.lower == pytest.approx(high.curve[-1].learning_rate / 10, rel=0.5)
    assert low.lower is None  # it is not known to be too high


def test_the_network_starts_as_in_the_training_where_words_are_known(here):
    """In short texts in English, from the vectors and the classifier on them: another start has another best rate."""
    rows = [f"it {('broke', 'works')[i % 2]} after {i} days,{i % 2}" for i in range(60)]
    Path("r.csv").write_text("\n".join(["text,label", *rows]))
    config = load_config("default", ["data.source=r.csv"])
    losses: list[float] = []

    def watch(event: Event) -> None:
        if isinstance(event, Step):
            losses.append(event.loss)

    runner.train_model(config, watch=watch)
    assert lr_finder.find_learning_rate(prepare(config)).curve[0].loss == losses[0]
