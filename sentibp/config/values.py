"""The kinds of values that settings take: their ranges, and the other ways in which people may write them.

Each is a type for pydantic, with the JSON schema that editors and error messages use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from sentibp.config.messages import MOST
from sentibp.utils.label_key import IGNORE, LABELS, label_key


def to_whole_number(value: Any) -> Any:
    """Accept 3.0 and 1e3 as whole numbers. Pydantic then refuses 2.5, '3' and true."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _to_list(value: Any) -> Any:
    values = [value] if isinstance(value, str | int | float) else value
    return ["" if each is None else each for each in values] if isinstance(values, list) else values  # a missing label


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Name], Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=MOST), BeforeValidator(to_whole_number)]
Whole = Annotated[int, Field(ge=0, le=MOST), BeforeValidator(to_whole_number)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Value = Annotated[str | int | float | bool, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Values = Annotated[list[Value], BeforeValidator(_to_list, json_schema_input_type=list[Value] | Value)]


def _to_label_lists(value: Any) -> Any:
    """Return the mapping {class: its values} that a list of classes means; `ignore` comes last."""
    if isinstance(value, list) and value and all(isinstance(each, str | int | float) for each in value):
        if len(set(map(_class_name, value))) < len(value):
            raise PydanticCustomError("class_twice", "a class twice")
        if IGNORE in value:
            raise PydanticCustomError("class_ignore", "a class called ignore")
        value = {_class_name(each): [each] for each in value}
        if {label_key(name) for name in value} == set(LABELS):  # in capitals, perhaps
            value = {label_key(name): values for name, values in value.items()}
    if not isinstance(value, Mapping):
        return value
    classes = {_class_name(name): values for name, values in value.items()}
    ignored = {IGNORE: classes.pop(IGNORE)} if IGNORE in classes else {}
    ignored = {} if ignored == {IGNORE: []} else ignored  # the same as none
    if set(classes) == set(LABELS):
        classes = {name: classes[name] for name in LABELS}
    return classes | ignored


def _class_name(value: Any) -> Any:
    """Return the name of a class for a value of the labels, or for a key of a mapping."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_OF_VALUES: dict[str, Any] = {
    "anyOf": [
        {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
        {"type": ["string", "number", "boolean"]},
    ]
}
_LABEL_LISTS: dict[str, Any] = {  # the usual names are there for editors, which complete them
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "negative": {**_OF_VALUES, "description": "The values that mean negative, such as `[0, neg]`."},
                "positive": {**_OF_VALUES, "description": "The values that mean positive, such as `[1, pos]`."},
                "ignore": {
                    **_OF_VALUES,
                    "default": [],
                    "description": "The values of reviews to leave out. A value in no list is an error.",
                },
            },
            "additionalProperties": _OF_VALUES,
        },
        {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
    ]
}

LabelLists = Annotated[dict[Name, Values], BeforeValidator(_to_label_lists), WithJsonSchema(_LABEL_LISTS)]


def _to_class_weights(value: Any) -> Any:
    """Complete the weights of two classes."""
    if not isinstance(value, Mapping):
        return value
    weights = {_class_name(name): each for name, each in value.items()}
    return dict.fromkeys(LABELS, 1.0) | weights if weights and set(weights) <= set(LABELS) else weights


_WEIGHT: dict[str, Any] = {"type": "number", "exclusiveMinimum": 0}
_CLASS_WEIGHTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {**_WEIGHT, "default": 1.0, "description": f"The weight of a {name} review."} for name in LABELS
    },
    "additionalProperties": _WEIGHT,
}

ClassWeight = Annotated[dict[Name, Positive], BeforeValidator(_to_class_weights), WithJsonSchema(_CLASS_WEIGHTS)]

_TEXT = {"type": "string", "minLength": 1}
Source = Annotated[
    Name | Names | None,
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}),  # null: as if not there
]
