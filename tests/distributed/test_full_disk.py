"""Disks that are really full: one message, nothing half-written, and with more room the same bytes as ever.

The disks are file systems in memory, each of a size that is full at another file.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Result, invoke
from dying import wait_until
from staying import Kept

from sentibp.cli import predict_files
from sentibp.distributed import executor
from sentibp.distributed.dask import DaskExecutor

FULL = "cannot be written: No space left on device; make room on that disk"


def _mount(*words: str, check: bool = True) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=check).returncode == 0


@contextlib.contextmanager
def _mounted(folder: Path, size: str) -> Iterator[bool]:
    folder.mkdir()
    found = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder), check=False)
    try:
        yield found
    finally:
        if found:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # workers may still have a file open
        folder.rmdir()


@pytest.fixture(scope="module", autouse=True)
def _may_mount(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Only root may, on Linux, and not in every container."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root, to mount a small file system")
    with _mounted(tmp_path_factory.mktemp("try") / "disk", "4k") as found:
        if not found:
            pytest.skip("this machine lets nobody mount a file system")


@pytest.fixture
def disk(here: Path) -> Callable[[str], contextlib.AbstractContextManager[bool]]:
    """`with disk("8k"):` has a file system of that size at ./disk."""
    return lambda size: _mounted(Path("disk"), size)


def make_room() -> None:
    _mount("-o", "remount,size=50M", "disk")


def content(folder: str, *names: str) -> dict[str, bytes]:
    """The visible files of a folder, or some of them."""
    files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}
    return {name: file for name, file in files.items() if name in names or (not names and not name.startswith("."))}


@pytest.fixture
def many(here: Path) -> Callable[..., Result]:
    """Predict thirty files, whose predictions need a page of the disk each, and the journal several."""
    Path("in").mkdir()
    for number in range(30):
        Path(f"in/{number:02}.csv").write_text("text,n\n" + "a good film,1\n" * 20)

    def many(output: str, *more: str, code: int = 0) -> Result:
        return invoke("predict", "-m", "builtin", "-i", "in", "-o", output, *more, code=code)

    many("whole/")
    return many


def _full_at(many: Callable[..., Result], disk: Callable, size: int, *cluster: str) -> str:
    """Predict onto a disk of so many kilobytes, and again with more room. Return the name of the file that failed."""
    whole = content("whole")
    with disk(f"{size}k"):
        message, resume = many("disk/out/", *cluster, code=3).err.splitlines()
        assert FULL in message
        assert resume.endswith(" of 30 files are written; the same command resumes")
        wait_until(lambda: not list(Path("disk/out").glob(".*.sentibp-tmp")))  # other workers may be writing
        assert content("disk/out").items() < whole.items()
        make_room()
        many("disk/out/", *cluster)
        assert content("disk/out") == whole
    return message.partition(":")[0]


def test_predictions(many: Callable[..., Result], disk: Callable) -> None:
    """The disk is full at the output of a file, or at a line of the journal, which is written whole or not at all."""
    failed = {_full_at(many, disk, size) for size in (32, 36, 40, 72, 76, 80)}  # pages that the journal begins, too
    assert "disk/out/.predictions.jsonl" in failed
    assert len(failed) > 2


def test_predictions_on_workers(
    many: Callable[..., Result], disk: Callable, local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_files, "connect", lambda address: Kept(local))
    _full_at(many, disk, 48, "--cluster", "local:2")


@pytest.fixture
def on_workers(local: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given --cluster uses the workers that the tests share."""
    connect = executor.connect
    monkeypatch.setattr(executor, "connect", lambda address: connect(None) if address is None else Kept(local))


@pytest.mark.usefixtures("on_workers")
def test_a_sweep_on_workers(disk: Callable) -> None:
    """A trial that could not write has not failed: it runs again."""
    Path("space.yaml").write_text("train.optimizer.learning_rate: [0.003, 0.01]\nmodel.hidden: [[], [8]]\n")
    small = ["--set=text.ngrams=1", "--set=train.epochs=2", "--sampler=grid", "--no-prune", "--quiet"]
    command = ["sweep", "quickstart", "space.yaml", *small, "--out"]
    invoke(*command, "whole")
    for size in "8k", "104k":
        with disk(size):
            (message,) = invoke(*command, "disk/sweep", "--cluster", "local:2", code=3).err.splitlines()
            assert FULL in message and message.endswith("; then the same command resumes the sweep")
            make_room()
            invoke(*command, "disk/sweep", "--cluster", "local:2")
            best = Path("whole/best.yaml").read_text()
            assert best.startswith("# The best of 4 trials of whole: ")
            assert Path("disk/sweep/best.yaml").read_text() == best.replace(" of whole:", " of disk/sweep:")


FILES = ("config.yaml", "metrics.jsonl", "model.safetensors", "validation.parquet", "review_hashes.safetensors")


@pytest.mark.usefixtures("on_workers")
def test_a_training_on_workers(disk: Callable) -> None:
    """The disk is full before the training begins; at the state of a round; and at a checkpoint."""
    sets = {"epochs": 2, "shards": 4, "shard_steps": 2, "batch_size": 16, "checkpoint.every_steps": 3}
    options = [f"--set=train.{key}={value}" for key, value in sets.items()] + ["--set=text.ngrams=2", "--json"]
    command = ["train", "quickstart", *options, "--quiet", "--out"]
    digest = invoke(*command, "whole").json["digest"]
    whole = content("whole", *FILES)
    at = set()
    for size in "100k", "300k", "352k":
        with disk(size):
            message, *more = invoke(*command, "disk/run", "--cluster", "local:2", code=3).err.splitlines()
            assert FULL in message and not more
            assert not list(Path("disk").rglob(".*.sentibp-tmp"))
            at.add(Path(message.partition(":")[0]).name)
            make_room()
            if Path("disk/run").exists():
                resume = "sentibp train --resume disk/run --cluster local:2"
                assert message.endswith(f"; then resume with `{resume}`")
                assert json.loads(Path("disk/run/run.json").read_text())["outcome"] != "finished"
                done = invoke(*resume.split()[1:], "--json", "--quiet")
            else:
                assert message.endswith("; then give the same command again")
                assert not list(Path("disk").iterdir())
                loud = [word for word in command if word != "--quiet"]
                done = invoke(*loud, "disk/run", "--cluster", "local:2")
                assert done.err.startswith("the workers split the reviews into words and count them, in 4 shards ...")
            assert (done.json["digest"], content("disk/run", *FILES)) == (digest, whole)
    assert at == {"disk", "run", "checkpoint.safetensors"}, "no folder that is gone by now"
