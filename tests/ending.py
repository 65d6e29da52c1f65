"""What the fuzz targets share: a folder of this process, and the two ways in which a function may end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sentibp.errors import SentibpError


@cache
def folder() -> Path:
    """Return a folder that only this process uses."""
    return Path(tempfile.mkdtemp(prefix="sentibp-fuzz-"))


def ends_well(function: Callable, *arguments, **options):
    """Return the result of the function; None if it raised a SentibpError, whose lines must be printable."""
    try:
        return function(*arguments, **options)
    except SentibpError as error:
        assert error.lines
        for line in error.lines:
            assert 0 < len(line) < 5000, f"{len(line)} characters: {line[:200]!r}"
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line), repr(line)
