"""The report is one file that runs only its own scripts and lists what it leaves out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import runner

from sentibp.errors import ConfigError, DataError
from sentibp.inspection.evaluate import DataOptions
from sentibp.inspection.pages import report
from sentibp.inspection.pages.report_data import Predictions, gather

SMALL = {"train": {"epochs": 1}, "model": {"hidden": [4], "embedding": {"dim": 3}}}
EVIL = "<script>document.title = 'obeyed'</script>"


@pytest.fixture
def reviews(here) -> Path:
    """A file of reviews that contain markup and a pattern to learn."""
    rows = [
        f"{EVIL} a {'good' if i % 2 else 'bad'} film, number {i}; {'a joy' if i % 2 else 'a bore'}" for i in range(60)
    ]
    path = here / "reviews.jsonl"
    path.write_text("".join(json.dumps({"text": row, "label": i % 2}) + "\n" for i, row in enumerate(rows)))
    return path


@pytest.fixture
def train(write_config, reviews):
    """`train(name, section={...})` trains on the reviews, and returns the run directory."""

    def train(name: str, **sections) -> Path:
        sections = SMALL | {"data": {"source": reviews.name, "validation": 0.5}} | sections
        return runner.train_model(write_config(f"{name}.yaml", **sections), Path(name)).run

    return train


def html(*names: object, data: DataOptions = DataOptions()) -> str:  # noqa: B008
    """Return the page, without the places where keys may break."""
    return report.report_page(gather(list(map(str, names)), data)).decode().replace("<wbr>", "")


def numbers(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="numbers">(.*?)</script>', page)[1])


def test_the_page_stands_alone_and_markup_in_reviews_is_text(train):
    plain = {"hidden": [4], "embedding": {"dim": 3, "init": "naive_bayes"}}  # which makes mistakes to show
    page = html(train("a", model=plain))
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)  # plotly's names addresses that it never asks
    assert "obeyed" in own
    assert EVIL not in page
    assert "&lt;" in own
    for outside in ("src=", "http:", "https:", "url(", "@import", '<link rel="stylesheet'):
        assert outside not in own
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 3
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    allowed = re.findall(r"'sha256-([^']*)'", policy)
    assert allowed == [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    assert policy.startswith("default-src 'none'; ")


def test_the_same_runs_give_the_same_bytes(train):
    run = train("a")
    assert html(run) == html(run)


def test_what_is_there_for_a_run_with_all(train):
    page = html(train("a"))
    charts = {chart["id"] for chart in numbers(page)["charts"]}
    assert {"loss", "accuracy", "gradient", "roc", "reliability", "lengths", "scores0", "map0"} <= charts
    assert len(numbers(page)["steps"][0]) >= 2
    for id in charts:
        assert f'id="{id}"' in page
    assert "Confusion: a" in page
    assert "model.embedding.dim" in page
    assert "versions.numpy" in page


def test_several_side_by_side(train):
    page = html(train("a"), train("b", model={"hidden": []}))
    assert "a and b: paired test: " in page
    assert "<p>The runs differ in these settings:</p>" in page
    assert {"scores0", "scores1", "map0", "map1"} <= {chart["id"] for chart in numbers(page)["charts"]}
    assert len(numbers(page)["steps"]) == 2
    assert "not all scored on the same" not in page


def test_runs_on_other_reviews_are_not_compared(train):
    page = html(train("a"), train("b", data={"source": "reviews.jsonl", "validation": 0.2}))
    assert "not all scored on the same" in page
    assert "paired test" not in page
    assert 'class="best"' not in page


def test_without_validation(train):
    (subject,) = gather([str(train("a", data={"source": "reviews.jsonl", "validation": 0}))])
    assert any("no review was held out" in line for line in subject.left_out)
    steps = numbers(report.report_page([subject]).decode())["steps"]
    assert steps[0][0]["drawing"]["text"] == "I love this movie"


def test_reviews_that_are_gone_leave_the_recorded_scores(train, reviews):
    run = train("a")
    before = gather([str(run)])[0].predictions.scores
    reviews.unlink()
    (subject,) = gather([str(run)])
    assert subject.predictions.scores == {
        name: value for name, value in before.items() if name in subject.predictions.scores
    }
    assert any("the scores are the recorded ones" in line for line in subject.left_out)
    charts = {chart["id"] for chart in numbers(report.report_page([subject]).decode())["charts"]}
    assert "roc" in charts
    assert "lengths" not in charts


def test_reviews_that_changed_are_reported(train, reviews):
    run = train("a")
    reviews.write_text(reviews.read_text().replace("joy", "delight"))
    assert any("have changed" in line for line in gather([str(run)])[0].left_out)


def test_other_reviews(train, reviews):
    run = train("a")
    other = Path("other.csv")
    other.write_text("text,label\na good film,1\na bad film,0\n")
    (subject,) = gather([str(run)], DataOptions("other.csv"))
    assert subject.predictions.scores["n"] == 2
    with pytest.raises(DataError, match="nosuch"):
        gather([str(run)], DataOptions("nosuch.csv"))


def test_a_model_file_alone(train):
    run = train("a")
    Path("alone.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    page = html("alone.safetensors")
    assert "a model file does not contain them" in page
    assert "There is no record of the training." in page


def test_a_run_that_left_no_model(train):
    run = train("a")
    (run / "model.safetensors").unlink()
    page = html(run)
    assert "has no model.safetensors" in page
    assert {chart["id"] for chart in numbers(page)["charts"]} - {"flow0"} == {"loss", "accuracy", "gradient"}
    (run / "run.json").unlink()
    with pytest.raises(ConfigError, match=r"contains neither run\.json nor model\.safetensors"):
        html(run)


def test_gradient_flow_is_drawn_where_it_is_recorded(train):
    run = train("a")
    event = {"event": "flow", "seed": 0, "step": 1, "epoch": 1, "layers": {"embedding": {"gradient": 0.5}}}
    records = [line for line in (run / "metrics.jsonl").read_text().splitlines(True) if '"flow"' not in line]
    (run / "metrics.jsonl").write_text("".join(records))
    assert any("gradient flow" in line for line in gather([str(run)])[0].left_out)
    (run / "metrics.jsonl").write_text("".join([*records, json.dumps(event) + "\n"]))
    page = html(run)
    assert "flow0" in {chart["id"] for chart in numbers(page)["charts"]}
    assert "gradient flow: the training" not in page


@pytest.mark.parametrize(
    "record", ['{"event": "step"}', '{"event": "flow", "seed": 0, "step": 1, "layers": 3}', "[]", "{"]
)
def test_damaged_records_are_reported(train, record):
    run = train("a")
    with open(run / "metrics.jsonl", "a") as file:
        file.write(record + "\n")
    with pytest.raises(DataError, match=r"metrics.jsonl.*damaged"):
        gather([str(run)])


def test_a_rate_at_which_a_step_diverges_leaves_the_steps_out(train):
    page = html(train("a", train={"epochs": 1, "optimizer": {"name": "sgd", "learning_rate": 1e-3}}))
    assert numbers(page)["steps"]
    run = Path("a")
    (subject,) = gather([str(run)])
    subject.classifier.trained_with["train"]["optimizer"]["learning_rate"] = 1e300
    page = report.report_page([subject]).decode()
    assert numbers(page)["steps"] == []
    assert "at the learning rate of the training a step diverges" in page


def test_names_that_are_alike_stay_distinct(train):
    run = train("x/a")
    other = train("y/a")
    assert [subject.name for subject in gather([str(run), str(other)])] == ["x/a", "y/a"]
    assert [subject.name for subject in gather([str(run), str(run)])] == ["a"]


def test_the_example_reviews_are_of_every_kind(train):
    (subject,) = gather([str(train("a"))])
    label = np.array([1, 1, 0, 0, 1] * 6, np.int8)
    positive = np.array([0.9, 0.99, 0.02, 0.51, 0.1] * 6)
    scored = subject.predictions.scored._replace(positive=positive)
    assert len(scored.tokens) == 30
    chosen = report._example_reviews(Predictions(label, positive, {}, scored))
    assert [kind for kind, _, _ in chosen] == [
        "confident and wrong: ",
        "uncertain: ",
        "confident and right: ",
        "confident and right: ",
    ]
    assert [label for _, _, label in chosen] == ["positive", "negative", "positive", "negative"]


def test_without_the_extra_it_says_what_to_install(monkeypatch, complaint):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    message = complaint(ConfigError, report.plotly_script)
    assert message == "a report needs plotly: pip install 'sentibp[report]'"
