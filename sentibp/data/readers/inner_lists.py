"""Lists in the records of JSON that have the reviews: say how jq takes them out."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sentibp.data.readers.json_lines import LOOK, Record, value_at
from sentibp.data.readers.table import USUAL_NAMES, ReadOptions, plain_name
from sentibp.errors import DataError
from sentibp.utils import label_mapping
from sentibp.utils.label_key import label_key
from sentibp.utils.messages import truncated

DEPTH = 4  # of objects within objects that may hold a list

_MOST_WORDS = 3  # of what is beside a list of texts, such as a label
_LONG_WORD = 20  # characters: a longer one is a text, of a language that writes no spaces

_SHOWN = 60  # characters of the labels in a message

_TASK = (
    "[.annotations[0].result[]?.value.choices[]?][0] as $choice | "
    "{text: (.data.text // (.data | map(strings) | first)), label: $choice}"
)
_ARGILLA = "{text: (.fields | map(strings) | first), label: [.responses[]?[]?.value | strings][0]}"
_CHOICE = 'select(.answer == "accept" and (.accept | length) == 1) | {text, label: .accept[0]}'
_CHAT = (
    'def last(who): [.messages[] | select(.role == who).content][-1]; {text: last("user"), label: last("assistant")}'
)
_NAMED_NUMBERS = (
    "(.features | map({(.name): .type.names?}) | add) as $names | .rows[].row | "
    "with_entries($names[.key] as $of | if $of and .value >= 0 then .value |= $of[.] else . end)"
)
"""Filters of jq that take texts and labels out of annotated records, a chat, and rows with numbers that have names."""


def has_texts(record: Record, options: ReadOptions) -> bool:
    """Return whether a record has every text column, with a value that is no object or list."""
    return all(_has(record, name) and not isinstance(value_at(record, name), list | dict) for name in options.texts)


def _has(record: Record, column: str) -> bool:
    head, dot, rest = column.partition(".")
    return column in record or bool(dot and isinstance(inner := record.get(head), dict) and _has(inner, rest))


def any_has_texts(records: Iterable[Any], options: ReadOptions) -> bool:
    """Return whether one of the first records has every text column."""
    return any(isinstance(each, dict) and has_texts(each, options) for each in itertools.islice(records, LOOK))


def notes_on_inner_lists(
    records: Iterable[Any], name: str, options: ReadOptions, path: tuple[str, ...] = (), *, in_list: bool = True
) -> list[str]:
    """Raise a DataError if the records have the texts only in lists within them. `path` leads to the records.

    `in_list`: they are the elements of a list, and not one after the other.

    A record that has a text itself, such as a review with its replies, is a review: then return a note on such a list,
    as a product with its reviews looks the same.
    """
    found = [record for record in itertools.islice(records, LOOK) if isinstance(record, dict)]
    are_reviews = any(has_texts(record, options) for record in found)
    each = _steps((*path, *[None] * in_list)) or "."
    if options.label is not None and found and not any(_has(record, options.label) for record in found):
        for what, is_one, taken_out in _ANNOTATED:
            if all(map(is_one, found)):
                command = _command(taken_out if each == "." else f"{each} | {taken_out}", name)
                raise DataError(f"{name}: {what}, whose labels are in lists; take them out: {command}")
    if found and not are_reviews and all(map(_is_chat, found)):
        command = _command(_CHAT if each == "." else f"{each} | {_CHAT}", name)
        raise DataError(f"{name}: messages of a chat; take out the last of the user, and the answer to it: {command}")
    if not are_reviews and (key := _list_of_texts(found)):
        each = f"{each} | {_steps((options.texts[0],))} = {_steps((key, None))}"
        command = _command(f"{each} | del({_steps((key,))})" if key != options.texts[0] else each, name)
        raise DataError(f"{name}: each object has a list {key!r} of texts; give an object for each text: {command}")
    for record in found:
        for key, inner in record.items():
            if isinstance(inner, list) and any_has_texts(inner, options):
                wanted = " and ".join(map(repr, options.texts))
                command = jq((*path, *[None] * in_list, key, None), name)
                if are_reviews:
                    fact = f"each object is one review, without the objects with {wanted} in its list {key!r}"
                    return [f"{name}: {fact}; if these are the reviews, give them: {command}"]
                raise DataError(f"{name}: each object has a list {key!r} with {wanted}; give these objects: {command}")
    return []


def _is_task(record: Record) -> bool:
    """Return whether a record is a task of Label Studio with the choices of its annotators."""
    annotations = record.get("annotations")
    labelled = isinstance(annotations, list) and all(
        isinstance(each, dict) and "result" in each for each in annotations
    )
    return labelled and isinstance(record.get("data"), dict)


def _is_of_argilla(record: Record) -> bool:
    """Return whether a record has fields, and the answers of annotators to questions on them."""
    answers = record.get("responses")
    return (
        isinstance(record.get("fields"), dict)
        and isinstance(answers, dict)
        and all(map(_are_answers, answers.values()))
    )


def _are_answers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and "value" in each for each in value)


def _is_choice(record: Record) -> bool:
    """Return whether a record is a task of Prodigy with the options that were accepted."""
    return all(isinstance(record.get(key), list) for key in ("options", "accept")) and "answer" in record


_ANNOTATED = (
    ("tasks of Label Studio", _is_task, _TASK),
    ("records of Argilla", _is_of_argilla, _ARGILLA),
    ("choices of Prodigy", _is_choice, _CHOICE),
)
"""What records of a program for annotation are called, how they are known, and the filter of jq for their labels."""


def _is_chat(record: Record) -> bool:
    """Return whether a record has the messages of a chat, as language models are trained on them."""
    messages = record.get("messages")
    return isinstance(messages, list) and any(isinstance(each, dict) and "role" in each for each in messages)


def reject_named_numbers(value: Record, name: str, options: ReadOptions) -> None:
    """Raise a DataError for rows of the dataset viewer of Hugging Face whose features have names for numbers.

    0 may mean positive.
    """
    features = value.get("features")
    if options.label is None or not isinstance(features, list) or not isinstance(value.get("rows"), list):
        return
    kinds = [each.get("type") for each in features if isinstance(each, dict) and "name" in each]
    if any(isinstance(kind, dict) and kind.get("names") for kind in kinds):
        fact = f"{name}: rows of the dataset viewer of Hugging Face, whose labels are numbers with names"
        raise DataError(f"{fact}; write these with their names: {_command(_NAMED_NUMBERS, name)}")


def _list_of_texts(records: Sequence[Record]) -> str:
    """Return the key of a list of texts that each record has beside short values only, such as a label; else ""."""
    others = [item for record in records for item in record.items() if isinstance(item[1], str)]
    usual = USUAL_NAMES["text"]
    if not records or any(len(value.split()) > _MOST_WORDS or plain_name(key) in usual for key, value in others):
        return ""
    return next((key for key in records[0] if all(_are_texts(record.get(key)) for record in records)), "")


def reject_classes_of_texts(value: Record, name: str, options: ReadOptions) -> None:
    """Raise a DataError if an object, or one within it, has a list of texts under the label of each class."""
    for path, inner in ((), value), *objects(value):
        if len(inner) < 2 or not all(map(_are_texts, inner.values())):
            continue
        is_table = len({len(texts) for texts in inner.values()}) == 1  # with titles and texts, perhaps
        if not is_table or label_mapping.suggest(list(map(label_key, inner))).is_complete:
            columns = f"{json.dumps(options.label or 'label')}: .key, {json.dumps(options.texts[0])}: .value[]"
            command = _command(f"{_steps(path) or '.'} | to_entries[] | {{{columns}}}", name)
            which = truncated(", ".join(map(repr, inner)), _SHOWN)
            raise DataError(
                f"{name}: {which} seem to have the texts of a class each; give an object for each text: {command}"
            )


def reject_labels_by_text(value: Record, name: str, options: ReadOptions) -> None:
    """Raise a DataError if an object, or one within it, has the label of each text under the text itself."""
    for path, inner in ((), value), *objects(value):
        labels = {json.dumps(label) for label in inner.values()}
        are_single = not any(isinstance(label, list | dict) for label in inner.values())
        if are_single and len(inner) > 2 * len(labels) and _are_texts(list(inner)):
            columns = f"{json.dumps(options.texts[0])}: .key, {json.dumps(options.label or 'label')}: .value"
            command = _command(f"{_steps(path) or '.'} | to_entries[] | {{{columns}}}", name)
            first = truncated(repr(next(iter(inner))), _SHOWN)
            fact = f"{name}: the keys, such as {first}, seem to be the texts, and their values the labels"
            raise DataError(f"{fact}; give an object for each text: {command}")


def _are_texts(value: Any) -> bool:
    """Return whether a value is a list of strings, of which most have several words."""
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        return False
    return sum(" " in each.strip() or len(each) > _LONG_WORD for each in value) > len(value) / 2


def objects(value: Record, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Record]]:
    """Yield the path and the value of each object in an object, or in objects within it."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield (*prefix, key), inner
            if len(prefix) < DEPTH:
                yield from objects(inner, (*prefix, key))


def jq(path: Iterable[str | None], name: str) -> str:
    """Return the command that writes what is at the end of a path of keys. None stands for each element of a list."""
    return _command(_steps(path), name)


def _steps(path: Iterable[str | None]) -> str:
    """Return a path of keys as jq writes it."""
    steps = "".join(
        "[]" if key is None else f".{key}" if re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII) else f"[{json.dumps(key)}]"
        for key in path
    )
    return "." * (not steps.startswith(".") and bool(steps)) + steps


def _command(filter: str, name: str) -> str:
    """Return the command that writes what a filter of jq finds in a file."""
    file = "" if name == "<stdin>" else f" {shlex.quote(name)}"
    return f"jq -c {shlex.quote(filter)}{file} > reviews.jsonl"
