"""Count the texts that are empty or blank, for the messages about them."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import count_true
from sentibp.utils.messages import counted

_BLANK = r"\A[\s\pZ\pC]*\z"


def count_blank(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts have no character that can be seen; null is one of them."""
    found = pc.match_substring_regex(text, _BLANK)
    return text.null_count + count_true(found)


def blank_note(name: str, blank: int, rows: int, what: str) -> list[str]:
    """Return a note if some of the texts are blank. `what` says what becomes of them."""
    if not blank:
        return []
    return [f"{name}: {blank:,} of {counted(rows, 'text')} {'are' if blank > 1 else 'is'} empty: {what}"]


def all_blank(name: str, rows: int, others: Iterable[str], repair: str) -> str:
    """Return the message that all texts are blank, with the other columns that there are, or else the `repair`."""
    choice = ", ".join(others)
    repair = f"name another column with --set data.text_column=NAME, one of: {choice}" if choice else repair
    return f"{name}: all {counted(rows, 'text')} are empty; {repair}"
