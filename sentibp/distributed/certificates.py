"""The certificates of tls://, which the settings of Dask name."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

from dask import config
from distributed.security import Security

from sentibp.errors import ConfigError

_TLS = "DASK_DISTRIBUTED__COMM__TLS__"  # the environment variables of Dask's settings begin so

CERTIFICATES = f"{_TLS}CA_FILE, {_TLS}CLIENT__CERT and {_TLS}CLIENT__KEY"
"""The environment variables that name the certificates."""

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
        raise ConfigError(f"--cluster {address}: {what}; name files in {CERTIFICATES}") from None
    if address.startswith("tls:"):
        if context is None:
            raise ConfigError(f"--cluster {address}: needs certificates; set {CERTIFICATES} to their files")
        _require_valid(address)
    return security


def _require_valid(address: str) -> None:
    """Raise ConfigError if a certificate in the files of the settings has expired."""
    from cryptography import x509

    ca, certificate, _ = _files()
    for file in filter(None, (certificate, ca)):
        end = max(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(Path(file).read_bytes()))
        if end < datetime.now(UTC):
            fact = f"{file}: the certificate has expired on {end:%Y-%m-%d}"
            raise ConfigError(f"--cluster {address}: {fact}; make another, and start scheduler and workers with it")


def _files() -> list[str]:
    """Return the files that the settings of Dask name; "" for one that is not set, or is the certificate itself."""
    values = [str(config.get(f"distributed.comm.tls.{key}", "") or "") for key in _FILES]
    return ["" if "\n" in value else value for value in values]


def start_worker(address: str) -> str:
    """Return the command that starts a worker of the scheduler at this address."""
    return f"dask worker {address} --nthreads 1{command_options(address)}"


def command_options(address: str) -> str:
    """Return the options of Dask's commands for the certificates of this process; "" without TLS."""
    if not address.startswith("tls:"):
        return ""
    given = zip(_FILES.values(), _files(), strict=True)
    return "".join(f" --{option} {shlex.quote(file)}" for option, file in given if file)
