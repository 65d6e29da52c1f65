"""Resume an interrupted run: it ends with the same bytes as one that was never interrupted."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from sentibp.config.load import Resolved, load_config
from sentibp.config.messages import show
from sentibp.config.paths import FILES, SOURCES
from sentibp.config.schema import Config
from sentibp.data.vocabulary_shards import SAME_COMMAND, workers_beside
from sentibp.errors import ConfigError, DataError
from sentibp.runs.compare import flatten
from sentibp.runs.directory import MODEL, VECTORS, Run, reopen_run
from sentibp.runs.saved_model import is_average
from sentibp.training.break_condition import BreakCondition
from sentibp.training.checkpoint import Checkpoint, load_checkpoint, remove_checkpoint
from sentibp.training.diverged import lower_learning_rate
from sentibp.training.events import Event, Note
from sentibp.training.experiment import Outcome, Training
from sentibp.training.paths import resolve_paths
from sentibp.training.prepare import TrainingData, prepare
from sentibp.training.pretrain_run import Pretraining, PretrainingOutcome
from sentibp.training.recorded_data import require_same_data
from sentibp.training.suited_defaults import possible_configs
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.environment import changes, machine, versions
from sentibp.utils.executor import Executor
from sentibp.utils.files import open_regular

_MAY_CHANGE = ("train.epochs", "train.early_stopping.patience", "train.checkpoint.every_seconds")
_MAY_CHANGE += ("train.checkpoint.every_steps",)
_OLDER = {"refit": None, "features": None, "parameters": None, "explained_variance": None, "notes": []}
"""What run.json of earlier versions does not have."""


T = TypeVar("T")


class Completed(Generic[T]):
    """A run that is finished already: in the place of a Training, with the outcome that it had."""

    note: str | None = None
    resume_command = ""  # there is nothing to resume

    def __init__(self, path: Path, outcome: T):
        self.path = path
        self.outcome = outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Event]:
        yield Note(f"{self.path}: finished already")

    def finish(self) -> T:
        """Return the outcome."""
        return self.outcome


def resume(
    path: Path, resolved: Resolved, condition: BreakCondition | None = None, executor: Executor | None = None
) -> Training | Completed[Outcome]:
    """Resume a training from its last checkpoint; without one, from its beginning.

    `resolved` are the settings to resume with, such as those of its config.yaml. Raises as `train` does, and
    ConfigError if a setting differs that may not.
    """
    with _closed_on_error(reopen_run(path)) as run:
        checkpoint, resolved, differences = _compare_settings(run, resolved)
        if run.facts["outcome"] == "finished":
            return Completed(path, Outcome(path, *_end_again(run, MODEL, Outcome._fields)))
        with workers_beside(path, executor, resolved.config.train.shards, SAME_COMMAND) as workers:
            data = prepare(resolved, workers, path)
        data = _with_recorded_notes(data, run)
        notes = _reopen(run, checkpoint, data, differences)
        return Training(data, run, checkpoint, condition, notes, executor)


def resume_pretraining(path: Path, resolved: Resolved) -> Pretraining | Completed[PretrainingOutcome]:
    """Resume a pretraining, as `resume` does a training."""
    with _closed_on_error(reopen_run(path)) as run:
        checkpoint, resolved, differences = _compare_settings(run, resolved)
        if run.facts["outcome"] == "finished":
            run.facts.setdefault("explained_variance", run.facts.get("restored"))
            return Completed(path, PretrainingOutcome(path, *_end_again(run, VECTORS, PretrainingOutcome._fields)))
        data = prepare(resolved, rerun=path)
        notes = _reopen(run, checkpoint, data, differences)
        return Pretraining(data, run, checkpoint, None, notes)


@contextmanager
def _closed_on_error(run: Run) -> Iterator[Run]:
    try:
        yield run
    except BaseException:
        run.close()
        raise


def _with_recorded_notes(data: TrainingData, run: Run) -> TrainingData:
    """Return the data with the notes of the run, if it has any: what the start has chosen, its config only states."""
    if "notes" not in run.facts:  # of an earlier version
        return data
    new = [note for note in data.notes if note not in data.caveats]  # such as another path; these are known
    return data._replace(notes=tuple(dict.fromkeys([*run.facts["notes"], *new])))


def _compare_settings(run: Run, resolved: Resolved) -> tuple[Checkpoint | None, Resolved, dict[str, list[Any]]]:
    """Return the last checkpoint, the settings to resume with, and which of them differ from those of the run.

    ConfigError if one differs that may not.
    """
    checkpoint = load_checkpoint(run.path)
    before = checkpoint.config if checkpoint else load_config(run.path / "config.yaml").config
    resolved = _with_defaults_of(before, _with_text_of(before, resolved))
    return checkpoint, resolved, _check_settings(run, before, resolved, checkpoint)


def _with_text_of(before: Config, resolved: Resolved) -> Resolved:
    """Return the settings with those of the run whose default an earlier version, which may have begun, did not have.

    These are text.folding and text.presence, unless the settings name them.
    """
    text = resolved.config.text
    earlier = {key: getattr(before.text, key) for key in ("folding", "presence") if key not in text.model_fields_set}
    text = text.model_copy(update=earlier)
    return resolved._replace(config=resolved.config.model_copy(update={"text": text}))


def _with_defaults_of(before: Config, resolved: Resolved) -> Resolved:
    """Return the settings with the defaults that the training texts chose when the run began.

    A config that is given again says nothing of these. Of those that the texts can choose, the nearest is taken.
    """
    then = flatten(before.model_dump())

    def distance(config: Config) -> int:
        now = flatten(config.model_dump())
        return sum(then.get(key) != now.get(key) for key in {*then, *now})

    return resolved._replace(config=min(possible_configs(resolved.config), key=distance))


def _check_settings(
    run: Run, before: Config, resolved: Resolved, checkpoint: Checkpoint | None
) -> dict[str, list[Any]]:
    """Return the settings that differ from those of the run, [then, now]. ConfigError if it cannot be resumed so."""
    path = run.path
    is_refit = checkpoint is not None and checkpoint.state["refit"]
    moved = (*SOURCES, *FILES) if run.facts.get("data") else ()  # data may lie elsewhere: fingerprints are compared
    if not moved:
        before = resolve_paths(Resolved(before, {}, path / "config.yaml"))[0]
    differences = _differences(path, before, resolve_paths(resolved)[0], is_refit, moved)
    if run.facts["outcome"] == "finished" and differences:
        raise ConfigError(f"{path}: finished already; start a new training for other settings")
    if run.facts["outcome"] == "diverged":
        train = f"sentibp train {shlex.quote(str(path / 'config.yaml'))}"
        repair = f"start a new training with `{train}`, and {lower_learning_rate(before.train)}"
        raise ConfigError(f"{path}: diverged, and would diverge again; {repair}")
    return differences


def _end_again(run: Run, name: str, fields: Sequence[str]) -> list[Any]:
    """Do what a process did not that was killed at the very end of its run. Return the fields of its outcome.

    They are those after the run itself: its result, the file of that `name`, and what run.json has. DataError if the
    file is gone, or is none.
    """
    file = run.path / name
    try:
        open_regular(file).close()
    except OSError as error:
        fault = f"{file}: {(error.strerror or str(error)).lower()}, although the run is finished"
        raise DataError(f"{fault}; restore it, or start a new training") from None
    remove_checkpoint(run.path)
    run.become_last()
    run.close()
    with data_error_if_damaged(run.path / "run.json", "start a new training"):
        facts = _OLDER | run.facts
        return [file, *(facts[field] for field in fields[2:])]


def _reopen(
    run: Run, checkpoint: Checkpoint | None, data: TrainingData, differences: Mapping[str, list[Any]]
) -> tuple[str, ...]:
    """Mark the run as running, and forget what it recorded after the checkpoint. Return what the user should know.

    DataError if its data have changed.
    """
    require_same_data(run.path, run.facts.get("data") or {}, data.facts)
    now, notes = {"versions": versions(), "machine": machine()}, []
    if checkpoint is None:
        notes.append(f"{run.path}: no checkpoint yet; begins again")
        remove_checkpoint(run.path)
        run.facts |= now
    elif changed := changes(run.facts, now):
        what = ", ".join(f"{name} {then} -> {new}" for name, (then, new) in changed.items())
        notes.append(f"changed since: {what}; the last digits may differ from those of a run without interruption")
    resumed = {
        "start": datetime.now().astimezone().isoformat(timespec="seconds"),
        "step": checkpoint.state["step"] if checkpoint else 0,
        "settings": dict(differences),
        **({} if checkpoint is None else now),
    }
    run.facts |= {"outcome": "running", "end": None, "resumed": [*run.facts.get("resumed", []), resumed]}
    run.keep(checkpoint.state["metrics"] if checkpoint else 0)
    run.begin(data.config)
    return tuple(notes)


def _why_fixed(is_several: bool, is_refit: bool) -> str:
    """Return why this training resumes with the same epochs and patience only."""
    if is_refit:
        return "its final training on all reviews has begun, and the epochs of that are chosen"
    assert is_several
    return "the epochs and the patience of one network may change, not those of several seeds or of an average"


def _differences(
    path: Path, before: Config, now: Config, is_refit: bool, ignored: Collection[str]
) -> dict[str, list[Any]]:
    """Return the settings that differ, [then, now], without the ignored ones. ConfigError if one may not differ.

    In the final training the epochs are chosen already, and may not change.
    """
    then, wanted = flatten(before.model_dump()), flatten(now.model_dump())
    keys = [key for key in dict.fromkeys((*then, *wanted)) if then.get(key) != wanted.get(key)]
    keys = [key for key in keys if key not in ignored]
    is_several = before.train.seeds > 1 or is_average(before)
    may_change = _MAY_CHANGE[2:] if is_several or is_refit else _MAY_CHANGE
    lines = [f"{key}: was {show(then.get(key))}, is {show(wanted.get(key))}" for key in keys if key not in may_change]
    if set(keys) & set(_MAY_CHANGE) - set(may_change):
        lines.append(_why_fixed(is_several, is_refit))
    if now.train.epochs < before.train.epochs and not lines:
        lines = [f"train.epochs: was {before.train.epochs}, is {now.train.epochs}; it can only be raised"]
    if lines:
        repair = "resume with the settings of the run, or start a new training"
        raise ConfigError(f"{path}: was trained with other settings; {repair}", *lines)
    return {key: [then.get(key), wanted.get(key)] for key in keys}
