"""Errors that the user can repair. Each has the exit code of the command in which it occurs."""

from __future__ import annotations

import re
from collections.abc import Sequence

ESCAPES = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}
ESCAPES |= {number: f"\\u{number:04x}" for number in (*range(0x2028, 0x202F), *range(0x2066, 0x206A))}
"""For `str.translate`: characters that a terminal executes, that end a line, or change the direction of the text."""


_LONG = re.compile(r"[\w.+-]{301,}")  # longer than a name of a file can be, such as a number of 4,000 digits


def _beginning(long: re.Match[str]) -> str:
    return f"{long[0][:60]}…"


def without_long_words(line: str) -> str:
    """Return the line with very long words cut."""
    return _LONG.sub(_beginning, line)


class SentibpError(Exception):
    """A mistake that the user can repair. The command prints its `lines`, without a traceback.

    The lines may quote untrusted text. So control characters, which a terminal would execute, are escaped,
    and very long words are cut.
    """

    exit_code = 1

    def __init__(self, *lines: str):
        self.lines: Sequence[str] = tuple(without_long_words(line).translate(ESCAPES) for line in lines)
        super().__init__("\n".join(self.lines))


class ConfigError(SentibpError):
    """A setting, a command-line argument or a name is invalid."""

    exit_code = 2


class DataError(SentibpError):
    """A file, data set or model cannot be read or is invalid."""

    exit_code = 3
