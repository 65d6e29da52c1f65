"""The progress of a long prediction, on stderr. It loads nothing before there is something to show."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO

from sentibp.utils.messages import counted, discard

_PATIENCE = 2  # seconds that a prediction takes before its progress is shown


def is_live(stream: TextIO | None) -> bool:
    """Return whether a stream, such as stderr, is a terminal that can show a line that changes."""
    plain = {"NO_COLOR", "CI"} & os.environ.keys() or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not plain


def workers(count: int) -> str:
    """Return how many worker processes a cluster has; "" without one."""
    return counted(count, "worker") if count else ""


def stop(bar: Any) -> None:
    """Take a live display off the terminal, which may be closed."""
    try:
        bar.stop()
    except OSError:
        discard(sys.stderr)


class Counter:
    """Shows on a terminal how many reviews have been predicted, if that takes longer than some seconds.

    With several `files`, it shows how many of these have ended, too.
    """

    worker_count = 0  # of a cluster

    def __init__(self, wanted: bool, files: int | None = None):
        self.live = wanted and is_live(sys.stderr)
        self.bar: Any = None
        self._began, self._count = time.monotonic(), 0
        self._files, self._ended = files, 0

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            stop(self.bar)

    def add(self, count: int) -> None:
        """Show that further reviews have been predicted."""
        self._count += count
        self._ended += 1
        seconds = time.monotonic() - self._began
        if not self.live or seconds < _PATIENCE:
            return
        self.bar = self.bar or self._started()
        a_second = self._count / max(seconds, 1e-3)
        files = "" if self._files is None else f"{self._ended:,} of {counted(self._files, 'file')}, "
        done = {} if self._files is None else {"completed": self._ended}
        parts = (f"{files}{counted(self._count, 'review')}", f"{a_second:,.0f} a second", workers(self.worker_count))
        self.bar.update(self.task, description=", ".join(filter(None, parts)), **done)

    def _started(self) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self.task = bar.add_task("", total=self._files)
        bar.start()
        return bar
