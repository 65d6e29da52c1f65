"""The folder of a sweep.

sweep.json     the config, the search space and the options, which do not change
journal.log    the trials, as Optuna's journal
best.yaml      the config of the best trial so far: training it gives its model
trials/N/      the run directory of trial N: its config and metrics; of the best trial, its model too
trials/.N-.../ on a cluster, an attempt: the run directory that a worker writes while it trains trial N
sweep.html     the page that `sentibp sweep show --html` writes
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from sentibp.config import paths, yaml_file
from sentibp.config.schema import Config
from sentibp.config.space import Dimension, Space
from sentibp.errors import ConfigError, DataError
from sentibp.runs.compare import flatten
from sentibp.runs.directory import METRICS
from sentibp.utils import json_types
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.files import (
    data_error_on_failure,
    lock_file,
    make_folder,
    read_small_file,
    remove_temporary_files,
    unreadable,
    write_file,
)
from sentibp.utils.near_names import did_you_mean, near_paths
from sentibp.utils.paths import names_of, require_folder_name, shown
from sentibp.utils.repair import as_yaml

ROOT = Path("sweeps")
ABOUT, JOURNAL, BEST, TRIALS = "sweep.json", "journal.log", "best.yaml", "trials"

_FORMAT = 1
_SHOWN = 2  # folders of sweeps that a message names
_RESUMES = "then the same command resumes the sweep"
_KEPT = {"config.yaml", "run.json", METRICS}  # of a trial that is not the best
_TYPES: dict[str, Any] = {
    "format": int,
    "name": str,
    "config": dict[str, Any],
    "space": dict[str, Any],
    "space_file": str,
    "sampler": str,
    "seed": int,
    "folds": int,
    "metric": str,
    "prune": bool,
    "trials": int,
}


class Plan(NamedTuple):
    """What a sweep searches, and how. Only `trials` may change when it is resumed."""

    name: str  # of the config, for people
    config: dict[str, Any]  # its settings, with absolute paths
    space: Space
    sampler: str
    seed: int
    folds: int  # 0: the config's own validation data
    metric: str
    prune: bool
    trials: int

    def to_json(self) -> dict[str, Any]:
        """Return it as sweep.json has it."""
        space = {dimension.key: dimension.to_json() for dimension in self.space.dimensions}
        return {"format": _FORMAT} | self._asdict() | {"space": space, "space_file": str(self.space.path)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Plan:
        """Return what `to_json` described."""
        dimensions = tuple(Dimension.from_json(key, each) for key, each in content["space"].items())
        space = Space(dimensions, Path(content["space_file"]))
        return cls(**{name: content[name] for name in cls._fields if name != "space"}, space=space)

    def differences(self, other: Plan) -> list[str]:
        """Return what another plan has changed, a line each: its name, this value, the other."""
        before, after = self._written(), other._written()
        changed = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]
        return [f"{key}: {before.get(key, 'none')} -> {after.get(key, 'none')}" for key in changed]

    def _written(self) -> dict[str, str]:
        """Return all that must stay the same, as a user writes it: settings, ranges of the space, options."""
        settings = flatten(Config.model_validate(self.config).model_dump(mode="json"))
        space = {f"the space of {each.key}": each.written for each in self.space.dimensions}
        options = {f"--{key}": getattr(self, key) for key in ("sampler", "seed", "folds", "metric", "prune")}
        return _as_yaml(settings) | space | _as_yaml(options)


def _as_yaml(settings: Mapping[str, Any]) -> dict[str, str]:
    return {key: as_yaml(value) for key, value in settings.items()}


def _require_files(plan: Plan) -> None:
    """Raise DataError if a file that a sweep began with is gone: its name would seem to be another setting."""
    config, keys = Config.model_validate(plan.config), (*paths.SOURCES, *paths.FILES)
    choices = [choice for each in plan.space.dimensions if each.key in keys for choice in each.choices]
    for value in (*(paths.get(config, key) for key in keys), *choices):
        for name in names_of(value):
            if os.path.isabs(name) and not os.path.exists(name):
                fact = f"{shown(name)}: no such file, although the sweep began with it"
                raise DataError(f"{fact}; restore it, or begin anew with another --out")


class SweepFolder:
    """The folder of a sweep, which this process alone writes from `open` until the end of the context."""

    def __init__(self, path: Path):
        self.path = path
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    def open(self, plan: Plan) -> None:
        """Create the folder, or open that of a sweep with the same plan. A `Sweep` begins with it.

        ConfigError if it is another sweep, or another process runs it.
        """
        about = self.path / ABOUT
        require_folder_name(self.path)
        if self.path.exists() and not about.exists() and not (self.path.is_dir() and self._is_only_begun()):
            raise ConfigError(f"--out {self.path}: already there, and not a sweep; choose a new directory")
        with data_error_on_failure(about, "or choose another place with --out DIR"):
            make_folder(self.path)
        self.lock()
        if about.exists():
            before = load_plan(self.path)
            _require_files(before)
            if changed := before.differences(plan):
                first = f"{self.path}: began with other settings; choose another --out, or change these back:"
                raise ConfigError(first, *(f"  {line}" for line in changed[:20]))

    def is_new(self) -> bool:
        """Return whether no sweep has begun here."""
        return not (self.path / ABOUT).exists()

    def write_plan(self, plan: Plan) -> None:
        """Write what the sweep searches: from now on, it is that of this folder."""
        self.write(ABOUT, (json.dumps(plan.to_json(), indent=2) + "\n").encode())

    def lock(self) -> None:
        """Keep other processes from this sweep until this one ends. ConfigError if one has it."""
        with data_error_on_failure(self.path / ".lock"):
            self._lock = open(self.path / ".lock", "ab")  # noqa: SIM115
        if not lock_file(self._lock):
            raise ConfigError(f"{self.path}: another process runs it; wait until it ends, or stop it")
        remove_temporary_files(self.path)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        with data_error_on_failure(self.path / name, _RESUMES):
            write_file(self.path / name, content)

    def write_best(self, config: Config, about: str) -> None:
        """Write the config of the best trial: the settings that are given, so that the texts decide on the others."""
        self.write(BEST, f"# {about}\n{yaml_file.write(config.model_dump(exclude_unset=True))}".encode())

    def trial(self, number: int) -> Path:
        """Return the run directory of a trial."""
        return self.path / TRIALS / str(number)

    def clear_trial(self, number: int) -> Path:
        """Remove what an interrupted trial left, and return the place for a new run directory."""
        path = self.trial(number)
        for each in (path, *attempts(path)):
            shutil.rmtree(each, ignore_errors=True)
        with data_error_on_failure(path, _RESUMES):
            path.parent.mkdir(exist_ok=True)
        return path

    def strip(self, best: int | None) -> None:
        """Remove attempts, and all but settings and metrics from the trials that have ended and are not the best."""
        for path in (self.path / TRIALS).glob("*"):
            if path.name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != str(best) and path.is_dir():
                strip_trial(path)

    def strip_one(self, number: int | None) -> None:
        """Remove all but settings and metrics from a trial that has ended and is not the best."""
        if number is not None and self.trial(number).is_dir():
            strip_trial(self.trial(number))

    def _is_only_begun(self) -> bool:
        """Return whether the folder holds at most what a sweep that was killed in its first moment leaves."""
        return all(each.name == ".lock" or each.name.endswith(".sentibp-tmp") for each in self.path.iterdir())


def begin_attempt(trial: Path) -> Path:
    """Make a directory for an attempt at a trial, in place of its run directory.

    Each has its own: a worker that is cut off, or whose command has ended, may still write when another trains the same
    trial. How many there are is how often the trial has begun.
    """
    earlier = attempts(trial)
    path = trial.with_name(f".{trial.name}-{len(earlier) + 1:04}-{os.urandom(6).hex()}")
    with data_error_on_failure(path, _RESUMES):
        for each in earlier:
            strip_trial(each)
        path.mkdir()
    return path


def attempts(trial: Path) -> list[Path]:
    """Return the directories of the attempts at a trial that has not ended, the first one first."""
    return sorted(trial.parent.glob(f".{trial.name}-*"))


def keep_attempt(attempt: Path, trial: Path) -> None:
    """Make the directory of an attempt the run directory of its trial, unless it is empty, and remove the others."""
    with data_error_on_failure(trial, _RESUMES):
        if any(attempt.iterdir()):
            attempt.rename(trial)
    for each in attempts(trial):
        shutil.rmtree(each, ignore_errors=True)


def is_being_run(path: Path) -> bool:
    """Return whether a process of this machine runs the sweep in a folder now."""
    try:
        with open(path / ".lock", "rb") as file:
            return not lock_file(file, alone=False)
    except OSError:  # no sweep
        return False


def running_sweep() -> Path | None:
    """Return the newest sweep in sweeps/ that a process runs now."""
    running = [file for file in ROOT.glob(f"*/{ABOUT}") if is_being_run(file.parent)]
    return max(running, key=lambda file: (file.stat().st_mtime_ns, file)).parent if running else None


def strip_trial(path: Path) -> None:
    """Remove all but the settings and the metrics of a trial: models take room."""
    for each in path.iterdir():
        with contextlib.suppress(OSError):
            if each.is_dir() and each.name.startswith("fold-"):
                strip_trial(each)
            elif each.is_dir():
                shutil.rmtree(each)
            elif each.name not in _KEPT:
                each.unlink()


def load_plan(path: Path) -> Plan:
    """Return what the sweep in a folder searches. ConfigError if the folder is none, DataError if it is damaged."""
    file = path / ABOUT
    if not file.is_file():
        near = near_paths(str(path), lambda each: os.path.isfile(os.path.join(each, ABOUT)))
        fact = "not the folder of a sweep" if os.path.lexists(path) else "no such folder"
        made = sorted(str(each.parent) for each in ROOT.glob(f"*/{ABOUT}"))[-_SHOWN:]
        which = f", such as {' or '.join(map(shlex.quote, made))}" if made else ""
        hint = did_you_mean(near) or f"; name one that `sentibp sweep` made{which}"
        raise ConfigError(f"{path}: {fact}{hint}")
    try:
        with data_error_if_damaged(file, "restore it, or begin anew with another --out"):
            content = json_types.parse(read_small_file(file))
            json_types.require_types(content, json_types.Complete(_TYPES), "")
            if content["format"] > _FORMAT:
                raise ValueError(f"format {content['format']}, of a later version of sentibp")
            plan = Plan.from_json(content)
            Config.model_validate(plan.config)
            return plan
    except OSError as error:
        raise DataError(unreadable(error, str(file))) from None
