"""A learning-rate range test (Smith, 2017): the learning rate grows with each step, until the loss does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentibp.config.schema import Train
from sentibp.data.examples import Examples, class_shares, example_weights
from sentibp.model.word_vectors import Vectors, match_vectors
from sentibp.nn.losses import loss_on
from sentibp.nn.optim import Schedule
from sentibp.training.diverged import Diverged
from sentibp.training.events import Step
from sentibp.training.loop import fit, initial_state
from sentibp.training.networks import Task, fit_teacher, new_network, student_task
from sentibp.training.prepare import TrainingData
from sentibp.training.pretraining import learn_vectors

LOWEST, HIGHEST = 1e-5, 100.0
_STEPS = 210  # 30 to each power of ten
_SMOOTHING = 0.9  # share of the running mean of losses that stays at each step
_TOO_MUCH = 4.0  # times the least loss: the end
_START = 30  # steps whose learning rates change nothing yet
_FALLEN = 0.05  # of the loss by chance, and at the start: if it falls by less, nothing is learned
_NOISE = 4.0  # standard errors: if the loss falls by less, it may be the batches that differ
_LEARNED = 0.05  # of the loss by chance: the end, too; a loss of nearly nothing falls at any learning rate
_SAFETY = 10  # below the learning rate of the least loss, which is close to divergence


class Point(NamedTuple):
    """A step of the test."""

    learning_rate: float
    loss: float  # of its batch, before its update
    smooth: float  # the running mean


class LearningRateTest(NamedTuple):
    """What the loss did as the learning rate grew."""

    suggestion: float | None  # None: the test is inconclusive
    least: float | None  # the learning rate where the smoothed loss was least
    inconclusive: str | None  # why there is no suggestion
    lower: float | None  # a learning rate to try if the test is inconclusive, and the one that is set is too high
    chance: float  # the loss of the best answer that is the same for all reviews
    ended: str  # why: "diverged", "the loss grew", "nothing is left to learn", "all learning rates were tried"
    current: float  # train.optimizer.learning_rate as it is set
    optimizer: str
    curve: list[Point]


def find_learning_rate(data: TrainingData) -> LearningRateTest:
    """Try learning rates on the data of a config, with its optimizer. Writes nothing but the cache."""
    task = _task(data)
    training = task.training
    settings = data.config.train.in_one_process().model_copy(update={"epochs": _STEPS})  # more than are needed
    optimizer = settings.optimizer
    chance = _loss_by_chance(settings, training)
    curve: list[Point] = []
    ended, mean = "all learning rates were tried", 0.0
    state = initial_state(settings, len(training), settings.seed)
    state.schedule = _Rising(optimizer.learning_rate)
    network = new_network(data, settings.seed, task).network
    try:
        for event in fit(network, training, None, settings, state):
            if not isinstance(event, Step):
                continue
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * event.loss
            smooth = mean / (1 - _SMOOTHING**event.step)  # corrects for the start at 0, as Adam does
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
    least, inconclusive = _lowest(curve, chance)
    suggestion = None if least is None else _far_below(least)
    grew = least is None and ended in ("diverged", "the loss grew") and optimizer.learning_rate > _highest(curve)
    found = suggestion, least, inconclusive, _far_below(_highest(curve)) if grew else None
    return LearningRateTest(*found, chance, ended, optimizer.learning_rate, optimizer.name, curve)


def _task(data: TrainingData) -> Task:
    """Return what the first network of the training learns from and starts from, after its pretraining."""
    config = data.config
    if not config.pretrain.has_word_columns:  # vectors: reviews are of another classifier, beside the network
        return Task(data.training, None)
    return student_task(data, *fit_teacher(data, _vectors(data), config.train.seed))


def _vectors(data: TrainingData) -> Vectors | None:
    """Return the vectors of words of the training; they are learned unless there is a file of them."""
    if data.pretrained is not None:
        return match_vectors(data.pretrained, data.vocabulary)
    if not data.config.pretrain.vector_columns:
        return None
    rounds = learn_vectors(data.config, data.vocabulary, data.training, data.extra, data.config.train.seed)
    while True:
        try:
            next(rounds)
        except StopIteration as end:
            return end.value


def _far_below(learning_rate: float) -> float:
    return float(f"{learning_rate / _SAFETY:.1g}")


def _highest(curve: Sequence[Point]) -> float:
    """Return the highest learning rate that was tried."""
    return curve[-1].learning_rate if curve else LOWEST


def _lowest(curve: Sequence[Point], chance: float) -> tuple[float | None, str | None]:
    """Return the learning rate of the least smoothed loss; or None, and why the curve says nothing.

    The first steps change nothing yet. Their losses differ as the batches do, so they show how far a loss must fall
    before it is more than noise, and where it starts from.
    """
    first, later = [point.loss for point in curve[:_START]], curve[_START:]
    if not later:
        return None, f"it ended after {len(curve)} steps, before a learning rate could change the loss"
    start = float(np.mean(first))
    least = min(later, key=lambda point: point.smooth)
    if least.smooth > (1 - _FALLEN) * min(chance, start):
        return (
            None,
            f"the loss fell too little: from {start:.3g} to {least.smooth:.3g}; one answer to all has {chance:.3g}",
        )
    averaged = (1 + _SMOOTHING) / (1 - _SMOOTHING)  # independent losses with as small an error as the running mean
    noise = float(np.std(first)) * np.sqrt(1 / len(first) + 1 / averaged)
    if start - least.smooth < _NOISE * noise:
        return None, f"the loss fell from {start:.3g} to {least.smooth:.3g}, and differs as much from batch to batch"
    return least.learning_rate, None


class _Rising(Schedule):
    """From the lowest learning rate to the highest, by the same factor at each step, as shares of `base`."""

    def __init__(self, base: float):
        super().__init__(_STEPS, _STEPS)
        self.base = base

    def after_warmup(self, step: int, done: float) -> float:
        return LOWEST * (HIGHEST / LOWEST) ** (step / (_STEPS - 1)) / self.base


def _loss_by_chance(settings: Train, training: Examples) -> float:
    """Return the loss of the answer that fits all reviews best, if it must be the same for all."""
    weight = example_weights(settings, training)
    if not training.classes.are_binary:
        shares = np.average(class_shares(training), axis=0, weights=weight)
        logits = np.log(np.maximum(shares, np.finfo(np.float64).tiny))
        return loss_on(settings.loss)(np.tile(logits, (len(training), 1)), training.label, weight)[0]
    share = float(np.average(training.label, weights=weight))
    z = np.full(len(training), np.log(share / (1 - share)) if 0 < share < 1 else 0.0)
    return loss_on(settings.loss)(z, training.label, weight)[0]
