"""`sentibp eval`."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from . import Json, Model


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "eval",
        epilog="""\b
Examples:
  sentibp eval
  sentibp eval --data imdb --split test
  sentibp eval --data mine.csv --label-column stars --json
  sentibp eval --data mine.csv --fail-under accuracy=0.9 --fail-under log_loss=0.3""",
    )(evaluate)


def evaluate(
    model: Model = "last",
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A built-in name, a hub id, a file or a folder. Default: the model's own validation data.",
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="S", help="The split of named data. Default: test.")] = None,
    text_column: Annotated[str | None, typer.Option(metavar="C", help="Default: as in training.")] = None,
    label_column: Annotated[str | None, typer.Option(metavar="C", help="Default: as in training.")] = None,
    json: Json = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit with 1 if the score is worse than this. May be repeated."),
    ] = None,
) -> None:
    """Score a model on labelled reviews."""
    from .. import experiment, runs
    from .. import model as models
    from . import show

    bounds = _bounds(fail_under or [])
    classifier = models.load(runs.model_file(model))
    evaluation = experiment.evaluate_on(classifier, data, split, text_column, label_column)
    show.evaluation(evaluation, json)
    missed = [line for metric, bound in bounds if (line := _missed(evaluation.scores, metric, bound))]
    for line in missed:
        show.talk(line)
    if missed:
        raise typer.Exit(1)


def _bounds(checks: list[str]) -> list[tuple[str, float]]:
    from ..errors import ConfigError
    from ..metrics import BETTER

    bounds = []
    for check in checks:
        metric, _, value = check.partition("=")
        try:
            bounds.append((metric, float(value)))
        except ValueError:
            raise ConfigError(f"--fail-under {check}: not METRIC=VALUE; write --fail-under accuracy=0.9, say") from None
        if metric not in BETTER or math.isnan(bounds[-1][1]):
            raise ConfigError(f"--fail-under {check}: METRIC is one of {', '.join(BETTER)}, and VALUE a number")
    return bounds


def _missed(scores: dict[str, Any], metric: str, bound: float) -> str | None:
    """What to say of a score that is worse than its bound."""
    from ..metrics import BETTER

    value, higher = scores[metric], BETTER[metric] == "higher"
    if value is None:
        return f"--fail-under {metric}={bound:g}: not met: it is undefined on reviews of one class"
    if value < bound if higher else value > bound:
        return (
            f"--fail-under {metric}={bound:g}: not met: it is {value:.6g}, which is {'lower' if higher else 'higher'}"
        )
    return None
