"""Watch a training by its records, with a simulated clock and writer."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from sentibp.config.dump import dump
from sentibp.config.schema import Config
from sentibp.errors import ConfigError, DataError
from sentibp.runs import directory, watch
from sentibp.utils.files import lock_file

SCORES = {"accuracy": 0.75, "log_loss": 0.5}


class Writer:
    """Writes the records of a run: 10 reviews, batches of 5, 2 epochs, 4 steps for each network."""

    def __init__(self, path: Path, **train: object):
        path.mkdir(parents=True)
        self.path = path
        settings = Config.model_validate({"train": {"batch_size": 5, "epochs": 2, **train}})
        (path / "config.yaml").write_text(dump(settings))
        self.file = open(path / "metrics.jsonl", "a", buffering=1)  # noqa: SIM115
        assert lock_file(self.file)
        self.facts()

    def facts(self, outcome: str = "running", **more: object) -> None:
        start = datetime.fromtimestamp(1000).astimezone().isoformat()
        about = {"outcome": outcome, "start": start, "data": {"training": {"reviews": 10}}, **more}
        (self.path / "run.json").write_text(json.dumps(about))

    def step(self, step: int, seed: int = 0, loss: float = 0.5) -> None:
        event = {"event": "step", "seed": seed, "step": step, "epoch": (step + 1) // 2, "loss": loss}
        self.file.write(json.dumps(event | {"learning_rate": 0.1, "gradient_norm": 1.0}) + "\n")

    def round(self, number: int) -> None:
        self.file.write(json.dumps({"event": "round", "seed": 0, "round": number, "rounds": 4, "restored": 0.5}) + "\n")

    def epoch(self, epoch: int, seed: int = 0) -> None:
        event = {"event": "epoch", "seed": seed, "epoch": epoch, "step": 2 * epoch, "loss": 0.5, "scores": SCORES}
        self.file.write(json.dumps(event) + "\n")


@pytest.fixture
def write():
    """`write(path, **train)` starts a run. Its file is closed after the test."""
    writers: list[Writer] = []

    def begin(path: Path, **train: object) -> Writer:
        writers.append(Writer(path, **train))
        return writers[-1]

    yield begin
    for writer in writers:
        writer.file.close()


@pytest.fixture
def follow():
    """Return the reported states. The `acts` happen every ten seconds, from time 1100 on."""

    def run(path: Path, *acts, ahead: float = 0.0) -> list[watch.RunProgress]:
        clock = [1100.0]
        left = list(acts)

        def sleep(seconds: float) -> None:
            assert seconds == 2
            clock[0] += 10
            if left:
                left.pop(0)()

        return list(watch.follow(path, 2, sleep, lambda: clock[0] + ahead, lambda: clock[0]))

    return run


def test_progress_loss_rate_and_time_left(here, follow, write):
    writer = write(here / "run")
    writer.step(1, loss=1.0)

    def two():
        writer.step(2, loss=0.0)
        writer.epoch(1)

    def three():
        writer.step(3)

    def end():
        writer.step(4)
        writer.epoch(2)
        writer.facts("finished", seconds=123.0)

    first, second, third, last = follow(here / "run", two, lambda: None, three, end)
    assert (first.epoch, first.epochs, first.step, first.steps, first.progress) == (1, 2, 1, 4, 0.25)
    assert (first.loss, first.learning_rate, first.scores) == (1.0, 0.1, None)
    assert (first.seconds, first.seconds_left) == (100, 300), "100 seconds for one of four steps"
    assert second.loss == pytest.approx(0.98)
    assert (second.scored_epoch, second.scores) == (1, SCORES)
    assert second.seconds_left == 20, "10 seconds a step since the first state"
    assert third.step == 3, "a state is reported only if it changes"
    assert (last.outcome, last.step, last.progress, last.seconds, last.seconds_left) == ("finished", 4, 1.0, 123, 0)


def test_a_clock_that_was_set_does_not_change_the_time_left(here, follow, write):
    writer = write(here / "run")
    writer.step(1)

    def end():
        writer.facts("finished", seconds=123.0)

    first, second, last = follow(here / "run", lambda: writer.step(2), end, ahead=1e10)
    assert first.seconds_left is None, "no estimate of three hundred years"
    assert (second.seconds_left, last.seconds) == (20, 123)


def test_the_pauses_of_a_resumed_training_do_not_count(here, follow, write):
    writer = write(here / "run")
    writer.facts(resumed=[{"start": "2026-01-01T00:00:00+00:00", "step": 1, "settings": {}}])
    writer.step(1)

    def end():
        writer.facts("finished", seconds=123.0)

    first, second, _ = follow(here / "run", lambda: writer.step(2), end)
    assert (first.seconds_left, second.seconds_left) == (None, 20)


def test_several_networks_are_one_training(here, follow, write):
    writer = write(here / "run", members=2)
    for seed in (0, 1):
        for step in (1, 2, 3, 4):
            writer.step(step, seed)
    writer.facts("interrupted", end=datetime.fromtimestamp(1050).astimezone().isoformat())
    (state,) = follow(here / "run")
    assert (state.step, state.steps, state.outcome, state.seconds) == (8, 8, "interrupted", 50)


def test_a_final_training_is_as_long_as_the_best_epoch_and_ends_whole(here, follow, write):
    """The validated training stops after one of two epochs; the final one has 15 reviews, and one epoch of 3 steps."""
    writer = write(here / "run", refit="auto", early_stopping=1)
    data = {"training": {"reviews": 10}, "validation": {"reviews": 5}}
    writer.facts(data=data)
    writer.step(1)
    writer.step(2)
    writer.epoch(1)

    def again():
        writer.file.write(json.dumps({"event": "refit_start", "seed": 0, "epochs": 1, "steps": 3}) + "\n")

    def end():
        writer.file.write(json.dumps({"event": "refit", "seed": 0, "epoch": 1, "step": 3, "loss": 0.5}) + "\n")
        saved = {"scores": SCORES | {"accuracy": 0.8}, "scored_on": "validation", "kept": {"seed": 0, "epoch": 1}}
        writer.facts("finished", seconds=123.0, data=data, refit={"reviews": 15}, parameters=7, **saved)

    first, second, last = follow(here / "run", again, end)
    assert (first.is_refit, first.step, first.steps, first.saved) == (False, 2, 4, None)
    assert (second.is_refit, second.epoch, second.epochs, second.step, second.steps) == (True, 0, 1, 2, 5)
    assert (last.is_refit, last.epoch, last.epochs, last.step, last.steps) == (True, 1, 1, 5, 5)
    assert last.scores == SCORES and last.then == "calibration"
    assert last.saved is not None
    assert last.saved.what == "the network after epoch 1 of 2, calibrated on the validation reviews"
    assert (last.saved.scores["accuracy"], last.saved.parameters, last.saved.refit) == (0.8, 7, {"reviews": 15})


def test_scores_name_their_network(here, follow, write):
    """The last score is that of the first network while the second one is trained."""
    writer = write(here / "run", members=2)
    writer.step(1, 0)
    writer.epoch(1, 0)
    writer.step(1, 1)
    writer.facts("interrupted", seconds=1.0)
    (state,) = follow(here / "run")
    assert (state.network, state.networks, state.scored_network, state.scored_epoch) == (2, 2, 1, 1)


@pytest.mark.parametrize(("refit", "steps"), [(True, 20), ("auto", 8)])
def test_watching_a_refit(here, follow, write, refit, steps):
    """The refit has 15 reviews and 3 steps an epoch. With `auto` it is known only after its first epoch."""
    writer = write(here / "run", members=2, refit=refit)
    writer.facts(data={"training": {"reviews": 10}, "validation": {"reviews": 5}})
    for seed in (0, 1):
        for step in (1, 2, 3, 4):
            writer.step(step, seed)

    def again():
        for seed, step in (0, 3), (0, 6), (1, 3):
            writer.file.write(
                json.dumps({"event": "refit", "seed": seed, "epoch": step // 3, "step": step, "loss": 0.5}) + "\n"
            )

    def end():
        writer.facts("finished", seconds=123.0, data={"training": {"reviews": 10}, "validation": {"reviews": 5}})

    first, second, last = follow(here / "run", again, end)
    assert (first.step, first.steps) == (8, steps)
    assert (second.step, second.steps, last.step, last.steps) == (17, 20, 17, 17)


def test_the_rounds_of_a_pretraining(here, follow, write):
    writer = write(here / "run")
    writer.facts(kind="pretraining")
    writer.round(1)

    def end():
        writer.round(4)
        writer.facts("finished", kind="pretraining", seconds=123.0)

    first, second, last = follow(here / "run", lambda: writer.round(2), end)
    assert (first.round, first.rounds, first.step, first.steps, first.progress) == (1, 4, 0, 0, 0.25)
    assert first.seconds_left == 300, "100 seconds for one of four rounds"
    assert second.seconds_left == 20
    assert (last.outcome, last.round, last.progress) == ("finished", 4, 1.0)


def test_the_rounds_before_a_training(here, follow, write):
    writer = write(here / "run")
    writer.round(1)
    writer.facts("interrupted")
    (state,) = follow(here / "run")
    assert (state.round, state.step, state.steps, state.progress) == (1, 0, 4, 0.0)


def test_a_process_that_ended_is_reported(here, follow, write):
    writer = write(here / "run")
    writer.step(1)
    assert directory.is_being_written(here / "run")
    writer.file.close()
    assert not directory.is_being_written(here / "run")
    assert [state.outcome for state in follow(here / "run")] == ["running", "killed"]


def test_incomplete_lines_and_removed_records(here, follow, write):
    writer = write(here / "run")
    writer.step(1)
    writer.step(2)
    writer.file.write('{"event": "st')

    def resumed():
        writer.file.truncate(0)
        writer.step(1, loss=0.25)

    states = follow(here / "run", resumed, lambda: writer.facts("diverged", end=None))
    assert [state.step for state in states] == [2, 1, 1]
    assert states[1].loss == 0.25


def test_watch_chooses_the_newest_run_in_training(here, write):
    with pytest.raises(ConfigError, match="no run in runs/"):
        watch.newest_started()
    older, newer = write(here / "runs/a"), write(here / "runs/b")
    assert watch.newest_started() == Path("runs/b")
    newer.facts("finished")
    assert watch.newest_started() == Path("runs/a")
    older.facts("finished")
    assert watch.newest_started() == Path("runs/b")


def test_watching_what_is_not_a_run_or_damaged(here, complaint, write):
    writer = write(here / "run")
    writer.file.write("{]\n")
    assert "metrics.jsonl:1: damaged" in complaint(DataError, list, watch.follow(here / "run", 1))
    step = {"event": "step", "seed": 0, "loss": 0.5, "step": None, "epoch": 1, "learning_rate": 0}
    (here / "run/metrics.jsonl").write_text(json.dumps(step) + "\n")
    assert "metrics.jsonl:1: damaged" in complaint(DataError, list, watch.follow(here / "run", 1))
    (here / "run/run.json").write_text("{}")
    assert "run.json: damaged" in complaint(DataError, list, watch.follow(here / "run", 1))
    assert "give a run directory" in complaint(DataError, list, watch.follow(here, 1))


@pytest.mark.parametrize(("sync", "steps"), [("average", 3), ("sync", 2)])
def test_a_training_on_shards_has_the_steps_of_a_shard(here, follow, write, sync, steps):
    """Ten reviews in two shards, in batches of two: three steps each; two rounds of two steps with `sync`."""
    writer = write(here / "run", batch_size=2, shards=2, sync=sync, shard_steps=2)
    writer.facts("interrupted", seconds=1.0)
    (state,) = follow(here / "run")
    assert state.steps == 2 * steps
