"""An export answers as the model does: in Python, Node, Chromium and ONNX Runtime, on texts of every kind."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import exports
import numpy as np
import pytest

from sentibp.data.offsets import token_spans
from sentibp.export.checks import TOLERANCE
from sentibp.export.checks import expected as model_probabilities
from sentibp.export.files import javascript_file, python_file
from sentibp.export.payload import Payload, make_payload
from sentibp.inspection.explain import explain
from sentibp.model.classifier import Classifier
from sentibp.model.decision import Decision, parse_decision
from sentibp.model.prediction import answers
from sentibp.nn.eval_mode import eval_mode
from sentibp.utils.arrow import strings

NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NAMES = [*exports.MODELS, "compressed"]
LONG = [
    "a" + "\u0301" * 2000,
    "\u0327\u0301" * 900,
    "\U0001f468\u200d" * 500,
    "&amp;" * 500,
    "a'" * 900,
    "\u1100\u1161\u11a8" * 300,
    "&constructor; &toString;",
]
TEXTS = exports.texts_of_every_kind(94) + LONG
LOCATED = 36  # of these texts the places of tokens are compared, too, and of a third the explanations
JAVASCRIPT = """
const points = (text, end) => [...text.slice(0, end)].length; // places in characters, as in Python
const place = (text, { start, end }) => [points(text, start), points(text, end)];
function answersOf({ predict, tokens, explain, features }, texts, located) {
  return texts.map((text, i) => ({
    answer: predict(text),
    ids: features(text),
    tokens: i < located ? tokens(text).map((each) => [each.text, ...place(text, each)]) : null,
    sums: i % 3 || i >= located ? null : explain(text).sums.map((sum) => ({
      ...sum,
      contributions: sum.contributions.map((each) => [each.text, ...place(text, each), each.contribution]),
      words: sum.words.map((each) => [each.text, ...place(text, each), each.contribution, each.known]),
    })),
    layers: i % 3 || i >= located ? null : explain(text).layers,
  }));
}
"""


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[Classifier, Payload]]:
    found = {}
    for name in NAMES:
        classifier = exports.compressed_model() if name == "compressed" else exports.random_model(name)
        found[name] = classifier, make_payload(classifier, Decision(classifier.spec.label_set))
    return found


@pytest.fixture(scope="module")
def expected(models) -> dict[str, list[dict]]:
    """What sentibp answers, for each model and text."""
    return {
        name: answers(classifier.predict(strings(TEXTS)), Decision(classifier.spec.label_set))
        for name, (classifier, _) in models.items()
    }


located = functools.cache(token_spans)  # of a text with a spelling, which several models have


def same_answer(found: dict, wanted: dict) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if isinstance(value, float):
            assert abs(found[key] - value) <= TOLERANCE
        elif isinstance(value, dict):
            assert found[key].keys() == value.keys()
            assert all(abs(found[key][label] - p) <= TOLERANCE for label, p in value.items())
        else:
            assert found[key] == value, key


def test_the_texts_reach_every_kind_of_feature(models):
    used = {name: set(payload.classifier.encode(strings(TEXTS))[0].ids) for name, (_, payload) in models.items()}
    for name, kind in (("sigmoid", "is_affix"), ("shifters", "is_marked")):
        assert sum(getattr(models[name][0].vocabulary, kind)[[*used[name]]]) > 5
    assert models["compressed"][0].vocabulary.respells
    assert any(models["compressed"][0].vocabulary.numbers(strings(["briliant"])) >= 0)


@pytest.mark.parametrize("name", NAMES)
def test_python(models, expected, name):
    classifier, payload = models[name]
    module: dict = {"__name__": "exported"}
    exec(compile(python_file(payload), "exported", "exec"), module)
    new = np.argsort(payload.order)
    features, _, _ = classifier.encode(strings(TEXTS))
    for i, (text, wanted) in enumerate(zip(TEXTS, expected[name], strict=True)):
        found = module["predict"](text)
        same_answer(found, wanted)
        assert list(found) == list(wanted)
        assert module["features"](text) == new[features.ids[features.offsets[i] : features.offsets[i + 1]]].tolist()
        if i < LOCATED:
            assert module["tokens"](text) == [tuple(span) for span in located(text, classifier.spec.spelling)]


def layers_of(classifier: Classifier, text: str) -> dict[str, np.ndarray]:
    """Return the numbers of each layer up to the output and its temperature, for a text: (d,) each."""
    x, found = classifier.encode(strings([text]))[0], {}
    for name, layer in eval_mode(classifier.network).layers.items():
        x = layer.forward(x)
        if name not in ("scale", "thresholds"):
            found[name] = x[0]
    return found


def check_javascript(found: list[dict], classifier: Classifier, wanted: list[dict]) -> None:
    for i, (text, each) in enumerate(zip(TEXTS, found, strict=True)):
        same_answer(each["answer"], wanted[i])
        if each["tokens"] is not None:
            assert each["tokens"] == [list(span) for span in located(text, classifier.spec.spelling)]
        if each["sums"] is None:
            continue
        values = layers_of(classifier, text)
        assert [layer["name"] for layer in each["layers"]] == [*values]
        for layer in each["layers"]:
            np.testing.assert_allclose(layer["values"], values[layer["name"]], rtol=1e-9, atol=1e-9)
        for own, sum_ in zip(each["sums"], explain(classifier, text).sums, strict=True):
            assert own["name"] == sum_.name
            for key in "value", "bias":
                assert own[key] == pytest.approx(getattr(sum_, key), abs=1e-9, rel=1e-9)
            for key in "contributions", "words":
                parts = [tuple(part) for part in getattr(sum_, key)]
                assert [part[:3] for part in parts] == [tuple(part[:3]) for part in own[key]]
                numbers = [[part[3] for part in side] for side in (own[key], parts)]
                assert numbers[0] == pytest.approx(numbers[1], abs=1e-8)
            assert [word.known for word in sum_.words] == [word[4] for word in own["words"]]


@pytest.mark.skipif(NODE is None, reason="no Node here: apt-get install nodejs")
def test_node(models, expected, tmp_path):
    for number, name in enumerate(NAMES):
        (tmp_path / f"{number}.mjs").write_bytes(javascript_file(models[name][1]))
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    (tmp_path / "run.mjs").write_text(
        JAVASCRIPT
        + f"""
import fs from "fs";
const texts = JSON.parse(fs.readFileSync("texts.json", "utf8")), found = [];
for (let i = 0; i < {len(NAMES)}; i++) found.push(answersOf(await import(`./${{i}}.mjs`), texts, {LOCATED}));
fs.writeFileSync("found.json", JSON.stringify(found));
"""
    )
    subprocess.run([NODE, "run.mjs"], cwd=tmp_path, check=True, timeout=600)
    for name, found in zip(NAMES, json.loads((tmp_path / "found.json").read_text()), strict=True):
        check_javascript(found, models[name][0], expected[name])


@pytest.mark.skipif(CHROMIUM is None or not shutil.which("chromedriver"), reason="no Chromium here")
def test_chromium(models, expected, tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}")
    for argument in quiet:
        options.add_argument(argument)
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))) as driver:
        driver.set_script_timeout(600)
        (tmp_path / "empty.html").write_text("<!doctype html><title>parity</title>")
        driver.get((tmp_path / "empty.html").as_uri())
        for name in ("cased", "shifters", "stars"):
            classifier, payload = models[name]
            result = driver.execute_async_script(
                f"""{JAVASCRIPT}
                const [code, texts, done] = arguments, blob = new Blob([code], {{ type: "text/javascript" }});
                const found = (module) => done(JSON.stringify(answersOf(module, texts, {LOCATED})));
                import(URL.createObjectURL(blob)).then(found, (error) => done(String(error)));""",
                javascript_file(payload).decode(),
                TEXTS,
            )
            check_javascript(json.loads(result), classifier, expected[name])


@pytest.mark.parametrize("name", NAMES)
def test_onnx(models, expected, name):
    for module in "onnx", "onnxruntime":
        pytest.importorskip(module)
    from sentibp.export.onnx import onnx_file, padded, run

    _, payload = models[name]
    found = run(onnx_file(payload), padded(payload, TEXTS))
    for row, wanted in zip(found, expected[name], strict=True):
        probabilities = wanted.get("probabilities") or [1 - wanted["positive"], wanted["positive"]]
        values = list(probabilities.values()) if isinstance(probabilities, dict) else probabilities
        assert np.abs(row - values).max() <= TOLERANCE


@pytest.mark.parametrize("name", ["plain", "three", "compressed"])
def test_onnx_takes_no_text_and_texts_without_a_feature(models, name):
    for module in "onnx", "onnxruntime":
        pytest.importorskip(module)
    from sentibp.export.onnx import onnx_file, run

    _, payload = models[name]
    content, empty = onnx_file(payload), payload.settings["empty"]
    for n, length in (0, 0), (0, 3), (1, 0), (2, 0):
        assert run(content, np.zeros((n, length), np.int64)).tolist() == [empty] * n
    alone, *padded = run(content, np.array([[5, 7, -1], [-1, 5, 7], [5, -2, 7], [-9, -1, -1]]))
    np.testing.assert_allclose(padded, [alone, alone, empty], rtol=0, atol=1e-15)


def test_a_plain_python_process_reads_lines(models, expected, tmp_path):
    (tmp_path / "model.py").write_bytes(python_file(models["stars"][1]))
    texts = [text for text in TEXTS if text and len(text.splitlines()) == 1 and "\r" not in text]
    command = [sys.executable, "-I", "-S", "model.py"]
    lines = subprocess.run(command, input="\n".join(texts).encode(), cwd=tmp_path, capture_output=True, check=True)
    for line, text in zip(lines.stdout.decode().splitlines(), texts, strict=True):
        same_answer(json.loads(line), expected["stars"][TEXTS.index(text)])
    for arguments in [TEXTS[5]], ["--", TEXTS[5]]:
        done = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, check=True)
        same_answer(json.loads(done.stdout), expected["stars"][5])


def test_the_command_refuses_what_is_no_text(models, tmp_path):
    (tmp_path / "model.py").write_bytes(python_file(models["stars"][1]))
    (tmp_path / "mine.csv").write_text("text\na good film\n")

    def says(*arguments: str, stdin: bytes = b"") -> str:
        command = [sys.executable, "-I", "-S", "model.py", *arguments]
        done = subprocess.run(command, input=stdin, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 1 or not done.stderr
        return done.stderr.decode().strip()

    assert says("good", "mine.csv") == "mine.csv: a file, not a text; for its lines: python model.py < mine.csv"
    assert says("--input", "x") == "--input: no such option; if it is a text: python model.py -- --input"
    latin = os.fsdecode("café".encode("latin-1"))
    for arguments in (latin,), ("good", latin), ("--", latin):
        assert says(*arguments) == "'caf\\udce9' is not UTF-8 (byte 0xE9); convert it first, such as by iconv"
    assert says("--", "--input", "mine.csv") == says("-- good", "-5 stars", "- ", ":-)") == says("-", "---") == ""
    wrong = "line 2 is not UTF-8 (byte 0xE9); convert it first, such as by iconv"
    assert says(stdin="good\ncafé\n".encode("latin-1")) == wrong
    assert says(stdin="good".encode("utf-16")) == "line 1 is not UTF-8 (byte 0xFF); convert it first, such as by iconv"


@pytest.mark.parametrize("arguments", [["--help"], ["a good film"]])
def test_a_reader_that_is_gone_is_no_mistake(models, tmp_path, arguments):
    """As in `python model.py --help | head -1`."""
    (tmp_path / "model.py").write_bytes(python_file(models["stars"][1]))
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-I", "-S", "model.py", *arguments]
    done = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("names", [["negative", "positive"], ["ham", "spam"], ["ham", "spam", "eggs"]])
def test_thresholds_and_costs_are_decided_as_predict_decides_them(names, new_classifier, tmp_path):
    """Of equal costs, it is positive with two classes in order; with others the first. A threshold may be just met."""
    model = new_classifier(["a good film", "a bad film"], data={"labels": names, "ordered": names[0] == "negative"})
    k = len(names)
    costs = np.zeros((k, k)), np.full((k, k), 2), np.tile(np.arange(k), (k, 1)), np.tri(k) + 9 * np.tri(k).T
    decisions = [parse_decision(model.spec.label_set, cost=json.dumps(cost.tolist())) for cost in costs]
    for name, of_no_word in zip(names, model_probabilities(model, [""])[0].tolist(), strict=True):
        for least in of_no_word, 0.99:
            decisions.append(parse_decision(model.spec.label_set, f"{name}={least!r}"))
    predicted = model.predict(strings(TEXTS[:5]))
    wanted = [[each["label"] for each in answers(predicted, decision)] for decision in decisions]
    payloads = [make_payload(model, decision) for decision in decisions]
    shapes = [payload.settings["answer"] for payload in payloads]
    module: dict = {"__name__": "exported"}
    exec(compile(python_file(payloads[0]), "exported", "exec"), module)
    for shape, labels in zip(shapes, wanted, strict=True):
        module["_checked_model"]().settings["answer"] = shape
        assert [module["predict"](text)["label"] for text in TEXTS[:5]] == labels, shape
    if NODE is not None:
        code = f"""
        const found = {json.dumps(shapes)}.map((answer) => {{
          checkedModel().settings.answer = answer;
          return {json.dumps(TEXTS[:5])}.map((text) => predict(text).label);
        }});
        console.log(JSON.stringify(found));"""
        (tmp_path / "run.mjs").write_bytes(javascript_file(payloads[0]) + code.encode())
        done = subprocess.run([NODE, "run.mjs"], cwd=tmp_path, capture_output=True, check=True)
        assert json.loads(done.stdout) == wanted
    assert {labels[0] for labels in wanted} == {*names}


def test_old_model_files(tmp_path):
    from sentibp.model.file import load_model

    folder = Path(__file__).parents[1] / "golden"
    for path in sorted(folder.glob("*.safetensors")):
        classifier = load_model(path)
        decision = Decision(classifier.spec.label_set)
        module: dict = {"__name__": "exported"}
        exec(compile(python_file(make_payload(classifier, decision)), "exported", "exec"), module)
        for text, wanted in zip(TEXTS[:40], answers(classifier.predict(strings(TEXTS[:40])), decision), strict=True):
            same_answer(module["predict"](text), wanted)


def test_the_python_module_needs_the_standard_library_alone():
    code = Path(importlib.import_module("sentibp.export.runtime").__file__).with_name("python_model.py").read_text()
    imported = {
        line.split()[1].partition(".")[0] for line in code.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported <= {*sys.stdlib_module_names}
