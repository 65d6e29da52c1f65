"""How fast a config is on this machine: text to tokens, tokens to features, and each part of a training step."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sentibp.data.dataset import load_data
from sentibp.data.encode import groups, learn_vocabulary, training_tokens
from sentibp.data.examples import example_weights
from sentibp.training.dry_run import PARTS, DryRun, estimate, timed_steps
from sentibp.training.loop import take_batch
from sentibp.training.networks import new_network
from sentibp.training.prepare import TrainingData

_REVIEWS = 25_000  # whose text is measured
_STEPS = 100  # that are measured
_REPEATS = 3  # of each measurement of text; the median counts


class Speed(NamedTuple):
    """Tokens, reviews and steps by time."""

    reviews: int  # whose text was measured
    tokens: int  # of these
    tokenize: float  # text to tokens, in tokens a second
    build: float  # tokens to a vocabulary and its features
    encode: float  # tokens to the features of an existing vocabulary, as in prediction
    parts: dict[str, float]  # the median seconds of each part of a step
    training: DryRun  # a step, and the whole training, as `train --dry-run` estimates them


def measure_speed(data: TrainingData) -> Speed:
    """Measure on the data of a config. Writes nothing but the cache. Raises Diverged."""
    settings = data.config.text
    corpus, _ = load_data(data.config)
    corpus = corpus.take(np.arange(0, len(corpus), -(-len(corpus) // _REVIEWS)))
    seconds, (tokens, names) = _timed(lambda: training_tokens(settings, corpus.text))
    count = len(tokens.ids)
    learn = functools.partial(learn_vocabulary, settings, tokens, groups([corpus]), names=names)
    build, (vocabulary, _) = _timed(learn)
    encode, _ = _timed(lambda: vocabulary.encode(tokens))
    batch = _batch_seconds(data)
    timed = timed_steps(data, _STEPS)
    return Speed(
        reviews=len(corpus),
        tokens=count,
        tokenize=count / seconds,
        build=count / build,
        encode=count / encode,
        parts={"batch": batch} | {part: statistics.median(step[part] for step in timed) for part in PARTS},
        training=estimate(data, timed),
    )


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median seconds of some calls, and the result of the last one."""
    spent, result = [], None
    for _ in range(_REPEATS):
        start = time.perf_counter()
        result = function()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent), result


def _batch_seconds(data: TrainingData) -> float:
    """Return the median seconds of preparing a batch, which training does in another thread."""
    settings, training = data.config.train, data.training
    prefetch = new_network(data, settings.seed).network.prefetcher()
    weight = example_weights(settings, training)
    order = np.random.default_rng(0).permutation(len(training))
    spent = []
    for start in range(0, min(len(order), _STEPS * settings.batch_size), settings.batch_size):
        began = time.perf_counter()
        take_batch(prefetch, training, weight, order[start : start + settings.batch_size])
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)
