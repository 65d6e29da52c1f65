"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import Resolved
from sentibp.data.dataset import load_data
from sentibp.errors import SentibpError
from sentibp.runs import directory
from sentibp.training import checkpoint, postmortem
from sentibp.training.break_condition import BreakCondition
from sentibp.training.checkpoint import Checkpoint, Checkpoints
from sentibp.training.events import Event, Note, warning
from sentibp.training.failed_step import Diverged, TrainingStopped
from sentibp.training.networks import TrainingContext, train_networks
from sentibp.training.prepare import TrainingData, prepare
from sentibp.training.refit import is_refit, refit_model, with_held_out
from sentibp.training.selection import Keeper


class Outcome(NamedTuple):
    """What a training left behind; `outcome` as in run.json."""

    run: Path
    model: Path
    outcome: str
    scores: dict[str, Any] | None  # of the model; None if it was interrupted before it was scored
    scored_on: str  # "validation", or "training" if there is no validation data
    kept: dict[str, int] | None  # the seed and the epoch that the model is from
    seeds: dict[str, dict[str, float]] | None  # of each score over the seeds: mean, standard deviation, min, max
    digest: str  # SHA-256 of the model file
    refit: dict[str, Any] | None  # the reviews of the last training, if it was done once more on all
    warnings: list[str]  # of gradients that vanish or explode
    seconds: float


def train_model(
    resolved: Resolved,
    out: Path | None = None,
    command: Sequence[str] = (),
    watch: Callable[[Event], None] = lambda event: None,
    stop: BreakCondition | None = None,
) -> Outcome:
    """Train what the settings describe, telling `watch` of every event. Ctrl-C ends it and keeps the best model so far.

    Raises ConfigError, DataError, Diverged, Broken if `stop` holds; and KeyboardInterrupt only before the first step.
    """
    prepared = prepare(resolved, watch)
    run = directory.create_run(prepared.config, resolved.path, out, command=list(command), data=prepared.facts)
    try:
        return run_training(prepared, run, watch, stop=stop)
    finally:
        run.close()


def run_training(
    prepared: TrainingData,
    run: directory.Run,
    watch: Callable[[Event], None],
    saved: Checkpoint | None = None,
    stop: BreakCondition | None = None,
) -> Outcome:
    """The training itself, into a run directory; from where the checkpoint `saved` was written, if there is one."""
    config, training, validation, seconds = prepared.config, prepared.training, prepared.validation, prepared.seconds
    keeper = Keeper(run, config, validation, warning(watch))
    checkpoints = Checkpoints(run, config, saved)
    now = TrainingContext(prepared, keeper, checkpoints, watch, stop)
    first = config.train.seed
    classifier = refit = None
    try:
        (run.path / directory.VALIDATED).unlink(
            missing_ok=True
        )  # a training that was broken off at its end may leave it
        if saved is not None:
            checkpoint.restore_best(run, saved)
            keeper.go_on(saved.state["best"])
            first = saved.state["seed"]
        for seed in range(first, config.train.seed + config.train.seeds) if not checkpoints.refit else ():
            for network in train_networks(now, seed):
                classifier = network  # an interrupt leaves it
            assert classifier is not None
            keeper.end_of_seed(seed, classifier, training)
        if is_refit(prepared):
            prepared = with_held_out(prepared)
            refit = refit_model(now._replace(prepared=prepared), keeper)
        outcome = "finished"
    except KeyboardInterrupt:
        outcome = "interrupted"
        if classifier is None and not checkpoints.refit:
            run.finish(outcome)
            raise
        if keeper.digest is None and classifier is not None:
            keeper.save(classifier)
    except TrainingStopped as error:
        raise _stopped(error, run, prepared, keeper) from None
    except BaseException:
        run.fail()
        raise
    if refit is None:
        keeper.notes.save(run.path)
    assert keeper.digest is not None
    result = Outcome(
        run.path,
        run.path / directory.MODEL,
        outcome,
        keeper.scores,
        "training" if validation is None else "validation",
        keeper.kept,
        keeper.spread() if config.train.seeds > 1 else None,
        keeper.digest,
        refit,
        keeper.warnings,
        round(seconds + checkpoints.total_seconds, 3),
    )
    note = run.finish(**{name: value for name, value in result._asdict().items() if name not in ("run", "model")})
    if note is not None:
        watch(Note(note))
    if outcome == "finished":
        checkpoint.remove_checkpoint(run.path)
    return result


def _stopped(error: TrainingStopped, run: directory.Run, prepared: TrainingData, keeper: Keeper) -> TrainingStopped:
    """End a run that diverged, or was to stop here: with what it takes to look closer, and the error to raise."""
    outcome = "diverged" if isinstance(error, Diverged) else "stopped"
    lines, moment, found = list(error.lines), error.moment, {}
    if outcome == "diverged":
        checkpoint.remove_checkpoint(run.path)  # from there it would come to the same end
    if moment is not None:
        found = postmortem.facts(moment)
        folder = run.path / postmortem.FOLDER
        try:
            corpus = load_data(prepared.config)[0]  # its text was let go of, once it was encoded
        except (SentibpError, OSError):
            corpus = None
        lines += postmortem.lines(moment, corpus)
        try:
            postmortem.save(folder, str(error), moment, prepared.training, corpus)
            found["postmortem"] = str(folder)
            lines.append(f"to look closer: {folder}")
        except OSError as problem:
            lines.append(f"{folder}: {problem.strerror}; nothing is kept there")
    keeper.notes.save(run.path)
    kept = keeper.digest is not None
    lines.append(f"the best model so far is kept: {run.path / directory.MODEL}" if kept else "no epoch was finished")
    run.finish(outcome, error=str(error), **found, scores=keeper.scores, kept=keeper.kept, digest=keeper.digest)
    stopped = type(error)(*lines)
    model_path = str(run.path / directory.MODEL) if kept else None
    stopped.facts = {
        "run": str(run.path),
        "model": model_path,
        **{key: run.facts.get(key) for key in ("outcome", "error", *found, "scores", "kept", "digest")},
    }
    return stopped
