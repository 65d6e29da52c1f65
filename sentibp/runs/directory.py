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

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from sentibp.errors import ConfigError, DataError
from sentibp.runs.records import METRICS, Record
from sentibp.utils.arrow import from_numpy
from sentibp.utils.environment import machine, versions
from sentibp.utils.files import data_error_on_failure, open_regular, read_small_file, remove_temporary_files, write_file

if TYPE_CHECKING:
    from sentibp.config.schema import Config

ROOT = Path("runs")

MODEL = "model.safetensors"

VALIDATED = "validated.safetensors"

VECTORS = "vectors.safetensors"

PREDICTIONS = "validation.parquet"

_FACTS = {"outcome": str, "start": str, "scores": dict | None, "data": dict | None}  # what is read of run.json


class Run:
    """A run directory that is being written, by this process alone."""

    def __init__(self, path: Path, facts: dict[str, Any], metrics: IO[bytes], pointers: bool = True):
        self.path = path
        self.facts = facts
        self.pointers = pointers  # whether runs/started and runs/last may name it
        command = "pretrain" if is_pretraining(facts) else "train"
        self.advice = f"then go on with `sentibp {command} --resume {path}`"  # once a file can be written again
        self._metrics = metrics
        self.length = os.fstat(metrics.fileno()).st_size  # of metrics.jsonl

    def begin(self, config: Config | None = None) -> None:
        """Say that it runs; `config`, if given, is what it is trained with from here on."""
        from sentibp.config.dump import dump

        if config is not None:
            self.write("config.yaml", dump(config).encode())
        self._write_facts()
        if self.pointers:
            with contextlib.suppress(OSError):  # a convenience; the run may lie where more can be written
                ROOT.mkdir(exist_ok=True)
                write_file(ROOT / "started", f"{self.path}\n".encode())

    def append(self, record: Record) -> None:
        """Append a record to metrics.jsonl: a whole line, or nothing."""
        line = memoryview((json.dumps(record.to_json()) + "\n").encode())
        with data_error_on_failure(self.path / METRICS, self.advice):
            try:
                written = 0
                while written < len(line):
                    written += self._metrics.write(line[written:])
            except BaseException:
                with contextlib.suppress(OSError):
                    self._metrics.truncate(self.length)
                raise
        self.length += len(line)

    def write(self, name: str, content: bytes) -> None:
        """Write one of its files, whole or not at all."""
        with data_error_on_failure(self.path / name, self.advice):
            write_file(self.path / name, content)

    def copy(self, name: str, new: str) -> None:
        """Give one of its files a second name, which keeps what it holds when the first is written anew."""
        path = self.path / new
        path.unlink(missing_ok=True)
        try:
            os.link(self.path / name, path)
        except OSError:  # a file system without links; or a folder that is gone or full, as the copy will tell
            with data_error_on_failure(path, self.advice):
                self.write(new, (self.path / name).read_bytes())

    def sync(self) -> None:
        """Have what was recorded reach the disk."""
        with data_error_on_failure(self.path / METRICS, self.advice):
            os.fsync(self._metrics.fileno())

    def keep(self, length: int) -> None:
        """Forget what was recorded beyond so many bytes of metrics.jsonl."""
        with data_error_on_failure(self.path / METRICS, self.advice):
            self._metrics.truncate(min(length, self.length))
            self.length = min(length, self.length)

    def finish(self, outcome: str, **facts: Any) -> str | None:
        """Say how it ended. With a model or vectors it becomes `last`; a note is returned if that cannot be written."""
        self.facts |= {"outcome": outcome, "end": _now(), **facts}
        self._write_facts()
        self.close()
        return self.become_last()

    def become_last(self) -> str | None:
        """Have runs/last name this run, if it has a model or vectors; a note if that cannot be written."""
        if not (self.pointers and any((self.path / name).exists() for name in (MODEL, VECTORS))):
            return None
        try:
            with data_error_on_failure(ROOT / "last", f"name this run with -m {self.path}"):
                ROOT.mkdir(exist_ok=True)
                write_file(ROOT / "last", f"{self.path}\n".encode())
        except DataError as error:
            return str(error)
        return None

    def fail(self) -> None:
        """Say that it failed, if that can still be written."""
        with contextlib.suppress(DataError):
            self.finish("failed")
        self.close()

    def close(self) -> None:
        """Let other processes go on with it."""
        self._metrics.close()

    def _write_facts(self) -> None:
        self.write("run.json", (json.dumps(self.facts, indent=2) + "\n").encode())


def create_run(
    config: Config, config_path: Path, out: Path | None = None, *, pointers: bool = True, **facts: Any
) -> Run:
    """A new run directory: `out`, or one under runs/ named after the time, the config, and its digest."""
    try:
        path = _own_directory(config, config_path) if out is None else _given_directory(out)
        metrics = open(path / METRICS, "xb", buffering=0)  # of two at once, one creates it  # noqa: SIM115
    except FileExistsError:
        raise ConfigError(f"--out {out}: already there, and never overwritten; choose a new directory") from None
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}; choose another place with --out DIR") from None
    _lock(metrics)
    start = {"outcome": "running", "start": _now(), "end": None, "seed": config.train.seed}
    run = Run(path, {**start, "versions": versions(), "machine": machine(), **facts}, metrics, pointers)
    advice, run.advice = run.advice, "or choose another place with --out DIR"
    try:
        run.begin(config)
    except DataError:
        metrics.close()
        for name in METRICS, "config.yaml", "run.json":
            (path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it may have been there before
            path.rmdir()
        raise
    run.advice = advice
    return run


def reopen_run(path: Path) -> Run:
    """A run that was begun before, for this process alone. Nothing is changed but for what a killed one left behind."""
    before = load_run_info(path)
    with data_error_on_failure(path / METRICS):
        metrics = open(path / METRICS, "ab", buffering=0)  # noqa: SIM115
        if not _lock(metrics):
            metrics.close()
            raise ConfigError(f"{path}: is being trained now; wait until that has ended, or end it")
        remove_temporary_files(path)
    return Run(path, before, metrics)


def _own_directory(config: Config, config_path: Path) -> Path:
    from sentibp.config.dump import digest

    name = f"{time.strftime('%Y%m%d-%H%M')}-{config_path.stem}-{digest(config)[:4]}"
    number = 1
    while True:
        path = ROOT / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1


def _given_directory(out: Path) -> Path:
    try:
        str(out).encode()
    except UnicodeEncodeError:
        raise ConfigError("--out: the name is not UTF-8; choose another") from None
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out}: already there, and never overwritten; choose a new directory")
    out.mkdir(parents=True, exist_ok=True)
    return out


def require_training(path: Path, facts: Mapping[str, Any]) -> None:
    """ConfigError if a run is that of a pretraining."""
    if is_pretraining(facts):
        raise ConfigError(f"{path}: a pretraining, not a training; name the run of a training")


def is_pretraining(facts: Mapping[str, Any]) -> bool:
    """Whether run.json is that of a pretraining."""
    return facts.get("kind") == "pretraining"


def load_run_info(path: Path) -> dict[str, Any]:
    """What run.json says."""
    try:
        content = json.loads(read_small_file(path / "run.json"))
    except OSError as error:
        raise DataError(f"{path / 'run.json'}: {error.strerror}; give a run directory") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path / 'run.json'}: damaged: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path / 'run.json'}: damaged: not an object")
    for name, kind in _FACTS.items():
        if not isinstance(content.get(name), kind):
            raise DataError(f"{path / 'run.json'}: damaged: {name!r} is {content.get(name)!r:.40}")
    return content


def _lock(file: IO[Any], alone: bool = True) -> bool:
    """Say, as long as this process lives or until it closes the file, that it writes the run; False if another does."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def is_being_written(path: Path) -> bool:
    """Whether a process trains this run now."""
    try:
        with open_regular(path / METRICS) as file:
            return not _lock(file, alone=False)
    except OSError:
        return False


def list_runs() -> Iterator[tuple[Path, dict[str, Any]]]:
    """The runs under runs/, oldest first."""
    found = [(path.parent, load_run_info(path.parent)) for path in ROOT.glob("*/run.json")]
    yield from sorted(found, key=lambda run: (run[1].get("start") or "", run[0]))


def save_predictions(run: Run, label: np.ndarray, positive: np.ndarray) -> None:
    """Keep what the model said of the validation data."""
    import io

    import pyarrow as pa
    from pyarrow import parquet

    content = io.BytesIO()
    parquet.write_table(pa.table({"label": from_numpy(label), "positive": from_numpy(positive)}), content)
    run.write(PREDICTIONS, content.getvalue())


def load_predictions(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """What `save_predictions` kept: the label (n,) of each validation review, and its probability of positive (n,)."""
    from pyarrow import parquet

    if not (path / PREDICTIONS).is_file():  # a pipe would wait
        return None
    try:
        table = parquet.read_table(path / PREDICTIONS)
        return table["label"].to_numpy(), table["positive"].to_numpy()
    except (OSError, KeyError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise DataError(f"{path / PREDICTIONS}: damaged ({error})") from None


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
