"""Learn what shifted words weigh (data/shifters.py), beside a classifier that does not know of them.

The labels of long reviews say little about negation: a negated word occurs in reviews with the same label as the word
itself, since "not bad" and "not great" are written where opinions are divided. So the weights are learned from the
short sentences of data/shifters.csv, after the classifier, which stays as it is. They are a column of the embedding.
With S its pooled value, and q the larger, the shorter the text is, they add relu(S + q) - relu(-S + q) to the logit:
2 S if |S| < q, and nothing if |S| < -q, as in long texts. So the sum is a network with one hidden layer again.

One more unit makes sure that a text without known words is as likely positive as negative. It is zero for other texts.
"""

from __future__ import annotations

import numpy as np

from sentibp.config.schema import Config
from sentibp.data.shifters import load_sentences
from sentibp.data.tokenizer import tokenize
from sentibp.model.classifier import Classifier
from sentibp.model.fold import fold_classifiers
from sentibp.model.initial import build_classifier
from sentibp.model.lbfgs import minimize
from sentibp.nn import Linear, Ragged, ReLU, Sequential
from sentibp.nn.layers import Array, RowGrad
from sentibp.nn.losses import cross_entropy
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.utils.arrow import strings

_DECAY = 4e-6  # of the penalty on the column, if a weight of 1 adds 1 / sqrt(_TYPICAL) to the pooled value
_TYPICAL = 12  # features of a sentence
_SHORT, _LONG = 40, 200  # features: q is _BOUND in a short text, and 0 in a long one
_BOUND = 2.0


def with_shifters(classifier: Classifier) -> Classifier:
    """Return the classifier with weights for shifted words. It has at most one hidden layer, with ReLU."""
    sentences, vocabulary, spec = load_sentences(), classifier.vocabulary, classifier.spec
    x, _ = vocabulary.encode(tokenize(strings(sentences.text), spec.spelling))
    bag = FastEmbeddingBag(np.zeros((len(vocabulary), 2)), spec.pooling, spec.padding)
    column = bag.params["weight"]
    column[:, 1] = 1
    empty = float(classifier.logits(Ragged(np.zeros(0, np.int32), np.zeros(2, np.int64)))[0])
    one, short, long = (_pooled_ones(n, bag) for n in (1, _SHORT, _LONG))
    head = _head(one, short, long, -empty)
    batch = bag.index(x)
    marked = np.flatnonzero(vocabulary.is_marked[batch.rows])
    scale = np.sqrt(_TYPICAL) / _pooled_ones(_TYPICAL, bag)
    before = classifier.logits(x).astype(np.float64)

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        column[batch.rows[marked], 0] = scale * theta[:-1]
        z = before + head.forward(bag.forward(batch, train=True), train=True)[:, 0]
        loss, dz = cross_entropy(z, sentences.label)
        bag.backward(head.backward(dz[:, None]))
        d_column = bag.grads["weight"]
        assert isinstance(d_column, RowGrad)
        return loss, np.append(scale * d_column.values[marked, 0], 0.0)  # there is no bias

    minimize(loss_and_gradient, len(marked) + 1, _DECAY)
    return fold_classifiers([(classifier, 1.0), (_member(classifier, column, head), 1.0)])


def _pooled_ones(features: int, bag: FastEmbeddingBag) -> float:
    """Return the pooled value of a column of ones between two lengths, so that no text is where a unit switches."""
    ones = FastEmbeddingBag(np.ones((1, 1)), bag.pooling, bag.padding)
    texts = Ragged(np.zeros(2 * features - 1, np.int32), np.array([0, features - 1, 2 * features - 1]))
    return float(ones.forward(texts).mean())


def _head(one: float, short: float, long: float, correction: float) -> Sequential:
    """Return the layers from (S, T) to relu(S + q) - relu(-S + q) + correction * relu(1 - T / one).

    T, the pooled value of a column of ones, grows with the length of the text. q is _BOUND where T is `short`, and 0
    where it is `long`. If T does not depend on the length, q is _BOUND.
    """
    slope = _BOUND / (long - short) if long > short else 0.0
    bias = slope * long if slope else _BOUND
    weight = np.array([[1.0, -1.0, 0.0], [-slope, -slope, -1 / one]])
    return Sequential(
        {
            "hidden.0": Linear(weight, np.array([bias, bias, 1.0])),
            "activation.0": ReLU(),
            "output": Linear(np.array([[1.0], [-1.0], [correction]]), np.zeros(1)),
        }
    )


def _member(classifier: Classifier, column: Array, head: Sequential) -> Classifier:
    """Return a classifier with the two columns and the head."""
    settings = classifier.training_config().model_dump() | {"pretrain": {}}
    settings["model"]["hidden"], settings["model"]["embedding"]["dim"] = [3], 2
    member = build_classifier(Config.model_validate(settings), classifier.vocabulary, 0, is_random=False)
    for name, value in {"embedding.weight": column, **head.params}.items():
        member.network.params[name][:] = value
    return member
