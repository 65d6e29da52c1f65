"""Planted errors are found, no network predicts a review that it was trained on, and the file can be trained on."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import heads
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import runner

from sentibp.config.load import load_config
from sentibp.config.schema import Data
from sentibp.data import sources, vocabulary_build
from sentibp.data.corpus import Corpus
from sentibp.data.examples import Examples
from sentibp.data.readers.table import LABELLED
from sentibp.data.tokenizer import tokenize
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import label_audit
from sentibp.inspection.label_audit import audit_labels, confident_issues, resolve_target
from sentibp.nn.layers import sigmoid
from sentibp.training.events import Epoch
from sentibp.utils.arrow import strings

SMALL = ["train.epochs=3"]


def write(rows, name="mine.csv", header=("text", "label")):
    with open(name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def index_of(place: str) -> int:
    """Return which review of mine.csv begins in the line of a place."""
    lines = []
    with open("mine.csv", newline="", encoding="utf-8") as file:
        reader, before = csv.reader(file), 0
        for _ in reader:
            lines.append(before + 1)
            before = reader.line_num
    assert place.startswith("mine.csv:")
    return lines.index(int(place.rpartition(":")[2])) - 1


def clear_reviews(n=120):
    """Return unambiguous reviews, three of them with the wrong label."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        words = ["good", "great", "fine"] if i % 2 else ["bad", "poor", "dull"]
        rows.append([f"{' '.join(rng.choice(words, 4))} film {i}", "pos" if i % 2 else "neg"])
    wrong = [7, 30, 111]
    for i in wrong:
        rows[i][1] = "neg" if rows[i][1] == "pos" else "pos"
    return rows, wrong


def audit_sample(*overrides: str, count: int = 5, folds: int = 5, watch=lambda note: None):
    return audit_labels(load_config("quickstart", [*SMALL, *overrides]), folds, count, watch=watch)


@pytest.mark.usefixtures("here")
def test_networks_train_for_so_many_epochs_and_chance_is_told(monkeypatch):
    rows, _ = clear_reviews()
    write(rows)
    fit, epochs = label_audit.fit, []

    def spy(*arguments):
        for event in fit(*arguments):
            epochs.extend([event.epoch] if isinstance(event, Epoch) else [])
            yield event

    monkeypatch.setattr(label_audit, "fit", spy)
    result = audit_labels(load_config("quickstart", [*SMALL, "data.source=mine.csv"]), 2, 1, epochs=2)
    assert epochs == [1, 2, 1, 2]
    for n, accuracy, is_chance in (100, 0.59, True), (100, 0.61, False), (25, 0.69, True), (25, 0.71, False):
        found = result._replace(reviews=n, accuracy=accuracy, majority=0.5)
        assert found.is_chance == is_chance, "two standard errors"


@pytest.mark.usefixtures("here")
def test_copies_that_hide_a_wrong_label_are_named():
    """All copies of a review have the same wrong label, so those in the other folds confirm it."""
    rows = [[f"{'good great' if i % 2 else 'bad poor'} {i}", "pos" if i % 2 else "neg"] for i in range(120)]
    wrong = " ".join(["good great", *(f"w{k}" for k in range(20))])
    copies = [[f"{wrong} {end}", "neg"] for end in "abcdefghijklmnopqrst"]
    write(rows + copies)
    told = []
    hidden = audit_sample("data.source=mine.csv", watch=lambda note: told.append(note.text))
    (note,) = [text for text in told if "nearly the same" in text]
    assert note.endswith("nearly the same with --set data.group_similar=true")
    near, compared = (int(note.split()[place]) for place in (0, 3))
    assert near == compared <= 10, "shorter reviews are not compared"
    assert (hidden.positive[len(rows) :] < 0.5).all(), "the wrong label is predicted"
    told.clear()
    found = audit_sample("data.source=mine.csv", "data.group_similar=true", watch=lambda note: told.append(note.text))
    assert not any("nearly the same" in text for text in told)
    assert (found.positive[len(rows) :] > 0.5).all()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("changes", [(), ("model.hidden=[]",), ("train.calibrate=false", "data.validation=0")])
def test_planted_errors_come_first(changes):
    rows, wrong = clear_reviews()
    write(rows)
    result = audit_sample("data.source=mine.csv", *changes)
    assert sorted(result.order[:3]) == wrong
    assert np.flatnonzero(result.confident).tolist() == wrong
    assert [index_of(issue.place) for issue in result.issues] == result.order[:5].tolist()
    assert result.accuracy == pytest.approx(1 - 3 / 120)
    for issue in result.issues[:3]:
        assert issue.label != issue.predicted
        assert (issue.predicted == "positive") == (issue.positive >= 0.5)
        assert issue.text == rows[index_of(issue.place)][0]
        assert result.positive[index_of(issue.place)] == pytest.approx(issue.positive, rel=1e-4)


@pytest.mark.usefixtures("here")
def test_contributions_add_up_to_the_logit():
    for issue in audit_sample(count=3).issues:
        assert issue.bias + sum(each.contribution for each in issue.contributions) == pytest.approx(
            issue.logit, abs=1e-6
        )
        assert issue.positive == pytest.approx(float(sigmoid(np.array(issue.logit))))


@pytest.mark.usefixtures("here")
def test_held_out_labels_do_not_influence_the_network():
    """If they are inverted, the network stays the same, its naive-Bayes initialization included."""
    settings = load_config("quickstart", [*SMALL, "model.embedding.init=naive_bayes"]).config
    corpus = sources.load_corpus("sample")
    vocabulary, features = vocabulary_build.build_vocabulary(tokenize(corpus.text))
    chosen = np.arange(0, len(corpus), 2)
    inverted = corpus.label.copy()
    inverted[1::2] ^= 1
    one, other = (
        label_audit._train(settings, vocabulary, Examples(features, label), chosen, None).tensors()
        for label in (corpus.label, inverted)
    )
    assert all((one[name] == other[name]).all() for name in one)


def test_no_network_is_trained_on_held_out_reviews(here, monkeypatch):
    seen = []
    train = label_audit._train

    def spy(settings, vocabulary, examples, chosen, epochs):
        seen.append(set(chosen.tolist()))
        return train(settings, vocabulary, examples, chosen, epochs)

    monkeypatch.setattr(label_audit, "_train", spy)
    rows, _ = clear_reviews()
    rows[60:64] = [
        ["the very same words", "pos"],
        ["the very same words ", "neg"],
        ["the very same words", "pos"],
        rows[0],
    ]
    write(rows)
    audit_sample("data.source=mine.csv", folds=4)
    assert len(seen) == 4
    held_out = [set(range(120)) - chosen for chosen in seen]
    assert sorted(i for fold in held_out for i in fold) == list(range(120)), "each review is held out once"
    for fold in held_out:
        assert len(fold & {60, 61, 62}) in (0, 3), "the same text is in one fold"
        assert len(fold & {0, 63}) in (0, 2)


def test_features_of_the_held_out_fold_only_have_zero_rows(here, monkeypatch):
    sums = {}
    train = label_audit._train

    def spy(settings, vocabulary, examples, chosen, epochs):
        classifier = train(settings, vocabulary, examples, chosen, epochs)
        known = np.unique(examples.features.take(chosen).ids)
        unseen = np.setdiff1d(np.arange(len(vocabulary)), known)
        sums[len(sums)] = np.abs(classifier.tensors()["embedding.weight"][unseen]).sum(), len(unseen)
        return classifier

    monkeypatch.setattr(label_audit, "_train", spy)
    audit_sample()
    assert all(size == 0 and n for size, n in sums.values())


def test_text_folds():
    label = np.array([0] * 50 + [1] * 20, np.int8)
    fold = label_audit._text_folds(np.arange(70), label, 5)
    assert np.bincount(fold[:50]).tolist() == [10] * 5
    assert np.bincount(fold[50:]).tolist() == [4] * 5
    assert (label_audit._text_folds(np.arange(70), label, 5) == fold).all()
    assert label_audit._text_folds(np.arange(4), np.array([0, 0, 1, 1]), 5).max() == 1, (
        "at most one fold for each review of a label"
    )
    with pytest.raises(DataError, match="an audit needs two"):
        label_audit._text_folds(np.array([0, 1, 1]), np.array([0, 1, 1]), 5)


@pytest.mark.parametrize("group_similar", [False, True])
def test_labels_that_are_too_small_for_the_folds_are_not_audited(write_config, group_similar):
    """Their reviews are trained on, and they stay in the corrected file. All of the audit was refused."""
    words = {"food": "meal dish cook soup", "price": "cheap cost money bill", "staff": "waiter polite rude host"}
    rows = [[f"{' '.join(np.roll(words[k].split(), i)[:3])} {i}", k] for i in range(20) for k in words]
    rows[4][1] = "food"  # a price
    rows += [["a view of the sea", "view"], ["a fine view", "view"]]
    write(rows)
    data = {"source": "mine.csv", "labels": ["food", "price", "staff", "view"], "ordered": False}
    notes = []
    result = audit_labels(write_config(data=data | {"group_similar": group_similar}), 5, 3, watch=notes.append)
    told = "too few reviews to hold one out: view (2); all 2 reviews are training data"
    assert notes[0].text == f"{told}, and the audit says nothing about this class"
    assert (result.reviews, len(result.corpus), result.folds) == (60, 62, 5)
    assert index_of(result.issues[0].place) == 4
    assert 0.9 < result.accuracy < 1
    written = list(csv.reader(io.StringIO(label_audit.to_csv(result).decode())))
    assert sorted(row[:2] for row in written[1:]) == sorted(rows)
    assert [row[1:5] for row in written[-2:]] == [["view", "", "", ""]] * 2


def test_folds_of_groups(write_config, complaint, monkeypatch):
    """Reviews of a group are in one fold; the corrected file keeps the groups."""
    words = ["good", "great", "fine", "superb", "bad", "dull", "awful", "poor"]
    rows = [[f"film {i // 4} is {words[i // 4 % 2 * 4 + i % 4]}", 1 - i // 4 % 2, f"f{i // 4}"] for i in range(80)]
    write(rows, header=("text", "label", "film"))
    config = write_config(data={"source": "mine.csv", "group_column": "film"})
    held_out = []
    train = label_audit._train

    def spy(settings, vocabulary, examples, chosen, epochs):
        held_out.append(set(range(20)) - {i // 4 for i in chosen.tolist()})
        return train(settings, vocabulary, examples, chosen, epochs)

    monkeypatch.setattr(label_audit, "_train", spy)
    result = audit_labels(config, 5, 3)
    assert [len(films) for films in held_out] == [4] * 5
    assert set.union(*held_out) == set(range(20))
    lines = label_audit.to_csv(result).decode().splitlines()
    assert lines[0] == "text,label,said,positive,suspect,file,row,group"
    assert len({line.rpartition(",")[2] for line in lines[1:]}) == 20
    write([[*row[:2], row[1]] for row in rows], header=("text", "label", "film"))  # a group for each class
    assert complaint(DataError, audit_labels, config, 5, 3).startswith("data.group_column: its groups leave a fold")


def test_neighbouring_rows_are_in_one_fold():
    label = np.repeat([0, 1], 50)
    corpus = Corpus(pa.chunked_array([strings(["a"] * 100)]), label)
    fold = label_audit._folds(corpus, label, 5, Data(block_size=5))
    assert (fold.reshape(-1, 5) == fold[::5, None]).all()
    assert np.bincount(fold).tolist() == [20] * 5


def test_confident_issues():
    """Two classes, with averages 0.8 (negative) and 0.7 (positive): the other label must be at least as probable."""
    label = np.array([0, 0, 0, 1, 1, 1])
    positive = np.array([0.0, 0.0, 0.6, 1.0, 1.0, 0.1])
    assert confident_issues(positive, label).tolist() == [False] * 5 + [True]
    positive[2] = 0.95
    assert confident_issues(positive, label).tolist() == [False, False, True, False, False, True]
    assert not confident_issues(np.full(6, 0.5), label).any()


def test_audits_are_reproducible(here):
    one, other = audit_sample(), audit_sample()
    assert (one.positive == other.positive).all()
    assert one.issues == other.issues


def test_ignored_settings_are_reported(here):
    notes = []
    audit_sample("train.members=2", "train.seeds=2", watch=lambda note: notes.append(note.text))
    assert any("ignores train.members" in note for note in notes)
    assert sum(note.startswith("fold ") for note in notes) == 5


def test_a_run_is_audited_up_to_its_best_epoch(here):
    run = runner.train_model(load_config("quickstart", ["train.epochs=4"])).run
    target = resolve_target(str(run), [])
    assert target == resolve_target("last", []) == resolve_target(run.name, [])
    assert target.name == str(run / "config.yaml")
    assert 1 <= target.epochs <= 4
    assert resolve_target("quickstart", SMALL).name == "quickstart"
    assert resolve_target("quickstart", SMALL).epochs is None
    one = audit_labels(target.resolved, 3, 1, 1)
    assert (one.positive != audit_labels(target.resolved, 3, 1, 4).positive).any()
    with pytest.raises(ConfigError, match="nosuch"):
        resolve_target("nosuch", [])


@pytest.mark.usefixtures("here")
def test_the_file_can_be_corrected_and_trained_on():
    rows, wrong = clear_reviews()
    rows[2][0] = 'bad, "bad"\r\nand\tbad \n\n=1+1'
    write([[*row, 0.5] for row in rows], header=("text", "label", "much"))
    changes = ["data.source=mine.csv", "data.weight_column=much"]
    result = audit_sample(*changes)
    Path("ranked.csv").write_bytes(label_audit.to_csv(result))
    with open("ranked.csv", newline="", encoding="utf-8") as file:
        ranked = list(csv.DictReader(file))
    assert [index_of(f"{row['file']}:{row['row']}") for row in ranked] == result.order.tolist()
    assert sorted(index_of(f"mine.csv:{row['row']}") for row in ranked if row["suspect"]) == wrong
    again = sources.load_corpus("ranked.csv", LABELLED._replace(weight="weight"))
    original = sources.load_corpus("mine.csv", LABELLED._replace(weight="much"))
    assert again.text.to_pylist() == original.take(result.order).text.to_pylist()
    assert again.label.tolist() == original.label[result.order].tolist()
    assert again.weight.tolist() == original.weight[result.order].tolist()


# --- more than two labels


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("head", heads.HEADS)
def test_planted_errors_among_several_labels_come_first(head):
    data, output = heads.HEADS[head]
    labels, wrong = data["labels"], [7, 30, 111]
    rows = heads.write_reviews(Path("mine.csv"), labels, wrong=wrong)
    changes = [f"data.{key}={json.dumps(value)}" for key, value in data.items()]
    changes += ["data.source=mine.csv", f"model.output={output}", "text.min_count=2", "train.epochs=8"]
    result = audit_sample(*changes, count=4)
    assert sorted(result.order[:3]) == wrong
    assert result.confident[wrong].sum() >= 2
    assert result.positive.shape == (240, len(labels))
    assert result.positive.sum(axis=1) == pytest.approx(1)
    for issue in result.issues[:3]:
        assert (issue.text, issue.label) == rows[index_of(issue.place)]
        assert issue.predicted == labels[(index_of(issue.place)) % len(labels)], "which other label"
        assert issue.positive == pytest.approx(result.positive[index_of(issue.place)].max())
        assert issue.bias + sum(each.contribution for each in issue.contributions) == pytest.approx(
            issue.logit, abs=1e-6
        )
        own = {text: 0.0 for text in issue.text.split()}
        own |= {each.text: each.contribution for each in issue.contributions}
        if head != "cumulative":  # its one output has words for the ends only
            assert sum(own[word] for word in issue.text.split()[:3]) > 0, "they are evidence for the predicted label"


@pytest.mark.usefixtures("here")
def test_the_file_of_several_labels_can_be_trained_on():
    rows = heads.write_reviews(Path("mine.csv"), ["bad", "fair", "good"], wrong=[5])
    changes = ["data.source=mine.csv", "data.labels=[bad, fair, good]"]
    result = audit_sample(*changes)
    Path("audited.csv").write_bytes(label_audit.to_csv(result))
    with open("audited.csv", newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == ["text", "label", "predicted", "score", "suspect", "file", "row"]
    assert sorted((row["text"], row["label"]) for row in found) == sorted(rows)
    assert all(0 < float(row["score"]) <= 1 for row in found)
    again = audit_sample("data.source=audited.csv", changes[1])
    assert len(again.corpus) == len(rows)


def test_confident_issues_of_several_labels():
    """A label is confidently wrong if another one is as probable as it usually is where it is right."""
    probability = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.1, 0.75, 0.15], [0.4, 0.5, 0.1]])
    label = np.array([0, 1, 2, 0, 0])
    assert confident_issues(probability, label).tolist() == [False, False, False, True, False]


def test_with_two_columns_the_issues_are_those_of_two_labels():
    rng = np.random.default_rng(0)
    positive, label = rng.random(200), rng.integers(0, 2, 200)
    both = np.stack((1 - positive, positive), axis=1)
    assert confident_issues(both, label).tolist() == confident_issues(positive, label).tolist()
    logits = np.log(positive / (1 - positive))
    assert label_audit._rank(np.stack((np.zeros(200), logits), axis=1), label).tolist() == (
        label_audit._rank(logits, label).tolist()
    )


@pytest.mark.usefixtures("here")
def test_the_place_of_a_review_is_that_in_its_file():
    """Rows without text or label are left out, and count; so do blank lines, and lines within a text."""
    rows, wrong = clear_reviews()
    Path("mine.jsonl").write_text("".join(json.dumps({"text": t, "label": y}) + "\n\n" for t, y in rows))
    lines = [f"{text},{label}" for text, label in rows]
    lines[3] = f'"{rows[3][0]}\nand\nmore",{rows[3][1]}'
    Path("mine.csv").write_text("\n".join(["text,label", *lines[:5], ",", "what?,ignored", *lines[5:]]))
    pq.write_table(pa.table({"text": [t for t, _ in rows], "label": [y for _, y in rows]}), "mine.parquet")
    for number, (text, label) in enumerate(rows):
        Path("films", label).mkdir(parents=True, exist_ok=True)
        Path("films", label, f"{number}.txt").write_text(text)
    labels = "data.labels={negative: [neg], positive: [pos], ignore: [ignored]}"
    expected = {
        "mine.csv": {f"mine.csv:{index + 2 + 2 + 2}" for index in wrong},
        "mine.jsonl": {f"mine.jsonl:{2 * index + 1}" for index in wrong},
        "mine.parquet": {f"mine.parquet: row {index + 1}" for index in wrong},
        "films": {f"films/{rows[index][1]}/{index}.txt" for index in wrong},
        "[mine.jsonl, mine.parquet]": {
            place for index in wrong for place in (f"mine.jsonl:{2 * index + 1}", f"mine.parquet: row {index + 1}")
        },
    }
    for source, places in expected.items():
        given = [] if source == "films" else [labels]
        result = audit_sample(f"data.source={source}", *given, count=len(places))
        assert {issue.place for issue in result.issues} == places
        found = list(csv.DictReader(io.StringIO(label_audit.to_csv(result).decode())))
        assert {(row["file"], row["row"]) for row in found[: len(places)]} == {
            (file, "" if row is None else str(row)) for file, row in map(label_audit.file_and_row, places)
        }
