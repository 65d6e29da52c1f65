"""The run directory: the settings of a training, its records, and its model.

    config.yaml                every setting, defaults filled in: training it repeats the run
    run.json                   command, versions, seed, fingerprints of the data, machine, start, end, outcome, scores
    metrics.jsonl              one record a line: every step, every epoch, the gradient flow of a few steps
    model.safetensors          the best model; after a refit, that of the final training on all data
    validated.safetensors      after a refit, the best model before it, which the scores are of
    validation.parquet         the predictions for the validation reviews, for paired comparisons
    review_hashes.safetensors  a hash of each review, to tell which the model was trained on (see `review_hashes`)
    influence_log.safetensors  the gradient of each training review in each epoch (see `influence_log`)

During a training, and after an interrupted one, it also has a checkpoint (see training/checkpoint). The run of a
pretraining has vectors.safetensors (see model/word_vectors) in place of a model. `runs/last` is a text file with the
path of the newest run that has a model or vectors, `runs/started` with that of the newest that was started.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from sentibp.errors import ConfigError, DataError
from sentibp.utils import environment, json_types
from sentibp.utils.arrow import from_numpy
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.environment import machine, versions
from sentibp.utils.files import (
    append_whole,
    data_error_if_unreadable,
    data_error_on_failure,
    lock_file,
    make_folder,
    open_regular,
    read_small_file,
    remove_temporary_files,
    unreadable,
    write_error,
    write_file,
)
from sentibp.utils.json_types import Complete, ListOf, MapOf, OrNone
from sentibp.utils.paths import expand_home, require_folder_name

if TYPE_CHECKING:
    from sentibp.config.schema import Config
    from sentibp.runs.records import Record  # prediction writes none

ROOT = Path("runs")
MODEL = "model.safetensors"
VALIDATED = "validated.safetensors"
VECTORS = "vectors.safetensors"
PREDICTIONS = "validation.parquet"
METRICS = "metrics.jsonl"

SCORES: Any = {"accuracy": float, "log_loss": float, "n": float, "accuracy_interval": list[float] | None}
"""The types of the scores that are read again; there are others."""

_NEEDED = 50  # bytes of memory for each stored prediction, while they are read

_REVIEWS = OrNone(Complete({"reviews": int}))
_OVER_SEEDS = Complete(dict.fromkeys(("mean", "standard_deviation", "min", "max"), float))
_FACTS: dict[str, Any] = {
    "outcome": str | None,
    "kind": str,
    "start": str | None,
    "end": str | None,
    "seed": int | None,
    "seconds": float | None,
    "error": str,
    "digest": str | None,
    "versions": OrNone(dict[str, str | None]),
    "machine": OrNone(dict[str, str | float | bool | None]),
    "command": list[str],
    "data": OrNone(MapOf(OrNone({"reviews": int, "fingerprint": str}))),
    "scores": OrNone(SCORES),
    "scored_on": str | None,
    "kept": OrNone(Complete({"seed": int, "epoch": int})),
    "seeds": OrNone(Complete({"accuracy": _OVER_SEEDS, "log_loss": _OVER_SEEDS})),
    "refit": _REVIEWS,
    "notes": list[str],
    "caveats": list[str],
    "learned_validation": bool,
    "warnings": OrNone(list[str]),
    "resumed": ListOf({"start": str, "step": int, "settings": dict[str, list[Any]]}),
    "epoch": int | None,
    "step": int | None,
    "layer": str | None,
    "tensor": str | None,
    "postmortem": str,
    "features": int | None,
    "parameters": int | None,
    "dim": int,
    "explained_variance": float | None,
}
_DATA = dict.fromkeys(("training", "validation", "labelled", "unlabelled"), _REVIEWS)
"""The types of run.json. What an earlier version did not write is missing; these are null then:"""

_READ = ("outcome", "start", "scores", "data")


class Run:
    """A run directory that this process alone writes."""

    def __init__(self, path: Path, facts: dict[str, Any], metrics: IO[bytes], pointers: bool = True):
        self.path = path
        self.facts = facts
        self.pointers = pointers  # whether runs/started and runs/last name it
        self.command = "pretrain" if is_pretraining(facts) else "train"
        self.advice = f"then resume with `sentibp {self.command} --resume {path}`"  # once a file can be written again
        self._metrics = metrics
        self.length = os.fstat(metrics.fileno()).st_size  # of metrics.jsonl

    def begin(self, config: Config | None = None) -> None:
        """Write that the run is running, and with which settings from now on, if `config` is given."""
        from sentibp.config.dump import dump

        if config is not None:
            self.write("config.yaml", dump(config).encode())
        self._write_facts()
        if self.pointers:
            with contextlib.suppress(OSError):  # only a convenience: the run itself may lie in another folder
                make_folder(ROOT)
                write_file(ROOT / "started", f"{self.path}\n".encode())

    def append(self, record: Record) -> None:
        """Append a record to metrics.jsonl: a whole line, or nothing."""
        line = (json.dumps(record.to_json()) + "\n").encode()
        with data_error_on_failure(self.path / METRICS, self.advice):
            append_whole(self._metrics, line)
        self.length += len(line)

    def write(self, name: str, content: bytes) -> None:
        """Write one of the files of the run, whole or not at all."""
        with data_error_on_failure(self.path / name, self.advice):
            write_file(self.path / name, content)

    def copy(self, name: str, new: str) -> None:
        """Give a file of the run a second name, which keeps the content when the first is replaced."""
        path = self.path / new
        with data_error_on_failure(path, self.advice):
            path.unlink(missing_ok=True)
        try:
            os.link(self.path / name, path)
        except OSError:  # a file system without links; if the folder is gone or full, the copy reports it
            with data_error_on_failure(path, self.advice):
                self.write(new, (self.path / name).read_bytes())

    def sync(self) -> None:
        """Wait until all records are on the disk."""
        with data_error_on_failure(self.path / METRICS, self.advice):
            os.fsync(self._metrics.fileno())

    def keep(self, length: int) -> None:
        """Cut metrics.jsonl to so many bytes."""
        with data_error_on_failure(self.path / METRICS, self.advice):
            self._metrics.truncate(min(length, self.length))
            self.length = min(length, self.length)

    def finish(self, outcome: str, **facts: Any) -> str | None:
        """Write how the run ended, and make it `last` if it has a model or vectors.

        Return a note if runs/last cannot be written, else None.
        """
        self.facts |= {"outcome": outcome, "end": _now(), **facts}
        self._write_facts()
        self.close()
        return self.become_last()

    def become_last(self) -> str | None:
        """Write the path of this run into runs/last, if it has a model or vectors. Return a note if that fails."""
        if not (self.pointers and any((self.path / name).exists() for name in (MODEL, VECTORS))):
            return None
        try:
            with data_error_on_failure(ROOT / "last", f"name this run with -m {self.path}"):
                make_folder(ROOT)
                write_file(ROOT / "last", f"{self.path}\n".encode())
        except DataError as error:
            return str(error)
        return None

    def fail(self) -> None:
        """Write that the run failed, if that can still be written."""
        with contextlib.suppress(DataError):
            self.finish("failed")
        self.close()

    def close(self) -> None:
        """Release the run to other processes."""
        self._metrics.close()

    def _write_facts(self) -> None:
        self.write("run.json", (json.dumps(self.facts, indent=2) + "\n").encode())


def create_run(
    config: Config,
    config_path: Path,
    out: Path | None = None,
    *,
    pointers: bool = True,
    advice: str = "or choose another place with --out DIR",
    **facts: Any,
) -> Run:
    """Create a run directory: `out`, or one in runs/ named after the time, the config and its digest.

    Raises ConfigError if `out` is there already; WriteError, with the advice, if it cannot be written.
    """
    try:
        path = _own_directory(config, config_path) if out is None else _given_directory(expand_home(out))
        metrics = open(path / METRICS, "xb", buffering=0)  # of two processes, one creates it  # noqa: SIM115
    except FileExistsError:
        raise ConfigError(f"--out {out}: already there, and never overwritten; choose a new directory") from None
    except OSError as error:
        raise write_error(error.filename, error, advice) from None
    lock_file(metrics)
    start = {"outcome": "running", "start": _now(), "end": None, "seed": config.train.seed}
    run = Run(path, {**start, "versions": versions(), "machine": machine(), **facts}, metrics, pointers)
    of_run, run.advice = run.advice, advice
    try:
        run.begin(config)
    except DataError:
        metrics.close()
        with contextlib.suppress(OSError):  # of a disk that can no longer be written
            for name in METRICS, "config.yaml", "run.json":
                (path / name).unlink(missing_ok=True)
            path.rmdir()
        raise
    run.advice = of_run
    return run


def reopen_run(path: Path) -> Run:
    """Open a run that was started before, for this process alone, and remove temporary files of a killed one.

    Raises ConfigError if another process is training it, DataError if it is damaged.
    """
    before = load_run_info(path)
    with data_error_on_failure(path / METRICS):
        metrics = open(path / METRICS, "ab", buffering=0)  # noqa: SIM115
        if not lock_file(metrics):
            metrics.close()
            raise ConfigError(f"{path}: another process is training it; wait until it ends, or stop it")
        remove_temporary_files(path)
    return Run(path, before, metrics)


def _own_directory(config: Config, config_path: Path) -> Path:
    from sentibp.config.dump import digest

    name = f"{time.strftime('%Y%m%d-%H%M')}-{config_path.stem}-{digest(config)[:4]}"
    number = 1
    while True:
        path = ROOT / (name if number == 1 else f"{name}-{number}")
        try:
            make_folder(path, exist_ok=False)
            return path
        except FileExistsError:
            number += 1


def _given_directory(out: Path) -> Path:
    if out == Path():
        raise ConfigError(
            "--out: the working directory, or no name at all; name a new directory, such as --out runs/mine"
        )
    try:
        str(out).encode()
    except UnicodeEncodeError:
        raise ConfigError("--out: the name is not UTF-8; choose another") from None
    require_folder_name(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out}: already there, and never overwritten; choose a new directory")
    make_folder(out)
    return out


def require_training(path: Path, facts: Mapping[str, Any]) -> None:
    """Raise ConfigError if the run is a pretraining."""
    if is_pretraining(facts):
        raise ConfigError(f"{path}: a pretraining, not a training; name the run of a training")


def is_pretraining(facts: Mapping[str, Any]) -> bool:
    """Return whether run.json is that of a pretraining."""
    return facts.get("kind") == "pretraining"


def load_run_info(path: Path) -> dict[str, Any]:
    """Return the content of run.json. DataError if it is missing or damaged."""
    file = path / "run.json"
    try:
        with data_error_if_damaged(file, "train its config again"):
            content = json_types.parse(read_small_file(file))
            if isinstance(content, dict) and content.get("seeds") == {}:  # of earlier versions, if no seed was finished
                content["seeds"] = None
            json_types.require_types(content, _FACTS, "")
            if len((content.get("scores") or {}).get("accuracy_interval") or (0, 1)) != 2:
                raise ValueError("scores.accuracy_interval is not two numbers")
            json_types.require_types(content.get("data") or {}, _DATA, "data")
            return dict.fromkeys(_READ) | content
    except OSError as error:
        raise DataError(unreadable(error, str(file), "give a run directory")) from None


def is_being_written(path: Path) -> bool:
    """Return whether a process is training this run now."""
    try:
        with open_regular(path / METRICS) as file:
            return not lock_file(file, alone=False)
    except OSError:
        return False


def list_runs(
    folder: Path = ROOT, damaged: Callable[[DataError], None] = lambda error: None
) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs in a folder with their run.json, oldest first. `damaged` is called for each that cannot be read.

    Hidden directories are left out, such as attempts at a trial of a sweep, which workers write.

    Of runs that began in the same second, the last in the list is the one whose config was written last.
    """
    found = []
    for file in folder.glob("*/run.json"):
        path, written = file.parent, 0
        if path.name.startswith("."):
            continue
        with contextlib.suppress(OSError):
            written = (path / "config.yaml").stat().st_mtime_ns
        try:
            facts = load_run_info(path)
            found.append(((facts["start"] or "", written, path), facts))
        except DataError as error:
            damaged(error)
    return [(path, facts) for (_, _, path), facts in sorted(found, key=lambda run: run[0])]


def save_predictions(run: Run, label: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None) -> None:
    """Write the labels, probabilities of positive and weights of the validation reviews: (n,) each.

    With K > 2 labels the probabilities are (n, K), and have a column for each label.
    """
    import io

    import pyarrow as pa
    from pyarrow import parquet

    content = io.BytesIO()
    probabilities = {"positive": positive} if positive.ndim == 1 else dict(enumerate(positive.T))
    columns = {"label": label, **{str(name): values for name, values in probabilities.items()}}
    columns |= {} if weight is None else {"weight": weight.astype(np.float64)}
    parquet.write_table(pa.table({name: from_numpy(values) for name, values in columns.items()}), content)
    run.write(PREDICTIONS, content.getvalue())


def load_predictions(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
    """Return the labels (n,), probabilities, (n,) or (n, K), and weights (n,) or None that `save_predictions` wrote.

    None without a file.
    """
    from pyarrow import parquet

    if not (path / PREDICTIONS).is_file():  # a pipe would block
        return None
    with data_error_if_unreadable():
        open_regular(path / PREDICTIONS).close()
    with data_error_if_damaged(path / PREDICTIONS, "train its config again", (OSError,)):
        rows = parquet.read_metadata(path / PREDICTIONS).num_rows
        if _NEEDED * rows > environment.memory():
            raise ValueError(f"{rows:,} rows do not fit in memory")
        table = parquet.read_table(path / PREDICTIONS)
        weight = table["weight"].to_numpy() if "weight" in table.column_names else None
        if "positive" in table.column_names:
            return table["label"].to_numpy(), table["positive"].to_numpy(), weight
        names = [name for name in table.column_names if name.isdigit()]
        return table["label"].to_numpy(), np.stack([table[name].to_numpy() for name in names], axis=1), weight


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
