"""Worker processes of this process that are killed."""

from __future__ import annotations

import contextlib
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
    """The worker processes of this process, but not the one that watches over its resources."""
    return [each for each in psutil.Process().children(recursive=True) if "spawn_main" in _command(each)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it ends
        return ""


def kill_all_workers() -> None:
    for each in all_workers():
        kill(each)
