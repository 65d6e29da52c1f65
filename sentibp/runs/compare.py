"""Compare two runs: their settings, their scores, and a paired test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentibp.errors import DataError
from sentibp.runs.directory import PREDICTIONS, load_predictions, load_run_info
from sentibp.utils.damage import data_error_if_damaged

if TYPE_CHECKING:
    from sentibp.config.schema import Config


def compare_runs(a: Path, b: Path) -> dict[str, Any]:
    """Return the settings that differ, the scores, and a paired test, or why there is none (`unpaired`).

    The scores are those that both runs have, without those of the same name that are defined otherwise (`otherwise`).
    """
    from sentibp.config.load import load_config

    facts_a, facts_b = load_run_info(a), load_run_info(b)
    for path in (each / name for each in (a, b) for name in ("config.yaml", PREDICTIONS)):
        if path.exists() and not path.is_file():  # a pipe would block
            raise DataError(f"{path}: not a file; give the run directory of a training")
    config_a, config_b = (flat_settings(load_config(path / "config.yaml").config) for path in (a, b))
    keys = every_key([config_a, config_b])
    scores_a, scores_b = facts_a.get("scores") or {}, facts_b.get("scores") or {}
    otherwise = _defined_otherwise(scores_a, scores_b)
    unpaired = _why_unpaired((a, facts_a), (b, facts_b))
    return {
        "a": str(a),
        "b": str(b),
        "settings": {
            key: [config_a.get(key), config_b.get(key)] for key in keys if config_a.get(key) != config_b.get(key)
        },
        "scores": {
            name: [scores_a[name], scores_b[name]]
            for name in scores_a
            if name in scores_b and name not in otherwise and isinstance(scores_a[name], int | float)
        },
        "otherwise": otherwise,
        "scored_on": [content.get("scored_on") for content in (facts_a, facts_b)],
        "learned_validation": [content.get("learned_validation") for content in (facts_a, facts_b)],
        "paired": None if unpaired else _paired(a, b),
        "unpaired": unpaired,
    }


def _defined_otherwise(*scores: Mapping[str, Any]) -> list[str]:
    """Return the scores that one run has of the probability of positive, and the other of those of all classes."""
    from sentibp.metrics import OTHERWISE

    of_classes = {"macro_f1" in each for each in scores}
    return [name for name in OTHERWISE if len(of_classes) > 1 and all(name in each for each in scores)]


def _why_unpaired(*runs: tuple[Path, Mapping[str, Any]]) -> str | None:
    """Return why there is no paired test of two runs, each a path and its run.json; None if there is one."""
    validation = [(facts.get("data") or {}).get("validation") for _, facts in runs]
    for (path, _), recorded in zip(runs, validation, strict=True):
        if recorded is None:
            return f"{path} has no validation reviews"
    if validation[0] != validation[1]:
        return "the validation reviews, their labels or their weights are not the same"
    for path, _ in runs:
        if not (path / PREDICTIONS).exists():  # as of a trial of a sweep that is not the best
            return f"{path} keeps no predictions of its validation reviews"
    return None


def _paired(a: Path, b: Path) -> dict[str, Any]:
    from sentibp.metrics import mcnemar

    first, second = load_predictions(a), load_predictions(b)
    assert first is not None
    assert second is not None
    with data_error_if_damaged(b / PREDICTIONS, "train its config again"):
        return mcnemar(first[0], first[1], second[1], first[2])


def flat_settings(config: Config, mode: str = "python") -> dict[str, Any]:
    """Return all settings by their dotted keys."""
    from sentibp.config.dump import every_setting

    return flatten(every_setting(config, mode))


def every_key(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys of all these flat settings, in order. An empty mapping has none if others fill it."""
    keys = list(dict.fromkeys(key for each in settings for key in each))
    return [key for key in keys if not any(other.startswith(f"{key}.") for other in keys)]


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted keys."""
    result: dict[str, Any] = {}
    for key, value in nested.items():
        result |= flatten(value, f"{prefix}{key}.") if value and isinstance(value, dict) else {f"{prefix}{key}": value}
    return result
