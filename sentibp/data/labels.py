"""Interpret the values of a label column as negative, positive or ignored."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.utils.arrow import to_numpy

if TYPE_CHECKING:
    from sentibp.data.readers.table import Records  # prediction needs the names of the labels, and no reader

Value = str | int | float | bool

LABELS = ("negative", "positive")

_DEFAULT = {
    **dict.fromkeys(("0", "-1", "neg", "negative", "false"), 0),
    **dict.fromkeys(("1", "pos", "positive", "true"), 1),
}

IGNORED, _UNKNOWN = -1, -2

_SHOWN = 8  # values that an error message lists


class Labels(Protocol):
    """The meaning of the values of the label column, as config.schema.Labels has it."""

    @property
    def negative(self) -> Sequence[Value]: ...
    @property
    def positive(self) -> Sequence[Value]: ...
    @property
    def ignore(self) -> Sequence[Value]: ...


def parse_labels(records: Records, labels: Labels | None, wrong: list[str]) -> np.ndarray:
    """Return the class of each row (n,) int8: 0, 1 or IGNORED. Append a line to `wrong` for each unknown label."""
    assert records.label is not None
    labels = None if records.fixed_labels else labels
    values, codes = distinct(records.label)
    meaning = _meaning(labels)
    values = _named(values, records.label_names, meaning)
    keys = [_key(value) for value in values]
    if labels is None and {"0", "-1"} <= set(keys):  # -1 is then a third class, or means "no label"
        del meaning["-1"]
    classes = np.array([meaning.get(key, _UNKNOWN) for key in keys], np.int8)
    if (classes == _UNKNOWN).any():
        wrong += _unknown(records, keys, values, classes, codes, declared=labels is not None)
    return classes[codes]


def distinct(column: pa.ChunkedArray) -> tuple[list, np.ndarray]:
    """Return the distinct values in order of appearance, and the position of each row's value among them (n,)."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return encoded.dictionary.to_pylist(), to_numpy(encoded.indices)


def _meaning(labels: Labels | None) -> dict[str, int]:
    if labels is None:
        return dict(_DEFAULT)
    declared = ((0, labels.negative), (1, labels.positive), (IGNORED, labels.ignore))
    return {_key(value): number for number, values in declared for value in values}


def _named(values: list, names: Sequence[str], meaning: dict[str, int]) -> list:
    """Replace integer labels by their names in the data set, unless only the integers have a known meaning."""
    if not names:
        return values
    numbers = [value if value is not None and value >= 0 else None for value in values]  # -1 means no label
    named = [value if value is None else names[value] for value in numbers]

    def are_known(candidates: list) -> bool:
        return all(_key(value) in meaning for value in candidates if value is not None)

    return numbers if are_known(numbers) and not are_known(named) else named


def _key(value: object) -> str:
    """Return the normalized label. 1, 1.0, "1" and "__label__1" are equal, as are "Pos" and "pos "."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(value).strip().casefold().removeprefix("__label__")
    if text == "nan":  # a missing value in a table
        return ""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text):
        return text
    number = float(text)
    return str(int(number)) if number.is_integer() else repr(number)


def _unknown(
    records: Records, keys: list[str], values: list, classes: np.ndarray, codes: np.ndarray, *, declared: bool
) -> list[str]:
    """Return an error line for each unknown label, or one line for all if the labels are of another kind."""
    rows = dict.fromkeys(keys, 0)  # key -> number of rows
    shown = dict(zip(reversed(keys), reversed(values), strict=True))  # key -> its first spelling
    for key, count in zip(keys, np.bincount(codes, minlength=len(keys)).tolist(), strict=True):
        rows[key] += count
    if rows.get("") == len(codes):
        return [f"{records.name}: no row has a label; give data with labels"]
    unknown = list(dict.fromkeys(key for key, of in zip(keys, classes, strict=True) if of == _UNKNOWN))
    both = {0, 1} <= set(classes.tolist())
    if not declared and unknown != [""] and not (both and not any(map(_is_number, unknown))):
        rows.pop("", None)
        return [_suggest_mapping(records.name, rows, shown)]
    lines = []
    for key in unknown[:_SHOWN]:
        where = np.flatnonzero(np.isin(codes, [code for code, of in enumerate(keys) if of == key]))
        if key == "":
            lines.append(f"{first_place(records, where)}: no label{row_count(where)}; fill it in, or remove the row")
        else:
            what = f"label {_brief(shown[key])!r}{row_count(where)}"
            lines.append(
                f"{first_place(records, where)}: {what} is neither negative nor positive; add it to data.labels"
            )
    return lines


def _suggest_mapping(name: str, rows: dict[str, int], shown: dict) -> str:
    """Return an error line with the labels, their counts, and the mapping to write in the config."""
    frequent = sorted(rows, key=lambda key: (-rows[key], key))[:_SHOWN]
    listed = ", ".join(f"{_brief(shown[key])} ({rows[key]:,})" for key in frequent)
    more = ", ..." if len(rows) > _SHOWN else ""
    if len(rows) > 20:
        return f"{name}: {len(rows):,} different labels: {listed}{more}; set data.label_column to another"
    order = sorted(rows, key=lambda key: (float(key), "") if _is_number(key) else (np.inf, key))
    half = len(order) // 2
    upper = half + (len(order) > 1 and len(order) % 2)  # the middle label of an odd number is ignored
    meanings = {"negative": order[:half], "positive": order[upper:], "ignore": order[half:upper]}
    mapping = ", ".join(
        f"{meaning}: [{', '.join(map(_yaml, keys)) or '...'}]"
        for meaning, keys in meanings.items()
        if keys or meaning != "ignore"
    )
    return f"{name}: labels {listed}{more}; say which is which: data.labels: {{{mapping}}}"


def _brief(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else text[:39] + "…"


def _is_number(key: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", key) is not None


def _yaml(key: str) -> str:
    plain = _is_number(key) or (re.fullmatch(r"[a-z][\w-]*", key) and key not in ("yes", "no", "on", "off", "null"))
    return key if plain else json.dumps(key, ensure_ascii=False)


def first_place(records: Records, rows: np.ndarray) -> str:
    """Return the place of the first of these rows, such as "reviews.csv:17"."""
    return records.where(int(rows[0]))


def row_count(rows: np.ndarray) -> str:
    """Return the number of rows in parentheses, or nothing for one row."""
    return f" ({counted(len(rows), 'row')})" if len(rows) > 1 else ""


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless the number is 1."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
