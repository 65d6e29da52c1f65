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


def test_each_network_has_its_own_line_style_and_legend_entry():
    def network(seed, loss):
        return [step(1, loss, seed), step(2, loss / 2, seed), epoch(1, 0.5, seed), epoch(2, 0.75, seed)]

    kept = Kept(0, 2, {"accuracy": 0.8, "log_loss": 0.125}, "average of the networks", calibrated=False, averaged=True)
    found = by_id(charts.training([Lines(0, "a", network(0, 0.8) + network(1, 0.6), kept)]))
    lines = found["loss"]["series"]
    assert [each["name"] for each in lines] == [
        "a, network 1: training",
        "a, network 1: validation",
        "a, network 2: training",
        "a, network 2: validation",
        "a: average of the networks",
    ]
    assert (lines[0]["x"], lines[0]["y"]) == ([1, 2], [0.8, 0.4])
    assert lines[1]["y"] == [0.5, 0.25]
    styles = {(each["colour"], each["dash"]) for each in lines[:4]}
    assert len(styles) == 2, "one for each network"
    assert all(each.get("legend", True) for each in lines)
    assert lines[-1]["colour"] not in {each["colour"] for each in lines[:4]}, "the average is none of the networks"
    assert found["gradient"]["series"][0]["y"] == [0.4, 0.2]
    assert [found[name]["y"].get("label") for name in ("gradient", "loss")] == ["norm (log scale)", None]


def test_runs_have_their_own_colours_and_their_networks_dashes():
    first = Lines(0, "a", [step(1, 0.7), step(2, 0.5), step(1, 0.6, seed=1)])
    found = by_id(charts.training([first, Lines(3, "b", [step(1, 0.9)])]))
    lines = found["loss"]["series"]
    assert [each["colour"] for each in lines] == ["--run0", "--run0", "--run3"]
    assert [each["dash"] for each in lines] == [0, 1, 3]
    assert "validation" not in found["loss"]["about"]


def test_one_epoch_is_a_table_and_not_a_point():
    kept = Kept(
        0,
        1,
        {"accuracy": 0.8, "log_loss": 0.125},
        "average of the networks, calibrated",
        calibrated=True,
        averaged=True,
    )
    found = by_id(charts.training([Lines(0, "a", [step(1), epoch(1, 0.75)], kept)]))
    assert found["accuracy"]["rows"] == [
        ["a", "0.7500", "0.2500"],
        ["a: average of the networks, calibrated", "0.8000", "0.1250"],
    ]
    assert "no curve" in found["accuracy"]["about"]
    assert [each["kind"] for each in found["loss"]["series"]] == ["line", "points", "points"]


def test_a_network_of_one_epoch_beside_one_of_two_is_in_the_chart():
    found = by_id(charts.training([Lines(0, "a", [epoch(1, 0.5), epoch(2, 0.75), epoch(1, 0.25, seed=1)])]))
    assert [line["y"] for line in found["accuracy"]["series"]] == [[0.5, 0.75], [0.25]]


def test_a_loss_that_exploded_has_a_log_axis():
    def loss(*values):
        return by_id(charts.training([Lines(0, "a", [step(i, each) for i, each in enumerate(values, 1)])]))["loss"]

    assert loss(0.7, 3e9, 1e26)["y"]["log"]
    assert not loss(0.7, 2.0, 1e-6)["y"].get("log"), "a loss that becomes small is as good as 0"
    assert loss(0.7, 5e4, *[1.0] * 500, 2.5e7, 2.5e7)["y"]["log"], "the first loss itself, not a mean of the first ones"


def test_only_what_is_averaged_is_said_to_be():
    def about(n):
        found = by_id(charts.training([Lines(0, "a", [step(i) for i in range(1, n + 1)])]))
        return ["averaged over neighbouring steps" in found[name]["about"] for name in ("loss", "gradient")]

    assert [about(400), about(401)] == [[False, False], [True, True]]


def test_no_record_no_chart():
    assert charts.training([Lines(0, "a", [])]) == []
    assert charts.flows([Lines(0, "a", [step(1)])]) == []


def test_long_trainings_are_thinned_to_means_of_neighbours():
    found = by_id(charts.training([Lines(0, "a", [step(i + 1, i % 2) for i in range(100_000)])]))
    line = found["loss"]["series"][0]
    assert len(line["x"]) == 400
    assert set(line["y"]) == {0.5}


def flow(number, gradients, count=3):
    layers = [{name: {"gradient": each[i]} for name, each in gradients.items()} for i in range(count)]
    events = [{"event": "flow", "seed": 0, "step": i + 1, "layers": each} for i, each in enumerate(layers)]
    return Lines(number, "a", [*events, {**events[0], "seed": 1}])


def test_flow_shows_each_layer_and_a_gap_where_it_is_not_finite():
    (chart,) = charts.flows([flow(1, {"embedding": [0.1, 0.1, 0.1], "output": [0.5, None, 0.5]})])
    lines = {line["name"]: (line["x"], line["y"]) for line in chart["series"]}
    assert lines == {"embedding": ([1, 2, 3], [0.1, 0.1, 0.1]), "output": ([1, 3], [0.5, 0.5])}
    assert chart["id"] == "flow1"
    assert "first of 2 networks" in chart["about"]


@pytest.mark.parametrize(("count", "times"), [(1, "once"), (2, "twice")])
def test_one_or_two_measurements_of_flow_are_a_table(count, times):
    (chart,) = charts.flows([flow(0, {"embedding": [0.1, 0.25], "output": [0.5, None]}, count)])
    rows = [["embedding", "0.1", "0.25"], ["output", "0.5", ""]]
    assert chart["rows"] == [row[: count + 1] for row in rows]
    assert f"measured {times}" in chart["about"]


def test_the_flows_of_several_runs_have_one_scale():
    ranges = [
        chart["y"]["range"]
        for chart in charts.flows([flow(i, {"output": [g] * 3}) for i, g in enumerate((1e-4, 10, 0))])
    ]
    assert ranges == [[pytest.approx(1e-4 / 1.5), pytest.approx(15)]] * 3


def test_the_kept_epoch_and_the_loss_after_calibration_are_marked():
    events = [step(1), epoch(1, 0.5), epoch(2, 0.75), epoch(3, 0.25)]
    kept = Kept(0, 2, {"accuracy": 0.75, "log_loss": 0.125}, "saved model, calibrated", calibrated=True, averaged=False)
    found = by_id(charts.training([Lines(0, "a", events, kept)]))
    ring, diamond = found["loss"]["series"][-2:]
    assert (ring["name"], ring["x"], ring["y"]) == ("a: epoch 2, kept", [2], [0.25])
    assert (diamond["name"], diamond["x"], diamond["y"]) == ("a: saved model, calibrated", [2], [0.125])
    assert "Calibration came in between" in found["loss"]["about"]
    assert [line["name"] for line in found["accuracy"]["series"]] == ["a", "a: epoch 2, kept"]
    assert "diamond" not in found["accuracy"]["about"]


def test_the_diamonds_of_two_averages_have_the_colours_of_their_runs():
    def marks(n):
        kept = Kept(0, 1, {"accuracy": 0.75, "log_loss": 0.125}, "average", calibrated=True, averaged=True)
        loss, *_ = charts.training([Lines(i, "ab"[i % 2], [epoch(1, 0.5), epoch(2, 0.25)], kept) for i in range(n)])
        return [each for each in loss["series"] if each.get("symbol") == "diamond"]

    assert [each["colour"] for each in marks(2)] == ["--run0", "--run1"], "or nobody could tell them apart"
    assert [each["colour"] for each in marks(1)] == ["--ink"], "no line of the network is the average"
    assert all("legend" not in each for each in marks(3))
    assert all(each["legend"] is False for each in marks(4)), "the legend would be longer than the chart"


def test_without_calibration_the_saved_model_is_its_epoch():
    for seed, accuracy in (0, 0.75), (1, 0.5):
        scores = {"accuracy": accuracy, "log_loss": 1 - accuracy}
        kept = Kept(seed, 1, scores, "saved model", calibrated=False, averaged=False)
        loss, *_ = charts.training([Lines(0, "a", [epoch(1, 0.75), epoch(1, 0.5, seed=1)], kept)])
        assert [(line["name"], line["y"]) for line in loss["series"][2:]] == [("a: epoch 1, kept", [1 - accuracy])]
        assert "calibration" not in loss["about"] and "diamond" not in loss["about"]


def test_only_a_loss_that_rose_far_is_warned_of():
    assert charts.warnings({}, [step(1), step(2, 4.9), step(1, 3.0, seed=1), step(2, 2.0, seed=1)]) == []
    (warning,) = charts.warnings({}, [step(1), step(2), step(1, seed=1), step(2, 5.1, seed=1)])
    assert warning.startswith("the loss of a batch rose from 1.00 at step 1 to 5.10 at step 2")
    assert charts.warnings({}, [step(1, 0.01), step(2, 0.06)]) == [], "a network that starts as a good classifier"
    assert charts.warnings({}, [step(1, 0.01), step(2, 0.6)]) != []


def test_the_average_of_networks_is_a_point_of_its_own():
    events = [epoch(1, 0.5), epoch(2, 0.5), epoch(1, 0.25, seed=1), epoch(2, 0.25, seed=1)]
    kept = Kept(
        0,
        2,
        {"accuracy": 0.75, "log_loss": 0.125},
        "average of the networks, calibrated",
        calibrated=True,
        averaged=True,
    )
    loss, accuracy, *_ = charts.training([Lines(0, "a", events, kept)])
    for chart, value in (loss, 0.125), (accuracy, 0.75):
        mark = chart["series"][-1]
        assert (mark["name"], mark["x"], mark["y"]) == ("a: average of the networks, calibrated", [2], [value])
        assert "A ring" not in chart["about"] and "diamond" in chart["about"]


def test_a_kept_epoch_that_is_not_in_the_log_is_not_marked():
    kept = Kept(0, 9, {"accuracy": 0.75, "log_loss": 0.125}, "saved model, calibrated", calibrated=True, averaged=False)
    loss, *_ = charts.training([Lines(0, "a", [epoch(1, 0.5)], kept)])
    assert [line["name"] for line in loss["series"]] == ["a: validation"]
    assert "calibration" not in loss["about"]
