"""A learning-rate range test (Smith, 2017): the rate grows with each step, until the loss does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sentibp.config.load import Resolved
from sentibp.config.schema import Train
from sentibp.data.examples import Examples
from sentibp.nn.losses import LOSSES
from sentibp.nn.optim import Schedule
from sentibp.training import networks
from sentibp.training.events import Event, Step
from sentibp.training.failed_step import Diverged
from sentibp.training.loop import example_weights, fit, initial_state

LOWEST, HIGHEST = 1e-5, 100.0
_STEPS = 210  # 30 to each power of ten
_SMOOTH = 0.9  # share of the running mean of losses that stays at each step
_TOO_MUCH = 4.0  # times the least loss: the end
_START = 30  # steps at rates that change nothing yet
_FALLEN = 0.05  # of the loss by chance, and at the start: if it does not fall by so much, nothing is learned
_LEARNED = 0.05  # of the loss by chance: the end, too; a loss of nearly nothing falls at any rate
_SAFETY = 10  # below the rate where the loss is least, which is on the brink


class Point(NamedTuple):
    """A step of the test."""

    rate: float
    loss: float  # of its batch, before its update
    smooth: float  # the running mean


class LearningRateTest(NamedTuple):
    """What the loss did as the rate grew."""

    suggestion: float | None  # None: the loss fell at no rate
    least: float | None  # the rate where the smoothed loss was least
    chance: float  # the loss of the best answer that is the same for all reviews
    ended: str  # why: "diverged", "the loss grew", "nothing is left to learn", "all rates were tried"
    current: float  # train.optimizer.learning_rate as it is set
    optimizer: str
    curve: list[Point]


def find_learning_rate(resolved: Resolved, watch: Callable[[Event], None] = lambda event: None) -> LearningRateTest:
    """Try the rates on the config's own data, with its optimizer. Leaves nothing behind but the cache."""
    classifier, training = networks.untrained(resolved, watch, epochs=_STEPS)  # more than will be needed
    optimizer = resolved.config.train.optimizer
    chance = _chance(resolved.config.train, training)
    curve: list[Point] = []
    ended, mean = "all rates were tried", 0.0
    seed = resolved.config.train.seed
    position = initial_state(classifier.training_config().train, len(training), seed)
    position.schedule = _Rising(optimizer.learning_rate)
    try:
        for event in fit(classifier, training, None, seed, position):
            if not isinstance(event, Step):
                continue
            mean = _SMOOTH * mean + (1 - _SMOOTH) * event.loss
            smooth = mean / (1 - _SMOOTH**event.step)  # as Adam corrects for a start at 0
            curve.append(Point(event.learning_rate, event.loss, smooth))
            if smooth > _TOO_MUCH * min(point.smooth for point in curve):
                ended = "the loss grew"
                break
            if smooth < _LEARNED * chance:
                ended = "nothing is left to learn"
                break
            if event.step == _STEPS:
                break
    except Diverged:
        ended = "diverged"
    least = min(curve, key=lambda point: point.smooth, default=None)
    start = float(np.mean([point.loss for point in curve[:_START]])) if curve else chance
    if least is None or least.smooth > (1 - _FALLEN) * min(chance, start):
        return LearningRateTest(None, None, chance, ended, optimizer.learning_rate, optimizer.name, curve)
    suggestion = float(f"{least.rate / _SAFETY:.1g}")
    return LearningRateTest(suggestion, least.rate, chance, ended, optimizer.learning_rate, optimizer.name, curve)


class _Rising(Schedule):
    """From the lowest rate to the highest, by one factor at each step, as shares of `base`."""

    def __init__(self, base: float):
        super().__init__(_STEPS, _STEPS)
        self.base = base

    def after_warmup(self, step: int, done: float) -> float:
        return LOWEST * (HIGHEST / LOWEST) ** (step / (_STEPS - 1)) / self.base


def _chance(settings: Train, training: Examples) -> float:
    """The loss of the answer that fits all reviews best, if it must be the same for all."""
    weight = example_weights(settings, training)
    share = float(np.average(training.label, weights=weight))
    z = np.full(len(training), np.log(share / (1 - share)) if 0 < share < 1 else 0.0)
    return LOSSES[settings.loss](z, training.label, weight)[0]
