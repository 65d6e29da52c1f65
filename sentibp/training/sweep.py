"""A sweep: many trainings of a config with other settings, to find the best ones.

    with SweepFolder(path) as folder:
        folder.open(plan)
        sweep = Sweep(plan, folder, pool)
        for event in sweep:
            ...
        result = sweep.finish()

Trials are asked for and told one by one, by the process that holds the loop; a pool carries them out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.dump import digest
from sentibp.config.load import Resolved
from sentibp.config.paths import FILES, SOURCES, get, replace
from sentibp.config.schema import Config
from sentibp.config.space import GRID, Space, config_with
from sentibp.config.space_file import load_space
from sentibp.data.dataset import load_folds
from sentibp.data.labels import classes_of
from sentibp.errors import ConfigError, SentibpError
from sentibp.runs.saved_model import is_average
from sentibp.training.diverged import Diverged
from sentibp.training.dry_run import dry_run
from sentibp.training.inputs import Inputs, file_fingerprints, fingerprints, initial_file_facts, load_inputs
from sentibp.training.paths import resolve_paths
from sentibp.training.prepare import prepare_inputs
from sentibp.training.suited_defaults import excluded_defaults
from sentibp.training.sweep_folder import BEST, JOURNAL, ROOT, Plan, SweepFolder
from sentibp.training.sweep_study import Asked, Study, Values, best_of, repair_journal
from sentibp.training.trial import (
    DIVERGED,
    FINISHED,
    REFUSED,
    Curve,
    InputsLost,
    TrialRecord,
    TrialTask,
    inputs_lost_if_unreadable,
)
from sentibp.training.trial_pool import Pool
from sentibp.utils.messages import counted
from sentibp.utils.repair import set_option

TRIALS = 30
"""Of a sweep, unless another number is given, or it is a grid."""

_METRICS = {2: ("accuracy", "log_loss", "f1", "roc_auc"), 3: ("accuracy", "log_loss", "macro_f1", "mae")}


class Options(NamedTuple):
    """How to sweep; None is the default."""

    trials: int | None = None
    sampler: str = "tpe"
    seed: int = 0
    folds: int = 0
    metric: str | None = None
    prune: bool = True


class TrialStarted(NamedTuple):
    """A trial begins."""

    number: int
    settings: dict[str, Any]


class TrialEnded(NamedTuple):
    """A trial has ended."""

    record: TrialRecord
    settings: dict[str, Any]
    is_best: bool


class Result(NamedTuple):
    """How a sweep ended."""

    folder: Path
    outcome: str  # "finished", "interrupted", or "timeout"
    best: TrialRecord | None
    settings: dict[str, Any]  # of the best trial
    states: dict[str, int]  # how many trials ended how
    config: Path | None  # best.yaml
    run: Path | None  # the run directory with the best trial's model; None with folds


def plan_sweep(resolved: Resolved, space_file: Path, options: Options) -> tuple[Plan, tuple[str, ...]]:
    """Return what to search and how, and notes for the user. ConfigError with a line for each mistake."""
    config, notes = resolve_paths(resolved)
    base = config.model_dump(mode="json", exclude_unset=True)
    space = load_space(space_file, base, grid=options.sampler == "grid")
    space, more = _with_absolute_paths(space, config)
    metric = _metric(config, options.metric)
    if config.data.validation == 0 and not options.folds:
        raise ConfigError(
            "data.validation: 0 holds out no reviews to compare the trials on; write "
            f"{set_option('data.validation', 0.1)}, or --folds 5"
        )
    trials = options.trials
    if options.sampler == "grid":
        if space.grid_size > GRID:
            what = f"a grid of {space.grid_size:,} points is too large"
            raise ConfigError(f"{space.path}: {what}; give fewer values, or choose --sampler random")
        trials = min(trials or space.grid_size, space.grid_size)
    plan = Plan(
        name=resolved.path.stem,
        config=base,
        space=space,
        sampler=options.sampler,
        seed=options.seed,
        folds=options.folds,
        metric=metric,
        prune=options.prune,
        trials=trials or TRIALS,
    )
    if 0 < space.grid_size < plan.trials:
        points = counted(space.grid_size, "combination")
        more = (*more, f"{space.path}: has {points} of values, so the sweep ends once each was tried")
    more = (*more, *_other_epoch(config, space, metric))
    if options.folds and isinstance(config.data.validation, str):
        more = (*more, "data.validation is not used: the folds are cut from the training reviews")
    return plan, (*notes, *space.notes, *more)


def default_folder(plan: Plan) -> Path:
    """Return the folder of a sweep that is given none: the same plan has the same folder."""
    about = {key: value for key, value in plan.to_json().items() if key not in ("trials", "space_file")}
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:6]
    return ROOT / f"{plan.name}-{name}"


def _metric(config: Config, wanted: str | None) -> str:
    """Return the score that the sweep improves: the one that selects the best epoch, unless another is wanted."""
    stopping = config.train.early_stopping
    metric = wanted or (stopping.metric if stopping else "accuracy")
    known = _METRICS[min(classes_of(config.data).number, 3)]
    if metric not in known:
        raise ConfigError(f"--metric {metric}: not a score of these classes; choose from {', '.join(known)}")
    return metric


def _other_epoch(config: Config, space: Space, metric: str) -> tuple[str, ...]:
    """Return a note if the trials choose their best epoch by another score than the sweep compares them by."""
    key, stopping = "train.early_stopping", config.train.early_stopping
    chosen = stopping.metric if stopping else "accuracy"
    searched = [each.key for each in space.dimensions]
    is_searched = any(each.startswith(key) for each in searched)
    has_epochs = config.train.epochs > 1 or "train.epochs" in searched
    if chosen == metric or is_searched or not has_epochs or is_average(config):
        return ()
    names = metric.replace("_", " "), chosen.replace("_", " ")
    repair = f"to choose it, and to stop early, by {names[0]}, too, write {set_option(f'{key}.metric', metric)}"
    return (f"each trial keeps the epoch with the best {names[1]}, and has the {names[0]} of that; {repair}",)


def _with_absolute_paths(space: Space, config: Config) -> tuple[Space, tuple[str, ...]]:
    """Return the space with absolute paths: a path is relative to the folder of the space first."""
    dimensions, notes = [], ()
    for dimension in space.dimensions:
        if dimension.key in (*FILES, *SOURCES) and dimension.choices:
            choices = []
            for choice in dimension.choices:
                changed = replace(config, dimension.key, choice)
                found, more = resolve_paths(Resolved(changed, {}, space.path), [dimension.key])
                choices.append(get(found, dimension.key))
                notes = (*notes, *more)
            dimension = dimension._replace(choices=tuple(choices))  # noqa: PLW2901
        dimensions.append(dimension)
    return space._replace(dimensions=tuple(dimensions)), notes


def trial_config(plan: Plan, values: Values) -> Config:
    """Return the config of a trial. ConfigError if its settings do not fit together."""
    return _located(config_with(plan.config, values), values)


def _located(config: Config, values: Values) -> Config:
    """Return the config of a trial with the settings of the model that it starts from. ConfigError if that is gone."""
    if ("model", "init_from") in values:  # whose spelling the text has
        config, _ = resolve_paths(Resolved(config, {}, Path()), ["model.init_from"])
    return config


class Cost(NamedTuple):
    """What a sweep would cost."""

    seconds: float | None  # of a trial; None if it cannot be told
    notes: tuple[str, ...]  # on the data
    excluded: str | None = None  # the shipped config whose defaults suit the texts, and are excluded: see `Suited`


def estimate(plan: Plan) -> Cost:
    """Estimate the cost of a trial, by the first steps of one in the middle of the space. Raises DataError."""
    base, middle = Config.model_validate(plan.config), {each.keys: each.middle for each in plan.space.dimensions}
    try:
        config = trial_config(plan, middle)
    except ConfigError:
        config = base
    inputs = _load_inputs(plan, config)
    with contextlib.suppress(SentibpError):  # settings in the middle that do not fit these reviews, or each other
        cost = _cost(plan, config, inputs)
        return cost._replace(notes=(*cost.notes, *_excluded(plan, base, cost.excluded)))
    try:
        return _cost(plan, base, _load_inputs(plan, base))
    except Diverged:
        return Cost(None, ())


def _excluded(plan: Plan, base: Config, excluded: str | None) -> tuple[str, ...]:
    """Return a note if the space excludes the defaults that the texts would have, with a command that keeps them."""
    if (name := excluded_defaults(base, excluded)) is None:
        return ()
    given = [
        set_option(f"{section}.{key}", each) for section in plan.config for key, each in plan.config[section].items()
    ]
    command = " ".join(["sentibp sweep", name, shlex.quote(str(plan.space.path)), *given])
    return (f"without this space, {plan.name} has the defaults of {name}: to search near them, write {command}",)


def _cost(plan: Plan, config: Config, inputs: Inputs) -> Cost:
    config = config.model_copy(update={"train": config.train.model_copy(update={"refit": False})})
    data = prepare_inputs(config, inputs, is_fold=plan.folds > 0)
    try:
        return Cost(dry_run(data).seconds * max(plan.folds, 1), data.notes, data.excluded)
    except ImportError:  # Windows does not say how much memory is used
        return Cost(None, data.notes, data.excluded)


def _load_inputs(plan: Plan, config: Config) -> Inputs:
    """Load what the trial with this config reads; with folds, of the first one."""
    return load_inputs(config, fold=load_folds(config, plan.folds)[0] if plan.folds else None)


class Sweep:
    """A sweep in its folder. Iterate over its events, then `finish` it."""

    def __init__(self, plan: Plan, folder: SweepFolder, pool: Pool, stop: Callable[[], str] = lambda: ""):
        """The sweep calls `stop` often: "interrupted" or "timeout" ends it, "" does not. The folder is open."""
        self.plan, self.folder, self.pool, self.stop = plan, folder, pool, stop
        folder.write_plan(plan)
        repair_journal(folder.path / JOURNAL)
        self.study = Study(folder.path / JOURNAL, plan.space, plan.sampler, plan.seed, plan.metric)
        self.records = {record.number: record for record in self.study.records()}
        self.again = self.study.ask_again()
        self.best = best_of(list(self.records.values()), plan.metric)
        if self.best is not None and not (folder.path / BEST).exists():
            self._write_best(self.best)
        folder.strip(None if self.best is None else self.best.number)
        self.running = 0
        self.tried = {repr(self.study.values(number)) for number in self.records}  # combinations of values
        self.known: dict[str, int] = {}  # the first trial of each config that ended by itself
        for record in self.records.values():
            if record.state in (FINISHED, DIVERGED):
                self.known.setdefault(digest(trial_config(plan, self.study.values(record.number))), record.number)

    @property
    def left(self) -> int:
        """The number of trials that have not ended; 0 if every combination of values was tried."""
        if 0 < self.plan.space.grid_size <= len(self.tried):
            return 0
        return max(self.plan.trials - len(self.records), 0)

    def __iter__(self) -> Iterator[TrialStarted | TrialEnded]:
        """Carry out the trials that are left. Raises DataError; a trial whose inputs cannot be read is still left."""
        if self.records and self.left:
            self._require_same(self._inputs())
        with self.pool as pool:
            while not self.stop():
                while pool.has_room() and self.left > self.running and not self.stop():
                    asked = self.again.pop(0) if self.again else self.study.ask()
                    yield from self._begin(asked, pool)
                if not self.running:
                    return
                for record in pool.wait():
                    self.running -= 1
                    yield self._ended(record)

    def _begin(self, asked: Asked, pool: Pool) -> Iterator[TrialStarted | TrialEnded]:
        """Give a trial to the pool, or end it if its settings do not fit together."""
        yield TrialStarted(asked.number, _flat(asked.values))
        try:
            config = config_with(self.plan.config, asked.values)
        except ConfigError as error:
            faults = "; ".join(line.partition("; ")[0] for line in error.lines)  # the repair is for a config
            yield self._ended(TrialRecord(asked.number, REFUSED, message=faults))
            return
        with inputs_lost_if_unreadable():
            config = _located(config, asked.values)
        first = self.known.get(digest(config))
        if first is not None:  # the same settings give the same result
            again = self.records[first]._replace(number=asked.number, same_as=first, seconds=0.0)
            yield self._ended(again)
            return
        rivals = tuple(self._curves()) if self.plan.prune else ()
        folder = str(self.folder.clear_trial(asked.number))
        settings = config.model_dump(mode="json", exclude_unset=True)  # the texts decide on other defaults
        pool.submit(TrialTask(asked.number, settings, folder, self.plan.metric, self.plan.folds, rivals))
        self.running += 1

    def _curves(self) -> Iterator[Curve]:
        for _, record in sorted(self.records.items()):
            if record.state == FINISHED:
                yield record.curve

    def _ended(self, record: TrialRecord) -> TrialEnded:
        """Write what became of a trial. Keep the model of the best only."""
        self._require_same(record.inputs or {})
        values = self.study.values(record.number)
        before, self.records[record.number] = self.best, record
        self.tried.add(repr(values))
        self.best = best_of(list(self.records.values()), self.plan.metric)
        is_best = self.best is not None and self.best.number == record.number
        if is_best:
            self._write_best(record)
        if record.state in (FINISHED, DIVERGED):
            self.known.setdefault(digest(trial_config(self.plan, values)), record.number)
        self.study.tell(record)
        self.folder.strip_one(record.number if not is_best else None if before is None else before.number)
        return TrialEnded(record, _flat(values), is_best)

    def _inputs(self) -> dict[str, str]:
        """Return the fingerprints of what the trials read: the config's own, and the files that the space names."""
        config = Config.model_validate(self.plan.config)
        with inputs_lost_if_unreadable():
            found = fingerprints(config, _load_inputs(self.plan, config))
            for dimension in self.plan.space.dimensions:
                for choice in dimension.choices if dimension.key in FILES else ():
                    other = replace(config, dimension.key, choice)
                    found |= file_fingerprints(other, initial_file_facts(other))
        return found

    def _require_same(self, inputs: Mapping[str, str]) -> None:
        """Raise InputsLost if an input is another than that of the trials that have ended."""
        before = {name: each for record in self.records.values() for name, each in (record.inputs or {}).items()}
        if changed := [name for name in before if inputs.get(name, before[name]) != before[name]]:
            fact = f"{self.folder.path}: inputs have changed since this sweep began: {', '.join(changed)}"
            repair = "restore them, then the same command resumes it, or begin anew with another --out"
            raise InputsLost(f"{fact}; so the scores could not be compared; {repair}")

    def _write_best(self, record: TrialRecord) -> None:
        score = f"{self.plan.metric} {record.value:.4f}"
        trials = counted(len(self.records), "trial")
        about = f"The best of {trials} of {self.folder.path}: trial {record.number}, {score}"
        self.folder.write_best(trial_config(self.plan, self.study.values(record.number)), about)

    def finish(self) -> Result:
        """Write how many trials the best one is of, and return how the sweep ended. Raises DataError."""
        best = self.best
        if best is not None:
            self._write_best(best)
        return Result(
            folder=self.folder.path,
            outcome="finished" if not self.left else self.stop() or "interrupted",
            best=best,
            settings={} if best is None else _flat(self.study.values(best.number)),
            states=dict(Counter(record.state for record in self.records.values())),
            config=None if best is None else self.folder.path / BEST,
            run=None if best is None or self.plan.folds else self.folder.trial(best.number),
        )


def _flat(values: Values) -> dict[str, Any]:
    return {".".join(keys): value for keys, value in values.items()}
