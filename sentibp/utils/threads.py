"""Threads: compute on all cores, with the same bits for any number of cores.

BLAS with several threads splits a product differently than with one thread, and adds in another order, so that the last
bits differ. Therefore BLAS is limited to one thread, and work is distributed over the cores in shards that depend only
on the data.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")


_SETTINGS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def _limits_numpy() -> bool:
    """Return whether the environment limits BLAS when numpy is imported; numpy does not look at it again."""
    return "numpy" not in sys.modules and all(os.environ.get(name) == "1" for name in _SETTINGS)


def limit_blas_threads() -> None:
    """Limit BLAS to one thread in this process, before numpy is imported. Later it would take longer."""
    os.environ |= dict.fromkeys(_SETTINGS, "1")
    single_threaded_blas.is_needed &= not _limits_numpy()


class _SingleThreadedBlas(contextlib.ContextDecorator):
    """Limits BLAS to one thread in the whole process while a thread is inside the context, or a decorated function.

    scipy brings a BLAS of its own, which is limited from the next context on after it was loaded, also inside another.
    """

    def __init__(self) -> None:
        self.is_needed = not _limits_numpy()
        self.lock = threading.Lock()
        self.users = 0
        self.limits: dict[bool, Any] = {}  # without and with the BLAS of scipy

    def __enter__(self) -> None:
        with self.lock:
            if self.is_needed and (loaded := "scipy.linalg" in sys.modules) not in self.limits:
                self.limits[loaded] = _controller(loaded).limit(limits=1, user_api="blas")
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            while self.users == 0 and self.limits:
                self.limits.popitem()[1].restore_original_limits()  # the last one first


single_threaded_blas = _SingleThreadedBlas()


@cache
def _controller(with_scipy: bool) -> Any:
    """Return what limits the libraries that are loaded now. It is made once without and once with that of scipy."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


_cores: ContextVar[int | None] = ContextVar("cores", default=None)


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Let `parallel_map` use one core in the block, where other processes use the others. The results are the same."""
    token = _cores.set(1)
    try:
        yield
    finally:
        _cores.reset(token)


@contextlib.contextmanager
def _pool(threads: int | None) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads. At the end, and after an error, only what has begun is waited for."""
    from concurrent.futures import ThreadPoolExecutor  # takes a tenth of the time of --help, which needs no threads

    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def in_background(function: Callable[..., Result], *arguments: object) -> Iterator[Future[Result]]:
    """Yield the future result of function(*arguments), computed while the caller does other work.

    The function must spend its time where the interpreter lock is released. The end of the block waits for it, also if
    it has not begun yet, as on a busy machine; after an error it is cancelled then.
    """
    from concurrent.futures import wait

    with _pool(1) as pool:
        result = pool.submit(function, *arguments)
        yield result
        wait([result])


def prefetch(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield function(item) for each item, in order. The next result is computed while the caller uses the last one.

    That of a single item is computed in the thread of the caller: an epoch of a small training has one batch.
    """
    items = iter(items)
    first = list(islice(items, 2))
    if len(first) < 2:
        yield from map(function, first)
        return
    with _pool(1) as pool:
        pending = None
        for item in chain(first, items):
            following = pool.submit(function, item)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()


def parallel_map(function: Callable[[Item], Result], shards: Iterable[Item]) -> Iterator[Result]:
    """Yield function(shard) for each shard, in order, computed on all cores.

    The function must spend its time where the interpreter lock is released. Only a few shards and results are held at
    a time, so that all of them need not fit in memory. A single shard is computed in the thread of the caller.
    """
    shards = iter(shards)
    first = list(islice(shards, 2))
    if len(first) < 2:  # such as one text to predict: starting a thread would take longer
        yield from map(function, first)
        return
    if _cores.get() == 1:
        yield from map(function, chain(first, shards))
        return
    ahead = 2 * (os.cpu_count() or 1)
    pending: deque[Future[Result]] = deque()
    with _pool(os.cpu_count()) as pool:
        for shard in chain(first, shards):
            pending.append(pool.submit(function, shard))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Let Ctrl-C and a closed terminal wait, and not reach a process or a thread that starts here.

    It would answer with a traceback, or end before the command has saved what there is.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
