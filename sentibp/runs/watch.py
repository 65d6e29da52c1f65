"""A training as its records tell it, while it goes on: how far it is, and how long it will take."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.runs import directory

_SMOOTH = 0.98  # share of the mean loss that stays at each step


class RunProgress(NamedTuple):
    """How far a training is."""

    run: str
    outcome: str  # "running", as in run.json, or "broken off": killed without a word
    epoch: int
    epochs: int
    step: int  # of all networks that are trained; of a second training, after each epoch
    steps: int  # likewise; fewer, if a training stops early, or is repeated for fewer epochs
    loss: float | None  # of the last steps
    learning_rate: float | None
    scored_epoch: int | None  # the last one that was validated
    scores: dict[str, Any] | None  # its scores
    seconds: float  # since its start
    seconds_left: float | None  # at the pace so far
    round: int  # of pretraining, the last one that is over
    rounds: int  # 0 before the first one is over, and where nothing is pretrained

    @property
    def progress(self) -> float:
        """From 0 to 1: of the steps; of a pretraining, which has none, of the rounds."""
        done, of = (self.step, self.steps) if self.steps else (self.round, self.rounds)
        return min(done / of, 1.0) if of else 0.0


def newest_started() -> Path:
    """The run that was begun last, of those in runs/ that go on; if none does, of all. ConfigError if there is none."""
    found = list(directory.list_runs())
    going_on = [path for path, facts in found if facts.get("outcome") == "running"]
    if not found:
        raise ConfigError("no run in runs/; name its directory, or begin one with `sentibp train`")
    return (going_on or [path for path, _ in found])[-1]


def follow(
    run: Path, interval: float, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.time
) -> Iterator[RunProgress]:
    """The state whenever it has changed, looked at every `interval` seconds, until the training has ended."""
    reader = _Reader(run, now)
    last = None
    missed = 0
    while True:
        facts = directory.load_run_info(run)
        outcome = facts.get("outcome", "running")
        missed = missed + 1 if outcome == "running" and not directory.is_being_written(run) else 0
        if missed > 1:  # seen twice: between two looks it may have been about to begin or to end
            outcome = "broken off"
        state = reader.read(outcome, facts)
        if last is None or state._replace(seconds=0, seconds_left=0) != last._replace(seconds=0, seconds_left=0):
            yield state
            last = state
        if outcome != "running":
            return
        sleep(interval)


class _Reader:
    """Reads on in metrics.jsonl from where it was."""

    def __init__(self, run: Path, now: Callable[[], float]):
        self.run = run
        self.now = now
        facts = directory.load_run_info(run)
        settings = load_config(run / "config.yaml").config.train
        try:
            reviews = facts["data"]["training"]["reviews"]
            held_out = facts["data"].get("validation") or {"reviews": 0}
            all_reviews = reviews + held_out["reviews"]
            self.start = datetime.fromisoformat(facts["start"]).timestamp()
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{run / 'run.json'}: damaged: not the facts of a training") from None
        self.epochs = settings.epochs
        self.pretraining = directory.is_pretraining(facts)
        epochs = 0 if self.pretraining else settings.epochs
        self.each = epochs * -(-reviews // settings.batch_size)  # steps of a network
        self.steps = self.each * settings.members * settings.seeds
        self.again = epochs * -(-all_reviews // settings.batch_size) * settings.members  # of the second training
        self.is_refit = settings.refit is True and held_out["reviews"] > 0  # what "auto" means shows in the records
        self.began = now()
        self.first: int | None = None  # the step at the first look
        self._rewind()

    def _rewind(self) -> None:
        self.position = 0
        self.networks: list[int] = []  # the seeds of those that were begun
        self.refit: dict[int, int] = {}  # of those of the second training, and how many steps each has done
        self.last_step: dict[str, Any] = {}
        self.loss: float | None = None
        self.scored: tuple[int, dict[str, Any]] | None = None
        self.round = self.rounds = 0

    def read(self, outcome: str, facts: dict[str, Any]) -> RunProgress:
        path = self.run / directory.METRICS
        try:
            if path.stat().st_size < self.position:  # a resumed training forgets what came after its checkpoint
                self._rewind()
            with open(path, "rb") as file:
                file.seek(self.position)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self.position += len(line)
                    self._take(json.loads(line))
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}; give a run directory") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: damaged: {error}") from None
        return self._state(outcome, facts)

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "step":
            if not all(type(event[key]) in (int, float) for key in ("epoch", "step", "loss", "learning_rate")):
                raise ValueError("a step without its numbers")
            if event["seed"] not in self.networks:
                self.networks.append(event["seed"])
                self.loss = None
            loss = event["loss"]
            self.loss = loss if self.loss is None else _SMOOTH * self.loss + (1 - _SMOOTH) * loss
            self.last_step = event
        elif event["event"] == "epoch":
            self.scored = (event["epoch"], event["scores"]) if event["scores"] is not None else None
        elif event["event"] == "refit":
            if type(event["step"]) is not int:
                raise ValueError("an epoch without its step")
            self.refit[event["seed"]] = event["step"]
        elif event["event"] == "round":
            if not all(type(event[key]) is int for key in ("round", "rounds")):
                raise ValueError("a round without its number")
            self.round, self.rounds = event["round"], event["rounds"]

    def _state(self, outcome: str, facts: dict[str, Any]) -> RunProgress:
        step = self.each * max(len(self.networks) - 1, 0) + self.last_step.get("step", 0) + sum(self.refit.values())
        steps = self.steps + (self.again if self.is_refit or self.refit else 0)
        done: int = self.round if self.pretraining else step
        of = self.rounds if self.pretraining else steps
        now = self.now()
        seconds, left = max(now - self.start, 0.0), None
        if self.first is None:
            self.first = done
        if outcome != "running":
            seconds, left = facts.get("seconds") or self._end(facts) - self.start, 0.0
        elif done > self.first:  # the pace since the first look; or, at that, since the start
            left = (now - self.began) / (done - self.first) * (of - done)
        elif done:
            left = seconds / done * (of - done)
        return RunProgress(
            str(self.run),
            outcome,
            self.last_step.get("epoch", 0),
            self.epochs,
            step,
            steps,
            self.loss,
            self.last_step.get("learning_rate"),
            *(self.scored or (None, None)),
            round(seconds, 1),
            None if left is None else round(left, 1),
            self.round,
            self.rounds,
        )

    def _end(self, facts: dict[str, Any]) -> float:
        """When it ended; when it last recorded something, if nobody wrote that down."""
        try:
            return datetime.fromisoformat(facts["end"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return (self.run / directory.METRICS).stat().st_mtime
