"""The training loop, as a generator of events: the caller shows, records, saves, and stops by leaving the loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentibp import metrics
from sentibp.config.schema import Train
from sentibp.data.examples import Examples
from sentibp.model.classifier import Classifier
from sentibp.model.head import probability
from sentibp.nn import gradient_flow
from sentibp.nn.gradient_flow import Flow
from sentibp.nn.layers import Array, Gradient
from sentibp.nn.losses import LOSSES, Loss
from sentibp.nn.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule, clip, norm
from sentibp.runs.influence_log import ExampleGradients
from sentibp.training.break_condition import BreakCondition
from sentibp.training.events import Epoch, Step
from sentibp.training.failed_step import Diverged, FailedStep, broken, diverged, diverged_after, lower_learning_rate
from sentibp.utils import hashing
from sentibp.utils.rng import random_stream
from sentibp.utils.spill import fetch
from sentibp.utils.threads import one_ahead, single_threaded_blas

_OFTEN = 32  # batches an epoch, from which on two of them are looked at, else one

_NOTHING = np.zeros(0)  # what is updated of a frozen parameter


@dataclass(eq=False, slots=True)
class TrainingState:
    """How far a training is: beside the weights, all that it takes to go on from there. `fit` moves it along."""

    optimizer: Optimizer
    schedule: Schedule
    shuffle: np.random.Generator  # as it was before it drew the order of this epoch
    epoch: int = 1
    step: int = 0  # steps done, in all epochs
    loss: float = 0.0  # the sum over the reviews that this epoch has visited


def steps_per_epoch(settings: Train, n: int) -> int:
    """Batches in one pass over n reviews."""
    return -(-n // settings.batch_size)


def initial_state(settings: Train, n: int, seed: int) -> TrainingState:
    """Before the first step of a training on n reviews."""
    return TrainingState(
        _optimizer(settings), _schedule(settings, steps_per_epoch(settings, n)), random_stream(seed, "shuffle")
    )


def fit(
    model: Classifier,
    train: Examples,
    validation: Examples | None,
    seed: int,
    position: TrainingState | None = None,
    *,
    stop: BreakCondition | None = None,
) -> Iterator[Step | Epoch]:
    """Train the model in place, from `position` on, by default from the beginning.

    Raises Diverged; and Broken, with the weights as before the step, where `stop` holds. After each Step, and before
    the next event is asked for, the position and the weights belong together.
    """
    settings = model.training_config().train
    loss = _Overheard(LOSSES[settings.loss])
    weight = example_weights(settings, train)
    per_epoch = steps_per_epoch(settings, len(train))
    here = position or initial_state(settings, len(train), seed)
    optimizer, schedule = here.optimizer, here.schedule
    params = model.network.params
    factors = {name: _factor(settings, name) for name in params}

    def prepare(chosen: Array) -> Examples:
        return take_batch(model, train, weight, chosen)

    for epoch in range(here.epoch, settings.epochs + 1):
        shuffle = deepcopy(here.shuffle)
        order = shuffle.permutation(len(train))
        batches = [order[start : start + settings.batch_size] for start in range(0, len(train), settings.batch_size)]
        done = here.step - (epoch - 1) * per_epoch
        loss.begin(len(train), per_epoch)
        for place, batch in enumerate(one_ahead(prepare, batches[done:]), done):
            rate = settings.optimizer.learning_rate * schedule.factor(here.step)
            here.step += 1
            idle: dict[str, Any] | None = {} if place in _looked_at(per_epoch) else None
            value, gradients = backpropagate(model, batch, loss, idle)
            length = norm(gradients)
            moment = FailedStep(model, seed, here.step, epoch, value, rate, length, gradients, batches[place])
            if not np.isfinite(value) or not np.isfinite(length):
                raise diverged(moment, train)
            values = {"loss": value, "grad_norm": length, "lr": rate, "step": here.step, "epoch": epoch}
            if stop is not None and stop.holds(values):
                raise broken(stop, values, moment)
            measures_update = stop is not None and stop.name == "update_norm"
            before = gradient_flow.snapshot(params, gradients) if idle is not None or measures_update else {}
            longest = settings.optimizer.clip_norm
            _update(optimizer, params, gradients if longest is None else clip(gradients, longest), rate, factors)
            if stop is not None and measures_update:
                values = {"update_norm": gradient_flow.update_norm(params, gradients, before)}
                if stop.holds(values):
                    gradient_flow.restore(params, gradients, before)
                    raise broken(stop, values, moment)
            here.loss += value * len(batch)
            loss.told(place, batches[place], rate, min(1.0, (longest or np.inf) / max(length, 1e-30)))
            check = hashing.short_checksums(optimizer.updated.get(name, _NOTHING) for name in params)
            yield Step(here.step, epoch, value, rate, length, _flows(model, gradients, before, idle), check)
        try:
            scores, logits = evaluate(model, validation) if validation is not None else (None, None)
        except Diverged as error:
            raise diverged_after(moment, str(error)) from None
        if scores is not None:
            schedule.epoch_ended(scores["log_loss"])
        yield Epoch(epoch, here.step, here.loss / len(train), scores, logits, loss.visits)
        here.epoch, here.loss, here.shuffle = epoch + 1, 0.0, shuffle


def _update(
    optimizer: Optimizer,
    params: Mapping[str, Array],
    gradients: Mapping[str, Gradient],
    rate: float,
    factors: Mapping[str, float],
) -> None:
    """Move every parameter that is not frozen, at its share of the rate."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is seen at the next loss or score
        for name, parameter in params.items():
            if factors[name]:
                optimizer.step([(name, parameter, gradients[name])], rate * factors[name])


class _Overheard:
    """A loss that notes what it tells each review."""

    def __init__(self, loss: Loss):
        self.loss = loss

    def __call__(self, z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        value, self.dz = self.loss(z, target, weight)
        return value, self.dz

    def begin(self, n: int, steps: int) -> None:
        """Before an epoch of so many steps on n reviews."""
        self.visits = ExampleGradients(np.full(n, np.nan, np.float32), np.zeros(n, np.int32), np.zeros(steps))

    def told(self, step: int, chosen: Array, rate: float, share: float) -> None:
        """After a step of the epoch, from 0, on the chosen reviews; `share` is what clipping left of the gradient."""
        self.visits.dz[chosen] = self.dz * np.float32(share)
        self.visits.step[chosen] = step
        self.visits.rate[step] = rate


def _flows(
    model: Classifier, gradients: Mapping[str, Gradient], before: Mapping[str, Array], idle: dict[str, Any] | None
) -> Mapping[str, Flow] | None:
    if idle is None:
        return None
    with single_threaded_blas:
        return gradient_flow.measure(model.network.params, gradients, before, idle)


def take_batch(model: Classifier, train: Examples, weight: Array | None, chosen: Array) -> Examples:
    """The chosen examples, as the network's forward(train=True) wants them; `weight` is that of all in the loss."""
    fetch(train.features.ids, train.features.offsets[chosen], train.features.offsets[chosen + 1])
    features = model.network.prepare(train.features.take(chosen))
    return Examples(features, train.label[chosen], None if weight is None else weight[chosen])


def backpropagate(
    model: Classifier, batch: Examples, loss: Loss, idle: dict[str, Any] | None = None
) -> tuple[float, Mapping[str, Gradient]]:
    """The loss of a batch, and its gradient by every parameter: forward, loss, backward.

    `idle`, if given, is filled with each layer's share of idle units (`nn.flow.idle`).
    """
    with (
        single_threaded_blas,
        np.errstate(over="ignore", invalid="ignore"),
    ):  # what is not finite is reported as Diverged
        z = model.network.forward(batch.features, train=True)
        if idle is not None:
            idle |= gradient_flow.idle(model.network)
        value, dz = loss(z[:, 0], batch.label, batch.weight)
        model.network.backward(dz[:, None])
    return value, model.network.grads


def evaluate(model: Classifier, examples: Examples) -> tuple[dict[str, Any], Array]:
    """The scores on some examples, and the logit of each (n,). Raises Diverged."""
    logits = model.logits(examples.features)
    if not np.isfinite(logits).all():
        raise Diverged(
            f"diverged: the network's answers are not finite; {lower_learning_rate(model.training_config().train)}"
        )
    return metrics.scores(examples.label, probability(logits)), logits


def example_weights(settings: Train, examples: Examples) -> Array | None:
    """The weight of each example in the loss, from its class and its own (n,) float32; None if all count the same."""
    if settings.class_weight is None:
        return examples.weight
    label = examples.label
    if settings.class_weight == "balanced":
        positive = label.sum(dtype=np.float64)
        per_class = len(label) / (2 * np.array([len(label) - positive, positive]))
    else:
        per_class = np.array([settings.class_weight.negative, settings.class_weight.positive])
    weight = ((1 - label) * per_class[0] + label * per_class[1]).astype(np.float32)
    return weight if examples.weight is None else weight * examples.weight


def _optimizer(settings: Train) -> Optimizer:
    chosen = settings.optimizer.model_dump(exclude={"name", "learning_rate", "clip_norm"})
    return OPTIMIZERS[settings.optimizer.name](**chosen)


def _schedule(settings: Train, per_epoch: int) -> Schedule:
    chosen = settings.schedule.model_dump(exclude={"name"})
    return SCHEDULES[settings.schedule.name](settings.epochs * per_epoch, per_epoch, **chosen)


def _factor(settings: Train, name: str) -> float:
    """The learning rate of a parameter as a share of the general one; 0 if its part is frozen."""
    part = gradient_flow.part(name)
    return 0.0 if part in settings.freeze else settings.learning_rates.get(part, 1.0)


def _looked_at(per_epoch: int) -> set[int]:
    """The batches of an epoch, from 0, whose flow is measured: few, so that it takes no time that one could notice."""
    return {0, per_epoch // 2} if per_epoch >= _OFTEN else {0}
