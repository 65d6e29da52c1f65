"""An executor that stands for other machines: what it is given and what it returns are copies, and it runs late tasks
first. Tests of what must be the same wherever it runs."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np


class Sent:
    """A task that was sent to another machine."""

    def __init__(self, function: Callable[..., Any], args: Sequence[Any]):
        self.function = function
        self.args = args
        self.content: bytes | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        if self.content is not None or self.error is not None:
            return
        for arg in reversed(self.args):
            if isinstance(arg, Sent):
                arg.run()
        function, args = pickle.loads(pickle.dumps((self.function, [_received(arg) for arg in self.args])))
        try:
            self.content = pickle.dumps(function(*map(_locked, args)))
        except Exception as error:
            self.error = pickle.loads(pickle.dumps(error))

    def outcome(self) -> Any:
        self.run()
        if self.error is not None:
            raise self.error
        return pickle.loads(self.content or b"")


def _received(arg: Any) -> Any:
    return arg.outcome() if isinstance(arg, Sent) else arg


def _locked(value: Any) -> Any:
    """Make all arrays in a value read-only, as those are that came over the network."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, dict | tuple | list):
        for each in value.values() if isinstance(value, dict) else value:
            _locked(each)
    return value


class Elsewhere:
    """Runs the tasks that are settled last to first. `tasks` are the names of their functions, as they were sent."""

    slots = 2

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def submit(self, function: Callable[..., Any], *args: Any, name: str = "") -> Any:
        self.tasks.append(function.__name__)
        return Sent(function, args)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def unordered(self, function: Callable[..., Any], tasks: Iterable[Any], window: int = 4) -> Iterator[Any]:
        raise NotImplementedError

    def result(self, future: Any) -> Any:
        return future.outcome()

    def settle(self, futures: Sequence[Any]) -> None:
        for future in reversed(futures):
            future.run()
        for future in futures:
            if future.error is not None:
                raise future.error
