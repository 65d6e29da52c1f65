"""Contributions add up to the logit, for every kind of network."""

from __future__ import annotations

import re
import types
from dataclasses import replace

import heads
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sentibp
from sentibp.data.tokenizer import tokenize
from sentibp.errors import InvalidInput
from sentibp.inspection import explain as inspection_explain
from sentibp.inspection import integrated_gradients
from sentibp.inspection.explain import NOTHING, drawn_sizes, explain
from sentibp.nn import Layer, Sequential, sigmoid
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.heads import split_head
from sentibp.utils.arrow import strings

TEXTS = ["a good film , not bad at all", "not good , a bad , bad film", "very good !", "the worst of all"]
WORDS = [*["a", "good", "bad", "not", "film", "very", "worst", "all", "!"], "zzz", "&amp;", "Caf&eacute;"]
NETWORKS = {
    "linear": {"hidden": []},
    "linear, sqrt": {"hidden": [], "embedding": {"dim": 4, "pooling": "sqrt"}},
    "linear, sum": {"hidden": [], "embedding": {"dim": 4, "pooling": "sum"}},
    "relu": {"hidden": [8]},
    "deep relu": {"hidden": [6, 6, 6], "embedding": {"dim": 6, "pooling": "sqrt"}, "residual": True},
    "tanh": {"hidden": [8, 8], "activation": "tanh"},
    "sigmoid, sum": {"hidden": [8], "activation": "sigmoid", "embedding": {"dim": 4, "pooling": "sum"}},
    "all of it": {"hidden": [6, 6], "embedding": {"dim": 6}, "residual": True, "batch_norm": True, "dropout": 0.3},
    "presence, linear": {"hidden": []},
    "presence, relu, sqrt": {"hidden": [8], "embedding": {"dim": 4, "pooling": "sqrt"}},
}


@pytest.fixture(scope="module")
def classifiers(new_classifier):
    """One classifier of each kind. Random tensors, so that biases and running averages differ from their start."""
    made = {}
    for name, model in NETWORKS.items():
        extra = {"train": {"word_dropout": 0.2}} if name == "all of it" else {}
        text = {"ngrams": 2, "presence": name.startswith("presence")}
        made[name] = new_classifier(TEXTS, model=model, text=text, **extra)
        rng = np.random.default_rng(0)
        for key, tensor in made[name].tensors().items():
            tensor[...] = rng.standard_normal(tensor.shape) * (1 if key == "embedding.weight" else 0.7)
            if key.endswith("variance"):
                tensor[...] = 0.5 + tensor**2
    return made


each_kind = pytest.mark.parametrize("kind", NETWORKS)


@each_kind
@settings(max_examples=10, deadline=None)  # for each kind of network
@given(words=st.lists(st.sampled_from(WORDS), max_size=12))
def test_contributions_and_bias_add_up_to_the_logit(classifiers, kind, words):
    classifier, text = classifiers[kind], " ".join(words)
    explanation = explain(classifier, text)
    total = explanation.bias + sum(each.contribution for each in explanation.contributions)
    assert total == pytest.approx(explanation.logit, abs=1e-6)
    assert total + explanation.residual == pytest.approx(explanation.logit, abs=1e-12)
    assert abs(explanation.residual) < (1.1e-9 if explanation.method == "quadrature" else 1e-12)
    assert sum(word.contribution for word in explanation.words) == pytest.approx(
        explanation.logit - explanation.bias, abs=1e-6
    )
    predicted = classifier.predict(strings([text, ""]))
    features, _, unknown = classifier.encode(strings([text, ""]))
    tokens = tokenize(strings([text]), classifier.spec.spelling)
    assert len(explanation.contributions) == len(classifier.vocabulary.occurrences(tokens).ids)
    assert sum(not word.known for word in explanation.words) == unknown[0]
    assert explanation.positive == predicted.positive[0]  # the same digits, so that the label cannot differ
    assert explanation.label == predicted.label[0]
    assert explanation.bias == pytest.approx(classifier.logits(features)[1], abs=1e-4)
    assert explanation == explain(classifier, text)


def test_the_method_depends_on_the_network(classifiers):
    methods = {name: explain(classifier, "a good film").method for name, classifier in classifiers.items()}
    assert methods == {name: "linear" if "linear" in name
                       else "quadrature" if "tanh" in name or "sigmoid" in name
                       else "piecewise linear" for name in NETWORKS}  # fmt: skip
    assert set(methods.values()) == set(integrated_gradients.METHODS)


def test_how_exactly_the_sum_adds_up_in_words(classifiers):
    said = {name: explain(classifier, "a good film").accuracy for name, classifier in classifiers.items()}
    for name, sentence in said.items():
        assert sentence.startswith("bias and contributions add up to the logit, ")
        assert ("the error of numerical integration" in sentence) == ("tanh" in name or "sigmoid" in name)
        assert ("there is no hidden layer" in sentence) == ("linear" in name)
    explanation = explain(classifiers["tanh"], "a good film")
    below = explanation._replace(sums=(explanation.sums[0]._replace(residual=-3e-5),))
    assert "add up to the logit, up to 3.0e-05, the error of numerical integration" in below.accuracy


def test_units_that_stay_at_the_corner_of_relu(new_classifier):
    """As those of a network whose biases are 0, at a text without a known word."""
    explanation = explain(new_classifier(TEXTS, model={"hidden": [8]}), "zzz")
    assert (explanation.logit, explanation.residual, explanation.contributions) == (explanation.bias, 0, [])


@pytest.mark.parametrize(("kind", "divisor"), [("linear", 4), ("linear, sqrt", 2), ("linear, sum", 1)])
def test_without_hidden_layers_a_contribution_is_what_the_row_adds(classifiers, kind, divisor):
    classifier = classifiers[kind]
    explanation = explain(classifier, "film zzz not good")  # film, not, good, "not good"
    names = classifier.vocabulary.features().to_pylist()
    weights = {name: value.astype(np.float64) for name, value in classifier.tensors().items()}
    assert [each.text for each in explanation.contributions] == ["film", "not", "good", "not good"]
    assert (explanation.contributions[3].start, explanation.contributions[3].end) == (9, 17)
    for each in explanation.contributions:
        row = weights["embedding.weight"][names.index(each.text)]
        assert each.contribution == pytest.approx((row @ weights["output.weight"]).item() / divisor, abs=1e-12)
    assert explanation.bias == weights["output.bias"].item()
    assert [(word.text, word.known) for word in explanation.words] == [
        *[("film", True), ("zzz", False), ("not", True), ("good", True)]
    ]
    own, pair = explanation.contributions[1].contribution, explanation.contributions[3].contribution
    assert explanation.words[2].contribution == pytest.approx(own + pair / 2)


def test_with_presence_the_occurrences_of_a_feature_share_what_its_row_adds(classifiers):
    classifier = classifiers["presence, linear"]
    once, twice = explain(classifier, "good zzz bad"), explain(classifier, "good zzz bad zzz good")
    assert once.logit == twice.logit
    assert [(each.text, each.start) for each in twice.contributions] == [("good", 0), ("bad", 9), ("good", 17)]
    good, bad = (each.contribution for each in once.contributions)
    assert [each.contribution for each in twice.contributions] == [good / 2, bad, good / 2]


@pytest.mark.parametrize("kind", ["relu", "deep relu", "all of it", "tanh"])
def test_the_gradient_is_averaged_over_the_whole_line(classifiers, kind):
    """Compare each contribution with 100,000 steps of the midpoint rule; the sum alone could hide an error."""
    classifier, text = classifiers[kind], "not good , very bad film !"
    explanation = explain(classifier, text)
    ids = classifier.encode(strings([text]))[0].ids
    _, *rest = eval_mode(classifier.network).layers.items()
    rows = classifier.tensors()["embedding.weight"][ids].astype(np.float64)
    divisor = {"deep relu": np.sqrt(len(ids))}.get(kind, len(ids))
    x = rows.sum(axis=0) / divisor
    y = ((np.arange(100_000) + 0.5) / 100_000)[:, None] * x
    for _, layer in rest:
        y = layer.forward(y, train=True)
    dy = np.full_like(y, 1e-5)
    for _, layer in reversed(rest):
        dy = layer.backward(dy)
    expected = rows @ dy.sum(axis=0) / divisor
    assert [each.contribution for each in explanation.contributions] == pytest.approx(expected, abs=1e-4)


def test_another_nonlinear_layer_is_integrated_numerically(classifiers):
    class Cube(Layer):
        def forward(self, x, *, train=False):
            if train:
                self._saved = x
            return x**3

        def backward(self, dy):
            return 3 * dy * self._take() ** 2

    known = classifiers["linear"]
    inner = dict(known.network.layers)
    network = Sequential({"embedding": inner["embedding"], "cube": Cube(), "output": inner["output"]})
    explanation = explain(replace(known, network=network), "a good film , not bad at all")
    assert explanation.method == "quadrature"
    assert abs(explanation.residual) < 1e-9


def test_missing_kinks_show_in_the_residual(classifiers, monkeypatch):
    monkeypatch.setattr(integrated_gradients, "_kinks", lambda layer, knots, x: (knots, x))
    monkeypatch.setattr(integrated_gradients, "_PIECES", 1)
    residuals = [explain(classifiers["deep relu"], text).residual for text in TEXTS]
    assert max(map(abs, residuals)) > 1e-3


# --- more than two labels


each_head = pytest.mark.parametrize("head", heads.HEADS)


@pytest.fixture(scope="module")
def several(new_classifier):
    """One classifier for each head and kind of network."""
    return {
        (head, kind): heads.random_classifier(new_classifier, head, TEXTS, NETWORKS[kind], text={"ngrams": 2})
        for head in heads.HEADS
        for kind in ("linear, sqrt", "relu", "all of it", "tanh")
    }


def outputs_of(classifier, texts):
    """Return the outputs of the last linear layer (n, m), in float64."""
    network, _ = split_head(eval_mode(classifier.network))
    return network.forward(classifier.encode(strings(texts))[0])


@each_head
@pytest.mark.parametrize("kind", ["linear, sqrt", "relu", "all of it", "tanh"])
@settings(max_examples=10, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), max_size=10))
def test_each_sum_adds_up_to_an_output(several, head, kind, words):
    classifier, text = several[head, kind], " ".join(words)
    explanation = explain(classifier, text)
    outputs, empty = outputs_of(classifier, [text, ""])
    if head.startswith("softmax"):
        k = len(outputs)
        rate = temperature.rate(outputs[None])[0] if (temperature := split_head(classifier.network)[1]) else 1
        outputs, empty = (rate * (each - (each.sum() - each) / (k - 1)) for each in (outputs, empty))
    assert [each.value for each in explanation.sums] == pytest.approx(outputs, abs=1e-9)
    assert [each.bias for each in explanation.sums] == pytest.approx(empty, abs=1e-9)
    for each in explanation.sums:
        total = each.bias + sum(part.contribution for part in each.contributions)
        assert total + each.residual == pytest.approx(each.value, abs=1e-12)
        assert abs(each.residual) < (2e-9 if explanation.method == "quadrature" else 1e-12)
        assert sum(word.contribution for word in each.words) == pytest.approx(each.value - each.bias, abs=1e-6)
    probabilities = classifier.predict(strings([text])).positive[0]
    assert explanation.positive == tuple(probabilities)
    assert explanation.label == max(explanation.probabilities, key=lambda name: explanation.probabilities[name])
    assert explanation.score == max(explanation.positive)


@each_head
def test_the_names_of_the_sums(several, head):
    explanation = explain(several[head, "relu"], "a good film")
    names = [each.name for each in explanation.sums]
    if head.startswith("scale"):
        assert names == ["polarity", "neutrality"]
    else:
        assert names == (["polarity"] if head == "cumulative" else list(explanation.classes.names))
    shown = explanation.label if head.startswith("softmax") else "polarity"
    assert explanation.shown.name == shown
    assert (explanation.place is None) == (head in ("softmax", "softmax, adaptive"))
    if explanation.place is not None:
        assert explanation.place == pytest.approx(explanation.classes.places @ explanation.positive)


@each_head
def test_one_label_against_another(several, head):
    """The difference of two logits is a sum, too; of `cumulative` only the sign is."""
    classifier = several[head, "relu"]
    explanation = explain(classifier, "a good film , not bad")
    names = classifier.spec.labels
    for label in names:
        for other in set(names) - {label}:
            found = inspection_explain.difference(explanation, classifier.spec, label, other)
            total = found.bias + sum(part.contribution for part in found.contributions)
            assert total == pytest.approx(found.value, abs=1e-9)
            if head == "cumulative":
                assert abs(found.value) == pytest.approx(abs(explanation.sums[0].value))
            else:
                log_odds = np.log(explanation.probabilities[label] / explanation.probabilities[other])
                assert found.value == pytest.approx(log_odds, abs=1e-6)


def test_a_label_without_any_probability_against_another(new_classifier):
    classifier = heads.random_classifier(new_classifier, "scale of 5", TEXTS, NETWORKS["relu"], size=1e4)
    explanation = explain(classifier, "a good film , not bad")
    (unlikely, none), *_, (likely, one) = sorted(explanation.probabilities.items(), key=lambda each: each[1])
    assert (none, one) == (0, 1)
    found = inspection_explain.difference(explanation, classifier.spec, likely, unlikely)
    assert found.value > 745  # at which a probability of 0 begins
    assert found.bias + sum(part.contribution for part in found.contributions) == pytest.approx(found.value)


def test_with_two_labels_softmax_would_give_the_sums_of_one_logit():
    """Each label against the rest is the logit of positive, and minus it."""
    names, contrasts = inspection_explain.output_sums(
        inspection_explain.NetworkSpec(
            *(True, 2, (), False, 4, "mean", 0, (), "relu", False, False, "plain"), labels=("a", "b"), head="softmax"
        )
    )
    assert names == ("a", "b")
    assert contrasts.tolist() == [[1, -1], [-1, 1]]


def test_what_is_no_model_or_no_text_is_refused_with_the_repair():
    model = sentibp.load_model("builtin")
    for text in ["a"], b"a", None, 3:
        with pytest.raises(InvalidInput, match=f"text is of type {type(text).__name__}; give one text"):
            sentibp.explain(model, text)  # type: ignore[arg-type]
    score = lambda value: sentibp.evaluate(value, texts=["a"], labels=[1])  # noqa: E731
    for call in lambda value: sentibp.explain(value, "a"), score:
        with pytest.raises(InvalidInput, match=re.escape("write sentibp.load_model('last')")):
            call("last")
        with pytest.raises(InvalidInput, match="give its attribute model_"):
            call(types.SimpleNamespace(model_=model))
        with pytest.raises(InvalidInput, match=re.escape("give what sentibp.load_model returns")):
            call(None)


@pytest.mark.parametrize(
    ("contributions", "sizes"),
    [
        ([], []),
        ([-7.8e-8, 7e-8], [0, 0]),
        ([0.0039, -0.004], [0, 0.1]),
        ([0.02], [0.5]),
        ([2.0, -1.0, 0.003], [1, 0.5, 0]),
    ],
)
def test_what_moves_no_probability_is_not_drawn(contributions, sizes):
    assert drawn_sizes(contributions) == pytest.approx(sizes)
    assert abs(sigmoid(np.array(NOTHING)) - 0.5) <= 0.001
