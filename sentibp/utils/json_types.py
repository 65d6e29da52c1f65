"""JSON of a file that may come from a stranger: parsed within bounds, and its types checked before it is used."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, NamedTuple, get_args, get_origin

from sentibp.utils.messages import truncated

_DEPTH = 50  # levels of lists and objects; ours have five
_LARGEST = 1 << 64  # a whole number of ours is smaller; a larger one overflows where it becomes a float


class OrNone(NamedTuple):
    """A type for `check`: null, or this."""

    kind: Any


class ListOf(NamedTuple):
    """A type for `check`: a list of these."""

    kind: Any


class MapOf(NamedTuple):
    """A type for `check`: an object with any keys, whose values are these."""

    kind: Any


class Complete(NamedTuple):
    """A type for `check`: an object in which none of these keys is missing."""

    kinds: Mapping[str, Any]


def parse(text: str | bytes) -> Any:
    """Return the value. ValueError or RecursionError if it is not JSON, too deep, or has too large a number."""
    value = json.loads(text, parse_int=_whole_number)
    _check_depth(value)
    return value


def require_types(value: Any, kind: Any, name: str) -> None:
    """Raise ValueError if a value does not have the type, such as `dict[str, float | None]`.

    `name` is what the message calls it. A mapping of names to types is an object: a key of it may be missing, and other
    keys may be there. An int is a float, too, and a bool is neither. A float is finite.
    """
    if isinstance(kind, Mapping):
        require_types(value, dict[str, Any], name)
        for key in kind.keys() & value.keys():
            require_types(value[key], kind[key], f"{name}.{key}" if name else key)
        return
    if isinstance(kind, OrNone):
        if value is not None:
            require_types(value, kind.kind, name)
        return
    if isinstance(kind, ListOf | MapOf):
        require_types(value, list[Any] if isinstance(kind, ListOf) else dict[str, Any], name)
        for each in value if isinstance(kind, ListOf) else value.values():
            require_types(each, kind.kind, f"an item of {name}")
        return
    if isinstance(kind, Complete):
        require_types(value, kind.kinds, name)
        if missing := kind.kinds.keys() - value.keys():
            raise ValueError(f"{name} has no {min(missing)}")
        return
    if not _has_type(value, kind):
        raise ValueError(f"{name or 'it'} is {shown(value)}")


def finite_number(value: Any) -> float | None:
    """Return a finite number as it is, and None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def shown(value: Any) -> str:
    """Return a value as a message echoes it: at most 40 characters."""
    return truncated(repr(value), 40)


def _has_type(value: Any, kind: Any) -> bool:  # noqa: PLR0911  # one for each kind of type
    if kind is Any:
        return True
    if kind in (None, NoneType):
        return value is None
    if isinstance(kind, UnionType):
        return any(_has_type(value, each) for each in get_args(kind))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return isinstance(value, dict) and all(_has_type(each, arguments[1]) for each in value.values())
    if origin is list:
        return isinstance(value, list) and all(_has_type(each, arguments[0]) for each in value)
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, kind)


def _whole_number(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)) >= _LARGEST:
        raise ValueError(f"{text[:20]}… is too large a number")
    return number


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEPTH):
        level = [
            below
            for each in level
            if isinstance(each, dict | list)
            for below in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError(f"nested more than {_DEPTH} levels deep")
