"""The settings that name files: read, replaced, and shortened to the names of the files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentibp.config.schema import Config

SOURCES = ("data.source", "data.validation", "pretrain.source", "pretrain.labelled")
"""Settings that are a built-in name, a hub id or a path, or a list of these. data.validation may be another kind."""

FILES = ("model.embedding.vectors", "model.init_from", "pretrain.vectors_from")
"""Settings that are the path of a file, or of a run directory that has it."""


def get(config: Config, key: str) -> Any:
    """Return the value of a setting by its dotted key."""
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def replace(config: Config, key: str, value: Any) -> Config:
    """Return the config with another value of a setting. The value is not checked."""
    return _replace(config, key.split("."), value)


def _replace(section: Any, keys: list[str], value: Any) -> Any:
    first, *rest = keys
    value = _replace(getattr(section, first), rest, value) if rest else value
    return section.model_copy(update={first: value})


def with_names_only(config: Config) -> Config:
    """Return the config with the name of each file in the place of its absolute path.

    A model file has these settings: its bytes depend on the data, and not on the folder where the data are.
    """
    for key in (*SOURCES, *FILES):
        value = get(config, key)
        if not isinstance(value, str | list):
            continue  # null, or a share of the reviews
        names = [_name(each) for each in value] if isinstance(value, list) else _name(value)
        config = replace(config, key, names)
    return config


def _name(path: str) -> str:
    if not os.path.isabs(path):
        return path  # a built-in name, or the id of a data set
    name = os.path.basename(os.path.normpath(path))
    return name if "." in name else os.path.join(os.curdir, name)  # ./imdb is a folder, imdb is a data set
