"""Backpropagation written by hand in numpy, without text, files or settings."""

from sentibp.nn.arrays import Ragged, RowGrad
from sentibp.nn.heads import AdaptiveTemperature, Cumulative, Scale
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
    softmax,
)

__all__ = [
    "AdaptiveTemperature",
    "BatchNorm",
    "Cumulative",
    "Dropout",
    "EmbeddingBag",
    "Layer",
    "Linear",
    "Ragged",
    "ReLU",
    "Residual",
    "RowGrad",
    "Scale",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "WordDropout",
    "sigmoid",
    "softmax",
]
