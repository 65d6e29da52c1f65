"""The training loop: batch, forward, loss, backward, update. A generator of events: leaving the loop stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sentibp.config.schema import Train
from sentibp.data.examples import Examples, example_weights
from sentibp.model.classifier import predict_logits
from sentibp.model.head import probability, scores_of
from sentibp.nn.gradient_flow import layer_name
from sentibp.nn.heads import output_gradient
from sentibp.nn.layers import Array, Gradient, Ragged, Sequential
from sentibp.nn.losses import Loss, logits_of, loss_on
from sentibp.nn.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule, clip, norm
from sentibp.training.diverged import Diverged, diverged, diverged_after
from sentibp.training.events import Backward, Batch, Epoch, FitEvent, Forward, Step
from sentibp.utils.rng import random_stream
from sentibp.utils.spill import read_ahead
from sentibp.utils.threads import prefetch, single_threaded_blas

_FROZEN = np.zeros(0)  # what is updated of a frozen parameter


@dataclass(eq=False, slots=True)
class TrainingState:
    """How far a training has come: with the network's tensors, all that it needs to resume. `fit` advances it."""

    optimizer: Optimizer
    schedule: Schedule
    shuffle: np.random.Generator  # as it was before it drew the order of this epoch
    epoch: int = 1
    step: int = 0  # steps done, in all epochs
    loss: float = 0.0  # the sum over the reviews of this epoch so far
    fetch: Callable[[], None] | None = None  # brings the network and the optimizer up to date, if they are elsewhere

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer's arrays, as JSON can hold it."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.loss,
            "shuffle": self.shuffle.bit_generator.state,
            "schedule": self.schedule.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.epoch, self.step, self.loss = state["epoch"], state["step"], state["loss"]
        self.shuffle.bit_generator.state = state["shuffle"]
        self.schedule.load_state_dict(state["schedule"])


def new_optimizer(settings: Train) -> Optimizer:
    """Return the optimizer that the settings describe, before its first step."""
    settings_of_method = settings.optimizer.model_dump(exclude={"name", "learning_rate", "clip_norm"})
    return OPTIMIZERS[settings.optimizer.name](**settings_of_method)


def initial_state(settings: Train, n: int, seed: int) -> TrainingState:
    """Return the state before the first step of a training on n reviews."""
    schedule = settings.schedule.model_dump(exclude={"name"})
    per_epoch = settings.steps_per_epoch(n)
    return TrainingState(
        new_optimizer(settings),
        SCHEDULES[settings.schedule.name](settings.epochs * per_epoch, per_epoch, **schedule),
        random_stream(seed, "shuffle"),
    )


def fit(
    network: Sequential, train: Examples, validation: Examples | None, settings: Train, state: TrainingState
) -> Iterator[FitEvent]:
    """Train the network in place, from `state` on.

    Each step yields Batch, Forward, Backward and Step; each epoch ends with Epoch. The caller may leave the loop at any
    event. After Step and Epoch, `state` and the weights belong together; after Backward, the weights are still those
    before the update. Raises Diverged.
    """
    loss_function = loss_on(settings.loss)
    weight = example_weights(settings, train)
    factors = {name: learning_rate_factor(settings, name) for name in network.params}

    for epoch in range(state.epoch, settings.epochs + 1):
        shuffle = deepcopy(state.shuffle)
        order = shuffle.permutation(len(train))
        batches = [order[start : start + settings.batch_size] for start in range(0, len(train), settings.batch_size)]
        done = state.step - (epoch - 1) * len(batches)  # of this epoch, where the training resumes
        last = None
        load = partial(_load_batch, network.prefetcher(), train, weight)
        for batch in prefetch(load, batches[done:]):
            yield batch
            loss, dz = forward(network, batch.examples, loss_function)
            yield Forward(state.step + 1, loss, dz)
            d_output = output_gradient(network, dz)
            gradients = backward(network, dz)
            gradient_norm = norm(gradients)
            learning_rate = settings.optimizer.learning_rate * state.schedule.factor(state.step)
            step = state.step + 1
            last = Backward(step, epoch, loss, learning_rate, gradient_norm, gradients, d_output, batch.chosen)
            yield last
            if not (np.isfinite(loss) and np.isfinite(gradient_norm)):
                raise diverged(last, network, train, settings)
            update(state.optimizer, network.params, clipped(gradients, settings), learning_rate, factors)
            state.step += 1
            state.loss += loss * len(batch.examples)
            updated = {name: state.optimizer.updated.get(name, _FROZEN) for name in network.params}
            yield Step(state.step, epoch, loss, learning_rate, gradient_norm, updated)
        event = end_epoch(network, len(train), validation, settings, state, last)
        state.shuffle = shuffle
        yield event


def end_epoch(
    network: Sequential,
    n: int,
    validation: Examples | None,
    settings: Train,
    state: TrainingState,
    last: Backward | None,
) -> Epoch:
    """Score the network after an epoch of n reviews, and take the state to the next epoch.

    `last` is the last step, if it is known where it diverged. Raises Diverged.
    """
    try:
        scores, logits = evaluate(network, validation) if validation is not None else (None, None)
    except Diverged as error:
        raise diverged_after(last, network, str(error), settings) from None
    if scores is not None:
        state.schedule.epoch_ended(scores["log_loss"])
    event = Epoch(state.epoch, state.step, state.loss / n, scores, logits)
    state.epoch, state.loss = state.epoch + 1, 0.0
    return event


def forward(network: Sequential, batch: Examples, loss_function: Loss) -> tuple[float, Array]:
    """Return the loss of a batch, and its derivative by the logits, (b,) or (b, K)."""
    with single_threaded_blas, np.errstate(over="ignore", invalid="ignore"):  # Diverged reports what is not finite
        z = logits_of(network.forward(batch.features, train=True))  # (b,), or (b, K) for K > 2 labels
        return loss_function(z, batch.label, batch.weight)


def backward(network: Sequential, dz: Array) -> Mapping[str, Gradient]:
    """Return the gradient of the loss by every parameter, given that by the logits, after `forward`."""
    with single_threaded_blas, np.errstate(over="ignore", invalid="ignore"):
        network.backward(dz.reshape(len(dz), -1))
    return network.grads


def take_batch(prepare: Callable[[Ragged], Any], train: Examples, weight: Array | None, chosen: Array) -> Examples:
    """Return the chosen examples, prepared by `network.prefetcher()`; `weight` is that of all examples in the loss."""
    read_ahead(train.features.ids, train.features.offsets[chosen], train.features.offsets[chosen + 1])
    features = prepare(train.features.take(chosen))
    return Examples(features, train.label[chosen], None if weight is None else weight[chosen], train.classes)


def _load_batch(prepare: Callable[[Ragged], Any], train: Examples, weight: Array | None, chosen: Array) -> Batch:
    return Batch(take_batch(prepare, train, weight, chosen), chosen)


def clipped(gradients: Mapping[str, Gradient], settings: Train) -> Mapping[str, Gradient]:
    """Return the gradients, scaled down if the settings limit their norm."""
    longest = settings.optimizer.clip_norm
    return gradients if longest is None else clip(gradients, longest)


def update(
    optimizer: Optimizer,
    params: Mapping[str, Array],
    gradients: Mapping[str, Gradient],
    learning_rate: float,
    factors: Mapping[str, float],
) -> None:
    """Move every parameter that is not frozen, each at its own learning rate."""
    with np.errstate(over="ignore", invalid="ignore"):  # the next loss or score shows what is not finite
        for name, parameter in params.items():
            if factors[name]:
                optimizer.step([(name, parameter, gradients[name])], learning_rate * factors[name])


def evaluate(network: Sequential, examples: Examples) -> tuple[dict[str, Any], Array]:
    """Return the scores on some examples, and their logits, (n,) or (n, K). Diverged if a logit is not finite."""
    logits = predict_logits(network, examples.features)
    if not np.isfinite(logits).all():
        raise Diverged(
            "diverged: the network's answers are not finite; train it with a lower train.optimizer.learning_rate"
        )
    return scores_of(examples.label, probability(logits), examples.weight, examples.classes), logits


def learning_rate_factor(settings: Train, name: str) -> float:
    """Return what the learning rate of a parameter is multiplied by: 0 if its layer is frozen."""
    layer = layer_name(name)
    return 0.0 if layer in settings.freeze else settings.learning_rates.get(layer, 1.0)
