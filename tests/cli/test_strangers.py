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


def test_weights_that_overflow_are_reported(fails, sentibp, run):
    def huge(header, tensors):
        tensors["embedding.weight"][:] = 3e38 * np.sign(tensors["embedding.weight"])
        tensors["hidden.0.weight"][:] = 3e38 * np.sign(tensors["hidden.0.weight"])

    resealed(run / "model.safetensors", huge)
    one_line(fails(3, "predict", "a good film that I love and hate"))
    one_line(fails(4, "eval", "--data", "reviews.csv"))
    sentibp("explain", "a good film that I love and hate")  # in float64, if it is finite


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
        assert "no paired test" in sentibp("runs", "compare", "run", "run").out  # as if the file were missing
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
            one_line(fails(3, *words, "-m", name))
    one_line(fails(2, "train", "model.yaml"))
    assert not (here / "pwned").exists()
