"""Several classifiers folded into one network, and a classifier with a scaled logit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sentibp.model.build import assemble
from sentibp.model.classifier import Classifier
from sentibp.model.spec import NetworkSpec
from sentibp.nn.layers import Array

if TYPE_CHECKING:
    from sentibp.config.schema import Config


def scale_logit(classifier: Classifier, factor: float, shift: float = 0.0) -> Classifier:
    """Return the classifier with its logit times `factor`, plus `shift`.

    It shares all tensors but those of the output layer.
    """
    weights = dict(classifier.tensors())
    for name in "output.weight", "output.bias":
        weights[name] = weights[name] * np.float32(factor)
    if shift:
        weights["output.bias"] = weights["output.bias"] + np.float32(shift)
    return replace(classifier, network=assemble(classifier.spec, weights))


def fold_classifiers(members: Sequence[tuple[Classifier, float]]) -> Classifier:
    """Return one network whose logit is the weighted sum of the members' logits. `members` are pairs (member, weight).

    The members share one vocabulary. Each has no hidden layer, or one with ReLU. The embeddings are concatenated, and
    so are the hidden units; the weights between one member's embedding and another's units are zero. The logit of a
    member without a hidden layer becomes one column of the embedding. If other members have a hidden layer, this
    column passes through two units, as z = relu(z) - relu(-z).
    """
    deep = any(classifier.spec.hidden for classifier, _ in members)
    columns, blocks, biases, outputs, bias = [], [], [], [], np.zeros(1, np.float32)
    for classifier, weight in members:
        tensors = classifier.tensors()
        embedding, output = tensors["embedding.weight"], tensors["output.weight"] * np.float32(weight)
        bias = bias + tensors["output.bias"] * np.float32(weight)
        if classifier.spec.hidden:
            columns.append(embedding)
            blocks.append(tensors["hidden.0.weight"])
            biases.append(tensors["hidden.0.bias"])
            outputs.append(output)
        else:
            columns.append(embedding @ output)  # (V, d) @ (d, 1) -> (V, 1)
            blocks.append(np.array([[1, -1]], np.float32))
            biases.append(np.zeros(2, np.float32))
            outputs.append(np.array([[1], [-1]], np.float32))
    if not deep:
        weights = {"embedding.weight": sum(columns[1:], columns[0]), "output.weight": np.ones((1, 1), np.float32)}
    else:
        weights = {"embedding.weight": np.concatenate(columns, axis=1), "output.weight": np.concatenate(outputs)}
        weights |= {"hidden.0.weight": _block_diagonal(blocks), "hidden.0.bias": np.concatenate(biases)}
    weights["output.bias"] = bias
    dim, hidden = weights["embedding.weight"].shape[1], [len(weights["hidden.0.bias"])] if deep else []
    config = _folded_config(members[0][0].training_config(), dim, hidden)
    spec = NetworkSpec.from_config(config)
    trained_with = config.model_dump(mode="json")
    return Classifier(spec, members[0][0].vocabulary, assemble(spec, weights), trained_with=trained_with)


def _folded_config(config: Config, dim: int, hidden: list[int]) -> Config:
    """Return settings that describe the folded network. The run's config.yaml says how it was trained."""
    plain = config.model_dump() | {"pretrain": {}}
    plain["model"]["embedding"]["dim"], plain["model"]["hidden"], plain["train"]["members"] = dim, hidden, 1
    plain["train"]["linear_member"] = False
    return type(config).model_validate(plain)


def _block_diagonal(blocks: Sequence[Array]) -> Array:
    """Return the block-diagonal matrix: the blocks from corner to corner, zeros around them."""
    matrix = np.zeros(np.sum([block.shape for block in blocks], axis=0), np.float32)
    row = column = 0
    for block in blocks:
        matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return matrix
