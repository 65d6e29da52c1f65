"""Fuzz targets of data files: every reader, and what writes predictions and drafts configs. See targets.py."""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import yaml
from ending import ends_well, folder
from pyarrow import parquet

from sentibp.config.load import load_config
from sentibp.data import sources
from sentibp.data.draft import draft_config
from sentibp.data.labels import BINARY
from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers.encoding import encoding_advice, to_utf8
from sentibp.data.readers.stream import stream_pieces
from sentibp.data.readers.table import LABELLED, ReadOptions
from sentibp.data.tokenizer import tokenize
from sentibp.model.classifier import Prediction
from sentibp.model.decision import parse_decision
from sentibp.model.prediction import answers
from sentibp.model.prediction_writer import Format, open_writer

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt", ".ft", "", ".gz", ".csv.gz")
SUFFIXES += (".xlsx", ".zip", ".csv.bz2", ".csv.xz", ".csv.zst")


READ = (  # how a file may be read; a byte chooses one
    *({},) * 4,
    {"names": ("text", "label")},
    {"names": ("label", "text"), "separator": "\t"},
    {"names": ("id", "label", "text"), "separator": "|"},
    {"encoding": "cp1252"},
    {"encoding": "utf-16"},
    {"encoding": "gb18030", "separator": ";"},
    {"quoting": "none"},
    {"quoting": "backslash"},
)


def reader(content: bytes) -> None:
    """Read a file of reviews, with labels and as texts to predict. The first byte chooses format and options."""
    suffix = SUFFIXES[content[0] % len(SUFFIXES)] if content else ".csv"
    how = READ[content[0] // len(SUFFIXES) % len(READ)] if content else {}
    path = folder() / f"reviews{suffix}"
    path.write_bytes(content[1:])
    read_everyhow(path, how)


def read_everyhow(path: Path, how: dict, split: str = "train") -> None:
    """Read a file or folder with labels, and as texts to predict, with columns of a kind that its content chooses."""
    corpus = ends_well(sources.load_corpus, str(path), LABELLED._replace(**how), split=split)
    if corpus is not None:
        assert corpus.label is not None
        assert len(corpus.label) == len(corpus.text) == len(corpus)
        assert set(corpus.label.tolist()) <= {0, 1}
        corpus.text.validate(full=True)
        if len(corpus):
            tokenize(corpus.text)
    kept = tuple(Kept)[zlib.crc32(path.read_bytes() if path.is_file() else split.encode()) % len(Kept)]
    if (pieces := ends_well(sources.read_pieces, str(path), ReadOptions(**how), kept, split)) is not None:
        read(pieces, kept)


def parquet_text(content: bytes) -> None:
    """Read a Parquet file whose strings nobody has checked. The first byte says how they are stored."""
    how = content[0] if content else 0
    values = content[1:].split(b"\n")[:200]
    plain = pa.array(values, pa.binary()).view(pa.string())
    text = plain.dictionary_encode() if how & 1 else plain
    table = pa.table({"text": text, "label": [i % 2 for i in range(len(values))], "other": plain if how & 2 else text})
    if how & 4:
        table = table.rename_columns(["other", "label", "text"])
    out = io.BytesIO()
    parquet.write_table(
        table, out, use_dictionary=bool(how & 8), row_group_size=1 + how // 16, store_schema=bool(how & 1)
    )
    for suffix in (".parquet", ""):
        path = folder() / f"texts{suffix}"
        path.write_bytes(out.getvalue())
        ends_well(sources.load_corpus, str(path), LABELLED)
        for kept in Kept:
            if (pieces := ends_well(sources.read_pieces, str(path), ReadOptions(most=1 + how), kept)) is not None:
                read(pieces, kept)


def read(pieces: Iterator[Piece], kept: Kept) -> None:
    """Read the pieces of an input to the end, or to an error, and check their columns."""
    while (piece := ends_well(next, pieces, None)) is not None:
        piece.text.validate(full=True)
        assert piece.text.null_count == 0
        for column in piece.columns.values():
            column.validate(full=True)
            assert len(column) == len(piece.text)
        assert kept is not Kept.nothing or not piece.columns
        for written in piece.objects or []:
            assert isinstance(json.loads(written, strict=False), dict)


def stream(content: bytes) -> None:
    """Read standard input. The first byte says how many bytes arrive at once; the pieces do not depend on it."""
    size = 1 + content[0] if content else 1

    class Slow(io.BytesIO):
        def read1(self, count: int | None = -1) -> bytes:
            return super().read1(size)

        def fileno(self) -> int:
            raise OSError

    kept = tuple(Kept)[zlib.crc32(content) % len(Kept)]
    read(stream_pieces(Slow(content[1:]), "<stdin>", ReadOptions(), kept), kept)


ENCODINGS = (
    None,
    None,
    None,
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-32",
    "cp1252",
    "gb18030",
    "shift_jis",
    "koi8-r",
)


def encoding(content: bytes) -> None:
    """Find the encoding of any bytes, and decode them. The first byte chooses what data.encoding says."""
    name, data = ENCODINGS[content[0] % len(ENCODINGS)] if content else None, memoryview(content[1:])
    if (found := ends_well(to_utf8, data, "reviews.csv", name)) is not None:
        try:
            bytes(found[0]).decode()
        except UnicodeDecodeError:
            assert name in (None, "utf-8", "utf-8-sig"), "only what is read as it is may be invalid"
    assert encoding_advice([data])


DIALECTS = (
    (",", "\n"),
    (";", "\r\n"),
    ("\t", "\n"),
    ("|", "\n"),
    (",", "\r"),
    (":", "\n"),
    (", ", "\n"),
    (" ", "\r\n"),
)
HEADERS = (
    "text,label",
    "label,text",
    "id,label,text",
    "Text , LABEL",
    "review,rating",
    "",
    "0,1",
    "text,text",
    ",label",
)
FIELDS = (
    "1",
    "0",
    "5",
    "pos",
    "neg",
    "",
    '"',
    '""',
    "a good film",
    "not, good; at all",
    '\\"',
    "'",
    "# 1",
    "4,5",
    "\n",
)


def delimited(content: bytes) -> None:
    """Read a table that is made of fields which are hard to split. A byte chooses each; 200 and more end a line."""
    separator, newline = DIALECTS[content[0] % len(DIALECTS)] if content else DIALECTS[0]
    quoting = content[1] % 3 if len(content) > 1 else 0
    parts = [HEADERS[content[2] % len(HEADERS)].replace(",", separator) + newline if len(content) > 2 else ""]
    for byte in content[3:200]:
        field = FIELDS[byte % len(FIELDS)]
        if quoting == 1 or (quoting == 2 and any(mark in field for mark in (separator, '"', "\n"))):
            field = '"' + field.replace('"', '""') + '"'
        parts += [field, newline if byte >= 200 else separator]
    path = folder() / "delimited.csv"
    path.write_bytes("".join(parts).encode())
    read_everyhow(path, READ[content[0] // len(DIALECTS) % len(READ)] if content else {})


def _parts_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def _zipped(parts: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        for name, content in parts:
            file.writestr(zipfile.ZipInfo(name), content, method)  # the same time in each
    return archive.getvalue()


@cache
def book() -> dict[str, bytes]:
    """Return the files in a small workbook of Excel."""
    return _parts_of(dict(reviews())[".xlsx"])


def workbook(content: bytes) -> None:
    """Read a workbook in which one file has other content. The first byte says which; checksums are right."""
    names = sorted(book())
    changed = names[content[0] % len(names)] if content else names[0]
    path = folder() / "book.xlsx"
    path.write_bytes(_zipped([*(book() | {changed: content[1:]}).items()]))
    read_everyhow(path, {"sheet": "Sheet"} if content and content[0] >= 128 else {})


MEMBERS = (
    "train.csv",
    "test.csv",
    "a/train.jsonl",
    "dev.tsv",
    "x.csv.gz",
    "README.md",
    "../up.csv",
    "/abs.csv",
    "d/",
    "",
)
MEMBERS += ("__MACOSX/._a.csv", "reviews.zip", "x.parquet", "a\\b.csv", "pos/1.txt", "neg/1.txt", "\N{FILM FRAMES}.txt")


def archive(content: bytes) -> None:
    """Read a zip archive. Its files are separated by two zero bytes; the first byte of each chooses its name."""
    files = [(MEMBERS[part[0] % len(MEMBERS)], part[1:]) for part in content.split(b"\0\0") if part]
    files = [(f"{number}/{name}" if number > 5 else name, part) for number, (name, part) in enumerate(files[:8])]
    method = zipfile.ZIP_DEFLATED if len(content) % 2 else zipfile.ZIP_STORED
    path = folder() / "archive.zip"
    path.write_bytes(_zipped(list(dict(files).items()), method))
    for split in "train", "test":
        read_everyhow(path, {}, split)


def packed(content: bytes) -> None:
    """Read a compressed file. The first two bytes choose the compression, the name, and what is damaged."""
    kind, damage = (*content[:2], 0, 0)[:2]
    packings = (lambda data: gzip.compress(data, 1, mtime=0), bz2.compress, _xz, _zstd)
    data = packings[kind % 4](content[2:])
    if damage >= 200:
        data = packings[damage % 4](data)  # twice
    elif damage >= 150:
        data = data[: -(damage - 149)]
    elif damage >= 100:
        data += content[2 : damage - 97]
    path = folder() / f"packed{('.csv.gz', '.bz2', '.tsv.xz', '.jsonl.zst', '.csv', '')[kind // 4 % 6]}"
    path.write_bytes(data)
    read_everyhow(path, {})


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)  # the others take 90 MB for any input


def _zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


PLACES = ("train.csv", "test.csv", "train/pos/1.txt", "train/neg/1.txt", "pos/1.txt", "pos/2.txt", "neg/1.txt")
PLACES += ("unsup/1.txt", "data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "README.md", ".hidden")
PLACES += ("1.txt", "2.txt", "test/neg/1.txt", "validation.tsv", "x.parquet", "pos/deep/1.txt", "neutral/1.txt")


def tree(content: bytes) -> None:
    """Read a folder. Its files are separated by two zero bytes; the first byte of each chooses its place."""
    here = folder() / "tree"
    parts = [part for part in content.split(b"\0\0")[:8] if part]
    made = {here / PLACES[part[0] % len(PLACES)]: part[1:] for part in parts}
    here.mkdir(exist_ok=True)
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    try:
        for split in "train", "test", "unsupervised":
            read_everyhow(here, {}, split)
        drafted(here)
    finally:
        for path in made:
            path.unlink()
        for path in sorted(here.rglob("*"), reverse=True):
            path.rmdir()


def draft(content: bytes) -> None:
    """Draft a config for a file. The first byte chooses the format."""
    path = folder() / f"draft{SUFFIXES[content[0] % len(SUFFIXES)] if content else '.csv'}"
    path.write_bytes(content[1:])
    drafted(path)


def drafted(path: Path) -> None:
    """Draft a config, which is YAML, and is valid if nothing in it is left open."""
    if (found := ends_well(draft_config, path, path.name, path.parent)) is not None:
        text = "".join(f"{line}\n" for line in found.lines)
        yaml.safe_load(text)
        if not found.open_lines:
            config = folder() / "drafted.yaml"
            config.write_text(text, encoding="utf-8")
            load_config(config)


def writer(content: bytes) -> None:
    """Write the predictions for a file in each format, and read them back. The first byte chooses its format."""
    suffix = SUFFIXES[content[0] % len(SUFFIXES)] if content else ".csv"
    path = folder() / f"written{suffix}"
    path.write_bytes(content[1:])
    for form in Format:
        if form is not Format.table:
            kept = {Format.csv: Kept.text, Format.tsv: Kept.text, Format.parquet: Kept.typed}.get(form, Kept.objects)
            rows, output = 0, bytearray()
            writing = open_writer(form, output.extend, BINARY)
            if (pieces := ends_well(sources.read_pieces, str(path), ReadOptions(), kept)) is None:
                continue
            while (piece := ends_well(next, pieces, None)) is not None:
                n = len(piece.text)
                numbers = Prediction(np.linspace(0, 1, n), np.arange(n), np.arange(n) // 2)
                with contextlib.redirect_stderr(io.StringIO()):  # notes about names
                    ends_well(writing.write, piece, answers(numbers, parse_decision(BINARY)))
                rows += n
            writing.close()
            assert count_rows(bytes(output), form) == rows


def count_rows(written: bytes, form: Format) -> int:
    """Return how many rows a file of predictions has, as another program reads it."""
    if form is Format.parquet:
        return parquet.read_table(io.BytesIO(written)).num_rows if written else 0
    text = written.decode()
    if form in (Format.csv, Format.tsv):
        csv.field_size_limit(1 << 30)
        delimiter = "," if form is Format.csv else "\t"
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        assert len({len(row) for row in table}) <= 1, "each row has the columns of the header"
        return max(len(table) - 1, 0)
    if form is Format.json:
        return len(json.loads(text, strict=False))
    return len([json.loads(line, strict=False) for line in text.split("\n")[:-1]])


FILE_TARGETS = {
    "reader": reader,
    "parquet": parquet_text,
    "stream": stream,
    "encoding": encoding,
    "delimited": delimited,
    "workbook": workbook,
    "archive": archive,
    "packed": packed,
    "tree": tree,
    "draft": draft,
    "writer": writer,
}


@cache
def file_seeds(target: str) -> list[bytes]:
    """Return valid inputs of a target."""
    files = [(SUFFIXES.index(suffix), content) for suffix, content in reviews()]
    if target == "reader":
        ways = range(0, len(READ) * len(SUFFIXES), len(SUFFIXES))
        return [bytes([first + way]) + content for first, content in files for way in ways if first + way < 256]
    if target == "parquet":
        return [bytes([how]) + b"a good film\nbad\n\ncaf\xc3\xa9" for how in range(0, 256, 5)]
    if target == "stream":
        return [bytes([40]) + content for _, content in files]
    if target == "encoding":
        texts = (
            "Ein schöner Film, déjà vu",
            "Отличный фильм",
            "とても良い映画",
            "很好的电影",
            "καλή ταινία",
            "a good film",
        )
        codes = "utf-8", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp1251", "koi8-r", "shift_jis", "gb18030", "cp1253"
        return [
            bytes([len(each) % 12]) + each for text in texts for code in codes if (each := text.encode(code, "ignore"))
        ]
    if target == "delimited":
        rows = bytes([8, 200, 8, 201, 9, 200, 9, 201, 9, 200])
        return [bytes([way, quoting, way % len(HEADERS)]) + rows for way in range(0, 104, 3) for quoting in range(3)]
    if target == "workbook":
        return [bytes([number]) + book()[name] for number, name in enumerate(sorted(book()))]
    if target in ("archive", "tree"):
        two = [
            (b"\0text,label\ngood,1\nbad,0\n", b"\1text,label\ngood,1\n"),
            (b"\4good", b"\6bad"),
            (b"\2good", b"\3bad"),
        ]
        more = [(bytes([place]) + content, b"\1text,label\nbad,0\n") for place, (_, content) in enumerate(files)]
        return [b"\0\0".join(parts) for parts in (*two, *more)]
    if target == "packed":
        table = b'text,label\n"a ""good"", long\nfilm",1\nbad,0\n'
        return [bytes([kind, damage]) + table for kind in range(24) for damage in (0, 100, 150, 200)]
    found = [bytes([first]) + content for first, content in files]
    if target == "draft":
        found += [bytes([SUFFIXES.index(suffix)]) + b"a,a\nx,y\n" for suffix in (".csv", ".txt")]  # no name of its own
    return found


@cache
def reviews() -> list[tuple[str, bytes]]:
    """Return reviews in each format."""
    comma = b'text,label\n"a ""good"", long\nfilm",1\nbad,0\n,1\n'
    lines = b'{"text": "good \\ud83d\\ude00", "label": 1}\n{"text": null, "label": 0.0, "more": [{}]}\n'
    table = io.BytesIO()
    parquet.write_table(pa.table({"text": ["good", None], "label": [1, 0]}), table)
    objects = [json.loads(line) for line in lines.splitlines()]
    columns = {"text": {"0": "good", "1": "bad"}, "label": {"0": 1, "1": 0}}
    split = {"columns": ["text", "label"], "index": [0, 1], "data": [["good", 1], ["bad", 0]]}
    shapes = [{"n": 2, "data": {"reviews": objects, "users": [{"id": 1}]}}, columns, split, dict(enumerate(objects))]
    book, workbook, archive = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in (["text", "label"], ["good", 1.0], [], ["bad", 0]):
        book.active.append(row)
    book.save(workbook)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("films/train.csv", comma)
        file.writestr("films/test.csv", comma)
    return [
        *((".json", json.dumps(shape, indent=1).encode()) for shape in shapes),
        (".json", b"\n".join(json.dumps(each, indent=1).encode() for each in objects)),
        (".xlsx", workbook.getvalue()),
        (".zip", archive.getvalue()),
        (".csv.bz2", bz2.compress(comma)),
        (".csv.xz", _xz(comma)),
        (".csv.zst", pa.compress(comma, "zstd", asbytes=True)),
        (".csv", comma),
        (".tsv", comma.replace(b",", b"\t")),
        (".tsv", b'text\tlabel\n"open\t1\n"a \\"good\\" film\tis\t0\nbad "\t0\n'),
        (".csv", b'sep=;\r\n Text ;LABEL\r\n"a \\"good\\" film;1";1\r\n"bad;0\r\n'),
        (".csv", b"1|good, caf\xe9\n0|bad\n"),
        (".csv", "text,label\ngood,1\nbad,0\n".encode("utf-16")),
        (".txt", b"good\t1\nbad\t0\n"),
        (".jsonl", lines),
        (".json", b"[" + lines.strip().replace(b"\n", b",") + b"]"),
        (".parquet", table.getvalue()),
        (".txt", b"a good film\r\n\nbad\n"),
        (".ft", b"__label__pos a good film\n__label__0 __label__neg bad\n"),
        (".csv.gz", gzip.compress(comma, mtime=0)),
    ]
