"""The grammar of --break: one comparison, and nothing that is run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentibp.errors import ConfigError
from sentibp.training.break_condition import NAMES, BreakCondition, parse_condition


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("grad_norm > 100", BreakCondition("grad_norm", ">", 100)),
        ("loss<=.5", BreakCondition("loss", "<=", 0.5)),
        ("  step == 12  ", BreakCondition("step", "==", 12)),
        ("learning_rate != 1e-3", BreakCondition("learning_rate", "!=", 1e-3)),
        ("lr != 1e-3", BreakCondition("learning_rate", "!=", 1e-3)),
        ("update_norm>=-2.", BreakCondition("update_norm", ">=", -2)),
        ("epoch < +3E+1", BreakCondition("epoch", "<", 30)),
    ],
)
def test_conditions(text, found):
    assert parse_condition(text) == found
    assert parse_condition(str(found)) == found


@pytest.mark.parametrize(
    ("op", "of_two"),
    [
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        ("==", [False, True, False]),
        ("!=", [True, False, True]),
    ],
)
def test_each_operator(op, of_two):
    assert [parse_condition(f"loss {op} 2").holds({"loss": value}) for value in (1, 2, 3)] == of_two


def test_what_is_not_known_or_no_number_does_not_hold():
    assert not parse_condition("loss != 2").holds({})
    assert not parse_condition("loss != 2").holds({"loss": math.nan})
    assert parse_condition("loss > 2").holds({"loss": math.inf})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not a condition; write NAME OP NUMBER"),
        ("grad_norm", "not a condition"),
        ("grad_norm > 1 or True", "not a condition"),
        ("grad_norm > nan", "not a condition"),
        ("grad_norm > 1_000", "not a condition"),
        ("grad_norm > ١", "not a condition"),
        ("__import__('os').getpid() > 1", "not a condition"),
        ("grad_nrm > 1", "did you mean 'grad_norm'?"),
        ("loss => 1", "unknown operator '=>'; use one of >= <= == != > <"),
    ],
)
def test_what_is_no_condition(complaint, text, what):
    line = complaint(ConfigError, parse_condition, text)
    assert line.startswith(f"--break {text!r}: ")
    assert what in line


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_a_complaint(text):
    try:
        assert parse_condition(text).name in NAMES
    except ConfigError as error:
        assert len(error.lines) == 1
