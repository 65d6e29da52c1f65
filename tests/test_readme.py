"""The README cannot rot: its generated parts are up to date, and its commands and its Python run."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL = ["--set", "data.source=sample", "--set", "train.epochs=1", "--quiet"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_generated_parts_are_up_to_date():
    generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))["generated"]()
    for path, content in generated.items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name}: run `make docs`"


def test_every_folder_of_the_package_has_its_line_in_the_tree():
    tree = blocks("text")[0]
    for path in (ROOT / "sentibp").iterdir():
        name = path.name + "/" * path.is_dir()
        assert name.startswith("__") or f"    {name} " in tree, f"{path} has no line in the README's file tree"


@pytest.mark.usefixtures("here")
def test_the_commands_run():
    """With the small reviews in place of the large ones, in the order of the page."""
    from sentibp.cli import application

    lines = [line for block in blocks("bash") for line in block.splitlines()]
    lines += [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines() if line[:2] == "$ "]
    commands = [shlex.split(part, comments=True) for line in lines for part in line.split("&&") if "sentibp " in part]
    assert len(commands) >= 8
    Path("court.txt").write_text("The king is a man and the queen is a woman.\n" * 2)  # whom the page asks for
    last, before = Path("runs/last"), ""
    for command in commands:
        arguments = command[1:]
        if arguments[1:2] == ["mine.yaml"]:
            continue  # the one that shows mistakes
        if arguments[0] in ("train", "pretrain"):
            arguments += SMALL
        if "rotten_tomatoes_pretrained" in arguments:
            arguments += ["--set", "pretrain.labelled=sample", "--set", "pretrain.source=court.txt"]
        arguments = ["last" if argument == "RUN" else argument for argument in arguments]
        before = last.read_text() if arguments[0] == "pretrain" else before
        result = CliRunner().invoke(application(), arguments)
        assert result.exit_code == 0, (arguments, result.output)
        if "pretrain.vectors_from=last" in arguments:
            last.write_text(before)  # the page goes on with another model


@pytest.mark.usefixtures("here")
def test_the_mistakes_are_told_as_shown():
    from sentibp.cli import application

    shown = next(block for block in blocks("console") if "mine.yaml" in block).splitlines()[1:]
    Path("mine.yaml").write_text("data: {source: sample}\n\nmodel:\n  hiden: [8]\n\ntrain:\n  epochs: three\n")
    result = CliRunner().invoke(application(), ["train", "mine.yaml"])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == shown


@pytest.mark.usefixtures("here")
def test_the_python_runs(capsys):
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})
    assert re.fullmatch(r"\[0\.\d+\]\n", capsys.readouterr().out)
