"""The pool of a sweep on a cluster: each trial is a task. A worker that is killed costs its trial only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sentibp.config.paths import FILES, SOURCES, get
from sentibp.config.schema import Config
from sentibp.distributed.check import look
from sentibp.distributed.dask import DaskExecutor
from sentibp.training.sweep_folder import ABOUT
from sentibp.training.trial import FAILED, TrialRecord, TrialTask, run_trial
from sentibp.utils.executor import WorkerDied, is_given_up, not_visible
from sentibp.utils.hub_client import go_offline, is_offline

_MOMENT = 0.2  # seconds between two looks at whether to stop


class ClusterPool:
    """Runs the trials of a sweep in a folder on the workers of a cluster."""

    def __init__(self, executor: DaskExecutor, folder: Path):
        self.executor, self.folder = executor, folder.absolute()
        self.running: dict[Any, TrialTask] = {}  # by their futures

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
        records = []
        for future in self.executor.ended(list(self.running), _MOMENT):
            task = self.running.pop(future)
            record, error = self.executor.outcome(future)
            if isinstance(error, WorkerDied):
                record = TrialRecord(task.number, FAILED, message="; ".join(error.lines))
            elif error is not None:
                raise error
            records.append(record)
        return records


def run_task(
    task: TrialTask, about: str, content: str, paths: Mapping[str, tuple[int | None, str] | None], offline: bool
) -> TrialRecord | None:
    """Carry out a trial on a worker. NotVisible if it does not see the folder of the sweep, or the same data.

    `paths` are the files and folders of the data, with what the command sees of the files.
    """
    try:
        is_same = Path(about).read_text(encoding="utf-8") == content
    except OSError:
        is_same = False
    if not is_same:
        raise not_visible(os.path.dirname(about), "the folder of the sweep")
    for path, seen in paths.items():
        if not os.path.exists(path):
            raise not_visible(path, "the data")
        if _seen(path) != seen:  # a copy on the disk of the worker, perhaps
            raise not_visible(path, "the same data (the file there is another)")
    if offline:
        go_offline()  # until the end of the task
    shutil.rmtree(task.folder, ignore_errors=True)  # of a worker that was killed
    return run_trial(task, is_given_up)


def _seen(path: str) -> tuple[int | None, str] | None:
    """Return the size and the fingerprint of a file; None of a folder, which may hold that of the sweep, too."""
    return look(path, None)[:2] if os.path.isfile(path) else None


def _paths(config: Config) -> list[str]:
    """Return the files and folders that a trial reads."""
    values = (get(config, key) for key in (*SOURCES, *FILES))
    names = [name for value in values for name in (value if isinstance(value, list) else [value])]
    return [name for name in names if isinstance(name, str) and os.path.isabs(name) and os.path.exists(name)]
