"""Output on a terminal: live progress on stderr only, and plain text with --quiet, --json or NO_COLOR."""

from __future__ import annotations

import re
import sys

import pytest

from sentibp.cli import prediction_progress

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


def test_the_bar_of_a_training_that_stops_early_is_full(terminal):
    """And the final training has the epochs that it will have."""
    sets = "train.epochs=60", "train.early_stopping=1", "train.refit=true"
    err = re.sub(
        r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal("train", "quickstart", *(f"--set={each}" for each in sets)).err
    )
    before, _, after = err.partition("final training")
    last = [re.findall(r"epoch (\d+)/(\d+) \S+ +(\d+)/(\d+) loss", part)[-1] for part in (before, after)]
    assert last[0][1] == "60" and last[0][2] == last[0][3], "the steps of the epochs that there were"
    assert last[1][0] == last[1][1] and last[1][2] == last[1][3]


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
    assert result.err.splitlines()[-2].startswith("epoch 8/8: ")


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


# encodings, and characters that a terminal executes

CAFE = "un café très bon 🎬"
HOSTILE = "great\x1b]0;title\x07 \x1b[2J bad\u202egnp.exe\x9b31m\u2066 film\r"


@pytest.mark.parametrize(
    ("env", "args"),
    [
        ({"PYTHONIOENCODING": "cp1252"}, ("explain", CAFE, "--format", "html")),
        ({"PYTHONIOENCODING": "cp1252"}, ("explain", CAFE)),
        ({"PYTHONIOENCODING": "cp1252"}, ("predict", CAFE, "--format", "table")),
        ({"PYTHONIOENCODING": "ascii"}, ("predict", CAFE, "--format", "table")),
        ({"LC_ALL": "C"}, ("explain", CAFE, "--format", "html")),
    ],
    ids=str,
)
def test_pages_and_text_in_a_pipe_are_utf_8_whatever_the_locale_is(process, trained, env, args):
    out = process(*args, env=env).out  # decoded as UTF-8
    assert "café" in out
    assert "🎬" in out


def test_messages_in_a_pipe_are_utf_8(process, trained):
    assert "café" in process("predict", "-m", "café", "good", code=2, env={"PYTHONIOENCODING": "cp1252"}).err


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_a_terminal_without_some_letters_shows_question_marks(terminal, trained, encoding):
    shown = "un caf? tr?s bon ?" if encoding == "ascii" else "un café très bon ?"
    assert shown in terminal("predict", CAFE, encoding=encoding).out
    assert shown in terminal("explain", CAFE, encoding=encoding, env={"NO_COLOR": "1"}).out
    terminal("explain", CAFE, "--format", "html", encoding=encoding)
    assert "no such run" in terminal("predict", "-m", "日本", "good", code=2, encoding=encoding).err


@pytest.mark.parametrize(
    ("code", "args"),
    [
        (0, ("predict", HOSTILE)),
        (0, ("explain", "--flip", HOSTILE)),
        (0, ("explain", "--format", "html", HOSTILE)),
        (0, ("blame", HOSTILE)),
        (0, ("trace", "--label", "positive", HOSTILE)),
        (2, ("words", "neighbors", HOSTILE)),
        (2, ("predict", "good", "-m", HOSTILE)),
    ],
    ids=lambda value: " ".join(value[:-1]) if isinstance(value, tuple) else "",
)
def test_a_review_cannot_command_the_terminal(terminal, trained, code, args):
    result = terminal(*args, code=code, env={"NO_COLOR": "1"})
    for character in "\x1b\x07\u202e\x9b\u2066\r":
        assert character not in result.out + result.err


def test_joiners_of_words_and_emoji_are_shown(terminal, trained):
    text = "می\u200cخواهم good \U0001f468\u200d\U0001f469"
    assert text in terminal("predict", text).out


def test_a_long_prediction_shows_its_progress(monkeypatch, capsys):
    for variable in ("NO_COLOR", "CI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich, which sees that pytest is no terminal
    monkeypatch.setattr(prediction_progress, "_PATIENCE", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with prediction_progress.Counter(wanted=True) as counter:
        counter.add(1000)
        counter.add(234)
    captured = capsys.readouterr()
    assert "1,234 reviews, " in captured.err
    assert captured.err.rindex("\x1b[?25h") > captured.err.rindex("\x1b[?25l"), "the cursor is visible"
    assert captured.out == ""


@pytest.mark.parametrize(
    ("wanted", "isatty", "variable"), [(False, True, {}), (True, False, {}), (True, True, {"CI": "1"})]
)
def test_no_progress_where_nobody_looks(monkeypatch, capsys, wanted, isatty, variable):
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(prediction_progress, "_PATIENCE", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: isatty)
    with prediction_progress.Counter(wanted) as counter:
        counter.add(1000)
    assert capsys.readouterr().err == ""
