"""`sentibp gradcheck`: a model, a config, a user's layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentibp.nn import layers

LAYER = """
from sentibp.nn import Linear

class Mine(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads = {**self.grads, "weight": SIGN * self.grads["weight"]}
        return dx
"""


def test_the_last_model(sentibp, trained):
    output = sentibp("gradcheck", "--json").json
    assert set(output) == {"tensors", "compared", "reviews", "loss", "tolerance", "ok"}
    assert output["ok"] is True
    assert output["tensors"][0]["name"] == "embedding.weight"
    for tensor in output["tensors"]:
        assert set(tensor) == {"name", "shape", "gradient", "reached", "error", "verdict"}
        assert tensor["error"] < 1e-6
    assert sentibp("gradcheck", "-m", trained, "--json").json == output
    out = sentibp("gradcheck").out
    assert out.splitlines()[0].split() == ["tensor", "shape", "reached", "gradient", "error", "verdict"]
    assert out.splitlines()[-1] == "no error is over 1e-06"
    assert max(map(len, out.splitlines())) <= 80
    assert sentibp("gradcheck", "--data", "xor", "--json").json["reviews"] == 4


def test_a_config(sentibp):
    output = sentibp("gradcheck", "xor", "--set", "model.hidden=[4,4]", "--reviews", "3", "--json").json
    assert output["ok"] is True
    assert output["reviews"] == 3
    assert [tensor["shape"] for tensor in output["tensors"] if tensor["name"] == "hidden.1.weight"] == [[4, 4]]


def test_a_wrong_derivative_exits_with_1(sentibp, monkeypatch):
    monkeypatch.setattr(layers.Tanh, "derivative", lambda self, y: 1 - y)
    result = sentibp("gradcheck", "xor", code=1)
    assert "\nwrong: embedding.weight, hidden.0.weight, hidden.0.bias: the error is over 1e-06\n" in result.out
    assert sentibp("gradcheck", "xor", "--json", code=1).json["ok"] is False
    assert sentibp("gradcheck", "xor", "--tolerance", "10").out.endswith("no error is over 10\n")


def test_a_gradient_that_is_too_faint_is_explained(sentibp):
    """Batch normalisation takes off what a bias before it adds, so that the bias has no gradient."""
    out = sentibp("gradcheck", "xor", "--set", "model.batch_norm=true", "--set", "data.source=sample").out
    assert "too faint to tell (1 of 7 tensors): the gradient is shorter than 1e-05," in out
    assert max(map(len, out.splitlines())) <= 80
    assert "too faint" not in sentibp("gradcheck", "xor").out


@pytest.mark.parametrize("sign", [1, -1])
def test_a_layer(sentibp, here, sign):
    Path("my_layer.py").write_text(LAYER.replace("SIGN", str(sign)))
    result = sentibp("gradcheck", "--layer", "my_layer.py", code=0 if sign == 1 else 1)
    output = sentibp("gradcheck", "--layer", "my_layer.py", "--json", code=0 if sign == 1 else 1).json
    assert output["ok"] is (sign == 1)
    (layer,) = output["layers"]
    assert layer["layer"] == "Mine"
    mistakes = {tensor["name"]: tensor["mistake"] for tensor in layer["tensors"]}
    if sign == 1:
        assert result.out.startswith("Mine: every gradient is right\n")
        assert not any(mistakes.values())
    else:
        assert result.out.startswith("Mine: wrong\n")
        assert "\nweight: sign: " in result.out
        assert mistakes["weight"].startswith("sign")


def test_help_warns_that_the_file_is_executed(sentibp):
    text = " ".join(sentibp("gradcheck", "--help").out.split())
    assert "The file is executed: use only files that you trust." in text


def test_mistakes(fails, here):
    assert fails(2, "gradcheck").startswith("no finished run here")
    assert fails(2, "gradcheck", "nosuch").startswith("nosuch")
    assert fails(2, "gradcheck", "xor", "-m", "last").startswith("CONFIG and -m: only one thing can be checked")
    assert fails(2, "gradcheck", "--set", "model.hidden=[]").startswith("--set model.hidden=[]: ")
    assert fails(2, "gradcheck", "xor", "--data", "xor").startswith("--data: ")
    assert fails(2, "gradcheck", "xor", "--tolerance", "nan").startswith("--tolerance nan")
    assert fails(2, "gradcheck", "--layer", "nosuch.py").startswith("--layer nosuch.py: no such file")
    Path("empty.py").write_text("")
    assert fails(2, "gradcheck", "--layer", "empty.py").startswith("empty.py: defines no layer")
    Path("crash.py").write_text(LAYER.replace("SIGN", "NOSUCH"))
    assert fails(1, "gradcheck", "--layer", "crash.py").startswith("crash.py:7: in backward: NameError")
