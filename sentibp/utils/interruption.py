"""The end of a process that a signal interrupts: one line on stderr, however many signals come."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import NoReturn

SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
"""Ctrl-C, the end that another process asks for, and a terminal that was closed, which Windows does not have."""


def end_at_once() -> NoReturn:
    """End this process with the line `interrupted`, and clean nothing up."""
    end_silently_on_signals()
    with contextlib.suppress(OSError):  # the terminal was closed
        os.write(2, b"interrupted\n")
    os._exit(130)


def end_silently_on_signals() -> None:
    """Let a further signal end this process at once, without a line: the user knows that it was interrupted.

    That of a closed terminal has no effect: what is still to be printed may go to a file.
    """
    for number in SIGNALS:
        is_of_terminal = number not in (signal.SIGINT, signal.SIGTERM)
        signal.signal(number, signal.SIG_IGN if is_of_terminal else _end)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(130)
