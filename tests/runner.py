"""Carries out trainings for the tests: each function runs the loop that a command would run.

`watch` sees every event. If it raises KeyboardInterrupt, the loop is left, as a command leaves it after Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from sentibp.config.load import Resolved
from sentibp.training import experiment, loop, pretrain_run
from sentibp.training import reproduce as reproducing
from sentibp.training import resume as resuming
from sentibp.training.break_condition import BreakWatch
from sentibp.training.diverged import TrainingStopped
from sentibp.training.events import Backward, Epoch, Event, Step
from sentibp.training.postmortem import FailedStep

Watch = Callable[[Event], None]


def carry_out(session: Any, watch: Watch) -> Any:
    with session:
        for event in session:
            try:
                watch(event)
            except KeyboardInterrupt:
                break
        return session.finish()


def nobody(event: Event) -> None:
    pass


def train_model(
    resolved: Resolved, out: Path | None = None, command=(), watch: Watch = nobody, stop=None, executor=None
) -> Any:
    return carry_out(experiment.train(resolved, out, command, stop, executor), watch)


def pretrain_vectors(resolved: Resolved, out: Path | None = None, command=(), watch: Watch = nobody) -> Any:
    return carry_out(pretrain_run.pretrain(resolved, out, command), watch)


def resume(path: Path, resolved: Resolved, watch: Watch = nobody, stop=None, executor=None) -> Any:
    return carry_out(resuming.resume(path, resolved, stop, executor), watch)


def resume_pretraining(path: Path, resolved: Resolved, watch: Watch = nobody) -> Any:
    return carry_out(resuming.resume_pretraining(path, resolved), watch)


def reproduce(path: Path, watch: Watch = nobody) -> Any:
    return carry_out(reproducing.Reproduction(path), watch)


def fit(classifier, examples, validation, seed: int, state=None, *, stop=None) -> Iterator[Step | Epoch]:
    """The steps and epochs of training one classifier by its own settings; with a break condition, if one is given."""
    settings = classifier.training_config().train
    state = state or loop.initial_state(settings, len(examples), seed)
    watch = BreakWatch(stop, classifier.network, state)
    last = None
    try:
        for event in loop.fit(classifier.network, examples, validation, settings, state):
            last = event if isinstance(event, Backward) else last
            watch.check(event)
            if isinstance(event, Step | Epoch):
                yield event
    except TrainingStopped as error:
        if last is not None:
            tensor = error.tensor
            error.failed_step = FailedStep(
                classifier, seed, last, last.chosen, classifier.training_config(), examples, tensor
            )
        raise


def result(generator: Generator[Any, None, Any], seen: Callable[[Any], None] = nobody) -> Any:
    """Run a generator to its end, and return its value."""
    while True:
        try:
            seen(next(generator))
        except StopIteration as end:
            return end.value
