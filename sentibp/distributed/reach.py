"""Find out whether a Dask scheduler answers at an address, before the client of Dask connects to it.

That client tries for its whole timeout without a word, even where no program listens. It waits without end for the
answer of a program that is no scheduler.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import time
from typing import Any, NamedTuple

from distributed.comm.core import connect
from distributed.security import Security
from distributed.utils import LoopRunner

from sentibp.distributed.certificates import CERTIFICATES, command_options
from sentibp.utils.executor import ClusterLost
from sentibp.utils.messages import print_message

_BEGINNING = 10.0  # seconds for a scheduler to begin to listen: it may have been started a moment ago

_LONGEST = 1 << 24  # bytes of the first message of a scheduler

_PAUSE = 0.2  # seconds between two tries

_SILENCE = 2.0  # seconds without an answer, after which a line says what is waited for


class _Fault(NamedTuple):
    """Why no scheduler answers, and how many seconds to try again."""

    why: str
    patience: float


def wait_for_scheduler(address: str, security: Security, patience: float) -> None:
    """Return when a scheduler answers. Raise ClusterLost if none does, or a worker does.

    `patience` is in seconds. It is shorter if no program listens at the port, and if there is no such host.
    """
    _wait_for_program(address, security, patience)
    try:  # in a thread: this one may have a loop that runs, as in a notebook
        about: Any = LoopRunner().run_sync(_identity, address, security, patience)
    except OSError as error:  # TimeoutError, too
        raise unreachable(address, error) from None
    if about.get("type") != "Scheduler":
        its = about.get("scheduler") or "the one that it prints when it starts"
        raise ClusterLost(f"{address}: a worker of Dask; write the address of its scheduler: {its}")


async def _identity(address: str, security: Security, seconds: float) -> dict[str, Any]:
    """Return what a program of Dask says of itself. TimeoutError if it does not say it in time."""
    async with asyncio.timeout(seconds):
        comm = await connect(address, timeout=seconds, **security.get_connection_args("client"))
        try:
            await comm.write({"op": "identity", "reply": True})
            found: Any = await comm.read()
            return dict(found)
        finally:
            comm.abort()


def _wait_for_program(address: str, security: Security, patience: float) -> None:
    """Return when a program listens at the address that may be a scheduler."""
    begin, told = time.monotonic(), False
    while True:
        left = patience - (time.monotonic() - begin)
        fault = _fault(address, security, max(min(_SILENCE, left) if not told else left, _PAUSE))
        if fault is None:
            return
        limit = min(fault.patience, patience)
        if time.monotonic() - begin >= limit:
            raise _no_scheduler(address, fault.why)
        if not told:
            print_message(f"{address}: no scheduler answers yet{fault.why}; waiting for one for up to {limit:.0f} s")
            told = True
        time.sleep(_PAUSE)


def _fault(address: str, security: Security, seconds: float) -> _Fault | None:
    """Return why no scheduler answers within so many seconds; None if one does."""
    try:
        with socket.create_connection(host_and_port(address), timeout=seconds) as connection:
            return _greeting_fault(address, connection, security.get_connection_args("client").get("ssl_context"))
    except socket.gaierror:
        return _Fault(" (there is no such host; check its name)", _BEGINNING)
    except ConnectionRefusedError:
        return _Fault(" (no program listens there)", _BEGINNING)
    except OSError as error:
        return _Fault("" if isinstance(error, TimeoutError) else f" ({error.strerror or error})", math.inf)


def _greeting_fault(address: str, connection: socket.socket, context: ssl.SSLContext | None) -> _Fault | None:
    """Return what is wrong with the first words of a program. A scheduler speaks first: the length of its message.

    ClusterLost if it does not accept the certificates in `context`, or has those of another authority.
    """
    try:
        encrypted = context.wrap_socket(connection) if context and address.startswith("tls:") else connection
        with encrypted, encrypted.makefile("rb") as stream:
            said = stream.read(8)
    except TimeoutError:
        return _Fault(" (a program listens there, and says nothing)", math.inf)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, ConnectionError):
        said = b""
    except ssl.SSLError as error:
        if _is_of_certificates(error):
            raise unreachable(address, error) from None
        reason = f": {error.reason.replace('_', ' ').lower()}" if error.reason else ""
        return _Fault(f" (the program that listens there does not speak TLS{reason})", 0)
    if len(said) == 8 and int.from_bytes(said, "little") <= _LONGEST:
        return None
    return _Fault(" (the program that listens there is none)" if said else " (it hangs up)", _BEGINNING)


def _is_of_certificates(error: Exception) -> bool:
    """Return whether one side does not accept the certificate of the other, which says so by an alert."""
    text = str(error).lower()
    return "certificate" in text or "alert" in text


def unreachable(address: str, error: Exception) -> ClusterLost:
    """Return the error that the client of Dask has not reached a scheduler: none answers, or refuses certificates."""
    if address.startswith("tls:") and "expired" in str(error):
        return ClusterLost(f"{address}: its certificate has expired; make another, and start all with it")
    if address.startswith("tls:") and _is_of_certificates(error):
        fact = "does not accept the certificates, or is of another authority"
        return ClusterLost(f"{address}: {fact}; give all the same; this command has those in {CERTIFICATES}")
    return _no_scheduler(address)


def _no_scheduler(address: str, why: str = "") -> ClusterLost:
    """Return the error that no scheduler answers, and why: such as " (no program listens there)"."""
    port = address.rpartition(":")[2]
    command = f"dask scheduler --port {port}"
    other = f"if it has certificates, write {address.replace('tcp', 'tls', 1)}"
    if address.startswith("tls:"):
        command = f"dask scheduler --port {port} --protocol tls{command_options(address)}"
        other = f"if it has no certificates, write {address.replace('tls', 'tcp', 1)}"
    return ClusterLost(f"{address}: no scheduler answers{why}; start one on that host: {command}; {other}")


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of tcp://HOST:PORT; an IPv6 address without its brackets."""
    host, _, port = address.partition("://")[2].rpartition(":")
    return host.strip("[]"), int(port)
