"""What a sweep has found: its trials, the best of them, and how important each setting is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from sentibp.errors import ConfigError
from sentibp.metrics import higher_is_better
from sentibp.training.sweep_folder import ABOUT, JOURNAL, ROOT, Plan, load_plan
from sentibp.training.sweep_study import Study, best_of
from sentibp.training.trial import FINISHED, TrialRecord


class FoundSweep(NamedTuple):
    """A sweep that is finished, or not yet."""

    folder: Path
    plan: Plan
    trials: list[tuple[TrialRecord, dict[str, Any]]]  # that have ended, by their numbers, with their settings
    running: list[int]  # or interrupted
    best: TrialRecord | None
    importances: dict[str, float]  # of each setting; {} if too few trials are finished to say

    def ranked(self) -> list[tuple[TrialRecord, dict[str, Any]]]:
        """Return the trials, the best first; those that did not finish are last."""
        sign = -1 if higher_is_better(self.plan.metric) else 1
        return sorted(
            self.trials,
            key=lambda trial: (
                trial[0].state != FINISHED,
                0 if trial[0].value is None else sign * trial[0].value,
                trial[0].number,
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all as plain values."""
        return {
            "sweep": str(self.folder),
            **{key: getattr(self.plan, key) for key in ("metric", "sampler", "seed", "folds")},
            "wanted": self.plan.trials,
            "best": None if self.best is None else self.best.number,
            "running": self.running,
            "importances": self.importances,
            "trials": [record._asdict() | {"settings": settings} for record, settings in self.trials],
        }


def newest() -> Path:
    """Return the folder of the newest sweep in sweeps/. ConfigError if there is none."""
    found = sorted(ROOT.glob(f"*/{ABOUT}"), key=lambda file: (file.stat().st_mtime_ns, file))
    if not found:
        raise ConfigError(f"no sweep here (there is none in {ROOT}/); name its folder")
    return found[-1].parent


def load_sweep(folder: Path) -> FoundSweep:
    """Return what a sweep has found so far. ConfigError if the folder is none, DataError if it is damaged."""
    plan = load_plan(folder)
    if not (folder / JOURNAL).exists():
        return FoundSweep(folder, plan, [], [], None, {})
    study = Study(folder / JOURNAL, plan.space, plan.sampler, plan.seed, plan.metric, read_only=True)
    records = study.records()
    return FoundSweep(
        folder=folder,
        plan=plan,
        trials=[
            (record, {".".join(keys): value for keys, value in study.values(record.number).items()})
            for record in records
        ],
        running=study.running(),
        best=best_of(records, plan.metric),
        importances=study.importances(),
    )
