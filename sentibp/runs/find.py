"""Run directories: what a training was, how it went, and the model it left behind.

    config.yaml         every setting, defaults filled in: training it repeats the run
    run.json            command, versions, seed, fingerprints of the data, machine, start, end, outcome, scores
    metrics.jsonl       one event a line: every step, every epoch, the gradient flow of a few steps
    model.safetensors   the best epoch, or what was trained once more as that was
    validated.safetensors  then the best epoch, which the scores are of
    validation.parquet  what the model said of each validation review, for paired comparisons
    visits.safetensors  what training told each of its reviews, for blame (see `visits`)

and while it is trained, or if that was broken off, what `checkpoint` writes. The run of a pretraining has
vectors.safetensors (see `vectors`) in place of a model. `runs/last` is a text file with the path of the newest run that
left a model or vectors, `runs/started` of the newest that was begun."""

from __future__ import annotations

import os
from pathlib import Path

from sentibp.errors import ConfigError
from sentibp.runs.directory import MODEL, ROOT, VALIDATED, VECTORS, is_pretraining, load_run_info
from sentibp.utils.files import read_small_file


def find_started(name: str = "last", pretraining: bool = False) -> Path:
    """The run directory of that name; `last` is the newest that was begun here, whether or not it came to its end.

    ConfigError if it is that of a training and not of a pretraining, or the other way round.
    """
    if name == "last":
        try:
            name = (ROOT / "started").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigError("--resume last: no training was begun here; name its run directory") from None
    path = find_run(name)
    if not (path / "run.json").is_file():
        raise ConfigError(f"{path}: no run directory whose training has begun; see `sentibp runs list`")
    if is_pretraining(load_run_info(path)) != pretraining:
        what, command = ("training", "train") if pretraining else ("pretraining", "pretrain")
        raise ConfigError(f"{path}: is a {what}; resume it with `sentibp {command} --resume {path}`")
    return path


def find_run(name: str = "last") -> Path:
    """The run directory or model file of that name: a path, a directory in runs/, or `last`."""
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
    for path in (Path(name), ROOT / name):
        if name and os.path.exists(path):  # which is False, not an error, for names that no file can have
            return path
    raise ConfigError(f"{name}: no such run or model; see `sentibp runs list`")


def model_file(name: str = "last") -> Path:
    """The model file of a run directory, or the file itself."""
    path = find_run(name)
    if not path.is_dir():
        return path
    if not (path / MODEL).is_file():
        if (path / VECTORS).is_file():
            raise ConfigError(
                f"{path}: a pretraining: vectors, but no classifier and so no weights; train one with `sentibp train "
                f"CONFIG --set pretrain.vectors_from={path}`, or name a trained run"
            )
        raise ConfigError(f"{path}: has no {MODEL}; its training left none, or it is not a run directory")
    return path / MODEL


def validated_file(name: str = "last") -> Path:
    """The model that the scores of a training are of: the model file, unless that has learned all reviews since."""
    path = model_file(name)
    validated = path.parent / VALIDATED
    return validated if path.name == MODEL and validated.is_file() else path


def vectors_file(name: str) -> Path:
    """The file of vectors of a pretraining's run directory, or the file itself."""
    path = find_run(name)
    if not path.is_dir():
        return path
    if not (path / VECTORS).is_file():
        raise ConfigError(f"{path}: has no {VECTORS}; give the run directory of a finished `sentibp pretrain`")
    return path / VECTORS
