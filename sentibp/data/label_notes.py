"""Notes on what labels are taken to mean, where data.labels or their column says nothing, or the opposite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentibp.data.labels import Labels, distinct
from sentibp.utils.label_key import LABELS, class_names, label_key
from sentibp.utils.label_mapping import LabelMapping, class_order, polarity, says_the_reverse
from sentibp.utils.repair import set_option

if TYPE_CHECKING:
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


def reversed_column_notes(records: Records, labels: Labels | None) -> list[str]:
    """Return a note if 1 is read as positive, as usual, in a column whose name says that it means negative."""
    column = records.label_column
    if not column or records.label is None or records.fixed_labels or labels is not None:
        return []
    keys = {label_key(value) for value in distinct(records.label)[0]}
    if not says_the_reverse(column, keys):
        return []
    no, yes = ("0", "1") if keys & {"0", "1"} else ("false", "true")
    return [
        f"{records.name}: {yes} is taken as positive, the reverse of what the name of its column, {column!r}, says; "
        f"to turn it round, write {LabelMapping([yes], [no], []).option()}"
    ]
