"""Where functions run: the address that `--cluster` takes, and the executor for it.

The executors are in utils/executor.py, below the training that is given one, and in distributed/dask.py.
"""

from __future__ import annotations

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
    if re.fullmatch(r"(tcp|tls)://[^\s:/]+/?", address):
        return f"the port is missing; the one of Dask is {address.rstrip('/')}:8786"
    if re.fullmatch(r"[\w.-]+(:[0-9]+)?", address):
        host = address if ":" in address else f"{address}:8786"
        return f"write tcp://{host}, or tls://{host} with certificates"
    return "not an address; give local:2 for two processes here, or that of a Dask scheduler: tcp://HOST:8786"
