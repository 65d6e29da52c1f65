"""Where functions run: in this process, or on the workers of a Dask cluster.

Work is functions of a module that take everything they need as arguments, and that give the same result wherever they
run, and whenever they are run again. Both executors therefore give the same results, and differ in time only.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, Self

from sentibp.errors import DataError

WINDOW = 4  # tasks in flight for each slot: a worker always has the next one, and a million tasks are not held at once


class ClusterLost(DataError):
    """The scheduler cannot be reached, or can no longer be."""


class WorkerDied(DataError):
    """A task was given up, since the workers that ran it, or where it waited, died."""

    deaths = 0
    """The number of these workers."""


class GivenUp(Exception):
    """Raised by a task for which nobody waits any more, or whose worker is about to leave. Then it runs again."""


class OtherVersion(DataError):
    """A worker has another version of sentibp, numpy or Python than the command."""


class NotVisible(DataError):
    """A worker does not see a file or folder that the command sees, or may not use it."""


def not_visible(path: str, what: str) -> NotVisible:
    """Return the error that this process does not see what is at a path."""
    repair = "all workers need it under the same path, on a file system that they share"
    return NotVisible(f"{path}: {worker_name() or 'this process'} does not see {what}; {repair}")


def not_readable(path: str, what: str) -> NotVisible:
    """Return the error that this process may not read what is at a path."""
    repair = "make it readable for the user who runs that process"
    return NotVisible(f"{path}: {worker_name() or 'this process'} may not read {what}; {repair}")


def not_writable(path: str, what: str) -> NotVisible:
    """Return the error that this process may not write into a folder."""
    repair = "make it writable for the user who runs that process, or run it as the user of this command"
    return NotVisible(f"{path}: {worker_name() or 'this process'} may not write into {what}; {repair}")


class After(NamedTuple):
    """A task for `unordered` that runs when some futures have ended: function(task, their results).

    Alone, function(task) gives the same: so it runs again if the workers of the futures died.
    """

    task: Any
    futures: list[Any]


class Ended(NamedTuple):
    """A task that has ended."""

    task: Any
    result: Any = None
    error: Exception | None = None


class Executor(Protocol):
    """Runs functions. Use it as a context manager: at the end, what still runs is given up."""

    stop: Callable[[str], object]
    """Asked in the waits for a cluster, with what the work waits for, such as a worker to join; "" if it goes on.

    KeyboardInterrupt is raised if it is true. A signal handler must not raise it: it could come in the midst of Dask.
    """

    @property
    def slots(self) -> int:
        """How many tasks can run at the same time, now."""
        ...

    @property
    def worker_count(self) -> int:
        """How many worker processes there were when they were last counted; 0: this process does the work."""
        ...

    def submit(self, function: Callable[..., Any], *args: Any, name: str = "") -> Any:
        """Return the future of function(*args).

        An argument that is a future, or a list with futures, has their results when the function runs. `name` says
        what the work is on, such as a file, in the message if it is given up.
        """
        ...

    def result(self, future: Any) -> Any:
        """Wait for a future, and return its result. Raises what the function raised, WorkerDied, or ClusterLost."""
        ...

    def settle(self, futures: Sequence[Any]) -> None:
        """Wait for all futures. Raises the first error in the order of the futures; the results stay where they are."""
        ...

    def unordered(self, function: Callable[..., Any], tasks: Iterable[Any], window: int = WINDOW) -> Iterator[Ended]:
        """Yield what became of function(task) for each task, as they end. At most slots * window are in flight.

        A task may be an `After`, whose futures are no longer needed when it has ended. Tasks whose workers died run
        again at the end, one by one, so that one that kills its workers is not confused with those beside it.
        An error of the function, and WorkerDied, are yielded. ClusterLost and OtherVersion are raised: no other task
        would fare better.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class _Later:
    """A call that runs once: when `result` is called for the first time."""

    def __init__(self, function: Callable[..., Any], args: Sequence[Any]):
        self._call: tuple[Callable[..., Any], Sequence[Any]] | None = (function, args)
        self._result: Any = None
        self._error: Exception | None = None

    def result(self) -> Any:
        if self._call is not None:
            (function, args), self._call = self._call, None
            try:
                self._result = function(*map(_with_results, args))
            except Exception as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self._result


def _with_results(value: Any) -> Any:
    if isinstance(value, _Later):
        return value.result()
    return [_with_results(each) for each in value] if type(value) is list else value


class Serial:
    """Runs each function in this process, when the caller wants its result."""

    slots, worker_count = 1, 0

    def __init__(self) -> None:
        self.stop: Callable[[str], object] = lambda obstacle: False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any, name: str = "") -> _Later:
        """Return the future of function(*args)."""
        return _Later(function, args)

    def result(self, future: _Later) -> Any:
        """Return the result of a future; the function runs now, unless it has."""
        return future.result()

    def settle(self, futures: Sequence[_Later]) -> None:
        """Run what has not run. Raises the first error in the order of the futures."""
        errors: list[Exception] = []
        for future in futures:
            try:
                future.result()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def unordered(self, function: Callable[..., Any], tasks: Iterable[Any], window: int = WINDOW) -> Iterator[Ended]:
        """Yield what became of function(task) for each task, in order."""
        for task in tasks:
            task, *results = (task.task, task.futures) if isinstance(task, After) else (task,)  # noqa: PLW2901
            try:
                ended = Ended(task, function(task, *map(_with_results, results)))
            except Exception as error:
                ended = Ended(task, error=error)
            yield ended


def is_given_up() -> bool:
    """Return whether nobody waits any more for the task that calls this: its command has ended, or its worker closes.

    A task that takes long asks now and then. False outside of a worker.
    """
    if "distributed.worker" not in sys.modules:
        return False
    from distributed import worker as of_dask

    try:
        worker: Any = of_dask.get_worker()
        task = worker.state.tasks.get(of_dask.thread_state.key)  # type: ignore[attr-defined]
    except (ValueError, AttributeError):  # this is no worker
        return False
    is_open = worker.status.name in ("running", "paused", "closing_gracefully")  # the last one until it is let go
    return not is_open or task is None or task.state in ("cancelled", "released", "forgotten")


def worker_name() -> str:
    """Return the name, the address and the host of the worker that runs this; "" outside of a worker."""
    if "distributed.worker" not in sys.modules:
        return ""
    from distributed.worker import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return ""
    return f"worker {worker.name} ({worker.address}) on {socket.gethostname()}"
