"""Ctrl-C and SIGTERM end a training, also where a library swallows the exception."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, NoReturn

from sentibp.training.events import Event, Note


def heeded(watch: Callable[[Event], None]) -> Callable[[Event], None]:
    """The same `watch`. From here on either signal raises KeyboardInterrupt, at once, and if that does not arrive,
    being raised in a callback or a destructor, at the next event of the training."""
    asked = False

    def ask(number: int, frame: Any) -> NoReturn:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def heed(event: Event) -> None:
        if asked and not isinstance(event, Note):  # notes come after the end, too
            raise KeyboardInterrupt
        watch(event)

    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, ask)
    return heed
