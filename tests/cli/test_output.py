"""Sizes, times and text as commands print them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentibp.cli import output


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (35_312, "35.3 kB"),
        (99_940, "99.9 kB"),
        (99_950, "100 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (4_860_000, "4.9 MB"),
        (121_000_000, "121 MB"),
        (2e9, "2.0 GB"),
        (3.1e12, "3100 GB"),
    ],
)
def test_a_size_is_never_zero_of_a_large_unit(count, shown):
    assert output.size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.00 ms"),
        (0.000_04, "0.04 ms"),
        (0.0031, "3.1 ms"),
        (0.0123, "12 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (1.26, "1.3 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3_600, "1 h 00 min"),
        (7_500, "2 h 05 min"),
    ],
)
def test_a_time_in_the_unit_that_fits(seconds, shown):
    assert output.duration(seconds) == shown


def test_one_line_shows_no_control_characters_but_keeps_words_whole():
    assert output.one_line("a\x1b[2J\nb\u202ec\tمی\u200cخواهم") == "a [2J b c می\u200cخواهم"
    assert output.one_line("long " * 100) == "long " * 11 + "long…"


def test_text_is_escaped_and_content_in_a_pipe_is_not(capsys):
    output.print_text("a\x1b[2J\tb\u202e\nc")
    output.print_content("a\x1b[2J\n")
    output.table(["a"], [["x\ny\x07"]])
    output.print_message("no\x1b[31m\r")
    out, err = capsys.readouterr()
    assert out == "a\\x1b[2J\tb\\u202e\nc\na\x1b[2J\na\nx\\x0ay\\x07\n"
    assert err == "no\\x1b[31m\\x0d\n"


WRONG_LAYER = """
from sentibp.nn.layers import Layer
class Mine(Layer):
    def forward(self, x, train=False):
        return 2 * x
    def backward(self, dy):
        return 3 * dy
"""


@pytest.mark.parametrize(
    ("code", "command"),
    [
        (1, "eval --fail-under accuracy=1"),
        (1, "eval --fail-under accuracy=1 --json"),
        (1, "eval --probes --fail-under probes=1"),
        (1, "eval --against builtin --fail-under accuracy=1"),
        (1, "gradcheck --layer layer.py"),
        (1, "gradcheck --layer layer.py --json"),
        (1, "cluster check --cluster local:1 nosuch"),
        (4, "train quickstart --set train.optimizer.learning_rate=1e300 --json --quiet"),
        (4, "sweep quickstart space.yaml --json"),
        (0, "predict good"),
    ],
)
def test_a_verdict_is_the_exit_code_even_if_nobody_reads_the_results(start, trained, code, command):
    """`sentibp eval --fail-under accuracy=0.9 | head -1` ended with 0 whatever the accuracy was."""
    Path("layer.py").write_text(WRONG_LAYER)
    Path("space.yaml").write_text("train.optimizer.learning_rate: [1e300]\n")
    reader, writer = os.pipe()
    os.close(reader)
    running = start(*command.split(), stdout=writer)
    os.close(writer)
    err = running.communicate()[1].decode()
    assert running.returncode == code, err
    assert "Traceback" not in err


def test_long_names_that_begin_alike_are_told_apart():
    names = [
        "Electronics/Phones/new",
        "Electronics/Phones/used",
        "Electronics/Phones",
        "Books and magazines, all of them",
    ]
    shown = output.distinct_names(names, 16)
    assert list(shown) == names
    assert list(shown.values()) == ["Elec…/Phones/new", "Elec…Phones/used", "Elec…nics/Phones", "Books and magaz…"]
    assert set(output.distinct_names(["a  b", "a b", "c"], 4).values()) == {"a b", "c"}, "they are short"
