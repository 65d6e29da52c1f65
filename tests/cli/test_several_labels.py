"""The commands that look into a model, with more than two labels: in order, without an order, and proportional odds."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import chdir
from pathlib import Path

import heads
import pytest
from page_data import numbers
from typer.testing import CliRunner

from sentibp.cli import application

TEXT = "w0a w2c film w1b zzzq"
KINDS = ["scale of 5", "softmax", "cumulative"]
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run directory for each kind."""
    folder = tmp_path_factory.mktemp("several")
    runs = {}
    with chdir(folder):
        for kind in KINDS:
            data, output = heads.HEADS[kind]
            heads.write_reviews(folder / f"{kind}.csv", data["labels"], wrong=(8, 9))
            changes = [f"data.{key}={json.dumps(value)}" for key, value in data.items()]
            changes += [f"data.source={folder / f'{kind}.csv'}", f"model.output={output}", "train.epochs=3"]
            changes = [part for change in changes for part in ("--set", change)]
            done = CliRunner().invoke(application(), ["train", "quickstart", *changes, "--quiet", "--out", kind])
            assert done.exit_code == 0, done.output
            runs[kind] = folder / kind
    return runs


def labels(kind: str) -> list[str]:
    return heads.HEADS[kind][0]["labels"]


def fits(result) -> str:
    lines = re.sub(r"/\S*/", "", result.out).splitlines()  # a path may be of any length
    assert max(map(len, lines)) <= 80
    return result.out


@each_kind
def test_explain(sentibp, models, kind):
    out = fits(sentibp("explain", TEXT, "-m", models[kind], "--flip"))
    assert out.splitlines()[0].split("  ")[0] in labels(kind)
    names = {"scale of 5": ["polarity", "neutrality"], "cumulative": ["polarity"]}.get(kind, labels(kind))
    assert any(line.split() == names for line in out.splitlines())
    assert "\nflip: " in out
    assert ("place 0." in out) == (kind != "softmax")
    output = sentibp("explain", TEXT, "-m", models[kind], "--json").json
    assert [each["name"] for each in output["sums"]] == names
    assert sum(output["probabilities"].values()) == pytest.approx(1)
    assert output["score"] == output["probabilities"][output["label"]] == max(output["probabilities"].values())
    assert ("place" in output) == (kind != "softmax")
    for each in output["sums"]:
        total = each["bias"] + sum(part["contribution"] for part in each["parts"])
        assert total == pytest.approx(each["value"], abs=1e-6)


@each_kind
def test_flip_to_each_label(sentibp, fails, models, kind):
    predicted = sentibp("explain", TEXT, "-m", models[kind], "--json").json["label"]
    others = [name for name in labels(kind) if name != predicted]
    for name in others:
        flip = sentibp("explain", TEXT, "-m", models[kind], "--flip-to", name, "--json").json["flip"]
        assert set(flip) == {"deletions", "count", "exact", "label", "score", "probabilities"}
        assert flip["label"] in (name, None)
        assert (flip["deletions"] is None) == (flip["label"] is None)
    for name, fact in (predicted, "is predicted already"), ("plum", "is no label of the model"):
        line = fails(2, "explain", TEXT, "-m", models[kind], "--flip-to", name)
        assert line == f"--flip-to {name}: {fact}; choose from {', '.join(others)}"


@each_kind
def test_explain_as_a_page(sentibp, models, kind):
    page = sentibp("explain", f"{TEXT} <script>", "-m", models[kind], "--format", "html", "--flip").out
    assert "<script>" not in page
    assert page.count("<h2>") == {"scale of 5": 2, "softmax": 3, "cumulative": 1}[kind]
    assert ('class="scale"' in page) == (kind != "softmax")


@each_kind
def test_trace(sentibp, fails, models, kind):
    name = labels(kind)[1]
    out = fits(sentibp("trace", TEXT, "-m", models[kind], "--label", name))
    formulas = {"scale of 5": "dz = E[s] - s_y,  du = E[q] - q_y", "softmax": "l = h1 W + b"}
    assert "p_k = e^l_k / (e^l_1 + ... + e^l_K)" in out
    assert formulas.get(kind, "dz = sigma(z - theta_(y-1)) + sigma(z - theta_y) - 1") in out
    output = sentibp("trace", TEXT, "-m", models[kind], "--label", name, "--json", "--steps", 3).json
    assert [len(step["probabilities"]) for step in output["steps"]] == [len(labels(kind))] * 4
    assert fails(2, "trace", TEXT, "-m", models[kind], "--label", "plum") == (
        f"--label plum: is no label of the model; choose from {', '.join(labels(kind))}"
    )
    for format in ("html", "markdown"):
        page = sentibp("trace", TEXT, "-m", models[kind], "--label", name, "--blank", "--format", format).out
        assert "______" in page or "gap" in page


@each_kind
def test_words(sentibp, models, kind):
    output = sentibp("words", "top", "-m", models[kind], "--count", 3, "--json").json
    out = sentibp("words", "top", "-m", models[kind], "--count", 3).out
    if kind == "softmax":
        assert list(output["sums"]) == labels(kind)
        assert re.match(r"for apple +weight +for pear +weight +for fig +weight\n", out)
    else:
        assert list(output["sums"]) == ["polarity", "neutrality"][: 1 + (kind == "scale of 5")]
        best = output["sums"]["polarity"][labels(kind)[-1]]
        assert [word["feature"][:2] for word in best[:2]] == [f"w{len(labels(kind)) - 1}"] * 2
        assert out.startswith("polarity\n")
    assert sentibp("words", "neighbors", "w0a", "-m", models[kind]).out


@each_kind
def test_blame(sentibp, fails, models, kind):
    out = fits(sentibp("blame", TEXT, "-m", models[kind], "--count", 2))
    predicted = out.split("  ")[0]
    assert f"\nlargest influence towards {predicted}\n" in out
    assert f"\nlargest influence against {predicted}\n" in out
    name = next(name for name in labels(kind) if name != predicted)
    output = sentibp("blame", "--word", "w0a", "-m", models[kind], "--towards", name, "--json").json
    assert output["towards"] == name
    assert 0 <= output["score"] <= 1
    assert "positive" not in output
    assert "choose from" in fails(2, "blame", TEXT, "-m", models[kind], "--towards", "plum")


@each_kind
def test_audit_and_train_on_its_file(sentibp, models, kind):
    result = sentibp("audit", models[kind], "--folds", 2, "--limit", 3, "--output", "audited.csv", "--quiet")
    out = fits(result._replace(out=result.out.partition("next  ")[0]))
    assert re.search(r"labelled \w+, predicted \w+ [01]\.\d{4}", out)
    assert "+ " in out or "for " in out
    command = result.out.splitlines()[-1].split("sentibp train ")[1]
    sentibp("train", *shlex.split(command), "--quiet", "--out", "again", "--set", "train.epochs=1")
    output = sentibp("audit", models[kind], "--folds", 2, "--limit", 1, "--json", "--quiet").json
    assert list(output["suspects"][0]) == [
        "place",
        "file",
        "row",
        "label",
        "predicted",
        "score",
        "margin",
        "bias",
        "parts",
        "text",
    ]


@each_kind
def test_gradcheck_and_find_lr(sentibp, models, kind):
    assert "a third of the labels are changed" in fits(sentibp("gradcheck", "-m", models[kind]))
    assert sentibp("gradcheck", "-m", models[kind], "--json").json["ok"]
    found = sentibp("train", models[kind] / "config.yaml", "--find-lr", "--json").json
    assert "suggestion" in found


@each_kind
def test_probes(sentibp, fails, models, kind):
    if kind == "softmax":
        line = fails(2, "eval", models[kind], "--probes")
        assert line.startswith("--probes: compares places between the worst and the best label")
        return
    output = sentibp("eval", models[kind], "--probes", "--json").json
    assert {"neutral", "middling"} <= set(output["kinds"])
    out = sentibp("eval", models[kind], "--probes", "--failures").out
    assert re.search(r"^  [01]\.\d{4}  \d  \S", out, re.MULTILINE), "the place and the label"


@each_kind
def test_report(sentibp, models, kind):
    sentibp("report", models[kind], "--output", "page.html")
    page = Path("page.html").read_text()
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    for name in labels(kind):
        assert f'<th scope="col">{name}</th>' in own
    assert "quadratic weighted kappa" in own if kind != "softmax" else "macro F1" in own
    assert "ROC AUC" not in own
    charts = {chart["id"]: chart for chart in numbers(page)["charts"]}
    assert "roc" not in charts
    assert {"scores0", "map0"} <= set(charts)
    assert "<h3>Calibration</h3>" in own, "a chart, or a table if all probabilities are alike"
    assert charts["scores0"]["title"].startswith("Probabilities" if kind == "softmax" else "Places")


def test_a_report_on_models_with_other_labels(sentibp, models, trained):
    sentibp("report", models["scale of 5"], models["softmax"], trained, "--output", "page.html")
    own = re.sub(r"<script>.*?</script>", "", Path("page.html").read_text(), flags=re.DOTALL)
    for name in ("ROC AUC", "macro F1", "predicted negative", "if labels have an order, green is for the better one"):
        assert name in own


def test_many_labels_with_long_names(sentibp):
    names = [f"topic number {k} with a long name" for k in range(30)]
    heads.write_reviews(Path("many.csv"), names, n=300)
    changes = ["data.source=many.csv", f"data.labels={json.dumps(names)}", "data.ordered=false", "train.epochs=1"]
    sentibp("train", "quickstart", *(part for each in changes for part in ("--set", each)), "--quiet", "--out", "many")
    out = fits(sentibp("explain", "w3a film w7b", "-m", "many", "--flip"))
    assert re.search(r"^topic number \d+ ", out)
    assert "20 others 0." in out
    assert "each column: the logit of a label minus the mean logit of the others" in " ".join(out.split())
    assert len(sentibp("explain", "w3a film w7b", "-m", "many", "--json").json["sums"]) == 30
    fits(sentibp("trace", "w3a film", "-m", "many", "--label", names[3]))
    fits(sentibp("blame", "w3a film", "-m", "many", "--count", 1))
