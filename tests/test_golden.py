"""Models of every format there has been load for ever, and say what they said (tests/golden/make.py tells how)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sentibp.errors import DataError
from sentibp.model import file as model_file
from sentibp.nn.heads import scale_shares
from sentibp.utils import tensor_file
from sentibp.utils.arrow import strings

GOLDEN = Path(__file__).parent / "golden"
FORMATS = range(1, model_file.FORMAT + 1)


def expected(number: int) -> dict[str, dict]:
    return json.loads((GOLDEN / f"format{number}.json").read_text("utf-8"))


def assert_same_logits(found: np.ndarray, told: np.ndarray, number: int) -> None:
    before = np.array([float.fromhex(each) for each in told])
    assert (np.abs(found - before) <= (4 * np.spacing(np.abs(before).astype(np.float32)) if number >= 7 else 0)).all()


@pytest.mark.parametrize("number", FORMATS)
def test_an_old_model_says_what_it_said(number):
    """The logit to the last bit, on any machine; probability and temperature as exactly as an exponential is."""
    header, _ = tensor_file.read_tensor_file(GOLDEN / f"format{number}.safetensors")
    assert header["format"] == number  # not one that a newer program wrote
    said = expected(number)
    classifier = model_file.load_model(GOLDEN / f"format{number}.safetensors")
    features, tokens, unknown = classifier.encode(strings(said))
    logits = classifier.logits(features)
    positive = classifier.predict(strings(said)).positive
    for i, told in enumerate(said.values()):
        assert_same_logits(np.atleast_1d(logits[i]), np.atleast_1d(told["logit"]), number)
        assert (tokens[i], unknown[i]) == (told["tokens"], told["unknown"])
        before = np.array([float.fromhex(each) for each in np.atleast_1d(told["positive"])])
        assert (np.abs(positive[i] - before) <= 4 * np.spacing(before)).all()


@pytest.mark.parametrize("number", FORMATS)
def test_swapped_labels_are_refused(number, tmp_path):
    content = (GOLDEN / f"format{number}.safetensors").read_bytes()
    names = ["negative", "positive"] if number < 6 else ["negative", "neutral", "positive"]
    before, after = (json.dumps(labels).replace('"', '\\"').encode() for labels in (names, names[::-1]))
    assert content.count(before) == 1
    (tmp_path / "model.safetensors").write_bytes(content.replace(before, after))
    with pytest.raises(DataError, match=r"damaged: its (labels|content)"):
        model_file.load_model(tmp_path / "model.safetensors")


@pytest.mark.parametrize("number", FORMATS)
def test_no_machine_can_say_otherwise(number):
    """Every sum is of multiples of a power of two, and even without their signs within 24 bits of it: no partial sum is
    rounded, in whatever order. If a golden file is made anew, this must hold of it."""
    classifier = model_file.load_model(GOLDEN / f"format{number}.safetensors")
    tensors = {name: tensor.astype(np.float64) for name, tensor in classifier.tensors().items()}
    for name, tensor in tensors.items():
        assert (tensor * 64 == np.round(tensor * 64)).all(), name
    features, _, _ = classifier.encode(strings(expected(number)))
    for start, stop in zip(features.offsets[:-1], features.offsets[1:], strict=True):
        rows = tensors["embedding.weight"][features.ids[start:stop]]
        pooled, unsigned = rows.sum(axis=0), np.abs(rows).sum(axis=0)
        assert (unsigned * 2**6 < 2**24).all()
        hidden = pooled @ tensors["hidden.0.weight"] + tensors["hidden.0.bias"]
        unsigned = np.abs(pooled) @ np.abs(tensors["hidden.0.weight"]) + np.abs(tensors["hidden.0.bias"])
        assert (unsigned * 2**12 < 2**24).all()
        active = np.maximum(hidden, 0)
        unsigned = active @ np.abs(tensors["output.weight"]) + np.abs(tensors["output.bias"])
        assert (unsigned * 2**18 < 2**24).all()
        if classifier.spec.head == "scale":
            output = active @ tensors["output.weight"] + tensors["output.bias"]
            assert (np.abs(output) @ scale_shares(len(classifier.spec.labels)) * 2**19 < 2**24).all()


@pytest.mark.parametrize("number", [5, 6, 7])
def test_a_compressed_model_says_what_it_said(number):
    """Its rows are those of the model, so that it says the same; but it respells unknown words."""
    said = expected(number)
    classifier = model_file.load_model(GOLDEN / f"compressed{number}.safetensors")
    assert classifier.vocabulary.respells
    features, tokens, unknown = classifier.encode(strings(said))
    logits = classifier.logits(features)
    for i, told in enumerate(said.values()):
        assert_same_logits(np.atleast_1d(logits[i]), np.atleast_1d(told["logit"]), number)
        assert (tokens[i], unknown[i]) == (told["tokens"], told["unknown"])


def test_a_model_of_this_format_is_kept():
    assert (GOLDEN / f"format{model_file.FORMAT}.safetensors").exists(), "a new format: run tests/golden/make.py"


def test_a_newer_format_is_refused_by_name(tmp_path):
    header, tensors = tensor_file.read_tensor_file(GOLDEN / f"format{model_file.FORMAT}.safetensors")
    del header["checksum"]
    path = tmp_path / "newer.safetensors"
    path.write_bytes(
        tensor_file.pack_tensor_file(header | {"format": model_file.FORMAT + 1, "version": "9.0.0"}, tensors)
    )
    with pytest.raises(DataError) as caught:
        model_file.load_model(path)
    assert str(caught.value) == (
        f"{path}: model format {model_file.FORMAT + 1}, written by sentibp 9.0.0, is newer than {model_file.FORMAT}; "
        "update sentibp"
    )


@pytest.mark.parametrize(
    ("number", "first", "second"), [(5, "0.8016", "0.5093"), (6, "0.6236", "0.4152"), (7, "0.7644", "0.8690")]
)
def test_what_a_table_shows(number, first, second):
    """The last digit that a table shows."""
    from typer.testing import CliRunner

    from sentibp.cli import application

    file = str(GOLDEN / f"format{number}.safetensors")
    done = CliRunner().invoke(application(), ["predict", "-m", file, "--format", "table", "I love this movie", "zebra"])
    likely = "negative" if number == 7 else "positive"
    assert done.stdout.splitlines() == [
        f"negative  {first}  I love this movie",
        f"{likely}  {second}  zebra  (no known word: the answer is the model's bias)",
    ]
