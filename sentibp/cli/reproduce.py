"""`sentibp reproduce`."""

from __future__ import annotations

from typing import Annotated

import typer

from sentibp.cli import Json, RunName


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Examples: sentibp reproduce last; sentibp reproduce runs/first --json")(reproduce)


def reproduce(
    run: RunName,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while training.")] = False,
) -> None:
    """Train a run again and compare each number.

    Exits with 0 if every number comes out the same, and with 1 at the first that does not, which is named with its
    epoch, step and tensor, and with what has changed of versions, processor and threads.
    """
    from sentibp.cli import output
    from sentibp.cli.interrupts import heeded
    from sentibp.cli.progress import Progress
    from sentibp.runs import find
    from sentibp.training.reproduce import reproduce

    with Progress(quiet) as progress:
        result = reproduce(find.find_run(run), heeded(progress.watch))  # there is a folder to remove
    output.reproduction(result, json)
    if not result.same:
        raise typer.Exit(1)
