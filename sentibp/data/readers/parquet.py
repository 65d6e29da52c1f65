"""Read Parquet files."""

from __future__ import annotations

from collections.abc import Generator

import pyarrow as pa

from sentibp.data.readers.batches import arrow_batches
from sentibp.data.readers.table import Batch, ReadOptions, Table, require_unset
from sentibp.errors import DataError


def open_parquet(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open a Parquet file, which is read in batches of rows. DataError for settings that are for text."""
    from pyarrow import parquet

    fact = "a Parquet file has the names of its columns, and no other encoding"
    require_unset(name, fact, options, ("names", "separator", "quoting", "encoding", "sheet"))

    def batches(wanted: list[str]) -> Generator[Batch]:
        try:
            for batch in arrow_batches(data, lambda file: parquet.ParquetFile(file).iter_batches(columns=wanted)):
                yield dict(zip(batch.schema.names, batch.columns, strict=True))
        except (pa.ArrowException, OSError) as error:
            raise _not_parquet(name, error) from None

    try:
        schema = parquet.read_schema(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise _not_parquet(name, error) from None
    return Table(name, tuple(schema.names), batches, lambda row: f"{name}: row {row + 1}", header=name, types=schema)


def _not_parquet(name: str, error: Exception) -> DataError:
    return DataError(f"{name}: not Parquet: {str(error).splitlines()[0]}; fetch or write it again")
