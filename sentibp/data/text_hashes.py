"""Which texts are the same review: hashes of 64 bits, which do not depend on how a program saved the text.

Hash 3 compares texts as the tokenizer reads them, in lower case, without white space, and with one kind of quotation
marks and dashes: no-break spaces, soft hyphens, `&amp;`, `<br />`, é in one character or two make no difference.
Hash 2, that of earlier versions, knows white space and capitals of ASCII only. Most texts have the same hash in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from sentibp.data.tokenizer import ENTITY, pieces, unescape, unify
from sentibp.utils import compute as pc
from sentibp.utils.arrow import apply_where
from sentibp.utils.threads import parallel_map

_LOWER = bytes(range(256)).lower()
_LINE_BREAKS = (b"<br/>", b"<br>")
_TABLE = _LOWER.replace(b"`", b"'")  # the tokenizer takes both for an apostrophe
_SPACE = b" \t\n\r\v\f"
_BLANK = bytes([*range(33), 0x7F])  # as the tokenizer has it
_CHANGED = r"[^\x00-\x7F\x{E0}-\x{F6}\x{F8}-\x{FF}]"  # unify() changes neither ASCII nor these small letters of Latin-1
_QUOTES, _DASHES = r"[\x{201C}-\x{201F}\x{2033}\x{AB}\x{BB}]", r"[\x{2012}-\x{2015}\x{2212}]"


def text_hashes(text: pa.ChunkedArray) -> np.ndarray:
    """Return a hash of each text: (n,) int64. Texts that are the same review have the same one."""
    return _hashes(_as_read(text), _TABLE, _BLANK, _LINE_BREAKS)


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


def _as_read(text: pa.ChunkedArray) -> Iterator[pa.LargeStringArray]:
    """Yield the texts as the tokenizer reads them, but for capitals, white space and line breaks in ASCII."""
    return parallel_map(_unified, pieces(text))


def _unified(text: pa.LargeStringArray) -> pa.LargeStringArray:
    text = apply_where(text, pc.match_substring_regex(text, ENTITY), unescape)
    return apply_where(text, pc.invert(pc.string_is_ascii(text)), _unified_beyond_ascii)


def _unified_beyond_ascii(text: pa.LargeStringArray) -> pa.LargeStringArray:
    return apply_where(text, pc.match_substring_regex(text, _CHANGED), _with_plain_marks)


def _with_plain_marks(text: pa.LargeStringArray) -> pa.LargeStringArray:
    text = pc.replace_substring_regex(unify(text), _QUOTES, '"')
    return pc.replace_substring_regex(text, _DASHES, "-")


def _earlier_hashes(text: pa.ChunkedArray) -> np.ndarray:
    return _hashes(pieces(text), _LOWER, _SPACE)


def _hashes(
    texts: Iterable[pa.LargeStringArray], table: bytes, removed: bytes, breaks: tuple[bytes, ...] = ()
) -> np.ndarray:
    """Return the hash of each text. Bytes are replaced by a table, removed, and then the `breaks` are, too."""

    def content(text: str) -> bytes:
        result = text.encode().translate(table, removed)
        for each in breaks:
            result = result.replace(each, b"")
        return result

    digests = [b"".join(_digest(content(text)) for text in piece.to_pylist()) for piece in texts]
    return np.frombuffer(b"".join(digests), np.int64)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
