"""Which texts are the same review: hashes of 64 bits, which do not depend on how a program saved the text.

Hash 3 compares texts as the tokenizer reads them, in lower case, without white space, and with one kind of quotation
marks and dashes: no-break spaces, soft hyphens, `&amp;`, `<br />`, é in one character or two make no difference.
Hash 2, that of earlier versions, knows white space and capitals of ASCII only. Most texts have the same hash in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from sentibp.data.tokenizer import normalize, pieces
from sentibp.utils.threads import parallel_map

_LOWER = bytes(range(256)).lower()
_TABLE = bytes.maketrans(b"`", b"'")  # the tokenizer takes both for an apostrophe
_SPACE = b" \t\n\r\v\f"
_BLANK = bytes([*range(33), 0x7F])  # as the tokenizer has it
_MARKS = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\xab\xbb", '"') | dict.fromkeys("\u2012\u2013\u2014\u2015\u2212", "-")
)


def text_hashes(text: pa.ChunkedArray) -> np.ndarray:
    """Return a hash of each text: (n,) int64. Texts that are the same review have the same one."""
    return _hashes(text, _as_read, _TABLE, _BLANK)


def occur_in(text: pa.ChunkedArray, hashes: np.ndarray) -> np.ndarray:
    """Return whether each text is one of those with the hashes (m,) of any version: (n,) bool."""
    return np.isin(text_hashes(text), hashes) | np.isin(_earlier_hashes(text), hashes)


def text_ids(text: pa.ChunkedArray) -> np.ndarray:
    """Return a number for each text, (n,) int64: the same for texts that are the same review.

    It is hash 2 of the first of them, because splits depend on the order of these numbers.
    """
    _, first, number = np.unique(text_hashes(text), return_index=True, return_inverse=True)
    return _earlier_hashes(text).take(first).take(number)


def blank_hash() -> int:
    """Return the hash of a text without a token."""
    return int(np.frombuffer(_digest(b""), np.int64)[0])


def _as_read(piece: pa.LargeStringArray) -> list[str]:
    return [each if each.isascii() else each.translate(_MARKS) for each in normalize(piece).to_pylist()]


def _earlier_hashes(text: pa.ChunkedArray) -> np.ndarray:
    return _hashes(text, pa.LargeStringArray.to_pylist, _LOWER, _SPACE)


def _hashes(
    text: pa.ChunkedArray, spelled: Callable[[pa.LargeStringArray], list[str]], table: bytes, removed: bytes
) -> np.ndarray:
    def digests(piece: pa.LargeStringArray) -> bytes:
        return b"".join(_digest(each.encode().translate(table, removed)) for each in spelled(piece))

    return np.frombuffer(b"".join(parallel_map(digests, pieces(text))), np.int64)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
