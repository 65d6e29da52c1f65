"""A dry run: what a training would cost on this machine, estimated from its first steps."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from sentibp.config.schema import Config
from sentibp.training.events import Backward, Batch, FitEvent, Forward, Step
from sentibp.training.loop import fit, initial_state, steps_per_epoch
from sentibp.training.networks import new_network
from sentibp.training.prepare import TrainingData
from sentibp.training.refit import is_refit

PARTS = ("wait", "forward", "backward", "update")
"""The parts of a step, in their order: until the batch is there, forward and loss, backward and norm, update."""


class DryRun(NamedTuple):
    """What a training would cost."""

    training: int  # reviews
    validation: int
    features: int
    parameters: int
    model_bytes: int  # of the file
    peak_bytes: int  # of memory, so far; further steps need no more
    steps: int
    step_seconds: float  # the median
    reviews_per_second: float
    seconds: float  # of the whole training, estimated


def dry_run(data: TrainingData, steps: int = 30) -> DryRun:
    """Do all that a training does up to some steps, and write nothing but the cache. Raises Diverged."""
    return estimate(data, timed_steps(data, steps))


def timed_steps(data: TrainingData, steps: int) -> list[dict[str, float]]:
    """Do the first steps of a training. Return the seconds of each of their PARTS."""
    config, training = data.config, data.training
    network = new_network(data, config.train.seed).network
    state = initial_state(config.train, len(training), config.train.seed)
    timed: list[dict[str, float]] = []
    for parts in _timed(fit(network, training, None, config.train, state)):
        timed.append(parts)
        if len(timed) == steps:
            break
    return timed


def _timed(events: Iterator[FitEvent]) -> Iterator[dict[str, float]]:
    """Yield the seconds of each part, after each step."""
    names = {Batch: "wait", Forward: "forward", Backward: "backward", Step: "update"}
    parts, last = {}, time.perf_counter()
    for event in events:
        now = time.perf_counter()
        if type(event) in names:
            parts[names[type(event)]] = now - last
        last = now
        if isinstance(event, Step):
            yield parts
            parts, last = {}, time.perf_counter()


def estimate(data: TrainingData, timed: list[dict[str, float]]) -> DryRun:
    """Estimate the cost of the whole training from the seconds of some steps."""
    import resource  # not on Windows

    config, training, validation = data.config, data.training, data.validation
    classifier = new_network(data, config.train.seed)
    step = statistics.median(sum(parts.values()) for parts in timed)
    began = time.monotonic()
    if validation is not None:
        classifier.logits(validation.features)
    validated = time.monotonic() - began
    epochs = config.train.epochs * config.train.seeds * config.train.members
    return DryRun(
        training=len(training),
        validation=0 if validation is None else len(validation),
        features=len(data.vocabulary),
        parameters=sum(parameter.size for parameter in classifier.network.params.values()),
        model_bytes=len(classifier.to_bytes()),
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        steps=(steps := epochs * steps_per_epoch(config.train, len(training)) + _steps_of_refit(config, data)),
        step_seconds=step,
        reviews_per_second=min(config.train.batch_size, len(training)) / step,
        seconds=data.seconds + steps * step + epochs * validated,
    )


def _steps_of_refit(config: Config, data: TrainingData) -> int:
    if data.validation is None or not is_refit(data):
        return 0
    per_epoch = steps_per_epoch(config.train, len(data.training) + len(data.validation))
    return config.train.epochs * config.train.members * per_epoch
