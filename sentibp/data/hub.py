"""Load data sets from the Hugging Face hub or from its local cache."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import urlsplit

from sentibp.data.readers.parquet import only_named
from sentibp.data.readers.splits import NoSuchSplit
from sentibp.data.readers.structs import field_paths, flat_schema, select
from sentibp.data.readers.table import Batch, Table, numbered
from sentibp.errors import DataError
from sentibp.utils.hub_client import HubUnreachable, endpoint, go_offline, is_offline, prepare_client, status_of

_NO_SUCH = "the hub has no such data set, or it is not public; check its name"


def list_folder(folder: Path) -> list[str]:
    """Return the sorted names in a folder, or an empty list if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def load_from_hub(name: str, dataset: str, config: str | None, split: str, reached: Callable[[], bool]) -> Table:
    """Load a split with the datasets library, which reads data files and runs no code of a data set.

    `reached` returns whether the hub answers. HubUnreachable if it does not and there is no local copy.
    """
    if not reached():
        if not _cached(dataset):
            why = "working offline" if is_offline() else "the hub cannot be reached"
            raise HubUnreachable(
                f"{name}: {why}, and this data set has no local copy in {_hub_cache()}; "
                "give a local file (CSV, TSV, JSONL, Parquet) instead"
            )
        go_offline()  # otherwise the library retries for minutes
    prepare_client()
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    try:
        dataset_split = datasets.load_dataset(dataset, config, split=split)
    except DatasetNotFoundError:
        raise DataError(f"{name}: {_NO_SUCH}") from None
    except MemoryError:
        raise
    except Exception as error:  # the library and its transport raise anything
        raise _hub_error(name, split, error) from None

    def batches(wanted: list[str]) -> Generator[Batch]:
        heads = dict.fromkeys(paths[column][0] for column in wanted)
        table = dataset_split.select_columns([*heads]).with_format("arrow")[:]  # memory-mapped by the library
        for each in table.to_batches():
            yield select(dict(zip(table.schema.names, each.columns, strict=True)), paths, wanted)

    flat, paths = flat_schema(schema := dataset_split.features.arrow_schema), field_paths(schema)
    value_names = {key: each.names for key, each in dataset_split.features.items() if getattr(each, "names", None)}
    return Table(
        name=name,
        columns=tuple(flat.names),
        batches=batches,
        places=numbered(f"{name} ({split}): row ", range(1, len(dataset_split) + 1)),
        header=f"{name} ({split})",
        types=flat,
        whole=tuple(schema.names),
        value_names=value_names,
        classes=only_named(value_names),
    )


def _hub_error(name: str, split: str, error: Exception) -> DataError:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    choice = re.search(r"(?:Should be one of|available configs:) *\[(.*?)\]", " ".join(str(error).split()))
    options = choice[1].replace("'", "") if choice else ""
    if status_of(error) in (401, 404):  # so the hub answers if a data set is missing or private
        return DataError(f"{name}: {_NO_SUCH}")
    if "nknown split" in text:
        return NoSuchSplit(name, split, options.split(", ") if options else [])
    if options:
        return DataError(f"{name}: several sets; write {name.partition(':')[0]}:NAME with one of: {options}")
    if isinstance(error, ValueError | RuntimeError):  # such as a data set that is a script, which is not run
        return DataError(f"{name}: {text}; give a data set of plain data files, or a local file")
    return HubUnreachable(f"{name}: the hub cannot be read: {text}; try again, or give a local file")


def is_hub_reachable(timeout: float = 3.0) -> bool:
    """Return whether the hub answers within `timeout` seconds. A thread limits the time of the DNS lookup too."""
    if is_offline():
        return False
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_answers(timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return any(answers)


def _answers(timeout: float) -> bool:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        try:
            socket.getaddrinfo(urlsplit(endpoint()).hostname, None)
        except OSError:
            return False  # offline; detected before urllib is imported
    from ssl import SSLError
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(endpoint(), method="HEAD"), timeout=timeout).close()
    except HTTPError as error:
        return error.code < 500
    except URLError as error:
        return isinstance(error.reason, SSLError)  # the hub answered; the datasets library has its own certificates
    except (OSError, ValueError):
        return False
    return True


def _cached(dataset: str) -> bool:
    """Return whether the cache folder of the datasets library has a copy, without importing that slow library."""

    def plain(name: str) -> str:  # stanfordnlp/imdb is in stanfordnlp___imdb, SetFit/BigSet in SetFit___big_set
        return name.replace("/", "").replace("_", "").casefold()

    return plain(dataset) in map(plain, list_folder(Path(os.path.expandvars(_hub_cache())).expanduser()))


def _hub_cache() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return os.environ.get("HF_DATASETS_CACHE") or f"{home}/datasets"
