"""Settings as Python programs give them: the names of keyword arguments, plain values, and messages about them."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from pathlib import PurePath
from typing import Any, ParamSpec, TypeVar

from sentibp.config import yaml_file
from sentibp.config.reference import schema_of_config
from sentibp.errors import ConfigError, DataError, InvalidInput, InvalidSetting, SentibpError

P = ParamSpec("P")
T = TypeVar("T")

_SETTING = r"(?='?[a-z_.]+=)(?:'(?:[^']|'\"'\"')*'|[^\s;,)]+(?:,[^\s;,)]+)*)"  # as `set_option` writes it
_SETTINGS = re.compile(rf"--set {_SETTING}(?: --set {_SETTING})*")
_VALUE = r"(?: (?P<value>'(?:[^']|'\"'\"')*'|(?!(?:or|and|are)\b)[^\s;,)']+))?"
_OPTION = re.compile(rf"--(?P<name>out|threshold|cost)\b{_VALUE}")
_ARGUMENT = re.compile(rf"--(?P<name>data|split|text-column|label-column)\b{_VALUE}")
_ARGUMENTS = {"out": "out", "threshold": "threshold", "cost": "cost", "data": "source", "split": "split"}
_ARGUMENTS |= {"text-column": "text_column", "label-column": "label_column"}


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
    """Return a message with each `--set KEY=VALUE` as the keyword argument, and `--out DIR` and others as arguments."""
    line = line.replace("name it with --set data.group_column=NAME", "give groups=")
    return _OPTION.sub(_as_argument, re.sub(rf"--set (?P<option>{_SETTING})", _as_keyword, line))


def naming_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function of files and `overrides` whose errors and notes name its arguments, not options of a command.

    Its result has `notes`.
    """

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            result: Any = function(*args, **kwargs)
        except SentibpError as error:
            given = [each for value in (*args, *kwargs.values()) if isinstance(value, list | tuple) for each in value]
            error.lines = tuple(_line_with_arguments(line, given) for line in error.lines)
            error.args = ("\n".join(error.lines),)
            raise
        return result._replace(notes=type(result.notes)(map(_line_with_arguments, result.notes)))

    return called


def _line_with_arguments(line: str, given: Iterable[object] = ()) -> str:
    """Return a message with `overrides=["KEY=VALUE"]` in the place of `--set KEY=VALUE`, and so on.

    A line that begins with one of the `given` overrides names the mistake in it, and shows it as an argument, too.
    """
    for override in filter(str, given):
        if line.startswith(f"--set {override}: "):
            line = line.replace(f"--set {override}", f"overrides=[{_quoted(str(override))}]", 1)
    return _ARGUMENT.sub(_as_argument, _OPTION.sub(_as_argument, _SETTINGS.sub(_as_overrides, line)))


def _as_overrides(match: re.Match[str]) -> str:
    text = match[0]
    end = "" if text.endswith("'") else text[len(text.rstrip("?:")) :]
    options = shlex.split(text.removesuffix(end))[1::2]
    return f"overrides=[{', '.join(map(_quoted, options))}]{end}"


def _as_argument(match: re.Match[str]) -> str:
    name = _ARGUMENTS[match["name"]]
    if (text := match["value"]) is None:
        return name
    end = "" if text.endswith("'") else text[len(text.rstrip("?:")) :]
    return f"{name}={_quoted(shlex.split(text.removesuffix(end))[0])}{end}"


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text and "\\" not in text else repr(text)


def _as_keyword(match: re.Match[str]) -> str:
    option = match["option"]
    end = option[len(option.rstrip("?:")) :] if not option.startswith("'") else ""
    key, equals, text = shlex.split(option.removesuffix(end) or option)[0].partition("=")
    try:
        value = repr(yaml_file.parse(text).value) if text not in ("NAME", "PATH", "FILE") else f"'{text}'"
    except yaml_file.YamlError:
        value = text
    return f"{keyword(key)}{equals}{value}{end}"
