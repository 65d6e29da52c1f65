"""What tests of clusters share: an executor that several commands use in turn."""

from __future__ import annotations

from sentibp.utils.executor import Executor


class Kept:
    """An executor that stays open after its context."""

    def __init__(self, executor: Executor):
        self._executor = executor

    def __enter__(self) -> Executor:
        return self._executor

    def __exit__(self, *_: object) -> None:
        pass
