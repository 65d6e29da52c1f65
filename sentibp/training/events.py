"""What a training reports while it runs: small records, in the order in which they happen.

The caller of a training sees `Note`, `NetworkStarted`, `Round`, `Step` and `Epoch`. `fit` has three more events within
a step, `Batch`, `Forward` and `Backward`, for instruments that look at what happens there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sentibp.nn.layers import Array, Gradient

if TYPE_CHECKING:
    from sentibp.data.examples import Examples


class Note(NamedTuple):
    """Something the user should know."""

    text: str


class NetworkStarted(NamedTuple):
    """Before the first step of each network."""

    run: Path
    seed: int
    training: int  # reviews
    validation: int
    features: int
    parameters: int  # of this network
    epochs: int
    steps: int  # in all epochs
    number: int = 1  # of this network, from 1
    networks: int = 1
    then: str = ""  # what follows the scores after its epochs, such as "averaging and calibration"


class Round(NamedTuple):
    """After each round of a pretraining, which is one block of Krylov iteration."""

    round: int  # from 1
    rounds: int
    explained_variance: float  # the share of the matrix' squared norm that the vectors reconstruct, from 0 to 1


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """The reviews of the next step are ready."""

    examples: Examples
    chosen: Array  # (b,) their positions in the training data


@dataclass(frozen=True, eq=False, slots=True)
class Forward:
    """After the forward pass and the loss. The layers still hold what their backward needs."""

    step: int  # from 1, in all epochs
    loss: float
    dz: Array  # (b,) d loss / d logit


@dataclass(frozen=True, eq=False, slots=True)
class Backward:
    """After the backward pass, before the update: the weights are those that the loss was computed with."""

    step: int  # from 1, in all epochs
    epoch: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float  # before clipping
    gradients: Mapping[str, Gradient]
    dz: Array  # (b,) d loss / d logit
    chosen: Array  # (b,) positions in the training data


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """After each update. The state of the training and the weights belong together: it may stop and resume here."""

    step: int  # from 1
    epoch: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float
    updated: Mapping[str, Array]  # by name: each parameter, or its rows that had a gradient; empty if it is frozen


class Epoch(NamedTuple):
    """After each pass over the training data. The training may stop and resume here, too."""

    epoch: int  # from 1
    step: int
    loss: float  # the mean over the training reviews, each before the update of its batch
    scores: dict[str, Any] | None  # on the validation data
    logits: Array | None  # of the validation reviews: (n,)
    is_last: bool = False  # of its network


Event = Note | NetworkStarted | Round | Step | Epoch
FitEvent = Batch | Forward | Backward | Step | Epoch
