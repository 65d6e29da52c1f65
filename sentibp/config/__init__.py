"""Reading and writing configs: YAML files, `--set` on the command line, and every mistake at once with its line.

The settings themselves, and what they mean, are in `settings`.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import inspect
import os
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from .. import shipped as _shipped
from ..errors import ConfigError
from . import settings as _settings
from . import yamlfile
from .settings import Checkpoint, Config, EarlyStopping, Optimizer, Schedule
from .wording import Schema, dotted, show, words
from .yamlfile import Keys

__all__ = ["Config", "Resolved", "digest", "dump", "json_schema", "load", "reference", "shipped"]

SIZE = 100_000  # bytes; a longer file is data, given by mistake, and would take its time to be refused line by line
MOST = 50  # mistakes shown


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


def load(name: str | Path, overrides: Sequence[str] = ()) -> Resolved:
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
    file = _shipped.folder("configs") / f"{name}.yaml"
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
        document = yamlfile.parse(data)
    except yamlfile.YamlError as error:
        raise ConfigError(f"{shown}:{error.line}: {error}") from None
    if not isinstance(document.value, dict | None):
        sections = ", ".join(f"'{section}:'" for section in Config.model_fields)
        raise ConfigError(f"{shown}:1: {show(document.value)} is not a config; begin with {sections}")
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
        document = yamlfile.parse(text)
    except yamlfile.YamlError as error:
        return [_Mistake(place, path, str(error))]
    node = settings
    for i, name in enumerate(path[:-1]):
        if not isinstance(node.get(name), dict):
            part = _BARE.get(path[: i + 1])
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


_BARE: dict[Keys, type[Checkpoint | EarlyStopping | Optimizer | Schedule]] = {
    ("train", "optimizer"): Optimizer,
    ("train", "schedule"): Schedule,
    ("train", "early_stopping"): EarlyStopping,
    ("train", "checkpoint"): Checkpoint,
}


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
            wrong.append((path, _schema().mistake(told["type"], path, told["input"])))

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


# --- the schema as data ---------------------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """The schema for editors that check and complete YAML."""
    schema = Config.model_json_schema()
    about = _docstrings()
    for name, part in {"Config": schema, **schema["$defs"]}.items():
        for key, node in part.get("properties", {}).items():
            if (name, key) in about:  # a section says it in its class
                node["description"] = about[name, key]
    for part in _BARE.values():
        full = schema["$defs"][part.__name__]
        bare = {key: value for key, value in full["properties"][part.bare].items() if key != "default"}
        schema["$defs"][part.__name__] = {"anyOf": [bare, full]}
    for node in _nodes(schema):
        if isinstance(node.get("description"), str):
            node["description"] = " ".join(node["description"].split())
        if isinstance(node.get("default"), dict) and node["default"]:
            del node["default"]  # the settings in a mapping say their own defaults
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "sentibp config"}


def _docstrings() -> dict[tuple[str, str], str]:
    """What stands below each setting in `settings`, by class and key. (pydantic reads it too, but at every start.)"""
    source = ast.parse(inspect.getsource(_settings))
    return {
        (part.name, field.target.id): " ".join(text.value.value.split())
        for part in source.body
        if isinstance(part, ast.ClassDef)
        for field, text in pairwise(part.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def reference() -> str:
    """A Markdown table of the settings for each section."""
    lines = []
    schema = _schema()
    for keys, node in schema.settings:
        options = schema.options(node)
        about = node.get("description") or options[0]["description"]
        if len(keys) == 1:
            lines += ["", f"### {keys[0]}", "", about, "", "| Key | Value | Default | What it does |"]
            lines += ["| --- | --- | --- | --- |"]
            continue
        default = f"`{yamlfile.inline(node['default'])}`" if "default" in node else ""
        value = words(options, brief=any("properties" in option for option in options))
        cells = f"`{dotted(keys)}`", value, default, about
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines[1:]) + "\n"


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(child)


@cache
def _schema() -> Schema:
    return Schema(json_schema())


# --- writing --------------------------------------------------------------------------------------------------


def dump(config: Config) -> str:
    """The config as YAML with every setting that has an effect; loading it gives the same config."""
    return yamlfile.write(config.model_dump())


def digest(config: Config) -> str:
    """The SHA-256 of the whole config, in hexadecimal: equal settings have equal digests."""
    return hashlib.sha256(dump(config).encode()).hexdigest()


def shipped() -> list[tuple[str, str]]:
    """The configs that come with the program: name and first comment line."""
    return [(path.stem, _first_comment(path)) for path in sorted(_shipped.folder("configs").glob("*.yaml"))]


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not line.startswith("# yaml-language-server:"):
            return line.lstrip("# ").rstrip()
    return ""


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, dict) and tree:
        for key, below in tree.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path
