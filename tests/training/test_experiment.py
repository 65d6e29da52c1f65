"""Train small configs on the data sets of the package, from the config to the run directory."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from runner import resume as resume_run
from runner import train_model

from sentibp import metrics
from sentibp.config.load import load_config
from sentibp.data import corpus as data_corpus
from sentibp.data import ngram_counts, sources, tokenizer, vocabulary, vocabulary_build
from sentibp.data.readers import batches, compression, content, encoding
from sentibp.data.split import split_corpus
from sentibp.errors import ConfigError, DataError
from sentibp.inspection.evaluate import evaluate_on
from sentibp.model import file as model_file
from sentibp.runs import compare, directory, find
from sentibp.runs.saved_model import saved_model
from sentibp.training import experiment, metrics_log, networks, postmortem, resume
from sentibp.training.break_condition import BreakConditionMet, parse_condition
from sentibp.training.diverged import Diverged
from sentibp.training.events import Epoch, NetworkStarted, Note, Step
from sentibp.training.experiment import Outcome
from sentibp.utils import cache, rng, spill
from sentibp.utils.resources import resource_folder

SMALL: dict[str, Any] = {
    "text": {"ngrams": 1, "min_count": 2},
    "model": {"embedding": {"dim": 8, "padding": 0}, "hidden": [4]},
    "train": {
        "optimizer": {"learning_rate": 0.1},
        "epochs": 4,
        "batch_size": 32,
        "word_dropout": 0,
        "calibrate": False,  # so that the scores of an epoch are those of the saved model
        "refit": False,
    },
}


@pytest.fixture
def small(write_config):
    """Return a small config with `--set` overrides: `small("train.epochs=2")`."""
    return lambda *overrides: write_config("small.yaml", overrides, **SMALL)


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def epochs(run: Path, seed: int = 0) -> list[dict[str, Any]]:
    return [line for line in lines(run) if line["event"] == "epoch" and line["seed"] == seed]


def interrupt_at(kind: type, n: int = 1):
    """Return a `watch` that raises KeyboardInterrupt at the n-th event of a kind."""
    seen = []

    def watch(event) -> None:
        seen.extend([event] * isinstance(event, kind))
        if isinstance(event, kind) and len(seen) == n:
            raise KeyboardInterrupt

    return watch


# A run


def test_the_events_and_files_of_a_run(small):
    events: list[Any] = []
    outcome = train_model(small(), command=["sentibp", "train", "small.yaml"], watch=events.append)
    assert sorted(os.listdir(outcome.run)) == [
        "config.yaml",
        "influence_log.safetensors",
        "metrics.jsonl",
        "model.safetensors",
        "review_hashes.safetensors",
        "run.json",
        "validation.parquet",
    ]
    ready, *rest = events
    assert isinstance(ready, NetworkStarted)
    classifier = model_file.load_model(outcome.model)
    features = len(classifier.vocabulary)
    parameters = 8 * features + (8 * 4 + 4) + (4 + 1)
    assert ready == NetworkStarted(outcome.run, 0, 288, 32, features, parameters, 4, 36)
    assert [type(event) for event in rest] == [*[Step] * 9, Epoch] * 4
    one = ["step", "flow", *["step"] * 8, "epoch"]
    assert [line["event"] for line in lines(outcome.run)] == ["start", *one * 4]
    losses = [line["loss"] for line in lines(outcome.run) if line["event"] not in ("start", "flow")]
    assert losses == [event.loss for event in rest]

    assert outcome.outcome == "finished"
    assert outcome.scored_on == "validation"
    assert outcome.seeds is None
    assert outcome.digest == hashlib.sha256(outcome.model.read_bytes()).hexdigest()
    facts = directory.load_run_info(outcome.run)
    assert facts["command"] == ["sentibp", "train", "small.yaml"]
    assert facts["outcome"] == "finished"
    assert facts["scores"] == outcome.scores
    assert facts["digest"] == outcome.digest
    assert facts["seconds"] == outcome.seconds
    assert facts["notes"] == outcome.notes == []
    assert {name: part["reviews"] for name, part in facts["data"].items()} == {"training": 288, "validation": 32}
    assert find.find_run("last") == outcome.run


def test_the_best_epoch_is_kept(small):
    outcome = train_model(small("train.epochs=12"))
    scores = [line["scores"] for line in epochs(outcome.run)]
    best = max(scores, key=lambda score: score["accuracy"])  # the first of equal ones
    assert best != scores[-1]  # otherwise this test shows nothing
    classifier = model_file.load_model(outcome.model)
    assert classifier.scores == outcome.scores == best
    evaluation = evaluate_on(classifier)
    assert {name: evaluation.scores[name] for name in best} == best


def test_validation_predictions_are_saved(small):
    outcome = train_model(small())
    paired = compare.compare_runs(outcome.run, outcome.run)["paired"]
    assert paired["p_value"] == 1
    from pyarrow import parquet

    table = parquet.read_table(outcome.run / "validation.parquet")
    assert outcome.scores == metrics.scores(table["label"].to_numpy(), table["positive"].to_numpy())


def test_notes_on_the_data_are_in_the_outcome_and_in_run_json(write_config):
    rows = [f"a {word} film {i},{i % 2}" for i, word in enumerate(["good", "bad"] * 40)]
    Path("reviews.csv").write_text("\n".join(["text,label", *rows, *rows[:4]]) + "\n")
    shown: list[Any] = []
    resolved = write_config(**SMALL | {"data": {"source": "reviews.csv", "validation": 0.5}})
    outcome = train_model(resolved, watch=shown.append)
    assert any("also occur in the training data" in note for note in outcome.notes)
    assert [event.text for event in shown if isinstance(event, Note)] == outcome.notes
    assert directory.load_run_info(outcome.run)["notes"] == outcome.notes


def test_equal_settings_give_equal_bytes(small):
    assert train_model(small()).digest == train_model(small()).digest
    assert train_model(small()).digest != train_model(small("train.seed=1")).digest


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["data.validation=0"],
        ["data.source=sample", "data.validation=test"],
        ["model.dropout=0.1", "model.batch_norm=true", "train.word_dropout=0.2", "train.optimizer=adam"],
        ["train.schedule=plateau", "train.early_stopping=1", "train.class_weight=balanced", "train.seeds=2"],
    ],
    ids=lambda overrides: ",".join(overrides)[:40] or "-",
)
def test_training_the_config_of_a_run_gives_the_same_bytes(small, overrides):
    first = train_model(small(*overrides))
    second = train_model(load_config(first.run / "config.yaml"))
    assert second.run != first.run
    assert second.digest == first.digest
    assert second.scores == first.scores


# Data


def test_validation_data_may_be_a_split(small):
    ready: list[Any] = []
    outcome = train_model(small("data.source=sample", "data.validation=test"), watch=ready.append)
    assert (ready[0].training, ready[0].validation) == (320, 80)
    assert outcome.scores is not None
    assert outcome.scores["n"] == 80


def test_without_validation_data_the_last_epoch_is_kept_and_scored_on_the_training_data(small):
    outcome = train_model(small("data.validation=0"))
    assert outcome.scored_on == "training"
    assert outcome.scores is not None
    assert outcome.scores["n"] == 320
    assert [line["scores"] for line in epochs(outcome.run)] == [None] * 4
    assert not (outcome.run / "validation.parquet").exists()
    assert directory.load_run_info(outcome.run)["data"]["validation"] is None
    assert "no review was held out" in complaint_of(evaluate_on, model_file.load_model(outcome.model))


def complaint_of(function, *arguments) -> str:
    with pytest.raises(DataError) as caught:
        function(*arguments)
    return str(caught.value)


def test_reviews_in_both_training_and_validation_data_are_reported(write_config):
    Path("twice.csv").write_text("text,label\n" + "".join(f"film {i // 2},{i % 4 // 2}\n" for i in range(40)))
    events: list[Any] = []
    train_model(write_config(data={"source": "twice.csv", "validation": 0.5}, train={"epochs": 1}), watch=events.append)
    notes = [event.text for event in events if isinstance(event, Note)]
    (note,) = [text for text in notes if "also occur in the training data" in text]
    count = int(note.split()[0])
    assert 0 < count <= 20
    assert note == f"{count} of 20 validation reviews also occur in the training data"
    assert isinstance(events[-1], Epoch)


def test_a_vocabulary_without_words(small, complaint):
    text = complaint(DataError, train_model, small("text.min_count=10000"))
    assert text == (
        "no word occurs 10000 times in the 288 training reviews; give more text, or keep rare words, too, with "
        "--set text.min_count=1"
    )
    assert not Path("runs").exists()  # no run was created


def test_reviews_of_one_class(write_config, complaint):
    Path("happy.csv").write_text("text,label\ngood,1\ngreat,1\n")
    resolved = write_config(data={"source": "happy.csv"})
    assert complaint(DataError, train_model, resolved) == "happy.csv: all 2 labels are positive; training needs both"


def test_a_directory_in_use_is_refused_before_training(small, complaint):
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine")
    assert complaint(ConfigError, train_model, small(), Path("full")).startswith("--out full: already there")
    outcome = train_model(small(), Path("out/first"))
    assert outcome.run == Path("out/first")
    assert find.find_run("last") == Path("out/first")


# Data that do not fit in memory


@pytest.fixture
def in_pieces(monkeypatch):
    """Process all data in small pieces, on disk."""

    def switch():
        for module, name, value in (
            (spill, "IN_MEMORY", 0),
            (tokenizer, "_PIECE_BYTES", 500),
            (tokenizer, "_MERGED", 2),
            (vocabulary, "PIECE", 100),
            (vocabulary_build, "_ORDERED", 70),
            (ngram_counts, "_SHARD", 50),
            (data_corpus, "_ROWS", 7),
            (batches, "ROWS", 9),
            *((module, "CHUNK", 1000) for module in (content, compression, encoding)),
            (batches, "_BLOCKS", (2000, 20000)),
        ):
            monkeypatch.setattr(module, name, value)

    return switch


def in_format(name: str) -> str:
    """Write the sample three times in another format, so that it contains duplicates."""
    sample = sources.load_corpus("sample")
    texts, labels = [text for text in sample.text.to_pylist() * 3], sample.label.tolist() * 3
    table = pa.table({"text": texts, "label": labels, "weight": [1 + i % 3 for i in range(len(texts))]})
    if name.endswith(".parquet"):
        parquet.write_table(table, name, row_group_size=100)
    elif name.endswith(".csv.gz"):
        with gzip.open(name, "wb") as file:
            csv.write_csv(table, file)
    elif name.endswith(".csv"):
        csv.write_csv(table, name)
    elif name.endswith(".jsonl"):
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        Path(name).write_text("".join(f"__label__{label} {text}\n" for text, label in zip(texts, labels, strict=True)))
    return name


@pytest.mark.parametrize(
    ("name", "ngrams"), [*((f"x.{kind}", 3) for kind in ("parquet", "csv", "csv.gz", "jsonl", "ft")), ("x.csv", 1)]
)
def test_data_larger_than_memory_give_the_same_bytes(small, in_pieces, cache_folder, monkeypatch, name, ngrams):
    monkeypatch.setenv("SENTIBP_CACHE_GB", "0")
    monkeypatch.setattr(cache, "SMALLEST", 1)
    weights = [] if name == "x.ft" else ["data.weight_column=weight"]
    resolved = small(f"data.source={in_format(name)}", f"text.ngrams={ngrams}", "text.max_features=700", *weights)
    events: list[list[Any]] = [[], []]
    whole = train_model(resolved, watch=events[0].append)
    in_pieces()
    pieces = train_model(resolved, watch=events[1].append)
    assert pieces.digest == whole.digest
    assert directory.load_run_info(pieces.run)["data"] == directory.load_run_info(whole.run)["data"]
    notes = [[event.text for event in each if isinstance(event, Note)] for each in events]
    assert "validation reviews also occur in the training data" in notes[0][0]
    assert notes[1] == notes[0]
    assert os.listdir(cache_folder) == [], "no temporary file is left, and data larger than the cache is not cached"


def test_data_larger_than_memory_with_an_initial_model(small, in_pieces):
    train_model(small("train.epochs=1"))
    resolved = small(f"data.source=[{in_format('x.csv')}, sample]", f"model.init_from={find.find_run('last')}")
    whole = train_model(resolved)
    in_pieces()
    assert train_model(resolved).digest == whole.digest


# When it stops


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
@pytest.mark.parametrize("patience", [1, 3])
def test_early_stopping(small, metric, patience):
    stopping = f"train.early_stopping={{metric: {metric}, patience: {patience}}}"
    outcome = train_model(small("train.epochs=50", "train.schedule=constant", stopping))
    values = [line["scores"][metric] for line in epochs(outcome.run)]
    best = values.index((max if metric == "accuracy" else min)(values))  # the first of equal ones
    assert len(values) == best + 1 + patience < 50
    assert outcome.scores is not None
    assert outcome.scores[metric] == values[best]
    assert model_file.load_model(outcome.model).scores == epochs(outcome.run)[best]["scores"]


def test_several_seeds_report_statistics_and_keep_the_best(small):
    events: list[Any] = []
    outcome = train_model(small("train.seeds=3", "train.seed=4"), watch=events.append)
    assert [event.seed for event in events if isinstance(event, NetworkStarted)] == [4, 5, 6]
    best = [
        max((line["scores"] for line in epochs(outcome.run, seed)), key=lambda s: s["accuracy"]) for seed in (4, 5, 6)
    ]
    assert outcome.seeds is not None
    assert set(outcome.seeds) == set(metrics.BETTER)
    for name, spread in outcome.seeds.items():
        assert spread == metrics.spread([scores[name] for scores in best])
    assert outcome.scores == max(best, key=lambda scores: scores["accuracy"])
    assert model_file.load_model(outcome.model).scores == outcome.scores
    assert directory.load_run_info(outcome.run)["seeds"] == outcome.seeds


def test_each_seed_trains_independently(small):
    together = train_model(small("train.seeds=2", "train.seed=4"))
    alone = train_model(small("train.seed=5"))
    assert epochs(together.run, 5) == epochs(alone.run, 5)


def test_no_network_of_an_ensemble_has_the_seed_of_another(small):
    """Else the ensembles of several seeds would share networks, and differ too little."""
    events: list[Any] = []
    train_model(small("train.seeds=2", "train.members=3", "train.seed=4", "train.epochs=1"), watch=events.append)
    begun = [(event.seed, event.number, event.networks) for event in events if isinstance(event, NetworkStarted)]
    assert begun == [(4, 1, 6), (6, 2, 6), (8, 3, 6), (5, 4, 6), (7, 5, 6), (9, 6, 6)]


def test_patience_is_reset_for_each_seed(small):
    outcome = train_model(
        small("train.seeds=3", "train.epochs=30", "train.schedule=constant", "train.early_stopping=2")
    )
    for seed in range(3):
        values = [line["scores"]["accuracy"] for line in epochs(outcome.run, seed)]
        assert len(values) == values.index(max(values)) + 3


# Interruptions


def check_interrupted(outcome: Outcome) -> None:
    assert outcome.outcome == "interrupted"
    assert directory.load_run_info(outcome.run)["outcome"] == "interrupted"
    assert directory.load_run_info(outcome.run)["end"] is not None
    assert find.find_run("last") == outcome.run
    classifier = model_file.load_model(outcome.model)
    assert outcome.digest == hashlib.sha256(outcome.model.read_bytes()).hexdigest()
    assert evaluate_on(classifier).scores["n"] == 32


@pytest.mark.parametrize("step", [10, 20, 36])
def test_interrupted_after_some_epochs(small, step):
    """An epoch is nine steps; the best model so far is kept."""
    outcome = train_model(small(), watch=interrupt_at(Step, step))
    check_interrupted(outcome)
    scores = [line["scores"] for line in epochs(outcome.run)]
    assert len(scores) == (step - 1) // 9
    assert outcome.scores == max(scores, key=lambda score: score["accuracy"])
    assert len([line for line in lines(outcome.run) if line["event"] == "step"]) == step


@pytest.mark.parametrize("event", [NetworkStarted, Step])
def test_interrupted_in_the_first_epoch(small, event):
    outcome = train_model(small(), watch=interrupt_at(event))
    check_interrupted(outcome)
    assert outcome.scores is None


def test_interrupted_at_an_epoch_that_is_the_best(small):
    outcome = train_model(small(), watch=interrupt_at(Epoch, 1))
    check_interrupted(outcome)
    assert outcome.scores == epochs(outcome.run)[0]["scores"]


def test_interrupted_in_the_second_of_three_seeds(small):
    outcome = train_model(small("train.seeds=3"), watch=interrupt_at(Step, 40))
    check_interrupted(outcome)
    assert outcome.seeds is not None
    assert outcome.seeds["accuracy"]["standard_deviation"] == 0  # of the one finished seed


@pytest.mark.parametrize("step", [20, 36])
def test_interrupted_in_the_first_of_two_seeds(small, step):
    """No seed is finished, so nothing is known of the spread; the run can be read, and resumed."""
    outcome = train_model(small("train.seeds=2"), watch=interrupt_at(Step, step))
    check_interrupted(outcome)
    assert outcome.scores is not None
    assert outcome.seeds is None
    with resume.resume(outcome.run, load_config(outcome.run / "config.yaml")) as training:
        for _ in training:
            pass
        assert training.finish().digest == train_model(small("train.seeds=2")).digest


def test_a_run_of_an_earlier_version_without_a_finished_seed_is_read(small):
    run = train_model(small("train.seeds=2"), watch=interrupt_at(Step, 20)).run
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"seeds": {}}))
    assert directory.load_run_info(run)["seeds"] is None


def first_network(small, monkeypatch) -> model_file.Classifier:
    """Return the first network of an ensemble, as it is when it is finished."""
    finished: list[model_file.Classifier] = []
    train_member = networks._train_member

    def note(*arguments):
        finished.append((yield from train_member(*arguments)))
        return finished[-1]

    monkeypatch.setattr(networks, "_train_member", note)
    train_model(small("train.members=3"))
    return finished[0]


def test_interrupted_in_the_second_network_of_an_ensemble(small, monkeypatch):
    """The finished network is kept, and not the one that has just begun."""
    first = first_network(small, monkeypatch)
    outcome = train_model(small("train.members=3"), watch=interrupt_at(Step, 40))
    check_interrupted(outcome)
    kept = model_file.load_model(outcome.model)
    assert kept.predict(["good", "dull"]).to_dicts() == first.predict(["good", "dull"]).to_dicts()
    assert outcome.scores == kept.scores == directory.load_run_info(outcome.run)["scores"]
    assert {**evaluate_on(kept).scores, **kept.scores} == evaluate_on(kept).scores
    saved = saved_model(small("train.members=3").config, outcome._asdict())
    assert saved.what == "the network that was finished"
    resumed = resume_run(outcome.run, load_config(outcome.run / "config.yaml"))
    assert resumed.digest == train_model(small("train.members=3")).digest
    assert resumed.kept == {"seed": 0, "epoch": resumed.kept["epoch"]}


def test_diverged_in_the_second_network_of_an_ensemble(small, monkeypatch):
    first = first_network(small, monkeypatch)
    fit, calls = networks.fit, []

    def fit_then_diverge(*arguments, **options):
        calls.append(1)
        for event in fit(*arguments, **options):
            yield event
            if len(calls) == 2:
                raise Diverged("diverged at step 1")

    monkeypatch.setattr(networks, "fit", fit_then_diverge)
    with pytest.raises(Diverged) as caught:
        train_model(small("train.members=3"))
    run, facts = directory.list_runs()[-1]
    file = run / "model.safetensors"
    assert caught.value.lines[-1] == f"what is finished is kept: 1 network, {file}"
    assert facts["scores"]["accuracy"] == model_file.load_model(file).scores["accuracy"]
    assert facts["digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert model_file.load_model(file).predict(["dull"]).to_dicts() == first.predict(["dull"]).to_dicts()


def test_interrupted_before_there_is_a_model(small, monkeypatch):
    """Interrupted while the initial weights are drawn, which takes some time for a large vocabulary."""

    def build(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(networks, "build_classifier", build)
    outcome = experiment.train_model(small())
    assert (outcome.outcome, outcome.model, outcome.digest) == ("interrupted", None, None)
    ((run, facts),) = directory.list_runs()
    assert facts["outcome"] == "interrupted"
    assert facts["end"] is not None
    assert not (run / "model.safetensors").exists()


def test_other_errors_are_recorded_and_raised(small):
    def watch(event):
        raise RuntimeError("a bug in the display")

    with pytest.raises(RuntimeError, match="a bug in the display"):
        train_model(small(), watch=watch)
    ((_, facts),) = directory.list_runs()
    assert facts["outcome"] == "failed"


# Divergence


def test_diverged_after_some_epochs_keeps_the_best_model(small, monkeypatch):
    fit = networks.fit

    def fit_then_diverge(*arguments, **options):
        for event in fit(*arguments, **options):
            yield event
            if isinstance(event, Epoch) and event.epoch == 2:
                raise Diverged("diverged at step 19")

    monkeypatch.setattr(networks, "fit", fit_then_diverge)
    with pytest.raises(Diverged) as caught:
        train_model(small())
    ((run, facts),) = directory.list_runs()
    assert caught.value.lines[0] == "diverged at step 19"
    assert caught.value.lines[-1] == f"the best model so far is kept: {run}/model.safetensors"
    assert facts["outcome"] == "diverged"
    assert facts["error"] == "diverged at step 19"
    best = max((line["scores"] for line in epochs(run)), key=lambda score: score["accuracy"])
    assert model_file.load_model(run / "model.safetensors").scores == best
    assert find.find_run("last") == run


def test_diverged_in_the_first_epoch(small):
    with pytest.raises(Diverged) as caught:
        train_model(small("data.source=sample", "train.optimizer={name: sgd, learning_rate: 1e20}"))
    ((run, facts),) = directory.list_runs()
    assert caught.value.exit_code == 4
    first, where, batch, look, last = caught.value.lines
    assert first.startswith("diverged at step ")
    assert where.startswith(f"layer {facts['layer']}, tensor {facts['tensor']}; loss ")
    assert batch.startswith("training reviews of the batch: sample:")
    assert look == f"to look closer: {run}/postmortem"
    assert last == "no epoch was finished"
    assert facts["outcome"] == "diverged"
    texts = split_corpus(sources.load_corpus("sample"), 0.1, rng.random_stream(0, "split"))[0].text.to_pylist()
    source_lines = (resource_folder("data") / "train.csv").read_text().splitlines()
    for line in (run / "postmortem/batch.jsonl").read_text().splitlines():
        review = json.loads(line)
        assert review["text"] == texts[review["review"]]
        assert review["text"] in source_lines[int(review["place"].removeprefix("sample:")) - 1]
    assert not (run / "model.safetensors").exists()
    assert not Path("runs/last").exists()


def test_a_break_condition_keeps_the_best_model_and_the_step(small):
    with pytest.raises(BreakConditionMet) as caught:
        train_model(small(), stop=parse_condition("epoch >= 3"))
    ((run, facts),) = directory.list_runs()
    assert caught.value.lines[-1] == f"the best model so far is kept: {run}/model.safetensors"
    assert facts["outcome"] == "stopped"
    assert (facts["step"], facts["epoch"]) == (19, 3)
    assert facts["kept"]["epoch"] < 3
    assert facts["digest"] == hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert caught.value.facts is not None
    assert caught.value.facts["postmortem"] == f"{run}/postmortem"
    assert sorted(os.listdir(run / "postmortem")) == [
        "batch.jsonl",
        "config.yaml",
        "postmortem.json",
        "weights.safetensors",
    ]


def test_a_postmortem_without_texts_or_without_disk_space(small, monkeypatch):
    def gone(*arguments, **options):
        raise DataError("gone")

    with monkeypatch.context() as patched, pytest.raises(BreakConditionMet) as caught:

        def vanish(event) -> None:  # after the data was read
            if isinstance(event, NetworkStarted):
                patched.setattr(experiment, "load_data", gone)

        train_model(small(), watch=vanish, stop=parse_condition("step == 2"))
    assert '"' not in caught.value.lines[2]

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(postmortem, "write_file", full)
    with pytest.raises(BreakConditionMet) as caught:
        train_model(small(), stop=parse_condition("step == 2"))
    assert "postmortem: No space left on device; nothing is kept there" in caught.value.lines[3]


def test_a_break_condition_in_a_member_of_an_ensemble(small):
    with pytest.raises(BreakConditionMet) as caught:
        train_model(small("train.members=2"), stop=parse_condition("step == 2"))
    assert caught.value.lines[-1] == "no network was finished"
    ((run, facts),) = directory.list_runs()
    assert facts["seed"] == 0
    assert model_file.load_model(run / "postmortem/weights.safetensors").training_config().train.members == 2


@pytest.mark.parametrize("validation", ["0.1", "0"])
def test_diverged_at_the_last_step(small, validation):
    """The last update gives weights that are not finite, and the validation scores reveal it."""
    sgd = "train.optimizer={name: sgd, learning_rate: 1e25}"
    with pytest.raises(Diverged):
        train_model(small(sgd, "train.batch_size=1000", "train.epochs=1", f"data.validation={validation}"))
    ((_, facts),) = directory.list_runs()
    assert facts["outcome"] == "diverged"


# Gradient flow


def test_each_epoch_records_the_gradient_flow(small):
    run = train_model(small("train.seeds=2", "train.freeze=[embedding]")).run
    flows = [line for line in lines(run) if line["event"] == "flow"]
    assert [(line["seed"], line["epoch"], line["step"]) for line in flows] == [
        (seed, epoch, 9 * epoch - 8) for seed in (0, 1) for epoch in (1, 2, 3, 4)
    ]
    for line in flows:
        assert list(line["layers"]) == ["embedding", "hidden.0", "output"]
        assert line["layers"]["embedding"]["update"] == 0 < line["layers"]["embedding"]["gradient"]
        assert line["layers"]["output"].keys() == {"gradient", "update", "weight"}
        assert 0 <= line["layers"]["hidden.0"]["dead"] <= 1


def test_recording_gradient_flow_does_not_change_the_model(small, monkeypatch):
    digest = train_model(small("model.dropout=0.1", "model.batch_norm=true")).digest
    monkeypatch.setattr(metrics_log, "measured_steps", lambda per_epoch: set(range(per_epoch)))
    assert train_model(small("model.dropout=0.1", "model.batch_norm=true")).digest == digest
    monkeypatch.setattr(metrics_log, "measured_steps", lambda per_epoch: set())
    assert train_model(small("model.dropout=0.1", "model.batch_norm=true")).digest == digest


def test_vanishing_gradients_are_reported_once_and_recorded(small):
    reported: list[Any] = []
    outcome = train_model(small("model.hidden=[8,8,8,8,8,8]", "model.activation=sigmoid"), watch=reported.append)
    (line,) = outcome.warnings
    assert line.startswith("epoch 1: vanishing gradients in embedding")
    assert Note(line) in reported
    assert directory.load_run_info(outcome.run)["warnings"] == [line]
    assert train_model(small()).warnings == []


# Why a hidden layer


def right_of_four(seed: int, *overrides: str) -> int:
    outcome = train_model(load_config("xor", [f"train.seed={seed}", *overrides]))
    assert outcome.scores is not None
    return round(4 * outcome.scores["accuracy"])


@pytest.mark.parametrize("seed", range(3))
def test_a_hidden_layer_learns_exclusive_or(here, seed):
    assert right_of_four(seed) == 4


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_model_does_not_learn_exclusive_or(here, seed):
    assert right_of_four(seed, "model.hidden=[]") <= 3


def test_bigrams_make_exclusive_or_linear(here):
    assert right_of_four(0, "model.hidden=[]", "text.ngrams=2") == 4


# Starting from a trained model


def test_fine_tuning_the_last_model(small):
    first = train_model(small())
    second = train_model(small("model.init_from=last", "train.epochs=1", "train.optimizer.learning_rate=0.001"))
    path = str(first.model.absolute())
    assert load_config(second.run / "config.yaml").config.model.init_from == path  # `last` is a new run
    before, after = (model_file.load_model(outcome.model) for outcome in (first, second))
    assert after.vocabulary.features()[: len(before.vocabulary)].equals(before.vocabulary.features())
    for name, tensor in before.tensors().items():
        np.testing.assert_allclose(after.tensors()[name][: len(tensor)], tensor, atol=0.02)
    assert after.training_config().model.init_from == "model.safetensors"
    assert train_model(load_config(second.run / "config.yaml")).digest == second.digest


def test_a_network_answers_as_the_model_that_it_starts_from(here):
    """Unless the config says otherwise, which a note names. New features start at random: there are none here."""
    same = ["data.source=sample", "text.ngrams=1", "text.affixes=false", "model.embedding.dim=6", "model.hidden=[6]"]
    same += ["train.epochs=1", "train.calibrate=false", "train.refit=false"]
    other = {"model.embedding.pooling": "sqrt", "model.activation": "tanh", "model.residual": True}
    other |= {"text.lowercase": False, "text.presence": True, "model.embedding.padding": 3}
    given = [f"{key}={str(value).lower()}" for key, value in other.items()]
    first = train_model(load_config("default", [*same, *given]))
    start = [*same, f"model.init_from={first.model}", "train.optimizer.learning_rate=1e-9"]
    second = train_model(load_config("default", start))
    texts = pa.array(["a Good film", "bad bad bad and dull", "I never laughed"], pa.large_string())
    before, after = (model_file.load_model(each.model).predict(texts).positive for each in (first, second))
    assert np.ptp(before) > 0.001
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert not [note for note in second.notes if "model.init_from" in note]
    third = train_model(load_config("default", [*start, "model.embedding.pooling=mean", "model.embedding.padding=9"]))
    (note,) = (note for note in third.notes if "model.init_from" in note)
    fact = "model.init_from: with these settings, its weights give other answers than that model"
    assert note == f"{fact}; to keep its own, add --set model.embedding.pooling=sqrt"


def test_a_fine_tuned_model_does_not_need_its_origin(small):
    first = train_model(small())
    second = train_model(small(f"model.init_from={first.run.name}", "train.epochs=1"))
    shutil.rmtree(first.run)
    assert evaluate_on(model_file.load_model(second.model)).scores["accuracy"] == second.scores["accuracy"]


def test_a_missing_initial_model_is_reported(small, complaint):
    assert complaint(ConfigError, train_model, small("model.init_from=last")).startswith(
        "model.init_from: no finished run here"
    )
    Path("text.txt").write_text("no model")
    message = complaint(ConfigError, train_model, small("model.init_from=text.txt"))
    assert "text.txt: reviews, not a run or model; name a run directory or a model file" in message


# Evaluation


@pytest.fixture
def trained(small):
    return model_file.load_model(train_model(small("data.source=sample")).model)


def test_a_model_is_evaluated_on_its_own_validation_data_by_default(trained):
    evaluation = evaluate_on(trained)
    assert evaluation.scores["n"] == 32
    assert {name: evaluation.scores[name] for name in trained.scores} == trained.scores
    assert evaluation.scores["unknown_tokens"] > 0
    assert evaluation.scores["no_known_word"] >= 0


def test_a_model_is_evaluated_on_a_split_a_name_or_a_file(trained):
    assert evaluate_on(trained, split="test").scores == evaluate_on(trained, "sample").scores
    assert evaluate_on(trained, "sample").scores["n"] == 80
    assert evaluate_on(trained, split="train").scores["n"] == 320
    Path("mine.csv").write_text('review,stars,label\ngood,pos,\n"",neg,\nzebra zebra,neg,\n')
    evaluation = evaluate_on(trained, "mine.csv", text_column="review", label_column="stars")
    assert evaluation.scores["n"] == 3
    assert evaluation.scores["no_known_word"] == 2
    assert evaluation.scores["unknown_tokens"] == 2


@pytest.mark.parametrize("source", ["missing.csv", "nonsense"])
def test_a_missing_source(trained, source):
    assert complaint_of(evaluate_on, trained, source).startswith(f"{source}: ")


@pytest.fixture
def by_stars(write_config):
    """Return a model that was trained on labels of one to five stars."""
    Path("stars.csv").write_text("text,stars\n" + "bad,1\nweak,2\nso so,3\ngood,4\ngreat,5\n" * 10)
    labels = {"negative": [1, 2], "positive": [4, 5], "ignore": [3]}
    data = {"source": "stars.csv", "label_column": "stars", "labels": labels}
    settings = {"epochs": 10, "optimizer": {"name": "adam", "learning_rate": 0.05}, "batch_size": 8}
    return model_file.load_model(train_model(write_config(data=data, text={"ngrams": 1}, train=settings)).model)


def test_evaluation_uses_the_label_mapping_of_training(by_stars):
    assert by_stars.scores["accuracy"] == 1
    evaluation = evaluate_on(by_stars, "stars.csv")
    assert evaluation.scores["n"] == 40
    assert evaluation.scores["accuracy"] == 1
    assert evaluation.scores["in_training"] == 40
    assert evaluation.notes == (
        "stars.csv: 10 reviews left out, as data.labels says",
        "40 of 40 reviews are in the training data of the model: expect lower scores on new reviews",
        "the 40 reviews are 4 distinct texts: repeated reviews make the intervals too narrow",
    )


def test_other_data_may_have_the_usual_labels(by_stars):
    Path("usual.csv").write_text("text,stars\ngood,positive\nbad,negative\ngreat,pos\n")
    evaluation = evaluate_on(by_stars, "usual.csv")
    assert evaluation.scores["accuracy"] == 1
    note = "usual.csv: labels by their usual names, as data.labels of the training lists none"
    assert note in evaluation.notes


def test_other_data_with_some_labels_of_the_training_are_not_read_by_the_usual_names(write_config):
    """1 is negative in this training. A label that the mapping lacks must not turn it into positive."""
    Path("complaints.csv").write_text("text,label\n" + "bad,1\ngood,2\n" * 10)
    labels = {"negative": [1], "positive": [2]}
    model = model_file.load_model(train_model(write_config(data={"source": "complaints.csv", "labels": labels})).model)
    Path("other.csv").write_text("text,label\nbad,1\ngood,0\n")
    with pytest.raises(DataError, match=r"seem to be of another scale than those in data\.labels; 0 is taken as"):
        evaluate_on(model, "other.csv")
    changed = evaluate_on(model, "other.csv", overrides=["data.labels={negative: [1], positive: [0]}"])
    assert changed.scores["accuracy"] == 1


def test_the_sample_has_the_usual_labels(by_stars):
    assert evaluate_on(by_stars, "sample").scores["n"] == 80


def test_an_inverted_label_mapping_is_used_in_evaluation(write_config):
    """If 1 means negative in training, as in "is it a complaint?", it means negative in evaluation."""
    Path("complaints.csv").write_text("text,label\n" + "bad,1\ngood,0\n" * 20)
    labels = {"negative": [1], "positive": [0]}
    settings = {"epochs": 10, "optimizer": {"name": "adam", "learning_rate": 0.05}, "batch_size": 8}
    outcome = train_model(write_config(data={"source": "complaints.csv", "labels": labels}, train=settings))
    assert outcome.scores is not None
    assert outcome.scores["accuracy"] == 1
    assert evaluate_on(model_file.load_model(outcome.model), "complaints.csv").scores["accuracy"] == 1
