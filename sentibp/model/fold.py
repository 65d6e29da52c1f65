"""Several classifiers folded into one network, and a classifier with calibrated logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sentibp.model.build import assemble
from sentibp.model.calibration import Calibration
from sentibp.model.classifier import Classifier
from sentibp.model.spec import NetworkSpec
from sentibp.nn.heads import scale_shares
from sentibp.nn.layers import Array

if TYPE_CHECKING:
    from sentibp.config.schema import Config


def calibrated(classifier: Classifier, calibration: Calibration) -> Classifier:
    """Return the classifier with its logits times the factor, plus the shift, which is one for each of K > 2 labels.

    If the calibration has a power, the classifier has an adaptive temperature after that. It shares all tensors but
    those of the output layer and the head.
    """
    factor, shift, power, spread = calibration
    spec, weights = classifier.spec, dict(classifier.tensors())
    for name in "output.weight", "output.bias", "scale.bias":
        if name in weights:
            weights[name] = weights[name] * np.float32(factor)
    if np.any(shift):
        _add_shift(weights, spec, np.asarray(shift, np.float64))
    if power:
        weights |= {"temperature.power": np.array([power], np.float32)}
        weights |= {"temperature.spread": np.array([spread], np.float32)}
        spec = replace(spec, adaptive_temperature=True)
    return replace(classifier, spec=spec, network=assemble(spec, weights))


def _add_shift(weights: dict[str, Array], spec: NetworkSpec, shift: Array) -> None:
    """Add to the bias what shifts the logits: by a number, or by (K,), of which only differences matter."""
    if spec.head == "scale":
        polarity = scale_shares(len(spec.labels))[0]
        shift = shift - shift[0]
        rest = shift - polarity * shift[-1]  # 0 at both ends
        neutrality = 0.0 if "scale.bias" in weights else 2 * rest[1]
        if "scale.bias" in weights:
            weights["scale.bias"] = weights["scale.bias"] + rest[1:-1].astype(np.float32)
        shift = np.array([shift[-1], neutrality])
    weights["output.bias"] = weights["output.bias"] + shift.astype(np.float32)


def fold_classifiers(members: Sequence[tuple[Classifier, float]]) -> Classifier:
    """Return one network whose logits are the weighted sums of the members'. `members` are pairs (member, weight).

    The members share one vocabulary. Each has no hidden layer, or one with ReLU. The embeddings are concatenated, and
    so are the hidden units; the weights between one member's embedding and another's units are zero. Each output of a
    member without a hidden layer becomes a column of the embedding. If other members have a hidden layer, this column
    passes through two units, as z = relu(z) - relu(-z). With more than two classes, z is the output with its bias: a
    neutrality of 0 is common, and there the units have no derivative.
    """
    deep, m = any(classifier.spec.hidden for classifier, _ in members), members[0][0].spec.outputs
    columns, blocks, biases, outputs, bias = [], [], [], [], np.zeros(m, np.float32)
    pairs = np.kron(np.eye(m), [1, -1]).astype(np.float32)  # (m, 2 m)
    for classifier, weight in members:
        tensors = classifier.tensors()
        embedding, output = tensors["embedding.weight"], tensors["output.weight"] * np.float32(weight)
        own_bias = tensors["output.bias"] * np.float32(weight)
        in_units = deep and m > 1 and not classifier.spec.hidden
        bias = bias if in_units else bias + own_bias
        if classifier.spec.hidden:
            columns.append(embedding)
            blocks.append(tensors["hidden.0.weight"])
            biases.append(tensors["hidden.0.bias"])
            outputs.append(output)
        else:
            with np.errstate(invalid="ignore"):  # OpenBLAS warns of what an earlier product left in its buffer
                columns.append(embedding @ output)  # (V, d) @ (d, m) -> (V, m)
            blocks.append(pairs)
            biases.append(own_bias @ pairs if in_units else np.zeros(2 * m, np.float32))
            outputs.append(pairs.T)
    if not deep:
        weights = {"embedding.weight": sum(columns[1:], columns[0]), "output.weight": np.eye(m, dtype=np.float32)}
    else:
        weights = {"embedding.weight": np.concatenate(columns, axis=1), "output.weight": np.concatenate(outputs)}
        weights |= {"hidden.0.weight": _block_diagonal(blocks), "hidden.0.bias": np.concatenate(biases)}
    weights["output.bias"] = bias
    weights |= _folded_head(members)
    dim, hidden = weights["embedding.weight"].shape[1], [len(weights["hidden.0.bias"])] if deep else []
    config = _folded_config(members[0][0].training_config(), dim, hidden)
    spec = NetworkSpec.from_config(config)
    trained_with = config.model_dump(mode="json")
    return Classifier(spec, members[0][0].vocabulary, assemble(spec, weights), trained_with=trained_with)


def _folded_head(members: Sequence[tuple[Classifier, float]]) -> dict[str, Array]:
    """Return the parameters of the folded head: the weighted sums of the members'; for thresholds, of the distances."""
    found = {}
    for name in "scale.bias", "thresholds.gaps":
        if name in members[0][0].tensors():
            values = [(classifier.tensors()[name], np.float32(weight)) for classifier, weight in members]
            if name == "thresholds.gaps":
                found[name] = np.log(np.sum([np.exp(value) * weight for value, weight in values], axis=0))
            else:
                found[name] = np.sum([value * weight for value, weight in values], axis=0)
    return found


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
