"""The output folder of a prediction of many files.

NAME                 the predictions of each file, whole or absent
.predictions.jsonl   which files were begun and written, with digests: a line each
failures.jsonl       which files could not be predicted, and why; absent if there are none
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

from sentibp.distributed.predict_file import Done
from sentibp.errors import ConfigError, DataError
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.files import (
    append_whole,
    data_error_on_failure,
    lock_file,
    remove_temporary_files,
    unreadable,
    write_file,
)

JOURNAL, FAILURES, LOCK = ".predictions.jsonl", "failures.jsonl", ".predictions.lock"

_FORMAT = 1

_ADVICE = "then the same command resumes"


class OutputFolder:
    """The output folder, which this process alone writes from `open` until the end of the context."""

    def __init__(self, path: Path, settings: Mapping[str, Any]):
        """`settings` are all that the predictions depend on besides the files."""
        self.path = path
        self.begun: set[str] = set()  # names of outputs that are of this job, written or not
        self.done: dict[str, Done] = {}  # by the name of the output
        self._first = json.dumps({"format": _FORMAT, "settings": settings}, sort_keys=True) + "\n"
        self._stack = contextlib.ExitStack()
        self._journal: IO[bytes] | None = None
        self._failures: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def marker(self) -> tuple[str, str]:
        """A file of the folder and its first line, which every worker sees if it sees this folder."""
        return str(self.path.absolute() / JOURNAL), self._first

    def open(self, force: bool) -> None:
        """Create the folder, or open that of an earlier command with the same settings.

        ConfigError if the settings differ and `force` is false, or another process writes there.
        """
        with data_error_on_failure(self.path, "or choose another --output"):
            self.path.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(_locked(self.path))
        journal = self.path / JOURNAL
        lines = _complete_lines(journal)
        if lines and lines[0] != self._first:
            self._require_same(lines[0], force)
            lines = []
        with data_error_if_damaged(journal, "restore it, or make all files anew with --force"):
            for line in lines[1:]:
                self._read(json.loads(line))
        with data_error_on_failure(journal, _ADVICE):
            write_file(journal, ("".join(lines) or self._first).encode())
            self._journal = self._stack.enter_context(open(journal, "ab", buffering=0))  # noqa: SIM115
            (self.path / FAILURES).unlink(missing_ok=True)

    def begin(self, output: str) -> None:
        """Note that an output is about to be written: from now on it is of this job, and may be replaced."""
        if output not in self.begun:
            self._append({"begun": output})
            self.begun.add(output)

    def end(self, output: str, done: Done) -> None:
        """Note that an output was written."""
        self._append({"done": output} | done.to_json())
        self.done[output] = done

    def fail(self, about: Mapping[str, Any]) -> None:
        """Note that a file could not be predicted."""
        with data_error_on_failure(self.path / FAILURES, _ADVICE):
            if self._failures is None:
                opened = open(self.path / FAILURES, "wb", buffering=0)  # noqa: SIM115
                self._failures = self._stack.enter_context(opened)
            append_whole(self._failures, _line(about))

    def _append(self, entry: Mapping[str, Any]) -> None:
        assert self._journal is not None
        with data_error_on_failure(self.path / JOURNAL, _ADVICE):
            append_whole(self._journal, _line(entry))

    def _read(self, entry: dict[str, Any]) -> None:
        if "begun" in entry:
            self.begun.add(str(entry["begun"]))
        else:
            output = str(entry.pop("done"))
            self.done[output] = Done.from_json(entry)
            self.begun.add(output)

    def _require_same(self, first: str, force: bool) -> None:
        """Raise ConfigError if the folder has predictions with other settings, unless `force` is given."""
        with data_error_if_damaged(self.path / JOURNAL, "remove it, or choose another --output"):
            before, now = (json.loads(line)["settings"] for line in (first, self._first))
            changed = [key for key in dict.fromkeys((*before, *now)) if before.get(key) != now.get(key)]
        if not force:
            what = ", ".join(str(_OPTIONS.get(key, key)) for key in changed) or "another version of sentibp"
            fact = f"has predictions that were made otherwise ({what})"
            raise ConfigError(f"--output {self.path}: {fact}; choose another folder, or replace them with --force")


_OPTIONS = {
    "model": "another model",
    "options": "other columns, or --set",
    "split": "another split",
    "keep": "--keep",
    "threshold": "--threshold",
    "cost": "--cost",
    "explain": "--explain",
}


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(entry) + "\n").encode()


@contextlib.contextmanager
def _locked(path: Path) -> Any:
    """Keep other processes from this folder. ConfigError if one has it."""
    with open(path / LOCK, "ab") as file:
        if not lock_file(file):
            raise ConfigError(f"--output {path}: another process writes there; wait until it ends")
        for folder in [path, *(each for each in path.rglob("*") if each.is_dir())]:
            remove_temporary_files(folder)
        yield


def _complete_lines(journal: Path) -> list[str]:
    """Return the lines of the journal, without one that a killed process left unfinished. DataError if unreadable."""
    try:
        content = journal.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(unreadable(error, str(journal))) from None
    return [line for line in content.splitlines(keepends=True) if line.endswith("\n")]
