"""A training that is broken off goes on from its last checkpoint, and ends with the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import runner
from runner import resume, resume_pretraining

from sentibp.config.load import load_config
from sentibp.data import corpus, tokenizer
from sentibp.errors import ConfigError, DataError
from sentibp.model import initial
from sentibp.runs import directory, find
from sentibp.training import checkpoint, distillation, networks
from sentibp.training.diverged import Diverged
from sentibp.training.events import Epoch, Note, Round, Step
from sentibp.utils import files, spill

SMALL = {
    "data": {"source": "sample"},
    "text": {"ngrams": 1},
    "model": {"embedding": {"dim": 8}, "hidden": [4]},
    "train": {"optimizer": {"name": "adagrad"}, "epochs": 4, "batch_size": 32, "checkpoint": {"every_steps": 4}},
}  # an epoch has nine steps
RESULTS = ("model.safetensors", "metrics.jsonl", "validation.parquet", "config.yaml")


class Killed(BaseException):
    """As far as the run directory goes: the process is gone, and nothing is written any more."""


@pytest.fixture
def small(write_config):
    """A small config on the sample, with `--set` overrides."""
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


@pytest.fixture
def killed(monkeypatch):
    """`killed(resolved, out, moment)` trains until the moment-th event and leaves all as it is then."""

    def kill(resolved, out: Path, moment: int) -> Path:
        monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
        with pytest.raises(Killed):
            runner.train_model(resolved, out, watch=kill_at(moment))
        return out

    return kill


def kill_at(moment: int, kinds=Step | Epoch):
    seen = []

    def watch(event) -> None:
        if isinstance(event, kinds):
            seen.append(event)
            if len(seen) == moment:
                raise Killed

    return watch


def again(path: Path, *overrides: str, watch=lambda event: None):
    return resume(path, load_config(path / "config.yaml", overrides), watch)


def contents(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in RESULTS if (path / name).exists()}


def _files(path: Path) -> set[str]:
    """Those in a run directory. What `blame` reads is kept of a training in one go only."""
    return {*os.listdir(path)} - {"influence_log.safetensors"}


EVERY_KIND = {
    "plain": [],
    "all that is random": ["train.word_dropout=0.4", "model.dropout=0.3", "model.batch_norm=true"],
    "word dropout, prefetched": ["train.word_dropout=0.4"],
    "momentum": ["train.optimizer=momentum"],
    "adam and plain mathematics": ["train.optimizer=adam", "train.math=plain"],
    "plateau": ["train.schedule={name: plateau, patience: 0}", "train.optimizer=sgd"],
    "early stopping": ["train.early_stopping=1", "train.epochs=30", "train.optimizer.learning_rate=0.3"],
    "no validation": ["data.validation=0"],
    "vanishing gradients, which are warned of": ["model.hidden=[4,4,4,4,4,4]", "model.activation=sigmoid"],
    "frozen": ["train.freeze=[embedding]", "train.learning_rates.hidden.0=0.5"],
    "several seeds": ["train.seeds=2", "train.epochs=2"],
    "members": ["train.members=2", "train.epochs=2"],
    "members of several seeds": ["train.members=2", "train.epochs=1", "train.seeds=2"],
    "vectors of reviews": ["pretrain={vectors: reviews, dim: 5, min_count: 2}", "train.epochs=2"],
    "vectors of words": [
        "pretrain={vectors: words, dim: 4}",
        "train.members=2",
        "train.epochs=1",
    ],
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_it_ends_with_the_same_bytes(small, killed, kind):
    """BreakConditionMet off three times: before the first checkpoint, in the middle, and near the end."""
    resolved = small(*EVERY_KIND[kind])
    events = []
    whole = runner.train_model(
        resolved, Path("whole"), watch=lambda e: events.extend([e] * isinstance(e, Step | Epoch))
    )
    for moment in 3, len(events) // 2, len(events) - 1:
        path = killed(resolved, Path(f"broken-{moment}"), moment)
        outcome = again(path)
        assert outcome.digest == whole.digest
        assert contents(path) == contents(whole.run)
        assert outcome._replace(run=0, model=0, seconds=0) == whole._replace(run=0, model=0, seconds=0)
        assert _files(path) == _files(whole.run), "the checkpoint is removed"


VECTORS = {
    "of reviews": "pretrain={vectors: reviews, dim: 5, min_count: 2}",
    "of words": "pretrain={vectors: words, dim: 4}",
}


@pytest.mark.parametrize("round_", [1, 7, 19, 20])
@pytest.mark.parametrize("kind", VECTORS)
def test_a_pretraining_ends_with_the_same_bytes(small, monkeypatch, kind, round_):
    """BreakConditionMet off after any round, it does only those that are left."""
    resolved = small(VECTORS[kind], "train.checkpoint={every_steps: 1}")
    whole = runner.pretrain_vectors(resolved, Path("whole"))
    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    path = Path("broken")
    with pytest.raises(Killed):
        runner.pretrain_vectors(resolved, path, watch=kill_at(round_, Round))
    assert not (path / directory.VECTORS).exists()
    told = []
    outcome = resume_pretraining(path, load_config(path / "config.yaml"), told.append)
    assert [event.round for event in told if isinstance(event, Round)] == list(range(min(round_, 19) + 1, 21))
    assert outcome._replace(run=0, vectors=0, seconds=0) == whole._replace(run=0, vectors=0, seconds=0)
    for name in directory.VECTORS, directory.METRICS, "config.yaml":
        assert (path / name).read_bytes() == (whole.run / name).read_bytes(), name
    assert {*os.listdir(path)} == {*os.listdir(whole.run)}, "the checkpoint is removed"
    assert resume_pretraining(path, load_config(path / "config.yaml"))._replace(seconds=0) == outcome._replace(
        seconds=0
    )


@pytest.mark.parametrize("round_", [1, 3])
@pytest.mark.parametrize("kind", VECTORS)
def test_a_training_broken_off_while_it_pretrains(small, monkeypatch, kind, round_):
    """With several seeds, in the pretraining of the second."""
    resolved = small(
        VECTORS[kind], "train.checkpoint={every_steps: 1}", "train.epochs=1", "train.seeds=2", "train.refit=false"
    )
    whole = runner.train_model(resolved, Path("whole"))
    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    for before in 0, 20:
        path = Path(f"broken-{before}")
        with pytest.raises(Killed):
            runner.train_model(resolved, path, watch=kill_at(before + round_, Round))
        told = []
        assert again(path, watch=told.append).digest == whole.digest
        assert sum(isinstance(event, Round) for event in told) == 40 - before - round_
        assert contents(path) == contents(whole.run)


def test_a_pretraining_without_checkpoints_begins_again(small, monkeypatch):
    resolved = small(VECTORS["of words"], "train.checkpoint=null")
    whole = runner.pretrain_vectors(resolved, Path("whole"))
    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    with pytest.raises(Killed):
        runner.pretrain_vectors(resolved, Path("broken"), watch=kill_at(3, Round))
    assert not (Path("broken") / checkpoint.FILE).exists()
    done = resume_pretraining(Path("broken"), load_config("broken/config.yaml"))
    assert done.digest == whole.digest == runner.pretrain_vectors(small(VECTORS["of words"])).digest
    assert Path("broken/metrics.jsonl").read_bytes() == Path("whole/metrics.jsonl").read_bytes()


def test_the_warnings_are_those_of_a_whole_training(small):
    outcome = runner.train_model(small(*EVERY_KIND["vanishing gradients, which are warned of"]))
    assert len(outcome.warnings) == 1, "or the test above shows nothing of them"


@pytest.mark.parametrize("kind", ["all that is random", "early stopping", "members of several seeds"])
def test_broken_off_again_and_again(small, killed, kind):
    """After every few events, so that each event is the last one of some process."""
    resolved = small(*EVERY_KIND[kind])
    whole = runner.train_model(resolved, Path("whole"))
    path = killed(resolved, Path("broken"), 6)
    times = 0
    while True:
        try:
            outcome = again(path, watch=kill_at(7))
            break
        except Killed:
            times += 1
    assert times >= 3
    assert outcome.digest == whole.digest
    assert contents(path) == contents(whole.run)
    assert len(directory.load_run_info(path)["resumed"]) == times + 1


def test_data_on_disk(small, killed, monkeypatch):
    resolved = small("train.word_dropout=0.2")
    whole = runner.train_model(resolved, Path("whole"))
    for module, name, value in (spill, "IN_MEMORY", 0), (tokenizer, "_PIECE_BYTES", 500), (corpus, "_ROWS", 7):
        monkeypatch.setattr(module, name, value)
    path = killed(resolved, Path("broken"), 23)
    assert again(path).digest == whole.digest
    assert contents(path) == contents(whole.run)


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(small):
    def interrupt(event):
        if isinstance(event, Step) and event.step == 22:
            raise KeyboardInterrupt

    whole = runner.train_model(small(), Path("whole"))
    outcome = runner.train_model(small(), Path("broken"), watch=interrupt)
    assert outcome.outcome == "interrupted"
    notes = []
    assert again(outcome.run, watch=notes.append).digest == whole.digest
    assert "resumes after step 22, in epoch 3" in [note.text for note in notes if isinstance(note, Note)]
    assert contents(outcome.run) == contents(whole.run)
    assert directory.load_run_info(outcome.run)["outcome"] == "finished"


def test_finished_members_are_not_trained_again(small, killed, monkeypatch):
    resolved = small(*EVERY_KIND["vectors of reviews"], "train.members=2", "train.refit=false")
    whole = runner.train_model(resolved, Path("whole"))
    path = killed(resolved, Path("broken"), 30)  # in the second network
    assert len(list(path.glob("member-*"))) == 2
    monkeypatch.setattr(distillation, "review_classifier", None)
    built = []
    build = initial.build_classifier
    monkeypatch.setattr(
        networks, "build_classifier", lambda *arguments: (built.append(arguments[2]), build(*arguments))[1]
    )
    assert again(path).digest == whole.digest
    assert built == [1]


def test_the_best_model_of_an_epoch_after_the_checkpoint_is_not_taken_for_one_before(small, killed):
    """With more epochs, the rate falls more slowly from the checkpoint on: what came after it comes otherwise."""
    resolved = small("train.epochs=2", "train.checkpoint.every_steps=10")
    path = killed(resolved, Path("broken"), 20)  # the second epoch, its end included
    saved = checkpoint.load_checkpoint(path)
    assert saved is not None
    first = saved.state["selection"]["digest"]
    files.write_file(path / "model.safetensors", b"what a later epoch has left")
    run = directory.reopen_run(path)
    checkpoint.restore_best(run, saved)
    run.close()
    assert hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest() == first


def test_more_epochs_and_more_patience(small, killed):
    learned = [
        "train.schedule=constant",
        "model.embedding.init=naive_bayes",
        "text.affixes=false",
    ]  # not best before it is killed
    path = killed(small(*learned, "train.early_stopping=3"), Path("broken"), 25)
    overrides = ["train.epochs=6", "train.early_stopping=5", "train.checkpoint=null"]
    outcome = again(path, *overrides)
    whole = runner.train_model(small(*learned, *overrides), Path("whole"))
    assert outcome.digest == whole.digest, "at a constant rate that is one and the same"
    assert load_config(path / "config.yaml").config.train.epochs == 6
    assert directory.load_run_info(path)["resumed"][0]["settings"] == {
        "train.early_stopping.patience": [3, 5],
        "train.checkpoint.every_seconds": [30.0, None],
        "train.checkpoint.every_steps": [4, None],
        "train.epochs": [4, 6],
    }


def test_other_settings_are_refused_each_with_what_it_was(small, killed):
    path = killed(small(), Path("broken"), 25)
    before = {name: (path / name).read_bytes() for name in os.listdir(path)}
    with pytest.raises(ConfigError) as caught:
        again(path, "train.optimizer.learning_rate=0.5", "model.hidden=[5]", "train.epochs=9")
    assert caught.value.lines == (
        "broken: was trained with other settings; resume with the settings of the run, or start a new training",
        "model.hidden: was [4], is [5]",
        "train.optimizer.learning_rate: was 0.03, is 0.5",
    )
    with pytest.raises(ConfigError, match=r"train\.epochs: was 4, is 3; it can only be raised"):
        again(path, "train.epochs=3")
    (path / "config.yaml").write_text((path / "config.yaml").read_text().replace("seed: 0", "seed: 1"))
    with pytest.raises(ConfigError, match=r"train\.seed: was 0, is 1"):
        again(path)
    (path / "config.yaml").write_bytes(before["config.yaml"])
    assert before == {name: (path / name).read_bytes() for name in os.listdir(path)}, "nothing was touched"


@pytest.mark.parametrize("kind", ["several seeds", "members", "vectors of reviews"])
def test_epochs_of_several_networks_are_all_the_same(small, killed, kind):
    path = killed(small(*EVERY_KIND[kind]), Path("broken"), 12)
    with pytest.raises(ConfigError, match=r"train\.epochs: was 2, is 5"):
        again(path, "train.epochs=5")


def test_of_a_finished_run(small, complaint):
    outcome = runner.train_model(small(), Path("whole"))
    notes = []
    found = again(outcome.run, watch=notes.append)
    assert found == outcome
    assert notes == [Note("whole: finished already")]
    text = complaint(ConfigError, again, outcome.run, "train.epochs=9")
    assert text == "whole: finished already; start a new training for other settings"


def test_of_a_run_that_an_earlier_version_finished(small):
    """Its run.json does not say yet that the model was not trained once more."""
    outcome = runner.train_model(small("train.refit=false"), Path("whole"))
    facts = json.loads(Path("whole/run.json").read_text())
    assert facts.pop("refit") is None
    Path("whole/run.json").write_text(json.dumps(facts))
    assert again(outcome.run) == outcome


def test_of_a_diverged_run(small, complaint):
    with pytest.raises(Diverged):
        runner.train_model(small("train.optimizer={name: sgd, learning_rate: 1e20}"), Path("run"))
    assert complaint(ConfigError, again, Path("run")).startswith("run: diverged, and would diverge again")


def test_of_a_run_that_is_trained_now(small, complaint):
    said = []

    def watch(event):
        if isinstance(event, Step) and event.step == 12 and not said:
            said.append(complaint(ConfigError, again, Path("run")))

    whole = runner.train_model(small(), Path("whole"))
    assert runner.train_model(small(), Path("run"), watch=watch).digest == whole.digest
    assert said == ["run: is being trained now; wait until that has ended, or end it"]


def test_other_data(write_config, killed, complaint):
    lines = [json.dumps({"text": f"good {i}", "label": 1}) for i in range(40)]
    lines += [json.dumps({"text": f"bad {i}", "label": 0}) for i in range(40)]
    Path("mine.jsonl").write_text("\n".join(lines))
    sections = {**SMALL, "data": {"source": "mine.jsonl"}, "train": {"checkpoint": {"every_steps": 1}}}
    path = killed(write_config(**sections), Path("broken"), 2)
    Path("mine.jsonl").write_text("\n".join(lines[:-1]))
    text = complaint(DataError, again, path)
    assert text.startswith("broken: the training data have changed since it was trained: 72 reviews then, 71 now; ")
    Path("mine.jsonl").write_text("\n".join([*lines[:-1], lines[0]]))
    assert "other texts, labels or weights" in complaint(DataError, again, path)


def test_another_model_to_start_from(small, killed, complaint):
    runner.train_model(small("train.epochs=1"), Path("origin"))
    resolved = small("model.init_from=origin")
    whole = runner.train_model(resolved, Path("whole"))
    path = killed(resolved, Path("broken"), 25)
    shutil.copytree(path, "other")
    assert again(path).digest == whole.digest
    first = Path("origin/model.safetensors").read_bytes()
    runner.train_model(small("train.epochs=2"), Path("second"))
    files.write_file(Path("origin/model.safetensors"), Path("second/model.safetensors").read_bytes())
    said = complaint(DataError, again, Path("other"))
    assert said.startswith("other: the file of model.init_from has changed since it was trained: other weights; ")
    files.write_file(Path("origin/model.safetensors"), first)
    assert again(Path("other")).digest == whole.digest


def test_other_versions_are_told(small, killed):
    path = killed(small(), Path("broken"), 25)
    facts = directory.load_run_info(path)
    facts["versions"]["numpy"] = "1.0"
    (path / "run.json").write_text(json.dumps(facts))
    notes = []
    again(path, watch=notes.append)
    assert any(
        isinstance(n, Note) and n.text.startswith(f"changed since: numpy 1.0 -> {np.__version__};") for n in notes
    )


def test_last_is_the_newest_that_was_begun(small, killed):
    runner.train_model(small("train.epochs=1"))
    assert find.find_started() == find.find_run("last")
    path = killed(small(), Path("elsewhere/run"), 12)
    assert find.find_started("last") == path
    again(path)
    assert find.find_run("last") == path


def test_what_is_no_run(here, complaint):
    assert complaint(ConfigError, find.find_started).startswith("--resume last: no training was begun here")
    Path("empty").mkdir()
    assert complaint(ConfigError, find.find_started, "empty").startswith("empty: no run directory whose training")
    assert complaint(ConfigError, find.find_started, "no").startswith("no: no such run")
