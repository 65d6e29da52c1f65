"""Predict many files: each is a task, and so are the row groups of a large Parquet file.

    with connect(address) as executor, OutputFolder(path, settings.to_json()) as folder:
        folder.open(force)
        for ended in predict_files(executor, folder, files, settings, force):
            ...

What is written does not depend on the executor. Files that were written before are not predicted again.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sentibp.data import readers
from sentibp.data.readers.splits import is_no_data, listed
from sentibp.data.sources import no_such_file
from sentibp.distributed.predict_file import Done, FileTask, Settings, parts_of, predict_file, predict_rows
from sentibp.distributed.predict_folder import FAILURES, OutputFolder
from sentibp.errors import ConfigError, DataError, SentibpError
from sentibp.model.prediction_writer import SUFFIXES, Format
from sentibp.utils.executor import After, Executor, NotVisible
from sentibp.utils.files import WriteError
from sentibp.utils.paths import PACKED

PART = 1 << 25  # bytes of a Parquet file from which on its row groups are tasks of their own, each of about this size


class InputFile(NamedTuple):
    """A file to predict."""

    path: str  # absolute
    name: str  # below the folder of the inputs, with "/"
    shown: str  # for messages
    output: str = ""  # its name below the output folder


class FileEnded(NamedTuple):
    """What became of a file: it was written now, or before, or it failed."""

    file: InputFile
    done: Done | None
    error: tuple[str, ...] = ()


def is_pattern(name: str) -> bool:
    """Return whether this is a pattern for files, such as data/*.csv, and not the name of one."""
    return glob.has_magic(name) and not os.path.exists(os.path.expanduser(name))


def find_files(name: str, output: Path) -> tuple[list[InputFile], tuple[str, ...]]:
    """Return the files of a folder, or those that match a pattern, in order, and notes on what is left out.

    Hidden files, and those in an output folder below that of the inputs, are left out. DataError if there are none.
    """
    path = os.path.expanduser(name)
    notes: tuple[str, ...] = ()
    if os.path.isdir(path):
        if os.path.realpath(path) == os.path.realpath(output):
            raise ConfigError(f"--output {output}: is the folder of the inputs; choose another")
        base = path
        found, notes = _of_folder(path, name)
    elif is_pattern(name):
        base = _fixed(path)
        found = [each for each in glob.iglob(path, recursive=True) if not os.path.isdir(each)]
        found = [os.path.relpath(each, base or ".") for each in found]
    elif os.path.lexists(path):
        base, found = os.path.dirname(path), [os.path.basename(path)]
    else:
        raise DataError(no_such_file(name))
    files = []
    for each in sorted(set(found)):
        place = os.path.join(base, each)
        if each.split(os.sep)[0] == os.pardir:
            raise ConfigError(f"--input {name}: leads out of {base or '.'}, by `..`; write the pattern without it")
        if not _is_output(place, base, output):
            files.append(InputFile(os.path.abspath(place), each.replace(os.sep, "/"), place))
    if not files:
        raise DataError(_none(name, output, found))
    return files, notes


def _is_output(place: str, base: str, output: Path) -> bool:
    """Return whether a file lies in the output folder, if that is a folder below those of the inputs."""
    folder = os.path.realpath(output)
    inside = os.path.join(os.path.realpath(os.path.dirname(place)), "").startswith(os.path.join(folder, ""))
    return inside and os.path.realpath(base or ".") != folder


def _of_folder(path: str, name: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the names of the files of a folder whose suffix is known, and a note on the others."""
    with os.scandir(path) as entries:
        visible = [each for each in entries if not each.name.startswith(".")]
    names = sorted(each.name for each in visible if not each.is_dir())
    found = [each for each in names if each.lower().endswith(readers.SUFFIXES) and not is_no_data(each)]
    folders = sorted(f"{each.name}/" for each in visible if each.is_dir())
    others = [*sorted(set(names) - set(found)), *folders]
    pattern = os.path.join(name, "**", "*")
    repair = f"; to read subfolders, too: --input '{pattern}'" if folders else ""
    notes = (f"{name}: not read: {listed(others)}{repair}",) if others else ()
    if len(found) > 1 and all(each.lower().endswith(".txt") for each in found):
        repair = "if each file is one review, write all into one file, such as --output predictions.jsonl"
        notes = (*notes, f"{name}: each line of its files is read as a review; {repair}")
    return found, notes


def _fixed(pattern: str) -> str:
    """Return the folder at the start of a pattern, up to the first part with *, ? or [."""
    parts = re.split(r"(?<=/)", pattern)
    fixed = parts[: next(number for number, part in enumerate(parts) if glob.has_magic(part))]
    return "".join(fixed)


def _none(name: str, output: Path, found: Sequence[str]) -> str:
    """Return why a folder or pattern has no file to predict; those that were `found` lie in the output folder."""
    if found:
        return f"{name}: its files lie in the output folder, {output}; choose another --output"
    if is_pattern(name):
        return f"{name}: no file matches; give a pattern such as 'data/*.csv', in quotes, or a folder"
    fact, path = f"{name}: the folder has no files of reviews", os.path.expanduser(name)
    if any(os.path.isdir(os.path.join(path, each)) for each in os.listdir(path) if not each.startswith(".")):
        subfolders = f"to read its subfolders: --input {shlex.quote(os.path.join(name, '**', '*'))}"
        return f"{fact}; {subfolders}; if each file is one review, all into one file: --output predictions.jsonl"
    return f"{fact}; give another, or a pattern such as {shlex.quote(os.path.join(name, '*'))}"


def with_outputs(files: Sequence[InputFile], output: Path, format: Format | None) -> list[InputFile]:
    """Return the files with the names of their outputs. ConfigError if two would be the same, or replace an input."""
    named = [each._replace(output=output_name(each.name, format)) for each in files]
    first: dict[str, InputFile] = {}
    for each in named:
        other = first.setdefault(each.output, each)
        if other is not each:
            fact = f"would have the predictions of both {other.shown} and {each.shown}"
            raise ConfigError(f"{output / each.output}: {fact}; rename one, or predict them into two folders")
    if FAILURES in first:
        raise ConfigError(f"{first[FAILURES].shown}: {output / FAILURES} lists the files that failed; rename the input")
    inputs = {_identity(each.path) for each in named} - {None}
    for each in named:
        if (found := _identity(output / each.output)) is not None and found in inputs:
            raise ConfigError(f"--output {output}: {output / each.output} is an input; choose another folder")
    return named


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def output_name(name: str, format: Format | None) -> str:
    """Return the name of the output: that of the input, with the suffix of the format.

    By default, the format is that of the input if it can be written (see SUFFIXES), else JSON lines. An output of a
    compressed input is compressed.
    """
    lower = name.lower()
    packed = next((suffix for suffix in PACKED if lower.endswith(suffix)), "")
    stem = name[: len(name) - len(packed)]
    suffix = next((each for each in (*readers.SUFFIXES, *SUFFIXES) if stem.lower().endswith(each)), "")
    suffix = "" if suffix == os.path.basename(stem).lower() else suffix  # a name such as .csv
    own = SUFFIXES.get(suffix.lower())
    if own is None or format not in (None, own):
        stem, suffix = stem[: len(stem) - len(suffix)], f".{format or Format.jsonl}"
    else:
        stem, suffix = stem[: len(stem) - len(suffix)], stem[len(stem) - len(suffix) :]
    return stem + suffix + (".gz" if packed and suffix.lower() != ".parquet" else "")


def require_free(files: Sequence[InputFile], folder: OutputFolder, force: bool) -> None:
    """Raise ConfigError if an output exists that an earlier command of this job has not written, unless forced."""
    taken = [
        str(folder.path / each.output)
        for each in files
        if each.output not in folder.begun and os.path.lexists(folder.path / each.output)
    ]
    if taken and not force:
        there = f"{taken[0]}: already there" if len(taken) == 1 else f"{listed(taken)}: already there"
        raise ConfigError(f"{there}; choose another --output, or replace with --force")


def predict_files(
    executor: Executor, folder: OutputFolder, files: Sequence[InputFile], settings: Settings, force: bool
) -> Iterator[FileEnded]:
    """Predict the files, and yield what became of each, as they end. The folder is open.

    WriteError if the disk is full, NotVisible if a worker does not see the files; then the same command resumes.
    """
    for each in {os.path.dirname(folder.path / file.output) for file in files}:
        os.makedirs(each, exist_ok=True)
    by_output = {str(folder.path.absolute() / file.output): file for file in files}
    for ended in executor.unordered(predict_file, _tasks(executor, folder, files, settings, force)):
        file = by_output[ended.task.output]
        error = ended.error
        if isinstance(error, WriteError) or (isinstance(error, NotVisible) and os.access(file.path, os.R_OK)):
            raise error
        if error is None:
            folder.end(file.output, ended.result)
            yield FileEnded(file, ended.result)
        else:
            lines = _lines(file, error)
            folder.fail({"input": file.path, "output": str(folder.path / file.output), "error": lines})
            yield FileEnded(file, None, lines)


def _tasks(
    executor: Executor, folder: OutputFolder, files: Sequence[InputFile], settings: Settings, force: bool
) -> Iterator[FileTask | After]:
    """Yield the task of each file. A large Parquet file is divided, if there are several workers."""
    for file in files:
        output = folder.path.absolute() / file.output
        task = FileTask(
            name=file.shown,
            input=file.path,
            output=str(output),
            shown=str(folder.path / file.output),
            format=str(format_of(file.output)),
            settings=settings,
            marker=folder.marker,
            done=folder.done.get(file.output),
            force=force,
            size=os.path.getsize(file.path) if os.path.exists(file.path) else None,
        )
        folder.begin(file.output)
        is_new = task.done is None or not output.exists()
        parts = parts_of(file.path, PART) if executor.slots > 1 and is_new and not settings.explain else []
        if not parts:
            yield task
            continue
        futures = [executor.submit(predict_rows, task, *part, name=file.shown) for part in parts]
        yield After(task, futures)


def format_of(output: str) -> Format:
    """Return the format of an output by its name."""
    return next(SUFFIXES[suffix] for suffix in SUFFIXES if output.lower().endswith(suffix))


def _lines(file: InputFile, error: Exception) -> tuple[str, ...]:
    """Return the lines that say why a file failed."""
    if isinstance(error, NotVisible):  # nor does the command
        is_there = os.path.exists(file.path)
        return (f"{file.shown}: {'permission denied; make it readable for you' if is_there else 'no such file'}",)
    if isinstance(error, SentibpError):
        return tuple(error.lines)
    if isinstance(error, MemoryError):
        return (f"{file.shown}: not enough memory; divide the file",)
    return (f"{file.shown}: {type(error).__name__}: {error}",)
