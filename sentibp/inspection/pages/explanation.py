"""An explanation as HTML: the text with coloured words, and the page of `sentibp explain --format html`."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentibp.inspection.explain import METHODS, Explanation, relative_sizes
from sentibp.inspection.pages.render import render
from sentibp.model.head import label_number, score_of


def marked(text: str, explanation: Explanation) -> str:
    """Return the text as HTML, its words on green for positive and on red for negative."""
    return render("marked.html", pieces=_pieces(text, explanation))


def explanation_page(text: str, explanation: Explanation, flip: str | None = None) -> str:
    """Return the page of an explanation. `flip` is the line about the words whose deletion changes the label."""
    largest = max([abs(each.contribution) for each in explanation.contributions] or [0.0]) or 1.0
    contributions = [
        each._asdict() | {"kind": _side(each.contribution), "share": f"{100 * abs(each.contribution) / largest:.0f}"}
        for each in sorted(explanation.contributions, key=lambda each: -abs(each.contribution))
    ]
    score = score_of(np.float64(explanation.positive), label_number(explanation.label))
    return render(
        "explanation.html",
        title=f"{explanation.label} {score:.4f}",
        pieces=_pieces(text, explanation),
        contributions=contributions,
        logit=explanation.logit,
        bias=explanation.bias,
        positive=explanation.positive,
        residual=explanation.residual,
        method=METHODS[explanation.method],
        flip=flip,
    )


def _pieces(text: str, explanation: Explanation) -> list[dict[str, Any]]:
    """Return the words of the text with their colours, and what lies between them with an empty kind."""
    pieces: list[dict[str, Any]] = []
    done = 0
    for word, share in relative_sizes(explanation):
        start = max(word.start, done)
        pieces.append({"kind": "", "text": text[done:start]})
        done = max(done, word.end)
        kind, hint = (_side(word.contribution), f"{word.contribution:+.4f}") if word.known else ("unknown", "unknown")
        pieces.append({"kind": kind, "text": text[start:done], "share": f"{70 * share:.0f}", "hint": hint})
    return [*pieces, {"kind": "", "text": text[done:]}]


def _side(contribution: float) -> str:
    return "positive" if contribution > 0 else "negative"
