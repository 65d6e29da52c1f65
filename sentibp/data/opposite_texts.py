"""Find two columns of texts that are of a class each, such as Negative_Review and Positive_Review, or cons and pros."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from sentibp.data.columns import Column
from sentibp.data.readers.splits import format_suffix
from sentibp.utils.paths import new_file, shown
from sentibp.utils.repair import python

_PAIRS = (
    ("negative", "positive"),
    ("neg", "pos"),
    ("cons", "pros"),
    ("disadvantages", "advantages"),
    ("weaknesses", "strengths"),
    ("disliked", "liked"),
    ("dislikes", "likes"),
    ("bad", "good"),
)

_ROWS = {  # by the suffix of a file: the modules, and the expression, that read its rows
    ".csv": ("csv", 'csv.DictReader(open({file}, newline="", encoding={encoding}), delimiter={separator})'),
    ".tsv": ("csv", 'csv.DictReader(open({file}, newline="", encoding={encoding}), delimiter={separator})'),
    ".jsonl": ("csv, json", "map(json.loads, open({file}, encoding={encoding}))"),
    ".parquet": ("csv, pyarrow.parquet", "pyarrow.parquet.read_table({file}).to_pylist()"),
}
_NONE = '{"", "no negative", "no positive", "nothing", "none", "n/a", "na"}'  # as Booking has it


def opposite_texts(columns: Sequence[Column]) -> tuple[str, str] | None:
    """Return the names of the columns with the negative and the positive texts; None if there are none."""
    texts = {
        tuple(_words(column.name)): column.name
        for column in columns
        if column.is_text or column.words > 2.5 * column.filled
    }
    for words, name in texts.items():
        for worse, better in _PAIRS:
            other = tuple(better if word == worse else word for word in words)
            if worse in words and other in texts:
                return name, texts[other]
    return None


def as_reviews(path: Path, columns: tuple[str, str], encoding: str | None = None) -> str:
    """Return what the two columns of a file are, and the command that writes each text as a review with its label."""
    negative, positive = columns
    fact = f"{negative!r} and {positive!r} seem to have the texts of a class each"
    modules, rows = _ROWS.get(format_suffix(path.name), ("", ""))
    if not rows or not path.is_file():
        return f"{fact}; write each text as a row of its own, with the columns text and label"
    target = new_file(".csv")
    values = {"file": shown(str(path)), "encoding": encoding or "utf-8-sig", "separator": _separator(path, columns)}
    code = (
        f"import {modules}; rows = {rows.format(**{key: _quoted(value) for key, value in values.items()})}; "
        f'out = csv.writer(open("{target}", "w", newline="", encoding="utf-8")); out.writerow(["text", "label"]); '
        f'none = {_NONE}; pairs = [({_quoted(negative)}, "negative"), ({_quoted(positive)}, "positive")]; '
        "out.writerows([row[name], label] for row in rows for name, label in pairs "
        'if (row[name] or "").strip().lower() not in none)'
    )
    return f"{fact}; write each text as a review with its label: {python('-c', code)}; then give {target}"


def _quoted(text: str) -> str:
    """Return a literal of Python in double quotes, which a shell takes within single ones."""
    return json.dumps(text, ensure_ascii=False)


def _words(name: str) -> list[str]:
    return [word.casefold() for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name) if word]


def _separator(path: Path, columns: tuple[str, str]) -> str:
    """Return the character after the name of the first of the columns in a file, or before it."""
    with path.open("rb") as file:
        header = file.readline().decode("latin-1")
    found = re.search(rf'{re.escape(columns[0])}"?([,;|\t])|([,;|\t])"?{re.escape(columns[0])}', header)
    return (found[1] or found[2]) if found else ","
