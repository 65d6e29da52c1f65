"""The file that --output names: its format, what it must not be, and how it is written."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import typer

from sentibp.cli.interrupts import unwound_by_signals
from sentibp.cli.output import print_message
from sentibp.errors import ConfigError, DataError
from sentibp.utils.files import is_stream, missing_folder, open_output
from sentibp.utils.paths import expand_home, for_a_shell, has_data_suffix

AnyFormat = TypeVar("AnyFormat", bound=str)

_MARK = re.compile(  # in the first bytes of a file that this program wrote
    rb'<meta name="generator" content="sentibp">'  # a page
    rb"|\A(//|#) A model of sentibp"  # a module
    rb"|\A.{0,4}\x12\x07sentibp",  # an ONNX model, which names its producer
    re.DOTALL,
)
_PREDICTIONS = re.compile(  # the columns of predictions, or the keys: they have no other mark
    rb'\A(\[\n)?[^\n]*\b\w*label\w*(\W+|": "[^"\n]*", ")\w*score\w*\W[^\n]*\bunknown\b'
)
_BEGINNING = 1 << 16  # bytes of a file that `_is_own` reads

_RECORDS = {  # the files of a folder with this file that other commands read
    "run.json": (
        *("run.json", "config.yaml", "metrics.jsonl"),
        *("validation.parquet", "reviews.parquet", "validation_reviews.parquet"),
        *("model.safetensors", "vectors.safetensors", "validated.safetensors", "checkpoint.safetensors"),
        *("influence_log.safetensors", "visits.safetensors", "review_hashes.safetensors"),
    ),
    "sweep.json": ("sweep.json", "best.yaml", "journal.log"),
}

_NEUTRAL = ("", ".txt")  # suffixes that say nothing of the format


def output_option(help: str, metavar: str = "FILE") -> Any:
    """Return the option --output of a command, whose value is a path."""
    return typer.Option("-o", "--output", metavar=metavar, parser=expand_home, help=help)


def save_output(output: Path, content: bytes) -> None:
    """Write the file that --output names. DataError if it cannot be written."""
    with output_file(output) as file:
        file.write(content)


@contextlib.contextmanager
def output_file(output: Path) -> Iterator[IO[bytes]]:
    """Open the file that --output names. If the block raises an error, or is interrupted, its old content stays.

    DataError if it cannot be written.
    """
    if not output.name:
        raise DataError(f"--output {output}: not a file name")
    try:
        names = os.stat(output).st_nlink if os.path.isfile(output) else 1
        with unwound_by_signals(), open_output(output) as file:
            yield file
    except BrokenPipeError:  # as on stdout: the reader has enough
        raise
    except OSError as error:
        if folder := missing_folder(output):
            raise DataError(f"--output {output}: {folder}") from None
        raise DataError(f"--output {output}: {error.strerror}; choose another file") from None
    if names > 1:
        print_message(f"{output} is one of {names} names of a file (hard links); all of them have the new content")


def make_folder_of(output: Path) -> None:
    """Make the folder of the file that --output names, where it is missing. DataError if it cannot be made."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fact = f"cannot be made: {error.strerror}"
        raise DataError(f"--output {output.parent}: {fact}; choose another folder") from None


def require_free(output: Path | None, force: bool, *, makes_folder: bool = False, replaces_own: bool = False) -> bool:
    """Return whether an earlier output is there that may be replaced, which `tell_replaced` says once it has been.

    Raise ConfigError if a file is there already that would be lost, unless `force` is given.

    An empty file, a pipe and a device hold nothing. `replaces_own`: what nobody edits, such as predictions and reports,
    is no loss if this program has written it. The records of a run or a sweep are never replaced. DataError if the
    folder is missing, unless the command makes it, or if the output is a folder itself. None is stdout, which has no
    file to replace: ConfigError if `force` is given.
    """
    if output is None and force:
        raise ConfigError("--force: replaces the file of --output; add --output FILE, or leave it out")
    if output is None or not output.name or is_stream(output):
        return False
    require_no_record(output, "--output")
    if folder := for_a_shell(str(output)) if makes_folder else missing_folder(output):
        raise DataError(f"--output {output}: {folder}")
    if os.path.isdir(output):
        raise DataError(f"--output {output}: a folder; name a file in it")
    if force or not os.path.isfile(output) or not os.path.getsize(output):
        return False
    if replaces_own and _is_own(output):
        return True
    raise ConfigError(f"--output {output}: already there; {_another(output, '--output')}, or replace it with --force")


def require_no_record(output: Path, option: str) -> None:
    """Raise ConfigError if a file is a record of a run or a sweep, which is damaged without it. Links are followed."""
    file = Path(os.path.realpath(output))
    for about, names in _RECORDS.items():
        if file.name in names and (file.parent / about).is_file() and file.is_file():
            record = f"a record of the {Path(about).stem} {file.parent.name}"
            raise ConfigError(f"{option} {output}: {record}; {_another(output, option)}")


def _another(output: Path, option: str) -> str:
    return f"choose another, such as {option} {shlex.quote(str(free_name(output)))}"


def _is_own(path: Path) -> bool:
    """Return whether a file has the mark of pages and models of this program, or the columns of predictions."""
    try:
        with open(path, "rb") as file:
            beginning = file.read(_BEGINNING)
        if beginning.startswith(b"\x1f\x8b"):
            beginning = zlib.decompressobj(wbits=31).decompress(beginning, _BEGINNING)
        if beginning.startswith(b"PAR1"):
            from pyarrow import parquet

            beginning = ",".join(parquet.read_schema(path).names).encode()
    except (OSError, ValueError, zlib.error):  # it is not known to be; ValueError is that of a damaged Parquet file
        return False
    return (_MARK.search(beginning) or _PREDICTIONS.search(beginning)) is not None


def free_name(path: Path) -> Path:
    """Return a similar name that is free: `answers-2.csv` for `answers.csv`."""
    stem, dot, suffixes = path.name.partition(".") if path.name[:1] != "." else (path.name, "", "")
    numbered = (path.with_name(f"{stem}-{number}{dot}{suffixes}") for number in range(2, 1000))
    return next((each for each in numbered if not os.path.lexists(each)), path)


def tell_replaced(output: Path | None, is_replaced: bool) -> None:
    """Tell the user that an earlier output was replaced, if it was."""
    if is_replaced:
        print_message(f"{output}: replaces an earlier output of sentibp")


def tell_written(output: Path, what: str) -> None:
    """Tell the user what was written to a file; nothing of a pipe or device, whose reader sees it."""
    if not is_stream(output):
        print_message(f"{output}: {what} written")


def output_suffix(output: Path) -> str:
    """Return the suffix that names the format, in lower case, such as .csv or .csv.gz."""
    return "".join(output.suffixes[-2:] if output.suffix.lower() == ".gz" else output.suffixes[-1:]).lower()


def require_one_format(json: bool, format: str | None) -> None:
    """Raise ConfigError if --json is given, and --format says something else."""
    if json and format not in (None, "json", "jsonl"):
        raise ConfigError(f"--json: writes JSON, and --format {format} something else; leave one of them out")


def format_of(
    output: Path,
    given: AnyFormat | None,
    suffixes: Mapping[str, AnyFormat],
    default: AnyFormat | None,
    streamed: AnyFormat,
    otherwise: str = "",
) -> AnyFormat:
    """Return the format that the suffix of --output names; `given` is that of --format.

    Where the suffix says nothing (none, .txt), it is `given` or the default. A pipe or device may have any name: its
    format is `given`, or that of a known suffix, or `streamed`. ConfigError if the suffix is not known or names another
    format than `given`; `otherwise` is a further repair.
    """
    suffix = output_suffix(output)
    named = suffixes.get(suffix)
    if os.path.isdir(output) or is_stream(output):  # a folder is refused when it is opened
        return given or named or streamed
    if named is not None and given not in (None, named):
        repair = f"leave out --format, or change {suffix}"
        raise ConfigError(f"--output {output}: the name says {named}, and --format says {given}; {repair}")
    found = named or (given or default if suffix in _NEUTRAL else None)
    if found is None:
        known = ", ".join(suffixes)
        also = "; or add --format" if suffix in _NEUTRAL and len(set(suffixes.values())) > 1 else ""
        raise ConfigError(f"--output {output}: not a known format; let the name end in one of {known}{also}{otherwise}")
    return found


def require_no_input(output: Path | None, inputs: Iterable[tuple[str, str | Path]], option: str = "--output") -> None:
    """Raise ConfigError if the output is one of the inputs, which it would destroy, or would be one the next time.

    An output of None is stdout. An input is (what it is called, its path); "-" is stdin. Links are followed. Of a
    folder, the files in its subfolders count, and data files, also new ones. `option` names the output.
    """
    try:
        out = os.fstat(sys.stdout.fileno()) if output is None else os.stat(output)
    except (OSError, ValueError, AttributeError):  # a new file, or a stdout that is no file
        out = None
    if out is not None and not stat.S_ISREG(out.st_mode):
        return
    for name, path in inputs:
        try:
            found = os.fstat(sys.stdin.fileno()) if str(path) == "-" else os.stat(os.path.expanduser(path))
        except (OSError, ValueError, AttributeError):  # the reader says that it is missing
            continue
        place = "standard output" if output is None else f"{option} {output}"
        if out is not None and os.path.samestat(out, found):
            raise ConfigError(f"{place}: is {name} {path}; write to another file")
        if stat.S_ISDIR(found.st_mode) and output is not None and _contains(path, output):
            raise ConfigError(f"{place}: is in {name} {path}, and would be read with it; write to another folder")


def _contains(folder: str | Path, file: Path) -> bool:
    """Return whether a file is, or would be, one of those that are read from a folder."""
    top, parents = expand_home(folder).resolve(), file.resolve().parents
    return top in parents and (has_data_suffix(file.name) or (top != parents[0] and file.is_file()))
