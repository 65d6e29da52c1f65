"""The metrics log of a run: one typed record for each event, one line of metrics.jsonl for each record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

from sentibp.errors import DataError
from sentibp.runs.directory import METRICS
from sentibp.utils import json_types
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.files import SMALL, open_regular, unreadable

_REPAIR = "remove the lines from there on, or train its config again"


@dataclass(frozen=True)
class Record:
    """What all records share: the seed of the network that they are about."""

    event: ClassVar[str]
    older_names: ClassVar[dict[str, str]] = {}  # today's field: its name in the logs of earlier versions

    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is written, without the fields that do not apply."""
        required, optional = _field_names(type(self))
        values = {"event": self.event} | {name: getattr(self, name) for name in required}
        return values | {name: value for name in optional if (value := getattr(self, name)) is not None}


@dataclass(frozen=True)
class StartRecord(Record):
    """A network before its first step."""

    event: ClassVar[str] = "start"

    weights: dict[str, str]  # of each tensor, four hexadecimal digits of a checksum


@dataclass(frozen=True)
class StepRecord(Record):
    """One update of the weights."""

    event: ClassVar[str] = "step"

    step: int  # from 1
    epoch: int  # from 1
    loss: float  # of the batch, before the update
    learning_rate: float
    gradient_norm: float  # before clipping
    check: str | None = None  # of each tensor, or of its updated rows, four hexadecimal digits


@dataclass(frozen=True)
class FlowRecord(Record):
    """The gradient flow of one step, layer by layer."""

    event: ClassVar[str] = "flow"

    step: int
    epoch: int
    layers: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class EpochRecord(Record):
    """The end of an epoch."""

    event: ClassVar[str] = "epoch"

    scores: dict[str, Any] | None  # on the validation data, of this network before it is averaged and calibrated
    epoch: int
    step: int
    loss: float  # the mean over the training reviews
    digest: str | None = None  # of all weights
    weights: dict[str, str] | None = None  # of each tensor, sixteen digits of its SHA-256


@dataclass(frozen=True)
class RefitStartRecord(Record):
    """A network of the final training on all data, before its first step."""

    event: ClassVar[str] = "refit_start"

    epochs: int
    steps: int  # in all epochs


@dataclass(frozen=True)
class RefitRecord(Record):
    """The end of an epoch of the final training on all data."""

    event: ClassVar[str] = "refit"

    epoch: int
    step: int
    loss: float
    digest: str | None = None
    weights: dict[str, str] | None = None


@dataclass(frozen=True)
class RoundRecord(Record):
    """A round of the pretraining."""

    event: ClassVar[str] = "round"
    older_names: ClassVar[dict[str, str]] = {"explained_variance": "restored"}

    round: int  # from 1
    rounds: int
    explained_variance: float  # from 0 to 1


@cache
def _types(kind: type[Record]) -> dict[str, Any]:
    """Return the type of each field, for `json_types.require_types`."""
    return get_type_hints(kind) | (
        {"scores": json_types.OrNone(json_types.Complete({"accuracy": float, "log_loss": float}))}
        if kind is EpochRecord
        else {}
    )


@cache
def _field_names(kind: type[Record]) -> tuple[list[str], list[str]]:
    """Return the names of the required and of the optional fields."""
    names: tuple[list[str], list[str]] = [], []
    for field in fields(kind):
        names[field.default is not MISSING].append(field.name)
    return names


_RECORDS: dict[str, type[Record]] = {
    kind.event: kind
    for kind in (StartRecord, StepRecord, FlowRecord, EpochRecord, RefitStartRecord, RefitRecord, RoundRecord)
}


def parse_record(content: Mapping[str, Any]) -> Record | None:
    """Return the record that one line holds; None for an event that this version does not know.

    Raises KeyError if a field is missing, ValueError if one is of another type.
    """
    json_types.require_types(content, {"event": str}, "a record")
    kind = _RECORDS.get(content["event"])
    if kind is None:
        return None
    values = {}
    for field in fields(kind):
        older = kind.older_names.get(field.name, field.name)
        name = older if older in content else field.name
        if name not in content and field.default is not MISSING:
            continue
        json_types.require_types(content[name], _types(kind)[field.name], f"{name} of event {kind.event!r}")
        values[field.name] = content[name]
    return kind(**values)


class RecordReader:
    """Reads the metrics log of a run while it grows: each call of `new` returns the records added since the last."""

    def __init__(self, run: Path):
        self.path = run / METRICS
        self.position = 0  # bytes that were read
        self.line = 0

    def new(self) -> Iterator[Record]:
        """Read the whole lines that were added. A line that is still being written is left for the next call.

        Raises DataError if the log cannot be read or is damaged.
        """
        try:
            with open_regular(self.path) as file:
                file.seek(self.position)
                while line := file.readline(SMALL + 1):
                    with data_error_if_damaged(Path(f"{self.path}:{self.line + 1}"), _REPAIR):
                        if len(line) > SMALL:
                            raise ValueError(f"longer than {SMALL // 1_000_000} MB")
                        if not line.endswith(b"\n"):
                            return
                        record = parse_record(json_types.parse(line.decode()))
                    self.position += len(line)
                    self.line += 1
                    if record is not None:
                        yield record
        except OSError as error:
            raise DataError(unreadable(error, str(self.path), "give a run directory")) from None


def read_records(run: Path) -> Iterator[Record]:
    """Yield the records of a run, in order. DataError as `RecordReader.new`."""
    return RecordReader(run).new()
