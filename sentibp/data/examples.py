"""Encoded reviews with labels and weights: the input of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.nn.layers import Array

if TYPE_CHECKING:
    from sentibp.config.schema import Train


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """n encoded reviews with their labels."""

    features: Any  # Ragged, or what the network's prefetcher made of it
    label: Array  # (n,) int8, 0 or 1; or float64, the probability of 1
    weight: Array | None = None  # (n,) float32: a review of weight k counts as k reviews

    def __len__(self) -> int:
        return len(self.label)


def example_weights(settings: Train, examples: Examples) -> Array | None:
    """Return the weight of each example in the loss, (n,) float32; None if all have the same.

    It is the product of the weight of its class and its own. The own weights are divided by their mean, so that the
    mean of the weighted losses is that of the losses of k copies of a review of weight k.
    """
    weight = None if examples.weight is None else examples.weight.astype(np.float64)
    if settings.class_weight is not None:
        label = examples.label
        if settings.class_weight == "balanced":
            total = float(len(label)) if weight is None else weight.sum()
            positive = label.sum(dtype=np.float64) if weight is None else weight @ label
            per_class = total / (2 * np.array([total - positive, positive]))
        else:
            per_class = np.array([settings.class_weight.negative, settings.class_weight.positive])
        of_class = (1 - label) * per_class[0] + label * per_class[1]
        weight = of_class if weight is None else of_class * weight
    if weight is None:
        return None
    mean = 1.0 if examples.weight is None else examples.weight.mean(dtype=np.float64)
    return (weight / mean).astype(np.float32)
