"""`sentibp blame`: the training reviews that influenced a prediction most."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, RunModel
from sentibp.cli.output import one_line, print_json, print_text
from sentibp.cli.text_arguments import require_texts
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.inspection.influence import Influences, ReviewInfluence


EPILOG = """\b
Examples:
  sentibp blame 'not worth the ticket'
  sentibp blame --word 'not bad' --count 3
  sentibp blame 'I love this movie' --json | jq '.up[0].text'"""


def blame(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="A review, in quotes: explain its prediction.")
    ] = None,
    word: Annotated[
        str | None, typer.Option(metavar="WORD", help="A word or n-gram of the model: explain its weight.")
    ] = None,
    model: RunModel = None,
    towards: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="With more than two labels, explain the log-odds of this one. Default: the predicted one.",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many training reviews to print in each direction.")
    ] = 5,
    json: Json = False,
) -> None:
    """Print the training reviews that influenced a prediction most.

    The influence of a review is how far its training steps moved the logit, through the words that it shares with the
    text, over all epochs. It is an estimate of what would change without the review. (After TracIn, Pruthi et al.,
    2020; sentibp/inspection/influence.py lists the simplifications.) With more than two labels, it is the logit of one
    label against the rest.
    """
    from sentibp.inspection import influence

    if (text is None) == (word is None):
        raise typer.BadParameter("give a review, in quotes, or --word WORD; one of the two")
    if text is not None:
        require_texts([text])
        influences = influence.of_text(model, text, count, towards)
    else:
        influences = influence.of_word(model, word or "", count, towards)
    if json:
        sides = {name: [_to_dict(review) for review in getattr(influences, name)] for name in ("up", "down")}
        print_json(_with_names(influences) | sides)
        return
    _print(text if text is not None else word or "", influences)


def _with_names(influences: Influences) -> dict[str, Any]:
    """Return the fields for JSON, with names that fit two labels or more."""
    values = influences._asdict()
    if influences.towards is None:
        return {key: value for key, value in values.items() if key != "towards"}
    return {("score" if key == "positive" else key): value for key, value in values.items()}


def _to_dict(review: ReviewInfluence) -> dict[str, Any]:
    return {
        "place": review.place,
        "review": review.review,
        "label": review.label,
        "push": review.influence,
        "start": review.initial,
        "shared": [{"text": shared.text, "push": shared.influence} for shared in review.shared],
        "text": review.text,
    }


def _print(text: str, influences: Influences) -> None:
    from sentibp.inspection.pages.render import signed
    from sentibp.model.head import answer

    towards, score = influences.towards, influences.positive
    if towards is None:
        score = answer(influences.positive).score
    print_text(f"{towards or influences.label}  {score:.4f}  {one_line(text)}")
    if towards not in (None, influences.label):
        print_text(f"(predicted {influences.label})")
    logit = "logit" if towards is None else f"logit of {towards} against the rest"
    of = f"{influences.sharing:,} of {counted(influences.reviews, 'training review')}"
    shared = f"{of} {'shares' if influences.sharing == 1 else 'share'} words with it"
    line = f"{logit} {signed(influences.logit)}; {shared}"
    print_text(line if towards is None else textwrap.fill(line, 80))
    ups, downs = (
        ("towards positive", "towards negative") if towards is None else (f"towards {towards}", f"against {towards}")
    )
    for direction, reviews in (ups, influences.up), (downs, influences.down):
        print_text(f"\nlargest influence {direction}" + ("" if reviews else ": none"))
        for review in reviews:
            print_text(
                f"{signed(review.influence):>8}  {review.place}, {review.label}: {' | '.join(_shared_names(review))}"
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
