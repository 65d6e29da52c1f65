"""What `sentibp sweep` and `sentibp sweep show` print of the trials."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentibp.cli.interrupts import print_interrupted
from sentibp.cli.output import duration, even_if_unread, print_json, print_message, print_text, size, table
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.training.sweep import Result
    from sentibp.training.sweep_folder import Plan
    from sentibp.training.trial import TrialRecord


@even_if_unread()
def print_result(result: Result, plan: Plan, json: bool, options: str) -> None:
    """Print how a sweep ended, and what to do next. `options` say where its trials ran, to resume it."""
    done, folder = sum(result.states.values()), shlex.quote(str(result.folder))
    if result.outcome != "finished":
        ended = f"{done:,} of {counted(plan.trials, 'trial', 'has', 'have')} ended"
        about = f"{ended}; to resume: sentibp sweep --resume {folder}{options}"
        if result.outcome == "interrupted":
            print_interrupted(about)
        else:
            print_message(f"the time is over: {about}")
    if json:
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in result._asdict().items()}
        best = None if result.best is None else result.best._asdict()
        print_json(plain | {"best": best, "metric": plan.metric, "trials": plan.trials})
        return
    if result.best is None:
        print_message(f"no trial is finished; see `sentibp sweep show {folder}`")
        return
    print_text(f"best      trial {result.best.number}: {_score(result.best, plan)}")
    for key, value in result.settings.items():
        print_text(f"          {key}: {_yaml(value)}")
    print_text(f"trials    {_states(result.states)}")
    print_text(f"next      sentibp train {shlex.quote(str(result.config))}")
    if done > 1:
        on = f"{plan.folds} folds" if plan.folds else "validation reviews"
        print_message(f"its score is the best of {done} on the same {on}: expect lower scores on new reviews")


def _states(counts: Mapping[str, int]) -> str:
    """Return how many trials ended how, as `28 finished, 2 pruned`."""
    from sentibp.training.trial import STATES

    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts.get(state))


def _score(record: TrialRecord, plan: Plan) -> str:
    """Return the scores of a finished trial, that of the metric first."""
    values = {plan.metric: record.value, **(record.scores or {})}
    shown = [f"{plan.metric.replace('_', ' ')} {record.value:.4f}"]
    if record.spread is not None:
        shown[0] += f" (standard deviation {record.spread:.4f} over {plan.folds} folds)"
    names = [name for name in ("accuracy", "log_loss") if name != plan.metric]
    shown += [f"{name.replace('_', ' ')} {values[name]:.4f}" for name in names if name in values]
    if record.model_bytes is not None:
        shown.append(size(record.model_bytes))
    return ", ".join([*shown, duration(record.seconds)])


def _yaml(value: Any) -> str:
    from sentibp.utils.repair import as_yaml

    return as_yaml(value)


def print_trials(found: Any, json: bool) -> None:
    """Print a line for each trial, the best first."""
    if json:
        print_json(found.to_json())
        return
    from sentibp.cli.runs import short_names

    plan = found.plan
    names = short_names([dimension.key for dimension in plan.space.dimensions])
    columns = ["trial", "", plan.metric.replace("_", " "), *(["spread"] if plan.folds else []), "time", "size"]
    lines = []
    for record, settings in found.ranked():
        state = "" if record.state == "finished" else record.state
        line = [record.number, state if record.same_as is None else f"as {record.same_as}", record.value]
        line += [record.spread] if plan.folds else []
        line += [duration(record.seconds), None if record.model_bytes is None else size(record.model_bytes)]
        lines.append([*line, *(_yaml(settings[key]) if key in settings else "" for key in names)])
    table([*columns, *names.values()], lines)
    for record, _ in found.ranked():
        if record.message and record.same_as is None:
            print_text(f"trial {record.number}: {record.message}")
    if found.running:
        print_text(f"running or interrupted: {', '.join(map(str, found.running))}")
    if found.importances:
        print_text("\nimportance of each setting for being among the best (PED-ANOVA)")
        width = max(map(len, found.importances))
        for key, share in found.importances.items():
            print_text(f"{key:<{width}}  {share:4.0%}  {'#' * round(40 * share)}".rstrip())
    if found.best is not None:
        print_text(f"\nbest      trial {found.best.number}: {_score(found.best, plan)}")
        print_text(f"next      sentibp train {shlex.quote(str(found.folder / 'best.yaml'))}")
