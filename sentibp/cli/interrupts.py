"""Ctrl-C, SIGTERM and a closed terminal end a training at its next event, and other commands cleanly."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from sentibp.utils.interruption import SIGNALS, end_at_once, end_silently_on_signals
from sentibp.utils.messages import discard, print_message

_HANGUP = getattr(signal, "SIGHUP", None)  # a terminal was closed; Windows has none


class Interrupt:
    """Notes a signal, so that the loop over a training can ask for it: `if interrupt.requested: break`.

    Unlike an exception, no library can swallow it. A second signal ends the process at once, but not that of a closed
    terminal: the shell and the system send one each, and there is something to save.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_second = False
        self._on_terminal = _streams_on_terminal()
        _handle_signals(self._request)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if number == _HANGUP:
            _discard_closed(self._on_terminal)
        elif self._is_second:
            end_at_once()
        else:
            self._is_second = True
        self.requested = True


def print_interrupted(about: str = "") -> None:
    """Print that the command was interrupted, when it has kept what it keeps, and what is to say `about` that.

    From now on a signal ends it at once: there is no second line, and no traceback.
    """
    if threading.current_thread() is threading.main_thread():
        end_silently_on_signals()
    print_message(f"interrupted: {about}" if about else "interrupted")


def raise_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and a terminal that is closed raise KeyboardInterrupt from now on."""
    on_terminal = _streams_on_terminal()

    def handle(number: int, frame: FrameType | None) -> None:
        if number == _HANGUP:
            _discard_closed(on_terminal)
        raise KeyboardInterrupt

    _handle_signals(handle)


def _handle_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in SIGNALS:  # also where SIGINT is ignored, as in a shell script's `command &`
        if number != _HANGUP or signal.getsignal(number) is not signal.SIG_IGN:  # as after nohup
            signal.signal(number, handler)


def _streams_on_terminal() -> list[TextIO]:
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None and stream.isatty()]


def _discard_closed(streams: list[TextIO]) -> None:
    for stream in streams:
        if not stream.isatty():  # any more: what is written there is an error
            discard(stream)


@contextmanager
def unwound_by_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a terminal that is closed raise KeyboardInterrupt in the block, which then cleans up."""
    numbers = SIGNALS if threading.current_thread() is threading.main_thread() else ()
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
