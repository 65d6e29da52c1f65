"""`sentibp blame`."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


def test_for_people(sentibp):
    out = sentibp("blame", "a great film", "--count", 2).out
    assert re.match(r"(positive|negative)  0\.\d{4}  a great film\n", out)
    assert re.search(r"^logit [-+]\d\.\d{4}; \d+ of 288 training reviews share words with it$", out, re.MULTILINE)
    assert "\nlargest influence towards positive\n" in out and "\nlargest influence towards negative\n" in out
    assert len(re.findall(r"^ [+-]\d\.\d{4}  sample:\d+, (positive|negative): ", out, re.MULTILINE)) == 4
    assert "It is an estimate" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_json(sentibp):
    output = sentibp("blame", "a great film", "--json").json
    assert list(output) == ["label", "positive", "logit", "sharing", "reviews", "up", "down", "linear_start"]
    assert output["positive"] == pytest.approx(sentibp("predict", "a great film").jsonl[0]["positive"], abs=1e-6)
    influences = [push["push"] for push in output["up"]]
    assert len(influences) == 5 and influences == sorted(influences, reverse=True) and influences[-1] > 0
    assert all(push["push"] < 0 for push in output["down"])
    for push in output["up"] + output["down"]:
        assert list(push) == ["place", "review", "label", "push", "start", "shared", "text"]
        assert {shared["text"] for shared in push["shared"]} <= {"a", "great", "film"}
    assert sentibp("blame", "a great film", "--json").json == output


def test_the_influence_of_a_linear_start_is_reported_as_ignored(sentibp):
    assert "linear classifier" not in sentibp("blame", "a great film").out
    sentibp("train", "quickstart", "--set", "model.embedding.init=linear", "--out", "linear", "--quiet")
    out = sentibp("blame", "a great film", "-m", "linear").out
    assert "the best linear classifier of all reviews" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_a_word(sentibp):
    output = sentibp("blame", "--word", "Great", "--count", 1, "--json").json
    assert output["sharing"] < 60
    assert output["up"][0]["label"] == "positive"
    assert "great" in output["up"][0]["text"].lower()


def test_mistakes(fails, quickstart):
    assert "one of the two" in fails(2, "blame")
    assert "one of the two" in fails(2, "blame", "a film", "--word", "film")
    assert "did you mean 'great'" in fails(2, "blame", "--word", "graet")
    assert fails(2, "blame", "zzzq").startswith("no word of the text is known")
