"""The search space of a sweep: a YAML file that gives settings several values, or a range, checked by the schema.

    train.optimizer.learning_rate: {log: [0.01, 1]}   # a number, evenly on a logarithmic scale
    train.word_dropout: {uniform: [0, 0.5]}           # a number, evenly
    train.epochs: {int: [1, 8]}                       # a whole number
    model.hidden: [[], [16], [32, 16]]                # one of these values

Keys may be dotted, or nested as in a config. All mistakes are reported at once, with their lines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from sentibp.config.check import check_settings
from sentibp.config.load import RENAMED, read_document
from sentibp.config.messages import Complaint, dotted, show
from sentibp.config.reference import schema_of_config
from sentibp.config.schema import Config
from sentibp.config.space import Dimension, Space, keys_of, settings_with
from sentibp.config.yaml_file import Document, Keys
from sentibp.errors import ConfigError
from sentibp.utils.messages import counted
from sentibp.utils.near_names import nearest
from sentibp.utils.paths import expand_home

_KINDS = ("int", "uniform", "log")
_ENDS = ("min", "max", "low", "high", "lower", "upper", "start", "stop", "from", "to")
_LISTS = ("values", "choice", "choices", "categorical", "grid_search", "grid", "one_of")
_LOGS = ("loguniform", "log_uniform", "log_uniform_values", "lograndint", "logarithmic", "reciprocal")
_TRIED = 300  # combinations that are looked at to find one that is accepted
_MOST = 50  # mistakes shown

_FIXED = {  # settings that cannot be searched, and why
    "data": "all trials must be scored on the same reviews; set it in the config",
    "train.refit": "a trial ends before the refit, so it makes no difference; set it in the config",
    "train.checkpoint": "it changes no model; set it in the config",
}


def load_space(path: Path, base: Mapping[str, Any], *, grid: bool = False) -> Space:
    """Read a search space. `base` are the settings of the config that it changes.

    Every value is tried against the schema, and with the other settings. With `grid`, ranges need steps. ConfigError
    with a line for each mistake.
    """
    path = expand_home(path)
    document = read_document(path, str(path), "a search space, not data")
    reader = _Reader(str(path), document, base, grid)
    dimensions = reader.dimensions()
    notes = () if reader.mistakes else tuple(reader.combinations(dimensions))
    if reader.mistakes:
        lines = list(dict.fromkeys(text for _, text in sorted(reader.mistakes, key=lambda mistake: mistake[0])))
        if len(lines) > _MOST:
            lines[_MOST:] = [f"{path}: {counted(len(lines) - _MOST, 'more mistake')}"]
        raise ConfigError(*lines)
    return Space(tuple(dimensions), path, notes)


def is_space(path: Path) -> bool:
    """Return whether a file gives each setting several values or a range. ConfigError if it cannot be read."""
    path = expand_home(path)
    document = read_document(path, str(path), "a search space, not data")
    values = list(_Reader(str(path), document, {}, False).written()) if isinstance(document.value, dict) else []
    return bool(values) and all(isinstance(each, list) or _is_range(each) for each in values)


class _Reader:
    """Reads a space, and collects the mistakes: (line, text)."""

    def __init__(self, shown: str, document: Document, base: Mapping[str, Any], grid: bool):
        self.shown, self.document, self.base, self.grid = shown, document, base, grid
        self.mistakes: list[tuple[int, str]] = []
        for line, at, message in document.mistakes:
            self._mistake(line, f"{dotted(at)}: {message}")

    def _mistake(self, line: int, text: str) -> None:
        self.mistakes.append((line, f"{self.shown}:{line}: {text}"))

    def dimensions(self) -> list[Dimension]:
        """Return the settings to search that are right by themselves."""
        value = self.document.value
        if not isinstance(value, dict) or not value:
            what = "empty" if value in (None, {}) else f"{show(value)} is not a search space"
            self._mistake(1, f"{what}; name settings and their values, such as 'train.epochs: [1, 2, 4]'")
            return []
        found: dict[tuple[str, ...], Dimension] = {}
        for keys, below, at in self._entries(value, (), ()):
            line = self.document.lines[at]
            if keys in found:
                self._mistake(line, f"{dotted(keys)}: given twice, first in line {found[keys].line}; keep one")
            elif (why := _why_fixed(keys)) is not None:
                self._mistake(line, f"{dotted(keys)}: {why}")
            elif (dimension := self._dimension(keys, below, at)) is not None:
                found[keys] = dimension
        self._sections_of_null(found)
        return list(found.values())

    def written(self) -> Iterator[Any]:
        """Yield what is written for each setting."""
        return (below for _, below, _ in self._entries(self.document.value, (), ()))

    def _entries(self, node: dict[str, Any], keys: Keys, at: Keys) -> Iterator[tuple[tuple[str, ...], Any, Keys]]:
        """Yield each setting, what is written for it, and where."""
        for key, below in node.items():
            path = keys_of(".".join([*map(str, keys), str(key)]))
            path = tuple(map(str, RENAMED.get(path, path)))
            if isinstance(below, dict) and below and self._is_section(path) and not _is_range(below):
                yield from self._entries(below, path, (*at, key))
            else:
                yield path, below, (*at, key)

    @staticmethod
    def _is_section(path: tuple[str, ...]) -> bool:
        options = schema_of_config().options_at(path)
        return any("properties" in option or option.get("type") == "object" for option in options)

    def _dimension(self, keys: tuple[str, ...], below: Any, at: Keys) -> Dimension | None:
        """Return what is written for a setting, or None if it is wrong."""
        line = self.document.lines[at]
        if isinstance(below, list):
            return self._choices(keys, below, at, line)
        if isinstance(below, dict) and below:
            dimension = self._range(keys, below, at, line)
            if dimension is not None and self.grid and dimension.grid is None:
                self._mistake(line, f"{dotted(keys)}: a grid needs steps; list the values, or choose --sampler tpe")
            return dimension
        if not schema_of_config().options_at(keys) and not self._check_value(keys, below, at, line):
            return None
        what = "{} is empty" if isinstance(below, dict) else f"{show(below)} is a single value"
        self._mistake(line, f"{dotted(keys)}: {what}; give a list of values, or a range such as {{uniform: [0, 0.5]}}")
        return None

    def _choices(self, keys: tuple[str, ...], values: list[Any], at: Keys, line: int) -> Dimension | None:
        if not values:
            self._mistake(line, f"{dotted(keys)}: [] is empty; give at least one value")
            return None
        texts = [json.dumps(value, ensure_ascii=False) for value in values]
        right = [self._check_value(keys, value, (*at, i), line) for i, value in enumerate(values)]
        for i, text in enumerate(texts):
            if text in texts[:i]:
                self._mistake(self.document.lines[*at, i], f"{dotted(keys)}: {show(values[i])} is there twice")
                return None
        return Dimension(keys, tuple(values), line=line) if all(right) else None

    def _range(self, keys: tuple[str, ...], below: dict[str, Any], at: Keys, line: int) -> Dimension | None:
        """Return a range of numbers, or None if it is wrong."""
        types = {str(option.get("type")) for option in schema_of_config().options_at(keys)}
        fault_at, fault = _fault_of_range(below, types)
        if fault:
            self._mistake(self.document.lines.get((*at, fault_at), line), f"{dotted(keys)}: {fault}")
            return None
        kind = next(kind for kind in _KINDS if kind in below)
        ends, where = below[kind], self.document.lines[*at, kind]
        whole = kind == "int" or (types and types <= {"integer", "null"})
        right = [self._check_value(keys, end, (*at, kind, i), where) for i, end in enumerate(ends)]
        if not all(right):
            return None
        low, high = (int(end) if whole else float(end) for end in ends)
        step = below.get("step")
        if step is not None:
            step = int(step) if whole else float(step)
            high = low + math.floor((high - low) / step + 1e-9) * step  # the last value
        return Dimension(keys, (), low, high, step, kind == "log", bool(whole), line)

    def _check_value(self, keys: tuple[str, ...], value: Any, at: Keys, line: int) -> bool:
        """Return whether the schema takes a value; conflicts with other settings are looked at later."""
        settings = settings_with(self.base, {keys: value})
        wrong = [each for each in check_settings(settings)[1] if each[0][: len(keys)] == keys[: len(each[0])]]
        if not wrong or _is_conflict(settings):
            return True
        for path, complaint in wrong:
            unknown = complaint.what == "unknown key" and len(path) <= len(keys)
            place = at if not unknown else at[:-1]
            inside = self.document.lines.get((*place, *path[len(keys) :]), self.document.lines.get(place, line))
            self._mistake(line if unknown else inside, f"{dotted(path)}: {complaint}")
        return False

    def _sections_of_null(self, found: Mapping[tuple[str, ...], Dimension]) -> None:
        """Report settings of a section that is null in some trials, which they would undo."""
        for keys, dimension in found.items():
            for n in range(1, len(keys)):
                outer = found.get(keys[:n])
                if outer is not None and None in outer.choices:
                    what = f"{outer.key} is null in some trials, and this would undo it"
                    self._mistake(dimension.line, f"{dimension.key}: {what}; write whole mappings in {outer.key}")

    def combinations(self, dimensions: Sequence[Dimension]) -> Iterator[str]:
        """Report each value that fits no combination of the others. Yield a note if only some do not fit."""
        fit, refused = [], {}
        sample = _combinations(dimensions)
        for values in sample:
            wrong = check_settings(settings_with(self.base, values))[1]
            if wrong:
                refused.setdefault(_words(wrong[0]), values)
            else:
                fit.append(values)
        lost = 0
        for dimension in dimensions:
            hopeless = [value for value in dimension.examples if not self._fits(dimension, value, fit, sample)]
            if not dimension.choices and len(hopeless) < 2:  # the rest of the range may fit
                continue
            for value in hopeless:
                lost += 1
                start = (fit or sample)[0]
                wrong = check_settings(settings_with(self.base, {**start, dimension.keys: value}))[1]
                reason = _words(wrong[0])
                what = f"{show(value)} fits no combination of the other values: {reason}"
                self._mistake(dimension.line, f"{dimension.key}: {what}; remove it, or change the others or the config")
        if refused and not lost:
            share, example = 1 - len(fit) / len(sample), next(iter(refused))
            yield f"{self.shown}: about {share:.0%} of the combinations are refused, such as: {example}"

    def _fits(self, dimension: Dimension, value: Any, fit: list[Any], sample: list[Any]) -> bool:
        keys = dimension.keys
        if any(values[keys] == value and type(values[keys]) is type(value) for values in fit):
            return True
        tries = ({**values, keys: value} for values in (*fit[:20], *sample))
        return any(not check_settings(settings_with(self.base, values))[1] for values in tries)


def _combinations(dimensions: Sequence[Dimension]) -> list[dict[tuple[str, ...], Any]]:
    """Return all combinations of choices and ends of ranges, or some if there are many."""
    examples = [dimension.examples for dimension in dimensions]
    keys = [dimension.keys for dimension in dimensions]
    if math.prod(map(len, examples)) <= _TRIED:
        return [dict(zip(keys, values, strict=True)) for values in product(*examples)]
    rng = np.random.default_rng(0)
    return [
        {name: values[rng.integers(len(values))] for name, values in zip(keys, examples, strict=True)}
        for _ in range(_TRIED)
    ]


def _is_range(below: Any) -> bool:
    return isinstance(below, dict) and bool(below.keys() & {*_KINDS, "step"})


def _words(wrong: tuple[Keys, Complaint]) -> str:
    """Return what is wrong, without the repair, which is for a config and not for a space."""
    return f"{dotted(wrong[0])}: {wrong[1]}".partition("; ")[0]


def _is_conflict(settings: dict[str, Any]) -> bool:
    """Return whether settings are right one by one, and only do not fit together."""
    from pydantic import ValidationError

    try:
        Config.model_validate(settings)
    except ValidationError as error:
        return error.errors(include_url=False)[0]["type"] == "conflict"
    return False


def _why_fixed(keys: tuple[str, ...]) -> str | None:
    """Return why a setting cannot be searched; None if it can."""
    known = [why for fixed, why in _FIXED.items() if keys[: len(parts := tuple(fixed.split(".")))] == parts]
    return known[0] if known else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308  # not NaN, nor inf


def _fault_of_range(below: Mapping[str, Any], types: Set[str]) -> tuple[str, str]:
    """Return the key of a range that is wrong, and what is wrong; of a right one, both are empty."""
    for key, value in below.items():
        if key not in (*_KINDS, "step"):
            return key, f"{key}: unknown key of a range{_repair_of_range(key, value)}"
    kinds = [kind for kind in _KINDS if kind in below]
    if len(kinds) != 1:
        return "", f"a range is one of {', '.join(_KINDS)}, such as {{log: [0.01, 1]}}"
    kind, ends, numbers = kinds[0], below[kinds[0]], types & {"integer", "number"}
    if types and not numbers:
        return "", "takes no numbers; list its values, such as [a, b]"
    if kind == "uniform" and numbers == {"integer"}:
        return kind, f"takes whole numbers; write {{int: {show(ends)}}}"
    whole = kind == "int" or numbers == {"integer"}
    fault = _fault_of_ends(ends, kind, whole) or _fault_of_step(below, ends, kind, whole)
    return kind, fault or ""


def _repair_of_range(key: str, value: Any) -> str:
    """Return what to write for a key that a range does not have, perhaps as other programs for sweeps call it."""
    if key in _LISTS:
        return (
            f"; to try some values, write the list alone, such as {show(value if isinstance(value, list) else [1, 2])}"
        )
    if key in _LOGS:
        return f"; write {{log: {show(value if isinstance(value, list) else [0.01, 1])}}}"
    if key in _ENDS:
        return "; write both ends as {uniform: [LOW, HIGH]}, {log: [LOW, HIGH]} or {int: [LOW, HIGH]}"
    return nearest(key, (*_KINDS, "step")) or f"; choose from {', '.join(_KINDS)}, step"


def _fault_of_ends(ends: Any, kind: str, whole: bool) -> str | None:
    if not (isinstance(ends, list) and len(ends) == 2 and all(map(_is_number, ends))):
        return f"{show(ends)} is not two numbers; write the lowest and the highest, such as {{{kind}: [1, 8]}}"
    low, high = ends
    if whole and not (float(low).is_integer() and float(high).is_integer()):
        return f"{show(ends)} are not whole numbers, which it takes"
    if low >= high:
        return f"{show(ends)} is no range; write the lower number first"
    if kind == "log" and low <= 0:
        return f"{show(low)} is no number of a logarithmic scale; begin above 0, or write uniform"
    return None


def _fault_of_step(below: Mapping[str, Any], ends: Sequence[float], kind: str, whole: bool) -> str | None:
    if "step" not in below:
        return None
    step = below["step"]
    if kind == "log":
        return "a logarithmic range has no step; list the values, such as [0.01, 0.03, 0.1]"
    if not _is_number(step) or step <= 0 or step > ends[1] - ends[0] or (whole and not float(step).is_integer()):
        kind_of = "a whole number" if whole else "a number"
        return f"step: {show(step)} is not {kind_of} above 0 and at most {show(ends[1] - ends[0])}"
    return None
