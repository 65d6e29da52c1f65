"""`python -m sentibp` and the `sentibp` command."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

from sentibp.utils.interruption import SIGNALS, end_at_once


def main() -> None:
    """Run the command line."""
    gc.set_threshold(10_000)  # most objects live until a command ends: collect rarely
    _occupy_standard_streams()
    _leave_on_signals()
    if sys.stdout is None:  # the shell's >&-
        os.write(2, b"standard output is closed; there is no place for results\n")
        sys.exit(3)
    from sentibp.cli import application
    from sentibp.cli.output import prepare_streams
    from sentibp.utils.threads import limit_blas_threads

    prepare_streams()
    limit_blas_threads()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # they are sought in each package: 30 ms
    application(sys.argv[1] if len(sys.argv) > 1 else "--help")(prog_name="sentibp")


def _occupy_standard_streams() -> None:
    """Open nothing in the place of standard streams that are closed (the shell's 2>&-).

    Else the next file that is opened, such as the log of a run, would take the place, and messages of libraries.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:  # what nobody can read must not end a command
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _leave_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and a terminal that is closed end this process with a line, until a command knows better.

    Without a handler, SIGTERM would do nothing at all to the first process of a container.
    """
    for number in SIGNALS:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):  # not ignored, as after nohup
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: only a training has something to save, and libraries swallow a KeyboardInterrupt while they load."""
    end_at_once()


if __name__ == "__main__":
    main()
