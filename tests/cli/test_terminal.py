"""Output on a terminal: live progress on stderr only, and plain text with --quiet, --json or NO_COLOR."""

from __future__ import annotations

import pytest

ESCAPE = "\x1b"


def test_training_shows_live_progress_on_stderr_only(terminal):
    result = terminal("train", "quickstart")
    assert ESCAPE in result.err
    assert result.err.endswith("\x1b[?25h") or result.err.rindex("\x1b[?25h") > result.err.rindex("\x1b[?25l"), (
        "the cursor is visible"
    )
    for line in ("epoch 1/8: training loss", "epoch 8/8: training loss", "288 reviews, validated on 32"):
        assert line in result.err, "the result stays on the screen"
    assert ESCAPE not in result.out
    assert result.out.splitlines()[0].startswith("validation")


def test_pretraining_shows_live_progress(terminal):
    sets = [part for each in ("vectors=words", "dim=4") for part in ("--set", f"pretrain.{each}")]
    result = terminal("pretrain", "quickstart", *sets)
    assert ESCAPE in result.err
    assert "round 20/20: 0." in result.err
    assert result.err.rindex("\x1b[?25h") > result.err.rindex("\x1b[?25l"), "the cursor is visible"
    assert ESCAPE not in result.out


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}], ids=str)
def test_plain_lines_without_colours(terminal, variable):
    result = terminal("train", "quickstart", env=variable)
    assert result.err.replace("\n", "").isprintable()
    assert "" not in result.err.splitlines(), "no empty lines instead of a progress bar"
    assert result.err.splitlines()[-1].startswith("epoch 8/8: ")


def test_quiet_on_a_terminal(terminal):
    assert terminal("train", "quickstart", "--quiet").err == ""


def test_json_on_a_terminal_writes_only_the_object_to_stdout(terminal):
    assert terminal("train", "quickstart", "--json").json["outcome"] == "finished"


def test_a_training_that_diverges_restores_the_terminal(terminal):
    result = terminal("train", "quickstart", "--set", "train.optimizer={name: sgd, learning_rate: 1e30}", code=4)
    assert result.err.splitlines()[-1] == "no epoch was finished"
    assert result.err.rindex("\x1b[?25h") > result.err.rindex("\x1b[?25l"), "the cursor is visible"


def test_predictions_are_a_table_on_a_terminal(terminal, trained):
    good, unknown = terminal("predict", "a wonderful film", "qxzv").out.splitlines()
    assert good.startswith("positive  ")
    assert good.endswith("  a wonderful film")
    assert "no known word" in unknown
    assert terminal("predict", "good", "--format", "jsonl").jsonl[0]["label"] == "positive"


def test_errors_are_plain_lines_on_a_terminal(terminal):
    result = terminal("train", "imbd", code=2)
    assert result.out == ""
    assert result.err.startswith("imbd: no such file")
    assert ESCAPE not in result.err
    assert ESCAPE not in terminal("train", code=2).err
