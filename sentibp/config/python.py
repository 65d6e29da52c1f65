"""Settings as Python programs give them: the names of keyword arguments, plain values, and messages about them."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import PurePath
from typing import Any

from sentibp.config import yaml_file
from sentibp.config.reference import schema_of_config
from sentibp.errors import ConfigError, DataError, InvalidInput, InvalidSetting, SentibpError


def keyword(key: str) -> str:
    """Return the name of the argument for a setting: `train__epochs` for `train.epochs`, as in scikit-learn."""
    return key.replace(".", "__")


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that keyword arguments name, by their dotted keys, as plain values.

    InvalidSetting with a line for each argument that names no setting.
    """
    require_keywords(map(keyword, arguments))
    return {keyword(name).replace("__", "."): plain(value) for name, value in arguments.items()}


def require_keywords(names: Iterable[str]) -> None:
    """Raise InvalidSetting with a line for each name that is not the keyword of a setting."""
    wrong = [name for name in names if name not in _keywords()]
    if wrong:
        raise InvalidSetting(*map(_unknown, wrong))


@cache
def _keywords() -> frozenset[str]:
    return frozenset("__".join(path) for path, _ in schema_of_config().settings if len(path) > 1)


def _unknown(name: str) -> str:
    if any(path == (name,) for path, _ in schema_of_config().settings):
        example = min(each for each in _keywords() if each.startswith(f"{name}__"))
        return f"{name}: a section; give its settings, such as {example}"
    path = tuple(filter(None, re.split(r"__|\.", name)))
    meant = ["__".join(each) for each in (schema_of_config().meant(path) if path else ()) if len(each) > 1]
    meant = meant or difflib.get_close_matches(name, _keywords(), 1)
    known = f"did you mean {' or '.join(meant)}?" if meant else "write them as section__key, such as train__epochs=3"
    return f"{name}: no such setting; {known}"


def plain(value: Any) -> Any:
    """Return a value as YAML has it: numpy's numbers as Python's, tuples and arrays as lists, paths as text."""
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "tolist"):  # numpy
        return value.tolist()
    return str(value) if isinstance(value, str) else value


def in_python(error: SentibpError) -> SentibpError:
    """Return the error with repairs that can be typed in Python: `train__epochs=5` for `--set train.epochs=5`.

    It is a ValueError, too, if the settings or the data are wrong.
    """
    kind = type(error)
    if isinstance(error, ConfigError | DataError) and not isinstance(error, ValueError):
        kind = InvalidSetting if isinstance(error, ConfigError) else InvalidInput
    lines = map(line_in_python, error.lines)
    return kind(*lines)


def line_in_python(line: str) -> str:
    """Return a message with each `--set KEY=VALUE` as the keyword argument."""
    return re.sub(
        r"--set (?P<option>(?='?[a-z_.]+=)(?:'(?:[^']|'\"'\"')*'|[^\s;,)]+(?:,[^\s;,)]+)*))", _as_keyword, line
    )


def _as_keyword(match: re.Match[str]) -> str:
    option = match["option"]
    end = option[len(option.rstrip("?:")) :] if not option.startswith("'") else ""
    key, equals, text = shlex.split(option.removesuffix(end) or option)[0].partition("=")
    try:
        value = repr(yaml_file.parse(text).value) if text not in ("NAME", "PATH", "FILE") else f"'{text}'"
    except yaml_file.YamlError:
        value = text
    return f"{keyword(key)}{equals}{value}{end}"
