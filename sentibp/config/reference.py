"""The settings as a JSON schema for editors, and as tables for the documentation. Both are made from `schema`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from sentibp.config import schema as config_schema
from sentibp.config import yaml_file
from sentibp.config.messages import Schema, dotted, words
from sentibp.config.schema import Checkpoint, Config, EarlyStopping, Optimizer, Schedule
from sentibp.config.text_defaults import FROM_SCRATCH, OF_LONG_TEXTS, OF_SHORT_TEXTS
from sentibp.config.yaml_file import Keys

_OF_TEXTS = {"short texts in English": OF_SHORT_TEXTS, "other short texts": FROM_SCRATCH, "long texts": OF_LONG_TEXTS}

BARE: dict[Keys, type[Checkpoint | EarlyStopping | Optimizer | Schedule]] = {
    ("train", "optimizer"): Optimizer,
    ("train", "schedule"): Schedule,
    ("train", "early_stopping"): EarlyStopping,
    ("train", "checkpoint"): Checkpoint,
}


def json_schema() -> dict[str, Any]:
    """Return the JSON schema with which editors check and complete configs."""
    schema = Config.model_json_schema()
    about = _docstrings()
    for name, section in {"Config": schema, **schema["$defs"]}.items():
        for key, node in section.get("properties", {}).items():
            if (name, key) in about:  # a section is described by the docstring of its class
                node["description"] = about[name, key]
    for section in BARE.values():
        full = schema["$defs"][section.__name__]
        bare = {key: value for key, value in full["properties"][section.bare].items() if key != "default"}
        schema["$defs"][section.__name__] = {"anyOf": [bare, full]}
    for node in _nodes(schema):
        if isinstance(node.get("description"), str):
            node["description"] = " ".join(node["description"].split())
        if isinstance(node.get("default"), dict) and node["default"]:
            del node["default"]  # the settings in the mapping have their own defaults
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "sentibp config"}


def _docstrings() -> dict[tuple[str, str], str]:
    """Return the docstring below each setting in `schema`, by class and key.

    pydantic can read them too (use_attribute_docstrings), but would do so at every start.
    """
    source = ast.parse(inspect.getsource(config_schema))
    return {
        (section.name, field.target.id): " ".join(text.value.value.split())
        for section in source.body
        if isinstance(section, ast.ClassDef)
        for field, text in pairwise(section.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def reference() -> str:
    """Return a Markdown table of settings for each section."""
    lines = []
    schema = schema_of_config()
    for keys, node in schema.settings:
        options = schema.options(node)
        about = node.get("description") or options[0]["description"]
        if len(keys) == 1:
            lines += ["", f"### {keys[0]}", "", about, "", "| Key | Value | Default | What it does |"]
            lines += ["| --- | --- | --- | --- |"]
            continue
        default = f"`{yaml_file.inline(node['default'])}`" if "default" in node else ""
        for which, values in _OF_TEXTS.items():
            if values.get(keys, node.get("default")) != node.get("default"):
                default += f"; {which}: `{yaml_file.inline(values[keys])}`"
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
def schema_of_config() -> Schema:
    """Return the schema of the settings. It is made once."""
    return Schema(json_schema())
