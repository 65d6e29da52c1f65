"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sentibp.nn import layers as nn
from sentibp.nn.initializers import INITIALIZERS, SUITS, Initializer, glorot, ones, zeros
from sentibp.nn.layers import Array
from sentibp.nn.sparse import FastEmbeddingBag

if TYPE_CHECKING:
    from sentibp.config.schema import Config

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def parameter_shapes(config: Config, features: int) -> dict[str, tuple[tuple[int, ...], Initializer]]:
    """The name of each tensor of the network, its shape, and how it starts."""
    model = config.model
    dim = model.embedding.dim
    plan: dict[str, tuple[tuple[int, ...], Initializer]] = {
        "embedding.weight": ((features, dim), INITIALIZERS[model.embedding.init])
    }
    start = INITIALIZERS[SUITS[model.activation] if model.init == "auto" else model.init]
    for i, (inputs, width) in enumerate(pairwise([dim, *model.hidden])):
        plan[f"hidden.{i}.weight"] = (inputs, width), start
        plan[f"hidden.{i}.bias"] = (width,), zeros
        if model.batch_norm:
            plan[f"hidden.{i}.norm.scale"] = (width,), ones
            plan[f"hidden.{i}.norm.shift"] = (width,), zeros
            plan[f"hidden.{i}.norm.mean"] = (width,), zeros
            plan[f"hidden.{i}.norm.variance"] = (width,), ones
    last = model.hidden[-1] if model.hidden else dim
    plan["output.weight"] = (last, 1), glorot if model.init == "auto" else start  # no activation follows it
    plan["output.bias"] = (1,), zeros
    return plan


def assemble(config: Config, weights: Mapping[str, Array], rng: np.random.Generator) -> nn.Sequential:
    """The network that the settings describe, around the given weights: the one place where settings become layers."""
    model = config.model
    layers: dict[str, nn.Layer] = {}
    if config.train.word_dropout:
        layers["words"] = nn.WordDropout(config.train.word_dropout, rng)
    bag = {"plain": nn.EmbeddingBag, "fast": FastEmbeddingBag}[config.train.math]
    layers["embedding"] = bag(weights["embedding.weight"], model.embedding.pooling, model.embedding.padding)
    width = model.embedding.dim
    for i, wide in enumerate(model.hidden):
        name = f"hidden.{i}"
        block: dict[str, nn.Layer] = {}
        if model.dropout:
            block["dropout"] = nn.Dropout(model.dropout, rng)
        block[""] = nn.Linear(weights[f"{name}.weight"], weights[f"{name}.bias"])
        if model.batch_norm:
            norm = (weights[f"{name}.norm.{part}"] for part in ("scale", "shift", "mean", "variance"))
            block["norm"] = nn.BatchNorm(*norm)
        block["activation"] = _ACTIVATIONS[model.activation]()
        layers[name] = nn.Sequential(block)
        if model.residual and wide == width:
            layers[name] = nn.Residual(layers[name])
        width = wide
    if model.dropout:
        layers["dropout"] = nn.Dropout(model.dropout, rng)
    layers["output"] = nn.Linear(weights["output.weight"], weights["output.bias"])
    return nn.Sequential(layers)
