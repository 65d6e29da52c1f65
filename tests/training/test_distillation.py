"""Classifiers on pretrained vectors, distillation, and networks folded into one."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary_build import add_words
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import evaluate
from sentibp.model import file, fold
from sentibp.model.calibration import Calibration
from sentibp.nn.layers import Ragged, sigmoid
from sentibp.runs import records
from sentibp.training import distillation, events, pretraining
from sentibp.training.diverged import Diverged
from sentibp.utils.arrow import strings

TEXTS = ["a good film", "a bad film", "", "good good bad plot", "the plot"]
NETWORKS = {
    "hidden layers": [[4], [3]],
    "none": [[], []],
    "one with, one without": [[4], []],
    "a single network": [[5]],
}


@pytest.mark.parametrize("hidden", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("pooling", ["mean", "sqrt", "sum"])
def test_a_folded_network_is_the_weighted_sum_of_its_members(new_classifier, hidden, pooling):
    embedding = {"pooling": pooling, "padding": 2, "dim": 6}
    members = [
        new_classifier(TEXTS, seed, model={"hidden": widths, "embedding": embedding})
        for seed, widths in enumerate(hidden)
    ]
    rng = np.random.default_rng(0)
    for member in members:
        for tensor in member.tensors().values():
            tensor[:] = rng.standard_normal(tensor.shape)
    weights = [0.5, 2.0][: len(members)]
    folded = fold.fold_classifiers(list(zip(members, weights, strict=True)))
    features, _, _ = folded.encode(strings(TEXTS))
    expected = sum(weight * member.logits(features) for member, weight in zip(members, weights, strict=True))
    np.testing.assert_allclose(folded.logits(features), expected, rtol=1e-4, atol=1e-5)
    assert folded.spec.dim == folded.tensors()["embedding.weight"].shape[1]


def test_the_teacher_has_half_of_the_weight(new_classifier):
    teacher, *students = (new_classifier(TEXTS, seed, model={"hidden": []}) for seed in range(3))
    features = teacher.encode(strings(TEXTS))[0]
    expected = teacher.logits(features) / 2 + sum(student.logits(features) for student in students) / 4
    np.testing.assert_allclose(distillation.combine(teacher, students).logits(features), expected, rtol=1e-4, atol=1e-6)


def test_a_folded_network_can_be_saved_and_loaded(new_classifier, tmp_path):
    members = [new_classifier(TEXTS, seed, model={"hidden": [3]}, train={"members": 2}) for seed in (0, 1)]
    folded = fold.fold_classifiers([(member, 0.5) for member in members])
    (tmp_path / "model.safetensors").write_bytes(folded.to_bytes())
    loaded = file.load_model(tmp_path / "model.safetensors")
    assert loaded.training_config() == folded.training_config()
    np.testing.assert_array_equal(loaded.predict(strings(TEXTS)).positive, folded.predict(strings(TEXTS)).positive)


def test_scaling_the_logit_does_not_change_the_original(new_classifier):
    classifier = new_classifier(TEXTS)
    features, _, _ = classifier.encode(strings(TEXTS))
    before = classifier.logits(features)
    np.testing.assert_allclose(fold.calibrated(classifier, Calibration(3)).logits(features), 3 * before, rtol=1e-5)
    np.testing.assert_array_equal(classifier.logits(features), before)


def test_rare_features_share_a_row(new_classifier):
    training = Examples(Ragged(np.array([0, 0, 1, 2, 2, 3], np.int32), np.array([0, 3, 6])), np.array([0, 1], np.int8))
    classifier = new_classifier(["a b c d e f"], text={"ngrams": 1}, model={"embedding": {"dim": 1}})
    row = distillation.shared_rows(training, classifier.vocabulary)
    assert row.tolist() == [0, 1, 2, 1, 1, 1]
    with_marked = add_words(classifier.vocabulary, strings(["not~a"]))
    assert distillation.shared_rows(training, with_marked).tolist() == [0, 1, 2, 1, 1, 1, 6]
    assert distillation.with_shared_rows(training, row).features.ids.tolist() == [0, 0, 1, 2, 2, 1]
    classifier.tensors()["embedding.weight"][:, 0] = range(6)
    distillation.copy_shared_rows(classifier, row)
    assert classifier.tensors()["embedding.weight"][:, 0].tolist() == [0, 1, 2, 1, 1, 1]


def test_word_columns_hold_ratios_sentence_weights_and_vectors(new_classifier):
    texts = [
        "a good film . the plot .",
        "a fine film . the end .",
        "a bad film . the plot .",
        "a poor film . the end .",
    ]
    classifier = new_classifier(texts, pretrain={"vectors": "words", "dim": 4}, model={"embedding": {"dim": 9}})
    features, label = classifier.encode(strings(texts * 10))[0], np.array([1, 1, 0, 0] * 10, np.int8)
    training = Examples(features.slice(0, 4), label[:4])
    extra = pretraining.PretrainingData(features, Examples(features, label), features.slice(0, 0))
    config, vocabulary = classifier.training_config(), classifier.vocabulary
    pretrained = runner.result(pretraining.learn_vectors(config, vocabulary, training, extra, 0))
    columns = distillation.word_columns(config, vocabulary, training, extra, pretrained)
    assert columns.shape == (len(classifier.vocabulary), 6)
    names = classifier.vocabulary.features().to_pylist()
    for good, bad in (("good", "bad"), ("a fine", "a poor")):
        ratio, weight = (columns[names.index(good)] - columns[names.index(bad)])[:2]
        assert ratio > 0.1
        assert weight > 0.1
    assert abs(columns[names.index("a"), :2]).max() < 0.1
    length = np.linalg.norm(columns[:, 2:], axis=1)
    words = classifier.vocabulary.word_features
    np.testing.assert_allclose(length[words], length[words[0]], rtol=1e-4)
    assert np.delete(length, words).max() == 0


def test_reviews_are_split_into_sentences(new_classifier):
    vocabulary = new_classifier(["a good film . bad plot ! ... so", "", "the end . the end"]).vocabulary
    texts = ["a good film . bad plot ! ... so", "", "a film", ". bad plot ."]
    reviews, _ = vocabulary.encode(tokenize(strings(texts)))
    split, review = distillation.sentences(reviews, vocabulary)
    names = vocabulary.features().to_pylist()
    words = [" ".join(name for name in (names[i] for i in ids) if " " not in name) for ids in each(split)]
    assert words == ["a good film .", "bad plot !", "...", "so", "a film", ".", "bad plot ."]
    assert review.tolist() == [0, 0, 0, 0, 2, 3, 3]
    np.testing.assert_array_equal(
        split.ids, reviews.ids
    )  # no feature is lost, not even pairs across the end of a sentence


def each(reviews: Ragged) -> list[list[int]]:
    return [reviews.ids[a:b].tolist() for a, b in pairwise(reviews.offsets)]


def test_the_distillation_set_has_training_reviews_and_answered_sentences(new_classifier):
    teacher = new_classifier(["a good film . a bad plot ."])
    teacher.tensors()["output.weight"][:] = 3
    encode = lambda *texts: teacher.encode(strings(texts))[0]  # noqa: E731
    training = Examples(encode("good", "a bad plot"), np.array([1, 0], np.int8), np.array([2, 3], np.float32))
    labelled = Examples(encode(*["a bad film . good plot ."] * 20), np.ones(20, np.int8))
    extra = pretraining.PretrainingData(training.features, labelled, encode("a plot . a film"))
    examples, position = distillation.distillation_set(teacher.vocabulary, training, extra, teacher)
    assert np.mean(position >= 0) == pytest.approx(0.2, abs=0.02)
    assert position[position >= 0].tolist() == [0, 1] * (sum(position >= 0) // 2)
    reviews, additional = np.flatnonzero(position >= 0), np.flatnonzero(position < 0)
    assert each(examples.features)[: len(reviews)] == each(training.features.take(position[reviews]))
    np.testing.assert_array_equal(examples.label[reviews], training.label[position[reviews]])
    np.testing.assert_allclose(examples.weight[reviews], training.weight[position[reviews]] / 2.5, rtol=1e-6)
    assert len(additional) == 42
    assert (examples.weight[additional] == 1).all()
    answers = sigmoid(teacher.logits(examples.features.take(additional)).astype(np.float64))
    np.testing.assert_allclose(examples.label[additional], answers, rtol=1e-5)
    assert answers.std() > 0.01


def test_without_additional_reviews_the_distillation_set_is_the_training_data(new_classifier):
    teacher = new_classifier(TEXTS)
    features = teacher.encode(strings(TEXTS))[0]
    training = Examples(features, np.array([1, 0, 0, 1, 1], np.int8))
    extra = pretraining.PretrainingData(features, None, features.slice(0, 0))
    examples, position = distillation.distillation_set(teacher.vocabulary, training, extra, teacher)
    assert each(examples.features) == each(features)
    assert examples.label.tolist() == training.label.tolist()
    assert examples.weight is None
    assert position.tolist() == [0, 1, 2, 3, 4]


def test_the_postmortem_of_a_distillation_lists_training_reviews(write_config, tmp_path):
    settings = sections(vectors="words", labelled="sample")
    settings["train"]["optimizer"] = {"name": "sgd", "learning_rate": 1e30}
    with pytest.raises(Diverged) as caught:
        runner.train_model(write_config("small.yaml", **settings), tmp_path / "run")
    assert caught.value.facts is not None
    reviews = json.loads((tmp_path / "run" / "run.json").read_text())["postmortem"]
    lines = [json.loads(line) for line in (Path(reviews) / "batch.jsonl").read_text().splitlines()]
    assert 0 < len(lines) < 32
    assert all(line["text"] for line in lines)


def sections(**pretrain) -> dict:
    return {
        "data": {"source": "sample"},
        "text": {"ngrams": 2, "min_count": 2},
        "pretrain": {"dim": 8, "min_count": 3, "source": "sample", "split": "test"} | pretrain,
        "model": {"embedding": {"dim": 12}, "hidden": [4]},
        "train": {"optimizer": {"learning_rate": 0.1}, "epochs": 2, "batch_size": 32, "refit": False},
    }


@pytest.mark.parametrize(
    "pretrain", [{"vectors": "reviews"}, {"vectors": "words"}, {"vectors": "words", "labelled": "sample"}]
)
def test_a_training_with_pretraining_is_reproducible(write_config, pretrain):
    resolved = write_config("small.yaml", **sections(**pretrain))
    one, two = (runner.train_model(resolved, Path(name)) for name in ("one", "two"))
    assert one.digest == two.digest
    scores = evaluate.evaluate_on(file.load_model(one.model)).scores
    assert scores["accuracy"] == one.scores["accuracy"]
    assert scores["log_loss"] == pytest.approx(one.scores["log_loss"], rel=1e-6)
    facts = json.loads((one.run / "run.json").read_text())["data"]
    assert facts["unlabelled"]["reviews"] == 80
    assert (facts["labelled"] is None) == ("labelled" not in pretrain)


@pytest.mark.parametrize("kind", ["reviews", "words"])
@pytest.mark.parametrize("more", [[], ["train.members=2"], ["pretrain.source=null"]], ids=str)
def test_a_training_from_saved_vectors_gives_the_same_bytes(write_config, kind, more):
    def resolved(*overrides):
        return write_config("small.yaml", [*more, *overrides], **sections(vectors=kind))

    kept = runner.pretrain_vectors(resolved(), Path("kept"))
    both = runner.train_model(resolved(), Path("both"))
    later = runner.train_model(resolved("pretrain.vectors_from=kept"), Path("later"))
    assert later.digest == both.digest
    assert later.scores == both.scores
    other = runner.train_model(resolved("train.seed=1"), Path("other"))
    mixed = runner.train_model(resolved("train.seed=1", "pretrain.vectors_from=kept"), Path("mixed"))
    assert mixed.digest != other.digest, "the vectors are those of the file"
    rounds = [
        [record for record in records.read_records(each.run) if isinstance(record, records.RoundRecord)]
        for each in (kept, both, later)
    ]
    assert rounds[0] == rounds[1]
    assert len(rounds[0]) == 20
    assert rounds[2] == []
    facts = json.loads((later.run / "run.json").read_text())
    assert facts["data"]["pretrained"] == {"fingerprint": kept.digest}


@pytest.mark.parametrize("kind", ["reviews", "words"])
def test_saved_vectors_are_matched_to_other_data_by_text(write_config, kind):
    """Features in another order: each has the vector of the same text. New features have none."""
    runner.pretrain_vectors(write_config("small.yaml", **sections(vectors=kind)), Path("kept"))
    lines = ["good film,1", "bad film,0", "a good zebra,1", "a bad zebra,0"]
    Path("other.csv").write_text("\n".join(["text,label", *lines * 10]))
    settings = sections(vectors=kind, vectors_from="kept", source=None)
    settings["data"] = {"source": "other.csv", "validation": 0}
    reported = []
    outcome = runner.train_model(write_config("other.yaml", **settings), Path("other"), watch=reported.append)
    assert outcome.scores["accuracy"] == 1.0
    (note,) = [event.text for event in reported if isinstance(event, events.Note) and "of its" in event.text]
    assert note.startswith("kept/vectors.safetensors: ")
    assert int(note.split()[1]) < 12, "one of the 12 features, zebra, has no vector"


def test_saved_vectors_that_do_not_match_the_settings(write_config, complaint):
    def train(*overrides):
        return runner.train_model(write_config("small.yaml", overrides, **sections(vectors="words")), Path("run"))

    runner.pretrain_vectors(write_config("small.yaml", **sections(vectors="words")), Path("kept"))
    message = complaint(ConfigError, train, "pretrain.vectors_from=kept", "pretrain.dim=9")
    assert message == "pretrain.dim: is 9, but kept/vectors.safetensors has 8; write --set pretrain.dim=8"
    message = complaint(ConfigError, train, "pretrain.vectors_from=kept", "pretrain.vectors=reviews")
    assert message.startswith("pretrain.vectors: is reviews, but kept/vectors.safetensors has words")
    Path("other.csv").write_text("text,label\nzebra,1\nokapi,0\nzebra,1\nokapi,0\n")
    only_other = ("data.source=other.csv", "data.validation=0", "pretrain.source=null")
    message = complaint(DataError, train, "pretrain.vectors_from=kept", *only_other)
    assert "no word or n-gram of the training data has a vector there" in message
    message = complaint(ConfigError, train, "pretrain.vectors_from=run")
    assert message.startswith(f"pretrain.vectors_from: {Path('run').resolve()}: has no vectors.safetensors; ")


def test_several_members_are_averaged_and_folded(write_config):
    settings = sections(vectors="none", source=None)
    settings["train"]["members"] = 3
    outcome = runner.train_model(write_config("small.yaml", **settings))
    assert file.load_model(outcome.model).tensors()["hidden.0.weight"].shape == (36, 12)
    starts = {json.loads(line)["seed"] for line in (outcome.run / "metrics.jsonl").read_text().splitlines()}
    assert starts == {0, 1, 2}


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("model.hidden=[4,4]", "pretrain.vectors"),
        ("model.activation=tanh", "pretrain.vectors"),
        ("train.members=2", "train.members"),
        ("pretrain.labelled=sample", "pretrain.labelled"),
        ("model.init_from=last", "model.init_from"),
    ],
)
def test_settings_that_prevent_folding_are_refused(write_config, override, key):
    more = ["model.activation=tanh"] if key == "train.members" else []
    with pytest.raises(ConfigError, match=key):
        write_config("small.yaml", [override, *more], **sections(vectors="reviews"))


def test_vectors_need_room_in_the_embedding(write_config):
    with pytest.raises(ConfigError, match="the embedding has 12 columns and needs 13"):
        write_config("small.yaml", ["pretrain.dim=12"], **sections(vectors="words"))
