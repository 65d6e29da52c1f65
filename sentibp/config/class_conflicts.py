"""Conflicts between the classes: their names and order, the labels of each, and the settings that name classes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sentibp.config.messages import ALIASES, Conflict, show
from sentibp.config.yaml_file import Keys
from sentibp.utils.label_key import IGNORE, LABELS, class_names, is_binary, is_number, label_key
from sentibp.utils.label_mapping import class_order, polarity, suggest, worse_first
from sentibp.utils.label_ranges import Range, as_number, is_like_a_range, parse_range, ranges_of
from sentibp.utils.near_names import close, nearest
from sentibp.utils.repair import PLACEHOLDER, set_option

if TYPE_CHECKING:
    from sentibp.config.schema import Config, Data
    from sentibp.config.values import Value

MOST_CLASSES = 100  # more are probably no classes of reviews


def find_class_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield the conflicts between the classes, and between them and settings that name them."""
    yield from _classes(config.data, config.model.output)
    yield from _label_in_two_lists(config.data.labels)
    yield from _ranges(config.data.labels or {})
    yield from _unknown_class_weights(config)
    yield from _metric_of_other_classes(config)


def _classes(data: Data, output: str) -> Iterator[Conflict]:
    """Yield what is wrong with the names of the classes and their order."""
    if data.labels is None:
        return
    names = class_names(data.labels)
    path: Keys = ("data", "labels")
    if PLACEHOLDER in names:
        message = f"{PLACEHOLDER} is a placeholder; write the labels of the data, from the worst to the best"
        yield Conflict(path, message)
        return
    if conflict := _misspelt_class(data.labels, names):
        yield conflict
    elif len(names) < 3:
        yield from _two_classes(data.labels, names, ordered=data.ordered)
    elif len(names) > MOST_CLASSES:
        yield Conflict(path, f"{len(names)} classes; give at most {MOST_CLASSES}")
    elif data.ordered and _are_best_first(names):
        lists = {name: data.labels[name] for name in [*reversed(names), *([IGNORE] if IGNORE in data.labels else [])]}
        yield Conflict(path, "the classes are in order from the worst to the best", right=lists)
    if not is_binary(names) and not data.ordered and output in ("scale", "cumulative"):
        message = f"{output} is for classes in order, and data.ordered is false; write "
        yield Conflict(("model", "output"), message + set_option("model.output", "auto"), ("data.ordered",))


def _two_classes(labels: Mapping[str, Sequence[Value]], names: Sequence[str], *, ordered: bool) -> Iterator[Conflict]:
    path: Keys = ("data", "labels")
    missing = [name for name in LABELS if name not in names]
    if names and len(missing) == 2 and all(label_key(value) in LABELS for name in names for value in labels[name]):
        message = f"unknown key; write it the other way round: {labels[names[0]][0]}: [{names[0]}]"
        yield Conflict((*path, names[0]), message)
    elif missing and not (len(names) == 2 and len(missing) == 2):
        message = f"{' and '.join(map(repr, missing))} missing; give {'both' if missing[1:] else 'it'}"
        yield Conflict(path, message, tuple(f"data.labels.{name}" for name in missing))
    elif missing:
        told = _worse_name_first(names)
        order = told or _worse_values_first(labels, names)
        lists = {new: list(labels[name]) for new, name in zip(LABELS, order or names, strict=True)}
        if IGNORE in labels:
            lists[IGNORE] = list(labels[IGNORE])
        message = "two classes in order are called negative and positive"
        if told:
            yield Conflict(path, message, right=lists)
        elif ordered:
            message += "" if order else ", and the worse one is first"
            message += f" (if they have no order: {set_option('data.ordered', False)})"
            yield Conflict(path, message, right=lists)


def _worse_name_first(names: Sequence[str]) -> tuple[str, str] | None:
    """Return the names of two classes, the worse one first, if they say which it is."""
    keys = {label_key(name): name for name in names}
    order = worse_first(*keys) if len(keys) == 2 else None
    return None if order is None else (keys[order[0]], keys[order[1]])


def _worse_values_first(labels: Mapping[str, Sequence[Value]], names: Sequence[str]) -> tuple[str, str] | None:
    """Return the names of two classes, the worse one first, if their values say which it is, such as 0 and 1."""
    values = {name: {label_key(value) for value in labels[name]} for name in names}
    meant = suggest({key for keys in values.values() for key in keys})
    for worse, better in (names, [*reversed(names)]):
        if set(meant.negative) == values[worse] and set(meant.positive) == values[better]:
            return worse, better
    return None


def _are_best_first(names: Sequence[str]) -> bool:
    """Return whether the names of classes say that the first is the best one."""
    if set(LABELS) <= set(names):
        return names.index("positive") < names.index("negative")
    keys = list(map(label_key, names))
    return not any(map(is_number, keys)) and None not in map(polarity, keys) and class_order(keys) == keys[::-1]


def _misspelt_class(labels: Mapping[str, Sequence[Value]], names: Sequence[str]) -> Conflict | None:
    """Return a conflict if a name seems to be misspelt. More than two classes have any names, from a list or not."""
    if all([label_key(value) for value in labels[name]] == [label_key(name)] for name in names):  # a list of values
        return None
    several, wanted = len(names) > 2, [name for name in (*LABELS, IGNORE) if name not in labels]
    for name in names:
        if name in LABELS or is_number(label_key(name)):
            continue
        if several and not ("negative" in names) ^ ("positive" in names):
            wanted = [name for name in wanted if name == IGNORE]
        meant = close(name, wanted, 0.85) if several else ALIASES.get(name.casefold()) or close(name, (*LABELS, IGNORE))
        if meant:
            message = f"unknown key; did you mean {meant!r}?"
            return Conflict(("data", "labels", name), message, keys=(("data", "labels", meant),))
    return None


def _metric_of_other_classes(config: Config) -> Iterator[Conflict]:
    stopping, labels = config.train.early_stopping, config.data.labels
    if stopping is None:
        return
    several = not are_binary(labels)
    if several != (stopping.metric in ("macro_f1", "mae")) and stopping.metric not in ("accuracy", "log_loss"):
        other = "macro_f1" if several else "f1"
        message = f"{stopping.metric} is a score of {'negative and positive' if several else 'other classes'}; write "
        message += set_option("train.early_stopping.metric", other)
        yield Conflict(("train", "early_stopping", "metric"), message, ("data.labels",))


def _unknown_class_weights(config: Config) -> Iterator[Conflict]:
    weights, labels = config.train.class_weight, config.data.labels
    names = class_names(labels)
    for name in weights if isinstance(weights, dict) else ():
        if name not in names:
            message = f"{show(name)} is not a class of data.labels, which has {', '.join(names)}"
            yield Conflict(("train", "class_weight", name), f"{message}{nearest(name, names)}", ("data.labels",))


def _label_in_two_lists(labels: Mapping[str, Sequence[Value]] | None) -> Iterator[Conflict]:
    seen: dict[str, tuple[str, Value]] = {}
    for kind, values in (labels or {}).items():
        if kind == PLACEHOLDER:
            return
        for i, value in enumerate(values):
            if value == PLACEHOLDER:
                message = f"{PLACEHOLDER} is a placeholder; write the labels of the data that are {kind}"
                yield Conflict(("data", "labels", kind, i), message)
                continue
            other, first = seen.setdefault(label_key(value), (kind, value))
            if other != kind:
                spelling = "" if show(first) == show(value) else f", as {show(first)}"
                message = f"{show(value)} is in {other} too{spelling}; keep it in one list"
                yield Conflict(("data", "labels", kind, i), message)
        if not values and kind != IGNORE:
            message = "[] is empty; give a list of values or text, a number, true or false"
            yield Conflict(("data", "labels", kind), message)


def _ranges(labels: Mapping[str, Sequence[Value]]) -> Iterator[Conflict]:
    """Yield what is wrong with ranges of numbers, such as `>=0.6`: how they are written, and numbers in two classes."""
    for kind, values in labels.items():
        for i, value in enumerate(values):
            if is_like_a_range(value) and parse_range(value) is None:
                message = f'{show(value)} is no range; write it as ">=0.6", "<=0.4" or ">0.4,<0.6"'
                yield Conflict(("data", "labels", kind, i), message)
    if not ranges_of(labels):
        return
    numbers = [(kind, i, value, _range(value)) for kind, values in labels.items() for i, value in enumerate(values)]
    for (other, _, first, a), (kind, i, value, b) in itertools.combinations(numbers, 2):
        if kind != other and a and b and a != b and a.overlaps(b):
            message = f"{show(value)} and {show(first)}, which is in {other}, have numbers in common; separate them"
            yield Conflict(("data", "labels", kind, i), message)


def _range(value: Value) -> Range | None:
    """Return the range that a value is, or that has a number only."""
    number = as_number(label_key(value))
    return parse_range(value) if number is None else Range(number, number, True, True)


def are_binary(labels: Mapping[str, Sequence[Value]] | None) -> bool:
    """Return whether the classes are negative and positive."""
    return is_binary(class_names(labels))


def class_count(config: Config) -> int:
    """Return the number of classes that the settings name."""
    return len(class_names(config.data.labels))
