"""How fast a config is on this machine: text to tokens, tokens to features, and each part of a training step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.load import Resolved
from sentibp.data import dataset, vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.model.classifier import Classifier
from sentibp.training import dry_run, prepare
from sentibp.training.dry_run import DryRun
from sentibp.training.events import Event
from sentibp.training.loop import example_weights, take_batch

_REVIEWS = 25_000  # those whose text is measured
_STEPS = 100  # those that are measured
_TIMES = 3  # how often each measurement of text is made; the median counts


class Speed(NamedTuple):
    """Tokens, reviews and steps by time."""

    reviews: int  # whose text was measured
    tokens: int  # of these
    tokenize: float  # text to tokens, in tokens a second
    build: float  # tokens to a vocabulary and its features
    encode: float  # tokens to the features of a vocabulary that is there, as in prediction
    parts: dict[str, float]  # the median seconds of each part of a step
    training: DryRun  # a step, and the whole training, as `train --dry-run` tells


def measure_speed(resolved: Resolved, watch: Callable[[Event], None] = lambda event: None) -> Speed:
    """Measure on the config's own data. Writes nothing but the cache; raises as `train` does."""
    settings = resolved.config.text
    some, _ = dataset.load_data(prepare.resolve_paths(resolved.config, resolved.path.parent))
    some = some.take(np.arange(0, len(some), -(-len(some) // _REVIEWS)))
    seconds, tokens = _timed(lambda: tokenize(some.text, settings.lowercase))
    count = len(tokens.ids)
    build, (vocabulary, _) = _timed(
        lambda: vocabulary_build.build_vocabulary(
            tokens, settings.ngrams, settings.min_count, settings.max_features, settings.affixes
        )
    )
    encode, _ = _timed(lambda: vocabulary.encode(tokens))
    clock = _Clock()
    rehearsal = dry_run.dry_run(resolved, watch, _STEPS, clock.attach, lambda: clock.mark("update"))
    return Speed(
        reviews=len(some),
        tokens=count,
        tokenize=count / seconds,
        build=count / build,
        encode=count / encode,
        parts={part: statistics.median(spent) for part, spent in clock.spent.items()},
        training=rehearsal,
    )


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """The median seconds of some calls, and what the last one gave."""
    spent, result = [], None
    for _ in range(_TIMES):
        start = time.perf_counter()
        result = function()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent), result


class _Clock:
    """Stands beside the network while `fit` trains it, and notes when each part of a step is over."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {
            part: [] for part in ("batch", "wait", "forward", "loss", "backward", "update")
        }
        self.last = 0.0

    def mark(self, part: str) -> None:
        """A part is over: what has passed since the last mark was its time."""
        now = time.perf_counter()
        self.spent[part].append(now - self.last)
        self.last = now

    def attach(self, classifier: Classifier, training: Examples) -> None:
        """Have the network tell where it is; and measure batches, which are made in another thread, beforehand."""
        settings = classifier.training_config().train
        weight = example_weights(settings, training)
        order = np.random.default_rng(0).permutation(len(training))
        for start in range(0, min(len(order), _STEPS * settings.batch_size), settings.batch_size):
            self.last = time.perf_counter()
            take_batch(classifier, training, weight, order[start : start + settings.batch_size])
            self.mark("batch")
        network = classifier.network
        network.forward = self._between("wait", network.forward, "forward")
        network.backward = self._between("loss", network.backward, "backward")
        self.last = time.perf_counter()

    def _between(self, before: str, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            self.mark(before)
            result = function(*arguments, **options)
            self.mark(name)
            return result

        return run
