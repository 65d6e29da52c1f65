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
from typing import TYPE_CHECKING, Any, Self

import distributed
from distributed.scheduler import KilledWorker

from sentibp.distributed.certificates import security_of, start_worker
from sentibp.distributed.obstacles import Obstacles
from sentibp.distributed.reach import unreachable, wait_for_scheduler
from sentibp.distributed.worker import (
    LOGGERS,
    differences,
    identity,
    other_version,
    run,
    sendable,
    silence_loggers,
)
from sentibp.utils.executor import WINDOW, After, ClusterLost, Ended, GivenUp, OtherVersion, WorkerDied
from sentibp.utils.messages import print_message
from sentibp.utils.paths import working_folder

if TYPE_CHECKING:
    from sentibp.distributed.local_cluster import Workers

PATIENCE = 30
"""Seconds for the scheduler to answer, and for the first worker to join."""

_SILENCE = 10.0  # seconds after which a line says what is waited for

_MOMENT = 0.02  # seconds between two looks at futures

_PAUSE = 0.2  # seconds between two looks at whether to stop

_POLL = 2.0  # seconds between two looks at whether there are workers

_STALLED = 300.0  # seconds in which no worker has anything to do, though work is left: Dask has lost sight of it

# What Dask raises when the scheduler is gone: TimeoutError is an OSError, and a closed client raises RuntimeError.
_GONE = (OSError, CancelledError, asyncio.CancelledError, RuntimeError)


def connect(address: str, same_versions: bool = True) -> DaskExecutor:
    """Connect to a scheduler that runs. ClusterLost if it does not answer, or has no workers.

    OtherVersion if a worker differs from this process, unless `same_versions` is false.
    """
    stack = contextlib.ExitStack()
    with closed_on_error(stack):
        stack.enter_context(quiet())
        security = security_of(address)
        wait_for_scheduler(address, security, PATIENCE)
        try:
            client = distributed.Client(address, set_as_default=False, timeout=PATIENCE, security=security)
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
def closed_on_error(stack: contextlib.ExitStack) -> Iterator[None]:
    """Close the stack if the block raises an error."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(*_GONE):  # there may be nothing left to close
            stack.close()
        raise


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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
        local: Workers | None = None,
    ):
        """The stack closes the connection. `local` are the workers if they are processes of this machine."""
        self.client, self.address, self._stack, self._local = client, address, stack, local
        self._slots, self._looked, self._worked = 0, -_POLL, -_POLL
        self._obstacles = Obstacles(address, waits_for_workers=local is None)
        self.stop: Callable[[str], object] = lambda obstacle: False

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
        return dict(self._ask_scheduler("identity", n_workers=-1)["workers"])

    def _ask_scheduler(self, what: str, **options: Any) -> Any:
        return self._ask(lambda: getattr(self.client.scheduler, what)(**options), "the scheduler does not answer")

    def _ask(self, question: Callable[[], Any], fact: str) -> Any:
        """Return the answer to a question, which gives a coroutine. If it takes long, a line has the `fact`.

        ClusterLost if the connection to the scheduler is lost; KeyboardInterrupt if `stop` says so meanwhile.
        """
        loop: Any = self.client.loop
        began, is_told = time.monotonic(), False
        if self.client.status != "running":
            raise self._lost()
        answering = asyncio.run_coroutine_threadsafe(question(), loop.asyncio_loop)
        try:
            while not wait_for_any([answering], timeout=_PAUSE).done:
                self._stop_if_asked(fact if is_told else "")
                if not is_told and time.monotonic() - began >= _SILENCE:
                    print_message(f"{self.address}: {fact}; waiting until it does")
                    is_told = True
            return answering.result()
        except _GONE:
            raise self._lost() from None
        finally:
            answering.cancel()

    def require_workers(self, number: int = 1) -> None:
        """Wait for so many workers. ClusterLost if there is none after some time.

        Processes of this machine have more time, if they do not end: on a busy machine they start slowly.
        """
        begin, is_told, local = time.monotonic(), False, self._local
        while len(self.workers()) < number and not (local and local.is_hopeless):
            waited = time.monotonic() - begin
            if waited > (PATIENCE if self._slots or not local else local.patience):
                break
            if local and waited > _SILENCE and not is_told:
                print_message(f"{self.address}: waiting for its processes to start, for up to {local.patience} s")
                is_told = True
            self._look_for_workers()
            time.sleep(0.05)
        if self.workers():
            return
        if local:
            fact = "the processes end as they start" if local.ended else "the processes do not start"
            raise ClusterLost(f"{self.address}: {fact}; try `sentibp predict -m builtin good` first")
        fact = "no worker has joined the scheduler"
        raise ClusterLost(f"{self.address}: {fact}; start some, or see why they end: {start_worker(self.address)}")

    def identities(self) -> dict[str, dict[str, str] | Exception]:
        """Return what each worker says of its versions, by its address; an error if it cannot say."""
        return self.run_everywhere(identity)

    def run_everywhere(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Return {address of the worker: function(*args), or an Exception}, now and on all workers."""
        return self._ask(lambda: self.client._run(function, *args, on_error="return"), "a worker does not answer")

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
            self._stop_if_asked(self._obstacles.now)
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
                future = ended.get(timeout=_PAUSE)
            except Empty:
                self._keep_waiting()
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
                self._keep_waiting()
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
            while not wait_for_any([arriving], timeout=_PAUSE).done:
                self._keep_waiting()
            return arriving.result()[0]
        finally:
            arriving.cancel()

    def _keep_waiting(self) -> None:
        """Look for workers. KeyboardInterrupt if `stop` says so."""
        self._look_for_workers()
        self._stop_if_asked(self._obstacles.now)

    def _stop_if_asked(self, obstacle: str) -> None:
        """Raise KeyboardInterrupt if `stop` says so. Dask does nothing for this thread now, and so loses nothing."""
        if self.stop(obstacle):
            raise KeyboardInterrupt

    def _look_for_workers(self) -> None:
        """Count the workers, every few seconds. Tell the user what is waited for; start what is missing here.

        ClusterLost if work is left, and no worker has done anything of it for long.
        """
        before, now = self._looked, time.monotonic()
        if now - before < _POLL:
            return
        workers = self.workers()
        self._slots, self._looked = len(workers), now
        if now - before > 10 * _POLL or not self._is_stalled():  # nobody looked for long, because nobody waited
            self._worked = now
        elif now - self._worked > _STALLED:
            fact = f"no worker has had anything to do for {_STALLED:.0f} s, though work is left"
            repair = "stop what else runs here" if self._local else "start the scheduler and its workers again"
            raise ClusterLost(f"{self.address}: {fact}; {repair}")
        if self._local is not None and self._slots < self._local.number:
            self._local.start_missing()
        self._obstacles.tell(workers, now)

    def _is_stalled(self) -> bool:
        """Return whether work is left and no worker has any. Workers of others that have not joined are waited for."""
        if not self._slots and self._local is None:
            return False
        if not any(each.status in ("pending", "lost") for each in list(self.client.futures.values())):
            return False
        return not any(self._ask_scheduler("processing", workers=None).values())

    def _lost(self) -> ClusterLost:
        return ClusterLost(f"{self.address}: the connection to the scheduler is lost; start it and its workers again")
