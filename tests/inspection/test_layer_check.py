"""Right layers pass the check, and each classic mistake, planted in a layer, is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sentibp.errors import ConfigError
from sentibp.inspection import layer_cases, layer_check, layer_diagnosis
from sentibp.inspection.layer_check import LayerFailed

LINEAR = """
import numpy as np
from sentibp.nn import Layer

class Mine(Layer):
    def __init__(self, weight, bias):
        super().__init__(weight=weight, bias=bias)

    def forward(self, x, *, train=False):
        if train:
            self._saved = x
        return x @ self.params["weight"] + self.params["bias"]

    def backward(self, dy):
        x = self._take()
        self.grads = {"weight": x.T @ dy, "bias": dy.sum(axis=0)}
        return dy @ self.params["weight"].T
"""

BAG = """
import numpy as np
from sentibp.nn import Layer, RowGrad

class Bag(Layer):
    def __init__(self, weight):
        super().__init__(weight=weight)

    def forward(self, x, *, train=False):
        if train:
            self._saved = x
        y = np.zeros((len(x.lengths), self.params["weight"].shape[1]))
        np.add.at(y, x.review, self.params["weight"][x.ids])
        return y / np.maximum(x.lengths, 1)[:, None]

    def backward(self, dy):
        x = self._take()
        share = (dy / np.maximum(x.lengths, 1)[:, None])[x.review]
        gradient = np.zeros_like(self.params["weight"])
        np.add.at(gradient, x.ids, share)
        self.grads = {"weight": gradient}
"""


@pytest.fixture
def check(here):
    """check(source, (old, new), ...): check a file with that source after the replacements."""

    def check(source, *changes):
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        Path("my_layer.py").write_text(source)
        return layer_check.check_file(Path("my_layer.py"))

    return check


@pytest.mark.parametrize("source", [LINEAR, BAG])
def test_right_layers_pass(check, source):
    (result,) = check(source)
    assert result.ok
    assert {tensor.name for tensor in result.tensors} == ({"weight", "bias", "x"} if source is LINEAR else {"weight"})
    assert all(tensor.error < 1e-8 and tensor.mistake is None for tensor in result.tensors)


@pytest.mark.parametrize(
    ("source", "old", "new", "wrong", "mistake"),
    [
        (LINEAR, '"weight": x.T', '"weight": -x.T', "weight", "sign"),
        (LINEAR, "return dy @", "return -dy @", "x", "sign"),
        (LINEAR, "x.T @ dy", "dy.T @ x", "weight", "transposed"),
        (LINEAR, ', "bias": dy.sum(axis=0)', "", "bias", "forgotten bias"),
        (LINEAR, "dy.sum(axis=0)", "np.zeros(dy.shape[1])", "bias", "forgotten bias"),
        (LINEAR, "x.T @ dy", "0 * x.T @ dy", "weight", "forgotten: backward sets no gradient"),
        (LINEAR, "dy.sum(axis=0)", "dy", "bias", "not summed over the batch"),
        (LINEAR, "dy.sum(axis=0)", "dy.mean(axis=0)", "bias", "1/n twice: it is 5 times too small"),
        (LINEAR, "x.T @ dy", "x.T @ dy / len(x)", "weight", "1/n twice"),
        (LINEAR, "return dy @", "return 2 * dy @", "x", "a factor: it is 2 times"),
        (LINEAR, "x.T @ dy", "np.abs(x.T @ dy)", "weight", "none of the classic mistakes"),
        (BAG, "share = (dy / np.maximum(x.lengths, 1)[:, None])", "share = dy", "weight", "missing 1/n: it is 3 times"),
        (BAG, "np.add.at(gradient, x.ids, share)", "gradient[x.ids] += share", "weight", "repeated ids counted once"),
        (BAG, '"weight": gradient', '"weight": RowGrad(x.ids, share)', "weight", "repeated ids counted once"),
        (
            BAG,
            "dy / np.maximum(x.lengths, 1)[:, None]",
            "dy / x.lengths.max()",
            "weight",
            "right only where all reviews",
        ),
        (BAG, "np.maximum(x.lengths, 1)[:, None]", "x.lengths[:, None]", "weight", "an empty review"),
    ],
)
def test_each_mistake_is_named(check, source, old, new, wrong, mistake):
    (result,) = check(source, (old, new))
    assert not result.ok
    by_name = {tensor.name: tensor for tensor in result.tensors}
    assert not by_name[wrong].ok
    assert by_name[wrong].mistake.startswith(mistake)
    assert all(tensor.ok and tensor.mistake is None for name, tensor in by_name.items() if name != wrong)


def test_reduceat_is_wrong_for_empty_reviews(check):
    forward = BAG.partition("y = np.zeros")[0] + (
        'rows = np.vstack([self.params["weight"][x.ids], 0 * self.params["weight"][:1]])\n'
        "        y = np.add.reduceat(rows, x.offsets[:-1])\n"
        "        return y / np.maximum(x.lengths, 1)[:, None]\n\n    def backward"
    )
    (result,) = check(forward + BAG.partition("def backward")[2])
    assert result.tensors[0].mistake.startswith("an empty review")


def test_a_missing_transpose(check, complaint):
    """It raises an error, and on a square matrix it gives a wrong gradient, as an example in the file may have."""
    change = ('["weight"].T', '["weight"]')
    with pytest.raises(LayerFailed) as caught:
        check(LINEAR, change)
    assert caught.value.exit_code == 1
    crash, likely = caught.value.lines
    assert crash.startswith("my_layer.py:17: in backward: ValueError: matmul")
    assert likely.startswith("likely: x: transposed: forward multiplies by weight")
    square = "\ndef example(rng):\n    return Mine(rng.random((3, 3)), rng.random(3)), rng.random((2, 3))\n"
    (result,) = check(LINEAR + square, change)
    assert [tensor.mistake and tensor.mistake[:10] for tensor in result.tensors] == [None, None, "transposed"]


def test_the_layers_of_the_package_pass(check):
    names = ["EmbeddingBag", "Linear", "ReLU", "Tanh", "Sigmoid", "Dropout", "BatchNorm"]
    source = "from sentibp import nn\n" + "".join(f"class My{name}(nn.{name}):\n    pass\n" for name in names)
    results = check(source)
    assert [result.layer for result in results] == [f"My{name}" for name in names]
    assert all(result.ok for result in results), results


def test_an_example_in_the_file(check, complaint):
    strange = LINEAR.replace("weight, bias):", "weight, bias, gamma):")
    line = complaint(ConfigError, check, strange)
    assert line.startswith("my_layer.py: Mine: no value for gamma; add `def example(rng):`")
    example = "\ndef example(rng):\n    return Mine(rng.random((6, 3)), rng.random(3), 1), rng.random((4, 6))\n"
    assert check(strange + example)[0].ok
    assert "returns a int first" in complaint(ConfigError, check, LINEAR + "\ndef example(rng):\n    return 1, 2\n")
    line = complaint(ConfigError, check, LINEAR + "\ndef example(rng):\n    return 1 / 0\n")
    assert line.startswith("my_layer.py:20: in example: ZeroDivisionError: division by zero; example(rng) returns")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("x = self._take()", "x = self._takes()", "my_layer.py:15: in backward: AttributeError: "),
        ('return dy @ self.params["weight"].T', "", "my_layer.py: Mine.backward: returns nothing"),
        ("return x @", "x += 1\n        return x @", "my_layer.py: Mine.forward: writes into its "),
        ("x = self._take()", "x = self._take(); dy *= 2", "my_layer.py: Mine.backward: writes into dy"),
        (
            '{"weight": x.T @ dy',
            '{"weight": self.grads.get("weight", 0) + x.T @ dy',
            "my_layer.py: Mine.backward: adds ",
        ),
        (
            'return x @ self.params["weight"] + self.params["bias"]',
            "return 1.0",
            "my_layer.py: Mine.forward: returns float",
        ),
    ],
)
def test_a_broken_contract_is_reported(check, complaint, old, new, line):
    assert complaint(LayerFailed, check, LINEAR, (old, new)).startswith(line)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\n", "my_layer.py: defines no layer; write `from sentibp.nn import Layer`"),
        ("from sentibp.nn import Linear\n", "my_layer.py: defines no layer"),
        ("class Mine:\n    pass\n", "my_layer.py: Mine: not a Layer with its own forward and backward"),
        (LINEAR.replace("def backward", "def backwards"), "my_layer.py: Mine: not a Layer"),
        ("def f(:\n", "my_layer.py:1: invalid syntax"),
        ("\nimport nosuch\n", "my_layer.py:2: ModuleNotFoundError: No module named 'nosuch'"),
        (LINEAR.replace("weight=weight, bias=bias", "weight=weights"), "my_layer.py:7: in __init__: NameError"),
        (LINEAR.replace("weight=weight,", "weight='w',"), "my_layer.py: Mine: params['weight'] is not an array"),
    ],
)
def test_files_without_a_layer(check, complaint, source, line):
    assert complaint(ConfigError, check, source).startswith(line)


def test_no_such_file(here, complaint):
    assert complaint(ConfigError, layer_check.check_file, Path("nosuch.py")).startswith(
        "--layer nosuch.py: no such file"
    )


def test_numerical_gradients(check):
    """For y = x @ w + b the gradients are known."""
    check(LINEAR)
    module = layer_check._execute(Path("my_layer.py"))
    (case, _) = layer_cases.cases(Path("my_layer.py"), module, module.Mine)
    layer, x = case.make()
    dy = layer_diagnosis.output_gradient((5, 2))
    gradients = layer_diagnosis.numerical_gradients(case)
    assert gradients["weight"] == pytest.approx(x.T @ dy, abs=1e-8)
    assert gradients["bias"] == pytest.approx(dy.sum(axis=0), abs=1e-8)
    assert gradients["x"] == pytest.approx(dy @ layer.params["weight"].T, abs=1e-8)
    assert np.array_equal(x, case.make()[1])
