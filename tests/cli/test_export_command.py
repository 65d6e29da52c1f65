"""`sentibp export`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sentibp.cli.export import _print
from sentibp.export.export import Exported, is_export_name, target_of

TARGETS = {"html": "model.html", "js": "model.mjs", "python": "model.py"}
TEXT = "I love this movie, it is not dull"


def run_python(file: str, *texts: str) -> list[dict]:
    done = subprocess.run([sys.executable, "-I", file, *texts], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]


def test_a_file_for_each_target(sentibp, trained):
    for target, name in TARGETS.items():
        lines = sentibp("export", "--to", target).out.splitlines()
        assert lines[1].startswith("use it:  ")
        assert len(lines) == 2
        assert lines[0].startswith(f"{name}  ")
        assert lines[0].endswith(" 414 features")
        first = Path(name).read_bytes()
        again = sentibp("export", trained, "-o", name)  # the name says the target
        assert again.out.splitlines() == lines
        assert again.err == f"{name}: replaces an earlier output of sentibp\n"
        assert Path(name).read_bytes() == first


def test_the_name_of_an_export_in_the_place_of_the_model(sentibp, fails, trained):
    message = fails(2, "export", "my page.html")
    assert message == "my page.html: the name of an export, not a model; write --output 'my page.html'"
    sentibp("export", "--output", "my page.html")
    assert "give --to with one of" in fails(2, "export", "last")
    Path("run.js").mkdir()
    assert "give --to with one of" in fails(2, "export", "run.js"), "it may be a run"


def test_the_module_answers_as_predict_does(sentibp, trained):
    sentibp("export", "--to", "python")
    wanted = sentibp("predict", TEXT, "", "xyzzy").jsonl
    for found, each in zip(run_python("model.py", TEXT, "", "xyzzy"), wanted, strict=True):
        assert found.keys() <= each.keys()
        assert all(found[key] == pytest.approx(each[key], abs=1e-6) for key in found)


def test_onnx(sentibp, trained):
    pytest.importorskip("onnxruntime")
    facts = sentibp("export", "--to", "onnx", "--json").json
    assert facts == {
        "output": "model.onnx",
        "to": "onnx",
        "bytes": Path("model.onnx").stat().st_size,
        "features": 414,
        "of": 414,
        "difference": 0.0,
    }


def test_a_largest_size(sentibp, trained):
    whole = sentibp("export", "--to", "python", "--json").json["bytes"]
    result = sentibp("export", "--to", "python", "--max-size", str(whole - 8000), "-o", "small.py", "--json")
    assert result.json["bytes"] == Path("small.py").stat().st_size <= whole - 8000
    assert result.json["features"] <= result.json["of"] == 414
    assert 0 < result.json["difference"] < 0.5
    assert f"{result.json['features']} of 414 features fit" in result.err
    assert run_python("small.py", TEXT)[0]["tokens"] == 9
    command = re.search(r"`sentibp (compress --max-size \d+)` scores a model with about as many", result.err)
    about = sentibp(*command[1].split(), "--json").json["after"]["features"]
    assert about == pytest.approx(result.json["features"], rel=0.1)
    exact = sentibp("export", "--to", "python", "--max-size", str(whole), "-o", "exact.py", "--json").json
    assert (exact["features"], exact["difference"]) == (414, 0.0)
    assert Path("exact.py").read_bytes() == Path("model.py").read_bytes()


@pytest.mark.parametrize(
    ("target", "size", "is_told"),
    [("js", 10_000_000, False), ("js", 10_000_001, True), ("html", 10_000_001, True), ("onnx", 10_000_001, False)],
)
def test_a_file_that_takes_long_to_load_is_told(target, size, is_told, capsys):
    _print(Path("model"), target, Exported(bytes(size), 5, 5, 0.0), json=False)
    assert ("take a while to load; --max-size 1MB" in capsys.readouterr().err) is is_told


def test_the_name_of_the_output_says_the_target_in_capitals_too():
    assert [target_of(None, suffix) for suffix in (".HTM", ".html", ".MJS", ".js", ".Py", ".ONNX")] == [
        *("html", "html", "js", "js", "python", "onnx")
    ]
    assert is_export_name("A.HTML")


def test_a_size_that_is_too_small(fails, sentibp, trained):
    line = fails(2, "export", "--to", "js", "--max-size", "10kB")
    assert "--max-size" in line
    assert not Path("model.mjs").exists()
    assert sentibp("export", "--to", "js", *line.partition("give at least ")[2].split()).code == 0


@pytest.mark.parametrize("name", ["json.py", "re.py", "sub/zlib.py"])
def test_a_module_must_not_hide_one_of_python(fails, sentibp, trained, name):
    Path("sub").mkdir()
    line = fails(2, "export", "-o", name)
    assert line.startswith(f"--output {name}: Python has a module {Path(name).stem} of its own")
    free = line.partition("write --output ")[2]
    sentibp("export", "-o", free)
    assert run_python(free, TEXT)
    sentibp("export", "-o", Path(name).with_suffix(".mjs"))  # it hides nothing


def test_another_decision(sentibp, trained):
    sentibp("export", "--to", "python", "--threshold", "0.9999")
    assert run_python("model.py", TEXT)[0]["label"] == "negative"
    sentibp("export", "--to", "python", "--force", "--cost", "[[0, 1], [1000, 0]]")
    assert run_python("model.py", "a dull mess")[0]["label"] == "positive"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --to with one of html, js, python, onnx"),
        (["--to", "pdf"], "--to pdf: not one of html, js, python, onnx"),
        (["--to", "js", "-o", "model.py"], "the name of the output says python"),
        (["-o", "model.txt"], "give --to with one of"),
        (["--to", "js", "--max-size", "small"], "--max-size small: not a size"),
        (["--to", "js", "-m", "a", "b"], "two models"),
        (["--to", "js", "--threshold", "7"], "--threshold 7"),
        (["--to", "onnx", "--threshold", "0.7"], "--threshold: an ONNX model gives probabilities"),
        (["--to", "onnx", "--cost", "[[0,1],[1,0]]"], "--cost: an ONNX model gives probabilities"),
        (["--output", "a.txt"], "the suffix .txt is none of .html, .htm, .js, .mjs, .py, .onnx; give --to with one of"),
        (["--to", "js", "-o", "reviews.csv"], "the suffix .csv is none of .html, .htm, .js, .mjs, .py, .onnx; let the"),
        (["--to", "python", "-o", "config.yaml"], "the suffix .yaml is none of"),
        (["--to", "js", "-o", "-"], "--output -: an export is a file"),
    ],
)
def test_mistakes(fails, trained, arguments, said):
    assert said in fails(2, "export", *arguments)


def test_the_model_is_not_overwritten(fails, trained):
    os.symlink(trained / "model.safetensors", "model.js")
    assert "write to another file" in fails(2, "export", "--to", "js", "-o", "model.js")


def test_onnx_is_missing(fails, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'sentibp[export]'" in fails(2, "export", "--to", "onnx")
    assert not Path("model.onnx").exists()


def test_labels_are_no_code(sentibp, here):
    evil = ['*/ """ import os', "</script><script>alert(1)</script>", "`${alert(1)}`", "\\u{2028}\\"]
    rows = "".join(json.dumps({"text": f"word{i % 4} film number {i}", "label": evil[i % 4]}) + "\n" for i in range(80))
    Path("reviews.jsonl").write_text(rows)
    labels = {f"data.labels={json.dumps(evil)}", "data.ordered=false", "data.source=reviews.jsonl", "train.epochs=1"}
    settings = [word for each in sorted(labels) for word in ("--set", each)]
    sentibp("train", "quickstart", *settings, "--quiet", "--out", "run")
    wanted = sentibp("predict", "-m", "run", "word1 film").jsonl[0]
    for target in TARGETS:
        sentibp("export", "run", "--to", target)
    assert run_python("model.py", "word1 film")[0]["label"] == wanted["label"]
    assert Path("model.html").read_text().count("<script") == 1
