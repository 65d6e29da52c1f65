"""A training whose numbers are not finite any more: where it happened, and what to change."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentibp.config.schema import Train
from sentibp.data.examples import Examples
from sentibp.errors import SentibpError
from sentibp.nn.layers import RowGrad, Sequential
from sentibp.training.events import Backward
from sentibp.utils.repair import set_option

_MODEST = 0.03  # a learning rate at which hardly any training diverges


class TrainingStopped(SentibpError):
    """A training that ended within a step.

    `tensor` names the tensor that shows what went wrong, if one does. `failed_step` (a postmortem.FailedStep) is the
    step itself, and `facts` what the run adds for `--json`.
    """

    def __init__(self, *lines: str, tensor: str | None = None):
        super().__init__(*lines)
        self.tensor = tensor
        self.failed_step: Any = None
        self.facts: dict[str, Any] | None = None


class Diverged(TrainingStopped):
    """The loss, a gradient or an answer is not a finite number."""

    exit_code = 4


def diverged(step: Backward, network: Sequential, train: Examples, settings: Train) -> Diverged:
    """Return the error for a step whose loss or gradient is not finite. The weights are those before its update."""
    gradients = {name: g.values if isinstance(g, RowGrad) else g for name, g in step.gradients.items()}
    if np.isfinite(step.loss):  # the backward pass reaches the last layer first
        tensor = next((name for name in reversed(gradients) if not np.isfinite(gradients[name]).all()), None)
        fault = f"the gradient of {tensor or 'all weights together'} is not finite"
    else:
        fault, tensor = f"the loss is {step.loss}", None
    cause, origin = _cause(network, train.features.take(step.chosen))
    where = f"diverged at step {step.step} (epoch {step.epoch}): {fault}{cause}"
    return Diverged(f"{where}; {lower_learning_rate(settings)}", tensor=origin or tensor)


def diverged_after(step: Backward | None, network: Sequential, fault: str, settings: Train) -> Diverged:
    """Return the error for an epoch after which the answers to the validation data are not finite."""
    cause, tensor = _cause(network)
    fault = fault.removeprefix("diverged").partition("; ")[0]
    where = "diverged" if step is None else f"diverged after step {step.step} (epoch {step.epoch})"
    return Diverged(f"{where}{fault}{cause}; {lower_learning_rate(settings)}", tensor=tensor)


def _cause(network: Sequential, features: Any = None) -> tuple[str, str | None]:
    """Find the first tensor that is not finite, or the first layer whose output is not: in words, and by name."""
    for name, parameter in (*network.params.items(), *network.buffers.items()):
        if not np.isfinite(parameter).all():
            return f", as {name} holds numbers that are not finite", name
    x = features
    with np.errstate(over="ignore", invalid="ignore"):
        for name, layer in network.layers.items() if features is not None else ():
            x = layer.forward(x)
            if isinstance(x, np.ndarray) and not np.isfinite(x).all():
                return f", as {name} gives numbers too large for float32", f"{name}.weight"
    return "", None


def lower_learning_rate(settings: Train) -> str:
    """Return the repair of a training that diverged."""
    optimizer = settings.optimizer
    rate = optimizer.learning_rate
    lower = set_option("train.optimizer.learning_rate", float(f"{min(rate / 10, _MODEST):.2g}"))
    repair = f"lower the learning rate (it is {rate:g}) with {lower}"
    return repair if optimizer.clip_norm is not None else f"{repair}, or try --set train.optimizer.clip_norm=1.0"
