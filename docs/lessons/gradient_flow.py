"""Write the pictures and the table of gradient-flow.md, from real trainings: `python docs/lessons/gradient_flow.py`.

It trains `deep_sigmoid` with one setting changed at a time, three seeds each, in about a minute. The gradients are
those that every training records and `sentibp runs flow` prints.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent / "benchmarks")]

from chart import Line, Panel, svg  # noqa: E402

from sentibp.config.load import load_config  # noqa: E402
from sentibp.runs import gradient_flow  # noqa: E402
from sentibp.runs.gradient_flow import EpochFlow  # noqa: E402
from sentibp.runs.records import EpochRecord, read_records  # noqa: E402
from sentibp.training import experiment  # noqa: E402

CURES = {
    "as it is": [],
    "ReLU": ["model.activation=relu"],
    "larger start (He)": ["model.init=he"],
    "smaller start": ["model.init=normal"],
    "skip connections": ["model.residual=true"],
    "batch norm": ["model.batch_norm=true"],
    "ReLU, smaller start": ["model.activation=relu", "model.init=normal"],
}
NAMES = ["emb", *map(str, range(8)), "out"]


class Trained(NamedTuple):
    """The results of a config."""

    flows: list[EpochFlow]  # of the first seed
    accuracy: list[float]  # validation, of each epoch of the first seed
    spread: dict[str, float]  # of accuracy, over the seeds


def train(name: str, overrides: list[str], seeds: int = 3) -> Trained:
    """Train a shipped config and return what the run recorded."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_config(name, [*overrides, f"train.seeds={seeds}"])
        outcome = experiment.train_model(settings, Path(folder) / "run")
        flows = [each for each in gradient_flow.load_flows(outcome.run) if each.seed == 0]
        epochs = [each for each in read_records(outcome.run) if isinstance(each, EpochRecord) and each.seed == 0]
    accuracy = [each.scores["accuracy"] for each in epochs if each.scores is not None]
    return Trained(flows, accuracy, (outcome.seeds or {"accuracy": {}})["accuracy"])


def gradients(flow: EpochFlow) -> list[tuple[float, float]]:
    """Return place and gradient length of each layer, from the embedding on, without those that are 0."""
    return [(i, each.gradient) for i, each in enumerate(flow.layers.values()) if each.gradient > 0]


def share(flow: EpochFlow) -> float:
    """Return the gradient length of the first hidden layer, divided by that of the last."""
    return flow.layers["hidden.0"].gradient / flow.layers["hidden.7"].gradient


def row(name: str, setting: str, trained: Trained) -> str:
    """Return a row of the table."""
    first, spread = trained.flows[0], trained.spread
    factor = "0" if first.factor is None else f"{first.factor:.2f}"
    accuracy = f"{spread['mean']:.3f} ({spread['min']:.3f} to {spread['max']:.3f})"
    return f"| {name} | {setting} | {factor} | {share(first):.1g} | {accuracy} |"


def _settings(overrides: list[str]) -> str:
    return ", ".join(f"`{each.replace('=', ': ')}`" for each in overrides)


def main() -> None:
    """Train, draw the pictures, and write the table."""
    trained = {name: train("deep_sigmoid", overrides) for name, overrides in CURES.items()}
    residual = train("deep_residual", [])
    y = (1e-7, 10.0)
    both = [
        Panel(
            f"{name}: length of the gradient, by layer",
            [Line(f"epoch {each.epoch}", gradients(each)) for each in run.flows],
            True,
            NAMES,
            y,
        )
        for name, run in (("deep_sigmoid", trained["as it is"]), ("deep_residual", residual))
    ]
    (HERE / "gradient-flow.svg").write_text(svg(both), encoding="utf-8")
    drawn = {name: each for name, each in trained.items() if "smaller" not in name}
    cures = [
        Panel(
            "Epoch 1: length of the gradient, by layer",
            [Line(name, gradients(each.flows[0])) for name, each in drawn.items()],
            True,
            NAMES,
            y,
        ),
        Panel(
            "Validation accuracy, by epoch",
            [Line(name, [(i, value) for i, value in enumerate(each.accuracy)]) for name, each in drawn.items()],
            False,
            [str(i + 1) for i in range(5)],
            (0.4, 0.9),
        ),
    ]
    (HERE / "gradient-flow-cures.svg").write_text(svg(cures), encoding="utf-8")
    lines = [
        "| | setting | each layer back: times | hidden.0 / hidden.7 | accuracy, three seeds |",
        "| --- | --- | --- | --- | --- |",
        *(
            row(name, ", ".join(f"`{part.replace('=', ': ')}`" for part in CURES[name]), trained[name])
            for name in CURES
        ),
        row("ReLU and skip connections", "`deep_residual`", residual),
    ]
    page = HERE / "gradient-flow.md"
    before, start, rest = page.read_text(encoding="utf-8").partition("<!-- cures: generated -->\n")
    _, end, after = rest.partition("<!-- end of cures -->")
    page.write_text(f"{before}{start}\n{chr(10).join(lines)}\n\n{end}{after}", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
