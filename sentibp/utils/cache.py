"""The cache of encoded text: what tokenizing and counting a large corpus gave, kept for the next training on it.

An entry is a folder of .npy files, which are memory-mapped, named after the data's fingerprint, the text settings and
the code that encodes, with a digest of every file in `entry.json`. An entry that is damaged is thrown away and made
again. The cache lies in SENTIBP_CACHE, or in the user's cache folder; SENTIBP_CACHE=off is no cache. Beyond
SENTIBP_CACHE_GB (2) the entries longest unused go.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_DAY = 86_400  # seconds

SMALLEST = 1_000_000  # numbers; less is encoded faster than it is worth keeping


class Entry(NamedTuple):
    """What `sentibp cache` shows."""

    name: str
    about: str
    size: int  # bytes
    used: float  # seconds since the epoch


def folder() -> Path | None:
    """Where the cache lies, or None if it is switched off."""
    chosen = os.environ.get("SENTIBP_CACHE")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sentibp"


def key(*parts: Any) -> str:
    """A name for what was made from these: JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def load(name: str) -> dict[str, np.ndarray] | None:
    """The arrays of an entry, mapped into memory, read-only; None if there is none, or it was damaged."""
    root = folder()
    if root is None or not (root / name / "entry.json").is_file():
        return None
    try:
        digests = json.loads((root / name / "entry.json").read_text(encoding="utf-8"))["files"]
        if any(_digest(root / name / file) != digest for file, digest in digests.items()):
            raise ValueError("damaged")
        arrays = {file.removesuffix(".npy"): np.asarray(np.load(root / name / file, mmap_mode="r")) for file in digests}
        os.utime(root / name / "entry.json")
        return arrays
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        _remove(root / name)
        return None


def store(name: str, about: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays under a name, whole or not at all; a full disk or a read-only folder only means no entry.

    Nor is there one of arrays that are larger than the whole cache may be.
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
        digests = {f"{file}.npy": _digest(temporary / f"{file}.npy") for file in arrays}
        entry = {"about": about, "files": digests}
        (temporary / "entry.json").write_text(json.dumps(entry), encoding="utf-8")
        temporary.rename(root / name)  # fails if another training was first: its entry is as good
        _shrink(root)
    except OSError:
        pass
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def entries() -> list[Entry]:
    """What the cache holds, the longest unused first."""
    root = folder()
    found = []
    for file in root.glob("*/entry.json") if root is not None else ():
        try:
            about = json.loads(file.read_text(encoding="utf-8"))["about"]
            size = sum(part.stat().st_size for part in file.parent.iterdir())
            found.append(Entry(file.parent.name, about, size, file.stat().st_mtime))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half removed, or damaged: load() will throw it away
    return sorted(found, key=lambda entry: entry.used)


def clear() -> int:
    """Remove all entries, and say how many bytes that were."""
    root = folder()
    size = sum(entry.size for entry in entries())
    for path in root.iterdir() if root is not None and root.is_dir() else ():
        if path.name.startswith(".new-") or (path / "entry.json").exists():
            shutil.rmtree(path, ignore_errors=True)
    return size


def limit() -> float:
    """The largest size of the cache, in bytes."""
    try:
        return float(os.environ.get("SENTIBP_CACHE_GB") or 2) * 1e9
    except ValueError:
        return 2e9


def _shrink(root: Path) -> None:
    kept = entries()
    while len(kept) > 1 and sum(entry.size for entry in kept) > limit():
        _remove(root / kept.pop(0).name)
    for left in root.glob(".new-*"):  # by a process that was killed
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left, ignore_errors=True)


def _remove(entry: Path) -> None:
    """Take an entry away at once, and remove it then: who looks for it meanwhile finds it whole, or not at all."""
    aside = entry.with_name(f".new-{os.getpid()}-{entry.name}")
    try:
        entry.rename(aside)
    except OSError:  # another process was first
        return
    shutil.rmtree(aside, ignore_errors=True)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
