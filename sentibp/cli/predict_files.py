"""`sentibp predict --input 'data/*.csv' --output predictions/`: predict many files, perhaps on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from sentibp.cli.interrupts import Interrupt, unwound_by_signals
from sentibp.cli.output import print_message
from sentibp.cli.output_file import output_suffix
from sentibp.cli.prediction_progress import Counter
from sentibp.distributed.executor import connect, require_address
from sentibp.distributed.predict import (
    FileEnded,
    InputFile,
    find_files,
    format_of,
    predict_files,
    require_free,
    with_outputs,
)
from sentibp.distributed.predict_file import Settings
from sentibp.distributed.predict_folder import FAILURES, OutputFolder
from sentibp.errors import ConfigError, SentibpError
from sentibp.model.answer_counts import AnswerCounts
from sentibp.model.decision import parse_decision
from sentibp.model.prediction_writer import SUFFIXES, Format
from sentibp.runs.find import BUILTIN, builtin_file
from sentibp.utils.executor import Executor, Serial
from sentibp.utils.files import data_error_if_unreadable, is_stream
from sentibp.utils.hashing import file_digest
from sentibp.utils.messages import counted
from sentibp.utils.paths import address, expand_home, for_a_shell

if TYPE_CHECKING:
    from sentibp.data.readers.table import ReadOptions
    from sentibp.model.classifier import Classifier

_LINES = 10  # notes, and failures, that are printed


class How(NamedTuple):
    """How each file is predicted: the options of the command, as `Settings` has them."""

    options: ReadOptions
    split: str
    keep: bool
    threshold: str | None
    cost: str | None
    explain: bool


def predict_many(
    input: str,
    output: str | None,
    format: Format | None,
    classifier: Classifier,
    model: Path,
    how: How,
    cluster: str | None,
    force: bool,
) -> None:
    """Predict each file of a folder or pattern into a file of the same name. Exit code 3 if some fail."""
    if cluster is not None:
        require_address(cluster)
    folder_path = _folder(output, input)
    parse_decision(classifier.spec.label_set, how.threshold, how.cost)
    files, notes = find_files(input, folder_path)
    files = with_outputs(files, folder_path, _format(format))
    if how.explain:
        _require_explainable(files)
    name = BUILTIN if model == builtin_file() else str(model.absolute())
    settings = Settings(name, _digest(model), *how)
    for note in notes:
        print_message(note)
    counts = _Counts(input, len(files), folder_path)
    with OutputFolder(folder_path, settings.to_json()) as folder:
        folder.open(force)
        require_free(files, folder, force)
        with (
            _resumable(counts),
            connect(cluster) as executor,
            _ended_by_signals(executor),
            Counter(True, len(files)) as counter,
        ):
            for ended in predict_files(executor, folder, files, settings, force):
                counts.add(ended)
                counter.worker_count = executor.worker_count
                counter.add(ended.done.counts.texts if ended.done and ended.done.is_new else 0)
    counts.print()
    if counts.failed:
        raise typer.Exit(3)


class _Counts:
    """Counts the files by how they ended, and prints what there is to say about them."""

    def __init__(self, input: str, total: int, folder: Path):
        self.input, self.total, self.folder = input, total, folder
        self.written = self.before = self.failed = 0
        self.answered = AnswerCounts()
        self._notes: set[str] = set()

    def add(self, ended: FileEnded) -> None:
        """Count a file, and print the first notes and failures."""
        if ended.done is None:
            self.failed += 1
            for line in ended.error if self.failed <= _LINES else ():
                print_message(line)
            return
        self.written += ended.done.is_new
        self.before += not ended.done.is_new
        self.answered = self.answered.plus(ended.done.counts)
        for note in ended.done.notes if ended.done.is_new else ():
            if note not in self._notes and len(self._notes) <= _LINES:
                self._notes.add(note)
                print_message(note if len(self._notes) <= _LINES else "further notes are not printed")

    def print(self) -> None:
        """Print how all files ended."""
        for note in self.answered.notes(self.input):
            print_message(note)
        states = [(self.written, "written"), (self.before, "written before"), (self.failed, "failed")]
        files = ", ".join(f"{count:,} {state}" for count, state in states if count)
        print_message(
            f"{self.folder}: {files} of {counted(self.total, 'file')}; {counted(self.answered.texts, 'review')}"
        )
        if self.failed:
            print_message(
                f"{self.folder / FAILURES}: why they failed; once repaired, the same command tries them again"
            )


@contextmanager
def _resumable(counts: _Counts) -> Iterator[None]:
    """Say how to resume after an error or an interruption."""
    try:
        yield
    except SentibpError as error:
        raise type(error)(*error.lines, _resume(counts)) from None
    except KeyboardInterrupt:
        print_message(_resume(counts))
        raise


@contextmanager
def _ended_by_signals(executor: Executor) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a terminal that is closed raise KeyboardInterrupt: at any place without a cluster."""
    if isinstance(executor, Serial):
        with unwound_by_signals():
            yield
        return
    interrupt = Interrupt()
    executor.stop = lambda obstacle: interrupt.requested
    yield


def _resume(counts: _Counts) -> str:
    done = counts.written + counts.before
    return (
        f"{counts.folder}: {done:,} of {counted(counts.total, 'file', 'is', 'are')} written; the same command resumes"
    )


def _folder(output: str | None, input: str) -> Path:
    """Return the folder to write into. ConfigError if --output is none."""
    if output is None or output == "-":
        raise ConfigError(f"--input {input}: many files need a folder; add --output predictions/")
    path = expand_home(output)
    if what := for_a_shell(output):
        raise ConfigError(f"--output {output}: {what}")
    if what := address(output):
        raise ConfigError(f"--output {output}: {what}, and not a folder; write a folder here, and copy it there")
    if os.path.isdir(path) or output.endswith(os.sep):
        if os.path.isfile(path):
            raise ConfigError(f"--output {output}: is a file; name a folder, such as --output {path.stem}-files/")
        return path
    if os.path.exists(path) or is_stream(path) or output_suffix(path) in SUFFIXES:
        name = path.name.split(".", 1)[0] or "predictions"
        raise ConfigError(f"--output {output}: each input has a file of its own; name a folder: --output {name}/")
    return path


def _format(format: Format | None) -> Format | None:
    if format is Format.table:
        raise ConfigError("--format table: is for people, not for files; use jsonl, json, csv, tsv or parquet")
    return format


def _require_explainable(files: list[InputFile]) -> None:
    for each in files:
        if format_of(each.output) not in (Format.jsonl, Format.json):
            raise ConfigError(f"--explain does not fit into {each.output}; add --format jsonl")


def _digest(model: Path) -> str:
    with data_error_if_unreadable():
        return file_digest(model)
