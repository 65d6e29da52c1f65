"""`sentibp runs list | compare | flow | watch`."""

from __future__ import annotations

from typing import Annotated

import typer

from sentibp.cli import Json, RunName

commands = typer.Typer(
    help="Look at past trainings.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="runs")


@commands.command("list", epilog="Example: sentibp runs list --json")
def list_(json: Json = False) -> None:
    """Print the runs in runs/, oldest first.

    One that was broken off or interrupted may go on with `sentibp train --resume RUN`, a pretraining
    with `sentibp pretrain --resume RUN`.
    """
    from sentibp.cli import output
    from sentibp.runs import directory

    columns = ["run", "start", "kind", "outcome", "accuracy", "log_loss", "seconds"]
    lines = [
        [
            str(path),
            facts["start"],
            "pretraining" if directory.is_pretraining(facts) else "training",
            "broken off"
            if facts["outcome"] == "running" and not directory.is_being_written(path)
            else facts["outcome"],
            scores.get("accuracy"),
            scores.get("log_loss"),
            facts.get("seconds"),
        ]
        for path, facts in directory.all_runs()
        for scores in [facts.get("scores") or {}]
    ]
    output.rows(columns, lines, json)


@commands.command(epilog="Example: sentibp runs compare runs/first last")
def compare(a: RunName, b: RunName, json: Json = False) -> None:
    """Compare two runs.

    Prints the settings in which they differ, their scores, and a paired test if they validated on the same reviews.
    """
    from sentibp.cli import output
    from sentibp.runs import compare as runs_compare
    from sentibp.runs import find

    output.comparison(runs_compare.compare_runs(find.find_run(a), find.find_run(b)), json)


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
    from sentibp.cli import output
    from sentibp.runs import directory, find, gradient_flow

    path = find.find_run(run)
    directory.require_training(path, directory.facts(path))
    chosen = gradient_flow.chosen(gradient_flow.recorded(path), str(path), seed, epoch)
    output.flow(path, chosen, directory.facts(path).get("warnings") or [], json)


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
    from sentibp.cli import output
    from sentibp.runs import find
    from sentibp.runs import watch as runs_watch

    path = runs_watch.newest() if run is None else find.find_run(run)
    outcome = output.watched(runs_watch.follow(path, interval), json)
    if code := {"finished": 0, "diverged": 4, "interrupted": 130}.get(outcome, 1):
        raise typer.Exit(code)
