"""Which label a prediction has: the most probable one, or the one that a threshold or costs choose."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentibp.data.labels import Classes
from sentibp.errors import ConfigError
from sentibp.metrics import decide
from sentibp.model.head import each_probability
from sentibp.nn.layers import Array
from sentibp.utils.label_mapping import meant_class, meant_option

Costs = str | Sequence[Sequence[float]]

POWERS = {"distance": 1, "squared": 2}
"""What --cost takes by name, and the power of the distance between two classes."""


class Decision(NamedTuple):
    """How the label follows from the probabilities. Without threshold and cost it is the most probable one."""

    classes: Classes = Classes()
    threshold: tuple[int, float] | None = None
    """A class, and the probability from which on it is predicted. Below it, the most probable of the others is."""
    cost: Array | None = None
    """(K, K) what a mistake costs, by the right class and the predicted one: the least expected cost decides."""

    def numbers(self, probability: Array) -> Array:
        """Return the number of the predicted class: (n,), the probability of positive, or (n, K) -> (n,) int64."""
        binary = probability.ndim == 1
        if self.threshold is None and self.cost is None:
            return decide(probability) if binary else probability.argmax(axis=1)
        each = each_probability(probability)
        if self.cost is not None:
            costs = each @ self.cost
            return 1 - costs[:, ::-1].argmin(axis=1) if binary else costs.argmin(axis=1)  # at 0.5 it is positive
        number, least = self.threshold or (0, 1.0)
        others = np.where(np.arange(self.classes.number) == number, -1.0, each)
        return np.where(each[:, number] >= least, number, others.argmax(axis=1))


def parse_decision(classes: Classes, threshold: str | float | None = None, cost: Costs | None = None) -> Decision:
    """Return the decision that the options --threshold and --cost name. ConfigError if they are wrong.

    `threshold` is CLASS=P, or P for positive. `cost` is `distance` or `squared`, for classes in order, or a matrix, as
    lists or as JSON: a row for each right class, with a number for each predicted one.
    """
    if threshold is not None and cost is not None:
        raise ConfigError("--threshold and --cost are two ways to decide; give one of them")
    if threshold is not None:
        return Decision(classes, _threshold(classes, str(threshold)))
    return Decision(classes) if cost is None else Decision(classes, cost=_cost(classes, cost))


def _threshold(classes: Classes, given: str) -> tuple[int, float]:
    typed, equals, text = given.rpartition("=")
    name = typed.strip() if typed.strip() in classes.names else ""
    example = f"--threshold '{name or classes.names[-1]}=0.7'" if not classes.are_binary or name else "--threshold 0.7"
    try:
        least = float(text)
    except ValueError:
        least = math.nan
    if not 0 <= least <= 1:
        raise ConfigError(f"--threshold {given}: {text!r} is no probability from 0 to 1; write, for example, {example}")
    if not equals and not classes.are_binary:
        raise ConfigError(f"--threshold {given}: of which class? write, for example, {example}")
    if equals and not name:
        known = f"the model has no such class, but {', '.join(classes.names)}"
        meant = meant_option(typed, classes.names, "--threshold", f"={text.strip()}")
        repair = meant or f"write, for example, {example}"
        raise ConfigError(f"--threshold {given}: {known}; {repair}")
    return classes.names.index(name) if equals else 1, least


def _cost(classes: Classes, given: Costs) -> Array:
    k, names = classes.number, ", ".join(classes.names)
    plain = json.dumps((1 - np.eye(k, dtype=int)).tolist(), separators=(",", ":"))
    if isinstance(given, str) and (power := meant_class(given, POWERS)):
        if given != power:
            raise ConfigError(f"--cost {given}: no such cost; did you mean --cost {power}?")
        if not classes.ordered:
            raise ConfigError(f"--cost {given}: the classes have no order; give a matrix, such as --cost '{plain}'")
        return np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(np.float64) ** POWERS[given]
    try:
        matrix = np.array(json.loads(given) if isinstance(given, str) else given, np.float64)
    except (ValueError, TypeError):
        matrix = np.zeros(0)
    shown = f"--cost {shlex.quote(given[:60])}" if isinstance(given, str) else "--cost"
    if matrix.shape != (k, k):
        raise ConfigError(
            f"{shown}: not distance, squared, or {k} rows of {k} numbers, with a row for each right class, "
            f"a column for each predicted one, in the order {names}; equal costs are --cost '{plain}'"
        )
    if not np.isfinite(matrix).all():
        raise ConfigError(f"{shown}: has a number that is not finite; equal costs are --cost '{plain}'")
    return matrix
