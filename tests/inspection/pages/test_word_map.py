"""The map of the embedding: what it shows of small cases that can be worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sentibp.inspection.pages import report_words
from sentibp.inspection.pages.word_map import Words, word_map


def test_the_map_has_positive_on_the_right():
    vectors = np.array([[0.0, 3.0], [0.1, 1.0], [0.0, -1.0], [-0.1, -3.0]])
    for turn in (1, -1):
        moved = turn * vectors + [100, 0]  # where all words are does not matter
        words = Words(["awful", "bad", "good", "great"], moved, np.array([-2.0, -1.0, 1.0, 2.0]))
        chart = word_map(0, "a", words)
        shown = chart["words"]
        assert shown["x"] == sorted(shown["x"])
        assert np.corrcoef(shown["x"], vectors[:, 1])[0, 1] == pytest.approx(-1, abs=1e-3)
        assert (shown["names"][0], shown["weights"][0]) == ("awful", -2)


def test_the_map_of_one_dimension_and_of_nothing_but_zeros():
    line = word_map(0, "a", Words(["x", "y", "z"], np.array([[1.0], [2.0], [3.0]]), np.arange(3.0)))
    assert line["words"]["y"] == [0, 0, 0]
    none = word_map(0, "a", Words(["x", "y", "z"], np.zeros((3, 2)), np.zeros(3)))
    json.dumps(none, allow_nan=False)


def test_the_map_of_labels_without_an_order_shows_which_label():
    order = ["pear", "fig", "apple"]
    words = Words(["a", "b", "c"], np.eye(3), np.array([1.0, 2.0, 0.5]), ["fig", "apple", "fig"], order)
    chart = word_map(0, "m", words)
    assert chart["words"]["kinds"] == ["fig", "apple"], "in the order of the labels"
    assert chart["words"]["kind"] == [0, 1, 0]
    assert chart["words"]["colours"] == ["--run0", "--run1"]
    assert "which label" in chart["about"]
    labels = [f"label {i}" for i in range(8)]
    many = Words(list("abcdefgh"), np.eye(8), np.ones(8), labels, labels)
    assert len(set(word_map(0, "m", many)["words"]["colours"])) == 8


def test_words_of_many_labels_are_beside_their_like():
    """Two principal components show two of six groups, and the others on one heap: there t-SNE makes the map."""
    groups, each = 6, 5
    generator = np.random.default_rng(0)
    vectors = np.repeat(np.eye(groups), each, axis=0) + generator.normal(scale=0.1, size=(groups * each, groups))
    of = np.repeat(np.arange(groups), each)
    labels = [f"label {i}" for i in of]
    words = Words([f"w{i}" for i in range(len(of))], vectors, np.ones(len(of)), labels, sorted(set(labels)))
    chart = word_map(0, "m", words)
    at = np.stack([chart["words"]["x"], chart["words"]["y"]], axis=1)
    apart = ((at[:, None] - at[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (of[np.argsort(apart, axis=1)[:, : each - 1]] == of[:, None]).all()
    assert chart["words"]["isByNeighbours"]
    assert "t-SNE" in chart["about"]
    assert word_map(0, "m", words) == chart, "nothing is random"


def test_where_words_lie_on_a_line_the_page_finds_the_nearest():
    vectors = np.array([[x, 0.001 * i] for i, x in enumerate([1.0, 9.0, 2.0, -1.0])])
    shown = word_map(0, "a", Words(list("abcd"), vectors, np.arange(4.0)))["words"]
    assert not {"near", "cosines"} & set(shown), "cosines are 1 or -1"


def test_the_nearest_words_are_those_with_the_largest_cosine():
    vectors = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]])
    shown = word_map(0, "a", Words(list("abcde"), vectors, np.arange(5.0)))["words"]
    near, cosines = shown["near"], shown["cosines"]
    assert near[0] == [1, 2, 3]
    assert cosines[0][0] == pytest.approx(1000 * np.cos(np.arctan(0.05)), abs=1)
    assert cosines[0][-1] == -1000
    assert near[4] == [], "a vector of zeros has no direction"


@pytest.mark.parametrize(
    ("spread", "says"),
    [
        (0.001, "nearly on a line: more than 99 % of their spread is along it, from negative on the left to positive"),
        (0.2, "nearly on a line: 96 % of their spread"),
        (0.2, "and what is left (4 %) tells little"),
        (0.9, "has 55 % of the spread of the words from left to right and 45 % upwards; 0 % is not on it"),
    ],
)
def test_how_far_the_words_lie_on_a_line_is_said_in_words(spread, says):
    vectors = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, spread], [0.0, -spread]])
    assert says in word_map(0, "a", Words(list("abcd"), vectors, np.array([1.0, -1.0, 0.0, 0.0])))["about"]


def test_the_map_has_the_strongest_words_of_each_class(new_classifier, monkeypatch):
    monkeypatch.setattr(report_words, "_MAP_FREQUENT", 0)
    monkeypatch.setattr(report_words, "_MAP_STRONGEST", 6)
    text = " ".join([*(f"apple{i}" for i in range(40)), *(f"the{i}" for i in range(40)), "fig1", "fig2"])
    data = {"labels": ["apple", "pear", "fig"], "ordered": False}
    classifier = new_classifier([text], model={"hidden": [], "embedding": {"dim": 3}}, data=data)
    tensors, names = classifier.tensors(), classifier.vocabulary.features().to_pylist()
    tensors["output.weight"][...] = np.eye(3)
    for number, (row, name) in enumerate(zip(tensors["embedding.weight"], names, strict=True)):
        row[...] = [0, 0, 1] if "fig" in name else [9 + number / 100, 0, 0] if "apple" in name else [0.1, 0, 0]
    shown = report_words.map_words(classifier)
    assert {"fig1", "fig2"} <= set(shown.names), "though all of apple have larger weights"
    assert set([name for name in names if "apple" in name and "fig" not in name][-4:]) <= set(shown.names)
    assert set(shown.labels) == {"apple", "fig"}
