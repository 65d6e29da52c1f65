"""Read and write files safely: a file is written completely or not at all, and only regular files are read."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from sentibp.errors import DataError
from sentibp.utils.paths import address, for_a_shell, shown

_REPAIRS = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room in your quota of that disk",
    errno.EFBIG: "allow larger files, with ulimit -f",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "choose a place that you may write to",
    errno.EPERM: "choose a place that you may write to",
    errno.ENOENT: "its folder is missing: restore it",
}

_MARK = ".sentibp-tmp"  # ends the name of each temporary file, and no name that users choose

_EXCLUSIVE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe is opened without a wait

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self|proc/(?P<process>\d+))/fd/(?P<number>\d+)")

AnyFile = TypeVar("AnyFile", bound=io.IOBase | IO[bytes])


def write_file(path: Path, content: bytes) -> None:
    """Write a file of sentibp's own, completely or not at all. A link or device of this name is replaced."""
    with replacing(path) as file:
        file.write(content)


def append_whole(file: IO[bytes], content: bytes) -> None:
    """Append to a file that was opened without a buffer: all of the content, or nothing. OSError if it cannot be."""
    length, rest = os.fstat(file.fileno()).st_size, memoryview(content)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except BaseException:
        with contextlib.suppress(OSError):
            file.truncate(length)
        raise


@contextlib.contextmanager
def closing(file: AnyFile) -> Iterator[AnyFile]:
    """Close a file at the end of the block. After an error of the block, such as Ctrl-C, that error stays.

    Closing writes what is left in the buffer, which fails if the disk is full or the reader of a pipe has ended.
    """
    try:
        yield file
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        raise
    file.close()


@contextlib.contextmanager
def open_output(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that the user named, for writing. If the block raises an error, the old content stays.

    A link stays, and the file that it names is written. The mode of a file stays, its owner if possible, and all its
    names if it has several. What is no regular file (a pipe, a device, /dev/stdout) is written as it is, and keeps what
    was written before an error. OSError if the file cannot be written.
    """
    if (number := _own_descriptor(path)) is not None:
        with closing(os.fdopen(os.dup(number), "wb")) as file:  # opened anew, it would be written from its beginning
            yield file
        return
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    old = os.stat(target) if os.path.exists(target) else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        with closing(open(target, "wb")) as file:
            yield file
        return
    if old is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if old is not None and old.st_nlink > 1:
        with _rewriting(target) as file:
            yield file
        return
    with replacing(target, old) as file:
        yield file


def missing_folder(path: Path) -> str:
    """Return the message that the folder of a file to write is missing, with the repair; else an empty string."""
    folder = path.parent
    if os.path.isdir(folder):
        return ""
    if what := for_a_shell(str(path)):
        return what
    if what := address(str(path)):
        return f"{what}, and not a file; write a file here, and copy it there"
    if os.path.lexists(folder):
        return f"{folder} is no folder; choose another place"
    return f"there is no folder {folder}; make it with `mkdir -p {shlex.quote(str(folder))}`, or choose another place"


def is_stream(path: Path) -> bool:
    """Return whether a path names a pipe, a device or an open file such as /dev/stdout, whatever its suffix is."""
    is_other = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    return _own_descriptor(path) is not None or is_other


def _own_descriptor(path: Path) -> int | None:
    """Return the number of this process's open file that a path such as /dev/stdout names; else None."""
    name = os.path.abspath(path)
    for _ in range(40):  # links that are followed one by one: the last would lead to the file, past the descriptor
        name = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
        if match := _DESCRIPTOR.fullmatch(name):
            own = match["process"] in (None, str(os.getpid()))
            return int(match["number"]) if own else None
        if not os.path.islink(name):
            return None
        name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))
    return None


@contextlib.contextmanager
def replacing(target: Path, old: os.stat_result | None = None) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the name `target` at the end. It has the mode and owner of the `old` file.

    If the block raises an error, the file `target` stays as it was.
    """
    with _temporary(target, 0o666 if old is None else 0o600) as (temporary, file):
        if old is not None and hasattr(os, "fchown"):
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(OSError):  # only root may give a file away
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(temporary, target)


@contextlib.contextmanager
def _rewriting(target: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file whose content is copied into `target` at the end, for all names of that file."""
    with _temporary(target, 0o600) as (_, file), open(target, "r+b") as opened:
        yield file
        file.seek(0)
        shutil.copyfileobj(file, opened, 1 << 20)
        opened.truncate()
        opened.flush()
        os.fsync(opened.fileno())


@contextlib.contextmanager
def _temporary(target: Path, mode: int) -> Iterator[tuple[Path, IO[bytes]]]:
    """Create a temporary file beside `target`, and remove it at the end if it is still there.

    Nobody can plant a file or a link under its name: the name is random, and must be new.
    """
    temporary = target.with_name(f".{target.name[:40]}.{os.urandom(6).hex()}{_MARK}")
    is_own = True
    try:  # from here on, since Ctrl-C may be raised as soon as the file is there
        try:
            descriptor = os.open(temporary, _EXCLUSIVE, mode)
        except OSError:
            is_own = False
            raise
        with closing(os.fdopen(descriptor, "w+b")) as file:
            yield temporary, file
    finally:
        if is_own:
            with contextlib.suppress(OSError):  # keep the first error
                temporary.unlink(missing_ok=True)


def make_folder(folder: Path, exist_ok: bool = True) -> None:
    """Make a folder and those above it. FileExistsError is of the folder itself only.

    Of a link to nothing, the system says that the file exists: here it is a FileNotFoundError that names the link.
    """
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        for path in folder, *folder.parents:
            if path.is_symlink() and not path.exists():
                raise FileNotFoundError(errno.ENOENT, f"a link to {os.readlink(path)}, which is gone", path) from None
        raise


def remove_temporary_files(folder: Path) -> None:
    """Remove temporary files that a killed process left. No other process may be writing to the folder."""
    for path in folder.glob(f".*{_MARK}"):
        path.unlink(missing_ok=True)


class WriteError(DataError):
    """A file cannot be written: the disk is full, or the folder is not writable."""


@contextlib.contextmanager
def data_error_on_failure(path: Path, advice: str = "") -> Iterator[None]:
    """Turn an OSError in writing `path` into a WriteError with the place, the reason, the repair and the `advice`."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error, advice) from None


def write_error(path: Path | str, error: OSError, advice: str = "") -> WriteError:
    """Return the error that `path` cannot be written: the place, the reason, the repair and the `advice`."""
    repair = _REPAIRS.get(error.errno or 0, "")
    if advice.startswith("or choose") and not repair.startswith("make room"):  # it says what to choose
        repair, advice = "", advice.removeprefix("or ")
    lines = [f"{path}: cannot be written: {error.strerror or error}", repair, advice]
    return WriteError("; ".join(filter(None, lines)))


@contextlib.contextmanager
def data_error_if_unreadable(name: str = "") -> Iterator[None]:
    """Turn an OSError in reading into a DataError with the place: the file of the error, or `name`."""
    try:
        yield
    except OSError as error:
        raise DataError(unreadable(error, name)) from None


def unreadable(error: OSError, name: str = "", repair: str = "") -> str:
    """Return a message on an OSError in reading a file or folder: the place, the fact, the repair.

    The place is `name`, or the file of the error. `repair` is for other faults than missing permissions.
    """
    place = name or shown(str(error.filename or "input"))
    if error.errno in (errno.EACCES, errno.EPERM):
        repair = "make it readable for you, or name another"
    if isinstance(error, Unwritten):
        repair = "copy it again"
    return f"{place}: {(error.strerror or str(error)).lower()}; {repair}".removesuffix("; ")


_HOLE = 1_000_000  # bytes that were never written, from which on a file is damaged

SMALL = 10_000_000  # bytes of a file, or of a line, that is read whole


def read_small_file(path: Path, most: int = SMALL) -> bytes:
    """Return the content of a file that is read whole. OSError if it is no regular file, or has more than `most` bytes.

    Run directories may come from an untrusted source.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"longer than {most / 1e6:.3g} MB", str(path))
    return content


def lock_file(file: IO[Any], alone: bool = True) -> bool:
    """Lock an open file until this process ends or closes it. Return False if another process holds its lock.

    `alone`: no other process may hold it; else those may that are not alone either. Where there are no locks, all have
    them.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading. OSError for a pipe, which may never end, a device, a folder, or holes in it."""
    _require_regular(os.stat(path), path)  # before it is opened: a writer to a pipe must not see a reader come and go
    # A descriptor of our own could be closed twice if Ctrl-C comes here: the file closes its own.
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT))  # noqa: SIM115
    try:
        _require_regular(os.fstat(file.fileno()), path)  # it may have been exchanged
        _require_written(file.fileno(), path)
    except BaseException:
        file.close()
        raise
    return file


class Unwritten(OSError):
    """Much of a file was never written."""


def _require_written(descriptor: int, path: str | os.PathLike[str]) -> None:
    """Raise an OSError if much of an open file was never written, as after a copy that was interrupted.

    Such a file has a size, but no content on the disk: reading it gives zeros without end.
    """
    about = os.fstat(descriptor)
    if about.st_size < _HOLE or about.st_blocks * 512 >= about.st_size or not hasattr(os, "SEEK_HOLE"):
        return
    start = end = 0
    while end < about.st_size and end - start < _HOLE:
        start = os.lseek(descriptor, end, os.SEEK_HOLE)  # the size of the file if there is none
        try:
            end = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError:  # nothing follows
            end = about.st_size
    os.lseek(descriptor, 0, os.SEEK_SET)
    if end - start >= _HOLE:
        fact = f"of its {about.st_size:,} bytes, those from byte {start:,} to {end:,} were never written"
        raise Unwritten(errno.EIO, f"damaged: {fact}", os.fspath(path))


def _require_regular(about: os.stat_result, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "not a file", os.fspath(path))
