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


@pytest.mark.parametrize("long", ["é" * 500, "../" * 900 + "x", "[" * 3000, "😀" * 400, "'" + "x" * 5000])
def test_a_long_word_of_any_characters_is_cut(long):
    (line,) = DataError(f"{long}: no such file; give a file").lines
    assert line.endswith(": no such file; give a file")
    assert long not in line
    assert len(line) < 150


def test_a_long_path_keeps_its_name_and_the_line():
    (line,) = DataError(f"/home{'/folder' * 100}/reviews.csv:12: no label").lines
    assert line == f"/home{'/folder' * 7}/folde…/reviews.csv:12: no label"


def test_of_a_long_line_the_place_and_the_repair_are_kept():
    (line,) = DataError(f"x.csv:1: label '{'so bad ' * 900}'; name it with --set data.labels").lines
    assert line.startswith("x.csv:1: label 'so bad so bad")
    assert line.endswith("so bad '; name it with --set data.labels")
    assert len(line) < 3300


def test_marks_of_direction_are_escaped():
    (line,) = DataError("a\u200f\u200e\u061cb").lines
    assert line == "a\\u200f\\u200e\\u061cb"
