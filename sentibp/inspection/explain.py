"""The contribution of each word and n-gram of a text to the logit.

With more than two labels, the network has several outputs, and each has a sum of its own: the polarity and the
neutrality of an ordered scale; or, if the outputs are a logit for each label, each label against the rest: its logit
minus the mean of the others. Only differences of logits matter, and with two labels this one is the logit of positive.

The logit is that of an empty review, the bias, plus a contribution of each feature, which integrated_gradients.py
computes.

Pooling divides by the number of features, or its root. This divisor keeps its value for the whole text: a contribution
is what the row adds to the pooled sum, not the change of all other rows when the feature is removed. So does an
adaptive temperature, which divides all logits of the text.

With text.presence, a feature that occurs k times in the text has one row in the sum. Each of its occurrences has a k-th
of what this row contributes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sentibp.data.labels import Classes
from sentibp.data.offsets import Feature, Located, feature_span, locate_features
from sentibp.errors import InvalidInput
from sentibp.inspection.integrated_gradients import METHODS, attribute
from sentibp.model.classifier import Classifier, NoAnswer, require_classifier
from sentibp.model.head import answer_of_logit, each_probability, place, predicted, probability
from sentibp.model.spec import NetworkSpec
from sentibp.nn import Sequential
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.heads import AdaptiveTemperature, scale_shares, split_head
from sentibp.nn.layers import Array, Layer
from sentibp.utils.threads import single_threaded_blas

if TYPE_CHECKING:
    import pyarrow as pa

NOTHING = 0.004  # of a logit: no probability moves by more than 0.1 points, as the sigmoid has a slope of at most 1/4
FULL = 0.04  # of a logit: the least contribution that is drawn as strong as can be


class Contribution(NamedTuple):
    """The contribution of a feature to the logit. The feature is text[start:end]."""

    text: str
    start: int
    end: int
    contribution: float


class Word(NamedTuple):
    """A word with its contribution: its own, plus an equal share of each n-gram that contains it."""

    text: str
    start: int
    end: int
    contribution: float
    known: bool


class Sum(NamedTuple):
    """An output of the network as a sum: it is the bias, plus the contributions, plus the residual."""

    name: str  # "logit"; of more than two labels "polarity", "neutrality", or the label against the rest
    value: float
    bias: float  # the value of an empty review
    contributions: list[Contribution]  # in the order of their last words
    residual: float  # the error of the sum: rounding and numerical integration
    words: list[Word]
    of_middle: bool = False  # whether it is evidence for the middle of the scale, as neutrality is


class Explanation(NamedTuple):
    """A prediction as a sum of contributions, or with more than two labels as several."""

    label: str
    positive: float | tuple[float, ...]  # the probability of positive; with K > 2 labels that of each
    sums: tuple[Sum, ...]
    method: str  # a key of METHODS
    classes: Classes

    @property
    def logit(self) -> float:
        """The value of the first sum: with two labels the logit."""
        return self.sums[0].value

    @property
    def bias(self) -> float:
        """The bias of the first sum."""
        return self.sums[0].bias

    @property
    def contributions(self) -> list[Contribution]:
        """The contributions to the first sum."""
        return self.sums[0].contributions

    @property
    def residual(self) -> float:
        """The residual of the first sum."""
        return self.sums[0].residual

    @property
    def against_rest(self) -> bool:
        """Whether each sum is that of a label against the rest, which may be called as other sums are."""
        return len(self.sums) == len(self.classes.names)

    @property
    def accuracy(self) -> str:
        """A sentence: how exactly the sums add up, and how the contributions are computed."""
        residual = max(abs(each.residual) for each in self.sums)
        source, method = METHODS[self.method]
        each = "each sum" if isinstance(self.positive, tuple) else "the logit"
        error = f"up to {residual:.1e}, the error of {source}" if residual else "without any error"
        return f"bias and contributions add up to {each}, {error}; {method}"

    @property
    def words(self) -> list[Word]:
        """The words with their contributions to the first sum."""
        return self.sums[0].words

    @property
    def score(self) -> float:
        """The probability of the predicted label."""
        return self.probabilities[self.label]

    @property
    def probabilities(self) -> dict[str, float]:
        """The probability of each label."""
        each = each_probability(np.array([self.positive]))[0].tolist()
        return dict(zip(self.classes.names, each, strict=True))

    @property
    def place(self) -> float | None:
        """The expected place of the text from 0, the worst label, to 1, the best; None for two or without an order."""
        if not isinstance(self.positive, tuple) or not self.classes.ordered:
            return None
        return float(place(np.array([self.positive]))[0])

    @property
    def shown(self) -> Sum:
        """The sum that colours the words: the polarity, or that of the predicted label against the rest."""
        return next((each for each in self.sums if self.against_rest and each.name == self.label), self.sums[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain values, as `sentibp explain --json` writes it."""
        if isinstance(self.positive, tuple):
            return {
                "label": self.label,
                "score": self.score,
                "probabilities": self.probabilities,
                **({} if self.place is None else {"place": self.place}),
                "sums": [{"name": each.name, "value": each.value, **_sum_dict(each)} for each in self.sums],
                "method": self.method,
            }
        parts = _sum_dict(self.sums[0])
        return {
            "label": self.label,
            "score": self.score,
            "positive": self.positive,
            "logit": self.logit,
            **{key: parts[key] for key in ("bias", "parts", "residual")},
            "method": self.method,
            "words": parts["words"],
        }


def _sum_dict(each: Sum) -> dict[str, Any]:
    return {
        "bias": each.bias,
        "residual": each.residual,
        "parts": [part._asdict() for part in each.contributions],
        "words": [word._asdict() for word in each.words],
    }


def explain(classifier: Classifier, text: str) -> Explanation:
    """Return the contribution of each word and n-gram of the text to each output of the classifier.

    >>> import sentibp
    >>> explanation = sentibp.explain(sentibp.load_model("builtin"), "Not a good film, but a great cast")
    >>> explanation.label
    'negative'
    >>> [word.text for word in explanation.words if abs(word.contribution) > 0.4]
    ['not', 'good', 'great']
    """
    require_classifier(classifier)
    if not isinstance(text, str):
        raise InvalidInput(f"text is of type {type(text).__name__}; give one text, a str; explain several one by one")
    return explain_located(classifier, locate_features(classifier.vocabulary, text, classifier.spec.spelling))


def explain_located(classifier: Classifier, located: Located) -> Explanation:
    """Return what `explain` does, for a text with located features. NoAnswer if its logits are no numbers."""
    _, tokens, spans, found, known = located
    review = classifier.vocabulary.encode(tokens)[0]
    ids = review.ids
    bag, layers, head = _split_network(classifier, ids)
    with single_threaded_blas:
        values, outputs, biases, method = attribute(bag, layers, len(ids))
    if isinstance(head, AdaptiveTemperature):
        rate = float(head.rate(outputs[None])[0, 0])
        values, outputs, biases = values * rate, outputs * rate, biases * rate
    try:
        label, positive = _answer(classifier.spec, classifier.checked_logits(review))
    except NoAnswer as error:
        raise NoAnswer(error.row, "the text") from None
    names, contrasts = output_sums(classifier.spec)
    if contrasts is not None:
        values, outputs, biases = values @ contrasts.T, contrasts @ outputs, contrasts @ biases
    features = [feature_span(spans, feature) for feature in found]
    sums = []
    for name, column, value, bias in zip(names, values.T, outputs.tolist(), biases.tolist(), strict=True):
        of_feature = _of_occurrences(column, ids, found)
        contributions = [Contribution(*span, each) for span, each in zip(features, of_feature.tolist(), strict=True)]
        by_word = _by_word(len(spans), found, of_feature)
        words = [Word(*span, *rest) for span, *rest in zip(spans, by_word.tolist(), known, strict=True)]
        residual = value - bias - sum(each.contribution for each in contributions)
        is_second = classifier.spec.head == "scale" and bool(sums)
        sums.append(Sum(name, value, bias, contributions, residual, words, of_middle=is_second))
    return Explanation(label, positive, tuple(sums), method, classifier.spec.label_set)


def explained(
    records: list[dict[str, Any]], texts: pa.LargeStringArray, classifier: Classifier
) -> list[dict[str, Any]]:
    """Return the answers for n texts, each with its explanation."""
    explanations = (explain(classifier, text).to_dict() for text in texts.to_pylist())
    return [record | each | record for record, each in zip(records, explanations, strict=True)]


def is_linear(classifier: Classifier) -> bool:
    """Return whether each output below the head is a constant plus the pooled weights of the features."""
    of_head = {"scale.bias", "thresholds.gaps", "temperature.power", "temperature.spread"}
    return set(classifier.tensors()) - of_head == {"embedding.weight", "output.weight", "output.bias"}


def output_sums(spec: NetworkSpec) -> tuple[Sequence[str], Array | None]:
    """Return the names of the sums, and the share of each output in them (sums, m); None if they are the outputs."""
    if spec.head != "softmax":
        return {"sigmoid": ("logit",), "scale": ("polarity", "neutrality"), "cumulative": ("polarity",)}[
            spec.head
        ], None
    k = len(spec.labels)
    return spec.labels, (k * np.eye(k) - 1) / (k - 1)


def difference(explanation: Explanation, spec: NetworkSpec, label: str, other: str) -> Sum:
    """Return the sum for one of more than two labels against another: the logit of the first minus that of the other.

    With the head `cumulative` the logits are no sums: it is the polarity, with the sign that is evidence for the first.
    """
    a, b = spec.labels.index(label), spec.labels.index(other)
    constant = 0.0
    if spec.head == "cumulative":
        weights = np.array([1.0 if a > b else -1.0])
    elif spec.head == "scale":
        weights = np.subtract(*scale_shares(len(spec.labels)).T[[a, b]])
        p = explanation.probabilities
        if min(p[label], p[other]) > 0:  # what is no sum of words: the bias of each label
            constant = math.log(p[label] / p[other]) - float(weights @ [each.value for each in explanation.sums])
    else:
        weights = np.zeros(len(spec.labels))
        weights[[a, b]] = np.array([1, -1]) * (len(spec.labels) - 1) / len(spec.labels)

    def total(values: Sequence[float]) -> float:
        return float(weights @ values)

    def totals(lists: Iterable[list[Any]]) -> list[Any]:
        rows = zip(*lists, strict=True)
        return [row[0]._replace(contribution=total([each.contribution for each in row])) for row in rows]

    sums = explanation.sums
    contributions, words = totals(each.contributions for each in sums), totals(each.words for each in sums)
    value, bias, residual = (total([getattr(each, name) for each in sums]) for name in ("value", "bias", "residual"))
    return Sum(f"{label} against {other}", value + constant, bias + constant, contributions, residual, words)


def _answer(spec: NetworkSpec, logits: Array) -> tuple[str, float | tuple[float, ...]]:
    """Return the label for the logits of a text, (1,) or (1, K), and the probability of positive, or of each label.

    They are those of `predict`, and so not exactly those of the sums, which are computed with more digits.
    """
    if spec.label_set.are_binary:
        answer = answer_of_logit(float(logits[0]))
        return answer.label, answer.positive
    positive = probability(logits)
    return spec.labels[int(predicted(positive)[0])], tuple(positive[0].tolist())


def relative_sizes(words: Sequence[Word]) -> Iterator[tuple[Word, float]]:
    """Yield each word, and the size of its contribution as it is drawn (`drawn_sizes`)."""
    yield from zip(words, drawn_sizes([word.contribution for word in words]), strict=True)


def drawn_sizes(contributions: Sequence[float]) -> list[float]:
    """Return the size of each contribution relative to the largest: 0 if it is less than NOTHING.

    So what changes no probability to speak of is not drawn as if it did, even if nothing else is larger.
    """
    sizes = [abs(value) if abs(value) >= NOTHING else 0.0 for value in contributions]
    scale = max([*sizes, FULL])
    return [size / scale for size in sizes]


def _by_word(n: int, found: list[Feature], contributions: Array) -> Array:
    """Distribute the contributions of the features over n words: (n,)."""
    by_word = np.zeros(n)
    for feature, contribution in zip(found, contributions, strict=True):
        by_word[feature.first : feature.last + 1] += contribution / (feature.last + 1 - feature.first)
    return by_word


def _of_occurrences(values: Array, ids: Array, found: list[Feature]) -> Array:
    """Return the contribution of each occurrence of a feature (k,), from those of the t encoded features `ids`."""
    if len(found) == len(ids):  # each occurrence is encoded
        return values
    order = np.argsort(ids)
    place = order[np.searchsorted(ids, [feature.id for feature in found], sorter=order)]
    return (values / np.bincount(place, minlength=len(ids)))[place]


def _split_network(classifier: Classifier, ids: Array) -> tuple[Layer, Sequential, Layer | None]:
    """Return an embedding with the rows of the features `ids` (t, d), the layers between it and the head, the head."""
    network, head = split_head(eval_mode(classifier.network, ids.astype(np.int64)))
    (_, bag), *rest = network.layers.items()
    return bag, Sequential(dict(rest)), head
