"""Whether exports answer as the model does: 10,000 texts in sentibp, Python, Node, Chromium and ONNX Runtime.

    python benchmarks/parity.py builtin runs/stars --texts 10000
    python benchmarks/parity.py runs/* --texts 1000 --short --programs Python Node

The texts are reviews of words of data/ and of features of the model, all scripts, emoji, entities, random characters,
and a few of up to a megabyte (none if --short). Compared are labels, probabilities, counts, the features, and the
places of all tokens (of texts up to 20,000 characters). Prints a row for each model and program: the largest difference
of a probability, and how many texts differ in anything else.
"""

from __future__ import annotations

import argparse
import csv
import http.server
import json
import math
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import exports  # noqa: E402

from sentibp.data.offsets import token_spans  # noqa: E402
from sentibp.export.files import javascript_file, python_file  # noqa: E402
from sentibp.export.onnx import onnx_file, padded, run  # noqa: E402
from sentibp.export.payload import Payload, make_payload  # noqa: E402
from sentibp.model.classifier import Classifier  # noqa: E402
from sentibp.model.decision import Decision  # noqa: E402
from sentibp.model.file import load_model  # noqa: E402
from sentibp.model.prediction import answers  # noqa: E402
from sentibp.utils.arrow import strings  # noqa: E402

PROGRAMS = ("Python", "Node", "Chromium", "ONNX")
LOCATED = 20_000  # characters of the longest text whose tokens are located
FEATURES = 20_000  # of a model, of which texts are made
PYTHON = f"""
import json, model
texts = json.load(open("texts.json"))
found = [[model.predict(t), model.features(t), model.tokens(t) if len(t) <= {LOCATED} else None] for t in texts]
json.dump(found, open("found.json", "w"))
"""
JAVASCRIPT = f"""
const points = (text) => {{ // the number of characters before each place
  const at = [];
  let count = 0;
  for (const c of text) {{ at.push(count); if (c.length > 1) at.push(count); count++; }}
  return [...at, count];
}};
const answersOf = ({{ predict, features, tokens }}, texts) => texts.map((text) => {{
  const at = points(text), place = at.length <= {LOCATED} + 1 || [...text].length <= {LOCATED};
  const located = () => tokens(text).map((each) => [each.text, at[each.start], at[each.end]]);
  return [predict(text), features(text), place ? located() : null];
}});
"""
NODE = (
    'import fs from "fs"; import * as model from "./model.mjs";'
    f"{JAVASCRIPT}"
    'const found = answersOf(model, JSON.parse(fs.readFileSync("texts.json", "utf8")));'
    'fs.writeFileSync("found.json", JSON.stringify(found));'
)
PAGE = (
    '<!doctype html><title>parity</title><script type="module">import * as model from "./model.mjs";'
    f"{JAVASCRIPT}"
    'const texts = await (await fetch("texts.json")).json();'
    'await fetch("found", { method: "POST", body: JSON.stringify(answersOf(model, texts)) });'
    'document.title = "done";</script>'
)


def make_texts(count: int, classifier: Classifier, short: bool) -> list[str]:
    words = []
    for name in ("train.csv", "test.csv", "stars_train.csv", "shifters.csv"):
        with open(ROOT / "data" / name, encoding="utf-8", newline="") as file:
            words += [word for row in csv.DictReader(file) for word in row["text"].split()]
    rng = np.random.default_rng(1)
    known = classifier.vocabulary.features()
    words += known.take(rng.permutation(len(known))[:FEATURES]).to_pylist()
    words = [words[i] for i in rng.permutation(len(words))]
    texts = exports.texts_of_every_kind(count - (0 if short else 12), 1, words)
    pieces = texts[22:]
    for size in () if short else (10_000, 30_000, 100_000, 200_000):
        texts.append(" ".join(words[i] for i in rng.integers(len(words), size=size)))
        texts += ["".join(of[i] for i in rng.integers(len(of), size=size // 40)) for of in (exports.WORLD, pieces)]
    return [text.encode("utf-8", "replace").decode() for text in texts]


def in_chromium(folder: Path) -> None:
    """Open a page that computes the answers, served on loopback, and wait until it has posted them."""
    from selenium import webdriver
    from selenium.webdriver.support.ui import WebDriverWait

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {".mjs": "text/javascript", ".html": "text/html", ".json": "application/json"}  # noqa: RUF012

        def do_POST(self) -> None:
            (folder / "found.json").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    (folder / "page.html").write_text(PAGE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))) as driver:
        driver.get(f"http://127.0.0.1:{server.server_port}/page.html")
        WebDriverWait(driver, 3600, 1).until(lambda driver: driver.title == "done")
    server.shutdown()


def in_a_process(folder: Path, name: str, code: str, *command: str) -> None:
    (folder / name).write_text(code)
    subprocess.run([*command, name], cwd=folder, check=True)


def vectors(answer: dict) -> list[float]:
    return list(answer["probabilities"].values()) if "probabilities" in answer else [answer["positive"]]


def compare(found: list, wanted: list[dict], ids: list[list[int]], spans: list) -> tuple[float, int]:
    """Return the largest difference of a probability, and the number of texts that differ in anything else."""
    most, others = 0.0, 0
    for (answer, features, places), right, own, span in zip(found, wanted, ids, spans, strict=True):
        most = max(most, *(abs(a - b) for a, b in zip(vectors(answer), vectors(right), strict=True)))
        same = all(answer[key] == right[key] for key in ("label", "tokens", "unknown")) and features == own
        others += not (same and answer.keys() == right.keys() and (span is None or span == [tuple(p) for p in places]))
    return most, others


def check_onnx(payload: Payload, texts: list[str], wanted: list[dict]) -> float:
    content, most = onnx_file(payload), 0.0
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), 500):
        rows = order[start : start + 500]
        found = run(content, padded(payload, [texts[i] for i in rows])) if len(texts[rows[-1]]) < 50_000 else None
        for j, i in enumerate(rows):
            row = found[j] if found is not None else run(content, padded(payload, [texts[i]]))[0]
            right = vectors(wanted[i])
            most = max(most, *(abs(a - b) for a, b in zip(row[1:] if len(right) == 1 else row, right, strict=True)))
    return most


def check(name: str, classifier: Classifier, texts: list[str], chosen: list[str]) -> None:
    decision = Decision(classifier.spec.label_set)
    payload = make_payload(classifier, decision)
    wanted = answers(classifier.predict(strings(texts)), decision)
    new = np.argsort(payload.order)
    features, _, _ = classifier.encode(strings(texts))
    ends = zip(features.offsets[:-1], features.offsets[1:], strict=True)
    ids = [new[features.ids[start:stop]].tolist() for start, stop in ends]
    spelling = classifier.spec.spelling
    spans = [[tuple(span) for span in token_spans(t, spelling)] if len(t) <= LOCATED else None for t in texts]
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "texts.json").write_text(json.dumps(texts))
        (folder / "model.py").write_bytes(python_file(payload))
        (folder / "model.mjs").write_bytes(javascript_file(payload))
        programs = {
            "Python": lambda: in_a_process(folder, "run.py", PYTHON, sys.executable),
            "Node": lambda: in_a_process(folder, "run.mjs", NODE, "node"),
            "Chromium": lambda: in_chromium(folder),
        }
        for program, answer in programs.items():
            if program not in chosen:
                continue
            start = time.perf_counter()
            answer()
            seconds = time.perf_counter() - start
            most, others = compare(json.loads((folder / "found.json").read_text()), wanted, ids, spans)
            print(f"{name:24} {program:12} {len(texts):6,}  {most:.1e}  {others:4}  {seconds:6.1f} s", flush=True)
    most = check_onnx(payload, texts, wanted) if "ONNX" in chosen else math.nan
    print(f"{name:24} {'ONNX Runtime':12} {len(texts):6,}  {most:.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="Models as the option -m takes them, or names in tests/exports.py.")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--short", action="store_true", help="No text of more than some hundred characters.")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    arguments = parser.parse_args()
    for name in arguments.models or ["builtin", *exports.MODELS]:
        classifier = exports.random_model(name) if name in exports.MODELS else load_model(name)
        texts = make_texts(arguments.texts, classifier, arguments.short)
        check(Path(name).name, classifier, texts, arguments.programs)


if __name__ == "__main__":
    main()
