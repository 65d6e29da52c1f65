"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.load import Resolved
from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.errors import DataError
from sentibp.model import fold, initial, word_vectors
from sentibp.model.classifier import Classifier
from sentibp.nn.layers import Array
from sentibp.training import distillation
from sentibp.training.break_condition import BreakCondition
from sentibp.training.checkpoint import Checkpoints
from sentibp.training.events import Epoch, Event, NetworkStarted, Note, Step
from sentibp.training.failed_step import TrainingStopped
from sentibp.training.loop import TrainingState, fit, initial_state, steps_per_epoch
from sentibp.training.prepare import TrainingData, prepare
from sentibp.training.selection import Again, Keeper
from sentibp.training.truncated_svd import Round, Rounds


class TrainingContext(NamedTuple):
    """What the training of each network has to do with."""

    prepared: TrainingData
    keeper: Keeper | Again
    checkpoints: Checkpoints
    watch: Callable[[Event], None]
    stop: BreakCondition | None


def train_networks(now: TrainingContext, seed: int) -> Iterator[Classifier]:
    """What is trained from one random start: the network, before it is trained; or each of an ensemble, and their mean
    in the end."""
    training, validation = now.prepared.training, now.prepared.validation
    if _is_ensemble(now.prepared.config):
        members = []
        for member in _members(now, seed):
            members.append(member)
            yield member
        if now.prepared.config.pretrain.vectors == "words":
            classifier = distillation.combine(members[0], members[1:])
        else:
            pretrains = now.prepared.config.pretrain.vectors != "none"
            weights = now.keeper.mixture([members[:1], members[1:]] if pretrains else [members])
            classifier = fold.fold_classifiers(list(zip(members, weights, strict=True)))
        now.keeper.saw_ensemble(seed, classifier)
        yield classifier
        return
    classifier = new_network(now.prepared, seed)
    yield classifier
    position = _begin(now, seed, classifier, training)
    for event in fit(classifier, training, validation, seed, position, stop=now.stop):
        now.keeper.saw(seed, event, classifier)
        if isinstance(event, Step):
            now.checkpoints.stepped(seed, seed, classifier, position, now.keeper.known)
        now.watch(event)
        if now.keeper.patience_is_out:
            break


def _begin(now: TrainingContext, chance: int, classifier: Classifier, training: Examples) -> TrainingState:
    """Where the training of a network begins: at the beginning, or where the checkpoint was written."""
    now.watch(_ready(now.keeper.run.path, chance, classifier, now.prepared._replace(training=training)))
    position = initial_state(classifier.training_config().train, len(training), chance)
    if now.checkpoints.go_on(chance, classifier, position):
        now.watch(Note(f"goes on after step {position.step:,}, in epoch {position.epoch}"))
    else:
        now.keeper.record_start(chance, classifier)
    return position


def _is_ensemble(config: Config) -> bool:
    return config.train.members > 1 or config.pretrain.vectors != "none"


class _Lesson(NamedTuple):
    """What the networks of an ensemble learn from."""

    training: Examples
    validation: Examples | None
    place: Array | None = None  # of each example among the training reviews, if there are others; -1 if it is none
    row: Array | None = None  # of each feature the one whose row it uses, if it shares one
    columns: Array | None = None  # what its last columns start from


def _members(now: TrainingContext, seed: int) -> Iterator[Classifier]:
    """The classifiers that are averaged: those of the pretraining, then each network after its last epoch.

    What is kept of a training that was broken off is not made again.
    """
    prepared, checkpoints = now.prepared, now.checkpoints
    config = prepared.config
    chances = [seed + member * config.train.seeds for member in range(config.train.members)]  # none serves twice
    kept = {chance: checkpoints.member(str(chance)) for chance in chances}
    if config.pretrain.vectors == "reviews":
        lesson = yield from _taught_by_reviews(now, seed)
    elif config.pretrain.vectors == "words":
        lesson = yield from _taught_by_words(now, seed, None not in kept.values())
    else:
        lesson = _Lesson(prepared.training, prepared.validation)
    for chance in chances:
        classifier = kept[chance]
        if classifier is None:
            classifier = new_network(prepared, chance, lesson.columns)
            position = _begin(now, chance, classifier, lesson.training)
            events = fit(classifier, lesson.training, lesson.validation, chance, position, stop=now.stop)
            for event in events if lesson.place is None else _among_reviews(events, lesson.place):
                now.keeper.record(chance, event, classifier)
                if isinstance(event, Step):
                    checkpoints.stepped(seed, chance, classifier, position, now.keeper.known)
                now.watch(event)
            if lesson.row is not None:
                distillation.copy_shared_rows(classifier, lesson.row)
            if lesson.columns is not None:
                classifier = fold.fold_classifiers([(classifier, 1.0)])  # a column, if it has no hidden layer
        checkpoints.finished(seed, str(chance), classifier)
        yield classifier


def _taught_by_reviews(now: TrainingContext, seed: int) -> Generator[Classifier, None, _Lesson]:
    """The classifier on vectors of n-grams."""
    prepared, checkpoints = now.prepared, now.checkpoints
    config, vocabulary, training = prepared.config, prepared.vocabulary, prepared.training
    first = f"{seed}-pretrained"
    classifier = checkpoints.member(first)
    if classifier is None:
        classifier = distillation.review_classifier(config, vocabulary, training, pretrained_vectors(now, seed), seed)
    checkpoints.finished(seed, first, classifier)
    yield classifier
    row = distillation.shared_rows(training, len(vocabulary))
    validation = None if prepared.validation is None else distillation.with_shared_rows(prepared.validation, row)
    return _Lesson(distillation.with_shared_rows(training, row), validation, row=row)


def _taught_by_words(now: TrainingContext, seed: int, all_kept: bool) -> Generator[Classifier, None, _Lesson]:
    """The classifier on vectors of words, which answers sentences; it is enough if all others are kept."""
    prepared, checkpoints = now.prepared, now.checkpoints
    config, vocabulary, training, extra = prepared.config, prepared.vocabulary, prepared.training, prepared.extra
    first, columns = f"{seed}-pretrained", None
    classifier = checkpoints.member(first)
    if classifier is None or not all_kept:  # who is not finished yet starts from the vectors
        pretrained = pretrained_vectors(now, seed, again=classifier is not None)
        columns = distillation.word_columns(config, vocabulary, training, extra, pretrained)
        if classifier is None:
            classifier = distillation.word_classifier(config, vocabulary, training, extra, columns, seed)
    checkpoints.finished(seed, first, classifier)
    yield classifier
    if columns is None:
        return _Lesson(training, prepared.validation)
    answered, place = distillation.distillation_set(vocabulary, training, extra, classifier)
    count, students = np.count_nonzero(place < 0), config.train.members
    now.watch(Note(f"a classifier on these has answered {count:,} sentences; {students} networks learn from that"))
    return _Lesson(answered, prepared.validation, place, columns=columns)


def _among_reviews(events: Iterator[Step | Epoch], place: Array) -> Iterator[Step | Epoch]:
    """The events of a training on a lesson. Where it stops, those examples are told of that are training reviews."""
    try:
        yield from events
    except TrainingStopped as error:
        if error.moment is not None:
            chosen = place[error.moment.chosen]
            error.moment = error.moment._replace(chosen=chosen[chosen >= 0])
        raise


def pretrained_vectors(now: TrainingContext, seed: int, again: bool = False) -> word_vectors.Vectors:
    """What a pretraining has learned, or what is learned now; `again` if that is recorded already."""
    prepared, checkpoints = now.prepared, now.checkpoints
    config = prepared.config
    if prepared.pretrained is not None:
        return _matched(prepared.pretrained, prepared, now.watch)
    what = {"reviews": "n-grams by the reviews that share them", "words": "words by their neighbours"}
    now.watch(Note(f"vectors of {what[config.pretrain.vectors]} ({_count_extra(prepared)}) ..."))
    done, state = (0, {}) if again else checkpoints.rounds(seed)
    if done:
        now.watch(Note(f"goes on after round {done}"))

    def ended(event: Round, state: Mapping[str, Array]) -> None:
        if not again:
            now.keeper.record_round(seed, event)
            if event.round < event.rounds:
                checkpoints.turned(seed, event.round, state, now.keeper.known)
        now.watch(event)

    rounds = Rounds(done, state, ended)
    return distillation.learn_vectors(config, prepared.vocabulary, prepared.training, prepared.extra, seed, rounds)


def _matched(
    saved: word_vectors.VectorFile, prepared: TrainingData, watch: Callable[[Event], None]
) -> word_vectors.Vectors:
    """The vectors of a pretraining that was done before, of the features that this training has."""
    found, path = word_vectors.match_vectors(saved, prepared.vocabulary), prepared.config.pretrain.vectors_from
    n = len(found.features)
    if not n:
        raise DataError(f"{path}: no word or n-gram of the training data has a vector there; pretrain on such data")
    watch(Note(f"{path}: {n:,} of its {len(saved.texts):,} vectors are of features here"))
    return found


def new_network(prepared: TrainingData, seed: int, columns: Array | None = None) -> Classifier:
    """The network before its training, from its seed."""
    examples = prepared.training.features, prepared.training.label
    config, vocabulary, origin = prepared.config, prepared.vocabulary, prepared.origin
    return initial.build_classifier(config, vocabulary, seed, origin, examples, columns, prepared.before)


def untrained(
    resolved: Resolved, watch: Callable[[Event], None] = lambda event: None, **settings: Any
) -> tuple[Classifier, Examples]:
    """The network that would be trained, without pretraining, and on what; `settings` are other ones of train."""
    prepared = prepare(resolved, watch)
    train_settings = prepared.config.train.model_copy(update=settings)
    prepared = prepared._replace(config=prepared.config.model_copy(update={"train": train_settings}))
    return new_network(prepared, train_settings.seed), prepared.training


def _count_extra(prepared: TrainingData) -> str:
    more = len(prepared.extra.unlabelled.offsets) - 1 + (len(prepared.extra.labelled or ()))
    return f"{len(prepared.training):,} reviews of the training, {more:,} more"


def _ready(run: Path, seed: int, classifier: Classifier, prepared: TrainingData) -> NetworkStarted:
    training, validation = prepared.training, prepared.validation
    settings = classifier.training_config().train
    return NetworkStarted(
        run=run,
        seed=seed,
        training=len(training),
        validation=0 if validation is None else len(validation),
        features=len(classifier.vocabulary),
        parameters=sum(parameter.size for parameter in classifier.network.params.values()),
        epochs=settings.epochs,
        steps=settings.epochs * steps_per_epoch(settings, len(training)),
    )
