"""The weights of networks that are averaged."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sentibp.model import fold
from sentibp.nn.losses import cross_entropy
from sentibp.training.best_epoch import Selection

TEXTS = ["a good film", "a bad film", "good", "good good bad plot", "the plot", "bad"]
LABEL = [1, 0, 1, 0, 1, 0]


@pytest.fixture
def members(new_classifier):
    """Return three networks with random weights."""
    networks = [new_classifier(TEXTS, seed, model={"hidden": [3]}) for seed in range(3)]
    rng = np.random.default_rng(1)
    for member in networks:
        for tensor in member.tensors().values():
            tensor[:] = rng.standard_normal(tensor.shape)
    return networks


@pytest.fixture
def weigh(tmp_path, members, examples_of):
    """Return the weights of networks of several kinds, with validation data or without."""

    def weigh(kinds, validated=True):
        validation = examples_of(members[0], TEXTS, LABEL) if validated else None
        return Selection(SimpleNamespace(path=tmp_path), members[0].training_config().train, validation).mixture(kinds)

    return weigh


@pytest.mark.parametrize("split", [0, 1])
def test_networks_of_a_kind_share_the_best_weight_on_validation_data(weigh, members, examples_of, split):
    kinds = [members[:split], members[split:]] if split else [members]
    weights = np.array(weigh(kinds))
    assert len(set(weights[split:])) == 1
    assert (weights >= 0).all()
    assert (weights > 0).any()
    validation = examples_of(members[0], TEXTS, LABEL)
    logits = np.stack([member.logits(validation.features) for member in members], axis=1).astype(float)

    def loss(weights):
        return cross_entropy(logits @ weights, validation.label)[0]

    least = loss(weights)
    for direction in [*np.eye(3)[:split], np.repeat([0, 1], [split, 3 - split])]:
        for step in (-0.01, 0.01):
            moved = weights + step * direction
            assert (moved < 0).any() or loss(moved) > least


def test_without_validation_data_each_kind_has_the_same_weight(weigh, members):
    assert weigh([members[:1], members[1:]], validated=False) == [0.5, 0.25, 0.25]
    assert weigh([members], validated=False) == [1 / 3] * 3


def test_the_logit_of_a_single_network_is_scaled(weigh, members):
    (weight,) = weigh([members[:1]])
    assert weight >= 0
    assert fold.fold_classifiers([(members[0], weight)]).spec.hidden == (3,)
