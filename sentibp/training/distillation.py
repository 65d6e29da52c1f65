"""Distillation: classifiers on pretrained vectors, the networks that learn their answers, and one model of them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from sentibp.config.schema import Config
from sentibp.data.examples import Examples, class_shares, example_weights
from sentibp.data.key_table import NONE
from sentibp.data.lexicon import Lexicon
from sentibp.data.vocabulary import Vocabulary
from sentibp.metrics import effective_number
from sentibp.model import initial, linear
from sentibp.model.classifier import Classifier
from sentibp.model.fold import fold_classifiers
from sentibp.model.logistic_regression import fit_class_regression, fit_logistic_regression
from sentibp.model.naive_bayes import binary_tasks, log_count_ratio, scale_columns
from sentibp.model.spec import NetworkSpec
from sentibp.model.word_vectors import Vectors
from sentibp.nn import Ragged
from sentibp.nn.layers import Array, sigmoid, softmax
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.training.pretraining import PretrainingData, concatenate_reviews
from sentibp.utils.arrow import to_numpy

_BLOCK = 256  # reviews that are pooled at once
_MIN_COUNT = 2  # occurrences in the labelled reviews that a feature needs for an embedding row that it does not share
_COLUMN_SCALE = 2.5  # the root mean square of the inputs of the trained column; that of the fixed columns is about 1
_AFFIX_SCALE = 1.0  # the same of the weights that words share with others of the same beginning or ending
_LEXICON_SCALE = 3.0  # the same of the column of a lexicon, so that its weight is found with few reviews
_DECAY = 0.005  # the L2 penalty of a teacher
_SUM_DECAY = 24.0  # the same for the sum of the losses instead of their mean: it counts with fewer than 4,800 reviews
_BASE_SCALE = 0.25  # added to the squared log-count ratios, so that features without a ratio are learned, too
_TRAINING_SHARE = 0.2  # of the training reviews in the distillation set


def review_classifier(
    config: Config, vocabulary: Vocabulary, training: Examples, pretrained: Vectors, seed: int
) -> Classifier:
    """Return a classifier without hidden layers on the vectors of n-grams that `pretraining.review_vectors` learned.

    Its embedding has a column for each output: the vectors times the weights of the output layer.
    """
    rows, head = pretrained.rows(len(vocabulary)), _head(config)
    x, loss_weight = _pool(rows, training.features, config), example_weights(config.train, training)
    weight, bias = linear.fit_output_layer(
        x, training.label, weight=training.weight, loss_weight=loss_weight, head=head
    )
    return _linear(config, vocabulary, _product(rows, weight), bias, head, seed)


def _head(config: Config) -> linear.Head:
    spec = NetworkSpec.from_config(config)
    return linear.Head(spec.head, len(spec.labels))


def linear_member(config: Config, vocabulary: Vocabulary, training: Examples, seed: int) -> Classifier:
    """Return the classifier of train.linear_member: naive-Bayes logistic regression, a column for each output."""
    embedding, loss_weight, head = config.model.embedding, example_weights(config.train, training), _head(config)
    if head.kind != "sigmoid":
        columns, biases = fit_class_regression(
            training, len(vocabulary), embedding.pooling, embedding.padding, seed, head, loss_weight
        )
        return _linear(config, vocabulary, columns, biases, head, seed)
    column, bias = fit_logistic_regression(
        training, len(vocabulary), embedding.pooling, embedding.padding, seed, loss_weight
    )
    return _linear(config, vocabulary, column[:, None], np.array([bias]), head, seed)


def untrained_linear_member(config: Config, vocabulary: Vocabulary, seed: int) -> Classifier:
    """Return a classifier as large as `linear_member`, and as those on the vectors of a pretraining."""
    outputs = NetworkSpec.from_config(config).outputs
    columns = np.zeros((len(vocabulary), outputs), np.float32)
    return _linear(config, vocabulary, columns, np.zeros(outputs), _head(config), seed)


def word_classifier(
    config: Config, vocabulary: Vocabulary, training: Examples, extra: PretrainingData, columns: Array, seed: int
) -> Classifier:
    """Return a classifier without hidden layers, at the minimum of its loss.

    It has two inputs: the fixed `word_columns`, and a column of weights for each output, which it learns. A weight
    moves further if the log-count ratio of its feature is large, in the training reviews or in the additional ones.
    This is naive-Bayes logistic regression (Wang & Manning, 2012) with vectors as additional inputs. Words with the
    same beginning or ending share weights, as in `linear.SharedWeights`.
    """
    n, head = len(vocabulary), _head(config)
    shared = linear.SharedWeights(vocabulary.affix_pairs(), n)
    labelled = [] if extra.labelled is None else [log_count_ratio(_as_encoded(extra.labelled, vocabulary), n)]
    tasks = binary_tasks(training, head.kind)
    ratios = [shared.log_count_ratio(task) for task in tasks]
    rarity = shared.relative_rarity(tasks[0]) if head.kind == "softmax" else 1.0
    scales = [np.sqrt(np.sum(np.square([ratio, *labelled]), axis=0) + _BASE_SCALE) * rarity for ratio in ratios]
    loss_weight = example_weights(config.train, training)
    decay = config.pretrain.decay * max(_DECAY, _SUM_DECAY / effective_reviews(training))
    column, bias = _fit_columns(config, training, scales, columns, loss_weight, decay, head, shared)
    return _linear(config, vocabulary, column, bias, head, seed)


def effective_reviews(examples: Examples) -> float:
    """Return the effective number of distinct reviews (Kish, 1965). Copies count as one review of a larger weight."""
    total: dict[tuple[bytes, int], float] = {}
    x, weight = examples.features, np.ones(len(examples)) if examples.weight is None else examples.weight
    for start, stop, label, each in zip(x.offsets, x.offsets[1:], examples.label, weight, strict=False):
        key = x.ids[start:stop].tobytes(), int(label)
        total[key] = total.get(key, 0.0) + float(each)
    return effective_number(np.array(list(total.values())))


def _fit_columns(
    config: Config,
    examples: Examples,
    scales: Sequence[Array],
    columns: Array,
    loss_weight: Array | None = None,
    decay: float = _DECAY,
    head: linear.Head | None = None,
    shared: linear.SharedWeights | None = None,
) -> tuple[Array, Array]:
    """Fit a network without hidden layers on a trained column for each output, and on the fixed `columns` (V, k).

    Return it as a column for each output (V, m), and their biases (m,). `scales` are m arrays (V,): a weight moves
    further if its scale is large. Only the ratios between the scales of an output matter. `head` and `shared` are as in
    `linear`.
    """
    x, pooling, padding = examples.features, config.model.embedding.pooling, config.model.embedding.padding
    shared, entry = shared or linear.SharedWeights(linear.NO_PAIRS, len(columns)), linear.entries(x, pooling, padding)
    scaled = [scale * shared.factor(scale, examples, entry, _COLUMN_SCALE, _AFFIX_SCALE) for scale in scales]
    scale, fixed = np.stack(scaled, axis=1), _pool(columns, x, config)
    trained, weight, bias = linear.fit_linear_network(
        x, scale, fixed, examples.label, pooling, padding, decay, loss_weight, head, shared
    )
    return trained + _product(columns, weight), bias


def _product(rows: Array, weight: Array) -> Array:
    """Return rows @ weight: (V, k) @ (k, m) -> (V, m).

    OpenBLAS also computes with what an earlier product left in its buffer, and throws that away. If it was NaN, numpy
    warns of an invalid value, although every number of the result is right.
    """
    with np.errstate(invalid="ignore"):
        if weight.shape[1] == 1:
            return (rows @ weight[:, 0])[:, None]
        return rows @ weight


def _pool(rows: Array, x: Ragged, config: Config) -> Array:
    """Return the pooled rows (V, k) of each review, with the pooling of the config: (n, k)."""
    bag = FastEmbeddingBag(rows, config.model.embedding.pooling, config.model.embedding.padding)
    n = len(x.offsets) - 1
    return np.concatenate([bag.forward(x.slice(start, min(start + _BLOCK, n))) for start in range(0, n, _BLOCK)])


def _linear(
    config: Config, vocabulary: Vocabulary, columns: Array, bias: Array, head: linear.Head, seed: int
) -> Classifier:
    """Return the classifier whose outputs are the pooled columns (V, m) plus the biases (m,), under the fitted head."""
    m = columns.shape[1]
    settings = config.model_dump() | {"pretrain": {}}
    settings["model"]["hidden"], settings["model"]["embedding"]["dim"] = [], m
    settings["train"] |= {"linear_member": False, "learning_rates": {}, "freeze": []}  # these name hidden layers
    classifier = initial.build_classifier(Config.model_validate(settings), vocabulary, seed, is_random=False)
    params = classifier.network.params
    params["embedding.weight"][:] = columns
    params["output.weight"][:], params["output.bias"][:] = np.eye(m), bias
    for name, value in head.parameters.items():
        params[name][:] = value
    return classifier


def word_columns(
    config: Config,
    vocabulary: Vocabulary,
    training: Examples,
    extra: PretrainingData,
    pretrained: Vectors | None,
    lexicon: Lexicon | None = None,
) -> Array:
    """Return the initial values of the last columns of the embedding: (V, k).

    They are the vectors of words, scaled to the same length, if there are `pretrained` vectors. A column with the
    polarities of a lexicon comes before them. If there are additional labelled reviews, two columns come first: the
    log-count ratios in these reviews, and the weights of a network without hidden layers that learned their sentences.
    Their labels are negative and positive, whatever those of the training are. Each sentence has the label of its
    review. For single sentences that label is often wrong, but the errors cancel over many sentences.
    """
    n, embedding = len(vocabulary), config.model.embedding
    columns = []
    if extra.labelled is not None:
        ratio = log_count_ratio(_as_encoded(extra.labelled, vocabulary), n)
        x, review = sentences(extra.labelled.features, vocabulary)
        labelled = Examples(x, extra.labelled.label[review])
        weight, _ = _fit_columns(config, labelled, [np.abs(ratio)], ratio[:, None], decay=0.001)
        for column in (ratio[:, None], weight):
            columns.append(scale_columns(column, training.features, embedding, training.weight))
    if lexicon is not None:
        polarity = lexicon.column(vocabulary)[:, None]
        if not polarity[training.features.ids].any():  # nothing says how much it matters
            polarity[:] = 0
        polarity = scale_columns(polarity, training.features, embedding, training.weight)
        columns.append(np.float32(_LEXICON_SCALE) * polarity)
    if pretrained is not None:
        vectors = pretrained.rows(n, config.pretrain.vector_columns)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        columns.append(scale_columns(vectors, training.features, embedding, training.weight))
    return np.concatenate(columns, axis=1)


def sentences(reviews: Ragged, vocabulary: Vocabulary) -> tuple[Ragged, Array]:
    """Split reviews after `.`, `!` and `?`. Return the m sentences, and the review of each: (m,).

    The reviews have their features as often as they occur, the sentences as the vocabulary encodes them.
    """
    is_word = vocabulary.prefix == NONE
    is_end = np.zeros(len(vocabulary), bool)
    is_end[vocabulary.word_features] = to_numpy(pc.match_substring_regex(vocabulary.words, r"^[.!?]+$"))
    start = np.flatnonzero(is_word[reviews.ids])  # of each token: the token, then the n-grams that end with it
    cuts = start[1:][is_end[reviews.ids[start[:-1]]]]
    offsets = np.union1d(reviews.offsets, cuts)
    review = np.searchsorted(reviews.offsets, offsets[:-1], side="right") - 1
    return vocabulary.select(Ragged(reviews.ids, offsets)), review


def _as_encoded(examples: Examples, vocabulary: Vocabulary) -> Examples:
    """Return examples, which have their features as often as they occur, with those that the vocabulary encodes."""
    return replace(examples, features=vocabulary.select(examples.features))


class DistillationSet(NamedTuple):
    """The reviews and sentences that the students learn."""

    examples: Examples  # m
    review: Array  # (m,) the position of each in the training reviews; -1 for a sentence of another review


def distillation_set(
    vocabulary: Vocabulary, training: Examples, extra: PretrainingData, teacher: Classifier
) -> DistillationSet:
    """Return the training reviews, and the sentences of the additional reviews with the teacher's probabilities.

    The training reviews are repeated until they are a fifth of all. From the teacher's answers on texts without labels
    (Hinton, Vinyals & Dean, 2015) a student also learns n-grams that the training reviews do not contain.
    """
    additional = [extra.unlabelled] if extra.labelled is None else [extra.labelled.features, extra.unlabelled]
    x, _ = sentences(concatenate_reviews(additional), vocabulary)
    logits = teacher.logits(x)
    several = logits.ndim == 2
    probability = softmax(logits) if several else sigmoid(logits)
    n, m = len(training), len(probability)
    copies = _copies(n, m)
    weight = training.weight
    if weight is not None:
        weight = np.append(np.tile(weight / weight.mean(), copies), np.ones(m, np.float32))
    label = class_shares(training).astype(probability.dtype) if several else training.label
    label = np.concatenate([label] * copies + [probability])
    features = concatenate_reviews([training.features] * copies + [x])
    examples = replace(training, features=features, label=label, weight=weight)
    return DistillationSet(examples, np.append(np.tile(np.arange(n), copies), np.full(m, -1)))


def _copies(n: int, m: int) -> int:
    """Return how often n training reviews are repeated beside m sentences."""
    return max(round(m / n * _TRAINING_SHARE / (1 - _TRAINING_SHARE)), 1)


def examples_of(n: int, m: int) -> int:
    """Return the size of the distillation set of n training reviews and m sentences."""
    return n * _copies(n, m) + m


def start_from_teacher(student: Classifier, teacher: Classifier, examples: Examples) -> None:
    """Let a network start as its teacher, in place. The first columns of its embedding are the teacher's."""
    config, tensors = student.training_config(), teacher.tensors()
    columns, bias = tensors["embedding.weight"], tensors["output.bias"]
    head = {name: tensors[name] for name in ("scale.bias", "thresholds.gaps") if name in tensors}
    start = linear.scaled_start(columns, bias, head, examples, config.model.embedding)
    initial.start_linear(student.tensors(), config, start)


def shared_rows(training: Examples, vocabulary: Vocabulary) -> Array:
    """Return the feature whose embedding row each feature uses: (V,) int32.

    Features that are rare in the labelled reviews share one row: the labels say too little about each of them.
    """
    row = np.arange(len(vocabulary), dtype=np.int32)
    rare = np.bincount(training.features.ids, minlength=len(row)) < _MIN_COUNT
    rare[vocabulary.is_marked] = False  # the reviews are without them
    row[rare] = row[rare][:1]
    return row


def with_shared_rows(examples: Examples, row: Array) -> Examples:
    """Replace each feature of the examples by the feature whose row it uses."""
    return replace(examples, features=Ragged(row[examples.features.ids], examples.features.offsets))


def copy_shared_rows(classifier: Classifier, row: Array) -> None:
    """Copy to each feature the row that it used in training."""
    embedding = classifier.network.params["embedding.weight"]
    embedding[:] = embedding[row]


def combine(teacher: Classifier, students: Sequence[Classifier]) -> Classifier:
    """Return the teacher and its students as one classifier. Half of the logit is the teacher's.

    Weights fitted on validation data are worse, because the answers are so similar: accuracy 0.8149 over five folds,
    and 0.8172 with halves.
    """
    return fold_classifiers([(teacher, 0.5), *((student, 0.5 / len(students)) for student in students)])
