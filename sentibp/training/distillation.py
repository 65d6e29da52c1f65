"""Several classifiers of one vocabulary made into one: the networks of a training, and what pretraining brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.data.ngram_counts import NONE
from sentibp.data.vocabulary import Vocabulary
from sentibp.model import initial, linear
from sentibp.model.classifier import Classifier
from sentibp.model.fold import fold_classifiers
from sentibp.model.naive_bayes import log_count_ratio, scale_columns
from sentibp.model.word_vectors import Vectors
from sentibp.nn import Ragged
from sentibp.nn.layers import Array, sigmoid
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.training.pretraining import PretrainingData, concatenate_reviews
from sentibp.utils.arrow import to_numpy

_BLOCK = 256  # reviews pooled at once
_LEAST = 2  # labelled reviews' occurrences of a feature that has a row of its own
_MOVES = 2.5  # times the deviation of a column of vectors: how far the column of its own moves a feature's share
_UNTOLD = 0.25  # added to the squares of log-count ratios: what none of them tells of may move, too
_SHARE = 0.2  # of the training reviews in what students learn from


def review_classifier(
    config: Config, vocabulary: Vocabulary, training: Examples, pretrained: Vectors, seed: int
) -> Classifier:
    """A classifier without hidden layer, on the vectors of n-grams by the reviews that share them.

    Its embedding is a single column: the vectors times the weights of the output layer.
    """
    rows = pretrained.rows(len(vocabulary))
    weight, bias = linear.fit_output_layer(_pooled(rows, training.features, config), training.label)
    return _linear(config, vocabulary, rows @ weight, bias, seed)


def word_classifier(
    config: Config, vocabulary: Vocabulary, training: Examples, extra: PretrainingData, columns: Array, seed: int
) -> Classifier:
    """A classifier without hidden layer, on `word_columns` and on a column of its own, at the minimum of its loss.

    What the log-count ratios, of the training reviews or of the others, say much of may move further in the column of
    its own. That is naive-Bayes logistic regression (Wang & Manning, 2012) with vectors beside it.
    """
    n = len(vocabulary)
    ratios = [log_count_ratio(each.features, each.label, n) for each in (training, extra.labelled) if each is not None]
    guide = np.sqrt(np.sum(np.square(ratios), axis=0) + _UNTOLD)
    column, bias = _column(config, training.features, training.label, guide, columns)
    return _linear(config, vocabulary, column, bias, seed)


def _column(
    config: Config, x: Ragged, label: Array, guide: Array, columns: Array, decay: float = 0.005
) -> tuple[Array, float]:
    """The network without hidden layer on its own column and on `columns` (V, k), which stay, as one column (V,) and a
    bias. A feature of a large `guide` (V,) moves further in its own."""
    lengths = x.lengths
    share = _pooled(np.ones((len(guide), 1), np.float32), x, config)[:, 0] / np.maximum(lengths, 1)  # of a feature
    entries = guide[x.ids] * np.repeat(share, lengths)
    scale = guide * (_MOVES / max(float(np.sqrt(np.mean(entries**2))), 1e-6))
    embedding = config.model.embedding
    own, weight, bias = linear.fit_linear_network(
        x, scale, _pooled(columns, x, config), label, embedding.pooling, embedding.padding, decay
    )
    return own + columns @ weight, bias


def _pooled(rows: Array, x: Ragged, config: Config) -> Array:
    """The rows (V, k) of each review pooled as the config says: (n, k)."""
    bag = FastEmbeddingBag(rows, config.model.embedding.pooling, config.model.embedding.padding)
    n = len(x.offsets) - 1
    return np.concatenate([bag.forward(x.slice(start, min(start + _BLOCK, n))) for start in range(0, n, _BLOCK)])


def _linear(config: Config, vocabulary: Vocabulary, column: Array, bias: float, seed: int) -> Classifier:
    """The classifier whose logit is the pooled column (V,) plus the bias."""
    plain = config.model_dump() | {"pretrain": {}}
    plain["model"]["hidden"], plain["model"]["embedding"]["dim"] = [], 1
    classifier = initial.build_classifier(Config.model_validate(plain), vocabulary, seed)
    params = classifier.network.params
    params["embedding.weight"][:, 0] = column
    params["output.weight"][:], params["output.bias"][:] = 1, bias
    return classifier


def word_columns(
    config: Config, vocabulary: Vocabulary, training: Examples, extra: PretrainingData, pretrained: Vectors
) -> Array:
    """What the last columns of the embedding start from: (V, k).

    If there are labelled reviews of another kind, the first of them tells their log-count ratios, and the second what
    a network without hidden layer learns from their sentences, each with the label of its review: a review pans much
    that its sentences do not say, but over all sentences that cancels. The others are vectors of words by their
    neighbours, all of one length.
    """
    n, embedding = len(vocabulary), config.model.embedding
    columns = []
    if extra.labelled is not None:
        ratio = log_count_ratio(extra.labelled.features, extra.labelled.label, n)
        x, review = sentences(extra.labelled.features, vocabulary)
        said, _ = _column(config, x, extra.labelled.label[review], np.abs(ratio), ratio[:, None], decay=0.001)
        columns += [scale_columns(column[:, None], training.features, embedding) for column in (ratio, said)]
    found = pretrained.rows(n, config.pretrain.dim)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    columns.append(scale_columns(found, training.features, embedding))
    return np.concatenate(columns, axis=1)


def sentences(reviews: Ragged, vocabulary: Vocabulary) -> tuple[Ragged, Array]:
    """The reviews cut after `.`, `!` and `?`, and the review that each of the m sentences is of: (m,)."""
    is_word = vocabulary.prefix == NONE
    is_end = np.zeros(len(vocabulary), bool)
    is_end[vocabulary.word_features] = to_numpy(pc.match_substring_regex(vocabulary.words, r"^[.!?]+$"))
    at = np.flatnonzero(is_word[reviews.ids])  # where the features that end at a token begin: with the token itself
    cuts = at[1:][is_end[reviews.ids[at[:-1]]]]
    offsets = np.union1d(reviews.offsets, cuts)
    return Ragged(reviews.ids, offsets), np.searchsorted(reviews.offsets, offsets[:-1], side="right") - 1


class DistillationSet(NamedTuple):
    """What students learn from."""

    examples: Examples  # m
    place: Array  # (m,) of each among the training reviews; -1 if it is none


def distillation_set(
    vocabulary: Vocabulary, training: Examples, extra: PretrainingData, teacher: Classifier
) -> DistillationSet:
    """The training reviews, so often that they are a fifth of all, and the sentences of the others with the teacher's
    answers.

    A network that learns what another one says of texts without labels (Hinton, Vinyals & Dean, 2015) hears of n-grams
    that the training reviews do not hold, beside those that they do.
    """
    others = [extra.unlabelled] if extra.labelled is None else [extra.labelled.features, extra.unlabelled]
    x, _ = sentences(concatenate_reviews(others), vocabulary)
    answer = sigmoid(teacher.logits(x))
    n, m = len(training), len(answer)
    times = max(round(m / n * _SHARE / (1 - _SHARE)), 1)
    weight = training.weight
    if weight is not None:
        weight = np.append(np.tile(weight, times), np.ones(m, np.float32))
    label = np.append(np.tile(training.label, times), answer)
    examples = Examples(concatenate_reviews([training.features] * times + [x]), label, weight)
    return DistillationSet(examples, np.append(np.tile(np.arange(n), times), np.full(m, -1)))


def shared_rows(training: Examples, features: int) -> Array:
    """For each feature the one whose row it uses: its own; all that are too rare in the labelled reviews share one.

    Of these, which only other reviews hold often, the labels tell too little: (features,) int32.
    """
    row = np.arange(features, dtype=np.int32)
    rare = np.bincount(training.features.ids, minlength=features) < _LEAST
    row[rare] = row[rare][:1]
    return row


def with_shared_rows(examples: Examples, row: Array) -> Examples:
    """The examples with each feature replaced by the one whose row it uses."""
    return Examples(Ragged(row[examples.features.ids], examples.features.offsets), examples.label, examples.weight)


def copy_shared_rows(classifier: Classifier, row: Array) -> None:
    """Give each feature the row that it used in training."""
    embedding = classifier.network.params["embedding.weight"]
    embedding[:] = embedding[row]


def combine(teacher: Classifier, students: Sequence[Classifier]) -> Classifier:
    """The teacher and its students as one classifier: half of the logit is the teacher's.

    Weights that validation data tell say nothing of answers so alike (0.8149 on five folds, halves 0.8172).
    """
    return fold_classifiers([(teacher, 0.5), *((student, 0.5 / len(students)) for student in students)])
