"""A sweep on a cluster finds what it finds in this process; a worker that is killed costs its trial only."""

from __future__ import annotations

import errno
import itertools
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cluster_functions as functions
import numpy as np
import pytest
from command import invoke

from sentibp.distributed import sweep as distributed_sweep
from sentibp.distributed.check import look
from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.sweep import ClusterPool
from sentibp.errors import SentibpError
from sentibp.inspection.sweep import load_sweep
from sentibp.runs.directory import load_run_info
from sentibp.training.sweep import Options, Result, Sweep, TrialEnded, plan_sweep
from sentibp.training.sweep_folder import SweepFolder
from sentibp.training.trial import FAILED, FINISHED, InputsLost
from sentibp.training.trial_pool import Pool, SerialPool
from sentibp.utils.executor import NotVisible, WorkerDied
from sentibp.utils.files import WriteError

SPACE = "train.epochs: [1, 2]\nmodel.hidden: [[], [2]]\n"


@pytest.fixture
def reviews(here: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(60):
        mood = ("bad", "good")[number % 2]
        words = rng.choice(["film", "plot", "song", "town", "day"], 3).tolist()
        lines.append(json.dumps({"text": f"{mood} {' '.join(words)} {number}", "label": number % 2}))
    path = here / "reviews.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def sweep(write_config: Callable, reviews: Path) -> Callable[..., Result]:
    def run(pool: Callable[[Path], Pool], out: str) -> Result:
        small = {"text": {"ngrams": 1}, "model": {"embedding": {"dim": 2, "init": "normal"}, "hidden": []}}
        config = write_config(**small, data={"source": str(reviews), "validation": 0.3}, train={"epochs": 2})
        Path("space.yaml").write_text(SPACE)
        plan, _ = plan_sweep(config, Path("space.yaml"), Options(sampler="grid", prune=False))
        with SweepFolder(Path(out)) as folder:
            folder.open(plan)
            found = Sweep(plan, folder, pool(folder.path))
            assert len([event for event in found if isinstance(event, TrialEnded)]) == 4
            return found.finish()

    return run


def records(result: Result) -> dict:
    """All of each trial that must not depend on when and where it ran."""
    return {
        record.number: (record._replace(seconds=0), settings) for record, settings in load_sweep(result.folder).trials
    }


def test_workers_give_the_same_records_and_the_same_model(sweep: Callable[..., Result], local: DaskExecutor) -> None:
    here = sweep(lambda path: SerialPool(), "here")
    there = sweep(lambda path: ClusterPool(local, path), "there")
    assert records(here) == records(there)
    assert {record.state for record, _ in records(there).values()} == {FINISHED}
    assert (here.run / "model.safetensors").read_bytes() == (there.run / "model.safetensors").read_bytes()
    assert here.settings == there.settings


def test_notes_of_trials_name_files_as_the_command_does(
    sweep: Callable[..., Result], local: DaskExecutor, reviews: Path
) -> None:
    """A worker is in another folder than the command, whose user reads its messages."""
    with reviews.open("a") as file:
        file.write('{"text": "", "label": 0}\n')
    results = [sweep(lambda path: SerialPool(), "here"), sweep(lambda path: ClusterPool(local, path), "there")]
    notes = [load_run_info(result.run)["notes"] for result in results]
    assert notes[0][0].startswith("reviews.jsonl: 1 of 61 texts is empty")
    assert notes[0] == notes[1]


@pytest.mark.usefixtures("two_deaths")
def test_a_trial_whose_worker_is_killed_or_leaves_runs_again(
    sweep: Callable[..., Result], local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask counts a death against all trials that the worker had, and gives up one that did not run at the second."""
    here = records(sweep(lambda path: SerialPool(), "here"))
    monkeypatch.setattr(distributed_sweep, "run_task", functions.run_or_die)
    for out, again in ("once", 1), ("beside", 2), ("left", 1):
        found = sweep(lambda path: ClusterPool(local, path), out)
        assert (found.folder / "deaths").stat().st_size == again + 1
        assert not list((found.folder / "trials").glob(".*"))
        assert not (found.folder / "trials" / "1" / "rest").exists()
        assert records(found) == here


@pytest.mark.usefixtures("two_deaths")
def test_a_trial_that_kills_every_worker_has_failed_and_the_rest_goes_on(
    sweep: Callable[..., Result], local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed_sweep, "run_task", functions.run_or_die)
    done = sweep(lambda path: ClusterPool(local, path), "often")
    found = records(done)
    assert (done.folder / "deaths").stat().st_size >= 2  # more if one was counted against it while it waited
    assert found.pop(1)[0].state == FAILED
    assert "trial 1: given up: 2 workers that ran it died" in load_sweep(done.folder).trials[1][0].message
    rest = [record for record, _ in found.values()]
    assert {record.state for record in rest} == {FINISHED}, [record.message for record in rest]


def test_workers_that_die_before_they_begin_end_the_sweep_and_not_the_trial(local: DaskExecutor, here: Path) -> None:
    pool = ClusterPool(local, here)
    task, error = functions.TrialTask(3, {}, str(here / "trials" / "3"), "accuracy"), WorkerDied("trial 3: given up")
    error.deaths, pool.accused[3] = 4, 3
    with pytest.raises(WorkerDied, match=r"^trial 3: 16 workers that were to run it died, and 0 had begun; see in"):
        pool._submit_again(task, error, 0)


def test_a_worker_that_does_not_know_that_nobody_waits_for_its_trial_changes_nothing(
    sweep: Callable[..., Result], local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was cut off from the scheduler, or is in the midst of a step when its command ends."""
    waits, goes_on, errors = threading.Event(), threading.Event(), []
    asked = itertools.count()

    def knows_nothing() -> bool:
        if next(asked) == 2:  # it is in the midst of the training
            waits.set()
            assert goes_on.wait(60)
        return False

    class Pool(ClusterPool):
        def submit(self, task: functions.TrialTask) -> None:
            super().submit(task)
            if not waits.is_set():
                about = self.folder / "sweep.json"
                arguments = task, str(about), about.read_text(), {}, False
                thread.append(threading.Thread(target=cut_off, args=arguments))
                thread[0].start()
                assert waits.wait(60)

    def cut_off(*arguments: Any) -> None:
        try:
            distributed_sweep.run_task(*arguments)
        except SentibpError as error:
            errors.append(error)

    thread: list[threading.Thread] = []
    monkeypatch.setattr(distributed_sweep, "is_given_up", knows_nothing)
    found = sweep(lambda path: Pool(local, path), "there")
    before = {path: path.read_bytes() for path in found.folder.rglob("*") if path.is_file()}
    goes_on.set()
    thread[0].join()
    assert isinstance(errors[0], WriteError)
    assert {path: path.read_bytes() for path in found.folder.rglob("*") if path.is_file()} == before


def test_a_full_disk_on_a_worker_ends_the_sweep(
    sweep: Callable[..., Result], local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed_sweep, "run_task", functions.full_disk)
    with pytest.raises(WriteError, match=os.strerror(errno.ENOSPC)):
        sweep(lambda path: ClusterPool(local, path), "full")


def test_reviews_that_a_worker_cannot_read_end_the_sweep_and_no_trial_fails(
    sweep: Callable[..., Result], local: DaskExecutor, reviews: Path
) -> None:
    content = reviews.read_bytes()

    def lost(path: Path) -> Pool:
        reviews.unlink()
        return ClusterPool(local, path)

    with pytest.raises(InputsLost, match=r"^worker .* on .*: .*reviews\.jsonl: no such file"):
        sweep(lost, "there")
    assert load_sweep(Path("there")).trials == []
    reviews.write_bytes(content)
    there = sweep(lambda path: ClusterPool(local, path), "there")
    assert records(there) == records(sweep(lambda path: SerialPool(), "here"))


def test_a_worker_that_sees_another_folder_trains_nothing(here: Path) -> None:
    (here / "sweep").mkdir()
    about = here / "sweep" / "sweep.json"
    task = functions.TrialTask(0, {}, str(here / "sweep" / "trials" / "0"), "accuracy")
    with pytest.raises(NotVisible, match="does not see the folder of the sweep"):
        distributed_sweep.run_task(task, str(about), "{}", {}, False)
    about.write_text("{}")
    with pytest.raises(NotVisible, match=r"^/no/reviews: .* does not see the data; all workers need it"):
        distributed_sweep.run_task(task, str(about), "{}", {"/no/reviews": None}, False)


def test_a_worker_with_another_file_of_the_same_name_trains_nothing(here: Path, reviews: Path) -> None:
    """As of a copy on the disk of the worker: its trials would be scored on other reviews."""
    about = here / "sweep.json"
    about.write_text("{}")
    task = functions.TrialTask(0, {}, str(here / "trial"), "accuracy")
    seen = {str(reviews): distributed_sweep._seen(str(reviews)), str(here): distributed_sweep._seen(str(here))}
    reviews.write_text(reviews.read_text().replace("bad", "odd"))
    with pytest.raises(NotVisible, match=r"^/.*reviews\.jsonl: .* does not see the same data \(the file"):
        distributed_sweep.run_task(task, str(about), "{}", seen, False)


@pytest.fixture
def unreadable() -> Iterator[Path]:
    """A file that this process, for root another user, may see and not read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "reviews.csv"
        path.write_text("text,label\n")
        (Path(folder) / "sweep.json").write_text("{}")
        path.chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            yield path
        finally:
            if is_root:
                os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="there are other permissions")
def test_a_worker_that_may_not_read_a_file_says_so(unreadable: Path) -> None:
    """It said that its file was another, or told the user of the command to make the file readable."""
    about = unreadable.with_name("sweep.json")
    task = functions.TrialTask(0, {}, str(unreadable.with_name("trial")), "accuracy")
    reason = rf"^{unreadable}: .* may not read the data; make it readable for the user who runs that process$"
    with pytest.raises(NotVisible, match=reason):
        distributed_sweep.run_task(task, str(about), "{}", {str(unreadable): (11, "digest")}, False)
    assert look(str(unreadable), None) == (None, "permission denied", True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--jobs", "2", "--cluster", "local:2"], "leave out --jobs, or --cluster"),
        (["--cluster", "local"], "write local:2"),
    ],
)
def test_options_that_do_not_fit_are_refused(here: Path, arguments: list[str], complaint: str) -> None:
    assert complaint in invoke("sweep", "quickstart", "space.yaml", *arguments, code=2).err
