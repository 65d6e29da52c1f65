"""Check a cluster: versions, and whether all workers see the same files as this process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.worker import differences, identity

_WHOLE = 1 << 26  # bytes of a file up to which its fingerprint is of all its content
_SAMPLES, _SAMPLE = 64, 1 << 20  # of a larger one: so many pieces, of so many bytes


class WorkerFacts(NamedTuple):
    """What a worker says of itself."""

    name: str
    address: str
    threads: int
    versions: dict[str, str]  # empty if it cannot say
    faults: list[str]  # what differs from this process


class PathFacts(NamedTuple):
    """How a file or folder looks here, and what is wrong with it on each worker."""

    path: str
    size: int | None  # of all files; None if there is none here
    fingerprint: str | None
    faults: dict[str, str]  # by the address of the worker; "here" is this process


class Report(NamedTuple):
    """The result of a check."""

    address: str
    slots: int
    here: dict[str, str]
    workers: list[WorkerFacts]
    paths: list[PathFacts]

    @property
    def is_good(self) -> bool:
        """Whether nothing differs."""
        return not any(each.faults for each in (*self.workers, *self.paths))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        lists = {"workers": [each._asdict() for each in self.workers], "paths": [each._asdict() for each in self.paths]}
        return self._asdict() | lists | {"ok": self.is_good}


def check(executor: DaskExecutor, paths: Sequence[str]) -> Report:
    """Ask all workers for their versions, and how they see the paths. ClusterLost if the scheduler is gone."""
    workers = []
    about = executor.workers()
    for address, theirs in executor.identities().items():
        name, threads = str(about[address]["name"]), int(about[address]["nthreads"])
        if isinstance(theirs, Exception):
            fault = f"no sentibp that answers: {type(theirs).__name__}: {theirs}"
            workers.append(WorkerFacts(name, address, threads, {}, [fault]))
        else:
            workers.append(WorkerFacts(name, address, threads, theirs, differences(identity(), theirs)))
    checked = [_check_path(executor, os.path.abspath(os.path.expanduser(path))) for path in paths]
    return Report(executor.address, len(workers), identity(), workers, checked)


def _check_path(executor: DaskExecutor, path: str) -> PathFacts:
    with _probe(path) as probe:
        found = look(path, probe)
        if found[0] is None:
            return PathFacts(path, None, None, {"here": "no such file or folder, or it cannot be read"})
        faults = {}
        for address, theirs in executor.run_everywhere(look, path, probe).items():
            if isinstance(theirs, Exception):
                faults[address] = f"{type(theirs).__name__}: {theirs}"
            elif theirs[0] is None:
                faults[address] = theirs[1] or "not visible"
            elif not theirs[2]:
                faults[address] = "another folder of that name: it is not shared"
            elif theirs != found:
                faults[address] = "another size" if theirs[0] != found[0] else "another content"
    return PathFacts(path, found[0], found[1], faults)


@contextlib.contextmanager
def _probe(path: str) -> Iterator[str | None]:
    """Write a file into a folder for a moment: a worker that sees it sees the same folder."""
    if not os.path.isdir(path) or not os.access(path, os.W_OK):
        yield None
        return
    with tempfile.NamedTemporaryFile(dir=path, prefix=".check-", suffix=".sentibp-tmp") as file:
        yield file.name


def look(path: str, probe: str | None) -> tuple[int | None, str, bool]:
    """Return the size and the fingerprint of a file or folder, and whether the probe is there. It runs on all workers.

    The fingerprint of a folder is of the names and sizes of its files. The size is None if nothing is to be seen; then
    the fingerprint is the reason, or empty if nothing is there.
    """
    try:
        if os.path.isdir(path):
            sizes = dict(_sizes(path))
            lines = "".join(f"{name} {size}\n" for name, size in sorted(sizes.items()))
            is_same = probe is None or os.path.exists(probe)
            return sum(sizes.values()), hashlib.sha256(lines.encode(errors="replace")).hexdigest(), is_same
        return os.path.getsize(path), _fingerprint(path), True
    except PermissionError as error:
        return None, str(error.strerror).lower(), True
    except OSError:
        return None, "", True


def _sizes(path: str) -> Iterator[tuple[str, int]]:
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            if not name.endswith(".sentibp-tmp") and os.path.isfile(file):
                yield os.path.relpath(file, path), os.path.getsize(file)


def _fingerprint(path: str) -> str:
    """Return the SHA-256 of a file; of a large one, of pieces of it."""
    digest = hashlib.sha256()
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if size <= _WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        for number in range(_SAMPLES):
            file.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()
