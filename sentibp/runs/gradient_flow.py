"""The recorded gradient flow of a run, and warnings of gradients that vanish or explode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from sentibp.config.schema import Config
from sentibp.errors import ConfigError, DataError
from sentibp.nn.gradient_flow import Flow
from sentibp.runs.directory import METRICS
from sentibp.runs.records import FlowRecord, read_records
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.repair import set_option

_VANISHED = 1e-3  # times the longest gradient of the layers after it: a gradient so short moves nothing
_EXPLODED = 1e3  # times the longest gradient of the layers after it
_LONG = 100.0  # a gradient of the mean loss, by itself
_CONVERGED = 1e-9  # the longest gradient of a network that has nothing more to learn


def flow_record(flows: Mapping[str, Flow]) -> dict[str, dict[str, float | None]]:
    """Return the flow of each layer as metrics.jsonl has it: null for inf, and no key for what does not apply."""
    return {
        layer: {
            name: value if math.isfinite(value) else None for name, value in flow._asdict().items() if value is not None
        }
        for layer, flow in flows.items()
    }


class GradientFlowMonitor:
    """Checks the flow of each epoch, and warns once of vanishing and once of exploding gradients."""

    def __init__(self, config: Config):
        self.config = config
        self.flows: list[Mapping[str, Flow]] = []
        self.warned: set[str] = set()

    def saw(self, flows: Mapping[str, Flow]) -> None:
        """Add the flow of one step."""
        self.flows.append(flows)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        flows = [{layer: flow._asdict() for layer, flow in each.items()} for each in self.flows]
        return {"flows": flows, "warned": sorted(self.warned)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.flows = [{layer: Flow(**flow) for layer, flow in each.items()} for each in state["flows"]]
        self.warned = set(state["warned"])

    def epoch_ended(self, epoch: int) -> list[str]:
        """Return the warnings of this epoch that were not given before."""
        flows, self.flows = self.flows, []
        if not flows:
            return []
        found = diagnose({layer: _mean([each[layer] for each in flows]) for layer in flows[0]}, self.config)
        new = {kind: line for kind, line in found.items() if kind not in self.warned}
        self.warned |= new.keys()
        return [f"epoch {epoch}: {line}" for line in new.values()]


def diagnose(flows: Mapping[str, Flow], config: Config) -> dict[str, str]:
    """Return a warning for each kind of fault, vanishing or exploding, with what usually helps; {} without a fault."""
    layers = list(flows)  # from the input to the output
    faults: dict[str, list[tuple[str, str]]] = {"vanishing": [], "exploding": []}  # layer, and its numbers
    for i, layer in enumerate(layers):
        if layer in config.train.freeze:
            continue
        norm = flows[layer].gradient
        best = max(layers[i + 1 :], key=lambda name: flows[name].gradient, default=layer)
        largest = flows[best].gradient
        compared = largest >= _CONVERGED and best != layer
        if compared and norm < _VANISHED * largest:
            faults["vanishing"].append((layer, f"the norm in {layer} is {norm / largest:.1g} times that in {best}"))
        elif compared and norm > _EXPLODED * largest:
            faults["exploding"].append((layer, f"the norm in {layer} is {norm / largest:.1g} times that in {best}"))
        elif not norm <= _LONG:
            faults["exploding"].append((layer, f"the norm in {layer} is {norm:.2g}"))
    helps = {"vanishing": _against_vanishing, "exploding": _against_exploding}
    each = gradient_factor(flows)
    factor = "" if each is None else f"; each hidden layer multiplies it by {each:.2g} on the way back"
    return {
        kind: f"{kind} gradients in {_from_to(found)}: {found[0][1]}{factor}; {helps[kind](flows, config)}"
        for kind, found in faults.items()
        if found
    }


def _from_to(found: Sequence[tuple[str, str]]) -> str:
    names = [name for name, _ in found]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def gradient_factor(flows: Mapping[str, Flow]) -> float | None:
    """Return the geometric mean of the factors between hidden layers, going back; None for fewer than two layers."""
    hidden = [flow.gradient for layer, flow in flows.items() if layer.startswith("hidden.")]
    if len(hidden) < 2 or not all(0 < each < math.inf for each in (hidden[0], hidden[-1])):
        return None
    return (hidden[0] / hidden[-1]) ** (1 / (len(hidden) - 1))


def _against_vanishing(flows: Mapping[str, Flow], config: Config) -> str:
    model = config.model
    if dead := [layer for layer, flow in flows.items() if flow.dead == 1]:
        helps = _lower(config)
        if model.embedding.init == "zeros" and model.activation == "relu":  # relu(0) has slope 0: dead from the start
            helps = f"{set_option('model.embedding.init', 'normal')} (rows of zeros pass no relu)"
        return f"all units of {dead[-1]} are dead; what usually helps: {helps}"
    remedies = [] if model.activation == "relu" else [set_option("model.activation", "relu")]
    if not model.residual and len(model.hidden) > 1:
        fits = any(i == o for i, o in pairwise([model.embedding.dim, *model.hidden]))
        skip = set_option("model.residual", True)
        remedies.append(skip if fits else f"layers of one width with {skip}")
    remedies += _against_both(config)
    remedies += ["fewer layers in model.hidden"] if len(model.hidden) > 1 else []
    return f"what usually helps: {', '.join(remedies or [_lower(config)])}"


def _against_exploding(flows: Mapping[str, Flow], config: Config) -> str:
    remedies = [_lower(config)]
    remedies += [] if config.train.optimizer.clip_norm is not None else [set_option("train.optimizer.clip_norm", 1.0)]
    remedies += [] if config.model.embedding.pooling != "sum" else [set_option("model.embedding.pooling", "mean")]
    return f"what usually helps: {', '.join(remedies + _against_both(config))}"


def _against_both(config: Config) -> list[str]:
    """Return what helps against both, gradients that vanish and gradients that explode."""
    model = config.model
    remedies = [] if model.batch_norm or not model.hidden else [set_option("model.batch_norm", True)]
    return remedies + ([] if model.init == "auto" else [set_option("model.init", "auto")])


def _lower(config: Config) -> str:
    """Return the option for a lower learning rate than the one that is set."""
    rate = config.train.optimizer.learning_rate
    return f"{set_option('train.optimizer.learning_rate', float(f'{rate / 10:.1g}'))} (it is {rate:g})"


def _mean(flows: Sequence[Flow]) -> Flow:
    columns = ([value for value in column if value is not None] for column in zip(*flows, strict=True))
    return Flow(*(fmean(column) if column else None for column in columns))  # type: ignore[arg-type]


class EpochFlow(NamedTuple):
    """The flow of an epoch: the mean over its measured steps."""

    seed: int
    epoch: int
    layers: dict[str, Flow]

    @property
    def factor(self) -> float | None:
        """What each hidden layer multiplies the gradient by, on the way back."""
        return gradient_factor(self.layers)

    def plain(self) -> dict[str, Any]:
        """Return the flow as JSON holds it."""
        return {"seed": self.seed, "epoch": self.epoch, "layers": flow_record(self.layers), "factor": self.factor}


def load_flows(run: Path) -> list[EpochFlow]:
    """Return the recorded gradient flow of each epoch of a run. DataError if none is recorded."""
    epochs: dict[tuple[int, int], list[dict[str, Flow]]] = {}
    with data_error_if_damaged(run / METRICS, "train its config again"):
        for record in read_records(run):
            if isinstance(record, FlowRecord):
                flows = {layer: _flow(values) for layer, values in record.layers.items()}
                epochs.setdefault((record.seed, record.epoch), []).append(flows)
        found = [
            EpochFlow(*key, {layer: _mean([each[layer] for each in flows]) for layer in flows[0]})
            for key, flows in epochs.items()
        ]
    if not found:
        raise DataError(f"{run}: no gradient flow is recorded; train again, with this version of sentibp")
    return found


def select_flows(flows: Sequence[EpochFlow], run: str, seed: int | None, epoch: int | None) -> list[EpochFlow]:
    """Return the flows of a seed and an epoch, if these are given. ConfigError if there are none."""
    seeds, epochs = {each.seed for each in flows}, {each.epoch for each in flows}
    for option, value, there in ("--seed", seed, seeds), ("--epoch", epoch, epochs):
        if value is not None and value not in there:
            raise ConfigError(f"{option} {value}: {run} has {min(there)} to {max(there)}; choose one of these")
    return [each for each in flows if seed in (None, each.seed) and epoch in (None, each.epoch)]


def _flow(values: Mapping[str, Any]) -> Flow:
    gradient, update, weight = (math.inf if values[key] is None else values[key] for key in Flow._fields[:3])
    return Flow(gradient, update, weight, values.get("dead"), values.get("saturated"))
