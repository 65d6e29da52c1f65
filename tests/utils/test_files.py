"""A file is written completely or not at all."""

from __future__ import annotations

import errno
import os

import pytest

from sentibp.errors import DataError
from sentibp.utils.files import data_error_on_failure, remove_temporary_files, write_file


def test_a_file_is_written(tmp_path):
    write_file(tmp_path / "new", b"\x00\r\n\xff")
    assert (tmp_path / "new").read_bytes() == b"\x00\r\n\xff"
    assert os.listdir(tmp_path) == ["new"]  # no temporary file beside it


def test_a_file_is_replaced_completely(tmp_path):
    path = tmp_path / "model"
    write_file(path, b"a long old content")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_the_old_content_survives_a_failure_in_the_middle(tmp_path, monkeypatch, failing, error):
    path = tmp_path / "model"
    write_file(path, b"old")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


def test_the_bytes_are_on_disk_before_the_file_is_renamed(tmp_path, monkeypatch):
    """If the file were renamed before its bytes are on disk, it could be empty after a crash."""
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *arguments: (done.append("fsync"), fsync(*arguments)))
    monkeypatch.setattr(os, "replace", lambda *arguments: (done.append("replace"), replace(*arguments)))
    write_file(tmp_path / "model", b"content")
    assert done == ["fsync", "replace"]


def test_a_missing_folder_raises_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "missing" / "model", b"")


@pytest.mark.parametrize(
    ("kind", "repair"),
    [
        (errno.ENOSPC, "make room on that disk"),
        (errno.EDQUOT, "make room in your quota of that disk"),
        (errno.EROFS, "choose a place that can be written"),
        (errno.EACCES, "choose a place that you may write to"),
        (errno.ENOENT, "its folder is missing: restore it"),
    ],
)
def test_an_error_has_its_repair(tmp_path, complaint, kind, repair):
    def fail():
        with data_error_on_failure(tmp_path / "model", "then go on"):
            raise OSError(kind, os.strerror(kind))

    text = f"{tmp_path}/model: cannot be written: {os.strerror(kind)}; {repair}; then go on"
    assert complaint(DataError, fail) == text


def test_only_temporary_files_are_removed(tmp_path):
    for name in (".model.safetensors.123", ".hidden", ".notes.txt", "model.1", ".a.b"):
        (tmp_path / name).touch()
    remove_temporary_files(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".a.b", ".hidden", ".notes.txt", "model.1"]
