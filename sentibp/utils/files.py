"""Read and write files safely: a file is written completely or not at all, and only regular files are read."""

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
    errno.ENOENT: "its folder is missing: restore it",
}


def write_file(path: Path, content: bytes) -> None:
    """Write to a temporary file in the same folder, then move it to `path`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # keep the first error
            temporary.unlink(missing_ok=True)


def remove_temporary_files(folder: Path) -> None:
    """Remove temporary files that a killed process left. No other process may be writing to the folder."""
    for path in folder.glob(".*.*"):
        if path.suffix[1:].isdigit():
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def data_error_on_failure(path: Path, advice: str = "") -> Iterator[None]:
    """Turn an OSError in writing `path` into a DataError with the place, the reason, the repair and the `advice`."""
    try:
        yield
    except OSError as error:
        repair = "; ".join(filter(None, [_REPAIRS.get(error.errno or 0, ""), advice]))
        raise DataError(f"{path}: cannot be written: {error.strerror or error}; {repair}".rstrip("; ")) from None


_SMALL = 10_000_000  # bytes of run.json at most


def read_small_file(path: Path) -> str:
    """Return the text of a small file. OSError if it is not a regular file or larger than 10 MB.

    Run directories may come from an untrusted source.
    """
    with open_regular(path) as file:
        content = file.read(_SMALL + 1)
    if len(content) > _SMALL:
        raise OSError(errno.EFBIG, f"longer than {_SMALL // 1_000_000} MB", str(path))
    return content.decode()


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading. OSError for a pipe or a device."""
    if path.exists() and not path.is_file():  # a pipe may block, a device may be endless
        raise OSError(errno.EINVAL, "not a file", str(path))
    return open(path, "rb")
