"""`--help` and `--version`: each command has a help text with an example, and shows it fast."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

COMMANDS = [
    *(
        "train",
        "pretrain",
        "eval",
        "predict",
        "explain",
        "blame",
        "audit",
        "trace",
        "gradcheck",
        "report",
        "play",
        "serve",
        "sweep show",
        "cluster check",
        "export",
        "bench",
        "runs list",
        "runs compare",
        "reproduce",
        "runs flow",
        "runs watch",
        "words neighbors",
        "words analogy",
        "words top",
    ),
    *("config show", "config schema", "config list"),
]


@pytest.mark.parametrize("command", ["", *COMMANDS, "runs", "words", "config", "sweep", "sweep run", "cluster"])
def test_help(sentibp, command):
    result = sentibp(*command.split(), "--help")
    assert result.err == ""
    assert result.out.startswith(f"Usage: {' '.join(['sentibp', *command.split()])} ")
    assert sentibp(*command.split(), "-h") == result


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(sentibp, command):
    text = " ".join(sentibp(*command.split(), "--help").out.split())
    assert re.search(f"Examples?: sentibp {command}", text)


def test_the_first_help_says_how_to_begin(sentibp):
    assert "sentibp train quickstart" in sentibp("--help").out


def test_every_command_is_listed_with_a_whole_sentence(sentibp):
    for group in ([], ["runs"], ["words"], ["config"], ["sweep"], ["cluster"]):
        listed = sentibp(*group, "--help").out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
        assert listed
        for line in listed:
            assert line.endswith("."), line
            assert not line.endswith("..."), line


def test_version(process):
    assert process("--version").out == f"sentibp {version('sentibp')}\n"


@pytest.mark.parametrize(
    ("args", "absent"),
    [
        (["--help"], ["numpy", "pyarrow", "datasets", "rich", "pydantic"]),
        (["train", "--help"], ["numpy", "pyarrow", "datasets", "rich"]),
        (["pretrain", "--help"], ["numpy", "pyarrow", "datasets", "rich", "scipy"]),
        (
            ["predict", "good"],
            [
                *("datasets", "rich", "onnx", "onnxruntime", "sentibp.export", "starlette", "uvicorn"),
                *("distributed", "dask", "sentibp.distributed", "cryptography"),
            ],
        ),
        (["predict", "-i", "reviews/*.csv", "-o", "out/"], ["distributed", "dask", "pydantic", "scipy", "rich"]),
        (["cluster", "check", "--help"], ["numpy", "pyarrow", "distributed", "dask", "rich"]),
        (["export", "--to", "js"], ["datasets", "rich", "onnx", "onnxruntime"]),
        (["explain", "good", "--flip"], ["datasets", "rich", "pydantic", "sentibp.config.schema", "scipy"]),
        (["trace", "good", "--label", "negative"], ["datasets", "rich", "pydantic", "sentibp.config.schema", "scipy"]),
        (["train", "quickstart", "--quiet"], ["datasets", "rich", "starlette", "uvicorn", "distributed", "dask"]),
        (["eval", "--data", "sample"], ["starlette", "uvicorn"]),
        (["serve", "--help"], ["numpy", "pyarrow", "starlette", "uvicorn", "asyncio"]),
    ],
    ids=" ".join,
)
def test_commands_import_only_what_they_need(environment, trained, args, absent):
    Path("reviews").mkdir()
    Path("reviews/a.csv").write_text("text\ngood\n")
    command = [sys.executable, "-X", "importtime", "-m", "sentibp", *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded.isdisjoint(absent)


def test_a_command_behaves_the_same_when_loaded_alone():
    """Only the module of the command that is called is loaded."""
    from sentibp.cli import COMMANDS, application

    whole = CliRunner().invoke(application(), ["--help"]).output
    for name in COMMANDS:
        assert f"  {name} " in whole
        alone, among_all = (CliRunner().invoke(application(first), [name, "--help"]) for first in (name, ""))
        assert alone.exit_code == 0
        assert alone.output == among_all.output
