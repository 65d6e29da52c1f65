"""The place of each row in its file, which messages, `audit` and `blame` name."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from sentibp.data import sources
from sentibp.data.pieces import Kept
from sentibp.data.readers import open_content, pieces, stream
from sentibp.data.readers.parquet import open_parquet
from sentibp.data.readers.shards import join_tables
from sentibp.data.readers.table import LABELLED, TEXTS
from sentibp.errors import DataError

PLACES = LABELLED._replace(places=True)
TITLE = "Export of reviews 2025\n\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("films").mkdir()
    return tmp_path


def row(i: int) -> tuple[str, str]:
    return f"mark{i} film", ("neg", "pos")[i % 2]


def write_csv(path: str, numbers: range, *columns: str, title: str = "") -> None:
    """Write rows with blank lines, and texts of two lines, among them."""
    lines = [title + ",".join(columns)]
    for i in numbers:
        text, label = row(i)
        values = {"id": str(i), "text": f'"{text}\nof two lines"' if i % 3 == 1 else text, "label": label}
        lines += [""] * (i % 4 == 2) + [",".join(values[column] for column in columns)]
    Path(path).write_text("\n".join(lines) + "\n")


def write_jsonl(path: str, numbers: range, more: object) -> None:
    rows = [{"more": more, "text": row(i)[0], "label": row(i)[1]} for i in numbers]
    Path(path).write_text("\n\n".join(map(json.dumps, rows)) + "\n")


def require_true_places(source: str | list[str]) -> None:
    corpus = sources.load_corpus(source, PLACES)
    assert corpus.place is not None and len(corpus) == 16
    for text, place in zip(corpus.text.to_pylist(), corpus.place.to_pylist(), strict=True):
        mark = text.split()[0]
        assert f"{mark} " in content_at(place), place


def content_at(place: str) -> str:
    name, number = re.fullmatch(r"(.+?)(?:: row |:)(\d+)", place).groups()  # type: ignore[union-attr]
    if name.endswith(".parquet"):
        return parquet.read_table(name)["text"][int(number) - 1].as_py()
    return Path(name).read_bytes().decode().split("\n")[int(number) - 1]  # as `grep -n` counts lines


def test_the_files_of_a_folder_may_have_other_columns_and_titles():
    write_csv("films/train-00000-of-00002.csv", range(8), "id", "text", "label", title=TITLE)
    write_csv("films/train-00001-of-00002.csv", range(8, 16), "label", "text")
    require_true_places("films")
    write_csv("films/train-00000-of-00002.csv", range(8), "label", "text")
    write_csv("films/train-00001-of-00002.csv", range(8, 16), "id", "text", "label", title=TITLE)
    require_true_places("films")


def test_the_files_of_a_folder_may_have_columns_that_cannot_be_read():
    write_jsonl("films/train-00000-of-00002.jsonl", range(8), more=["a", "list"])
    write_jsonl("films/train-00001-of-00002.jsonl", range(8, 16), more={"an": "object"})
    require_true_places("films")


def test_parquet_files_of_a_folder():
    for shard in range(2):
        texts, labels = zip(*map(row, range(8 * shard, 8 * shard + 8)), strict=True)
        table = pa.table({**({} if shard else {"id": range(8)}), "text": texts, "label": labels})
        parquet.write_table(table, f"films/train-0000{shard}-of-00002.parquet", row_group_size=3)
    require_true_places("films")


def test_a_list_of_sources():
    write_csv("one.csv", range(8), "id", "text", "label", title=TITLE)
    write_jsonl("two.jsonl", range(8, 16), more=1)
    require_true_places(["one.csv", "two.jsonl"])


def test_a_message_names_the_place_in_a_later_file():
    write_csv("films/train-00000-of-00002.csv", range(8), "id", "text", "label")
    write_csv("films/train-00001-of-00002.csv", range(8, 16), "label", "text")
    with open("films/train-00001-of-00002.csv", "a") as file:
        file.write("unclear,mark16 film\n")
    with pytest.raises(DataError) as caught:
        sources.load_corpus("films")
    assert "unclear,mark16 film" in content_at(str(caught.value).partition(": ")[0])


def test_the_lines_of_texts_end_with_their_file(monkeypatch):
    monkeypatch.setattr("sentibp.data.readers.content.CHUNK", 16)
    contents = {"a.txt": b"good film\n\nbad film", "b.txt": b"a third one\n"}
    joined = join_tables([open_content(content, name, TEXTS, ".txt") for name, content in contents.items()], "films")
    assert list(joined.places()) == ["a.txt:1", "a.txt:2", "a.txt:3", "b.txt:1"]


def test_the_rows_of_some_row_groups(tmp_path):
    parquet.write_table(pa.table({"text": list("abcdefgh")}), "x.parquet", row_group_size=3)
    data = memoryview(Path("x.parquet").read_bytes())
    assert list(open_parquet(data, "x", TEXTS, range(1, 3)).places()) == [f"x: row {i}" for i in range(4, 9)]
    assert list(open_parquet(data, "x", TEXTS).places()) == [f"x: row {i}" for i in range(1, 9)]


CONTENTS = {
    "x.csv": f'{TITLE}id,text\n1,mark0\n\n2,"mark1\nof two lines"\n3,mark2\n,\n5,mark4\n'.encode(),
    "returns.csv": b'id,text\r\n1,"mark0\rof\rtwo"\r\n2,"mark1\r\nof two"\r\n3,mark2\r\n',
    "x.tsv": b"id\ttext\n1\tmark0\n\n2\tmark1\n3\tmark2\n",
    "x.jsonl": b'{"text": "mark0"}\n\n{"text": "mark1"}\n{"text": "mark2"}\n',
    "x.txt": b"mark0\n\nmark2\nmark3\n",
    "fasttext.txt": b"__label__a mark0\n\n__label__b mark2\n",
    "x.json": b'[\n{"text": "mark0"},\n\n{"text": "mark1"}\n]',
}


@pytest.mark.parametrize("kept", Kept)
@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_a_piece_knows_the_places_of_its_rows(name, kept, rows, monkeypatch):
    """Whether it is of a file, of standard input, or of another piece that was cut."""
    monkeypatch.setattr(pieces, "_ROWS", rows)
    monkeypatch.setattr(pieces, "_MULTIPLE", 1)
    monkeypatch.setattr(pieces, "MOST_ROWS", rows)
    monkeypatch.setattr(stream, "MOST_ROWS", rows)
    Path(name).write_bytes(CONTENTS[name])
    streamed = stream.stream_pieces(io.BytesIO(CONTENTS[name]), name, TEXTS, kept)
    for found in list(sources.read_pieces(name, TEXTS, kept)), list(streamed):
        marks = [mark for piece in found for mark in piece.text.to_pylist()]
        places = [piece.where(row) for piece in found for row in range(len(piece.text))]
        assert len(found) > 1 or rows > 1
        assert sum(map(bool, marks)) >= 2
        for mark, place in zip(marks, places, strict=True):
            assert mark.splitlines()[:1] == [] or mark.splitlines()[0] in content_at(place), place
        for piece in found:
            count = len(piece.text)
            parts = list(piece.split(1))[:count]
            assert [part.where(0) for part in parts[: len(piece.text)]] == list(
                map(piece.where, range(len(piece.text)))
            )
