"""Find the files that a config names.

A path in a config file is relative to the folder of that file first; of a link, to the folder of its target next. A
path that `--set` gives is relative to the working directory. The copy of the config in the run directory has absolute
paths, so that it names the same files from everywhere.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentibp.config.load import Resolved
from sentibp.config.paths import FILES, SOURCES, get, replace
from sentibp.config.schema import GIVE_A_SOURCE, Config, with_default
from sentibp.data import sources
from sentibp.errors import ConfigError, DataError
from sentibp.model import file as model_file
from sentibp.runs import find, hub_model
from sentibp.runs.directory import is_pretraining, load_run_info
from sentibp.utils import paths
from sentibp.utils.messages import with_repair
from sentibp.utils.repair import set_option

REVIEWS, VALIDATION_REVIEWS = "reviews.parquet", "validation_reviews.parquet"
"""The files of a run directory in which a training from Python keeps its reviews."""

_FOUND: dict[str, Callable[[str], Path]] = {  # settings that may name a run directory, `last`, or `builtin`
    "model.init_from": find.model_file,
    "pretrain.vectors_from": find.vectors_file,
}


def resolve_paths(resolved: Resolved, keys: Sequence[str] = (*SOURCES, *FILES)) -> tuple[Config, tuple[str, ...]]:
    """Return the config with absolute paths in these settings, and notes on names that could also mean another file.

    The name `last` is resolved, too: it will soon mean another run. Raises ConfigError if a model is not found.
    """
    config, folder = resolved.config, resolved.path.parent
    target = resolved.path.resolve().parent  # of a link to the config
    notes = list(resolved.notes)
    is_stored = find.is_in_run(resolved.path)
    for key in keys:
        value = get(config, key)
        if value is None and key == "data.source":
            raise ConfigError(f"{paths.shown(str(resolved.path))}: data.source is missing; {GIVE_A_SOURCE}")
        base = None if resolved.origins.get(key) == "--set" else folder
        if value is None or (key == "data.validation" and not sources.is_source(value, base or Path(), Path())):
            continue
        if base is not None and not _is_in(folder, value) and _is_in(target, value):
            base = target
        elif base is not None:
            notes += _notes_on_link(value, folder, target)
        if is_stored:
            value, more = _moved(value, folder)
            notes += more
        if key in SOURCES:
            value, more = sources.resolve_source(value, base)
        elif key == "model.init_from" and hub_model.is_hub_name(value):
            commit = hub_model.pinned_name(_find(key, value))  # which names the same model for ever
            value, more = str(commit), ()
        elif key in _FOUND and (value == "last" or (value == find.BUILTIN and not _is_in(base or Path(), value))):
            value, more = _find(key, value), ()
        else:
            value, more = paths.resolve(value, base)
            if is_stored and key in _FOUND and not os.path.exists(value):
                raise ConfigError(f"{key}: {_gone(value)}")
            value = _find(key, value) if key in _FOUND else value
        notes += more
        config = replace(config, key, value)
    if "model.init_from" in keys and config.model.init_from is not None:
        config, more = _like_origin(config, find.local_model(config.model.init_from))
        notes += more
    return config, tuple(dict.fromkeys(notes))


def _like_origin(config: Config, origin: Path) -> tuple[Config, list[str]]:
    """Return the config with what the answers of the model of init_from depend on, unless the config has its own.

    The words of that model are in its spelling: in another one, some of them would never occur again. Its weights are
    for a network of its shape, and features that are counted and pooled in its way. A note names what the config has
    otherwise, but for the shape, which fits no other weights, and the padding, which may suit texts of another length.
    """
    spec = model_file.load_spec(origin)
    theirs: dict[tuple[str, ...], Any] = {
        **{("text", key): getattr(spec, key) for key in ("lowercase", "folding", "presence")},
        ("text", "classes"): list(spec.classes),
        **{("model", "embedding", key): getattr(spec, key) for key in ("pooling", "padding")},
        **{("model", key): getattr(spec, key) for key in ("activation", "residual")},
    }
    shape = {
        ("model", "embedding", "dim"): spec.dim,
        ("model", "hidden"): list(spec.hidden),
        ("model", "batch_norm"): spec.batch_norm,
    }
    for path, value in (shape | theirs).items():
        config = with_default(config, path, value, given=True)
    other = {key: value for path, value in theirs.items() if get(config, key := ".".join(path)) != value}
    other.pop("model.embedding.padding", None)
    if not spec.hidden:
        other.pop("model.activation", None)
    if not other:
        return config, []
    same = " ".join(set_option(key, value) for key, value in other.items())
    fact = "model.init_from: with these settings, its weights give other answers than that model"
    return config, [f"{fact}; to keep its own, add {same}"]


def _notes_on_link(value: Any, folder: Path, target: Path) -> Iterator[str]:
    """Yield a note for each file in the folder of a link to a config, of which that of the config itself has another.

    The config may have been written for either.
    """
    for name in paths.names_of(value):
        here, there = folder / name, target / name
        both = os.path.exists(here) and os.path.exists(there)  # never an error
        if both and name not in sources.NAMES and not os.path.samefile(here, there):
            what = f"{name}: taken from the folder of the link to the config ({paths.shown(os.path.abspath(here))})"
            yield f"{what}, not from that of the config itself ({there}), which has another file of that name"


def _is_in(folder: Path, value: Any) -> bool:
    """Return whether one of the paths is below a folder."""
    return any(os.path.exists(folder / name) for name in paths.names_of(value))


def _moved(value: Any, folder: Path) -> tuple[Any, list[str]]:
    """Return paths that are gone as they are below the working directory now, and notes on them.

    The last names of such a path, as many as possible, must be there: the folder of the project was moved. The reviews
    that are kept in the run directory, `folder`, were moved with it.
    """
    names, notes = paths.names_of(value), []
    for i, name in enumerate(names):
        if os.path.isabs(name) and not os.path.exists(name):
            parts = Path(name).parts
            kept = [str(folder / parts[-1])] if parts[-1] in (REVIEWS, VALIDATION_REVIEWS) else []
            below = [os.path.join(*parts[start:]) for start in range(1, len(parts))]
            if (found := next(filter(os.path.exists, kept + below), None)) is not None:
                notes.append(f"{name} is gone; taken from {found}")
                names[i] = paths.absolute(found)
    return (names[0] if isinstance(value, str) else names), notes


def repair_if_gone(config: Config) -> str | None:
    """Return how to run a command on data that a run directory names and that are gone; None if none are."""
    for key in SOURCES:
        for name in paths.names_of(get(config, key)):
            if os.path.isabs(name) and not os.path.exists(name):
                return f"if the data were moved, work in the folder that has {os.path.basename(name)} now"
    return None


@contextmanager
def explained_if_changed(resolved: Resolved, config: Config, rerun: Path | None = None) -> Iterator[None]:
    """Add to a DataError what to do if the settings are those of a run, and its data are gone or have changed.

    `rerun` is the run that is resumed or repeated: what a message says to set is for another training then.
    """
    try:
        yield
    except DataError as error:
        repair = repair_if_gone(config) if rerun is not None or find.is_in_run(resolved.path) else None
        if repair is None and rerun is not None:
            repair = restore_or_set(rerun)
        if repair is None:
            raise
        raise DataError(with_repair(str(error), repair)) from None


def restore_or_set(run: Path) -> str:
    """Return what to do if the data of a run can no longer be read with its settings, which are to stay as they are."""
    command = "pretrain" if is_pretraining(load_run_info(run)) else "train"
    again = f"`sentibp {command} {shlex.quote(str(run / 'config.yaml'))}`"
    return f"a run keeps its settings: restore the data, or start a new training, {again}, with such an option"


def _gone(name: str) -> str:
    """Return what to do about a model or vectors that a run began with, and that are gone."""
    path = Path(name)
    what = path.parent.name if path.suffix == ".safetensors" and path.parent.name else path.name
    return f"{name} is gone; restore it, or if it was moved, work in the folder that has {what} now"


def _find(key: str, name: str) -> str:
    try:
        return paths.absolute(_FOUND[key](name))
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None
