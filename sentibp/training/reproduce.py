"""Train a run again, and find the first number that differs."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.model.file import load_model
from sentibp.runs import directory
from sentibp.runs.find import of_a_sweep
from sentibp.runs.records import EpochRecord, Record, RecordReader, RefitRecord, StartRecord, StepRecord, read_records
from sentibp.runs.trained_model import is_replaced
from sentibp.training.diverged import TrainingStopped
from sentibp.training.events import Event, NetworkStarted
from sentibp.training.experiment import Training
from sentibp.training.prepare import prepare
from sentibp.training.recorded_data import require_same_data
from sentibp.utils.environment import changes, machine, versions

_COMPARED = (StartRecord, StepRecord, EpochRecord, RefitRecord)


_END = ("outcome", "seed", "epoch", "step", "layer", "tensor")  # of run.json, for a training that diverged


class Comparison(NamedTuple):
    """What training a run again has shown."""

    run: Path
    same: bool
    whole: bool  # whether the run was finished; if not, it was compared as far as it came
    epochs: int  # that were compared, of all networks, up to the difference
    steps: int
    digest: str | None  # of the model of the run
    again: str | None  # of the model that was trained again, if the training came so far
    stopped: str | None  # how both trainings diverged, if they did
    difference: dict[str, Any] | None  # the first one: seed, epoch, step, event, tensors, and what else differs
    changed: dict[str, list[Any]]  # of versions, processor and threads: then and now


class Reproduction:
    """Trains a run again from its config, in a temporary folder. Iterate over its events, then `finish` it.

    The iteration ends at the first record that differs. Raises as `train` does; DataError if the data have changed.
    """

    def __init__(self, path: Path):
        self.path = path
        is_trial = (path / "run.json").is_file() and not path.name.startswith("fold-")
        if not is_trial and (what := of_a_sweep(path)):
            raise ConfigError(what)
        self.then = directory.load_run_info(path)
        if directory.is_pretraining(self.then):
            raise ConfigError(
                f"{path}: a pretraining; run `sentibp pretrain {shlex.quote(f'{path}/config.yaml')}` and compare sha256"
            )
        if (what := _changed_when_resumed(self.then)) is not None:
            raise ConfigError(f"{path}: {what} when it was resumed; no single config trains it again")
        self.recorded = _recorded(path)
        data = prepare(load_config(path / "config.yaml"), rerun=path)
        require_same_data(path, self.then.get("data") or {}, data.facts)
        self.folder = tempfile.TemporaryDirectory(prefix="sentibp-", ignore_cleanup_errors=True)
        run = directory.create_run(data.config, path, Path(self.folder.name), pointers=False)
        self.training = Training(data, run)
        if self.digest is not None and self.then.get("refit", self) is None:  # a trial of a sweep ends before the refit
            self.training.with_refit = False
        self.difference: dict[str, Any] | None = None
        self.names: list[str] = []  # of the tensors, in the order of their checksums
        self.epochs = self.steps = 0
        self.again: str | None = None
        self.stopped: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.training.__exit__(kind, *rest)
        self.folder.cleanup()

    def __iter__(self) -> Generator[Event, None, None]:
        reader = RecordReader(self.training.run.path)
        try:
            for event in self.training:
                if not self._compare_new(reader):
                    return
                yield event._replace(run=self.path) if isinstance(event, NetworkStarted) else event
        except TrainingStopped as error:
            if self._compare_new(reader):
                self._compare_ends(error)
            return
        self._compare_new(reader)
        if self.difference is None and (then := next(self.recorded, None)) is not None:
            self._differs(then, ["the run has more records than the training that was repeated"], [])
        if self.difference is None:
            self.again = self.training.finish().digest
            file = self.path / directory.MODEL
            if self.digest not in (None, self.again) and not self._is_same_model():
                self._differs(None, ["the model, but no step: was config.yaml edited?"], [])
            elif self.digest is not None and file.is_file() and is_replaced(file):
                self._differs(None, [f"{file}: not the file that the training wrote; was it replaced?"], [])

    @property
    def digest(self) -> str | None:
        """The digest of the run's model, if the run is finished."""
        return self.then.get("digest") if self.then.get("outcome") == "finished" else None

    def finish(self) -> Comparison:
        """Return what was found."""
        changed = changes(self.then, {"versions": versions(), "machine": machine()})
        whole = self.digest is not None and (self.again is not None or self.difference is not None)
        counts = self.epochs, self.steps
        same = self.difference is None
        return Comparison(
            self.path, same, whole, *counts, self.digest, self.again, self.stopped, self.difference, changed
        )

    def _is_same_model(self) -> bool:
        """Return whether both models predict with the same numbers: another version may write another header."""
        if not (self.path / directory.MODEL).is_file():  # as of a trial of a sweep that is not the best
            return False
        models = [load_model(path / directory.MODEL) for path in (self.path, self.training.run.path)]
        specs = [(model.spec, model.scores) for model in models]
        tensors = [model.tensors() | model.vocabulary.tensors() for model in models]
        return (
            specs[0] == specs[1]
            and tensors[0].keys() == tensors[1].keys()
            and all(np.array_equal(tensor, tensors[1][name]) for name, tensor in tensors[0].items())
        )

    def _compare_new(self, reader: RecordReader) -> bool:
        """Compare the records that were added. False at the first difference, or where the run has no more records."""
        for now in reader.new():
            if not isinstance(now, _COMPARED):
                continue
            then = next(self.recorded, None)
            if then is None:
                return False
            if isinstance(now, StartRecord):
                self.names = list(now.weights)
            what, tensors = self._compare(then, now)
            if what or tensors:
                self._differs(now, what, tensors)
                return False
            self.epochs += isinstance(now, EpochRecord)
            self.steps += isinstance(now, StepRecord)
        return True

    def _compare_ends(self, error: TrainingStopped) -> None:
        """Compare the step in which the repeated training diverged with that of the run."""
        then, now = ({key: facts.get(key) for key in _END} for facts in (self.then, self.training.run.facts))
        if then == now:
            self.stopped = error.lines[0].partition("; ")[0]
            return
        diverged = self.then.get("outcome") == "diverged"
        what = f"step {then['step']} of epoch {then['epoch']} diverged then" if diverged else "no step diverged then"
        self._differs(None, [f"{error.lines[0].partition('; ')[0]}; {what}"], [])

    def _differs(self, record: Record | None, what: list[str], tensors: list[str]) -> None:
        place = {"seed": None, "epoch": None, "step": None, "event": None}
        if record is not None:
            known = asdict(record)  # type: ignore[call-overload]
            place |= {key: known.get(key) for key in ("seed", "epoch", "step")} | {"event": record.event}
            place |= {"epoch": 1, "step": 0} if isinstance(record, StartRecord) else {}
        self.difference = {**place, "tensors": tensors, "what": what}

    def _compare(self, then: Record, now: Record) -> tuple[list[str], list[str]]:
        """Return what differs between two records, in words, and the tensors that differ."""
        a, b = then.to_json(), now.to_json()
        if other := [key for key in ("event", "seed", "epoch", "step") if a.get(key) != b.get(key)]:
            facts = ", ".join(f"{key} {a.get(key)} then, {b.get(key)} now" for key in other)
            return [f"{facts}: was config.yaml edited?"], []
        what = []
        for key in "learning_rate", "loss", "gradient_norm":
            if key in b and a.get(key) != b[key]:
                what.append(f"{key.replace('_', ' ')} {a.get(key)} then, {b[key]} now")
        if isinstance(now, StepRecord):
            old, new = _checksums(a), _checksums(b)
            tensors = [name for name, x, y in zip(self.names, old, new, strict=False) if x != y] if old else []
        else:
            old = a.get("weights", b["weights"])
            tensors = [name for name, check in b["weights"].items() if old.get(name) != check]
        if isinstance(now, EpochRecord) and a.get("scores") != b["scores"]:
            what.append("scores")
        return what, tensors


def _changed_when_resumed(info: Mapping[str, Any]) -> str | None:
    """Return what the run began without, and was resumed with, so that its config gives another training."""
    for resumed in info.get("resumed", []):
        settings = resumed.get("settings", {})
        if "train.epochs" in settings:
            return "its epochs were raised"
        then, now = settings.get("train.early_stopping.patience", (0, 0))
        if now < then:  # it may have waited longer before
            return "its patience was lowered"
    return None


def _recorded(path: Path) -> Iterator[Record]:
    """Return the records of a run that are compared, or those up to a damaged line. DataError if no step is there."""
    try:
        records = [record for record in read_records(path) if isinstance(record, _COMPARED)]
    except DataError as error:
        raise DataError(f"{error}; there is nothing to compare with") from None
    if not any(isinstance(record, StepRecord) for record in records):
        raise DataError(f"{path / directory.METRICS}: no step was recorded; there is nothing to compare with")
    return iter(records)


def _checksums(step: Mapping[str, Any]) -> list[str]:
    """Return the checksum of each tensor of a step, four digits each."""
    check = step.get("check", "")
    return [check[start : start + 4] for start in range(0, len(check), 4)]
