"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the file at full speed, batch by batch, and the texts gather where they may be more than fit in memory. A
large file is mapped. Only where Arrow gives up does a slow pass in Python follow, which either names the line and the
repair or reads what Arrow could not (mixed label types, a JSON array, which alone is read whole, a record of a
gigabyte)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sentibp.data.readers.common import Columns, Records, first_bytes, gunzip, read_bytes, unmarked, utf8
from sentibp.data.readers.delimited import read_csv, read_tsv
from sentibp.data.readers.folder import read_folder
from sentibp.data.readers.json_lines import read_json
from sentibp.data.readers.parquet import read_parquet
from sentibp.data.readers.plain import read_lines
from sentibp.errors import DataError

FORMATS = "CSV, TSV, JSONL, Parquet, plain text (.txt), fastText's __label__ lines, or a folder with pos/ and neg/"


def read(path: Path, name: str, columns: Columns, split: str = "train") -> Records:
    """Read a file or folder of any format; `split` chooses between the train/ and test/ of a folder."""
    if path.is_dir():
        return read_folder(path, name, columns, split)
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    return parse(data, name, columns, Path(path.name.lower().removesuffix(".gz")).suffix)


def parse(data: bytes | memoryview, name: str, columns: Columns, suffix: str) -> Records:
    """Read the bytes of a file, whose format its suffix and first bytes tell."""
    data = memoryview(data)
    if data[:2] == b"\x1f\x8b":
        data = gunzip(data, name)
    if suffix == ".parquet" or data[:4] == b"PAR1":
        return read_parquet(data, name, columns)
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix](utf8(data, name), name, columns)
    if first_bytes(unmarked(data), 9) == b"__label__":
        return read_lines(utf8(data, name), name, columns)
    raise DataError(f"{name}: not a known format; give {FORMATS}")


_BY_SUFFIX: dict[str, Callable[[memoryview, str, Columns], Records]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json": read_json,
    ".txt": read_lines,
    ".ft": read_lines,
    "": read_lines,
}
SUFFIXES = (*(suffix for suffix in _BY_SUFFIX if suffix), ".parquet", ".gz")
