"""Notes on what labels are taken to mean, where data.labels or their column says nothing, or the opposite."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sentibp.data.columns import is_id_like
from sentibp.data.labels import IGNORED, Labels, distinct
from sentibp.utils import compute as pc
from sentibp.utils.arrow import from_numpy, to_numpy
from sentibp.utils.label_key import LABELS, class_names, label_key, label_value
from sentibp.utils.label_mapping import (
    LabelMapping,
    class_order,
    polarity,
    property_classes,
    says_the_reverse,
    suggest,
)
from sentibp.utils.label_ranges import as_number, classes_by_range, ranges_of, scale_of, scale_of_cuts, suggest_ranges
from sentibp.utils.messages import counted, truncated
from sentibp.utils.repair import PLACEHOLDER, set_option

if TYPE_CHECKING:
    import pyarrow as pa

    from sentibp.config.schema import Data
    from sentibp.data.readers.records import Records


def label_notes(data: Data) -> list[str]:
    """Return notes on what data.labels says and its words do not: the order of the classes, or the reverse of both."""
    return [note for note in (_order_note(data), _reversed_note(data)) if note]


def _order_note(data: Data) -> str | None:
    """Return a note if the order of more than two classes is only that in which data.labels names them."""
    names = class_names(data.labels)
    keys = [label_key(name) for name in names]
    if len(names) < 3 or not data.ordered or "ordered" in data.model_fields_set or class_order(keys) == keys:
        return None
    return (
        f"data.labels: taken as in order, from {names[0]}, the worst, to {names[-1]}, the best; "
        f"if they have no order, write {set_option('data.ordered', False)} (true: they are in order)"
    )


def _reversed_note(data: Data) -> str | None:
    """Return a note if two classes have the words of the other one."""
    if data.labels is None or class_names(data.labels) != LABELS:
        return None
    kinds = {name: {polarity(label_key(value)) for value in data.labels[name]} for name in LABELS}
    if kinds != {"negative": {"positive"}, "positive": {"negative"}}:
        return None
    first, second = data.labels["negative"], data.labels["positive"]
    right = data.labels | {"negative": second, "positive": first}
    return (
        f"data.labels: {', '.join(map(str, first))} taken as negative, and {', '.join(map(str, second))} as positive, "
        f"the reverse of what these words say; to turn it round, write {set_option('data.labels', dict(right))}"
    )


AS_POSITIVE = "is taken as positive"
"""What the notes of `reversed_column_notes` say."""


def reversed_column_notes(records: Records, labels: Labels | None) -> list[str]:
    """Return a note if 1 is read as positive, and the name of its column says that it means negative, or a property."""
    column = records.label_column
    if not column or records.label is None or records.fixed_labels or labels is not None:
        return []
    keys = {label_key(value) for value in distinct(records.label)[0]}
    if found := property_classes(column, keys):
        (no, yes), lists = found, {name: list(map(label_value, values)) for name, values in found.items()}
        option = f"{set_option('data.labels', lists)} {set_option('data.ordered', False)}"
        fact = f"{records.name}: {found[yes][0]} in {column!r} {AS_POSITIVE}, and answers call it so"
        return [f"{fact}; to call the classes {no} and {yes}, train with {option}"]
    if not says_the_reverse(column, keys):
        return []
    no, yes = ("0", "1") if keys & {"0", "1"} else ("false", "true")
    return [
        f"{records.name}: {yes} {AS_POSITIVE}, the reverse of what the name of its column, {column!r}, says; "
        f"to turn it round, write {LabelMapping([yes], [no], []).option()}"
    ]


def other_scale_notes(names: Sequence[str], meanings: Sequence[Labels | None]) -> list[str]:
    """Return a note for each source whose labels, 0 and 1 or -1 and 1, are both of one class.

    Another source has both classes: data.labels fits it, such as stars, and not 0 and 1. `meanings` are the labels of
    each source, by their classes.
    """
    if not any(each and all(map(each.get, LABELS)) for each in meanings):
        return []
    notes = []
    for name, labels in zip(names, meanings, strict=True):
        classes = [each for each in LABELS if labels and labels.get(each)]
        values = list(labels[classes[0]]) if labels and len(classes) == 1 else []
        if {label_key(value) for value in values} in ({"0", "1"}, {"-1", "1"}):
            fact = f"{name}: {values[0]} and {values[1]} are both {classes[0]}, as data.labels says"
            notes.append(f"{fact}; if they are of another scale than those of the other sources, write them as these")
    return notes


_FEW_BEYOND = 20  # one row in so many may be beyond a scale


def range_notes(name: str, rows: Mapping[str, int], labels: Labels, *, is_file: bool = True) -> list[str]:
    """Return a note if labels that are numbers seem to be of another scale than the ranges of data.labels.

    A range that is open at an end has all numbers: `>=0.6` has 1 to 5 stars, too. Such numbers are all of one class, or
    many of them are not on the usual scale that the ranges cut. `rows` has the number of rows of each normalized label;
    a setting may say what those of a file mean.
    """
    numbers = {key: number for key in rows if (number := as_number(key)) is not None}
    classes = set(classes_by_range(labels, numbers).values()) - {None}
    if not classes:
        return []
    least, most = (f"{end:g}" for end in (min(numbers.values()), max(numbers.values())))
    total, scale = sum(map(rows.__getitem__, numbers)), scale_of_cuts(labels)
    beyond = sum(rows[key] for key in numbers if scale and not scale[0] <= numbers[key] <= scale[1])
    if scale and beyond * _FEW_BEYOND > total:
        what = f"and data.labels cuts a scale from {scale[0]} to {scale[1]}"
    elif len(classes) == 1 and _is_scale(numbers):
        what = f"and data.labels has all of them in {classes.pop()}"
    else:
        return []
    fact = f"{name}: labels from {least} to {most}, {what}; if they are of another scale, write them on that"
    return [
        f"{fact}{f', or, if no other data are read with them, say what they mean: {_meaning(rows, labels)}' * is_file}"
    ]


def _meaning(rows: Mapping[str, int], labels: Labels) -> str:
    """Return the option that gives the classes of `labels` to labels that are numbers of another scale."""
    names, mapping = class_names(labels), suggest(rows)
    if names == LABELS and mapping.is_complete:
        return mapping.option()
    ranges = suggest_ranges(rows, names) if len(names) == len(LABELS) else None
    return set_option("data.labels", ranges[0] if ranges else {each: [PLACEHOLDER] for each in names})


def _is_scale(numbers: Mapping[str, float]) -> bool:
    """Return whether numbers fill a usual scale by themselves: ratings, perhaps of half a star, or continuous ones."""
    are_ratings = all(number * 2 % 1 == 0 for number in numbers.values()) and suggest(numbers).is_complete
    return are_ratings or scale_of(numbers.values()) is not None


_FEW_LABELS = 10  # that are known without data.labels

_LOOK = 1000  # texts, at equal distances: a file may be in the order of its labels
_LEAST = 20  # of them; in fewer, it may be chance
_NEARLY_ALL, _HARDLY_ANY = 0.9, 0.1

OWN_LABEL = "contain their own label"
"""What the note says if labels are in the texts."""


def id_labels_note(records: Records, labels: Labels | None) -> list[str]:
    """Return a note if known labels are different in every row, as ids are: there are no more rows than labels."""
    rows, column = len(records.text), records.label_column
    if not column or records.label is None or rows > max(_FEW_LABELS, sum(map(len, (labels or {}).values()))):
        return []
    different = len(set(map(label_key, distinct(records.label)[0])))
    if records.fixed_labels or ranges_of(labels or {}) or not is_id_like(different, rows, column):
        return []
    repair = "if these are ids, name the labels with --set data.label_column=NAME"
    return [f"{records.name}: {column!r} has another label in every row; {repair}"]


def labels_in_texts_note(records: Records, label: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return a note if nearly all texts contain their own label, and hardly any that of another class.

    A rating is then part of the text, or a program has joined two columns. `label` (n,) are the numbers of the classes,
    which have these names.
    """
    assert records.label is not None
    rows = from_numpy(np.unique(np.linspace(0, len(label) - 1, _LOOK).astype(np.int64)))
    text, number = records.text.take(rows), label[to_numpy(rows)]
    values, code = distinct(records.label.take(rows))
    known = number != IGNORED
    classes = np.unique(number[known]).tolist()
    if len(classes) < 2 or known.sum() < _LEAST:
        return []
    words = {
        each: {names[each], *(str(values[i]).strip() for i in np.unique(code[number == each]))} for each in classes
    }
    patterns = {each: "|".join(re.escape(word) for word in sorted(words[each] - {""})) for each in classes}
    for each in classes:  # first as a part of words, too: to compile classes of letters takes Arrow 2 ms
        if _contain(text.filter(from_numpy(number == each)), patterns[each]).mean() < _NEARLY_ALL:
            return []
    own, other = np.zeros(len(number), bool), np.zeros(len(number), bool)
    for each in classes:
        has_label = _contain(text, rf"(^|[^\pL\pN])({patterns[each]})($|[^\pL\pN])")
        own |= has_label & (number == each)
        other |= has_label & (number != each)
    if other[known].mean() > _HARDLY_ANY or min(own[number == each].mean() for each in classes) < _NEARLY_ALL:
        return []
    first = truncated(" ".join(text[int(own.argmax())].as_py().split()), 60)
    fact = f"{own.sum():,} of {counted(int(known.sum()), 'text')} {OWN_LABEL}, as the first: {first!r}"
    return [f"{records.name}: {fact}; a model reads it there, and new texts have none: take it out of the texts"]


def _contain(texts: pa.ChunkedArray, pattern: str) -> np.ndarray:
    """Return which texts (n,) contain a match of the pattern, in capitals or not: (n,) bool."""
    return to_numpy(pc.match_substring_regex(texts, f"(?i){pattern}"))
