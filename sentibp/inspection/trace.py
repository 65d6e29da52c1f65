"""One training step on one review, with every number: forward, loss, backward, update, and the prediction after it.

The numbers are recorded while they pass through the layers of nn; nothing is computed a second time here. The network
is the one that predicts (`nn.eval_mode`): no dropout, and batch norm with its running averages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from sentibp.data import offsets
from sentibp.errors import SentibpError
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS, each_probability, label_number, probability
from sentibp.nn import EmbeddingBag, Layer, Linear, Ragged, Residual, RowGrad, Sequential
from sentibp.nn.eval_mode import FixedBatchNorm, eval_mode
from sentibp.nn.heads import Head, Scale
from sentibp.nn.layers import Activation, Array, path
from sentibp.nn.losses import LOSSES, Loss, logits_of, loss_on
from sentibp.nn.optim import OPTIMIZERS, Optimizer
from sentibp.utils.threads import single_threaded_blas


class Diverged(SentibpError):
    """A weight or a prediction is not finite after a step."""

    exit_code = 4


class Outcome(NamedTuple):
    """The prediction for the review, and its loss."""

    logit: float | list[float]  # with K > 2 labels that of each
    positive: float | list[float]  # the probability of positive, or of each label
    loss: float

    @property
    def logits(self) -> list[float]:
        """The logit, or that of each label."""
        return self.logit if isinstance(self.logit, list) else [self.logit]

    @property
    def probabilities(self) -> list[float]:
        """The probability of each label."""
        return each_probability(np.array([self.positive]))[0].tolist()

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        if isinstance(self.logit, list):
            return {"logits": self.logit, "probabilities": self.positive, "loss": self.loss}
        return self._asdict()


@dataclass(eq=False)
class LayerTrace:
    """The numbers that pass a layer in y = forward(x) and dx = backward(dy), and its parameters before and after."""

    name: str  # the path of the layer in the network
    layer: Layer
    symbols: dict[str, str] = field(default_factory=dict)  # the names of x, y and the parameters in formulas
    x: Any = None
    y: Any = None
    y_after: Any = None  # in the forward pass after the last step
    dy: Any = None
    dx: Any = None
    grads: Mapping[str, Any] = field(default_factory=dict)
    before: dict[str, Array] = field(default_factory=dict)  # the parameters before the update
    after: dict[str, Array] = field(default_factory=dict)  # the parameters after the update
    optimizer_state: dict[str, dict[str, Array]] = field(default_factory=dict)  # after the update

    @property
    def forward_source(self) -> str:
        """The name of the function that computes y."""
        return source_of(type(self.layer).forward)

    @property
    def backward_source(self) -> str:
        """The name of the function that computes dx and the gradients."""
        return source_of(type(self.layer).backward)


@dataclass(eq=False)
class Trace:
    """The first training step on a review. Of further steps only the outcomes are recorded."""

    text: str
    label: str
    loss: str
    optimizer: Optimizer
    learning_rate: float
    words: list[offsets.Span]
    known: list[bool]  # whether the model has a feature for each word
    features: list[str]  # the distinct features of the review, one for each row of its embedding
    ids: list[int]  # the ids of these features in the vocabulary
    counts: list[int]  # how often each feature counts: as often as it occurs, or once with text.presence
    layers: list[LayerTrace]  # in the order of the forward pass
    dz: float | list[float]  # the derivative of the loss by the logit, or by that of each label
    outcomes: list[Outcome]  # before the first step, and after each
    labels: tuple[str, ...] = LABELS
    places: list[list[tuple[int, int]]] = field(default_factory=list)  # text[start:end] of each feature's occurrences


def trace_step(
    classifier: Classifier,
    text: str,
    label: str,
    loss: str | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    steps: int = 1,
    located: offsets.Located | None = None,
) -> Trace:
    """Train a copy of the classifier on one review with this label, and return every number of the first step.

    Loss, optimizer and learning rate default to those of the model's training. The optimizer starts with an empty
    state. `located` are the features of the text, if they are known already. Raises Diverged if a number is not finite.
    """
    trained_loss, settings = _training_defaults(classifier)
    if located is None:
        located = offsets.locate_features(classifier.vocabulary, text, classifier.spec.spelling)
    _, tokens, words, features, known = located
    encoded = classifier.vocabulary.encode(tokens)[0].ids.tolist()
    ids = list(dict.fromkeys(encoded))  # in the order of the text
    row_of = {id: row for row, id in enumerate(ids)}
    rows = np.array([row_of[id] for id in encoded], np.int32)
    spans: dict[int, list[offsets.Span]] = {}
    for feature in features:
        spans.setdefault(feature.id, []).append(offsets.feature_span(words, feature))
    network = eval_mode(classifier.network, np.array(ids, np.int64))
    layers = [LayerTrace(name, layer) for name, layer in _in_forward_order(network)]
    _assign_symbols(layers, "z" if classifier.spec.adaptive_temperature else _OUTPUT_OF[classifier.spec.head])
    result = Trace(
        text=text,
        label=label,
        loss=loss or trained_loss,
        optimizer=_make_optimizer(settings, optimizer),
        learning_rate=settings["learning_rate"] if learning_rate is None else learning_rate,
        words=words,
        known=known,
        features=[spans[id][-1].text for id in ids],
        ids=ids,
        counts=np.bincount(rows, minlength=len(ids)).tolist(),
        layers=layers,
        dz=0.0,
        outcomes=[],
        labels=classifier.spec.labels,
        places=[[(span.start, span.end) for span in spans[id]] for id in ids],
    )
    review = Ragged(rows, np.array([0, len(rows)]))
    with single_threaded_blas, np.errstate(all="ignore"):  # _train checks that the numbers are finite
        _train(result, network, review, steps)
    return result


def _train(result: Trace, network: Sequential, review: Ragged, steps: int) -> None:
    """Take the steps, and record the numbers of the first one."""
    loss, target = loss_on(result.loss), np.array([label_number(result.label, result.labels)])
    for step in range(steps):
        recorded = result.layers if step == 0 else []
        for traced in recorded:
            _record_next_pass(traced)
        outcome, dz = _forward(network, review, loss, target, train=True)
        network.backward(dz)
        result.outcomes.append(outcome)
        if step == 0:
            result.dz = _number_or_list(dz[0])
        for traced in recorded:
            traced.grads = dict(traced.layer.grads)
            traced.before = _copy_parameters(traced.layer)
            del traced.layer.forward, traced.layer.backward  # end the recording
        result.optimizer.step(
            [(name, value, network.grads[name]) for name, value in network.params.items() if value.size],
            result.learning_rate,
        )
        for traced in recorded:
            traced.after = _copy_parameters(traced.layer)
            state = {name: result.optimizer.state.get(path(traced.name, name), {}) for name in traced.after}
            traced.optimizer_state = {
                name: {key: np.array(value) for key, value in entries.items()} for name, entries in state.items()
            }
        if not all(np.isfinite(value).all() for value in network.params.values()):
            raise Diverged(f"diverged at step {step + 1}: a weight is not finite; lower --learning-rate")
    for traced in result.layers:
        _record_output_after(traced)
    result.outcomes.append(_forward(network, review, loss, target, train=False)[0])
    for traced in result.layers:
        del traced.layer.forward
    if not all(np.isfinite(number).all() for outcome in result.outcomes for number in outcome):
        raise Diverged("diverged: the prediction is not finite; lower --learning-rate")


def _forward(network: Layer, review: Ragged, loss: Loss, target: Array, train: bool) -> tuple[Outcome, Array]:
    """Return the outcome, and the derivative of the loss by the logits: (1, 1) or (1, K)."""
    z = logits_of(network.forward(review, train=train))
    value, dz = loss(z, target, None)
    logits, probabilities = (_number_or_list(np.atleast_1d(values[0])) for values in (z, probability(z)))
    return Outcome(logits, probabilities, value), dz.reshape(1, -1)


def _number_or_list(values: Array) -> float | list[float]:
    """Return a single value (1,) as a number, and several as a list."""
    return float(values[0]) if len(values) == 1 else values.tolist()


def _record_next_pass(traced: LayerTrace) -> None:
    """Replace forward and backward of the layer by functions that also store their arguments and results."""
    forward, backward = traced.layer.forward, traced.layer.backward

    def recording_forward(x: Any, *, train: bool = False) -> Any:
        traced.x, traced.y = x, forward(x, train=train)
        return traced.y

    def recording_backward(dy: Any) -> Any:
        traced.dy, traced.dx = dy, backward(dy)
        return traced.dx

    traced.layer.forward, traced.layer.backward = recording_forward, recording_backward


def _record_output_after(traced: LayerTrace) -> None:
    """Replace forward of the layer by a function that also stores its result as that after the update."""
    forward = traced.layer.forward

    def recording_forward(x: Any, *, train: bool = False) -> Any:
        traced.y_after = forward(x, train=train)
        return traced.y_after

    traced.layer.forward = recording_forward


def _copy_parameters(layer: Layer) -> dict[str, Array]:
    """Return copies of the layer's parameters, without those of the layers inside a skip connection."""
    return {} if isinstance(layer, Residual) else {name: value.copy() for name, value in layer.params.items()}


def _in_forward_order(layer: Layer, name: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield the layers in the order in which their outputs are computed: a skip connection after its block."""
    if isinstance(layer, Sequential):
        for inner, each in layer.layers.items():
            yield from _in_forward_order(each, path(name, inner))
        return
    if isinstance(layer, Residual):
        yield from _in_forward_order(layer.block, name)
    yield name, layer


def _training_defaults(classifier: Classifier) -> tuple[str, Mapping[str, Any]]:
    """Return the loss and the optimizer's settings of the model's training.

    The checked settings are needed only where the model file does not have them: the schema takes long to load.
    """
    try:
        loss, optimizer = classifier.trained_with["train"]["loss"], classifier.trained_with["train"]["optimizer"]
        if loss in LOSSES and optimizer["name"] in OPTIMIZERS and type(optimizer["learning_rate"]) is float:
            return loss, optimizer
    except (KeyError, TypeError):
        pass
    settings = classifier.training_config().train
    return settings.loss, settings.optimizer.model_dump()


def _make_optimizer(settings: Mapping[str, Any], name: str | None) -> Optimizer:
    """Return a new optimizer. One of another name than in the settings has its default arguments."""
    kind = OPTIMIZERS[name or settings["name"]]
    arguments = inspect.signature(kind).parameters if name in (None, settings["name"]) else ()
    return kind(**{argument: settings[argument] for argument in arguments if argument in settings})


_OUTPUT_SYMBOLS = {EmbeddingBag: "x", Linear: "z", Activation: "h", FixedBatchNorm: "n", Residual: "r"}
"""The symbol of the output of each kind of layer."""

PAIR = "(z, u)"  # the outputs of the head `scale`: polarity and neutrality
_OUTPUT_OF = {"sigmoid": "z", "scale": PAIR, "softmax": "l", "cumulative": "z"}  # of the last linear layer


def _assign_symbols(layers: Sequence[LayerTrace], output: str) -> None:
    """Give each layer its symbols: x -> z1 -> h1 -> ... -> `output`, with weights W1, b1, ..., W, b. l are logits."""
    previous = ""
    block_inputs: dict[str, str] = {}  # hidden layer -> the symbol of its input
    for traced in layers:
        hidden = ".".join(traced.name.split(".")[:2]) if traced.name.startswith("hidden.") else ""
        suffix = str(int(hidden.split(".")[1]) + 1) if hidden else ""
        symbol = next((symbol for kind, symbol in _OUTPUT_SYMBOLS.items() if isinstance(traced.layer, kind)), "y")
        symbol = output if traced.name == "output" else symbol
        if isinstance(traced.layer, Head):
            symbol = "l"
        block_inputs.setdefault(hidden, previous)
        traced.symbols = {"y": symbol + suffix, "x": previous, "number": suffix}
        traced.symbols |= {"weight": f"W{suffix}", "bias": f"b{suffix}", "gaps": "g", "power": "a"}
        if isinstance(traced.layer, Scale):
            traced.symbols["bias"] = "c"
        if isinstance(traced.layer, Residual):
            traced.symbols |= {"x": block_inputs[hidden], "block": previous}
        previous = traced.symbols["y"]
    residual_inputs = {traced.symbols["x"] for traced in layers if isinstance(traced.layer, Residual)}
    for traced in layers:  # the first layer of a block computes one of the two terms of dx, which is marked with '
        is_term = traced.symbols["x"] in residual_inputs and not isinstance(traced.layer, Residual)
        traced.symbols["dx"] = f"d{traced.symbols['x']}{chr(39) * is_term}"


def to_dict(trace: Trace) -> dict[str, Any]:
    """Return the whole trace as a dict for JSON."""
    outcomes = [outcome.to_dict() for outcome in trace.outcomes]
    return {
        "text": trace.text,
        "label": trace.label,
        "loss": trace.loss,
        "optimizer": type(trace.optimizer).__name__.lower(),
        "learning_rate": trace.learning_rate,
        "words": [word._asdict() | {"known": known} for word, known in zip(trace.words, trace.known, strict=True)],
        "features": [{"text": name, "count": n} for name, n in zip(trace.features, trace.counts, strict=True)],
        "before": outcomes[0],
        "layers": [_layer_dict(traced) for traced in trace.layers],
        "logit_gradient": trace.dz,
        "after": outcomes[-1],
        "steps": outcomes,
    }


def _layer_dict(traced: LayerTrace) -> dict[str, Any]:
    def values(array: Any) -> Any:
        return array[0].tolist() if isinstance(array, np.ndarray) else None

    return {
        "name": traced.name,
        "kind": type(traced.layer).__name__,
        "forward": traced.forward_source,
        "backward": traced.backward_source,
        "input": values(traced.x),
        "output": values(traced.y),
        "output_gradient": values(traced.dy),
        "input_gradient": values(traced.dx),
        "parameters": {
            name: {
                "before": value.tolist(),
                "gradient": dense_gradient(traced.grads[name], value).tolist(),
                "after": traced.after[name].tolist(),
            }
            for name, value in traced.before.items()
        },
    }


def dense_gradient(gradient: Any, parameter: Array) -> Array:
    """Return a gradient in the shape of its parameter; a RowGrad becomes a matrix."""
    if not isinstance(gradient, RowGrad):
        return gradient
    dense = np.zeros_like(parameter)
    dense[gradient.rows] = gradient.values
    return dense


def source_of(function: Callable[..., Any]) -> str:
    """Return the module and name of a function: nn.layers.Linear.forward."""
    return f"{function.__module__.removeprefix('sentibp.')}.{function.__qualname__}"
