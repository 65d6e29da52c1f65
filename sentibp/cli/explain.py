"""`sentibp explain`, and the text, JSON and HTML of an explanation."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, Model
from sentibp.cli.output import print_content, print_json, print_text, printable

if TYPE_CHECKING:
    from sentibp.inspection.counterfactual import Counterfactual
    from sentibp.inspection.explain import Explanation

_BAR = 24  # the length of the longest bar in characters
_GREEN, _RED = (194, 157, 114), (224, 217, 210)  # terminal colours (of 256), from pale to strong


class Format(StrEnum):
    """The output formats."""

    text = "text"
    json = "json"
    html = "html"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp explain 'I love this movie'
  sentibp explain 'not worth the ticket' --flip --json | jq .flip
  sentibp explain 'I love this movie' --format html > explained.html"""
    )(explain)


def explain(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A review, in quotes.")],
    model: Model = None,
    flip: Annotated[
        bool, typer.Option("--flip", help="Also find the fewest words whose deletion changes the predicted label.")
    ] = False,
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many words and n-grams the text format lists.")
    ] = 20,
    format: Annotated[Format, typer.Option(help="The output format.")] = Format.text,
    json: Json = False,
) -> None:
    """Explain a prediction: the contribution of each word and n-gram.

    The logit is the bias, which is the logit of an empty review, plus the contributions. The sum is exact without
    hidden layers and with ReLU. With tanh and sigmoid it is integrated numerically, and the residual is the error.
    (Integrated gradients from an empty review, with a constant divisor in the pooling.)
    """
    from sentibp.inspection import counterfactual
    from sentibp.inspection import explain as inspection_explain
    from sentibp.model import file
    from sentibp.runs import find

    classifier = file.load_model(find.model_file(model))
    explanation = inspection_explain.explain(classifier, text)
    change = counterfactual.find_counterfactual(classifier, text, explanation) if flip else None
    if json or format is Format.json:
        print_json(record(explanation) | ({"flip": _flip_dict(change)} if change else {}))
    elif format is Format.html:
        from sentibp.inspection.pages.explanation import explanation_page

        flip_line = _flip_line(explanation, change) if change else None
        print_content(f"{explanation_page(text, explanation, flip_line)}\n")
    else:
        colours = may_colour()
        print_text("\n".join(lines(text, explanation, count, colours)), styled=colours)
        if change:
            print_text("\n" + textwrap.fill(_flip_line(explanation, change), 80, subsequent_indent="  "))


def record(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as a dict for JSON."""
    return {
        "label": explanation.label,
        "positive": explanation.positive,
        "logit": explanation.logit,
        "bias": explanation.bias,
        "parts": [each._asdict() for each in explanation.contributions],
        "residual": explanation.residual,
        "method": explanation.method,
        "words": [word._asdict() for word in explanation.words],
    }


def _flip_dict(change: Counterfactual) -> dict[str, Any]:
    deletions = None if change.deletions is None else [word._asdict() for word in change.deletions]
    return change._asdict() | {"deletions": deletions, "count": None if deletions is None else len(deletions)}


def lines(text: str, explanation: Explanation, count: int, colours: bool) -> Iterator[str]:
    """Yield the lines of an explanation as text, with the `count` largest contributions."""
    from sentibp.inspection.explain import METHODS

    yield f"{explanation.label}  {_score(explanation):.4f}"
    yield _coloured(text, explanation, colours) if text.strip() else "(no words)"
    yield ""
    largest = sorted(explanation.contributions, key=lambda each: -abs(each.contribution))
    shown, others = largest[:count], largest[count:]
    table = [(_short(each.text), each.contribution) for each in shown]
    if others:
        table.append((f"{len(others):,} others", sum(each.contribution for each in others)))
    table += [("bias", explanation.bias), ("logit", explanation.logit)]
    width = max(len(name) for name, _ in table)
    scale = max([abs(each.contribution) for each in shown] or [1.0]) or 1.0
    meanings = {"bias": "the logit of an empty review", "logit": "the sum"}
    for i, (name, value) in enumerate(table):
        is_feature = i < len(shown)
        bar = ("+" if value > 0 else "-") * round(_BAR * abs(value) / scale) if is_feature else meanings.get(name, "")
        yield f"{name:<{width}}  {value:>+9.4f}  {bar}".rstrip()
    unknown = list(dict.fromkeys(word.text for word in explanation.words if not word.known))
    if unknown:
        yield f"unknown: {_short(', '.join(unknown), 70)}"
    yield f"residual {explanation.residual:.1e}; {METHODS[explanation.method]}"


def _score(explanation: Explanation) -> float:
    """Return the probability of the predicted label."""
    return explanation.positive if explanation.label == "positive" else 1 - explanation.positive


def _short(text: str, width: int = 30) -> str:
    text = printable(text[: width + 1], "�")
    return text if len(text) <= width else f"{text[: width - 1]}…"


def may_colour() -> bool:
    """Return whether stdout is a terminal, and NO_COLOR is not set."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _coloured(text: str, explanation: Explanation, colours: bool) -> str:
    """Return the text, with the words on green for positive and red for negative if `colours`."""

    def plain(content: str) -> str:
        return "\n".join(map(printable, content.split("\n")))

    from sentibp.inspection.explain import relative_sizes

    if not colours:
        return plain(text)
    result, done = "", 0
    for word, share in relative_sizes(explanation):
        start = max(word.start, done)
        result += plain(text[done:start])
        done = max(done, word.end)
        if share < 0.05:
            result += plain(text[start:done])
        else:
            colour = (_GREEN if word.contribution > 0 else _RED)[min(int(3 * share), 2)]
            result += f"\x1b[38;5;16;48;5;{colour}m{plain(text[start:done])}\x1b[0m"
    return result + plain(text[done:])


def _flip_line(explanation: Explanation, change: Counterfactual) -> str:
    other = "negative" if explanation.label == "positive" else "positive"
    if change.deletions is None:
        return f"flip: {'no' if change.exact else 'found no'} set of words whose deletion makes it {other}"
    n = len(change.deletions)
    score = change.positive if other == "positive" else 1 - (change.positive or 0.0)
    words = ", ".join(_short(word.text) for word in change.deletions[:20]) + (", ..." if n > 20 else "")
    bound = "the fewest" if change.exact else "an upper bound; fewer may be enough"
    return f"flip: {other} {score:.4f} without {n:,} word{'s' * (n > 1)} ({bound}): {words}"
