"""Which column holds the labels: none of ids, dates or texts, and none with one value."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from sentibp.data import sources
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError, NoLabels

ROWS = 24
COLUMNS = {
    "id": list(range(ROWS)),
    "comment": [f"a {('bad', 'good')[i % 2]} film, number {i}" for i in range(ROWS)],
    "date": [f"2026-01-{i % 12 + 1:02}" for i in range(ROWS)],
    "when": [f"{i % 12 + 1}/01/2026 10:00" for i in range(ROWS)],
    "shop": ["north"] * ROWS,
    "likes": [3 * i % 23 for i in range(ROWS)],
    "code": [f"x{i // 2}" for i in range(ROWS - 1)] + [None],
}
FACTS = {
    "id": "another value in every row, as ids have",
    "comment": "the texts",
    "date": "dates",
    "when": "dates",
    "shop": "one value only",
    "likes": "more than 20 different values",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name: str, **columns: list) -> str:
    table = pa.table({**COLUMNS, **columns}).drop_columns([each for each in ("code",) if each not in columns])
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(table, name)
    elif name.endswith(".jsonl"):
        import json

        Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
    else:
        separator = "\t" if name.endswith(".tsv") else ","
        pyarrow.csv.write_csv(table, name, pyarrow.csv.WriteOptions(delimiter=separator))
    return name


def complaint(name: str, **options: str) -> tuple[type[DataError], str]:
    with pytest.raises(DataError) as caught:
        sources.load_corpus(name, ReadOptions(**{"text": "comment", "label": "label", **options}))
    return caught.type, str(caught.value)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_file_without_labels(suffix):
    kind, message = complaint(write(f"r.{suffix}"))
    assert issubclass(kind, NoLabels)
    assert "no 'label'; no column looks like labels (" in message
    assert all(f"{name}: {what}" in message for name, what in FACTS.items())
    assert "--set" not in message, "nothing is suggested"


def test_only_columns_that_may_hold_labels_are_suggested():
    kind, message = complaint(write("r.csv", code=["a", "b"] * 12))
    assert not issubclass(kind, NoLabels)
    assert message.endswith("; name it with --set data.label_column=NAME, one of: code")
    _, message = complaint(write("r.csv", code=["a", "b"] * 12, stars=[1, 5] * 12))
    assert message.endswith("; did you mean --set data.label_column=stars? There are: stars, code")
    _, message = complaint(write("r.csv", rating=[5] * ROWS, code=["a", "b"] * 12))
    assert message.endswith("one of: code"), "a constant rating says nothing"


@pytest.mark.parametrize("column", ["id", "date", "when"])
def test_a_column_without_labels_is_not_taken(column):
    kind, message = complaint(write("r.csv"), label=column)
    assert issubclass(kind, NoLabels)
    assert message.startswith(f"r.csv: {column!r} has no labels ({FACTS[column]}); no other column looks like labels (")
    _, message = complaint(write("r.csv", stars=[1, 5] * 12), label=column)
    assert message.endswith("; did you mean --set data.label_column=stars? There are: stars")


@pytest.mark.parametrize(
    "dates", [["1-May", "4-May"], ["01. Mai", "05. Mai"], ["May-01", "May-05"], ["1/5/2024", "4/5/2024"]]
)
def test_dates_that_a_spreadsheet_makes_of_ratings(dates):
    """Of 1/5 and 4/5. They were classes."""
    _, message = complaint(write("r.csv", rating=dates * 12), label="rating")
    assert message.startswith(
        "r.csv: 'rating' has no labels (dates, as a spreadsheet makes of ratings such as 4/5: write"
    )
    for labels in ["1/5", "4/5"], ["1 mark", "4 marks"], ["may", "june"], ["4 stars", "5 stars"]:
        assert "dates, as" not in complaint(write("r.csv", rating=labels * 12), label="rating")[1]


@pytest.mark.parametrize("name", ["id", "nummer"])
@pytest.mark.parametrize("rows", [4, 7, 11, 20])
def test_few_row_ids_are_no_ratings(rows, name):
    """From 0 to 10, they would be a scale of ratings."""
    Path("r.csv").write_text("".join([f"{name},text\n", *(f"{i},a film {i}\n" for i in range(rows))]))
    kind, message = complaint("r.csv", text="text", label=name)
    assert issubclass(kind, NoLabels)
    assert f"{name!r} has no labels (another value in every row, as ids have)" in message
    halves = {"negative": list(range(rows // 2)), "positive": list(range(rows // 2, rows))}
    corpus = sources.load_corpus("r.csv", ReadOptions(label=name), labels=halves)
    assert f"r.csv: {name!r} has another label in every row; if these are ids, name the labels with " in corpus.notes[0]


def test_two_rows_of_ids_are_not_taken_in_silence():
    Path("r.csv").write_text("id,text\n0,bad film\n1,good film\n")
    assert "'id' has another label in every row" in sources.load_corpus("r.csv", ReadOptions(label="id")).notes[0]
    Path("r.csv").write_text("label,text\n0,bad film\n1,good film\n")
    assert sources.load_corpus("r.csv", ReadOptions(label="label")).notes == ()


def test_few_ratings_that_are_all_different():
    """A usual name says that they are labels."""
    Path("r.csv").write_text("".join(["stars,text\n", *(f"{i},a film {i}\n" for i in range(1, 6))]))
    _, message = complaint("r.csv", text="text", label="stars")
    assert "1 is taken as the lowest rating and 5 as the highest" in message


def test_the_text_column_has_no_labels():
    _, message = complaint(write("r.csv", stars=[1, 5] * 12), label="comment")
    assert message == (
        "r.csv:1: 'comment' is the text column, and has no labels; did you mean --set data.label_column=stars? There "
        "are: stars"
    )
    kind, message = complaint(write("r.csv"), label=" Comment ")
    assert issubclass(kind, NoLabels)
    assert message.startswith("r.csv:1: 'comment' is the text column, and has no labels; no other column looks like ")


def test_labels_that_are_sorted_are_found():
    """All rows count, and not only the first ones."""
    _, message = complaint(write("r.csv", sentiment=["neg"] * 12 + ["pos"] * 12))
    assert message.endswith("did you mean --set data.label_column=sentiment? There are: sentiment")


def test_a_folder_of_texts():
    Path("texts").mkdir()
    for name in "ab":
        Path(f"texts/{name}.txt").write_text("a film\n")
    with pytest.raises(
        NoLabels, match=r"^texts: its 2 text files have no labels; put them into folders pos/ and neg/$"
    ):
        sources.load_corpus("texts", ReadOptions(label="label"))


@pytest.mark.parametrize(("column", "no", "yes"), [("neg", 0, 1), ("is_negative", False, True)])
def test_1_in_a_column_called_negative_is_told(column, no, yes):
    """One of several columns of 0 and 1, one for each class; the other one is named first."""
    flags = [(no, yes)[i % 2 == 0] for i in range(ROWS)]
    name = write("r.csv", **{column: flags, "pos": [(no, yes)[i % 2] for i in range(ROWS)]})
    assert f"data.label_column=NAME, one of: pos, {column}" in complaint(name)[1]
    options = ReadOptions(text="comment", label=column)
    corpus = sources.load_corpus(name, options)
    values = [f"{value}".lower() for value in (yes, no)]
    labels = {"negative": values[:1], "positive": values[1:]}
    quoted = [value if value.isdigit() else f'"{value}"' for value in values]
    assert corpus.notes == (
        f"r.csv: {values[0]} is taken as positive, the reverse of what the name of its column, {column!r}, says; "
        f"to turn it round, write --set 'data.labels={{negative: [{quoted[0]}], positive: [{quoted[1]}]}}'",
    )
    turned = sources.load_corpus(name, options, labels=labels)
    assert turned.notes == ()
    assert (turned.label == 1 - corpus.label).all()
    assert sources.load_corpus(name, ReadOptions(text="comment", label="pos")).notes == ()


def test_numbers_that_repeat_in_a_column_of_ids_are_no_labels():
    """As the test file of a competition has them, which was said to have its labels there."""
    numbers = [8000 + i // 3 for i in range(ROWS)]
    kind, message = complaint(write("test.csv", sentenceId=numbers))
    assert issubclass(kind, NoLabels) and "sentenceId: ids, as its name says" in message
    assert complaint(write("topics.csv", topic_id=numbers))[1].endswith("one of: topic_id")


@pytest.mark.parametrize(
    ("column", "factor", "is_label"),
    [
        ("toxicity", 1, True),
        ("sentiment_score", 1, True),
        ("rating", 5, True),
        ("valence", 2, False),
        ("sentiment_confidence", 1, False),
        ("price", 1, False),
        ("rating", 5000, False),
    ],
)
def test_continuous_numbers_are_labels_if_their_scale_or_name_says_so(column, factor, is_label):
    """They were "more than 20 different values", or ids."""
    message = complaint(write("r.csv", **{column: [round(factor * (i * 0.618 % 1), 3) for i in range(ROWS)]}))[1]
    assert message.endswith((f"one of: {column}", f"There are: {column}")) == is_label, message


def test_a_score_beside_a_label_is_not_suggested():
    name = write("r.csv", grade=["bad", "good"] * 12, polarity_score=[round(i * 0.618 % 1, 3) for i in range(ROWS)])
    message = complaint(name)[1]
    assert "grade" in message and "polarity_score" not in message


@pytest.mark.parametrize(
    ("column", "values", "is_label"),
    [
        ("set", ["train", "Test"], False),
        ("is_valid", [True, False], False),
        ("set", ["good", "bad"], True),
        ("answer", ["accept", "reject"], True),
    ],
)
def test_a_column_of_splits_is_not_suggested_as_the_labels(column, values, is_label):
    """It was said to have the labels, and to say which rows are for tests."""
    message = complaint(write("r.csv", **{column: [values[i % 2] for i in range(ROWS)]}))[1]
    assert f"{column}: what each row is for, such as train and test" in message or is_label
    assert message.endswith((f"one of: {column}", f"There are: {column}")) == is_label
