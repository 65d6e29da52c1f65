"""What can go wrong, in the user's words: each error carries the exit code of the command that meets it."""

from __future__ import annotations

from collections.abc import Sequence

_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}
_CONTROL |= {number: f"\\u{number:04x}" for number in (*range(0x2028, 0x202F), *range(0x2066, 0x206A))}
# the last ones end lines, or turn the direction of what follows


class SentibpError(Exception):
    """A mistake the user can repair. `lines` are shown as they are, one below the other, without a traceback.

    What they quote may come from anywhere: control characters, which a terminal would obey, are written as escapes.
    """

    exit_code = 1

    def __init__(self, *lines: str):
        self.lines: Sequence[str] = tuple(line.translate(_CONTROL) for line in lines)
        super().__init__("\n".join(self.lines))


class ConfigError(SentibpError):
    """A setting, a command line or a name that cannot be used."""

    exit_code = 2


class DataError(SentibpError):
    """A file, data set or model that cannot be read, or does not say what it should."""

    exit_code = 3
