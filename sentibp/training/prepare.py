"""Prepare the data of a training: load the reviews, encode them as features."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.load import Resolved
from sentibp.config.schema import Config, Train
from sentibp.data import corpus as data_corpus
from sentibp.data.corpus import Corpus
from sentibp.data.encode import Encoded, encode
from sentibp.data.examples import Examples
from sentibp.data.folding import FOLDING
from sentibp.data.in_memory import InMemory
from sentibp.data.label_notes import OWN_LABEL, label_notes
from sentibp.data.labels import BINARY, Classes, classes_of
from sentibp.data.lexicon import Lexicon
from sentibp.data.names import names_note
from sentibp.data.overlap import has_many_near_duplicates, require_separate
from sentibp.data.text_hashes import occur_in, text_hashes
from sentibp.data.vocabulary import Vocabulary
from sentibp.data.vocabulary_shards import Workers
from sentibp.errors import ConfigError
from sentibp.model import word_vectors
from sentibp.model.build import require_memory
from sentibp.model.calibration import CalibrationPrior
from sentibp.model.classifier import Classifier
from sentibp.nn import Ragged
from sentibp.nn.layers import Array
from sentibp.runs.review_hashes import ReviewHashes
from sentibp.training.inputs import Inputs, Reviews, known_words, load_inputs, require_suitable, reviews_facts
from sentibp.training.paths import explained_if_changed, resolve_paths
from sentibp.training.pretraining import PretrainingData
from sentibp.training.recorded_data import RecordedData
from sentibp.training.reversed_labels import reversed_labels_note
from sentibp.training.similar_reviews import keep_similar_together
from sentibp.training.suited_defaults import Suited, find_prior, suited_defaults
from sentibp.training.telling_words import telling_words_note
from sentibp.training.validation_notes import HOLD_OUT, validation_notes, without_effect_note
from sentibp.utils.messages import counted
from sentibp.utils.paths import shown
from sentibp.utils.repair import set_option
from sentibp.utils.threads import in_background

_FEW_STEPS = 30  # of an epoch: with fewer, averaged shards learn less


class TrainingData(NamedTuple):
    """The settings and the data of a training."""

    config: Config  # with resolved paths
    origin: Classifier | None  # the model of model.init_from
    pretrained: word_vectors.VectorFile | None  # the vectors of pretrain.vectors_from
    training: Examples
    validation: Examples | None
    independent: Array | None  # (n,) how much each validation review counts in a fit: 0 if training has nearly its text
    prior: CalibrationPrior  # what to expect of the calibration
    lexicon: Lexicon | None  # of pretrain.lexicon
    extra: PretrainingData  # additional reviews for pretraining
    vocabulary: Vocabulary
    hashes: ReviewHashes  # of the reviews, for the run directory
    facts: dict[str, Any]  # sizes and fingerprints of the data, for run.json
    notes: tuple[str, ...]  # messages for the user about the data
    caveats: tuple[str, ...]  # those of them that say why validation scores may differ from those on new reviews
    seconds: float  # the time of loading and encoding
    given: InMemory | None = None  # the reviews, if a Python program has given them
    excluded: str | None = None  # the shipped config whose defaults suit these texts, and are excluded: see `Suited`
    before: int | None = None  # in the refit: the number of features of the chosen model

    @property
    def run_facts(self) -> dict[str, Any]:
        """What run.json has of the data."""
        notes = {"notes": list(self.notes), "caveats": list(self.caveats)}
        return {"data": self.facts, **notes, "learned_validation": self.has_learned_validation}

    @property
    def has_learned_validation(self) -> bool:
        """Whether training has so many validation reviews, or nearly, that their scores say little about new ones."""
        return self.independent is not None and has_many_near_duplicates(
            int((self.independent == 0).sum()), len(self.independent)
        )


def prepare(resolved: Resolved, workers: Workers | None = None, rerun: Path | None = None) -> TrainingData:
    """Resolve the paths of a config, then load and encode its data; in shards, if there are `workers`.

    `rerun` is the run that is resumed or repeated, if one is.
    """
    config, notes = resolve_paths(resolved)
    with explained_if_changed(resolved, config, rerun):
        return prepare_config(config, notes, workers=workers, is_rerun=rerun is not None)


def prepare_config(
    config: Config,
    notes: tuple[str, ...] = (),
    given: InMemory | None = None,
    fold: tuple[Corpus, Corpus] | None = None,
    workers: Workers | None = None,
    is_rerun: bool = False,
    is_refit: bool = False,
) -> TrainingData:
    """Load and encode the data of a config whose paths are resolved. `notes` come before those about the data.

    Instead of the reviews that the config names, those are taken that are `given`, or the training and validation
    reviews of a `fold`. The config of a rerun says how the reviews are cut: similar ones are not sought. That of a
    refit has the settings of the model that was chosen, so no default is chosen for its texts.

    DataError if the data cannot be read, ConfigError if the network is larger than the memory.
    """
    with in_background(import_module, "scipy.sparse"):  # the training needs it
        inputs = load_inputs(config, given, fold)
    return prepare_inputs(
        config, inputs, notes, given, workers, is_fold=fold is not None, is_rerun=is_rerun, is_refit=is_refit
    )


def prepare_inputs(
    config: Config,
    inputs: Inputs,
    notes: tuple[str, ...] = (),
    given: InMemory | None = None,
    workers: Workers | None = None,
    *,
    is_fold: bool = False,
    is_rerun: bool = False,
    is_refit: bool = False,
) -> TrainingData:
    """Encode the reviews that were loaded for a config, as `prepare_config` does.

    What fails here is a fault of the settings, which do not fit these reviews or each other.
    """
    start = time.monotonic()
    require_suitable(config, inputs.pretrained)
    _require_reviews_for_shards(config, len(inputs.reviews.training))
    suited = Suited(config, inputs) if is_refit else suited_defaults(config, inputs)
    wanted, config, inputs, told = config, suited.config, suited.inputs, [*suited.notes]
    reviews, origin, _, lexicon, files, seconds, _ = inputs
    encoded = _encode(config, inputs, facts := reviews_facts(config, inputs), workers)
    overlap = _find_overlap(config, reviews, origin, encoded)
    if not is_fold:
        _require_separate(config, reviews.validation, overlap, is_given=given is not None)
        told += without_effect_note(config, is_given=given is not None)
    cut = "" if is_fold or is_rerun else keep_similar_together(config, given, reviews, overlap.near, overlap.repeated)
    if not isinstance(cut, str):
        told = [] if config is wanted else told  # what left the settings as they were is decided again
        return prepare_config(cut.config, (*notes, *told, cut.note), given, cut.fold, workers)
    occurrences, labelled, unlabelled = encoded.learned
    features = encoded.vocabulary.select(occurrences) if config.pretrain.is_used else occurrences
    independent, more = _judge_validation(config, reviews, overlap, given, cut, prior := find_prior(config, inputs))
    notes += (*told, *_data_notes(config, reviews, overlap, is_rerun=is_rerun), *overlap.notes)
    training = reviews.training.examples(features, classes_of(config.data))
    telling = _telling_notes(notes, training, encoded.vocabulary)
    return TrainingData(
        config=config,
        origin=origin,
        pretrained=inputs.pretrained,
        lexicon=lexicon,
        training=training,
        validation=_examples_or_none(reviews.validation, encoded.validation, training.classes),
        independent=independent,
        prior=prior,
        extra=PretrainingData(occurrences, _examples_or_none(reviews.labelled, labelled, BINARY), unlabelled),
        vocabulary=encoded.vocabulary,
        facts=facts | files,
        hashes=overlap.hashes,
        notes=tuple(dict.fromkeys((*notes, *_vocabulary_notes(config, inputs, encoded), *telling, *more))),
        caveats=(*overlap.caveats, *telling, *more),
        given=given,
        excluded=suited.excluded,
        seconds=seconds + time.monotonic() - start,
    )


def _encode(config: Config, inputs: Inputs, facts: Mapping[str, Any], workers: Workers | None) -> Encoded:
    """Encode all reviews with one vocabulary, which has the known words, too; in shards, if there are `workers`.

    ConfigError if the network is larger than the memory.
    """
    reviews, origin, pretrained, lexicon, *_ = inputs
    encoded = encode(
        config.text,
        (reviews.training, reviews.labelled, reviews.unlabelled),
        reviews.validation,
        facts,
        str(config.data.source),
        None if origin is None else origin.vocabulary,
        occurrences=config.pretrain.is_used,  # it counts them, and reads their order
        words=known_words(config, pretrained, lexicon),
        workers=workers,
    )
    require_memory(config, len(encoded.vocabulary))
    return encoded


class _Overlap(NamedTuple):
    """Which validation reviews have been learned from."""

    hashes: ReviewHashes
    repeated: Array  # (k,) the positions of those that are training reviews, too
    near: Array  # (n,) whether each is nearly the same as a training review: see overlap.near_duplicates
    known: Array  # (m,) the positions of those that the model of init_from was trained on
    notes: list[str]
    caveats: list[str]  # those of them that concern the scores


def _data_notes(config: Config, reviews: Reviews, overlap: _Overlap, *, is_rerun: bool) -> list[str]:
    """Return what the user should know of the data as it was read."""
    notes = [] if is_rerun else label_notes(config.data)  # the run has them, unless its settings answered them
    notes += data_corpus.contradiction_note(reviews.training, overlap.hashes.training[: len(reviews.training)])
    notes += _shard_notes(config.train, len(reviews.training))
    return notes + [note for corpus in reviews if corpus is not None for note in corpus.notes]


def _vocabulary_notes(config: Config, inputs: Inputs, encoded: Encoded) -> list[str]:
    """Return what the user should know of the words of the reviews: those of a lexicon, names, and what labels say."""
    features, vocabulary = encoded.learned[0], encoded.vocabulary
    found = [] if inputs.lexicon is None else [*inputs.lexicon.coverage(features, vocabulary).notes()]
    found += reversed_labels_note(config, inputs.reviews.training, features, vocabulary)
    return found + names_note(encoded.names)


def _telling_notes(notes: Sequence[str], training: Examples, vocabulary: Vocabulary) -> list[str]:
    """Return the note that labels are in the texts, if it is among the notes, or one on other words that tell them."""
    return [note for note in dict.fromkeys(notes) if OWN_LABEL in note] or telling_words_note(training, vocabulary)


def _require_reviews_for_shards(config: Config, reviews: int) -> None:
    """Raise ConfigError if a shard would have no review."""
    if config.train.shards > reviews:
        few = f"{config.train.shards:,} shards of {counted(reviews, 'review')}"
        raise ConfigError(f"train.shards: {few}; write {set_option('train.shards', max(reviews // 2, 1))}")


def _shard_notes(settings: Train, reviews: int) -> list[str]:
    """Return a note if each shard has few steps in an epoch, and a smaller batch would give it more."""
    steps, smaller = -(-reviews // (settings.shards * settings.batch_size)), settings.batch_size // settings.shards
    if settings.shards == 1 or settings.sync == "sync" or steps >= _FEW_STEPS or not smaller:
        return []
    alone = -(-reviews // settings.batch_size)
    few = f"train.shards: {counted(steps, 'step')} of each shard in an epoch, where one process has {alone:,}"
    return [f"{few}; for as many in each, write {set_option('train.batch_size', smaller)}"]


def _judge_validation(
    config: Config,
    reviews: Reviews,
    overlap: _Overlap,
    given: InMemory | None,
    why_apart: str,
    prior: CalibrationPrior,
) -> tuple[Array | None, list[str]]:
    """Return how much each validation review counts in a fit (n,), and what the user should know of them.

    `why_apart` says why those that are nearly the same as training reviews are not held out together, if that was
    tried. The `prior` is what cross-validation tells of the calibration.
    """
    if reviews.validation is None:
        return None, []
    learned = np.union1d(np.union1d(overlap.repeated, overlap.known), np.flatnonzero(overlap.near == 1))
    independent = data_corpus.independent_weights(reviews.validation, learned, overlap.hashes.validation)
    near = np.delete(overlap.near, overlap.repeated)
    about = overlap.hashes, len(overlap.repeated), near, independent, given is not None, why_apart, prior
    return independent, validation_notes(config, reviews.training, reviews.validation, *about)


def _find_overlap(config: Config, reviews: Reviews, origin: Classifier | None, encoded: Encoded) -> _Overlap:
    """Find the validation reviews that training has, or that the model of init_from was trained on."""
    known, held_out = encoded.hashes
    repeated = np.flatnonzero(np.isin(held_out, known))
    if reviews.labelled is not None:
        known = np.concatenate((known, text_hashes(reviews.labelled.text)))
    none = np.zeros(0, np.int64)
    overlap = _Overlap(ReviewHashes(known, held_out), repeated, encoded.near_duplicate, none, [], [])
    return overlap if origin is None else _with_origin(overlap, reviews.validation, origin, config)


def _require_separate(config: Config, validation: Corpus | None, overlap: _Overlap, *, is_given: bool) -> None:
    """Raise DataError if much of a validation source of its own is in the training data."""
    if validation is not None and isinstance(config.data.validation, str):
        repair = f"{HOLD_OUT}, or " * (not is_given) + "give other reviews"
        require_separate(validation, overlap.repeated, shown(config.data.validation), repair)


def _with_origin(overlap: _Overlap, validation: Corpus | None, origin: Classifier, config: Config) -> _Overlap:
    """Add the reviews that the model of init_from was trained on: the new model has learned from them, too."""
    hashes, name, notes = overlap.hashes, shown(str(config.model.init_from)), list[str]()
    if origin.spec.folding == config.text.folding != FOLDING:
        notes.append(f"text.folding is {config.text.folding}, as in {name}, whose words it starts from")
    learned = RecordedData(origin).training_hashes()
    if learned is None:
        notes.append(f"{name}: no run directory says on which reviews it was trained")
        return overlap._replace(notes=notes)
    known, caveats = np.zeros(0, np.int64), list[str]()
    if validation is not None:
        known = np.flatnonzero(occur_in(validation.text, learned))
    if len(known):
        few = f"{len(known):,} of {len(hashes.validation):,} validation reviews are in the training data of {name}"
        caveats.append(f"{few}, which the training starts from: expect lower scores")
    hashes = hashes._replace(training=np.concatenate((hashes.training, learned)))
    return overlap._replace(hashes=hashes, known=known, notes=notes + caveats, caveats=caveats)


def _examples_or_none(corpus: Corpus | None, features: Ragged, classes: Classes) -> Examples | None:
    return None if corpus is None else corpus.examples(features, classes)
