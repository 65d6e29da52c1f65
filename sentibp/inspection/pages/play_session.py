"""What a network was taught on the page of `play`: the steps, their losses, and the files that keep them.

A session file is JSON with the text, label, optimizer and learning rate of each step, and the fingerprint of the
network before the first one. On the same network, the same steps give the same weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from sentibp.errors import SentibpError
from sentibp.inspection.pages.play_reviews import Labelled, Score
from sentibp.model.classifier import Classifier
from sentibp.nn.optim import OPTIMIZERS

MAX_LEARNING_RATE = 1e300
SESSION_LIMIT = 8_000_000  # bytes of a session file
_KIND, _VERSION = "sentibp play session", 1
_STEPS = 5000  # of a session file
_CHARACTERS = 2_000_000  # of all its texts
_TEXT = 1 << 16  # characters of one text
_POINTS = 300  # of a curve
_NAME = 40  # characters of a file's name


class SessionError(SentibpError):
    """A file is no session, or a session cannot be saved. The message says why."""


class Taught(NamedTuple):
    """What one step was made with. None is what the model's training used."""

    text: str
    label: str
    optimizer: str | None
    learning_rate: float | None


@dataclass
class TaughtLog:
    """All steps since the network was loaded or reset, and a hash of the network before them."""

    fingerprint: str = ""
    steps: list[Taught] = field(default_factory=list)
    characters: int = 0
    is_too_long: bool = False  # so that a page which is open for days keeps no more

    def add(self, taught: Taught) -> None:
        """Add a step."""
        self.characters += len(taught.text)
        self.is_too_long |= len(self.steps) >= _STEPS or self.characters > _CHARACTERS
        if not self.is_too_long:
            self.steps.append(taught)

    def pop(self) -> None:
        """Remove the last step."""
        if not self.is_too_long:
            self.characters -= len(self.steps.pop().text)

    def reviews(self) -> list[Labelled]:
        """Return the different reviews that were taught, in the order in which they first were."""
        return list(dict.fromkeys((step.text, step.label) for step in self.steps))


@dataclass
class Progress:
    """The losses of the steps, and the scores on reviews after them."""

    losses: list[tuple[int, float, float, bool]] = field(default_factory=list)
    """The number of each step, its loss before and after it, and whether Run made it."""
    practice: dict[int, Score] = field(default_factory=dict)  # by the number of steps made
    held_out: dict[int, Score] = field(default_factory=dict)
    position: int = 0  # of the next review of Run

    def go_back_to(self, learned: int) -> None:
        """Forget what is later than this number of steps."""
        self.losses = [each for each in self.losses if each[0] <= learned]
        self.practice = {step: score for step, score in self.practice.items() if step <= learned}
        self.held_out = {step: score for step, score in self.held_out.items() if step <= learned}
        if not learned:
            self.position = 0

    def curve(self, learned: int) -> dict[str, Any]:
        """Return the points for the page: at most some hundred of each kind, the first and the last among them."""
        now = self.held_out.get(learned)
        return {
            "losses": _thinned(self.losses),
            "practice": _thinned([(step, *score) for step, score in sorted(self.practice.items())]),
            "held_out": _thinned([(step, *score) for step, score in sorted(self.held_out.items())]),
            "now": None if now is None else _finite(now),
        }


def _thinned(points: Sequence[Sequence[Any]]) -> list[list[Any]]:
    chosen = range(len(points))
    if len(points) > _POINTS:
        chosen = np.unique(np.linspace(0, len(points) - 1, _POINTS).astype(int)).tolist()
    return [_finite(points[i]) for i in chosen]


def _finite(values: Sequence[Any]) -> list[Any]:
    """Return the values; what is not finite, which JSON lacks, as None."""
    return [value if np.isfinite(value) else None for value in values]


def session_file(name: str, labels: Sequence[str], log: TaughtLog) -> bytes:
    """Return the content of a session file. SessionError if there are no steps, or too many."""
    _require_steps(len(log.steps))
    if log.is_too_long:
        raise SessionError(
            f"the session is too long: it has over {_STEPS:,} steps, or {_CHARACTERS:,} characters; "
            "save the network instead"
        )
    content = {
        "kind": _KIND,
        "version": _VERSION,
        "network": name,
        "fingerprint": log.fingerprint,
        "labels": list(labels),
        "steps": [step._asdict() for step in log.steps],
    }
    return (json.dumps(content, ensure_ascii=True, indent=1) + "\n").encode()


def network_file(name: str, classifier: Classifier, learned: int) -> bytes:
    """Return the taught network as a model file, whose header says that it was taught by hand. Its numbers are float32.

    The scores that the training measured are left out: they are those of another network.
    """
    _require_steps(learned)
    taught = replace(classifier, scores={})
    words = {f"vocabulary.{key}": tensor for key, tensor in classifier.vocabulary.tensors().items()}
    tensors = {key: tensor.astype(np.float32) for key, tensor in classifier.tensors().items()}
    return taught.pack_file(tensors | words, {"taught_by_hand": {"network": name, "steps": learned}})


def _require_steps(learned: int) -> None:
    if not learned:
        raise SessionError("nothing was taught yet; press Learn first")


def file_name(name: str, learned: int, suffix: str) -> str:
    """Return the name of a file that keeps what a network was taught: taught-by-hand-article-3-steps.json."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name).strip("-") or "network"
    return f"taught-by-hand-{plain[:_NAME]}-{learned}-step{'s' * (learned != 1)}{suffix}"


class SavedSession(NamedTuple):
    """The content of a session file, checked."""

    network: str
    fingerprint: str
    steps: list[Taught]


def read_session(content: Any) -> SavedSession:
    """Return the session in a JSON value, which may come from a stranger. SessionError if it is none."""
    if not isinstance(content, Mapping) or content.get("kind") != _KIND:
        raise SessionError("this is no session of sentibp play; choose a file that Save session wrote")
    if content.get("version") != _VERSION:
        raise SessionError("this session was written by a newer version; update sentibp")
    steps, labels = content.get("steps"), content.get("labels")
    network, hashed = content.get("network"), content.get("fingerprint")
    if not isinstance(network, str) or not isinstance(hashed, str) or not isinstance(steps, list):
        raise SessionError("this session is damaged: it names no network, or has no steps")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise SessionError("this session is damaged: its labels are no list of names")
    if not 0 < len(steps) <= _STEPS:
        raise SessionError(f"this session has {len(steps):,} steps; there must be 1 to {_STEPS:,}")
    taught = [_taught(i, step, labels) for i, step in enumerate(steps, 1)]
    if sum(len(step.text) for step in taught) > _CHARACTERS:
        raise SessionError(f"the texts of this session are over {_CHARACTERS:,} characters; save the network instead")
    return SavedSession(network, hashed, taught)


def _taught(number: int, step: Any, labels: Sequence[str]) -> Taught:
    def require(holds: bool, what: str) -> None:
        if not holds:
            raise SessionError(f"this session is damaged: step {number} has {what}")

    require(isinstance(step, Mapping), "no text")
    require(isinstance(step.get("text"), str), "no text")
    require(len(step["text"]) <= _TEXT, f"a text of over {_TEXT:,} characters")
    require(step.get("label") in labels, f"no label of {', '.join(labels)[:80]}")
    optimizer, learning_rate = step.get("optimizer"), step.get("learning_rate")
    require(optimizer in (*OPTIMIZERS, None), "an unknown optimizer")
    require(learning_rate is None or is_learning_rate(learning_rate), "a learning rate that is no number above 0")
    return Taught(step["text"], step["label"], optimizer, learning_rate)


def is_learning_rate(value: Any) -> bool:
    """Return whether a JSON value is a learning rate: a number above 0."""
    return isinstance(value, int | float) and value is not True and 0 < value <= MAX_LEARNING_RATE
