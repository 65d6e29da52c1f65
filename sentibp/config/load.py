"""Reading a config: its YAML file and the overrides of `--set`. All mistakes are reported at once, with their lines."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config import yaml_file
from sentibp.config.check import check_settings, field_of, item
from sentibp.config.dump import every_setting
from sentibp.config.find import find_config, shadow_note
from sentibp.config.messages import Complaint, dotted, is_free_text, show
from sentibp.config.paths import SOURCES
from sentibp.config.reference import BARE, schema_of_config
from sentibp.config.schema import Config, Data, Optimizer, Schedule
from sentibp.config.without_effect import notes_without_effect
from sentibp.config.yaml_file import Document, Keys
from sentibp.errors import ConfigError
from sentibp.utils.files import open_regular
from sentibp.utils.messages import counted
from sentibp.utils.near_names import near_or
from sentibp.utils.paths import STREAM, names_stream
from sentibp.utils.repair import set_option, set_text
from sentibp.utils.stored_settings import complete_settings

SIZE = 100_000  # bytes; a longer file is probably data, and checking it line by line would take long

MOST = 50  # mistakes shown

RENAMED: dict[Keys, Keys] = {
    (name, old): (name, new)
    for name, section in Config.model_fields.items()
    for old, new in getattr(section.annotation, "earlier", {}).items()
}
"""The paths of settings under their earlier names, and under their current names."""


DEFAULT = "default"
"""The name of a config that has no settings, so that each has its default."""


class Resolved(NamedTuple):
    """A config, and the origin of each setting: "default", "configs/mine.yaml:12" or "--set"."""

    config: Config
    origins: dict[str, str]
    path: Path
    notes: tuple[str, ...] = ()  # what else the name of the config, or a setting, could mean


class _Place(NamedTuple):
    """Where a setting is given."""

    order: int  # the line in the file; for an override, SIZE plus its number, so that the file comes first
    text: str
    path: Keys = ()  # the setting that an override names
    value: str = ""  # its value, as text


class _Mistake(NamedTuple):
    place: _Place
    path: Keys
    message: str

    def __str__(self) -> str:
        key = "" if self.path == self.place.path else f"{dotted(self.path)}: "  # not `--set a.b=1: a.b: ...`
        return f"{self.place.text}: {key}{self.message}"


class _Source(NamedTuple):
    """The settings as given, the places where they are given, and the mistakes so far."""

    shown: str  # the name of the file in messages
    settings: dict[Any, Any]
    places: dict[Keys, _Place]
    mistakes: list[_Mistake]

    def place(self, path: Keys) -> _Place:
        """Return the place where a setting, or the innermost mapping around it, is given."""
        outward = (path[:n] for n in range(len(path), 0, -1))
        return next((self.places[each] for each in outward if each in self.places), _Place(0, self.shown))


def load_config(name: str | Path, overrides: Sequence[str] = ()) -> Resolved:
    """Read a config by its path or its shipped name. Overrides are `KEY=VALUE`, with dotted keys and YAML values.

    `default` is the name of the default settings, unless it is that of a file. Raises ConfigError with one line for
    each mistake.
    """
    if str(name) == DEFAULT and not os.path.exists(name):
        path, source = Path(DEFAULT), _Source(DEFAULT, {}, {}, [])
    else:
        path, source = _named(name)
    return _resolved(source, path, shadow_note(name, path), overrides)


def load_settings(config: str | Path | Mapping[str, Any], settings: Mapping[str, Any]) -> Resolved:
    """Read a config as `load_config` does, or take one from a mapping, or the defaults, with further settings.

    `settings` are plain Python values by dotted keys. Raises ConfigError with one line for each mistake.
    """
    if isinstance(config, Mapping):
        dotted_keys = {key: value for key, value in config.items() if "." in str(key)}
        document = Document(deepcopy({key: config[key] for key in config if key not in dotted_keys}), {}, [])
        _rename_earlier_keys(document)
        path, source = Path("config.yaml"), _Source("config", document.value, {}, [])
        settings = {**dotted_keys, **settings}
    elif str(config) == DEFAULT:
        path, source = Path(DEFAULT), _Source(DEFAULT, {}, {}, [])
    else:
        path, source = _named(config)
    for order, key in enumerate(sorted(settings, key=lambda key: key.count("."))):  # a section before its settings
        keys: Keys = tuple(key.split("."))
        keys = RENAMED.get(keys, keys)
        place = _Place(SIZE + order, f"{key.replace('.', '__')}={settings[key]!r:.200}", keys)
        _set(source, keys, deepcopy(settings[key]), place)
    return _resolved(source, path, () if isinstance(config, Mapping) else shadow_note(config, path))


def _named(name: str | Path) -> tuple[Path, _Source]:
    """Return the path of a config, and its settings; of a run those, too, that its version of sentibp did not have."""
    path, shown = find_config(name)
    source = _read(name if names_stream(name) else path, shown)
    if path.name == "config.yaml" and path.with_name("run.json").is_file():
        source = source._replace(settings=complete_settings(source.settings))
    return path, source


def _resolved(source: _Source, path: Path, notes: Sequence[str], overrides: Sequence[str] = ()) -> Resolved:
    config = _resolve(source, overrides)
    origins = _origins(config, source)
    return Resolved(config, origins, path, (*notes, *given_without_effect(config, origins, path)))


def given_without_effect(config: Config, origins: Mapping[str, str], path: Path) -> list[str]:
    """Return notes on given settings without effect. The file of a run lists all settings, so none of them is given."""
    is_of_run = path.with_name("run.json").is_file()
    given = [key for key, origin in origins.items() if origin == "--set" or (origin != "default" and not is_of_run)]
    return list(notes_without_effect(config, given))


def override_data(data: Data, overrides: Sequence[str], options: Mapping[str, str] | None = None) -> Data:
    """Return the settings of a section `data`, such as that of a trained model, with overrides `data.KEY=VALUE`.

    `options` names the settings that an option of the command stands for: {"data.source": "--data"}. Raises ConfigError
    with one line for each mistake, and for overrides of these and of other settings.
    """
    if not overrides:
        return data
    source = _Source("the model's settings", {"data": data.model_dump(exclude_unset=True)}, {}, [])
    for i, (key, _, value) in enumerate(override.partition("=") for override in overrides):
        if option := (options or {}).get(key.strip()):
            place = _Place(SIZE + i, f"--set {key}={value}", tuple(key.strip().split(".")))
            source.mistakes.append(_Mistake(place, place.path, _with_option(option, value.strip())))
    return _resolve(source, overrides, section="data").data


def _with_option(option: str, value: str) -> str:
    """Return the repair for a setting that an option stands for, which takes one source, and no share of reviews."""
    if value.startswith("["):
        return f"{option} takes one source; give the command once for each, with {option}"
    if re.fullmatch(r"[\d.]+", value):
        return f"is for a training; leave it out, or name reviews with {option}"
    return f"write {option} {shlex.quote(value)} instead"


def _resolve(source: _Source, overrides: Sequence[str], section: str | None = None) -> Config:
    """Put the overrides into the settings, and check them. If `section` is given, only its settings can change."""
    for i, override in enumerate(overrides):
        _override(source, override, SIZE + i, section)
    _forget_settings_of_replaced_methods(source)
    config, wrong = check_settings(source.settings)
    mistakes = source.mistakes + [_mistake(source, at, complaint) for at, complaint in wrong]
    if mistakes or config is None:
        lines = list(dict.fromkeys(map(str, sorted(mistakes, key=lambda mistake: mistake.place.order))))
        if len(lines) > MOST:
            lines[MOST:] = [f"{source.shown}: {counted(len(lines) - MOST, 'more mistake')}"]
        raise ConfigError(*lines)
    return config


def _mistake(source: _Source, at: Keys, complaint: Complaint) -> _Mistake:
    """Return the mistake at a path. The repair of an override is the option to type instead."""
    place = source.place(at)
    if place.order < SIZE:
        return _Mistake(place, field_of(at), str(complaint))
    if complaint.right is not None:
        ask, end = ("did you mean", "?") if complaint.repair.startswith("did") else ("write", "")
        option = set_option(dotted(field_of(at)), _replaced(source.settings, at, complaint.right))
        return _Mistake(place, field_of(at), f"{complaint.what}; {ask} {option}{end}")
    if place.value.strip() == "-" and dotted(place.path) in SOURCES:
        return _Mistake(place, place.path, STREAM)
    if at == place.path and reduce(item, at, source.settings) != place.value.strip():
        repair = None if place.value.strip() in _NULL else _as_text(place)
        if repair is not None:
            return _Mistake(place, field_of(at), repair)
    if complaint.keys and at == place.path[: len(at)]:
        keys = schema_of_config().meant(tuple(map(str, place.path))) or complaint.keys
        options = [set_text(dotted(key), _as_list(key, place.value)) for key in keys]
        return _Mistake(place, place.path, f"{complaint.what}; did you mean {' or '.join(options)}?")
    return _Mistake(place, field_of(at), str(complaint))


_TEXTS = ("string", "array", "null")
_NULL = ("", "~", "null", "Null", "NULL")


def _as_text(place: _Place) -> str | None:
    """Return the message for an override that is text with a sign of YAML, such as a separator `,`; None for others."""
    value, options = place.value.strip(), schema_of_config().options_at(place.path)
    is_text = any(map(is_free_text, options)) and all(option.get("type") in _TEXTS for option in options)
    if value[:1] in ("[", '"', "'") or not is_text:
        return None
    return f"YAML reads {value!r:.60} as something else than this text; write {set_option(dotted(place.path), value)}"


def _as_list(key: Keys, text: str) -> str:
    """Return the value in brackets if the setting is a list and the value is not."""
    kinds = {str(option.get("type")) for option in schema_of_config().options_at(key)}
    return f"[{text}]" if kinds == {"array"} and text and text[0] not in "[{" else text


def _replaced(settings: Any, at: Keys, right: Any) -> Any:
    """Return the value of the setting that a path leads into, with the right value at the end of the path."""
    setting = field_of(at)
    for key in setting:
        settings = settings[key]
    if len(setting) == len(at):
        return right
    value = deepcopy(settings)
    value[at[-1]] = right
    return value


def _origins(config: Config, source: _Source) -> dict[str, str]:
    """Return the origin of each setting by its dotted key."""
    given = set(_leaves(config.model_dump(exclude_unset=True)))
    origins = {}
    for keys in _leaves(every_setting(config)):
        place = source.place(keys)
        origins[dotted(keys)] = "default" if keys not in given else place.text if place.order < SIZE else "--set"
    return origins


def _forget_settings_of_replaced_methods(source: _Source) -> None:
    """If an override chooses another optimizer or schedule, drop the file's settings that only the old one uses."""
    for key, choice in ("optimizer", Optimizer), ("schedule", Schedule):
        train = source.settings.get("train")
        chosen = train.get(key) if isinstance(train, dict) else None
        if isinstance(chosen, dict) and source.place(("train", key, "name")).order >= SIZE:
            for setting in choice.unused(chosen.get("name")):
                if source.place(("train", key, setting)).order < SIZE:
                    chosen.pop(setting, None)


def _read(path: str | Path, shown: str) -> _Source:
    """Read the settings of a file, or of a stream."""
    document = read_document(path, shown, "a config, not data")
    if not isinstance(document.value, dict | None):
        sections = ", ".join(f"'{section}:'" for section in Config.model_fields)
        raise ConfigError(f"{shown}:1: {show(document.value)} is not a config; begin with {sections}")
    _rename_earlier_keys(document)
    places = {at: _Place(line, f"{shown}:{line}") for at, line in document.lines.items()}
    mistakes = [_Mistake(_Place(n, f"{shown}:{n}"), at, message) for n, at, message in document.mistakes]
    return _Source(shown, document.value or {}, places, mistakes)


def read_document(path: str | Path, shown: str, wanted: str) -> Document:
    """Read a YAML file, or a stream. ConfigError if it cannot be read, or is too long to be what is `wanted`."""
    try:
        if names_stream(path):
            with open(0 if str(path) == "-" else path, "rb", closefd=str(path) != "-") as file:
                data = file.read(SIZE + 1)
        else:
            with open_regular(path) as file:
                data = file.read(SIZE + 1)
    except FileNotFoundError:
        repair = near_or(path, f"give {wanted.partition(',')[0]}", (".yaml", ".yml"))
        raise ConfigError(f"{shown}: no such file; {repair}") from None
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror or error}") from None
    if len(data) > SIZE:
        raise ConfigError(f"{shown}: longer than {SIZE // 1000} kB; give {wanted}")
    try:
        return yaml_file.parse(data)
    except yaml_file.YamlError as error:
        raise ConfigError(f"{shown}:{error.line}: {error}") from None


def _override(source: _Source, override: str, order: int, section: str | None = None) -> None:
    """Put one KEY=VALUE into the settings, or report its mistakes. All keys are of the section, if one is given."""
    key, equals, text = override.partition("=")
    path: Keys = tuple(key.strip().split("."))
    if path[:2] == ("train", "learning_rates"):  # the names of layers contain dots
        path = (*path[:2], *filter(None, [".".join(map(str, path[2:]))]))
    shown = override.encode(errors="replace").decode()
    place = _Place(order, f"--set {shown}" if len(shown) <= 200 else f"--set {shown[:200]}…", path, text)
    if shown != override:  # half of a surrogate pair, or a byte that is not UTF-8, as in some names of files
        source.mistakes.append(_Mistake(place, path, "not UTF-8; write it in letters that are"))
        return
    if not equals or not all(path):
        example = "train.epochs=5" if section is None else "data.text_column=comment"
        source.mistakes.append(_Mistake(place, path, f"not KEY=VALUE; write for example --set {example}"))
        return
    if section is not None and path[0] != section:
        source.mistakes.append(_Mistake(place, path, _not_in(section, path, text)))
        return
    try:
        document = yaml_file.parse("'-'" if text.strip() == "-" else text)  # else a list of nothing
    except yaml_file.YamlError as error:
        source.mistakes.append(_Mistake(place, path, _as_text(place) or str(error)))
        return
    if re.search(r"(^|\s)#", text) and isinstance(document.value, str | None) and (repair := _as_text(place)):
        source.mistakes.append(_Mistake(place, path, repair))
        return
    path = RENAMED.get(path, path)
    _rename_earlier_keys(document, path)
    _set(source, path, document.value, place)
    source.mistakes.extend(_Mistake(place, path + at, message) for _, at, message in document.mistakes)


def _not_in(section: str, path: Keys, text: str) -> str:
    """Return the message for an override of another section. It may be one of this section whose name was left out."""
    meant = [key for key in schema_of_config().meant(tuple(map(str, path))) if key[0] == section and len(key) > 1]
    near = f"; did you mean {set_text(dotted(meant[0]), _as_list(meant[0], text))}?" if meant else ""
    return f"only settings of {section} can change here{near or '; leave it out'}"


def _set(source: _Source, path: Keys, value: Any, place: _Place) -> None:
    """Set the value at a path. A bare value on the way becomes a mapping: `optimizer: adam` keeps its name."""
    node, places = source.settings, source.places
    for i, name in enumerate(path[:-1]):
        if not isinstance(node.get(name), dict):
            section = BARE.get(path[: i + 1])
            if section and node.get(name) is not None:
                node[name] = {section.bare: node[name]}
            else:
                node[name], places[path[: i + 1]] = {}, place
        node = node[name]
    node[path[-1]] = value
    for below in [at for at in places if at[: len(path)] == path]:
        del places[below]
    places[path] = place


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


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each value that is not a mapping."""
    if isinstance(tree, dict) and tree:
        for key, below in tree.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path
