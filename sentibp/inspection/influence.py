"""The training reviews that influenced a prediction, or the weight of a word, most.

A training review influences the logit of a text through the features that both contain: the gradient of the review
moves the rows of these features, and the logit depends on the rows. The influence log has d loss / d logit of each
review in each epoch, and the learning rate. With z the logit of the text, z_i that of review i, and w the rows that
both contain,

    influence of review i = - sum over epochs of  learning rate * dz_i * sum over w of  d z / d w . d z_i / d w

for plain gradient descent: the sum of TracIn (Pruthi, Liu, Kale & Sundararajan, 2020, section 3), with simplifications.
The derivatives of z and z_i are those of the trained network, not of each step. Only the rows of the embedding count,
not the layers above them. Momentum, weight decay and word dropout are ignored. `step_influence` has the formulas of
the other optimizers.

With more than two labels, z is the log-odds of one label: its logit minus the logarithm of the sum of e^logit of all
others. Each review has a gradient dz_i for each output of the network; d z / d w is at the text as it is.

If the embedding starts from naive Bayes, the labels also influence the initial weights. This part of the influence,
`initial`, is the derivative of the log-count ratios by the counts of the review. The gradients of all other reviews
are taken as logged: how they would change without the review is ignored. benchmarks/blame.py removes reviews, trains
again, and reports how well the estimates agree.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentibp.data import corpus as data_corpus
from sentibp.data.examples import Examples
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import words
from sentibp.inspection.step_influence import BLOCK, Overlap, step_influence
from sentibp.model import file, linear, naive_bayes
from sentibp.model.classifier import Classifier
from sentibp.model.head import answer_of_logit, predicted, probability
from sentibp.model.naive_bayes import log_count_ratio
from sentibp.nn import Ragged
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.layers import Array, softmax
from sentibp.runs import directory, find, influence_log
from sentibp.training.paths import restore_or_set
from sentibp.training.recorded_data import RecordedData
from sentibp.utils.arrow import from_numpy, strings
from sentibp.utils.label_key import is_binary
from sentibp.utils.label_mapping import class_choice
from sentibp.utils.threads import single_threaded_blas

_SHARED = 8  # shared features that are named of a review, at most


class SharedFeature(NamedTuple):
    """A feature that the review and the text share, and the influence through it."""

    text: str
    influence: float


class ReviewInfluence(NamedTuple):
    """A training review, and how far it moved the logit."""

    review: int  # its number among the training reviews, from 1: those left out and held out do not count
    place: str  # in its file, such as "reviews.csv:17"
    label: str
    influence: float  # on the logit; above 0 means towards positive, or towards the label
    initial: float  # the share of the influence that is due to the naive-Bayes initialization
    shared: list[SharedFeature]  # the largest influence first
    text: str


class Influences(NamedTuple):
    """A prediction, and the training reviews that influenced it most."""

    label: str
    positive: float  # the probability of positive; with more than two labels, of the label that is explained
    logit: float  # that of positive, or of this label against all others
    sharing: int  # the number of training reviews that share a feature with the text
    reviews: int  # the number of training reviews
    up: list[ReviewInfluence]  # the largest influences towards positive, or towards this label
    down: list[ReviewInfluence]  # the largest influences towards negative, or away from this label
    linear_start: bool  # whether the training started from a linear classifier, whose influence is unknown
    towards: str | None = None  # with more than two labels, the one that is explained


def of_text(name: str | None, text: str, count: int, towards: str | None = None) -> Influences:
    """Return the `count` training reviews with the largest influence on the prediction for a text, in each direction.

    `name` is that of a run. With more than two labels, `towards` is the label to explain, by default the predicted one.
    Raises ConfigError if no word of the text is known, DataError if the training data changed.
    """
    run, classifier = _load_run(name)
    features, _, _ = classifier.encode(strings([text]))
    if not len(features.ids):
        raise ConfigError("no word of the text is known to the model, so no training review influenced its prediction")
    return _influences(run, classifier, features, count, towards)


def of_word(name: str | None, word: str, count: int, towards: str | None = None) -> Influences:
    """Return the influences on the weight of a word or n-gram: on the logit of a review with this feature only."""
    run, classifier = _load_run(name)
    return _influences(
        run, classifier, Ragged(words.feature_rows(classifier, [word]), np.array([0, 1])), count, towards
    )


def _load_run(name: str | None) -> tuple[Path, Classifier]:
    run = find.find_run(name, directory.MODEL)
    if not run.is_dir():
        find.require_run_directory(run)
    return run, file.load_model(run)


def _influences(run: Path, classifier: Classifier, text: Ragged, count: int, towards: str | None) -> Influences:
    answer = _explained_answer(classifier, text, towards)
    log = influence_log.load_influence_log(run)
    corpus = _training_reviews(run, classifier)
    assert corpus.label is not None and corpus.place is not None
    label, n = corpus.label, len(corpus)
    _require_fit(run, log.epochs[0].dz, classifier, n)
    feature, gradient = _text_gradient(classifier, text, answer.number)
    training = classifier.encode(corpus.text)[0]
    with single_threaded_blas:
        overlap = _find_overlap(training, feature, len(classifier.vocabulary))
        examples = corpus.examples(training, classifier.spec.label_set)
        initial = _initial_influence(classifier, examples, overlap, gradient)
        influence = initial + step_influence(classifier, training, overlap, gradient, log)
    total, total_initial = (np.bincount(overlap.review, each, minlength=n) for each in (influence, initial))
    order = np.argsort(-total, kind="stable")
    up, down = order[:count][total[order[:count]] > 0], order[::-1][:count][total[order[::-1][:count]] < 0]
    chosen = np.concatenate((up, down))
    names = classifier.vocabulary.features().take(from_numpy(feature)).to_pylist()
    results = []
    of_chosen = corpus.take(chosen)
    assert of_chosen.place is not None
    for i, content, place in zip(chosen.tolist(), of_chosen.text.to_pylist(), of_chosen.place.to_pylist(), strict=True):
        shared = _shared_features(i, overlap, influence, float(total[i]), names)
        own = classifier.spec.labels[label[i]], float(total[i]), float(total_initial[i])
        results.append(ReviewInfluence(i + 1, place, *own, shared, content))
    return Influences(
        label=answer.label,
        positive=answer.positive,
        logit=answer.logit,
        sharing=len(np.unique(overlap.review)),
        reviews=n,
        up=results[: len(up)],
        down=results[len(up) :],
        linear_start=classifier.training_config().model.init_from is None
        and linear.has_linear_start(classifier.training_config(), training),
        towards=None if classifier.spec.head == "sigmoid" else classifier.spec.labels[answer.number],
    )


class _Explained(NamedTuple):
    """The answer for a text, and the label that is explained."""

    label: str  # the predicted one
    number: int  # of the label that is explained: with two labels positive, else the predicted or the given one
    positive: float  # its probability
    logit: float  # its log-odds


def _explained_answer(classifier: Classifier, text: Ragged, towards: str | None) -> _Explained:
    """Return the answer for a text. Raises ConfigError if the label to explain is none of the model."""
    labels, logits = classifier.spec.labels, classifier.logits(text)
    if is_binary(labels):
        if towards is not None:
            raise ConfigError(f"--towards {towards}: with two labels both directions are shown; leave it out")
        answer = answer_of_logit(float(logits[0]))
        return _Explained(answer.label, 1, answer.positive, float(logits[0]))
    if towards not in (None, *labels):
        choice = class_choice(towards, labels, "--towards")
        raise ConfigError(f"--towards {towards}: is no label of the model; {choice}")
    likely = int(predicted(probability(logits))[0])
    number = likely if towards is None else labels.index(towards)
    others = np.delete(logits[0].astype(np.float64), number)
    log_odds = float(logits[0, number]) - float(np.logaddexp.reduce(others))
    return _Explained(labels[likely], number, float(probability(logits)[0, number]), log_odds)


def _require_fit(run: Path, dz: Array, classifier: Classifier, n: int) -> None:
    """Raise a DataError if the influence log of a run on n reviews is of other reviews or outputs."""
    if n != len(dz):
        raise DataError(f"{run / influence_log.FILE}: is of {len(dz):,} reviews, not of {n:,}")
    if np.prod(dz.shape[1:], dtype=int) != classifier.spec.outputs:
        raise DataError(f"{run / influence_log.FILE}: is of another network; train the config again")


def _shared_features(review: int, overlap: Overlap, influence: Array, total: float, names: list) -> list[SharedFeature]:
    """Return the features that a training review shares with the text, the most influential first.

    `influence` is that of each pair of a review and a feature; only those with the sign of their `total` are returned.
    """
    pairs = np.flatnonzero(overlap.review == review)
    pairs = pairs[np.argsort(-np.sign(total) * influence[pairs], kind="stable")]
    shared = [
        SharedFeature(names[overlap.column[j]], float(influence[j])) for j in pairs.tolist() if influence[j] * total > 0
    ]
    return shared[:_SHARED]


def _training_reviews(run: Path, classifier: Classifier) -> data_corpus.Corpus:
    """Return the training reviews of the run. Raises DataError if the data have changed."""
    again = f"train on them with `sentibp train {shlex.quote(str(run / 'config.yaml'))}`"
    unreadable = f"the training data of {run}: {{}}; {restore_or_set(run)}"
    corpus, _ = RecordedData(classifier).load(again, unreadable=unreadable, places=True)
    return corpus


def _text_gradient(classifier: Classifier, text: Ragged, number: int) -> tuple[Array, Array]:
    """Return the distinct features of a text (k,), and the gradient of its logit by their rows (k, d).

    With more than two labels it is that of the log-odds of the label with this number.
    """
    feature, position = np.unique(text.ids.astype(np.int64), return_inverse=True)
    network = eval_mode(classifier.network, feature)
    z = network.forward(Ragged(position.astype(np.int32), text.offsets), train=True)
    network.backward(np.ones_like(z) if z.shape[1] == 1 else _log_odds_gradient(z, number))
    gradient = network.grads["embedding.weight"]
    return feature, gradient.values  # of all rows, in order


def _log_odds_gradient(logits: Array, number: int) -> Array:
    """Return the derivative of the log-odds of a label by the logits (1, K): 1, and minus the shares of the others."""
    rest = np.arange(logits.shape[1]) != number
    gradient = np.ones_like(logits)
    gradient[:, rest] = -softmax(logits[:, rest])
    return gradient


def _find_overlap(training: Ragged, feature: Array, features: int) -> Overlap:
    """Find the features of the text (k,) in the training reviews, out of `features` in the vocabulary."""
    column_of = np.full(features, -1)
    column_of[feature] = np.arange(len(feature))
    blocks = []
    for start in range(0, len(training.offsets) - 1, BLOCK):
        block = training.slice(start, min(start + BLOCK, len(training.offsets) - 1))
        column = column_of[block.ids]
        shared = np.flatnonzero(column >= 0)
        key, times = np.unique(block.review[shared] * len(feature) + column[shared], return_counts=True)
        blocks.append((start + key // len(feature), key % len(feature), times))
    return Overlap(*(np.concatenate(columns) for columns in zip(*blocks, strict=True)))


def _initial_influence(classifier: Classifier, training: Examples, overlap: Overlap, gradient: Array) -> Array:
    """Return the influence of each pair of the overlap through the initial log-count ratios: (m,).

    The first column of the embedding starts from the ratio log(p / |p|) - log(q / |q|) of each feature, where p and q
    are its smoothed counts in the positive and negative reviews. A positive review that has the feature c times among
    its l features moves the ratio by c / p - l / |p|, times its weight. With more than two labels there is a column for
    each output.
    """
    settings = classifier.training_config().model
    from_counts = settings.embedding.init in ("naive_bayes", "linear") and settings.init_from is None
    if not from_counts or linear.has_linear_start(classifier.training_config(), training.features):
        return np.zeros(len(overlap.review))
    head, embedding = classifier.spec.head, settings.embedding
    columns = naive_bayes.naive_bayes_columns(training, classifier.vocabulary, embedding, head)
    influence = np.zeros(len(overlap.review))
    tasks = naive_bayes.binary_tasks(training, head)
    for task, column, gradients in zip(tasks, columns.T, gradient.T, strict=False):  # as many as the embedding has
        influence += _influence_of_counts(task, column, overlap, gradients)
    return influence


def _influence_of_counts(task: Examples, column: Array, overlap: Overlap, gradient: Array) -> Array:
    """Return the influence of each pair of the overlap through one initial column of the embedding (V,): (m,).

    A label of the task is 0 or 1, or a share between them, of which a review counts on both sides. `gradient` (k,) is
    that of the text's logit by this column of its features.
    """
    features, lengths = len(column), task.features.lengths
    ratio = log_count_ratio(task, features)
    largest = int(np.argmax(np.abs(ratio)))
    unit = column[largest] / ratio[largest] if ratio[largest] else 0.0  # the factor from ratio to weight
    weight = np.ones(len(task)) if task.weight is None else task.weight.astype(np.float64)
    positive, smoothing = naive_bayes.positive_share(task), 2.0
    slope = np.zeros(len(overlap.review))
    for sign, label, share in (-1, 1 - task.label, 1 - positive), (1, task.label, positive):
        counted, smoothed = label * weight, smoothing * share  # as in log_count_ratio
        count = np.bincount(overlap.column, overlap.times * counted[overlap.review], minlength=len(gradient)) + smoothed
        total = np.bincount(np.zeros(len(task), int), lengths * counted)[0] + smoothed * features
        change = overlap.times / count[overlap.column] - lengths[overlap.review] / total
        slope += sign * label[overlap.review] * change
    return weight[overlap.review] * slope * unit * gradient[overlap.column]
