"""The files that the weights of a training start from: a model, word vectors, vectors of pretraining."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from sentibp.config import paths
from sentibp.config.schema import Config
from sentibp.data.folding import Spelling
from sentibp.data.lexicon import Lexicon
from sentibp.data.tokenizer import single_tokens
from sentibp.errors import ConfigError
from sentibp.model import file as model_file
from sentibp.model import word_vectors
from sentibp.model.classifier import Classifier
from sentibp.runs import find, hub_model
from sentibp.utils.hashing import file_digest
from sentibp.utils.paths import shown
from sentibp.utils.repair import set_option

INITIAL_FILES = {
    "init_from": "model.init_from",
    "vectors": "model.embedding.vectors",
    "pretrained": "pretrain.vectors_from",
}
"""Their names in run.json, and the settings that name them."""


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
