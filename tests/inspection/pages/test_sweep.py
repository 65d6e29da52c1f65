"""The page of a sweep: one file that loads nothing, with what the trials found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_data import numbers

from sentibp.config.space import Dimension, Space
from sentibp.inspection.pages.sweep import sweep_page
from sentibp.inspection.sweep import FoundSweep
from sentibp.training.sweep_folder import Plan
from sentibp.training.sweep_study import best_of
from sentibp.training.trial import TrialRecord

EVIL = "<script>document.title = 'obeyed'</script>"
DIMENSIONS = (
    Dimension(("train", "optimizer", "learning_rate"), (), 0.01, 1.0, None, log=True),
    Dimension(("train", "epochs"), (), 1, 4, None, whole=True),
    Dimension(("model", "hidden"), ([], [16])),
    Dimension(("train", "loss"), ("cross_entropy",)),
    Dimension(("model", "embedding", "vectors"), (None, EVIL)),
)


def finished(number: int, value: float, **more) -> TrialRecord:
    scores = {"accuracy": value, "log_loss": 0.5}
    return TrialRecord(number, "finished", value, scores=scores, seconds=1.5, model_bytes=2_000_000, **more)


def found(records, folds: int = 0, metric: str = "accuracy", importances=None) -> FoundSweep:
    settings = [
        {
            "train.optimizer.learning_rate": 0.1,
            "train.epochs": 1 + record.number % 4,
            "model.hidden": [[], [16]][record.number % 2],
            "train.loss": "cross_entropy",
            "model.embedding.vectors": [None, EVIL][record.number % 2],
        }
        for record in records
    ]
    plan = Plan("mine", {}, Space(DIMENSIONS, Path("s.yaml")), "tpe", 0, folds, metric, True, 9)
    trials = list(zip(records, settings, strict=True))
    return FoundSweep(Path("sweeps/<b>"), plan, trials, [8], best_of(records, metric), importances or {})


MIXED = [
    finished(0, 0.7),
    TrialRecord(1, "pruned", curve=[(0, 0.5, 0.4)]),
    finished(2, 0.8),
    TrialRecord(3, "diverged", message=f"diverged: {EVIL}"),
    TrialRecord(4, "refused", message="model.residual: no"),
    finished(5, 0.8),
]


def charts(page: bytes) -> dict[str, dict]:
    return {chart["id"]: chart for chart in numbers(page)["charts"]}


def test_what_the_page_shows():
    page = sweep_page(found(MIXED, importances={"train.epochs": 0.75, "model.hidden": 0.25}))
    text = page.decode()
    assert "Best: trial 2, accuracy <b>0.8000</b>" in text
    assert "Of 9 trials: 3 finished, 1 pruned, 1 diverged, 1 refused; running or interrupted: 8." in text
    assert "<p>1 other trial has the same score: it does not tell them apart.</p>" in text
    assert '<th scope="row">1</th><td>pruned</td><td>0.4000</td>' in text, "as in the chart"
    assert "<td></td>" not in text.partition("All trials</h2>")[2], "no cell is empty"
    found_charts = charts(page)
    assert list(found_charts) == ["progress", "parallel", "cost-time", "cost-size"]
    bars = re.findall(
        r'<th scope="row">([\w.]+)</th><td>(\d+%)</td><td class="bar"><div style="--share:([\d.]+)%">',
        text.replace("<wbr>", ""),
    )
    assert bars == [("train.epochs", "75%", "100.0"), ("model.hidden", "25%", "33.3")]
    best, points, pruned = found_charts["progress"]["series"]
    assert (best["x"], best["y"]) == ([0, 2, 5], [0.7, 0.8, 0.8])
    assert (points["x"], points["y"]) == ([0, 2, 5], [0.7, 0.8, 0.8])
    assert (pruned["x"], pruned["y"]) == ([1], [0.4])
    lines = found_charts["parallel"]["series"]
    assert [line["y"][-1] for line in lines] == [0.0, 1.0, 1.0], "the best is drawn last, above the others"
    assert (lines[-1]["colour"], lines[-1]["width"]) == ("--layer9", 4)
    assert lines[-1]["y"][:2] == [0.5, pytest.approx(2 / 3, abs=1e-5)]
    assert found_charts["cost-size"]["series"][1]["x"] == [2.0]
    ids = re.findall(r'\bid="([\w-]+)"', text)
    assert len(ids) == len(set(ids)), "each id is there once"


def test_text_is_shown_and_not_obeyed():
    page = sweep_page(found(MIXED)).decode()
    assert EVIL not in page
    assert "diverged: &lt;script&gt;" in page
    assert "sentibp train &#39;sweeps/&lt;b&gt;/best.yaml&#39;" in page


def test_the_page_loads_nothing_and_is_the_same_each_time():
    page = sweep_page(found(MIXED))
    assert page == sweep_page(found(MIXED))
    assert b"default-src &#39;none&#39;" in page
    assert not re.search(rb'(src|href)="(?!data:|#)', page.partition(b"<script")[0])


def test_one_trial_is_not_the_best_of_several():
    one = found([finished(0, 0.5)])
    text = re.sub("<[^>]*>", "", sweep_page(one._replace(plan=one.plan._replace(trials=1))).decode())
    assert "Of 1 trial: 1 finished;" in text
    assert "best of" not in text


def test_a_lower_score_may_be_better():
    records = [finished(0, 0.7), finished(1, 0.6), finished(2, 0.65)]
    progress = charts(sweep_page(found(records, metric="log_loss")))["progress"]["series"][0]
    assert progress["y"] == [0.7, 0.6, 0.6]


@pytest.mark.parametrize(
    "records",
    [
        [],
        [TrialRecord(0, "refused", message="x")],
        [finished(0, 0.5)],
        [finished(i, 0.5) for i in range(250)],
        [finished(0, 0.5, spread=0.1, folds=[0.4, 0.6])],
        [finished(0, 0.5)._replace(seconds=0.0, model_bytes=None)],
    ],
    ids=["none", "refused", "one", "many", "folds", "no size"],
)
def test_any_number_of_trials(records):
    page = sweep_page(found(records, folds=2 if len(records) == 1 and records[0].folds else 0))
    assert len(charts(page)) == (4 if any(record.value for record in records) else 0)
