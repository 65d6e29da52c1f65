"""`sentibp config show | schema | list`."""

from __future__ import annotations

from typing import Annotated

import typer

from sentibp.cli import Json, Set

commands = typer.Typer(
    help="Look at settings.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="config")


@commands.command(epilog="Example: sentibp config show imdb --set train.epochs=2")
def show(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A YAML file, or the name of a shipped config.")],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Print every setting, its value, and where the value comes from."""
    from sentibp.cli import output
    from sentibp.config.load import load_config

    output.settings(load_config(config, set_ or []), json)


@commands.command(epilog="Example: sentibp config schema > schema.json")
def schema() -> None:
    """Print the JSON schema of configs, for editors."""
    from json import dumps

    from sentibp.config import reference

    typer.echo(dumps(reference.json_schema(), indent=2))


@commands.command("list", epilog="Example: sentibp config list")
def list_(json: Json = False) -> None:
    """Print the shipped configs."""
    from sentibp.cli import output
    from sentibp.config import shipped

    output.rows(["config", "what it shows"], shipped.shipped(), json)
