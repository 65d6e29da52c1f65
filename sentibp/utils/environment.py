"""The environment that a training depends on besides its settings and its data: versions, processor, threads."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LIBRARIES = ("sentibp", "numpy", "scipy", "pyarrow", "safetensors")

_PACKAGE = Path(__file__).parent.parent


@functools.cache
def version(library: str) -> str:
    """Return the version of an installed library. Each look-up reads its whole description, hence the cache."""
    from importlib import metadata

    return metadata.version(library)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that compute, and a digest of the code of sentibp.

    The code may change between two versions of sentibp, hence the digest.
    """
    import platform

    code = source_digest()[:12]
    return {name: version(name) for name in _LIBRARIES} | {"python": platform.python_version(), "code": code}


def machine() -> dict[str, Any]:
    """Return the platform, the processor, the number of cores, and how many of them this process may use."""
    import platform

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        **_numpy(),
    }


def memory() -> float:
    """Return how many bytes of memory this process may use: those of the machine, or fewer if a limit is set.

    Infinity if the system does not say.
    """
    limits = []
    with contextlib.suppress(OSError, ValueError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes":
        with contextlib.suppress(OSError, ValueError):  # ValueError: "max", which is no limit
            limits.append(int(Path(file).read_text(encoding="utf-8")))
    with contextlib.suppress(ImportError, ValueError):  # Windows has no such limits
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft)
    return min(limits, default=math.inf)


def size(count: float) -> str:
    """Return a number of bytes in kB, MB, GB or TB."""
    units = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"))
    unit, name = next((each for each in units if count >= each[0]), (1e3, "kB"))
    return f"{count / unit:,.1f} {name}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return {key: [old, new]} for each difference in the `versions` and `machine` of two run.json.

    A key that only one of them has is skipped.
    """
    changed = {}
    for section in "versions", "machine":
        old, new = before.get(section) or {}, after.get(section) or {}
        changed |= {key: [old[key], new[key]] for key in old if key in new and old[key] != new[key]}
    return changed


@functools.cache
def source_digest(*paths: str) -> str:
    """Return the SHA-256 of sentibp's source code: of these files and folders in the package, or of all of it."""
    digest = hashlib.sha256()
    roots = [_PACKAGE / path for path in paths] or [_PACKAGE]
    for path in sorted(file for root in roots for file in (root.rglob("*.py") if root.is_dir() else [root])):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _cpu() -> str:
    import platform

    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _numpy() -> dict[str, str]:
    """Return the BLAS library of numpy, and the SIMD instructions of this processor that numpy uses."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    simd = config.get("SIMD Extensions", {}).get("found", [])
    return {"blas": f"{blas.get('name', '')} {blas.get('version', '')}".strip(), "simd": " ".join(simd)}
