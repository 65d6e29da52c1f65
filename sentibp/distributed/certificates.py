"""The certificates of tls://, which the settings of Dask name, and the error if no scheduler answers."""

from __future__ import annotations

from distributed.security import Security

from sentibp.distributed.executor import ClusterLost
from sentibp.errors import ConfigError

_TLS = "DASK_DISTRIBUTED__COMM__TLS__"  # the environment variables of Dask's settings begin so

_CERTIFICATES = f"{_TLS}CA_FILE, {_TLS}CLIENT__CERT and {_TLS}CLIENT__KEY"


def security_of(address: str) -> Security:
    """Return the certificates that the settings of Dask name. ConfigError if tls:// has none, or not these files."""
    try:
        security = Security()
        context = security.get_connection_args("client").get("ssl_context")
    except OSError as error:  # of ssl, too
        what = f"{error.filename or 'a certificate'}: {error.strerror or error}"
        raise ConfigError(f"--cluster {address}: {what}; name files in {_CERTIFICATES}") from None
    if address.startswith("tls:") and context is None:
        raise ConfigError(f"--cluster {address}: needs certificates; set {_CERTIFICATES} to their files")
    return security


def unreachable(address: str, error: Exception) -> ClusterLost:
    """Return the error that no scheduler at this address answers, or none that accepts the certificates."""
    text = " ".join(str(error).split())
    if address.startswith("tls:") and "certificate" in text:
        return ClusterLost(
            f"{address}: does not accept the certificates, or is of another authority; see {_CERTIFICATES}"
        )
    port = address.rpartition(":")[2]
    other = "" if address.startswith("tls:") else f"; if it has certificates, write {address.replace('tcp', 'tls', 1)}"
    return ClusterLost(f"{address}: no scheduler answers; start one on that host: dask scheduler --port {port}{other}")
