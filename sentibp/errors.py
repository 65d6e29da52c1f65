"""What can go wrong, in the user's words: each error carries the exit code of the command that meets it."""

from __future__ import annotations

from collections.abc import Sequence


class SentibpError(Exception):
    """A mistake the user can repair. `lines` are shown as they are, one below the other, without a traceback."""

    exit_code = 1

    def __init__(self, *lines: str):
        super().__init__("\n".join(lines))
        self.lines: Sequence[str] = lines


class ConfigError(SentibpError):
    """A setting, a command line or a name that cannot be used."""

    exit_code = 2


class DataError(SentibpError):
    """A file, data set or model that cannot be read, or does not say what it should."""

    exit_code = 3
