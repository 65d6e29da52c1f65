"""docs/lessons/gradient-flow.md shows what the program prints, and the pictures that its script draws."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

LESSONS = Path(__file__).parent.parent / "docs" / "lessons"
PAGE = (LESSONS / "gradient-flow.md").read_text(encoding="utf-8")


def table(text: str) -> list[list[str]]:
    """The lines of the flow table, in cells."""
    return [line.split() for line in text.splitlines() if re.match(r"(embedding|hidden\.\d|output) +\d", line)]


@pytest.mark.usefixtures("here")
def test_the_flow_is_the_one_that_is_shown():
    from sentibp.cli import application

    done = CliRunner().invoke(application(), ["train", "deep_sigmoid", "--set", "train.epochs=1"])
    (warning,) = [line for line in done.stderr.splitlines() if "vanishing" in line]
    assert warning in " ".join(PAGE.split())
    flow = CliRunner().invoke(application(), ["runs", "flow", "--epoch", "1"]).stdout
    shown, found = table(PAGE), table(flow)
    assert len(shown) == len(found) == 10
    for there, here in zip(shown, found, strict=True):
        assert there[0] == here[0]
        assert [float(cell) for cell in there[1:5]] == pytest.approx([float(cell) for cell in here[1:5]], rel=0.2)
    factor = r"each hidden layer multiplies the gradient by [\d.]+ on the way back"
    assert re.findall(factor, PAGE) == re.findall(factor, flow)


def test_the_table_has_a_line_for_each_cure_and_the_pictures_are_there():
    script = runpy.run_path(str(LESSONS / "gradient_flow.py"))
    for name, overrides in script["CURES"].items():
        settings = ", ".join(f"`{part.replace('=', ': ')}`" for part in overrides)
        assert f"| {name} | {settings} | " in PAGE
    pictures = re.findall(r"!\[.+\]\((.+)\)", PAGE)
    assert len(pictures) == 2
    for name in pictures:
        texts = [node.text for node in ElementTree.parse(LESSONS / name).iter("{http://www.w3.org/2000/svg}text")]
        assert {"emb", "out"} <= set(texts)
