"""What a training reads: the reviews, and the files that its weights start from.

What fails here is a fault of these, or of the machine, and not of how the settings fit together.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from sentibp.config import paths
from sentibp.config.paths import get
from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import data_facts, load_data, load_pretraining_data
from sentibp.data.folding import Spelling
from sentibp.data.in_memory import InMemory
from sentibp.data.lexicon import Lexicon, load_lexicon
from sentibp.data.tokenizer import single_tokens
from sentibp.errors import ConfigError
from sentibp.model import file as model_file
from sentibp.model import word_vectors
from sentibp.model.calibration import CalibrationPrior
from sentibp.model.classifier import Classifier
from sentibp.model.initial import require_vectors
from sentibp.model.word_vectors import VectorFile
from sentibp.runs import find, hub_model
from sentibp.utils.hashing import file_digest
from sentibp.utils.paths import shown
from sentibp.utils.repair import set_option

INITIAL_FILES = {
    "init_from": "model.init_from",
    "vectors": "model.embedding.vectors",
    "pretrained": "pretrain.vectors_from",
}
"""The names in run.json of the files that the weights start from, and the settings that name them."""


def load_origin(config: Config) -> Classifier | None:
    """Load the model of model.init_from."""
    path = config.model.init_from
    return None if path is None else model_file.load_model(find.local_model(path))


def load_vectors(config: Config) -> word_vectors.VectorFile | None:
    """Load the vectors of pretrain.vectors_from, or those that come with sentibp."""
    if config.pretrain.vectors == "builtin":
        return word_vectors.load_builtin()
    path = config.pretrain.vectors_from
    return None if path is None else word_vectors.load_vectors(Path(shown(path)))


def require_suitable(config: Config, vectors: word_vectors.VectorFile | None) -> None:
    """Raise ConfigError if the vectors of pretrain.vectors_from have another kind or dimension than the settings."""
    settings = config.pretrain
    if vectors is None or settings.vectors == "builtin":
        return
    wrong = [
        f"pretrain.{key}: is {getattr(settings, key)}, but {shown(str(settings.vectors_from))} has {value}; "
        f"write {set_option(f'pretrain.{key}', value)}"
        for key, value in (("vectors", vectors.kind), ("dim", vectors.dim))
        if getattr(settings, key) != value
    ]
    if wrong:
        raise ConfigError(*wrong)


def known_words(
    config: Config, pretrained: word_vectors.VectorFile | None, lexicon: Lexicon | None
) -> list[pa.LargeStringArray]:
    """Return the words of which something is known, as tokens: they are features even if no review has them."""
    words = [] if lexicon is None else [lexicon.words]
    if pretrained is None or pretrained.kind != "words":
        return words
    spelling = Spelling.of(config.text)
    tokens = pretrained.texts if pretrained.spelling == spelling else single_tokens(pretrained.texts, spelling)[1]
    return [*words, tokens]


def initial_file_facts(config: Config) -> dict[str, Any]:
    """Return the fingerprint of each file, and the pinned name of a model of the hub, as run.json has them."""
    facts: dict[str, Any] = {}
    if config.pretrain.vectors == "builtin":
        facts["pretrained"] = {"fingerprint": file_digest(word_vectors.builtin_vectors())}
    for name, setting in INITIAL_FILES.items():
        path = paths.get(config, setting)
        local = None if path is None else find.local_model(path)
        if local is not None and os.path.isfile(local):  # a missing file is reported where it is read
            facts[name] = {"fingerprint": file_digest(local)}
            if (pinned := hub_model.pinned_name(local)) is not None:
                facts[name]["model"] = pinned
    return facts


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
    prior: CalibrationPrior | None = None  # what to expect of the calibration, if that was tried


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
