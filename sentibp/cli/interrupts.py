"""Ctrl-C and SIGTERM end a training at its next event, always: also where a library swallows an exception."""

from __future__ import annotations

import os
import signal
from types import FrameType


class Interrupt:
    """Notes a signal, so that the loop over a training can ask for it: `if interrupt.requested: break`.

    A second signal ends the process at once.
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
