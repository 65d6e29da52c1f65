"""The trials of a sweep in Optuna: which settings to try next, and what became of them, in a journal file.

The sampler of a trial is seeded by the seed of the sweep and the number of the trial, so a sweep that was interrupted
proposes what it would have proposed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.space import Dimension, Space
from sentibp.errors import ConfigError, DataError
from sentibp.metrics import higher_is_better
from sentibp.training.trial import FAILED, FINISHED, TrialRecord
from sentibp.utils.files import data_error_if_unreadable, data_error_on_failure, open_regular

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.samplers import BaseSampler
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial, Trial, TrialState
except ImportError as error:
    missing = (error.name or "optuna").partition(".")[0]
    raise ConfigError(f"a sweep needs {missing}: pip install 'sentibp[sweep]'") from None

Values = dict[tuple[str, ...], Any]

_NAME = "sweep"
_RECORD = "record"  # the user attribute with what became of a trial
_STARTUP = 10  # random trials before the tree-structured Parzen estimator has something to learn from


class Asked(NamedTuple):
    """A trial to carry out."""

    number: int
    values: Values


class Study:
    """The trials of a sweep. Only one process may have it open for writing."""

    def __init__(self, journal: Path, space: Space, sampler: str, seed: int, metric: str, *, read_only: bool = False):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.journal, self.space, self.sampler, self.seed = journal, space, sampler, seed
        direction = "maximize" if higher_is_better(metric) else "minimize"
        _require_json(journal)
        with self._quiet():
            try:
                storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=_HeldLock()))  # type: ignore[arg-type]
                is_new = _NAME not in [each.study_name for each in storage.get_all_studies()]
                self.study = (
                    optuna.create_study(storage=storage, study_name=_NAME, direction=direction)
                    if is_new and not read_only
                    else optuna.load_study(storage=storage, study_name=_NAME)
                )
                self._check()
            except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
                raise _damaged(journal, error) from None

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep Optuna's warnings from the user, and turn its errors in writing the journal into ours."""
        with warnings.catch_warnings(), data_error_on_failure(self.journal, "then the same command resumes the sweep"):
            warnings.simplefilter("ignore")
            yield

    def _check(self) -> None:
        """Look at all records. ValueError and the like if one is damaged."""
        for number, trial in enumerate(self._trials()):
            if trial.number != number:
                raise ValueError(f"trial {number} is missing")
            if trial.state.is_finished():
                TrialRecord.from_json(trial.user_attrs[_RECORD])
            for dimension in self.space.dimensions:
                if dimension.key in trial.params:
                    _value(dimension, trial.params[dimension.key])

    def ask(self) -> Asked:
        """Begin another trial."""
        with self._quiet():
            number = len(self._trials())
            self.study.sampler = self._sampler(number)
            return self._suggested(self.study.ask())

    def ask_again(self) -> list[Asked]:
        """Return the trials that were running when the sweep was interrupted, with the values that they had."""
        asked = []
        with self._quiet():
            for trial in self._trials():
                if not trial.state.is_finished():
                    self.study.sampler = self._sampler(trial.number)
                    asked.append(self._suggested(Trial(self.study, trial._trial_id)))
        return asked

    def running(self) -> list[int]:
        """Return the numbers of the trials that have begun and not ended."""
        with self._quiet():
            return [trial.number for trial in self._trials() if not trial.state.is_finished()]

    def tell(self, record: TrialRecord) -> None:
        """Write what became of a trial."""
        with self._quiet():
            trial = self.study.get_trials(deepcopy=False)[record.number]
            begun = Trial(self.study, trial._trial_id)
            folds = 1 + max((fold for fold, _, _ in record.curve), default=0)
            for fold, share, value in record.curve:
                begun.report(value, round(1000 * (fold + share) / folds))
            begun.set_user_attr(_RECORD, record._asdict())
            if record.state == FINISHED and record.value is not None:
                self.study.tell(record.number, record.value)
            else:  # a refused or diverged trial counts as pruned: its settings are bad
                state = TrialState.FAIL if record.state == FAILED else TrialState.PRUNED
                self.study.tell(record.number, state=state)

    def records(self) -> list[TrialRecord]:
        """Return what became of all trials that have ended, by their numbers."""
        with self._quiet():
            ended = [trial for trial in self._trials() if trial.state.is_finished()]
            return [TrialRecord.from_json(trial.user_attrs[_RECORD]) for trial in ended]

    def values(self, number: int) -> Values:
        """Return the values of a trial."""
        with self._quiet():
            trial = self._trials()[number]
            dimensions = (each for each in self.space.dimensions if each.key in trial.params)
            return {each.keys: _value(each, trial.params[each.key]) for each in dimensions}

    def importances(self) -> dict[str, float]:
        """Return how important each setting is for a trial to be among the best, from 0 to 1; the sum is 1.

        It is PED-ANOVA (Watanabe and others, 2023). {} if too few trials are finished to say.
        """
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        finished = [trial for trial in self._trials() if trial.state is TrialState.COMPLETE]
        if len(finished) < _STARTUP or len({trial.value for trial in finished}) < 2:
            return {}
        with self._quiet():
            found = get_param_importances(self.study, evaluator=PedAnovaImportanceEvaluator())
        total = sum(found.values())
        return {name: float(value / total) for name, value in found.items()} if total > 0 else {}

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _suggested(self, trial: Trial) -> Asked:
        values = {}
        for dimension in self.space.dimensions:
            distribution = _distribution(dimension)
            if isinstance(distribution, CategoricalDistribution):
                chosen: Any = trial.suggest_categorical(dimension.key, distribution.choices)
            elif isinstance(distribution, IntDistribution):
                low, high, step = distribution.low, distribution.high, distribution.step
                chosen = trial.suggest_int(dimension.key, low, high, step=step, log=distribution.log)
            else:
                low, high, step = dimension.low, dimension.high, dimension.step
                chosen = trial.suggest_float(dimension.key, low, high, step=step, log=dimension.log)
            values[dimension.keys] = _value(dimension, chosen)
        return Asked(trial.number, values)

    def _sampler(self, number: int) -> BaseSampler:
        digest = hashlib.sha256(f"{self.seed} {number}".encode()).digest()
        seed = int.from_bytes(digest[:4], "little")
        if self.sampler == "grid":
            return _Grid(self.space, self.seed)
        if self.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=_STARTUP, multivariate=True, constant_liar=True, warn_independent_sampling=False
        )


class _Grid(BaseSampler):
    """Chooses the points of a grid, each once, in random order."""

    def __init__(self, space: Space, seed: int):
        self.points = [dimension.grid or [] for dimension in space.dimensions]
        self.names = [dimension.key for dimension in space.dimensions]
        self.texts = [dimension.texts for dimension in space.dimensions]
        self.order = np.random.default_rng(seed).permutation(math.prod(map(len, self.points)))

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Any, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        at = self.names.index(param_name)
        which = np.unravel_index(self.order[trial.number % len(self.order)], [len(each) for each in self.points])
        place = int(which[at])
        return self.texts[at][place] if self.texts[at] else self.points[at][place]


class _HeldLock:
    """In the place of Optuna's lock of the journal, which a killed process leaves behind: the sweep has its own."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choices:
        return CategoricalDistribution(dimension.texts)
    if dimension.whole:
        step = 1 if dimension.step is None else int(dimension.step)
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log, step=step)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def _value(dimension: Dimension, param: Any) -> Any:
    """Return the value of a setting, from Optuna's value."""
    if dimension.choices:
        return dimension.choices[dimension.texts.index(param)]
    return dimension.value(param)


def repair_journal(path: Path) -> None:
    """Cut off the line that a killed process, or a full disk, left unfinished."""
    if not os.path.exists(path):
        return
    with data_error_on_failure(path), open(path, "rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


def _require_json(path: Path) -> None:
    """Raise DataError if a line of the journal is not JSON; the last one may be unfinished."""
    if not os.path.exists(path):
        return
    with data_error_if_unreadable(str(path)), open_regular(path) as file:
        for number, line in enumerate(file, 1):
            try:
                if line.endswith(b"\n"):
                    json.loads(line)
            except ValueError:
                raise _damaged(path, f"line {number} is not JSON") from None


def _damaged(path: Path, fault: object) -> DataError:
    what = str(fault).strip("' ") or type(fault).__name__
    return DataError(f"{path}: damaged: {what[:200]}; restore it, or begin anew with another --out")


def best_of(records: Sequence[TrialRecord], metric: str) -> TrialRecord | None:
    """Return the best finished trial, the first of equals that have a model; None if no trial is finished.

    One that has the result of another trial was not trained, and may come before that: it was running when the sweep
    was interrupted, and has ended since.
    """
    finished = [record for record in records if record.state == FINISHED and record.value is not None]
    sign = 1 if higher_is_better(metric) else -1

    def rank(record: TrialRecord) -> tuple[float, bool, int]:
        return sign * (record.value or 0.0), record.same_as is None, -record.number

    return max(finished, key=rank, default=None)
