"""Recognise texts whose letters beyond ASCII are written in ASCII: in UTF-7, or quoted-printable as in e-mails.

Every byte of them is valid UTF-8, so that no decoder complains: `Caf+AOk-` and `Caf=C3=A9` would be other words.
"""

from __future__ import annotations

import base64
import re

import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import count_true
from sentibp.utils.repair import set_option

_RUN = r"\+([A-Za-z0-9+/]{3,})"  # what UTF-7 (RFC 2152) may have written
_SIGNS = '!"#$%&*;<=>@[]^_`{|}~\\'  # of ASCII, which UTF-7 may write so, too
_QUOTED = r"=(3D|C[23]=[89AB][0-9A-F]|[DE][0-9A-F](=[89AB][0-9A-F]){1,2}|[ \t]*\r?\n)"


def count_seven_bit(text: pa.Array | pa.ChunkedArray) -> tuple[int, int]:
    """Return how many texts seem to be in UTF-7, and how many in quoted-printable."""
    suspects = pc.filter(text, pc.match_substring_regex(text, _RUN))
    quoted = count_true(pc.match_substring_regex(text, _QUOTED))
    return sum(map(_is_utf7, suspects.to_pylist())), quoted


def seven_bit_notes(name: str, utf7: int, quoted: int, rows: int) -> list[str]:
    """Return notes if more than one in a hundred of some texts are so, as `count_seven_bit` has counted them."""
    notes = []
    if 100 * utf7 > rows:
        fact = "has sequences such as +AOk-, as UTF-7 has in the place of é"
        notes.append(f"{name}: {fact}; if it is in UTF-7: {set_option('data.encoding', 'utf-7')}")
    if 100 * quoted > rows:
        fact = "has sequences such as =C3=A9, as the quoted-printable form of e-mails has in the place of é"
        notes.append(f"{name}: {fact}; decode it, for example with `python3 -m quopri -d`")
    return notes


def _is_utf7(text: str) -> bool:
    """Return whether most sequences that UTF-7 may have written are so, and no chance."""
    runs = re.findall(_RUN, text)
    return 2 * sum(map(_is_run, runs)) > len(runs)


def _is_run(run: str) -> bool:
    """Return whether the letters after a + are the base64 of UTF-16, of characters that a text has."""
    if len(run) % 8 not in (0, 3, 6) or (run.isalpha() and run.islower()):  # a word
        return False
    content = base64.b64decode(run + "A" * (-len(run) % 4))
    size = len(run) * 6 // 16 * 2
    try:
        letters = content[:size].decode("utf-16-be")
    except UnicodeDecodeError:
        return False
    spare = int.from_bytes(content, "big") & ((1 << 8 * (len(content) - size)) - 1)  # bits, all of which must be zero
    return not spare and all(_is_usual(letter, len(letters) > 1) for letter in letters)


def _is_usual(letter: str, several: bool) -> bool:
    """Return whether a letter may be meant. A single one of a script with thousands of letters may be chance."""
    if letter in _SIGNS or "\u2010" <= letter <= "\u20bf" or "\xa0" <= letter < "\xc0":
        return True
    return letter >= "\xc0" and letter.isalpha() and (several or letter < "\u0600")
