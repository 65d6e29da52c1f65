"""A model with presence, in all that is done with a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import runner
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data.dataset import load_data
from sentibp.inspection import gradcheck, label_audit
from sentibp.inspection.trace import to_dict, trace_step
from sentibp.model.file import load_model
from sentibp.model.word_vectors import load_vectors
from sentibp.training.prepare import prepare
from sentibp.utils.arrow import strings

TEXTS = ["a good film , not bad at all", "not good , a bad , bad film", "very good !", "the worst of all"]
WORDS = ["a", "good", "bad", "not", "film", "very", "worst", ","]


@pytest.fixture(scope="module")
def classifier(new_classifier):
    made = new_classifier(TEXTS, text={"ngrams": 3, "presence": True}, model={"hidden": [4]})
    rng = np.random.default_rng(0)
    for tensor in made.tensors().values():
        tensor[...] = rng.standard_normal(tensor.shape)
    return made


@settings(max_examples=50, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), max_size=12), times=st.integers(2, 5))
def test_a_text_that_says_everything_again_has_the_same_probability(classifier, words, times):
    """An unknown word between the repeats keeps them from forming new n-grams."""
    text = " ".join(words)
    features, _, _ = classifier.encode(strings([text, " zzz ".join([text] * times)]))
    assert features.ids[: features.offsets[1]].tolist() == features.ids[features.offsets[1] :].tolist()
    once, again = classifier.predict(strings([text, " zzz ".join([text] * times)])).positive
    assert once == again


def test_without_presence_repeats_count(new_classifier):
    made = new_classifier(TEXTS, text={"presence": False}, model={"embedding": {"padding": 5}})
    once, again = made.predict(strings(["good", "good zzz good"])).positive
    assert once != again


def test_a_step_trains_each_feature_once(classifier):
    step = to_dict(trace_step(classifier, "good good zzz bad", "positive"))
    assert step["features"] == [{"text": "good", "count": 1}, {"text": "bad", "count": 1}]
    assert step["before"]["logit"] == pytest.approx(
        float(classifier.logits(classifier.encode(strings(["bad good"]))[0])[0]), abs=1e-5
    )


def test_a_vocabulary_that_counts_otherwise_is_no_vocabulary_of_the_model(new_classifier, classifier):
    counts = new_classifier(TEXTS, text={"ngrams": 3, "presence": False}, model={"hidden": [4]})
    with pytest.raises(ValueError, match=r"text\.presence"):
        type(counts)(counts.spec, classifier.vocabulary, counts.network)


def is_distinct(features) -> bool:
    return all(len(np.unique(each)) == len(each) for each in np.split(features.ids, features.offsets[1:-1]))


@pytest.fixture
def resolved(write_config):
    train = {"epochs": 2, "word_dropout": 0.0}
    pretrain = {"vectors": "none"}
    return write_config(
        "small.yaml", data={"source": "sample"}, text={"presence": True}, train=train, pretrain=pretrain
    )


def test_all_reviews_are_encoded_so(resolved):
    data = prepare(resolved)
    for features in (
        data.training.features,
        data.validation.features,
        gradcheck.build_with_sample(resolved, 50)[1].features,
    ):
        assert is_distinct(features)
    corpus, _ = load_data(data.config)
    assert is_distinct(label_audit._encode(corpus, data.config)[2])


def test_a_model_file_and_what_starts_from_it_keep_presence(resolved, write_config):
    first = runner.train_model(resolved, Path("first"))
    trained = load_model(first.model)
    assert trained.vocabulary.presence
    assert len({*trained.predict(strings(["awful", "awful xyzzy awful"])).positive}) == 1
    start = {"data": {"source": "sample"}, "model": {"init_from": "first"}, "train": {"epochs": 1}}
    second = runner.train_model(write_config("second.yaml", **start), Path("second"))
    again = load_model(second.model).spec
    assert again.presence
    assert (again.dim, again.hidden) == (trained.spec.dim, trained.spec.hidden), "its shape, too"
    third = runner.train_model(write_config("third.yaml", **start, text={"presence": False}), Path("third"))
    assert not load_model(third.model).spec.presence


@pytest.mark.parametrize("vectors", ["words", "reviews"])
def test_pretraining_reads_every_occurrence(write_config, vectors):
    """Vectors of words are the same with presence and without. Those of n-grams are of the same n-grams."""
    config = {"data": {"source": "sample"}, "train": {"epochs": 1}}
    config["pretrain"] = {"vectors": vectors, "dim": 4, "min_count": 2}
    config["model"] = {"embedding": {"dim": 8, "init": "normal"}, "hidden": []}
    prepared, learned = [], []
    for presence in (True, False):
        resolved = write_config("small.yaml", **config, text={"presence": presence})
        prepared.append(prepare(resolved))
        learned.append(load_vectors(runner.pretrain_vectors(resolved, Path(f"vectors-{presence}")).vectors))
    with_presence, with_counts = prepared
    np.testing.assert_array_equal(with_presence.extra.training.ids, with_counts.training.features.ids)
    assert is_distinct(with_presence.training.features)
    assert learned[0].texts.equals(learned[1].texts)
    assert np.array_equal(learned[0].vectors.half, learned[1].vectors.half) is (vectors == "words")


def test_a_training_with_word_vectors_and_presence(write_config):
    config = {
        "data": {"source": "sample"},
        "text": {"presence": True},
        "pretrain": {"vectors": "words", "labelled": "sample", "dim": 4},
        "model": {"embedding": {"dim": 7, "init": "normal"}, "hidden": []},
        "train": {"epochs": 1},
    }
    outcome = runner.train_model(write_config("small.yaml", **config), Path("run"))
    assert len({*load_model(outcome.model).predict(strings(["awful", "awful xyzzy awful"])).positive}) == 1
