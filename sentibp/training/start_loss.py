"""Whether what is known of words helps to tell classes apart: the log loss with and without it, by cross-validation.

It is that of a trained network without, and of the linear classifier that a training with it starts from: short
trainings on some of the texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.data.encode import encode
from sentibp.data.folding import Spelling
from sentibp.data.labels import classes_of
from sentibp.data.lexicon import load_lexicon
from sentibp.data.split import fold_corpus
from sentibp.data.tokenizer import tokenize
from sentibp.model.calibration import fit_temperature
from sentibp.model.classifier import Classifier
from sentibp.model.initial import build_classifier
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
_EPOCHS = 2  # at most: a training of many chooses the best one


@single_threaded_blas
def start_losses(plain: Config, informed: Sequence[Config], corpus: Corpus, pretrained: VectorFile) -> Array:
    """Return the log loss of each config on texts that it was not trained on: (1 + k,), with the best temperature.

    The `plain` config has no columns of words. The k `informed` ones have them, and differ in pretrain.decay only.
    DataError if a class has too few texts.
    """
    fold = fold_corpus(corpus, _FOLDS, random_stream(0, "folds"), plain.data)
    total, measured = np.zeros(1 + len(informed)), 0
    for number in range(_FOLDS):
        if measured < _ENOUGH:
            held_out = corpus.take(np.flatnonzero(fold == number))
            training = corpus.take(np.flatnonzero(fold != number))
            starts = [_plain(plain, training, held_out), *_informed(informed, training, held_out, pretrained)]
            total += [len(held_out) * _loss(classifier, x, held_out) for classifier, x in starts]
            measured += len(held_out)
    return total / measured


def _plain(config: Config, training: Corpus, held_out: Corpus) -> tuple[Classifier, Ragged]:
    """Return a trained network, and the features of other texts."""
    encoded = encode(config.text, (training,), held_out, None, "")
    examples = training.examples(encoded.learned[0], classes_of(config.data))
    classifier = build_classifier(config, encoded.vocabulary, 0, examples=examples)
    settings = config.train.model_copy(update={"epochs": min(config.train.epochs, _EPOCHS)})
    for _ in fit(classifier.network, examples, None, settings, initial_state(settings, len(examples), 0)):
        pass
    return classifier, encoded.validation


def _informed(
    configs: Sequence[Config], training: Corpus, held_out: Corpus, pretrained: VectorFile
) -> list[tuple[Classifier, Ragged]]:
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


def _loss(classifier: Classifier, x: Ragged, held_out: Corpus) -> float:
    """Return the mean log loss, as it is after calibration."""
    z, label, weight = classifier.logits(x), held_out.label, held_out.weight
    assert label is not None
    return loss_on("cross_entropy")(z * fit_temperature(z, label, weight), label, weight)[0]
