"""Messages about vanishing and exploding gradients, and the recorded gradient flow of a run."""

from __future__ import annotations

import json

import pytest

from sentibp.config.schema import Config
from sentibp.errors import ConfigError, DataError
from sentibp.nn.gradient_flow import Flow
from sentibp.runs import gradient_flow

DEEP = {"hidden": [16, 16, 16], "activation": "sigmoid"}


STEP = {"event": "step", "seed": 0, "step": 1, "epoch": 1, "loss": 0.5, "learning_rate": 0.1, "gradient_norm": 1.0}


def flows(*gradients: float, dead: float | None = None) -> dict[str, Flow]:
    names = ["embedding", *(f"hidden.{i}" for i in range(len(gradients) - 2)), "output"]
    return {
        name: Flow(g, 1e-3, 1.0, dead if "hidden" in name else None) for name, g in zip(names, gradients, strict=True)
    }


def diagnose(recorded: dict[str, Flow], train: dict | None = None, **model: object) -> dict[str, str]:
    return gradient_flow.diagnose(recorded, Config.model_validate({"model": model, "train": train or {}}))


def test_healthy_gradients_give_no_message():
    assert diagnose(flows(1e-2, 0.3, 0.2, 0.5, 1.0), **DEEP) == {}
    assert diagnose(flows(50, 30, 1.0)) == {}
    assert diagnose(flows(1e-15, 1e-12, 1e-11)) == {}, "tiny gradients after convergence: their ratios mean nothing"


def test_vanishing_gradients_are_reported_with_layers_factor_and_repairs():
    line = diagnose(flows(1e-7, 1e-6, 1e-4, 1e-2, 1.0), **DEEP)["vanishing"]
    assert line == (
        "vanishing gradients in embedding to hidden.1: the norm in embedding is 1e-07 times that in output; each "
        "hidden layer multiplies it by 0.01 on the way back; what usually helps: --set model.activation=relu, "
        "--set model.residual=true, --set model.batch_norm=true, fewer layers in model.hidden"
    )


@pytest.mark.parametrize(
    ("model", "there", "absent"),
    [
        (DEEP | {"residual": True}, "relu", "residual"),
        (DEEP | {"batch_norm": True}, "relu", "batch_norm"),
        (DEEP | {"init": "normal"}, "--set model.init=auto", "learning_rate"),
        ({"hidden": [8, 9, 10], "activation": "relu"}, "layers of one width with --set model.residual=true", "relu"),
    ],
)
def test_repairs_that_are_already_set_are_not_suggested(model, there, absent):
    line = diagnose(flows(1e-7, 1e-6, 1e-4, 1e-2, 1.0), **model)["vanishing"].partition("; ")[2]
    assert there in line
    assert absent not in line


def test_dead_units_are_named():
    line = diagnose(flows(0, 0, 1.0, dead=1.0))["vanishing"]
    assert "all units of hidden.0 are dead" in line
    assert line.endswith("what usually helps: --set train.optimizer.learning_rate=0.003 (it is 0.03)")


def test_units_that_rows_of_zeros_kill_need_other_rows():
    """relu(0) has slope 0: such a network never learns, at any learning rate."""
    zeros = {"embedding": {"init": "zeros"}}
    line = diagnose(flows(0, 0, 1.0, dead=1.0), **zeros)["vanishing"]
    assert line.endswith("what usually helps: --set model.embedding.init=normal (rows of zeros pass no relu)")
    assert "learning_rate=0.003" in diagnose(flows(0, 0, 1.0, dead=1.0), **zeros, activation="tanh")["vanishing"]


def test_exploding_gradients_are_found_by_growth_and_by_norm():
    assert diagnose(flows(50, 5, 0.5, 0.05, 0.005), **DEEP) == {}, "the growth is below the threshold of 1000"
    line = diagnose(flows(5000.0, 300.0, 1.0))["exploding"]
    assert line.startswith("exploding gradients in embedding to hidden.0: the norm in embedding is 5e+03; ")
    assert "--set train.optimizer.learning_rate=0.003 (it is 0.03), --set train.optimizer.clip_norm=1.0, --set" in line
    line = diagnose(flows(90.0, 0.01, 0.02))["exploding"]
    assert "the norm in embedding is 4e+03 times that in output" in line
    assert "clip_norm" not in diagnose(flows(5e3, 1, 1), {"optimizer": {"clip_norm": 1.0}})["exploding"]
    assert "exploding" in diagnose(flows(float("inf"), 1.0, 1.0))


def test_frozen_layers_are_not_judged():
    assert diagnose(flows(1e-9, 1.0, 1.0), {"freeze": ["embedding"]}) == {}


def test_the_factor_is_the_geometric_mean():
    assert gradient_flow.gradient_factor(flows(9, 1e-6, 1e-3, 1e-2, 9)) == pytest.approx(1e-2)
    assert gradient_flow.gradient_factor(flows(9, 1e-6, 9)) is None
    assert gradient_flow.gradient_factor(flows(9, 0, 1, 9)) is None


def test_each_kind_gives_one_warning_with_the_mean_of_an_epoch():
    watch = gradient_flow.GradientFlowMonitor(Config())
    watch.saw(flows(1e-9, 1.0, 1.0))
    watch.saw(flows(1.0, 1.0, 1.0))
    assert watch.epoch_ended(1) == [], "one batch of two: the mean is half"
    watch.saw(flows(1e-9, 1.0, 1.0))
    (line,) = watch.epoch_ended(2)
    assert line.startswith("epoch 2: vanishing gradients in embedding: ")
    watch.saw(flows(1e-9, 1.0, 1.0))
    assert watch.epoch_ended(3) == watch.epoch_ended(4) == []
    watch.saw(flows(1e9, 1.0, 1.0))
    assert len(watch.epoch_ended(5)) == 1


def written(here, *events: dict):
    text = "".join(json.dumps(event) + "\n" for event in events)
    (here / "metrics.jsonl").write_text(text + '{"half a li', encoding="utf-8")
    return here


def event(epoch: int, seed: int = 0, **layers: Flow) -> dict:
    return {"event": "flow", "seed": seed, "step": 1, "epoch": epoch, "layers": gradient_flow.flow_record(layers)}


def test_recorded_flows_are_averaged_over_each_epoch(here):
    a, b = Flow(1.0, 0.5, 2.0, dead=0.5), Flow(3.0, 0.5, 2.0, dead=0.0)
    written(here, STEP, event(1, out=a), event(1, out=b), event(2, out=b), event(1, 1, out=a))
    recorded = gradient_flow.load_flows(here)
    assert [(each.seed, each.epoch) for each in recorded] == [(0, 1), (0, 2), (1, 1)]
    assert recorded[0].layers == {"out": Flow(2.0, 0.5, 2.0, 0.25)}
    assert gradient_flow.select_flows(recorded, "run", 0, 2) == [recorded[1]]
    assert gradient_flow.select_flows(recorded, "run", None, 1) == [recorded[0], recorded[2]]
    for seed, epoch in ((2, None), (None, 3)):
        with pytest.raises(ConfigError, match="choose one"):
            gradient_flow.select_flows(recorded, "run", seed, epoch)


def test_json_has_no_infinity(here):
    line = event(1, out=Flow(1.0, float("inf"), 2.0))
    assert line["layers"] == {"out": {"gradient": 1.0, "update": None, "weight": 2.0}}
    assert gradient_flow.load_flows(written(here, line))[0].layers["out"].update == float("inf")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (STEP, "no gradient flow is recorded"),
        ({"event": "flow"}, "damaged"),
        ({"event": "flow", "seed": 0, "epoch": 1, "layers": {"a": {"gradient": 1}}}, "damaged"),
        ([], "damaged"),
    ],
)
def test_records_without_flow_and_damaged_ones(here, complaint, line, what):
    assert what in complaint(DataError, gradient_flow.load_flows, written(here, line))


def test_no_records_at_all(here, complaint):
    assert "give a run directory" in complaint(DataError, gradient_flow.load_flows, here)
