"""Errors that the user can repair. Each has the exit code of the command in which it occurs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x2070))  # and the ends of lines of Unicode
ESCAPES = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}
ESCAPES |= {number: f"\\u{number:04x}" for number in _BIDI}
"""For `str.translate`: characters that a terminal executes, that end a line, or change the direction of the text."""


_LONG_WORD = re.compile(r"[^\s,;]{301,}")  # longer than a name of a file can be, such as a number of 4,000 digits
_LONGEST_LINE = 3000  # characters; the repair for a file of many columns is long
_END = re.compile(r"(/[^/]{1,100})?[\])}:'\"]*$")


def shortened(text: str) -> str:
    """Return a text of one or more lines; very long words lose their end, and very long lines their middle.

    So the place, at the beginning of a message, and the repair, at the end, are kept.
    """
    return "\n".join(map(_shortened_line, text.split("\n")))


def _shortened_line(line: str) -> str:
    line = _LONG_WORD.sub(_beginning, line)
    half = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:half]} … {line[-half:]}"


def _beginning(long: re.Match[str]) -> str:
    """Return the beginning of a long word, and the end of a path: its last name and the line."""
    return f"{long[0][:60]}…{_END.search(long[0])[0]}"  # type: ignore[index]  # it matches the empty string, too


class SentibpError(Exception):
    """A mistake that the user can repair. The command prints its `lines`, without a traceback.

    The lines may quote untrusted text. So control characters, which a terminal would execute, are escaped,
    and very long words and lines are cut.
    """

    exit_code = 1

    def __init__(self, *lines: str):
        self.lines: Sequence[str] = tuple(shortened(line.translate(ESCAPES)) for line in lines)
        super().__init__("\n".join(self.lines))

    def __reduce__(self) -> tuple[Any, ...]:  # a worker of a cluster sends its errors
        return _error, (type(self), self.args, self.__dict__)


def _error(kind: type[SentibpError], args: tuple[Any, ...], state: dict[str, Any]) -> SentibpError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__ |= state
    return error


class ConfigError(SentibpError):
    """A setting, a command-line argument or a name is invalid."""

    exit_code = 2


class DataError(SentibpError):
    """A file, data set or model cannot be read or is invalid."""

    exit_code = 3


class NoLabels(DataError):
    """A source that is to have labels has none."""


class InvalidSetting(ConfigError, ValueError):
    """A setting that was given from Python is invalid."""


class InvalidInput(DataError, ValueError):
    """A text, a label or a weight that was given from Python is invalid."""


class SentibpWarning(UserWarning):
    """What was assumed of the data that a Python program has given, and how to say otherwise."""
