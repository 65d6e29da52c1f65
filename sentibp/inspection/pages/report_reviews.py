"""What a report shows of single reviews: the most confident mistakes, and the training steps on a few reviews."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sentibp.inspection import explain, trace
from sentibp.inspection.pages import stepper
from sentibp.inspection.pages.explanation import excerpt, marked, marked_data, without_breaks
from sentibp.inspection.pages.play_reviews import reviews_for
from sentibp.inspection.pages.play_start import first_text
from sentibp.inspection.pages.render import trusted
from sentibp.inspection.pages.report_data import Predictions, Subject
from sentibp.model import head
from sentibp.model.classifier import Classifier

_MISTAKES = 6  # of several models 3 each
_WHOLE = 600  # characters of a mistake: of a longer one the passage that contributes most
_EXCERPT = 280  # at the beginning of the page
_SHORT_REVIEW = 60  # words: the stepper prefers reviews up to this length
_EXAMPLES = 4  # reviews of the stepper, if there are no validation reviews


class Mistake(NamedTuple):
    """A review with a wrong prediction."""

    predicted: str
    score: float  # the probability of the predicted label
    right: str
    words: list[Any]  # with their contributions, for templates/report.js
    excerpt: str  # a short passage as HTML, each word coloured by its contribution

    @property
    def text(self) -> str:
        """The text without colours."""
        return "".join(piece if isinstance(piece, str) else piece[0] for piece in self.words)

    @property
    def percent(self) -> str:
        """The probability in percent, which is never rounded to certainty."""
        return percent(self.score)


def percent(score: float) -> str:
    """Return a probability in percent, which is never rounded to certainty."""
    return f"{100 * score:.1f} %" if score < 0.9995 else "more than 99.9 %"


def mistakes(subject: Subject, models: int = 1) -> list[Mistake]:
    """Return the wrong predictions with the highest probability, of one of so many models."""
    if subject.predictions is None or subject.predictions.scored is None or subject.classifier is None:
        return []
    positive, reviews = subject.predictions.positive, subject.predictions.scored.reviews
    wrong = np.flatnonzero(head.contradicts(positive, subject.predictions.label))
    worst = wrong[
        np.argsort(-head.confidence(positive[wrong]), kind="stable")[: _MISTAKES if models == 1 else _MISTAKES // 2]
    ]
    spec, answers = subject.classifier.spec, head.predicted(positive)
    found = []
    for i in worst.tolist():
        text = reviews.text[i].as_py()
        explanation = explain.explain(subject.classifier, text)
        pair = int(answers[i]), int(subject.predictions.label[i])
        predicted, right = (spec.labels[k] for k in pair)
        ends = (predicted, right) if not spec.ordered else (spec.labels[max(pair)], spec.labels[min(pair)])
        shown = explanation.shown if positive.ndim == 1 else explain.difference(explanation, spec, *ends)
        score = float(head.confidence(positive[i : i + 1])[0])
        words = marked_data(*excerpt(text, shown, _WHOLE))
        found.append(Mistake(predicted, score, right, words, trusted(marked(*excerpt(text, shown, _EXCERPT)))))
    return found


def steps(classifier: Classifier, predictions: Predictions | None) -> list[dict[str, Any]]:
    """Return the drawings of one training step on each of a few reviews, with their titles."""
    if predictions is None or predictions.scored is None:
        reviews = _own_reviews(classifier)
    else:
        reviews = example_reviews(predictions, classifier.spec.labels)
    found = []
    for kind, text, label in reviews:
        try:
            drawing = stepper.drawing(trace.trace_step(classifier, text, label))
        except trace.Diverged:
            continue
        flat = " ".join(without_breaks(text, " ").split())
        title = f"{kind}“{flat[:50]}{'…' if len(flat) > 50 else ''}” is {label}"
        found.append({"title": title, "drawing": drawing})
    return found


def _own_reviews(classifier: Classifier) -> list[tuple[str, str, str]]:
    """Return (kind, text, label) of reviews that the model knows the words of: of its training, if there are any."""
    sets = reviews_for(classifier)
    if practice := sets.practice.reviews[:_EXAMPLES]:
        return [("a training review: ", text, label) for text, label in practice]
    text, label = first_text(classifier, lambda: sets)
    return [("", text, label or classifier.spec.labels[-1])]


def example_reviews(predictions: Predictions, labels: Sequence[str] = head.LABELS) -> list[tuple[str, str, str]]:
    """Return (kind, text, label) of short reviews: a confident mistake, an uncertain one, a right one of each label.

    The kind says that a longer review is surer, if there is one.
    """
    assert predictions.scored is not None
    label, positive, scored = predictions.label, predictions.positive, predictions.scored
    short = np.flatnonzero((scored.tokens > 0) & (scored.tokens <= _SHORT_REVIEW))
    if len(short) < 20:
        short = np.argsort(scored.tokens, kind="stable")[:200]
    is_short = np.isin(np.arange(len(label)), short)
    right = ~head.contradicts(positive, label)
    confidence = head.confidence(positive)
    groups = [
        ("the surest mistake", ~right, -confidence),
        ("the least sure", np.ones(len(label), bool), confidence),
    ]
    for number in dict.fromkeys((len(labels) - 1, 0, len(labels) // 2)):  # the ends, and the middle of more than two
        groups.append((f"the surest right one of {labels[number]}", right & (label == number), -confidence))
    chosen: dict[int, str] = {}  # the number of a review -> its kind
    for kind, mask, order in groups:
        if (mask & is_short).any():
            best = min(np.flatnonzero(mask & is_short), key=lambda i: order[i])
            among = " among short reviews" if order[best] > order[mask].min() else ""
            chosen.setdefault(int(best), f"{kind}{among}, {percent(float(confidence[best]))}: ")
    return [(kind, scored.reviews.text[i].as_py(), labels[int(label[i])]) for i, kind in chosen.items()]
