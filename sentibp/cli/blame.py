"""`sentibp blame`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, Model
from sentibp.cli.output import one_line, print_json

if TYPE_CHECKING:
    from sentibp.inspection.influence import Influences, ReviewInfluence


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp blame 'not worth the ticket'
  sentibp blame --word 'not bad' --count 3
  sentibp blame 'I love this movie' --json | jq '.up[0].text'"""
    )(blame)


def blame(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="A review, in quotes: who pushed the answer to it?")
    ] = None,
    word: Annotated[
        str | None, typer.Option(metavar="WORD", help="A word or an n-gram of the model: who pushed its weight?")
    ] = None,
    model: Model = "last",
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many training reviews to print, in each direction.")
    ] = 5,
    json: Json = False,
) -> None:
    """Say which training reviews pushed an answer most.

    A push is how far a review's steps in training moved the logit, by way of the words that both have, over all epochs.
    It estimates, and does not prove, what would be without the review. (After TracIn, Pruthi et al., 2020;
    sentibp/blame.py says what it leaves out.)
    """
    from sentibp.inspection import influence

    if (text is None) == (word is None):
        raise typer.BadParameter("give a review, in quotes, or --word WORD; one of the two")
    found = influence.of_text(model, text, count) if text is not None else influence.of_word(model, word or "", count)
    if json:
        sides = {name: [_record(push) for push in getattr(found, name)] for name in ("up", "down")}
        print_json(found._asdict() | sides)
        return
    _print(text if text is not None else word or "", found)


def _record(push: ReviewInfluence) -> dict[str, Any]:
    return push._asdict() | {"shared": [shared._asdict() for shared in push.shared]}


def _print(text: str, found: Influences) -> None:
    score = found.positive if found.label == "positive" else 1 - found.positive
    typer.echo(f"{found.label}  {score:.4f}  {one_line(text)}")
    typer.echo(f"logit {found.logit:+.4f}; {found.sharing:,} of {found.reviews:,} training reviews share words with it")
    for name, pushes in ("positive", found.up), ("negative", found.down):
        typer.echo(f"\nmost towards {name}" + ("" if pushes else ": none"))
        for push in pushes:
            typer.echo(f"{push.push:>+8.4f}  review {push.review:,}, {push.label}: {' | '.join(_names(push))}")
            typer.echo(f"{'':10}{one_line(push.text, 70)}")
    explained = (
        "The push of a review: how far its steps in training moved the logit, by the words that both have. It is "
        "an estimate, which leaves the layers above the embedding out."
    )
    if found.linear_start:
        explained += (
            " So it does what the training started from, the best linear classifier of all reviews, which may be most "
            "of the answer; train with model.embedding.init=naive_bayes to see that, too."
        )
    typer.echo("\n" + textwrap.fill(explained, 80))


def _names(push: ReviewInfluence) -> list[str]:
    """The features that the review and the text share, as many as fit on a line."""
    names, room = [], 42
    for shared in push.shared:
        room -= len(shared.text) + 3
        if room < 0 and names:
            return [*names, "..."]
        names.append(shared.text)
    return names
