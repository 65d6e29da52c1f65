"""How sentibp talks to the Hugging Face hub: whether it may, what the client must not do, and its errors in one line.

The client is huggingface_hub, which comes with datasets. It is imported only by commands that use the hub.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from sentibp.errors import ConfigError, DataError, SentibpError

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"

_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0", "DO_NOT_TRACK": "1"}
"""Environment variables that disable telemetry. The libraries read them when they are imported."""

_SILENT = ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS")


class HubUnreachable(DataError):
    """The hub does not answer, and what is wanted is not in the local cache."""


def go_offline() -> None:
    """Use only the local cache for what comes from the hub, in this process and the processes it starts."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def is_offline() -> bool:
    """Return whether the hub must not be contacted."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def prepare_client() -> None:
    """Set the environment of the hub's libraries, before they are imported: no telemetry, no progress bars."""
    os.environ |= _QUIET
    for variable in _SILENT:
        os.environ.setdefault(variable, "1")


def endpoint() -> str:
    """Return the address of the hub."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


@contextlib.contextmanager
def errors_in_one_line(name: str, revision: str | None = None) -> Iterator[None]:
    """Turn every error of the client into a ConfigError or DataError: the `name`, the fact, the repair."""
    try:
        yield
    except (SentibpError, MemoryError):
        raise
    except Exception as error:  # the client and its transport raise anything
        cause = error.__cause__ if isinstance(error, RuntimeError) else None  # of an upload that failed in a thread
        raise _explained(cause if isinstance(cause, Exception) else error, name, revision) from None


def is_unreachable(error: Exception) -> bool:
    """Return whether the hub did not answer, or answered that it is out of order."""
    status = status_of(error)
    names = {kind.__name__ for kind in type(error).__mro__}  # the transport is httpx, requests or another
    transport = {"TransportError", "TimeoutException", "ConnectionError", "OfflineModeIsEnabled"}
    return (status is None and bool(names & transport)) or (status is not None and status >= 500)


def status_of(error: Exception) -> int | None:
    """Return the HTTP status of the hub's answer, or None if it gave none."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _explained(error: Exception, name: str, revision: str | None) -> SentibpError:
    """Return the error in one line."""
    status = status_of(error)
    if status is None and isinstance(error, OSError) and error.filename is not None:  # of the cache
        return DataError(f"{error.filename}: {error.strerror}; name a place that you may write to with HF_HOME")
    if status == 401 and "redentials" not in str(getattr(error, "server_message", None) or error):
        status = 404  # so the hub answers without a token, be the repository private or missing
    fact = _missing(error, revision) or _REFUSALS.get(status or 0)
    if fact is not None:
        return (DataError if status == 429 else ConfigError)(f"{name}: {fact}")
    if is_unreachable(error) or type(error).__name__ == "LocalEntryNotFoundError":
        if status is not None:
            return HubUnreachable(f"{name}: the hub is out of order (HTTP {status}); try again later")
        fact = f"{name}: cannot reach the hub ({endpoint()}), and there is no local copy"
        return HubUnreachable(f"{fact}; try again, or name a local model")
    said: Any = getattr(error, "server_message", None) or error
    text = next((line for line in str(said).splitlines() if line.strip()), type(error).__name__).strip()
    return DataError(f"{name}: the hub answers: {text}; check the name, or try again later")


_REFUSALS = {
    401: f"the hub does not accept your token; {LOG_IN}",
    402: f"the hub refuses it (HTTP 402), for it is not paid for; {LOG_IN} of another account",
    403: f"the hub refuses it (HTTP 403): your token has no right to it; {LOG_IN} with a token that has",
    404: f"no such repository, or it is private; check the name, or {LOG_IN}",
    429: f"the hub takes no more requests for now (HTTP 429); wait a few minutes, or {LOG_IN}",
}
"""HTTP status -> what is wrong, and the repair."""


def _missing(error: Exception, revision: str | None) -> str | None:
    """Return what the hub does not have, and the repair, or None if that is not the error."""
    from huggingface_hub import errors

    kinds: list[tuple[type[Exception], str | None]] = [  # the first that fits
        (errors.GatedRepoError, f"its owner must grant access: ask on its page, then {LOG_IN}"),
        (
            errors.RevisionNotFoundError,
            f"has no revision {revision or 'main'}; give a branch, a tag or a commit that it has",
        ),
        (errors.LocalEntryNotFoundError, None),
        (errors.EntryNotFoundError, "has no model.safetensors, so it is no model of sentibp; name another"),
        (errors.RepositoryNotFoundError, _REFUSALS[404]),
    ]
    return next((fact for kind, fact in kinds if isinstance(error, kind)), None)
