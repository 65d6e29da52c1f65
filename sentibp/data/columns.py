"""Look at the columns of a table: which of them probably have the texts, the labels, the groups."""

from __future__ import annotations

import contextlib
import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.column_names import (
    AMOUNTS,
    MEASURES,
    NOT_LABELS,
    STARS,
    has_label_word,
    usual_label_name,
    usual_text_name,
    words_of,
)
from sentibp.data.readers.split_column import is_split_column
from sentibp.data.readers.table import (
    ID_NAMES,
    Table,
    WrongKind,
    plain_name,
)
from sentibp.utils.arrow import TEXT, scalar, strings, to_numpy
from sentibp.utils.label_key import NOT_KNOWN, is_number, label_key
from sentibp.utils.label_mapping import class_spellings, column_polarity, suggest
from sentibp.utils.label_ranges import as_number

_SAMPLE = 100_000  # rows from which a column is judged, except that labels are counted in all

_MOST_LABELS = 20  # different values of a column with labels, at most
_MOST_SPELLINGS = 200  # of them
_LONGEST_LABEL = 40  # characters

ONE_VALUE = "one value only"  # as labels in a file of one class, too
TEXTS = "texts"
SPLITS = "what each row is for, such as train and test"
DATES_OF_RATINGS = "dates, as a spreadsheet makes of ratings such as 4/5: write these as text"
MANY = f"more than {_MOST_LABELS} different values"

_MOST_RATINGS = 11  # different ones, of 0 to 10
_FEW_ROWS = 4  # with fewer, different values in all rows say nothing

_NUMBER = r"^[+-]?[0-9.,:/-]+ ?%?$"
_FRACTION = r"^[+-]?[0-9]*[.,][0-9]*[1-9][0-9]* ?%?$"  # 0.7, but not 12.0, a whole number beside empty cells
_MONTHS = """
jan january januar januari janvier enero ene feb february februar februari février févr febrero mar march märz mrz
mars marzo apr april avril avr abril abr may mai mei mayo jun june juni juin junio jul july juli juillet juil julio
aug august augustus août agosto sep sept september septembre septiembre oct october oktober okt octobre octubre nov
november novembre noviembre dec december dezember dez décembre déc diciembre dic
"""
_DATE = (
    r"(?i)^(\d{4}[-/]\d{1,2}([-/]\d{1,2})?|\d{4}\.\d{1,2}\.\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    rf"|\d{{1,2}}[-. ]+({'|'.join(_MONTHS.split())})\.?([-. ]+\d{{2,4}})?"
    rf"|({'|'.join(_MONTHS.split())})\.?[-. ]+\d{{1,4}})([T ].*)?$"
)

_FEW_GROUPS = 10  # a column with as few values, such as a country, is no group


@dataclass
class Column:
    """What is known of one column."""

    name: str
    rows: int = 0  # in the sample
    filled: int = 0  # rows of the sample that are not empty
    characters: int = 0
    words: int = 0
    numbers: int = 0  # values that are numbers
    fractions: int = 0  # of them not whole, such as a confidence or a price
    dates: int = 0  # values that are dates, perhaps with a time
    distinct: Counter[str] = field(default_factory=Counter)  # the different values in the sample, and their rows
    counts: Counter[str] | None = field(default_factory=Counter)  # of the values in all rows; None if there are many
    example: str = ""
    most: int = _MOST_LABELS  # different labels that are counted, at most

    @property
    def length(self) -> float:
        """The mean number of characters of the values that are not empty."""
        return self.characters / max(self.filled, 1)

    @property
    def labels(self) -> dict[str, tuple[str, int]]:
        """The different values as labels: normalized label -> its most frequent spelling and the number of its rows."""
        found: dict[str, tuple[str, int]] = {}
        for value, count in (self.counts or Counter()).most_common():
            if key := label_key(value):
                spelling, rows = found.get(key, (value, 0))
                found[key] = spelling, rows + count
        return found

    @functools.cached_property
    def numerals(self) -> dict[str, int]:
        """The different values in the sample as normalized numbers, with their rows; empty if others are among them.

        Values that stand for none, such as NULL or ?, do not count.
        """
        rows: Counter[str] = Counter()
        for value, count in self.distinct.items():
            rows[label_key(value)] += count
        found = {key: count for key, count in rows.items() if key and key not in NOT_KNOWN}
        return found if all(as_number(key) is not None for key in found) else {}

    @property
    def is_text(self) -> bool:
        """Whether the values look like texts: several words, and seldom the same."""
        in_ascii = sum(map(str.isascii, self.distinct)) > 0.5 * len(self.distinct)  # ids and addresses, without spaces
        unspaced = self.length > 12 and self.characters > 10 * self.words and not in_ascii  # as Chinese is
        wordy = self.words >= 2.5 * self.filled or unspaced
        others = self.numbers + self.dates  # a date may be written in three words
        return wordy and others < 0.5 * self.filled and len(self.distinct) > 0.3 * self.filled > 0


@dataclass(frozen=True)
class Profile:
    """What a table holds."""

    rows: int
    columns: Sequence[Column]
    text: str | None  # the column that probably has the texts
    other_texts: Sequence[str]
    label: Column | None  # the column that probably has the labels
    other_labels: Sequence[Column]  # that may have them, too
    groups: Sequence[Column]  # columns whose values occur several times each, such as an author
    nested: Sequence[str]  # the names of the columns with lists or objects
    is_stated: bool  # whether the table itself says that `label` has the classes


def profile_table(table: Table, text: str | None = None, label: str | None = None) -> Profile:
    """Read all rows of a table, and judge its columns. `text` and `label` are known names of columns.

    The column that the table itself says has the classes is that of the labels. Of columns of lists and objects, only
    the names are told.
    """
    rows, columns, nested = _columns(table, label or table.classes)
    texts = sorted((column for column in columns if column.is_text), key=_text_rank)
    if not texts:  # short ones, or always the same
        texts = [each for each in columns if _is_usual_text(each) and each.name != label][:1]
    if text is None:
        text = next((column.name for column in texts if column.name != label), None)
    others = label_candidates([each for each in columns if each.name != text and not not_labels(each)])
    likeliest = others[:1]
    others.sort(key=lambda each: (each.name != table.classes, not _names_numbers_of(each, likeliest)))
    chosen = [column for column in columns if column.name == label] or others[:1]
    used = {text, *(column.name for column in chosen)}
    return Profile(
        rows=rows,
        columns=columns,
        text=text,
        other_texts=[column.name for column in texts if column.name not in used],
        label=chosen[0] if chosen else None,
        other_labels=[column for column in others if column.name not in used],
        groups=[each for each in columns if text is not None and each.name not in used and _may_be_group(each)],
        nested=nested,
        is_stated=bool(chosen) and chosen[0].name == table.classes,
    )


def _columns(table: Table, label: str) -> tuple[int, list[Column], list[str]]:
    """Return the number of rows, what is known of each column with values, and the names of those of lists or objects.

    Formats without types tell by an error that a column is one of these. A known column of labels may have more.
    """
    from sentibp.config.class_conflicts import MOST_CLASSES  # it loads the YAML parser

    unique = [name for name in dict.fromkeys(table.columns) if table.columns.count(name) == 1]
    names = [name for name in unique if table.types is None or not pa.types.is_nested(table.types.field(name).type)]
    while True:
        columns = [Column(name, most=MOST_CLASSES if name == label else _MOST_LABELS) for name in names]
        rows = 0
        try:
            with contextlib.closing(table.batches(names)) as batches:
                for batch in batches:
                    for column in columns:
                        _add(column, _named(batch[column.name], table.value_names.get(column.name)), rows)
                    rows += len(next(iter(batch.values()))) if batch else 0
            return rows, [column for column in columns if column.filled], [each for each in unique if each not in names]
        except WrongKind as error:
            if names == [error.column]:
                raise
            names.remove(error.column)


def _is_usual_text(column: Column) -> bool:
    """Return whether texts are often called so, and the values are no numbers."""
    return usual_text_name(column.name) and column.numbers < 0.5 * column.filled


def _named(values: pa.Array, names: Sequence[str] | None) -> pa.Array:
    """Return the names of numbers; null for a number below 0, which means none, and the number if it has no name."""
    if names is None:
        return values
    texts = [*names]
    found = [None if value is None or value < 0 else value for value in values.to_pylist()]
    return strings(None if n is None else texts[n] if n < len(texts) else str(n) for n in found)


def _add(column: Column, values: pa.Array, rows: int) -> None:
    texts = pc.utf8_trim_whitespace(pc.fill_null(values.cast(TEXT), scalar("")))
    if column.counts is not None:
        column.counts.update(_value_counts(texts))
        if len(column.counts) > _MOST_SPELLINGS or (
            len(column.counts) > column.most + 1 and len(set(map(label_key, column.counts))) > column.most + 1
        ):  # and one for empty values
            column.counts = None
    if rows >= _SAMPLE:
        return
    texts = texts.filter(pc.not_equal(texts, scalar("")))
    column.rows += len(values)
    column.filled += len(texts)
    if len(texts):
        column.characters += int(to_numpy(pc.utf8_length(texts)).sum(dtype=np.int64))
        column.words += int(to_numpy(pc.count_substring(texts, " ")).sum(dtype=np.int64)) + len(texts)
        column.numbers += int(to_numpy(pc.match_substring_regex(texts, _NUMBER)).sum())
        column.fractions += int(to_numpy(pc.match_substring_regex(texts, _FRACTION)).sum())
        column.dates += int(to_numpy(pc.match_substring_regex(texts, _DATE)).sum())
        column.distinct.update(_value_counts(texts))
        column.example = column.example or texts[0].as_py()


def _value_counts(texts: pa.Array) -> dict[str, int]:
    """Return the number of rows of each different value, in order of appearance."""
    counted = pc.value_counts(texts)
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _text_rank(column: Column) -> tuple[bool, int]:
    return not usual_text_name(column.name), -column.characters


def not_labels(column: Column) -> str:
    """Return what a column holds instead of labels; an empty string if its values may be labels."""
    values, is_usual = list(column.labels), usual_label_name(column.name)
    is_one = len(column.distinct) == 1 if column.counts is None else len(values) == 1
    many = column.counts is None or column.filled <= 1.5 * len(values)
    numerals = [value for value in values if re.fullmatch(r"[0-9]{6,}(\.0)?", value, re.ASCII)]
    if is_continuous(column):
        return ""
    words = re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", column.name.strip())
    are_dates = column.dates > 0.9 * column.filled
    is_numbered = column.numbers == column.filled and words[-1].casefold() in ("id", "ids")
    kinds = {
        DATES_OF_RATINGS: are_dates and is_usual and len(values) <= _MOST_RATINGS,
        "dates": are_dates,
        SPLITS: is_split_column(column.name, {key: count for key, (_, count) in column.labels.items()}),
        TEXTS: (column.is_text and many and not is_usual) or max(map(len, values), default=0) > _LONGEST_LABEL,
        "another value in every row, as ids have": is_id_like(len(column.distinct), column.filled, column.name),
        ONE_VALUE: is_one,
        "large numbers, as times and ids are": 0 < len(values) == len(numerals) and (many or not is_usual),
        MANY: column.counts is None,
        f"{len(values)} different values in {column.filled:,} rows": many and not is_usual,
        "ids, as its name says": is_numbered and not has_label_word(column.name),
    }
    return next((kind for kind, holds in kinds.items() if holds), "")


def _names_numbers_of(column: Column, others: Sequence[Column]) -> bool:
    """Return whether a column has the names of the numbers in one of others, such as `label_text` beside `label`.

    Each name has then as many rows as a number.
    """
    if any(map(is_number, column.labels)):
        return False
    ends, name = ("text", "name", "names", "str"), plain_name(column.name)
    others = [other for other in others if name in [plain_name(other.name) + end for end in ends]]
    others = [other for other in others if all(map(is_number, other.labels))]
    rows = sorted(count for _, count in column.labels.values())
    return any(rows == sorted(count for _, count in other.labels.values()) for other in others)


def label_candidates(columns: Sequence[Column]) -> list[Column]:
    """Return the columns that may have the labels, the likeliest first: continuous numbers only if there are no others.

    A score often stands beside the label that it led to.
    """
    few = [each for each in columns if not is_continuous(each)]
    return sorted(few or columns, key=label_rank)


def is_continuous(column: Column) -> bool:
    """Return whether the values may be labels that are continuous numbers: from 0 to 1, -1 to 1, or of a usual name.

    Measures of another kind, such as a confidence or a price, are not.
    """
    many = column.counts is None or len(column.labels) > _MOST_LABELS
    if not many or column.numbers < 0.5 * column.filled or not words_of(column.name).isdisjoint(MEASURES | NOT_LABELS):
        return False
    numbers = [as_number(key) or 0.0 for key in column.numerals]
    if not numbers or (column.fractions == 0 and not usual_label_name(column.name)):
        return False
    of_unit = min(numbers) >= -1 and max(numbers) <= 1
    return of_unit or (has_label_word(column.name) and min(numbers) >= -100 and max(numbers) <= 100)


def is_id_like(different: int, rows: int, name: str) -> bool:
    """Return whether so many different values in so many rows are ids; in few rows, the name of the column counts."""
    if different != rows or rows < 2:
        return False
    return rows > _MOST_LABELS or plain_name(name) in ID_NAMES or (rows >= _FEW_ROWS and not usual_label_name(name))


def has_clear_name(column: Column) -> bool:
    """Return whether nothing else than labels is called so."""
    return plain_name(column.name) in ("label", "labels", "sentiment", "polarity")


def may_be_numbers_of_classes(column: Column) -> bool:
    """Return whether the labels are three or more numbers in a column called so that they may be classes or ratings."""
    names = ("label", "labels", "class", "target", "category", "topic", "emotion", "intent", "classindex", "labelid")
    keys = list(column.labels)
    return len(keys) > 2 and plain_name(column.name) in names and all(map(is_number, keys))


def label_rank(column: Column) -> tuple[bool, bool, bool, bool, int, int]:
    """Return how likely a column has labels, by its name and values: the least is the likeliest."""
    words = words_of(column.name)
    return (
        not usual_label_name(column.name),
        not _have_meaning(column),
        not has_label_word(column.name),
        not words.isdisjoint(NOT_LABELS),
        ("positive", None, "negative").index(column_polarity(column.name)),
        len(column.labels),
    )


def best_may_be_least(column: Column) -> bool:
    """Return whether the labels are marks from 1 on that no name tells apart from those of which 1 is the best."""
    keys = list(column.labels)
    numbers = [float(key) for key in keys if is_number(key)]
    known = usual_label_name(column.name) or not STARS.isdisjoint(words_of(column.name))
    return not known and len(numbers) > 2 and min(numbers) == 1 and bool(suggest(keys).assumption)


def _have_meaning(column: Column) -> bool:
    """Return whether the values are words or stars with a known meaning. Numbers may mean anything."""
    keys = column.labels
    return not all(map(is_number, keys)) and (suggest(keys).is_complete or class_spellings(keys) is not None)


def _may_be_group(column: Column) -> bool:
    """Return whether reviews with the same value may belong together. Those of the same confidence or day do not."""
    are_numbers = column.numbers > 0.9 * column.filled
    is_measured = are_numbers and (
        column.fractions > 0.05 * column.filled or not words_of(column.name).isdisjoint(AMOUNTS)
    )
    repeats = len(column.distinct) > _FEW_GROUPS and 1.2 * len(column.distinct) < column.filled
    return repeats and not is_measured and column.dates < 0.9 * column.filled and column.length < 60
