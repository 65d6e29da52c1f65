"""Backpropagation written by hand in numpy, without text, files or settings."""

from sentibp.nn.arrays import Ragged, RowGrad
from sentibp.nn.layers import (
    BatchNorm,
    Dropout,
    EmbeddingBag,
    Layer,
    Linear,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    WordDropout,
    sigmoid,
)

__all__ = [
    "BatchNorm",
    "Dropout",
    "EmbeddingBag",
    "Layer",
    "Linear",
    "Ragged",
    "ReLU",
    "Residual",
    "RowGrad",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "WordDropout",
    "sigmoid",
]
