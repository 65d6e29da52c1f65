"""Find a run or a model by its name: a path, a directory in runs/, or `last`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from sentibp.config.repair import set_option
from sentibp.errors import ConfigError
from sentibp.runs.directory import MODEL, ROOT, VALIDATED, VECTORS, is_pretraining, load_run_info
from sentibp.utils.files import read_small_file
from sentibp.utils.paths import expand_home


def find_started(name: str = "last", pretraining: bool = False) -> Path:
    """Return the run directory to resume; `last` is the newest that was started here, finished or not.

    Raises ConfigError if there is none, or if it is a training and not a pretraining, or the other way round.
    """
    if name == "last":
        try:
            name = (ROOT / "started").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigError("--resume last: no training was started here; name its run directory") from None
    path = find_run(name)
    if not (path / "run.json").is_file():
        raise ConfigError(f"{path}: not the run directory of a training; see `sentibp runs list`")
    if is_pretraining(load_run_info(path)) != pretraining:
        what, command = ("training", "train") if pretraining else ("pretraining", "pretrain")
        raise ConfigError(f"{path}: is a {what}; resume it with `sentibp {command} --resume {shlex.quote(str(path))}`")
    return path


def find_run(name: str = "last") -> Path:
    """Return the run directory or model file of that name. ConfigError if there is none."""
    if name == "last":
        try:
            name = read_small_file(ROOT / "last").strip()
        except UnicodeDecodeError:
            raise ConfigError(f"{ROOT / 'last'}: damaged; name a run directory or a model file with -m") from None
        except OSError:
            raise ConfigError(
                "no finished run here (there is no runs/last); train one with `sentibp train quickstart`, "
                "or name a run directory or a model file with -m"
            ) from None
    for path in (expand_home(name), ROOT / name):
        if name and os.path.exists(path):  # False, not an error, for names that no file can have
            return path
    raise ConfigError(f"{name}: no such run or model; see `sentibp runs list`")


def model_file(name: str = "last") -> Path:
    """Return the model file of a run directory, or the file itself. ConfigError if there is none."""
    path = find_run(name)
    if not path.is_dir():
        return path
    if not (path / MODEL).is_file():
        if (path / VECTORS).is_file():
            raise ConfigError(
                f"{path}: a pretraining: it has vectors, and no classifier; train one with `sentibp train "
                f"{shlex.quote(f'{path}/config.yaml')} {set_option('pretrain.vectors_from', str(path))}`, or name a "
                "trained run"
            )
        raise ConfigError(f"{path}: has no {MODEL}; its training has none yet, or it is not a run directory")
    return path / MODEL


def validated_file(name: str = "last") -> Path:
    """Return the model that the scores of a training are of: after a refit, the best model before it."""
    path = model_file(name)
    validated = path.parent / VALIDATED
    return validated if path.name == MODEL and validated.is_file() else path


def vectors_file(name: str) -> Path:
    """Return the file of vectors of a pretraining, or the file itself. ConfigError if there is none."""
    path = find_run(name)
    if not path.is_dir():
        return path
    if not (path / VECTORS).is_file():
        raise ConfigError(f"{path}: has no {VECTORS}; give the run directory of a finished `sentibp pretrain`")
    return path / VECTORS
