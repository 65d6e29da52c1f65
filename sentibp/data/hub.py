"""Names, hub ids, files and folders -> a Corpus: the reviews in Arrow, their labels as 0 and 1."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from sentibp.data.readers import common
from sentibp.data.readers.common import Columns, Records
from sentibp.errors import DataError
from sentibp.utils.arrow import TEXT


def listing(folder: Path) -> list[str]:
    """The names in a folder, sorted; none if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


# The hub


_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0", "DO_NOT_TRACK": "1"}
"""What keeps the libraries from telling the hub who loads what; read when they are imported."""


def go_offline() -> None:
    """From here on hub data come from the local cache only, in this process and those it starts."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def is_offline() -> bool:
    """Whether the hub is not to be asked."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


class HubUnreachable(DataError):
    """The hub does not answer, and its set is not in the local cache."""


def load_from_hub(
    name: str, dataset: str, config: str | None, columns: Columns, split: str, reached: Callable[[], bool]
) -> Records:
    """A split by the datasets library, which reads data files and runs no code of theirs."""
    if not reached():
        if not _cached(dataset):
            why = "working offline" if is_offline() else "the hub cannot be reached"
            raise HubUnreachable(
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
    common.require(f"{name} ({split})", found.column_names, columns)
    wanted = list(columns.wanted().values())
    table = found.select_columns(wanted).with_format("arrow")[:]  # mapped, as the library keeps it
    common.require_types(name, table.schema, columns)
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
    return HubUnreachable(f"{name}: the hub cannot be read: {text}; try again, or give a local file")


def is_hub_reachable(timeout: float = 3.0) -> bool:
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

    return plain(dataset) in map(plain, listing(Path(_hub_cache()).expanduser()))


def _hub_cache() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return os.environ.get("HF_DATASETS_CACHE") or f"{home}/datasets"
