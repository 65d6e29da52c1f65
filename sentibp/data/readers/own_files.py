"""Tell what sentibp itself has written, or reads as settings, in the place of reviews."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from sentibp.errors import DataError
from sentibp.utils.files import data_error_if_unreadable
from sentibp.utils.paths import is_run_directory, shown
from sentibp.utils.repair import MODEL_OPTION

_GIVE = "give a file or folder of reviews"
_RECORDS = ("run.json", "metrics.jsonl", "validation.parquet")  # of a run; other tables in its folder may be reviews
_SECTIONS = frozenset(("data", "text", "model", "train", "pretrain"))
_LOOK = 1 << 16  # bytes
_EXPORT = rb'\A(//|#) A model of sentibp|<meta name="generator" content="sentibp">'


def reject_own_files(path: Path, name: str) -> None:
    """Raise a DataError for a run, a sweep, one of their records, a model, a page, or a config, in place of reviews."""
    if path.is_dir():
        if is_run_directory(path):
            raise DataError(f"{name}: a run directory, not reviews; {_give(path)}")
        if all(os.path.isfile(path / each) for each in ("sweep.json", "journal.log")):
            raise DataError(f"{name}: the folder of a sweep, not reviews; {_GIVE}")
        return
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        raise DataError(f"{name}: a file of weights, such as a model, not reviews; {_give(path)}")
    if path.name in _RECORDS and is_run_directory(path.parent):
        raise DataError(f"{name}: a record of a run, not reviews; {_GIVE}")
    if suffix in (".yaml", ".yml") and _is_config(path):
        raise DataError(f"{name}: a config, not reviews; {_GIVE}, or train it with {_train(path)}")
    if suffix in (".html", ".py", ".js", ".mjs") and re.search(_EXPORT, _beginning(path)):
        raise DataError(f"{name}: a file that sentibp has made of a model, not reviews; {_GIVE}")


def named_run(name: str) -> str:
    """Return what to say of the name of a run in runs/, or of `last`, in place of reviews; "" of other names."""
    run = Path("runs") / name
    if not (name == "last" and os.path.isfile(run)) and not (name and os.path.isfile(run / "run.json")):
        return ""
    return f"{name}: the name of a run, not reviews; {_give(run if name != 'last' else Path(name))}"


def _give(path: Path) -> str:
    """Return what to give instead of a run directory or a model."""
    if option := MODEL_OPTION.get():
        return f"{_GIVE}; if a model is meant, name it with {option}{shlex.quote(shown(str(path)))}"
    return f"{_GIVE}, or train its config again with {_train(path / 'config.yaml')}" if os.path.isdir(path) else _GIVE


def _train(config: Path) -> str:
    return f"`sentibp train {shlex.quote(shown(str(config)))}`"


def _is_config(path: Path) -> bool:
    """Return whether a YAML file has the sections of a config: a mapping of each, and nothing else."""
    from sentibp.config import yaml_file

    try:
        value = yaml_file.parse(_beginning(path).decode()).value
    except (yaml_file.YamlError, UnicodeDecodeError):
        return False
    return (
        isinstance(value, dict)
        and bool(value)
        and value.keys() <= _SECTIONS
        and all(isinstance(each, dict) for each in value.values())
    )


def _beginning(path: Path) -> bytes:
    with data_error_if_unreadable(str(path)), path.open("rb") as file:
        return file.read(_LOOK)
