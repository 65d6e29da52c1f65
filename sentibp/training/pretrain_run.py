"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sentibp.config.load import Resolved
from sentibp.errors import ConfigError
from sentibp.model import word_vectors
from sentibp.runs import directory
from sentibp.training import checkpoint
from sentibp.training.checkpoint import Checkpoint, Checkpoints
from sentibp.training.events import Event, Note, warning
from sentibp.training.networks import TrainingContext, pretrained_vectors
from sentibp.training.prepare import TrainingData, prepare
from sentibp.training.selection import Keeper
from sentibp.training.truncated_svd import Round


class Pretrained(NamedTuple):
    """What a pretraining left behind; `outcome` as in run.json."""

    run: Path
    vectors: Path | None  # None if it was interrupted before they were there
    outcome: str
    features: int  # that have a vector
    dim: int  # the length of a vector
    restored: float | None  # the share of the matrix' squared length, as the last round had it
    digest: str | None  # SHA-256 of the file of vectors
    seconds: float


def pretrain_vectors(
    resolved: Resolved,
    out: Path | None = None,
    command: Sequence[str] = (),
    watch: Callable[[Event], None] = lambda event: None,
) -> Pretrained:
    """Learn the vectors that `train` would learn first, and keep them. Ctrl-C ends it; it can be resumed.

    Raises ConfigError, DataError; and KeyboardInterrupt only while the data are read.
    """
    settings = resolved.config.pretrain
    if settings.vectors == "none":
        raise _not_so(resolved, "vectors", "none: there is nothing to learn; choose words (short texts) or reviews")
    if settings.vectors_from is not None:
        raise _not_so(resolved, "vectors_from", "these vectors are learned already; remove it to learn others")
    prepared = prepare(resolved, watch)
    run = directory.create_run(
        prepared.config, resolved.path, out, command=list(command), kind="pretraining", data=prepared.facts
    )
    try:
        return run_pretraining(prepared, run, watch)
    finally:
        run.close()


def _not_so(resolved: Resolved, key: str, message: str) -> ConfigError:
    """A setting of pretrain with which nothing can be pretrained."""
    origin = resolved.origins[f"pretrain.{key}"]
    place = origin if ":" in origin else resolved.path.name  # not "default" or "--set"
    return ConfigError(f"{place}: pretrain.{key}: {message}")


def run_pretraining(
    prepared: TrainingData, run: directory.Run, watch: Callable[[Event], None], saved: Checkpoint | None = None
) -> Pretrained:
    """The pretraining itself, into a run directory; from the round after which the checkpoint `saved` was written."""
    config = prepared.config
    checkpoints = Checkpoints(run, config, saved)
    keeper = Keeper(run, config, None, warning(watch))
    found = path = digest = restored = None
    watch(Note(f"{run.path}: seed {config.train.seed}; {len(prepared.vocabulary):,} features"))

    def seen(event: Event) -> None:
        nonlocal restored
        restored = event.restored if isinstance(event, Round) else restored
        watch(event)

    try:
        now = TrainingContext(prepared, keeper, checkpoints, seen, None)
        found = pretrained_vectors(now, config.train.seed)
        plain = config.model_dump(mode="json", exclude={"train": {"checkpoint"}})  # it changes no vector
        content = word_vectors.vectors_to_bytes(found, prepared.vocabulary, plain)
        run.write(directory.VECTORS, content)
        path, digest, outcome = run.path / directory.VECTORS, hashlib.sha256(content).hexdigest(), "finished"
    except KeyboardInterrupt:
        outcome = "interrupted"
    except BaseException:
        run.fail()
        raise
    result = Pretrained(
        run.path,
        path,
        outcome,
        0 if found is None else len(found.half),
        0 if found is None else found.half.shape[1],
        restored,
        digest,
        round(prepared.seconds + checkpoints.total_seconds, 3),
    )
    note = run.finish(**{name: value for name, value in result._asdict().items() if name not in ("run", "vectors")})
    if note is not None:
        watch(Note(note))
    if outcome == "finished":
        checkpoint.remove_checkpoint(run.path)
    return result
