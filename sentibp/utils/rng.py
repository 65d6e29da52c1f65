"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

import zlib

import numpy as np


def random_stream(seed: int, name: str) -> np.random.Generator:
    """The random numbers for one purpose ("init", "shuffle", ...): drawing more of one never changes another."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
