"""Run commands in this process (fast), in a separate process, or on a terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from browser import Page, open_browser
from command import Result, checked, invoke

COMMAND = [sys.executable, "-W", "error", "-m", "sentibp"]


@pytest.fixture(scope="session")
def numbers() -> Callable[[dict[str, Any]], dict[str, float]]:
    """Return the numeric scores. Two evaluations may differ in their last digits."""
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
    """Return the run directory of `sentibp train quickstart`."""
    folder = tmp_path_factory.mktemp("quickstart")
    with chdir(folder):
        invoke("train", "quickstart", "--quiet", "--out", "run")
    return folder / "run"


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder to which the browser saves files."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, downloads: Path) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("profile"), downloads) as page:
        yield page


@pytest.fixture(scope="module")
def page(browser: Page) -> Page:
    """Return the browser, without messages from tests of another module."""
    browser.complaints()
    return browser


@pytest.fixture
def trained(here: Path, quickstart: Path) -> Path:
    """Change to a working directory in which the run `last` is of quickstart."""
    (here / "runs").mkdir()
    (here / "runs" / "last").write_text(f"{quickstart}\n")
    return quickstart


@pytest.fixture
def environment(here: Path) -> dict[str, str]:
    """Return an environment without settings of the user, and without the hub."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(here / "cache"), "PYTHONIOENCODING": "utf-8:strict"}


@pytest.fixture
def process(environment: dict[str, str]) -> Callable[..., Result]:
    """`process(*args, code=0, stdin=b"", env={}, redirect="")` runs a command in a separate process.

    Warnings are errors there. `redirect` is shell syntax that follows the command.
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
    """`start(*args)` starts a command and returns the process, which is killed after the test."""
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

    def terminal(
        *args: str | Path, code: int = 0, env: dict[str, str] | None = None, encoding: str = "utf-8"
    ) -> Result:
        environment.update({"PYTHONIOENCODING": encoding} if encoding != "utf-8" else {})
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
                except OSError:  # Linux raises EIO when the other side is closed
                    part = b""
                shown[screen] += part
                if not part:
                    still_open.remove(screen)
                    os.close(screen)
        out, err = (shown[screen].decode(encoding).replace("\r\n", "\n") for screen in screens)
        return checked(Result(running.wait(), out, err), code)

    return terminal
