"""`sentibp config show | schema | list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentibp.cli import ConfigName, Json, Set, command_group
from sentibp.cli.output import print_content, print_json, print_message, setting_text, table

if TYPE_CHECKING:
    from sentibp.config.load import Resolved

commands = command_group("Show settings and shipped configs.")


@commands.command(epilog="Example: sentibp config show imdb --set train.epochs=2")
def show(
    config: ConfigName,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Print every setting, its value, and where the value comes from."""
    from sentibp.config.load import load_config
    from sentibp.config.text_defaults import note_on_texts

    resolved = load_config(config, set_ or [])
    for note in (*resolved.notes, *note_on_texts(resolved.config)):
        print_message(note)
    print_settings(resolved, json)


@commands.command(epilog="Example: sentibp config schema > schema.json")
def schema() -> None:
    """Print the JSON schema of configs, for editors."""
    from json import dumps

    from sentibp.config import reference

    print_content(dumps(reference.json_schema(), indent=2) + "\n")


@commands.command("list", epilog="Example: sentibp config list")
def list_(json: Json = False) -> None:
    """Print the shipped configs."""
    from sentibp.config.find import shipped

    table(["config", "what it shows"], shipped(), json)


def print_settings(resolved: Resolved, json: bool) -> None:
    """Print every setting with its value and its origin."""
    from sentibp.runs.compare import flat_settings

    values = flat_settings(resolved.config)
    if json:
        print_json({key: {"value": value, "from": resolved.origins.get(key)} for key, value in values.items()})
        return
    table(
        ["setting", "value", "from"],
        [(key, setting_text(value), resolved.origins.get(key, "")) for key, value in values.items()],
    )
