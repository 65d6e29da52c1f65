"""`sentibp blame`: the training reviews that influenced a prediction most."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, RunModel
from sentibp.cli.output import one_line, print_json, print_text

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
        str | None, typer.Argument(metavar="[TEXT]", help="A review, in quotes: explain its prediction.")
    ] = None,
    word: Annotated[
        str | None, typer.Option(metavar="WORD", help="A word or n-gram of the model: explain its weight.")
    ] = None,
    model: RunModel = None,
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many training reviews to print in each direction.")
    ] = 5,
    json: Json = False,
) -> None:
    """Print the training reviews that influenced a prediction most.

    The influence of a review is how far its training steps moved the logit, through the words that it shares with the
    text, over all epochs. It is an estimate of what would change without the review. (After TracIn, Pruthi et al.,
    2020; sentibp/inspection/influence.py lists the simplifications.)
    """
    from sentibp.inspection import influence

    if (text is None) == (word is None):
        raise typer.BadParameter("give a review, in quotes, or --word WORD; one of the two")
    if text is not None:
        influences = influence.of_text(model, text, count)
    else:
        influences = influence.of_word(model, word or "", count)
    if json:
        sides = {name: [_to_dict(review) for review in getattr(influences, name)] for name in ("up", "down")}
        print_json(influences._asdict() | sides)
        return
    _print(text if text is not None else word or "", influences)


def _to_dict(review: ReviewInfluence) -> dict[str, Any]:
    return {
        "review": review.review,
        "label": review.label,
        "push": review.influence,
        "start": review.initial,
        "shared": [{"text": shared.text, "push": shared.influence} for shared in review.shared],
        "text": review.text,
    }


def _print(text: str, influences: Influences) -> None:
    score = influences.positive if influences.label == "positive" else 1 - influences.positive
    print_text(f"{influences.label}  {score:.4f}  {one_line(text)}")
    print_text(
        f"logit {influences.logit:+.4f}; {influences.sharing:,} of {influences.reviews:,} training reviews share words "
        "with it"
    )
    for name, reviews in ("positive", influences.up), ("negative", influences.down):
        print_text(f"\nlargest influence towards {name}" + ("" if reviews else ": none"))
        for review in reviews:
            print_text(
                f"{review.influence:>+8.4f}  review {review.review:,}, {review.label}: "
                f"{' | '.join(_shared_names(review))}"
            )
            print_text(f"{'':10}{one_line(review.text, 70)}")
    note = (
        "The influence of a review is how far its training steps moved the logit, through the words that it shares "
        "with the text. It is an estimate, and ignores the layers above the embedding."
    )
    if influences.linear_start:
        note += (
            " It also ignores the start of the training: the best linear classifier of all reviews, which may be the "
            "largest influence; to include the start, train with model.embedding.init=naive_bayes."
        )
    print_text("\n" + textwrap.fill(note, 80))


def _shared_names(review: ReviewInfluence) -> list[str]:
    """Return the features that the review shares with the text, as many as fit on a line."""
    names, room = [], 42
    for shared in review.shared:
        room -= len(shared.text) + 3
        if room < 0 and names:
            return [*names, "..."]
        names.append(shared.text)
    return names
