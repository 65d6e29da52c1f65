"""Find the data that a name, a path or a hub id refers to, and load them as a corpus."""

from __future__ import annotations

import functools
import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sentibp.data import hub, readers
from sentibp.data.built_in import HUB_IDS, NAMES, SHIPPED, built_in_options, open_hub_set, open_shipped
from sentibp.data.column_names import has_label_word
from sentibp.data.columns import profile_table
from sentibp.data.corpus import Corpus, concatenate, corpus_from_records
from sentibp.data.hub import list_folder, load_from_hub
from sentibp.data.label_columns import LabelColumns, find_label_columns
from sentibp.data.label_notes import other_scale_notes
from sentibp.data.labels import Labels
from sentibp.data.opposite_texts import as_reviews, opposite_texts
from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers.folder import has_classes
from sentibp.data.readers.own_files import named_run
from sentibp.data.readers.pieces import table_pieces
from sentibp.data.readers.records import Records, read_records
from sentibp.data.readers.stream import stream_pieces
from sentibp.data.readers.table import LABELLED, TEXTS, MissingColumn, ReadOptions, Table, require_columns, resolved
from sentibp.errors import DataError
from sentibp.utils import paths
from sentibp.utils.label_key import label_key
from sentibp.utils.limits import MB
from sentibp.utils.messages import counted
from sentibp.utils.near_names import did_you_mean, folded_name, near_paths
from sentibp.utils.paths import has_data_suffix
from sentibp.utils.repair import set_option

if TYPE_CHECKING:
    from sentibp.config.schema import Data  # prediction reads files, and does without pydantic

_WITHOUT = {"weight": "every review counts the same", "group": "its reviews may be of groups in the training data"}

_GROUP_COLUMNS = 4  # that are suggested, at most
_GIVE = "give the path of a file or folder of reviews"
_LISTED = 20  # files in a message, at most


def load_corpus(
    source: str | Sequence[str],
    options: ReadOptions = LABELLED,
    *,
    split: str = "train",
    labels: Labels | None = None,
) -> Corpus:
    """Read one source or several: paths, built-in names or hub ids.

    A built-in name takes precedence over a path (write ./name for the path), and a path over a hub id. `split` chooses
    from a data set or from a folder with splits; a file has no splits. DataError if a source cannot be read.
    """
    if not isinstance(source, str) and len(source) > 1:  # of several kinds, of which each has its own settings
        options = options._replace(inherited=frozenset(_OF_FILES.values()))
    reached = functools.cache(hub.is_hub_reachable)  # tested at most once, and only if necessary
    names = paths.names_of(source)
    if not names:
        raise DataError("data.source: is empty; give a path, a name or a hub id")
    shadowed = [note for name in names if name in NAMES for note in _shadow_note(name, None)]
    names = [each for name in names for each in (HUB_IDS if name == "reviews" else (name,))]

    def read(name: str) -> Corpus:
        try:
            return corpus_from_records(_read_source(name, options, split, reached), labels)
        except MissingColumn as error:
            others = [each for each in names if each != name]
            kept = list(map(paths.shown, others)) if len(others) > 1 else paths.shown("".join(others))
            raise other_columns(error, others, options, split, set_option("data.source", kept)) from None

    if len(names) == 1:
        corpus = read(names[0])
        return replace(corpus, notes=(*shadowed, *corpus.notes))
    meanings: list[Labels | None] = []

    def noted(name: str) -> Corpus:
        corpus = read(name)
        meanings.append(corpus.values)
        return corpus

    corpus = concatenate(map(noted, names))
    return replace(corpus, notes=(*shadowed, *_twice(names), *corpus.notes, *other_scale_notes(names, meanings)))


def _twice(names: Sequence[str]) -> list[str]:
    """Return a note for each source that is named more than once, also by another path."""
    count = Counter(name if name in NAMES else os.path.realpath(os.path.expanduser(name)) for name in names)
    several = [paths.shown(name) for name, times in count.items() if times > 1]
    return [f"data.source: names {name} more than once, and each of its reviews counts as often" for name in several]


def load_corpus_without(
    optional: Sequence[str], source: str | Sequence[str], options: ReadOptions, split: str, labels: Labels | None
) -> Corpus:
    """Read a source as `load_corpus` does, without weights or groups if it has none: `optional` are such roles.

    A note says what is missing, and what follows.
    """
    try:
        return load_corpus(source, options, split=split, labels=labels)
    except MissingColumn as error:
        if not error.roles <= set(optional):
            raise
        place, roles = error.place, error.roles
    notes = [
        f"{place}: no {role}s in a column {name!r}, which the training has; {_WITHOUT[role]}"
        for role, name in options.wanted()
        if role in roles
    ]
    corpus = load_corpus_without(optional, source, options._replace(**dict.fromkeys(roles)), split, labels)
    return replace(corpus, notes=(*corpus.notes, *notes))


def other_columns(
    error: MissingColumn, others: Sequence[str], options: ReadOptions, split: str, alternative: str
) -> MissingColumn:
    """Return the error about missing columns as it is for sources that are read with the same settings.

    If another source has these columns, no setting fits both. The alternative is an option that leaves one out.
    """
    if not error.roles & {"text", "label"}:
        return error
    for name in others:
        with suppress(DataError):
            there = set(map(folded_name, _open_source(name, options, split, hub.is_hub_reachable).columns))
            if there >= set(map(folded_name, error.names)):
                lacking, columns = " and no ".join(map(repr, error.names)), ", ".join(error.present[:20])
                fact = f"{error.place}: no {lacking}, which {paths.shown(name)} has; its columns are {columns}"
                return error.with_line(f"{fact}; give both files the same columns, or leave one out with {alternative}")
    return error


_OF_FILES = {"columns": "names"} | {key: key for key in ("encoding", "sheet", "separator", "quoting")}


def read_options(settings: Data, *, labelled: bool = True, typed: Sequence[str] | None = None) -> ReadOptions:
    """Return how the settings say that files are read.

    If `typed` is given, the settings are those of a training, with these overrides `data.KEY=VALUE`: the others may
    not fit the file.
    """
    columns = settings.text_column
    keys = {override.partition("=")[0].strip() for override in typed or ()}
    others = [field for key, field in _OF_FILES.items() if f"data.{key}" not in keys]
    labels = (labelled and settings.labels) or {}
    return ReadOptions(
        text=columns if isinstance(columns, str) else tuple(columns),
        label=settings.label_column if labelled else None,
        label_values=tuple(label_key(each) for values in labels.values() for each in values),
        weight=settings.weight_column,
        group=settings.group_column,
        names=None if settings.columns is None else tuple(settings.columns),
        encoding=settings.encoding,
        sheet=settings.sheet,
        separator=settings.separator,
        quoting=settings.quoting,
        most=round(settings.max_record_mb * MB),
        inherited=frozenset(() if typed is None else others),
    )


def resolve_source(source: str | Sequence[str], base: Path | None) -> tuple[str | list[str], tuple[str, ...]]:
    """Return the source with absolute paths, and notes for the user. `base` is the folder of the config file.

    A path is relative to `base` first, then to the working directory. If `base` is None, because the source was given
    on the command line, it is relative to the working directory. What is no path stays as it is.
    """
    names = paths.names_of(source)
    found = [(name, _shadow_note(name, base)) if name in NAMES else paths.resolve(name, base) for name in names]
    resolved, notes = [name for name, _ in found], tuple(note for _, notes in found for note in notes)
    return (resolved[0] if isinstance(source, str) else resolved), notes


def _shadow_note(name: str, base: Path | None) -> tuple[str, ...]:
    """Return a note if a built-in name is also that of a file or folder, which may be meant."""
    for folder in (base or Path(), Path()):
        if os.path.exists(folder / name) and not os.path.isfile(folder / name / "run.json"):  # `train imdb --out imdb`
            kind = "folder" if os.path.isdir(folder / name) else "file"
            return (f"{name}: the built-in data set, not the {kind} of that name; for the {kind}, write ./{name}",)
    return ()


def is_source(name: str | float, *folders: Path) -> bool:
    """Return whether data.validation names a source: a path or a hub id. Otherwise, as `dev`, it is a split.

    A name is a path if it looks like one, or is a file in one of the folders.
    """
    if not isinstance(name, str):
        return False
    return "/" in name or _looks_like_path(name) or any(os.path.isfile(folder / name) for folder in folders)


def require_splits(source: str | Sequence[str], repair: str) -> None:
    """Raise a DataError, with the repair, if one of the sources has no splits of which one could be chosen."""
    for name in paths.names_of(source):
        path = Path(os.path.expanduser(name))
        if name in NAMES:
            what = f"the data set {name}" if name in SHIPPED and not SHIPPED[name].splits else None
        elif not os.path.exists(path) or readers.has_splits(path):
            what = None
        elif path.is_dir():
            what = "a folder with pos/ and neg/ itself" if has_classes(path) else "a folder of one table"
        else:
            what = "a file"
        if what is not None:
            raise DataError(f"{paths.shown(name)}: {what} has no splits; {repair}")


def group_columns(source: str | Sequence[str], settings: Data) -> list[str]:
    """Return columns whose values occur several times each, as those of a film or an author do: the finest first.

    Only those that all sources have. Empty if the columns cannot be read.
    """
    options, columns = read_options(settings), None
    for name in paths.names_of(source):
        try:
            profile = profile_table(_open_source(name, options, settings.split, hub.is_hub_reachable))
        except (DataError, OSError):
            return []
        used = set(map(folded_name, options.wanted_columns()))
        sizes = {column.name: len(column.distinct) for column in profile.groups if folded_name(column.name) not in used}
        columns = sizes if columns is None else {key: columns[key] for key in columns if key in sizes}
    return sorted(columns or {}, key=lambda column: -(columns or {})[column])[:_GROUP_COLUMNS]


def read_pieces(
    path: str, options: ReadOptions = TEXTS, kept: Kept = Kept.nothing, split: str = "train"
) -> Iterator[Piece]:
    """Return the rows to predict in pieces, in order: of a file, a folder (or its split), or "-", standard input.

    Standard input and pipes are read as they arrive. DataError if the path cannot be read, and in the midst of the
    pieces for a row that cannot.
    """
    if path == "-":
        if sys.stdin is None:  # the shell's <&-
            raise DataError("<stdin>: is closed; give it something to read, or name a file")
        return stream_pieces(sys.stdin.buffer, "<stdin>", options, kept)
    file = Path(os.path.expanduser(path))
    if path and os.path.exists(file) and file.is_fifo():
        return _pipe_pieces(file, path, options, kept)
    table = _open_source(path, options, split, hub.is_hub_reachable, names=False)
    kind = "folder" if file.is_dir() else "file"
    notes = (f"{path}: the {kind}, not the built-in data set of that name, which `sentibp eval --data {path}` takes",)
    return table_pieces(table.with_notes(notes if path in NAMES else ()), options, kept)


def _pipe_pieces(file: Path, name: str, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    with open(file, "rb") as opened:
        yield from stream_pieces(opened, name, options, kept)


def _read_source(source: str, options: ReadOptions, split: str, reached: Callable[[], bool]) -> Records:
    """Return the records of one source."""
    if source in SHIPPED or source in HUB_IDS:
        options = built_in_options(source, options)
    table = _open_source(source, options, split, reached)
    if options.label is None or table.fixed_labels:
        return read_records(table, options)
    try:
        records = read_records(table, options)
    except MissingColumn as error:
        if "label" not in error.roles:
            raise
        options = resolved(options, table.columns)
        labels = find_label_columns(table, options)
        if labels is not None and options.label == "label" and not any(map(has_label_word, labels.names)):
            _reject_classes_apart(source, labels, options)
        require_columns(table.header, table.columns, options, labels)
        raise
    options = resolved(options, table.columns)
    return replace(records, other_labels=functools.cache(lambda: find_label_columns(table, options)))


def _reject_classes_apart(source: str, labels: LabelColumns, options: ReadOptions) -> None:
    """Raise a DataError if the texts of each class are in a column or a file of their own."""
    path, name = Path(os.path.expanduser(source)), paths.shown(source)
    if columns := opposite_texts(labels.columns):
        raise DataError(f"{name}: {as_reviews(path, columns, options.encoding)}")
    if not labels.names:
        readers.reject_other_class(path, name)


def _open_source(
    source: str, options: ReadOptions, split: str, reached: Callable[[], bool], *, names: bool = True
) -> Table:
    """Open one source. If `names` is false, it must be a path."""
    if names and source in SHIPPED:
        return open_shipped(source, options, split)
    if names and source in HUB_IDS:
        return open_hub_set(source, options, split, reached)
    path = os.path.expanduser(source)
    if names and (paths.names_stream(source) or (os.path.exists(path) and Path(path).is_fifo())):
        raise DataError(f"{source}: {paths.STREAM}")
    if os.path.islink(path) and not os.path.exists(path):
        raise DataError(f"{source}: a link to a file that is not there, or to itself; give a file")
    if source and os.path.exists(path):  # False, not an error, for names that no file can have
        return readers.open_table(Path(path), paths.shown(source), options, split)
    if what := named_run(source):
        raise DataError(what)
    dataset = re.fullmatch(r"(?P<id>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.-]+))?", source)
    if not source or not names or _looks_like_path(source) or "$" in source or _several(Path(path), source):
        raise DataError(no_such_file(source))
    if dataset is None or not ("/" in source or ":" in source):
        near = did_you_mean(near_paths(source, _may_be_source, NAMES))
        hint = near or f"; give a path, a hub id, or one of: {', '.join(NAMES)}"
        raise DataError(f"{source}: neither a file nor a known name{hint}")
    return load_from_hub(source, dataset["id"], dataset["config"], split, reached)


def _looks_like_path(source: str) -> bool:
    return (
        source.lower().endswith(readers.SUFFIXES)
        or source.startswith((".", "/", "~"))
        or source.endswith("/")
        or "\\" in source
        or source.count("/") > 1
    )


def no_such_file(source: str) -> str:
    """Return the message that there is no such file, with what was perhaps meant."""
    if what := f"-: {paths.STREAM}" if source == "-" else named_run(source):
        return what
    path = Path(os.path.expanduser(source))
    source = source or "''"
    if several := _several(path, source):
        if len(several) == 1:
            return f"{source}: no such file{did_you_mean(several)}"
        listed = set_option("data.source", several)
        listed = listed if len(several) <= _LISTED else "list them in a config under data.source"
        fact = f"{source}: no such file, but the names of {counted(len(several), 'file')}"
        return f"{fact}; give one of them, or, to train on all, {listed}"
    unread = paths.for_a_shell(source)
    if unread or not path.parent.is_dir():
        missing = f"no such file; {unread}" if unread else f"no such file, and no such folder; {_GIVE}"
        what = paths.address(source)
        return f"{source}: {what}, and not a file; fetch it, and give the file" if what else f"{source}: {missing}"
    if source in NAMES:
        near = f"; to score the built-in data set of this name: `sentibp eval --data {source}`"
    else:
        near = did_you_mean(near_paths(source, _may_be_source))
    if near:
        return f"{source}: no such file{near}"
    files = sorted(name for name in list_folder(path.parent) if name.lower().endswith(readers.SUFFIXES))
    there = f"; its folder has {', '.join(files[:5])}" if files else ""
    return f"{source}: no such file; {_GIVE}{there}"


def _several(path: Path, source: str) -> list[str]:
    """Return the files of a pattern, such as `data/*.csv`, or of a list in a text, such as `a.csv,b.csv`; else none."""
    if found := glob.glob(str(path), recursive=True) if glob.has_magic(str(path)) else []:
        return [paths.shown(each) for each in sorted(found) if _may_be_source(each)]
    names = [each for each in re.split(r"[,;\s]+", source.strip("[] ")) if each]
    return names if len(names) > 1 and all(map(has_data_suffix, names)) and all(map(os.path.isfile, names)) else []


def _may_be_source(path: str) -> bool:
    """Return whether a path may hold reviews: a file of a known format, or a folder."""
    return has_data_suffix(path) or os.path.isdir(os.path.expanduser(path))
