"""Read Parquet files."""

from __future__ import annotations

import pyarrow as pa

from sentibp.data.readers.common import Columns, Records, arrow_batches, records, require_columns
from sentibp.errors import DataError


def read_parquet(data: memoryview, name: str, columns: Columns) -> Records:
    """Read a Parquet file in batches of rows."""
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(pa.BufferReader(data))
        require_columns(name, schema.names, columns)
        wanted = list(dict.fromkeys(columns.wanted().values()))
        batches = arrow_batches(data, lambda file: parquet.ParquetFile(file).iter_batches(columns=wanted))
        return records(name, schema, batches, columns, lambda row: f"{name}: row {row + 1}")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: not Parquet: {str(error).splitlines()[0]}; fetch or write it again") from None
