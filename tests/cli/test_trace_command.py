"""`sentibp trace`."""

from __future__ import annotations

from pathlib import Path

import pytest

STEP = ["trace", "I love this movie", "--label", "positive"]


def test_the_articles_example(sentibp):
    out = sentibp("trace", "--article").out
    assert "    p = 1 / (1 + e^-(-0.8473)) = 0.3000\n" in out
    assert "    L = (0.3000 - 1)^2 = 0.4900\n" in out
    assert "    after   -0.6190  0.3500  0.4225\n" in out
    output = sentibp("trace", "--article", "--json").json
    assert output["before"]["positive"] == pytest.approx(0.3)
    assert output["after"]["loss"] == pytest.approx(0.4225, abs=1e-4)
    assert sentibp("trace", "boring", "--article", "--label", "negative", "--json").json["label"] == "negative"


def test_json(sentibp, trained):
    output = sentibp(*STEP, "--json").json
    assert {"before", "after", "layers", "steps", "text", "label", "loss", "learning_rate"} <= set(output)
    assert set(output["before"]) == set(output["after"]) == {"logit", "positive", "loss"}
    assert output["after"]["loss"] < output["before"]["loss"]
    assert [layer["name"] for layer in output["layers"]] == ["embedding", "hidden.0", "hidden.0.activation", "output"]
    for layer in output["layers"]:
        assert {"output", "output_gradient", "parameters", "forward", "backward"} <= set(layer)
        for parameter in layer["parameters"].values():
            assert set(parameter) == {"before", "gradient", "after"}
    assert sentibp(*STEP, "--format", "json").json == output
    predicted = sentibp("predict", "I love this movie").jsonl[0]
    assert output["before"]["positive"] == pytest.approx(predicted["positive"], abs=1e-6)


def test_options(sentibp, trained):
    options = ["--loss", "squared_error", "--learning-rate", "0.1", "--steps", "5", "--optimizer", "sgd"]
    output = sentibp(*STEP, *options, "--json").json
    assert (output["loss"], output["learning_rate"], output["optimizer"]) == ("squared_error", 0.1, "sgd")
    assert len(output["steps"]) == 6
    losses = [step["loss"] for step in output["steps"]]
    assert losses == sorted(losses, reverse=True)
    out = sentibp(*STEP, *options).out
    assert "after 5 such steps" in out
    assert f"    5  {output['after']['logit']:8.4f}"[-8:] in out
    assert "unknown and ignored: zzzq | qqqz\n" in sentibp("trace", "zzzq qqqz", "--label", "positive").out


@pytest.mark.parametrize("network", [[], ["model.hidden=[]"], ["model.hidden=[8,8]", "model.residual=true"]])
def test_80_columns(sentibp, network):
    sets = [part for setting in network for part in ("--set", setting)]
    sentibp("train", "quickstart", "--quiet", "--set", "train.epochs=1", *sets)
    for text in ("", "a good film, not a bad film, and I do not say that of every film that I have seen so far"):
        for dims in (1, 4, 20):
            out = sentibp("trace", text, "--label", "negative", "--dims", dims).out
            assert max(map(len, out.splitlines())) <= 80


def test_a_worksheet_and_its_key(sentibp, here):
    out = sentibp("trace", "--article", "--blank").out
    worksheet, _, key = out.partition("\n\n\nKey: ")
    assert "    p = (8)______________\n" in worksheet
    assert "0.3000" not in worksheet
    assert "(8) p = 1 / (1 + e^-(-0.8473)) = 0.3000" in key
    assert worksheet.count(")______________") == key.count("\n    (")
    for format, name in (("text", "sheet.txt"), ("markdown", "sheet.md"), ("html", "sheet.html")):
        assert sentibp("trace", "--article", "--blank", "--format", format, "--output", name).out == ""
        beside = Path(name).with_suffix(f".key{Path(name).suffix}")
        assert "0.3000" not in Path(name).read_text()
        assert "(8)" in Path(name).read_text()
        assert "(8) p = 1 / (1 + e^-(-0.8473)) = 0.3000" in beside.read_text()
    page = sentibp("trace", "--article", "--blank", "--format", "html").out
    assert page.count("<!doctype html>") == 1
    assert page.index('class="key"') < page.index("= 0.3000")


def test_html_is_self_contained_and_escapes_markup(sentibp, trained):
    content = sentibp("trace", "good <script>alert(1)</script>", "--label", "positive", "--format", "html").out
    assert content.startswith("<!doctype html>")
    assert "<script" not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in content
    assert "http:" not in content and "https:" not in content and "src=" not in content
    sentibp("trace", "good", "--label", "positive", "--format", "html", "--output", "page.html")
    assert Path("page.html").read_text().startswith("<!doctype html>")


def test_markdown(sentibp):
    content = sentibp("trace", "--article", "--format", "markdown").out
    assert content.startswith('# "I love this movie" is positive')
    assert content.count("```") % 2 == 0
    assert "L = (0.3000 - 1)^2 = 0.4900" in content


def test_output_is_reproducible(sentibp, process, trained):
    command = [*STEP, "-m", str(trained), "--json"]
    assert process(*command).out == sentibp(*command).out


def test_mistakes(fails, trained):
    assert fails(2, "trace", "good") == "no label: give --label positive or --label negative"
    assert fails(2, "trace", "--label", "positive").startswith("no review: give a review, in quotes, or --article")
    assert fails(2, *STEP, "--article", "-m", "last").startswith("--article and -m")
    assert fails(2, *STEP, "--learning-rate", "-1").startswith("--learning-rate -1.0: not a number above 0")
    assert fails(2, *STEP, "--blank", "--json").startswith("--blank: JSON has no worksheet")
    assert fails(4, *STEP, "--learning-rate", "1e300", "--steps", "3").endswith("lower --learning-rate")
    assert "--label" in fails(2, "trace", "good", "--label", "neutral")
    assert fails(2, *STEP, "-m", "nosuch").startswith("nosuch: no such run or model")
    assert fails(3, *STEP, "--output", "nosuch/page.html").startswith(
        "--output nosuch/page.html: there is no folder nosuch; make "
    )
