"""Pointer files, runs/last and runs/started: text files with the path of a run."""

from __future__ import annotations

import os
from pathlib import Path

from sentibp.errors import ConfigError
from sentibp.utils.files import open_regular

POINTERS = ("last", "started")

NAME_ANOTHER = "name a run directory or a model file"

_LONGEST = 4096  # bytes of a path


def is_pointer(path: Path) -> bool:
    """Return whether this is a pointer file, by its name, and not a model file that has been given that name."""
    if not os.path.isfile(path) or os.path.basename(os.path.realpath(path)) not in POINTERS:
        return False
    try:
        with open_regular(path) as file:
            return file.read(9)[8:] != b"{"  # where the header of a safetensors file begins
    except OSError:
        return True  # reading it says why


def read_pointer(pointer: Path) -> Path:
    """Return the path that a pointer file holds, of a run that may be gone. ConfigError if it holds no path.

    Beside the path itself, the run may lie in the folder of the pointer: runs/ was moved or renamed.
    """
    repair = f"{'remove it, to use the newest finished run, or ' if pointer.name == 'last' else ''}{NAME_ANOTHER}"
    try:
        with open_regular(pointer) as file:
            content = file.read(_LONGEST + 1)
        text = content.decode().strip()
    except OSError as error:
        raise ConfigError(f"{pointer}: cannot be read: {error.strerror}; {repair}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{pointer}: damaged: not text; {repair}") from None
    if not text or len(content) > _LONGEST or not text.isprintable():
        fault = "empty" if not text else "too long" if len(content) > _LONGEST else "not one line"
        raise ConfigError(f"{pointer}: damaged: {fault}; {repair}")
    folder = pointer.parent
    base = folder / ".." if folder.name in ("", "..") else folder.parent  # which holds runs/
    places = [base / text, folder / text, folder / Path(text).name]
    target = next((place for place in places if os.path.exists(place)), places[0])
    if is_pointer(target):
        raise ConfigError(f"{pointer}: names {text}, which only names another run; {repair}")
    return target


def copied_pointer(path: Path) -> Path | None:
    """Return the run that a file names which is a pointer file under another name; None if it is none."""
    try:
        with open_regular(path) as file:
            text = file.read(_LONGEST).decode().strip()
    except (OSError, UnicodeDecodeError):
        return None
    if "\n" in text or "\0" in text or not text:
        return None
    places = [path.parent / text, path.parent / ".." / text, path.parent / Path(text).name]
    return next((place for place in places if (place / "run.json").is_file()), None)
