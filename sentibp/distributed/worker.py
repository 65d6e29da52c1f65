"""What a worker does around each task: it compares its versions with the command, and undoes what it changed."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import resource_tracker
from typing import Any

from sentibp.errors import SentibpError
from sentibp.utils.environment import version, versions
from sentibp.utils.executor import OtherVersion, worker_name
from sentibp.utils.files import WriteError
from sentibp.utils.paths import shown_from
from sentibp.utils.threads import one_core, single_threaded_blas

LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")
"""The loggers of Dask, and of what it stands on."""

_one_at_a_time = threading.Lock()  # a process runs one task, however many threads it has


def silence_loggers() -> None:
    """Keep what Dask logs off the terminal, where our own messages say what matters."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def start_resource_tracker() -> None:
    """Start the process of Python that removes what this one leaves. It unblocks SIGINT, so it comes first.

    What a command leaves that was killed, or ended by a second Ctrl-C, is no news for the terminal.
    """
    with environment_restored():
        os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker"
        resource_tracker.ensure_running()


def dask_setup(worker: Any) -> None:
    """Silence a worker of `local:N`, for which Dask calls this: a connection that it loses at its end is no news."""
    silence_loggers()


@functools.cache
def identity() -> dict[str, str]:
    """Return the versions of this process: those that must be the same everywhere, and its host."""
    found = versions()
    code = f"{found['sentibp']} ({found['code']})"
    return {
        "sentibp": code,
        "numpy": found["numpy"],
        "python": found["python"],
        "distributed": version("distributed"),
        "host": socket.gethostname(),
    }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Return what differs between two identities: the source code, or the major or minor version of numpy or Python."""
    found = []
    for name in "sentibp", "numpy", "python":
        digits = 3 if name == "sentibp" else 2
        if ours[name].split(".")[:digits] != theirs[name].split(".")[:digits]:
            found.append(f"{name} {theirs[name]}, not {ours[name]}")
    return found


def other_version(worker: str, found: Sequence[str]) -> OtherVersion:
    """Return the error that a worker differs from the command in these ways."""
    repair = "install the same version there, and start the worker again"
    return OtherVersion(f"{worker} has {'; '.join(found)}; {repair}")


def run(ours: dict[str, str], folder: str, function: Callable[..., Any], *args: Any) -> Any:
    """Run a function in a worker, for a command in a folder, from which its messages show paths.

    OtherVersion if the worker is not what the command expects.
    """
    if found := differences(ours, identity()):
        raise other_version(worker_name(), found)
    with (
        _one_at_a_time,
        single_threaded_blas,
        one_core(),
        shown_from(folder),
        environment_restored(),
        _errors_that_can_be_sent(),
        _full_disks_named(ours["host"]),
    ):
        return function(*args)


def sendable(text: str) -> str:
    """Return a text that Dask can send: it breaks the connection over a name of a file that is not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


@contextlib.contextmanager
def _full_disks_named(host: str) -> Iterator[None]:
    """Name this worker in the error that a file cannot be written, if the command is on another host."""
    try:
        yield
    except WriteError as error:
        if host == identity()["host"]:
            raise
        first, *others = error.lines
        raise WriteError(f"{worker_name()}: {first}", *others) from None


@contextlib.contextmanager
def _errors_that_can_be_sent() -> Iterator[None]:
    try:
        yield
    except SentibpError as error:
        lines = tuple(map(sendable, error.lines))
        if lines != tuple(error.lines):
            error.lines, error.args = lines, ("\n".join(lines),)
        raise
    except Exception as error:
        if sendable(repr(error)) == repr(error):
            raise
        raise RuntimeError(sendable(f"{type(error).__name__}: {error}")) from None


@contextlib.contextmanager
def environment_restored() -> Iterator[None]:
    """Undo what the block changes of the environment variables: a later task in this process must not see it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        if os.environ != before:
            for name in os.environ.keys() - before.keys():
                del os.environ[name]
            os.environ |= before
