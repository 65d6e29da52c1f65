"""Write predictions beside the columns of their input, as JSON lines, JSON, CSV, TSV or Parquet."""

from __future__ import annotations

import contextlib
import json as jsons
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sentibp.utils.messages import print_message

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

    from sentibp.data.labels import Classes
    from sentibp.data.pieces import Kept, Piece

Sink = Callable[[Any], Any]  # takes bytes
Tell = Callable[[str], None]  # takes a message for the user


class Format(StrEnum):
    """The output format of predictions."""

    table = "table"
    jsonl = "jsonl"
    json = "json"
    csv = "csv"
    tsv = "tsv"
    parquet = "parquet"


SUFFIXES = {
    ".csv": Format.csv,
    ".tsv": Format.tsv,
    ".jsonl": Format.jsonl,
    ".ndjson": Format.jsonl,
    ".json": Format.json,
    ".parquet": Format.parquet,
    ".csv.gz": Format.csv,
    ".tsv.gz": Format.tsv,
    ".jsonl.gz": Format.jsonl,
    ".ndjson.gz": Format.jsonl,
    ".json.gz": Format.json,
}


def kept_columns(format: Format, keep: bool) -> Kept:
    """Return what a writer needs of the columns of the input, if these are to be kept."""
    from sentibp.data.pieces import Kept

    kept = Kept.text if format in (Format.csv, Format.tsv) else Kept.typed if format is Format.parquet else Kept.objects
    return kept if keep and format is not Format.table else Kept.nothing


class Writer(Protocol):
    """Writes pieces of the input with their predictions, one after the other."""

    def write(self, piece: Piece, answers: Sequence[dict[str, Any]]) -> None:
        """Write the rows of a piece; `answers` has a prediction for each."""

    def close(self) -> None:
        """Write what ends the file."""


def open_writer(format: Format, sink: Sink, classes: Classes, tell: Tell = print_message) -> Writer:
    """Return the writer of a format but `table`. `sink` takes the bytes; `classes` are those of the model."""
    from sentibp.model.prediction import answer_columns, table_columns

    keys = answer_columns(classes)
    if format is Format.parquet:
        return _Parquet(sink, table_columns(keys, classes), tell)
    if format in (Format.csv, Format.tsv):
        return _Delimited(sink, table_columns(keys, classes), "," if format is Format.csv else "\t", tell)
    return _Json(sink, keys, tell, array=format is Format.json)


@contextlib.contextmanager
def compressing(output: Path, file: Any) -> Iterator[Sink]:
    """Yield what writes into the open file, compressed if the name ends in .gz. There is no time stamp."""
    if output.suffix.lower() != ".gz":
        yield file.write
        return
    import gzip

    from sentibp.utils.files import closing

    with closing(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)) as compressed:
        yield compressed.write


class _Names:
    """The names of the prediction's columns, which differ from those of the input's columns."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._names: dict[str, str] = {}

    def among(self, columns: Sequence[str], own: Sequence[str]) -> Mapping[str, str]:
        """Return {column of the prediction: its name beside these columns}; tell the user of each that is renamed.

        `Label` and `label` are the same name, as they are for the readers: else the prediction would be read as labels.
        """
        from sentibp.utils.near_names import folded_name

        taken = {folded_name(column): column for column in reversed(columns)}
        for name in own:
            if (of_input := taken.get(self._names.setdefault(name, name))) is not None:
                new, number = f"predicted_{name}", 2
                while new in taken or new in self._names.values():
                    new, number = f"predicted_{name}_{number}", number + 1
                self._tell(f"the input has a column {of_input!r}: the prediction's is called {new!r}")
                self._names[name] = new
        return self._names


class _Json:
    """Writes an object for each row: one a line, or all in one array."""

    def __init__(self, sink: Sink, keys: Sequence[str], tell: Tell, *, array: bool):
        self._sink, self._keys = sink, keys
        self._before, self._between, self._end = ("[\n", ",\n", "\n]\n") if array else ("", "\n", "\n")
        self._array, self._begun, self._names = array, False, _Names(tell)

    def write(self, piece: Piece, answers: Sequence[dict[str, Any]]) -> None:
        names = self._names.among(piece.names, [*self._keys, *(key for answer in answers[:1] for key in answer)])
        if piece.objects is not None:
            objects = (_joined(text, _renamed(a, names)) for text, a in zip(piece.objects, answers, strict=True))
        else:
            encode = jsons.JSONEncoder(ensure_ascii=False).encode  # jsons.dumps makes an encoder for each row
            columns = [_json_values(column) for column in piece.columns.values()]
            rows = zip(*columns, strict=True) if columns else ((),) * len(answers)
            objects = (
                encode(dict(zip(piece.columns, row, strict=True)) | _renamed(a, names))
                for row, a in zip(rows, answers, strict=True)
            )
        text = self._between.join(objects)
        if text:
            start = self._between if self._begun and self._array else self._before
            self._sink((start + text + ("" if self._array else "\n")).encode(errors="replace"))
            self._begun = True

    def close(self) -> None:
        if self._array:
            self._sink((self._end if self._begun else "[]\n").encode())


def _renamed(answer: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[key]: value for key, value in answer.items()}


def _joined(text: str, answer: dict[str, Any]) -> str:
    """Return the JSON object `text` with the keys of the answer at its end; what it holds stays as it is written."""
    body = text[: text.rindex("}")].rstrip()
    return body + (", " if not body.endswith("{") else "") + jsons.dumps(answer)[1:]


class _Delimited:
    """Writes CSV or TSV. A value is quoted if it holds a delimiter, a quote or a line break. Arrow makes the lines."""

    def __init__(self, sink: Sink, columns: Sequence[str], delimiter: str, tell: Tell):
        self._sink, self._columns, self._delimiter, self._tell = sink, columns, delimiter, tell
        self._begun = False

    def write(self, piece: Piece, answers: Sequence[dict[str, Any]]) -> None:
        from sentibp.model.prediction import table_values
        from sentibp.utils.arrow import strings

        if not self._begun:
            names = [*piece.names, *_Names(self._tell).among(piece.names, self._columns).values()]
            self._sink(self._lines([strings([name]) for name in names]))
            self._begun = True
        own = [strings(map(_cell, values)) for values in table_values(answers, self._columns)]
        self._sink(self._lines([*map(_as_text, piece.columns.values()), *own]))

    def _lines(self, columns: list[pa.LargeStringArray]) -> memoryview:
        """Return a line for each row, whose values are those of the columns, each (n,)."""
        import pyarrow.compute as pc

        from sentibp.utils.arrow import buffers, scalar

        nothing, delimiter, quote = scalar(""), scalar(self._delimiter), scalar('"')
        special = f'[\n\r"{self._delimiter}]'
        cells = []
        for column in columns:
            text = pc.fill_null(column, nothing)
            doubled = pc.replace_substring(text, pattern='"', replacement='""')
            quoted = pc.binary_join_element_wise(quote, doubled, quote, nothing)
            cells.append(pc.if_else(pc.match_substring_regex(text, pattern=special), quoted, text))
        lines = pc.binary_join_element_wise(*cells, delimiter)
        return buffers(pc.binary_join_element_wise(lines, scalar("\n"), nothing))[1].data

    def close(self) -> None:
        pass


class _Parquet:
    """Writes Parquet. The columns of the input keep their types."""

    def __init__(self, sink: Sink, columns: Sequence[str], tell: Tell):
        self._file, self._columns, self._tell = _ArrowFile(sink), columns, tell
        self._writer: parquet.ParquetWriter | None = None
        self._names: Mapping[str, str] = {}

    def write(self, piece: Piece, answers: Sequence[dict[str, Any]]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        from sentibp.model.prediction import table_arrays

        if self._writer is None:
            self._names = _Names(self._tell).among(piece.names, self._columns)
        own = {self._names[name]: array for name, array in table_arrays(answers, self._columns).items()}
        table = pa.table(piece.columns | own)
        with self._file.open():
            self._writer = self._writer or parquet.ParquetWriter(self._file, table.schema)
            self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is not None:
            with self._file.open():
                self._writer.close()


class _ArrowFile:
    """A file for Arrow, that hands its bytes on while it is open.

    After an error, Arrow writes the end of the file as soon as nobody holds the writer any more: that is not wanted.
    """

    def __init__(self, sink: Sink):
        self._sink, self._position, self._is_open, self.closed = sink, 0, False, False

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Hand on what Arrow writes in the block."""
        self._is_open = True
        try:
            yield
        finally:
            self._is_open = False

    def write(self, data: Any) -> int:
        if self._is_open:
            self._sink(bytes(data))
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def _cell(value: str | float | None) -> str | None:
    """Return a value as text; Arrow writes 1 for 1.0."""
    return repr(value) if isinstance(value, int | float) else value


def _as_text(column: pa.Array) -> pa.LargeStringArray:
    """Return the values of a column as text (n,); null where there is none."""
    import pyarrow as pa

    from sentibp.utils.arrow import TEXT, strings

    try:
        return column.cast(TEXT)
    except pa.ArrowException:  # nested, or bytes that are no text
        values = map(_for_json, column.to_pylist())
        nested = pa.types.is_nested(column.type)
        return strings(jsons.dumps(v, ensure_ascii=False) if nested and v is not None else v for v in values)


def _json_values(column: pa.Array) -> list[Any]:
    """Return the values of a column for JSON: dates and times as text."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return _as_text(column).to_pylist()
    values = column.to_pylist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return values
    return list(map(_for_json, values))


def _for_json(value: Any) -> Any:
    """Return what JSON can hold in place of a value: null for what is no number, text for what it has no sign for."""
    if isinstance(value, float):
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"  # as Protocol Buffers write them in JSON
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(key): _for_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_for_json, value))
    if isinstance(value, str | int | None):
        return value
    return _text_of_bytes(value) if isinstance(value, bytes) else str(value)


def _text_of_bytes(value: bytes) -> str:
    """Return bytes as text, which some programs store so in Parquet; as hexadecimal digits if they are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
