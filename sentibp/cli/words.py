"""`sentibp words neighbors | analogy | top`."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Json, Model, command_group
from sentibp.cli.output import distinct_names, print_json, print_text, table

if TYPE_CHECKING:
    from sentibp.inspection.words import ClassFeatures, TopFeatures
    from sentibp.model.classifier import Classifier
    from sentibp.model.word_vectors import VectorFile

_LABELS = 3  # side by side


def print_top(result: TopFeatures, json: bool) -> None:
    """Print the features with the largest weights for positive and for negative."""
    meaning = "the logit of a review with only this feature, minus that of an empty review"
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
    print_text(f"\nweight: {meaning}")
    print_text(
        "The logit of a review is a constant plus the pooled weights of its features."
        if result.linear
        else "The network has hidden layers, so the weights do not add up to the logit."
    )


def print_class_top(result: ClassFeatures, json: bool) -> None:
    """Print the features with the largest weights for each sum of a model with more than two labels."""
    sums = "each sum of `explain`"
    meaning = f"{sums} for a review with only this feature, minus that for an empty review"
    if json:
        weights = {
            name: {
                side: [{"feature": text, "weight": weight} for text, weight in found] for side, found in sides.items()
            }
            for name, sides in result.sums.items()
        }
        print_json({"weight": meaning, "linear": result.linear, "sums": weights})
        return
    if not result.against_rest:
        groups = [
            (f"{name}\n", [(f"for {'the ' * (i > 0)}{side}", found) for side, found in sides.items()])
            for i, (name, sides) in enumerate(result.sums.items())
        ]
    else:
        shown = distinct_names(result.sums, 20)
        columns = [(f"for {shown[name]}", sides["for"]) for name, sides in result.sums.items()]
        groups = [("", columns[start : start + _LABELS]) for start in range(0, len(columns), _LABELS)]
    for i, (title, columns) in enumerate(groups):
        print_text("\n" * (i > 0) + title, end="")
        names = [cell for side, _ in columns for cell in (side, "weight")]
        rows = zip_longest(*(found for _, found in columns), fillvalue=(None, None))
        table(names, [tuple(cell for pair in row for cell in pair) for row in rows])
    print_text(f"\nweight: {meaning}")
    print_text(
        "Each sum of a review is a constant plus the pooled weights of its features."
        if result.linear
        else "The network has hidden layers, so the weights do not add up to the sums."
    )


commands = command_group("Print neighbours, analogies and weights of words.")

Count = Annotated[int, typer.Option(metavar="N", min=1, help="How many to print.")]

MostFrequent = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Choose from the N words and n-grams that are most frequent in training."),
]


def _load(model: str | None) -> Classifier | VectorFile:
    """Load a classifier, or the vectors of a pretraining."""
    from sentibp.model import file, word_vectors
    from sentibp.runs import directory, find

    path = find.find_run(model, builtin=True)
    if path.name == directory.VECTORS or (path / directory.VECTORS).is_file():
        return word_vectors.load_vectors(find.vectors_file(path))
    return file.load_model(path)


@commands.command(epilog="Examples: sentibp words neighbors great; sentibp words neighbors 'not good'")
def neighbors(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A word, or an n-gram in quotes.")],
    model: Model = None,
    count: Count = 10,
    most_frequent: MostFrequent = 5_000,
    json: Json = False,
) -> None:
    """Print the words and n-grams most similar to one.

    The similarity is the cosine of their vectors, in a trained model or a pretraining.
    """
    from sentibp.inspection import words

    ranking = words.neighbors(_load(model), text, count, most_frequent)
    table(["feature", "cosine"], ranking, json)


@commands.command(epilog="Example: sentibp words analogy king man woman")
def analogy(
    a: Annotated[str, typer.Argument(help="A word, or an n-gram in quotes.")],
    b: Annotated[str, typer.Argument(help="A is to this word ...")],
    c: Annotated[str, typer.Argument(help="... as the answer is to this word.")],
    model: Model = None,
    count: Count = 10,
    most_frequent: MostFrequent = 5_000,
    json: Json = False,
) -> None:
    """Complete an analogy: what is to C as A is to B.

    For example: king is to man as what is to woman? The answer is the words and n-grams whose vectors have the largest
    cosine with A - B + C.
    """
    from sentibp.inspection import words

    ranking = words.analogy(_load(model), a, b, c, count, most_frequent)
    table(["feature", "cosine"], ranking, json)


@commands.command(epilog="Example: sentibp words top --count 30")
def top(model: Model = None, count: Count = 20, most_frequent: MostFrequent = 5_000, json: Json = False) -> None:
    """Print the words and n-grams with the largest weights.

    The weight of a feature is the logit of a review with only this feature, minus the logit of an empty review. Without
    hidden layers the logit of a review is a constant plus the pooled weights of its features.

    With more than two labels in order, there are weights for polarity and for neutrality; with labels without an order,
    for each label against the rest.
    """
    from sentibp.inspection import words
    from sentibp.model import file
    from sentibp.runs import find

    classifier = file.load_model(find.model_file(model))
    if classifier.spec.label_set.are_binary:
        print_top(words.top_features(classifier, count, most_frequent), json)
    else:
        print_class_top(words.top_class_features(classifier, count, most_frequent), json)
