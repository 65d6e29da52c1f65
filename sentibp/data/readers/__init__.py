"""Read files of reviews: CSV, TSV, JSON, Parquet, plain text, fastText lines, and folders with a file for each review.

Arrow reads a file in batches. If Arrow fails, a slow pass in Python either reports the line and the repair, or reads
what Arrow cannot read: labels of mixed types, a JSON array, a record larger than Arrow's largest block. Large files are
memory-mapped, and the texts are collected in arrays that may exceed memory (utils/spill.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sentibp.data.readers.common import Columns, Records, first_bytes, gunzip, read_bytes, unmarked, utf8
from sentibp.data.readers.csv_tsv import read_csv, read_tsv
from sentibp.data.readers.folder import read_folder
from sentibp.data.readers.json_lines import read_json
from sentibp.data.readers.parquet import read_parquet
from sentibp.data.readers.plain import read_lines
from sentibp.errors import DataError

FORMATS = "CSV, TSV, JSONL, Parquet, plain text (.txt), fastText's __label__ lines, or a folder with pos/ and neg/"


def read(path: Path, name: str, columns: Columns, split: str = "train") -> Records:
    """Read a file or folder of any format. `split` chooses a subfolder, such as train/ or test/."""
    if path.is_dir():
        return read_folder(path, name, columns, split)
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    return parse(data, name, columns, Path(path.name.lower().removesuffix(".gz")).suffix)


def parse(data: bytes | memoryview, name: str, columns: Columns, suffix: str) -> Records:
    """Read the bytes of a file. The suffix and the first bytes determine its format."""
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
