"""The training loop, as a generator of events: the caller shows, records, saves, and stops by leaving the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sentibp.nn.layers import Array


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """n encoded reviews with their labels."""

    features: Any  # Ragged, or as the network's prepare() has made it
    label: Array  # (n,) int8, 0 or 1; or float64, the probability of 1
    weight: Array | None = None  # (n,) float32: how much each counts in the loss

    def __len__(self) -> int:
        return len(self.label)
