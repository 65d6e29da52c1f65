"""Read the commands of a documentation page, and compare printed lines with those that the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


class Command(NamedTuple):
    """A command line of a page, with the exit code and the output that the page shows."""

    line: str
    exit_code: int  # from a comment such as `# exit code 4`
    output: list[str] | None  # None: the page shows none

    @property
    def varies(self) -> bool:
        """Whether the page says that the digits of the output are others on other processors."""
        return self.line.endswith("digits on other processors")

    @property
    def words(self) -> list[str]:
        """The words of the line, without its comment; `|`, `>` and `&&` are words too."""
        parser = shlex.shlex(self.line, posix=True, punctuation_chars="|>&")
        parser.whitespace_split = True
        return list(parser)


def blocks(page: str, *languages: str) -> Iterator[tuple[str, str]]:
    """Yield language and content of each fenced block in one of these languages, in order."""
    for match in re.finditer(r"^```([\w-]*)[^\n]*\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        if match[1] in languages:
            yield match[1], match[2]


def commands(page: str, *languages: str) -> Iterator[Command]:
    """Yield each command of the `bash` blocks (a line each) and the `console` blocks (after `$ `) of a page."""
    for language, block in blocks(page, *languages):
        lines = block.splitlines()
        if language == "bash":
            yield from (Command(line, 0, None) for line in lines if line)
            continue
        starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
        assert starts[0] == 0, "a console block begins with a command"
        for start, stop in pairwise([*starts, len(lines)]):
            code = re.search(r"# exit code (\d+)$", lines[start])
            yield Command(lines[start][2:], int(code[1]) if code else 0, lines[start + 1 : stop])


def alike(expected: str, line: str) -> bool:
    """Return whether two lines are equal, except for blanks and the last digits of numbers."""
    if expected.endswith(" ..."):
        expected = expected.removesuffix(" ...")
        line = " ".join(line.split())[: len(" ".join(expected.split()))]
    shapes = [" ".join(_NUMBER.sub("#", each).split()) for each in (expected, line)]
    numbers = [[float(n.replace(",", "")) for n in _NUMBER.findall(each)] for each in (expected, line)]
    return shapes[0] == shapes[1] and all(
        abs(a - b) <= max(0.02 * abs(a), 0.004) for a, b in zip(*numbers, strict=True)
    )


def equal(expected: str, line: str) -> bool:
    """Return whether two lines are equal, except for blanks; the end ` ...` stands for any rest."""
    expected, line = " ".join(expected.split()), " ".join(line.split())
    return line.startswith(expected[:-4]) if expected.endswith(" ...") else line == expected


def first_missing(expected: list[str], printed: list[str], same: Callable[[str, str], bool] = alike) -> str | None:
    """Return the first expected line that is not printed in its place; only a line `...` may leave lines out."""
    place = 0
    skip = False
    for line in expected:
        if line == "...":
            skip = True
            continue
        rest = printed[place:] if skip else printed[place : place + 1]
        at = next((i for i, other in enumerate(rest) if same(line, other)), None)
        if at is None:
            return line
        place, skip = place + at + 1, False
    return None if skip or place == len(printed) else f"no more, but there is: {printed[place]}"
