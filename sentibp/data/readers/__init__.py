"""Read files of reviews: CSV, TSV, JSON, Parquet, plain text, fastText lines, and folders with a file for each review.

Every reader opens a file as a table (`table.Table`), whose rows are read in batches. Arrow reads them. If Arrow fails,
a slow pass in Python either reports the line and the repair, or reads what Arrow cannot read: labels of mixed types, a
JSON array, a record larger than Arrow's largest block. Large files are memory-mapped, and the texts are collected in
arrays that may exceed memory (utils/spill.py).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from sentibp.data.readers import compression, conversion, disguise, excel, folder, layouts, parallel
from sentibp.data.readers.content import first_bytes, read_bytes
from sentibp.data.readers.csv_tsv import open_csv
from sentibp.data.readers.dialect import BAR, TAB, head_lines, likely_separator
from sentibp.data.readers.encoding import encoding_for, to_utf8
from sentibp.data.readers.header import similar_names
from sentibp.data.readers.json_file import open_json
from sentibp.data.readers.own_files import reject_own_files
from sentibp.data.readers.parquet import open_parquet
from sentibp.data.readers.partitions import partition_files, with_values, without_values
from sentibp.data.readers.plain import fit, label_repair, open_lines
from sentibp.data.readers.shards import join_tables
from sentibp.data.readers.splits import TABLES, are_parts, choose_files, data_files, format_suffix, listed, splits_of
from sentibp.data.readers.table import ReadOptions, Table, is_set, require_short_lines, require_unset
from sentibp.errors import DataError, NoLabels
from sentibp.utils.files import data_error_if_unreadable
from sentibp.utils.messages import counted
from sentibp.utils.paths import PACKED, shown
from sentibp.utils.repair import python, set_option

FORMATS = (
    "CSV, TSV, JSON, JSONL, Parquet, Excel (.xlsx), plain text (.txt), fastText's __label__ lines, "
    "a zip of one of these, or a folder with pos/ and neg/"
)


def open_table(path: Path, name: str, options: ReadOptions, split: str = "train") -> Table:
    """Open a file or folder of any format. `split` chooses from a folder or a zip archive that has splits.

    `name` is what messages call it. DataError if it cannot be read.
    """
    reject_own_files(path, name)
    if path.is_dir():
        with data_error_if_unreadable():
            return _open_folder(path, name, options, split)
    try:
        table = open_content(_read(path, name), name, options, format_suffix(path.name), split)
    except layouts.KnownLayout as error:
        raise error.of(path) from None
    except DataError:
        if options.label is not None:
            _reject_files_beside(path, name)
        raise
    return table.with_notes(similar_names(name, table.columns, options))


def has_splits(path: Path) -> bool:
    """Return whether a file or folder has several splits to choose from, such as train/ and test/, or train.csv."""
    if path.is_dir():
        with data_error_if_unreadable():
            return folder.has_splits(path)
    if format_suffix(path.name) != ".zip":
        return False
    return bool(splits_of(data_files(compression.zip_members(_read(path, str(path)), str(path)))))


def _read(path: Path, name: str) -> memoryview:
    with data_error_if_unreadable(name):
        return read_bytes(path)


def _open_folder(path: Path, name: str, options: ReadOptions, split: str) -> Table:
    """Open a folder: with texts by class, with a file for each split, or with one data file."""
    name = name.rstrip("/")
    _reject_saved_data_set(path, name)
    if files := partition_files(path):
        return _open_partitions(path, files, name, options)
    if folder.is_class_folder(path):
        return folder.open_class_folder(path, name, options, split, _open_partitions)
    inner = folder.data_folder(path)
    if options.label is not None:
        _reject_files_by_class(inner, name)
    prefix = name if inner == path else f"{name}/{inner.name}"
    names = data_files(file.name for file in inner.iterdir() if file.is_file())
    are_texts = len(names) > 1 and not splits_of(names) and not are_parts(names) and format_suffix(names[0]) == ".txt"
    if options.label is None and are_texts:
        note = f"{prefix}: each of its {len(names):,} files is one review"
        return folder.open_text_files([inner], prefix, options, fixed_labels=False, notes=(note,))
    if options.label is not None and not any(format_suffix(each) in TABLES for each in names):
        parallel.reject_pairs(parallel.find_pairs(inner), name, split)
    if options.label is not None and are_texts:
        _require_labelled([inner / each for each in names], name, options)
    one = f"name one of them, such as {prefix}/{(names or [''])[0]}"
    by_class = "" if options.label is None else folder.as_partitions(inner, names)
    one_each = folder.as_one_file(inner, names)
    files, notes = choose_files(names, split, prefix, "; ".join(filter(None, (one, by_class, one_each))))
    if not files:
        raise DataError(f"{name}: the folder has no reviews; {folder.what_to_give(inner, prefix)}")
    empty = [file for file in files if len(files) > 1 and not (inner / file).stat().st_size]
    notes += (f"{prefix}: {listed(empty)}: empty, and left out",) * bool(empty)
    read = [file for file in files if file not in empty] or files
    return join_tables([open_table(inner / file, f"{prefix}/{file}", options) for file in read], name, notes)


def _reject_files_beside(path: Path, name: str) -> None:
    """Raise a DataError if a file has texts beside one with their labels, or with those of the other class."""
    if path.name in (folder.files_by_class(path.parent) or ()):
        _reject_files_by_class(path.parent, name)
    if format_suffix(path.name) not in TABLES:
        pairs = parallel.find_pairs(path.parent)
        parallel.reject_pairs([pair for pair in pairs if path in pair], name)


def _reject_files_by_class(path: Path, name: str) -> None:
    """Raise a DataError if two files of a folder say to have the texts of a class each."""
    both = folder.files_by_class(path)
    if both is not None:
        layouts.reject_file(path / both[0], name)
        files = [shlex.quote(shown(str(path / file))) for file in both]
        labelled = list(zip(("neg", "pos"), files, strict=True))
        what = f"{name}: {both[0]} and {both[1]} seem to have the texts of a class each, one on each line"
        raise DataError(f"{what}; write both into one file: {conversion.as_lines_with_labels(labelled)}")


def reject_other_class(path: Path, name: str) -> None:
    """Raise a DataError for a table without labels beside one that says to have the texts of the other class."""
    if path.is_file() and (other := folder.other_class(path)):
        command = folder.as_partitions(path.parent, sorted((path.name, other)))
        raise NoLabels(f"{name}: no column has labels; {other} beside it seems to have the other class; {command}")


def _reject_saved_data_set(path: Path, name: str) -> None:
    """Raise a DataError for a folder that save_to_disk of the library datasets wrote, whose JSON files are no data."""
    # os.path.isfile returns False in a folder of another user, where Path.is_file raises an error
    is_several = os.path.isfile(path / "dataset_dict.json")
    if is_several or all(os.path.isfile(path / file) for file in ("state.json", "dataset_info.json")):
        split = "train" if is_several else ""
        output = "-".join(filter(None, (name, split))) + ".parquet"
        code = f"from datasets import load_from_disk; load_from_disk({name!r}){f'[{split!r}]' if split else ''}"
        command = python("-c", f"{code}.to_parquet({output!r})")
        raise DataError(f"{name}: a data set as save_to_disk of datasets writes it; write it as Parquet: {command}")


def _open_partitions(
    path: Path, files: Sequence[tuple[Path, Mapping[str, str]]], name: str, options: ReadOptions
) -> Table:
    """Open files whose folders give the values of further columns, as one table."""
    opened = [
        open_table(file, f"{name}/{file.relative_to(path)}", without_values(options, values)) for file, values in files
    ]
    tables = [with_values(table, values) for table, (_, values) in zip(opened, files, strict=True)]
    columns = list(dict.fromkeys(column for _, values in files for column in values))
    own = [column for column in columns if any(column in table.columns for table in opened)]
    note = f"{name}: reads its {counted(len(files), 'file')} as one table; the names of the folders give "
    note += f"{listed(columns)}{f', except where a file has {listed(own)} itself' * bool(own)}"
    return join_tables(tables, name, (note,))


def _require_labelled(files: Sequence[Path], name: str, options: ReadOptions) -> None:
    """Raise NoLabels if the first of many text files is a text without a label: each of them is one review."""
    try:
        open_table(files[0], str(files[0]), options)
    except layouts.KnownLayout as error:
        raise error.of(*files) from None
    except NoLabels:
        raise NoLabels(
            f"{name}: its {len(files):,} text files have no labels; put them into folders pos/ and neg/"
        ) from None


def _open_zip(data: memoryview, name: str, options: ReadOptions, split: str) -> Table:
    """Open a zip archive: a workbook of Excel, or an archive with one data file, or with a file for each split."""
    members = compression.zip_members(data, name)
    if excel.is_workbook(members):
        note = f"{name}: read as Excel, which it is in spite of its name"
        is_other = format_suffix(name) in disguise.TEXT
        return excel.open_excel(data, name, options).with_notes((note,) if is_other else ())
    office = ("word/document.xml", "content.xml", "Index/Document.iwa")
    if any(each in members for each in office):
        raise DataError(f"{name}: a document of an office program; save its table as .xlsx or CSV")
    names = data_files(members)
    files, notes = choose_files(names, split, name, compression.how_to_unpack(name, names))
    if not files:
        raise DataError(f"{name}: has no data file, but {listed(list(members)) or 'nothing'}; give {FORMATS}")
    tables = []
    for file in files:
        content = compression.decompress(compression.read_member(data, name, members[file]), f"{name}/{file}")
        if compression.is_zip(content) and not excel.is_workbook(compression.zip_members(content, f"{name}/{file}")):
            repair = compression.how_to_unpack(name, [file])
            raise DataError(f"{name}/{file}: a zip archive in a zip archive; {repair}")
        tables.append(open_content(content, f"{name}/{file}", options, format_suffix(file)))
    return join_tables(tables, name, notes)


def open_content(data: bytes | memoryview, name: str, options: ReadOptions, suffix: str, split: str = "train") -> Table:
    """Open the bytes of a file. The suffix and the first bytes determine its format."""
    data = compression.decompress(memoryview(data), name)
    if compression.is_zip(data):
        return _open_zip(data, name, options, split)
    disguise.reject_other_content(data, name, suffix)
    excel.reject_old_excel(data, name, suffix)
    if suffix == ".parquet" or data[:4] == b"PAR1":
        note = f"{name}: read as Parquet, which it is in spite of its name"
        return open_parquet(data, name, options).with_notes((note,) if suffix in disguise.TEXT else ())
    require_unset(name, "only Excel files have sheets", options, ("sheet",))
    data, notes = to_utf8(data, name, encoding_for(data, options))
    return _open_text(data, name, options, suffix).with_notes(notes)


def _open_text(data: memoryview, name: str, options: ReadOptions, suffix: str) -> Table:
    """Open text in UTF-8. A note says if the content is not what the suffix says."""
    if suffix in (*disguise.TABLES, ".txt") and not options.separator and disguise.is_json(data, options):
        return open_json(data, name, options).with_notes((f"{name}: read as JSON, which it is in spite of its name",))
    if suffix in disguise.JSON and not disguise.is_table(data):
        return open_json(data, name, options)
    require_short_lines(data, name, options.most)
    if suffix in disguise.JSON:
        return open_csv(data, name, options).with_notes((f"{name}: read as CSV, as it is no JSON",))
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix](data, name, options)
    layouts.reject_lines(head_lines(data), name)
    if first_bytes(data, 9) == b"__label__":
        return open_lines(data, name, options)
    guess = likely_separator(data)
    if guess is not None and options.separator == guess:  # also if it is that of the training
        options = options._replace(inherited=options.inherited - {"separator"})
    of_training = "names" in options.inherited and fit(head_lines(data), options)
    if of_training or is_set("separator", options) or is_set("quoting", options):
        return open_lines(data, name, options)
    if guess is not None:
        repair = f"if it is a table: {set_option('data.separator', guess)}"
        raise DataError(f"{name}: {suffix} is not a known format; {repair}; else give {FORMATS}")
    if options.label is not None and (repair := label_repair(head_lines(data), options)):
        raise DataError(f"{name}: {suffix} is not a known format; {repair}; else give {FORMATS}")
    raise DataError(f"{name}: not a known format; give {FORMATS}")


_BY_SUFFIX: dict[str, Callable[[memoryview, str, ReadOptions], Table]] = {
    ".csv": open_csv,
    ".tsv": partial(open_csv, separators=TAB),
    ".tab": partial(open_csv, separators=TAB),
    ".psv": partial(open_csv, separators=BAR),
    ".txt": open_lines,
    ".ft": open_lines,
    "": open_lines,
}
SUFFIXES = (*(suffix for suffix in _BY_SUFFIX if suffix), *disguise.JSON, ".parquet", ".xlsx", ".xlsm", ".zip", *PACKED)
