"""Recognise texts that were damaged before they were written to their file, which is valid UTF-8.

UTF-8 that a program has read in another encoding and written again has two letters or more for each one beyond ASCII:
Ã© for é. A program that cannot read a character writes U+FFFD in its place.
"""

from __future__ import annotations

import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import count_true

LOOK = 1000
"""Texts from the beginning of a file that are looked at: what is wrong with some of them is wrong with the file."""

# The first bytes of characters of two and three bytes as cp1252 and Latin-1 have them, with a second one.
_READ_WRONG = r"Ã[\x{80}-\x{BF}]|[ÐÑ][\x{80}-\x{BF}]|â€|â\x{80}"

_LOST = r"\x{FFFD}"


def count_garbled(text: pa.Array | pa.ChunkedArray) -> tuple[int, int]:
    """Return how many texts have letters of UTF-8 that was read in another encoding, and how many lost characters."""
    read_wrong, lost = (pc.match_substring_regex(text, pattern) for pattern in (_READ_WRONG, _LOST))
    return count_true(read_wrong), count_true(lost)


def garbled_notes(name: str, read_wrong: int, lost: int, rows: int) -> list[str]:
    """Return notes if more than one in a hundred of some texts are damaged, as `count_garbled` has counted them."""
    notes = []
    if 100 * read_wrong > rows:
        fact = "has letters such as Ã© or â€™, as a file has that was read in a wrong encoding and saved"
        notes.append(f"{name}: {fact}; where this is so, iconv -f utf-8 -t cp1252 makes them é and ’ again")
    if 100 * lost > rows:
        fact = "has the character U+FFFD, which a program writes in the place of one that it cannot read"
        notes.append(f"{name}: {fact}; export the texts again, as UTF-8")
    return notes
