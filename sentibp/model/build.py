"""How a specification becomes a network: the shape of each tensor, and the layers around the tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sentibp.errors import ConfigError
from sentibp.model.spec import NetworkSpec
from sentibp.nn import AdaptiveTemperature, Cumulative, Scale
from sentibp.nn import layers as nn
from sentibp.nn.layers import Array
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.utils import environment
from sentibp.utils.environment import size
from sentibp.utils.rng import random_stream

if TYPE_CHECKING:
    from sentibp.config.schema import Config

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
_EMBEDDINGS = {"plain": nn.EmbeddingBag, "fast": FastEmbeddingBag}


def parameter_shapes(spec: NetworkSpec, features: int) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each tensor of the network, in the order of its layers."""
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (features, spec.dim)}
    for i, (inputs, width) in enumerate(pairwise([spec.dim, *spec.hidden])):
        shapes[f"hidden.{i}.weight"] = inputs, width
        shapes[f"hidden.{i}.bias"] = (width,)
        if spec.batch_norm:
            shapes |= {f"hidden.{i}.norm.{name}": (width,) for name in ("scale", "shift", "mean", "variance")}
    shapes["output.weight"] = (spec.hidden[-1] if spec.hidden else spec.dim), spec.outputs
    shapes["output.bias"] = (spec.outputs,)
    if spec.head == "scale" and len(spec.labels) > 3:
        shapes["scale.bias"] = (len(spec.labels) - 2,)
    if spec.head == "cumulative":
        shapes["thresholds.gaps"] = (len(spec.labels) - 2,)
    if spec.adaptive_temperature:
        shapes |= {"temperature.power": (1,), "temperature.spread": (1,)}
    return shapes


def require_memory(config: Config, features: int) -> None:
    """Raise a ConfigError if the tensors of the network, with this many features, are larger than the memory.

    Only the tensors are counted, so a network that passes may still be too large.
    """
    shapes = parameter_shapes(NetworkSpec.from_config(config), features)
    sizes = {name: 4 * math.prod(shape) for name, shape in shapes.items()}  # float32
    available = environment.memory()
    if (needed := config.train.members * sum(sizes.values())) <= available:
        return
    largest = max(sizes, key=lambda name: sizes[name])
    if sum(sizes.values()) <= available:
        what, advice = f"train.members: {config.train.members:,} networks need", "lower train.members"
    elif largest == "embedding.weight":
        what = f"model.embedding.dim: {features:,} features with {config.model.embedding.dim:,} numbers each need"
        advice = "lower model.embedding.dim, or set text.max_features"
    else:
        what, advice = "model.hidden: the hidden layers need", "make them narrower"
    raise ConfigError(f"{what} {size(needed)}, and there are {size(available)} of memory; {advice}")


def assemble(
    spec: NetworkSpec,
    weights: Mapping[str, Array],
    *,
    dropout: float = 0.0,
    word_dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> nn.Sequential:
    """Return the network of a specification around the given tensors. It is the one place where settings become layers.

    Only training needs `dropout`, `word_dropout` and `rng`, which draws the masks of both.
    """
    layers: dict[str, nn.Layer] = {}
    if rng is None and (dropout or word_dropout):
        rng = np.random.default_rng(0)  # not for a prediction: numpy.random takes 8 ms to import
    if word_dropout:
        assert rng is not None
        layers["words"] = nn.WordDropout(word_dropout, rng)
    layers["embedding"] = _EMBEDDINGS[spec.math](weights["embedding.weight"], spec.pooling, spec.padding)
    for i, (inputs, width) in enumerate(pairwise([spec.dim, *spec.hidden])):
        name = f"hidden.{i}"
        block: dict[str, nn.Layer] = {}
        if dropout:
            assert rng is not None
            block["dropout"] = nn.Dropout(dropout, rng)
        block[""] = nn.Linear(weights[f"{name}.weight"], weights[f"{name}.bias"])
        if spec.batch_norm:
            norm = (weights[f"{name}.norm.{tensor}"] for tensor in ("scale", "shift", "mean", "variance"))
            block["norm"] = nn.BatchNorm(*norm)
        block["activation"] = _ACTIVATIONS[spec.activation]()
        layers[name] = nn.Sequential(block)
        if spec.residual and inputs == width:
            layers[name] = nn.Residual(layers[name])
    if dropout:
        assert rng is not None
        layers["dropout"] = nn.Dropout(dropout, rng)
    layers["output"] = nn.Linear(weights["output.weight"], weights["output.bias"])
    if spec.head == "scale":
        layers["scale"] = Scale(len(spec.labels), weights.get("scale.bias"))
    if spec.head == "cumulative":
        layers["thresholds"] = Cumulative(weights["thresholds.gaps"])
    if spec.adaptive_temperature:
        layers["temperature"] = AdaptiveTemperature(weights["temperature.power"], weights["temperature.spread"])
    return nn.Sequential(layers)


def assemble_for_training(
    config: Config, weights: Mapping[str, Array], seed: int, spec: NetworkSpec | None = None
) -> nn.Sequential:
    """Return the network that a config describes, with its dropout, whose masks the seed determines.

    `spec` is that of a trained model, to which calibration may have added a layer.
    """
    return assemble(
        spec or NetworkSpec.from_config(config),
        weights,
        dropout=config.model.dropout,
        word_dropout=config.train.word_dropout,
        rng=random_stream(seed, "dropout"),
    )
