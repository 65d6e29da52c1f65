"""The pool of a sweep on a cluster: each trial is a task. A worker that is killed costs its trial only.

Each worker that begins with a trial writes into a directory of its own (an attempt, see training/sweep_folder.py). The
command makes that of the worker whose record it has the run directory of the trial.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sentibp.config.paths import FILES, SOURCES, get
from sentibp.config.schema import Config
from sentibp.distributed.check import look
from sentibp.distributed.dask import DaskExecutor
from sentibp.training.sweep_folder import ABOUT, attempts, begin_attempt, keep_attempt
from sentibp.training.trial import FAILED, TrialRecord, TrialTask, run_trial
from sentibp.utils.executor import GivenUp, WorkerDied, is_given_up, not_readable, not_visible, not_writable
from sentibp.utils.hub_client import go_offline, is_offline

_MOMENT = 0.2  # seconds between two looks at whether to stop

_MOST = 4  # times that a trial is given up for the deaths of workers which had not begun with it


class ClusterPool:
    """Runs the trials of a sweep in a folder on the workers of a cluster."""

    def __init__(self, executor: DaskExecutor, folder: Path):
        self.executor, self.folder = executor, folder.absolute()
        self.running: dict[Any, TrialTask] = {}  # by their futures
        self.accused: Counter[int] = Counter()  # by trial: how often it was given up, and ran again

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for future in self.running:
            future.release()  # a worker that runs the trial ends it
        self.running.clear()

    def has_room(self) -> bool:
        """Return whether a worker has nothing to do."""
        return len(self.running) < self.executor.slots

    def submit(self, task: TrialTask) -> None:
        """Give a trial to a worker."""
        task = task._replace(folder=os.path.abspath(task.folder))
        about = (self.folder / ABOUT).read_text(encoding="utf-8")
        paths = {path: _seen(path) for path in _paths(Config.model_validate(task.config))}
        future = self.executor.submit(
            run_task, task, str(self.folder / ABOUT), about, paths, is_offline(), name=f"trial {task.number}"
        )
        self.running[future] = task

    def wait(self) -> list[TrialRecord]:
        """Return the records of trials that have ended within a moment."""
        ended = map(self._ended, self.executor.ended(list(self.running), _MOMENT))
        return [record for record in ended if record is not None]

    def _ended(self, future: Any) -> TrialRecord | None:
        """Return the record of a trial, whose directory is kept. None if it runs again."""
        task = self.running.pop(future)
        trial = Path(task.folder)
        try:
            attempt, record = self.executor.result(future)
        except GivenUp:  # by a worker that was about to leave
            self.submit(task)
            return None
        except WorkerDied as error:
            begun = attempts(trial)
            if len(begun) < error.deaths:
                self._submit_again(task, error, len(begun))
                return None
            attempt, record = begun[-1], TrialRecord(task.number, FAILED, message="; ".join(error.lines))
        keep_attempt(Path(attempt), trial)
        return record

    def _submit_again(self, task: TrialTask, error: WorkerDied, begun: int) -> None:
        """Give a trial to a worker again. Dask counts a death against all that a worker has, also what only waits.

        WorkerDied if that was done several times: then it is no trial that ends the workers.
        """
        self.accused[task.number] += 1
        if self.accused[task.number] >= _MOST:
            fact = (
                f"trial {task.number}: {_MOST * error.deaths} workers that were to run it died, and {begun} had begun"
            )
            raise WorkerDied(f"{fact}; see in the log of a worker why it ends")
        self.submit(task)


def run_task(
    task: TrialTask, about: str, content: str, paths: Mapping[str, tuple[int | None, str] | None], offline: bool
) -> tuple[str, TrialRecord]:
    """Carry out a trial on a worker. Return the directory of the attempt, and the record.

    `paths` are the files and folders of the data, with what the command sees of the files. Raises NotVisible if the
    worker does not see the folder of the sweep, may not write there, or does not see the same data; GivenUp if nobody
    waits for it any more.
    """
    try:
        is_same = Path(about).read_text(encoding="utf-8") == content
    except OSError:
        is_same = False
    if not is_same:
        raise not_visible(os.path.dirname(about), "the folder of the sweep")
    trials = os.path.dirname(task.folder)
    if os.path.isdir(trials) and not os.access(trials, os.W_OK | os.X_OK):
        raise not_writable(trials, "the folder of the trials")
    for path, seen in paths.items():
        if not os.path.exists(path):
            raise not_visible(path, "the data")
        found = _seen(path)
        if found is not None and found[0] is None:
            raise not_readable(path, "the data")
        if found != seen:  # a copy on the disk of the worker, perhaps
            raise not_visible(path, "the same data (the file there is another)")
    if offline:
        go_offline()  # until the end of the task
    attempt = str(begin_attempt(Path(task.folder)))
    record = run_trial(task._replace(folder=attempt), is_given_up)
    if record is None:
        raise GivenUp
    return attempt, record


def _seen(path: str) -> tuple[int | None, str] | None:
    """Return the size and the fingerprint of a file; None of a folder, which may hold that of the sweep, too."""
    return look(path, None)[:2] if os.path.isfile(path) else None


def _paths(config: Config) -> list[str]:
    """Return the files and folders that a trial reads."""
    values = (get(config, key) for key in (*SOURCES, *FILES))
    names = [name for value in values for name in (value if isinstance(value, list) else [value])]
    return [name for name in names if isinstance(name, str) and os.path.isabs(name) and os.path.exists(name)]
