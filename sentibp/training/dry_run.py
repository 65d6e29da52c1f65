"""A dry run: what a training would cost on this machine, estimated from its first steps."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from sentibp.config.schema import Config
from sentibp.model.classifier import Classifier
from sentibp.model.fold import fold_classifiers
from sentibp.model.word_vectors import Vectors, match_vectors, to_half_precision
from sentibp.runs.saved_model import is_average
from sentibp.training import distillation
from sentibp.training.events import Backward, Batch, FitEvent, Forward, Step
from sentibp.training.loop import fit, initial_state
from sentibp.training.networks import Task, fit_teacher, new_network, student_task
from sentibp.training.prepare import TrainingData
from sentibp.training.pretraining import concatenate_reviews, learn_vectors
from sentibp.training.refit import is_refit
from sentibp.training.shifters import with_shifters
from sentibp.utils.rng import random_stream

T = TypeVar("T")

PARTS = ("wait", "forward", "backward", "update")
"""The parts of a step, in their order: until the batch is there, forward and loss, backward and norm, update."""


class DryRun(NamedTuple):
    """What a training would cost."""

    training: int  # reviews
    validation: int
    features: int
    parameters: int  # of the model that is saved
    network_parameters: int  # of each network: fewer, if the model is the average of several classifiers
    model_bytes: int  # of the file
    peak_bytes: int  # of memory, so far; further steps need no more
    steps: int  # as the metrics log counts them: with train.sync average, those of each shard
    refit: bool  # whether a final training on all reviews follows, whose model has a few features more
    shards: int
    sync: str | None  # of shards
    batches_per_step: int  # of all shards together
    step_seconds: float  # of one batch, the median
    reviews_per_second: float
    pretraining_seconds: float  # of the vectors, estimated from the first rounds, and of the classifier on them
    linear_seconds: float  # of the classifier of train.linear_member
    seconds: float  # of the whole training, estimated; the shards one after the other


def dry_run(data: TrainingData, steps: int = 30) -> DryRun:
    """Do all that a training does up to some steps, and write nothing but the cache. Raises Diverged."""
    return estimate(data, timed_steps(data, steps))


def timed_steps(data: TrainingData, steps: int) -> list[dict[str, float]]:
    """Do the first steps of a training. Return the seconds of each of their PARTS."""
    training, settings = data.training, data.config.train.in_one_process()
    network = new_network(data, settings.seed).network
    state = initial_state(settings, len(training), settings.seed)
    timed: list[dict[str, float]] = []
    for parts in _timed(fit(network, training, None, settings, state)):
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
    (pretraining, task), linear = _pretraining(data), _linear_seconds(data)
    classifier, started = _timed_call(lambda: new_network(data, config.train.seed, task))
    sentences = task.answers
    step = statistics.median(sum(parts.values()) for parts in timed)
    validated = 0.0 if validation is None else _timed_call(lambda: classifier.logits(validation.features))[1]
    train, saved = config.train, _saved_model(data, classifier)
    has_refit = validation is not None and is_refit(data)
    trainings = train.seeds + has_refit  # each with its own pretraining and linear classifier
    epochs = train.epochs * train.seeds * train.members
    examples = distillation.examples_of(len(training), sentences)
    steps = epochs * train.steps_per_epoch(examples) + _steps_of_refit(config, data, sentences)
    batches = train.shards * (train.round_steps if train.shards > 1 and train.sync == "sync" else 1)
    return DryRun(
        training=len(training),
        validation=0 if validation is None else len(validation),
        features=len(data.vocabulary),
        parameters=saved.parameter_count,
        network_parameters=classifier.parameter_count,
        model_bytes=len(saved.to_bytes()),
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        steps=steps,
        refit=has_refit,
        shards=train.shards,
        sync=train.sync if train.shards > 1 else None,
        batches_per_step=batches,
        step_seconds=step,
        reviews_per_second=min(train.batch_size, len(training)) / step,
        pretraining_seconds=pretraining,
        linear_seconds=linear,
        seconds=data.seconds
        + trainings * (pretraining + linear + train.members * started)
        + steps * batches * step
        + epochs * validated,
    )


def _timed_call(function: Callable[[], T]) -> tuple[T, float]:
    """Return the result of a function, and the seconds that it took."""
    began = time.monotonic()
    return function(), time.monotonic() - began


def _linear_seconds(data: TrainingData) -> float:
    """Return the seconds of fitting the classifier of train.linear_member; 0 if none is wanted."""
    config = data.config
    if not config.train.linear_member:
        return 0.0
    return _timed_call(lambda: distillation.linear_member(config, data.vocabulary, data.training, config.train.seed))[1]


def _pretraining(data: TrainingData) -> tuple[float, Task]:
    """Return the seconds of vectors and of the classifier on them, and what a network learns from then.

    The vectors are random ones, as those of the first rounds are incomplete.
    """
    config, vocabulary, training = data.config, data.vocabulary, data.training
    seed, alone = config.train.seed, Task(data.training, data.validation)
    if not config.pretrain.is_used:
        return 0.0, alone
    rounds, vectors = (0.0, None) if config.pretrain.vectors == "none" else (_rounds_seconds(data), _vectors(data))
    if not config.pretrain.has_word_columns:
        assert vectors is not None
        fit = partial(distillation.review_classifier, config, vocabulary, training, vectors, seed)
        return rounds + _timed_call(fit)[1], alone
    task, seconds = _timed_call(lambda: student_task(data, *fit_teacher(data, vectors, seed)))
    return rounds + seconds, task


def _vectors(data: TrainingData) -> Vectors:
    """Return the vectors of an earlier pretraining, or random ones in the place of those that it would learn."""
    if data.pretrained is not None:
        return match_vectors(data.pretrained, data.vocabulary)
    settings, reviews = data.config.pretrain, concatenate_reviews([data.extra.training, data.extra.unlabelled])
    count = np.bincount(reviews.ids, minlength=len(data.vocabulary))
    features = np.flatnonzero(count >= settings.min_count).astype(np.int32)
    normal = random_stream(data.config.train.seed, "dry run").standard_normal
    return to_half_precision(features, normal((len(features), settings.dim), dtype=np.float32))


def _rounds_seconds(data: TrainingData) -> float:
    """Return the seconds of learning vectors, from the first two of its rounds; 0 if none are learned."""
    if data.pretrained is not None:
        return 0.0
    rounds = learn_vectors(data.config, data.vocabulary, data.training, data.extra, data.config.train.seed)
    (event, _), first = _timed_call(lambda: next(rounds))  # with what comes before the rounds
    if event.rounds == 1:
        return first
    second = _timed_call(lambda: next(rounds))[1]
    return first + (event.rounds - 1) * second


def _saved_model(data: TrainingData, network: Classifier) -> Classifier:
    """Return a model as large as the one that the training saves, from a network with its initial weights."""
    config = data.config
    if not is_average(config):
        return network
    linear = distillation.untrained_linear_member(config, data.vocabulary, config.train.seed)
    others = config.train.linear_member + config.pretrain.is_used
    folded = fold_classifiers([(network, 1.0)] * config.train.members + [(linear, 1.0)] * others)
    return with_shifters(folded) if config.text.shifters else folded


def _steps_of_refit(config: Config, data: TrainingData, sentences: int) -> int:
    if data.validation is None or not is_refit(data):
        return 0
    examples = distillation.examples_of(len(data.training) + len(data.validation), sentences)
    return config.train.epochs * config.train.members * config.train.steps_per_epoch(examples)
