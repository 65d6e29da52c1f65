"""One training step on one review: the recorded numbers are right, and the formulas hold for them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import heads
import numpy as np
import pytest

from sentibp.inspection import layer_formulas, worked_example
from sentibp.inspection import trace as inspection_trace
from sentibp.inspection.trace import to_dict, trace_step
from sentibp.inspection.walkthrough import sheet
from sentibp.inspection.worksheet import Formula, Number, Table
from sentibp.nn import Layer, Ragged, Sequential, Tanh, gradcheck
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.losses import LOSSES, loss_on
from sentibp.nn.optim import OPTIMIZERS, SGD
from sentibp.utils.arrow import strings

TEXTS = ["a good film , not bad", "not good , a bad film"]
TEXT = "Not good, not bad at all"
NETWORKS = {
    "linear": {"hidden": []},
    "relu, sqrt": {"hidden": [3], "embedding": {"dim": 5, "pooling": "sqrt"}},
    "tanh, sum": {"hidden": [4, 3], "activation": "tanh", "embedding": {"dim": 3, "pooling": "sum"}},
    "sigmoid": {"hidden": [3], "activation": "sigmoid"},
    "all of it": {"hidden": [4, 4], "embedding": {"dim": 4}, "residual": True, "batch_norm": True, "dropout": 0.3},
    "presence": {"hidden": [3], "embedding": {"dim": 5, "pooling": "sqrt"}},
}
each_kind = pytest.mark.parametrize("kind", NETWORKS)


@pytest.fixture(scope="module")
def classifiers(new_classifier):
    made = {}
    for name, model in NETWORKS.items():
        text = {"ngrams": 2, "presence": name == "presence"}
        made[name] = new_classifier(TEXTS, model=model, text=text, train={"word_dropout": 0.2})
        rng = np.random.default_rng(1)
        for key, tensor in made[name].tensors().items():
            tensor[...] = rng.standard_normal(tensor.shape)
            if key.endswith("variance"):
                tensor[...] = 0.5 + tensor**2
    return made


def lines(found, dims=100, kind=Number):
    return [line for section in sheet(found, dims).sections for line in section.lines if isinstance(line, kind)]


# --- the article's example


def test_the_articles_example():
    """Predicted 0.3; the loss is (1.0 - 0.3)^2 = 0.49; after one update it is 0.35."""
    found = trace_step(worked_example.article_classifier(), "I love this movie", "positive")
    result = to_dict(found)
    assert result["before"]["positive"] == pytest.approx(0.3, abs=1e-12)
    assert result["before"]["loss"] == pytest.approx(0.49, abs=1e-12)
    assert result["after"]["positive"] == pytest.approx(0.35, abs=5e-4)
    assert result["after"]["loss"] == pytest.approx(0.4225, abs=5e-4)
    by_name = {layer["name"]: layer for layer in result["layers"]}
    # as computed by hand in tests/nn/test_article.py
    assert by_name["embedding"]["output"] == pytest.approx([0.4, 0.2])
    assert by_name["hidden.0"]["output"] == pytest.approx([0.5, -0.5])
    assert by_name["hidden.0.activation"]["output"] == pytest.approx([0.622459, 0.377541], abs=6e-7)
    assert result["logit_gradient"] == pytest.approx(-0.294)
    assert by_name["output"]["parameters"]["weight"]["gradient"][0] == pytest.approx([-0.183003], abs=6e-7)
    assert by_name["hidden.0"]["input_gradient"] == pytest.approx([-0.103637, -0.034546], abs=6e-7)
    assert (
        by_name["embedding"]["parameters"]["weight"]["gradient"]
        == [pytest.approx([-0.025909, -0.008636], abs=6e-7)] * 4
    )
    assert by_name["hidden.0"]["parameters"]["bias"]["after"] == pytest.approx([0.131575, -0.231575], abs=6e-7)


def test_more_steps_of_the_article():
    found = trace_step(worked_example.article_classifier(), "I love this movie", "positive", steps=200)
    assert len(found.outcomes) == 201
    assert found.outcomes[-1].positive > 0.9
    losses = [state.loss for state in found.outcomes]
    assert losses == sorted(losses, reverse=True)


# --- the numbers


@each_kind
@pytest.mark.parametrize("loss", LOSSES)
def test_every_gradient_is_the_derivative_of_the_loss(classifiers, kind, loss):
    """Compare with central differences of the loss of the whole network."""
    found = trace_step(classifiers[kind], TEXT, "negative", loss=loss)
    network = eval_mode(classifiers[kind].network, _ids(classifiers[kind], found))
    review, target = _review(found, classifiers[kind]), np.array([0])
    z = network.forward(review, train=True)[:, 0]
    value, dz = LOSSES[loss](z, target, None)
    assert (found.outcomes[0].loss, found.dz) == (value, dz[0])
    network.backward(dz[:, None])
    errors = gradcheck.check_network(network, LOSSES[loss], review, target, np.random.default_rng(0))
    assert max(errors.values()) < gradcheck.TOLERANCE
    grads = {
        f"{call.name}.{name}": inspection_trace.dense_gradient(call.grads[name], value)
        for call in found.layers
        for name, value in call.before.items()
    }
    assert set(grads) == set(network.params)
    for name, gradient in grads.items():
        expected = network.grads[name]
        assert gradient == pytest.approx(inspection_trace.dense_gradient(expected, network.params[name]), abs=1e-12)


def _ids(classifier, found):
    names = classifier.vocabulary.features().to_pylist()
    return np.array([names.index(row) for row in found.features])


def _review(found, classifier):
    ids = classifier.encode(strings([found.text]))[0].ids.tolist()
    rows = _ids(classifier, found).tolist()
    return Ragged(np.array([rows.index(i) for i in ids], np.int32), np.array([0, len(ids)]))


@each_kind
def test_the_output_of_a_layer_is_the_input_of_the_next(classifiers, kind):
    found = trace_step(classifiers[kind], TEXT, "positive")
    layers = to_dict(found)["layers"]
    assert found.outcomes[0].logit == layers[-1]["output"][0]
    predicted = classifiers[kind].predict(strings([TEXT])).positive[0]
    assert found.outcomes[0].positive == pytest.approx(predicted, abs=1e-5)
    if kind != "all of it":  # in a line, without skip connections
        for one, next_one in pairwise(layers):
            assert one["output"] == next_one["input"]
            assert one["output_gradient"] == next_one["input_gradient"]


@each_kind
def test_the_classifier_does_not_change(classifiers, kind):
    before = classifiers[kind].to_bytes()
    assert to_dict(trace_step(classifiers[kind], TEXT, "positive", steps=3)) == to_dict(
        trace_step(classifiers[kind], TEXT, "positive", steps=3)
    )
    assert classifiers[kind].to_bytes() == before


def test_features_and_their_counts(classifiers):
    found = trace_step(classifiers["linear"], TEXT, "positive")
    assert dict(zip(found.features, found.counts, strict=True)) == {
        **{"not": 2, "good": 1, "not good": 0, ",": 1, "good ,": 1, ", not": 1, "bad": 1, "not bad": 1},
        "not good": 1,
    }
    assert [word.text for word, known in zip(found.words, found.known, strict=True) if not known] == ["at", "all"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(classifiers, name):
    """Compare with one step of the optimizer itself, on the same numbers."""
    found = trace_step(classifiers["sigmoid"], TEXT, "positive", optimizer=name, learning_rate=0.1)
    own = OPTIMIZERS[name]()
    for call in found.layers:
        for key, value in call.before.items():
            moved = value.copy()
            own.step([(f"{call.name}.{key}", moved, call.grads[key])], 0.1)
            assert np.array_equal(moved, call.after[key])
    assert found.outcomes[1].loss < found.outcomes[0].loss


def test_settings_default_to_those_of_the_training(new_classifier):
    train = {"loss": "squared_error", "optimizer": {"name": "momentum", "momentum": 0.5, "learning_rate": 0.3}}
    classifier = new_classifier(TEXTS, train=train)
    found = trace_step(classifier, TEXT, "positive")
    assert (found.loss, found.learning_rate, found.optimizer.momentum) == ("squared_error", 0.3, 0.5)
    found = trace_step(classifier, TEXT, "positive", loss="cross_entropy", optimizer="sgd", learning_rate=2.0)
    assert (found.loss, found.learning_rate, type(found.optimizer)) == ("cross_entropy", 2.0, SGD)


@each_kind
@pytest.mark.parametrize("text", ["", "zzz", "good"])
def test_little_or_nothing_to_learn_from(classifiers, kind, text):
    found = trace_step(classifiers[kind], text, "negative", optimizer="sgd")
    assert to_dict(found)["layers"][0]["name"] == "embedding"
    assert found.outcomes[1].loss < found.outcomes[0].loss
    assert lines(found)


def test_divergence(classifiers, complaint):
    line = complaint(
        inspection_trace.Diverged, trace_step, classifiers["linear"], TEXT, "positive", "cross_entropy", "sgd", 1e308, 3
    )
    assert "lower --learning-rate" in line
    assert inspection_trace.Diverged("").exit_code == 4


# --- the formulas


def evaluated(expression):
    """Return the value of an expression."""
    code = expression.replace("^", "**").replace("e**", "math.e**").replace("log", "math.log")
    code = re.sub(r"(?<=\()(-?[\d.e+-]+ > 0)(?=\))", r"float(\1)", code)
    return eval(code, {"math": math, "sqrt": math.sqrt, "tanh": math.tanh, "max": max, "float": float})


@each_kind
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_every_line_is_right(classifiers, kind, loss, optimizer):
    """The value of each expression is the number of the layer, within the precision of four digits."""
    for label in ("positive", "negative"):
        found = trace_step(classifiers[kind], TEXT, label, loss=loss, optimizer=optimizer, learning_rate=0.1)
        shown = lines(found)
        assert len(shown) > 20
        for line in shown:
            assert evaluated(line.expression) == pytest.approx(line.value, rel=5e-3, abs=2e-3), line


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_update_is_right(classifiers, name):
    found = trace_step(classifiers["sigmoid"], TEXT, "positive", optimizer=name, learning_rate=0.1)
    section = next(section for section in sheet(found, 100).sections if section.title == "Update")
    updates = [line for line in section.lines if isinstance(line, Number)]
    assert len(updates) == 2 * 4 + 1  # two of each tensor, and the output's bias
    for line in updates:
        assert evaluated(line.expression) == pytest.approx(line.value, rel=1e-2, abs=1e-3), line
    assert section.lines[0].source.startswith("nn.optim.")


def test_a_wrong_formula_is_found(classifiers, monkeypatch):
    wrong = layer_formulas.ActivationFormula(lambda x: f"tanh({x})", lambda dy, x, y: f"{dy} * (1 - {y})")
    monkeypatch.setitem(layer_formulas.ACTIVATIONS, Tanh, wrong)
    with pytest.raises(AssertionError):
        test_every_line_is_right(classifiers, "tanh, sum", "cross_entropy", "sgd")


@each_kind
def test_every_source_exists(classifiers, kind):
    import importlib

    formulas = lines(trace_step(classifiers[kind], TEXT, "positive"), kind=Formula)
    assert {"nn.layers.sigmoid", "nn.losses.cross_entropy", "nn.layers.Linear.backward"} <= {f.source for f in formulas}
    for formula in formulas:
        parts = formula.source.split(".")
        found = importlib.import_module(f"sentibp.{'.'.join(parts[:2])}")
        for name in parts[2:]:
            found = getattr(found, name)
        assert callable(found)


def test_one_word_is_a_word(classifiers):
    said = [lines(trace_step(classifiers["linear"], text, "positive"), kind=str) for text in ("good", "good film")]
    assert "1 known word or n-gram; it has a row in the embedding" in said[0]
    assert any(line.endswith("known words and n-grams; each has a row in the embedding") for line in said[1])


def test_dims_limit_what_is_shown(classifiers):
    found = trace_step(classifiers["linear"], TEXT, "positive")
    assert len(lines(found, dims=1)) < len(lines(found, dims=4)) < len(lines(found, dims=16))
    for table in lines(found, dims=2, kind=Table):
        assert len([name for name in table.columns if name.startswith("[")]) <= 2
    rows = [[table for table in lines(found, dims=dims, kind=Table) if "times" in table.columns] for dims in (2, 16)]
    assert [["..." in table.columns for table in tables] for tables in rows] == [[True] * 2, [False] * 2]
    for table in (table for tables in rows for table in tables):
        assert all(len(values) == len(table.columns) - 1 for _, values in table.rows)
    assert any("..." in line.expression for line in lines(found, dims=2))
    assert not any("..." in line.expression for line in lines(found, dims=16))


def test_skip_connections_go_both_ways(classifiers):
    found = trace_step(classifiers["all of it"], TEXT, "positive")
    titles = [section.title for section in sheet(found, 4).sections]
    back = titles[titles.index("Backward") :]
    assert [title for title in back if title.startswith("hidden.1")] == [
        *("hidden.1: Residual", "hidden.1.activation: ReLU", "hidden.1.norm: BatchNorm", "hidden.1: Linear"),
        "hidden.1: Residual",
    ]
    shown = [line.left for line in lines(found)]
    assert shown.index("dr1'[1]") < shown.index("dr1[1]")


def test_another_kind_of_layer(classifiers):
    class Doubles(Layer):
        def forward(self, x, *, train=False):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    known = classifiers["linear"]
    inner = dict(known.network.layers)
    network = Sequential({"embedding": inner["embedding"], "twice": Doubles(), "output": inner["output"]})
    found = trace_step(replace(known, network=network), TEXT, "positive")
    assert [layer["name"] for layer in to_dict(found)["layers"]] == ["embedding", "twice", "output"]
    sources = [formula.source for formula in lines(found, kind=Formula)]
    assert any(source.endswith("Doubles.backward") for source in sources)


# --- more than two labels


@pytest.fixture(scope="module")
def several(new_classifier):
    model = {"hidden": [3], "embedding": {"dim": 4}}
    return {head: heads.random_classifier(new_classifier, head, TEXTS, model, seed=1) for head in heads.HEADS}


each_head = pytest.mark.parametrize("head", heads.HEADS)


@each_head
@pytest.mark.parametrize("loss", LOSSES)
def test_every_gradient_of_several_labels_is_the_derivative(several, head, loss):
    classifier = several[head]
    for number, label in enumerate(classifier.spec.labels):
        found = trace_step(classifier, TEXT, label, loss=loss)
        network = eval_mode(classifier.network, _ids(classifier, found))
        review, target = _review(found, classifier), np.array([number])
        value, dz = loss_on(loss)(network.forward(review, train=True), target, None)
        assert (found.outcomes[0].loss, found.dz) == (value, dz[0].tolist())
        network.backward(dz)
        errors = gradcheck.check_network(network, loss_on(loss), review, target, np.random.default_rng(0))
        assert max(errors.values()) < gradcheck.TOLERANCE
        for call in found.layers:
            for name in call.before:
                gradient = inspection_trace.dense_gradient(call.grads[name], call.before[name])
                expected = network.grads[f"{call.name}.{name}"]
                expected = inspection_trace.dense_gradient(expected, network.params[f"{call.name}.{name}"])
                assert gradient == pytest.approx(expected, abs=1e-12)


@each_head
@pytest.mark.parametrize("loss", LOSSES)
def test_every_line_of_several_labels_is_right(several, head, loss):
    classifier = several[head]
    for label in classifier.spec.labels:
        found = trace_step(classifier, TEXT, label, loss=loss, optimizer="sgd", learning_rate=0.1)
        shown = lines(found)
        names = {line.left for line in shown}
        assert {f"p[{k + 1}]" for k in range(len(classifier.spec.labels))} <= names
        if head.startswith("scale"):
            assert {"z", "u", "dz", "du", "l[1]", "dl[1]"} <= names
        for line in shown:
            assert evaluated(line.expression) == pytest.approx(line.value, rel=1e-2, abs=5e-3), line


@each_head
def test_the_trace_of_several_labels_as_json(several, head):
    classifier = several[head]
    found = to_dict(trace_step(classifier, TEXT, classifier.spec.labels[1], steps=2))
    probabilities = classifier.predict(strings([TEXT])).positive[0]
    assert found["before"]["probabilities"] == pytest.approx(probabilities, abs=1e-5)
    assert found["layers"][-1]["output"] == found["before"]["logits"]
    assert len(found["logit_gradient"]) == len(probabilities)
    assert found["after"]["loss"] < found["before"]["loss"]
    json.dumps(found, allow_nan=False)


def test_the_numbers_of_the_scale_have_the_numbers_of_their_labels(several):
    """The bias of the ends is always 0, so that the update begins with that of the second label."""
    shown = [line.left for line in lines(trace_step(several["scale of 5"], TEXT, "2"))]
    assert "c[2]" in shown
    assert "c[1]" not in shown


def test_many_labels_are_shortened(new_classifier):
    names = [f"label {i}" for i in range(30)]
    model = {"hidden": [], "output": "softmax"}
    classifier = new_classifier(TEXTS, model=model, data={"labels": names, "ordered": False})
    found = trace_step(classifier, TEXT, "label 20")
    shown = [line.left for line in lines(found, dims=2)]
    assert "p[8]" in shown
    assert "p[9]" not in shown
    assert "p[21]" in shown, "that of its own label"
    assert any("..." in line.expression for line in lines(found, dims=2))
