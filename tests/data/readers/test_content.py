"""Reading the bytes of a file that another program writes to at the same time."""

from __future__ import annotations

import gzip
import os
from types import SimpleNamespace

import pytest

from sentibp.data import sources
from sentibp.data.readers import content
from sentibp.errors import DataError
from sentibp.utils import spill

ROWS = "".join(f"a fine film {i},{i % 2}\n" for i in range(400))
NAMES = ["x.csv", "x.tsv", "x.jsonl", "x.json", "x.txt", "x.parquet", "x.xlsx", "x.zip", "x.csv.gz", "x.jsonl.bz2"]


@pytest.fixture
def cut_off(monkeypatch):
    """Cut the file off as soon as its size is known: as a log that is rotated at that moment."""

    def fstat(descriptor):
        about = os.fstat(descriptor)
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if os.path.basename(path).startswith("x") and about.st_size > 100:
            os.truncate(path, 100)
        return about

    monkeypatch.setattr(content, "os", SimpleNamespace(fstat=fstat, devnull=os.devnull))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_becomes_shorter_is_one_line(name, large, cut_off, monkeypatch, tmp_path):
    monkeypatch.setattr(spill, "IN_MEMORY", 10 if large else 1 << 20)
    (tmp_path / name).write_bytes(ROWS.encode())
    with pytest.raises(DataError, match=r"has become shorter while it was read, 100 bytes instead of") as raised:
        sources.load_corpus(str(tmp_path / name))
    assert len(raised.value.lines) == 1


def test_a_text_of_a_folder_that_becomes_shorter_is_one_line(cut_off, tmp_path):
    for kind in ("pos", "neg"):
        (tmp_path / "films" / kind).mkdir(parents=True)
        (tmp_path / "films" / kind / "x1.txt").write_text("a film " * 100)
    with pytest.raises(DataError, match="has become shorter"):
        sources.load_corpus(str(tmp_path / "films"))


def test_a_large_file_that_is_cut_off_later_is_read_as_it_was(monkeypatch, tmp_path):
    """Mapped, it would end the process: the system has no bytes for the pages that were cut off."""
    monkeypatch.setattr(spill, "IN_MEMORY", 10)
    path = tmp_path / "x.csv"
    path.write_text(ROWS)
    data = content.read_bytes(path)
    os.truncate(path, 0)
    assert bytes(data) == ROWS.encode()


def test_bytes_that_are_added_meanwhile_are_left_for_the_next_time(monkeypatch, tmp_path):
    path = tmp_path / "y.csv"
    path.write_text(ROWS)

    def fstat(descriptor):
        about = os.fstat(descriptor)
        with open(path, "a") as file:
            file.write("half a li")
        return about

    for limit in (10, 1 << 20):
        path.write_text(ROWS)
        monkeypatch.setattr(spill, "IN_MEMORY", limit)
        with monkeypatch.context() as patch:
            patch.setattr(content, "os", SimpleNamespace(fstat=fstat, devnull=os.devnull))
            assert bytes(content.read_bytes(path)) == ROWS.encode()


@pytest.mark.parametrize("limit", [0, 1000])
@pytest.mark.parametrize("error", [OSError("another file system"), None])
def test_a_copy_does_without_the_help_of_the_system(monkeypatch, tmp_path, error, limit):
    """Between some file systems, the system copies nothing and reports no error."""

    def refused(*_):
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(os, "copy_file_range", refused, raising=False)
    monkeypatch.setattr(spill, "IN_MEMORY", limit)
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(os.urandom(5000)))
    assert bytes(content.read_bytes(path)) == path.read_bytes()
