"""Processes that are killed while a command works: it goes on, or the same command resumes, with the same bytes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import distributed
import psutil
import pytest
from command import invoke
from dying import all_workers, kill, wait_until
from staying import Kept

import sentibp
from sentibp.cli import predict_files
from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.executor import connect
from sentibp.distributed.worker import identity
from sentibp.utils.executor import OtherVersion

COMMAND = [sys.executable, "-W", "error", "-m", "sentibp"]
PREDICT = ["predict", "-m", "builtin", "-i", "in"]


def write_inputs(folder: Path) -> None:
    """Write six files, each of which takes a moment."""
    folder.mkdir()
    for number in range(6):
        row = json.dumps({"text": f"a good film, number {number}, " + "not worth the ticket " * 50, "n": number})
        (folder / f"{number}.jsonl").write_text(f"{row}\n" * 1200)


@pytest.fixture
def inputs(here: Path) -> Path:
    write_inputs(here / "in")
    return here / "in"


@pytest.fixture(scope="module")
def serial(new_folder: Callable[[str], Path]) -> dict[str, bytes]:
    """The predictions of one process that nothing kills."""
    folder = new_folder("serial")
    write_inputs(folder / "in")
    with contextlib.chdir(folder):
        invoke(*PREDICT, "-o", "serial/")
        return predictions("serial")


def predictions(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("[!.]*")}


def has_written() -> bool:
    """Return whether the command has noted a file that was written."""
    journal = Path("out/.predictions.jsonl")
    return journal.exists() and '"done"' in journal.read_text()


def test_workers_that_are_killed_cost_nothing(
    inputs: Path, serial: dict[str, bytes], local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One while it writes, and then all of them."""
    monkeypatch.setattr(predict_files, "connect", lambda address: Kept(local))
    killed: list[int] = []

    def writing() -> list[Path]:
        return list(Path("out").glob(".*.sentibp-tmp"))

    def alive() -> list[psutil.Process]:
        return [each for each in all_workers() if each.pid not in killed]  # a killed one is listed for a moment

    def killer() -> None:
        for all_of_them in False, True:
            wait_until(writing)
            for each in alive() if all_of_them else alive()[:1]:
                kill(each)
                killed.append(each.pid)
            wait_until(lambda: len(alive()) >= 2)

    thread = threading.Thread(target=killer)
    thread.start()
    invoke(*PREDICT, "-o", "out/", "--cluster", "local:2")
    thread.join()
    assert len(killed) >= 3
    assert predictions("out") == serial
    assert len(predictions("out")) == 6


def test_after_the_client_is_killed_the_same_command_resumes(inputs: Path, serial: dict[str, bytes]) -> None:
    command = [*COMMAND, *PREDICT, "-o", "out/", "--cluster", "local:1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as client:
        wait_until(lambda: has_written() or client.poll() is not None)
        children = psutil.Process(client.pid).children(recursive=True)
        client.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(each.is_running() and each.status() != "zombie" for each in children))
    done = invoke(*PREDICT, "-o", "out/")
    assert "written before of 6 files" in done.err
    assert predictions("out") == serial
    assert list(Path("out").glob(".*.sentibp-tmp")) == []


@pytest.mark.parametrize("cluster", [[], ["--cluster", "local:1"]], ids=["serial", "local"])
def test_ctrl_c_says_how_to_resume(inputs: Path, cluster: list[str]) -> None:
    """On a terminal, it reaches all processes of the command."""
    for number in range(6, 60):  # on a busy machine, six are done before the signal comes
        os.link(inputs / "0.jsonl", inputs / f"{number}.jsonl")
    # Where the signal comes as a file was opened and `with` does not hold it yet, Python warns that it closed the file.
    python, *_, module, name = COMMAND
    command = [python, "-W", "error", "-W", "ignore::ResourceWarning", module, name, *PREDICT, "-o", "out/", *cluster]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as client:
        wait_until(lambda: has_written() or client.poll() is not None)
        os.killpg(client.pid, signal.SIGINT)
        _, error = client.communicate()
    assert client.returncode == 130, error
    *_, resume, last = error.splitlines()
    assert resume.startswith("out: ") and resume.endswith(" of 60 files are written; the same command resumes")
    assert last == "interrupted"
    assert "Traceback" not in error
    assert list(Path("out").glob(".*.sentibp-tmp")) == []


@pytest.mark.parametrize(
    ("owner", "name"), [(asyncio, "run_coroutine_threadsafe"), (distributed.Future, "__del__")], ids=["ask", "delete"]
)
def test_ctrl_c_in_the_midst_of_dask_is_neither_lost_nor_answered_with_a_warning(
    inputs: Path, local: DaskExecutor, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """A KeyboardInterrupt there left a coroutine that nobody awaits, and vanished where a future is deleted."""
    monkeypatch.setattr(predict_files, "connect", lambda address: Kept(local))
    monkeypatch.setattr(local, "stop", local.stop)
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    called, signals = getattr(owner, name), [signal.SIGINT]

    def interrupted(*args: Any, **options: Any) -> Any:
        if signals and threading.current_thread() is threading.main_thread():
            signal.raise_signal(signals.pop())
        return called(*args, **options)

    monkeypatch.setattr(owner, name, interrupted)
    try:
        done = invoke(*PREDICT, "-o", "out/", "--cluster", "local:2", code=130)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    gc.collect()  # with a coroutine that nobody awaits, pytest would warn
    resume, last = done.err.splitlines()
    assert resume.endswith(" of 6 files are written; the same command resumes")
    assert last == "interrupted"


@pytest.fixture
def start(here: Path) -> Iterator[Callable[..., psutil.Popen]]:
    """`start("scheduler", "--port", "0", path=...)` starts a process of Dask, which ends with the test."""
    started: list[psutil.Popen] = []

    def start(*arguments: str, path: Path | None = None) -> psutil.Popen:
        own = Path(sentibp.__file__).parent.parent if path is None else path
        environment = {**os.environ, "PYTHONPATH": str(own)}
        command = [sys.executable, "-m", "dask", *arguments]
        with open(here / f"{arguments[0]}.log", "ab") as log:
            process = psutil.Popen(command, env=environment, stdout=log, stderr=log, cwd=here)
        started.append(process)
        return process

    yield start
    for process in started:
        for each in (*process.children(recursive=True), process):
            kill(each)
        process.wait()


@pytest.fixture
def scheduler(start: Callable[..., psutil.Popen], here: Path) -> tuple[psutil.Popen, str]:
    """A scheduler, and its address."""
    file = here / "scheduler.json"
    local = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--no-dashboard")
    process = start("scheduler", *local, "--scheduler-file", str(file))
    wait_until(lambda: file.exists() and file.stat().st_size)
    return process, json.loads(file.read_text())["address"]


def start_worker(start: Callable[..., psutil.Popen], address: str, name: str, path: Path | None = None) -> None:
    options = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--no-dashboard", "--name", name)
    start("worker", address, *options, "--local-directory", name, path=path)


def test_a_scheduler_on_its_own(
    inputs: Path,
    serial: dict[str, bytes],
    here: Path,
    start: Callable[..., psutil.Popen],
    scheduler: tuple[psutil.Popen, str],
) -> None:
    """A worker of another version is refused by its name; a scheduler that is killed ends the command."""
    process, address = scheduler
    start_worker(start, address, "same")
    with connect(address) as executor:
        changed = here / "changed"
        shutil.copytree(Path(sentibp.__file__).parent, changed / "sentibp")
        with open(changed / "sentibp" / "errors.py", "a") as file:
            file.write("# changed\n")
        start_worker(start, address, "late", path=changed)
        wait_until(lambda: len(executor.workers()) == 2)
        with pytest.raises(OtherVersion, match=r"^worker late \(tcp://.*\) on .* has sentibp .*, not .*; install the"):
            for ended in executor.unordered(len, [[]] * 50):
                assert ended.error is None
    with pytest.raises(OtherVersion, match=r"^worker late \(tcp://"):
        connect(address)
    report = invoke("cluster", "check", "--cluster", address, "--json", str(inputs), code=1).json
    assert {each["name"]: bool(each["faults"]) for each in report["workers"]} == {"same": False, "late": True}
    assert report["paths"][0]["faults"] == {}

    late = next(each for each in psutil.Process().children() if "late" in each.cmdline())
    for each in (*late.children(recursive=True), late):
        kill(each)
    wait_until(lambda: len(_workers(address)) == 1)
    command = [*COMMAND, *PREDICT, "-o", "out/", "--cluster", address]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as client:
        wait_until(lambda: has_written() or client.poll() is not None)
        process.send_signal(signal.SIGKILL)
        _, error = client.communicate()
    assert client.returncode == 3, error
    assert f"{address}: the connection to the scheduler is lost" in error
    assert error.splitlines()[-1].endswith("of 6 files are written; the same command resumes")
    assert "Traceback" not in error
    done = invoke(*PREDICT, "-o", "out/")
    assert "written before of 6 files" in done.err
    assert predictions("out") == serial


ANOTHER = """
import sys
sys.path.insert(0, {package!r})
from importlib import metadata
version = metadata.version
metadata.version = lambda name: "1.26.4" if name == {library!r} else version(name)
"""


def test_a_worker_with_another_numpy_is_refused_by_its_name(
    inputs: Path, here: Path, start: Callable[..., psutil.Popen], scheduler: tuple[psutil.Popen, str]
) -> None:
    """One with another patch release of Dask is not: only sentibp, numpy and Python compute."""
    _, address = scheduler
    package = str(Path(sentibp.__file__).parent.parent)
    for name, library in ("right", "distributed"), ("older", "numpy"):
        site = here / f"site-{name}"
        site.mkdir()
        (site / "sitecustomize.py").write_text(ANOTHER.format(package=package, library=library))
        start_worker(start, address, name, path=site)
    wait_until(lambda: len(_workers(address)) == 2)
    ours = identity()["numpy"]
    host = socket.gethostname()
    fault = rf"worker older \(tcp://127\.0\.0\.1:\d+\) on {host} has numpy 1\.26\.4, not {re.escape(ours)}; "
    line = f"{fault}install the same version there, and start the worker again"
    with pytest.raises(OtherVersion, match=f"^{line}$"):
        connect(address)
    done = invoke(*PREDICT, "-o", "out/", "--cluster", address, code=3)
    error, resume = done.err.splitlines()[-2:]
    assert re.search(f"^{line}$", error)
    assert resume == "out: 0 of 6 files are written; the same command resumes"
    with connect(address, same_versions=False) as executor, pytest.raises(OtherVersion, match=f"^{line}$"):
        for _ in executor.unordered(len, [[]] * 50):  # as of a worker that joined later
            pass
    report = invoke("cluster", "check", "--cluster", address, code=1)
    assert re.search(rf"^worker older \(tcp://.*\): numpy 1\.26\.4, not {re.escape(ours)}$", report.out, re.MULTILINE)
    assert "worker right (" not in report.out


def _workers(address: str) -> dict:
    with connect(address, same_versions=False) as executor:
        return executor.workers()


def test_commands_that_share_a_scheduler_do_not_know_of_each_other(
    inputs: Path,
    serial: dict[str, bytes],
    here: Path,
    start: Callable[..., psutil.Popen],
    scheduler: tuple[psutil.Popen, str],
) -> None:
    """A folder to predict, a sweep and a training on shards, at the same time; the first is killed."""
    _, address = scheduler
    for name in "a", "b":
        start_worker(start, address, name)
    Path("space.yaml").write_text("train.optimizer.learning_rate: [0.003, 0.01]\n")
    small = ["quickstart", "--set=text.ngrams=1", "--set=train.epochs=2", "--quiet"]
    train = ["train", *small, "--set=train.shards=2", "--set=train.batch_size=8", "--json", "--out"]
    sweep = ["sweep", *small[:1], "space.yaml", *small[1:], "--sampler=grid", "--no-prune", "--json", "--out"]
    predict = [*PREDICT, "-o", "out/", "--cluster", address]
    with contextlib.ExitStack() as stack:
        killed, *others = (
            stack.enter_context(subprocess.Popen([*COMMAND, *each], stdout=subprocess.PIPE, stderr=subprocess.PIPE))
            for each in (predict, [*train, "run", "--cluster", address], [*sweep, "found", "--cluster", address])
        )
        wait_until(lambda: has_written() or killed.poll() is not None)
        killed.kill()
        (trained, _), (found, _) = (each.communicate() for each in others)
    assert [each.returncode for each in others] == [0, 0]
    assert json.loads(trained)["digest"] == invoke(*train, "alone").json["digest"]
    assert json.loads(found)["best"]["digest"] == invoke(*sweep, "searched").json["best"]["digest"]
    invoke(*predict)
    assert predictions("out") == serial


def test_a_second_ctrl_c_leaves_nothing_and_says_one_word(here: Path) -> None:
    """A process of Python's then warned of semaphores, which it removes."""
    Path("space.yaml").write_text("train.optimizer.learning_rate: {log: [0.01, 1]}\n")
    options = ["--set", "train.epochs=1000000", "--cluster", "local:1", "--out", "found", "--quiet"]
    command = [sys.executable, "-m", "sentibp", "sweep", "quickstart", "space.yaml", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            wait_until(lambda: list(Path("found/trials").glob(".0-*/model.safetensors")))
            workers = psutil.Process(running.pid).children(recursive=True)
            os.kill(running.pid, signal.SIGSTOP)  # both signals are there when it goes on
            for number in signal.SIGINT, signal.SIGTERM, signal.SIGCONT:
                os.kill(running.pid, number)
            assert running.communicate()[1] == "interrupted\n"
        finally:
            running.kill()  # else it would search for days
    assert running.returncode == 130
    wait_until(lambda: not any(each.is_running() for each in workers))
