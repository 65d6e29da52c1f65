"""Where the trials of a sweep run: in this process, one after the other, or in processes of their own.

Both have the same three methods, `has_room`, `submit` and `wait`, and are context managers that end what still runs.
`sentibp.distributed.sweep` has a third, for a cluster.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, Protocol, Self

from sentibp.training.trial import FAILED, InputsLost, TrialRecord, TrialTask, run_trial
from sentibp.utils.files import WriteError
from sentibp.utils.threads import interrupts_blocked

_POLL = 0.2  # seconds between two looks at whether to stop

_GRACE = 5.0  # seconds for a process to end by itself


class Pool(Protocol):
    """Where trials run."""

    def has_room(self) -> bool:
        """Return whether another trial can start now."""
        ...

    def submit(self, task: TrialTask) -> None:
        """Start a trial."""
        ...

    def wait(self) -> list[TrialRecord]:
        """Wait a moment, and return the records of the trials that have ended since. Raises what a trial raised."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class SerialPool:
    """Runs each trial in this process, in `wait`."""

    def __init__(self, stop: Callable[[], object] = lambda: ""):
        self.stop = stop
        self.waiting: list[TrialTask] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.waiting.clear()

    def has_room(self) -> bool:
        """Return whether no trial waits."""
        return not self.waiting

    def submit(self, task: TrialTask) -> None:
        """Let a trial wait for its turn."""
        self.waiting.append(task)

    def wait(self) -> list[TrialRecord]:
        """Run the trial. There is no record if `stop` said to interrupt it."""
        record = run_trial(self.waiting[0], self.stop) if self.waiting else None
        if record is None:
            return []
        self.waiting.pop(0)
        return [record]


class _Worker(NamedTuple):
    process: Any
    connection: Connection  # tasks go there, and answers come from there
    lifeline: Connection  # its other end closes with this process


class ProcessPool:
    """Runs trials in as many processes. A process that is killed costs its trial only.

    A trial whose process was killed runs again when no other does: the memory of the machine was perhaps too small for
    several. If its process is killed again, it has failed.
    """

    def __init__(self, jobs: int):
        self.context = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads
        self.jobs = jobs
        self.idle: list[_Worker] = []
        self.busy: dict[Connection, tuple[_Worker, TrialTask]] = {}
        self.killed: list[TrialTask] = []  # to be run again, one by one
        self.alone: TrialTask | None = None  # the one that runs again

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self.idle, *(worker for worker, _ in self.busy.values())]:
            _end(worker)
        self.idle.clear()
        self.busy.clear()
        self.killed.clear()

    def has_room(self) -> bool:
        """Return whether a process has nothing to do."""
        return len(self.busy) < self.jobs and not self.killed and self.alone is None

    def submit(self, task: TrialTask) -> None:
        """Give a trial to a process."""
        worker = self.idle.pop() if self.idle else self._start()
        with contextlib.suppress(OSError):  # its process was killed while it had nothing to do: `wait` sees that
            worker.connection.send_bytes(json.dumps(task._asdict()).encode())
        self.busy[worker.connection] = worker, task

    def wait(self) -> list[TrialRecord]:
        """Return the records of trials that have ended within a moment."""
        if self.killed and not self.busy:
            while self.idle:  # they hold memory, too
                _end(self.idle.pop())
            self.alone = self.killed.pop(0)
            shutil.rmtree(self.alone.folder, ignore_errors=True)  # what its first process left
            self.submit(self.alone)
        records = []
        for ready in wait(list(self.busy), timeout=_POLL):
            worker, task = self.busy.pop(ready)  # type: ignore[index]
            try:
                answer = json.loads(worker.connection.recv_bytes())
            except (EOFError, OSError):
                _end(worker)
                if task is not self.alone:
                    self.killed.append(task)
                    continue
                message = f"its process ended twice: {_how(worker.process.exitcode)}"
                answer = {"record": TrialRecord(task.number, FAILED, message=message)._asdict()}
            else:
                self.idle.append(worker)
            self.alone = None
            if "record" not in answer:
                raise _error(answer)
            records.append(TrialRecord.from_json(answer["record"]))
        return records

    def _start(self) -> _Worker:
        ours, theirs = self.context.Pipe()
        alive, lifeline = self.context.Pipe(duplex=False)
        process = self.context.Process(target=_work, args=(theirs, alive), daemon=True)
        with interrupts_blocked():
            process.start()
        theirs.close()
        alive.close()
        return _Worker(process, ours, lifeline)


def _end(worker: _Worker) -> None:
    with contextlib.suppress(OSError):
        worker.connection.close()
        worker.lifeline.close()
    worker.process.terminate()
    worker.process.join(_GRACE)
    if worker.process.exitcode is None:
        worker.process.kill()
        worker.process.join()


def _how(exit_code: int | None) -> str:
    """Return how a process ended."""
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"killed by {name}" + (", perhaps for lack of memory" if name == "SIGKILL" else "")
    return f"exit code {exit_code}"


def _work(connection: Connection, alive: Connection) -> None:
    """Carry out the trials that come, until the pool ends. It is what a process runs."""
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):  # Windows has no SIGHUP
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C and a closed terminal reach all processes; the first one decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_pool, args=(alive,), daemon=True).start()
    while True:
        try:
            task = TrialTask.from_json(json.loads(connection.recv_bytes()))
        except (EOFError, OSError):
            return
        answer: dict[str, Any] = {}
        try:
            record = run_trial(task)
            assert record is not None  # nothing interrupts it but the end of the process
            answer["record"] = record._asdict()
        except (WriteError, InputsLost) as error:
            answer |= {"error": type(error).__name__, "lines": list(error.lines)}
        except Exception:
            answer["fault"] = f"trial {task.number}:\n{traceback.format_exc()}"
        connection.send_bytes(json.dumps(answer).encode())


def _error(answer: Mapping[str, Any]) -> Exception:
    """Return the error that ended a trial and ends the sweep."""
    if "fault" in answer:
        return RuntimeError(answer["fault"])
    return (WriteError if answer["error"] == WriteError.__name__ else InputsLost)(*answer["lines"])


def _end_with_pool(alive: Connection) -> None:
    """End this process when the pool's process ends, however it does."""
    with contextlib.suppress(EOFError, OSError):
        alive.recv()
    os._exit(1)
