"""The runs of a folder side by side: how each ended, its scores, and the settings in which they differ."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.errors import ConfigError, DataError, SentibpError
from sentibp.runs import directory
from sentibp.runs.compare import flat_settings
from sentibp.utils.json_types import finite_number
from sentibp.utils.near_names import did_you_mean, near_paths
from sentibp.utils.paths import expand_home, shown


class RunSummary(NamedTuple):
    """A run in a few values. What its run.json does not have, is None."""

    run: str
    start: str | None
    kind: str  # "training" or "pretraining"
    outcome: str | None  # as in run.json; or "killed": its process is gone
    scored_on: str | None  # "validation" or "training"
    learned_validation: bool | None  # whether training has many of the validation reviews, or nearly
    n: int | None  # reviews that the scores are of
    reviews: str | None  # their fingerprint
    accuracy: float | None
    accuracy_interval: list[float] | None  # low and high of the 95 % interval
    log_loss: float | None
    seconds: float | None
    settings: dict[str, Any]  # those that are not the same in all runs, by their dotted keys


SORT_KEYS: dict[str, Callable[[RunSummary], Any]] = {
    "start": lambda run: 0,  # as they are listed: the newest last
    "accuracy": lambda run: -math.inf if run.accuracy is None else run.accuracy,
    "log_loss": lambda run: -math.inf if run.log_loss is None else -run.log_loss,
    "seconds": lambda run: -math.inf if run.seconds is None else -run.seconds,
}
"""What runs are sorted by, the largest first."""


def summarize_runs(
    folder: Path = directory.ROOT, sort: str = "start", damaged: Callable[[DataError], None] = lambda error: None
) -> list[RunSummary]:
    """Return the runs in a folder, sorted by start, the newest last, or by a score or the seconds, the best first.

    `damaged` is called for each run that cannot be read. Raises ConfigError if there is no such folder, or if it is a
    run itself.
    """
    name, folder = folder, expand_home(folder)
    if name != directory.ROOT and not folder.is_dir():
        if os.path.lexists(folder):
            raise ConfigError(f"{name}: a file; name the folder that holds the run directories")
        near = did_you_mean(near_paths(str(name), os.path.isdir))
        raise ConfigError(f"{name}: no such folder{near or '; name the folder that holds the run directories'}")
    if (folder / "run.json").is_file():
        parent = shlex.quote(shown(os.path.dirname(os.path.abspath(folder))))
        raise ConfigError(f"{name}: a run directory; name the folder that holds it: {parent}")
    runs = directory.list_runs(folder, damaged)
    settings = differing_settings([path for path, _ in runs])
    summaries = [_summarize(path, facts, each) for (path, facts), each in zip(runs, settings, strict=True)]
    return sorted(summaries, key=SORT_KEYS[sort], reverse=True)  # a stable sort


def are_comparable(runs: Sequence[RunSummary]) -> bool:
    """Return whether the scores of all runs that have some are of the same reviews, as far as is known."""
    return len({run.reviews for run in runs if run.reviews is not None}) < 2


def differing_settings(runs: Sequence[Path]) -> list[dict[str, Any]]:
    """Return, of each run, the settings that are not the same in all runs; none, if its config cannot be read."""
    settings = [_settings(run) for run in runs]
    values: dict[str, set[str]] = {}
    for each in settings:
        for key, value in each.items():
            values.setdefault(key, set()).add(json.dumps(value))
    return [{key: value for key, value in each.items() if len(values[key]) > 1} for each in settings]


def _settings(run: Path) -> dict[str, Any]:
    from sentibp.config.load import load_config

    if not (run / "config.yaml").is_file():  # a pipe would block
        return {}
    try:
        return flat_settings(load_config(run / "config.yaml").config, "json")
    except SentibpError:
        return {}


def _summarize(path: Path, facts: Mapping[str, Any], settings: dict[str, Any]) -> RunSummary:
    scores = facts["scores"] or {}
    scored_on = scored_on if (scored_on := facts.get("scored_on")) in ("training", "validation") else None
    data = facts["data"] or {}
    validation, scored = data.get("validation"), data.get(scored_on)
    n = scores.get("n", validation.get("reviews") if isinstance(validation, dict) else None)
    interval = scores.get("accuracy_interval")
    is_interval = isinstance(interval, list) and len(interval) == 2 and None not in map(finite_number, interval)
    is_killed = facts["outcome"] == "running" and not directory.is_being_written(path)
    return RunSummary(
        run=str(path),
        start=facts["start"],
        kind="pretraining" if directory.is_pretraining(facts) else "training",
        outcome="killed" if is_killed else facts["outcome"],
        scored_on=scored_on,
        learned_validation=facts.get("learned_validation"),
        n=n if isinstance(n, int) and scores else None,
        reviews=str(scored.get("fingerprint")) if isinstance(scored, dict) and scores else None,
        accuracy=finite_number(scores.get("accuracy")),
        accuracy_interval=interval if is_interval else None,
        log_loss=finite_number(scores.get("log_loss")),
        seconds=finite_number(facts.get("seconds")),
        settings=settings,
    )
