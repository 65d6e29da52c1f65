"""A scheduler and workers on this machine, which start and end with the command: `--cluster local:N`."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import sys

import distributed
from dask import config as dask_config

from sentibp.distributed.dask import PATIENCE, DaskExecutor, closed_on_error, quiet
from sentibp.distributed.worker import environment_restored, start_resource_tracker
from sentibp.utils.threads import interrupts_blocked

_START = 300  # seconds for a process to start, as on a busy machine; then another is started in its place

_TRIES = 3  # times that each process may end as it starts, until one has joined

_SETTINGS = {
    "distributed.scheduler.allowed-failures": 3,  # the fourth worker that dies of a task is the last
    "distributed.worker.profile.enabled": False,  # it looks at the stack a hundred times a second
    "distributed.scheduler.http.routes": [],  # pages that other users of this machine could read
    "distributed.worker.http.routes": [],
    "distributed.worker.preload": ["sentibp.distributed.worker"],  # its `dask_setup`: they share the terminal
}

_LOADED = ["distributed", "sentibp.distributed.worker", "sentibp.distributed.predict_file"]
"""The modules that are loaded before a worker is forked. They start no threads."""


def start(processes: int) -> DaskExecutor:
    """Start a scheduler in this process, and workers as processes of this machine, which end with this process."""
    stack = contextlib.ExitStack()
    with closed_on_error(stack):
        stack.enter_context(quiet())
        stack.enter_context(dask_config.set(_SETTINGS))
        start_resource_tracker()
        with interrupts_blocked():  # in the thread that starts the workers, and so in these: this process decides
            stack.enter_context(dask_config.set({"distributed.worker.multiprocessing-method": _start_method()}))
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
                env=dict(os.environ),  # of now, where a process that forks workers has that of its start
            )
        stack.enter_context(cluster)
        client = stack.enter_context(distributed.Client(cluster, set_as_default=False, timeout=PATIENCE))
        executor = DaskExecutor(client, f"local:{processes}", stack, Workers(cluster, processes))
        executor.require_workers(processes)
        return executor
    raise AssertionError  # it returns or raises


def _start_method() -> str:
    """Return how worker processes start, and start the process that forks them, where there is one.

    Loading Dask takes a process more than a second. On Linux, one process does that, of which all workers are copies.
    """
    if sys.platform != "linux" or sys.version_info < (3, 11, 1):  # CVE-2022-42919: others could run programs there
        return "spawn"
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload(_LOADED)
    variables = dask_config.get("distributed.nanny.pre-spawn-environ")  # which must be set before a process starts
    with environment_restored():
        os.environ |= {name: str(value) for name, value in variables.items()}
        forkserver.ensure_running()
    return "forkserver"


class Workers:
    """The worker processes of this machine. Dask starts one anew that dies, but not if it dies again at its start."""

    patience = _START

    def __init__(self, cluster: distributed.LocalCluster, number: int):
        self.cluster, self.number = cluster, number
        self.ended = 0  # processes that were started anew, as they had ended

    @property
    def is_hopeless(self) -> bool:
        """Return whether all processes have ended several times."""
        return self.ended >= _TRIES * self.number

    def start_missing(self) -> None:
        """Start the processes that are missing; they are there some time later."""
        assert self.cluster.loop is not None
        self.cluster.loop.add_callback(self._start_missing)

    def _start_missing(self) -> None:
        for name, nanny in list(self.cluster.workers.items()):
            if nanny.status.name in ("closed", "failed"):
                del self.cluster.workers[name]
                self.ended += 1
        self.cluster.scale(self.number)
