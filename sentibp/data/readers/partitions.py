"""Find the partitions of a table as Hive and Spark write them: a folder `year=2024/` holds rows that have this value.

Source: https://arrow.apache.org/docs/python/dataset.html#reading-partitioned-data
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from sentibp.data.readers.splits import TABLES, data_files, format_suffix
from sentibp.data.readers.table import Batch, JsonRow, ReadOptions, Table
from sentibp.utils.arrow import TEXT
from sentibp.utils.near_names import folded_name

_MISSING = "__HIVE_DEFAULT_PARTITION__"

Values = Mapping[str, str]  # by the name of their column


OpenTables = Callable[[Path, Sequence[tuple[Path, Values]], str, ReadOptions], Table]
"""Opens the files below a folder as one table, each with the values of further columns."""


def class_tables(
    classes: Sequence[Path], column: str, is_left_out: Callable[[Path], bool]
) -> list[tuple[Path, Values]]:
    """Return the files of folders that are a class each, with its name as the value of a column, if all are tables.

    None if one of them is something else, or a class has no file.
    """
    files = [
        [each for each in sorted(child.iterdir()) if each.is_file() and each.name[:1] != "." and not is_left_out(each)]
        for child in classes
    ]
    found = [each for inner in files for each in inner]
    is_table = all(files) and all(format_suffix(each.name) in TABLES for each in found)
    return [(each, {column: each.parent.name}) for each in found] if is_table else []


def partition_files(path: Path) -> list[tuple[Path, Values]]:
    """Return the data files in the partitions of a folder, and the values of each; none if it is no such folder."""
    return list(_files(path, {})) if _partitions(path) and not data_files(_names(path)) else []


def _files(path: Path, values: Values) -> Iterator[tuple[Path, Values]]:
    yield from ((path / name, values) for name in data_files(_names(path)) if values)
    for child in _partitions(path):
        key, _, value = child.name.partition("=")
        yield from _files(child, dict(values) | {unquote(key): "" if value == _MISSING else unquote(value)})


def _names(path: Path) -> list[str]:
    return [file.name for file in path.iterdir() if file.is_file()]


def _partitions(path: Path) -> list[Path]:
    """Return the subfolders called KEY=VALUE, if all are that can be seen."""
    folders = [child for child in sorted(path.iterdir()) if child.is_dir() and not child.name.startswith((".", "_"))]
    return folders if all("=" in child.name[1:] for child in folders) else []


def without_values(options: ReadOptions, values: Values) -> ReadOptions:
    """Return the options to read a file, which lacks the columns whose values its folders give."""
    given = set(map(folded_name, values))
    lacking = [role for role, name in options.wanted() if role != "text" and folded_name(name) in given]
    return options._replace(**dict.fromkeys(lacking))


def with_values(table: Table, values: Values) -> Table:
    """Return the table with these values in each row, in columns of their own. Those that it has count."""
    new = {name: value for name, value in values.items() if name not in table.columns}

    def batches(wanted: list[str]) -> Generator[Batch]:
        own = [name for name in wanted if name not in new]
        for batch in table.batches(own or [table.columns[0]]):
            rows = len(next(iter(batch.values())))
            yield {name: pa.repeat(pa.scalar(new[name], TEXT), rows) if name in new else batch[name] for name in wanted}

    def objects() -> Iterator[JsonRow]:
        assert table.objects is not None
        for line, record, _ in table.objects():
            yield line, record | new, json.dumps(record | new, ensure_ascii=False)

    types = [] if table.types is None else [*table.types, *(pa.field(name, TEXT) for name in new)]
    return replace(
        table,
        columns=(*table.columns, *new),
        batches=batches,
        types=None if table.types is None else pa.schema(types),
        whole=(*table.whole, *new) if table.whole else (),
        objects=None if table.objects is None else objects,
    )
