"""The repair in a message, with quotes where a shell needs them: `--set KEY=VALUE`, or a command of Python."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from contextvars import ContextVar
from typing import Any

PLACEHOLDER = "..."  # stands for a value that only the user knows

_RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}  # of YAML 1.1 and 1.2


MODEL_OPTION: ContextVar[str] = ContextVar("model_option", default="-m ")
"""What is typed before the name of a model in the command at work: its option, or nothing if it is an argument."""


def set_option(key: str, value: Any) -> str:
    """Return the option that changes a setting, such as `--set 'data.labels={negative: [0], positive: [4]}'`."""
    return set_text(key, f"[{','.join(map(as_yaml, value))}]" if isinstance(value, list) else as_yaml(value))


def set_text(key: str, text: str) -> str:
    """Return the option that changes a setting to a value that is YAML already."""
    override = f"{key}={text}"
    plain = re.fullmatch(r"[\w@%+=:,./\[\]-]+", override, re.ASCII)
    return f"--set {override if plain else shlex.quote(override)}"


def python(*arguments: str) -> str:
    """Return the command that runs this Python, which has the packages of sentibp, with some arguments.

    It is called `python` or `python3` if a shell finds it by that name: outside of an environment, as pipx has one,
    these are another Python, or none.
    """
    own = os.path.dirname(sys.executable)
    found = (name for name in ("python", "python3") if os.path.dirname(shutil.which(name) or "") == own)
    return shlex.join([next(found, sys.executable or "python3"), *arguments])


def as_yaml(value: Any) -> str:
    """Return a value as YAML in one line. This module is loaded with every reader, and PyYAML is not."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)}: {as_yaml(each)}' for key, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_yaml, value))}]"
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    if not isinstance(value, str):
        return repr(value)
    plain = re.fullmatch(r"[^\W\d][\w./-]*", value) and value.casefold() not in _RESERVED
    return value if plain or value == PLACEHOLDER else json.dumps(value, ensure_ascii=not value.isprintable())


def _key(key: object) -> str:
    """Return a key of a mapping: a number without quotes, such as the name of the class 5."""
    return str(key) if re.fullmatch(r"-?[0-9]+", str(key)) else as_yaml(key)
