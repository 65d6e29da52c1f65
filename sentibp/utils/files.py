"""Writing files so that they are there whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sentibp.errors import DataError

_REPAIRS = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room in your quota of that disk",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "choose a place that you may write to",
    errno.EPERM: "choose a place that you may write to",
    errno.ENOENT: "its folder is gone: bring it back",
}


def write_file(path: Path, content: bytes) -> None:
    """Write to a temporary name beside `path`, then move it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # what went wrong before is what is told
            temporary.unlink(missing_ok=True)


def remove_temporary_files(folder: Path) -> None:
    """Remove what `write_file` has left there in a process that was killed. Nobody else may be writing there."""
    for path in folder.glob(".*.*"):
        if path.suffix[1:].isdigit():
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def data_error_on_failure(path: Path, advice: str = "") -> Iterator[None]:
    """Turn an OSError in writing `path` into one line: where, what, and how to repair it; then the advice."""
    try:
        yield
    except OSError as error:
        repair = "; ".join(filter(None, [_REPAIRS.get(error.errno or 0, ""), advice]))
        raise DataError(f"{path}: cannot be written: {error.strerror or error}; {repair}".rstrip("; ")) from None


_SMALL = 10_000_000  # bytes of run.json at most


def read_small_file(path: Path) -> str:
    """The text of a small file of a run directory, which may be a stranger's. OSError if it is no file, or endless."""
    with open_regular(path) as file:
        content = file.read(_SMALL + 1)
    if len(content) > _SMALL:
        raise OSError(errno.EFBIG, f"longer than {_SMALL // 1_000_000} MB", str(path))
    return content.decode()


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading. OSError for a pipe or a device."""
    if path.exists() and not path.is_file():  # a pipe would wait, a device never end
        raise OSError(errno.EINVAL, "not a file", str(path))
    return open(path, "rb")
