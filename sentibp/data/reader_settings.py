"""Open a file with the settings that its reader suggests where it cannot be read without."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sentibp.config.schema import Data
from sentibp.data import readers, sources
from sentibp.data.readers.table import Table, WrongKind
from sentibp.errors import DataError

READER_SETTINGS = ("encoding", "columns", "separator", "quoting", "sheet")  # that readers ask for, and suggest


def open_as_suggested(path: Path, name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], Table, list[str]]:
    """Open a file, with the settings that its reader suggests where it cannot be read without, and a note on each.

    Of the given settings, those count that readers ask for, say what of a folder is read, or how long a record may be.
    """
    settings = {key: value for key, value in given.items() if key in READER_SETTINGS}
    others = {key: given[key] for key in ("labels", "split", "max_record_mb") if key in given}
    taken: list[str] = []
    while True:
        data = Data.model_validate(settings | others)
        try:
            table = readers.open_table(path, name, sources.read_options(data), data.split)
            with contextlib.suppress(WrongKind):  # a column of lists
                next(table.batches(list(table.columns)[:1]), None)  # an encoding or quoting may fail here
            return settings, table, taken
        except DataError as error:
            repair = _repair(str(error))
            if not repair or not settings.keys().isdisjoint(repair):
                raise
            settings |= repair
            taken.append(f"{error}; the config has this setting")


def _repair(message: str) -> dict[str, Any]:
    """Return the first settings of a file that an error message suggests, with their values: one, or one after another.

    An empty mapping if it suggests none.
    """
    repair: dict[str, Any] = {}
    end = 0
    for found in re.finditer(r"--set ((?:'[^']*'|\"[^\"]*\"|[^\s'\"])+)", message):
        if repair and message[end : found.start()] != " ":
            break
        key, _, value = shlex.split(found[1])[0].rstrip(";,").partition("=")
        section, _, key = key.partition(".")
        if section == "data" and key in READER_SETTINGS and value != "NAME":  # which only the user knows
            repair[key], end = yaml.safe_load(value), found.end()
    return repair
