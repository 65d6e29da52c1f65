"""Exports: the same bytes each time, and no answer from a damaged file."""

from __future__ import annotations

import ast
import base64
import json
import re
import shutil
import subprocess
import unicodedata
import zlib
from pathlib import Path

import exports
import numpy as np
import pytest

from sentibp.data.folding import Spelling
from sentibp.data.tokenizer import normalize
from sentibp.errors import DataError
from sentibp.export.characters import character_tables
from sentibp.export.checks import require_close
from sentibp.export.export import export_model
from sentibp.export.files import html_file, javascript_data, javascript_file, python_file, read_runtime
from sentibp.export.payload import Payload, make_payload
from sentibp.export.payload import _rows as payload_rows
from sentibp.model.decision import Decision, parse_decision
from sentibp.model.prediction import answers
from sentibp.utils.arrow import strings


@pytest.fixture(scope="module")
def payload():
    classifier = exports.random_model("plain")
    return make_payload(classifier, Decision(classifier.spec.label_set))


@pytest.fixture(scope="module")
def module(payload) -> dict:
    found: dict = {"__name__": "exported"}
    exec(compile(python_file(payload), "exported", "exec"), found)
    return found


def run_module(code: str) -> dict:
    found: dict = {"__name__": "exported"}
    exec(compile(code, "exported", "exec"), found)
    return found


def test_the_same_bytes(payload):
    classifier = exports.random_model("plain")
    again = make_payload(classifier, Decision(classifier.spec.label_set))
    for build in python_file, javascript_file, html_file:
        assert build(payload) == build(again)
    onnx = pytest.importorskip("onnx") and pytest.importorskip("onnxruntime")
    from sentibp.export.onnx import onnx_file

    assert onnx
    assert onnx_file(payload) == onnx_file(again)


def large_model(size: float):
    """A model whose logit is the difference of two large numbers, so that rounding to float32 changes its answers."""
    classifier = exports.random_model("old spelling")
    rows, weight = (classifier.network.params[name] for name in ("embedding.weight", "output.weight"))
    rows[:, 0] += np.float32(size)
    rows[:, 1] -= np.float32(size)
    weight[...] = 0
    weight[:2] = 0.1
    return classifier


def test_large_weights_are_exported_in_the_precision_of_the_file():
    classifier = large_model(30)
    payload = make_payload(classifier, Decision())
    checks = payload.settings["checks"]
    single = classifier.predict(strings(checks["texts"])).positive
    assert 1e-6 < np.abs(np.array(checks["probabilities"])[:, 1] - single).max() < 1e-3
    python_file(payload)  # repeats them, or raises an error


def test_weights_that_are_too_large_are_refused(complaint):
    line = complaint(DataError, lambda: make_payload(large_model(1e6), Decision()))
    assert line.startswith("the model's numbers are too large: rounding alone changes its answers by ")


def test_every_character_is_normalized_as_by_the_tokenizer(payload):
    """Many code points, alone and before or after a mark: the tables are those of Arrow."""
    for spelling in Spelling(), Spelling(lowercase=False), Spelling(folding=1):
        settings = {**payload.settings["text"], "lowercase": spelling.lowercase, "folding": spelling.folding}
        text = run_module(read_runtime("python_model.py"))["_Text"](settings, character_tables(spelling))
        codes = [
            *range(0x20, 0x3200),
            *range(0x3200, 0xD7FF, 97),
            *range(0xF900, 0x10000),
            *range(0x10000, 0x32000, 23),
        ]
        syllables = [*range(0x1000, 0x1200), *codes[::8]]  # what a first consonant may combine with, and others
        for around, tried in ("{}", codes), ("a{}\u0301b", codes), ("\u1100{} x", syllables):
            texts = [around.format(chr(code)) + " " for code in tried]
            pieces = ["".join(texts[i : i + 64]) for i in range(0, len(texts), 64)]
            wanted = normalize(strings(pieces), spelling).to_pylist()
            assert [text.normalize(piece) for piece in pieces] == wanted


def test_arrow_and_python_know_different_versions_of_unicode():
    """The reason for the tables. Where it fails, Python has caught up, until the next version of either."""
    classes = character_tables(Spelling())["classes"]
    marks = {chr(code) for ranges in classes.values() for code in expand(ranges)}
    assert {c for c in marks if unicodedata.combining(c)} >= {"\u0301", "\u0323", "\u093c"}
    assert len(marks) > 900


def expand(ranges: list[int]) -> list[int]:
    ends = np.cumsum(ranges).reshape(-1, 2).tolist()
    return [code for start, stop in ends for code in range(start, stop)]


def in_node(folder: Path, payload: Payload, compress=zlib.compress) -> str:
    """Return the answer of the JavaScript of a payload to "good", or its error. `compress` makes its data."""
    content = zlib.decompress(base64.b64decode(javascript_data(payload).partition("`")[2].partition("`")[0]))
    data = base64.b64encode(compress(content)).decode()
    code = 'try { console.log(predict("good").positive) } catch (e) { console.log(e.message) }'
    (folder / "run.mjs").write_text(f'{read_runtime("model.js")}\nconst DATA = "{data}";\n{code}')
    return subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here: apt-get install nodejs")
def test_javascript_reads_every_kind_of_compressed_block(payload, module, tmp_path):
    """Stored, with fixed and with other codes, also in turn: zlib chooses by the content, that is by the model."""

    def mixed(content: bytes) -> bytes:
        deflate = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_FIXED)
        found = deflate.compress(content[:70_001]) + deflate.flush(zlib.Z_FULL_FLUSH)  # an empty stored block
        return found + deflate.compress(content[70_001:] + bytes(1000)) + deflate.flush()  # copies as long as may be

    wanted = module["predict"]("good")["positive"]
    for compress in (lambda content: zlib.compress(content, 0)), mixed:
        assert float(in_node(tmp_path, payload, compress)) == pytest.approx(wanted, abs=1e-9)
    said = in_node(tmp_path, payload, lambda content: zlib.compress(content)[:-4] + bytes(4))
    assert said == "this model is damaged (its checksum is wrong); export again"


def test_a_changed_weight_is_noticed(payload, tmp_path):
    changed = payload.__class__(
        payload.settings,
        {**payload.arrays, "output.bias": payload.arrays["output.bias"] + 1e-3},
        payload.classifier,
        payload.order,
    )
    code = read_runtime("python_model.py").replace('_DATA = ""', f'_DATA = """{changed.to_base64()}"""')
    with pytest.raises(RuntimeError, match=r"test text .* export again"):
        run_module(code)["predict"]("good")
    if shutil.which("node"):
        assert re.match("this model is damaged: the test text .* export again", in_node(tmp_path, changed))


def test_the_most_frequent_numbers_have_codes_of_one_byte():
    """The others have a high byte, which compresses well if it is mostly 0."""
    rows = np.r_[np.arange(300), np.full(3000, 299)].astype(np.float32)[:, None]
    arrays = payload_rows(rows)
    code = arrays["rows"] + 256 * arrays["high"].astype(int)
    np.testing.assert_array_equal(arrays["palette"][code], rows[:, 0])
    assert arrays["high"].sum() == 300 - 256


def test_an_answer_may_differ_by_a_millionth(complaint):
    half = np.full((2, 2), 0.5)
    off = half + np.array([[0, 0], [9e-7, -9e-7]])
    require_close(off, half, ["good", "bad"], "Node")
    for wrong in off + 2e-7, np.where(off > 0.5, np.nan, off):
        assert "'bad' has [" in complaint(DataError, require_close, wrong, half, ["good", "bad"], "Node")


def test_no_export_that_does_not_repeat_its_texts_is_written(payload, complaint):
    from sentibp.errors import DataError

    checks = payload.settings["checks"]
    wrong = {**checks, "probabilities": [[0.5, 0.5] for _ in checks["texts"]]}
    changed = payload.__class__(
        {**payload.settings, "checks": wrong}, payload.arrays, payload.classifier, payload.order
    )
    assert "nothing was written" in complaint(DataError, python_file, changed)
    if pytest.importorskip("onnxruntime"):
        from sentibp.export.onnx import onnx_file

        assert "in ONNX Runtime" in complaint(DataError, onnx_file, changed)


def test_a_damaged_file_gives_no_answer(payload, tmp_path):
    python, javascript = python_file(payload).decode(), javascript_file(payload).decode()
    place = python.index('_DATA = """') + 3000
    broken = python[:place] + ("A" if python[place] != "A" else "B") + python[place + 1 :]
    with pytest.raises(RuntimeError, match="export again"):
        run_module(broken)["predict"]("good")
    if shutil.which("node") is None:
        return
    place = javascript.index("const DATA = `") + 3000
    broken = javascript[:place] + ("A" if javascript[place] != "A" else "B") + javascript[place + 1 :]
    (tmp_path / "broken.mjs").write_text(broken)
    (tmp_path / "whole.mjs").write_text(javascript)
    code = 'import {{ predict }} from "./{}.mjs"; try {{ console.log(predict("good").label) }} '
    code += "catch (e) {{ console.log(e.message) }}"
    (tmp_path / "run.mjs").write_text(code.format("broken"))
    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "export again" in done.stdout
    (tmp_path / "run.mjs").write_text(code.format("whole"))
    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("negative", "positive")


def test_onnx_answers_nothing_if_it_computes_otherwise(payload):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import numpy_helper

    from sentibp.export.onnx import onnx_file, padded, run

    content = onnx_file(payload)
    ids = padded(payload, ["a good film", ""])
    assert np.isfinite(run(content, ids)).all()
    model = onnx.load_from_string(content)
    for tensor in model.graph.initializer:
        if tensor.name == "output.bias":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + 1e-3, tensor.name))
    assert np.isnan(run(model.SerializeToString(), ids)).all()
    kinds = {node.domain for node in model.graph.node}
    assert kinds <= {"", "ai.onnx"}


def test_thresholds_and_costs():
    classifier = exports.random_model("stars")
    classes = classifier.spec.label_set
    texts = exports.texts_of_every_kind(80)
    each = set()
    for options in ({}, {"threshold": "2=0.01"}, {"cost": "squared"}):
        decision = parse_decision(classes, **options)
        module = run_module(export_model(classifier, "python", decision).content.decode())
        found = [module["predict"](text)["label"] for text in texts]
        assert found == [each["label"] for each in answers(classifier.predict(strings(texts)), decision)]
        each.add(tuple(found))
    assert len(each) == 3


def test_what_is_no_text_is_refused(module):
    for value in (None, 3, b"good", ["good"]):
        with pytest.raises(TypeError, match="a text is a string"):
            module["predict"](value)
    assert module["predict"]("\ud800 good")["tokens"] == 2  # half of a surrogate pair is a question mark


def test_the_module_runs_on_old_versions_of_python(payload):
    ast.parse(python_file(payload).decode(), feature_version=(3, 9))


def test_the_page_loads_nothing(payload):
    page = html_file(payload).decode()
    assert "default-src 'none'" in page
    assert re.findall(r"""(?:src|href)=["']([^"']*)""", page) == ["data:,"]
    assert json.dumps("http") not in page


def test_the_page_begins_with_words_that_the_model_knows(new_classifier):
    def example(texts: list[str], **data) -> str:
        classifier = new_classifier(texts, data=data)
        page = html_file(make_payload(classifier, Decision(classifier.spec.label_set))).decode()
        return re.search(r"<textarea[^>]*>([^<]*)</textarea>", page)[1]

    english = ["not a bad film at all i loved the story", "but the ending is dull"]
    assert example(english).startswith("Not a bad film")
    assert example(english, labels=["1", "2", "3"]).startswith("Not a bad film")
    topics = example(english, labels=["food", "price", "staff"], ordered=False)
    assert len(topics.split()) == 3, "a sentence about a film says nothing about topics, also if its words are known"
    arabic = ["فيلم رائع جدا", "فيلم سيئ جدا"]
    assert set(example(arabic).split()) <= set(" ".join(arabic).split())
    assert len(example(arabic).split()) == 3
