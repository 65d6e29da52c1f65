"""Which columns of a table may have the labels: what to name if the expected one is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sentibp.data.columns import MANY, ONE_VALUE, TEXTS, Column, label_candidates, not_labels, profile_table
from sentibp.data.readers.table import ReadOptions, Table, brief, label_repair
from sentibp.errors import DataError

MOST_SHOWN = 12  # columns that a message describes


class LabelColumns(NamedTuple):
    """The columns that may hold the labels, the likeliest first, and what the others hold."""

    names: Sequence[str] = ()
    others: Sequence[tuple[str, str]] = ()
    is_other: bool = False  # whether there is a column of the wanted name, which is not among these
    taken: str = ""  # what the column has that was read as labels, if these are none
    columns: Sequence[Column] = ()  # all of the table
    stated: str = ""  # the column that the table itself says has the classes

    def repair(self, wanted: str = "label") -> str:
        """Return what to do: name one of the columns instead of the one that is `wanted`; or label the reviews."""
        if self.names:
            return label_repair(wanted, self.names, self.stated)
        facts = "; ".join(f"{brief(name)}: {what}" for name, what in self.others[:MOST_SHOWN])
        more = "; ..." * (len(self.others) > MOST_SHOWN)
        about = f" ({facts}{more})" * bool(facts)
        other = "other " * self.is_other
        return f"no {other}column looks like labels{about}; add one with the label of each review"


def find_label_columns(table: Table, options: ReadOptions) -> LabelColumns | None:
    """Return the columns that may hold the labels, by their names and values. None if the rows cannot be read.

    The names of the options are those of the table. Its column of labels is not among the others.
    """
    try:
        profile = profile_table(table)
    except (DataError, OSError):
        return None
    texts = {*options.texts} if {*options.texts} & {*table.columns} else {profile.text}
    kinds = {each.name: "the texts" if each.name in texts else not_labels(each) for each in profile.columns}
    taken = kinds.pop(options.label or "", "")
    few = {each.name for each in profile.columns if each.counts is not None}
    may_be_wrong = taken in (ONE_VALUE, MANY) or (taken == TEXTS and options.label in few)  # labels to correct, or map
    found = label_candidates([each for each in profile.columns if kinds.get(each.name) == ""])
    found.sort(key=lambda each: each.name != table.classes)
    others = [(name, what) for name, what in kinds.items() if what]
    return LabelColumns(
        names=[each.name for each in found],
        others=others,
        is_other=options.label in table.columns,
        taken="" if may_be_wrong else taken,
        columns=profile.columns,
        stated=table.classes,
    )
