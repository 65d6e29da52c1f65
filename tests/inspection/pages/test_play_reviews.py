"""The reviews beside a network: its own, or the shipped ones with its labels; and what steps cost on them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import sentibp
from sentibp.data.corpus import Corpus
from sentibp.inspection.pages import play, play_reviews
from sentibp.inspection.pages.play import Session
from sentibp.inspection.pages.play_networks import networks_with
from sentibp.inspection.pages.play_reviews import HeldOut, Reviews, ReviewSets, reviews_for
from sentibp.inspection.worked_example import ARTICLE_REVIEWS, XOR_REVIEWS, article_classifier, xor_classifier
from sentibp.nn import sigmoid
from sentibp.utils.arrow import strings

TEXTS = ["a good film", "a bad film"]


def write_reviews(count: int) -> None:
    rows = [f'"a {("bad", "good")[i % 2]} film number {i}",{i % 2}' for i in range(count)]
    with open("reviews.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(["text,label", *rows]) + "\n")


@pytest.fixture
def run(here):
    write_reviews(1200)
    overrides = ["data.source=reviews.csv", "data.validation=0.5", "train.epochs=1"]
    return sentibp.train_model(sentibp.load_config("quickstart", overrides), here / "run").run


def test_a_model_has_its_own_reviews_while_they_are_as_in_training(run):
    classifier = sentibp.load_model(run)
    found = reviews_for(classifier)
    assert found.practice.about == "16 of the model's 600 training reviews"
    assert [label for _, label in found.practice.reviews] == ["negative", "positive"] * 8
    assert found.held_out.about == "400 of the model's 600 validation reviews"
    assert len(found.held_out.reviews) == 400
    assert not {text for text, _ in found.practice.reviews} & {text for text, _ in found.held_out.reviews}
    write_reviews(1199)
    changed = reviews_for(classifier)
    assert changed.held_out is None, "the network knows too few of the words of the shipped ones"
    assert "words that it does not know" in changed.why_none and not changed.practice.reviews


def test_a_model_of_few_reviews_has_no_more_of_them_than_there_are(here):
    write_reviews(12)
    overrides = ["data.source=reviews.csv", "data.validation=0.5", "train.epochs=1"]
    found = reviews_for(
        sentibp.load_model(sentibp.train_model(sentibp.load_config("quickstart", overrides), here / "few").run)
    )
    assert len(found.practice.reviews) == 6
    assert found.practice.about == "the model's 6 training reviews"
    assert found.held_out.about == "the model's 6 validation reviews"


def test_reviews_to_train_on_are_short_and_of_all_labels_that_there_are():
    texts = [f"{'long ' * 200}{i}" if i % 3 else f"short {i}" for i in range(200)]
    corpus = Corpus(
        pa.chunked_array([strings(texts)]), np.array([i % 2 * 2 for i in range(200)], np.int8), names=("a", "b", "c")
    )
    found = play_reviews._practice(corpus)
    assert {label for _, label in found} == {"a", "c"}
    assert len(found) == 12, "six of each label, of the three that the model has"
    assert all(len(text) < 20 for text, _ in found)
    assert play_reviews._practice(corpus.take(np.array([], np.int64))) == []


def test_reviews_that_it_was_trained_on_are_not_held_out(here):
    (here / "copy.csv").write_bytes((sentibp.utils.resources.resource_folder("data") / "test.csv").read_bytes())
    overrides = ["data.source=copy.csv", "data.validation=0", "train.epochs=1"]
    run = sentibp.train_model(sentibp.load_config("quickstart", overrides), here / "run").run
    found = reviews_for(sentibp.load_model(run))
    assert found.held_out is None
    assert found.why_none == "the model was trained on the shipped set sample"
    session = Session("x", sentibp.load_model(run))
    session.load_reviews()
    assert session.measure()["curve"]["held_out"] == []


def test_a_model_with_labels_of_its_own_has_none(new_classifier):
    labels = {"labels": {"fig": [0], "pear": [1], "apple": [2]}, "ordered": False}
    found = reviews_for(new_classifier(TEXTS, data=labels))
    assert found.held_out is None and not found.practice.reviews
    assert "other labels" in found.why_none


def test_a_model_that_has_learned_its_validation_reviews_says_so(here):
    write_reviews(60)
    run = sentibp.train_model(
        sentibp.load_config("quickstart", ["data.source=reviews.csv", "train.epochs=1", "train.refit=true"]),
        here / "all",
    ).run
    found = reviews_for(sentibp.load_model(run))
    assert found.held_out is None
    assert found.why_none.startswith(
        "the model has learned its validation reviews, too, and the reviews that come with"
    )


def test_the_score_is_that_of_a_forward_pass():
    classifier = article_classifier()
    score = HeldOut(classifier, ARTICLE_REVIEWS, "squared_error").score(classifier)
    p = [sigmoid(classifier.logits(classifier.encode([text])[0]))[0] for text, _ in ARTICLE_REVIEWS]
    y = [int(label == "positive") for _, label in ARTICLE_REVIEWS]
    assert score.loss == pytest.approx(np.mean((np.array(p) - y) ** 2))
    assert score.accuracy == np.mean((np.array(p) >= 0.5) == np.array(y))


def session_with(classifier, held_out=(("a good film", "positive"),)):
    sets = ReviewSets(Reviews("two", [(TEXTS[0], "positive"), (TEXTS[1], "negative")]), Reviews("one", held_out))
    return Session("model", classifier, find_reviews=lambda _: sets)


def test_the_score_before_the_first_step_is_known_even_if_it_is_asked_for_later(new_classifier):
    early, late = (session_with(new_classifier(TEXTS, model={"hidden": [3]})) for _ in range(2))
    early.load_reviews()
    early.measure()
    for session in early, late:
        session.learn(TEXTS[1], "positive", "sgd", 1.0)
    late.load_reviews()
    weights = {name: value.tobytes() for name, value in late.classifier.tensors().items()}
    assert late.measure()["curve"]["held_out"] == early.measure()["curve"]["held_out"]
    assert {name: value.tobytes() for name, value in late.classifier.tensors().items()} == weights
    assert [step for step, *_ in late.measure()["curve"]["held_out"]] == [0, 1]


def test_undo_and_reset_forget_the_points_of_undone_steps(new_classifier):
    session = session_with(new_classifier(TEXTS))
    session.load_reviews()
    session.measure()
    session.run("practice", 5, "sgd", 0.1, "")
    session.undo()
    curve = session.state()["curve"]
    assert [step for step, *_ in curve["losses"]] == [1, 2, 3, 4]
    assert max(step for step, *_ in curve["held_out"] + curve["practice"]) <= 4
    session.reset()
    assert session.state()["curve"]["losses"] == []


def test_run_is_learn_repeated(new_classifier):
    by_run, by_hand = (session_with(new_classifier(TEXTS, model={"hidden": [3]})) for _ in range(2))
    answer = by_run.run("practice", 3, "adam", 0.01, TEXTS[0])
    for text, label in [(TEXTS[0], "positive"), (TEXTS[1], "negative"), (TEXTS[0], "positive")]:
        last = by_hand.learn(text, label, "adam", 0.01)
    assert answer["positive"] == by_hand.look(TEXTS[0], None)["positive"]
    assert [each[:3] for each in answer["curve"]["losses"]] == [each[:3] for each in last["curve"]["losses"]]
    assert answer["steps"] == last["steps"]


def test_learning_several_times_is_learning_once_after_the_other(new_classifier, monkeypatch):
    at_once, one_by_one = (session_with(new_classifier(TEXTS, model={"hidden": [3]})) for _ in range(2))
    for _ in range(3):
        last = one_by_one.learn(TEXTS[0], "negative", "sgd", 0.1)
    assert at_once.learn(TEXTS[0], "negative", "sgd", 0.1, times=3) == last
    largest = max(abs(each).max() for each in at_once.classifier.network.params.values())
    monkeypatch.setattr(play, "_MAX_WEIGHT", largest + 0.25)
    answer = at_once.learn(TEXTS[0], "negative", "adam", 0.1, times=9)
    assert "diverged" in answer["stopped"] and 3 < answer["learned"] < 12


def test_run_on_what_was_taught(new_classifier):
    session = session_with(new_classifier(TEXTS))
    with pytest.raises(Exception, match="teach it some first"):
        session.run("taught", 1, None, None, "")
    session.learn("superb", "positive", "sgd", 0.1)
    session.learn("superb", "positive", "sgd", 0.1)
    assert session.state()["taught"] == 1
    assert session.run("taught", 3, "sgd", 0.1, "superb")["steps"][-1][:2] == ["superb", "positive"]


def test_a_run_that_diverges_stops_and_keeps_the_steps_before():
    session = Session(
        "article", article_classifier(), find_reviews=lambda _: ReviewSets(Reviews("", ARTICLE_REVIEWS), None)
    )
    answer = session.run("practice", 4, "sgd", 1e9, "boring")
    assert "diverged" in answer["stopped"] and answer["learned"] < 4


def test_the_network_for_xor_learns_it_by_run():
    networks = networks_with("m", "m", "", article_classifier, article_first=False)
    session = networks.networks["xor"].session
    before = [each["label"] for each in xor_classifier().answers([text for text, _ in XOR_REVIEWS])]
    assert before != [label for _, label in XOR_REVIEWS]
    for _ in range(16):
        answer = session.run("practice", 4, None, None, "not bad")
    after = [each["label"] for each in session.classifier.answers([text for text, _ in XOR_REVIEWS])]
    assert after == [label for _, label in XOR_REVIEWS]
    assert answer["curve"]["practice"][-1][2] == 1.0
    assert answer["reviews"]["held_out"] is None
