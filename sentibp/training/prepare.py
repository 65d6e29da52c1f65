"""Prepare the data of a training: resolve its paths, load the reviews, encode them as features."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import Resolved
from sentibp.config.repair import set_option
from sentibp.config.schema import Config, Text
from sentibp.data import corpus as data_corpus
from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import data_facts, load_data, load_pretraining_data
from sentibp.data.encode import encode
from sentibp.data.examples import Examples
from sentibp.data.folding import FOLDING
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError
from sentibp.model import file as model_file
from sentibp.model import word_vectors
from sentibp.model.build import require_memory
from sentibp.model.classifier import Classifier
from sentibp.nn import Ragged
from sentibp.runs import find
from sentibp.training.pretraining import PretrainingData


class TrainingData(NamedTuple):
    """The settings and the data of a training."""

    config: Config  # with resolved paths
    origin: Classifier | None  # the model of model.init_from
    pretrained: word_vectors.VectorFile | None  # the vectors of pretrain.vectors_from
    training: Examples
    validation: Examples | None
    extra: PretrainingData  # additional reviews for pretraining
    vocabulary: Vocabulary
    facts: dict[str, Any]  # sizes and fingerprints of the data, for run.json
    notes: tuple[str, ...]  # messages for the user about the data
    seconds: float  # the time of loading and encoding
    before: int | None = None  # in the refit: the number of features of the chosen model


def prepare(resolved: Resolved) -> TrainingData:
    """Resolve the paths of a config, then load and encode its data."""
    return prepare_config(resolve_all_paths(resolved))


def prepare_config(config: Config) -> TrainingData:
    """Load and encode the data of a config whose paths are resolved.

    DataError if the data cannot be read, ConfigError if the network is larger than the memory.
    """
    start = time.monotonic()
    origin = None if config.model.init_from is None else model_file.load_model(Path(config.model.init_from))
    pretrained = _pretrained(config)
    training, validation = load_data(config)
    labelled, unlabelled = load_pretraining_data(config)
    notes = tuple(_notes(training, validation, labelled, unlabelled))
    if origin is not None and origin.spec.folding == config.text.folding != FOLDING:
        note = f"text.folding is {config.text.folding}, as in {config.model.init_from}, whose words it starts from"
        notes = (*notes, note)
    facts = {"training": data_facts(training), "validation": data_facts(validation)}
    if config.pretrain.vectors != "none":
        facts |= {"labelled": data_facts(labelled), "unlabelled": data_facts(unlabelled)}
    encoded = encode(
        config.text,
        (training, labelled, unlabelled),
        validation,
        facts,
        str(config.data.source),
        None if origin is None else origin.vocabulary,
    )
    require_memory(config, len(encoded.vocabulary))
    features, labelled_features, unlabelled_features = encoded.learned
    return TrainingData(
        config=config,
        origin=origin,
        pretrained=pretrained,
        training=_examples(training, features),
        validation=None if validation is None else _examples(validation, encoded.validation),
        extra=PretrainingData(
            None if labelled is None else _examples(labelled, labelled_features), unlabelled_features
        ),
        vocabulary=encoded.vocabulary,
        facts=facts | _files(config),
        notes=notes,
        seconds=time.monotonic() - start,
    )


def _pretrained(config: Config) -> word_vectors.VectorFile | None:
    """Load the vectors of pretrain.vectors_from. ConfigError if their kind or dimension differs from the settings."""
    settings = config.pretrain
    if settings.vectors_from is None:
        return None
    saved = word_vectors.load_vectors(Path(settings.vectors_from))
    wrong = [
        f"pretrain.{key}: is {getattr(settings, key)}, but {settings.vectors_from} has {value}; "
        f"write {set_option(f'pretrain.{key}', value)}"
        for key, value in (("vectors", saved.kind), ("dim", saved.dim))
        if getattr(settings, key) != value
    ]
    if wrong:
        raise ConfigError(*wrong)
    return saved


def _files(config: Config) -> dict[str, Any]:
    """Return the fingerprint of each file with initial weights or vectors."""
    paths = {
        "init_from": config.model.init_from,
        "vectors": config.model.embedding.vectors,
        "pretrained": config.pretrain.vectors_from,
    }
    fingerprints = {}
    for key, path in paths.items():
        if path is not None and os.path.isfile(path):  # a missing file is reported where it is read
            with open(path, "rb") as file:
                fingerprints[key] = {"fingerprint": hashlib.file_digest(file, "sha256").hexdigest()}
    return fingerprints


def _find_file(key: str, name: str | None, find_file: Callable[[str], Path]) -> Path | None:
    try:
        return None if name is None else find_file(name)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def resolve_all_paths(resolved: Resolved) -> Config:
    """Return the config with all paths resolved, including the model and the vectors to start from."""
    config = resolved.config
    origin = _find_file("model.init_from", config.model.init_from, find.model_file)
    vectors_file = _find_file("pretrain.vectors_from", config.pretrain.vectors_from, find.vectors_file)
    if vectors_file is not None:
        settings = config.pretrain.model_copy(update={"vectors_from": str(vectors_file)})
        config = config.model_copy(update={"pretrain": settings})
    return resolve_paths(config, resolved.path.parent, origin)


def resolve_paths(config: Config, base: Path, origin: Path | None = None) -> Config:
    """Return the config with paths that do not depend on `base`, the folder of the config file.

    The copy of the config in the run directory needs such paths. `origin` is the model file that model.init_from refers
    to: the name `last` will soon mean another run.
    """
    source = sources.resolve_source(config.data.source, base)
    pretraining_sources = {
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
    text = config.text if origin is None else _text_of_origin(config.text, origin)
    return config.model_copy(
        update={
            "text": text,
            "data": config.data.model_copy(update={"source": source}),
            "pretrain": config.pretrain.model_copy(update=pretraining_sources),
            "model": config.model.model_copy(update=model_update),
        }
    )


def _text_of_origin(text: Text, origin: Path) -> Text:
    """Return the settings with the spellings of the model of init_from, unless the config has its own.

    The words of that model are in its spelling: in another one, some of them would never occur again.
    """
    spelling = model_file.load_spec(origin).spelling
    known = {"folding": spelling.folding, "classes": list(spelling.classes)}
    return text.model_copy(update={key: value for key, value in known.items() if key not in text.model_fields_set})


def _notes(training: Corpus, validation: Corpus | None, *extra: Corpus | None) -> list[str]:
    """Return the messages about the data, each once."""
    corpora = (training, validation, *extra)
    notes = list(dict.fromkeys(note for corpus in corpora if corpus is not None for note in corpus.notes))
    if validation is not None and len(repeated := data_corpus.overlap(training, validation)):
        notes.append(f"{len(repeated):,} of {len(validation):,} validation reviews also occur in the training data")
    return notes


def _examples(corpus: Corpus, features: Ragged) -> Examples:
    assert corpus.label is not None
    return Examples(features, corpus.label, corpus.weight)
