"""A condition at which a training stops: `grad_norm > 100`. One comparison, read by its own grammar; nothing is run."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sentibp.config.messages import nearest
from sentibp.errors import ConfigError

NAMES = ("loss", "grad_norm", "update_norm", "lr", "step", "epoch")
"""Of each step: the loss before its update, the length of the gradient before clipping, how far all weights moved."""
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*(\w+)\s*([<>=!]+)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*")


@dataclass(frozen=True)
class BreakCondition:
    """NAME OP NUMBER, as in `grad_norm > 100`."""

    name: str
    op: str
    number: float

    def __str__(self) -> str:
        return f"{self.name} {self.op} {self.number:g}"

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether it holds of these values; not, if its own is not among them, or is not a number."""
        value = values.get(self.name)
        return value is not None and not math.isnan(value) and _OPERATORS[self.op](value, self.number)


def parse_condition(text: str) -> BreakCondition:
    """Read a condition. ConfigError if it is none."""
    found = _CONDITION.fullmatch(text)
    form = f'write NAME OP NUMBER, such as "grad_norm > 100"; NAME is one of {", ".join(NAMES)}'
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    if found is None:
        raise ConfigError(f"--break {shown!r}: not a condition; {form}")
    name, op, number = found.groups()
    if name not in NAMES:
        raise ConfigError(f"--break {shown!r}: no {name!r} is known{nearest(name, NAMES)}; {form}")
    if op not in _OPERATORS:
        raise ConfigError(f"--break {shown!r}: {op!r} compares nothing; use one of {' '.join(_OPERATORS)}")
    return BreakCondition(name, op, float(number))
