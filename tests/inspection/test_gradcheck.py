"""The gradients of whole classifiers are right on their own data, and planted mistakes are found."""

from __future__ import annotations

import json
from pathlib import Path

import heads
import numpy as np
import pyarrow as pa
import pytest

from sentibp.config.load import load_config
from sentibp.data.examples import Examples
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import gradcheck
from sentibp.model.calibration import Calibration
from sentibp.model.file import load_model
from sentibp.model.fold import calibrated
from sentibp.nn import layers
from sentibp.nn.heads import AdaptiveTemperature, Cumulative, Scale
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.training.experiment import train_model
from sentibp.utils.arrow import strings

KINDS = {
    "linear": ["model.hidden=[]"],
    "relu": ["model.hidden=[8,4]"],
    "squared error": ["train.loss=squared_error", "model.activation=sigmoid"],
    "weights": ["train.class_weight={negative: 2, positive: 1}", "model.embedding.pooling=sqrt"],
    "all of it": [
        *("model.hidden=[16,16]", "model.batch_norm=true", "model.residual=true", "model.dropout=0.2"),
        "train.word_dropout=0.1",
    ],
    "plain": ["train.math=plain", "model.embedding.pooling=sum", "model.activation=tanh"],
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradients_of_every_kind_of_network_are_right(kind):
    classifier, examples = gradcheck.build_with_sample(load_config("quickstart", KINDS[kind]), 64)
    before = classifier.to_bytes()
    result = gradcheck.check_gradients(classifier, examples)
    assert result.ok
    assert [tensor.name for tensor in result.tensors] == list(classifier.network.params)
    for tensor in result.tensors:
        assert tensor.error <= result.tolerance
        assert 0 < tensor.reached <= 1
        lost_in_batch_norm = kind == "all of it" and tensor.name.startswith("hidden") and tensor.name.endswith("bias")
        faint = "norm" not in tensor.name and lost_in_batch_norm
        assert tensor.verdict == ("too faint to tell" if faint else "right"), tensor
    assert (result.compared, result.reviews) == (16, 64)
    assert classifier.to_bytes() == before
    assert result == gradcheck.check_gradients(classifier, examples)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("layer", "wrong"),
    [(layers.Linear, "hidden.0.weight"), (FastEmbeddingBag, "embedding.weight"), (layers.ReLU, "hidden.0.weight")],
)
def test_a_planted_mistake_is_found(monkeypatch, layer, wrong):
    right = layer.backward

    def backward(self, dy):
        dx = right(self, dy)
        self.grads = {
            name: layers.RowGrad(g.rows, 1.001 * g.values) if isinstance(g, layers.RowGrad) else 1.001 * g
            for name, g in self.grads.items()
        }
        return dx if layer is not layers.ReLU else 1.001 * dx

    monkeypatch.setattr(layer, "backward", backward)
    classifier, examples = gradcheck.build_with_sample(load_config("quickstart"), 64)
    result = gradcheck.check_gradients(classifier, examples)
    assert not result.ok
    assert wrong in [tensor.name for tensor in result.tensors if tensor.verdict == "wrong"]


@pytest.mark.usefixtures("here")
def test_an_overconfident_model_can_be_checked(monkeypatch):
    """Its loss is almost 0, and so are the gradients of the loss."""
    classifier, examples = gradcheck.build_with_sample(load_config("quickstart", ["model.hidden=[]"]), 64)
    x = np.zeros((len(examples), len(classifier.vocabulary)), np.float32)
    np.add.at(
        x, (examples.features.review, examples.features.ids), 1 / examples.features.lengths[examples.features.review]
    )
    target = 25.0 * (2 * examples.label.astype(np.float32) - 1)
    weight = classifier.tensors()["embedding.weight"]
    weight[...] = 0
    weight[:, 0] = np.linalg.lstsq(x, target, rcond=None)[0]
    classifier.tensors()["output.weight"][...] = np.eye(16, 1)
    classifier.tensors()["output.bias"][...] = 0
    found = gradcheck.check_gradients(classifier, examples).tensors
    assert [tensor.verdict for tensor in found] == ["right"] * len(found), found
    right = layers.Linear.backward
    monkeypatch.setattr(layers.Linear, "backward", lambda self, dy: -right(self, dy))
    assert gradcheck.check_gradients(classifier, examples).tensors[0].verdict == "wrong"


@pytest.mark.usefixtures("here")
def test_the_share_of_entries_that_gradients_reach():
    classifier, examples = gradcheck.build_with_sample(load_config("quickstart", ["model.hidden=[8]"]), 64)
    classifier.tensors()["hidden.0.bias"][:2] = -100  # two units of ReLU that are always 0
    subset = gradcheck.Examples(examples.features.slice(0, 10), examples.label[:10])
    by_name = {tensor.name: tensor for tensor in gradcheck.check_gradients(classifier, subset).tensors}
    assert by_name["hidden.0.bias"].reached == 0.75
    assert by_name["output.weight"].reached == 0.75
    seen = len(np.unique(subset.features.ids)) / len(classifier.vocabulary)
    assert by_name["embedding.weight"].reached == pytest.approx(seen, abs=0.02)
    assert by_name["output.bias"].reached == 1


@pytest.mark.usefixtures("here")
def test_a_kink_of_relu_is_not_a_mistake(new_classifier, examples_of):
    """A unit that is at its kink for one direction is not for others. Biases of 0 are moved."""
    classifier, examples = gradcheck.build_with_sample(load_config("quickstart"), 16)
    assert not classifier.network.params["hidden.0.bias"].any()
    assert gradcheck.check_gradients(classifier, examples).ok


def test_a_trained_model_and_its_data(here, new_classifier, write_config, complaint):
    lines = "".join(f"{text},{label}\n" for text, label in [("good film", 1), ("bad film", 0)] * 8)
    (here / "own.csv").write_text("text,label\n" + lines)
    classifier = new_classifier(["good film", "bad film"], data={"source": str(here / "own.csv")})
    (here / "model.safetensors").write_bytes(classifier.to_bytes())
    loaded, examples = gradcheck.load_with_sample("model.safetensors", 10)
    assert len(examples) == 10
    assert gradcheck.check_gradients(loaded, examples).ok
    assert len(gradcheck.load_with_sample("model.safetensors", 10, "xor")[1]) == 4
    (here / "own.csv").unlink()
    line = complaint(DataError, gradcheck.load_with_sample, "model.safetensors", 10)
    assert line.startswith("the training data of the model: ")
    assert line.endswith("--data")


def test_a_config_that_starts_from_a_model(here, new_classifier, complaint):
    (here / "model.safetensors").write_bytes(new_classifier(["good film"], model={"hidden": [4]}).to_bytes())
    resolved = load_config("xor", ["model.init_from=model.safetensors", "model.hidden=[4]", "model.embedding.dim=16"])
    classifier, examples = gradcheck.build_with_sample(resolved, 4)
    assert len(classifier.vocabulary) == 3 + 2  # known to the model, and new
    assert gradcheck.check_gradients(classifier, examples).ok
    missing = load_config("xor", ["model.init_from=nosuch"])
    assert complaint(ConfigError, gradcheck.build_with_sample, missing, 4).startswith(
        "model.init_from: nosuch: no such run"
    )


@pytest.mark.usefixtures("here")
def test_no_known_word(complaint):
    rare = load_config("quickstart", ["text.min_count=1000"])
    assert complaint(DataError, gradcheck.build_with_sample, rare, 8).startswith(
        "no word occurs 1000 times in 8 reviews"
    )


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("head", heads.HEADS)
def test_the_gradients_of_every_head_are_right(tmp_path, head, loss):
    data, output = heads.HEADS[head]
    heads.write_reviews(tmp_path / "reviews.csv", data["labels"])
    changes = [f"data.{key}={json.dumps(value)}" for key, value in data.items()]
    changes += [f"data.source={tmp_path / 'reviews.csv'}", f"model.output={output}", f"train.loss={loss}"]
    weight = {name: 1 + i for i, name in enumerate(data["labels"])}
    changes += [f"train.class_weight={json.dumps(weight)}", "model.embedding.init=normal"]
    classifier, examples = gradcheck.build_with_sample(load_config("quickstart", changes), 64)
    result = gradcheck.check_gradients(classifier, examples)
    assert result.ok
    assert {tensor.verdict for tensor in result.tensors} == {"right"}
    assert result.labels == len(data["labels"])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("head", "layer"), [("scale of 5", Scale), ("cumulative", Cumulative)])
def test_a_planted_mistake_in_a_head_is_found(monkeypatch, tmp_path, head, layer):
    data, output = heads.HEADS[head]
    heads.write_reviews(tmp_path / "reviews.csv", data["labels"])
    changes = [f"data.source={tmp_path / 'reviews.csv'}", f"data.labels={json.dumps(data['labels'])}"]
    classifier, examples = gradcheck.build_with_sample(
        load_config("quickstart", [*changes, f"model.output={output}", "model.embedding.init=normal"]), 64
    )
    right = layer.backward

    def backward(self, dy):
        dx = right(self, dy)
        self.grads = {name: 1.001 * gradient for name, gradient in self.grads.items()}
        return dx

    monkeypatch.setattr(layer, "backward", backward)
    result = gradcheck.check_gradients(classifier, examples)
    assert [tensor.name for tensor in result.tensors if tensor.verdict == "wrong"] == [
        "scale.bias" if layer is Scale else "thresholds.gaps"
    ]


@pytest.mark.usefixtures("here")
def test_the_temperature_that_calibration_adds_is_checked_too(monkeypatch, tmp_path):
    heads.write_reviews(tmp_path / "reviews.csv", ["apple", "pear", "fig"])
    changes = [f"data.source={tmp_path / 'reviews.csv'}", "data.labels=[apple, pear, fig]", "data.ordered=false"]
    classifier, _ = gradcheck.build_with_sample(load_config("quickstart", changes), 64)
    adaptive = calibrated(classifier, Calibration(power=0.6, spread=0.5))
    Path("model.safetensors").write_bytes(adaptive.to_bytes())
    checked = gradcheck.check_gradients(*gradcheck.load_with_sample("model.safetensors", 64))
    assert {tensor.name: tensor.verdict for tensor in checked.tensors}["temperature.power"] == "right"
    assert checked.ok

    right = AdaptiveTemperature.input_gradient
    monkeypatch.setattr(AdaptiveTemperature, "input_gradient", lambda self, dy: right(self, dy) * 1.001)
    wrong = gradcheck.check_gradients(*gradcheck.load_with_sample("model.safetensors", 64))
    verdicts = {tensor.name: tensor.verdict for tensor in wrong.tensors}
    assert verdicts["output.weight"] == "wrong"
    assert verdicts["temperature.power"] == "right"


def test_a_linear_classifier_in_a_network_has_units_without_input(here, write_config):
    """It passes through relu(z) and relu(-z). In a review without its features, both are at their kink."""
    resolved = write_config(train={"linear_member": True, "epochs": 1}, data={"source": "sample"})
    outcome = train_model(resolved)
    classifier = load_model(outcome.model)
    assert (classifier.network.params["hidden.0.bias"] == 0).sum() >= 2
    unknown = pa.chunked_array([strings(["zzz", "qqq", *["good film", "bad film"] * 7])])
    examples = Examples(classifier.encode(unknown)[0], np.tile([0, 1], 8).astype(np.int8))
    assert gradcheck.check_gradients(classifier, examples).ok
