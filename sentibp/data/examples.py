"""Encoded reviews with labels and weights: the input of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.data.labels import BINARY, Classes
from sentibp.nn.layers import Array
from sentibp.utils.label_key import is_binary

if TYPE_CHECKING:
    from sentibp.config.schema import Train


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """n encoded reviews with their labels."""

    features: Any  # Ragged, or what the network's prefetcher made of it
    label: Array  # (n,) int8, the class; or float64, the probability of 1 (n,), of each of more than two classes (n, K)
    weight: Array | None = None  # (n,) float32: a review of weight k counts as k reviews
    classes: Classes = BINARY

    def __len__(self) -> int:
        return len(self.label)


def example_weights(settings: Train, examples: Examples) -> Array | None:
    """Return the weight of each example in the loss, (n,) float32; None if all have the same.

    It is the product of the weight of its class and its own. The own weights are divided by their mean, so that the
    mean of the weighted losses is that of the losses of k copies of a review of weight k.
    """
    weight = None if examples.weight is None else examples.weight.astype(np.float64)
    if settings.class_weight is not None:
        of_class = _class_weights(settings, examples, weight)
        weight = of_class if weight is None else of_class * weight
    if weight is None:
        return None
    mean = 1.0 if examples.weight is None else examples.weight.mean(dtype=np.float64)
    return (weight / mean).astype(np.float32)


def _class_weights(settings: Train, examples: Examples, weight: Array | None) -> Array:
    """Return the weight of the class of each example (n,); of the expected class, if labels are probabilities."""
    names, label = examples.classes.names, examples.label
    if settings.class_weight != "balanced":
        given = settings.class_weight or {}
        per_class = np.array([given.get(name, 1.0) for name in names])
    elif label.ndim == 1 and is_binary(names):
        total = float(len(label)) if weight is None else weight.sum()
        positive = label.sum(dtype=np.float64) if weight is None else weight @ label
        per_class = total / (2 * np.array([total - positive, positive]))
    else:
        counts = class_shares(examples).sum(axis=0) if weight is None else weight @ class_shares(examples)
        per_class = counts.sum() / (len(names) * counts)
    if is_binary(names):
        return (1 - label) * per_class[0] + label * per_class[1]
    return per_class[label] if label.ndim == 1 else label @ per_class


def class_shares(examples: Examples) -> Array:
    """Return the probability of each class for each example (n, K): 1 for its class, if labels are numbers."""
    label = examples.label
    if label.ndim == 2:
        return label
    if examples.classes.are_binary:
        return np.stack((1 - label.astype(np.float64), label.astype(np.float64)), axis=1)
    return (label[:, None] == np.arange(examples.classes.number)).astype(np.float64)
