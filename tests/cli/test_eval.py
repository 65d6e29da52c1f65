"""`sentibp eval`: its scores, every format of data file, and --fail-under."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

REVIEWS = [
    ("A wonderful film, and well played", 1),
    ("Dull from start to end", 0),
    ("I loved every minute", 1),
    ('They call it "art"; it is a waste of time', 0),
    ("Bad, bad, bad", 0),
]
KEYS = {"n", "accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "confusion", "accuracy_interval"}


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def separated(separator: str, names=("text", "label")) -> str:
    lines = [separator.join(names), *(f"{quoted(text)}{separator}{label}" for text, label in REVIEWS)]
    return "\n".join(lines) + "\n"


def write(name: str, names=("text", "label")) -> str:
    """Write the reviews in the format of the file name."""
    text, label = names
    records = [{text: review, label: mark} for review, mark in REVIEWS]
    if name == "folder":
        for i, (review, mark) in enumerate(REVIEWS):
            file = Path(name, "pos" if mark else "neg", f"{i}.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(review)
    elif name.endswith(".parquet"):
        parquet.write_table(pa.Table.from_pylist(records), name)
    else:
        content = {
            ".csv": separated(",", names),
            ".tsv": separated("\t", names),
            ".jsonl": "".join(json.dumps(record) + "\n" for record in records),
            ".json": json.dumps(records),
            ".txt": "".join(f"__label__{'pos' if mark else 'neg'} {review}\n" for review, mark in REVIEWS),
        }
        Path(name).write_text(content[Path(name).suffix])
    return name


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


def test_the_keys_of_the_json_output(sentibp):
    scores = sentibp("eval", "--json").json
    assert scores.keys() >= KEYS
    assert scores["n"] == 32
    low, high = scores["accuracy_interval"]
    assert 0 <= low < scores["accuracy"] < high <= 1
    confusion = scores["confusion"]
    assert sum(confusion.values()) == 32
    assert scores["accuracy"] == (confusion["true_positive"] + confusion["true_negative"]) / 32


def test_the_text_output_is_a_table(sentibp):
    out = sentibp("eval").out
    for name in ("accuracy", "precision", "recall", "f1", "roc auc", "log loss", "brier"):
        assert f"\n{name} " in out
    assert "predicted positive" in out


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.jsonl", "r.json", "r.parquet", "r.txt", "folder"])
def test_every_format_gives_the_same_scores(sentibp, numbers, name):
    scores = sentibp("eval", "--data", write(name), "--json").json
    expected = sentibp("eval", "--data", write("other.jsonl"), "--json").json
    assert numbers(scores) == pytest.approx(numbers(expected), rel=1e-6)
    assert scores["n"] == len(REVIEWS)


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.jsonl", "r.parquet"])
def test_the_names_of_columns(sentibp, fails, name):
    write(name, names=("review", "liked"))
    scores = sentibp("eval", "--data", name, "--text-column", "review", "--label-column", "liked", "--json").json
    assert scores["n"] == len(REVIEWS)
    complaint = fails(3, "eval", "--data", name)
    assert "data.text_column" in complaint
    assert "review, liked" in complaint


def test_the_splits_of_built_in_data(sentibp, fails):
    assert sentibp("eval", "--data", "sample", "--json").json["n"] == 80, "the test split is the default"
    assert sentibp("eval", "--split", "test", "--json").json["n"] == 80, "the data that the model was trained on"
    assert sentibp("eval", "--data", "sample", "--split", "train", "--json").json["n"] == 320
    assert (
        fails(3, "eval", "--split", "tset")
        == "sample: no split 'tset'; name another, such as --split test; there are: train, test"
    )


def test_a_folder_with_splits(sentibp):
    write("folder")
    Path("sets").mkdir()
    Path("folder").rename("sets/test")
    assert sentibp("eval", "--data", "sets", "--json").json["n"] == len(REVIEWS)


def test_an_undefined_score_is_reported(sentibp):
    Path("one.csv").write_text("text,label\na good film,1\nbad,1\n")
    result = sentibp("eval", "--data", "one.csv", "--json")
    assert result.json["roc_auc"] is None
    few = "only 2 reviews: only the interval says how good the model is; the calibration error is chance"
    assert result.err.splitlines() == [few]
    assert "undefined" in sentibp("eval", "--data", "one.csv").out
    line = sentibp("eval", "--data", "one.csv", "--fail-under", "roc_auc=0.5", code=1).err
    assert "undefined" in line


def test_unknown_words_are_counted(sentibp):
    Path("r.csv").write_text("text,label\nqxzv,1\ngood qxzv,0\n")
    scores = sentibp("eval", "--data", "r.csv", "--json").json
    assert scores["no_known_word"] == 1
    assert scores["unknown_tokens"] == 2
    assert "no known word" in sentibp("eval", "--data", "r.csv").out


# --fail-under


def test_a_met_check_changes_nothing(sentibp):
    plain = sentibp("eval", "--json")
    assert sentibp("eval", "--json", "--fail-under", "accuracy=0.5", "--fail-under", "log_loss=1.5") == plain


def test_a_failed_check_exits_with_1_and_prints_a_line(sentibp):
    result = sentibp("eval", "--json", "--fail-under", "accuracy=0.99", code=1)
    assert result.json.keys() >= KEYS, "the scores are also printed"
    assert result.err.count("\n") == 1
    assert result.err.startswith("--fail-under accuracy=0.99: not met")


def test_each_failed_check_has_a_line(sentibp):
    err = sentibp("eval", "--fail-under", "accuracy=0.99", "--fail-under", "f1=0.1", "--fail-under", "brier=0", code=1)
    assert [line.split("=")[0] for line in err.err.splitlines()] == ["--fail-under accuracy", "--fail-under brier"]


def test_a_higher_loss_is_worse(sentibp):
    assert "higher" in sentibp("eval", "--fail-under", "log_loss=0.01", code=1).err


@pytest.mark.parametrize("bounds", [(0.99, 0.1), (0.1, 0.99)])
def test_two_checks_of_one_score_must_both_be_met(sentibp, bounds):
    sentibp("eval", *(part for bound in bounds for part in ("--fail-under", f"accuracy={bound}")), code=1)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("acuracy=0.9", "a number; did you mean --fail-under accuracy=0.9?"),
        ("accuracy=90", "is never above 1; for a percentage, write --fail-under accuracy=0.9"),
        ("calibration_error=5", "--fail-under calibration_error=0.05"),
        ("brier=2.5", "is never above 2"),
        ("confusion=1", "METRIC is one of"),
        ("accuracy", "METRIC=VALUE"),
        ("accuracy=high", "METRIC=VALUE"),
        ("accuracy=nan", "VALUE a number"),
    ],
)
def test_an_invalid_check_is_refused_before_the_work(fails, check, message):
    line = fails(2, "eval", "--fail-under", check)
    assert line.startswith(f"--fail-under {check}: ")
    assert message in line


# Mistakes


def test_a_model_without_validation_data(sentibp, fails):
    sentibp("train", "xor", "--quiet", "--set", "train.epochs=1")
    assert "--data" in fails(3, "eval")
    assert sentibp("eval", "--data", "xor", "--json").json["n"] == 4


def test_validation_data_that_cannot_be_found(sentibp, fails, here, monkeypatch):
    """The message suggests --data."""
    write("r.csv")
    sentibp(
        "train", "quickstart", "--quiet", "--out", "run", "--set", "data.source=r.csv", "--set", "data.validation=0.4"
    )
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    sentibp("eval", "-m", "../run")  # the run knows where its data are
    (here / "r.csv").unlink()
    line = fails(3, "eval", "-m", "../run")
    assert "r.csv: no such file" in line
    assert "--data" in line
    write("r.csv")
    (here / "elsewhere" / "r.csv").write_text("text,label\n" + "fine,1\nawful,0\n" * 10)
    assert "changed since it was trained" in fails(3, "eval", "-m", "../run")


def test_the_test_split_of_imdb_needs_the_hub(fails):
    line = fails(3, "eval", "--data", "imdb")
    assert line.startswith("imdb: cannot reach the Hugging Face hub")
    assert "local file" in line


def test_reviews_instead_of_a_model(fails):
    assert fails(2, "eval", "mine.csv") == (
        "mine.csv: reviews, not a model; to score the newest model on them, use --data mine.csv"
    )


# Reviews without labels


@pytest.mark.parametrize("command", [["eval"], ["report"], ["compress"], ["gradcheck"]], ids=" ".join)
def test_reviews_without_labels_can_be_predicted(sentibp, fails, trained, here, command):
    (here / "new.csv").write_text("".join(["id,comment\n", *(f"{i},a good film\n" for i in range(12))]))
    column = ("--set", "data.text_column=comment")
    model = (trained,) if command == ["report"] else ("-m", trained)
    message = fails(3, *command, *model, "--data", "new.csv", *column)
    first, last = message.splitlines()
    assert first == (
        "new.csv:1: no 'label'; no column looks like labels (id: another value in every row, as ids have; comment: the "
        "texts); add one with the label of each review"
    )
    predict = f"sentibp predict --input new.csv -m {trained} --set data.text_column=comment"
    assert last == f"to predict reviews without labels: `{predict}`"
    assert len(sentibp(*predict.split()[1:]).jsonl) == 12


def test_the_settings_of_labels_are_no_part_of_that_command(fails, trained, here):
    (here / "new.txt").write_text("a good film\n")
    labels = ("--set", "data.labels={negative: [1], positive: [2]}", "--label-column", "x", "--text-column", "t")
    message = fails(3, "eval", "--data", "new.txt", *labels)
    assert message.endswith("`sentibp predict --input new.txt --text-column t`")


def test_one_review_without_a_known_word(sentibp, trained, here):
    (here / "r.csv").write_text("text,label\nqxzv,1\na bad film,0\n")
    assert "\n1 review has no known word; " in sentibp("eval", "--data", "r.csv").out
