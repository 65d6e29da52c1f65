"""The charts of a report about the training: what they show of small cases that can be worked by hand."""

from __future__ import annotations

import json

import pytest

from sentibp.inspection.pages import training_charts as charts
from sentibp.inspection.pages.training_charts import Kept, Lines


def step(number, loss=1.0, seed=0):
    return {"event": "step", "seed": seed, "step": number, "loss": loss, "gradient_norm": loss / 2}


def epoch(number, accuracy, seed=0):
    scores = {"accuracy": accuracy, "log_loss": 1 - accuracy}
    return {"event": "epoch", "seed": seed, "epoch": number, "step": number, "scores": scores}


def by_id(found):
    json.dumps(found, allow_nan=False)  # what a page can hold
    return {chart["id"]: chart for chart in found}


def test_training_shows_each_seed_of_each_run():
    first = Lines(0, "a", [step(1, 0.7), step(2, 0.5), epoch(2, 0.75), step(1, 0.6, seed=1), epoch(1, 0.5, seed=1)])
    second = Lines(3, "b", [step(1, 0.9)])
    found = by_id(charts.training([first, second]))
    assert [line["y"] for line in found["accuracy"]["data"]] == [[0.75], [0.5]]
    lines = found["loss"]["data"]
    assert [line["name"] for line in lines] == [
        "a: training",
        "a: validation",
        "a: training",
        "a: validation",
        "b: training",
    ]
    assert (lines[0]["x"], lines[0]["y"]) == ([1, 2], [0.7, 0.5])
    assert lines[1]["y"] == [0.25]
    assert [line["showlegend"] for line in lines] == [True, True, False, False, True]
    assert lines[-1]["line"]["color"] == "--run3"
    assert found["gradient"]["data"][0]["y"] == [0.35, 0.25]


def test_no_record_no_chart():
    assert charts.training([Lines(0, "a", [])]) == []
    assert charts.flows([Lines(0, "a", [step(1)])]) == []


def test_long_trainings_are_thinned_to_means_of_neighbours():
    found = by_id(charts.training([Lines(0, "a", [step(i + 1, i % 2) for i in range(100_000)])]))
    line = found["loss"]["data"][0]
    assert len(line["x"]) == 200
    assert set(line["y"]) == {0.5}


def test_flow_shows_each_layer_and_a_gap_where_it_is_not_finite():
    layers = [{"embedding": {"gradient": 0.1}, "output": {"gradient": g}} for g in (0.5, None)]
    events = [{"event": "flow", "seed": 0, "step": i + 1, "layers": each} for i, each in enumerate(layers)]
    (chart,) = charts.flows([Lines(1, "a", [*events, {**events[0], "seed": 1}])])
    assert {line["name"]: line["y"] for line in chart["data"]} == {"embedding": [0.1, 0.1], "output": [0.5]}
    assert chart["id"] == "flow1"
    assert "first of 2 networks" in chart["about"]


def test_the_flows_of_several_runs_have_one_scale():
    def run(number, gradient):
        event = {"event": "flow", "seed": 0, "step": 1, "layers": {"output": {"gradient": gradient}}}
        return Lines(number, "a", [event])

    ranges = [chart["layout"]["yaxis"]["range"] for chart in charts.flows([run(0, 1e-4), run(1, 10), run(2, 0)])]
    assert ranges == [[pytest.approx(-4.2), pytest.approx(1.2)]] * 3


def test_the_kept_epoch_and_the_loss_after_calibration_are_marked():
    events = [step(1), epoch(1, 0.5), epoch(2, 0.75), epoch(3, 0.25)]
    kept = Kept(0, 2, {"accuracy": 0.75, "log_loss": 0.125}, calibrated=True, averaged=False)
    found = by_id(charts.training([Lines(0, "a", events, kept)]))
    ring, diamond = found["loss"]["data"][-2:]
    assert (ring["name"], ring["x"], ring["y"]) == ("a: epoch 2, kept", [2], [0.25])
    assert (diamond["name"], diamond["x"], diamond["y"]) == ("a: saved model, calibrated", [2], [0.125])
    assert ring["showlegend"] and diamond["showlegend"]
    assert "Calibration came in between" in found["loss"]["about"]
    assert [line["name"] for line in found["accuracy"]["data"]] == ["a", "a: epoch 2, kept"]
    assert "diamond" not in found["accuracy"]["about"]


def test_without_calibration_the_saved_model_is_its_epoch():
    kept = Kept(1, 1, {"accuracy": 0.5, "log_loss": 0.5}, calibrated=False, averaged=False)
    loss, *_ = charts.training([Lines(0, "a", [epoch(1, 0.75), epoch(1, 0.5, seed=1)], kept)])
    assert [(line["name"], line["y"]) for line in loss["data"][4:]] == [("a: epoch 1, kept", [0.5])]
    assert "calibration" not in loss["about"] and "diamond" not in loss["about"]


def test_the_average_of_networks_is_a_point_of_its_own():
    events = [epoch(1, 0.5), epoch(2, 0.5), epoch(1, 0.25, seed=1), epoch(2, 0.25, seed=1)]
    kept = Kept(0, 2, {"accuracy": 0.75, "log_loss": 0.125}, calibrated=True, averaged=True)
    loss, accuracy, *_ = charts.training([Lines(0, "a", events, kept)])
    for chart, value in (loss, 0.125), (accuracy, 0.75):
        mark = chart["data"][-1]
        assert (mark["name"], mark["x"], mark["y"]) == ("a: average of the networks, calibrated", [2], [value])
        assert "A ring" not in chart["about"] and "diamond" in chart["about"]


def test_a_kept_epoch_that_is_not_in_the_log_is_not_marked():
    kept = Kept(0, 9, {"accuracy": 0.75, "log_loss": 0.125}, calibrated=True, averaged=False)
    loss, *_ = charts.training([Lines(0, "a", [epoch(1, 0.5)], kept)])
    assert [line["name"] for line in loss["data"]] == ["a: training", "a: validation"]
    assert "calibration" not in loss["about"]
