"""A model of the Hugging Face hub: `hf://USER/NAME`, or with its revision, `hf://USER/NAME@REVISION`.

The model file alone is downloaded, into the cache of huggingface_hub, and read as any other model file. A revision is
a branch, a tag or a commit. A commit names the same bytes for ever; if it is in the cache, the hub is not asked.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.errors import ConfigError, DataError
from sentibp.utils import environment
from sentibp.utils.hub_client import (
    HubUnreachable,
    endpoint,
    errors_in_one_line,
    is_offline,
    is_unreachable,
    prepare_client,
)
from sentibp.utils.messages import print_message

FILE = "model.safetensors"
PREFIX = "hf://"

# Patterns, not compiled: most commands read no model of the hub.
_REPOSITORY = r"(?a)[\w-]([\w.-]*[\w-])?/[\w-]([\w.-]*[\w-])?"
_REVISION = r"(?a)[\w.][\w./-]*"
_COMMIT = r"[0-9a-f]{40}"
_FOLDER = "models--"  # of a repository in the cache
_IN_CACHE = rf"{_FOLDER}([^/\\]+)--([^/\\]+)[/\\]snapshots[/\\]({_COMMIT})[/\\]model\.safetensors"
_LARGE = 50_000_000  # bytes from which on the header of a file is read before the file is downloaded
_NEEDED = 3  # bytes of memory for each byte of a model file (see utils/tensor_file)


class HubName(NamedTuple):
    """The name of a model of the hub."""

    repository: str  # USER/NAME
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_hub_name(name: str) -> bool:
    """Return whether a name of a model means one of the hub: hf://..., also as a Path, which makes hf:/... of it."""
    return name.startswith("hf:/") or name.startswith(("https://huggingface.co/", "http://huggingface.co/"))


def parse_hub_name(name: str) -> HubName:
    """Return the repository and revision that a name such as hf://USER/NAME@v1 means. ConfigError if it means none."""
    if not name.startswith("hf:/"):
        path = name.partition("huggingface.co/")[2]
        found = re.match(r"([^/@]+/[^/@?#]+)(?:/(?:tree|blob|resolve|commit)/([^/?#]+))?", path)
        meant = f"{PREFIX}{found[1]}{f'@{found[2]}' if found[2] else ''}" if found else f"{PREFIX}USER/NAME"
        raise ConfigError(f"{name}: the address of a page; for the model on it, write {meant}")
    repository, at, revision = name[len("hf:/") :].strip("/").partition("@")
    repository = repository.strip("/").removeprefix("models/").removesuffix(f"/{FILE}")
    revision = revision.removesuffix(f"/{FILE}").rstrip("/")
    require_repository(repository, name, PREFIX)
    if at and (not re.fullmatch(_REVISION, revision) or ".." in revision):
        raise ConfigError(
            f"{name}: {revision or 'nothing'} after the @ is no revision; write {PREFIX}{repository}@main"
        )
    return HubName(repository, revision or None)


def is_repository(name: str) -> bool:
    """Return whether a name has the form USER/NAME."""
    return re.fullmatch(_REPOSITORY, name) is not None


def require_repository(repository: str, given: str, prefix: str = "") -> None:
    """Raise ConfigError, which quotes what was given, if this is not the name of a repository, USER/NAME."""
    if not re.fullmatch(_REPOSITORY, repository) or any(mark in repository for mark in ("--", "..")):
        raise ConfigError(f"{given}: not the name of a model of the hub; write {prefix}USER/NAME")
    if len(repository) > 96 or repository.endswith(".git"):
        fault = "more than 96 characters" if len(repository) > 96 else "ends in .git"
        raise ConfigError(f"{given}: the hub has no such names ({fault}); write {prefix}USER/NAME")


def pinned_name(file: Path | str | None) -> str | None:
    """Return hf://USER/NAME@COMMIT if this file was downloaded from the hub, else None."""
    name = os.fspath(file) if file is not None else ""
    found = re.search(_IN_CACHE, name) if _FOLDER in name else None
    return f"{PREFIX}{found[1]}/{found[2]}@{found[3]}" if found else None


def repository_of(file: Path) -> str | None:
    """Return USER/NAME if this file was downloaded from the hub, else None."""
    found = pinned_name(file)
    return found.removeprefix(PREFIX).partition("@")[0] if found else None


def as_json(*files: Path | None) -> dict[str, str]:
    """Return what a JSON object says of the files of the models that it is about: the commit, if one is of the hub."""
    names = zip(("model", "against_model"), map(pinned_name, files), strict=False)
    return {key: name for key, name in names if name is not None}


def download(name: str) -> Path:
    """Return the model file of the hub, in the cache of huggingface_hub. A line on stderr says which commit it is.

    ConfigError if the hub has no such model, or it may not be read; DataError if the hub cannot be reached and the
    model is not in the cache, or if the file is too large to be a model.
    """
    hub_name = parse_hub_name(name)
    prepare_client()
    path = _cached(hub_name) if is_offline() or re.fullmatch(_COMMIT, hub_name.revision or "") else None
    if path is None:
        if is_offline():
            raise HubUnreachable(f"{hub_name}: working offline, and it has no local copy; use it once with the network")
        path = _fetch(hub_name)
    pinned = pinned_name(path)
    if pinned is not None and pinned != str(hub_name):
        print_message(f"{hub_name}: using {pinned}")
    return path


def _cached(name: HubName) -> Path | None:
    """Return the file in the cache, if it is there, without asking the hub."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name.repository, FILE, revision=name.revision)
    return Path(found) if isinstance(found, str) else None


def _fetch(name: HubName) -> Path:
    """Return the file as the hub has it now, or, if the hub cannot be reached, as the cache has it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    with errors_in_one_line(str(name), name.revision):
        url = hf_hub_url(name.repository, FILE, revision=name.revision, endpoint=endpoint())
        try:
            about = get_hf_file_metadata(url, endpoint=endpoint())
        except Exception as error:
            found = _cached(name) if is_unreachable(error) else None
            if found is None:
                raise
            print_message(f"{name}: cannot reach the hub ({endpoint()}); using the local copy, which may be older")
            return found
        if _cached(HubName(name.repository, about.commit_hash)) is None:
            _require_plausible(name, about.size)
        return Path(hf_hub_download(name.repository, FILE, revision=name.revision, endpoint=endpoint(), **_sender()))


def _sender() -> dict[str, Any]:
    return {"library_name": "sentibp", "library_version": environment.version("sentibp")}


def _require_plausible(name: HubName, size: int | None) -> None:
    """Raise DataError if a file is too large for this machine, or large and not a model of sentibp."""
    if size is None or size < _LARGE:
        return
    available = environment.memory()
    if _NEEDED * size > available:
        there = environment.size(available)
        raise DataError(f"{name}: {environment.size(size)} do not fit in memory ({there}); name a smaller model")
    from huggingface_hub import HfApi

    header = HfApi(endpoint=endpoint()).parse_safetensors_file_metadata(name.repository, FILE, revision=name.revision)
    if "sentibp" not in (header.metadata or {}):
        raise DataError(f"{name}: its {FILE} ({environment.size(size)}) is no model of sentibp; name another")
