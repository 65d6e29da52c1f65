"""Ctrl-C and SIGTERM end a training at its next event, and other commands without leaving temporary files."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Notes a signal, so that the loop over a training can ask for it: `if interrupt.requested: break`.

    Unlike an exception, no library can swallow it. A second signal ends the process at once.
    """

    def __init__(self) -> None:
        self.requested = False
        for number in signal.SIGINT, signal.SIGTERM:  # also where SIGINT is ignored, as in a shell script's `command &`
            signal.signal(number, self._request)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os.write(2, b"interrupted\n")
            os._exit(130)
        self.requested = True


_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@contextmanager
def unwound_by_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a terminal that is closed raise KeyboardInterrupt in the block, which then cleans up."""
    numbers = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, _raise)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
