"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the file at full speed, batch by batch, and the texts gather where they may be more than fit in memory. A
large file is mapped. Only where Arrow gives up does a slow pass in Python follow, which either names the line and the
repair or reads what Arrow could not (mixed label types, a JSON array, which alone is read whole, a record of a
gigabyte)."""

from __future__ import annotations

import pyarrow as pa

from sentibp.data.readers.common import Columns, Records, arrow_batches, records, require
from sentibp.errors import DataError

# Parquet


def read_parquet(data: memoryview, name: str, columns: Columns) -> Records:
    """Read a Parquet file, a batch of rows at a time."""
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(pa.BufferReader(data))
        require(name, schema.names, columns)
        wanted = list(dict.fromkeys(columns.wanted().values()))
        batches = arrow_batches(data, lambda file: parquet.ParquetFile(file).iter_batches(columns=wanted))
        return records(name, schema, batches, columns, lambda row: f"{name}: row {row + 1}")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: not Parquet: {str(error).splitlines()[0]}; fetch or write it again") from None
