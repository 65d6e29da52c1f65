"""A sweep: its trials, its best model, and that it goes on where it was interrupted. With the real Optuna."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
import pytest
import runner
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp import metrics
from sentibp.config import paths
from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.config.space_file import load_space
from sentibp.data import lexicon
from sentibp.data.dataset import load_folds
from sentibp.errors import ConfigError, DataError, SentibpError
from sentibp.inspection.sweep import load_sweep
from sentibp.runs import directory
from sentibp.training import sweep as sweep_module
from sentibp.training import trial, trial_pool
from sentibp.training.events import Epoch, NetworkStarted
from sentibp.training.sweep import (
    Options,
    Result,
    Sweep,
    TrialEnded,
    TrialStarted,
    default_folder,
    estimate,
    plan_sweep,
)
from sentibp.training.sweep_folder import SweepFolder, load_plan
from sentibp.training.sweep_study import Study, best_of
from sentibp.training.trial import InputsLost, TrialRecord, TrialTask, is_hopeless, run_trial
from sentibp.utils.files import WriteError
from sentibp.utils.paths import shown

SPACE = """\
train.optimizer.learning_rate: {log: [0.001, 1]}
train.epochs: {int: [1, 2]}
model.hidden: [[], [2]]
"""
SMALL = {"text": {"ngrams": 1}, "model": {"embedding": {"dim": 2, "init": "normal"}, "hidden": []}}


@pytest.fixture
def reviews(here) -> Path:
    """A file of reviews with something to learn, and noise."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(60):
        mood = ("bad", "good")[(i % 2) ^ int(rng.random() < 0.2)]
        words = rng.choice(["film", "plot", "song", "town", "day"], 3).tolist()
        lines.append(json.dumps({"text": f"{mood} {' '.join(words)} {i}", "label": i % 2, "film": i // 4}))
    path = here / "reviews.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass
class Done:
    """What a sweep did."""

    result: Result
    events: list
    folder: Path

    @property
    def records(self) -> list[TrialRecord]:
        return [event.record for event in self.events if isinstance(event, TrialEnded)]

    def told(self) -> list[tuple]:
        """Return all of each trial that must not depend on when and where it ran."""
        found = load_sweep(self.folder)
        return [(record._replace(seconds=0), settings) for record, settings in found.trials]


@pytest.fixture
def sweep(write_config, reviews):
    """`sweep(space, trials=5, stop_after=3, folds=2, jobs=2, out="a", seen=print, data={...})` runs a sweep.

    `seen` is called with each event.
    """

    def run(
        space: str = SPACE,
        *,
        out: str = "sweep",
        jobs: int = 1,
        stop_after: int | None = None,
        seen: Callable[[object], object] = lambda event: None,
        trials=4,
        **options,
    ) -> Done:
        names = ("data", "text", "model", "train", "pretrain")
        sections = {name: options.pop(name) for name in names if name in options}
        data = {"source": str(reviews), "validation": 0.3, **sections.pop("data", {})}
        resolved = write_config(**{**SMALL, "data": data, "train": {"epochs": 2}, **sections})
        Path("space.yaml").write_text(space)
        plan, _ = plan_sweep(resolved, Path("space.yaml"), Options(trials, **options))
        events = []
        ended = 0

        def stop() -> str:
            return "interrupted" if stop_after is not None and ended >= stop_after else ""

        pool = trial_pool.SerialPool(stop) if jobs == 1 else trial_pool.ProcessPool(jobs)
        with SweepFolder(Path(out)) as folder:
            folder.open(plan)
            found = Sweep(plan, folder, pool, stop)
            for event in found:
                events.append(event)
                seen(event)
                ended += isinstance(event, TrialEnded)
            return Done(found.finish(), events, folder.path)

    return run


def test_the_winner_is_a_run_like_any_other(sweep):
    done = sweep(trials=5)
    best = done.result.best
    assert [event.number for event in done.events if isinstance(event, TrialStarted)] == [0, 1, 2, 3, 4]
    assert best == max(done.records, key=lambda record: (record.value, -record.number))
    assert done.result.outcome == "finished"
    outcome = runner.train_model(load_config(done.result.config), Path("again"))
    model = outcome.run / ("validated.safetensors" if outcome.refit else "model.safetensors")
    assert model.read_bytes() == (done.result.run / "model.safetensors").read_bytes()
    assert outcome.scores["accuracy"] == best.value
    settings = load_config(done.result.config).config
    assert settings.train.optimizer.learning_rate == done.result.settings["train.optimizer.learning_rate"]
    assert settings.model.hidden == done.result.settings["model.hidden"]


def test_only_the_best_trial_keeps_its_model(sweep):
    done = sweep(trials=5)
    for record in done.records:
        files = {path.name for path in (done.folder / "trials" / str(record.number)).iterdir()}
        assert {"config.yaml", "run.json", "metrics.jsonl"} <= files
        assert ("model.safetensors" in files) == (record == done.result.best)
    shutil.copytree(done.folder / "trials" / "0", done.folder / "trials" / ".7-0001-ab12")  # a worker's attempt
    assert len(directory.list_runs(done.folder / "trials")) == 5, "`sentibp runs list` shows them"


def test_the_same_seed_gives_the_same_trials(sweep):
    done = sweep(out="a")
    assert sweep(out="b").told() == done.told()
    assert sweep(out="c", seed=1).told() != done.told()


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_the_seed_decides_what_each_sampler_tries(here, sampler):
    Path("space.yaml").write_text("train.epochs: [1, 2, 3, 4]\nmodel.hidden: [[], [2], [4]]\n")
    space = load_space(Path("space.yaml"), {}, grid=sampler == "grid")

    def asked(name: str, seed: int) -> list:
        study = Study(Path(name), space, sampler, seed, "accuracy")
        return [study.ask().values for _ in range(12)]

    first = asked("a", 0)
    assert asked("b", 0) == first
    assert asked("c", 1) != first
    assert sampler != "grid" or len(set(map(str, first))) == 12, "each point once"


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_an_interrupted_sweep_proposes_what_it_would_have_proposed(sweep, sampler, monkeypatch):
    from sentibp.training import sweep_study

    monkeypatch.setattr(sweep_study, "_STARTUP", 2)  # so that the estimator is used
    space = SPACE.replace("{log: [0.001, 1]}", "[0.01, 0.1]")
    whole = sweep(space, out="whole", sampler=sampler, trials=5)
    for count in 1, 1, 2:
        part = sweep(space, out="part", sampler=sampler, trials=5, stop_after=count)
        assert part.result.outcome == "interrupted"
        assert (part.result.run / "model.safetensors").is_file(), "also if it is of an earlier part"
    part = sweep(space, out="part", sampler=sampler, trials=5)
    assert part.result.outcome == "finished"
    assert part.told() == whole.told()
    assert (part.folder / "best.yaml").read_text().partition("\n")[2] == (
        (whole.folder / "best.yaml").read_text().partition("\n")[2]
    )


def test_a_trial_that_was_running_is_run_again(sweep, monkeypatch):
    whole = sweep(out="whole")
    carried_out = trial.Training.finish

    def killed(self):
        if "2" in self.run.path.parts:
            raise KeyboardInterrupt
        return carried_out(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trial.Training, "finish", killed)
        sweep(out="part")
    assert load_sweep(Path("part")).running == [2]
    with open("part/journal.log", "ab") as journal:
        journal.write(b'{"op_code": 4, "worker')  # the process was killed while it wrote
    part = sweep(out="part")
    assert [event.number for event in part.events if isinstance(event, TrialStarted)] == [2, 3]
    assert part.told() == whole.told()


def test_a_trial_that_runs_again_with_the_settings_of_one_that_has_ended_since_leaves_that_its_model(sweep):
    """Two ran at the same time with the same settings, the second one ended, and then the sweep was interrupted."""
    options = {"space": "train.epochs: [1, 2]", "sampler": "random", "seed": 6, "trials": 2, "jobs": 2}

    class Two:
        """Has begun with two trials when the command is killed."""

        def __init__(self, jobs):
            self.tasks: list[TrialTask] = []

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def has_room(self):
            return len(self.tasks) < 2

        def submit(self, task):
            self.tasks.append(task)

        def wait(self):
            return [run_trial(self.tasks[1])]

    def killed(event):
        if isinstance(event, TrialEnded):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trial_pool, "ProcessPool", Two)
        sweep(seen=killed, **options)
    done = sweep(**options)
    found = load_sweep(done.folder)
    assert found.trials[0][1] == found.trials[1][1], "else this test shows nothing"
    assert {record.number: record.same_as for record in done.records} == {0: 1}
    assert (done.result.best.number, done.result.best.same_as) == (1, None)
    assert (done.result.run / "model.safetensors").is_file()


def test_processes_give_the_same_records(sweep):
    space = "model.hidden: [[], [2]]\ntrain.epochs: [1, 2]"
    serial = sweep(space, out="serial", sampler="grid", prune=False)
    several = sweep(space, out="several", sampler="grid", prune=False, jobs=2)
    assert several.told() == serial.told()
    assert several.result.best == serial.result.best._replace(seconds=several.result.best.seconds)
    assert (Path("several") / "trials" / str(several.result.best.number) / "model.safetensors").exists()


@pytest.fixture
def killing(monkeypatch):
    """`killing(times)` kills the process of trial 1 when it begins, so many times. Returns what ran beside it then."""

    def kill(times: int) -> list[int]:
        submit, beside = trial_pool.ProcessPool.submit, []

        def and_kill(self, task):
            submit(self, task)
            if task.number == 1:
                beside.append(len(self.busy) - 1 + len(self.idle))
                if len(beside) <= times:
                    worker = next(worker for worker, its in self.busy.values() if its.number == 1)
                    os.kill(worker.process.pid, signal.SIGKILL)

        monkeypatch.setattr(trial_pool.ProcessPool, "submit", and_kill)
        return beside

    return kill


def test_a_trial_whose_process_was_killed_runs_again_alone(sweep, killing):
    beside = killing(1)
    done = sweep(trials=4, jobs=2, prune=False)
    assert beside == [1, 0]
    assert {record.number: record.state for record in done.records} == dict.fromkeys(range(4), "finished")


def test_a_trial_whose_process_is_killed_twice_has_failed_and_the_rest_goes_on(sweep, killing):
    killing(2)
    done = sweep(trials=4, jobs=2, prune=False)
    states = {record.number: record.state for record in done.records}
    assert states == {0: "finished", 1: "failed", 2: "finished", 3: "finished"}
    message = next(record.message for record in done.records if record.number == 1)
    assert message == "its process ended twice: killed by SIGKILL, perhaps for lack of memory"


def test_a_process_that_is_killed_while_it_waits_costs_nothing(sweep, monkeypatch):
    submit, killed = trial_pool.ProcessPool.submit, []

    def kill_first(self, task):
        for worker in self.idle:
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.join()
            killed.append(task.number)
        submit(self, task)

    monkeypatch.setattr(trial_pool.ProcessPool, "submit", kill_first)
    done = sweep(trials=3, jobs=2, prune=False)
    assert killed
    assert done.result.states == {"finished": 3}


def test_a_trial_that_diverges_is_recorded_and_the_rest_goes_on(sweep):
    done = sweep(
        "train.optimizer.learning_rate: [1.0e+30, 0.1]\nmodel.hidden: [[2], [3]]\nmodel.residual: [true, false]",
        sampler="grid",
        trials=None,
        train={"optimizer": "sgd", "epochs": 1},
        model={"embedding": {"dim": 3}},
    )
    assert done.result.states == {"diverged": 3, "refused": 2, "finished": 3}
    by_state = {record.state: record for record in done.records}
    assert by_state["diverged"].message.startswith("diverged ")
    assert by_state["refused"].message.startswith("model.residual: no hidden layer is as wide as its input")
    assert done.result.best.state == "finished"
    assert not list((done.folder / "trials").rglob("postmortem*")), "only the metrics are kept"


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_sweep_ends_once_every_combination_was_tried(sweep, sampler):
    done = sweep("train.epochs: [1, 2]\nmodel.hidden: [[], [2]]", sampler=sampler, trials=100)
    assert done.result.outcome == "finished"
    assert [record.same_as is None for record in done.records].count(True) == 4
    assert len(done.records) < 100
    assert done.records[-1].same_as is None, "the last one is the combination that was missing"


def test_the_same_settings_are_trained_once(sweep):
    space = "train.optimizer.name: [adagrad, sgd]\ntrain.optimizer.rho: [0.5, 0.6]"  # which neither uses
    with pytest.raises(ConfigError, match=r"rho: 0.5 fits no combination"):
        sweep(space.replace("name: [adagrad, sgd]\ntrain.optimizer.", ""))
    done = sweep(space, sampler="grid", trials=None)
    assert [record.same_as is None for record in done.records].count(True) == 2
    for record in done.records:
        if record.same_as is not None:
            first = done.records[record.same_as]
            assert record == first._replace(number=record.number, same_as=first.number, seconds=0)
            assert not (done.folder / "trials" / str(record.number)).exists()
    assert done.result.best.same_as is None
    part = sweep(space, sampler="grid", trials=None, out="part", stop_after=2)
    assert part.result.outcome == "interrupted"
    assert sweep(space, sampler="grid", trials=None, out="part").told() == done.told()


def test_no_trial_may_be_finished(sweep):
    space = "train.optimizer.name: [momentum, sgd]\ntrain.optimizer.rho: [0.5, 0.6]"  # which neither uses
    done = sweep(space, sampler="grid", trials=None, train={"optimizer": {"name": "sgd", "learning_rate": 1e30}})
    assert done.result.states == {"diverged": 4}
    assert [record.same_as is None for record in done.records].count(True) == 2, "each diverges once"
    assert (done.result.best, done.result.config, done.result.run) == (None, None, None)


def test_what_is_hopeless():
    rivals = [[(0, 0.5, 0.6 + i / 100), (0, 1.0, 0.9)] for i in range(4)]
    assert not is_hopeless([(0, 0.5, 0.1)], rivals, "accuracy"), "too few have finished"
    rivals.append([(0, 1.0, 0.9)])
    assert not is_hopeless([(0, 0.5, 0.1)], rivals, "accuracy"), "the fifth had no score by then"
    rivals.append([(0, 0.25, 0.5)])
    assert is_hopeless([(0, 0.5, 0.59)], rivals, "accuracy")
    assert not is_hopeless([(0, 0.5, 0.60)], rivals, "accuracy")
    assert not is_hopeless([(0, 0.5, 0.59)], rivals, "log_loss")
    assert is_hopeless([(0, 0.5, 0.7)], rivals, "log_loss"), "a lower one is better"
    assert not is_hopeless([(1, 0.5, 0.1)], rivals, "accuracy"), "none has a score on this fold"
    rivals = [[(0, 0.25, 0.5), (0, 0.5, 0.7)] for _ in range(5)]
    assert is_hopeless([(0, 0.5, 0.6)], rivals, "accuracy"), "what they had last counts, not first"


@pytest.mark.parametrize(("metric", "best"), [("accuracy", max), ("log_loss", min)])
def test_a_curve_has_the_best_score_so_far(write_config, reviews, metric, best):
    train = {"epochs": 6, "optimizer": {"learning_rate": 3.0}}
    config = write_config(**SMALL, data={"source": str(reviews), "validation": 0.3}, train=train).config
    record = run_trial(TrialTask(0, config.model_dump(mode="json"), "run", metric))
    lines = map(json.loads, Path("run/metrics.jsonl").read_text().splitlines())
    scores = [line["scores"][metric] for line in lines if line["event"] == "epoch"]
    assert scores != sorted(scores, reverse=metric == "log_loss"), "else this test shows nothing"
    assert [value for _, _, value in record.curve] == [best(scores[: i + 1]) for i in range(6)]


@pytest.mark.parametrize("prune", [True, False])
def test_a_trial_is_compared_with_those_that_finished_before(write_config, reviews, prune):
    """The pool of this test answers at once."""
    states, tasks = ["finished", "diverged", "pruned", "failed", "finished"], []

    class Pool(trial_pool.SerialPool):
        def wait(self):
            tasks.append(self.waiting.pop())
            number, state = tasks[-1].number, states[tasks[-1].number]
            value = 0.5 if state == "finished" else None
            return [TrialRecord(number, state, value, curve=[(0, 1.0, number / 10)])]

    Path("space.yaml").write_text(SPACE)
    plan, _ = plan_sweep(write_config(**SMALL, data={"source": str(reviews)}), Path("space.yaml"), Options(5))
    with SweepFolder(Path("sweep")) as folder:
        folder.open(plan)
        sweep = Sweep(plan._replace(prune=prune), folder, Pool())
        assert [event.record.state for event in sweep if isinstance(event, TrialEnded)] == states
        found = [trial.state.name for trial in sweep.study.study.get_trials()]
        assert found == ["COMPLETE", "PRUNED", "PRUNED", "FAIL", "COMPLETE"], "what diverges has bad settings"
    rivals = ([(0, 1.0, 0.0)],) if prune else ()
    assert [task.rivals for task in tasks] == [(), *[rivals] * 4]


def test_a_curve_goes_through_the_networks_of_all_seeds():
    train = {"seeds": 2, "members": 2, "epochs": 2}
    config = Config.model_validate({"data": {"source": "sample"}, "train": train})
    progress, points = trial._Progress(config, "accuracy", 1), []
    for seed in range(4):
        progress.seen(NetworkStarted(Path(), seed, 9, 3, 5, 7, 2, 4))
        points += [progress.seen(Epoch(i + 1, i, 0.5, {"accuracy": seed / 10}, None)) for i in range(2)]
    assert [share for _, share, _ in points] == [i / 8 for i in range(1, 9)]
    assert {fold for fold, _, _ in points} == {1}


def test_a_hopeless_trial_ends_after_the_epoch_in_which_it_is(sweep, write_config, reviews):
    config = write_config(**SMALL, data={"source": str(reviews)}, train={"epochs": 4}).config
    rivals = tuple([(0, 0.5, 2.0)] for _ in range(5))
    task = TrialTask(0, config.model_dump(mode="json"), "run", "accuracy", rivals=rivals)
    record = run_trial(task)
    assert record.state == "pruned"
    assert [share for _, share, _ in record.curve] == [0.25, 0.5]
    assert not list(Path("run").glob("checkpoint*"))
    assert run_trial(task._replace(folder="other", rivals=())).state == "finished"
    at_its_end = tuple([(0, 1.0, 2.0)] for _ in range(5))
    assert run_trial(task._replace(folder="end", rivals=at_its_end)).state == "finished", "nothing is left to save"
    record = run_trial(task._replace(folder="folds", rivals=at_its_end, folds=2))
    assert (record.state, record.curve[-1][:2]) == ("pruned", (0, 1.0)), "with folds, the next one is"
    at_its_end = tuple([(1, 1.0, 2.0)] for _ in range(5))
    assert run_trial(task._replace(folder="last", rivals=at_its_end, folds=2)).state == "finished", "but not the last"


def test_a_trial_is_a_function_of_its_arguments(write_config, reviews):
    config = write_config(**SMALL, data={"source": str(reviews)}, train={"epochs": 1, "members": 2}).config
    task = TrialTask(3, config.model_dump(mode="json"), "a", "log_loss", 2, ([(0, 0.5, 0.1)],))
    plain = json.loads(json.dumps(task._asdict()))
    assert TrialTask.from_json(plain) == task
    record = run_trial(task)
    assert TrialRecord.from_json(json.loads(json.dumps(record._asdict()))) == record
    assert run_trial(task._replace(folder="b"))._replace(seconds=0) == record._replace(seconds=0)
    assert [share for _, share, _ in record.curve] == [0.5, 1.0] * 2, "two networks on each of two folds"
    sizes = [(Path("a") / fold / directory.MODEL).stat().st_size for fold in ("fold-0", "fold-1")]
    assert sizes[0] != sizes[1], "else this test shows nothing"
    assert (record.model_bytes, record.epoch, record.digest) == (max(sizes), None, None), "no fold is the trial"
    data = directory.load_run_info(Path("a/fold-0"))["data"]
    expected = {f"{name} reviews": data[name]["fingerprint"] for name in ("training", "validation")}
    cut = {"cut into training and validation reviews": data["training"]["fingerprint"]}
    assert record.inputs == expected | cut


def test_the_score_is_the_mean_over_folds_that_keep_groups_together(sweep, write_config, reviews):
    data = {"source": str(reviews), "group_column": "film"}
    done = sweep(trials=1, folds=3, data=data)
    (record,) = done.records
    assert record.value == pytest.approx(np.mean(record.folds))
    assert record.spread == pytest.approx(np.std(record.folds, ddof=1))
    assert len(record.folds) == 3
    assert record.scores["accuracy"] == record.value
    folds = load_folds(load_config("small.yaml").config, 3)
    assert sum(len(validation) for _, validation in folds) == 60
    for i, (training, validation) in enumerate(folds):
        assert not set(training.group.tolist()) & set(validation.group.tolist())
        run = directory.load_run_info(done.folder / "trials" / "0" / f"fold-{i}")
        assert run["data"]["validation"]["reviews"] == len(validation)
    assert not list((done.folder / "trials").rglob("*.safetensors")) or record == done.result.best
    assert done.result.run is None


def test_folds_keep_blocks_of_rows_together(write_config, reviews):
    config = write_config(**SMALL, data={"source": str(reviews), "block_size": 10}).config
    rows = [json.loads(line)["text"] for line in reviews.read_text().splitlines()]
    for training, validation in load_folds(config, 3):
        blocks = [{rows.index(text) // 10 for text in part.text.to_pylist()} for part in (training, validation)]
        assert blocks[0] | blocks[1] == set(range(6))
        assert not blocks[0] & blocks[1]


def test_several_classes(sweep, here):
    words = ("bad", "so", "good")
    rows = [{"text": f"{words[i % 3]} film {i}", "label": f"{words[i % 3]}"} for i in range(45)]
    Path("three.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"source": str(here / "three.jsonl"), "labels": ["bad", "so", "good"], "validation": 0.4}
    done = sweep("train.epochs: [1, 2]", trials=2, metric="macro_f1", data=data)
    assert done.result.best.value == done.result.best.scores["macro_f1"]
    with pytest.raises(
        ConfigError, match="--metric f1: not a score of these classes; choose from accuracy, log_loss, "
    ):
        sweep("train.epochs: [1, 2]", metric="f1", data=data)


def test_the_metric_is_that_which_selects_the_best_epoch(sweep):
    done = sweep("train.epochs: [1, 2]", trials=2, train={"early_stopping": {"metric": "log_loss"}})
    assert load_plan(done.folder).metric == "log_loss"
    assert done.result.best.value == min(record.value for record in done.records)
    plan = load_plan(done.folder)
    study = Study(done.folder / "journal.log", plan.space, plan.sampler, plan.seed, plan.metric, read_only=True).study
    assert study.direction.name == "MINIMIZE", "the estimator looks for lower values"
    assert study.best_trial.number == done.result.best.number


def test_the_best_is_the_first_of_equals():
    records = [TrialRecord(i, "finished", value) for i, value in enumerate([0.5, 0.7, 0.7, 0.1])]
    assert best_of([*reversed(records), TrialRecord(4, "pruned", 0.9)], "accuracy").number == 1
    assert best_of(records, "log_loss").number == 3
    assert best_of([], "accuracy") is None


def test_another_sweep_in_the_same_folder_is_refused(sweep):
    sweep(trials=1)
    changed = {
        "train.epochs: 2 -> 3": {"train": {"epochs": 3}},
        "the space of train.epochs: {int: [1, 2]} -> {int: [1, 3]}": {"space": SPACE.replace("[1, 2]", "[1, 3]")},
        "--seed: 0 -> 1": {"seed": 1},
        "--folds: 0 -> 2": {"folds": 2},
        "--metric: accuracy -> log_loss": {"metric": "log_loss"},
        "--sampler: tpe -> random": {"sampler": "random"},
        "--prune: true -> false": {"prune": False},
    }
    for what, options in changed.items():
        with pytest.raises(ConfigError) as caught:
            sweep(trials=1, **options)
        assert caught.value.lines[0].startswith("sweep: began with other settings; ")
        assert caught.value.lines[1].startswith(f"  {what}")
    assert len(sweep(trials=2).records) == 1, "more trials are no other sweep"


def test_a_source_that_is_gone_is_named(sweep, reviews):
    """It was reported as another setting: an absolute path before, and a relative one now."""
    sweep(trials=1)
    Path(reviews).rename("moved.csv")
    with pytest.raises(DataError) as caught:
        sweep(trials=2)
    fact = f"{shown(str(reviews))}: no such file, although the sweep began with it"
    assert str(caught.value) == f"{fact}; restore it, or begin anew with another --out"
    Path("moved.csv").rename(reviews)
    assert len(sweep(trials=2).records) == 1


def test_the_default_folder_is_that_of_the_same_sweep(write_config, reviews):
    resolved = write_config(**SMALL, data={"source": str(reviews)})
    Path("space.yaml").write_text(SPACE)
    plans = [
        plan_sweep(resolved, Path("space.yaml"), Options(trials, seed=seed))[0]
        for trials, seed in [(1, 0), (2, 0), (1, 1)]
    ]
    first, second, third = map(default_folder, plans)
    assert first == second != third


def test_changed_reviews_are_refused(sweep, reviews):
    sweep(trials=1)
    before = reviews.read_text()
    reviews.write_text(before.replace("good", "fine", 3))
    with pytest.raises(DataError) as caught:
        sweep(trials=2)
    fact = "sweep: inputs have changed since this sweep began: training reviews, validation reviews"
    repair = "restore them, then the same command resumes it, or begin anew with another --out"
    assert str(caught.value) == f"{fact}; so the scores could not be compared; {repair}"
    assert load_sweep(Path("sweep")).running == [], "no trial has begun"
    reviews.write_text(before)
    assert len(sweep(trials=2).records) == 1


def _lost_and_restored(path: Path, content: bytes | None, run: Callable[..., Done], **options) -> str:
    """Take the file from a sweep after a trial, look that no trial fails for it, and restore it. Return the message."""
    whole = run(out="whole", trials=3, **options)
    before = path.read_bytes()

    def take(event: object) -> None:
        if isinstance(event, TrialEnded):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)

    with pytest.raises(InputsLost) as caught:
        run(trials=3, seen=take, **options)
    assert {record.state for record, _ in load_sweep(Path("sweep")).trials} == {"finished"}
    path.write_bytes(before)
    again = run(trials=3, **options)
    assert again.told() == whole.told()
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "fact", "jobs"),
    [
        (None, "reviews.jsonl: no such file", 1),
        (b"", "reviews.jsonl: empty", 1),
        (b'{"comment": "good", "label": 1}\n', "reviews.jsonl:1: no 'text'", 1),
        (b'{"comment": "good", "label": 1}\n', "reviews.jsonl:1: no 'text'", 2),  # the error comes from a process
    ],
    ids=["gone", "empty", "other columns", "other columns, two processes"],
)
def test_reviews_that_cannot_be_read_while_a_sweep_runs_end_it_and_no_trial_fails(sweep, reviews, content, fact, jobs):
    told = _lost_and_restored(reviews, content, sweep, jobs=jobs, prune=False)
    assert fact in told
    assert told.lower().endswith("a sweep keeps its settings: repair this, then the same command resumes it")


@pytest.mark.parametrize("folds", [0, 2])
def test_folds_and_a_diverged_trial_do_not_hide_changed_reviews(sweep, reviews, folds):
    changed = reviews.read_bytes().replace(b"good", b"fine", 3)
    rates = "train.optimizer.learning_rate: [0.1, 1.0e+30]"
    options = {"space": rates, "sampler": "grid", "seed": 1, "folds": folds}
    whole = sweep(out="whole", trials=2, train={"optimizer": "sgd", "epochs": 1}, model={"hidden": [2]}, **options)
    assert [record.state for record in whole.records] == ["finished", "diverged"]
    assert whole.records[0].inputs == whole.records[1].inputs

    def change(event: object) -> None:
        if isinstance(event, TrialEnded):
            reviews.write_bytes(changed)

    with pytest.raises(InputsLost, match="inputs have changed"):
        sweep(trials=2, seen=change, train={"optimizer": "sgd", "epochs": 1}, model={"hidden": [2]}, **options)
    assert [record.state for record, _ in load_sweep(Path("sweep")).trials] == ["finished"]


@pytest.mark.parametrize("content", [None, b"junk", b"film 0.5 0.5\n"], ids=["gone", "damaged", "changed"])
@pytest.mark.parametrize("setting", ["model.embedding.vectors", "model.init_from", "pretrain.source"])
def test_a_file_that_the_weights_start_from_is_an_input_too(sweep, reviews, setting, content):
    """In the space or in the config, read anew when the sweep is resumed, or while it runs."""
    path, options = Path("vectors.txt"), {}
    space = "train.epochs: [1, 2, 3]\n"
    if setting == "model.init_from":
        run = sweep("train.epochs: [1]", trials=1, out="origin").result.run
        path = run / directory.MODEL
        space += f"model.init_from: [{run.absolute()}]\n"
    elif setting == "model.embedding.vectors":
        path.write_text("film 0.1 0.2\nplot 0.3 0.1\n")
        options = {"model": {"embedding": {"dim": 2, "vectors": str(path.absolute())}, "hidden": []}}
    else:
        path.write_text("a film of a plot\na song of a town\n" * 9)
        options = {"pretrain": {"source": str(path.absolute()), "vectors": "words", "dim": 1}}
    if content is not None and content.startswith(b"film") and setting == "model.init_from":
        content = (sweep("train.epochs: [2]", trials=1, out="other").result.run / directory.MODEL).read_bytes()
    told = _lost_and_restored(path, content, sweep, space=space, sampler="grid", prune=False, **options)
    assert path.name in told
    before = path.read_bytes()
    sweep(out="again", trials=1, space=space, sampler="grid", **options)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SentibpError, match="origin" if setting == "model.init_from" else path.name):
        sweep(out="again", trials=3, space=space, sampler="grid", **options)
    assert len(load_sweep(Path("again")).trials) == 1
    path.write_bytes(before)


def test_a_lexicon_that_is_not_installed_is_no_fault_of_the_settings(sweep, monkeypatch):
    """As on one worker of several."""
    space, pretrain = "train.epochs: [1, 2]", {"lexicon": "vader"}
    options = {"sampler": "grid", "trials": None, "pretrain": pretrain, "text": {"ngrams": 1}}
    with monkeypatch.context() as elsewhere, pytest.raises(InputsLost, match="pip install 'sentibp"):
        elsewhere.setattr(lexicon, "_PACKAGE", "no_such_package")
        sweep(space, **options)
    assert sweep(space, **options).result.states == {"finished": 2}


def test_settings_that_do_not_fit_the_reviews_are_recorded(sweep):
    done = sweep("text.min_count: [1, 50]", sampler="grid", trials=None)
    assert done.result.states == {"finished": 1, "failed": 1}
    (failed,) = (record for record in done.records if record.state == "failed")
    assert failed.message.startswith("no word occurs 50 times")


@pytest.mark.parametrize(
    ("file", "content", "fault"),
    [
        ("journal.log", b"not JSON\n", "line 1 is not JSON"),
        ("journal.log", b'{"op_code": 77}\n', "damaged"),
        ("journal.log", b"[]\n", "damaged"),
        ("sweep.json", b"{", "damaged"),
        ("sweep.json", b'{"format": 1}', "damaged: has no "),
    ],
)
def test_a_damaged_file_is_named(sweep, file, content, fault):
    done = sweep(trials=1)
    (done.folder / file).write_bytes(content)
    for function in (lambda: sweep(trials=2), lambda: load_sweep(done.folder)):
        with pytest.raises(DataError) as caught:
            function()
        assert str(caught.value).startswith(f"sweep/{file}: ")
        assert fault in str(caught.value)


def test_a_folder_of_something_else_is_refused(sweep, here):
    (here / "sweep").mkdir()
    (here / "sweep" / "mine.txt").touch()
    with pytest.raises(ConfigError, match="--out sweep: already there, and not a sweep"):
        sweep()
    with pytest.raises(ConfigError, match=r"--out best\.yaml: the name of a file, .* give --out best$"):
        sweep(out="best.yaml")
    with pytest.raises(ConfigError, match="sweep: not the folder of a sweep"):
        load_sweep(Path("sweep"))


def test_a_sweep_that_another_process_runs_is_refused(sweep):
    done = sweep(trials=1)
    with SweepFolder(done.folder) as other:
        other.lock()
        with pytest.raises(ConfigError, match="sweep: another process runs it"):
            sweep(trials=2)
    sweep(trials=2)


def test_a_full_disk_ends_the_sweep(sweep, monkeypatch):
    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(WriteError) as caught:
        patch.setattr(directory, "write_file", full)
        sweep(trials=2)
    assert "cannot be written: No space left on device; make room on that disk" in str(caught.value)
    assert "train --resume" not in str(caught.value), "a trial is not resumed"
    assert len(sweep(trials=2).records) == 2


def test_the_space_is_checked_before_anything_starts(sweep):
    with pytest.raises(ConfigError, match=r"space.yaml:1: train.epochs: 0 is too small"):
        sweep("train.epochs: [0]")
    with pytest.raises(ConfigError, match=r"data.validation: 0 holds out no reviews .* or --folds 5"):
        sweep(data={"validation": 0})
    assert not Path("sweep").exists()
    assert sweep(data={"validation": 0}, folds=2, trials=1).result.best.value is not None


def test_a_path_is_relative_to_the_folder_of_the_space(sweep, here):
    Path("vectors.txt").write_text("good 1 2\nbad -1 3\n")
    done = sweep("model.embedding.vectors: [vectors.txt]", trials=1)
    assert load_config(done.result.config).config.model.embedding.vectors == str(here / "vectors.txt")


def test_the_cost_is_estimated_by_the_middle_of_the_space(write_config, reviews, monkeypatch):
    resolved = write_config(**SMALL, data={"source": str(reviews)})
    Path("space.yaml").write_text("model.hidden: [[2], [3], [4]]\nmodel.residual: [false, true]")
    plan, _ = plan_sweep(resolved, Path("space.yaml"), Options())
    run, seen = sweep_module.dry_run, []
    monkeypatch.setattr(sweep_module, "dry_run", lambda data: seen.append((data, run(data))) or seen[-1][1])
    assert estimate(plan).seconds == seen[-1][1].seconds > 0, "although the middle is refused"
    assert seen[-1][0].config.train.refit is False, "no trial is trained again on all data"
    assert estimate(plan._replace(folds=3)).seconds == pytest.approx(3 * seen[-1][1].seconds)
    diverging = plan._replace(config=plan.config | {"train": {"optimizer": {"name": "sgd", "learning_rate": 1e30}}})
    assert estimate(diverging).seconds is None
    with pytest.raises(DataError, match="--folds 50: too many"):
        estimate(plan._replace(folds=50))


def test_importances_find_the_setting_that_matters(sweep, monkeypatch):
    def made_up(task, stop=None):
        train = task.config["train"]
        value = 1 - (np.log10(train["optimizer"]["learning_rate"]) + 2) ** 2 + train["epochs"] * 1e-4
        return TrialRecord(task.number, "finished", float(value), scores={"accuracy": float(value)})

    monkeypatch.setattr(trial_pool, "run_trial", made_up)
    done = sweep("train.optimizer.learning_rate: {log: [0.0001, 1]}\ntrain.epochs: {int: [1, 4]}", trials=25)
    importances = load_sweep(done.folder).importances
    assert sum(importances.values()) == pytest.approx(1)
    assert importances["train.optimizer.learning_rate"] > 0.8
    assert done.result.settings["train.optimizer.learning_rate"] == pytest.approx(0.01, rel=0.5), "and TPE finds it"


def test_optuna_says_nothing_and_reads_the_journal(sweep, capfd):
    done = sweep(trials=2)
    assert capfd.readouterr() == ("", "")
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(done.folder / "journal.log"))
    )
    study = optuna.load_study(study_name="sweep", storage=storage)
    assert study.best_value == done.result.best.value
    assert study.best_trial.number == done.result.best.number


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=60))
def test_folds_cut_no_text_in_two(folds, rows):
    import pyarrow as pa

    from sentibp.data.corpus import Corpus
    from sentibp.data.split import fold_corpus

    texts, labels = zip(*rows, strict=True)
    corpus = Corpus(
        pa.chunked_array([pa.array(map(str, texts), pa.large_string())]),
        np.array(labels, np.int8),
        names=("a", "b", "c"),
    )
    try:
        fold = fold_corpus(corpus, folds, np.random.default_rng(0))
    except DataError as error:
        assert str(error).startswith(f"--folds {folds}: too many: ")
        return
    assert set(fold.tolist()) == set(range(folds))
    for number in range(folds):
        assert set(np.array(labels)[fold == number].tolist()) == {0, 1, 2}
        assert not {texts[i] for i in np.flatnonzero(fold == number)} & {
            texts[i] for i in np.flatnonzero(fold != number)
        }


def test_spread_of_folds_is_the_usual_standard_deviation():
    assert metrics.spread([0.1, 0.3])["standard_deviation"] == pytest.approx(np.std([0.1, 0.3], ddof=1))


def test_the_space_of_a_sweep_is_read_from_its_folder(sweep):
    done = sweep(trials=1)
    base = load_plan(done.folder).config
    again = load_plan(done.folder).space
    assert [d._replace(line=0) for d in load_space(Path("space.yaml"), base).dimensions] == list(again.dimensions)


def test_a_metric_that_does_not_choose_the_epoch_is_told(write_config, reviews, tmp_path):
    Path("space.yaml").write_text("model.embedding.dim: [2, 3]")

    def notes(metric: str | None = "log_loss", space: str = "space.yaml", **train) -> tuple[str, ...]:
        config = write_config(**{**SMALL, "data": {"source": str(reviews)}, "train": {"epochs": 3, **train}})
        return plan_sweep(config, Path(space), Options(metric=metric))[1]

    said = next(note for note in notes() if "epoch" in note)
    assert said == (
        "each trial keeps the epoch with the best accuracy, and has the log loss of that; to choose it, and to stop "
        "early, by log loss, too, write --set train.early_stopping.metric=log_loss"
    )
    Path("patience.yaml").write_text("train.early_stopping.metric: [accuracy, log_loss]")
    for others in (
        notes(early_stopping={"metric": "log_loss"}),
        notes(None),
        notes("accuracy"),
        notes(epochs=1),
        notes(members=2),
        notes(space="patience.yaml"),
    ):
        assert not any("keeps the epoch" in note for note in others)


@pytest.mark.parametrize("folds", [0, 2])
def test_trials_have_the_default_settings_that_suit_the_texts(here, folds):
    """As a training has them, and one of the best config: they were trained as texts in any language."""
    rows = [f"it {('broke', 'works')[i % 2]} after {i} days,{i % 2}" for i in range(60)]
    Path("r.csv").write_text("\n".join(["text,label", *rows]))
    Path("space.yaml").write_text("train.word_dropout: [0.1, 0.2]")
    config = load_config("default", ["data.source=r.csv", "train.refit=false"])
    plan, _ = plan_sweep(config, Path("space.yaml"), Options(trials=1, folds=folds))
    Path("sweep").mkdir()
    with SweepFolder(Path("sweep")) as folder:
        running = Sweep(plan, folder, trial_pool.SerialPool())
        list(running)
        result = running.finish()
    assert result.best is not None
    run = Path("sweep/trials/0/fold-0" if folds else "sweep/trials/0")
    assert load_config(run / "config.yaml").config.pretrain.vectors == "builtin"
    best = load_config(Path("sweep/best.yaml"))
    if not folds:
        assert runner.train_model(best).digest == result.best.digest
    else:
        assert runner.train_model(best).notes[0].startswith("short texts in English: the default settings are those of")


def test_a_found_value_that_is_a_default_of_other_texts_is_in_the_best_config(here):
    """Short texts in English have another lexicon, and, by cross-validation, another penalty of the words."""
    rows = [f"it {('broke', 'works')[i % 2]} after {i} days,{i % 2}" for i in range(120)]
    Path("r.csv").write_text("\n".join(["text,label", *rows]))
    given = {"pretrain.decay": 1.0, "text.shifters": False, "pretrain.lexicon": "none", "data.ordered": True}
    Path("space.yaml").write_text("pretrain.decay: [1.0]\ntext.shifters: [false]\n")
    config = load_config("default", ["data.source=r.csv", "pretrain.lexicon=none", "data.ordered=true"])
    plan, _ = plan_sweep(config, Path("space.yaml"), Options(trials=1))
    Path("sweep").mkdir()
    with SweepFolder(Path("sweep")) as folder:
        running = Sweep(plan, folder, trial_pool.SerialPool())
        list(running)
        running.finish()
    best = load_config(Path("sweep/best.yaml"))
    for key, value in given.items():
        assert paths.get(best.config, key) == value
        section, _, name = key.rpartition(".")
        assert name in paths.get(best.config, section).model_fields_set
