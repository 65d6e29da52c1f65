"""The beginning of a report: what was trained on what, and how good it is, in a sentence and a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.inspection.pages.report_data import Subject, reviews_fingerprint
from sentibp.inspection.pages.report_scores import by_reviews, subject_config, subject_settings
from sentibp.model.spec import NetworkSpec
from sentibp.runs.saved_model import average, uses_of_validation
from sentibp.utils.messages import as_sentence

MEASURED = {
    "544f0a6b2c221df2f36405a9bd492d345c2ee782bb8b192d03da3c9d4f07d42c": (0.897, "the same 22,500 IMDB reviews"),
}
"""The accuracy of fastText at its best setting on sets of reviews, by fingerprint, and what it was trained on.

From benchmarks/RESULTS.md, "end to end, against fastText".
"""


_DEMOS = ("sample", "sample3", "sample5")
_ENDS = {"interrupted": "interrupted", "stopped": "stopped", "diverged": "stopped, because the loss diverged"}
"""What ended a training before its end, by the outcome of the run."""
_FEW = 6  # classes that the first sentence names
_MANY = 0.02  # the share of reviews from the training data that the first sentences tell


class Picture(NamedTuple):
    """The accuracies of models that are scored on the same reviews, on one scale, and what to compare them with."""

    title: str  # "" if it is the only one
    peers: list[Peer]

    @property
    def scale(self) -> dict[str, Any]:
        """The ends and the ticks of the scale."""
        return scale(self.peers)


class Peer(NamedTuple):
    """A line of the picture: an accuracy, with its 95 % interval if it is that of a model of the page."""

    name: str
    note: str
    accuracy: float
    interval: tuple[float, float] | None = None
    meaning: str = ""  # what one would do, of those that need no model

    @property
    def place(self) -> str:
        """The accuracy in percent, as a length of the style."""
        return f"{100 * self.accuracy:.2f}%"


def sentences(subject: Subject) -> list[tuple[str, str]]:
    """Return what was trained on what, and how good it is: sentences as pairs of a kind and a text."""
    best = None if subject.predictions is None else max(_baselines(subject), key=lambda peer: peer.accuracy)
    is_doubtful = best is None or subject.predictions.scores["accuracy_interval"][0] <= best.accuracy  # type: ignore[union-attr]
    found = [("what", _trained(subject, is_doubtful))]
    if subject.classifier is not None:
        found.append(("limits", _limits(subject)))
    if (network := _network(subject)) is not None:
        found.append(("network", network))
    if subject.predictions is not None:
        scores = subject.predictions.scores
        low, high = scores["accuracy_interval"]
        counted = ", counted by weight" if "effective_n" in scores else ""
        found.append(("how", f"{_percent(scores['accuracy'])} of {_reviews(scores['n'], subject.scored_on)}{counted}"))
        found.append(("interval", f"{100 * low:.1f} to {_percent(high)}"))
        if best is not None and is_doubtful:
            found.append(("doubt", f"That is not clearly better than {best.meaning} ({_percent(best.accuracy)})."))
        if (seen := scores.get("in_training") or 0) > _MANY * scores["n"]:
            found.append(("seen", f"{seen:,} of them are in its training data, so expect lower scores on new ones."))
        if subject.facts.get("scored_on") == "validation" and subject.scored_on == "validation reviews":
            known = [each for each in subject.facts.get("caveats") or [] if each and not _is_noted(subject, each)]
            found += [("caveats", " ".join(map(as_sentence, known)))] if known else []
    elif subject.facts.get("scored_on") == "training" and (scores := subject.facts.get("scores")):
        found.append(
            ("learned", f"{_percent(scores['accuracy'])} of the {scores['n']:,} reviews that it was trained on")
        )
    return found


def _limits(subject: Subject) -> str:
    """Return what the scores do not promise: what the reviews were used for, and what others may be like."""
    config, facts = subject_config(subject), subject.facts
    said, seeds = [], 1 if config is None else config.train.seeds
    if config is not None and config.data.source in _DEMOS:
        said.append("This is a demo: its reviews are short ones that come with sentibp.")
    if spread := (facts.get("seeds") or {}).get("accuracy"):
        low, high = (f"{100 * spread[end]:.1f}" for end in ("min", "max"))
        accuracies = f"{low} %" if low == high else f"{low} to {high} %"
        best = f"It is the best of {seeds} networks that began with other random weights"
        said.append(f"{best}; each is right on {accuracies}.")
    was_chosen = facts.get("scored_on") == "validation" and subject.scored_on == "validation reviews"
    used = "" if config is None else uses_of_validation(config)
    if used and subject.predictions is not None and was_chosen:
        said.append(f"The validation reviews also {used}, so expect slightly less on new ones.")
    said.append("On texts of another kind than it was trained on, it is wrong more often, but just as confident.")
    return " ".join(said)


def more_notes(subject: Subject) -> list[str]:
    """Return the notes on the scores that the first sentences do not have."""
    is_said = "seen" in dict(sentences(subject))
    return [note for note in subject.notes if not (is_said and re.search("are in (its|the) training data", note))]


def _is_noted(subject: Subject, caveat: str) -> bool:
    """Return whether a note of the page says what a caveat of the training does: it names the same reviews."""
    assert subject.predictions is not None
    return bool(subject.predictions.scores.get("in_training")) and "also occur in the training data" in caveat


def _reviews(n: int, kind: str) -> str:
    return f"{n:,} {kind}" if n != 1 else f"1 {kind.replace('reviews', 'review', 1)}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _trained(subject: Subject, is_doubtful: bool) -> str:
    told = _told(subject, is_doubtful)
    reviews = (((subject.facts.get("data") or {}).get("training")) or {}).get("reviews")
    source = subject_settings(subject).get("data.source")
    named = "" if not isinstance(source, str) else Path(source).name or source
    learned = " ".join(
        filter(
            None,
            [
                "It was trained on",
                f"{reviews:,} reviews" if reviews else "",
                f"of {named}" if named and reviews else named,
            ],
        )
    )
    seconds = subject.facts.get("seconds")
    took = f" in {seconds:,.1f} seconds" if isinstance(seconds, int | float) else ""
    ended = _ENDS.get(subject.facts.get("outcome", ""))
    until = f", until it was {ended}" if ended else ""
    return f"{told}. {learned}{took}{until}." if reviews or named else f"{told}."


def _told(subject: Subject, is_doubtful: bool) -> str:
    """Return what the model does with reviews, or should do if nobody knows that it does."""
    if subject.classifier is None:
        return "left no model"
    labels, k = subject.classifier.spec.labels, len(subject.classifier.spec.labels)
    if k == 2:
        return f"{'should tell' if is_doubtful else 'tells'} {labels[0]} and {labels[1]} reviews apart"
    sorts = "should sort" if is_doubtful else "sorts"
    if subject.classifier.spec.ordered:
        return f"{sorts} reviews into {k} classes, from {labels[0]} to {labels[-1]}"
    return f"{sorts} reviews into {k} classes" + (f": {', '.join(labels[:-1])} and {labels[-1]}" if k <= _FEW else "")


def _network(subject: Subject) -> str | None:
    if subject.classifier is None:
        return None
    spec, n = subject.classifier.spec, subject.classifier.parameter_count
    config = subject_config(subject)
    averaged = "" if config is None else average(config, subject.facts.get("kept"))
    begin = f"The model is {averaged}, as one network. It" if averaged else "The network"
    known = len(subject.classifier.vocabulary)
    words = f"{known:,} words and n-grams, each" if known != 1 else "one word or n-gram,"
    return f"{begin} knows {words} as {spec.dim} numbers, and has {hidden_layers(spec)}: {n:,} parameters."


def hidden_layers(spec: NetworkSpec) -> str:
    """Return the hidden layers in words: 8 hidden layers of 16 units each."""
    layers = {0: "no hidden layer", 1: "one hidden layer"}.get(len(spec.hidden), f"{len(spec.hidden)} hidden layers")
    sizes = list(map(str, spec.hidden))
    if len(sizes) > 1 and len(set(sizes)) == 1:
        return f"{layers} of {sizes[0]} units each"
    if not sizes:
        return layers
    return f"{layers} of {' and '.join(filter(None, [', '.join(sizes[:-1]), sizes[-1]]))} unit{'s' * (sizes != ['1'])}"


def _baselines(subject: Subject) -> list[Peer]:
    """Return what needs no model: guessing, and always answering the most frequent label."""
    predictions = subject.predictions
    assert predictions is not None
    counts = np.bincount(predictions.label, predictions.weight)
    k = predictions.positive.shape[1] if predictions.positive.ndim == 2 else 2
    most = int(counts.argmax())
    names = None if subject.classifier is None else subject.classifier.spec.labels
    named = f"“{names[most]}”" if names is not None else "the most frequent label"
    share = float(counts[most] / counts.sum())
    return [
        Peer("Guessing", "all labels equally often", 1 / k, meaning="guessing"),
        Peer("The majority", f"always {named}", share, meaning=f"always answering {named}"),
    ]


def pictures(subjects: Sequence[Subject]) -> list[Picture]:
    """Return a picture for each set of reviews that models of the page are scored on."""
    groups = by_reviews(subjects)
    return [Picture(_reviews_of(group) if len(groups) > 1 else "", peers(group)) for group in groups]


def _reviews_of(group: Sequence[Subject]) -> str:
    """Return who is scored on which reviews."""
    first = group[0]
    assert first.predictions is not None
    source = subject_settings(first).get("data.source")
    named = f" of {Path(source).name or source}" if isinstance(source, str) and " of " not in first.scored_on else ""
    return f"On {_reviews(first.predictions.scores['n'], first.scored_on)}{named}"


def peers(scored: Sequence[Subject]) -> list[Peer]:
    """Return models that are scored on the same reviews, and what is known to compare them with.

    The least accurate is first.
    """
    found = _baselines(scored[0])
    fingerprint = reviews_fingerprint(scored[0])
    if fingerprint in MEASURED:
        accuracy, trained_on = MEASURED[fingerprint]
        found.append(Peer("fastText", f"at its best setting, trained on {trained_on}", accuracy))
    for each in scored:
        assert each.predictions is not None
        scores = each.predictions.scores
        found.append(Peer(each.name, "with its 95 % interval", scores["accuracy"], tuple(scores["accuracy_interval"])))
    return sorted(found, key=lambda peer: peer.accuracy)


def scale(found: Sequence[Peer]) -> dict[str, Any]:
    """Return the ends and the ticks of the scale of accuracy, in percent, that has room for all."""
    lowest = min(min(peer.accuracy, *(peer.interval or (1.0,))) for peer in found)
    low = min(int(lowest * 10) * 10, 90)
    step = 10 if low >= 50 else 20
    return {"low": low, "ticks": [tick for tick in range(low, 101) if tick % step == 0]}
