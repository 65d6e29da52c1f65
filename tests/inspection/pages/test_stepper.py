"""The drawing of a step: its numbers are those of the trace, and add up."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import heads
import numpy as np
import pytest

from sentibp.inspection.pages import stepper
from sentibp.inspection.pages.mathml import SLOT, without_numbers
from sentibp.inspection.trace import dense_gradient, trace_step
from sentibp.inspection.worked_example import article_classifier
from sentibp.inspection.worksheet import number

NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?:e[+-][0-9]+)?")
TEXTS = ["a good film, not a bad film", "dull and bad"]


def columns(drawing):
    return {column["symbol"]: column for column in drawing["columns"]}


def test_the_articles_example():
    drawing = stepper.drawing(trace_step(article_classifier(), "I love this movie", "positive"))
    by = columns(drawing)
    assert list(by) == ["words", "x", "z1", "h1", "z", "p", "L"]
    assert by["words"]["names"] == ["i", "love", "this", "movie"]
    plain = ["the mean of the rows of the words", "weighted sums", "the sums after the activation", "the logit"]
    assert [by[symbol]["about"] for symbol in ("x", "z1", "h1", "z")] == plain
    assert by["z1"]["values"] == [0.5, -0.5]
    assert by["p"]["values"] == [pytest.approx(0.3)]
    assert by["L"]["values"] == [pytest.approx(0.49)]
    assert by["z1"]["gradients"] == [pytest.approx(-0.0691, abs=1e-4), pytest.approx(0.0691, abs=1e-4)]
    assert drawing["after"]["loss"] == pytest.approx(0.4225, abs=1e-4)
    assert [stage["kind"] for stage in drawing["stages"]] == [
        *("words", *["forward"] * 4, "loss", "logit", *["gradient"] * 4, "update", "after")
    ]


@pytest.mark.parametrize(
    ("pooling", "padding", "says"),
    [
        ("mean", 0, "the mean of the rows of the words"),
        ("mean", 100, "the sum, divided by their number + 100, of the rows of the words"),
        ("sqrt", 0, "the sum, divided by the root of their number, of the rows of the words"),
        ("sqrt", 10, "the sum, divided by the root of their number + 10, of the rows of the words"),
        ("sum", 10, "the sum of the rows of the words"),
    ],
)
def test_what_the_rows_of_the_words_become(new_classifier, pooling, padding, says):
    model = {"hidden": [], "embedding": {"dim": 2, "pooling": pooling, "padding": padding, "init": "normal"}}
    step = trace_step(new_classifier(TEXTS, model=model), TEXTS[0], "negative")
    assert columns(stepper.drawing(step))["x"]["about"] == says


@pytest.mark.parametrize(
    "model",
    [
        {"hidden": []},
        {"hidden": [3], "embedding": {"dim": 2, "pooling": "sum"}},
        {"hidden": [4, 4], "residual": True, "batch_norm": True, "embedding": {"dim": 4, "pooling": "sqrt"}},
        {"hidden": [5, 4], "activation": "tanh", "embedding": {"padding": 3}},
    ],
    ids=str,
)
def test_a_unit_is_the_sum_of_what_leads_to_it(new_classifier, model):
    """What the page shows of a unit: bias and value times weight of each source, or of words share times row.

    The page computes the gradient of a weight from those of the columns.
    """
    trace = trace_step(new_classifier(TEXTS, model=model), TEXTS[0], "negative")
    drawing = stepper.drawing(trace)
    whole = 0
    for edge in drawing["edges"]:
        source, target = drawing["columns"][edge["from"]], drawing["columns"][edge["to"]]
        if "weights" not in edge or source["of"] > len(source.get("names", source.get("units"))):
            continue
        from_each = edge["shares"] if "shares" in edge else source["values"]
        found = np.array(from_each) @ np.array(edge["weights"]) + target.get("bias", 0)
        np.testing.assert_allclose(found, target["values"], rtol=1e-4, atol=1e-5)
        whole += 1
        layer = next(call for call in trace.layers if call.symbols["y"] == target["symbol"])
        gradient = layer.grads["weight"]
        rows = dense_gradient(gradient, layer.before["weight"])[gradient.rows] if "shares" in edge else gradient
        np.testing.assert_allclose(np.outer(from_each, target["gradients"]), rows, rtol=1e-4, atol=1e-6)
        if "bias" in target:
            np.testing.assert_allclose(target["gradients"], layer.grads["bias"], rtol=1e-4, atol=1e-6)
    assert whole >= len(model["hidden"])
    json.dumps(drawing, allow_nan=False)


@pytest.mark.parametrize(
    "model", [{"hidden": []}, {"hidden": [3, 3], "residual": True, "embedding": {"dim": 3}}], ids=str
)
def test_the_last_stage_has_every_number_after_the_update(new_classifier, model):
    drawing = stepper.drawing(trace_step(new_classifier(TEXTS, model=model), TEXTS[0], "negative"))
    by = columns(drawing)
    (z,), (p,) = by["z"]["after"], by["p"]["after"]
    assert p == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-4)
    assert p == pytest.approx(drawing["after"]["positive"], rel=1e-4) != by["p"]["values"][0]
    assert by["L"]["after"] == [pytest.approx(drawing["after"]["loss"], rel=1e-4)]
    (output,) = (edge for edge in drawing["edges"] if edge.get("symbol") == "W")
    source, target = (drawing["columns"][output[end]] for end in ("from", "to"))
    found = np.array(source["after"]) @ np.array(output["new"]) + target["new_bias"]
    np.testing.assert_allclose(found, target["after"], rtol=1e-3, atol=1e-5)


def test_the_page_rounds_each_number_as_the_text_does(new_classifier):
    model = {"hidden": [16], "embedding": {"dim": 16, "init": "normal"}}
    step = trace_step(heads.random_classifier(new_classifier, "softmax", TEXTS, model, size=9), TEXTS[0], "fig")
    by = columns(stepper.drawing(step))
    numbers = 0
    for call in step.layers:
        column = by[call.symbols["y"]]
        for unit, drawn in zip(column["units"], column["values"], strict=True):
            assert number(drawn) == number(float(call.y[0, unit - 1]))
            numbers += 1
    assert numbers > 30


def test_a_small_update_is_drawn_as_it_is(new_classifier):
    step = trace_step(new_classifier(TEXTS), TEXTS[0], "negative", optimizer="sgd", learning_rate=1e-5)
    drawing = stepper.drawing(step)
    (output,) = (edge for edge in drawing["edges"] if edge.get("symbol") == "W")
    call = next(call for call in step.layers if call.name == "output")
    source, target = (drawing["columns"][output[end]]["units"] for end in ("from", "to"))
    at = np.ix_(np.array(source) - 1, np.array(target) - 1)
    change = np.array(output["new"]) - np.array(output["weights"])
    np.testing.assert_allclose(change, (call.after["weight"] - call.before["weight"])[at], rtol=0.05, atol=1e-9)


def test_gradients_are_known_from_the_logit_to_the_words(new_classifier):
    model = {"hidden": [4, 4], "residual": True, "embedding": {"dim": 4}}
    drawing = stepper.drawing(trace_step(new_classifier(TEXTS, model=model), TEXTS[0], "negative"))
    place = {column["symbol"]: i for i, column in enumerate(drawing["columns"])}
    stages = [stage for stage in drawing["stages"] if stage["kind"] in ("logit", "gradient", "joined")]
    known = [set(stage["known"]) for stage in stages]
    assert known[0] == {place["z"]}
    assert all(before <= after for before, after in pairwise(known))
    assert known[-1] == set(range(place["x"], place["z"] + 1))
    block = next(i for i, stage in enumerate(stages) if stage["kind"] == "joined")
    assert place["r1"] in known[block]
    assert place["r1"] not in known[block - 1]  # a part of it came through the block, the rest is still missing


def test_a_wide_layer_is_drawn_by_the_units_with_the_largest_gradients(new_classifier):
    text = " ".join(f"word{i}" for i in range(30))
    classifier = new_classifier([text], model={"hidden": [40], "embedding": {"dim": 20}})
    found = trace_step(classifier, text, "positive")
    by = columns(stepper.drawing(found))
    hidden = next(call for call in found.layers if call.name == "hidden.0")
    drawn = [unit - 1 for unit in by["z1"]["units"]]
    assert (len(drawn), by["z1"]["of"]) == (16, 40)
    assert np.abs(hidden.dy[0, drawn]).min() >= np.abs(np.delete(hidden.dy[0], drawn)).max()
    assert by["h1"]["units"] == by["z1"]["units"]  # one line from each to each
    assert (len(by["words"]["names"]), by["words"]["of"]) == (10, 59)


def test_no_words_and_markup(new_classifier):
    classifier = new_classifier(["<script> good", "bad"])
    empty = stepper.drawing(trace_step(classifier, "", "positive"))
    assert empty["columns"][0]["names"] == []
    shown = stepper.drawing(trace_step(classifier, "<script> good", "positive"))
    assert "words: < | script" in shown["stages"][0]["lines"][0], "which the page shows as text"
    assert any("&lt;" in piece for piece in shown["formulas"].values()), "which the page shows as HTML"
    assert not any("<mtext><" in piece for piece in shown["formulas"].values())


def test_the_pieces_of_formulas_have_no_numbers(new_classifier):
    """Two reviews share the MathML, so that a page has it once; `mathml.math` fills in the same numbers."""
    drawings = [
        stepper.drawing(trace_step(new_classifier(TEXTS), text, label))
        for text in TEXTS
        for label in ("positive", "negative")
    ]
    formulas = {key: value for drawing in drawings for key, value in drawing["formulas"].items()}
    assert len(formulas) < sum(len(drawing["formulas"]) for drawing in drawings) / 2
    for drawing in drawings:
        for line in (line for stage in drawing["stages"] for line in stage["lines"] if isinstance(line, list)):
            for formula, *_ in line:
                for piece in formula.split("\n"):
                    assert formulas[without_numbers(piece)].count(SLOT) == len(NUMBER.findall(piece))


def test_tables_of_a_stage_say_what_they_show(new_classifier):
    drawing = stepper.drawing(trace_step(new_classifier(TEXTS), TEXTS[0], "positive"))
    captions = [line["caption"] for stage in drawing["stages"] for line in stage["lines"] if isinstance(line, dict)]
    assert captions[:3] == ["row w of each word in numbers", "W1 in numbers", "b1 in numbers"]
    assert captions[-1] == "before and after in numbers"


@pytest.mark.parametrize("head", heads.HEADS)
def test_the_head_of_several_labels_is_drawn(new_classifier, head):
    classifier = heads.random_classifier(new_classifier, head, TEXTS, {"hidden": [3]})
    drawing = stepper.drawing(trace_step(classifier, TEXTS[0], classifier.spec.labels[1]))
    json.dumps(drawing, allow_nan=False)
    symbols = [column["symbol"] for column in drawing["columns"]]
    outputs = {"scale of 3": ["(z, u)"], "scale of 5": ["(z, u)"], "cumulative": ["z"], "softmax, adaptive": ["z"]}.get(
        head, []
    )
    assert symbols == ["words", "x", "z1", "h1", *outputs, "l", "p", "L"]
    l, p = drawing["columns"][-3:-1]
    assert p["entries"] == [f"p({name})" for name in classifier.spec.labels]
    assert p["values"] == pytest.approx(drawing["before"]["positive"], rel=1e-4)
    assert l["gradients"] == pytest.approx(np.array(p["values"]) - np.eye(len(p["values"]))[1], abs=1e-4)
    if outputs == ["(z, u)"]:
        assert drawing["columns"][symbols.index("(z, u)")]["entries"] == ["z", "u"]
    titles = [stage["title"] for stage in drawing["stages"]]
    assert "Backward: the logits" in titles
    stage = drawing["stages"][titles.index("Backward: the logits")]
    assert stage["known"] == [stage["column"]] == [symbols.index("l")]
    joined = [edge for edge in drawing["edges"] if edge.get("all")]
    assert [edge["to"] for edge in joined] == [symbols.index(each) for each in (["l"] if outputs else []) + ["p", "L"]]


def test_what_a_column_is_in_plain_words_is_said_once(new_classifier):
    trace = trace_step(new_classifier(TEXTS, model={"hidden": [3, 3]}), TEXTS[0], "negative")
    about = [column["about"] for column in stepper.drawing(trace)["columns"] if "about" in column]
    assert len(about) == len(set(about)) == 4
