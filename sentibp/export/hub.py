"""Push a model to the Hugging Face hub: its file and its card, in one commit, and nothing else."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sentibp.config.paths import with_names_only
from sentibp.errors import ConfigError, DataError
from sentibp.export.model_card import About, write_card
from sentibp.model.file import load_model
from sentibp.runs import hub_model
from sentibp.utils.environment import version
from sentibp.utils.files import read_small_file, unreadable
from sentibp.utils.hub_client import LOG_IN, HubUnreachable, endpoint, errors_in_one_line, is_offline, prepare_client
from sentibp.utils.near_names import near_or

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"


class Pushed(NamedTuple):
    """What was uploaded: the name of the model with its commit, the address of its page, the bytes of each file."""

    model: str
    url: str
    commit: str
    private: bool
    files: dict[str, int]


def push(
    path: Path,
    about: About,
    revision: str | None = None,
    *,
    private: bool = False,
    message: str | None = None,
    card: Path | None = None,
) -> Pushed:
    """Upload a model file and its card to the repository of `about`, which is created if it is missing.

    `card` is a file in the place of the card that sentibp writes. The model is checked before anything is sent.
    Raises ConfigError if the names or rights are wrong, DataError if the model is damaged or the hub is not reached.
    """
    repository = about.repository or ""
    hub_model.require_repository(repository, repository)
    name = str(hub_model.HubName(repository, revision))
    hub_model.parse_hub_name(name)
    content = path.read_bytes()
    _require_no_folders(path)
    files = {hub_model.FILE: content, CARD: write_card(path, about).text.encode() if card is None else _read(card)}
    if is_offline():
        raise HubUnreachable(f"{name}: working offline; unset HF_HUB_OFFLINE to push")
    prepare_client()
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # a small file: one request, and no cache of its own
    with _naming_the_network(name), errors_in_one_line(name, revision):
        from huggingface_hub import HfApi, get_token

        if get_token() is None:
            raise ConfigError(f"{name}: the hub must know who you are; {LOG_IN}")
        api = HfApi(endpoint=endpoint(), library_name="sentibp", library_version=version("sentibp"))
        is_private = _prepare_repository(api, repository, revision, private)
        commit = _commit(api, repository, revision, message or "Add model with sentibp", files)
    return Pushed(
        model=str(hub_model.HubName(repository, commit)),
        url=f"{endpoint()}/{repository}",
        commit=commit,
        private=is_private,
        files={file: len(each) for file, each in files.items()},
    )


@contextlib.contextmanager
def _naming_the_network(name: str) -> Iterator[None]:
    """Replace the advice to use a local copy, which is for reading, where the hub does not answer."""
    try:
        yield
    except HubUnreachable as error:
        if "cannot reach the hub" not in str(error):  # it is out of order
            raise
        repair = "check the network, or HF_ENDPOINT, which names another hub; then push again"
        raise HubUnreachable(f"{name}: cannot reach the hub ({endpoint()}); nothing was pushed; {repair}") from None


def _require_no_folders(path: Path) -> None:
    """Raise ConfigError if the settings in a model file have folders of this machine, as those of old versions have."""
    config = load_model(path).training_config()
    if with_names_only(config) != config:
        raise ConfigError(
            f"{path}: an older version wrote it, with the folders of the data in its settings, which everybody could "
            "read; train again with this version"
        )


def _read(card: Path) -> bytes:
    try:
        content = read_small_file(card)
        content.decode()
    except OSError as error:
        raise DataError(
            unreadable(error, f"--card {card}", near_or(card, "give a Markdown file", (".md", ".markdown")))
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"--card {card}: not UTF-8; give a Markdown file") from None
    return content


def _prepare_repository(api: HfApi, repository: str, revision: str | None, private: bool) -> bool:
    """Create the repository and the branch if they are missing. Return whether the repository is private.

    ConfigError if it is public, and shall be private: what is pushed would be public, too.
    """
    api.create_repo(repository, private=private or None, exist_ok=True)
    is_private = bool(api.model_info(repository).private)
    if private and not is_private:
        raise ConfigError(
            f"--private: {repository} is public; make it private on its settings page, or choose another name"
        )
    if revision not in (None, "main"):
        api.create_branch(repository, branch=str(revision), exist_ok=True)
    return is_private


def _commit(api: HfApi, repository: str, revision: str | None, message: str, files: dict[str, bytes]) -> str:
    """Upload the files in one commit, and return its hash."""
    from huggingface_hub import CommitOperationAdd

    operations: list[Any] = [CommitOperationAdd(name, content) for name, content in files.items()]
    info = api.create_commit(repository, operations, commit_message=message, revision=revision)
    return str(info.oid)
