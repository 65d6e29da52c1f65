"""`sentibp bench`."""

from __future__ import annotations

from typing import Annotated

import typer

from sentibp.cli import Json, Offline, Set


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp bench imdb
  sentibp bench imdb --set train.batch_size=64 --json | jq .parts"""
    )(bench)


def bench(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A YAML file, or the name of a shipped config.")],
    set_: Set = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Measure how fast a config is on this machine.

    Text to tokens, tokens to features, each part of a training step, and how long the whole training would take.
    """
    from sentibp.cli import output
    from sentibp.cli.progress import Progress
    from sentibp.config.load import load_config
    from sentibp.training import bench as training_bench

    resolved = load_config(config, set_ or [])
    with Progress() as progress:
        speed = training_bench.measure(resolved, progress.watch)
    output.speed(speed, json)
