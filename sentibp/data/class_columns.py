"""Columns of a table that have the texts of a class each, such as Negative_Review and Positive_Review."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentibp.data.readers.layouts import new_file
from sentibp.utils.label_mapping import column_polarity

_SIDES = {"cons": "negative", "disadvantages": "negative", "pros": "positive", "advantages": "positive"}


def class_columns_repair(texts: Sequence[str], name: str) -> str:
    """Return what to do if two of the columns with texts have those of a class each; "" if they have not.

    `name` is what messages call the file: its path, unless it has none.
    """
    found = {label: [each for each in texts if _class_of(each) == label] for label in ("negative", "positive")}
    if any(len(columns) != 1 for columns in found.values()):
        return ""
    columns = [column for (column,) in found.values()]
    fact = f"{' and '.join(map(repr, columns))} seem to have the texts of a class each; write a row for each text"
    if not _is_plain_csv(name, columns):
        return f"{fact}, with its class in a column of its own"
    file, pairs = _quoted(name), _quoted(list(zip(columns, found, strict=True)))
    rows = f'csv.DictReader(open({file}, encoding="utf-8-sig", newline=""))'
    texts_of_rows = f"[row[each], label] for row in {rows} for each, label in {pairs} if row[each].strip()"
    program = f'import csv, sys; csv.writer(sys.stdout).writerows([["text", "label"], *({texts_of_rows})])'
    target = new_file(".csv")
    return f"{fact}: python3 -c {shlex.quote(program)} > {target}; then give {target}"


def _quoted(value: Any) -> str:
    """Return strings, or lists of them, as Python writes them with double quotes."""
    return json.dumps(value, ensure_ascii=False)


def _class_of(column: str) -> str | None:
    sides = {_SIDES.get(word) for word in re.split(r"[\W_]+", column.casefold())} - {None}
    return sides.pop() if len(sides) == 1 else column_polarity(column)


def _is_plain_csv(name: str, columns: Sequence[str]) -> bool:
    """Return whether csv.DictReader finds the columns in a file."""
    try:
        with Path(name).open(encoding="utf-8-sig", newline="") as file:
            return {*columns} <= {*(csv.DictReader(file).fieldnames or ())}
    except (OSError, ValueError, csv.Error):
        return False
