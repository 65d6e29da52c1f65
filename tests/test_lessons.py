"""The lessons stay true: their commands run in order and print what the pages show."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from documents import alike, commands, equal, first_missing
from typer.testing import CliRunner

from sentibp.cli import application

FOLDER = Path(__file__).parent.parent / "docs" / "lessons"
LESSONS = sorted(FOLDER.glob("[0-9]-*.md"))
MEASURED = platform.machine() in (
    "x86_64",
    "AMD64",
)  # with the kernels of OpenBLAS and numpy for old and new processors


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("here")
def test_commands_print_what_the_lesson_shows(lesson):
    found = list(commands(lesson.read_text(encoding="utf-8"), "console"))
    assert len(found) >= 3
    for command in found:
        program, *arguments = command.words
        assert program == "sentibp"
        assert command.output, "a lesson shows what its commands print"
        result = CliRunner().invoke(application(), arguments, prog_name="sentibp")
        printed = result.output.rstrip("\n").splitlines()
        assert result.exit_code == command.exit_code, (command.line, result.output)
        wrong = first_missing(command.output, printed, alike if command.varies or not MEASURED else equal)
        assert wrong is None, f"{lesson.name}: {command.line}: not printed: {wrong}\n\n{result.output}"


def test_every_lesson_is_listed_and_asks_a_question():
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(LESSONS) == 6
    for path in LESSONS:
        page = path.read_text(encoding="utf-8")
        assert f"({path.name})" in listed
        assert "**Question: " in page and "**Answer**" in page and "**Try**" in page


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
def test_lines_that_are_not_printed_are_found(expected, printed, wrong):
    assert first_missing(expected, printed) == wrong


def test_a_digit_may_differ_only_where_the_page_says_so():
    plain, varying = commands(
        "```console\n$ sentibp a\np 1\n$ sentibp b  # other last digits on other processors\n```\n", "console"
    )
    assert (plain.varies, varying.varies) == (False, True)
    assert varying.words == ["sentibp", "b"]
    assert equal("p 0.35  q", "p  0.35 q") and equal("lower it ...", "lower it (it is 3)")
    assert alike("p 6.62e-04", "p 6.61e-04") and not equal("p 6.62e-04", "p 6.61e-04")
