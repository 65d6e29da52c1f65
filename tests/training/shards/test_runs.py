"""Runs that train on shards: results, interruptions, checkpoints, and what else a run does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from elsewhere import Elsewhere, Sent
from runner import reproduce, resume, train_model

from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.runs import directory
from sentibp.training.events import Epoch, NetworkStarted, Step
from sentibp.training.shards import loop
from sentibp.utils.executor import ClusterLost, WorkerDied

SMALL = {
    "text": {"ngrams": 1},
    "model": {"embedding": {"dim": 8, "init": "naive_bayes"}, "hidden": [4]},
    "train": {
        "epochs": 3,
        "batch_size": 16,
        "shards": 4,
        "shard_steps": 2,
        "refit": False,
        "checkpoint": {"every_steps": 2},
    },
}  # 288 reviews: five steps of each shard in an epoch, in three rounds
RESULTS = ("model.safetensors", "metrics.jsonl", "validation.parquet", "config.yaml")


class Killed(BaseException):
    """Simulates a killed process: nothing more is written to the run directory."""


@pytest.fixture
def small(write_config):
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


def content(run: Path) -> dict[str, str]:
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in RESULTS}


def kill_at(n: int, error: type[BaseException] = Killed):
    seen: list[object] = []

    def watch(event):
        if isinstance(event, Step | Epoch):
            seen.append(event)
            if len(seen) == n:
                raise error

    return watch


def steps_into(steps: list[int]):
    return lambda event: steps.append(event.step) if isinstance(event, Step) else None


@pytest.mark.parametrize("setting", ["train.sync=average", "train.sync=sync", "train.members=2", "train.refit=true"])
def test_the_same_run_wherever_the_tasks_run(small, here, setting):
    one, other = Path("one"), Path("other")
    assert train_model(small(setting), one).outcome == "finished"
    executor = Elsewhere()
    assert train_model(small(setting), other, executor=executor).outcome == "finished"
    assert content(one) == content(other)
    assert "merge" in executor.tasks
    assert not [path for path in (*one.iterdir(), *other.iterdir()) if path.name.startswith(("shards", "checkpoint"))]


@pytest.mark.parametrize(("sync", "n"), [("average", 1), ("average", 3), ("average", 8), ("sync", 7)])
def test_a_killed_run_resumes_with_the_same_bits(small, here, monkeypatch, n, sync):
    """After the n-th event it is killed. A checkpoint is written after every second round."""
    resolved = small(f"train.sync={sync}")
    train_model(resolved, Path("whole"))
    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    with pytest.raises(Killed):
        train_model(resolved, Path("killed"), watch=kill_at(n), executor=Elsewhere())
    (Path("killed") / "shards").mkdir(exist_ok=True)  # a killed process leaves files
    (Path("killed") / "shards" / "shard-0000.ids.npy").write_bytes(b"half")
    assert resume(Path("killed"), resolved, executor=Elsewhere()).outcome == "finished"
    assert content(Path("whole")) == content(Path("killed"))


def test_an_interrupted_run_keeps_the_state_of_its_last_round(small, here):
    resolved = small("train.checkpoint.every_steps=1000")
    whole = train_model(resolved, Path("whole"))
    left = train_model(resolved, Path("left"), watch=kill_at(3, KeyboardInterrupt), executor=Elsewhere())
    assert left.outcome == "interrupted"
    steps: list[int] = []
    again = resume(Path("left"), resolved, watch=steps_into(steps))
    assert (again.digest, steps[0]) == (whole.digest, 7)  # the round after step 5


class Dying(Elsewhere):
    """A cluster in which, after n rounds, each worker that trains the third shard dies; or the scheduler does."""

    def __init__(self, n: int, error: type[DataError]):
        super().__init__()
        self.n, self.error = n, error

    def submit(self, function, *args, name: str = ""):
        sent = super().submit(function, *args, name=name)
        if self.tasks.count("average_round") >= self.n and name == "shard 3 of 4":
            sent.error = self.error(f"{name}: given up")
        return sent

    def result(self, future: Sent):
        if self.error is ClusterLost and self.tasks.count("average_round") > self.n:
            raise ClusterLost("the connection to the scheduler is lost")
        return super().result(future)


def test_a_shard_that_is_given_up_is_named_and_a_checkpoint_is_kept(small, here):
    resolved = small("train.checkpoint.every_steps=1000")
    whole = train_model(resolved, Path("whole"))
    with pytest.raises(WorkerDied) as raised:
        train_model(resolved, Path("run"), executor=Dying(1, WorkerDied))
    assert raised.value.lines == ("shard 3 of 4: given up", "to resume: sentibp train --resume run")
    assert (Path("run") / "checkpoint.safetensors").exists()
    assert json.loads((Path("run") / "run.json").read_text())["outcome"] == "failed"
    steps: list[int] = []
    again = resume(Path("run"), resolved, watch=steps_into(steps))
    assert (again.digest, steps[0]) == (whole.digest, 4)  # the round before it was not done again


def test_without_its_scheduler_a_run_has_its_last_checkpoint(small, here):
    resolved = small()
    whole = train_model(resolved, Path("whole"))
    with pytest.raises(ClusterLost, match="to resume: sentibp train --resume run"):
        train_model(resolved, Path("run"), executor=Dying(3, ClusterLost))
    assert resume(Path("run"), resolved).digest == whole.digest


def test_a_full_disk_ends_the_run_with_the_line_to_resume(small, here, monkeypatch):
    resolved = small()
    whole = train_model(resolved, Path("whole"))
    saves = []

    def save(path, state):
        saves.append(path)
        if len(saves) == 3:
            raise OSError(28, "No space left on device")
        return real(path, state)

    real = loop.save_state
    monkeypatch.setattr(loop, "save_state", save)
    with pytest.raises((DataError, OSError), match="No space left"):
        train_model(resolved, Path("run"))
    assert not (Path("run") / "shards").exists()
    assert resume(Path("run"), resolved).digest == whole.digest


def test_the_state_is_written_every_few_rounds(small, here, monkeypatch):
    """So no worker that is lost costs more rounds than these."""
    monkeypatch.setattr(loop, "ROUNDS", 2)
    executor = Elsewhere()
    train_model(small("train.checkpoint=null"), Path("run"), executor=executor)
    assert executor.tasks.count("average_round") == 9
    assert executor.tasks.count("load_state") == 6  # at the start, and after two rounds and the end of each epoch
    monkeypatch.setattr(loop, "ROUNDS", 100)
    train_model(small("train.checkpoint=null"), Path("other"), executor=executor)
    assert content(Path("run")) == content(Path("other"))


def test_a_run_on_shards_is_reproduced(small, here):
    train_model(small(), Path("run"), executor=Elsewhere())
    comparison = reproduce(Path("run"))
    assert comparison.same
    assert comparison.steps == 9


def test_progress_is_counted_in_steps(small, here):
    events: list[object] = []
    train_model(small(), Path("run"), watch=events.append)
    (started,) = [event for event in events if isinstance(event, NetworkStarted)]
    assert started.steps == 15
    assert [event.step for event in events if isinstance(event, Step)][-1] == 15


def test_blame_says_how_to_have_an_influence_log(small, here):
    from sentibp.runs.influence_log import load_influence_log

    train_model(small(), Path("run"))
    with pytest.raises(DataError, match=r"--set train\.shards=1") as raised:
        load_influence_log(Path("run"))
    options = str(raised.value).partition("--set ")[2].rstrip("`").split(" --set ")
    assert load_config("run/config.yaml", options).config.train.shards == 1


def test_more_shards_than_reviews_are_refused(small, here):
    with pytest.raises(ConfigError, match=r"300 shards of 288 reviews; write --set train.shards=144"):
        train_model(small("train.shards=300"), Path("run"))
    assert not Path("run").exists()


def test_one_shard_is_the_usual_training(write_config, here):
    """Neither its model file nor its config say anything of shards."""
    sections = SMALL | {"train": {"epochs": 1}}
    run = train_model(write_config("one.yaml", ["train.shards=1"], **sections), Path("run"))
    assert "shard" not in (Path("run") / "config.yaml").read_text()
    assert b"shard" not in run.model.read_bytes()
    np.testing.assert_equal(train_model(write_config("two.yaml", [], **sections), Path("two")).digest, run.digest)


def test_few_steps_of_a_shard_are_noted_with_the_repair(small, here):
    run = train_model(small("train.epochs=2"), Path("run"))
    assert run.notes[0] == (
        "train.shards: 5 steps of each shard in an epoch, where one process has 18; for as many in each, write "
        "--set train.batch_size=4"
    )
    assert not train_model(small("train.epochs=2", "train.sync=sync"), Path("sync")).notes
    assert not train_model(small("train.epochs=2", "train.batch_size=2"), Path("many")).notes
