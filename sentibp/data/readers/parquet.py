"""Read Parquet files in batches whose size in memory is bounded, however the file is divided."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.labels import default_class
from sentibp.data.readers.batches import arrow_batches
from sentibp.data.readers.structs import Path, field_paths, flat_schema, select
from sentibp.data.readers.table import Batch, ReadOptions, Table, numbered, require_unset, resolved
from sentibp.errors import DataError
from sentibp.utils.arrow import dictionary_lengths, from_numpy
from sentibp.utils.label_key import label_key

_BYTES = 1 << 25  # of a batch, about
_ROWS = 1 << 14  # of a batch at most

_SMALL = _BYTES // _ROWS  # bytes of a dictionary, none of whose values can make a batch too large

_FEATURES = b"huggingface"  # the key of what the datasets library writes about the columns

_SHOWN = 4  # names of labels in a note

_DICTIONARIES = {"PLAIN_DICTIONARY", "RLE_DICTIONARY"}


class NotUtf8(DataError):
    """A text of a column is not UTF-8."""

    def __init__(self, column: str, message: str):
        super().__init__(message)
        self.column = column


def open_parquet(data: memoryview, name: str, options: ReadOptions, groups: range | None = None) -> Table:
    """Open a Parquet file, or some of its row groups, which are read in batches of rows.

    Integer labels have the names that the datasets library of Hugging Face has written into the file, if it has.
    DataError for settings that are for text.
    """
    from pyarrow import parquet

    fact = "a Parquet file has the names of its columns, and no other encoding"
    require_unset(name, fact, options, ("names", "separator", "quoting", "encoding", "sheet"))

    def batches(wanted: list[str]) -> Generator[Batch]:
        some = {column: paths[column] for column in wanted}
        try:
            yield from _batches(data, name, some, groups, texts)
        except _InvalidText:  # of a dictionary, which Arrow itself checks, without saying where
            for _ in _batches(_without_types(data), name, some, groups, texts):
                pass
            raise

    with _Unreadable(name):
        schema = parquet.read_schema(pa.BufferReader(data))
        flat, paths = flat_schema(schema), field_paths(schema)
        columns = tuple(flat.names)
        rows = _row_numbers(parquet.read_metadata(pa.BufferReader(data)), groups)
    options = resolved(options, columns)
    texts = _binary_texts(flat, options.wanted_columns())
    flat = pa.schema([field.with_type(texts.get(field.name, field.type)) for field in flat])
    value_names = _value_names(schema)
    return Table(
        name=name,
        columns=columns,
        batches=batches,
        places=numbered(f"{name}: row ", rows),
        header=name,
        types=flat,
        whole=tuple(schema.names),
        value_names=value_names,
        classes=only_named(value_names),
        notes=_names_note(name, value_names.get(options.label or "", ())),
    )


def _binary_texts(schema: pa.Schema, names: Collection[str]) -> dict[str, pa.DataType]:
    """Return the type of text for each of these columns that is binary, as Impala and old Spark versions write it."""
    kinds = {pa.binary(): pa.string(), pa.large_binary(): pa.large_string()}
    return {field.name: kinds[field.type] for field in schema if field.name in names and field.type in kinds}


def _value_names(schema: pa.Schema) -> dict[str, Sequence[str]]:
    """Return the names of 0, 1, ... in each column of integers for which the file has them."""
    try:
        features = json.loads((schema.metadata or {})[_FEATURES])["info"]["features"]
        found = {column: features[column].get("names") for column in features}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    whole = {field.name for field in schema if schema.names.count(field.name) == 1 and pa.types.is_integer(field.type)}
    return {column: names for column, names in found.items() if column in whole and names and _are_names(names)}


def _are_names(names: object) -> bool:
    return isinstance(names, list) and all(isinstance(each, str) for each in names)


def only_named(value_names: Mapping[str, Sequence[str]]) -> str:
    """Return the only column whose numbers have names: its values are classes; "" if there is none, or several."""
    return next(iter(value_names)) if len(value_names) == 1 else ""


def _names_note(name: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return a note if the names of the labels say something else than the numbers 0 and 1 do by themselves."""
    if all(default_class(label_key(each)) == number for number, each in enumerate(labels)):
        return ()
    shown = ", ".join(f"{number} is {each}" for number, each in enumerate(labels[:_SHOWN]))
    return (f"{name}: its labels have names: {shown}{', ...' * (len(labels) > _SHOWN)}",)


def _row_numbers(metadata: Any, groups: range | None) -> range:
    """Return the numbers, from 1, of the rows of these row groups, or of all."""
    if groups is None:
        return range(1, metadata.num_rows + 1)
    ends = np.cumsum([0, *(metadata.row_group(number).num_rows for number in range(groups.stop))]).tolist()
    return range(ends[groups.start] + 1, ends[groups.stop] + 1)


def _batches(
    data: memoryview, name: str, paths: Mapping[str, Path], some: range | None, texts: Mapping[str, pa.DataType]
) -> Generator[Batch]:
    """Yield the columns with these paths (`structs.py`), of some row groups or of all, and `texts` from bytes."""
    from pyarrow import parquet

    with _Unreadable(name):
        metadata = parquet.read_metadata(pa.BufferReader(data))
        numbers = range(metadata.num_row_groups) if some is None else some
        check = _Check(name, _row_numbers(metadata, some).start - 1)
    wanted = list(paths)
    groups = _groups(data, metadata, wanted, numbers)
    while True:
        with _Unreadable(name):
            numbers, rows = next(groups, ([], 0))
        if not numbers:
            return
        found = arrow_batches(data, _Opener(rows, numbers, wanted))
        while True:
            with _Unreadable(name):  # not around the yield: an error of the caller is no damage
                batch = next(found, None)
            if batch is None:
                break
            columns = select(dict(zip(batch.schema.names, batch.columns, strict=True)), paths, wanted)
            columns |= {column: columns[column].view(kind) for column, kind in texts.items() if column in columns}
            check(columns)
            yield from _decoded(columns)


def _without_types(data: memoryview) -> memoryview:
    """Return the file without the types of Arrow, among them dictionaries; its strings are then plain."""
    footer = int.from_bytes(data[-8:-4], "little") + 8
    patched = bytes(data[-footer:]).replace(b"ARROW:schema", b"ARROW:ignore")
    return memoryview(b"".join([data[:-footer], patched]))


class _InvalidText(DataError):
    """Arrow has found a text that is not UTF-8."""


class _Unreadable:
    """Turns the errors of Arrow into a DataError."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, MemoryError):
            repair = "write it again with smaller pages, such as row_group_size=1000 of pandas and pyarrow"
            raise DataError(f"{self.name}: a page of it is larger than the memory; {repair}") from None
        if isinstance(error, UnicodeDecodeError):
            raise DataError(f"{self.name}: the name of a column is not UTF-8; write it again") from None
        if isinstance(error, pa.ArrowException | OSError | OverflowError):
            lines = str(error).splitlines() or [type(error).__name__]
            if "UTF8" in lines[0]:
                raise _InvalidText(f"{self.name}: a text of it is not UTF-8, as Parquet has it; write it again")
            raise DataError(f"{self.name}: not Parquet: {lines[0]}; fetch or write it again") from None


class _Opener(NamedTuple):
    """Opens what reads some row groups in batches. It keeps no reference to the file (see arrow_batches)."""

    rows: int  # of a batch
    groups: list[int]
    columns: list[str]

    def __call__(self, file: pa.BufferReader) -> Iterator[pa.RecordBatch]:
        from pyarrow import parquet

        opened = parquet.ParquetFile(file, pre_buffer=False)  # else whole row groups are in memory
        return opened.iter_batches(self.rows, self.groups, self.columns)


def _groups(data: memoryview, metadata: Any, wanted: Sequence[str], numbers: range) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that are read together, and how many of their rows are read at once."""
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    leaves = [i for i, path in enumerate(paths) if any(path == name or path.startswith(f"{name}.") for name in wanted)]
    together: list[int] = []
    total, least = 0, _ROWS
    for number in numbers:
        group = metadata.row_group(number)
        rows = _rows_at_once(data, group, number, leaves)
        if together and (total + group.num_rows > _ROWS or min(rows, least) < _ROWS):
            yield together, least
            together, total, least = [], 0, _ROWS
        together.append(number)
        total, least = total + group.num_rows, min(least, rows)
    if together:
        yield together, least


def _rows_at_once(data: memoryview, group: Any, number: int, leaves: Sequence[int]) -> int:
    """Return how many rows of a row group take about _BYTES when they are decoded, at least 1."""
    size = 0.0  # of a row
    for leaf in leaves:
        column = group.column(leaf)
        mean = column.total_uncompressed_size / max(group.num_rows, 1)
        if column.physical_type == "BYTE_ARRAY" and _DICTIONARIES & set(column.encodings):
            if column.total_uncompressed_size > _SMALL:  # every row may be the longest value of the dictionary
                mean = max(mean, _longest_value(data, number, column.path_in_schema))
            else:
                mean = column.total_uncompressed_size
        size += mean
    return int(min(max(_BYTES / max(size, 1), 1), _ROWS))


def _longest_value(data: memoryview, group: int, path: str) -> int:
    """Return the number of bytes of the longest value in the dictionary of a column."""
    from pyarrow import parquet

    def first(file: pa.BufferReader) -> Iterator[pa.RecordBatch]:
        opened = parquet.ParquetFile(file, pre_buffer=False, read_dictionary=[path])
        return opened.iter_batches(1, [group], [path])

    longest = 0
    found = arrow_batches(data, first)
    for batch in itertools.islice(found, 1):
        column = batch.column(0)
        while pa.types.is_nested(column.type) and not pa.types.is_dictionary(column.type):
            column = column.flatten()[0] if pa.types.is_struct(column.type) else column.flatten()
        if pa.types.is_dictionary(column.type):
            longest = _longest(column.dictionary)
    found.close()
    return longest


def _longest(values: pa.Array) -> int:
    import pyarrow.compute as pc

    lengths = pc.max(pc.binary_length(values)).as_py() if len(values) else None
    return lengths or 0


def _decoded(columns: Batch) -> Iterator[Batch]:
    """Yield the rows in batches that have about _BYTES at most when their dictionaries are resolved."""
    size: np.ndarray | None = None
    for column in columns.values():
        if pa.types.is_dictionary(column.type):
            each = dictionary_lengths(column)
            size = each if size is None else size + each
    if size is None or size.sum() <= _BYTES:
        yield columns
        return
    ends = np.cumsum(size)
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _BYTES, side="right")))
        yield {name: column.slice(start, stop - start) for name, column in columns.items()}
        start = stop


class _Check:
    """Checks that texts are UTF-8, which Arrow takes for granted."""

    def __init__(self, name: str, rows: int):
        self.name = name
        self.rows = rows  # before those that are checked next
        self._dictionaries: dict[str, pa.Array] = {}  # the one that was checked last for each column

    def __call__(self, columns: Batch) -> None:
        """Check the next rows. NotUtf8 for the first text that is not."""
        for name, values in columns.items():
            is_dictionary, known = pa.types.is_dictionary(values.type), self._dictionaries.get(name)
            if is_dictionary and known is not None and _is_same(known, values.dictionary):
                continue
            if not _is_valid(values):
                self._report(name, values)
            elif is_dictionary:
                self._dictionaries[name] = values.dictionary
        self.rows += len(next(iter(columns.values())))

    def _report(self, name: str, values: pa.Array) -> None:
        for row in range(len(values)):
            value = values.take(from_numpy(np.array([row])))
            value = value.dictionary.take(value.indices) if pa.types.is_dictionary(value.type) else value
            if not _is_valid(value):
                place = f"{self.name}: row {self.rows + row + 1}"
                raise NotUtf8(name, f"{place}: {name!r} is not UTF-8, as Parquet has it; write it again as UTF-8")
        if not pa.types.is_dictionary(values.type):
            raise DataError(f"{self.name}: {name!r} is damaged; fetch or write it again")


def _is_same(one: pa.Array, other: pa.Array) -> bool:
    """Return whether two arrays are the same values in memory."""
    addresses = [[buffer and buffer.address for buffer in array.buffers()] for array in (one, other)]
    return addresses[0] == addresses[1] and len(one) == len(other)


def _is_valid(values: pa.Array) -> bool:
    try:
        values.validate(full=True)
        if pa.types.is_dictionary(values.type):
            values.dictionary.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
