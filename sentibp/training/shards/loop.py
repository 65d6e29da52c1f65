"""The training loop on shards: rounds, in each of which all shards work from the same state, and are then merged.

    average   each shard trains for some steps by itself; then the shards are averaged (iterative parameter mixing:
              McDonald et al., 2010; local SGD: Stich, 2019)
    sync      the gradients of all shards are merged into one step, as with a batch of all their reviews

`fit_shards` is to shards what `loop.fit` is to one process: the same events, the same state, the same checkpoints. The
number of shards belongs to the settings, and decides the result. Where the tasks run does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sentibp.config.schema import Config, Train
from sentibp.data.examples import Examples, example_weights
from sentibp.nn.layers import Sequential
from sentibp.nn.optim import Optimizer
from sentibp.training.events import FitEvent, Step
from sentibp.training.loop import TrainingState, end_epoch
from sentibp.training.shards.files import Shard, write_shards
from sentibp.training.shards.sums import FAN_IN, merge
from sentibp.training.shards.work import (
    RoundReport,
    Span,
    average_round,
    load_optimizer,
    load_state,
    report_of,
    save_state,
    shard_gradient,
    state_of,
    train_shard,
    update_round,
)
from sentibp.utils.executor import Executor, WorkerDied

ROUNDS = 32
"""The state is written to a file after as many rounds, if no checkpoint was. Then no worker that is lost costs more
rounds, and the cluster forgets the tasks before them."""


class CommonState:
    """The state that every shard starts a round from. It is where the tasks are; the client fetches it when needed."""

    def __init__(self, network: Sequential, optimizer: Optimizer, executor: Executor, folder: Path):
        self.network, self.optimizer, self.executor, self.folder = network, optimizer, executor, folder
        self.rounds = 0  # since the client had the state
        self._future: Any = None  # None: the network and the optimizer have it
        self._file: Path | None = None

    def future(self, step: int) -> Any:
        """Return the future of the state. If the client has it, that is a task that loads it from a file."""
        if self._future is None:
            path, before = self.folder / f"state-{step}.safetensors", self._file
            digest = save_state(path, state_of(self.network, self.optimizer))
            self._future = self.executor.submit(load_state, str(path), digest)
            self._file, self.rounds = path, 0
            if before is not None and before != path:
                before.unlink(missing_ok=True)
        return self._future

    def advance(self, future: Any) -> None:
        """Take the result of a round as the state."""
        self._future = future
        self.rounds += 1

    def fetch(self) -> None:
        """Copy the state into the network and the optimizer."""
        if self._future is None:
            return
        state = self.executor.result(self._future).state
        for name, tensor in (*self.network.params.items(), *self.network.buffers.items()):
            tensor[...] = state[f"weights/{name}"]
        load_optimizer(self.optimizer, state)
        self._future = None


def fit_shards(
    network: Sequential,
    train: Examples,
    validation: Examples | None,
    config: Config,
    seed: int,
    state: TrainingState,
    executor: Executor,
    folder: Path,
) -> Iterator[FitEvent]:
    """Train the network in place, from `state` on, with the work on each shard done by the executor.

    Each round yields Step; each epoch ends with Epoch. After Step, the network is that of the last Epoch or fetch:
    `state.fetch()` brings it up to date. `folder` is on a path that all workers see; the caller removes it.
    Raises Diverged; WorkerDied, with the shard, if its task was given up; DataError if files cannot be written.
    """
    settings = config.train
    shards = write_shards(folder, train, example_weights(settings, train), settings.shards, seed)
    common = CommonState(network, state.optimizer, executor, folder)
    state.fetch = common.fetch
    per_epoch = settings.steps_per_epoch(len(train))
    for epoch in range(state.epoch, settings.epochs + 1):
        while (done := state.step - (epoch - 1) * per_epoch) < per_epoch:
            span = _span(settings, state, epoch, done, per_epoch)
            report = _do_round(common, shards, config, seed, span)
            state.step += span.steps
            state.loss += report.loss
            loss = report.loss / max(report.reviews, 1)
            yield Step(state.step, epoch, loss, span.learning_rates[-1], report.gradient_norm, {})
            if common.rounds >= ROUNDS:
                common.fetch()
        common.fetch()
        yield end_epoch(network, len(train), validation, settings, state, None)


def _span(settings: Train, state: TrainingState, epoch: int, done: int, per_epoch: int) -> Span:
    """Return the steps of the next round. No round reaches into another epoch."""
    count = settings.round_steps if settings.sync == "average" else 1
    steps = range(state.step, state.step + min(count, per_epoch - done))
    learning_rate = settings.optimizer.learning_rate
    return Span(epoch, done, state.step, tuple(learning_rate * state.schedule.factor(step) for step in steps))


def _do_round(common: CommonState, shards: Sequence[Shard], config: Config, seed: int, span: Span) -> RoundReport:
    """Do a round: all shards from the common state, then the sum of what they found, then the state after it."""
    executor, start = common.executor, common.future(span.done)
    sums = _work_of_shards(executor, shards, config, seed, start, span)
    while len(sums) > 1:
        sums = [executor.submit(merge, *sums[i : i + FAN_IN]) for i in range(0, len(sums), FAN_IN)]
    if config.train.sync == "average":
        result = executor.submit(average_round, start, sums[0])
    else:
        result = executor.submit(update_round, config, start, sums[0], span)
    report = executor.result(executor.submit(report_of, result))
    common.advance(result)
    return report


def _work_of_shards(
    executor: Executor, shards: Sequence[Shard], config: Config, seed: int, start: Any, span: Span
) -> list[Any]:
    """Return the futures of the work of all shards in a round, which has ended. Raises the error of a shard by name.

    If a worker dies, Dask suspects all tasks that it had. So after four deaths the shards work one by one.
    """
    work = train_shard if config.train.sync == "average" else shard_gradient

    def submit(shard: Shard) -> Any:
        return executor.submit(work, config, seed, shard, start, span, name=str(shard))

    futures = [submit(shard) for shard in shards]
    try:
        executor.settle(futures)
    except WorkerDied:
        futures = []
        for shard in shards:
            futures.append(submit(shard))
            executor.settle(futures[-1:])
    return futures
