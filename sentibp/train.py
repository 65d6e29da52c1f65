"""The training loop, as a generator of events: the caller shows, records, saves, and stops by leaving the loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import digests, metrics
from .breaks import Break
from .config.settings import Train
from .errors import SentibpError
from .model import Classifier, stream
from .nn import flow
from .nn.flow import Flow
from .nn.layers import Array, Gradient, RowGrad, sigmoid
from .nn.losses import LOSSES, Loss
from .nn.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule, clip, norm
from .scratch import fetch
from .threads import one_ahead, single_threaded_blas

_OFTEN = 32  # batches an epoch, from which on two of them are looked at, else one
_NOTHING = np.zeros(0)  # what is updated of a frozen parameter


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """n encoded reviews with their labels."""

    features: Any  # Ragged, or as the network's prepare() has made it
    label: Array  # (n,) int8, 0 or 1; or float64, the probability of 1
    weight: Array | None = None  # (n,) float32: how much each counts in the loss

    def __len__(self) -> int:
        return len(self.label)


class Step(NamedTuple):
    """After each batch."""

    step: int  # from 1
    epoch: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float
    flow: Mapping[str, Flow] | None = None  # of each layer, in the few steps that are looked at
    check: str = ""  # of what the step made of each parameter, or of its rows that had a gradient: digests.check


class Visits(NamedTuple):
    """What an epoch told each of n reviews, and when: from it `blame` knows who pushed what."""

    dz: Array  # (n,) float32: d loss / d logit, p - y over the batch's size; clipped as the gradient was; nan: no visit
    step: Array  # (n,) int32: the step of the epoch, from 0
    rate: Array  # (steps,) float64: the learning rate of each step


class Epoch(NamedTuple):
    """After each pass over the training data."""

    epoch: int  # from 1
    step: int
    loss: float  # the mean over the epoch's batches, each before its update
    scores: dict[str, Any] | None  # on the validation data
    logits: Array | None  # of the validation reviews: (n,)
    visits: Visits


@dataclass(eq=False, slots=True)
class Position:
    """How far a training is: beside the weights, all that it takes to go on from there. `fit` moves it along."""

    optimizer: Optimizer
    schedule: Schedule
    shuffle: np.random.Generator  # as it was before it drew the order of this epoch
    epoch: int = 1
    step: int = 0  # steps done, in all epochs
    loss: float = 0.0  # the sum over the reviews that this epoch has visited


class Moment(NamedTuple):
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


class Stopped(SentibpError):
    """A training that ended in the middle, at a moment worth a look."""

    def __init__(self, *lines: str, moment: Moment | None = None):
        super().__init__(*lines)
        self.moment = moment
        self.facts: dict[str, Any] | None = None  # what a run says of it


class Diverged(Stopped):
    """The loss or a gradient is not a finite number any more."""

    exit_code = 4


class Broken(Stopped):
    """The condition of --break holds."""

    exit_code = 1


def steps_per_epoch(settings: Train, n: int) -> int:
    """Batches in one pass over n reviews."""
    return -(-n // settings.batch_size)


def beginning(settings: Train, n: int, seed: int) -> Position:
    """Before the first step of a training on n reviews."""
    return Position(_optimizer(settings), _schedule(settings, steps_per_epoch(settings, n)), stream(seed, "shuffle"))


def fit(
    model: Classifier,
    train: Examples,
    validation: Examples | None,
    seed: int,
    position: Position | None = None,
    *,
    stop: Break | None = None,
) -> Iterator[Step | Epoch]:
    """Train the model in place, from `position` on, by default from the beginning.

    Raises Diverged; and Broken, with the weights as before the step, where `stop` holds. After each Step, and before
    the next event is asked for, the position and the weights belong together.
    """
    settings = model.config.train
    loss = _Overheard(LOSSES[settings.loss])
    weight = example_weights(settings, train)
    per_epoch = steps_per_epoch(settings, len(train))
    here = position or beginning(settings, len(train), seed)
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
            moment = Moment(model, seed, here.step, epoch, value, rate, length, gradients, batches[place])
            if not np.isfinite(value) or not np.isfinite(length):
                raise _diverged(moment, train)
            values = {"loss": value, "grad_norm": length, "lr": rate, "step": here.step, "epoch": epoch}
            if stop is not None and stop.holds(values):
                raise _broken(stop, values, moment)
            measures_update = stop is not None and stop.name == "update_norm"
            before = flow.snapshot(params, gradients) if idle is not None or measures_update else {}
            longest = settings.optimizer.clip_norm
            _update(optimizer, params, gradients if longest is None else clip(gradients, longest), rate, factors)
            if stop is not None and measures_update:
                values = {"update_norm": flow.update_norm(params, gradients, before)}
                if stop.holds(values):
                    flow.restore(params, gradients, before)
                    raise _broken(stop, values, moment)
            here.loss += value * len(batch)
            loss.told(place, batches[place], rate, min(1.0, (longest or np.inf) / max(length, 1e-30)))
            check = digests.check(optimizer.updated.get(name, _NOTHING) for name in params)
            yield Step(here.step, epoch, value, rate, length, _flows(model, gradients, before, idle), check)
        try:
            scores, logits = evaluate(model, validation) if validation is not None else (None, None)
        except Diverged as error:
            raise _diverged_after(moment, str(error)) from None
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
        self.visits = Visits(np.full(n, np.nan, np.float32), np.zeros(n, np.int32), np.zeros(steps))

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
        return flow.measure(model.network.params, gradients, before, idle)


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
            idle |= flow.idle(model.network)
        value, dz = loss(z[:, 0], batch.label, batch.weight)
        model.network.backward(dz[:, None])
    return value, model.network.grads


def evaluate(model: Classifier, examples: Examples) -> tuple[dict[str, Any], Array]:
    """The scores on some examples, and the logit of each (n,). Raises Diverged."""
    logits = model.logits(examples.features)
    if not np.isfinite(logits).all():
        raise Diverged(f"diverged: the network's answers are not finite; {_repair(model.config.train)}")
    return metrics.scores(examples.label, sigmoid(logits.astype(np.float64))), logits


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
    part = flow.part(name)
    return 0.0 if part in settings.freeze else settings.learning_rates.get(part, 1.0)


def _looked_at(per_epoch: int) -> set[int]:
    """The batches of an epoch, from 0, whose flow is measured: few, so that it takes no time that one could notice."""
    return {0, per_epoch // 2} if per_epoch >= _OFTEN else {0}


def _broken(stop: Break, values: Mapping[str, float], moment: Moment) -> Broken:
    found = f"{stop.name} is {values[stop.name]:g}"
    return Broken(f"stopped at step {moment.step} (epoch {moment.epoch}), as {stop}: {found}", moment=moment)


def _diverged(moment: Moment, train: Examples) -> Diverged:
    gradients = {name: g.values if isinstance(g, RowGrad) else g for name, g in moment.gradients.items()}
    if np.isfinite(moment.loss):  # the one that backward came to first
        wrong = next((name for name in reversed(gradients) if not np.isfinite(gradients[name]).all()), None)
        what, tensor = f"the gradient of {wrong or 'all weights together'} is not finite", wrong
    else:
        what, tensor = f"the loss is {moment.loss}", None
    cause, origin = _cause(moment.model, train.features.take(moment.chosen))
    where = f"diverged at step {moment.step} (epoch {moment.epoch}): {what}{cause}"
    moment = moment._replace(tensor=origin or tensor)
    return Diverged(f"{where}; {_repair(moment.model.config.train)}", moment=moment)


def _diverged_after(moment: Moment, what: str) -> Diverged:
    """The update of this step was the one too many, as the validation shows."""
    cause, tensor = _cause(moment.model)
    what = what.removeprefix("diverged").partition("; ")[0]
    where = f"diverged after step {moment.step} (epoch {moment.epoch}){what}{cause}"
    return Diverged(f"{where}; {_repair(moment.model.config.train)}", moment=moment._replace(tensor=tensor))


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


def _repair(settings: Train) -> str:
    optimizer = settings.optimizer
    lower = f"lower train.optimizer.learning_rate (it is {optimizer.learning_rate:g}; train --find-lr suggests one)"
    return lower if optimizer.clip_norm is not None else f"{lower}, or set train.optimizer.clip_norm: 1.0"
