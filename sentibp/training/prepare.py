"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

import hashlib
import inspect
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.config.load import Resolved
from sentibp.config.schema import Config
from sentibp.data import corpus as data_corpus
from sentibp.data import ngram_counts, sources, tokenizer, vocabulary_build
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import data_facts, load_data, load_extra
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.errors import ConfigError, DataError
from sentibp.model import file as model_file
from sentibp.model import word_vectors
from sentibp.model.classifier import Classifier
from sentibp.nn import Ragged
from sentibp.runs import find
from sentibp.training.pretraining import PretrainingData
from sentibp.utils import arrow, cache
from sentibp.utils.arrow import strings

_ENCODING = [
    pa.__version__,
    *(
        cache.key(inspect.getsource(module))
        for module in (arrow, tokenizer, ngram_counts, data_vocabulary, vocabulary_build)
    ),
]
"""What else the encoded text depends on: the code that makes it."""


class TrainingData(NamedTuple):
    """All that a training works on."""

    config: Config  # with settled names
    origin: Classifier | None  # the model to start from
    pretrained: word_vectors.VectorFile | None  # the vectors to start from
    training: Examples
    validation: Examples | None
    extra: PretrainingData  # the reviews of pretraining
    vocabulary: data_vocabulary.Vocabulary
    facts: dict[str, Any]  # about the data
    notes: tuple[str, ...]  # what the user should know of them
    seconds: float  # that this took
    before: int | None = None  # in the final training: the features of the model that was chosen


def prepare(resolved: Resolved) -> TrainingData:
    """Load and encode what a training works on."""
    return prepare_config(resolve_all_paths(resolved))


def prepare_config(config: Config) -> TrainingData:
    """Load and encode the data that settled settings name."""
    began = time.monotonic()
    origin = None if config.model.init_from is None else model_file.load_model(Path(config.model.init_from))
    pretrained = _pretrained(config)
    corpora = load_data(config)
    labelled, unlabelled = load_extra(config)
    notes = tuple(_notes(*corpora, labelled, unlabelled))
    facts = {"training": data_facts(corpora[0]), "validation": data_facts(corpora[1])}
    if config.pretrain.vectors != "none":
        facts |= {"labelled": data_facts(labelled), "unlabelled": data_facts(unlabelled)}
    training, validation, extra, vocabulary = _encode(config, *corpora, labelled, unlabelled, origin, facts)
    facts |= _files(config)
    seconds = time.monotonic() - began
    return TrainingData(config, origin, pretrained, training, validation, extra, vocabulary, facts, notes, seconds)


def _pretrained(config: Config) -> word_vectors.VectorFile | None:
    """The vectors of a pretraining that was done before, if they are of the kind that the settings say."""
    settings = config.pretrain
    if settings.vectors_from is None:
        return None
    saved = word_vectors.load_vectors(Path(settings.vectors_from))
    wrong = [
        f"pretrain.{key}: is {getattr(settings, key)}, but {settings.vectors_from} has {value}; set it to {value}"
        for key, value in (("vectors", saved.kind), ("dim", saved.dim))
        if getattr(settings, key) != value
    ]
    if wrong:
        raise ConfigError(*wrong)
    return saved


def _files(config: Config) -> dict[str, Any]:
    """The files that weights start from, as facts about the data."""
    named = {
        "init_from": config.model.init_from,
        "vectors": config.model.embedding.vectors,
        "pretrained": config.pretrain.vectors_from,
    }
    found = {}
    for key, path in named.items():
        if path is not None and os.path.isfile(path):  # else it is told where it is read
            with open(path, "rb") as file:
                found[key] = {"fingerprint": hashlib.file_digest(file, "sha256").hexdigest()}
    return found


def _origin(key: str, name: str | None, file: Callable[[str], Path]) -> Path | None:
    try:
        return None if name is None else file(name)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def resolve_all_paths(resolved: Resolved) -> Config:
    """The settings with names that mean the same from anywhere, also of the model and the vectors to start from."""
    config = resolved.config
    origin = _origin("model.init_from", config.model.init_from, find.model_file)
    learned = _origin("pretrain.vectors_from", config.pretrain.vectors_from, find.vectors_file)
    if learned is not None:
        settings = config.pretrain.model_copy(update={"vectors_from": str(learned)})
        config = config.model_copy(update={"pretrain": settings})
    return resolve_paths(config, resolved.path.parent, origin)


def resolve_paths(config: Config, base: Path, origin: Path | None = None) -> Config:
    """The config with names that mean the same from anywhere: `last` is soon another run, and a path beside the config
    file is not beside the copy of it in the run directory."""
    source = sources.resolve_source(config.data.source, base)
    pretrain_vectors = {
        key: sources.resolve_source(value, base)
        for key in ("source", "labelled")
        if (value := getattr(config.pretrain, key)) is not None
    }
    embedding, model_update = config.model.embedding, {}
    if embedding.vectors is not None:
        vectors = sources.resolve_source(embedding.vectors, base)
        model_update["embedding"] = embedding.model_copy(update={"vectors": vectors})
    if origin is not None:
        model_update["init_from"] = str(origin)
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"source": source}),
            "pretrain": config.pretrain.model_copy(update=pretrain_vectors),
            "model": config.model.model_copy(update=model_update),
        }
    )


def _notes(training: Corpus, validation: Corpus | None, *extra: Corpus | None) -> list[str]:
    corpora = (training, validation, *extra)
    notes = list(dict.fromkeys(note for corpus in corpora if corpus is not None for note in corpus.notes))
    if validation is not None and len(repeated := data_corpus.overlap(training, validation)):
        notes.append(f"{len(repeated):,} of {len(validation):,} validation reviews also stand in the training data")
    return notes


def _encode(
    config: Config,
    training: Corpus,
    validation: Corpus | None,
    labelled: Corpus | None,
    unlabelled: Corpus | None,
    origin: Classifier | None,
    facts: dict[str, Any],
) -> tuple[Examples, Examples | None, PretrainingData, data_vocabulary.Vocabulary]:
    """The reviews as features: from the cache, or made, and given to the cache in the background."""
    name = cache.key(facts, config.text.model_dump(), _ENCODING)
    found = cache.load(name) if origin is None else None
    if found is not None:
        vocabulary = data_vocabulary.Vocabulary.from_tensors(found["words"], found["features"])
        known, held_out = (
            Ragged(found[f"{part}.ids"], found[f"{part}.offsets"]) for part in ("training", "validation")
        )
    else:
        corpora = [corpus for corpus in (training, labelled, unlabelled) if corpus is not None]
        text = pa.chunked_array([chunk for corpus in corpora for chunk in corpus.text.chunks], arrow.TEXT)
        tokens = tokenize(text, config.text.lowercase)
        words = config.text
        vocabulary, known = vocabulary_build.build_vocabulary(
            tokens, words.ngrams, words.min_count, words.max_features, words.affixes
        )
        if origin is not None:
            vocabulary = data_vocabulary.merge(origin.vocabulary, vocabulary)
            known, _ = vocabulary.encode(tokens)
        if not len(vocabulary):
            raise DataError(
                f"no word occurs {config.text.min_count} times in the {len(training):,} training reviews; "
                "lower text.min_count, or give more text"
            )
        validation_text = validation.text if validation is not None else strings([])
        held_out = vocabulary.encode(tokenize(validation_text, config.text.lowercase))[0]
        if origin is None:
            arrays = vocabulary.tensors()
            for part, ragged in ("training", known), ("validation", held_out):
                arrays |= {f"{part}.ids": ragged.ids, f"{part}.offsets": ragged.offsets}
            about = f"{config.data.source}, n-grams to {config.text.ngrams}, {len(training):,} reviews"
            Thread(target=cache.store, args=(name, about, arrays)).start()  # the program waits for it at its end

    def examples(corpus: Corpus, features: Ragged) -> Examples:
        assert corpus.label is not None
        return Examples(features, corpus.label, corpus.weight)

    ends = np.cumsum([0, *(0 if corpus is None else len(corpus) for corpus in (training, labelled, unlabelled))])
    parts = [known.slice(int(start), int(stop)) for start, stop in pairwise(ends)]
    extra = PretrainingData(None if labelled is None else examples(labelled, parts[1]), parts[2])
    return (
        examples(training, parts[0]),
        None if validation is None else examples(validation, held_out),
        extra,
        vocabulary,
    )
