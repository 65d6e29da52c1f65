"""Count the texts that are no reviews, but the row with the totals below a table, or a footer."""

from __future__ import annotations

import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import count_true
from sentibp.utils.messages import counted

FOOTER = (
    r"\s*\(?\d[\d,.']* (rows?|records?|results?|rows?\(s\))( (affected|selected|returned|exported|in set.*))?\.?\)?\s*"
)
"""A regular expression: a footer as database programs write it below the rows, in any case."""
_TOTAL = r"(grand |sub-?|sum )?totals?|sum|gesamt(summe)?|summe|totale?s?|totaal|somme|suma|итого|всего|合计|总计|合計"
_PATTERN = rf"(?i)\A(\s*({_TOTAL})\s*:?\s*|{FOOTER})\z"


def count_totals(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts are nothing but a word such as `Total`, or a footer such as `(120 rows)`."""
    found = pc.match_substring_regex(text, _PATTERN)
    return count_true(found)


def totals_note(name: str, totals: int, rows: int) -> list[str]:
    """Return a note if some of the texts seem to be totals or footers."""
    if not totals:
        return []
    what = "are probably totals or footers" if totals > 1 else "is probably a total or a footer"
    return [f"{name}: {totals:,} of {counted(rows, 'text')} {what}, such as Total, and no review; remove it if so"]
