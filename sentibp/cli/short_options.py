"""Options that are short for a setting, such as --text-column for data.text_column. If both are given, --set wins.

So a repair that a message prints as `--set KEY=VALUE` works when it is added to the same command.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from sentibp.cli.output import print_message
from sentibp.utils.repair import as_yaml

SHORT = {
    "--text-column": "data.text_column",
    "--label-column": "data.label_column",
    "--seed": "train.seed",
    "--sync": "train.sync",
}
"""Option -> the setting that it is short for."""


def with_short_options(overrides: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    """Return overrides of --set, after those of the short options that are given: the later one counts."""
    tell_overruled(overrides, given)
    return [*(f"{SHORT[option]}={as_yaml(value)}" for option, value in given.items() if value is not None), *overrides]


def tell_overruled(overrides: Sequence[str], given: Mapping[str, Any]) -> None:
    """Tell the user of each short option that --set replaces with another value."""
    for option, value in given.items():
        values = [text for key, equals, text in map(_parts, overrides) if key == SHORT[option] and equals]
        if value is not None and values and values[-1] not in (str(value), as_yaml(value)):
            print_message(f"{option} {shlex.quote(str(value))}: replaced by --set {SHORT[option]}={values[-1]}")


def sets(overrides: Sequence[str], option: str) -> bool:
    """Return whether one of the overrides is of the setting of a short option."""
    return any(key == SHORT[option] for key, _, _ in map(_parts, overrides))


def _parts(override: str) -> tuple[str, str, str]:
    key, equals, text = override.partition("=")
    return key.strip(), equals, text.strip()
