"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentibp.model.build import assemble
from sentibp.model.classifier import Classifier
from sentibp.nn.layers import Array
from sentibp.utils.rng import random_stream


def scale_logit(classifier: Classifier, factor: float) -> Classifier:
    """The same classifier with its logit times `factor`; it shares all tensors but those of the output layer."""
    weights = dict(classifier.tensors())
    for name in "output.weight", "output.bias":
        weights[name] = weights[name] * np.float32(factor)
    network = assemble(classifier.config, weights, random_stream(0, "dropout"))
    return Classifier(classifier.config, classifier.vocabulary, network, classifier.scores)


def fold_classifiers(members: Sequence[tuple[Classifier, float]]) -> Classifier:
    """One network whose logit is the sum of the members' logits, each times its weight.

    The members have one vocabulary and no hidden layer, or one with ReLU: their embeddings stand side by side, their
    hidden units too, and no member's embedding reaches another's units. A member without a hidden layer is its logit
    as one column; beside members that have one it passes through two units, as z = relu(z) - relu(-z).
    """
    deep = any(classifier.config.model.hidden for classifier, _ in members)
    columns, blocks, biases, outputs, bias = [], [], [], [], np.zeros(1, np.float32)
    for classifier, weight in members:
        tensors = classifier.tensors()
        embedding, output = tensors["embedding.weight"], tensors["output.weight"] * np.float32(weight)
        bias = bias + tensors["output.bias"] * np.float32(weight)
        if classifier.config.model.hidden:
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
    config = members[0][0].config
    dim, hidden = weights["embedding.weight"].shape[1], [len(weights["hidden.0.bias"])] if deep else []
    plain = config.model_dump() | {"pretrain": {}}  # what it has become, not how: that is in the run's config.yaml
    plain["model"]["embedding"]["dim"], plain["model"]["hidden"], plain["train"]["members"] = dim, hidden, 1
    config = type(config).model_validate(plain)
    return Classifier(config, members[0][0].vocabulary, assemble(config, weights, random_stream(0, "dropout")))


def _block_diagonal(blocks: Sequence[Array]) -> Array:
    """The blocks from corner to corner, zeros around them."""
    matrix = np.zeros(np.sum([block.shape for block in blocks], axis=0), np.float32)
    row = column = 0
    for block in blocks:
        matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return matrix
