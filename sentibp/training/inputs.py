"""What a training reads: the reviews, and the files that its weights start from.

What fails here is a fault of these, or of the machine, and not of how the settings fit together.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any, NamedTuple

from sentibp.config.paths import get
from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import data_facts, load_data, load_pretraining_data
from sentibp.data.in_memory import InMemory
from sentibp.data.lexicon import Lexicon, load_lexicon
from sentibp.model.classifier import Classifier
from sentibp.model.initial import require_vectors
from sentibp.model.word_vectors import VectorFile
from sentibp.training.initial_files import INITIAL_FILES, initial_file_facts, load_origin, load_vectors


class Reviews(NamedTuple):
    """All reviews of a training."""

    training: Corpus
    validation: Corpus | None
    labelled: Corpus | None  # further ones, for pretraining, with labels
    unlabelled: Corpus | None  # and without


class Inputs(NamedTuple):
    """All that a training reads."""

    reviews: Reviews
    origin: Classifier | None  # the model of model.init_from
    pretrained: VectorFile | None  # the vectors of pretrain.vectors_from
    lexicon: Lexicon | None  # of pretrain.lexicon
    files: dict[str, Any]  # the fingerprints of the files that the weights start from, as run.json has them
    seconds: float  # the time of loading


def load_inputs(config: Config, given: InMemory | None = None, fold: tuple[Corpus, Corpus] | None = None) -> Inputs:
    """Load all that a training of this config reads. Its paths are resolved.

    Instead of the reviews that the config names, those are taken that are `given`, or those of a `fold`.

    DataError or ConfigError if something cannot be read, or is not installed.
    """
    start = time.monotonic()
    origin, pretrained, lexicon = load_origin(config), load_vectors(config), load_lexicon(config)
    if config.model.embedding.vectors is not None:
        require_vectors(config.model.embedding.vectors)
    if fold is not None:
        training, validation = fold
    else:
        training, validation = load_data(config) if given is None else given.load(config)
    reviews = Reviews(training, validation, *load_pretraining_data(config))
    files = initial_file_facts(config)
    return Inputs(reviews, origin, pretrained, lexicon, files, time.monotonic() - start)


def reviews_facts(config: Config, inputs: Inputs) -> dict[str, Any]:
    """Return the sizes and fingerprints of the data, which the cache of encoded text depends on."""
    reviews, lexicon = inputs.reviews, inputs.lexicon
    facts = {"training": data_facts(reviews.training), "validation": data_facts(reviews.validation)}
    if config.text.min_groups > 1 and reviews.training.group is not None:
        facts["groups"] = {"fingerprint": hashlib.sha256(reviews.training.group.tobytes()).hexdigest()}
    if config.pretrain.is_used:
        facts |= {"labelled": data_facts(reviews.labelled), "unlabelled": data_facts(reviews.unlabelled)}
    return facts if lexicon is None else facts | {"lexicon": {"fingerprint": lexicon.digest}}


def fingerprints(config: Config, inputs: Inputs) -> dict[str, str]:
    """Return the fingerprint of each input, by what it is: trainings whose inputs differ cannot be compared.

    Trainings that name different inputs, such as two models of `model.init_from`, have different keys for these.
    """
    pretrain = config.pretrain
    names = {
        "training": "training reviews",
        "validation": "validation reviews",
        "groups": "groups of data.group_column",
        "labelled": f"reviews of pretrain.labelled, {pretrain.labelled}",
        "unlabelled": f"texts of pretrain.source, {pretrain.source} ({pretrain.split}, {pretrain.text_column})",
        "lexicon": "lexicon of pretrain.lexicon",
    }
    facts = reviews_facts(config, inputs)
    found = {names[name]: fact["fingerprint"] for name, fact in facts.items() if fact is not None}
    return found | file_fingerprints(config, inputs.files)


def file_fingerprints(config: Config, files: dict[str, Any]) -> dict[str, str]:
    """Return the fingerprint of each file that the weights start from, as `fingerprints` has them."""
    named = {name: f"file of {setting}, {get(config, setting)}" for name, setting in INITIAL_FILES.items()}
    if config.pretrain.vectors == "builtin":
        named["pretrained"] = "vectors that come with sentibp"
    return {named[name]: fact["fingerprint"] for name, fact in files.items()}
