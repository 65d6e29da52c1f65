"""Load the reviews that a config names: training, validation, pretraining."""

from __future__ import annotations

from typing import Any

from sentibp.config.schema import Config
from sentibp.data import corpus as data_corpus
from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.data.readers.table import ReadOptions
from sentibp.utils import rng


def load_data(config: Config) -> tuple[Corpus, Corpus | None]:
    """Return the training and validation reviews. The split depends only on the data, so runs are comparable."""
    corpus = _load(config, config.data.split)
    validation = config.data.validation
    if isinstance(validation, str):
        sources.require_splits(config.data.source)
        return corpus, _load(config, validation)
    if validation == 0:
        return corpus, None
    return data_corpus.split_corpus(corpus, validation, rng.random_stream(0, "split"))


def _load(config: Config, split: str) -> Corpus:
    settings = config.data
    options = sources.read_options(settings)
    corpus = sources.load_corpus(settings.source, options, split=split, labels=settings.labels)
    source = settings.source if isinstance(settings.source, str) else ", ".join(settings.source)
    data_corpus.require_both_classes(corpus, source)
    return corpus


def load_pretraining_data(config: Config) -> tuple[Corpus | None, Corpus | None]:
    """Return the labelled and the unlabelled reviews of pretraining; None where the config names none."""
    settings = config.pretrain
    if settings.vectors == "none":
        return None, None
    labelled = unlabelled = None
    if settings.labelled is not None:
        labelled = sources.load_corpus(settings.labelled, split="train")
        data_corpus.require_both_classes(labelled, f"pretrain.labelled: {settings.labelled}")
    if settings.source is not None:
        options = ReadOptions(settings.text_column, encoding=config.data.encoding)
        unlabelled = sources.load_corpus(settings.source, options, split=settings.split)
    return labelled, unlabelled


def data_facts(corpus: Corpus | None) -> dict[str, Any] | None:
    """Return the number of reviews and their fingerprint; None if there is no corpus."""
    return None if corpus is None else {"reviews": len(corpus), "fingerprint": data_corpus.fingerprint(corpus)}
