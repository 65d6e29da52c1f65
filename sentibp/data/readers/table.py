"""The rows of a source as a table of columns, and what a table must have to be read.

Every reader returns a Table, whose rows are read in batches only when somebody asks for them. A training collects its
columns with texts, labels, weights and groups (records.py); prediction reads the batches one after the other.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from sentibp.data.readers.content import count_bytes, long_line
from sentibp.errors import DataError, NoLabels
from sentibp.utils.arrow import offsets_of
from sentibp.utils.limits import LARGEST_RECORD_MB, MB, RECORD_MB
from sentibp.utils.messages import truncated
from sentibp.utils.near_names import folded_name
from sentibp.utils.repair import set_option

Batch = dict[str, pa.Array]  # the values of some rows by the name of their column

JsonRow = tuple[int, dict[str, Any], str]  # line, object, and the text of the object

USUAL_NAMES = {  # without capitals and punctuation
    "text": (
        *("text", "review", "reviewtext", "reviewbody", "content", "comment", "comments", "tweet", "tweettext"),
        *("sentence", "phrase", "body"),
    ),
    "label": (
        *("label", "labels", "sentiment", "airlinesentiment", "polarity", "stars", "star", "rating", "overall"),
        *("score", "class", "target", "category", "topic", "emotion", "intent"),
    ),
}

ID_NAMES = ("id", "ids", "uid", "rowid", "row", "index", "idx", "nr", "no", "number", "key", "unnamed0", "")
"""Of columns with ids, likewise."""

_STRINGS = ("string", "large_string", "string_view")

JOIN = "join its words to one string"
ONE_LABEL = "a text has one label here: write it alone, or true and false for whether the list has one of them"
"""The repairs for a list in the place of a text, and of a label."""


def plain_name(name: str) -> str:
    """Return the name of a column without capitals and punctuation, as USUAL_NAMES has it."""
    return re.sub(r"[\W_]+", "", name).casefold()


class WrongKind(DataError):
    """A column has a value that no column of its role can have, such as a list."""

    def __init__(self, line: str, column: str):
        super().__init__(line)
        self.column = column


class MissingColumn(DataError):
    """A source lacks columns that are to be read."""

    def __init__(self, *lines: str, place: str, missing: Sequence[tuple[str, str]], present: Sequence[str] = ()):
        """`missing` has the role, such as text or label, and the name of each missing column; `present` the others."""
        super().__init__(*lines)
        self.place, self.missing, self.present = place, tuple(missing), tuple(present)

    @property
    def names(self) -> list[str]:
        """The names of the missing columns."""
        return [name for _, name in self.missing]

    @property
    def roles(self) -> set[str]:
        """What they are for."""
        return {role for role, _ in self.missing}

    def with_line(self, line: str) -> MissingColumn:
        """Return the error with another message."""
        return type(self)(line, place=self.place, missing=self.missing, present=self.present)


class MissingLabels(MissingColumn, NoLabels):
    """A source lacks the column of the labels, and no other column holds labels."""


class ReadOptions(NamedTuple):
    """How a file is read: the names of the columns with texts, labels, weights and groups; names; encoding; dialect.

    A label, weight or group of None is not read.
    """

    text: str | tuple[str, ...] = "text"  # several columns are joined
    label: str | None = None
    weight: str | None = None
    group: str | None = None
    names: tuple[str, ...] | None = None  # of the columns, for a file that has no header
    encoding: str | None = None  # None: UTF-8
    sheet: str | None = None  # of a workbook; None: the first that has content
    separator: str | None = None  # of the fields in a row; None: it is found
    quoting: Literal["double", "backslash", "none"] | None = None  # None: it is found
    most: int = round(RECORD_MB * MB)  # bytes of a record
    label_values: tuple[str, ...] = ()  # what data.labels lists, normalized: subfolders of texts that are classes, too
    places: bool = False  # whether the places of the rows are read, too
    inherited: frozenset[str] = frozenset()  # of these fields: those of a training, for files that they fit only

    @property
    def texts(self) -> tuple[str, ...]:
        """The names of the columns with texts."""
        return (self.text,) if isinstance(self.text, str) else self.text

    def wanted(self) -> list[tuple[str, str]]:
        """Return (role, column name) for the columns to read."""
        roles = (("label", self.label), ("weight", self.weight), ("group", self.group))
        return [("text", name) for name in self.texts] + [(role, name) for role, name in roles if name is not None]

    def wanted_columns(self) -> list[str]:
        """Return the names of the columns to read, each once."""
        return list(dict.fromkeys(name for _, name in self.wanted()))


TEXTS, LABELLED = ReadOptions(), ReadOptions(label="label")


class Notes(Sequence[str]):
    """Notes of several sequences, which may still become more; each note once."""

    def __init__(self, *notes: Sequence[str]):
        self._notes = notes

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        return self._all()[i]

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> list[str]:
        return list(dict.fromkeys(itertools.chain(*self._notes)))


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one source, which are not yet read."""

    name: str  # of the source, as the user wrote it
    columns: tuple[str, ...]  # their names
    batches: Callable[[list[str]], Generator[Batch]]  # read these columns, from the first row on
    places: Callable[[], Iterator[str]]  # of each row in its file, such as "reviews.csv:17"; may be slow
    header: str  # the place of the names of the columns, such as "reviews.csv:1"
    types: pa.Schema | None = None  # the types of the columns, if they are known before reading
    whole: tuple[str, ...] = ()  # the columns of the source itself, if `columns` has the fields of its structs
    objects: Callable[[], Iterator[JsonRow]] | None = None  # of the rows, if they are JSON
    value_names: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of 0, 1, ... in a column, if it says them
    classes: str = ""  # the column that the source itself says has the classes
    fixed_labels: bool = False  # labels are 0/1 or neg/pos by construction: data.labels does not apply
    notes: Sequence[str] = ()  # messages for the user about what was assumed; reading the rows may add some

    def where(self, row: int) -> str:
        """Return the place of a row; may be slow."""
        return next(itertools.islice(self.places(), row, None))

    def with_notes(self, notes: Sequence[str]) -> Table:
        """Return the table with these notes before its own."""
        return replace(self, notes=Notes(notes, self.notes)) if notes else self


def numbered(place: str, rows: range | None = None) -> Callable[[], Iterator[str]]:
    """Return what yields places that end with the number of a row: those of `rows`, or 1, 2, ... without end."""
    return lambda: (f"{place}{number}" for number in (itertools.count(1) if rows is None else rows))


UNKNOWN = LARGEST_RECORD_MB * MB  # the size of a record of which only the beginning has been read


def too_long(place: str, what: str, size: int, most: int, repair: str = "") -> DataError:
    """Return the error for a record that is longer than `most` bytes. `size` is its length, or an upper bound of it."""
    megabytes = -(-size // MB)
    if megabytes <= LARGEST_RECORD_MB:
        larger = f"to read it: {set_option('data.max_record_mb', megabytes)}"
    else:
        larger = "cut it into several"
    return DataError(
        f"{place}: {what} of more than {most / MB:,.6g} MB; {', or '.join(filter(None, [repair, larger]))}"
    )


def require_short(texts: pa.LargeStringArray, most: int, where: Callable[[int], str]) -> None:
    """Raise a DataError for the first text that is longer than `most` bytes. `where` returns the place of a row."""
    if not len(texts) or texts.nbytes <= most:
        return
    length = np.diff(offsets_of(texts))
    if len(long := np.flatnonzero(length > most)):
        row = int(long[0])
        raise too_long(where(row), "a text", int(length[row]), most)


def require_short_lines(data: memoryview, name: str, most: int) -> None:
    """Raise a DataError for the first line that is longer than `most` bytes, before any line is read."""
    if (found := long_line(data, most)) is not None:
        start, end = found
        breaks, returns = count_bytes(data[:start], b"\n\r")
        raise too_long(f"{name}:{1 + (breaks or returns)}", "a line", end - start, most)


def require_readable(table: Table, options: ReadOptions) -> ReadOptions:
    """Return the options with the names of the columns as the table writes them (`resolved`).

    DataError if a column to read is missing, or its type does not fit its role.
    """
    options = resolved(options, table.columns)
    wanted = options.wanted_columns()
    kinds = itertools.repeat(None) if table.types is None else table.types.types
    names = [name for name, kind in zip(table.columns, kinds) if name in wanted or not _is_nested(kind)]  # noqa: B905
    require_columns(table.header, names, options)
    if table.types is not None:
        _require_types(table.name, table.types, options)
    return options


def _is_nested(kind: pa.DataType | None) -> bool:
    """Return whether the values of a column, whose type may be unknown, are lists or the like."""
    return kind is not None and pa.types.is_nested(kind)


def resolved(options: ReadOptions, columns: Sequence[str]) -> ReadOptions:
    """Return the options with the names of the wanted columns as the table writes them.

    A name that the table lacks stands for the only column that differs in capitals or in space around the name.
    """

    def written(name: str | None) -> str | None:
        same = [column for column in columns if name is not None and folded_name(column) == folded_name(name)]
        return same[0] if name not in columns and len(same) == 1 else name

    texts = options.text
    text = written(texts) if isinstance(texts, str) else tuple(map(written, texts))
    roles = {role: written(getattr(options, role)) for role in ("label", "weight", "group")}
    return options._replace(text=text, **roles)


class LabelChoice(Protocol):
    """The columns of a table that may hold its labels."""

    @property
    def names(self) -> Sequence[str]:
        """Their names, the likeliest first."""
        ...

    @property
    def taken(self) -> str:
        """What the column has that was read as labels, if these are none, such as ids."""
        ...

    def repair(self, wanted: str) -> str:
        """Return what to do, as there are no labels in the column that is `wanted`."""
        ...


def require_columns(
    place: str, names: Iterable[object], options: ReadOptions, labels: LabelChoice | None = None
) -> None:
    """Raise a DataError for every column to read that occurs twice, and MissingColumn for every one that is missing.

    A column of labels that has the texts counts as missing. `labels` says which other columns may hold labels, if their
    values are known.
    """
    present = [str(name) for name in names]
    wrong, missing = [], []
    for role, name in options.wanted():
        if present.count(name) == 1 and not (role == "label" and name in options.texts):
            continue
        if present.count(name) > 1:
            wrong.append(f"{place}: two columns are called {name!r}; rename one")
            continue
        fact = f"{name!r} is the text column, and has no labels" if name in present else f"no {name!r}"
        others = labels if role == "label" else None
        repair = _other_column(role, name, present, options) if others is None else others.repair(name)
        wrong.append(f"{place}: {fact}; {repair}")
        missing.append((role, name))
    if missing:
        kind = MissingLabels if labels is not None and not labels.names else MissingColumn
        raise kind(*wrong, place=place, missing=missing, present=present)
    if wrong:
        raise DataError(*wrong)


def _other_column(role: str, name: str, present: Sequence[str], options: ReadOptions) -> str:
    """Return the repair for a missing column: the option that names another, and the columns to choose from."""
    taken = options.wanted_columns()
    free = [each for each in present if each not in taken]
    if role == "label":
        return label_repair(name, free)
    choice, key = _listed(present), f"data.{role}_column"
    if role in ("weight", "group"):
        return f"choose from {choice}, or use none with --set {key}=null"
    meant = _meant_column(role, name, free)
    if not present:
        return "there are no columns; give each row one with the text"
    if meant is None:
        return f"name it with --set {key}=NAME, one of: {choice}"
    return f"did you mean {column_option(role, name, meant, options)}? There are: {choice}"


def column_option(role: str, name: str, other: str, options: ReadOptions) -> str:
    """Return the option that reads another column in place of the one called `name`."""
    several = role == "text" and not isinstance(options.text, str)
    value = [other if each == name else each for each in options.texts] if several else other
    return set_option(f"data.{role}_column", value)


def label_repair(wanted: str, names: Sequence[str], stated: str = "") -> str:
    """Return the option that names another column of labels than the one that is wanted, of those that may be it.

    `stated` is the one that the source itself says has them.
    """
    if not names:
        return "add a column with the label of each review"
    meant = stated if stated in names else _meant_column("label", wanted, names)
    if meant is None:
        return f"name it with --set data.label_column=NAME, one of: {_listed(names)}"
    return f"did you mean {set_option('data.label_column', meant)}? There are: {_listed(names)}"


def brief(name: str) -> str:
    """Return the name of a column, or its beginning, as messages show it."""
    return truncated(name, 40)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(brief, names[:20]))


def _meant_column(role: str, name: str, present: Sequence[str]) -> str | None:
    """Return the column whose name differs least from the missing one, or is usual for such a column, or None."""
    plain = {plain_name(each): each for each in reversed(present)}
    same = plain.get(plain_name(name))
    near = difflib.get_close_matches(name, present, 1, 0.8)
    usual = [plain[each] for each in USUAL_NAMES[role] if each in plain]
    return same or next(iter(near), None) or next(iter(usual), None)


_KEYS = {"names": "columns"}  # settings that ReadOptions calls otherwise


def is_set(field: str, options: ReadOptions) -> bool:
    """Return whether the user has set how this file is read; what is inherited from a training may not fit it."""
    return getattr(options, field) is not None and field not in options.inherited


def require_unset(name: str, fact: str, options: ReadOptions, fields: Sequence[str]) -> None:
    """Raise a DataError for each of these settings that the user has set; they cannot apply, because of the fact."""
    keys = [f"data.{_KEYS.get(field, field)}" for field in fields if is_set(field, options)]
    if keys:
        raise DataError(
            *(f"{name}: {fact}, so {key} does not apply; leave it out with --set {key}=null" for key in keys)
        )


def require_no_columns(name: str, options: ReadOptions) -> None:
    """Raise MissingColumn if weights or groups are to be read from a format that has no columns."""
    require_no_weights_or_groups(name, options, "has no columns to take {}s from")


def require_no_weights_or_groups(name: str, options: ReadOptions, fact: str) -> None:
    """Raise MissingColumn if weights or groups are to be read, with the fact, which has the role in the place of {}."""
    missing = [(role, column) for role, column in options.wanted() if role in ("weight", "group")]
    if missing:
        lines = (
            f"{name}: {fact.replace('{}', role)}; leave them out with --set data.{role}_column=null"
            for role, _ in missing
        )
        raise MissingColumn(*lines, place=name, missing=missing)


def _require_types(name: str, schema: pa.Schema, options: ReadOptions) -> None:
    """Raise a DataError for the first column whose type does not fit its role."""
    for role, column in options.wanted():
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_nested(kind) or (role == "text" and str(kind) not in _STRINGS):
            need = "text" if role == "text" else "a string or a number"
            other = f"name another with --set data.{role}_column=NAME"
            if pa.types.is_list(kind) or pa.types.is_large_list(kind):
                other += f", or {JOIN}" * (role == "text") + f"; {ONE_LABEL}" * (role == "label")
            raise DataError(f"{name}: {column!r} is {kind}, not {need}; {other}")
