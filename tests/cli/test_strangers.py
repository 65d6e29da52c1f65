"""Untrusted models and run directories: whatever they contain, each command ends with an error of one line."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from sentibp.cli import application
from sentibp.utils import tensor_file

COMMANDS = [
    ["predict", "a good film"],
    ["eval", "--data", "reviews.csv"],
    ["explain", "a good film"],
    ["trace", "a good film", "--label", "positive"],
    ["gradcheck"],
    ["words", "top"],
    ["train", "quickstart", "--set", "model.init_from=run"],
]


@pytest.fixture
def run(here, quickstart):
    """Return a copy of the run directory of quickstart, which a test may damage."""
    (here / "reviews.csv").write_text("text,label\na good film,1\na bad film,0\n")
    shutil.copytree(quickstart, here / "run")
    (here / "runs").mkdir()
    (here / "runs" / "last").write_text("run\n")
    return here / "run"


def one_line(output: str) -> None:
    assert output
    assert "\n" not in output
    assert output.isprintable()


def resealed(path, change) -> None:
    """Change a model file on purpose, with a valid checksum."""
    header, tensors = tensor_file.read_tensor_file(path)
    del header["checksum"]
    change(header, tensors)
    path.write_bytes(tensor_file.pack_tensor_file(header, tensors))


def not_numbers(header, tensors):
    tensors["output.bias"][0] = np.nan


def escapes(header, tensors):
    header["format"], header["version"] = 99, "\x1b]0;title\x07\n\n" * 100


def other_layers(header, tensors):
    header["config"]["model"]["hidden"] = [1 << 40]


def other_settings(header, tensors):
    header["config"]["model"]["embedding"]["pooling"] = "__import__('os').system('touch pwned')"


@pytest.mark.parametrize("change", [not_numbers, escapes, other_layers, other_settings])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_invalid_model_is_one_line_in_every_command(fails, run, here, command, change):
    resealed(run / "model.safetensors", change)
    one_line(fails(3, *command))
    assert not (here / "pwned").exists()


def test_weights_that_overflow_are_reported(fails, run):
    def huge(header, tensors):
        tensors["embedding.weight"][:] = 3e38 * np.sign(tensors["embedding.weight"])
        tensors["hidden.0.weight"][:] = 3e38 * np.sign(tensors["hidden.0.weight"])

    resealed(run / "model.safetensors", huge)
    one_line(fails(3, "predict", "a good film that I love and hate"))
    one_line(fails(4, "eval", "--data", "reviews.csv"))
    told = fails(3, "explain", "a good film that I love and hate")  # as predict, although its sums are in float64
    one_line(told)
    assert told.startswith("the text: the model has no answer")


def pipe(path):
    os.mkfifo(path)


def loop(path):
    path.symlink_to(path.name)


def nowhere(path):
    path.symlink_to("../../../nowhere")


def endless(path):
    path.symlink_to("/dev/zero")


def folder(path):
    path.mkdir()


def itself(path):
    path.symlink_to(".")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("put", [pipe, loop, nowhere, endless, folder, itself])
@pytest.mark.parametrize("name", ["model.safetensors", "run.json", "config.yaml", "validation.parquet"])
def test_pipes_links_and_devices_in_a_run_directory(fails, sentibp, run, name, put):
    """No command waits for them, follows links in a circle, or reads without end."""
    (run / name).unlink()
    put(run / name)
    if name == "model.safetensors":
        one_line(fails(2, "predict", "a good film"))
        one_line(fails(2, "eval"))
    elif name == "validation.parquet" and put in (loop, nowhere):
        assert sentibp("runs", "compare", "run", "run", "--json").json["paired"] is None  # as if the file were missing
    else:
        done = sentibp(
            "runs", "compare", "run", "run", code=2 if name == "config.yaml" and put in (loop, nowhere) else 3
        )
        one_line(done.err.rstrip("\n"))
    if name == "model.safetensors":
        one_line(fails(2, "train", "quickstart", "--set", "model.init_from=run"))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"\0",
        b"/etc/passwd\n",
        b"/dev/zero\n",
        b"../../..\n",
        b"runs/last\n",
        b"last\n",
        b"x" * 100_000,
        b"a\nb",
    ],
)
def test_any_content_of_runs_last(run, here, content):
    (here / "runs" / "last").write_bytes(content)
    done = CliRunner().invoke(application(), ["predict", "good"], catch_exceptions=False)
    assert done.exit_code in (2, 3)
    one_line(done.stderr.removesuffix("\n"))


FACTS = [
    b"[" * 100_000,
    b'{"outcome": 5}',
    b'{"outcome": "finished", "start": ["2026"]}',
    b'{"outcome": "finished", "start": "2026", "scores": [0.9]}',
    b'{"outcome": "finished", "start": "2026", "data": "imdb"}',
    b'{"outcome": "finished", "start": "\\u001b[31m2026", "scores": {"accuracy": "\\u001b[2J"}}',
    b'{"outcome": "finished", "start": "2026", "scores": {"accuracy": [[]], "log_loss": {}}, "seconds": []}',
    b"{" + b" " * 10_000_001 + b"}",
]


@pytest.mark.parametrize("content", FACTS, ids=lambda content: content[:40].decode())
def test_any_content_of_run_json(run, here, content):
    shutil.move(run, here / "runs" / "one")
    (here / "runs" / "one" / "run.json").write_bytes(content)
    for words in ["runs", "list"], ["runs", "compare", "one", "one"]:
        done = CliRunner().invoke(application(), words, catch_exceptions=False)
        assert done.exit_code in (0, 3)
        assert "\x1b" not in done.output
        if done.exit_code:
            one_line(done.stderr.removesuffix("\n"))


SET = [  # a path in run.json, and a value of a wrong type
    ("seconds", "5"),
    ("warnings", 5),
    ("notes", "x"),
    ("versions", 5),
    ("machine", [1]),
    ("machine", {"cores": [[]]}),
    ("resumed", [5]),
    ("resumed", None),
    ("resumed", [{"settings": 5}]),
    ("scores", {"accuracy": "5", "log_loss": 0.5}),
    ("scores", {"accuracy": float("nan"), "log_loss": 0.5}),
    ("scores", {"accuracy": 10**4000, "log_loss": 0.5}),
    ("scores", {"accuracy": 0.5, "log_loss": 0.5, "accuracy_interval": [0.5]}),
    ("data", {"training": {"reviews": 288}, "validation": 5}),
    ("data", {"training": {"reviews": "288"}}),
    ("data", {"training": {}}),
    ("data", {"more": 5}),
    ("refit", [1]),
    ("refit", {"reviews": None}),
    ("kept", [1]),
    ("kept", {"epoch": "2"}),
    ("seeds", {"accuracy": {}}),
    ("seconds", 10**30),
    ("start", 5),
    ("more", eval("[" * 60 + "]" * 60)),
]


@pytest.mark.parametrize(("key", "value"), SET, ids=lambda each: str(each)[:30])
def test_wrong_types_in_run_json(fails, sentibp, run, here, key, value):
    facts = json.loads((run / "run.json").read_text())
    shutil.copytree(run, here / "runs" / "sound")
    (run / "run.json").write_text(json.dumps(facts | {key: value}))
    shutil.move(run, here / "runs" / "one")
    for words in (
        "runs watch one",
        "train --resume runs/one",
        "reproduce runs/one",
        "runs flow one",
        "blame -m one good",
        "runs compare one one",
        "report one --output page.html",
        "eval one",
    ):
        said = fails(3, *words.split())
        one_line(said)
        assert "run.json: damaged: " in said
        assert len(said) < 300
    listed = sentibp("runs", "list")
    assert "sound" in listed.out
    assert "run.json: damaged" in listed.err


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-20:00", "2026-13-01", "x" * 5000])
def test_a_start_that_no_clock_shows(run, start):
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"start": start}))
    done = CliRunner().invoke(application(), ["runs", "watch", "run"], catch_exceptions=False)
    assert done.exit_code in (0, 3)
    assert len(done.stderr) < 300


RECORDS = [
    b"5",
    b"[]",
    b'{"event": ["step"]}',
    b'{"event": {}}',
    b'{"event": "step", "seed": [0], "step": 1, "epoch": 1, "loss": 1, "learning_rate": 1, "gradient_norm": 1}',
    b'{"event": "step", "seed": 0, "step": 1, "epoch": 1, "loss": NaN, "learning_rate": 1, "gradient_norm": 1}',
    b'{"event": "step", "seed": 0, "step": 1%s, "epoch": 1, "loss": 1, "learning_rate": 1, "gradient_norm": 1}'
    % (b"0" * 4000),
    b'{"event": "epoch", "seed": 0, "epoch": 1, "step": 1, "loss": 1, "scores": {"accuracy": "high"}}',
    b'{"event": "flow", "seed": 0, "step": 1, "epoch": 1, "layers": {"output": [1]}}',
    b'{"event": "flow", "seed": 0, "step": 1, "epoch": 1, "layers": {"output": {"gradient": "1"}}}',
    b'{"event": "start", "seed": 0, "weights": {"output.bias": 5}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record[:60].decode())
def test_wrong_types_in_the_metrics_log(fails, run, record):
    (run / "metrics.jsonl").write_bytes(record + b"\n")
    for words in "runs watch run", "runs flow run", "report run --output page.html", "reproduce run":
        said = fails(3, *words.split())
        one_line(said)
        assert "metrics.jsonl:1: damaged: " in said
        assert len(said) < 400


def sparse(path, size=3_000_000_000):
    with open(path, "wb") as file:
        file.truncate(size)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("put", [pipe, endless, folder, sparse, nowhere])
def test_no_file_of_a_run_is_waited_for_or_read_without_end(fails, run, here, put):
    for name, commands in {
        "metrics.jsonl": ["runs watch run", "runs flow run", "reproduce run", "report run --output page.html"],
        "config.yaml": ["runs watch run", "reproduce run", "train --resume run", "runs compare run run"],
        "run.json": ["runs watch run", "reproduce run", "train --resume run", "runs flow run", "eval run"],
    }.items():
        kept = here / "kept"
        shutil.move(run / name, kept)
        put(run / name)
        for words in commands:
            done = CliRunner().invoke(application(), words.split(), catch_exceptions=False)
            assert done.exit_code in (2, 3), words
            one_line(done.stderr.removesuffix("\n"))
        shutil.rmtree(run / name) if put is folder else (run / name).unlink()
        shutil.move(kept, run / name)
    put(here / "runs" / "started")
    for words in "runs watch", "train --resume last":
        one_line(fails(2, *words.split()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("put", [pipe, endless])
def test_a_pipe_or_a_device_in_the_place_of_a_file(fails, run, here, put):
    put(here / "odd.csv")
    one_line(fails(3, "train", "quickstart", "--set", "data.source=odd.csv"))
    one_line(fails(3, "eval", "run", "--data", "odd.csv"))
    one_line(fails(3, "train", "quickstart", "--set", "model.embedding.vectors=odd.csv"))
    put(here / "odd.yaml")
    one_line(fails(2, "train", "odd.yaml"))
    put(here / "odd.py")
    one_line(fails(2, "gradcheck", "--layer", "odd.py"))


def test_vectors_without_a_line_end(fails, here):
    (here / "odd.txt").write_bytes(b"a" * 20_000_000)
    said = fails(3, "train", "quickstart", "--set", "model.embedding.vectors=odd.txt")
    assert "odd.txt:1: a line longer than 10 MB" in said


def test_a_finished_run_whose_model_is_gone(fails, run):
    (run / "model.safetensors").unlink()
    for put in (None, nowhere, loop):
        if put is not None:
            put(run / "model.safetensors")
        said = fails(3, "train", "--resume", "run")
        one_line(said)
        assert "although the run is finished" in said
        (run / "model.safetensors").unlink(missing_ok=True)


@pytest.mark.parametrize("content", [b"", b"\xff", b"a\nb", b"x" * 5000])
def test_any_content_of_runs_started(fails, here, run, content):
    (here / "runs" / "started").write_bytes(content)
    for words in "runs watch", "train --resume last":
        said = fails(2, *words.split())
        one_line(said)
        assert "started: damaged" in said


def test_a_model_whose_data_source_is_an_endless_file(fails, run):
    def endless_data(header, tensors):
        header["config"]["data"]["source"] = "/dev/zero"

    resealed(run / "model.safetensors", endless_data)
    shutil.copy(run / "model.safetensors", "alone.safetensors")  # a run directory has a source of its own
    one_line(fails(3, "eval", "alone.safetensors"))
    one_line(fails(3, "gradcheck", "-m", "alone.safetensors"))


def test_other_peoples_files(fails, here):
    """Any other file given as a model is refused."""
    header = json.dumps({"weight": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    files = {
        "gpt.safetensors": len(header).to_bytes(8, "little") + header + b"\0\0",
        "model.pkl": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x0btouch pwned\x94\x85\x94R\x94.",
        "model.bin": b"PK\x03\x04" + bytes(100),
        "model.npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "model.py": b"import os; os.system('touch pwned')",
        "model.yaml": b"!!python/object/apply:os.system ['touch pwned']",
        "empty": b"",
    }
    for name, content in files.items():
        (here / name).write_bytes(content)
        for words in ["predict", "a"], ["explain", "a"], ["words", "top"]:
            one_line(fails(2 if name.endswith((".yaml", ".py")) else 3, *words, "-m", name))
    one_line(fails(2, "train", "model.yaml"))
    assert not (here / "pwned").exists()
