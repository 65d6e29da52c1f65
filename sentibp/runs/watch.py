"""Watch a training from another process: how far it is by its metrics log, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.runs import directory, find
from sentibp.runs.records import (
    EpochRecord,
    Record,
    RecordReader,
    RefitRecord,
    RefitStartRecord,
    RoundRecord,
    StepRecord,
)
from sentibp.runs.saved_model import SavedModel, saved_model, steps_after_epochs
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.files import unreadable

_CREDIBLE = 90 * 86400.0  # seconds; an estimate beyond is that of a clock that was set, and not of a training
_SMOOTHING = 0.98  # share of the mean loss that stays at each step


class RunProgress(NamedTuple):
    """How far a training is."""

    run: str
    outcome: str  # as in run.json; or "killed": its process is gone
    network: int  # the one that is trained, from 1; in the final training counted anew
    networks: int
    is_refit: bool  # whether it is the final training on all data
    epoch: int  # of the network; in the final training the last one that has ended
    epochs: int
    step: int  # of all networks; those of a refit are counted after each epoch
    steps: int  # of all networks, if no other stops early
    loss: float | None  # of the last steps
    learning_rate: float | None
    scored_network: int | None
    scored_epoch: int | None  # the last one that was validated
    scores: dict[str, Any] | None  # its scores: of the network alone, before it is averaged and calibrated
    then: str  # what follows these scores, such as "averaging and calibration"; "" if nothing
    seconds: float  # since its start
    seconds_left: float | None  # at the pace so far
    round: int  # of pretraining, the last one that has ended
    rounds: int  # 0 before the first one has ended, and without pretraining
    saved: SavedModel | None  # once the training has ended

    @property
    def progress(self) -> float:
        """The share that is done, from 0 to 1: of the steps; of the rounds in a pretraining."""
        if self.outcome == "finished":
            return 1.0
        done, of = (self.step, self.steps) if self.steps else (self.round, self.rounds)
        return min(done / of, 1.0) if of else 0.0


def newest_started() -> Path:
    """Return the newest run that is running; if none is, the newest of all. ConfigError if there is none.

    The runs are those in runs/, and the one started last, which may lie elsewhere.
    """
    found = directory.list_runs()
    started = find.started_run()
    if started is not None and not any(started.samefile(path) for path, _ in found):
        found = [*found, (started, directory.load_run_info(started))]
    running = [path for path, facts in found if facts.get("outcome") == "running"]
    if not found:
        raise ConfigError("no run in runs/; name its directory, or start one with `sentibp train`")
    return (running or [path for path, _ in found])[-1]


def follow(
    run: Path,
    interval: float,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[RunProgress]:
    """Yield the progress whenever it has changed, until the training has ended. It is read every `interval` seconds.

    `now` is the time of day, which may be set back or forth, and `clock` one that only passes.
    """
    reader = RunFollower(run, now, clock)
    last = None
    missed = 0
    while True:
        facts = directory.load_run_info(run)
        outcome = facts.get("outcome", "running")
        missed = missed + 1 if outcome == "running" and not directory.is_being_written(run) else 0
        if missed > 1:  # seen twice: the first time it may have been about to begin or to end
            outcome = "killed"
        state = reader.read(outcome, facts)
        if last is None or state._replace(seconds=0, seconds_left=0) != last._replace(seconds=0, seconds_left=0):
            yield state
            last = state
        if outcome != "running":
            return
        sleep(interval)


class RunFollower:
    """Follows the metrics log of a run, and derives how far the training is."""

    def __init__(self, run: Path, now: Callable[[], float], clock: Callable[[], float]):
        self.run = run
        self.now = now
        self.clock = clock
        facts = directory.load_run_info(run)
        self.config = load_config(run / "config.yaml").config
        settings = self.config.train
        with data_error_if_damaged(run / "run.json", "give the run of a training"):
            reviews = facts["data"]["training"]["reviews"]
            held_out = facts["data"].get("validation") or {"reviews": 0}
            self.is_validated = held_out["reviews"] > 0
            all_reviews = reviews + held_out["reviews"]
            self.start = datetime.fromisoformat(facts["start"]).timestamp()
        self.settings = settings
        self.pretraining = directory.is_pretraining(facts)
        epochs = 0 if self.pretraining else settings.epochs
        self.steps_of_network = epochs * settings.steps_per_epoch(reviews)
        self.networks = settings.members * settings.seeds
        self.steps_of_refit = epochs * settings.steps_per_epoch(all_reviews)  # of each network
        self.is_refit = settings.refit is True and self.is_validated  # what "auto" means shows in the records
        self.is_resumed = bool(facts.get("resumed"))
        self.began = clock()
        self.first: int | None = None  # the step at the first look
        self._rewind()

    def _rewind(self) -> None:
        self.reader = RecordReader(self.run)
        self.steps: dict[int, int] = {}  # seed -> steps, of the networks that were begun
        self.refit: dict[int, RefitRecord | None] = {}  # seed -> the last epoch, of the networks of the final training
        self.refit_start: RefitStartRecord | None = None  # how long it is; the log of an earlier version does not say
        self.last_step: StepRecord | None = None
        self.loss: float | None = None
        self.scored: tuple[int, int, dict[str, Any]] | None = None
        self.round = self.rounds = 0

    def read(self, outcome: str, facts: dict[str, Any]) -> RunProgress:
        """Read what was recorded since the last call. Raises DataError."""
        try:
            if self.reader.path.stat().st_size < self.reader.position:  # a resume drops what came after the checkpoint
                self._rewind()
        except OSError as error:
            raise DataError(unreadable(error, str(self.reader.path), "give a run directory")) from None
        for record in self.reader.new():
            self._take(record)
        return self._progress(outcome, facts)

    def _take(self, record: Record) -> None:
        if isinstance(record, StepRecord):
            if record.seed not in self.steps:
                self.loss = None
            self.steps[record.seed] = record.step
            loss = record.loss
            self.loss = loss if self.loss is None else _SMOOTHING * self.loss + (1 - _SMOOTHING) * loss
            self.last_step = record
        elif isinstance(record, EpochRecord):
            network = max(len(self.steps), 1)
            self.scored = (network, record.epoch, record.scores) if record.scores is not None else None
        elif isinstance(record, RefitStartRecord):
            self.refit_start, self.refit[record.seed] = record, None
        elif isinstance(record, RefitRecord):
            self.refit[record.seed] = record
        elif isinstance(record, RoundRecord):
            self.round, self.rounds = record.round, record.rounds

    def _progress(self, outcome: str, facts: dict[str, Any]) -> RunProgress:
        last = self.last_step
        step, steps = self._steps(outcome)
        done: int = self.round if self.pretraining else step
        total: int = self.rounds if self.pretraining else steps
        now = self.now()
        seconds, left = max(now - self.start, 0.0), None
        if self.first is None:
            self.first = done
        if outcome != "running":
            seconds, left = facts.get("seconds") or max(self._end(facts) - self.start, 0.0), 0.0
        elif done > self.first:  # at the pace since the first look; at that look, since the start
            left = (self.clock() - self.began) / (done - self.first) * (total - done)
        elif done and not self.is_resumed:  # otherwise the time since the start has the pauses in it
            left = seconds / done * (total - done)
            left = left if left < _CREDIBLE else None
        return RunProgress(
            str(self.run),
            outcome,
            *self._network(),
            step,
            steps,
            self.loss,
            None if last is None else last.learning_rate,
            *(self.scored or (None, None, None)),
            steps_after_epochs(self.config, self.is_validated),
            round(seconds, 1),
            None if left is None else round(left, 1),
            self.round,
            self.rounds,
            None if outcome == "running" or self.pretraining else saved_model(self.config, facts),
        )

    def _steps(self, outcome: str) -> tuple[int, int]:
        """Return the steps that were done, and those of the whole training: of networks that stopped early, fewer."""
        members, in_refit = self.settings.members, bool(self.refit)
        step = sum(self.steps.values()) + sum(record.step for record in self.refit.values() if record is not None)
        if outcome == "finished":  # perhaps after fewer epochs than the settings allow
            return step, step
        ended = list(self.steps.values()) if in_refit else list(self.steps.values())[:-1]
        left = 0 if in_refit else self.networks - len(ended)
        per_network = self.steps_of_refit if self.refit_start is None else self.refit_start.steps
        return step, sum(ended) + left * self.steps_of_network + members * per_network * (self.is_refit or in_refit)

    def _network(self) -> tuple[int, int, bool, int, int]:
        """Return which network is trained, of how many, whether that is the final training, and its epochs."""
        if self.refit:
            record, start = list(self.refit.values())[-1], self.refit_start
            epochs = self.settings.epochs if start is None else start.epochs
            return len(self.refit), self.settings.members, True, 0 if record is None else record.epoch, epochs
        epoch = 0 if self.last_step is None else self.last_step.epoch
        return max(len(self.steps), 1), max(self.networks, 1), False, epoch, self.settings.epochs

    def _end(self, facts: dict[str, Any]) -> float:
        """Return the time of its end; if run.json does not have it, that of the last record."""
        try:
            return datetime.fromisoformat(facts["end"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return self.reader.path.stat().st_mtime
