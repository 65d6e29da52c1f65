"""What a training says as it goes: each event is a small record, in the order in which they happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.nn.gradient_flow import Flow
from sentibp.nn.layers import Array
from sentibp.runs.influence_log import ExampleGradients
from sentibp.training.truncated_svd import Round


class Note(NamedTuple):
    """Something the user should know."""

    text: str


class NetworkStarted(NamedTuple):
    """Before the first step of each seed: what will be trained on what."""

    run: Path
    seed: int
    training: int  # reviews
    validation: int
    features: int
    parameters: int
    epochs: int
    steps: int  # in all epochs


class Step(NamedTuple):
    """After each batch."""

    step: int  # from 1
    epoch: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float
    flow: Mapping[str, Flow] | None = None  # of each layer, in the few steps that are looked at
    check: str = ""  # of what the step made of each parameter, or of its rows that had a gradient: digests.check


class Epoch(NamedTuple):
    """After each pass over the training data."""

    epoch: int  # from 1
    step: int
    loss: float  # the mean over the epoch's batches, each before its update
    scores: dict[str, Any] | None  # on the validation data
    logits: Array | None  # of the validation reviews: (n,)
    visits: ExampleGradients


Event = Note | NetworkStarted | Round | Step | Epoch


def warning(watch: Callable[[Event], None]) -> Callable[[str], None]:
    """A function that passes each text on as a Note."""
    return lambda text: watch(Note(text))
