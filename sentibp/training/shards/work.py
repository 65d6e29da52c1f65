"""What workers do in a training on shards. Each function is pure: all that it needs are its arguments.

No random generator outlives a task: its numbers depend on the seed, the shard, the epoch and the step. So a task that
is repeated, because its worker was lost, has the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.model.build import assemble_for_training
from sentibp.nn.arrays import Array, Gradient, RowGrad
from sentibp.nn.layers import Sequential
from sentibp.nn.losses import loss_on
from sentibp.nn.optim import Optimizer, norm
from sentibp.training.diverged import Diverged, diverged, lower_learning_rate
from sentibp.training.events import Backward
from sentibp.training.loop import backward, clipped, forward, learning_rate_factor, new_optimizer, take_batch, update
from sentibp.training.shards.files import Shard, open_shard
from sentibp.training.shards.sums import RowSums, State, Sums, average, merge, row_sums
from sentibp.utils.array_files import changed, known_folder, unreadable_here
from sentibp.utils.files import data_error_on_failure, open_regular, write_file
from sentibp.utils.rng import random_stream
from sentibp.utils.threads import prefetch


class Span(NamedTuple):
    """The steps of a round, in its epoch."""

    epoch: int  # from 1
    first: int  # step of the epoch, from 0
    done: int  # steps before it, in all epochs
    learning_rates: tuple[float, ...]  # of each step

    @property
    def steps(self) -> int:
        """How many steps the round has."""
        return len(self.learning_rates)


class RoundReport(NamedTuple):
    """What a round has found; small, in contrast to the state."""

    loss: float  # summed over the reviews, each before the update of its batch
    reviews: int
    gradient_norm: float  # before clipping; the mean over steps and shards


class Round(NamedTuple):
    """The result of a round: what the next one starts from, and its report."""

    state: State
    report: RoundReport


def report_of(result: Round) -> RoundReport:
    """Return the report of a round. It is a task of its own, so that the state stays where it is."""
    return result.report


def save_state(path: Path, state: State) -> str:
    """Write a state to a file, whole or not at all, and return its SHA-256. DataError if it cannot be written."""
    from safetensors.numpy import save

    content = save({name: np.asarray(array, order="C") for name, array in state.items()})
    with data_error_on_failure(Path(known_folder(path))):
        write_file(path, content)
    return hashlib.sha256(content).hexdigest()


def load_state(path: str, digest: str) -> Round:
    """Return the state in a file, as the result of a round. DataError if it is missing, or is not that state."""
    from safetensors.numpy import load

    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        raise unreadable_here(path, error) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise changed(path)
    return Round(load(content), RoundReport(0.0, 0, 0.0))


def train_shard(config: Config, seed: int, shard: Shard, start: Round, span: Span) -> Sums:
    """Train one shard for the steps of a round, from the common state. Return what it has then. Raises Diverged."""
    settings = config.train
    examples, weight = open_shard(shard, verify=span.first == 0)
    network, optimizer = _restore(config, start.state, _dropout_stream(seed, shard, span))
    factors = {name: learning_rate_factor(settings, name) for name in network.params}
    batches = _batches(settings.batch_size, shard, seed, span.epoch)[span.first : span.first + span.steps]
    loss_function = loss_on(settings.loss)
    changed: dict[str, Array] = {}  # (V,) bool: the rows that a step has changed
    reviews, total, norms = 0, 0.0, 0.0
    take = partial(take_batch, network.prefetcher(), examples, weight)
    for i, batch in enumerate(prefetch(take, batches)):
        loss, dz = forward(network, batch, loss_function)
        gradients = backward(network, dz)
        gradient_norm = norm(gradients)
        step = Backward(
            span.done + i + 1, span.epoch, loss, span.learning_rates[i], gradient_norm, gradients, dz, batches[i]
        )
        _require_finite(step, network, examples, config, shard)
        update(optimizer, network.params, clipped(gradients, settings), span.learning_rates[i], factors)
        for name, gradient in gradients.items():
            if isinstance(gradient, RowGrad) and factors[name]:
                changed.setdefault(name, np.zeros(len(network.params[name]), bool))[gradient.rows] = True
        reviews, total, norms = reviews + len(batch), total + loss * len(batch), norms + gradient_norm
    dense, rows = _changed(state_of(network, optimizer), changed, factors)
    return Sums(dense, rows, 1, reviews, total, norms, len(batches))


def average_round(start: Round, total: Sums) -> Round:
    """Return the result of a round whose shards were trained one by one: their average."""
    report = RoundReport(total.loss, total.reviews, total.norm / max(total.steps, 1))
    return Round(average(start.state, total), report)


def shard_gradient(config: Config, seed: int, shard: Shard, start: Round, span: Span) -> Sums:
    """Return the gradient of the loss on some batches of one shard, summed over their reviews. Raises Diverged."""
    settings, count = config.train, config.train.round_steps
    examples, weight = open_shard(shard, verify=span.first == 0)
    network, _ = _restore(config, start.state, _dropout_stream(seed, shard, span))
    batches = _batches(settings.batch_size, shard, seed, span.epoch)[span.first * count : (span.first + 1) * count]
    loss_function = loss_on(settings.loss)
    total = Sums({}, {}, 1, 0, 0.0, 0.0, 0)  # of one shard, before its first batch
    take = partial(take_batch, network.prefetcher(), examples, weight)
    for chosen, batch in zip(batches, prefetch(take, batches), strict=True):
        loss, dz = forward(network, batch, loss_function)
        gradients, n = backward(network, dz), len(batch)
        step = Backward(span.done + 1, span.epoch, loss, span.learning_rates[0], norm(gradients), gradients, dz, chosen)
        _require_finite(step, network, examples, config, shard)
        dense = {name: g * n for name, g in gradients.items() if not isinstance(g, RowGrad)}
        rows = {
            name: RowSums(g.rows, np.ones(len(g.rows), np.int32), {name: g.values * n})
            for name, g in gradients.items()
            if isinstance(g, RowGrad)
        }
        total = merge(total, Sums(dense, rows, 0, n, loss * n, 0.0, 0))
    return total


def update_round(config: Config, start: Round, total: Sums, span: Span) -> Round:
    """Return the result of one step, with the mean gradient over the reviews of all shards. Raises Diverged."""
    settings = config.train
    network, optimizer = _restore(config, start.state, np.random.default_rng(0))
    params, n = network.params, max(total.reviews, 1)
    gradients: dict[str, Gradient] = {
        name: (array / n).astype(params[name].dtype) for name, array in total.dense.items()
    }
    for name, group in total.rows.items():
        gradients[name] = RowGrad(group.rows, (group.sums[name] / n).astype(params[name].dtype))
    gradients = {name: gradients[name] for name in params}
    gradient_norm = norm(gradients)
    if not np.isfinite(gradient_norm):
        where = f"diverged at step {span.done + 1} (epoch {span.epoch})"
        fault = "the gradient of all shards together is not finite"
        raise Diverged(f"{where}: {fault}; {lower_learning_rate(settings)}")
    factors = {name: learning_rate_factor(settings, name) for name in params}
    update(optimizer, params, clipped(gradients, settings), span.learning_rates[0], factors)
    return Round(state_of(network, optimizer), RoundReport(total.loss, total.reviews, gradient_norm))


def state_of(network: Sequential, optimizer: Optimizer) -> dict[str, Array]:
    """Return all tensors of a network and its optimizer. They are not copied."""
    state = {f"weights/{name}": tensor for name, tensor in (*network.params.items(), *network.buffers.items())}
    for name, slots in optimizer.state.items():
        state |= {f"optimizer/{name}/{slot}": value for slot, value in slots.items()}
    return state


def load_optimizer(optimizer: Optimizer, state: State) -> None:
    """Give an optimizer a copy of its arrays in a state."""
    for key, tensor in state.items():
        if key.startswith("optimizer/"):
            _, name, slot = key.split("/")
            optimizer.state.setdefault(name, {})[slot] = np.array(tensor)


def _restore(config: Config, state: State, rng: np.random.Generator) -> tuple[Sequential, Optimizer]:
    """Return a network and an optimizer with copies of the tensors of a state, which other tasks read, too."""
    weights = {key.partition("/")[2]: np.array(array) for key, array in state.items() if key.startswith("weights/")}
    network = assemble_for_training(config, weights, 0)
    for _, layer in network.walk():
        if layer.rng is not None:
            layer.rng.bit_generator.state = rng.bit_generator.state
    optimizer = new_optimizer(config.train)
    load_optimizer(optimizer, state)
    return network, optimizer


def _dropout_stream(seed: int, shard: Shard, span: Span) -> np.random.Generator:
    return random_stream(seed, f"dropout of shard {shard.number} in epoch {span.epoch} from step {span.first}")


def _batches(size: int, shard: Shard, seed: int, epoch: int) -> list[Array]:
    """Return the batches of an epoch: positions in the shard."""
    order = random_stream(seed, f"shuffle of shard {shard.number} in epoch {epoch}").permutation(shard.reviews)
    return [order[start : start + size] for start in range(0, len(order), size)]


def _changed(
    state: State, changed: Mapping[str, Array], factors: Mapping[str, float]
) -> tuple[dict[str, Array], dict[str, RowSums]]:
    """Return what a shard has changed of the state: whole tensors, and the rows of others. Frozen ones stay."""
    rows = {name: row_sums(state, name, np.flatnonzero(mask)) for name, mask in changed.items()}
    sparse = {key for group in rows.values() for key in group.sums}
    dense = {}
    for key, array in state.items():
        name = key.split("/")[1]
        if key not in sparse and factors.get(name, 1.0):  # buffers have no factor
            dense[key] = array
    return dense, rows


def _require_finite(step: Backward, network: Sequential, examples: Examples, config: Config, shard: Shard) -> None:
    """Raise Diverged, with the shard, if the loss or the gradient of a step is not finite."""
    if not (np.isfinite(step.loss) and np.isfinite(step.gradient_norm)):
        error = diverged(step, network, examples, config.train)
        raise Diverged(f"{shard}: {error}", tensor=error.tensor)
