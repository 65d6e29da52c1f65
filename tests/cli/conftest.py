"""The command as a user meets it: in this process for speed, in a process of its own, and on a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from sentibp.cli import application

COMMAND = [sys.executable, "-W", "error", "-m", "sentibp"]


class Result(NamedTuple):
    """What a command left behind: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    @property
    def jsonl(self) -> list[dict[str, Any]]:
        """The JSON object of each line of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def csv(self) -> list[dict[str, str]]:
        """The rows of stdout by the names in its first line."""
        return list(csv.DictReader(io.StringIO(self.out)))


def checked(result: Result, code: int) -> Result:
    """What holds for every command: the exit code that is expected, and never a traceback or a warning."""
    assert "Traceback" not in result.err
    assert "Warning" not in result.err
    assert result.code == code, result.err or result.out
    return result


def invoke(*args: object, code: int = 0, stdin: str | bytes | None = None) -> Result:
    """Run the command in this process; an exception that reaches the user fails the test as it is."""
    done = CliRunner().invoke(
        application(), list(map(str, args)), input=stdin, catch_exceptions=False, prog_name="sentibp"
    )
    return checked(Result(done.exit_code, done.stdout, done.stderr), code)


@pytest.fixture(scope="session")
def numbers() -> Callable[[dict[str, Any]], dict[str, float]]:
    """The numbers among some scores: what two evaluations agree on but for the order in which they add up."""
    return lambda scores: {name: value for name, value in scores.items() if isinstance(value, int | float)}


@pytest.fixture
def sentibp(here: Path) -> Callable[..., Result]:
    """`sentibp("train", "quickstart", code=0, stdin=None)` runs a command in an empty directory."""
    return invoke


@pytest.fixture
def fails(sentibp: Callable[..., Result]) -> Callable[..., str]:
    """`fails(code, *args)` runs a command that must fail, with nothing on stdout, and returns what it says."""

    def fails(code: int, *args: object, stdin: str | bytes | None = None) -> str:
        result = sentibp(*args, code=code, stdin=stdin)
        assert result.out == ""
        assert result.err.endswith("\n")
        assert not result.err.endswith("\n\n")
        return result.err.removesuffix("\n")

    return fails


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of `sentibp train quickstart`."""
    folder = tmp_path_factory.mktemp("quickstart")
    with chdir(folder):
        invoke("train", "quickstart", "--quiet", "--out", "run")
    return folder / "run"


@pytest.fixture
def trained(here: Path, quickstart: Path) -> Path:
    """A working directory in which quickstart has been trained: it is `last`."""
    (here / "runs").mkdir()
    (here / "runs" / "last").write_text(f"{quickstart}\n")
    return quickstart


@pytest.fixture
def environment(here: Path) -> dict[str, str]:
    """The environment of a user without settings of their own, and without a hub."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(here / "cache"), "PYTHONIOENCODING": "utf-8:strict"}


@pytest.fixture
def process(environment: dict[str, str]) -> Callable[..., Result]:
    """`process(*args, code=0, stdin=b"", env={}, redirect="")` runs a command in a process of its own.

    Warnings are errors there; `redirect` is what a shell would have after the command.
    """

    def process(
        *args: str | bytes | Path,
        code: int = 0,
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        redirect: str = "",
    ) -> Result:
        shell = ["sh", "-c", f'"$@" {redirect}', "sh"] if redirect else []
        command = [*shell, *COMMAND, *args]
        done = subprocess.run(command, input=stdin, capture_output=True, env=environment | (env or {}))
        return checked(Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()), code)

    return process


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen]]:
    """`start(*args)` starts a command and returns the running process; what a test leaves running is ended."""
    started: list[subprocess.Popen] = []

    def start(*args: str | Path, **options: Any) -> subprocess.Popen:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen([*COMMAND, *args], env=environment, **(pipes | options)))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
        for pipe in (each.stdout, each.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def terminal(start: Callable[..., subprocess.Popen], environment: dict[str, str]) -> Callable[..., Result]:
    """`terminal(*args, code=0, env={})`: stdout and stderr are two terminals of 80 columns."""
    pty = pytest.importorskip("pty", reason="there are no pseudo terminals here")

    def terminal(*args: str | Path, code: int = 0, env: dict[str, str] | None = None) -> Result:
        environment.update({"TERM": "xterm-256color", "COLUMNS": "80", **(env or {})})
        screens, ends = zip(*(pty.openpty() for _ in range(2)), strict=True)
        running = start(*args, stdout=ends[0], stderr=ends[1])
        for end in ends:
            os.close(end)
        shown = {screen: b"" for screen in screens}
        still_open = set(screens)
        while still_open:
            for screen in select.select(list(still_open), [], [])[0]:
                try:
                    part = os.read(screen, 1 << 16)
                except OSError:  # Linux says EIO when the other side has closed
                    part = b""
                shown[screen] += part
                if not part:
                    still_open.remove(screen)
                    os.close(screen)
        out, err = (shown[screen].decode().replace("\r\n", "\n") for screen in screens)
        return checked(Result(running.wait(), out, err), code)

    return terminal
