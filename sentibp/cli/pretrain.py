"""`sentibp pretrain`."""

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
  sentibp pretrain rotten_tomatoes_pretrained
  sentibp train rotten_tomatoes_pretrained --set pretrain.vectors_from=last
  sentibp words neighbors great
  sentibp pretrain --resume last"""
    )(pretrain)


def pretrain(
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
            help="Go on with a pretraining that was broken off: its run directory, or `last`, the newest run begun "
            "here. CONFIG may be left out.",
        ),
    ] = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while pretraining.")] = False,
) -> None:
    """Learn the vectors that a config pretrains, and keep them.

    Those of words or n-grams that `train` would learn first. Trainings start from them with pretrain.vectors_from;
    `words neighbors` and `words analogy` look at them.
    """
    from sentibp.cli import output
    from sentibp.cli.interrupts import heeded
    from sentibp.cli.progress import Progress
    from sentibp.config.load import load_config
    from sentibp.runs import find
    from sentibp.training import pretrain_run
    from sentibp.training import resume as training_resume

    if config is None and resume is None:
        raise typer.BadParameter("Missing argument 'CONFIG'")
    if resume is not None and out is not None:
        raise ConfigError("--resume goes on in the run's own directory; leave out --out")
    overrides = [*(set_ or []), *([f"train.seed={seed}"] if seed is not None else [])]
    path = find.find_started(resume, pretraining=True) if resume is not None else None
    resolved = load_config(config if config is not None else path / "config.yaml", overrides)  # type: ignore[operator]
    with Progress(quiet) as progress:
        watch = heeded(progress.watch)  # from here on there may be a round to keep
        if path is not None:
            outcome = training_resume.resume_pretraining(path, resolved, watch)
        else:
            outcome = pretrain_run.pretrain_vectors(resolved, out, sys.argv, watch)
    output.pretrained(outcome, json)
    if outcome.outcome == "interrupted":
        raise typer.Exit(130)
