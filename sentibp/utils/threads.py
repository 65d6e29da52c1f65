"""Threads: on how many cores to work, and how to get the same bits whatever their number.

A BLAS that works on several threads cuts a product into other pieces than on one, and adds in another order: the last
bit differs. So BLAS is held to one thread here, and work is spread over the cores in shards that depend on the data
alone.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


_SETTINGS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def limit_blas_threads() -> None:
    """Hold BLAS to one thread in this process, which has not loaded numpy yet. Takes no time, unlike to do it later."""
    os.environ |= dict.fromkeys(_SETTINGS, "1")


def _held_from_the_start() -> bool:
    return all(os.environ.get(name) == "1" for name in _SETTINGS)


class _Hold:
    """BLAS on one thread, in the whole process, from the first user that enters to the last one that leaves."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limit: Any = None

    def __enter__(self) -> None:
        with self.lock:
            if self.users == 0 and not _held_from_the_start():
                self.limit = _controller().limit(limits=1, user_api="blas")
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0 and self.limit is not None:
                self.limit.restore_original_limits()
                self.limit = None


single_threaded_blas = _Hold()


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def prefetch(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The function of each item, in order: that of the next is computed while the caller works on the last."""
    with ThreadPoolExecutor(1) as pool:
        last = None
        for item in items:
            following = pool.submit(function, item)
            if last is not None:
                yield last.result()
            last = following
        if last is not None:
            yield last.result()


def parallel_map(function: Callable[[Item], Result], shards: Iterable[Item]) -> Iterator[Result]:
    """The function of each shard, in order. It must spend its time where the interpreter lock is released.

    Shards are taken, and results kept, no further ahead of the caller than the cores need: neither need fit in memory.
    """
    ahead = 2 * (os.cpu_count() or 1)
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for shard in shards:
            waiting.append(pool.submit(function, shard))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
