"""Worker processes of this process that are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

import psutil


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.002)


def kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


def all_workers() -> list[psutil.Process]:
    """The worker processes of this process, but not those that fork them, and that watch over its resources."""
    found = psutil.Process().children(recursive=True)
    return [each for each in found if "spawn_main" in _command(each) or _is_forked(each)]


def _is_forked(process: psutil.Process) -> bool:
    """Return whether a process is a copy of the one that forks workers, which has the same command."""
    with contextlib.suppress(psutil.Error):
        return "forkserver" in _command(process) and process.ppid() != os.getpid()
    return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it ends
        return ""


def kill_all_workers() -> None:
    for each in all_workers():
        kill(each)
