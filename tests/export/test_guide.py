"""The examples of docs/guide/exports.md, run as a reader would run them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import blocks

from sentibp.export.export import export_model
from sentibp.model.decision import Decision
from sentibp.model.file import load_model

PAGE = (Path(__file__).parents[2] / "docs/guide/exports.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a model.py and model.mjs of a small model, and a model.onnx if the extra is installed."""
    import sentibp

    folder = tmp_path_factory.mktemp("exports")
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


def test_onnx(folder):
    for module in "onnx", "onnxruntime":
        pytest.importorskip(module)
    classifier = load_model(folder / "run")
    (folder / "model.onnx").write_bytes(export_model(classifier, "onnx", Decision()).content)
    code = [block for _, block in blocks(PAGE, "python") if "onnxruntime" in block]
    assert len(code) == 2
    found = []
    for block in code:
        done = subprocess.run([sys.executable, "-c", block], cwd=folder, capture_output=True, text=True, check=True)
        found.append(done.stdout)
    assert "'positive': 0." in found[0]
    assert found[1].startswith("[[0.")


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here: apt-get install nodejs")
def test_node(folder):
    (code,) = [block for _, block in blocks(PAGE, "js")]
    (folder / "run.mjs").write_text(code)
    done = subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True, check=True)
    assert "label: 'positive'" in done.stdout
    assert "{ text: 'love', start: 2, end: 6 }" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("bad ")
