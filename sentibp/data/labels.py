"""The classes that labels mean: their names, and the setting data.labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.errors import DataError
from sentibp.utils import compute as pc
from sentibp.utils.arrow import to_numpy
from sentibp.utils.label_key import IGNORE, LABELS, class_names, is_binary, label_key, label_value
from sentibp.utils.label_mapping import worse_first
from sentibp.utils.label_ranges import classes_by_range, ranges_of
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.config.schema import Data
    from sentibp.data.readers.records import Records  # prediction needs the names of the labels, and no reader

Value = str | int | float | bool

USUAL = {
    **dict.fromkeys(("0", "-1", "neg", "negative", "false"), 0),
    **dict.fromkeys(("1", "pos", "positive", "true"), 1),
}

IGNORED = -1

Labels = Mapping[str, Sequence[Value]]
"""The classes in their order and what values mean them, with the key `ignore`, as the setting data.labels has it."""


class Classes(NamedTuple):
    """The classes that a model tells apart."""

    names: tuple[str, ...] = LABELS  # in the order of their numbers
    ordered: bool = True  # from the worst to the best

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.names)

    @property
    def are_binary(self) -> bool:
        """Whether they are negative and positive, which one logit tells apart; others have several."""
        return is_binary(self.names)

    @property
    def places(self) -> np.ndarray:
        """The place of each class on the scale from 0, the worst, to 1, the best: (K,)."""
        return np.arange(self.number) / (self.number - 1)


BINARY = Classes()


def classes_of(data: Data) -> Classes:
    """Return the classes that the settings of the data name."""
    return Classes(class_names(data.labels), data.ordered)


def default_class(key: str) -> int | None:
    """Return the class that a normalized label means by its usual name: 0 negative, 1 positive; None for others."""
    return USUAL.get(key)


def label_numbers(labels: Labels | None, keys: Iterable[str] = ()) -> dict[str, int]:
    """Return the number of the class of each normalized value in data.labels, or of the usual names; IGNORED if none.

    With `keys`, the normalized labels of a source, also those of them that are in a range of data.labels.
    """
    if labels is None:
        return dict(USUAL)
    numbers = {name: number for number, name in enumerate(class_names(labels))}
    listed = {label_key(value): numbers.get(name, IGNORED) for name, values in labels.items() for value in values}
    found = {key: numbers.get(name or IGNORE, IGNORED) for key, name in classes_by_range(labels, keys).items()}
    return found | listed


def among_classes(names: Sequence[str], classes: np.ndarray, source: str) -> np.ndarray:
    """Return the numbers of negative and positive among other classes, for data whose labels are these two."""
    names = [label_key(name) for name in names]
    if missing := [name for name in LABELS if name not in names]:
        raise DataError(
            f"{source}: its labels are negative and positive, and data.labels has no class {' and no '.join(missing)}; "
            "name the classes of the others so, or leave it out of data.source"
        )
    return np.array([names.index(LABELS[each]) if each >= 0 else each for each in classes], np.int8)


def named_values(values: list, names: Sequence[str], meaning: dict[str, int], *, declared: bool) -> list:
    """Replace integer labels by their names in the data set, unless the user's mapping is one of integers.

    Without a mapping the names count: 0 does not mean negative if its name is happy.
    """
    if not names:
        return values
    numbers = [value if value is not None and value >= 0 else None for value in values]  # -1 means no label
    named = [value if value is None else names[value] if value < len(names) else str(value) for value in numbers]

    def are_known(candidates: list) -> bool:
        return all(label_key(value) in meaning for value in candidates if value is not None)

    return numbers if declared and are_known(numbers) and not are_known(named) else named


def without_classes(data: Data, names: Sequence[str]) -> dict[str, list[Value]] | None:
    """Return the value of data.labels that ignores the values of some classes. None if too few classes are left."""
    if (labels := data.labels) is None:
        return None
    left = [name for name in class_names(labels) if name not in names]
    named = dict(zip(left, left, strict=True))
    if len(left) < len(LABELS):
        return None
    if len(left) == len(LABELS) and not is_binary(left):
        order = worse_first(*map(label_key, left)) or (map(label_key, left) if data.ordered else ())
        named |= {name: new for new, key in zip(LABELS, order, strict=False) for name in left if label_key(name) == key}
    ignored = [value for name in (*names, IGNORE) for value in labels.get(name, ())]
    return {new: list(labels[name]) for name, new in named.items()} | {IGNORE: ignored}


class NoKnownLabel(DataError):
    """data.labels lists none of the labels of a source."""


class OpenLabels(DataError):
    """A source has labels that may be more than two classes, and data.labels does not say so."""

    def __init__(self, *lines: str, as_classes: Sequence[str]):
        """`as_classes` are the lines that say how to train with a class for each label, too."""
        super().__init__(*lines)
        self.as_classes = as_classes


def distinct(column: pa.ChunkedArray) -> tuple[list, np.ndarray]:
    """Return the distinct values in order of appearance, and the position of each row's value among them (n,)."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_float32(column.type):  # 0.4, not 0.4000000059604645
        column = pc.cast(pc.cast(column, pa.string()), pa.float64())
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return encoded.dictionary.to_pylist(), to_numpy(encoded.indices)


def label_counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Return the number of rows of each normalized label in a column."""
    values, code = distinct(column)
    rows: Counter[str] = Counter()
    for value, count in zip(values, np.bincount(code, minlength=len(values)).tolist(), strict=True):
        rows[label_key(value)] += count
    return dict(rows)


def values_in(column: pa.ChunkedArray, number: np.ndarray, labels: Labels | None) -> dict[str, list[Value]]:
    """Return the values of a column that mean each class, and those that are left out, as `data.labels` lists them.

    `number` (n,) has the class of each row, or IGNORED. A class without a value has an empty list. The numbers in a
    range are listed as this range.
    """
    names = class_names(labels)
    values, code = distinct(column)
    first = np.unique(code, return_index=True)[1]  # the row in which each value occurs first
    keys = list(map(label_key, values))
    in_range = classes_by_range(labels or {}, keys).keys() - label_numbers(labels).keys()
    found: dict[str, dict[Value, None]] = {name: {} for name in names}
    for key, each in zip(keys, number[first].tolist(), strict=True):
        if key not in in_range:
            found.setdefault(IGNORE if each == IGNORED else names[each], {})[label_value(key)] = None
    for name, value, _ in ranges_of(labels or {}):
        found.setdefault(name, {})[value] = None
    return {name: list(each) for name, each in found.items()}


def joined_values(several: Sequence[Labels | None]) -> dict[str, list[Value]] | None:
    """Return the values of several sources as those of one; None if a source has labels of its own kind."""
    listed = [each for each in several if each is not None]
    if len(listed) < len(several):
        return None
    names = dict.fromkeys(name for each in listed for name in each)
    return {name: list(dict.fromkeys(value for each in listed for value in each.get(name, ()))) for name in names}


def first_place(records: Records, rows: np.ndarray) -> str:
    """Return the place of the first of these rows, such as "reviews.csv:17"."""
    return records.where(int(rows[0]))


def row_count(rows: np.ndarray) -> str:
    """Return the number of rows in parentheses, or nothing for one row."""
    return f" ({counted(len(rows), 'row')})" if len(rows) > 1 else ""
