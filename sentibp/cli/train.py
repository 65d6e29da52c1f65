"""`sentibp train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sentibp.cli import Json, Offline, Set
from sentibp.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp train quickstart
  sentibp train imdb --set model.hidden=[32,16] --set train.optimizer.learning_rate=0.05
  sentibp train imdb --find-lr
  sentibp train mine.yaml --break "grad_norm > 100"
  sentibp train mine.yaml --out runs/first --json | jq .scores.accuracy
  sentibp train --resume last"""
    )(train)


def train(
    config: Annotated[
        str | None,
        typer.Argument(metavar="CONFIG", help="A YAML file, or the name of a shipped config.", show_default=False),
    ] = None,
    set_: Set = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run directory. Default: a new one in runs/.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="The same as --set train.seed=N.")] = None,
    offline: Offline = False,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Go on with a training that was broken off: its run directory, or `last`, the newest begun here. "
            "CONFIG may be left out. Of the settings, epochs may be raised, and patience and checkpoint changed.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what the training would cost, from its first steps.")
    ] = False,
    find_lr: Annotated[
        bool,
        typer.Option(
            "--find-lr",
            help="Only try learning rates, from tiny to too large, and suggest one.",
        ),
    ] = False,
    break_: Annotated[
        str | None,
        typer.Option(
            "--break",
            metavar="CONDITION",
            help='Stop at the first step of which this holds, as "grad_norm > 100", with exit code 1, and keep what '
            "it takes to look closer. Of loss, grad_norm, update_norm, lr, step, epoch.",
        ),
    ] = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while training.")] = False,
) -> None:
    """Train a classifier as a config says.

    Its best epoch is kept in a run directory, and is what eval and predict use next.
    """
    from sentibp.cli import output
    from sentibp.cli.interrupts import heeded
    from sentibp.cli.progress import Progress
    from sentibp.config.load import load_config
    from sentibp.runs import find
    from sentibp.training import break_condition, experiment
    from sentibp.training import dry_run as training_dry_run
    from sentibp.training import resume as training_resume
    from sentibp.training.failed_step import Stopped

    if config is None and resume is None:
        raise typer.BadParameter("Missing argument 'CONFIG'")
    if resume is not None and (out is not None or dry_run or find_lr):
        raise ConfigError("--resume goes on in the run's own directory; leave out --out, --dry-run and --find-lr")
    if (dry_run or find_lr) + (break_ is not None) + (dry_run and find_lr) > 1:
        raise ConfigError("--dry-run, --find-lr and --break are three ways to train; choose one of them")
    stop = None if break_ is None else break_condition.parse_condition(break_)
    overrides = [*(set_ or []), *([f"train.seed={seed}"] if seed is not None else [])]
    path = find.find_started(resume) if resume is not None else None
    resolved = load_config(config if config is not None else path / "config.yaml", overrides)  # type: ignore[operator]
    if dry_run:
        with Progress(quiet) as progress:
            rehearsal = training_dry_run.rehearse(resolved, heeded(progress.watch))
        output.rehearsal(rehearsal, json)
        return
    if find_lr:
        from sentibp.training import lr_finder

        with Progress(quiet) as progress:
            test = lr_finder.run(resolved, heeded(progress.watch))
        output.rate_test(test, json)
        return
    try:
        with Progress(quiet) as progress:
            watch = heeded(progress.watch)  # from here on there may be a model to save
            if path is not None:
                outcome = training_resume.resume(path, resolved, watch, stop)
            else:
                outcome = experiment.train_model(resolved, out, sys.argv, watch, stop)
    except Stopped as error:
        if json and error.facts is not None:
            output.as_json(error.facts)
        raise
    output.outcome(outcome, json)
    if outcome.outcome == "interrupted":
        raise typer.Exit(130)
