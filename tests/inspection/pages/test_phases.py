"""The four sentences of a step have the numbers of its trace, and cover its stages."""

from __future__ import annotations

import heads
import pytest

from sentibp.inspection.pages import stepper
from sentibp.inspection.pages.phases import phases
from sentibp.inspection.trace import trace_step
from sentibp.inspection.worked_example import article_classifier

TEXTS = ["a good film, not a bad film", "dull and bad"]


def test_the_articles_step_in_four_sentences():
    found = {
        each["name"]: each["sentence"]
        for each in phases(trace_step(article_classifier(), "I love this movie", "positive"))
    }
    assert list(found) == ["forward", "loss", "backward", "update"]
    assert "4 known words become rows" in found["forward"]
    assert found["forward"].endswith("z = -0.8473, and the network gives positive a probability of 0.3000."), (
        "not: says"
    )
    assert "(0.3000\u00a0−\u00a01)²\u00a0=\u00a00.4900" in found["loss"]
    assert "the gradient of z is -0.2940, so a larger z would lower the loss" in found["backward"]
    assert "from 0.3000 to 0.3500, and the loss falls from 0.4900 to 0.4225" in found["update"]


@pytest.mark.parametrize("label", ["positive", "negative"])
def test_the_right_answer_is_1_or_0(label):
    trace = trace_step(article_classifier(), "boring", label, "cross_entropy")
    loss, backward = (phases(trace)[i]["sentence"] for i in (1, 2))
    assert f"should be {int(label == 'positive')}" in loss
    assert ("log(1\u00a0−" in loss) == (label == "negative")
    assert ("smaller z" in backward) == (label == "negative")


def test_a_label_that_is_a_number_is_in_quotes(new_classifier):
    stars = heads.random_classifier(new_classifier, "scale of 5", TEXTS)
    said = " ".join(each["sentence"] for each in phases(trace_step(stars, TEXTS[0], "1")))
    assert "gives “1” a probability of 0." in said
    assert "The label is “1”, so the probability of “1” should be 1, not 0." in said
    assert "the gradient of the logit of “1” is -0." in said
    assert "the probability of “1” moves from 0." in said


def test_a_step_that_makes_it_worse_says_so():
    trace = trace_step(article_classifier(), "I love this movie", "positive")
    trace.outcomes[-1] = trace.outcomes[-1]._replace(loss=0.5)
    assert "the loss rises from 0.4900 to 0.5000" in phases(trace)[3]["sentence"]


def test_no_known_word_and_many_words(new_classifier):
    classifier = new_classifier(TEXTS)
    assert "No word is known" in phases(trace_step(classifier, "", "positive"))[0]["sentence"]
    forward = phases(trace_step(classifier, TEXTS[0], "positive"))[0]["sentence"]
    assert "known words and n-grams become rows" in forward


@pytest.mark.parametrize("head", heads.HEADS)
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_phases_cover_all_stages_of_the_drawing(new_classifier, head, loss):
    classifier = heads.random_classifier(
        new_classifier, head, TEXTS, {"hidden": [4, 4], "residual": True, "embedding": {"dim": 4}}
    )
    trace = trace_step(classifier, TEXTS[0], classifier.spec.labels[-1], loss)
    found = phases(trace)
    assert [each["first"] for each in found] == [0, *(each["last"] + 1 for each in found[:-1])]
    assert found[-1]["last"] == len(stepper.drawing(trace)["stages"]) - 1
    for each in found:
        assert each["sentence"].endswith(".") and each["sentence"].count(". ") == 0
