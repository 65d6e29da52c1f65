"""Where Arrow gives up in the middle of a file, another reader continues at the same row."""

from __future__ import annotations

import json

import pytest
from reading import parse, rows

from sentibp.data.readers import batches

WANTED = [(f"film {number}", str(number % 2)) for number in range(100)]
TEXTS = [text for text, _ in WANTED]


def csv_lines(at: int, text: str) -> str:
    return "".join(["text,label\n", *(f"{each if i != at else text},{i % 2}\n" for i, each in enumerate(TEXTS))])


def json_lines(at: int, label: object) -> str:
    labels = [i % 2 if i != at else label for i in range(len(TEXTS))]
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in zip(TEXTS, labels, strict=True))


@pytest.mark.parametrize("at", [0, 1, 50, 99])
def test_no_row_is_read_twice_and_none_is_lost(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setattr(batches, "_BLOCKS", (256, 1024, 1 << 16))
    long = "a" * 3000  # of which the first blocks do not hold the end
    wanted = [*WANTED[:at], (long, str(at % 2)), *WANTED[at + 1 :]]
    assert rows(parse(csv_lines(at, long), "x.csv")) == wanted
    wanted = [*WANTED[:at], (TEXTS[at], "1"), *WANTED[at + 1 :]]
    assert rows(parse(json_lines(at, "1"), "x.jsonl")) == wanted, "a label that is a string among numbers"
