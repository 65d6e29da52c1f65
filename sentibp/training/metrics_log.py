"""Instruments of a training: they look at the events of `fit`, and write what they see into the run's metrics log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentibp.config.schema import Config
from sentibp.model.classifier import Classifier
from sentibp.nn import gradient_flow
from sentibp.nn.gradient_flow import Flow
from sentibp.nn.layers import Array, Gradient, Sequential
from sentibp.runs.directory import Run
from sentibp.runs.gradient_flow import GradientFlowMonitor, flow_record
from sentibp.runs.records import (
    EpochRecord,
    FlowRecord,
    RefitRecord,
    RefitStartRecord,
    RoundRecord,
    StartRecord,
    StepRecord,
)
from sentibp.training.events import Backward, Epoch, FitEvent, Forward, NetworkStarted, Round, Step
from sentibp.utils import hashing
from sentibp.utils.threads import single_threaded_blas

_MANY = 32  # batches an epoch: with as many or more, the gradient flow of two of them is measured, else of one


class FlowMeter:
    """Measures the gradient flow of a few steps of each epoch, so few that it takes no noticeable time."""

    def __init__(self, network: Sequential, steps_per_epoch: int):
        self.network = network
        self.steps_per_epoch = steps_per_epoch
        self.measured = measured_steps(steps_per_epoch)
        self.inactive: dict[str, dict[str, float]] = {}
        self.before: dict[str, Array] = {}
        self.gradients: Mapping[str, Gradient] = {}

    def measure(self, event: FitEvent) -> Mapping[str, Flow] | None:
        """Return the flow of each layer after a step that is measured, else None."""
        if isinstance(event, Forward | Backward | Step) and (event.step - 1) % self.steps_per_epoch in self.measured:
            with single_threaded_blas:
                if isinstance(event, Forward):
                    self.inactive = gradient_flow.inactive_units(self.network)
                elif isinstance(event, Backward):
                    self.gradients = event.gradients
                    self.before = gradient_flow.snapshot(self.network.params, self.gradients)
                else:
                    return gradient_flow.measure(self.network.params, self.gradients, self.before, self.inactive)
        return None


def measured_steps(steps_per_epoch: int) -> set[int]:
    """Return the steps of an epoch, counted from 0, whose gradient flow is measured."""
    return {0, steps_per_epoch // 2} if steps_per_epoch >= _MANY else {0}


class MetricsLog:
    """Writes a record of each event into metrics.jsonl, and warns of gradients that vanish or explode.

    Of a refit, it writes the ends of the epochs only.
    """

    def __init__(self, run: Run, config: Config):
        self.run = run
        self.monitor = GradientFlowMonitor(config)
        self.warnings: list[str] = []
        self.refit = False

    def network_started(self, seed: int, classifier: Classifier, started: NetworkStarted) -> None:
        """Record a checksum of each tensor before the first step; of a refit, how long it will be."""
        if self.refit:
            self.run.append(RefitStartRecord(seed, started.epochs, started.steps))
        else:
            weights = {name: hashing.short_checksums([tensor]) for name, tensor in classifier.tensors().items()}
            self.run.append(StartRecord(seed, weights))

    def round_ended(self, seed: int, event: Round) -> None:
        """Record a round of the pretraining."""
        if not self.refit:
            self.run.append(RoundRecord(seed, *event))

    def step_ended(self, seed: int, event: Step, flows: Mapping[str, Flow] | None) -> None:
        """Record a step, and its gradient flow if that was measured."""
        if self.refit:
            return
        checks = hashing.short_checksums(event.updated.values())
        self.run.append(
            StepRecord(seed, event.step, event.epoch, event.loss, event.learning_rate, event.gradient_norm, checks)
        )
        if flows is not None:
            self.run.append(FlowRecord(seed, event.step, event.epoch, flow_record(flows)))
            self.monitor.saw(flows)

    def epoch_ended(self, seed: int, event: Epoch, classifier: Classifier) -> list[str]:
        """Record an epoch. Return the warnings that it is the first to give."""
        digests = hashing.tensor_digests(classifier.tensors())
        weights = {name: digest[:16] for name, digest in digests.items()}
        numbers = (event.epoch, event.step, event.loss, hashing.combined_digest(digests), weights)
        if self.refit:
            self.run.append(RefitRecord(seed, *numbers))
            return []
        warnings = self.monitor.epoch_ended(event.epoch)
        self.warnings += warnings
        self.run.append(EpochRecord(seed, event.scores, *numbers))
        return warnings

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {"warnings": self.warnings, "gradient_flow": self.monitor.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.warnings = list(state["warnings"])
        self.monitor.load_state_dict(state["gradient_flow"])
