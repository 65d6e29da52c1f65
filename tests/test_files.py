"""A file is there whole, or not at all."""

from __future__ import annotations

import os

import pytest

from sentibp.files import write


def test_a_file_is_written(tmp_path):
    write(tmp_path / "new", b"\x00\r\n\xff")
    assert (tmp_path / "new").read_bytes() == b"\x00\r\n\xff"
    assert os.listdir(tmp_path) == ["new"]  # no temporary file beside it


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "model"
    write(path, b"a long old content")
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_the_old_content_survives_a_failure_in_the_middle(tmp_path, monkeypatch, failing, error):
    path = tmp_path / "model"
    write(path, b"old")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


def test_what_is_moved_into_place_has_reached_the_disk(tmp_path, monkeypatch):
    """The order matters: a name that is moved before its bytes are on the disk may name an empty file after a crash."""
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *arguments: (done.append("fsync"), fsync(*arguments)))
    monkeypatch.setattr(os, "replace", lambda *arguments: (done.append("replace"), replace(*arguments)))
    write(tmp_path / "model", b"content")
    assert done == ["fsync", "replace"]


def test_a_folder_that_is_not_there_is_the_callers_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing" / "model", b"")
