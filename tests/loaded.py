"""A process that has loaded the program, and forks for each command: to load it again takes half a second of CPU time.

What is forked is a process of its own, a child of the tests: with its standard streams, environment and working
directory, with signals, and with the exit code that Python ends with.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

MODULES = (  # what most commands need
    "concurrent.futures.thread",
    "pyarrow.csv",
    "pyarrow.parquet",
    "safetensors.numpy",
    "scipy.sparse",
    "threadpoolctl",
    "sentibp.cli.eval",
    "sentibp.cli.explain",
    "sentibp.cli.predict",
    "sentibp.cli.prediction_progress",
    "sentibp.cli.saved_model",
    "sentibp.cli.train",
    "sentibp.distributed.executor",
    "sentibp.inspection.compare",
    "sentibp.inspection.evaluate",
    "sentibp.model.answer_counts",
    "sentibp.runs.compare",
    "sentibp.training.experiment",
    "sentibp.training.pretrain_run",
    "sentibp.training.resume",
)
_PYTHON = [sys.executable, "-W", "error"]
_CHILD_SUBREAPER = 36  # of linux/prctl.h


class Loaded:
    """That process, as the tests see it."""

    def __init__(self, environment: dict[str, str]):
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._starts_as = _of_python(environment)
        with theirs:
            command = [*_PYTHON, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        self._requests.close()
        self._process.wait()

    def suits(self, environment: dict[str, str]) -> bool:
        """Return whether Python would start in this environment as this process did."""
        return _of_python(environment) == self._starts_as

    def fork(self, arguments: Sequence[Any], environment: dict[str, str], streams: Sequence[int]) -> int:
        """Return the number of a new process with this command line of Python. It is a child of the calling process."""
        request = {"arguments": [*map(os.fsdecode, arguments)], "environment": environment, "folder": os.getcwd()}
        system = ctypes.CDLL(None)
        assert system.prctl(_CHILD_SUBREAPER, 1) == 0  # a process whose parent ends becomes a child of this one
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], streams)
            return int(self._requests.recv(20))
        finally:
            system.prctl(_CHILD_SUBREAPER, 0)


def _of_python(environment: dict[str, str]) -> dict[str, str]:
    """Return what Python reads as it starts, but for the encoding, which `_begin` takes."""
    names = {name for name in environment if name.startswith(("PYTHON", "LC_", "LANG"))} - {"PYTHONIOENCODING"}
    return {name: environment[name] for name in names}


class Forked(subprocess.Popen):
    """`Popen([python, "-W", "error", *arguments])`, where these begin with `-m sentibp` or with `-c` and a program."""

    def __init__(self, loaded: Loaded, arguments: Sequence[Any], env: dict[str, str], **streams: Any):
        self._loaded, self._environment = loaded, env
        super().__init__([*arguments], **streams)

    def _execute_child(self, args: Any, *given: Any) -> None:
        """Start the process: all else, such as the pipes and waiting for its end, is Popen's."""
        pipes = given[9:15]  # both ends of stdin, stdout and stderr, the end that is read first
        reading, _, _, writing, _, complaining = pipes
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate((reading, writing, complaining))]
        self.pid = self._loaded.fork(args, self._environment, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)


def _next_request(requests: socket.socket) -> dict[str, Any] | None:
    """Fork for each request, and return it in the new process; None when the tests have ended."""
    while True:
        content, streams, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not content:
            return None
        reading, writing = os.pipe()
        if not (between := os.fork()):
            if number := os.fork():
                os.write(writing, str(number).encode())
                os._exit(0)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            os.closerange(3, max(*streams, requests.fileno(), writing) + 1)
            requests.detach()
            return json.loads(content)
        os.waitpid(between, 0)  # from now on, its child is one of the tests
        requests.send(os.read(reading, 20))
        for each in (*streams, reading, writing):
            os.close(each)


def _begin(request: dict[str, Any]) -> None:
    """Be as if Python had just started for this request."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = ["-c", *request["arguments"][2:]]
    sys.path[0] = os.getcwd()
    encoding, _, errors = os.environ["PYTHONIOENCODING"].partition(":")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode, errors = "w" if number else "r", "backslashreplace" if name == "stderr" else errors or "strict"
        stream: Any = open(number, mode, encoding=encoding, errors=errors, newline="\n", closefd=False)  # noqa: SIM115
        stream.buffer.raw.name = f"<{name}>"
        stream.reconfigure(line_buffering=name == "stderr" or stream.isatty())
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _end(code: int) -> None:
    """End as Python does, but free nothing: to free all that was loaded takes longer than most commands."""
    threading._shutdown()
    atexit._run_exitfuncs()
    with suppress(OSError):  # Python says what cannot be written any more
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for module in MODULES:
        import_module(module)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv.pop(1))) as requests:
        request = _next_request(requests)
    if request is not None:
        _begin(request)
        kind, program, *_ = request["arguments"]
        try:
            if kind == "-c":
                exec(program, {"__name__": "__main__"})
            else:
                runpy.run_module(program, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            _end(end.code)
            raise
