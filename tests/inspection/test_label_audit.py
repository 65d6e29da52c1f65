"""Planted mistakes are found, no review is judged by a network that has seen it, and the file can be trained on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp.config.load import load_config
from sentibp.data import sources, vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import label_audit
from sentibp.inspection.label_audit import audit_labels, confident, resolve_target
from sentibp.nn.layers import sigmoid

SMALL = ["train.epochs=3"]


def write(rows, name="mine.csv", header=("text", "label")):
    with open(name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def clear(n=120):
    """Reviews that leave no doubt, and of which three have the wrong label."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        words = ["good", "great", "fine"] if i % 2 else ["bad", "poor", "dull"]
        rows.append([f"{' '.join(rng.choice(words, 4))} film {i}", "pos" if i % 2 else "neg"])
    wrong = [7, 30, 111]
    for i in wrong:
        rows[i][1] = "neg" if rows[i][1] == "pos" else "pos"
    return rows, wrong


def of(*overrides: str, count: int = 5, folds: int = 5, watch=lambda note: None):
    return audit_labels(load_config("quickstart", [*SMALL, *overrides]), folds, count, watch=watch)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("changes", [(), ("model.hidden=[]",), ("train.calibrate=false", "data.validation=0")])
def test_planted_mistakes_come_first(changes):
    rows, wrong = clear()
    write(rows)
    found = of("data.source=mine.csv", *changes)
    assert sorted(found.order[:3]) == wrong
    assert np.flatnonzero(found.confident).tolist() == wrong
    assert [suspect.row - 1 for suspect in found.suspects] == found.order[:5].tolist()
    assert found.accuracy == pytest.approx(1 - 3 / 120)
    for suspect in found.suspects[:3]:
        assert suspect.label != suspect.said
        assert (suspect.said == "positive") == (suspect.positive >= 0.5)
        assert suspect.text == rows[suspect.row - 1][0]
        assert found.positive[suspect.row - 1] == pytest.approx(suspect.positive, rel=1e-4)


@pytest.mark.usefixtures("here")
def test_the_parts_are_the_logit():
    for suspect in of(count=3).suspects:
        assert suspect.bias + sum(part.contribution for part in suspect.parts) == pytest.approx(suspect.logit, abs=1e-6)
        assert suspect.positive == pytest.approx(float(sigmoid(np.array(suspect.logit))))


@pytest.mark.usefixtures("here")
def test_no_network_has_heard_the_labels_it_judges():
    """Turned over, they change nothing of the network: not its start from naive Bayes either."""
    settings = load_config("quickstart", [*SMALL, "model.embedding.init=naive_bayes"]).config
    corpus = sources.load_corpus("sample")
    vocabulary, features = vocabulary_build.build_vocabulary(tokenize(corpus.text))
    chosen = np.arange(0, len(corpus), 2)
    turned = corpus.label.copy()
    turned[1::2] ^= 1
    one, other = (
        label_audit._train(settings, vocabulary, Examples(features, label), chosen, None).tensors()
        for label in (corpus.label, turned)
    )
    assert all((one[name] == other[name]).all() for name in one)


def test_no_network_is_trained_on_what_it_judges(here, monkeypatch):
    seen = []
    train = label_audit._train

    def spy(settings, vocabulary, examples, chosen, epochs):
        seen.append(set(chosen.tolist()))
        return train(settings, vocabulary, examples, chosen, epochs)

    monkeypatch.setattr(label_audit, "_train", spy)
    rows, _ = clear()
    rows[60:64] = [
        ["the very same words", "pos"],
        ["the very same words ", "neg"],
        ["the very same words", "pos"],
        rows[0],
    ]
    write(rows)
    of("data.source=mine.csv", folds=4)
    assert len(seen) == 4
    judged = [set(range(120)) - chosen for chosen in seen]
    assert sorted(i for part in judged for i in part) == list(range(120)), "each review is judged once"
    for part in judged:
        assert len(part & {60, 61, 62}) in (0, 3), "the same text is in one fold"
        assert len(part & {0, 63}) in (0, 2)


def test_what_only_the_judged_fold_knows_says_nothing(here, monkeypatch):
    found = {}
    train = label_audit._train

    def spy(settings, vocabulary, examples, chosen, epochs):
        classifier = train(settings, vocabulary, examples, chosen, epochs)
        known = np.unique(examples.features.take(chosen).ids)
        unseen = np.setdiff1d(np.arange(len(vocabulary)), known)
        found[len(found)] = np.abs(classifier.tensors()["embedding.weight"][unseen]).sum(), len(unseen)
        return classifier

    monkeypatch.setattr(label_audit, "_train", spy)
    of()
    assert all(size == 0 and n for size, n in found.values())


def test_cut():
    label = np.array([0] * 50 + [1] * 20, np.int8)
    fold = label_audit._cut(np.arange(70), label, 5)
    assert np.bincount(fold[:50]).tolist() == [10] * 5
    assert np.bincount(fold[50:]).tolist() == [4] * 5
    assert (label_audit._cut(np.arange(70), label, 5) == fold).all()
    assert label_audit._cut(np.arange(4), np.array([0, 0, 1, 1]), 5).max() == 1, "as many folds as there can be"
    with pytest.raises(DataError, match="an audit needs two"):
        label_audit._cut(np.array([0, 1, 1]), np.array([0, 1, 1]), 5)


def test_confident():
    """Two classes, averages 0.8 (negative) and 0.7 (positive): the other label must be at least as likely."""
    label = np.array([0, 0, 0, 1, 1, 1])
    positive = np.array([0.0, 0.0, 0.6, 1.0, 1.0, 0.1])
    assert confident(positive, label).tolist() == [False] * 5 + [True]
    positive[2] = 0.95
    assert confident(positive, label).tolist() == [False, False, True, False, False, True]
    assert not confident(np.full(6, 0.5), label).any()


def test_the_same_every_time(here):
    one, other = of(), of()
    assert (one.positive == other.positive).all()
    assert one.suspects == other.suspects


def test_what_it_does_without_is_told(here):
    notes = []
    of("train.members=2", "train.seeds=2", watch=lambda note: notes.append(note.text))
    assert any("does without train.members" in note for note in notes)
    assert sum(note.startswith("fold ") for note in notes) == 5


def test_a_run_is_audited_up_to_the_epoch_that_was_kept(here):
    run = experiment.train_model(load_config("quickstart", ["train.epochs=4"])).run
    subject = resolve_target(str(run), [])
    assert subject == resolve_target("last", []) == resolve_target(run.name, [])
    assert subject.name == str(run / "config.yaml")
    assert 1 <= subject.epochs <= 4
    assert resolve_target("quickstart", SMALL).name == "quickstart"
    assert resolve_target("quickstart", SMALL).epochs is None
    one = audit_labels(subject.resolved, 3, 1, 1)
    assert (one.positive != audit_labels(subject.resolved, 3, 1, 4).positive).any()
    with pytest.raises(ConfigError, match="nosuch"):
        resolve_target("nosuch", [])


@pytest.mark.usefixtures("here")
def test_the_file_can_be_corrected_and_trained_on():
    rows, wrong = clear()
    rows[2][0] = 'bad, "bad"\r\nand\tbad \n\n=1+1'
    write([[*row, 0.5] for row in rows], header=("text", "label", "much"))
    changes = ["data.source=mine.csv", "data.weight_column=much"]
    found = of(*changes)
    Path("ranked.csv").write_bytes(label_audit.to_csv(found))
    with open("ranked.csv", newline="", encoding="utf-8") as file:
        ranked = list(csv.DictReader(file))
    assert [int(row["row"]) - 1 for row in ranked] == found.order.tolist()
    assert sorted(int(row["row"]) - 1 for row in ranked if row["suspect"]) == wrong
    again = sources.load_corpus("ranked.csv", weight_column="weight")
    original = sources.load_corpus("mine.csv", weight_column="much")
    assert again.text.to_pylist() == original.take(found.order).text.to_pylist()
    assert again.label.tolist() == original.label[found.order].tolist()
    assert again.weight.tolist() == original.weight[found.order].tolist()
