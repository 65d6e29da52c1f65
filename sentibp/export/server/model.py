"""The model that the server answers with: a classifier, the digest of its file, and what `GET /model` tells of it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.data.pieces import nth_text
from sentibp.errors import ConfigError, DataError
from sentibp.inspection.explain import explain
from sentibp.model import file
from sentibp.model.classifier import Classifier, NoAnswer
from sentibp.model.decision import POWERS, Decision, parse_decision
from sentibp.model.prediction import answers
from sentibp.utils.arrow import strings
from sentibp.utils.files import open_regular
from sentibp.utils.hashing import file_digest

_TRIES = 3  # to read a file that another program exchanges at the same moment
_TEXTS, _CHARACTERS = 64, 100_000  # of a piece; between pieces an answer that nobody waits for is given up


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class ServedModel(NamedTuple):
    """A model with what the server tells of it. Requests share it; nothing changes it."""

    classifier: Classifier
    decision: Decision  # how its label is chosen
    digest: str  # SHA-256 of the file
    format: int  # of the file
    version: str  # of sentibp that wrote it
    has_matrix: bool = False  # whether the costs were given for its classes, one by one

    def other_classes(self, before: ServedModel) -> str:
        """Return its classes, for a message, if they are not those of the model before; else ""."""
        classes = self.classifier.spec.label_set
        if classes == before.classifier.spec.label_set:
            return ""
        return f"other classes: {', '.join(classes.names)}{'' if classes.ordered else ' (without an order)'}"

    def require_costs_of(self, before: ServedModel) -> None:
        """Raise ConfigError if costs were given for the classes of the model before, and this one has others."""
        if self.has_matrix and (other := self.other_classes(before)):
            raise ConfigError(f"--cost: the new model has {other}; start the server again, with costs for them")

    def card(self) -> dict[str, Any]:
        """Return what `GET /model` answers."""
        spec, scores, decision = self.classifier.spec, self.classifier.scores, self.decision
        threshold = None
        if decision.threshold is not None:
            threshold = {"label": spec.labels[decision.threshold[0]], "least": decision.threshold[1]}
        return {
            "labels": list(spec.labels),
            "ordered": spec.ordered,
            "threshold": threshold,
            "cost": None if decision.cost is None else decision.cost.tolist(),
            "digest": self.digest,
            "format": self.format,
            "version": self.version,
            "features": len(self.classifier.vocabulary),
            "text": {
                "lowercase": spec.lowercase,
                "folding": spec.folding,
                "classes": list(spec.classes),
                "presence": spec.presence,
            },
            "scores": _finite(scores),
        }

    def answer(self, texts: Sequence[str], explained: bool, stop: threading.Event) -> list[str]:
        """Return a JSON object for each text, as `sentibp predict --format jsonl` writes it.

        Raises Stopped if `stop` is set meanwhile, and DataError if the model has no answer.
        """
        lines: list[str] = []
        for piece in _pieces(texts):
            try:
                prediction = self.classifier.predict(strings(piece))
            except NoAnswer as error:
                raise NoAnswer(error.row, nth_text(len(lines) + error.row)) from None
            records = answers(prediction, self.decision)
            for text, record in zip(piece, records, strict=True):
                if stop.is_set():
                    raise Stopped
                whole = record | explain(self.classifier, text).to_dict() | record if explained else record
                lines.append(_json(whole))
        return lines


def load_served_model(path: Path, threshold: str | None = None, cost: str | None = None) -> ServedModel:
    """Read a model file. `threshold` and `cost` choose the label: see `parse_decision`.

    Raises DataError if the file is damaged, or changes all the time, and ConfigError if the model does not have the
    classes that the options name.
    """
    for _ in range(_TRIES):
        with open_regular(path) as opened:
            content = opened.read()
        digest = hashlib.sha256(content).hexdigest()
        classifier = file.load_model(path)
        if file_digest(path) != digest:
            continue
        header = _header(content)
        decision = parse_decision(classifier.spec.label_set, threshold, cost)
        has_matrix = cost is not None and cost not in POWERS
        return ServedModel(classifier, decision, digest, header["format"], str(header["version"]), has_matrix)
    raise DataError(f"{path}: has changed while it was read; try again when no other program writes to it")


def _header(content: bytes) -> dict[str, Any]:
    """Return the header of sentibp in a file that has been loaded, so that its form is right."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["sentibp"])


def _pieces(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in pieces of a few texts and not too many characters. One text alone may be longer."""
    piece: list[str] = []
    characters = 0
    for text in texts:
        if piece and (len(piece) == _TEXTS or characters + len(text) > _CHARACTERS):
            yield piece
            piece, characters = [], 0
        piece.append(text)
        characters += len(text)
    if piece:
        yield piece


def _json(record: dict[str, Any]) -> str:
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise DataError("the model's numbers are too large: a contribution is not finite; train again") from None


def _finite(value: Any) -> Any:
    """Return a value of a file as JSON can hold it: null for a number that is not finite."""
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and value - value != 0 else value
