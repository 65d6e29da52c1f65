"""Error messages for wrong settings, made from the JSON schema: what is wrong with a value, and how to repair it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sentibp.config import yaml_file
from sentibp.config.yaml_file import Keys

NOUNS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}
BOUNDS = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
MOST = 1_000_000_000
"""The largest whole number that a setting takes: more than any machine can use, and less than overflows."""
Options = Sequence[dict[str, Any]]  # the alternatives that a schema allows
SWITCH = {"yes": "true", "on": "true", "no": "false", "off": "false"}  # true and false in YAML 1.1


class Schema:
    """A JSON schema of nested settings."""

    def __init__(self, root: dict[str, Any]):
        self.root = root
        self.settings: list[tuple[tuple[str, ...], dict[str, Any]]] = list(self._below((), root))

    def _below(self, path: tuple[str, ...], node: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        for option in self.options(node):
            for key, child in option.get("properties", {}).items():
                yield (*path, key), child
                yield from self._below((*path, key), child)

    def options(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the alternatives that a node of the schema allows."""
        if "$ref" in node:
            return self.options(self.root["$defs"][node["$ref"].rpartition("/")[2]])
        return [option for each in node["anyOf"] for option in self.options(each)] if "anyOf" in node else [node]

    def options_at(self, path: Keys) -> list[dict[str, Any]]:
        """Return the alternatives for the value at a path."""
        options = [self.root]
        for key in path:
            if isinstance(key, int):
                below = [option["items"] for option in options if "items" in option]
            else:
                below = [option.get("properties", {}).get(key) for option in options]
                below += [option.get("additionalProperties") for option in options]
            options = [option for node in below if node for option in self.options(node)]
        return options

    def mistake(self, kind: str, path: Keys, value: Any) -> str:
        """Return the error message for the value at a path. `kind` is pydantic's name of the error."""
        if kind == "extra_forbidden":
            return self._unknown(path)
        options, shown = self.options_at(path), show(value)
        if kind == "missing":
            needed = [key for option in options for key in option.get("required", ()) if key not in value]
            return f"{' and '.join(map(repr, needed))} missing; give {'both' if len(needed) > 1 else 'it'}"
        if kind.endswith("too_short"):
            return f"{shown} is empty; give {words(options)}"
        numbers = [option for option in options if option.get("type") in ("integer", "number")]
        if kind.startswith(("greater_than", "less_than")):
            at_most_that = any(option.get("maximum") == MOST for option in numbers)  # not worth saying elsewhere
            limit = f" and at most {MOST}" if kind[0] == "l" and at_most_that else ""
            return f"{shown} is too {'small' if kind[0] == 'g' else 'large'}; give {words(numbers)}{limit}"
        if isinstance(value, str):
            return self._wrong_text(options, numbers, value)
        kinds = [option.get("type") for option in options]
        brief, full = words(options, brief=True), words(options)
        repair = f"; give {full}" if full != brief else ""
        if isinstance(value, bool | int | float):
            if brief.startswith(NOUNS["string"]):  # text first, or a list of texts
                repair = f"; write '{shown}'"
            elif "array" in kinds:
                repair = f"; write [{shown}]"
        return f"{shown} is not {brief}{repair}"

    def _wrong_text(self, options: Options, numbers: Options, value: str) -> str:
        brief, full = words(options, brief=True), words(options)
        choices = [choice for option in options for choice in option.get("enum", ())]
        near = nearest(value, [*choices, *(option["const"] for option in options if "const" in option)])
        repair = near or (f"; give {full}" if full != brief else "")
        if choices:
            brief, repair = f"one of {', '.join(choices)}", near
        elif numbers and number(value) is not None:
            brief, repair = words(numbers, brief=True), f"; write {show(value)[1:-1]} without quotes"
        elif brief == NOUNS["boolean"] and value.lower() in SWITCH:
            repair = f"; write {SWITCH[value.lower()]}"
        elif any(option.get("type") == "array" for option in options):
            repair = f"; write [{show(value)}]"
        return f"{show(value)} is not {brief}{repair}"

    def _unknown(self, path: Keys) -> str:
        """Return the message for an unknown key, which is misspelt or in the wrong section."""
        *above, key = map(str, path)
        sections = [dotted(keys[:-1]) or "the top level" for keys, _ in self.settings if keys[-1] == key]
        if sections:
            return f"unknown key; {key!r} belongs to {' or '.join(map(repr, sections))}"
        siblings = [keys[-1] for keys, _ in self.settings if keys[:-1] == tuple(above)]
        elsewhere = {keys[-1]: dotted(keys) for keys, _ in self.settings}
        near = nearest(key, siblings) or nearest(key, elsewhere)
        return f"unknown key{near or '; choose from ' + ', '.join(siblings)}"


def words(options: Options, *, brief: bool = False) -> str:
    """Describe what is allowed: `a whole number of at least 1 or null`, or in brief `a whole number or null`."""
    return " or ".join(dict.fromkeys(_brief(option) if brief else _full(option) for option in options))


def _brief(option: dict[str, Any]) -> str:
    if "enum" in option:
        return f"one of {', '.join(option['enum'])}"
    if "const" in option:
        return option["const"]
    kinds = option["type"] if isinstance(option["type"], list) else [option["type"]]
    return ", ".join(NOUNS[kind] for kind in kinds)


def _full(option: dict[str, Any]) -> str:
    noun = _brief(option)
    if "properties" in option:
        return f"{noun} with the keys {', '.join(option['properties'])}"
    if "items" in option:
        return f"{noun} of {_plural(option['items'])}"
    if isinstance(option.get("additionalProperties"), dict):
        return f"{noun} from names to {_plural(option['additionalProperties'])}"
    bounds = " and ".join(f"{text} {option[key]}" for key, text in BOUNDS.items() if option.get(key, MOST) != MOST)
    return f"{noun} {bounds}".rstrip()


def _plural(option: dict[str, Any]) -> str:
    if isinstance(option["type"], list):
        return "values"
    if "enum" in option:
        return ", ".join(option["enum"])
    noun = _brief(option)
    return _full(option).replace(noun, f"{noun.removeprefix('a ')}s", 1)


def nearest(word: str, known: Iterable[str] | Mapping[str, str]) -> str:
    """Return the repair for a misspelt word, or "" if no known word is near. A mapping gives the names to show."""
    close = difflib.get_close_matches(word[:100].lower(), list(known), 1)
    return f"; did you mean {known[close[0]] if isinstance(known, Mapping) else close[0]!r}?" if close else ""


def number(text: str) -> float | None:
    """Return the number that a text in quotes holds, or None."""
    try:
        value = yaml_file.parse(text).value
    except yaml_file.YamlError:
        return None
    return value if type(value) in (int, float) else None


def show(value: Any) -> str:
    """Show a value nearly as the user wrote it, in at most 60 characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        text = f"[{', '.join(map(show, value[:10]))}]"
        return text if len(text) <= 60 and len(value) <= 10 else "a list"
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}...{text[-1] if isinstance(value, str) else ''}"


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as `train.optimizer.name`; in quotes if it is long or not printable."""
    text = ".".join(map(str, path))
    return text if text.isprintable() and len(text) <= 100 else show(text)
