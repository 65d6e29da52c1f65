"""Count the texts that are no reviews as somebody wrote them, and say so.

- Empty texts have no character that can be seen.
- Totals are the row below a table, or the footer of a database program.
- Programs write a word such as `nan` in the place of a missing text.
- Ids, numbers, dates and addresses are what another column has than that of the reviews.
- Garbled texts were damaged before they were written to their file, which is valid UTF-8. UTF-8 that a program has read
  in another encoding and written again has two letters or more for each one beyond ASCII: Ã© for é. A program that
  cannot read a character writes U+FFFD in its place. U+0000 separates texts in some lists,
  as `find -print0` writes them.
- Encoded texts have their letters beyond ASCII in ASCII: in UTF-7, or quoted-printable as in e-mails. No decoder
  complains, as every byte is valid UTF-8: `Caf+AOk-` and `Caf=C3=A9` would be other words. Addresses and programs have
  whole texts in ASCII without spaces: `A%20good%20film`, or base64.
- Serialized texts are still written as another program stores them: values of JSON or Python, and escapes. A file may
  hold JSON in a column of a table, or what Python prints of a list, an object or bytes. Dumps of databases, and some
  public sets, have `\\n` in the place of a line break. Read as texts, their signs and keys are words, and the letter
  after a backslash is part of the next word. Tags of HTML are such signs, too, but for those that break a line, and so
  are the colours that a program writes for a terminal.
- Texts that were cut off are what a page shows of a long review, and Twitter of a long tweet.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.arrow import count_true
from sentibp.utils.messages import counted
from sentibp.utils.repair import python, set_option

LOOK = 1000
"""Texts from the beginning of a file that are looked at: what is wrong with some of them is wrong with the file."""

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


def all_blank(name: str, rows: int, others: Iterable[str]) -> str:
    """Return the message that all texts are blank, with the other columns that there are."""
    choice = ", ".join(others)
    repair = f"name another column with --set data.text_column=NAME, one of: {choice}" if choice else "fill them in"
    return f"{name}: all {counted(rows, 'text')} are empty; {repair}"


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


# Of a text that begins with - or =, a spreadsheet makes a formula, and leaves its error in the place of the text.
_ERROR = r"#(NAME\?|NOM\?|¿NOMBRE\?|NOME\?|VALUE!|WERT!|VALEUR!|¡VALOR!|VALOR!|REF!|BEZUG!|DIV/0!|NUM!|NULL!|NV)"
_MISSING = rf"\A\s*(nan|NaN|NAN|null|NULL|None|<NA>|NA|#?N/A|n/a|undefined|\\N|\[deleted\]|\[removed\]|{_ERROR})\s*\z"


def count_missing(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts are nothing but a word that programs write where a text is missing."""
    return count_true(pc.match_substring_regex(text, _MISSING))


def missing_note(name: str, missing: int, rows: int) -> list[str]:
    """Return a note if some of the texts are such words."""
    if not missing:
        return []
    what = f"{missing:,} of {counted(rows, 'text')} {'are' if missing > 1 else 'is'} a word such as nan, NULL or #NAME?"
    return [f"{name}: {what}, which programs write in the place of a missing text; remove what is no review"]


_NO_TEXT = r"\A\s*([\d\s.,:/+-]+|[!-~]{0,24}\d[!-~]{0,24}|(https?://|www\.)\S+)\s*\z"  # numbers, dates; ids; addresses
_SOME = 10  # texts; of fewer, most may be such as 10/10 by chance


def count_ids(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts are a number, a date, an address, or one word with a digit, as ids are."""
    return count_true(pc.match_substring_regex(text, _NO_TEXT))


def ids_note(name: str, ids: int, rows: int, others: Sequence[str] = ()) -> list[str]:
    """Return a note if most of some texts are so. `others` are the columns that are not read."""
    if rows < _SOME or 2 * ids <= rows:
        return []
    fact = f"{ids:,} of {counted(rows, 'text')} are a number, a date, an id or an address"
    choice = f", one of: {', '.join(others)}" if others else ""
    return [f"{name}: {fact}; if another column has the reviews, name it with --set data.text_column=NAME{choice}"]


# The first bytes of characters of two and three bytes as cp1252 and Latin-1 have them, with a second one.
_READ_WRONG = r"Ã[\x{80}-\x{BF}]|[ÐÑ][\x{80}-\x{BF}]|â€|â\x{80}"

_LOST = r"\x{FFFD}"

_ZERO = r"\x{0}"


def count_garbled(text: pa.Array | pa.ChunkedArray) -> tuple[int, int, int]:
    """Return how many texts have letters of UTF-8 that was read in another encoding, lost characters, or U+0000."""
    found = (pc.match_substring_regex(text, pattern) for pattern in (_READ_WRONG, _LOST, _ZERO))
    read_wrong, lost, zeros = map(count_true, found)
    return read_wrong, lost, zeros


def garbled_notes(name: str, read_wrong: int, lost: int, zeros: int, rows: int) -> list[str]:
    """Return notes if more than one in a hundred of some texts are damaged, as `count_garbled` has counted them."""
    fact = "has letters such as Ã© or â€™, as a file has that was read in a wrong encoding and saved"
    other = "has the character U+FFFD, which a program writes in the place of one that it cannot read"
    zero = "has the character U+0000, which no text has, and which ends a word"
    return _notes_if_frequent(
        name,
        rows,
        (read_wrong, f"{fact}; where this is so, iconv -f utf-8 -t cp1252 makes them é and ’ again"),
        (lost, f"{other}; export the texts again, as UTF-8"),
        (zeros, f"{zero}; if it separates texts, write lines with `tr '\\000' '\\n'`, else take it out"),
    )


def _notes_if_frequent(name: str, rows: int, *kinds: tuple[int, str]) -> list[str]:
    """Return the note of each kind, (how many texts are so, note), of which more than one in a hundred rows are."""
    return [f"{name}: {note}" for count, note in kinds if 100 * count > rows]


_UTF7 = r"\+([A-Za-z0-9+/]{3,})"  # what UTF-7 (RFC 2152) may have written
_SIGNS = '!"#$%&*;<=>@[]^_`{|}~\\'  # of ASCII, which UTF-7 may write so, too
_QUOTED = r"=(3D|C[23]=[89AB][0-9A-F]|[DE][0-9A-F](=[89AB][0-9A-F]){1,2}|[ \t]*\r?\n)"


def count_encoded(text: pa.Array | pa.ChunkedArray) -> tuple[int, int]:
    """Return how many texts seem to be in UTF-7, and how many in quoted-printable."""
    suspects = pc.filter(text, pc.match_substring_regex(text, _UTF7))
    quoted = count_true(pc.match_substring_regex(text, _QUOTED))
    return sum(map(_is_utf7, suspects.to_pylist())), quoted


def encoded_notes(name: str, utf7: int, quoted: int, rows: int) -> list[str]:
    """Return notes if more than one in a hundred of some texts are so, as `count_encoded` has counted them."""
    fact = "has sequences such as +AOk-, as UTF-7 has in the place of é"
    other = "has sequences such as =C3=A9, as the quoted-printable form of e-mails has in the place of é"
    command = f"{python('-m', 'quopri', '-d', name if os.path.isfile(name) else 'FILE')} > decoded{Path(name).suffix}"
    return _notes_if_frequent(
        name,
        rows,
        (utf7, f"{fact}; if it is in UTF-7: {set_option('data.encoding', 'utf-7')}"),
        (quoted, f"{other}; decode it: {command}"),
    )


_PERCENT = r"\A\s*[!-~]*(%[0-9A-Fa-f]{2}[!-~]*){2,}\s*\z"
_ADDRESS = r"\A\s*(https?://|www\.)"
_BASE64 = r"\A\s*[A-Za-z0-9+/\r\n]{22,}={0,2}\s*\z"


def count_coded(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts are percent-encoded, as addresses are, or in base64."""
    is_address = pc.match_substring_regex(text, _ADDRESS)
    others = pc.filter(text, pc.invert(is_address))
    suspects = pc.filter(others, pc.match_substring_regex(others, _BASE64))
    return count_true(pc.match_substring_regex(others, _PERCENT)) + sum(map(_is_base64, suspects.to_pylist()))


def coded_note(name: str, coded: int, rows: int) -> list[str]:
    """Return a note if more than one in a hundred of some texts are so, as `count_coded` has counted them."""
    what = f"{coded:,} of {counted(rows, 'text')} {'are' if coded > 1 else 'is'}"
    kinds = "percent-encoded (A%20good%20film) or in base64, whose signs are read as words"
    repair = "decode them, as urllib.parse.unquote_plus and base64.b64decode do in Python"
    return _notes_if_frequent(name, rows, (coded, f"{what} {kinds}; {repair}"))


def _is_base64(text: str) -> bool:
    """Return whether a word is the base64 of a text of several words."""
    try:
        return " " in base64.b64decode(text, validate=False).decode().strip()
    except ValueError:  # UnicodeDecodeError is one
        return False


def _is_utf7(text: str) -> bool:
    """Return whether most sequences that UTF-7 may have written are so, and no chance."""
    runs = re.findall(_UTF7, text)
    return 2 * sum(map(_is_utf7_run, runs)) > len(runs)


def _is_utf7_run(run: str) -> bool:
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


# An object, a list that begins with an object or a string, or bytes of Python.
_VALUES = r"""(?s)\A\s*(\{\s*["'][^"']*["']\s*:.*\}|\[\s*[{"'].*\]|b'.*'|b".*")\s*,?\s*\z"""

_ESCAPES = r"""\\(n|r|t|'|"|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})"""

_TAGS = r"(?i)</?(a|b|i|u|p|em|strong|div|span|ul|ol|li|h[1-6]|font|table|tr|td|img|blockquote)(\s[^<>]*)?/?>"


def count_serialized(text: pa.Array | pa.ChunkedArray) -> tuple[int, int, int]:
    """Return how many texts are values of JSON or Python, how many others have escapes such as `\\n`, or HTML tags."""
    values = pc.match_substring_regex(text, _VALUES)
    others = pc.filter(text, pc.invert(values))
    escapes, tags = (pc.match_substring_regex(others, pattern) for pattern in (_ESCAPES, _TAGS))
    return count_true(values), count_true(escapes), count_true(tags)


def serialized_notes(name: str, values: int, escapes: int, tags: int, rows: int) -> list[str]:
    """Return notes if more than one in a hundred of some texts are so, as `count_serialized` has counted them."""
    are = f"of {counted(rows, 'text')} {'are' if values > 1 else 'is'}"
    escaped, tagged = (f"of {counted(rows, 'text')} {'have' if count > 1 else 'has'}" for count in (escapes, tags))
    what = """JSON, or what Python prints, such as {"text": "..."}, ['a', 'b'] or b'...'"""
    signs = "escapes such as \\n, \\' or \\u00e9, of which each sign is read"
    html = "HTML tags such as <p> or <b>, which are read as words and signs (<br> is a line break); remove the tags"
    return _notes_if_frequent(
        name,
        rows,
        (values, f"{values:,} {are} {what}; its keys and signs are read as words; write the text alone"),
        (escapes, f"{escapes:,} {escaped} {signs}; write a space, ' or é in the place of these"),
        (tags, f"{tags:,} {tagged} {html}"),
    )


_COLOURS = r"\x1b\[[0-9;]*[mK]"  # escape sequences of ECMA-48, as `grep --color` writes them


def count_coloured(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts have colours of a terminal."""
    return count_true(pc.match_substring_regex(text, _COLOURS))


def coloured_note(name: str, coloured: int, rows: int) -> list[str]:
    """Return a note if more than one in a hundred of some texts have such colours."""
    what = f"{coloured:,} of {counted(rows, 'text')} {'have' if coloured > 1 else 'has'} colours of a terminal"
    repair = "sed 's/\\x1b\\[[0-9;]*[mK]//g'"
    return _notes_if_frequent(name, rows, (coloured, f"{what}, which are read as words; remove them: {repair}"))


_MORE = (
    r"(read|see|show|view) (more|all|full review)|more|mehr( anzeigen| lesen| erfahren)?|weiterlesen|lire la suite|"
    r"(en savoir|voir|lire) plus|(leer|ver) más|(ler|ver) mais|leggi tutto|meer (lezen|weergeven)"
)
_CUT = rf"(?i)((…|\.\.\.)\s*(https?://t\.co/\w+|[\[(]?({_MORE})[\])]?)|[\[(]truncated[\])])\s*\z"


def count_cut(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts were cut off: they end as pages show the beginning of a review, or as Twitter's do."""
    return count_true(pc.match_substring_regex(text, _CUT))


def count_dots(text: pa.Array | pa.ChunkedArray) -> int:
    """Return how many texts end with three dots, as those that were cut off do, and some others."""
    return count_true(pc.match_substring_regex(text, r"(…|\.\.\.)\s*\z"))


def cut_note(name: str, cut: int, dots: int, rows: int) -> list[str]:
    """Return a note if more than one in a hundred of some texts were cut off, or most of them end with three dots."""
    if 100 * cut <= rows and rows >= _SOME and 2 * dots > rows:
        fact = f"{dots:,} of {counted(rows, 'text')} end with ..., as texts that were cut off"
        return [f"{name}: {fact}; if these were, give the whole texts"]
    fact = f"{cut:,} of {counted(rows, 'text')} {'end' if cut > 1 else 'ends'} with ... and a link or 'Read more'"
    repair = "give the whole texts (of tweets: full_text or extended_tweet.full_text)"
    return _notes_if_frequent(name, rows, (cut, f"{fact}, as texts that were cut off; {repair}"))
