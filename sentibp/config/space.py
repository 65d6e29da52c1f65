"""A search space: settings, and the values or ranges that a sweep tries for each. `space_file` reads it from YAML."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.check import check_settings
from sentibp.config.messages import dotted
from sentibp.config.reference import BARE
from sentibp.config.schema import Config, Optimizer, Schedule
from sentibp.errors import ConfigError
from sentibp.utils.repair import as_yaml

_DIGITS = 3  # of a number from a range, where the range is wide

GRID = 100_000
"""The most points of a grid."""


class Dimension(NamedTuple):
    """A setting to search, and its values: some choices, or a range of numbers."""

    keys: tuple[str, ...]
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    whole: bool = False
    line: int = 0  # in the file

    @property
    def key(self) -> str:
        """The setting, as `train.epochs`."""
        return ".".join(self.keys)

    @property
    def texts(self) -> list[str]:
        """The choices as JSON, which tells them apart."""
        return [json.dumps(choice, ensure_ascii=False) for choice in self.choices]

    def value(self, number: float) -> float | int:
        """Return a number of the range as a config has it: short, and within the range."""
        if self.whole:
            return round(number)
        digits = _DIGITS + max(0, math.floor(-math.log10((self.high - self.low) / max(abs(self.low), abs(self.high)))))
        return min(max(float(f"{number:.{digits}g}"), self.low), self.high)

    @property
    def written(self) -> str:
        """The choices or the range as a space has them, such as `{int: [1, 4]}`."""
        if self.choices:
            return as_yaml(self.choices)
        kind = "log" if self.log else "int" if self.whole else "uniform"
        return as_yaml({kind: [self.low, self.high]} | ({} if self.step is None else {"step": self.step}))

    @property
    def examples(self) -> list[Any]:
        """All choices, or both ends of the range."""
        return list(self.choices) or [self.low, self.high]

    @property
    def middle(self) -> Any:
        """The value in the middle."""
        if self.choices:
            return self.choices[len(self.choices) // 2]
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return self.value(middle)

    @property
    def grid(self) -> list[Any] | None:
        """All values; None for a range without steps."""
        if self.choices:
            return list(self.choices)
        if self.log or (self.step is None and not self.whole):
            return None
        step = self.step or 1
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [self.value(self.low + i * step) for i in range(min(count, GRID + 1))]

    def to_json(self) -> dict[str, Any]:
        """Return what identifies it."""
        if self.choices:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high, "step": self.step, "log": self.log, "whole": self.whole}

    @classmethod
    def from_json(cls, key: str, content: Mapping[str, Any]) -> Dimension:
        """Return what `to_json` described."""
        return cls(keys_of(key), **{**content, "choices": tuple(content.get("choices", ()))})


class Space(NamedTuple):
    """The settings to search. `notes` are for the user."""

    dimensions: tuple[Dimension, ...]
    path: Path
    notes: tuple[str, ...] = ()

    @property
    def grid_size(self) -> int:
        """The number of all combinations; 0 if a range has no steps."""
        return math.prod(len(dimension.grid or ()) for dimension in self.dimensions)


def settings_with(base: Mapping[str, Any], values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Return the settings of a config with other values of some.

    Settings that the chosen optimizer or schedule does not use are dropped, if the values choose it.
    """
    settings = deepcopy(dict(base))
    for keys, value in sorted(values.items(), key=lambda pair: len(pair[0])):  # a section before the settings in it
        node = settings
        for i, name in enumerate(keys[:-1]):
            below = node.get(name)
            if not isinstance(below, dict):
                section = BARE.get(keys[: i + 1])
                node[name] = {section.bare: below} if section and below is not None else {}
            node = node[name]
        node[keys[-1]] = deepcopy(value)
    for name, choice in ("optimizer", Optimizer), ("schedule", Schedule):
        train = settings.get("train")
        chosen = train.get(name) if isinstance(train, dict) else None
        if isinstance(chosen, dict) and not values.keys().isdisjoint({("train", name), ("train", name, "name")}):
            for unused in choice.unused(chosen.get("name", choice().name)):
                chosen.pop(unused, None)
    return settings


def config_with(base: Mapping[str, Any], values: Mapping[tuple[str, ...], Any]) -> Config:
    """Return the config with other values of some settings. ConfigError if they do not fit together."""
    config, wrong = check_settings(settings_with(base, values))
    if config is None:
        raise ConfigError(*dict.fromkeys(f"{dotted(at)}: {complaint}" for at, complaint in wrong))
    return config


def keys_of(key: str) -> tuple[str, ...]:
    """Return the path of a dotted key. The names of layers contain dots."""
    keys = tuple(key.strip().split("."))
    if keys[:2] == ("train", "learning_rates") and len(keys) > 2:
        return (*keys[:2], ".".join(keys[2:]))
    return keys
