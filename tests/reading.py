"""Read small files of reviews in tests: parse bytes or a path, and list the rows or the error."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from sentibp.data import readers
from sentibp.data.readers.records import Records, read_records
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

BOTH = ReadOptions("text", "label")


def parse(data: str | bytes, name: str = "x.csv", options: ReadOptions = BOTH) -> Records:
    data = data.encode() if isinstance(data, str) else data
    return read_records(readers.open_content(data, name, options, Path(name.removesuffix(".gz")).suffix), options)


def read(path: Path, name: str, options: ReadOptions, split: str = "train") -> Records:
    return read_records(readers.open_table(path, name, options, split), options)


def rows(records: Records) -> list[tuple]:
    assert records.text.type == pa.large_string()
    assert records.label is not None
    return list(zip(records.text.to_pylist(), records.label.to_pylist(), strict=True))


def texts(records: Records) -> list[str]:
    assert records.label is None
    return records.text.to_pylist()


def complaint(*arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        parse(*arguments, **options)
    return str(caught.value)
