"""Train a run again and compare: it is the same, or the first difference is reported."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import runner
from runner import reproduce, resume
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.model import initial
from sentibp.nn.layers import Linear
from sentibp.nn.optim import Adagrad
from sentibp.runs import directory
from sentibp.training import events as training_events
from sentibp.training import loop, networks
from sentibp.training.diverged import Diverged
from sentibp.training.events import Epoch, Step
from sentibp.training.sweep import Options, Sweep, plan_sweep
from sentibp.training.sweep_folder import SweepFolder
from sentibp.training.trial_pool import SerialPool
from sentibp.utils import environment, tensor_file
from sentibp.utils.threads import single_threaded_blas

SMALL = {
    "text": {"ngrams": 1},
    "model": {"embedding": {"dim": 8}, "hidden": [4]},
    "train": {"epochs": 2, "batch_size": 32},
}  # an epoch has nine steps
TENSORS = ["embedding.weight", "hidden.0.weight", "hidden.0.bias", "output.weight", "output.bias"]


SENTENCES = [f"it {('broke', 'works')[i % 2]} after {i} days,{i % 2}" for i in range(60)]


@pytest.fixture
def short_texts(here):
    """Return a config that names short texts in English only."""
    Path("r.csv").write_text("\n".join(["text,label", *SENTENCES]))
    return load_config("default", ["data.source=r.csv"])


@pytest.fixture
def small(write_config):
    """Return a small config with `--set` overrides."""
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


@pytest.mark.parametrize(
    ("overrides", "epochs"),
    [
        ([], 2),
        (["train.word_dropout=0.4", "model.dropout=0.3", "model.batch_norm=true"], 2),
        (["train.early_stopping=1", "train.epochs=30", "train.optimizer.learning_rate=0.3"], None),
        (["train.seeds=2", "train.freeze=[embedding]"], 4),
        (["train.members=2", "pretrain={vectors: reviews, dim: 5, min_count: 2}"], 4),
        (["data.validation=0"], 2),
    ],
    ids=str,
)
def test_a_training_is_reproduced(small, overrides, epochs):
    outcome = runner.train_model(small(*overrides))
    last = Path("runs/last").read_text()
    events = []
    result = reproduce(outcome.run, events.append)
    assert {event.run for event in events if isinstance(event, training_events.NetworkStarted)} == {outcome.run}, (
        "the run, not the temporary folder"
    )
    assert result.same
    assert result.whole
    assert result.difference is None
    assert result.digest == result.again == outcome.digest
    assert result.epochs == (epochs or result.epochs)
    assert result.steps == result.epochs * (10 if "data.validation=0" in overrides else 9)
    assert result.changed == {}
    assert Path("runs/last").read_text() == last
    assert len(list(directory.list_runs())) == 1, "no run is left behind"


@pytest.mark.parametrize("folds", [0, 2])
def test_a_trial_of_a_sweep_is_reproduced_without_the_refit(small, complaint, folds):
    Path("space.yaml").write_text("train.optimizer.learning_rate: [0.1, 0.01]\n")
    resolved = small("train.refit=true", "train.epochs=1")
    plan, _ = plan_sweep(resolved, Path("space.yaml"), Options(trials=2, folds=folds))
    with SweepFolder(Path("found")) as folder:
        folder.open(plan)
        sweep = Sweep(plan, folder, SerialPool(lambda: ""), lambda: "")
        list(sweep)
        best = sweep.finish().best
    assert best is not None
    if folds:
        for path in "found", "found/trials/0", "found/trials/0/fold-1":
            assert "sentibp train found/best.yaml" in complaint(ConfigError, reproduce, Path(path))
        return
    for number in 0, 1:  # one of them has no model any more
        result = reproduce(Path(f"found/trials/{number}"))
        assert result.same
        assert result.whole
        assert result.epochs == 1
    assert "sentibp train found/best.yaml" in complaint(ConfigError, reproduce, Path("found"))


def test_an_interrupted_training_is_reproduced_up_to_its_last_step(small):
    def watch(event):
        if isinstance(event, Step) and event.step == 12:
            raise KeyboardInterrupt

    outcome = runner.train_model(small("train.checkpoint.every_steps=5"), watch=watch)
    result = reproduce(outcome.run)
    assert (result.same, result.whole, result.epochs, result.steps) == (True, False, 1, 12)
    file = outcome.run / "metrics.jsonl"
    content = file.read_text()
    lines = [json.loads(line) for line in content.splitlines()]
    next(line for line in lines if line["event"] == "epoch")["scores"]["log_loss"] += 1e-15
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = reproduce(outcome.run)
    assert (result.same, result.whole, result.difference["what"]) == (False, False, ["scores"])
    file.write_text(content)
    resume(outcome.run, load_config(outcome.run / "config.yaml"))
    result = reproduce(outcome.run)
    assert (result.same, result.whole, result.epochs, result.steps) == (True, True, 2, 18)


class Planted:
    """`is_due` is true in the n-th call, in which a test changes a result."""

    def __init__(self, step: int):
        self.left = step

    def is_due(self) -> bool:
        self.left -= 1
        return self.left == 0


def test_a_different_update_is_reported(small, monkeypatch):
    """The difference is one bit in one row of the embedding, in step 12."""
    outcome = runner.train_model(small("train.calibrate=false"))  # no trainings before it
    rule, planted = Adagrad.rule, Planted(12)

    def other(self, w, g, state, lr):
        rule(self, w, g, state, lr)
        if w.shape[1:] == (8,) and planted.is_due():
            w[5, 3] = np.nextafter(w[5, 3], np.float32(1))

    monkeypatch.setattr(Adagrad, "rule", other)
    result = reproduce(outcome.run)
    assert not result.same
    assert result.difference == {
        "seed": 0,
        "epoch": 2,
        "step": 12,
        "event": "step",
        "tensors": ["embedding.weight"],
        "what": [],
    }
    assert (result.epochs, result.steps) == (1, 11)
    assert result.again is None


def test_a_different_gradient_is_reported(small, monkeypatch):
    outcome = runner.train_model(small("train.calibrate=false"))  # no trainings before it
    backward, planted = Linear.backward, Planted(2 * 7)  # two layers

    def other(self, dy):
        dx = backward(self, dy)
        if planted.is_due():
            self.grads = {**self.grads, "weight": self.grads["weight"] * np.float32(1.0001)}
        return dx

    monkeypatch.setattr(Linear, "backward", other)
    difference = reproduce(outcome.run).difference
    assert difference is not None
    assert (difference["epoch"], difference["step"]) == (1, 7)
    assert difference["tensors"] == ["hidden.0.weight"]
    assert [what.split(" ")[:2] for what in difference["what"]] == [["gradient", "norm"]]


def test_different_initial_weights_are_reported(small, monkeypatch):
    outcome = runner.train_model(small())
    build = initial.build_classifier

    def other(*arguments):
        classifier = build(*arguments)
        classifier.network.params["output.weight"][1] += np.float32(1e-6)
        return classifier

    monkeypatch.setattr(networks, "build_classifier", other)
    difference = reproduce(outcome.run).difference
    assert difference is not None
    assert (difference["event"], difference["epoch"], difference["step"]) == ("start", 1, 0)
    assert difference["tensors"] == ["output.weight"]


def test_changed_frozen_weights_are_reported_at_the_end_of_the_epoch(small, monkeypatch):
    outcome = runner.train_model(small("train.freeze=[output]"))
    evaluate = loop.evaluate

    def other(network, examples):
        network.params["output.bias"][0] = np.nextafter(network.params["output.bias"][0], 1)
        return evaluate(network, examples)

    monkeypatch.setattr(loop, "evaluate", other)
    difference = reproduce(outcome.run).difference
    assert difference is not None
    assert (difference["event"], difference["epoch"], difference["tensors"]) == ("epoch", 1, ["output.bias"])


def test_a_different_recorded_loss_is_reported(small):
    outcome = runner.train_model(small())
    file = outcome.run / "metrics.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    line = next(line for line in lines if line["event"] == "step" and line["step"] == 4)
    loss = line["loss"]
    line["loss"] += 1e-15
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    difference = reproduce(outcome.run).difference
    assert difference is not None
    assert (difference["step"], difference["tensors"]) == (4, [])
    assert difference["what"] == [f"loss {line['loss']} then, {loss} now"]


@pytest.mark.parametrize(("event", "key"), [("step", "learning_rate"), ("step", "check"), ("epoch", "scores")])
def test_each_recorded_number_is_compared(small, event, key):
    """Of the checksums, the one of the last tensor, too."""
    outcome = runner.train_model(small())
    file = outcome.run / "metrics.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    line = next(line for line in lines if line["event"] == event)
    if key == "scores":
        line[key]["brier"] += 1e-15
    else:
        line[key] = line[key] + 1e-15 if key == "learning_rate" else line[key][:-4] + "zzzz"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    difference = reproduce(outcome.run).difference
    assert difference is not None and difference["event"] == event
    assert (difference["what"] == [], difference["tensors"]) == (key == "check", TENSORS[-1:] * (key == "check"))


def test_a_finished_run_whose_records_have_no_end_is_not_compared_as_a_whole(small):
    outcome = runner.train_model(small("train.refit=false"))
    file = outcome.run / "metrics.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-3]))
    result = reproduce(outcome.run)
    assert (result.same, result.whole, result.again) == (True, False, None)


def test_an_edited_config_is_reported(small):
    outcome = runner.train_model(small())
    path = outcome.run / "config.yaml"
    path.write_text(path.read_text().replace("calibrate: true", "calibrate: false"))
    result = reproduce(outcome.run)
    assert not result.same
    assert result.difference is not None
    assert result.difference["what"] == ["the model, but no step: was config.yaml edited?"]
    assert result.again not in (None, outcome.digest)


def test_another_seed_in_an_edited_config_is_named(small):
    outcome = runner.train_model(small())
    path = outcome.run / "config.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 5"))
    difference = reproduce(outcome.run).difference
    assert difference is not None
    assert difference["what"] == ["seed 0 then, 5 now: was config.yaml edited?"]


def test_a_model_file_that_was_replaced_is_reported(small):
    """The digest in run.json is that of the training, whatever file lies there now."""
    outcome, other = runner.train_model(small()), runner.train_model(small("train.seed=1"))
    (outcome.run / "model.safetensors").write_bytes((other.run / "model.safetensors").read_bytes())
    result = reproduce(outcome.run)
    assert (result.same, result.again) == (False, outcome.digest)
    assert result.difference is not None
    file = outcome.run / "model.safetensors"
    assert result.difference["what"] == [f"{file}: not the file that the training wrote; was it replaced?"]


def test_a_config_with_fewer_epochs(small):
    outcome = runner.train_model(small("train.schedule=constant", "train.refit=false"))
    path = outcome.run / "config.yaml"
    path.write_text(path.read_text().replace("epochs: 2", "epochs: 1"))
    difference = reproduce(outcome.run).difference
    assert difference is not None
    assert difference["what"] == ["the run has more records than the training that was repeated"]


def test_changes_of_the_machine_are_reported(small, monkeypatch):
    outcome = runner.train_model(small())
    facts = directory.load_run_info(outcome.run)
    facts["versions"]["numpy"] = "1.0"
    facts["machine"]["cores"] = 999
    (outcome.run / "run.json").write_text(json.dumps(facts))
    now = {"versions": environment.versions(), "machine": environment.machine()}
    result = reproduce(outcome.run)
    assert result.same
    assert result.changed == {
        "numpy": ["1.0", now["versions"]["numpy"]],
        "cores": [999, now["machine"]["cores"]],
    }


def test_other_data(write_config, complaint):
    words = ["good"] * 40 + ["bad"] * 40
    lines = [json.dumps({"text": f"{word} {i}", "label": word == "good"}) for i, word in enumerate(words)]
    Path("mine.jsonl").write_text("\n".join(lines))
    outcome = runner.train_model(write_config(**SMALL | {"data": {"source": "mine.jsonl"}}))
    Path("mine.jsonl").write_text("\n".join(lines[1:]))
    message = complaint(DataError, reproduce, outcome.run)
    assert "the training data have changed since it was trained: 72 reviews then, 71 now" in message
    Path("mine.jsonl").write_text("\n".join(lines).replace('"label"', '"stars"'))
    message = complaint(DataError, reproduce, outcome.run)
    assert "--set data.label_column=stars" in message, "which reproduce does not have"
    assert message.endswith("/config.yaml`, with such an option")
    Path("mine.jsonl").unlink()
    assert "mine.jsonl" in complaint(DataError, reproduce, outcome.run)


def test_a_run_with_raised_epochs_is_refused(small, complaint):
    outcome = runner.train_model(small())
    facts = directory.load_run_info(outcome.run) | {"resumed": [{"settings": {"train.epochs": [1, 2]}}]}
    (outcome.run / "run.json").write_text(json.dumps(facts))
    assert "its epochs were raised when it was resumed" in complaint(ConfigError, reproduce, outcome.run)
    facts["resumed"] = [{}, {"settings": {"train.checkpoint.every_steps": [4, 8]}}]
    (outcome.run / "run.json").write_text(json.dumps(facts))
    assert reproduce(outcome.run).same, "which changes no number"


@pytest.mark.parametrize(("patience", "refused"), [(1, True), (5, False)])
def test_a_run_with_another_patience(small, complaint, patience, refused):
    """With a lower one from the start, it would have ended before the epoch in which it was resumed."""
    settings = ["train.epochs=9", "train.optimizer.learning_rate=1", "train.checkpoint={every_steps: 1}"]
    settings += ["train.early_stopping={metric: log_loss, patience: 3}", "train.refit=false"]
    ended: list[float] = []

    def watch(event) -> None:
        if isinstance(event, Epoch):
            ended.append(event.scores["log_loss"])
            if len(ended) - 1 - int(np.argmin(ended)) == 2:
                raise KeyboardInterrupt

    run = runner.train_model(small(*settings), Path("run"), watch=watch).run
    resume(run, load_config(run / "config.yaml", [f"train.early_stopping.patience={patience}"]))
    if refused:
        assert complaint(ConfigError, reproduce, run) == (
            "run: its patience was lowered when it was resumed; no single config trains it again"
        )
    else:
        assert reproduce(run).same


@pytest.mark.parametrize("content", [None, b"", b"not json\n", b"[]\n", b'{"event": "step"'], ids=str)
def test_without_records(small, complaint, content):
    outcome = runner.train_model(small())
    file = outcome.run / "metrics.jsonl"
    file.unlink() if content is None else file.write_bytes(content)
    assert complaint(DataError, reproduce, outcome.run).startswith((f"{file}: ", f"{file}:1: "))


@pytest.mark.parametrize("same", [True, False])
def test_a_model_with_another_header_and_the_same_numbers_is_the_same(small, same):
    """An earlier version called text.affixes text.parts, so that its model files have other digests. But not with
    another word in the vocabulary: no step depends on how a word is spelled."""
    outcome = runner.train_model(small())
    path = outcome.run / "model.safetensors"
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["sentibp"])
    header["config"]["text"]["parts"] = header["config"]["text"].pop("affixes")
    del header["checksum"]
    tensors = load_file(path)
    words = bytes(tensors["vocabulary.words"])
    if not same:
        words = b"z" + words[1:]  # the first letter of the first word
    tensors["vocabulary.words"] = np.frombuffer(words, np.uint8)
    path.write_bytes(tensor_file.pack_tensor_file(header, tensors))
    facts = directory.load_run_info(outcome.run)
    facts["digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (outcome.run / "run.json").write_text(json.dumps(facts))
    assert facts["digest"] != outcome.digest
    result = reproduce(outcome.run)
    assert (result.same, result.whole, result.difference is None) == (same, True, same)


DIVERGES = "train.optimizer={name: sgd, learning_rate: 1e30}"


def test_a_run_that_diverged_diverges_again(small):
    with pytest.raises(Diverged):
        runner.train_model(small(DIVERGES), Path("run"))
    result = reproduce(Path("run"))
    assert result.same
    assert not result.whole
    assert result.stopped is not None
    assert result.stopped.startswith("diverged at step 2 (epoch 1): ")
    assert result.steps == 1


def test_a_run_that_diverged_in_another_step_is_different(small):
    with pytest.raises(Diverged):
        runner.train_model(small(DIVERGES), Path("run"))
    facts = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps(facts | {"tensor": "output.weight"}))
    result = reproduce(Path("run"))
    assert not result.same
    assert result.stopped is None
    assert result.difference is not None
    assert "diverged at step 2" in result.difference["what"][0]


def test_a_run_is_the_same_with_any_number_of_threads(short_texts, monkeypatch):
    """A Python program does not limit BLAS, as a command does: the products between the steps must not depend on it."""
    monkeypatch.setattr(single_threaded_blas, "is_needed", True)
    with threadpool_limits(2, "blas"):
        outcome = runner.train_model(short_texts)
    with threadpool_limits(1, "blas"):
        found = reproduce(outcome.run)
    assert (found.same, found.difference) == (True, None)


def test_no_random_numbers_are_drawn_that_the_words_replace(short_texts, monkeypatch):
    """Vectors, lexicon and linear classifier replace the whole embedding, whatever model.embedding.init is."""
    outcome = runner.train_model(short_texts)
    assert load_config(outcome.run / "config.yaml").config.model.embedding.init == "linear"
    zeros = runner.train_model(load_config(outcome.run / "config.yaml", ["model.embedding.init=zeros"]))
    tensors = [load_file(each.model) for each in (outcome, zeros)]
    assert all(np.array_equal(tensor, tensors[1][name]) for name, tensor in tensors[0].items())
    monkeypatch.setattr(initial, "_random_weights", None)
    monkeypatch.setattr(initial, "linear_start", None)
    assert reproduce(outcome.run).same
