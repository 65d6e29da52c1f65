"""What a training may depend on beside its settings and its data: versions, processor, threads."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LIBRARIES = ("sentibp", "numpy", "scipy", "pyarrow", "safetensors")


def versions() -> dict[str, str]:
    """The versions of what computes, and a digest of this program's own code, which may change between two versions."""
    import platform
    from importlib.metadata import version

    return {name: version(name) for name in _LIBRARIES} | {"python": platform.python_version(), "code": _code()}


def machine() -> dict[str, Any]:
    """Where it runs: system, processor, number of cores, and how many of these this process may use."""
    import platform

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        **_numpy(),
    }


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs between the `versions` and `machine` of two run.json, as far as both tell it: [then, now]."""
    found = {}
    for part in "versions", "machine":
        before, after = then.get(part) or {}, now.get(part) or {}
        found |= {key: [before[key], after[key]] for key in before if key in after and before[key] != after[key]}
    return found


@functools.cache
def _code() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _cpu() -> str:
    import platform

    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _numpy() -> dict[str, str]:
    """The library behind numpy's products, and the instructions of this processor that numpy has code for."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    found = config.get("SIMD Extensions", {}).get("found", [])
    return {"blas": f"{blas.get('name', '')} {blas.get('version', '')}".strip(), "simd": " ".join(found)}
