"""Tensors and a header in one safetensors file, with a checksum over both.

The file is data: nothing in it is run. It may come from a stranger, so no size that it declares is believed before the
bytes are seen to be there, and what is read takes memory in proportion to the file. The checksum finds damage by
chance: a file that was changed by chance is refused. It is no signature: whoever changes a file on purpose can write
the checksum that belongs to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sentibp.errors import DataError
from sentibp.utils.threads import parallel_map

HEADER = 10_000_000  # bytes at most of names, shapes and metadata; ours have some thousand
_PIECE = 1 << 21  # bytes hashed at once by one thread


def pack_tensor_file(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray], key: str = "sentibp") -> bytes:
    """The content of the file. Same header and tensors, same bytes.

    The one metadata key holds the header as JSON with sorted keys, and the checksum in it.
    """
    from safetensors.numpy import save

    tensors = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    header = {name: value for name, value in header.items() if name != "checksum"}
    sealed = header | {"checksum": checksum(header, tensors)}
    return save(tensors, metadata={key: json.dumps(sealed, sort_keys=True)})


def read_tensor_file(
    path: Path,
    key: str = "sentibp",
    kind: str = "model file",
    give: str = "give a run directory or a model file",
    repair: str = "train again or copy it anew",
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the tensors of a file, for `verify_checksum` to look at.

    DataError if it is no such file, with what to give instead or the repair; ValueError if its header is no object.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if not stat.S_ISREG(os.stat(path).st_mode) and not path.is_dir():  # a pipe would wait, a device never end
            raise DataError(f"{path}: not a file; {give}")
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
        if size > HEADER:  # refused before it is read
            raise DataError(f"{path}: not a {kind}, or damaged (a header of {size:,} bytes); {repair}")
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {}).get(key)
            if text is None:
                raise DataError(f"{path}: a safetensors file, but not a {kind} of sentibp; {give}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; {give}") from None
    except SafetensorError as error:
        raise DataError(f"{path}: not a {kind}, or damaged ({error}); {repair}") from None
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    return header, tensors


def verify_checksum(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray], *, required: bool = True) -> None:
    """ValueError if the checksum is not that of the content; or if there is none, and it is required."""
    rest = dict(header)
    told = rest.pop("checksum", None)
    if told is None and not required:
        return
    if told != checksum(rest, tensors):
        raise ValueError("its content is not what its checksum says")


def checksum(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the header and the name, type, shape and numbers of each tensor.

    Of the numbers the digests of pieces are taken, on all cores, so that loading waits for it as little as can be.
    """
    names = sorted(tensors)
    about = [[name, str(tensors[name].dtype), tensors[name].shape] for name in names]
    total = hashlib.sha256(json.dumps([header, about], sort_keys=True).encode())
    pieces = []
    for name in names:
        numbers = np.asarray(tensors[name], order="C").reshape(-1).view(np.uint8).data
        pieces += [numbers[start : start + _PIECE] for start in range(0, len(numbers), _PIECE)]
    for digest in parallel_map(lambda piece: hashlib.sha256(piece).digest(), pieces):
        total.update(digest)
    return total.hexdigest()
