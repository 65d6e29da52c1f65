"""What training told each of its reviews, kept beside the model: who pushed what, `blame` can tell from it.

Two numbers a review and epoch, which training has at hand anyway, in `visits.safetensors`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from sentibp.errors import DataError
from sentibp.nn.layers import Array
from sentibp.runs import directory
from sentibp.utils.files import write_file

FILE = "visits.safetensors"


class ExampleGradients(NamedTuple):
    """What an epoch told each of n reviews, and when: from it `blame` knows who pushed what."""

    dz: Array  # (n,) float32: d loss / d logit, p - y over the batch's size; clipped as the gradient was; nan: no visit
    step: Array  # (n,) int32: the step of the epoch, from 0
    rate: Array  # (steps,) float64: the learning rate of each step


class InfluenceLog:
    """The visits of a training that goes on, in a file without a name: memory does not grow with the epochs.

    A disk that fills up, or an epoch that was not seen from its beginning, means no visits, and stops no training.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._files: list[IO[bytes]] = []  # that of the seed that goes on is the last
        self._kept: _Mark | None = None
        self.begin()

    def __del__(self) -> None:
        self._close()

    def _close(self, but: IO[bytes] | None = None) -> None:
        for file in self._files:
            if file is not but:
                with contextlib.suppress(OSError):
                    file.close()
        self._files = [] if but is None else [but]

    def begin(self) -> None:
        """Before the first epoch of a seed."""
        self._epochs, self._whole = 0, True
        self._close(but=None if self._kept is None else self._kept.file)

    def add(self, epoch: ExampleGradients) -> None:
        """After an epoch."""
        self._whole = self._whole and not np.isnan(epoch.dz).any()
        try:
            if not self._epochs:
                self._files.append(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
            for array in epoch:
                self._files[-1].write(array.data)
        except OSError:
            self._whole = False
        self._epochs += 1
        self._shape = len(epoch.dz), len(epoch.rate)

    def keep(self, epoch: int, model: str, factor: float) -> None:
        """The model with that digest (SHA-256) is kept, after so many epochs, its logit multiplied by a factor."""
        whole = self._whole and self._epochs == epoch  # there are none of several networks that are folded into one
        self._kept = _Mark(self._files[-1], epoch, self._shape, model, factor) if whole else None

    def save(self, run: Path) -> None:
        """At the end: beside the model what it was told."""
        from safetensors.numpy import save

        if self._kept is None:
            return
        file, epochs, (n, steps), model, factor = self._kept
        parts = {"dz": (n, np.float32), "step": (n, np.int32), "rate": (steps, np.float64)}
        arrays = {name: np.empty((epochs, size), kind) for name, (size, kind) in parts.items()}
        try:
            file.seek(0)
            for epoch in range(epochs):
                for array in arrays.values():
                    array[epoch] = np.frombuffer(file.read(array[epoch].nbytes), array.dtype)
            content = save(arrays, metadata={"sentibp": json.dumps({"factor": factor, "model": model})})
            write_file(run / FILE, content)
        except (OSError, ValueError):  # what did not get onto the disk cannot be read
            return


class _Mark(NamedTuple):
    """What has been noted for the model that is kept."""

    file: IO[bytes]
    epochs: int
    shape: tuple[int, int]  # reviews, steps an epoch
    model: str
    factor: float


class SavedGradients(NamedTuple):
    """What was told until the model was kept."""

    epochs: list[ExampleGradients]
    factor: float  # what calibration multiplied the logit by


def load_influence_log(run: Path) -> SavedGradients:
    """What was kept. DataError if there is nothing, if it is damaged, or not of the model that lies there."""
    from safetensors import SafetensorError, safe_open

    file, model = run / FILE, run / directory.MODEL
    if not file.is_file():
        raise DataError(
            f"{run}: has no {FILE}, which says what training told its reviews; train its config again. (A single "
            "network keeps it, without pretraining, trained in one go)"
        )
    try:
        with safe_open(file, framework="np") as content:
            facts = json.loads((content.metadata() or {})["sentibp"])
            arrays = [content.get_tensor(name) for name in ExampleGradients._fields]
        dz, step, rate = arrays
        if not (dz.shape == step.shape and len(rate) == len(dz) and step.max(initial=0) < rate.shape[1]):
            raise ValueError("its arrays do not fit together")
        with open(model, "rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != facts["model"]:
                raise DataError(f"{file}: is of another model than {model}; train the config again")
        return SavedGradients([ExampleGradients(*parts) for parts in zip(*arrays, strict=True)], float(facts["factor"]))
    except OSError as error:
        raise DataError(f"{run}: {error.strerror or error}; give a run directory") from None
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{file}: damaged ({error}); train the config again") from None
