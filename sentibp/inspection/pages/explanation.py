"""An explanation as HTML: the text with coloured words, and the page of `sentibp explain --format html`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sentibp.inspection.explain import Contribution, Explanation, Sum, drawn_sizes, relative_sizes
from sentibp.inspection.pages.render import probability, render, signed

_BREAK = re.compile(r"(?:\s*<br\s*/?>)+\s*", re.IGNORECASE)
_OPEN = 3  # sums of labels without an order that a page shows; the others are folded
_BLANK = re.compile(r"(?:\s|<br\s*/?>)*", re.IGNORECASE)


def without_breaks(text: str, instead: str = "\n") -> str:
    """Return a text with its HTML line breaks, which reviews from web pages contain, as line ends or spaces."""
    return _BREAK.sub(instead, text)


class Feature(NamedTuple):
    """A feature of a text, with all its occurrences."""

    name: str  # with their number, if there are several
    contribution: float  # the sum of theirs
    places: list[tuple[int, int]]  # the characters of each


def merged(contributions: Sequence[Contribution]) -> list[Feature]:
    """Return each feature once, the largest contribution first."""
    found: dict[str, list[Contribution]] = {}
    for part in contributions:
        found.setdefault(part.text, []).append(part)
    features = [
        Feature(
            text if len(parts) == 1 else f"{text} ×{len(parts)}",
            sum(part.contribution for part in parts),
            [(part.start, part.end) for part in parts],
        )
        for text, parts in found.items()
    ]
    return sorted(features, key=lambda feature: -abs(feature.contribution))


def marked(text: str, each: Sum) -> str:
    """Return the text as HTML, its words coloured by their contribution to a sum: green above 0, red below."""
    return render("marked.html", pieces=_pieces(text, each))


def marked_data(text: str, each: Sum) -> list[Any]:
    """Return what `marked` shows for templates/report.js: each word as [text, kind, share, contribution], and texts."""
    found: list[Any] = []
    for piece in _pieces(text, each):
        if not piece["kind"]:
            found += [piece["text"]] if piece["text"] else []
            continue
        share = int(piece["share"])
        kind = piece["kind"] if share or piece["kind"] == "unknown" else ""
        found.append([piece["text"], kind, share, piece["hint"]])
    return found


def excerpt(text: str, each: Sum, length: int) -> tuple[str, Sum]:
    """Return the passage of at most about `length` characters whose words contribute most, and its sum, for `marked`.

    Of a text of up to `length` characters, only spaces and line breaks before it are left out.
    """
    blank = _BLANK.match(text)
    before = 0 if blank is None else blank.end()
    if before:
        moved = [word._replace(start=word.start - before, end=word.end - before) for word in each.words]
        text, each = text[before:], each._replace(words=[word for word in moved if word.start >= 0])
    words = each.words
    if len(text) <= length or not words:
        return text[:length], each
    best, first, total, chosen = -1.0, 0, 0.0, (0, 0)
    for last, word in enumerate(words):
        total += abs(word.contribution)
        while word.end - words[first].start > length and first < last:
            total -= abs(words[first].contribution)
            first += 1
        if total > best + 1e-9:
            best, chosen = total, (first, last)
    start, end = words[chosen[0]].start, words[chosen[1]].end
    end = max(end, min(start + length, len(text)))  # with what stands between the words and at the end
    end = text.rfind(" ", start, end) if end < len(text) and " " in text[words[chosen[1]].end : end] else end
    before, after = "… " if start else "", " …" if end < len(text) else ""
    shift = start - len(before)
    kept = [
        word._replace(start=word.start - shift, end=word.end - shift)
        for word in words
        if start <= word.start and word.end <= end
    ]
    return before + text[start:end] + after, each._replace(words=kept)


def explanation_page(text: str, explanation: Explanation, model: str, flip: str | None = None) -> str:
    """Return the page of an explanation of the answer of a model, which is named.

    `flip` is the line about the words whose deletion changes the label.
    """
    score, several = explanation.score, isinstance(explanation.positive, tuple)
    return render(
        "classes.html" if several else "explanation.html",
        title=f"Why {explanation.label}, with a probability of {probability(score)}?",
        model=model,
        pieces=_pieces(text, explanation.shown),
        contributions=_contributions(explanation.sums[0]),
        logit=explanation.logit,
        bias=explanation.bias,
        positive=explanation.positive,
        accuracy=explanation.accuracy,
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
    """Return what a page about more than two labels shows besides: labels without an order by their probability."""
    sums, probability_of = list(explanation.sums), explanation.probabilities
    if explanation.against_rest:
        sums.sort(key=lambda each: (each.name != explanation.label, -probability_of[each.name]))
    return {
        "labels": distribution(explanation),
        "place": explanation.place,
        "against_rest": explanation.against_rest,
        "sums": [(each, _pieces(text, each), _contributions(each)) for each in sums],
        "open": _OPEN if explanation.against_rest else len(sums),
    }


def _contributions(each: Sum) -> list[dict[str, Any]]:
    """Return the contributions to a sum, the largest first, with the kind and the width of their bars."""
    features = merged(each.contributions)
    sizes = drawn_sizes([feature.contribution for feature in features])
    return [
        feature._asdict() | {"kind": _side(each, feature.contribution), "share": f"{100 * size:.0f}"}
        for feature, size in zip(features, sizes, strict=True)
    ]


def _pieces(text: str, each: Sum) -> list[dict[str, Any]]:
    """Return the words of the text with their colours, and what lies between them with an empty kind."""
    pieces: list[dict[str, Any]] = []
    done = 0
    for word, share in relative_sizes(each.words):
        start = max(word.start, done)
        pieces.append({"kind": "", "text": without_breaks(text[done:start])})
        done = max(done, word.end)
        side = _side(each, word.contribution)
        kind, hint = (side, signed(word.contribution)) if word.known else ("unknown", "unknown")
        pieces.append({"kind": kind, "text": text[start:done], "share": f"{70 * share:.0f}", "hint": hint})
    return [*pieces, {"kind": "", "text": without_breaks(text[done:])}]


def _side(each: Sum, contribution: float) -> str:
    """Return the kind of a contribution, which gives its colour."""
    if each.of_middle:
        return "neutral" if contribution > 0 else "opinion"
    return "positive" if contribution > 0 else "negative"
