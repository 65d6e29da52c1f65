"""The classes that labels mean: their names, and the setting data.labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.errors import DataError
from sentibp.utils import compute as pc
from sentibp.utils.arrow import to_numpy
from sentibp.utils.label_key import IGNORE, LABELS, class_names, is_binary, label_key, label_value
from sentibp.utils.label_mapping import worse_first
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
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return encoded.dictionary.to_pylist(), to_numpy(encoded.indices)


def values_of_classes(labels: Iterable[tuple[Any, int]], names: Sequence[str]) -> dict[str, list[Value]]:
    """Return the values that mean each class, and those that are left out, as `data.labels` lists them.

    `labels` are pairs of a value and the number of its class, or IGNORED. A class without a value has an empty list.
    """
    values: dict[str, list[Value]] = {name: [] for name in names}
    for value, number in labels:
        listed = values.setdefault(IGNORE if number == IGNORED else names[number], [])
        if (plain := label_value(label_key(value))) not in listed:
            listed.append(plain)
    return values


def values_in(column: pa.ChunkedArray, number: np.ndarray, names: Sequence[str]) -> dict[str, list[Value]]:
    """Return the values of a column that mean each class; `number` (n,) has the class of each row, or IGNORED."""
    values, code = distinct(column)
    first = np.unique(code, return_index=True)[1]  # the row in which each value occurs first
    return values_of_classes(zip(values, number[first].tolist(), strict=True), names)


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
