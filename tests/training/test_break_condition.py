"""Parse --break: one comparison, no code."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentibp.errors import ConfigError
from sentibp.training.break_condition import NAMES, BreakCondition, parse_condition


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_conditions(text, expected):
    assert parse_condition(text) == expected
    assert parse_condition(str(expected)) == expected


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        ("==", [False, True, False]),
        ("!=", [True, False, True]),
    ],
)
def test_each_operator(op, expected):
    assert [parse_condition(f"loss {op} 2").holds({"loss": value}) for value in (1, 2, 3)] == expected


def test_a_missing_or_nan_value_meets_no_condition():
    assert not parse_condition("loss != 2").holds({})
    assert not parse_condition("loss != 2").holds({"loss": math.nan})
    assert parse_condition("loss > 2").holds({"loss": math.inf})


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_invalid_conditions(complaint, text, message):
    line = complaint(ConfigError, parse_condition, text)
    assert line.startswith(f"--break {text!r}: ")
    assert message in line


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_an_error_of_one_line(text):
    try:
        assert parse_condition(text).name in NAMES
    except ConfigError as error:
        assert len(error.lines) == 1
