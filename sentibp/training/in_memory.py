"""Training on texts and labels that a Python program has in memory, by the same loop and with the same bytes."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config import paths
from sentibp.config.conflicts import find_conflicts
from sentibp.config.load import Resolved, given_without_effect, load_settings
from sentibp.config.messages import dotted
from sentibp.config.paths import FILES, SOURCES
from sentibp.config.python import in_python, keyword, line_in_python, plain, settings_of
from sentibp.config.schema import Checkpoint, Config, Data, with_class_defaults
from sentibp.data import sources
from sentibp.data.corpus import Corpus, require_all_classes, with_scored_classes
from sentibp.data.dataset import IN_MEMORY, load_validation
from sentibp.data.in_memory import InMemory, corpus_in_memory, fitting_validation, require_length, write_reviews
from sentibp.data.label_encoder import (
    NO_CATEGORIES,
    Categories,
    LabelEncoder,
    categories_of,
    class_numbers,
    label_encoder,
    label_list,
)
from sentibp.errors import ConfigError, InvalidInput, InvalidSetting, SentibpError, SentibpWarning
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.runs.directory import create_run
from sentibp.training.events import Epoch, NetworkStarted
from sentibp.training.experiment import Outcome, Training, require_start
from sentibp.training.paths import REVIEWS, VALIDATION_REVIEWS, resolve_paths
from sentibp.training.prepare import prepare_config
from sentibp.utils import resources
from sentibp.utils.label_key import LABELS, class_names
from sentibp.utils.paths import absolute
from sentibp.utils.sequences import Texts, as_texts, read_once, require_same_order
from sentibp.utils.table import Table

_SHARE = 0.1  # of the reviews, to hold out where a config names a split


class Trained(NamedTuple):
    """A model that was trained on reviews in memory."""

    model: Classifier
    scores: dict[str, Any]  # of the model, on the validation reviews
    scored_on: str  # "validation", or "training" if no review was held out
    history: Table  # a row for each epoch: its loss and validation scores; without the final training on all
    kept: dict[str, int]  # the seed and the epoch that the model is from
    digest: str  # SHA-256 of the model file
    refit: dict[str, Any] | None  # the data of the final training on all reviews, if there was one
    notes: tuple[str, ...]  # what the user should know about the data
    warnings: tuple[str, ...]  # of gradients that vanish or explode
    encoder: LabelEncoder  # which label is which class
    seconds: float
    run: Path | None = None  # the run directory, if one was wanted


@dataclass(frozen=True, eq=False)
class Given:
    """The arguments that are reviews."""

    texts: Any
    labels: Any
    weight: Any = None
    groups: Any = None
    validation: Any = None  # (texts, labels), or the same with weights
    names: tuple[str, str] = ("texts", "labels")
    categories: Categories = NO_CATEGORIES  # those of the type of the labels


def train(
    config: str | Path | Mapping[str, Any],
    texts: Texts,
    labels: Any,
    *,
    sample_weight: Any = None,
    groups: Any = None,
    validation: tuple[Any, ...] | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Trained:
    """Train on texts and labels in memory. The same reviews, settings and seed give the same model as from a file.

    `config` is the name of a shipped config, the path of a YAML file, a mapping of settings, or "default". Further
    settings are keyword arguments: `train__epochs=3` is `train.epochs`. `labels` are of bool, int or str. A text of
    `sample_weight` k counts as k texts; the texts of one of the `groups`, such as a film or an author, are all held
    out, or none of them. The share data.validation of the texts is held out to choose the best epoch and for the
    scores, or `validation` has other texts for this: `(texts, labels)` or `(texts, labels, weights)`. With `out`, a
    run directory is made there as `sentibp train` makes it, with the reviews; else nothing is kept on disk. Ctrl-C ends
    the training and keeps the best model so far.

    Raises InvalidSetting (also a ConfigError), InvalidInput (also a DataError) and Diverged.

    >>> import sentibp
    >>> texts = ["what a good film", "good fun", "a bad film", "bad and dull"] * 8
    >>> labels = ["pos", "pos", "neg", "neg"] * 8
    >>> trained = sentibp.train("quickstart", texts, labels, train__epochs=3)
    >>> trained.model.predict(["good", "dull and bad"]).label.tolist()
    ['positive', 'negative']
    >>> len(trained.history), trained.scored_on
    (3, 'validation')
    """
    given = given_reviews(texts, labels, sample_weight, groups, validation)
    return train_given(resolve_settings(config, settings, given), given, None if out is None else Path(out))


def given_reviews(
    texts: Any,
    labels: Any,
    weight: Any = None,
    groups: Any = None,
    validation: Any = None,
    names: tuple[str, str] = ("texts", "labels"),
) -> Given:
    """Return the arguments that are reviews; iterators are read. InvalidInput for what is no text or no label."""
    require_same_order(texts, names[0], {names[1]: labels, "sample_weight": weight, "groups": groups})
    categories = categories_of(labels)
    weight = read_once(weight)
    text, label = as_texts(texts, names[0]), label_list(labels, names[1], weight)
    require_length(len(label), len(text), names[1], names[0])
    if isinstance(validation, tuple | list):
        validation = tuple(map(read_once, validation))
    return Given(text, label, weight, read_once(groups), validation, names, categories)


def resolve_settings(config: str | Path | Mapping[str, Any], arguments: Mapping[str, Any], given: Given) -> Resolved:
    """Return the settings of a config with keyword arguments such as `train__epochs=3`. Raises InvalidSetting.

    Some are right for the classes or with the groups that are `given`, which the settings need not name.
    """
    if not isinstance(config, str | Path | Mapping):
        kind = type(config).__name__
        raise InvalidSetting(f"config is a {kind}; give the name or the path of a config, or a mapping of settings")
    with errors_in_python():
        config = (
            {key.replace("__", "."): plain(config[key]) for key in config} if isinstance(config, Mapping) else config
        )
        settings = settings_of(arguments)
        try:
            return load_settings(config, settings)
        except ConfigError as error:
            resolved = _resolve_with_reviews(config, settings, given)
            if resolved is None:
                raise error from None
            return resolved


def _resolve_with_reviews(
    config: str | Path | Mapping[str, Any], settings: Mapping[str, Any], given: Given
) -> Resolved | None:
    """Return the settings if they are right for what is given, such as the weight of a third class; else None."""
    try:
        labels = label_encoder(given.labels, Data(), given.names[1], given.categories).setting
        known = {"data.labels": labels} if labels is not None and len(labels) > len(LABELS) else {}
        known |= {"data.group_column": "group"} if given.groups is not None else {}
        resolved = load_settings(config, {**known, **settings})
    except SentibpError:
        return None
    named = "data.labels" in settings or "data.labels" not in known
    return resolved if named else resolved._replace(config=paths.replace(resolved.config, "data.labels", None))


@contextmanager
def errors_in_python() -> Iterator[None]:
    """Raise errors with repairs that can be typed in Python."""
    try:
        yield
    except SentibpError as error:
        raise in_python(error) from None


def train_given(resolved: Resolved, given: Given, out: Path | None = None, *, interruptible: bool = True) -> Trained:
    """Train on the reviews that are given, in a run directory: `out`, or a temporary one.

    With `interruptible`, Ctrl-C ends the training and keeps the best model so far.
    """
    with tempfile.TemporaryDirectory(prefix="sentibp-", ignore_cleanup_errors=True) as folder, errors_in_python():
        try:
            return _train(resolved, given, Path(folder) / "run", out, interruptible)
        except SentibpError as error:  # what was kept in the temporary folder is gone
            lines = [line for line in error.lines if folder not in line]
            raise (error if len(lines) == len(error.lines) else type(error)(*lines)) from None


def _train(resolved: Resolved, given: Given, temporary: Path, out: Path | None, interruptible: bool) -> Trained:
    prepared = prepare_reviews(resolved, given, out)
    for note in prepared.assumed:
        warnings.warn(note, SentibpWarning, stacklevel=4)  # the line that calls `train` or `fit`
    data = prepare_config(prepared.config, prepared.notes, prepared.reviews)
    data = require_start(data)
    path = temporary if out is None else out
    run = create_run(data.config, resolved.path, path, pointers=out is not None, **data.run_facts)
    epochs: list[dict[str, Any]] = []
    with Training(data, run) as training:
        if out is not None:
            _keep_reviews(run.path, data.config.data, given)
        try:
            for event in training:
                if isinstance(event, NetworkStarted):
                    seed = event.seed
                elif isinstance(event, Epoch) and not training.context.log.refit:
                    epochs.append({"seed": seed, "epoch": event.epoch, "loss": event.loss, **_shown(event.scores)})
        except KeyboardInterrupt:
            if not interruptible or training.context.classifier is None:
                raise
        outcome = training.finish()
    return _trained(outcome, epochs, prepared.encoder, is_kept=out is not None)


def _shown(scores: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the scores on validation data that the history has."""
    names = ("accuracy", "log_loss", "macro_f1", "mae")
    return {f"validation_{name}": scores[name] for name in names if name in scores} if scores else {}


def _trained(outcome: Outcome, epochs: list[dict[str, Any]], encoder: LabelEncoder, *, is_kept: bool) -> Trained:
    assert outcome.model is not None and outcome.digest is not None
    model = load_model(outcome.model)
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch))
    return Trained(
        model=model if is_kept else replace(model, file=None),
        scores=outcome.scores or {},
        scored_on=outcome.scored_on,
        history=Table({name: [epoch.get(name) for epoch in epochs] for name in names}),
        kept=outcome.kept or {},
        digest=outcome.digest,
        refit=outcome.refit,
        notes=tuple(map(line_in_python, outcome.notes)),
        warnings=tuple(outcome.warnings),
        encoder=encoder,
        seconds=outcome.seconds,
        run=outcome.run if is_kept else None,
    )


# --- the settings and the reviews of the training


class Prepared(NamedTuple):
    """What a training on reviews in memory starts from."""

    config: Config
    reviews: InMemory
    encoder: LabelEncoder
    notes: tuple[str, ...]
    assumed: tuple[str, ...]  # those of the notes that are warnings in Python, too


def prepare_reviews(resolved: Resolved, given: Given, out: Path | None) -> Prepared:
    """Return the settings as they hold for reviews in memory, and the reviews."""
    _require_one_kind_of_groups(resolved.config.data, given)
    encoder = label_encoder(given.labels, resolved.config.data, given.names[1], given.categories)
    config = _with_labels(_with_columns(resolved.config, given, out), encoder)
    names = class_names(config.data.labels)
    number = encoder.encode(given.labels, given.names[1])
    corpus = corpus_in_memory(given.texts, number, names, given.weight, given.groups, given.names)
    corpus = replace(corpus, values=config.data.labels or encoder.labels_of(names))
    require_all_classes(corpus, given.names[1], f"training needs both{' classes' * (len(names) == 2)}")
    others = [key for key in (*SOURCES, *FILES) if key != "data.source"]  # files beside the training reviews
    config, notes = resolve_paths(resolved._replace(config=config), others)
    config, validation, more = _with_validation(resolved, config, given, corpus)
    source = _source(resolved, config) if out is None else absolute(out / REVIEWS)
    config = paths.replace(config, "data.source", source)
    if out is not None and given.validation is not None:
        config = paths.replace(config, "data.validation", absolute(out / VALIDATION_REVIEWS))
    if conflicts := list(find_conflicts(config)):
        raise ConfigError(*(f"{keyword(dotted(each.path))}: {each.text}" for each in conflicts))
    before, now = (given_without_effect(each, resolved.origins, resolved.path) for each in (resolved.config, config))
    notes = tuple(dict.fromkeys((*(note for note in notes if note not in before), *now)))  # labels may tell the classes
    assumed = (*_without_values(resolved.config.data, given), *encoder.notes)
    return Prepared(config, InMemory(corpus, validation), encoder, (*notes, *assumed, *more), assumed)


def _require_one_kind_of_groups(data: Data, given: Given) -> None:
    """Raise ConfigError if a setting says which reviews stay together, and the groups that are given do, too."""
    for key, value, off in ("group_similar", data.group_similar or False, False), ("block_size", data.block_size, 1):
        if given.groups is not None and value != off:
            repair = f"leave groups= out, or write {keyword(f'data.{key}')}={off}"
            raise ConfigError(f"{keyword(f'data.{key}')}={value}: groups= says which reviews stay together; {repair}")


def _without_values(data: Data, given: Given) -> Iterator[str]:
    """Yield a note on each column of a file that the settings name, and whose values are not given."""
    if data.group_column is not None and given.groups is None:
        fact = "has no effect on texts in memory: texts of one group may be held out and trained on"
        yield f"data__group_column={data.group_column!r} {fact}; give groups="
    if data.weight_column is not None and given.weight is None:
        fact = "has no effect on texts in memory: all count the same"
        yield f"data__weight_column={data.weight_column!r} {fact}; give sample_weight="


def _with_columns(config: Config, given: Given, out: Path | None) -> Config:
    """Return the settings with the columns of what is given. Only a run directory keeps it as a file."""
    data, changes = config.data, dict[str, Any]()
    for key, value, name in ("weight_column", given.weight, "weight"), ("group_column", given.groups, "group"):
        if value is None:
            changes[key] = None
        elif getattr(data, key) is None and out is not None:
            changes[key] = name
    if out is None:
        never = Checkpoint(every_seconds=None)
        config = paths.replace(config, "train.checkpoint", never)
    else:
        changes |= dict.fromkeys(("columns", "encoding", "sheet", "separator", "quoting"))
        changes |= {"split": "train"} | ({} if isinstance(data.text_column, str) else {"text_column": "text"})
    return config.model_copy(update={"data": data.model_copy(update=changes)})


def _with_labels(config: Config, encoder: LabelEncoder) -> Config:
    """Return the settings with the classes that the labels mean, and with the defaults for so many classes."""
    changes: dict[str, Any] = {} if encoder.setting is None else {"labels": encoder.setting}
    if encoder.ordered is False:
        changes["ordered"] = False
    return with_class_defaults(config.model_copy(update={"data": config.data.model_copy(update=changes)}))


def _source(resolved: Resolved, config: Config) -> str | list[str]:
    """Return what the model file records as the source of its reviews: what the user's settings name, if anything.

    That of a config which comes with sentibp is that of other reviews.
    """
    origin = resolved.origins["data.source"]
    if config.data.source is None or (_is_shipped(resolved) and origin != "--set"):
        return IN_MEMORY
    base = None if origin == "--set" else resolved.path.parent
    return sources.resolve_source(config.data.given_source, base)[0]


def _is_shipped(resolved: Resolved) -> bool:
    return resolved.path.parent == resources.resource_folder("configs")


def _with_validation(
    resolved: Resolved, config: Config, given: Given, corpus: Corpus
) -> tuple[Config, Corpus | None, tuple[str, ...]]:
    """Return the settings with what is held out, the validation reviews if they are given apart, and notes."""
    key, value, notes = "data.validation", config.data.validation, ()
    if given.validation is not None:
        validation = _given_validation(given, config.data)
        return paths.replace(config, key, IN_MEMORY), validation, ()
    if isinstance(value, str) and sources.is_source(value):
        return config, load_validation(config), ()
    if isinstance(value, str):
        notes = (f"data.validation: {value} is a split, which texts in memory do not have: {_SHARE:g} are held out",)
        config = paths.replace(config, key, _SHARE)
    is_chosen = resolved.origins[key] != "default" and not (_is_shipped(resolved) and resolved.origins[key] != "--set")
    share, note = fitting_validation(corpus, config, is_chosen=is_chosen and not notes)
    return paths.replace(config, key, share), None, (*notes, *([note] if note else []))


def _given_validation(given: Given, data: Data) -> Corpus:
    if not isinstance(given.validation, tuple | list) or len(given.validation) not in (2, 3):
        raise InvalidInput("validation: give (texts, labels) or (texts, labels, weights)")
    texts, labels, *weight = given.validation
    names = ("validation[0]", "validation[1]")
    require_same_order(texts, names[0], {names[1]: labels, "validation[2]": weight[0] if weight else None})
    number = class_numbers(labels, data, names[1], *weight)
    corpus = corpus_in_memory(texts, number, class_names(data.labels), *weight, names=names)
    return with_scored_classes(corpus, "validation", "scores need both")


def _keep_reviews(run: Path, data: Data, given: Given) -> None:
    """Write the reviews into the run directory, whose settings name them as their source."""
    write_reviews(run / REVIEWS, data, given.texts, given.labels, given.weight, given.groups)
    if given.validation is not None:
        texts, labels, *weight = given.validation
        settings = data.model_copy(update={"group_column": None, **({} if weight else {"weight_column": None})})
        write_reviews(run / VALIDATION_REVIEWS, settings, texts, labels, *weight)
