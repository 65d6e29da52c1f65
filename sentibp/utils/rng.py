"""Independent streams of random numbers."""

from __future__ import annotations

import zlib

import numpy as np


def random_stream(seed: int, name: str) -> np.random.Generator:
    """Return the random generator for one purpose ("init", "shuffle", ...), independent of all others."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
