"""Which training reviews pushed an answer, or the weight of a word, and how far.

A training review and a text have to do with each other through the features that they share: what the review's
gradient did to the rows of these, the text's logit feels. `visits` has d loss / d logit, as each review was told it at
each visit, and the rate. With z the logit of the text, z_i that of review i, and w the rows that both have,

    push of review i = - sum over its visits of  rate * dz_i * sum over w of  d z / d w . d z_i / d w

for plain descent: the sum that TracIn takes over a training (Pruthi, Liu, Kale & Sundararajan, 2020, section 3), with
shortcuts: the derivatives of z and z_i are those of the trained network, not of each step; only the rows of the
embedding count, not the layers above; momentum, weight decay and the words that word dropout hid are left out.

Adagrad divides each step of a row by the root of the squares it has seen. There, the push is what the path of the row
lacks if the review's gradient is taken out of it, from the division too. RMSprop and Adam are followed step by step,
and the review has its share of each step as they scaled it.

Where the embedding starts from naive Bayes, the labels have spoken before the first step; to that belongs the
derivative of the log-count ratios by the review's counts, its `start`. All others are taken to be told what they were:
what they would have taught in the review's absence is not asked. benchmarks/blame.py leaves reviews out, trains again,
and says how far that agrees.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentibp.config.load import load_config
from sentibp.data import corpus as data_corpus
from sentibp.data import dataset
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import words
from sentibp.model import file, linear, naive_bayes
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS, answer_of_logit
from sentibp.model.naive_bayes import log_count_ratio
from sentibp.nn import Ragged, Sequential
from sentibp.nn.eval_mode import as_predicted
from sentibp.nn.layers import Array, RowGrad
from sentibp.nn.optim import OPTIMIZERS, Adagrad, Adam, Optimizer, RMSprop
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.runs import directory, find, influence_log
from sentibp.runs.influence_log import ExampleGradients
from sentibp.utils.arrow import from_numpy, strings
from sentibp.utils.threads import single_threaded_blas

_BLOCK = 1024  # reviews that are looked through at once
_SHARED = 8  # features of a review that are named
_LITTLE = 0.01  # the share of a sum of squares up to which its change is little
_TINY = 1e-300


class SharedFeature(NamedTuple):
    """A feature that the review and the text have in common, and its part of the push."""

    text: str
    push: float


class ReviewInfluence(NamedTuple):
    """A training review, and how far it moved the logit."""

    review: int  # its place among the training reviews, from 1
    label: str
    push: float  # of the logit: above 0, towards positive
    start: float  # the part of it that is due to the naive-Bayes start
    shared: list[SharedFeature]  # the most important first
    text: str


class Influences(NamedTuple):
    """Who pushed an answer."""

    label: str
    positive: float  # the probability of positive
    logit: float
    sharing: int  # the reviews that share a feature with the text
    reviews: int  # all that were trained on
    up: list[ReviewInfluence]  # the largest pushes towards positive
    down: list[ReviewInfluence]  # and towards negative
    linear_start: bool  # whether the training started from the best linear classifier: what told that is left out


def of_text(name: str, text: str, count: int) -> Influences:
    """The training reviews that pushed the answer to a text most: `count` in each direction."""
    run, classifier = _run(name)
    features, _, _ = classifier.encode(strings([text]))
    if not len(features.ids):
        raise ConfigError("no word of the text is known to the model: no training review pushed its answer")
    return _blame(run, classifier, features, count)


def of_word(name: str, word: str, count: int) -> Influences:
    """The training reviews that pushed the weight of a word or an n-gram: the logit of a review that is this alone."""
    run, classifier = _run(name)
    return _blame(run, classifier, Ragged(words.feature_rows(classifier, [word]), np.array([0, 1])), count)


def _run(name: str) -> tuple[Path, Classifier]:
    run = find.find_run(name)
    if not run.is_dir():
        raise ConfigError(f"{run}: a model file; give the run directory, which has what training told its reviews")
    return run, file.load_model(find.model_file(name))


def _blame(run: Path, classifier: Classifier, text: Ragged, count: int) -> Influences:
    kept = influence_log.load_influence_log(run)
    corpus, label = _training(run)
    n = len(label)
    if n != len(kept.epochs[0].dz):
        raise DataError(f"{run / influence_log.FILE}: is of {len(kept.epochs[0].dz):,} reviews, not of {n:,}")
    feature, gradient = _text_gradient(classifier, text)
    training = classifier.encode(corpus.text)[0]
    with single_threaded_blas:
        met = _meetings(training, feature, len(classifier.vocabulary))
        start = _of_start(classifier, training, label, met, feature, gradient)
        push = start + _of_steps(classifier, training, met, gradient, kept)
    total, of_start = (np.bincount(met.review, part, minlength=n) for part in (push, start))
    order = np.argsort(-total, kind="stable")
    up, down = order[:count][total[order[:count]] > 0], order[::-1][:count][total[order[::-1][:count]] < 0]
    chosen = np.concatenate((up, down))
    names = classifier.vocabulary.features().take(from_numpy(feature)).to_pylist()
    pushes = []
    for i, content in zip(chosen.tolist(), corpus.take(chosen).text.to_pylist(), strict=True):
        own = np.flatnonzero(met.review == i)
        own = own[np.argsort(-np.sign(total[i]) * push[own], kind="stable")]
        shared = [SharedFeature(names[met.column[j]], float(push[j])) for j in own.tolist() if push[j] * total[i] > 0]
        pushes.append(
            ReviewInfluence(i + 1, LABELS[label[i]], float(total[i]), float(of_start[i]), shared[:_SHARED], content)
        )
    logit = float(classifier.logits(text)[0])
    answered = answer_of_logit(logit)
    return Influences(
        label=answered.label,
        positive=answered.positive,
        logit=logit,
        sharing=len(np.unique(met.review)),
        reviews=n,
        up=pushes[: len(up)],
        down=pushes[len(up) :],
        linear_start=classifier.training_config().model.init_from is None
        and linear.has_linear_start(classifier.training_config(), training),
    )


def _training(run: Path) -> tuple[data_corpus.Corpus, Array]:
    """The reviews that the run was trained on, and their labels (n,). DataError if they are others by now."""
    settings, facts = load_config(run / "config.yaml").config, directory.load_run_info(run)
    known = facts.get("refit") or (facts.get("data") or {}).get("training") or {}
    if facts.get("refit"):  # it has learned those that were held out, too
        settings = settings.model_copy(update={"data": settings.data.model_copy(update={"validation": 0})})
    try:
        corpus, _ = dataset.load_data(settings)
    except DataError as error:
        raise DataError(f"the training data of {run}: {error}") from None
    if data_corpus.fingerprint(corpus) != known.get("fingerprint"):
        raise DataError(
            f"the training data of {run}, {settings.data.source}, is not what it was; train its config again"
        )
    assert corpus.label is not None
    return corpus, corpus.label


def _text_gradient(classifier: Classifier, text: Ragged) -> tuple[Array, Array]:
    """The distinct features of a text (k,), and the gradient of its logit by their rows (k, d)."""
    feature, place = np.unique(text.ids.astype(np.int64), return_inverse=True)
    network = as_predicted(classifier.network, feature)
    z = network.forward(Ragged(place.astype(np.int32), text.offsets), train=True)
    network.backward(np.ones_like(z))
    gradient = network.grads["embedding.weight"]
    return feature, gradient.values  # of all rows, in order


class _Meetings(NamedTuple):
    """Where training reviews and text meet: review `review[j]` has feature `column[j]` of the text `times[j]` times."""

    review: Array  # (m,) in order
    column: Array  # (m,)
    times: Array  # (m,)


def _meetings(training: Ragged, feature: Array, features: int) -> _Meetings:
    column = np.full(features, -1)
    column[feature] = np.arange(len(feature))
    parts = []
    for start in range(0, len(training.offsets) - 1, _BLOCK):
        some = training.slice(start, min(start + _BLOCK, len(training.offsets) - 1))
        found = column[some.ids]
        there = np.flatnonzero(found >= 0)
        key, times = np.unique(some.review[there] * len(feature) + found[there], return_counts=True)
        parts.append((start + key // len(feature), key % len(feature), times))
    return _Meetings(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _of_start(
    classifier: Classifier, training: Ragged, label: Array, met: _Meetings, feature: Array, gradient: Array
) -> Array:
    """What each meeting did to the logit by way of the log-count ratios that the first column starts from: (m,).

    A feature's ratio is log(p / |p|) - log(q / |q|), p and q being its counts in the positive and negative reviews plus
    what is added to each: a positive review that has it c times of l features moves it by c / p - l / |p|.
    """
    settings = classifier.training_config().model
    told = settings.embedding.init in ("naive_bayes", "linear") and settings.init_from is None
    if not told or linear.has_linear_start(classifier.training_config(), training):
        return np.zeros(len(met.review))
    features = len(classifier.vocabulary)
    ratio = log_count_ratio(training, label, features)
    largest = int(np.argmax(np.abs(ratio)))
    column = naive_bayes.naive_bayes_column(training, label, classifier.vocabulary, settings.embedding)
    unit = column[largest] / ratio[largest] if ratio[largest] else 0.0  # what makes the one of the other
    count = np.zeros((2, len(feature)))
    np.add.at(count, (label[met.review], met.column), met.times)
    added = 2 * np.bincount(label, minlength=2) / len(label)  # as log_ratio does
    total = np.bincount(label, training.lengths, minlength=2) + added * features
    own = label[met.review]
    moved = met.times / (count[own, met.column] + added[own]) - training.lengths[met.review] / total[own]
    return np.where(own == 1, 1, -1) * moved * unit * gradient[met.column, 0]


def _of_steps(
    classifier: Classifier, training: Ragged, met: _Meetings, gradient: Array, kept: influence_log.SavedGradients
) -> Array:
    """What each meeting did to the logit by the steps of the optimizer on the rows that both have: (m,)."""
    settings = classifier.training_config().train
    of_reviews = _review_gradients(classifier, training) / kept.factor  # (n, d), of the logit that was trained
    chosen = settings.optimizer.model_dump(exclude={"name", "learning_rate", "clip_norm", "weight_decay"})
    optimizer = OPTIMIZERS[settings.optimizer.name](**chosen)
    factor = 0.0 if "embedding" in settings.freeze else settings.learning_rates.get("embedding", 1.0)
    seen = _Seen(met, gradient, of_reviews, kept.epochs)
    return factor * (seen.by_adagrad(optimizer) if isinstance(optimizer, Adagrad) else seen.by_scale(optimizer))


class _Seen(NamedTuple):
    """What the optimizer saw of the rows where reviews and text meet."""

    met: _Meetings
    gradient: Array  # (k, d) of the text's logit, by row
    of_reviews: Array  # (n, d) of each review's logit, by a row that it has once
    epochs: list[ExampleGradients]

    def told(self, epoch: ExampleGradients, meetings: Array) -> Array:
        """What some meetings added to the gradient of the loss by their row: (b, d)."""
        review = self.met.review[meetings]
        return (self.met.times[meetings] * epoch.dz[review])[:, None] * self.of_reviews[review]

    def by_adagrad(self, optimizer: Adagrad) -> Array:
        """What is gone of each row's path when the meeting's gradient is: (m,).

        Without it, the sum of squares is smaller from its step on, and all later steps are longer; that of a row which
        has met nobody else is gone as a whole.
        """
        push = np.zeros(len(self.met.review))
        first = np.cumsum([0, *(len(epoch.learning_rate) for epoch in self.epochs)])
        rates = np.concatenate([epoch.learning_rate for epoch in self.epochs])
        order = np.argsort(self.met.column, kind="stable")
        edges = np.searchsorted(self.met.column[order], np.arange(len(self.gradient) + 1))
        for row, (start, stop) in enumerate(pairwise(edges.tolist())):
            own = order[start:stop]
            told = np.concatenate([self.told(epoch, own) for epoch in self.epochs])  # (v, d), v visits
            at = [number + epoch.step[self.met.review[own]] for number, epoch in zip(first, self.epochs, strict=False)]
            step, place = np.unique(np.concatenate(at), return_inverse=True)
            left_out = _without(told, place, rates[step], self.gradient[row], optimizer)
            push[own] = -left_out.reshape(len(self.epochs), -1).sum(axis=0)
        return push

    def by_scale(self, optimizer: Optimizer) -> Array:
        """The meeting's share of each step, as the optimizer scaled it: (m,)."""
        from scipy.sparse import csr_array

        push = np.zeros(len(self.met.review))
        rows = np.zeros(self.gradient.shape)  # which the optimizer moves, so that it sees what it saw
        for epoch in self.epochs:
            step = epoch.step[self.met.review]
            order = np.argsort(step, kind="stable")
            edges = np.searchsorted(step[order], np.arange(len(epoch.learning_rate) + 1))
            for rate, (start, stop) in zip(epoch.learning_rate.tolist(), pairwise(edges.tolist()), strict=True):
                now = order[start:stop]
                told, column = self.told(epoch, now), self.met.column[now]
                share = csr_array((np.ones(len(now)), (column, np.arange(len(now)))), shape=(len(rows), len(now)))
                touched = np.unique(column)
                sums = RowGrad(touched, (share @ told)[touched])  # (k, b) @ (b, d) -> (k, d)
                optimizer.step([("rows", rows, sums)], rate)
                scale = _scale(optimizer, touched)[np.searchsorted(touched, column)]
                push[now] -= rate * np.einsum("bd,bd->b", scale * told, self.gradient[column])
        return push


def _without(told: Array, place: Array, rate: Array, gradient: Array, optimizer: Adagrad) -> Array:
    """Adagrad's steps of one row, along the gradient of the text's logit: what of them each visit is missed for (v,).

    `told` (v, d) is the gradient of each visit, `place` (v,) its step, of which there are T with rates (T,).
    """
    g = np.zeros((len(rate), told.shape[1]))
    np.add.at(g, place, told)
    rest = g[place] - told  # (v, d) the gradient of its step without the visit

    def summed(square: Array) -> Array:  # over the row, as the optimizer does
        return square.mean(axis=1, keepdims=True) if optimizer.row_wise else square

    def along(vector: Array, rate: Array) -> Array:
        moved = rate[:, None] * vector * gradient
        return moved.sum(axis=1, keepdims=True) if optimizer.row_wise else moved

    s = np.cumsum(summed(g * g), axis=0)  # (T, 1) or (T, d)
    less = summed(rest * rest) - summed(g[place] * g[place])  # (v, 1) or (v, d): what the sum lacks from there on
    moved, length = along(g, rate), np.sqrt(s) + optimizer.epsilon
    there = np.sqrt(np.maximum(s[place] + less, 0)) + optimizer.epsilon
    missed = moved[place] / length[place] - along(rest, rate[place]) / there
    # the later steps: where little is missing from a large sum by the derivative, all at once; else one by one
    slope = moved / np.maximum(2 * np.maximum(s, _TINY) * length, _TINY)
    later = np.cumsum(slope[::-1], axis=0)[::-1] - slope
    missed = missed + later[place] * less
    few = np.flatnonzero((np.abs(less) > _LITTLE * s[place]).any(axis=1))
    for start in range(0, len(few), _BLOCK):
        some = few[start : start + _BLOCK]
        missed[some] -= later[place[some]] * less[some]
        shorter = np.sqrt(np.maximum(s[None] + less[some, None], _TINY)) + optimizer.epsilon  # (b, T, 1 or d)
        after = np.arange(len(rate))[None, :, None] > place[some, None, None]
        missed[some] += np.where(after, moved[None] * (1 / length[None] - 1 / shorter), 0).sum(axis=1)
    return missed.sum(axis=1)


def _scale(optimizer: Optimizer, rows: Array) -> Array:
    """What the optimizer multiplied the gradient of some rows by, beside the rate: (k, d) or (k, 1)."""
    state = optimizer.state["rows"]
    if isinstance(optimizer, RMSprop):
        return 1 / (np.sqrt(state["square"][rows]) + optimizer.epsilon)
    if isinstance(optimizer, Adam):
        return 1 / (np.sqrt(state["square"][rows] / (1 - optimizer.beta2 ** int(state["step"]))) + optimizer.epsilon)
    return np.ones((len(rows), 1))


def _review_gradients(classifier: Classifier, training: Ragged) -> Array:
    """The gradient of each training review's logit by a row that it has once: (n, d)."""
    weight = classifier.tensors()["embedding.weight"]
    (_, bag), *rest = as_predicted(classifier.network, np.zeros(0, np.int64)).layers.items()
    head = Sequential(dict(rest))
    bag, unit = (FastEmbeddingBag(rows, bag.pooling, bag.padding) for rows in (weight, np.ones((len(weight), 1))))
    parts = []
    for start in range(0, len(training.offsets) - 1, _BLOCK):
        some = training.slice(start, min(start + _BLOCK, len(training.offsets) - 1))
        z = head.forward(bag.forward(some).astype(np.float64), train=True)
        share = unit.forward(some) / np.maximum(some.lengths, 1)[:, None]  # of a row in the pooled vector: (b, 1)
        parts.append(head.backward(np.ones_like(z)) * share)
    return np.concatenate(parts)
