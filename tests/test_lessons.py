"""The lessons cannot rot: their commands run, in order, and print what the pages say they print."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentibp.cli import application

FOLDER = Path(__file__).parent.parent / "docs" / "lessons"
LESSONS = sorted(FOLDER.glob("[0-9]-*.md"))
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


def commands(page: str) -> list[tuple[list[str], int, list[str]]]:
    """Each command of a page's console blocks, its exit code (`# exit code 4`), and the lines that it should print."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        lines = block.splitlines()
        starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
        assert starts[0] == 0, "a block begins with a command"
        for start, stop in pairwise([*starts, len(lines)]):
            code = re.search(r"# exit code (\d+)$", lines[start])
            words = shlex.split(lines[start][2:], comments=True)
            assert words[0] == "sentibp"
            found.append((words[1:], int(code[1]) if code else 0, lines[start + 1 : stop]))
    return found


def alike(expected: str, line: str) -> bool:
    """Whether a line says the same, but for blanks, and for the last digits of numbers."""
    if expected.endswith(" ..."):
        expected = expected.removesuffix(" ...")
        line = " ".join(line.split())[: len(" ".join(expected.split()))]
    shapes = [" ".join(NUMBER.sub("#", each).split()) for each in (expected, line)]
    numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(each)] for each in (expected, line)]
    return shapes[0] == shapes[1] and all(
        abs(a - b) <= max(0.02 * abs(a), 0.004) for a, b in zip(*numbers, strict=True)
    )


def missing(expected: list[str], printed: list[str]) -> str | None:
    """The first expected line that is not printed after those before it; only `...` may leave lines out."""
    place = 0
    free = False
    for line in expected:
        if line == "...":
            free = True
            continue
        rest = printed[place:] if free else printed[place : place + 1]
        at = next((i for i, other in enumerate(rest) if alike(line, other)), None)
        if at is None:
            return line
        place, free = place + at + 1, False
    return None if free or place == len(printed) else f"no more, but there is: {printed[place]}"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("here")
def test_the_commands_print_what_the_lesson_says(lesson):
    found = commands(lesson.read_text(encoding="utf-8"))
    assert len(found) >= 3
    for arguments, code, expected in found:
        result = CliRunner().invoke(application(), arguments, prog_name="sentibp")
        printed = result.output.rstrip("\n").splitlines()
        assert result.exit_code == code, (arguments, result.output)
        wrong = missing(expected, printed)
        assert wrong is None, f"{lesson.name}: {' '.join(arguments)}: not printed: {wrong}\n\n{result.output}"


def test_every_lesson_is_listed_and_asks_a_question():
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(LESSONS) == 5
    for path in LESSONS:
        page = path.read_text(encoding="utf-8")
        assert f"({path.name})" in listed
        assert "**Question: " in page and "**Answer**" in page and "**Try**" in page
        for target in re.findall(r"\]\(([\w./-]+)\)", page):
            assert (FOLDER / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize(
    ("expected", "printed", "wrong"),
    [
        (["p 0.3500"], ["p 0.3500"], None),
        (["p 0.3500"], ["p 0.3501"], None),
        (["p 0.3500"], ["p 0.3600"], "p 0.3500"),
        (["p 0.35"], ["q 0.35"], "p 0.35"),
        (["n 852"], ["n 853"], None),
        (["n 852"], ["n 890"], "n 852"),
        (["a", "c"], ["a", "b", "c"], "c"),
        (["a", "...", "c"], ["a", "b", "c"], None),
        (["c", "...", "a"], ["a", "b", "c"], "c"),
        (["a"], ["a", "b"], "no more, but there is: b"),
        (["lower it ..."], ["lower it (it is 3)"], None),
    ],
)
def test_the_check_finds_what_it_looks_for(expected, printed, wrong):
    assert missing(expected, printed) == wrong
