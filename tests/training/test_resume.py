"""An interrupted training resumes from its last checkpoint and ends with the same bytes."""

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
from sentibp.config.schema import Config
from sentibp.data import corpus, tokenizer
from sentibp.data.folding import Spelling
from sentibp.errors import ConfigError, DataError
from sentibp.model import initial
from sentibp.model.file import load_model
from sentibp.runs import directory, find, influence_log
from sentibp.training import checkpoint, distillation, networks
from sentibp.training.break_condition import BreakConditionMet, parse_condition
from sentibp.training.diverged import Diverged
from sentibp.training.events import Epoch, Note, Round, Step
from sentibp.training.resume import _differences
from sentibp.utils import files, spill, tensor_file

SMALL = {
    "text": {"ngrams": 1},
    "model": {"embedding": {"dim": 8}, "hidden": [4]},
    "train": {"optimizer": {"name": "adagrad"}, "epochs": 4, "batch_size": 32, "checkpoint": {"every_steps": 4}},
}  # an epoch has nine steps
RESULTS = ("model.safetensors", "metrics.jsonl", "validation.parquet", "config.yaml", "influence_log.safetensors")


class Killed(BaseException):
    """Simulates a killed process: nothing more is written to the run directory."""


@pytest.fixture
def small(write_config):
    """Return a small config with `--set` overrides."""
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


@pytest.fixture
def killed(monkeypatch):
    """`killed(resolved, out, n)` trains until the n-th event and leaves the run as it is then."""

    def kill(resolved, out: Path, n: int) -> Path:
        monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
        with pytest.raises(Killed):
            runner.train_model(resolved, out, watch=kill_at(n))
        return out

    return kill


def kill_at(n: int, kinds=Step | Epoch):
    seen = []

    def watch(event) -> None:
        if isinstance(event, kinds):
            seen.append(event)
            if len(seen) == n:
                raise Killed

    return watch


def resume_run(path: Path, *overrides: str, watch=lambda event: None):
    return resume(path, load_config(path / "config.yaml", overrides), watch)


def contents(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in RESULTS if (path / name).exists()}


def _files(path: Path) -> set[str]:
    """Return the names of the files of a run directory."""
    return {*os.listdir(path)}


EVERY_KIND = {
    "plain": [],
    "all randomness": ["train.word_dropout=0.4", "model.dropout=0.3", "model.batch_norm=true"],
    "word dropout, prefetched": ["train.word_dropout=0.4"],
    "momentum": ["train.optimizer=momentum"],
    "adam and plain mathematics": ["train.optimizer=adam", "train.math=plain"],
    "plateau": ["train.schedule={name: plateau, patience: 0}", "train.optimizer=sgd"],
    "early stopping": ["train.early_stopping=1", "train.epochs=30", "train.optimizer.learning_rate=0.3"],
    "no validation": ["data.validation=0"],
    "vanishing gradients with a warning": ["model.hidden=[4,4,4,4,4,4]", "model.activation=sigmoid"],
    "frozen": ["train.freeze=[embedding]", "train.learning_rates.hidden.0=0.5"],
    "several seeds": ["train.seeds=2", "train.epochs=2"],
    "several seeds without validation": ["train.seeds=2", "train.epochs=1", "data.validation=0"],
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
def test_a_killed_training_resumes_to_the_same_bytes(small, kind):
    """Killed before the first checkpoint, in the middle of an epoch, in the middle of all, and near the end.

    A killed process leaves the files as they are at that event: one training gives them for each of its events.
    """
    left: list[dict[Path, bytes]] = []

    def watch(event) -> None:
        if isinstance(event, Step | Epoch):
            left.append({file: file.read_bytes() for file in Path("whole").rglob("*") if file.is_file()})

    resolved = small(*EVERY_KIND[kind])
    whole = runner.train_model(resolved, Path("whole"), watch=watch)
    for n in 3, len(left) // 3, len(left) // 2, len(left) - 1:
        path = Path(f"broken-{n}")
        for file, content in left[n - 1].items():
            copy = path / file.relative_to("whole")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        outcome = resume_run(path)
        assert outcome.digest == whole.digest
        assert contents(path) == contents(whole.run)
        assert outcome._replace(run=0, model=0, seconds=0) == whole._replace(run=0, model=0, seconds=0)
        assert _files(path) == _files(whole.run), "the checkpoint is removed"


@pytest.mark.parametrize(("n", "is_config_given"), [(1, False), (12, False), (1, True)])
def test_a_resumed_training_keeps_the_notes_on_what_was_chosen(write_config, killed, n, is_config_given):
    """Its config has the default settings of long texts, and the cut, as any other setting: the data say nothing.

    The config that it was started with says nothing of them, and may be given again.
    """
    rng, rows = np.random.default_rng(0), []
    for k in range(40):
        words = [f"w{rng.integers(10**6)}" for _ in range(80)]
        rows += [f"{' '.join(words[start : start + 77])},{k % 2}" for start in range(4)]
    Path("phrases.csv").write_text("\n".join(["text,label", *rows, ""]))
    train = {"epochs": 4, "batch_size": 32, "checkpoint": {"every_steps": 4}}
    resolved = write_config(data={"source": "phrases.csv"}, train=train)
    whole = runner.train_model(resolved, Path("whole"))
    assert sum(note.startswith("long texts, ") for note in whole.notes) == 1
    assert sum("are held out together (data.group_similar)" in note for note in whole.notes) == 1
    path = killed(resolved, Path("broken"), n)
    resumed = resume(path, resolved) if is_config_given else resume_run(path)
    assert (resumed.notes, resumed.digest) == (whole.notes, whole.digest)
    before, after = (json.loads(Path(run, "run.json").read_text()) for run in ("whole", "broken"))
    assert after["notes"] == before["notes"] and after["caveats"] == before["caveats"]


@pytest.mark.parametrize(("word", "name"), [("film", "short_texts"), ("w1w", "from_scratch")])
def test_the_config_of_a_training_can_be_given_again_whatever_defaults_its_texts_chose(
    write_config, killed, word, name
):
    rows = [f"{word} {'good' if k % 2 else 'bad'} {word} {k},{k % 2}\n" for k in range(60)]
    Path("short.csv").write_text("text,label\n" + "".join(rows))
    sections = {"data": {"source": "short.csv"}, "pretrain": {}}
    resolved = write_config(**sections, train={"refit": False, "calibrate": False})
    path = killed(resolved, Path("broken"), 1)
    config = (path / "config.yaml").read_bytes()
    assert f"the config {name}" in " ".join(directory.load_run_info(path)["notes"])
    with pytest.raises(ConfigError) as caught:
        resume(path, write_config(**sections, train={"refit": False}))
    assert caught.value.lines[1:] == ("train.calibrate: was false, is true",)
    assert resume(path, resolved).outcome == "finished"
    assert (path / "config.yaml").read_bytes() == config


@pytest.mark.parametrize("ordered", [(), ("data.ordered=true",)])
def test_a_resumed_training_does_not_ask_again_whether_classes_are_in_order(small, killed, ordered):
    """Its config.yaml has no data.ordered, whose default is true: so the note came, although it was answered."""
    Path("stars.csv").write_text("text,label\n" + "".join(f"word{i % 7} {i % 3},c{i % 3}\n" for i in range(60)))
    labels = "data.labels={c0: [c0], c1: [c1], c2: [c2]}"
    resolved = small("data.source=stars.csv", labels, "train.epochs=2", *ordered)
    whole = runner.train_model(resolved, Path("whole"))
    assert sum("taken as in order" in note for note in whole.notes) == (not ordered)
    assert resume_run(killed(resolved, Path("broken"), 2)).notes == whole.notes


def test_a_checkpoint_holds_no_influence_log_that_is_too_large(small, killed, monkeypatch):
    resolved, events = small("train.refit=false"), []
    whole = runner.train_model(
        resolved, Path("whole"), watch=lambda e: events.extend([e] * isinstance(e, Step | Epoch))
    )
    monkeypatch.setattr(influence_log, "_MAX_BYTES", 10)
    for n in len(events) // 2, len(events) - 1:
        path = killed(resolved, Path(f"broken-{n}"), n)
        assert resume_run(path).digest == whole.digest
        assert _files(path) == _files(whole.run) - {influence_log.FILE}


VECTORS = {
    "of reviews": "pretrain={vectors: reviews, dim: 5, min_count: 2}",
    "of words": "pretrain={vectors: words, dim: 4}",
}


@pytest.mark.parametrize("round_", [1, 7, 19, 20])
@pytest.mark.parametrize("kind", VECTORS)
def test_a_killed_pretraining_resumes_to_the_same_bytes(small, monkeypatch, kind, round_):
    """Killed after any round, it computes only the remaining rounds."""
    resolved = small(VECTORS[kind], "train.checkpoint={every_steps: 1}")
    whole = runner.pretrain_vectors(resolved, Path("whole"))
    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    path = Path("broken")
    with pytest.raises(Killed):
        runner.pretrain_vectors(resolved, path, watch=kill_at(round_, Round))
    assert not (path / directory.VECTORS).exists()
    reported = []
    outcome = resume_pretraining(path, load_config(path / "config.yaml"), reported.append)
    assert [event.round for event in reported if isinstance(event, Round)] == list(range(min(round_, 19) + 1, 21))
    assert outcome._replace(run=0, vectors=0, seconds=0) == whole._replace(run=0, vectors=0, seconds=0)
    for name in directory.VECTORS, directory.METRICS, "config.yaml":
        assert (path / name).read_bytes() == (whole.run / name).read_bytes(), name
    assert {*os.listdir(path)} == {*os.listdir(whole.run)}, "the checkpoint is removed"
    assert resume_pretraining(path, load_config(path / "config.yaml"))._replace(seconds=0) == outcome._replace(
        seconds=0
    )


@pytest.mark.parametrize("round_", [1, 3])
@pytest.mark.parametrize("kind", VECTORS)
def test_a_training_killed_during_its_pretraining_resumes(small, monkeypatch, kind, round_):
    """Killed in the pretraining of the first seed, and of the second."""
    resolved = small(
        VECTORS[kind], "train.checkpoint={every_steps: 1}", "train.epochs=1", "train.seeds=2", "train.refit=false"
    )
    whole = runner.train_model(resolved, Path("whole"))
    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    for before in 0, 20:
        path = Path(f"broken-{before}")
        with pytest.raises(Killed):
            runner.train_model(resolved, path, watch=kill_at(before + round_, Round))
        reported = []
        assert resume_run(path, watch=reported.append).digest == whole.digest
        assert sum(isinstance(event, Round) for event in reported) == 40 - before - round_
        assert contents(path) == contents(whole.run)


def test_a_pretraining_without_checkpoints_restarts(small, monkeypatch):
    resolved = small(VECTORS["of words"], "train.checkpoint=null")
    whole = runner.pretrain_vectors(resolved, Path("whole"))
    monkeypatch.setattr(directory.Run, "fail", directory.Run.close)
    with pytest.raises(Killed):
        runner.pretrain_vectors(resolved, Path("broken"), watch=kill_at(3, Round))
    assert not (Path("broken") / checkpoint.FILE).exists()
    done = resume_pretraining(Path("broken"), load_config("broken/config.yaml"))
    assert done.digest == whole.digest == runner.pretrain_vectors(small(VECTORS["of words"])).digest
    assert Path("broken/metrics.jsonl").read_bytes() == Path("whole/metrics.jsonl").read_bytes()


def test_vanishing_gradients_give_one_warning(small):
    outcome = runner.train_model(small(*EVERY_KIND["vanishing gradients with a warning"]))
    assert len(outcome.warnings) == 1, "otherwise the test above does not cover warnings"


@pytest.mark.parametrize("kind", ["all randomness", "early stopping", "members of several seeds"])
def test_a_training_killed_many_times_resumes_to_the_same_bytes(small, killed, kind):
    """Each process is killed after a few events."""
    resolved = small(*EVERY_KIND[kind])
    whole = runner.train_model(resolved, Path("whole"))
    path = killed(resolved, Path("broken"), 6)
    times = 0
    while True:
        try:
            outcome = resume_run(path, watch=kill_at(7))
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
    assert resume_run(path).digest == whole.digest
    assert contents(path) == contents(whole.run)


def test_ctrl_c_leaves_a_checkpoint(small):
    def interrupt(event):
        if isinstance(event, Step) and event.step == 22:
            raise KeyboardInterrupt

    whole = runner.train_model(small(), Path("whole"))
    outcome = runner.train_model(small(), Path("broken"), watch=interrupt)
    assert outcome.outcome == "interrupted"
    notes = []
    assert resume_run(outcome.run, watch=notes.append).digest == whole.digest
    assert "resumes after step 22, in epoch 3" in [note.text for note in notes if isinstance(note, Note)]
    assert contents(outcome.run) == contents(whole.run)
    assert directory.load_run_info(outcome.run)["outcome"] == "finished"


def test_a_training_interrupted_between_two_networks_may_be_interrupted_again(small):
    """The checkpoint has no network in training, only finished ones. It stayed the newest, so that steps were lost."""
    settings = ("pretrain={vectors: words, dim: 4, labelled: sample}", "train.checkpoint={every_steps: 1000}")
    whole = runner.train_model(small(*settings), Path("whole"))
    left = []

    def between(event) -> None:
        if isinstance(event, Note) and event.text.startswith("distillation: "):
            left.append(event)
            raise KeyboardInterrupt

    runner.train_model(small(*settings), Path("broken"), watch=between)
    assert (len(left), checkpoint.load_checkpoint(Path("broken")).state["network"]) == (1, None)
    for step in 5, 9:

        def at(event, step=step) -> None:
            if isinstance(event, Step) and event.step == step:
                raise KeyboardInterrupt

        resume_run(Path("broken"), watch=at)
        assert checkpoint.load_checkpoint(Path("broken")).state["step"] == step
    assert resume_run(Path("broken")).digest == whole.digest
    assert contents(Path("broken")) == contents(whole.run)


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
    assert resume_run(path).digest == whole.digest
    assert built == [1]


def test_the_best_model_of_the_checkpoint_is_restored(small, killed):
    """With more epochs the learning rate decreases more slowly, so the epochs after the checkpoint change."""
    resolved = small("train.epochs=2", "train.checkpoint.every_steps=10")
    path = killed(resolved, Path("broken"), 20)  # the second epoch, its end included
    saved = checkpoint.load_checkpoint(path)
    assert saved is not None
    first = saved.state["selection"]["digest"]
    files.write_file(path / "model.safetensors", b"the model of a later epoch")
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
    outcome = resume_run(path, *overrides)
    whole = runner.train_model(small(*learned, *overrides), Path("whole"))
    assert outcome.digest == whole.digest, "with a constant learning rate the result is the same"
    assert load_config(path / "config.yaml").config.train.epochs == 6
    assert directory.load_run_info(path)["resumed"][0]["settings"] == {
        "train.early_stopping.patience": [3, 5],
        "train.checkpoint.every_seconds": [30.0, None],
        "train.checkpoint.every_steps": [4, None],
        "train.epochs": [4, 6],
    }


def test_epochs_cannot_be_raised_once_the_best_are_chosen():
    """In the final training on all data."""
    before, now = (Config.model_validate({"data": {"source": "sample"}, "train": {"epochs": n}}) for n in (4, 6))
    assert _differences(Path("run"), before, now, False, ()) == {"train.epochs": [4, 6]}
    with pytest.raises(ConfigError, match=r"train\.epochs: was 4, is 6\nits final training on all reviews has begun"):
        _differences(Path("run"), before, now, True, ())


@pytest.mark.parametrize("several", [{"linear_member": True}, {"members": 2}, {"seeds": 2}])
def test_why_the_epochs_of_several_networks_may_not_change(several):
    before, now = (
        Config.model_validate({"data": {"source": "sample"}, "train": {"epochs": n, **several}}) for n in (4, 6)
    )
    with pytest.raises(ConfigError, match=r"is 6\nthe epochs and the patience of one network may change, not those of"):
        _differences(Path("run"), before, now, False, ())


def test_other_settings_are_refused(small, killed):
    path = killed(small(), Path("broken"), 25)
    before = {name: (path / name).read_bytes() for name in os.listdir(path)}
    with pytest.raises(ConfigError) as caught:
        resume_run(path, "train.optimizer.learning_rate=0.5", "model.hidden=[5]", "train.epochs=9")
    assert caught.value.lines == (
        "broken: was trained with other settings; resume with the settings of the run, or start a new training",
        "model.hidden: was [4], is [5]",
        "train.optimizer.learning_rate: was 0.03, is 0.5",
    )
    with pytest.raises(ConfigError, match=r"train\.epochs: was 4, is 3; it can only be raised"):
        resume_run(path, "train.epochs=3")
    (path / "config.yaml").write_text((path / "config.yaml").read_text().replace("seed: 0", "seed: 1"))
    with pytest.raises(ConfigError, match=r"train\.seed: was 0, is 1"):
        resume_run(path)
    (path / "config.yaml").write_bytes(before["config.yaml"])
    assert before == {name: (path / name).read_bytes() for name in os.listdir(path)}, "no file was changed"


@pytest.mark.parametrize("kind", ["several seeds", "members", "vectors of reviews"])
def test_epochs_of_several_networks_cannot_be_raised(small, killed, kind):
    path = killed(small(*EVERY_KIND[kind]), Path("broken"), 12)
    with pytest.raises(ConfigError, match=r"train\.epochs: was 2, is 5"):
        resume_run(path, "train.epochs=5")


def test_resuming_a_finished_run(small, complaint):
    outcome = runner.train_model(small(), Path("whole"))
    notes = []
    found = resume_run(outcome.run, watch=notes.append)
    assert found == outcome
    assert notes == [Note("whole: finished already")]
    for name in "member-0.safetensors", "best-1.safetensors":  # it was killed before it had removed them
        (outcome.run / name).write_bytes(b"")
    runner.train_model(small("train.epochs=1"), Path("other"))
    assert resume_run(outcome.run) == outcome
    assert not [name for name in _files(outcome.run) if name.startswith(("member", "best"))]
    assert find.find_run("last") == outcome.run
    text = complaint(ConfigError, resume_run, outcome.run, "train.epochs=9")
    assert text == "whole: finished already; start a new training for other settings"


def test_resuming_a_finished_run_of_an_earlier_version(small):
    """Its run.json has no entry `refit`."""
    outcome = runner.train_model(small("train.refit=false"), Path("whole"))
    facts = json.loads(Path("whole/run.json").read_text())
    assert facts.pop("refit") is None
    Path("whole/run.json").write_text(json.dumps(facts))
    assert resume_run(outcome.run) == outcome


def test_resuming_a_diverged_run(small, complaint):
    with pytest.raises(Diverged):
        runner.train_model(small("train.optimizer={name: sgd, learning_rate: 1e20}"), Path("run"))
    assert complaint(ConfigError, resume_run, Path("run")).startswith("run: diverged, and would diverge again")


def test_resuming_a_run_in_training(small, complaint):
    message = []

    def watch(event):
        if isinstance(event, Step) and event.step == 12 and not message:
            message.append(complaint(ConfigError, resume_run, Path("run")))

    whole = runner.train_model(small(), Path("whole"))
    assert runner.train_model(small(), Path("run"), watch=watch).digest == whole.digest
    assert message == ["run: another process is training it; wait until it ends, or stop it"]


def test_other_data(write_config, killed, complaint):
    lines = [json.dumps({"text": f"good {i}", "label": 1}) for i in range(40)]
    lines += [json.dumps({"text": f"bad {i}", "label": 0}) for i in range(40)]
    Path("mine.jsonl").write_text("\n".join(lines))
    sections = {**SMALL, "data": {"source": "mine.jsonl"}, "train": {"checkpoint": {"every_steps": 1}}}
    path = killed(write_config(**sections), Path("broken"), 2)
    Path("mine.jsonl").write_text("\n".join(lines[:-1]))
    text = complaint(DataError, resume_run, path)
    assert text.startswith("broken: the training data have changed since it was trained: 72 reviews then, 71 now; ")
    Path("mine.jsonl").write_text("\n".join([*lines[:-1], lines[0]]))
    assert "other texts, labels or weights" in complaint(DataError, resume_run, path)
    Path("mine.jsonl").write_text("\n".join(lines).replace('"label"', '"stars"'))
    text, again = complaint(DataError, resume_run, path), "a new training, `sentibp train broken/config.yaml`, with"
    assert "--set data.label_column=stars" in text, "which the same command refuses"
    assert text.endswith(f"; a run keeps its settings: restore the data, or start {again} such an option")
    Path("mine.jsonl").rename("other.jsonl")
    assert complaint(DataError, resume_run, path).endswith("work in the folder that has mine.jsonl now")


def test_a_killed_training_with_a_lexicon(small, killed, write_lexicon, complaint):
    write_lexicon({"good": 2.0, "bad": -2.0, "splendid": 3.0})
    resolved = small("pretrain.lexicon=vader", "train.members=2", "train.epochs=1")
    whole = runner.train_model(resolved, Path("whole"))
    for n in 3, 12, 17:  # before the first checkpoint, in the second member, near the end
        path = killed(resolved, Path(f"broken-{n}"), n)
        write_lexicon({"good": 2.0, "bad": -2.5})
        text = complaint(DataError, resume_run, path)
        assert "the lexicon of pretrain.lexicon has changed since it was trained: other words or polarities; " in text
        write_lexicon({"good": 2.0, "bad": -2.0, "splendid": 3.0})
        assert resume_run(path).digest == whole.digest
        assert contents(path) == contents(whole.run)


def test_a_changed_initial_model_is_refused(small, killed, complaint):
    runner.train_model(small("train.epochs=1"), Path("origin"))
    resolved = small("model.init_from=origin")
    whole = runner.train_model(resolved, Path("whole"))
    path = killed(resolved, Path("broken"), 25)
    shutil.copytree(path, "other")
    assert resume_run(path).digest == whole.digest
    first = Path("origin/model.safetensors").read_bytes()
    runner.train_model(small("train.epochs=2"), Path("second"))
    files.write_file(Path("origin/model.safetensors"), Path("second/model.safetensors").read_bytes())
    message = complaint(DataError, resume_run, Path("other"))
    assert message.startswith("other: the file of model.init_from has changed since it was trained: other weights; ")
    files.write_file(Path("origin/model.safetensors"), first)
    assert resume_run(Path("other")).digest == whole.digest


def test_changed_versions_are_reported(small, killed):
    path = killed(small(), Path("broken"), 25)
    facts = directory.load_run_info(path)
    facts["versions"]["numpy"] = "1.0"
    (path / "run.json").write_text(json.dumps(facts))
    notes = []
    resume_run(path, watch=notes.append)
    assert any(
        isinstance(n, Note) and n.text.startswith(f"changed since: numpy 1.0 -> {np.__version__};") for n in notes
    )


def test_resume_last_is_the_run_that_was_started_last(small, killed):
    runner.train_model(small("train.epochs=1"))
    assert find.find_started() == find.find_run("last")
    path = killed(small(), Path("elsewhere/run"), 12)
    assert find.find_started("last") == path
    resume_run(path)
    assert find.find_run("last") == path


def test_resuming_what_is_not_a_run(here, complaint):
    assert complaint(ConfigError, find.find_started).startswith("--resume last: no training was started here")
    Path("runs").mkdir()
    Path("runs/started").write_text("runs/moved\n")  # it "was never started"
    assert complaint(ConfigError, find.find_started) == (
        "--resume last: runs/started names runs/moved, which is gone; name its run directory"
    )
    Path("empty").mkdir()
    assert complaint(ConfigError, find.find_started, "empty").startswith(
        "empty: a folder, not a run directory; name one, see `sentibp runs list`"
    )
    assert complaint(ConfigError, find.find_started, "no").startswith("no: no such run")
    for name in "run.json", "checkpoint.safetensors", "config.yaml":
        Path("empty", name).write_text("")
        if name != "run.json":
            message = complaint(ConfigError, find.find_started, f"empty/{name}")
            its = ", empty" if name == "config.yaml" else ": -m empty"
            assert message.endswith(f"name its run directory{its}"), message


@pytest.mark.parametrize("version", [2, 3])
def test_a_checkpoint_of_an_earlier_version(small, killed, version):
    """Format 3 had the numbers of a calibration one by one. Format 2 had other keys, and the setting text.parts."""
    resolved = small()
    whole = runner.train_model(resolved, Path("whole"))
    path = killed(resolved, Path("killed"), 23)
    saved = checkpoint.load_checkpoint(path)
    assert saved is not None
    state = {**saved.state, "format": version}
    factor, shift, *none = state["selection"].pop("calibration")
    assert none == [0.0, 1.0]
    state["selection"] |= {"factor": factor, "shift": shift}
    if version == 2:
        log, selection = state.pop("log"), state.pop("selection")
        health = {"flows": log["gradient_flow"]["flows"], "said": log["gradient_flow"]["warned"]}
        state["best"] = {**selection, "warnings": log["warnings"], "health": health}
        state["config"]["text"]["parts"] = state["config"]["text"].pop("affixes")
        state["chance"] = state.pop("network")
    del state["checksum"]
    (path / checkpoint.FILE).write_bytes(tensor_file.pack_tensor_file(state, saved.tensors, checkpoint.KEY))
    assert resume_run(path).digest == whole.digest
    assert contents(path) == contents(whole.run)


def as_of_an_earlier_version(path: Path) -> None:
    """Take out of a run the settings that the versions up to model format 3 did not have."""
    config = path / "config.yaml"
    lines = config.read_text("utf-8").splitlines(keepends=True)
    later = [line for line in lines if line.strip().startswith(("folding:", "classes:", "presence:"))]
    assert [line.strip() for line in later] == ["folding: 1", "classes: []", "presence: false"]
    config.write_text("".join(line for line in lines if line not in later), "utf-8")
    saved = checkpoint.load_checkpoint(path)
    if saved is not None:
        state = dict(saved.state)
        for key in ("folding", "classes", "presence"):
            del state["config"]["text"][key]
        del state["checksum"]
        (path / checkpoint.FILE).write_bytes(tensor_file.pack_tensor_file(state, saved.tensors, checkpoint.KEY))


@pytest.mark.parametrize("events", [12, 1], ids=["with a checkpoint", "without"])
def test_a_run_of_an_earlier_version_keeps_its_folding(small, killed, events):
    """With the settings of its run directory, and with those of a config that does not name the folding."""
    rows = [json.dumps({"text": f"{'good' if i % 2 else 'bad'} wor\xad{i % 3}", "label": i % 2}) for i in range(80)]
    Path("texts.jsonl").write_text("\n".join(rows))
    source = "data.source=texts.jsonl"
    whole = runner.train_model(small(source, "text.folding=1"), Path("whole"))
    path = killed(small(source, "text.folding=1"), Path("killed"), events)
    assert (path / checkpoint.FILE).exists() == (events > 1)
    as_of_an_earlier_version(path)
    for folder in Path("a"), Path("b"):
        shutil.copytree(path, folder)
    assert resume_run(Path("a")).digest == whole.digest
    assert resume(Path("b"), small(source)).digest == whole.digest
    with pytest.raises(ConfigError, match=r"text\.folding: was 1, is 2"):
        resume(path, small(source, "text.folding=2"))
    assert "wor\xad1" in load_model(Path("a/model.safetensors")).vocabulary.words.to_pylist()


def test_a_training_from_an_earlier_model_keeps_its_folding(small):
    """Unless the config names another one."""
    first = runner.train_model(small("text.folding=1", "text.classes=[url]"), Path("first"))
    notes = []
    second = runner.train_model(
        small("model.init_from=first"), Path("second"), watch=lambda event: notes.append(getattr(event, "text", ""))
    )
    assert load_model(second.model).spec.spelling == load_model(first.model).spec.spelling
    assert f"text.folding is 1, as in {first.model}, whose words it starts from" in notes
    third = runner.train_model(small("model.init_from=first", "text.folding=2", "text.classes=[]"), Path("third"))
    assert load_model(third.model).spec.spelling == Spelling()


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_a_training_that_a_condition_stopped_resumes_before_that_step(small, optimizer):
    """Nothing of the step remains: neither random numbers, nor moving averages, nor the optimizer's update."""
    settings = ["model.dropout=0.2", "model.batch_norm=true", "train.word_dropout=0.2", "train.checkpoint=30"]
    settings += [f"train.optimizer={{name: {optimizer}, learning_rate: 0.01}}"]
    whole = runner.train_model(small(*settings), Path("whole"))
    path = Path("stopped")
    with pytest.raises(BreakConditionMet):
        runner.train_model(small(*settings), path, stop=parse_condition("step == 13"))
    for condition in "grad_norm > 0", "update_norm > 0":
        assert checkpoint.load_checkpoint(path).state["step"] == 12
        with pytest.raises(BreakConditionMet, match=r"^stopped at step 13"):
            resume(path, small(*settings), stop=parse_condition(condition))
    assert resume(path, small(*settings)).digest == whole.digest
    assert contents(path) == contents(Path("whole"))
