"""A sweep, finished or not: its trials, the best of them, the importance of each setting; and how far it is by now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.errors import ConfigError, SentibpError
from sentibp.metrics import higher_is_better
from sentibp.runs.directory import load_run_info
from sentibp.runs.watch import RunFollower
from sentibp.training.sweep_folder import ABOUT, JOURNAL, ROOT, TRIALS, Plan, attempts, is_being_run, load_plan
from sentibp.training.sweep_study import Study, best_of
from sentibp.training.trial import FINISHED, TrialRecord


class FoundSweep(NamedTuple):
    """A sweep that is finished, or not yet."""

    folder: Path
    plan: Plan
    trials: list[tuple[TrialRecord, dict[str, Any]]]  # that have ended, by their numbers, with their settings
    running: list[int]  # or interrupted
    best: TrialRecord | None
    importances: dict[str, float]  # of each setting; {} if too few trials are finished to say

    def ranked(self) -> list[tuple[TrialRecord, dict[str, Any]]]:
        """Return the trials, the best first; those that did not finish are last."""
        sign = -1 if higher_is_better(self.plan.metric) else 1
        return sorted(
            self.trials,
            key=lambda trial: (
                trial[0].state != FINISHED,
                0 if trial[0].value is None else sign * trial[0].value,
                trial[0].number,
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all as plain values."""
        return {
            "sweep": str(self.folder),
            **{key: getattr(self.plan, key) for key in ("metric", "sampler", "seed", "folds")},
            "wanted": self.plan.trials,
            "best": None if self.best is None else self.best.number,
            "running": self.running,
            "importances": self.importances,
            "trials": [record._asdict() | {"settings": settings} for record, settings in self.trials],
        }


def newest() -> Path:
    """Return the folder of the newest sweep in sweeps/. ConfigError if there is none."""
    found = sorted(ROOT.glob(f"*/{ABOUT}"), key=lambda file: (file.stat().st_mtime_ns, file))
    if not found:
        raise ConfigError(f"no sweep here (there is none in {ROOT}/); name its folder")
    return found[-1].parent


def load_sweep(folder: Path) -> FoundSweep:
    """Return what a sweep has found so far. ConfigError if the folder is none, DataError if it is damaged."""
    plan = load_plan(folder)
    if not (folder / JOURNAL).exists():
        return FoundSweep(folder, plan, [], [], None, {})
    study = Study(folder / JOURNAL, plan.space, plan.sampler, plan.seed, plan.metric, read_only=True)
    records = study.records()
    return FoundSweep(
        folder=folder,
        plan=plan,
        trials=[
            (record, {".".join(keys): value for keys, value in study.values(record.number).items()})
            for record in records
        ],
        running=study.running(),
        best=best_of(records, plan.metric),
        importances=study.importances(),
    )


class SweepState(NamedTuple):
    """How far a sweep is."""

    sweep: str
    outcome: str  # "running"; "finished"; or "interrupted": no process runs it, and trials are left
    ended: int  # trials, however they ended
    trials: int  # in all
    metric: str
    best: int | None  # the number of the best trial so far
    value: float | None  # its score
    running: dict[int, float]  # the share that is done of each trial that runs, by its number

    @property
    def progress(self) -> float:
        """The share that is done, from 0 to 1."""
        return min((self.ended + sum(self.running.values())) / max(self.trials, 1), 1.0)


def follow_sweep(folder: Path, interval: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[SweepState]:
    """Yield the state whenever it has changed, until the sweep has ended. It is read every `interval` seconds.

    ConfigError if the folder is none of a sweep, DataError if it is damaged.
    """
    reader, last, missed = _Reader(folder), None, 0
    while True:
        missed = 0 if is_being_run(folder) else missed + 1  # the first time it may be about to begin
        state = reader.read()
        if state.ended >= state.trials and missed:
            state = state._replace(outcome="finished")
        elif missed > 1:
            state = state._replace(outcome="interrupted")
        if state != last:
            yield state
            last = state
        if state.outcome != "running":
            return
        sleep(interval)


class _Reader:
    """Reads the journal of a sweep, and the metrics logs of the trials that run."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._size = -1  # of the journal that was read
        self._ended: dict[str, Any] = {}
        self._running: list[int] = []
        self._followers: dict[Path, RunFollower] = {}

    def read(self) -> SweepState:
        plan = load_plan(self.folder)  # another command may have added trials
        journal = self.folder / JOURNAL
        size = journal.stat().st_size if journal.exists() else 0
        if size != self._size:
            self._size = size
            self._read_journal(plan, journal)
        running = {number: self._share(number, plan) for number in self._running}
        return SweepState(
            sweep=str(self.folder),
            outcome="running",
            trials=plan.trials,
            metric=plan.metric,
            running=running,
            **self._ended,
        )

    def _read_journal(self, plan: Plan, journal: Path) -> None:
        if not self._size:
            self._ended = {"ended": 0, "best": None, "value": None}
            return
        study = Study(journal, plan.space, plan.sampler, plan.seed, plan.metric, read_only=True)
        records = study.records()
        best = best_of(records, plan.metric)
        number, value = (None, None) if best is None else (best.number, best.value)
        self._ended = {"ended": len(records), "best": number, "value": value}
        self._running = study.running()

    def _share(self, number: int, plan: Plan) -> float:
        """Return how much of a trial is done, from 0 to 1."""
        trial = self.folder / TRIALS / str(number)
        trial = (attempts(trial) or [trial])[-1]
        folds = sorted(trial.glob("fold-*"), key=lambda path: int(path.name[5:])) if plan.folds else [trial]
        if not folds:
            return 0.0
        return (len(folds) - 1 + self._share_of_run(folds[-1])) / max(plan.folds, 1)

    def _share_of_run(self, run: Path) -> float:
        try:
            follower = self._followers.get(run) or RunFollower(run, time.time, time.monotonic)
            self._followers[run] = follower
            facts = load_run_info(run)
            return round(follower.read(str(facts.get("outcome")), facts).progress, 3)
        except SentibpError:  # it is about to begin, or runs again after its worker died
            self._followers.pop(run, None)
            return 0.0
