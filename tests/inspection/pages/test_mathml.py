"""Formulas as MathML: every formula of a worksheet is typeset, well-formed, and keeps its numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import heads
import pytest

from sentibp.inspection.pages.mathml import SLOT, math, typeset, without_numbers
from sentibp.inspection.trace import trace_step
from sentibp.inspection.walkthrough import stages
from sentibp.inspection.worked_example import article_classifier
from sentibp.inspection.worksheet import Formula, Number, plain_line
from sentibp.nn.optim import OPTIMIZERS

TEXT = "a good film, not a bad film"


def tree(formula: str) -> ElementTree.Element:
    return ElementTree.fromstring(str(math(formula)))


def shown(formula: str) -> str:
    return re.sub(r"\s+", "", "".join(tree(formula).itertext()))


def formulas(trace) -> list[str]:
    lines = [line for stage in stages(trace, 4) for line in stage.section.lines]
    return [
        line.symbols if isinstance(line, Formula) else plain_line(line)
        for line in lines
        if isinstance(line, Formula | Number)
    ]


def test_a_quotient_becomes_a_fraction_without_needless_parentheses():
    (fraction,) = tree("p = 1 / (1 + e^-z)").iter("mfrac")
    assert ["".join(part.itertext()) for part in fraction] == ["1", "1+e−z"]
    assert tree("p = 1 / (1 + e^-z)").attrib["aria-label"] == "p = 1 / (1 + e^-z)"


@pytest.mark.parametrize(
    ("formula", "tag", "parts"),
    [
        ("(p - y)^2", "msup", ["(p−y)", "2"]),
        ("e^-(-0.5000)", "msup", ["e", "−(−0.5000)"]),
        ("dW1 = x^T dz1", "msup", ["x", "T"]),
        ("theta_(k-1)", "msub", ["θ", "k−1"]),
        ("W1[1,2]", "msub", ["W", "1"]),
        ("(a + b) / (c - d)", "mfrac", ["a+b", "c−d"]),
        ("(a) (b) / 2", "mfrac", ["b", "2"]),
        ("sqrt(s)", "msqrt", ["s"]),
        ("0.5 * -2 - 3*-4", "math", ["0.5", "·", "(−2)"]),
    ],
)
def test_parts_are_where_they_belong(formula, tag, parts):
    element = next(tree(formula).iter(tag))
    assert ["".join(part.itertext()) for part in element] == parts


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_formula_of_the_article_is_typeset(optimizer):
    trace = trace_step(article_classifier(), "I love this movie", "positive", optimizer=optimizer)
    for formula in formulas(trace):
        keeps_its_numbers(formula)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("head", heads.HEADS)
def test_every_formula_of_a_head_is_typeset(new_classifier, head, loss):
    model = {"hidden": [4, 4], "residual": True, "batch_norm": True, "embedding": {"dim": 4}}
    classifier = heads.random_classifier(new_classifier, head, [TEXT], model)
    for formula in formulas(trace_step(classifier, TEXT, classifier.spec.labels[1], loss)):
        keeps_its_numbers(formula)


def keeps_its_numbers(formula: str) -> None:
    assert "<math " in str(math(formula)), formula
    number = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"
    assert sorted(re.findall(number, shown(formula))) or not re.findall(number, formula)
    found = [piece.text for piece in tree(formula).iter("mn")]
    for each in re.findall(r"(?<![\w,.\[])\d+\.\d+(?:e[+-]\d+)?", formula):
        assert each in found, formula


@pytest.mark.parametrize("word", ["a)b(", "good", ")[1] = 3", "<b>", "x[", "🙂", "e^", '"'])
def test_the_word_of_a_gradient_may_be_anything(word):
    formula = f"dw({word})[1] = 1 / 4 * -0.1036 = -0.0259"
    text = "".join(tree(formula).itertext())
    assert word in text
    assert "<b>" not in str(math(formula))


@pytest.mark.parametrize("text", ["", "= = =", "(((", "^2", "a_(", "\x00\ud800", "no formula: just words!", "(" * 5000])
def test_what_is_no_formula_is_shown_as_text(text):
    found = str(math(text))
    assert "\x00" not in found
    assert "<script" not in str(math(f"{text}<script>"))


def test_a_long_sum_may_be_broken_over_lines():
    formula = "z = " + " + ".join(["0.1000*0.2000"] * 20) + " = 0.4000"
    assert len(list(tree(formula).iter("math"))) == 22


@pytest.mark.parametrize(
    "formula", ["z1[1] = 1.0615*0.5986 - 0.0109*-0.1179 + ... + 0.0982 = 1.3304", "w(3.5)[12] = 1e-08 / 6 = 1,234.5"]
)
def test_a_piece_has_a_slot_for_each_number(formula):
    pieces = typeset(formula)
    assert " ".join(piece.plain for piece in pieces) == formula
    for piece in pieces:
        assert piece.mathml.count(SLOT) == without_numbers(piece.plain).count(SLOT)
        assert not re.search(r">-?[0-9]+[.\]<]", piece.mathml.replace("<mn>1</mn></msub>", "")), "z1 keeps its name"
    assert len({piece.mathml for piece in typeset("x = 1*2 + 3*4 + 5*6")}) == 3


def test_a_formula_with_the_slot_in_it_is_text():
    assert typeset(f"x = {SLOT}") == []
    assert "<math" not in str(math(f"x = {SLOT} + 1"))
