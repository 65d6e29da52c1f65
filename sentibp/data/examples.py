"""Encoded reviews with labels and weights: the input of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sentibp.nn.layers import Array


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """n encoded reviews with their labels."""

    features: Any  # Ragged, or what the network's prefetcher made of it
    label: Array  # (n,) int8, 0 or 1; or float64, the probability of 1
    weight: Array | None = None  # (n,) float32: the weight of each in the loss

    def __len__(self) -> int:
        return len(self.label)
