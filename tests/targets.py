"""Fuzz targets: each accepts any bytes, and raises only if there is a bug in sentibp.

tests/test_fuzz.py runs them with a few thousand inputs, benchmarks/fuzz.py with any number. The outcome must be a
result, or a SentibpError with printable lines.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
import zlib
from collections.abc import Callable
from contextlib import chdir
from copy import deepcopy
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import quick_commands  # noqa: F401
import runner
import yaml
from ending import ends_well, folder
from file_targets import FILE_TARGETS, file_seeds, read_everyhow
from typer.testing import CliRunner

from sentibp.config import schema
from sentibp.config.load import load_config
from sentibp.data import sources, vocabulary_build
from sentibp.data.folding import Spelling
from sentibp.data.readers.table import ReadOptions
from sentibp.data.token_classes import PATTERNS
from sentibp.data.tokenizer import tokenize
from sentibp.export.compress import compress
from sentibp.model import file, initial, word_vectors
from sentibp.runs import directory
from sentibp.runs.gradient_flow import load_flows
from sentibp.runs.records import read_records
from sentibp.utils import tensor_file
from sentibp.utils.arrow import strings

TEXTS = strings(["a good film", "", "bad bad 🎬 not good", "zebra"])


def tokenizer(content: bytes) -> None:
    """Tokenize any text, and encode it."""
    texts = [part.decode("utf-8", "surrogateescape") for part in content.split(b"\n")]
    tokens = tokenize(strings(texts), Spelling(len(content) % 2 == 0, 1 + len(content) // 2 % 2, tuple(PATTERNS)))
    assert len(tokens.offsets) == len(texts) + 1
    vocabulary, features = vocabulary_build.build_vocabulary(tokens, ngrams=1 + len(content) % 3)
    again, unknown = vocabulary.encode(tokens)
    assert not unknown.any()
    np.testing.assert_array_equal(features.ids, again.ids)


def settings(content: bytes) -> None:
    """Load a config file."""
    path = folder() / "fuzz.yaml"
    path.write_bytes(content)
    if (found := ends_well(load_config, path)) is not None and len(content) % 8 == 0:
        assert load_config(path).config == found.config


def override(content: bytes) -> None:
    """Load a config with settings of the command line."""
    ends_well(load_config, "quickstart", content.decode("utf-8", "surrogateescape").split("\0"))


@cache
def sound() -> bytes:
    """Return a valid model file."""
    plain = {"embedding": {"dim": 2, "padding": 1}, "hidden": [2], "batch_norm": True}
    settings = schema.Config.model_validate({"model": plain})
    vocabulary = vocabulary_build.build_vocabulary(tokenize(strings(["a good film", "a bad film", "not good"])), 2)[0]
    return initial.build_classifier(settings, vocabulary, seed=0).to_bytes()


def model_file(content: bytes) -> None:
    """Load a model file: it is rejected, or predicts as the saved model."""
    path = folder() / "model.safetensors"
    path.write_bytes(content)
    if (found := ends_well(file.load_model, path)) is not None and found.to_bytes() == sound():
        np.testing.assert_array_equal(found.predict(TEXTS).positive, answers())


@cache
def compressed() -> bytes:
    """Return the compressed file of the same model."""
    path = folder() / "sound.safetensors"
    path.write_bytes(sound())
    return compress(file.load_model(path), 100_000).to_bytes()


@cache
def answers() -> np.ndarray:
    path = folder() / "sound.safetensors"
    path.write_bytes(sound())
    return file.load_model(path).predict(TEXTS).positive


def strangers_model(content: bytes) -> None:
    """Load a model file without checking its checksum, which an attacker can compute."""
    path = folder() / "stranger.safetensors"
    path.write_bytes(content)
    with mock.patch.object(tensor_file, "verify_checksum", lambda *arguments, **options: None):
        found = ends_well(file.load_model, path)
    if found is not None:
        ends_well(found.predict, TEXTS)
        ends_well(found.training_config)


@cache
def sound_vectors() -> bytes:
    """Return a valid file of vectors."""
    settings = schema.Config.model_validate({"pretrain": {"vectors": "reviews", "dim": 2}}).model_dump(mode="json")
    vocabulary = vocabulary_build.build_vocabulary(tokenize(strings(["a good film", "a bad film", "not good"])), 2)[0]
    rows = np.arange(2 * len(vocabulary), dtype=np.float32).reshape(-1, 2)
    return word_vectors.vectors_to_bytes(
        word_vectors.to_half_precision(np.arange(len(rows), dtype=np.int32), rows), vocabulary, settings
    )


def file_of_vectors(content: bytes) -> None:
    """Load a file of vectors, with and without checking its checksum: it is rejected, or has numbers."""
    path = folder() / "vectors.safetensors"
    path.write_bytes(content)
    ends_well(word_vectors.load_vectors, path)
    with mock.patch.object(tensor_file, "verify_checksum", lambda *arguments, **options: None):
        found = ends_well(word_vectors.load_vectors, path)
    if found is not None:
        assert np.isfinite(found.vectors.rows(len(found.texts))).all()


def run_directory(content: bytes) -> None:
    """Read run.json, and the file that names the last run."""
    with tempfile.TemporaryDirectory(dir=folder()) as here, chdir(here):
        Path("runs/one").mkdir(parents=True)
        Path("runs/one/run.json").write_bytes(content)
        Path("runs/last").write_bytes(content)
        Path("runs/one/config.yaml").write_bytes(content)
        Path("runs/one/validation.parquet").write_bytes(content)
        for words in (
            ["runs", "list"],
            ["runs", "compare", "one", "one"],
            ["predict", "a"],
            ["predict", "-m", "one", "a"],
        ):
            command(words)


def records(content: bytes) -> None:
    """Read the metrics.jsonl of an otherwise valid run, as `runs --follow` and the report do."""
    with tempfile.TemporaryDirectory(dir=folder()) as here, chdir(here):
        run = Path("runs/one")
        run.mkdir(parents=True)
        for name in "run.json", "config.yaml":
            (run / name).write_bytes((trained() / name).read_bytes())
        (run / "metrics.jsonl").write_bytes(content)
        for line in "runs flow one", "runs watch one":
            command(line.split())
        if zlib.crc32(content) % 8 == 0:  # the report takes ten times as long
            command(["report", "one", "--output", "page.html"])


VALUES = (5, -1, 0.5, "5", "", None, True, [], {}, [5], [None], {"a": 5}, [{}], {"a": {}}, [[[5]]], 10**30, 10**400)
VALUES += (1e308, float("nan"), float("inf"), "\x1b[2J\u202e", "x" * 5000)


def places(tree, at=()):
    """Yield the path of each value in nested lists and objects."""
    yield at
    for key, below in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(below, (*at, key))


def changed(tree, content: bytes):
    """Return nested lists and objects with other values in some places: each pair of bytes says which, and where."""
    for where, which in zip(content[::2], content[1::2], strict=False):
        every = list(places(tree))
        if not (at := every[where % len(every)]):
            tree = deepcopy(VALUES[which % len(VALUES)])  # or it could be put into itself
            continue
        *above, last = at
        node = tree
        for key in above:
            node = node[key]
        if which == 255:
            del node[last]
        else:
            node[last] = deepcopy(VALUES[which % len(VALUES)])
    return tree


REVIEWS = [{"text": "good", "label": 1, "more": [{}]}, {"text": "bad", "label": 0}]
SHAPES = (  # how programs write tables as JSON
    REVIEWS,
    {"n": 2, "data": {"reviews": REVIEWS, "users": [{"id": 1}]}},
    {"text": {"0": "good", "1": "bad"}, "label": {"0": 1, "1": 0}},
    {"text": ["good", "bad"], "label": [1, 0]},
    {"columns": ["text", "label"], "index": [0, 1], "data": [["good", 1], ["bad", 0]]},
    {"schema": {"fields": [{"name": "text", "type": "string"}]}, "data": REVIEWS},
    {"1": REVIEWS[0], "2": REVIEWS[1]},
    [["text", "label"], ["good", 1], ["bad", 0]],
    [{"review": {"body": {"text": "good"}}, "label": "pos"}, {"review": {"body": {"text": None}}, "label": "neg"}],
    {"train": REVIEWS, "test": REVIEWS[:1]},
    REVIEWS[0],
)


def shapes(content: bytes) -> None:
    """Read JSON of a shape that programs write, with other values in some places. The first byte says how."""
    how = content[0] if content else 0
    tree = changed(SHAPES[how % len(SHAPES)], content[1:21])
    written = json.dumps(tree, indent=how // 64 % 2 or None)
    if how >= 192 and isinstance(tree, list):
        written = "\n".join(map(json.dumps, tree))
    path = folder() / f"shape{'.jsonl' if how >= 192 else '.json'}"
    path.write_text(written, encoding="utf-8")
    read_everyhow(path, {})
    ends_well(sources.load_corpus, str(path), ReadOptions("review.body.text", "label"))


def facts(content: bytes) -> None:
    """Read the run.json of an otherwise valid run, with other values in some places."""
    with tempfile.TemporaryDirectory(dir=folder()) as here, chdir(here):
        run = Path("runs/one")
        shutil.copytree(trained(), run)
        tree = changed(json.loads((run / "run.json").read_bytes()) | {"resumed": [SEED_OF_RESUMED]}, content)
        (run / "run.json").write_text(json.dumps(tree))
        command(["runs", "list"])
        if ends_well(directory.load_run_info, run) is not None:
            for line in "runs watch one", "runs flow one", "runs compare one one", "train --resume runs/one":
                command(line.split(), may_fail=line == "runs watch one")


SEED_OF_RESUMED = {"start": "2026-01-01T00:00:00+00:00", "step": 1, "settings": {"train.epochs": [1, 2]}}


def log(content: bytes) -> None:
    """Read a metrics.jsonl with other values in some places."""
    lines = (trained() / "metrics.jsonl").read_bytes().splitlines()
    kinds = [json.loads(line) for line in {json.loads(line)["event"]: line for line in lines}.values()]
    path = folder() / "log" / "metrics.jsonl"
    path.parent.mkdir(exist_ok=True)
    tree = changed(kinds, content)
    path.write_text("".join(json.dumps(line) + "\n" for line in (tree if isinstance(tree, list) else [tree])))
    ends_well(lambda: list(read_records(path.parent)))
    ends_well(load_flows, path.parent)


@cache
def trained() -> Path:
    """Return the directory of a short training."""
    run = folder() / "trained"
    if not run.exists():
        runner.train_model(load_config("quickstart", ["train.epochs=2"]), run)
    return run


WORDS = """\
predict|eval|explain|trace|gradcheck|words|neighbors|analogy|top|runs|list|compare|flow|watch|config|show|schema|cache|
train|bench|--help|--version|--json|-m|--model|--input|--text-column|--label-column|--format|jsonl|csv|html|
table|--data|--split|--against|--probes|--failures|--fail-under|accuracy=0.5|--set|--count|--flip|--explain|
--label|positive|negative|--article|--loss|--optimizer|--learning-rate|--steps|--dims|--blank|--layer|--reviews|
--tolerance|--most-frequent|last|sound.safetensors|reviews.csv|broken.csv|.|..|-|--|-1|0|1|3|1e999|nan|\udcff|a\udc80b|
good|a good film|xor|quickstart|sample|nothing.yaml|deep.yaml|model.hidden=[2]|train.epochs=0|x=|=|--dry-run|
🎬|\x1b[31m|%s|{}|../../etc|/dev/null|/|""".replace("\n", "").split(
    "|"
)  # what a command line is made of: a byte chooses one


def command_line(content: bytes) -> None:
    """Run `sentibp` with any arguments, in a folder with a model, reviews and an invalid config; no long training."""
    words = [WORDS[byte % len(WORDS)] for byte in content[:12]]
    if "train" in words or "bench" in words:
        words = [word for word in words if word not in ("quickstart", "xor")] + ["nothing.yaml"]
    with tempfile.TemporaryDirectory(dir=folder()) as here, chdir(here):
        Path("sound.safetensors").write_bytes(sound())
        Path("reviews.csv").write_text("text,label\n" + "a good film,1\na bad film,0\nnot good,0\ngood,1\n" * 5)
        Path("broken.csv").write_bytes(b'text,label\n"a,1\n')
        Path("deep.yaml").write_text("[" * 100)
        command(words)


def command(words: list[str], may_fail: bool = False) -> None:
    """Run the command line. It must end by itself, with a documented exit code.

    If it `may_fail`, it may say with its exit code only that a training failed.
    """
    done = CliRunner().invoke(sentibp(), words, input=b"good\n", catch_exceptions=False, prog_name="sentibp")
    assert done.exit_code in (0, 1, 2, 3, 4), f"{shlex.join(words)}: exit code {done.exit_code}"
    assert done.exit_code == 0 or may_fail or done.stderr.strip(), f"{shlex.join(words)}: fails and says nothing"
    assert "Traceback" not in done.stderr


@cache
def sentibp():
    from sentibp.cli import application

    return application()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "tokenizer": tokenizer,
    "config": settings,
    "override": override,
    **FILE_TARGETS,
    "shapes": shapes,
    "model": model_file,
    "stranger": strangers_model,
    "vectors": file_of_vectors,
    "run": run_directory,
    "records": records,
    "facts": facts,
    "log": log,
    "command": command_line,
}


@cache
def seeds(target: str) -> list[bytes]:
    """Return valid inputs as seeds."""
    shipped = Path(__file__).parent.parent
    if target == "config":
        files = [path.read_text(encoding="utf-8") for path in sorted((shipped / "configs").glob("*.yaml"))]
        return [each.encode() for file in files for each in (file[:1500], re.sub(r"(?m) *#.*\n?", "\n", file))]
    if target == "override":
        return [b"model.hidden=[32,16]", b"train.optimizer=adam\0train.optimizer.learning_rate=1e-3", b"train.seed=5"]
    if target in FILE_TARGETS:
        return file_seeds(target)
    if target in ("model", "stranger"):
        return [sound(), compressed()]
    if target == "vectors":
        return [sound_vectors()]
    if target == "run":
        facts = {"outcome": "finished", "start": "2026", "scores": {"accuracy": 0.5}, "data": {"validation": {}}}
        return [json.dumps(facts).encode(), b"runs/one\n", yaml.safe_dump({"train": {"epochs": 3}}).encode()]
    if target == "records":
        lines = (trained() / "metrics.jsonl").read_bytes().splitlines(keepends=True)
        kinds = {json.loads(line)["event"]: line for line in lines}
        return [b"".join(kinds.values()), *kinds.values()]
    if target == "shapes":
        return [bytes([way]) for way in range(256)]
    if target in ("facts", "log"):
        return [bytes([where, which]) for where in range(0, 60, 7) for which in range(0, len(VALUES), 5)]
    if target == "command":
        lines = ["predict good", "eval --data reviews.csv", "predict --input reviews.csv -m sound.safetensors"]
        lines += ["eval -m sound.safetensors --data reviews.csv --json", "explain -m sound.safetensors good --flip"]
        lines += ["gradcheck -m sound.safetensors --data reviews.csv", "words top -m sound.safetensors --count 3"]
        lines += ["config show quickstart --set model.hidden=[2]", "runs list", "trace -m sound.safetensors good"]
        return [bytes(WORDS.index(word) for word in line.split()) for line in lines]
    return ["It's not GOOD... 10/10!! <br /> naïve e\u0301 👍🏽 日本語\n\0\r\n".encode()]
