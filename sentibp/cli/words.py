"""`sentibp words neighbors | analogy | top`."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Json, Model
from sentibp.cli.output import print_json, table

if TYPE_CHECKING:
    from sentibp.inspection.words import TopFeatures
    from sentibp.model.classifier import Classifier
    from sentibp.model.word_vectors import VectorFile


def print_top(result: TopFeatures, json: bool) -> None:
    """The features that speak most for positive and for negative."""
    meaning = "the logit of a review that is this feature alone, less that of an empty review"
    if json:
        sides = {
            name: [{"feature": feature, "weight": weight} for feature, weight in getattr(result, name)]
            for name in ("positive", "negative")
        }
        print_json({"weight": meaning, "linear": result.linear, **sides})
        return
    table(
        ["most positive", "weight", "most negative", "weight"],
        [(*good, *bad) for good, bad in zip_longest(result.positive, result.negative, fillvalue=(None, None))],
    )
    typer.echo(f"\nweight: {meaning};")
    typer.echo(
        "a review's logit is a constant plus the pooled weights of its features"
        if result.linear
        else "the network has hidden layers, so that weights do not simply add up"
    )


commands = typer.Typer(
    help="Look at what a model has learned of its words.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Count = Annotated[int, typer.Option(metavar="N", min=1, help="How many to print.")]

MostFrequent = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Choose from the N words and n-grams that are most frequent in training."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="words")


def _read(model: str) -> Classifier | VectorFile:
    """What has vectors of words: a classifier, or what a pretraining left."""
    from sentibp.model import file, word_vectors
    from sentibp.runs import directory, find

    path = find.find_run(model)
    if path.name == directory.VECTORS or (path / directory.VECTORS).is_file():
        return word_vectors.load_vectors(find.vectors_file(model))
    return file.load_model(find.model_file(model))


@commands.command(epilog="Examples: sentibp words neighbors great; sentibp words neighbors 'not good'")
def neighbors(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A word, or an n-gram in quotes.")],
    model: Model = "last",
    count: Count = 10,
    most_frequent: MostFrequent = 5_000,
    json: Json = False,
) -> None:
    """Print the words and n-grams most like one.

    That is: those whose vectors have the largest cosine with its own, in a trained model or a pretraining.
    """
    from sentibp.inspection import words

    found = words.neighbors(_read(model), text, count, most_frequent)
    table(["feature", "cosine"], found, json)


@commands.command(epilog="Example: sentibp words analogy king man woman")
def analogy(
    a: Annotated[str, typer.Argument(help="A word, or an n-gram in quotes.")],
    b: Annotated[str, typer.Argument(help="What A is to.")],
    c: Annotated[str, typer.Argument(help="What the answer is to.")],
    model: Model = "last",
    count: Count = 10,
    most_frequent: MostFrequent = 5_000,
    json: Json = False,
) -> None:
    """Print what is to C as A is to B.

    King is to man as what is to woman? The words and n-grams whose vectors have the largest cosine with A - B + C.
    """
    from sentibp.inspection import words

    found = words.analogy(_read(model), a, b, c, count, most_frequent)
    table(["feature", "cosine"], found, json)


@commands.command(epilog="Example: sentibp words top --count 30")
def top(model: Model = "last", count: Count = 20, most_frequent: MostFrequent = 5_000, json: Json = False) -> None:
    """Print the words and n-grams with the largest weights.

    A weight is the logit of a review that consists of this feature alone, less that of an empty review. Without hidden
    layers a review's logit is a constant plus the pooled weights of its features.
    """
    from sentibp.inspection import words
    from sentibp.model import file
    from sentibp.runs import find

    print_top(words.top_features(file.load_model(find.model_file(model)), count, most_frequent), json)
