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
from sentibp.runs.records import EpochRecord, Record, RecordReader, RefitRecord, RoundRecord, StepRecord
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.files import unreadable

_CREDIBLE = 90 * 86400.0  # seconds; an estimate beyond is that of a clock that was set, and not of a training
_SMOOTHING = 0.98  # share of the mean loss that stays at each step


class RunProgress(NamedTuple):
    """How far a training is."""

    run: str
    outcome: str  # as in run.json; or "killed": its process is gone
    epoch: int
    epochs: int
    step: int  # of all networks; those of a refit are counted after each epoch
    steps: int  # of all networks, if none stops early
    loss: float | None  # of the last steps
    learning_rate: float | None
    scored_epoch: int | None  # the last one that was validated
    scores: dict[str, Any] | None  # its scores
    seconds: float  # since its start
    seconds_left: float | None  # at the pace so far
    round: int  # of pretraining, the last one that has ended
    rounds: int  # 0 before the first one has ended, and without pretraining

    @property
    def progress(self) -> float:
        """The share that is done, from 0 to 1: of the steps; of the rounds in a pretraining."""
        if self.outcome == "finished":  # perhaps after fewer epochs than the settings allow
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
        settings = load_config(run / "config.yaml").config.train
        with data_error_if_damaged(run / "run.json", "give the run of a training"):
            reviews = facts["data"]["training"]["reviews"]
            held_out = facts["data"].get("validation") or {"reviews": 0}
            all_reviews = reviews + held_out["reviews"]
            self.start = datetime.fromisoformat(facts["start"]).timestamp()
        self.epochs = settings.epochs
        self.pretraining = directory.is_pretraining(facts)
        epochs = 0 if self.pretraining else settings.epochs
        self.steps_of_network = epochs * settings.steps_per_epoch(reviews)
        self.steps = self.steps_of_network * settings.members * settings.seeds
        self.steps_of_refit = epochs * settings.steps_per_epoch(all_reviews) * settings.members
        self.is_refit = settings.refit is True and held_out["reviews"] > 0  # what "auto" means shows in the records
        self.is_resumed = bool(facts.get("resumed"))
        self.began = clock()
        self.first: int | None = None  # the step at the first look
        self._rewind()

    def _rewind(self) -> None:
        self.reader = RecordReader(self.run)
        self.seeds: list[int] = []  # of the networks that were begun
        self.refit: dict[int, int] = {}  # seed -> steps, of the networks of the final training
        self.last_step: StepRecord | None = None
        self.loss: float | None = None
        self.scored: tuple[int, dict[str, Any]] | None = None
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
            if record.seed not in self.seeds:
                self.seeds.append(record.seed)
                self.loss = None
            loss = record.loss
            self.loss = loss if self.loss is None else _SMOOTHING * self.loss + (1 - _SMOOTHING) * loss
            self.last_step = record
        elif isinstance(record, EpochRecord):
            self.scored = (record.epoch, record.scores) if record.scores is not None else None
        elif isinstance(record, RefitRecord):
            self.refit[record.seed] = record.step
        elif isinstance(record, RoundRecord):
            self.round, self.rounds = record.round, record.rounds

    def _progress(self, outcome: str, facts: dict[str, Any]) -> RunProgress:
        last = self.last_step
        step = self.steps_of_network * max(len(self.seeds) - 1, 0)
        step += (0 if last is None else last.step) + sum(self.refit.values())
        steps = self.steps + (self.steps_of_refit if self.is_refit or self.refit else 0)
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
            0 if last is None else last.epoch,
            self.epochs,
            step,
            steps,
            self.loss,
            None if last is None else last.learning_rate,
            *(self.scored or (None, None)),
            round(seconds, 1),
            None if left is None else round(left, 1),
            self.round,
            self.rounds,
        )

    def _end(self, facts: dict[str, Any]) -> float:
        """Return the time of its end; if run.json does not have it, that of the last record."""
        try:
            return datetime.fromisoformat(facts["end"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return self.reader.path.stat().st_mtime
