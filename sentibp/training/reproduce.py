"""Training a run again, and telling the first number that comes out otherwise."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.runs import directory
from sentibp.training.events import Event, NetworkStarted
from sentibp.training.experiment import run_training
from sentibp.training.prepare import prepare
from sentibp.training.resume import require_same_data
from sentibp.utils.environment import changes, machine, versions

_COMPARED = ("start", "step", "epoch", "refit")


class Reproduction(NamedTuple):
    """What came of training a run again; `difference` and `changed` as README.md tells them."""

    run: Path
    same: bool
    whole: bool  # whether the run came to its end; if not, it was compared as far as it came
    epochs: int  # that were compared, up to the difference, and of all networks
    steps: int
    digest: str | None  # of the model: what the run has
    again: str | None  # and what came out now, if it came so far
    difference: dict[str, Any] | None  # the first: seed, epoch, step, event, tensors, and what else is other
    changed: dict[str, list[Any]]  # of versions, processor and threads: then and now


class _Different(Exception):
    """The first difference."""


class _Enough(Exception):
    """All that was recorded has come out the same."""


def reproduce(path: Path, watch: Callable[[Event], None] = lambda event: None) -> Reproduction:
    """Train a run again from its config, into a folder that is thrown away, and compare it step by step.

    Raises as `train` does; DataError if the data are not those of the run.
    """
    then = directory.load_run_info(path)
    if directory.is_pretraining(then):
        raise ConfigError(f"{path}: a pretraining; `sentibp pretrain {path}/config.yaml` does it again: compare sha256")
    if any(again.get("settings", {}).keys() & {"train.epochs"} for again in then.get("resumed", [])):
        raise ConfigError(f"{path}: its epochs were raised on the way; no single config trains it again")
    comparison = _Comparison(_recorded(path))
    prepared = prepare(load_config(path / "config.yaml"), watch)
    require_same_data(path, then, prepared.facts)

    def shown(event: Event) -> None:
        watch(event._replace(run=path) if isinstance(event, NetworkStarted) else event)

    digest = then.get("digest") if then.get("outcome") == "finished" else None
    again = None
    try:
        with tempfile.TemporaryDirectory(prefix="sentibp-") as folder:
            run = directory.create_run(prepared.config, path, Path(folder), pointers=False)
            run.listener = comparison.hear
            try:
                again = run_training(prepared, run, shown).digest
            finally:
                run.close()
        comparison.end()
        if digest is not None and again != digest:
            comparison.differs(None, ["the model, but no step: was config.yaml edited?"], [])
    except (_Different, _Enough):
        pass
    difference = comparison.difference
    changed = changes(then, {"versions": versions(), "machine": machine()})
    counts = comparison.epochs, comparison.steps
    whole = digest is not None and (again is not None or difference is not None)
    return Reproduction(path, difference is None, whole, *counts, digest, again, difference, changed)


def _recorded(path: Path) -> list[dict[str, Any]]:
    """The events of a run that are compared. A last line that was broken off is left out."""
    file = path / directory.METRICS
    try:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        events = [event for event in events if event["event"] in _COMPARED]
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; there is nothing to compare with") from None
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{file}: damaged; there is nothing to compare with") from None
    if not any(event["event"] == "step" for event in events):
        raise DataError(f"{file}: no step was recorded; there is nothing to compare with")
    return events


class _Comparison:
    """Hears of each event of the training, and holds it against the one that was recorded."""

    def __init__(self, recorded: list[dict[str, Any]]):
        self.recorded = iter(recorded)
        self.difference: dict[str, Any] | None = None
        self.names: list[str] = []  # of the tensors, in the order of the checks
        self.epochs = self.steps = 0

    def hear(self, event: dict[str, Any]) -> None:
        if event["event"] not in _COMPARED:
            return
        now = json.loads(json.dumps(event))
        then = next(self.recorded, None)
        if then is None:
            raise _Enough
        if now["event"] == "start":
            self.names = list(now["weights"])
        what, tensors = self._compared(then, now)
        if what or tensors:
            self.differs(now, what, tensors)
        self.epochs += now["event"] == "epoch"
        self.steps += now["event"] == "step"

    def end(self) -> None:
        """The training is over: is what was recorded, too?"""
        if (then := next(self.recorded, None)) is not None:
            self.differs(then, ["it went on then, and has ended now"], [])

    def differs(self, event: dict[str, Any] | None, what: list[str], tensors: list[str]) -> None:
        """Keep the difference, and end the comparison."""
        event = event or {}
        at = {"seed": event.get("seed"), "epoch": event.get("epoch"), "step": event.get("step")}
        if event.get("event") == "start":
            at |= {"epoch": 1, "step": 0}
        self.difference = {**at, "event": event.get("event"), "tensors": tensors, "what": what}
        raise _Different

    def _compared(self, then: dict[str, Any], now: dict[str, Any]) -> tuple[list[str], list[str]]:
        """What differs of two events, in words, and the tensors that do."""
        if any(then.get(key) != now.get(key) for key in ("event", "seed", "epoch", "step")):
            return ["another event than was recorded"], []
        what = []
        for key in "learning_rate", "loss", "gradient_norm":
            if key in now and then.get(key) != now[key]:
                what.append(f"{key.replace('_', ' ')} {then.get(key)} then, {now[key]} now")
        if now["event"] == "step":
            old, new = (_fours(each.get("check", "")) for each in (then, now))
            tensors = [name for name, a, b in zip(self.names, old, new, strict=False) if a != b] if old else []
        else:
            old = then.get("weights", now["weights"])
            tensors = [name for name, check in now["weights"].items() if old.get(name) != check]
        if now["event"] == "epoch" and then.get("scores") != now["scores"]:
            what.append("scores")
        return what, tensors


def _fours(check: str) -> list[str]:
    return [check[start : start + 4] for start in range(0, len(check), 4)]
