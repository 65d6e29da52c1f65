"""Draft a config for a file of reviews: what the file shows is filled in, what only its owner knows is left open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import override_data
from sentibp.config.schema import Data
from sentibp.data import readers, sources
from sentibp.data.class_columns import class_columns_repair
from sentibp.data.columns import (
    Column,
    Profile,
    best_may_be_least,
    has_clear_name,
    not_labels,
    profile_table,
    usual_label_name,
)
from sentibp.data.labels import default_class
from sentibp.data.reader_settings import READER_SETTINGS, open_as_suggested
from sentibp.data.readers.split_column import split_column, split_column_note
from sentibp.data.readers.splits import canonical
from sentibp.data.readers.table import Table, require_columns, resolved
from sentibp.data.split import possible_share
from sentibp.errors import ConfigError, DataError
from sentibp.utils import label_mapping
from sentibp.utils.label_key import WITHOUT, label_key, label_value
from sentibp.utils.messages import counted, one_line
from sentibp.utils.repair import PLACEHOLDER, as_yaml, set_option

_COLUMNS = ("text_column", "label_column", "weight_column", "group_column")

_OTHERS = 4  # columns that may have the labels, at most, in a note

_SHOWN = 50  # characters of an example
_printable = partial(one_line, width=_SHOWN)

_LONG = 400  # characters of a text on average: several sentences


Line = tuple[str, str]  # of the config, and what to fill in there; "" if nothing


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
    where = os.path.relpath(path.absolute(), folder.absolute())
    where = where if os.sep in where or "." in where else os.path.join(os.curdir, where)  # no built-in name
    body: list[Line] = [(f"  source: {as_yaml(where)}", "")]
    body += [(f"  {key}: {as_yaml(value)}{_why(key)}", "") for key, value in settings.items()]
    body += _with_given(given, [] if table.fixed_labels else [*_texts(profile), *_labels(profile), *_groups(profile)])
    body += [] if "validation" in given else _validation(path, name, profile, given)
    head = [
        f"# Written by sentibp init for {_printable(name)}: {counted(profile.rows, 'row')}, "
        f"{counted(len(table.columns), 'column')}.",
        "# Settings that are not here have their defaults: sentibp config show short_texts",
        "# (for short texts in English; for others: from_scratch; for texts of 60 words and more: long_texts).",
        "data:",
    ]
    open_lines = [(len(head) + i, what) for i, (_, what) in enumerate(body, 1) if what]
    lines = [*head, *(line for line, _ in body)]
    advice = [] if table.fixed_labels or "labels" in given else [*_as_classes_advice(profile), *_marks_advice(profile)]
    if not table.fixed_labels and profile.label is None and (by_class := class_columns_repair(profile.texts, name)):
        advice.append(by_class)
    if not table.fixed_labels and "group_column" not in given:
        lines += _without_names(profile)
    notes = [] if table.fixed_labels or "label_column" in given else _other_labels(profile, name)
    notes = [*taken, *dict.fromkeys(table.notes), *notes, *_splits(profile, name)]
    return Draft(lines, profile.rows, open_lines, notes, advice)


def _splits(profile: Profile, name: str) -> tuple[str, ...]:
    """Return a note if a column says that the rows are for training and for tests."""
    columns = {column.name: column for column in profile.columns}
    split = split_column(list(columns), [])
    if split is None or (counts := columns[split].counts) is None:
        return ()
    return split_column_note(name, split, {value.strip().casefold(): count for value, count in counts.items()})


def _as_classes_advice(profile: Profile) -> list[str]:
    """Return how to get a config with a class for each label, if these are not known to be negative and positive."""
    keys = _keys(profile.label) if profile.label is not None else []
    if profile.label is None or len(keys) < 2 or _mapping(keys, profile.label.name).is_complete:
        return []
    classes = label_mapping.class_spellings(keys)
    option = set_option("data.labels", _class_setting(keys, [value for value, _ in _without(profile.label)]))
    unordered = f" {set_option('data.ordered', False)}" * (classes is None)
    return [f"for a class each instead of negative and positive, add {option}{unordered}"]


def _marks_advice(profile: Profile) -> list[str]:
    """Return what to do if 1 is the best mark, where the labels are marks that begin with 1."""
    if profile.label is None or not best_may_be_least(profile.label):
        return []
    keys = _keys(profile.label)
    fact = _mapping(keys, profile.label.name).assumption
    return [f"{fact}; if 1 is the best mark, as in schools of some countries, swap the lists negative and positive"]


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
    chosen, others = profile.label, [each for each in profile.other_labels if each.length <= _SHOWN]
    is_clear = chosen is not None and has_clear_name(chosen)
    if chosen is None or not others or (is_clear and not any(usual_label_name(each.name) for each in others)):
        return []
    listed = ", ".join(repr(_printable(each.name)) for each in others[:_OTHERS]) + ", ..." * (len(others) > _OTHERS)
    fact = f"{name}: {_printable(chosen.name)!r} is taken as the column with the labels; {listed} may be, too"
    return [f"{fact}: choose with --set data.label_column=NAME"]


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


def _validation(path: Path, name: str, profile: Profile, given: Mapping[str, Any]) -> Iterator[Line]:
    try:
        if canonical(given.get("split", "train")) != "validation" and readers.has_splits(path):
            readers.open_table(path, name, sources.read_options(Data(), labelled=False), "validation")
            yield "  validation: validation  # the split to score on; `sentibp eval --data` scores the test split", ""
            return
    except DataError:  # there is no such split
        pass
    share, why = possible_share(_class_counts(profile, given)), "the share to hold out and score on"
    why = why if share else "too few reviews to hold some out and score on"
    yield f"  validation: {share}  # {why}; or a file of its own, such as dev.csv", ""


def _class_counts(profile: Profile, given: Mapping[str, Any]) -> list[int]:
    """Return the number of rows of each class; of the two most frequent labels if the classes are not known."""
    labels = {} if profile.label is None else profile.label.labels
    found = {key: count for key, (_, count) in labels.items() if key not in WITHOUT}
    mapping = _mapping(list(found), "" if profile.label is None else profile.label.name)
    setting = given.get("labels") or (mapping.to_setting() if mapping.is_complete else None)
    if setting is None:
        return sorted(found.values())[-2:]
    lists = [values for class_name, values in setting.items() if class_name != "ignore"]
    return [sum(found.get(label_key(value), 0) for value in values) for values in lists]


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
            f"  text_column: {PLACEHOLDER}  # fill in; the columns are {_printable(names)}",
            (f"the column with the texts, one of: {_printable(names)}"),
        )
        return
    column = next(column for column in profile.columns if column.name == profile.text)
    about = f"{column.length:.0f} characters on average: {as_yaml(_printable(column.example))}"
    yield f"  text_column: {as_yaml(profile.text)}  # {about}", ""
    if profile.other_texts:
        joined = as_yaml([*profile.other_texts[:2], profile.text])
        yield f"  # text_column: {joined}  # joins the texts of several columns", ""


def _labels(profile: Profile) -> Iterator[Line]:
    """Yield the column of the labels, others that may be it, and what the labels mean."""
    label = profile.label
    if label is None or label.counts is None:
        yield _no_label_column(profile)
        return
    values = sorted(label.labels.values(), key=lambda each: -each[1])
    shown = ", ".join(f"{_printable(value)} ({count:,})" for value, count in values)
    yield f"  label_column: {as_yaml(label.name)}  # {shown}", ""
    for other in profile.other_labels[:_OTHERS]:
        few = _printable(", ".join(value for value, _ in other.labels.values()))
        yield f"  # label_column: {as_yaml(other.name)}  # {few}", ""
    keys = [key for value, _ in values if (key := label_key(value)) not in WITHOUT]
    yield from _meanings(label.name, keys, _without(label))


def _keys(label: Column) -> list[str]:
    """Return the normalized labels of a column that do not stand for none."""
    return [key for key in label.labels if key not in WITHOUT]


def _without(label: Column) -> list[tuple[str, int]]:
    """Return the values of rows without a label, such as "" and NULL, as they are written, and the number of rows."""
    empty = sum(count for value, count in (label.counts or {}).items() if not label_key(value))
    return [("", empty)] * bool(empty) + [found for key, found in label.labels.items() if key in WITHOUT]


def _no_label_column(profile: Profile) -> Line:
    others = {column.name: not_labels(column) for column in profile.columns if column.name != profile.text}
    others |= dict.fromkeys(profile.nested, "lists or objects, and a text has one label")
    facts = "; ".join(f"{as_yaml(name)}: {what}" for name, what in others.items())
    few = _printable(", ".join(map(as_yaml, others)))
    return (
        f"  label_column: {PLACEHOLDER}  # fill in; {f'the other columns are {few}' if few else 'no column is left'}",
        f"the column with the labels: no column looks like it{facts and f' ({facts})'}; if there is none, add one",
    )


def _meanings(column: str, keys: list[str], empty: Sequence[tuple[str, int]]) -> Iterator[Line]:
    """Yield which labels are negative and positive, as far as that is known. `empty`: as `_without` returns it."""
    none = [value for value, _ in empty]
    without = f"{counted(sum(count for _, count in empty), 'row')} without a label"
    mapping = _mapping(keys, column)
    settings = mapping.to_setting()
    if len(keys) > 2 or not mapping.is_complete:
        yield from _as_classes(keys, none)
    why = f"  # {mapping.assumption}" if mapping.assumption else ""
    yield f"  labels:{why}", ""
    known = {key for keys in (mapping.negative, mapping.positive, mapping.ignore) for key in keys}
    rest = [key for key in keys if key not in known]
    for kind in ("negative", "positive", "ignore"):
        listed = as_yaml(settings.get(kind, []))
        if PLACEHOLDER in settings.get(kind, []):
            yield (
                f"    {kind}: {listed}  # fill in, of: {_printable(', '.join(rest))}",
                (f"which labels are {kind}, of: {_printable(', '.join(rest))}"),
            )
        elif kind == "ignore" and mapping.is_complete and (rest or empty):
            left_out = [label_value(key) for key in (*mapping.ignore, *rest)]
            why = f"reviews to leave out, and {without}" if empty else "reviews to leave out"
            yield f"    ignore: {as_yaml([*left_out, *none])}  # {why}", ""
        elif kind != "ignore" or settings.get(kind):
            yield f"    {kind}: {listed}", ""
    if not mapping.is_complete:
        example = f"{as_yaml(none)}  # {without}" if empty else "[...]  # labels of reviews to leave out"
        yield f"    {'' if empty else '# '}ignore: {example}", ""


def _mapping(keys: Sequence[str], column: str) -> label_mapping.LabelMapping:
    """Return what the labels of a column mean: as words and numbers say, or by the usual names, such as true and false.

    In a column whose name means negative, such as `is_negative`, 1 and true do.
    """
    mapping = label_mapping.suggest(keys)
    usual = [[key for key in keys if default_class(key) == number] for number in (0, 1)]
    if label_mapping.says_the_reverse(column, keys) and all(usual):
        why = f"{_printable(usual[1][0])} is taken as negative, as the name of the column says"
        return label_mapping.LabelMapping(usual[1], usual[0], [], why)
    return mapping if mapping.is_complete or not all(usual) else label_mapping.LabelMapping(usual[0], usual[1], [])


def _as_classes(keys: list[str], none: list[str]) -> Iterator[Line]:
    """Yield the alternative to two classes, a class for each label, as a comment."""
    classes = label_mapping.class_spellings(keys)
    if len(keys if classes is None else classes) < (2 if classes is None else 3):
        return
    lists = as_yaml(_class_setting(keys, none))
    yield f"  # labels: {lists}  # instead of two classes, one for each label, from the worst to the best", ""
    if classes is None:
        yield "  # ordered: false  # if these classes have no order", ""


def _class_setting(keys: Sequence[str], none: list[str]) -> Any:
    """Return the value of `data.labels` with a class for each label, without the rows that have none: these values."""
    found = label_mapping.class_spellings(keys) or {key: [key] for key in keys}
    if not none and all(same == [name] for name, same in found.items()):
        return list(map(label_value, found))
    setting = {name: list(map(label_value, same)) for name, same in found.items()}
    return setting | ({"ignore": none} if none else {})


def _groups(profile: Profile) -> Iterator[Line]:
    for column in profile.groups[:3]:
        yield (
            f"  # group_column: {as_yaml(column.name)}  # {len(column.distinct):,} values in {column.filled:,} rows: "
            "keeps the reviews of each on one side of the cut",
            "",
        )
