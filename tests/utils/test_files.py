"""A file is written completely or not at all."""

from __future__ import annotations

import errno
import gc
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sentibp.model.prediction_writer import compressing
from sentibp.utils import files
from sentibp.utils.files import WriteError, data_error_on_failure, open_output, remove_temporary_files, write_file


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
        (errno.EFBIG, "allow larger files, with ulimit -f"),
        (errno.EACCES, "choose a place that you may write to"),
        (errno.ENOENT, "its folder is missing: restore it"),
    ],
)
def test_an_error_has_its_repair(tmp_path, complaint, kind, repair):
    def fail():
        with data_error_on_failure(tmp_path / "model", "then go on"):
            raise OSError(kind, os.strerror(kind))

    text = f"{tmp_path}/model: cannot be written: {os.strerror(kind)}; {repair}; then go on"
    assert complaint(WriteError, fail) == text


def test_only_temporary_files_of_this_writer_are_removed(tmp_path, monkeypatch):
    kept = [".a.b", ".hidden", ".model.safetensors.123", ".notes.2024", ".notes.txt", "model.1", "x.sentibp-tmp"]
    for name in kept:
        (tmp_path / name).touch()
    with monkeypatch.context() as patch:  # the process is killed before it renames the file
        patch.setattr(os, "replace", lambda *arguments: None)
        patch.setattr(type(tmp_path), "unlink", lambda *arguments, **options: None)
        write_file(tmp_path / "model", b"")
    assert len(os.listdir(tmp_path)) == len(kept) + 1
    remove_temporary_files(tmp_path)
    assert sorted(os.listdir(tmp_path)) == kept


def mode(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def output(path, content: bytes = b"new") -> None:
    """Write a file as `--output` does."""
    with open_output(path) as file:
        file.write(content)


def test_a_new_file_has_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        output(tmp_path / "a")
        write_file(tmp_path / "b", b"")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == mode(tmp_path / "b") == 0o640


@pytest.mark.parametrize("old", [0o600, 0o664, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path, old):
    path = tmp_path / "out.csv"
    path.write_bytes(b"a long old content")
    path.chmod(old)
    output(path)
    assert path.read_bytes() == b"new"
    assert mode(path) == old


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_replaced_file_keeps_its_owner(tmp_path):
    path = tmp_path / "out.csv"
    path.touch()
    os.chown(path, 1234, 4321)
    output(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


@pytest.mark.parametrize("exists", [True, False], ids=["file", "dangling"])
@pytest.mark.parametrize("target", ["real.csv", "sub/real.csv"])
def test_a_link_stays_and_its_target_is_written(tmp_path, target, exists):
    (tmp_path / "sub").mkdir()
    if exists:
        (tmp_path / target).write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to(target)
    (tmp_path / "second.csv").symlink_to("link.csv")
    output(tmp_path / "second.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "second.csv").is_symlink()
    assert not (tmp_path / target).is_symlink()
    assert (tmp_path / target).read_bytes() == b"new"


def test_a_file_of_a_run_replaces_a_link(tmp_path):
    """A run directory of a stranger must not lead elsewhere."""
    (tmp_path / "mine").write_bytes(b"old")
    (tmp_path / "run.json").symlink_to("mine")
    write_file(tmp_path / "run.json", b"new")
    assert (tmp_path / "mine").read_bytes() == b"old"
    assert not (tmp_path / "run.json").is_symlink()


def test_a_link_to_itself_cannot_be_written(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        output(tmp_path / "a")
    assert (tmp_path / "a").is_symlink()


def test_all_names_of_a_file_have_the_new_content(tmp_path):
    (tmp_path / "a").write_bytes(b"a long old content")
    (tmp_path / "a").chmod(0o640)
    os.link(tmp_path / "a", tmp_path / "b")
    output(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.path.samefile(tmp_path / "a", tmp_path / "b")
    assert mode(tmp_path / "a") == 0o640
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("linked", [True, False])
def test_the_old_content_survives_an_error_of_whoever_writes(tmp_path, linked):
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    if linked:
        os.link(path, tmp_path / "other.csv")

    def fail() -> None:
        with open_output(path) as file:
            file.write(b"the beginning")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 1 + linked


def test_a_pipe_is_written_and_stays(tmp_path):
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(path.read_bytes)
        output(path)
        assert read.result(10) == b"new"
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe.csv"]


def test_a_device_is_written_and_stays():
    output(Path("/dev/null"))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("form", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_an_open_file_of_this_process_is_written_where_it_stands(tmp_path, form):
    """As `--output /dev/stdout >> log.csv` and `--output >(gzip)`: not from the file's beginning, and not renamed."""
    with open(tmp_path / "log.csv", "wb", buffering=0) as file:
        file.write(b"before\n")
        inode = os.fstat(file.fileno()).st_ino
        path = Path(form.format(file.fileno()))
        if form == "link":
            path = tmp_path / "link"
            path.symlink_to(f"/dev/fd/{file.fileno()}")
        output(path)
    assert (tmp_path / "log.csv").read_bytes() == b"before\nnew"
    assert (tmp_path / "log.csv").stat().st_ino == inode


def test_a_folder_cannot_be_written(tmp_path):
    with pytest.raises(IsADirectoryError):
        output(tmp_path)


def test_a_planted_name_is_never_followed(tmp_path, monkeypatch):
    """Whoever knows the name of the temporary file must not direct it elsewhere."""
    monkeypatch.setattr(os, "urandom", lambda count: b"\0" * count)
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / f".out.csv.{'00' * 6}.sentibp-tmp").symlink_to("precious")
    with pytest.raises(FileExistsError):
        output(tmp_path / "out.csv")
    assert (tmp_path / "precious").read_bytes() == b"old"


def test_a_long_name_can_be_written(tmp_path):
    name = "ü" * 120 + ".csv"
    output(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


HOLES = pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="the system does not tell where a file has holes")


def sparse(path: Path, start: bytes, size: int, end: bytes = b"") -> Path:
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(size)
        file.seek(size)
        file.write(end)
    if os.stat(path).st_blocks * 512 >= size:
        pytest.skip("this file system writes holes")
    return path


@HOLES
@pytest.mark.parametrize(("start", "end"), [(b"", b""), (b"text,label\n" * 10_000, b""), (b"", b"end" * 10_000)])
def test_a_file_that_was_not_written_to_its_end(tmp_path, start, end):
    path = sparse(tmp_path / "x.csv", start, 10_000_000, end)
    with pytest.raises(files.Unwritten) as caught:
        files.open_regular(path)
    said = files.unreadable(caught.value, "x.csv", "name another")
    assert said.startswith(f"x.csv: damaged: of its {10_000_000 + len(end):,} bytes, those from byte ")
    assert said.endswith(" were never written; copy it again")


@HOLES
def test_small_holes_are_read(tmp_path):
    path = sparse(tmp_path / "x", b"start", 500_000, b"x" * 1_000_000)
    with files.open_regular(path) as file:
        assert file.read(5) == b"start"


def test_an_interruption_as_soon_as_the_temporary_file_is_there_removes_it(tmp_path, monkeypatch):
    create = os.open

    def interrupted(path, *arguments, **options):
        create(path, *arguments, **options)
        raise KeyboardInterrupt  # as a signal does at the next instruction

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), open_output(tmp_path / "out.csv"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["new", "several names", "/dev/full", "pipe without a reader"])
@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz"])
def test_an_interruption_stays_one_where_the_rest_of_the_buffer_cannot_be_written(
    tmp_path: Path, kind: str, name: str
) -> None:
    """As the file was closed, the interruption ended as an OSError."""
    resource = pytest.importorskip("resource")  # Windows has none
    output = tmp_path / name
    reader, writer = os.pipe()
    os.close(reader)
    if kind == "several names":
        output.write_bytes(b"old")
        os.link(output, tmp_path / "other")
    elif kind != "new":
        output.symlink_to("/dev/full" if kind == "/dev/full" else f"/dev/fd/{writer}")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as with a full disk
        with pytest.raises(KeyboardInterrupt), open_output(output) as file, compressing(output, file) as sink:
            sink(b"a good film")
            raise KeyboardInterrupt
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        os.close(writer)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the file was closed by nobody else
def test_ctrl_c_as_a_file_is_opened_stays_ctrl_c(tmp_path: Path) -> None:
    """Its descriptor was closed twice, so that the interrupt ended as an OSError, "bad file descriptor"."""
    path = tmp_path / "reviews.csv"
    path.write_text("text\n")

    def interrupt(frame: object, event: str, function: object) -> None:
        if event == "c_return" and function is open:
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            files.open_regular(path)
    finally:
        sys.setprofile(None)
    gc.collect()
