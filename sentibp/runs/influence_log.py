"""The influence log of a run: the gradient of each training review in each epoch, from which `blame` finds influences.

Two numbers for each review and epoch, which training computes anyway, in influence_log.safetensors beside the model.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from sentibp.errors import DataError
from sentibp.nn.layers import Array
from sentibp.runs.directory import MODEL
from sentibp.utils import tensor_file
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.files import unreadable, write_file
from sentibp.utils.hashing import file_digest

FILE = "influence_log.safetensors"
_MAX_BYTES = 1 << 28  # that a checkpoint holds of a log: a larger one would make each checkpoint slow
OLDER_FILE = "visits.safetensors"  # its name in the runs of earlier versions, which called `learning_rate` `rate`


class ExampleGradients(NamedTuple):
    """The gradient of each of n training reviews in one epoch, and the step in which it acted."""

    dz: Array  # float32: d loss / d output of the batch's mean loss, clipped as the gradient was; nan: not seen.
    # (n,) for one output, (n, m) for m
    step: Array  # (n,) int32: the step of the epoch, from 0
    learning_rate: Array  # (steps,) float64: of each step


class InfluenceLog:
    """Collects the gradients of a training. They are in a file without a name, so that memory does not grow.

    If the disk is full, or an epoch is incomplete, no log is written. The training continues.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._files: list[IO[bytes]] = []  # that of the current network is the last
        self._kept: _Kept | None = None
        self.start_network()

    def __del__(self) -> None:
        self._close()

    def _close(self, keep: IO[bytes] | None = None) -> None:
        for file in self._files:
            if file is not keep:
                with contextlib.suppress(OSError):
                    file.close()
        self._files = [] if keep is None else [keep]

    def start_network(self) -> None:
        """Begin the log of another network. What was kept of the one before stays."""
        self._epochs, self._complete, self._epoch, self._shape = 0, True, None, (0, 0, 1)
        self._close(keep=None if self._kept is None else self._kept.file)

    def start_epoch(self, n: int, steps: int, outputs: int = 1) -> None:
        """Begin an epoch of so many steps on n reviews, if none has begun. The network has so many outputs."""
        if self._epoch is None:
            dz = np.full(n if outputs == 1 else (n, outputs), np.nan, np.float32)
            self._epoch = ExampleGradients(dz, np.zeros(n, np.int32), np.zeros(steps))

    def add_step(self, step: int, chosen: Array, dz: Array, learning_rate: float) -> None:
        """Add a step of the epoch, counted from 0: the gradient of each of its reviews."""
        assert self._epoch is not None
        self._epoch.dz[chosen], self._epoch.step[chosen], self._epoch.learning_rate[step] = dz, step, learning_rate

    def end_epoch(self) -> None:
        """Write the epoch into the file."""
        epoch, self._epoch = self._epoch, None
        self._complete = self._complete and epoch is not None and not np.isnan(epoch.dz).any()
        if epoch is None or not self._complete:
            return
        try:
            if not self._epochs:
                self._files.append(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
            for array in epoch:
                self._files[-1].write(array.data)
        except OSError:
            self._complete = False
        self._epochs += 1
        self._shape = len(epoch.dz), len(epoch.learning_rate), epoch.dz.size // max(len(epoch.dz), 1)

    def keep(self, epoch: int, model: str, factor: float) -> None:
        """Note that the best model, of this SHA-256, has seen these epochs, and that its logit was scaled by `factor`.

        Nothing is kept of a model that several networks were folded into.
        """
        complete = self._complete and self._epochs == epoch
        self._kept = _Kept(self._files[-1], epoch, self._shape, model, factor) if complete else None

    def state_dict(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what a checkpoint holds of it: as JSON, and as tensors. A log of more than 256 MB is left out."""
        kept, current = self._kept, self._files[-1] if self._files and self._epochs else None
        files = {"current": current, "kept": None if kept is None or kept.file is current else kept.file}
        state: dict[str, Any] = {"epochs": self._epochs, "complete": self._complete, "shape": list(self._shape)}
        state["kept"] = None if kept is None else [kept.epochs, list(kept.shape), kept.model, kept.factor]
        tensors = {} if self._epoch is None else dict(self._epoch._asdict())
        try:
            if sum(file.tell() for file in files.values() if file is not None) > _MAX_BYTES:
                return {"epochs": 0, "complete": False, "shape": [0, 0, 1], "kept": None}, {}
            for name, file in files.items():
                if file is not None:
                    file.seek(0)
                    tensors[name] = np.frombuffer(file.read(), np.uint8)
        except OSError:
            state |= {"complete": False, "kept": None}
        return state, tensors

    def load_state_dict(self, state: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Restore what `state_dict` returned."""
        self.start_network()
        self._epochs, self._complete, self._shape = state["epochs"], state["complete"], _shape(state["shape"])
        if "dz" in tensors:
            self._epoch = ExampleGradients(*(tensors[name].copy() for name in ExampleGradients._fields))
        try:
            files = {name: self._restored(tensors[name]) for name in ("kept", "current") if name in tensors}
        except OSError:
            self._complete = False
            return
        if state["kept"] is not None and files:
            epochs, shape, model, factor = state["kept"]
            self._kept = _Kept(files.get("kept", files.get("current")), epochs, _shape(shape), model, factor)  # type: ignore[arg-type]

    def _restored(self, content: Array) -> IO[bytes]:
        self._files.append(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
        self._files[-1].write(content.data)
        return self._files[-1]

    def save(self, run: Path) -> None:
        """Write the log of the best model into the run directory."""
        from safetensors.numpy import save

        if self._kept is None:
            return
        file, epochs, (n, steps, outputs), model, factor = self._kept
        tensors = {"dz": (n * outputs, np.float32), "step": (n, np.int32), "learning_rate": (steps, np.float64)}
        arrays: dict[str, np.ndarray] = {name: np.empty((epochs, size), kind) for name, (size, kind) in tensors.items()}
        try:
            file.seek(0)
            for epoch in range(epochs):
                for array in arrays.values():
                    array[epoch] = np.frombuffer(file.read(array[epoch].nbytes), array.dtype)
            if outputs > 1:
                arrays["dz"] = arrays["dz"].reshape(epochs, n, outputs)
            content = save(arrays, metadata={"sentibp": json.dumps({"factor": factor, "model": model})})
            write_file(run / FILE, content)
        except (OSError, ValueError):  # ValueError: the disk was full, and the file is too short
            return


def _shape(stored: Sequence[int]) -> tuple[int, int, int]:
    """Return the shape in a checkpoint. Those of earlier versions do not say that there is one output."""
    n, steps, outputs = (*stored, 1)[:3]
    return n, steps, outputs


class _Kept(NamedTuple):
    """What was collected of the best model so far."""

    file: IO[bytes]
    epochs: int
    shape: tuple[int, int, int]  # reviews, steps an epoch, outputs
    model: str
    factor: float


class SavedGradients(NamedTuple):
    """The gradients of the epochs that the best model has seen."""

    epochs: list[ExampleGradients]
    factor: float  # what calibration multiplied the logit by


def load_influence_log(run: Path) -> SavedGradients:
    """Read the influence log of a run. DataError if there is none, if it is damaged, or of another model."""
    file, model = run / FILE, run / MODEL
    if not file.is_file() and (run / OLDER_FILE).is_file():
        file = run / OLDER_FILE
    if not file.is_file():
        raise DataError(f"{run}: has no {FILE}, which holds the gradient of each training review; {_with_log(run)}")
    try:
        tensor_file.require_plausible(file, "log of gradients", "train the config again")
        with data_error_if_damaged(file, "train the config again"):
            text, tensors = tensor_file.read_tensors(file)
            facts = json.loads(text or "{}")
            last = "learning_rate" if "learning_rate" in tensors else "rate"
            dz, step, learning_rate = (tensors[name] for name in ("dz", "step", last))
            fits = dz.shape[:2] == step.shape and dz.ndim in (2, 3) and len(learning_rate) == len(dz)
            if not (fits and step.max(initial=0) < learning_rate.shape[1]):
                raise ValueError("its arrays do not fit together")
            if file_digest(model) != facts["model"]:
                raise DataError(f"{file}: is of another model than {model}; train the config again")
            epochs = [ExampleGradients(*arrays) for arrays in zip(dz, step, learning_rate, strict=True)]
            return SavedGradients(epochs, float(facts["factor"]))
    except OSError as error:
        raise DataError(unreadable(error, repair="give a run directory")) from None


def _with_log(run: Path) -> str:
    """Return the repair for a run without an influence log: the command that trains one that has it."""
    from sentibp.config.load import load_config
    from sentibp.utils.repair import set_option

    name = run / "config.yaml"
    config = load_config(name).config
    changes: dict[str, Any] = {"train.members": 1} if config.train.members > 1 else {}
    changes |= {"train.linear_member": False} if config.train.linear_member else {}
    if config.pretrain.is_used:
        changes |= {
            f"pretrain.{key}": "none" for key in ("vectors", "lexicon") if getattr(config.pretrain, key) != "none"
        }
        changes |= {f"pretrain.{key}": None for key in ("labelled", "vectors_from") if getattr(config.pretrain, key)}
    changes |= {"text.shifters": False} if config.text.shifters else {}
    if config.train.shards > 1:
        changes |= {"train.shards": 1, "train.sync": "average", "train.shard_steps": None}
    options = "".join(f" {set_option(key, value)}" for key, value in changes.items())
    why = "a resumed large training may have none"
    if changes:
        why = "only a single network without pretraining, shifters and shards has one"
    return f"{why}: train it with `sentibp train {shlex.quote(str(name))}{options}`"
