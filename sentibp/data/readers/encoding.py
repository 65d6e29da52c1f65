"""Find the encoding of a text, and turn the text into UTF-8."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Sequence
from os.path import isfile
from pathlib import PurePath

import numpy as np
import pyarrow.compute as pc

from sentibp.data.readers.content import CHUNK, one_string, padding_note, padding_start, unmarked
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import to_numpy
from sentibp.utils.paths import new_file
from sentibp.utils.repair import python, set_option

_LOOK = 64  # bytes from which an encoding with several bytes a character is detected, if most letters are ASCII
_LOOK_LONGER = 1 << 12  # if only spaces and line ends are

_ESCAPES = (  # what begins letters in encodings all bytes of which are ASCII
    ("iso2022_jp", re.compile(rb"\x1b\$[@B]"), b"\x1b(B"),
    ("iso2022_kr", re.compile(rb"\x1b\$\)C"), b"\x0f"),
    ("hz", re.compile(rb"~\{(?:[!-w][!-~]){2,}~\}"), b""),
)

_MIXED = 3  # letters of an encoding, at least, if a text may have two

_SAMPLE = 1 << 18  # bytes from which other encodings are guessed

_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # no text has them; ESC is part of some encodings

_MOST_CONTROLS = 0.01  # of the bytes of a text

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
_MARKS += ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def to_utf8(data: memoryview, name: str, encoding: str | None = None) -> tuple[memoryview, tuple[str, ...]]:
    """Return the text in UTF-8, without a byte-order mark or what pads its end, and notes about what was assumed.

    `encoding` None: UTF-8.

    A byte-order mark takes precedence over `encoding`. DataError with the line of the first byte that cannot be
    decoded, and with the encoding that the text seems to have.
    """
    chosen, notes = choose_encoding(data, name, encoding)
    if chosen is not None:
        data = _decoded(data, name, chosen)
    else:
        data = unmarked(data)
        try:
            one_string(data).validate(full=True)
        except ValueError:
            raise_not_utf8(data, name)
    end = padding_start(data)
    return data[:end], (*notes, *padding_note(bytes(data[end:]), name))


def choose_encoding(data: memoryview, name: str, encoding: str | None = None) -> tuple[str | None, tuple[str, ...]]:
    """Return the encoding to decode the text from, None for UTF-8, and notes about what was assumed.

    `data` is the text or the beginning of it. DataError if it is UTF-16 or UTF-32 without a byte-order mark, and
    `encoding` does not say so.
    """
    marks = [known for mark, known in _MARKS if data[: len(mark)] == mark]
    given = None if encoding is None else _canonical(encoding)
    marked = given if given in marks else next(iter(marks), None)  # the mark of UTF-32 begins with that of UTF-16
    if encoding is not None and marked in (None, given) and given != "utf-8":
        already = marked is None and _is_utf8_beyond_ascii(data)
        note = f"{name}: read as {encoding}, as data.encoding says, though the file is valid UTF-8"
        return encoding, (f"{note}; for UTF-8: {set_option('data.encoding', 'utf-8')}",) if already else ()
    other = encoding is not None and marked not in (None, given)
    if marked in ("utf-16", "utf-32"):
        return marked, (f"{name}: read as {marked}, as its byte-order mark says",)
    start = bytes(data[:_LOOK_LONGER])
    if marked is None and (other_kind := wide_encoding(start) or _escaping_encoding(start)):
        raise DataError(f"{name}: not UTF-8; it looks like {other_kind}: {set_option('data.encoding', other_kind)}")
    note = f"{name}: read as UTF-8, as its byte-order mark says, not as {encoding}"
    return None, (note,) if other else ()


def encoding_for(data: memoryview, options: ReadOptions) -> str | None:
    """Return the encoding that the options name; None if it is that of the training, and the text is UTF-8."""
    is_utf8 = "encoding" in options.inherited and not wide_encoding(bytes(data[:_LOOK_LONGER])) and _is_utf8(data)
    return None if is_utf8 else options.encoding


def _canonical(encoding: str) -> str:
    """Return the name that all spellings of an encoding share."""
    return codecs.lookup(encoding).name.removesuffix("-sig").removesuffix("_sig")


def _is_utf8(data: memoryview) -> bool:
    try:
        one_string(data).validate(full=True)
    except ValueError:
        return False
    return True


def _is_utf8_beyond_ascii(data: memoryview) -> bool:
    text = one_string(data)
    return _is_utf8(data) and not to_numpy(pc.string_is_ascii(text)).all()


def _decoded(data: memoryview, name: str, encoding: str) -> memoryview:
    """Return the text in UTF-8, in an array that may exceed memory. DataError for bytes that are not the encoding."""
    text, line = spill.ArrayBuilder(np.uint8), 1
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(data), CHUNK):
        chunk = bytes(data[start : start + CHUNK])
        try:
            piece = decoder.decode(chunk, start + CHUNK >= len(data))
        except UnicodeError as error:
            raise DataError(undecodable(data, name, encoding, line, error)) from None
        line += piece.count("\n")
        text.append(np.frombuffer(piece.encode(errors="replace"), np.uint8))
    return unmarked(text.array().data)


def undecodable(data: memoryview, name: str, encoding: str, line: int, error: UnicodeError) -> str:
    """Return the message for bytes that are not in the given encoding."""
    byte = ""
    if isinstance(error, UnicodeDecodeError):
        line += codecs.decode(bytes(error.object[: error.start]), encoding, "replace").count("\n")
        byte = f" (byte 0x{error.object[error.start]:02X})" if error.start < len(error.object) else ""
    return f"{name}:{line}: not {encoding}{byte}; {encoding_advice([data])}"


def raise_not_utf8(data: memoryview, name: str, line: int = 1) -> None:
    """Raise a DataError that names the line of the first byte that is not UTF-8. The data begin on the given line."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), CHUNK):
        chunk = bytes(data[start : start + CHUNK])
        try:
            decoder.decode(chunk, final=start + CHUNK >= len(data))
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            byte = f"byte 0x{error.object[error.start]:02X}"
            advice = encoding_advice([data]) + _or_mixed(data, name)
            raise DataError(f"{name}:{line}: not UTF-8 ({byte}); {advice}") from None
        line += chunk.count(b"\n")


def _or_mixed(data: memoryview, name: str) -> str:
    """Return what to do if lines of two encodings may have been joined, as both have letters in them; else ""."""
    others: list[bytes] = []

    def noted(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        others.append(error.object[error.start : error.end])
        return "", error.end

    codecs.register_error("sentibp.noted", noted)
    text = bytes(data).decode("utf-8", "sentibp.noted")
    letters = b"".join(others).decode("cp1252", "replace")
    if len(others) < _MIXED or not letters.isalpha() or sum(map(text.count, set(letters))) < _MIXED or not isfile(name):
        return ""
    target = new_file(PurePath(name).suffix)
    code = (
        'import codecs; other = lambda found: (found.object[found.start : found.end].decode("cp1252"), found.end); '
        f'codecs.register_error("other", other); data = open({json.dumps(name)}, "rb").read(); '
        f'open({json.dumps(target)}, "w", encoding="utf-8", newline="").write(data.decode("utf-8", "other"))'
    )
    return f"; if lines in cp1252 were joined with others: {python('-c', code)}; then give {target}"


def raise_undecodable(files: Iterable[tuple[Callable[[], memoryview], str]], name: str, encoding: str | None) -> None:
    """Raise one DataError for all of the files that are not in the encoding: their number, the first, the repair.

    `files` are functions that read a file, and the names of the files. It returns if all files can be decoded.
    """
    wrong, places, total = [], [], 0
    for read, place in files:
        data = read()
        total += 1
        try:
            to_utf8(data, place, encoding)
        except DataError as error:
            wrong.append(data)
            places.append(str(error).partition("; ")[0])
    if len(wrong) == 1:
        raise DataError(f"{places[0]}; {encoding_advice(wrong)}")
    if wrong:
        listed = ", ".join(places[:3]) + (f" and {len(wrong) - 3:,} more" if len(wrong) > 3 else "")
        head = f"{name}: {len(wrong):,} of {total:,} files are not {encoding or 'UTF-8'}"
        raise DataError(f"{head}; {encoding_advice(wrong, 'they look')}; they are {listed}")


# --- Guesses ---------------------------------------------------------------------------------------------------


def wide_encoding(start: bytes) -> str | None:
    """Return the encoding that zero bytes in the beginning of a text reveal, or None."""
    for width in 4, 2:
        characters = [start[i : i + width] for i in range(0, min(len(start), _LOOK) // width * width, width)]
        for zeros, order in (slice(1, None), "le"), (slice(None, -1), "be"):
            if len(characters) > 7 and all(not any(each[zeros]) and any(each) for each in characters):
                return f"utf-{8 * width}-{order}"
    return _wide_beyond_latin(start)


def _wide_beyond_latin(start: bytes) -> str | None:
    """Return the order of UTF-16 in which a text is one of letters, spaces and line ends; None if there is none.

    Of Cyrillic or Japanese letters no byte is zero, and they may happen to be UTF-8. The Chinese 一 has one, U+4E00.
    """
    zeros = [start[place::2].count(0) for place in (1, 0)]
    for many, few, order in (*zeros, "le"), (*zeros[::-1], "be"):
        if many < max(4, 0.01 * len(start), 2 * few):
            continue
        text = start[: len(start) // 2 * 2].decode(f"utf-16-{order}", "replace")
        ascii = len(re.findall(r"[\t\n\r -~]", text))  # such as spaces
        letters = len(re.findall(r"[^\W\x00-\x7f]", text))
        if ascii > 0.9 * many and ascii + letters > 0.8 * len(text) and text.count("\ufffd") < 2:
            return f"utf-16-{order}"
    return None


def _escaping_encoding(start: bytes) -> str | None:
    """Return the encoding that escape sequences reveal, or None."""
    for encoding, escape, end in _ESCAPES:
        if escape.search(start) and (
            _decode(start + end, encoding) or _decode(start[: start.rfind(b"\n") + 1], encoding)
        ):
            return encoding
    return None


def encoding_advice(contents: Sequence[memoryview], looks: str = "it looks") -> str:
    """Return the repair: the encoding that all contents seem to have, if one is likely."""
    wide = {wide_encoding(bytes(data[:_LOOK_LONGER])) for data in contents}
    if len(wide) == 1 and None not in wide:
        guess = wide.pop()
    else:
        sample = b"\n".join(_sample(data, _SAMPLE // len(contents)) for data in contents)
        if len(_CONTROLS.findall(sample)) > _MOST_CONTROLS * len(sample):
            return "it seems to be no text; give a text file, or name its encoding with --set data.encoding=NAME"
        guess = guess_encoding(sample)
    if guess == "cp1252" and not _decodes(contents, guess):
        guess = "latin-1"
    if guess == "utf-8":
        return "the rest is UTF-8, so the character is damaged; write it again"
    if guess is None or not _decodes(contents, guess):
        return "name its encoding with --set data.encoding=NAME, or save it as UTF-8"
    if guess not in _SCRIPTS and guess not in _FREQUENT and _has_utf8(contents):
        mixed = set_option("data.encoding", guess)
        return f"other lines are UTF-8: write all in one encoding; {mixed} reads all, the UTF-8 ones with wrong letters"
    return f"{looks} like {guess}: {set_option('data.encoding', guess)}"


def _has_utf8(contents: Sequence[memoryview]) -> bool:
    """Return whether a good part of the characters that are not ASCII is UTF-8, which is no chance."""
    text = b"\n".join(_sample(data, _SAMPLE // len(contents)) for data in contents).decode("utf-8", "replace")
    return len(re.findall(r"[^\x00-\x7f\ufffd]", text)) > 0.1 * text.count("\ufffd")


def _sample(data: memoryview, size: int) -> bytes:
    """Return lines with bytes above 127, from which the encoding is guessed; about `size` bytes."""
    lines = []
    for start in range(0, len(data), CHUNK):
        for line in bytes(data[start : start + CHUNK]).split(b"\n"):
            if not line.isascii():
                lines.append(line[:size])
                size -= len(line)
                if size <= 0:
                    return b"\n".join(lines)
    return b"\n".join(lines)


def _decodes(contents: Sequence[memoryview], encoding: str) -> bool:
    for data in contents:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for start in range(0, len(data), CHUNK):
                decoder.decode(bytes(data[start : start + CHUNK]), start + CHUNK >= len(data))
        except UnicodeError:
            return False
    return True


_SCRIPTS = {  # characters that make up nearly all of the letters that are not ASCII, if the encoding is right
    "cp932": (r"[\u3040-\u30ff]", r"[^\x00-\x7f]", 0.15),  # Japanese has kana between its Chinese characters
    "euc_jp": (r"[\u3040-\u30ff]", r"[^\x00-\x7f]", 0.3),
    "cp949": (r"[\uac00-\ud7a3]", r"[^\W\x00-\x7f]", 0.95),
    "gb18030": (r"[\u4e00-\u9fff]", r"[^\W\x00-\x7f]", 0.95),
    "big5": (r"[\u4e00-\u9fff]", r"[^\W\x00-\x7f]", 0.95),
}
_CYRILLIC = "оеаинтсрвлкміяь"
_ARABIC = "اليمنوترهبعدسفةك"
_FREQUENT = {  # the characters that make up most of a text that is not in Latin letters
    "cp1251": _CYRILLIC,
    "koi8-r": _CYRILLIC,
    "koi8-u": _CYRILLIC,
    "cp866": _CYRILLIC,
    "iso8859-5": _CYRILLIC,
    "mac_cyrillic": _CYRILLIC,
    "cp1253": "αοιετσνηυρπκλμςάέίόύή",
    "cp1255": "יוהלאתרמבשנ",
    "cp1256": _ARABIC,
    "iso8859-6": _ARABIC,
    "cp874": "านรอกเงมยลวดทสตะปบ\u0e31\u0e34\u0e35\u0e48\u0e49แไหใ",
}
_ODD = r"(?<=\w)[{0}]|[{0}](?=\w)|[{1}]".format(  # signs beside letters, and letters of few languages
    "\xa1-\xaa\xac-\xba\xbc-\xbf\u2020-\u2025\u2027-\u2115\u2117-\u2bff", "ЂЃѓЌЏђќџЎ"
)
_WESTERN = ("cp1252", "iso8859-15", "mac_roman", "cp850")  # in the order in which they are preferred
_CENTRAL = ("cp1250", "iso8859-2", "cp852")
_ALL_WESTERN = "äöüßàâæçéèêëîïôœùûÿáíñóúãõìòåøð"
_LANGUAGES = (  # the small letters of a language that are not ASCII, and the encodings that it is written in
    ("äöüß", _WESTERN),
    ("àâæçéèêëîïôœùûü", _WESTERN),
    ("áéíñóúü", _WESTERN),
    ("àáâãçéêíóôõú", _WESTERN),
    ("àèéìíîòóù", _WESTERN),
    ("åäöæøé", _WESTERN),
    ("çğıöşüâîûİ", ("cp1254", "cp857")),
    ("áéíóúýþæöð", _WESTERN),
    ("ąćęłńóśźż", _CENTRAL),
    ("áčďéěíňóřšťúůýž", _CENTRAL),
    ("áäčďéíĺľňóôŕšťúýž", _CENTRAL),
    ("áéíóöőúüű", _CENTRAL),
    ("ăâîşţ", _CENTRAL),
    ("čćđšž", _CENTRAL),
    ("ąčęėįšųūž", ("cp1257",)),
    ("āčēģīķļņšūž", ("cp1257",)),
    ("äõöüšž", ("cp1252", "cp1257")),
)
_SEVERAL = 0.9  # how much a letter of several western languages counts: a text of one has the letters of one

_SIGN = "\u00a0\u00a1\u00a3\u00a7\u00a9\u00ab\u00ae\u00b0\u00b2-\u00b4\u00b7\u00bb\u00bd\u00bf"
_SIGN += "\u2013\u2014\u2018-\u201e\u2026\u20ac\u2122"


def guess_encoding(sample: bytes) -> str | None:
    """Return the likely encoding of a sample that is not UTF-8 as a whole, or None if no encoding is likely."""
    text = sample.decode("utf-8", "replace")
    if len(re.findall(r"[^\x00-\x7f\ufffd]", text)) > 3 * text.count("\ufffd"):
        return "utf-8"
    shares = {each: _frequent_share(_decode(sample, each), few) for each, few in _FREQUENT.items()}
    best = max(shares, key=shares.__getitem__)
    if shares[best] >= 0.85:  # a few words of Greek are Chinese characters, too, though not frequent ones
        return best
    for encoding, (usual, letters, least) in _SCRIPTS.items():
        text = _decode(sample, "gb2312" if encoding == "gb18030" else encoding)
        if _share(text, usual, letters) >= least:
            return encoding
    if shares[best] >= 0.5:
        return best
    sample = sample[: _SAMPLE // 4]  # of many languages, each takes its time
    places = [(i, each, small) for small, encodings in _LANGUAGES for i, each in enumerate(encodings)]
    usual = [(each, _usual(sample, each, small)) for _, each, small in sorted(places, key=lambda place: place[0])]
    usual += [(each, _SEVERAL * _usual(sample, each, _ALL_WESTERN)) for each in _WESTERN]
    best, share = max(usual, key=lambda each: each[1])  # the first of several
    return best if share >= 0.6 else None


def _usual(sample: bytes, encoding: str, small: str) -> float:
    """Return the share of the characters that are not ASCII which a language has that writes these letters."""
    text = _decode(sample, encoding) or (_decode(sample, "latin-1") if encoding == "cp1252" else "")
    capital, letter = re.sub("[A-Z]", "", small.upper()), f"[a-z{small}]"
    usual = f"[{small}\u2019]|(?<!{letter})[{capital}{_SIGN}]|[{_SIGN}](?!{letter})"
    # a capital does not follow a small letter, and a sign does not stand between two
    found = len(re.findall(usual, re.sub(r"[\x00-\x1f]", " ", text))) - len(re.findall(r"[\x80-\x9f]", text))
    return found / max(1, len(re.findall(r"[^\x00-\x7f]", text)))


def _frequent_share(text: str, few: str) -> float:
    """Return the share of the frequent letters among those that are not ASCII, less that of what stands inside no word.

    Where a wrong encoding has the small letters in the right places, capitals are others, or signs.
    """
    beyond = r"[^\x00-\x7f]"
    share = _share(text, rf"[{few}]|(?<!\w)[{few.upper()}]", beyond, 3)
    return share and share - len(re.findall(_ODD, text)) / len(re.findall(beyond, text))


def _share(text: str, usual: str, letters: str, length: int = 2) -> float:
    """Return the share of the usual letters among all; 0 if there are few, or if they do not make up whole words.

    Whole words have at least this length: in western languages, letters that are not ASCII occur one by one.
    """
    found, words = len(re.findall(letters, text)), re.findall(rf"{letters}{{{length},}}", text)
    return len(re.findall(usual, text)) / found if found >= 4 and 2 * sum(map(len, words)) > found else 0.0


def _decode(sample: bytes, encoding: str) -> str:
    """Return the sample as text; "" if it is not in this encoding."""
    try:
        return sample.decode(encoding)
    except UnicodeError:
        return ""
