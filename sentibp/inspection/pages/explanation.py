"""An explanation as HTML: the text with coloured words, and the page of `sentibp explain --format html`."""

from __future__ import annotations

from typing import Any

from sentibp.inspection.explain import METHODS, Explanation, Sum, relative_sizes
from sentibp.inspection.pages.render import render


def marked(text: str, each: Sum) -> str:
    """Return the text as HTML, its words coloured by their contribution to a sum: green above 0, red below."""
    return render("marked.html", pieces=_pieces(text, each))


def explanation_page(text: str, explanation: Explanation, flip: str | None = None) -> str:
    """Return the page of an explanation. `flip` is the line about the words whose deletion changes the label."""
    score, several = explanation.score, isinstance(explanation.positive, tuple)
    return render(
        "classes.html" if several else "explanation.html",
        title=f"{explanation.label} {score:.4f}",
        pieces=_pieces(text, explanation.shown),
        contributions=_contributions(explanation.sums[0]),
        logit=explanation.logit,
        bias=explanation.bias,
        positive=explanation.positive,
        residual=max((each.residual for each in explanation.sums), key=abs),
        method=METHODS[explanation.method],
        flip=flip,
        **(_of_classes(text, explanation) if several else {}),
    )


def distribution(explanation: Explanation) -> list[dict[str, Any]]:
    """Return the probability of each label, with the width of its bar in percent."""
    return [
        {"name": name, "probability": value, "share": f"{100 * value:.0f}", "is_predicted": name == explanation.label}
        for name, value in explanation.probabilities.items()
    ]


def _of_classes(text: str, explanation: Explanation) -> dict[str, Any]:
    """Return what a page about more than two labels shows besides."""
    return {
        "labels": distribution(explanation),
        "place": explanation.place,
        "against_rest": explanation.sums[0].name in explanation.classes.names,
        "sums": [(each, _pieces(text, each), _contributions(each)) for each in explanation.sums],
    }


def _contributions(each: Sum) -> list[dict[str, Any]]:
    """Return the contributions to a sum, the largest first, with the kind and the width of their bars."""
    largest = max([abs(part.contribution) for part in each.contributions] or [0.0]) or 1.0
    return [
        part._asdict()
        | {"kind": _side(each, part.contribution), "share": f"{100 * abs(part.contribution) / largest:.0f}"}
        for part in sorted(each.contributions, key=lambda part: -abs(part.contribution))
    ]


def _pieces(text: str, each: Sum) -> list[dict[str, Any]]:
    """Return the words of the text with their colours, and what lies between them with an empty kind."""
    pieces: list[dict[str, Any]] = []
    done = 0
    for word, share in relative_sizes(each.words):
        start = max(word.start, done)
        pieces.append({"kind": "", "text": text[done:start]})
        done = max(done, word.end)
        side = _side(each, word.contribution)
        kind, hint = (side, f"{word.contribution:+.4f}") if word.known else ("unknown", "unknown")
        pieces.append({"kind": kind, "text": text[start:done], "share": f"{70 * share:.0f}", "hint": hint})
    return [*pieces, {"kind": "", "text": text[done:]}]


def _side(each: Sum, contribution: float) -> str:
    """Return the kind of a contribution, which gives its colour."""
    if each.name == "neutrality":
        return "neutral" if contribution > 0 else "opinion"
    return "positive" if contribution > 0 else "negative"
