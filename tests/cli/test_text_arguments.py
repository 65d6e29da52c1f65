"""The name of a file is no review, in any command that takes one."""

from __future__ import annotations

import pytest

COMMANDS = (["predict"], ["explain"], ["blame"], ["trace", "--label", "positive"])


@pytest.fixture(autouse=True)
def files(trained, here):
    for name in ("new.csv", "my new.jsonl", "b.csv"):
        (here / name).write_text("text\ngood\n")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_mistyped_name_is_no_review(fails, sentibp, command):
    explain = " --explain" * (command[0] == "explain")
    message = fails(2, *command, "nwe.csv")
    assert message == (
        "nwe.csv: the name of a file, and there is no such file; did you mean new.csv? To predict its reviews: "
        f"`sentibp predict --input new.csv{explain}`"
    )
    assert fails(2, *command, "new.csv") == (
        f"new.csv: a file, not a review; to predict its reviews: `sentibp predict --input new.csv{explain}`"
    )
    assert sentibp("predict", "--input", "new.csv", *explain.split()).jsonl[0]["label"] == "positive"
    assert fails(2, *command, "zebra.parquet") == (
        "zebra.parquet: the name of a file, and there is no such file; if it is a review, type a blank after it: "
        "'zebra.parquet '"
    )
    assert "zebra" not in sentibp(*command, "zebra.parquet ").err
    assert "`sentibp predict --input 'my new.jsonl'" in fails(2, *command, "my new.jsonl")


def test_several_files(fails):
    assert fails(2, "predict", "new.csv", "b.csv").startswith(
        "new.csv and 1 more: files, not reviews; put the pattern "
    )
    assert fails(2, "predict", "good", "new.csv").startswith("new.csv: a file, not a review; ")
    assert fails(2, "predict", "*.csv") == "*.csv: a pattern of files, not a review; use --input '*.csv'"


def test_real_texts(sentibp):
    texts = ("3.5/5", "U.S.", "-", "", "I read new.csv", "see new.csv ", "so.good", ".csv", "a good film.", "a/b")
    result = sentibp("predict", *texts)
    assert (len(result.jsonl), result.err) == (len(texts), "")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_standard_input_and_pipes_are_no_reviews(fails, sentibp, command):
    explain = " --explain" * (command[0] == "explain")
    assert fails(2, *command, "-") == (
        f"-: not a review; to predict those of standard input: `sentibp predict --input -{explain}`; "
        "if it is a review, type a blank before it: ' -'"
    )
    assert "not a review" not in sentibp(*command, " -").err
    message = fails(2, *command, "/dev/null")
    assert message == "/dev/null: a pipe or a device, not a review; to predict its reviews, use --input /dev/null"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_folder_as_a_review_is_told(sentibp, here, command):
    (here / "good").mkdir()
    note = "good is a folder, and its name is read as a review; to predict its reviews, use --input good"
    assert note in sentibp(*command, "good").err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_review_that_is_not_utf8_is_refused(fails, command):
    assert fails(2, *command, b"un caf\xe9 good".decode(errors="surrogateescape")) == (
        'un caf\ufffd good: not UTF-8 text (byte 0xE9); convert it, as in "$(iconv -f cp1252 -t utf-8 review.txt)"'
    )


@pytest.mark.parametrize("option", [["--text-column", "comment"], ["--set", "data.text_column=comment"]])
def test_how_a_file_is_read_does_not_concern_texts(fails, option):
    assert fails(2, "predict", "good", *option).startswith(f"{option[0]}: says how --input is read; ")


def test_signs_that_a_page_writes_and_no_shell_knows(fails, sentibp):
    """Pasted from a page, an option was a review, and a review in curly quotes one for each word."""
    assert fails(2, "predict", "\u2013m", "builtin", "good") == (
        "\u2013m: begins with a dash that is no hyphen, and is read as a review; type -m"
    )
    assert fails(2, "predict", "good", "\u2014threshold", "0.9").endswith("; type --threshold")
    assert fails(2, "predict", "\u201cI", "love", "it\u201d").endswith("makes a review of each word; type 'I love it'")
    assert fails(2, "predict", "bad", "\u00ab", "tr\u00e8s", "bon", "\u00bb").endswith("; type 'tr\u00e8s bon'")
    texts = ["\u2013 good", "\u2013", "\u201cgood\u201d", "\u201cgood", "a \u201cfilm\u201d", "\u2013or so it was"]
    assert [row["text"] for row in sentibp("predict", *texts).jsonl] == texts
    assert len(sentibp("predict", "\u2014meh", "\u201cgood", "bad\u201d!", "\u201cfilm\u201d").jsonl) == 4
