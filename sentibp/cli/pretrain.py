"""`sentibp pretrain`."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import NO_CONFIG, Json, MissingArgument, Offline, OptionalConfigName, Out, Seed, Set
from sentibp.cli.interrupts import print_interrupted
from sentibp.cli.output import duration, even_if_unread, print_json, print_message, print_text, size
from sentibp.errors import ConfigError
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.training.pretrain_run import PretrainingOutcome


EPILOG = """\b
Examples:
  sentibp pretrain rotten_tomatoes_pretrained
  sentibp train rotten_tomatoes_pretrained --set pretrain.vectors_from=last
  sentibp words neighbors great
  sentibp pretrain --resume last"""


def pretrain(
    config: OptionalConfigName = None,
    set_: Set = None,
    out: Out = None,
    seed: Seed = None,
    offline: Offline = False,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Resume an interrupted pretraining: its run directory, or `last`, the newest run started here. "
            "CONFIG may be left out.",
        ),
    ] = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while pretraining.")] = False,
) -> None:
    """Learn and save the word or n-gram vectors of a config.

    `train` would learn the same vectors first. Use them in any number of trainings with pretrain.vectors_from, and
    look at them with `words neighbors` and `words analogy`.
    """
    from sentibp.cli.interrupts import Interrupt
    from sentibp.cli.progress import Progress
    from sentibp.cli.short_options import with_short_options
    from sentibp.config.load import load_config
    from sentibp.runs import find
    from sentibp.training import pretrain_run
    from sentibp.training import resume as training_resume

    if config is None and resume is None:
        raise MissingArgument(NO_CONFIG)
    if resume is not None and out is not None:
        raise ConfigError("--resume continues in the run's own directory; leave out --out")
    overrides = with_short_options(set_ or [], {"--seed": seed})
    path = find.find_started(resume, pretraining=True) if resume is not None else None
    resolved = load_config(config if config is not None else path / "config.yaml", overrides)  # type: ignore[operator]
    with (
        pretrain_run.pretrain(resolved, out, sys.argv)
        if path is None
        else training_resume.resume_pretraining(path, resolved)
    ) as pretraining:
        interrupt = Interrupt()  # from here on there may be a round to save
        with Progress(quiet) as progress:
            for event in pretraining:
                progress.show(event)
                if interrupt.requested:
                    break
        outcome = pretraining.finish()
    if pretraining.note is not None:
        print_message(pretraining.note)
    print_pretraining(outcome, json)
    if outcome.outcome == "interrupted":
        raise typer.Exit(130)


@even_if_unread()
def print_pretraining(result: PretrainingOutcome, json: bool) -> None:
    """Print how a pretraining ended."""
    if result.outcome == "interrupted":
        kept = (result.run / "checkpoint.safetensors").exists()
        print_interrupted("the rounds so far are kept" if kept else "no round is kept yet")
    if json:
        print_json(result._asdict())
    elif result.vectors is None or result.explained_variance is None:
        print_text(f"resume      sentibp pretrain --resume {shlex.quote(str(result.run))}")
    else:
        digest = (result.digest or "")[:12]
        explained = f"they explain {result.explained_variance:.4f} of the variance"
        print_text(f"learned     {counted(result.features, 'vector')} of {counted(result.dim, 'number')}; {explained}")
        about = f"{size(result.vectors.stat().st_size)}, sha256 {digest}..., {duration(result.seconds)}"
        print_text(f"vectors     {result.vectors} ({about})")
        print_text("next        sentibp words neighbors great")
        print_text("            sentibp train CONFIG --set pretrain.vectors_from=last")
