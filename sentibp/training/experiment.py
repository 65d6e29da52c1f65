"""A training, from settings to a model in a run directory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.load import Resolved
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_data
from sentibp.data.folding import Spelling
from sentibp.data.in_memory import InMemory
from sentibp.data.vocabulary_shards import SAME_COMMAND, workers_beside
from sentibp.errors import DataError, SentibpError
from sentibp.model.fold import fold_classifiers
from sentibp.model.initial import fill_from_vectors
from sentibp.runs.directory import MODEL, ROOT, VALIDATED, create_run
from sentibp.runs.review_hashes import save_review_hashes
from sentibp.runs.saved_model import is_average
from sentibp.training import postmortem
from sentibp.training.break_condition import BreakCondition
from sentibp.training.checkpoint import remove_checkpoint, restore_best
from sentibp.training.diverged import Diverged, TrainingStopped
from sentibp.training.events import Event
from sentibp.training.networks import new_network, train_seed
from sentibp.training.postmortem import FailedStep
from sentibp.training.prepare import TrainingData, prepare
from sentibp.training.refit import is_refit, refit
from sentibp.training.session import Session
from sentibp.utils.executor import Executor
from sentibp.utils.messages import counted
from sentibp.utils.paths import expand_home, shown

_SHOWN = 4  # words in a note


class Outcome(NamedTuple):
    """How a training ended; `outcome` as in run.json."""

    run: Path
    model: Path | None  # None if it was interrupted before there was one
    outcome: str
    scores: dict[str, Any] | None  # of the model; None if it was interrupted before it was scored
    scored_on: str  # "validation", or "training" if there is no validation data
    kept: dict[str, int] | None  # the seed and the epoch that the model is from
    seeds: dict[str, dict[str, float]] | None  # of each score over the seeds: mean, standard deviation, min, max
    digest: str | None  # SHA-256 of the model file
    features: int | None  # of the model in this file
    parameters: int | None
    refit: dict[str, Any] | None  # the data of the final training on all reviews, if there was one
    notes: list[str]  # what the user should know about the data, such as rows that were left out
    warnings: list[str]  # of gradients that vanish or explode
    seconds: float


class Training(Session):
    """A training in a run directory. Iterate over its events, then `finish` it."""

    refit: dict[str, Any] | None = None
    with_refit = True
    """Whether to do the final training, if the settings ask for it. A trial of a sweep does without."""

    def events(self) -> Generator[Event, None, None]:
        """Train each seed, then all data if the settings ask for it. Raises Diverged, BreakConditionMet, DataError."""
        context, settings = self.context, self.context.data.config.train
        save_review_hashes(self.run, context.data.hashes)
        (self.run.path / VALIDATED).unlink(missing_ok=True)  # left by a training that was interrupted at its very end
        first = settings.seed
        if self.checkpoint is not None:
            restore_best(self.run, self.checkpoint)
            context.selection.load_state_dict(self.checkpoint.state["selection"])
            context.log.load_state_dict(self.checkpoint.state["log"])
            first = self.checkpoint.state["seed"]
        if not context.checkpoints.refit:
            context.checkpoints.restore_influence_log(context.selection.influence_log)
        for seed in range(first, settings.seed + settings.seeds) if not context.checkpoints.refit else ():
            classifier = yield from train_seed(context, seed)
            context.selection.seed_ended(seed, classifier, context.data.training)
        if self.with_refit and is_refit(context.data):
            self.refit = yield from refit(context)

    def finish(self) -> Outcome:
        """Return how the training ended, and write it into run.json. Not complete, it was interrupted."""
        context, selection = self.context, self.context.selection
        if not self.is_complete:
            self.interrupt()
            if selection.digest is None and context.members:
                self._keep_finished_networks()
            elif selection.digest is None and context.classifier is not None:
                selection.save(context.classifier)
        if self.refit is None:
            selection.influence_log.save(self.run.path)
        settings = context.data.config.train
        result = Outcome(
            run=self.run.path,
            model=None if selection.digest is None else self.run.path / MODEL,
            outcome="finished" if self.is_complete else "interrupted",
            scores=selection.scores,
            scored_on="training" if context.data.validation is None else "validation",
            kept=selection.kept,
            seeds=selection.spread() if settings.seeds > 1 and selection.seed_scores else None,
            digest=selection.digest,
            features=(selection.size or {}).get("features"),
            parameters=(selection.size or {}).get("parameters"),
            refit=self.refit,
            notes=list(self.context.data.notes),
            warnings=context.log.warnings,
            seconds=self.seconds(),
        )
        facts = {name: value for name, value in result._asdict().items() if name not in ("run", "model", "outcome")}
        self.end(result.outcome, facts)
        return result

    def _kept(self) -> str:
        """Save the finished networks of an ensemble if there is no model yet, and return what is kept, in words."""
        context, model = self.context, self.run.path / MODEL
        if context.selection.digest is not None:
            return f"the best model so far is kept: {model}"
        if not is_average(context.data.config):
            return "no epoch was finished"
        if not context.members:
            return "no network was finished"
        self._keep_finished_networks()
        return f"what is finished is kept: {counted(len(context.members), 'network')}, {model}"

    def _keep_finished_networks(self) -> None:
        """Save and score the average of the finished networks of an ensemble."""
        context, members = self.context, self.context.members
        average = fold_classifiers([(member, 1 / len(members)) for member in members])
        context.selection.interrupted(context.checkpoints.seed, average, len(members))

    def seconds(self) -> float:
        """Return how long it took, with the data, without the pauses of a training that was resumed."""
        return round(self.context.data.seconds + self.context.checkpoints.total_seconds, 3)

    def stopped(self, error: TrainingStopped) -> SentibpError:
        """End a run that stopped in a step: write what a closer look needs, and return the error to raise."""
        outcome = "diverged" if isinstance(error, Diverged) else "stopped"
        lines, failed, facts = list(error.lines), error.failed_step, {}
        selection = self.context.selection
        if outcome == "diverged":
            remove_checkpoint(self.run.path)  # from there it would diverge again
        else:
            with suppress(DataError):  # the run says so itself, if it cannot be written either
                self._write_checkpoint()
        if failed is not None:
            facts = postmortem.facts(failed)
            folder, corpus = self.run.path / postmortem.FOLDER, _training_reviews(failed, self.context.data.given)
            lines += postmortem.failed_step_lines(failed, corpus)
            try:
                postmortem.save(folder, str(error), failed, corpus)
                facts["postmortem"] = str(folder)
                lines.append(f"to look closer: {folder}")
            except OSError as problem:
                lines.append(f"{folder}: {problem.strerror}; nothing is kept there")
        selection.influence_log.save(self.run.path)
        lines.append(self._kept())
        model = None if selection.digest is None else str(self.run.path / MODEL)
        ended: dict[str, Any] = {"scores": selection.scores, "kept": selection.kept, "digest": selection.digest}
        ended["seconds"] = self.seconds()
        self.end(outcome, {"error": str(error), **facts, **ended})
        stopped = type(error)(*lines)
        keys = ("outcome", "error", *facts, *ended)
        stopped.facts = {
            "run": str(self.run.path),
            "model": model,
            **{key: self.run.facts.get(key) for key in keys},
            "notes": list(self.context.data.notes),
        }
        return stopped


def _training_reviews(failed: FailedStep, given: InMemory | None) -> Corpus | None:
    """Read the training reviews again: their text was released when they were encoded. None if they have changed.

    Those of the final training are all reviews, as its settings say.
    """
    try:
        corpus = load_data(failed.config, places=True)[0] if given is None else given.load(failed.config)[0]
    except (SentibpError, OSError):
        return None
    return corpus if np.array_equal(corpus.label, failed.training.label) else None  # type: ignore[arg-type]


def require_start(data: TrainingData) -> TrainingData:
    """Return the data, with a note on how many words have vectors, if the settings name a file of these.

    Raise ConfigError or DataError if a network cannot start from the model or the vectors that the settings name. A
    training asks before it makes its run directory, so that the corrected command can have the same one.
    """
    embedding, words = data.config.model.embedding, data.vocabulary.words
    if data.origin is not None:
        new_network(data, data.config.train.seed)
    if embedding.vectors is None:
        return data
    rows, path = np.zeros((len(data.vocabulary), embedding.dim), np.float32), shown(embedding.vectors)
    known, repeated = fill_from_vectors(rows, data.vocabulary, path, Spelling.of(data.config.text))
    notes = [f"{path}: has vectors of {known:,} of the {counted(len(words), 'word')} here"]
    if repeated:
        shown_words = ", ".join(map(repr, repeated[:_SHOWN])) + ", ..." * (len(repeated) > _SHOWN)
        several = f"{counted(len(repeated), 'word')} several times with other numbers, and the last count"
        notes.append(f"{path}: has {several}: {shown_words}")
    return data._replace(notes=(*data.notes, *notes))


def train(
    resolved: Resolved,
    out: Path | None = None,
    command: Sequence[str] = (),
    condition: BreakCondition | None = None,
    executor: Executor | None = None,
) -> Training:
    """Prepare a training in a new run directory: `out`, or one under runs/. Raises ConfigError, DataError.

    The work on shards (train.shards) is done by the `executor`; None: in this process.
    """
    beside = ROOT if out is None else expand_home(out).parent
    with workers_beside(beside, executor, resolved.config.train.shards, SAME_COMMAND) as workers:
        data = prepare(resolved, workers)
    data = require_start(data)
    run = create_run(data.config, resolved.path, out, command=list(command), **data.run_facts)
    return Training(data, run, condition=condition, executor=executor)


def train_model(resolved: Resolved, out: Path | None = None) -> Outcome:
    """Train what the settings describe. Ctrl-C ends the training, and keeps the best model so far.

    Raises ConfigError, DataError, Diverged.
    """
    with train(resolved, out) as training:
        with suppress(KeyboardInterrupt):
            for _ in training:
                pass
        return training.finish()
