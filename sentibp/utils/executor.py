"""Where functions run: in this process, or on the workers of a Dask cluster.

Work is functions of a module that take everything they need as arguments, and that give the same result wherever they
run, and whenever they are run again. Both executors therefore give the same results, and differ in time only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from sentibp.errors import DataError

Task = TypeVar("Task")

WINDOW = 4  # tasks in flight for each slot: a worker always has the next one, and a million tasks are not held at once


class ClusterLost(DataError):
    """The scheduler cannot be reached, or can no longer be."""


class WorkerDied(DataError):
    """A task was given up: each worker that ran it died."""


class OtherVersion(DataError):
    """A worker has another version of sentibp, numpy or Python than the command."""


class Ended(NamedTuple):
    """A task that has ended."""

    task: Any
    result: Any = None
    error: Exception | None = None


class Executor(Protocol):
    """Runs functions. Use it as a context manager: at the end, what still runs is given up."""

    @property
    def slots(self) -> int:
        """How many tasks can run at the same time, now."""
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

    def unordered(
        self, function: Callable[[Task], Any], tasks: Iterable[Task], window: int = WINDOW
    ) -> Iterator[Ended]:
        """Yield what became of function(task) for each task, as they end. At most slots * window are in flight.

        An error of the function, and WorkerDied, are yielded. ClusterLost and OtherVersion are raised: no other task
        would fare better.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Later:
    """A call that runs when its result is asked for, once."""

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
    """Runs each function in this process, when its result is asked for."""

    slots = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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

    def unordered(
        self, function: Callable[[Task], Any], tasks: Iterable[Task], window: int = WINDOW
    ) -> Iterator[Ended]:
        """Yield what became of function(task) for each task, in order."""
        for task in tasks:
            try:
                ended = Ended(task, function(task))
            except Exception as error:
                ended = Ended(task, error=error)
            yield ended
