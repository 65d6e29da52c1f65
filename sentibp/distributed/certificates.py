"""The certificates of tls://, which the settings of Dask name, and the error if no scheduler answers."""

from __future__ import annotations

import os
import shlex

from dask import config
from distributed.security import Security

from sentibp.errors import ConfigError
from sentibp.utils.executor import ClusterLost

_TLS = "DASK_DISTRIBUTED__COMM__TLS__"  # the environment variables of Dask's settings begin so

_CERTIFICATES = f"{_TLS}CA_FILE, {_TLS}CLIENT__CERT and {_TLS}CLIENT__KEY"


_FILES = {"ca-file": "tls-ca-file", "client.cert": "tls-cert", "client.key": "tls-key"}


def security_of(address: str) -> Security:
    """Return the certificates that the settings of Dask name. ConfigError if tls:// has none, or not these files."""
    try:
        security = Security()
        context = security.get_connection_args("client").get("ssl_context")
    except OSError as error:  # of ssl, too
        ca, certificate, key = _files()
        missing = [file for file in (ca, certificate, key) if file and not os.path.exists(file)]
        if missing:
            what = f"{missing[0]}: no such file"
        elif "KEY_VALUES_MISMATCH" in str(error):
            what = f"{key}: not the key of {certificate}"
        else:
            what = f"{error.filename or 'a certificate'}: {error.strerror or error}"
        raise ConfigError(f"--cluster {address}: {what}; name files in {_CERTIFICATES}") from None
    if address.startswith("tls:") and context is None:
        raise ConfigError(f"--cluster {address}: needs certificates; set {_CERTIFICATES} to their files")
    return security


def _files() -> list[str]:
    """Return the files that the settings of Dask name; "" for one that is not set, or is the certificate itself."""
    values = [str(config.get(f"distributed.comm.tls.{key}", "") or "") for key in _FILES]
    return ["" if "\n" in value else value for value in values]


def start_worker(address: str) -> str:
    """Return the command that starts a worker of the scheduler at this address."""
    return f"dask worker {address} --nthreads 1{_options(address)}"


def _options(address: str) -> str:
    """Return the options of Dask's commands for the certificates of this process; "" without TLS."""
    if not address.startswith("tls:"):
        return ""
    given = zip(_FILES.values(), _files(), strict=True)
    return "".join(f" --{option} {shlex.quote(file)}" for option, file in given if file)


def unreachable(address: str, error: Exception) -> ClusterLost:
    """Return the error that the client of Dask has not reached a scheduler: none answers, or refuses certificates."""
    text = str(error).lower()
    if address.startswith("tls:") and ("certificate" in text or "ssl" in text):  # the second is what it says of ours
        fact = "does not accept the certificates, or is of another authority"
        return ClusterLost(f"{address}: {fact}; give all the same; this command has those in {_CERTIFICATES}")
    return no_scheduler(address)


def no_scheduler(address: str, why: str = "") -> ClusterLost:
    """Return the error that no scheduler answers, and why: such as " (connection refused)"."""
    port = address.rpartition(":")[2]
    command = f"dask scheduler --port {port}"
    other = f"if it has certificates, write {address.replace('tcp', 'tls', 1)}"
    if address.startswith("tls:"):
        command = f"dask scheduler --port {port} --protocol tls{_options(address)}"
        other = f"if it has no certificates, write {address.replace('tls', 'tcp', 1)}"
    return ClusterLost(f"{address}: no scheduler answers{why}; start one on that host: {command}; {other}")
