"""Digests of files and tensors, and checksums that cost almost no time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping

import numpy as np

from sentibp.utils.files import open_regular


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a regular file. OSError as from `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensor_digests(tensors: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return the SHA-256 of the type, shape and bytes of each tensor."""
    return {name: _digest(np.asarray(tensor, order="C")) for name, tensor in tensors.items()}


def combined_digest(digests: Mapping[str, str]) -> str:
    """Return one digest of all digests."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def short_checksums(tensors: Iterable[np.ndarray]) -> str:
    """Return four hexadecimal digits for each tensor, in order. A changed tensor almost certainly changes them.

    They are a hash of the sum of the bytes as 64-bit integers, which takes a twentieth of the time of a digest.
    """
    return "".join(f"{_checksum16(tensor):04x}" for tensor in tensors)


def _checksum16(values: np.ndarray) -> int:
    bits = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    whole = len(bits) // 8 * 8
    total = int(bits[:whole].view(np.uint64).sum()) + int.from_bytes(bits[whole:].tobytes(), "little")
    return total * 0x9E3779B97F4A7C15 >> 48 & 0xFFFF  # Fibonacci hashing: every bit of the sum affects the four digits


def _digest(tensor: np.ndarray) -> str:
    digest = hashlib.sha256(f"{tensor.dtype} {tensor.shape} ".encode())
    digest.update(tensor.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
