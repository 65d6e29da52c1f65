"""Well-known data sets that are no tables: the command of the message writes a file that is read."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import pytest
from reading import BOTH, read, rows

from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

REVIEW = """<review>
<rating>
{}
</rating>
<title>
My title
</title>
<review_text>
A {} book

that I read
</review_text>
</review>
"""

TREES = "(3 (2 A) (4 (3 good) (2 film)))\n(1 (2 A) (1 (0 bad) (2 -LRB-)))\n(2 (2 It) (2 is))\n"
OPINIONS = """* Symbols: [t]: the title

[t]My phone
screen[+2], battery[+1][u]##the screen is good .
##I have it since May .
battery [-3]##it is empty ## soon .
screen[+1], battery[-2]##good , but empty .
sound[+1]##good sound .
"""

CASES = [
    ("train.txt", TREES, [("A good film", "3"), ("A bad -LRB-", "1"), ("It is", "2")]),
    (
        "My phone.txt",
        OPINIONS,
        [("the screen is good .", "pos"), ("it is empty ", "neg"), ("good sound .", "pos")],
    ),
    ("train.vw", "1 |w a good film\n-1 |w bad\n1 |w fine\n", [("a good film", "1"), ("bad", "-1"), ("fine", "1")]),
    (
        "it's.txt",
        "1 1.0 'a|w good |v 5:2 x\n-1 0.5 'b|w bad\n1 2.0 'c|w fine\n",
        [("good 5:2 x", "1"), ("bad", "-1"), ("fine", "1")],
    ),
    (
        "nlu.md",
        "## intent:greet\n- hey\n- hello [Ann](name), fine\n\n## synonym:film\n- movie\n\n## intent: bye\n- see you\n",
        [("hey", "greet"), ("hello Ann, fine", "greet"), ("see you", "bye")],
    ),
    (
        "unlabeled.review",
        REVIEW.format("5.0", "good") + REVIEW.format("1.0", "bad"),
        [("A good book  that I read", "5.0"), ("A bad book  that I read", "1.0")],
    ),
]


@pytest.mark.parametrize(("name", "content", "expected"), CASES, ids=[name for name, _, _ in CASES])
def test_the_command_writes_a_file_that_is_read(tmp_path, monkeypatch, name, content, expected):
    """Some of them were said to have no labels, and others were read with their marks as words."""
    monkeypatch.chdir(tmp_path)
    Path("set").mkdir()
    Path("set", name).write_text(content)
    for options in BOTH, ReadOptions():
        with pytest.raises(DataError, match="; write it as lines with labels: ") as caught:
            read(Path("set", name), name, options)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # as an error of another process is
    subprocess.run(command(caught.value), shell=True, check=True)
    assert rows(read(Path("labelled.txt"), "x", BOTH)) == [(text, f"__label__{label}") for text, label in expected]


def command(error: DataError) -> str:
    found, _, target = str(error).partition("write it as lines with labels: ")[2].rpartition("; then give ")
    assert target == "labelled.txt"
    return found


def test_the_files_of_a_folder_are_written_into_one(tmp_path, monkeypatch):
    """Files of reviews in a folder were met with a command that made each of their lines, marks included, a review."""
    monkeypatch.chdir(tmp_path)
    for folder in "books", "dvd":
        for label, stars, word in ("negative", "1.0", "bad"), ("positive", "5.0", "göod"):
            Path("set", folder).mkdir(parents=True, exist_ok=True)
            Path("set", folder, f"{label}.review").write_text(REVIEW.format(stars, word) * 2, "latin-1")
    with pytest.raises(DataError, match=r"^set: its folders are data sets; give one, such as set/books: books/, dvd/$"):
        read(Path("set"), "set", BOTH)
    for name in "set/books", "set/books/negative.review":
        with pytest.raises(DataError, match="write it as lines") as caught:
            read(Path(name), name, BOTH)
        subprocess.run(command(caught.value), shell=True, check=True)
        records = read(Path("labelled.txt"), "x", BOTH._replace(encoding="latin-1"))
        assert [label for _, label in rows(records)] == ["__label__1.0"] * 2 + ["__label__5.0"] * 2
        Path("labelled.txt").unlink()
    Path("phones").mkdir()
    for name in "a.txt", "b.txt":
        Path("phones", name).write_text(OPINIONS)
    with pytest.raises(DataError, match="write it as lines") as caught:
        read(Path("phones"), "phones", BOTH)
    subprocess.run(command(caught.value), shell=True, check=True)
    assert len(rows(read(Path("labelled.txt"), "x", BOTH))) == 6


def test_counts_of_words_are_no_texts(tmp_path):
    (tmp_path / "positive.review").write_text("good:1 a_good:2 #label#:positive\n" * 3)
    (tmp_path / "negative.review").write_text("bad:1 a_bad:2 #label#:negative\n" * 3)
    for path in tmp_path, tmp_path / "positive.review":
        with pytest.raises(DataError, match=r"^set: counts of words, and no texts; give the reviews themselves$"):
            read(path, "set", BOTH)


@pytest.mark.parametrize(
    "lines",
    [
        "(1 of 2) a film\n(2 of 2) another\n(3) good\n",
        "1 | a film\n0 | bad\n1 | good\n",
        "1|good\n0|bad\n1|good\n",
        "1 |good film\n0 |bad film\n1 |fine film\n",
        "see ## here\nthe film ## two\nand ## three\n",
        "see [1] ## here\nthe film [2] ## two\nand [3] ## three\n",
    ],
)
def test_other_texts_with_such_signs(tmp_path, lines):
    (tmp_path / "x.txt").write_text(lines)
    assert len(read(tmp_path / "x.txt", "x.txt", ReadOptions()).text) == 3


def test_a_packed_file_is_unpacked_first(tmp_path):
    (tmp_path / "x.txt.gz").write_bytes(subprocess.run(["gzip", "-c"], input=TREES.encode(), stdout=-1).stdout)
    with pytest.raises(DataError, match=r"at each phrase; unpack it, and give the file in it$"):
        read(tmp_path / "x.txt.gz", "x.txt.gz", BOTH)
