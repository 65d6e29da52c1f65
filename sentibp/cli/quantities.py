"""Numbers, sizes and times on the command line, and what people write instead: `1 kB`, `1,5MB`, `5min`, `1e3`."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sentibp.errors import ConfigError

_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BYTES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_SECONDS = dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1)
_SECONDS |= dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60)
_SECONDS |= dict.fromkeys(("h", "hour", "hours"), 3600) | dict.fromkeys(("d", "day", "days"), 86_400)
_UNITS = {"SIZE": _BYTES, "SECONDS": _SECONDS}
"""What the metavar of an option stands for, and the units of that."""

_LARGEST = 1 << 60  # bytes


def parse_size(text: str, option: str = "--max-size") -> int:
    """Return the number of bytes that a size such as 1MB, 300 kB or 250000 stands for. ConfigError if it is none."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *([a-z]*)", text.strip().lower())
    if found is None or found[2] not in _BYTES:
        raise ConfigError(f"{option} {text}: not a size; {_meant_size(text, option)}")
    count = float(found[1]) * _BYTES[found[2]]
    if not 1 <= count < _LARGEST:
        fact = "less than a byte" if count < 1 else "more than any file can have"
        raise ConfigError(f"{option} {text}: {fact}; {_meant_size('', option)}")
    return int(count)


def require_one_word(arguments: Sequence[str], options: Mapping[str, Any]) -> None:
    """Raise ConfigError if a value and its unit are two words, as in `--max-size 1 kB`: the unit would be a model.

    `options` are those of the command by their names.
    """
    for name, value, unit in zip(arguments, arguments[1:], arguments[2:], strict=False):
        units = _UNITS.get(getattr(options.get(name), "metavar", None) or "", {})
        meant = None if not unit or _is_there(unit) else _meant(f"{value} {unit}", units)
        if meant is not None:
            write = f"{meant[0] * meant[1]:.15g}" if units is _SECONDS else f"{meant[0]:.15g}{unit}"
            raise ConfigError(f"{name} {value} {unit}: two words; write {name} {write}")


def _is_there(name: str) -> bool:
    return os.path.lexists(name) or os.path.lexists(Path("runs") / name)


def require_number(name: str, text: str, option: Any) -> None:
    """Raise ConfigError if the value of an option that takes a number is none, or is outside its range."""
    number = _Number(option)
    if number.has(text):
        return
    meant = number.meant(text)
    repair = "give one, or leave the option out" if meant is None else f"write {name} {meant}"
    raise ConfigError(f"{name} {shlex.quote(text)}: not {number}; {repair}")


class _Number:
    """The numbers that an option takes."""

    def __init__(self, option: Any):
        self.is_whole = option.type.name.startswith("int")
        self.is_time = option.metavar == "SECONDS"
        self.low, self.high = getattr(option.type, "min", None), getattr(option.type, "max", None)

    def __str__(self) -> str:
        what = "a number of seconds" if self.is_time else "a whole number" if self.is_whole else "a number"
        if self.low is None:
            return what
        return f"{what} from {self.low} {'on' if self.high is None else f'to {self.high}'}"

    def has(self, text: str) -> bool:
        """Return whether a text is such a number. Other checks of a number without a range are those of the command."""
        try:
            value = int(text) if self.is_whole else float(text)
        except ValueError:
            return False
        return self.low is None or self.low <= value <= (sys.float_info.max if self.high is None else self.high)

    def meant(self, text: str) -> str | None:
        """Return such a number for a text that means one, or None."""
        from sentibp.config.numbers import meant_number

        found = _meant(text, {"": 1} | _SECONDS if self.is_time else {"": 1})
        value = None if found is None else found[0] * found[1]
        if self.is_whole and (thousands := meant_number(text, whole=True)) is not None:
            value = thousands
        number = None if value is None else f"{value:.15g}"
        return number if number is not None and number != text and self.has(number) else None


def _meant(text: str, units: Mapping[str, int]) -> tuple[float, int] | None:
    """Return the number and the unit that a text such as `1,5 MB` or `1e3` means, or None: 1,500 may be either."""
    found = re.fullmatch(r"([0-9]{1,15}(?:[.,][0-9]{1,9})?(?:e[0-9]{1,2})?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in units or re.search(r",[0-9]{3}(?!\d)", found[1]):
        return None
    return float(found[1].replace(",", ".")), units[found[2]]


def _meant_size(text: str, option: str) -> str:
    """Return to write the size that a text means; examples, if it means none."""
    meant, unit = _meant(text, _BYTES), text.strip().lstrip("0123456789.,eE").strip()
    if meant is None or not 1 <= meant[0] * meant[1] < _LARGEST:
        return f"write, for example, {option} 1MB or {option} 300kB"
    return f"write {option} {meant[0]:.15g}{unit}"
