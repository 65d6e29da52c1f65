"""Training with a lexicon: words that the labelled reviews lack have a say."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp.config.dump import dump
from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.data import encode
from sentibp.data.examples import Examples
from sentibp.errors import ConfigError, DataError
from sentibp.inspection.explain import explain
from sentibp.model.file import load_model
from sentibp.nn.layers import Ragged
from sentibp.training import distillation
from sentibp.training.events import Note
from sentibp.utils.arrow import strings

RATINGS = {"good": 2.0, "fine": 1.5, "bad": -2.0, "poor": -1.5, "splendid": 3.0, "dreadful": -3.0, "unheard": 0.5}
TEXTS = [("a good film", 1), ("a bad film", 0), ("the fine plot , good", 1), ("the poor plot , bad", 0)]
LEXICON = {"lexicon": "vader"}


@pytest.fixture
def few(write_config, write_lexicon):
    """Return a config on 32 labelled texts, with a lexicon and `--set` overrides."""
    write_lexicon(RATINGS)
    lines = [f"{text},{label}" for i in range(8) for text, label in ((f'"{t} w{i}"', y) for t, y in TEXTS)]
    Path("few.csv").write_text("\n".join(["text,label", *lines]))
    Path("unlabelled.csv").write_text("text\n" + "a grand film . so good !\na drab film . so bad .\n" * 9)
    sections = {
        "data": {"source": "few.csv", "validation": 0.25},
        "text": {"affixes": False},
        "pretrain": LEXICON,
        "model": {"embedding": {"dim": 2, "pooling": "sqrt", "padding": 2, "init": "normal"}, "hidden": []},
        "train": {"optimizer": {"learning_rate": 0.05}, "epochs": 2, "batch_size": 8},
    }
    return lambda *overrides: write_config("few.yaml", overrides, **sections)


def positive(outcome, *texts: str) -> list[float]:
    return load_model(outcome.model).predict(strings(texts)).positive.tolist()


KINDS = {
    "words and pairs": [],
    "words": ["text.ngrams=1"],
    "triples": ["text.ngrams=3"],
    "presence": ["text.presence=true"],
    "affixes": ["text.affixes=true"],
    "rare words are left out": ["text.min_count=9"],
    "few features": ["text.max_features=5"],
    "capitals": ["text.lowercase=false"],
    "a hidden layer": ["model.hidden=[4]"],
    "more columns": ["model.embedding.dim=5"],
    "members and seeds": ["train.members=2", "train.seeds=2", "train.epochs=1"],
    "shifters": ["text.shifters=true"],
    "mean": ["model.embedding.pooling=mean"],
    "sum": ["model.embedding.pooling=sum"],
    "no refit": ["train.refit=false"],
    "sentences of other reviews": ["pretrain.source=unlabelled.csv"],
    "labelled sentences of other reviews": ["pretrain.labelled=few.csv", "model.embedding.dim=4"],
    "vectors": ["pretrain.vectors=words", "pretrain.dim=3", "model.embedding.dim=5"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_that_no_review_has_moves_the_prediction(few, kind):
    events = []
    outcome = runner.train_model(few(*KINDS[kind]), Path("run"), watch=events.append)
    learns = "distillation: 1 network learns from a classifier's answers to "
    assert any(isinstance(event, Note) and event.text.startswith(learns) for event in events) == ("sentences" in kind)
    nothing, good, bad = positive(outcome, "it is", "it is splendid", "it is dreadful")
    assert good > nothing + 0.02 > nothing - 0.02 > bad
    for text in ("a splendid film , good", "dreadful", "it is"):
        explanation = explain(load_model(outcome.model), text)
        total = sum(each.contribution for each in explanation.contributions)
        assert explanation.bias + total == pytest.approx(explanation.logit, abs=1e-4)


def test_without_the_lexicon_it_does_not(few):
    outcome = runner.train_model(few("pretrain.lexicon=none"), Path("run"))
    nothing, good = positive(outcome, "it is", "it is splendid")
    assert good == nothing


@pytest.mark.parametrize("kind", ["words and pairs", "vectors"])
def test_the_same_bytes_with_and_without_the_cache(few, kind, monkeypatch):
    monkeypatch.setattr(encode.cache, "SMALLEST", 1)
    digests = [runner.train_model(few(*KINDS[kind]), Path("one")).digest]
    while not encode.cache.entries():  # it is written in the background
        time.sleep(0.01)
    digests.append(runner.train_model(few(*KINDS[kind]), Path("two")).digest)
    monkeypatch.setattr(encode.cache, "load", lambda key: None)
    digests.append(runner.train_model(few(*KINDS[kind]), Path("three")).digest)
    assert len(set(digests)) == 1


def test_another_lexicon_is_another_training(few, write_lexicon, complaint):
    one = runner.train_model(few(), Path("one"))
    facts = json.loads((one.run / "run.json").read_text())["data"]
    assert len(facts["lexicon"]["fingerprint"]) == 64
    write_lexicon(RATINGS | {"grand": 2.0})
    two = runner.train_model(few(), Path("two"))  # the cached text of the first has no word `grand`
    assert positive(two, "so grand")[0] > positive(one, "so grand")[0] + 0.02
    text = complaint(DataError, runner.reproduce, one.run)
    assert text.startswith("one: the lexicon of pretrain.lexicon has changed since it was trained: other words or ")
    write_lexicon(RATINGS)
    assert runner.reproduce(one.run).same


def test_predictions_do_not_need_the_package(few, monkeypatch):
    outcome = runner.train_model(few(), Path("run"))
    before = positive(outcome, "a splendid film")
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)
    assert positive(outcome, "a splendid film") == before


def test_reviews_without_a_word_of_the_lexicon(few, write_lexicon):
    """Nothing says how much it matters: it does not matter, and the model is that of the reviews."""
    write_lexicon({"splendid": 3.0})
    notes = []
    outcome = runner.train_model(few(), Path("run"), watch=lambda e: notes.extend([e] * isinstance(e, Note)))
    assert "lexicon: 0 of 24 training reviews have a word of it" in [note.text for note in notes]
    assert "pretrain.lexicon: only 0 of 24 training reviews have a word of it; " in "".join(outcome.notes)
    nothing, unseen, good, bad = positive(outcome, "it is", "splendid", "a good film", "a bad film")
    assert unseen == pytest.approx(nothing, abs=0.02)
    assert good > 0.5 > bad


@pytest.mark.parametrize("has_source", [False, True])
def test_words_that_only_the_file_of_vectors_has_are_features(few, has_source):
    """The unlabelled reviews have `grand` beside the words of good films, and `drab` beside those of bad ones."""
    vectors = ["pretrain.vectors=words", "pretrain.dim=3", "model.embedding.dim=5"]
    runner.pretrain_vectors(few(*vectors, "pretrain.source=unlabelled.csv"), Path("kept"))
    more = ["pretrain.source=unlabelled.csv"] if has_source else []
    outcome = runner.train_model(few(*vectors, *more, "pretrain.vectors_from=kept"), Path("run"))
    words = set(load_model(outcome.model).vocabulary.words.to_pylist())
    assert {"grand", "drab", "splendid", "good"} <= words
    grand, drab = positive(outcome, "grand", "drab")
    assert grand != drab


@pytest.mark.parametrize(
    ("overrides", "repair"),
    [
        (["model.embedding.dim=1"], "model.embedding.dim=2"),
        (["pretrain.labelled=few.csv"], "model.embedding.dim=4"),
        (["pretrain.vectors=words", "pretrain.dim=3"], "model.embedding.dim=5"),
        (["pretrain.vectors=reviews"], "pretrain.vectors=none"),
        (["pretrain.vectors=reviews"], "pretrain.lexicon=none"),
        (["model.init_from=few.csv"], "pretrain.lexicon=none"),
        (["model.hidden=[4,4]"], "pretrain.lexicon=none"),
        (["train.linear_member=true"], "train.linear_member=false"),
    ],
)
def test_settings_that_do_not_fit_together(few, overrides, repair):
    with pytest.raises(ConfigError) as caught:
        few(*overrides)
    assert f"--set {repair}" in str(caught.value)
    assert few(*overrides, repair)


def test_configs_without_a_lexicon_are_written_as_before():
    assert "lexicon" not in dump(Config())
    assert "lexicon: builtin" in dump(load_config("few_labels").config)


@pytest.mark.parametrize("hidden", [[], [3]])
def test_a_network_starts_as_its_teacher(new_classifier, hidden):
    texts = [text for text, _ in TEXTS]
    sections = {"pretrain": LEXICON, "model": {"hidden": hidden, "embedding": {"dim": 3, "padding": 2}}}
    student = new_classifier(texts, **sections)
    teacher = new_classifier(texts, 1, model={"hidden": [], "embedding": {"dim": 1, "padding": 2}})
    teacher.tensors()["output.weight"][:], teacher.tensors()["output.bias"][:] = 1, 0.5
    features = teacher.encode(strings(texts))[0]
    distillation.start_from_teacher(student, teacher, Examples(features, np.array([1, 0, 1, 0], np.int8)))
    np.testing.assert_allclose(student.logits(features), teacher.logits(features), rtol=1e-4, atol=1e-5)


def test_copies_of_a_review_are_one_review_of_a_larger_weight():
    features = Ragged(np.array([1, 2, 1, 2, 2], np.int32), np.array([0, 2, 4, 5, 5]))
    label = np.array([1, 1, 0, 0], np.int8)
    assert distillation.effective_reviews(Examples(features, label)) == pytest.approx(16 / (4 + 1 + 1))
    once = Ragged(np.array([1, 2, 2], np.int32), np.array([0, 2, 3, 3]))
    weighted = Examples(once, label[1:], np.array([2, 1, 1], np.float32))
    assert distillation.effective_reviews(weighted) == pytest.approx(16 / (4 + 1 + 1))
    other = Examples(features, np.array([1, 0, 0, 0], np.int8))
    assert distillation.effective_reviews(other) == pytest.approx(4)


def test_fewer_reviews_have_a_stronger_penalty(few):
    """Twice the reviews, of the same kind, give surer answers."""
    lines = Path("few.csv").read_text().splitlines()
    shorter = runner.train_model(few("train.calibrate=false", "data.validation=0"), Path("short"))
    Path("few.csv").write_text("\n".join([*lines, *(line.replace(" w", " v") for line in lines[1:])]))
    longer = runner.train_model(few("train.calibrate=false", "data.validation=0"), Path("long"))
    assert positive(longer, "a good film")[0] > positive(shorter, "a good film")[0] + 0.01
