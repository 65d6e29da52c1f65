"""Writing configs as YAML, and their digest."""

from __future__ import annotations

import hashlib

from sentibp.config import yaml_file
from sentibp.config.schema import Config


def dump(config: Config) -> str:
    """Return the config as YAML, with every setting that has an effect. Loading it gives the same config."""
    return yaml_file.write(config.model_dump())


def digest(config: Config) -> str:
    """Return the SHA-256 of the config, in hexadecimal. Equal settings have equal digests."""
    return hashlib.sha256(dump(config).encode()).hexdigest()
