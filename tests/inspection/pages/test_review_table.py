"""The table of all reviews: which it has, how much of their texts, and with which predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sentibp.data.corpus import Corpus
from sentibp.inspection.evaluate import ScoredReviews
from sentibp.inspection.pages import review_table
from sentibp.inspection.pages.report_data import Predictions, Subject
from sentibp.inspection.pages.review_table import in_one_line, review_tables, shortened


class Model:
    """As much of a classifier as the table asks for."""

    class spec:
        labels = ("negative", "positive")


def subject(name, texts, label, positive):
    corpus = Corpus(pa.chunked_array([pa.array(texts, pa.large_string())]), np.array(label, np.int8))
    positive = np.array(positive)
    scored = ScoredReviews(corpus, {}, positive, np.array([len(text.split()) for text in texts]))
    return Subject(name, Path(name), Model(), {}, [], Predictions(corpus.label, positive, {}, scored), [])


def test_runs_on_the_same_reviews_share_a_table():
    texts, label = ["a good film", "bad", "not bad at all"], [1, 0, 1]
    first = subject("a", texts, label, [0.9, 0.2, 0.4])
    second = subject("b", texts, label, [0.6, 0.7, 0.8])
    other = subject("c", ["something else"], [1], [0.5])
    table, third = review_tables([first, second, other])
    assert (table["names"], third["names"]) == (["a", "b"], ["c"])
    assert (table["texts"], table["label"], table["words"]) == (texts, label, [3, 1, 4])
    assert table["runs"][0] == {"right": [0.9, 0.8, 0.4], "wrong": [[2, 0, 0.6]]}
    assert table["runs"][1] == {"right": [0.6, 0.3, 0.8], "wrong": [[1, 1, 0.7]]}


def test_probabilities_have_the_digits_that_are_shown_and_losses_need():
    (table,) = review_tables([subject("a", list("abc"), [1, 1, 1], [1 - 3.14159e-6, 0.00123456, 1.0])])
    assert table["runs"] == [{"right": [0.99999686, 0.001235, 0.99999999], "wrong": [[1, 0, 0.9988]]}]


def test_of_several_labels_the_probability_is_that_of_the_predicted_one():
    (table,) = review_tables([subject("a", ["x", "y"], [0, 2], [[0.5, 0.3, 0.2], [0.1, 0.7, 0.2]])])
    assert table["runs"] == [{"right": [0.5, 0.2], "wrong": [[1, 1, 0.7]]}]


@pytest.mark.parametrize(("wrong", "kept"), [(10, 10), (90, 80)])
def test_of_too_many_reviews_mistakes_and_others_are_shown(monkeypatch, wrong, kept):
    monkeypatch.setattr(review_table, "REVIEWS", 100)
    n = wrong + (400 if wrong == 10 else 20)
    positive = np.where(np.arange(n) < wrong, 0.1, 0.9)
    (table,) = review_tables([subject("a", [str(i) for i in range(n)], np.ones(n, int), positive)])
    assert (table["total"], len(table["texts"])) == (n, 100)
    assert len(table["runs"][0]["wrong"]) == kept
    assert len(set(table["texts"])) == 100


def test_of_too_many_reviews_the_mistakes_of_each_model_are_shown(monkeypatch):
    monkeypatch.setattr(review_table, "REVIEWS", 100)
    texts, positive = [str(i) for i in range(400)], np.where(np.arange(400) < 10, 0.1, 0.9)
    both = [subject(name, texts, np.ones(400, int), each) for name, each in (("a", positive), ("b", positive[::-1]))]
    (table,) = review_tables(both)
    assert [len(run["wrong"]) for run in table["runs"]] == [10, 10]


@pytest.mark.parametrize(("n", "length"), [(3, 400), (1000, 250), (5000, 100)])
def test_more_reviews_have_shorter_texts(n, length):
    texts = ["word " * 200] * n
    (table,) = review_tables([subject("a", texts, np.ones(n, int), np.full(n, 0.9))])
    assert table["characters"] == length
    assert all(length - 20 < len(text) <= length for text in table["texts"])


def test_where_no_text_is_cut_the_table_says_nothing_of_it():
    (table,) = review_tables([subject("a", ["a  … b<br>", "c"], np.ones(2, int), np.full(2, 0.9))])
    assert (table["characters"], table["texts"]) == (None, ["a … b", "c"])


def test_a_text_is_cut_between_words_in_the_middle():
    assert in_one_line("one two<br />three\n four") == "one two three four"
    text = shortened("The beginning is good, but it is long, and in the end I was bored to tears", 40)
    assert text == "The beginning is … bored to tears"
    assert len(shortened("x" * 1000, 100)) == 100


def test_weights_are_there_if_reviews_have_them():
    weighted = subject("a", ["x", "y"], [0, 1], [0.1, 0.9])
    assert "weights" not in review_tables([weighted])[0]
    weighted = weighted._replace(predictions=weighted.predictions._replace(weight=np.array([1.0, 2.5])))
    assert review_tables([weighted])[0]["weights"] == [1.0, 2.5]


def test_there_is_no_table_without_reviews():
    without = subject("a", ["x"], [1], [0.9])
    without = without._replace(predictions=without.predictions._replace(scored=None))
    assert review_tables([without]) == []
