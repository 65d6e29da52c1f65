"""Write and read tensors and a header in one safetensors file, with a checksum over both.

The file is data: nothing in it is executed. It may come from an untrusted source. So no declared size is believed
before the bytes have been read, and reading takes memory in proportion to the size of the file. The checksum detects
accidental damage. It is no signature: someone who changes a file on purpose can also change the checksum.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sentibp.errors import DataError
from sentibp.utils import environment
from sentibp.utils.files import open_regular, unreadable
from sentibp.utils.threads import parallel_map

HEADER = 10_000_000  # largest size in bytes of names, shapes and metadata; ours have a few thousand
_NEEDED = 3  # bytes of memory for each byte of a file, while it is read and checked
_LOOK = 64  # bytes that tell what else a file is

_OTHERS = (  # how contents begin, and what they are
    (rb"version https://git-lfs\.", "a pointer of Git LFS, not the file itself; fetch it with git lfs pull"),
    (rb"\x1f\x8b|PK\x03\x04|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd", "compressed; decompress it, and name the file in it"),
    (
        rb"(?i)\s*<(!doctype|html)",
        "an HTML page, not the file itself; download that",
    ),
)

_PIECE = 1 << 21  # bytes that one thread hashes at once


def pack_tensor_file(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray], key: str = "sentibp") -> bytes:
    """Return the content of the file. The same header and tensors give the same bytes.

    The single metadata key contains the header as JSON with sorted keys, including the checksum.
    """
    from safetensors.numpy import save

    tensors = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    header = {name: value for name, value in header.items() if name != "checksum"}
    complete = header | {"checksum": checksum(header, tensors)}
    return save(tensors, metadata={key: json.dumps(complete, sort_keys=True)})


def read_tensor_file(
    path: Path,
    key: str = "sentibp",
    kind: str = "model file",
    give: str = "give a run directory or a model file",
    repair: str = "train again, or copy it again",
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the tensors of a file. The checksum is not verified yet: see `verify_checksum`.

    DataError, with the repair, if the file cannot be read; ValueError if its header is not a JSON object.
    """
    from safetensors import SafetensorError

    try:
        require_plausible(path, kind, repair)
        text, tensors = read_tensors(path, key)
    except OSError as error:
        raise DataError(unreadable(error, str(path), give)) from None
    except SafetensorError as error:
        raise DataError(f"{path}: not a {kind}, or damaged ({error}); {repair}") from None
    if text is None:
        raise DataError(f"{path}: a safetensors file, but not a {kind} of sentibp; {give}")
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    return header, tensors


def read_tensors(path: Path, key: str = "sentibp") -> tuple[str | None, dict[str, np.ndarray]]:
    """Return what the metadata of a safetensors file has under a key, and the tensors. None and none without the key.

    OSError if it cannot be read, or becomes shorter or longer meanwhile; SafetensorError if it is no such file.

    The file is not mapped into memory: if another program cut off a mapped file, the system would kill the process.
    """
    from safetensors import deserialize
    from safetensors.numpy import load

    with open_regular(path) as file:
        content = file.read()
        if len(content) != os.fstat(file.fileno()).st_size:
            raise OSError(
                errno.EIO, "has changed while it was read; try again when no other program writes to it", path
            )
    text = _metadata(content).get(key)
    if text is None:
        deserialize(content)  # raises SafetensorError
        return None, {}
    return text, load(content)


def _metadata(content: bytes) -> dict[str, Any]:
    """Return the metadata of a safetensors file, which nobody has checked: empty if there is none."""
    try:
        return dict(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"])
    except (ValueError, RecursionError, TypeError, KeyError):
        return {}


def require_plausible(path: Path, kind: str, repair: str) -> None:
    """Raise a DataError if the header or the whole file is too large to be read. Nothing is allocated before.

    OSError if the file cannot be read.
    """
    with open_regular(path) as file:
        size, start = os.fstat(file.fileno()).st_size, file.read(_LOOK)
    header = int.from_bytes(start[:8], "little")
    for pattern, what in _OTHERS:
        if re.match(pattern, start) and start[8:9] != b"{":  # where the header of a safetensors file begins
            raise DataError(f"{path}: {what}")
    if header > HEADER:
        raise DataError(f"{path}: not a {kind}, or damaged (a header of {header:,} bytes); {repair}")
    available = environment.memory()
    if _NEEDED * size > available:
        there = environment.size(available)
        raise DataError(f"{path}: a {kind} of {environment.size(size)} does not fit in memory ({there}); {repair}")


def verify_checksum(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray], *, required: bool = True) -> None:
    """Raise a ValueError if the checksum does not match the content, or is missing although it is required."""
    rest = dict(header)
    stored = rest.pop("checksum", None)
    if stored is None and not required:
        return
    if stored != checksum(rest, tensors):
        raise ValueError("its content does not match its checksum")


def checksum(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of the header and of the name, type, shape and numbers of each tensor.

    The numbers are hashed in pieces, to load a model fast: on all cores, unless starting a thread takes as long.
    """
    names = sorted(tensors)
    layout = [[name, str(tensors[name].dtype), tensors[name].shape] for name in names]
    total = hashlib.sha256(json.dumps([header, layout], sort_keys=True).encode())
    pieces = []
    for name in names:
        numbers = np.asarray(tensors[name], order="C").reshape(-1).view(np.uint8).data
        pieces += [numbers[start : start + _PIECE] for start in range(0, len(numbers), _PIECE)]
    apply = parallel_map if sum(map(len, pieces)) > _PIECE else map
    for digest in apply(lambda piece: hashlib.sha256(piece).digest(), pieces):
        total.update(digest)
    return total.hexdigest()
