"""The classifier of the article's example, small enough to compute by hand."""

from __future__ import annotations

import numpy as np

from sentibp.data.tokenizer import tokenize
from sentibp.model.classifier import Classifier
from sentibp.model.spec import NetworkSpec
from sentibp.nn import EmbeddingBag, Linear, Sequential, Sigmoid
from sentibp.utils.arrow import strings


def article_classifier() -> Classifier:
    """Return the article's example: "I love this movie" is predicted 0.3, and 0.35 after one step.

    Each word has two numbers. Their mean passes two sigmoid units and a sigmoid output; the learning rate is 0.457.
    tests/nn/test_article.py computes the same step by hand.
    """
    from sentibp.config.schema import Config
    from sentibp.data import vocabulary_build

    rows = {"i": [0.0, 0.2], "love": [1.0, 0.6], "this": [0.2, -0.2], "movie": [0.4, 0.2], "boring": [-0.5, 0.3]}
    vocabulary = vocabulary_build.build_vocabulary(tokenize(strings([" ".join(rows)])))[0]
    config = Config.model_validate(
        {
            "text": {"ngrams": 1, "presence": False},
            "model": {"embedding": {"dim": 2}, "hidden": [2], "activation": "sigmoid"},
            "train": {"loss": "squared_error", "optimizer": {"name": "sgd", "learning_rate": 0.457}},
        }
    )
    hidden = Linear(np.array([[0.5, -1.0], [1.0, 0.5]]), np.array([0.1, -0.2]))
    weight = np.array([rows[word] for word in vocabulary.features().to_pylist()])
    network = Sequential(
        {
            "embedding": EmbeddingBag(weight),
            "hidden.0": Sequential({"": hidden, "activation": Sigmoid()}),
            # this bias makes the first prediction 0.3
            "output": Linear(np.array([[1.0], [-1.0]]), np.array([-1.0922165227909129])),
        }
    )
    return Classifier(NetworkSpec.from_config(config), vocabulary, network, trained_with=config.model_dump(mode="json"))
