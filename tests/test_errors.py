"""Properties of all errors."""

from __future__ import annotations

import pytest

from sentibp.errors import ConfigError, DataError, SentibpError


def test_lines_are_joined_by_line_breaks():
    error = DataError("one", "two")
    assert (str(error), error.lines) == ("one\ntwo", ("one", "two"))


@pytest.mark.parametrize("kind", [SentibpError, ConfigError, DataError])
def test_control_characters_are_escaped(kind):
    """Quoted text must not move the cursor, change the title, or look like a line of sentibp."""
    (line,) = kind("x.csv:1: '\x1b[2J\x1b]0;title\x07 \0\r\n\x7f\x9b\u2028\u202e' é 👍").lines
    assert line == "x.csv:1: '\\x1b[2J\\x1b]0;title\\x07 \\x00\\x0d\\x0a\\x7f\\x9b\\u2028\\u202e' é 👍"


def test_a_number_of_thousands_of_digits_is_cut():
    (line,) = DataError(f"--seed {'9' * 4000}: too large; name {'a' * 255}.csv").lines
    assert line == f"--seed {'9' * 60}…: too large; name {'a' * 255}.csv"
