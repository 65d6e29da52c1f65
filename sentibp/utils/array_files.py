"""Arrays in files that other processes and machines read: .npy, mapped into memory; and texts in Arrow files.

A file gets its name when it is complete, so that a task that is repeated never leaves half of one. The files are in a
folder for the work, which is removed with them. Messages name the folder that holds it, which the user knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from sentibp.errors import DataError
from sentibp.utils.executor import NotVisible, not_visible, worker_name
from sentibp.utils.files import data_error_on_failure, replacing
from sentibp.utils.hashing import file_digest
from sentibp.utils.paths import shown

_REPAIR = "give the same command again, or resume with --resume if there is a checkpoint"


def save(path: str, array: np.ndarray) -> str:
    """Write an array, and return the SHA-256 of the file. DataError if it cannot be written."""
    return _write(path, lambda file: np.save(file, array))


def load(path: str, digest: str | None = None) -> np.ndarray:
    """Return the array in a file, mapped into memory and read-only.

    DataError if it cannot be read or, with a digest, if its content is another one.
    """
    _verify(path, digest)
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, ValueError) as error:
        raise unreadable_here(path, error) from None


def save_texts(path: str, texts: pa.ChunkedArray) -> str:
    """Write texts, and return the SHA-256 of the file. DataError if it cannot be written."""

    def write(file: IO[bytes]) -> None:
        schema = pa.schema([("text", texts.type)])
        with pa.ipc.new_file(file, schema) as writer:
            for chunk in texts.chunks:
                writer.write_batch(pa.record_batch([chunk], schema=schema))

    return _write(path, write)


def load_texts(path: str, digest: str | None = None) -> pa.ChunkedArray:
    """Return the texts in a file, mapped into memory. DataError as `load`."""
    _verify(path, digest)
    try:
        return pa.ipc.open_file(pa.memory_map(path)).read_all()["text"]
    except (OSError, pa.ArrowInvalid) as error:
        raise unreadable_here(path, error) from None


def unreadable_here(path: str, error: Exception) -> DataError:
    """Return the error for a file that cannot be read: on another machine, it is probably not visible."""
    if isinstance(error, FileNotFoundError):
        return not_visible(known_folder(path), "what the command writes there")
    if isinstance(error, PermissionError):
        who = worker_name() or "this process"
        fact = f"{who} may not read what the command writes there"
        return NotVisible(f"{known_folder(path)}: {fact}; run it as the user of this command")
    reason = getattr(error, "strerror", None) or error
    return DataError(f"{known_folder(path)}: what the command writes there cannot be read: {reason}; {_REPAIR}")


def changed(path: str) -> DataError:
    """Return the error for a file whose content is not what was written."""
    return DataError(f"{known_folder(path)}: what the command writes there has changed since it was written; {_REPAIR}")


def known_folder(path: str | Path) -> str:
    """Return the folder that holds the folder of a file."""
    return shown(str(Path(path).parent.parent))


def _write(path: str, write: Callable[[IO[bytes]], Any]) -> str:
    with data_error_on_failure(Path(known_folder(path))), replacing(Path(path)) as file:
        write(file)
        file.flush()
        digest = hashlib.sha256()
        file.seek(0)
        while piece := file.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()


def _verify(path: str, digest: str | None) -> None:
    if digest is None:
        return
    try:
        found = file_digest(path)
    except OSError as error:
        raise unreadable_here(path, error) from None
    if found != digest:
        raise changed(path)
