"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

import hashlib
import inspect
import os
import statistics
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from . import (
    arrow,
    cache,
    checkpoint,
    data,
    ensemble,
    metrics,
    model,
    postmortem,
    runs,
    text,
    vectors,
    vocab,
)
from .arrow import strings
from .breaks import Break
from .checkpoint import Checkpoints, Saved
from .config import Config, Resolved
from .data import Corpus
from .errors import ConfigError, DataError, SentibpError
from .keeper import Again, Keeper
from .model import Classifier
from .nn import Ragged
from .nn.layers import Array, sigmoid
from .pretrain import Round, Rounds
from .text import tokenize
from .train import Diverged, Epoch, Examples, Position, Step, Stopped, beginning, evaluate, fit, steps_per_epoch

_LARGE = 1_000_000  # features in the training reviews: with more, training once more takes its time and tells less
_ENCODING = [pa.__version__, *(cache.key(inspect.getsource(module)) for module in (arrow, text, vocab))]
"""What else the encoded text depends on: the code that makes it."""


class Note(NamedTuple):
    """Something the user should know."""

    text: str


class Ready(NamedTuple):
    """Before the first step of each seed: what will be trained on what."""

    run: Path
    seed: int
    training: int  # reviews
    validation: int
    features: int
    parameters: int
    epochs: int
    steps: int  # in all epochs


class Outcome(NamedTuple):
    """What a training left behind; `outcome` as in run.json."""

    run: Path
    model: Path
    outcome: str
    scores: dict[str, Any] | None  # of the model; None if it was interrupted before it was scored
    scored_on: str  # "validation", or "training" if there is no validation data
    kept: dict[str, int] | None  # the seed and the epoch that the model is from
    seeds: dict[str, dict[str, float]] | None  # of each score over the seeds: mean, standard deviation, min, max
    digest: str  # SHA-256 of the model file
    refit: dict[str, Any] | None  # the reviews of the last training, if it was done once more on all
    warnings: list[str]  # of gradients that vanish or explode
    seconds: float


class Pretrained(NamedTuple):
    """What a pretraining left behind; `outcome` as in run.json."""

    run: Path
    vectors: Path | None  # None if it was interrupted before they were there
    outcome: str
    features: int  # that have a vector
    dim: int  # the length of a vector
    restored: float | None  # the share of the matrix' squared length, as the last round had it
    digest: str | None  # SHA-256 of the file of vectors
    seconds: float


Event = Note | Ready | Round | Step | Epoch


def load_data(config: Config) -> tuple[Corpus, Corpus | None]:
    """The training and the validation reviews. The cut depends on the data alone, so that runs can be compared."""
    corpus = _load(config, config.data.split)
    validation = config.data.validation
    if isinstance(validation, str):
        data.require_splits(config.data.source)
        return corpus, _load(config, validation)
    if validation == 0:
        return corpus, None
    return data.split(corpus, validation, model.stream(0, "split"))


def _load(config: Config, split: str) -> Corpus:
    settings = config.data
    corpus = data.load(
        settings.source,
        split=split,
        text_column=settings.text_column,
        label_column=settings.label_column,
        weight_column=settings.weight_column,
        labels=settings.labels,
    )
    source = settings.source if isinstance(settings.source, str) else ", ".join(settings.source)
    data.require_both_classes(corpus, source)
    return corpus


def train(
    resolved: Resolved,
    out: Path | None = None,
    command: Sequence[str] = (),
    watch: Callable[[Event], None] = lambda event: None,
    stop: Break | None = None,
) -> Outcome:
    """Train what the settings describe, telling `watch` of every event. Ctrl-C ends it and keeps the best model so far.

    Raises ConfigError, DataError, Diverged, Broken if `stop` holds; and KeyboardInterrupt only before the first step.
    """
    prepared = prepare(resolved, watch)
    run = runs.create(prepared.config, resolved.path, out, command=list(command), data=prepared.facts)
    try:
        return carry_out(prepared, run, watch, stop=stop)
    finally:
        run.close()


def pretrain(
    resolved: Resolved,
    out: Path | None = None,
    command: Sequence[str] = (),
    watch: Callable[[Event], None] = lambda event: None,
) -> Pretrained:
    """Learn the vectors that `train` would learn first, and keep them. Ctrl-C ends it; it can be resumed.

    Raises ConfigError, DataError; and KeyboardInterrupt only while the data are read.
    """
    settings = resolved.config.pretrain
    if settings.vectors == "none":
        raise _not_so(resolved, "vectors", "none: there is nothing to learn; choose words (short texts) or reviews")
    if settings.vectors_from is not None:
        raise _not_so(resolved, "vectors_from", "these vectors are learned already; remove it to learn others")
    prepared = prepare(resolved, watch)
    run = runs.create(
        prepared.config, resolved.path, out, command=list(command), kind="pretraining", data=prepared.facts
    )
    try:
        return carry_out_pretraining(prepared, run, watch)
    finally:
        run.close()


def _not_so(resolved: Resolved, key: str, message: str) -> ConfigError:
    """A setting of pretrain with which nothing can be pretrained."""
    origin = resolved.origins[f"pretrain.{key}"]
    place = origin if ":" in origin else resolved.path.name  # not "default" or "--set"
    return ConfigError(f"{place}: pretrain.{key}: {message}")


def carry_out_pretraining(
    prepared: Prepared, run: runs.Run, watch: Callable[[Event], None], saved: Saved | None = None
) -> Pretrained:
    """The pretraining itself, into a run directory; from the round after which the checkpoint `saved` was written."""
    config = prepared.config
    checkpoints = Checkpoints(run, config, saved)
    keeper = Keeper(run, config, None, _warning(watch))
    found = path = digest = restored = None
    watch(Note(f"{run.path}: seed {config.train.seed}; {len(prepared.vocabulary):,} features"))

    def seen(event: Event) -> None:
        nonlocal restored
        restored = event.restored if isinstance(event, Round) else restored
        watch(event)

    try:
        now = _Training(prepared, keeper, checkpoints, seen, None)
        found = _vectors(now, config.train.seed)
        plain = config.model_dump(mode="json", exclude={"train": {"checkpoint"}})  # it changes no vector
        content = vectors.to_bytes(found, prepared.vocabulary, plain)
        run.write(runs.VECTORS, content)
        path, digest, outcome = run.path / runs.VECTORS, hashlib.sha256(content).hexdigest(), "finished"
    except KeyboardInterrupt:
        outcome = "interrupted"
    except BaseException:
        run.fail()
        raise
    result = Pretrained(
        run.path,
        path,
        outcome,
        0 if found is None else len(found.half),
        0 if found is None else found.half.shape[1],
        restored,
        digest,
        round(prepared.seconds + checkpoints.total_seconds, 3),
    )
    note = run.finish(**{name: value for name, value in result._asdict().items() if name not in ("run", "vectors")})
    if note is not None:
        watch(Note(note))
    if outcome == "finished":
        checkpoint.remove(run.path)
    return result


def carry_out(
    prepared: Prepared,
    run: runs.Run,
    watch: Callable[[Event], None],
    saved: Saved | None = None,
    stop: Break | None = None,
) -> Outcome:
    """The training itself, into a run directory; from where the checkpoint `saved` was written, if there is one."""
    config, training, validation, seconds = prepared.config, prepared.training, prepared.validation, prepared.seconds
    keeper = Keeper(run, config, validation, _warning(watch))
    checkpoints = Checkpoints(run, config, saved)
    now = _Training(prepared, keeper, checkpoints, watch, stop)
    first = config.train.seed
    classifier = refit = None
    try:
        (run.path / runs.VALIDATED).unlink(missing_ok=True)  # a training that was broken off at its end may leave it
        if saved is not None:
            checkpoint.restore_best(run, saved)
            keeper.go_on(saved.state["best"])
            first = saved.state["seed"]
        for seed in range(first, config.train.seed + config.train.seeds) if not checkpoints.refit else ():
            for network in _networks(now, seed):
                classifier = network  # an interrupt leaves it
            assert classifier is not None
            keeper.end_of_seed(seed, classifier, training)
        if _is_refit(prepared):
            prepared = _whole(prepared)
            refit = _refit(now._replace(prepared=prepared), keeper)
        outcome = "finished"
    except KeyboardInterrupt:
        outcome = "interrupted"
        if classifier is None and not checkpoints.refit:
            run.finish(outcome)
            raise
        if keeper.digest is None and classifier is not None:
            keeper.save(classifier)
    except Stopped as error:
        raise _stopped(error, run, prepared, keeper) from None
    except BaseException:
        run.fail()
        raise
    if refit is None:
        keeper.notes.save(run.path)
    assert keeper.digest is not None
    result = Outcome(
        run.path,
        run.path / runs.MODEL,
        outcome,
        keeper.scores,
        "training" if validation is None else "validation",
        keeper.kept,
        keeper.spread() if config.train.seeds > 1 else None,
        keeper.digest,
        refit,
        keeper.warnings,
        round(seconds + checkpoints.total_seconds, 3),
    )
    note = run.finish(**{name: value for name, value in result._asdict().items() if name not in ("run", "model")})
    if note is not None:
        watch(Note(note))
    if outcome == "finished":
        checkpoint.remove(run.path)
    return result


def _is_refit(prepared: Prepared) -> bool:
    """Whether the model is trained once more when it is chosen."""
    config, validation = prepared.config, prepared.config.data.validation
    if config.train.refit == "auto":
        small = len(prepared.training.features.ids) <= _LARGE
        return small and validation != 0 and not isinstance(validation, str) and config.train.schedule.name != "plateau"
    return config.train.refit and validation != 0


def _whole(prepared: Prepared) -> Prepared:
    """All that the last training works on, with the reviews that were held out."""
    plain = prepared.config.model_dump()
    plain["data"]["validation"] = 0
    plain["train"] |= {"early_stopping": None, "refit": False}
    whole = _prepare(Config.model_validate(plain), lambda event: None)
    return whole._replace(before=len(prepared.vocabulary))


def _refit(now: _Training, keeper: Keeper) -> dict[str, Any]:
    """Train the model that is kept once more, on all reviews, those too that were held out, and keep that in its place.

    What was chosen stays: the seed, the epoch, the weights of networks that are averaged, the factor of calibration.
    """
    run, n = keeper.run, len(now.prepared.training)
    now.watch(Note(f"trains once more, as it was found best, on all {n:,} reviews"))
    again = Again(keeper)
    now.checkpoints.begin_refit()
    now = now._replace(keeper=again, stop=None)
    *_, last = _networks(now, again.seed)
    classifier = model.calibrated(last, keeper.factor)
    classifier.scores = keeper.scores or {}
    keeper.save_again(classifier)
    again.notes.keep(again.epochs, keeper.digest or "", keeper.factor)
    again.notes.save(run.path)
    return now.prepared.facts["training"]


def _warning(watch: Callable[[Event], None]) -> Callable[[str], None]:
    return lambda text: watch(Note(text))


class _Training(NamedTuple):
    """What the training of each network has to do with."""

    prepared: Prepared
    keeper: Keeper | Again
    checkpoints: Checkpoints
    watch: Callable[[Event], None]
    stop: Break | None


def _networks(now: _Training, seed: int) -> Iterator[Classifier]:
    """What is trained from one random start: the network, before it is trained; or each of an ensemble, and their mean
    in the end."""
    training, validation = now.prepared.training, now.prepared.validation
    if _is_ensemble(now.prepared.config):
        members = []
        for member in _members(now, seed):
            members.append(member)
            yield member
        if now.prepared.config.pretrain.vectors == "words":
            classifier = ensemble.taught(members[0], members[1:])
        else:
            pretrains = now.prepared.config.pretrain.vectors != "none"
            weights = now.keeper.mixture([members[:1], members[1:]] if pretrains else [members])
            classifier = model.fold(list(zip(members, weights, strict=True)))
        now.keeper.saw_ensemble(seed, classifier)
        yield classifier
        return
    classifier = _build(now.prepared, seed)
    yield classifier
    position = _begin(now, seed, classifier, training)
    for event in fit(classifier, training, validation, seed, position, stop=now.stop):
        now.keeper.saw(seed, event, classifier)
        if isinstance(event, Step):
            now.checkpoints.stepped(seed, seed, classifier, position, now.keeper.known)
        now.watch(event)
        if now.keeper.patience_is_out:
            break


def _begin(now: _Training, chance: int, classifier: Classifier, training: Examples) -> Position:
    """Where the training of a network begins: at the beginning, or where the checkpoint was written."""
    now.watch(_ready(now.keeper.run.path, chance, classifier, now.prepared._replace(training=training)))
    position = beginning(classifier.config.train, len(training), chance)
    if now.checkpoints.go_on(chance, classifier, position):
        now.watch(Note(f"goes on after step {position.step:,}, in epoch {position.epoch}"))
    else:
        now.keeper.record_start(chance, classifier)
    return position


def _stopped(error: Stopped, run: runs.Run, prepared: Prepared, keeper: Keeper) -> Stopped:
    """End a run that diverged, or was to stop here: with what it takes to look closer, and the error to raise."""
    outcome = "diverged" if isinstance(error, Diverged) else "stopped"
    lines, moment, found = list(error.lines), error.moment, {}
    if outcome == "diverged":
        checkpoint.remove(run.path)  # from there it would come to the same end
    if moment is not None:
        found = postmortem.facts(moment)
        folder = run.path / postmortem.FOLDER
        try:
            corpus = load_data(prepared.config)[0]  # its text was let go of, once it was encoded
        except (SentibpError, OSError):
            corpus = None
        lines += postmortem.lines(moment, corpus)
        try:
            postmortem.save(folder, str(error), moment, prepared.training, corpus)
            found["postmortem"] = str(folder)
            lines.append(f"to look closer: {folder}")
        except OSError as problem:
            lines.append(f"{folder}: {problem.strerror}; nothing is kept there")
    keeper.notes.save(run.path)
    kept = keeper.digest is not None
    lines.append(f"the best model so far is kept: {run.path / runs.MODEL}" if kept else "no epoch was finished")
    run.finish(outcome, error=str(error), **found, scores=keeper.scores, kept=keeper.kept, digest=keeper.digest)
    stopped = type(error)(*lines)
    model_path = str(run.path / runs.MODEL) if kept else None
    stopped.facts = {
        "run": str(run.path),
        "model": model_path,
        **{key: run.facts.get(key) for key in ("outcome", "error", *found, "scores", "kept", "digest")},
    }
    return stopped


def _is_ensemble(config: Config) -> bool:
    return config.train.members > 1 or config.pretrain.vectors != "none"


class _Lesson(NamedTuple):
    """What the networks of an ensemble learn from."""

    training: Examples
    validation: Examples | None
    place: Array | None = None  # of each example among the training reviews, if there are others; -1 if it is none
    row: Array | None = None  # of each feature the one whose row it uses, if it shares one
    columns: Array | None = None  # what its last columns start from


def _members(now: _Training, seed: int) -> Iterator[Classifier]:
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
            classifier = _build(prepared, chance, lesson.columns)
            position = _begin(now, chance, classifier, lesson.training)
            events = fit(classifier, lesson.training, lesson.validation, chance, position, stop=now.stop)
            for event in events if lesson.place is None else _among_reviews(events, lesson.place):
                now.keeper.record(chance, event, classifier)
                if isinstance(event, Step):
                    checkpoints.stepped(seed, chance, classifier, position, now.keeper.known)
                now.watch(event)
            if lesson.row is not None:
                ensemble.spread(classifier, lesson.row)
            if lesson.columns is not None:
                classifier = model.fold([(classifier, 1.0)])  # a column, if it has no hidden layer
        checkpoints.finished(seed, str(chance), classifier)
        yield classifier


def _taught_by_reviews(now: _Training, seed: int) -> Generator[Classifier, None, _Lesson]:
    """The classifier on vectors of n-grams."""
    prepared, checkpoints = now.prepared, now.checkpoints
    config, vocabulary, training = prepared.config, prepared.vocabulary, prepared.training
    first = f"{seed}-pretrained"
    classifier = checkpoints.member(first)
    if classifier is None:
        classifier = ensemble.review_classifier(config, vocabulary, training, _vectors(now, seed), seed)
    checkpoints.finished(seed, first, classifier)
    yield classifier
    row = ensemble.shared_rows(training, len(vocabulary))
    validation = None if prepared.validation is None else ensemble.sharing(prepared.validation, row)
    return _Lesson(ensemble.sharing(training, row), validation, row=row)


def _taught_by_words(now: _Training, seed: int, all_kept: bool) -> Generator[Classifier, None, _Lesson]:
    """The classifier on vectors of words, which answers sentences; it is enough if all others are kept."""
    prepared, checkpoints = now.prepared, now.checkpoints
    config, vocabulary, training, extra = prepared.config, prepared.vocabulary, prepared.training, prepared.extra
    first, columns = f"{seed}-pretrained", None
    classifier = checkpoints.member(first)
    if classifier is None or not all_kept:  # who is not finished yet starts from the vectors
        pretrained = _vectors(now, seed, again=classifier is not None)
        columns = ensemble.word_columns(config, vocabulary, training, extra, pretrained)
        if classifier is None:
            classifier = ensemble.word_classifier(config, vocabulary, training, extra, columns, seed)
    checkpoints.finished(seed, first, classifier)
    yield classifier
    if columns is None:
        return _Lesson(training, prepared.validation)
    answered, place = ensemble.lesson(vocabulary, training, extra, classifier)
    count, students = np.count_nonzero(place < 0), config.train.members
    now.watch(Note(f"a classifier on these has answered {count:,} sentences; {students} networks learn from that"))
    return _Lesson(answered, prepared.validation, place, columns=columns)


def _among_reviews(events: Iterator[Step | Epoch], place: Array) -> Iterator[Step | Epoch]:
    """The events of a training on a lesson. Where it stops, those examples are told of that are training reviews."""
    try:
        yield from events
    except Stopped as error:
        if error.moment is not None:
            chosen = place[error.moment.chosen]
            error.moment = error.moment._replace(chosen=chosen[chosen >= 0])
        raise


def _vectors(now: _Training, seed: int, again: bool = False) -> vectors.Vectors:
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
    return ensemble.learned(config, prepared.vocabulary, prepared.training, prepared.extra, seed, rounds)


def _matched(saved: vectors.Saved, prepared: Prepared, watch: Callable[[Event], None]) -> vectors.Vectors:
    """The vectors of a pretraining that was done before, of the features that this training has."""
    found, path = vectors.matched(saved, prepared.vocabulary), prepared.config.pretrain.vectors_from
    n = len(found.features)
    if not n:
        raise DataError(f"{path}: no word or n-gram of the training data has a vector there; pretrain on such data")
    watch(Note(f"{path}: {n:,} of its {len(saved.texts):,} vectors are of features here"))
    return found


def _build(prepared: Prepared, seed: int, columns: Array | None = None) -> Classifier:
    examples = prepared.training.features, prepared.training.label
    config, vocabulary, origin = prepared.config, prepared.vocabulary, prepared.origin
    return model.build(config, vocabulary, seed, origin, examples, columns, prepared.before)


def untrained(
    resolved: Resolved, watch: Callable[[Event], None] = lambda event: None, **settings: Any
) -> tuple[Classifier, Examples]:
    """The network that would be trained, without pretraining, and on what; `settings` are other ones of train."""
    prepared = prepare(resolved, watch)
    train_settings = prepared.config.train.model_copy(update=settings)
    prepared = prepared._replace(config=prepared.config.model_copy(update={"train": train_settings}))
    return _build(prepared, train_settings.seed), prepared.training


def _count_extra(prepared: Prepared) -> str:
    more = len(prepared.extra.unlabelled.offsets) - 1 + (len(prepared.extra.labelled or ()))
    return f"{len(prepared.training):,} reviews of the training, {more:,} more"


class Rehearsal(NamedTuple):
    """What a training would cost on this machine, from its first steps."""

    training: int  # reviews
    validation: int
    features: int
    parameters: int
    model_bytes: int  # of the file
    peak_bytes: int  # of memory, so far; the steps to come need no more
    steps: int
    step_seconds: float  # the median
    reviews_per_second: float
    seconds: float  # of the whole training, estimated


def rehearse(
    resolved: Resolved,
    watch: Callable[[Event], None] = lambda event: None,
    steps: int = 30,
    begin: Callable[[Classifier, Examples], None] = lambda classifier, training: None,
    stepped: Callable[[], None] = lambda: None,
) -> Rehearsal:
    """Do all that a training does up to some steps, and write nothing but the cache. Raises as `train` does.

    `begin` is called before the first step, with what is trained and on what, and `stepped` after each.
    """
    import resource  # not on Windows

    began = time.monotonic()
    prepared_data = prepare(resolved, watch)
    config, training, validation = prepared_data.config, prepared_data.training, prepared_data.validation
    classifier = _build(prepared_data, config.train.seed)
    size = len(classifier.to_bytes())
    prepared = time.monotonic() - began
    begin(classifier, training)
    marks = [time.monotonic()]
    for event in fit(classifier, training, None, config.train.seed):
        if isinstance(event, Step):
            stepped()
            marks.append(time.monotonic())
        if len(marks) > steps:
            break
    step = statistics.median(end - start for start, end in pairwise(marks))
    began = time.monotonic()
    if validation is not None:
        classifier.logits(validation.features)
    validated = time.monotonic() - began
    epochs = config.train.epochs * config.train.seeds * config.train.members
    total = epochs * steps_per_epoch(config.train, len(training))
    if validation is not None and _is_refit(prepared_data):
        again = steps_per_epoch(config.train, len(training) + len(validation))
        total += config.train.epochs * config.train.members * again
    return Rehearsal(
        training=len(training),
        validation=0 if validation is None else len(validation),
        features=len(prepared_data.vocabulary),
        parameters=sum(parameter.size for parameter in classifier.network.params.values()),
        model_bytes=size,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        steps=total,
        step_seconds=step,
        reviews_per_second=min(config.train.batch_size, len(training)) / step,
        seconds=prepared + total * step + epochs * validated,
    )


class Prepared(NamedTuple):
    """All that a training works on."""

    config: Config  # with settled names
    origin: Classifier | None  # the model to start from
    pretrained: vectors.Saved | None  # the vectors to start from
    training: Examples
    validation: Examples | None
    extra: ensemble.Extra  # the reviews of pretraining
    vocabulary: vocab.Vocabulary
    facts: dict[str, Any]  # about the data
    seconds: float  # that this took
    before: int | None = None  # features that the model had which is trained once more


def prepare(resolved: Resolved, watch: Callable[[Event], None]) -> Prepared:
    """Load and encode what a training works on."""
    return _prepare(settled_with_origin(resolved), watch)


def _prepare(config: Config, watch: Callable[[Event], None]) -> Prepared:
    began = time.monotonic()
    origin = None if config.model.init_from is None else model.load(Path(config.model.init_from))
    pretrained = _pretrained(config)
    corpora = load_data(config)
    labelled, unlabelled = _load_extra(config)
    for note in _notes(*corpora, labelled, unlabelled):
        watch(Note(note))
    facts = {"training": _facts(corpora[0]), "validation": _facts(corpora[1])}
    if config.pretrain.vectors != "none":
        facts |= {"labelled": _facts(labelled), "unlabelled": _facts(unlabelled)}
    training, validation, extra, vocabulary = _encode(config, *corpora, labelled, unlabelled, origin, facts)
    facts |= _files(config)
    seconds = time.monotonic() - began
    return Prepared(config, origin, pretrained, training, validation, extra, vocabulary, facts, seconds)


def _pretrained(config: Config) -> vectors.Saved | None:
    """The vectors of a pretraining that was done before, if they are of the kind that the settings say."""
    settings = config.pretrain
    if settings.vectors_from is None:
        return None
    saved = vectors.load(Path(settings.vectors_from))
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


def _load_extra(config: Config) -> tuple[Corpus | None, Corpus | None]:
    """The reviews of pretraining: those with labels, and those whose labels are not looked at."""
    settings = config.pretrain
    if settings.vectors == "none":
        return None, None
    labelled = unlabelled = None
    if settings.labelled is not None:
        labelled = data.load(settings.labelled, split="train")
        data.require_both_classes(labelled, f"pretrain.labelled: {settings.labelled}")
    if settings.source is not None:
        unlabelled = data.load(settings.source, split=settings.split, text_column=settings.text_column, labelled=False)
    return labelled, unlabelled


def _origin(key: str, name: str | None, file: Callable[[str], Path]) -> Path | None:
    try:
        return None if name is None else file(name)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def settled_with_origin(resolved: Resolved) -> Config:
    """The settings with names that mean the same from anywhere, also of the model and the vectors to start from."""
    config = resolved.config
    origin = _origin("model.init_from", config.model.init_from, runs.model_file)
    learned = _origin("pretrain.vectors_from", config.pretrain.vectors_from, runs.vectors_file)
    if learned is not None:
        settings = config.pretrain.model_copy(update={"vectors_from": str(learned)})
        config = config.model_copy(update={"pretrain": settings})
    return settled(config, resolved.path.parent, origin)


def settled(config: Config, base: Path, origin: Path | None = None) -> Config:
    """The config with names that mean the same from anywhere: `last` is soon another run, and a path beside the config
    file is not beside the copy of it in the run directory."""
    source = data.located(config.data.source, base)
    pretrain = {
        key: data.located(value, base)
        for key in ("source", "labelled")
        if (value := getattr(config.pretrain, key)) is not None
    }
    embedding, model_update = config.model.embedding, {}
    if embedding.vectors is not None:
        vectors = data.located(embedding.vectors, base)
        model_update["embedding"] = embedding.model_copy(update={"vectors": vectors})
    if origin is not None:
        model_update["init_from"] = str(origin)
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"source": source}),
            "pretrain": config.pretrain.model_copy(update=pretrain),
            "model": config.model.model_copy(update=model_update),
        }
    )


def _notes(training: Corpus, validation: Corpus | None, *extra: Corpus | None) -> list[str]:
    corpora = (training, validation, *extra)
    notes = list(dict.fromkeys(note for corpus in corpora if corpus is not None for note in corpus.notes))
    if validation is not None and len(repeated := data.repeated(training, validation)):
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
) -> tuple[Examples, Examples | None, ensemble.Extra, vocab.Vocabulary]:
    """The reviews as features: from the cache, or made, and given to the cache in the background."""
    name = cache.key(facts, config.text.model_dump(), _ENCODING)
    found = cache.load(name) if origin is None else None
    if found is not None:
        vocabulary = vocab.Vocabulary.from_tensors(found["words"], found["features"])
        known, held_out = (
            Ragged(found[f"{part}.ids"], found[f"{part}.offsets"]) for part in ("training", "validation")
        )
    else:
        corpora = [corpus for corpus in (training, labelled, unlabelled) if corpus is not None]
        text = pa.chunked_array([chunk for corpus in corpora for chunk in corpus.text.chunks], arrow.TEXT)
        tokens = tokenize(text, config.text.lowercase)
        words = config.text
        vocabulary, known = vocab.build(tokens, words.ngrams, words.min_count, words.max_features, words.parts)
        if origin is not None:
            vocabulary = vocab.merge(origin.vocabulary, vocabulary)
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
    extra = ensemble.Extra(None if labelled is None else examples(labelled, parts[1]), parts[2])
    return (
        examples(training, parts[0]),
        None if validation is None else examples(validation, held_out),
        extra,
        vocabulary,
    )


def _ready(run: Path, seed: int, classifier: Classifier, prepared: Prepared) -> Ready:
    training, validation = prepared.training, prepared.validation
    settings = classifier.config.train
    return Ready(
        run=run,
        seed=seed,
        training=len(training),
        validation=0 if validation is None else len(validation),
        features=len(classifier.vocabulary),
        parameters=sum(parameter.size for parameter in classifier.network.params.values()),
        epochs=settings.epochs,
        steps=settings.epochs * steps_per_epoch(settings, len(training)),
    )


def _facts(corpus: Corpus | None) -> dict[str, Any] | None:
    return None if corpus is None else {"reviews": len(corpus), "fingerprint": data.fingerprint(corpus)}


class Evaluation(NamedTuple):
    """A model's scores on some reviews, and what the user should know of these."""

    scores: dict[str, Any]
    notes: tuple[str, ...]


class Comparison(NamedTuple):
    """The scores of two models on the same reviews, the paired test, and what the user should know of the reviews."""

    a: dict[str, Any]
    b: dict[str, Any]
    paired: dict[str, Any]  # as metrics.mcnemar gives it
    notes: tuple[str, ...]


def evaluate_on(
    classifier: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Evaluation:
    """The scores on a source, by default on the test split; without one, on the validation data of the training."""
    scored = scored_on(classifier, source, split, text_column, label_column)
    return Evaluation(scored.scores, scored.reviews.notes)


class Scored(NamedTuple):
    """Reviews, a model's scores on them, and the probability of positive that it gives each."""

    reviews: Corpus
    scores: dict[str, Any]
    positive: Array  # (n,) float64
    tokens: Array  # (n,): how many each review has


def scored_on(
    classifier: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Scored:
    """What the model says of the reviews that `evaluate_on` scores it on."""
    corpus = _reviews(classifier, source, split, text_column, label_column)
    return Scored(corpus, *_score(classifier, corpus))


def compare_on(
    a: Classifier,
    b: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Comparison:
    """The scores of both on the reviews that `evaluate_on` would score `a` on."""
    corpus = _reviews(a, source, split, text_column, label_column)
    (scores_a, positive_a, _), (scores_b, positive_b, _) = (_score(classifier, corpus) for classifier in (a, b))
    assert corpus.label is not None
    paired = metrics.mcnemar(corpus.label, positive_a, positive_b)
    seen = _seen_in_training(b, corpus) if _may_know(b, a, source, split) else []
    return Comparison(scores_a, scores_b, paired, (*corpus.notes, *seen))


def _may_know(b: Classifier, a: Classifier, source: str | None, split: str | None) -> bool:
    """Whether b may have been trained on the reviews that a is scored on, going by the names of their sources."""
    ours, theirs = a.config.data, b.config.data
    if source is None and split is None and (ours.source, ours.split) == (theirs.source, theirs.split):
        return ours.validation != theirs.validation  # the same cut leaves the same reviews out
    return bool(_names(source or ours.source) & _names(theirs.source))


def _names(source: str | Sequence[str]) -> set[str]:
    names = [source] if isinstance(source, str) else source
    return {each for name in names for each in (data.HUB_IDS if name == "reviews" else (name,))}


def _seen_in_training(classifier: Classifier, corpus: Corpus) -> list[str]:
    """A warning if some of the reviews stand in the training data, as far as that can still be read."""
    try:
        training = load_data(classifier.config)[0]
    except DataError:
        return []
    seen = len(data.repeated(training, corpus))
    return [f"{seen:,} of {len(corpus):,} reviews also stand in the training data of the second model"] if seen else []


def _score(classifier: Classifier, corpus: Corpus) -> tuple[dict[str, Any], Array, Array]:
    """The scores on some reviews, the probability of positive of each (n,) float64, and its tokens (n,)."""
    features, tokens, unknown = classifier.encode(corpus.text)
    assert corpus.label is not None
    scores, logits = evaluate(classifier, Examples(features, corpus.label))
    scores |= {"no_known_word": int((tokens == unknown).sum()), "unknown_tokens": int(unknown.sum())}
    return scores, sigmoid(logits.astype(np.float64)), tokens


def _reviews(
    classifier: Classifier, source: str | None, split: str | None, text_column: str | None, label_column: str | None
) -> Corpus:
    """The reviews that a model is scored on."""
    settings = classifier.config.data
    if source is None and split is None:
        try:
            corpus = load_data(classifier.config)[1]
        except DataError as error:
            raise DataError(
                f"the validation data of the training: {error}; or name other reviews with --data"
            ) from None
        if corpus is None:
            raise DataError(
                "no review was held out from this model; name a file or a data set with --data, or the run directory "
                "of a training that held some out until it was scored"
            )
        return corpus
    if source is None:
        data.require_splits(settings.source)
    read = partial(
        data.load,
        source or settings.source,
        split=split or "test",
        text_column=text_column or settings.text_column,
        label_column=label_column or settings.label_column,
    )
    try:
        corpus = read(labels=settings.labels)
    except DataError:
        if settings.labels is None:
            raise
        corpus = read()  # labels that the training did not know: then the usual names
    if not len(corpus):
        raise DataError(f"{source}: no review; give data with reviews and labels")
    return corpus
