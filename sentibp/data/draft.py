"""Draft a config for a file of reviews: what the file shows is filled in, what only its owner knows is left open."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import override_data
from sentibp.config.schema import Data
from sentibp.data import readers, sources
from sentibp.data.column_names import has_label_word, is_seldom_label, usual_label_name, usual_text_name
from sentibp.data.columns import (
    Profile,
    has_clear_name,
    profile_table,
)
from sentibp.data.draft_labels import (
    OTHERS,
    SHOWN,
    Line,
    class_counts,
    label_lines,
    labels_advice,
    printable,
    single_labels_advice,
)
from sentibp.data.opposite_texts import as_reviews, opposite_texts
from sentibp.data.reader_settings import READER_SETTINGS, open_as_suggested
from sentibp.data.readers.split_column import split_column, split_column_note
from sentibp.data.readers.splits import canonical
from sentibp.data.readers.table import ReadOptions, Table, require_columns, require_readable, resolved
from sentibp.data.split import possible_share
from sentibp.errors import ConfigError, DataError
from sentibp.utils.messages import counted
from sentibp.utils.repair import PLACEHOLDER, as_yaml, set_option

_COLUMNS = ("text_column", "label_column", "weight_column", "group_column")

_AS_MANY = 0.3  # of the characters of the texts, at least, in another column that may have them
_LONG = 400  # characters of a text on average: several sentences


class Draft(NamedTuple):
    """A config, and what is open in it."""

    lines: list[str]
    rows: int
    open_lines: list[tuple[int, str]]  # (line, what to fill in there)
    notes: Sequence[str]  # of the reader
    advice: Sequence[str]  # on the settings to choose


def draft_config(path: Path, name: str, folder: Path, overrides: Sequence[str] = ()) -> Draft:
    """Draft the config, in `folder`, for a file or folder of reviews. DataError if it cannot be read.

    `overrides` are settings `data.KEY=VALUE`; the config has them as they are.
    """
    given = _given(overrides)
    settings, table, taken = open_as_suggested(path, name, given)
    if table.columns and min(map(table.columns.count, table.columns)) > 1:
        repeated = [f"{column!r}" for column in dict.fromkeys(table.columns)]
        raise DataError(*(f"{name}: several columns are called {column}; rename all but one" for column in repeated))
    given |= _columns_as_written(table, given)
    text = given.get("text_column")
    profile = profile_table(table, text[-1] if isinstance(text, list) else text, given.get("label_column"))
    if not profile.rows:
        raise DataError(f"{name}: empty; give a file with reviews")
    if profile.label is None:
        _say_where_labels_are(path, name, table, profile)
    opposite = None if "text_column" in given else opposite_texts(profile.columns)
    as_rows = "" if opposite is None else as_reviews(path, opposite, settings.get("encoding"))
    if as_rows and "label_column" not in given and not (profile.label and has_label_word(profile.label.name)):
        raise DataError(f"{name}: {as_rows}; or name the labels: sentibp init {shlex.quote(name)} --label-column NAME")
    where = os.path.relpath(path.absolute(), folder.absolute())
    where = where if os.sep in where or "." in where else os.path.join(os.curdir, where)  # no built-in name
    body: list[Line] = [(f"  source: {as_yaml(where)}", "")]
    body += [(f"  {key}: {as_yaml(value)}{_why(key)}", "") for key, value in settings.items()]
    body += _with_given(
        given, [] if table.fixed_labels else [*_texts(profile), *label_lines(profile), *_groups(profile)]
    )
    validation, why = ("", "") if "validation" in given else _validation(path, name, profile, given)
    body += [(f"  validation: {validation}  # {why}", "")] if why else []
    head = _head(name, profile, table)
    open_lines = [(len(head) + i, what) for i, (_, what) in enumerate(body, 1) if what]
    lines = [*head, *(line for line, _ in body)]
    advice = [] if table.fixed_labels or "labels" in given else labels_advice(profile)
    if validation == 0:
        advice += single_labels_advice(profile, given)
    if not table.fixed_labels and "group_column" not in given:
        lines += _without_names(profile)
    notes = [] if table.fixed_labels or "label_column" in given else _other_labels(profile, name)
    notes += [] if table.fixed_labels or "text_column" in given or as_rows else _other_texts(profile, name)
    notes = [*taken, *dict.fromkeys(table.notes), *_repeated(table, name), *notes, *_splits(profile, name)]
    notes += [f"{name}: {as_rows}"] if as_rows else []
    return Draft(lines, profile.rows, open_lines, notes, advice)


def _head(name: str, profile: Profile, table: Table) -> list[str]:
    """Return the lines of a config before its settings."""
    return [
        f"# Written by sentibp init for {printable(name)}: {counted(profile.rows, 'row')}, "
        f"{counted(len(table.columns), 'column')}.",
        "# Settings that are not here have their defaults: sentibp config show short_texts",
        "# (for short texts in English; for others: from_scratch; for texts of 60 words and more: long_texts).",
        "data:",
    ]


def _repeated(table: Table, name: str) -> list[str]:
    """Return a note on each name that several columns share: `init` uses none of them."""
    count = Counter(table.columns)
    several = [column for column in count if count[column] > 1 and column]
    return [
        f"{name}: {count[each]} columns are called {each!r}, and are not used; rename all but one" for each in several
    ]


def _say_where_labels_are(path: Path, name: str, table: Table, profile: Profile) -> None:
    """Raise a DataError if a file beside this one has the other class, or a column that is called label has lists."""
    readers.reject_other_class(path, name)
    for column in filter(usual_label_name, profile.nested):
        options = require_readable(table, ReadOptions((), label=column))
        with contextlib.closing(table.batches(options.wanted_columns())) as batches:
            next(batches, None)


def _splits(profile: Profile, name: str) -> tuple[str, ...]:
    """Return a note if a column says that the rows are for training and for tests."""
    columns = {column.name: column for column in profile.columns}
    split = split_column(list(columns), [profile.label.name] if profile.label else [])
    if split is None or (counts := columns[split].counts) is None:
        return ()
    return split_column_note(name, split, {value.strip().casefold(): count for value, count in counts.items()})


def _columns_as_written(table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given names of columns as the table writes them. MissingColumn if it has none of that name."""
    names = {key: given[key] for key in _COLUMNS if key in given}
    if not names or table.fixed_labels:
        return names
    data = Data.model_validate(names)
    wanted = sources.read_options(data, labelled="label_column" in names)
    if "text_column" not in names:
        wanted = wanted._replace(text=())
    options = resolved(wanted, table.columns)
    require_columns(table.header, table.columns, options)
    texts = options.text if isinstance(options.text, str) else list(options.text)
    found = {
        "text_column": texts,
        "label_column": options.label,
        "weight_column": options.weight,
        "group_column": options.group,
    }
    return {key: value for key, value in found.items() if key in names}


def _with_given(given: Mapping[str, Any], drafted: Sequence[Line]) -> list[Line]:
    """Return the drafted lines, where the given settings replace those that are drafted for them."""
    rest = [key for key in given if key not in READER_SETTINGS]
    lines: list[Line] = []
    key = ""
    for line, what in drafted:
        if not line.startswith(("   ", "  #")):
            key = line.strip().partition(":")[0]
        if line.startswith("  #"):
            lines += [(line, what)] * (line[2:].lstrip("# ").partition(":")[0] not in rest)
        elif key not in rest:
            lines.append((line, what))
        elif not line.startswith("   "):
            lines.append((f"  {key}: {as_yaml(given[key])}{_comment(line) if key in _COLUMNS else ''}", ""))
    written = {line.strip().partition(":")[0] for line, _ in lines}
    return lines + [(f"  {key}: {as_yaml(given[key])}", "") for key in rest if key not in written]


def _comment(line: str) -> str:
    """Return the comment at the end of a line that `_texts` or `_labels` has written, if it says what a column has."""
    column, mark, comment = line.partition("  # ")
    return "" if PLACEHOLDER in column else mark + comment


def _other_labels(profile: Profile, name: str) -> list[str]:
    """Return a note if other columns than the chosen one may have the labels."""
    chosen, others = profile.label, [each for each in profile.other_labels if each.length <= SHOWN]
    if chosen is not None and not profile.is_stated and not others and is_seldom_label(chosen.name):
        fact = (
            f"{name}: {printable(chosen.name)!r} is taken as the column with the labels, though its name says otherwise"
        )
        return [f"{fact}; if they are in another column, choose it with --set data.label_column=NAME"]
    is_clear = chosen is not None and has_clear_name(chosen)
    if (
        profile.is_stated
        or chosen is None
        or not others
        or (is_clear and not any(usual_label_name(each.name) for each in others))
    ):
        return []
    listed = ", ".join(repr(printable(each.name)) for each in others[:OTHERS]) + ", ..." * (len(others) > OTHERS)
    fact = f"{name}: {printable(chosen.name)!r} is taken as the column with the labels; {listed} may be, too"
    return [f"{fact}: choose with --set data.label_column=NAME"]


def _other_texts(profile: Profile, name: str) -> list[str]:
    """Return a note if another column may have the texts as well: its name says as much, and it has as many words."""
    columns = {column.name: column for column in profile.columns}
    if profile.text is None or not (others := [columns[each] for each in profile.other_texts]):
        return []
    chosen, is_usual = columns[profile.text], usual_text_name(profile.text)
    others = [each for each in others if not is_usual or usual_text_name(each.name)]
    others = [each for each in others if each.characters > _AS_MANY * chosen.characters][:OTHERS]
    if not others:
        return []
    listed = ", ".join(repr(printable(each.name)) for each in others)
    fact = f"{name}: {printable(chosen.name)!r} is taken as the column with the texts; {listed} may be, too"
    joined = set_option("data.text_column", [chosen.name, *(each.name for each in others)])
    return [f"{fact}: choose with --set data.text_column=NAME, or join them with {joined}"]


def _without_names(profile: Profile) -> list[str]:
    """Return how to leave names out, as comments, if a column says which of long texts belong together."""
    length = next((column.length for column in profile.columns if column.name == profile.text), 0)
    if not profile.groups or length < _LONG:
        return []
    return [
        "",
        "# If group_column is used, and the language writes only names with a capital (unlike German), scores may be",
        "# better without the names of films, products or people, which say little about others:",
        "# text:",
        "#   names: false",
    ]


def _validation(path: Path, name: str, profile: Profile, given: Mapping[str, Any]) -> tuple[str | float, str]:
    """Return the split to score on, or the share of the reviews to hold out, and what that is."""
    try:
        if canonical(given.get("split", "train")) != "validation" and readers.has_splits(path):
            readers.open_table(path, name, sources.read_options(Data(), labelled=False), "validation")
            return "validation", "the split to score on; `sentibp eval --data` scores the test split"
    except DataError:  # there is no such split
        pass
    counts = class_counts(profile, given)
    share, why = possible_share(counts), "the share to hold out and score on"
    if not share:
        why = "a class has too few reviews to hold one out and score on it"
    elif small := sum(round(share * n) == 0 for n in counts):
        why += f", but for {counted(small, 'class')} with too few reviews"
    elif share > 0.1:  # the usual one
        why += ", so that each class has a review there"
    return share, f"{why}; or a file of its own, such as dev.csv"


def _given(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the settings of overrides. ConfigError for that of the source, which is the file itself."""
    data = override_data(Data(), overrides)
    given = {key: getattr(data, key) for key in Data.model_fields if key in data.model_fields_set}
    if "source" in given:
        raise ConfigError("data.source: is the FILE that the config is written for; leave it out")
    return {key: value for key, value in given.items() if value is not None}


def _why(key: str) -> str:
    return "  # the file has no header; correct the names" if key == "columns" else ""


def _texts(profile: Profile) -> Iterator[Line]:
    names = ", ".join(as_yaml(column.name) for column in profile.columns)
    if profile.text is None:
        yield (
            f"  text_column: {PLACEHOLDER}  # fill in; the columns are {printable(names)}",
            (f"the column with the texts, one of: {printable(names)}"),
        )
        return
    column = next(column for column in profile.columns if column.name == profile.text)
    about = f"{column.length:.0f} characters on average: {as_yaml(printable(column.example))}"
    yield f"  text_column: {as_yaml(profile.text)}  # {about}", ""
    if profile.other_texts:
        joined = as_yaml([*profile.other_texts[:2], profile.text])
        yield f"  # text_column: {joined}  # joins the texts of several columns", ""


def _groups(profile: Profile) -> Iterator[Line]:
    for column in profile.groups[:3]:
        yield (
            f"  # group_column: {as_yaml(column.name)}  # {len(column.distinct):,} values in {column.filled:,} rows: "
            "keeps the reviews of each on one side of the cut",
            "",
        )
