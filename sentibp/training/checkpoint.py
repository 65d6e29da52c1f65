"""Checkpoints: what a training keeps so that, broken off at any moment, it can go on and end with the same bytes.

    checkpoint.safetensors   weights, optimizer, random generators, position, and what is known of the best epoch;
                             while vectors are learned, the state after the last round
    best-*.safetensors       the model of the best epoch, as it was at the checkpoint: another name of model.safetensors
    member-*.safetensors     the networks of an ensemble that are finished

The first is moved into place whole; the others are written before it, and it names them by their digests. So at any
moment there is one checkpoint, and all that it names is there. At the end all of them are removed.
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
from sentibp.model import file as model_file
from sentibp.model.classifier import Classifier
from sentibp.nn.layers import Array
from sentibp.runs.directory import MODEL, Run
from sentibp.training.loop import TrainingState
from sentibp.utils import tensor_file

FILE = "checkpoint.safetensors"
FORMAT = 2
KEY = "checkpoint"  # of the metadata: no model, though it has the same form


class Checkpoint(NamedTuple):
    """What a checkpoint file holds."""

    config: Config  # that it was trained with
    state: dict[str, Any]
    tensors: dict[str, Array]


def load_checkpoint(run: Path) -> Checkpoint | None:
    """The checkpoint of a run; None if there is none yet. DataError if it is damaged, or what it names is."""
    path = run / FILE
    if not path.exists():
        return None
    repair = "remove it to begin this training again from its start"
    try:
        state, tensors = tensor_file.read_tensor_file(path, KEY, kind="checkpoint", give=repair, repair=repair)
        if state["format"] != FORMAT:
            raise DataError(f"{path}: written by another version of sentibp; go on with that one, or {repair}")
        tensor_file.verify_checksum(state, tensors)
        config = Config.model_validate(state["config"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: damaged: {' '.join(str(error).split())[:200]}; {repair}") from None
    for name, digest in state["members"].items():
        if _file_digest(run / name) != digest:
            raise DataError(f"{run / name}: damaged or missing; remove {path} to begin again from the start")
    return Checkpoint(config, state, tensors)


class Checkpoints:
    """Writes the checkpoint of a run when it is due, and brings a training back to where one was written."""

    def __init__(self, run: Run, config: Config, saved: Checkpoint | None = None):
        self.run = run
        self.config = config
        self.saved = saved
        self.seed: int | None = None  # whose networks `members` are
        self.members: dict[str, Classifier | None] = {}  # by file; None if it is kept already
        self.kept: dict[str, str] = {} if saved is None else dict(saved.state["members"])  # file -> digest
        self.refit = saved is not None and saved.state["refit"]  # whether the model is trained once more
        self.seconds = 0.0 if saved is None else saved.state["seconds"]  # of the trainings before this one
        self.began = self.last = time.monotonic()
        self.steps = 0  # since the last one

    @property
    def total_seconds(self) -> float:
        """How long the training has taken, before it was broken off and since."""
        return self.seconds + time.monotonic() - self.began

    def begin_refit(self) -> None:
        """The model is chosen. Its networks are trained once more, under other names: a checkpoint from before names
        the first ones."""
        if not self.refit:
            self.seed, self.members, self.kept, self.refit = None, {}, {}, True

    def _file(self, name: str) -> str:
        return f"member-{'refit-' if self.refit else ''}{name}.safetensors"

    def member(self, name: str) -> Classifier | None:
        """A finished network of an ensemble, if it is kept."""
        file = self._file(name)
        return model_file.load_model(self.run.path / file) if file in self.kept else None

    def finished(self, seed: int, name: str, classifier: Classifier) -> None:
        """A network of the ensemble of this seed is finished; it is kept with the next checkpoint."""
        if seed != self.seed:
            self.seed, self.members = seed, {}
        self.members[self._file(name)] = classifier

    def go_on(self, chance: int, classifier: Classifier, position: TrainingState) -> bool:
        """Bring a network and its position to where the checkpoint was written, if it was in this network's training.

        `chance` is its random start, by which networks are told apart.
        """
        if self.saved is None or self.saved.state["chance"] != chance:
            return False
        (_, state, tensors), self.saved = self.saved, None
        for name, tensor in classifier.tensors().items():
            kept = tensors.get(f"weights/{name}")
            if kept is None or kept.shape != tensor.shape:
                path = self.run.path / FILE
                raise DataError(f"{path}: {name} is not of this network; remove it to begin again from the start")
            tensor[...] = kept
        for key, tensor in tensors.items():
            if key.startswith("optimizer/"):
                _, name, slot = key.split("/")
                position.optimizer.state.setdefault(name, {})[slot] = tensor.copy()
        for name in position.schedule.remembers:
            setattr(position.schedule, name, state["schedule"][name])
        for name, layer in classifier.network.walk():
            if layer.rng is not None:
                layer.rng.bit_generator.state = state["generators"][name]
        position.shuffle.bit_generator.state = state["shuffle"]
        position.epoch, position.step, position.loss = state["epoch"], state["step"], state["loss"]
        return True

    def stepped(
        self, seed: int, chance: int, classifier: Classifier, position: TrainingState, best: Mapping[str, Any]
    ) -> None:
        """After a step: write a checkpoint if it is due. `best` is what is known of the best epochs."""
        if not self._due():
            return
        state = {
            "chance": chance,
            "epoch": position.epoch,
            "step": position.step,
            "loss": position.loss,
            "shuffle": position.shuffle.bit_generator.state,
            "generators": {
                name: layer.rng.bit_generator.state
                for name, layer in classifier.network.walk()
                if layer.rng is not None
            },
            "schedule": {name: getattr(position.schedule, name) for name in position.schedule.remembers},
        }
        tensors = {f"weights/{name}": tensor for name, tensor in classifier.tensors().items()}
        for name, slots in position.optimizer.state.items():
            tensors |= {f"optimizer/{name}/{slot}": value for slot, value in slots.items()}
        self._write(seed, state, tensors, best)

    def rounds(self, seed: int) -> tuple[int, Mapping[str, Array]]:
        """How many rounds of this seed's pretraining are kept, and the state after them."""
        if self.saved is None or self.saved.state["seed"] != seed or "round" not in self.saved.state:
            return 0, {}
        (_, state, tensors), self.saved = self.saved, None
        return state["round"], tensors

    def turned(self, seed: int, number: int, tensors: Mapping[str, Array], best: Mapping[str, Any]) -> None:
        """After a round of pretraining: write a checkpoint if it is due."""
        if self._due():
            self._write(seed, {"chance": None, "step": 0, "round": number}, tensors, best)

    def _due(self) -> bool:
        """After a step or a round: whether the time has come."""
        settings = self.config.train.checkpoint
        self.steps += 1
        late = settings.every_seconds is not None and time.monotonic() - self.last >= settings.every_seconds
        due = late or (settings.every_steps is not None and self.steps >= settings.every_steps)
        self.steps = 0 if due else self.steps
        return due

    def _write(
        self, seed: int, position: Mapping[str, Any], tensors: Mapping[str, Array], best: Mapping[str, Any]
    ) -> None:
        self._keep_members(seed)
        digest = best["digest"]
        if digest is not None:
            self._keep_best(best_file(digest))
        self.run.sync()
        state = {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json"),
            "seed": seed,
            "refit": self.refit,
            **position,
            "best": dict(best),
            "members": self.kept,
            "metrics": self.run.length,
            "seconds": self.total_seconds,
        }
        self.run.write(FILE, tensor_file.pack_tensor_file(state, tensors, KEY))
        for path in self.run.path.glob("best-*.safetensors"):
            if digest is None or path.name != best_file(digest):
                with contextlib.suppress(OSError):
                    path.unlink()
        self.last = time.monotonic()

    def _keep_members(self, seed: int) -> None:
        if seed != self.seed:
            self.seed, self.members = seed, {}
        for name, classifier in self.members.items():
            if classifier is not None and name not in self.kept:
                content = classifier.to_bytes()
                self.run.write(name, content)
                self.kept[name] = hashlib.sha256(content).hexdigest()
            self.members[name] = None

    def _keep_best(self, name: str) -> None:
        """Give model.safetensors another name, which stays when the next best model is moved to its place."""
        if not (self.run.path / name).exists():
            self.run.copy(MODEL, name)


def restore_best(run: Run, saved: Checkpoint) -> None:
    """Bring model.safetensors back to what it was at the checkpoint. DataError if that model is lost."""
    digest = saved.state["best"]["digest"]
    if digest is None or _file_digest(run.path / MODEL) == digest:
        return
    kept = run.path / best_file(digest)
    if _file_digest(kept) != digest:
        path = run.path / FILE
        raise DataError(f"{kept}: damaged or missing; remove {path} to begin again from the start")
    run.write(MODEL, kept.read_bytes())


def best_file(digest: str) -> str:
    """The name of the best model at a checkpoint."""
    return f"best-{digest[:16]}.safetensors"


def remove_checkpoint(run: Path) -> None:
    """Remove the checkpoint of a run and what belongs to it, the checkpoint first: it names the others."""
    with contextlib.suppress(OSError):
        for name in FILE, "best-*.safetensors", "member-*.safetensors":
            for path in run.glob(name):
                path.unlink(missing_ok=True)


def _file_digest(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
