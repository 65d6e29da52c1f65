"""A column that says which rows of a table are for training and which for tests, or which labels were rejected.

A training reads all rows, and a note says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from sentibp.data.readers.splits import ALIASES, canonical
from sentibp.utils.arrow import TEXT
from sentibp.utils.near_names import folded_name

_NAMES = ("split", "set", "subset", "partition", "data split", "dataset split", "train test", "usage", "dataset")

_FLAGS = {f"is {alias}": split for split, aliases in ALIASES.items() for alias in aliases}
"""Names of columns that are true for the rows of one split, such as `is_valid`."""

_ANSWER = "answer"
"""The column in which Prodigy says whether the label of a row was accepted."""

_ANSWERS = {"accept", "reject", "ignore"}

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

_OTHERS = {"unsup", "unsupervised", "unlabeled", "unlabelled", "extra", "holdout", "eval", "evaluation", "unassigned"}

_MOST = 20  # different values; a column with more says something else


def split_column(columns: Sequence[str], used: Sequence[str]) -> str | None:
    """Return a column that may say what its rows are for, and that is not used; None if there is none."""
    names = {_plain(column): column for column in reversed(columns) if column not in used}
    return next((names[each] for each in (*_NAMES, *_FLAGS, _ANSWER) if each in names), None)


def count_values(values: pa.Array, counts: Counter[str] | None) -> Counter[str] | None:
    """Return the counts with those of some more values; None if these are too many, or lists or objects."""
    if counts is None:
        return None
    try:
        values = values.cast(TEXT)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # bytes that are no text, lists, objects
        return None
    for entry in values.value_counts().to_pylist():
        counts[(entry["values"] or "").strip().casefold()] += entry["counts"]
    return counts if len(counts) <= _MOST else None


def is_split_column(column: str, counts: Mapping[str, int] | None) -> bool:
    """Return whether the name and the values of a column say what each row is for, such as train and test."""
    is_named = split_column([column], []) is not None and _plain(column) != _ANSWER
    return is_named and bool(split_column_note("", column, counts))


def split_column_note(name: str, column: str, counts: Mapping[str, int] | None) -> tuple[str, ...]:
    """Return a note if the values of a column say that some rows are for training, and some for something else."""
    flag, counts = _FLAGS.get(_plain(column)), {value: count for value, count in (counts or {}).items() if value}
    what = ", ".join(f"{value} ({count:,})" for value, count in counts.items())
    if _plain(column) == _ANSWER:
        repair = "leave the others out, for example with jq -c 'select(.answer == \"accept\")'"
        fact = f"its column {column!r} has {what}, and all rows are read with their labels, also where these are wrong"
        return (f"{name}: {fact}; {repair}",) * (_ANSWERS >= set(counts) > {"accept"})
    is_flag = flag is not None and {_BOOLEANS.get(value) for value in counts} == {True, False}
    if not (is_flag or (flag is None and are_splits(counts))):
        return ()
    repair = "write the rows of each into a file of its own, such as train.csv and test.csv, and name the one to read"
    return (f"{name}: its column {column!r} has {what}, and all rows are read; to keep them apart, {repair}",)


def are_splits(values: Iterable[str]) -> bool:
    """Return whether values say that some rows are for training, and some for something else."""
    splits = {canonical(value.strip().casefold()) for value in values} - {""}
    return "train" in splits and len(splits) > 1 and splits <= {*ALIASES, *_OTHERS}


def _plain(column: str) -> str:
    return folded_name(column.replace("_", " ").replace("-", " "))
