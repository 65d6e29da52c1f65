"""`sentibp runs list | compare | flow | watch`, `sentibp reproduce`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import Json

commands = typer.Typer(
    help="Look at past trainings.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)
RunName = Annotated[str, typer.Argument(help="A run directory, its name in runs/, or `last`.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="runs")
    app.command(epilog="Examples: sentibp reproduce last; sentibp reproduce runs/first --json")(reproduce)


@commands.command("list", epilog="Example: sentibp runs list --json")
def list_(json: Json = False) -> None:
    """Print the runs in runs/, oldest first.

    One that was broken off or interrupted may go on with `sentibp train --resume RUN`, a pretraining
    with `sentibp pretrain --resume RUN`.
    """
    from .. import runs
    from . import show

    columns = ["run", "start", "kind", "outcome", "accuracy", "log_loss", "seconds"]
    lines = [
        [
            str(path),
            facts["start"],
            "pretraining" if runs.is_pretraining(facts) else "training",
            "broken off" if facts["outcome"] == "running" and not runs.is_being_written(path) else facts["outcome"],
            scores.get("accuracy"),
            scores.get("log_loss"),
            facts.get("seconds"),
        ]
        for path, facts in runs.all_runs()
        for scores in [facts.get("scores") or {}]
    ]
    show.rows(columns, lines, json)


@commands.command(epilog="Example: sentibp runs compare runs/first last")
def compare(a: RunName, b: RunName, json: Json = False) -> None:
    """Compare two runs.

    Prints the settings in which they differ, their scores, and a paired test if they validated on the same reviews.
    """
    from .. import runs
    from . import show

    show.comparison(runs.compare(runs.find(a), runs.find(b)), json)


def reproduce(
    run: RunName,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while training.")] = False,
) -> None:
    """Train a run again and compare each number.

    Exits with 0 if every number comes out the same, and with 1 at the first that does not, which is named with its
    epoch, step and tensor, and with what has changed of versions, processor and threads.
    """
    from .. import runs
    from ..reproduce import reproduce
    from . import show
    from .interrupts import heeded
    from .progress import Progress

    with Progress(quiet) as progress:
        result = reproduce(runs.find(run), heeded(progress.watch))  # there is a folder to remove
    show.reproduction(result, json)
    if not result.same:
        raise typer.Exit(1)


@commands.command(epilog="Example: sentibp runs flow last --epoch 1")
def flow(
    run: Annotated[str, typer.Argument(help="A run directory, its name in runs/, or `last`.")] = "last",
    epoch: Annotated[int | None, typer.Option(metavar="N", min=1, help="Default: the last epoch.")] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Of a run with several networks. Default: the first.")
    ] = None,
    json: Json = False,
) -> None:
    """Print how the gradient flowed through the layers of a run.

    The lengths of each layer's gradient, update and weights, and its idle units, of a few batches of an epoch. With
    --json, of every epoch, unless one is asked for.
    """
    from .. import health, runs
    from . import show

    path = runs.find(run)
    runs.require_training(path, runs.facts(path))
    chosen = health.chosen(health.recorded(path), str(path), seed, epoch)
    show.flow(path, chosen, runs.facts(path).get("warnings") or [], json)


@commands.command(epilog="Examples: sentibp runs watch; sentibp runs watch runs/first --json")
def watch(
    run: Annotated[
        str | None,
        typer.Argument(help="A run directory or its name in runs/. Default: the one begun last.", show_default=False),
    ] = None,
    interval: Annotated[float, typer.Option(metavar="SECONDS", min=0.05, help="Between two looks.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Follow a training that goes on elsewhere, until it ends.

    Exits as the training does: 0 finished, 4 diverged, 130 interrupted, 1 stopped by --break, failed, or killed.
    """
    from .. import runs, watch
    from . import show

    path = watch.newest() if run is None else runs.find(run)
    outcome = show.watched(watch.follow(path, interval), json)
    if code := {"finished": 0, "diverged": 4, "interrupted": 130}.get(outcome, 1):
        raise typer.Exit(code)
