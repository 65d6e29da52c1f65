"""The estimator in the hands of scikit-learn itself: its checks, its searches, its folds; and without it."""

from __future__ import annotations

import copy
import csv
import enum
import hashlib
import json
import pickle
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import datasets
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from runner import train_model
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

import sentibp
from sentibp import SentibpError, SentibpWarning, SentimentClassifier
from sentibp.config.load import load_config
from sentibp.config.schema import Data
from sentibp.data.label_encoder import class_numbers
from sentibp.errors import DataError, InvalidInput, InvalidSetting
from sentibp.utils import tensor_file

SMALL = {  # without calibration and the final training, which take three quarters of the time
    "text": {"ngrams": 1, "affixes": False, "shifters": False},
    "model": {"embedding": {"dim": 2}, "hidden": [2]},
    "train": {"epochs": 1, "calibrate": False, "refit": False},
}
GOOD = [
    "a good film",
    "what fun",
    "good fun",
    "so good",
    "fun and good",
    "a fine film",
    "fine acting",
    "what a fine end",
]
BAD = ["a bad film", "how dull", "bad and dull", "so bad", "dull acting", "a poor film", "poor acting", "a dull end"]
PLAIN = ["a film of two hours", "shot in a town", "it has a sequel", "in colour", "a plot in three acts", "out now"]
TEXTS = [f"{text} number {i}" for i in range(3) for text in GOOD + BAD]
SIGNS = np.array([1] * len(GOOD) + [0] * len(BAD) * 1, int)
LABELS = np.tile(SIGNS, 3)


def small(**settings) -> SentimentClassifier:
    return SentimentClassifier(SMALL, **settings)


# --- scikit-learn's checks


class NumbersAsTexts(SentimentClassifier):
    """Turns the numbers of scikit-learn's checks into words. For an estimator of texts, most checks are not made."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.string = False
        tags.classifier_tags.poor_score = True  # of rounded numbers, of which no word is near another
        return tags

    def texts(self, X, reset: bool = False) -> list[str]:
        if not reset:
            self._model()
        rows = validate_data(self, X, reset=reset)
        return [" ".join(f"c{i}v{round(float(value))}" for i, value in enumerate(row)) for row in rows]

    def fit(self, X, y, sample_weight=None, groups=None):
        return super().fit(self.texts(X, reset=True), y, sample_weight, groups)

    def predict(self, X):
        return super().predict(self.texts(X))

    def predict_proba(self, X):
        return super().predict_proba(self.texts(X))

    def decision_function(self, X):
        return super().decision_function(self.texts(X))

    def score(self, X, y, sample_weight=None):
        return super().score(self.texts(X), y, sample_weight)


EXPECTED_TO_FAIL = {
    "check_do_not_raise_errors_in_init_or_set_params": "takes **settings for a parameter of the name 'settings'",
    "check_sample_weight_equivalence_on_dense_data": "copies are other batches, and others of them are held out; "
    "tests/training/test_weights.py has what holds: the gradient and the scores are the same",
}


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says that checks of numbers are not made
    of_texts = parametrize_with_checks([small()])


@of_texts
def test_checks_of_an_estimator_of_texts(estimator, check):
    check(estimator)


@parametrize_with_checks([NumbersAsTexts(SMALL)], expected_failed_checks=lambda _: EXPECTED_TO_FAIL)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_checks_on_numbers_as_words(estimator, check):
    check(estimator)


# --- composition


def test_it_is_the_end_of_a_pipeline():
    pipeline = make_pipeline(FunctionTransformer(lambda texts: [text.lower() for text in texts]), small())
    assert is_classifier(pipeline)
    pipeline.set_params(sentimentclassifier__train__epochs=2, sentimentclassifier__text__lowercase=False)
    pipeline.fit([text.upper() for text in TEXTS], LABELS)
    assert len(pipeline[-1].history_) == 2
    np.testing.assert_array_equal(pipeline.predict(["GOOD FUN", "DULL"]), [1, 0])


def test_a_grid_search_reaches_every_setting_in_two_processes():
    grid = {
        "train__optimizer__learning_rate": [1e-9, 0.1],
        "train__optimizer": ["adagrad", "adam"],
    }
    network = small(train__epochs=2, train__calibrate=False)
    search = GridSearchCV(network, grid, cv=2, n_jobs=2, error_score="raise", scoring="neg_log_loss")
    search.fit(TEXTS, LABELS)
    assert search.best_params_["train__optimizer__learning_rate"] == 0.1
    settings = search.best_estimator_.model_.trained_with
    assert settings["train"]["optimizer"]["name"] == search.best_params_["train__optimizer"]
    np.testing.assert_array_equal(search.predict(["good fun", "bad"]), [1, 0])


def test_a_wrong_value_in_a_grid_is_named_also_from_another_process():
    search = GridSearchCV(small(), {"train__epochs": [1, "three"]}, cv=2, n_jobs=2, error_score="raise")
    with pytest.raises(InvalidSetting, match="train__epochs='three': 'three' is not a whole number"):
        search.fit(TEXTS, LABELS)


def test_folds_of_groups():
    """The words of a group are known only if the group is in the training data."""
    groups = np.repeat(np.arange(8), 6)
    texts = [f"w{group} {i}" for i, group in enumerate(groups)]
    labels = groups % 2
    p = cross_val_predict(small(), texts, labels, groups=groups, cv=GroupKFold(4), method="predict_proba")
    assert p.shape == (48, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert cross_val_score(small(train__epochs=5), texts, labels, cv=StratifiedKFold(4, shuffle=True)).mean() > 0.9
    assert (p.argmax(axis=1) == labels).mean() < 0.9


def test_calibration_takes_weights():
    weight = np.where(LABELS == 1, 2.0, 1.0)
    calibrated = CalibratedClassifierCV(small(train__calibrate=False), cv=2)
    calibrated.fit(TEXTS, LABELS, sample_weight=weight)
    assert calibrated.predict_proba(["good"])[0, 1] > calibrated.predict_proba(["dull"])[0, 1]


def test_learning_curve():
    sizes, training, test = learning_curve(small(), TEXTS, LABELS, train_sizes=[0.5, 1.0], cv=2, shuffle=True)
    assert sizes.tolist() == [12, 24]
    assert training.shape == test.shape == (2, 2)


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_votes_and_stacks_with_another_classifier_of_texts(voting):
    labels = np.array(["dull", "fine"])[LABELS]
    other = make_pipeline(TfidfVectorizer(), LogisticRegression())
    both = [("ours", small()), ("theirs", other)]
    np.testing.assert_array_equal(
        VotingClassifier(both, voting=voting).fit(TEXTS, labels).predict(["good fun", "bad dull"]), ["fine", "dull"]
    )
    if voting == "soft":
        stack = StackingClassifier(both, cv=2).fit(TEXTS, labels)
        np.testing.assert_array_equal(stack.predict(["good fun", "bad and dull"]), ["fine", "dull"])


def test_other_meta_estimators_that_take_texts():
    labels = np.array(["dull", "fine", "plain"])[[*LABELS, *[2] * len(PLAIN)]]
    one = OneVsRestClassifier(small()).fit([*TEXTS, *PLAIN], labels)
    assert one.predict_proba(["good fun"]).shape == (1, 3)
    column = np.array(TEXTS, object)[:, None]  # bagging wants rows and columns
    first = FunctionTransformer(lambda rows: [row[0] for row in rows])
    bag = BaggingClassifier(make_pipeline(first, small()), 2, random_state=0).fit(column, LABELS)
    assert bag.score(column, LABELS) > 0.9


def test_metadata_routing():
    import sklearn

    weight = np.ones(len(TEXTS))
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = small().set_fit_request(sample_weight=True, groups=False).set_score_request(sample_weight=False)
        done = cross_validate(estimator, TEXTS, LABELS, cv=2, params={"sample_weight": weight}, error_score="raise")
    assert len(done["test_score"]) == 2


# --- parameters


def test_parameters_are_config_settings():
    estimator = SentimentClassifier("quickstart", train__epochs=3, **{"data.validation": 0.2})
    assert estimator.get_params() == {"config": "quickstart", "train__epochs": 3, "data__validation": 0.2}
    again = clone(estimator.set_params(model__hidden=[4], **{"train.epochs": 4}))
    assert again.get_params() == {
        "config": "quickstart",
        "train__epochs": 4,
        "data__validation": 0.2,
        "model__hidden": [4],
    }
    assert repr(again) == repr(estimator)
    assert "train__epochs=4" in repr(again)
    assert again.set_params(config="imdb").config == "imdb"
    assert "quickstart" in estimator._repr_html_()


@pytest.mark.parametrize(
    ("name", "repair"),
    [
        ("train__epoch", "no such setting; did you mean train__epochs?"),
        ("epochs", "no such setting; did you mean train__epochs?"),
        ("train__lr", "no such setting; did you mean train__optimizer__learning_rate?"),
        ("zzz", "no such setting; write them as section__key, such as train__epochs=3"),
        ("train", "a section; give its settings, such as train__batch_size"),
    ],
)
def test_an_unknown_setting_is_refused_at_once(name, repair):
    for call in SentimentClassifier, small().set_params:
        with pytest.raises(ValueError, match=name) as caught:
            call(**{name: 1})
        assert isinstance(caught.value, SentibpError)
        assert str(caught.value) == f"{name}: {repair}"


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        ("default", {"train__epochs": 0}, "train__epochs=0: 0 is too small; give a whole number of at least 1"),
        ("default", {"train__optimizer": "sdg"}, "train__optimizer='sdg': 'sdg'"),
        ("quikstart", {}, "quikstart: no such file; shipped: "),
        ({"train": {"epochs": 0}, "modle": {}}, {}, "config: modle: unknown key; did you mean 'model'?"),
        (3, {}, "config is a int; give the name or the path of a config, or a mapping of settings"),
        ("default", {"data__labels": {"good": [1]}}, "data__labels"),
    ],
)
def test_wrong_settings_are_named_when_they_are_used(config, settings, message):
    estimator = SentimentClassifier(config, **settings)
    with pytest.raises(InvalidSetting) as caught:
        estimator.fit(TEXTS, LABELS)
    assert message in str(caught.value)
    assert "--set" not in str(caught.value)


def test_settings_may_be_numbers_of_numpy_and_paths(here):
    Path("mine.yaml").write_text("train: {epochs: 2}\n")
    estimator = SentimentClassifier(
        Path("mine.yaml"), train__optimizer__learning_rate=np.float32(0.25), model__hidden=(np.int64(3),)
    )
    assert len(estimator.fit(TEXTS, LABELS).history_) == 2
    settings = estimator.model_.trained_with
    assert (settings["train"]["optimizer"]["learning_rate"], settings["model"]["hidden"]) == (0.25, [3])


# --- labels


@pytest.mark.parametrize(
    "labels",
    [
        [True, False],
        [1, 0],
        [1, -1],
        [2, 1],
        [1.0, 0.0],
        ["positive", "negative"],
        ["pos", "neg"],
        ["gut", "schlecht"],
        ["ham", "spam"],
        ["spam", "ham"],
        ["fresh", "rotten"],
        ["ignore", "keep"],
        ["Yes ", "no"],
    ],
)
@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")
def test_two_labels_come_back_as_given(labels, tmp_path):
    good, bad = labels
    estimator = small().fit(TEXTS, [good if label else bad for label in LABELS])
    assert estimator.classes_.tolist() == sorted(labels)
    assert type(estimator.predict(["good"]).tolist()[0]) is type(good)
    assert estimator.predict(["good fun", "bad and dull"]).tolist() == labels
    p, z = estimator.predict_proba(TEXTS), estimator.decision_function(TEXTS)
    np.testing.assert_array_equal(estimator.classes_[p.argmax(axis=1)], estimator.predict(TEXTS))
    np.testing.assert_allclose(1 / (1 + np.exp(-z)), p[:, 1], rtol=1e-6)
    assert estimator.score(TEXTS, np.array(labels)[1 - LABELS]) == 1
    estimator.save(tmp_path / "model")
    for other in SentimentClassifier.load(tmp_path / "model"), pickle.loads(pickle.dumps(estimator)):
        np.testing.assert_array_equal(other.classes_, estimator.classes_)
        assert other.classes_.dtype == estimator.classes_.dtype
        np.testing.assert_array_equal(other.predict_proba(TEXTS), p)
        np.testing.assert_array_equal(other.decision_function(TEXTS), z)
        assert other.score(TEXTS, np.array(labels)[1 - LABELS]) == 1


@pytest.mark.parametrize("order", [["ham", "spam"], ["spam", "ham"]])
def test_two_classes_without_an_order_have_the_decision_of_the_second(order):
    """The model has a logit for each, in its own order."""
    settings = {"data__labels": order, "data__ordered": False, "train__epochs": 8, "model__hidden": []}
    estimator = small(**settings).fit(TEXTS, np.array(["spam", "ham"])[LABELS])
    assert estimator.model_.spec.labels == tuple(order)
    assert estimator.classes_.tolist() == ["ham", "spam"]
    p, z = estimator.predict_proba(TEXTS), estimator.decision_function(TEXTS)
    np.testing.assert_allclose(1 / (1 + np.exp(-z)), p[:, 1], rtol=1e-5)
    np.testing.assert_array_equal(np.array(["ham", "spam"])[(z > 0).astype(int)], estimator.predict(TEXTS))
    assert estimator.predict(["good fun", "bad and dull"]).tolist() == ["ham", "spam"]
    if order == sorted(order):  # then the labels say as much as the setting
        unnamed = small(**{key: value for key, value in settings.items() if key != "data__labels"})
        assert unnamed.fit(TEXTS, np.array(["spam", "ham"])[LABELS]).digest_ == estimator.digest_
        assert not any("data.ordered" in note for note in unnamed.notes_), "it has an effect on these labels"


def test_two_labels_whose_order_words_tell_have_it_whatever_is_set():
    """As in a config, which refuses them as classes without an order."""
    for labels in (0, 1), ("rotten", "fresh"):
        fitted = small(data__ordered=False).fit(TEXTS, np.array(labels)[LABELS])
        assert fitted.model_.spec.labels == ("negative", "positive")
        assert "data__ordered=True" in next(note for note in fitted.notes_ if "data.ordered has no effect" in note)


@pytest.mark.parametrize(
    ("labels", "order", "ordered"),
    [
        (["negative", "neutral", "positive"], ("negative", "neutral", "positive"), True),
        (["bad", "mixed", "a good one"], ("a good one", "bad", "mixed"), False),
        (["very bad", "bad", "good"], ("very bad", "bad", "good"), True),
        ([1, 2, 3], ("1", "2", "3"), False),
        ([30, 20, 10], ("10", "20", "30"), False),
        (["z", "m", "a"], ("a", "m", "z"), False),
    ],
)
@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")
def test_several_labels_come_back_as_given(labels, order, ordered, tmp_path):
    texts = [*TEXTS, *PLAIN * 3]
    number = np.array([2 if label else 0 for label in LABELS] + [1] * 3 * len(PLAIN))
    estimator = small(train__epochs=8, model__embedding__dim=8, model__hidden=[]).fit(texts, np.array(labels)[number])
    assert estimator.classes_.tolist() == sorted(labels)
    assert estimator.model_.spec.labels == order
    assert estimator.model_.spec.ordered is ordered
    assert estimator.predict(["bad and dull", "good fun"]).tolist() == [labels[0], labels[2]]
    p, z = estimator.predict_proba(texts), estimator.decision_function(texts)
    assert p.shape == z.shape == (len(texts), 3)
    np.testing.assert_array_equal(estimator.classes_[p.argmax(axis=1)], estimator.predict(texts))
    np.testing.assert_array_equal(p.argmax(axis=1), z.argmax(axis=1))
    estimator.save(tmp_path / "model")
    loaded = SentimentClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(texts), estimator.predict(texts))
    np.testing.assert_array_equal(loaded.predict_proba(texts), p)


@pytest.mark.parametrize("labels", [[2**53 + 1, float(2**53)], [2**63 + 1, -1], [2**64, 2**64 + 1], [1, 2**63]])
@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")
def test_large_numbers_come_back_as_given(labels, tmp_path):
    """An array of floats or of both kinds of integers would change them."""
    estimator = small().fit(TEXTS, [labels[label] for label in LABELS])
    assert estimator.classes_.tolist() == sorted(labels)
    assert set(estimator.predict(TEXTS)) <= set(labels)
    estimator.save(tmp_path / "model")
    assert SentimentClassifier.load(tmp_path / "model").classes_.tolist() == sorted(labels)


def test_what_is_assumed_of_labels_is_said():
    texts, number = [*TEXTS, *PLAIN], [*LABELS, *[2] * len(PLAIN)]
    with pytest.warns(SentibpWarning, match="3 numbers taken as classes without an order.*data__ordered=True"):
        small().fit(texts, number)
    with pytest.warns(SentibpWarning, match="'spam' is taken as positive and 'ham' as negative"):
        small().fit(TEXTS, np.array(["ham", "spam"])[LABELS])
    for silent in small(data__ordered=True), small(data__ordered=False):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert silent.fit(texts, number).model_.spec.ordered is silent.data__ordered


def test_an_alphabetical_order_is_said():
    """data.ordered says that there is an order, and neither it nor the words say which."""
    words = [["a1", "b2", "c3"][each] for each in [*LABELS, *[2] * len(PLAIN)]]
    said = r"^y: taken in alphabetical order, from a1, the worst, to c3, the best; for another, list them: "
    with pytest.warns(SentibpWarning, match=rf"{said}data__labels=\['a1', 'b2', 'c3'\]$"):
        estimator = small(data__ordered=True).fit([*TEXTS, *PLAIN], words)
    assert estimator.model_.spec.labels == ("a1", "b2", "c3")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listed = small(data__ordered=True, data__labels=["b2", "c3", "a1"]).fit([*TEXTS, *PLAIN], words)
    assert listed.model_.spec.labels == ("b2", "c3", "a1")


def _arrow_categories(values: list, categories: list, ordered: bool) -> pa.DictionaryArray:
    codes = pa.array([categories.index(value) for value in values])
    return pa.DictionaryArray.from_arrays(codes, pa.array(categories), ordered=ordered)


def names_of(kind, names: list, categories: list, ordered: bool = True, **settings) -> tuple[tuple[str, ...], bool]:
    """The labels of a model in their order, and whether they have one."""
    values = [names[each] for each in [*LABELS * 2, *[1] * len(PLAIN)]]
    labels = kind(values, categories=categories, ordered=ordered)
    spec = small(**settings).fit([*TEXTS, *PLAIN], labels).model_.spec
    return spec.labels, spec.ordered


@pytest.mark.parametrize(
    "kind",
    [
        pd.Categorical,
        lambda *a, **b: pd.Series(pd.Categorical(*a, **b)),
        pd.CategoricalIndex,
        _arrow_categories,
        lambda *a, **b: pa.chunked_array([_arrow_categories(*a, **b)]),
        lambda *a, **b: pd.Series(pd.arrays.ArrowExtensionArray(_arrow_categories(*a, **b))),
    ],
)
def test_an_ordered_categorical_of_any_kind_says_the_order(kind):
    words = ["low", "middle", "high"]
    assert names_of(kind, words, ["none", *words]) == (("low", "middle", "high"), True)
    assert names_of(kind, words, words, ordered=False) == (("high", "low", "middle"), False)
    assert names_of(kind, [3, 2, 1], [3, 2, 1]) == (("3", "2", "1"), True), "marks, of which 1 is the best"


def test_the_order_of_a_categorical_is_that_of_better_and_better_labels():
    names, words = partial(names_of, pd.Categorical), ["low", "middle", "high"]
    assert names(words, words, data__ordered=False)[1] is False
    assert names(["neg", "neu", "pos"], ["pos", "neu", "neg"]) == (("neg", "neu", "pos"), True), "as the words say"
    with pytest.warns(SentibpWarning, match="'aa' is taken as positive and 'zz' as negative: the order of the categ"):
        small().fit(TEXTS, pd.Categorical(np.array(["zz", "aa"])[LABELS], categories=["zz", "aa"], ordered=True))


@pytest.mark.parametrize(
    "kind",
    [
        lambda values, categories: pl.Series(values, dtype=pl.Enum(categories)),
        lambda values, categories: pd.Categorical(values, categories=categories),
    ],
)
def test_categories_without_an_order_say_it_if_the_labels_have_one(kind):
    """An Enum of polars may list topics as well as grades; with data.ordered, it is better than the alphabet."""
    texts, number = [*TEXTS, *PLAIN], [*LABELS * 2, *[1] * len(PLAIN)]
    grades, words = ["low", "middle", "high"], ["bad", "ok", "great"]
    labels = kind([grades[each] for each in number], ["none", *grades])
    assert small().fit(texts, labels).model_.spec.ordered is False
    assert small(data__ordered=False).fit(texts, labels).model_.spec.ordered is False
    with pytest.warns(SentibpWarning, match="taken in the order of their type, from low, the worst, to high, the best"):
        spec = small(data__ordered=True).fit(texts, labels).model_.spec
    assert (spec.labels, spec.ordered) == (("low", "middle", "high"), True)
    turned = kind([words[each] for each in number], words[::-1])
    assert small(data__ordered=True).fit(texts, turned).model_.spec.labels == ("bad", "ok", "great"), "as words say"


def test_series_in_another_order_are_not_paired():
    texts, labels = pd.Series(TEXTS), pd.Series(LABELS)
    for wrong in (labels[::-1], None), (labels, labels[::-1]):
        for paired in small().fit, small().fit(TEXTS, LABELS).score:
            with pytest.raises(InvalidInput, match="has the index of X in another order; give"):
                paired(texts, *wrong)


def test_labels_of_another_type_are_not_scored():
    """They would all be wrong."""
    estimator = small().fit(TEXTS, LABELS)
    with pytest.raises(InvalidInput, match=r"^y\[0\] is 'pos', and the labels of the training are 0, 1$"):
        estimator.score(["good", "bad"], ["pos", "neg"])
    assert estimator.score(TEXTS, LABELS.astype(float)) == estimator.score(TEXTS, LABELS.astype(bool)) == 1
    assert estimator.score(["good fun", "good fun"], [1, 2]) == 0.5  # a class that this fold did not have
    assert estimator.score(["good fun", "bad and dull"], [2, 2]) == 0
    for texts, weight, message in ([], None, "X: no text is left"), (["good"], [0], "sample_weight: .* are zero;"):
        with pytest.raises(InvalidInput, match=f"^{message}"):
            estimator.score(texts, [1] * len(texts), weight)


def test_labels_that_training_has_not_seen_are_scored_by_what_they_mean(tmp_path):
    """A fold may have a part of the ratings. The others were all wrong, also those to ignore."""
    estimator = small(data__labels={"negative": [1, 2], "positive": [4, 5], "ignore": [3]})
    estimator.fit(TEXTS, [5 if label else 1 for label in LABELS])
    estimator.save(tmp_path / "m.safetensors")
    for fitted in estimator, SentimentClassifier.load(tmp_path / "m.safetensors"):
        assert fitted.score(["good fun", "bad and dull", "zzz", "good fun"], [4, 2, 3, 2]) == pytest.approx(2 / 3)
        assert fitted.score(["good fun", "bad and dull"], [9, 1]) == 0.5, "9 is no class"
    usual = small().fit(TEXTS, ["pos" if label else "neg" for label in LABELS])
    assert usual.score(["good fun", "bad and dull"], ["Positive", "neg"]) == 1, "as `evaluate` has it"
    with pytest.raises(InvalidInput, match=r"^Unknown label type: y has \[0, 1\]; "):
        small().fit(TEXTS, LABELS).score(["good fun", "bad and dull"], [[0, 1], [1, 0]])


@pytest.mark.parametrize("kind", [list, np.array, lambda y: np.array(y, np.float32), lambda y: [*map(np.float32, y)]])
def test_continuous_labels_are_cut_by_ranges(kind):
    """0.4 with 32 bits is 0.4000000059604645, and was in no range."""
    y = kind([0.1, 0.4, 0.5, 0.6, 1.0] * (len(TEXTS) // 5 + 1))[: len(TEXTS)]
    with pytest.raises(
        InvalidInput, match=r"^Unknown label type: continuous: y has 0\.[0-9]+; for two classes, "
    ) as caught:
        small().fit(TEXTS, y)
    setting = {"negative": ["<=0.4"], "positive": [">=0.6"]}
    assert f"data__labels={setting}" in str(caught.value)
    fitted = small(data__labels=setting).fit(TEXTS, y)
    assert fitted.classes_.tolist() == ["negative", "positive"]
    scored = sentibp.evaluate(fitted.model_, texts=TEXTS, labels=y)
    assert scored.scores["n"] == sum(value != 0.5 for value in y) and not any("scale" in note for note in scored.notes)
    stars = sentibp.evaluate(fitted.model_, texts=TEXTS, labels=kind([float(1 + i % 5) for i in range(len(TEXTS))]))
    assert stars.notes[0].startswith("texts: labels from 1 to 5, and data.labels cuts a scale from 0 to 1; ")
    expected = [fitted.predict([text])[0] for text in ("bad and dull", "good fun")]
    right = [0.33 if label == "negative" else 0.91 for label in expected]
    assert fitted.score(["bad and dull", "good fun", "zzz"], kind([*right, 0.45])) == 1


def named(names, number):
    """Return the column of labels of a data set that has names for its numbers."""
    features = datasets.Features({"label": datasets.ClassLabel(names=names)})
    return datasets.Dataset.from_dict({"label": number}, features=features)["label"]


def test_named_numbers_of_a_data_set_mean_their_names():
    """As in a file of the Hugging Face hub: 0 was always negative, and of several classes the names were lost."""
    turned = named(["pos", "neg"], 1 - LABELS)
    estimator = small().fit(TEXTS, turned)
    assert estimator.predict(["good fun", "bad and dull"]).tolist() == [0, 1]
    assert estimator.model_.predict(["good fun", "bad and dull"]).label.tolist() == ["positive", "negative"]
    usual = small().fit(TEXTS, named(["neg", "pos"], LABELS))
    assert usual.digest_ == small().fit(TEXTS, LABELS).digest_
    for fitted in estimator, usual:
        assert sentibp.evaluate(fitted.model_, texts=TEXTS, labels=turned).scores["accuracy"] == 1
    several = small().fit(
        TEXTS, named(["great", "bad", "unused", "ok"], [i % 3 and i % 3 * 2 - 1 for i in range(len(TEXTS))])
    )
    assert several.model_.spec.labels == ("bad", "ok", "great")
    assert several.model_.spec.ordered and several.classes_.tolist() == [0, 1, 3]


def test_a_number_that_its_data_set_has_no_name_for_is_no_label():
    """-1 has none: it was read as negative, and the others by their numbers, whatever their names said."""
    turned, happy = ["pos", "neg"], named(["happy", "sad"], [0, 1])
    with pytest.raises(InvalidInput, match=r"^y\[1\] is -1, which the data set has no name for; leave it out$"):
        small().fit(["good", "fine", "bad"], named(turned, [0, -1, 1]))
    with pytest.raises(InvalidInput, match=r"^labels\[1\] is -1, and the classes of the model are negative, positive$"):
        class_numbers(named(turned, [0, -1, 1]), Data())
    with pytest.raises(InvalidInput, match=r"^labels\[0\] is 0 \(happy\), and the classes of the model are"):
        class_numbers(happy, Data())
    for labels, numbers in (
        ({"negative": [1], "positive": [0]}, [1, 0]),
        ({"negative": ["sad", 0], "positive": ["happy", 1]}, [1, 0]),  # where both may be meant, the names count
    ):
        assert class_numbers(happy, Data(labels=labels)).tolist() == numbers
    ignored = Data(labels={"negative": [0], "positive": [1], "ignore": [-1]})
    assert class_numbers(named(["x", "y"], [0, -1, 1]), ignored).tolist() == [0, -1, 1]


class Answer(str, enum.Enum):  # noqa: UP042  # of which str() is another text
    """Labels as programs name them."""

    good, bad = "b", "a"


class Stars(enum.IntEnum):
    """The same with numbers."""

    good, bad = 5, 1


@pytest.mark.parametrize("kind", [Answer, Stars])
def test_labels_may_be_members_of_an_enumeration(kind):
    """They cannot be written in settings; the labels are the values."""
    labels = [kind.good if label else kind.bad for label in LABELS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SentibpWarning)  # the order of a and b
        fitted = small().fit(TEXTS, labels)
    assert fitted.classes_.tolist() == [kind.bad.value, kind.good.value]
    assert fitted.score(TEXTS, labels) == 1


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, float("nan")], r"^sample_weight\[1\] is nan; give a finite number, not below 0$"),
        ([1, None], r"^sample_weight\[1\] is nan; "),
        (np.ma.masked_array([1.0, 1.0], [False, True]), r"^sample_weight\[1\] is nan; "),
        (pd.Series([1, None], dtype="Float64"), r"^sample_weight\[1\] is nan; "),
        ([-1, 1], r"^sample_weight\[0\] is -1; "),
        ([1, float("inf")], r"^sample_weight\[1\] is inf; "),
        ([1, 1, 1], "^sample_weight has 3 values, and X 2; "),
        (["much", "little"], "^sample_weight has values that are no numbers; "),
    ],
)
def test_wrong_weights_of_a_score_are_named(weight, message):
    """They gave NaN, or the average of an accuracy with a weight below 0."""
    estimator = small().fit(TEXTS, LABELS)
    with pytest.raises(InvalidInput, match=message):
        estimator.score(["good fun", "good fun"], [1, 0], weight)
    assert estimator.score(["good fun", "good fun"], [1, 0], [3, 1]) == 0.75


def test_data_labels_says_what_ratings_mean():
    """Several labels may be one class, and labels may be left out, as on the command line."""
    stars = [5 - i % 2 if label else 1 + i % 2 for i, label in enumerate(LABELS)]
    estimator = small(data__labels={"negative": [1, 2], "positive": [4, 5], "ignore": [3]})
    estimator.fit([*TEXTS, "zzz"], [*stars, 3])
    assert estimator.classes_.tolist() == ["negative", "positive"]
    assert estimator.predict(["good fun", "dull"]).tolist() == ["positive", "negative"]
    assert estimator.score([*TEXTS, "zzz"], [*stars, 3]) == 1
    assert "zzz" not in estimator.model_.vocabulary.features().to_pylist()
    loaded = pickle.loads(pickle.dumps(estimator))
    assert loaded.score([*TEXTS, "zzz"], [*stars, 3]) == 1
    with pytest.raises(InvalidInput, match=r"y: 0: in no list of data\.labels"):
        estimator.fit(TEXTS, [0] * 24 + [1] * 24)


def test_labels_that_are_large_numbers_come_back_as_they_were_given():
    large = [2**63 + 5, 3, 1] * 6
    texts = [f"{['good', 'bad', 'fair'][i % 3]} {i}" for i in range(len(large))]
    for labels in large, np.array(large, np.uint64):
        fitted = small(data__ordered=False).fit(texts, labels)
        assert fitted.classes_.tolist() == [1, 3, 2**63 + 5]
        assert {type(each) for each in fitted.predict(["good", "bad", "fair"]).tolist()} == {int}
        assert pickle.loads(pickle.dumps(fitted)).classes_.tolist() == [1, 3, 2**63 + 5]


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", None], [0, 1], r"X\[1\] is missing \(None or NaN\)"),
        (["a", float("nan")], [0, 1], r"X\[1\] is missing"),
        (["a", 3], [0, 1], r"X\[1\] is 3 \(int\), which is no text; give a str"),
        (["a", b"b"], [0, 1], r"X\[1\] is b'b' \(bytes\), which is no text; decode it"),
        ("a text", [0], "X is a single text; give a list, also of one: \\['a text'\\]"),
        (["a", "b"], [0, None], r"y\[1\] is missing"),
        (["a", "b"], [0.0, float("nan")], r"y\[1\] is missing"),
        (["a", "b"], np.ma.masked_array([0, 1], [False, True]), r"y\[1\] is missing"),
        (np.ma.masked_array(["a", "b"], [False, True]), [0, 1], r"X\[1\] is missing"),
        (["a", "b"], [0, 1, 1], "y has 3 values, and X 2"),
        (["a", "b", "c"], [1, 1], "y has 2 values, and X 3"),
        (["a", "b"], None, "requires y to be passed"),
        (["a", "b"], [0.5, 1.5], "Unknown label type: continuous"),
        (["a", "b"], ["a", "A"], "'A', 'a' are one label"),
        (["a", "b"], ["a", 1], "labels of several types"),
        (["a", "b"], [1, 1], "all labels are 1, one class"),
        (["a", "b"], ["x", "x"], "all labels are 'x', one class"),
        (["a", "b"], [[1, 0], [0, 1]], "Unknown label type"),
        (["a", "b"], np.array(["2020", "2021"], "datetime64[ns]"), "Unknown label type: y has dates or times; give"),
        ([], [], "y is empty"),
        ({"a": 1}, [0], "X is a dict"),
        (["", " "], [0, 1], "all 2 texts are empty; fill them in"),
        (["a", "b", "c"], ["ignore", "keep", "x"], "a class cannot be called 'ignore'"),
    ],
)
def test_wrong_reviews_are_named(texts, labels, message):
    with pytest.raises(ValueError, match=message) as caught:
        small().fit(texts, labels)
    assert isinstance(caught.value, DataError)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0] * 47, "sample_weight has 47 values, and X 48"),
        ([1.0] * 47 + [-1], r"X\[47\]: weight -1.0; give a finite number, not below 0"),
        ([1.0] * 47 + [float("nan")], r"X\[47\]: weight nan"),
        (np.ma.masked_array([1.0] * 48, [False] * 47 + [True]), r"X\[47\]: weight nan"),
        (["a"] * 48, "sample_weight has values that are no numbers"),
    ],
)
def test_wrong_weights_are_named(weight, message):
    with pytest.raises(InvalidInput, match=message):
        small().fit(TEXTS, LABELS, sample_weight=weight)


# --- validation, weights, groups


def test_validation_is_as_on_the_command_line():
    held_out = small().fit(TEXTS, LABELS)
    assert (held_out.scored_on_, held_out.scores_["n"]) == ("validation", 4)
    none = small(data__validation=0).fit(TEXTS, LABELS)
    assert (none.scored_on_, none.scores_["n"]) == ("training", 48)
    stopped = small(train__epochs=30, train__early_stopping=1, train__optimizer__learning_rate=1e-9)
    assert len([row for row in stopped.fit(TEXTS, LABELS).history_ if row["validation_accuracy"] is not None]) < 30


def test_few_reviews_are_all_trained_on_unless_a_share_is_asked_for():
    estimator = small().fit(["good", "bad"], [1, 0])
    assert estimator.scored_on_ == "training"
    assert "no review is held out for validation, as there are too few" in estimator.notes_[0]
    with pytest.raises(InvalidInput, match="leaves none for validation; give more reviews, or write data__validation="):
        small(data__validation=0.1).fit(["good", "bad"], [1, 0])
    grouped = small().fit(TEXTS, LABELS, groups=LABELS)  # each class is one group
    assert grouped.scored_on_ == "training"


def test_a_class_with_one_review_can_be_left_out():
    texts, labels = [*TEXTS, "so so"], [*(f"class {i % 3}" for i in range(len(TEXTS))), "rare"]
    uncut = small().fit(texts, labels)
    assert uncut.scored_on_ == "validation"
    assert any(note.startswith("too few reviews to hold one out: rare (1); ") for note in uncut.notes_)
    texts, labels = texts[:18] + texts[-1:] * 3, labels[:18] + labels[-1:] * 3
    note = small().fit(texts, labels).notes_[1]  # the first: the network is narrow
    setting = {f"class {i}": [f"class {i}"] for i in range(3)} | {"ignore": ["rare"]}
    assert note.endswith(f"; to hold out some, leave rare out with data__labels={setting}")
    left_out = small(data__labels=setting, data__ordered=False).fit(texts, labels)
    assert left_out.scored_on_ == "validation"


def test_weights_and_groups_reach_the_scores_and_the_cut():
    weight = np.where(np.arange(48) % 2, 3.0, 1.0)
    assert small(data__validation=0).fit(TEXTS, LABELS, weight).scores_["effective_n"] < 48
    zero = np.arange(48) < 32
    without = small().fit([text for text, gone in zip(TEXTS, zero, strict=True) if not gone], LABELS[~zero])
    with_zero = small().fit(TEXTS, LABELS, sample_weight=np.where(zero, 0.0, 1.0))
    np.testing.assert_array_equal(with_zero.predict_proba(TEXTS), without.predict_proba(TEXTS))
    grouped = small(data__validation=0.25).fit(TEXTS, LABELS, groups=np.arange(48) // 16)  # a third each
    assert grouped.scores_["n"] == 16
    rare = small(data__group_column="film", text__min_groups=2)
    rare.fit([f"{text} name{i // 16}" for i, text in enumerate(TEXTS)], LABELS, groups=np.arange(48) // 16)
    assert not any("name" in word for word in rare.model_.vocabulary.features().to_pylist())


# --- the same model as that of the command line


@pytest.fixture
def csv_file(here) -> Path:
    weight, film = [1 + i % 3 for i in range(48)], [f"film {i // 4}" for i in range(48)]
    with open("reviews.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "weight", "film"])
        writer.writerows(zip(TEXTS, LABELS, weight, film, strict=True))
    return here / "reviews.csv"


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("config", ["quickstart", "stars", "imdb", "default"])
def test_the_model_is_that_of_the_command_line(csv_file, config, columns):
    """Byte for byte if the settings name the same source, which the file records; all but this if they do not."""
    settings = {"train.epochs": 2, "data.source": "reviews.csv", "data.validation": 0.25, "data.labels": None}
    settings["data.label_column"] = "label"
    weight = groups = None
    if columns:
        settings |= {"data.weight_column": "weight", "data.group_column": "film"}
        weight, groups = [1 + i % 3 for i in range(48)], [f"film {i // 4}" for i in range(48)]
    Path("empty.yaml").write_text("{}")
    overrides = [f"{key}={'null' if value is None else value}" for key, value in settings.items()]
    outcome = train_model(load_config("empty.yaml" if config == "default" else config, overrides))
    estimator = SentimentClassifier(config, **settings).fit(TEXTS, LABELS, weight, groups)
    assert estimator.digest_ == outcome.digest
    assert estimator.scores_ == outcome.scores
    assert hashlib.sha256(estimator.model_.to_bytes()).hexdigest() == outcome.digest

    del settings["data.source"]
    unnamed = SentimentClassifier(config, **settings).fit(TEXTS, LABELS, weight, groups)
    unnamed.save("memory.safetensors")
    (header, tensors), (other, others) = map(tensor_file.read_tensor_file, (outcome.model, Path("memory.safetensors")))
    assert (header["config"]["data"].pop("source"), other["config"]["data"].pop("source")) == (
        "reviews.csv",
        "<memory>",
    )
    for each in header, other:
        del each["checksum"]
    assert other.pop("labels_given")["classes"] == [0, 1]
    assert header == other
    assert tensors.keys() == others.keys()
    for name in tensors:
        np.testing.assert_array_equal(tensors[name], others[name])


@pytest.mark.parametrize(
    ("names", "ordered"), [(["negative", "neutral", "positive"], True), ([*"abcdefghijkl"], False)]
)
@pytest.mark.parametrize("given", [{}, {"text.min_count": 2, "model.hidden": [5]}])
def test_the_defaults_of_several_classes_are_those_of_the_command_line(here, names, ordered, given):
    """They depend on the labels, which the settings of a program seldom have."""
    labels = [names[i % len(names)] for i in range(len(TEXTS))]
    with open("reviews.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(TEXTS, labels, strict=True)])
    Path("empty.yaml").write_text("{}")
    settings = {"data.source": "reviews.csv", "data.validation": 0.25, **given}
    shown = ", ".join(f"{name}: [{name}]" for name in names)
    outcome = train_model(
        load_config(
            "empty.yaml",
            [f"{key}={value}" for key, value in settings.items()]
            + [f"data.labels={{{shown}}}", f"data.ordered={str(ordered).lower()}"],
        )
    )
    estimator = SentimentClassifier("empty.yaml", **settings).fit(TEXTS, labels)
    (header, tensors), other = tensor_file.read_tensor_file(outcome.model), estimator.model_.network.params
    assert header["config"]["model"] == estimator.model_.trained_with["model"]
    assert header["config"]["train"] == estimator.model_.trained_with["train"]
    for name in other:
        np.testing.assert_array_equal(tensors[name], other[name])


def test_the_file_is_that_of_the_command_line_if_labels_are_the_classes(csv_file):
    Path("mine.yaml").write_text("data: {source: reviews.csv}\ntrain: {epochs: 1}\n")
    outcome = train_model(load_config("mine.yaml"))
    estimator = SentimentClassifier("mine.yaml").fit(TEXTS, np.array(["negative", "positive"])[LABELS])
    estimator.save("ours")
    assert Path("ours").read_bytes() == outcome.model.read_bytes()
    assert not Path("runs", "last").read_text().startswith("/tmp/sentibp-")  # nothing is kept of a fit


# --- files


def test_copies_predict_the_same(tmp_path):
    estimator = SentimentClassifier("quickstart", text__affixes=True).fit(TEXTS, LABELS)
    p = estimator.predict_proba([*TEXTS, "", "🙂 ünïcode", "\ud800"])
    joblib.dump(estimator, tmp_path / "joblib")
    for other in copy.deepcopy(estimator), joblib.load(tmp_path / "joblib"):
        np.testing.assert_array_equal(other.predict_proba([*TEXTS, "", "🙂 ünïcode", "\ud800"]), p)
        assert other.get_params() == estimator.get_params()
        assert (other.digest_, other.notes_, other.scores_) == (estimator.digest_, estimator.notes_, estimator.scores_)
        assert other.model_.file is None, "the file that it was read from is gone"
    estimator.save(tmp_path / "saved")
    loaded = SentimentClassifier.load(tmp_path / "saved")
    assert (loaded.digest_, loaded.scores_) == (estimator.digest_, estimator.scores_)
    state = estimator.__getstate__()
    assert isinstance(state["model"], bytes)
    assert "model_" not in state["attributes"]
    unfitted = pickle.loads(pickle.dumps(small()))
    with pytest.raises(NotFittedError, match="not fitted yet; call fit first"):
        unfitted.predict(["good"])


def test_a_model_of_the_command_line_is_loaded(here):
    train_model(load_config("stars", ["train.epochs=1"]), Path("run"))
    loaded = SentimentClassifier.load("run")
    assert loaded.classes_.tolist() == [1, 2, 3, 4, 5]
    assert loaded.predict(["superb"]).tolist() == [int(sentibp.load_model("run").answers(["superb"])[0]["label"])]
    again = clone(loaded).fit(TEXTS, [5 if label else i % 4 + 1 for i, label in enumerate(LABELS)])
    assert again.classes_.tolist() == [1, 2, 3, 4, 5]
    assert again.model_.trained_with["data"]["source"] == "<memory>"


SPLIT = {"data__validation": 0.25, "train__early_stopping": {"patience": 2}, "train__refit": True}


def test_a_loaded_model_has_the_settings_from_before_the_final_training(here):
    """Those in the model file hold no review out: a clone was trained without validation."""
    estimator = small(**SPLIT).fit(TEXTS, LABELS)
    sentibp.train(SMALL, TEXTS, LABELS, out="run", **SPLIT)
    loaded = SentimentClassifier.load("run")
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), estimator.predict_proba(TEXTS))
    again = clone(loaded).fit(TEXTS, LABELS)
    assert (again.digest_, again.scored_on_) == (estimator.digest_, "validation")


@pytest.mark.parametrize("settings", [{"data__validation": 0}, {"train__refit": False}])
def test_a_model_without_a_final_training_keeps_its_settings(settings, here):
    estimator = small(**settings).fit(TEXTS, LABELS)
    estimator.save("saved")
    again = clone(SentimentClassifier.load("saved")).fit(TEXTS, LABELS)
    assert (again.digest_, again.scored_on_) == (estimator.digest_, estimator.scored_on_)


def test_a_class_of_several_labels_has_its_name_in_a_model_of_the_command_line(new_classifier, tmp_path):
    for labels, classes in (
        ({"negative": [1, 2], "positive": [4, 5]}, ["negative", "positive"]),
        ({"negative": [5], "positive": [1]}, [1, 5]),
    ):
        model = new_classifier(["good", "bad"], data={"source": "reviews.csv", "labels": labels})
        (tmp_path / "model").write_bytes(model.to_bytes())
        assert SentimentClassifier.load(tmp_path / "model").classes_.tolist() == classes


def test_old_models_are_loaded():
    for path in sorted((Path(__file__).parent.parent / "golden").glob("*.safetensors")):
        loaded = SentimentClassifier.load(path)
        model = sentibp.load_model(path)
        labels = loaded.predict(["good", "bad", ""])
        assert labels.astype(str).tolist() == [answer["label"] for answer in model.answers(["good", "bad", ""])]
        again = pickle.loads(pickle.dumps(loaded))
        np.testing.assert_array_equal(again.predict_proba(["good"]), loaded.predict_proba(["good"]))


def test_damaged_labels_in_a_file_are_refused(tmp_path):
    estimator = small().fit(TEXTS, LABELS)
    for given in (
        {"classes": [0, 0], "numbers": [], "order": [0, 1]},
        {"classes": [0, 1], "numbers": [[0, 7]], "order": [0, 1]},
        {"classes": [0, 1], "numbers": [[0, 0]], "order": [0, 5]},
        {"classes": [0, [1]], "numbers": [[0, 0]], "order": [0, 1]},
        [],
    ):
        path = tmp_path / "model"
        path.write_bytes(estimator.model_.to_bytes({"labels_given": given}))
        with pytest.raises(DataError, match="damaged"):
            SentimentClassifier.load(path)


def test_explanations():
    estimator = small().fit(TEXTS, LABELS)
    explanations = estimator.explain(["good fun", "zzz", ""])
    assert len(explanations) == 3
    np.testing.assert_allclose(
        [each.positive for each in explanations], estimator.predict_proba(["good fun", "zzz", ""])[:, 1]
    )
    assert max(explanations[0].words, key=lambda word: word.contribution).text in ("good", "fun")


# --- without scikit-learn


def test_all_methods_work_without_scikit_learn():
    script = f"""
import json, pickle, sys
sys.modules["sklearn"] = None
from sentibp import SentimentClassifier, SentibpError
texts, labels = {TEXTS!r}, {LABELS.tolist()!r}
estimator = SentimentClassifier({SMALL!r}, train__epochs=2)
try:
    estimator.predict(["good"])
except (SentibpError, ValueError) as error:
    assert "not fitted" in str(error)
estimator.set_params(train__epochs=1).fit(texts, labels, sample_weight=[1.0] * 48, groups=list(range(48)))
estimator.save("model")
again = pickle.loads(pickle.dumps(SentimentClassifier.load("model")))
assert again.predict(["good fun", "dull"]).tolist() == [1, 0]
print(repr(estimator), estimator.score(texts, labels), estimator.decision_function(["good"]).shape)
print(json.dumps(again.predict_proba(texts).tolist()))
print(estimator.explain(["good"])[0].label)
assert not any(name.startswith("sklearn.") for name in sys.modules)
"""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        end = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=folder)
    assert end.returncode == 0, end.stderr
    first, p, label = end.stdout.splitlines()
    assert first.startswith("SentimentClassifier(config=")
    assert label == "positive"
    here = small(train__epochs=1).fit(TEXTS, LABELS, np.ones(48), np.arange(48))
    np.testing.assert_array_equal(json.loads(p), here.predict_proba(TEXTS))
