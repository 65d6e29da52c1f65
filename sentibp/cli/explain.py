"""`sentibp explain`, and how an explanation is shown."""

from __future__ import annotations

import json as jsons
import os
import sys
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, Model

if TYPE_CHECKING:
    from sentibp.inspection.counterfactual import Counterfactual
    from sentibp.inspection.explain import Explanation

_BAR = 24  # characters of the longest bar
_GREEN, _RED = (194, 157, 114), (224, 217, 210)  # of the 256 colours of terminals, from faint to strong


class Format(StrEnum):
    """How an explanation is printed."""

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
    model: Model = "last",
    flip: Annotated[
        bool, typer.Option("--flip", help="Also find the fewest words without which the answer is another.")
    ] = False,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many parts the text format lists.")] = 20,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.text,
    json: Json = False,
) -> None:
    """Say what each word and n-gram contributed to the answer.

    The logit is that of an empty review, the bias, plus the parts: exactly, without hidden layers and with ReLU; with
    tanh and sigmoid by integration, whose error, the residual, is shown. (Integrated gradients from an empty review,
    the divisor of the pooling held.)
    """
    from sentibp.inspection import counterfactual
    from sentibp.inspection import explain as inspection_explain
    from sentibp.model import file
    from sentibp.runs import find

    classifier = file.load_model(find.model_file(model))
    explanation = inspection_explain.explain(classifier, text)
    flipped = counterfactual.find_counterfactual(classifier, text, explanation) if flip else None
    if json or format is Format.json:
        typer.echo(jsons.dumps(record(explanation) | ({"flip": flip_record(flipped)} if flipped else {})))
    elif format is Format.html:
        typer.echo(_page(text, explanation, flipped), nl=False)
    else:
        typer.echo("\n".join(lines(text, explanation, count, may_colour())))
        if flipped:
            typer.echo("\n" + textwrap.fill(_flip_line(explanation, flipped), 80, subsequent_indent="  "))


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


def flip_record(flip: Counterfactual) -> dict[str, Any]:
    """What --flip found, as JSON has it."""
    deletions = None if flip.deletions is None else [word._asdict() for word in flip.deletions]
    return flip._asdict() | {"deletions": deletions, "count": None if deletions is None else len(deletions)}


def lines(text: str, explanation: Explanation, count: int, colours: bool) -> Iterator[str]:
    """An explanation for people."""
    from sentibp.inspection.explain import METHODS

    score = explanation.positive if explanation.label == "positive" else 1 - explanation.positive
    yield f"{explanation.label}  {score:.4f}"
    yield _coloured(text, explanation, colours) if text.strip() else "(no words)"
    yield ""
    largest = sorted(explanation.contributions, key=lambda part: -abs(part.contribution))
    shown, others = largest[:count], largest[count:]
    table = [(_short(part.text), part.contribution) for part in shown]
    if others:
        table.append((f"{len(others):,} others", sum(part.contribution for part in others)))
    table.append(("bias", explanation.bias))
    table.append(("logit", explanation.logit))
    width = max(len(name) for name, _ in table)
    scale = max([abs(part.contribution) for part in shown] or [1.0]) or 1.0
    for i, (name, value) in enumerate(table):
        bar = ("+" if value > 0 else "-") * round(_BAR * abs(value) / scale) if i < len(shown) else ""
        said = {"bias": "the logit of an empty review", "logit": "the sum of these"} if i >= len(shown) else {}
        yield f"{name:<{width}}  {value:>+9.4f}  {bar or said.get(name, '')}".rstrip()
    unknown = list(dict.fromkeys(word.text for word in explanation.words if not word.known))
    if unknown:
        yield f"unknown: {_short(', '.join(unknown), 70)}"
    yield f"residual {explanation.residual:.1e}; {METHODS[explanation.method]}"


def _short(text: str, width: int = 30) -> str:
    text = "".join(c if c.isprintable() else "�" for c in text[: width + 1])
    return text if len(text) <= width else f"{text[: width - 1]}…"


def may_colour() -> bool:
    """Whether stdout is a terminal that may have colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _coloured(text: str, explanation: Explanation, colours: bool) -> str:
    """The text; with colours, its words on green for positive and red for negative."""

    def plain(content: str) -> str:
        return "".join(c if c.isprintable() or c == "\n" else " " for c in content)

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


def _flip_line(explanation: Explanation, flip: Counterfactual) -> str:
    other = "negative" if explanation.label == "positive" else "positive"
    if flip.deletions is None:
        return f"flip: {'no' if flip.exact else 'found no'} set of words whose deletion makes it {other}"
    n = len(flip.deletions)
    score = flip.positive if other == "positive" else 1 - (flip.positive or 0.0)
    which = ", ".join(_short(word.text) for word in flip.deletions[:20]) + (", ..." if n > 20 else "")
    how = "no fewer will do" if flip.exact else "an upper bound: fewer may do"
    return f"flip: {other} {score:.4f} without {n:,} word{'s' * (n > 1)} ({how}): {which}"


def _page(text: str, explanation: Explanation, flip: Counterfactual | None) -> str:
    """An explanation as a page."""
    from sentibp.inspection.explain import METHODS, highlighted_html
    from sentibp.inspection.pages import page

    scale = max([abs(part.contribution) for part in explanation.contributions] or [0.0]) or 1.0
    rows = "".join(
        f"<tr><td>{page.page_text(part.text)}</td><td>{part.contribution:+.4f}</td><td>{part.start}–{part.end}</td>"
        f'<td class="bar"><div class="{"positive" if part.contribution > 0 else "negative"}" '
        f'style="--share:{100 * abs(part.contribution) / scale:.0f}%"></div></td></tr>\n'
        for part in sorted(explanation.contributions, key=lambda part: -abs(part.contribution))
    )
    score = explanation.positive if explanation.label == "positive" else 1 - explanation.positive
    return page.page(
        f"{explanation.label} {score:.4f}",
        f'<p class="text">{highlighted_html(text, explanation)}</p>\n'
        f"<p>{explanation.bias:+.4f} (the logit of an empty review) and the parts below make the logit "
        f"{explanation.logit:+.4f}; probability of positive {explanation.positive:.4f}.</p>\n"
        + (f"<p>{page.page_text(_flip_line(explanation, flip))}</p>\n" if flip else "")
        + '<div class="scroll"><table>\n<tr><th>part</th><th>contribution</th><th>characters</th><th></th></tr>\n'
        f'{rows}</table></div>\n<p class="faint">residual {explanation.residual:.1e}; '
        f"{METHODS[explanation.method]}; the divisor of the pooling is held.</p>",
    )
