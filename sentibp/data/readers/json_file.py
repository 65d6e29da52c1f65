"""Find the records in a JSON file: on lines, in a list, in an object, or in a table as pandas writes it."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sentibp.data.readers.content import filled_lines, first_bytes, long_line
from sentibp.data.readers.inner_lists import (
    DEPTH,
    any_has_texts,
    has_texts,
    jq,
    notes_on_inner_lists,
    objects,
    reject_classes_of_texts,
    reject_labels_by_text,
    reject_named_numbers,
)
from sentibp.data.readers.json_document import Document
from sentibp.data.readers.json_lines import (
    LOOK,
    Record,
    Rows,
    leaves,
    open_json_lines,
    parse_lines,
    record_table,
    require_once,
)
from sentibp.data.readers.splits import listed
from sentibp.data.readers.table import ReadOptions, Table, require_unset
from sentibp.errors import DataError
from sentibp.utils import environment
from sentibp.utils.environment import size
from sentibp.utils.repair import set_option

_NAMED = "JSON objects name their values"

_LIST, _OBJECT = 5, 12  # bytes of memory for a byte of a list, which is parsed one by one, and of an object


def open_json(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open a JSON file of any of these shapes; all but lines are held in memory while they are read.

    - an object on each line (JSON lines); objects that are written over several lines, one after the other
    - a list of objects, or of lists whose values data.columns names; or of texts, to predict them
    - an object with such a list in it, under any key, also within one more object; what else it holds is not read
    - an object with an object for each review, or with such an object in it, as Firebase writes it
    - what DataFrame.to_json of pandas writes, for every `orient`
    - one object that is one review
    """
    require_unset(name, "JSON has no separators, and quotes of its own", options, ("separator", "quoting"))
    notes: list[str] = []
    if _has_lines(data, options):
        require_unset(name, _NAMED, options, ("names",))
        if first_bytes(data, 1) == b"{":
            records = (record for _, record, _ in parse_lines(data, name))
            notes = notes_on_inner_lists(records, name, options, in_list=False)
        return open_json_lines(data, name, options).with_notes(notes)
    _require_memory(data, name)
    rows = _find_rows(data, name, options, notes)
    return record_table(rows, name, options).with_notes(notes)


def _require_memory(data: memoryview, name: str) -> None:
    """Raise a DataError if a document, which is held in memory as a whole, needs more than there is."""
    needed = (_LIST if first_bytes(data, 1) == b"[" else _OBJECT) * len(data)
    available = environment.memory()
    if needed > available:
        fact = f"a JSON document of {size(len(data))} needs {size(needed)} of memory, and there are {size(available)}"
        raise DataError(f"{name}: {fact}; write an object a line, for example with jq -c, as JSON lines")


def _has_lines(data: memoryview, options: ReadOptions) -> bool:
    """Return whether the file has JSON lines: the first line is all of an object, and more follows or it has texts."""
    first = first_bytes(data, 1)
    if first != b"{":
        return first not in (b"[", b'"')  # and an error, if it is not empty
    if (found := long_line(data, options.most)) is not None and not data[: found[0]].tobytes().strip():
        return bool(first_bytes(data[found[1] :], 1))
    lines = (line for _, line in filled_lines(data))
    try:
        value = json.loads(str(next(lines), "utf-8"), strict=False)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and (has_texts(value, options) or next(lines, None) is not None)


def _find_rows(data: memoryview, name: str, options: ReadOptions, notes: list[str]) -> Rows:
    """Return what reads the records, wherever the file has them, and add notes on what it does not read."""
    document = Document(data, name, options)
    start = document.skip(0)
    if document.text[start] == "[":
        elements = [value for _, value in itertools.islice(document.elements(start), LOOK)]
        notes += notes_on_inner_lists(elements, name, options)
        if elements and all(isinstance(each, list) and any_has_texts(each, options) for each in elements):
            raise DataError(f"{name}: a list of lists of objects; give the objects: {jq((None, None), name)}")
        first = elements[0] if elements else {}
        lists = not isinstance(first, dict | list) and len(list(itertools.islice(document.values(), 2))) == 2
        return functools.partial(_concatenated if lists else _listed, data, name, options)
    value, end = document.value(start)
    if isinstance(value, dict) and (document.skip(end) < len(document.text) or has_texts(value, options)):
        notes += notes_on_inner_lists([value], name, options, in_list=False)
    if document.skip(end) < len(document.text) or isinstance(value, str) or has_texts(value, options):
        return functools.partial(_concatenated, data, name, options)
    reject_named_numbers(value, name, options)
    for key in value:
        require_once(value, key, f"{name}:{document.line(start)}")
    return _find_table(value, data, name, options) or _find_list(value, data, name, options, notes)


def _find_table(value: Record, data: memoryview, name: str, options: ReadOptions) -> Rows | None:
    """Return what reads the records of a table of pandas. None if the object is none."""
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):  # orient="split"
        names = options._replace(names=tuple(map(str, value["columns"])))
        return functools.partial(_listed, data, name, names, ("data",))
    if all(isinstance(value.get(each), list | dict) for each in options.texts):  # orient="columns", or to_dict("list")
        return functools.partial(_by_column, data, name, options, options.texts[0])
    if _has_objects(value) and any_has_texts(value.values(), options):  # orient="index"
        return functools.partial(_by_key, data, name, options)
    return None


def _find_list(value: Record, data: memoryview, name: str, options: ReadOptions, notes: list[str]) -> Rows:
    """Return what reads the list of records in an object, or the object of records in it.

    DataError if it is not clear which one that is.

    If nothing in the object has the text column, the records are such that the error names the columns there are.
    """
    lists = dict(_lists(value))
    fitting = [path for path, records in lists.items() if any_has_texts(_records(records, options), options)]
    keyed = {path: inner.values() for path, inner in objects(value) if _has_objects(inner)}
    keyed = {path: records for path, records in keyed.items() if any_has_texts(records, options)}
    keyed, fitting = ([path for path in paths if not _are_in(path, keyed)] for paths in (keyed, fitting))
    if len(keyed) == 1 and not fitting:
        notes += notes_on_inner_lists(dict(objects(value))[keyed[0]].values(), name, options, keyed[0])
        return functools.partial(_by_key, data, name, options, keyed[0])
    if keyed:
        raise _several(name, lists, fitting + keyed, options)
    for path, records in lists.items() if not fitting else ():
        notes_on_inner_lists(records, name, options, path)
    if len(fitting) == 1 or len(lists) == 1:
        return functools.partial(_listed, data, name, options, (fitting or list(lists))[0])
    alike = _has_objects(value) and len(lists) > 1 and len({path[1:] for path in lists}) == 1  # a list in each record
    if lists and not (alike and not fitting):
        raise _several(name, lists, fitting, options)
    reject_classes_of_texts(value, name, options)
    reject_labels_by_text(value, name, options)
    if not _has_objects(value):
        return functools.partial(_concatenated, data, name, options)
    column, inner = next(iter(value.items()))
    if any(key.isdigit() for key in inner):
        return functools.partial(_by_column, data, name, options, column)
    return functools.partial(_by_key, data, name, options)


def _has_objects(value: Record) -> bool:
    return bool(value) and all(isinstance(each, dict) for each in value.values())


def _lists(value: Record, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list]]:
    """Yield the path and the value of each list of objects or lists, in an object or in objects within it."""
    for key, inner in value.items():
        if isinstance(inner, list) and inner and all(isinstance(each, dict | list) for each in inner[:LOOK]):
            yield (*prefix, key), inner
        elif isinstance(inner, dict) and len(prefix) < DEPTH:
            yield from _lists(inner, (*prefix, key))


def _are_in(path: tuple[str, ...], outer: Iterable[tuple[str, ...]]) -> bool:
    """Return whether what a path leads to is within a record of an outer one, such as the replies to a review."""
    return any(len(path) > len(each) and path[: len(each)] == each for each in outer)


def _records(values: list, options: ReadOptions) -> Iterator[Any]:
    names = options.names or ()
    return (dict(zip(names, each, strict=False)) if isinstance(each, list) else each for each in values)


def _several(
    name: str, lists: dict[tuple[str, ...], list], fitting: list[tuple[str, ...]], options: ReadOptions
) -> DataError:
    """Return the error that it is not clear which list has the reviews."""
    wanted = " and ".join(map(repr, options.texts))
    if fitting:
        paths = ", ".join(".".join(path) for path in fitting)
        fact = f"{name}: several lists or objects have {wanted}: {paths}"
        return DataError(f"{fact}; write each to a file of its own: {jq((*fitting[0], None), name)}")
    kinds = [f"{'.'.join(path)} ({_keys_of(records[0])})" for path, records in lists.items()]
    repair = f"name it with --set data.text_column=NAME, a key of: {listed(kinds)}"
    return DataError(f"{name}: no list of objects with {wanted}; {repair}")


def _keys_of(record: Any) -> str:
    """Return the keys of an object that a message names; those of an object in it are written `row.text`."""
    found = [key for key, value in leaves(record) if not isinstance(value, dict)] if isinstance(record, dict) else []
    return ", ".join(found[:8]) or "lists"


def _concatenated(data: memoryview, name: str, options: ReadOptions) -> Iterator[tuple[int, Record]]:
    """Yield the line and the record of values that follow one another."""
    document = Document(data, name, options)
    return _rows_of(document.values(), document, name, options)


def _listed(
    data: memoryview, name: str, options: ReadOptions, path: tuple[str, ...] = ()
) -> Iterator[tuple[int, Record]]:
    """Yield the line and the record of each element of the list at the end of a path of keys."""
    document = Document(data, name, options)
    return _rows_of(document.elements(document.find(path)), document, name, options)


def _rows_of(
    values: Iterable[tuple[int, Any]], document: Document, name: str, options: ReadOptions
) -> Iterator[tuple[int, Record]]:
    """Yield the line and the record of each (position, value). A first list with the names of the columns is none."""
    for number, (position, value) in enumerate(values):
        if number == 0 and _names_columns(value, options):
            options = options._replace(names=tuple(value))
            continue
        line = document.line(position)
        yield line, _record(value, options, f"{name}:{line}")


def _names_columns(value: Any, options: ReadOptions) -> bool:
    """Return whether a first list has the names of the columns, as spreadsheets and databases write it.

    These are the names in data.columns, or the texts' column is among them.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return False
    if len(set(value)) < max(2, len(value)):
        return False
    return value == list(options.names) if options.names is not None else set(options.texts) <= set(value)


def _by_key(
    data: memoryview, name: str, options: ReadOptions, path: tuple[str, ...] = ()
) -> Iterator[tuple[int, Record]]:
    """Yield the line and the record of an object {"0": {"text": ..., "label": ...}, "1": ...} at the end of a path."""
    document = Document(data, name, options)
    for _, position, value in document.members(document.find(path)):
        yield document.line(position), value


def _by_column(data: memoryview, name: str, options: ReadOptions, text: str) -> Iterator[tuple[int, Record]]:
    """Yield the line and the record of an object {"text": {"0": ..., "1": ...}, "label": ...}, or with lists."""
    document = Document(data, name, options)
    columns = {key: value for key, _, value in document.members(document.find(())) if isinstance(value, dict | list)}
    columns = {key: dict(enumerate(value)) if isinstance(value, list) else value for key, value in columns.items()}
    for column in options.wanted_columns():
        if column in columns and columns[column].keys() != columns[text].keys():
            counts = f"{column!r} has {len(columns[column]):,} values, and {text!r} {len(columns[text]):,}"
            raise DataError(f"{name}: {counts}; give both for the same rows")
    columns = {key: values for key, values in columns.items() if values.keys() == columns[text].keys()}
    start = document.find((text,))
    is_list = document.text[start] == "["
    positions = (each[-2] for each in (document.elements(start) if is_list else document.members(start)))
    for key, position in zip(columns[text], positions, strict=False):  # a key that occurs twice counts once
        yield document.line(position), {column: values[key] for column, values in columns.items()}


def _record(value: Any, options: ReadOptions, place: str) -> Record:
    """Return a value as a record: an object, a list whose values data.columns names, or a text without a label."""
    if isinstance(value, dict):
        require_unset(place, _NAMED, options, ("names",))
        return value
    if isinstance(value, str) and re.match(r"\s*[{\[]\s*[\"{\[]", value):
        raise DataError(f"{place}: JSON that is written as a string; decode it, as jq -c fromjson does")
    if isinstance(value, str) and len(options.wanted()) == 1:
        return {options.texts[0]: value}
    if not isinstance(value, list):
        raise DataError(f'{place}: not an object; write {{"text": "..."}}')
    if options.names is None:
        repair = set_option("data.columns", _suggested_names(value, options))
        raise DataError(f"{place}: a list, without names; name its values with {repair}")
    if len(value) != len(options.names):
        repair = set_option("data.columns", _suggested_names(value, options))
        counts = f"{len(value)} values, and data.columns has {len(options.names)} names"
        raise DataError(f"{place}: {counts}; for example {repair}")
    return dict(zip(options.names, value, strict=True))


def _suggested_names(values: list, options: ReadOptions) -> list[str]:
    """Return a name for each value of a list: the longest string is the text, and the next other one the label."""
    names = [f"column_{number}" for number in range(1, len(values) + 1)]
    text = max(range(len(values)), key=lambda i: len(values[i]) if isinstance(values[i], str) else -1, default=None)
    if text is not None:
        names[text] = options.texts[0]
        label = next((i for i, value in enumerate(values) if i != text and not isinstance(value, list | dict)), None)
        if label is not None:
            names[label] = options.label or "label"
    return names
