"""The cache of encoded text: the result of tokenizing and counting a large corpus, stored for the next training.

An entry is a folder of .npy files, which are memory-mapped, with a digest of each file in `entry.json`. Its name is a
digest of all that the encoding depends on (data/encode.py). A damaged entry is removed and made again. The cache is in
SENTIBP_CACHE, or in the user's cache folder; SENTIBP_CACHE=off (or 0, no, false) disables it. If the cache grows beyond
SENTIBP_CACHE_GB (2), the least recently used entries are removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.errors import ConfigError
from sentibp.utils.files import read_small_file
from sentibp.utils.hashing import file_digest
from sentibp.utils.paths import address, expand_home

_NAME = re.compile(r"[0-9a-f]{32}")  # of an entry

_OFF = ("off", "0", "no", "false")  # values of SENTIBP_CACHE, none of which is meant as the name of a folder

_UNCLEAR = ("none", "null", "disable", "disabled", "on", "1", "yes", "true", "enable", "enabled")  # nor is one of these

_MISSING = r"~|.*\$(\w|\{\w+\})"  # a path whose user or variable does not exist, as nothing has replaced it

_FOR_A_SHELL = r".*(\$[{(]|`|%\w+%)"  # `$(pwd)`, `${HOME:-/tmp}`, `%APPDATA%`

_DAY = 86_400  # seconds

SMALLEST = 1_000_000  # numbers; encoding less takes so little time that storing it is not worthwhile


class Entry(NamedTuple):
    """An entry of the cache, as `sentibp cache` shows it."""

    name: str
    about: str
    size: int  # bytes
    used: float  # seconds since the epoch


def folder() -> Path | None:
    """Return the absolute path of the folder of the cache, or None if it is switched off.

    Quotes around it, `~`, `$HOME` and other variables are resolved, as by a shell: systemd, Docker and .env files leave
    them as they are. ConfigError for a user or a variable that does not exist, for what only a shell resolves, and for
    a word such as `none` or `true`.
    """
    chosen, base = _unquoted("SENTIBP_CACHE"), _unquoted("XDG_CACHE_HOME")
    if chosen.lower() in _OFF:
        return None
    if chosen.lower() in _UNCLEAR:
        fact = f"SENTIBP_CACHE: {chosen!r} is neither off nor the path of a folder"
        raise ConfigError(f"{fact}; write off, leave it out for the usual folder, or name one, such as ./{chosen}")
    path = expand_home(os.path.expandvars(chosen or os.path.join(base or "~/.cache", "sentibp")))
    is_missing = re.match(_MISSING, str(path))
    if is_missing or re.match(_FOR_A_SHELL, str(path)):
        which, value = ("SENTIBP_CACHE", chosen) if chosen else ("XDG_CACHE_HOME", base)
        fact = "names a user or a variable that does not exist" if is_missing else "has what only a shell replaces"
        raise ConfigError(f"{which}: {value!r} {fact}; write a whole path")
    if what := address(chosen):
        raise ConfigError(f"SENTIBP_CACHE: {chosen!r} is {what}; name a folder of this machine, or write off")
    return path.absolute()


def _unquoted(variable: str) -> str:
    """Return the value of an environment variable without white space and quotes around it; "" if it is not set."""
    return re.sub(r"""^(['"])(.*)\1$""", r"\2", os.environ.get(variable, "").strip()).strip()


def key(*parts: Any) -> str:
    """Return a digest of JSON values as the name of an entry."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def load(name: str) -> dict[str, np.ndarray] | None:
    """Return the arrays of an entry, memory-mapped and read-only; None if it does not exist or is damaged."""
    root = folder()
    if root is None or not os.path.isfile(root / name / "entry.json"):  # False, not an error, in another user's folder
        return None
    try:
        digests = json.loads(read_small_file(root / name / "entry.json"))["files"]
        if any(file_digest(root / name / file) != digest for file, digest in digests.items()):
            raise ValueError("damaged")
        arrays = {file.removesuffix(".npy"): np.asarray(np.load(root / name / file, mmap_mode="r")) for file in digests}
        os.utime(root / name / "entry.json")
        return arrays
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        _remove(root / name)
        return None


def store(name: str, about: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Store arrays under a name, completely or not at all.

    Nothing is stored if the disk is full, the folder is read-only, or the arrays exceed the limit of the cache.
    """
    root = folder()
    small = sum(array.size for array in arrays.values()) < SMALLEST
    if root is None or small or sum(array.nbytes for array in arrays.values()) > limit():
        return
    temporary = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=root, prefix=".new-"))
        for file, array in arrays.items():
            np.save(temporary / f"{file}.npy", array)
        digests = {f"{file}.npy": file_digest(temporary / f"{file}.npy") for file in arrays}
        entry = {"about": about, "files": digests}
        (temporary / "entry.json").write_text(json.dumps(entry), encoding="utf-8")
        temporary.rename(root / name)  # fails if another process has stored the same entry
        _shrink(root)
    except OSError:
        pass
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def entries() -> list[Entry]:
    """Return the entries, the least recently used first."""
    root = folder()
    result = []
    for file in root.glob("*/entry.json") if root is not None else ():  # glob passes over folders of other users
        try:
            about = str(json.loads(read_small_file(file))["about"])
            size = sum(path.stat().st_size for path in file.parent.iterdir())
            result.append(Entry(file.parent.name, about, size, file.stat().st_mtime))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # partly removed, or damaged: load() removes it
    return sorted(result, key=lambda entry: entry.used)


def clear() -> tuple[int, int]:
    """Remove all entries. Return the size in bytes of what was removed, and how many entries could not be removed."""
    root = folder()
    size, kept = sum(entry.size for entry in entries()), 0
    with contextlib.suppress(OSError):  # no folder, or that of another user
        for path in root.iterdir() if root is not None else ():
            if path.name.startswith(".new-") or _NAME.fullmatch(path.name) or os.path.exists(path / "entry.json"):
                shutil.rmtree(path, ignore_errors=True)
                kept += os.path.lexists(path)
    return size - sum(entry.size for entry in entries()), kept


def limit() -> float:
    """Return the largest allowed size of the cache in bytes. ConfigError if SENTIBP_CACHE_GB is no size."""
    given = os.environ.get("SENTIBP_CACHE_GB") or "2"
    try:
        gigabytes = float(given)
    except ValueError:
        gigabytes = math.nan
    if not gigabytes >= 0:  # nor is NaN
        raise ConfigError(f"SENTIBP_CACHE_GB: {given!r} is not a number of gigabytes; write one, such as 0.5")
    return gigabytes * 1e9


def _shrink(root: Path) -> None:
    kept = entries()
    while len(kept) > 1 and sum(entry.size for entry in kept) > limit():
        _remove(root / kept.pop(0).name)
    for path in root.glob(".new-*"):  # left by a process that was killed
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path, ignore_errors=True)


def _remove(entry: Path) -> None:
    """Rename an entry, then remove it, so that other processes find it either complete or not at all."""
    aside = entry.with_name(f".new-{os.getpid()}-{entry.name}")
    try:
        entry.rename(aside)
    except OSError:  # another process has removed it
        return
    shutil.rmtree(aside, ignore_errors=True)
