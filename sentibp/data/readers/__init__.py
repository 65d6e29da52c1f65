"""Read files of reviews: CSV, TSV, JSON, Parquet, plain text, fastText lines, and folders with a file for each review.

Every reader opens a file as a table (`table.Table`), whose rows are read in batches. Arrow reads them. If Arrow fails,
a slow pass in Python either reports the line and the repair, or reads what Arrow cannot read: labels of mixed types, a
JSON array, a record larger than Arrow's largest block. Large files are memory-mapped, and the texts are collected in
arrays that may exceed memory (utils/spill.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sentibp.data.readers.content import first_bytes, gunzip, read_bytes, unmarked, utf8
from sentibp.data.readers.csv_tsv import open_csv, open_tsv
from sentibp.data.readers.folder import open_folder
from sentibp.data.readers.json_file import open_json
from sentibp.data.readers.parquet import open_parquet
from sentibp.data.readers.plain import open_lines
from sentibp.data.readers.table import ReadOptions, Table
from sentibp.errors import DataError

FORMATS = "CSV, TSV, JSONL, Parquet, plain text (.txt), fastText's __label__ lines, or a folder with pos/ and neg/"


def open_table(path: Path, name: str, options: ReadOptions, split: str = "train") -> Table:
    """Open a file or folder of any format. `split` chooses a subfolder, such as train/ or test/.

    `name` is what messages call it. DataError if it cannot be read.
    """
    if path.is_dir():
        return open_folder(path, name, options, split)
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    return open_content(data, name, options, Path(path.name.lower().removesuffix(".gz")).suffix)


def open_content(data: bytes | memoryview, name: str, options: ReadOptions, suffix: str) -> Table:
    """Open the bytes of a file. The suffix and the first bytes determine its format."""
    data = memoryview(data)
    if data[:2] == b"\x1f\x8b":
        data = gunzip(data, name)
    if suffix == ".parquet" or data[:4] == b"PAR1":
        return open_parquet(data, name)
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix](utf8(data, name), name, options)
    if first_bytes(unmarked(data), 9) == b"__label__":
        return open_lines(utf8(data, name), name, options)
    raise DataError(f"{name}: not a known format; give {FORMATS}")


_BY_SUFFIX: dict[str, Callable[[memoryview, str, ReadOptions], Table]] = {
    ".csv": open_csv,
    ".tsv": open_tsv,
    ".jsonl": open_json,
    ".ndjson": open_json,
    ".json": open_json,
    ".txt": open_lines,
    ".ft": open_lines,
    "": open_lines,
}
SUFFIXES = (*(suffix for suffix in _BY_SUFFIX if suffix), ".parquet", ".gz")
