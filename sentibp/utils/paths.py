"""Paths as users write them, and as messages show them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sentibp.errors import ConfigError

PACKED = (".gz", ".bz2", ".xz", ".zst")
"""The suffixes of compressed files, after that of the format."""

DATA_SUFFIXES = (
    *(".csv", ".tsv", ".tab", ".psv", ".txt", ".ft", ".json", ".jsonl", ".ndjson", ".parquet"),
    *(".xlsx", ".xlsm", ".xls", ".zip", *PACKED),
)
"""The suffixes of files that hold reviews, or are meant to: .xls is refused by name."""


STREAM = "standard input or a pipe, which only `sentibp predict` reads; write it to a file, and give that"
"""What is wrong with a stream in the place of a file that is read more than once."""

_FILE_SUFFIXES = (*DATA_SUFFIXES, ".safetensors", ".yaml", ".yml", ".html", ".htm", ".onnx")


def is_run_directory(folder: Path) -> bool:
    """Return whether a folder is that of a training. One that cannot be searched is none."""
    return all(os.path.isfile(folder / each) for each in ("run.json", "config.yaml"))  # not Path's: it may raise


def require_folder_name(out: Path) -> None:
    """Raise ConfigError for a new folder with the name of a file, such as model.safetensors, which is perhaps meant.

    Likewise for an address such as s3://bucket/run, of which a folder `s3:` would be made here, and for what only a
    shell replaces, such as $HOME.
    """
    if str(out) == "-":
        raise ConfigError("--out -: a folder is written, and not standard output; name one, such as --out runs/mine")
    if what := for_a_shell(str(out)):
        raise ConfigError(f"--out {out}: {what}")
    if what := address(str(out)):
        raise ConfigError(f"--out {out}: {what}, and not a folder; write a folder here, and copy it there")
    name = out
    while name.suffix.lower() in _FILE_SUFFIXES:
        name = name.with_suffix("")
    if name != out and not os.path.lexists(out):
        repair = f"a folder is written; give --out {shlex.quote(str(name))}"
        raise ConfigError(f"--out {out}: the name of a file, and {repair}")


def names_stream(name: str | os.PathLike[str]) -> bool:
    """Return whether a name is standard input or an open file of this process, such as the shell's `<(command)`."""
    return re.fullmatch(r"-|/dev/stdin|/(dev|proc/self)/fd/\d+", str(name)) is not None


def has_data_suffix(name: str) -> bool:
    """Return whether a name is that of a file of reviews by its suffix, such as `reviews.csv.gz`."""
    base = os.path.basename(name).lower()
    return base.endswith(DATA_SUFFIXES) and base not in DATA_SUFFIXES


def address(path: str) -> str:
    """Return what a path is if it is an address such as s3://bucket/a.csv (pathlib keeps one slash of it); else ""."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", path)
    return f"an address of {found[1]}" if found else ""


def for_a_shell(path: str) -> str:
    """Return what is wrong with a path in which only a shell replaces a variable, or ~ has no such user; else "".

    A name that begins with `$` may be that of a file or folder: nothing is wrong if this is there.
    """
    place = re.search(r"(^|/)\$(\w+|\{\w+\})", path)
    user = path.split("/", 1)[0]
    if re.fullmatch(r"~[\w.-]+", user) and os.path.expanduser(user) == user and not os.path.lexists(user):
        return f"there is no user {user[1:]}; write the whole path"
    if place is None or os.path.lexists(path[: place.end()]):
        return ""
    variable = place[0].lstrip("/")
    meant = os.path.expandvars(path)
    repair = "the whole path" if "$" in meant else shlex.quote(meant)
    return f"{variable} is a variable, and only a shell replaces it, outside single quotes; write {repair}"


def names_of(value: Any) -> list[str]:
    """Return the paths and names that a setting such as data.source has: one, several, or none, as of a share."""
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Return the path with `~` and `~user` at its start replaced by the home directory.

    A shell does this only outside quotes, and not in Docker's ENV, in .env files, units of systemd, or YAML.
    """
    return Path(os.path.expanduser(path))


def absolute(path: str | os.PathLike[str], folder: str | os.PathLike[str] = "") -> str:
    """Return the absolute path of a path that is relative to `folder`; `~` is the home directory."""
    return os.path.abspath(os.path.join(folder, os.path.expanduser(path)))


def new_file(suffix: str = ".txt", stem: str = "labelled") -> str:
    """Return a name that is not in the working folder yet: of a file for reviews with labels; of a folder with ""."""
    number = 1
    while os.path.lexists(target := f"{stem}{f'-{number}' * (number > 1)}{suffix}"):
        number += 1
    return target


_reader: ContextVar[str] = ContextVar("reader", default=os.curdir)  # the folder in which messages are read


def working_folder() -> str:
    """Return the working directory; "" if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


@contextmanager
def shown_from(folder: str) -> Iterator[None]:
    """Let `shown` give paths relative to a folder, "" for none: a worker is in another one than its command."""
    token = _reader.set(folder)
    try:
        yield
    finally:
        _reader.reset(token)


def shown(path: str) -> str:
    """Return an absolute path as messages show it: relative to the working directory of the user if it lies there."""
    if os.path.isabs(path) and (folder := _reader.get()):
        try:
            relative = os.path.relpath(path, folder)
        except (OSError, ValueError):  # the working directory is gone; another drive
            return path
        if relative.split(os.sep, 1)[0] not in (os.curdir, os.pardir):
            return relative
    return path


def resolve(name: str, base: Path | None) -> tuple[str, tuple[str, ...]]:
    """Return the absolute path of a file or folder that a config in the folder `base` names, and notes for the user.

    `base` has precedence over the working directory; if `base` is None, only the working directory counts. A name that
    exists in neither is returned as it is. A note says so if the other place has another file of that name.
    """
    places = [Path.cwd()] if base is None else [base, Path.cwd()]
    found = [path for path in (absolute(name, place) for place in places) if os.path.exists(path)]  # never an error
    if not found:
        return name, ()
    if os.path.samefile(found[0], found[-1]):
        return found[0], ()
    what = f"{name}: taken from the folder of the config ({shown(found[0])})"
    return found[0], (f"{what}, not from the working directory, which has another file of that name",)
