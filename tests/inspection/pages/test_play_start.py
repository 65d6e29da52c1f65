"""What `play` begins with: nothing false about a text, words that the network knows, and a step that it can bear."""

from __future__ import annotations

import heads
import numpy as np
import pytest

from sentibp.inspection import trace
from sentibp.inspection.pages.play import Session
from sentibp.inspection.pages.play_networks import networks_with
from sentibp.inspection.pages.play_reviews import Reviews, ReviewSets, known_share
from sentibp.inspection.pages.play_server import call_session
from sentibp.inspection.pages.play_start import TEXT, first_text, learning_rates
from sentibp.inspection.worked_example import article_classifier
from sentibp.nn.optim import OPTIMIZERS

ENGLISH = ["i love this movie", "a bad movie"]
GERMAN = ["ein guter film", "ein schlechter film"]
NONE = ReviewSets(Reviews("", ()), None)


def unread():
    raise AssertionError("the reviews are not needed")


def sets(*reviews):
    return lambda: ReviewSets(Reviews("", reviews), None)


def test_a_network_that_knows_the_words_begins_with_praise_and_its_right_label(new_classifier):
    assert first_text(new_classifier(ENGLISH), unread) == (TEXT, "positive")
    of_three = new_classifier(ENGLISH, data={"labels": {"negative": [0], "neutral": [1], "positive": [2]}})
    assert first_text(of_three, unread) == (TEXT, "positive")


def test_another_language_begins_with_a_review_of_its_own(new_classifier):
    german = new_classifier(GERMAN)
    unknown, known = ("alles ganz anders", "negative"), ("ein guter film!", "positive")
    assert first_text(german, sets(unknown, known)) == known


def test_topics_begin_with_a_review_of_their_own_even_if_they_know_the_words(new_classifier):
    topics = new_classifier(ENGLISH, data={"labels": {"sport": [0], "cinema": [1], "music": [2]}, "ordered": False})
    own = ("a movie", "cinema")
    assert first_text(topics, sets(own)) == own
    assert Session("x", topics, find_reviews=lambda _: sets(own)()).begin()["taught"] == "cinema"


def test_without_reviews_it_begins_with_words_that_it_knows_and_judges_none(new_classifier):
    german = new_classifier(GERMAN)
    for found in (NONE, sets(("I love this movie", "positive"))()):  # of whose words it knows none
        text, label = first_text(german, lambda found=found: found)
        assert label is None and len(text.split()) == 3
        assert known_share(german, [text])[0] == 1
    answer = Session("x", german, find_reviews=lambda _: NONE).begin()
    assert answer["drawing"]["label"] == answer["label"], "the label is the predicted one until somebody chooses"


def test_the_preset_of_a_network_has_words_that_it_knows(new_classifier):
    def preset(texts):
        classifier = new_classifier(texts)
        return networks_with("x", "the model x", "", lambda: classifier, article_first=False).presets[1]

    assert preset(["not bad"]).text == "not bad"
    assert preset(GERMAN).text is None, "the network's own"


@pytest.mark.parametrize("hidden", [[], [4]])
def test_a_step_moves_the_least_likely_label_of_frequent_words_a_little(new_classifier, hidden):
    classifier = new_classifier(ENGLISH * 3, model={"hidden": hidden})
    rates = learning_rates(classifier)
    assert list(rates) == list(OPTIMIZERS)
    assert rates["adagrad"] <= classifier.training_config().train.optimizer.learning_rate
    moved = [abs(np.subtract(*log_odds(classifier, "movie a bad i love", name, rate))) for name, rate in rates.items()]
    assert max(moved) < 0.6 and min(moved) > 0.03


def log_odds(classifier, text, optimizer, rate):
    label = "negative" if classifier.predict([text]).positive[0] > 0.5 else "positive"
    step = trace.trace_step(classifier, text, label, None, optimizer, rate)
    return [np.log(outcome.positive / (1 - outcome.positive)) for outcome in step.outcomes]


@pytest.mark.parametrize("head", heads.HEADS)
def test_each_kind_of_answer_has_rates(new_classifier, head):
    rates = learning_rates(heads.random_classifier(new_classifier, head, ENGLISH, {"hidden": [4]}))
    assert all(0 < rate < 10 for rate in rates.values())


def test_the_example_keeps_the_learning_rate_of_the_article():
    assert Session("article", article_classifier(), is_example=True).default_step == ("sgd", 0.457)


def test_a_call_without_a_step_gets_the_one_to_begin_with(new_classifier):
    session = Session("x", new_classifier(ENGLISH), find_reviews=lambda _: NONE)
    answer = call_session(session, "learn", {"text": TEXT, "label": "negative"})
    assert session.default_step[1] == answer["default"][1]
    assert f"by the learning rate {answer['default'][1]:g} " in answer["drawing"]["phases"][-1]["sentence"]
