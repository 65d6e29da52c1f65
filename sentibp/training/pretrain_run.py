"""A pretraining, from settings to a file of vectors in a run directory."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple

from sentibp.config.load import Resolved
from sentibp.config.paths import with_names_only
from sentibp.errors import ConfigError
from sentibp.model.word_vectors import Vectors, vectors_to_bytes
from sentibp.runs.directory import VECTORS, create_run
from sentibp.training.events import Event, Note, Round
from sentibp.training.networks import learn_vectors
from sentibp.training.prepare import prepare
from sentibp.training.session import Session
from sentibp.utils.messages import counted


class PretrainingOutcome(NamedTuple):
    """How a pretraining ended; `outcome` as in run.json."""

    run: Path
    vectors: Path | None  # None if it was interrupted
    outcome: str
    features: int  # that have a vector
    dim: int  # the length of a vector
    explained_variance: float | None  # after the last round
    digest: str | None  # SHA-256 of the file of vectors
    seconds: float


class Pretraining(Session):
    """A pretraining in a run directory. Iterate over its events, then `finish` it."""

    vectors: Vectors | None = None
    explained_variance: float | None = None
    digest: str | None = None

    def events(self) -> Generator[Event, None, None]:
        """Learn the vectors, and write them. Raises DataError."""
        data = self.context.data
        yield Note(f"{self.run.path}: seed {data.config.train.seed}; {counted(len(data.vocabulary), 'feature')}")
        learning = learn_vectors(self.context, data.config.train.seed)
        while True:
            try:
                event = next(learning)
            except StopIteration as end:
                self.vectors = end.value
                break
            if isinstance(event, Round):
                self.explained_variance = event.explained_variance
            yield event
        assert self.vectors is not None
        settings = with_names_only(data.config).model_dump(mode="json", exclude={"train": {"checkpoint"}})
        content = vectors_to_bytes(self.vectors, data.vocabulary, settings)
        self.run.write(VECTORS, content)
        self.digest = hashlib.sha256(content).hexdigest()

    def finish(self) -> PretrainingOutcome:
        """Return how the pretraining ended, and write it into run.json. Not complete, it was interrupted."""
        if not self.is_complete:
            self.interrupt()
        vectors = self.vectors
        result = PretrainingOutcome(
            run=self.run.path,
            vectors=None if self.digest is None else self.run.path / VECTORS,
            outcome="finished" if self.is_complete else "interrupted",
            features=0 if vectors is None else len(vectors.half),
            dim=0 if vectors is None else vectors.half.shape[1],
            explained_variance=self.explained_variance,
            digest=self.digest,
            seconds=round(self.context.data.seconds + self.context.checkpoints.total_seconds, 3),
        )
        facts = {name: value for name, value in result._asdict().items() if name not in ("run", "vectors", "outcome")}
        self.end(result.outcome, facts)
        return result


def pretrain(resolved: Resolved, out: Path | None = None, command: Sequence[str] = ()) -> Pretraining:
    """Prepare a pretraining in a new run directory: `out`, or one under runs/. Raises ConfigError, DataError.

    It learns the vectors that `train` would learn first.
    """
    settings = resolved.config.pretrain
    if settings.vectors == "none":
        raise _contradiction(resolved, "vectors", "none: no vectors to learn; choose words (short texts) or reviews")
    if settings.vectors == "builtin":
        raise _contradiction(resolved, "vectors", "builtin: these come with sentibp; choose words or reviews")
    if settings.vectors_from is not None:
        raise _contradiction(resolved, "vectors_from", "these vectors are learned already; remove it to learn others")
    data = prepare(resolved)
    run = create_run(data.config, resolved.path, out, command=list(command), kind="pretraining", data=data.facts)
    return Pretraining(data, run)


def _contradiction(resolved: Resolved, key: str, message: str) -> ConfigError:
    """Return the error for a setting with which there is nothing to pretrain."""
    origin = resolved.origins[f"pretrain.{key}"]
    place = origin if ":" in origin else resolved.path.name  # not "default" or "--set"
    return ConfigError(f"{place}: pretrain.{key}: {message}")
