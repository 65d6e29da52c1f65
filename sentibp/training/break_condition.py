"""`train --break`: a condition, such as `grad_norm > 100`, at whose first step a training stops.

A condition is one comparison, read by its own grammar; nothing is executed.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass

from sentibp.errors import ConfigError
from sentibp.nn import gradient_flow
from sentibp.nn.layers import Array, Gradient, Sequential
from sentibp.training.diverged import TrainingStopped
from sentibp.training.events import Backward, Batch, FitEvent, Step
from sentibp.training.loop import TrainingState
from sentibp.utils.messages import truncated
from sentibp.utils.near_names import nearest

NAMES = ("loss", "grad_norm", "update_norm", "learning_rate", "step", "epoch")
"""Of each step: the loss before its update, the norms of the gradient before clipping and of the whole update, ..."""
_OLDER_NAMES = {"lr": "learning_rate"}
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*(\w+)\s*([<>=!]+)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*")


class BreakConditionMet(TrainingStopped):
    """The condition of --break is met."""

    exit_code = 1


@dataclass(frozen=True)
class BreakCondition:
    """NAME OP NUMBER, as in `grad_norm > 100`."""

    name: str
    op: str
    number: float

    def __str__(self) -> str:
        return f"{self.name} {self.op} {self.number:g}"

    def holds(self, values: Mapping[str, float]) -> bool:
        """Return whether the condition is met. It is not if its value is missing or not a number."""
        value = values.get(self.name)
        return value is not None and not math.isnan(value) and _OPERATORS[self.op](value, self.number)


def parse_condition(text: str) -> BreakCondition:
    """Read a condition. Raises ConfigError if the text is none."""
    found = _CONDITION.fullmatch(text)
    form = f'write NAME OP NUMBER, such as "grad_norm > 100"; NAME is one of {", ".join(NAMES)}'
    shown = truncated(text, 60)
    if found is None:
        raise ConfigError(f"--break {shown!r}: not a condition; {form}")
    name, op, number = found.groups()
    name = _OLDER_NAMES.get(name, name)
    if name not in NAMES:
        raise ConfigError(f"--break {shown!r}: unknown name {name!r}{nearest(name, NAMES) or f'; {form}'}")
    if op not in _OPERATORS:
        raise ConfigError(f"--break {shown!r}: unknown operator {op!r}; use one of {' '.join(_OPERATORS)}")
    return BreakCondition(name, op, float(number))


class BreakWatch:
    """Checks a condition at each step of `fit`.

    Where it is met, all is as it was before the step, so that a checkpoint can be written there.
    """

    def __init__(self, condition: BreakCondition | None, network: Sequential, state: TrainingState):
        self.condition = condition
        self.network = network
        self.state = state
        self.undo: Callable[[], None] = lambda: None  # of what a step changes beside the weights
        self.gradients: Mapping[str, Gradient] = {}
        self.before: dict[str, Array] = {}  # the weights that the step can change

    def check(self, event: FitEvent) -> None:
        """Raise BreakConditionMet if the condition is met. The weights and the state are then those before the step."""
        if self.condition is None:
            return
        if isinstance(event, Batch):
            self.undo = self._undo_of_step()
        elif isinstance(event, Backward):
            finite = math.isfinite(event.loss) and math.isfinite(event.gradient_norm)  # if not, fit reports it
            values = {
                "loss": event.loss,
                "grad_norm": event.gradient_norm,
                "learning_rate": event.learning_rate,
                "step": event.step,
                "epoch": event.epoch,
            }
            self._stop_if_met(event, values if finite else {})
            if self.condition.name == "update_norm":
                self.gradients = event.gradients
                self.before = gradient_flow.snapshot(self.network.params, self.gradients)
        elif isinstance(event, Step) and self.condition.name == "update_norm":
            moved = gradient_flow.update_norm(self.network.params, self.gradients, self.before)
            if self.condition.holds({"update_norm": moved}):
                gradient_flow.restore(self.network.params, self.gradients, self.before)
            self._stop_if_met(event, {"update_norm": moved})

    def _stop_if_met(self, event: Backward | Step, values: Mapping[str, float]) -> None:
        condition = self.condition
        if condition is not None and condition.holds(values):
            self.undo()
            value = f"{condition.name} is {values[condition.name]:g}"
            raise BreakConditionMet(f"stopped at step {event.step} (epoch {event.epoch}), as {condition}: {value}")

    def _undo_of_step(self) -> Callable[[], None]:
        """Return a function that restores what the next step changes beside the weights."""
        state, condition = self.state, self.condition
        generators = [layer.rng.bit_generator for _, layer in self.network.walk() if layer.rng is not None]
        drawn = [generator.state for generator in generators]
        buffers = {name: buffer.copy() for name, buffer in self.network.buffers.items()}
        step, loss = state.step, state.loss
        is_after_update = condition is not None and condition.name == "update_norm"
        slots = deepcopy(state.optimizer.state) if is_after_update else None

        def undo() -> None:
            for generator, before in zip(generators, drawn, strict=True):
                generator.state = before
            for name, buffer in buffers.items():
                self.network.buffers[name][...] = buffer
            state.step, state.loss = step, loss
            if slots is not None:
                state.optimizer.state.clear()
                state.optimizer.state.update(slots)

        return undo
