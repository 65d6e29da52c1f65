"""Training on real processes: the bits of one process, and what happens when processes are killed."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cluster_functions as functions
import numpy as np
import pytest
from runner import resume, train_model

from sentibp.training.events import Epoch, Step
from sentibp.training.shards import loop
from sentibp.utils.executor import Executor, WorkerDied

SMALL = {
    "data": {"source": "sample"},
    "text": {"ngrams": 1},
    "model": {"embedding": {"dim": 8, "init": "naive_bayes"}, "hidden": [4], "dropout": 0.1},
    "train": {"epochs": 2, "batch_size": 16, "shards": 4, "shard_steps": 2, "refit": False},
}  # 288 reviews: five steps of each shard in an epoch, in three rounds


@pytest.fixture
def small(write_config):
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


def test_two_jobs_in_one_cluster_have_the_bits_of_one_process(small, here, local):
    """What a job sets must not reach the next one in the same processes: here, another network and another loss."""
    jobs = [
        small("train.optimizer=adam", "model.batch_norm=true", "train.seed=3", "train.loss=squared_error"),
        small("train.sync=sync", "train.shards=3", "text.ngrams=2", "train.word_dropout=0", "model.hidden=[]"),
    ]
    here_done = [train_model(job, Path(f"here-{i}")).digest for i, job in enumerate(jobs)]
    runs = [iter(_steps(job, Path(f"there-{i}"), local)) for i, job in enumerate(jobs)]
    digests: list[str | None] = [None, None]
    while None in digests:  # a round of one, a round of the other
        for i, run in enumerate(runs):
            digests[i] = digests[i] or next(run)
    assert digests == here_done


def test_similar_reviews_are_held_out_together_on_a_cluster(here, local, write_config):
    """The reviews are counted in shards twice: before and after they are cut again."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        words = [f"w{word}" for word in rng.integers(10**6, size=16)]
        rows += [f"{' '.join(words[start : start + 13])},{number % 2}" for start in range(4)]
    Path("phrases.csv").write_text("\n".join(["text,label", *rows, ""]))
    config = write_config("phrases.yaml", **{**SMALL, "data": {"source": "phrases.csv"}})
    whole = train_model(config, Path("whole"))
    assert any("are held out together" in note for note in whole.notes)
    assert train_model(config, Path("run"), executor=local).digest == whole.digest


def _steps(resolved, out: Path, executor: Executor) -> Iterator[str | None]:
    """Train, and stop after each event; at the end, yield the digest of the model."""
    from sentibp.training import experiment

    with experiment.train(resolved, out, executor=executor) as training:
        for _ in training:
            yield None
        yield training.finish().digest


def test_a_worker_that_is_killed_changes_nothing(small, here, local, monkeypatch, tmp_path):
    """Once in the middle of a round; and once between two rounds, when it holds the state."""
    whole = train_model(small(), Path("whole"))
    die = functools.partial(functions.train_shard_but_die_once, tmp_path / "killed")
    die.__name__ = "train_shard"
    monkeypatch.setattr(loop, "train_shard", die)
    killed = []

    def watch(event):
        if isinstance(event, Step) and not killed and (tmp_path / "killed").exists():
            killed.append(local.result(local.submit(os.getpid)))
            os.kill(killed[0], signal.SIGKILL)

    run = train_model(small("train.checkpoint=null"), Path("run"), watch=watch, executor=local)
    assert killed
    assert run.digest == whole.digest


def test_a_shard_that_kills_every_worker_ends_the_training_and_it_resumes(small, here, local, monkeypatch):
    """After two deaths, another shard may be blamed: on a busy machine, a worker is sent work while it dies."""
    whole = train_model(small(), Path("whole"))
    with monkeypatch.context() as patch:
        patch.setattr(local._local.cluster.scheduler, "allowed_failures", 2)
        patch.setattr(loop, "train_shard", functions.train_shard_but_die)
        with pytest.raises(WorkerDied, match=r"^shard 3 of 4: given up: 3 workers that ran it died") as raised:
            train_model(small(), Path("run"), executor=local)
    assert raised.value.lines[1] == "to resume: sentibp train --resume run --cluster local:2"
    steps: list[Step | Epoch] = []
    again = resume(
        Path("run"), small(), lambda event: steps.append(event) if isinstance(event, Step) else None, executor=local
    )
    assert (again.digest, steps[0].step) == (whole.digest, 4)  # the first round, with two steps, was kept


@pytest.fixture
def cluster(here) -> Iterator[tuple[str, subprocess.Popen]]:
    """A scheduler and a worker, each a process of its own: the address, and the scheduler."""
    file = here / "scheduler.json"
    options = ["--scheduler-file", str(file)]
    with contextlib.ExitStack() as stack:
        command = ("-m", "distributed.cli.dask_scheduler", "--host=127.0.0.1", "--port=0", "--no-jupyter")
        scheduler = _process(stack, *command, "--no-dashboard", *options)
        _process(stack, "-m", "distributed.cli.dask_worker", "--nthreads=1", "--no-nanny", "--no-dashboard", *options)
        _wait_for(lambda: file.exists() and "address" in file.read_text(), scheduler)
        yield json.loads(file.read_text())["address"], scheduler


def _process(stack: contextlib.ExitStack, *arguments: str) -> subprocess.Popen:
    """Start a Python process that ends with the stack."""
    paths = [Path(functions.__file__).parent, Path(functions.__file__).parent.parent]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])}
    process = stack.enter_context(
        subprocess.Popen([sys.executable, *arguments], env=environment, stderr=subprocess.PIPE, text=True)
    )
    stack.callback(process.kill)
    return process


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Wait until a condition holds, while a process runs."""
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_client_that_is_killed_and_then_the_scheduler(small, here, cluster):
    """The run resumes after both, and ends with the bits of one that was never interrupted."""
    changes = ("train.epochs=30", "train.checkpoint.every_steps=3")
    whole = train_model(small(*changes), Path("whole"))
    address, scheduler = cluster
    options = ("--cluster", address, "--json")
    checkpoint = Path("run/checkpoint.safetensors")
    with contextlib.ExitStack() as stack:
        sets = [f"--set={change}" for change in changes]
        client = _process(stack, "-m", "sentibp", "train", "small.yaml", *sets, "--out", "run", *options)
        _wait_for(checkpoint.exists, client)
        client.kill()
        client.wait()
        written = checkpoint.stat().st_mtime_ns
        client = _process(stack, "-m", "sentibp", "train", "--resume", "run", *options)
        _wait_for(lambda: checkpoint.stat().st_mtime_ns != written, client)
        scheduler.kill()
        _, message = client.communicate(timeout=120)
    assert client.returncode == 3, message
    assert "the connection to the scheduler is lost" in message
    assert f"to resume: sentibp train --resume run --cluster {address}" in message
    assert "Traceback" not in message
    steps: list[int] = []
    again = resume(
        Path("run"), small(*changes), lambda event: steps.append(event.step) if isinstance(event, Step) else None
    )
    assert again.digest == whole.digest
    assert steps[0] > 10  # three rounds were kept, and then three more
