"""Reading and writing configs: YAML files, `--set` on the command line, and every mistake at once with its line.

The settings themselves, and what they mean, are in `settings`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from sentibp.config import yaml_file
from sentibp.config.messages import dotted, show
from sentibp.config.reference import BARE, schema_of_config
from sentibp.config.schema import Config, Optimizer, Schedule
from sentibp.config.shipped import shipped
from sentibp.config.yaml_file import Document, Keys
from sentibp.errors import ConfigError
from sentibp.utils import resources

SIZE = 100_000  # bytes; a longer file is data, given by mistake, and would take its time to be refused line by line

MOST = 50  # mistakes shown

RENAMED: dict[Keys, Keys] = {
    (name, old): (name, new)
    for name, section in Config.model_fields.items()
    for old, new in getattr(section.annotation, "earlier", {}).items()
}
"""The paths of settings by their earlier names, and by their current names."""


class Resolved(NamedTuple):
    """A configuration, and where each of its settings comes from: "default", "configs/mine.yaml:12" or "--set"."""

    config: Config
    origins: dict[str, str]
    path: Path


class _Place(NamedTuple):
    order: int  # lines of the file first, then the command line
    text: str
    path: Keys = ()  # what the command line sets there


class _Mistake(NamedTuple):
    place: _Place
    path: Keys
    message: str

    def __str__(self) -> str:
        key = "" if self.path == self.place.path else f"{dotted(self.path)}: "  # not `--set a.b=1: a.b: ...`
        return f"{self.place.text}: {key}{self.message}"


def load_config(name: str | Path, overrides: Sequence[str] = ()) -> Resolved:
    """Read a config by its path or its shipped name; overrides are `KEY=VALUE`, with dotted keys and YAML values."""
    path, shown = _find(name)
    settings, places, mistakes = _read(path, shown)
    for i, override in enumerate(overrides):
        mistakes += _override(settings, places, override, SIZE + i)

    def place(at: Keys) -> _Place:
        return next((places[at[:n]] for n in range(len(at), 0, -1) if at[:n] in places), _Place(0, shown))

    for key, choice in ("optimizer", Optimizer), ("schedule", Schedule):
        train = settings.get("train")
        chosen = train.get(key) if isinstance(train, dict) else None
        if isinstance(chosen, dict) and place(("train", key, "name")).order >= SIZE:
            for setting in choice.unused(chosen.get("name")):  # the file's, for the method that was swapped out
                if place(("train", key, setting)).order < SIZE:
                    chosen.pop(setting, None)

    config, wrong = _check(settings)
    mistakes += [_Mistake(place(at), _field(at), message) for at, message in wrong]
    if mistakes or config is None:
        lines = list(dict.fromkeys(map(str, sorted(mistakes, key=lambda mistake: mistake.place.order))))
        if len(lines) > MOST:
            lines[MOST:] = [f"{shown}: {len(lines) - MOST} more mistakes"]
        raise ConfigError(*lines)
    given = set(_leaves(config.model_dump(exclude_unset=True)))
    origins = {}
    for keys in _leaves(config.model_dump()):
        at = place(keys)
        origins[dotted(keys)] = "default" if keys not in given else at.text if at.order < SIZE else "--set"
    return Resolved(config, origins, path)


def _find(name: str | Path) -> tuple[Path, str]:
    """The file of that name, and how to call it in messages."""
    path = Path(name)
    file = resources.resource_folder("configs") / f"{name}.yaml"
    if path.name == str(name) and os.path.isfile(file):
        return file, f"configs/{name}.yaml"
    if os.path.isdir(path):
        inside = path / "config.yaml"
        raise ConfigError(
            f"{name}: a folder; give a file" + (f", such as '{inside}'" if os.path.isfile(inside) else "")
        )
    if os.path.exists(path):
        return path, str(name)
    names = [shipped_name for shipped_name, _ in shipped()]
    known = f"; shipped: {', '.join(names)}" if names else ""
    beside = [str(path.with_name(other.name)) for other in sorted(path.parent.glob("*.y*ml"))]
    near = difflib.get_close_matches(str(path), beside, 1) or difflib.get_close_matches(path.stem[:100], names, 1)
    raise ConfigError(f"{name}: no such file{known}" + (f"; did you mean '{near[0]}'?" if near else ""))


def _read(path: Path, shown: str) -> tuple[dict[str, Any], dict[Keys, _Place], list[_Mistake]]:
    """What a file says, where it says it, and the keys it gives twice."""
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE + 1)
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror or error}") from None
    if len(data) > SIZE:
        raise ConfigError(f"{shown}: longer than {SIZE // 1000} kB; give a config, not data")
    try:
        document = yaml_file.parse(data)
    except yaml_file.YamlError as error:
        raise ConfigError(f"{shown}:{error.line}: {error}") from None
    if not isinstance(document.value, dict | None):
        sections = ", ".join(f"'{section}:'" for section in Config.model_fields)
        raise ConfigError(f"{shown}:1: {show(document.value)} is not a config; begin with {sections}")
    _rename_earlier_keys(document)
    places = {at: _Place(line, f"{shown}:{line}") for at, line in document.lines.items()}
    mistakes = [_Mistake(_Place(n, f"{shown}:{n}"), at, message) for n, at, message in document.mistakes]
    return document.value or {}, places, mistakes


def _override(settings: dict, places: dict[Keys, _Place], override: str, order: int) -> list[_Mistake]:
    """Put one KEY=VALUE into the settings."""
    key, equals, text = override.partition("=")
    path: Keys = tuple(key.strip().split("."))
    if path[:2] == ("train", "learning_rates"):  # the parts below it have dots in their names
        path = (*path[:2], *filter(None, [".".join(map(str, path[2:]))]))
    shown = override.encode(errors="replace").decode()
    place = _Place(order, f"--set {shown}", path)
    if shown != override:  # half a character, or a byte of no character, as the name of a file may have
        return [_Mistake(place, path, "not UTF-8; write it in letters that are")]
    if not equals or not all(path):
        return [_Mistake(place, path, "not KEY=VALUE; write --set train.epochs=5, say")]
    try:
        document = yaml_file.parse(text)
    except yaml_file.YamlError as error:
        return [_Mistake(place, path, str(error))]
    path = RENAMED.get(path, path)
    _rename_earlier_keys(document, path)
    node = settings
    for i, name in enumerate(path[:-1]):
        if not isinstance(node.get(name), dict):
            part = BARE.get(path[: i + 1])
            if part and node.get(name) is not None:
                node[name] = {part.bare: node[name]}
            else:
                node[name], places[path[: i + 1]] = {}, place
        node = node[name]
    node[path[-1]] = document.value
    for at in [at for at in places if at[: len(path)] == path]:
        del places[at]
    places[path] = place
    return [_Mistake(place, path + at, message) for _, at, message in document.mistakes]


def _rename_earlier_keys(document: Document, at: Keys = ()) -> None:
    """Replace the earlier names of settings by the current ones. The value of the document belongs to the path `at`."""
    for (*above, old), (*_, new) in RENAMED.items():
        if tuple(above[: len(at)]) != at:
            continue
        inside, node = above[len(at) :], document.value
        for key in inside:
            node = node.get(key) if isinstance(node, dict) else None
        if not isinstance(node, dict) or old not in node:
            continue
        value, path = node.pop(old), (*inside, old)
        lines = {place: document.lines.pop(place) for place in list(document.lines) if place[: len(path)] == path}
        if new in node:
            message = f"given twice, as {old!r} is the earlier name of {new!r}; keep one"
            document.mistakes.append((lines[path], (*inside, new), message))
            continue
        node[new] = value
        document.lines.update({(*inside, new, *place[len(path) :]): line for place, line in lines.items()})


# --- checking -------------------------------------------------------------------------------------------------


def _check(settings: dict[str, Any]) -> tuple[Config | None, list[tuple[Keys, str]]]:
    """The config, or all that is wrong with the settings."""
    try:
        return Config.model_validate(settings), []
    except ValidationError as error:
        errors: list[Any] = error.errors(include_url=False)
    found: dict[Keys, list[Any]] = {}
    for error in errors:
        if error["type"] == "clash":
            return None, [(clash.path, clash.message) for clash in error["ctx"]["clashes"]]
        found.setdefault(_locate(settings, error), []).append(error)
    wrong = []
    above = {path[:n] for path in found for n in range(len(path))}
    for path, same in found.items():
        if path not in above:  # where a list has a wrong item, pydantic also says that the list is no text
            told = min(same, key=lambda error: error["type"].endswith("_type"))  # out of range says more
            wrong.append((path, schema_of_config().mistake(told["type"], path, told["input"])))

    # What else does not fit together shows once the wrong settings are out of the way.
    rest = deepcopy(settings)
    bad = [_field(path) for path in found]
    for *above, last in bad:
        node: Any = rest
        for key in above:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(last, None)
    try:
        Config.model_validate(rest)
    except ValidationError as error:
        for clash in (clash for e in error.errors() for clash in e.get("ctx", {}).get("clashes", ())):
            if not any(f"{read}.".startswith(f"{dotted(path)}.") for path in bad for read in clash.reads):
                wrong.append((clash.path, clash.message))
    return None, wrong


def _locate(settings: Any, error: Any) -> Keys:
    """The path of a pydantic error in the settings, without the names that pydantic gives to a union's members."""
    path: list[str | int] = []
    node = settings
    for key in error["loc"]:
        if (isinstance(node, dict) and key in node) or (isinstance(node, list) and isinstance(key, int)):
            path.append(key)
            node = node[key]
    return tuple(path)


def _field(path: Keys) -> Keys:
    """The setting that a path leads to or into."""
    return tuple(key for key in path if isinstance(key, str))


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, dict) and tree:
        for key, below in tree.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path
