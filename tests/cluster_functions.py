"""Functions that the tests send to workers, which import them by name."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.data.readers.table import MissingColumn
from sentibp.distributed import sweep
from sentibp.errors import ConfigError
from sentibp.training.shards import work
from sentibp.training.sweep_folder import begin_attempt
from sentibp.training.trial import TrialTask
from sentibp.utils import threads
from sentibp.utils.executor import GivenUp, is_given_up
from sentibp.utils.files import WriteError


def set_status(name: str, dask_worker: Any) -> None:
    """Pause this worker, as Dask does if its memory is nearly full, or let it go on."""
    from distributed.core import Status

    dask_worker.status = Status[name]


def become(user: int) -> None:
    """Let this worker, which root runs, have the permissions of a user."""
    os.setresuid(user, user, 0)


def double(number: int) -> int:
    return 2 * number


def plus(number: int, others: Sequence[int] = ()) -> int:
    return number + sum(others)


class Bad(NamedTuple):
    count: Path
    number: int

    @property
    def name(self) -> str:
        return f"number {self.number}"


def kill_if_three(task: Bad) -> int:
    if task.number == 3:
        kill_always(task.count)
    time.sleep(0.05)
    return 1


def change_environment(number: int) -> None:
    os.environ["HF_HUB_OFFLINE"] = str(number)
    os.environ.pop("PATH", None)


def total(numbers: list[int]) -> int:
    return sum(numbers)


def process_of(number: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def append(file: Path) -> None:
    with open(file, "a") as opened:
        opened.write("x")


def fail(number: int) -> None:
    raise ConfigError(f"place {number}: fact; repair")


def fail_with_lines() -> None:
    raise ConfigError("one: fact; repair", "two: a \n control character")


def fail_with_missing_column() -> None:
    raise MissingColumn("a.csv: no body", place="a.csv", missing=[("text", "body")], present=["x", "y"])


def fail_if_odd(number: int) -> int:
    if number % 2:
        raise ConfigError(f"{number} is odd")
    return number


def crash(number: int) -> None:
    raise RuntimeError(f"a fault: {number}")


def lose_a_future(dask_worker: Any) -> str:
    """Return what a worker prints if it loses a connection whose future nobody asks for, as at the end of a command."""
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        future = dask_worker.loop.asyncio_loop.create_future()
        future.set_exception(OSError("Stream is closed"))
        del future
        gc.collect()
    return printed.getvalue()


def os_error() -> None:
    raise OSError(28, "No space left on device", "/full")


def kill_once(marker: Path) -> str:
    """Kill the process that runs it, the first time."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def kill_always(count: Path) -> None:
    append(count)
    os.kill(os.getpid(), signal.SIGKILL)


def run_or_die(task: TrialTask, about: str, *arguments: Any) -> Any:
    """Carry out a trial; that of number 1 kills its process. How often is the name of the folder of the sweep.

    `once`; `often`, that is always; and `beside`: twice before it has begun, as a trial does that is there, too. If it
    is `left`, the worker of that trial leaves once.
    """
    folder = Path(about).parent
    if task.number == 1:
        append(folder / "deaths")
        if folder.name == "left" and (folder / "deaths").stat().st_size == 1:
            raise GivenUp
        if folder.name != "beside":
            (begin_attempt(Path(task.folder)) / "rest").touch()
        if (folder / "deaths").stat().st_size <= {"once": 1, "beside": 2, "left": 0}.get(folder.name, 99):
            os.kill(os.getpid(), signal.SIGKILL)
    return sweep.run_task(task, about, *arguments)


def full_disk(*arguments: Any) -> None:
    raise WriteError(f"/full: cannot be written: {os.strerror(errno.ENOSPC)}; make room on that disk")


def wait_for(file: Path, started: Path) -> str:
    """Say that it has started, and wait for a file."""
    started.touch()
    end = time.monotonic() + 60
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.01)
    return "done"


def ask_later(file: Path, started: Path) -> bool:
    """Return whether this task is given up when a file is there."""
    wait_for(file, started)
    return is_given_up()


def leave_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        raise GivenUp
    return "done"


def take_long(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


def settings(number: int) -> dict[str, Any]:
    """What a task could leave behind for the next."""
    time.sleep(0.02)
    return {
        "process": os.getpid(),
        "environment": {key: value for key, value in os.environ.items() if not key.startswith("DASK")},
        "folder": os.getcwd(),
        "random": np.random.get_state()[1].tolist()[:4],  # noqa: NPY002
        "numpy": np.geterr(),
        "cores": threads._cores.get(),
        "limited": threads.single_threaded_blas.users,
    }


def train_shard_but_die_once(marker: Path, *args: Any) -> Any:
    """Train a shard; the first worker that trains the second one is killed, in the middle of it."""
    result = work.train_shard(*args)
    if args[2].number == 1:
        kill_once(marker)
    return result


def train_shard_but_die(*args: Any) -> Any:
    """Train a shard; each worker that trains the third one is killed, from the second round on."""
    if args[2].number == 2 and args[4].done > 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return work.train_shard(*args)
