"""Checkpoints are written completely or not at all, and damage is detected."""

from __future__ import annotations

import errno
import importlib
import itertools
import os
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import runner
from runner import resume, resume_pretraining

from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.model import file as model_file
from sentibp.runs import directory
from sentibp.runs.records import StepRecord
from sentibp.training import checkpoint
from sentibp.training.events import Step
from sentibp.utils import tensor_file

ROOT = Path(__file__).parent.parent.parent
SMALL = {
    "text": {"ngrams": 1},
    "model": {"embedding": {"dim": 8}, "hidden": [4]},
    "train": {"epochs": 3, "batch_size": 32, "checkpoint": {"every_steps": 4}},
}


@pytest.fixture
def small(write_config):
    """Return a small config with `--set` overrides."""
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


def resume_run(path: Path):
    return resume(path, load_config(path / "config.yaml"))


class Disk:
    """Patch the functions that write files: all calls after the first `last` ones raise an error."""

    FUNCTIONS = ((os, "fsync"), (os, "replace"), (os, "link"))

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: BaseException, last: int):
        self.calls = 0
        self.last = last
        self.error = error
        for module, name in self.FUNCTIONS:
            monkeypatch.setattr(module, name, self.failing(getattr(module, name)))

    def failing(self, function):
        def call(*arguments, **options):
            self.calls += 1
            if self.calls > self.last:
                raise self.error
            return function(*arguments, **options)

        return call


def test_a_full_disk_at_any_moment(small, monkeypatch):
    """The first failing call varies. The error is one line, no file is incomplete, and the training resumes."""
    whole = runner.train_model(small(), Path("whole"))
    counting = Disk(monkeypatch, OSError(), 10**9)
    runner.train_model(small(), Path("counted"))
    calls = counting.calls
    assert calls > 30
    messages = set()
    for last in range(0, calls, 3):
        path = Path(f"full-{last}")
        kind = random.Random(last).choice([errno.ENOSPC, errno.EDQUOT, errno.EROFS])
        with monkeypatch.context() as patched:
            disk = Disk(patched, OSError(kind, os.strerror(kind)), last)
            try:
                runner.train_model(small(), path)
                assert last >= calls - 5, "only runs/last and the influence log may fail without an error"
            except DataError as error:
                assert disk.calls > last
                messages.add(str(error))
                assert len(error.lines) == 1
                assert str(path) in str(error)
                assert os.strerror(kind) in str(error)
        assert list(path.glob(".*")) == [], "no temporary file is left"
        if not path.exists():
            continue  # the run could not be created
        if (path / "model.safetensors").exists():
            model_file.load_model(path / "model.safetensors")
        checkpoint.load_checkpoint(path)
        assert resume_run(path).digest == whole.digest
        assert (path / "metrics.jsonl").read_bytes() == (whole.run / "metrics.jsonl").read_bytes()
        assert {*os.listdir(path)} | {"influence_log.safetensors"} == {*os.listdir(whole.run)}, (
            "a failure while the influence log is written only costs the log"
        )
    assert any("; make room on that disk; then resume with `sentibp train --resume full-" in line for line in messages)


def test_a_full_disk_during_a_pretraining(small, monkeypatch):
    settings = "pretrain={vectors: words, dim: 4}"
    whole = runner.pretrain_vectors(small(settings), Path("whole"))
    counting = Disk(monkeypatch, OSError(), 10**9)
    runner.pretrain_vectors(small(settings), Path("counted"))
    calls = counting.calls
    assert calls > 15
    messages = set()
    for last in range(calls):
        path = Path(f"full-{last}")
        with monkeypatch.context() as patched:
            Disk(patched, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), last)
            try:
                runner.pretrain_vectors(small(settings), path)
                assert last >= calls - 2, "only runs/last may fail without an error"
            except DataError as error:
                messages.add(str(error))
                assert len(error.lines) == 1
        assert list(path.glob(".*")) == []
        if path.exists():
            assert resume_pretraining(path, load_config(path / "config.yaml")).digest == whole.digest
            assert {*os.listdir(path)} == {*os.listdir(whole.run)}
    assert any(
        "; make room on that disk; then resume with `sentibp pretrain --resume full-" in line for line in messages
    )


def test_an_incomplete_metrics_line_is_removed(here):
    run = directory.create_run(load_config("quickstart").config, Path("mine.yaml"), Path("run"))
    run.append(StepRecord(0, 1, 1, 0.5, 0.1, 1.0))
    before = (run.path / "metrics.jsonl").read_bytes()
    file = run._metrics

    class FullDisk:
        """A file on a disk with five free bytes."""

        room = 5

        def write(self, content):
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= 5
            return file.write(content[:5])

        def __getattr__(self, name):
            return getattr(file, name)

    run._metrics = FullDisk()
    with pytest.raises(DataError, match=r"run/metrics.jsonl: cannot be written: No space left on device; make room"):
        run.append(StepRecord(0, 2, 1, 0.5, 0.1, 1.0))
    assert (run.path / "metrics.jsonl").read_bytes() == before
    run._metrics = file
    run.append(StepRecord(0, 2, 1, 0.5, 0.1, 1.0))
    run.close()
    assert (run.path / "metrics.jsonl").read_bytes().count(b"\n") == 2


def test_a_run_directory_that_disappears(small):
    def vanish(event):
        if isinstance(event, Step) and event.step == 6:
            os.rename("run", "elsewhere")

    with pytest.raises(DataError) as caught:
        runner.train_model(small(), Path("run"), watch=vanish)
    assert len(caught.value.lines) == 1
    assert "cannot be written: No such file or directory; its folder is missing: restore it; then resume with" in str(
        caught.value
    )
    assert not Path("run").exists()
    os.rename("elsewhere", "run")
    assert resume_run(Path("run")).digest == runner.train_model(small(), Path("whole")).digest


def test_without_hard_links_the_best_model_is_copied(small, monkeypatch):
    def link(*arguments):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    whole = runner.train_model(small(), Path("whole"))
    copies = []

    def watch(event):
        if isinstance(event, Step) and event.step == 25:
            copies.extend(Path("run").glob("best-*"))
            raise KeyboardInterrupt

    runner.train_model(small(), Path("run"), watch=watch)
    assert len(copies) == 1
    assert resume_run(Path("run")).digest == whole.digest


@pytest.fixture
def interrupted(small) -> Path:
    """Return a run that was interrupted after 22 steps, with a checkpoint of step 20."""

    def watch(event):
        if isinstance(event, Step) and event.step == 22:
            raise KeyboardInterrupt

    return runner.train_model(small(), Path("run"), watch=watch).run


def test_a_damaged_checkpoint_is_refused(interrupted, complaint):
    path = interrupted / "checkpoint.safetensors"
    content = path.read_bytes()
    rng = random.Random(0)
    for _ in range(60):
        damaged = bytearray(content)
        if rng.random() < 0.2:
            damaged = damaged[: rng.randrange(len(damaged))]
        else:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        message = complaint(DataError, resume_run, interrupted)
        assert message.startswith("run/checkpoint.safetensors: ")
        assert "remove it to begin this training again from its start" in message
    path.write_bytes(b"")
    assert "damaged" in complaint(DataError, resume_run, interrupted)
    path.unlink()
    assert resume_run(interrupted).outcome == "finished"


def test_a_checkpoint_of_another_network_is_refused(interrupted, complaint):
    """One tensor is missing, or has another shape, even one that could be spread over the weights."""
    saved = checkpoint.load_checkpoint(interrupted)
    assert saved is not None
    name = "weights/output.bias"
    others = {key: tensor for key, tensor in saved.tensors.items() if key != name}
    for tensors in (others, others | {name: np.zeros(())}, others | {name: np.zeros(7)}):
        content = tensor_file.pack_tensor_file(saved.state, tensors, checkpoint.KEY)
        (interrupted / "checkpoint.safetensors").write_bytes(content)
        assert complaint(DataError, resume_run, interrupted) == (
            "run/checkpoint.safetensors: output.bias does not belong to this network; remove it to begin again from "
            "the start"
        )
    (interrupted / "checkpoint.safetensors").unlink()
    assert resume_run(interrupted).outcome == "finished"


def test_a_damaged_member_file_is_refused(small, complaint):
    def watch(event):
        if isinstance(event, Step) and event.step == 22 and len(list(Path("run").glob("member-*"))) == 1:
            raise KeyboardInterrupt

    runner.train_model(small("train.members=2"), Path("run"), watch=watch)
    (member,) = Path("run").glob("member-*")
    member.write_bytes(b"")
    assert complaint(DataError, resume_run, Path("run")).startswith(f"{member}: damaged or missing")


def test_a_missing_best_model_is_reported(interrupted, complaint):
    for name in ("model.safetensors", *(path.name for path in interrupted.glob("best-*"))):
        (interrupted / name).unlink()
    assert "damaged or missing" in complaint(DataError, resume_run, interrupted)


def test_a_checkpoint_of_a_later_version(interrupted, monkeypatch, complaint):
    monkeypatch.setattr(checkpoint, "FORMAT", 0)
    assert "written by another version" in complaint(DataError, resume_run, interrupted)


def test_a_checkpoint_with_an_unknown_setting(interrupted, complaint):
    saved = checkpoint.load_checkpoint(interrupted)
    assert saved is not None
    state = {**saved.state, "config": {**saved.state["config"], "gone": {}}}
    (interrupted / "checkpoint.safetensors").write_bytes(
        tensor_file.pack_tensor_file(state, saved.tensors, checkpoint.KEY)
    )
    message = complaint(DataError, resume_run, interrupted)
    assert message.startswith(
        "run/checkpoint.safetensors: damaged: 1 validation error for Config gone Extra inputs are not"
    )


def test_a_run_with_the_earlier_name_of_a_setting_resumes(interrupted):
    saved = checkpoint.load_checkpoint(interrupted)
    assert saved is not None
    text = dict(saved.state["config"]["text"])
    text["parts"] = text.pop("affixes")
    state = {**saved.state, "config": {**saved.state["config"], "text": text}}
    (interrupted / "checkpoint.safetensors").write_bytes(
        tensor_file.pack_tensor_file(state, saved.tensors, checkpoint.KEY)
    )
    config = interrupted / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("affixes:", "parts:"), encoding="utf-8")
    assert resume_run(interrupted).outcome == "finished"


def test_checkpoints_are_written_after_steps_or_seconds(small, monkeypatch):
    written = []
    monkeypatch.setattr(checkpoint.CheckpointWriter, "write", lambda self, *rest: written.append(self.current[2].step))
    runner.train_model(small("train.refit=false"))
    assert written == [4, 8, 12, 16, 20, 24]
    written.clear()
    runner.train_model(small("train.checkpoint=null"))
    runner.train_model(small("train.checkpoint=1000"))
    assert written == []
    runner.train_model(small("train.checkpoint=1e-9", "train.refit=false"))
    assert written == list(range(1, 28))


def test_checkpoints_by_time_are_so_many_seconds_apart(small, monkeypatch):
    """Each step takes one second here. Of the best models, no checkpoint leaves more than its own."""
    clock, written = itertools.count(), []
    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(monotonic=lambda: clock.__next__() / 2))

    def watch(event) -> None:
        if isinstance(event, Step):
            path = Path("run/checkpoint.safetensors")
            written.append(path.stat().st_mtime_ns if path.exists() else None)
            assert len(list(Path("run").glob("best-*"))) <= 1

    settings = ["train.refit=false", "train.optimizer.learning_rate=0.01", "train.early_stopping={metric: log_loss}"]
    runner.train_model(small(*settings, "train.checkpoint=3"), Path("run"), watch=watch)
    times = list(dict.fromkeys(written))
    assert times[0] is None and 3 < len(times) < len(written) / 2


def test_the_checkpoint_interval_does_not_change_the_model(small):
    digests = {
        runner.train_model(small(f"train.checkpoint={value}")).digest for value in ("null", "7", "{every_steps: 1}")
    }
    assert len(digests) == 1


def test_the_duration_of_a_resumed_training_has_that_of_earlier_processes(interrupted):
    saved = checkpoint.load_checkpoint(interrupted)
    assert saved.state["seconds"] > 0
    earlier = saved._replace(state=saved.state | {"seconds": 1e6})
    run = directory.reopen_run(interrupted)
    assert checkpoint.CheckpointWriter(run, saved.config, earlier).total_seconds >= 1e6
    run.close()


def test_temporary_files_of_a_killed_process_are_removed(interrupted):
    (interrupted / ".model.safetensors.1a2b3c4d.sentibp-tmp").write_bytes(b"half")
    (interrupted / ".notes.2024").write_bytes(b"of the user")
    (interrupted / ".notes.txt").write_bytes(b"of the user")
    resume_run(interrupted)
    assert sorted(path.name for path in interrupted.glob(".*")) == [".notes.2024", ".notes.txt"]


@pytest.mark.parametrize("kind", ["training: all that is random, early stopping", "pretraining"])
def test_trainings_killed_at_random_moments_resume(here, monkeypatch, kind):
    """Processes get SIGKILL. `python benchmarks/kills.py` does this 1,000 times, for more kinds of training."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    kills = importlib.import_module("kills")
    command, overrides = next(how for name, how in kills.KINDS.items() if name.startswith(kind))
    overrides = [each for each in overrides if "epochs" not in each] + ["train.epochs=3", "train.batch_size=64"]
    count = kills.killed_often(command, overrides, 3, random.Random(), here)
    assert count.kills == 3
    assert count.ended == count.same >= 1


def test_two_trainings_cannot_share_a_directory(small, complaint):
    """The second gets an error, even if both checked the directory before either wrote."""
    Path("run").mkdir()
    first = directory.create_run(small().config, Path("mine.yaml"), Path("run"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(directory, "_given_directory", lambda out: out)
        text = complaint(ConfigError, directory.create_run, small().config, Path("mine.yaml"), Path("run"))
    assert text == "--out run: already there, and never overwritten; choose a new directory"
    first.close()
