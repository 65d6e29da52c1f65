"""Backpropagation by hand. Knows nothing of text, files or settings; imports numpy only."""

from sentibp.nn.layers import (
    BatchNorm,
    Dropout,
    EmbeddingBag,
    Layer,
    Linear,
    Ragged,
    ReLU,
    Residual,
    RowGrad,
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
