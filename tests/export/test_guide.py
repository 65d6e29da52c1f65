"""The examples of docs/guide/exports.md, run as a reader would run them."""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import unicodedata
from contextlib import chdir
from pathlib import Path

import exports
import numpy as np
import pytest
from documents import blocks

from sentibp.export.checks import expected
from sentibp.export.export import export_model
from sentibp.export.onnx import onnx_file, padded
from sentibp.export.payload import make_payload
from sentibp.model.decision import Decision
from sentibp.model.file import load_model

PAGE = (Path(__file__).parents[2] / "docs/guide/exports.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a model.py and model.mjs of a small model, and a model.onnx if the extra is installed."""
    import sentibp

    folder = tmp_path_factory.mktemp("exports")
    with chdir(folder):  # a training writes runs/last
        classifier = load_model(sentibp.train_model(sentibp.load_config("quickstart"), folder / "run").model)
    for target, name in (("python", "model.py"), ("js", "model.mjs")):
        (folder / name).write_bytes(export_model(classifier, target, Decision()).content)
    return folder


def test_python(folder):
    code = [block for _, block in blocks(PAGE, "python") if "onnxruntime" not in block]
    assert len(code) == 1
    done = subprocess.run([sys.executable, "-c", code[0]], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("positive 0.")
    assert done.stdout.splitlines()[1] == "[('i', 0, 1), ('love', 2, 6), ('it', 7, 9)]"


def onnx_examples() -> list[str]:
    for module in "onnx", "onnxruntime":
        pytest.importorskip(module)
    code = [block for _, block in blocks(PAGE, "python") if "onnxruntime" in block]
    assert len(code) == 2
    return code


def test_onnx(folder):
    code = onnx_examples()
    (folder / "model.onnx").write_bytes(export_model(load_model(folder / "run"), "onnx", Decision()).content)
    found = []
    for block in code:
        done = subprocess.run([sys.executable, "-c", block], cwd=folder, capture_output=True, text=True, check=True)
        found.append(done.stdout)
    assert found[0].startswith("[[0.")
    assert "'positive': 0." in found[1]


@pytest.mark.parametrize("name", [*exports.MODELS, "compressed"])
def test_the_onnx_reader_knows_every_kind_of_feature(name, tmp_path, monkeypatch):
    _, code = onnx_examples()
    classifier = exports.compressed_model() if name == "compressed" else exports.random_model(name)
    payload = make_payload(classifier, Decision(classifier.spec.label_set))
    (tmp_path / "model.onnx").write_bytes(onnx_file(payload))
    monkeypatch.chdir(tmp_path)
    reader: dict = {}
    exec(code, reader)  # checks itself on the test texts of the file
    texts = [text for text in exports.texts_of_every_kind(150, seed=3) if in_the_unicode_of_python(text)]
    assert len(texts) > 100
    wanted = [[i for i in row if i >= 0] for row in padded(payload, texts).tolist()]
    assert [reader["features"](text) for text in texts] == wanted
    assert reader["features"]("\ud800 good") == reader["features"]("? good")
    most = np.abs([[*reader["predict"](text).values()] for text in texts[:20]] - expected(classifier, texts[:20])).max()
    assert most < 1e-6


def in_the_unicode_of_python(text: str) -> bool:
    return all(unicodedata.category(character) != "Cn" for character in html.unescape(text))


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here: apt-get install nodejs")
def test_node(folder):
    (code,) = [block for _, block in blocks(PAGE, "js")]
    (folder / "run.mjs").write_text(code)
    done = subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True, check=True)
    assert "label: 'positive'" in done.stdout
    assert "{ text: 'love', start: 2, end: 6 }" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("bad ")
