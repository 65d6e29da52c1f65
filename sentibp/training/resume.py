"""Going on with a training that was broken off, such that it ends with the same bytes as one that never was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sentibp.config.load import Resolved, load_config
from sentibp.config.messages import show
from sentibp.config.schema import Config
from sentibp.errors import ConfigError, DataError
from sentibp.runs import compare, directory
from sentibp.training import checkpoint
from sentibp.training.break_condition import BreakCondition
from sentibp.training.events import Event, Note
from sentibp.training.experiment import Outcome, run_training
from sentibp.training.prepare import TrainingData, prepare, resolve_all_paths
from sentibp.training.pretrain_run import Pretrained, run_pretraining
from sentibp.utils.environment import changes, machine, versions

_MAY_CHANGE = ("train.epochs", "train.early_stopping.patience", "train.checkpoint.every_seconds")
_MAY_CHANGE += ("train.checkpoint.every_steps",)
_LATER = {"refit": None}  # what run.json of earlier versions does not say
# files that weights start from: their names in run.json, and the settings that name them
_PLACES = {
    "init_from": "model.init_from",
    "vectors": "model.embedding.vectors",
    "pretrained": "pretrain.vectors_from",
}


def resume(
    path: Path,
    resolved: Resolved,
    watch: Callable[[Event], None] = lambda event: None,
    stop: BreakCondition | None = None,
) -> Outcome:
    """Go on with a run from its last checkpoint; if it has none yet, from its beginning.

    `resolved` are the settings to go on with, such as its config.yaml. A run that is finished already gives the outcome
    that it had. Raises as `train` does, and ConfigError if a setting is not what it was, but for those that may change.
    """
    with _reopened(path, resolved, watch) as (run, prepared, saved):
        if prepared is None:
            return Outcome(run=path, model=path / directory.MODEL, **_facts(run, Outcome._fields[2:]))
        return run_training(prepared, run, watch, saved, stop)


def resume_pretraining(
    path: Path, resolved: Resolved, watch: Callable[[Event], None] = lambda event: None
) -> Pretrained:
    """The same for the run of a pretraining."""
    with _reopened(path, resolved, watch) as (run, prepared, saved):
        if prepared is None:
            return Pretrained(run=path, vectors=path / directory.VECTORS, **_facts(run, Pretrained._fields[2:]))
        return run_pretraining(prepared, run, watch, saved)


@contextmanager
def _reopened(
    path: Path, resolved: Resolved, watch: Callable[[Event], None]
) -> Iterator[tuple[directory.Run, TrainingData | None, checkpoint.Checkpoint | None]]:
    """The run, ready to go on; without what it takes if it is finished already."""
    run = directory.reopen_run(path)
    try:
        saved = checkpoint.load_checkpoint(path)
        before = saved.config if saved else load_config(path / "config.yaml").config
        now = resolve_all_paths(resolved)
        differences = _differences(path, before, now, saved is not None and saved.state["refit"])
        if run.facts["outcome"] == "finished":
            if differences:
                raise ConfigError(f"{path}: finished already; train anew for other settings")
            watch(Note(f"{path}: finished already"))
            checkpoint.remove_checkpoint(path)  # it may have been killed just before it did so
            run.become_last()
            yield run, None, None
            return
        if run.facts["outcome"] == "diverged":
            raise ConfigError(f"{path}: diverged, and would again; train anew with other settings")
        prepared = prepare(resolved, watch)
        require_same_data(path, run.facts, prepared.facts)
        _begin(run, saved, prepared.config, differences, watch)
        yield run, prepared, saved
    finally:
        run.close()


def _begin(
    run: directory.Run,
    saved: checkpoint.Checkpoint | None,
    settings: Config,
    differences: Mapping[str, list[Any]],
    watch: Callable[[Event], None],
) -> None:
    now = {"versions": versions(), "machine": machine()}
    if saved is None:
        watch(Note(f"{run.path}: has no checkpoint yet; begins again"))
        checkpoint.remove_checkpoint(run.path)
        run.facts |= now
    elif changed := changes(run.facts, now):
        watch(Note(f"changed since: {told(changed)}; the last digits may be others than of a run never broken off"))
    again = {
        "start": datetime.now().astimezone().isoformat(timespec="seconds"),
        "step": saved.state["step"] if saved else 0,
        "settings": differences,
        **({} if saved is None else now),
    }
    run.facts |= {"outcome": "running", "end": None, "resumed": [*run.facts.get("resumed", []), again]}
    run.keep(saved.state["metrics"] if saved else 0)
    run.begin(settings)


def _differences(path: Path, before: Config, now: Config, refit: bool) -> dict[str, list[Any]]:
    """The settings that differ from what was trained, [then, now]. ConfigError if one of them may not: if the model is
    chosen, and being trained once more, it has its epochs."""
    then, wanted = compare.flatten(before.model_dump()), compare.flatten(now.model_dump())
    keys = [key for key in dict.fromkeys((*then, *wanted)) if then.get(key) != wanted.get(key)]
    several = before.train.seeds > 1 or before.train.members > 1 or before.pretrain.vectors != "none"
    may = _MAY_CHANGE[2:] if several or refit else _MAY_CHANGE
    lines = [f"{key}: was {show(then.get(key))}, is {show(wanted.get(key))}" for key in keys if key not in may]
    if now.train.epochs < before.train.epochs and not lines:
        lines = [f"train.epochs: was {before.train.epochs}, is {now.train.epochs}; it can only be raised"]
    if lines:
        advice = "go on with the settings of the run, or train anew"
        raise ConfigError(f"{path}: other settings than were trained with; {advice}", *lines)
    return {key: [then.get(key), wanted.get(key)] for key in keys}


def require_same_data(path: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """DataError if the reviews are not those that a run was trained on."""
    for part, facts in (then.get("data") or {}).items():
        if facts != now.get(part):
            if part in _PLACES:
                what, count = f"file of {_PLACES[part]} has", "other weights"
            else:
                before, after = (0 if each is None else each["reviews"] for each in (facts, now.get(part)))
                what, count = f"{part} data have", f"{before:,} reviews then, {after:,} now"
                count = "other texts, labels or weights" if before == after else count
            raise DataError(
                f"{path}: the {what} changed since it was trained: {count}; bring back what was there, or train anew"
            )


def told(changed: Mapping[str, list[Any]]) -> str:
    """What has changed, in a line."""
    return ", ".join(f"{name} {then} -> {now}" for name, (then, now) in changed.items())


def _facts(run: directory.Run, names: Sequence[str]) -> dict[str, Any]:
    """What run.json says of how it ended."""
    try:
        facts = _LATER | run.facts
        return {name: facts[name] for name in names}
    except KeyError as error:
        raise DataError(f"{run.path / 'run.json'}: damaged: no {error}") from None
