"""Watch a sweep from its folder while another command runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from command import invoke

from sentibp.inspection.sweep import SweepState, _Reader, follow_sweep
from sentibp.training import sweep_folder
from sentibp.training.sweep import Options, Sweep, TrialEnded, TrialStarted, plan_sweep
from sentibp.training.sweep_folder import Plan, SweepFolder
from sentibp.training.trial_pool import SerialPool

SMALL = {"text": {"ngrams": 1}, "model": {"embedding": {"dim": 2, "init": "normal"}, "hidden": []}}


@pytest.fixture
def sweep(here: Path, write_config: Callable) -> Callable[..., list[SweepState]]:
    """Run a sweep of four trials, or some of them, and return what somebody sees who looks after each event."""

    def run(out: str, trials: int = 4) -> list[SweepState]:
        Path("space.yaml").write_text("train.optimizer.learning_rate: [0.003, 0.01]\nmodel.hidden: [[], [2]]\n")
        config = write_config(**SMALL, data={"source": "sample"}, train={"epochs": 1})
        plan, _ = plan_sweep(config, Path("space.yaml"), Options(sampler="grid", prune=False))
        states = []
        with SweepFolder(Path(out)) as folder:
            folder.open(plan)
            watching = follow_sweep(Path(out), 0, sleep=lambda seconds: None)
            ended = 0
            for event in Sweep(plan, folder, SerialPool()):
                if isinstance(event, TrialEnded | TrialStarted) and not states:
                    states.append(next(watching))
                if isinstance(event, TrialEnded):
                    states.append(next(watching))
                    ended += 1
                if ended == trials:
                    break
        return [*states, *watching]

    return run


def test_it_ends_with_the_sweep(sweep: Callable[..., list[SweepState]]) -> None:
    states = sweep("all")
    assert [state.ended for state in states] == [0, 1, 2, 3, 4, 4]
    assert [state.outcome for state in states] == ["running"] * 5 + ["finished"]
    assert states[-1].progress == 1.0
    assert states[-1].best is not None and states[1].value is not None
    assert invoke("runs", "watch", "all", "--json").json["ended"] == 4
    assert invoke("runs", "watch", "all").out.splitlines()[1].endswith(", finished")


def test_a_sweep_that_nobody_runs_is_interrupted(sweep: Callable[..., list[SweepState]]) -> None:
    states = sweep("some", trials=2)
    assert (states[-1].ended, states[-1].outcome) == (2, "interrupted")
    again = follow_sweep(Path("some"), 0, sleep=lambda seconds: None)
    assert [state.outcome for state in again] == ["running", "interrupted"], "it may be about to begin"
    assert invoke("runs", "watch", "some", code=130).out.startswith("some\n2 of 4 trials, 50%, best trial ")


def test_a_trial_on_folds_has_done_those_before_the_one_that_runs(here: Path) -> None:
    for number in range(3):
        Path(f"found/trials/7/fold-{number}").mkdir(parents=True)
    reader, plan = _Reader(Path("found")), cast(Plan, SimpleNamespace(folds=4))
    assert [reader._share(number, plan) for number in (7, 8)] == [2 / 4, 0]


def test_the_directory_of_the_attempt_that_ended_becomes_that_of_the_trial(here: Path) -> None:
    trial = Path("found/trials/3")
    trial.parent.mkdir(parents=True)
    first, last = (sweep_folder.begin_attempt(trial) for _ in range(2))
    assert sweep_folder.attempts(trial) == [first, last]
    (last / "config.yaml").touch()
    sweep_folder.keep_attempt(last, trial)
    assert [path.name for path in Path("found/trials").rglob("*")] == ["3", "config.yaml"]


def test_without_a_name_a_sweep_that_runs_is_watched(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no run in runs/" in invoke("runs", "watch", code=2).err
    monkeypatch.setattr(sweep_folder, "is_being_run", lambda path: True)
    Path("sweeps/one").mkdir(parents=True)
    Path("sweeps/one/sweep.json").write_text("{}")
    assert sweep_folder.running_sweep() == Path("sweeps/one")
