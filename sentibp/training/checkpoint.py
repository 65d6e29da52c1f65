"""Checkpoints: all that an interrupted training needs to resume and to end with the same bytes as without interruption.

    checkpoint.safetensors   weights, optimizer, random generators, states of the loop and of the selection; during a
                             pretraining, the state after the last round
    best-*.safetensors       the best model at the checkpoint: a link to model.safetensors, or a copy
    member-*.safetensors     the finished networks of an ensemble

checkpoint.safetensors is replaced in one operation. The other files are written before it, and it contains their names
and digests. So there is always one complete checkpoint. All these files are removed when the training ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.schema import Config
from sentibp.errors import DataError
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.nn.layers import Array
from sentibp.runs.directory import MODEL, Run
from sentibp.runs.influence_log import InfluenceLog
from sentibp.training.loop import TrainingState
from sentibp.utils import tensor_file
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.hashing import file_digest
from sentibp.utils.stored_settings import complete_settings

FILE = "checkpoint.safetensors"
FORMAT = 4  # formats 2 and 3, with other names for some keys, are still read
KEY = "checkpoint"  # the metadata key, which distinguishes a checkpoint from a model file


class Checkpoint(NamedTuple):
    """The content of a checkpoint file."""

    config: Config
    state: dict[str, Any]
    tensors: dict[str, Array]


def load_checkpoint(run: Path) -> Checkpoint | None:
    """Read the checkpoint of a run, or return None if there is none. DataError if a file of it is damaged."""
    path = run / FILE
    if not path.exists():
        return None
    repair = "remove it to begin this training again from its start"
    with data_error_if_damaged(path, repair):
        state, tensors = tensor_file.read_tensor_file(path, KEY, kind="checkpoint", give=repair, repair=repair)
        if state["format"] not in (2, 3, FORMAT):
            raise DataError(f"{path}: written by another version of sentibp; resume with that version, or {repair}")
        tensor_file.verify_checksum(state, tensors)
        state = _renamed(state)
        config = Config.model_validate(complete_settings(state["config"]))
        for name, digest in state["members"].items():
            if _digest_if_readable(run / name) != digest:
                raise DataError(f"{run / name}: damaged or missing; remove {path} to begin again from the start")
    return Checkpoint(config, state, tensors)


def _renamed(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of an earlier format with the keys of this one."""
    if state["format"] == 2:
        best, monitor = state["best"], state["best"]["health"]
        gradient_flow = {"flows": monitor["flows"], "warned": monitor["said"]}
        log = {"warnings": best["warnings"], "gradient_flow": gradient_flow}
        state |= {"network": state["chance"], "selection": best, "log": log}
    if state["format"] < FORMAT:
        selection = state["selection"]
        calibration = [selection["factor"], selection.get("shift", 0.0)]
        state |= {"selection": selection | {"calibration": calibration}}
    return state


class CheckpointWriter:
    """Writes the checkpoint of a run when it is due, and restores a training from one."""

    def __init__(self, run: Run, config: Config, checkpoint: Checkpoint | None = None):
        self.run = run
        self.settings = config.train.checkpoint
        self.config = config
        self.checkpoint = checkpoint  # None once it is restored
        self.seed: int = config.train.seed if checkpoint is None else checkpoint.state["seed"]
        self.members: dict[str, Classifier | None] = {}  # of this seed, by file; None once it is written
        self.written: dict[str, str] = {} if checkpoint is None else dict(checkpoint.state["members"])  # file -> digest
        self.refit = checkpoint is not None and checkpoint.state["refit"]
        self.seconds = 0.0 if checkpoint is None else checkpoint.state["seconds"]  # before this process
        self.began = self.last = time.monotonic()
        self.steps = 0  # since the last checkpoint
        self.position: dict[str, Any] | None = None  # the round of a pretraining, with its tensors
        self.current: tuple[int, Classifier, TrainingState] | None = None  # the network in training
        self.influence_log: InfluenceLog | None = None  # of the network in training

    @property
    def total_seconds(self) -> float:
        """The duration of the training, including earlier processes."""
        return self.seconds + time.monotonic() - self.began

    @property
    def is_enabled(self) -> bool:
        """Whether the settings ask for checkpoints."""
        return self.settings.every_seconds is not None or self.settings.every_steps is not None

    def start_refit(self) -> None:
        """Begin the final training. Its files get other names, because an earlier checkpoint names the first ones."""
        if not self.refit:
            self.members, self.written, self.refit = {}, {}, True
        self.current = self.position = None

    def start_seed(self, seed: int) -> None:
        """Begin another seed, none of whose networks is finished."""
        if seed != self.seed:
            self.seed, self.members = seed, {}
        self.current = self.position = None

    def _file(self, name: str) -> str:
        return f"member-{'refit-' if self.refit else ''}{name}.safetensors"

    def load_member(self, name: str) -> Classifier | None:
        """Return a finished network of an ensemble, or None if the checkpoint does not have it."""
        file = self._file(name)
        return load_model(self.run.path / file) if file in self.written else None

    def member_finished(self, name: str, classifier: Classifier) -> None:
        """Keep a finished network of an ensemble for the next checkpoint."""
        self.members[self._file(name)] = classifier
        self.current = self.position = None

    def restore_network(self, seed: int, classifier: Classifier, state: TrainingState) -> bool:
        """Restore a network and its state if the checkpoint was written during its training. Return whether it was."""
        self.current = seed, classifier, state
        checkpoint, self.checkpoint = self.checkpoint, None  # from here on, it is no longer the newest state
        if checkpoint is None or checkpoint.state["network"] != seed:
            return False
        _, saved, tensors = checkpoint
        for name, tensor in classifier.tensors().items():
            restored = tensors.get(f"weights/{name}")
            if restored is None or restored.shape != tensor.shape:
                path = self.run.path / FILE
                raise DataError(
                    f"{path}: {name} does not belong to this network; remove it to begin again from the start"
                )
            tensor[...] = restored
        for key, tensor in tensors.items():
            if key.startswith("optimizer/"):
                _, name, slot = key.split("/")
                state.optimizer.state.setdefault(name, {})[slot] = tensor.copy()
        for name, layer in classifier.network.walk():
            if layer.rng is not None:
                layer.rng.bit_generator.state = saved["generators"][name]
        state.load_state_dict(saved)
        return True

    def restore_influence_log(self, log: InfluenceLog) -> None:
        """Restore the log, if the checkpoint has it, and write it into the checkpoints to come."""
        self.influence_log = log
        if self.checkpoint is not None and self.checkpoint.state.get("influence_log"):
            tensors = self.checkpoint.tensors
            arrays = {name.partition("/")[2]: tensors[name] for name in tensors if name.startswith("influence/")}
            log.load_state_dict(self.checkpoint.state["influence_log"], arrays)

    def step_ended(self, selection: Mapping[str, Any], log: Mapping[str, Any]) -> None:
        """Write a checkpoint after a step, if it is due."""
        if self._is_due():
            self.write(selection, log)

    def restore_rounds(self, seed: int) -> tuple[int, Mapping[str, Array]]:
        """Return how many rounds of this seed's pretraining are done, and the state after them."""
        if self.checkpoint is None or self.checkpoint.state["seed"] != seed or "round" not in self.checkpoint.state:
            return 0, {}
        (_, state, tensors), self.checkpoint = self.checkpoint, None
        return state["round"], tensors

    def round_ended(
        self, number: int, tensors: Mapping[str, Array], selection: Mapping[str, Any], log: Mapping[str, Any]
    ) -> None:
        """Write a checkpoint after a round of pretraining, if it is due."""
        self.position = {"step": 0, "round": number, "tensors": tensors}
        if self._is_due():
            self.write(selection, log)

    def _is_due(self) -> bool:
        every_seconds, every_steps = self.settings.every_seconds, self.settings.every_steps
        self.steps += 1
        is_late = every_seconds is not None and time.monotonic() - self.last >= every_seconds
        is_due = is_late or (every_steps is not None and self.steps >= every_steps)
        self.steps = 0 if is_due else self.steps
        return is_due

    def write(self, selection: Mapping[str, Any], log: Mapping[str, Any]) -> None:
        """Write a checkpoint of the network in training, if there is one, and of all finished networks."""
        if self.current is not None:
            position, tensors = _network_state(*self.current)
        else:
            position = {"network": None, "step": 0} | (self.position or {})
            tensors = position.pop("tensors", {})
        influence, arrays = ({}, {}) if self.influence_log is None else self.influence_log.state_dict()
        tensors = {**tensors, **{f"influence/{name}": array for name, array in arrays.items()}}
        self._write_members()
        digest = selection["digest"]
        if digest is not None and not (self.run.path / best_file(digest)).exists():
            self.run.copy(MODEL, best_file(digest))  # survives when a better model replaces MODEL
        self.run.sync()
        state = {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "refit": self.refit,
            **position,
            "selection": dict(selection),
            "log": dict(log),
            "influence_log": influence,
            "members": self.written,
            "metrics": self.run.length,
            "seconds": self.total_seconds,
        }
        self.run.write(FILE, tensor_file.pack_tensor_file(state, tensors, KEY))
        for path in self.run.path.glob("best-*.safetensors"):
            if digest is None or path.name != best_file(digest):
                with contextlib.suppress(OSError):
                    path.unlink()
        self.last = time.monotonic()

    def _write_members(self) -> None:
        for name, classifier in self.members.items():
            if classifier is not None and name not in self.written:
                content = classifier.to_bytes()
                self.run.write(name, content)
                self.written[name] = hashlib.sha256(content).hexdigest()
            self.members[name] = None


def _network_state(seed: int, classifier: Classifier, state: TrainingState) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the state of a network in training, and its tensors."""
    if state.fetch is not None:
        state.fetch()
    generators = {
        name: layer.rng.bit_generator.state for name, layer in classifier.network.walk() if layer.rng is not None
    }
    tensors = {f"weights/{name}": tensor for name, tensor in classifier.tensors().items()}
    for name, slots in state.optimizer.state.items():
        tensors |= {f"optimizer/{name}/{slot}": value for slot, value in slots.items()}
    return {"network": seed, **state.state_dict(), "generators": generators}, tensors


def restore_best(run: Run, checkpoint: Checkpoint) -> None:
    """Restore the model.safetensors of the checkpoint. DataError if that model is damaged or missing."""
    digest = checkpoint.state["selection"]["digest"]
    if digest is None or _digest_if_readable(run.path / MODEL) == digest:
        return
    kept = run.path / best_file(digest)
    if _digest_if_readable(kept) != digest:
        path = run.path / FILE
        raise DataError(f"{kept}: damaged or missing; remove {path} to begin again from the start")
    run.write(MODEL, kept.read_bytes())


def best_file(digest: str) -> str:
    """Return the file name of the best model at a checkpoint."""
    return f"best-{digest[:16]}.safetensors"


def remove_checkpoint(run: Path) -> None:
    """Remove the checkpoint of a run, and then the files that it names."""
    with contextlib.suppress(OSError):
        for name in FILE, "best-*.safetensors", "member-*.safetensors":
            for path in run.glob(name):
                path.unlink(missing_ok=True)


def _digest_if_readable(path: Path) -> str | None:
    try:
        return file_digest(path)
    except OSError:
        return None
