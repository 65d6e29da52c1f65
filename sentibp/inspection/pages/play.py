"""A model that learns from a page: one step of training on one review at a time, in memory.

The page shows the prediction, the contribution of each word, and every number of the step. What a step does to other
reviews is measured on some that are held out. Each step can be undone. What was taught can be saved: the weights as a
model file, or the texts and labels as a session, whose steps another `play` takes again. `play_server` serves the page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.schema import Train
from sentibp.data.offsets import Located, locate_features
from sentibp.errors import SentibpError
from sentibp.inspection import explain as inspection_explain
from sentibp.inspection import trace
from sentibp.inspection.explain import drawn_sizes
from sentibp.inspection.pages import stepper
from sentibp.inspection.pages.explanation import marked, merged
from sentibp.inspection.pages.phases import phases
from sentibp.inspection.pages.play_reviews import HeldOut, Labelled, ReviewSets, reviews_for
from sentibp.inspection.pages.play_session import Progress, Taught, TaughtLog
from sentibp.inspection.pages.play_start import first_text, learning_rates
from sentibp.model.classifier import Classifier
from sentibp.nn import EmbeddingBag
from sentibp.nn.layers import Array, path
from sentibp.nn.optim import OPTIMIZERS
from sentibp.runs import find
from sentibp.utils.label_key import is_binary
from sentibp.utils.messages import truncated
from sentibp.utils.tensor_file import checksum

_UNDO_STEPS = 200
_MAX_WEIGHT = 1e6  # a step that makes a weight larger counts as diverged
_SHOWN = 200  # characters of the text of a step
_CONTRIBUTIONS = 12  # on the page


class Refused(Exception):
    """A refused request: its HTTP status and the reason."""

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class Step(NamedTuple):
    """A training step, with the weights before it: whole tensors, and of the embedding the changed rows."""

    text: str  # its beginning
    label: str
    before: float  # the probability of positive; with more than two labels, of this label
    after: float
    rows: Array
    numbers: dict[str, Array]


@dataclass(eq=False)
class Session:
    """A model that trains on one review at a time, in place. Each step can be undone.

    `find_reviews` returns reviews to train on and held-out ones; it is called when the page first asks for them.
    """

    name: str
    classifier: Classifier
    about: str = ""  # a sentence on the network
    find_reviews: Callable[[Classifier], ReviewSets] = reviews_for
    is_example: bool = False  # whether the settings of its training are made for single steps, as those of the article
    learned: int = 0
    version: int = 0  # the number of changes so far, undone ones too: a second tab sees that the model is not as it was
    steps: list[Step] = field(default_factory=list)
    log: TaughtLog = field(default_factory=TaughtLog)
    progress: Progress = field(default_factory=Progress)
    original: dict[str, Array] = field(default_factory=dict)  # all tensors except the embedding
    original_rows: dict[int, Array] = field(default_factory=dict)
    held_out: HeldOut | None = None
    _sets: ReviewSets | None = None
    _practice: tuple[Sequence[Labelled], HeldOut] | None = None
    _last: Located | None = None
    _loading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def short_name(self) -> str:
        """The name without a path."""
        return find.short_name(self.name)

    @cached_property
    def _train(self) -> Train:
        return self.classifier.training_config().train

    @cached_property
    def rates(self) -> dict[str, float]:
        """The learning rate of each optimizer to begin with."""
        own = self._train.optimizer
        return learning_rates(self.classifier) | ({own.name: own.learning_rate} if self.is_example else {})

    @property
    def default_step(self) -> tuple[str, float]:
        """The optimizer and the learning rate to begin with."""
        name = self._train.optimizer.name
        return name, self.rates[name]

    @cached_property
    def beginning(self) -> tuple[str, str | None]:
        """The text to begin with, and its right label, None if it has none."""
        return first_text(self.classifier, self.load_reviews)

    def begin(self) -> dict[str, Any]:
        """Return what `look` does for the text to begin with, that text, and its right label."""
        text, label = self.beginning
        return self.look(text, label, *self.default_step) | {"text": text, "taught": label}

    def look(
        self, text: str, label: str | None, optimizer: str | None = None, learning_rate: float | None = None
    ) -> dict[str, Any]:
        """Return the prediction for a text, its explanation, and the drawing of the step that `learn` would make.

        Without a label, it is the step with the predicted one, so that the page claims nothing that may be false.
        """
        drawing, why, answer = None, "", self._predict(text)
        try:
            step = self._trace(text, label or answer["label"], optimizer, learning_rate)
            drawing = stepper.drawing(step) | {"phases": phases(step)}
        except trace.Diverged as error:
            why = f"{error}"
        return answer | self.state() | {"drawing": drawing, "no_drawing": why}

    def learn(
        self, text: str, label: str, optimizer: str | None, learning_rate: float | None, times: int = 1
    ) -> dict[str, Any]:
        """Train on the text with this label, and return the drawing of the last step.

        Raises trace.Diverged, and changes nothing, if the first step would diverge. A later one that would ends it; the
        reason is in `stopped`.
        """
        taught, stopped = Taught(text, label, optimizer, learning_rate), ""
        step = self._learn(taught)
        for _ in range(times - 1):
            try:
                step = self._learn(taught)
            except trace.Diverged as error:
                stopped = str(error)
                break
        self._score()
        drawing = stepper.drawing(step) | {"phases": phases(step)}
        return self._predict(text) | self.state() | {"drawing": drawing, "stopped": stopped}

    def run(
        self, which: str, steps: int, optimizer: str | None, learning_rate: float | None, text: str
    ) -> dict[str, Any]:
        """Train on the next reviews of a set, one step on each, and return the prediction for the text.

        A step that would diverge ends it; the reason is in `stopped`.
        """
        reviews, stopped = self._reviews(which), ""
        self._score_practice(reviews)
        try:
            for _ in range(steps):
                review = reviews[self.progress.position % len(reviews)]
                self._learn(Taught(*review, optimizer, learning_rate), is_run=True)
                self.progress.position += 1
        except trace.Diverged as error:
            stopped = str(error)
        self._score_practice(reviews)
        self._score()
        return self._predict(text) | self.state() | {"stopped": stopped}

    def measure(self) -> dict[str, Any]:
        """Score the held-out reviews: as the network was before the first step, and as it is now."""
        if self.held_out is not None and 0 not in self.progress.held_out and self.learned:
            taught = self._swap_original(None)
            self.progress.held_out[0] = self.held_out.score(self.classifier)
            self._swap_original(taught)
        self._score()
        return self.state()

    def load_reviews(self) -> ReviewSets:
        """Read and encode the reviews to train on and those held out. Only the first call takes its time."""
        with self._loading:
            if self._sets is None:
                sets = self.find_reviews(self.classifier)
                if sets.held_out is not None and len(sets.held_out.reviews):
                    self.held_out = HeldOut(self.classifier, sets.held_out.reviews, self._train.loss)
                self._sets = sets
            return self._sets

    def undo(self) -> None:
        """Undo the last step."""
        if not self.steps:
            kept = f": only the last {_UNDO_STEPS} steps are kept" if self.learned else ""
            raise Refused(HTTPStatus.CONFLICT, f"nothing to undo{kept}")
        step = self.steps.pop()
        for name, numbers in step.numbers.items():
            self.classifier.network.params[name][step.rows if name == "embedding.weight" else ...] = numbers
        self.learned -= 1
        self.version += 1
        self.log.pop()
        self.progress.go_back_to(self.learned)

    def reset(self) -> None:
        """Undo all steps."""
        self._swap_original(None)
        self.steps, self.learned, self.version = [], 0, self.version + 1
        self.log = TaughtLog(self.log.fingerprint)
        self.progress.go_back_to(0)

    def replay(self, steps: Sequence[Taught]) -> None:
        """Undo all steps, and take these instead. Raises Refused, and undoes them, if one diverges."""
        self.reset()
        for number, taught in enumerate(steps, 1):
            try:
                self._learn(taught)
            except SentibpError as error:
                self.reset()
                reason = f"step {number} of the session: {error}"
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, reason) from None
        self.measure()

    def state(self) -> dict[str, Any]:
        """Return what was learned so far, for the page."""
        sets = self._sets
        return {
            "model": self.name,
            "labels": list(self.classifier.spec.labels),
            "steps": [[step.text, step.label, step.before, step.after] for step in self.steps],
            "learned": self.learned,
            "version": self.version,
            "optimizers": list(OPTIMIZERS),
            "default": list(self.default_step),
            "rates": self.rates,
            "curve": self.progress.curve(self.learned),
            "reviews": None if sets is None else _about(sets),
            "taught": len(self.log.reviews()),
        }

    def _trace(self, text: str, label: str, optimizer: str | None, learning_rate: float | None) -> trace.Trace:
        """Return a step with all its numbers, on a copy of the rows. Raises trace.Diverged."""
        try:
            step = trace.trace_step(
                self.classifier, text, label, None, optimizer, learning_rate, located=self._located(text)
            )
        except trace.Diverged as error:  # its repair is an option of `sentibp trace`
            raise trace.Diverged(f"{str(error).partition('; ')[0]}; lower the learning rate") from None
        if any(np.abs(after).max(initial=0) > _MAX_WEIGHT for call in step.layers for after in call.after.values()):
            raise trace.Diverged(f"diverged: a weight would be over {_MAX_WEIGHT:,.0f}; lower the learning rate")
        return step

    def _learn(self, taught: Taught, is_run: bool = False) -> trace.Trace:
        """Train one step. Raises trace.Diverged, and changes nothing then."""
        step = self._trace(*taught)
        if not self.log.fingerprint:
            self.log.fingerprint = fingerprint(self.classifier)
            _ = self.rates  # those of the network as it was before
        rows, before = np.array(step.ids, np.int64), {}
        params = self.classifier.network.params
        for call in step.layers:
            for each, after in call.after.items():
                name, at = path(call.name, each), rows if isinstance(call.layer, EmbeddingBag) else ...
                before[name] = params[name][at].copy()
                self._keep_original(name, params[name], at)
                params[name][at] = after
        label = taught.label
        target = 1 if is_binary(step.labels) else step.labels.index(label)  # the probability that the list shows
        first, last = step.outcomes[0], step.outcomes[-1]
        shown = Step(
            _shortened(taught.text), label, first.probabilities[target], last.probabilities[target], rows, before
        )
        self.steps = [*self.steps, shown][-_UNDO_STEPS:]
        self.learned += 1
        self.version += 1
        self.log.add(taught)
        self.progress.losses.append((self.learned, first.loss, last.loss, is_run))
        return step

    def _keep_original(self, name: str, tensor: Array, at: Any) -> None:
        if at is ...:
            self.original.setdefault(name, tensor.copy())
            return
        for row in at.tolist():
            if row not in self.original_rows:
                self.original_rows[row] = tensor[row].copy()

    def _swap_original(self, numbers: tuple[dict[str, Array], Array] | None) -> tuple[dict[str, Array], Array]:
        """Put in these weights, or those before the first step, and return the ones that they replace."""
        params = self.classifier.network.params
        rows = np.array(list(self.original_rows), np.int64)
        replaced = {name: params[name].copy() for name in self.original}, params["embedding.weight"][rows]
        if numbers is None:
            numbers = self.original, np.array([self.original_rows[row] for row in rows.tolist()])
        for name, values in numbers[0].items():
            params[name][...] = values
        if len(rows):
            params["embedding.weight"][rows] = numbers[1]
        return replaced

    def _reviews(self, which: str) -> Sequence[Labelled]:
        """Return the reviews of a set. Raises Refused if it has none."""
        reviews: Sequence[Labelled] = (
            self.load_reviews().practice.reviews if which == "practice" else self.log.reviews()
        )
        if not reviews:
            reason = "there are no reviews to train on: teach it some first, and choose those"
            raise Refused(HTTPStatus.CONFLICT, reason)
        return reviews

    def _score_practice(self, reviews: Sequence[Labelled]) -> None:
        if self._practice is None or self._practice[0] != reviews:
            self._practice = reviews, HeldOut(self.classifier, reviews, self._train.loss)
            self.progress.practice = {}  # they were of other reviews
        self.progress.practice[self.learned] = self._practice[1].score(self.classifier)

    def _score(self) -> None:
        if self.held_out is not None and self.learned not in self.progress.held_out:
            self.progress.held_out[self.learned] = self.held_out.score(self.classifier)

    def _located(self, text: str) -> Located:
        """Return the features of a text with their positions. Those of the last text are kept."""
        if self._last is None or self._last.text != text:
            self._last = locate_features(self.classifier.vocabulary, text, self.classifier.spec.spelling)
        return self._last

    def _predict(self, text: str) -> dict[str, Any]:
        """Return the prediction and its contributions for the page."""
        explanation = inspection_explain.explain_located(self.classifier, self._located(text))
        unknown = dict.fromkeys(word.text for word in explanation.words if not word.known)
        return {
            "label": explanation.label,
            **_prediction(text, explanation),
            "unknown": list(unknown)[:_CONTRIBUTIONS],
        }


def fingerprint(classifier: Classifier) -> str:
    """Return a hash of the weights and the labels."""
    return checksum({"labels": list(classifier.spec.labels)}, classifier.tensors())


def _about(sets: ReviewSets) -> dict[str, Any]:
    """Return what the page says of the reviews."""
    held_out = sets.held_out
    return {
        "practice": sets.practice.about,
        "count": len(sets.practice.reviews),
        "held_out": None if held_out is None else held_out.about,
        "held_out_count": 0 if held_out is None else len(held_out.reviews),
        "why_none": sets.why_none,
    }


def _prediction(text: str, explanation: inspection_explain.Explanation) -> dict[str, Any]:
    """Return the prediction and its contributions for the page."""
    if not isinstance(explanation.positive, tuple):
        return {
            "positive": explanation.positive,
            "logit": explanation.logit,
            "bias": explanation.bias,
            "html": marked(text, explanation.shown),
            **_parts(explanation.shown),
        }
    against_rest = explanation.against_rest
    sums = [explanation.shown] if against_rest else explanation.sums
    return {
        "probabilities": list(explanation.probabilities.values()),
        "place": explanation.place,
        "html": marked(text, explanation.shown),
        "sums": [
            {
                "name": f"{each.name} against the rest" if against_rest else each.name,
                "of_middle": each.of_middle,
                "value": each.value,
                "bias": each.bias,
                **_parts(each),
            }
            for each in sums
        ],
    }


def _parts(each: inspection_explain.Sum) -> dict[str, Any]:
    """Return the largest contributions to a sum, the size of their bars, and the number and the sum of the others."""
    largest = merged(each.contributions)
    others, sizes = largest[_CONTRIBUTIONS:], drawn_sizes([part.contribution for part in largest])
    return {
        "parts": [[part.name, part.contribution, size] for part, size in zip(largest[:_CONTRIBUTIONS], sizes)],  # noqa: B905
        "others": [len(others), sum(part.contribution for part in others)],
    }


def _shortened(text: str) -> str:
    """Return the beginning of a text: each answer has those of all steps."""
    return truncated(text, _SHOWN)
