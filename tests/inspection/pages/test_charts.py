"""The charts of a report: what they show of small cases that can be worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sentibp import metrics
from sentibp.data.labels import Classes
from sentibp.inspection.pages import chart_data, charts
from sentibp.inspection.pages.charts import PlottedModel
from sentibp.inspection.pages.class_charts import strongest_labels


def by_id(found):
    json.dumps(found, allow_nan=False)  # what a page can hold
    return {chart["id"]: chart for chart in found}


def test_answers():
    label, positive = np.array([0, 0, 1, 1]), np.array([0.1, 0.62, 0.7, 0.9])
    found = by_id(charts.predictions([PlottedModel(2, "a", label, positive, np.array([3, 9, 5, 7]))]))
    assert set(found) == {"roc", "reliability", "lengths", "scores2"}
    assert found["roc"]["series"][0]["name"] == "a: area 1.0000"
    assert [found["roc"]["series"][0][axis][:: len(label)] for axis in "xy"] == [[0, 1], [0, 1]], "both ends"
    lengths = found["lengths"]["series"][0]
    assert (lengths["x"], lengths["y"]) == ([3, 5, 7, 9], [1, 1, 1, 0])
    bars = {bar["name"]: bar["y"] for bar in found["scores2"]["series"]}
    assert sum(bars["is positive"]) == sum(bars["is negative"]) == 2
    assert bars["is negative"][12] == 1  # 0.6 to 0.65
    notes = found["reliability"]["series"][0]["notes"]
    assert sum(int(text.split()[0]) for text in notes) == 4
    assert set(notes) == {"1 review", "2 reviews"}
    assert lengths["notes"] == ["3 words, 1 review", "5 words, 1 review", "7 words, 1 review", "9 words, 1 review"]


def test_answers_of_one_class_have_no_roc_and_without_reviews_no_lengths():
    found = by_id(charts.predictions([PlottedModel(0, "a", np.ones(3), np.full(3, 0.9), None)]))
    assert set(found) == {"reliability", "scores0"}


def test_whiskers_reach_to_the_interval():
    positive = np.repeat([0.9, 0.6], 50)
    found = by_id(charts.predictions([PlottedModel(0, "a", np.ones(100), positive, None)]))
    line = found["reliability"]["series"][0]
    assert line["y"] == [1, 1]
    assert line["high"] == [1, 1]
    assert line["low"] == pytest.approx([1 - 0.0714] * 2, abs=1e-3)


def test_probabilities_that_are_all_alike_are_a_table_and_no_chart_of_one_point():
    def table(*names):
        models = [PlottedModel(i, name, np.ones(50), np.full(50, 0.9), None) for i, name in enumerate(names)]
        found = by_id(charts.predictions(models))["reliability"]
        assert "series" not in found
        return found["rows"]

    row = ["90.0 %", "100.0 %", "92.9 to 100.0 %"]
    assert table("a") == [row], "its name would only make it wider than its place"
    assert table("a", "b") == [["a", *row], ["b", *row]]


def test_reviews_of_one_length_have_no_chart_of_lengths():
    label, positive = np.arange(4) % 2, np.array([0.1, 0.6, 0.7, 0.9])
    found = by_id(charts.predictions([PlottedModel(0, "a", label, positive, np.full(4, 3))]))
    assert "lengths" not in found


@pytest.mark.parametrize(("weight", "whole"), [(None, True), (np.full(4, 0.5), False)])
def test_reviews_are_counted_in_whole_numbers(weight, whole):
    label, positive = np.arange(4) % 2, np.array([0.1, 0.6, 0.7, 0.9])
    found = by_id(charts.predictions([PlottedModel(0, "a", label, positive, None, weight)]))
    assert found["scores0"]["y"]["whole"] is whole


def test_histograms_share_a_scale_only_if_they_are_of_as_many_reviews():
    def top(*sizes):
        models = [PlottedModel(i, "a", np.arange(n) % 2, np.linspace(0, 1, n), None) for i, n in enumerate(sizes)]
        found = by_id(charts.predictions(models))
        return [found[f"scores{i}"]["y"]["range"][1] for i in range(len(sizes))]

    large, small = top(2000, 40)
    assert large > 20 * small, "or the small ones would look empty"
    assert top(40, 40) == [small, small]


def test_numbers_are_short_and_finite():
    assert chart_data.rounded(np.array([1 / 3, np.inf, np.nan])) == [0.333333, None, None]


def test_charts_of_one_quantity_have_one_range_which_holds_their_intervals():
    first, second = (
        chart_data.new_chart(
            "a",
            "",
            "",
            [chart_data.with_intervals(chart_data.line("", [1, 2], at, ""), intervals)],
            {},
            chart_data.axis("accuracy"),
        )
        for at, intervals in (([0.5, 0.75], [(0.25, 0.625), (0.5, 0.875)]), ([0.875, 1], [(0.75, 0.9), (0.9, 1)]))
    )
    chart_data.share_range([first])
    assert first["y"]["range"] == [0.23, 0.895]
    chart_data.share_range([first, second])
    assert first["y"]["range"] == second["y"]["range"] == [0.23, 1], "a share is at most 1"


def test_a_bar_is_as_wide_as_its_bin():
    bar = chart_data.bars("", np.linspace(0, 1, 5), [1, 0, 2, 3], "")
    assert (bar["x"], bar["bar"], bar["y"]) == ([0.125, 0.375, 0.625, 0.875], 0.25, [1, 0, 2, 3])


def test_a_word_is_evidence_for_the_label_that_it_speaks_for_and_not_against():
    labels, weight = strongest_labels(np.array([[-3.0, 1.0, 0.5], [2.0, -9.0, 0.0]]), ["a", "b", "c"])
    assert (labels, weight.tolist()) == (["b", "a"], [1, 2])


def test_a_review_of_weight_k_is_shown_as_k_copies():
    label, positive = np.array([1, 0, 1, 0, 1]), np.array([0.9, 0.3, 0.4, 0.6, 0.8])
    tokens, weight = np.arange(1, 6), np.array([3, 1, 2, 2, 1])

    def values(weighted: PlottedModel) -> dict:
        shown = by_id(charts.predictions([weighted]))
        return {key: [(line["x"], line["y"]) for line in chart["series"]] for key, chart in shown.items()}

    once = values(PlottedModel(0, "a", label, positive, tokens, weight))
    copies = [np.repeat(each, weight) for each in (label, positive)]
    copied = values(PlottedModel(0, "a", *copies, None))
    for key in "roc", "reliability", "scores0":
        for (x, y), (other_x, other_y) in zip(once[key], copied[key], strict=True):
            assert x == pytest.approx(other_x) and y == pytest.approx(other_y), key


def test_weights_that_are_all_alike_change_no_share_and_no_interval():
    label, positive = np.tile([1, 0, 1, 0, 1], 6), np.tile([0.9, 0.3, 0.4, 0.6, 0.8], 6)
    plain = PlottedModel(0, "a", label, positive, np.arange(30))
    shown, weighted = (
        by_id(charts.predictions([each])) for each in (plain, plain._replace(weight=np.full(30, 3, np.float32)))
    )
    for key in "roc", "reliability", "lengths":
        for line, other in zip(shown[key]["series"], weighted[key]["series"], strict=True):
            for ends in {"x", "y", "low", "high"} & line.keys():
                assert line[ends] == pytest.approx(other[ends], abs=1e-5), (key, ends)
    assert plain._replace(weight=np.full(30, 3)).interval(np.nextafter(90, 91), 90)[1] == 1, "sums are rounded"


# --- more than two labels


STARS = Classes(("1", "2", "3"))


def of_stars(classes=STARS, weight=None):
    positive = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.0, 0.1, 0.9], [0.6, 0.2, 0.2]])
    return PlottedModel(0, "a", np.array([0, 2, 2, 1]), positive, np.array([3, 4, 5, 6]), weight, classes)


def test_several_labels_have_no_roc_but_places():
    found = by_id(charts.predictions([of_stars()]))
    assert list(found) == ["reliability", "lengths", "scores0"]
    line, diagonal = found["reliability"]["series"]
    assert line["x"] == pytest.approx([0.5, 0.6, 0.7, 0.9])
    assert line["y"] == [0, 0, 1, 1]
    assert diagonal["x"] == [0, 1]
    bars = found["scores0"]["series"]
    assert [bar["name"] for bar in bars] == ["is 1", "is 2", "is 3"]
    assert [sum(bar["y"]) for bar in bars] == [1, 1, 2]
    assert [bar["x"][bar["y"].index(1)] for bar in bars] == [0.225, 0.325, 0.675]
    assert found["lengths"]["series"][0]["y"] == [1, 0, 1, 0]


def test_labels_without_an_order_have_probabilities_of_the_predicted_one():
    found = by_id(charts.predictions([of_stars(STARS._replace(ordered=False))]))
    right, wrong = found["scores0"]["series"]
    assert (right["name"], sum(right["y"]), wrong["name"], sum(wrong["y"])) == ("right", 2, "wrong", 2)
    assert min(np.flatnonzero(right["y"])) > max(np.flatnonzero(wrong["y"])), "0.7 and 0.9 are right, 0.5 and 0.6 wrong"


def test_weights_of_several_labels_count():
    found = by_id(charts.predictions([of_stars(weight=np.array([2.0, 0.5, 1.0, 0.5]))]))
    assert [sum(bar["y"]) for bar in found["scores0"]["series"]] == [2, 0.5, 1.5]
    assert found["scores0"]["y"]["title"] == "weight"
    assert found["reliability"]["series"][0]["notes"][0] == "weight 0.5"


def test_with_two_labels_the_calibration_is_the_same():
    positive, label = np.array([0.1, 0.4, 0.65, 0.95, 0.7]), np.array([0, 1, 1, 1, 0])
    one = by_id(charts.predictions([PlottedModel(0, "a", label, positive, None)]))["reliability"]["series"][0]
    both = np.stack((1 - positive, positive), axis=1)
    wide = [each for each in metrics.calibration_bins(label, both, 20) if each["n"]]
    assert one["x"] == pytest.approx([each["confidence"] for each in wide])
    assert one["y"] == pytest.approx([each["accuracy"] for each in wide])


def test_lengths_that_differ_much_have_a_log_axis():
    def lengths(*tokens):
        models = [PlottedModel(i, "a", np.ones(6), np.full(6, 0.9), np.array(each)) for i, each in enumerate(tokens)]
        return by_id(charts.predictions(models))["lengths"]["x"]

    assert not lengths([3, 5, 7, 9, 11, 40]).get("log")
    assert lengths([3, 5, 7, 9, 11, 40], [100, 200, 300, 400, 500, 600])["log"]
    assert not lengths([0, 5, 7, 9, 11, 900]).get("log"), "a text without words has no logarithm"
