"""Reading and writing configs: YAML files, `--set` on the command line, and every mistake at once with its line.

The settings themselves, and what they mean, are in `settings`."""

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
from sentibp.config.yaml_file import Keys

BARE: dict[Keys, type[Checkpoint | EarlyStopping | Optimizer | Schedule]] = {
    ("train", "optimizer"): Optimizer,
    ("train", "schedule"): Schedule,
    ("train", "early_stopping"): EarlyStopping,
    ("train", "checkpoint"): Checkpoint,
}


# --- the schema as data ---------------------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """The schema for editors that check and complete YAML."""
    schema = Config.model_json_schema()
    about = _docstrings()
    for name, part in {"Config": schema, **schema["$defs"]}.items():
        for key, node in part.get("properties", {}).items():
            if (name, key) in about:  # a section says it in its class
                node["description"] = about[name, key]
    for part in BARE.values():
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
    source = ast.parse(inspect.getsource(config_schema))
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
    schema = schema_of_config()
    for keys, node in schema.settings:
        options = schema.options(node)
        about = node.get("description") or options[0]["description"]
        if len(keys) == 1:
            lines += ["", f"### {keys[0]}", "", about, "", "| Key | Value | Default | What it does |"]
            lines += ["| --- | --- | --- | --- |"]
            continue
        default = f"`{yaml_file.inline(node['default'])}`" if "default" in node else ""
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
    """The schema of the settings, made once."""
    return Schema(json_schema())
