"""Run commands in this process (fast), in a separate process, or on a terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from browser import Page, open_browser
from command import Result, checked, invoke
from loaded import Forked, Loaded

PYTHON = [sys.executable, "-W", "error"]
SENTIBP = ["-m", "sentibp"]


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
    return {**_environment_of_tests(), "HF_DATASETS_CACHE": str(here / "cache")}


def _environment_of_tests() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8:strict"}


@pytest.fixture(scope="session")
def loaded() -> Iterator[Loaded | None]:
    """Return a process that forks one for each command, where the system can do that."""
    process = Loaded(_environment_of_tests()) if sys.platform == "linux" else None
    yield process
    if process is not None:
        process.close()


@pytest.fixture
def process(environment: dict[str, str], loaded: Loaded | None) -> Callable[..., Result]:
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
        command = [*SENTIBP, *args]
        options = {"shell": shell, "stdin": subprocess.PIPE}
        with _begun(None if shell else loaded, environment | (env or {}), *command, **options) as running:
            out, err = running.communicate(stdin)
        return checked(Result(running.returncode, out.decode(errors="replace"), err.decode()), code)

    return process


def _begun(
    loaded: Loaded | None, environment: dict[str, str], *args: Any, shell: Sequence[str] = (), **options: Any
) -> subprocess.Popen:
    """Return a process of Python: a fork of the loaded one, if that would have started in the same way."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    if loaded is not None and loaded.suits(environment):
        return Forked(loaded, args, environment, **pipes)
    return subprocess.Popen([*shell, *PYTHON, *args], env=environment, **pipes)


@pytest.fixture
def start(environment: dict[str, str], loaded: Loaded | None) -> Iterator[Callable[..., subprocess.Popen]]:
    """`start(*args, program="")` starts a command and returns the process, which is killed after the test.

    A program in Python may be run in the place of `sentibp`.
    """
    started: list[subprocess.Popen] = []

    def start(*args: str | Path, program: str = "", **options: Any) -> subprocess.Popen:
        command = [*(["-c", program] if program else SENTIBP), *args]
        started.append(_begun(loaded, environment, *command, **options))
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
