"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the whole file at full speed. Only where it gives up does a slow pass in Python follow, which either
names the line and the repair or reads what Arrow could not (mixed label types, a JSON array, a record of a
gigabyte).
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.arrow import TEXT, array
from sentibp.errors import DataError

FORMATS = "CSV, TSV, JSONL, Parquet, plain text (.txt), fastText's __label__ lines, or a folder with pos/ and neg/"
_BLOCKS = (1 << 22, 1 << 26, 1 << 30)  # bytes Arrow reads at once; a record must fit in one block
_STRINGS = ("string", "large_string", "string_view")
OPTION = {
    "text": "--text-column (data.text_column)",
    "label": "--label-column (data.label_column)",
    "weight": "data.weight_column",
}


class Columns(NamedTuple):
    """The names of the columns to read; a label or weight of None is not asked for."""

    text: str = "text"
    label: str | None = None
    weight: str | None = None

    def wanted(self) -> dict[str, str]:
        """Role -> column name, of those asked for."""
        return {role: name for role, name in self._asdict().items() if name is not None}


@dataclass(frozen=True, eq=False)
class Records:
    """One source as it was read, before its labels are understood."""

    name: str  # as the user wrote it
    text: pa.ChunkedArray  # large_string; null where the record has no text
    label: pa.ChunkedArray | None  # of whatever type the source has
    weight: pa.ChunkedArray | None
    where: Callable[[int], str]  # row -> its place in the user's terms, "reviews.csv:17"; may be slow
    names: Sequence[str] = ()  # of the integer labels 0, 1, ..., where the source has them
    certain: bool = False  # labels are 0/1 or neg/pos by construction, whatever the user's mapping says


def read(path: Path, name: str, columns: Columns, split: str = "train") -> Records:
    """Read a file or folder of any format; `split` chooses between the train/ and test/ of a folder."""
    if path.is_dir():
        return _read_folder(path, name, columns, split)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    return parse(data, name, columns, Path(path.name.lower().removesuffix(".gz")).suffix)


def parse(data: bytes, name: str, columns: Columns, suffix: str) -> Records:
    """Read the bytes of a file, whose format its suffix and first bytes tell."""
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, name)
    if suffix == ".parquet" or data[:4] == b"PAR1":
        return _read_parquet(data, name, columns)
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix](_utf8(data, name), name, columns)
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:9] == b"__label__":
        return _read_lines(_utf8(data, name), name, columns)
    raise DataError(f"{name}: not a known format; give {FORMATS}")


# Bytes


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: damaged gzip: {str(error).lower()}; fetch or write it again") from None


def _utf8(data: bytes, name: str) -> bytes:
    """The bytes without their mark, once they are known to be UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{name}: UTF-16; save the file as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        _one_string(data).validate(full=True)
    except ValueError:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            byte = f"byte 0x{data[error.start]:02X}"
            raise DataError(f"{name}:{line}: not UTF-8 ({byte}); save the file as UTF-8") from None
    return data


def _one_string(data: bytes) -> pa.Array:
    """All the bytes as one Arrow string, without a copy."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    return pa.Array.from_buffers(TEXT, 1, [None, offsets, pa.py_buffer(data)])


# Columns


def require(place: str, names: Iterable[object], columns: Columns) -> None:
    """Complain of every column that is asked for and not there, or there twice."""
    there = [str(name) for name in names]
    choice = ", ".join(name if len(name) <= 40 else name[:39] + "…" for name in there[:20])
    wrong = [
        f"{place}: no {name!r}; set {OPTION[role]} to one of: {choice}"
        if name not in there
        else f"{place}: two columns are called {name!r}; rename one"
        for role, name in columns.wanted().items()
        if there.count(name) != 1
    ]
    if wrong:
        raise DataError(*wrong)


def _no_weights(name: str, columns: Columns) -> None:
    if columns.weight is not None:
        raise DataError(f"{name}: has no columns to take weights from; remove data.weight_column")


def _chunked(array: Any, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    chunks = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    return chunks if kind is None else chunks.cast(kind)


def records(name: str, table: Any, columns: Columns, where: Callable[[int], str]) -> Records:
    """Columns by their name in the file -> columns by their role, if their types can be."""
    found = {role: _chunked(table[column]) for role, column in columns.wanted().items()}
    for role, column in found.items():
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_nested(kind) or (role == "text" and str(kind) not in _STRINGS):
            need = "text" if role == "text" else "a string or a number"
            raise DataError(f"{name}: {getattr(columns, role)!r} is {kind}, not {need}; set {OPTION[role]} to another")
    return Records(name, found["text"].cast(TEXT), found.get("label"), found.get("weight"), where)


# CSV and TSV


def _read_csv(data: bytes, name: str, columns: Columns, delimiters: str = ",;\t") -> Records:
    """Comma-separated values; semicolons or tabs too, if only they make the header name the text column."""
    heads = {delimiter: _csv_header(data, delimiter) for delimiter in delimiters}
    if not any(heads[delimiters[0]]):
        raise DataError(f"{name}: empty; the first line of a CSV file names its columns")
    fitting = (delimiter for delimiter in delimiters if columns.text in heads[delimiter])
    delimiter = next(fitting, delimiters[0])
    header = heads[delimiter]
    require(f"{name}:1", header, columns)
    wanted = list(dict.fromkeys(columns.wanted().values()))
    try:
        table = _csv_table(data, delimiter, wanted, one_column=len(header) == 1)
        if data.count(b'"') % 2:  # Arrow takes a quote that is never closed for text up to the end of the file
            _check_csv(data, name, delimiter)
    except pa.ArrowException:
        rows = _check_csv(data, name, delimiter)
        table = {column: pa.array([row[header.index(column)] for row in rows], TEXT) for column in wanted}
    return records(name, table, columns, lambda row: f"{name}:{_csv_line(data, delimiter, row)}")


def _read_tsv(data: bytes, name: str, columns: Columns) -> Records:
    return _read_csv(data, name, columns, "\t,;")


def _csv_table(data: bytes, delimiter: str, wanted: list[str], *, one_column: bool) -> pa.Table:
    from pyarrow import csv as arrow_csv

    parse_options = arrow_csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        ignore_empty_lines=not one_column,  # there an empty line is an empty text
    )
    convert_options = arrow_csv.ConvertOptions(
        check_utf8=False,
        include_columns=wanted,
        column_types=dict.fromkeys(wanted, TEXT),  # "null", "007" and "2020-01-01" stay what they are
        strings_can_be_null=False,
    )

    def attempt(block: int) -> pa.Table:
        read_options = arrow_csv.ReadOptions(block_size=block)
        return arrow_csv.read_csv(pa.BufferReader(data), read_options, parse_options, convert_options)

    return _by_block(attempt)


def _by_block(attempt: Callable[[int], pa.Table]) -> pa.Table:
    """Read with larger and larger blocks, until the largest record fits in one."""
    for block in _BLOCKS:
        try:
            return attempt(block)
        except pa.ArrowInvalid as error:
            if "block" not in str(error) or block == _BLOCKS[-1]:
                raise
    raise AssertionError("unreachable")


def _csv_rows(data: bytes, delimiter: str, strict: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row begins, and its fields; blank lines are skipped where a row has several.

    With the name of the file as `strict`, a misplaced quote is an error.
    """
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    limit = csv.field_size_limit((1 << 31) - 1)
    width = line = 0
    try:
        rows = csv.reader(text, delimiter=delimiter, strict=strict is not None)
        while True:
            line = rows.line_num + 1
            row = next(rows, None)
            if row is None:
                return
            if row or width == 1:
                width = width or len(row)
                yield line, row or [""]
    except csv.Error as error:
        repair = "close the quote" if "end of data" in str(error) else 'write a quote inside a quoted text as ""'
        raise DataError(f"{strict}:{line}: not CSV: {error}; {repair}") from None
    finally:
        csv.field_size_limit(limit)


def _csv_header(data: bytes, delimiter: str) -> list[str]:
    return next(_csv_rows(data, delimiter), (1, []))[1]


def _csv_line(data: bytes, delimiter: str, row: int) -> int:
    """The line of a row: not its number, where a quoted text holds newlines."""
    return next(itertools.islice(_csv_rows(data, delimiter), row + 1, None))[0]


def _check_csv(data: bytes, name: str, delimiter: str) -> list[list[str]]:
    """All rows, after the header, by Python's csv module; the first malformed one is an error."""
    (_, header), *rows = _csv_rows(data, delimiter, strict=name)
    for line, row in rows:
        if len(row) != len(header):
            fields = f"{len(row)} field{'s' * (len(row) != 1)} where the header has {len(header)}"
            raise DataError(f"{name}:{line}: {fields}; put a text that contains {delimiter!r} in double quotes")
    return [row for _, row in rows]


# JSON


def _read_json(data: bytes, name: str, columns: Columns) -> Records:
    """JSON lines, or one array of objects."""
    if data.lstrip()[:1] == b"[":
        return _json_records(list(_json_array(data, name)), name, columns)
    first = next(_json_lines(data, name), None)
    if first is None:
        return _json_records([], name, columns)
    require(f"{name}:{first[0]}", first[1], columns)
    try:
        table = _json_table(data, columns, first[1])
    except pa.ArrowException:
        return _json_records(list(_json_lines(data, name)), name, columns)
    return records(name, table, columns, lambda row: _json_place(data, name, row))


def _json_table(data: bytes, columns: Columns, first: dict[str, Any]) -> pa.Table:
    from pyarrow import json as arrow_json

    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    schema = {columns.text: pa.string()}
    for column in columns[1:]:
        if column is not None:
            schema[column] = kinds.get(type(first[column]), pa.string())
    parse_options = arrow_json.ParseOptions(
        explicit_schema=pa.schema(list(schema.items())), unexpected_field_behavior="ignore"
    )

    def attempt(block: int) -> pa.Table:
        read_options = arrow_json.ReadOptions(block_size=block)
        return arrow_json.read_json(pa.BufferReader(data), read_options, parse_options)

    return _by_block(attempt)


def _json_lines(data: bytes, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(io.BytesIO(data), 1):
        if line.strip():
            try:
                value = json.loads(line, strict=False)
            except (json.JSONDecodeError, RecursionError) as error:
                reason = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                raise DataError(f"{name}:{number}: not JSON: {reason}; write one object a line") from None
            yield number, _json_object(value, f"{name}:{number}")


def _json_array(data: bytes, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    text, decoder, solid = data.decode(), json.JSONDecoder(strict=False), re.compile(r"\S|\Z")
    line = 1
    counted = 0  # the newlines before this position are in `line`

    def skip(position: int) -> int:
        found = solid.search(text, position)
        return found.start() if found else len(text)

    end = skip(text.index("[") + 1)
    while text[end : end + 1] != "]":
        line, counted = line + text.count("\n", counted, end), end
        try:
            value, end = decoder.raw_decode(text, end)
        except (json.JSONDecodeError, RecursionError) as error:
            reason = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            line = getattr(error, "lineno", line)
            raise DataError(f"{name}:{line}: not JSON: {reason}; repair the array") from None
        yield line, _json_object(value, f"{name}:{line}")
        end = skip(end)
        if text[end : end + 1] == ",":
            end = skip(end + 1)
        elif text[end : end + 1] != "]":
            line += text.count("\n", counted, end)
            raise DataError(f"{name}:{line}: not JSON: expecting ',' or ']'; repair the array")


def _json_object(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise DataError(f'{place}: not an object; write {{"text": "..."}}')


def _json_records(rows: list[tuple[int, dict[str, Any]]], name: str, columns: Columns) -> Records:
    if rows:
        require(f"{name}:{rows[0][0]}", rows[0][1], columns)
    table: dict[str, Any] = {
        column: pa.array([_json_text(row.get(column), column, f"{name}:{line}") for line, row in rows], TEXT)
        for column in columns[1:]
        if column is not None
    }
    for line, row in rows:
        if not isinstance(row.get(columns.text), str | None):
            raise DataError(f"{name}:{line}: {columns.text!r} is not a string; put it in quotes")
    table[columns.text] = pa.array([_whole(row.get(columns.text)) for _, row in rows], TEXT)
    return records(name, table, columns, lambda row: f"{name}:{rows[row][0]}")


def _json_text(value: Any, column: str, place: str) -> str | None:
    """A label or weight as text, where a column mixes strings and numbers."""
    if isinstance(value, list | dict):
        raise DataError(f"{place}: {column!r} is neither a string nor a number; give a column that is")
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return None if missing else _whole(str(value))


def _whole(text: str | None) -> str | None:
    """The text with U+FFFD for half a surrogate pair, which JSON can write and UTF-8 cannot."""
    return text if text is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_place(data: bytes, name: str, row: int) -> str:
    filled = (number for number, line in enumerate(io.BytesIO(data), 1) if line.strip())
    return f"{name}:{next(itertools.islice(filled, row, None))}"


# Parquet


def _read_parquet(data: bytes, name: str, columns: Columns) -> Records:
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        require(name, file.schema_arrow.names, columns)
        table = file.read(columns=list(dict.fromkeys(columns.wanted().values())))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: not Parquet: {str(error).splitlines()[0]}; fetch or write it again") from None
    return records(name, table, columns, lambda row: f"{name}: row {row + 1}")


# Lines


def lines(data: bytes) -> pa.Array:
    """Each line, also an empty one, is one text; a newline at the end begins no other."""
    whole = _one_string(data)
    if b"\r\n" in data:
        whole = pc.replace_substring(whole, "\r\n", "\n")
    parts = pc.split_pattern(whole, "\n").values
    return parts[:-1] if not data or data.endswith(b"\n") else parts


def _read_lines(data: bytes, name: str, columns: Columns) -> Records:
    """Plain text, or fastText's format if the first line that is not blank begins with __label__."""
    _no_weights(name, columns)
    if data.lstrip()[:9] == b"__label__":
        return _fasttext(lines(data), name, columns)
    if columns.label is not None:
        raise DataError(f"{name}: plain text has no labels; give CSV, TSV, JSONL, Parquet or __label__ lines")
    return Records(name, _chunked(lines(data)), None, None, lambda row: f"{name}:{row + 1}")


def _fasttext(texts: pa.Array, name: str, columns: Columns) -> Records:
    """Lines such as `__label__positive a great film`; several labels make one, with a space between."""
    kept = np.arange(len(texts))
    if columns.label is not None:  # a blank line is no review here, but a text to predict is never left out
        kept = np.flatnonzero(pc.not_equal(pc.utf8_trim_whitespace(texts), ""))
        texts = texts.take(array(kept))
    parts = pc.extract_regex(texts, r"(?s)^\s*(?P<label>(?:__label__\S*\s*)*)(?P<text>.*)$")
    label = None if columns.label is None else _chunked(pc.utf8_trim_whitespace(parts.field("label")))
    return Records(name, _chunked(parts.field("text")), label, None, lambda row: f"{name}:{kept[row] + 1}")


# Folders


def _read_folder(path: Path, name: str, columns: Columns, split: str) -> Records:
    """Folders neg/ and pos/ with a review a file, here or below a folder named after the split."""
    _no_weights(name, columns)
    if not _has_classes(path):
        splits = sorted(child.name for child in path.iterdir() if child.is_dir() and _has_classes(child))
        if not splits:
            raise DataError(f"{name}: no reviews here; give a file, or a folder with pos/ and neg/")
        if split not in splits:
            raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")
        path, name = path / split, f"{name.rstrip('/')}/{split}"
    files = [file for folder in ("neg", "pos") for file in sorted((path / folder).iterdir()) if _visible(file)]
    places = [f"{name.rstrip('/')}/{file.parent.name}/{file.name}" for file in files]
    texts = [_utf8(file.read_bytes(), place) for file, place in zip(files, places, strict=True)]
    label = pa.array([file.parent.name for file in files], pa.string())
    return Records(
        name=name,
        text=_chunked(pa.array(texts, pa.large_binary()), TEXT),
        label=None if columns.label is None else _chunked(label),
        weight=None,
        where=lambda row: places[row],
        certain=True,
    )


def _has_classes(path: Path) -> bool:
    return (path / "pos").is_dir() and (path / "neg").is_dir()


def _visible(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


_BY_SUFFIX: dict[str, Callable[[bytes, str, Columns], Records]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".json": _read_json,
    ".txt": _read_lines,
    ".ft": _read_lines,
    "": _read_lines,
}
SUFFIXES = (*(suffix for suffix in _BY_SUFFIX if suffix), ".parquet", ".gz")
