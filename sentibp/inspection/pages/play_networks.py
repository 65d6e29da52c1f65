"""The networks that the page of `play` offers, and the presets: a text, its label, and the network that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from sentibp.inspection.pages.play import Session
from sentibp.inspection.pages.play_reviews import Reviews, ReviewSets
from sentibp.inspection.worked_example import (
    ARTICLE_HELD_OUT,
    ARTICLE_REVIEWS,
    XOR_REVIEWS,
    article_classifier,
    xor_classifier,
)
from sentibp.model.classifier import Classifier

TEXT = "I love this movie"

_ABOUT = {
    "article": "Two numbers for each of five words, their mean, two sigmoid units, and a sigmoid. Nobody trained it: "
    'its weights were chosen so that it gives "I love this movie" 0.3. It learns with the squared error.',
    "xor": "Two numbers for each of the words good, bad and not, their sum, four tanh units, and a sigmoid. Its "
    "weights are random: it has learned nothing yet. Press Run, and it learns all four reviews.",
}


class Preset(NamedTuple):
    """A text to begin with. `label` None is the last label, which is positive or the best."""

    title: str
    network: str
    text: str
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
    presets = [
        Preset("The article's sentence", "article", TEXT, "positive"),
        Preset("not bad", "model", "not bad", None),
        Preset("XOR: not good, not bad", "xor", "not bad", "positive"),
    ]
    return Networks(found, presets)


def describe(classifier: Classifier) -> str:
    """Return a sentence on the size of a model."""
    spec = classifier.spec
    widths = ", ".join(map(str, spec.hidden))
    layers = f"hidden layers of {widths} units" if len(spec.hidden) > 1 else f"a hidden layer of {widths} units"
    return (
        f"{spec.dim} numbers for each of its {len(classifier.vocabulary):,} words and n-grams, "
        f"{layers if spec.hidden else 'no hidden layer'}, and an output for its {len(spec.labels)} labels."
    )


def _article() -> Session:
    reviews = Reviews("2 reviews of its five words", ARTICLE_REVIEWS)
    held_out = Reviews(f"{len(ARTICLE_HELD_OUT)} other reviews of its five words", ARTICLE_HELD_OUT)
    return Session("article", article_classifier(), find_reviews=lambda _: ReviewSets(reviews, held_out))


def _xor() -> Session:
    reviews = Reviews("the 4 reviews good, not good, bad, not bad", XOR_REVIEWS)
    none = ReviewSets(reviews, None, "XOR has four reviews, and it trains on all of them")
    return Session("xor", xor_classifier(), find_reviews=lambda _: none)
