"""The training loop, as a generator of events: the caller shows, records, saves, and stops by leaving the loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.schema import Train
from sentibp.data.examples import Examples
from sentibp.errors import SentibpError
from sentibp.model.classifier import Classifier
from sentibp.nn.layers import Array, Gradient, RowGrad
from sentibp.training.break_condition import BreakCondition


class FailedStep(NamedTuple):
    """The step in which a training stopped, with what it takes to look closer. The model is as before the step."""

    model: Classifier
    seed: int
    step: int
    epoch: int
    loss: float
    learning_rate: float
    gradient_norm: float
    gradients: Mapping[str, Gradient]
    chosen: Array  # (n,) the batch: places in the training data
    tensor: str | None = None  # the one that shows what went wrong


class TrainingStopped(SentibpError):
    """A training that ended in the middle, at a moment worth a look."""

    def __init__(self, *lines: str, moment: FailedStep | None = None):
        super().__init__(*lines)
        self.moment = moment
        self.facts: dict[str, Any] | None = None  # what a run says of it


class Diverged(TrainingStopped):
    """The loss or a gradient is not a finite number any more."""

    exit_code = 4


class Broken(TrainingStopped):
    """The condition of --break holds."""

    exit_code = 1


def broken(stop: BreakCondition, values: Mapping[str, float], moment: FailedStep) -> Broken:
    """The error that says at which step the condition held."""
    found = f"{stop.name} is {values[stop.name]:g}"
    return Broken(f"stopped at step {moment.step} (epoch {moment.epoch}), as {stop}: {found}", moment=moment)


def diverged(moment: FailedStep, train: Examples) -> Diverged:
    """The error that says where the numbers stopped being finite, and what to change."""
    gradients = {name: g.values if isinstance(g, RowGrad) else g for name, g in moment.gradients.items()}
    if np.isfinite(moment.loss):  # the one that backward came to first
        wrong = next((name for name in reversed(gradients) if not np.isfinite(gradients[name]).all()), None)
        what, tensor = f"the gradient of {wrong or 'all weights together'} is not finite", wrong
    else:
        what, tensor = f"the loss is {moment.loss}", None
    cause, origin = _cause(moment.model, train.features.take(moment.chosen))
    where = f"diverged at step {moment.step} (epoch {moment.epoch}): {what}{cause}"
    moment = moment._replace(tensor=origin or tensor)
    return Diverged(f"{where}; {lower_learning_rate(moment.model.training_config().train)}", moment=moment)


def diverged_after(moment: FailedStep, what: str) -> Diverged:
    """The update of this step was the one too many, as the validation shows."""
    cause, tensor = _cause(moment.model)
    what = what.removeprefix("diverged").partition("; ")[0]
    where = f"diverged after step {moment.step} (epoch {moment.epoch}){what}{cause}"
    return Diverged(
        f"{where}; {lower_learning_rate(moment.model.training_config().train)}", moment=moment._replace(tensor=tensor)
    )


def _cause(model: Classifier, features: Any = None) -> tuple[str, str | None]:
    """The first tensor that is not finite, or the first layer that makes it so, going forward; in words, by name."""
    for name, parameter in model.tensors().items():
        if not np.isfinite(parameter).all():
            return f", as {name} holds numbers that are not finite", name
    x = features
    with np.errstate(over="ignore", invalid="ignore"):
        for name, layer in model.network.layers.items() if features is not None else ():
            x = layer.forward(x)
            if isinstance(x, np.ndarray) and not np.isfinite(x).all():
                return f", as {name} gives numbers too large for float32", f"{name}.weight"
    return "", None


def lower_learning_rate(settings: Train) -> str:
    """The repair of a training that diverged."""
    optimizer = settings.optimizer
    lower = f"lower train.optimizer.learning_rate (it is {optimizer.learning_rate:g}; train --find-lr suggests one)"
    return lower if optimizer.clip_norm is not None else f"{lower}, or set train.optimizer.clip_norm: 1.0"
