"""One trial of a sweep: a training with the settings to try, stopped early if it is hopeless.

`run_trial` is a function of its arguments alone, and returns a small record: it gives the same wherever it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp import metrics
from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_folds
from sentibp.errors import DataError, SentibpError
from sentibp.runs.directory import create_run
from sentibp.training.diverged import Diverged
from sentibp.training.events import Epoch, Event, NetworkStarted
from sentibp.training.experiment import Outcome, Training
from sentibp.training.inputs import Inputs, fingerprints, load_inputs
from sentibp.training.prepare import TrainingData, prepare_inputs
from sentibp.utils.executor import worker_name
from sentibp.utils.files import WriteError
from sentibp.utils.messages import with_repair

FINISHED, PRUNED, DIVERGED, REFUSED, FAILED = "finished", "pruned", "diverged", "refused", "failed"
STATES = (FINISHED, PRUNED, DIVERGED, REFUSED, FAILED)
"""How a trial ends. refused: its settings do not fit together; failed: an error, or its process was killed."""

_RIVALS = 5  # finished trials, before one can be hopeless
_HOPELESS = 0.25  # the share of the finished trials that a hopeless one is behind, when they were as far

Curve = list[tuple[int, float, float]]  # after each epoch: the fold, the share of its training, the best score so far


class TrialTask(NamedTuple):
    """All that a trial needs."""

    number: int
    config: dict[str, Any]  # as Config.model_validate takes it, with absolute paths
    folder: str  # to be made: the run directory, or with folds, the folder of their run directories
    metric: str
    folds: int = 0  # 0: the config's own validation data
    rivals: tuple[Curve, ...] = ()  # of the trials that finished before; () prunes nothing

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TrialTask:
        """Return the task whose fields were written as JSON."""
        return cls(**{**content, "rivals": tuple(map(_curve, content["rivals"]))})


class TrialRecord(NamedTuple):
    """What became of a trial."""

    number: int
    state: str
    value: float | None = None  # of the metric; with folds, their mean
    spread: float | None = None  # the standard deviation over the folds
    folds: list[float] | None = None  # the value of each
    scores: dict[str, float] | None = None  # all scores; with folds, their means
    curve: Curve = []  # noqa: RUF012  # never changed
    seconds: float = 0.0
    model_bytes: int | None = None
    features: int | None = None
    parameters: int | None = None
    epoch: int | None = None  # that was best
    digest: str | None = None  # SHA-256 of the model file
    inputs: dict[str, str] | None = None  # the fingerprint of each, by what it is; with folds, of the first one
    message: str | None = None  # why it did not finish
    same_as: int | None = None  # the trial that had the same settings, and whose result this is

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TrialRecord:
        """Return the record whose fields were written as JSON."""
        known = {name: value for name, value in content.items() if name != "data"}  # as earlier versions called inputs
        return cls(**{**known, "curve": _curve(content["curve"])})


def _curve(points: Sequence[Sequence[float]]) -> Curve:
    return [(int(fold), float(share), float(value)) for fold, share, value in points]


class InputsLost(DataError):
    """What a trial reads cannot be read, or has changed. That is no fault of its settings, so there is no record."""


class _Interrupted(Exception):
    """The trial is to stop; it leaves no record."""


def run_trial(task: TrialTask, stop: Callable[[], object] = lambda: False) -> TrialRecord | None:
    """Carry out a trial. Return None if `stop` said to interrupt it.

    The record of a trial that failed is one of its settings. Raises WriteError, as of a full disk, and InputsLost.
    """
    began = time.monotonic()
    inputs: dict[str, str] = {}
    try:
        record = _run(task, stop, inputs)
    except _Interrupted:
        return None
    except (WriteError, InputsLost):
        raise
    except Diverged as error:
        record = TrialRecord(task.number, DIVERGED, message=error.lines[0])
    except SentibpError as error:
        record = TrialRecord(task.number, FAILED, message="; ".join(error.lines))
    except MemoryError:
        record = TrialRecord(task.number, FAILED, message="not enough memory")
    return record._replace(seconds=round(time.monotonic() - began, 3), inputs=inputs or None)


@contextmanager
def inputs_lost_if_unreadable() -> Iterator[None]:
    """Turn an error in loading what trials read into InputsLost, which names the worker, if this is one."""
    try:
        yield
    except (SentibpError, MemoryError) as error:
        lines = error.lines if isinstance(error, SentibpError) else ["not enough memory to load the reviews"]
        *others, last = lines
        repair = "a sweep keeps its settings: repair this, then the same command resumes it"
        place = f"{name}: " if (name := worker_name()) else ""
        raise InputsLost(*(f"{place}{line}" for line in (*others, with_repair(last, repair)))) from None


def _run(task: TrialTask, stop: Callable[[], object], seen: dict[str, str]) -> TrialRecord:
    """Train on each fold. `seen` receives the fingerprints of what was read."""
    config = Config.model_validate(task.config)
    with inputs_lost_if_unreadable():
        corpora: list[tuple[Corpus, Corpus] | None] = [*load_folds(config, task.folds)] if task.folds else [None]
    outcomes: list[Outcome] = []
    curve: Curve = []
    for fold, both in enumerate(corpora):
        if stop():
            raise _Interrupted
        with inputs_lost_if_unreadable():
            inputs: Inputs = load_inputs(config, fold=both)
        if fold == 0:
            seen |= fingerprints(config, inputs)
        data = prepare_inputs(config, inputs, is_fold=both is not None)
        if fold == 0:  # near-duplicates may be kept on one side
            seen["cut into training and validation reviews"] = data.facts["training"]["fingerprint"]
        folder = Path(task.folder) / f"fold-{fold}" if task.folds else Path(task.folder)
        outcome = _train(task, data, folder, fold, curve, outcomes, stop)
        if outcome is None:
            return TrialRecord(task.number, PRUNED, curve=curve)
    return _finished(task, curve, outcomes)


def _train(
    task: TrialTask,
    data: TrainingData,
    folder: Path,
    fold: int,
    curve: Curve,
    outcomes: list[Outcome],
    stop: Callable[[], object],
) -> Outcome | None:
    """Train on a fold, and add its outcome. Return None if the trial is hopeless."""
    if stop():
        raise _Interrupted
    advice = "then the same command resumes the sweep"
    run = create_run(
        data.config, Path("trial.yaml"), folder, pointers=False, advice=advice, command=[], **data.run_facts
    )
    run.advice = advice
    with Training(data, run) as training:
        training.with_refit = False
        progress = _Progress(data.config, task.metric, fold)
        for event in training:
            if stop():
                training.is_resumable = False  # it is run again from its beginning
                training.finish()
                raise _Interrupted
            point = progress.seen(event)
            if point is not None:
                curve.append(point)
                is_over = point[1] >= 1 and fold + 1 >= task.folds  # there is nothing left to save
                if not is_over and is_hopeless(curve, task.rivals, task.metric):
                    training.is_resumable = False
                    training.finish()
                    return None
        outcome = training.finish()
    outcomes.append(outcome)
    return outcome


class _Progress:
    """Follows the epochs of all networks of a training."""

    def __init__(self, config: Config, metric: str, fold: int):
        self.networks = config.train.seeds * config.train.members
        self.metric, self.fold, self.epochs = metric, fold, config.train.epochs
        self.started = 0
        self.best: float | None = None

    def seen(self, event: Event) -> tuple[int, float, float] | None:
        """Return the next point of the curve, after an epoch with a score."""
        if isinstance(event, NetworkStarted):
            self.started += 1
        if not isinstance(event, Epoch) or event.scores is None:
            return None
        value = event.scores.get(self.metric)
        if value is None:
            return None
        best = float(value) if self.best is None else better(self.metric, float(value), self.best)
        self.best = best
        share = (self.started - 1 + event.epoch / self.epochs) / self.networks
        return self.fold, round(share, 6), best


def better(metric: str, a: float, b: float) -> float:
    """Return the better of two scores."""
    return max(a, b) if metrics.higher_is_better(metric) else min(a, b)


def is_hopeless(curve: Curve, rivals: Sequence[Curve], metric: str) -> bool:
    """Return whether a trial is behind three quarters of the finished ones, as they were at this share of the fold.

    It is the percentile rule of Optuna's pruners, by shares of the training: trials differ in their number of epochs.
    """
    fold, share, value = curve[-1]
    seen = list(_at(rivals, fold, share))
    if len(seen) < _RIVALS:
        return False
    sign = 1 if metrics.higher_is_better(metric) else -1
    return sign * value < float(np.quantile(sign * np.array(seen), _HOPELESS))


def _at(rivals: Sequence[Curve], fold: int, share: float) -> Iterator[float]:
    """Yield the score of each rival that had one by then."""
    for curve in rivals:
        values = [value for its, at, value in curve if its == fold and at <= share + 1e-9]
        if values:
            yield values[-1]


def _finished(task: TrialTask, curve: Curve, outcomes: Sequence[Outcome]) -> TrialRecord:
    """Return the record of a trial that trained to its end."""
    every = [outcome.scores or {} for outcome in outcomes]
    names = [name for name in metrics.ALL_BETTER if all(isinstance(scores.get(name), int | float) for scores in every)]
    scores = {name: float(np.mean([each[name] for each in every])) for name in names}
    if task.metric not in scores:
        return TrialRecord(task.number, FAILED, message=f"there is no {task.metric} on these validation reviews")
    values = [float(each[task.metric]) for each in every]
    sizes = [outcome.model.stat().st_size for outcome in outcomes if outcome.model is not None]
    outcome = outcomes[-1]
    return TrialRecord(
        task.number,
        FINISHED,
        value=scores[task.metric],
        spread=metrics.spread(values)["standard_deviation"] if task.folds else None,
        folds=values if task.folds else None,
        scores=scores,
        curve=curve,
        model_bytes=max(sizes, default=None),
        features=outcome.features,
        parameters=outcome.parameters,
        epoch=outcome.kept["epoch"] if outcome.kept and not task.folds else None,
        digest=None if task.folds else outcome.digest,
    )
