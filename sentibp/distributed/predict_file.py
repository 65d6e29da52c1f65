"""Predict one file, wherever this runs: functions of their arguments, whose results are the same everywhere."""

from __future__ import annotations

import errno
import functools
import hashlib
import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa

from sentibp.data import readers
from sentibp.data.faulty_texts import LOOK
from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers.parquet import open_parquet
from sentibp.data.readers.pieces import table_pieces
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError
from sentibp.model.answer_counts import AnswerCounts, count_answers
from sentibp.model.classifier import Classifier, predict_piece
from sentibp.model.decision import parse_decision
from sentibp.model.file import load_model as read_model
from sentibp.model.prediction import Prediction, answers
from sentibp.model.prediction_writer import Format, compressing, kept_columns, open_writer
from sentibp.nn.layers import Array
from sentibp.runs.find import BUILTIN, builtin_file
from sentibp.utils.executor import GivenUp, is_given_up, not_readable, not_visible, not_writable, worker_name
from sentibp.utils.files import open_output, open_regular, unreadable, write_error
from sentibp.utils.hashing import file_digest

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Answers = tuple[Array, Array, Array]  # positive, tokens, unknown: see Prediction


_KINDS = AnswerCounts._fields[1:]  # of texts, in the journal


class Settings(NamedTuple):
    """How all files of a job are predicted."""

    model: str  # the absolute path of its file, or `builtin`
    digest: str  # SHA-256 of that file
    options: ReadOptions
    split: str  # of an archive that has splits
    keep: bool
    threshold: str | None
    cost: str | None
    explain: bool

    def to_json(self) -> dict[str, Any]:
        """Return all that the predictions depend on."""
        options = self.options._asdict() | {"inherited": sorted(self.options.inherited)}
        del options["label_values"]  # labels are not read
        return {key: value for key, value in self._asdict().items() if key != "digest"} | {
            "model": self.digest,
            "options": options,
        }


class Done(NamedTuple):
    """A file whose predictions were written."""

    name: str
    fingerprint: str  # SHA-256 of the input
    digest: str  # SHA-256 of the output
    counts: AnswerCounts
    notes: list[str] = []  # noqa: RUF012  # never changed
    is_new: bool = True  # it was written now

    def to_json(self) -> dict[str, Any]:
        """Return what the journal of the output folder keeps."""
        texts, *kinds = self.counts
        about = {"name": self.name, "fingerprint": self.fingerprint, "digest": self.digest, "reviews": texts}
        return {**about, "notes": self.notes, **dict(zip(_KINDS, kinds, strict=True))}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """Return a file from the journal. KeyError if something is missing."""
        known = {"looked": min(entry["reviews"], LOOK), **entry}  # an earlier version did not write it
        counts = AnswerCounts(entry["reviews"], *(known.get(kind, 0) for kind in _KINDS))
        return cls(entry["name"], entry["fingerprint"], entry["digest"], counts, entry["notes"])


class FileTask(NamedTuple):
    """A file to predict."""

    name: str  # for messages
    input: str  # its absolute path
    output: str  # the absolute path
    shown: str  # the output, for messages
    format: str
    settings: Settings
    marker: tuple[str, str]  # a file that the command has written, and its first line
    done: Done | None = None  # what was written earlier
    force: bool = False
    size: int | None = None  # of the input in bytes, as the command sees it; None is not compared


def predict_file(task: FileTask, parts: Sequence[Answers] = ()) -> Done:
    """Write the predictions of a file, whole or not at all.

    If `parts` are given, they are the answers for all rows, in order. DataError if the file cannot be read, or if the
    output was not made of it. NotVisible if this process sees other files than the command. WriteError if the disk is
    full.
    """
    require_visible(task)
    before = _state(task)
    fingerprint = _digest(task.input, task.name)
    if task.done is not None and _is_done(task, task.done, fingerprint):
        return task.done._replace(is_new=False)
    classifier = load_model(task.settings.model, task.settings.digest)
    predict = _Joined(parts, task.name) if parts else classifier.predict
    try:
        digest, counts, notes = _write(task, classifier, predict, before)
    except OSError as error:
        failure = write_error(task.shown, error)
        raise (failure if error.errno in _FULL else DataError(*failure.lines)) from None
    return Done(task.name, fingerprint, digest, counts, notes)


def predict_rows(task: FileTask, start: int, stop: int) -> Answers:
    """Return the answers for the rows of some row groups of a Parquet file, from `start` until before `stop`."""
    require_visible(task)
    classifier = load_model(task.settings.model, task.settings.digest)
    with open(task.input, "rb") as opened:
        data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    table = open_parquet(data, task.name, task.settings.options, range(start, stop))
    found: list[Prediction] = []
    for piece in table_pieces(table, task.settings.options, Kept.nothing):
        _require_wanted()
        found.append(predict_piece(classifier.predict, piece))
    positive, tokens, unknown = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return positive, tokens, unknown


def parts_of(path: str, size: int) -> list[tuple[int, int]]:
    """Return ranges of the row groups of a Parquet file of about `size` bytes each; none if it is not worth it."""
    from pyarrow import parquet

    try:
        with open_regular(path) as opened:  # a pipe would never end
            if os.fstat(opened.fileno()).st_size < 2 * size or opened.read(4) != b"PAR1":
                return []
            opened.seek(0)
            metadata = parquet.read_metadata(opened)
    except (OSError, pa.ArrowException):  # it is reported where the file is read
        return []
    ranges, start, total = [], 0, 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        total += sum(group.column(leaf).total_compressed_size for leaf in range(group.num_columns))
        if total >= size or number == metadata.num_row_groups - 1:
            ranges.append((start, number + 1))
            start, total = number + 1, 0
    return ranges if len(ranges) > 1 else []


@functools.lru_cache(maxsize=1)
def load_model(name: str, digest: str) -> Classifier:
    """Return the model of a file with this digest. A process keeps the last one; nothing of it changes.

    NotVisible if there is no such file here, or another, or this process may not read it.
    """
    try:
        found = _digest(str(builtin_file()) if name == BUILTIN else name, "the model")
    except DataError:
        raise (not_readable if os.path.exists(name) else not_visible)(name, "the model") from None
    if found != digest:
        raise not_visible(name, "the same model (the file there is another)")
    return read_model(name)


def require_visible(task: FileTask) -> None:
    """Raise NotVisible if this process sees another input or output folder than the command, or may not use them."""
    marker, line = task.marker
    try:
        with open(marker, encoding="utf-8") as opened:
            is_same = opened.readline() == line
    except OSError:
        is_same = False
    if not is_same:
        raise not_visible(os.path.dirname(marker), "the output folder")
    if not os.path.exists(task.input):
        raise not_visible(task.input, "the input")
    if worker_name():  # in the process of the command, it is a file that fails
        _require_permissions(task)
    size = os.path.getsize(task.input)
    if task.size is not None and task.size != size:  # a copy on the disk of the worker, perhaps
        raise not_visible(task.input, f"the same input (the file there has {size:,} bytes, not {task.size:,})")


def _require_permissions(task: FileTask) -> None:
    """Raise NotVisible if this process may not read the input, or not write into the output folder."""
    try:
        open(task.input, "rb").close()
    except PermissionError:
        raise not_readable(task.input, "the input") from None
    folder = os.path.dirname(task.output)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise not_writable(folder, "the output folder")


def _require_wanted() -> None:
    if is_given_up():
        raise GivenUp


def _state(task: FileTask) -> tuple[int, int]:
    """Return what changes when another program writes the input."""
    about = os.stat(task.input)
    return about.st_size, about.st_mtime_ns


def _digest(path: str, name: str) -> str:
    """Return the SHA-256 of a file. DataError if it cannot be read."""
    try:
        return file_digest(path)
    except OSError as error:
        raise DataError(unreadable(error, name)) from None


def _is_done(task: FileTask, done: Done, fingerprint: str) -> bool:
    """Return whether the output is that of the input. DataError if one of them has changed, unless --force is given."""
    if not os.path.exists(task.output):
        return False
    changed = None
    if done.fingerprint != fingerprint:
        changed = f"{task.name}: has changed since {task.shown} was made of it"
    elif _digest(task.output, task.shown) != done.digest:
        changed = f"{task.shown}: has changed since it was made of {task.name}"
    if changed and not task.force:
        raise DataError(f"{changed}; to make it anew, add --force")
    return not changed


def _write(
    task: FileTask, classifier: Classifier, predict: Callable[[pa.LargeStringArray], Prediction], before: Any
) -> tuple[str, AnswerCounts, list[str]]:
    """Write the output; return its digest, how many reviews of which kind it has, and notes for the user."""
    settings, format = task.settings, Format(task.format)
    decision = parse_decision(classifier.spec.label_set, settings.threshold, settings.cost)
    notes: list[str] = []
    counts, output = AnswerCounts(), Path(task.output)
    with open_output(output) as opened:
        hashed = _Hashed(opened)
        with compressing(output, hashed) as sink:
            writer = open_writer(format, sink, classifier.spec.label_set, notes.append)
            for piece in _pieces(task, format):
                _require_wanted()
                notes += piece.notes
                records = answers(predict_piece(predict, piece), decision)
                if settings.explain:
                    from sentibp.inspection.explain import explained

                    records = explained(records, piece.text, classifier)
                writer.write(piece, records)
                counts = counts.plus(count_answers(piece.text, records, counts.texts, classifier.count_guessed))
            writer.close()
        _require_wanted()  # else it could replace what a later command has written
        if isinstance(predict, _Joined):
            predict.require_end()
        if _state(task) != before:
            raise DataError(f"{task.name}: was changed while it was read; the same command reads it again")
    return hashed.digest.hexdigest(), counts, notes


def _pieces(task: FileTask, format: Format) -> Iterator[Piece]:
    settings = task.settings
    table = readers.open_table(Path(task.input), task.name, settings.options, settings.split)
    return table_pieces(table, settings.options, kept_columns(format, settings.keep))


class _Hashed:
    """A file that is written and hashed at once."""

    def __init__(self, file: IO[bytes]):
        self._file, self.digest = file, hashlib.sha256()

    def write(self, content: Any) -> int:
        self.digest.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


class _Joined:
    """Hands out answers that were computed in parts, in the order of the texts."""

    def __init__(self, parts: Sequence[Answers], name: str):
        self._arrays = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        self._row, self._name = 0, name

    def __call__(self, texts: pa.LargeStringArray) -> Prediction:
        start, self._row = self._row, self._row + len(texts)
        positive, tokens, unknown = (array[start : self._row] for array in self._arrays)
        if len(positive) != len(texts):
            raise self._changed()
        return Prediction(positive, tokens, unknown)

    def require_end(self) -> None:
        if self._row != len(self._arrays[0]):
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(f"{self._name}: was changed while it was read; the same command reads it again")
