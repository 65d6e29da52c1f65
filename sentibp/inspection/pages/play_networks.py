"""The networks that the page of `play` offers, and the presets: a text, its label, and the network that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from sentibp.inspection.pages.overview import hidden_layers
from sentibp.inspection.pages.play import Session
from sentibp.inspection.pages.play_reviews import Reviews, ReviewSets
from sentibp.inspection.pages.play_start import TEXT, knows
from sentibp.inspection.worked_example import (
    ARTICLE_HELD_OUT,
    ARTICLE_REVIEWS,
    XOR_REVIEWS,
    article_classifier,
    xor_classifier,
)
from sentibp.model.classifier import Classifier

_ABOUT = {
    "article": "Two numbers for each of five words, their mean, two sigmoid units, and a sigmoid. Nobody trained it: "
    'its weights were chosen so that it gives "I love this movie" 0.3 at the beginning. It learns with the squared '
    "error.",
    "xor": "Two numbers for each of the words good, bad and not, their sum, four tanh units, and a sigmoid. It "
    "begins with random weights, as one that has learned nothing. Press Run, and it learns all four reviews.",
}


class Preset(NamedTuple):
    """A text to begin with, and its right label. A text of None is the network's own (`Session.beginning`)."""

    title: str
    network: str
    text: str | None
    label: str | None


class Network:
    """A network of the page. Its session starts when it is first used."""

    def __init__(self, title: str, about: str, start: Callable[[], Session], rounds: int = 5):
        self.title, self.about, self.rounds = title, about, rounds  # rounds: of Run, to begin with
        self._start = start

    @cached_property
    def session(self) -> Session:
        """The session of this network."""
        return self._start()


class Networks:
    """The networks by their keys, the first one first, and the presets."""

    def __init__(self, networks: Mapping[str, Network], presets: list[Preset]):
        self.networks, self.presets = networks, presets

    @classmethod
    def single(cls, session: Session) -> Networks:
        """Return the networks of a page with one session."""
        return cls({"model": Network(session.name, session.about, lambda: session)}, [])

    @property
    def first(self) -> str:
        """The key of the network that the page shows first."""
        return next(iter(self.networks))

    def to_dict(self) -> dict[str, Any]:
        """Return the networks and presets for the page."""
        return {
            "networks": [
                {"key": key, "title": network.title, "about": network.about, "rounds": network.rounds}
                for key, network in self.networks.items()
            ],
            "presets": [preset._asdict() for preset in self.presets],
        }


def networks_with(
    name: str, title: str, about: str, load: Callable[[], Classifier], *, article_first: bool
) -> Networks:
    """Return the article's network, that of the exclusive or, and a model, which `load` returns when it is used."""
    found = {
        "model": Network(title, about, lambda: Session(name, load())),
        "article": Network("the article's network", _ABOUT["article"], _article, 40),
        "xor": Network("the network for XOR", _ABOUT["xor"], _xor, 40),
    }
    if article_first:
        found = {key: found[key] for key in ("article", "xor", "model")}
    own = Preset("not bad", "model", "not bad", "positive")
    if not article_first and not knows(load(), "not bad"):
        own = Preset(f"A text for {title}", "model", None, None)
    presets = [
        Preset("The article's sentence", "article", TEXT, "positive"),
        own,
        Preset("XOR: not good, not bad", "xor", "not bad", "positive"),
    ]
    return Networks(found, presets)


def describe(classifier: Classifier) -> str:
    """Return a sentence on the size of a model."""
    spec = classifier.spec
    output = f"the probabilities of its {len(spec.labels)} labels"
    output = "an output, the logit of positive" if spec.label_set.are_binary else output
    return (
        f"{spec.dim} numbers for each of its {len(classifier.vocabulary):,} words and n-grams, "
        f"{hidden_layers(spec)}, and {output}."
    )


def _article() -> Session:
    reviews = Reviews("2 reviews of its five words", ARTICLE_REVIEWS)
    held_out = Reviews(f"{len(ARTICLE_HELD_OUT)} other reviews of its five words", ARTICLE_HELD_OUT)
    return Session(
        "article", article_classifier(), find_reviews=lambda _: ReviewSets(reviews, held_out), is_example=True
    )


def _xor() -> Session:
    reviews = Reviews("the 4 reviews good, not good, bad, not bad", XOR_REVIEWS)
    none = ReviewSets(reviews, None, "XOR has four reviews, and it trains on all of them")
    return Session("xor", xor_classifier(), find_reviews=lambda _: none, is_example=True)
