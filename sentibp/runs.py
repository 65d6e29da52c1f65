"""Run directories: what a training was, how it went, and the model it left behind.

    config.yaml         every setting, defaults filled in: training it repeats the run
    run.json            command, versions, seed, fingerprints of the data, machine, start, end, outcome, scores
    metrics.jsonl       one event a line: every step, every epoch, the gradient flow of a few steps
    model.safetensors   the best epoch
    validation.parquet  what the model said of each validation review, for paired comparisons
    visits.safetensors  what training told each of its reviews, for blame (see `visits`)

`runs/last` is a text file with the path of the newest finished run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from .arrow import array
from .errors import ConfigError, DataError
from .files import write

if TYPE_CHECKING:
    from .config import Config

ROOT = Path("runs")
METRICS = "metrics.jsonl"
MODEL = "model.safetensors"
PREDICTIONS = "validation.parquet"


class Run:
    """A run directory that is being written."""

    def __init__(self, path: Path, config: Config, **facts: Any):
        import platform
        from importlib.metadata import version

        self.path = path
        self.facts: dict[str, Any] = {
            "outcome": "running",
            "start": _now(),
            "end": None,
            "seed": config.train.seed,
            "versions": {name: version(name) for name in ("sentibp", "numpy", "pyarrow")}
            | {"python": platform.python_version()},
            "machine": {"platform": platform.platform(), "cores": os.cpu_count()},
            **facts,
        }
        from .config import dump

        write(path / "config.yaml", dump(config).encode())
        self._write_facts()
        self._metrics = open(path / METRICS, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
        _lock(self._metrics)

    def record(self, **event: Any) -> None:
        """Append one event to metrics.jsonl."""
        self._metrics.write(json.dumps(event) + "\n")

    def finish(self, outcome: str, **facts: Any) -> None:
        """Say how it ended. A run that left a model becomes `last`."""
        self._metrics.close()
        self.facts |= {"outcome": outcome, "end": _now(), **facts}
        self._write_facts()
        if (self.path / MODEL).exists():
            ROOT.mkdir(exist_ok=True)
            write(ROOT / "last", f"{self.path}\n".encode())

    def _write_facts(self) -> None:
        write(self.path / "run.json", (json.dumps(self.facts, indent=2) + "\n").encode())


def create(config: Config, config_path: Path, out: Path | None = None, **facts: Any) -> Run:
    """A new run directory: `out`, or one under runs/ named after the time, the config, and its digest."""
    try:
        path = _own_directory(config, config_path) if out is None else _given_directory(out)
        return Run(path, config, **facts)
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}; choose another place with --out DIR") from None


def _own_directory(config: Config, config_path: Path) -> Path:
    from .config import digest

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


def find(name: str = "last") -> Path:
    """The run directory or model file of that name: a path, a directory in runs/, or `last`."""
    if name == "last":
        try:
            name = (ROOT / "last").read_text(encoding="utf-8").strip()
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
    path = find(name)
    if not path.is_dir():
        return path
    if not (path / MODEL).is_file():
        raise ConfigError(f"{path}: has no {MODEL}; its training left none, or it is not a run directory")
    return path / MODEL


def facts(path: Path) -> dict[str, Any]:
    """What run.json says."""
    try:
        content = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path / 'run.json'}: {error.strerror}; give a run directory") from None
    except ValueError as error:
        raise DataError(f"{path / 'run.json'}: damaged: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path / 'run.json'}: damaged: not an object")
    return content


def _lock(file: IO[Any], alone: bool = True) -> bool:
    """Say, as long as this process lives, that it writes the run; False if another one does."""
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
        with open(path / METRICS, "rb") as file:
            return not _lock(file, alone=False)
    except OSError:
        return False


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The records of metrics.jsonl, in order. A line that is still being written is left out."""
    number = 0
    try:
        with open(path / METRICS, encoding="utf-8") as file:
            for line in file:
                number += 1
                if not line.endswith("\n"):
                    return
                event = json.loads(line)
                if not isinstance(event, dict):
                    raise ValueError("not an object")
                yield event
    except OSError as error:
        raise DataError(f"{path / METRICS}: {error.strerror}; give a run directory") from None
    except ValueError as error:
        raise DataError(f"{path / METRICS}:{number}: damaged: {error}") from None


def all_runs() -> Iterator[tuple[Path, dict[str, Any]]]:
    """The runs under runs/, oldest first."""
    found = [(path.parent, facts(path.parent)) for path in ROOT.glob("*/run.json")]
    yield from sorted(found, key=lambda run: (run[1].get("start") or "", run[0]))


def save_predictions(path: Path, label: np.ndarray, positive: np.ndarray) -> None:
    """Keep what the model said of the validation data."""
    import io

    import pyarrow as pa
    from pyarrow import parquet

    content = io.BytesIO()
    parquet.write_table(pa.table({"label": array(label), "positive": array(positive)}), content)
    write(path / PREDICTIONS, content.getvalue())


def predictions(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """What `save_predictions` kept: the label (n,) of each validation review, and its probability of positive (n,)."""
    from pyarrow import parquet

    if not (path / PREDICTIONS).exists():
        return None
    try:
        table = parquet.read_table(path / PREDICTIONS)
        return table["label"].to_numpy(), table["positive"].to_numpy()
    except (OSError, KeyError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise DataError(f"{path / PREDICTIONS}: damaged ({error})") from None


def compare(a: Path, b: Path) -> dict[str, Any]:
    """Settings that differ, scores side by side, and a paired test on the validation reviews if these are the same."""
    from .config import load

    facts_a, facts_b = facts(a), facts(b)
    config_a, config_b = (flat(load(path / "config.yaml").config.model_dump()) for path in (a, b))
    keys = sorted({*config_a, *config_b}, key=[*config_a, *config_b].index)
    scores_a, scores_b = facts_a.get("scores") or {}, facts_b.get("scores") or {}
    data_a, data_b = (content.get("data", {}).get("validation") for content in (facts_a, facts_b))
    same = data_a is not None and data_a == data_b and all((path / PREDICTIONS).exists() for path in (a, b))
    return {
        "a": str(a),
        "b": str(b),
        "settings": {
            key: [config_a.get(key), config_b.get(key)] for key in keys if config_a.get(key) != config_b.get(key)
        },
        "scores": {
            name: [scores_a[name], scores_b[name]]
            for name in scores_a
            if name in scores_b and isinstance(scores_a[name], int | float)
        },
        "scored_on": [content.get("scored_on") for content in (facts_a, facts_b)],
        "paired": _paired(a, b) if same else None,
    }


def _paired(a: Path, b: Path) -> dict[str, Any]:
    from pyarrow import parquet

    from .metrics import mcnemar

    try:
        tables = [parquet.read_table(path / PREDICTIONS) for path in (a, b)]
        label, positive_a = tables[0]["label"].to_numpy(), tables[0]["positive"].to_numpy()
        return mcnemar(label, positive_a, tables[1]["positive"].to_numpy())
    except (OSError, KeyError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise DataError(f"{a} and {b}: {PREDICTIONS} is damaged ({error})") from None


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted keys."""
    result: dict[str, Any] = {}
    for key, value in nested.items():
        result |= flat(value, f"{prefix}{key}.") if value and isinstance(value, dict) else {f"{prefix}{key}": value}
    return result


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
