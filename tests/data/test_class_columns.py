"""Tables with a column of texts for each class."""

from __future__ import annotations

import csv
import subprocess

import pytest

from sentibp.data.class_columns import class_columns_repair


def test_the_command_writes_a_row_for_each_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        ["Negative_Review", "stars", "Positive_Review"],
        ['a "dark" room,\nand small', 2, ""],
        ["é", 3, "I like it"],
    ]
    with open("hôtel's.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    said = class_columns_repair(["Positive_Review", "title", "Negative_Review"], "hôtel's.csv")
    fact, _, rest = said.partition(": ")
    assert fact.startswith(
        "'Negative_Review' and 'Positive_Review' seem to have the texts of a class each; write a row "
    )
    command, _, target = rest.partition("; then give ")
    subprocess.run(command, shell=True, check=True)
    with open(target, encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["text", "label"],
            ['a "dark" room,\nand small', "negative"],
            ["é", "negative"],
            ["I like it", "positive"],
        ]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["Positive_Review", "Negative_Review"], True),
        (["pros", "cons"], True),
        (["positive", "text", "negative"], True),
        (["text", "negative"], False),
        (["positive 1", "positive 2", "negative"], False),
        (["title", "text"], False),
    ],
)
def test_which_columns_have_the_texts_of_a_class(texts, found):
    repair = class_columns_repair(texts, "<stdin>")
    assert repair.endswith("with its class in a column of its own") is found
    assert bool(repair) is found
