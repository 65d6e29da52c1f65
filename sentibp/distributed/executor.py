"""Where functions run: the address that `--cluster` takes, and the executor for it.

The executors are in utils/executor.py, below the training that is given one, and in distributed/dask.py.
"""

from __future__ import annotations

import os
import re

from sentibp.errors import ConfigError
from sentibp.utils.executor import Executor, Serial

MOST = 256  # processes of local:N
_PORTS = 65_535


def connect(address: str | None, same_versions: bool = True) -> Executor:
    """Return where to run: None is this process, `local:N` N processes here, and an address that of a Dask scheduler.

    ConfigError for what is no address, or without the extra `cluster`. ClusterLost if the scheduler cannot be reached,
    or has no workers. OtherVersion if a worker has another version of sentibp, numpy or Python, unless
    `same_versions` is false.
    """
    if address is None:
        return Serial()
    require_address(address)
    try:
        import cryptography  # noqa: F401
        import distributed  # noqa: F401
    except ImportError as error:
        missing = (error.name or "distributed").partition(".")[0]
        raise ConfigError(f"--cluster needs {missing}: pip install 'sentibp[cluster]'") from None
    from sentibp.distributed import dask, local_cluster

    if local := _local(address):
        return local_cluster.start(local)
    return dask.connect(address, same_versions)


def require_address(address: str) -> None:
    """Raise ConfigError if this is not what --cluster takes."""
    processes = _local(address)
    if processes is not None:
        if not 1 <= processes <= MOST:
            raise ConfigError(f"--cluster {address}: from 1 to {MOST} processes, such as local:2")
        return
    if found := re.fullmatch(r"(?:tcp|tls)://(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:/\[\]]+):([0-9]{1,9})", address, re.ASCII):
        if not 1 <= int(found[1]) <= _PORTS:
            raise ConfigError(f"--cluster {address}: ports are from 1 to {_PORTS:,}; the one of Dask is 8786")
        return
    raise ConfigError(f"--cluster {address}: {_fault(address)}")


def _local(address: str) -> int | None:
    match = re.fullmatch(r"local:(-?[0-9]{1,9})", address, re.ASCII)
    return int(match[1]) if match else None


def _fault(address: str) -> str:
    """Return what is wrong with an address, and the repair."""
    if re.fullmatch(r"local:?|[0-9]+", address):
        return f"how many processes? write local:{address if address.isdigit() else 2}"
    if re.fullmatch(r"local:[0-9]+", plain := address.strip().lower(), re.ASCII):
        return f"write {plain}"
    if os.path.isfile(address):
        return "a file; write the address that is in it, such as tcp://HOST:8786"
    if re.fullmatch(r"(tcp|tls)://[0-9a-f]*:[0-9a-f:]*:[0-9]+", plain):
        return "write an IPv6 address in brackets, such as tcp://[::1]:8786"
    found = re.fullmatch(r"(?:(\w+)://)?(\[[\w:.%]+\]|[\w.-]+)(?::([0-9]*))?(/.*)?", address.strip(), re.ASCII)
    if found is None or (not found[1] and (found[4] or found[2] in ("tcp", "tls", "local"))):
        return "not an address; give local:2 for two processes here, or that of a Dask scheduler: tcp://HOST:8786"
    return _with_scheme(*found.groups("")[:3])


def _with_scheme(scheme: str, host: str, port: str) -> str:
    """Return the repair of an address from its parts, of which some are empty or not those of a scheduler."""
    whole = f"{host}:{port if 1 <= int(port or 0) <= _PORTS else 8786}"
    if scheme.lower() in ("tcp", "tls"):
        fact = "" if port else "the port is missing; the one of Dask is 8786: "
        return f"{fact}write {scheme.lower()}://{whole}"
    if scheme:  # http:// is the page of a scheduler, which has another port
        fact = "the address of a scheduler begins with tcp://, or tls:// with certificates"
        return f"{fact}; write tcp://{host}:8786"
    return f"write tcp://{whole}, or tls://{whole} with certificates"
