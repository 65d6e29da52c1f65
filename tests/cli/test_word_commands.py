"""`sentibp words neighbors | analogy | top`."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


def test_neighbours(sentibp):
    neighbors = sentibp("words", "neighbors", "Great", "--count", 3, "--json").json
    assert [set(each) for each in neighbors] == [{"feature", "cosine"}] * 3
    assert all(-1 <= each["cosine"] <= 1.000001 for each in neighbors)
    assert "great" not in [each["feature"] for each in neighbors]
    lines = sentibp("words", "neighbors", "great", "--count", 3).out.splitlines()
    assert lines[0].split() == ["feature", "cosine"]
    assert [line.split()[0] for line in lines[1:]] == [each["feature"] for each in neighbors]
    assert len(sentibp("words", "neighbors", "great", "--json").json) == 10


def test_an_analogy(sentibp):
    neighbors = sentibp("words", "analogy", "good", "bad", "worst", "--json").json
    assert len(neighbors) == 10
    assert not {"good", "bad", "worst"} & {each["feature"] for each in neighbors}
    assert neighbors[0]["feature"] in sentibp("words", "analogy", "good", "bad", "worst").out


def test_the_largest_weights(sentibp):
    output = sentibp("words", "top", "--count", 4, "--json").json
    assert output["linear"] is False
    positive, negative = ([each["weight"] for each in output[side]] for side in ("positive", "negative"))
    assert positive == sorted(positive, reverse=True)
    assert negative == sorted(negative)
    assert len(positive) == len(negative) == 4
    assert positive[-1] > 0 > negative[-1]
    lines = sentibp("words", "top", "--count", 4).out.splitlines()
    assert len(lines) == 8
    assert lines[1].startswith(output["positive"][0]["feature"])
    assert "hidden layers" in lines[-1]
    sentibp("train", "quickstart", "--quiet", "--set", "model.hidden=[]")
    assert "pooled weights" in sentibp("words", "top").out
    assert sentibp("words", "top", "--json").json["linear"] is True


def test_the_model_and_the_features_to_choose_from(sentibp, trained):
    few = sentibp("words", "top", "-m", trained, "--most-frequent", 5, "--json").json
    assert len(few["positive"] + few["negative"]) == 5


def test_mistakes(fails):
    line = fails(2, "words", "neighbors", "graet")
    assert line.startswith("'graet': no word or n-gram of the model; did you mean 'great'")
    assert len(fails(2, "words", "analogy", "kngi", "qzx", "good").splitlines()) == 2
    assert "--count" in fails(2, "words", "top", "--count", 0)
    assert fails(2, "words", "top", "-m", "nosuch").startswith("nosuch: no such run or model")
