"""Compressed files and zip archives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shlex
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from reading import BOTH, complaint, parse, rows

from sentibp.data import readers
from sentibp.data.readers import compression
from sentibp.data.readers.records import Records, read_records
from sentibp.errors import DataError

CSV = b"text,label\na good film,1\na bad film,0\n"
READ = [("a good film", "1"), ("a bad film", "0")]

COMPRESS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def zipped(**files: str | bytes) -> bytes:
    """Return a zip archive. In names, `__` stands for a slash and `_` for a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name if "/" in name else name.replace("__", "/").replace("_", "."), content)
    return out.getvalue()


def open_(data: bytes, split: str = "train") -> Records:
    return read_records(readers.open_content(data, "x.zip", BOTH, ".zip", split), BOTH)


@pytest.mark.parametrize("kind", COMPRESS)
def test_compressed_files_whatever_their_names(tmp_path, kind):
    data = COMPRESS[kind](CSV)
    assert rows(parse(data, "x.csv")) == READ
    (tmp_path / f"X.CSV.{kind.upper()}").write_bytes(data)
    table = readers.open_table(tmp_path / f"X.CSV.{kind.upper()}", "x", BOTH)
    assert rows(read_records(table, BOTH)) == READ


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_damaged_file(kind):
    data = COMPRESS[kind](CSV * 1000)
    assert complaint(data[: len(data) // 2]).startswith("x.csv: damaged ")


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_file_that_is_implausibly_small(kind, monkeypatch):
    data = COMPRESS[kind](b"0" * 1_000_000)
    assert parse(data, "x.txt", BOTH._replace(label=None)).text[0].as_py() == "0" * 1_000_000
    monkeypatch.setattr(compression, "LIMIT", 100_000)
    assert complaint(data, "x.txt", BOTH._replace(label=None)) == (
        "x.txt: its content is more than 200 times larger; decompress it, and give the content"
    )


def test_a_tar_archive(tmp_path, monkeypatch):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("aclImdb/pos/1.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"good"))
    expected = "an archive of many files; save it as a file, unpack that, and give what is in it"
    assert complaint(out.getvalue(), "<stdin>") == f"<stdin>: {expected}"
    monkeypatch.chdir(tmp_path)
    Path("my films.tar.gz").write_bytes(gzip.compress(out.getvalue()))
    with pytest.raises(DataError, match="an archive of many files; unpack it: ") as caught:
        open_file("my films.tar.gz")
    assert unpacked(caught.value) == "'my films', or a file in it"
    assert Path("my films/aclImdb/pos/1.txt").read_text() == "good"


def test_a_zip_archive_with_one_data_file():
    extra = {"__MACOSX/x.csv": "?", "_DS_Store": "?", "README_md": "read me", "readme_txt": "read me"}
    records = open_(zipped(films__reviews_csv=CSV, **extra))
    assert rows(records) == READ
    assert records.notes == ("x.zip: reads films/reviews.csv, its only data file",)
    assert records.where(1) == "x.zip/films/reviews.csv:3"
    assert rows(open_(zipped(x_txt="__label__1 good\n"))) == [("good", "__label__1")]
    assert rows(open_(zipped(x_csv_gz=gzip.compress(CSV)))) == READ


def test_a_zip_archive_with_splits():
    data = zipped(train_csv=CSV, test_csv="text,label\nc,1\n", sample__submission_csv="id\n")
    assert rows(open_(data)) == READ
    assert rows(open_(data, "test")) == [("c", "1")]
    assert open_(data).notes == ("x.zip: reads train.csv; not read: sample/submission.csv",)


ZIPS = {
    "several": (
        zipped(a_csv=CSV, b_csv=CSV),
        "x.zip: has 2 data files: a.csv, b.csv; save it as a file, unpack that, and give what is in it",
    ),
    "none": (zipped(a_png="x"), "x.zip: has no data file, but a.png; give CSV"),
    "empty": (zipped(), "x.zip: has no data file, but nothing; give CSV"),
    "nested": (zipped(a_csv=zipped(b_csv=CSV)), "x.zip/a.csv: a zip archive in a zip archive; save it"),
    "cut off": (zipped(a_csv=CSV)[:-30], "x.zip: damaged zip: file is not a zip file; fetch or write it again"),
}


@pytest.mark.parametrize("name", ZIPS)
def test_zip_mistakes(name):
    data, message = ZIPS[name]
    assert complaint(data, "x.zip").startswith(message)


PACKED = {  # the files of an archive, what to give once it is unpacked, and the rows in that
    "tables": ({"good_csv": CSV, "b d/b.csv": CSV}, "'x/b d/b.csv'", READ),
    "texts": (
        {"my films/neg/1.txt": "dull", "my films/pos/1.txt": "fun"},
        "'x/my films'",
        [("dull", "neg"), ("fun", "pos")],
    ),
    "archive": ({"inner/a.csv": zipped(a_csv=CSV)}, "x/inner/a.csv", READ),
    "split": ({"dev_csv": CSV, "other_csv": CSV}, "x/dev.csv", READ),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_command_unpacks_an_archive_of_several_files(name, tmp_path, monkeypatch):
    """The repair was to unpack it, without a command that does."""
    files, given, found = PACKED[name]
    monkeypatch.chdir(tmp_path)
    Path("x.zip").write_bytes(zipped(**files))
    with pytest.raises(DataError) as caught:
        open_file("x.zip")
    assert unpacked(caught.value).removeprefix("one of them, such as ") == given
    table = readers.open_table(Path(shlex.split(given)[0]), "x", BOTH)
    assert rows(read_records(table, BOTH)) == found
    with pytest.raises(DataError, match=r" x\.zip x-2; then give "):
        open_file("x.zip")


def open_file(name: str) -> None:
    readers.open_table(Path(name), name, BOTH)


def unpacked(error: DataError) -> str:
    """Run the command in a message, and return what to give then."""
    command, given = str(error).split("; unpack it: ")[1].split("; then give ")
    subprocess.run(command, shell=True, check=True)
    return given


def test_a_zip_archive_with_a_password():
    data = bytearray(zipped(a_csv=CSV))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag in both headers
        data[data.index(signature) + place] |= 1
    assert complaint(bytes(data), "x.zip") == "x.zip: encrypted; unpack it with its password, and give a.csv"


def test_a_bomb(monkeypatch):
    data = zipped(a_csv=b"0" * 1_000_000)
    monkeypatch.setattr(compression, "LIMIT", 100_000)
    assert complaint(data, "x.zip").startswith("x.zip: its content is more than 200 times larger;")
