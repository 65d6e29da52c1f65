"""Recognise texts that are still written as another program stores them: values of JSON or Python, and escapes.

A file may hold JSON in a column of a table, or what Python prints of a list, an object or bytes. Dumps of databases,
and some public sets, have `\\n` in the place of a line break. Read as texts, their signs and keys are words, and the
letter after a backslash is part of the next word.
"""

from __future__ import annotations

import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import count_true
from sentibp.utils.messages import counted

# An object, a list that begins with an object or a string, or bytes of Python.
_VALUES = r"""(?s)\A\s*(\{\s*["'][^"']*["']\s*:.*\}|\[\s*[{"'].*\]|b'.*'|b".*")\s*,?\s*\z"""

_ESCAPES = r"""\\(n|r|t|'|"|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})"""


def count_serialized(text: pa.Array | pa.ChunkedArray) -> tuple[int, int]:
    """Return how many texts are values of JSON or Python, and how many others have escapes such as `\\n`."""
    values = pc.match_substring_regex(text, _VALUES)
    others = pc.filter(text, pc.invert(values))
    return count_true(values), count_true(pc.match_substring_regex(others, _ESCAPES))


def serialized_notes(name: str, values: int, escapes: int, rows: int) -> list[str]:
    """Return notes if more than one in a hundred of some texts are so, as `count_serialized` has counted them."""
    notes = []
    if 100 * values > rows:
        what = """JSON, or what Python prints, such as {"text": "..."}, ['a', 'b'] or b'...'"""
        repair = "its keys and signs are read as words; write the text alone"
        notes.append(f"{name}: {values:,} of {counted(rows, 'text')} {'are' if values > 1 else 'is'} {what}; {repair}")
    if 100 * escapes > rows:
        have = "have" if escapes > 1 else "has"
        what = f"{escapes:,} of {counted(rows, 'text')} {have} escapes such as \\n, \\' or \\u00e9"
        notes.append(f"{name}: {what}, of which each sign is read; write a space, ' or é in the place of these")
    return notes
