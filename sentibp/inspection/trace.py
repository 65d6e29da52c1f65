"""One step of one review, with every number: forward, loss, backward, update, and the answer after it.

The numbers are those that pass the layers of nn: each forward and backward is watched, none is done again here. The
network is the one that predicts (`nn.inference`): no dropout, and batch norm with its running averages."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from sentibp.data.offsets import Span, joined, place
from sentibp.data.offsets import features as offset_features
from sentibp.data.tokenizer import tokenize
from sentibp.errors import SentibpError
from sentibp.model.classifier import Classifier
from sentibp.model.head import label_number, probability
from sentibp.nn import EmbeddingBag, Layer, Linear, Ragged, Residual, RowGrad, Sequential
from sentibp.nn.eval_mode import FixedBatchNorm, as_predicted
from sentibp.nn.layers import Activation, Array, path
from sentibp.nn.losses import LOSSES, Loss
from sentibp.nn.optim import OPTIMIZERS, Optimizer
from sentibp.utils.arrow import strings
from sentibp.utils.threads import single_threaded_blas


class Diverged(SentibpError):
    """A step was so long that its numbers are none any more."""

    exit_code = 4


class Outcome(NamedTuple):
    """What the network says of the review."""

    logit: float
    positive: float
    loss: float


@dataclass(eq=False)
class LayerTrace:
    """What passed a layer, y = forward(x) and dx = backward(dy), for one review; and what it is called in formulas."""

    name: str  # its path in the network
    layer: Layer
    symbols: dict[str, str] = field(default_factory=dict)  # of x, y, its parameters
    x: Any = None
    y: Any = None
    dy: Any = None
    dx: Any = None
    grads: Mapping[str, Any] = field(default_factory=dict)
    before: dict[str, Array] = field(default_factory=dict)  # its parameters
    after: dict[str, Array] = field(default_factory=dict)  # the same after the update
    state: dict[str, dict[str, Array]] = field(default_factory=dict)  # of the optimizer, after the update


@dataclass(eq=False)
class Trace:
    """A step of one review; more steps, if there were more, left only their states."""

    text: str
    label: str
    loss: str
    optimizer: Optimizer
    learning_rate: float
    words: list[Span]
    known: list[bool]
    features: list[str]  # the distinct features of the review: the rows of its embedding
    ids: list[int]  # of these, in the vocabulary
    counts: list[int]  # how often each occurs
    layers: list[LayerTrace]  # in the order of the forward pass
    dz: float
    outcomes: list[Outcome]  # before the first step, and after each


def trace_step(
    classifier: Classifier,
    text: str,
    label: str,
    loss: str | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    steps: int = 1,
) -> Trace:
    """Learn that the review has this label. The classifier is left as it is. Raises Diverged.

    Loss, optimizer and rate are those of its training, if none are given; the optimizer remembers no earlier step.
    """
    settings = classifier.settings
    tokens = tokenize(strings([text]), settings.text.lowercase)
    words = place(text, tokens, settings.text.lowercase)
    found, known = offset_features(classifier.vocabulary, tokens)
    ids = list(dict.fromkeys(each.id for each in found))  # in the order of the text
    row = {id: i for i, id in enumerate(ids)}
    rows = np.array([row[each.id] for each in found], np.int32)
    names = {each.id: feature_span(words, each).text for each in found}
    network = as_predicted(classifier.network, np.array(ids, np.int64))
    calls = [LayerTrace(name, layer) for name, layer in _in_order(network)]
    _name(calls)
    result = Trace(
        text=text,
        label=label,
        loss=loss or settings.loss,
        optimizer=_optimizer(settings.optimizer, optimizer),
        learning_rate=settings.optimizer.learning_rate if learning_rate is None else learning_rate,
        words=words,
        known=known,
        features=[names[id] for id in ids],
        ids=ids,
        counts=np.bincount(rows, minlength=len(ids)).tolist(),
        layers=calls,
        dz=0.0,
        outcomes=[],
    )
    review = Ragged(rows, np.array([0, len(rows)]))
    with single_threaded_blas, np.errstate(all="ignore"):  # what is not finite is seen below
        _learn(result, network, review, steps)
    return result


def _learn(result: Trace, network: Sequential, review: Ragged, steps: int) -> None:
    """The steps; the first one is watched."""
    loss, target = LOSSES[result.loss], np.array([label_number(result.label)])
    for step in range(steps):
        for call in result.layers if step == 0 else ():
            _watch(call)
        state, dz = _state(network, review, loss, target, train=True)
        network.backward(dz)
        result.outcomes.append(state)
        if step == 0:
            result.dz = float(dz[0, 0])
        for call in result.layers if step == 0 else ():
            call.grads = dict(call.layer.grads)
            call.before = {name: value.copy() for name, value in _own(call.layer).items()}
            del call.layer.forward, call.layer.backward  # watched no more
        result.optimizer.step(
            [(name, value, network.grads[name]) for name, value in network.params.items() if value.size],
            result.learning_rate,
        )
        for call in result.layers if step == 0 else ():
            call.after = {name: value.copy() for name, value in _own(call.layer).items()}
            slots = {name: result.optimizer.state.get(path(call.name, name), {}) for name in call.after}
            call.state = {name: {key: np.array(value) for key, value in slot.items()} for name, slot in slots.items()}
        if not all(np.isfinite(value).all() for value in network.params.values()):
            raise Diverged(f"diverged at step {step + 1}: a weight is not finite; lower --learning-rate")
    result.outcomes.append(_state(network, review, loss, target, train=False)[0])
    if not all(math.isfinite(number) for state in result.outcomes for number in state):
        raise Diverged("diverged: the answer is not finite; lower --learning-rate")


def _state(network: Layer, review: Ragged, loss: Loss, target: Array, train: bool) -> tuple[Outcome, Array]:
    """What the network says, and the derivative of the loss by its logit: (1, 1)."""
    z = network.forward(review, train=train)
    value, dz = loss(z[:, 0], target, None)
    return Outcome(float(z[0, 0]), float(probability(z)[0, 0]), value), dz[:, None]


def _watch(call: LayerTrace) -> None:
    """Let the layer's next forward and backward leave what passes them in `call`."""
    forward, backward = call.layer.forward, call.layer.backward

    def watched_forward(x: Any, *, train: bool = False) -> Any:
        call.x, call.y = x, forward(x, train=train)
        return call.y

    def watched_backward(dy: Any) -> Any:
        call.dy, call.dx = dy, backward(dy)
        return call.dx

    call.layer.forward, call.layer.backward = watched_forward, watched_backward


def _own(layer: Layer) -> Mapping[str, Array]:
    """The parameters of the layer itself, not of those inside it."""
    return {} if isinstance(layer, Residual) else layer.params


def _in_order(layer: Layer, name: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers in the order in which their output is ready: a skip connection after its block."""
    if isinstance(layer, Sequential):
        for inner, each in layer.layers.items():
            yield from _in_order(each, path(name, inner))
        return
    if isinstance(layer, Residual):
        yield from _in_order(layer.block, name)
    yield name, layer


def _optimizer(own: Any, name: str | None) -> Optimizer:
    """The optimizer of that name, as the settings have it if it is theirs."""
    kind = OPTIMIZERS[name or own.name]
    arguments = inspect.signature(kind).parameters if name in (None, own.name) else ()
    return kind(**{argument: getattr(own, argument) for argument in arguments if hasattr(own, argument)})


def to_dict(trace: Trace) -> dict[str, Any]:
    """All of it, as JSON has it."""
    states = [state._asdict() for state in trace.outcomes]
    return {
        "text": trace.text,
        "label": trace.label,
        "loss": trace.loss,
        "optimizer": type(trace.optimizer).__name__.lower(),
        "learning_rate": trace.learning_rate,
        "words": [word._asdict() | {"known": known} for word, known in zip(trace.words, trace.known, strict=True)],
        "features": [{"text": name, "count": n} for name, n in zip(trace.features, trace.counts, strict=True)],
        "before": states[0],
        "layers": [_layer_record(call) for call in trace.layers],
        "logit_gradient": trace.dz,
        "after": states[-1],
        "steps": states,
    }


def _layer_record(call: LayerTrace) -> dict[str, Any]:
    def values(array: Any) -> Any:
        return array[0].tolist() if isinstance(array, np.ndarray) else None

    return {
        "name": call.name,
        "kind": type(call.layer).__name__,
        "forward": source_of(type(call.layer).forward),
        "backward": source_of(type(call.layer).backward),
        "input": values(call.x),
        "output": values(call.y),
        "output_gradient": values(call.dy),
        "input_gradient": values(call.dx),
        "parameters": {
            name: {
                "before": value.tolist(),
                "gradient": dense_gradient(call.grads[name], value).tolist(),
                "after": call.after[name].tolist(),
            }
            for name, value in call.before.items()
        },
    }


def dense_gradient(gradient: Any, like: Array) -> Array:
    """A gradient as a whole array; here every row of the embedding has one."""
    if not isinstance(gradient, RowGrad):
        return gradient
    dense = np.zeros_like(like)
    dense[gradient.rows] = gradient.values
    return dense


def source_of(function: Callable[..., Any]) -> str:
    """Where the function stands: nn.layers.Linear.forward."""
    return f"{function.__module__.removeprefix('sentibp.')}.{function.__qualname__}"


# --- the sheet: what is said of each kind of layer

_NAMES = {EmbeddingBag: "x", Linear: "z", Activation: "h", FixedBatchNorm: "n", Residual: "r"}
"""What the output of a layer is called in formulas."""


def _name(calls: Sequence[LayerTrace]) -> None:
    """Give each layer its symbols: x -> z1 -> h1 -> ... -> z, with weights W1, b1, ..., W, b."""
    before = ""
    entered: dict[str, str] = {}  # what goes into the block of each hidden layer
    for call in calls:
        part = ".".join(call.name.split(".")[:2]) if call.name.startswith("hidden.") else ""
        suffix = str(int(part.split(".")[1]) + 1) if part else ""
        kind = next((name for kind, name in _NAMES.items() if isinstance(call.layer, kind)), "y")
        entered.setdefault(part, before)
        call.symbols = {"y": kind + suffix, "x": before, "number": suffix, "weight": f"W{suffix}", "bias": f"b{suffix}"}
        if isinstance(call.layer, Residual):
            call.symbols |= {"x": entered[part], "block": before}
        before = call.symbols["y"]
    joins = {call.symbols["x"] for call in calls if isinstance(call.layer, Residual)}
    for call in calls:  # into a block its input's gradient is a part of the whole
        through = call.symbols["x"] in joins and not isinstance(call.layer, Residual)
        call.symbols["dx"] = f"d{call.symbols['x']}{chr(39) * through}"
