"""Two classifiers that are small enough to compute by hand: the article's example, and one for the exclusive or."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.model.classifier import Classifier
from sentibp.model.spec import NetworkSpec
from sentibp.nn import EmbeddingBag, Linear, Sequential, Sigmoid
from sentibp.utils.arrow import strings

ARTICLE_REVIEWS = (("I love this movie", "positive"), ("boring movie", "negative"))
"""Reviews of the five words that the article's network knows, with their labels."""

ARTICLE_HELD_OUT = (
    *(("love this", "positive"), ("I love it", "positive")),
    *(("this is boring", "negative"), ("a boring movie", "negative")),
)
"""Other reviews of these words."""

XOR_REVIEWS = (("good", "positive"), ("not good", "negative"), ("bad", "negative"), ("not bad", "positive"))
"""The reviews of data/xor.csv: "not" reverses both words, so that no weight for it is right."""


def article_classifier() -> Classifier:
    """Return the article's example: "I love this movie" is predicted 0.3, and 0.35 after one step.

    Each word has two numbers. Their mean passes two sigmoid units and a sigmoid output; the learning rate is 0.457.
    tests/nn/test_article.py computes the same step by hand.
    """
    rows = {"i": [0.0, 0.2], "love": [1.0, 0.6], "this": [0.2, -0.2], "movie": [0.4, 0.2], "boring": [-0.5, 0.3]}
    settings = {
        "text": {"ngrams": 1, "presence": False},
        "model": {"embedding": {"dim": 2, "padding": 0}, "hidden": [2], "activation": "sigmoid"},
        "train": {"loss": "squared_error", "optimizer": {"name": "sgd", "learning_rate": 0.457}},
    }
    vocabulary = _vocabulary(rows)
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
    from sentibp.config.schema import Config

    config = Config.model_validate(settings)
    return Classifier(NetworkSpec.from_config(config), vocabulary, network, trained_with=config.model_dump(mode="json"))


def xor_classifier() -> Classifier:
    """Return an untrained network for XOR_REVIEWS, with four hidden units. 16 rounds of Run learn all four.

    One seed in eight leads to weights from which it does not learn them; this is not one of these.
    """
    from sentibp.config.schema import Config
    from sentibp.model.initial import build_classifier

    settings: dict[str, Any] = {
        "data": {"source": "xor", "validation": 0},
        "text": {"ngrams": 1, "presence": False, "affixes": False, "min_count": 1},
        "model": {
            "embedding": {"dim": 2, "pooling": "sum", "padding": 0, "init": "glorot"},
            "hidden": [4],
            "activation": "tanh",
        },
        "train": {"optimizer": {"name": "sgd", "learning_rate": 0.3}, "schedule": "constant", "word_dropout": 0},
    }
    return build_classifier(Config.model_validate(settings), _vocabulary(["good", "bad", "not"]), seed=0)


def _vocabulary(words: Any) -> Vocabulary:
    from sentibp.data import vocabulary_build

    return vocabulary_build.build_vocabulary(tokenize(strings([" ".join(words)])))[0]
