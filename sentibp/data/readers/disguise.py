"""Tell what a file is whose content is not what its name says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from sentibp.data.readers import conversion
from sentibp.data.readers.content import first_bytes
from sentibp.data.readers.dialect import COMMA, head_lines, header_separator, likely_separator
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

TABLES, JSON = (".csv", ".tsv", ".tab", ".psv"), (".json", ".jsonl", ".ndjson")

TEXT = (*TABLES, *JSON, ".txt")

_LOOK = 512  # bytes from which the format is detected
_LOOK_LONGER = 1 << 16  # below the comments of Weka

_PAGE = "an HTML page, such as a download site sends instead of a file; download the file itself"

_HTML = frozenset(
    b"a b i p u s q h1 h2 h3 h4 h5 h6 br em hr li ol td th tr ul del div img ins pre sub sup big font span code small "
    b"strong table center blockquote".split()
)
"""Elements of HTML that a review may begin with."""

_KEY = rb"[\"']?\w[\w.-]*[\"']?:"

_PICKLE = "a Python pickle, which may run code; write it as Parquet or CSV"

_MAIL = "mail with its headers; write the texts of the messages as CSV or JSON lines"

_HEADER = rb"(?i:return-path|received|delivered-to|mime-version|message-id|from|to|date|subject|x-[\w-]+): [^\n]*\n"
_OF_A_PROGRAM = rb"(?i:(return-path|received|delivered-to|mime-version|message-id): |(from|to): [^\n]*\w@\w)"

_CONVERTED: tuple[tuple[bytes, str, Callable[[memoryview, str], str]], ...] = (
    # how contents begin, what they are, and what returns how to write them as a table
    (rb"SQLite format 3\0", "an SQLite database", conversion.sqlite),
    (rb"ARROW1|FEA1|\xff{4}[\s\S]{4}\x10\0{3}", "a Feather or Arrow file", conversion.arrow),
    (rb"ORC\n?[\x00-\x08\x0e-\x1f\x80-\xff]", "an ORC file", conversion.orc),
    (rb"<stata_dta>|[l-s][\x01\x02]\x01\0", "a file of Stata", conversion.stata),
    (rb"[XAB]\n\0\0\0[\x02\x03]|RD[AX][23]\n", "a file of R", conversion.r),
    (
        rb"(?i)\s*insert\s+into\s+[`\"\w.]+\s*(\(|values\b)|\s*create\s+table\s|-- (mysql|mariadb) dump|"
        rb"--\r?\n-- postgresql|pragma foreign_keys|drop table\b",
        "a dump in SQL",
        conversion.sql,
    ),
    (rb"%YAML |version: [^\n]*\n\s*nlu:", "a YAML file", conversion.yaml),
    (rb"---[ \t]*\r?\n(- )?" + _KEY + rb"\s", "a YAML file", conversion.yaml),
    (rb"- (" + _KEY + rb") .*\r?\n(- \1| +" + _KEY + rb")\s", "a YAML file", conversion.yaml),  # a list of mappings
    (rb"\w[\w.-]*:[ \t]*\r?\n *- " + _KEY + rb" .*\r?\n +" + _KEY, "a YAML file", conversion.yaml),  # under a key
    (rb"\w+/\w+: [^\n]*\n\w+/\w+: ", "blocks of keys and values, as of SNAP", conversion.blocks),
    (rb"(?i)(\s|%[^\n]*\n)*@relation\s", "an ARFF file of Weka", conversion.arff),
)

_NO_TEXT = (  # how contents begin, and what they are
    (
        rb"version https://git-lfs\.github\.com/",
        "a pointer of Git LFS, not the file itself; fetch it with git lfs pull",
    ),
    (rb"%PDF-", "a PDF file; save its texts as CSV"),
    (rb"\$FL[23]@\(#\)", "a file of SPSS; save it as CSV there"),
    (rb"\{\\rtf", "a document in Rich Text Format; save it as plain text or CSV"),
    (rb"Obj\x01", "an Avro file; write it as Parquet"),
    (rb"\x89HDF|CDF\x01", "an HDF5 or NetCDF file; write its table as Parquet"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "an image; give a file with texts"),
    (rb"\x93NUMPY", "an array of numpy; write its texts as CSV"),
    (rb"\x80[\x02-\x05][\x00-\x1f\x95}\]cK(]", _PICKLE),
    (rb"\([ld]p0\n|\(?[VS][^\n]*\np0\n|c[a-zA-Z_][\w.]*\n\w+\n(p0\n|q\0|\()|[\]})]q\0", _PICKLE),  # protocols 0, 1
    (rb">?From \S+ [^\n]*\d\d:\d\d[^\n]*\n([\w-]+: |[ \t])", _MAIL),
    (rb"(?=([^\n]+\n)*" + _OF_A_PROGRAM + rb")" + _HEADER + rb"([ \t][^\n]*\n)*" + _HEADER, _MAIL),
    (rb"\x04\x22M\x18|\x1f\x9d|\x5d\0\0", "compressed by lz4, compress or lzma; decompress it"),
    (
        rb"window\.YTD\.",
        "JavaScript of a Twitter archive; write the list in it to a .json file, for example with sed '1s/^[^[]*//'",
    ),
    (rb"\+-{2,}[+-]*\+\s", "a table with a frame, as mysql shows it; write it as TSV, as `mysql -B` does"),
    (
        rb"([+-]?\d[\d.]*( qid:\d+)?( +\d+:[-+.\deE]+)+[ \t]*(#.*)?\r?\n){2}",
        "in the format of libsvm, which has numbers of features and no texts; give the texts",
    ),
    (
        rb"(WEBVTT\b|1\r?\n\d\d:\d\d:\d\d[,.]\d{3} --> )",
        "subtitles; write the texts alone as lines",
    ),
    (rb"Rar!|7z\xbc\xaf", "an archive; unpack it, and give the file in it"),
)


def reject_other_content(data: memoryview, name: str, suffix: str) -> None:
    """Raise a DataError for a file that is neither text nor of a known format, or that is an HTML page."""
    start = bytes(data[: _LOOK if data[:1] != b"%" else _LOOK_LONGER]).removeprefix(b"\xef\xbb\xbf")
    if suffix in (".yaml", ".yml"):
        raise DataError(f"{name}: a YAML file; {conversion.yaml(data.cast('B'), name)}")
    for pattern, what, how in _CONVERTED:
        if re.match(pattern, start):
            raise DataError(f"{name}: {what}; {how(data.cast('B'), name)}")
    for pattern, what in _NO_TEXT:
        if re.match(pattern, start):
            raise DataError(f"{name}: {what}")
    if suffix in (*TEXT, "", ".xml"):
        begin = first_bytes(data.cast("B"), _LOOK).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        if re.match(rb"<(!doctype html|html|head|body|script)\b", begin):
            raise DataError(f"{name}: {_PAGE}")
        if begin.startswith(b"<?xml") or _is_element(begin):
            raise DataError(f"{name}: an XML file; {conversion.xml(data.cast('B'), name)}")


def _is_element(begin: bytes) -> bool:
    """Return whether a file begins with an element of XML that has another in it. A text may begin with HTML."""
    found = re.match(rb"<([a-z][\w.:-]*)(?:\s[^<>]*)?>\s*<([a-z][\w.:-]*)(?:\s[^<>]*)?>", begin)
    return found is not None and _HTML.isdisjoint(found.groups()) and b"</%s>" % found[2] in begin


def is_json(data: memoryview, options: ReadOptions) -> bool:
    """Return whether a text that is called CSV, or text, is JSON: its first line is, and names no column."""
    if not re.match(rb'\{\s*"|\[\s*[{\[]', first_bytes(data, _LOOK)):
        return False
    first = next(iter(head_lines(data, 1)), "")
    return header_separator(first, options, COMMA) is None and _begins_json(first)


def _begins_json(line: str) -> bool:
    """Return whether a line is a value of JSON, or begins one. A text may begin with a bracket, too."""
    string = r'"(\\.|[^"\\])*"'
    if re.match(rf"(\s*\[)?(\s*\{{)?\s*\Z|(\s*\[)*\s*\{{\s*{string}\s*:|\s*\[\s*\[\s*({string}|[\d.-]+)\s*,", line):
        return True
    return _is_value(line, dict | list)


def _is_value(line: str, kinds: Any) -> bool:
    """Return whether a line is a value of JSON of these kinds."""
    try:
        return isinstance(json.loads(line, strict=False), kinds)
    except (ValueError, RecursionError):
        return False


def is_table(data: memoryview) -> bool:
    """Return whether a text that is called JSON looks like CSV."""
    if first_bytes(data, 1) in (b"{", b"[", b""):
        return False
    first = next(iter(head_lines(data, 1)), "").lstrip("\x1e")  # a mark before each object, as RFC 7464 has it
    return not _is_value(first, dict | list | str) and likely_separator(data) is not None
