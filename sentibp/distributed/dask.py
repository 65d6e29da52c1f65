"""The executor on Dask: a scheduler and workers, on this machine or on others.

Only functions of modules are sent, with all that they need. There are no actors and nothing is kept on workers, so
that a task whose worker died runs again elsewhere, and gives the same. Two executors in one cluster share nothing: each
task has a key of its own.

The scheduler, the workers and this process need the same versions: functions and results are sent as Python objects.
A program that reaches a scheduler can run code on its workers. On a shared network, use tls:// with certificates.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import wait as wait_for_any
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, Self

import distributed
from dask import config as dask_config
from distributed.scheduler import KilledWorker

from sentibp.distributed.certificates import security_of, start_worker
from sentibp.distributed.reach import unreachable, wait_for_scheduler
from sentibp.distributed.worker import (
    LOGGERS,
    differences,
    identity,
    other_version,
    run,
    sendable,
    silence_loggers,
    start_resource_tracker,
)
from sentibp.utils.executor import WINDOW, After, ClusterLost, Ended, GivenUp, OtherVersion, WorkerDied
from sentibp.utils.messages import print_message
from sentibp.utils.paths import working_folder
from sentibp.utils.threads import interrupts_blocked

_PATIENCE = 30  # seconds for the scheduler to answer, and for the first worker to join

_MOMENT = 0.02  # seconds between two looks at futures

_POLL = 2.0  # seconds between two looks at whether there are workers

_START = 300  # seconds for a process of local:N to start; then another is started in its place

_STALLED = 300.0  # seconds in which no worker has anything to do, though work is left: Dask has lost sight of it

_SETTINGS = {
    "distributed.scheduler.allowed-failures": 3,  # the fourth worker that dies of a task is the last
    "distributed.worker.profile.enabled": False,  # it looks at the stack a hundred times a second
    "distributed.scheduler.http.routes": [],  # pages that other users of this machine could read
    "distributed.worker.http.routes": [],
    "distributed.worker.preload": ["sentibp.distributed.worker"],  # its `dask_setup`: they share the terminal
}

# What Dask raises when the scheduler is gone: TimeoutError is an OSError, and a closed client raises RuntimeError.
_GONE = (OSError, CancelledError, asyncio.CancelledError, RuntimeError)


def start(processes: int) -> DaskExecutor:
    """Start a scheduler in this process, and workers as processes of this machine, which end with this process."""
    stack = contextlib.ExitStack()
    with _closed_on_error(stack):
        stack.enter_context(_quiet())
        stack.enter_context(dask_config.set(_SETTINGS))
        start_resource_tracker()
        with interrupts_blocked():  # in the thread that starts the workers, and so in these: this process decides
            cluster = distributed.LocalCluster(
                n_workers=0,  # they are started below: here, one that dies at its start would be an error
                threads_per_worker=1,
                host="127.0.0.1",
                security=True,  # certificates of its own: else other users of this machine could run programs
                dashboard_address=None,  # type: ignore[arg-type]  # none; its type says otherwise
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0", "dashboard": False},  # else it listens to all
                silence_logs=logging.CRITICAL,
                death_timeout=_START,
                memory_limit=0,  # none, as for this process; Dask would end a worker that has more than its share
            )
        stack.enter_context(cluster)
        client = stack.enter_context(distributed.Client(cluster, set_as_default=False, timeout=_PATIENCE))
        executor = DaskExecutor(client, f"local:{processes}", stack, _Workers(cluster, processes))
        executor.require_workers(processes)
        return executor
    raise AssertionError  # it returns or raises


class _Workers:
    """The worker processes of this machine. Dask starts one anew that dies, but not if it dies again at its start."""

    def __init__(self, cluster: distributed.LocalCluster, number: int):
        self.cluster, self.number = cluster, number

    def start_missing(self) -> None:
        """Start the processes that are missing; they are there some time later."""
        assert self.cluster.loop is not None
        self.cluster.loop.add_callback(self._start_missing)

    def _start_missing(self) -> None:
        for name, nanny in list(self.cluster.workers.items()):
            if nanny.status.name in ("closed", "failed"):
                del self.cluster.workers[name]
        self.cluster.scale(self.number)


def connect(address: str, same_versions: bool = True) -> DaskExecutor:
    """Connect to a scheduler that runs. ClusterLost if it does not answer, or has no workers.

    OtherVersion if a worker differs from this process, unless `same_versions` is false.
    """
    stack = contextlib.ExitStack()
    with _closed_on_error(stack):
        stack.enter_context(_quiet())
        security = security_of(address)
        wait_for_scheduler(address, security, _PATIENCE)
        try:
            client = distributed.Client(address, set_as_default=False, timeout=_PATIENCE, security=security)
        except OSError as error:
            raise unreachable(address, error) from None
        stack.enter_context(client)
        executor = DaskExecutor(client, address, stack)
        executor.require_workers()
        if same_versions:
            executor.require_same_versions()
        return executor
    raise AssertionError


@contextlib.contextmanager
def _closed_on_error(stack: contextlib.ExitStack) -> Iterator[None]:
    try:
        yield
    except BaseException:
        stack.close()
        raise


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log of Dask off the terminal, where our own messages say what matters."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", distributed.versions.VersionMismatchWarning)  # ours are checked
        silence_loggers()
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


class DaskExecutor:
    """Runs functions on the workers of a Dask cluster."""

    def __init__(
        self,
        client: distributed.Client,
        address: str,
        stack: contextlib.ExitStack,
        local: _Workers | None = None,
    ):
        """The stack closes the connection. `local` are the workers if they are processes of this machine."""
        self.client, self.address, self._stack, self._local = client, address, stack, local
        self._slots, self._looked, self._worked = 0, -_POLL, -_POLL
        self._warned = self._has_told_pause = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(*_GONE):  # there may be nothing left to close
            self._stack.close()

    @property
    def slots(self) -> int:
        """The number of worker processes, at least 1. This asks the scheduler every two seconds."""
        self._look_for_workers()
        return max(self._slots, 1)

    @property
    def worker_count(self) -> int:
        """The number of worker processes when they were last counted, at most some seconds ago."""
        return self._slots

    def workers(self) -> dict[str, Any]:
        """Return the facts on each worker, by its address. ClusterLost if the scheduler does not answer."""
        try:
            found = self.client.scheduler_info().get("workers")
        except _GONE:
            raise self._lost() from None
        if found is None:  # a client that has just lost its scheduler knows nothing of it
            raise self._lost()
        return dict(found)

    def require_workers(self, number: int = 1) -> None:
        """Wait for so many workers. ClusterLost if there is none after some time."""
        end = time.monotonic() + _PATIENCE
        while len(self.workers()) < number and time.monotonic() < end:
            self._look_for_workers()
            time.sleep(0.05)
        if self.workers():
            return
        if self._local is not None:
            raise ClusterLost(
                f"{self.address}: the processes do not start; try `sentibp predict -m builtin good` first"
            )
        fact = "no worker has joined the scheduler"
        raise ClusterLost(f"{self.address}: {fact}; start some, or see why they end: {start_worker(self.address)}")

    def identities(self) -> dict[str, dict[str, str] | Exception]:
        """Return what each worker says of its versions, by its address; an error if it cannot say."""
        return self.run_everywhere(identity)

    def run_everywhere(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Return {address of the worker: function(*args), or an Exception}, now and on all workers."""
        try:
            found: Any = self.client.run(function, *args, on_error="return")
        except _GONE:
            raise self._lost() from None
        return found

    def require_same_versions(self) -> None:
        """Raise OtherVersion if a worker differs from this process."""
        names = {address: str(about["name"]) for address, about in self.workers().items()}
        for address, theirs in self.identities().items():
            name = f"worker {names.get(address, '')} ({address})"
            if isinstance(theirs, Exception):
                raise other_version(name, [f"no sentibp that answers ({type(theirs).__name__}: {theirs})"])
            if found := differences(identity(), theirs):
                raise other_version(f"{name} on {theirs['host']}", found)

    def submit(self, function: Callable[..., Any], *args: Any, name: str = "") -> distributed.Future:
        """Return the future of function(*args), which a worker runs."""
        key = f"{function.__name__}-{uuid.uuid4().hex}:{sendable(name)}"
        try:
            return self.client.submit(run, identity(), working_folder(), function, *args, key=key, pure=False)
        except _GONE:
            raise self._lost() from None

    def result(self, future: distributed.Future) -> Any:
        """Wait for a future, and return its result."""
        self._wait([future])
        result, error = self.outcome(future)
        if error is not None:
            raise error
        return result

    def settle(self, futures: Sequence[distributed.Future]) -> None:
        """Wait for all futures. Raises the first error in the order of the futures."""
        self._wait(futures)
        for future in futures:
            self._wait([future])  # its result may have been lost with a worker since, and is made again
            if future.status in ("cancelled", "lost"):
                raise self._lost()
            if future.status == "error":
                raise self.outcome(future)[1] or self._lost()

    def unordered(self, function: Callable[..., Any], tasks: Iterable[Any], window: int = WINDOW) -> Iterator[Ended]:
        """Yield what became of function(task) for each task, as they end."""
        source, end = iter(tasks), object()
        running: dict[Any, tuple[Any, list[distributed.Future]]] = {}
        ended: SimpleQueue[distributed.Future] = SimpleQueue()
        suspects: deque[Any] = deque()  # their workers died, perhaps of another task that was there, too
        more, is_alone = True, False

        def begin(task: Any, *needed: list[Any]) -> None:
            future = self.submit(function, task, *needed, name=str(getattr(task, "name", "")))
            running[future.key] = task, [future, *chain(*needed)]
            future.add_done_callback(ended.put)

        while True:
            while more and len(running) < window * self.slots:
                task: Any = next(source, end)
                more = task is not end
                if more:
                    begin(*(task if isinstance(task, After) else (task,)))
            if not running:
                if not suspects:
                    return
                is_alone = True
                begin(suspects.popleft())
            try:
                future = ended.get(timeout=_POLL)
            except Empty:
                self._look_for_workers()
                continue
            task, held = running.pop(future.key)
            result, error = self.outcome(future)
            for each in held:
                each.release()
            if isinstance(error, ClusterLost | OtherVersion):
                raise error
            if isinstance(error, GivenUp) or (isinstance(error, WorkerDied) and not is_alone):
                suspects.append(task)
            else:
                yield Ended(task, result, error)

    def ended(self, futures: Sequence[distributed.Future], timeout: float) -> list[distributed.Future]:
        """Return the futures that have ended, as soon as there is one, or after some seconds.

        `distributed.wait` would leave a task for each future at the end of the time: thousands, while a trial runs.
        """
        end = time.monotonic() + timeout
        while not (found := [each for each in futures if each.status != "pending"]) and time.monotonic() < end:
            time.sleep(_MOMENT)
        self._look_for_workers()
        return found

    def _wait(self, futures: Sequence[distributed.Future]) -> None:
        self._look_for_workers()
        while futures:
            try:
                with self.client.as_current():
                    distributed.wait(futures, timeout=_POLL)
                return
            except TimeoutError:
                self._look_for_workers()
            except _GONE:
                raise self._lost() from None

    def outcome(self, future: distributed.Future) -> tuple[Any, Exception | None]:
        """Return the result or the error of a future that has ended. ClusterLost if it never will."""
        while future.status != "error":
            try:
                return self._fetch(future), None
            except _GONE:
                if future.status in ("cancelled", "lost"):
                    raise self._lost() from None
                self._look_for_workers()  # ClusterLost if the scheduler is gone
            except Exception:
                if future.status != "error":  # it had a result, which was lost with its worker, and failed then
                    raise
        error: Any = future.exception()
        if isinstance(error, KilledWorker):
            name = str(future.key).partition(":")[2]
            times = error.allowed_failures + 1
            fact = f"given up: {times} workers that ran it died, perhaps for lack of memory"
            error = WorkerDied(f"{name}: {fact}" if name else f"a task was {fact}")
            error.deaths = times
        return None, error

    def _fetch(self, future: distributed.Future) -> Any:
        """Wait for a result. It may be lost with its worker meanwhile, and is made again: so look for workers, too."""
        loop: Any = self.client.loop
        gathering: Any = self.client.gather([future], asynchronous=True)
        arriving = asyncio.run_coroutine_threadsafe(gathering, loop.asyncio_loop)
        try:
            while not wait_for_any([arriving], timeout=_POLL).done:
                self._look_for_workers()
            return arriving.result()[0]
        finally:
            arriving.cancel()

    def _look_for_workers(self) -> None:
        """Count the workers, every few seconds. Tell the user, once, if all have left; start what is missing here.

        ClusterLost if work is left, and no worker has done anything of it for long.
        """
        before, now = self._looked, time.monotonic()
        if now - before < _POLL:
            return
        workers = self.workers()
        had, self._slots, self._looked = self._slots, len(workers), now
        if now - before > 10 * _POLL or not self._is_stalled():  # nobody looked for long, because nobody waited
            self._worked = now
        elif now - self._worked > _STALLED:
            fact = f"no worker has had anything to do for {_STALLED:.0f} s, though work is left"
            repair = "stop what else runs here" if self._local else "start the scheduler and its workers again"
            raise ClusterLost(f"{self.address}: {fact}; {repair}")
        if self._local is not None and self._slots < self._local.number:
            self._local.start_missing()
        elif not self._slots and not self._warned:
            fact = "no worker is left" if had else "no worker has joined yet"
            print_message(f"{self.address}: {fact}; waiting for one to join")
        elif workers and not self._has_told_pause and all(each["status"] == "paused" for each in workers.values()):
            self._has_told_pause = True  # once: it may come and go
            fact = "all workers are paused, as their memory is nearly full"
            print_message(f"{self.address}: {fact}; waiting until some is free, or for a worker with more memory")
        self._warned = not self._slots

    def _is_stalled(self) -> bool:
        """Return whether work is left and no worker has any. Workers of others that have not joined are waited for."""
        if not self._slots and self._local is None:
            return False
        if not any(each.status in ("pending", "lost") for each in list(self.client.futures.values())):
            return False
        try:
            return not any(self.client.processing().values())
        except _GONE:
            raise self._lost() from None

    def _lost(self) -> ClusterLost:
        return ClusterLost(f"{self.address}: the connection to the scheduler is lost; start it and its workers again")
