"""Load the reviews that a config names: training, validation, pretraining."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sentibp.config.schema import Config, Data
from sentibp.data import built_in, sources
from sentibp.data import corpus as data_corpus
from sentibp.data.corpus import Corpus
from sentibp.data.labels import OpenLabels
from sentibp.data.readers.folder import has_classes
from sentibp.data.readers.splits import NoSuchSplit, canonical
from sentibp.data.readers.table import LABELLED, MissingColumn, ReadOptions
from sentibp.data.split import fold_corpus, split_corpus, uncut_note
from sentibp.errors import DataError
from sentibp.utils import rng
from sentibp.utils.paths import names_of, shown
from sentibp.utils.repair import set_option, set_text

IN_MEMORY = "<memory>"
"""The value of data.source, and of data.validation, for reviews that a Python program had in memory."""

_LISTED = 20  # files in a message, at most


def load_data(config: Config, *, places: bool = False) -> tuple[Corpus, Corpus | None]:
    """Return the training and validation reviews. The split depends only on the data, so runs are comparable.

    With `places`, the training reviews have their places in the files, which takes longer.
    """
    settings, validation = config.data, config.data.validation
    if settings.source == IN_MEMORY:
        raise DataError("a Python program had the reviews of the training in memory")
    if settings.split != "train":
        sources.require_splits(settings.given_source, "--set data.split=train reads all of it")
    if isinstance(validation, str) and sources.is_source(validation):
        return _load_both(config, validation, places)
    if isinstance(validation, str):
        _require_splits(settings, validation)
        return _load(config, settings.split, places=places), _load_validation_split(config, validation)
    return hold_out(_load(config, settings.split, places=places), config)


def _load_both(config: Config, validation: str, places: bool) -> tuple[Corpus, Corpus]:
    """Load the training reviews, and the validation reviews from a source of their own."""
    settings, options, alternative = config.data, sources.read_options(config.data), "--set data.validation=0.1"
    try:
        training = _load(config, settings.split, places=places)
    except MissingColumn as error:
        raise sources.other_columns(error, [validation], options, "validation", alternative) from None
    try:
        return training, _load(config, "validation", validation)
    except MissingColumn as error:
        others = names_of(settings.given_source)
        raise sources.other_columns(error, others, options, settings.split, alternative) from None


def load_validation(config: Config) -> Corpus:
    """Return the reviews of the source, or of the split, that data.validation names. No training reviews are read."""
    validation = str(config.data.validation)
    if sources.is_source(validation):
        return _load(config, "validation", validation)
    _require_splits(config.data, validation)
    return _load_validation_split(config, validation)


def _require_splits(settings: Data, validation: str) -> None:
    sources.require_splits(settings.given_source, _repair(settings.given_source, settings.split, validation))


def _load_validation_split(config: Config, split: str) -> Corpus:
    try:
        return _load(config, split)
    except NoSuchSplit as error:
        others = [each for each in error.others if canonical(each) != canonical(config.data.split)]
        option = f"--set data.validation={others[0] if others else 0.1}"
        files = _paths(error).get("", [])
        repair = f"to validate on one: {set_option('data.validation', files[0])}" if files else error.repair
        raise error.with_option(option, repair) from None


def _repair(source: str | Sequence[str], split: str, validation: str) -> str:
    """Return what to write instead of a source that does not have the splits."""
    repair = "--set data.validation=0.1 holds out a tenth"
    folder = Path(os.path.expanduser(source)).parent if isinstance(source, str) else None
    if folder is not None and has_classes(folder / split) and has_classes(folder / validation):
        name = shown(str(folder))
        name = f"./{name}" if name in built_in.NAMES else name
        return f"{set_text('data.source', name)} has the splits {split} and {validation}, and {repair}"
    return repair


def hold_out(corpus: Corpus, config: Config) -> tuple[Corpus, Corpus | None]:
    """Return the training reviews, and the share that is held out, if the config holds out one."""
    share = config.data.validation
    if isinstance(share, str) or share == 0:
        return corpus, None
    return split_corpus(corpus, share, rng.random_stream(0, "split"), config.data)


def load_folds(config: Config, folds: int) -> list[tuple[Corpus, Corpus]]:
    """Return the training and the validation reviews of each fold of the reviews that the config trains on.

    The folds depend only on the data. DataError if there are too few reviews, or groups, for so many folds.
    """
    corpus = _load(config, config.data.split)
    fold = fold_corpus(corpus, folds, rng.random_stream(0, "folds"), config.data)
    corpus = replace(corpus, notes=(*corpus.notes, *uncut_note(corpus, fold >= 0)))
    numbers = range(folds)
    return [(corpus.take(np.flatnonzero(fold != i)), corpus.take(np.flatnonzero(fold == i))) for i in numbers]


def _load(config: Config, split: str, validation: str | None = None, *, places: bool = False) -> Corpus:
    """Load a split of data.source, or the source of the validation reviews, which is read in the same way."""
    settings = config.data
    source, options = validation or settings.given_source, sources.read_options(settings)._replace(places=places)
    optional = () if validation is None else ("weight", "group")
    try:
        corpus = sources.load_corpus_without(optional, source, options, split, settings.labels)
    except OpenLabels as error:
        raise DataError(*error.as_classes) from None
    except NoSuchSplit as error:
        raise _with_files(error) if validation is None and canonical(split) == "train" else error from None
    if validation is None:
        data_corpus.require_all_classes(corpus, ", ".join(map(shown, names_of(source))))
    else:
        repair = "scores need both; --set data.validation=0.1 holds out training reviews"
        corpus = data_corpus.with_scored_classes(corpus, f"data.validation: {shown(validation)}", repair)
    return corpus


def _with_files(error: NoSuchSplit) -> NoSuchSplit:
    """Return the error about a folder without training reviews, with the options to train on its files of no split."""
    paths = _paths(error)
    training, validation = paths.get("", []), paths.get("validation", [])
    if not 0 < len(training) <= _LISTED:
        return error
    repair = f"to train on {'this' if len(training) == 1 else 'these'}: {_option('data.source', training)}"
    if len(validation) == 1:
        repair += f" {_option('data.validation', validation)}"
    return error.with_option("--set data.split={}", repair)


def _paths(error: NoSuchSplit) -> dict[str, list[str]]:
    """Return the paths of the files of each split, and under "" of none; those in an archive have none."""
    paths = {split: [f"{error.name}/{file}" for file in files] for split, files in error.files.items()}
    return {split: files for split, files in paths.items() if all(map(os.path.isfile, map(os.path.expanduser, files)))}


def _option(key: str, names: Sequence[str]) -> str:
    return set_option(key, names[0] if len(names) == 1 else list(names))


def load_pretraining_data(config: Config) -> tuple[Corpus | None, Corpus | None]:
    """Return the labelled and the unlabelled reviews of pretraining; None where the config names none."""
    settings = config.pretrain
    if not settings.is_used:
        return None, None
    labelled = unlabelled = None
    most = sources.read_options(config.data).most
    if settings.labelled is not None:
        try:
            labelled = sources.load_corpus(settings.labelled, LABELLED._replace(most=most), split="train")
        except NoSuchSplit as error:
            raise DataError(f"pretrain.labelled: {error.name}: no split 'train'; name one of its files") from None
        data_corpus.require_all_classes(labelled, f"pretrain.labelled: {settings.labelled}")
    if settings.source is not None:
        if settings.split != "unsupervised":
            sources.require_splits(settings.source, "--set pretrain.split=unsupervised reads all of it")
        options = ReadOptions(settings.text_column, encoding=config.data.encoding, most=most)
        try:
            unlabelled = sources.load_corpus(settings.source, options, split=settings.split)
        except NoSuchSplit as error:
            raise error.with_option("--set pretrain.split={}") from None
    return labelled, unlabelled


def data_facts(corpus: Corpus | None) -> dict[str, Any] | None:
    """Return the number of reviews and their fingerprint; None if there is no corpus."""
    return None if corpus is None else {"reviews": len(corpus), "fingerprint": data_corpus.fingerprint(corpus)}
