"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from sentibp.config.load import Resolved
from sentibp.data.examples import Examples
from sentibp.model.classifier import Classifier
from sentibp.training.events import Event, Step
from sentibp.training.loop import fit, steps_per_epoch
from sentibp.training.networks import new_network
from sentibp.training.prepare import prepare
from sentibp.training.refit import is_refit


class DryRun(NamedTuple):
    """What a training would cost on this machine, from its first steps."""

    training: int  # reviews
    validation: int
    features: int
    parameters: int
    model_bytes: int  # of the file
    peak_bytes: int  # of memory, so far; the steps to come need no more
    steps: int
    step_seconds: float  # the median
    reviews_per_second: float
    seconds: float  # of the whole training, estimated


def dry_run(
    resolved: Resolved,
    watch: Callable[[Event], None] = lambda event: None,
    steps: int = 30,
    begin: Callable[[Classifier, Examples], None] = lambda classifier, training: None,
    stepped: Callable[[], None] = lambda: None,
) -> DryRun:
    """Do all that a training does up to some steps, and write nothing but the cache. Raises as `train` does.

    `begin` is called before the first step, with what is trained and on what, and `stepped` after each.
    """
    import resource  # not on Windows

    began = time.monotonic()
    prepared_data = prepare(resolved, watch)
    config, training, validation = prepared_data.config, prepared_data.training, prepared_data.validation
    classifier = new_network(prepared_data, config.train.seed)
    size = len(classifier.to_bytes())
    prepared = time.monotonic() - began
    begin(classifier, training)
    marks = [time.monotonic()]
    for event in fit(classifier, training, None, config.train.seed):
        if isinstance(event, Step):
            stepped()
            marks.append(time.monotonic())
        if len(marks) > steps:
            break
    step = statistics.median(end - start for start, end in pairwise(marks))
    began = time.monotonic()
    if validation is not None:
        classifier.logits(validation.features)
    validated = time.monotonic() - began
    epochs = config.train.epochs * config.train.seeds * config.train.members
    total = epochs * steps_per_epoch(config.train, len(training))
    if validation is not None and is_refit(prepared_data):
        again = steps_per_epoch(config.train, len(training) + len(validation))
        total += config.train.epochs * config.train.members * again
    return DryRun(
        training=len(training),
        validation=0 if validation is None else len(validation),
        features=len(prepared_data.vocabulary),
        parameters=sum(parameter.size for parameter in classifier.network.params.values()),
        model_bytes=size,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        steps=total,
        step_seconds=step,
        reviews_per_second=min(config.train.batch_size, len(training)) / step,
        seconds=prepared + total * step + epochs * validated,
    )
