"""What cross-validation says of a training before it begins: short trainings on some of the texts.

Whether what is known of words helps to tell the classes apart: the log loss of a trained network without, and of the
linear classifier that a training with it starts from. And by which factor the logits are too large or too small: the
answers to texts that were not trained on are many more than there are validation reviews.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.data.encode import encode
from sentibp.data.folding import Spelling
from sentibp.data.labels import classes_of
from sentibp.data.lexicon import load_lexicon
from sentibp.data.split import folds_of_large_classes
from sentibp.data.tokenizer import tokenize
from sentibp.metrics import effective_number
from sentibp.model.calibration import USUAL_PRIOR, CalibrationPrior, fit_adaptive_temperature, fit_temperature
from sentibp.model.classifier import Classifier
from sentibp.model.fold import fold_classifiers
from sentibp.model.initial import build_classifier
from sentibp.model.spec import NetworkSpec
from sentibp.model.word_vectors import VectorFile, match_vectors
from sentibp.nn import Ragged
from sentibp.nn.layers import Array
from sentibp.nn.losses import loss_on
from sentibp.training import distillation
from sentibp.training.inputs import known_words
from sentibp.training.loop import fit, initial_state
from sentibp.training.pretraining import PretrainingData
from sentibp.utils.rng import random_stream
from sentibp.utils.threads import single_threaded_blas

_FOLDS = 3
_ENOUGH = 300  # texts on which losses are measured; no more folds are needed then

EPOCHS = 2
"""At most, in a trial: a training of many chooses the best one."""

_WORTH = 1 / 8  # of a validation review: an answer of the classifier alone, trained on fewer texts

Start = tuple[Classifier, Ragged]  # a classifier, and the features of texts that it was not trained on


class Answers(NamedTuple):
    """What a classifier answers to n texts that it was not trained on."""

    logits: Array  # (n,) or (n, K)
    label: Array  # (n,)
    weight: Array  # (n,) relative to the mean of all texts


class Trial(NamedTuple):
    """What short trainings of 1 + k configs say: one without columns of words, and k with them."""

    losses: Array  # (1 + k,) the log loss of each on texts that it was not trained on, with the best temperature
    priors: list[CalibrationPrior]  # 1 + k, what to expect of the calibration of each


@single_threaded_blas
def try_starts(plain: Config, informed: Sequence[Config], corpus: Corpus, pretrained: VectorFile) -> Trial:
    """Train the `plain` config, which has no columns of words, and the `informed` ones, on some texts.

    The informed configs differ in pretrain.decay only. DataError if a class has too few texts.
    """

    def train(training: Corpus, held_out: Corpus) -> list[Start]:
        return [_plain(plain, training, held_out), *_informed(informed, training, held_out, pretrained)]

    answers = _held_out_answers(plain, corpus, train)
    losses = np.array([_loss(folds) for folds in answers])
    return Trial(losses, [_prior(folds, len(corpus.names), _head(plain)) for folds in answers])


@single_threaded_blas
def expected_calibration(config: Config, corpus: Corpus, pretrained: VectorFile | None) -> CalibrationPrior:
    """Return what to expect of the calibration, as `try_starts` does.

    Without columns of words, these are the logits of the network, or of its average with the linear member.
    DataError if a class has too few texts.
    """

    def train(training: Corpus, held_out: Corpus) -> list[Start]:
        if not config.pretrain.has_word_columns:
            return [_plain(config, training, held_out)]
        assert pretrained is not None
        return _informed([config], training, held_out, pretrained)

    return _prior(_held_out_answers(config, corpus, train)[0], len(corpus.names), _head(config))


def _held_out_answers(
    config: Config, corpus: Corpus, train: Callable[[Corpus, Corpus], list[Start]]
) -> list[list[Answers]]:
    """Return the answers of each classifier that `train` returns, in each of some folds.

    Texts of classes that are too small for them are trained on only.
    """
    fold = folds_of_large_classes(corpus, _FOLDS, random_stream(0, "folds"), config.data)
    weight = np.ones(len(corpus)) if corpus.weight is None else corpus.weight / corpus.weight.mean(dtype=np.float64)
    found: list[list[Answers]] = []
    measured = 0
    for number in range(_FOLDS):
        if measured < _ENOUGH:
            held_out = corpus.take(np.flatnonzero(fold == number))
            starts = train(corpus.take(np.flatnonzero(fold != number)), held_out)
            label, own = np.asarray(held_out.label), weight[fold == number]
            found.append([Answers(each.logits(x), label, own) for each, x in starts])
            measured += len(held_out)
    return [list(folds) for folds in zip(*found, strict=True)]


def _loss(folds: Sequence[Answers]) -> float:
    """Return the mean log loss, as it is after calibration."""
    total = sum(len(y) * loss_on("cross_entropy")(z * fit_temperature(z, y, w), y, w)[0] for z, y, w in folds)
    return total / sum(float(w.sum()) for *_, w in folds)


def _prior(folds: Sequence[Answers], classes: int, head: str) -> CalibrationPrior:
    """Return the calibration that the answers ask for, and how much that says of a training on all texts.

    A text of a class of m counts with 1 / (m + 2) as one of other classes, in equal parts (Platt, 1999, equation 6).
    Else texts that are all answered correctly would ask for as large a factor as there can be.
    """
    logits, label, weight = (np.concatenate(each) for each in zip(*folds, strict=True))
    if not np.isfinite(logits).all():
        return USUAL_PRIOR
    other = 1 / ((np.bincount(label, minlength=classes) + 2) * (classes - 1))[label]  # (n,)
    shares = np.repeat(other[:, None], classes, axis=1)
    shares[np.arange(len(label)), label] = 1 - (classes - 1) * other
    told = logits, shares if logits.ndim == 2 else shares[:, 1], weight
    mode, least = fit_temperature(*told), (USUAL_PRIOR.shrinking, USUAL_PRIOR.growing)
    prior = CalibrationPrior(mode, *(max(_WORTH * effective_number(weight), each) for each in least))
    if head != "softmax":
        return prior
    found = fit_adaptive_temperature(*told, USUAL_PRIOR._replace(mode=mode))
    return prior._replace(power=found.power, precision=prior.precision + _WORTH * found.precision)


def _head(config: Config) -> str:
    return NetworkSpec.from_config(config).head


def _plain(config: Config, training: Corpus, held_out: Corpus) -> Start:
    """Return a trained network, or its average with the linear member, and the features of other texts."""
    encoded = encode(config.text, (training,), held_out, None, "")
    examples = training.examples(encoded.learned[0], classes_of(config.data))
    classifier = build_classifier(config, encoded.vocabulary, 0, examples=examples)
    settings = config.train.model_copy(update={"epochs": min(config.train.epochs, EPOCHS)})
    for _ in fit(classifier.network, examples, None, settings, initial_state(settings, len(examples), 0)):
        pass
    if config.train.linear_member:
        linear = distillation.linear_member(config, encoded.vocabulary, examples, 0)
        classifier = fold_classifiers([(classifier, 0.5), (linear, 0.5)])
    return classifier, encoded.validation


def _informed(configs: Sequence[Config], training: Corpus, held_out: Corpus, pretrained: VectorFile) -> list[Start]:
    """Return the linear classifiers on columns of words that trainings start from, as `_plain` does."""
    config, lexicon = configs[0], load_lexicon(configs[0])
    spelling = Spelling.of(config.text)
    occurring = pa.concat_arrays([tokenize(each.text, spelling).words for each in (training, held_out)])
    words = [pc.filter(each, pc.is_in(each, occurring)) for each in known_words(config, pretrained, lexicon)]
    encoded = encode(config.text, (training,), held_out, None, "", occurrences=True, words=words)
    vocabulary, occurrences = encoded.vocabulary, encoded.learned[0]
    examples = training.examples(vocabulary.select(occurrences), classes_of(config.data))
    extra = PretrainingData(occurrences, None, Ragged(np.zeros(0, np.int32), np.zeros(1, np.int64)))
    data = vocabulary, examples, extra
    columns = distillation.word_columns(config, *data, match_vectors(pretrained, vocabulary), lexicon)
    return [(distillation.word_classifier(each, *data, columns, seed=0), encoded.validation) for each in configs]
